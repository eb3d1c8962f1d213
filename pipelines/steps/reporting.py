"""The reporting database of an installation, open for one step and at the schema that this version writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from pipelines.installation import Installation
from pipelines.publishing import open_reporting, reading
from pipelines.publishing.migrations import head, revision, upgrade


@contextmanager
def reporting(installation: Installation) -> Iterator[Engine]:
    """Open the database; make or upgrade its schema only where it is not there yet, because that locks readers out.

    Raises:
        DatabaseUnavailable: it cannot be opened or written; names path or host.
    """
    engine = open_reporting(installation.workspace.reporting_url)
    try:
        with reading(engine) as connection:
            is_current = revision(connection) == head()
        if not is_current:
            upgrade(engine)
        yield engine
    finally:
        engine.dispose()
