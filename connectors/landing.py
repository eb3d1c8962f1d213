"""From a vendor's records to lines of the raw store: what may land, under which key, with which cursor.

The contract is the allow-list (see `allow_list.py`). This is the hot path of a load, so what depends only on the
declaration is worked out once, in `Landing.__init__`.

A line is `{"key", "cursor", "sequence", "page", "fetched_at", "deleted", "data"}`, plus `parent` in a child
stream and `refused` where the record cannot be addressed. Cursors are written so that they sort as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
import orjson

from connectors.contract import parse_path, value_at
from connectors.cursors import cursor_writer, key_reader, key_text, overlap_text, sortable
from connectors.decoded import DecodedLines
from connectors.errors import ConfigurationError, GarbledAnswer
from connectors.listing import RecordDecoder
from connectors.projection import Projection
from connectors.raw_store import LARGEST_LINE
from connectors.secret import Secret
from connectors.stream import DeleteKind, Page, Record, Stream

SAMPLE_AFTER = 5_000
SAMPLE_EVERY = 100


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
        self.recent_since = ""
        self.recent_is_whole = True
        self.skew_seconds = 0.0
        self._projection = Projection(stream.contract, hash_key)
        self._projection.unknown = self.seen.unknown
        self.decoder = RecordDecoder(
            self._projection.tree, self._projection.hashed, keep_unknown=self._projection.keep_unknown
        )
        self._decoded = DecodedLines(stream, self.decoder)
        self._key = key_reader(stream)
        self._parent = parse_path(stream.parent_field) if stream.parent_field else None
        self._cursor = cursor_writer(stream.cursor) if stream.cursor else None
        flagged = stream.deletes.kind is DeleteKind.FLAG
        self._flag = parse_path(stream.deletes.flag) if flagged else None
        self._future = timedelta(seconds=future_seconds)
        self._is_time = stream.cursor is None or stream.cursor.is_time
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

    def block(self, page: Page, number: int, fetched_at: datetime) -> bytes:
        """The lines of one page, in the vendor's order, one behind the other.

        Raises:
            GarbledAnswer: as `lines`.
        """
        text = self._decoded_block(page, number, fetched_at)
        if text is None:
            text = b"".join(self.lines(page, number, fetched_at))
            self.decoder.learn(self.seen.unknown)
        return text

    def _decoded_block(self, page: Page, number: int, fetched_at: datetime) -> bytes | None:
        """The same from decoded records, in a fraction of the time; None where anything is out of the ordinary."""
        if page.decoded is None or page.refused:
            return None
        stamp, seen = sortable(fetched_at), self.seen
        found = self._decoded.facts(page.decoded, stamp, all_deleted=page.deleted)
        if found is None or found.last_cursor > self._latest(fetched_at):
            return None
        text = self._decoded.lines(page.decoded, found, seen.rows, number, stamp)
        if len(text) >= LARGEST_LINE:
            return None
        if self._unseen:
            for position in range(len(page.decoded)):
                rows = seen.rows + position + 1
                if rows < SAMPLE_AFTER or rows % SAMPLE_EVERY == 0:
                    self._look_for_missing(msgspec.to_builtins(page.decoded[position]))
        seen.rows += len(page.decoded)
        seen.deleted += found.deleted.count(True)
        if self.stream.cursor is not None:
            if found.last_cursor:
                seen.first_cursor = min(seen.first_cursor or "~", found.first_cursor)
                seen.last_cursor = max(seen.last_cursor, found.last_cursor)
            seen.without_cursor += found.cursors.count("")
            if self.recent_is_whole and found.last_cursor >= self.recent_since:
                self.recent.update(found.since(self.recent_since))
        return text

    def _latest(self, fetched_at: datetime) -> str:
        """The greatest cursor that is not from the future."""
        if not self._is_time:
            return "~"
        return sortable(fetched_at + timedelta(seconds=max(0.0, self.skew_seconds)) + self._future)

    def lines(self, page: Page, number: int, fetched_at: datetime) -> list[bytes]:
        """The lines of one page, each by itself, by the plain rules.

        Raises:
            GarbledAnswer: an object has not a single declared field: the vendor put an error into the list.
        """
        stamp = sortable(fetched_at)
        limit = self._latest(fetched_at)
        seen, refused = self.seen, page.refused
        project, key_of, cursor_of = self._projection.usual, self._key, self._cursor
        is_child, is_flagged = self._parent is not None, self._flag is not None
        first, last, rows = seen.first_cursor or "~", seen.last_cursor, seen.rows
        recent = self.recent if self.recent_is_whole else {}
        since = self.recent_since if self.recent_is_whole else "~"
        unseen, all_deleted, dumps = self._unseen, page.deleted, orjson.dumps
        lines = []
        for position, record in enumerate(page.records):
            data = project(record)
            reason = refused.get(position, "") if refused else ""
            if not data and not reason:
                raise GarbledAnswer(
                    "an object without a single declared field stands where a record belongs",
                    place=f"page {number}",
                    hint="the vendor may have put an error into the list; nothing of it was kept",
                )
            key = key_of(data)
            cursor = stamp if cursor_of is None else cursor_of(record)
            in_future = cursor > limit
            if in_future:
                # A stamp from the future would win over every later edit; now is as late as it gets.
                seen.future += 1
                cursor = stamp
            deleted = all_deleted or (is_flagged and self._is_flagged(record))
            line: dict[str, Any] = {
                "key": key,
                "cursor": cursor,
                "sequence": rows,
                "page": number,
                "fetched_at": stamp,
                "deleted": deleted,
            }
            if is_child:
                line["parent"] = key_text(value_at(data, self._parent or ()))
            if key is None or reason:
                line["refused"] = reason or "no key"
                seen.refused += 1
            elif cursor_of is not None and not in_future:
                if cursor:
                    if cursor >= since:
                        recent[key] = cursor
                    if cursor > last:
                        last = cursor
                    if cursor < first:
                        first = cursor
                else:
                    seen.without_cursor += 1
            line["data"] = data
            rows += 1
            if deleted:
                seen.deleted += 1
            if unseen and not reason and (rows < SAMPLE_AFTER or rows % SAMPLE_EVERY == 0):
                self._look_for_missing(record)
            text = dumps(line, option=orjson.OPT_APPEND_NEWLINE)
            if len(text) >= LARGEST_LINE:
                text = self._too_large(line)
            lines.append(text)
        seen.rows = rows
        seen.first_cursor, seen.last_cursor = first if last else "", last
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
        self._projection.unknown = self.seen.unknown
        self._unseen = {name: self._unseen[name] for name in saved["unseen"] if name in self._unseen}
        self._absent = set(saved["absent"])
        self.recent_is_whole = False

    def look_back_from(self, earliest: str) -> None:
        """No cursor before `earliest` need be remembered any more, as far as the overlap goes."""
        self.recent_since = overlap_text(earliest, self.stream.overlap)

    def trim_recent(self, most: int) -> None:
        """Keep `recent` small between pages: first drop what is older than the overlap, else give up on it."""
        if len(self.recent) <= 2 * most:
            return
        since = overlap_text(self.seen.last_cursor, self.stream.overlap)
        kept = {key: at for key, at in self.recent.items() if at >= since}
        self.recent_is_whole = self.recent_is_whole and len(kept) <= most
        self.recent = kept if self.recent_is_whole else {}

    def _look_for_missing(self, record: Record) -> None:
        for name, segments in list(self._unseen.items()):
            present = _has(record, segments)
            if present:
                del self._unseen[name]
            elif present is False:
                self._absent.add(name)


def _has(record: object, segments: Sequence[str | int]) -> bool | None:
    """Is the path there (even if null)? None: its container is not, so there is nothing to say."""
    for segment in segments:
        if isinstance(segment, int) or not isinstance(record, dict):
            return None
        if segment not in record:
            return False
        record = record[segment]
    return True
