"""The fake account behind Zendesk: its tickets, what is put into it by hand, shapes of lists and errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from connectors.sandbox.clock import Clock
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.timeline import SECOND, zulu
from connectors.sandbox.messages import Reply, Request, basic, seal, unseal
from connectors.sandbox.plumbing import Fake
from connectors.sandbox.shelf import Hits, Record, Shelf, View
from connectors.sandbox.zendesk_tickets import TICKET_BASE, Tickets

LIST_PAGE = 100


class Desk(Fake):
    """The tickets of an account; the shelf is called ticket."""

    def __init__(self, company: Company, clock: Clock, *, secret: str) -> None:
        super().__init__(company, clock, secret=secret)
        self.tickets = Tickets(company)
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

    # What lists share.

    def shown(self, hits: Hits, include: str) -> list[Record]:
        """Tickets as the API shows them, with their metrics where `include` asks for them."""
        records = self.render("ticket", hits)
        triples = zip(hits.number.tolist(), hits.handle.tolist(), hits.gone.tolist(), strict=True)
        for (number, handle, gone), record in zip(triples, records, strict=True):
            record["id"] = int(record["id"])
            if gone:
                record["status"] = "deleted"
            if "metric_sets" in include and not gone and number < self.tickets.log.size:
                version = handle if handle >= 0 else self.version_of(number)
                record["metric_set"] = self.tickets.metric_set(number, version)
        return records

    def version_of(self, number: int) -> int:
        """The version of a ticket that is current."""
        found = self.tickets.log.version(number, self.now())
        return int(self.tickets.log.first[number]) if found is None else found

    def listed(self, request: Request, name: str, found: list[Record]) -> Reply:
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


def _stamp(record: Record, at: int) -> None:
    record["generated_timestamp"] = at // SECOND
    record["updated_at"] = zulu(at)
