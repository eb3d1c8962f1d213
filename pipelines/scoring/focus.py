"""Focus: which KPIs are worth making a goal of.

What is far from its target, can be acted on and rests on good data comes first: improving what is very broken is
worth more and easier than polishing what is near perfect. rank = weight × (1 − attainment)² × actionable × data_ok.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from pipelines.scoring.arithmetic import ONE, Number, clamp, exact, quantise


@dataclass(frozen=True, slots=True)
class Candidate:
    """A KPI that might become a goal.

    Attributes:
        weight: how much it matters, 0 or more.
        attainment: how much of its target it reached; None where unknown.
    """

    metric: str
    weight: Number
    attainment: Decimal | None
    is_actionable: bool
    is_data_ok: bool


@dataclass(frozen=True, slots=True)
class Focus:
    """A ranked candidate; `rank` counts from 1."""

    candidate: Candidate
    value: Decimal
    rank: int


def focus_value(candidate: Candidate) -> Decimal:
    """weight × (1 − clamp(attainment, 0, 1))² × actionable × data_ok; an unknown attainment is no data.

    >>> focus_value(Candidate("csat", 2, Decimal("0.5"), True, True))
    Decimal('0.500000')
    """
    if not candidate.is_actionable or not candidate.is_data_ok or candidate.attainment is None:
        return quantise(0)
    missing = Fraction(ONE) - Fraction(clamp(candidate.attainment))
    return quantise((exact(candidate.weight) or Fraction(0)) * missing**2)


def rank_focus(candidates: Iterable[Candidate]) -> tuple[Focus, ...]:
    """Candidates worth anything, best first; equals in order of name."""
    valued = [(candidate, focus_value(candidate)) for candidate in candidates]
    worth = sorted((item for item in valued if item[1] > 0), key=lambda item: (-item[1], item[0].metric))
    return tuple(Focus(candidate, value, place) for place, (candidate, value) in enumerate(worth, start=1))
