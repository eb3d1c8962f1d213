"""The whole way of a load, as the pipeline goes it: landing, typing, merging; see `speed.py`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.connectors.issues import CONTRACT, pages
from connectors.answer import Answer
from connectors.config import source_from
from connectors.http import HttpClient
from connectors.load import run_load
from connectors.load_report import Task
from connectors.paging import Token
from connectors.rate import RateBudget
from connectors.raw_store import RawStore, StreamId
from connectors.runtime import Runtime
from connectors.settings import LoadSettings
from connectors.state import StateStore
from connectors.stream import Cursor, Request, Stream
from connectors.typed import MERGE_KEYS, NEWEST_BY, TypedBatch, empty_table, read_loads
from pipelines.warehouse.duckdb import DuckDBWarehouse

WAREHOUSE_MEMORY = "160MB"
WAREHOUSE_THREADS = 1
"""One stream of rows is written in the least CPU by one thread; two take a fifth more, and less time."""

STREAM = Stream(
    name="issues",
    contract=CONTRACT,
    request=Request("GET", ""),
    paging=Token("token", "nextPageToken", last_at="isLast"),
    records="issues",
    cursor=Cursor("fields.updated", precision=timedelta(milliseconds=1)),
    overlap=timedelta(hours=1),
)


class File:
    """Answers every request with the next page of the file."""

    def __init__(self, path: Path) -> None:
        self._pages = pages(path)

    def send(self, method: str, path: str, **rest: Any) -> Answer:
        """The next page, whatever was asked."""
        return Answer(f"{method} {path}", 200, {}, next(self._pages))


def load(path: Path, url: str) -> tuple[int, dict[str, float]]:
    """Land, then type and merge: the rows, and the CPU-seconds of each stage."""
    runtime = Runtime(clock=lambda: datetime(2026, 6, 15, tzinfo=UTC))
    budget = RateBudget(1_000_000, 1.0, monotonic=runtime.monotonic, sleep=runtime.sleep)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        store, states = RawStore(home, runtime), StateStore(home / "state.sqlite")
        stream_id = StreamId("jira", "acme", "issues")
        client = HttpClient(url, runtime=runtime, rate=budget) if url else File(path)
        began = time.process_time()
        run_load(Task(STREAM, stream_id, client, store, states, "hash", "3", runtime, LoadSettings()))
        landed = time.process_time()
        source = source_from({"system": "jira", "account": "acme"}, "benchmark")
        file = home / "warehouse.duckdb"
        with DuckDBWarehouse(file, memory_limit=WAREHOUSE_MEMORY, threads=WAREHOUSE_THREADS) as warehouse:
            warehouse.write("jira.issues", empty_table(CONTRACT))
            reading = Reading(read_loads(store, source, STREAM))
            for _, batches in groupby(reading, key=lambda batch: batch.load_id):
                warehouse.merge_all("jira.issues", tables(batches), MERGE_KEYS, NEWEST_BY)
            counts = "SELECT count(*) AS n, count(created_at) AS typed FROM jira.issues"
            found = warehouse.query(counts).to_pylist()
        ended = time.process_time()
        assert found[0]["n"] == found[0]["typed"]
    stages = {
        "read, parse, allow-list, lines, compression, hashes": landed - began,
        "read back and type": reading.seconds,
        "merge and write the warehouse": ended - landed - reading.seconds,
    }
    return int(found[0]["n"]), stages


class Reading:
    """Batches, and the CPU-seconds that it took to make them."""

    def __init__(self, batches: Iterator[TypedBatch]) -> None:
        self._batches = batches
        self.seconds = 0.0

    def __iter__(self) -> Iterator[TypedBatch]:
        return self

    def __next__(self) -> TypedBatch:
        before = time.process_time()
        try:
            return next(self._batches)
        finally:
            self.seconds += time.process_time() - before


def tables(batches: Iterator[TypedBatch]) -> Iterator[pa.Table]:
    """The rows of the batches; no benchmark row breaks its contract."""
    for batch in batches:
        assert batch.quarantine.num_rows == 0
        yield batch.table
