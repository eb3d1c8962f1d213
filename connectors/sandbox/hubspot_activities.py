"""The sandbox company's activities as HubSpot's meetings (demos among them, by their activity type) and calls.

Whom a meeting was with is an association, with a contact, a deal and a company; no property names them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from connectors.sandbox.company import words
from connectors.sandbox.company.deals import REPRESENTATIVES
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.log import Log
from connectors.sandbox.company.timeline import HOUR, NONE, Bools, Ints
from connectors.sandbox.hubspot_objects import COMPANY_BASE, CONTACT_BASE, DEAL_BASE, OWNER_BASE, Kind, iso
from connectors.sandbox.shelf import Record

MEETING_BASE, CALL_BASE = 30_000_000_000, 40_000_000_000
OUTCOMES = ("SCHEDULED", "COMPLETED", "CANCELED")
CURSOR = "hs_lastmodifieddate"


def part_of(log: Log, chosen: Ints) -> Log:
    """The log of some of its records, numbered anew in their order; `chosen` is ascending."""
    place = np.full(log.size, NONE, dtype=np.int64)
    place[chosen] = np.arange(chosen.size)
    rows = np.flatnonzero(place[log.record] != NONE)
    record = place[log.record[rows]]
    return Log(
        record=record,
        at=log.at[rows],
        until=log.until[rows],
        gone=log.gone[rows],
        state={name: column[rows] for name, column in log.state.items()},
        first=np.searchsorted(record, np.arange(chosen.size + 1)).astype(np.int64),
    )


def of_kind(company: Company, wanted: Callable[[Ints], Bools]) -> Ints:
    """Numbers of the activities of some kinds."""
    return np.flatnonzero(wanted(company.activities.kind)).astype(np.int64)


def meeting_numbers(company: Company) -> Ints:
    """Which activities are meetings or demos."""
    return of_kind(company, lambda kind: kind != words.CALL)


def call_numbers(company: Company) -> Ints:
    """Which activities are calls."""
    return of_kind(company, lambda kind: kind == words.CALL)


def activity_kinds(company: Company) -> tuple[Kind, Kind]:
    """Meetings and calls as object types."""
    return (
        _kind(
            company,
            "meetings",
            "0-47",
            MEETING_BASE,
            meeting_numbers(company),
            _meeting,
            (
                "hs_meeting_title",
                "hs_activity_type",
                "hs_meeting_outcome",
                "hs_meeting_start_time",
                "hs_meeting_end_time",
            ),
        ),
        _kind(
            company,
            "calls",
            "0-48",
            CALL_BASE,
            call_numbers(company),
            _call,
            ("hs_call_title", "hs_call_status", "hs_timestamp"),
        ),
    )


def _meeting(kind: int, status: int, starts: int) -> Record:
    return {
        "hs_meeting_title": "A meeting",
        "hs_activity_type": "Demo" if kind == words.DEMONSTRATION else "Meeting",
        "hs_meeting_outcome": OUTCOMES[status],
        "hs_meeting_start_time": iso(starts),
        "hs_meeting_end_time": iso(starts + HOUR),
    }


def _call(kind: int, status: int, starts: int) -> Record:
    return {"hs_call_title": "A call", "hs_call_status": OUTCOMES[status], "hs_timestamp": iso(starts)}


def _kind(
    company: Company,
    name: str,
    type_id: str,
    base: int,
    chosen: Ints,
    properties_of: Callable[[int, int, int], Record],
    own: tuple[str, ...],
) -> Kind:
    data = company.activities
    log = part_of(data.log, chosen)

    def draw(versions: Ints, updated: Ints) -> list[Record]:
        found = []
        for version, at in zip(versions.tolist(), updated.tolist(), strict=True):
            number = int(log.record[version])
            activity = int(chosen[number])
            stamp, born, gone = iso(at), iso(int(data.booked[activity])), bool(log.gone[version])
            properties: Record = {
                **properties_of(
                    int(data.kind[activity]),
                    int(log.state["status"][version]),
                    int(log.state["starts"][version]),
                ),
                "is_qualified": str(bool(data.qualified[activity])).lower(),
                "hubspot_owner_id": str(OWNER_BASE + activity % REPRESENTATIVES),
                "hs_object_id": str(base + number),
                "hs_createdate": born,
                CURSOR: stamp,
            }
            record: Record = {
                "id": str(base + number),
                "properties": properties,
                "createdAt": born,
                "updatedAt": stamp,
                "archived": gone,
            }
            found.append({**record, "archivedAt": stamp} if gone else record)
        return found

    def linked(numbers: Ints, other: int) -> Callable[[int], list[str]]:
        def ids(number: int) -> list[str]:
            found = int(numbers[chosen[number]]) if number < chosen.size else NONE
            return [] if found < 0 else [str(other + found)]

        return ids

    links: Mapping[str, Callable[[int], list[str]]] = {
        "contacts": linked(data.lead, CONTACT_BASE),
        "deals": linked(data.deal, DEAL_BASE),
        "companies": linked(data.account, COMPANY_BASE),
    }
    types = dict.fromkeys((*own, "is_qualified", "hubspot_owner_id", "hs_object_id"), "string")
    types |= dict.fromkeys(("hs_createdate", CURSOR), "datetime")
    return Kind(
        name,
        type_id,
        log,
        data.booked[chosen],
        base,
        CURSOR,
        types,
        ("hs_createdate", CURSOR, "hs_object_id"),
        draw,
        lambda number, now: {},
        links,
    )
