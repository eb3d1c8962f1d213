"""Pace: where a key result should be today, and whether it is."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scoring.kinds import Curve, PaceStatus
from pipelines.scoring.pace import Expectation, pace, phased_points

START, END = date(2026, 10, 1), date(2026, 12, 31)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 9, 1), "0"),
        (START, "0"),
        (date(2026, 10, 15), "0.153846"),
        (date(2026, 12, 30), "0.989011"),
        (END, "1"),
        (date(2027, 2, 1), "1"),
    ],
)
def test_the_linear_curve_is_the_share_of_time(day: date, expected: str) -> None:
    assert Expectation(START, END).at(day) == D(expected)


def test_the_step_curve_expects_progress_at_the_end_of_each_step() -> None:
    curve = Expectation(date(2026, 1, 1), date(2026, 3, 31), Curve.STEP, steps=3)
    days = [curve.start + timedelta(day) for day in (0, 29, 30, 59, 60, 89)]

    assert [curve.at(day) for day in days] == [0, 0, D("0.333333"), D("0.333333"), D("0.666667"), 1]


def test_a_step_curve_of_one_step_expects_everything_on_the_last_day() -> None:
    curve = Expectation(START, END, Curve.STEP)

    assert (curve.at(END - timedelta(1)), curve.at(END)) == (0, 1)


def test_the_late_curve_expects_a_quarter_at_half_time() -> None:
    assert Expectation(date(2026, 1, 1), date(2026, 1, 11), Curve.LATE).at(date(2026, 1, 6)) == D("0.25")


def test_the_phased_curve_follows_the_targets_of_its_periods() -> None:
    points = phased_points(
        baseline=40,
        target=60,
        values=[(date(2026, 1, 31), 42), (date(2026, 2, 28), 50), (date(2026, 3, 31), 60)],
    )
    curve = Expectation(date(2026, 1, 1), date(2026, 3, 31), Curve.PHASED, points=points)

    assert curve.at(date(2026, 1, 16)) == D("0.05")
    assert curve.at(date(2026, 1, 31)) == D("0.1")
    assert curve.at(date(2026, 2, 14)) == D("0.3")
    assert curve.at(date(2026, 3, 31)) == 1


@pytest.mark.parametrize(
    ("progress", "expected", "ratio", "status"),
    [
        ("0.55", "0.5", "1.1", PaceStatus.AHEAD),
        ("0.549999", "0.5", "1.099998", PaceStatus.ON_PACE),
        ("0.45", "0.5", "0.9", PaceStatus.ON_PACE),
        ("0.449999", "0.5", "0.899998", PaceStatus.BEHIND),
        ("0.35", "0.5", "0.7", PaceStatus.BEHIND),
        ("0.349999", "0.5", "0.699998", PaceStatus.OFF_PACE),
        ("-0.2", "0.5", "-0.4", PaceStatus.OFF_PACE),
        ("0.05", "0.1", "0.5", PaceStatus.OFF_PACE),
        ("0.05", "0.099999", None, PaceStatus.TOO_EARLY),
    ],
)
def test_pace_bands(progress: str, expected: str, ratio: str | None, status: PaceStatus) -> None:
    found = pace(D(progress), D(expected))

    assert (found.ratio, found.status) == (None if ratio is None else D(ratio), status)
    assert found.gap == D(progress) - D(expected)


def test_unknown_progress_has_no_pace() -> None:
    found = pace(None, D("0.5"))

    assert (found.ratio, found.gap, found.status) == (None, None, PaceStatus.NOT_APPLICABLE)


@given(
    curve=st.sampled_from(list(Curve)),
    length=st.integers(0, 400),
    steps=st.integers(1, 20),
    points=st.lists(
        st.tuples(st.integers(0, 400), st.floats(-1, 2)), max_size=5, unique_by=lambda point: point[0]
    ),
    days=st.tuples(st.integers(-10, 450), st.integers(-10, 450)),
)
def test_expected_progress_is_a_share_and_a_rising_curve_never_falls(
    curve: Curve, length: int, steps: int, points: list[tuple[int, float]], days: tuple[int, int]
) -> None:
    rising = tuple(
        (START + timedelta(day), value)
        for (day, _), value in zip(sorted(points), sorted(value for _, value in points), strict=True)
    )
    line = Expectation(START, START + timedelta(length), curve, steps, rising)
    first, second = sorted(days)

    earlier, later = line.at(START + timedelta(first)), line.at(START + timedelta(second))

    assert 0 <= earlier <= later <= 1
