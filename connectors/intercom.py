"""Intercom: conversations with their parts and ratings, contacts, teams, back-office tickets.

What people wrote and who they are never lands: bodies, subjects, remarks, names, e-mail addresses, phone
numbers, places. The parts of a conversation are read again, whole, whenever it changed, and compared with
the vendor's own count; the vendor returns at most the 500 newest.

Source: connector rules, 'Intercom'.
"""

from __future__ import annotations

from datetime import timedelta

from connectors.contract import Column, ColumnType, Contract, Format, Personal
from connectors.intercom_search import check_access, list_ids, read_parts, search
from connectors.paging import Single
from connectors.stream import Cursor, CursorKind, DeleteKind, Deletes, Request, Stream, System

STRING, INTEGER, BOOLEAN = ColumnType.STRING, ColumnType.INTEGER, ColumnType.BOOLEAN
TIMESTAMP, JSON = ColumnType.TIMESTAMP, ColumnType.JSON


def _instant(name: str, path: str = "", *, nullable: bool = True, optional: bool = False) -> Column:
    return Column(
        name, TIMESTAMP, path, nullable=nullable, optional=optional, format=Format.EPOCH_SECONDS, unit="UTC"
    )


UPDATED = Cursor("updated_at", CursorKind.EPOCH_SECONDS, precision=timedelta(seconds=1))
DAILY = timedelta(days=1)

CONVERSATIONS = Contract(
    columns=(
        Column("conversation_id", STRING, "id", nullable=False),
        Column("account_id", STRING, "custom_attributes.account_id", optional=True),
        Column("contact_id", STRING, "contacts.contacts[0].id", optional=True),
        Column("team_id", STRING, "team_assignee_id"),
        Column("admin_id", STRING, "admin_assignee_id"),
        Column("channel", STRING, "source.type"),
        _instant("created_at", nullable=False),
        _instant("updated_at", nullable=False),
        _instant("waiting_since", optional=True),
        _instant("snoozed_until", optional=True),
        Column("is_open", BOOLEAN, "open", nullable=False),
        Column("state", STRING, nullable=False, allowed=("open", "closed", "snoozed")),
        Column("priority", STRING, allowed=("priority", "not_priority")),
        Column("tags", JSON, "tags.tags", description="list of {id, name}"),
        Column("rating", INTEGER, "conversation_rating.rating", unit="1 to 5", optional=True),
        _instant("rated_at", "conversation_rating.created_at", optional=True),
        Column("reopens", INTEGER, "statistics.count_reopens"),
        Column("assignments", INTEGER, "statistics.count_assignments"),
        Column("parts", INTEGER, "statistics.count_conversation_parts", description="the vendor's own count"),
        Column("first_reply_seconds", INTEGER, "statistics.time_to_admin_reply", unit="seconds"),
        Column("first_close_seconds", INTEGER, "statistics.time_to_first_close", unit="seconds"),
        Column("last_close_seconds", INTEGER, "statistics.time_to_last_close", unit="seconds"),
        Column("median_reply_seconds", INTEGER, "statistics.median_time_to_reply", unit="seconds"),
        _instant("first_reply_at", "statistics.first_admin_reply_at"),
        _instant("first_contact_reply_at", "statistics.first_contact_reply_at"),
        _instant("first_close_at", "statistics.first_close_at"),
        _instant("last_reply_at", "statistics.last_admin_reply_at"),
        _instant("last_contact_reply_at", "statistics.last_contact_reply_at"),
        _instant("last_close_at", "statistics.last_close_at"),
        Column("title", STRING, personal=Personal.DROP, optional=True),
        Column("subject", STRING, "source.subject", personal=Personal.DROP),
        Column("body", STRING, "source.body", personal=Personal.DROP),
        Column("author", JSON, "source.author", personal=Personal.DROP),
        Column("remark", STRING, "conversation_rating.remark", personal=Personal.DROP),
    ),
    key=("conversation_id",),
    ignored=(
        "type",
        "read",
        "teammates",
        "first_contact_reply",
        "sla_applied",
        "conversation_parts",
        "linked_objects",
        "ai_agent_participated",
        "ai_agent",
    ),
    about_people=True,
)

CONVERSATION_PARTS = Contract(
    columns=(
        Column("part_id", STRING, "id", nullable=False),
        Column("conversation_id", STRING, nullable=False),
        Column("part_type", STRING, nullable=False),
        Column("author_type", STRING, "author.type"),
        Column("assigned_to_type", STRING, "assigned_to.type", optional=True),
        Column("assigned_to_id", STRING, "assigned_to.id", optional=True),
        Column("state", STRING, optional=True),
        Column("is_redacted", BOOLEAN, "redacted", optional=True),
        _instant("created_at", nullable=False),
        _instant("updated_at"),
        Column("body", STRING, personal=Personal.DROP, optional=True),
        Column("author", JSON, "author.id", personal=Personal.DROP),
        Column("attachments", JSON, personal=Personal.DROP, optional=True),
    ),
    key=("conversation_id", "part_id"),
    ignored=(
        "type",
        "notified_at",
        "external_id",
        "email_message_metadata",
        "metadata",
        "tags",
        "event_details",
        "app_package_code",
    ),
    about_people=True,
)

CONTACTS = Contract(
    columns=(
        Column("contact_id", STRING, "id", nullable=False),
        Column("external_id", STRING, personal=Personal.DROP),
        Column("role", STRING, allowed=("user", "lead")),
        Column("account_id", STRING, "custom_attributes.account_id", optional=True),
        Column("company_id", STRING, "companies.data[0].id", optional=True),
        Column("owner_id", STRING, optional=True),
        _instant("created_at", nullable=False),
        _instant("updated_at", nullable=False),
        _instant("signed_up_at", optional=True),
        _instant("last_seen_at", optional=True),
        _instant("last_replied_at", optional=True),
        _instant("last_contacted_at", optional=True),
        Column("email", STRING, personal=Personal.DROP, optional=True),
        Column("phone", STRING, personal=Personal.DROP, optional=True),
        Column("name", STRING, personal=Personal.DROP, optional=True),
        Column("avatar", JSON, personal=Personal.DROP, optional=True),
        Column("location", JSON, personal=Personal.DROP, optional=True),
        Column("social_profiles", JSON, personal=Personal.DROP, optional=True),
    ),
    key=("contact_id",),
    ignored=(
        "type",
        "workspace_id",
        "email_domain",
        "has_hard_bounced",
        "marked_email_as_spam",
        "unsubscribed_from_emails",
        "last_email_opened_at",
        "last_email_clicked_at",
        "language_override",
        "browser",
        "browser_version",
        "browser_language",
        "os",
        "android_app_name",
        "android_app_version",
        "android_device",
        "android_os_version",
        "android_sdk_version",
        "android_last_seen_at",
        "ios_app_name",
        "ios_app_version",
        "ios_device",
        "ios_os_version",
        "ios_sdk_version",
        "ios_last_seen_at",
        "tags",
        "notes",
    ),
    about_people=True,
)

TEAMS = Contract(
    columns=(Column("team_id", STRING, "id", nullable=False), Column("name", STRING, nullable=False)),
    key=("team_id",),
    ignored=("type", "admin_ids", "admin_priority_level", "assignment_limit", "distribution_method"),
)

TICKETS = Contract(
    columns=(
        Column("ticket_id", STRING, "id", nullable=False),
        Column("number", STRING, "ticket_id"),
        Column("category", STRING, allowed=("Customer", "Back-office", "Tracker")),
        Column("type", STRING, "ticket_type.name"),
        Column("state", STRING, "ticket_state.category"),
        Column("team_id", STRING, "team_assignee_id"),
        Column("admin_id", STRING, "admin_assignee_id"),
        Column("is_open", BOOLEAN, "open"),
        _instant("created_at", nullable=False),
        _instant("updated_at", nullable=False),
        Column(
            "linked_objects", JSON, "linked_objects.data", optional=True, description="list of {type, id}"
        ),
        Column("attributes", JSON, "ticket_attributes", personal=Personal.DROP, optional=True),
        Column("contacts", JSON, "contacts.contacts", personal=Personal.DROP, optional=True),
    ),
    key=("ticket_id",),
    ignored=("type", "snoozed_until", "ticket_parts", "is_shared"),
    about_people=True,
)

STREAMS = (
    Stream(
        name="teams",
        contract=TEAMS,
        request=Request("GET", "/teams"),
        paging=Single(),
        records="teams",
        deletes=Deletes(DeleteKind.SNAPSHOT),
        description="a team that conversations are assigned to",
    ),
    Stream(
        name="conversations",
        contract=CONVERSATIONS,
        reader=search,
        cursor=UPDATED,
        overlap=timedelta(hours=1),
        deletes=Deletes(DeleteKind.RECONCILE, keys=list_ids, every=DAILY),
        exact_total=True,
        options={"resource": "conversations"},
        description="a conversation with a customer, with the vendor's statistics and the rating",
    ),
    Stream(
        name="conversation_parts",
        contract=CONVERSATION_PARTS,
        reader=read_parts,
        cursor=UPDATED,
        deletes=Deletes(DeleteKind.WITH_PARENT),
        parent="conversations",
        parent_field="conversation_id",
        description="a reply, note, assignment or state change in a conversation, without its text",
    ),
    Stream(
        name="contacts",
        contract=CONTACTS,
        reader=search,
        cursor=Cursor("updated_at", CursorKind.EPOCH_SECONDS, precision=DAILY),
        overlap=timedelta(hours=1),
        deletes=Deletes(DeleteKind.RECONCILE, keys=list_ids, every=DAILY),
        exact_total=True,
        options={"resource": "contacts"},
        description="a person who wrote or may write; nothing that names them lands",
    ),
    Stream(
        name="tickets",
        contract=TICKETS,
        reader=search,
        cursor=UPDATED,
        overlap=timedelta(hours=1),
        deletes=Deletes(DeleteKind.RECONCILE, keys=list_ids, every=DAILY),
        exact_total=True,
        options={"resource": "tickets"},
        description="a customer, back-office or tracker ticket",
    ),
)

SYSTEM = System(
    name="intercom",
    streams=STREAMS,
    api_version="2.14",
    headers={"Intercom-Version": "{api_version}"},
    auth=("bearer",),
    rate=(1600, 10.0),
    check=check_access,
)
