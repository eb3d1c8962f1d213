"""KPI status, attainment, trend and falling behind the baseline, one value at a time."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.model import Direction
from pipelines.scoring.below_baseline import far_below_baseline, robust_sigma
from pipelines.scoring.change import relative_gain, trend
from pipelines.scoring.kinds import Comparison, KpiStatus, Trend
from pipelines.scoring.optimum import OptimumBand
from pipelines.scoring.status import Limits, attainment, kpi_status

UP, DOWN, WITHIN = Direction.INCREASE, Direction.DECREASE, Direction.WITHIN
GREEN, AMBER, RED = KpiStatus.GREEN, KpiStatus.AMBER, KpiStatus.RED


@pytest.mark.parametrize(
    ("name", "value", "limits", "status"),
    [
        ("active users", 12_500, Limits(UP, 15_000), AMBER),
        ("feature adoption", D("0.68"), Limits(UP, D("0.75")), AMBER),
        ("ticket volume", 142, Limits(DOWN, 100, Comparison.LT), RED),
        ("revenue", 485, Limits(UP, 500), AMBER),
        ("churn", D("0.052"), Limits(DOWN, D("0.05"), Comparison.LT), AMBER),
        ("nps", 42, Limits(UP, 50), AMBER),
        ("payback months", 14, Limits(DOWN, 12), RED),
        ("met exactly", 50, Limits(UP, 50), GREEN),
        ("met exactly, strictly", 50, Limits(UP, 50, Comparison.GT), AMBER),
        ("at the floor, more is better", 80, Limits(UP, 100), AMBER),
        ("below the floor, more is better", D("79.9999"), Limits(UP, 100), RED),
        ("at the floor, less is better", 100, Limits(DOWN, 90), AMBER),
        ("below the floor, less is better", D("100.001"), Limits(DOWN, 90), RED),
        ("negative where more is better", -5, Limits(UP, 10), RED),
        ("negative target, met", -5, Limits(UP, -10), GREEN),
        ("some where none is wanted", 3, Limits(DOWN, 0), RED),
        ("none where none is wanted", 0, Limits(DOWN, 0), GREEN),
        ("no target", 5, Limits(UP), KpiStatus.NO_TARGET),
        ("no value", None, Limits(UP, 5), KpiStatus.NO_DATA),
        ("not a number", float("nan"), Limits(UP, 5), KpiStatus.NO_DATA),
    ],
)
def test_status(name: str, value: D | int | float | None, limits: Limits, status: KpiStatus) -> None:
    assert kpi_status(value, limits).status is status, name


def test_a_metrics_own_limits_win_over_the_amber_floor() -> None:
    limits = Limits(DOWN, target=10, amber_at=15, red_at=30)

    assert [kpi_status(v, limits).status for v in (10, 15, 16, 29, 30)] == [GREEN, AMBER, RED, RED, RED]
    assert [kpi_status(v, limits).is_critical for v in (10, 15, 16, 29, 30)] == [False] * 4 + [True]


def test_red_at_is_critical_whatever_the_target() -> None:
    assert kpi_status(7, Limits(UP, target=5, red_at=8)).status is RED, "met, and still too low"
    assert kpi_status(40, Limits(DOWN, red_at=30)).is_critical, "no target at all"


def test_stale_is_never_green_and_never_red() -> None:
    found = kpi_status(100, Limits(DOWN, target=200, red_at=50), is_stale=True)

    assert (found.status, found.is_critical) == (KpiStatus.STALE, False)
    assert found.attainment.value == 2, "the number stays readable"


@pytest.mark.parametrize(
    ("value", "status", "reached"),
    [(D("0.80"), GREEN, "1"), (D("0.73"), AMBER, "0.8"), (D("0.72"), RED, "0.7"), (D("0.87"), AMBER, "0.8")],
)
def test_a_band_metric_is_green_inside_and_fades_outside(value: D, status: KpiStatus, reached: str) -> None:
    limits = Limits(WITHIN, band=OptimumBand(D("0.75"), D("0.85")))

    found = kpi_status(value, limits)

    assert (found.status, found.attainment.value) == (status, D(reached))


def test_limits_of_a_band_speak_about_their_own_side() -> None:
    limits = Limits(WITHIN, band=OptimumBand(3, 5), amber_at=D("2.5"), red_at=9)

    assert [kpi_status(v, limits).status for v in (D("2.5"), D("2.4"), 8, 9)] == [AMBER, RED, RED, RED]
    assert kpi_status(1, limits).is_critical is False, "red_at lies above the band"


def test_attainment_uses_the_edge_cases_of_the_ratio() -> None:
    assert attainment(0, Limits(DOWN, 4)).reason == "zero_current_capped"
    assert attainment(3, Limits(DOWN, 0)).reason == "zero_target_uninformative"
    assert attainment(-3, Limits(UP, 4)).reason == "negative_operand"


# ── trend ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("direction", "values", "expected"),
    [
        (UP, [100, 50, 102], Trend.IMPROVING),
        (UP, [100, 50, 101], Trend.FLAT),
        (UP, [100, 50, 99], Trend.FLAT),
        (UP, [100, 500, 98], Trend.WORSENING),
        (DOWN, [100, 50, 98], Trend.IMPROVING),
        (DOWN, [1, 100, 99, 110], Trend.WORSENING),
        (UP, [-100, 0, -98], Trend.IMPROVING),
        (UP, [0, 0, 0.1], Trend.IMPROVING),
        (UP, [0, 5, 0], Trend.FLAT),
        (UP, [1, 2], None),
        (UP, [None, 2, 3], None),
        (UP, [1, 2, None], None),
        (UP, [1, None, 3], Trend.IMPROVING),
    ],
)
def test_trend_is_the_direction_adjusted_change_over_three_periods(
    direction: Direction, values: list[float | None], expected: Trend | None
) -> None:
    assert trend(direction, values) is expected


def test_the_trend_of_a_band_metric_is_towards_or_away_from_it() -> None:
    band = OptimumBand(3, 5)

    assert trend(WITHIN, [8, 7, 6], band) is Trend.IMPROVING
    assert trend(WITHIN, [4, 3, 2], band) is Trend.WORSENING
    assert trend(WITHIN, [3, 4, 5], band) is Trend.FLAT


@given(st.floats(1, 1e6), st.floats(1, 1e6))
def test_the_same_change_is_a_gain_one_way_and_a_loss_the_other(now: float, before: float) -> None:
    up, down = relative_gain(UP, now, before), relative_gain(DOWN, now, before)

    assert up is not None
    assert down is not None
    assert up == -down


# ── far behind the baseline ─────────────────────────────────────────────────────────────────────────────────

CALM = [99, 101, 100, 98, 102, 100, 99, 101]


def test_far_behind_needs_a_fifth_of_the_baseline_and_three_sigmas() -> None:
    assert robust_sigma(CALM) == D("1.4826")
    found = far_below_baseline(UP, 80, 100, CALM)

    assert found is not None
    assert (found.deviation, found.severity) == (D("0.2"), "warning")
    assert found.sigmas == D("13.489815")
    assert far_below_baseline(UP, D("80.01"), 100, CALM) is None, "not a fifth"
    assert far_below_baseline(UP, 130, 100, CALM) is None, "not adverse"


def test_a_noisy_metric_needs_more_than_a_fifth() -> None:
    noisy = [60, 140, 80, 120, 70, 130, 100, 90]

    assert far_below_baseline(UP, 75, 100, noisy) is None
    assert far_below_baseline(UP, -50, 100, noisy) is not None


def test_with_a_short_history_a_fifth_alone_is_worth_a_note() -> None:
    found = far_below_baseline(DOWN, 120, 100, CALM[:7])

    assert found is not None
    assert (found.severity, found.sigmas) == ("info", None)


def test_only_the_last_twelve_periods_count() -> None:
    wild = [0, 1000, -1000, 500, 0, 900, -900, 100]

    assert far_below_baseline(UP, 70, 100, wild + CALM + CALM[:4]) is not None
    assert far_below_baseline(UP, 70, 100, wild + CALM[:4]) is None


def test_unknown_values_are_behind_nothing() -> None:
    assert far_below_baseline(UP, None, 100, CALM) is None
    assert far_below_baseline(UP, 10, None, CALM) is None
