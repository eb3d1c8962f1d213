"""Every KPI that a pack adds, against an independent computation, month by month, over tables full of edges."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
import yaml

from definitions import load_texts
from definitions.compiler.query import query
from definitions.model import Catalogue
from definitions.packs import Company, company_texts, load_pack
from definitions.packs.pack import FOLDER
from pipelines.contracts import folded_from
from pipelines.staging.build import ENGINE_TYPES, build_staging, neutral_tables
from pipelines.warehouse import Warehouse, open_warehouse
from tests.integration.packs.pack_formulas import MONTHLY
from tests.integration.packs.pack_tables import FIRST, LAST, tables

MONTHS = [month.date() for month in pd.date_range(FIRST, LAST, freq="MS")]


def catalogue_of(model: str) -> Catalogue:
    return load_texts(company_texts(load_pack(model), Company(today=date(2026, 7, 15), needs=folded_from())))


CATALOGUES = {model: catalogue_of(model) for model in MONTHLY}


class Raw:
    """Tables of one seed in an engine."""

    def __init__(self, seed: int, path: Path) -> None:
        self.tables = tables(seed)
        self.warehouse: Warehouse = open_warehouse(f"duckdb:///{path / f'{seed}.duckdb'}")
        for catalogue in CATALOGUES.values():
            build_staging(self.warehouse, catalogue, [])
            wanted = neutral_tables(catalogue)
            for name, frame in self.tables.items():
                if name not in wanted:
                    continue
                columns = ", ".join(
                    f'CAST("{column.name}" AS {ENGINE_TYPES[column.type]}) AS "{column.name}"'
                    for column in wanted[name].columns.values()
                )
                self.warehouse.write("raw.loaded", pa.Table.from_pandas(frame, preserve_index=False))
                self.warehouse.replace(name, f"SELECT {columns} FROM raw.loaded")

    def monthly(self, catalogue: Catalogue, metric: str) -> dict[date, float | None]:
        statement = query(catalogue, [metric], grain="month", start=FIRST, end=LAST)
        found = self.warehouse.query(statement.sql("duckdb"))
        months, values = found.column(0).to_pylist(), found.column(found.num_columns - 1).to_pylist()
        return {
            (month.date() if hasattr(month, "date") else month): None if value is None else float(value)
            for month, value in zip(months, values, strict=True)
        }


@pytest.fixture(scope="module", params=[1])
def raw(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Raw]:
    made = Raw(request.param, tmp_path_factory.mktemp("packs"))
    yield made
    made.warehouse.close()


@pytest.mark.parametrize(("model", "metric"), [(m, name) for m, kpis in MONTHLY.items() for name in kpis])
def test_a_kpi_is_what_its_definition_says(raw: Raw, model: str, metric: str) -> None:
    catalogue = CATALOGUES[model]
    found = raw.monthly(catalogue, metric)
    compared = 0
    for first in MONTHS:
        last = (pd.Timestamp(first) + pd.offsets.MonthEnd(0)).date()
        expected, value = MONTHLY[model][metric](raw.tables, first, last), found.get(first)
        if catalogue.metrics[metric].missing == "zero":
            expected, value = expected or 0.0, value or 0.0
        if expected is None or value is None:
            assert expected is None, (metric, first, expected)
            assert value is None, (metric, first, value)
            continue
        assert math.isclose(value, expected, rel_tol=1e-9, abs_tol=1e-9), (metric, first, value, expected)
        compared += 1
    assert compared >= 6, f"{metric} had a value in {compared} months only"


@pytest.mark.parametrize("model", sorted(MONTHLY))
def test_every_kpi_that_a_pack_adds_is_proven(model: str) -> None:
    names = {
        entry["name"] for entry in yaml.safe_load((FOLDER / model / "metrics.yml").read_text())["metrics"]
    }
    assert names == MONTHLY[model].keys()
