"""Conversations with parts, contacts and tickets of the sandbox company as Intercom 2.14 writes them; instants in
seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.support import (
    ADMIN_COMMENT,
    ASSIGNMENT,
    CLOSE,
    NOTE,
    REOPEN,
    SNOOZE,
    USER_COMMENT,
)
from connectors.sandbox.company.timeline import DAY, NONE, SECOND, Ints
from connectors.sandbox.shelf import Record

STATES = ("open", "snoozed", "closed")
PART_TYPES = {
    ASSIGNMENT: "assignment",
    ADMIN_COMMENT: "comment",
    USER_COMMENT: "comment",
    NOTE: "note",
    SNOOZE: "snoozed",
    CLOSE: "close",
    REOPEN: "open",
}
TICKET_STATES = ("submitted", "in_progress", "waiting_on_customer", "resolved")
QUESTIONS = (
    "How do I export my data?",
    "The dashboard does not load",
    "Please add a user to our account",
    "We were billed twice",
    "Is there an API for this?",
    "Numbers differ from our own",
)


@dataclass(frozen=True)
class _Part:
    kind: str
    author: str
    at: int


def seconds_or_none(at: int) -> int | None:
    """Unix seconds of milliseconds; None where missing."""
    return None if at == NONE else at // SECOND


class ConversationRecords:
    """Builds conversations and their parts."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self._by_hand: dict[int, list[_Part]] = {}
        self._accounts = identity.account_ids(company.conversations.account)

    def draw(self, versions: Ints, updated: Ints) -> list[Record]:
        """Conversations (without parts) at versions of the log."""
        data, log = self.company.conversations, self.company.conversations.log
        record = log.record[versions]
        state = {name: column[versions].tolist() for name, column in log.state.items()}
        accounts = self._accounts[record].tolist()
        found = []
        for i, number in enumerate(record.tolist()):
            created = int(data.created[number]) // SECOND
            team, rating = int(data.team[number]), state["rating"][i]
            contact = {
                "type": "contact",
                "id": identity.contact_id(int(data.contact[number])),
                "external_id": f"ext-{int(data.contact[number])}",
            }
            agent = self._agent(number)
            closed = state["status"][i] == words.SOLVED
            conversation: Record = {
                "type": "conversation",
                "id": str(identity.CONVERSATION_BASE + number),
                "title": None,
                "created_at": created,
                "updated_at": int(updated[i]) // SECOND,
                "waiting_since": None,
                "snoozed_until": int(updated[i]) // SECOND + 86_400
                if state["status"][i] == words.PENDING
                else None,
                "open": not closed,
                "state": STATES[state["status"][i]],
                "read": True,
                "priority": "priority" if bool(data.urgent[number]) else "not_priority",
                "admin_assignee_id": identity.AGENT_BASE + agent if state["replies"][i] else None,
                "team_assignee_id": None if team == NONE else identity.SUPPORT_TEAM_BASE + team,
                "tags": self._tags(bool(state["spam"][i]), created),
                "conversation_rating": None,
                "source": self._source(number, contact, int(data.channel[number])),
                "contacts": {"type": "contact.list", "contacts": [contact]},
                "teammates": {
                    "type": "admin.list",
                    "teammates": [{"type": "admin", "id": str(identity.AGENT_BASE + agent)}]
                    if state["replies"][i]
                    else [],
                },
                "custom_attributes": {} if accounts[i] is None else {"account_id": accounts[i]},
                "first_contact_reply": {"created_at": created, "type": "conversation", "url": None},
                "sla_applied": None,
                "statistics": self._statistics(number, created, state, i),
                "linked_objects": {"type": "list", "total_count": 0, "has_more": False, "data": []},
                "ai_agent_participated": False,
                "ai_agent": None,
            }
            if rating:
                conversation["conversation_rating"] = {
                    "rating": rating,
                    "remark": "",
                    "created_at": seconds_or_none(state["rated"][i]),
                    "updated_at": seconds_or_none(state["rated"][i]),
                    "contact": contact,
                    "teammate": {"type": "admin", "id": str(identity.AGENT_BASE + agent)},
                }
            found.append(conversation)
        return found

    def _agent(self, number: int) -> int:
        data = self.company.conversations
        low, high = int(data.first_part[number]), int(data.first_part[number + 1])
        authors = data.parts.author[low:high]
        known = authors[authors != NONE]
        return int(known[0]) if known.size else 0

    @staticmethod
    def _tags(spam: bool, created: int) -> Record:
        by = {"type": "admin", "id": str(identity.AGENT_BASE)}
        tag = {"type": "tag", "id": "17513", "name": "spam", "applied_at": created + 50, "applied_by": by}
        return {"type": "tag.list", "tags": [tag] if spam else []}

    @staticmethod
    def _source(number: int, contact: Record, channel: int) -> Record:
        email = f"contact{int(contact['id'][:8], 16) - 0x64A0_0000}@example.com"
        name = identity.person_name(number * 3 + 1)
        return {
            "type": words.CHANNELS[channel],
            "id": str(500_000_000 + number),
            "delivered_as": "customer_initiated",
            "subject": "",
            "body": f"<p>{QUESTIONS[number % len(QUESTIONS)]}</p>",
            "author": {"type": "user", "id": contact["id"], "name": name, "email": email},
            "attachments": [],
            "url": None,
            "redacted": False,
        }

    def _statistics(self, number: int, created: int, state: dict[str, list[int]], i: int) -> Record:
        data = self.company.conversations
        parts = data.parts
        low = int(data.first_part[number])
        seen = slice(low, low + state["parts"][i])
        kinds, at = parts.kind[seen], parts.at[seen]

        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for kind, moment in zip(kinds.tolist(), at.tolist(), strict=True):
            first.setdefault(kind, moment // SECOND)
            last[kind] = moment // SECOND
        first_close, first_assignment = first.get(CLOSE), first.get(ASSIGNMENT)
        first_reply, last_close = (
            seconds_or_none(state["first_reply"][i]),
            seconds_or_none(state["last_close"][i]),
        )
        last_reply = last.get(ADMIN_COMMENT)
        from_contact = max(last.get(USER_COMMENT, created), last.get(REOPEN, created))
        return {
            "type": "conversation_statistics",
            "time_to_assignment": None if first_assignment is None else first_assignment - created,
            "time_to_admin_reply": None if first_reply is None else first_reply - created,
            "time_to_first_close": None if first_close is None else first_close - created,
            "time_to_last_close": None if last_close is None else last_close - created,
            "median_time_to_reply": None if first_reply is None else first_reply - created,
            "first_contact_reply_at": created,
            "first_assignment_at": first_assignment,
            "first_admin_reply_at": first_reply,
            "first_close_at": first_close,
            "last_assignment_at": last.get(ASSIGNMENT),
            "last_assignment_admin_reply_at": last_reply,
            "last_contact_reply_at": from_contact,
            "last_admin_reply_at": last_reply,
            "last_close_at": last_close,
            "last_closed_by_id": str(identity.AGENT_BASE + self._agent(number)) if last_close else None,
            "count_reopens": state["reopens"][i],
            "count_assignments": int((kinds == ASSIGNMENT).sum()),
            "count_conversation_parts": state["parts"][i],
        }

    def add_part(self, number: int, kind: str, author: str, at: int) -> None:
        """A part written by hand."""
        self._by_hand.setdefault(number, []).append(_Part(kind, author, at))

    def parts(self, number: int, now: int, cap: int) -> Record:
        """The newest `cap` parts of a conversation by `now`, oldest first, and how many there are."""
        data = self.company.conversations
        found: list[Record] = []
        total = 0
        if number < data.size:
            low, high = int(data.first_part[number]), int(data.first_part[number + 1])
            seen = int(np.searchsorted(data.parts.at[low:high], now, side="right"))
            total = seen
            start = low + max(0, seen - cap)
            found = [self._part(number, place) for place in range(start, low + seen)]
        by_hand = [part for part in self._by_hand.get(number, []) if part.at <= now]
        for index, part in enumerate(by_hand):
            identifier = str(2 * identity.PART_BASE + number * 1_000 + index)
            author = {
                "type": part.author,
                "id": str(identity.AGENT_BASE),
                "name": "By hand",
                "email": "agent@sandbox.example",
            }
            found.append(self._shape(identifier, part.kind, part.at, author))
        total += len(by_hand)
        kept = found[-cap:] if cap else []
        return {"type": "conversation_part.list", "conversation_parts": kept, "total_count": total}

    def _part(self, number: int, place: int) -> Record:
        data = self.company.conversations
        kind, agent = int(data.parts.kind[place]), int(data.parts.author[place])
        author: Record
        if agent == NONE:
            contact = int(data.contact[number])
            name = identity.person_name(number * 3 + 1)
            author = {
                "type": "user",
                "id": identity.contact_id(contact),
                "name": name,
                "email": f"contact{contact}@example.com",
            }
        else:
            author = {
                "type": "admin",
                "id": str(identity.AGENT_BASE + agent),
                "name": identity.person_name(agent + 200),
                "email": f"agent{agent}@sandbox.example",
            }
        return self._shape(
            str(identity.PART_BASE + place), PART_TYPES[kind], int(data.parts.at[place]), author
        )

    @staticmethod
    def _shape(identifier: str, kind: str, at: int, author: Record) -> Record:
        spoken = kind in ("comment", "note", "open")
        return {
            "type": "conversation_part",
            "id": identifier,
            "part_type": kind,
            "body": "<p>…</p>" if spoken else None,
            "created_at": at // SECOND,
            "updated_at": at // SECOND,
            "notified_at": at // SECOND,
            "assigned_to": {"type": "admin", "id": author["id"]} if kind == "assignment" else None,
            "author": author,
            "attachments": [],
            "external_id": None,
            "redacted": False,
        }

    def blank(self, now: int) -> Record:
        """A fresh conversation to be put by hand: open, unanswered, without account."""
        template = self.draw(self.company.conversations.log.first[:1], np.asarray([now], dtype=np.int64))[0]
        fresh = now // SECOND
        statistics = dict.fromkeys(template["statistics"])
        statistics |= {"type": "conversation_statistics", "count_reopens": 0, "count_assignments": 0}
        statistics |= {
            "count_conversation_parts": 0,
            "first_contact_reply_at": fresh,
            "last_contact_reply_at": fresh,
        }
        template.pop("id")
        return {**template, "created_at": fresh, "custom_attributes": {}, "statistics": statistics}


def contact_record(company: Company, number: int, updated: int) -> Record:
    """A contact."""
    data = company.contacts
    account = identity.account_ids(data.account[number : number + 1])[0]
    created = int(data.created[number]) // SECOND
    identifier = identity.contact_id(number)
    empty = {"data": [], "total_count": 0, "has_more": False}
    return {
        "type": "contact",
        "id": identifier,
        "external_id": f"ext-{number}",
        "workspace_id": "sandbox1",
        "role": "user" if account is not None else "lead",
        "email": f"contact{number}@example.com",
        "phone": None,
        "name": identity.person_name(number * 3 + 1),
        "owner_id": None,
        "has_hard_bounced": False,
        "marked_email_as_spam": False,
        "unsubscribed_from_emails": False,
        "created_at": created,
        "updated_at": updated // SECOND,
        "signed_up_at": created if account is not None else None,
        "last_seen_at": updated // SECOND,
        "last_replied_at": updated // SECOND,
        "last_contacted_at": None,
        "language_override": None,
        "custom_attributes": {} if account is None else {"account_id": account},
        "tags": {**empty, "url": f"/contacts/{identifier}/tags"},
        "notes": {**empty, "url": f"/contacts/{identifier}/notes"},
        "companies": {**empty, "url": f"/contacts/{identifier}/companies"},
        "location": {"type": "location", "country": None, "region": None, "city": None},
        "social_profiles": {"data": []},
    }


def ticket_record(company: Company, number: int, state: int, created: int, updated: int) -> Record:
    """A back-office ticket linked to its conversation."""
    conversation = int(company.escalations.conversation[number])
    contact = int(company.conversations.contact[conversation])
    labels = TICKET_STATES[state].replace("_", " ").capitalize()
    linked = {"type": "conversation", "id": str(identity.CONVERSATION_BASE + conversation), "category": None}
    return {
        "type": "ticket",
        "id": str(identity.ESCALATION_BASE + number),
        "ticket_id": str(number + 1),
        "category": "Back-office",
        "ticket_attributes": {"_default_title_": "Escalation", "_default_description_": None},
        "ticket_state": {
            "type": "ticket_state",
            "id": str(700 + state),
            "category": TICKET_STATES[state],
            "internal_label": labels,
            "external_label": labels,
        },
        "ticket_type": {
            "type": "ticket_type",
            "id": "31",
            "category": "Back-office",
            "name": "Escalation",
            "icon": "🛠️",
            "workspace_id": "sandbox1",
            "archived": False,
            "created_at": (created - DAY) // SECOND,
            "updated_at": (created - DAY) // SECOND,
        },
        "contacts": {
            "type": "contact.list",
            "contacts": [
                {"type": "contact", "id": identity.contact_id(contact), "external_id": f"ext-{contact}"}
            ],
        },
        "admin_assignee_id": "0",
        "team_assignee_id": str(identity.SUPPORT_TEAM_BASE + 1),
        "created_at": created // SECOND,
        "updated_at": updated // SECOND,
        "open": state < 3,
        "linked_objects": {"type": "list", "total_count": 1, "has_more": False, "data": [linked]},
        "ticket_parts": {"type": "ticket_part.list", "ticket_parts": [], "total_count": 0},
        "is_shared": False,
    }
