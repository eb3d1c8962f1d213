"""What splitting a batch costs and saves: many distinct metrics, all segments, in one statement and in several.

    for most in 100000 1600 800; do python -m benchmarks.compiler.split --rows 1e6 --series $most; done

One bound a process, because the peak of memory is the process's. DuckDB may hold 4 GB and spill nothing.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import duckdb

from benchmarks.compiler import world
from definitions.compiler import Batch, Compiler
from definitions.settings import CompilerSettings


def batches(metrics: int, series: int) -> list[Batch]:
    """Metrics of which no two share a column, split where they exceed the bound."""
    shared = world.condition
    world.condition = lambda number: f"{shared(number)} and order_id % 1009 <> {number}"
    try:
        catalogue = world.catalogue(metrics)
    finally:
        world.condition = shared
    bound = CompilerSettings(statement_series=series)
    return Compiler(
        replace(catalogue, settings=catalogue.settings.model_copy(update={"compiler": bound}))
    ).batches()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=float, default=1e5)
    parser.add_argument("--metrics", type=int, default=1000)
    parser.add_argument("--series", type=int, default=1600)
    options = parser.parse_args()
    statements = [batch.sql("duckdb") for batch in batches(options.metrics, options.series)]
    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect(str(Path(folder) / "bench.duckdb"))
        connection.execute("SET memory_limit = '4GB'; SET temp_directory = ''; SET threads = 2")
        connection.execute(world.table(int(options.rows)))
        began, rows, outcome = time.perf_counter(), 0, "done"
        try:
            for sql in statements:
                rows += connection.execute(f"SELECT count(*) FROM ({sql})").fetchall()[0][0]
        except duckdb.OutOfMemoryException:
            outcome = "out of memory"
        took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{options.metrics} metrics, {int(options.rows):,} rows, {options.series} series a statement: "
        f"{len(statements)} statements, {outcome} after {took:.1f} s, {rows:,} values, peak {peak:.2f} GiB"
    )


if __name__ == "__main__":
    main()
