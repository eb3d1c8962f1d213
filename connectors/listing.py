"""A page of a listing: the records in it, and what else of it says how to go on.

Usually the parser makes only what may land (`record_types.py`); a page that it refuses is parsed whole. Both say the
same, so nobody need know which it was: `records` are the vendor's objects in any case, parsed when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import msgspec
from msgspec import UNSET

from connectors.allow_list import LANDS, STAYS_OUT, Node
from connectors.answer import Answer
from connectors.contract import parse_path, value_at
from connectors.errors import GarbledAnswer
from connectors.record_types import (
    Amendment,
    Attributes,
    ListingType,
    NotTypable,
    RecordType,
    listing_type,
    record_type,
    with_unknown,
)
from connectors.stream import Record

MOST_REFUSED = 8
"""After so many pages in a row that the types refuse, all are parsed whole."""

MOST_LEARNED = 200
"""So many undeclared fields get a place in the types."""


@dataclass(frozen=True)
class Listing:
    """What a page says.

    Attributes:
        body: the body, or of it what was to be looked at.
        records: the vendor's objects.
        decoded: the same as typed records that hold only what may land; None where the types refused them.
    """

    body: Any
    records: Sequence[Record]
    decoded: Sequence[msgspec.Struct] | None = None


class RecordDecoder:
    """Parses pages into the types of one stream, and learns of undeclared fields as they come."""

    def __init__(self, tree: Node, hashed: Callable[[Any], str | None], *, keep_unknown: bool) -> None:
        self._tree = tree
        self._hashed = hashed
        self._unknown_rule = LANDS if keep_unknown else STAYS_OUT
        self._learned: frozenset[str] = frozenset()
        self._refused = 0
        self._decoders: dict[
            tuple[str, tuple[str, ...]], tuple[msgspec.json.Decoder[Any], ListingType] | None
        ] = {}

    @cached_property
    def type(self) -> RecordType | None:
        """The type of a record as far as it is known now, made when the first page comes; None: there is none."""
        try:
            tree = with_unknown(self._tree, tuple(self._learned), self._unknown_rule)
            return record_type(tree, self._hashed)
        except NotTypable:
            return None

    def learn(self, unknown: Iterable[str]) -> None:
        """Give undeclared fields a place, so that pages with them are not refused."""
        met = frozenset(unknown)
        if met != self._learned and len(met) <= MOST_LEARNED:
            self._learned, self._refused = met, 0
            self._decoders.clear()
            self.__dict__.pop("type", None)

    def decode(
        self, body: bytes, records_at: str, reads: tuple[str, ...]
    ) -> tuple[Any, list[msgspec.Struct]] | None:
        """What of the page was to be looked at, and its records; None where the types refuse it."""
        if self._refused >= MOST_REFUSED:
            return None
        found = self._decoder(records_at, reads)
        if found is None or not _is_plain_text(body):
            return None
        decoder, kind = found
        try:
            page = decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._refused += 1
            return None
        self._refused = 0
        records: list[msgspec.Struct] = _at(page, kind.records)
        assert self.type is not None  # noqa: S101  (or there were no decoder)
        for amendment in self.type.amendments:
            _amend(records, amendment)
        return _read(page, kind.read) if records_at else [], records

    def _decoder(
        self, records_at: str, reads: tuple[str, ...]
    ) -> tuple[msgspec.json.Decoder[Any], ListingType] | None:
        asked = records_at, reads
        if asked not in self._decoders:
            try:
                if self.type is None:
                    raise NotTypable
                kind = listing_type(self.type.struct, records_at, reads)
                self._decoders[asked] = msgspec.json.Decoder(kind.type), kind
            except NotTypable:
                self._decoders[asked] = None
        return self._decoders[asked]


def _is_plain_text(body: bytes) -> bool:
    """Is it UTF-8 (what is passed over is not looked at), and without the one escape that must not land?"""
    if b"\\" in body and b"\\u0000" in body:
        return False
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError:
            return False
    return True


def _at(value: Any, attributes: Sequence[str]) -> Any:
    for name in attributes:
        value = getattr(value, name, UNSET)
    return value


def _read(page: msgspec.Struct, places: Mapping[tuple[str, ...], Attributes]) -> dict[str, Any]:
    """What was to be looked at, as far as it is there, as the body has it."""
    found: dict[str, Any] = {}
    for path, attributes in places.items():
        value = _at(page, attributes)
        if value is not UNSET:
            inner = found
            for name in path[:-1]:
                inner = inner.setdefault(name, {})
            inner[path[-1]] = value
    return found


def _amend(records: Sequence[msgspec.Struct], amendment: Amendment) -> None:
    name, change = amendment.name, amendment.change
    containers: list[Any] = list(records)
    for step in amendment.container:
        inner = [getattr(one, step) for one in containers]
        containers = [one for one in inner if isinstance(one, msgspec.Struct)]
    if change is None:
        for container in containers:
            setattr(container, name, UNSET)
        return
    for container in containers:
        if (value := getattr(container, name)) is not UNSET:
            setattr(container, name, change(value))


class ListingReader:
    """Reads the answers of one listing; an answer is parsed once, however often it is asked for."""

    def __init__(
        self, records_at: str, reads: Sequence[str] = (), decoder: RecordDecoder | None = None
    ) -> None:
        self._records_at = records_at
        self._reads = tuple(sorted(set(filter(None, reads))))
        self._decoder = decoder
        self._checked: Answer | None = None
        self._decoded: tuple[Any, list[msgspec.Struct]] | None = None

    def check(self, answer: Answer) -> None:
        """Parse the answer.

        Raises:
            GarbledAnswer: it is no JSON.
        """
        decoder = self._decoder
        self._checked = answer
        self._decoded = decoder.decode(answer.body, self._records_at, self._reads) if decoder else None
        if self._decoded is None:
            answer.json()

    def listing(self, answer: Answer) -> Listing:
        """What the page says.

        Raises:
            GarbledAnswer: there is no list of records, or something in it is no object.
        """
        if self._checked is not answer:
            self.check(answer)
        decoded = self._decoded
        self._checked = self._decoded = None  # or it would live on while the next page is parsed

        def records() -> list[Record]:
            return records_in(answer.json(), self._records_at, answer)

        if decoded is None:
            return Listing(answer.json(), records())
        body, typed = decoded
        return Listing(body, LazyRecords(len(typed), records), typed)


class LazyRecords(Sequence[Record]):
    """The vendor's objects, parsed when the first of them is looked at."""

    def __init__(self, count: int, parse: Callable[[], list[Record]]) -> None:
        self._count = count
        self._parse = parse
        self._records: list[Record] | None = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, position: int) -> Record: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[Record]: ...
    def __getitem__(self, position: int | slice) -> Record | Sequence[Record]:
        return self._all()[position]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._all())

    def _all(self) -> list[Record]:
        if self._records is None:
            self._records = self._parse()
        return self._records


def records_in(body: object, path: str, answer: Answer) -> list[Record]:
    """The list of records at `path` (empty: the body itself).

    Raises:
        GarbledAnswer: there is no list, or something in it is no object (a rate-limit text, say).
    """
    found = value_at(body, parse_path(path)) if path else body
    where = f"at {path!r}" if path else "in the body"
    if not isinstance(found, list):
        raise GarbledAnswer(
            f"no list of records {where}",
            place=answer.place,
            request_id=answer.request_id,
            hint="check the API version; the vendor may have changed its answer",
        )
    others = {type(record) for record in found} - {dict}
    if others:
        raise GarbledAnswer(
            f"a {min(other.__name__ for other in others)} stands where a record belongs {where}",
            place=answer.place,
            request_id=answer.request_id,
            hint="the vendor may have put an error into the list; nothing of it was kept",
        )
    return found
