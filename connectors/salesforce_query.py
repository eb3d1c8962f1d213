"""Reading Salesforce objects: REST query for little, Bulk API 2.0 for much.

The first REST answer carries the total; above the threshold the same query becomes a bulk job. Results of a job
come as CSV, page by page, until the header `Sforce-Locator` is the text "null".

Source: connector rules, 'Salesforce'.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from connectors.answer import Answer
from connectors.errors import (
    CheckpointExpired,
    GarbledAnswer,
    NotFound,
    RateLimited,
    RequestRefused,
    SourceCheckFailed,
    VendorUnavailable,
)
from connectors.http import HttpClient
from connectors.listing import records_in
from connectors.paging import LoopGuard
from connectors.quota import daily_usage
from connectors.stream import Checkpoint, Page, Reading, Record

RESULTS_PER_PAGE = 50_000
FIRST_POLL = 0.1
SLOWEST_POLL = 30.0
LONGEST_JOB = timedelta(hours=4)


def read_object(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The rows of one object within the window, soft-deleted ones included."""
    yield from _rows(client, reading, soql(reading))


def list_ids(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The ids of all rows that are not deleted, archived ones included: what was purged shows nowhere else."""
    where = f"({reading.options['where']}) AND " if reading.options["where"] else ""
    query = f"SELECT Id FROM {reading.options['object']} WHERE {where}IsDeleted = false ORDER BY Id"
    yield from _rows(client, reading, query)


def _rows(client: HttpClient, reading: Reading, query: str) -> Iterator[Page]:
    _spare_the_quota(client)
    base = f"/services/data/v{client.api_version}"
    resume = reading.resume
    if resume is not None and "job" in resume:
        yield from _results(client, base, str(resume["job"]), str(resume["locator"]), resume=resume)
        return
    guard = LoopGuard(f"query of {reading.options['object']}")
    answer = _rest(client, base, query, resume)
    body = _page(answer)
    total = body["totalSize"]
    if resume is None and total > int(reading.options["bulk_threshold"]):
        job = _start_job(client, base, query)
        yield from _results(client, base, job, "", resume=None, total=total)
        return
    while True:
        records = records_in(body, "records", answer)
        link = body.get("nextRecordsUrl")
        if not body["done"] and not link:
            raise GarbledAnswer("the page says that more follow, and holds no link", place=answer.place)
        checkpoint = None if body["done"] else {"link": link}
        guard.check(answer.body, len(records), checkpoint)
        yield Page(answer.body, records, checkpoint, total=total)
        if checkpoint is None:
            return
        answer = client.get(str(link))
        body = _page(answer)


def soql(reading: Reading) -> str:
    """The query: declared fields only, from the window's start, in an order that does not move."""
    stream = reading.stream
    fields = dict.fromkeys(column.path for column in stream.contract.typed_columns)
    if stream.cursor is not None:
        fields[stream.cursor.field] = None
    conditions = [f"({reading.options['where']})"] if reading.options["where"] else []
    if stream.cursor is not None and reading.window.start is not None:
        conditions.append(f"{stream.cursor.field} >= {stream.cursor.render(reading.window.start)}")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = f"{stream.cursor.field}, Id" if stream.cursor is not None else "Id"
    return f"SELECT {', '.join(fields)} FROM {reading.options['object']}{where} ORDER BY {order}"


def _rest(client: HttpClient, base: str, query: str, resume: Checkpoint | None) -> Answer:
    if resume is None:
        return client.get(f"{base}/queryAll", {"q": query})
    try:
        return client.get(str(resume["link"]))
    except (RequestRefused, NotFound) as error:
        raise CheckpointExpired(error.problem, place=error.place, request_id=error.request_id) from None


def _page(answer: Answer) -> dict[str, Any]:
    body = answer.json()
    if not isinstance(body, dict) or not isinstance(body.get("totalSize"), int) or "done" not in body:
        raise GarbledAnswer("no query result in the body", place=answer.place, request_id=answer.request_id)
    return body


def _start_job(client: HttpClient, base: str, query: str) -> str:
    answer = client.post(f"{base}/jobs/query", {"operation": "queryAll", "query": query})
    job = answer.json().get("id")
    if not isinstance(job, str) or not job:
        raise GarbledAnswer("the new job has no id", place=answer.place, request_id=answer.request_id)
    _await_job(client, base, job)
    return job


def _await_job(client: HttpClient, base: str, job: str) -> None:
    runtime = client.runtime
    deadline = runtime.monotonic() + LONGEST_JOB.total_seconds()
    pause = FIRST_POLL
    while True:
        answer = client.get(f"{base}/jobs/query/{job}")
        body = answer.json()
        state = body.get("state")
        if state == "JobComplete":
            return
        if state in ("Failed", "Aborted"):
            reason = str(body.get("errorMessage") or "no reason given")[:200]
            raise SourceCheckFailed(f"bulk job {job} ended as {state}: {reason}", place=answer.place)
        if runtime.monotonic() > deadline:
            raise VendorUnavailable(
                f"bulk job {job} is still {state}", place=answer.place, hint="run again later"
            )
        runtime.sleep(pause)
        pause = min(SLOWEST_POLL, pause * 2)


def _results(
    client: HttpClient,
    base: str,
    job: str,
    locator: str,
    *,
    resume: Checkpoint | None,
    total: int | None = None,
) -> Iterator[Page]:
    guard = LoopGuard(f"results of bulk job {job}")
    while True:
        params = {"maxRecords": RESULTS_PER_PAGE, "locator": locator or None}
        try:
            answer = client.get(
                f"{base}/jobs/query/{job}/results", params, headers={"Accept": "text/csv"}, check=None
            )
        except (RequestRefused, NotFound) as error:
            if resume is not None and locator == resume["locator"]:
                raise CheckpointExpired(
                    error.problem, place=error.place, request_id=error.request_id
                ) from None
            raise
        records = read_csv(answer)
        counted = answer.headers.get("sforce-numberofrecords", "")
        if counted.isdigit() and int(counted) != len(records):
            raise GarbledAnswer(
                f"the page should hold {counted} rows and holds {len(records)}",
                place=answer.place,
                request_id=answer.request_id,
                hint="the body is broken off; run again",
            )
        locator = answer.headers.get("sforce-locator", "")
        # The end is the text "null", not a missing header.
        checkpoint = None if locator in ("", "null") else {"job": job, "locator": locator}
        guard.check(answer.body, len(records), checkpoint)
        yield Page(answer.body, records, checkpoint, total=total)
        if checkpoint is None:
            return


def read_csv(answer: Answer) -> list[Record]:
    """The rows of a CSV body; an empty field is null, a dotted header is a nested field.

    Raises:
        GarbledAnswer: the body is no CSV of equal rows.
    """
    try:
        text = answer.body.decode("utf-8-sig")
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = next(rows, None)
        if header is None:
            return []
        plain = not any("." in name for name in header)
        records: list[Record] = []
        for row in rows:
            if len(row) != len(header):
                raise GarbledAnswer(
                    f"line {rows.line_num} has {len(row)} fields, the header {len(header)}",
                    place=answer.place,
                    request_id=answer.request_id,
                )
            values = [value or None for value in row]
            if plain:
                records.append(dict(zip(header, values, strict=True)))
            else:
                records.append(_nested(header, values))
        return records
    except (UnicodeDecodeError, csv.Error) as error:
        raise GarbledAnswer(
            f"the body is no CSV ({error})", place=answer.place, request_id=answer.request_id
        ) from None


def _nested(header: list[str], values: list[str | None]) -> Record:
    record: Record = {}
    for name, value in zip(header, values, strict=True):
        *outer, last = name.split(".")
        node = record
        for part in outer:
            node = node.setdefault(part, {})
        node[last] = value
    return record


def check_access(client: HttpClient) -> str:
    """Prove the credentials: the quota of the organisation."""
    limits = client.get(f"/services/data/v{client.api_version}/limits").json()
    daily = limits.get("DailyApiRequests", {}) if isinstance(limits, dict) else {}
    return f"{daily.get('Remaining', '?')} of {daily.get('Max', '?')} requests left today"


def _spare_the_quota(client: HttpClient) -> None:
    """Leave the rest of the day's requests to others. Header: `api-usage=18/5000`."""
    usage = daily_usage(client.traffic.quota)
    if usage is not None and usage[0] > client.quota_share * usage[1]:
        used, most = usage
        raise RateLimited(
            f"{used} of the organisation's {most} requests of today are used",
            hint="run again tomorrow; the rest is left to others",
        )
