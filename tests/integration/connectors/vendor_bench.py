"""A vendor's fake on loopback with a source that reads it: what every connector test needs.

The clock is the sandbox's, sleeping takes no time (it is written down), and `rows()` is what a warehouse holds
after the upsert.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from connectors.config import SourceConfig, source_from
from connectors.raw_store import RawStore, StreamId
from connectors.result import LoadResult
from connectors.runtime import Runtime
from connectors.sandbox.clock import Clock
from connectors.sandbox.company.generate import Company, generate
from connectors.sandbox.plumbing import Fake
from connectors.sandbox.server import Servers
from connectors.settings import LoadSettings
from connectors.state import StateStore
from connectors.sync import SourceResult, sync_source, sync_stream
from connectors.typed import MERGE_KEYS, NEWEST_BY, read_loads

SECRET = "canary-7f3a9c"


@cache
def company() -> Company:
    """The smallest company."""
    return generate(seed=11, scale=0.05)


@dataclass
class Waits:
    """A stop watch that only sleeping moves."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)

    def __call__(self) -> float:
        return self.now


class VendorBench:
    """One fake, one source, one raw store."""

    def __init__(
        self,
        fake_class: type[Fake],
        root: Path,
        monkeypatch: pytest.MonkeyPatch,
        source: Callable[[Any], tuple[Mapping[str, Any], Mapping[str, str]]],
    ) -> None:
        self.clock = Clock()
        self.fake: Any = fake_class(company(), self.clock, secret=SECRET)
        self.servers = Servers({"vendor": self.fake})
        self.root = root
        self.waits = Waits()
        self.fake.stop_watch = self.waits
        self.settings = LoadSettings(checkpoint_seconds=0)
        self._monkeypatch = monkeypatch
        self._source = source
        self.before_io: Callable[[str], None] = lambda step: None

    def __enter__(self) -> Self:
        self.servers.start()
        config, environment = self._source(self.fake)
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)
        self._monkeypatch.setenv("VENDOR_URL", self.servers.url("vendor"))
        self.config = {"account": "acme", "base_url": "env:VENDOR_URL", **config}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.servers.stop()

    @property
    def runtime(self) -> Runtime:
        return Runtime(
            clock=self.clock,
            monotonic=self.waits,
            sleep=self.waits.sleep,
            random=lambda: 0.5,
            before_io=lambda step: self.before_io(step),
        )

    @property
    def store(self) -> RawStore:
        return RawStore(self.root, self.runtime)

    @property
    def states(self) -> StateStore:
        return StateStore(self.root / "state.sqlite", before_io=lambda step: self.before_io(step))

    def source(self, **changes: Any) -> SourceConfig:
        return source_from({**self.config, **changes}, "test")

    def load(self, stream: str, **changes: Any) -> LoadResult:
        return sync_stream(
            self.source(**changes), stream, self.store, self.states, self.clock, settings=self.settings
        )

    def load_all(self, **changes: Any) -> SourceResult:
        return sync_source(
            self.source(**changes), self.store, self.states, self.clock, settings=self.settings
        )

    def poll(self, stream: str, *, hours: float = 1, **changes: Any) -> LoadResult:
        """Let time pass, then load."""
        self.clock.advance(hours=hours)
        return self.load(stream, **changes)

    def reset(self, stream: str) -> None:
        """Forget the stream, as `vitals sources reset` does."""
        stream_id = StreamId(self.source().system, "acme", stream)
        self.states.reset(stream_id, self.store.last_load_id(stream_id))

    def rows(self, stream: str, *, deleted: bool = False, **changes: Any) -> dict[str, dict[str, Any]]:
        """The typed rows by key after the upsert."""
        newest: dict[tuple[str, ...], dict[str, Any]] = {}
        for batch in read_loads(self.store, self.source(**changes), stream):
            for row in batch.table.to_pylist():
                key = tuple(row[name] for name in MERGE_KEYS)
                if key not in newest or _rank(newest[key]) < _rank(row):
                    newest[key] = row
        return {row["_key"]: row for row in newest.values() if deleted or not row["_deleted"]}

    def quarantined(self, stream: str) -> list[dict[str, Any]]:
        return [
            row
            for batch in read_loads(self.store, self.source(), stream)
            for row in batch.quarantine.to_pylist()
        ]

    def lines(self, stream: str) -> list[Any]:
        """Every typed row that ever landed."""
        return [
            row for batch in read_loads(self.store, self.source(), stream) for row in batch.table.to_pylist()
        ]

    def with_settings(self, **changes: Any) -> None:
        self.settings = replace(self.settings, **changes)

    def everything_written(self) -> bytes:
        """All bytes of the raw store and the state, for a search."""
        return b"".join(path.read_bytes() for path in sorted(self.root.rglob("*")) if path.is_file())


def _rank(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in NEWEST_BY)


def later(hours: float) -> timedelta:
    return timedelta(hours=hours)


def as_json(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)
