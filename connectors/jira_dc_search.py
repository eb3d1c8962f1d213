"""Reading Jira Data Center: issues by position, changelogs with the search.

Source: connector rules, 'Jira Data Center'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.anchored import walk_anchored
from connectors.errors import GarbledAnswer
from connectors.http import HttpClient
from connectors.jira_search import changes_of, jql
from connectors.listing import records_in
from connectors.paging import Offset
from connectors.stream import EPOCH, Page, Reading, Request

PER_PAGE = 100
IDS_PER_PAGE = 1_000
CHANGELOG_ISSUES = 50


def search_issues(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """Issues that changed since the window's start, by key."""
    fields = {
        path[1] for column in reading.stream.contract.columns if (path := column.segments)[0] == "fields"
    }
    start = reading.window.start or EPOCH
    body = {
        "jql": jql(reading, f"updated >= {int(start.timestamp() * 1000)}"),
        "fields": sorted(map(str, fields)),
    }
    yield from _walk(client, body, PER_PAGE, reading)


def list_issue_ids(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The ids of all issues there are."""
    yield from _walk(client, {"jql": jql(reading, "updated >= 0"), "fields": ["id"]}, IDS_PER_PAGE, reading)


def _walk(client: HttpClient, body: Mapping[str, Any], size: int, reading: Reading) -> Iterator[Page]:
    request = Request("POST", f"/rest/api/{client.api_version}/search", body=body)
    paging = Offset("startAt", ("maxResults", size), total_at="total", in_body=True)
    yield from walk_anchored(client, request, paging, records_at="issues", key="id", resume=reading.resume)


def read_changelog(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The whole changelog of each changed issue, fifty issues at a time, one record per changed field."""
    parents = reading.parents
    begin = int(reading.resume["issue"]) if reading.resume else 0
    for at in range(begin, len(parents), CHANGELOG_ISSUES):
        chunk = parents[at : at + CHANGELOG_ISSUES]
        body = {
            "jql": f"id in ({', '.join(chunk)})",
            "fields": ["id"],
            "expand": ["changelog"],
            "maxResults": CHANGELOG_ISSUES,
            # An issue that was deleted since it was listed is left out, and is no error.
            "validateQuery": False,
        }
        answer = client.post(f"/rest/api/{client.api_version}/search", body)
        records = []
        capped = []
        found: set[str] = set()
        for issue in records_in(answer.json(), "issues", answer):
            log = issue.get("changelog")
            if not isinstance(log, dict) or not isinstance(log.get("histories"), list):
                raise GarbledAnswer("an issue came without its changelog", place=answer.place)
            issue_id = str(issue.get("id"))
            found.add(issue_id)
            if len(log["histories"]) < int(log.get("total") or 0):
                capped.append(issue_id)
            records += changes_of(issue_id, log["histories"])
        reached = at + len(chunk)
        yield Page(
            answer.body,
            records,
            {"issue": reached} if reached < len(parents) else None,
            children=dict.fromkeys(parent for parent in chunk if parent in found),
            capped=capped,
        )


def check_access(client: HttpClient) -> str:
    """Prove the credentials: whose they are, and in which zone that account lives."""
    me = client.get(f"/rest/api/{client.api_version}/myself").json()
    return f"user {me.get('key', '?')}, time zone {me.get('timeZone', '?')}"
