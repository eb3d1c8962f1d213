"""The progress chart of one key result: expected line, actual points, forecast at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from pipelines.okr.readings import Point
from pipelines.okr.subject import Subject
from pipelines.scoring.arithmetic import quantise
from pipelines.scoring.forecast import Forecast
from pipelines.scoring.pace import Expectation


@dataclass(frozen=True, slots=True)
class ExpectedPoint:
    """Where a key result should be on a day; `value` is None where progress has no value in the metric's unit."""

    day: date
    progress: Decimal
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class Chart:
    """What the progress chart of one key result shows: expected line, actual points, forecast at the end."""

    key_result: str
    expected: tuple[ExpectedPoint, ...]
    actual: tuple[Point, ...]
    end: date
    forecast: Forecast | None


def chart_of(
    subject: Subject,
    expectation: Expectation,
    points: Sequence[Point],
    ahead: Forecast | None,
) -> Chart:
    """The expected line over the whole cycle, week by week, beside what happened and what is foreseen."""
    key_result, window = subject.key_result, subject.window
    days = [window.start + timedelta(7 * week) for week in range((window.end - window.start).days // 7 + 1)]
    if days[-1] != window.end:
        days.append(window.end)
    has_way = key_result.kr_type in {"increase", "decrease"} and key_result.baseline is not None
    expected = []
    for day in days:
        share = expectation.at(day, subject.settings)
        value = None
        if has_way and key_result.baseline is not None and key_result.target is not None:
            start, goal = Decimal(str(key_result.baseline.value)), Decimal(str(key_result.target))
            value = quantise(start + (goal - start) * share)
        expected.append(ExpectedPoint(day, share, value))
    return Chart(key_result.key, tuple(expected), tuple(points), window.end, ahead)
