"""What changed in the neutral tables since the values were computed: a log between staging and computing.

    log = ChangeLog(warehouse, catalogue)
    build_staging(warehouse, catalogue, models, replace=log.replace)     # staging notes the rows that differ
    changed = since(warehouse, compiler, generation)                     # computing reads both images of them

A rebuilt table is held against the one it replaces: a row that came, went or changed in any column is kept in
the log in both images, whatever the reason (late rows, deletes, changed dimensions, another staging model).
Rows are told apart by a 64-bit hash over all columns, counted on both sides, so that keys, order and duplicates
do not matter. Where the rows cannot be known (a new table, other columns, too many rows, another engine) the
log says so, and everything over the table is computed again. Source: dictionary rules, 'Incremental'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from definitions.compiler import Compiler
from definitions.model import Catalogue, Source
from pipelines.warehouse import Warehouse

LOG = "vitals.staging_changes"
KEYS = "staging_differences"
ROWS, UNKNOWN = "rows", "unknown"
MOST_ROWS = 10_000
"""Changed rows of one table above which it is not worth knowing them."""
_LOG_SCHEMA = pa.schema(
    [("generation", pa.int64()), ("table_name", pa.string()), ("kind", pa.string()), ("rows", pa.int64())]
)
_QUARTER_HOUR = "time_bucket(INTERVAL 15 MINUTE, {0})"
"""Instants are needed to the local day only, and no zone's offset is finer."""


class ChangeLog:
    """Replaces neutral tables, and notes what that changed. One object is one staging (a generation)."""

    def __init__(self, warehouse: Warehouse, catalogue: Catalogue) -> None:
        self._warehouse = warehouse
        self._catalogue = catalogue
        if not warehouse.exists(LOG):
            warehouse.write(LOG, _LOG_SCHEMA.empty_table())
        self.generation = generation(warehouse) + 1

    def replace(self, table: str, sql: str) -> int:
        """Put the rows of `sql` in place of a table's; a table whose rows are the same is left as it is."""
        warehouse = self._warehouse
        if not self._can_be_compared(table, sql):
            return self._unknown(table, warehouse.replace(table, sql))
        changed = self._differing(table, sql)
        if not changed:
            return _count(warehouse, table)
        if changed > MOST_ROWS:
            return self._unknown(table, warehouse.replace(table, sql))
        were = self._images(table)
        rows = warehouse.replace(table, sql)
        warehouse.append(images_of(table), pa.concat_tables([were, self._images(table)]))
        self._note(table, ROWS, changed)
        return rows

    def _can_be_compared(self, table: str, sql: str) -> bool:
        """Whether table, rows to come and images kept earlier have the same columns."""
        warehouse, images = self._warehouse, images_of(table)
        if warehouse.dialect != "duckdb" or not warehouse.exists(table):
            return False
        columns = warehouse.query(f"SELECT * FROM ({sql}) LIMIT 0").schema
        if warehouse.exists(images) and pa.schema([*_schema(warehouse, images)][1:]) != columns:
            warehouse.execute(f"DROP TABLE {images}")
            return False
        return bool(_schema(warehouse, table) == columns)

    def _differing(self, table: str, sql: str) -> int:
        """Leave the hashes of rows that are not as often in the one as in the other; returns how many."""
        self._warehouse.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE {KEYS} AS SELECT key FROM (
                SELECT hash(was) AS key, -1 AS change FROM {table} AS was
                UNION ALL SELECT hash(fresh), 1 FROM ({sql}) AS fresh
            ) GROUP BY key HAVING sum(change) <> 0
            """
        )
        return _count(self._warehouse, KEYS)

    def _images(self, table: str) -> pa.Table:
        """The rows of a table that differ, as they are now."""
        return self._warehouse.query(
            f"SELECT {self.generation}::BIGINT AS generation, image.* FROM {table} AS image"
            f" WHERE hash(image) IN (SELECT key FROM {KEYS})"
        )

    def _unknown(self, table: str, rows: int) -> int:
        self._note(table, UNKNOWN, rows)
        return rows

    def _note(self, table: str, kind: str, rows: int) -> None:
        self._warehouse.execute(
            f"INSERT INTO {LOG} VALUES (?, ?, ?, ?)", (self.generation, table, kind, rows)
        )


@dataclass(frozen=True)
class Changed:
    """What differs from the tables of an earlier generation, by source of the dictionary.

    Attributes:
        images: the distinct days and keys of changed rows, as they were and as they are.
        unknown: sources of which nothing can be said but that they may have changed.
    """

    images: Mapping[str, Sequence[Mapping[str, Any]]]
    unknown: frozenset[str]


def generation(warehouse: Warehouse) -> int:
    """The latest staging; 0 before the first."""
    if not warehouse.exists(LOG):
        return 0
    found = warehouse.query(f"SELECT coalesce(max(generation), 0) AS latest FROM {LOG}")
    return int(found.column("latest")[0].as_py())


def since(warehouse: Warehouse, compiler: Compiler, earlier: int) -> Changed:
    """Everything that changed after staging `earlier`."""
    rows = warehouse.query(
        f"SELECT table_name, bool_or(kind = ?) AS is_unknown FROM {LOG} WHERE generation > ?"
        " GROUP BY table_name ORDER BY table_name",
        (UNKNOWN, earlier),
    ).to_pylist()
    changed = {row["table_name"]: bool(row["is_unknown"]) for row in rows}
    needed = _needed_columns(compiler)
    images: dict[str, list[Mapping[str, Any]]] = {}
    unknown = set()
    for source in compiler.catalogue.sources.values():
        if source.derived is not None or source.movements is not None or source.table not in changed:
            continue
        if changed[source.table]:
            unknown.add(source.name)
        elif needed[source.name]:
            images[source.name] = _images(warehouse, source, needed[source.name], earlier)
    return Changed(images, frozenset(unknown))


def forget(warehouse: Warehouse, up_to: int) -> None:
    """Drop what everybody has taken in: generations up to and including `up_to`, but for the number itself."""
    if not warehouse.exists(LOG):
        return
    tables = (
        warehouse.query(f"SELECT DISTINCT table_name FROM {LOG} WHERE kind = '{ROWS}'").column(0).to_pylist()
    )
    for table in tables:
        if warehouse.exists(images_of(table)):
            warehouse.execute(f"DELETE FROM {images_of(table)} WHERE generation <= ?", (up_to,))
    warehouse.execute(
        f"DELETE FROM {LOG} WHERE generation <= ? AND generation < ?", (up_to, generation(warehouse))
    )


def images_of(table: str) -> str:
    """Where the changed rows of a table are kept."""
    return "changes." + table.replace(".", "__")


def _images(
    warehouse: Warehouse, source: Source, columns: Sequence[str], earlier: int
) -> list[Mapping[str, Any]]:
    chosen = ", ".join(
        f"{_QUARTER_HOUR.format(_quoted(name))} AS {_quoted(name)}"
        if source.columns[name].type == "timestamp"
        else _quoted(name)
        for name in columns
    )
    found: list[Mapping[str, Any]] = warehouse.query(
        f"SELECT DISTINCT {chosen} FROM {images_of(source.table)} WHERE generation > ?", (earlier,)
    ).to_pylist()
    return found


def _needed_columns(compiler: Compiler) -> dict[str, list[str]]:
    """Columns of each source that say which days a row touches: its times, and what others join it by."""
    catalogue = compiler.catalogue
    needed: dict[str, set[str]] = {name: set() for name in catalogue.sources}
    for source in catalogue.sources.values():
        if source.time:
            needed[source.name].add(source.time)
        if source.validity:
            needed[source.name] |= {source.validity.start, source.validity.end}
        for join in source.joins.values():
            needed[join.to] |= {there for _, there in join.on}
    for name in catalogue.metrics:
        for _, measure in compiler.resolver.measures_of(name):
            if measure.time:
                needed[measure.source].add(measure.time)
    return {
        name: sorted(column for column in columns if column in catalogue.sources[name].columns)
        for name, columns in needed.items()
    }


def _count(warehouse: Warehouse, table: str) -> int:
    return int(warehouse.query(f"SELECT count(*) AS n FROM {table}").column("n")[0].as_py())


def _schema(warehouse: Warehouse, table: str) -> pa.Schema:
    return warehouse.query(f"SELECT * FROM {table} LIMIT 0").schema


def _quoted(name: str) -> str:
    return f'"{name}"'
