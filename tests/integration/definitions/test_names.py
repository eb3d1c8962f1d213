"""Names and values that could be mistaken for the compiler's own: columns of its steps, the bar between a pair."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from definitions import QueryError, load_texts
from definitions.compiler import Compiler
from definitions.compiler.query import query
from tests.integration.definitions.worlds import TEAMS, Row, Run, duckdb_engine

SOURCE = """
sources:
  - name: tickets
    system: desk
    table: world.tickets
    owner: sales
    key: ticket_id
    time: opened_at
    dimensions: [team, tier]
    columns:
      - {name: ticket_id, type: integer}
      - {name: team, type: string?}
      - {name: tier, type: string}
      - {name: amount, type: decimal?}
      - {name: role, type: string}
      - {name: score, type: double}
      - {name: opened_at, type: timestamp}
"""
FORMULAS = {
    "sum": "type: simple, source: tickets, agg: sum, expr: amount",
    "distinct": "type: simple, source: tickets, agg: count_distinct, expr: role",
    "running": "type: cumulative, source: tickets, agg: sum, expr: amount, window: 3 days, period_agg: average, "
    "missing: zero",
}
NAMES = (
    "grain",
    "period_start",
    "segment_dimension",
    "segment_value",
    "day",
    "next_day",
    "days_after",
    "by_team",
)
TICKETS: list[Row] = [
    {
        "ticket_id": number,
        "team": [None, "a", "", "a|b"][number % 4],
        "tier": ["c", "b|c"][number % 3 == 0],
        "amount": Decimal(number),
        "role": "ab"[number % 2],
        "score": [math.nan, math.inf, -math.inf, 1e30, 2.0, 4.0][number % 6],
        "opened_at": datetime(2024, 1, 1) + timedelta(days=number % 28),  # noqa: DTZ001
    }
    for number in range(60)
]


def compiler(name: str, formula: str) -> Compiler:
    more = "unit: count, direction: increase, segments: [team, [team, tier]], owner: {team: sales, accountable: ana}"
    metrics = f"metrics:\n  - {{name: {name}, label: A, {formula}, {more}}}\n"
    return Compiler(load_texts({"sources/a.yml": SOURCE, "metrics/a.yml": metrics, "teams.yml": TEAMS}))


@pytest.fixture(scope="module")
def run() -> Run:
    return duckdb_engine(compiler("plain", FORMULAS["sum"]).catalogue, {"tickets": TICKETS})


def values(run: Run, name: str, formula: str) -> Counter[tuple[Any, ...]]:
    found: Counter[tuple[Any, ...]] = Counter()
    built = compiler(name, formula)
    for batch in built.batches(grains=("day", "week", "trailing_7d"), end=date(2024, 2, 5)):
        found.update(tuple(list(row.values())[3:]) for row in run(batch.sql()))
    found.update(tuple(row.values()) for row in run(query(built, [name], by=["tier"], grain="week").sql()))
    return found


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_a_metric_may_be_called_as_a_column_of_a_step(run: Run, formula: str) -> None:
    plain = values(run, "plain", formula)
    assert len(plain) > 50
    for name in NAMES:
        assert values(run, name, formula) == plain, name


@pytest.mark.parametrize("name", ["team", "metric_time"])
def test_a_metric_called_as_its_own_key_is_refused(name: str) -> None:
    with pytest.raises(QueryError, match="DUPLICATE_NAME"):
        query(compiler(name, FORMULAS["sum"]), [name], by=["team"], grain="week")


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_a_bar_in_a_value_does_not_make_two_pairs_one(run: Run, formula: str) -> None:
    """``a|b`` beside ``c`` is another group than ``a`` beside ``b|c``; the bar inside a value is shown broken."""
    (batch,) = compiler("plain", formula).batches(grains=("month",), end=date(2024, 1, 31))
    pairs = [row["segment_value"] for row in run(batch.sql()) if row["segment_dimension"] == "team|tier"]
    teams = ["(unknown)", "a", "", "a¦b"]
    assert sorted(pairs) == sorted(f"{team}|{tier}" for team in teams for tier in ("c", "b¦c"))


@pytest.mark.parametrize(
    ("agg", "value"),
    [("sum", 60.0), ("avg", 3.0), ("min", 2.0), ("max", 4.0), ("median", 3.0), ("count", 20.0)],
)
def test_a_double_that_is_no_number_is_unknown(run: Run, agg: str, value: float) -> None:
    """One NaN in a file must not stop every metric over its table, nor be counted as a value."""
    (batch,) = compiler("plain", f"type: simple, source: tickets, agg: {agg}, expr: score").batches(
        grains=("year",), segments=False
    )
    (row,) = run(batch.sql())
    assert row["value"] == value
