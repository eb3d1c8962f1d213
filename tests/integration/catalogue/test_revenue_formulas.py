"""KPIs 1 to 40 of the catalogue against an independent computation: at every grain, over tables full of edges in
several zones, and over the sandbox company."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from connectors.sandbox.company import words
from connectors.sandbox.company.generate import generate
from connectors.sandbox.company.timeline import DEFAULT_NOW as SANDBOX_NOW
from connectors.sandbox.company.truth import TABLES, truth
from definitions.compiler.query import query
from tests.integration.catalogue.edge_tables import EDGES, FIRST, LAST, tables
from tests.integration.catalogue.independent_funnel import FUNNEL
from tests.integration.catalogue.independent_money import MONEY, Books, Kpi, Period
from tests.integration.catalogue.published import CATALOGUE, Company

KPIS: dict[str, Kpi] = {kpi.__name__: kpi for kpi in (*MONEY, *FUNNEL)}
STARTS = {"day": "D", "week": "W-MON", "month": "MS", "quarter": "QS"}
ENDS: dict[str, Any] = {"day": pd.Timedelta(days=0), "week": pd.Timedelta(days=6)}
ENDS |= {"month": pd.offsets.MonthEnd(0), "quarter": pd.offsets.QuarterEnd(0)}
WORLDS = [(1, "UTC"), (2, "America/New_York"), (3, "Australia/Sydney"), (0, "sandbox")]
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SANDBOX_STAGES = [
    (stage, n >= len(words.STAGES) - 2, stage == "Closed Won") for n, stage in enumerate(words.STAGES)
]
FEW = {
    "ltv_cac",
    "rule_of_40",
    "revenue_per_employee",
    "client_retention",
    "engaged_clients",
    "repeat_clients",
}
Computed = tuple[Company, Books]


def periods(grain: str, start: date = FIRST, end: date = LAST) -> list[Period]:
    """Whole periods between the first and the last day; of days, those around edges stand for the rest."""
    starts = pd.date_range(start, end, freq=STARTS[grain])
    found = [Period(start.date(), (start + ENDS[grain]).date()) for start in starts]
    if grain == "day":
        found = [p for p in found if p.first.day in (1, 28, 29, 31) or p.first in EDGES]
    return [period for period in found if period.last <= end]


def computed_of(raw: dict[str, pd.DataFrame], zone: str, tmp: Any) -> Computed:
    return Company(raw, zone, tmp, KPIS, FIRST, LAST, NOW), Books(raw, ZoneInfo(zone))


@pytest.fixture(scope="module", params=WORLDS, ids=lambda world: world[1])
def computed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Computed:
    seed, zone = request.param
    folder = tmp_path_factory.mktemp("company")
    if zone == "sandbox":
        raw = sandbox_tables()
        first, last = date(2025, 10, 1), date(2026, 5, 31)
        return Company(raw, "UTC", folder, KPIS, first, last, SANDBOX_NOW), Books(raw, ZoneInfo("UTC"))
    return computed_of(tables(seed, ZoneInfo(zone)), zone, folder)


def sandbox_tables() -> dict[str, pd.DataFrame]:
    """The neutral tables of the sandbox company, as it is."""
    made = generate(seed=7, scale=0.25)
    found = {name: truth(made, name, SANDBOX_NOW) for name in tables(1, ZoneInfo("UTC")) if name in TABLES}
    return found | {"crm.stages": pd.DataFrame(SANDBOX_STAGES, columns=["stage", "is_closed", "is_won"])}


def unequal(metric: str, value: float | None, expected: Any) -> bool:
    """Whether a value is not the expected one; a gap of a metric that says so is zero."""
    if expected is None and CATALOGUE.metrics[metric].missing == "zero":
        expected = 0
    if value is None or expected is None:
        return value is not expected
    return not math.isclose(value, float(expected), rel_tol=1e-9, abs_tol=1e-6)


def differences(computed: Computed, metric: str) -> tuple[int, list[str]]:
    """(how many values were compared, what differs)."""
    company, books = computed
    compared, found = 0, []
    for grain in CATALOGUE.metrics[metric].grains:
        for period in periods(grain, company.first, company.last):
            row = company.totals.get((metric, grain, period.first), {"value": None, "value_state": "absent"})
            value, expected = row["value"], KPIS[metric](books, period)
            compared += value is not None
            if unequal(metric, value, expected):
                told = f"published {value} ({row['value_state']}), expected {expected}"
                found.append(f"{grain} of {period.first}: {told}")
    return compared, found


@pytest.mark.parametrize("metric", sorted(KPIS))
def test_a_kpi_is_what_its_formula_says(computed: Computed, metric: str) -> None:
    compared, found = differences(computed, metric)
    assert not found, "\n".join(found[:8])
    assert compared >= (2 if metric in FEW else 6), f"{metric} had a value in {compared} periods only"


def test_every_kpi_by_month_is_what_a_query_answers(computed: Computed) -> None:
    company, books = computed
    names = sorted(KPIS)
    asked = query(company.catalogue, names, grain="month", start=company.first, end=company.last)
    found = {row["metric_time"]: row for row in asked.arrow(company.warehouse.query).to_pylist()}
    wrong = []
    for period in periods("month", company.first, company.last):
        row = {getattr(day, "date", lambda day=day: day)(): values for day, values in found.items()}[
            period.first
        ]
        for name in names:
            expected = KPIS[name](books, period)
            if unequal(name, row[name], expected):
                wrong.append(f"{name} of {period.first}: {row[name]}, expected {expected}")
    assert not wrong, "\n".join(wrong[:8])


def test_the_movements_explain_mrr_to_the_cent_by_month_and_by_quarter(computed: Computed) -> None:
    company, _ = computed

    def of(name: str, grain: str, first: date) -> float:
        return float(company.totals[name, grain, first]["value"])

    for grain in ("month", "quarter"):
        spans = periods(grain, company.first, company.last)
        for before, period in pairwise(spans):
            gained = sum(
                of(name, grain, period.first) for name in ("new_mrr", "expansion_mrr", "reactivation_mrr")
            )
            lost = sum(of(name, grain, period.first) for name in ("contraction_mrr", "churned_mrr"))
            grown = of("mrr", grain, period.first) - of("mrr", grain, before.first)
            assert gained - lost == pytest.approx(grown, abs=1e-6), (grain, period)
    quarters = periods("quarter", company.first, company.last)
    moved = [of(name, "quarter", period.first) for name in MOVEMENTS for period in quarters]
    summed = [
        sum(of(name, "month", month.first) for month in period.months())
        for name in MOVEMENTS
        for period in quarters
    ]
    assert moved == pytest.approx(summed)


MOVEMENTS = ("new_mrr", "expansion_mrr", "contraction_mrr", "churned_mrr", "reactivation_mrr")


def emptied(raw: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables with every column that may be null all null."""
    found = {}
    for name, frame in raw.items():
        source = next(source for source in CATALOGUE.sources.values() if source.table == name)
        nullable = {column.name: None for column in source.columns.values() if column.nullable}
        found[name] = frame.assign(**{column: None for column in nullable if column in frame.columns})
    return found


def test_columns_that_are_null_throughout_are_read_as_the_formula_reads_them(tmp_path: Any) -> None:
    zone = "Asia/Kolkata"
    raw = emptied(tables(4, ZoneInfo(zone)))
    computed = computed_of(raw, zone, tmp_path)
    wrong = {metric: found[:3] for metric in KPIS if (found := differences(computed, metric)[1])}
    assert not wrong


def test_tables_without_a_row_give_no_number_but_that_of_nothing(tmp_path: Any) -> None:
    raw = {name: frame.iloc[:0] for name, frame in tables(4, ZoneInfo("UTC")).items()}
    raw["crm.stages"] = tables(4, ZoneInfo("UTC"))["crm.stages"]
    company, _ = computed_of(raw, "UTC", tmp_path)
    for (metric, _, _), row in company.totals.items():
        is_zero = CATALOGUE.metrics[metric].missing == "zero"
        assert row["value"] == (0.0 if is_zero else None), metric
        assert row["value_state"] == ("final" if is_zero else "no_data"), metric
