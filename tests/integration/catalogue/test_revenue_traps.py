"""The traps of KPIs 1 to 40, each a test by name over a few rows. Source: KPI catalogue, 'Traps to test per KPI'."""

# ruff: noqa: DTZ001  (instants of the neutral tables are UTC without a zone)

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from definitions.versions import definition_hashes
from pipelines.publishing.dictionary import dictionary_rows
from quality import run_staging_checks
from tests.integration.catalogue.published import CATALOGUE, Company

Row = dict[str, Any]
Make = Callable[..., Company]
Tables = dict[str, list[Row]]
STAGES = [
    {"stage": "Open", "is_closed": False, "is_won": False},
    {"stage": "Won", "is_closed": True, "is_won": True},
    {"stage": "Lost", "is_closed": True, "is_won": False},
]


@pytest.fixture
def company(tmp_path: Path) -> Make:
    def make(tables: Tables, *metrics: str, zone: str = "UTC", **more: Any) -> Company:
        raw = {name: pd.DataFrame(rows) for name, rows in {**tables, "crm.stages": STAGES}.items()}
        return Company(
            raw, zone, tmp_path, metrics, now=more.pop("now", datetime(2025, 6, 1, tzinfo=UTC)), **more
        )

    return make


def month(number: int, year: int = 2024) -> date:
    return date(year, number, 1)


def paid(account: str, start: str, end: str | None, amount: float, months: int = 1, **more: Any) -> Row:
    return {
        "subscription_id": f"{account}-{start}-{amount}", "account_id": account,
        "start_date": date.fromisoformat(start), "end_date": date.fromisoformat(end) if end else None,
        "amount": amount, "interval_months": months, "is_recurring": True, "plan": "p", **more,
    }  # fmt: skip


def account(name: str, **more: Any) -> Row:
    return {
        "account_id": name, "name": name, "tier": "pro", "region": None, "industry": None,
        "created_at": datetime(2023, 1, 1), "is_test": False, "is_deleted": False, **more,
    }  # fmt: skip


def deal(name: str, **more: Any) -> Row:
    stage = more.get("stage", "Won")
    return {
        "opportunity_id": name, "account_id": None, "type": "new", "stage": stage, "amount": 100.0, "acv": 100.0,
        "currency": "USD", "is_closed": stage != "Open", "is_won": stage == "Won",
        "created_at": datetime(2024, 1, 10, 9), "close_date": date(2024, 5, 15), "competitor": None,
        "owner_id": None, "updated_at": datetime(2024, 1, 10), "is_deleted": False, **more,
    }  # fmt: skip


def lead(name: str, at: datetime, **more: Any) -> Row:
    return {
        "lead_id": name, "source": None, "created_at": at, "mql_at": None, "sql_at": None, "converted_at": None,
        "account_id": None, "opportunity_id": None, "is_test": False, "is_deleted": False, **more,
    }  # fmt: skip


def demo(at: datetime | None, **more: Any) -> Row:
    return {
        "activity_id": f"v{at}{more}", "opportunity_id": None, "lead_id": None, "account_id": None, "type": "demo",
        "is_qualified": True, "booked_at": at, "occurred_at": at, "status": "held", **more,
    }  # fmt: skip


def line(account: str, first: date, amount: float, number: int = 0) -> Row:
    return {
        "invoice_line_id": f"{account}{first}{amount}{number}", "invoice_id": "i", "account_id": account,
        "service_month": first, "amount": amount, "billed_amount": abs(amount), "type": "base",
    }  # fmt: skip


def subscriptions(*rows: Row) -> Tables:
    return {"billing.subscriptions": list(rows)}


# ── recurring revenue ───────────────────────────────────────────────────────────────────────────────────────


def test_a_quarter_of_movements_is_the_sum_of_its_months_and_not_start_against_end(company: Make) -> None:
    made = company(
        subscriptions(
            paid("a", "2024-01-01", "2024-04-20", 50), paid("a", "2024-04-20", "2024-05-20", 150),
            paid("a", "2024-05-20", "2024-06-20", 20), paid("a", "2024-06-20", None, 60),
        ),
        "expansion_mrr", "contraction_mrr", "mrr",
    )  # fmt: skip
    second = date(2024, 4, 1)
    assert [made.value("expansion_mrr", month(n)) for n in (4, 5, 6)] == [100, 0, 40]
    assert made.value("expansion_mrr", second, "quarter") == 140
    assert made.value("contraction_mrr", second, "quarter") == 130
    assert made.value("mrr", second, "quarter") - made.value("mrr", month(1), "quarter") == 140 - 130


def test_an_upgrade_and_a_downgrade_within_a_month_are_set_off(company: Make) -> None:
    made = company(
        subscriptions(
            paid("a", "2024-01-01", "2024-05-05", 100), paid("a", "2024-05-05", "2024-05-20", 300),
            paid("a", "2024-05-20", None, 120),
        ),
        "expansion_mrr", "contraction_mrr",
    )  # fmt: skip
    assert made.value("expansion_mrr", month(5)) == 20
    assert made.value("contraction_mrr", month(5)) == 0


def test_an_account_churns_only_when_no_other_subscription_is_active(company: Make) -> None:
    made = company(
        subscriptions(
            paid("stays", "2024-01-01", None, 30), paid("stays", "2024-01-01", "2024-05-20", 60),
            paid("leaves", "2024-01-01", "2024-05-20", 60),
        ),
        "churned_mrr", "contraction_mrr", "customer_churn_rate", "customers", "lost_customers",
    )  # fmt: skip
    assert made.value("churned_mrr", month(5)) == 60
    assert made.value("contraction_mrr", month(5)) == 60
    assert made.value("customer_churn_rate", month(5)) == 0.5
    assert (made.value("customers", month(5)), made.value("lost_customers", month(5))) == (1, 1)


@pytest.mark.parametrize(
    ("start", "end", "of_may", "of_june"),
    [
        ("2024-05-31", None, 100, 100),
        ("2024-06-01", None, 0, 100),
        ("2024-01-01", "2024-05-31", 0, 0),
        ("2024-01-01", "2024-06-01", 100, 0),
        ("2024-05-31", "2024-05-31", 0, 0),
        ("2024-05-31", "2024-06-01", 100, 0),
    ],
)
def test_a_subscription_counts_on_the_last_day_of_the_period(
    company: Make, start: str, end: str | None, of_may: float, of_june: float
) -> None:
    made = company(subscriptions(paid("a", start, end, 1200, 12)), "mrr")
    assert [made.value("mrr", month(n)) for n in (5, 6)] == [of_may, of_june]


def test_who_comes_back_is_reactivated_and_not_new(company: Make) -> None:
    made = company(
        subscriptions(paid("a", "2024-01-10", "2024-03-10", 80), paid("a", "2024-06-30", None, 90)),
        "new_mrr", "churned_mrr", "reactivation_mrr", "new_customers", "returned_customers",
    )  # fmt: skip
    assert made.value("new_mrr", month(1)) == 80
    assert made.value("churned_mrr", month(3)) == 80
    assert (made.value("reactivation_mrr", month(6)), made.value("new_mrr", month(6))) == (90, 0)
    assert (made.value("new_customers", month(6)), made.value("returned_customers", month(6))) == (0, 1)


def test_who_comes_and_goes_within_a_month_is_a_new_customer_and_a_lost_one(company: Make) -> None:
    made = company(
        subscriptions(paid("a", "2024-05-05", "2024-05-25", 80), paid("a", "2024-08-01", None, 80)),
        "new_customers", "lost_customers", "customers", "new_mrr", "reactivation_mrr", "net_new_customers",
    )  # fmt: skip
    assert [
        made.value(name, month(5)) for name in ("new_customers", "lost_customers", "net_new_customers")
    ] == [1, 1, 0]
    assert made.totals["new_customers", "day", date(2024, 5, 5)]["value"] == 1
    assert (made.value("new_mrr", month(5)), made.value("reactivation_mrr", month(8))) == (0, 80)
    assert made.value("new_customers", month(8)) == 0


def test_free_one_time_and_fully_credited_accounts_are_no_customers(company: Make) -> None:
    made = company(
        subscriptions(
            paid("free", "2024-01-01", None, 0), paid("once", "2024-01-01", None, 900, is_recurring=False),
            paid("credited", "2024-01-01", None, 50), paid("credited", "2024-01-01", "2024-06-10", -50),
        ),
        "customers", "new_customers", "mrr", "new_mrr",
    )  # fmt: skip
    assert [made.value("customers", month(n)) for n in (5, 6)] == [0, 1]
    assert made.value("new_customers", month(6)) == 1
    assert made.value("new_mrr", month(6)) == made.value("mrr", month(6)) == 50


def test_retention_of_revenue_is_of_the_cohort_of_twelve_months_ago(company: Make) -> None:
    made = company(
        subscriptions(
            paid("grew", "2023-01-01", "2024-02-10", 100), paid("grew", "2024-02-10", None, 160),
            paid("left", "2023-01-01", "2024-05-01", 100), paid("since", "2023-06-01", None, 999),
            paid("paused", "2023-01-01", "2023-09-01", 100), paid("paused", "2024-03-01", None, 70),
        ),
        "net_revenue_retention",
    )  # fmt: skip
    assert made.value("net_revenue_retention", month(5)) == pytest.approx((160 + 0 + 70) / 300)


def test_a_cohort_of_a_leap_day_is_read_a_year_later(company: Make) -> None:
    rows = [paid("a", "2024-02-29", "2025-02-28", 100), paid("b", "2024-02-01", "2025-03-01", 100)]
    made = company(
        subscriptions(*rows, paid("c", "2024-01-01", "2024-02-29", 100)),
        "net_revenue_retention", last=date(2025, 2, 28),
    )  # fmt: skip
    assert made.value("net_revenue_retention", month(2, 2025)) == pytest.approx(0.5)


@pytest.mark.parametrize(("other", "passed"), [("USD", True), ("EUR", False)])
def test_amounts_of_several_currencies_are_never_added_unsaid(
    company: Make, other: str, passed: bool
) -> None:
    """Staging converts them, at the rate of the close date; where it did not, the check says so and for which KPIs."""
    made = company({"crm.opportunities": [deal("a"), deal("b", currency=other)]}, "bookings")
    results = run_staging_checks(
        made.catalogue,
        made.warehouse.query,
        now=datetime(2025, 6, 1, tzinfo=UTC),
        tables=["crm.opportunities"],
    )
    (found,) = [result for result in results if result.check_id == "crm.opportunities.one_currency"]
    assert (found.passed, str(found.severity)) == (passed, "warn")
    assert "bookings" in found.metric_ids


# ── revenue, unit economics, cash ───────────────────────────────────────────────────────────────────────────


def test_a_refund_is_taken_off_the_month_whose_service_it_is_about(company: Make) -> None:
    lines = [line("a", month(4), 500), line("a", month(5), 300), line("a", month(4), -120.5)]
    made = company({"billing.invoice_lines": lines}, "revenue")
    assert [made.value("revenue", month(n)) for n in (4, 5)] == [379.5, 300]
    assert made.totals["revenue", "month", month(6)]["value_state"] == "no_data"


def test_lifetime_value_has_none_without_churn_and_sixty_months_at_most(company: Make) -> None:
    kept = [paid(f"a{n}", "2023-01-01", None, 10) for n in range(99)]
    made = company(
        {
            "billing.subscriptions": [*kept, paid("left", "2023-01-01", "2024-05-05", 10)],
            "billing.invoice_lines": [line("a1", month(4), 990), line("a1", month(5), 990)],
        },
        "ltv", "customer_churn_rate", "arpc",
    )  # fmt: skip
    april = made.totals["ltv", "month", month(4)]
    assert (april["value"], april["value_state"], april["state_reason"]) == (
        None,
        "no_data",
        "no customer left",
    )
    assert made.value("customer_churn_rate", month(5)) == 0.01
    assert made.value("ltv", month(5)) == pytest.approx(60 * 990 / 99)


def cash(category: str, number: int, amount: float) -> Row:
    return {"month": month(number), "category": category, "amount": amount}


def test_a_runway_is_of_the_mean_net_burn_of_three_months_and_says_when_nothing_burns(company: Make) -> None:
    ledger = [cash("cash_outflow", n, 100) for n in range(1, 9)] + [
        cash("cash_inflow", n, 400) for n in (6, 7, 8)
    ]
    made = company(
        {
            "finance.ledger": ledger,
            "finance.cash_balance": [{"date": date(2024, n, 30), "amount": 600} for n in (3, 6)],
        },
        "runway_months", "net_burn", "burn_rate",
    )  # fmt: skip
    assert made.value("runway_months", month(3)) == 6
    assert made.value("runway_months", month(5)) == 6  # the newest balance that is known, months later too
    assert (made.value("burn_rate", month(6)), made.value("net_burn", month(6))) == (100, -300)
    assert made.totals["runway_months", "month", month(2)]["value_state"] == "no_data"
    june = made.totals["runway_months", "month", month(6)]
    assert (june["value"], june["value_state"], june["state_reason"]) == (None, "no_data", "not burning")


def test_the_rule_of_forty_is_of_quarters(company: Make) -> None:
    lines = [line("a", date(2023, n, 1), 100) for n in (4, 5, 6)] + [
        line("a", month(n), 110) for n in (4, 5, 6)
    ]
    ledger = [cash("cogs", n, 22) for n in (4, 5, 6)] + [cash("sales", n, 44) for n in (4, 5, 6)]
    ledger += [cash("depreciation_and_amortisation", n, 50) for n in (4, 5, 6)]
    made = company({"billing.invoice_lines": lines, "finance.ledger": ledger}, "rule_of_40", "ebitda_margin")
    assert made.value("rule_of_40", month(4), "quarter") == pytest.approx(0.1 + 0.4)


def test_revenue_per_employee_is_of_twelve_months_and_their_mean_headcount(company: Make) -> None:
    months = [d.date() for d in pd.date_range("2023-01-01", "2024-12-01", freq="MS")]
    made = company(
        {
            "billing.invoice_lines": [line("a", first, 100 if first.year == 2023 else 200) for first in months],
            "finance.headcount": [{"month": first, "count": 10 if first.year == 2023 else 20} for first in months],
        },
        "revenue_per_employee",
    )  # fmt: skip
    halfway = (6 * 100 + 6 * 200) / ((6 * 10 + 6 * 20) / 12)
    assert made.value("revenue_per_employee", month(4), "quarter") == pytest.approx(halfway)
    assert made.value("revenue_per_employee", month(10), "quarter") == pytest.approx(2400 / 20)


def test_a_client_is_retained_by_a_second_win_within_twenty_four_months(company: Make) -> None:
    won = {"a": ["2022-07-01", "2024-06-30"], "b": ["2022-06-30", "2024-06-30"], "c": ["2024-05-01"]}
    deals = [
        deal(f"{name}{day}", account_id=name, close_date=date.fromisoformat(day))
        for name in won
        for day in won[name]
    ]
    made = company({"crm.opportunities": deals}, "client_retention", "engaged_clients", "repeat_clients")
    assert made.value("engaged_clients", month(4), "quarter") == 3
    assert made.value("repeat_clients", month(4), "quarter") == 1
    assert made.value("client_retention", month(4), "quarter") == pytest.approx(1 / 3)


# ── deals ───────────────────────────────────────────────────────────────────────────────────────────────────


def change(name: str, at: datetime, field: str, old: str | None, new: str | None) -> Row:
    return {"opportunity_id": name, "changed_at": at, "field": field, "old": old, "new": new}


def test_the_pipeline_of_a_past_month_does_not_change_when_a_deal_moves_today(company: Make) -> None:
    before = [change("o", datetime(2024, 3, 5), "amount", "40", "60")]
    after = [
        change("o", datetime(2024, 9, 2), "stage", "Won", "Open"),  # reopened
        change("o", datetime(2024, 8, 1), "stage", "Open", "Won"),
        change("o", datetime(2024, 9, 2), "amount", "60", "500"),  # of the same instant
        *before,
    ]
    early = company(
        {"crm.opportunities": [deal("o", stage="Open", amount=60.0)], "crm.opportunity_history": before},
        "pipeline_value",
    )
    known = {n: early.value("pipeline_value", month(n)) for n in range(1, 8)}
    early.warehouse.close()
    late = company(
        {"crm.opportunities": [deal("o", stage="Open", amount=500.0)], "crm.opportunity_history": after},
        "pipeline_value",
    )
    assert {n: late.value("pipeline_value", month(n)) for n in range(1, 8)} == known
    assert known == {1: 40, 2: 40} | dict.fromkeys(range(3, 8), 60)
    assert [late.value("pipeline_value", month(n)) for n in (8, 9)] == [0, 500]


def test_a_win_rate_is_by_count_and_its_variant_by_value(company: Make) -> None:
    deals = [
        deal("small", amount=10.0), deal("large", amount=90.0, stage="Lost"), deal("unknown", amount=None),
        deal("open", stage="Open"), deal("gone", is_deleted=True),
    ]  # fmt: skip
    made = company(
        {"crm.opportunities": deals}, "win_rate", "win_rate_value", "average_contract_value", "bookings"
    )
    assert made.value("win_rate", month(5)) == pytest.approx(2 / 3)
    assert made.value("win_rate_value", month(5)) == pytest.approx(0.1)


def test_what_was_booked_is_the_contract_value_times_the_deals(company: Make) -> None:
    deals = [deal("a", acv=300.0), deal("b", acv=None), deal("c", acv=0.0), deal("l", stage="Lost")]
    made = company({"crm.opportunities": deals}, "average_contract_value", "bookings")
    assert (made.value("bookings", month(5)), made.value("average_contract_value", month(5))) == (300, 100)


def test_a_sales_cycle_is_in_days_of_the_companys_zone(company: Make) -> None:
    late = datetime(2024, 5, 2, 2, 30)  # still May 1st in New York
    tables: Tables = {"crm.opportunities": [deal("o", created_at=late, close_date=date(2024, 5, 15))]}
    assert (
        company(tables, "sales_cycle_days", zone="America/New_York").value("sales_cycle_days", month(5)) == 14
    )


def test_a_deal_without_a_competitor_is_no_competitive_win(company: Make) -> None:
    deals = [deal("a", competitor="Rival"), deal("b"), deal("c", competitor="")]
    made = company({"crm.opportunities": deals}, "competitive_wins")
    assert made.value("competitive_wins", month(5)) == 1


# ── leads and demos ─────────────────────────────────────────────────────────────────────────────────────────

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("after", "status", "share"),
    [
        (timedelta(0), "held", 1),
        (-timedelta(seconds=1), "held", 0),
        (timedelta(days=60), "held", 1),
        (timedelta(days=60, seconds=1), "held", 0),
        (HOUR, "cancelled", 0),
        (HOUR, "planned", 0),
    ],
)
def test_a_lead_has_its_demo_within_sixty_days(
    company: Make, after: timedelta, status: str, share: float
) -> None:
    at = datetime(2024, 2, 20, 9)
    rows = {"crm.leads": [lead("l", at)], "crm.activities": [demo(at + after, lead_id="l", status=status)]}
    assert company(rows, "lead_to_demo_rate").value("lead_to_demo_rate", month(2)) == share


@pytest.mark.parametrize(("days", "share"), [(-1, 0), (0, 1), (120, 1), (121, 0)])
def test_a_demo_wins_within_a_hundred_and_twenty_days(company: Make, days: int, share: float) -> None:
    at = datetime(2024, 2, 20, 18)
    rows = {
        "crm.opportunities": [deal("o", close_date=at.date() + timedelta(days=days)), deal("gone", is_deleted=True)],
        "crm.activities": [
            demo(at, opportunity_id="o"), demo(at - HOUR, opportunity_id="o", status="cancelled"),
            demo(at + 5 * HOUR, opportunity_id="o"), demo(at, opportunity_id="gone"),
        ],
    }  # fmt: skip
    assert company(rows, "demo_to_won_rate").value("demo_to_won_rate", month(2)) == share


@pytest.mark.parametrize(("metric", "days"), [("lead_to_demo_rate", 60), ("demo_to_won_rate", 120)])
def test_a_cohort_is_provisional_until_its_window_has_closed(company: Make, metric: str, days: int) -> None:
    at = datetime(2024, 2, 20, 9)
    rows: Tables = {
        "crm.leads": [lead("l", at)], "crm.opportunities": [deal("o")],
        "crm.activities": [demo(at, opportunity_id="o", lead_id="l")],
    }  # fmt: skip
    made = company(rows, metric)
    closes = datetime(2024, 2, 29, 12, tzinfo=UTC) + timedelta(days=days)

    def state(now: datetime) -> tuple[str, str | None]:
        row = next(r for r in made.published(now) if (r["grain"], r["period_start"]) == ("month", month(2)))
        return row["value_state"], row["state_reason"]

    assert state(closes) == ("provisional", f"windows close on {closes.date()}")
    assert state(closes + timedelta(days=1)) == ("final", None)
    version = next(row for row in DICTIONARY.versions if row.metric_id == metric)
    assert version.restatement_days == days


DICTIONARY = dictionary_rows(
    CATALOGUE, definition_hashes(CATALOGUE), first=date(2024, 1, 1), last=date(2024, 12, 31)
)


@pytest.mark.parametrize(
    ("at", "zone", "first"),
    [
        (datetime(2024, 5, 1, 3, 59, 59), "America/New_York", month(4)),
        (datetime(2024, 5, 1, 4), "America/New_York", month(5)),
        (datetime(2024, 4, 30, 14), "Australia/Sydney", month(5)),
        (datetime(2024, 4, 30, 13, 59, 59), "Australia/Sydney", month(4)),
        (datetime(2024, 3, 31, 22), "Europe/Berlin", month(4)),  # an hour less since that morning
        (datetime(2024, 3, 31, 21, 59, 59), "Europe/Berlin", month(3)),
    ],
)
def test_a_lead_is_of_the_month_of_the_companys_zone(
    company: Make, at: datetime, zone: str, first: date
) -> None:
    made = company({"crm.leads": [lead("l", at, mql_at=at)]}, "leads_created", "mqls", zone=zone)
    assert [made.value(name, first) for name in ("leads_created", "mqls")] == [1, 1]
    assert sum(made.value("leads_created", month(n)) for n in range(1, 13)) == 1


# ── all of them ─────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_of_test_accounts_or_deleted_counts_nowhere(company: Make) -> None:
    at = datetime(2024, 5, 6)
    rows: Tables = {
        "crm.accounts": [account("real"), account("test", is_test=True)],
        "billing.subscriptions": [paid("real", "2024-05-01", None, 10), paid("test", "2024-05-01", None, 1000)],
        "billing.invoice_lines": [line("real", month(5), 10), line("test", month(5), 1000)],
        "crm.opportunities": [
            deal("r", account_id="real"), deal("t", account_id="test"), deal("d", is_deleted=True),
            deal("p", account_id="test", stage="Open"), deal("q", account_id="real", stage="Open"),
        ],
        "crm.leads": [lead("r", at), lead("t", at, is_test=True), lead("d", at, is_deleted=True)],
    }  # fmt: skip
    names = (
        "mrr",
        "new_mrr",
        "customers",
        "new_customers",
        "revenue",
        "bookings",
        "pipeline_value",
        "leads_created",
    )
    made = company(rows, *names)
    assert [made.value(name, month(5)) for name in names] == [10, 10, 1, 1, 10, 100, 100, 1]


def test_what_no_account_of_the_crm_stands_behind_still_counts(company: Make) -> None:
    made = company(
        {"crm.accounts": [account("known")], **subscriptions(paid("unknown", "2024-05-01", None, 10))}, "mrr"
    )
    assert made.value("mrr", month(5)) == 10
    assert made.segments("mrr", "month", "tier")["(unknown)", month(5)] == 10


def test_no_least_sample_is_asked_where_the_catalogue_names_none() -> None:
    named = {"csat": 20, "nps": 30, "employee_engagement": 5, "engineering_satisfaction": 5}
    found = {
        name: metric.minimum_sample for name, metric in CATALOGUE.metrics.items() if metric.minimum_sample
    }
    assert found == named


def test_medians_ratios_and_states_say_how_they_roll_up() -> None:
    names = ("sales_cycle_days", "win_rate", "mrr", "customers", "new_mrr", "lead_to_demo_rate", "ltv")
    rolls = [CATALOGUE.metrics[name].aggregation for name in names]
    assert rolls == ["none", "ratio", "last", "last", "sum", "ratio", "none"]


def test_an_empty_denominator_is_no_data(company: Make) -> None:
    names = ("win_rate", "lead_to_demo_rate", "roas", "customer_churn_rate", "lead_capture_rate")
    tables: Tables = {
        "marketing.ads_daily": [{"date": date(2024, 5, 5), "spend": 0, "attributed_revenue": 5}],
        "marketing.web_daily": [{"date": date(2024, 5, 5), "visitors": 0, "sessions": 0, "bounces": 0}],
        "crm.leads": [lead("l", datetime(2024, 6, 6))],
    }
    made = company(tables, *names)
    for name in names:
        row = made.totals[name, "month", month(5)]
        assert (row["value"], row["value_state"]) == (None, "no_data"), name
