"""What a key result reads from its metric's values: the current one, points for the forecast, periods to judge.

A key result measured over a period as long as its cycle ("win 5 this quarter") is read to date; any other from the
latest complete and final period. A state, such as open bugs, is current whenever it was taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from definitions.calendars import periods
from definitions.model import Calendar, Cumulative, Grain, KeyResult, Metric, Segment, trailing_days
from pipelines.okr.series import PROVISIONAL, Observation, SeriesBook
from pipelines.scoring.control import Period, PeriodState

LOOK_BACK = 3
"""Periods among which the current value is looked for: one without a sample does not blank a goal."""

_SPANS_CYCLE = 0.8
_NOMINAL_DAYS = {Grain.DAY: 1, Grain.WEEK: 7, Grain.MONTH: 30, Grain.QUARTER: 91, Grain.YEAR: 365}


@dataclass(frozen=True, slots=True)
class Reading:
    """The current value and the last day it covers; None where there is none."""

    value: float | None
    as_of: date | None


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a progress chart."""

    day: date
    value: float
    is_final: bool


@dataclass(frozen=True, slots=True)
class Window:
    """The days a key result runs over, both inclusive, and the day of the snapshot.

    `is_past` says that the day is gone by: a period that ends after it holds what only came later.
    """

    start: date
    end: date
    as_of: date
    is_past: bool = False

    @property
    def length(self) -> int:
        """Days of the cycle."""
        return (self.end - self.start).days + 1


def grain_of(key_result: KeyResult, metric: Metric, book: SeriesBook) -> str:
    """The grain that counts as one value: the key result's own, else week, month, quarter, day, what there is."""
    if key_result.grain is not None:
        return key_result.grain
    there = book.grains(metric.name) or metric.grains
    for grain in (Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.DAY, Grain.YEAR):
        if grain in there:
            return str(grain)
    return there[0] if there else str(Grain.WEEK)


def spans_cycle(grain: str, window: Window) -> bool:
    """Whether one period is about as long as the cycle, so that its value is read to date."""
    if trailing_days(grain) is not None:
        return False
    return _NOMINAL_DAYS.get(Grain(grain), 0) >= _SPANS_CYCLE * window.length


def current_value(series: Sequence[Observation], metric: Metric, grain: str, window: Window) -> Reading:
    """The value that counts on the day of the snapshot, and the day it is of.

    A complete period that may still change, such as a cohort that has not matured, counts only where nothing final
    is known. What is read to date or is a state counts as it is.
    """
    begun = [
        row for row in series if row.start <= window.as_of and not (window.is_past and row.end > window.as_of)
    ]
    if spans_cycle(grain, window) or _restarts(metric):
        begun = [row for row in begun if row.end >= window.start]
    if metric.aggregation == "last" or spans_cycle(grain, window):
        return _latest(begun, window.as_of)
    complete = [row for row in begun if row.end <= window.as_of]
    settled = _latest([row for row in complete if row.state != PROVISIONAL], window.as_of)
    return settled if settled.value is not None else _latest(complete, window.as_of)


def value_so_far(book: SeriesBook, metric: Metric, segment: Segment, window: Window) -> Reading:
    """What a value that is read to date was on a day gone by: built up from the days (or else weeks) until then."""
    last = min(window.as_of, window.end)
    rows = [row for row in _parts(book, metric, segment) if window.start <= row.start and row.end <= last]
    value = _combined(metric, rows)
    return Reading(None, None) if value is None else Reading(value, rows[-1].end)


def _parts(book: SeriesBook, metric: Metric, segment: Segment) -> tuple[Observation, ...]:
    """The days of a metric, or else its weeks."""
    at = next(
        (grain for grain in (Grain.DAY, Grain.WEEK) if book.has(metric.name, grain, segment)), Grain.DAY
    )
    return book.of(metric.name, at, segment)


def _latest(rows: Sequence[Observation], as_of: date) -> Reading:
    """The latest known value among the last few rows."""
    for row in reversed(rows[-LOOK_BACK:]):
        if row.value is not None:
            return Reading(row.value, min(row.end, as_of))
    return Reading(None, None)


def value_on(series: Sequence[Observation], day: date) -> float | None:
    """The value of the last period that was over on `day`."""
    known = [row.value for row in series if row.end <= day and row.value is not None]
    return known[-1] if known else None


def chart_points(
    book: SeriesBook, metric: Metric, grain: str, segment: Segment, window: Window
) -> tuple[Point, ...]:
    """Values over the cycle, about one a week: what a progress chart shows and a forecast is made from.

    Days, months and quarters are read weekly where the metric is no sum; a value read to date is built up day by day
    or week by week. Points before the cycle are kept, they tell a forecast where the metric comes from, except of a
    running total that starts anew.
    """
    if spans_cycle(grain, window):
        return _to_date(book, metric, segment, window)
    at = grain
    is_own = grain == Grain.WEEK or trailing_days(grain) is not None or metric.aggregation == "sum"
    if not is_own and book.has(metric.name, Grain.WEEK, segment):
        at = Grain.WEEK
    rows = [
        row for row in book.of(metric.name, at, segment) if row.end <= window.as_of and row.value is not None
    ]
    if _restarts(metric):
        rows = [row for row in rows if row.start >= window.start]
    if _step(at) < 7:
        rows = _weekly(rows)
    return tuple(Point(row.end, row.value, row.is_final) for row in rows if row.value is not None)


def judged_periods(
    series: Sequence[Observation], calendar: Calendar, grain: str, window: Window
) -> tuple[Period, ...]:
    """The complete periods inside the cycle, for a key result that holds a limit; an absent one is missing."""
    by_start = {row.start: row for row in series}
    found = []
    for period in periods(calendar, grain, window.start, min(window.as_of, window.end)):
        if period.start < window.start or period.last_day > window.as_of:
            continue
        row = by_start.get(period.start)
        if row is None or (row.value is None and row.state != PROVISIONAL):
            found.append(Period(None, PeriodState.MISSING))
        elif row.state == PROVISIONAL:
            found.append(Period(row.value, PeriodState.PROVISIONAL))
        else:
            found.append(Period(row.value))
    return tuple(found)


def steps_in_cycle(calendar: Calendar, grain: str, window: Window) -> int:
    """How many periods of the grain end inside the cycle."""
    if trailing_days(grain) is not None:
        return max(1, window.length // 7)
    return max(1, sum(p.last_day <= window.end for p in periods(calendar, grain, window.start, window.end)))


def _restarts(metric: Metric) -> bool:
    """Whether the metric is a total that begins anew with each period, such as bookings of the quarter to date."""
    return isinstance(metric.formula, Cumulative) and metric.formula.grain_to_date is not None


def _step(grain: str) -> int:
    """Days from one period of this grain to the next."""
    return 1 if trailing_days(grain) is not None else _NOMINAL_DAYS.get(Grain(grain), 1)


def _weekly(rows: Sequence[Observation]) -> list[Observation]:
    """Every seventh day, counted back from the last."""
    if not rows:
        return []
    last = rows[-1].end
    return [row for row in rows if (last - row.end).days % 7 == 0]


def _to_date(book: SeriesBook, metric: Metric, segment: Segment, window: Window) -> tuple[Point, ...]:
    """What the value was at the end of each week of the cycle, built up from its days (or else its weeks)."""
    last = min(window.as_of, window.end)
    at = next((grain for grain in (Grain.DAY, Grain.WEEK) if book.has(metric.name, grain, segment)), None)
    if at is None:
        return ()
    rows = [row for row in book.of(metric.name, at, segment) if window.start <= row.start and row.end <= last]
    ends = [row.end for row in rows]
    if at == Grain.DAY:
        ends = [window.start + timedelta(day) for day in range(6, (last - window.start).days + 1, 7)]
    points = []
    for end in ends:
        so_far = [row for row in rows if row.end <= end]
        value = _combined(metric, so_far)
        if value is not None:
            points.append(Point(end, value, all(row.is_final for row in so_far)))
    return tuple(points)


def _combined(metric: Metric, rows: Sequence[Observation]) -> float | None:
    """A longer period's value from its parts, as the metric may be rolled up; None where it may not."""
    known = [row.value for row in rows if row.value is not None]
    if not known:
        return None
    match metric.aggregation:
        case "sum":
            return sum(known)
        case "last":
            return known[-1]
        case "ratio":
            top = sum(row.numerator for row in rows if row.numerator is not None)
            bottom = sum(row.denominator for row in rows if row.denominator is not None)
            return top / bottom if bottom else None
    return None
