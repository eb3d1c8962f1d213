"""The sandbox company's time axis: where its history starts, its default "now", and how far its future is known.

Instants are int64 milliseconds since 1970 UTC, days are int64 day numbers since 1970. Both are plain numpy arrays,
so
two years of a company at scale 100 stay a few hundred megabytes.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

NEVER = 2**62
"""An instant that no clock reaches: "has not happened and will not"."""
NONE = -1
"""A missing reference, count or code."""

FIRST_DAY = date(2024, 6, 1)
DEFAULT_NOW = datetime(2026, 6, 15, 6, 0, tzinfo=UTC)
LAST_DAY = date(2026, 9, 15)
"""The company's future is generated up to the start of this day; a clock cannot be moved past it."""


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - date(1970, 1, 1).toordinal()


def instant(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware datetime."""
    if moment.tzinfo is None:
        raise ValueError(f"the clock needs an aware datetime, found {moment!r}: add a time zone")
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def moment(at: int) -> datetime:
    """The aware UTC datetime of milliseconds since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(at))


START_DAY = day_number(FIRST_DAY)
NOW_DAY = day_number(DEFAULT_NOW.date())
END_DAY = day_number(LAST_DAY)
START = START_DAY * DAY
NOW = instant(DEFAULT_NOW)
END = END_DAY * DAY
DAYS: Ints = np.arange(START_DAY, END_DAY, dtype=np.int64)


def weekday(days: Ints) -> Ints:
    """Monday = 0 … Sunday = 6."""
    return (days + 3) % 7


def month_number(days: Ints) -> Ints:
    """Months since 1970-01 of day numbers."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def month_start(months: Ints) -> Ints:
    """Day number of the first day of month numbers."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def working_time(at: Ints) -> Ints:
    """Move instants into working hours (07:00–19:00 UTC, weekends to Monday morning), keeping their order.

    A day's 24 hours are squeezed into its working hours; Saturday and Sunday become Monday's first hour. Rounded to
    whole seconds.
    """
    day, rest = np.divmod(at, DAY)
    wd = weekday(day)
    share = rest / DAY
    hours = np.where(
        wd == 5,
        7 + share / 2,
        np.where(wd == 6, 7.5 + share / 2, np.where(wd == 0, 8 + 11 * share, 7 + 12 * share)),
    )
    shift = np.where(wd == 5, 2, np.where(wd == 6, 1, 0))
    result: Ints = (day + shift) * DAY + (hours * 3600).astype(np.int64) * SECOND
    return result


def zulu(at: int) -> str:
    """An instant to the second, such as 2026-06-15T06:00:00Z."""
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"


def zulu_or_none(at: int) -> str | None:
    """The same; None for an instant that is missing or never comes."""
    return None if at == NONE or at >= NEVER else zulu(at)
