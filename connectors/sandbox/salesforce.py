"""A fake Salesforce: OAuth, SOQL over REST with server-side cursors, limits, describe, getDeleted; bulk jobs beside it.

What it keeps of the vendor's habits: soft-deleted rows come with queryAll only; values are doubles in JSON; a field
that is not there is INVALID_FIELD; a used-up day is a 403.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.sandbox import soql
from connectors.sandbox.clock import Clock
from connectors.sandbox.company import identity
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.timeline import DAY
from connectors.sandbox.messages import BadRequest, Reply, Request, Rule
from connectors.sandbox.salesforce_jobs import BulkJobs
from connectors.sandbox.salesforce_organisation import PURGE_DAYS, instant_text
from connectors.sandbox.shelf import Hits, Record

API_CALLS_A_DAY = 100_000
REST_PAGE = 2_000


class Salesforce(BulkJobs):
    """The fake organisation; see FIELDS.md for its objects."""

    system = "salesforce"
    gzips = True

    def __init__(self, company: Company, clock: Clock, *, secret: str) -> None:
        super().__init__(company, clock, secret=secret)
        self._tokens: dict[str, int] = {}
        self._token_count = 0
        self._refresh = f"{secret}-refresh-0"
        self._cursors: dict[str, tuple[soql.Query, Hits]] = {}

    @property
    def client_id(self) -> str:
        """The client id of the connected app."""
        return f"{self.secret}-client-id"

    @property
    def client_secret(self) -> str:
        """The client secret of the connected app."""
        return f"{self.secret}-client-secret"

    @property
    def refresh_token(self) -> str:
        """The refresh token that is good now."""
        return self._refresh

    def environment(self, url: str) -> dict[str, str]:
        """URL, client and refresh token."""
        return {
            "SALESFORCE_URL": url,
            "SALESFORCE_CLIENT_ID": self.client_id,
            "SALESFORCE_CLIENT_SECRET": self.client_secret,
            "SALESFORCE_REFRESH_TOKEN": self.refresh_token,
        }

    def rules(self) -> Sequence[Rule]:
        """The routes."""
        data = "/services/data/{version}"
        return (
            Rule("POST", "/services/oauth2/token", self._token, open=True),
            Rule("GET", "/services/data", self._versions, open=True),
            Rule("GET", f"{data}/query", self._query),
            Rule("GET", f"{data}/queryAll", self._query_all),
            Rule("GET", f"{data}/query/{{locator}}", self._more),
            Rule("GET", f"{data}/limits", self._limits),
            Rule("GET", f"{data}/sobjects", self._global_describe),
            Rule("GET", f"{data}/sobjects/{{name}}/describe", self._describe),
            Rule("GET", f"{data}/sobjects/{{name}}/deleted", self._deleted),
            *self.job_rules(data),
        )

    # Access.

    def _token(self, request: Request) -> Reply:
        form = request.form()
        grant = form.get("grant_type", "")
        client = (form.get("client_id", ""), form.get("client_secret", ""))
        if request.headers.get("authorization", "").startswith("Basic "):
            user, _, password = base64.b64decode(request.headers["authorization"][6:]).decode().partition(":")
            client = (user, password)
        extra: dict[str, Any] = {}
        if grant == "client_credentials":
            if client != (self.client_id, self.client_secret):
                return _oauth_error("invalid_client", "invalid client credentials")
        elif grant == "refresh_token":
            if client[0] != self.client_id or form.get("refresh_token") != self._refresh:
                return _oauth_error("invalid_grant", "expired access/refresh token")
            if self.traps.rotate_refresh_token:
                self._refresh = f"{self.secret}-refresh-{self._token_count + 1}"
                extra["refresh_token"] = self._refresh
        elif grant == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            if form.get("assertion", "").count(".") != 2:
                return _oauth_error("invalid_grant", "invalid assertion")
        else:
            return _oauth_error("unsupported_grant_type", "grant type not supported")
        self._token_count += 1
        token = f"00D5g!{self.secret}-access-{self._token_count}"
        self._tokens[token] = 0
        body = {
            "access_token": token,
            "instance_url": self.base_url,
            "id": f"{self.base_url}/id/00D5g000000000EAA/0055g0000000001AAA",
            "token_type": "Bearer",
            "issued_at": str(self.now()),
            "scope": "api refresh_token",
            "signature": identity.digest("signature", self._token_count),
        }
        return Reply(200, {**body, **extra})

    def expire_tokens(self) -> None:
        """All access tokens stop working, as after a session time-out."""
        with self._lock:
            self._tokens.clear()

    def allows(self, request: Request) -> bool:
        """Whether the bearer token is known and not used up."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        used = self._tokens.get(token)
        if used is None:
            return False
        self._tokens[token] = used + 1
        return self.traps.token_lifetime is None or used < self.traps.token_lifetime

    def throttled(self, headers: Mapping[str, str], wait: float) -> Reply:
        """A used-up quota is a 403 with REQUEST_LIMIT_EXCEEDED; where Retry-After is told it is a 429."""
        body = [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
        return Reply(429 if headers else 403, body, headers)

    def reset_headers(self, wait: float) -> dict[str, str]:
        """Salesforce tells the usage, not a time."""
        return {"Sforce-Limit-Info": f"api-usage={API_CALLS_A_DAY}/{API_CALLS_A_DAY}"}

    def standing_headers(self) -> dict[str, str]:
        """The day's API usage."""
        return {"Sforce-Limit-Info": f"api-usage={self.requests}/{API_CALLS_A_DAY}"}

    # REST queries.

    def _query(self, request: Request, version: str) -> Reply:
        return self._first_page(request, version, everything=False)

    def _query_all(self, request: Request, version: str) -> Reply:
        return self._first_page(request, version, everything=True)

    def _first_page(self, request: Request, version: str, *, everything: bool) -> Reply:
        query, hits = self.run(request.param("q"), everything=everything)
        if query.count:
            return Reply(200, {"totalSize": hits.size, "done": True, "records": []})
        identifier = f"01g5g{identity.digest('cursor', len(self._cursors), self.now())[:13]}"
        self._cursors[identifier] = (query, hits)
        return self._page(request, version, identifier, 0)

    def _more(self, request: Request, version: str, locator: str) -> Reply:
        identifier, _, start = locator.rpartition("-")
        if identifier not in self._cursors or not start.isdigit():
            raise BadRequest("invalid query locator", "INVALID_QUERY_LOCATOR")
        return self._page(request, version, identifier, int(start))

    def _page(self, request: Request, version: str, identifier: str, start: int) -> Reply:
        query, hits = self._cursors[identifier]
        lifetime = self.traps.page_token_lifetime
        options = request.headers.get("sforce-query-options", "").replace(" ", "")
        asked = int(options.removeprefix("batchSize=")) if options.startswith("batchSize=") else REST_PAGE
        size = self.page_size(max(200, asked) if self.traps.page_cap is None else asked, REST_PAGE, REST_PAGE)
        if lifetime is not None and start >= lifetime * size:
            raise BadRequest("invalid query locator", "INVALID_QUERY_LOCATOR")
        page = hits.take(slice(start, start + size))
        end = start + page.size
        done = end >= hits.size and not self.traps.endless_token
        body: Record = {"totalSize": hits.size, "done": done, "records": self.records(query, page, version)}
        if not done:
            place = min(size, hits.size) if self.traps.repeat_token else end
            body["nextRecordsUrl"] = f"/services/data/{version}/query/{identifier}-{place}"
        self.served(query.object)
        return Reply(200, body)

    # The rest.

    def _versions(self, request: Request) -> Reply:
        numbers = range(58, 67)
        return Reply(
            200,
            [{"label": f"API {n}", "url": f"/services/data/v{n}.0", "version": f"{n}.0"} for n in numbers],
        )

    def _limits(self, request: Request, version: str) -> Reply:
        jobs = len(self.jobs)
        return Reply(
            200,
            {
                "DailyApiRequests": {
                    "Max": API_CALLS_A_DAY,
                    "Remaining": max(0, API_CALLS_A_DAY - self.requests),
                },
                "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": max(0, 10_000 - jobs)},
                "DailyBulkV2QueryFileStorageMB": {"Max": 1_000_000, "Remaining": 1_000_000 - jobs},
            },
        )

    def _global_describe(self, request: Request, version: str) -> Reply:
        found = [{"name": name, "queryable": name not in self.traps.forbidden} for name in self.objects]
        return Reply(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": found})

    def _describe(self, request: Request, version: str, name: str) -> Reply:
        if name not in self.objects:
            raise BadRequest("The requested resource does not exist", "NOT_FOUND", 404)
        fields = [
            {
                "name": field,
                "type": "string" if definition is None else _TYPES[definition.kind],
                "nillable": True,
            }
            for field, definition in self.fields_known(name).items()
        ]
        return Reply(200, {"name": name, "keyPrefix": self.objects[name].prefix, "fields": fields})

    def _deleted(self, request: Request, version: str, name: str) -> Reply:
        self.fields_known(name)
        start, end = (soql.milliseconds(request.param(side).replace(" ", "+")) for side in ("start", "end"))
        if start < self.now() - 30 * DAY:
            raise BadRequest("startDate before org replication enabled date", "INVALID_REPLICATION_DATE")
        hits = self.shelves[name].hits(self.view())
        hits = hits.take(hits.gone & (hits.updated >= start) & (hits.updated <= end))
        rows = [
            {"id": identifier, "deletedDate": instant_text(int(at))}
            for identifier, at in zip(self.shelves[name].ids(hits), hits.updated, strict=True)
        ]
        earliest, latest = instant_text(self.now() - PURGE_DAYS * DAY), instant_text(self.now())
        return Reply(
            200, {"deletedRecords": rows, "earliestDateAvailable": earliest, "latestDateCovered": latest}
        )


_TYPES = {
    "text": "string",
    "reference": "reference",
    "instant": "datetime",
    "date": "date",
    "money": "currency",
    "number": "double",
    "boolean": "boolean",
    "integer": "int",
    "any": "anyType",
}


def _oauth_error(code: str, description: str) -> Reply:
    return Reply(400, {"error": code, "error_description": description})
