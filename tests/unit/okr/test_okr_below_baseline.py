"""KPIs far behind their baseline become flags."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D

from definitions.model import Baseline
from pipelines.okr.below_baseline import below_baseline_rows
from tests.unit.okr.okr_world import catalogue, frame, metric, series, target

WEEK = date(2026, 10, 26)
AS_OF = date(2026, 11, 1)
CALM = (99.0, 101.0, 100.0, 98.0, 102.0, 100.0, 99.0, 101.0)


def test_without_a_stated_baseline_the_median_of_the_past_is_one() -> None:
    (found,) = below_baseline_rows(
        catalogue([metric("nps")]), frame(series("nps", "week", WEEK, *CALM, 75)), AS_OF
    )

    assert (found.metric_id, found.kind, found.severity, found.effect) == (
        "nps",
        "below_baseline",
        "warning",
        "unfavourable",
    )
    assert (found.observed, found.expected, found.lower_bound, found.upper_bound) == (75, 100, 80, 100)
    assert found.explanation == "Nps is 75, 25% behind its baseline of 100, 16.9 times its usual spread"
    assert (found.period_grain, found.period_start) == ("week", WEEK)


def test_a_stated_baseline_comes_first_and_a_short_history_is_only_worth_a_note() -> None:
    stated = target("hours", 3, "quarter", WEEK, comparison="lte", baseline=Baseline(4, date(2026, 9, 30)))
    known = catalogue([metric("hours", direction="decrease")], targets=[stated])

    (found,) = below_baseline_rows(known, frame(series("hours", "week", WEEK, 4, 5)), AS_OF)

    assert (found.expected, found.severity, found.score) == (4, "info", D("0.25"))
    assert (found.lower_bound, found.upper_bound) == (4, D("4.8"))


def test_what_is_not_final_near_or_known_is_no_flag() -> None:
    values = frame(
        series("running", "week", WEEK, *CALM, 10, provisional=1),
        series("near", "week", WEEK, *CALM, 85),
        series("better", "week", WEEK, *CALM, 150),
        series("young", "week", WEEK, 100, 10),
    )
    metrics = [metric(name) for name in ("running", "near", "better", "young", "absent")]

    assert below_baseline_rows(catalogue(metrics), values, AS_OF) == ()
