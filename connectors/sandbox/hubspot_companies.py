"""The sandbox company's accounts as HubSpot's companies.

What became of an account (onboarded, at risk, …) is a property, `account_event`; its history tells when. What was
entered by mistake is not there, and the same value set again is no change.
"""

from __future__ import annotations

import numpy as np

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.log import Change, Log
from connectors.sandbox.company.timeline import NEVER, Ints
from connectors.sandbox.hubspot_objects import COMPANY_BASE, OWNER_BASE, SYSTEM, Kind, record_of, values_of
from connectors.sandbox.shelf import Record

EVENT = "account_event"


def companies_kind(company: Company) -> Kind:
    """The accounts; a change of what became of an account is a change of the company."""
    data, events = company.accounts, _events(company)
    log = _touched(company)
    regions, industries = (*words.REGIONS, None), (*words.INDUSTRIES, None)

    def draw(versions: Ints, updated: Ints) -> list[Record]:
        found = []
        for version, at in zip(versions.tolist(), updated.tolist(), strict=True):
            number = int(log.record[version])
            properties: Record = {
                "name": identity.account_name(number),
                "domain": f"company{number}.example.com",
                "tier": words.TIERS[int(log.state["tier"][version])],
                "region": regions[int(data.region[number])],
                "industry": industries[int(data.industry[number])],
                "is_test": str(bool(data.is_test[number])).lower(),
                "hubspot_owner_id": str(OWNER_BASE + int(log.state["owner"][version])),
                EVENT: next((name for when, name in events.get(number, [])[::-1] if when <= at), None),
            }
            gone, created = bool(log.gone[version]), int(data.created[number])
            found.append(
                record_of(COMPANY_BASE + number, properties, created, at, gone, "hs_lastmodifieddate")
            )
        return found

    def history(number: int, now: int) -> dict[str, list[tuple[int, str | None]]]:
        owner = values_of(log, number, now, "owner", lambda value: str(OWNER_BASE + value))
        return {
            "tier": values_of(log, number, now, "tier", lambda value: words.TIERS[value]),
            "hubspot_owner_id": owner,
            EVENT: [(at, name) for at, name in events.get(number, []) if at <= now],
        }

    names = ("name", "domain", "tier", "region", "industry", "is_test", "hubspot_owner_id", EVENT)
    types = dict.fromkeys((*names, *SYSTEM), "string") | {"is_test": "bool"}
    defaults = ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name")
    return Kind(
        "companies",
        "0-2",
        log,
        data.created,
        COMPANY_BASE,
        "hs_lastmodifieddate",
        types,
        defaults,
        draw,
        history,
        {},
    )


def _events(company: Company) -> dict[int, list[tuple[int, str | None]]]:
    """By account: when the property got which value, oldest first."""
    data = company.account_events
    found: dict[int, list[tuple[int, str | None]]] = {}
    for index in np.lexsort((data.event, data.recorded)).tolist():
        values = found.setdefault(int(data.account[index]), [])
        name = words.ACCOUNT_EVENTS[int(data.event[index])]
        if int(data.deleted[index]) >= NEVER and (not values or values[-1][1] != name):
            values.append((int(data.recorded[index]), name))
    return found


def _touched(company: Company) -> Log:
    """The accounts' log with a version wherever an event was written down."""
    log, events = company.account_log, company.account_events
    alive, dead = np.flatnonzero(~log.gone), np.flatnonzero(log.gone)
    deleted = np.full(log.size, NEVER, dtype=np.int64)
    deleted[log.record[dead]] = log.at[dead]
    changes = [
        Change(log.record[alive], log.at[alive], {name: column[alive] for name, column in log.state.items()}),
        Change(events.account, events.recorded, {}),
    ]
    first = {name: column[log.first[:-1]] for name, column in log.state.items()}
    return Log.build(created=company.accounts.created, initial=first, changes=changes, deleted=deleted)
