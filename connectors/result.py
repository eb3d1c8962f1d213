"""What a load did: what people, the Dagster metadata and `data_health` show of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from connectors.quota import quota_used


@dataclass(frozen=True)
class Drift:
    """How the records differ from the contract.

    Attributes:
        unknown: undeclared fields that came; their values are in `_extra` (in a stream about people, nowhere).
        missing: declared fields that no record had: a renamed or removed field. This is a failed check.
    """

    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.unknown or self.missing)


@dataclass(frozen=True)
class LoadResult:
    """One load of one stream.

    Attributes:
        system, account, stream: what was loaded.
        mode: full, incremental, children or snapshot.
        load_id: the load in the raw store; empty where nothing new came.
        manifest_path: its manifest; None where nothing new came.
        resumed: the load had been begun by a process that died.
        rows: lines that landed, `deleted` and `quarantined` ones included.
        deleted: of them, rows that are gone.
        quarantined: of them, records without a key. (Rows that break their contract show in typed reading.)
        pages, requests, retries, waits, waited_seconds, bytes: the traffic.
        window_start, window_end: the span that was read; the start is None for everything.
        watermark_before, watermark_after: sortable cursors, or empty.
        late_rows, lateness_seconds: rows that should have been visible to the load before, and the latest.
        overlap_seconds: how late a row may be without being lost.
        future_rows: stamps later than now; they were clamped.
        drift: how records differ from the contract.
        vanished: keys that were found to be deleted.
        incomplete_parents: parents whose children do not match the vendor's count, or are capped.
        quota: the vendor's last rate and quota headers.
        clock_skew_seconds: the vendor's clock minus ours.
        started_at, finished_at: when.
        warnings: sentences for people.
        failed_checks: sentences for people; what is built on this stream should not be published.
    """

    system: str
    account: str
    stream: str
    mode: str
    started_at: datetime
    finished_at: datetime
    window_start: datetime | None
    window_end: datetime
    load_id: str = ""
    manifest_path: Path | None = None
    resumed: bool = False
    rows: int = 0
    deleted: int = 0
    quarantined: int = 0
    pages: int = 0
    requests: int = 0
    retries: int = 0
    waits: int = 0
    waited_seconds: float = 0.0
    bytes: int = 0
    watermark_before: str = ""
    watermark_after: str = ""
    late_rows: int = 0
    lateness_seconds: float = 0.0
    overlap_seconds: float = 0.0
    future_rows: int = 0
    drift: Drift = Drift()
    vanished: int = 0
    incomplete_parents: tuple[str, ...] = ()
    quota: Mapping[str, str] = field(default_factory=dict)
    clock_skew_seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    failed_checks: tuple[str, ...] = ()

    @property
    def quota_used(self) -> float | None:
        """The share of the vendor's scarcest quota that was used at the last answer; None where it does not say."""
        return quota_used(self.quota)

    @property
    def ok(self) -> bool:
        """Did everything that was checked hold?"""
        return not self.failed_checks

    def metadata(self) -> dict[str, Any]:
        """The result as flat JSON values, for metadata of a materialisation."""
        return {
            "mode": self.mode,
            "load_id": self.load_id,
            "rows": self.rows,
            "deleted": self.deleted,
            "quarantined": self.quarantined,
            "pages": self.pages,
            "requests": self.requests,
            "retries": self.retries,
            "waits": self.waits,
            "waited_seconds": round(self.waited_seconds, 3),
            "bytes": self.bytes,
            "watermark_before": self.watermark_before,
            "watermark_after": self.watermark_after,
            "late_rows": self.late_rows,
            "lateness_seconds": round(self.lateness_seconds, 3),
            "overlap_seconds": self.overlap_seconds,
            "future_rows": self.future_rows,
            "vanished": self.vanished,
            "drift_unknown": list(self.drift.unknown),
            "drift_missing": list(self.drift.missing),
            "incomplete_parents": len(self.incomplete_parents),
            "quota": dict(self.quota),
            "quota_used": self.quota_used,
            "clock_skew_seconds": round(self.clock_skew_seconds, 3),
            "warnings": list(self.warnings),
            "failed_checks": list(self.failed_checks),
            "manifest": str(self.manifest_path or ""),
        }


@dataclass(frozen=True)
class Progress:
    """How far a load is, for a progress bar.

    Attributes:
        stream: the stream's name.
        rows, pages: so far.
        total: rows that the vendor says there are, where it says so.
        waiting_seconds: just waited that long; 0 between waits.
        reason: why it waited.
    """

    stream: str
    rows: int
    pages: int
    total: int | None = None
    waiting_seconds: float = 0.0
    reason: str = ""


ProgressHook: TypeAlias = Callable[[Progress], None]
