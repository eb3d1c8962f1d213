"""A fake Jira Cloud: search/jql with page tokens, changelogs in three ways.

What it keeps of the vendor's habits: no total and no startAt in the search; only ids come unless fields are asked
for;
unbounded queries are refused; date literals are read in the API user's time zone; a changelog in a search is cut to
the newest entries; bulk changelogs give milliseconds; worklogs of the last minute are held back; the old search is
gone (410).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from connectors.sandbox import jql
from connectors.sandbox.clock import Clock
from connectors.sandbox.company import identity
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.words import TEAM_KEYS
from connectors.sandbox.jira_lists import JiraLists
from connectors.sandbox.jira_site import DATE_FIELDS, ID_FIELDS, without_instant
from connectors.sandbox.messages import BadRequest, Reply, Request, Rule, basic, seal, unseal
from connectors.sandbox.shelf import Hits, Record

SEARCH_PAGE, SEARCH_MOST, SEARCH_MOST_IDS = 50, 100, 5_000
CHANGELOG_IN_SEARCH = 40


class JiraCloud(JiraLists):
    """The fake site; see FIELDS.md for its fields."""

    system = "jira"
    api = "/rest/api/3"
    deployment = "Cloud"
    version = "1001.0.0-SNAPSHOT"

    def __init__(self, company: Company, clock: Clock, *, secret: str) -> None:
        super().__init__(company, clock, secret=secret, cloud=True)

    @property
    def api_token(self) -> str:
        """The API user's token."""
        return f"{self.secret}-jira-token"

    def environment(self, url: str) -> dict[str, str]:
        """URL, user and token."""
        return {"JIRA_URL": url, "JIRA_EMAIL": self.email, "JIRA_API_TOKEN": self.api_token}

    def allows(self, request: Request) -> bool:
        """Basic authentication with e-mail and token."""
        return request.headers.get("authorization") == basic(self.email, self.api_token)

    def rules(self) -> Sequence[Rule]:
        """The routes."""
        api = self.api
        return (
            Rule("GET", f"{api}/search/jql", self._search),
            Rule("POST", f"{api}/search/jql", self._search),
            Rule("POST", f"{api}/search/approximate-count", self._count),
            Rule("GET", f"{api}/search", self._gone),
            Rule("GET", f"{api}/project/search", self._projects),
            Rule("POST", f"{api}/search", self._gone),
            Rule("POST", f"{api}/changelog/bulkfetch", self._bulk_changelog),
            Rule("GET", f"{api}/issue/{{issue}}/changelog", self._changelog),
            *self.list_rules(),
        )

    # Search.

    def _search(self, request: Request) -> Reply:
        asked = request.json() if request.method == "POST" else _from_query(request)
        text = str(asked.get("jql") or "")
        extra = [int(number) for number in asked.get("reconcileIssues") or []]
        if len(extra) > 50:
            raise BadRequest("reconcileIssues takes at most 50 ids")
        search, hits = self.found(text, extra=extra)
        if search.where is None:
            raise BadRequest(
                "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
            )
        fields = [str(name) for name in asked.get("fields") or ["id"]]
        expand = str(asked.get("expand") or "")
        only_ids = set(fields) <= {"id", "key"} and not expand
        size = self.page_size(
            int(asked.get("maxResults") or SEARCH_PAGE),
            SEARCH_PAGE,
            SEARCH_MOST_IDS if only_ids else SEARCH_MOST,
        )
        page, token = self._page(hits, search, text, asked.get("nextPageToken"), size)
        newest = CHANGELOG_IN_SEARCH if self.traps.parts_cap is None else self.traps.parts_cap
        body: Record = {"issues": self.drawn(page, fields, expand, newest=newest), "isLast": token is None}
        if token is not None:
            body["nextPageToken"] = token
        self.served("issue")
        return Reply(200, body)

    def _page(
        self, hits: Hits, search: jql.Search, text: str, token: Any, size: int
    ) -> tuple[Hits, str | None]:
        """A page and the token of the next one. A token names the last record; with `offset_tokens` it is a
        position.
        """
        query = identity.digest(text)[:8]
        start, pages = 0, 0
        if token:
            of, pages, place = unseal(str(token), 3)
            lifetime = self.traps.page_token_lifetime
            if of != query or (lifetime is not None and pages > lifetime):
                raise BadRequest("The provided nextPageToken is invalid or expired.", status=400)
            if isinstance(place, int):
                start = place
            else:
                keys = _sort_keys(hits, search)
                start = int(np.searchsorted(keys, _sort_key(*place), side="right")) if keys.size else 0
        page = hits.take(slice(start, start + size))
        more = start + size < hits.size
        if not more and not self.traps.endless_token:
            return page, None
        if self.traps.repeat_token and token:
            return page, str(token)
        if self.traps.offset_tokens or page.size == 0:
            return page, seal(query, pages + 1, start + page.size)
        last = page.take(slice(page.size - 1, page.size))
        return page, seal(query, pages + 1, _sort_pair(last, search))

    def _count(self, request: Request) -> Reply:
        search, hits = self.found(str(request.json().get("jql") or ""))
        if search.where is None:
            raise BadRequest(
                "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
            )
        return Reply(200, {"count": hits.size})

    def _projects(self, request: Request) -> Reply:
        start, size = request.number("startAt", 0), self.page_size(request.number("maxResults", 50), 50, 50)
        values = [self.records.project(code) for code in range(len(TEAM_KEYS))]
        page = values[start : start + size]
        body = {
            "self": f"{self.base_url}{self.api}/project/search?startAt={start}&maxResults={size}",
            "maxResults": size,
            "startAt": start,
            "total": len(values),
            "isLast": start + size >= len(values),
            "values": page,
        }
        return Reply(200, body)

    def _gone(self, request: Request) -> Reply:
        text = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API."
        return Reply(410, {"errorMessages": [text], "errors": {}})

    # Changelogs.

    def _changelog(self, request: Request, issue: str) -> Reply:
        number = int(self.one(issue).number[0])
        entries = [
            without_instant(entry)
            for entry in self.records.changelog.histories(self.shelves["issue"], number, self.now())
        ]
        start, size = (
            request.number("startAt", 0),
            self.page_size(request.number("maxResults", 100), 100, 100),
        )
        values = entries[start : start + size]
        link = f"{self.base_url}/rest/api/3/issue/{issue}/changelog?maxResults={size}&startAt="
        body: Record = {
            "self": f"{link}{start}",
            "maxResults": size,
            "startAt": start,
            "total": len(entries),
            "isLast": start + size >= len(entries),
            "values": values,
        }
        if not body["isLast"]:
            body["nextPage"] = f"{link}{start + size}"
        return Reply(200, body)

    def _bulk_changelog(self, request: Request) -> Reply:
        asked = request.json()
        wanted = [str(text) for text in asked.get("issueIdsOrKeys") or []]
        field_ids = set(asked.get("fieldIds") or [])
        if not 1 <= len(wanted) <= 1_000:
            raise BadRequest("issueIdsOrKeys must hold between 1 and 1000 issues")
        if len(field_ids) > 10:
            raise BadRequest("fieldIds must hold at most 10 fields")
        numbers = sorted({number for text in wanted if (number := self.issue_number(text)) is not None})
        alive = set(self.hits("issue", searched=False).number.tolist())
        entries: list[tuple[int, Record]] = []
        for number in numbers:
            for entry in (
                self.records.changelog.histories(self.shelves["issue"], number, self.now())
                if number in alive
                else ()
            ):
                items = [item for item in entry["items"] if not field_ids or item["fieldId"] in field_ids]
                if items:
                    entries.append(
                        (number, {**without_instant(entry), "created": entry["at"], "items": items})
                    )
        start = unseal(str(asked["nextPageToken"]), 1)[0] if asked.get("nextPageToken") else 0
        size = self.page_size(int(asked.get("maxResults") or 1_000), 1_000, 10_000)
        grouped: dict[int, list[Record]] = {}
        for number, entry in entries[start : start + size]:
            grouped.setdefault(number, []).append(entry)
        logs = [
            {"issueId": self.shelves["issue"].id_of(number), "changeHistories": found}
            for number, found in grouped.items()
        ]
        body: Record = {"issueChangeLogs": logs}
        if start + size < len(entries):
            body["nextPageToken"] = seal(start + size)
        return Reply(200, body)


def _from_query(request: Request) -> Record:
    """A search in query parameters, in the shape of a body."""
    found: Record = {
        name: request.param(name) for name in ("jql", "expand", "nextPageToken") if request.param(name)
    }
    names = [name for key, value in request.query if key == "fields" for name in value.split(",") if name]
    if names:
        found["fields"] = names
    found["maxResults"] = request.number("maxResults", SEARCH_PAGE)
    extra = [
        value for key, text in request.query if key == "reconcileIssues" for value in text.split(",") if value
    ]
    if extra:
        found["reconcileIssues"] = extra
    return found


def _sort_pair(last: Hits, search: jql.Search) -> list[int]:
    """What a page token remembers of a page's last record: its first sort value and its number."""
    field, descending = search.order[0] if search.order else ("id", True)
    values = (
        last.number
        if field in ID_FIELDS
        else last.updated
        if DATE_FIELDS[field] == "updated"
        else last.created
    )
    value = int(values[0])
    return [-value if descending else value, int(last.number[0]) if search.order else -int(last.number[0])]


def _sort_keys(hits: Hits, search: jql.Search) -> np.ndarray[Any, np.dtype[np.void]]:
    field, descending = search.order[0] if search.order else ("id", True)
    values = (
        hits.number
        if field in ID_FIELDS
        else hits.updated
        if DATE_FIELDS[field] == "updated"
        else hits.created
    )
    keys = np.empty(hits.size, dtype=[("value", np.int64), ("number", np.int64)])
    keys["value"] = -values if descending else values
    keys["number"] = hits.number if search.order else -hits.number
    return keys


def _sort_key(value: int, number: int) -> np.ndarray[Any, np.dtype[np.void]]:
    return np.asarray((value, number), dtype=[("value", np.int64), ("number", np.int64)])
