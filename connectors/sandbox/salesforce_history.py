"""The history of opportunities as Salesforce keeps it: `OpportunityHistory` and the field history."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.timeline import NEVER, NONE, Ints
from connectors.sandbox.salesforce_fields import Field, Object, days_shown, made, money, picked
from connectors.sandbox.shelf import plain_log

HISTORY_COLUMNS = {"stage": "StageName", "amount": "Amount", "close_day": "CloseDate", "owner": "Owner"}
"""State columns of a deal and their names in the field history."""


def opportunity_history(company: Company) -> Object:
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

    return made(
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
            "StageName": Field("text", lambda v, _: picked(state("stage", v), words.STAGES)),
            "Amount": Field("money", lambda v, _: money(state("amount", v))),
            "CloseDate": Field("date", lambda v, _: days_shown(state("close_day", v))),
            "Probability": Field("number", lambda v, _: probability[state("stage", v)].tolist()),
            "CurrencyIsoCode": Field("text", lambda v, _: ["USD"] * v.size),
            "CreatedById": Field(
                "reference", lambda v, _: identity.salesforce_ids(identity.USER, state("owner", v)).tolist()
            ),
        },
    )


def field_history(company: Company) -> Object:
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
                shown = picked(column, words.STAGES)
            elif name == "amount":
                shown = money(column)
            elif name == "close_day":
                shown = days_shown(column)
            else:
                shown = identity.salesforce_ids(identity.USER, column).tolist()
            for place, value in zip(mine.tolist(), shown, strict=True):
                found[place] = value
        return found

    return made(
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
