"""The embedded default: one DuckDB file, one writer, UTC throughout."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa

from pipelines.warehouse.errors import WarehouseError
from pipelines.warehouse.protocol import MergeResult

WRITER_PATIENCE, READER_PATIENCE = 30.0, 2.0
"""Seconds to wait for a file that another process has open."""

_NAMED = (
    "SELECT EXISTS (SELECT 1 FROM duckdb_tables() WHERE schema_name = $schema AND table_name = $name)"
    " OR EXISTS (SELECT 1 FROM duckdb_views() WHERE schema_name = $schema AND view_name = $name)"
)
"""Asked hundreds of times in a run: `information_schema` looks at more, for the same answer."""

NAME = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?\Z")


class DuckDBWarehouse:
    """A DuckDB file (or `:memory:`) behind the warehouse protocol.

    The file has one writer at a time: opening waits up to `patience` seconds for another process to let go. Opened
    `read_only` it must be there already, shares the file with other readers, reaches nothing but the file, and
    gives up after `READER_PATIENCE` seconds when a writer has it.

    Raises:
        WarehouseError: the file cannot be opened or written, or is held by another process for too long.
    """

    dialect = "duckdb"

    def __init__(
        self,
        path: str | Path,
        *,
        read_only: bool = False,
        patience: float | None = None,
        memory_limit: str = "1GB",
        threads: int | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = str(path)
        self._depth = 0
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "preserve_insertion_order": True,
        }
        if threads is not None:
            config["threads"] = threads
        if patience is None:
            patience = READER_PATIENCE if read_only else WRITER_PATIENCE
        if read_only:
            config |= {"access_mode": "READ_ONLY", "enable_external_access": False}
        self._connection = _connect(self.path, config, patience, sleep, read_only)
        # A session setting (ICU is loaded by then), so that no result depends on the machine's zone.
        self._connection.execute("SET TimeZone = 'UTC'")

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        relation = self._connection.sql(sql, params=list(parameters))
        if relation is None:
            raise WarehouseError("a query that returns no rows was asked for", hint="use execute()")
        return relation.to_arrow_table()

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        self._connection.execute(sql, list(parameters))

    def exists(self, table: str) -> bool:
        schema, name = _split(table)
        found = self._connection.execute(_NAMED, {"schema": schema, "name": name}).fetchall()
        return bool(found[0][0])

    def columns(self, table: str) -> dict[str, str]:
        """Column names and engine types of a table, in order; empty where there is no such table."""
        if not self.exists(table):
            return {}
        rows = self._connection.execute(f"DESCRIBE {_quoted(table)}").fetchall()
        return {str(column): str(kind) for column, kind, *_ in rows}

    def merge(
        self, table: str, rows: pa.Table, keys: Sequence[str], newest_by: Sequence[str] = ()
    ) -> MergeResult:
        if not keys:
            raise WarehouseError(f"merge into {table} names no key", hint="declare the stream's key columns")
        with self.transaction(), self._offered(rows):
            self._prepare(table)
            present = self.columns(table)
            if not present:
                self._create(table)
            else:
                self._widen(table, present)
            if not rows.num_rows:
                return MergeResult(offered=0, written=0)
            columns = ", ".join(_quoted(name) for name in rows.column_names)
            key_list = ", ".join(_quoted(key) for key in keys)
            same_key = " AND ".join(
                f"present.{_quoted(k)} IS NOT DISTINCT FROM newest.{_quoted(k)}" for k in keys
            )
            if self._all_new(table, key_list, same_key):
                self._connection.execute(
                    f"INSERT INTO {_quoted(table)} ({columns}) SELECT {columns} FROM offered"
                )
                return MergeResult(offered=rows.num_rows, written=rows.num_rows)
            order = ", ".join(f"{_quoted(name)} DESC NULLS LAST" for name in newest_by) or key_list
            self._connection.execute(
                f"CREATE OR REPLACE TEMP TABLE newest AS SELECT {columns} FROM offered"
                f" QUALIFY row_number() OVER (PARTITION BY {key_list} ORDER BY {order}) = 1"
            )
            if newest_by:
                # A tie is no change: the same version offered again leaves the table as it is.
                present_rank = ", ".join(f"present.{_quoted(name)}" for name in newest_by)
                offered_rank = ", ".join(f"newest.{_quoted(name)}" for name in newest_by)
                self._connection.execute(
                    f"DELETE FROM newest WHERE EXISTS (SELECT 1 FROM {_quoted(table)} AS present"
                    f" WHERE {same_key} AND ({present_rank}) >= ({offered_rank}))"
                )
            self._connection.execute(f"DELETE FROM {_quoted(table)} AS present USING newest WHERE {same_key}")
            self._connection.execute(f"INSERT INTO {_quoted(table)} ({columns}) SELECT {columns} FROM newest")
            written = self._connection.execute("SELECT count(*) FROM newest").fetchall()
            self._connection.execute("DROP TABLE newest")
        return MergeResult(offered=int(rows.num_rows), written=int(written[0][0]))

    def merge_all(
        self, table: str, pieces: Iterable[pa.Table], keys: Sequence[str], newest_by: Sequence[str] = ()
    ) -> MergeResult:
        pieces = iter(pieces)
        first = list(islice(pieces, 2))
        if len(first) == 1:
            return self.merge(table, first[0], keys, newest_by)
        offered = written = 0
        with self.transaction():
            filling = bool(first) and self._is_news(table, first[0], keys)
            last = self._last_place(table) if filling else -1
            pieces = chain(first, pieces)
            del first  # or it would be in memory to the end
            for piece in pieces:
                if filling:
                    written += self.append(table, piece)
                else:
                    written += self.merge(table, piece, keys, newest_by).written
                offered += piece.num_rows
            if filling:
                written -= self._drop_repeats(table, keys, newest_by, after=last)
        return MergeResult(offered=offered, written=written)

    def _is_news(self, table: str, rows: pa.Table, keys: Sequence[str]) -> bool:
        """Does no row of the table share the first part of its key (the account, say) with any of `rows`?"""
        if not keys or keys[0] not in self.columns(table):
            return False
        key = _quoted(keys[0])
        with self._offered(rows):
            found = self._connection.execute(
                f"SELECT EXISTS (SELECT 1 FROM {_quoted(table)} WHERE {key} IN (SELECT DISTINCT {key} FROM offered))"
            ).fetchall()
        return not found[0][0]

    def _last_place(self, table: str) -> int:
        found = self._connection.execute(f"SELECT max(rowid) FROM {_quoted(table)}").fetchall()
        return -1 if found[0][0] is None else int(found[0][0])

    def _drop_repeats(self, table: str, keys: Sequence[str], newest_by: Sequence[str], *, after: int) -> int:
        """Of rows with the same key, keep the newest, of equal ones the first; returns how many after a place went."""
        key_list = ", ".join(_quoted(key) for key in keys)
        repeated = f"SELECT {key_list} FROM {_quoted(table)} GROUP BY {key_list} HAVING count(*) > 1"
        if not self._connection.execute(f"SELECT EXISTS ({repeated})").fetchall()[0][0]:
            return 0
        same = " AND ".join(f"one.{_quoted(key)} IS NOT DISTINCT FROM many.{_quoted(key)}" for key in keys)
        order = "".join(f"one.{_quoted(name)} DESC NULLS LAST, " for name in newest_by)
        partition = ", ".join(f"one.{_quoted(key)}" for key in keys)
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE older AS SELECT one.rowid AS place FROM {_quoted(table)} AS one"
            f" JOIN ({repeated}) AS many ON {same}"
            f" QUALIFY row_number() OVER (PARTITION BY {partition} ORDER BY {order}one.rowid) > 1"
        )
        self._connection.execute(f"DELETE FROM {_quoted(table)} WHERE rowid IN (SELECT place FROM older)")
        dropped = self._connection.execute("SELECT count(*) FROM older WHERE place > ?", [after]).fetchall()
        self._connection.execute("DROP TABLE older")
        return int(dropped[0][0])

    def _all_new(self, table: str, key_list: str, same_key: str) -> bool:
        """Are the offered keys all different, and none of them in the table? Then there is nothing to compare.

        The usual case of a first load: it saves a copy of every row.
        """
        found = self._connection.execute(
            f"SELECT EXISTS (SELECT 1 FROM offered GROUP BY {key_list} HAVING count(*) > 1) OR EXISTS"
            f" (SELECT 1 FROM offered AS newest WHERE EXISTS (SELECT 1 FROM {_quoted(table)} AS present"
            f" WHERE {same_key}))"
        ).fetchall()
        return not found[0][0]

    def replace(self, table: str, sql: str) -> int:
        with self.transaction():
            self._prepare(table)
            self._connection.execute(f"CREATE OR REPLACE TABLE {_quoted(table)} AS {sql}")
        return self._count(table)

    def write(self, table: str, rows: pa.Table) -> int:
        with self.transaction(), self._offered(rows):
            self._prepare(table)
            self._create(table)
            self._insert(table, rows)
        return int(rows.num_rows)

    def append(self, table: str, rows: pa.Table) -> int:
        """Add `rows` to `table`, which is created if absent; returns how many were added."""
        with self.transaction(), self._offered(rows):
            self._prepare(table)
            present = self.columns(table)
            if present:
                self._widen(table, present)
            else:
                self._create(table)
            self._insert(table, rows)
        return int(rows.num_rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Nested use joins the outer transaction."""
        if self._depth:
            yield
            return
        self._connection.execute("BEGIN")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        else:
            self._connection.execute("COMMIT")
        finally:
            self._depth -= 1

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _offered(self, rows: pa.Table) -> Iterator[None]:
        offered = _Offered(rows)
        self._connection.register("offered", offered)
        try:
            yield
        finally:
            offered.rows = None
            self._connection.unregister("offered")

    def _prepare(self, table: str) -> None:
        schema, _ = _split(table)
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(schema)}")

    def _create(self, table: str) -> None:
        """Make an empty table with the columns of what is offered."""
        offered = self._connection.execute("DESCRIBE SELECT * FROM offered").fetchall()
        columns = ", ".join(f"{_quoted(name)} {kind}" for name, kind, *_ in offered)
        self._connection.execute(f"CREATE OR REPLACE TABLE {_quoted(table)} ({columns})")

    def _insert(self, table: str, rows: pa.Table) -> None:
        """Put what is offered into a table.

        Nothing is done for no rows: after an insert of no Arrow rows, DuckDB 2.0.0 counts the rows of a large
        insert into the same table and transaction, but returns none of them.
        """
        if rows.num_rows:
            columns = ", ".join(_quoted(name) for name in rows.column_names)
            self._connection.execute(
                f"INSERT INTO {_quoted(table)} ({columns}) SELECT {columns} FROM offered"
            )

    def _widen(self, table: str, present: dict[str, str]) -> None:
        offered = self._connection.execute("DESCRIBE SELECT * FROM offered").fetchall()
        for name, kind, *_ in offered:
            if name not in present:
                self._connection.execute(f"ALTER TABLE {_quoted(table)} ADD COLUMN {_quoted(name)} {kind}")

    def _count(self, table: str) -> int:
        row = self._connection.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchall()
        return int(row[0][0])


class _Offered:
    """Rows under a name that statements can read.

    The engine keeps what was registered in a transaction until that ends: this it may keep, the rows it may not.
    """

    def __init__(self, rows: pa.Table) -> None:
        self.rows: pa.Table | None = rows

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return (self.rows if self.rows is not None else pa.table({})).__arrow_c_stream__(requested_schema)


def _split(table: str) -> tuple[str, str]:
    if not NAME.match(table):
        raise WarehouseError(
            f"{table!r} is not a table name", hint="write schema.table in lower case, digits and underscores"
        )
    schema, separator, name = table.rpartition(".")
    return (schema if separator else "main"), name


def _quoted(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def _connect(
    path: str,
    config: dict[str, str | bool | int | float | list[str]],
    patience: float,
    sleep: Callable[[float], None],
    read_only: bool,
) -> duckdb.DuckDBPyConnection:
    if read_only and not Path(path).is_file():
        raise WarehouseError(
            f"there is no warehouse {path} yet",
            hint="run `vitals run` (or `vitals demo`) first, or set VITALS_HOME",
        )
    if path != ":memory:" and not read_only:
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WarehouseError(
                f"the folder of warehouse {path} cannot be made ({error.strerror})",
                hint="set VITALS_HOME to a folder you may write",
            ) from error
    waited = 0.0
    while True:
        try:
            return duckdb.connect(path, config=config)
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                raise WarehouseError(
                    f"warehouse {path} cannot be opened ({str(error).splitlines()[0]})",
                    hint="check that the file is yours to write, and was made by this version of DuckDB",
                ) from error
            if waited >= patience:
                raise _held(path, read_only) from error
        except duckdb.ConnectionException as error:  # this very process has it open to write
            if waited >= patience:
                raise _held(path, read_only) from error
        sleep(0.25)
        waited += 0.25


def _held(path: str, read_only: bool) -> WarehouseError:
    if read_only:
        return WarehouseError(
            f"warehouse {path} is being written by a run",
            hint="ask again when the run has ended; what was published can be read meanwhile (`vitals asof now`)",
        )
    return WarehouseError(
        f"warehouse {path} is held by another process",
        hint="wait for the other run or query to end, or stop it; the warehouse has one writer",
    )
