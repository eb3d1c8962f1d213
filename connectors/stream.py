"""What a stream declares: where its pages come from, how it moves in time, how rows vanish, what a row is.

A stream is data; the code that pages, retries, lands and remembers is written once, elsewhere. A vendor whose
paging fits none of the kinds in `paging.py` gives a `reader` instead, a function that yields pages.

    Stream(
        name="conversations",
        request=Request("POST", "/conversations/search", body={...}),
        paging=BodyToken(into="pagination.starting_after", found_at="pages.next.starting_after"),
        records="conversations",
        cursor=Cursor("updated_at", CursorKind.EPOCH_SECONDS),
        overlap=timedelta(hours=1),
        deletes=Deletes(DeleteKind.RECONCILE, read=list_ids),
        contract=CONVERSATIONS,
    )

Source: connector rules, 'Shape' and points 2 to 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from connectors.contract import Column, Contract, PathSegments, parse_path
from connectors.errors import ContractError

if TYPE_CHECKING:
    from connectors.answer import Answer
    from connectors.errors import ConnectorError
    from connectors.listing import RecordDecoder
    from connectors.paging import Paging
    from connectors.runtime import Runtime

Record: TypeAlias = dict[str, Any]
"""One object as the vendor sent it, parsed."""

Checkpoint: TypeAlias = Mapping[str, Any]
"""Where to read on after a page, as JSON: a token, an offset, a job's locator."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Window:
    """The span of cursor values that one load reads: from `start` (None: from the beginning) up to `end`.

    A cursor that only orders (an id) has no `start`; `after` is the greatest value seen, as it is written.
    """

    start: datetime | None
    end: datetime
    after: str = ""


@dataclass(frozen=True)
class Gone:
    """A key that the vendor says is deleted, and when."""

    key: str
    at: datetime | None = None


@dataclass(frozen=True)
class Page:
    """One answer of the vendor.

    Attributes:
        body: the bytes as they came, for the page's hash.
        records: the records in it.
        checkpoint: where to read on after this page; None on the last one.
        total: how many records the vendor says the whole listing holds, where it says so.
        deleted: every record of the page is deleted (an archived list).
        gone: keys that are deleted, where the vendor sends no more than that.
        children: for a child stream, how many children the vendor counts under each parent that this page
            ends; None where it does not say.
        capped: parents of which the vendor returned only a part.
        carry: the vendor's own cursor, to be handed to the next load (it outlives this one).
        refused: positions of records that cannot be read, with the reason; they land, and are quarantined.
        decoded: the records once more, as what of them may land; None where they were parsed whole.
    """

    body: bytes
    records: Sequence[Record]
    checkpoint: Checkpoint | None = None
    total: int | None = None
    deleted: bool = False
    gone: Sequence[Gone] = ()
    children: Mapping[str, int | None] = field(default_factory=dict)
    capped: Sequence[str] = ()
    carry: Checkpoint | None = None
    refused: Mapping[int, str] = field(default_factory=dict)
    decoded: Sequence[Struct] | None = None


@dataclass(frozen=True)
class Reading:
    """What a reader is asked for.

    Attributes:
        stream: the stream, with the source's options filled in.
        window: the span to read.
        options: the source's options over the stream's defaults.
        resume: the checkpoint of the last page that landed, or None to begin.
        parents: for a child stream, the keys of the parents to read, in order.
        carry: what the last page of the load before handed on; None: begin anew.
        now: when the load began.
        decoder: parses pages into what may land; None: they are parsed whole.
    """

    stream: Stream
    window: Window
    options: Mapping[str, str]
    resume: Checkpoint | None = None
    parents: Sequence[str] = ()
    carry: Checkpoint | None = None
    now: datetime = EPOCH
    decoder: RecordDecoder | None = None


Reader: TypeAlias = Callable[[Any, Reading], Iterator[Page]]
"""Yields the pages of one reading from a connection (for a vendor: its HttpClient).

May raise CheckpointExpired when `resume` is no longer known.
"""


@dataclass(frozen=True)
class Request:
    """A request with holes: `{from}` and `{until}` for the window, `{option}` for the source's options.

    A text that is nothing but a hole takes the value with its type; a parameter whose hole is `{from}` is left
    out when the window has no start.
    """

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class CursorKind(StrEnum):
    """How a cursor is written, in records and in the filter."""

    ISO = "iso"
    EPOCH_SECONDS = "epoch_seconds"
    EPOCH_MILLIS = "epoch_millis"
    DATE = "date"
    INTEGER = "integer"


@dataclass(frozen=True)
class Cursor:
    """The field that says when a record last changed.

    Attributes:
        field: its path in a record.
        kind: how it is written.
        fallback: the path of the field that counts while the first is null (a record that was never edited).
        precision: the step of the vendor's filter; the window's start is rounded down to it.
        zone: the zone in which stamps without an offset are meant.
        beginning: the filter's value when the window has no start; None leaves the filter out.
        written: strftime pattern of the filter's value, where it is not ISO 8601.
        written_zone: the zone in which the system takes such a value, where it is not UTC.
    """

    field: str
    kind: CursorKind = CursorKind.ISO
    fallback: str = ""
    precision: timedelta = timedelta(microseconds=1)
    zone: str = "UTC"
    beginning: datetime | None = None
    written: str = ""
    written_zone: str = ""

    @cached_property
    def segments(self) -> PathSegments:
        """The path as keys."""
        return parse_path(self.field)

    @property
    def is_time(self) -> bool:
        """Does the cursor say when? (An integer cursor only says in which order.)"""
        return self.kind is not CursorKind.INTEGER

    def render(self, instant: datetime) -> str | int:
        """`instant` as the vendor's filter wants it, rounded down to the filter's step."""
        micros = (instant - EPOCH) // _MICROSECOND
        step = max(1, self.precision // _MICROSECOND)
        micros -= micros % step
        if self.kind is CursorKind.EPOCH_SECONDS:
            return micros // 1_000_000
        if self.kind is CursorKind.EPOCH_MILLIS:
            return micros // 1_000
        rounded = EPOCH + timedelta(microseconds=micros)
        if self.kind is CursorKind.DATE:
            return rounded.date().isoformat()
        if self.written:
            return _on_the_wall(rounded, ZoneInfo(self.written_zone or "UTC")).strftime(self.written)
        digits = "microseconds" if micros % 1_000 else "milliseconds" if micros % 1_000_000 else "seconds"
        return rounded.replace(tzinfo=None).isoformat(timespec=digits) + "Z"

    def parse(self, value: object) -> datetime:
        """A record's stamp as an instant.

        Raises:
            ValueError: it cannot be read.
        """
        if self.kind is CursorKind.EPOCH_SECONDS:
            return EPOCH + timedelta(seconds=_number(value))
        if self.kind is CursorKind.EPOCH_MILLIS:
            return EPOCH + timedelta(milliseconds=_number(value))
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=ZoneInfo(self.zone))
        if self.kind is CursorKind.DATE and isinstance(value, date):
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
        if not isinstance(value, str):
            raise ValueError(f"{type(value).__name__} is no instant")
        stamp = datetime.fromisoformat(value)
        if stamp.tzinfo is None:
            stamp = stamp.replace(tzinfo=ZoneInfo(self.zone))
        return stamp.astimezone(UTC)


def _on_the_wall(instant: datetime, zone: ZoneInfo) -> datetime:
    """What a clock in `zone` shows; an hour less while it shows each time twice, so that no reading is too late."""
    shown = instant.astimezone(zone)
    twice = shown.replace(fold=0).utcoffset() != shown.replace(fold=1).utcoffset()
    return shown - timedelta(hours=1) if twice else shown


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{type(value).__name__} is no instant")
    return float(value)


class DeleteKind(StrEnum):
    """How a stream learns that a row is gone."""

    NONE = "none"
    """Rows never vanish (history)."""
    FLAG = "flag"
    """The record says so itself."""
    ARCHIVED = "archived"
    """A list of its own holds the deleted records."""
    TOMBSTONES = "tombstones"
    """A feed names the deleted keys."""
    RECONCILE = "reconcile"
    """Nothing says so: all keys are listed from time to time, and those that are missing are gone."""
    SNAPSHOT = "snapshot"
    """The stream is read whole each time; what is missing is gone."""
    WITH_PARENT = "with_parent"
    """A parent's children are read whole each time; what is missing is gone, if the vendor's count says so."""


@dataclass(frozen=True)
class Deletes:
    """The delete rule of a stream.

    Attributes:
        kind: how a deletion shows.
        flag: for FLAG, the path of the field.
        values: for FLAG, the values that mean deleted; none: any value that is not null.
        read: for ARCHIVED and TOMBSTONES, the reader of that list.
        keys: for RECONCILE (and beside any other kind), lists the keys of all records there are.
        every: how often `read` and `keys` are due; None: with every load.
    """

    kind: DeleteKind = DeleteKind.NONE
    flag: str = ""
    values: tuple[object, ...] = (True, "true")
    read: Reader | None = None
    keys: Reader | None = None
    every: timedelta | None = None

    def __post_init__(self) -> None:
        if self.kind is DeleteKind.FLAG and not self.flag:
            raise ContractError("delete rule 'flag' names no field: give flag=")
        if self.kind in (DeleteKind.ARCHIVED, DeleteKind.TOMBSTONES) and self.read is None:
            raise ContractError(f"delete rule {self.kind.value!r} has no reader: give read=")
        if self.kind is DeleteKind.RECONCILE and self.keys is None:
            raise ContractError("delete rule 'reconcile' has no reader of keys: give keys=")


@dataclass(frozen=True)
class Stream:
    """The declaration of one stream.

    Attributes:
        name: snake_case; the typed table is `<system>.<name>`.
        contract: columns, key and what may land.
        request, paging, records: the pages of a plain HTTP listing; `records` is the path of the list.
        reader: yields the pages instead, where the listing is not plain.
        cursor: the field that says when a record changed; None: the stream is read whole each time.
        overlap: how far before the watermark a window begins, so that late rows are not lost.
        deletes: how rows vanish.
        parent: for a child stream, the stream whose changed records say what to read again, whole.
        parent_field: the path of the key of what a record is a part of: its parent, or its file.
        every: the stream is not read more often than that; None: with every load.
        full_reads: read whole from time to time, so that silent edits are found.
        exact_total: the vendor's total counts the rows of this listing; fewer rows are an error.
        resumable: a reading can go on from a checkpoint after the process died.
        options: options that its paths and requests use, with defaults.
        tuning: names of options that change how rows come, and not which.
        on_request: loaded only where a source names it; not every account has it, or may read it.
        description: what a row is.
    """

    name: str
    contract: Contract
    request: Request | None = None
    paging: Paging | None = None
    records: str = ""
    reader: Reader | None = None
    cursor: Cursor | None = None
    overlap: timedelta = timedelta(0)
    deletes: Deletes = Deletes()
    parent: str = ""
    parent_field: str = ""
    every: timedelta | None = None
    full_reads: bool = True
    exact_total: bool = False
    resumable: bool = True
    options: Mapping[str, str] = field(default_factory=dict)
    tuning: tuple[str, ...] = ()
    on_request: bool = False
    description: str = ""

    def __post_init__(self) -> None:
        if (self.request is None) == (self.reader is None):
            raise ContractError(f"stream {self.name!r} needs either a request or a reader")
        if self.parent and not self.parent_field:
            raise ContractError(f"child stream {self.name!r} needs a parent_field")

    @property
    def key_paths(self) -> tuple[PathSegments, ...]:
        """Where the parts of the key are in a record."""
        return tuple(self.contract[name].segments for name in self.contract.key)

    def configured(
        self,
        options: Mapping[str, str],
        *,
        columns: Sequence[Column] = (),
        without: Sequence[str] = (),
        overlap: timedelta | None = None,
    ) -> Stream:
        """This stream as one source runs it: options filled in, columns added or left out."""
        contract = self.contract.with_columns(columns)
        if without:
            unknown = sorted(set(without) - {column.name for column in contract.columns})
            if unknown:
                raise ContractError(f"stream {self.name!r} has no column {unknown[0]!r} to leave out")
            contract = replace(contract, columns=tuple(c for c in contract.columns if c.name not in without))
        merged = {name: options.get(name, default) for name, default in self.options.items()}
        return replace(
            self,
            contract=contract.with_options(merged),
            overlap=self.overlap if overlap is None else overlap,
            options=merged,
        )


@dataclass(frozen=True)
class System:
    """A vendor: its streams and what is special about talking to it.

    Attributes:
        name: the schema of its typed tables.
        streams: its streams by name, parents before children.
        api_version: the version asked for where the source names none.
        headers: headers of every request; `{api_version}` is filled in.
        auth: the kinds of credentials it takes, the usual one first.
        token_path: the OAuth token endpoint below the base URL.
        user_suffix: what basic credentials put behind the user.
        rate: requests and seconds of the budget that an account gets where the source names none.
        refuse: the error that an answer stands for although its status does not say so; None: go by the status.
        connect: opens what the readers read from, where that is no HTTP client.
        check: a cheap read that proves the credentials and returns what was found, for people.
    """

    name: str
    streams: tuple[Stream, ...]
    api_version: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: tuple[str, ...] = ("bearer",)
    token_path: str = ""
    user_suffix: str = ""
    rate: tuple[int, float] = (10, 1.0)
    refuse: Callable[[Answer], ConnectorError | None] | None = None
    connect: Callable[[Runtime], Any] | None = None
    check: Callable[[Any], str] | None = None

    def stream(self, name: str) -> Stream:
        """The stream of that name.

        Raises:
            ContractError: there is none; says which there are.
        """
        for stream in self.streams:
            if stream.name == name:
                return stream
        known = ", ".join(stream.name for stream in self.streams)
        raise ContractError(f"system {self.name!r} has no stream {name!r}: it has {known}")
