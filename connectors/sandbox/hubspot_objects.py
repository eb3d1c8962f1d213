"""The sandbox company as HubSpot's deals and contacts: every property value is a text or null, histories newest first.

Deals are the opportunities, contacts the leads. Amounts are written as people typed them: "3000" beside "5000.00".
Instants are ISO texts with milliseconds; only contacts call the cursor `lastmodifieddate`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.log import Log
from connectors.sandbox.company.timeline import DAY, NONE, Ints
from connectors.sandbox.shelf import Record

DEAL_BASE, COMPANY_BASE, CONTACT_BASE, OWNER_BASE = 9_000_000_000, 6_000_000_000, 1_000, 41_000_000
STAGE_IDS = (
    "appointmentscheduled",
    "qualifiedtobuy",
    "presentationscheduled",
    "9120001",
    "9120002",
    "closedwon",
    "closedlost",
)
DEAL_TYPES = ("newbusiness", "upsell", "cross_sell", "renewal")
LIFECYCLE = ("lead", "marketingqualifiedlead", "salesqualifiedlead", "customer", "other")
SYSTEM = ("hs_object_id", "createdate", "hs_lastmodifieddate")

Draw = Callable[[Ints, Ints], list[Record]]


@dataclass(frozen=True)
class Kind:
    """An object type: plural name, type id, log, creation instants, id base, cursor property, how versions are
    drawn.

    defaults: properties that come unasked. links: associated object and, for a record number, its ids.
    """

    name: str
    type_id: str
    log: Log
    created: Ints
    base: int
    cursor: str
    properties: Mapping[str, str]
    defaults: tuple[str, ...]
    draw: Draw
    history: Callable[[int, int], dict[str, list[tuple[int, str | None]]]]
    links: Mapping[str, Callable[[int], list[str]]]


def iso(at: int) -> str:
    """An instant as HubSpot writes it."""
    return f"{np.datetime64(at, 'ms')}Z"


def _iso_or_none(at: int) -> str | None:
    return None if at == NONE else iso(at)


def _amount(cents: int, number: int) -> str | None:
    """Money as it was typed: every third one without its cents."""
    if cents == NONE:
        return None
    return str(cents // 100) if cents % 100 == 0 and number % 3 else f"{cents / 100:.2f}"


def record_of(
    identifier: int, properties: Record, created: int, updated: int, gone: bool, cursor: str
) -> Record:
    """An object with the properties and stamps that all have."""
    stamp = iso(updated)
    properties |= {"hs_object_id": str(identifier), "createdate": iso(created), cursor: stamp}
    found: Record = {
        "id": str(identifier),
        "properties": properties,
        "createdAt": iso(created),
        "updatedAt": stamp,
        "archived": gone,
    }
    return {**found, "archivedAt": stamp} if gone else found


def deals_kind(company: Company) -> Kind:
    """The opportunities."""
    data, log = company.deals, company.deals.log

    def draw(versions: Ints, updated: Ints) -> list[Record]:
        found = []
        for version, at in zip(versions.tolist(), updated.tolist(), strict=True):
            number = int(log.record[version])
            stage = int(log.state["stage"][version])
            competitor = int(log.state["competitor"][version])
            properties: Record = {
                "dealname": f"{words.DEAL_TYPES[int(data.kind[number])].title()} {number + 1}",
                "dealtype": DEAL_TYPES[int(data.kind[number])],
                "pipeline": "default",
                "dealstage": STAGE_IDS[stage],
                "amount": _amount(int(log.state["amount"][version]), number),
                "hs_acv": _amount(int(log.state["acv"][version]), number),
                "deal_currency_code": "USD",
                "closedate": iso(int(log.state["close_day"][version]) * DAY),
                "hs_is_closed": str(stage >= words.WON).lower(),
                "hs_is_closed_won": str(stage == words.WON).lower(),
                "hubspot_owner_id": str(OWNER_BASE + int(log.state["owner"][version])),
                "competitor": None if competitor == NONE else words.COMPETITORS[competitor],
            }
            entered = _entered(log, number, version)
            properties |= {
                f"hs_v2_date_entered_{name}": entered.get(code) for code, name in enumerate(STAGE_IDS)
            }
            gone, created = bool(log.gone[version]), int(data.created[number])
            found.append(record_of(DEAL_BASE + number, properties, created, at, gone, "hs_lastmodifieddate"))
        return found

    def history(number: int, now: int) -> dict[str, list[tuple[int, str | None]]]:
        shown: dict[str, Callable[[int], str | None]] = {
            "dealstage": lambda value: STAGE_IDS[value],
            "amount": lambda value: _amount(value, number),
            "closedate": lambda value: iso(value * DAY),
            "hubspot_owner_id": lambda value: str(OWNER_BASE + value),
        }
        columns = {
            "dealstage": "stage",
            "amount": "amount",
            "closedate": "close_day",
            "hubspot_owner_id": "owner",
        }
        return {name: values_of(log, number, now, columns[name], text) for name, text in shown.items()}

    def companies(number: int) -> list[str]:
        account = int(data.account[number]) if number < data.size else NONE
        return [] if account == NONE else [str(COMPANY_BASE + account)]

    names = (
        "dealname",
        "dealtype",
        "pipeline",
        "dealstage",
        "amount",
        "hs_acv",
        "deal_currency_code",
        "closedate",
    )
    more = ("hs_is_closed", "hs_is_closed_won", "hubspot_owner_id", "competitor")
    dated = tuple(f"hs_v2_date_entered_{name}" for name in STAGE_IDS)
    types = dict.fromkeys((*names, *more, *SYSTEM), "string") | dict.fromkeys(dated, "datetime")
    types |= {"amount": "number", "hs_acv": "number", "closedate": "datetime", "hs_is_closed": "bool"}
    defaults = (
        "amount",
        "closedate",
        "createdate",
        "dealname",
        "dealstage",
        "hs_lastmodifieddate",
        "hs_object_id",
        "pipeline",
    )
    links = {"companies": companies}
    return Kind(
        "deals",
        "0-3",
        log,
        data.created,
        DEAL_BASE,
        "hs_lastmodifieddate",
        types,
        defaults,
        draw,
        history,
        links,
    )


def _entered(log: Log, number: int, version: int) -> dict[int, str]:
    """When a deal last entered each stage, as of a version."""
    found: dict[int, str] = {}
    before = NONE
    for place in range(int(log.first[number]), version + 1):
        stage = int(log.state["stage"][place])
        if stage != before:
            found[stage] = iso(int(log.at[place]))
        before = stage
    return found


def values_of(
    log: Log, number: int, now: int, column: str, text: Callable[[int], str | None]
) -> list[tuple[int, str | None]]:
    """The values that a property has had by `now`, oldest first."""
    if number >= log.size:
        return []
    found: list[tuple[int, str | None]] = []
    for version in range(int(log.first[number]), int(log.first[number + 1])):
        if int(log.at[version]) > now or bool(log.gone[version]):
            break
        value = text(int(log.state[column][version]))
        if not found or found[-1][1] != value:
            found.append((int(log.at[version]), value))
    return found


def contacts_kind(company: Company) -> Kind:
    """The leads."""
    data, log = company.leads, company.leads.log
    sources = (*words.LEAD_SOURCES, None)

    def draw(versions: Ints, updated: Ints) -> list[Record]:
        found = []
        for version, at in zip(versions.tolist(), updated.tolist(), strict=True):
            number = int(log.record[version])
            first, _, last = identity.person_name(number).partition(" ")
            properties: Record = {
                "email": f"lead{number}@example.com",
                "firstname": first,
                "lastname": last,
                "lead_source": sources[int(data.source[number])],
                "lifecyclestage": LIFECYCLE[int(log.state["status"][version])],
                "hs_v2_date_entered_marketingqualifiedlead": _iso_or_none(int(log.state["mql"][version])),
                "hs_v2_date_entered_salesqualifiedlead": _iso_or_none(int(log.state["sql"][version])),
                "hs_v2_date_entered_customer": _iso_or_none(int(log.state["converted"][version])),
                "is_test": str(bool(data.is_test[number])).lower(),
            }
            gone, created = bool(log.gone[version]), int(data.created[number])
            found.append(record_of(CONTACT_BASE + number, properties, created, at, gone, "lastmodifieddate"))
        return found

    def history(number: int, now: int) -> dict[str, list[tuple[int, str | None]]]:
        return {"lifecyclestage": values_of(log, number, now, "status", lambda value: LIFECYCLE[value])}

    def companies(number: int) -> list[str]:
        account = int(data.account[number]) if number < data.size else NONE
        return [] if account == NONE else [str(COMPANY_BASE + account)]

    names = (
        "email",
        "firstname",
        "lastname",
        "lead_source",
        "lifecyclestage",
        "is_test",
        "hs_object_id",
        "createdate",
    )
    entered = tuple(f"hs_v2_date_entered_{name}" for name in LIFECYCLE[1:4])
    types = dict.fromkeys((*names, "lastmodifieddate"), "string") | dict.fromkeys(entered, "datetime")
    defaults = ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname")
    deal = np.full(data.size, NONE, dtype=np.int64)
    from_lead = np.flatnonzero(company.deals.lead != NONE)
    deal[company.deals.lead[from_lead]] = from_lead

    def deals(number: int) -> list[str]:
        found = int(deal[number]) if number < data.size else NONE
        return [] if found == NONE else [str(DEAL_BASE + found)]

    links = {"companies": companies, "deals": deals}
    return Kind(
        "contacts",
        "0-1",
        log,
        data.created,
        CONTACT_BASE,
        "lastmodifieddate",
        types,
        defaults,
        draw,
        history,
        links,
    )
