"""What a load is going to read: the mode, the window, the parents.

The plan is written down before the first request, so that a load that is gone on with reads the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.cursors import instant_of
from connectors.settings import LoadSettings
from connectors.state import StreamState
from connectors.stream import Stream, Window


@dataclass(frozen=True)
class Plan:
    """One load before it begins.

    Attributes:
        mode: full, incremental, snapshot (no cursor) or children (re-read under changed parents).
        config_hash: the configuration that it belongs to.
        started_at: when the reading begins.
        window: the span to read.
        parents_after, parents_upto: for a child stream, the loads of the parent whose changes count.
    """

    mode: str
    config_hash: str
    started_at: datetime
    window: Window
    parents_after: str = ""
    parents_upto: str = ""

    def as_json(self) -> dict[str, Any]:
        """The plan as it is written down."""
        return {
            "mode": self.mode,
            "config_hash": self.config_hash,
            "started_at": self.started_at.isoformat(),
            "window": window_json(self.window),
            "parents": [self.parents_after, self.parents_upto],
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Plan:
        """The plan that was written down."""
        start, end, after = content["window"]
        return cls(
            mode=content["mode"],
            config_hash=content["config_hash"],
            started_at=datetime.fromisoformat(content["started_at"]),
            window=Window(
                datetime.fromisoformat(start) if start else None, datetime.fromisoformat(end), after
            ),
            parents_after=content["parents"][0],
            parents_upto=content["parents"][1],
        )


def plan_load(
    stream: Stream,
    state: StreamState,
    *,
    config_hash: str,
    now: datetime,
    settings: LoadSettings,
    parents_upto: str = "",
) -> Plan:
    """Decide what to read. Source: connector rules, point 2: window = [watermark − overlap, now]."""
    if stream.parent:
        return Plan("children", config_hash, now, Window(None, now), state.parent_load_id, parents_upto)
    if stream.cursor is None:
        return Plan("snapshot", config_hash, now, Window(None, now))
    if not state.watermark or (stream.full_reads and _full_read_due(state, now, settings)):
        return Plan("full", config_hash, now, Window(None, now))
    watermark = instant_of(state.watermark)
    start = watermark - stream.overlap if watermark else None
    after = "" if stream.cursor.is_time else state.watermark.lstrip("0") or "0"
    return Plan("incremental", config_hash, now, Window(start, now, after))


def window_json(window: Window) -> list[str | None]:
    """A window as JSON."""
    return [window.start.isoformat() if window.start else None, window.end.isoformat(), window.after]


def _full_read_due(state: StreamState, now: datetime, settings: LoadSettings) -> bool:
    if not settings.full_read_days:
        return False
    every = timedelta(days=settings.full_read_days)
    return state.full_read_at is None or now - state.full_read_at >= every
