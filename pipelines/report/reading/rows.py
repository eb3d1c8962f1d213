"""Rows of a view as plain Python values, and the small things every reader needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Boolean, Connection, Date, text
from sqlalchemy.types import TypeEngine

from pipelines.publishing.types import JsonText, TextList, UtcTimestamp
from pipelines.report.model import Unit

Row = Mapping[str, Any]
T = TypeVar("T")

_LISTS = {
    "flags",
    "source_systems",
    "source_tables",
    "segments",
    "related_leading",
    "related_lagging",
    "metric_ids",
}


_DAYS_NAMED = {
    "data_through",
    "valid_from",
    "valid_to",
    "period_start",
    "period_end",
    "contribution_period_start",
}


_FLAGS = {"passed", "contributes", "reconciles", "target_met"}


def fetch(
    connection: Connection,
    view: str,
    columns: str,
    order: str = "",
    where: str = "",
    parameters: Mapping[str, object] | None = None,
    latest: str = "",
) -> list[dict[str, Any]]:
    """Rows of a view: numbers as they come, days as date, instants as aware UTC.

    ``order`` names columns, ``-name`` for descending; it is done here, because engines sort text differently.
    ``latest`` (``published_at, 200``) keeps that many rows with the greatest value of a time column.
    """
    names = [name.strip().rpartition(" ")[2] for name in columns.split(",")]
    sort = [name for name in order.split(", ") if name]
    if unknown := {name.removeprefix("-") for name in sort} - set(names):
        raise ValueError(f"{view} is to be sorted by {sorted(unknown)}, which is not among {names}")
    sql = f"SELECT {columns} FROM {view}"
    sql += f" WHERE {where}" if where else ""
    if latest:
        column, _, limit = latest.partition(", ")
        sql += f" ORDER BY {column} DESC LIMIT {int(limit)}"
    kinds = {name: kind for name in names if (kind := _kind(name)) is not None}
    found = connection.execute(text(sql).columns(**kinds), dict(parameters or {}))
    rows = [dict(zip(names, row, strict=True)) for row in found]
    for name in reversed(sort):
        _sort(rows, name)
    return rows


def _sort(rows: list[dict[str, Any]], name: str) -> None:
    column = name.removeprefix("-")
    rows.sort(
        key=lambda row: (row[column] is None, "" if row[column] is None else row[column]),
        reverse=name.startswith("-"),
    )


def _kind(name: str) -> TypeEngine[Any] | None:
    if name.endswith("_at"):
        return UtcTimestamp()
    if name in _DAYS_NAMED or name.endswith("_date"):
        return Date()
    if name.startswith("is_") or name in _FLAGS:
        return Boolean()
    if name in _LISTS:
        return TextList()
    return JsonText() if name in {"root_cause", "draft"} else None


def number(value: Any) -> float | None:
    """A number of either engine as float."""
    return None if value is None else float(value)


def grouped(
    connection: Connection,
    view: str,
    columns: str,
    order: str,
    make: Callable[[Row], T],
    key: str = "metric_id",
) -> dict[str, tuple[T, ...]]:
    """Rows made into values, by one of their columns."""
    found: dict[str, list[T]] = defaultdict(list)
    for row in fetch(connection, view, columns, order):
        found[row[key]].append(make(row))
    return {name: tuple(made) for name, made in found.items()}


def unit(row: Row) -> Unit:
    """How a row's values are shown."""
    return Unit(
        row.get("unit_family") or "",
        row.get("unit") or "",
        row.get("currency_code"),
        row.get("display_format") or "0,0",
    )
