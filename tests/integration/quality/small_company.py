"""A small company for the quality tests: its dictionary, its staging tables in DuckDB, its KPI values."""

from __future__ import annotations

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
    Derived,
    Dimension,
    Direction,
    Drivers,
    Expression,
    Join,
    Measure,
    Metric,
    MetricInput,
    MetricType,
    Organisation,
    Owner,
    Ratio,
    Simple,
    Source,
    Validity,
)
from definitions.model.metrics import Formula
from definitions.settings import Settings

NOW = datetime(2026, 7, 1, 6, tzinfo=UTC)
T = ColumnType


def columns(**types: ColumnType | Column) -> dict[str, Column]:
    return {n: c if isinstance(c, Column) else Column(n, c) for n, c in types.items()}


def source(name: str, table: str, key: tuple[str, ...], time: str | None, **more: object) -> Source:
    return Source(name=name, table=table, system="salesforce", owner="sales", key=key, time=time, **more)  # type: ignore[arg-type]


def sources() -> dict[str, Source]:
    accounts = source(
        "accounts",
        "crm.accounts",
        ("account_id",),
        "created_at",
        columns=columns(
            account_id=T.STRING,
            tier=Column("tier", T.STRING, values=("enterprise", "free", "pro")),
            region=Column("region", T.STRING, nullable=True),
            created_at=T.TIMESTAMP,
        ),
        dimensions={"region": Dimension("region", Expression("region"))},
    )
    opportunities = source(
        "opportunities",
        "crm.opportunities",
        ("opportunity_id",),
        "created_at",
        columns=columns(
            opportunity_id=T.STRING,
            account_id=Column("account_id", T.STRING, nullable=True),
            amount=Column("amount", T.DECIMAL, nullable=True),
            score=Column("score", T.DOUBLE, nullable=True),
            is_closed=T.BOOLEAN,
            is_won=T.BOOLEAN,
            close_date=Column("close_date", T.DATE, nullable=True),
            created_at=T.TIMESTAMP,
            competitor=Column("competitor", T.STRING, nullable=True),
        ),
        joins={"accounts": Join("accounts", "accounts", (("account_id", "account_id"),))},
        dimensions={"region": Dimension("region", Expression("region"), via="accounts")},
    )
    states = source(
        "opportunity_states",
        "crm.opportunity_states",
        ("opportunity_id", "valid_from"),
        "valid_from",
        columns=columns(
            opportunity_id=T.STRING,
            valid_from=T.TIMESTAMP,
            valid_to=Column("valid_to", T.TIMESTAMP, nullable=True),
            amount=Column("amount", T.DECIMAL, nullable=True),
        ),
        validity=Validity("valid_from", "valid_to"),
    )
    return {one.name: one for one in (accounts, opportunities, states)}


def metric(name: str, formula: Formula, kind: MetricType = MetricType.SIMPLE, **more: object) -> Metric:
    given: dict[str, object] = {
        "label": name.replace("_", " ").capitalize(),
        "definition": f"What {name} is.",
        "unit": "count",
        "unit_family": "count",
        "direction": Direction.INCREASE,
        "owner": Owner("sales", "head_of_sales"),
    }
    return Metric(name=name, type=kind, formula=formula, **{**given, **more})  # type: ignore[arg-type]


def measure(agg: str, expr: str | None = None, filter: str | None = None, time: str | None = None) -> Measure:
    return Measure(
        "opportunities",
        Aggregation(agg),
        Expression(expr) if expr else None,
        Expression(filter) if filter else None,
        time,
    )


def metrics() -> dict[str, Metric]:
    win_rate = Ratio(
        measure("count", filter="is_won", time="close_date"),
        measure("count", time="close_date"),
    )
    made = (
        metric("created", Simple(measure("count")), segments=(("region",),)),
        metric("won_value", Simple(measure("sum", "amount", "is_won"))),
        metric("competitive_wins", Simple(measure("count", filter="competitor is not null"))),
        metric("win_rate", win_rate, MetricType.RATIO, unit="ratio", unit_family="ratio"),
        metric(
            "value_per_win",
            Derived(
                Expression("won_value / created"),
                (MetricInput("won_value", "won_value"), MetricInput("created", "created")),
            ),
            MetricType.DERIVED,
            drivers=Drivers("ratio", ("won_value", "created")),
        ),
    )
    return {one.name: one for one in sorted(made, key=lambda m: m.name)}


def catalogue(root: Path = Path("/nonexistent"), **settings: object) -> Catalogue:
    made = Settings()
    if settings:
        made = made.model_copy(update={"quality": made.quality.model_copy(update=settings)})
    return Catalogue(
        root=root,
        sources=sources(),
        metrics=metrics(),
        calendars={"company": Calendar("company")},
        organisation=Organisation({}, {}, {}),
        settings=made,
    )


def with_metrics(base: Catalogue, *more: Metric) -> Catalogue:
    return replace(base, metrics=dict(sorted({**base.metrics, **{m.name: m for m in more}}.items())))


def warehouse(rows: int = 100) -> duckdb.DuckDBPyConnection:
    """Staging tables that break nothing."""
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    db.execute("CREATE SCHEMA crm")
    db.execute(
        f"""CREATE TABLE crm.accounts AS SELECT 'a' || i AS account_id, ['free', 'pro', 'enterprise'][i % 3 + 1]
            AS tier, CASE WHEN i % 5 = 0 THEN NULL ELSE 'emea' END AS region,
            TIMESTAMP '2026-01-01' + INTERVAL (i) HOUR AS created_at FROM range({rows}) t(i)"""
    )
    db.execute(
        f"""CREATE TABLE crm.opportunities AS SELECT 'o' || lpad(i::VARCHAR, 5, '0') AS opportunity_id,
            'a' || i AS account_id, (i * 10)::DECIMAL(18, 2) AS amount, i::DOUBLE AS score,
            i % 2 = 0 AS is_closed, i % 4 = 0 AS is_won,
            CASE WHEN i % 2 = 0 THEN DATE '2026-06-01' END AS close_date,
            TIMESTAMP '2026-01-01' + INTERVAL (i) HOUR AS created_at,
            CASE WHEN i % 7 = 0 THEN 'Acme' END AS competitor FROM range({rows}) t(i)"""
    )
    db.execute(
        f"""CREATE TABLE crm.opportunity_states AS
            SELECT 'o' || i AS opportunity_id, TIMESTAMP '2026-01-01' AS valid_from,
                   TIMESTAMP '2026-02-01' AS valid_to, i::DECIMAL(18, 2) AS amount FROM range({rows}) t(i)
            UNION ALL SELECT 'o' || i, TIMESTAMP '2026-02-01', NULL, i::DECIMAL(18, 2) FROM range({rows}) t(i)"""
    )
    return db


def query(db: duckdb.DuckDBPyConnection) -> Callable[[str], pa.Table]:
    return lambda sql: db.sql(sql).to_arrow_table()


VALUE_SCHEMA = pa.schema(
    [
        ("metric", pa.string()),
        ("version", pa.int32()),
        ("definition_hash", pa.string()),
        ("grain", pa.string()),
        ("period_start", pa.date32()),
        ("period_end", pa.date32()),
        ("segment_dimension", pa.string()),
        ("segment_value", pa.string()),
        ("value", pa.float64()),
        ("numerator", pa.float64()),
        ("denominator", pa.float64()),
        ("sample_size", pa.int64()),
        ("value_state", pa.string()),
        ("state_reason", pa.string()),
    ]
)


def value(metric_name: str, day: date, number: float | None, **more: object) -> dict[str, object]:
    row: dict[str, object] = {
        "metric": metric_name,
        "version": 1,
        "definition_hash": "a" * 64,
        "grain": "day",
        "period_start": day,
        "period_end": day,
        "segment_dimension": "",
        "segment_value": "",
        "value": number,
        "numerator": None,
        "denominator": None,
        "sample_size": 100,
        "value_state": "final" if number is not None else "no_data",
        "state_reason": None if number is not None else "no rows",
    }
    return {**row, **more}


def values(days: int = 60) -> list[dict[str, object]]:
    """KPI values that break nothing, ending the day before NOW."""
    rows: list[dict[str, object]] = []
    for i in range(days):
        day = NOW.date() - timedelta(days=days - i)
        rows.append(value("created", day, 10.0 + i))
        rows.append(value("created", day, 4.0, segment_dimension="region", segment_value="emea"))
        rows.append(value("created", day, 6.0 + i, segment_dimension="region", segment_value="(unknown)"))
        rows.append(value("won_value", day, 100.25 + i))
        rows.append(value("competitive_wins", day, 1.0))
        rows.append(value("win_rate", day, 0.25, numerator=1.0, denominator=4.0))
        rows.append(value("value_per_win", day, (100.25 + i) / (10.0 + i)))
    return rows


def table(rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=VALUE_SCHEMA)
