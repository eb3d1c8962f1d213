"""From what a run found to rows of the outbox: the two doors into the alert log.

found = anomalies(...) + late(...) + failed_checks(...)
publication = Publication(..., alerts=to_publish(engine, found, catalogue, now))   # commits with the batch
raise_now(engine, run_failed(...), catalogue, now)                                 # where there is no batch
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, Engine

from definitions.model import Catalogue
from pipelines.publishing.engine import reading, writing
from pipelines.publishing.records import AlertRow

from . import outbox
from .decide import decide
from .decision import World
from .model import Alert, Link
from .sources import Found


def to_publish(
    engine: Engine, found: Found, catalogue: Catalogue, now: datetime, *, run_id: str | None = None
) -> tuple[AlertRow, ...]:
    """Rows for a publication: what to tell, and what not and why. With ``run_id`` every alert leads to its run.

    Two runs never decide at once: the publisher's lease keeps them apart, and a notice that both decided is
    dropped by its key when the second commits.

    Raises:
        DatabaseUnavailable: the reporting database cannot be read.
    """
    if run_id is not None:
        found = replace(found, alerts=tuple(_of_run(alert, run_id, catalogue) for alert in found.alerts))
    with reading(engine) as connection:
        return _rows(connection, found, catalogue, now)


def run_url(run_id: str, catalogue: Catalogue) -> str | None:
    """Address of a run in Dagster's UI; None where no address is set."""
    base = catalogue.settings.alerts.dagster_base
    return f"{base.rstrip('/')}/runs/{run_id}" if base else None


def _of_run(alert: Alert, run_id: str, catalogue: Catalogue) -> Alert:
    url = run_url(run_id, catalogue)
    return replace(alert, run_id=run_id, links=(*alert.links, Link("Run", url)) if url else alert.links)


def raise_now(engine: Engine, found: Found, catalogue: Catalogue, now: datetime) -> int:
    """Decide and commit at once; returns how many rows are new.

    Raises:
        DatabaseUnavailable: the reporting database cannot be written.
    """
    with writing(engine) as connection:
        return outbox.record(connection, _rows(connection, found, catalogue, now))


def _rows(connection: Connection, found: Found, catalogue: Catalogue, now: datetime) -> tuple[AlertRow, ...]:
    memory = outbox.recall(connection, now)
    world = World(
        now, catalogue.settings.alerts, catalogue.organisation, memory, outbox.silences(connection, now)
    )
    return outbox.rows(decide(found.alerts, found.covered, world), memory, now)
