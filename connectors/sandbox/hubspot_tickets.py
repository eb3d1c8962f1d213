"""The sandbox company's conversations as HubSpot's tickets.

The account is an association. How long the first reply took is a number of milliseconds, as text.
"""

from __future__ import annotations

from connectors.sandbox.company import words
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.timeline import NONE, Ints
from connectors.sandbox.hubspot_objects import COMPANY_BASE, SYSTEM, Kind, iso, record_of, values_of
from connectors.sandbox.shelf import Record

TICKET_BASE = 20_000_000_000
TICKET_STAGE_IDS = ("1", "3", "4")
TICKET_STAGES = ("New", "Waiting on contact", "Closed")
"""By the company's words for the state of a ticket: open, pending, solved."""
SOURCES = ("CHAT", "EMAIL", "PHONE", "WHATSAPP")
CURSOR = "hs_lastmodifieddate"
OWN = (
    "subject",
    "hs_pipeline",
    "hs_pipeline_stage",
    "hs_ticket_priority",
    "source_type",
    "closed_date",
    "time_to_first_agent_reply",
    "support_team",
    "agent_replies",
    "is_spam",
)


def tickets_kind(company: Company) -> Kind:
    """The conversations."""
    data, log = company.conversations, company.conversations.log

    def draw(versions: Ints, updated: Ints) -> list[Record]:
        found = []
        for version, at in zip(versions.tolist(), updated.tolist(), strict=True):
            number = int(log.record[version])
            state = {name: int(column[version]) for name, column in log.state.items()}
            created, team = int(data.created[number]), int(data.team[number])
            replied, solved = state["first_reply"], state["status"] == words.SOLVED
            properties: Record = {
                "subject": f"Request {number + 1}",
                "hs_pipeline": "0",
                "hs_pipeline_stage": TICKET_STAGE_IDS[state["status"]],
                "hs_ticket_priority": "HIGH" if data.urgent[number] else "MEDIUM",
                "source_type": SOURCES[int(data.channel[number])],
                "closed_date": iso(state["last_close"]) if solved else None,
                "time_to_first_agent_reply": None if replied == NONE else str(replied - created),
                "support_team": None if team == NONE else words.SUPPORT_TEAMS[team],
                "agent_replies": str(state["replies"]),
                "is_spam": str(state["spam"] == 1).lower(),
            }
            gone = bool(log.gone[version])
            found.append(record_of(TICKET_BASE + number, properties, created, at, gone, CURSOR))
        return found

    def history(number: int, now: int) -> dict[str, list[tuple[int, str | None]]]:
        stages = values_of(log, number, now, "status", lambda value: TICKET_STAGE_IDS[value])
        return {"hs_pipeline_stage": stages}

    def companies(number: int) -> list[str]:
        account = int(data.account[number]) if number < data.size else NONE
        return [] if account < 0 else [str(COMPANY_BASE + account)]

    return Kind(
        "tickets",
        "0-5",
        log,
        data.created,
        TICKET_BASE,
        CURSOR,
        dict.fromkeys((*OWN, *SYSTEM), "string"),
        ("createdate", CURSOR, "hs_object_id", "hs_pipeline", "hs_pipeline_stage", "subject"),
        draw,
        history,
        {"companies": companies},
    )
