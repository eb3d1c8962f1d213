"""Keys and cursors of records as text: a key identifies a row, a cursor sorts as its instants do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
                if len(value) == 28 and value[23:] == "+0000" and value[10] == "T":
                    text = value[:23] + "000Z"
                else:
                    text = _usual_stamp(value)
                if text:
                    is_one(text)
                    return text
            return sortable(cursor.parse(value))
        except (ValueError, OverflowError):
            return ""

    return integer if cursor.kind is CursorKind.INTEGER else instant


def _usual_stamp(value: str) -> str:
    """Other stamps that many vendors write, cut into shape instead of parsed; empty for any other."""
    if value[10:11] == "T" and value.endswith("Z") and len(value) in (20, 24):
        return value[:23] + "000Z" if len(value) == 24 else value[:19] + ".000000Z"
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
