"""The ways a listing goes on, and the guards that hold for all of them.

Each kind says how the next request follows from the last answer; `read_listing` is the loop. A page token that
comes twice, a page that comes twice, and one empty page after another with a token each are errors: all three
have made connectors run for ever.

Source: connector rules, point 2 'Loop guards' and the trap list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import urlsplit

from requests.utils import parse_header_links

from connectors.answer import Answer
from connectors.contract import fill, parse_path, value_at
from connectors.errors import CheckpointExpired, NotFound, ProtocolError, RequestRefused
from connectors.http import HttpClient
from connectors.listing import ListingReader, RecordDecoder
from connectors.stream import Checkpoint, Page, Reading, Request

EMPTY_PAGES = 3


class Paging(Protocol):
    """How a listing goes on."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The paths of a page that `checkpoint` looks at; empty ones do not count."""

    def first(self, request: Request) -> Request:
        """The first request, with the page size in it."""

    def following(self, request: Request, checkpoint: Checkpoint) -> Request:
        """The request of the page that a checkpoint leads to."""

    def checkpoint(
        self, answer: Answer, body: object, records: int, previous: Checkpoint | None
    ) -> Checkpoint | None:
        """Where an answer leads to; None: it was the last page."""


@dataclass(frozen=True)
class Single:
    """The listing is one page."""

    @property
    def reads(self) -> tuple[str, ...]:
        return ()

    def first(self, request: Request) -> Request:
        return request

    def following(self, request: Request, checkpoint: Checkpoint) -> Request:
        return request

    def checkpoint(
        self, answer: Answer, body: object, records: int, previous: Checkpoint | None
    ) -> Checkpoint | None:
        return None


@dataclass(frozen=True)
class Token:
    """A token from the body goes into the next request.

    Attributes:
        into: the query parameter, or, with `in_body`, the path in the request's body.
        found_at: the path of the token in the answer's body.
        in_body: put the token into the body of a POST.
        last_at: the path of a flag that is true on the last page (`isLast`, `end_of_stream`), if there is one.
        size: the page size, as (parameter or path in the body, value).
    """

    into: str
    found_at: str
    in_body: bool = False
    last_at: str = ""
    size: tuple[str, int] | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.found_at, self.last_at)

    def first(self, request: Request) -> Request:
        return self._with(request, *self.size) if self.size else request

    def following(self, request: Request, checkpoint: Checkpoint) -> Request:
        return self._with(self.first(request), self.into, checkpoint["token"])

    def checkpoint(
        self, answer: Answer, body: object, records: int, previous: Checkpoint | None
    ) -> Checkpoint | None:
        token = value_at(body, parse_path(self.found_at))
        last = value_at(body, parse_path(self.last_at)) if self.last_at else None
        if last is True or token in (None, ""):
            if last is False:
                raise ProtocolError(
                    "the page says that more follow, and holds no token", place=answer.place, hint="try again"
                )
            return None
        return {"token": token}

    def _with(self, request: Request, name: str, value: object) -> Request:
        if not self.in_body:
            return replace(request, params={**request.params, name: value})
        return replace(request, body=_put(request.body or {}, [str(s) for s in parse_path(name)], value))


@dataclass(frozen=True)
class Offset:
    """A start position that moves by the number of records that came (a vendor may clamp the page size).

    Attributes:
        into: the query parameter of the position.
        size: the page size, as (parameter, value).
        total_at: the path of the total, if there is one; else the listing ends with an empty page.
        last_at: the path of a flag that is true on the last page, if there is one.
        first_position: where the listing begins.
        in_body: put both into the body of a POST.
    """

    into: str
    size: tuple[str, int]
    total_at: str = ""
    last_at: str = ""
    first_position: int = 0
    in_body: bool = False

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.total_at, self.last_at)

    def first(self, request: Request) -> Request:
        return self.following(request, {"offset": self.first_position})

    def following(self, request: Request, checkpoint: Checkpoint) -> Request:
        name, value = self.size
        asked = {name: value, self.into: checkpoint["offset"]}
        if self.in_body:
            return replace(request, body={**(request.body or {}), **asked})
        return replace(request, params={**request.params, **asked})

    def checkpoint(
        self, answer: Answer, body: object, records: int, previous: Checkpoint | None
    ) -> Checkpoint | None:
        if records == 0 or (self.last_at and value_at(body, parse_path(self.last_at)) is True):
            return None
        reached = int(previous["offset"] if previous else self.first_position) + records
        total = value_at(body, parse_path(self.total_at)) if self.total_at else None
        if isinstance(total, int) and reached - self.first_position >= total:
            return None
        return {"offset": reached}


@dataclass(frozen=True)
class PageNumber:
    """A page number that grows by one until a page is empty, or a flag or count says that it was the last.

    Attributes:
        into: the query parameter of the number.
        size: the page size, as (parameter, value).
        first_number: the number of the first page.
        pages_at: the path of the number of pages, if there is one.
    """

    into: str
    size: tuple[str, int]
    first_number: int = 1
    pages_at: str = ""

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.pages_at,)

    def first(self, request: Request) -> Request:
        return self.following(request, {"page": self.first_number})

    def following(self, request: Request, checkpoint: Checkpoint) -> Request:
        name, value = self.size
        return replace(request, params={**request.params, name: value, self.into: checkpoint["page"]})

    def checkpoint(
        self, answer: Answer, body: object, records: int, previous: Checkpoint | None
    ) -> Checkpoint | None:
        number = int(previous["page"] if previous else self.first_number)
        pages = value_at(body, parse_path(self.pages_at)) if self.pages_at else None
        if records == 0 or (isinstance(pages, int) and number - self.first_number + 1 >= pages):
            return None
        return {"page": number + 1}


@dataclass(frozen=True)
class NextLink:
    """A whole link to the next page: in the `Link` header (`rel="next"`), or at a path of the body.

    Attributes:
        found_at: the path of the link in the body; empty: the `Link` header.
        size: the page size of the first request, as (parameter, value).
        last_at: the path of a flag that is true on the last page, although a link may follow.
    """

    found_at: str = ""
    size: tuple[str, int] | None = None
    last_at: str = ""

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.found_at, self.last_at)

    def first(self, request: Request) -> Request:
        return (
            replace(request, params={**request.params, self.size[0]: self.size[1]}) if self.size else request
        )

    def following(self, request: Request, checkpoint: Checkpoint) -> Request:
        return replace(request, path=str(checkpoint["link"]), params={})

    def checkpoint(
        self, answer: Answer, body: object, records: int, previous: Checkpoint | None
    ) -> Checkpoint | None:
        if self.last_at and value_at(body, parse_path(self.last_at)) is True:
            return None
        if self.found_at:
            link = value_at(body, parse_path(self.found_at))
        else:
            link = next_link(answer.headers.get("link", ""))
        return {"link": link} if link else None


class LoopGuard:
    """Notices a listing that does not get on."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._checkpoints: set[str] = set()
        self._last_page = b""
        self._empty = 0

    def check(self, body: bytes, records: int, checkpoint: Checkpoint | None) -> None:
        """Look at a page before it is handed on.

        Raises:
            ProtocolError: its checkpoint was there before, it equals the page before it, or it is one empty
                page too many.
        """
        if records and checkpoint is not None and body == self._last_page:
            self._stop("the same page came twice")
        self._last_page = body
        if checkpoint is None:
            return
        mark = repr(sorted(checkpoint.items()))
        if mark in self._checkpoints:
            self._stop("the same page token came twice")
        self._checkpoints.add(mark)
        self._empty = 0 if records else self._empty + 1
        if self._empty > EMPTY_PAGES:
            self._stop(f"{self._empty} empty pages in a row, each with a token")

    def _stop(self, problem: str) -> None:
        raise ProtocolError(
            problem, place=self._place, hint="the listing does not end; nothing of it was kept"
        )


def read_listing(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The pages of a stream that declares a request, a paging and where the records are."""
    stream = reading.stream
    paging = stream.paging or Single()
    assert stream.request is not None  # noqa: S101  (a stream has a request or a reader)
    request = rendered(stream.request, reading)
    yield from walk(
        client, request, paging, records_at=stream.records, resume=reading.resume, decoder=reading.decoder
    )


def walk(
    client: HttpClient,
    request: Request,
    paging: Paging,
    *,
    records_at: str,
    resume: Checkpoint | None = None,
    total_at: str = "",
    decoder: RecordDecoder | None = None,
) -> Iterator[Page]:
    """Follow a listing from its start or from a checkpoint; with a decoder its records come decoded as well.

    Raises:
        CheckpointExpired: the vendor no longer knows `resume`.
        ProtocolError: the listing does not get on.
        GarbledAnswer: the records are not where they should be.
    """
    guard = LoopGuard(f"{request.method} {urlsplit(request.path).path}")
    reader = ListingReader(records_at, (*paging.reads, total_at), decoder)
    checkpoint = resume
    while True:
        this = paging.following(request, checkpoint) if checkpoint is not None else paging.first(request)
        try:
            answer = client.send(
                this.method,
                this.path,
                params=this.params,
                body=this.body,
                headers=this.headers,
                check=reader.check,
            )
        except (RequestRefused, NotFound) as error:
            if checkpoint is not None and checkpoint is resume:
                raise CheckpointExpired(
                    error.problem, place=error.place, request_id=error.request_id
                ) from None
            raise
        page = reader.listing(answer)
        following = paging.checkpoint(answer, page.body, len(page.records), checkpoint)
        guard.check(answer.body, len(page.records), following)
        total = value_at(page.body, parse_path(total_at)) if total_at else None
        yield Page(
            answer.body,
            page.records,
            following,
            total=total if isinstance(total, int) else None,
            decoded=page.decoded,
        )
        if following is None:
            return
        checkpoint = following
        del answer, page  # before the next page is parsed


def rendered(request: Request, reading: Reading) -> Request:
    """`request` with its holes filled: the window, and the source's options."""
    cursor = reading.stream.cursor
    values: dict[str, Any] = dict(reading.options)
    start = reading.window.start or (cursor.beginning if cursor else None)
    values["from"] = cursor.render(start) if cursor and start else None
    values["until"] = cursor.render(reading.window.end) if cursor else None
    params = {name: _filled(value, values) for name, value in request.params.items()}
    return replace(
        request,
        path=fill(request.path, reading.options),
        params={name: value for name, value in params.items() if value is not None},
        body=None if request.body is None else _filled(request.body, values),
    )


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        if value.startswith("{") and value.endswith("}") and value[1:-1] in values:
            return values[value[1:-1]]
        return fill(value, values)
    if isinstance(value, Mapping):
        return {name: _filled(item, values) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(item, values) for item in value]
    return value


def _put(body: Mapping[str, Any], names: list[str], value: object) -> dict[str, Any]:
    head, rest = names[0], names[1:]
    inner = body.get(head)
    new = value if not rest else _put(inner if isinstance(inner, Mapping) else {}, rest, value)
    return {**body, head: new}


def next_link(header: str) -> str:
    """The target of `rel="next"` in a Link header, or empty. Source: RFC 8288."""
    return next((link["url"] for link in parse_header_links(header) if link.get("rel") == "next"), "")
