"""From what a run found to rows of the outbox: the two doors into the alert log.

found = anomalies(...) + late(...) + failed_checks(...)
publication = Publication(..., alerts=to_publish(engine, found, catalogue, now))   # commits with the batch
raise_now(engine, run_failed(...), catalogue, now)                                 # where there is no batch
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Engine

from definitions.model import Catalogue
from pipelines.publishing.engine import reading, writing
from pipelines.publishing.records import AlertRow

from . import outbox
from .decide import decide
from .decision import World
from .sources import Found


def to_publish(engine: Engine, found: Found, catalogue: Catalogue, now: datetime) -> tuple[AlertRow, ...]:
    """Rows for a publication: what to tell, and what not and why.

    Two runs never decide at once: the publisher's lease keeps them apart, and a notice that both decided is
    dropped by its key when the second commits.

    Raises:
        DatabaseUnavailable: the reporting database cannot be read.
    """
    with reading(engine) as connection:
        return _rows(connection, found, catalogue, now)


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
