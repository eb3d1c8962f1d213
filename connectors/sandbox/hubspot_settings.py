"""How the fake portal is set up: its pipelines with their stages, and its sales people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.deals import REPRESENTATIVES
from connectors.sandbox.hubspot_objects import OWNER_BASE, STAGE_IDS
from connectors.sandbox.hubspot_tickets import TICKET_STAGE_IDS, TICKET_STAGES
from connectors.sandbox.shelf import Record

STAMPS: Mapping[str, Any] = {
    "createdAt": "2022-03-01T09:00:00Z",
    "updatedAt": "2022-03-01T09:00:00Z",
    "archived": False,
}


def deal_pipelines() -> Sequence[Record]:
    """The deal pipelines; stage metadata are texts."""
    stages = [
        {
            "id": identifier,
            "label": words.STAGES[code],
            "displayOrder": code,
            "metadata": {
                "isClosed": str(code >= words.WON).lower(),
                "probability": f"{words.STAGE_PROBABILITY[code] / 100:g}",
            },
            **STAMPS,
        }
        for code, identifier in enumerate(STAGE_IDS)
    ]
    return [{"id": "default", "label": "Sales Pipeline", "displayOrder": 0, "stages": stages, **STAMPS}]


def ticket_pipelines() -> Sequence[Record]:
    """The support pipeline."""
    stages = [
        {
            "id": identifier,
            "label": TICKET_STAGES[code],
            "displayOrder": code,
            "metadata": {
                "ticketState": "CLOSED" if code == words.SOLVED else "OPEN",
                "isClosed": str(code == words.SOLVED).lower(),
            },
            **STAMPS,
        }
        for code, identifier in enumerate(TICKET_STAGE_IDS)
    ]
    return [{"id": "0", "label": "Support Pipeline", "displayOrder": 0, "stages": stages, **STAMPS}]


def owners() -> Sequence[Record]:
    """The sales people."""
    found = []
    for number in range(REPRESENTATIVES):
        first, _, last = identity.person_name(number + 400).partition(" ")
        found.append(
            {
                "id": str(OWNER_BASE + number),
                "email": f"rep{number}@sandbox.example",
                "firstName": first,
                "lastName": last,
                "userId": 5_000 + number,
                **STAMPS,
            }
        )
    return found
