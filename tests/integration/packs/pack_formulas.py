"""The KPIs that packs add, in plain pandas from their definitions in words; nothing here knows the dictionary.

Each takes the raw tables and one month (its first and last day) and returns the value, or None for no data.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd

Tables = dict[str, pd.DataFrame]
Kpi = Callable[[Tables, date, date], float | None]


def inside(column: pd.Series[Any], first: date, last: date) -> pd.Series[bool]:
    at = pd.to_datetime(column)
    return (at >= pd.Timestamp(first)) & (at < pd.Timestamp(last) + pd.Timedelta(days=1))


def over(above: float, below: float) -> float | None:
    return None if below == 0 else float(above) / float(below)


def sum_of(frame: pd.DataFrame, column: str) -> float | None:
    return float(frame[column].sum()) if len(frame) else None


def year_until(last: date) -> date:
    return (pd.Timestamp(last) + pd.Timedelta(days=1) - pd.DateOffset(months=12)).date()


def returned_between(
    frame: pd.DataFrame, who: str, at: str, first: date, last: date, days: tuple[int, int]
) -> float | None:
    """Of those whose first row is in the month: the share with a row `days` days after the day of their first."""
    moments = frame.assign(day=pd.to_datetime(frame[at]).dt.normalize())
    began = moments.groupby(who)["day"].min()
    cohort = began[inside(began, first, last)]
    came = 0
    for name, day in cohort.items():
        later = (moments.loc[moments[who] == name, "day"] - day).dt.days
        came += bool(((later >= days[0]) & (later <= days[1])).any())
    return over(came, len(cohort))


# ── e-commerce ──────────────────────────────────────────────────────────────────────────────────────────────


def orders(tables: Tables) -> pd.DataFrame:
    frame = tables["commerce.orders"]
    return frame[~frame["is_test"] & (frame["status"] != "cancelled")]


def placed(tables: Tables, first: date, last: date) -> pd.DataFrame:
    frame = orders(tables)
    return frame[inside(frame["ordered_at"], first, last)]


def purchase_frequency(tables: Tables, first: date, last: date) -> float | None:
    frame = placed(tables, year_until(last), last)
    return over(len(frame), frame["customer_id"].nunique())


def store_conversion(tables: Tables, first: date, last: date) -> float | None:
    web = tables["marketing.web_daily"]
    return over(len(placed(tables, first, last)), web.loc[inside(web["date"], first, last), "sessions"].sum())


def cart_abandonment(tables: Tables, first: date, last: date) -> float | None:
    carts = tables["commerce.carts"]
    carts = carts[inside(carts["created_at"], first, last)]
    took = pd.to_datetime(carts["ordered_at"]) - pd.to_datetime(carts["created_at"])
    return over((took.isna() | (took > pd.Timedelta(days=7))).sum(), len(carts))


def returned_value(tables: Tables, first: date, last: date) -> float:
    frame = tables["commerce.returns"]
    return float(frame.loc[inside(frame["returned_at"], first, last), "amount"].sum())


def firsts(frame: pd.DataFrame, who: str, at: str, first: date, last: date) -> float:
    return float(inside(frame.groupby(who)[at].min(), first, last).sum())


def marketing(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["finance.ledger"]
    return sum_of(frame[inside(frame["month"], first, last) & (frame["category"] == "marketing")], "amount")


def acquisition_cost(tables: Tables, first: date, last: date) -> float | None:
    spent = marketing(tables, first, last)
    return (
        None
        if spent is None
        else over(spent, firsts(orders(tables), "customer_id", "ordered_at", first, last))
    )


def on_time_delivery_rate(tables: Tables, first: date, last: date) -> float | None:
    frame = orders(tables)
    frame = frame[inside(frame["delivered_at"], first, last) & frame["promised_on"].notna()]
    return over((frame["delivered_at"].dt.date <= frame["promised_on"]).sum(), len(frame))


def orders_undelivered(tables: Tables, first: date, last: date) -> float:
    frame = orders(tables)
    frame = frame[inside(frame["promised_on"], first, last)]
    late = frame["delivered_at"].isna() | (
        pd.to_datetime(frame["delivered_at"]).dt.date > frame["promised_on"]
    )
    return float(late.sum())


def delivery_time(tables: Tables, first: date, last: date) -> float | None:
    frame = orders(tables)
    frame = frame[inside(frame["delivered_at"], first, last)]
    took = (frame["delivered_at"] - frame["ordered_at"]).dt.total_seconds()
    return float(took.median()) if len(took) else None


# ── marketplace ─────────────────────────────────────────────────────────────────────────────────────────────


def trades(tables: Tables) -> pd.DataFrame:
    frame = tables["marketplace.transactions"]
    return frame[frame["status"] == "completed"]


def traded(tables: Tables, first: date, last: date) -> pd.DataFrame:
    frame = trades(tables)
    return frame[inside(frame["completed_at"], first, last)]


def share_within(frame: pd.DataFrame, start: str, end: str, days: int) -> float | None:
    took = pd.to_datetime(frame[end]) - pd.to_datetime(frame[start])
    return over((took <= pd.Timedelta(days=days)).sum(), len(frame))


def fill_rate(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["marketplace.requests"]
    return share_within(frame[inside(frame["requested_at"], first, last)], "requested_at", "filled_at", 7)


def sell_through_rate(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["marketplace.listings"]
    return share_within(frame[inside(frame["listed_at"], first, last)], "listed_at", "first_sold_at", 30)


def buyer_acquisition_cost(tables: Tables, first: date, last: date) -> float | None:
    spent = marketing(tables, first, last)
    return (
        None
        if spent is None
        else over(spent, firsts(trades(tables), "buyer_id", "completed_at", first, last))
    )


# ── media ───────────────────────────────────────────────────────────────────────────────────────────────────


def visits(tables: Tables, first: date, last: date) -> pd.DataFrame:
    frame = tables["media.reading"]
    return frame[inside(frame["started_at"], first, last)]


def ads(tables: Tables, first: date, last: date) -> pd.DataFrame:
    frame = tables["media.ad_daily"]
    return frame[inside(frame["date"], first, last)]


def pieces(tables: Tables, first: date, last: date) -> pd.DataFrame:
    frame = tables["media.pieces"]
    return frame[inside(frame["published_at"], first, last)]


# ── services ────────────────────────────────────────────────────────────────────────────────────────────────


def lines(tables: Tables, first: date, last: date) -> pd.DataFrame:
    frame = tables["billing.invoice_lines"]
    return frame[inside(frame["service_month"], first, last)]


def delivered_projects(tables: Tables, first: date, last: date) -> pd.DataFrame:
    frame = tables["services.projects"]
    return frame[inside(frame["delivered_on"], first, last)]


def signed(tables: Tables, first: date, last: date) -> float:
    frame = tables["services.projects"]
    return float(frame.loc[inside(frame["signed_on"], first, last), "contract_value"].sum())


def delivered(tables: Tables, first: date, last: date) -> float:
    frame = tables["services.delivered_work"]
    return float(frame.loc[inside(frame["month"], first, last), "value"].sum())


def effective_rate(tables: Tables, first: date, last: date) -> float | None:
    sheets = tables["people.timesheets"]
    hours = sum_of(sheets[inside(sheets["month"], first, last)], "billable_hours")
    earned = sum_of(lines(tables, first, last), "amount")
    return None if hours is None or earned is None else over(earned, hours)


BEGIN = date(2000, 1, 1)

MONTHLY: dict[str, dict[str, Kpi]] = {
    "e-commerce": {
        "purchase_frequency": purchase_frequency,
        "orders_12_months": lambda t, a, b: float(len(placed(t, year_until(b), b))),
        "yearly_buyers": lambda t, a, b: float(placed(t, year_until(b), b)["customer_id"].nunique()),
        "order_sales": lambda t, a, b: float(placed(t, a, b)["amount"].sum()),
        "orders_placed": lambda t, a, b: float(len(placed(t, a, b))),
        "average_order_value": lambda t, a, b: over(placed(t, a, b)["amount"].sum(), len(placed(t, a, b))),
        "web_sessions": lambda t, a, b: float(
            t["marketing.web_daily"].loc[inside(t["marketing.web_daily"]["date"], a, b), "sessions"].sum()
        ),
        "store_conversion": store_conversion,
        "cart_abandonment": cart_abandonment,
        "repeat_purchase_rate": lambda t, a, b: returned_between(
            orders(t), "customer_id", "ordered_at", a, b, (1, 90)
        ),
        "new_buyers": lambda t, a, b: firsts(orders(t), "customer_id", "ordered_at", a, b),
        "acquisition_cost": acquisition_cost,
        "returned_value": returned_value,
        "return_rate": lambda t, a, b: over(returned_value(t, a, b), placed(t, a, b)["amount"].sum()),
        "on_time_delivery_rate": on_time_delivery_rate,
        "delivery_time": delivery_time,
        "orders_undelivered": orders_undelivered,
    },
    "marketplace": {
        "gmv": lambda t, a, b: float(traded(t, a, b)["amount"].sum()),
        "marketplace_trades": lambda t, a, b: float(len(traded(t, a, b))),
        "average_transaction_value": lambda t, a, b: over(
            traded(t, a, b)["amount"].sum(), len(traded(t, a, b))
        ),
        "marketplace_fees": lambda t, a, b: float(traded(t, a, b)["fee"].sum()),
        "take_rate": lambda t, a, b: over(traded(t, a, b)["fee"].sum(), traded(t, a, b)["amount"].sum()),
        "active_buyers": lambda t, a, b: float(traded(t, a, b)["buyer_id"].nunique()),
        "active_sellers": lambda t, a, b: float(traded(t, a, b)["seller_id"].nunique()),
        "fill_rate": fill_rate,
        "sell_through_rate": sell_through_rate,
        "new_listings": lambda t, a, b: float(inside(t["marketplace.listings"]["listed_at"], a, b).sum()),
        "new_sellers": lambda t, a, b: firsts(trades(t), "seller_id", "completed_at", a, b),
        "first_time_buyers": lambda t, a, b: firsts(trades(t), "buyer_id", "completed_at", a, b),
        "buyer_acquisition_cost": buyer_acquisition_cost,
        "repeat_buyer_rate": lambda t, a, b: returned_between(
            trades(t), "buyer_id", "completed_at", a, b, (1, 90)
        ),
        "dispute_rate": lambda t, a, b: over(traded(t, a, b)["is_disputed"].sum(), len(traded(t, a, b))),
    },
    "media": {
        "time_spent": lambda t, a, b: float(visits(t, a, b)["seconds"].sum()) / 3600,
        "active_readers": lambda t, a, b: float(visits(t, a, b)["reader_id"].nunique()),
        "time_per_reader": lambda t, a, b: over(
            visits(t, a, b)["seconds"].sum() / 3600, visits(t, a, b)["reader_id"].nunique()
        ),
        "completion_rate": lambda t, a, b: over(visits(t, a, b)["is_completed"].sum(), len(visits(t, a, b))),
        "reader_retention": lambda t, a, b: returned_between(
            t["media.reading"], "reader_id", "started_at", a, b, (28, 34)
        ),
        "new_readers": lambda t, a, b: firsts(t["media.reading"], "reader_id", "started_at", a, b),
        "pieces_published": lambda t, a, b: float(len(pieces(t, a, b))),
        "correction_rate": lambda t, a, b: over(pieces(t, a, b)["is_corrected"].sum(), len(pieces(t, a, b))),
        "ad_revenue": lambda t, a, b: float(ads(t, a, b)["revenue"].sum()),
        "ad_rpm": lambda t, a, b: over(
            ads(t, a, b)["revenue"].sum() * 1000, ads(t, a, b)["impressions"].sum()
        ),
        "ad_inventory": lambda t, a, b: float(ads(t, a, b)["impressions"].sum()),
        "viewability": lambda t, a, b: over(
            ads(t, a, b)["viewable_impressions"].sum(), ads(t, a, b)["impressions"].sum()
        ),
    },
    "services": {
        "billed_value": lambda t, a, b: sum_of(lines(t, a, b), "billed_amount"),
        "signed_value": signed,
        "delivered_value": delivered,
        "signed_to_date": lambda t, a, b: signed(t, BEGIN, b),
        "delivered_to_date": lambda t, a, b: delivered(t, BEGIN, b),
        "backlog": lambda t, a, b: signed(t, BEGIN, b) - delivered(t, BEGIN, b),
        "billable_hours": lambda t, a, b: sum_of(
            t["people.timesheets"][inside(t["people.timesheets"]["month"], a, b)], "billable_hours"
        ),
        "effective_rate": effective_rate,
        "project_punctuality": lambda t, a, b: over(
            (
                delivered_projects(t, a, b)["delivered_on"] <= delivered_projects(t, a, b)["planned_end_on"]
            ).sum(),
            len(delivered_projects(t, a, b)),
        ),
        "projects_on_budget": lambda t, a, b: over(
            (
                delivered_projects(t, a, b)["actual_hours"] <= delivered_projects(t, a, b)["budget_hours"]
            ).sum(),
            len(delivered_projects(t, a, b)),
        ),
    },
}
