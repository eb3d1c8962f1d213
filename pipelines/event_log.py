"""Dagster's event log in SQLite, with connections that are kept: what an event costs, made smaller.

The stock storage makes an engine and opens a file for each statement, and waits for the disk at each commit. This one
keeps a pool per file and lets the write-ahead log do its work: a crash of the process loses nothing, a power cut at
most the last events of a run that died with it. Measured in benchmarks/orchestration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event

BUSY_SECONDS = 60


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """`SqliteEventLogStorage` over kept connections; same files, same schema, so either can follow the other."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PooledSqliteEventLogStorage:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

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
