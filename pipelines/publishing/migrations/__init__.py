"""Moving a reporting database between revisions of the published schema, data in place.

    upgrade(engine)                  # to the revision this code writes
    downgrade(engine, "0003")        # back again
    revision(engine)                 # where it is now, None when it has no schema yet

Base tables change by numbered steps (`versions/`), forward and back. Views and comments are code: they are taken
away before the steps and made anew after them. All of it is one transaction, on SQLite too, under the publisher's
lock: readers see the old schema or the new one, and no publication runs in between.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from pipelines.publishing.access import grant_access
from pipelines.publishing.engine import place_of, writing
from pipelines.publishing.errors import SchemaMismatch
from pipelines.publishing.schema.base import CORE, metadata
from pipelines.publishing.scorecards import write_scorecards
from pipelines.publishing.views import create_views, drop_views, write_comments

_FOLDER = Path(__file__).parent
_LOCK_TIMEOUT_SECONDS = 60


def upgrade(engine: Engine, to: str = "head") -> str:
    """Bring the database to a later revision (by default the newest) and return it.

    Raises:
        DatabaseUnavailable: it cannot be written.
        SchemaMismatch: it is at a revision that this code does not know.
    """
    return _move(engine, to, command.upgrade)


def downgrade(engine: Engine, to: str) -> str | None:
    """Take the database back to an earlier revision, `base` for none at all; returns where it is then.

    Raises:
        DatabaseUnavailable: it cannot be written.
        SchemaMismatch: it is at a revision that this code does not know.
    """
    return _move(engine, to, command.downgrade)


def move(engine: Engine, to: str) -> str | None:
    """Take the database to a revision, forward or back, whichever way it lies; `head` and `base` are the ends.

    Raises:
        DatabaseUnavailable: it cannot be written.
        SchemaMismatch: it is at a revision that this code does not know.
    """
    with writing(engine) as connection:
        found = revision(connection)
    order = ("base", *revisions())
    wanted = head() if to == "head" else to
    is_forward = found not in order or order.index(wanted) >= order.index(found or "base")
    return upgrade(engine, to) if is_forward else downgrade(engine, to)


@cache
def revisions() -> tuple[str, ...]:
    """All revisions, oldest first."""
    return tuple(reversed([entry.revision for entry in _script().walk_revisions()]))


@cache
def head() -> str:
    """The newest revision: the one this code writes."""
    return str(_script().get_current_head())


def revision(connection: Connection) -> str | None:
    """The revision a database is at; None when it has no published schema."""
    return _context(connection).get_current_revision()


def require_head(connection: Connection) -> None:
    """Refuse a database of another revision: an old publisher must not write into a new schema.

    Raises:
        SchemaMismatch: with both revisions and the next step.
    """
    found = revision(connection)
    if found != head():
        raise SchemaMismatch(place_of(connection.engine.url), found, head())


def _move(engine: Engine, to: str, step: Callable[..., None]) -> str:
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_SECONDS}s'"))
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {CORE}"))
            if inspect(connection).has_table("publisher_lease", schema=CORE):
                connection.execute(text("LOCK TABLE kpi_core.publisher_lease IN ACCESS EXCLUSIVE MODE"))
        found = revision(connection)
        if found is not None and found not in revisions():
            raise SchemaMismatch(place_of(engine.url), found, head())
        drop_views(connection)
        config = _config()
        config.attributes["connection"] = connection
        step(config, to)
        now = revision(connection)
        if now == head():
            create_views(connection)
            write_comments(connection)
            write_scorecards(connection)
            grant_access(connection)
        return now or ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "os")
    return config


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _context(connection: Connection) -> MigrationContext:
    schema = CORE if connection.dialect.name == "postgresql" else None
    return MigrationContext.configure(connection, opts={"version_table_schema": schema})


__all__ = ["downgrade", "head", "metadata", "move", "require_head", "revision", "revisions", "upgrade"]
