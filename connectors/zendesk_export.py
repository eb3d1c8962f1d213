"""Reading Zendesk: the cursor export, the timed export of metric events, lists by cursor.

Source: connector rules, 'Zendesk'.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from connectors.contract import value_at
from connectors.errors import CheckpointExpired, NotFound, RequestRefused
from connectors.http import HttpClient
from connectors.listing import ListingReader
from connectors.paging import LoopGuard, Token, walk
from connectors.parallel import in_order
from connectors.stream import Page, Reading, Record, Request

BEGINNING = 1
HELD_BACK = timedelta(minutes=2)
PER_PAGE = 100
LISTING = Token("page[after]", "meta.after_cursor", size=("page[size]", PER_PAGE))
METRIC_EVENTS = "/api/v2/incremental/ticket_metric_events.json"
AUDITED = frozenset({"status", "priority", "group_id", "assignee_id", "custom_status_id", "type"})


def read_tickets(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """Tickets from where the last export ended, with their metric sets."""
    held = reading.resume or reading.carry
    cursor = held["cursor"] if held else None
    guard = LoopGuard("incremental/tickets/cursor")
    reader = ListingReader("tickets", ("after_cursor", "end_of_stream"), reading.decoder)
    while True:
        params: dict[str, Any] = {"include": "metric_sets"}
        params |= {"cursor": cursor} if cursor else {"start_time": BEGINNING}
        try:
            answer = client.get("/api/v2/incremental/tickets/cursor.json", params, check=reader.check)
        except (RequestRefused, NotFound) as error:
            if reading.resume is not None and cursor == reading.resume["cursor"]:
                raise CheckpointExpired(
                    error.problem, place=error.place, request_id=error.request_id
                ) from None
            if reading.carry and cursor == reading.carry["cursor"]:
                error.hint = "the vendor no longer knows where the last export ended: reset the stream"
            raise
        page = reader.listing(answer)
        cursor = page.body.get("after_cursor") or cursor
        checkpoint = None if page.body.get("end_of_stream", True) else {"cursor": cursor}
        guard.check(answer.body, len(page.records), checkpoint)
        carry = {"cursor": cursor} if cursor else None
        yield Page(answer.body, page.records, checkpoint, carry=carry, decoded=page.decoded)
        if checkpoint is None:
            return


def read_metric_events(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """Metric events from the window's start on, that second included: many events share one."""
    latest = int((reading.now - HELD_BACK).timestamp())
    start = int(reading.window.start.timestamp()) if reading.window.start else BEGINNING
    since = int(reading.resume["since"]) if reading.resume else min(start, latest)
    reader = ListingReader("ticket_metric_events", ("end_time", "end_of_stream"), reading.decoder)
    while True:
        answer = client.get(METRIC_EVENTS, {"start_time": since}, check=reader.check)
        page = reader.listing(answer)
        end = int(page.body.get("end_time") or since)
        may_be_full = len(page.records) >= PER_PAGE and page.body.get("end_of_stream") is not True
        if end <= since and may_be_full:
            yield Page(answer.body, page.records, {"since": since}, decoded=page.decoded)
            end = yield from _events_by_cursor(client, since)
            if not since < end <= latest:
                yield Page(b"", (), None)
                return
        else:
            more = bool(page.records) and since < end <= latest
            yield Page(answer.body, page.records, {"since": end} if more else None, decoded=page.decoded)
            if not more:
                return
        since = end


def _events_by_cursor(client: HttpClient, since: int) -> Generator[Page, None, int]:
    """A second of more events than a page by time holds, by cursor; returns the second that follows in the list.

    By time the same page would come again and again, and nothing behind it ever.
    """
    request = Request("GET", METRIC_EVENTS, {"start_time": since})
    reached = since
    for page in walk(client, request, LISTING, records_at="ticket_metric_events"):
        yield replace(page, checkpoint={"since": since})
        times = [datetime.fromisoformat(event["time"]).timestamp() for event in page.records]
        reached = int(max(times, default=since))
        if reached > since:
            break
    return reached


def read_ratings(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """Ratings since the window's start."""
    params: dict[str, Any] = {}
    if reading.window.start is not None:
        params["start_time"] = int(reading.window.start.timestamp())
    request = Request("GET", "/api/v2/satisfaction_ratings.json", params)
    yield from walk(client, request, LISTING, records_at="satisfaction_ratings", resume=reading.resume)


def list_rating_ids(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """All ratings there are."""
    request = Request("GET", "/api/v2/satisfaction_ratings.json")
    yield from walk(client, request, LISTING, records_at="satisfaction_ratings")


def read_audits(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """What changed in each changed ticket: status, priority, group, assignee, replies; no texts."""
    begin = int(reading.resume["ticket"]) if reading.resume else 0
    wanted = reading.parents[begin:]
    for position, page in enumerate(in_order(client, wanted, _audits), begin + 1):
        yield replace(page, checkpoint={"ticket": position} if position < len(reading.parents) else None)


def _audits(client: HttpClient, ticket: str) -> Page:
    records: list[Record] = []
    body = b""
    request = Request("GET", f"/api/v2/tickets/{ticket}/audits.json")
    try:
        for page in walk(client, request, LISTING, records_at="audits"):
            records += [event for audit in page.records for event in _events(ticket, audit)]
            body += page.body
    except NotFound:
        return Page(b"", ())
    return Page(body, records, children={ticket: None})


def _events(ticket: str, audit: Record) -> list[Record]:
    common = {"ticket_id": ticket, "audit_id": audit.get("id"), "created_at": audit.get("created_at")}
    kept = []
    for event in audit.get("events") or ():
        field = event.get("field_name")
        if event.get("type") == "Comment":
            kept.append({**common, "id": event.get("id"), "type": "Comment", "public": event.get("public")})
        elif field in AUDITED:
            names = ("id", "type", "field_name", "previous_value", "value")
            kept.append({**common, **{name: event.get(name) for name in names}})
    return kept


def check_access(client: HttpClient) -> str:
    """Prove the credentials: whose they are, and the role."""
    me = value_at(client.get("/api/v2/users/me.json").json(), ("user",)) or {}
    return f"role {me.get('role', '?')}, time zone {me.get('time_zone', '?')}"  # type: ignore[attr-defined]
