"""A day on a large table: 40 metrics over millions of rows, of which a few thousand changed.

    python -m benchmarks.pipelines.many_rows --rows 1e6 5e6

The table has two years of rows in order of time. A day brings new rows, some of last week, one of last year, and
one deletion. Staging is a plain copy, so that its own cost is the least it can be.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from definitions import load_texts
from definitions.compiler import Compiler
from pipelines.steps.changes import ChangeLog
from pipelines.steps.recompute import RAW, recompute
from pipelines.warehouse import DuckDBWarehouse

SOURCES = """
sources:
  - name: sales
    system: shop
    table: shop.sales
    owner: sales
    key: sale_id
    time: sold_at
    dimensions: [region, tier, channel]
    columns:
      - {name: sale_id, type: integer}
      - {name: region, type: string}
      - {name: tier, type: string}
      - {name: channel, type: string}
      - {name: amount, type: decimal}
      - {name: minutes, type: double}
      - {name: sold_at, type: timestamp}
"""
TEAMS = "teams: [{name: sales, label: Sales, lead: ana}]\npeople: [{name: ana, label: Ana, email: a@example.com}]\n"
ROWS = """
SELECT i AS sale_id, ['na', 'emea', 'apac', 'latam'][1 + i % 4] AS region, ['free', 'pro', 'top'][1 + i % 3] AS tier,
    ['web', 'phone'][1 + i % 2] AS channel, CAST((i * 37) % 100000 / 100 AS DECIMAL(28, 6)) AS amount,
    CAST((i * 13) % 600 AS DOUBLE) / 10 AS minutes,
    TIMESTAMP '2024-06-15 00:00:00' + to_seconds(CAST(i * 63072000.0 / {rows} AS BIGINT)) AS sold_at
FROM range(CAST({rows} AS BIGINT)) AS t(i)
"""
NEXT_DAY = """
SELECT * REPLACE (CASE WHEN sale_id = {rows} // 2 THEN CAST(amount + 1 AS DECIMAL(28, 6)) ELSE amount END AS amount)
FROM shop.first WHERE sale_id <> {rows} - 7000
UNION ALL
SELECT sale_id + {rows} * 2, region, tier, channel, amount, minutes,
    TIMESTAMP '2026-06-15 00:00:00' + to_seconds(sale_id)
FROM shop.first WHERE sale_id < least({rows} // 730, 5000)
"""


def catalogue() -> str:
    """Forty metrics: counts, sums, averages, medians, ratios, with segments."""
    items = []
    for number in range(40):
        kind = ("agg: count", "agg: sum, expr: amount", "agg: avg, expr: minutes", "agg: max, expr: amount")[
            number % 4
        ]
        items.append(
            f"  - {{name: metric_{number:02}, label: Metric {number}, type: simple, source: sales, {kind},"
            f" filter: amount > {number * 5}, segments: [region, tier, channel], unit: sales,"
            " grains: [day, week, month, quarter], direction: increase, owner: {team: sales, accountable: ana}}"
        )
    return "metrics:\n" + "\n".join(items)


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(compiler: Compiler, names: list[str], count: int) -> None:
    """One size of table, before and after a day."""
    with (
        tempfile.TemporaryDirectory() as folder,
        DuckDBWarehouse(Path(folder) / "w.duckdb", memory_limit="2GB") as warehouse,
    ):
        warehouse.replace("shop.first", ROWS.format(rows=count))
        log = ChangeLog(warehouse, compiler.catalogue)
        first = timed(lambda: log.replace("shop.sales", "SELECT * FROM shop.first"))
        recompute(warehouse, compiler, names, through=date(2026, 6, 15))
        log = ChangeLog(warehouse, compiler.catalogue)
        compared = timed(lambda: log.replace("shop.sales", NEXT_DAY.format(rows=count)))
        told: dict[str, str] = {}
        by_change = timed(
            lambda: told.update(recompute(warehouse, compiler, names, through=date(2026, 6, 16)))
        )
        values = warehouse.query(f"SELECT * FROM {RAW} ORDER BY ALL")
        whole = timed(lambda: recompute(warehouse, compiler, names, through=date(2026, 6, 16), full=True))
        assert warehouse.query(f"SELECT * FROM {RAW} ORDER BY ALL") == values
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{count:,} rows: staged plainly {first:.2f} s, compared {compared:.2f} s; computed by change"
        f" {by_change:.2f} s, whole {whole:.2f} s ({whole / by_change:.1f} times), with staging"
        f" {(whole + first) / (by_change + compared):.1f} times; {told[names[0]]}; peak {peak:.2f} GiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=float, nargs="+", default=[1e6])
    texts = {"sources/shop.yml": SOURCES, "metrics/shop.yml": catalogue(), "teams.yml": TEAMS}
    compiler = Compiler(load_texts(texts))
    names = sorted(compiler.catalogue.metrics)
    for count in map(int, parser.parse_args().rows):
        measure(compiler, names, count)


if __name__ == "__main__":
    main()
