"""Change seen from the side of the metric: positive is better, whatever the direction.

The trend of a KPI, and what guardrails and adverse weeks are built on. Source: scoring rules, "KPI status" (trend).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from definitions.model import Direction
from definitions.settings import ScoringSettings
from pipelines.scoring.arithmetic import Number, exact, quantise
from pipelines.scoring.bands import DEFAULTS
from pipelines.scoring.kinds import Trend
from pipelines.scoring.optimum import OptimumBand


def gain(
    direction: Direction, now: Number | None, before: Number | None, band: OptimumBand | None = None
) -> Fraction | None:
    """How much better `now` is than `before`, in the metric's unit; None where either is unknown.

    Inside or around a band, better is nearer to it.
    """
    after, base = exact(now), exact(before)
    if after is None or base is None:
        return None
    if band is not None:
        return _distance(base, band) - _distance(after, band)
    if direction is Direction.WITHIN:
        return None
    return after - base if direction is Direction.INCREASE else base - after


def relative_gain(
    direction: Direction, now: Number | None, before: Number | None, band: OptimumBand | None = None
) -> Decimal | None:
    """`gain` ÷ |before|; None where unknown or where `before` is zero.

    >>> relative_gain(Direction.DECREASE, now=90, before=100)
    Decimal('0.100000')
    """
    better, base = gain(direction, now, before, band), exact(before)
    return None if better is None or not base else quantise(better / abs(base))


def trend(
    direction: Direction,
    values: Sequence[Number | None],
    band: OptimumBand | None = None,
    settings: ScoringSettings = DEFAULTS,
) -> Trend | None:
    """The sign of the direction-adjusted change over the last complete periods (three), flat inside ±1 %.

    `values` are the metric's complete periods in order; the change is from the first to the last of the last
    three. None where there are fewer, or where either end is unknown. From zero, any change has its sign.

    >>> trend(Direction.DECREASE, [8, 7, 6, 5])
    <Trend.IMPROVING: 'improving'>
    """
    if len(values) < settings.trend_periods:
        return None
    before, now = values[-settings.trend_periods], values[-1]
    better, base = gain(direction, now, before, band), exact(before)
    if better is None or base is None:
        return None
    size = better if base == 0 else Fraction(quantise(better / abs(base)))
    flat_within = Fraction(0) if base == 0 else Fraction(settings.trend_flat)
    if abs(size) <= flat_within:
        return Trend.FLAT
    return Trend.IMPROVING if size > 0 else Trend.WORSENING


def _distance(value: Fraction, band: OptimumBand) -> Fraction:
    _, low, high, _ = band.edges()
    return max(low - value, value - high, Fraction(0))
