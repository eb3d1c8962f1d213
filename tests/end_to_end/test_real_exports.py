"""Real exports through the same chain: KPIs equal results that were computed independently.

Sources of the expected results: the queries beside them, by another computation (see the exports' own README).
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.demo import real_environment
from pipelines.installation import Installation
from pipelines.running import dagster_instance, run_job
from pipelines.steps.assess import COLOURED
from pipelines.warehouse import Warehouse, open_warehouse
from pipelines.workspace import Workspace
from tests.end_to_end.independent_real import MONTHLY, QUARTERLY, Exports


@pytest.fixture(scope="module")
def exports() -> Path:
    folder = Path(os.environ.get("VITALS_SHARED", Path(__file__).parents[2].parent / "shared")) / "realdata"
    if not folder.is_dir():
        pytest.skip(f"no real exports at {folder}; set VITALS_SHARED to the folder that holds realdata/")
    return folder


@pytest.fixture(scope="module")
def values(exports: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    before = dict(os.environ)
    os.environ["VITALS_REAL_DATA"] = str(exports.absolute())
    workspace = Workspace.from_environment(real_environment(tmp_path_factory.mktemp("real")))
    with dagster_instance(workspace.home) as instance:
        outcome = run_job(Installation.load(workspace), instance)
    assert outcome.failures == ()
    with open_warehouse(workspace.warehouse_url) as warehouse:
        yield warehouse
    os.environ.clear()
    os.environ.update(before)


def expected(exports: Path, name: str) -> list[dict[str, str]]:
    with (exports / "expected" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def series(warehouse: Warehouse, metric: str, grain: str, dimension: str = "") -> dict[tuple[str, str], Any]:
    """Values by (segment, first day of the period); only where there is one."""
    rows = warehouse.query(
        f"SELECT segment_value, period_start, value, sample_size FROM {COLOURED}"
        " WHERE metric = ? AND grain = ? AND segment_dimension = ? AND value IS NOT NULL",
        [metric, grain, dimension],
    ).to_pylist()
    return {(row["segment_value"], row["period_start"].isoformat()): row["value"] for row in rows}


def test_issues_created_and_resolved_per_week_and_tracker(values: Warehouse, exports: Path) -> None:
    created = series(values, "issues_created", "week", "tracker")
    resolved = series(values, "issues_resolved", "week", "tracker")
    wanted = expected(exports, "j1_weekly_created_resolved")
    for row in wanted:
        key = (row["tracker"], row["week"])
        assert created.get(key, 0) == int(row["created"]), key
        assert resolved.get(key, 0) == int(row["resolved"]), key
    weeks = {(row["tracker"], row["week"]) for row in wanted}
    assert {key for key, value in {**created, **resolved}.items() if value} <= weeks


def test_resolution_hours_per_month_tracker_and_priority(values: Warehouse, exports: Path) -> None:
    median = series(values, "resolution_time_median", "month", "tracker|priority")
    p90 = series(values, "resolution_time_p90", "month", "tracker|priority")
    wanted = expected(exports, "j2_resolution_hours_by_month_priority")
    for row in wanted:
        key = (f"{row['tracker']}|{row['priority']}", row["month"])
        assert median[key] / 3600 == pytest.approx(float(row["median_hours"]), abs=6e-5), key
        assert p90[key] / 3600 == pytest.approx(float(row["p90_hours"]), abs=6e-5), key
    assert len(median) == len(p90) == len(wanted)


def test_help_desk_per_month(values: Warehouse, exports: Path) -> None:
    wanted = expected(exports, "s2_helpdesk_month")
    for metric, column, scale in (
        ("cases_started", "cases", 1),
        ("case_throughput_median", "median_days", 86_400),
        ("case_throughput_p90", "p90_days", 86_400),
        ("cases_with_wait", "with_wait", 1),
        ("open_cases", "open_at_month_end", 1),
    ):
        found = series(values, metric, "month")
        for row in wanted:
            # A count begins with its first case; before that there were none.
            value = found.get(("", row["month"]), 0) if row[column] == "0" else found[("", row["month"])]
            assert value / scale == pytest.approx(float(row[column]), abs=6e-5), (metric, row)


def test_win_rate_per_quarter_by_count_and_by_value(values: Warehouse, exports: Path) -> None:
    for metric, column in (
        ("deals_closed", "closed"),
        ("deals_won", "won"),
        ("win_rate", "win_rate_count"),
        ("win_rate_value", "win_rate_value"),
        ("won_value", "won_value"),
    ):
        found = series(values, metric, "quarter")
        for row in expected(exports, "c1_win_rate_by_quarter"):
            assert found[("", row["quarter"])] == pytest.approx(float(row[column]), abs=6e-7), (metric, row)


def test_won_value_per_month_and_office(values: Warehouse, exports: Path) -> None:
    for metric, column in (("deals_won", "deals"), ("won_value", "won_value"), ("average_deal", "avg_deal")):
        found = series(values, metric, "month", "regional_office")
        wanted = expected(exports, "c3_won_value_month_region")
        for row in wanted:
            assert found[(row["regional_office"], row["month"])] == pytest.approx(
                float(row[column]), abs=6e-5
            )
        assert {key for key, value in found.items() if value} == {
            (row["regional_office"], row["month"]) for row in wanted
        }


@pytest.fixture(scope="module")
def raw(exports: Path) -> Exports:
    return Exports(exports)


@pytest.mark.parametrize(
    ("metric", "grain"), [*((name, "month") for name in MONTHLY), *((name, "quarter") for name in QUARTERLY)]
)
def test_a_kpi_is_what_plain_pandas_makes_of_the_raw_export(
    values: Warehouse, raw: Exports, metric: str, grain: str
) -> None:
    wanted = getattr(raw, metric)({"month": "M", "quarter": "Q"}[grain])
    found = {start: value for (_, start), value in series(values, metric, grain).items() if start < "2018"}
    zeros = {start for start, value in found.items() if value == 0}  # a count or sum of nothing
    assert found.keys() - zeros <= wanted.keys()
    assert {start for start, value in wanted.items() if value} <= found.keys()
    for start in found.keys() & wanted.keys():
        assert found[start] == pytest.approx(wanted[start], rel=1e-9, abs=1e-6), start
    assert len(found.keys() & wanted.keys()) >= 2


def test_nothing_is_lost_on_the_way(values: Warehouse) -> None:
    counts = {
        table: values.query(f"SELECT count(*) AS n FROM {table}").column("n")[0].as_py()
        for table in ("tracker.issues", "files.changelog", "support.cases", "crm.deals")
    }
    assert counts == {
        "tracker.issues": 3537,
        "files.changelog": 25_591,
        "support.cases": 4580,
        "crm.deals": 8800,
    }
    unpriced = (
        values.query("SELECT count(*) AS n FROM crm.deals WHERE list_price IS NULL").column("n")[0].as_py()
    )
    assert unpriced == 0  # GTXPro found its price
    assert (
        date(2017, 12, 31)
        >= values.query("SELECT max(close_date) AS d FROM crm.deals").column("d")[0].as_py()
    )
