"""The fake Jira Data Center over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.sandbox.serve import Sandbox
from connectors.sandbox.traps import Fault, Kind, Told, Traps
from tests.integration.sandbox.conftest import Client

FAKES = ("jira_dc",)
SEARCH = "/rest/api/2/search"


@pytest.fixture
def server(sandbox: Sandbox) -> Client:
    client = Client(sandbox.url("jira_dc"))
    client.session.headers["Authorization"] = f"Bearer {sandbox.jira_dc.token}"
    return client


def walked(client: Client, jql: str, size: int = 100) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        query = {"jql": jql, "startAt": len(found), "maxResults": size, "fields": "*all"}
        page = client.get(SEARCH, params=query).json()
        found += page["issues"]
        if not page["issues"] or len(found) >= page["total"]:
            return found


def test_a_walk_by_position_with_a_total(sandbox: Sandbox, server: Client) -> None:
    found = walked(server, "ORDER BY key")
    assert {issue["id"]: issue for issue in found} == sandbox.jira_dc.snapshot("issue")
    page = server.post(SEARCH, {"jql": "project = CORE", "maxResults": 5000, "expand": ["changelog"]}).json()
    assert page["maxResults"] == 1000
    assert all(i["changelog"]["total"] == len(i["changelog"]["histories"]) for i in page["issues"])


def test_people_have_keys_instead_of_account_ids(server: Client) -> None:
    issues = server.post(SEARCH, {"jql": "assignee is not EMPTY", "expand": ["changelog"]}).json()["issues"]
    assert all("accountId" not in i["fields"]["assignee"] for i in issues)
    assert all(i["fields"]["assignee"]["key"].startswith("JIRAUSER") for i in issues)
    items = [
        c for i in issues for h in i["changelog"]["histories"] for c in h["items"] if c["field"] == "assignee"
    ]
    assert {(c["to"] or "JIRAUSER")[:8] for c in items} == {"JIRAUSER"}
    assert server.get("/rest/api/2/myself").json()["timeZone"] == "America/New_York"


def test_pages_shift_while_issues_change(sandbox: Sandbox, server: Client) -> None:
    before = set(sandbox.jira_dc.snapshot("issue"))
    sandbox.jira_dc.traps = Traps(edits_between_pages=5)
    sandbox.clock.advance(hours=1)
    by_update = {issue["id"] for issue in walked(server, "ORDER BY updated ASC", size=50)}
    by_key = {issue["id"] for issue in walked(server, "ORDER BY key ASC", size=50)}
    assert by_update < before
    assert by_key == before


def test_errors(sandbox: Sandbox, server: Client) -> None:
    assert Client(server.base).get(SEARCH).status_code == 401
    assert server.get(SEARCH, params={"jql": "nope = 1"}).status_code == 400
    sandbox.jira_dc.traps = Traps(faults=(Fault(Kind.THROTTLED, told=Told.NOTHING),))
    limited = server.get(SEARCH)
    assert (limited.status_code, limited.headers["X-RateLimit-Remaining"]) == (429, "0")
    assert "Retry-After" not in limited.headers


def test_the_clouds_habits_are_not_its_own(server: Client) -> None:
    """What only the Cloud has is not there; a worklog's feed ends with a word of its own."""
    page = server.get("/rest/api/2/worklog/updated", params={"since": 0}).json()
    assert "isLastPage" in page
    assert "lastPage" not in page
    assert server.get("/rest/api/2/project/search").status_code == 404
    about = server.get("/rest/api/2/serverInfo").json()
    assert (about["deploymentType"], about["version"]) == ("Server", "10.3.24")
