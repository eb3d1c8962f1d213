"""What a stream remembers between loads: one row per stream and query configuration, in SQLite.

The row is keyed by a hash of the configuration of the query, so a wider query finds no row and reads from the
beginning. It is written last (parts, then manifest, then state). The manifest holds a copy of it, so that a
process that dies in between, or a state file that is lost, costs nothing.

Source: connector rules, points 2 and 5.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from connectors.errors import StoreError
from connectors.raw_store import StreamId
from connectors.runtime import no_step

SCHEMA = """
CREATE TABLE IF NOT EXISTS stream_state (
    system TEXT NOT NULL,
    account TEXT NOT NULL,
    stream TEXT NOT NULL,
    config_hash TEXT NOT NULL,
    watermark TEXT NOT NULL,
    read_until TEXT NOT NULL,
    load_id TEXT NOT NULL,
    parent_load_id TEXT NOT NULL,
    recent BLOB,
    checkpoint TEXT NOT NULL,
    deletes_read_at TEXT NOT NULL,
    full_read_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (system, account, stream, config_hash)
)
"""
PATIENCE = 30.0
RESET = "reset"
COLUMNS = (
    "watermark",
    "read_until",
    "load_id",
    "parent_load_id",
    "recent",
    "checkpoint",
    "deletes_read_at",
    "full_read_at",
    "updated_at",
)


@dataclass(frozen=True)
class StreamState:
    """What is known of a stream after its last load.

    Attributes:
        watermark: the sortable cursor up to which everything was seen, or empty.
        read_until: when the last reading began: what happened before should have been visible to it.
        load_id: the last load that is reflected here.
        parent_load_id: for a child stream, the last load of its parent whose changes were read.
        recent: hashes of the (key, cursor) pairs seen within the overlap; None: too many to keep.
        checkpoint: the vendor's own cursor to go on from (JSON), where it has one that outlives a load.
        deletes_read_at, full_read_at: when deletions, and the whole stream, were last read.
        updated_at: when this was written.
    """

    watermark: str = ""
    read_until: datetime | None = None
    load_id: str = ""
    parent_load_id: str = ""
    recent: frozenset[bytes] | None = frozenset()
    checkpoint: str = ""
    deletes_read_at: datetime | None = None
    full_read_at: datetime | None = None
    updated_at: datetime | None = None

    def as_json(self) -> dict[str, str]:
        """The state as a manifest keeps it; `recent` is left out, and is unknown when it is read back."""
        return {
            "watermark": self.watermark,
            "read_until": _text(self.read_until),
            "parent_load_id": self.parent_load_id,
            "checkpoint": self.checkpoint,
            "deletes_read_at": _text(self.deletes_read_at),
            "full_read_at": _text(self.full_read_at),
            "updated_at": _text(self.updated_at),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, str], load_id: str) -> StreamState:
        """The state that the manifest of `load_id` kept."""
        return cls(
            watermark=content["watermark"],
            read_until=_instant(content["read_until"]),
            load_id=load_id,
            parent_load_id=content["parent_load_id"],
            recent=None,
            checkpoint=content["checkpoint"],
            deletes_read_at=_instant(content["deletes_read_at"]),
            full_read_at=_instant(content["full_read_at"]),
            updated_at=_instant(content["updated_at"]),
        )


class StateStore:
    """The state rows of all streams, in one SQLite file."""

    def __init__(self, path: str | Path, before_io: Callable[[str], None] = no_step) -> None:
        self.path = Path(path)
        self._before_io = before_io

    def get(self, stream: StreamId, config_hash: str) -> StreamState | None:
        """The state of a stream under this configuration, or None."""
        with self._reading() as connection:
            row = connection.execute(
                f"SELECT {', '.join(COLUMNS)} FROM stream_state"
                " WHERE system = ? AND account = ? AND stream = ? AND config_hash = ?",
                (stream.system, stream.account, stream.stream, config_hash),
            ).fetchone()
        if row is None:
            return None
        values = dict(zip(COLUMNS, row, strict=True))
        recent = values["recent"]
        return StreamState(
            watermark=values["watermark"],
            read_until=_instant(values["read_until"]),
            load_id=values["load_id"],
            parent_load_id=values["parent_load_id"],
            recent=None if recent is None else _unpacked(recent),
            checkpoint=values["checkpoint"],
            deletes_read_at=_instant(values["deletes_read_at"]),
            full_read_at=_instant(values["full_read_at"]),
            updated_at=_instant(values["updated_at"]),
        )

    def put(self, stream: StreamId, config_hash: str, state: StreamState) -> None:
        """Write the state of a stream."""
        with self._writing() as connection:
            self._before_io("write state")
            self._insert(connection, stream, config_hash, state)
            self._before_io("commit state")

    def _insert(
        self, connection: sqlite3.Connection, stream: StreamId, config_hash: str, state: StreamState
    ) -> None:
        recent = None if state.recent is None else b"".join(sorted(state.recent))
        values = (
            state.watermark,
            _text(state.read_until),
            state.load_id,
            state.parent_load_id,
            recent,
            state.checkpoint,
            _text(state.deletes_read_at),
            _text(state.full_read_at),
            _text(state.updated_at),
        )
        holes = ", ".join("?" * (4 + len(COLUMNS)))
        connection.execute(
            f"INSERT OR REPLACE INTO stream_state VALUES ({holes})",
            (stream.system, stream.account, stream.stream, config_hash, *values),
        )

    def has_other(self, stream: StreamId, config_hash: str) -> bool:
        """Is there a state of this stream under another configuration?"""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT count(*) FROM stream_state"
                " WHERE system = ? AND account = ? AND stream = ? AND config_hash NOT IN (?, ?)",
                (stream.system, stream.account, stream.stream, config_hash, RESET),
            ).fetchone()
        return bool(row[0])

    def forgotten(self, stream: StreamId) -> str:
        """The last load that does not count any more, because the stream was reset after it; or empty."""
        state = self.get(stream, RESET)
        return state.load_id if state else ""

    def reset(self, stream: StreamId, last_load_id: str) -> int:
        """Forget a stream: its next load reads from the beginning. What landed stays, for replays.

        Returns how many configurations were forgotten.
        """
        with self._writing() as connection:
            self._before_io("write state")
            done = connection.execute(
                "DELETE FROM stream_state WHERE system = ? AND account = ? AND stream = ?",
                (stream.system, stream.account, stream.stream),
            )
            self._insert(connection, stream, RESET, StreamState(load_id=last_load_id))
            self._before_io("commit state")
        return done.rowcount

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        # A process that died before its first commit leaves an empty file, which is as good as none.
        path = self.path if self.path.exists() and self.path.stat().st_size else ":memory:"
        try:
            with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
                if path == ":memory:":
                    connection.execute(SCHEMA)
                yield connection
        except sqlite3.Error as error:
            raise self._unusable(error) from None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=PATIENCE)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                with connection:
                    connection.execute(SCHEMA)
                    yield connection
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from None

    def _unusable(self, error: Exception) -> StoreError:
        return StoreError(
            f"state {self.path} cannot be used ({error})",
            hint="check space and permissions; if the file is damaged, delete it: streams are read anew",
        )


DIGEST = 8


def _unpacked(blob: bytes) -> frozenset[bytes]:
    return frozenset(blob[i : i + DIGEST] for i in range(0, len(blob), DIGEST))


def _text(instant: datetime | None) -> str:
    return "" if instant is None else instant.astimezone(UTC).isoformat()


def _instant(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
