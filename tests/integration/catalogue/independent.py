"""The KPIs once more, in plain pandas, from the formulas of the KPI catalogue; nothing here knows the dictionary.

Each function takes the raw tables and one month (its first and last day) and returns the value, or None for no data.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
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


def middle(seconds: pd.Series[Any]) -> float | None:
    return float(seconds.median()) if len(seconds) else None


def seconds(frame: pd.DataFrame, start: str, end: str) -> pd.Series[float]:
    return (pd.to_datetime(frame[end]) - pd.to_datetime(frame[start])).dt.total_seconds()


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


def feature_adoption(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["product.events"]
    frame = frame[within(frame["occurred_at"], first, last)]
    return over(frame[frame["feature"].notna()]["user_id"].nunique(), frame["user_id"].nunique())


def time_to_value(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["product.users"]
    frame = frame[within(frame["signed_up_at"], first, last) & frame["first_value_at"].notna()]
    return middle(seconds(frame, "signed_up_at", "first_value_at"))


def activation_rate(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["product.users"]
    frame = frame[within(frame["signed_up_at"], first, last)]
    quick = seconds(frame, "signed_up_at", "onboarded_at") <= 14 * 86400
    return over(quick.sum(), len(frame))


def day_30_retention(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["product.users"]
    frame = frame[within(frame["signed_up_at"], first, last)]
    events = tables["product.events"]
    back_again = 0
    for row in frame.itertuples():
        joined = row.signed_up_at.date()
        mine = events[events["user_id"] == row.user_id]
        back_again += bool(within(mine["occurred_at"], joined + timedelta(28), joined + timedelta(34)).any())
    return over(back_again, len(frame))


def _tickets(tables: Tables) -> pd.DataFrame:
    frame = tables["support.tickets"]
    return frame[~frame["is_spam"] & ~frame["is_deleted"]]


def resolution_rate(tables: Tables, first: date, last: date) -> float | None:
    frame = _tickets(tables)
    return over(within(frame["solved_at"], first, last).sum(), within(frame["created_at"], first, last).sum())


def first_contact_resolution(tables: Tables, first: date, last: date) -> float | None:
    frame = _tickets(tables)
    frame = frame[within(frame["solved_at"], first, last)]
    return over(((frame["agent_replies"] <= 1) & (frame["reopens"] == 0)).sum(), len(frame))


def at_risk_accounts(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["crm.account_events"]
    frame = frame[pd.to_datetime(frame["occurred_at"]) < pd.Timestamp(last) + pd.Timedelta(days=1)]
    frame = frame[frame["event"].isin(["flagged_at_risk", "risk_cleared"])].sort_values("occurred_at")
    newest = frame.groupby("account_id")["event"].last()
    return float((newest == "flagged_at_risk").sum())


def save_rate(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["crm.account_events"]
    frame = frame[frame["event"] == "flagged_at_risk"]
    judged = pd.to_datetime(frame["occurred_at"]) + pd.Timedelta(days=90)
    accounts = set(frame[within(judged, first, last)]["account_id"])
    return over(len(accounts & set(mrr_by_account(tables, last))), len(accounts))


def _issues(tables: Tables) -> pd.DataFrame:
    frame = tables["tracker.issues"]
    return frame[~frame["is_deleted"]]


def bug_sla_met(tables: Tables, first: date, last: date) -> float | None:
    frame = _issues(tables)
    frame = frame[(frame["type"] == "bug") & (frame["priority"] == "critical")]
    due = frame["created_at"] + pd.Timedelta(hours=120)
    frame = frame[within(due, first, last)]
    return over((seconds(frame, "created_at", "resolved_at") <= 120 * 3600).sum(), len(frame))


def deployment_frequency(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["tracker.deployments"]
    days = pd.to_datetime(frame["finished_at"]).dt.date
    start, end = max(first, days.min()), min(last, days.max())
    done = frame[(frame["environment"] == "production") & (frame["status"] == "success")]
    return over(within(done["finished_at"], first, last).sum(), ((end - start).days + 1) / 7)


def deploy_lead_time(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["tracker.deployments"]
    frame = frame[(frame["environment"] == "production") & (frame["status"] == "success")]
    return middle(seconds(frame[within(frame["finished_at"], first, last)], "merged_at", "finished_at"))


def p0_over_30_min(tables: Tables, first: date, last: date) -> float | None:
    frame = _issues(tables)
    frame = frame[(frame["type"] == "incident") & (frame["priority"] == "p0")]
    frame = frame[within(frame["created_at"], first, last)]
    lasted = seconds(frame, "created_at", "resolved_at")
    return float((frame["resolved_at"].isna() | (lasted > 1800)).sum())


def points_per_engineer_sprint(tables: Tables, first: date, last: date) -> float | None:
    frame = _issues(tables).merge(tables["tracker.sprints"], on="sprint_id", suffixes=("", "_sprint"))
    frame = frame[within(frame["end_at"], first, last)]
    done = frame[frame["resolved_at"] <= frame["end_at"]]
    pairs = frame.dropna(subset=["assignee_id"])[["sprint_id", "assignee_id"]].drop_duplicates()
    if done.empty:
        return over(0, len(pairs))  # a sprint without anything done has no points, which is a number
    points = done["story_points"].dropna()
    return over(float(points.sum()) if len(points) else None, len(pairs))


def review_turnaround(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["tracker.reviews"]
    frame = frame[within(frame["opened_at"], first, last) & frame["first_review_at"].notna()]
    return middle(seconds(frame, "opened_at", "first_review_at"))


def bug_fix_cost(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["tracker.worklogs"].merge(_issues(tables)[["issue_id", "type"]], on="issue_id")
    frame = frame[within(frame["logged_on"], first, last) & (frame["type"] == "bug")]
    return float(frame["hours"].sum() * 95) if len(frame) else None


def utilization(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["people.timesheets"]
    frame = frame[within(frame["month"], first, last)]
    return over(total(frame, "billable_hours"), total(frame, "available_hours"))


def realization(tables: Tables, first: date, last: date) -> float | None:
    frame = tables["billing.invoice_lines"]
    frame = frame[within(frame["service_month"], first, last)]
    return over(total(frame, "amount"), total(frame, "billed_amount"))


def training_hours(tables: Tables, first: date, last: date) -> float | None:
    frame, heads = tables["people.training"], tables["finance.headcount"]
    frame = frame[within(frame["month"], first, last)]
    return over(total(frame, "hours"), total(heads[within(heads["month"], first, last)], "count"))


MONTHLY: dict[str, Kpi] = {
    kpi.__name__: kpi
    for kpi in (
        net_revenue_retention, gross_margin, ebitda_margin, burn_rate, runway_months, mqls, demo_to_won_rate,
        upsell_opportunities, cross_sell_conversion, feature_adoption, time_to_value, activation_rate,
        day_30_retention, resolution_rate, first_contact_resolution, at_risk_accounts, save_rate, bug_sla_met,
        deployment_frequency, deploy_lead_time, p0_over_30_min, points_per_engineer_sprint, review_turnaround,
        bug_fix_cost, utilization, realization, training_hours,
    )
}  # fmt: skip
