"""KPIs 41 to 74 of the catalogue against an independent computation: at every grain, in several zones, and over the
sandbox company."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from connectors.sandbox.company.generate import generate
from connectors.sandbox.company.timeline import DEFAULT_NOW as SANDBOX_NOW
from connectors.sandbox.company.truth import TABLES, truth
from tests.integration.catalogue.independent_operations import KPIS, WITHHELD, Facts, Period
from tests.integration.catalogue.operations_tables import EDGES, FIRST, LAST, STATUSES, tables
from tests.integration.catalogue.published import CATALOGUE, Company

STARTS = {"day": "D", "week": "W-MON", "month": "MS", "quarter": "QS"}
ENDS: dict[str, Any] = {"day": pd.Timedelta(days=0), "week": pd.Timedelta(days=6)}
ENDS |= {"month": pd.offsets.MonthEnd(0), "quarter": pd.offsets.QuarterEnd(0)}
Computed = tuple[Company, Facts]
WORLDS = [(1, "UTC"), (2, "America/New_York"), (3, "Australia/Sydney"), (0, "sandbox")]


def periods(grain: str, company: Company) -> list[Period]:
    """Whole periods between the first and the last day; of days, those around the edges stand for the rest."""
    if grain == "trailing_30d":
        return [Period(p.last - timedelta(days=29), p.last, p.zone) for p in periods("day", company)]
    starts = pd.date_range(company.first, company.last, freq=STARTS[grain])
    found = [Period(start.date(), (start + ENDS[grain]).date(), company.zone) for start in starts]
    found = [period for period in found if period.last <= company.last]
    if grain == "day":
        found = [p for p in found if p.first.day in (1, 2, 29, 30, 31) or p.first in EDGES]
    return found


@pytest.fixture(scope="module", params=WORLDS, ids=lambda world: world[1])
def computed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Computed:
    seed, zone = request.param
    folder = tmp_path_factory.mktemp("company")
    if zone == "sandbox":
        company = Company(
            sandbox_tables(), "UTC", folder, KPIS, date(2026, 1, 1), date(2026, 5, 31), SANDBOX_NOW
        )
    else:
        company = Company(tables(seed, ZoneInfo(zone)), zone, folder, KPIS, FIRST, LAST)
    return company, Facts(company.raw, company.zone)


def sandbox_tables() -> dict[str, pd.DataFrame]:
    """The neutral tables of the sandbox company; durations are whole seconds, so instants are cut to them."""
    made = generate(seed=7, scale=0.5)
    found = {name: truth(made, name, SANDBOX_NOW) for name in tables(1, ZoneInfo("UTC")) if name in TABLES}
    for frame in found.values():
        for column in frame.select_dtypes("datetime"):
            frame[column] = frame[column].dt.floor("s")
    words = [("Won't Do", "done"), *STATUSES.items()]
    return found | {"tracker.statuses": pd.DataFrame(words, columns=["status", "status_category"])}


def differences(computed: Computed, metric: str) -> tuple[int, list[str]]:
    """(how many values were compared, what differs)."""
    kpi, grains = KPIS[metric]
    company, facts = computed
    compared, found = 0, []
    for grain in grains:
        for period in periods(grain, company):
            expected = kpi(facts, period)
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
def test_a_kpi_is_what_its_formula_says(computed: Computed, metric: str) -> None:
    compared, found = differences(computed, metric)
    assert not found, "\n".join(found[:8])
    least = 1 if computed[0].last > LAST else 2 if KPIS[metric][1] == ("quarter",) else 8
    assert compared >= least, f"{metric} has too few values"


def test_all_grains_of_a_kpi_are_compared() -> None:
    assert {name: tuple(CATALOGUE.metrics[name].grains) for name in KPIS} == {
        name: grains for name, (_, grains) in KPIS.items()
    }
