"""Influences: edges of a tree that claim an effect without arithmetic. Reported as correlation, never as cause.

Source: scoring rules, "Driver trees and contributions"; published as `influences` edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from definitions.settings import ScoringSettings
from pipelines.scoring.arithmetic import Number, exact, quantise
from pipelines.scoring.bands import DEFAULTS


@dataclass(frozen=True, slots=True)
class Correlation:
    """Pearson's correlation of a driver `lag` periods ago with the metric now.

    Attributes:
        levels: of the values; shared trends raise it.
        changes: of the changes from period to period; what is left when trends are taken out.
        pairs: how many pairs of values were there.
        reason: `too_few_periods` or `constant` where there is no number.
        sign_as_expected: whether `changes` (else `levels`) has the sign the definition claims.
    """

    lag: int
    levels: Decimal | None
    changes: Decimal | None
    pairs: int
    reason: str | None = None
    sign_as_expected: bool | None = None


def lagged_correlation(
    driver: Sequence[Number | None],
    metric: Sequence[Number | None],
    lag: int,
    expected_sign: int = 1,
    settings: ScoringSettings = DEFAULTS,
) -> Correlation:
    """Correlate driver[t − lag] with metric[t] over two series on the same periods.

    Raises:
        ValueError: the series differ in length, or `lag` is negative.

    >>> lagged_correlation([1, 3, 2, 5, 4, 6, 8, 7, 9], [0, 2, 6, 4, 10, 8, 12, 16, 14], 1).levels
    Decimal('1.000000')
    """
    if len(driver) != len(metric) or lag < 0:
        raise ValueError(
            f"two series of one length and a lag of 0 or more; found {len(driver)}, {len(metric)}, {lag}"
        )
    known = [
        (x, y)
        for x, y in zip(
            (exact(value) for value in driver[: len(driver) - lag]),
            (exact(value) for value in metric[lag:]),
            strict=True,
        )
    ]
    pairs = [(x, y) for x, y in known if x is not None and y is not None]
    if len(pairs) < settings.correlation_points_min:
        return Correlation(lag, None, None, len(pairs), "too_few_periods")
    levels = _pearson(pairs)
    steps = [
        (x - x0, y - y0)
        for (x0, y0), (x, y) in pairwise(known)
        if x is not None and y is not None and x0 is not None and y0 is not None
    ]
    changes = _pearson(steps) if len(steps) >= settings.correlation_points_min - 1 else None
    telling = levels if changes is None else changes
    return Correlation(
        lag,
        levels,
        changes,
        len(pairs),
        "constant" if levels is None else None,
        None if not telling else (telling > 0) == (expected_sign > 0),
    )


def strongest_lag(
    driver: Sequence[Number | None],
    metric: Sequence[Number | None],
    max_lag: int,
    settings: ScoringSettings = DEFAULTS,
) -> Correlation | None:
    """The lag of 0..max_lag with the largest absolute correlation of changes; None where none has a number."""
    found = [lagged_correlation(driver, metric, lag, settings=settings) for lag in range(max_lag + 1)]
    known = [(abs(item.changes), -item.lag, item) for item in found if item.changes is not None]
    return max(known)[2] if known else None


def _pearson(pairs: Sequence[tuple[Fraction, Fraction]]) -> Decimal | None:
    """r, or None where one side never moved."""
    count = len(pairs)
    if count < 2:
        return None
    mean_x = sum((x for x, _ in pairs), Fraction(0)) / count
    mean_y = sum((y for _, y in pairs), Fraction(0)) / count
    xx = sum(((x - mean_x) ** 2 for x, _ in pairs), Fraction(0))
    yy = sum(((y - mean_y) ** 2 for _, y in pairs), Fraction(0))
    xy = sum(((x - mean_x) * (y - mean_y) for x, y in pairs), Fraction(0))
    if xx == 0 or yy == 0:
        return None
    squared = xy * xy / (xx * yy)
    size = quantise(float(squared) ** 0.5)
    return size if xy >= 0 else quantise(-Fraction(size))
