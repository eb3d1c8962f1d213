"""The stories planted in the sandbox company, as data: what happened, when, and how strongly.

Tests and the demo read them from here to know what the KPIs must show. Source: KPI catalogue and detection rules
(weekly season, holidays that are not anomalies, incidents, a bad release, a lost segment, growth).

`python -m connectors.sandbox.company.stories` prints the holidays as the calendar section of a catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from connectors.sandbox.company.timeline import FIRST_DAY, LAST_DAY


@dataclass(frozen=True)
class Outage:
    """A day on which the product was down: many tickets, one P0 incident that lasts `hours`, worse ratings for
    three days.
    """

    day: date
    tickets: float
    hours: float
    title: str


@dataclass(frozen=True)
class BadRelease:
    """A release that broke things: extra critical bugs a day at scale 1, more tickets, lower customer satisfaction."""

    start: date
    end: date
    service: str
    version: str
    critical_bugs_per_day: float
    tickets: float
    csat: float
    csat_until: date


@dataclass(frozen=True)
class LostSegment:
    """A region and tier that stops buying and leaves from `since` on; `days` is the mean time to leave."""

    region: str
    tier: str
    since: date
    days: float


@dataclass(frozen=True)
class Campaign:
    """A marketing campaign: more visitors, leads and spend by these factors from `start` to `end` (exclusive)."""

    start: date
    end: date
    visitors: float
    leads: float
    spend: float
    title: str


@dataclass(frozen=True)
class Growth:
    """Yearly growth by subject, as a factor."""

    demand: float = 1.45
    product: float = 1.30
    engineering: float = 1.15


@dataclass(frozen=True)
class Holiday:
    """A day on which the company and its customers rest; not an anomaly."""

    day: date
    name: str


GROWTH = Growth()

WEEKDAY: Mapping[str, tuple[float, ...]] = {
    "demand": (1.10, 1.20, 1.18, 1.12, 0.95, 0.22, 0.23),
    "support": (1.28, 1.18, 1.10, 1.08, 1.00, 0.32, 0.30),
    "engineering": (1.20, 1.25, 1.22, 1.18, 1.00, 0.08, 0.07),
    "product": (1.15, 1.22, 1.20, 1.17, 1.05, 0.30, 0.28),
    "web": (1.12, 1.16, 1.15, 1.10, 1.00, 0.70, 0.77),
}
"""Weekly season by subject, Monday to Sunday, mean near 1."""

HOLIDAY: Mapping[str, float] = {
    "demand": 0.15,
    "support": 0.30,
    "engineering": 0.05,
    "product": 0.30,
    "web": 0.55,
}
"""What is left of a subject's activity on a holiday."""

OUTAGES: tuple[Outage, ...] = (
    Outage(date(2025, 3, 11), tickets=5.0, hours=3.5, title="Login fails for all users"),
    Outage(date(2025, 10, 21), tickets=6.0, hours=5.0, title="Primary database unreachable"),
    Outage(date(2026, 6, 9), tickets=6.5, hours=4.0, title="Event pipeline stalled, dashboards empty"),
)

BAD_RELEASE = BadRelease(
    start=date(2026, 5, 12),
    end=date(2026, 5, 22),
    service="api",
    version="4.12.0",
    critical_bugs_per_day=2.4,
    tickets=1.45,
    csat=0.48,
    csat_until=date(2026, 5, 29),
)

LOST_SEGMENT = LostSegment(region="apac", tier="pro", since=date(2026, 3, 1), days=40.0)

CAMPAIGNS: tuple[Campaign, ...] = (
    Campaign(
        date(2025, 2, 3),
        date(2025, 2, 15),
        visitors=1.5,
        leads=1.35,
        spend=1.8,
        title="Winter webinar series",
    ),
    Campaign(
        date(2025, 9, 15), date(2025, 9, 27), visitors=1.7, leads=1.45, spend=2.0, title="Autumn conference"
    ),
)

BULK_EDITS: tuple[date, ...] = (
    date(2024, 9, 30),
    date(2025, 1, 15),
    date(2025, 7, 15),
    date(2026, 1, 15),
    date(2026, 6, 1),
    date(2026, 7, 1),
)
"""Days on which an administrator changed many records in one second (03:00:00 UTC): opportunity owners, issue
labels.
"""


def easter(year: int) -> date:
    """Western Easter Sunday (anonymous Gregorian algorithm)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = b // 4, b % 4
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = c // 4, c % 4
    j = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * j) // 451
    month, day = divmod(h + j - 7 * m + 114, 31)
    return date(year, month, day + 1)


def holidays(first: date = FIRST_DAY, last: date = LAST_DAY) -> tuple[Holiday, ...]:
    """The company's holidays from `first` to `last` (inclusive), by date. The catalogue's calendar carries the same
    days.
    """
    found: list[Holiday] = []
    for year in range(first.year, last.year + 1):
        sunday = easter(year)
        november = date(year, 11, 1)
        thanksgiving = november + timedelta(days=(3 - november.weekday()) % 7 + 21)
        found += [
            Holiday(date(year, 1, 1), "New Year's Day"),
            Holiday(sunday - timedelta(days=2), "Good Friday"),
            Holiday(sunday + timedelta(days=1), "Easter Monday"),
            Holiday(date(year, 5, 1), "Labour Day"),
            Holiday(thanksgiving, "Thanksgiving"),
            Holiday(date(year, 12, 24), "Christmas Eve"),
            Holiday(date(year, 12, 25), "Christmas Day"),
            Holiday(date(year, 12, 26), "Boxing Day"),
            Holiday(date(year, 12, 31), "New Year's Eve"),
        ]
    return tuple(sorted((h for h in found if first <= h.day <= last), key=lambda h: h.day))


def main() -> None:
    """Print the holidays as YAML for a catalogue's calendar."""
    print("holidays:")
    for holiday in holidays():
        print(f"  - {{date: {holiday.day.isoformat()}, name: {holiday.name!r}}}")


if __name__ == "__main__":
    main()
