"""Neutral tables of product, support, engineering, people and services, full of edges: of windows, months, zones,
histories. Named rows first, each for the edge it stands for; then random ones that lean to midnights and month ends.
"""

# ruff: noqa: DTZ001  (instants of the neutral tables are UTC without a zone)

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

FIRST, LAST = date(2024, 1, 1), date(2024, 12, 31)
DATA_FROM, DATA_TO = date(2023, 11, 20), date(2025, 1, 25)
TEST_ACCOUNTS = ("a10", "a11")
ACCOUNTS = [f"a{number:02d}" for number in range(12)]
STATUSES = {
    "Backlog": "to_do",
    "To Do": "to_do",
    "In Progress": "in_progress",
    "In Review": "in_progress",
    "Done": "done",
    "Closed": "done",
}
EDGES = [
    date(2024, 2, 29),
    date(2024, 3, 10),
    date(2024, 3, 31),
    date(2024, 4, 7),
    date(2024, 10, 6),
    date(2024, 11, 3),
]
Row = dict[str, Any]
SILENT = (date(2024, 8, 1), date(2024, 8, 31))
"""A month in which nobody uses the product, rates, deploys or opens anything."""


class Draw:
    """Random instants, choices and delays from a seed."""

    def __init__(self, seed: int, zone: ZoneInfo) -> None:
        self.random = np.random.default_rng(seed)
        self.zone = zone

    def chance(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def pick(self, values: Any) -> Any:
        return values[int(self.random.integers(0, len(values)))]

    def day(self) -> date:
        while True:
            found: date = DATA_FROM + timedelta(
                days=int(self.random.integers(0, (DATA_TO - DATA_FROM).days + 1))
            )
            lean = self.random.random()
            if lean < 0.08:
                found = found.replace(day=1)
            elif lean < 0.16:
                found = (pd.Timestamp(found) + pd.offsets.MonthEnd(0)).date()
            elif lean < 0.2:
                found = self.pick(EDGES)
            if not SILENT[0] <= found <= SILENT[1]:
                return found

    def moment(self) -> datetime:
        """UTC; a third within a second of a midnight, of UTC or of the company's zone."""
        day, lean = self.day(), self.random.random()
        if lean < 0.7:
            return datetime.combine(day, datetime.min.time()) + timedelta(
                seconds=int(self.random.integers(0, 86400))
            )
        near = timedelta(seconds=int(self.pick([0, 1, 86399])))
        if lean < 0.8:
            return datetime.combine(day, datetime.min.time()) + near
        local = datetime.combine(day, datetime.min.time(), tzinfo=self.zone)
        return local.astimezone(ZoneInfo("UTC")).replace(tzinfo=None) + near

    def later(self, at: datetime, days: float, chance: float) -> datetime | None:
        if not self.chance(chance):
            return None
        return at + timedelta(seconds=int(self.random.exponential(days * 86400)))

    def rows(self, count: int, make: Any) -> list[Row]:
        return [make(number) for number in range(count)]


def tables(seed: int, zone: ZoneInfo) -> dict[str, pd.DataFrame]:
    """One frame a neutral table, by its name."""
    draw = Draw(seed, zone)
    issues, changes = _issues(draw)
    tickets = _tickets(draw)
    found: dict[str, list[Row]] = {
        "crm.accounts": _accounts(),
        "crm.account_events": _account_events(draw),
        "billing.subscriptions": _subscriptions(draw),
        "billing.invoice_lines": _invoice_lines(draw),
        "support.tickets": tickets,
        "support.ticket_metrics": _ticket_metrics(draw, tickets),
        "support.satisfaction_ratings": _ratings(draw, tickets),
        "support.nps_responses": _nps(draw),
        "product.users": _users(draw),
        "product.events": _events(draw),
        "tracker.statuses": [{"status": s, "status_category": c} for s, c in STATUSES.items()],
        "tracker.issues": issues,
        "tracker.issue_changelog": changes,
        "tracker.sprints": _sprints(),
        "tracker.deployments": _deployments(draw),
        "tracker.reviews": _reviews(draw),
        "tracker.worklogs": _worklogs(draw, issues),
        **_people(draw),
    }
    frames = {}
    for name, rows in found.items():
        order = draw.random.permutation(len(rows))
        frames[name] = pd.DataFrame([rows[place] for place in order])
    return frames


def _accounts() -> list[Row]:
    return [
        {
            "account_id": name, "name": name, "tier": ("free", "pro", "enterprise")[number % 3],
            "region": None, "industry": None, "created_at": datetime(2023, 1, 1),
            "is_test": name in TEST_ACCOUNTS, "is_deleted": False,
        }
        for number, name in enumerate(ACCOUNTS)
    ]  # fmt: skip


def _account_events(draw: Draw) -> list[Row]:
    flag, clear = "flagged_at_risk", "risk_cleared"
    named = [
        ("named1", flag, datetime(2024, 1, 31, 23, 59, 59)),
        ("named1", clear, datetime(2024, 3, 1, 0, 0, 0)),
        ("twice", flag, datetime(2024, 2, 2)),
        ("twice", flag, datetime(2024, 2, 9)),  # flagged while flagged
        ("twice", clear, datetime(2024, 4, 9)),
        ("again", flag, datetime(2024, 2, 2)),
        ("again", clear, datetime(2024, 2, 9)),
        ("again", flag, datetime(2024, 5, 9)),
        ("clear_first", clear, datetime(2024, 2, 2)),
        ("edge90", flag, datetime(2024, 3, 3)),  # ninety days later it is the first of June
        ("a10", flag, datetime(2024, 2, 2)),  # a test account
    ]
    drawn = [
        (
            draw.pick(ACCOUNTS),
            draw.pick([flag, flag, clear, "onboarded", "onboarded", "first_value"]),
            draw.moment(),
        )
        for _ in range(140)
    ]
    found = dict.fromkeys([*named, *drawn])
    seen: set[tuple[str, datetime]] = set()
    rows = []
    for account, event, at in found:
        if (account, at) not in seen:  # a flag and its clearing at one instant say nothing
            seen.add((account, at))
            rows.append({"account_id": account, "event": event, "occurred_at": at})
    return rows


def _subscriptions(draw: Draw) -> list[Row]:
    def row(number: int) -> Row:
        start = draw.day()
        length = int(draw.pick([20, 31, 90, 365]))
        return {
            "subscription_id": f"s{number}", "account_id": draw.pick([*ACCOUNTS[:8], "named1", "twice", "edge90"]),
            "start_date": start, "end_date": start + timedelta(days=length) if draw.chance(0.7) else None,
            "amount": float(draw.pick([0, 120, 600])), "interval_months": draw.pick([1, 3, 12]),
            "is_recurring": draw.chance(0.9), "plan": "p",
        }  # fmt: skip

    return draw.rows(30, row)


def _invoice_lines(draw: Draw) -> list[Row]:
    months = [month.date() for month in pd.date_range(DATA_FROM, LAST, freq="MS") if month.month != 8]
    return draw.rows(
        120,
        lambda number: {
            "invoice_line_id": f"l{number}", "invoice_id": f"n{number // 3}",
            "account_id": draw.pick([*ACCOUNTS, "unknown"]), "service_month": draw.pick(months),
            "amount": float(np.round(draw.random.uniform(-50, 900), 2)),
            "billed_amount": float(np.round(draw.random.uniform(0, 1000), 2)), "type": "base",
        },
    )  # fmt: skip


def _tickets(draw: Draw) -> list[Row]:
    def row(name: str, at: datetime, reply: datetime | None, solved: datetime | None, **more: Any) -> Row:
        return {
            "ticket_id": name, "account_id": "a01", "team": "one", "channel": "mail", "created_at": at,
            "first_reply_at": reply, "solved_at": solved, "status": "solved" if solved else "open", "priority": None,
            "reopens": 0, "agent_replies": 1, "updated_at": at, "is_spam": False, "is_deleted": False, **more,
        }  # fmt: skip

    def drawn(number: int) -> Row:
        at = draw.moment()
        return row(
            f"t{number}", at, draw.later(at, 0.2, 0.8), draw.later(at, 6, 0.8),
            account_id=draw.pick([*ACCOUNTS, None, "unknown"]), team=draw.pick(["one", "two", None]),
            reopens=draw.pick([0, 0, 0, 1, 2]), agent_replies=draw.pick([0, 1, 1, 2, 5]),
            is_spam=draw.chance(0.1), is_deleted=draw.chance(0.05),
        )  # fmt: skip

    noon = datetime(2024, 5, 6, 12)
    return [
        row("spam", noon, None, None, is_spam=True),
        row("deleted", noon, noon, noon, is_deleted=True),
        row("test_account", noon, noon, noon, account_id="a10"),
        row("reopened_and_solved_again", noon, noon, datetime(2024, 7, 2), reopens=1),
        row("answered_at_once", noon, noon, None),
        row("never_answered", noon, None, None, agent_replies=0),
        row("solved_without_reply", noon, None, noon, agent_replies=0),
        *draw.rows(420, drawn),
    ]


def _ticket_metrics(draw: Draw, tickets: list[Row]) -> list[Row]:
    """What the vendor measured, for most tickets; the durations are those of the tickets' instants."""
    found = []
    for ticket in tickets:
        if draw.chance(0.2):
            continue
        reply, solved = ticket["first_reply_at"], ticket["solved_at"]
        found.append(
            {
                "ticket_id": ticket["ticket_id"],
                "first_reply_seconds": None
                if reply is None
                else int((reply - ticket["created_at"]).total_seconds()),
                "full_resolution_seconds": None
                if solved is None
                else int((solved - ticket["created_at"]).total_seconds()),
                "agent_replies": ticket["agent_replies"],
            }
        )
    return found


def _ratings(draw: Draw, tickets: list[Row]) -> list[Row]:
    def row(number: int) -> Row:
        ticket = draw.pick(tickets)
        return {
            "rating_id": f"r{number}", "ticket_id": ticket["ticket_id"], "account_id": ticket["account_id"],
            "score": draw.pick(["good", "good", "bad"]), "rated_at": draw.moment(),
        }  # fmt: skip

    at = datetime(2024, 6, 20, 9)
    twice = [  # rated bad, and good an hour later: two ratings
        {
            "rating_id": f"again{n}",
            "ticket_id": "answered_at_once",
            "account_id": "a01",
            "score": score,
            "rated_at": at,
        }
        for n, score in enumerate(("bad", "good"))
    ]
    # June has far more than the minimum, September exactly as many as it, October one less (of tickets that count).
    exact = [
        {
            "rating_id": f"m{month}-{n}", "ticket_id": "answered_at_once", "account_id": "a01",
            "score": "good" if n % 3 else "bad", "rated_at": datetime(2024, month, 2 + n, 12),
        }
        for month, count in ((9, 20), (10, 19))
        for n in range(count)
    ]  # fmt: skip
    drawn = [
        r for r in draw.rows(330, row) if not datetime(2024, 8, 30) < r["rated_at"] < datetime(2024, 11, 2)
    ]
    return [*twice, *exact, *drawn]


def _nps(draw: Draw) -> list[Row]:
    def row(number: int) -> Row:
        return {
            "response_id": f"p{number}", "account_id": draw.pick([*ACCOUNTS, None, "unknown"]),
            "score": int(draw.random.integers(0, 11)), "responded_at": draw.moment(),
        }  # fmt: skip

    return draw.rows(460, row)


def _users(draw: Draw) -> list[Row]:
    def row(
        name: str, at: datetime, onboarded: datetime | None, value: datetime | None, account: str | None
    ) -> Row:
        return {
            "user_id": name, "account_id": account, "signed_up_at": at, "onboarded_at": onboarded,
            "first_value_at": value,
        }  # fmt: skip

    at = datetime(2024, 4, 10, 15)
    named = [
        row("at_14_days", at, at + timedelta(days=14), None, "a01"),
        row("over_14_days", at, at + timedelta(days=14, seconds=1), at, "a01"),
        row("of_a_test_account", at, at, at, "a10"),
        *(row(f"day{n}", datetime(2024, 5, 20, 22), None, None, "a02") for n in (27, 28, 34, 35)),
    ]

    def drawn(number: int) -> Row:
        at = draw.moment()
        return row(
            f"u{number:03d}",
            at,
            draw.later(at, 10, 0.7),
            draw.later(at, 20, 0.6),
            draw.pick([*ACCOUNTS, None]),
        )

    return [*named, *draw.rows(150, drawn)]


def _events(draw: Draw) -> list[Row]:
    def row(name: str, user: str, at: datetime, account: str | None = "a02", **more: Any) -> Row:
        return {
            "event_id": name, "user_id": user, "account_id": account, "team_id": None, "event": "view",
            "feature": None, "occurred_at": at, **more,
        }  # fmt: skip

    named = [
        row(f"back{n}", f"day{n}", datetime(2024, 5, 20, 15) + timedelta(days=n)) for n in (27, 28, 34, 35)
    ]

    def drawn(number: int) -> Row:
        return row(
            f"e{number}", f"u{int(draw.random.integers(0, 170)):03d}", draw.moment(), draw.pick([*ACCOUNTS, None]),
            team_id=draw.pick([None, "x", "y", "z", f"team{int(draw.random.integers(0, 60))}"]),
            feature=draw.pick([None, "alerts", "reports", "api"]),
            event=draw.pick(["view", "view", "invite"]),
        )  # fmt: skip

    return [*named, *draw.rows(2200, drawn)]


def _issues(draw: Draw) -> tuple[list[Row], list[Row]]:
    """Issues with their history: back and forth, at one instant, from before the creation, or none at all."""
    issues: list[Row] = []
    changes: list[Row] = []
    counter = 95  # ids of changes cross from two digits to three: their order is no order of text

    def change(issue: str, field: str, at: datetime, old: str | None, new: str | None) -> None:
        nonlocal counter
        counter += 1
        changes.append(
            {
                "issue_id": issue,
                "change_id": str(counter),
                "field": field,
                "changed_at": at,
                "old": old,
                "new": new,
            }
        )

    def issue(name: str, kind: str, at: datetime, status: str, priority: str | None, **more: Any) -> None:
        done = STATUSES[status] == "done"
        issues.append(
            {
                "issue_id": name, "key": f"K-{name}", "team": "one", "type": kind, "priority": priority,
                "status": status, "status_category": STATUSES[status], "created_at": at,
                "resolved_at": more.pop("resolved", at) if done else None, "updated_at": at, "story_points": 2.0,
                "sprint_id": None, "assignee_id": "e1", "is_deleted": False, **more,
            }
        )  # fmt: skip

    start = datetime(2024, 1, 10, 10)
    issue("born_critical", "bug", start, "To Do", "critical")
    issue("reprioritised_today", "bug", start, "To Do", "low")
    change("reprioritised_today", "priority", datetime(2024, 12, 30), "critical", "low")
    issue("raised_later", "bug", start, "To Do", "critical")
    change("raised_later", "priority", datetime(2024, 4, 1), "low", "critical")
    issue("deleted_later", "bug", start, "To Do", "critical", is_deleted=True)
    issue("deleted_bug", "bug", start, "Done", "critical", is_deleted=True, resolved=start)
    issue("done_without_history", "bug", start, "Done", "critical", resolved=datetime(2024, 6, 5))
    issue("at_one_instant", "bug", start, "To Do", "critical")
    at = datetime(2024, 3, 5, 12)
    change("at_one_instant", "status", at, "To Do", "Done")
    change("at_one_instant", "status", at, "Done", "In Progress")
    change("at_one_instant", "status", at, "In Progress", "To Do")
    issue("reopened", "story", start, "Done", "low", resolved=datetime(2024, 9, 9))
    for moment, old, new in (
        (datetime(2024, 2, 1), "To Do", "In Progress"),
        (datetime(2024, 2, 20), "In Progress", "To Do"),
        (datetime(2024, 3, 1), "To Do", "In Progress"),
        (datetime(2024, 3, 15), "In Progress", "Done"),
        (datetime(2024, 7, 1), "Done", "In Progress"),
        (datetime(2024, 9, 9), "In Progress", "Closed"),
    ):
        change("reopened", "status", moment, old, new)
    issue("became_a_bug", "bug", start, "To Do", "critical")
    change("became_a_bug", "type", datetime(2024, 5, 31, 23, 59, 59), "story", "bug")
    for minutes, seconds in ((30, 0), (30, 1)):
        opened = datetime(2024, 5, 5, 5)
        closed = opened + timedelta(minutes=minutes, seconds=seconds)
        issue(f"p0_{minutes}_{seconds}", "incident", opened, "Done", "p0", resolved=closed)
    issue("p0_open", "incident", datetime(2024, 5, 5, 5), "In Progress", "p0")
    for hours, extra in ((120, 0), (120, 1)):
        opened = datetime(2024, 4, 25, 23)
        issue(
            f"sla_{hours}_{extra}", "bug", opened, "Done", "critical",
            resolved=opened + timedelta(hours=hours, seconds=extra),
        )  # fmt: skip
    issue("sla_still_open", "bug", datetime(2024, 4, 26, 1), "To Do", "critical")

    for number in range(260):
        name, at = f"i{number}", draw.moment()
        kind = draw.pick(["bug", "bug", "story", "task", "incident"])
        levels = ["p0", "p1"] if kind == "incident" else ["critical", "high", "low", None]
        status, priority = draw.pick(["Backlog", "To Do", "In Progress"]), draw.pick(levels)
        resolved: datetime | None = None
        moment = at - timedelta(hours=2) if draw.chance(0.05) else at  # clocks of two systems differ
        if draw.chance(0.15):  # nothing recorded
            status = draw.pick(list(STATUSES))
            resolved = at + timedelta(hours=int(draw.random.integers(1, 900)))
        else:
            for _ in range(int(draw.random.integers(0, 9))):
                moment += timedelta(seconds=int(draw.pick([0, 1, 600, 86400, 86400 * 12])))
                if draw.chance(0.3):
                    new = draw.pick(levels)
                    if new != priority:
                        change(name, "priority", moment, priority, new)
                        priority = new
                else:
                    new = draw.pick(list(STATUSES))
                    if new != status:
                        change(name, "status", moment, status, new)
                        if STATUSES[new] == "done" and STATUSES[status] != "done":
                            resolved = max(moment, at)
                        status = new
        issue(
            name, kind, at, status, priority, team=draw.pick(["one", "two"]), is_deleted=draw.chance(0.05),
            resolved=resolved or at, story_points=draw.pick([None, 1.0, 2.0, 5.0]),
            sprint_id=draw.pick([None, *[f"sp{n}" for n in range(24)]]),
            assignee_id=draw.pick([None, "e1", "e2", "e3"]),
        )  # fmt: skip
    return issues, changes


def _sprints() -> list[Row]:
    """Two weeks each, of two teams; some end on the last second of a month, one overlaps two quarters."""
    found = [
        {
            "sprint_id": f"sp{number}", "team": ("one", "two")[number % 2],
            "start_at": datetime(2024, 1, 8, 9) + timedelta(days=14 * number),
            "end_at": datetime(2024, 1, 19, 17) + timedelta(days=14 * number),
        }
        for number in range(24)
    ]  # fmt: skip
    found[7]["end_at"] = datetime(2024, 4, 30, 23, 59, 59)
    found[12]["end_at"] = datetime(2024, 7, 1)
    return found


def _deployments(draw: Draw) -> list[Row]:
    def row(number: int) -> Row:
        at = draw.moment()
        return {
            "deployment_id": f"d{number}", "service": draw.pick(["api", "web"]),
            "environment": draw.pick(["production", "production", "staging"]),
            "status": draw.pick(["success", "success", "failed", "rolled_back"]),
            "merged_at": at - timedelta(seconds=int(draw.random.integers(60, 90000))), "finished_at": at,
        }  # fmt: skip

    return draw.rows(320, row)


def _reviews(draw: Draw) -> list[Row]:
    def row(number: int) -> Row:
        at = draw.moment()
        return {"change_id": f"c{number}", "opened_at": at, "first_review_at": draw.later(at, 0.5, 0.8)}

    return draw.rows(160, row)


def _worklogs(draw: Draw, issues: list[Row]) -> list[Row]:
    return draw.rows(
        260,
        lambda number: {
            "worklog_id": f"w{number}",
            "issue_id": draw.pick([*(i["issue_id"] for i in issues), "deleted_bug", "gone"]),
            "hours": float(draw.pick([0.25, 1, 3.5])), "logged_on": draw.day(),
        },
    )  # fmt: skip


def _people(draw: Draw) -> dict[str, list[Row]]:
    months = [month.date() for month in pd.date_range(DATA_FROM, LAST, freq="MS")]
    surveys = [
        {
            "survey": survey, "respondent": f"{survey}-{day}-{number}",
            "score": float(draw.random.integers(1, top + 1)),
            "max_score": float(top), "answered_on": day,
        }
        for survey, top in (("employee_engagement", 10), ("engineering_satisfaction", 5), ("exit", 5))
        for day, count in (
            (date(2024, 1, 15), 9), (date(2024, 6, 30), 5), (date(2024, 7, 1), 4), (date(2024, 11, 5), 12),
        )
        for number in range(count)
    ]  # fmt: skip
    return {
        "people.surveys": surveys,
        "people.timesheets": [
            {
                "person": f"p{n}", "month": month, "billable_hours": float(draw.random.integers(60, 160)),
                "available_hours": 160.0,
            }
            for n in range(4)
            for month in months
            if month.month != 8
        ],
        "people.training": [
            {"person": f"p{n}", "month": month, "hours": float(draw.random.integers(0, 9))}
            for n in range(4)
            for month in months
            if draw.chance(0.6) and month.month != 8
        ],
        "finance.headcount": [
            {"month": month, "count": int(draw.random.integers(20, 60))} for month in months if month.month != 5
        ],
    }  # fmt: skip
