"""Reading Intercom: searches by change time, and the parts of one conversation after the other.

Source: connector rules, 'Intercom'.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace

from connectors.contract import value_at
from connectors.errors import GarbledAnswer, NotFound
from connectors.http import HttpClient
from connectors.paging import Token, walk
from connectors.parallel import in_order
from connectors.stream import Cursor, Page, Reading, Record, Request

PER_PAGE = 150
NEWEST_PARTS = 500
LISTS = {"conversations": "conversations", "contacts": "data", "tickets": "tickets"}


def search(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """Everything that changed since the window's start, oldest change first."""
    cursor = reading.stream.cursor
    assert cursor is not None  # noqa: S101  (declared on every stream that is searched)
    yield from _search(client, reading, cursor)


def list_ids(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """Everything there is; the search has no shorter form, so whole records come and only their ids count."""
    yield from _search(client, reading, None)


def _search(client: HttpClient, reading: Reading, cursor: Cursor | None) -> Iterator[Page]:
    resource = reading.options["resource"]
    start = reading.window.start if cursor is not None else None
    since = int(cursor.render(start)) if cursor is not None and start is not None else 0
    body = {
        # Written strictly greater by the vendor, and greater-or-equal in places: one second less suits both.
        "query": {"field": "updated_at", "operator": ">", "value": max(0, since - 1)},
        "sort": {"field": "updated_at", "order": "ascending"},
    }
    yield from walk(
        client,
        Request("POST", f"/{resource}/search", body=body),
        Token(
            into="pagination.starting_after",
            found_at="pages.next.starting_after",
            in_body=True,
            size=("pagination.per_page", PER_PAGE),
        ),
        records_at=LISTS[resource],
        resume=reading.resume,
        total_at="total_count",
    )


def read_parts(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The parts of each changed conversation, with the vendor's own count of them; several are under way at once."""
    parents = reading.parents
    begin = bisect_right(parents, str(reading.resume["after"])) if reading.resume else 0
    wanted = parents[begin:]
    for parent, page in zip(wanted, in_order(client, wanted, _parts), strict=True):
        yield page if parent == wanted[-1] else replace(page, checkpoint={"after": parent})


def _parts(client: HttpClient, conversation: str) -> Page:
    try:
        answer = client.get(f"/conversations/{conversation}")
    except NotFound:
        # Deleted since it was listed: its parts stay as they were known.
        return Page(b"", ())
    body = answer.json()
    parts = value_at(body, ("conversation_parts", "conversation_parts"))
    total = value_at(body, ("conversation_parts", "total_count"))
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise GarbledAnswer(
            f"conversation {conversation} came without its list of parts",
            place=answer.place,
            request_id=answer.request_id,
        )
    records: list[Record] = [{**part, "conversation_id": conversation} for part in parts]
    count = total if isinstance(total, int) else None
    return Page(
        answer.body,
        records,
        children={conversation: count},
        capped=[conversation] if count is not None and count > NEWEST_PARTS else [],
    )


def check_access(client: HttpClient) -> str:
    """Prove the credentials: who the token belongs to."""
    me = client.get("/me").json()
    app = value_at(me, ("app", "name")) or value_at(me, ("app", "id_code")) or "?"
    return f"workspace {app}"
