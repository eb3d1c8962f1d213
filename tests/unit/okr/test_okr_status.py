"""Status, targets and changes of the whole frame: which target holds for which row, and what a row is next to."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from definitions.model import Band, Calendar, Span
from pipelines.okr.status import ADDED, apply_status
from tests.unit.okr.okr_world import catalogue, frame, metric, series, target

OCTOBER = date(2026, 10, 31)


def coloured(catalogue_: Any, values: pa.Table, as_of: date = OCTOBER, **more: Any) -> list[dict[str, Any]]:
    return apply_status(catalogue_, values, as_of, **more).to_pylist()


def test_a_row_gets_its_target_attainment_status_trend_and_changes() -> None:
    values = frame(series("nps", "month", OCTOBER, *range(30, 43), 45))
    rows = coloured(catalogue([metric("nps")], targets=[target("nps", 50, "month", OCTOBER)]), values)

    last = rows[-1]
    assert {name: last[name] for name in ADDED} == {
        "target_value": 50,
        "attainment": 0.9,
        "status": "amber",
        "trend": "improving",
        "previous_value": 42,
        "change_abs": 3,
        "change_pct": 0.071429,
        "same_period_last_year": 31,
        "is_critical": False,
    }
    first = rows[0]
    assert (first["status"], first["trend"], first["previous_value"]) == ("no_target", None, None)


def test_a_target_of_a_quarter_holds_for_its_weeks_unless_the_metric_is_a_sum() -> None:
    values = frame(series("rate", "week", OCTOBER, 1, 2, 3), series("sales", "week", OCTOBER, 1, 2, 3))
    targets = [target(name, 2, "quarter", OCTOBER) for name in ("rate", "sales")]

    rows = coloured(catalogue([metric("rate"), metric("sales", "sum")], targets=targets), values)

    assert [row["target_value"] for row in rows] == [2, 2, 2, None, None, None]


def test_a_target_of_the_own_grain_comes_before_one_of_a_longer_period() -> None:
    values = frame(series("rate", "month", date(2026, 12, 1), 1, 2, 3))
    targets = [
        target("rate", 5, "month", date(2026, 11, 1)),
        target("rate", 2, "quarter", OCTOBER),
        target("rate", 9, "year", OCTOBER),
    ]

    rows = coloured(catalogue([metric("rate")], targets=targets), values, date(2026, 12, 31))

    assert [row["target_value"] for row in rows] == [2, 5, 2]


def test_a_target_says_nothing_about_other_periods_or_segments() -> None:
    values = frame(
        series("rate", "quarter", date(2026, 7, 1), 1),
        series("rate", "month", OCTOBER, 1, segment=("region", "emea")),
        series("rate", "month", OCTOBER, 1, segment=("region", "na")),
    )
    own = target("rate", 3, "month", OCTOBER, segment=(("region", "na"),))

    rows = coloured(catalogue([metric("rate")], targets=[target("rate", 2, "quarter", OCTOBER), own]), values)

    assert [row["target_value"] for row in rows] == [None, None, 3]


def test_a_strict_target_and_limits_of_the_target_win_over_the_metrics() -> None:
    values = frame(series("hours", "month", OCTOBER, 8))
    base = metric("hours", direction="decrease", amber_at=9, red_at=12)
    strict = target("hours", 8, "month", OCTOBER, comparison="lt")

    assert coloured(catalogue([base], targets=[strict]), values)[0]["status"] == "amber"
    assert coloured(catalogue([base], targets=[replace(strict, amber_at=7.5)]), values)[0]["status"] == "red"
    critical = coloured(catalogue([base], targets=[replace(strict, red_at=8)]), values)[0]
    assert (critical["status"], critical["is_critical"]) == ("red", True)


def test_a_band_metric_has_its_band_for_a_target() -> None:
    values = frame(series("ltv_cac", "month", OCTOBER, 4, 6))
    rows = coloured(catalogue([metric("ltv_cac", direction="within", band=Band(3, 5))]), values)

    assert [(row["status"], row["attainment"], row["target_value"]) for row in rows] == [
        ("green", 1, None),
        ("red", 0.5, None),
    ]


def test_a_target_may_bring_its_own_band() -> None:
    values = frame(series("load", "month", OCTOBER, 6))
    banded = target("load", None, "month", OCTOBER, comparison="between", band=Band(5, 8))

    assert coloured(catalogue([metric("load")], targets=[banded]), values)[0]["status"] == "green"


def test_unknown_values_stay_unknown_and_leave_no_change() -> None:
    values = frame(series("nps", "month", OCTOBER, 40, None, 44))
    rows = coloured(catalogue([metric("nps")]), values)

    assert [row["status"] for row in rows] == ["no_target", "no_data", "no_target"]
    assert [row["change_abs"] for row in rows] == [None, None, None]
    assert rows[2]["trend"] == "improving", "from the first to the last of three periods"


def test_the_trend_of_a_running_period_is_that_of_the_complete_ones_before_it() -> None:
    values = frame(series("nps", "month", date(2026, 11, 5), 40, 42, 44, 1, provisional=1))
    rows = coloured(catalogue([metric("nps")]), values)

    assert [row["trend"] for row in rows] == [None, None, "improving", "improving"]


@pytest.mark.parametrize(
    ("grain", "last", "count", "earlier"),
    [
        ("day", date(2026, 3, 1), 367, date(2025, 3, 1)),
        ("day", date(2024, 2, 29), 367, date(2023, 2, 28)),
        ("week", date(2026, 10, 26), 54, date(2025, 10, 27)),
        ("month", date(2026, 10, 1), 13, date(2025, 10, 1)),
        ("quarter", date(2026, 10, 1), 5, date(2025, 10, 1)),
        ("year", date(2026, 1, 1), 2, date(2025, 1, 1)),
    ],
)
def test_the_same_period_last_year(grain: str, last: date, count: int, earlier: date) -> None:
    values = frame(series("nps", grain, last, *range(count)))
    rows = coloured(catalogue([metric("nps")]), values, last)
    by_start = {row["period_start"]: row["value"] for row in rows}

    assert rows[-1]["same_period_last_year"] == by_start[earlier]


def test_a_trailing_window_is_compared_with_the_window_before_it() -> None:
    rows = [
        {
            "metric": "nps",
            "version": 1,
            "grain": "trailing_30d",
            "period_start": OCTOBER - timedelta(29 - day),
            "period_end": OCTOBER + timedelta(day),
            "segment_dimension": "",
            "segment_value": "",
            "value": float(day),
            "value_state": "final",
        }
        for day in range(31)
    ]
    last = coloured(catalogue([metric("nps")]), frame(rows))[-1]  # type: ignore[arg-type]

    assert (last["value"], last["previous_value"]) == (30, 0)


def test_what_was_due_and_did_not_come_is_stale() -> None:
    values = frame(series("nps", "week", OCTOBER, 40, 41, 42))
    late = metric("nps", freshness=Span.parse("2 days"))

    fresh = coloured(catalogue([late]), values, data_through={"nps": date(2026, 10, 30)})
    stale = coloured(catalogue([late]), values, data_through={"nps": date(2026, 10, 22)})

    assert [row["status"] for row in fresh] == ["no_target"] * 3
    assert [row["status"] for row in stale] == ["no_target", "stale", "stale"]


def test_periods_of_a_445_calendar_find_the_year_before() -> None:
    retail = Calendar("company", week_pattern=(4, 4, 5))
    rows = [
        {
            "metric": "nps",
            "version": 1,
            "grain": "month",
            "period_start": start,
            "period_end": start + timedelta(27),
            "segment_dimension": "",
            "segment_value": "",
            "value": value,
            "value_state": "final",
        }
        for start, value in ((date(2024, 12, 30), 1.0), (date(2025, 1, 27), 2.0), (date(2025, 12, 29), 3.0))
    ]
    last = coloured(catalogue([metric("nps")], calendar=retail), frame(rows))[-1]  # type: ignore[arg-type]

    assert last["same_period_last_year"] == 1


def test_status_may_be_applied_again_and_to_nothing() -> None:
    values = frame(series("nps", "month", OCTOBER, 40, 41))
    known = catalogue([metric("nps")])
    once = apply_status(known, values, OCTOBER)

    assert apply_status(known, once, OCTOBER).equals(once)
    empty = apply_status(known, frame(), OCTOBER)
    assert (empty.num_rows, empty.column_names[-len(ADDED) :]) == (0, list(ADDED))


def test_a_metric_the_dictionary_does_not_know_has_no_target() -> None:
    assert coloured(catalogue(), frame(series("gone", "month", OCTOBER, 4)))[0]["status"] == "no_target"


def test_rows_keep_their_order() -> None:
    values = frame(series("b", "month", OCTOBER, 1, 2), series("a", "month", OCTOBER, 3, 4)).take(
        [3, 0, 2, 1]
    )
    found = apply_status(catalogue([metric("a"), metric("b")]), values, OCTOBER)

    assert found.column("value").to_pylist() == [4, 1, 3, 2]
    assert found.column("previous_value").to_pylist() == [3, None, None, 1]
