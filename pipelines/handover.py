"""Rows that one step leaves in the warehouse for a later one, which may run in another process or on another day.

handover.leave(warehouse, "anomalies", AnomalyRow, rows)
rows = handover.take(warehouse, "anomalies", AnomalyRow)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from pipelines.warehouse import Warehouse, WarehouseError

Row = TypeVar("Row")


def leave(warehouse: Warehouse, name: str, kind: type[Row], rows: Iterable[Row]) -> int:
    """Replace what was left under `name` by `rows` (frozen dataclasses of one kind); returns how many."""
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    documents = [adapter.dump_json(row).decode() for row in rows]
    table = pa.table(
        {
            "position": pa.array(range(len(documents)), pa.int64()),
            "document": pa.array(documents, pa.string()),
        }
    )
    return warehouse.write(_table(name), table)


def take(warehouse: Warehouse, name: str, kind: type[Row]) -> tuple[Row, ...]:
    """What was left under `name`, in order; nothing where nothing ever was.

    Raises:
        WarehouseError: it was left by a version of the product with other columns.
    """
    if not warehouse.exists(_table(name)):
        return ()
    adapter: TypeAdapter[Row] = TypeAdapter(kind)
    documents = warehouse.query(f"SELECT document FROM {_table(name)} ORDER BY position").column("document")
    try:
        return tuple(adapter.validate_json(document) for document in documents.to_pylist())
    except ValidationError as error:
        raise WarehouseError(
            f"rows left as {name!r} do not fit {kind.__name__} any more",
            hint="they are from another version: run the whole job once",
        ) from error


def _table(name: str) -> str:
    return f"vitals.{name}"
