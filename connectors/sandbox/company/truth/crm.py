"""The CRM's neutral tables straight from the company. Deleted accounts, leads and opportunities stay, flagged."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.columns import booleans, coded, dates, instants, money, texts
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.log import Log
from connectors.sandbox.company.timeline import NONE, Bools, Ints
from connectors.sandbox.company.words import CALL, WON

Objects = npt.NDArray[np.object_]


def _crm_rows(log: Log, now: int) -> tuple[Ints, Ints, Bools]:
    """Current version, record and deletion flag of all records, deleted ones included."""
    version = log.current(now, gone=True)
    return version, log.record[version], log.gone[version]


def _accounts(company: Company, now: int) -> pa.Table:
    version, record, gone = _crm_rows(company.account_log, now)
    data = company.accounts
    return pa.table(
        {
            "account_id": texts(identity.salesforce_ids(identity.ACCOUNT, record)),
            "name": texts([identity.account_name(int(number)) for number in record]),
            "tier": coded(company.account_log.state["tier"][version], words.TIERS),
            "region": coded(data.region[record], words.REGIONS),
            "industry": coded(data.industry[record], words.INDUSTRIES),
            "created_at": instants(data.created[record]),
            "is_test": booleans(data.is_test[record]),
            "is_deleted": booleans(gone),
        }
    )


def _leads(company: Company, now: int) -> pa.Table:
    data, log = company.leads, company.leads.log
    version, record, gone = _crm_rows(log, now)
    deal = np.full(data.size, NONE, dtype=np.int64)
    from_lead = np.flatnonzero(company.deals.lead != NONE)
    deal[company.deals.lead[from_lead]] = from_lead
    converted = log.state["converted"][version]
    done = converted != NONE
    return pa.table(
        {
            "lead_id": texts(identity.salesforce_ids(identity.LEAD, record)),
            "source": coded(data.source[record], words.LEAD_SOURCES),
            "created_at": instants(data.created[record]),
            "mql_at": instants(log.state["mql"][version]),
            "sql_at": instants(log.state["sql"][version]),
            "converted_at": instants(converted),
            "account_id": texts(identity.account_ids(np.where(done, data.account[record], NONE))),
            "opportunity_id": texts(
                identity.optional_ids(identity.OPPORTUNITY, np.where(done, deal[record], NONE))
            ),
            "is_test": booleans(data.is_test[record]),
            "is_deleted": booleans(gone),
        }
    )


def _opportunities(company: Company, now: int) -> pa.Table:
    data, log = company.deals, company.deals.log
    version, record, gone = _crm_rows(log, now)
    stage, amount, acv = log.state["stage"][version], log.state["amount"][version], log.state["acv"][version]
    return pa.table(
        {
            "opportunity_id": texts(identity.salesforce_ids(identity.OPPORTUNITY, record)),
            "account_id": texts(identity.account_ids(data.account[record])),
            "type": coded(data.kind[record], words.DEAL_TYPES),
            "stage": coded(stage, words.STAGES),
            "amount": money(amount, amount == NONE),
            "acv": money(acv, acv == NONE),
            "currency": texts(["USD"] * record.size),
            "is_closed": booleans(stage >= WON),
            "is_won": booleans(stage == WON),
            "created_at": instants(data.created[record]),
            "close_date": dates(log.state["close_day"][version]),
            "competitor": coded(log.state["competitor"][version], words.COMPETITORS),
            "owner_id": texts(identity.salesforce_ids(identity.USER, log.state["owner"][version])),
            "updated_at": instants(log.at[version]),
            "is_deleted": booleans(gone),
        }
    )


def _cents_text(cents: Ints) -> Objects:
    return np.asarray([None if c == NONE else f"{c / 100:.2f}" for c in cents.tolist()], dtype=np.object_)


def _day_text(days: Ints) -> Objects:
    return np.datetime_as_string(days.astype("datetime64[D]")).astype(np.object_)


def _opportunity_history(company: Company, now: int) -> pa.Table:
    log = company.deals.log
    step = log.steps(now)
    stage_words = np.asarray(words.STAGES, dtype=np.object_)
    frames = []
    for field, shown in (
        ("stage", lambda codes: stage_words[codes]),
        ("amount", _cents_text),
        ("close_date", _day_text),
    ):
        column = log.state["close_day" if field == "close_date" else field]
        moved = step[column[step] != column[step - 1]]
        frames.append(
            (
                moved,
                np.full(moved.size, field, dtype=np.object_),
                shown(column[moved - 1]),
                shown(column[moved]),
            )
        )
    at, field_names, old, new = (np.concatenate([frame[i] for frame in frames]) for i in range(4))
    order = np.argsort(at, kind="stable")
    at = at[order]
    return pa.table(
        {
            "opportunity_id": texts(identity.salesforce_ids(identity.OPPORTUNITY, log.record[at])),
            "changed_at": instants(log.at[at]),
            "field": texts(field_names[order]),
            "old": texts(old[order]),
            "new": texts(new[order]),
        }
    )


def _opportunity_states(company: Company, now: int) -> pa.Table:
    data, log = company.deals, company.deals.log
    begins, until = log.intervals(now, [log.state["stage"], log.state["amount"]])
    record, stage, amount = log.record[begins], log.state["stage"][begins], log.state["amount"][begins]
    return pa.table(
        {
            "opportunity_id": texts(identity.salesforce_ids(identity.OPPORTUNITY, record)),
            "account_id": texts(identity.account_ids(data.account[record])),
            "type": coded(data.kind[record], words.DEAL_TYPES),
            "valid_from": instants(log.at[begins]),
            "valid_to": instants(until),
            "stage": coded(stage, words.STAGES),
            "amount": money(amount, amount == NONE),
            "is_closed": booleans(stage >= WON),
            "is_won": booleans(stage == WON),
        }
    )


def _activities(company: Company, now: int) -> pa.Table:
    data, log = company.activities, company.activities.log
    version = log.current(now)
    record = log.record[version]
    status = log.state["status"][version]
    is_call = data.kind[record] == CALL
    ids = np.where(
        is_call,
        identity.salesforce_ids(identity.TASK, record),
        identity.salesforce_ids(identity.EVENT, record),
    )
    held = status == words.HELD
    starts = log.state["starts"][version]
    return pa.table(
        {
            "activity_id": texts(ids),
            "opportunity_id": texts(identity.optional_ids(identity.OPPORTUNITY, data.deal[record])),
            "lead_id": texts(identity.optional_ids(identity.LEAD, data.lead[record])),
            "account_id": texts(identity.account_ids(data.account[record])),
            "type": coded(data.kind[record], words.ACTIVITY_TYPES),
            "is_qualified": booleans(data.qualified[record]),
            "booked_at": instants(data.booked[record]),
            "occurred_at": instants(np.where(held, starts, NONE)),
            "status": coded(status, words.ACTIVITY_STATUS),
        }
    )


def _account_events(company: Company, now: int) -> pa.Table:
    data = company.account_events
    rows = np.flatnonzero((data.recorded <= now) & (data.deleted > now))
    return pa.table(
        {
            "account_id": texts(identity.salesforce_ids(identity.ACCOUNT, data.account[rows])),
            "event": coded(data.event[rows], words.ACCOUNT_EVENTS),
            "occurred_at": instants(data.at[rows]),
        }
    )


TABLES: Mapping[str, Callable[[Company, int], pa.Table]] = {
    "crm.accounts": _accounts,
    "crm.leads": _leads,
    "crm.opportunities": _opportunities,
    "crm.opportunity_history": _opportunity_history,
    "crm.opportunity_states": _opportunity_states,
    "crm.activities": _activities,
    "crm.account_events": _account_events,
}
"""The tables of this module, by name."""
