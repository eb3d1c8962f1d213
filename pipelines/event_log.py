"""Dagster's event log in SQLite, with connections that are kept: what an event costs, made smaller.

The stock storage makes an engine and opens a file for each statement, and waits for the disk at each commit. This one
keeps a pool per file and lets the write-ahead log do its work: a crash of the process loses nothing, a power cut at
most the last events of a run that died with it. Measured in benchmarks/orchestration.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from dagster import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event

BUSY_SECONDS = 60


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """`SqliteEventLogStorage` over kept connections; same files, same schema, so either can follow the other."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._open: dict[str, Connection] = {}
        self._tables: set[str] = set()
        self._has_index_columns = False
        super().__init__(base_dir, inst_data)
        # A batch holds it over the events that it is made of.
        self._db_lock = threading.RLock()  # type: ignore[assignment]

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PooledSqliteEventLogStorage:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if shard in self._open:
                yield self._open[shard]
                return
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Events that Dagster hands over together are one transaction in each file, not two for each of them."""
        with self._db_lock, ExitStack() as batch:
            try:
                for shard in (*sorted({event.run_id for event in events}), INDEX_SHARD_NAME):
                    self._open[shard] = batch.enter_context(self._connect(shard))
                super().store_event_batch(events)
            finally:
                self._open.clear()

    def has_table(self, table_name: str) -> bool:
        """Dagster asks before it writes the tags of an event, each time; a table that is there stays."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def _has_asset_key_index_cols_on_connection(self, conn: Connection) -> bool:
        if not self._has_index_columns:
            self._has_index_columns = super()._has_asset_key_index_cols_on_connection(conn)
        return self._has_index_columns

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            engine = create_engine(
                self.conn_string_for_shard(shard), connect_args={"timeout": BUSY_SECONDS}, pool_size=2
            )
            event.listen(engine, "connect", _relax)
            self._engines[shard] = engine
        return self._engines[shard]

    def dispose(self) -> None:
        super().dispose()
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()


def _relax(connection: Any, _record: Any) -> None:
    """In WAL mode NORMAL is safe against crashes of the process, and does not wait for the disk at each commit."""
    connection.execute("PRAGMA synchronous = NORMAL")
