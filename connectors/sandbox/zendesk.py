"""A fake Zendesk: incremental cursor export with metric sets, metric events, satisfaction ratings, audits,
organisations.

What it keeps of the vendor's habits: the export goes by `generated_timestamp` and holds deleted tickets;
`start_time` must be a
minute old; ten export requests a minute when the budget trap says so; metrics of deleted tickets are a 404;
`/ticket_metrics` is
listed by creation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from connectors.sandbox.clock import Clock
from connectors.sandbox.company import identity, words
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.support import AGENTS
from connectors.sandbox.company.timeline import DAY, MINUTE, NONE, SECOND, Ints, zulu
from connectors.sandbox.messages import BadRequest, Reply, Request, Rule, basic, seal, unseal
from connectors.sandbox.plumbing import Fake, after
from connectors.sandbox.shelf import Hits, Record, Shelf, View, window
from connectors.sandbox.zendesk_tickets import (
    AGENT_BASE,
    EVENT_BASE,
    GROUP_BASE,
    ORGANIZATION_BASE,
    RATING_BASE,
    TICKET_BASE,
    Tickets,
)

EXPORT_PAGE, LIST_PAGE, EVENT_PAGE, EVENT_CURSOR_PAGE = 1_000, 100, 1_000, 100
EXPORTS_A_MINUTE = 10


class Zendesk(Fake):
    """The fake account; its shelf is called ticket."""

    system = "zendesk"

    def __init__(self, company: Company, clock: Clock, *, secret: str) -> None:
        super().__init__(company, clock, secret=secret)
        self.tickets = Tickets(company)
        self._events_by_hand: list[tuple[int, Record]] = []
        self.shelves["ticket"] = Shelf(
            "ticket",
            log=self.tickets.log,
            created=self.tickets.created,
            ids=lambda numbers: [str(TICKET_BASE + int(n)) for n in numbers],
            number=lambda text: int(text) - TICKET_BASE if text.isdigit() else None,
            draw=self.tickets.draw,
            stamp=_stamp,
        )

    @property
    def email(self) -> str:
        """The API user."""
        return "vitals@sandbox.example"

    @property
    def api_token(self) -> str:
        """The API token."""
        return f"{self.secret}-zendesk-token"

    def environment(self, url: str) -> dict[str, str]:
        """URL, user and token."""
        self.tickets.base_url = url
        return {"ZENDESK_URL": url, "ZENDESK_EMAIL": self.email, "ZENDESK_API_TOKEN": self.api_token}

    def allows(self, request: Request) -> bool:
        """Basic authentication as `email/token` with the API token."""
        return request.headers.get("authorization") == basic(f"{self.email}/token", self.api_token)

    def rules(self) -> Sequence[Rule]:
        """The routes (an ending `.json` is allowed everywhere)."""
        api = "/api/v2"
        routes: tuple[tuple[str, Any], ...] = (
            ("incremental/tickets/cursor", self._export),
            ("incremental/tickets", self._timed_export),
            ("incremental/ticket_metric_events", self._metric_events),
            ("incremental/ticket_metric_events/cursor", self._metric_events_by_cursor),
            ("incremental/organizations", self._changed_organizations),
            ("satisfaction_ratings", self._ratings),
            ("ticket_metrics", self._metrics),
            ("tickets/{ticket_id}", self._ticket),
            ("tickets/{ticket_id}/metrics", self._metrics_of),
            ("tickets/{ticket_id}/audits", self._audits),
            ("groups", self._groups),
            ("organizations", self._organizations),
            ("users/me", self._me),
        )
        return tuple(
            Rule("GET", f"{api}/{path}{ending}", handler)
            for path, handler in routes
            for ending in (".json", "")
        )

    # Shapes.

    def put(self, name: str, record: Mapping[str, Any], *, updated: int | None = None) -> str:
        """As in `Fake.put`; a ticket's id may be a number, a new one gets defaults."""
        with self._lock:
            identifier = str(record.get("id") or "")
            known = self.shelves[name].find(identifier, View(self.now())) if identifier else None
            if known is None:
                blank = self.tickets.draw(
                    self.tickets.log.first[:1], np.asarray([self.now()], dtype=np.int64)
                )[0]
                fresh = {
                    "created_at": zulu(self.now()),
                    "status": "open",
                    "assignee_id": None,
                    "organization_id": None,
                }
                record = {**{n: v for n, v in blank.items() if n not in ("id", "url")}, **fresh, **record}
            return super().put(
                name, {**record, **({"id": identifier} if identifier else {})}, updated=updated
            )

    def problem(self, status: int, message: str, where: str = "") -> Reply:
        """Zendesk answers with a name and a description."""
        if status == 401:
            return Reply(401, {"error": "Couldn't authenticate you"})
        names = {400: "InvalidValue", 403: "Forbidden", 404: "RecordNotFound", 422: "InvalidValue"}
        return Reply(status, {"error": where or names.get(status, "InternalError"), "description": message})

    def throttled(self, headers: Mapping[str, str], wait: float) -> Reply:
        """429 with the export's own limit."""
        text = "Number of allowed incremental export API requests per minute exceeded"
        return Reply(429, {"error": "APIRateLimitExceeded", "description": text}, headers)

    def reset_headers(self, wait: float) -> dict[str, str]:
        """Seconds until the limit is lifted."""
        return {"ratelimit-reset": str(round(wait)), "ratelimit-remaining": "0"}

    def standing_headers(self) -> dict[str, str]:
        """The account's limit."""
        return {"ratelimit-limit": "700", "ratelimit-remaining": "690", "ratelimit-reset": "41"}

    def snapshot(self, name: str, *, gone: bool = False) -> dict[str, Record]:
        """As in `Fake.snapshot`; with `gone`, deleted tickets come with their status."""
        found = super().snapshot(name, gone=gone)
        for record in found.values():
            record["id"] = int(record["id"])
        if gone:
            shelf = self.shelves[name]
            hits = shelf.hits(View(self.now()))
            for identifier, dead in zip(shelf.ids(hits), hits.gone.tolist(), strict=True):
                if dead:
                    found[identifier]["status"] = "deleted"
        return found

    # The export.

    def _exported(self) -> Hits:
        """All tickets, deleted ones too, by cursor; the last minute is held back."""
        if "ticket" in self.traps.forbidden:
            raise BadRequest("You do not have access to this page", status=403)
        return window(self.hits("ticket", gone=True), None, self.now() - MINUTE)

    def _start_time(self, request: Request) -> int:
        start = request.number("start_time", -1)
        if start < 0:
            raise BadRequest("start_time is required", status=422)
        if start * SECOND > self.now() - MINUTE:
            raise BadRequest("Too recent start_time. Use a start_time older than 60 seconds", status=422)
        return start * SECOND

    def _tickets(self, hits: Hits, include: str) -> list[Record]:
        records = self.render("ticket", hits)
        triples = zip(hits.number.tolist(), hits.handle.tolist(), hits.gone.tolist(), strict=True)
        for (number, handle, gone), record in zip(triples, records, strict=True):
            record["id"] = int(record["id"])
            if gone:
                record["status"] = "deleted"
            if "metric_sets" in include and not gone and number < self.tickets.log.size:
                version = handle if handle >= 0 else self._version(number)
                record["metric_set"] = self.tickets.metric_set(number, version)
        return records

    def _version(self, number: int) -> int:
        found = self.tickets.log.version(number, self.now())
        return int(self.tickets.log.first[number]) if found is None else found

    def _export(self, request: Request) -> Reply:
        hits = self._exported()
        cursor = request.param("cursor")
        pages = 0
        if cursor:
            pages, updated, number = unseal(cursor, 3)
            lifetime = self.traps.page_token_lifetime
            if lifetime is not None and pages > lifetime:
                raise BadRequest("The cursor is invalid or has expired", status=400)
            rest = after(hits, int(updated), int(number))
        else:
            rest = window(hits, self._start_time(request), None)
        size = self.page_size(request.number("per_page", EXPORT_PAGE), EXPORT_PAGE, EXPORT_PAGE)
        page = rest.take(slice(0, size))
        end = page.size == rest.size and not self.traps.endless_token
        if page.size:
            following = seal(pages + 1, int(page.updated[-1]), int(page.number[-1]))
        else:
            following = cursor or seal(1, self._start_time(request) - 1, 0)
        if self.traps.repeat_token and cursor:
            following, end = cursor, False
        body: Record = {
            "tickets": self._tickets(page, request.param("include")),
            "after_cursor": following,
            "after_url": f"{self.base_url}/api/v2/incremental/tickets/cursor.json?cursor={following}",
            "before_cursor": None,
            "before_url": None,
            "end_of_stream": end,
        }
        self.served("ticket")
        left = max(0, EXPORTS_A_MINUTE - self.requests % EXPORTS_A_MINUTE)
        limit = f"total={EXPORTS_A_MINUTE}; remaining={left}; resets=30"
        return Reply(200, body, {"zendesk-ratelimit-incremental-exports": limit})

    def _timed_export(self, request: Request) -> Reply:
        rest = window(self._exported(), self._start_time(request), None)
        size = self.page_size(request.number("per_page", EXPORT_PAGE), EXPORT_PAGE, EXPORT_PAGE)
        page = rest.take(slice(0, size))
        end = int(page.updated[-1]) // SECOND if page.size else request.number("start_time", 0)
        body: Record = {
            "tickets": self._tickets(page, request.param("include")),
            "count": rest.size,
            "end_time": end,
            "end_of_stream": page.size == rest.size,
            "next_page": f"{self.base_url}/api/v2/incremental/tickets.json?start_time={end}",
        }
        self.served("ticket")
        return Reply(200, body)

    # Metric events.

    @cached_property
    def _all_events(self) -> tuple[Ints, list[tuple[int, str, int, str]]]:
        return self.tickets.metric_events()

    def _events(self, low: int, high: int) -> list[Record]:
        times, rows = self._all_events
        found = []
        for place in range(low, high):
            number, metric, instance, sort = rows[place]
            event: Record = {
                "id": EVENT_BASE + place,
                "ticket_id": TICKET_BASE + number,
                "metric": metric,
                "instance_id": instance,
                "type": sort,
                "time": zulu(int(times[place])),
            }
            found.append(event)
        return found

    def _metric_events(self, request: Request) -> Reply:
        times, _ = self._all_events
        start = self._start_time(request)
        low = int(np.searchsorted(times, start, side="left"))
        until = int(np.searchsorted(times, self.now() - MINUTE, side="right"))
        size = self.page_size(EVENT_PAGE, EVENT_PAGE, EVENT_PAGE)
        high = min(low + size, until)
        # A page never ends inside a second: the next one starts with that second again.
        while high < until and high > low and times[high] // SECOND == times[high - 1] // SECOND:
            high += 1
        end = int(times[high - 1]) // SECOND if high > low else start // SECOND
        link = f"{self.base_url}/api/v2/incremental/ticket_metric_events.json?start_time={end}"
        body = {
            "ticket_metric_events": self._events(low, high),
            "count": high - low,
            "end_time": end,
            "next_page": link,
        }
        return Reply(200, body)

    def _metric_events_by_cursor(self, request: Request) -> Reply:
        times, _ = self._all_events
        cursor = request.param("cursor")
        low = (
            int(unseal(cursor, 1)[0])
            if cursor
            else int(np.searchsorted(times, self._start_time(request), side="left"))
        )
        until = int(np.searchsorted(times, self.now() - MINUTE, side="right"))
        high = min(low + self.page_size(EVENT_CURSOR_PAGE, EVENT_CURSOR_PAGE, EVENT_CURSOR_PAGE), until)
        body = {
            "ticket_metric_events": self._events(low, high),
            "after_cursor": seal(high),
            "after_url": f"{self.base_url}{request.path}?cursor={seal(high)}",
            "end_of_stream": high == until,
        }
        return Reply(200, body)

    # Ratings, metrics, audits.

    def _ratings(self, request: Request) -> Reply:
        data, log = self.company.conversations, self.tickets.log
        version = log.current(self.now())
        rated = version[log.state["rating"][version] > 0]
        at = log.state["rated"][rated]
        start, end = (
            request.number("start_time", 0) * SECOND,
            request.number("end_time", self.now() // SECOND) * SECOND,
        )
        inside = (at >= start) & (at <= end)
        rated, at = rated[inside], at[inside]
        order = np.argsort(at, kind="stable")
        found = []
        for place in order.tolist():
            number = int(log.record[rated[place]])
            team, rating = int(data.team[number]), int(log.state["rating"][rated[place]])
            found.append(
                {
                    "id": RATING_BASE + number,
                    "url": f"{self.base_url}/api/v2/satisfaction_ratings/{RATING_BASE + number}.json",
                    "ticket_id": TICKET_BASE + number,
                    "score": "good" if rating >= 4 else "bad",
                    "comment": None,
                    "reason": None,
                    "assignee_id": AGENT_BASE,
                    "requester_id": 400_000 + int(data.contact[number]),
                    "group_id": None if team == NONE else GROUP_BASE + team,
                    "created_at": zulu(int(at[place])),
                    "updated_at": zulu(int(at[place])),
                }
            )
        score = request.param("score")
        if score:
            found = [rating_ for rating_ in found if rating_["score"] in score.split(",")]
        return self._listed(request, "satisfaction_ratings", found)

    def _listed(self, request: Request, name: str, found: list[Record]) -> Reply:
        """A list by cursor (page[size], page[after]) or by page number, as the request asks."""
        size = self.page_size(
            request.number("page[size]", request.number("per_page", LIST_PAGE)), LIST_PAGE, LIST_PAGE
        )
        if any(key.startswith("page[") for key, _ in request.query):
            token = request.param("page[after]")
            start = int(unseal(token, 1)[0]) if token else 0
            more = start + size < len(found)
            following = seal(start + size)
            link = f"{self.base_url}{request.path}?page[size]={size}&page[after]={following}"
            meta = {"has_more": more, "after_cursor": following if more else None, "before_cursor": None}
            body = {
                name: found[start : start + size],
                "meta": meta,
                "links": {"next": link if more else None, "prev": None},
            }
            return Reply(200, body)
        page = max(1, request.number("page", 1))
        start = (page - 1) * size
        more = start + size < len(found)
        following_page = f"{self.base_url}{request.path}?page={page + 1}&per_page={size}" if more else None
        return Reply(
            200,
            {
                name: found[start : start + size],
                "count": len(found),
                "next_page": following_page,
                "previous_page": None,
            },
        )

    def _metrics(self, request: Request) -> Reply:
        log = self.tickets.log
        version = log.current(self.now())
        found = [self.tickets.metric_set(int(log.record[v]), int(v)) for v in version[::-1][:5_000]]
        return self._listed(request, "ticket_metrics", found)

    def _one(self, ticket_id: str) -> Hits:
        hits = self.shelves["ticket"].find(ticket_id, self.view(searched=False))
        if hits is None or bool(hits.gone[0]):
            raise BadRequest("Not found", status=404)
        return hits

    def _ticket(self, request: Request, ticket_id: str) -> Reply:
        return Reply(200, {"ticket": self._tickets(self._one(ticket_id), "")[0]})

    def _metrics_of(self, request: Request, ticket_id: str) -> Reply:
        number = int(self._one(ticket_id).number[0])
        if number >= self.tickets.log.size:
            raise BadRequest("Not found", status=404)
        return Reply(200, {"ticket_metric": self.tickets.metric_set(number, self._version(number))})

    def _audits(self, request: Request, ticket_id: str) -> Reply:
        number = int(self._one(ticket_id).number[0])
        found = self.tickets.audits(number, self.now()) if number < self.tickets.log.size else []
        return self._listed(request, "audits", found)

    # The rest.

    def _groups(self, request: Request) -> Reply:
        found = [
            {
                "id": GROUP_BASE + code,
                "name": name,
                "deleted": False,
                "created_at": zulu(0),
                "updated_at": zulu(0),
            }
            for code, name in enumerate(words.SUPPORT_TEAMS)
        ]
        return self._listed(request, "groups", found)

    def _organization(self, number: int) -> Record:
        account = np.asarray([number], dtype=np.int64)
        created = int(self.company.accounts.created[number])
        return {
            "id": ORGANIZATION_BASE + number,
            "external_id": str(identity.account_ids(account)[0]),
            "name": identity.account_name(number),
            "created_at": zulu(created),
            "updated_at": zulu(created),
            "tags": [],
            "organization_fields": {},
        }

    def _organizations(self, request: Request) -> Reply:
        log = self.company.account_log
        numbers = log.record[log.current(self.now())].tolist()
        return self._listed(request, "organizations", [self._organization(number) for number in numbers])

    def _changed_organizations(self, request: Request) -> Reply:
        start = self._start_time(request)
        log = self.company.account_log
        numbers = log.record[log.current(self.now())]
        created = self.company.accounts.created[numbers]
        order = np.lexsort((numbers, created))
        numbers = numbers[order][created[order] >= start]
        page = numbers[: self.page_size(EXPORT_PAGE, EXPORT_PAGE, EXPORT_PAGE)].tolist()
        end = int(self.company.accounts.created[page[-1]]) // SECOND if page else start // SECOND
        body = {
            "organizations": [self._organization(number) for number in page],
            "count": len(page),
            "end_time": end,
            "end_of_stream": len(page) == numbers.size,
            "next_page": f"{self.base_url}/api/v2/incremental/organizations.json?start_time={end}",
        }
        return Reply(200, body)

    def _me(self, request: Request) -> Reply:
        user = {
            "id": AGENT_BASE + AGENTS,
            "name": "Vitals reader",
            "email": self.email,
            "role": "admin",
            "time_zone": "UTC",
        }
        return Reply(200, {"user": {**user, "created_at": zulu(self.now() - 400 * DAY), "active": True}})


def _stamp(record: Record, at: int) -> None:
    record["generated_timestamp"] = at // SECOND
    record["updated_at"] = zulu(at)
