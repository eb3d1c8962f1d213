"""The company's activities as Salesforce objects: meetings and demos are events, calls are tasks."""

from __future__ import annotations

import numpy as np

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.log import Log
from connectors.sandbox.company.timeline import DAY, MINUTE, NONE, Ints
from connectors.sandbox.salesforce_fields import Field, Object, days_shown, made, or_none, picked

EVENT_LABELS = ("Meeting", "Demo")
EVENT_STATUS = ("Planned", "Held", "Cancelled")
TASK_STATUS = ("Not Started", "Completed", "Deferred")


def activities(company: Company, name: str) -> Object:
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
            "Type": Field("text", lambda v, _: picked(data.kind[record(v)], EVENT_LABELS)),
            "Status__c": Field("text", lambda v, _: picked(status(v), EVENT_STATUS)),
            "StartDateTime": Field("instant", lambda v, _: log.state[starts][v].tolist()),
            "EndDateTime": Field("instant", lambda v, _: (log.state[starts][v] + 45 * MINUTE).tolist()),
        }
        return made(name, identity.EVENT, log, data.booked, fields)
    fields |= {
        "Type": Field("text", lambda v, _: ["Call"] * v.size),
        "TaskSubtype": Field("text", lambda v, _: ["Call"] * v.size),
        "Status": Field("text", lambda v, _: picked(status(v), TASK_STATUS)),
        "ActivityDate": Field("date", lambda v, _: days_shown(log.state[starts][v] // DAY)),
        "CompletedDateTime": Field(
            "instant", lambda v, _: or_none(np.where(status(v) == words.HELD, log.state[starts][v], NONE))
        ),
    }
    return made(name, identity.TASK, log, data.booked, fields)


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
