"""The engine that the connectors ask about lines in the raw store: DuckDB in memory, small, on one thread.

Starting one takes as long as twenty answers about a usual load, so questions that follow each other share one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import duckdb

MEMORY = "256MB"


class Engine:
    """Starts when the first question comes. For one thread at a time."""

    @contextmanager
    def session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own: what one question registers, no other sees. Stamps are in UTC."""
        with self._database.cursor() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection

    @cached_property
    def _database(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(
            config={
                "memory_limit": MEMORY,
                "threads": 1,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
