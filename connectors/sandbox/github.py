"""A fake GitHub: a repository's issues with pull requests in the list, events, milestones, reviews, ETags, Link
headers.

What it keeps of the vendor's habits: open issues only unless asked otherwise; 100 a page whatever was asked for;
pages are positions;
`since=1970-01-01T00:00:00Z` finds nothing; an unchanged answer is a 304 that costs nothing; deleted issues are a
410.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import numpy as np
import orjson

from connectors.sandbox.clock import Clock
from connectors.sandbox.company import identity
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.timeline import DAY, HOUR, SECOND, zulu
from connectors.sandbox.github_records import ISSUE_ID_BASE, Repository
from connectors.sandbox.messages import BadRequest, Reply, Request, Rule
from connectors.sandbox.plumbing import Fake
from connectors.sandbox.shelf import Hits, Record, Shelf, View, window
from connectors.sandbox.soql import milliseconds

REPOSITORY = "sandbox/vitals"
LIST_PAGE, LIST_MOST = 30, 100
HOURLY_LIMIT = 5_000


class GitHub(Fake):
    """The fake repository; its shelf is called issue and holds the pull requests too. Ids are GitHub's numbers."""

    system = "github"

    def __init__(self, company: Company, clock: Clock, *, secret: str) -> None:
        super().__init__(company, clock, secret=secret)
        self.repository = Repository(company, REPOSITORY)
        self._by_hand: list[tuple[int, str, Record]] = []
        self.shelves["issue"] = Shelf(
            "issue",
            log=self.repository.log,
            created=self.repository.created,
            ids=lambda numbers: [str(int(n) + 1) for n in numbers],
            number=lambda text: int(text) - 1 if text.isdigit() else None,
            draw=self.repository.draw,
            key="number",
            stamp=_stamp,
            changed=self._write_events,
        )

    @property
    def token(self) -> str:
        """The API token."""
        return f"{self.secret}-github-token"

    def environment(self, url: str) -> dict[str, str]:
        """URL, token and repository."""
        self.repository.base_url = url
        return {"GITHUB_URL": url, "GITHUB_TOKEN": self.token, "GITHUB_REPOSITORY": REPOSITORY}

    def allows(self, request: Request) -> bool:
        """A bearer token (or the older `token` scheme)."""
        return request.headers.get("authorization") in (f"Bearer {self.token}", f"token {self.token}")

    def rules(self) -> Sequence[Rule]:
        """The routes."""
        repository = f"/repos/{REPOSITORY}"
        return (
            Rule("GET", repository, self._about),
            Rule("GET", f"{repository}/issues", self._issues),
            Rule("GET", f"{repository}/issues/events", self._events),
            Rule("GET", f"{repository}/issues/{{number}}", self._issue),
            Rule("GET", f"{repository}/issues/{{number}}/events", self._events_of),
            Rule("GET", f"{repository}/issues/{{number}}/timeline", self._events_of),
            Rule("GET", f"{repository}/pulls/{{number}}/reviews", self._reviews),
            Rule("GET", f"{repository}/milestones", self._milestones),
            Rule("GET", "/rate_limit", self._rate_limit),
            Rule("GET", "/user", self._user),
        )

    # By hand.

    def put(self, name: str, record: Mapping[str, Any], *, updated: int | None = None) -> str:
        """As in `Fake.put`, at whole seconds; a new issue gets defaults, a change of its state an event."""
        with self._lock:
            shelf = self.shelves[name]
            identifier = str(record.get("number") or "")
            known = shelf.find(identifier, View(self.now())) if identifier else None
            if known is None:
                identifier = identifier or str(shelf.log.size + 1 + len({key for _, key, _ in self._by_hand}))
                blank = self.repository.draw(
                    self.repository.log.first[:1], np.asarray([self.now()], dtype=np.int64)
                )[0]
                fresh = {
                    "id": ISSUE_ID_BASE + int(identifier),
                    "created_at": zulu(self.now()),
                    "state": "open",
                }
                fresh |= {
                    "labels": [],
                    "assignee": None,
                    "assignees": [],
                    "milestone": None,
                    "closed_at": None,
                }
                link = f"{self.repository.url}/issues/{identifier}"
                links = {"url": link, "comments_url": f"{link}/comments", "state_reason": None}
                record = {**blank, **fresh, **links, **record}
            return super().put(name, {**record, "number": identifier}, updated=updated)

    def _write_events(self, before: Record | None, after: Record, at: int) -> None:
        event = None
        if before is None:
            event = {"event": "labeled", "label": {"name": "type: task", "color": "ededed"}}
        elif before["state"] != after["state"]:
            event = {"event": "closed" if after["state"] == "closed" else "reopened"}
            after["closed_at"] = zulu(at) if after["state"] == "closed" else None
        if event is not None:
            position = 90_000_000 + len(self._by_hand)
            whole = self.repository.event(position, (0, 0, "commented", ""), at)
            self._by_hand.append((at, str(after["number"]), {**whole, **event}))

    def snapshot(self, name: str, *, gone: bool = False) -> dict[str, Record]:
        """As in `Fake.snapshot`."""
        found = super().snapshot(name, gone=gone)
        for record in found.values():
            record["number"] = int(record["number"])
        return found

    # Shapes.

    def problem(self, status: int, message: str, where: str = "") -> Reply:
        """GitHub answers with a message, a link to the documentation and the status as text."""
        texts = {401: "Bad credentials", 404: "Not Found"}
        text = texts.get(status, message)
        body: Record = {
            "message": text,
            "documentation_url": "https://docs.github.com/rest",
            "status": str(status),
        }
        if status == 422:
            body |= {
                "message": "Validation Failed",
                "errors": [{"resource": "Search", "field": where, "code": "invalid"}],
            }
        return Reply(status, body)

    def throttled(self, headers: Mapping[str, str], wait: float) -> Reply:
        """A secondary limit is a 403 with Retry-After; the primary one a 403 whose remaining is 0."""
        secondary = "Retry-After" in headers
        text = (
            "You have exceeded a secondary rate limit."
            if secondary
            else "API rate limit exceeded for user ID 1."
        )
        left = {} if secondary else {"x-ratelimit-remaining": "0"}
        return Reply(403, self.problem(403, text).body, {**left, **headers})

    def reset_headers(self, wait: float) -> dict[str, str]:
        """The reset is a unix instant."""
        return {"x-ratelimit-reset": str(int(self.now() / SECOND + wait)), "x-ratelimit-remaining": "0"}

    def standing_headers(self) -> dict[str, str]:
        """The hour's quota."""
        return {
            "x-ratelimit-limit": str(HOURLY_LIMIT),
            "x-ratelimit-remaining": str(max(0, HOURLY_LIMIT - self.requests)),
            "x-ratelimit-used": str(self.requests),
            "x-ratelimit-reset": str((self.now() // HOUR + 1) * 3600),
            "x-ratelimit-resource": "core",
            "x-github-request-id": identity.digest("github", self.requests)[:20].upper(),
        }

    def _tagged(self, request: Request, body: Any, headers: Mapping[str, str]) -> Reply:
        """An answer with its ETag, or 304 where the client has it already (which costs nothing)."""
        content = orjson.dumps(body)
        tag = f'W/"{hashlib.sha256(content).hexdigest()}"'
        if request.headers.get("if-none-match") == tag:
            self.requests -= 1
            return Reply(304, None, {"ETag": tag, **headers})
        return Reply(200, content, {"ETag": tag, **headers})

    def _paged(
        self, request: Request, records: Sequence[Any], size: int, page: int
    ) -> tuple[Sequence[Any], dict[str, str]]:
        """A page of a list and its Link header."""
        start = (page - 1) * size
        last = max(1, -(-len(records) // size))
        links = []
        if page < last or self.traps.endless_token:
            links += [("next", min(2, last) if self.traps.repeat_token else page + 1), ("last", last)]
        if page > 1:
            links += [("prev", page - 1), ("first", 1)]
        others = [(key, value) for key, value in request.query if key not in ("page", "per_page")]

        def link(number: int) -> str:
            query = urlencode([*others, ("per_page", size), ("page", number)])
            return f"{self.base_url}{request.path}?{query}"

        header = ", ".join(f'<{link(number)}>; rel="{rel}"' for rel, number in links)
        return records[start : start + size], {"Link": header} if links else {}

    def _paging(self, request: Request) -> tuple[int, int]:
        asked = request.number("per_page", LIST_PAGE)
        return self.page_size(asked, LIST_PAGE, LIST_MOST), max(1, request.number("page", 1))

    # Issues.

    def _issues(self, request: Request) -> Reply:
        if "issue" in self.traps.forbidden:
            raise BadRequest("Resource not accessible by personal access token", status=403)
        hits = self.hits("issue")
        since = request.param("since")
        if since:
            try:
                edge = milliseconds(since.replace(" ", "+"))
            except ValueError:
                raise BadRequest("since", "since", 422) from None
            hits = hits.take(slice(0, 0)) if edge == 0 else window(hits, edge, None)
        hits = self._in_state(hits, request.param("state", "open"))
        hits = self._with_labels(hits, request.param("labels"))
        sort, descending = request.param("sort", "created"), request.param("direction", "desc") != "asc"
        keys = {"created": hits.created, "updated": hits.updated, "comments": hits.number * 0}.get(sort)
        if keys is None:
            raise BadRequest("sort", "sort", 422)
        hits = hits.sort(-keys if descending else keys, -hits.number if descending else hits.number)
        size, page = self._paging(request)
        places, headers = self._paged(request, range(hits.size), size, page)
        shown = self._shown(hits.take(np.asarray(places, dtype=np.int64)))
        reply = self._tagged(request, shown, headers)
        self.served("issue")
        return reply

    def _shown(self, hits: Hits) -> list[Record]:
        records = self.render("issue", hits)
        for record in records:
            record["number"] = int(record["number"])
        return records

    def _in_state(self, hits: Hits, state: str) -> Hits:
        if state == "all":
            return hits
        if state not in ("open", "closed"):
            raise BadRequest("state", "state", 422)
        states = [record["state"] == state for record in self.render("issue", hits)]
        return hits.take(np.asarray(states, dtype=np.bool_))

    def _with_labels(self, hits: Hits, labels: str) -> Hits:
        wanted = {name.strip().lower() for name in labels.split(",") if name.strip()}
        if not wanted:
            return hits
        records = self.render("issue", hits)
        keep = [wanted <= {label["name"].lower() for label in record["labels"]} for record in records]
        return hits.take(np.asarray(keep, dtype=np.bool_))

    def _find(self, number: str) -> Hits:
        hits = self.shelves["issue"].find(number, self.view(searched=False))
        if hits is None:
            raise BadRequest("Not Found", status=404)
        if bool(hits.gone[0]):
            raise BadRequest("This issue was deleted", status=410)
        return hits

    def _issue(self, request: Request, number: str) -> Reply:
        return self._tagged(request, self._shown(self._find(number))[0], {})

    # Events.

    def _known_events(self) -> list[tuple[int, int, Record | int]]:
        """(instant, record number, position or event by hand) of all events by now, newest first."""
        times, rows = self.repository.events
        until = int(np.searchsorted(times, self.now(), side="right"))
        found: list[tuple[int, int, Record | int]] = [(int(times[i]), rows[i][0], i) for i in range(until)]
        for at, key, event in self._by_hand:
            number = self.shelves["issue"].number_of(key)
            if at <= self.now() and number is not None:
                found.append((at, number, event))
        return found[::-1]

    def _event(self, entry: tuple[int, int, Record | int]) -> Record:
        at, _, what = entry
        return (
            what
            if isinstance(what, dict)
            else self.repository.event(what, self.repository.events[1][what], at)
        )

    def _events(self, request: Request) -> Reply:
        alive = set(self.hits("issue", searched=False).number.tolist())
        entries = [entry for entry in self._known_events() if entry[1] in alive]
        size, page = self._paging(request)
        chosen, headers = self._paged(request, entries, size, page)
        found = []
        for entry in chosen:
            hits = self.shelves["issue"].find(str(entry[1] + 1), self.view(searched=False))
            issue = self._shown(hits)[0] if hits is not None else None
            found.append({**self._event(entry), "issue": issue})
        return self._tagged(request, found, headers)

    def _events_of(self, request: Request, number: str) -> Reply:
        place = int(self._find(number).number[0])
        entries = [entry for entry in self._known_events() if entry[1] == place][::-1]
        size, page = self._paging(request)
        chosen, headers = self._paged(request, entries, size, page)
        return self._tagged(request, [self._event(entry) for entry in chosen], headers)

    # The rest.

    def _reviews(self, request: Request, number: str) -> Reply:
        place = int(self._find(number).number[0])
        found = self.repository.reviews_of(place, self.now()) if place < self.repository.log.size else None
        if found is None:
            raise BadRequest("Not Found", status=404)
        return self._tagged(request, found, {})

    def _milestones(self, request: Request) -> Reply:
        sprints = self.company.sprints
        known = np.flatnonzero(sprints.start <= self.now() + 28 * DAY).tolist()
        size, page = self._paging(request)
        chosen, headers = self._paged(request, known, size, page)
        return self._tagged(request, [self.repository.milestone(number) for number in chosen], headers)

    def _about(self, request: Request) -> Reply:
        owner, _, name = REPOSITORY.partition("/")
        body = {
            "id": 1,
            "name": name,
            "full_name": REPOSITORY,
            "private": True,
            "has_issues": True,
            "default_branch": "main",
        }
        return self._tagged(request, {**body, "owner": {"login": owner, "id": 1, "type": "Organization"}}, {})

    def _rate_limit(self, request: Request) -> Reply:
        core = {
            "limit": HOURLY_LIMIT,
            "remaining": max(0, HOURLY_LIMIT - self.requests),
            "used": self.requests,
        }
        core["reset"] = (self.now() // HOUR + 1) * 3600
        return Reply(200, {"resources": {"core": core}, "rate": core})

    def _user(self, request: Request) -> Reply:
        return Reply(200, self.repository.user(9_999))


def _stamp(record: Record, at: int) -> None:
    record["updated_at"] = zulu(at)
