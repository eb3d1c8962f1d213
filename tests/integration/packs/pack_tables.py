"""Small tables of shops, marketplaces, publishers and agencies, from a seed, full of edges: bounds met to the second,
month ends, nulls, cancelled and test rows, returns of older orders, readers of one visit."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

FIRST, LAST = date(2025, 1, 1), date(2026, 6, 30)
DAYS = (LAST - FIRST).days + 1
WEEK, MONTH = timedelta(days=7), timedelta(days=30)


def tables(seed: int) -> dict[str, pd.DataFrame]:
    """One frame a neutral table, by its name."""
    random = np.random.default_rng(seed)

    def chance(share: float) -> bool:
        return bool(random.random() < share)

    def pick(*values: Any) -> Any:
        return values[int(random.integers(0, len(values)))]

    def money(low: float, high: float) -> float:
        return float(np.round(random.uniform(low, high), 2))

    def day() -> date:
        return FIRST + timedelta(days=int(random.integers(0, DAYS)))

    def moment() -> datetime:
        at = datetime.combine(day(), datetime.min.time())
        if chance(0.2):
            at = (pd.Timestamp(at) + pd.offsets.MonthEnd(0)).to_pydatetime()
        return at + timedelta(seconds=int(random.choice([0, 1, 86399, random.integers(0, 86400)])))

    def within(at: datetime, limit: timedelta, share: float) -> datetime | None:
        """Later by chance; often exactly at the limit, or a second after it."""
        if not chance(share):
            return None
        return at + pick(limit, limit + timedelta(seconds=1), timedelta(seconds=int(random.exponential(2e5))))

    def rows(count: int, make: Any) -> pd.DataFrame:
        return pd.DataFrame([make(number) for number in range(count)])

    customers = [f"c{number}" for number in range(70)]

    def order(number: int) -> dict[str, Any]:
        at = moment()
        promised = at.date() + timedelta(days=3) if chance(0.8) else None
        delivered = at + timedelta(days=int(random.integers(0, 7)), hours=5) if chance(0.8) else None
        return {
            "order_id": f"o{number}",
            "customer_id": pick(*customers),
            "channel": pick("web", "app", None),
            "ordered_at": at,
            "promised_on": promised,
            "delivered_at": delivered,
            "amount": money(0, 300),
            "status": pick("placed", "paid", "shipped", "delivered", "delivered", "cancelled"),
            "is_test": chance(0.05),
        }

    def transaction(number: int) -> dict[str, Any]:
        amount = money(5, 400)
        return {
            "transaction_id": f"t{number}",
            "listing_id": None,
            "buyer_id": f"b{int(random.integers(0, 60))}",
            "seller_id": f"s{int(random.integers(0, 25))}",
            "category": pick("tools", "toys", None),
            "completed_at": moment(),
            "amount": amount,
            "fee": float(np.round(amount * random.uniform(0.05, 0.2), 2)),
            "is_disputed": chance(0.08),
            "status": pick("completed", "completed", "completed", "refunded", "cancelled"),
        }

    def project(number: int) -> dict[str, Any]:
        signed = day()
        planned = signed + timedelta(days=int(random.integers(20, 90)))
        late = timedelta(days=int(random.choice([-3, 0, 0, 1, 20])))
        return {
            "project_id": f"p{number}",
            "account_id": f"a{number % 9}",
            "practice": pick("strategy", "build", None),
            "signed_on": signed,
            "planned_end_on": planned,
            "delivered_on": planned + late if chance(0.7) else None,
            "contract_value": money(1000, 90000),
            "budget_hours": 100.0,
            "actual_hours": float(random.choice([60, 99.5, 100, 100.25, 150])),
        }

    listed = rows(200, lambda n: {"at": moment()})["at"]
    months = [pd.Timestamp(FIRST) + pd.DateOffset(months=number) for number in range(18)]
    return {
        "commerce.orders": rows(700, order),
        "commerce.returns": rows(
            90,
            lambda number: {
                "return_id": f"r{number}",
                "order_id": f"o{int(random.integers(0, 700))}",
                "returned_at": moment(),
                "amount": money(1, 120),
                "reason": pick("size", None),
            },
        ),
        "commerce.carts": rows(
            900,
            lambda number: {
                "cart_id": f"k{number}",
                "channel": "web",
                "created_at": (at := moment()),
                "ordered_at": within(at, WEEK, 0.5),
            },
        ),
        "marketing.web_daily": pd.DataFrame(
            [
                {
                    "date": FIRST + timedelta(days=n),
                    "visitors": 50,
                    "sessions": int(random.integers(0, 90)),
                    "bounces": 9,
                }
                for n in range(DAYS)
                if chance(0.9)
            ]
        ),
        "finance.ledger": pd.DataFrame(
            [
                {"month": month.date(), "category": category, "amount": money(100, 9000)}
                for month in months
                for category in ("marketing", "cogs", "cash_outflow", "cash_inflow")
                if chance(0.95)
            ]
        ),
        "marketplace.transactions": rows(600, transaction),
        "marketplace.listings": pd.DataFrame(
            [
                {
                    "listing_id": f"l{number}",
                    "seller_id": f"s{number % 25}",
                    "category": None,
                    "listed_at": at,
                    "first_sold_at": within(at.to_pydatetime(), MONTH, 0.6),
                }
                for number, at in enumerate([*listed, *listed])
            ]
        ),
        "marketplace.requests": rows(
            900,
            lambda number: {
                "request_id": f"q{number}",
                "buyer_id": pick(None, "b1", "b2"),
                "category": "tools",
                "requested_at": (at := moment()),
                "filled_at": within(at, WEEK, 0.5),
            },
        ),
        "media.reading": rows(
            1500,
            lambda number: {
                "visit_id": f"v{number}",
                "reader_id": f"r{int(random.integers(0, 220))}",
                "section": pick("news", "sport", None),
                "started_at": moment(),
                "seconds": int(random.choice([0, 1, 61, 1800, 3599])),
                "is_completed": chance(0.4),
                "is_subscriber": chance(0.3),
            },
        ),
        "media.pieces": rows(
            200,
            lambda number: {
                "piece_id": f"p{number}",
                "section": None,
                "published_at": moment(),
                "is_corrected": chance(0.1),
            },
        ),
        "media.ad_daily": pd.DataFrame(
            [
                {
                    "date": FIRST + timedelta(days=n),
                    "section": section,
                    "impressions": (shown := int(random.integers(0, 3000))),
                    "viewable_impressions": int(shown * random.uniform(0.3, 1)),
                    "revenue": money(0, 40),
                }
                for n in range(DAYS)
                for section in ("news", "sport")
                if chance(0.8)
            ]
        ),
        "services.projects": rows(160, project),
        "services.delivered_work": pd.DataFrame(
            [
                {"project_id": f"p{number}", "month": month.date(), "value": money(100, 2000)}
                for number in range(40)
                for month in months
                if chance(0.5)
            ]
        ),
        "billing.invoice_lines": rows(
            300,
            lambda number: {
                "invoice_line_id": f"n{number}",
                "invoice_id": f"i{number // 3}",
                "account_id": f"a{number % 9}",
                "service_month": pick(*months).date(),
                "amount": money(-50, 900),
                "billed_amount": money(100, 1000),
                "type": "base",
            },
        ),
        "people.timesheets": pd.DataFrame(
            [
                {
                    "person": f"e{n}",
                    "month": month.date(),
                    "billable_hours": float(random.integers(60, 160)),
                    "available_hours": 160.0,
                }
                for n in range(4)
                for month in months
            ]
        ),
    }
