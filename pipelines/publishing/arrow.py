"""Query results as Arrow: numbers as doubles, days as days, text as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import Boolean, ColumnElement, Connection, Date, Dialect, Double, Integer, Select, cast

from pipelines.publishing.types import Quantity, UtcTimestamp

PIECE = 20_000
"""Rows that are held as the driver's objects at a time."""


def fetch(connection: Connection, query: Select[Any]) -> pa.Table:
    """Run a query over columns of the schema and return it as Arrow, with the types of these columns."""
    columns = list(query.selected_columns)
    kinds = [column_type(column) for column in columns]
    plain = query.with_only_columns(
        *(
            cast(column, Double()).label(column.name) if kind == pa.float64() else column
            for column, kind in zip(columns, kinds, strict=True)
        ),
        maintain_column_froms=True,
    )
    result = connection.execute(plain)
    if result.cursor is None:
        raise TypeError("only a query has rows to fetch")
    readers = [_reader(column, kind, connection.dialect) for column, kind in zip(columns, kinds, strict=True)]
    schema = pa.schema([(column.name, kind) for column, kind in zip(columns, kinds, strict=True)])
    pieces = []
    # The driver's rows, a piece at a time: a row object each would cost more than reading it.
    while rows := result.cursor.fetchmany(PIECE):
        by_column = zip(*rows, strict=True)
        arrays = [read(values) for read, values in zip(readers, by_column, strict=True)]
        pieces.append(pa.record_batch(arrays, schema=schema))
    result.close()
    return pa.Table.from_batches(pieces, schema=schema)


def _reader(
    column: ColumnElement[Any], kind: pa.DataType, dialect: Dialect
) -> Callable[[Sequence[Any]], pa.Array]:
    """What makes an array of the driver's values of a column."""
    if kind == pa.float64():
        return lambda values: pa.array(values, kind)
    if kind == pa.date32() and dialect.name == "sqlite":
        return lambda values: pa.array(values, pa.string()).cast(kind)
    convert = column.type.dialect_impl(dialect).result_processor(dialect, None)
    if convert is None:
        return lambda values: pa.array(values, kind)
    return lambda values: pa.array([convert(value) for value in values], kind)


def column_type(column: ColumnElement[Any]) -> pa.DataType:
    """The Arrow type of a column of the schema."""
    kind = column.type
    if isinstance(kind, Quantity):
        return pa.float64()
    if isinstance(kind, UtcTimestamp):
        return pa.timestamp("us", tz="UTC")
    if isinstance(kind, Date):
        return pa.date32()
    if isinstance(kind, Boolean):
        return pa.bool_()
    return pa.int64() if isinstance(kind, Integer) else pa.string()
