"""KPIs 1 to 25 of the catalogue and what their trees need, in plain Python over raw tables; nothing here knows the
dictionary. Money is exact (fractions), so that an identity holds or does not.

A function takes the books and a period and returns the value; None is no data. Source: KPI catalogue, rows 1 to 25:
`P = [start, end)`, E the period's end, `m(a,d) = Σ amount/interval_months of recurring subscriptions of account a with
start_date ≤ d and (end_date null or > d)`. A period ends with its last day, so m(a,E) is read on it, and m(a,start) on
the last day before the period.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

Number = Fraction | float | int
Value = Any
"""A number, exact where it is money; None is no data."""


@dataclass(frozen=True)
class Period:
    """From the first to the last day."""

    first: date
    last: date

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last

    @property
    def before(self) -> date:
        """The last day before the period."""
        return self.first - timedelta(days=1)

    def months(self) -> Iterator[Period]:
        for start in pd.date_range(self.first, self.last, freq="MS"):
            yield Period(start.date(), (start + pd.offsets.MonthEnd(0)).date())

    def back(self, months: int) -> Period:
        """The period so many months ago; both begin and end with a month."""
        first = (pd.Timestamp(self.first) - pd.DateOffset(months=months)).date()
        end = pd.Timestamp(self.last) + pd.Timedelta(days=1) - pd.DateOffset(months=months)
        return Period(first, (end - pd.Timedelta(days=1)).date())


@dataclass(frozen=True)
class Books:
    """Raw tables without test accounts and what is of them, and the zone that days are of."""

    tables: dict[str, pd.DataFrame]
    zone: ZoneInfo

    def rows(self, table: str) -> list[Any]:
        if table not in self.read:
            self.read[table] = list(self.live[table].itertuples())
        return self.read[table]

    @cached_property
    def read(self) -> dict[str, list[Any]]:
        return {}

    @cached_property
    def days(self) -> dict[Any, date]:
        return {}

    @cached_property
    def live(self) -> dict[str, pd.DataFrame]:
        accounts = self.tables["crm.accounts"]
        test = set(accounts[accounts["is_test"]]["account_id"])
        found = {}
        for name, frame in self.tables.items():
            for flag in ("is_test", "is_deleted", "is_spam"):
                if flag in frame.columns and name != "crm.accounts":
                    frame = frame[~frame[flag]]
            if "account_id" in frame.columns:
                frame = frame[~frame["account_id"].isin(test)]
            found[name] = frame
        return found

    def day(self, instant: Any) -> date | None:
        """The local day of an instant in UTC."""
        if pd.isna(instant):
            return None
        if instant not in self.days:
            self.days[instant] = pd.Timestamp(instant).tz_localize("UTC").tz_convert(self.zone).date()
        return self.days[instant]

    @cached_property
    def balances(self) -> dict[str, list[tuple[date, date | None, Fraction]]]:
        """Recurring subscriptions by account: first day, day of the end, monthly amount."""
        found: dict[str, list[tuple[date, date | None, Fraction]]] = defaultdict(list)
        for row in self.rows("billing.subscriptions"):
            if row.is_recurring:
                end = None if pd.isna(row.end_date) else row.end_date
                found[row.account_id].append((row.start_date, end, money(row.amount) / row.interval_months))
        return found

    @cached_property
    def first_paid(self) -> dict[str, date]:
        """The first day on which each account pays more than nothing."""
        found = {}
        for account, held in self.balances.items():
            turns = sorted({start for start, *_ in held} | {end for _, end, _ in held if end is not None})
            paid = [day for day in turns if self.m(account, day) > 0]
            if paid:
                found[account] = paid[0]
        return found

    def m(self, account: str, day: date) -> Fraction:
        held = self.balances.get(account, [])
        return sum((v for start, end, v in held if start <= day and (end is None or end > day)), Fraction(0))


Kpi = Callable[[Books, Period], Value]


def money(value: Any) -> Fraction:
    return Fraction(str(value))


def over(above: Value, below: Value) -> Value:
    return None if above is None or below is None or below == 0 else above / below


def total(values: Iterator[Any] | list[Any]) -> Value:
    known = [money(value) for value in values if not pd.isna(value)]
    return sum(known, Fraction(0)) if known else None


# ── recurring revenue and its movements ─────────────────────────────────────────────────────────────────────


def mrr(books: Books, period: Period) -> Value:
    return sum((books.m(account, period.last) for account in books.balances), Fraction(0))


def mrr_at_start(books: Books, period: Period) -> Value:
    return sum((books.m(account, period.before) for account in books.balances), Fraction(0))


def _moved(books: Books, period: Period, of: Callable[[Fraction, Fraction, bool], Number | bool]) -> Number:
    """The sum over months and accounts; `of` sees what was paid at a month's start and end, and whether ever before."""
    found: Number = Fraction(0)
    for month in period.months():
        for account in books.balances:
            first = books.first_paid.get(account)
            start, end = books.m(account, month.before), books.m(account, month.last)
            found += of(start, end, first is not None and first < month.first)
    return found


def new_mrr(books: Books, period: Period) -> Value:
    return _moved(books, period, lambda start, end, paid: end if start == 0 and not paid else 0)


def expansion_mrr(books: Books, period: Period) -> Value:
    return _moved(books, period, lambda start, end, _: end - start if start > 0 and end > start else 0)


def contraction_mrr(books: Books, period: Period) -> Value:
    return _moved(books, period, lambda start, end, _: start - end if start > end > 0 else 0)


def churned_mrr(books: Books, period: Period) -> Value:
    return _moved(books, period, lambda start, end, _: start if start > 0 and end == 0 else 0)


def reactivation_mrr(books: Books, period: Period) -> Value:
    return _moved(books, period, lambda start, end, paid: end if start == 0 and paid else 0)


def gained_mrr(books: Books, period: Period) -> Value:
    return new_mrr(books, period) + expansion_mrr(books, period) + reactivation_mrr(books, period)


def net_new_mrr(books: Books, period: Period) -> Value:
    return gained_mrr(books, period) - contraction_mrr(books, period) - churned_mrr(books, period)


def retained_mrr(books: Books, period: Period) -> Value:
    then = period.back(12).last
    return sum((books.m(a, period.last) for a in books.balances if books.m(a, then) > 0), Fraction(0))


def net_revenue_retention(books: Books, period: Period) -> Value:
    then = period.back(12).last
    cohort = [account for account in books.balances if books.m(account, then) > 0]
    start = sum((books.m(account, then) for account in cohort), Fraction(0))
    rises = expansion = contraction = churned = Fraction(0)
    for account in cohort:
        was, now = books.m(account, then), books.m(account, period.last)
        rises = now - was
        expansion += rises if now > 0 and rises > 0 else 0
        contraction += -rises if now > 0 and rises < 0 else 0
        churned += was if now == 0 else 0
    return over(start + expansion - contraction - churned, start)


# ── customers ───────────────────────────────────────────────────────────────────────────────────────────────


def customers(books: Books, period: Period) -> Value:
    return sum(books.m(account, period.last) > 0 for account in books.balances)


def customers_at_start(books: Books, period: Period) -> Value:
    return sum(books.m(account, period.before) > 0 for account in books.balances)


def new_customers(books: Books, period: Period) -> Value:
    return sum(day in period for day in books.first_paid.values())


def returned_customers(books: Books, period: Period) -> Value:
    return int(_moved(books, period, lambda start, end, paid: start == 0 and end > 0 and paid))


def lost_customers(books: Books, period: Period) -> Value:
    """What makes customers(E) = customers(start) + new + returned − lost: left, or came and went within the month."""
    left = _moved(books, period, lambda start, end, _: start > 0 and end == 0)
    brief = sum(
        day in month and books.m(account, month.last) == 0
        for month in period.months()
        for account, day in books.first_paid.items()
    )
    return int(left) + brief


def gained_customers(books: Books, period: Period) -> Value:
    return new_customers(books, period) + returned_customers(books, period)


def net_new_customers(books: Books, period: Period) -> Value:
    return gained_customers(books, period) - lost_customers(books, period)


def customer_churn_rate(books: Books, period: Period) -> Value:
    paying = [account for account in books.balances if books.m(account, period.before) > 0]
    return over(sum(books.m(account, period.last) == 0 for account in paying), len(paying))


def _engagements(books: Books, period: Period) -> dict[str, int]:
    window = Period(
        (pd.Timestamp(period.last) + pd.Timedelta(days=1) - pd.DateOffset(months=24)).date(), period.last
    )
    found: dict[str, int] = defaultdict(int)
    for deal in books.rows("crm.opportunities"):
        if deal.is_won and deal.close_date in window and not pd.isna(deal.account_id):
            found[deal.account_id] += 1
    return found


def engaged_clients(books: Books, period: Period) -> Value:
    return len(_engagements(books, period))


def repeat_clients(books: Books, period: Period) -> Value:
    return sum(count >= 2 for count in _engagements(books, period).values())


def client_retention(books: Books, period: Period) -> Value:
    return over(repeat_clients(books, period), engaged_clients(books, period))


# ── revenue and unit economics ──────────────────────────────────────────────────────────────────────────────


def revenue(books: Books, period: Period) -> Value:
    return total([row.amount for row in books.rows("billing.invoice_lines") if row.service_month in period])


def revenue_growth(books: Books, period: Period) -> Value:
    found = over(revenue(books, period), revenue(books, period.back(12)))
    return None if found is None else found - 1


def arpc(books: Books, period: Period) -> Value:
    return over(revenue(books, period), customers(books, period))


def average_contract_value(books: Books, period: Period) -> Value:
    won = [deal for deal in books.rows("crm.opportunities") if deal.is_won and deal.close_date in period]
    return over(total([deal.acv for deal in won]) or 0, len(won))


def ltv(books: Books, period: Period) -> Value:
    per_customer, churn = arpc(books, period), customer_churn_rate(books, period)
    if per_customer is None or churn is None or churn == 0:
        return None
    return per_customer * min(60, 1 / churn)


def ledger(books: Books, period: Period, *categories: str) -> Value:
    rows = books.rows("finance.ledger")
    return total([row.amount for row in rows if row.month in period and row.category in categories])


def marketing_spend(books: Books, period: Period) -> Value:
    return ledger(books, period, "marketing")


def cac_marketing(books: Books, period: Period) -> Value:
    return over(marketing_spend(books, period), new_customers(books, period))


def ltv_cac(books: Books, period: Period) -> Value:
    return over(ltv(books, period), cac_marketing(books, period))


def cac_payback_months(books: Books, period: Period) -> Value:
    each, margin = over(new_mrr(books, period), new_customers(books, period)), gross_margin(books, period)
    return None if each is None or margin is None else over(cac_marketing(books, period), each * margin)


# ── finance ─────────────────────────────────────────────────────────────────────────────────────────────────


def cost_of_revenue(books: Books, period: Period) -> Value:
    return ledger(books, period, "cogs")


def operating_costs(books: Books, period: Period) -> Value:
    wanted = ("sales", "marketing", "research_and_development", "general_and_administrative")
    return ledger(books, period, *wanted)


def gross_margin(books: Books, period: Period) -> Value:
    earned, cost = revenue(books, period), cost_of_revenue(books, period)
    return None if earned is None or cost is None else over(earned - cost, earned)


def ebitda_margin(books: Books, period: Period) -> Value:
    earned, cost, opex = (
        revenue(books, period),
        cost_of_revenue(books, period),
        operating_costs(books, period),
    )
    if earned is None or cost is None or opex is None:
        return None
    return over(earned - cost - opex, earned)


def burn_rate(books: Books, period: Period) -> Value:
    return ledger(books, period, "cash_outflow")


def cash_inflow(books: Books, period: Period) -> Value:
    return ledger(books, period, "cash_inflow")


def net_burn(books: Books, period: Period) -> Value:
    """A month in which no cash came in has a burn; a month without any cash movement is unknown."""
    out, came = burn_rate(books, period), cash_inflow(books, period)
    return None if out is None and came is None else (out or 0) - (came or 0)


def cash_balance(books: Books, period: Period) -> Value:
    known = [row for row in books.rows("finance.cash_balance") if row.date <= period.last]
    return money(max(known, key=lambda row: row.date).amount) if known else None


def runway_months(books: Books, period: Period) -> Value:
    burns = [net_burn(books, period.back(months)) for months in range(3)]
    cash = cash_balance(books, period)
    if cash is None or None in burns:
        return None
    mean = sum(burns) / 3
    return cash / mean if mean > 0 else None


def rule_of_40(books: Books, period: Period) -> Value:
    growth, margin = revenue_growth(books, period), ebitda_margin(books, period)
    return None if growth is None or margin is None else growth + margin


def _year_to(period: Period) -> Period:
    return Period(
        (pd.Timestamp(period.last) + pd.Timedelta(days=1) - pd.DateOffset(months=12)).date(), period.last
    )


def revenue_12_months(books: Books, period: Period) -> Value:
    return revenue(books, _year_to(period))


def mean_headcount(books: Books, period: Period) -> Value:
    year, table = _year_to(period), books.tables["finance.headcount"]
    heads = [int(count) for month, count in zip(table["month"], table["count"], strict=True) if month in year]
    return over(sum(heads), len(heads))


def revenue_per_employee(books: Books, period: Period) -> Value:
    return over(revenue_12_months(books, period), mean_headcount(books, period))


MONEY: tuple[Kpi, ...] = (
    mrr, new_mrr, expansion_mrr, contraction_mrr, churned_mrr, reactivation_mrr, gained_mrr, net_new_mrr,
    mrr_at_start, retained_mrr, net_revenue_retention, customers, customers_at_start, new_customers,
    returned_customers, lost_customers, gained_customers, net_new_customers, customer_churn_rate, client_retention,
    engaged_clients, repeat_clients, revenue, revenue_growth, revenue_12_months, arpc, average_contract_value, ltv,
    ltv_cac, cac_marketing, cac_payback_months, marketing_spend, cost_of_revenue, operating_costs, gross_margin,
    ebitda_margin, burn_rate, cash_inflow, net_burn, cash_balance, runway_months, rule_of_40, mean_headcount,
    revenue_per_employee,
)  # fmt: skip
"""A function's name is its metric's."""
