"""The sandbox company as Salesforce objects: accounts, leads, opportunities, stages, users; the rest is put beside."""

from __future__ import annotations

import numpy as np

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.log import Change, Log
from connectors.sandbox.company.timeline import DAY, HOUR, NONE, START, Ints
from connectors.sandbox.salesforce_activities import activities
from connectors.sandbox.salesforce_fields import (
    Field,
    Object,
    days_shown,
    made,
    money,
    or_none,
    owner,
    picked,
)
from connectors.sandbox.salesforce_history import field_history, opportunity_history
from connectors.sandbox.salesforce_money import dated_conversion_rate, line_item
from connectors.sandbox.salesforce_service import case, case_history, case_status
from connectors.sandbox.shelf import plain_log

TIER_LABELS = ("Free", "Pro", "Enterprise")
REGION_LABELS = ("NA", "EMEA", "APAC", "LATAM")
TYPE_LABELS = ("New Business", "Upsell", "Cross-Sell", "Renewal")


def objects(company: Company) -> dict[str, Object]:
    """All objects of the sandbox organisation, by API name."""
    found = (
        _account(company),
        _lead(company),
        _opportunity(company),
        line_item(company),
        opportunity_history(company),
        field_history(company),
        activities(company, "Event"),
        activities(company, "Task"),
        _account_event(company),
        case(company),
        case_history(company),
        case_status(),
        _stage(),
        dated_conversion_rate(),
        _user(),
    )
    return {item.name: item for item in found}


def _account(company: Company) -> Object:
    data, log = company.accounts, company.account_log
    return made(
        "Account",
        identity.ACCOUNT,
        log,
        data.created,
        {
            "Name": Field("text", lambda v, _: [identity.account_name(int(n)) for n in log.record[v]]),
            "Tier__c": Field("text", lambda v, _: picked(log.state["tier"][v], TIER_LABELS)),
            "Region__c": Field("text", lambda v, _: picked(data.region[log.record[v]], REGION_LABELS)),
            "Industry": Field("text", lambda v, _: picked(data.industry[log.record[v]], words.INDUSTRIES)),
            "Is_Test__c": Field("boolean", lambda v, _: data.is_test[log.record[v]].tolist()),
            "OwnerId": owner(log),
        },
    )


def _lead(company: Company) -> Object:
    data, log = company.leads, company.leads.log
    deal = np.full(data.size, NONE, dtype=np.int64)
    from_lead = np.flatnonzero(company.deals.lead != NONE)
    deal[company.deals.lead[from_lead]] = from_lead

    def converted(versions: Ints) -> Ints:
        return log.state["converted"][versions]

    def after_conversion(versions: Ints, numbers: Ints) -> Ints:
        return np.where(converted(versions) != NONE, numbers[log.record[versions]], NONE)

    def converted_day(versions: Ints, _: Ints) -> list[str | None]:
        at = converted(versions)
        days = days_shown(np.maximum(at, 0) // DAY)
        return [None if a == NONE else d for a, d in zip(at.tolist(), days, strict=True)]

    return made(
        "Lead",
        identity.LEAD,
        log,
        data.created,
        {
            "Name": Field("text", lambda v, _: [identity.person_name(int(n)) for n in log.record[v]]),
            "Email": Field("text", lambda v, _: [f"lead{n}@example.com" for n in log.record[v].tolist()]),
            "Company": Field(
                "text", lambda v, _: [identity.account_name(int(n) * 13) for n in log.record[v]]
            ),
            "LeadSource": Field("text", lambda v, _: picked(data.source[log.record[v]], words.LEAD_SOURCES)),
            "Status": Field("text", lambda v, _: picked(log.state["status"][v], words.LEAD_STATUS)),
            "MQL_At__c": Field("instant", lambda v, _: or_none(log.state["mql"][v])),
            "SQL_At__c": Field("instant", lambda v, _: or_none(log.state["sql"][v])),
            "Converted_At__c": Field("instant", lambda v, _: or_none(converted(v))),
            "IsConverted": Field("boolean", lambda v, _: (converted(v) != NONE).tolist()),
            "ConvertedDate": Field("date", converted_day),
            "ConvertedAccountId": Field(
                "reference", lambda v, _: identity.account_ids(after_conversion(v, data.account)).tolist()
            ),
            "ConvertedOpportunityId": Field(
                "reference",
                lambda v, _: identity.optional_ids(identity.OPPORTUNITY, after_conversion(v, deal)).tolist(),
            ),
            "Is_Test__c": Field("boolean", lambda v, _: data.is_test[log.record[v]].tolist()),
        },
    )


def _opportunity(company: Company) -> Object:
    data, log = company.deals, company.deals.log
    probability = np.asarray(words.STAGE_PROBABILITY, dtype=np.float64)

    def stage(versions: Ints) -> Ints:
        return log.state["stage"][versions]

    def title(versions: Ints, _: Ints) -> list[str]:
        return [
            f"{'Unknown' if account == NONE else identity.account_name(account)} – {TYPE_LABELS[kind]} {number + 1}"
            for account, kind, number in zip(
                data.account[log.record[versions]].tolist(),
                data.kind[log.record[versions]].tolist(),
                log.record[versions].tolist(),
                strict=True,
            )
        ]

    return made(
        "Opportunity",
        identity.OPPORTUNITY,
        log,
        data.created,
        {
            "Name": Field("text", title),
            "AccountId": Field(
                "reference", lambda v, _: identity.account_ids(data.account[log.record[v]]).tolist()
            ),
            "Type": Field("text", lambda v, _: picked(data.kind[log.record[v]], TYPE_LABELS)),
            "StageName": Field("text", lambda v, _: picked(stage(v), words.STAGES)),
            "Amount": Field("money", lambda v, _: money(log.state["amount"][v])),
            "ACV__c": Field("money", lambda v, _: money(log.state["acv"][v])),
            "CurrencyIsoCode": Field("text", lambda v, _: ["USD"] * v.size),
            "Probability": Field("number", lambda v, _: probability[stage(v)].tolist()),
            "IsClosed": Field("boolean", lambda v, _: (stage(v) >= words.WON).tolist()),
            "IsWon": Field("boolean", lambda v, _: (stage(v) == words.WON).tolist()),
            "CloseDate": Field("date", lambda v, _: days_shown(log.state["close_day"][v])),
            "Competitor__c": Field(
                "text", lambda v, _: picked(log.state["competitor"][v], words.COMPETITORS)
            ),
            "OwnerId": owner(log),
        },
    )


def _account_event(company: Company) -> Object:
    data = company.account_events
    log = Log.build(created=data.recorded, initial={}, changes=(), deleted=data.deleted)
    return made(
        "AccountEvent__c",
        identity.ACCOUNT_EVENT,
        log,
        data.recorded,
        {
            "Name": Field("text", lambda v, _: [f"AE-{n + 1:06d}" for n in log.record[v].tolist()]),
            "Account__c": Field(
                "reference",
                lambda v, _: identity.salesforce_ids(identity.ACCOUNT, data.account[log.record[v]]).tolist(),
            ),
            "Event__c": Field("text", lambda v, _: picked(data.event[log.record[v]], words.ACCOUNT_EVENTS)),
            "Occurred_At__c": Field("instant", lambda v, _: data.at[log.record[v]].tolist()),
        },
    )


def _stage() -> Object:
    created = np.full(len(words.STAGES), START - 500 * DAY, dtype=np.int64)
    log = plain_log(created)
    return made(
        "OpportunityStage",
        identity.STAGE,
        log,
        created,
        {
            "MasterLabel": Field("text", lambda v, _: picked(log.record[v], words.STAGES)),
            "ApiName": Field("text", lambda v, _: picked(log.record[v], words.STAGES)),
            "IsClosed": Field("boolean", lambda v, _: (log.record[v] >= words.WON).tolist()),
            "IsWon": Field("boolean", lambda v, _: (log.record[v] == words.WON).tolist()),
            "IsActive": Field("boolean", lambda v, _: [True] * v.size),
            "DefaultProbability": Field(
                "number",
                lambda v, _: np.asarray(words.STAGE_PROBABILITY, dtype=np.float64)[log.record[v]].tolist(),
            ),
            "SortOrder": Field("integer", lambda v, _: (log.record[v] + 1).tolist()),
        },
    )


def _user() -> Object:
    created = START - 400 * DAY + np.arange(14, dtype=np.int64) * 17 * HOUR
    log = Log.build(
        created=created,
        initial={"active": np.ones(14, dtype=np.int64)},
        changes=[
            Change(np.asarray([13]), np.asarray([START + 200 * DAY]), {"active": np.zeros(1, dtype=np.int64)})
        ],
    )
    return made(
        "User",
        identity.USER,
        log,
        created,
        {
            "Name": Field("text", lambda v, _: [identity.person_name(int(n) + 400) for n in log.record[v]]),
            "Email": Field("text", lambda v, _: [f"rep{n}@sandbox.example" for n in log.record[v].tolist()]),
            "IsActive": Field("boolean", lambda v, _: (log.state["active"][v] == 1).tolist()),
            "Department": Field(
                "text", lambda v, _: ["Sales" if n < 12 else "Operations" for n in log.record[v].tolist()]
            ),
        },
    )
