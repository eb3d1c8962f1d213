"""GitHub Issues: issues and pull requests apart, their events, reviews and milestones.

One list holds issues and pull requests; both streams read it, and each keeps its own. The list is walked by
change time, not by page number, so that edits while reading move nothing out of sight. A poll that finds nothing
new costs nothing (ETag).

Source: connector rules, 'GitHub Issues'.
"""

from __future__ import annotations

from datetime import timedelta

from connectors.contract import Column, ColumnType, Contract
from connectors.github_issues import (
    check_access,
    list_issue_keys,
    list_pull_keys,
    read_events,
    read_issues,
    read_milestones,
    read_pulls,
    read_reviews,
)
from connectors.stream import Cursor, DeleteKind, Deletes, Stream, System

STRING, INTEGER, BOOLEAN = ColumnType.STRING, ColumnType.INTEGER, ColumnType.BOOLEAN
TIMESTAMP, JSON = ColumnType.TIMESTAMP, ColumnType.JSON
DAILY = timedelta(days=1)

REPOSITORY = Column("repository", STRING, nullable=False, description="owner/name")
COMMON = (
    REPOSITORY,
    Column("number", INTEGER, nullable=False),
    Column("github_id", STRING, "id", nullable=False),
    Column("state", STRING, nullable=False, allowed=("open", "closed")),
    Column("assignee_id", STRING, "assignee.id"),
    Column("labels", JSON, "label_names", description="list of names"),
    Column("milestone", INTEGER, "milestone.number"),
    Column("comments", INTEGER),
    Column("created_at", TIMESTAMP, nullable=False),
    Column("updated_at", TIMESTAMP, nullable=False),
    Column("closed_at", TIMESTAMP),
)
NEVER_LANDS = (
    "url",
    "repository_url",
    "html_url",
    "events_url",
    "labels_url",
    "comments_url",
    "timeline_url",
    "node_id",
    "title",
    "body",
    "user",
    "assignees",
    "closed_by",
    "locked",
    "active_lock_reason",
    "author_association",
    "performed_via_github_app",
    "reactions",
    "sub_issues_summary",
    "issue_dependencies_summary",
    "issue_field_values",
    "type",
    "labels",
    "draft",
    "state_reason",
)
UPDATED = Cursor("updated_at", precision=timedelta(seconds=1))

STREAMS = (
    Stream(
        name="milestones",
        contract=Contract(
            columns=(
                REPOSITORY,
                Column("number", INTEGER, nullable=False),
                Column("title", STRING),
                Column("state", STRING),
                Column("created_at", TIMESTAMP),
                Column("due_at", TIMESTAMP, "due_on"),
                Column("closed_at", TIMESTAMP),
            ),
            key=("repository", "number"),
            open_containers=(),
        ),
        reader=read_milestones,
        deletes=Deletes(DeleteKind.SNAPSHOT),
        options={"repositories": ""},
        description="a milestone of a repository",
    ),
    Stream(
        name="issues",
        contract=Contract(
            columns=(*COMMON, Column("state_reason", STRING, optional=True)),
            key=("repository", "number"),
            ignored=tuple(name for name in NEVER_LANDS if name != "state_reason"),
            about_people=True,
        ),
        reader=read_issues,
        cursor=UPDATED,
        overlap=timedelta(minutes=10),
        deletes=Deletes(DeleteKind.RECONCILE, keys=list_issue_keys, every=DAILY),
        options={"repositories": ""},
        description="an issue; pull requests are a stream of their own",
    ),
    Stream(
        name="pull_requests",
        contract=Contract(
            columns=(
                *COMMON,
                Column("is_draft", BOOLEAN, "draft", optional=True),
                Column("merged_at", TIMESTAMP, "pull_request.merged_at"),
            ),
            key=("repository", "number"),
            ignored=tuple(name for name in NEVER_LANDS if name != "draft"),
            about_people=True,
        ),
        reader=read_pulls,
        cursor=UPDATED,
        overlap=timedelta(minutes=10),
        deletes=Deletes(DeleteKind.RECONCILE, keys=list_pull_keys, every=DAILY),
        options={"repositories": ""},
        description="a pull request, as the list of issues shows it",
    ),
    Stream(
        name="reviews",
        contract=Contract(
            columns=(
                Column("pull_request", STRING, nullable=False, description="key of the pull request"),
                Column("review_id", STRING, "id", nullable=False),
                Column("state", STRING),
                Column("reviewer_id", STRING, "user.id"),
                Column("submitted_at", TIMESTAMP, optional=True),
            ),
            key=("review_id",),
            ignored=(
                "node_id",
                "body",
                "html_url",
                "pull_request_url",
                "_links",
                "commit_id",
                "author_association",
            ),
            about_people=True,
        ),
        reader=read_reviews,
        cursor=Cursor("submitted_at"),
        deletes=Deletes(DeleteKind.WITH_PARENT),
        parent="pull_requests",
        parent_field="pull_request",
        description="a review of a pull request, without its text",
    ),
    Stream(
        name="events",
        contract=Contract(
            columns=(
                REPOSITORY,
                Column("event_id", STRING, "id", nullable=False),
                Column("number", INTEGER, "issue.number"),
                Column("event", STRING, nullable=False),
                Column("label", STRING, "label.name", optional=True),
                Column("assignee_id", STRING, "assignee.id", optional=True),
                Column("state_reason", STRING, optional=True),
                Column("created_at", TIMESTAMP, nullable=False),
            ),
            key=("event_id",),
            open_containers=(),
        ),
        reader=read_events,
        cursor=Cursor("created_at", precision=timedelta(seconds=1)),
        overlap=timedelta(minutes=10),
        options={"repositories": ""},
        description="something that happened to an issue or a pull request",
    ),
)

SYSTEM = System(
    name="github",
    streams=STREAMS,
    api_version="2022-11-28",
    headers={"X-GitHub-Api-Version": "{api_version}", "Accept": "application/vnd.github+json"},
    auth=("bearer",),
    rate=(20, 1.0),
    check=check_access,
)
