"""Reading Jira Cloud: issues, changelogs in bulk, sprints of all boards, worklogs and their deletions.

Source: connector rules, 'Jira Cloud'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from connectors.answer import Answer
from connectors.errors import CheckpointExpired, GarbledAnswer, NotFound, RequestRefused
from connectors.http import HttpClient
from connectors.listing import records_in
from connectors.paging import LoopGuard, Offset, Token, walk
from connectors.stream import EPOCH, Gone, Page, Reading, Record, Request

PER_PAGE = 100
IDS_PER_PAGE = 5_000
CHANGELOG_ISSUES = 1_000
CHANGELOG_PER_PAGE = 1_000
WORKLOGS_PER_PAGE = 1_000
BOARDS_PER_PAGE = 50
FIELDS_WITH_TEXTS = frozenset(
    {
        "issuetype",
        "labels",
        "priority",
        "project",
        "rank",
        "resolution",
        "sprint",
        "status",
        "story points",
        "story point estimate",
        "team",
    }
)
"""Changed fields whose values are shown; those of all others may name people or quote what they wrote."""

SEARCH = Token(
    into="nextPageToken",
    found_at="nextPageToken",
    last_at="isLast",
    in_body=True,
    size=("maxResults", PER_PAGE),
)
LIST_IDS = Token(
    into="nextPageToken",
    found_at="nextPageToken",
    last_at="isLast",
    in_body=True,
    size=("maxResults", IDS_PER_PAGE),
)


def search_issues(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """Issues that changed since the window's start, by key, so that edits while reading move nothing."""
    fields = {
        path[1] for column in reading.stream.contract.columns if (path := column.segments)[0] == "fields"
    }
    start = reading.window.start or EPOCH
    millis = int(start.timestamp() * 1000)
    body = {"jql": jql(reading, f"updated >= {millis}"), "fields": sorted(map(str, fields))}
    yield from _search(client, body, SEARCH, reading)


def list_issue_ids(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The ids of all issues there are."""
    body = {"jql": jql(reading, "updated >= 0"), "fields": ["id"]}
    yield from _search(client, body, LIST_IDS, reading)


def _search(client: HttpClient, body: Mapping[str, Any], paging: Token, reading: Reading) -> Iterator[Page]:
    request = Request("POST", f"/rest/api/{client.api_version}/search/jql", body=body)
    yield from walk(
        client, request, paging, records_at="issues", resume=reading.resume, decoder=reading.decoder
    )


def jql(reading: Reading, since: str) -> str:
    """Issues within the source's projects, in an order that does not move."""
    projects = [key.strip() for key in reading.options["projects"].split(",") if key.strip()]
    for key in projects:
        if not key.replace("_", "").isalnum():
            raise RequestRefused(
                f"project key {key!r} is none", hint="list keys such as CORE, WEB under options"
            )
    # Quoted, since FILE, SET or USER may be a project's key and are words of the language.
    quoted = ", ".join(f'"{key}"' for key in projects)
    scope = f"project IN ({quoted}) AND " if projects else ""
    return f"{scope}{since} ORDER BY key ASC"


def read_changelog(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The whole changelog of each changed issue, a thousand issues at a time, one record per changed field."""
    parents, resume = reading.parents, reading.resume
    begin = int(resume["chunk"]) if resume else 0
    token = resume["token"] if resume else None
    chunks = [parents[at : at + CHANGELOG_ISSUES] for at in range(0, len(parents), CHANGELOG_ISSUES)]
    guard = LoopGuard("changelog/bulkfetch")
    for number in range(begin, len(chunks)):
        while True:
            body: dict[str, Any] = {"issueIdsOrKeys": list(chunks[number]), "maxResults": CHANGELOG_PER_PAGE}
            if token:
                body["nextPageToken"] = token
            try:
                answer = client.post(f"/rest/api/{client.api_version}/changelog/bulkfetch", body)
            except (RequestRefused, NotFound) as error:
                if resume is not None and token and token == resume["token"]:
                    raise CheckpointExpired(error.problem, place=error.place) from None
                raise
            content = answer.json()
            records = _changes(records_in(content, "issueChangeLogs", answer), answer)
            token = content.get("nextPageToken")
            last_of_chunk = not token
            checkpoint = {"chunk": number, "token": token} if token else {"chunk": number + 1, "token": None}
            guard.check(answer.body, len(records), checkpoint if token else None)
            done = last_of_chunk and number == len(chunks) - 1
            yield Page(
                answer.body,
                records,
                None if done else checkpoint,
                children=dict.fromkeys(chunks[number]) if last_of_chunk else {},
            )
            if last_of_chunk:
                break


def _changes(logs: Sequence[Record], answer: Answer) -> list[Record]:
    records: list[Record] = []
    for log in logs:
        histories = log.get("changeHistories")
        if not isinstance(histories, list):
            raise GarbledAnswer(
                "a changelog without its histories", place=answer.place, request_id=answer.request_id
            )
        records += changes_of(log.get("issueId"), histories)
    return records


def changes_of(issue_id: object, histories: Sequence[Record]) -> list[Record]:
    """One record per changed field; texts only of fields that name no people and quote nobody."""
    records: list[Record] = []
    for history in histories:
        created = _instant(history.get("created"))
        for position, item in enumerate(history.get("items") or ()):
            shown = str(item.get("field", "")).lower() in FIELDS_WITH_TEXTS
            records.append(
                {
                    "issueId": issue_id,
                    "id": history.get("id"),
                    "item": position,
                    "created": created,
                    "field": item.get("field"),
                    "fieldId": item.get("fieldId"),
                    "from": item.get("from"),
                    "fromString": item.get("fromString") if shown else None,
                    "to": item.get("to"),
                    "toString": item.get("toString") if shown else None,
                }
            )
    return records


def _instant(value: object) -> object:
    """The bulk answer writes instants as numbers, milliseconds or seconds; everything else writes ISO 8601."""
    if isinstance(value, int) and not isinstance(value, bool):
        seconds = value / 1000 if value > 100_000_000_000 else value
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return value


def read_sprints(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The sprints of every board, each with the board that it was made on."""
    boards: dict[int, Record] = {}
    listing = Offset("startAt", ("maxResults", BOARDS_PER_PAGE), last_at="isLast")
    for page in walk(client, Request("GET", "/rest/agile/1.0/board"), listing, records_at="values"):
        boards.update({board["id"]: {"id": board["id"], "name": board.get("name")} for board in page.records})
    for number, (board_id, board) in enumerate(sorted(boards.items())):
        request = Request("GET", f"/rest/agile/1.0/board/{board_id}/sprint")
        more = number < len(boards) - 1
        try:
            for page in walk(client, request, listing, records_at="values"):
                records = [
                    {**sprint, "board": board}
                    for sprint in page.records
                    # A sprint shows on every board whose filter matches it; the one it was made on counts.
                    if sprint.get("originBoardId", board_id) == board_id
                    or sprint["originBoardId"] not in boards
                ]
                yield Page(page.body, records, {"board": board_id} if more or page.checkpoint else None)
        except RequestRefused:
            continue  # a board without sprints


def read_worklogs(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """Worklogs that changed: first their ids, then the worklogs, a thousand at a time."""
    for answer, values, checkpoint in _changed(client, reading, "updated"):
        ids = [value["worklogId"] for value in values]
        if not ids:
            yield Page(answer.body, (), checkpoint)
            continue
        for at in range(0, len(ids), WORKLOGS_PER_PAGE):
            wanted = ids[at : at + WORKLOGS_PER_PAGE]
            found = client.post(f"/rest/api/{client.api_version}/worklog/list", {"ids": wanted})
            yield Page(found.body, records_in(found.json(), "", found), checkpoint)


def list_deleted_worklogs(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The worklogs that were deleted since the window's start."""
    for answer, values, checkpoint in _changed(client, reading, "deleted"):
        gone = [Gone(str(value["worklogId"])) for value in values]
        yield Page(answer.body, (), checkpoint, gone=gone)


def _changed(
    client: HttpClient, reading: Reading, kind: str
) -> Iterator[tuple[Answer, list[Record], dict[str, Any] | None]]:
    start = reading.window.start or EPOCH
    since = int(reading.resume["since"]) if reading.resume else int(start.timestamp() * 1000)
    guard = LoopGuard(f"worklog/{kind}")
    while True:
        answer = client.get(f"/rest/api/{client.api_version}/worklog/{kind}", {"since": since})
        body = answer.json()
        values = records_in(body, "values", answer)
        checkpoint = None
        # The Cloud says `lastPage`, a Data Center `isLastPage`; where neither is said, the link tells.
        if not body.get("lastPage", body.get("isLastPage", "nextPage" not in body)):
            # Only the query of the link is taken: behind a proxy its host is another one.
            query = parse_qs(urlsplit(str(body.get("nextPage", ""))).query)
            since = int(query["since"][0]) if "since" in query else int(body["until"])
            checkpoint = {"since": since}
        guard.check(answer.body, len(values), checkpoint)
        yield answer, values, checkpoint
        if checkpoint is None:
            return


def check_access(client: HttpClient) -> str:
    """Prove the credentials: whose they are, and in which zone that account lives."""
    me = client.get(f"/rest/api/{client.api_version}/myself").json()
    return f"account {me.get('accountId', '?')}, time zone {me.get('timeZone', '?')}"
