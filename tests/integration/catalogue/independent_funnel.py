"""KPIs 26 to 40 of the catalogue and what their trees need, in plain Python over raw tables; nothing here knows the
dictionary. A function takes the books and a period and returns the value; None is no data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from tests.integration.catalogue.independent_money import (
    Books,
    Kpi,
    Period,
    Value,
    money,
    new_customers,
    over,
    total,
)


def website_visitors(books: Books, period: Period) -> Value:
    return total([row.visitors for row in books.rows("marketing.web_daily") if row.date in period])


def _leads(books: Books, period: Period) -> list[Any]:
    return [lead for lead in books.rows("crm.leads") if books.day(lead.created_at) in period]


def leads_created(books: Books, period: Period) -> Value:
    return len(_leads(books, period))


def lead_capture_rate(books: Books, period: Period) -> Value:
    return over(leads_created(books, period), website_visitors(books, period))


def lead_to_customer_rate(books: Books, period: Period) -> Value:
    return over(new_customers(books, period), leads_created(books, period))


def mqls(books: Books, period: Period) -> Value:
    return sum(books.day(lead.mql_at) in period for lead in books.rows("crm.leads"))


def _demos(books: Books, key: str) -> dict[str, list[datetime]]:
    """When demos were held, by lead or opportunity."""
    found: dict[str, list[datetime]] = {}
    for row in books.rows("crm.activities"):
        if row.type == "demo" and row.status == "held" and not pd.isna(row.occurred_at):
            found.setdefault(getattr(row, key), []).append(row.occurred_at)
    return found


def lead_to_demo_rate(books: Books, period: Period) -> Value:
    leads, demos = _leads(books, period), _demos(books, "lead_id")
    seen = [
        any(timedelta(0) <= at - lead.created_at <= timedelta(days=60) for at in demos.get(lead.lead_id, []))
        for lead in leads
    ]
    return over(sum(seen), len(leads))


def demo_to_won_rate(books: Books, period: Period) -> Value:
    demos, cohort, won = _demos(books, "opportunity_id"), 0, 0
    for deal in books.rows("crm.opportunities"):
        first = min(demos.get(deal.opportunity_id, []), default=None)
        day = books.day(first)
        if day is None or day not in period:
            continue
        cohort += 1
        if deal.is_won and not pd.isna(deal.close_date):
            won += timedelta(0) <= deal.close_date - day <= timedelta(days=120)
    return over(won, cohort)


def meetings_booked(books: Books, period: Period) -> Value:
    rows = books.rows("crm.activities")
    return sum(
        row.type == "meeting" and row.is_qualified and books.day(row.booked_at) in period for row in rows
    )


# ── the pipeline as it stood ────────────────────────────────────────────────────────────────────────────────


def _changes(books: Books) -> dict[tuple[str, str], list[Any]]:
    """Changes by opportunity and field, in order of time."""
    found: dict[tuple[str, str], list[Any]] = {}
    for row in sorted(books.rows("crm.opportunity_history"), key=lambda row: row.changed_at):
        found.setdefault((row.opportunity_id, row.field), []).append(row)
    return found


def _as_of(changes: list[Any], today: Any, end: datetime) -> Any:
    """The value of a field before `end`: the newest change's new one, else the first one's old one."""
    if not changes:
        return today
    done = [row for row in changes if row.changed_at < end]
    return done[-1].new if done else changes[0].old


def pipeline_value(books: Books, period: Period) -> Value:
    midnight = datetime.combine(period.last + timedelta(days=1), datetime.min.time(), tzinfo=books.zone)
    end = midnight.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
    changes, found = _changes(books), money(0)
    closed = {row.stage for row in books.rows("crm.stages") if row.is_closed}
    for deal in books.rows("crm.opportunities"):
        if deal.created_at < end:
            stage, amount = (
                _as_of(changes.get((deal.opportunity_id, field), []), getattr(deal, field), end)
                for field in ("stage", "amount")
            )
            if (
                not changes.get((deal.opportunity_id, "stage"))
                and deal.is_closed
                and not pd.isna(deal.close_date)
            ):
                is_open = (
                    deal.close_date > period.last
                )  # nobody wrote down when it closed but the deal itself
            else:
                is_open = stage not in closed
            if is_open and not pd.isna(amount):
                found += money(amount)
    return found


# ── closed deals ────────────────────────────────────────────────────────────────────────────────────────────


def _closing(books: Books, period: Period) -> Iterator[Any]:
    for deal in books.rows("crm.opportunities"):
        if deal.is_closed and not pd.isna(deal.close_date) and deal.close_date in period:
            yield deal


def win_rate(books: Books, period: Period) -> Value:
    closed = list(_closing(books, period))
    return over(sum(deal.is_won for deal in closed), len(closed))


def win_rate_value(books: Books, period: Period) -> Value:
    closed = list(_closing(books, period))
    return over(total([d.amount for d in closed if d.is_won]) or 0, total([d.amount for d in closed]))


def bookings(books: Books, period: Period) -> Value:
    return total([deal.acv for deal in _closing(books, period) if deal.is_won]) or 0


def bookings_to_date(books: Books, period: Period) -> Value:
    quarter = pd.Timestamp(period.last).to_period("Q").start_time.date()
    return bookings(books, Period(quarter, period.last))


def sales_cycle_days(books: Books, period: Period) -> Value:
    days = [(d.close_date - books.day(d.created_at)).days for d in _closing(books, period) if d.is_won]
    return median(days) if days else None


def upsell_opportunities(books: Books, period: Period) -> Value:
    deals = books.rows("crm.opportunities")
    return sum(deal.type == "upsell" and books.day(deal.created_at) in period for deal in deals)


def cross_sell_conversion(books: Books, period: Period) -> Value:
    closed = [deal for deal in _closing(books, period) if deal.type == "cross_sell"]
    return over(sum(deal.is_won for deal in closed), len(closed))


def competitive_wins(books: Books, period: Period) -> Value:
    return sum(deal.is_won and isinstance(deal.competitor, str) for deal in _closing(books, period))


def roas(books: Books, period: Period) -> Value:
    rows = [row for row in books.rows("marketing.ads_daily") if row.date in period]
    return over(total([row.attributed_revenue for row in rows]), total([row.spend for row in rows]))


FUNNEL: tuple[Kpi, ...] = (
    website_visitors, leads_created, lead_capture_rate, lead_to_customer_rate, mqls, meetings_booked,
    lead_to_demo_rate, demo_to_won_rate, pipeline_value, win_rate, win_rate_value, bookings, bookings_to_date,
    sales_cycle_days, upsell_opportunities, cross_sell_conversion, competitive_wins, roas,
)  # fmt: skip
"""A function's name is its metric's."""
