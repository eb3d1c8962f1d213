"""HubSpot: deals, contacts, companies, meetings, calls, tickets, owners and pipelines, histories, associations.

The API is dated; the version belongs to the source (`api_version`) and to every manifest. All property values
arrive as texts: the contracts read "3000" and "5000.00" as amounts on purpose. Custom properties differ between
portals: `columns:` and `without:` fit a contract to them. Tickets need a scope of their own and the history of
companies a property to look at, so those streams are loaded where a source names them.

Source: connector rules, 'HubSpot'.
"""

from __future__ import annotations

from datetime import timedelta

from connectors.contract import Column, ColumnType, Contract
from connectors.hubspot_objects import (
    check_access,
    list_archived,
    list_ids,
    read_associations,
    read_history,
    read_links,
    read_objects,
    read_stages,
)
from connectors.paging import Token
from connectors.stream import Cursor, DeleteKind, Deletes, Request, Stream, System

STRING, DECIMAL, BOOLEAN = ColumnType.STRING, ColumnType.DECIMAL, ColumnType.BOOLEAN
TIMESTAMP, INTEGER, DOUBLE = ColumnType.TIMESTAMP, ColumnType.INTEGER, ColumnType.DOUBLE
DAILY = timedelta(days=1)


def _property(
    name: str, kind: ColumnType, path: str = "", *, nullable: bool = True, unit: str = ""
) -> Column:
    return Column(name, kind, f"properties.{path or name}", nullable=nullable, unit=unit)


def _objects(
    name: str,
    type_id: str,
    cursor: str,
    key: Column,
    *columns: Column,
    description: str,
    created: str = "createdate",
    on_request: bool = False,
) -> Stream:
    """One object type: listed whole at first, searched by change time afterwards."""
    stamps = (
        _property("created_at", TIMESTAMP, created, nullable=False),
        _property("updated_at", TIMESTAMP, cursor),
        Column("is_archived", BOOLEAN, "archived", nullable=False),
    )
    return Stream(
        name=name,
        contract=Contract(
            columns=(key, *columns, *stamps),
            key=(key.name,),
            open_containers=("", "properties"),
            ignored=(
                "createdAt",
                "updatedAt",
                "archivedAt",
                "associations",
                "propertiesWithHistory",
                "url",
                "properties.hs_object_id",
            ),
        ),
        reader=read_objects,
        cursor=Cursor(f"properties.{cursor}", fallback="updatedAt", precision=timedelta(milliseconds=1)),
        overlap=timedelta(hours=1),
        deletes=Deletes(DeleteKind.ARCHIVED, read=list_archived, keys=list_ids, every=DAILY),
        options={"type": type_id, "object": name, "cursor": cursor, "associations": ""},
        on_request=on_request,
        description=description,
    )


def _links(name: str, type_id: str, targets: str, description: str, *, on_request: bool = False) -> Stream:
    """Which objects an object belongs to, one row for each association."""
    return Stream(
        name=name,
        contract=Contract(
            columns=(
                Column("from_id", STRING, nullable=False),
                Column("target", STRING, nullable=False, description="companies, contacts, deals"),
                Column("to_id", STRING, nullable=False),
                Column("type", STRING),
            ),
            key=("from_id", "target", "to_id", "type"),
        ),
        reader=read_links,
        deletes=Deletes(DeleteKind.SNAPSHOT),
        every=DAILY,
        options={"type": type_id, "associations": targets},
        on_request=on_request,
        description=description,
    )


def _stages(name: str, objects: str, *metrics: Column, description: str, on_request: bool = False) -> Stream:
    """The stages of the pipelines of one object type."""
    return Stream(
        name=name,
        contract=Contract(
            columns=(
                Column("pipeline_id", STRING, nullable=False),
                Column("stage_id", STRING, "id", nullable=False),
                Column("pipeline", STRING),
                Column("label", STRING, nullable=False),
                Column("position", INTEGER, "displayOrder"),
                Column("is_closed", BOOLEAN, "metadata.isClosed"),
                *metrics,
            ),
            key=("pipeline_id", "stage_id"),
            ignored=("createdAt", "updatedAt", "archived", "archivedAt", "writePermissions"),
        ),
        reader=read_stages,
        deletes=Deletes(DeleteKind.SNAPSHOT),
        options={"pipelines_of": objects},
        on_request=on_request,
        description=description,
    )


def _history(
    name: str,
    parent: str,
    parent_field: str,
    type_id: str,
    properties: str,
    description: str,
    *,
    on_request: bool = False,
) -> Stream:
    """What properties of one object type have been, one row for each value."""
    return Stream(
        name=name,
        contract=Contract(
            columns=(
                Column(parent_field, STRING, nullable=False),
                Column("property", STRING, nullable=False),
                Column("changed_at", TIMESTAMP, "timestamp", nullable=False),
                Column("item", INTEGER, nullable=False, description="position among changes of one instant"),
                Column("value", STRING),
                Column("source", STRING, "sourceType", optional=True),
                Column(
                    "stamp", STRING, "timestamp", nullable=False, description="changed_at as it was written"
                ),
            ),
            key=(parent_field, "property", "stamp", "item"),
            ignored=("sourceId", "sourceLabel", "updatedByUserId"),
        ),
        reader=read_history,
        cursor=Cursor("timestamp"),
        parent=parent,
        parent_field=parent_field,
        options={"properties": properties, "type": type_id},
        on_request=on_request,
        description=description,
    )


STREAMS = (
    Stream(
        name="owners",
        contract=Contract(
            columns=(
                Column("owner_id", STRING, "id", nullable=False),
                Column("is_archived", BOOLEAN, "archived"),
                Column("updated_at", TIMESTAMP, "updatedAt", optional=True),
            ),
            key=("owner_id",),
            ignored=("type", "email", "firstName", "lastName", "userId", "createdAt", "teams"),
            about_people=True,
        ),
        request=Request("GET", "/crm/v3/owners", params={"limit": 100}),
        paging=Token("after", "paging.next.after"),
        records="results",
        deletes=Deletes(DeleteKind.SNAPSHOT),
        description="somebody whom deals are assigned to, without a name",
    ),
    _stages(
        "deal_stages",
        "deals",
        Column("probability", DOUBLE, "metadata.probability", unit="fraction"),
        description="a stage of a deal pipeline",
    ),
    _objects(
        "companies",
        "0-2",
        "hs_lastmodifieddate",
        Column("company_id", STRING, "id", nullable=False),
        _property("name", STRING),
        _property("tier", STRING),
        _property("region", STRING),
        _property("industry", STRING),
        _property("is_test", BOOLEAN),
        _property("owner_id", STRING, "hubspot_owner_id"),
        description="a company",
    ),
    _objects(
        "contacts",
        "0-1",
        "lastmodifieddate",
        Column("contact_id", STRING, "id", nullable=False),
        _property("lead_source", STRING),
        _property("lifecycle_stage", STRING, "lifecyclestage"),
        _property("mql_at", TIMESTAMP, "hs_v2_date_entered_marketingqualifiedlead"),
        _property("sql_at", TIMESTAMP, "hs_v2_date_entered_salesqualifiedlead"),
        _property("customer_at", TIMESTAMP, "hs_v2_date_entered_customer"),
        _property("is_test", BOOLEAN),
        description="a person; name, e-mail and phone are not asked for",
    ),
    _objects(
        "deals",
        "0-3",
        "hs_lastmodifieddate",
        Column("deal_id", STRING, "id", nullable=False),
        _property("name", STRING, "dealname"),
        _property("type", STRING, "dealtype"),
        _property("pipeline_id", STRING, "pipeline"),
        _property("stage_id", STRING, "dealstage"),
        _property("amount", DECIMAL, unit="currency"),
        _property("acv", DECIMAL, "hs_acv", unit="currency"),
        _property("currency", STRING, "deal_currency_code"),
        _property("close_at", TIMESTAMP, "closedate"),
        _property("is_closed", BOOLEAN, "hs_is_closed"),
        _property("is_won", BOOLEAN, "hs_is_closed_won"),
        _property("owner_id", STRING, "hubspot_owner_id"),
        _property("competitor", STRING),
        description="a possible or closed sale",
    ),
    _history(
        "deal_history",
        "deals",
        "deal_id",
        "0-3",
        "dealstage,amount,closedate",
        "a value that a property of a deal has had",
    ),
    Stream(
        name="deal_companies",
        contract=Contract(
            columns=(
                Column("deal_id", STRING, nullable=False),
                Column("company_id", STRING, nullable=False),
                Column("type", STRING),
            ),
            key=("deal_id", "company_id", "type"),
        ),
        reader=read_associations,
        deletes=Deletes(DeleteKind.SNAPSHOT),
        every=DAILY,
        options={"type": "0-3", "associations": "companies"},
        description="a deal belongs to a company; a change of that moves no cursor, so all are read daily",
    ),
    _links("contact_links", "0-1", "companies,deals", "a contact belongs to a company or became a deal"),
    _objects(
        "meetings",
        "0-47",
        "hs_lastmodifieddate",
        Column("meeting_id", STRING, "id", nullable=False),
        _property("type", STRING, "hs_activity_type"),
        _property("outcome", STRING, "hs_meeting_outcome"),
        _property("starts_at", TIMESTAMP, "hs_meeting_start_time"),
        _property("is_qualified", BOOLEAN),
        _property("owner_id", STRING, "hubspot_owner_id"),
        description="a meeting or demo; its title and its text are not asked for",
        created="hs_createdate",
    ),
    _links("meeting_links", "0-47", "companies,contacts,deals", "whom a meeting was with and about"),
    _objects(
        "calls",
        "0-48",
        "hs_lastmodifieddate",
        Column("call_id", STRING, "id", nullable=False),
        _property("status", STRING, "hs_call_status"),
        _property("called_at", TIMESTAMP, "hs_timestamp"),
        _property("is_qualified", BOOLEAN),
        _property("owner_id", STRING, "hubspot_owner_id"),
        description="a call; its title and its text are not asked for",
        created="hs_createdate",
    ),
    _links("call_links", "0-48", "companies,contacts,deals", "whom a call was with and about"),
    _history(
        "company_history",
        "companies",
        "company_id",
        "0-2",
        "account_event",
        "a value that a property of a company has had, such as what became of the account",
        on_request=True,
    ),
    _stages(
        "ticket_stages",
        "tickets",
        Column("state", STRING, "metadata.ticketState", optional=True),
        description="a stage of a ticket pipeline",
        on_request=True,
    ),
    _objects(
        "tickets",
        "0-5",
        "hs_lastmodifieddate",
        Column("ticket_id", STRING, "id", nullable=False),
        _property("pipeline_id", STRING, "hs_pipeline"),
        _property("stage_id", STRING, "hs_pipeline_stage"),
        _property("priority", STRING, "hs_ticket_priority"),
        _property("channel", STRING, "source_type"),
        _property("closed_at", TIMESTAMP, "closed_date"),
        _property("first_reply_millis", INTEGER, "time_to_first_agent_reply", unit="milliseconds"),
        _property("team", STRING, "support_team"),
        _property("agent_replies", INTEGER),
        _property("is_spam", BOOLEAN),
        description="a request of a customer; its subject and its text are not asked for",
        on_request=True,
    ),
    _history(
        "ticket_history",
        "tickets",
        "ticket_id",
        "0-5",
        "hs_pipeline_stage",
        "a stage that a ticket has been in",
        on_request=True,
    ),
    _links("ticket_links", "0-5", "companies", "which company a ticket is of", on_request=True),
)

SYSTEM = System(
    name="hubspot",
    streams=STREAMS,
    api_version="2026-09",
    auth=("bearer",),
    rate=(150, 10.0),
    check=check_access,
)
