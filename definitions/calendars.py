"""Calendar arithmetic: which period a day belongs to, where periods begin and end, how people name them.

Everything here is about local days (``datetime.date``); `utc_start` is the one bridge to instants.
Periods of one grain tile the days: no gap, no overlap, through daylight saving, leap days and long years.
Source: dictionary rules, semantics 9.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from .model import Calendar, Grain, Span, trailing_days

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """One period: its grain, first day, and the day after its last (half-open)."""

    grain: str
    start: date
    end: date

    @property
    def last_day(self) -> date:
        """The inclusive last day, as published."""
        return self.end - ONE_DAY


def period_start(calendar: Calendar, grain: str, day: date) -> date:
    """First day of the period of ``grain`` that ``day`` belongs to.

    A trailing grain's period ends on ``day`` itself.
    """
    days = trailing_days(grain)
    if days is not None:
        return day - timedelta(days=days - 1)
    match grain:
        case Grain.WEEK:
            return week_start(calendar, day)
        case Grain.MONTH | Grain.QUARTER | Grain.YEAR if calendar.week_pattern:
            return _pattern_start(calendar, grain, day)
        case Grain.MONTH:
            return day.replace(day=1)
        case Grain.QUARTER:
            back = (day.month - calendar.fiscal_year_start) % 3
            return _add_months(day.replace(day=1), -back)
        case Grain.YEAR:
            return fiscal_year_start(calendar, day)
    return day


def period_end(calendar: Calendar, grain: str, start: date) -> date:
    """The day after the last day of the period of ``grain`` that starts on ``start``."""
    days = trailing_days(grain)
    if days is not None:
        return start + timedelta(days=days)
    match grain:
        case Grain.WEEK:
            return start + timedelta(days=7)
        case Grain.MONTH | Grain.QUARTER | Grain.YEAR if calendar.week_pattern:
            return _pattern_end(calendar, grain, start)
        case Grain.MONTH:
            return _add_months(start, 1)
        case Grain.QUARTER:
            return _add_months(start, 3)
        case Grain.YEAR:
            return _add_months(start, 12)
    return start + ONE_DAY


def period_of(calendar: Calendar, grain: str, day: date) -> Period:
    """The period of ``grain`` that ``day`` belongs to."""
    start = period_start(calendar, grain, day)
    return Period(str(grain), start, period_end(calendar, grain, start))


def periods(calendar: Calendar, grain: str, first: date, last: date) -> Iterator[Period]:
    """Periods of ``grain`` that touch the inclusive days ``first``..``last``, in order.

    A trailing grain has one period per day.
    """
    if trailing_days(grain) is not None:
        for offset in range((last - first).days + 1):
            yield period_of(calendar, grain, first + timedelta(days=offset))
        return
    period = period_of(calendar, grain, first)
    while period.start <= last:
        yield period
        period = period_of(calendar, grain, period.end)


def shift(calendar: Calendar, grain: str, start: date, periods_back: int) -> date:
    """Start of the period ``periods_back`` periods before the one that starts on ``start``."""
    here = start
    for _ in range(periods_back):
        here = period_start(calendar, grain, here - ONE_DAY)
    return here


def add_span(day: date, span: Span, sign: int = 1) -> date:
    """``day`` plus (or minus) a span of whole days, months or years; month ends are clamped (31 Jan + 1
    month is
    28 or 29 Feb)."""
    match span.unit:
        case Grain.DAY:
            return day + timedelta(days=sign * span.count)
        case Grain.WEEK:
            return day + timedelta(days=sign * 7 * span.count)
        case Grain.MONTH:
            return _add_months(day, sign * span.count)
        case Grain.QUARTER:
            return _add_months(day, sign * 3 * span.count)
        case Grain.YEAR:
            return _add_months(day, sign * 12 * span.count)
    raise ValueError(f"{span} is not a number of whole days")


def week_start(calendar: Calendar, day: date) -> date:
    """The last ``calendar.week_start`` weekday on or before ``day``."""
    return day - timedelta(days=(day.isoweekday() - calendar.week_start) % 7)


def fiscal_year_start(calendar: Calendar, day: date) -> date:
    """First day of the fiscal year of ``day``."""
    if calendar.week_pattern:
        return _pattern_start(calendar, Grain.YEAR, day)
    year = day.year if day.month >= calendar.fiscal_year_start else day.year - 1
    return date(year, calendar.fiscal_year_start, 1)


def fiscal_year(calendar: Calendar, day: date) -> int:
    """Name of the fiscal year of ``day``: the calendar year it ends in (a year that starts in January ends in it)."""
    start = fiscal_year_start(calendar, day)
    if calendar.week_pattern:
        anchor = _anchor_year(calendar, start)
        return anchor if calendar.fiscal_year_start == 1 else anchor + 1
    return start.year if calendar.fiscal_year_start == 1 else start.year + 1


def fiscal_quarter(calendar: Calendar, day: date) -> int:
    """1 to 4: the quarter of ``day`` within its fiscal year."""
    if calendar.week_pattern:
        year = fiscal_year_start(calendar, day)
        return min(((day - year).days // 7) // sum(calendar.week_pattern), 3) + 1
    return ((day.month - calendar.fiscal_year_start) % 12) // 3 + 1


def fiscal_month(calendar: Calendar, day: date) -> int:
    """1 to 12: the month of ``day`` within its fiscal year."""
    if calendar.week_pattern:
        return _pattern_month(calendar, (day - fiscal_year_start(calendar, day)).days // 7) + 1
    return (day.month - calendar.fiscal_year_start) % 12 + 1


def utc_start(calendar: Calendar, day: date, *, latest: bool = False) -> datetime:
    """The first instant of a local day, as an aware UTC datetime.

    Where a clock change makes midnight happen twice, it is the first of the two, or the second when
    ``latest``; where
    it skips midnight, it is the first instant after the gap.
    """
    local = datetime.combine(day, time(), tzinfo=ZoneInfo(calendar.time_zone))
    return local.replace(fold=int(latest)).astimezone(UTC) if _is_twice(local) else local.astimezone(UTC)


def _is_twice(local: datetime) -> bool:
    """Whether this wall-clock time happens twice (and not never)."""
    first, second = (local.replace(fold=fold).utcoffset() for fold in (0, 1))
    return first is not None and second is not None and first > second


def local_day(calendar: Calendar, instant: datetime) -> date:
    """The local day of an aware instant."""
    return instant.astimezone(ZoneInfo(calendar.time_zone)).date()


# ── names of periods ────────────────────────────────────────────────────────────────────────────────────────

_LABEL = re.compile(
    r"^(?:FY)?(?P<year>\d{4})(?:-(?:Q(?P<quarter>[1-4])|W(?P<week>\d{2})|(?P<month>\d{2})(?:-(?P<day>\d{2}))?))?$"
)


def parse_period(calendar: Calendar, label: str) -> Period:
    """``2026``, ``2026-Q3``, ``2026-07``, ``2026-W27``, ``2026-07-14`` → the period in this calendar.

    Years and quarters are fiscal (in a calendar that starts in January they are the ordinary ones); a
    month is the
    calendar month, or under a week pattern the fiscal year's month of that number; a week is the ISO
    week, moved to the
    calendar's own first weekday. Raises ValueError that says what is expected.
    """
    match = _LABEL.match(label)
    if match is None:
        raise ValueError(f"{label!r} is not a period; write 2026, 2026-Q3, 2026-07, 2026-W27 or 2026-07-14")
    year = int(match["year"])
    try:
        if match["quarter"]:
            return _nth(calendar, Grain.QUARTER, year, int(match["quarter"]))
        if match["week"]:
            monday = date.fromisocalendar(year, int(match["week"]), 1)
            return period_of(calendar, Grain.WEEK, monday)
        if match["day"]:
            return period_of(calendar, Grain.DAY, date(year, int(match["month"]), int(match["day"])))
        if match["month"]:
            if calendar.week_pattern:
                return _nth(calendar, Grain.MONTH, year, int(match["month"]))
            return period_of(calendar, Grain.MONTH, date(year, int(match["month"]), 1))
    except ValueError as error:
        raise ValueError(f"{label!r} is not a period: {error}") from error
    return _nth(calendar, Grain.YEAR, year, 1)


def period_label(calendar: Calendar, grain: str, start: date) -> str:
    """How people name the period that starts on ``start``; the inverse of `parse_period`."""
    match grain:
        case Grain.WEEK:
            iso = (start + timedelta(days=(1 - start.isoweekday()) % 7)).isocalendar()
            return f"{iso.year}-W{iso.week:02d}"
        case Grain.MONTH if calendar.week_pattern:
            return f"{fiscal_year(calendar, start)}-{fiscal_month(calendar, start):02d}"
        case Grain.MONTH:
            return f"{start:%Y-%m}"
        case Grain.QUARTER:
            return f"{fiscal_year(calendar, start)}-Q{fiscal_quarter(calendar, start)}"
        case Grain.YEAR:
            return str(fiscal_year(calendar, start))
    return start.isoformat()


def _nth(calendar: Calendar, grain: Grain, year: int, number: int) -> Period:
    """The ``number``-th period of ``grain`` in fiscal year ``year``."""
    first = year if calendar.fiscal_year_start == 1 else year - 1
    anchor = date(first, calendar.fiscal_year_start, 1)
    start = _nearest_week_start(calendar, anchor) if calendar.week_pattern else anchor
    period = period_of(calendar, grain, start)
    for _ in range(number - 1):
        period = period_of(calendar, grain, period.end)
    if fiscal_year(calendar, period.start) != year:
        raise ValueError(f"the year {year} has no {grain} {number}")
    return period


# ── 4-4-5 ───────────────────────────────────────────────────────────────────────────────────────────────────


def _nearest_week_start(calendar: Calendar, anchor: date) -> date:
    return week_start(calendar, anchor + timedelta(days=3))


def _anchor_year(calendar: Calendar, year_start: date) -> int:
    """The calendar year of the first of ``fiscal_year_start`` that a pattern year is anchored to."""
    return (year_start + timedelta(days=3)).year


def _pattern_year(calendar: Calendar, day: date) -> tuple[date, date]:
    """First day of the pattern year of ``day``, and of the next one."""
    starts = [
        _nearest_week_start(calendar, date(year, calendar.fiscal_year_start, 1))
        for year in range(day.year - 1, day.year + 3)
    ]
    index = max(i for i, start in enumerate(starts) if start <= day)
    return starts[index], starts[index + 1]


def _pattern_month(calendar: Calendar, week: int) -> int:
    """0 to 11: the month that the ``week``-th week (from 0) of a pattern year belongs to."""
    quarter = min(week // sum(calendar.week_pattern), 3)
    rest = week - quarter * sum(calendar.week_pattern)
    first, second, _ = calendar.week_pattern
    month = 0 if rest < first else 1 if rest < first + second else 2
    return quarter * 3 + month


def _pattern_week(calendar: Calendar, month: int) -> int:
    """First week (from 0) of the ``month``-th month (0 to 11) of a pattern year."""
    return month // 3 * sum(calendar.week_pattern) + sum(calendar.week_pattern[: month % 3])


def _pattern_start(calendar: Calendar, grain: str, day: date) -> date:
    year, _ = _pattern_year(calendar, day)
    if grain == Grain.YEAR:
        return year
    month = _pattern_month(calendar, (day - year).days // 7)
    if grain == Grain.QUARTER:
        month -= month % 3
    return year + timedelta(weeks=_pattern_week(calendar, month))


def _pattern_end(calendar: Calendar, grain: str, start: date) -> date:
    year, following = _pattern_year(calendar, start)
    if grain == Grain.YEAR:
        return following
    step = 1 if grain == Grain.MONTH else 3
    month = _pattern_month(calendar, (start - year).days // 7) + step
    return following if month >= 12 else year + timedelta(weeks=_pattern_week(calendar, month))


def _add_months(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
