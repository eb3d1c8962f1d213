"""Query results as Arrow: numbers as doubles, days as days, text as text."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from sqlalchemy import Boolean, ColumnElement, Connection, Date, Double, Integer, Select, cast

from pipelines.publishing.types import Quantity, UtcTimestamp


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
    rows = connection.execute(plain).all()
    by_column = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [pa.array(values, kind) for values, kind in zip(by_column, kinds, strict=True)]
    return pa.table(arrays, names=[column.name for column in columns])


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
