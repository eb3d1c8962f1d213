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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from connectors.sandbox import soql
from connectors.sandbox.clock import Clock
from connectors.sandbox.company import identity
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.timeline import DAY, SECOND, Bools, Ints
from connectors.sandbox.plumbing import BadRequest, Fake, Reply, Request, Rule
from connectors.sandbox.salesforce_objects import HISTORY_COLUMNS, Field, Object, objects
from connectors.sandbox.shelf import Hits, Record, Shelf, View, without_gone
from connectors.sandbox.traps import Edit

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
PURGE_DAYS = 15


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


class Salesforce(Fake):
    """The fake organisation; see FIELDS.md for its objects."""

    system = "salesforce"
    gzips = True

    def __init__(self, company: Company, clock: Clock, *, secret: str) -> None:
        super().__init__(company, clock, secret=secret)
        self.objects = objects(company)
        for item in self.objects.values():
            self.shelves[item.name] = self._shelf(item)
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

    # Records.

    def render(self, shelf: str, hits: Hits) -> list[Record]:
        """A record that was deleted by hand says so itself, as those of the company's log do."""
        records = super().render(shelf, hits)
        for record, gone in zip(records, hits.gone.tolist(), strict=True):
            if "IsDeleted" in record:
                record["IsDeleted"] = gone
        return records

    def _shelf(self, item: Object) -> Shelf:
        def draw(versions: Ints, updated: Ints) -> list[Record]:
            columns = [_shown(field, field.column(versions, updated)) for field in item.fields.values()]
            return [dict(zip(item.fields, row, strict=True)) for row in zip(*columns, strict=True)]

        def number(identifier: str) -> int | None:
            return identity.salesforce_number(item.prefix, identifier)

        def stamp(record: Record, at: int) -> None:
            for name in ("SystemModstamp", "LastModifiedDate"):
                if name in item.fields:
                    record[name] = _instant(at // SECOND * SECOND)

        changed = self._write_history if item.name == "Opportunity" else None
        return Shelf(
            item.name,
            log=item.log,
            created=item.created,
            ids=lambda numbers: identity.salesforce_ids(item.prefix, numbers).tolist(),
            number=number,
            draw=draw,
            key="Id",
            stamp=stamp,
            changed=changed,
        )

    def _write_history(self, before: Record | None, after: Record, at: int) -> None:
        """What the organisation writes by itself when an opportunity is made or changed by hand."""
        stamp = _instant(at // SECOND * SECOND)
        author = identity.salesforce_ids(identity.USER, np.asarray([0], dtype=np.int64))[0]
        common = {
            "OpportunityId": after["Id"],
            "CreatedDate": stamp,
            "CreatedById": author,
            "IsDeleted": False,
        }
        names = [name for name in HISTORY_COLUMNS.values() if name != "Owner"]
        moved = [name for name in names if before is not None and before.get(name) != after.get(name)]
        if before is None or moved:
            row = {name: after.get(name) for name in (*names, "Probability", "CurrencyIsoCode")}
            self.shelves["OpportunityHistory"].put({**common, **row}, at)
        for name in ["created"] if before is None else moved:
            old = None if before is None else before.get(name)
            row = {"Field": name, "OldValue": old, "NewValue": None if before is None else after.get(name)}
            self.shelves["OpportunityFieldHistory"].put({**common, **row}, at)

    def put(self, name: str, record: Mapping[str, Any], *, updated: int | None = None) -> str:
        """As in `Fake.put`; a new record gets the fields it does not name: nulls, and the stamps and marks of a
        fresh one.
        """
        with self._lock:
            shelf = self.shelves[name]
            identifier = str(record.get("Id", ""))
            known = shelf.find(identifier, View(self.now())) if identifier else None
            if known is None:
                blank: Record = dict.fromkeys(self.objects[name].fields)
                blank |= {"CreatedDate": _instant(self.now() // SECOND * SECOND), "IsDeleted": False}
                blank.pop("Id")
                if "StageName" in blank and name == "Opportunity":
                    blank |= {"IsClosed": False, "IsWon": False, "CurrencyIsoCode": "USD"}
                record = {**blank, **record}
            return super().put(name, record, updated=updated)

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

    def problem(self, status: int, message: str, where: str = "") -> Reply:
        """Salesforce answers errors as a list of messages with codes."""
        code = {
            400: where or "MALFORMED_QUERY",
            401: "INVALID_SESSION_ID",
            403: where or "INSUFFICIENT_ACCESS",
            404: "NOT_FOUND",
            503: "SERVER_UNAVAILABLE",
        }.get(status, "UNKNOWN_EXCEPTION")
        text = "Session expired or invalid" if status == 401 else message
        return Reply(status, [{"message": text, "errorCode": code}])

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

    # SOQL.

    def _fields(self, name: str) -> dict[str, Field | None]:
        """The object's fields after schema edits; None stands for an edited one that only rendering knows."""
        item = self.objects.get(name)
        if item is None:
            message = f"sObject type '{name}' is not supported."
            raise BadRequest(message, "INVALID_TYPE")
        if name in self.traps.forbidden:
            raise BadRequest(f"entity type {name} does not support query", "INSUFFICIENT_ACCESS", 403)
        fields: dict[str, Field | None] = dict(item.fields)
        for edit in self.traps.schema:
            if edit.object != name:
                continue
            if edit.edit is Edit.NEW or (edit.name in fields and edit.edit is Edit.RETYPED):
                fields[edit.name] = None
            elif edit.name in fields:
                del fields[edit.name]
                if edit.edit is Edit.RENAMED:
                    fields[edit.value] = None
        return fields

    def _run(self, text: str, *, everything: bool) -> tuple[soql.Query, Hits]:
        try:
            query = soql.parse(text)
        except soql.Malformed as error:
            raise BadRequest(str(error), "MALFORMED_QUERY") from None
        known = self._fields(query.object)
        names = {name.lower(): name for name in known}
        for field in query.fields:
            if field.lower() not in names:
                message = f"\nSELECT {field} FROM {query.object}\n       ^\nERROR at Row:1:Column:8\n"
                message += f"No such column '{field}' on entity '{query.object}'."
                raise BadRequest(message, "INVALID_FIELD")
        hits = self.shelves[query.object].hits(self.view())
        if not everything:
            hits = without_gone(hits)
        elif self.traps.purge_deleted:
            hits = hits.take(~hits.gone | (hits.updated > self.now() - PURGE_DAYS * DAY))
        if query.where is not None:
            hits = hits.take(self._matches(query.object, hits, query.where))
        hits = self._ordered(query, hits)
        return query, hits if query.limit is None else hits.take(slice(0, query.limit))

    def _matches(self, name: str, hits: Hits, condition: soql.Condition) -> Bools:
        if isinstance(condition, soql.Combination):
            masks = [self._matches(name, hits, part) for part in condition.parts]
            if condition.operator == "NOT":
                return ~masks[0]
            together = np.logical_and.reduce if condition.operator == "AND" else np.logical_or.reduce
            return np.asarray(together(masks), dtype=np.bool_)
        values = self._column(name, hits, condition.field)
        wanted = condition.value
        if condition.operator in ("IN", "NOT IN"):
            options = {_literal(v) for v in (wanted if isinstance(wanted, tuple) else (wanted,))}
            found = np.fromiter((v in options for v in values), dtype=np.bool_, count=hits.size)
            return found if condition.operator == "IN" else ~found
        assert not isinstance(wanted, tuple)  # noqa: S101
        right = _literal(wanted)
        if isinstance(values, np.ndarray) and isinstance(right, int):
            return np.asarray(_COMPARE[condition.operator](values, right), dtype=np.bool_)
        compare = _COMPARE[condition.operator]
        if right is None or condition.operator in ("=", "!="):
            return np.fromiter((compare(v, right) for v in values), dtype=np.bool_, count=hits.size)
        return np.fromiter(
            (v is not None and compare(v, right) for v in values), dtype=np.bool_, count=hits.size
        )

    def _column(self, name: str, hits: Hits, field: str) -> Any:
        """Comparable values of a field: milliseconds for instants, the vendor's text, number or boolean otherwise."""
        lowered = field.lower()
        if (
            lowered in ("systemmodstamp", "lastmodifieddate")
            and "SystemModstamp" in self.objects[name].fields
        ):
            return hits.updated
        if lowered == "createddate":
            return hits.created
        if lowered == "isdeleted":
            return hits.gone.tolist()
        if lowered == "id":
            return self.shelves[name].ids(hits)
        names = {known.lower(): known for known in self._fields(name)}
        if lowered not in names:
            raise BadRequest(f"No such column '{field}' on entity '{name}'.", "INVALID_FIELD")
        definition = self.objects[name].fields.get(names[lowered])
        values = [record.get(names[lowered]) for record in self.render(name, hits)]
        if definition is not None and definition.kind == "instant":
            return [None if value is None else soql.milliseconds(value) for value in values]
        return values

    def _ordered(self, query: soql.Query, hits: Hits) -> Hits:
        if not query.order:
            return hits.sort(hits.number)
        keys: list[Ints] = []
        for order in query.order:
            values = self._column(query.object, hits, order.field)
            if not isinstance(values, np.ndarray):
                ranks = {
                    value: rank for rank, value in enumerate(sorted({v for v in values if v is not None}))
                }
                values = np.asarray([ranks.get(v, -1) for v in values], dtype=np.int64)
            keys.append(-values if order.descending else values)
        return hits.sort(*keys, hits.number)

    def _records(self, query: soql.Query, hits: Hits, version: str) -> list[Record]:
        names = {name.lower(): name for name in self._fields(query.object)}
        wanted = [names[field.lower()] for field in query.fields]
        found = []
        for identifier, record in zip(
            self.shelves[query.object].ids(hits), self.render(query.object, hits), strict=True
        ):
            url = f"/services/data/{version}/sobjects/{query.object}/{identifier}"
            found.append(
                {
                    "attributes": {"type": query.object, "url": url},
                    **{name: record.get(name) for name in wanted},
                }
            )
        return found

    def _query(self, request: Request, version: str) -> Reply:
        return self._first_page(request, version, everything=False)

    def _query_all(self, request: Request, version: str) -> Reply:
        return self._first_page(request, version, everything=True)

    def _first_page(self, request: Request, version: str, *, everything: bool) -> Reply:
        query, hits = self._run(request.param("q"), everything=everything)
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
        body: Record = {"totalSize": hits.size, "done": done, "records": self._records(query, page, version)}
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
        query, hits = self._run(str(asked.get("query", "")), everything=operation == "queryAll")
        if query.count:
            raise BadRequest("COUNT() is not supported in the Bulk API", "FEATURENOTENABLED")
        job = f"7505g{identity.digest('job', len(self._jobs), self.now())[:13]}"
        info = {
            "id": job,
            "operation": operation,
            "object": query.object,
            "createdById": identity.salesforce_ids(identity.USER, np.asarray([12]))[0],
            "createdDate": _instant(self.now()),
            "systemModstamp": _instant(self.now()),
            "state": JOB_STATES[0],
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(version.removeprefix("v")),
            "jobType": "V2Query",
            "lineEnding": asked.get("lineEnding", "LF"),
            "columnDelimiter": asked.get("columnDelimiter", "COMMA"),
        }
        line_end = "\r\n" if info["lineEnding"] == "CRLF" else "\n"
        names = {name.lower(): name for name in self._fields(query.object)}
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
            for field, definition in self._fields(name).items()
        ]
        return Reply(200, {"name": name, "keyPrefix": self.objects[name].prefix, "fields": fields})

    def _deleted(self, request: Request, version: str, name: str) -> Reply:
        self._fields(name)
        start, end = (soql.milliseconds(request.param(side).replace(" ", "+")) for side in ("start", "end"))
        if start < self.now() - 30 * DAY:
            raise BadRequest("startDate before org replication enabled date", "INVALID_REPLICATION_DATE")
        hits = self.shelves[name].hits(self.view())
        hits = hits.take(hits.gone & (hits.updated >= start) & (hits.updated <= end))
        rows = [
            {"id": identifier, "deletedDate": _instant(int(at))}
            for identifier, at in zip(self.shelves[name].ids(hits), hits.updated, strict=True)
        ]
        earliest, latest = _instant(self.now() - PURGE_DAYS * DAY), _instant(self.now())
        return Reply(
            200, {"deletedRecords": rows, "earliestDateAvailable": earliest, "latestDateCovered": latest}
        )


_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "LIKE": lambda left, right: left is not None and str(right).strip("%").lower() in str(left).lower(),
}
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


def _literal(value: soql.Literal | soql.Instant) -> Any:
    return value.at if isinstance(value, soql.Instant) else value


def _instant(at: int) -> str:
    return f"{np.datetime64(at, 'ms')}+0000"


def _shown(field: Field, values: Sequence[Any]) -> Sequence[Any]:
    """Canonical values as REST writes them."""
    if field.kind != "instant":
        return values
    return [
        None if value is None else f"{text}+0000" for value, text in zip(values, _iso(values), strict=True)
    ]


def _iso(values: Sequence[int | None]) -> list[str]:
    at = np.asarray([0 if value is None else value for value in values], dtype=np.int64)
    return list(np.datetime_as_string(at.astype("datetime64[ms]")).tolist()) if at.size else []


def _csv_column(field: Field, values: Sequence[Any]) -> Sequence[str]:
    if field.kind == "instant":
        return ["" if value is None else f"{text}Z" for value, text in zip(values, _iso(values), strict=True)]
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
