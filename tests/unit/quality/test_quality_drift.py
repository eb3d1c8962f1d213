"""The population stability index."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from quality.drift import drifted_metrics, psi

numbers = st.lists(st.floats(-1e9, 1e9), min_size=30, max_size=80).map(np.array)


@given(numbers)
def test_a_sample_has_not_drifted_from_itself(sample) -> None:
    assert psi(sample, sample) == 0


@given(numbers, numbers)
def test_psi_is_finite_and_never_negative(one, other) -> None:
    assert np.isfinite(psi(one, other))
    assert psi(one, other) >= 0


@given(numbers)
def test_order_does_not_matter(sample) -> None:
    assert np.isclose(psi(sample, sample[::-1]), 0)


def test_known_value() -> None:
    # Ten values, one per decile; all mass moves into the last one.
    before, now = np.arange(10.0), np.full(10, 9.0)
    expected = 9 * (1e-4 - 0.1) * np.log(1e-4 / 0.1) + (1 - 0.1) * np.log(1 / 0.1)
    assert np.isclose(psi(before, now), expected)


def test_only_metrics_that_moved_with_enough_values_are_named() -> None:
    quiet, moved, few = np.arange(40.0), np.arange(40.0) + 100, np.arange(5.0)
    paired = pa.table(
        {
            "metric": ["a"] * 40 + ["b"] * 40 + ["c"] * 5,
            "before": np.concatenate([quiet, quiet, few]),
            "now": np.concatenate([quiet, moved, few + 100]),
        }
    )
    assert drifted_metrics(paired, 0.25, 30) == ["b"]
    assert drifted_metrics(paired.slice(0, 0), 0.25, 30) == []
