"""A KPI that has fallen far behind its baseline.

Source: scoring rules, "KPI status" (far behind baseline).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from statistics import median
from typing import Literal

from definitions.model import Direction
from definitions.settings import ScoringSettings
from pipelines.scoring.arithmetic import Number, exact, quantise
from pipelines.scoring.bands import DEFAULTS
from pipelines.scoring.change import gain
from pipelines.scoring.optimum import OptimumBand

_MAD_TO_SIGMA = Fraction(14826, 10000)


@dataclass(frozen=True, slots=True)
class FarBelow:
    """A finding: how far behind, in shares of the baseline and in robust sigmas.

    Attributes:
        deviation: adverse deviation ÷ |baseline|; None at a zero baseline.
        sigmas: adverse deviation ÷ robust sigma; None where the history is too short or never moved.
        severity: `warning` where both tests say so, `info` where only the share could be asked.
    """

    deviation: Decimal | None
    sigmas: Decimal | None
    severity: Literal["info", "warning"]


def robust_sigma(values: Sequence[Number]) -> Decimal | None:
    """1.4826 · median absolute deviation; None for no values."""
    known = [value for value in map(exact, values) if value is not None]
    if not known:
        return None
    centre = median(known)
    return quantise(_MAD_TO_SIGMA * median(abs(value - centre) for value in known))


def far_below_baseline(
    direction: Direction,
    value: Number | None,
    baseline: Number | None,
    history: Sequence[Number | None],
    band: OptimumBand | None = None,
    settings: ScoringSettings = DEFAULTS,
) -> FarBelow | None:
    """Whether `value` is far behind `baseline`; None where it is not, or where either is unknown.

    `history` are the final periods before this one, oldest first; the last 12 count. Far is 20 % of |baseline|
    and, with 8 or more periods, three robust sigmas as well.

    >>> far_below_baseline(Direction.INCREASE, 70, 100, [99, 101, 100, 98, 102, 100, 99, 101]).severity
    'warning'
    """
    better, base = gain(direction, value, baseline, band), exact(baseline)
    if better is None or base is None or better >= 0:
        return None
    adverse = -better
    if adverse < Fraction(settings.below_baseline_share) * abs(base):
        return None
    deviation = None if base == 0 else quantise(adverse / abs(base))
    known = [point for point in history if exact(point) is not None][-settings.below_baseline_history :]
    if len(known) < settings.below_baseline_history_min:
        return FarBelow(deviation, None, "info")
    sigma = robust_sigma([point for point in known if point is not None])
    if sigma is None or adverse < Fraction(settings.below_baseline_sigmas) * Fraction(sigma):
        return None
    return FarBelow(deviation, None if sigma == 0 else quantise(adverse / Fraction(sigma)), "warning")
