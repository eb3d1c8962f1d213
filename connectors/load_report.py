"""What a load needs, counts and says about itself: the task, the tally, and from them manifest, result and warnings."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from connectors import __version__
from connectors.engine import Engine
from connectors.landing import Landed
from connectors.lateness import Lateness
from connectors.plan import Plan, window_json
from connectors.raw_store import Manifest, RawStore, StreamId
from connectors.result import Drift, LoadResult, ProgressHook
from connectors.runtime import Runtime
from connectors.secret import Secret
from connectors.settings import LoadSettings
from connectors.state import StateStore, StreamState
from connectors.stream import Checkpoint, Page, Stream
from connectors.traffic import Traffic


@dataclass(frozen=True)
class Task:
    """Everything one load needs."""

    stream: Stream
    id: StreamId
    connection: Any
    store: RawStore
    states: StateStore
    config_hash: str
    api_version: str
    runtime: Runtime
    settings: LoadSettings
    hash_key: Secret | None = None
    progress: ProgressHook | None = None
    engine: Engine = field(default_factory=Engine)


@dataclass
class Tally:
    """What a load has been told besides records; a checkpoint keeps it."""

    pages: list[list[Any]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    children: dict[str, int | None] = field(default_factory=dict)
    capped: list[str] = field(default_factory=list)
    total: int | None = None
    carry: Checkpoint | None = None

    def note(self, page: Page, rows: int) -> None:
        self.pages.append([hashlib.sha256(page.body).hexdigest()[:32], rows])
        self.gone += [gone.key for gone in page.gone]
        self.children.update(page.children)
        self.capped += page.capped
        if page.total is not None:
            self.total = page.total if self.total is None else min(self.total, page.total)
        if page.carry is not None:
            self.carry = page.carry


@dataclass(frozen=True)
class Report:
    """Everything that is known of a load once its pages and deletions were read."""

    task: Task
    plan: Plan
    before: StreamState
    seen: Landed
    tally: Tally
    drift: Drift
    late: Lateness
    traffic: Traffic
    resumed: bool
    warnings: tuple[str, ...]
    failed_checks: tuple[str, ...]

    def manifest(self, state: StreamState) -> dict[str, Any]:
        """The load as its manifest keeps it; `state` is what the next load begins from."""
        seen, task = self.seen, self.task
        return {
            "mode": self.plan.mode,
            "config_hash": task.config_hash,
            "contract": task.stream.contract.fingerprint,
            "api_version": task.api_version,
            "code_version": __version__,
            "started_at": self.plan.started_at.isoformat(),
            "finished_at": task.runtime.clock().isoformat(),
            "window": window_json(self.plan.window),
            "parents": [self.plan.parents_after, self.plan.parents_upto],
            "cursor_before": self.before.watermark,
            "cursor_after": state.watermark,
            "first_cursor": seen.first_cursor,
            "last_cursor": seen.last_cursor,
            "deleted": seen.deleted,
            "refused": seen.refused,
            "future": seen.future,
            "late_rows": self.late.rows,
            "lateness_seconds": self.late.seconds,
            "pages": self.tally.pages,
            "requests": dict(sorted(self.traffic.fingerprints.items())),
            "drift": {"unknown": list(self.drift.unknown), "missing": list(self.drift.missing)},
            "incomplete_parents": self.tally.capped,
            "warnings": list(self.warnings),
            "failed_checks": list(self.failed_checks),
            "state": state.as_json(),
        }

    def result(self, manifest: Manifest | None, watermark: str) -> LoadResult:
        """The load as people see it."""
        task, plan, seen, traffic = self.task, self.plan, self.seen, self.traffic
        return LoadResult(
            system=task.id.system,
            account=task.id.account,
            stream=task.id.stream,
            mode=plan.mode,
            started_at=plan.started_at,
            finished_at=task.runtime.clock(),
            window_start=plan.window.start,
            window_end=plan.window.end,
            load_id=manifest.load_id if manifest else "",
            manifest_path=manifest.path if manifest else None,
            resumed=self.resumed,
            rows=seen.rows,
            deleted=seen.deleted,
            quarantined=seen.refused,
            pages=len(self.tally.pages),
            requests=traffic.requests,
            retries=traffic.retries,
            waits=traffic.waits,
            waited_seconds=traffic.waited_seconds,
            bytes=traffic.bytes,
            watermark_before=self.before.watermark,
            watermark_after=watermark,
            late_rows=self.late.rows,
            lateness_seconds=self.late.seconds,
            overlap_seconds=task.stream.overlap.total_seconds(),
            future_rows=seen.future,
            drift=self.drift,
            vanished=seen.buried,
            incomplete_parents=tuple(self.tally.capped),
            quota=dict(traffic.quota),
            clock_skew_seconds=traffic.clock_skew_seconds,
            warnings=self.warnings,
            failed_checks=self.failed_checks,
        )


def judged(
    stream: Stream, settings: LoadSettings, seen: Landed, drift: Drift, late: Lateness
) -> tuple[list[str], list[str]]:
    """What is worth a look, and what should stop a publication."""
    warnings: list[str] = []
    overlap = stream.overlap.total_seconds()
    if overlap and late.seconds > settings.lateness_share * overlap:
        warnings.append(
            f"rows arrive up to {late.seconds:.0f} s late and the overlap is {overlap:.0f} s: raise overlap"
        )
    if drift.unknown:
        warnings.append(f"undeclared fields: {', '.join(drift.unknown[:10])}")
    if seen.future:
        warnings.append(f"{seen.future} rows carry a stamp from the future")
    if seen.without_cursor and stream.cursor:
        warnings.append(f"{seen.without_cursor} rows carry no readable {stream.cursor.field}")
    if seen.refused:
        warnings.append(f"{seen.refused} records that cannot be read were quarantined")
    failed = [
        f"column {name}: no record has the field {stream.contract[name].path} any more"
        for name in drift.missing
    ]
    return warnings, failed
