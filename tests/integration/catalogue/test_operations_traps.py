"""Each trap of the KPI catalogue that concerns KPIs 41 to 74, by name, over tables of a few rows.

Source: KPI catalogue, 'Traps to test per KPI'.
"""

# ruff: noqa: DTZ001  (instants of the neutral tables are UTC without a zone)

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.integration.catalogue.published import CATALOGUE, Company

Row = dict[str, Any]
Make = Callable[..., Company]
MAY = date(2024, 5, 1)
BORN = datetime(2024, 1, 10, 10)


@pytest.fixture
def company(tmp_path: Path) -> Make:
    """A company of the given rows by table: `company(["nps"], {"support.nps_responses": rows}, zone="UTC")`."""

    def make(metrics: list[str], rows: dict[str, list[Row]], zone: str = "UTC") -> Company:
        number = len(list(tmp_path.iterdir()))
        folder = tmp_path / str(number)
        folder.mkdir()
        frames = {name: pd.DataFrame(items, dtype=object) for name, items in rows.items() if items}
        return Company(frames, zone, folder, metrics)

    return make


def account(name: str, **more: Any) -> Row:
    return {
        "account_id": name, "name": name, "tier": "pro", "region": None, "industry": None, "created_at": BORN,
        "is_test": False, "is_deleted": False, **more,
    }  # fmt: skip


def issue(name: str, **more: Any) -> Row:
    return {
        "issue_id": name, "key": name, "team": "core", "type": "bug", "priority": "critical", "status": "To Do",
        "status_category": "to_do", "created_at": BORN, "resolved_at": None, "updated_at": BORN, "story_points": None,
        "sprint_id": None, "assignee_id": None, "is_deleted": False, **more,
    }  # fmt: skip


def change(issue: str, number: int, field: str, at: datetime, old: str | None, new: str | None) -> Row:
    return {
        "issue_id": issue, "change_id": str(number), "field": field, "changed_at": at, "old": old, "new": new,
    }  # fmt: skip


STATUSES = [
    {"status": "To Do", "status_category": "to_do"},
    {"status": "In Progress", "status_category": "in_progress"},
    {"status": "Done", "status_category": "done"},
]


def tracker(issues: list[Row], changes: list[Row], **more: list[Row]) -> dict[str, list[Row]]:
    return {
        "tracker.issues": issues,
        "tracker.issue_changelog": changes,
        "tracker.statuses": STATUSES,
        **{f"tracker.{name}": rows for name, rows in more.items()},
    }


def ticket(name: str, **more: Any) -> Row:
    at = datetime(2024, 5, 6, 12)
    return {
        "ticket_id": name, "account_id": "a", "team": "one", "channel": "mail", "created_at": at,
        "first_reply_at": at + timedelta(minutes=10), "solved_at": at + timedelta(hours=1), "status": "solved",
        "priority": None, "reopens": 0, "agent_replies": 1, "updated_at": at, "is_spam": False, "is_deleted": False,
        **more,
    }  # fmt: skip


def rating(name: str, score: str, at: datetime, ticket: str = "t") -> Row:
    return {"rating_id": name, "ticket_id": ticket, "account_id": "a", "score": score, "rated_at": at}


def response(name: str, score: int, at: datetime) -> Row:
    return {"response_id": name, "account_id": "a", "score": score, "responded_at": at}


def user(name: str, at: datetime, **more: Any) -> Row:
    return {
        "user_id": name, "account_id": "a", "signed_up_at": at, "onboarded_at": None, "first_value_at": None, **more,
    }  # fmt: skip


def event(name: str, user: str, at: datetime, **more: Any) -> Row:
    return {
        "event_id": name, "user_id": user, "account_id": "a", "team_id": None, "event": "view", "feature": None,
        "occurred_at": at, **more,
    }  # fmt: skip


# ── history ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_open_critical_bugs_of_last_march_do_not_change_when_a_bug_is_reprioritised_today(
    company: Make,
) -> None:
    march = date(2024, 3, 1)
    before = company(["open_critical_bugs"], tracker([issue("1")], []))
    today = change("1", 1, "priority", datetime(2024, 12, 30), "critical", "low")
    after = company(["open_critical_bugs"], tracker([issue("1", priority="low")], [today]))
    assert before.value("open_critical_bugs", march) == after.value("open_critical_bugs", march) == 1
    assert after.value("open_critical_bugs", date(2024, 12, 1)) == 0


def test_an_issue_born_critical_counts_without_any_change(company: Make) -> None:
    made = company(["open_critical_bugs"], tracker([issue("1")], []))
    assert made.value("open_critical_bugs", date(2024, 1, 9), "day") == 0
    assert made.value("open_critical_bugs", date(2024, 1, 10), "day") == 1


def test_an_issue_done_without_any_change_was_open_until_it_was_resolved(company: Make) -> None:
    done = issue("1", status="Done", status_category="done", resolved_at=datetime(2024, 5, 2))
    made = company(["open_critical_bugs"], tracker([done], []))
    assert made.value("open_critical_bugs", date(2024, 4, 1)) == 1
    assert made.value("open_critical_bugs", MAY) == 0


def test_changes_that_arrive_out_of_order_are_replayed_in_order(company: Make) -> None:
    changes = [
        change("1", 3, "status", datetime(2024, 7, 1), "In Progress", "Done"),
        change("1", 1, "priority", datetime(2024, 2, 1), "low", "critical"),
        change("1", 2, "status", datetime(2024, 4, 1), "To Do", "In Progress"),
    ]
    made = company(
        ["open_critical_bugs"], tracker([issue("1", status="Done", status_category="done")], changes)
    )
    found = [made.value("open_critical_bugs", date(2024, month, 1)) for month in (1, 2, 6, 7)]
    assert found == [0, 1, 1, 0]


def test_changes_at_one_instant_count_in_the_order_they_were_made(company: Make) -> None:
    at = datetime(2024, 5, 2, 12)
    changes = [
        change("1", 10, "priority", at, "low", "critical"),  # as text, 10 would come before 9
        change("1", 9, "priority", at, "critical", "low"),
    ]
    made = company(["open_critical_bugs"], tracker([issue("1")], changes))
    assert made.value("open_critical_bugs", MAY) == 1


def test_an_issue_deleted_later_does_not_count(company: Make) -> None:
    made = company(["open_critical_bugs", "new_bugs"], tracker([issue("1"), issue("2", is_deleted=True)], []))
    assert made.value("open_critical_bugs", MAY) == 1
    assert made.value("new_bugs", date(2024, 1, 1)) == 1


def test_a_word_that_is_a_category_needs_no_list_of_statuses(company: Make) -> None:
    changes = [
        change("1", 1, "status", datetime(2024, 2, 1), "to_do", "in_progress"),
        change("1", 2, "status", datetime(2024, 2, 3), "in_progress", "done"),
    ]
    rows = tracker([issue("1", status="done", status_category="done")], changes)
    made = company(["open_critical_bugs", "cycle_time"], {**rows, "tracker.statuses": []})
    assert made.value("open_critical_bugs", date(2024, 2, 1)) == 0
    assert made.value("cycle_time", date(2024, 2, 1)) == 2 * 86400


def test_cycle_time_runs_from_first_in_progress_to_first_done(company: Make) -> None:
    steps = [
        (datetime(2024, 2, 1), "To Do", "In Progress"),
        (datetime(2024, 2, 20), "In Progress", "To Do"),
        (datetime(2024, 3, 1), "To Do", "In Progress"),
        (datetime(2024, 3, 15), "In Progress", "Done"),
        (datetime(2024, 7, 1), "Done", "In Progress"),
        (datetime(2024, 9, 9), "In Progress", "Done"),
    ]
    changes = [change("1", n, "status", at, old, new) for n, (at, old, new) in enumerate(steps)]
    done = issue("1", status="Done", status_category="done", resolved_at=datetime(2024, 9, 9))
    made = company(["cycle_time", "throughput"], tracker([done], changes))
    assert (
        made.value("cycle_time", date(2024, 3, 1))
        == (datetime(2024, 3, 15) - datetime(2024, 2, 1)).total_seconds()
    )
    assert made.value("cycle_time", date(2024, 9, 1)) is None
    assert made.value("throughput", date(2024, 9, 1)) == 1  # done, as the tracker has it today


def test_an_issue_that_passes_in_progress_within_an_instant_has_a_cycle_of_nothing(company: Make) -> None:
    at = datetime(2024, 3, 15)
    changes = [
        change("1", 1, "status", at, "To Do", "In Progress"),
        change("1", 2, "status", at, "In Progress", "Done"),
    ]
    done = issue("1", status="Done", status_category="done", resolved_at=at)
    assert company(["cycle_time"], tracker([done], changes)).value("cycle_time", date(2024, 3, 1)) == 0


def test_an_open_incident_is_listed_beside_the_mean_time_to_resolve(company: Make) -> None:
    rows = [
        issue(
            "1", type="incident", status="Done", status_category="done", resolved_at=BORN + timedelta(hours=2)
        ),
        issue("2", type="incident"),
    ]
    made = company(["mttr", "open_incidents"], tracker(rows, []))
    assert made.value("mttr", date(2024, 1, 1)) == 7200
    assert made.value("open_incidents", date(2024, 1, 1)) == 1


@pytest.mark.parametrize(("seconds", "counted"), [(1800, 0), (1801, 1), (None, 1)])
def test_p0_incidents_of_more_than_half_an_hour_open_ones_included(
    company: Make, seconds: int | None, counted: int
) -> None:
    closed = None if seconds is None else BORN + timedelta(seconds=seconds)
    category = "to_do" if closed is None else "done"
    row = issue("1", type="incident", priority="p0", resolved_at=closed, status_category=category)
    assert (
        company(["p0_over_30_min"], tracker([row], [])).value("p0_over_30_min", date(2024, 1, 1)) == counted
    )


@pytest.mark.parametrize("word", ["critical", "Critical", "CRITICAL"])
def test_a_priority_is_a_word_in_any_case(company: Make, word: str) -> None:
    row = issue(
        "1", priority=word, resolved_at=BORN + timedelta(days=1), status_category="done", status="Done"
    )
    made = company(["open_critical_bugs", "bug_sla_met"], tracker([row, issue("2", priority=word)], []))
    assert made.value("open_critical_bugs", date(2024, 1, 1)) == 1
    assert made.value("bug_sla_met", date(2024, 1, 1)) == 0.5


@pytest.mark.parametrize(("extra", "met"), [(0, 1.0), (1, 0.0)])
def test_a_deadline_is_met_up_to_its_last_second(company: Make, extra: int, met: float) -> None:
    """Due on the first of May, by UTC: it counts there, wherever it was created."""
    created = datetime(2024, 4, 26, 1)
    row = issue(
        "1",
        created_at=created,
        resolved_at=created + timedelta(hours=120, seconds=extra),
        status_category="done",
    )
    made = company(["bug_sla_met"], tracker([row], []))
    assert made.value("bug_sla_met", MAY) == met
    assert (
        company(["bug_sla_met"], tracker([{**row, "resolved_at": None}], [])).value("bug_sla_met", MAY) == 0
    )


def test_only_successful_deployments_to_production_are_frequent(company: Make) -> None:
    def deployment(name: str, environment: str, status: str, day: int) -> Row:
        at = datetime(2024, 5, day)
        return {
            "deployment_id": name, "service": "api", "environment": environment, "status": status,
            "merged_at": at - timedelta(hours=day), "finished_at": at,
        }  # fmt: skip

    rows = [
        deployment("1", "production", "success", 6),
        deployment("2", "production", "success", 7),
        deployment("3", "production", "failed", 8),
        deployment("4", "staging", "success", 9),
        {**deployment("5", "production", "success", 9), "finished_at": datetime(2024, 7, 9)},
    ]
    made = company(["deployment_frequency", "deploy_lead_time"], {"tracker.deployments": rows})
    assert made.value("deployment_frequency", MAY) == pytest.approx(2 / (31 / 7))
    assert made.value("deployment_frequency", date(2024, 6, 1)) == 0  # a month without rows
    assert made.value("deployment_frequency", date(2024, 5, 6), "week") == 2
    assert (
        made.value("deploy_lead_time", MAY) == 7 * 3600
    )  # failed ones took their time, staging does not count
    assert made.segments("deploy_lead_time", "month", "status")["success", MAY] == 6.5 * 3600


def test_a_sprint_counts_where_it_ends_and_on_its_own(company: Make) -> None:
    sprints = [
        {
            "sprint_id": "s1",
            "team": "core",
            "start_at": datetime(2024, 4, 24),
            "end_at": datetime(2024, 5, 8),
        },
        {
            "sprint_id": "s2",
            "team": "core",
            "start_at": datetime(2024, 5, 8),
            "end_at": datetime(2024, 5, 22),
        },
    ]
    done = {"status": "Done", "status_category": "done", "type": "story"}
    issues = [
        issue(
            "1", sprint_id="s1", assignee_id="x", story_points=3, resolved_at=datetime(2024, 4, 30), **done
        ),
        issue("2", sprint_id="s1", assignee_id="y", story_points=5, resolved_at=datetime(2024, 5, 8), **done),
        issue(
            "3",
            sprint_id="s1",
            assignee_id="y",
            story_points=8,
            resolved_at=datetime(2024, 5, 8, 0, 0, 1),
            **done,
        ),
        issue("4", sprint_id="s2", assignee_id="x", story_points=4, resolved_at=datetime(2024, 5, 9), **done),
    ]
    made = company(["points_per_engineer_sprint"], tracker(issues, [], sprints=sprints))
    assert made.segments("points_per_engineer_sprint", "month", "sprint_id") == {
        ("s1", MAY): 4,
        ("s2", MAY): 4,
    } | {(name, date(2024, month, 1)): None for name in ("s1", "s2") for month in range(6, 13)}
    assert made.value("points_per_engineer_sprint", date(2024, 4, 1)) is None
    assert made.value("points_per_engineer_sprint", MAY) == 12 / 3


def test_hours_are_of_the_day_they_were_logged_on_in_any_zone(company: Make) -> None:
    logs = [
        {"worklog_id": "1", "issue_id": "1", "hours": 2.0, "logged_on": date(2024, 5, 1)},
        {"worklog_id": "2", "issue_id": "1", "hours": 1.0, "logged_on": date(2024, 4, 30)},
        {"worklog_id": "3", "issue_id": "gone", "hours": 9.0, "logged_on": date(2024, 5, 1)},
        {"worklog_id": "4", "issue_id": "deleted", "hours": 9.0, "logged_on": date(2024, 5, 1)},
    ]
    rows = tracker([issue("1"), issue("deleted", is_deleted=True)], [], worklogs=logs)
    for zone in ("UTC", "America/New_York", "Australia/Sydney"):
        assert company(["bug_fix_cost"], rows, zone).value("bug_fix_cost", MAY) == 190


# ── support ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_unanswered_tickets_are_counted_beside_the_median(company: Make) -> None:
    late = {"first_reply_at": datetime(2024, 5, 6, 14)}
    rows = [
        ticket("fast"),
        ticket("late", **late),
        ticket("never", first_reply_at=None),
        ticket("spam", is_spam=True, first_reply_at=None),
        ticket("deleted", is_deleted=True, **late),
    ]
    made = company(["first_response_time", "tickets_unanswered", "ticket_volume"], {"support.tickets": rows})
    assert made.value("first_response_time", MAY) == (600 + 7200) / 2
    assert made.value("tickets_unanswered", MAY) == 1
    assert made.value("ticket_volume", MAY) == 3


def test_a_reply_that_the_vendor_measured_goes_before_the_instants(company: Make) -> None:
    """Calendar seconds, weekends included; a vendor that knows no instant still has the duration."""
    metrics = [
        {
            "ticket_id": "friday",
            "first_reply_seconds": 3 * 86400,
            "full_resolution_seconds": None,
            "agent_replies": 4,
        }
    ]
    rows = {"support.tickets": [ticket("friday", first_reply_at=None)], "support.ticket_metrics": metrics}
    made = company(["first_response_time", "tickets_unanswered", "first_contact_resolution"], rows)
    assert made.value("first_response_time", MAY) == 3 * 86400
    assert made.value("tickets_unanswered", MAY) == 0
    assert made.value("first_contact_resolution", MAY) == 0  # four replies


def test_a_ticket_reopened_and_solved_again_is_solved_once_and_not_at_first_contact(company: Make) -> None:
    rows = [ticket("again", reopens=1, solved_at=datetime(2024, 6, 3)), ticket("once")]
    made = company(["resolution_rate", "first_contact_resolution"], {"support.tickets": rows})
    june = date(2024, 6, 1)
    assert made.value("resolution_rate", MAY) == 0.5
    assert made.value("resolution_rate", june) is None  # solved in June, but nothing was created
    assert made.value("first_contact_resolution", MAY) == 1
    assert made.value("first_contact_resolution", june) == 0


def test_resolution_exceeds_one_while_a_backlog_shrinks(company: Make) -> None:
    june = datetime(2024, 6, 3)
    rows = [
        ticket("1", solved_at=june),
        ticket("2", solved_at=june),
        ticket("3", created_at=june, solved_at=june),
    ]
    made = company(["resolution_rate"], {"support.tickets": rows})
    assert made.value("resolution_rate", date(2024, 6, 1)) == 3


@pytest.mark.parametrize(("count", "state"), [(19, "insufficient_sample"), (20, "final")])
def test_satisfaction_needs_twenty_ratings(company: Make, count: int, state: str) -> None:
    rows = [rating(str(n), "good" if n % 2 else "bad", datetime(2024, 5, 1 + n)) for n in range(count)]
    row = company(["csat"], {"support.satisfaction_ratings": rows}).totals["csat", "month", MAY]
    assert row["value_state"] == state
    assert row["value"] == (0.5 if count >= 20 else None)


def test_ratings_of_a_ticket_rated_again_both_count_on_their_days(company: Make) -> None:
    rows = [rating(str(n), "good", datetime(2024, 5, 2)) for n in range(20)]
    again = [rating("first", "bad", datetime(2024, 5, 3)), rating("second", "good", datetime(2024, 6, 3))]
    spam = [rating("of_spam", "bad", datetime(2024, 5, 3), ticket="spam")]
    tables = {
        "support.satisfaction_ratings": rows + again + spam,
        "support.tickets": [ticket("spam", is_spam=True)],
    }
    made = company(["csat"], tables)
    assert made.value("csat", MAY) == 20 / 21


def test_the_promoter_score_is_of_thirty_days_up_to_the_end_of_the_period(company: Make) -> None:
    """The first instant of the window counts, the one before it does not, whatever the length of the month."""
    first = datetime(2024, 5, 2)  # thirty days, the 31st of May included
    rows = [response(f"p{n}", 9, first) for n in range(20)] + [response(f"n{n}", 8, first) for n in range(9)]
    rows += [response("d", 6, datetime(2024, 5, 31, 23, 59, 59))]
    rows += [response(f"early{n}", 0, first - timedelta(seconds=1)) for n in range(50)]
    rows += [response(f"late{n}", 0, datetime(2024, 6, 1)) for n in range(50)]
    made = company(["nps", "nps_responses"], {"support.nps_responses": rows})
    assert made.value("nps", MAY) == pytest.approx(100 * 19 / 30)
    assert made.value("nps", date(2024, 5, 2), "trailing_30d") == pytest.approx(100 * 19 / 30)
    assert made.value("nps_responses", MAY) == 80


@pytest.mark.parametrize(("count", "value"), [(29, None), (30, 100)])
def test_the_promoter_score_needs_thirty_answers(company: Make, count: int, value: float | None) -> None:
    rows = [response(str(n), 10, datetime(2024, 5, 20)) for n in range(count)]
    row = company(["nps"], {"support.nps_responses": rows}).totals["nps", "month", MAY]
    assert row["value"] == value
    assert row["value_state"] == ("final" if value else "insufficient_sample")


# ── product ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("metric", "days"),
    [("activation_rate", 14), ("time_to_value", 30), ("value_not_reached", 30), ("day_30_retention", 34)],
)
def test_a_cohort_is_provisional_until_its_window_has_closed(company: Make, metric: str, days: int) -> None:
    joined = datetime(2024, 5, 31, 12)
    rows = {
        "product.users": [user("u", joined, onboarded_at=joined, first_value_at=joined)],
        "product.events": [event("e", "u", joined + timedelta(days=30))],
    }
    made = company([metric], rows)

    def state(day: date) -> str:
        now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        (row,) = (
            r
            for r in made.published(now)
            if (r["metric"], r["grain"], r["period_start"], r["segment_dimension"])
            == (metric, "month", MAY, "")
        )
        return str(row["value_state"])

    closes = date(2024, 5, 31) + timedelta(days=days)
    assert state(closes) == "provisional"
    assert state(closes + timedelta(days=1)) == "final"


@pytest.mark.parametrize(("offset", "counted"), [(0, 1), (1, 0)])
def test_onboarding_counts_within_fourteen_days_to_the_second(
    company: Make, offset: int, counted: int
) -> None:
    joined = datetime(2024, 5, 10, 15)
    late = joined + timedelta(days=14, seconds=offset)
    made = company(["activation_rate"], {"product.users": [user("u", joined, onboarded_at=late)]})
    assert made.value("activation_rate", MAY) == counted


@pytest.mark.parametrize(("day", "returned"), [(27, 0), (28, 1), (34, 1), (35, 0)])
def test_who_comes_back_on_day_28_to_34_is_retained(company: Make, day: int, returned: int) -> None:
    """Days of the calendar: an hour of the day does not matter."""
    back = datetime(2024, 5, 10) + timedelta(days=day, hours=0 if day == 28 else 23)
    rows = {
        "product.users": [user("u", datetime(2024, 5, 10, 12))],
        "product.events": [event("e", "u", back)],
    }
    assert company(["day_30_retention"], rows).value("day_30_retention", MAY) == returned


def test_users_who_never_get_there_are_a_share_and_not_a_time(company: Make) -> None:
    joined = datetime(2024, 5, 10)
    rows = [
        user("u", joined, first_value_at=joined + timedelta(hours=3)),
        user("v", joined),
        user("w", joined),
    ]
    made = company(["time_to_value", "value_not_reached"], {"product.users": rows})
    assert made.value("time_to_value", MAY) == 3 * 3600
    assert made.value("value_not_reached", MAY) == pytest.approx(2 / 3)


def test_days_without_anybody_are_in_the_mean_of_daily_users(company: Make) -> None:
    rows = [event(f"{n}", f"u{n}", datetime(2024, 5, 3)) for n in range(31)]
    rows += [event("again", "u1", datetime(2024, 5, 4)), event("later", "u1", datetime(2024, 7, 4))]
    made = company(["dau", "mau", "dau_mau"], {"product.events": rows})
    june = date(2024, 6, 1)
    assert made.value("dau", MAY) == pytest.approx(32 / 31)
    assert made.value("dau_mau", MAY) == pytest.approx(32 / 31 / 31)
    assert (made.value("dau", june), made.value("mau", june), made.value("dau_mau", june)) == (0, 0, None)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [("America/New_York", date(2024, 3, 10), 23), ("America/New_York", date(2024, 11, 3), 25)],
)
def test_a_day_on_which_clocks_change_has_its_own_length(
    company: Make, zone: str, day: date, hours: int
) -> None:
    start = datetime(day.year, day.month, day.day, 5 if hours == 23 else 4)
    ends = [start, start + timedelta(hours=hours, seconds=-1)]
    outside = [start - timedelta(seconds=1), start + timedelta(hours=hours)]
    rows = [event(str(n), f"u{n}", at) for n, at in enumerate(ends + outside)]
    assert company(["dau"], {"product.events": rows}, zone).value("dau", day, "day") == 2


def test_users_of_a_feature_are_a_share_of_all_active_users(company: Make) -> None:
    at = datetime(2024, 5, 3)
    rows = [event("1", "u", at, feature="api"), event("2", "v", at), event("3", "w", at), event("4", "u", at)]
    rows += [event("5", "w", at, feature="reports"), event("6", "x", datetime(2024, 6, 3))]
    made = company(["feature_adoption"], {"product.events": rows})
    by_feature = made.segments("feature_adoption", "month", "feature")
    assert by_feature["api", MAY] == pytest.approx(1 / 3)
    assert by_feature["api", date(2024, 6, 1)] == 0
    assert made.value("feature_adoption", MAY) == pytest.approx(2 / 3)


def test_medians_and_distinct_counts_do_not_roll_up(company: Make) -> None:
    rolls = {
        name: CATALOGUE.metrics[name].aggregation
        for name in ("mau", "weekly_active_teams", "first_response_time")
    }
    assert rolls == {"mau": "none", "weekly_active_teams": "none", "first_response_time": "none"}
    rows = [
        ticket("1", created_at=datetime(2024, 5, 1), first_reply_at=datetime(2024, 5, 1, 0, 0, 10)),
        ticket("2", created_at=datetime(2024, 5, 1), first_reply_at=datetime(2024, 5, 1, 0, 0, 20)),
        ticket("3", created_at=datetime(2024, 6, 1), first_reply_at=datetime(2024, 6, 1, 0, 1, 40)),
    ]
    made = company(["first_response_time"], {"support.tickets": rows})
    assert (
        made.value("first_response_time", date(2024, 4, 1), "quarter") == 20
    )  # and not the mean of 15 and 100


# ── customers, people, services ─────────────────────────────────────────────────────────────────────────────


def test_rows_of_test_accounts_are_left_out(company: Make) -> None:
    rows = {
        "crm.accounts": [account("a"), account("test", is_test=True)],
        "support.tickets": [ticket("1"), ticket("2", account_id="test"), ticket("3", account_id=None)],
        "product.events": [event("1", "u", BORN), event("2", "v", BORN, account_id="test")],
        "crm.account_events": [
            {"account_id": name, "event": "flagged_at_risk", "occurred_at": BORN}
            for name in ("a", "test", "unknown")
        ],
    }
    made = company(["ticket_volume", "mau", "at_risk_accounts"], rows)
    assert made.value("ticket_volume", MAY) == 2
    assert made.value("mau", date(2024, 1, 1)) == 1
    assert made.value("at_risk_accounts", MAY) == 2


def test_an_account_is_saved_if_it_pays_at_the_end_of_the_month_ninety_days_later(company: Make) -> None:
    flagged = datetime(2024, 3, 2, 12)  # ninety days later it is the last of May
    subscription: Row = {
        "subscription_id": "s", "account_id": "a", "start_date": date(2024, 1, 1), "end_date": date(2024, 5, 31),
        "amount": 10, "interval_months": 1, "is_recurring": True, "plan": "p",
    }  # fmt: skip
    rows: dict[str, list[Row]] = {
        "crm.account_events": [
            {"account_id": name, "event": "flagged_at_risk", "occurred_at": flagged} for name in ("a", "b")
        ],
        "billing.subscriptions": [
            subscription,
            {**subscription, "subscription_id": "t", "account_id": "b", "end_date": date(2024, 6, 1)},
        ],
    }
    assert company(["save_rate"], rows).value("save_rate", MAY) == 0.5
    in_sydney = [{**row, "occurred_at": datetime(2024, 3, 2, 15)} for row in rows["crm.account_events"]]
    moved = company(["save_rate"], {**rows, "crm.account_events": in_sydney}, "Australia/Sydney")
    assert moved.value("save_rate", MAY) is None
    assert moved.value("save_rate", date(2024, 6, 1)) == 0  # there it is June already, and nobody pays then


@pytest.mark.parametrize(("people", "value"), [(4, None), (5, 4.0)])
def test_a_survey_says_nothing_of_fewer_than_five_people(
    company: Make, people: int, value: float | None
) -> None:
    rows = [
        {
            "survey": "employee_engagement", "respondent": str(n), "score": 8.0, "max_score": 10.0,
            "answered_on": date(2024, 5, 3),
        }
        for n in range(people)
    ]  # fmt: skip
    made = company(["employee_engagement"], {"people.surveys": rows})
    row = made.totals["employee_engagement", "quarter", date(2024, 4, 1)]
    assert row["value"] == value
    assert row["value_state"] == ("final" if value else "insufficient_sample")


def test_training_without_a_headcount_is_no_data(company: Make) -> None:
    months = (date(2024, 4, 1), MAY)
    rows = {
        "people.training": [{"person": "p", "month": month, "hours": 6.0} for month in months],
        "finance.headcount": [{"month": months[0], "count": 3}],
    }
    made = company(["training_hours", "employees"], rows)
    assert made.value("training_hours", months[0]) == 2
    assert made.totals["training_hours", "month", MAY]["value_state"] == "no_data"


def test_an_empty_denominator_is_no_data(company: Make) -> None:
    rows = [{"person": "p", "month": MAY, "billable_hours": 10.0, "available_hours": 0.0}]
    row = company(["utilization"], {"people.timesheets": rows}).totals["utilization", "month", MAY]
    assert (row["value"], row["value_state"], row["state_reason"]) == (
        None,
        "no_data",
        "the denominator is empty",
    )
