"""From decoded records to lines of the raw store: a page at a time, where every record of it is as usual.

What a page has in common is worked out once, and what differs by one pass for all records. A page with anything out of
the ordinary in it (a record without a key, a stamp that cannot be read) is left to the plain rules of `landing.py`,
which say the same of every other page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from connectors.contract import parse_path
from connectors.cursors import cursor_texts, joined_key, key_text
from connectors.listing import RecordDecoder
from connectors.record_types import Attributes, NotTypable, RecordType
from connectors.stream import DeleteKind, Stream


class Line(msgspec.Struct, gc=False):
    """A line of the raw store; see `landing.py`. Only a child stream's has a parent."""

    key: str
    cursor: str
    sequence: int
    page: int
    fetched_at: str
    deleted: bool
    parent: str | UnsetType | None
    data: msgspec.Struct


@dataclass(frozen=True)
class Facts:
    """What the records of a page say about themselves.

    Attributes:
        keys, cursors, deleted, parents: of each record, in the page's order; a cursor may be empty.
        first_cursor, last_cursor: the least and the greatest that are not empty.
    """

    keys: list[str]
    cursors: list[str]
    deleted: list[bool]
    parents: Sequence[str | UnsetType | None]
    first_cursor: str
    last_cursor: str

    def since(self, earliest: str) -> Iterator[tuple[str, str]]:
        """Keys and cursors of the records that changed since then."""
        return ((key, at) for key, at in zip(self.keys, self.cursors, strict=True) if at and at >= earliest)


class DecodedLines:
    """Writes the lines of one stream."""

    def __init__(self, stream: Stream, decoder: RecordDecoder) -> None:
        self._stream = stream
        self._decoder = decoder
        self._places: tuple[RecordType, _Places | None] | None = None
        self._cursor_texts = cursor_texts(stream.cursor) if stream.cursor else None
        self._encoder = msgspec.json.Encoder()

    def facts(self, records: Sequence[msgspec.Struct], stamp: str, *, all_deleted: bool) -> Facts | None:
        """Keys, cursors, flags and parents; None where a record is not as usual."""
        places = self._current_places()
        if places is None:
            return None
        try:
            keys = self._keys(records, places)
            cursors = self._cursors(records, places) if self._cursor_texts else [stamp] * len(records)
            deleted = [True] * len(records) if all_deleted else self._flags(records, places)
            parents = self._parents(records, places)
        except AttributeError:
            return None
        if keys is None:
            return None
        first = min(cursors if all(cursors) else filter(None, cursors), default="")
        return Facts(keys, cursors, deleted, parents, first, max(cursors, default=""))

    def lines(
        self, records: Sequence[msgspec.Struct], facts: Facts, begin: int, page: int, stamp: str
    ) -> bytes:
        """The lines of a page, the first of which has the sequence `begin`."""
        sequences = range(begin, begin + len(records))
        lines = [
            Line(key, cursor, sequence, page, stamp, deleted, parent, record)
            for key, cursor, sequence, deleted, parent, record in zip(
                facts.keys, facts.cursors, sequences, facts.deleted, facts.parents, records, strict=True
            )
        ]
        return self._encoder.encode_lines(lines)

    def _current_places(self) -> _Places | None:
        kind = self._decoder.type
        if kind is None:
            return None
        if self._places is None or self._places[0] is not kind:
            try:
                self._places = kind, _Places.of(self._stream, kind)
            except NotTypable:
                self._places = kind, None
        return self._places[1]

    def _keys(self, records: Sequence[msgspec.Struct], places: _Places) -> list[str] | None:
        if len(places.key) == 1:
            values = values_of(records, places.key[0])
            if set(map(type, values)) <= {str}:
                return values if all(values) else None
            texts = list(map(key_text, values))
        else:
            parts = [values_of(records, place) for place in places.key]
            texts = [joined_key(map(key_text, values)) for values in zip(*parts, strict=True)]
        return None if None in texts else texts  # type: ignore[return-value]

    def _cursors(self, records: Sequence[msgspec.Struct], places: _Places) -> list[str]:
        values = values_of(records, places.cursor)
        if places.fallback:
            others = values_of(records, places.fallback)
            values = [
                other if value is None or value is UNSET else value
                for value, other in zip(values, others, strict=True)
            ]
        assert self._cursor_texts is not None  # noqa: S101  (asked for only then)
        return self._cursor_texts(values)

    def _parents(
        self, records: Sequence[msgspec.Struct], places: _Places
    ) -> Sequence[str | UnsetType | None]:
        if not places.parent:
            return [UNSET] * len(records)
        return [key_text(value) for value in values_of(records, places.parent)]

    def _flags(self, records: Sequence[msgspec.Struct], places: _Places) -> list[bool]:
        if not places.flag:
            return [False] * len(records)
        values: list[Any] = [None if value is UNSET else value for value in values_of(records, places.flag)]
        meant = self._stream.deletes.values
        return [value in meant if meant else value is not None for value in values]


@dataclass(frozen=True)
class _Places:
    """Where a decoded record has what a line says of it; empty where the stream has no such thing."""

    key: tuple[Attributes, ...]
    cursor: Attributes
    fallback: Attributes
    flag: Attributes
    parent: Attributes

    @classmethod
    def of(cls, stream: Stream, kind: RecordType) -> _Places:
        def place(path: str) -> Attributes:
            return kind.attributes_of(parse_path(path)) if path else ()

        cursor, deletes = stream.cursor, stream.deletes
        return cls(
            tuple(map(kind.attributes_of, stream.key_paths)),
            place(cursor.field) if cursor else (),
            place(cursor.fallback) if cursor else (),
            place(deletes.flag) if deletes.kind is DeleteKind.FLAG else (),
            place(stream.parent_field),
        )


def values_of(records: Sequence[msgspec.Struct], attributes: Sequence[str]) -> list[Any]:
    """The value of each record at its attributes.

    Raises:
        AttributeError: a container on the way is not there.
    """
    return list(map(attrgetter(".".join(attributes)), records))
