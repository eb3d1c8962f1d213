"""Six places, half-even, never NaN: one by one and by the column, with the same result."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.publishing.numbers import quantised, quantised_array
from pipelines.scoring.arithmetic import quantise

numbers = st.floats(allow_nan=True, allow_infinity=True)
near_ties = st.builds(
    lambda n, k: (n + 0.5) / 10**6 + k * 1e-15, st.integers(-(10**9), 10**9), st.integers(-3, 3)
)


@given(st.lists(st.one_of(numbers, near_ties, st.floats(-1e7, 1e7)), max_size=50))
@example([2.0000005, 2.0000015, -0.0, 1e308, 1e-320, 0.1 + 0.2, 999_999_999.9999995])
def test_a_column_is_quantised_as_each_of_its_numbers(values: list[float]) -> None:
    by_column = quantised_array(np.array(values, np.float64))
    for value, found in zip(values, by_column.tolist(), strict=True):
        expected = quantised(value)
        if expected is None:
            assert math.isnan(found)
        else:
            assert found == float(expected)
            assert math.copysign(1, found) == 1 or found < 0, "negative zero"


@given(st.floats(-1e9, 1e9))
def test_scoring_rounds_the_same_way(value: float) -> None:
    assert quantised(value) == quantise(value)


@given(st.one_of(st.floats(-1e9, 1e9), near_ties))
def test_what_was_quantised_stays_as_it_is(value: float) -> None:
    once = quantised(value)
    assert once is not None
    assert quantised(float(once)) == once
    assert quantised(once) == once


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), Decimal("NaN"), Decimal("1E+999"), None]
)
def test_what_is_no_finite_number_is_unknown(value: float | Decimal | None) -> None:
    assert quantised(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.1 + 0.2, "0.300000"),
        (Decimal("0.0000005"), "0.000000"),
        (Decimal("0.0000015"), "0.000002"),
        (Decimal("12345678901234567890.1234565"), "12345678901234567890.123456"),
        (-0.0, "0.000000"),
        (7, "7.000000"),
    ],
)
def test_half_even_at_six_places(value: float | Decimal | int, expected: str) -> None:
    assert str(quantised(value)) == expected
