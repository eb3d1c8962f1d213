"""The watermark after a load, and how late rows arrive: pure rules over what a load saw.

A row is late if it changed before the last reading began and that reading did not show it. To tell it from a
row that is merely read again, the pairs of (key, cursor) within the overlap are remembered, as hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from connectors.cursors import instant_of, overlap_text, sortable
from connectors.plan import Plan
from connectors.settings import LoadSettings
from connectors.state import DIGEST, StreamState
from connectors.stream import Stream


@dataclass(frozen=True)
class Lateness:
    """How many rows came late, and how late the latest of them."""

    rows: int = 0
    seconds: float = 0.0


def next_watermark(
    stream: Stream, plan: Plan, state: StreamState, last_cursor: str, settings: LoadSettings
) -> str:
    """min(greatest cursor seen, begin of the reading − safety); it never moves back, except by a full read."""
    before = state.watermark if plan.mode == "incremental" else ""
    if stream.cursor is None or stream.parent or not stream.cursor.is_time:
        return max(last_cursor, before)
    if not last_cursor:
        return before or state.watermark
    safe = sortable(plan.window.end - timedelta(seconds=settings.safety_seconds))
    return max(before, min(last_cursor, safe))


def recent_digests(
    stream: Stream, recent: Mapping[str, str], watermark: str, settings: LoadSettings
) -> frozenset[bytes] | None:
    """The (key, cursor) pairs within the overlap before `watermark`; None: too many to keep."""
    if not watermark or stream.cursor is None or stream.parent:
        return frozenset()
    since = overlap_text(watermark, stream.overlap)
    pairs = [(key, cursor) for key, cursor in recent.items() if cursor >= since]
    if len(pairs) > settings.recent_rows:
        return None
    return frozenset(digest(key, cursor) for key, cursor in pairs)


def lateness(stream: Stream, plan: Plan, state: StreamState, recent: Mapping[str, str]) -> Lateness:
    """What this load saw that the one before should have seen."""
    timed = stream.cursor is not None and stream.cursor.is_time
    if plan.mode != "incremental" or not timed or state.recent is None or state.read_until is None:
        return Lateness()
    since, until = overlap_text(state.watermark, stream.overlap), sortable(state.read_until)
    late = [
        cursor
        for key, cursor in recent.items()
        if since <= cursor < until and digest(key, cursor) not in state.recent
    ]
    oldest = instant_of(min(late)) if late else None
    return Lateness(len(late), (state.read_until - oldest).total_seconds() if oldest else 0.0)


def digest(key: str, cursor: str) -> bytes:
    """A short hash of one version of one row."""
    return hashlib.blake2b(f"{key}\0{cursor}".encode(), digest_size=DIGEST).digest()
