"""Reading GitHub: the list of issues by change time, events newest first, reviews per pull request.

Source: connector rules, 'GitHub Issues'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.answer import Answer
from connectors.contract import value_at
from connectors.errors import ConfigurationError, NotFound
from connectors.http import HttpClient
from connectors.listing import records_in
from connectors.paging import LoopGuard, NextLink, next_link, walk
from connectors.parallel import in_order
from connectors.stream import Page, Reading, Record, Request

PER_PAGE = 100
PAGES = NextLink(size=("per_page", PER_PAGE))


def read_issues(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """Issues that changed since the window's start, oldest change first; pull requests left out."""
    yield from _changed(client, reading, lambda record: "pull_request" not in record)


def read_pulls(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """Pull requests that changed since the window's start, oldest change first."""
    yield from _changed(client, reading, lambda record: "pull_request" in record)


def _changed(client: HttpClient, reading: Reading, wanted: Callable[[Record], bool]) -> Iterator[Page]:
    repositories = _repositories(reading)
    cursor = reading.stream.cursor
    start = cursor.render(reading.window.start) if cursor and reading.window.start else ""
    resume: Mapping[str, Any] = reading.resume or {"repository": 0, "since": start}
    tags: dict[str, Any] = dict(reading.carry or {})
    for index in range(int(resume["repository"]), len(repositories)):
        repository = repositories[index]
        since, number = str(start), 1
        if index == resume["repository"]:
            since = str(resume["since"])
        guard = LoopGuard(f"issues of {repository}")
        first = True
        handed_on: set[tuple[object, object]] = set()
        while True:
            known = tags.get(repository, {})
            tag = known.get("etag", "") if first and known.get("since") == since and number == 1 else ""
            answer = _list(client, repository, since, number, tag)
            if answer.status == 304:
                checkpoint, records = None, []
            else:
                records = records_in(answer.json(), "", answer)
                checkpoint = _next(answer, records, since, number)
                if first and checkpoint is None:
                    tags[repository] = {"since": since, "etag": answer.headers.get("etag", "")}
            first = False
            # A page of one second looks the same when it is asked for by that second.
            guard.check(answer.body + since.encode(), len(records), checkpoint)
            fresh = [record for record in records if _version(record) not in handed_on]
            versions = {_version(record) for record in records}
            handed_on = versions if number == 1 else handed_on | versions
            kept = [_shown(record, repository) for record in fresh if wanted(record)]
            if checkpoint is None or checkpoint["page"] == 1:
                for page, missed in _backwards(client, repository, since, number - 1, handed_on):
                    found = [_shown(record, repository) for record in missed if wanted(record)]
                    yield Page(page.body, found, {"repository": index, "since": since})
            if checkpoint is None:
                last = index == len(repositories) - 1
                following = None if last else {"repository": index + 1, "since": start}
                yield Page(answer.body, kept, following, carry=tags)
                break
            since, number = checkpoint["since"], checkpoint["page"]
            # Page numbers mean nothing by the time a load goes on: the second is read from its first page again.
            yield Page(answer.body, kept, {"repository": index, "since": since})


def _backwards(
    client: HttpClient, repository: str, since: str, last: int, handed_on: set[tuple[object, object]]
) -> Iterator[tuple[Answer, list[Record]]]:
    """The pages of one second from the last to the first, with what was missed on the way forward.

    An issue that is edited leaves its second, and all after it move up, past what is read forward. They cannot get
    past what is read backward.
    """
    for number in range(last, 0, -1):
        answer = _list(client, repository, since, number, "")
        missed = [r for r in records_in(answer.json(), "", answer) if _version(r) not in handed_on]
        handed_on |= {_version(record) for record in missed}
        yield answer, missed


def _list(client: HttpClient, repository: str, since: str, number: int, tag: str) -> Answer:
    params = {
        "state": "all",
        "sort": "updated",
        "direction": "asc",
        "per_page": PER_PAGE,
        # Without a start the parameter is left out: 1970 finds nothing.
        "since": since or None,
        "page": number if number > 1 else None,
    }
    headers = {"If-None-Match": tag} if tag else None
    return client.get(f"/repos/{repository}/issues", params, headers=headers)


def _next(answer: Answer, records: Sequence[Record], since: str, number: int) -> dict[str, Any] | None:
    """Where to read on: from the last change on this page, so that nothing depends on positions.

    Only a whole page of one and the same second goes on by page number.
    """
    if not records or not next_link(answer.headers.get("link", "")):
        return None
    last = str(records[-1].get("updated_at"))
    if last == since:
        return {"since": since, "page": number + 1}
    return {"since": last, "page": 1}


def _version(record: Record) -> tuple[object, object]:
    return record.get("number"), record.get("updated_at")


def _shown(record: Record, repository: str) -> Record:
    names = [label.get("name") if isinstance(label, dict) else label for label in record.get("labels") or ()]
    return {**record, "repository": repository, "label_names": names}


def list_issue_keys(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The numbers of all issues there are."""
    yield from _keys(client, reading, lambda record: "pull_request" not in record)


def list_pull_keys(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The numbers of all pull requests there are."""
    yield from _keys(client, reading, lambda record: "pull_request" in record)


def _keys(client: HttpClient, reading: Reading, wanted: Callable[[Record], bool]) -> Iterator[Page]:
    for repository in _repositories(reading):
        params = {"state": "all", "sort": "created", "direction": "asc"}
        for page in walk(client, Request("GET", f"/repos/{repository}/issues", params), PAGES, records_at=""):
            records = [{**record, "repository": repository} for record in page.records if wanted(record)]
            yield Page(page.body, records)


def read_events(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """Events, newest first, back to the window's start. New ones only push the older ones further back."""
    cursor, start = reading.stream.cursor, reading.window.start
    repositories = _repositories(reading)
    begin = int(reading.resume["repository"]) if reading.resume else 0
    link = reading.resume["link"] if reading.resume else None
    for index in range(begin, len(repositories)):
        repository = repositories[index]
        last_repository = index == len(repositories) - 1
        request = Request("GET", f"/repos/{repository}/issues/events")
        resume = {"link": link} if link else None
        for page in walk(client, request, PAGES, records_at="", resume=resume):
            records = [{**record, "repository": repository} for record in page.records]
            oldest = cursor.parse(records[-1].get("created_at")) if cursor and records else None
            done = page.checkpoint is None or (start is not None and oldest is not None and oldest < start)
            following: dict[str, Any] | None = {"repository": index + 1, "link": None}
            if not done and page.checkpoint is not None:
                following = {"repository": index, "link": page.checkpoint["link"]}
            elif last_repository:
                following = None
            yield Page(page.body, records, following)
            if done:
                break
        link = None


def read_reviews(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The reviews of each changed pull request; several are under way at once."""
    begin = int(reading.resume["pull"]) if reading.resume else 0
    wanted = reading.parents[begin:]
    for position, page in enumerate(in_order(client, wanted, _reviews), begin + 1):
        yield replace(page, checkpoint={"pull": position} if position < len(reading.parents) else None)


def _reviews(client: HttpClient, pull: str) -> Page:
    repository, _, number = pull.rpartition("|")
    records: list[Record] = []
    body = b""
    request = Request("GET", f"/repos/{repository}/pulls/{number}/reviews")
    try:
        for page in walk(client, request, PAGES, records_at=""):
            records += [{**record, "pull_request": pull} for record in page.records]
            body += page.body
    except NotFound:
        return Page(b"", ())
    return Page(body, records, children={pull: None})


def read_milestones(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """All milestones, open and closed."""
    repositories = _repositories(reading)
    for index, repository in enumerate(repositories):
        request = Request("GET", f"/repos/{repository}/milestones", {"state": "all"})
        for page in walk(client, request, PAGES, records_at=""):
            more = page.checkpoint is not None or index < len(repositories) - 1
            records = [{**record, "repository": repository} for record in page.records]
            yield Page(page.body, records, {"repository": repository} if more else None)


def check_access(client: HttpClient) -> str:
    """Prove the credentials: what is left of the hour."""
    core = value_at(client.get("/rate_limit").json(), ("resources", "core")) or {}
    return f"{core.get('remaining', '?')} of {core.get('limit', '?')} requests left this hour"  # type: ignore[attr-defined]


def _repositories(reading: Reading) -> list[str]:
    names = [name.strip() for name in reading.options["repositories"].split(",") if name.strip()]
    if not names or any(name.count("/") != 1 for name in names):
        raise ConfigurationError(
            "no repositories are named", hint="give options: {repositories: owner/name, owner/other}"
        )
    return names
