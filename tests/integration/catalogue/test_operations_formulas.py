"""KPIs 41 to 74 of the catalogue against an independent computation, at every grain, in several zones."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest

import definitions
from definitions import load_catalogue
from definitions.compiler import compile_catalogue
from definitions.compiler.states import apply_states
from definitions.model import Catalogue
from pipelines.staging import load_models
from pipelines.staging.build import ENGINE_TYPES, build_staging, neutral_tables
from pipelines.warehouse import Warehouse, open_warehouse
from tests.integration.catalogue.independent_operations import KPIS, WITHHELD, Facts, Period
from tests.integration.catalogue.operations_tables import EDGES, FIRST, LAST, tables

CATALOGUE = load_catalogue(Path(definitions.__file__).parent / "catalogue")
STARTS = {"day": "D", "week": "W-MON", "month": "MS", "quarter": "QS"}
ENDS: dict[str, Any] = {"day": pd.Timedelta(days=0), "week": pd.Timedelta(days=6)}
ENDS |= {"month": pd.offsets.MonthEnd(0), "quarter": pd.offsets.QuarterEnd(0)}
NOW = datetime(2025, 3, 20, 12, tzinfo=UTC)
WORLDS = [(1, "UTC"), (2, "America/New_York"), (3, "Australia/Sydney")]
Row = dict[str, Any]


def periods(grain: str, zone: ZoneInfo) -> list[Period]:
    """Whole periods between the first and the last day; of days, those around the edges stand for the rest."""
    starts = pd.date_range(FIRST, LAST, freq=STARTS[grain])
    found = [Period(start.date(), (start + ENDS[grain]).date(), zone) for start in starts]
    found = [period for period in found if period.last <= LAST]
    if grain == "day":
        found = [p for p in found if p.first.day in (1, 2, 29, 30, 31) or p.first in EDGES]
    return found


def in_zone(zone: str) -> Catalogue:
    calendars = {name: dataclasses.replace(c, time_zone=zone) for name, c in CATALOGUE.calendars.items()}
    return dataclasses.replace(CATALOGUE, calendars=calendars)


class Company:
    """Raw tables in an engine, the derived tables over them, and all KPIs as they would be published."""

    def __init__(self, raw: dict[str, pd.DataFrame], zone: str, path: Path) -> None:
        self.raw, self.catalogue, self.zone = raw, in_zone(zone), ZoneInfo(zone)
        self.facts = Facts(raw, self.zone)
        self.warehouse: Warehouse = open_warehouse(f"duckdb:///{path / 'warehouse.duckdb'}")
        build_staging(self.warehouse, self.catalogue, [])
        wanted = neutral_tables(self.catalogue)
        for name, frame in raw.items():
            columns = ", ".join(
                f"CAST({column.name} AS {ENGINE_TYPES[column.type]}) AS {column.name}"
                for column in wanted[name].columns.values()
            )
            self.warehouse.write("raw.loaded", pa.Table.from_pandas(frame, preserve_index=False))
            self.warehouse.replace(name, f"SELECT {columns} FROM raw.loaded")
        derived = [model for model in load_models([]) if model.table in wanted]
        build_staging(self.warehouse, self.catalogue, derived, only=[model.table for model in derived])

    @cached_property
    def values(self) -> pa.Table:
        batches = compile_catalogue(self.catalogue, metrics=sorted(KPIS), start=FIRST, end=LAST)
        return pa.concat_tables([self.warehouse.query(batch.sql("duckdb")) for batch in batches])

    def published(self, now: datetime = NOW) -> list[Row]:
        frame = apply_states(
            self.values, self.catalogue, as_of=now, start=FIRST, end=LAST, metrics=sorted(KPIS)
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


@pytest.fixture(scope="module", params=WORLDS, ids=lambda world: world[1])
def company(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Company:
    seed, zone = request.param
    return Company(tables(seed, ZoneInfo(zone)), zone, tmp_path_factory.mktemp("company"))


def differences(company: Company, metric: str) -> tuple[int, list[str]]:
    """(how many values were compared, what differs)."""
    kpi, grains = KPIS[metric]
    compared, found = 0, []
    for grain in grains:
        for period in periods(grain, company.zone):
            expected = kpi(company.facts, period)
            row = company.totals.get((metric, grain, period.first), {"value": None, "value_state": "absent"})
            value, state = row["value"], row["value_state"]
            if expected is None or isinstance(expected, str):
                wrong = value is not None or (expected == WITHHELD) != (state == "insufficient_sample")
            else:
                compared += 1
                wrong = value is None or not math.isclose(value, expected, rel_tol=1e-9, abs_tol=1e-6)
            if wrong:
                found.append(f"{grain} of {period.first}: published {value} ({state}), expected {expected}")
    return compared, found


@pytest.mark.parametrize("metric", sorted(KPIS))
def test_a_kpi_is_what_its_formula_says(company: Company, metric: str) -> None:
    compared, found = differences(company, metric)
    assert not found, "\n".join(found[:8])
    assert compared >= (2 if KPIS[metric][1] == ("quarter",) else 8), f"{metric} has too few values"


def test_all_grains_of_a_kpi_are_compared() -> None:
    assert {name: tuple(CATALOGUE.metrics[name].grains) for name in KPIS} == {
        name: grains for name, (_, grains) in KPIS.items()
    }
