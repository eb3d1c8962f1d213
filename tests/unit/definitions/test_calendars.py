"""Calendars: periods tile the days, in every calendar and zone."""

from __future__ import annotations

import zoneinfo
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from definitions.calendars import (
    add_span,
    fiscal_quarter,
    fiscal_year,
    local_day,
    parse_period,
    period_end,
    period_label,
    period_of,
    period_start,
    periods,
    utc_start,
)
from definitions.model import Calendar, Span

GRAINS = ("day", "week", "month", "quarter", "year")
ZONES = sorted(zoneinfo.available_timezones())
days = st.dates(date(1998, 1, 1), date(2040, 12, 31))
calendars = st.builds(
    Calendar,
    name=st.just("company"),
    week_start=st.integers(1, 7),
    fiscal_year_start=st.integers(1, 12),
    week_pattern=st.sampled_from([(), (4, 4, 5), (4, 5, 4), (5, 4, 4)]),
)


@given(calendars, st.sampled_from(GRAINS), days)
def test_periods_tile(calendar: Calendar, grain: str, day: date) -> None:
    period = period_of(calendar, grain, day)
    assert period.start <= day < period.end
    assert period_start(calendar, grain, period.last_day) == period.start
    assert period_start(calendar, grain, period.end) == period.end


@given(calendars, st.sampled_from(GRAINS), days)
def test_labels_read_back(calendar: Calendar, grain: str, day: date) -> None:
    period = period_of(calendar, grain, day)
    assert parse_period(calendar, period_label(calendar, grain, period.start)) == period


@given(calendars, days)
def test_longer_periods_are_made_of_shorter_ones(calendar: Calendar, day: date) -> None:
    year = period_of(calendar, "year", day)
    quarters = list(periods(calendar, "quarter", year.start, year.last_day))
    months = list(periods(calendar, "month", year.start, year.last_day))
    assert (len(quarters), len(months)) == (4, 12)
    assert (
        (quarters[0].start, quarters[-1].end) == (months[0].start, months[-1].end) == (year.start, year.end)
    )


@settings(max_examples=200)
@given(st.sampled_from(ZONES), days)
def test_a_local_day_begins_at_its_first_instant(zone: str, day: date) -> None:
    calendar = Calendar("company", time_zone=zone)
    begin = utc_start(calendar, day)
    assert local_day(calendar, begin - timedelta(microseconds=1)) < day <= local_day(calendar, begin)


@pytest.mark.parametrize(
    ("label", "start", "last"),
    [
        ("2026", date(2026, 1, 1), date(2026, 12, 31)),
        ("2026-Q3", date(2026, 7, 1), date(2026, 9, 30)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2026-W53", date(2026, 12, 28), date(2027, 1, 3)),
        ("2026-07-14", date(2026, 7, 14), date(2026, 7, 14)),
    ],
)
def test_ordinary_labels(label: str, start: date, last: date) -> None:
    period = parse_period(Calendar("company"), label)
    assert (period.start, period.last_day) == (start, last)


@pytest.mark.parametrize("label", ["2025-W53", "2026-Q5", "2026-13", "26", "Q3", "2026-02-30"])
def test_labels_that_name_nothing(label: str) -> None:
    with pytest.raises(ValueError, match="not a period"):
        parse_period(Calendar("company"), label)


def test_a_fiscal_year_is_named_by_the_year_it_ends_in() -> None:
    calendar = Calendar("company", fiscal_year_start=4)
    assert (fiscal_year(calendar, date(2026, 3, 31)), fiscal_quarter(calendar, date(2026, 3, 31))) == (
        2026,
        4,
    )
    assert (fiscal_year(calendar, date(2026, 4, 1)), fiscal_quarter(calendar, date(2026, 4, 1))) == (2027, 1)


def test_the_53rd_week_joins_the_last_month() -> None:
    calendar = Calendar("retail", week_start=7, fiscal_year_start=2, week_pattern=(4, 4, 5))
    lengths = {(p.end - p.start).days for p in periods(calendar, "year", date(2000, 1, 1), date(2030, 1, 1))}
    assert lengths == {364, 371}


def test_month_ends_are_clamped() -> None:
    assert add_span(date(2024, 1, 31), Span.parse("1 month")) == date(2024, 2, 29)
    assert add_span(date(2024, 2, 29), Span.parse("1 year")) == date(2025, 2, 28)
    assert period_end(Calendar("c"), "trailing_7d", date(2026, 1, 1)) == date(2026, 1, 8)
