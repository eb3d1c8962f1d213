"""A fake Jira Data Center: the classic search with startAt and total, at most 1,000 issues a page, whole
changelogs.

Its pages are positions: while issues change, a walk in the order of `updated` skips some and repeats others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.sandbox.clock import Clock
from connectors.sandbox.company.generate import Company
from connectors.sandbox.jira_lists import JiraLists
from connectors.sandbox.messages import Reply, Request, Rule
from connectors.sandbox.shelf import Record

SEARCH_PAGE, SEARCH_MOST = 50, 1_000


class JiraDataCenter(JiraLists):
    """The fake server; people have keys and names instead of account ids."""

    system = "jira_dc"
    api = "/rest/api/2"
    deployment = "Server"
    version = "10.3.24"

    def __init__(self, company: Company, clock: Clock, *, secret: str) -> None:
        super().__init__(company, clock, secret=secret, cloud=False)

    @property
    def token(self) -> str:
        """The API user's personal access token."""
        return f"{self.secret}-jira-dc-token"

    def environment(self, url: str) -> dict[str, str]:
        """URL and token."""
        return {"JIRA_DC_URL": url, "JIRA_DC_TOKEN": self.token}

    def allows(self, request: Request) -> bool:
        """A bearer token."""
        return request.headers.get("authorization") == f"Bearer {self.token}"

    def throttled(self, headers: Mapping[str, str], wait: float) -> Reply:
        """429 with the token bucket's headers and a text body."""
        bucket = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0", "X-RateLimit-FillRate": "10"}
        body = b"Rate limit exceeded"
        return Reply(
            429, body, {**bucket, "X-RateLimit-Interval-Seconds": "1", **headers}, media="text/plain"
        )

    def rules(self) -> Sequence[Rule]:
        """The routes."""
        return (
            Rule("GET", f"{self.api}/search", self._search),
            Rule("POST", f"{self.api}/search", self._search),
            *self.list_rules(),
        )

    def _search(self, request: Request) -> Reply:
        asked: Record
        if request.method == "POST":
            asked = request.json()
            fields = [str(name) for name in asked.get("fields") or ["*navigable"]]
            expand = ",".join(asked.get("expand") or [])
            text, start = str(asked.get("jql") or ""), int(asked.get("startAt") or 0)
            size = int(asked.get("maxResults") or SEARCH_PAGE)
        else:
            fields = [name for name in request.param("fields", "*navigable").split(",") if name]
            expand, text = request.param("expand"), request.param("jql")
            start, size = request.number("startAt", 0), request.number("maxResults", SEARCH_PAGE)
        _, hits = self.found(text)
        size = self.page_size(size, SEARCH_PAGE, SEARCH_MOST)
        page = hits.take(slice(start, start + size))
        body: Record = {
            "expand": "names,schema",
            "startAt": start,
            "maxResults": size,
            "total": hits.size,
            "issues": self.drawn(page, fields, expand, newest=None),
        }
        self.served("issue")
        return Reply(200, body)
