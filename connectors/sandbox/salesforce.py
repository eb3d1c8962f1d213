"""A fake Salesforce: OAuth, SOQL over REST with server-side cursors, Bulk API 2.0 query jobs, limits, describe,
getDeleted.

What it keeps of the vendor's habits: `Sforce-Locator` ends with the text "null"; soft-deleted rows come with
queryAll only;
values are doubles in JSON and quoted text in CSV; a field that is not there is INVALID_FIELD; a used-up day is a
403.
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from connectors.sandbox import soql
from connectors.sandbox.clock import Clock
from connectors.sandbox.company import identity
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.timeline import DAY
from connectors.sandbox.messages import BadRequest, Reply, Request, Rule
from connectors.sandbox.salesforce_objects import Field
from connectors.sandbox.salesforce_organisation import PURGE_DAYS, Organisation, instant_text, iso_texts
from connectors.sandbox.shelf import Hits, Record

API_CALLS_A_DAY = 100_000
REST_PAGE = 2_000
BULK_PAGE = 50_000
JOB_STATES = ("UploadComplete", "InProgress", "JobComplete")
DELIMITERS: Mapping[str, str] = {
    "COMMA": ",",
    "TAB": "\t",
    "PIPE": "|",
    "SEMICOLON": ";",
    "CARET": "^",
    "BACKQUOTE": "`",
}


@dataclass
class _Job:
    """A bulk query job: its description, the state that polling has reached, and the result as of its creation."""

    info: dict[str, Any]
    polls: int
    fields: tuple[str, ...]
    object: str
    hits: Hits
    delimiter: str
    line_end: str


class Salesforce(Organisation):
    """The fake organisation; see FIELDS.md for its objects."""

    system = "salesforce"
    gzips = True

    def __init__(self, company: Company, clock: Clock, *, secret: str) -> None:
        super().__init__(company, clock, secret=secret)
        self._tokens: dict[str, int] = {}
        self._token_count = 0
        self._refresh = f"{secret}-refresh-0"
        self._cursors: dict[str, tuple[soql.Query, Hits]] = {}
        self._jobs: dict[str, _Job] = {}

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
            Rule("POST", f"{data}/jobs/query", self._create_job),
            Rule("GET", f"{data}/jobs/query", self._list_jobs),
            Rule("GET", f"{data}/jobs/query/{{job}}", self._job_info),
            Rule("PATCH", f"{data}/jobs/query/{{job}}", self._abort_job),
            Rule("DELETE", f"{data}/jobs/query/{{job}}", self._delete_job),
            Rule("GET", f"{data}/jobs/query/{{job}}/results", self._results),
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

    # Bulk API 2.0.

    def _create_job(self, request: Request, version: str) -> Reply:
        asked = request.json()
        operation = asked.get("operation")
        if operation not in ("query", "queryAll"):
            raise BadRequest(f"Operation {operation!r} is not supported", "INVALIDJOB")
        query, hits = self.run(str(asked.get("query", "")), everything=operation == "queryAll")
        if query.count:
            raise BadRequest("COUNT() is not supported in the Bulk API", "FEATURENOTENABLED")
        job = f"7505g{identity.digest('job', len(self._jobs), self.now())[:13]}"
        info = {
            "id": job,
            "operation": operation,
            "object": query.object,
            "createdById": identity.salesforce_ids(identity.USER, np.asarray([12]))[0],
            "createdDate": instant_text(self.now()),
            "systemModstamp": instant_text(self.now()),
            "state": JOB_STATES[0],
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(version.removeprefix("v")),
            "jobType": "V2Query",
            "lineEnding": asked.get("lineEnding", "LF"),
            "columnDelimiter": asked.get("columnDelimiter", "COMMA"),
        }
        line_end = "\r\n" if info["lineEnding"] == "CRLF" else "\n"
        names = {name.lower(): name for name in self.fields_known(query.object)}
        fields = tuple(names[field.lower()] for field in query.fields)
        delimiter = DELIMITERS.get(str(info["columnDelimiter"]), ",")
        self._jobs[job] = _Job(info, 0, fields, query.object, hits, delimiter, line_end)
        return Reply(200, info)

    def _job(self, identifier: str) -> _Job:
        job = self._jobs.get(identifier)
        if job is None:
            raise BadRequest("Unable to find job", "NOT_FOUND", 404)
        return job

    def _job_info(self, request: Request, version: str, job: str) -> Reply:
        found = self._job(job)
        if found.info["state"] != "Aborted":
            found.polls += 1
            found.info["state"] = JOB_STATES[min(found.polls, len(JOB_STATES) - 1)]
        info = dict(found.info)
        if info["state"] == "JobComplete":
            info |= {
                "numberRecordsProcessed": found.hits.size,
                "retries": 0,
                "totalProcessingTime": 300 + found.hits.size // 50,
            }
        return Reply(200, info)

    def _list_jobs(self, request: Request, version: str) -> Reply:
        return Reply(200, {"done": True, "records": [job.info for job in self._jobs.values()]})

    def _abort_job(self, request: Request, version: str, job: str) -> Reply:
        found = self._job(job)
        if request.json().get("state") != "Aborted":
            raise BadRequest("the only state that can be set is Aborted", "INVALIDJOBSTATE")
        found.info["state"] = "Aborted"
        return Reply(200, found.info)

    def _delete_job(self, request: Request, version: str, job: str) -> Reply:
        if self._job(job).info["state"] not in ("Aborted", "JobComplete"):
            raise BadRequest("the job is still running", "INVALIDJOBSTATE")
        del self._jobs[job]
        return Reply(204)

    def _results(self, request: Request, version: str, job: str) -> Reply:
        found = self._job(job)
        if found.info["state"] != "JobComplete":
            raise BadRequest("the job has no results yet", "NOT_FOUND", 404)
        locator = request.param("locator")
        start = 0 if not locator else _decoded(locator)
        if start < 0 or start > found.hits.size:
            raise BadRequest(f"invalid locator {locator!r}", "INVALIDLOCATOR")
        size = self.page_size(request.number("maxRecords", BULK_PAGE), BULK_PAGE, 250_000)
        page = found.hits.take(slice(start, start + size))
        end = start + page.size
        more = end < found.hits.size or self.traps.endless_token
        following = (
            _encoded(min(size, found.hits.size) if self.traps.repeat_token else end) if more else "null"
        )
        headers = {"Sforce-Locator": following, "Sforce-NumberOfRecords": str(page.size)}
        body = self._csv(found, page)
        self.served(found.object)
        return Reply(200, body, headers, media="text/csv; charset=UTF-8")

    def _csv(self, job: _Job, page: Hits) -> bytes:
        plain = not self.traps.schema and bool((page.handle >= 0).all())
        columns: list[Sequence[str]] = []
        if plain:
            fields = self.objects[job.object].fields
            columns = [
                _csv_column(fields[name], fields[name].column(page.handle, page.updated))
                for name in job.fields
            ]
        else:
            records = self.render(job.object, page)
            columns = [[_csv_text(record.get(name)) for record in records] for name in job.fields]
        buffer = io.StringIO()
        writer = csv.writer(
            buffer, delimiter=job.delimiter, quoting=csv.QUOTE_ALL, lineterminator=job.line_end
        )
        writer.writerow(job.fields)
        writer.writerows(zip(*columns, strict=True))
        return buffer.getvalue().encode()

    # The rest.

    def _versions(self, request: Request) -> Reply:
        numbers = range(58, 67)
        return Reply(
            200,
            [{"label": f"API {n}", "url": f"/services/data/v{n}.0", "version": f"{n}.0"} for n in numbers],
        )

    def _limits(self, request: Request, version: str) -> Reply:
        jobs = len(self._jobs)
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


def _csv_column(field: Field, values: Sequence[Any]) -> Sequence[str]:
    if field.kind == "instant":
        return [
            "" if value is None else f"{text}Z" for value, text in zip(values, iso_texts(values), strict=True)
        ]
    if field.kind in ("text", "reference", "date"):
        return ["" if value is None else value for value in values]
    return [_csv_text(value) for value in values]


def _csv_text(value: Any) -> str:
    """A REST value as Bulk CSV writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"{text[:-5]}Z" if text.endswith("+0000") and "T" in text else text


def _encoded(place: int) -> str:
    return "MTAwMDA" + format(place, "x")


def _decoded(locator: str) -> int:
    text = locator.removeprefix("MTAwMDA")
    try:
        return int(text, 16) if text != locator else -1
    except ValueError:
        return -1


def _oauth_error(code: str, description: str) -> Reply:
    return Reply(400, {"error": code, "error_description": description})
