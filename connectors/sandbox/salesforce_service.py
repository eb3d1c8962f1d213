"""The company's conversations as Salesforce cases, with the history of their status."""

from __future__ import annotations

import numpy as np

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.log import Log
from connectors.sandbox.company.timeline import NEVER, NONE, START, Ints
from connectors.sandbox.salesforce_fields import Field, Object, made, or_none, picked
from connectors.sandbox.shelf import plain_log

CASE_STATUS = ("New", "Working", "Waiting on Customer", "Closed")
NEW, WORKING, WAITING, CLOSED = range(4)
ORIGINS = ("Chat", "Email", "Phone", "WhatsApp")
CASE_PRIORITY = ("Medium", "High")


def _status(log: Log, versions: Ints) -> Ints:
    """The case status at versions of the conversations' log."""
    state, replies = log.state["status"][versions], log.state["replies"][versions]
    is_open = np.where(replies > 0, WORKING, NEW)
    return np.where(state == words.SOLVED, CLOSED, np.where(state == words.PENDING, WAITING, is_open))


def case(company: Company) -> Object:
    """A case for each conversation."""
    data, log = company.conversations, company.conversations.log

    def closed(versions: Ints, _: Ints) -> list[int | None]:
        solved = _status(log, versions) == CLOSED
        return or_none(np.where(solved, log.state["last_close"][versions], NONE))

    return made(
        "Case",
        identity.CASE,
        log,
        data.created,
        {
            "CaseNumber": Field("text", lambda v, _: [f"{n + 1001:08d}" for n in log.record[v].tolist()]),
            "Subject": Field("text", lambda v, _: [f"Request {n + 1}" for n in log.record[v].tolist()]),
            "AccountId": Field(
                "reference", lambda v, _: identity.account_ids(data.account[log.record[v]]).tolist()
            ),
            "Origin": Field("text", lambda v, _: picked(data.channel[log.record[v]], ORIGINS)),
            "Priority": Field(
                "text", lambda v, _: picked(data.urgent[log.record[v]].astype(np.int64), CASE_PRIORITY)
            ),
            "Status": Field("text", lambda v, _: picked(_status(log, v), CASE_STATUS)),
            "IsClosed": Field("boolean", lambda v, _: (_status(log, v) == CLOSED).tolist()),
            "ClosedDate": Field("instant", closed),
            "Team__c": Field("text", lambda v, _: picked(data.team[log.record[v]], words.SUPPORT_TEAMS)),
            "First_Reply_At__c": Field("instant", lambda v, _: or_none(log.state["first_reply"][v])),
            "Agent_Replies__c": Field(
                "number", lambda v, _: log.state["replies"][v].astype(np.float64).tolist()
            ),
            "Is_Spam__c": Field("boolean", lambda v, _: (log.state["spam"][v] == 1).tolist()),
        },
    )


def case_history(company: Company) -> Object:
    """One row when a case was made and one per change of its status."""
    log = company.conversations.log
    status = _status(log, np.arange(log.at.size, dtype=np.int64))
    steps = log.steps(NEVER - 1)
    moved = steps[status[steps] != status[steps - 1]]
    source = np.concatenate([log.first[:-1], moved])
    is_move = np.concatenate([np.zeros(log.size, dtype=np.bool_), np.ones(moved.size, dtype=np.bool_)])
    order = np.lexsort((is_move, log.at[source]))
    source, is_move = source[order], is_move[order]
    created = log.at[source]
    own = plain_log(created)

    def values(versions: Ints, back: int) -> list[str | None]:
        rows = own.record[versions]
        # The first version has none before it, and shows none.
        shown = picked(status[np.maximum(source[rows] - back, 0)], CASE_STATUS)
        return [text if is_move[row] else None for row, text in zip(rows.tolist(), shown, strict=True)]

    return made(
        "CaseHistory",
        identity.FIELD_HISTORY,
        own,
        created,
        {
            "CaseId": Field(
                "reference",
                lambda v, _: identity.salesforce_ids(
                    identity.CASE, log.record[source[own.record[v]]]
                ).tolist(),
            ),
            "Field": Field(
                "text", lambda v, _: ["Status" if m else "created" for m in is_move[own.record[v]].tolist()]
            ),
            "OldValue": Field("any", lambda v, _: values(v, 1)),
            "NewValue": Field("any", lambda v, _: values(v, 0)),
        },
        stamp="CreatedDate",
    )


def case_status() -> Object:
    """The statuses that a case may have."""
    created = np.full(len(CASE_STATUS), START, dtype=np.int64)
    log = plain_log(created)
    return made(
        "CaseStatus",
        identity.CASE_STATUS,
        log,
        created,
        {
            "MasterLabel": Field("text", lambda v, _: picked(log.record[v], CASE_STATUS)),
            "IsClosed": Field("boolean", lambda v, _: (log.record[v] == CLOSED).tolist()),
            "SortOrder": Field("integer", lambda v, _: (log.record[v] + 1).tolist()),
        },
        is_flagged=False,
    )
