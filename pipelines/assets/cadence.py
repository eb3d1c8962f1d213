"""How often a metric is computed, from the dictionary's `frequency.calculate`: when it is due, its cron, how fresh it
has to be. Pure functions; schedules, automation conditions and freshness policies are made from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from definitions.calendars import period_start
from definitions.model import Calendar, Catalogue, Grain, Metric

HOURLY = "hourly"
_GRAINS = {"weekly": Grain.WEEK, "monthly": Grain.MONTH, "quarterly": Grain.QUARTER, "yearly": Grain.YEAR}
_DAYS = {"hourly": 1, "daily": 1, "weekly": 7, "sprint": 7, "monthly": 31, "quarterly": 92, "yearly": 366}
MORNING = 6
"""Hour of the daily run, before the owners' morning (local time)."""


def company_calendar(catalogue: Catalogue) -> Calendar:
    """The calendar that schedules go by: the one called `company`, else the first."""
    named = catalogue.calendars.get("company")
    return named or next(iter(catalogue.calendars.values()), Calendar("company"))


def is_due(metric: Metric, calendar: Calendar, day: date) -> bool:
    """Whether a metric is computed on a day: on the first day of each of its periods, and on every day until the
    period before has settled, because until then its value may still change.

    Hourly and daily metrics are due every day. A sprint ends on no fixed day, so such metrics are due each week.
    """
    cadence = "weekly" if metric.frequency.calculate == "sprint" else metric.frequency.calculate
    grain = _GRAINS.get(cadence)
    if grain is None:
        return True
    settles = metric.settles_after.days if metric.settles_after is not None else 0.0
    return (day - period_start(calendar, grain, day)).days <= settles


def not_due(catalogue: Catalogue, day: date) -> tuple[str, ...]:
    """Metrics that need not be computed on a day, sorted."""
    return tuple(
        name
        for name, metric in sorted(catalogue.metrics.items())
        if not is_due(metric, catalogue.calendars[metric.calendar], day)
    )


def hourly_metrics(catalogue: Catalogue) -> tuple[str, ...]:
    """Metrics that are computed every hour, sorted."""
    return tuple(
        name for name, metric in sorted(catalogue.metrics.items()) if metric.frequency.calculate == HOURLY
    )


def cron(cadence: str, calendar: Calendar) -> str:
    """The cron of a cadence in the calendar's zone: in the morning of the first day of each period.

    >>> cron("weekly", Calendar("company", week_start=7)), cron("quarterly", Calendar("c", fiscal_year_start=2))
    ('0 6 * * 0', '0 6 1 2,5,8,11 *')
    """
    first = calendar.fiscal_year_start
    quarters = ",".join(str(month) for month in sorted((first + 3 * n - 1) % 12 + 1 for n in range(4)))
    weekly = f"0 {MORNING} * * {calendar.week_start % 7}"
    return {
        "hourly": "0 * * * *",
        "daily": f"0 {MORNING} * * *",
        "weekly": weekly,
        "sprint": weekly,
        "monthly": f"0 {MORNING} 1 * *",
        "quarterly": f"0 {MORNING} 1 {quarters} *",
        "yearly": f"0 {MORNING} 1 {first} *",
    }[cadence]


def fresh_for(cadence: str) -> tuple[timedelta, timedelta]:
    """How old an asset of a cadence may be: before a warning (one period and a quarter of a day), and before it fails
    (two periods)."""
    if cadence == HOURLY:
        return timedelta(hours=2), timedelta(hours=6)
    days = _DAYS[cadence]
    return timedelta(days=days, hours=6), timedelta(days=2 * days)


def slower_than_daily(metrics: Iterable[Metric]) -> tuple[str, ...]:
    """Metrics that a daily run may leave out, sorted."""
    return tuple(
        sorted(metric.name for metric in metrics if metric.frequency.calculate not in (HOURLY, "daily"))
    )
