"""Corners of the vendors' staging models that a usual company does not reach: written down row by row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from connectors.config import source_from
from connectors.registry import VENDORS, system_of
from connectors.typed import empty_table
from pipelines.staging.models import load_models
from pipelines.warehouse import DuckDBWarehouse, open_warehouse


class Desk:
    """Typed tables by hand, and what a staging model makes of them."""

    def __init__(self, warehouse: DuckDBWarehouse) -> None:
        self.warehouse = warehouse

    def fill(self, system: str, **tables: list[dict[str, Any]]) -> None:
        """Typed tables of a system with these rows; what a row does not say is null, the rest of them are empty."""
        streams = system_of(source_from({"system": system, "account": "a"}, "test")).streams
        for stream in streams:
            schema = empty_table(stream.contract).schema
            rows = [
                {**dict.fromkeys(schema.names), "_deleted": False, **row}
                for row in tables.pop(stream.name, [])
            ]
            self.warehouse.write(f"{system}.{stream.name}", pa.Table.from_pylist(rows, schema=schema))
        assert not tables, f"{system} has no stream {sorted(tables)}"

    def rows(self, system: str, table: str) -> list[dict[str, Any]]:
        """What the system's model of a neutral table gives."""
        model = next(m for m in load_models([system]) if (m.system, m.table) == (system, table))
        return self.warehouse.query(f"SELECT * FROM ({model.sql}) ORDER BY ALL").to_pylist()


@pytest.fixture
def desk(tmp_path: Any) -> Iterator[Desk]:
    with open_warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}") as warehouse:
        yield Desk(warehouse)


def at(hour: int, second: int = 0) -> datetime:
    return datetime(2026, 3, 2, hour, 0, second)  # noqa: DTZ001 -- the warehouse holds naive UTC


# HubSpot.


def value(property_: str, changed: datetime, text: str | None, item: int = 0) -> dict[str, Any]:
    return {"deal_id": "1", "property": property_, "changed_at": changed, "value": text, "item": item}


def test_a_deal_changes_from_what_it_was_born_with(desk: Desk) -> None:
    desk.fill(
        "hubspot",
        deal_stages=[{"pipeline_id": "p", "stage_id": "s1", "label": "First"}],
        deal_history=[
            value("dealstage", at(1), "s1"),
            value("amount", at(3), "3000"),  # filled later: it changes from nothing
            value("amount", at(4), "3000.00"),  # written otherwise: no change
            value("amount", at(5), ""),
            value("closedate", at(1), "2026-05-01T00:00:00Z"),
            value("closedate", at(6), "2026-06-01T22:15:00Z"),
            value("dealstage", at(7), "gone"),
        ],
    )
    changes = {
        (row["field"], row["changed_at"].hour): (row["old"], row["new"])
        for row in desk.rows("hubspot", "crm.opportunity_history")
    }
    assert changes == {
        ("amount", 3): (None, "3000.00"),
        ("amount", 5): ("3000.00", None),
        ("close_date", 6): ("2026-05-01", "2026-06-01"),
        ("stage", 7): ("First", "gone"),  # a stage that no pipeline has any more keeps its id
    }


def test_of_several_values_at_one_instant_the_last_counts(desk: Desk) -> None:
    desk.fill(
        "hubspot",
        deal_history=[
            value("amount", at(1), "1"),
            value("amount", at(2), "2", 0),
            value("amount", at(2), "3", 1),
            value("amount", at(4), "3"),
        ],
    )
    (change,) = desk.rows("hubspot", "crm.opportunity_history")
    assert (change["old"], change["new"], change["changed_at"]) == ("1.00", "3.00", at(2))


def test_a_deal_belongs_to_its_primary_company(desk: Desk) -> None:
    def link(company: str, kind: str, **more: Any) -> dict[str, Any]:
        return {"deal_id": "1", "company_id": company, "type": kind, **more}

    desk.fill(
        "hubspot",
        deals=[
            {
                "deal_id": "1",
                "type": "existingbusiness",
                "stage_id": "s9",
                "pipeline_id": "p",
                "amount": Decimal("5.5"),
                "created_at": at(1),
                "is_archived": False,
            }
        ],
        deal_companies=[
            link("100", "deal_to_company_unlabeled"),
            link("200", "deal_to_company"),
            link("200", "deal_to_company_unlabeled"),
            link("050", "deal_to_company", _deleted=True),
        ],
        deal_stages=[
            {"pipeline_id": "p", "stage_id": "s9", "label": "Won", "is_closed": True, "probability": 1.0},
            {"pipeline_id": "q", "stage_id": "s9", "label": "Elsewhere", "is_closed": False},
        ],
    )
    (deal,) = desk.rows("hubspot", "crm.opportunities")
    assert (deal["account_id"], deal["type"], deal["stage"]) == ("200", "upsell", "Won")
    assert (deal["is_closed"], deal["is_won"], deal["is_deleted"]) == (True, True, False)
    assert (deal["updated_at"], deal["close_date"], deal["currency"]) == (at(1), None, "USD")
    stages = {row["stage"]: (row["is_closed"], row["is_won"]) for row in desk.rows("hubspot", "crm.stages")}
    assert stages == {"Won": (True, True), "Elsewhere": (False, False)}


def test_an_activity_is_what_came_of_it(desk: Desk) -> None:
    def meeting(number: int, outcome: str | None, kind: str = "Meeting") -> dict[str, Any]:
        common = {"created_at": at(1), "starts_at": at(5), "is_archived": False}
        return {"meeting_id": str(number), "type": kind, "outcome": outcome, **common}

    def link(to: str, target: str, kind: str = "x", **more: Any) -> dict[str, Any]:
        return {"from_id": "1", "to_id": to, "target": target, "type": kind, **more}

    desk.fill(
        "hubspot",
        meetings=[
            meeting(1, "COMPLETED", "Product Demo"),
            meeting(2, "NO_SHOW"),
            meeting(3, "RESCHEDULED"),
            meeting(4, None),
            {**meeting(5, "COMPLETED"), "is_archived": True},
        ],
        calls=[
            {
                "call_id": "6",
                "status": "NO_ANSWER",
                "created_at": at(2),
                "called_at": at(3),
                "is_archived": False,
            }
        ],
        meeting_links=[
            link("d2", "deals"),
            link("d1", "deals"),
            link("d0", "deals", _deleted=True),
            link("c1", "contacts"),
            link("100", "companies", "meeting_to_company_unlabeled"),
            link("200", "companies", "meeting_to_company"),
        ],
    )
    found = desk.rows("hubspot", "crm.activities")
    assert [(row["type"], row["status"], row["occurred_at"]) for row in found] == [
        ("demo", "held", at(5)),
        ("meeting", "cancelled", None),
        ("meeting", "planned", None),
        ("meeting", "planned", None),
        ("call", "cancelled", None),
    ]
    first = found[0]
    assert (first["opportunity_id"], first["lead_id"], first["account_id"]) == ("d1", "c1", "200")
    assert first["is_qualified"] is False
    assert found[1]["opportunity_id"] is None


# GitHub.


def issue(number: int = 1, labels: str = "[]", state: str = "open", **more: Any) -> dict[str, Any]:
    return {
        "repository": "o/r",
        "number": number,
        "labels": labels,
        "state": state,
        "created_at": at(1),
        "updated_at": at(1),
        **more,
    }


def event(id_: int, name: str, when: datetime, **more: Any) -> dict[str, Any]:
    return {"repository": "o/r", "event_id": str(id_), "number": 1, "event": name, "created_at": when, **more}


@pytest.mark.parametrize(
    ("labels", "type_", "priority", "status", "category"),
    [
        (
            '["type: bug", "priority: critical", "status: in review"]',
            "bug",
            "critical",
            "in review",
            "in_progress",
        ),
        ('["kind/feature", "priority/P1"]', "story", "p1", "open", "to_do"),
        ('["Bug", "status: blocked"]', "bug", None, "blocked", "to_do"),
        ('["bug", "incident"]', "incident", None, "open", "to_do"),
        ('["enhancement"]', "story", None, "open", "to_do"),
        ('["good first issue", "typewriter: old"]', "task", None, "open", "to_do"),
        ("[]", "task", None, "open", "to_do"),
        (None, "task", None, "open", "to_do"),
    ],
)
def test_labels_say_what_an_issue_is(
    desk: Desk, labels: str, type_: str, priority: str | None, status: str, category: str
) -> None:
    desk.fill("github", issues=[issue(labels=labels)])
    (found,) = desk.rows("github", "tracker.issues")
    assert (found["type"], found["priority"], found["status"], found["status_category"]) == (
        type_,
        priority,
        status,
        category,
    )
    assert found["issue_id"] == "o/r#1"
    assert found["sprint_id"] is None


def test_a_closed_issue_is_done_whatever_its_labels_say(desk: Desk) -> None:
    label = '["status: in progress", "points: 0.5"]'
    desk.fill(
        "github",
        issues=[
            issue(1, label, "closed", closed_at=at(5), state_reason="completed"),
            issue(2, label, "closed", closed_at=at(5), state_reason="not_planned"),
            issue(3, label, "open", closed_at=at(5), state_reason="reopened", milestone=7),
        ],
    )
    found = desk.rows("github", "tracker.issues")
    assert [(row["status"], row["status_category"], row["resolved_at"]) for row in found] == [
        ("closed", "done", at(5)),
        ("not planned", "done", at(5)),
        ("in progress", "in_progress", None),
    ]
    assert [row["story_points"] for row in found] == [0.5, 0.5, 0.5]
    assert found[2]["sprint_id"] == "o/r#7"


def test_events_fold_into_changes(desk: Desk) -> None:
    desk.fill(
        "github",
        issues=[issue()],
        events=[
            event(1, "labeled", at(1), label="priority: low"),  # born with it
            event(2, "labeled", at(2), label="status: in progress"),
            event(3, "labeled", at(3), label="status: in review"),  # the older one is still on
            event(4, "unlabeled", at(4), label="status: in review"),
            event(5, "assigned", at(4), assignee_id="7"),
            event(10, "closed", at(5), state_reason="not_planned"),
            event(9, "labeled", at(5), label="Priority: High"),  # event ids are numbers, not texts
            event(11, "unlabeled", at(5), label="priority: low"),
            event(12, "reopened", at(6)),
            event(13, "unassigned", at(7), assignee_id="7"),
            event(14, "labeled", at(8), label="documentation"),
            event(15, "labeled", at(9), label="points: 3"),
            event(16, "renamed", at(9)),
            event(17, "closed", at(10)),
            event(18, "reopened", at(10)),  # within one second: nothing happened
        ],
    )
    changes = [
        (row["field"], row["changed_at"].hour, row["old"], row["new"])
        for row in desk.rows("github", "tracker.issue_changelog")
    ]
    assert sorted(changes, key=lambda change: (change[1], change[0])) == [
        ("status", 2, "open", "in progress"),
        ("status", 3, "in progress", "in review"),
        ("assignee", 4, None, "7"),
        ("status", 4, "in review", "in progress"),
        ("priority", 5, "low", "high"),
        ("status", 5, "in progress", "not planned"),
        ("status", 6, "not planned", "in progress"),
        ("assignee", 7, "7", None),
        ("story points", 9, None, "3"),
    ]
    statuses = {row["status"]: row["status_category"] for row in desk.rows("github", "tracker.statuses")}
    assert statuses == {
        "open": "to_do",
        "in progress": "in_progress",
        "in review": "in_progress",
        "closed": "done",
        "not planned": "done",
    }


# Linear.


@pytest.mark.parametrize(
    ("labels", "priority", "type_", "word"),
    [
        ('["Bug"]', 1.0, "bug", "critical"),
        ('["Incident", "Bug"]', 1.0, "incident", "p0"),
        ('["Feature"]', 4.0, "story", "low"),
        ('["Chore"]', 0.0, "task", None),
        (None, None, "task", None),
    ],
)
def test_the_words_of_linear(
    desk: Desk, labels: str | None, priority: float | None, type_: str, word: str | None
) -> None:
    desk.fill(
        "linear",
        issues=[
            {
                "issue_id": "i",
                "key": "A-1",
                "state": "Triage",
                "state_type": "triage",
                "labels": labels,
                "priority": priority,
                "created_at": at(1),
                "updated_at": at(1),
                "completed_at": at(2),
                "is_trashed": True,
            }
        ],
        issue_history=[
            {
                "history_id": "h",
                "issue_id": "i",
                "changed_at": at(2),
                "from_priority": 0.0,
                "to_priority": priority,
            }
        ],
    )
    (found,) = desk.rows("linear", "tracker.issues")
    assert (found["type"], found["priority"], found["status_category"]) == (type_, word, "to_do")
    assert found["resolved_at"] is None  # it was done once, and is not now
    assert found["is_deleted"]
    changes = desk.rows("linear", "tracker.issue_changelog")
    assert [(row["old"], row["new"]) for row in changes] == ([(None, word)] if word else [])


# Zendesk.


def test_a_ticket_s_times_and_states(desk: Desk) -> None:
    def ticket(number: int, status: str, **more: Any) -> dict[str, Any]:
        return {
            "ticket_id": str(number),
            "status": status,
            "created_at": at(1),
            "updated_at": at(9),
            "organization_id": "o",
            **more,
        }

    desk.fill(
        "zendesk",
        organizations=[{"organization_id": "o", "external_id": "crm-1", "_deleted": True}],
        tickets=[
            ticket(1, "new", first_reply_minutes=2, tags='["vip", "spam"]'),
            ticket(2, "hold", first_reply_seconds=90, first_reply_minutes=2, channel="native_messaging"),
            ticket(3, "solved", solved_at=at(3, 7), full_resolution_minutes=120, reopens=2, replies=3),
            ticket(4, "open", solved_at=at(3), full_resolution_minutes=120),
            ticket(5, "deleted", solved_at=at(3)),
        ],
        satisfaction_ratings=[
            {"rating_id": f"r{number}", "ticket_id": str(ticket_), "score": score, "updated_at": at(4)}
            for number, (ticket_, score) in enumerate(
                [(3, "good"), (3, "bad_with_comment"), (3, "offered"), (5, "bad"), (99, "good")]
            )
        ],
    )
    found = desk.rows("zendesk", "support.tickets")
    assert [row["status"] for row in found] == ["open", "pending", "solved", "open", "closed"]
    assert [row["first_reply_at"] for row in found[:3]] == [
        at(1).replace(minute=2),
        at(1).replace(minute=1, second=30),
        None,
    ]
    assert [row["solved_at"] for row in found] == [None, None, at(3, 7), None, None]
    assert [row["is_deleted"] for row in found] == [False, False, False, False, True]
    assert [row["is_spam"] for row in found] == [True, False, False, False, False]
    assert {row["account_id"] for row in found} == {"crm-1"}
    assert found[1]["channel"] == "conversation"
    metrics = desk.rows("zendesk", "support.ticket_metrics")
    assert [(row["first_reply_seconds"], row["full_resolution_seconds"]) for row in metrics] == [
        (120, None),
        (90, None),
        (None, 2 * 3600 + 7),
        (None, None),
    ]
    ratings = desk.rows("zendesk", "support.satisfaction_ratings")
    assert [(row["rating_id"], row["score"], row["account_id"]) for row in ratings] == [
        ("r0", "good", "crm-1"),
        ("r1", "bad", "crm-1"),
        ("r4", "good", None),  # its ticket was not exported yet
    ]


# All of them.


@pytest.mark.parametrize("system", sorted(VENDORS))
def test_every_model_works_on_empty_tables(desk: Desk, system: str) -> None:
    """A new account has nothing yet; that is no error."""
    desk.fill(system)
    models = [model for model in load_models([system]) if model.system == system]
    assert models
    for model in models:
        rows = desk.rows(system, model.table)
        assert all(row["status"] in ("open", "closed", "not planned") for row in rows), model.path
