"""The fake Linear over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.sandbox.serve import Sandbox
from connectors.sandbox.traps import Fault, Kind, Told, Traps
from tests.integration.sandbox.conftest import Client

FAKES = ("linear",)
ISSUES = """
query Issues($after: String, $first: Int, $filter: IssueFilter, $archived: Boolean, $order: PaginationOrderBy) {
  issues(after: $after, first: $first, filter: $filter, includeArchived: $archived, orderBy: $order) {
    nodes {
      id identifier title priority estimate createdAt updatedAt archivedAt trashed completedAt canceledAt
      state { id name type } team { key name } assignee { id } cycle { number startsAt }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""


@pytest.fixture
def linear(sandbox: Sandbox) -> Client:
    client = Client(sandbox.url("linear"))
    client.session.headers["Authorization"] = sandbox.linear.api_key
    return client


def ask(client: Client, query: str, **variables: Any) -> Any:
    answer = client.post("/graphql", {"query": query, "variables": variables})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def issues(client: Client, pages: int = 1_000, **variables: Any) -> list[dict[str, Any]]:
    """All issues of a query, page by page."""
    found: list[dict[str, Any]] = []
    after = None
    for _ in range(pages):
        page = ask(
            client, ISSUES, after=after, **{"first": 70, "archived": True, "order": "updatedAt", **variables}
        )["issues"]
        found += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    return found


def test_without_the_key_nothing_is_shown(sandbox: Sandbox) -> None:
    answer = Client(sandbox.url("linear")).post("/graphql", {"query": "{ viewer { id } }"})
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["extensions"]["code"] == "AUTHENTICATION_ERROR"


@pytest.mark.parametrize("order", ["updatedAt", "createdAt"])
def test_a_walk_finds_every_issue_once_newest_first(sandbox: Sandbox, linear: Client, order: str) -> None:
    found = issues(linear, order=order)
    held = sandbox.linear.snapshot("issue")
    trashed = {issue["id"] for issue in found if issue["trashed"]}
    assert {issue["id"] for issue in found} - trashed == set(held)
    assert len(found) == len({issue["id"] for issue in found})
    stamps = [issue[order] for issue in found]
    assert stamps == sorted(stamps, reverse=True)


def test_archived_issues_are_hidden_by_default(sandbox: Sandbox, linear: Client) -> None:
    shown, everything = issues(linear, archived=False), issues(linear)
    assert {issue["archivedAt"] for issue in shown} == {None}
    archived = [issue for issue in everything if issue["archivedAt"]]
    assert len(shown) + len(archived) == len(everything)
    assert len(archived) > 0.3 * len(everything)


def test_deleted_issues_lie_in_the_trash_for_a_month(sandbox: Sandbox, linear: Client) -> None:
    victim = min(sandbox.linear.snapshot("issue"))
    sandbox.clock.advance(hours=1)
    sandbox.linear.delete("issue", victim)
    assert victim in {issue["id"] for issue in issues(linear)}
    assert victim not in {issue["id"] for issue in issues(linear, archived=False)}
    sandbox.clock.advance(days=31)
    assert victim not in {issue["id"] for issue in issues(linear)}
    answer = linear.post("/graphql", {"query": f'{{ issue(id: "{victim}") {{ id }} }}'})
    assert answer.status_code == 400


def test_filters(sandbox: Sandbox, linear: Client) -> None:
    held = sandbox.linear.snapshot("issue")
    edge = sorted(issue["updatedAt"] for issue in held.values())[-40]
    found = {i["id"] for i in issues(linear, filter={"updatedAt": {"gte": edge}}) if not i["trashed"]}
    assert found == {key for key, issue in held.items() if issue["updatedAt"] >= edge}
    core = {"and": [{"team": {"key": {"eq": "CORE"}}}, {"createdAt": {"lt": "2025-01-01T00:00:00Z"}}]}
    found = {i["id"] for i in issues(linear, filter=core) if not i["trashed"]}
    assert found == {k for k, i in held.items() if i["team"]["key"] == "CORE" and i["createdAt"] < "2025"}
    some = sorted(held)[:3]
    assert {i["id"] for i in issues(linear, filter={"id": {"in": some}})} == set(some)


def test_histories_lead_to_the_present(sandbox: Sandbox, linear: Client) -> None:
    query = """
    { issues(first: 50, includeArchived: true) { nodes { id state { name }
        history(first: 30) { nodes { id createdAt fromState { name } toState { name } toAssigneeId } } } } }
    """
    for issue in ask(linear, query)["issues"]["nodes"]:
        entries = issue["history"]["nodes"]
        assert [e["createdAt"] for e in entries] == sorted((e["createdAt"] for e in entries), reverse=True)
        moves = [e for e in entries if e["toState"]]
        assert (moves[0]["toState"]["name"] if moves else "To Do") == issue["state"]["name"]


def test_a_query_that_costs_too_much_is_refused(linear: Client) -> None:
    query = "{ issues(first: 250) { nodes { id history { nodes { id toState { name } } } } } }"
    answer = linear.post("/graphql", {"query": query})
    assert answer.status_code == 400
    assert "complexity 27775 > 10000" in answer.json()["errors"][0]["message"]
    cheap = linear.post("/graphql", {"query": "{ issues(first: 10) { nodes { id title state { name } } } }"})
    assert float(cheap.headers["X-Complexity"]) == pytest.approx(10 * (1 + 0.1 + 0.1 + 1.1))
    assert float(cheap.headers["X-RateLimit-Complexity-Remaining"]) < 3_000_000


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ issues { nope } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ issues", "GRAPHQL_PARSE_FAILED"),
        ('{ issues(filter: {updatedAt: {gte: "tomorrow"}}) { nodes { id } } }', "INPUT_ERROR"),
        ('{ issues(after: "x") { nodes { id } } }', "INPUT_ERROR"),
    ],
)
def test_bad_queries_are_refused(linear: Client, query: str, code: str) -> None:
    answer = linear.post("/graphql", {"query": query})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == code


def test_a_rate_limit_is_a_400_and_errors_may_come_at_200(sandbox: Sandbox, linear: Client) -> None:
    faults = (Fault(Kind.THROTTLED, told=Told.RESET, wait=60), Fault(Kind.ERROR_AT_200, after=1))
    sandbox.linear.traps = Traps(faults=faults)
    limited = linear.post("/graphql", {"query": "{ viewer { id } }"})
    assert (limited.status_code, limited.json()["errors"][0]["extensions"]["code"]) == (400, "RATELIMITED")
    assert int(limited.headers["X-RateLimit-Requests-Reset"]) == sandbox.linear.now() + 60_000
    broken = linear.post("/graphql", {"query": "{ viewer { id } }"})
    assert broken.status_code == 200
    assert broken.json()["data"] is None
    assert broken.json()["errors"]


def test_lists_beside_the_issues(sandbox: Sandbox, linear: Client) -> None:
    query = """
    { teams { nodes { key name } } workflowStates(first: 100) { nodes { name type team { key } } }
      users { nodes { email } pageInfo { hasNextPage } } cycles(first: 250) { nodes { number team { key } endsAt } }
      viewer { id } organization { urlKey } }
    """
    data = ask(linear, query)
    assert [team["key"] for team in data["teams"]["nodes"]] == ["CORE", "WEB", "DATA", "MOB", "PLAT"]
    assert len(data["workflowStates"]["nodes"]) == 25
    assert len(data["cycles"]["nodes"]) == 250
    assert data["organization"]["urlKey"] == "sandbox"


def test_edits_between_pages_and_tokens(sandbox: Sandbox, linear: Client) -> None:
    before = set(sandbox.linear.snapshot("issue"))
    sandbox.linear.traps = Traps(edits_between_pages=3, tick=timedelta(seconds=1))
    first = {issue["id"] for issue in issues(linear)}
    second = {issue["id"] for issue in issues(linear, pages=1)}
    assert before <= first | second
    sandbox.linear.traps = Traps(repeat_token=True)
    pages = [ask(linear, ISSUES, first=50, archived=True, after=None)["issues"]]
    for _ in range(2):
        pages.append(
            ask(linear, ISSUES, first=50, archived=True, after=pages[-1]["pageInfo"]["endCursor"])["issues"]
        )
    assert pages[1]["pageInfo"]["endCursor"] == pages[2]["pageInfo"]["endCursor"]


def test_issues_by_hand(sandbox: Sandbox, linear: Client) -> None:
    identifier = sandbox.linear.put("issue", {"title": "By hand", "priority": 1.0})
    sandbox.clock.advance(hours=1)
    sandbox.linear.put("issue", {"id": identifier, "state": {"name": "Done"}})
    query = f"""
    {{ issue(id: "{identifier}") {{ title priorityLabel completedAt state {{ type }}
        history {{ nodes {{ fromState {{ name }} toState {{ name }} }} }} }} }}
    """
    issue = ask(linear, query)["issue"]
    assert (issue["title"], issue["priorityLabel"], issue["state"]["type"]) == (
        "By hand",
        "Urgent",
        "completed",
    )
    assert issue["completedAt"] == "2026-06-15T07:00:00.000Z"
    assert issue["history"]["nodes"] == [{"fromState": {"name": "To Do"}, "toState": {"name": "Done"}}]
