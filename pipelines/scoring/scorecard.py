"""Scorecards: unlike metrics on one scale of 0 to 10, and the four perspectives of a balanced scorecard.

Source: scoring rules, "Roll-up" (mixed scorecards).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from pipelines.scoring.arithmetic import Number, exact, quantise
from pipelines.scoring.kinds import KpiStatus
from pipelines.scoring.measure import Measure

PERSPECTIVES = ("financial", "customer", "internal_process", "learning_growth")

_RED_FLAG = Fraction(10, 3)
_TOP = Fraction(10)


def scorecard_points(value: Number | None, red_flag: Number | None, goal: Number | None) -> Measure:
    """Points of 0..10 on the line through (red flag, 3.33) and (goal, 6.67), clamped.

    Reasons where there are none: `no_current_value`, `no_target`, `zero_span`. Works for both directions.

    >>> [round(scorecard_points(v, 500, 700).value, 2) for v in (500, 700, 900)]
    [Decimal('3.33'), Decimal('6.67'), Decimal('10.00')]
    """
    now, red, green = exact(value), exact(red_flag), exact(goal)
    if now is None:
        return Measure(None, "no_current_value")
    if red is None or green is None:
        return Measure(None, "no_target")
    if red == green:
        return Measure(None, "zero_span")
    points = _RED_FLAG + (now - red) / (green - red) * _RED_FLAG
    return Measure(quantise(max(Fraction(0), min(_TOP, points))))


@dataclass(frozen=True, slots=True)
class ScorecardLine:
    """One KPI on a scorecard."""

    metric: str
    perspective: str
    status: KpiStatus
    attainment: Decimal | None
    points: Decimal | None = None
    weight: Number = 1


@dataclass(frozen=True, slots=True)
class PerspectiveScore:
    """One perspective of the balanced scorecard.

    Attributes:
        points: weighted mean of the points that are known, 0..10; None where none is.
        coverage: share of the weight whose points are known; None where nothing weighs.
    """

    perspective: str
    points: Decimal | None
    coverage: Decimal | None
    green: int
    amber: int
    red: int
    unknown: int
    lines: tuple[ScorecardLine, ...]


def balanced_scorecard(lines: Iterable[ScorecardLine]) -> tuple[PerspectiveScore, ...]:
    """Return the four perspectives in their order; one without KPIs is there and empty."""
    by_perspective: Mapping[str, list[ScorecardLine]] = {name: [] for name in PERSPECTIVES}
    for line in lines:
        by_perspective[line.perspective].append(line)
    return tuple(_perspective(name, by_perspective[name]) for name in PERSPECTIVES)


def _perspective(name: str, lines: list[ScorecardLine]) -> PerspectiveScore:
    lines = sorted(lines, key=lambda line: line.metric)
    weights = [exact(line.weight) or Fraction(0) for line in lines]
    total = sum(weights, Fraction(0))
    known = [
        (w, Fraction(line.points)) for w, line in zip(weights, lines, strict=True) if line.points is not None
    ]
    covered = sum((weight for weight, _ in known), Fraction(0))
    counts = {status: sum(line.status is status for line in lines) for status in KpiStatus}
    coloured = counts[KpiStatus.GREEN] + counts[KpiStatus.AMBER] + counts[KpiStatus.RED]
    return PerspectiveScore(
        perspective=name,
        points=quantise(sum((w * p for w, p in known), Fraction(0)) / covered) if covered else None,
        coverage=quantise(covered / total) if total else None,
        green=counts[KpiStatus.GREEN],
        amber=counts[KpiStatus.AMBER],
        red=counts[KpiStatus.RED],
        unknown=len(lines) - coloured,
        lines=tuple(lines),
    )
