"""dlt on the same pages, run by the Python of an environment of its own: `python dlt_load.py PATH URL ROWS MODE`.

    dict          records as they are, dlt infers types and unnests
    arrow         Arrow tables made by pyarrow from the parsed records, flattened and cast by pyarrow
    arrow-hand    Arrow tables whose columns were picked out of the records by code written for these records alone

All merge by primary key into DuckDB. Prints rows, CPU-seconds (children included) and the peak in MiB as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BATCH = 10_000


def bodies(path: str, url: str, rows: int) -> Iterator[list[Any]]:
    """The parsed records of each page, from the file or over HTTP, until there are enough."""
    import orjson

    done = 0
    if url:
        import requests

        session, token = requests.Session(), ""
        while done < rows:
            body = orjson.loads(
                session.get(url, params={"token": token} if token else {}, timeout=60).content
            )
            token = body.get("nextPageToken", "")
            done += len(body["issues"])
            yield body["issues"]
        return
    with Path(path).open("rb") as file:
        for line in file:
            records = orjson.loads(line)["issues"]
            done += len(records)
            yield records
            if done >= rows:
                return


def batches(pages: Iterator[list[Any]]) -> Iterator[list[Any]]:
    """Records of several pages together, as Arrow likes them."""
    batch: list[Any] = []
    for records in pages:
        batch += records
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


NAMES = (
    "issue_id", "key", "project_id", "project_key", "type", "is_subtask", "priority", "status", "status_category",
    "created_at", "updated_at", "resolved_at", "resolution", "due_date", "story_points", "budget", "sprint_id",
    "assignee_id", "labels", "watches",
)  # fmt: skip
PATHS = (
    "id", "key", "fields.project.id", "fields.project.key", "fields.issuetype.name", "fields.issuetype.subtask",
    "fields.priority.name", "fields.status.name", "fields.status.statusCategory.key", "fields.created",
    "fields.updated", "fields.resolutiondate", "fields.resolution.name", "fields.duedate",
    "fields.customfield_10016", "fields.customfield_10031", "fields.customfield_10020",
    "fields.assignee.accountId", "fields.labels", "fields.watches.watchCount",
)  # fmt: skip


def by_pyarrow(records: list[Any]) -> Any:
    """A typed table by pyarrow alone."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = pa.Table.from_pylist(records)
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    columns = []
    for name, path in zip(NAMES, PATHS, strict=True):
        column = table[path]
        if name == "sprint_id":
            column = _last(column)
        elif name == "labels":
            column = pc.binary_join(column, ",")
        columns.append(typed(name, column))
    return pa.table(columns, names=NAMES)


def _last(column: Any) -> Any:
    """The id of the last item of each list."""
    import pyarrow as pa

    return pa.array([items[-1]["id"] if items else None for items in column.to_pylist()], pa.int64())


def by_hand(records: list[Any]) -> Any:
    """A typed table by code that knows these records."""
    import orjson
    import pyarrow as pa

    rows = []
    for record in records:
        fields = record["fields"]
        status, sprints = fields["status"], fields["customfield_10020"]
        resolution, assignee = fields["resolution"], fields["assignee"]
        rows.append((
            record["id"], record["key"], fields["project"]["id"], fields["project"]["key"],
            fields["issuetype"]["name"], fields["issuetype"]["subtask"], fields["priority"]["name"],
            status["name"], status["statusCategory"]["key"], fields["created"], fields["updated"],
            fields["resolutiondate"], resolution and resolution["name"], fields["duedate"],
            fields["customfield_10016"], fields["customfield_10031"], sprints[-1]["id"] if sprints else None,
            assignee and assignee["accountId"], orjson.dumps(fields["labels"]).decode(),
            fields["watches"]["watchCount"],
        ))  # fmt: skip
    columns = [
        typed(name, pa.array(values)) for name, values in zip(NAMES, zip(*rows, strict=True), strict=True)
    ]
    return pa.table(columns, names=NAMES)


def typed(name: str, column: Any) -> Any:
    """A column as the contract says."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if name.endswith("_at"):
        seconds = pc.strptime(pc.utf8_slice_codeunits(column, 0, 19), "%Y-%m-%dT%H:%M:%S", "us")
        millis = pc.utf8_slice_codeunits(column, 20, 23).cast(pa.int64())
        return pc.add(seconds, pc.multiply(millis, 1000).cast(pa.duration("us")))
    wanted = {"due_date": pa.date32(), "budget": pa.decimal128(18, 4), "sprint_id": pa.string()}
    return column.cast(wanted[name]) if name in wanted else column


def main(path: str, url: str, rows: int, mode: str) -> None:
    """Load once and print what it took."""
    home = tempfile.mkdtemp()
    os.environ |= {"DLT_DATA_DIR": home, "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    import dlt  # type: ignore[import-not-found]

    key = "id" if mode == "dict" else "issue_id"

    @dlt.resource(  # type: ignore[untyped-decorator]
        name="issues", write_disposition="merge", primary_key=key, max_table_nesting=0
    )
    def issues() -> Iterator[Any]:
        if mode == "dict":
            yield from bodies(path, url, rows)
        else:
            table = by_pyarrow if mode == "arrow" else by_hand
            for batch in batches(bodies(path, url, rows)):
                yield table(batch)

    before = _cpu()
    destination = dlt.destinations.duckdb(f"{home}/bench.duckdb")
    pipeline = dlt.pipeline("bench", destination=destination, dataset_name="d")
    options = {} if mode == "dict" else {"loader_file_format": "parquet"}
    pipeline.run(issues(), **options)
    cpu = _cpu() - before
    with pipeline.sql_client() as client, client.execute_query("SELECT count(*) FROM issues") as cursor:
        loaded = cursor.fetchone()[0]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"rows": loaded, "cpu": cpu, "peak": peak, "version": f"dlt {dlt.__version__}"}))


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
