"""Linear: issues with their history, workflow states, cycles and teams, over GraphQL.

Every query says how many nodes it wants, at every depth: a default of 50 multiplies through nested connections
until the vendor refuses the query as too complex. Archived issues are asked for; issues in the trash are deleted.
Errors come with status 200 or 400, and a rate limit is a 400.

Source: connector rules, 'Linear'.
"""

from __future__ import annotations

from datetime import timedelta

from connectors.contract import Column, ColumnType, Contract
from connectors.linear_graphql import (
    check_access,
    list_issue_ids,
    read_cycles,
    read_history,
    read_issues,
    read_states,
    read_teams,
    refuse,
)
from connectors.stream import Cursor, DeleteKind, Deletes, Stream, System

STRING, DOUBLE, BOOLEAN = ColumnType.STRING, ColumnType.DOUBLE, ColumnType.BOOLEAN
TIMESTAMP, JSON = ColumnType.TIMESTAMP, ColumnType.JSON
SNAPSHOT = Deletes(DeleteKind.SNAPSHOT)

STREAMS = (
    Stream(
        name="teams",
        contract=Contract(
            columns=(
                Column("team_id", STRING, "id", nullable=False),
                Column("key", STRING, nullable=False),
                Column("name", STRING, nullable=False),
                Column("time_zone", STRING, "timezone"),
            ),
            key=("team_id",),
        ),
        reader=read_teams,
        deletes=SNAPSHOT,
        description="a team",
    ),
    Stream(
        name="workflow_states",
        contract=Contract(
            columns=(
                Column("state_id", STRING, "id", nullable=False),
                Column("name", STRING, nullable=False),
                Column(
                    "type",
                    STRING,
                    nullable=False,
                    description="triage, backlog, unstarted, started, completed, ...",
                ),
                Column("team_id", STRING, "team.id"),
            ),
            key=("state_id",),
        ),
        reader=read_states,
        deletes=SNAPSHOT,
        description="a state of a team's workflow",
    ),
    Stream(
        name="cycles",
        contract=Contract(
            columns=(
                Column("cycle_id", STRING, "id", nullable=False),
                Column("number", DOUBLE),
                Column("team_id", STRING, "team.id"),
                Column("team", STRING, "team.name"),
                Column("starts_at", TIMESTAMP, "startsAt", nullable=False),
                Column("ends_at", TIMESTAMP, "endsAt", nullable=False),
                Column("completed_at", TIMESTAMP, "completedAt"),
            ),
            key=("cycle_id",),
        ),
        reader=read_cycles,
        deletes=SNAPSHOT,
        description="a cycle (sprint) of a team",
    ),
    Stream(
        name="issues",
        contract=Contract(
            columns=(
                Column("issue_id", STRING, "id", nullable=False),
                Column("key", STRING, "identifier", nullable=False),
                Column("team_id", STRING, "team.id"),
                Column("team", STRING, "team.name"),
                Column("state", STRING, "state.name", nullable=False),
                Column("state_type", STRING, "state.type", nullable=False),
                Column("priority", DOUBLE, description="0 none, 1 urgent to 4 low"),
                Column("priority_label", STRING, "priorityLabel"),
                Column("estimate", DOUBLE, unit="points"),
                Column("cycle_id", STRING, "cycle.id"),
                Column("assignee_id", STRING, "assignee.id"),
                Column("labels", JSON, "labelNames", description="list of names"),
                Column("created_at", TIMESTAMP, "createdAt", nullable=False),
                Column("updated_at", TIMESTAMP, "updatedAt", nullable=False),
                Column("started_at", TIMESTAMP, "startedAt"),
                Column("completed_at", TIMESTAMP, "completedAt"),
                Column("canceled_at", TIMESTAMP, "canceledAt"),
                Column("archived_at", TIMESTAMP, "archivedAt"),
                Column("is_trashed", BOOLEAN, "trashed"),
            ),
            key=("issue_id",),
            ignored=("labels",),
        ),
        reader=read_issues,
        cursor=Cursor("updatedAt", precision=timedelta(milliseconds=1)),
        overlap=timedelta(minutes=10),
        deletes=Deletes(
            DeleteKind.FLAG, flag="trashed", values=(True,), keys=list_issue_ids, every=timedelta(days=7)
        ),
        description="an issue, archived ones included",
    ),
    Stream(
        name="issue_history",
        contract=Contract(
            columns=(
                Column("history_id", STRING, "id", nullable=False),
                Column("issue_id", STRING, "issueId", nullable=False),
                Column("changed_at", TIMESTAMP, "createdAt", nullable=False),
                Column("from_state", STRING, "fromState.name"),
                Column("from_state_type", STRING, "fromState.type"),
                Column("to_state", STRING, "toState.name"),
                Column("to_state_type", STRING, "toState.type"),
                Column("from_priority", DOUBLE, "fromPriority"),
                Column("to_priority", DOUBLE, "toPriority"),
                Column("from_estimate", DOUBLE, "fromEstimate"),
                Column("to_estimate", DOUBLE, "toEstimate"),
                Column("from_assignee_id", STRING, "fromAssigneeId"),
                Column("to_assignee_id", STRING, "toAssigneeId"),
                Column("from_cycle_id", STRING, "fromCycleId"),
                Column("to_cycle_id", STRING, "toCycleId"),
            ),
            key=("history_id",),
        ),
        reader=read_history,
        cursor=Cursor("createdAt"),
        parent="issues",
        parent_field="issueId",
        description="what changed in an issue at one instant",
    ),
)

SYSTEM = System(
    name="linear",
    streams=STREAMS,
    auth=("header", "bearer"),
    rate=(2_000, 3_600.0),
    refuse=refuse,
    check=check_access,
)
