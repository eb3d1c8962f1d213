"""The fake GitHub over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.sandbox.serve import Sandbox
from connectors.sandbox.traps import Fault, Kind, Told, Traps
from tests.integration.sandbox.conftest import Client

FAKES = ("github",)
REPOSITORY = "/repos/sandbox/vitals"
EVERYTHING = {"state": "all", "sort": "updated", "direction": "asc", "per_page": 100}


@pytest.fixture
def github(sandbox: Sandbox) -> Client:
    client = Client(sandbox.url("github"))
    sandbox.environment()
    client.session.headers["Authorization"] = f"Bearer {sandbox.github.token}"
    return client


def walked(client: Client, path: str, pages: int = 1_000, **parameters: Any) -> list[dict[str, Any]]:
    """All records of a list, along the Link headers."""
    found: list[dict[str, Any]] = []
    answer = client.get(f"{REPOSITORY}{path}", params=parameters)
    for _ in range(pages):
        assert answer.status_code == 200, answer.text
        found += answer.json()
        if "next" not in answer.links:
            break
        answer = client.session.get(answer.links["next"]["url"], timeout=5)
    return found


def test_credentials(sandbox: Sandbox, github: Client) -> None:
    assert github.get(REPOSITORY).json()["full_name"] == "sandbox/vitals"
    answer = github.get(REPOSITORY, headers={"Authorization": "Bearer no"})
    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")
    assert github.get("/repos/sandbox/other").status_code == 404


def test_a_walk_finds_every_issue_and_pull_request_once(sandbox: Sandbox, github: Client) -> None:
    found = walked(github, "/issues", **EVERYTHING)
    held = sandbox.github.snapshot("issue")
    assert {str(issue["number"]): issue for issue in found} == held
    assert len(found) == len(held)
    pulls = [issue for issue in found if "pull_request" in issue]
    assert len(pulls) == (sandbox.company.reviews.opened <= sandbox.github.now()).sum()
    assert 0 < len(pulls) < len(found)


def test_open_ones_only_and_thirty_a_page_unless_asked_otherwise(github: Client) -> None:
    first = github.get(f"{REPOSITORY}/issues")
    assert len(first.json()) == 30
    assert {issue["state"] for issue in walked(github, "/issues")} == {"open"}
    assert len(github.get(f"{REPOSITORY}/issues", params={**EVERYTHING, "per_page": 500}).json()) == 100
    created = [issue["created_at"] for issue in first.json()]
    assert created == sorted(created, reverse=True)


def test_links_name_next_prev_first_and_last(github: Client) -> None:
    first = github.get(f"{REPOSITORY}/issues", params=EVERYTHING)
    assert set(first.links) == {"next", "last"}
    second = github.session.get(first.links["next"]["url"], timeout=5)
    assert set(second.links) >= {"prev", "first", "next", "last"}
    last = github.session.get(first.links["last"]["url"], timeout=5)
    assert set(last.links) == {"prev", "first"}
    assert github.get(f"{REPOSITORY}/issues", params={**EVERYTHING, "page": 999}).json() == []


def test_since_counts_from_the_instant_on_and_1970_finds_nothing(sandbox: Sandbox, github: Client) -> None:
    held = sandbox.github.snapshot("issue")
    edge = sorted(issue["updated_at"] for issue in held.values())[-25]
    found = {str(issue["number"]) for issue in walked(github, "/issues", **EVERYTHING, since=edge)}
    assert found == {key for key, issue in held.items() if issue["updated_at"] >= edge}
    assert walked(github, "/issues", **EVERYTHING, since="1970-01-01T00:00:00Z") == []
    assert github.get(f"{REPOSITORY}/issues", params={"since": "yesterday"}).status_code == 422


def test_an_unchanged_answer_is_free(sandbox: Sandbox, github: Client) -> None:
    first = github.get(f"{REPOSITORY}/issues", params=EVERYTHING)
    spent = sandbox.github.requests
    again = github.get(
        f"{REPOSITORY}/issues", params=EVERYTHING, headers={"If-None-Match": first.headers["ETag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert sandbox.github.requests == spent
    sandbox.clock.advance(hours=1)
    sandbox.github.touch("issue", str(first.json()[0]["number"]))
    changed = github.get(
        f"{REPOSITORY}/issues", params=EVERYTHING, headers={"If-None-Match": first.headers["ETag"]}
    )
    assert changed.status_code == 200


def test_deleted_issues_are_gone(sandbox: Sandbox, github: Client) -> None:
    victim = min(sandbox.github.snapshot("issue"), key=int)
    assert github.get(f"{REPOSITORY}/issues/{victim}").json()["number"] == int(victim)
    sandbox.github.delete("issue", victim)
    assert github.get(f"{REPOSITORY}/issues/{victim}").status_code == 410
    assert github.get(f"{REPOSITORY}/issues/99999999").status_code == 404
    assert int(victim) not in {issue["number"] for issue in walked(github, "/issues", **EVERYTHING)}


def test_events_lead_to_the_present_state(sandbox: Sandbox, github: Client) -> None:
    events = walked(github, "/issues/events", per_page=100)
    stamps = [event["created_at"] for event in events]
    assert stamps == sorted(stamps, reverse=True)
    states: dict[int, str] = {}
    labels: dict[int, set[str]] = {}
    for event in reversed(events):
        number = event["issue"]["number"]
        if event["event"] in ("closed", "reopened"):
            states[number] = "closed" if event["event"] == "closed" else "open"
        if event["event"] == "labeled":
            labels.setdefault(number, set()).add(event["label"]["name"])
        if event["event"] == "unlabeled":
            labels[number].discard(event["label"]["name"])
    for issue in sandbox.github.snapshot("issue").values():
        if "pull_request" not in issue:
            assert states.get(issue["number"], "open") == issue["state"]
            assert labels.get(issue["number"], set()) == {label["name"] for label in issue["labels"]}
    number = events[0]["issue"]["number"]
    own = github.get(f"{REPOSITORY}/issues/{number}/timeline", params={"per_page": 100}).json()
    assert [e["id"] for e in own] == [e["id"] for e in reversed(events) if e["issue"]["number"] == number]


def test_reviews_of_pull_requests(sandbox: Sandbox, github: Client) -> None:
    pulls = [i for i in sandbox.github.snapshot("issue").values() if "pull_request" in i]
    merged = next(pull for pull in pulls if pull["pull_request"]["merged_at"])
    reviews = github.get(f"{REPOSITORY}/pulls/{merged['number']}/reviews").json()
    assert reviews == [] or reviews[0]["submitted_at"] <= merged["closed_at"]
    issue = next(i for i in sandbox.github.snapshot("issue").values() if "pull_request" not in i)
    assert github.get(f"{REPOSITORY}/pulls/{issue['number']}/reviews").status_code == 404
    assert len(walked(github, "/milestones", per_page=100)) > 200


def test_pages_shift_while_issues_change(sandbox: Sandbox, github: Client) -> None:
    before = set(map(int, sandbox.github.snapshot("issue")))
    sandbox.github.traps = Traps(edits_between_pages=8, tick=timedelta(seconds=1))
    found = {issue["number"] for issue in walked(github, "/issues", pages=10, **EVERYTHING)}
    assert found < before


def test_both_limits_are_a_403(sandbox: Sandbox, github: Client) -> None:
    assert int(github.get("/rate_limit").json()["rate"]["limit"]) == 5_000
    sandbox.github.traps = Traps(
        faults=(Fault(Kind.THROTTLED, wait=60), Fault(Kind.THROTTLED, told=Told.RESET, after=1, wait=60))
    )
    secondary = github.get(f"{REPOSITORY}/issues")
    assert (secondary.status_code, secondary.headers["Retry-After"]) == (403, "60")
    assert "secondary" in secondary.json()["message"]
    primary = github.get(f"{REPOSITORY}/issues")
    assert (primary.status_code, primary.headers["x-ratelimit-remaining"]) == (403, "0")
    assert int(primary.headers["x-ratelimit-reset"]) == sandbox.github.now() // 1000 + 60


def test_issues_by_hand(sandbox: Sandbox, github: Client) -> None:
    number = sandbox.github.put("issue", {"title": "By hand"})
    sandbox.clock.advance(hours=1)
    sandbox.github.put("issue", {"number": number, "state": "closed", "state_reason": "completed"})
    issue = github.get(f"{REPOSITORY}/issues/{number}").json()
    assert (issue["state"], issue["closed_at"], issue["updated_at"]) == (
        "closed",
        *["2026-06-15T07:00:00Z"] * 2,
    )
    events = github.get(f"{REPOSITORY}/issues/{number}/events").json()
    assert [event["event"] for event in events] == ["labeled", "closed"]
    labelled = walked(github, "/issues", state="all", labels="type: bug,priority: critical")
    assert labelled
    assert all({"type: bug", "priority: critical"} <= {la["name"] for la in i["labels"]} for i in labelled)
