"""Bulk API 2.0 of the fake Salesforce: query jobs, their states, their results as CSV.

What it keeps of the vendor's habits: `Sforce-Locator` ends with the text "null"; values are quoted texts; a job has no
results before it is complete.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from connectors.sandbox.clock import Clock
from connectors.sandbox.company import identity
from connectors.sandbox.company.generate import Company
from connectors.sandbox.messages import BadRequest, Reply, Request, Rule
from connectors.sandbox.salesforce_fields import Field
from connectors.sandbox.salesforce_organisation import Organisation, instant_text, iso_texts
from connectors.sandbox.shelf import Hits

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


class BulkJobs(Organisation):
    """An organisation that answers queries in jobs."""

    def __init__(self, company: Company, clock: Clock, *, secret: str) -> None:
        super().__init__(company, clock, secret=secret)
        self.jobs: dict[str, _Job] = {}

    def job_rules(self, data: str) -> Sequence[Rule]:
        """The routes of the jobs, below the path of the data."""
        return (
            Rule("POST", f"{data}/jobs/query", self._create_job),
            Rule("GET", f"{data}/jobs/query", self._list_jobs),
            Rule("GET", f"{data}/jobs/query/{{job}}", self._job_info),
            Rule("PATCH", f"{data}/jobs/query/{{job}}", self._abort_job),
            Rule("DELETE", f"{data}/jobs/query/{{job}}", self._delete_job),
            Rule("GET", f"{data}/jobs/query/{{job}}/results", self._results),
        )

    def _create_job(self, request: Request, version: str) -> Reply:
        asked = request.json()
        operation = asked.get("operation")
        if operation not in ("query", "queryAll"):
            raise BadRequest(f"Operation {operation!r} is not supported", "INVALIDJOB")
        query, hits = self.run(str(asked.get("query", "")), everything=operation == "queryAll")
        if query.count:
            raise BadRequest("COUNT() is not supported in the Bulk API", "FEATURENOTENABLED")
        job = f"7505g{identity.digest('job', len(self.jobs), self.now())[:13]}"
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
        self.jobs[job] = _Job(info, 0, fields, query.object, hits, delimiter, line_end)
        return Reply(200, info)

    def _job(self, identifier: str) -> _Job:
        job = self.jobs.get(identifier)
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
        return Reply(200, {"done": True, "records": [job.info for job in self.jobs.values()]})

    def _abort_job(self, request: Request, version: str, job: str) -> Reply:
        found = self._job(job)
        if request.json().get("state") != "Aborted":
            raise BadRequest("the only state that can be set is Aborted", "INVALIDJOBSTATE")
        found.info["state"] = "Aborted"
        return Reply(200, found.info)

    def _delete_job(self, request: Request, version: str, job: str) -> Reply:
        if self._job(job).info["state"] not in ("Aborted", "JobComplete"):
            raise BadRequest("the job is still running", "INVALIDJOBSTATE")
        del self.jobs[job]
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
