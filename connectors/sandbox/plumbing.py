"""What all fakes share: answering, faults, views of the data as of the clock, what tests may look at and change.

A vendor's fake is a subclass with rules (method, path, handler) and the vendor's shapes for errors; handlers are plain
functions from a `Request` to a `Reply`. `server.py` puts fakes on the network.
"""

from __future__ import annotations

import gzip
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

import numpy as np

from connectors.sandbox.clock import Clock
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.timeline import SECOND, moment
from connectors.sandbox.messages import BadRequest, Delivery, Exchange, Reply, Request, Rule
from connectors.sandbox.shelf import Hits, Record, Shelf, View, without_gone
from connectors.sandbox.traps import Edit, Fault, FaultCounter, Kind, Told, Traps


class Fake:
    """A vendor's API over the company, as of the clock.

    Tests use: `traps` (set at run time), `put`, `delete`, `touch`, `snapshot`, `exchanges`, `observer`.
    """

    system: ClassVar[str]
    gzips: ClassVar[bool] = False

    def __init__(self, company: Company, clock: Clock, *, secret: str) -> None:
        self.company = company
        self.clock = clock
        self.secret = secret
        self.base_url = ""
        self.shelves: dict[str, Shelf] = {}
        self.exchanges: deque[Exchange] = deque(maxlen=20_000)
        self.observer: Callable[[Exchange], None] | None = None
        self.stop_watch: Callable[[], float] = time.monotonic
        self.requests = 0
        self._lock = threading.RLock()
        self._traps = Traps()
        self._counter = FaultCounter(())
        self._recent: deque[float] = deque()
        self._edited = 0
        self._rules = [(rule, rule.pattern()) for rule in self.rules()]

    # What a vendor's fake says about itself.

    def rules(self) -> Sequence[Rule]:
        """The routes."""
        raise NotImplementedError

    def allows(self, request: Request) -> bool:
        """Whether the request's credentials are good."""
        raise NotImplementedError

    def problem(self, status: int, message: str, where: str = "") -> Reply:
        """An error in the vendor's shape."""
        raise NotImplementedError

    def throttled(self, headers: Mapping[str, str], wait: float) -> Reply:
        """The vendor's answer to too many requests; `headers` already say how long to wait, where they say it at
        all.
        """
        return Reply(429, self.problem(429, "Too many requests").body, headers)

    def reset_headers(self, wait: float) -> dict[str, str]:
        """The vendor's own headers for the time at which the limit is lifted."""
        return {"X-RateLimit-Reset": str(int(self.now() / SECOND + wait))}

    def standing_headers(self) -> dict[str, str]:
        """Headers of every answer, such as what is left of a quota."""
        return {}

    def environment(self, url: str) -> dict[str, str]:
        """The variables that tell a connector where the fake is and how to get in."""
        raise NotImplementedError

    def fields_of(self, shelf: str, record: Record) -> Record:
        """The part of a record in which its schema's fields lie."""
        return record

    # The clock and the data as seen now.

    @property
    def traps(self) -> Traps:
        """The traps that are set; setting them starts their counters anew."""
        return self._traps

    @traps.setter
    def traps(self, traps: Traps) -> None:
        with self._lock:
            self._traps = traps
            self._counter = FaultCounter(traps.faults)
            self._recent.clear()

    def now(self) -> int:
        """The vendor's present instant in milliseconds (ahead of ours by the skew)."""
        return self.clock.milliseconds + self._traps.skew // timedelta(milliseconds=1)

    def view(self, *, searched: bool = True) -> View:
        """How data looks now: a search goes through the (perhaps late) index, a look-up by id does not."""
        traps, unit = self._traps, timedelta(milliseconds=1)
        late = traps.late_index // unit if searched else 0
        return View(self.now(), late, traps.late_share, max(1, traps.tie // unit))

    def hits(self, shelf: str, *, gone: bool = False, searched: bool = True) -> Hits:
        """What a search of a shelf sees, by cursor; deleted records only with `gone`."""
        hits = self.shelves[shelf].hits(self.view(searched=searched))
        return hits if gone else without_gone(hits)

    def render(self, shelf: str, hits: Hits) -> list[Record]:
        """Records in the vendor's shape, after the schema changes that are switched on."""
        records = self.shelves[shelf].render(hits)
        edits = [edit for edit in self._traps.schema if edit.object == shelf]
        for record in records if edits else ():
            fields = self.fields_of(shelf, record)
            for edit in edits:
                if edit.edit is Edit.NEW:
                    fields[edit.name] = edit.value
                elif edit.name in fields:
                    value = fields.pop(edit.name)
                    if edit.edit is Edit.RENAMED:
                        fields[edit.value] = value
                    elif edit.edit is Edit.RETYPED:
                        fields[edit.name] = None if value is None else f"about {value}"
        return records

    def page_size(self, asked: int, default: int, most: int) -> int:
        """How many records a page may hold."""
        size = min(asked if asked > 0 else default, most)
        return size if self._traps.page_cap is None else min(size, self._traps.page_cap)

    def served(self, shelf: str) -> None:
        """A page of this shelf went out: edit and delete what the traps say, before the next one is asked for."""
        for kind, count in (
            ("touch", self._traps.edits_between_pages),
            ("delete", self._traps.deletes_between_pages),
        ):
            for _ in range(count):
                hits = without_gone(self.shelves[shelf].hits(View(self.now())))
                if hits.size == 0:
                    return
                number = int(hits.number[(self._edited * 7919) % hits.size])
                self._edited += 1
                if kind == "touch":
                    self.shelves[shelf].touch(number, self.now())
                else:
                    self.shelves[shelf].delete(self.shelves[shelf].id_of(number), self.now())

    # What tests do by hand.

    def put(self, name: str, record: Mapping[str, Any], *, updated: int | None = None) -> str:
        """Write a record at the present instant, new or over what it was; `updated` (ms) overrides its cursor.
        Returns its id.
        """
        with self._lock:
            return self.shelves[name].put(record, self.now(), updated=updated)

    def delete(self, name: str, identifier: str) -> None:
        """Delete a record at the present instant."""
        with self._lock:
            self.shelves[name].delete(identifier, self.now())

    def touch(self, name: str, identifier: str) -> None:
        """Move a record's cursor to the present instant and change nothing else."""
        with self._lock:
            number = self.shelves[name].number_of(identifier)
            if number is not None:
                self.shelves[name].touch(number, self.now())

    def snapshot(self, name: str, *, gone: bool = False) -> dict[str, Record]:
        """What the source holds now, by id: every record that is not deleted (all that can still be read, with
        `gone`).
        """
        with self._lock:
            shelf = self.shelves[name]
            hits = shelf.hits(View(self.now()))
            hits = hits if gone else without_gone(hits)
            return dict(zip(shelf.ids(hits), shelf.render(hits), strict=True))

    # Answering.

    def answer(self, request: Request) -> Delivery:
        """Answer one request: faults first, then credentials, then the handler; everything is kept in `exchanges`."""
        with self._lock:
            self.requests += 1
            if self._traps.tick:
                self.clock.advance(self._traps.tick)
            rule, names = self._route(request)
            fault = self._counter.next(request.path)
            reply = self._reply(request, rule, names, fault)
            exchange = Exchange(request, reply, fault, rule.path if rule else "")
            self.exchanges.append(exchange)
            delivery = self._deliver(request, reply, fault)
            observer = self.observer
        if observer is not None:
            observer(exchange)
        return delivery

    def _route(self, request: Request) -> tuple[Rule | None, dict[str, str]]:
        for rule, pattern in self._rules:
            match = pattern.match(request.path)
            if match and rule.method == request.method:
                return rule, match.groupdict()
        return None, {}

    def _reply(
        self, request: Request, rule: Rule | None, names: dict[str, str], fault: Fault | None
    ) -> Reply:
        if fault is not None:
            if fault.kind is Kind.UNAUTHORIZED:
                return self.problem(401, "The credentials are not valid")
            if fault.kind is Kind.FORBIDDEN:
                return self.problem(403, "The credentials lack a permission")
            if fault.kind is Kind.SERVER_ERROR:
                return self.problem(fault.status, "The service has a problem")
            if fault.kind is Kind.THROTTLED:
                return self.throttled(self._told(fault), fault.wait)
            if fault.kind is Kind.ERROR_AT_200:
                return Reply(200, self.error_at_200().body)
            if fault.kind is Kind.HTML:
                return Reply(
                    200,
                    b"<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>",
                    media="text/html",
                )
            if fault.kind is Kind.EMPTY:
                return Reply(200, b"")
        if rule is None:
            return self.problem(404, f"no such resource: {request.method} {request.path}")
        try:
            if not rule.open and not self.allows(request):
                return self.problem(401, "The credentials are not valid")
            if (wait := self._over_budget()) is not None:
                return self.throttled({"Retry-After": str(max(1, round(wait)))}, wait)
            return rule.handler(request, **names)
        except BadRequest as refused:
            return self.problem(refused.status, refused.message, refused.where)

    def error_at_200(self) -> Reply:
        """An error's body, to be sent with status 200."""
        return self.problem(500, "The service has a problem")

    def _over_budget(self) -> float | None:
        """Seconds until the enforced budget has room, None where there is room (or no budget)."""
        budget = self._traps.budget
        if budget is None:
            return None
        at = self.stop_watch()
        while self._recent and self._recent[0] <= at - budget.seconds:
            self._recent.popleft()
        if len(self._recent) >= budget.requests:
            return self._recent[0] + budget.seconds - at
        self._recent.append(at)
        return None

    def _told(self, fault: Fault) -> dict[str, str]:
        if fault.told is Told.SECONDS:
            return {"Retry-After": str(max(0, round(fault.wait)))}
        if fault.told is Told.DATE:
            return {
                "Retry-After": format_datetime(
                    moment(self.now()) + timedelta(seconds=fault.wait), usegmt=True
                )
            }
        return self.reset_headers(fault.wait) if fault.told is Told.RESET else {}

    def _deliver(self, request: Request, reply: Reply, fault: Fault | None) -> Delivery:
        content = reply.content()
        headers = {"Content-Type": reply.media, **self.standing_headers(), **reply.headers}
        headers["Date"] = format_datetime(moment(self.now()), usegmt=True)
        if fault is not None and fault.kind is Kind.NOT_UTF8:
            content = content.replace(b'"', b'"\xff\xfe', 1) if b'"' in content else b"\xff\xfe" + content
        if self.gzips and len(content) > 1_000 and "gzip" in request.headers.get("accept-encoding", ""):
            content = gzip.compress(content, 1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        if fault is not None and fault.kind is Kind.TRUNCATED:
            content = content[: len(content) // 2]
        return Delivery(reply.status, content, headers, fault)


def after(hits: Hits, updated: int, number: int) -> Hits:
    """What comes after a (cursor, number) pair in hits ordered by it: how a keyset token goes on."""
    low = int(np.searchsorted(hits.updated, updated, side="left"))
    rest = hits.take(slice(low, hits.size))
    return rest.take((rest.updated > updated) | (rest.number > number))
