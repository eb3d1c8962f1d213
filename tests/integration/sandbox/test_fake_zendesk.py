"""The fake Zendesk over HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.sandbox.company.truth import truth
from connectors.sandbox.serve import Sandbox
from connectors.sandbox.traps import Budget, Fault, Kind, Traps
from tests.integration.sandbox.conftest import Client

FAKES = ("zendesk",)
EXPORT = "/api/v2/incremental/tickets/cursor.json"


@pytest.fixture
def zendesk(sandbox: Sandbox) -> Client:
    client = Client(sandbox.url("zendesk"))
    sandbox.environment()
    client.session.auth = (f"{sandbox.zendesk.email}/token", sandbox.zendesk.api_token)
    return client


def exported(
    client: Client, cursor: str | None = None, size: int = 60, **more: Any
) -> tuple[list[dict[str, Any]], str]:
    """All tickets of an export from a cursor (or from the beginning), and the cursor to go on with."""
    found: list[dict[str, Any]] = []
    while True:
        query = {"per_page": size, **more, **({"cursor": cursor} if cursor else {"start_time": 0})}
        answer = client.get(EXPORT, params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["tickets"]
        cursor = page["after_cursor"]
        assert cursor is not None
        if page["end_of_stream"]:
            return found, cursor


def test_credentials(sandbox: Sandbox, zendesk: Client) -> None:
    assert zendesk.get("/api/v2/users/me.json").json()["user"]["email"] == sandbox.zendesk.email
    zendesk.session.auth = ("x", "y")
    assert zendesk.get("/api/v2/users/me.json").status_code == 401


def test_the_export_holds_every_ticket_once_deleted_ones_too(sandbox: Sandbox, zendesk: Client) -> None:
    found, cursor = exported(zendesk)
    held = sandbox.zendesk.snapshot("ticket", gone=True)
    assert {str(ticket["id"]): ticket for ticket in found} == held
    assert len(found) == len(held)
    assert [t["generated_timestamp"] for t in found] == sorted(t["generated_timestamp"] for t in found)
    assert {t["status"] for t in found} >= {"closed", "deleted"}
    assert exported(zendesk, cursor)[0] == []


def test_the_cursor_goes_on_where_it_was(sandbox: Sandbox, zendesk: Client) -> None:
    _, cursor = exported(zendesk)
    edge = sandbox.zendesk.now() // 1000 - 60
    sandbox.clock.advance(days=20)
    more, _ = exported(zendesk, cursor)
    held = sandbox.zendesk.snapshot("ticket", gone=True)
    assert {str(t["id"]) for t in more} == {k for k, t in held.items() if t["generated_timestamp"] > edge}
    assert more


def test_the_last_minute_is_held_back_and_start_times_must_be_old(sandbox: Sandbox, zendesk: Client) -> None:
    _, cursor = exported(zendesk)
    identifier = sandbox.zendesk.put("ticket", {"subject": "New"})
    assert exported(zendesk, cursor)[0] == []
    sandbox.clock.advance(seconds=61)
    assert [str(t["id"]) for t in exported(zendesk, cursor)[0]] == [identifier]
    recent = zendesk.get(EXPORT, params={"start_time": sandbox.zendesk.now() // 1000 - 10})
    assert (recent.status_code, recent.json()["error"]) == (422, "InvalidValue")
    assert zendesk.get(EXPORT).status_code == 422
    assert zendesk.get(EXPORT, params={"cursor": "xyz"}).status_code == 400


def test_generated_and_updated_are_not_the_same(zendesk: Client) -> None:
    tickets, _ = exported(zendesk)
    updated = [
        int(datetime.fromisoformat(t["updated_at"]).timestamp()) for t in tickets if t["status"] != "deleted"
    ]
    generated = [t["generated_timestamp"] for t in tickets if t["status"] != "deleted"]
    assert all(u <= g for u, g in zip(updated, generated, strict=True))
    assert updated != generated
    assert updated != sorted(updated)


def test_metric_sets_come_along_and_are_null_until_both_events(sandbox: Sandbox, zendesk: Client) -> None:
    tickets, _ = exported(zendesk, include="metric_sets")
    metrics = truth(sandbox.company, "support.ticket_metrics", sandbox.now).agent_replies.tolist()
    alive = [t for t in tickets if t["status"] != "deleted"]
    assert sorted(t["metric_set"]["replies"] for t in alive) == sorted(metrics)
    for ticket in alive:
        reply = ticket["metric_set"]["reply_time_in_seconds"]["calendar"]
        assert (reply is None) == (ticket["metric_set"]["replies"] == 0)
        solved = ticket["metric_set"]["full_resolution_time_in_minutes"]["calendar"]
        assert (solved is None) == (ticket["status"] not in ("solved", "closed"))
    assert all("metric_set" not in t for t in tickets if t["status"] == "deleted")


def test_metrics_of_deleted_tickets_are_not_found(sandbox: Sandbox, zendesk: Client) -> None:
    tickets, _ = exported(zendesk)
    dead = next(t["id"] for t in tickets if t["status"] == "deleted")
    alive = next(t["id"] for t in tickets if t["status"] != "deleted")
    assert zendesk.get(f"/api/v2/tickets/{alive}/metrics.json").json()["ticket_metric"]["ticket_id"] == alive
    assert zendesk.get(f"/api/v2/tickets/{dead}/metrics.json").status_code == 404
    assert zendesk.get(f"/api/v2/tickets/{dead}.json").status_code == 404


def test_metric_events_in_both_ways_and_never_split_inside_a_second(
    sandbox: Sandbox, zendesk: Client
) -> None:
    sandbox.zendesk.traps = Traps(page_cap=100)
    timed: dict[int, dict[str, Any]] = {}
    start = 0
    while True:
        page = zendesk.get(
            "/api/v2/incremental/ticket_metric_events.json", params={"start_time": start}
        ).json()
        timed |= {event["id"]: event for event in page["ticket_metric_events"]}
        if page["end_time"] == start:
            break
        start = page["end_time"]
    by_cursor: list[int] = []
    query: dict[str, Any] = {"start_time": 0}
    while True:
        page = zendesk.get("/api/v2/incremental/ticket_metric_events/cursor.json", params=query).json()
        by_cursor += [event["id"] for event in page["ticket_metric_events"]]
        query = {"cursor": page["after_cursor"]}
        if page["end_of_stream"]:
            break
    assert sorted(timed) == sorted(by_cursor)
    replies = [e for e in timed.values() if e["metric"] == "reply_time" and e["type"] == "fulfill"]
    answered = truth(sandbox.company, "support.tickets", sandbox.now).first_reply_at.notna().sum()
    assert len(replies) >= answered > 0


def test_ratings_are_listed_by_time(sandbox: Sandbox, zendesk: Client) -> None:
    expected = truth(sandbox.company, "support.satisfaction_ratings", sandbox.now)
    found: list[dict[str, Any]] = []
    after = None
    while True:
        query = {"page[size]": 40, **({"page[after]": after} if after else {})}
        page = zendesk.get("/api/v2/satisfaction_ratings.json", params=query).json()
        found += page["satisfaction_ratings"]
        after = page["meta"]["after_cursor"]
        if not page["meta"]["has_more"]:
            break
    assert [r["score"] for r in found].count("good") == (expected.score == "good").sum()
    assert len(found) == len(expected)
    edge = 1_780_000_000
    later = zendesk.get(
        "/api/v2/satisfaction_ratings.json", params={"start_time": edge, "page[size]": 100}
    ).json()
    assert (
        len(later["satisfaction_ratings"]) == (expected.rated_at.map(lambda at: at.timestamp()) >= edge).sum()
    )
    numbered = zendesk.get("/api/v2/satisfaction_ratings.json", params={"per_page": 30, "page": 2}).json()
    assert [r["id"] for r in numbered["satisfaction_ratings"]] == [r["id"] for r in found[30:60]]


def test_organisations_lead_to_the_crm(sandbox: Sandbox, zendesk: Client) -> None:
    first = zendesk.get("/api/v2/organizations.json", params={"per_page": 100}).json()["organizations"]
    known = set(truth(sandbox.company, "crm.accounts", sandbox.now).account_id)
    assert {o["external_id"] for o in first} <= known
    assert [g["name"] for g in zendesk.get("/api/v2/groups").json()["groups"]] == [
        "Tier 1",
        "Tier 2",
        "Billing",
    ]
    changed = zendesk.get("/api/v2/incremental/organizations.json", params={"start_time": 0}).json()
    assert (
        changed["count"] == len(known) - truth(sandbox.company, "crm.accounts", sandbox.now).is_deleted.sum()
    )


def test_audits_tell_the_status(zendesk: Client) -> None:
    tickets, _ = exported(zendesk)
    solved = next(t["id"] for t in tickets if t["status"] == "closed")
    audits = zendesk.get(f"/api/v2/tickets/{solved}/audits.json").json()["audits"]
    changes = [
        e for a in audits for e in a["events"] if e["type"] == "Change" and e["field_name"] == "status"
    ]
    assert changes[-1]["value"] == "solved"
    assert audits[0]["events"][0]["type"] == "Create"


def test_ten_exports_a_minute(sandbox: Sandbox, zendesk: Client) -> None:
    ticks = [0.0]
    sandbox.zendesk.stop_watch = lambda: ticks[0]
    sandbox.zendesk.traps = Traps(budget=Budget(10, 60))
    codes = [zendesk.get(EXPORT, params={"start_time": 0}).status_code for _ in range(11)]
    assert codes == [200] * 10 + [429]
    refused = zendesk.get(EXPORT, params={"start_time": 0})
    assert refused.headers["Retry-After"] == "60"
    assert refused.json()["error"] == "APIRateLimitExceeded"


def test_token_traps_and_edits(sandbox: Sandbox, zendesk: Client) -> None:
    sandbox.zendesk.traps = Traps(edits_between_pages=3, tick=timedelta(seconds=30))
    before = set(sandbox.zendesk.snapshot("ticket"))
    page = zendesk.get(EXPORT, params={"start_time": 0, "per_page": 50}).json()
    seen = {str(t["id"]) for t in page["tickets"]}
    for _ in range(14):
        page = zendesk.get(EXPORT, params={"cursor": page["after_cursor"], "per_page": 50}).json()
        seen |= {str(t["id"]) for t in page["tickets"]}
    assert before <= seen
    sandbox.zendesk.traps = Traps(repeat_token=True)
    second = zendesk.get(EXPORT, params={"cursor": page["after_cursor"]}).json()
    assert (second["after_cursor"], second["end_of_stream"]) == (page["after_cursor"], False)
    sandbox.zendesk.traps = Traps(faults=(Fault(Kind.FORBIDDEN),))
    assert zendesk.get(EXPORT, params={"start_time": 0}).status_code == 403


def test_tickets_by_hand(sandbox: Sandbox, zendesk: Client) -> None:
    identifier = sandbox.zendesk.put("ticket", {"subject": "By hand", "priority": "urgent"})
    sandbox.clock.advance(hours=1)
    sandbox.zendesk.put("ticket", {"id": identifier, "status": "solved"})
    ticket = zendesk.get(f"/api/v2/tickets/{identifier}.json").json()["ticket"]
    assert (ticket["status"], ticket["priority"]) == ("solved", "urgent")
    assert ticket["updated_at"] == "2026-06-15T07:00:00Z"
    sandbox.zendesk.delete("ticket", identifier)
    sandbox.clock.advance(seconds=61)
    found = {str(t["id"]): t for t in exported(zendesk)[0]}
    assert found[identifier]["status"] == "deleted"
