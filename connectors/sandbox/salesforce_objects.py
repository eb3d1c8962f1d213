"""The sandbox company as Salesforce objects: which fields each object has and how a version of a record fills them.

Columns are computed for many versions at once and only when asked for. Values are canonical: texts, numbers,
booleans,
instants as milliseconds; `Field.kind` says how REST and Bulk CSV write them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.log import Change, Log
from connectors.sandbox.company.timeline import DAY, HOUR, MINUTE, NEVER, NONE, START, Ints
from connectors.sandbox.shelf import plain_log

Column = Callable[[Ints, Ints], Sequence[Any]]
"""Values for versions of a log, given the cursor values (ms) to show for them."""

TIER_LABELS = ("Free", "Pro", "Enterprise")
REGION_LABELS = ("NA", "EMEA", "APAC", "LATAM")
TYPE_LABELS = ("New Business", "Upsell", "Cross-Sell", "Renewal")
EVENT_LABELS = ("Meeting", "Demo")
EVENT_STATUS = ("Planned", "Held", "Cancelled")
TASK_STATUS = ("Not Started", "Completed", "Deferred")


@dataclass(frozen=True)
class Field:
    """A field of an object. kind: text, reference, instant, date, money, number, boolean or integer."""

    kind: str
    column: Column


@dataclass(frozen=True)
class Object:
    """An object: id prefix, log of versions, creation instants by record number, fields in order."""

    name: str
    prefix: str
    log: Log
    created: Ints
    fields: Mapping[str, Field]


def objects(company: Company) -> dict[str, Object]:
    """All objects of the sandbox organisation, by API name."""
    found = (
        _account(company),
        _lead(company),
        _opportunity(company),
        _opportunity_history(company),
        _field_history(company),
        _activities(company, "Event"),
        _activities(company, "Task"),
        _account_event(company),
        _stage(),
        _user(),
    )
    return {item.name: item for item in found}


def _picked(codes: Ints, labels: Sequence[str]) -> list[Any]:
    vocabulary = np.asarray([*labels, None], dtype=np.object_)
    return list(vocabulary[codes])


def _or_none(values: Ints) -> list[int | None]:
    return [None if value == NONE or value >= NEVER else value for value in values.tolist()]


def _money(cents: Ints) -> list[float | None]:
    return [None if value == NONE else value / 100 for value in cents.tolist()]


def _days(days: Ints) -> list[str]:
    return list(np.datetime_as_string(days.astype("datetime64[D]")).tolist()) if days.size else []


def _object(
    name: str,
    prefix: str,
    log: Log,
    created: Ints,
    fields: Mapping[str, Field],
    *,
    stamp: str = "SystemModstamp",
) -> Object:
    """An object with the fields that all have: Id first, then its own, then stamps and the deletion mark."""
    record = log.record
    everywhere: dict[str, Field] = {
        "Id": Field(
            "reference", lambda versions, _: identity.salesforce_ids(prefix, record[versions]).tolist()
        ),
        **fields,
        "CreatedDate": Field("instant", lambda versions, _: created[record[versions]].tolist()),
    }
    if stamp == "SystemModstamp":
        everywhere["SystemModstamp"] = Field("instant", lambda _, updated: updated.tolist())
        everywhere["LastModifiedDate"] = Field("instant", lambda _, updated: updated.tolist())
    everywhere["IsDeleted"] = Field("boolean", lambda versions, _: log.gone[versions].tolist())
    return Object(name, prefix, log, created, everywhere)


def _owner(log: Log) -> Field:
    return Field(
        "reference", lambda v, _: identity.salesforce_ids(identity.USER, log.state["owner"][v]).tolist()
    )


def _account(company: Company) -> Object:
    data, log = company.accounts, company.account_log
    return _object(
        "Account",
        identity.ACCOUNT,
        log,
        data.created,
        {
            "Name": Field("text", lambda v, _: [identity.account_name(int(n)) for n in log.record[v]]),
            "Tier__c": Field("text", lambda v, _: _picked(log.state["tier"][v], TIER_LABELS)),
            "Region__c": Field("text", lambda v, _: _picked(data.region[log.record[v]], REGION_LABELS)),
            "Industry": Field("text", lambda v, _: _picked(data.industry[log.record[v]], words.INDUSTRIES)),
            "Is_Test__c": Field("boolean", lambda v, _: data.is_test[log.record[v]].tolist()),
            "OwnerId": _owner(log),
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
        days = _days(np.maximum(at, 0) // DAY)
        return [None if a == NONE else d for a, d in zip(at.tolist(), days, strict=True)]

    return _object(
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
            "LeadSource": Field("text", lambda v, _: _picked(data.source[log.record[v]], words.LEAD_SOURCES)),
            "Status": Field("text", lambda v, _: _picked(log.state["status"][v], words.LEAD_STATUS)),
            "MQL_At__c": Field("instant", lambda v, _: _or_none(log.state["mql"][v])),
            "SQL_At__c": Field("instant", lambda v, _: _or_none(log.state["sql"][v])),
            "Converted_At__c": Field("instant", lambda v, _: _or_none(converted(v))),
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

    return _object(
        "Opportunity",
        identity.OPPORTUNITY,
        log,
        data.created,
        {
            "Name": Field("text", title),
            "AccountId": Field(
                "reference", lambda v, _: identity.account_ids(data.account[log.record[v]]).tolist()
            ),
            "Type": Field("text", lambda v, _: _picked(data.kind[log.record[v]], TYPE_LABELS)),
            "StageName": Field("text", lambda v, _: _picked(stage(v), words.STAGES)),
            "Amount": Field("money", lambda v, _: _money(log.state["amount"][v])),
            "ACV__c": Field("money", lambda v, _: _money(log.state["acv"][v])),
            "CurrencyIsoCode": Field("text", lambda v, _: ["USD"] * v.size),
            "Probability": Field("number", lambda v, _: probability[stage(v)].tolist()),
            "IsClosed": Field("boolean", lambda v, _: (stage(v) >= words.WON).tolist()),
            "IsWon": Field("boolean", lambda v, _: (stage(v) == words.WON).tolist()),
            "CloseDate": Field("date", lambda v, _: _days(log.state["close_day"][v])),
            "Competitor__c": Field(
                "text", lambda v, _: _picked(log.state["competitor"][v], words.COMPETITORS)
            ),
            "OwnerId": _owner(log),
        },
    )


HISTORY_COLUMNS = {"stage": "StageName", "amount": "Amount", "close_day": "CloseDate", "owner": "Owner"}
"""State columns of a deal and their names in the field history."""


def _opportunity_history(company: Company) -> Object:
    """One row when a deal was made and one per change of stage, amount or close date; they outlive a deleted deal."""
    log = company.deals.log
    shown = np.ones(log.at.size, dtype=np.bool_)
    shown[1:] = False
    shown[log.first[:-1]] = True
    for name in ("stage", "amount", "close_day"):
        column = log.state[name]
        shown[1:] |= (column[1:] != column[:-1]) & (log.record[1:] == log.record[:-1])
    source = np.flatnonzero(shown & ~log.gone)
    source = source[np.argsort(log.at[source], kind="stable")]
    created = log.at[source]
    own = plain_log(created)
    probability = np.asarray(words.STAGE_PROBABILITY, dtype=np.float64)

    def state(name: str, versions: Ints) -> Ints:
        return log.state[name][source[own.record[versions]]]

    return _object(
        "OpportunityHistory",
        identity.STAGE_HISTORY,
        own,
        created,
        {
            "OpportunityId": Field(
                "reference",
                lambda v, _: identity.salesforce_ids(
                    identity.OPPORTUNITY, log.record[source[own.record[v]]]
                ).tolist(),
            ),
            "StageName": Field("text", lambda v, _: _picked(state("stage", v), words.STAGES)),
            "Amount": Field("money", lambda v, _: _money(state("amount", v))),
            "CloseDate": Field("date", lambda v, _: _days(state("close_day", v))),
            "Probability": Field("number", lambda v, _: probability[state("stage", v)].tolist()),
            "CurrencyIsoCode": Field("text", lambda v, _: ["USD"] * v.size),
            "CreatedById": Field(
                "reference", lambda v, _: identity.salesforce_ids(identity.USER, state("owner", v)).tolist()
            ),
        },
    )


def _field_history(company: Company) -> Object:
    """One row per changed field: the value before and after, as text; no SystemModstamp, as in the real object."""
    log = company.deals.log
    steps = log.steps(NEVER - 1)
    parts = [(log.first[:-1], np.full(log.size, NONE, dtype=np.int64))]
    for index, name in enumerate(HISTORY_COLUMNS):
        column = log.state[name]
        moved = steps[column[steps] != column[steps - 1]]
        parts.append((moved, np.full(moved.size, index, dtype=np.int64)))
    source = np.concatenate([part[0] for part in parts])
    code = np.concatenate([part[1] for part in parts])
    order = np.lexsort((code, log.at[source]))
    source, code = source[order], code[order]
    created = log.at[source]
    own = plain_log(created)
    names = ("created", *HISTORY_COLUMNS.values())

    def values(versions: Ints, back: int) -> list[str | float | None]:
        rows = own.record[versions]
        found: list[str | float | None] = [None] * versions.size
        for index, name in enumerate(HISTORY_COLUMNS):
            mine = np.flatnonzero(code[rows] == index)
            column = log.state[name][source[rows[mine]] - back]
            shown: Sequence[str | float | None]
            if name == "stage":
                shown = _picked(column, words.STAGES)
            elif name == "amount":
                shown = _money(column)
            elif name == "close_day":
                shown = _days(column)
            else:
                shown = identity.salesforce_ids(identity.USER, column).tolist()
            for place, value in zip(mine.tolist(), shown, strict=True):
                found[place] = value
        return found

    return _object(
        "OpportunityFieldHistory",
        identity.FIELD_HISTORY,
        own,
        created,
        {
            "OpportunityId": Field(
                "reference",
                lambda v, _: identity.salesforce_ids(
                    identity.OPPORTUNITY, log.record[source[own.record[v]]]
                ).tolist(),
            ),
            "Field": Field("text", lambda v, _: [names[c + 1] for c in code[own.record[v]].tolist()]),
            "OldValue": Field("any", lambda v, _: values(v, 1)),
            "NewValue": Field("any", lambda v, _: values(v, 0)),
            "CreatedById": Field(
                "reference",
                lambda v, _: identity.salesforce_ids(
                    identity.USER, log.state["owner"][source[own.record[v]]]
                ).tolist(),
            ),
        },
        stamp="CreatedDate",
    )


def _activities(company: Company, name: str) -> Object:
    """Meetings and demos as Event, calls as Task; both are numbered by the company's activities."""
    data, whole = company.activities, company.activities.log
    is_call = data.kind == words.CALL
    log = _only(whole, is_call if name == "Task" else ~is_call)

    def status(versions: Ints) -> Ints:
        return log.state["status"][versions]

    def record(versions: Ints) -> Ints:
        return log.record[versions]

    fields: dict[str, Field] = {
        "WhatId": Field(
            "reference",
            lambda v, _: identity.optional_ids(identity.OPPORTUNITY, data.deal[record(v)]).tolist(),
        ),
        "WhoId": Field(
            "reference", lambda v, _: identity.optional_ids(identity.LEAD, data.lead[record(v)]).tolist()
        ),
        "AccountId": Field("reference", lambda v, _: identity.account_ids(data.account[record(v)]).tolist()),
        "Subject": Field(
            "text", lambda v, _: [f"{words.ACTIVITY_TYPES[k].title()}" for k in data.kind[record(v)].tolist()]
        ),
        "Qualified__c": Field("boolean", lambda v, _: data.qualified[record(v)].tolist()),
        "OwnerId": Field(
            "reference", lambda v, _: identity.salesforce_ids(identity.USER, record(v) % 12).tolist()
        ),
    }
    starts = "starts"
    if name == "Event":
        fields |= {
            "Type": Field("text", lambda v, _: _picked(data.kind[record(v)], EVENT_LABELS)),
            "Status__c": Field("text", lambda v, _: _picked(status(v), EVENT_STATUS)),
            "StartDateTime": Field("instant", lambda v, _: log.state[starts][v].tolist()),
            "EndDateTime": Field("instant", lambda v, _: (log.state[starts][v] + 45 * MINUTE).tolist()),
        }
        return _object(name, identity.EVENT, log, data.booked, fields)
    fields |= {
        "Type": Field("text", lambda v, _: ["Call"] * v.size),
        "TaskSubtype": Field("text", lambda v, _: ["Call"] * v.size),
        "Status": Field("text", lambda v, _: _picked(status(v), TASK_STATUS)),
        "ActivityDate": Field("date", lambda v, _: _days(log.state[starts][v] // DAY)),
        "CompletedDateTime": Field(
            "instant", lambda v, _: _or_none(np.where(status(v) == words.HELD, log.state[starts][v], NONE))
        ),
    }
    return _object(name, identity.TASK, log, data.booked, fields)


def _only(log: Log, which: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Log:
    """The log with only some of its records; the others keep their numbers and have no versions."""
    keep = which[log.record]
    record = log.record[keep]
    return Log(
        record=record,
        at=log.at[keep],
        until=log.until[keep],
        gone=log.gone[keep],
        state={name: column[keep] for name, column in log.state.items()},
        first=np.searchsorted(record, np.arange(log.size + 1)).astype(np.int64),
    )


def _account_event(company: Company) -> Object:
    data = company.account_events
    log = Log.build(created=data.recorded, initial={}, changes=(), deleted=data.deleted)
    return _object(
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
            "Event__c": Field("text", lambda v, _: _picked(data.event[log.record[v]], words.ACCOUNT_EVENTS)),
            "Occurred_At__c": Field("instant", lambda v, _: data.at[log.record[v]].tolist()),
        },
    )


def _stage() -> Object:
    created = np.full(len(words.STAGES), START - 500 * DAY, dtype=np.int64)
    log = plain_log(created)
    return _object(
        "OpportunityStage",
        identity.STAGE,
        log,
        created,
        {
            "MasterLabel": Field("text", lambda v, _: _picked(log.record[v], words.STAGES)),
            "ApiName": Field("text", lambda v, _: _picked(log.record[v], words.STAGES)),
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
    return _object(
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
