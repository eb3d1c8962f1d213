"""A fake Zendesk: incremental cursor export with metric sets, metric events, changed organisations; lists beside it.

What it keeps of the vendor's habits: the export goes by `generated_timestamp` and holds deleted tickets; `start_time`
must be a minute old; ten export requests a minute when the budget trap says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from connectors.sandbox.company.timeline import MINUTE, SECOND, Ints, zulu
from connectors.sandbox.messages import BadRequest, Reply, Request, Rule, seal, unseal
from connectors.sandbox.plumbing import after
from connectors.sandbox.shelf import Hits, Record, window
from connectors.sandbox.zendesk_lists import DeskLists
from connectors.sandbox.zendesk_tickets import (
    EVENT_BASE,
    TICKET_BASE,
)

EXPORT_PAGE, LIST_PAGE, EVENT_PAGE, EVENT_CURSOR_PAGE = 1_000, 100, 1_000, 100
EXPORTS_A_MINUTE = 10


class Zendesk(DeskLists):
    """The fake account; its shelf is called ticket."""

    system = "zendesk"

    def rules(self) -> Sequence[Rule]:
        """The routes (an ending `.json` is allowed everywhere)."""
        api = "/api/v2"
        routes: tuple[tuple[str, Any], ...] = (
            ("incremental/tickets/cursor", self._export),
            ("incremental/tickets", self._timed_export),
            ("incremental/ticket_metric_events", self._metric_events),
            ("incremental/ticket_metric_events/cursor", self._metric_events_by_cursor),
            ("incremental/organizations", self._changed_organizations),
            ("satisfaction_ratings", self.ratings),
            ("ticket_metrics", self.metrics),
            ("tickets/{ticket_id}", self.ticket),
            ("tickets/{ticket_id}/metrics", self.metrics_of),
            ("tickets/{ticket_id}/audits", self.audits),
            ("groups", self.groups),
            ("organizations", self.organizations),
            ("users/me", self.me),
        )
        return tuple(
            Rule("GET", f"{api}/{path}{ending}", handler)
            for path, handler in routes
            for ending in (".json", "")
        )

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
            "tickets": self.shown(page, request.param("include")),
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
            "tickets": self.shown(page, request.param("include")),
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

    # Organisations.

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
            "organizations": [self.organization(number) for number in page],
            "count": len(page),
            "end_time": end,
            "end_of_stream": len(page) == numbers.size,
            "next_page": f"{self.base_url}/api/v2/incremental/organizations.json?start_time={end}",
        }
        return Reply(200, body)
