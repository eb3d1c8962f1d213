"""When a metric is due, by the dictionary's cadence."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from definitions.calendars import period_start
from definitions.model import Calendar, Frequency, Grain, Span
from pipelines.assets.cadence import cron, fresh_for, hourly_metrics, is_due, not_due, slower_than_daily
from tests.unit.alerts.company import catalogue, metric

MONDAY = date(2026, 6, 15)
COMPANY = Calendar("company")


def due_days(cadence: str, first: date, days: int, settles: str | None = None) -> list[date]:
    about = metric(
        frequency=Frequency(cadence, "monthly"), settles_after=Span.parse(settles) if settles else None
    )
    return [day for n in range(days) if is_due(about, COMPANY, day := first + timedelta(n))]


@pytest.mark.parametrize(
    ("cadence", "settles", "expected"),
    [
        ("hourly", None, 30),
        ("daily", None, 30),
        ("weekly", None, 5),
        ("sprint", None, 5),
        ("monthly", None, 1),
        ("monthly", "5 days", 6),
        ("quarterly", None, 0),
        ("yearly", None, 0),
    ],
)
def test_how_often_in_june(cadence: str, settles: str | None, expected: int) -> None:
    assert len(due_days(cadence, date(2026, 6, 1), 30, settles)) == expected


def test_a_metric_is_due_until_the_period_before_has_settled() -> None:
    assert due_days("monthly", date(2026, 5, 28), 14, "3 days") == [date(2026, 6, n) for n in (1, 2, 3, 4)]


@given(
    st.sampled_from(["weekly", "monthly", "quarterly", "yearly"]),
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.integers(1, 7),
    st.integers(1, 12),
)
@settings(max_examples=60)
def test_the_first_day_of_every_period_is_due(cadence: str, day: date, week: int, month: int) -> None:
    calendar = replace(COMPANY, week_start=week, fiscal_year_start=month)
    grain = {"weekly": Grain.WEEK, "monthly": Grain.MONTH, "quarterly": Grain.QUARTER, "yearly": Grain.YEAR}
    about = metric(frequency=Frequency(cadence, "monthly"))
    first = period_start(calendar, grain[cadence], day)
    assert is_due(about, calendar, first)
    assert is_due(about, calendar, day) == (day == first)


def test_a_run_leaves_out_what_is_not_due() -> None:
    company = catalogue(
        metric("daily_one"),
        metric("weekly_one", frequency=Frequency("weekly", "weekly")),
        metric("monthly_one", frequency=Frequency("monthly", "monthly")),
        metric("hourly_one", frequency=Frequency("hourly", "weekly")),
    )
    assert not_due(company, MONDAY) == ("monthly_one",)
    assert not_due(company, MONDAY + timedelta(1)) == ("monthly_one", "weekly_one")
    assert not_due(company, date(2026, 6, 1)) == ()
    assert hourly_metrics(company) == ("hourly_one",)
    assert slower_than_daily(company.metrics.values()) == ("monthly_one", "weekly_one")


def test_crons_follow_the_calendar() -> None:
    fiscal = Calendar("company", week_start=7, fiscal_year_start=2)
    assert cron("daily", fiscal) == "0 6 * * *"
    assert cron("weekly", fiscal) == "0 6 * * 0"
    assert cron("quarterly", fiscal) == "0 6 1 2,5,8,11 *"
    assert cron("yearly", fiscal) == "0 6 1 2 *"


def test_freshness_widens_with_the_cadence() -> None:
    windows = [
        fresh_for(cadence) for cadence in ("hourly", "daily", "weekly", "monthly", "quarterly", "yearly")
    ]
    assert all(warn < fail for warn, fail in windows)
    assert windows == sorted(windows)
