"""What the quality step costs, and what of it is Great Expectations.

Run: ``python -m benchmarks.quality.great_expectations_cost [--rows 100000] [--values 250000] [--rounds 3]``.
Prints medians of wall and CPU seconds as a Markdown table. Three ways to the same verdicts on the staging
tables: pushed down and judged (what runs), the same scans without a judge, and Great Expectations on pulled
pandas frames.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from definitions.model import (
    Aggregation,
    Calendar,
    Catalogue,
    Column,
    ColumnType,
    Direction,
    Expression,
    Measure,
    Metric,
    MetricType,
    Organisation,
    Owner,
    Ratio,
    Simple,
    Source,
)
from quality import Judge, run_staging_checks, run_value_checks
from quality.checks import Check
from quality.contracts import TableContract, contracts
from quality.pushdown import probe, scan
from quality.suites import generated_suite

NOW = datetime(2026, 7, 1, tzinfo=UTC)
TABLES, METRICS = 30, 100
COLUMNS = {
    "row_id": Column("row_id", ColumnType.STRING),
    "parent_id": Column("parent_id", ColumnType.STRING),
    "kind": Column("kind", ColumnType.STRING, values=("a", "b", "c")),
    "state": Column("state", ColumnType.STRING, values=("open", "done")),
    "amount": Column("amount", ColumnType.DECIMAL),
    "hours": Column("hours", ColumnType.DOUBLE),
    "is_deleted": Column("is_deleted", ColumnType.BOOLEAN),
    "created_at": Column("created_at", ColumnType.TIMESTAMP),
    "ended_on": Column("ended_on", ColumnType.DATE, nullable=True),
    "note": Column("note", ColumnType.STRING, nullable=True),
}


def catalogue() -> Catalogue:
    sources = {
        f"s{i:02}": Source(
            name=f"s{i:02}",
            table=f"bench.t{i:02}",
            system="bench",
            owner="bench",
            key=("row_id",),
            columns=COLUMNS,
            time="created_at",
        )
        for i in range(TABLES)
    }
    metrics = {}
    for i in range(METRICS):
        source = f"s{i % TABLES:02}"
        counted = Measure(source, Aggregation.COUNT)
        done = replace(counted, filter=Expression("state = 'done'"))
        ratio = i % 4 == 0
        metrics[f"m{i:03}"] = Metric(
            name=f"m{i:03}",
            label=f"M {i}",
            definition="A metric.",
            type=MetricType.RATIO if ratio else MetricType.SIMPLE,
            formula=Ratio(done, counted) if ratio else Simple(counted),
            unit="ratio" if ratio else "count",
            unit_family="ratio" if ratio else "count",
            direction=Direction.INCREASE,
            owner=Owner("bench", "bench"),
            segments=(("kind",),),
        )
    return Catalogue(
        Path("/nonexistent"),
        sources,
        metrics,
        {"company": Calendar("company")},
        Organisation({}, {}, {}),
    )


def warehouse(rows: int, tables: int = TABLES) -> duckdb.DuckDBPyConnection:
    db = duckdb.connect()
    db.execute("CREATE SCHEMA bench")
    for i in range(tables):
        db.execute(
            f"""CREATE TABLE bench.t{i:02} AS SELECT 'r' || i AS row_id, 'p' || (i % 97) AS parent_id,
                ['a', 'b', 'c'][i % 3 + 1] AS kind, ['open', 'done'][i % 2 + 1] AS state,
                (i % 1000)::DECIMAL(18, 2) AS amount, i::DOUBLE AS hours, FALSE AS is_deleted,
                TIMESTAMP '2025-01-01' + INTERVAL (i % 8000) HOUR AS created_at,
                CASE WHEN i % 2 = 0 THEN DATE '2026-01-01' END AS ended_on, NULL::VARCHAR AS note
                FROM range({rows // tables}) t(i)"""
        )
    return db


def values(rows: int) -> pa.Table:
    """``rows`` KPI values: METRICS metrics, days, a total and three segments that add up."""
    days = max(rows // METRICS // 4, 1)
    db = duckdb.connect()
    return db.sql(
        f"""SELECT 'm' || lpad(m::VARCHAR, 3, '0') AS metric, 1::INTEGER AS version, repeat('a', 64) AS definition_hash,
              'day' AS grain, DATE '{date(2026, 6, 30)}' - d::INTEGER AS period_start,
              DATE '{date(2026, 6, 30)}' - d::INTEGER AS period_end,
              CASE WHEN s = 0 THEN '' ELSE 'kind' END AS segment_dimension,
              ['', 'a', 'b', 'c'][s + 1] AS segment_value,
              CASE WHEN m % 4 = 0 THEN 0.5 ELSE (CASE WHEN s = 0 THEN 3 ELSE 1 END) * (10 + d % 7) END::DOUBLE AS value,
              CASE WHEN m % 4 = 0 THEN CASE WHEN s = 0 THEN 30 ELSE 10 END END::DOUBLE AS numerator,
              CASE WHEN m % 4 = 0 THEN CASE WHEN s = 0 THEN 60 ELSE 20 END END::DOUBLE AS denominator,
              50::BIGINT AS sample_size, 'final' AS value_state, NULL::VARCHAR AS state_reason
            FROM range({METRICS}) a(m), range({days}) b(d), range(4) c(s)"""
    ).to_arrow_table()


def timed(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median wall and CPU seconds."""
    wall, cpu = [], []
    for _ in range(rounds):
        started, used = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
    return statistics.median(wall), statistics.median(cpu)


def plain_sql(db: duckdb.DuckDBPyConnection, suites: dict[str, list[Check]]) -> int:
    """The same scans, judged by a comparison in Python."""
    failed = 0
    for table, checks in suites.items():
        probes = [one for check in checks if (one := probe(check)) is not None]
        rows = db.execute(scan(table, probes, "duckdb")).fetchall()
        failed += sum(number != 0 for number in rows[0][1:])
    return failed


def on_pandas(
    db: duckdb.DuckDBPyConnection,
    judge: Judge,
    declared: dict[str, TableContract],
    suites: dict[str, list[Check]],
) -> int:
    """Every check by Great Expectations on the pulled columns of its table."""
    failed = 0
    for table, checks in suites.items():
        names = ", ".join(declared[table].columns)
        frame = db.sql(f"SELECT {names} FROM {table}").df()
        suite = [judge._expectation(check.expect, dict(check.kwargs), check.check_id) for check in checks]
        said = judge._validate(table, frame, suite)
        failed += sum(not one.success for one in said.values())
    return failed


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rows", type=int, default=100_000)
    arguments.add_argument("--values", type=int, default=250_000)
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()

    lines = []

    def line(what: str, wall: float, cpu: float) -> None:
        lines.append(f"| {what} | {wall:.2f} | {cpu:.2f} |")

    made: list[Judge] = []
    line("import Great Expectations, one context", *timed(lambda: made.append(Judge()), 1))
    judge, checked, db = made[0], catalogue(), warehouse(given.rows)

    def query(sql: str) -> pa.Table:
        return db.sql(sql).to_arrow_table()

    declared = contracts(checked)
    suites = {t: generated_suite(c, checked.settings.quality, NOW) for t, c in declared.items()}
    count = sum(len(checks) for checks in suites.values())
    staging = f"{count} checks, {TABLES} tables, {given.rows:,} rows"
    run = timed(lambda: run_staging_checks(checked, query, now=NOW, judge=judge), given.rounds)
    line(f"staging: pushed down and judged ({staging})", *run)
    line("staging: the same scans, no judge", *timed(lambda: plain_sql(db, suites), given.rounds))
    line(
        "staging: Great Expectations on pulled pandas",
        *timed(lambda: on_pandas(db, judge, declared, suites), 1),
    )

    frame = values(given.values)
    before = frame.slice(0, frame.num_rows)
    run = timed(
        lambda: run_value_checks(checked, frame, previous=before, now=NOW + timedelta(days=1), judge=judge),
        given.rounds,
    )
    line(f"KPI values: {frame.num_rows:,} rows, {METRICS} metrics, with the last run", *run)

    big, one = warehouse(1_000_000, tables=1), {"bench.t00": suites["bench.t00"]}
    line("one table of 1,000,000 rows: scan, no judge", *timed(lambda: plain_sql(big, one), given.rounds))
    run = timed(
        lambda: run_staging_checks(
            checked, lambda sql: big.sql(sql).to_arrow_table(), now=NOW, judge=judge, tables=["bench.t00"]
        ),
        given.rounds,
    )
    line("one table of 1,000,000 rows: pushed down and judged", *run)
    line(
        "one table of 1,000,000 rows: pulled pandas", *timed(lambda: on_pandas(big, judge, declared, one), 1)
    )
    print("| what | wall s | CPU s |\n|---|---|---|\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
