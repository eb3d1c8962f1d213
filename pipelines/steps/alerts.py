"""Alerts outside of a publication: delivering what waits, and raising what no batch carries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.alerts.digest import digests
from pipelines.alerts.drain import Channels, DrainReport, drain
from pipelines.alerts.raising import raise_now, run_url
from pipelines.alerts.sources import failed_checks, late, run_failed, run_succeeded
from pipelines.installation import Installation
from pipelines.publishing.records import QualityResultRow
from pipelines.steps.freshness import freshness
from pipelines.steps.reporting import reporting


def deliver(installation: Installation, environment: Mapping[str, str], budget_seconds: float) -> DrainReport:
    """Send what is due in the outbox, until the budget is spent; puts the weekly digests in when their hour comes."""
    with reporting(installation) as engine:
        now = installation.workspace.now()
        raise_now(engine, digests(engine, installation.catalogue, now), installation.catalogue, now)
        channels = Channels.of(installation.catalogue, environment)
        return drain(engine, channels, installation.workspace.clock, budget_seconds)


def raise_run_failed(
    installation: Installation, job: str, run_id: str, error: str, systems: tuple[str, ...] = ()
) -> int:
    """Put a failed run into the outbox; returns how many rows are new.

    It goes to the team that runs the pipelines (``operations_team``). `systems` are the source systems whose pull
    failed: alerts about the KPIs built on them are kept back.
    """
    catalogue, now = installation.catalogue, installation.workspace.now()
    found = run_failed(
        job,
        run_id,
        error,
        now,
        team=catalogue.settings.alerts.operations_team,
        systems=systems,
        run_url=run_url(run_id, catalogue),
    )
    with reporting(installation) as engine:
        return raise_now(engine, found, catalogue, now)


def raise_run_succeeded(installation: Installation, job: str) -> int:
    """A run that succeeded ends the incident of those of its job that failed before."""
    with reporting(installation) as engine:
        return raise_now(engine, run_succeeded(job), installation.catalogue, installation.workspace.now())


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check that stopped a run before it could publish, and with it the alerts that a publication carries."""

    check_id: str
    asset: str
    message: str
    severity: str
    rows_failed: int
    metrics: tuple[str, ...]
    blocks_publish: bool
    checked_at: datetime


def raise_checks_failed(installation: Installation, failed: Iterable[FailedCheck]) -> int:
    """Put checks that stopped a run into the outbox; returns how many rows are new.

    What the publication would raise has the same keys, so that whoever comes second adds nothing.
    """
    catalogue = installation.catalogue
    systems = {source.table: source.system for source in catalogue.sources.values()}
    rows = [
        QualityResultRow(
            check_id=check.check_id,
            asset=check.asset,
            source_system=systems.get(check.asset, ""),
            dimension="validity",
            severity=check.severity,
            passed=False,
            message=check.message,
            blocks_publish=check.blocks_publish,
            checked_at=check.checked_at,
            metric_ids=check.metrics,
            rows_failed=check.rows_failed or None,
        )
        for check in failed
    ]
    with reporting(installation) as engine:
        found = failed_checks(rows, catalogue, installation.places)
        return raise_now(engine, found, catalogue, installation.workspace.now())


def raise_late(installation: Installation, known: Sequence[str] = ()) -> tuple[tuple[str, ...], int]:
    """Judge how current the sources are, and tell what changed; nothing is written where nothing did.

    A run that never starts raises nothing, so lateness is looked at by the clock as well.

    Args:
        known: what this returned the last time.

    Returns:
        ``system: severity`` of each late system, sorted; and how many rows are new.
    """
    catalogue = installation.catalogue
    now = installation.workspace.now()
    found = late(freshness(installation).rows, catalogue, installation.places, now)
    state = tuple(sorted(f"{alert.subject.id}: {alert.severity}" for alert in found.alerts))
    if state == tuple(known):
        return state, 0
    with reporting(installation) as engine:
        return state, raise_now(engine, found, catalogue, now)
