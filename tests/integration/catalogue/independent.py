"""The KPIs once more, in plain pandas, from the formulas of the KPI catalogue; nothing here knows the dictionary.

Each function takes the raw tables and one month (its first and last day) and returns the value, or None for no data.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd

Tables = dict[str, pd.DataFrame]
Kpi = Callable[[Tables, date, date], float | None]


def within(column: pd.Series[Any], first: date, last: date) -> pd.Series[bool]:
    at = pd.to_datetime(column)
    return (at >= pd.Timestamp(first)) & (at < pd.Timestamp(last) + pd.Timedelta(days=1))


def over(above: float | None, below: float | None) -> float | None:
    if above is None or below is None or pd.isna(above) or pd.isna(below) or below == 0:
        return None
    return float(above) / float(below)


def total(frame: pd.DataFrame, column: str) -> float | None:
    return float(frame[column].sum()) if len(frame) else None


def mrr_by_account(tables: Tables, day: date) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in tables["billing.subscriptions"].itertuples():
        ended = row.end_date is not None and not pd.isna(row.end_date) and row.end_date <= day
        if row.is_recurring and row.start_date <= day and not ended:
            found[row.account_id] = found.get(row.account_id, 0.0) + row.amount / row.interval_months
    return {account: value for account, value in found.items() if value > 0}


def ledger(tables: Tables, first: date, last: date, *categories: str) -> float | None:
    frame = tables["finance.ledger"]
    return total(frame[within(frame["month"], first, last) & frame["category"].isin(categories)], "amount")


def revenue(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["billing.invoice_lines"]
    return total(frame[within(frame["service_month"], first, last)], "amount")


def back(first: date, months: int) -> tuple[date, date]:
    start = (pd.Timestamp(first) - pd.DateOffset(months=months)).date()
    end = (pd.Timestamp(start) + pd.offsets.MonthEnd(0)).date()
    return start, end


def net_revenue_retention(tables: Tables, first: date, last: date) -> float | None:
    _, then = back(first, 12)
    before, now = mrr_by_account(tables, then), mrr_by_account(tables, last)
    return over(sum(now.get(account, 0.0) for account in before), sum(before.values()))


def gross_margin(tables: Tables, first: date, last: date) -> float | None:
    earned, cost = revenue(tables, first, last), ledger(tables, first, last, "cogs")
    return None if earned is None or cost is None else over(earned - cost, earned)


def ebitda_margin(tables: Tables, first: date, last: date) -> float | None:
    earned, cost = revenue(tables, first, last), ledger(tables, first, last, "cogs")
    opex = ledger(
        tables, first, last, "sales", "marketing", "research_and_development", "general_and_administrative"
    )
    if earned is None or cost is None or opex is None:
        return None
    return over(earned - cost - opex, earned)


def burn_rate(tables: Tables, first: date, last: date) -> float | None:
    return ledger(tables, first, last, "cash_outflow")


def runway_months(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["finance.cash_balance"]
    known = frame[pd.to_datetime(frame["date"]) <= pd.Timestamp(last)]
    known = known[within(known["date"], first, last)]
    burns = []
    for months in range(3):
        start, end = back(first, months)
        out, came = ledger(tables, start, end, "cash_outflow"), ledger(tables, start, end, "cash_inflow")
        if out is None or came is None:
            return None
        burns.append(out - came)
    if sum(burns) <= 0 or known.empty:
        return None
    cash = known.sort_values("date")["amount"].iloc[-1]
    return float(cash / (sum(burns) / 3))


def mqls(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["crm.leads"]
    return float((within(frame["mql_at"], first, last) & ~frame["is_test"]).sum())


def demo_to_won_rate(tables: Tables, first: date, last: date) -> float | None:
    acts = tables["crm.activities"]
    demos = acts[(acts["type"] == "demo") & (acts["status"] == "held") & acts["opportunity_id"].notna()]
    starts = demos.dropna(subset=["occurred_at"]).groupby("opportunity_id")["occurred_at"].min()
    cohort = starts[within(starts, first, last)]
    deals = tables["crm.opportunities"].set_index("opportunity_id")
    won = 0
    for name, at in cohort.items():
        if name in deals.index and deals.loc[name, "is_won"] and not deals.loc[name, "is_deleted"]:
            closed = deals.loc[name, "close_date"]
            won += at.date() <= closed <= (pd.Timestamp(at) + pd.Timedelta(days=120)).date()
    return over(won, len(cohort))


def upsell_opportunities(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["crm.opportunities"]
    mine = within(frame["created_at"], first, last) & (frame["type"] == "upsell") & ~frame["is_deleted"]
    return float(mine.sum())


def cross_sell_conversion(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["crm.opportunities"]
    frame = frame[
        within(frame["close_date"], first, last) & (frame["type"] == "cross_sell") & ~frame["is_deleted"]
    ]
    return over((frame["is_won"]).sum(), frame["is_closed"].sum())


MONTHLY: dict[str, Kpi] = {
    kpi.__name__: kpi
    for kpi in (
        net_revenue_retention, gross_margin, ebitda_margin, burn_rate, runway_months, mqls, demo_to_won_rate,
        upsell_opportunities, cross_sell_conversion,
    )
}  # fmt: skip
