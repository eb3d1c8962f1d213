"""Alerts outside of a publication: delivering what waits, and raising what no batch carries."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.alerts.drain import Channels, DrainReport, drain
from pipelines.alerts.raising import raise_now
from pipelines.alerts.sources import run_failed
from pipelines.installation import Installation
from pipelines.publishing import open_reporting
from pipelines.publishing.migrations import upgrade


def deliver(installation: Installation, environment: Mapping[str, str], budget_seconds: float) -> DrainReport:
    """Send what is due in the outbox, until the budget is spent."""
    engine = open_reporting(installation.workspace.reporting_url)
    try:
        upgrade(engine)
        return drain(
            engine, Channels.of(installation.catalogue, environment), installation.workspace.clock, budget_seconds
        )
    finally:
        engine.dispose()


def raise_run_failed(installation: Installation, job: str, run_id: str, error: str) -> int:
    """Put a failed run into the outbox; returns how many rows are new."""
    engine = open_reporting(installation.workspace.reporting_url)
    try:
        upgrade(engine)
        found = run_failed(job, run_id, error, installation.workspace.now())
        return raise_now(engine, found, installation.catalogue, installation.workspace.now())
    finally:
        engine.dispose()
