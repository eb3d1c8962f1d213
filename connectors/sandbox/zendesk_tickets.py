"""The sandbox company's conversations as Zendesk tickets: cursor of their own, metric sets, metric events, ratings,
audits.

A solved ticket is closed by itself four days later. A deleted ticket stays in the export as `status: deleted`. The
cursor of the
export is `generated_timestamp`, which also moves when only the system touched a ticket; `updated_at` does not.
"""

from __future__ import annotations

import numpy as np

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.log import KEEP, Change, Log
from connectors.sandbox.company.support import ADMIN_COMMENT, CLOSE, REOPEN, USER_COMMENT
from connectors.sandbox.company.timeline import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    NONE,
    SECOND,
    Ints,
    zulu,
    zulu_or_none,
)
from connectors.sandbox.shelf import Record

TICKET_BASE, GROUP_BASE, AGENT_BASE, REQUESTER_BASE, ORGANIZATION_BASE = 1, 360_001, 7_001, 400_000, 900_000
RATING_BASE, EVENT_BASE, AUDIT_BASE = 5_000_000, 8_000_000, 20_000_000
CLOSES_AFTER = 4 * DAY
OPEN, PENDING, SOLVED, CLOSED = range(4)
STATUSES = ("open", "pending", "solved", "closed")
METRICS = ("reply_time", "requester_wait_time", "agent_work_time", "resolution_time")


class Tickets:
    """The tickets' log and everything that hangs on them."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.base_url = ""
        self.log = self._log()
        self.created = company.conversations.created

    def _log(self) -> Log:
        """The conversations' log with the closing four days after a solution, and a system touch now and then.

        Column `edited`: the instant of the last change that people (not the system) made.
        """
        data = self.company.conversations
        source = data.log
        kept = ~source.gone
        kept[source.first[:-1]] = False
        rows = np.flatnonzero(kept)
        columns = {name: source.state[name][rows] for name in source.state}
        changes = [Change(source.record[rows], source.at[rows], {**columns, "edited": source.at[rows]})]
        solved = np.flatnonzero((source.state["status"] == words.SOLVED) & ~source.gone)
        stays = (source.until[solved] >= source.at[solved] + CLOSES_AFTER) | (
            source.state["last_close"][solved] + CLOSES_AFTER < source.until[solved]
        )
        solved = solved[stays]
        closing = np.maximum(source.state["last_close"][solved] + CLOSES_AFTER, source.at[solved])
        closed = np.full(solved.size, CLOSED, dtype=np.int64)
        changes.append(Change(source.record[solved], closing, {"status": closed, "edited": closing}))
        touched = np.flatnonzero(np.arange(data.size) % 9 == 0)
        nightly = (source.at[source.first[1:] - 1][touched] // DAY + 16) * DAY + 2 * HOUR
        changes.append(Change(touched, nightly, {"edited": np.full(touched.size, KEEP, dtype=np.int64)}))
        gone = np.full(data.size, NEVER, dtype=np.int64)
        dead = np.flatnonzero(source.gone)
        gone[source.record[dead]] = source.at[dead]
        first = source.first[:-1]
        initial = {name: source.state[name][first] for name in source.state}
        return Log.build(
            created=data.created, initial={**initial, "edited": data.created}, changes=changes, deleted=gone
        )

    def draw(self, versions: Ints, updated: Ints) -> list[Record]:
        """Tickets at versions of the log; `updated` becomes `generated_timestamp`."""
        data, log = self.company.conversations, self.log
        found = []
        for version, at in zip(versions.tolist(), updated.tolist(), strict=True):
            number = int(log.record[version])
            team, rating = int(data.team[number]), int(log.state["rating"][version])
            account = int(data.account[number])
            spam = bool(log.state["spam"][version])
            identifier = TICKET_BASE + number
            edited = int(log.state["edited"][version])
            replied = int(log.state["first_reply"][version]) != NONE
            found.append(
                {
                    "url": f"{self.base_url}/api/v2/tickets/{identifier}.json",
                    "id": identifier,
                    "external_id": None,
                    "via": {
                        "channel": ("chat", "email", "voice", "whatsapp")[int(data.channel[number])],
                        "source": {},
                    },
                    "created_at": zulu(int(data.created[number])),
                    "updated_at": zulu(at if bool(log.gone[version]) else edited),
                    "generated_timestamp": at // SECOND,
                    "type": "question",
                    "subject": "A question",
                    "raw_subject": "A question",
                    "description": "…",
                    "priority": "high" if bool(data.urgent[number]) else "normal",
                    "status": "deleted"
                    if bool(log.gone[version])
                    else STATUSES[int(log.state["status"][version])],
                    "recipient": None,
                    "requester_id": REQUESTER_BASE + int(data.contact[number]),
                    "submitter_id": REQUESTER_BASE + int(data.contact[number]),
                    "assignee_id": AGENT_BASE + self._agent(number) if replied else None,
                    "organization_id": ORGANIZATION_BASE + account if account >= 0 else None,
                    "group_id": None if team == NONE else GROUP_BASE + team,
                    "collaborator_ids": [],
                    "has_incidents": False,
                    "is_public": True,
                    "tags": ["spam"] if spam else [],
                    "custom_fields": [],
                    "satisfaction_rating": {
                        "score": _score(rating, log.state["status"][version] >= SOLVED and replied)
                    },
                }
            )
        return found

    def _agent(self, number: int) -> int:
        data = self.company.conversations
        authors = data.parts.author[int(data.first_part[number]) : int(data.first_part[number + 1])]
        known = authors[authors != NONE]
        return int(known[0]) if known.size else 0

    def metric_set(self, number: int, version: int) -> Record:
        """The ticket's metrics as of a version; durations are null until both of their events happened."""
        data, log = self.company.conversations, self.log
        created = int(data.created[number])
        first, closed = int(log.state["first_reply"][version]), int(log.state["last_close"][version])
        solved = closed if int(log.state["status"][version]) >= SOLVED else NONE
        kinds, at = self._parts_until(number, int(log.at[version]))
        closes, replies = at[kinds == CLOSE], at[kinds == ADMIN_COMMENT]
        first_close = int(closes[0]) if closes.size else NONE
        user = at[np.isin(kinds, (USER_COMMENT, REOPEN))]
        last = int(at[-1]) if at.size else created
        return {
            "url": f"{self.base_url}/api/v2/ticket_metrics/{identity.ESCALATION_BASE + number}.json",
            "id": 70_000_000 + number,
            "ticket_id": TICKET_BASE + number,
            "created_at": zulu(created),
            "updated_at": zulu(int(log.at[version])),
            "group_stations": 1,
            "assignee_stations": 1 if replies.size else 0,
            "reopens": int(log.state["reopens"][version]),
            "replies": int(log.state["replies"][version]),
            "assignee_updated_at": zulu_or_none(int(replies[-1]) if replies.size else NONE),
            "requester_updated_at": zulu(int(user[-1]) if user.size else created),
            "status_updated_at": zulu(last),
            "initially_assigned_at": zulu_or_none(first),
            "assigned_at": zulu_or_none(first),
            "solved_at": zulu_or_none(solved),
            "latest_comment_added_at": zulu(last),
            "reply_time_in_minutes": _span(created, first, MINUTE),
            "reply_time_in_seconds": _span(created, first, SECOND),
            "first_resolution_time_in_minutes": _span(created, first_close, MINUTE),
            "full_resolution_time_in_minutes": _span(created, solved, MINUTE),
            "agent_wait_time_in_minutes": _span(created, solved, 2 * MINUTE),
            "requester_wait_time_in_minutes": _span(created, solved, 2 * MINUTE),
            "on_hold_time_in_minutes": {"calendar": 0, "business": 0},
        }

    def _parts_until(self, number: int, until: int) -> tuple[Ints, Ints]:
        data = self.company.conversations
        low, high = int(data.first_part[number]), int(data.first_part[number + 1])
        seen = low + int(np.searchsorted(data.parts.at[low:high], until, side="right"))
        return data.parts.kind[low:seen], data.parts.at[low:seen]

    def audits(self, number: int, now: int) -> list[Record]:
        """The ticket's audit log by `now`: its creation, and each part as an event."""
        data = self.company.conversations
        kinds, at = self._parts_until(number, now)
        low = int(data.first_part[number])
        found = [
            self._audit(
                AUDIT_BASE + number * 10_000,
                number,
                int(data.created[number]),
                "Create",
                "status",
                None,
                "open",
            )
        ]
        status = "open"
        for place, (kind, moment) in enumerate(zip(kinds.tolist(), at.tolist(), strict=True)):
            new = {CLOSE: "solved", REOPEN: "open", USER_COMMENT: "open"}.get(kind, status)
            identifier = AUDIT_BASE + number * 10_000 + place + 1
            if new != status:
                found.append(self._audit(identifier, number, moment, "Change", "status", status, new))
            elif kind == ADMIN_COMMENT:
                author = AGENT_BASE + int(data.parts.author[low + place])
                events = [
                    {"id": identifier, "type": "Comment", "author_id": author, "public": True, "body": "…"}
                ]
                found.append(
                    {
                        **self._audit(identifier, number, moment, "Change", "status", None, ""),
                        "events": events,
                    }
                )
            status = new
        return found

    @staticmethod
    def _audit(
        identifier: int, number: int, at: int, sort: str, field: str, old: str | None, new: str
    ) -> Record:
        event: Record = {"id": identifier + 5_000, "type": sort, "field_name": field, "value": new}
        if sort == "Change":
            event["previous_value"] = old
        common = {
            "author_id": AGENT_BASE,
            "via": {"channel": "web"},
            "metadata": {"system": {}, "custom": {}},
        }
        found: Record = {
            "id": identifier,
            "ticket_id": TICKET_BASE + number,
            "created_at": zulu(at),
            "events": [event],
        }
        return {**found, **common}

    def metric_events(self) -> tuple[Ints, list[tuple[int, str, int, str]]]:
        """All metric events in the order of time: their instants, and (ticket number, metric, instance, kind)."""
        data = self.company.conversations
        times: list[int] = []
        rows: list[tuple[int, str, int, str]] = []
        instance = np.zeros(data.size, dtype=np.int64)
        answered = np.zeros(data.size, dtype=np.bool_)
        for number, at in enumerate(data.created.tolist()):
            for metric in METRICS:
                times.append(at)
                rows.append((number, metric, 1, "activate"))
        pairs = zip(
            data.parts.conversation.tolist(), data.parts.kind.tolist(), data.parts.at.tolist(), strict=True
        )
        for number, kind, at in pairs:
            if kind == ADMIN_COMMENT and not answered[number]:
                answered[number] = True
                times.append(at)
                rows.append((number, "reply_time", 1, "fulfill"))
            elif kind == CLOSE:
                for metric in METRICS[1:]:
                    times.append(at)
                    rows.append((number, metric, int(instance[number]) + 1, "fulfill"))
            elif kind == REOPEN:
                instance[number] += 1
                for metric in METRICS[1:]:
                    times.append(at)
                    rows.append((number, metric, int(instance[number]) + 1, "activate"))
        at_sorted = np.asarray(times, dtype=np.int64)
        order = np.argsort(at_sorted, kind="stable")
        return at_sorted[order], [rows[place] for place in order.tolist()]


def _score(rating: int, offered: bool) -> str:
    if rating:
        return "good" if rating >= 4 else "bad"
    return "offered" if offered else "unoffered"


def _span(start: int, end: int, unit: int) -> Record:
    if end == NONE:
        return {"calendar": None, "business": None}
    length = (end - start) // unit
    return {"calendar": length, "business": length // 3}
