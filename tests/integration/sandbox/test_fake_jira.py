"""The fake Jira Cloud over HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.sandbox.serve import Sandbox
from connectors.sandbox.traps import Edit, SchemaEdit, Traps
from tests.integration.sandbox.conftest import Client

FAKES = ("jira",)
API = "/rest/api/3"
EVERYTHING = "updated >= 0 ORDER BY updated ASC"


def search(client: Client, jql: str, pages: int = 10_000, **options: Any) -> list[dict[str, Any]]:
    """All issues of a query, page by page."""
    found: list[dict[str, Any]] = []
    token = None
    for _ in range(pages):
        body = {"jql": jql, "fields": ["*all"], "maxResults": 50, **options}
        answer = client.post(f"{API}/search/jql", {**body, **({"nextPageToken": token} if token else {})})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["issues"]
        token = page.get("nextPageToken")
        assert page["isLast"] == (token is None)
        assert "total" not in page
        if token is None:
            break
    return found


def test_a_wrong_token_is_refused(sandbox: Sandbox) -> None:
    client = Client(sandbox.url("jira"))
    client.session.auth = (sandbox.jira.email, "wrong")
    answer = client.get(f"{API}/myself")
    assert answer.status_code == 401
    assert answer.json()["errorMessages"]


def test_a_walk_finds_every_issue_once(sandbox: Sandbox, jira: Client) -> None:
    found = search(jira, EVERYTHING)
    held = sandbox.jira.snapshot("issue")
    assert {issue["id"]: issue for issue in found} == held
    assert len(found) == len(held)
    stamps = [issue["fields"]["updated"] for issue in found]
    assert stamps == sorted(stamps)
    assert jira.post(f"{API}/search/approximate-count", {"jql": EVERYTHING}).json()["count"] == len(held)


def test_only_ids_come_unless_fields_are_asked_for(jira: Client) -> None:
    body = {"jql": "updated >= 0", "maxResults": 5000}
    page = jira.post(f"{API}/search/jql", body).json()
    assert all("fields" not in issue for issue in page["issues"])
    assert len(page["issues"]) > 100
    few = jira.post(f"{API}/search/jql", {**body, "fields": ["status"]}).json()
    assert len(few["issues"]) == 100
    assert set(few["issues"][0]["fields"]) == {"status"}
    assert "nextPageToken" in few


def test_get_and_post_search_alike(jira: Client) -> None:
    jql = "updated >= -14d ORDER BY updated ASC"
    by_get = jira.get(
        f"{API}/search/jql", params={"jql": jql, "fields": "status,updated", "maxResults": 100}
    ).json()
    by_post = jira.post(
        f"{API}/search/jql", {"jql": jql, "fields": ["status", "updated"], "maxResults": 100}
    ).json()
    assert by_get == by_post


def test_date_literals_are_read_in_the_users_zone_and_numbers_are_instants(
    sandbox: Sandbox, jira: Client
) -> None:
    assert jira.get(f"{API}/myself").json()["timeZone"] == "America/New_York"
    held = sandbox.jira.snapshot("issue")

    def since(text: str) -> set[str]:
        return {key for key, issue in held.items() if issue["fields"]["updated"] >= text}

    noons = [i["fields"]["updated"] for i in held.values() if i["fields"]["updated"][11:13] == "12"]
    day = max(noon[:10] for noon in noons if noon[5:7] in ("05", "06"))
    found = {issue["id"] for issue in search(jira, f'updated >= "{day} 11:00"')}
    assert found == since(f"{day}T15:00:00.000+0000")
    assert found < since(f"{day}T11:00:00.000+0000")
    at = int(datetime.fromisoformat(f"{day}T11:00:00+00:00").timestamp() * 1000)
    assert {issue["id"] for issue in search(jira, f"updated >= {at}")} == since(f"{day}T11:00:00.000+0000")


@pytest.mark.parametrize(
    ("jql", "keep"),
    [
        (
            "project = CORE AND type = Bug",
            lambda f: f["project"]["key"] == "CORE" and f["issuetype"]["name"] == "Bug",
        ),
        ("priority in (Critical, P0)", lambda f: (f["priority"] or {}).get("name") in ("Critical", "P0")),
        ("priority is EMPTY", lambda f: f["priority"] is None),
        (
            'statusCategory != Done AND (type = Story OR status = "In Review")',
            lambda f: (
                f["status"]["statusCategory"]["name"] != "Done"
                and (f["issuetype"]["name"] == "Story" or f["status"]["name"] == "In Review")
            ),
        ),
        (
            "resolution is not EMPTY AND NOT project = WEB",
            lambda f: bool(f["resolution"]) and f["project"]["key"] != "WEB",
        ),
    ],
)
def test_conditions(sandbox: Sandbox, jira: Client, jql: str, keep: Any) -> None:
    expected = {key for key, issue in sandbox.jira.snapshot("issue").items() if keep(issue["fields"])}
    assert {issue["id"] for issue in search(jira, jql)} == expected
    assert expected


@pytest.mark.parametrize(
    "jql", ["", "ORDER BY updated", "updated >=", "nonsense = 1", "updated >= 'tomorrow'", "a b c"]
)
def test_bad_or_unbounded_queries_are_refused(jira: Client, jql: str) -> None:
    answer = jira.post(f"{API}/search/jql", {"jql": jql})
    assert answer.status_code == 400
    assert answer.json()["errorMessages"]


def test_the_old_search_is_gone(jira: Client) -> None:
    assert jira.get(f"{API}/search", params={"jql": EVERYTHING}).status_code == 410


def test_changelogs_agree_in_all_three_ways(sandbox: Sandbox, jira: Client) -> None:
    sandbox.jira.traps = Traps(parts_cap=1_000)
    issues = search(jira, "project = CORE", expand="changelog")
    ids = [issue["id"] for issue in issues]
    bulk: dict[str, list[str]] = {}
    token = None
    while True:
        body = {"issueIdsOrKeys": ids, "maxResults": 77, **({"nextPageToken": token} if token else {})}
        page = jira.post(f"{API}/changelog/bulkfetch", body).json()
        for log in page["issueChangeLogs"]:
            bulk.setdefault(log["issueId"], []).extend(entry["id"] for entry in log["changeHistories"])
            assert all(isinstance(entry["created"], int) for entry in log["changeHistories"])
        token = page.get("nextPageToken")
        if token is None:
            break
    for issue in issues[:30]:
        histories = issue["changelog"]["histories"]
        assert issue["changelog"]["total"] == len(histories)
        newest_first = [entry["id"] for entry in histories]
        assert newest_first[::-1] == bulk.get(issue["id"], [])
        single, start = [], 0
        while True:
            page = jira.get(
                f"{API}/issue/{issue['key']}/changelog", params={"startAt": start, "maxResults": 2}
            ).json()
            single += [entry["id"] for entry in page["values"]]
            start += 2
            if page["isLast"]:
                break
        assert single == bulk.get(issue["id"], [])


def test_the_changelog_leads_to_the_present_status(sandbox: Sandbox, jira: Client) -> None:
    for issue in search(jira, "project = DATA", expand="changelog"):
        moves = [i for h in issue["changelog"]["histories"] for i in h["items"] if i["field"] == "status"]
        status = issue["fields"]["status"]["name"]
        assert (moves[0]["toString"] if moves else "To Do") == status
        assert (moves[-1]["fromString"] if moves else "To Do") == "To Do"


def test_a_changelog_in_a_search_is_cut_to_the_newest(sandbox: Sandbox, jira: Client) -> None:
    sandbox.jira.traps = Traps(parts_cap=2)
    cut = [i["changelog"] for i in search(jira, "project = CORE", expand="changelog")]
    long = [log for log in cut if log["total"] > 2]
    assert long
    assert all(len(log["histories"]) == 2 for log in long)
    assert all(log["histories"][0]["created"] >= log["histories"][1]["created"] for log in long)


def test_worklogs_by_instants_and_ids(sandbox: Sandbox, jira: Client) -> None:
    sandbox.jira.traps = Traps(page_cap=40)
    url, ids = f"{API}/worklog/updated?since=0", []
    while url:
        page = jira.get(url).json()
        ids += [value["worklogId"] for value in page["values"]]
        url = page.get("nextPage", "").removeprefix(jira.base)
        assert page["lastPage"] == (not url)
    assert sorted(map(str, ids)) == sorted(sandbox.jira.snapshot("worklog"))
    logs = jira.post(f"{API}/worklog/list", {"ids": [*ids[:30], 99_999_999]}).json()
    assert [int(log["id"]) for log in logs] == sorted(ids[:30], key=ids.index)
    assert all(log["timeSpentSeconds"] >= 900 for log in logs)


def test_deleted_worklogs_are_named_and_the_last_minute_is_held_back(sandbox: Sandbox, jira: Client) -> None:
    victim = min(sandbox.jira.snapshot("worklog"), key=int)
    since = sandbox.jira.now()
    sandbox.clock.advance(seconds=30)
    sandbox.jira.delete("worklog", victim)
    assert jira.get(f"{API}/worklog/deleted", params={"since": since}).json()["values"] == []
    sandbox.clock.advance(seconds=90)
    gone = jira.get(f"{API}/worklog/deleted", params={"since": since}).json()
    assert [value["worklogId"] for value in gone["values"]] == [int(victim)]
    assert jira.post(f"{API}/worklog/list", {"ids": [int(victim)]}).json() == []


def test_boards_and_sprints(sandbox: Sandbox, jira: Client) -> None:
    boards = jira.get("/rest/agile/1.0/board", params={"type": "scrum"}).json()["values"]
    assert [board["name"] for board in boards] == ["Core", "Web", "Data", "Mobile", "Platform"]
    sandbox.clock.advance(hours=5)
    sprints, start = [], 0
    while True:
        page = jira.get("/rest/agile/1.0/board/1/sprint", params={"startAt": start}).json()
        sprints += page["values"]
        start += page["maxResults"]
        if page["isLast"]:
            break
    assert [s["state"] for s in sprints if s["state"] != "closed"] == ["active", "future", "future"]
    assert all(("completeDate" in s) == (s["state"] == "closed") for s in sprints)
    assert jira.get("/rest/agile/1.0/board/6/sprint").status_code == 400


def test_changes_by_hand_write_history(sandbox: Sandbox, jira: Client) -> None:
    fake = sandbox.jira
    identifier = fake.put("issue", {"fields": {"summary": "By hand", "priority": {"name": "High"}}})
    sandbox.clock.advance(hours=1)
    fake.put("issue", {"id": identifier, "fields": {"status": {"name": "Done"}}})
    issue = jira.get(f"{API}/issue/{identifier}", params={"expand": "changelog"}).json()
    assert issue["fields"]["resolution"]["name"] == "Done"
    assert issue["fields"]["resolutiondate"] == issue["fields"]["updated"] == "2026-06-15T07:00:00.000+0000"
    assert {i["field"]: i["toString"] for i in issue["changelog"]["histories"][0]["items"]} == {
        "status": "Done",
        "resolution": "Done",
    }
    assert [i["id"] for i in search(jira, f"key = {issue['key']}")] == [identifier]
    fake.delete("issue", identifier)
    assert jira.get(f"{API}/issue/{identifier}").status_code == 404
    assert identifier not in {i["id"] for i in search(jira, EVERYTHING)}


def test_a_late_index_and_reconciled_issues(sandbox: Sandbox, jira: Client) -> None:
    sandbox.clock.advance(hours=1)
    identifier = min(sandbox.jira.snapshot("issue"), key=int)
    sandbox.jira.put("issue", {"id": identifier, "fields": {"summary": "Changed"}})
    sandbox.jira.traps = Traps(late_index=timedelta(minutes=5))
    recent = "updated >= -10m"
    assert identifier not in {i["id"] for i in search(jira, recent)}
    assert identifier in {i["id"] for i in search(jira, recent, reconcileIssues=[int(identifier)])}
    assert jira.get(f"{API}/issue/{identifier}").json()["fields"]["summary"] == "Changed"
    sandbox.clock.advance(seconds=301)
    assert identifier in {i["id"] for i in search(jira, recent)}


def test_edits_between_pages_shift_pages_only_with_positions(sandbox: Sandbox, jira: Client) -> None:
    before = set(sandbox.jira.snapshot("issue"))
    sandbox.jira.traps = Traps(edits_between_pages=4)
    sandbox.clock.advance(hours=1)
    assert {i["id"] for i in search(jira, EVERYTHING, pages=30)} == before
    sandbox.jira.traps = Traps(edits_between_pages=4, offset_tokens=True)
    sandbox.clock.advance(hours=1)
    assert {i["id"] for i in search(jira, EVERYTHING, pages=30)} < before


def test_token_traps(sandbox: Sandbox, jira: Client) -> None:
    def tokens(traps: Traps, count: int) -> list[str | None]:
        sandbox.jira.traps = traps
        found: list[str | None] = []
        for _ in range(count):
            body = {"jql": EVERYTHING, "maxResults": 100, "fields": ["status"]}
            answer = jira.post(
                f"{API}/search/jql", {**body, **({"nextPageToken": found[-1]} if found else {})}
            )
            found.append(answer.json().get("nextPageToken") if answer.ok else f"error {answer.status_code}")
        return found

    first, *rest = tokens(Traps(repeat_token=True), 4)
    assert set(rest) == {first}
    assert tokens(Traps(endless_token=True), 7)[-1] is not None
    assert tokens(Traps(page_token_lifetime=1), 3)[-1] == "error 400"
    assert len(tokens(Traps(), 3)) == len(set(tokens(Traps(), 3)))


def test_equal_timestamps(sandbox: Sandbox, jira: Client) -> None:
    sandbox.jira.traps = Traps(tie=timedelta(days=1))
    found = search(jira, EVERYTHING)
    assert {issue["fields"]["updated"][10:] for issue in found} == {"T00:00:00.000+0000"}
    assert {issue["id"] for issue in found} == set(sandbox.jira.snapshot("issue"))


def test_schema_changes(sandbox: Sandbox, jira: Client) -> None:
    sandbox.jira.traps = Traps(
        schema=(
            SchemaEdit("issue", "resolutiondate", Edit.GONE),
            SchemaEdit("issue", "customfield_10016", Edit.RETYPED),
            SchemaEdit("issue", "priority", Edit.RENAMED, "urgency"),
            SchemaEdit("issue", "customfield_20000", Edit.NEW, "x"),
        )
    )
    fields = search(jira, "project = CORE", pages=1)[0]["fields"]
    assert {"urgency", "customfield_20000"} <= set(fields)
    assert not {"priority", "resolutiondate"} & set(fields)
