"""Neutral tables with every edge a KPI can trip over, from a seed: nulls, ties, gaps, reopened, cleared, refunded."""

# ruff: noqa: DTZ001  (instants of the neutral tables are UTC without a zone)

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

FIRST, LAST = date(2024, 1, 1), date(2025, 12, 31)
DAYS = (LAST - FIRST).days + 1


def tables(seed: int) -> dict[str, pd.DataFrame]:
    """One frame a neutral table, by its name."""
    random = np.random.default_rng(seed)
    accounts = [f"a{number:02d}" for number in range(30)]
    users = [f"u{number:03d}" for number in range(120)]

    def day(spread: int = DAYS) -> date:
        return FIRST + timedelta(days=int(random.integers(0, spread)))

    def moment() -> datetime:
        # Midnights and month ends are drawn more often than chance would.
        at = datetime.combine(day(), datetime.min.time())
        if random.random() < 0.2:
            at = (pd.Timestamp(at) + pd.offsets.MonthEnd(0)).to_pydatetime()
        return at + timedelta(seconds=int(random.choice([0, 1, 86399, random.integers(0, 86400)])))

    def later(at: datetime, days: float, chance: float) -> datetime | None:
        return (
            at + timedelta(seconds=int(random.exponential(days * 86400)))
            if random.random() < chance
            else None
        )

    def pick(values: list[Any]) -> Any:
        return values[int(random.integers(0, len(values)))]

    def rows(count: int, make: Any) -> pd.DataFrame:
        return pd.DataFrame([make(number) for number in range(count)])

    def subscription(number: int) -> dict[str, Any]:
        start = day(DAYS - 200)
        length = int(random.choice([0, 20, 31, 90, 200, 365, 500]))
        return {
            "subscription_id": f"s{number}",
            "account_id": pick(accounts),
            "start_date": start,
            "end_date": start + timedelta(days=length) if random.random() < 0.6 else None,
            "amount": float(pick([0, 120, 240, 600, 1200])),
            "interval_months": int(pick([1, 3, 12])),
            "is_recurring": bool(random.random() < 0.9),
            "plan": "p",
        }

    def ticket(number: int) -> dict[str, Any]:
        at = moment()
        solved = later(at, 4, 0.8)
        return {
            "ticket_id": f"t{number}",
            "account_id": pick([*accounts, None, "gone"]),
            "team": pick(["one", "two", None]),
            "channel": "mail",
            "created_at": at,
            "first_reply_at": later(at, 0.2, 0.8),
            "solved_at": solved,
            "status": "solved" if solved else "open",
            "priority": None,
            "reopens": int(random.choice([0, 0, 0, 1, 2])),
            "agent_replies": int(random.choice([0, 1, 1, 2, 5])),
            "updated_at": at,
            "is_spam": bool(random.random() < 0.1),
            "is_deleted": bool(random.random() < 0.05),
        }

    def issue(number: int) -> dict[str, Any]:
        at = moment()
        kind = pick(["bug", "bug", "story", "incident"])
        resolved = later(at, 0.02 if kind == "incident" else 5, 0.8)
        return {
            "issue_id": f"i{number}",
            "key": f"K-{number}",
            "team": pick(["one", "two"]),
            "type": kind,
            "priority": pick(["p0", "p1"]) if kind == "incident" else pick(["critical", "high", "low", None]),
            "status": "Done" if resolved else "Open",
            "status_category": "done" if resolved else "to_do",
            "created_at": at,
            "resolved_at": resolved,
            "updated_at": at,
            "story_points": pick([None, 1.0, 2.0, 3.0, 5.0]),
            "sprint_id": pick([None, *[f"sp{n}" for n in range(40)]]),
            "assignee_id": pick([None, "e1", "e2", "e3", "e4"]),
            "is_deleted": bool(random.random() < 0.05),
        }

    def opportunity(number: int) -> dict[str, Any]:
        at = moment()
        closed = random.random() < 0.8
        return {
            "opportunity_id": f"o{number}",
            "account_id": pick([*accounts, None]),
            "type": pick(["new", "upsell", "cross_sell", "renewal"]),
            "stage": "x",
            "amount": float(pick([100, 200, 500])),
            "acv": float(pick([100, 200, 500])),
            "currency": "USD",
            "is_closed": closed,
            "is_won": closed and bool(random.random() < 0.5),
            "created_at": at,
            "close_date": at.date() + timedelta(days=int(random.integers(0, 150))),
            "competitor": None,
            "owner_id": None,
            "updated_at": at,
            "is_deleted": bool(random.random() < 0.05),
        }

    def activity(number: int) -> dict[str, Any]:
        held = moment()
        return {
            "activity_id": f"v{number}",
            "opportunity_id": f"o{int(random.integers(0, 260))}" if random.random() < 0.8 else None,
            "lead_id": None,
            "account_id": None,
            "type": pick(["demo", "meeting", "call"]),
            "is_qualified": True,
            "booked_at": held,
            "occurred_at": held if random.random() < 0.9 else None,
            "status": pick(["held", "held", "planned", "cancelled"]),
        }

    def user(number: int) -> dict[str, Any]:
        at = moment()
        return {
            "user_id": users[number],
            "account_id": pick(accounts),
            "signed_up_at": at,
            "onboarded_at": at + timedelta(days=14) if number % 9 == 0 else later(at, 8, 0.7),
            "first_value_at": later(at, 10, 0.7),
        }

    def event(number: int) -> dict[str, Any]:
        return {
            "event_id": f"e{number}",
            "user_id": pick(users),
            "account_id": pick(accounts),
            "team_id": pick([None, "x", "y", "z"]),
            "event": "view",
            "feature": pick([None, "alerts", "reports", "api"]),
            "occurred_at": moment(),
        }

    def deployment(number: int) -> dict[str, Any]:
        at = moment()
        return {
            "deployment_id": f"d{number}",
            "service": pick(["api", "web"]),
            "environment": pick(["production", "production", "staging"]),
            "status": pick(["success", "success", "failed", "rolled_back"]),
            "merged_at": at - timedelta(seconds=int(random.integers(60, 90000))),
            "finished_at": at,
        }

    months = [pd.Timestamp(FIRST) + pd.DateOffset(months=number) for number in range(24)]
    ledger = [
        {"month": month.date(), "category": category, "amount": float(np.round(random.uniform(100, 9000), 2))}
        for month in months
        for category in (
            "marketing", "sales", "cogs", "research_and_development", "general_and_administrative",
            "depreciation_and_amortisation", "cash_inflow", "cash_outflow",
        )
        if random.random() < 0.97
    ]  # fmt: skip
    issues = rows(500, issue)
    sprints = pd.DataFrame(
        [
            {
                "sprint_id": f"sp{number}",
                "team": pick(["one", "two"]),
                "start_at": datetime(2024, 1, 1, 9) + timedelta(days=18 * number),
                "end_at": datetime(2024, 1, 12, 17) + timedelta(days=18 * number),
            }
            for number in range(40)
        ]
    )
    return {
        "crm.accounts": pd.DataFrame(
            [
                {
                    "account_id": name,
                    "name": name,
                    "tier": "pro",
                    "region": None,
                    "industry": None,
                    "created_at": datetime(2023, 1, 1),
                    "is_test": False,
                    "is_deleted": False,
                }
                for name in accounts
            ]
        ),
        "billing.subscriptions": rows(90, subscription),
        "billing.invoice_lines": rows(
            400,
            lambda number: {
                "invoice_line_id": f"l{number}",
                "invoice_id": f"n{number // 3}",
                "account_id": pick(accounts),
                "service_month": pick(months).date(),
                "amount": float(np.round(random.uniform(-50, 900), 2)),
                "billed_amount": float(np.round(random.uniform(100, 1000), 2)),
                "type": "base",
            },
        ),
        "finance.ledger": pd.DataFrame(ledger),
        "finance.cash_balance": pd.DataFrame(
            [
                {"date": FIRST + timedelta(days=n), "amount": float(np.round(random.uniform(1e4, 1e5), 2))}
                for n in range(DAYS)
                if random.random() < 0.9
            ]
        ),
        "finance.headcount": pd.DataFrame(
            [{"month": month.date(), "count": int(random.integers(20, 60))} for month in months]
        ),
        "crm.leads": rows(
            200,
            lambda number: {
                "lead_id": f"d{number}",
                "source": None,
                "created_at": (at := moment()),
                "mql_at": later(at, 20, 0.6),
                "sql_at": None,
                "converted_at": None,
                "account_id": None,
                "opportunity_id": None,
                "is_test": bool(random.random() < 0.05),
                "is_deleted": False,
            },
        ),
        "crm.opportunities": rows(260, opportunity),
        "crm.activities": rows(300, activity),
        "crm.account_events": rows(
            160,
            lambda number: {
                "account_id": pick(accounts),
                "event": pick(["flagged_at_risk", "flagged_at_risk", "risk_cleared", "onboarded"]),
                "occurred_at": moment(),
            },
        ).drop_duplicates(),
        "support.tickets": rows(500, ticket),
        "product.users": rows(120, user),
        "product.events": rows(2500, event),
        "tracker.issues": issues,
        "tracker.sprints": sprints,
        "tracker.deployments": rows(400, deployment),
        "tracker.reviews": rows(
            200,
            lambda number: {
                "change_id": f"c{number}",
                "opened_at": (at := moment()),
                "first_review_at": later(at, 0.5, 0.8),
            },
        ),
        "tracker.worklogs": rows(
            300,
            lambda number: {
                "worklog_id": f"w{number}",
                "issue_id": pick([*issues["issue_id"], "gone"]),
                "hours": float(pick([0.25, 1, 3.5])),
                "logged_on": day(),
            },
        ),
        "people.surveys": pd.DataFrame(
            [
                {
                    "survey": survey,
                    "respondent": f"r{wave}-{number}",
                    "score": float(random.integers(1, 11)),
                    "max_score": 10.0,
                    "answered_on": date(2024 + wave // 4, 1 + 3 * (wave % 4), 5),
                }
                for survey in ("employee_engagement", "engineering_satisfaction")
                for wave in range(8)
                for number in range(int(random.integers(3, 9)))
            ]
        ),
        "people.timesheets": pd.DataFrame(
            [
                {
                    "person": f"p{n}",
                    "month": month.date(),
                    "billable_hours": float(random.integers(60, 160)),
                    "available_hours": 160.0,
                }
                for n in range(4)
                for month in months
            ]
        ),
        "people.training": pd.DataFrame(
            [
                {"person": f"p{n}", "month": month.date(), "hours": float(random.integers(0, 9))}
                for n in range(4)
                for month in months
                if random.random() < 0.6
            ]
        ),
    }
