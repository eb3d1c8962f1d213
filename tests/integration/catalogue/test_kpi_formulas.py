"""Shipped KPIs against an independent computation, month by month, over tables full of edges."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import definitions
from definitions import load_catalogue
from definitions.compiler.query import query
from definitions.model import Catalogue
from pipelines.staging import load_models
from pipelines.staging.build import ENGINE_TYPES, build_staging, neutral_tables
from pipelines.warehouse import Warehouse, open_warehouse
from tests.integration.catalogue import independent
from tests.integration.catalogue.raw_tables import FIRST, LAST, tables

CATALOGUE = load_catalogue(Path(definitions.__file__).parent / "catalogue")
MONTHS = [month.date() for month in pd.date_range(FIRST, LAST, freq="MS")]


class Company:
    """Raw tables in an engine, with the derived tables built over them."""

    def __init__(self, seed: int, path: Path) -> None:
        self.raw = tables(seed)
        self.warehouse: Warehouse = open_warehouse(f"duckdb:///{path / 'warehouse.duckdb'}")
        build_staging(self.warehouse, CATALOGUE, [])
        wanted = neutral_tables(CATALOGUE)
        for name, frame in self.raw.items():
            columns = ", ".join(
                f"CAST({column.name} AS {ENGINE_TYPES[column.type]}) AS {column.name}"
                for column in wanted[name].columns.values()
            )
            self.warehouse.write("raw.loaded", pa.Table.from_pandas(frame, preserve_index=False))
            self.warehouse.replace(name, f"SELECT {columns} FROM raw.loaded")
        derived = [model for model in load_models([]) if model.table in wanted]
        build_staging(self.warehouse, CATALOGUE, derived, only=[model.table for model in derived])

    def monthly(self, catalogue: Catalogue, metric: str) -> dict[date, float | None]:
        """Values by month, as the query face answers; a month without a row has no value."""
        statement = query(catalogue, [metric], grain="month", start=FIRST, end=LAST)
        found = self.warehouse.query(statement.sql("duckdb"))
        months = found.column(0).to_pylist()
        values = found.column(found.num_columns - 1).to_pylist()
        return {
            (month.date() if hasattr(month, "date") else month): None if value is None else float(value)
            for month, value in zip(months, values, strict=True)
        }


@pytest.fixture(scope="module", params=[1, 2, 3])
def company(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Company:
    return Company(request.param, tmp_path_factory.mktemp("company"))


@pytest.mark.parametrize("metric", sorted(independent.MONTHLY))
def test_a_kpi_is_what_its_formula_says(company: Company, metric: str) -> None:
    expected_of = independent.MONTHLY[metric]
    found = company.monthly(CATALOGUE, metric)
    compared = 0
    for first in MONTHS:
        last = (pd.Timestamp(first) + pd.offsets.MonthEnd(0)).date()
        expected = expected_of(company.raw, first, last)
        value = found.get(first)
        if CATALOGUE.metrics[metric].missing == "zero":
            value, expected = value or 0.0, expected or 0.0
        if expected is None or value is None:
            assert value == expected or (value is None and expected is None), (first, value, expected)
            continue
        assert math.isclose(value, expected, rel_tol=1e-9, abs_tol=1e-9), (first, value, expected)
        compared += 1
    assert compared >= 6, f"{metric} had a value in {compared} months only"
