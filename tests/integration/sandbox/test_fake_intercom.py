"""The fake Intercom over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.sandbox.serve import Sandbox
from connectors.sandbox.traps import Traps
from tests.integration.sandbox.conftest import Client

FAKES = ("intercom",)
LISTS = {"conversations": "conversations", "contacts": "data", "tickets": "tickets"}
SHELVES = {"conversations": "conversation", "contacts": "contact", "tickets": "ticket"}


def search(
    client: Client, what: str, query: dict[str, Any], *, size: int = 150, order: str = "ascending"
) -> list[Any]:
    """All records of a search, page by page."""
    found: list[Any] = []
    token = None
    while True:
        pagination = {"per_page": size, **({"starting_after": token} if token else {})}
        body = {"query": query, "sort": {"field": "updated_at", "order": order}, "pagination": pagination}
        answer = client.post(f"/{what}/search", body)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page[LISTS[what]]
        token = page["pages"].get("next", {}).get("starting_after")
        if token is None:
            assert page["total_count"] == len(found) or found == []
            return found


def since(value: int, operator: str = ">", field: str = "updated_at") -> dict[str, Any]:
    return {"operator": "AND", "value": [{"field": field, "operator": operator, "value": value}]}


def test_credentials_and_versions(sandbox: Sandbox, intercom: Client) -> None:
    assert intercom.get("/me").json()["app"]["timezone"] == "America/New_York"
    assert intercom.get("/me", headers={"Intercom-Version": "9.9"}).status_code == 400
    assert (
        intercom.get("/me", headers={"Authorization": "Bearer no"}).json()["errors"][0]["code"]
        == "unauthorized"
    )


@pytest.mark.parametrize("what", LISTS)
def test_a_search_finds_everything_once(sandbox: Sandbox, intercom: Client, what: str) -> None:
    found = search(intercom, what, since(0), size=40)
    held = sandbox.intercom.snapshot(SHELVES[what])
    assert sorted(record["id"] for record in found) == sorted(held)
    stamps = [record["updated_at"] for record in found]
    assert stamps == sorted(stamps)
    assert search(intercom, what, since(0), size=40, order="descending")[0]["updated_at"] == max(stamps)


def test_instants_are_seconds_and_bounds_count(sandbox: Sandbox, intercom: Client) -> None:
    held = sandbox.intercom.snapshot("conversation")
    edge = sorted(record["updated_at"] for record in held.values())[-20]
    later = {key for key, record in held.items() if record["updated_at"] > edge}
    equal = {key for key, record in held.items() if record["updated_at"] == edge}
    assert {r["id"] for r in search(intercom, "conversations", since(edge))} == later
    assert {r["id"] for r in search(intercom, "conversations", since(edge, ">="))} == later | equal
    assert {r["id"] for r in search(intercom, "conversations", since(edge, "="))} == equal


def test_contacts_are_filtered_by_whole_days(sandbox: Sandbox, intercom: Client) -> None:
    held = sandbox.intercom.snapshot("contact")
    edge = sorted(record["updated_at"] for record in held.values())[-30]
    found = {r["id"] for r in search(intercom, "contacts", since(edge))}
    assert found == {key for key, record in held.items() if record["updated_at"] // 86_400 >= edge // 86_400}


def test_nested_filters(sandbox: Sandbox, intercom: Client) -> None:
    query = {
        "operator": "AND",
        "value": [
            {"field": "state", "operator": "=", "value": "closed"},
            {
                "operator": "OR",
                "value": [
                    {"field": "statistics.count_reopens", "operator": ">", "value": 0},
                    {"field": "priority", "operator": "=", "value": "priority"},
                ],
            },
        ],
    }
    held = sandbox.intercom.snapshot("conversation")
    expected = {
        key
        for key, r in held.items()
        if r["state"] == "closed" and (r["statistics"]["count_reopens"] > 0 or r["priority"] == "priority")
    }
    assert {r["id"] for r in search(intercom, "conversations", query)} == expected
    assert expected


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": {"field": "updated_at", "operator": "?", "value": 1}},
        {"query": {"field": "updated_at", "operator": ">", "value": "today"}},
        {
            "query": {
                "operator": "AND",
                "value": [{"operator": "OR", "value": [{"operator": "OR", "value": []}]}],
            }
        },
        {"query": {"operator": "AND", "value": [{"field": "id", "operator": "=", "value": 1}] * 16}},
        {"query": {"field": "updated_at", "operator": ">", "value": 1}, "pagination": {"per_page": 151}},
        {
            "query": {"field": "updated_at", "operator": ">", "value": 1},
            "pagination": {"starting_after": "x"},
        },
    ],
)
def test_bad_searches_are_refused(intercom: Client, body: dict[str, Any]) -> None:
    answer = intercom.post("/conversations/search", body)
    assert answer.status_code == 400
    assert answer.json()["type"] == "error.list"


def test_parts_come_with_their_true_count(sandbox: Sandbox, intercom: Client) -> None:
    held = sandbox.intercom.snapshot("conversation")
    longest = max(held, key=lambda key: held[key]["statistics"]["count_conversation_parts"])
    for identifier in [*sorted(held)[:40], longest]:
        record = intercom.get(f"/conversations/{identifier}").json()
        parts = record["conversation_parts"]
        assert parts["total_count"] == record["statistics"]["count_conversation_parts"]
        assert len(parts["conversation_parts"]) == min(500, parts["total_count"])
        stamps = [part["created_at"] for part in parts["conversation_parts"]]
        assert stamps == sorted(stamps)
    assert held[longest]["statistics"]["count_conversation_parts"] > 500
    sandbox.intercom.traps = Traps(parts_cap=1)
    cut = intercom.get(f"/conversations/{longest}").json()["conversation_parts"]
    assert (len(cut["conversation_parts"]), cut["total_count"]) == (1, parts["total_count"])


def test_statistics_follow_from_the_parts(sandbox: Sandbox, intercom: Client) -> None:
    for identifier in sorted(sandbox.intercom.snapshot("conversation"))[:80]:
        record = intercom.get(f"/conversations/{identifier}").json()
        parts = record["conversation_parts"]["conversation_parts"]
        replies = [p for p in parts if p["part_type"] == "comment" and p["author"]["type"] == "admin"]
        closes = [p for p in parts if p["part_type"] == "close"]
        statistics = record["statistics"]
        assert statistics["first_admin_reply_at"] == (replies[0]["created_at"] if replies else None)
        assert statistics["last_close_at"] == (closes[-1]["created_at"] if closes else None)
        assert statistics["count_reopens"] == sum(p["part_type"] == "open" for p in parts)
        if replies:
            assert statistics["time_to_admin_reply"] == replies[0]["created_at"] - record["created_at"]


def test_conversations_by_hand(sandbox: Sandbox, intercom: Client) -> None:
    fake = sandbox.intercom
    identifier = fake.put("conversation", {"custom_attributes": {"account_id": "001"}})
    sandbox.clock.advance(hours=1)
    fake.reply(identifier)
    sandbox.clock.advance(hours=1)
    fake.put(
        "conversation",
        {"id": identifier, "state": "closed", "conversation_rating": {"rating": 5, "created_at": 1}},
    )
    record = intercom.get(f"/conversations/{identifier}").json()
    assert (record["state"], record["open"], record["custom_attributes"]) == (
        "closed",
        False,
        {"account_id": "001"},
    )
    assert [p["part_type"] for p in record["conversation_parts"]["conversation_parts"]] == [
        "comment",
        "close",
    ]
    assert record["statistics"]["time_to_admin_reply"] == 3600
    assert record["statistics"]["time_to_last_close"] == 7200
    assert record["statistics"]["count_conversation_parts"] == 2
    assert record["updated_at"] == record["created_at"] + 7200
    fake.delete("conversation", identifier)
    assert intercom.get(f"/conversations/{identifier}").status_code == 404
    assert identifier not in {r["id"] for r in search(intercom, "conversations", since(0))}


def test_time_brings_changes(sandbox: Sandbox, intercom: Client) -> None:
    sandbox.clock.set(datetime(2026, 6, 9, 14, tzinfo=UTC))
    edge = sandbox.intercom.now() // 1000
    assert search(intercom, "conversations", since(edge)) == []
    sandbox.clock.advance(days=14)
    moved = search(intercom, "conversations", since(edge))
    created = [r for r in moved if r["created_at"] > edge]
    assert 0 < len(created) < len(moved)


def test_edits_between_pages_lose_nothing(sandbox: Sandbox, intercom: Client) -> None:
    before = set(sandbox.intercom.snapshot("conversation"))
    sandbox.intercom.traps = Traps(edits_between_pages=2, tick=timedelta(seconds=1))
    found = []
    token = None
    for _ in range(12):
        pagination = {"per_page": 50, **({"starting_after": token} if token else {})}
        body = {
            "query": since(0),
            "sort": {"field": "updated_at", "order": "ascending"},
            "pagination": pagination,
        }
        page = intercom.post("/conversations/search", body).json()
        found += [r["id"] for r in page["conversations"]]
        token = page["pages"].get("next", {}).get("starting_after")
        if token is None:
            break
    assert before <= set(found)
    assert len(found) > len(set(found))


def test_limits_and_permissions(sandbox: Sandbox, intercom: Client) -> None:
    headers = intercom.get("/teams").headers
    assert int(headers["X-RateLimit-Reset"]) % 10 == 0
    sandbox.intercom.traps = Traps(forbidden=frozenset({"contact"}))
    assert intercom.post("/contacts/search", {"query": since(0)}).status_code == 403
    assert intercom.post("/conversations/search", {"query": since(0)}).status_code == 200
