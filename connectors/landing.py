"""From a vendor's records to lines of the raw store: what may land, under which key, with which cursor.

The contract is the allow-list (see `contract.py`). This is the hot path of a load, so what depends only on the
declaration is worked out once, in `Landing.__init__`.

A line is `{"key", "cursor", "sequence", "page", "fetched_at", "deleted", "data"}`, plus `parent` in a child
stream and `refused` where the record cannot be addressed. Cursors are written so that they sort as text.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from connectors.contract import Contract, PathSegments, Personal, parse_path, path_text, value_at
from connectors.errors import ConfigurationError, ContractError, GarbledAnswer
from connectors.raw_store import LARGEST_LINE
from connectors.secret import Secret
from connectors.stream import EPOCH, Cursor, CursorKind, DeleteKind, Page, Record, Stream

INTEGER_DIGITS = 20
SAMPLE_AFTER = 5_000
SAMPLE_EVERY = 100


class _Rule:
    """What happens to one field: a leaf lands, is hashed, or stays out."""

    def __init__(self, name: str) -> None:
        self.name = name


LANDS, HASHED, STAYS_OUT = _Rule("lands"), _Rule("hashed"), _Rule("stays out")


@dataclass
class _Node:
    """The fields of one container that are declared; `each` stands for the items of a list."""

    path: str
    fields: dict[str, _Node | _Rule] = field(default_factory=dict)
    each: _Node | _Rule | None = None
    is_open: bool = False

    def __post_init__(self) -> None:
        self.names: tuple[str, ...] | None = None

    def settle(self) -> None:
        """Note where nothing but declared leaves matters: those containers are copied by name."""
        for child in (*self.fields.values(), self.each):
            if isinstance(child, _Node):
                child.settle()
        plain = all(child is LANDS or child is STAYS_OUT for child in self.fields.values())
        if plain and not self.is_open and self.each is None:
            self.names = tuple(name for name, child in self.fields.items() if child is LANDS)


@dataclass
class Landed:
    """What a landing has seen so far."""

    rows: int = 0
    deleted: int = 0
    refused: int = 0
    future: int = 0
    without_cursor: int = 0
    buried: int = 0
    first_cursor: str = ""
    last_cursor: str = ""
    unknown: set[str] = field(default_factory=set)


class Landing:
    """Turns the pages of one load into lines, and counts."""

    def __init__(self, stream: Stream, *, future_seconds: float, hash_key: Secret | None = None) -> None:
        self.stream = stream
        self.seen = Landed()
        self.recent: dict[str, str] = {}
        self.recent_is_whole = True
        self.skew_seconds = 0.0
        self._contract = stream.contract
        self._tree = allow_list(stream.contract)
        self._key = _key_reader(stream)
        self._parent = parse_path(stream.parent_field) if stream.parent_field else None
        self._cursor = _cursor_writer(stream.cursor) if stream.cursor else None
        flagged = stream.deletes.kind is DeleteKind.FLAG
        self._flag = parse_path(stream.deletes.flag) if flagged else None
        self._future = timedelta(seconds=future_seconds)
        self._is_time = stream.cursor is None or stream.cursor.is_time
        self._keep_unknown = not stream.contract.about_people
        self._hash_key = hash_key
        self._unseen = {
            column.name: column.segments for column in stream.contract.typed_columns if not column.optional
        }
        self._absent: set[str] = set()
        if stream.contract.hashed and hash_key is None:
            raise ConfigurationError(
                f"stream {stream.name!r} hashes personal data, and the source has no hash_key",
                hint="give hash_key: env:NAME",
            )

    @property
    def missing(self) -> tuple[str, ...]:
        """Declared fields that no record of the load had."""
        return tuple(sorted(name for name in self._absent if name in self._unseen))

    def lines(self, page: Page, number: int, fetched_at: datetime) -> list[bytes]:
        """The lines of one page, in the vendor's order.

        Raises:
            GarbledAnswer: an object has not a single declared field: the vendor put an error into the list.
        """
        stamp = sortable(fetched_at)
        latest = fetched_at + timedelta(seconds=max(0.0, self.skew_seconds)) + self._future
        limit = sortable(latest) if self._is_time else "~"
        seen, tree = self.seen, self._tree
        dumps, newline = orjson.dumps, orjson.OPT_APPEND_NEWLINE
        lines = []
        for position, record in enumerate(page.records):
            data = self._project(record, tree)
            reason = page.refused.get(position, "") if page.refused else ""
            if not data and not reason:
                raise GarbledAnswer(
                    "an object without a single declared field stands where a record belongs",
                    place=f"page {number}",
                    hint="the vendor may have put an error into the list; nothing of it was kept",
                )
            key = self._key(data)
            cursor = stamp if self._cursor is None else self._cursor(record)
            in_future = cursor > limit
            if in_future:
                # A stamp from the future would win over every later edit; now is as late as it gets.
                seen.future += 1
                cursor = stamp
            deleted = page.deleted or (self._flag is not None and self._is_flagged(record))
            line: dict[str, Any] = {
                "key": key,
                "cursor": cursor,
                "sequence": seen.rows,
                "page": number,
                "fetched_at": stamp,
                "deleted": deleted,
            }
            if self._parent is not None:
                line["parent"] = _text(value_at(data, self._parent))
            if key is None or reason:
                line["refused"] = reason or "no key"
                seen.refused += 1
            elif self._cursor is not None and not in_future:
                self._note_cursor(key, cursor)
            line["data"] = data
            seen.rows += 1
            seen.deleted += deleted
            if self._unseen and not reason and (seen.rows < SAMPLE_AFTER or seen.rows % SAMPLE_EVERY == 0):
                self._look_for_missing(record)
            text = dumps(line, option=newline)
            if len(text) >= LARGEST_LINE:
                text = self._too_large(line)
            lines.append(text)
        return lines

    def _is_flagged(self, record: Record) -> bool:
        value = value_at(record, self._flag or ())
        values = self.stream.deletes.values
        return value in values if values else value is not None

    def _too_large(self, line: dict[str, Any]) -> bytes:
        """A record that no reader could hold: only its key lands, and it is quarantined."""
        self.seen.refused += "refused" not in line
        line.update(data={}, refused=f"the record is larger than {LARGEST_LINE >> 20} MiB")
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)

    def tombstone(
        self, key: str, parent: str | None, cursor: str, data: bytes, fetched_at: datetime
    ) -> bytes:
        """The line of a row that vanished: its last known data and cursor, marked as deleted."""
        line: dict[str, Any] = {
            "key": key,
            "cursor": cursor,
            "sequence": self.seen.rows,
            "page": -1,
            "fetched_at": sortable(fetched_at),
            "deleted": True,
        }
        if self._parent is not None:
            line["parent"] = parent
        line["data"] = orjson.Fragment(data)
        self.seen.rows += 1
        self.seen.deleted += 1
        self.seen.buried += 1
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)

    def _note_cursor(self, key: str, cursor: str) -> None:
        seen = self.seen
        if not cursor:
            seen.without_cursor += 1
            return
        if cursor > seen.last_cursor:
            seen.last_cursor = cursor
        if not seen.first_cursor or cursor < seen.first_cursor:
            seen.first_cursor = cursor
        if self.recent_is_whole:
            self.recent[key] = cursor

    def keys(self, page: Page) -> list[str]:
        """The keys of a page that lists no more than keys."""
        return [key for record in page.records if (key := self._key(record)) is not None]

    def saved(self) -> dict[str, Any]:
        """What a checkpoint keeps of the counting, as JSON."""
        seen = {**asdict(self.seen), "unknown": sorted(self.seen.unknown)}
        return {"seen": seen, "unseen": sorted(self._unseen), "absent": sorted(self._absent)}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on counting from a checkpoint."""
        self.seen = Landed(**{**saved["seen"], "unknown": set(saved["seen"]["unknown"])})
        self._unseen = {name: self._unseen[name] for name in saved["unseen"] if name in self._unseen}
        self._absent = set(saved["absent"])
        self.recent_is_whole = False

    def trim_recent(self, most: int) -> None:
        """Keep `recent` small between pages: first drop what is older than the overlap, else give up on it."""
        if len(self.recent) <= 2 * most:
            return
        since = overlap_text(self.seen.last_cursor, self.stream.overlap)
        kept = {key: at for key, at in self.recent.items() if at >= since}
        self.recent_is_whole = self.recent_is_whole and len(kept) <= most
        self.recent = kept if self.recent_is_whole else {}

    def _project(self, record: Mapping[str, Any], node: _Node) -> dict[str, Any]:
        if node.names is not None:
            return {name: record[name] for name in node.names if name in record}
        kept: dict[str, Any] = {}
        fields = node.fields
        for name, value in record.items():
            child = fields.get(name)
            if child is LANDS:
                kept[name] = value
            elif child is None:
                if node.is_open:
                    self.seen.unknown.add(node.path + path_text(name))
                    if self._keep_unknown:
                        kept[name] = value
            elif isinstance(child, _Node):
                kept[name] = self._project_value(value, child)
            elif child is HASHED:
                kept[name] = self._hashed(value)
        return kept

    def _project_value(self, value: Any, node: _Node) -> Any:
        if isinstance(value, dict):
            return self._project(value, node)
        if isinstance(value, list) and node.each is not None:
            if isinstance(node.each, _Node):
                return [self._project_value(item, node.each) for item in value]
            return value if node.each is LANDS else [self._hashed(item) for item in value]
        # Something else than the contract says. What is no container holds nothing undeclared; it lands, and
        # the typed reading refuses the row.
        return value if not isinstance(value, list) else []

    def _hashed(self, value: Any) -> str | None:
        if value is None or self._hash_key is None:
            return None
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        return hmac.new(self._hash_key.reveal().encode(), text.encode(), hashlib.sha256).hexdigest()[:32]

    def _look_for_missing(self, record: Record) -> None:
        for name, segments in list(self._unseen.items()):
            present = _has(record, segments)
            if present:
                del self._unseen[name]
            elif present is False:
                self._absent.add(name)


def allow_list(contract: Contract) -> _Node:
    """What of a record may land, as a tree.

    Raises:
        ContractError: a field that lands whole would carry one that must not.
    """
    root = _Node("", is_open="" in contract.open_containers)
    for path in (*contract.also_lands, *(c.path for c in contract.columns if c.personal is Personal.KEEP)):
        _declare(root, parse_path(path), LANDS)
    for column in contract.columns:
        if column.personal is not Personal.KEEP:
            _declare(root, column.segments, HASHED if column.personal is Personal.HASH else STAYS_OUT)
    for path in contract.ignored:
        _declare(root, parse_path(path), STAYS_OUT)
    for path in contract.open_containers:
        node: _Node | _Rule | None = root
        for segment in parse_path(path):
            node = node.fields.get(str(segment)) if isinstance(node, _Node) else None
        if not isinstance(node, _Node):
            raise ContractError(f"open container {path!r} holds no declared field: declare one, or close it")
        node.is_open = True
    root.settle()
    return root


def _declare(root: _Node, segments: PathSegments, rule: _Rule) -> None:
    node = root
    for position, segment in enumerate(segments):
        last = position == len(segments) - 1
        present = node.fields.get(segment) if isinstance(segment, str) else node.each
        path = f"{node.path}{path_text(segment)}." if isinstance(segment, str) else f"{node.path}[]."
        if last:
            # A whole container and one of its fields may both be declared; the whole covers the field.
            child: _Node | _Rule = rule if not isinstance(present, _Node) or rule is LANDS else present
            if isinstance(present, _Rule):
                child = present if rule is STAYS_OUT or present is rule else _clash(path)
        elif isinstance(present, _Rule):
            if present is LANDS and rule is not LANDS:
                _clash(path)
            return
        else:
            child = present if present is not None else _Node(path)
        if isinstance(segment, str):
            node.fields[segment] = child
        else:
            node.each = child
        if isinstance(child, _Node):
            node = child


def _clash(path: str) -> _Rule:
    raise ContractError(
        f"field {path.rstrip('.')!r} lands whole, and a part of it must not: declare its parts"
    )


def sortable(instant: datetime) -> str:
    """An aware instant as text of fixed width, UTC, microseconds: it sorts as time does."""
    return instant.astimezone(EPOCH.tzinfo).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def instant_of(cursor: str) -> datetime | None:
    """The instant of a sortable cursor; None where there is none, or it only orders."""
    return datetime.fromisoformat(cursor) if len(cursor) == 27 and cursor.endswith("Z") else None


def _cursor_writer(cursor: Cursor) -> Callable[[Record], str]:
    """Reads a record's cursor as sortable text; empty where it has none that can be read."""
    segments = cursor.segments
    fallback = parse_path(cursor.fallback) if cursor.fallback else None

    def raw(record: Record) -> Any:
        value = value_at(record, segments)
        return value_at(record, fallback) if value is None and fallback else value

    if cursor.kind is CursorKind.INTEGER:

        def write_integer(record: Record) -> str:
            value = raw(record)
            text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
            return text.zfill(INTEGER_DIGITS) if text.isdigit() else ""

        return write_integer

    def write(record: Record) -> str:
        value = raw(record)
        if type(value) is str and len(value) == 28 and value.endswith("+0000") and value[10] == "T":
            # The usual shape, `2026-01-31T12:00:00.123+0000`: cut, not parsed; typed reading parses every stamp.
            return value[:23] + "000Z"
        try:
            return sortable(cursor.parse(value))
        except (ValueError, OverflowError):
            return ""

    return write


def _key_reader(stream: Stream) -> Callable[[Record], str | None]:
    paths = stream.key_paths
    if len(paths) == 1:
        (segments,) = paths
        if len(segments) == 1 and isinstance(segments[0], str):
            name = segments[0]
            return lambda record: _text(record.get(name))
        return lambda record: _text(value_at(record, segments))

    def joined(record: Record) -> str | None:
        parts = [_text(value_at(record, segments)) for segments in paths]
        return None if None in parts else "|".join(_escaped(part) for part in parts if part is not None)

    return joined


def _escaped(part: str) -> str:
    return part.replace("\\", "\\\\").replace("|", "\\|")


def _text(value: object) -> str | None:
    """A key part as text; None where it is none, or no scalar."""
    if type(value) is str:
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def _has(record: object, segments: Sequence[str | int]) -> bool | None:
    """Is the path there (even if null)? None: its container is not, so there is nothing to say."""
    for segment in segments:
        if isinstance(segment, int) or not isinstance(record, dict):
            return None
        if segment not in record:
            return False
        record = record[segment]
    return True


def overlap_text(cursor: str, overlap: timedelta) -> str:
    """The sortable cursor that lies `overlap` before another one."""
    instant = instant_of(cursor)
    return sortable(instant - overlap) if instant is not None else cursor
