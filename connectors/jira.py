"""Jira Cloud: issues with their whole changelog, sprints, worklogs, statuses.

Issues are asked for from an instant in epoch milliseconds (a date literal would be read in the API user's own
zone), with an overlap and no upper bound; deleted and moved issues are found by listing all ids. Texts are
not asked for, and of people only the account id lands. The ids of the custom fields for story points, sprint
and team differ between sites: set them under `options:`.

Source: connector rules, 'Jira Cloud'.
"""

from __future__ import annotations

from datetime import timedelta

from connectors.contract import Column, ColumnType, Contract
from connectors.jira_search import (
    check_access,
    list_deleted_worklogs,
    list_issue_ids,
    read_changelog,
    read_sprints,
    read_worklogs,
    search_issues,
)
from connectors.paging import Single
from connectors.stream import Cursor, CursorKind, DeleteKind, Deletes, Request, Stream, System

STRING, INTEGER, DOUBLE = ColumnType.STRING, ColumnType.INTEGER, ColumnType.DOUBLE
BOOLEAN, DATE, TIMESTAMP, JSON = (
    ColumnType.BOOLEAN,
    ColumnType.DATE,
    ColumnType.TIMESTAMP,
    ColumnType.JSON,
)

CUSTOM_FIELDS = {
    "story_points_field": "customfield_10016",
    "sprint_field": "customfield_10020",
    "team_field": "customfield_10001",
}

ISSUES = Contract(
    columns=(
        Column("issue_id", STRING, "id", nullable=False),
        Column("key", STRING, nullable=False),
        Column("project_id", STRING, "fields.project.id"),
        Column("project_key", STRING, "fields.project.key"),
        Column("team_id", STRING, "fields.{team_field}.id", optional=True),
        Column("team", STRING, "fields.{team_field}.name", optional=True),
        Column("type", STRING, "fields.issuetype.name", nullable=False),
        Column("is_subtask", BOOLEAN, "fields.issuetype.subtask"),
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
        Column("due_date", DATE, "fields.duedate", optional=True),
        Column("story_points", DOUBLE, "fields.{story_points_field}", optional=True, unit="points"),
        Column(
            "sprint_id",
            STRING,
            "fields.{sprint_field}[-1].id",
            optional=True,
            description="the latest sprint",
        ),
        Column("sprints", JSON, "fields.{sprint_field}", optional=True, description="oldest first"),
        Column("assignee_id", STRING, "fields.assignee.accountId"),
        Column("labels", JSON, "fields.labels", optional=True),
    ),
    key=("issue_id",),
    open_containers=("", "fields"),
    ignored=("expand", "self", "names", "schema", "fields.reporter", "fields.summary"),
)

CHANGELOG = Contract(
    columns=(
        Column("issue_id", STRING, "issueId", nullable=False),
        Column("change_id", STRING, "id", nullable=False),
        Column("item", INTEGER, nullable=False, description="position within the change"),
        Column("field", STRING, nullable=False),
        Column("field_id", STRING, "fieldId", optional=True),
        Column("changed_at", TIMESTAMP, "created", nullable=False),
        Column("from_id", STRING, "from"),
        Column(
            "from_text", STRING, "fromString", description="empty for fields that name people or hold texts"
        ),
        Column("to_id", STRING, "to"),
        Column("to_text", STRING, "toString", description="empty for fields that name people or hold texts"),
    ),
    key=("issue_id", "change_id", "item"),
)

SPRINTS = Contract(
    columns=(
        Column("sprint_id", STRING, "id", nullable=False),
        Column("board_id", STRING, "board.id", nullable=False),
        Column("board", STRING, "board.name"),
        Column("name", STRING),
        Column("state", STRING),
        Column("start_at", TIMESTAMP, "startDate", optional=True),
        Column("end_at", TIMESTAMP, "endDate", optional=True),
        Column("completed_at", TIMESTAMP, "completeDate", optional=True),
    ),
    key=("sprint_id",),
    ignored=("self", "originBoardId", "goal", "createdDate"),
)

WORKLOGS = Contract(
    columns=(
        Column("worklog_id", STRING, "id", nullable=False),
        Column("issue_id", STRING, "issueId", nullable=False),
        Column("seconds", INTEGER, "timeSpentSeconds", nullable=False, unit="seconds"),
        Column("started_at", TIMESTAMP, "started", nullable=False),
        Column("created_at", TIMESTAMP, "created"),
        Column("updated_at", TIMESTAMP, "updated", nullable=False),
    ),
    key=("worklog_id",),
    ignored=("self", "author", "updateAuthor", "comment", "timeSpent", "visibility", "properties"),
)

STATUSES = Contract(
    columns=(
        Column("status_id", STRING, "id", nullable=False),
        Column("name", STRING, nullable=False),
        Column("category", STRING, "statusCategory.key", nullable=False),
    ),
    key=("status_id",),
    ignored=("self", "description", "iconUrl", "scope", "untranslatedName"),
)

UPDATED = Cursor("fields.updated", precision=timedelta(milliseconds=1))
DAILY = timedelta(days=1)

STREAMS = (
    Stream(
        name="statuses",
        contract=STATUSES,
        request=Request("GET", "/rest/api/3/status"),
        paging=Single(),
        deletes=Deletes(DeleteKind.SNAPSHOT),
        description="a workflow status and its category",
    ),
    Stream(
        name="issues",
        contract=ISSUES,
        reader=search_issues,
        cursor=UPDATED,
        overlap=timedelta(hours=1),
        deletes=Deletes(DeleteKind.RECONCILE, keys=list_issue_ids, every=DAILY),
        options={**CUSTOM_FIELDS, "projects": ""},
        description="an issue as it is now",
    ),
    Stream(
        name="changelog",
        contract=CHANGELOG,
        reader=read_changelog,
        cursor=Cursor("created"),
        parent="issues",
        parent_field="issueId",
        description="one field of an issue before and after a change",
    ),
    Stream(
        name="sprints",
        contract=SPRINTS,
        reader=read_sprints,
        deletes=Deletes(DeleteKind.SNAPSHOT),
        description="a sprint of a board",
    ),
    Stream(
        name="worklogs",
        contract=WORKLOGS,
        reader=read_worklogs,
        cursor=Cursor("updated", CursorKind.ISO, precision=timedelta(milliseconds=1)),
        overlap=timedelta(hours=1),
        deletes=Deletes(DeleteKind.TOMBSTONES, read=list_deleted_worklogs),
        description="time logged on an issue",
    ),
)

SYSTEM = System(
    name="jira",
    streams=STREAMS,
    api_version="3",
    auth=("basic", "bearer"),
    rate=(10, 1.0),
    check=check_access,
)
