"""A reader in a process of its own that asks every 5 ms which batch there is, and whether its rows are.

Each look is one statement, so one snapshot: the newest batch, its number of values by the manifest, and the value
of the first and of the last metric on the last day. A publication that became visible in part would show a pair
that belongs to no batch.
"""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from multiprocessing.connection import Connection

from sqlalchemy import text

from pipelines.publishing import open_reporting

EVERY_SECONDS = 0.005
Look = tuple[int | None, int | None, float | None, float | None]
"""(batch, its values by the manifest, first metric's value, last metric's value)."""

_VALUE = (
    "(SELECT value FROM kpi_value WHERE is_current AND metric_id = :{name} AND period_grain = 'day' "
    "AND segment_key = 'total' AND period_start = :day)"
)
_QUERY = text(
    "SELECT b.batch_id, (SELECT row_count FROM publish_manifest AS m WHERE m.batch_id = b.batch_id "
    f"AND m.table_name = 'kpi_value'), {_VALUE.format(name='first')}, {_VALUE.format(name='last')} "
    "FROM (SELECT max(batch_id) AS batch_id FROM publish_batch) AS b"
)


@dataclass
class Seen:
    """What the reader saw: each distinct look with its count, the number of looks, the longest wait for one."""

    looks: Counter[Look] = field(default_factory=Counter)
    longest_seconds: float = 0.0


@contextmanager
def reader(url: str, first: str, last: str, day: date) -> Iterator[Seen]:
    """Read along while the body runs; what was seen is filled in at the end."""
    seen = Seen()
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_read_along, args=(url, first, last, day, theirs), daemon=True
    )
    process.start()
    ours.recv()  # it has looked once
    try:
        yield seen
    finally:
        ours.send("stop")
        seen.looks, seen.longest_seconds = ours.recv()
        process.join(10)


def _read_along(url: str, first: str, last: str, day: date, pipe: Connection) -> None:
    engine = open_reporting(url)
    looks: Counter[Look] = Counter()
    longest = 0.0
    asked = {"first": first, "last": last, "day": day.isoformat() if url.startswith("sqlite") else day}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not pipe.poll():
            began = time.perf_counter()
            batch, rows, one, other = connection.execute(_QUERY, asked).one()
            if url.startswith("sqlite"):
                connection.rollback()
            took = time.perf_counter() - began
            longest = max(longest, took)
            looks[(batch, rows, _number(one), _number(other))] += 1
            if looks.total() == 1:
                pipe.send("reading")
            time.sleep(max(0.0, EVERY_SECONDS - took))
    pipe.recv()
    pipe.send((looks, longest))


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
