"""The days of `dim_date`: every day with the labels of its week, month, quarter, year and fiscal periods."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from definitions.calendars import (
    fiscal_month,
    fiscal_quarter,
    fiscal_year,
    fiscal_year_start,
    period_start,
    week_start,
)
from definitions.model import Calendar, Catalogue, Grain
from pipelines.publishing.records import DateRow

COMPANY_CALENDAR = "company"


def company_calendar(catalogue: Catalogue) -> Calendar:
    """The calendar that `dim_date` follows: the one named company, else the first by name."""
    return catalogue.calendars.get(COMPANY_CALENDAR) or next(iter(catalogue.calendars.values()))


def dates(calendar: Calendar, first: date, last: date) -> Iterator[DateRow]:
    """One row per day of `[first, last]`, with the labels of calendar and fiscal periods."""
    holidays = {holiday.date: holiday.name for holiday in calendar.holidays}
    day = first
    while day <= last:
        iso = day.isocalendar()
        year, quarter, month = (
            fiscal_year(calendar, day),
            fiscal_quarter(calendar, day),
            fiscal_month(calendar, day),
        )
        yield DateRow(
            date_key=day,
            week_start=week_start(calendar, day),
            month_start=day.replace(day=1),
            quarter_start=day.replace(month=3 * ((day.month - 1) // 3) + 1, day=1),
            year_start=day.replace(month=1, day=1),
            iso_week=f"{iso.year}-W{iso.week:02d}",
            month_label=f"{day:%Y-%m}",
            quarter_label=f"{day.year}-Q{(day.month - 1) // 3 + 1}",
            fiscal_month_start=period_start(calendar, Grain.MONTH, day),
            fiscal_month_label=f"FY{year}-M{month:02d}",
            fiscal_quarter_start=period_start(calendar, Grain.QUARTER, day),
            fiscal_quarter_label=f"FY{year}-Q{quarter}",
            fiscal_year_start=fiscal_year_start(calendar, day),
            fiscal_year=year,
            day_of_week=iso.weekday,
            is_business_day=iso.weekday not in calendar.weekend and day not in holidays,
            is_holiday=day in holidays,
            holiday_name=holidays.get(day),
        )
        day += timedelta(days=1)
