"""The query face as a call: Arrow and pandas, any metrics together, without time, dimensions only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from definitions import QueryError
from definitions.compiler import Compiler
from definitions.compiler.query import query
from tests.integration.definitions.shop import TABLES, shop
from tests.integration.definitions.worlds import Tables, catalogue, duckdb_engine, worlds

SHOP = Compiler(shop())
WORLD = Compiler(catalogue("berlin"))
TOGETHER = (
    "events_count", "users", "total", "middle", "ok_share", "growth", "running", "last_week", "to_date", "open_things",
    "open_median", "converted", "returning", "health", "last_ok", "quiet",
)  # fmt: skip
MODERATE = settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
Ask = Callable[[str], pa.Table]


@pytest.fixture(scope="module")
def ask() -> Ask:
    """A warehouse's query over the shop."""
    run = duckdb_engine(SHOP.catalogue, TABLES)
    connection: duckdb.DuckDBPyConnection = run.__closure__[0].cell_contents  # type: ignore[attr-defined]
    return lambda sql: connection.sql(sql).to_arrow_table()


def test_an_arrow_table(ask: Ask) -> None:
    statement = query(SHOP, ["value", "orders"], by=["city"], grain="month", end=date(2024, 2, 29))
    table = statement.arrow(ask)
    assert tuple(table.column_names) == statement.columns == ("metric_time", "city", "value", "orders")
    assert [str(field.type) for field in table.schema] == ["date32[day]", "string", "double", "double"]
    rows = table.to_pylist()
    assert rows == sorted(rows, key=lambda row: (row["metric_time"], row["city"]))
    assert rows[0] == {"metric_time": date(2024, 1, 1), "city": "delft", "value": 37.75, "orders": 3.0}


def test_a_pandas_frame(ask: Ask) -> None:
    frame = query(SHOP, ["value_per_guest"], by=["is_gift"]).pandas(ask)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == ["is_gift", "value_per_guest"]
    assert frame["is_gift"].tolist() == [False, True]
    assert frame["value_per_guest"].tolist() == pytest.approx([104.75 / 4, 136.99 / 3])


def test_without_time_there_is_one_row_whatever_the_table_holds(ask: Ask) -> None:
    assert query(SHOP, ["orders", "ever", "stores"]).arrow(ask).to_pylist() == [
        {"orders": 12.0, "ever": 241.74, "stores": 4.0}
    ]
    nothing = query(SHOP, ["orders", "value"], where="store_id = 'nowhere'").arrow(ask)
    assert nothing.to_pylist() == [{"orders": None, "value": None}]


def test_dimensions_only(ask: Ask) -> None:
    assert query(SHOP, by=["level"]).arrow(ask)["level"].to_pylist() == ["(unknown)", "high", "low", "mid"]


def test_the_clock(ask: Ask) -> None:
    table = query(SHOP, ["pings"], grain="hour", limit=1).arrow(ask)
    assert table.to_pylist() == [{"metric_time": datetime.fromisoformat("2024-03-30"), "pings": 3.0}]


@MODERATE
@given(tables=worlds(), grain=st.sampled_from([None, "day", "week", "quarter"]))
def test_together_metrics_are_what_they_are_apart(tables: Tables, grain: str | None) -> None:
    run = duckdb_engine(WORLD.catalogue, tables)
    options: dict[str, Any] = {
        "grain": grain,
        "by": ["tier"],
        "start": date(2024, 2, 25),
        "end": date(2024, 4, 15),
    }
    keys = [*(["metric_time"] if grain else []), "tier"]
    together = run(query(WORLD, TOGETHER, **options).sql())
    assert len({tuple(row[key] for key in keys) for row in together}) == len(together)
    for metric in TOGETHER:
        apart = run(query(WORLD, [metric], **options).sql())
        known = {tuple(row[key] for key in keys): row[metric] for row in together}
        alone = {tuple(row[key] for key in keys): row[metric] for row in apart}
        fill = 0.0 if metric == "quiet" else None  # a metric whose gaps are zero is zero in others' rows, too
        assert {k: v for k, v in known.items() if v != fill} == {
            k: v for k, v in alone.items() if v != fill
        }, metric


def test_what_cannot_be_grouped_together_is_told() -> None:
    with pytest.raises(QueryError, match=r"by:1:1: UNKNOWN_DIMENSION: 'visits' cannot be grouped by 'city'"):
        query(SHOP, ["orders", "visits"], by=["city"])


@pytest.mark.parametrize(
    "by", [["metric_time.month"], ["metric_time.week", "metric_time.year"], ["metric_time.extract_month"], []]
)
def test_every_metric_answers_where_months_are_weeks(by: list[str]) -> None:
    compiler = Compiler(catalogue("retail"))
    run = duckdb_engine(compiler.catalogue, {})
    for metric in compiler.catalogue.metrics:
        rows = run(query(compiler, [metric], by=by, start=date(2024, 2, 25), end=date(2024, 3, 2)).sql())
        assert not rows or not by or compiler.catalogue.metrics[metric].missing != "empty"


def test_time_and_folded_sources_without_metrics() -> None:
    compiler = Compiler(catalogue("retail"))
    run = duckdb_engine(compiler.catalogue, {})
    months = run(
        query(compiler, by=["metric_time.month"], start=date(2024, 2, 4), end=date(2024, 4, 1)).sql()
    )
    assert [row["metric_time"] for row in months] == [date(2024, 2, 4), date(2024, 3, 3), date(2024, 3, 31)]
    assert run(query(compiler, by=["best"]).sql()) == []
