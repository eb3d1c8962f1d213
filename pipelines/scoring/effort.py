"""Key results without a metric of their own: milestones, done or not done, and the search for a baseline.

Source: scoring rules, "Other kinds", milestone / binary and baseline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from pipelines.scoring.arithmetic import ONE, ZERO, Number, exact, quantise
from pipelines.scoring.measure import Measure


@dataclass(frozen=True, slots=True)
class Step:
    """One milestone and whether it is done."""

    weight: Number
    is_done: bool


def score_milestones(steps: Sequence[Step]) -> Measure:
    """Σ weight done ÷ Σ weight; None (`no_milestones`) where nothing weighs anything.

    >>> score_milestones([Step(2, True), Step(1, False), Step(1, False)])
    Measure(value=Decimal('0.500000'), reason=None)
    """
    weighed = [(exact(step.weight) or Fraction(0), step.is_done) for step in steps]
    total = sum((weight for weight, _ in weighed), Fraction(0))
    if total <= 0:
        return Measure(None, "no_milestones")
    return Measure(quantise(sum((weight for weight, done in weighed if done), Fraction(0)) / total))


def score_binary(is_done: bool) -> Decimal:
    """1 when done, 0 when not."""
    return ONE if is_done else ZERO


def score_baseline_search(baseline: Number | None) -> Measure:
    """1 once a starting value is recorded; None (`no_baseline`) until then."""
    return Measure(None, "no_baseline") if exact(baseline) is None else Measure(ONE)
