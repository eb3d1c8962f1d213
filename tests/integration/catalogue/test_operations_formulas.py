"""KPIs 41 to 74 of the catalogue against an independent computation, at every grain, in several zones."""

from __future__ import annotations

import math
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from tests.integration.catalogue.independent_operations import KPIS, WITHHELD, Facts, Period
from tests.integration.catalogue.operations_tables import EDGES, FIRST, LAST, tables
from tests.integration.catalogue.published import CATALOGUE, Company

STARTS = {"day": "D", "week": "W-MON", "month": "MS", "quarter": "QS"}
ENDS: dict[str, Any] = {"day": pd.Timedelta(days=0), "week": pd.Timedelta(days=6)}
ENDS |= {"month": pd.offsets.MonthEnd(0), "quarter": pd.offsets.QuarterEnd(0)}
Computed = tuple[Company, Facts]
WORLDS = [(1, "UTC"), (2, "America/New_York"), (3, "Australia/Sydney")]


def periods(grain: str, zone: ZoneInfo) -> list[Period]:
    """Whole periods between the first and the last day; of days, those around the edges stand for the rest."""
    starts = pd.date_range(FIRST, LAST, freq=STARTS[grain])
    found = [Period(start.date(), (start + ENDS[grain]).date(), zone) for start in starts]
    found = [period for period in found if period.last <= LAST]
    if grain == "day":
        found = [p for p in found if p.first.day in (1, 2, 29, 30, 31) or p.first in EDGES]
    return found


@pytest.fixture(scope="module", params=WORLDS, ids=lambda world: world[1])
def computed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Computed:
    seed, zone = request.param
    company = Company(
        tables(seed, ZoneInfo(zone)), zone, tmp_path_factory.mktemp("company"), KPIS, FIRST, LAST
    )
    return company, Facts(company.raw, company.zone)


def differences(computed: Computed, metric: str) -> tuple[int, list[str]]:
    """(how many values were compared, what differs)."""
    kpi, grains = KPIS[metric]
    company, facts = computed
    compared, found = 0, []
    for grain in grains:
        for period in periods(grain, company.zone):
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
    assert compared >= (2 if KPIS[metric][1] == ("quarter",) else 8), f"{metric} has too few values"


def test_all_grains_of_a_kpi_are_compared() -> None:
    assert {name: tuple(CATALOGUE.metrics[name].grains) for name in KPIS} == {
        name: grains for name, (_, grains) in KPIS.items()
    }
