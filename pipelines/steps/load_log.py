"""The last word on every stream: when it was tried, when it last worked, and what that load looked like.

One small JSON document per stream beside the raw store, in a folder or an object storage, replaced whole. Freshness,
`data_health` and the alerts about late sources read it; the load itself never does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from connectors.files_io import write_durably
from connectors.objects import Objects, is_object_url
from pipelines.workspace import Workspace


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
    workspace: Workspace, source: str, system: str, stream: str, at: datetime, facts: dict[str, Any]
) -> None:
    """Note a load that ended well."""
    _write(workspace, StreamLog(source, system, stream, at, at, "", facts))


def note_failure(
    workspace: Workspace, source: str, system: str, stream: str, at: datetime, error: str
) -> None:
    """Note a load that failed; what is known of the last good one is kept."""
    known = read_log(workspace, source, stream) or StreamLog(source, system, stream, at)
    _write(workspace, replace(known, last_attempt_at=at, error=error))


def read_log(workspace: Workspace, source: str, stream: str) -> StreamLog | None:
    """What is known of a stream; None where it was never tried."""
    name = _name(source, stream)
    if is_object_url(workspace.raw_url):
        content = Objects(workspace.raw_url).get(name)
    else:
        path = workspace.home / name
        content = path.read_bytes() if path.exists() else None
    return None if content is None else _ADAPTER.validate_json(content)


def _write(workspace: Workspace, log: StreamLog) -> None:
    name, content = _name(log.source, log.stream), _ADAPTER.dump_json(log, indent=1)
    if is_object_url(workspace.raw_url):
        Objects(workspace.raw_url).put(name, content)
        return
    path: Path = workspace.home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, content)


def _name(source: str, stream: str) -> str:
    return f"loads/{source}/{stream}.json"
