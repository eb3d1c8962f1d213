"""Variance models: links invert, tails are exact, and the ends of a band are where the surprise is its deviate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pipelines.anomalies.families import (
    Family,
    bounds,
    link,
    normal_of_t,
    sampling_variance,
    surprise,
    t_of_normal,
    unlink,
)


def one(value: float) -> np.ndarray:
    return np.array([value])


@pytest.mark.parametrize("family", [Family.LOG, Family.LINEAR, Family.ASINH])
@given(value=st.floats(0.01, 1e9))
@settings(max_examples=30)
def test_unlink_inverts_link(family: Family, value: float) -> None:
    code = np.array([family])
    eta = link(code, one(3.0), one(value), one(np.nan))
    assert unlink(code, one(3.0), eta)[0] == pytest.approx(value, rel=1e-9)


def deviate(below: float, above: float) -> float:
    """Normal deviate of a point, from the smaller of its tails: the other one is 1 to the last digit."""
    return float(stats.norm.ppf(below) if below < above else stats.norm.isf(max(above, 1e-300)))


@given(mean=st.floats(0.3, 40), observed=st.integers(0, 90))
@settings(max_examples=60)
def test_small_counts_have_poisson_tails(mean: float, observed: int) -> None:
    """Mid-p deviate of the exact Poisson, up to the continuity of the incomplete gamma function."""
    code, eta = np.array([Family.COUNT]), one(np.log(mean))
    sampling = sampling_variance(code, eta, one(np.nan))
    z = surprise(code, one(observed), one(np.nan), one(0.0), eta, sampling, sampling + 1e-7)[0]
    law = stats.poisson(mean)
    floor, ceiling = (deviate(law.cdf(count), law.sf(count)) for count in (observed - 1, observed))
    assert floor - 0.02 <= z <= ceiling + 0.02 or law.cdf(observed) > 1 - 1e-12


@given(mean=st.floats(0.5, 500), extra=st.floats(1e-4, 0.3), deviate=st.floats(1.5, 4.0))
@settings(max_examples=40)
def test_the_ends_of_a_count_band_have_their_deviate(mean: float, extra: float, deviate: float) -> None:
    code, eta = np.array([Family.COUNT]), one(np.log(mean))
    sampling = sampling_variance(code, eta, one(np.nan))
    total = sampling + extra
    lower, upper = bounds(code, one(1.0), one(np.nan), eta, sampling, total, one(deviate))
    assert 0 <= lower[0] < mean < upper[0]
    for end, target in ((lower, -deviate), (upper, deviate)):
        z = surprise(code, end, one(np.nan), one(0.0), eta, sampling, total)[0]
        assert z == pytest.approx(target, abs=0.05) or end[0] == 0


@given(
    chance=st.floats(0.02, 0.98),
    size=st.integers(1, 5000),
    extra=st.floats(1e-6, 0.05),
    deviate=st.floats(1.5, 3.5),
)
@settings(max_examples=40)
def test_the_ends_of_a_share_band_stay_between_nothing_and_all(
    chance: float, size: int, extra: float, deviate: float
) -> None:
    code, eta = np.array([Family.SHARE]), one(2 * np.arcsin(np.sqrt(chance)))
    sampling = sampling_variance(code, eta, one(float(size)))
    lower, upper = bounds(code, one(1.0), one(float(size)), eta, sampling, sampling + extra, one(deviate))
    assert 0 <= lower[0] <= chance + 1e-6
    assert chance - 1e-6 <= upper[0] <= 1


@given(z=st.floats(-5, 5), freedom=st.floats(4, 200))
@settings(max_examples=40)
def test_student_deviates_convert_both_ways(z: float, freedom: float) -> None:
    t = t_of_normal(one(z), one(freedom))
    assert normal_of_t(t, one(freedom))[0] == pytest.approx(z, abs=1e-6)
    exact = stats.norm.isf(stats.t(freedom).sf(abs(t[0])))
    assert abs(z) == pytest.approx(exact, rel=0.03, abs=0.03)
