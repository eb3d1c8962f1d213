"""Zendesk Support: tickets with their metrics by the incremental export, metric events, ratings, audits.

The export goes by `generated_timestamp`, which also moves when only the system touched a ticket; its cursor is
kept from load to load, and a start time is sent once, ever. Deleted tickets stay in the export and say so.

Source: connector rules, 'Zendesk'.
"""

from __future__ import annotations

from datetime import timedelta

from connectors.contract import Column, ColumnType, Contract
from connectors.paging import Token
from connectors.stream import Cursor, CursorKind, DeleteKind, Deletes, Request, Stream, System
from connectors.zendesk_export import (
    check_access,
    list_rating_ids,
    read_audits,
    read_metric_events,
    read_ratings,
    read_tickets,
)

STRING, INTEGER, BOOLEAN = ColumnType.STRING, ColumnType.INTEGER, ColumnType.BOOLEAN
TIMESTAMP, JSON = ColumnType.TIMESTAMP, ColumnType.JSON
LISTING = Token("page[after]", "meta.after_cursor", size=("page[size]", 100))


def _metric(name: str, path: str, unit: str = "minutes") -> Column:
    return Column(name, INTEGER, f"metric_set.{path}", optional=True, unit=unit)


TICKETS = Contract(
    columns=(
        Column("ticket_id", STRING, "id", nullable=False),
        Column("status", STRING, nullable=False),
        Column("channel", STRING, "via.channel"),
        Column("type", STRING),
        Column("priority", STRING),
        Column("group_id", STRING),
        Column("organization_id", STRING),
        Column("assignee_id", STRING),
        Column("tags", JSON),
        Column("satisfaction_score", STRING, "satisfaction_rating.score", optional=True),
        Column("created_at", TIMESTAMP, nullable=False),
        Column("updated_at", TIMESTAMP, nullable=False),
        Column("generated_at", TIMESTAMP, "generated_timestamp", nullable=False, format="epoch_seconds"),
        Column("solved_at", TIMESTAMP, "metric_set.solved_at", optional=True),
        Column("initially_assigned_at", TIMESTAMP, "metric_set.initially_assigned_at", optional=True),
        _metric("reopens", "reopens", "times"),
        _metric("replies", "replies", "replies"),
        _metric("first_reply_seconds", "reply_time_in_seconds.calendar", "seconds"),
        _metric("first_reply_minutes", "reply_time_in_minutes.calendar"),
        _metric("first_reply_business_minutes", "reply_time_in_minutes.business"),
        _metric("first_resolution_minutes", "first_resolution_time_in_minutes.calendar"),
        _metric("full_resolution_minutes", "full_resolution_time_in_minutes.calendar"),
        _metric("full_resolution_business_minutes", "full_resolution_time_in_minutes.business"),
        _metric("agent_wait_minutes", "agent_wait_time_in_minutes.calendar"),
        _metric("requester_wait_minutes", "requester_wait_time_in_minutes.calendar"),
        _metric("on_hold_minutes", "on_hold_time_in_minutes.calendar"),
    ),
    key=("ticket_id",),
    ignored=(
        "url",
        "external_id",
        "subject",
        "raw_subject",
        "description",
        "recipient",
        "requester_id",
        "submitter_id",
        "collaborator_ids",
        "follower_ids",
        "email_cc_ids",
        "forum_topic_id",
        "problem_id",
        "has_incidents",
        "is_public",
        "due_at",
        "custom_fields",
        "fields",
        "sharing_agreement_ids",
        "custom_status_id",
        "followup_ids",
        "brand_id",
        "ticket_form_id",
        "allow_channelback",
        "allow_attachments",
        "from_messaging_channel",
        "support_type",
        "encoded_id",
    ),
    about_people=True,
)

STREAMS = (
    Stream(
        name="groups",
        contract=Contract(
            columns=(
                Column("group_id", STRING, "id", nullable=False),
                Column("name", STRING, nullable=False),
                Column("is_deleted", BOOLEAN, "deleted"),
            ),
            key=("group_id",),
            ignored=("url", "description", "default", "is_public", "created_at", "updated_at"),
        ),
        request=Request("GET", "/api/v2/groups.json"),
        paging=LISTING,
        records="groups",
        deletes=Deletes(DeleteKind.SNAPSHOT),
        description="a team of agents",
    ),
    Stream(
        name="organizations",
        contract=Contract(
            columns=(
                Column("organization_id", STRING, "id", nullable=False),
                Column("external_id", STRING, description="the account's id in the CRM"),
                Column("name", STRING),
                Column("created_at", TIMESTAMP),
            ),
            key=("organization_id",),
            open_containers=(),
        ),
        request=Request("GET", "/api/v2/organizations.json"),
        paging=LISTING,
        records="organizations",
        deletes=Deletes(DeleteKind.SNAPSHOT),
        description="a company whose people write tickets",
    ),
    Stream(
        name="tickets",
        contract=TICKETS,
        reader=read_tickets,
        cursor=Cursor("generated_timestamp", CursorKind.EPOCH_SECONDS, precision=timedelta(seconds=1)),
        deletes=Deletes(DeleteKind.FLAG, flag="status", values=("deleted",)),
        # The export shows whatever touched a ticket, the system's own edits too; a start time is sent once, ever.
        full_reads=False,
        description="a ticket with its metrics",
    ),
    Stream(
        name="ticket_metric_events",
        contract=Contract(
            columns=(
                Column("event_id", STRING, "id", nullable=False),
                Column("ticket_id", STRING, nullable=False),
                Column("metric", STRING, nullable=False),
                Column("instance_id", INTEGER),
                Column("type", STRING, nullable=False),
                Column("occurred_at", TIMESTAMP, "time", nullable=False),
                Column("is_deleted", BOOLEAN, "deleted", optional=True),
                Column("calendar_minutes", INTEGER, "status.calendar", optional=True),
                Column("business_minutes", INTEGER, "status.business", optional=True),
            ),
            key=("event_id",),
            ignored=("sla", "group_sla"),
        ),
        reader=read_metric_events,
        cursor=Cursor("time", precision=timedelta(seconds=1)),
        overlap=timedelta(minutes=2),
        full_reads=False,
        description="a step of a ticket's metric: activated, paused, fulfilled, breached",
    ),
    Stream(
        name="satisfaction_ratings",
        contract=Contract(
            columns=(
                Column("rating_id", STRING, "id", nullable=False),
                Column("ticket_id", STRING, nullable=False),
                Column("score", STRING, nullable=False),
                Column("group_id", STRING),
                Column("assignee_id", STRING),
                Column("reason", STRING, optional=True),
                Column("created_at", TIMESTAMP, nullable=False),
                Column("updated_at", TIMESTAMP, nullable=False),
            ),
            key=("rating_id",),
            ignored=("url", "comment", "requester_id", "reason_id", "reason_code"),
            about_people=True,
        ),
        reader=read_ratings,
        cursor=Cursor("updated_at", precision=timedelta(seconds=1)),
        overlap=timedelta(days=7),
        deletes=Deletes(DeleteKind.RECONCILE, keys=list_rating_ids, every=timedelta(days=1)),
        description="a customer's rating of a ticket, without the comment",
    ),
    Stream(
        name="ticket_audits",
        contract=Contract(
            columns=(
                Column("ticket_id", STRING, nullable=False),
                Column("audit_id", STRING, nullable=False),
                Column("event_id", STRING, "id", nullable=False),
                Column("type", STRING, nullable=False),
                Column("field", STRING, "field_name", optional=True),
                Column("previous_value", STRING, optional=True),
                Column("value", STRING, optional=True),
                Column("is_public", BOOLEAN, "public", optional=True),
                Column("created_at", TIMESTAMP, nullable=False),
            ),
            key=("ticket_id", "audit_id", "event_id"),
            open_containers=(),
        ),
        reader=read_audits,
        cursor=Cursor("created_at"),
        parent="tickets",
        parent_field="ticket_id",
        description="a change of a ticket's status, priority, group or assignee, or a reply",
    ),
)

SYSTEM = System(
    name="zendesk",
    streams=STREAMS,
    api_version="v2",
    auth=("basic", "bearer"),
    user_suffix="/token",
    rate=(200, 60.0),
    check=check_access,
)
