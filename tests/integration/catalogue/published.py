"""KPIs of the shipped catalogue over given raw tables, as they would be published."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa

import definitions
from definitions import load_catalogue
from definitions.compiler import compile_catalogue
from definitions.compiler.states import apply_states
from definitions.model import Catalogue
from pipelines.staging import load_models
from pipelines.staging.build import ENGINE_TYPES, build_staging, neutral_tables
from pipelines.warehouse import Warehouse, open_warehouse

CATALOGUE = load_catalogue(Path(definitions.__file__).parent / "catalogue")
NOW = datetime(2025, 3, 20, 12, tzinfo=UTC)
Row = dict[str, Any]


def in_zone(zone: str) -> Catalogue:
    calendars = {name: dataclasses.replace(c, time_zone=zone) for name, c in CATALOGUE.calendars.items()}
    return dataclasses.replace(CATALOGUE, calendars=calendars)


class Company:
    """Raw tables in an engine, the derived tables over them, and KPIs as they would be published.

    Tables that are not given are empty. ``first`` and ``last`` are the days that values are asked for.
    """

    def __init__(
        self,
        raw: dict[str, pd.DataFrame],
        zone: str,
        path: Path,
        metrics: Iterable[str],
        first: date = date(2024, 1, 1),
        last: date = date(2024, 12, 31),
        now: datetime = NOW,
    ) -> None:
        self.raw, self.catalogue, self.zone = raw, in_zone(zone), ZoneInfo(zone)
        self.metrics, self.first, self.last, self.now = sorted(metrics), first, last, now
        self.warehouse: Warehouse = open_warehouse(f"duckdb:///{path / 'warehouse.duckdb'}")
        self.batches = compile_catalogue(self.catalogue, metrics=self.metrics, start=first, end=last)
        wanted, needed = (
            neutral_tables(self.catalogue),
            {table for batch in self.batches for table in batch.tables},
        )
        derived = [model for model in load_models([]) if model.table in wanted]
        for model in reversed(derived):
            if model.table in needed:
                needed.update(name for name in model.inputs if name in wanted)
        folded = {model.table for model in derived} & needed
        build_staging(self.warehouse, self.catalogue, [], only=needed - folded)
        for name in sorted(needed & set(raw)):
            columns = ", ".join(
                f"CAST({column.name} AS {ENGINE_TYPES[column.type]}) AS {column.name}"
                for column in wanted[name].columns.values()
            )
            self.warehouse.write("raw.loaded", pa.Table.from_pandas(raw[name], preserve_index=False))
            self.warehouse.replace(name, f"SELECT {columns} FROM raw.loaded")
        build_staging(self.warehouse, self.catalogue, derived, only=folded)

    @cached_property
    def values(self) -> pa.Table:
        return pa.concat_tables([self.warehouse.query(batch.sql("duckdb")) for batch in self.batches])

    def published(self, now: datetime | None = None) -> list[Row]:
        frame = apply_states(
            self.values,
            self.catalogue,
            as_of=now or self.now,
            start=self.first,
            end=self.last,
            metrics=self.metrics,
        )
        return list(frame.to_pylist())

    @cached_property
    def totals(self) -> dict[tuple[str, str, date], Row]:
        rows = (row for row in self.published() if row["segment_dimension"] == "")
        return {(row["metric"], row["grain"], row["period_start"]): row for row in rows}

    def segments(self, metric: str, grain: str, dimension: str) -> dict[tuple[str, date], float | None]:
        return {
            (row["segment_value"], row["period_start"]): row["value"]
            for row in self.published()
            if (row["metric"], row["grain"], row["segment_dimension"]) == (metric, grain, dimension)
        }

    def value(self, metric: str, first: date, grain: str = "month") -> Any:
        return self.totals[metric, grain, first]["value"]
