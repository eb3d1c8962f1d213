"""KPIs 41 to 74 of the catalogue and what stands beside them, in plain pandas over raw tables; nothing here knows the
dictionary.

A function takes the facts and a period and returns the value: None is no data, `WITHHELD` too small a sample. Source:
KPI catalogue, rows 41 to 74: `P = [start, end)` in the company's zone, E the period's end; test, deleted and spam rows
are out, with what belongs to them. A stock at a day (m(a,E), headcount) is that of the period's last day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

WITHHELD = "withheld"
Value = float | None | str
SLA_HOURS, RATE, SCALE = 120, 95, 5
"""What the catalogue leaves to the company: hours that a critical bug may take, an hour of work, a survey's scale."""


@dataclass(frozen=True)
class Period:
    """From the first to the last day, in a zone."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def start(self) -> pd.Timestamp:
        return self._midnight(self.first)

    @property
    def end(self) -> pd.Timestamp:
        return self._midnight(self.last + timedelta(days=1))

    def _midnight(self, day: date) -> pd.Timestamp:
        """The instant at which a local day begins, in UTC."""
        local = datetime.combine(day, time(), tzinfo=self.zone)
        return pd.Timestamp(local.astimezone(ZoneInfo("UTC")).replace(tzinfo=None))

    @property
    def days(self) -> Iterator[Period]:
        for offset in range((self.last - self.first).days + 1):
            day = self.first + timedelta(days=offset)
            yield Period(day, day, self.zone)

    def back(self, days: int) -> Period:
        return Period(self.first - timedelta(days=days), self.last - timedelta(days=days), self.zone)


@dataclass(frozen=True)
class History:
    """What an issue was at any instant, by its changes in the order in which they were made."""

    created: pd.Timestamp
    first: dict[str, Any]
    changes: list[tuple[pd.Timestamp, str, Any]]

    def at(self, instant: pd.Timestamp) -> dict[str, Any] | None:
        """Field values just before an instant; None before the issue is created."""
        if self.created >= instant:
            return None
        now = dict(self.first)
        for moment, field, value in self.changes:
            if moment < instant:
                now[field] = value
        return now


@dataclass(frozen=True)
class Facts:
    """Raw tables without what is deleted, spam or of test accounts."""

    tables: dict[str, pd.DataFrame]
    zone: ZoneInfo

    @cached_property
    def live(self) -> dict[str, pd.DataFrame]:
        accounts = self.tables["crm.accounts"]
        test = set(accounts[accounts["is_test"]]["account_id"])
        found = {}
        for name, frame in self.tables.items():
            for flag in ("is_deleted", "is_spam"):
                if flag in frame.columns:
                    frame = frame[~frame[flag]]
            if "account_id" in frame.columns:
                frame = frame[~frame["account_id"].isin(test)]
            found[name] = frame
        tickets = self.tables["support.tickets"]
        gone = set(tickets[tickets["is_spam"] | tickets["is_deleted"]]["ticket_id"])
        ratings = found["support.satisfaction_ratings"]
        found["support.satisfaction_ratings"] = ratings[~ratings["ticket_id"].isin(gone)]
        return found

    def rows(self, table: str, column: str, period: Period) -> pd.DataFrame:
        """Rows whose instant, or day, is in the period."""
        frame = self.live[table]
        at = pd.to_datetime(frame[column])
        is_day = column in ("logged_on", "answered_on", "month", "service_month", "start_date")
        low = pd.Timestamp(period.first) if is_day else period.start
        high = pd.Timestamp(period.last + timedelta(days=1)) if is_day else period.end
        return frame[(at >= low) & (at < high)]

    def local_days(self, column: pd.Series[Any]) -> pd.Series[Any]:
        return pd.to_datetime(column).dt.tz_localize("UTC").dt.tz_convert(self.zone).dt.date

    @cached_property
    def categories(self) -> dict[str, str]:
        frame = self.tables["tracker.statuses"]
        return dict(zip(frame["status"], frame["status_category"], strict=True))

    @cached_property
    def histories(self) -> dict[str, History]:
        log = self.tables["tracker.issue_changelog"]
        log = log.assign(number=log["change_id"].astype(int)).sort_values(["changed_at", "number"])
        by_issue = dict(iter(log.groupby("issue_id", sort=False)))
        found = {}
        for issue in each(self.live["tracker.issues"]):
            now = {"status": issue.status, "priority": issue.priority, "type": issue.type}
            changes: list[tuple[pd.Timestamp, str, Any]] = []
            mine = by_issue.get(issue.issue_id)
            for row in each(mine) if mine is not None else ():
                changes.append((pd.Timestamp(row.changed_at), str(row.field), row.new))
            for field in now:
                own = mine[mine["field"] == field] if mine is not None else log[:0]
                if len(own):
                    now[field] = own["old"].iloc[0]
                elif (
                    field == "status"
                    and self.categories[now["status"]] == "done"
                    and not pd.isna(issue.resolved_at)
                ):
                    changes.append((pd.Timestamp(issue.resolved_at), "status", now["status"]))
                    now["status"] = "To Do"
            found[issue.issue_id] = History(pd.Timestamp(issue.created_at), now, changes)
        return found

    def states(self, period: Period) -> list[dict[str, Any]]:
        """All issues as they were at the end of the period."""
        at_end = (history.at(period.end) for history in self.histories.values())
        return [
            state | {"category": self.categories[state["status"]]} for state in at_end if state is not None
        ]

    @cached_property
    def flow(self) -> pd.DataFrame:
        """First instant in progress and first instant done, by issue."""
        found = []
        for history in self.histories.values():
            steps = [(history.created, history.first["status"])]
            steps += [
                (max(m, history.created), value) for m, field, value in history.changes if field == "status"
            ]
            firsts = {
                category: min(
                    (m for m, status in steps if self.categories[status] == category), default=pd.NaT
                )
                for category in ("in_progress", "done")
            }
            found.append(firsts)
        return pd.DataFrame(found)

    def pays(self, account: str, day: date) -> bool:
        """m(a, day) > 0."""
        total = 0.0
        for row in each(self.live["billing.subscriptions"]):
            ended = not pd.isna(row.end_date) and row.end_date <= day
            if row.account_id == account and row.is_recurring and row.start_date <= day and not ended:
                total += float(row.amount) / row.interval_months
        return total > 0


Kpi = Callable[[Facts, Period], Value]


def each(frame: pd.DataFrame) -> list[Any]:
    return list(frame.itertuples())


def over(above: Any, below: Any) -> float | None:
    return None if pd.isna(above) or pd.isna(below) or below == 0 else float(above) / float(below)


def seconds(frame: pd.DataFrame, start: str, end: str) -> pd.Series[Any]:
    return (pd.to_datetime(frame[end]) - pd.to_datetime(frame[start])).dt.total_seconds()


def median(values: pd.Series[Any]) -> float | None:
    return float(values.median()) if values.notna().any() else None


def total(frame: pd.DataFrame, column: str) -> float | None:
    return float(frame[column].sum()) if len(frame) else None


def at_least(least: int, size: int, value: float | None) -> Value:
    return WITHHELD if 0 < size < least else value


# ── product (41 to 47) ──────────────────────────────────────────────────────────────────────────────────────


def dau(facts: Facts, period: Period) -> Value:
    counts = [facts.rows("product.events", "occurred_at", day)["user_id"].nunique() for day in period.days]
    return sum(counts) / len(counts)


def mau(facts: Facts, period: Period) -> Value:
    return float(facts.rows("product.events", "occurred_at", period)["user_id"].nunique())


def weekly_active_teams(facts: Facts, period: Period) -> Value:
    return float(facts.rows("product.events", "occurred_at", period)["team_id"].nunique())


def dau_mau(facts: Facts, period: Period) -> Value:
    return over(dau(facts, period), mau(facts, period))


def feature_adoption(facts: Facts, period: Period) -> Value:
    frame = facts.rows("product.events", "occurred_at", period)
    return over(frame[frame["feature"].notna()]["user_id"].nunique(), frame["user_id"].nunique())


def time_to_value(facts: Facts, period: Period) -> Value:
    return median(
        seconds(facts.rows("product.users", "signed_up_at", period), "signed_up_at", "first_value_at")
    )


def value_not_reached(facts: Facts, period: Period) -> Value:
    frame = facts.rows("product.users", "signed_up_at", period)
    return over(frame["first_value_at"].isna().sum(), len(frame))


def activation_rate(facts: Facts, period: Period) -> Value:
    frame = facts.rows("product.users", "signed_up_at", period)
    return over((seconds(frame, "signed_up_at", "onboarded_at") <= 14 * 86400).sum(), len(frame))


def day_30_retention(facts: Facts, period: Period) -> Value:
    cohort = facts.rows("product.users", "signed_up_at", period)
    events = facts.live["product.events"]
    events = events[events["user_id"].isin(set(cohort["user_id"]))]
    days = facts.local_days(events["occurred_at"]).groupby(events["user_id"]).unique().to_dict()
    returned = 0
    for user, joined in zip(cohort["user_id"], facts.local_days(cohort["signed_up_at"]), strict=True):
        returned += any(28 <= (day - joined).days <= 34 for day in days.get(user, ()))
    return over(returned, len(cohort))


def new_teams(facts: Facts, period: Period) -> Value:
    events = facts.live["product.events"]
    firsts = pd.to_datetime(events.dropna(subset=["team_id"]).groupby("team_id")["occurred_at"].min())
    return float(((firsts >= period.start) & (firsts < period.end)).sum())


def accounts_onboarded(facts: Facts, period: Period) -> Value:
    frame = facts.rows("crm.account_events", "occurred_at", period)
    return float(frame[frame["event"] == "onboarded"]["account_id"].nunique())


def inviting_teams(facts: Facts, period: Period) -> Value:
    frame = facts.rows("product.events", "occurred_at", period)
    return float(frame[frame["event"] == "invite"]["team_id"].nunique())


def features_per_team(facts: Facts, period: Period) -> Value:
    frame = facts.rows("product.events", "occurred_at", period).dropna(subset=["team_id"])
    pairs = frame.dropna(subset=["feature"])[["team_id", "feature"]].drop_duplicates()
    return over(len(pairs), frame["team_id"].nunique())


def paid_plan_teams(facts: Facts, period: Period) -> Value:
    accounts = facts.tables["crm.accounts"]  # what an account did stays when it is deleted later
    paying = set(accounts[accounts["tier"] != "free"]["account_id"])
    frame = facts.rows("product.events", "occurred_at", period)
    return float(frame[frame["account_id"].isin(paying)]["team_id"].nunique())


# ── support and customers (48 to 56) ────────────────────────────────────────────────────────────────────────


def ticket_volume(facts: Facts, period: Period) -> Value:
    return float(len(facts.rows("support.tickets", "created_at", period)))


def first_response_time(facts: Facts, period: Period) -> Value:
    return median(
        seconds(facts.rows("support.tickets", "created_at", period), "created_at", "first_reply_at")
    )


def tickets_unanswered(facts: Facts, period: Period) -> Value:
    return float(facts.rows("support.tickets", "created_at", period)["first_reply_at"].isna().sum())


def resolution_rate(facts: Facts, period: Period) -> Value:
    return over(len(facts.rows("support.tickets", "solved_at", period)), ticket_volume(facts, period))


def first_contact_resolution(facts: Facts, period: Period) -> Value:
    solved = facts.rows("support.tickets", "solved_at", period)
    return over(((solved["agent_replies"] <= 1) & (solved["reopens"] == 0)).sum(), len(solved))


def resolution_time_p90(facts: Facts, period: Period) -> Value:
    solved = facts.rows("support.tickets", "solved_at", period)
    return float(seconds(solved, "created_at", "solved_at").quantile(0.9)) if len(solved) else None


def csat(facts: Facts, period: Period) -> Value:
    frame = facts.rows("support.satisfaction_ratings", "rated_at", period)
    return at_least(20, len(frame), over((frame["score"] == "good").sum(), len(frame)))


def nps(facts: Facts, period: Period) -> Value:
    window = Period(period.last - timedelta(days=29), period.last, period.zone)
    score = facts.rows("support.nps_responses", "responded_at", window)["score"]
    return at_least(30, len(score), over(100 * ((score >= 9).sum() - (score <= 6).sum()), len(score)))


def nps_responses(facts: Facts, period: Period) -> Value:
    return float(len(facts.rows("support.nps_responses", "responded_at", period)))


def at_risk_accounts(facts: Facts, period: Period) -> Value:
    frame = facts.live["crm.account_events"]
    frame = frame[frame["event"].isin(["flagged_at_risk", "risk_cleared"])]
    known = frame[pd.to_datetime(frame["occurred_at"]) < period.end].sort_values("occurred_at")
    return float((known.groupby("account_id")["event"].last() == "flagged_at_risk").sum())


def save_rate(facts: Facts, period: Period) -> Value:
    frame = facts.live["crm.account_events"]
    judged = pd.to_datetime(frame["occurred_at"]) + pd.Timedelta(days=90)
    flagged = frame[(frame["event"] == "flagged_at_risk") & (judged >= period.start) & (judged < period.end)]
    accounts = set(flagged["account_id"])
    return over(sum(facts.pays(account, period.last) for account in accounts), len(accounts))


# ── engineering (57 to 70) ──────────────────────────────────────────────────────────────────────────────────


def open_critical_bugs(facts: Facts, period: Period) -> Value:
    states = [s for s in facts.states(period) if s["type"] == "bug" and s["priority"] == "critical"]
    return float(sum(state["category"] != "done" for state in states))


def open_incidents(facts: Facts, period: Period) -> Value:
    return float(sum(s["type"] == "incident" and s["category"] != "done" for s in facts.states(period)))


def new_bugs(facts: Facts, period: Period) -> Value:
    return float((facts.rows("tracker.issues", "created_at", period)["type"] == "bug").sum())


def bug_sla_met(facts: Facts, period: Period) -> Value:
    frame = facts.live["tracker.issues"]
    frame = frame[(frame["type"] == "bug") & (frame["priority"] == "critical")]
    due = frame["created_at"] + pd.Timedelta(hours=SLA_HOURS)
    frame = frame[(due >= period.start) & (due < period.end)]
    return over((seconds(frame, "created_at", "resolved_at") <= SLA_HOURS * 3600).sum(), len(frame))


def _deployed(facts: Facts, period: Period) -> pd.DataFrame:
    frame = facts.rows("tracker.deployments", "finished_at", period)
    return frame[frame["environment"] == "production"]


def deployments_per_day(facts: Facts, period: Period) -> Value:
    return over((_deployed(facts, period)["status"] == "success").sum(), len(list(period.days)))


def deployment_frequency(facts: Facts, period: Period) -> Value:
    return over((_deployed(facts, period)["status"] == "success").sum(), len(list(period.days)) / 7)


def deploy_lead_time(facts: Facts, period: Period) -> Value:
    return median(seconds(_deployed(facts, period), "merged_at", "finished_at"))


def incident_count(facts: Facts, period: Period) -> Value:
    return float((facts.rows("tracker.issues", "created_at", period)["type"] == "incident").sum())


def mttr(facts: Facts, period: Period) -> Value:
    frame = facts.rows("tracker.issues", "resolved_at", period)
    lasted = seconds(frame[frame["type"] == "incident"], "created_at", "resolved_at")
    return float(lasted.mean()) if len(lasted) else None


def p0_over_30_min(facts: Facts, period: Period) -> Value:
    frame = facts.rows("tracker.issues", "created_at", period)
    frame = frame[(frame["type"] == "incident") & (frame["priority"] == "p0")]
    return float((frame["resolved_at"].isna() | (seconds(frame, "created_at", "resolved_at") > 1800)).sum())


def cycle_time(facts: Facts, period: Period) -> Value:
    frame = facts.flow
    frame = frame[(frame["done"] >= period.start) & (frame["done"] < period.end)]
    taken = seconds(frame, "in_progress", "done")
    return median(taken[taken >= 0])  # an issue that was done first and worked on later has no cycle


def throughput(facts: Facts, period: Period) -> Value:
    return float((facts.rows("tracker.issues", "resolved_at", period)["status_category"] == "done").sum())


def defect_rate(facts: Facts, period: Period) -> Value:
    return over(new_bugs(facts, period), throughput(facts, period))


def points_per_engineer_sprint(facts: Facts, period: Period) -> Value:
    issues = facts.live["tracker.issues"].merge(
        facts.tables["tracker.sprints"], on="sprint_id", suffixes=("", "_s")
    )
    issues = issues[(issues["end_at"] >= period.start) & (issues["end_at"] < period.end)]
    done = issues[issues["resolved_at"] <= issues["end_at"]]
    people = len(issues.dropna(subset=["assignee_id"])[["sprint_id", "assignee_id"]].drop_duplicates())
    if len(done) and done["story_points"].isna().all():
        return None  # nobody estimated what was done
    return over(done["story_points"].sum(), people)


def review_turnaround(facts: Facts, period: Period) -> Value:
    return median(seconds(facts.rows("tracker.reviews", "opened_at", period), "opened_at", "first_review_at"))


def bug_fix_cost(facts: Facts, period: Period) -> Value:
    issues = facts.live["tracker.issues"]
    bugs = set(issues[issues["type"] == "bug"]["issue_id"])
    logs = facts.rows("tracker.worklogs", "logged_on", period)
    mine = logs[logs["issue_id"].isin(bugs)]
    return float(mine["hours"].sum()) * RATE if len(mine) else None


# ── people and services (71 to 74) ──────────────────────────────────────────────────────────────────────────


def _survey(name: str) -> Kpi:
    def answers(facts: Facts, period: Period) -> Value:
        frame = facts.rows("people.surveys", "answered_on", period)
        frame = frame[frame["survey"] == name]
        share = frame["score"] / frame["max_score"]
        return at_least(5, frame["respondent"].nunique(), float(share.mean()) * SCALE if len(frame) else None)

    answers.__name__ = name
    return answers


def _headcount(facts: Facts, period: Period) -> float | None:
    """Employees at the period's end: of its last month."""
    frame = facts.live["finance.headcount"]
    months = pd.to_datetime(frame["month"])
    last = pd.Timestamp(period.last).replace(day=1)
    return total(frame[months == last], "count")


def training_hours_total(facts: Facts, period: Period) -> Value:
    return total(facts.rows("people.training", "month", period), "hours")


def training_hours(facts: Facts, period: Period) -> Value:
    return over(training_hours_total(facts, period), _headcount(facts, period))


def utilization(facts: Facts, period: Period) -> Value:
    frame = facts.rows("people.timesheets", "month", period)
    return over(total(frame, "billable_hours"), total(frame, "available_hours"))


def realization(facts: Facts, period: Period) -> Value:
    frame = facts.rows("billing.invoice_lines", "service_month", period)
    return over(total(frame, "amount"), total(frame, "billed_amount"))


D, W, M, Q, T = "day", "week", "month", "quarter", "trailing_30d"
KPIS: dict[str, tuple[Kpi, tuple[str, ...]]] = {
    kpi.__name__: (kpi, grains)
    for kpi, grains in (
        (dau, (D, W, M)), (mau, (M,)), (weekly_active_teams, (W,)), (dau_mau, (M,)), (feature_adoption, (W, M)),
        (time_to_value, (W, M)), (value_not_reached, (W, M)), (activation_rate, (W, M)), (day_30_retention, (W, M)),
        (new_teams, (W, M)), (accounts_onboarded, (W, M)), (inviting_teams, (W, M)), (features_per_team, (W, M)),
        (paid_plan_teams, (W, M)), (ticket_volume, (D, W, M, Q)), (first_response_time, (D, W, M, Q)),
        (tickets_unanswered, (D, W, M, Q)), (resolution_rate, (W, M, Q)), (first_contact_resolution, (W, M, Q)),
        (resolution_time_p90, (D, W, M, Q)), (csat, (D, W, M, Q)), (nps, (T, M, Q)), (nps_responses, (W, M, Q)),
        (at_risk_accounts, (D, W, M, Q)), (save_rate, (M,)), (open_critical_bugs, (D, W, M, Q)),
        (open_incidents, (D, W, M, Q)), (new_bugs, (D, W, M, Q)), (bug_sla_met, (W, M, Q)),
        (deployments_per_day, (M,)), (deployment_frequency, (W, M, Q)), (deploy_lead_time, (D, W, M, Q)),
        (incident_count, (D, W, M, Q)), (mttr, (D, W, M, Q)), (p0_over_30_min, (D, W, M, Q)),
        (cycle_time, (D, W, M, Q)), (throughput, (D, W, M, Q)), (points_per_engineer_sprint, (W, M, Q)),
        (defect_rate, (M, Q)), (review_turnaround, (D, W, M, Q)), (bug_fix_cost, (M, Q)),
        (_survey("employee_engagement"), (Q,)), (_survey("engineering_satisfaction"), (Q,)),
        (training_hours_total, (M, Q)), (training_hours, (M, Q)), (utilization, (M, Q)), (realization, (M, Q)),
    )
}  # fmt: skip
"""Each KPI with the grains it is published at."""
