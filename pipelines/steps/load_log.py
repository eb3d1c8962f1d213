"""The last word on every stream: when it was tried, when it last worked, and what that load looked like.

One small JSON file per stream beside the raw store, replaced whole. Freshness, `data_health` and the alerts about
late sources read it; the load itself never does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from connectors.files_io import write_durably


@dataclass(frozen=True)
class StreamLog:
    """What is known of one stream's loads.

    Attributes:
        source, system, stream: which one.
        last_attempt_at: when it was last tried.
        last_success_at: when a load last ended well.
        error: what the last attempt ran into; empty when it ended well.
        facts: `LoadResult.metadata()` of the last load that ended well.
    """

    source: str
    system: str
    stream: str
    last_attempt_at: datetime
    last_success_at: datetime | None = None
    error: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


_ADAPTER: TypeAdapter[StreamLog] = TypeAdapter(StreamLog)


def note_success(
    home: Path, source: str, system: str, stream: str, at: datetime, facts: dict[str, Any]
) -> None:
    """Note a load that ended well."""
    _write(home, StreamLog(source, system, stream, at, at, "", facts))


def note_failure(home: Path, source: str, system: str, stream: str, at: datetime, error: str) -> None:
    """Note a load that failed; what is known of the last good one is kept."""
    known = read_log(home, source, stream) or StreamLog(source, system, stream, at)
    _write(home, replace(known, last_attempt_at=at, error=error))


def read_log(home: Path, source: str, stream: str) -> StreamLog | None:
    """What is known of a stream; None where it was never tried."""
    path = _path(home, source, stream)
    return _ADAPTER.validate_json(path.read_bytes()) if path.exists() else None


def _write(home: Path, log: StreamLog) -> None:
    path = _path(home, log.source, log.stream)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, _ADAPTER.dump_json(log, indent=1))


def _path(home: Path, source: str, stream: str) -> Path:
    return home / "loads" / source / f"{stream}.json"
