"""Publishing against the least the engine can do: bare COPY (PostgreSQL), bare executemany (SQLite).

    python -m benchmarks.publishing.speed sqlite:////tmp/speed.db --metrics 100 --days 1000 --segments 3
    python -m benchmarks.publishing.speed --postgresql --metrics 500 --days 1000 --segments 10

The bare load puts the same columns into the same table with all its indexes and constraints, in one transaction, from
rows that are rendered beforehand (CSV text, Python tuples): the database's part alone. The publication begins with the
Arrow frame and does everything: checks, fingerprints, staging, comparison, manifest. `--postgresql` starts a private
server. Meanwhile a reader in a process of its own looks every 5 ms whether what it sees is one whole batch. Goals:
bare / published at least 0.7; an unchanged batch under a tenth of the first; no look that sees anything else.
"""

from __future__ import annotations

import argparse
import io
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Engine, text

from benchmarks.publishing.frames import dictionary, frame
from benchmarks.publishing.reader import EVERY_SECONDS, Look, reader
from pipelines.publishing import Publication, migrations, open_reporting, publish
from pipelines.publishing.engine import writing
from pipelines.publishing.publish import open_batch
from pipelines.publishing.staging import csv_chunks, python_values
from pipelines.publishing.values import prepare

THROUGH = date(2026, 2, 28)


def clock() -> datetime:
    """Any fixed instant will do."""
    return datetime(2026, 3, 1, tzinfo=UTC)


def measure(engine: Engine, metrics: int, days: int, segments: int) -> None:
    """Print seconds and ratios, and what a reader saw meanwhile."""
    migrations.upgrade(engine)
    values = frame(metrics, days, segments)
    words = dictionary(metrics)
    empty = Publication("dictionary", "bench", THROUGH, dictionary=words)
    nothing = publish(engine, empty, clock=clock, run_id="bench").batch_id
    first = Publication("first", "bench", THROUGH, dictionary=words, values=values)
    changed = replace(first, publication_id="last day", values=last_day_changed(values, days))
    url = engine.url.render_as_string(hide_password=False)
    last_day = values.column("period_start")[days - 1].as_py()
    names = (f"metric_{0:04d}", f"metric_{metrics - 1:04d}")
    with reader(url, *names, last_day) as seen:
        bare = bare_load(engine, values)
        _tidy(engine)
        took, batch = timed(engine, first)
        same, same_batch = timed(engine, replace(first, publication_id="same"))
        moved, moved_batch = timed(engine, changed)
    print(f"{values.num_rows:,} values on {engine.dialect.name}")
    print(f"bare load {bare:8.2f} s")
    print(f"published {took:8.2f} s   bare / published = {bare / took:.2f}")
    print(f"unchanged {same:8.2f} s   of the first: {same / took:.3f}")
    print(f"last day  {moved:8.2f} s   of the first: {moved / took:.3f}")
    rows = days * segments
    before = [values.column("value")[row].as_py() for row in (days - 1, (metrics - 1) * rows + days - 1)]
    after = [
        changed.values.column("value")[row].as_py() for row in (days - 1, (metrics - 1) * rows + days - 1)
    ]
    whole: set[Look] = {
        (nothing, 0, None, None),
        (batch, values.num_rows, *before),
        (same_batch, values.num_rows, *before),
        (moved_batch, values.num_rows, *after),
    }
    torn = sum(count for look, count in seen.looks.items() if look not in whole)
    print(
        f"a reader looked {seen.looks.total():,} times (every {1000 * EVERY_SECONDS:.0f} ms), saw "
        f"{len(set(seen.looks) & whole)} of {len(whole)} batches whole and {torn} times anything else; "
        f"the longest look took {1000 * seen.longest_seconds:.0f} ms"
    )


def _tidy(engine: Engine) -> None:
    """Take away what the bare load left when it was undone."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM kpi_core.kpi_value"))


def timed(engine: Engine, publication: Publication) -> tuple[float, int]:
    """Seconds of one publication, and the number of its batch."""
    started = time.perf_counter()
    batch_id = publish(engine, publication, clock=clock, run_id="bench").batch_id
    return time.perf_counter() - started, batch_id


def last_day_changed(values: pa.Table, days: int) -> pa.Table:
    """The same frame with the last day of every series moved: what a daily run brings."""
    position = values.column_names.index("value")
    numbers = values.column("value").to_numpy().copy()
    numbers[days - 1 :: days] += 1
    return values.set_column(position, "value", pa.array(np.round(numbers, 6)))


def bare_load(engine: Engine, values: pa.Table) -> float:
    """Seconds of loading the rows and nothing else; they are rolled back."""
    rows = prepare(Publication("bare", "bench", date(2026, 2, 28), values=values)).frame
    count = rows.num_rows
    # The metrics are numbered in order of name, as their definitions are.
    codes = rows.column("metric_id").combine_chunks()
    codes = codes.chunk(0) if isinstance(codes, pa.ChunkedArray) else codes
    rows = rows.append_column("metric_version_key", pa.array(codes.indices.to_numpy().astype(np.int64) + 1))
    rows = rows.append_column("revision", pa.array(np.ones(count, np.int64)))
    rows = rows.append_column(
        "revision_kind", pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), ["first"])
    )
    rows = rows.append_column("is_current", pa.array(np.ones(count, np.int64)))
    with rolled_back(engine) as (cursor, batch_id):
        rows = rows.append_column("batch_id", pa.array(np.full(count, batch_id, np.int64)))
        listing = ", ".join(rows.column_names)
        if engine.dialect.name == "postgresql":
            csv = io.BytesIO(b"".join(csv_chunks(rows)))
            started = time.perf_counter()
            cursor.copy_expert(f"COPY kpi_core.kpi_value ({listing}) FROM STDIN WITH (FORMAT csv)", csv)
        else:
            tuples = list(zip(*(python_values(column) for column in rows.columns), strict=True))
            marks = ", ".join("?" * rows.num_columns)
            started = time.perf_counter()
            cursor.executemany(f"INSERT INTO kpi_value ({listing}) VALUES ({marks})", tuples)
        return time.perf_counter() - started


class _Enough(Exception):
    """Ends a transaction that is not meant to last."""


@contextmanager
def rolled_back(engine: Engine) -> Iterator[tuple[Any, int]]:
    """A driver's cursor in a transaction with a batch and the segments, undone at the end."""
    try:
        with writing(engine) as connection:
            batch_id = open_batch(
                connection, publication_id="bare", batch_kind="publication", orchestrator_run_id="bench",
                code_version="bench", data_through=THROUGH, started_at=clock(), published_at=clock(),
                fencing_token=1,
            )  # fmt: skip
            for number in range(1, 100):
                connection.execute(
                    text("INSERT INTO segment VALUES (:key, 'region', :name, :no)"),
                    {"key": f"region=region_{number}", "name": f"region_{number}", "no": False},
                )
            yield connection.connection.cursor(), batch_id
            raise _Enough
    except _Enough:
        return


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url", nargs="?", help="an empty database to use")
    parser.add_argument("--postgresql", action="store_true", help="start a private server")
    parser.add_argument("--metrics", type=int, default=100)
    parser.add_argument("--days", type=int, default=1000)
    parser.add_argument("--segments", type=int, default=3)
    chosen = parser.parse_args()
    size = (chosen.metrics, chosen.days, chosen.segments)
    if chosen.postgresql:
        from tests.servers import PostgresServer, postgres_binaries

        binaries = postgres_binaries()
        if binaries is None:
            parser.error("no PostgreSQL server binaries found")
        server = PostgresServer(binaries)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server goes with us
        try:
            server.initialise()
            server.start()
            measure(open_reporting(server.create_database("speed")), *size)
        finally:
            server.remove()
    elif chosen.url:
        if chosen.url.startswith("sqlite") and Path(chosen.url.removeprefix("sqlite:///")).exists():
            parser.error(f"{chosen.url} exists: give a path that does not")
        measure(open_reporting(chosen.url), *size)
    else:
        parser.error("give a URL, or --postgresql")


if __name__ == "__main__":
    main()
