"""Salesforce: SOQL over REST for little, Bulk API 2.0 for much, deletions by `queryAll` and `IsDeleted`.

Only the declared fields are selected, so an undeclared field never leaves the vendor. Custom fields differ
from one organisation to the next: `columns:` and `without:` in the source's YAML fit a contract to them. Streams of
features that not every organisation has (cases, products, dated rates) are loaded where a source names them.

Source: connector rules, 'Salesforce'.
"""

from __future__ import annotations

from datetime import timedelta

from connectors.contract import Column, ColumnType, Contract
from connectors.salesforce_query import check_access, list_ids, read_object
from connectors.stream import Cursor, DeleteKind, Deletes, Stream, System

STRING, DECIMAL, DOUBLE = ColumnType.STRING, ColumnType.DECIMAL, ColumnType.DOUBLE
BOOLEAN, DATE, TIMESTAMP, INTEGER = (
    ColumnType.BOOLEAN,
    ColumnType.DATE,
    ColumnType.TIMESTAMP,
    ColumnType.INTEGER,
)

CREATED = Column("created_at", TIMESTAMP, "CreatedDate", nullable=False)
UPDATED = Column(
    "updated_at", TIMESTAMP, "SystemModstamp", nullable=False, description="any change, by anyone"
)
DELETED = Column("is_deleted", BOOLEAN, "IsDeleted", nullable=False)

# What was deleted for good (a hard delete, an emptied bin) has no row that could say so: ids are compared as well.
FLAGGED = Deletes(DeleteKind.FLAG, flag="IsDeleted", keys=list_ids, every=timedelta(days=1))


def _object(
    name: str,
    sobject: str,
    key: Column,
    *columns: Column,
    cursor: str = "SystemModstamp",
    deletes: Deletes = FLAGGED,
    where: str = "",
    on_request: bool = False,
    description: str,
) -> Stream:
    """One object read by `queryAll`, so that soft-deleted rows come with it."""
    stamps = [CREATED]
    if cursor == "SystemModstamp":
        stamps.append(UPDATED)
    if deletes.kind is DeleteKind.FLAG:
        stamps.append(DELETED)
    whole = deletes.kind is DeleteKind.SNAPSHOT
    return Stream(
        name=name,
        contract=Contract(columns=(key, *columns, *stamps), key=(key.name,), ignored=("attributes",)),
        reader=read_object,
        cursor=None if whole else Cursor(cursor, precision=timedelta(seconds=1)),
        overlap=timedelta(minutes=10),
        deletes=deletes,
        exact_total=True,
        options={"object": sobject, "where": where, "bulk_threshold": "2000"},
        tuning=("bulk_threshold",),
        on_request=on_request,
        description=description,
    )


def _id(name: str) -> Column:
    return Column(name, STRING, "Id", nullable=False)


STREAMS = (
    _object(
        "accounts",
        "Account",
        _id("account_id"),
        Column("name", STRING, "Name"),
        Column("tier", STRING, "Tier__c"),
        Column("region", STRING, "Region__c"),
        Column("industry", STRING, "Industry"),
        Column("is_test", BOOLEAN, "Is_Test__c"),
        Column("owner_id", STRING, "OwnerId"),
        description="a company that buys or may buy",
    ),
    _object(
        "leads",
        "Lead",
        _id("lead_id"),
        Column("source", STRING, "LeadSource"),
        Column("status", STRING, "Status"),
        Column("mql_at", TIMESTAMP, "MQL_At__c"),
        Column("sql_at", TIMESTAMP, "SQL_At__c"),
        Column("converted_at", TIMESTAMP, "Converted_At__c"),
        Column("is_converted", BOOLEAN, "IsConverted", nullable=False),
        Column("converted_date", DATE, "ConvertedDate"),
        Column("converted_account_id", STRING, "ConvertedAccountId"),
        Column("converted_opportunity_id", STRING, "ConvertedOpportunityId"),
        Column("is_test", BOOLEAN, "Is_Test__c"),
        description="a person who showed interest; name, e-mail and company are not read",
    ),
    _object(
        "opportunities",
        "Opportunity",
        _id("opportunity_id"),
        Column("name", STRING, "Name"),
        Column("account_id", STRING, "AccountId"),
        Column("type", STRING, "Type"),
        Column("stage", STRING, "StageName", nullable=False),
        Column("amount", DECIMAL, "Amount", unit="currency"),
        Column("acv", DECIMAL, "ACV__c", unit="currency"),
        Column("currency", STRING, "CurrencyIsoCode"),
        Column("probability", DOUBLE, "Probability", unit="percent"),
        Column("is_closed", BOOLEAN, "IsClosed", nullable=False),
        Column("is_won", BOOLEAN, "IsWon", nullable=False),
        Column("close_date", DATE, "CloseDate"),
        Column("competitor", STRING, "Competitor__c"),
        Column("owner_id", STRING, "OwnerId"),
        description="a possible or closed sale",
    ),
    _object(
        "opportunity_line_items",
        "OpportunityLineItem",
        _id("line_item_id"),
        Column("opportunity_id", STRING, "OpportunityId", nullable=False),
        Column("product", STRING, "Name"),
        Column("product_code", STRING, "ProductCode"),
        Column("quantity", DECIMAL, "Quantity"),
        Column("unit_price", DECIMAL, "UnitPrice", unit="currency"),
        Column("total_price", DECIMAL, "TotalPrice", unit="currency"),
        Column("currency", STRING, "CurrencyIsoCode"),
        Column("service_date", DATE, "ServiceDate"),
        on_request=True,
        description="a product of an opportunity; the total prices of all its lines are its amount",
    ),
    _object(
        "opportunity_history",
        "OpportunityHistory",
        _id("history_id"),
        Column("opportunity_id", STRING, "OpportunityId", nullable=False),
        Column("stage", STRING, "StageName"),
        Column("amount", DECIMAL, "Amount", unit="currency"),
        Column("close_date", DATE, "CloseDate"),
        Column("probability", DOUBLE, "Probability", unit="percent"),
        Column("currency", STRING, "CurrencyIsoCode"),
        description="an opportunity's stage, amount and close date after a change of any of them",
    ),
    _object(
        "opportunity_field_history",
        "OpportunityFieldHistory",
        _id("history_id"),
        Column("opportunity_id", STRING, "OpportunityId", nullable=False),
        Column("field", STRING, "Field", nullable=False),
        Column("old_value", STRING, "OldValue"),
        Column("new_value", STRING, "NewValue"),
        cursor="CreatedDate",
        # Values of other fields may name people.
        where="Field IN ('created', 'StageName', 'Amount', 'CloseDate')",
        description="one field of an opportunity before and after a change",
    ),
    _object(
        "opportunity_stages",
        "OpportunityStage",
        _id("stage_id"),
        Column("label", STRING, "MasterLabel", nullable=False),
        Column("api_name", STRING, "ApiName"),
        Column("is_closed", BOOLEAN, "IsClosed", nullable=False),
        Column("is_won", BOOLEAN, "IsWon", nullable=False),
        Column("is_active", BOOLEAN, "IsActive"),
        Column("default_probability", DOUBLE, "DefaultProbability", unit="percent"),
        Column("sort_order", INTEGER, "SortOrder"),
        deletes=Deletes(DeleteKind.SNAPSHOT),
        description="a stage of the sales process",
    ),
    _object(
        "events",
        "Event",
        _id("event_id"),
        Column("what_id", STRING, "WhatId", description="an opportunity (006…) or an account (001…)"),
        Column("who_id", STRING, "WhoId", description="a lead (00Q…) or a contact (003…)"),
        Column("account_id", STRING, "AccountId"),
        Column("type", STRING, "Type"),
        Column("is_qualified", BOOLEAN, "Qualified__c"),
        Column("status", STRING, "Status__c"),
        Column("start_at", TIMESTAMP, "StartDateTime"),
        Column("end_at", TIMESTAMP, "EndDateTime"),
        Column("owner_id", STRING, "OwnerId"),
        description="a meeting or a demo",
    ),
    _object(
        "tasks",
        "Task",
        _id("task_id"),
        Column("what_id", STRING, "WhatId", description="an opportunity (006…) or an account (001…)"),
        Column("who_id", STRING, "WhoId", description="a lead (00Q…) or a contact (003…)"),
        Column("account_id", STRING, "AccountId"),
        Column("type", STRING, "Type"),
        Column("subtype", STRING, "TaskSubtype"),
        Column("status", STRING, "Status"),
        Column("is_qualified", BOOLEAN, "Qualified__c"),
        Column("activity_date", DATE, "ActivityDate"),
        Column("completed_at", TIMESTAMP, "CompletedDateTime"),
        Column("owner_id", STRING, "OwnerId"),
        description="a call or another thing to do",
    ),
    _object(
        "account_events",
        "AccountEvent__c",
        _id("account_event_id"),
        Column("account_id", STRING, "Account__c"),
        Column("event", STRING, "Event__c"),
        Column("occurred_at", TIMESTAMP, "Occurred_At__c"),
        description="something that happened to an account: onboarded, at risk, ...",
    ),
    _object(
        "cases",
        "Case",
        _id("case_id"),
        Column("account_id", STRING, "AccountId"),
        Column("status", STRING, "Status", nullable=False),
        Column("priority", STRING, "Priority"),
        Column("origin", STRING, "Origin"),
        Column("is_closed", BOOLEAN, "IsClosed", nullable=False),
        Column("closed_at", TIMESTAMP, "ClosedDate"),
        Column("team", STRING, "Team__c"),
        Column("first_reply_at", TIMESTAMP, "First_Reply_At__c"),
        Column("agent_replies", INTEGER, "Agent_Replies__c"),
        Column("is_spam", BOOLEAN, "Is_Spam__c"),
        on_request=True,
        description="a request of a customer; subject, description and who wrote it are not read",
    ),
    _object(
        "case_history",
        "CaseHistory",
        _id("history_id"),
        Column("case_id", STRING, "CaseId", nullable=False),
        Column("field", STRING, "Field", nullable=False),
        Column("old_value", STRING, "OldValue"),
        Column("new_value", STRING, "NewValue"),
        cursor="CreatedDate",
        # Values of other fields may name people or quote them.
        where="Field IN ('created', 'Status', 'Priority')",
        on_request=True,
        description="one field of a case before and after a change",
    ),
    _object(
        "case_statuses",
        "CaseStatus",
        _id("status_id"),
        Column("label", STRING, "MasterLabel", nullable=False),
        Column("is_closed", BOOLEAN, "IsClosed", nullable=False),
        Column("sort_order", INTEGER, "SortOrder"),
        deletes=Deletes(DeleteKind.SNAPSHOT),
        on_request=True,
        description="a status of cases",
    ),
    _object(
        "dated_conversion_rates",
        "DatedConversionRate",
        _id("rate_id"),
        Column("currency", STRING, "IsoCode", nullable=False),
        Column(
            "rate",
            DECIMAL,
            "ConversionRate",
            nullable=False,
            scale=6,
            description="units of the currency for one of the corporate currency",
        ),
        Column("valid_from", DATE, "StartDate", nullable=False),
        Column("valid_to", DATE, "NextStartDate", description="the first day of the next rate"),
        deletes=Deletes(DeleteKind.SNAPSHOT),
        on_request=True,
        description="what a currency was worth from one day to the next; with advanced currency management only",
    ),
    _object(
        "users",
        "User",
        _id("user_id"),
        Column("is_active", BOOLEAN, "IsActive", nullable=False),
        Column("department", STRING, "Department"),
        # A user is never deleted, only made inactive.
        deletes=Deletes(DeleteKind.NONE),
        description="a seat in the CRM; name and e-mail are not read",
    ),
)

SYSTEM = System(
    name="salesforce",
    streams=STREAMS,
    api_version="63.0",
    auth=("client_credentials", "refresh_token", "jwt"),
    token_path="/services/oauth2/token",  # noqa: S106  (an address)
    rate=(25, 1.0),
    check=check_access,
)
