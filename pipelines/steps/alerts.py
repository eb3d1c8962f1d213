"""Alerts outside of a publication: delivering what waits, and raising what no batch carries."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.alerts.digest import digests
from pipelines.alerts.drain import Channels, DrainReport, drain
from pipelines.alerts.raising import raise_now
from pipelines.alerts.sources import run_failed
from pipelines.installation import Installation
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

    `systems` are the source systems whose pull failed: alerts about the KPIs built on them are kept back.
    """
    with reporting(installation) as engine:
        now = installation.workspace.now()
        found = run_failed(job, run_id, error, now, systems=systems)
        return raise_now(engine, found, installation.catalogue, now)
