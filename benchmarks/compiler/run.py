"""The compiler's speed: compile times, and a big catalogue over a big table against SQL written by hand.

    python -m benchmarks.compiler.run --rows 1e6 1e7 --metrics 400
    python -m benchmarks.compiler.run --compile-only

CPU seconds are printed beside wall time, because other work on the machine stretches the latter. Both statements must
give the same sum of values and the same number of rows.
"""

from __future__ import annotations

import argparse
import math
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.compiler.world import by_hand, catalogue, one_per_metric, table
from definitions.compiler import Compiler


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """(CPU seconds, wall seconds, result) of one run."""
    began, clock = cpu(), time.perf_counter()
    result = work()
    return cpu() - began, time.perf_counter() - clock, result


def compile_times(metrics: int, repeats: int) -> None:
    compiler = Compiler(catalogue(metrics))
    for number, kind in enumerate(("count", "sum", "avg", "ratio")):
        name = f"metric_{number}"

        def once(name: str = name) -> str:
            return compiler.batches([name])[0].sql("duckdb")

        once()
        median = statistics.median(timed(once)[0] for _ in range(repeats))
        print(f"warm compile of one metric ({kind}, 5 grains, 3 segments): {median * 1e3:.2f} ms CPU")
    runs = [timed(lambda: compiler.batches()[0].sql("duckdb"))[0] for _ in range(max(repeats // 5, 1))]
    print(
        f"warm compile of {metrics} metrics together: {statistics.median(runs) / metrics * 1e3:.2f} ms CPU each"
    )


def run_times(rows: int, metrics: int, singles: int) -> None:
    statement = Compiler(catalogue(metrics)).batches()[0].sql("duckdb")
    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect(str(Path(folder) / "bench.duckdb"))
        connection.execute(f"SET memory_limit = '4GB'; SET temp_directory = '{folder}'; SET threads = 2")
        connection.execute(table(rows))

        def summed(sql: str) -> Callable[[], Any]:
            return lambda: connection.execute(f"SELECT count(*), sum(value) FROM ({sql})").fetchone()

        hand = timed(summed(by_hand(metrics)))
        ours = timed(summed(statement))
        queries = [sql for number in range(singles) for sql in one_per_metric(number)]
        alone = timed(lambda: [connection.execute(sql).fetchall() for sql in queries])
        connection.close()
    if hand[2][0] != ours[2][0] or not math.isclose(hand[2][1], ours[2][1], rel_tol=1e-9):
        raise SystemExit(f"the statements disagree: by hand {hand[2]}, compiled {ours[2]}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{rows:,} rows, {metrics} metrics: ours {ours[0]:.1f} s CPU ({ours[1]:.1f} s wall), by hand {hand[0]:.1f} s "
        f"({hand[1]:.1f} s), ratio {ours[0] / hand[0]:.2f}; one query per metric, grain and segment: "
        f"{alone[0] * metrics / singles:.0f} s CPU (from {singles} metrics); peak {peak:.2f} GiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="*", type=float, default=[1e6])
    parser.add_argument("--metrics", type=int, default=400)
    parser.add_argument("--singles", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--compile-only", action="store_true")
    options = parser.parse_args()
    compile_times(options.metrics, options.repeats)
    for rows in [] if options.compile_only else options.rows:
        run_times(int(rows), options.metrics, options.singles)


if __name__ == "__main__":
    main()
