"""The vectorised status is the scalar status, on every row and to the last digit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from definitions.model import Direction
from pipelines.scoring.arithmetic import difference, relative_change
from pipelines.scoring.change import trend
from pipelines.scoring.kinds import Comparison
from pipelines.scoring.optimum import OptimumBand
from pipelines.scoring.status import Limits, kpi_status
from pipelines.scoring.status_arrays import (
    MAX_ATTAINMENT,
    STATUSES,
    TRENDS,
    LimitArrays,
    change_arrays,
    difference_arrays,
    status_arrays,
    trend_arrays,
)

CODE = {Direction.INCREASE: 1, Direction.DECREASE: -1, Direction.WITHIN: 0}

ordinary = st.one_of(
    st.integers(-1000, 1000).map(float),
    st.integers(-(10**7), 10**7).map(lambda n: n / 10**6),
    st.integers(-(10**9), 10**9).map(lambda n: n / 3e6),
    st.sampled_from([0.0, -0.0, 0.1 + 0.2, 0.3, 1 / 3, 0.7, 0.8, 0.9, 1e-7, 5e-7, 1e15, 1e-320, 1e300]),
)
value_or_none = st.none() | ordinary


@dataclass(frozen=True)
class Row:
    value: float | None
    limits: Limits
    is_stale: bool


@st.composite
def rows(draw: st.DrawFn) -> Row:
    direction = draw(st.sampled_from(list(Direction)))
    value = draw(value_or_none)
    band, target, comparison = None, None, None
    if direction is Direction.WITHIN or draw(st.booleans()):
        edges = sorted(draw(st.lists(ordinary.filter(lambda x: abs(x) < 1e12), min_size=4, max_size=4)))
        if draw(st.booleans()):
            band = OptimumBand(edges[1], edges[2], edges[0], edges[3])
        else:
            band = OptimumBand(edges[1], edges[2])
    if direction is not Direction.WITHIN:
        near = [st.just(value)] if value is not None else []
        target = draw(st.one_of(value_or_none, *near))
        if draw(st.booleans()):
            comparison = Comparison.GT if direction is Direction.INCREASE else Comparison.LT
    limits = Limits(direction, target, comparison, band, draw(value_or_none), draw(value_or_none))
    return Row(value, limits, draw(st.booleans()))


def columns(given_rows: list[Row]) -> LimitArrays:
    def floats(pick: object) -> np.ndarray:
        return np.array([math.nan if (v := pick(row.limits)) is None else v for row in given_rows], float)  # type: ignore[operator]

    return LimitArrays(
        direction=np.array([CODE[row.limits.direction] for row in given_rows], np.int8),
        target=floats(lambda x: x.target),
        is_strict=np.array([row.limits.comparison is not None for row in given_rows], bool),
        low=floats(lambda x: x.band and x.band.low),
        high=floats(lambda x: x.band and x.band.high),
        floor=floats(lambda x: x.band and x.band.floor),
        ceiling=floats(lambda x: x.band and x.band.ceiling),
        amber_at=floats(lambda x: x.amber_at),
        red_at=floats(lambda x: x.red_at),
    )


def values(given_rows: list[Row]) -> np.ndarray:
    return np.array([math.nan if row.value is None else row.value for row in given_rows])


@settings(max_examples=150, deadline=None)
@given(st.lists(rows(), min_size=1, max_size=40))
def test_status_and_attainment_equal_the_scalar_rule(given_rows: list[Row]) -> None:
    result = status_arrays(
        values(given_rows), columns(given_rows), np.array([row.is_stale for row in given_rows])
    )

    for place, row in enumerate(given_rows):
        expected = kpi_status(row.value, row.limits, is_stale=row.is_stale)
        reached = expected.attainment.value
        assert STATUSES[result.status[place]] is expected.status, row
        assert bool(result.is_critical[place]) == expected.is_critical, row
        if reached is None:
            assert math.isnan(result.attainment[place]), row
        else:
            assert result.attainment[place] == min(float(reached), MAX_ATTAINMENT), row


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(value_or_none, value_or_none), min_size=1, max_size=40))
def test_changes_equal_the_scalar_rule(pairs: list[tuple[float | None, float | None]]) -> None:
    now = np.array([math.nan if a is None else a for a, _ in pairs])
    before = np.array([math.nan if b is None else b for _, b in pairs])

    for found, rule in ((difference_arrays, difference), (change_arrays, relative_change)):
        for place, number in enumerate(found(now, before)):
            expected = rule(*pairs[place])
            assert math.isnan(number) if expected is None else number == float(expected), pairs[place]


NEXT_TO_NOTHING = Row(0.0, Limits(direction=Direction.INCREASE, band=OptimumBand(1.0, 1.0)), is_stale=False)


@example([(NEXT_TO_NOTHING, 1e-320)])
@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(rows(), value_or_none), min_size=1, max_size=30))
def test_trends_equal_the_scalar_rule(pairs: list[tuple[Row, float | None]]) -> None:
    given_rows = [row for row, _ in pairs]
    before = np.array([math.nan if b is None else b for _, b in pairs])

    found = trend_arrays(values(given_rows), before, columns(given_rows))

    for place, (row, old) in enumerate(pairs):
        expected = trend(row.limits.direction, [old, 0, row.value], row.limits.band)
        assert (None if found[place] < 0 else TRENDS[found[place]]) is expected, pairs[place]


@pytest.mark.parametrize(("value", "target"), [(1.0, 1e-320), (1e300, 1e-300), (-0.0, 1.0)])
def test_extreme_operands_never_give_infinity(value: float, target: float) -> None:
    row = Row(value, Limits(Direction.INCREASE, target), False)

    result = status_arrays(values([row]), columns([row]), np.array([False]))

    assert math.isfinite(result.attainment[0])
