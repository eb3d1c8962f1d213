"""Pace: whether a key result is where it should be today.

Source: scoring rules, "Pace, forecast, confidence".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from definitions.settings import ScoringSettings
from pipelines.scoring.arithmetic import Number, exact, quantise
from pipelines.scoring.bands import DEFAULTS
from pipelines.scoring.kinds import Curve, PaceStatus


@dataclass(frozen=True, slots=True)
class Expectation:
    """How progress should come between `start` and `end`.

    Attributes:
        steps: for `step`, how many equal steps the time has (the metric's periods in the cycle); progress is
            expected at the end of each.
        points: for `phased`, (day, expected progress) in order of days; between two of them a straight line.
    """

    start: date
    end: date
    curve: Curve = Curve.LINEAR
    steps: int = 1
    points: tuple[tuple[date, Number], ...] = ()

    def at(self, as_of: date, settings: ScoringSettings = DEFAULTS) -> Decimal:
        """Expected progress on a day, 0..1.

        >>> Expectation(date(2026, 1, 1), date(2026, 4, 1)).at(date(2026, 1, 31))
        Decimal('0.333333')
        """
        elapsed = _elapsed(self.start, self.end, as_of)
        match self.curve:
            case Curve.LINEAR:
                return quantise(elapsed)
            case Curve.STEP:
                steps = max(1, self.steps)
                return quantise(Fraction(int(elapsed * steps), steps))
            case Curve.LATE:
                return quantise(float(elapsed) ** float(settings.late_exponent))
            case Curve.PHASED:
                return quantise(
                    _along([(self.start, Fraction(0)), *_fractions(self.points)], self.end, as_of)
                )


@dataclass(frozen=True, slots=True)
class Pace:
    """Where a key result is against where it should be.

    Attributes:
        expected: expected progress, 0..1.
        ratio: progress ÷ expected; None where progress is unknown or it is too early to say.
        gap: progress − expected; None where progress is unknown.
    """

    expected: Decimal
    ratio: Decimal | None
    gap: Decimal | None
    status: PaceStatus


def pace(progress: Decimal | None, expected: Decimal, settings: ScoringSettings = DEFAULTS) -> Pace:
    """Hold progress against what is expected by now.

    >>> pace(Decimal("0.45"), Decimal("0.5")).status
    <PaceStatus.ON_PACE: 'on_pace'>
    """
    if progress is None:
        return Pace(expected, None, None, PaceStatus.NOT_APPLICABLE)
    gap = quantise(Fraction(progress) - Fraction(expected))
    if expected < settings.pace_from:
        return Pace(expected, None, gap, PaceStatus.TOO_EARLY)
    ratio = quantise(Fraction(progress) / Fraction(expected))
    if ratio >= settings.pace_ahead:
        status = PaceStatus.AHEAD
    elif ratio >= settings.pace_on:
        status = PaceStatus.ON_PACE
    elif ratio >= settings.pace_behind:
        status = PaceStatus.BEHIND
    else:
        status = PaceStatus.OFF_PACE
    return Pace(expected, ratio, gap, status)


def phased_points(
    baseline: Number, target: Number, values: Sequence[tuple[date, Number]]
) -> tuple[tuple[date, Number], ...]:
    """Turn per-period targets in the metric's unit into expected progress.

    A span of zero has no progress to expect, so it gives no points.
    """
    start, goal = exact(baseline), exact(target)
    if start is None or goal is None or start == goal:
        return ()
    known = [(day, exact(value)) for day, value in values]
    return tuple((day, (value - start) / (goal - start)) for day, value in known if value is not None)


def _elapsed(start: date, end: date, as_of: date) -> Fraction:
    """Share of the time that has passed, 0..1; a span of no days is over on its day."""
    span = (end - start).days
    if span <= 0:
        return Fraction(1 if as_of >= end else 0)
    return max(Fraction(0), min(Fraction(1), Fraction((as_of - start).days, span)))


def _fractions(points: Sequence[tuple[date, Number]]) -> list[tuple[date, Fraction]]:
    known = [(day, exact(value)) for day, value in points]
    return sorted((day, max(Fraction(0), min(Fraction(1), v))) for day, v in known if v is not None)


def _along(points: Sequence[tuple[date, Fraction]], end: date, as_of: date) -> Fraction:
    """Walk the broken line through `points`; it ends at 1 on the last day unless a point says otherwise."""
    line = list(points) if points[-1][0] >= end else [*points, (end, Fraction(1))]
    if as_of <= line[0][0]:
        return line[0][1]
    for (day, value), (next_day, next_value) in pairwise(line):
        if as_of <= next_day:
            share = Fraction((as_of - day).days, max(1, (next_day - day).days))
            return value + (next_value - value) * share
    return line[-1][1]
