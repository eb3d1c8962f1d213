"""A fake Intercom (2.14): search of conversations, contacts and tickets, conversations with their parts, admins,
teams.

What it keeps of the vendor's habits: seconds everywhere; at most 150 a page; a search is late for new contacts and
their
time filters work by the day; only the 500 newest parts come with a conversation, beside the true count; deleted
records
and merged contacts are a 404.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from connectors.sandbox.clock import Clock
from connectors.sandbox.company import identity, words
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.support import AGENTS
from connectors.sandbox.company.timeline import SECOND, Ints
from connectors.sandbox.intercom_query import matches
from connectors.sandbox.intercom_records import ConversationRecords, contact_record, ticket_record
from connectors.sandbox.messages import BadRequest, Reply, Request, Rule, seal, unseal
from connectors.sandbox.plumbing import Fake
from connectors.sandbox.shelf import Hits, Record, Shelf, View
from connectors.sandbox.traps import Traps

SEARCH_PAGE, SEARCH_MOST = 20, 150
PARTS_CAP = 500
VERSIONS = (*(f"2.{minor}" for minor in range(16)), "Unstable")


class Intercom(Fake):
    """The fake workspace; see FIELDS.md for its attributes."""

    system = "intercom"

    def __init__(self, company: Company, clock: Clock, *, secret: str) -> None:
        super().__init__(company, clock, secret=secret)
        self.records = ConversationRecords(company)
        self.shelves["conversation"] = self._conversations()
        self.shelves["contact"] = self._contacts()
        self.shelves["ticket"] = self._tickets()

    @property
    def access_token(self) -> str:
        """The app's token."""
        return f"{self.secret}-intercom-token"

    def environment(self, url: str) -> dict[str, str]:
        """URL and token."""
        return {"INTERCOM_URL": url, "INTERCOM_ACCESS_TOKEN": self.access_token}

    def allows(self, request: Request) -> bool:
        """A bearer token, and an API version that exists where one is named."""
        version = request.headers.get("intercom-version", "2.14")
        if version not in VERSIONS:
            raise BadRequest(f"The requested version {version} is not valid", "intercom_version_invalid")
        return request.headers.get("authorization") == f"Bearer {self.access_token}"

    def rules(self) -> Sequence[Rule]:
        """The routes."""
        return (
            Rule("POST", "/conversations/search", self._search_conversations),
            Rule("GET", "/conversations", self._list_conversations),
            Rule("GET", "/conversations/{conversation_id}", self._conversation),
            Rule("POST", "/contacts/search", self._search_contacts),
            Rule("GET", "/contacts/{contact_id}", self._contact),
            Rule("POST", "/tickets/search", self._search_tickets),
            Rule("GET", "/tickets/{ticket_id}", self._ticket),
            Rule("GET", "/admins", self._admins),
            Rule("GET", "/teams", self._teams),
            Rule("GET", "/me", self._me),
        )

    # Records.

    def _conversations(self) -> Shelf:
        data = self.company.conversations
        return Shelf(
            "conversation",
            log=data.log,
            created=data.created,
            ids=lambda numbers: [str(identity.CONVERSATION_BASE + int(n)) for n in numbers],
            number=lambda text: int(text) - identity.CONVERSATION_BASE if text.isdigit() else None,
            draw=self.records.draw,
            stamp=_stamp,
            changed=self._write_parts,
        )

    def _contacts(self) -> Shelf:
        data = self.company.contacts

        def draw(versions: Ints, updated: Ints) -> list[Record]:
            numbers = data.log.record[versions].tolist()
            pairs = zip(numbers, updated.tolist(), strict=True)
            return [contact_record(self.company, number, at) for number, at in pairs]

        return Shelf(
            "contact",
            log=data.log,
            created=data.created,
            ids=lambda numbers: [identity.contact_id(int(n)) for n in numbers],
            number=lambda text: int(text[:8], 16) - 0x64A0_0000 if len(text) == 24 else None,
            draw=draw,
            stamp=_stamp,
        )

    def _tickets(self) -> Shelf:
        data = self.company.escalations
        created = data.log.at[data.log.first[:-1]]

        def draw(versions: Ints, updated: Ints) -> list[Record]:
            states, numbers = data.log.state["state"][versions].tolist(), data.log.record[versions].tolist()
            return [
                ticket_record(self.company, number, state, int(created[number]), at)
                for number, state, at in zip(numbers, states, updated.tolist(), strict=True)
            ]

        return Shelf(
            "ticket",
            log=data.log,
            created=created,
            ids=lambda numbers: [str(identity.ESCALATION_BASE + int(n)) for n in numbers],
            number=lambda text: int(text) - identity.ESCALATION_BASE if text.isdigit() else None,
            draw=draw,
            stamp=_stamp,
        )

    def _write_parts(self, before: Record | None, after: Record, at: int) -> None:
        """What the help desk writes by itself when a conversation's state is changed by hand: a part, and the
        counts.
        """
        if before is not None and before.get("state") != after.get("state"):
            kind = {"closed": "close", "open": "open", "snoozed": "snoozed"}[after["state"]]
            self._append_part(after, kind, "admin", at)

    def _append_part(self, record: Record, kind: str, author: str, at: int) -> None:
        number = self.shelves["conversation"].number_of(record["id"])
        assert number is not None  # noqa: S101
        self.records.add_part(number, kind, author, at)
        statistics = record["statistics"]
        statistics["count_conversation_parts"] += 1
        seconds = at // SECOND
        if kind == "close":
            statistics["last_close_at"] = seconds
            statistics["first_close_at"] = statistics["first_close_at"] or seconds
            statistics["time_to_last_close"] = seconds - record["created_at"]
        if kind == "open":
            statistics["count_reopens"] += 1
        if kind == "comment" and author == "admin" and statistics["first_admin_reply_at"] is None:
            statistics["first_admin_reply_at"] = seconds
            statistics["time_to_admin_reply"] = seconds - record["created_at"]

    def put(self, name: str, record: Mapping[str, Any], *, updated: int | None = None) -> str:
        """As in `Fake.put`; a new conversation gets defaults, a change of its state writes a part."""
        with self._lock:
            shelf = self.shelves[name]
            identifier = str(record.get("id", ""))
            known = shelf.find(identifier, View(self.now())) if identifier else None
            if name == "conversation" and known is None:
                record = {**self.records.blank(self.now()), **record}
            if name == "conversation" and "state" in record:
                record = {**record, "open": record["state"] != "closed"}
            return super().put(name, record, updated=updated)

    def reply(self, conversation_id: str, *, author: str = "admin") -> None:
        """Add a comment to a conversation at the present instant, by an admin or by the user."""
        with self._lock:
            shelf = self.shelves["conversation"]
            found = shelf.find(conversation_id, View(self.now()))
            if found is None or bool(found.gone[0]):
                raise KeyError(f"conversation {conversation_id} does not exist in the sandbox")
            record = shelf.render(found)[0]
            self._append_part(record, "comment", author, self.now())
            super().put("conversation", record)

    # Shapes.

    def problem(self, status: int, message: str, where: str = "") -> Reply:
        """Intercom answers with an error list."""
        code = {
            401: "unauthorized",
            403: "api_plan_restricted",
            404: where or "not_found",
            429: "rate_limit_exceeded",
        }.get(status, where or ("parameter_invalid" if status < 500 else "server_error"))
        text = "Access Token Invalid" if status == 401 else message
        body = {"type": "error.list", "request_id": identity.uuid("request", self.requests)}
        return Reply(status, {**body, "errors": [{"code": code, "message": text}]})

    def throttled(self, headers: Mapping[str, str], wait: float) -> Reply:
        """429; the reset is always told in a header of its own unless the trap says nothing at all."""
        return Reply(
            429, self.problem(429, "Exceeded rate limit").body, {"X-RateLimit-Remaining": "0", **headers}
        )

    def standing_headers(self) -> dict[str, str]:
        """The 10-second window of the rate limit."""
        seconds = self.now() // SECOND
        return {
            "X-RateLimit-Limit": "1666",
            "X-RateLimit-Remaining": "1600",
            "X-RateLimit-Reset": str(seconds // 10 * 10 + 10),
            "Intercom-Version": "2.14",
        }

    # Search.

    def _search(self, request: Request, shelf: str, kind: str, plural: str) -> Reply:
        if shelf in self.traps.forbidden:
            return self.problem(403, f"The token may not read {plural}")
        asked = request.json()
        query = asked.get("query")
        if not isinstance(query, dict):
            raise BadRequest("query is required", "parameter_not_found")
        hits = self.hits(shelf)
        hits = hits.take(matches(self, shelf, hits, query))
        sort = asked.get("sort") or {}
        field = str(sort.get("field") or "updated_at")
        values = hits.created if field == "created_at" else hits.updated
        # Newest first unless asked otherwise, as the vendor does.
        descending = str(sort.get("order") or "descending").startswith("desc")
        keys = -(values // SECOND) if descending else values // SECOND
        order = np.lexsort((hits.number, keys))
        hits, keys = hits.take(order), keys[order]
        paging = asked.get("pagination") or {}
        size = self.page_size(int(paging.get("per_page") or SEARCH_PAGE), SEARCH_PAGE, SEARCH_MOST)
        if int(paging.get("per_page") or 1) > SEARCH_MOST:
            raise BadRequest(f"per_page must be at most {SEARCH_MOST}", "parameter_invalid")
        start, page_number = self._start(hits, keys, paging.get("starting_after"), size)
        page = hits.take(slice(start, start + size))
        pages: Record = {
            "type": "pages",
            "page": page_number,
            "per_page": size,
            "total_pages": max(1, -(-hits.size // size)),
        }
        token = self._token(hits, keys, paging.get("starting_after"), start, size, page_number)
        if token is not None:
            pages["next"] = {"per_page": size, "starting_after": token}
        records = self.render(shelf, page)
        if shelf == "conversation":
            for record in records:
                record.pop("conversation_parts", None)
        self.served(shelf)
        return Reply(200, {"type": kind, plural: records, "total_count": hits.size, "pages": pages})

    def _start(self, hits: Hits, keys: Ints, token: Any, size: int) -> tuple[int, int]:
        if not token:
            return 0, 1
        key, number, page = unseal(str(token), 3)
        lifetime = self.traps.page_token_lifetime
        if lifetime is not None and page > lifetime:
            raise BadRequest("starting_after is invalid", "parameter_invalid")
        if self.traps.offset_tokens:
            return int(number), int(page)
        low = int(np.searchsorted(keys, key, side="left"))
        same = np.flatnonzero((keys[low:] > key) | (hits.number[low:] > number))
        return (low + int(same[0]) if same.size else hits.size), int(page)

    def _token(self, hits: Hits, keys: Ints, token: Any, start: int, size: int, page: int) -> str | None:
        traps: Traps = self.traps
        end = start + size
        if end >= hits.size and not traps.endless_token:
            return None
        if traps.repeat_token and token:
            return str(token)
        if traps.offset_tokens:
            return seal(0, end, page + 1)
        last = min(end, hits.size) - 1
        return seal(int(keys[last]), int(hits.number[last]), page + 1) if last >= 0 else seal(0, 0, page + 1)

    def _search_conversations(self, request: Request) -> Reply:
        return self._search(request, "conversation", "conversation.list", "conversations")

    def _search_contacts(self, request: Request) -> Reply:
        return self._search(request, "contact", "list", "data")

    def _search_tickets(self, request: Request) -> Reply:
        return self._search(request, "ticket", "ticket.list", "tickets")

    def _list_conversations(self, request: Request) -> Reply:
        hits = self.hits("conversation")
        hits = hits.sort(-hits.updated, hits.number)
        size = self.page_size(request.number("per_page", SEARCH_PAGE), SEARCH_PAGE, SEARCH_MOST)
        start = unseal(request.param("starting_after"), 1)[0] if request.param("starting_after") else 0
        page = hits.take(slice(start, start + size))
        records = self.render("conversation", page)
        for record in records:
            record.pop("conversation_parts", None)
        pages: Record = {
            "type": "pages",
            "page": start // size + 1,
            "per_page": size,
            "total_pages": -(-hits.size // size),
        }
        if start + size < hits.size:
            pages["next"] = {"per_page": size, "starting_after": seal(start + size)}
        return Reply(
            200,
            {"type": "conversation.list", "conversations": records, "total_count": hits.size, "pages": pages},
        )

    # Single records.

    def _one(self, shelf: str, identifier: str, what: str) -> Hits:
        if shelf in self.traps.forbidden:
            raise BadRequest(f"The token may not read {what}", "api_plan_restricted", 403)
        hits = self.shelves[shelf].find(identifier, self.view(searched=False))
        if hits is None or bool(hits.gone[0]):
            raise BadRequest(f"{what} not found", "not_found", 404)
        return hits

    def _conversation(self, request: Request, conversation_id: str) -> Reply:
        hits = self._one("conversation", conversation_id, "Conversation")
        record = self.render("conversation", hits)[0]
        cap = PARTS_CAP if self.traps.parts_cap is None else self.traps.parts_cap
        record["conversation_parts"] = self.records.parts(int(hits.number[0]), self.now(), cap)
        return Reply(200, record)

    def _contact(self, request: Request, contact_id: str) -> Reply:
        return Reply(200, self.render("contact", self._one("contact", contact_id, "User"))[0])

    def _ticket(self, request: Request, ticket_id: str) -> Reply:
        return Reply(200, self.render("ticket", self._one("ticket", ticket_id, "Ticket"))[0])

    def _admin(self, number: int) -> Record:
        return {
            "type": "admin",
            "id": str(identity.AGENT_BASE + number),
            "name": identity.person_name(number + 200),
            "email": f"agent{number}@sandbox.example",
            "job_title": "Support engineer",
            "away_mode_enabled": False,
            "away_mode_reassign": False,
            "has_inbox_seat": True,
            "team_ids": [identity.SUPPORT_TEAM_BASE + number % len(words.SUPPORT_TEAMS)],
        }

    def _admins(self, request: Request) -> Reply:
        return Reply(200, {"type": "admin.list", "admins": [self._admin(number) for number in range(AGENTS)]})

    def _teams(self, request: Request) -> Reply:
        teams = [
            {
                "type": "team",
                "id": str(identity.SUPPORT_TEAM_BASE + code),
                "name": name,
                "admin_ids": [
                    identity.AGENT_BASE + n for n in range(AGENTS) if n % len(words.SUPPORT_TEAMS) == code
                ],
            }
            for code, name in enumerate(words.SUPPORT_TEAMS)
        ]
        return Reply(200, {"type": "team.list", "teams": teams})

    def _me(self, request: Request) -> Reply:
        app = {
            "type": "app",
            "id_code": "sandbox1",
            "name": "Sandbox",
            "region": "US",
            "timezone": "America/New_York",
            "created_at": 1_700_000_000,
            "identity_verification": False,
        }
        admin = {name: value for name, value in self._admin(0).items() if name != "job_title"}
        return Reply(200, {**admin, "email_verified": True, "app": app})


def _stamp(record: Record, at: int) -> None:
    record["updated_at"] = at // SECOND
