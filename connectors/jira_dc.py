"""Jira Data Center: the same streams as Jira Cloud over the older API, whose pages are positions.

Issues are walked by key, each page overlapping the one before by one record, so that nothing slips through while
issues come and go. People have keys instead of account ids; changelogs come with the search, whole.

Source: connector rules, 'Jira Data Center'.
"""

from __future__ import annotations

from datetime import timedelta

from connectors.contract import Column, ColumnType
from connectors.jira import CHANGELOG, CUSTOM_FIELDS, ISSUES, SPRINTS, STATUSES, UPDATED, WORKLOGS
from connectors.jira_dc_search import check_access, list_issue_ids, read_changelog, search_issues
from connectors.jira_search import list_deleted_worklogs, read_sprints, read_worklogs
from connectors.paging import Single
from connectors.stream import Cursor, DeleteKind, Deletes, Request, Stream, System

ASSIGNEE = Column("assignee_id", ColumnType.STRING, "fields.assignee.key")
DAILY = timedelta(days=1)

STREAMS = (
    Stream(
        name="statuses",
        contract=STATUSES,
        request=Request("GET", "/rest/api/2/status"),
        paging=Single(),
        deletes=Deletes(DeleteKind.SNAPSHOT),
        description="a workflow status and its category",
    ),
    Stream(
        name="issues",
        contract=ISSUES.with_columns([ASSIGNEE]),
        reader=search_issues,
        cursor=UPDATED,
        overlap=timedelta(hours=1),
        deletes=Deletes(DeleteKind.RECONCILE, keys=list_issue_ids, every=DAILY),
        exact_total=True,
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
        cursor=Cursor("updated", precision=timedelta(milliseconds=1)),
        overlap=timedelta(hours=1),
        deletes=Deletes(DeleteKind.TOMBSTONES, read=list_deleted_worklogs),
        description="time logged on an issue",
    ),
)

SYSTEM = System(
    name="jira_dc",
    streams=STREAMS,
    api_version="2",
    auth=("bearer", "basic"),
    rate=(10, 1.0),
    check=check_access,
)
