"""Kinds of the published views' columns, for tools that are told before they look.

A name says much (rule 11: `_at` instants, `_date` and `_start` days, `is_` booleans); the rest is what the base
table's column of that name is. A test compares the outcome with PostgreSQL's information schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cache

from sqlalchemy import BigInteger, Boolean, Date, Integer
from sqlalchemy.types import TypeEngine

from pipelines.publishing.schema import metadata
from pipelines.publishing.types import Quantity, UtcTimestamp
from pipelines.publishing.views import VIEWS
from pipelines.publishing.views.model import ViewColumn


class ColumnKind(StrEnum):
    """What a BI tool needs to know of a column's type."""

    NUMBER = "number"
    INTEGER = "integer"
    TEXT = "text"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"


@cache
def column_kinds() -> Mapping[str, Mapping[str, ColumnKind]]:
    """Kinds of all columns, by view."""
    return {view.name: {column.name: kind_of(column) for column in view.columns} for view in VIEWS}


def kind_of(column: ViewColumn) -> ColumnKind:
    """The kind of one column of a view."""
    name = column.name
    if name in _base_columns():
        return _base_columns()[name]
    if name.endswith("_at"):
        return ColumnKind.TIMESTAMP
    if name.startswith("is_"):
        return ColumnKind.BOOLEAN
    if re.search(r"_rank$|^(depth|revision)$|^(checks|errors|warnings|perspective)_", name):
        return ColumnKind.INTEGER
    last = re.search(r"\b[a-z_]+\.([a-z_]+)\)?( END)?$", column.expression)
    if last and last.group(1) in _base_columns():
        return _base_columns()[last.group(1)]
    return _BY_NAME.get(name, ColumnKind.TEXT)


_BY_NAME = {
    "focus_score": ColumnKind.NUMBER,
}
"""Computed columns that no base table knows."""


@cache
def _base_columns() -> Mapping[str, ColumnKind]:
    """Kinds of the base tables' columns by name; names mean the same everywhere."""
    return {column.name: _kind(column.type) for table in metadata.sorted_tables for column in table.columns}


def _kind(kind: TypeEngine[object]) -> ColumnKind:
    if isinstance(kind, Quantity):
        return ColumnKind.NUMBER
    if isinstance(kind, UtcTimestamp):
        return ColumnKind.TIMESTAMP
    if isinstance(kind, Boolean):
        return ColumnKind.BOOLEAN
    if isinstance(kind, Date):
        return ColumnKind.DATE
    return ColumnKind.INTEGER if isinstance(kind, BigInteger | Integer) else ColumnKind.TEXT
