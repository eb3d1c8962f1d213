"""Forecast at the end date: the rule's vector, when there is none, and what must always hold."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal as D
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.scoring.forecast import PERSISTENCES, fit_line, forecast
from pipelines.scoring.kinds import Comparison, ForecastMethod

START = date(2026, 1, 1)
END = START + timedelta(91)


def weekly(*values: float) -> list[tuple[date, float]]:
    return [(START + timedelta(7 * (week + 1)), value) for week, value in enumerate(values)]


VECTOR = weekly(33, 34, 36, 36, 38, 40)


def test_the_vector_of_the_rules() -> None:
    found = forecast(VECTOR, END)

    assert found is not None
    assert found.method is ForecastMethod.TREND
    assert round(found.value, 1) == D("48.9")
    assert round(found.standard_error, 1) == D("1.4")
    assert found.hit_probability(Comparison.GTE, 50) == D("0.22433")


def test_fewer_than_four_final_points_give_no_forecast() -> None:
    assert forecast(weekly(33, 34, 36), END) is None
    assert forecast(weekly(33, 34, 36, 36), END) is not None


def test_a_cycle_that_is_over_has_no_forecast() -> None:
    assert forecast(VECTOR, VECTOR[-1][0]) is None


def test_two_values_on_one_day_are_no_series() -> None:
    assert forecast([*VECTOR, VECTOR[-1]], END) is None


def test_only_the_last_thirteen_points_count() -> None:
    long = [(START + timedelta(7 * week), float(week % 3)) for week in range(40)]

    assert forecast(long, START + timedelta(400)) == forecast(long[-13:], START + timedelta(400))


@pytest.mark.parametrize(
    ("values", "method"),
    [
        ((33, 34, 36, 36, 38, 40), ForecastMethod.TREND),
        ((33, 34, 36, 36, 38, 40, 41, 43), ForecastMethod.AVERAGED),
        ((33, 39, 34, 36, 33, 40), ForecastMethod.AVERAGED),
        ((33, 34, 36, 38, 38, 38), ForecastMethod.AVERAGED),
    ],
    ids=["few points and no doubt", "many points", "an uncertain slope", "lingering off the line"],
)
def test_the_plain_trend_speaks_where_few_points_leave_no_doubt(
    values: tuple[float, ...], method: ForecastMethod
) -> None:
    found = forecast(weekly(*values), END)

    assert found is not None
    assert found.method is method


def test_a_slope_that_is_only_noise_is_hardly_believed() -> None:
    noise = weekly(50, 53, 49, 52, 48, 51, 53, 50, 54)
    averaged, trend = (
        forecast(noise, END, method=m) for m in (ForecastMethod.AVERAGED, ForecastMethod.TREND)
    )

    assert averaged is not None
    assert trend is not None
    assert abs(averaged.value - 51) < abs(trend.value - 51) / 2


def test_a_wandering_series_is_less_certain_than_a_line_with_noise_would_be() -> None:
    walk = weekly(10, 11, 12, 13, 12, 11, 12, 13, 14, 15)
    plain, persistent = (forecast(walk, END, method=method) for method in ForecastMethod)

    assert plain is not None
    assert persistent is not None
    assert persistent.standard_error > plain.standard_error * D("1.3")


def test_points_on_a_line_are_certain() -> None:
    found = forecast(weekly(*range(10, 20)), END)

    assert found is not None
    assert (found.value, found.low, found.high) == (22, 22, 22)
    assert found.hit_probability(Comparison.GTE, 22) == 1
    assert found.hit_probability(Comparison.GT, 22) == 0


def test_a_constant_series_stays_where_it_is() -> None:
    found = forecast(weekly(*[5.0] * 9), END)

    assert found is not None
    assert (found.value, found.standard_error) == (5, 0)


def test_a_count_never_goes_below_zero() -> None:
    found = forecast(weekly(9, 7, 6, 5, 3, 2), END, lowest=0)

    assert found is not None
    assert (found.value, found.low) == (0, 0)


@pytest.mark.parametrize(
    ("comparison", "target", "high", "chance"),
    [
        (Comparison.GTE, D("48.92381"), None, "0.5"),
        (Comparison.LTE, D("48.92381"), None, "0.5"),
        (Comparison.BETWEEN, D("48.92381"), 1000, "0.5"),
        (Comparison.GTE, -1000, None, "1"),
        (Comparison.LT, -1000, None, "0"),
        (Comparison.GTE, None, None, None),
        (Comparison.BETWEEN, 40, None, None),
    ],
)
def test_hit_probability_by_comparison(
    comparison: Comparison, target: D | int | None, high: int | None, chance: str | None
) -> None:
    found = forecast(VECTOR, END)

    assert found is not None
    assert found.hit_probability(comparison, target, high) == (None if chance is None else D(chance))


def test_without_persistence_the_fit_is_least_squares() -> None:
    days, values = [-3.0, -2.0, -1.0, 0.0], [1.0, 3.0, 2.0, 5.0]
    found = fit_line(days, values, ahead=2.0, persistence=0.0)

    assert found.mean == pytest.approx(6.6)
    assert found.error == pytest.approx((2.7 / 2 * (1 + 1 / 4 + 3.5**2 / 5)) ** 0.5)


def test_the_nearer_to_a_random_walk_the_nearer_to_the_last_point() -> None:
    days, values = [float(day) for day in range(-9, 1)], [0.0, 1, 2, 3, 4, 5, 6, 7, 8, 20]
    means = [fit_line(days, values, 1.0, rho).mean for rho in PERSISTENCES]

    assert all(earlier < later for earlier, later in pairwise(means))


@settings(max_examples=150)
@given(
    st.lists(st.floats(-1e9, 1e9), min_size=4, max_size=20),
    st.integers(1, 60),
    st.sampled_from([None, *ForecastMethod]),
)
def test_a_forecast_is_finite_and_its_interval_holds_it(
    values: list[float], ahead: int, method: ForecastMethod | None
) -> None:
    points = weekly(*values)
    found = forecast(points, points[-1][0] + timedelta(ahead), method=method)

    assert found is not None
    assert found.low <= found.value <= found.high
    assert found.standard_error >= 0
    for comparison in (Comparison.GTE, Comparison.LT):
        chance = found.hit_probability(comparison, 0)
        assert chance is not None
        assert 0 <= chance <= 1


@settings(max_examples=50)
@given(st.lists(st.integers(-1000, 1000), min_size=4, max_size=12), st.integers(-50, 50), st.integers(1, 100))
def test_a_forecast_moves_and_stretches_with_its_series(values: list[int], shift: int, scale: int) -> None:
    plain = forecast(weekly(*values), END)
    moved = forecast(weekly(*[value * scale + shift for value in values]), END)

    assert plain is not None
    assert moved is not None
    assert float(moved.value) == pytest.approx(float(plain.value) * scale + shift, abs=1e-3 * scale)
