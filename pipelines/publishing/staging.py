"""Temporary tables that a publication is staged in, and the fastest way into them on each engine.

A stage belongs to one connection: no other publisher can see it, a crash leaves nothing behind, and on SQLite
filling it does not take the write lock. PostgreSQL loads by COPY, SQLite by executemany in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from sqlalchemy import Column, Connection, Integer, MetaData, Table

CHUNK_ROWS = 100_000
STAGE_ROW = "stage_row"
"""Number of a row in its stage."""


@cache
def stage_like(table: Table, columns: tuple[str, ...]) -> Table:
    """A temporary table with some of a base table's columns, numbered rows and no constraints."""
    copies = [Column(STAGE_ROW, Integer())]
    copies += [Column(column, table.c[column].type) for column in columns]
    return Table(f"stage_{table.name}", MetaData(), *copies, prefixes=["TEMPORARY"])


def create(connection: Connection, stage: Table) -> None:
    """Make a stage, empty."""
    drop(connection, stage)
    stage.create(connection)


def drop(connection: Connection, stage: Table) -> None:
    """Take a stage away if it is there."""
    prefix = "temp." if connection.dialect.name == "sqlite" else "pg_temp."
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {prefix}{stage.name}")


def load_rows(connection: Connection, stage: Table, rows: Iterable[dict[str, Any]]) -> None:
    """Fill a stage with some rows, through the column types."""
    listed = list(rows)
    if STAGE_ROW in stage.c:
        listed = [row | {STAGE_ROW: number} for number, row in enumerate(listed)]
    if listed:
        connection.execute(stage.insert(), listed)


def load_arrow(connection: Connection, stage: Table, frame: pa.Table, first_row: int = 0) -> None:
    """Fill a stage with many rows whose numbers are quantised already; they are numbered from `first_row`."""
    numbers = pa.array(np.arange(first_row, first_row + frame.num_rows), pa.int64())
    frame = frame.append_column(STAGE_ROW, numbers)
    if connection.dialect.name == "postgresql":
        _copy(connection, stage, frame)
    else:
        insert_many(connection, f"temp.{stage.name}", frame)


def _copy(connection: Connection, stage: Table, frame: pa.Table) -> None:
    cursor = connection.connection.cursor()
    listing = ", ".join(frame.column_names)
    # Text is always quoted, NULL never: the empty text stays the empty text.
    cursor.copy_expert(
        f"COPY pg_temp.{stage.name} ({listing}) FROM STDIN WITH (FORMAT csv)", _CsvStream(frame)
    )
    cursor.close()
    analyse(connection, stage)


def analyse(connection: Connection, stage: Table) -> None:
    """Let PostgreSQL know how much is in a stage: without it, it would plan for a table it knows nothing of."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ANALYZE pg_temp.{stage.name}")


class _CsvStream:
    """A frame read as CSV, one chunk of rows in memory at a time."""

    def __init__(self, frame: pa.Table) -> None:
        self._chunks = csv_chunks(frame)
        self._buffer = memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        """The next bytes; empty at the end."""
        if not self._buffer:
            self._buffer = memoryview(next(self._chunks, b""))
        taken = self._buffer[:size] if size >= 0 else self._buffer
        self._buffer = self._buffer[len(taken) :]
        return bytes(taken)


def csv_chunks(frame: pa.Table) -> Iterator[bytes]:
    options = pyarrow.csv.WriteOptions(include_header=False)
    plain = pa.schema(
        [
            (field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type)
            for field in frame.schema
        ]
    )
    for start in range(0, frame.num_rows, CHUNK_ROWS):
        sink = pa.BufferOutputStream()
        pyarrow.csv.write_csv(frame.slice(start, CHUNK_ROWS).cast(plain), sink, options)
        yield sink.getvalue().to_pybytes()


def insert_many(connection: Connection, table: str, frame: pa.Table) -> None:
    """Insert a frame into a SQLite table, column by column turned into what the driver takes."""
    cursor = connection.connection.cursor()
    listing, marks = ", ".join(frame.column_names), ", ".join("?" * frame.num_columns)
    statement = f"INSERT INTO {table} ({listing}) VALUES ({marks})"
    for start in range(0, frame.num_rows, CHUNK_ROWS):
        chunk = frame.slice(start, CHUNK_ROWS)
        rows = zip(*(python_values(column) for column in chunk.columns), strict=True)
        cursor.executemany(statement, rows)  # type: ignore[arg-type]  # sqlite3 takes any iterable
    cursor.close()


def python_values(column: pa.ChunkedArray) -> list[Any]:
    """A column as SQLite takes it: text, float, int, ISO days, None. Vectorised; distinct texts are made
    once."""
    if column.num_chunks != 1:
        column = column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column
        merged = column.combine_chunks()
        array = merged if isinstance(merged, pa.Array) else merged.chunk(0)
    else:
        array = column.chunk(0)
    if pa.types.is_dictionary(array.type):
        lookup = np.array([*array.dictionary.to_pylist(), None], object)
        codes = array.indices.fill_null(len(lookup) - 1).to_numpy(zero_copy_only=False)
        return list(lookup[codes])
    if pa.types.is_date(array.type):
        days = array.cast(pa.int32()).to_numpy(zero_copy_only=False)
        if not len(days):
            return []
        first = int(days.min())
        lookup = np.arange(first, int(days.max()) + 1).astype("datetime64[D]").astype(str).astype(object)
        return list(lookup[days - first])
    if pa.types.is_string(array.type) or pa.types.is_boolean(array.type):
        return list(array.to_pylist())
    values = array.fill_null(0).to_numpy(zero_copy_only=False)
    if not array.null_count:
        return list(values.tolist())
    if array.null_count == len(array):
        return [None] * len(array)
    objects = values.astype(object)
    objects[np.asarray(array.is_null())] = None
    return list(objects.tolist())
