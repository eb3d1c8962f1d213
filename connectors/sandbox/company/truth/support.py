"""The help desk's neutral tables straight from the company. Deleted conversations are not here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.columns import booleans, coded, instants, integers, texts
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.timeline import NONE, Ints
from connectors.sandbox.company.words import SOLVED


def _ids(base: int, numbers: Ints) -> pa.Array:
    return texts(np.char.mod("%d", numbers + base))


def _tickets(company: Company, now: int) -> pa.Table:
    data, log = company.conversations, company.conversations.log
    version = log.current(now)
    record = log.record[version]
    state = {name: column[version] for name, column in log.state.items()}
    solved = state["status"] == SOLVED
    return pa.table(
        {
            "ticket_id": _ids(identity.CONVERSATION_BASE, record),
            "account_id": texts(identity.account_ids(data.account[record])),
            "team": coded(data.team[record], words.SUPPORT_TEAMS),
            "channel": coded(data.channel[record], words.CHANNELS),
            "created_at": instants(data.created[record]),
            "first_reply_at": instants(state["first_reply"]),
            "solved_at": instants(np.where(solved, state["last_close"], NONE)),
            "status": coded(state["status"], words.TICKET_STATUS),
            "priority": coded(data.urgent[record].astype(np.int64), ("normal", "high")),
            "reopens": integers(state["reopens"]),
            "agent_replies": integers(state["replies"]),
            "updated_at": instants(log.at[version]),
            "is_spam": booleans(state["spam"] == 1),
            "is_deleted": booleans(np.zeros(record.size, dtype=np.bool_)),
        }
    )


def _ticket_metrics(company: Company, now: int) -> pa.Table:
    data, log = company.conversations, company.conversations.log
    version = log.current(now)
    record = log.record[version]
    created = data.created[record]
    first, closed = log.state["first_reply"][version], log.state["last_close"][version]
    unsolved = log.state["status"][version] != SOLVED
    return pa.table(
        {
            "ticket_id": _ids(identity.CONVERSATION_BASE, record),
            "first_reply_seconds": integers((first - created) // 1000, first == NONE),
            "full_resolution_seconds": integers((closed - created) // 1000, unsolved),
            "agent_replies": integers(log.state["replies"][version]),
        }
    )


def _satisfaction_ratings(company: Company, now: int) -> pa.Table:
    data, log = company.conversations, company.conversations.log
    version = log.current(now)
    version = version[log.state["rating"][version] > 0]
    record = log.record[version]
    return pa.table(
        {
            "rating_id": _ids(identity.CONVERSATION_BASE, record),
            "ticket_id": _ids(identity.CONVERSATION_BASE, record),
            "account_id": texts(identity.account_ids(data.account[record])),
            "score": coded((log.state["rating"][version] >= 4).astype(np.int64), ("bad", "good")),
            "rated_at": instants(log.state["rated"][version]),
        }
    )


TABLES: Mapping[str, Callable[[Company, int], pa.Table]] = {
    "support.tickets": _tickets,
    "support.ticket_metrics": _ticket_metrics,
    "support.satisfaction_ratings": _satisfaction_ratings,
}
"""The tables of this module, by name."""
