"""Neutral tables of a small company that does everything at the edge: of a month, a window, a day, a zone.

Hand-made rows first, each named for the edge it stands for; then random ones from a seed that lean to month ends,
midnights (UTC and local), days of clock change and the leap day.
"""

# ruff: noqa: DTZ001  (instants of the neutral tables are UTC without a zone)

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

FIRST, LAST = date(2024, 1, 1), date(2025, 12, 31)
DAYS = (LAST - FIRST).days + 1
ACCOUNTS = [f"a{number:02d}" for number in range(24)]
TEST_ACCOUNTS = {"a20", "a21"}
STAGES = [("Qualify", False, False), ("Proposal", False, False), ("Won", True, True), ("Lost", True, False)]
Row = dict[str, Any]
EDGES = [
    date(2024, 2, 29),
    date(2024, 3, 10),
    date(2024, 3, 31),
    date(2024, 10, 27),
    date(2024, 11, 3),
    date(2025, 4, 6),
]


class Draw:
    """Random days, instants and amounts that lean to edges."""

    def __init__(self, seed: int, zone: ZoneInfo) -> None:
        self.random = np.random.default_rng(seed)
        self.zone = zone

    def chance(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def pick(self, values: list[Any]) -> Any:
        return values[int(self.random.integers(0, len(values)))]

    def day(self, first: date = FIRST, last: date = LAST) -> date:
        found: date = first + timedelta(days=int(self.random.integers(0, (last - first).days + 1)))
        lean = self.random.random()
        if lean < 0.15:
            found = found.replace(day=1)
        elif lean < 0.3:
            found = (pd.Timestamp(found) + pd.offsets.MonthEnd(0)).date()
        elif lean < 0.35:
            found = self.pick(EDGES)
        return min(max(found, first), last)

    def moment(self) -> datetime:
        """UTC; a third are within a second of a midnight, of UTC or of the company's zone."""
        day, lean = self.day(), self.random.random()
        if lean < 0.7:
            return datetime.combine(day, datetime.min.time()) + timedelta(
                seconds=int(self.random.integers(0, 86400))
            )
        near = timedelta(seconds=self.pick([-1, 0, 1]))
        if lean < 0.8:
            return datetime.combine(day, datetime.min.time()) + near
        local = datetime.combine(day, datetime.min.time(), tzinfo=self.zone)
        return local.astimezone(ZoneInfo("UTC")).replace(tzinfo=None) + near

    def money(self, low: float, high: float) -> float:
        return float(np.round(self.random.uniform(low, high), 2))


def tables(seed: int, zone: ZoneInfo) -> dict[str, pd.DataFrame]:
    """One frame a neutral table, by its name."""
    draw = Draw(seed, zone)
    deals = _deals(draw)
    leads = _leads(draw)
    return {
        "crm.accounts": _accounts(),
        "billing.subscriptions": _subscriptions(draw),
        "billing.invoice_lines": _invoice_lines(draw),
        **_finance(draw),
        **_marketing(draw),
        "crm.stages": pd.DataFrame(STAGES, columns=["stage", "is_closed", "is_won"]),
        "crm.leads": leads,
        "crm.opportunities": deals,
        "crm.opportunity_history": _history(draw, deals),
        "crm.activities": _activities(draw, leads, deals),
    }


def _frame(named: list[Row], count: int, make: Callable[[int], Row]) -> pd.DataFrame:
    return pd.DataFrame([*named, *(make(number) for number in range(count))])


def _rows(frame: pd.DataFrame) -> list[Any]:
    return list(frame.itertuples())


def _accounts() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "account_id": name, "name": name, "tier": "pro", "region": None, "industry": None,
                "created_at": datetime(2023, 1, 1), "is_test": name in TEST_ACCOUNTS, "is_deleted": name == "a22",
            }
            for name in ACCOUNTS
        ]
    )  # fmt: skip


def _subscriptions(draw: Draw) -> pd.DataFrame:
    def row(
        name: str,
        account: str,
        start: str,
        end: str | None,
        amount: float,
        months: int = 1,
        recurring: bool = True,
    ) -> Row:
        return {
            "subscription_id": name, "account_id": account, "start_date": date.fromisoformat(start),
            "end_date": date.fromisoformat(end) if end else None, "amount": amount, "interval_months": months,
            "is_recurring": recurring, "plan": "p",
        }  # fmt: skip

    named = [
        row("starts_first_day", "first", "2024-02-01", None, 100),
        row("starts_last_day", "last", "2024-01-31", None, 100, 3),
        row("ends_first_day", "ends1", "2024-01-10", "2024-04-01", 70),
        row("ends_last_day", "ends31", "2024-01-10", "2024-03-31", 70),
        row("same_day", "never", "2024-05-05", "2024-05-05", 500),
        row("zero", "free", "2024-05-05", None, 0),
        row("zero_then_paid", "free", "2024-07-01", None, 40),
        row("one_time", "once", "2024-06-01", None, 900, 1, False),
        row("upgrade_old", "up", "2024-03-01", "2024-06-15", 100),
        row("upgrade_new", "up", "2024-06-15", None, 250),
        row("downgrade_old", "down", "2024-03-01", "2024-06-15", 100, 3),
        row("downgrade_new", "down", "2024-06-15", None, 100, 12),
        row("stays_when_other_ends", "stays", "2024-03-01", None, 30),
        row("ends_beside_other", "stays", "2024-03-01", "2024-08-20", 60),
        row("gap_before", "gap", "2023-11-01", "2024-02-10", 90, 3),
        row("gap_after", "gap", "2024-05-31", None, 100, 12),
        row("pause_within_month", "pause", "2024-02-01", "2024-09-05", 80),
        row("again_within_month", "pause", "2024-09-20", None, 80),
        row("in_and_out", "brief", "2024-10-05", "2024-10-25", 60),
        row("brief_again", "brief", "2025-01-05", None, 60),
        row("before_the_window", "old", "2022-02-28", "2024-02-29", 33.33, 12),
        row("leap", "leap", "2024-02-29", "2025-02-28", 99.99, 12),
        row("third", "thirds", "2024-01-15", None, 100, 3),
        row("third_more", "thirds", "2024-08-15", "2025-08-31", 100, 3),
        row("test_account", "a20", "2024-02-01", None, 5000),
        row("not_in_the_crm", "unknown", "2024-04-15", "2025-05-15", 45),
        row("quarter_up", "seesaw", "2024-01-01", "2024-04-20", 50),
        row("quarter_up_2", "seesaw", "2024-04-20", "2024-05-20", 150),
        row("quarter_down", "seesaw", "2024-05-20", "2024-06-20", 20),
        row("quarter_end", "seesaw", "2024-06-20", None, 60),
        row("credit", "credited", "2024-01-10", None, 100),
        row("credit_of_it", "credited", "2024-01-10", "2024-07-01", -100),
        row("future", "future", "2026-03-01", None, 100),
    ]

    def any_row(number: int) -> Row:
        start = draw.day(date(2023, 6, 1), date(2025, 10, 31))
        length = int(draw.pick([0, 1, 20, 31, 90, 200, 365, 366, 500]))
        return {
            "subscription_id": f"s{number}", "account_id": draw.pick(ACCOUNTS), "start_date": start,
            "end_date": start + timedelta(days=length) if draw.chance(0.6) else None,
            "amount": float(draw.pick([0, 10, 99.99, 120, 600, 1200])), "interval_months": int(draw.pick([1, 3, 12])),
            "is_recurring": draw.chance(0.9), "plan": "p",
        }  # fmt: skip

    return _frame(named, 60, any_row)


def _invoice_lines(draw: Draw) -> pd.DataFrame:
    months = [m for m in pd.date_range("2022-11-01", LAST, freq="MS") if m != pd.Timestamp(2025, 5, 1)]

    def row(number: int) -> Row:
        amount = draw.money(50, 900) * (-1 if draw.chance(0.15) else 1)
        return {
            "invoice_line_id": f"l{number}", "invoice_id": f"n{number // 3}",
            "account_id": draw.pick([*ACCOUNTS, "unknown"]),
            "service_month": draw.pick(months).date(), "amount": amount, "billed_amount": abs(amount),
            "type": draw.pick(["base", "upsell", "cross_sell", "one_time"]),
        }  # fmt: skip

    return _frame([], 400, row)


CATEGORIES = (
    "marketing", "sales", "cogs", "research_and_development", "general_and_administrative",
    "depreciation_and_amortisation", "cash_inflow", "cash_outflow",
)  # fmt: skip


def _finance(draw: Draw) -> dict[str, pd.DataFrame]:
    months = pd.date_range("2023-01-01", LAST, freq="MS")
    ledger = [
        {"month": month.date(), "category": category, "amount": draw.money(100, 9000)}
        for month in months
        for category in CATEGORIES
        # Before June 2023 nothing is in the ledger but costs; in August 2025 it has no row at all.
        if (month != pd.Timestamp(2025, 8, 1)) and (draw.chance(0.95) or category == "cogs")
    ]
    days = [FIRST + timedelta(days=number) for number in range(-60, DAYS)]
    silent = {date(2024, 6, 1) + timedelta(days=number) for number in range(40)}
    return {
        "finance.ledger": pd.DataFrame(ledger),
        "finance.cash_balance": pd.DataFrame(
            [
                {"date": day, "amount": draw.money(-1e4, 1e5)}
                for day in days
                if day == FIRST or (day not in silent and draw.chance(0.5))
            ]
        ),
        "finance.headcount": pd.DataFrame(
            [
                {"month": m.date(), "count": draw.pick(list(range(20, 60)))}
                for m in months
                if draw.chance(0.95)
            ]
        ),
    }


def _marketing(draw: Draw) -> dict[str, pd.DataFrame]:
    days = [FIRST + timedelta(days=number) for number in range(DAYS)]
    quiet = {FIRST + timedelta(days=number) for number in range(100, 140)}
    return {
        "marketing.web_daily": pd.DataFrame(
            [
                {"date": day, "visitors": visitors, "sessions": visitors + 5, "bounces": 3}
                for day in days
                if day not in quiet and (visitors := draw.pick([0, 10, 400])) is not None
            ]
        ),
        "marketing.ads_daily": pd.DataFrame(
            [
                {
                    "date": day, "spend": 0.0 if day.month == 7 else draw.money(1, 90),
                    "attributed_revenue": draw.money(0, 400),
                }
                for day in days
                if day not in quiet
            ]
        ),
    }  # fmt: skip


def _leads(draw: Draw) -> pd.DataFrame:
    def row(number: int) -> Row:
        at = draw.moment()
        return {
            "lead_id": f"d{number}", "source": None, "created_at": at,
            "mql_at": at + timedelta(hours=draw.pick([0, 5, 900])) if draw.chance(0.6) else None,
            "sql_at": None, "converted_at": None, "account_id": None, "opportunity_id": None,
            "is_test": draw.chance(0.06), "is_deleted": draw.chance(0.06),
        }  # fmt: skip

    return _frame([], 260, row)


def _deals(draw: Draw) -> pd.DataFrame:
    def row(number: int) -> Row:
        at = draw.moment()
        stage = draw.pick(STAGES if draw.chance(0.5) else STAGES[2:])
        return {
            "opportunity_id": f"o{number:03d}", "account_id": draw.pick([*ACCOUNTS, None, "unknown"]),
            "type": draw.pick(["new", "upsell", "cross_sell", "renewal"]), "stage": stage[0],
            "amount": draw.pick([100.0, 200.5, 0.01, None]), "acv": draw.pick([120.0, 300.25, 0.0, None]),
            "currency": "USD", "is_closed": stage[1], "is_won": stage[2], "created_at": at,
            "close_date": draw.day(at.date(), at.date() + timedelta(days=150))
            if stage[1] or draw.chance(0.5)
            else None,
            "competitor": draw.pick([None, None, "Rival"]), "owner_id": None, "updated_at": at,
            "is_deleted": draw.chance(0.06),
        }  # fmt: skip

    return _frame([], 300, row)


def _history(draw: Draw, deals: pd.DataFrame) -> pd.DataFrame:
    """Stage and amount back and forth, reopened deals, equal instants of two fields, changes before creation."""
    found: list[Row] = []
    for deal in _rows(deals):
        if draw.chance(0.25):
            continue  # nothing ever changed
        for field, last in (("stage", deal.stage), ("amount", deal.amount)):
            steps = int(draw.random.integers(0, 5))
            at = pd.Timestamp(deal.created_at).to_pydatetime()
            if draw.chance(0.1):
                at -= timedelta(hours=3)  # two changes that are dated before the creation
            values: list[Any] = [
                draw.pick([name for name, *_ in STAGES])
                if field == "stage"
                else draw.pick([50.0, 75.25, None])
                for _ in range(steps)
            ]
            values.append(last)
            for old, new in pairwise(values):
                at += timedelta(seconds=draw.pick([1, 3600, 86400 * 9, 86400 * 31]))
                found.append(
                    {
                        "opportunity_id": deal.opportunity_id, "changed_at": at, "field": field,
                        "old": None if pd.isna(old) else str(old), "new": None if pd.isna(new) else str(new),
                    }
                )  # fmt: skip
    order = draw.random.permutation(len(found))
    return pd.DataFrame(found).iloc[order].reset_index(drop=True)


def _activities(draw: Draw, leads: pd.DataFrame, deals: pd.DataFrame) -> pd.DataFrame:
    """Demos at the very end of their windows, a second later, before the lead, cancelled, planned, of deleted deals."""
    found: list[Row] = []

    def add(kind: str, lead: str | None, deal: str | None, at: datetime | None, status: str = "held") -> None:
        booked = at - timedelta(days=draw.pick([0, 3])) if at is not None else draw.moment()
        found.append(
            {
                "activity_id": f"v{len(found)}", "opportunity_id": deal, "lead_id": lead, "account_id": None,
                "type": kind, "is_qualified": draw.chance(0.7), "booked_at": booked, "occurred_at": at,
                "status": status,
            }
        )  # fmt: skip

    offsets = [-86400, -1, 0, 1, 60 * 86400 - 1, 60 * 86400, 60 * 86400 + 1, 20 * 86400]
    for lead in _rows(leads):
        for _ in range(int(draw.pick([0, 1, 1, 2]))):
            at = pd.Timestamp(lead.created_at).to_pydatetime() + timedelta(seconds=draw.pick(offsets))
            status = draw.pick(["held", "held", "held", "planned", "cancelled"])
            add(draw.pick(["demo", "demo", "meeting", "call"]), lead.lead_id, None, at, status)
    for deal in _rows(deals):
        if draw.chance(0.6):
            close = deal.close_date if not pd.isna(deal.close_date) else draw.day()
            back = draw.pick([0, 1, 119, 120, 121, -1, 30])
            at = datetime.combine(close - timedelta(days=back), datetime.min.time()) + timedelta(
                seconds=draw.pick([0, 4 * 3600, 86399])
            )
            add("demo", None, deal.opportunity_id, at, draw.pick(["held", "held", "held", "cancelled"]))
            if draw.chance(0.4):
                add("demo", None, deal.opportunity_id, at + timedelta(days=draw.pick([0, 20, 40])), "held")
    for _ in range(20):
        add("demo", None, "gone", draw.moment())
        add("demo", None, draw.pick(list(deals["opportunity_id"])), None, "held")
        add("meeting", None, None, draw.moment(), draw.pick(["held", "cancelled", "planned"]))
    return pd.DataFrame(found)
