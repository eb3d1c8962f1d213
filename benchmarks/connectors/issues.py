"""Generated issues for the speed benchmark: nested, 20 fields, about 1,100 bytes each, a hundred to a page.

A field is what a contract column reads; around the fields stands what trackers send besides (links, icons), as in
the real thing. The same seed gives the same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from connectors.contract import Column, ColumnType, Contract

PER_PAGE = 100
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
HOST = "https://tracker.example.com/rest/api/3"

STATUSES = (
    ("To Do", "new"),
    ("In Progress", "indeterminate"),
    ("In Review", "indeterminate"),
    ("Done", "done"),
)
TYPES = ("Bug", "Story", "Task", "Incident")
PRIORITIES = ("Highest", "High", "Medium", "Low")
LABELS = ("backend", "customer", "flaky", "infra", "mobile", "regression", "security", "ux")

STRING, TIMESTAMP = ColumnType.STRING, ColumnType.TIMESTAMP

CONTRACT = Contract(
    columns=(
        Column("issue_id", STRING, "id", nullable=False),
        Column("key", STRING, nullable=False),
        Column("project_id", STRING, "fields.project.id"),
        Column("project_key", STRING, "fields.project.key"),
        Column("type", STRING, "fields.issuetype.name", nullable=False),
        Column("is_subtask", ColumnType.BOOLEAN, "fields.issuetype.subtask"),
        Column("priority", STRING, "fields.priority.name"),
        Column("status", STRING, "fields.status.name", nullable=False),
        Column(
            "status_category",
            STRING,
            "fields.status.statusCategory.key",
            nullable=False,
            allowed=("new", "indeterminate", "done", "undefined"),
        ),
        Column("created_at", TIMESTAMP, "fields.created", nullable=False),
        Column("updated_at", TIMESTAMP, "fields.updated", nullable=False),
        Column("resolved_at", TIMESTAMP, "fields.resolutiondate"),
        Column("resolution", STRING, "fields.resolution.name"),
        Column("due_date", ColumnType.DATE, "fields.duedate"),
        Column("story_points", ColumnType.DOUBLE, "fields.customfield_10016", unit="points"),
        Column("budget", ColumnType.DECIMAL, "fields.customfield_10031", unit="currency"),
        Column("sprint_id", STRING, "fields.customfield_10020[-1].id"),
        Column("assignee_id", STRING, "fields.assignee.accountId"),
        Column("labels", ColumnType.JSON, "fields.labels"),
        Column("watches", ColumnType.INTEGER, "fields.watches.watchCount"),
    ),
    key=("issue_id",),
    open_containers=("", "fields"),
    ignored=("self", "expand"),
)


def write_pages(path: Path, rows: int, *, seed: int = 7) -> int:
    """Write `rows` issues as pages, one JSON body a line; returns the bytes."""
    chance = random.Random(seed)
    with path.open("wb") as file:
        for first in range(0, rows, PER_PAGE):
            issues = [issue(number, chance) for number in range(first, min(rows, first + PER_PAGE))]
            last = first + PER_PAGE >= rows
            body: dict[str, Any] = {"issues": issues, "isLast": last}
            if not last:
                body["nextPageToken"] = f"page-{first // PER_PAGE + 1}"
            file.write(orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE))
    return path.stat().st_size


def pages(path: Path) -> Iterator[bytes]:
    """The bodies of the pages, as a vendor would send them."""
    with path.open("rb") as file:
        yield from file


def issue(number: int, chance: random.Random) -> dict[str, Any]:
    """One issue."""
    created = BEGIN + timedelta(seconds=number * 97 % 70_000_000, milliseconds=chance.randrange(1000))
    updated = created + timedelta(seconds=chance.randrange(9_000_000))
    status, category = chance.choice(STATUSES)
    done = category == "done"
    project = number % 12
    kind = chance.choice(TYPES)
    sprints = [_sprint(chance.randrange(400)) for _ in range(chance.randrange(3))]
    return {
        "expand": "operations,versionedRepresentations,editmeta,changelog,renderedFields",
        "id": str(100_000 + number),
        "self": f"{HOST}/issue/{100_000 + number}",
        "key": f"PROJ{project}-{number}",
        "fields": {
            "project": {"id": str(10_000 + project), "key": f"PROJ{project}"},
            "issuetype": {
                "self": f"{HOST}/issuetype/{10_000 + len(kind)}",
                "id": str(10_000 + len(kind)),
                "name": kind,
                "subtask": chance.random() < 0.2,
            },
            "priority": {
                "self": f"{HOST}/priority/3",
                "iconUrl": "https://tracker.example.com/images/icons/priorities/medium.svg",
                "name": chance.choice(PRIORITIES),
            },
            "status": {
                "self": f"{HOST}/status/10001",
                "name": status,
                "statusCategory": {"id": 4, "key": category, "colorName": "yellow"},
            },
            "created": _stamp(created),
            "updated": _stamp(updated),
            "resolutiondate": _stamp(updated) if done else None,
            "resolution": {"name": "Fixed", "description": "A fix is checked in."} if done else None,
            "duedate": (created.date() + timedelta(days=30)).isoformat() if chance.random() < 0.3 else None,
            "customfield_10016": chance.choice((None, 1.0, 2.0, 3.0, 5.0, 8.0)),
            "customfield_10031": chance.choice(
                (None, "3000", "5000.00", f"{chance.randrange(10**7) / 100:.2f}")
            ),
            "customfield_10020": sprints,
            "assignee": None
            if chance.random() < 0.1
            else {"accountId": f"{number % 499:024x}", "active": True, "timeZone": "Europe/Berlin"},
            "labels": sorted(chance.sample(LABELS, chance.randrange(4))),
            "watches": {"watchCount": chance.randrange(20), "isWatching": False},
        },
    }


def _sprint(number: int) -> dict[str, Any]:
    return {"id": number, "name": f"Sprint {number}", "state": "closed", "boardId": number % 7}


def _stamp(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}+0000"
