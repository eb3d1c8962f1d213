"""A source of any declared kind over one raw store: load it, let time pass, look at the rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.config import SourceConfig, source_from
from connectors.raw_store import RawStore, StreamId
from connectors.result import LoadResult
from connectors.runtime import Runtime
from connectors.settings import LoadSettings
from connectors.state import StateStore
from connectors.sync import sync_stream
from connectors.typed import MERGE_KEYS, NEWEST_BY, read_loads


class SourceBench:
    """Runs one source as the pipeline does."""

    def __init__(
        self, root: Path, config: dict[str, Any], now: datetime = datetime(2026, 6, 15, 12, tzinfo=UTC)
    ) -> None:
        self.now = now
        self.config = {"account": "acme", **config}
        self.store = RawStore(root / "home", Runtime(clock=lambda: self.now, sleep=lambda seconds: None))
        self.states = StateStore(root / "home" / "state.sqlite")

    def source(self) -> SourceConfig:
        return source_from(self.config, "test")

    def load(self, stream: str, *, minutes: float = 60) -> LoadResult:
        self.now += timedelta(minutes=minutes)
        return sync_stream(
            self.source(),
            stream,
            self.store,
            self.states,
            lambda: self.now,
            settings=LoadSettings(checkpoint_seconds=0),
        )

    def rows(self, stream: str) -> dict[str, dict[str, Any]]:
        newest: dict[tuple[str, ...], dict[str, Any]] = {}
        for batch in read_loads(self.store, self.source(), stream):
            for row in batch.table.to_pylist():
                key = tuple(row[name] for name in MERGE_KEYS)
                if key not in newest or _rank(newest[key]) < _rank(row):
                    newest[key] = row
        return {row["_key"]: row for row in newest.values() if not row["_deleted"]}

    def quarantined(self, stream: str) -> list[dict[str, Any]]:
        return [
            row for b in read_loads(self.store, self.source(), stream) for row in b.quarantine.to_pylist()
        ]

    def folder(self, stream: str) -> Path:
        return self.store.folder(StreamId(self.source().system, "acme", stream))


def _rank(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in NEWEST_BY)
