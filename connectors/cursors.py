"""Keys and cursors of records as text: a key identifies a row, a cursor sorts as its instants do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.contract import PathSegments, parse_path, value_at
from connectors.stream import EPOCH, Cursor, CursorKind, Record, Stream

INTEGER_DIGITS = 20


def sortable(instant: datetime) -> str:
    """An aware instant as text of fixed width, UTC, microseconds: it sorts as time does."""
    return instant.astimezone(EPOCH.tzinfo).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def instant_of(cursor: str) -> datetime | None:
    """The instant of a sortable cursor; None where there is none, or it only orders."""
    return datetime.fromisoformat(cursor) if len(cursor) == 27 and cursor.endswith("Z") else None


def cursor_writer(cursor: Cursor) -> Callable[[Record], str]:
    """Reads a record's cursor as sortable text; empty where it has none that can be read."""
    read, text_of = value_reader(cursor.segments), cursor_text(cursor)
    fallback = value_reader(parse_path(cursor.fallback)) if cursor.fallback else None

    def write(record: Record) -> str:
        value = read(record)
        if value is None and fallback:
            value = fallback(record)
        return text_of(value)

    return write


def cursor_text(cursor: Cursor) -> Callable[[Any], str]:
    """Writes the value of a cursor as sortable text; empty where it cannot be read."""
    is_one = datetime.fromisoformat

    def integer(value: Any) -> str:
        text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
        return text.zfill(INTEGER_DIGITS) if text.isdigit() else ""

    def instant(value: Any) -> str:
        try:
            if type(value) is str:
                text = _usual_stamp(value)
                if text:
                    is_one(text)
                    return text
            return sortable(cursor.parse(value))
        except (ValueError, OverflowError):
            return ""

    return integer if cursor.kind is CursorKind.INTEGER else instant


def cursor_texts(cursor: Cursor) -> Callable[[Sequence[Any]], list[str]]:
    """Writes the cursors of many records, as `cursor_text` does each of them; in less time if they are alike."""
    text_of, is_one = cursor_text(cursor), datetime.fromisoformat
    width = len(ALIKE) + 1

    def write(values: Sequence[Any]) -> list[str]:
        count = len(values)
        try:
            joined = "\n".join(values)
        except TypeError:
            return list(map(text_of, values))
        alike = len(joined) == count * width - 1 and all(
            joined[at::width] == mark * count for at, mark in enumerate(ALIKE) if mark != "d"
        )
        if not alike:
            return list(map(text_of, values))
        texts = joined.replace("+0000", "000Z").split("\n")
        try:
            for text in texts:
                is_one(text)
        except ValueError:
            return list(map(text_of, values))
        return texts if len(texts) == count else list(map(text_of, values))

    if cursor.kind is not CursorKind.ISO:
        return lambda values: list(map(text_of, values))
    return write


ALIKE = "dddd-dd-ddTdd:dd:dd.ddd+0000"
"""How stamps look that are rewritten together; `d` stands for a digit."""


def _usual_stamp(value: str) -> str:
    """Stamps as most vendors write them, cut into shape instead of parsed; empty for any other."""
    marks = value[4:20:3]
    if marks == "--T::.":
        if len(value) == 28 and value[23:] == "+0000":
            return value[:23] + "000Z"
        if len(value) == 24 and value[23] == "Z":
            return value[:23] + "000Z"
    if marks == "--T::Z" and len(value) == 20:
        return value[:19] + ".000000Z"
    return ""


def value_reader(segments: PathSegments) -> Callable[[Record], Any]:
    """Reads the value at a path, as `value_at` does; short paths in less time."""
    match segments:
        case (str() as name,):
            return lambda record: record.get(name)
        case (str() as outer, str() as name):

            def read(record: Record) -> Any:
                inner = record.get(outer)
                return inner.get(name) if type(inner) is dict else None

            return read
    return lambda record: value_at(record, segments)


def key_reader(stream: Stream) -> Callable[[Record], str | None]:
    """Reads a record's key as text; None where a part of it is missing."""
    readers = [value_reader(segments) for segments in stream.key_paths]
    if len(readers) == 1:
        (read,) = readers

        def single(record: Record) -> str | None:
            value = read(record)
            return (value or None) if type(value) is str else key_text(value)

        return single

    return lambda record: joined_key(key_text(read(record)) for read in readers)


def joined_key(texts: Iterable[str | None]) -> str | None:
    """The parts of a key as one text; None where one is missing."""
    parts = list(texts)
    return None if None in parts else "|".join(_escaped(part) for part in parts if part is not None)


def _escaped(part: str) -> str:
    return part.replace("\\", "\\\\").replace("|", "\\|")


def key_text(value: object) -> str | None:
    """A key part as text; None where it is none, or no scalar."""
    if type(value) is str:
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def overlap_text(cursor: str, overlap: timedelta) -> str:
    """The sortable cursor that lies `overlap` before another one."""
    instant = instant_of(cursor)
    return sortable(instant - overlap) if instant is not None else cursor
