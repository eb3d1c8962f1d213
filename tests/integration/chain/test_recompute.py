"""A run that computes what changed leaves what a run that computes everything leaves: every metric type, any change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from definitions.compiler import Compiler
from pipelines.steps.changes import ChangeLog, generation, images_of, since
from pipelines.steps.recompute import NOTHING, RAW, computed, recompute
from pipelines.warehouse import DuckDBWarehouse
from tests.integration.definitions.worlds import (
    FIRST,
    LAST,
    Row,
    Tables,
    catalogue,
    columns_of,
    worlds,
)

ARROW = {
    "string": pa.string(),
    "integer": pa.int64(),
    "decimal": pa.decimal128(18, 4),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
KEYS = {"events": "event_id", "states": "thing_id", "accounts": "account_id", "owners": "person_id"}


def _world() -> Compiler:
    """The world's catalogue, with trailing windows beside the grains."""
    world = catalogue("berlin")
    metrics = {
        name: replace(metric, grains=("day", "week", "month", "trailing_7d"))
        for name, metric in world.metrics.items()
    }
    return Compiler(replace(world, metrics=metrics))


COMPILER = _world()
METRICS = sorted(COMPILER.catalogue.metrics)
COLUMNS = columns_of(COMPILER.catalogue)


def stage(warehouse: DuckDBWarehouse, tables: Tables) -> None:
    """Put rows into the neutral tables, as staging does."""
    with warehouse.transaction():
        log = ChangeLog(warehouse, COMPILER.catalogue)
        for table, columns in COLUMNS.items():
            rows = tables.get(table.split(".")[1], [])
            arrow = pa.table(
                {
                    name: pa.array([row[name] for row in rows], type=ARROW[kind.value])
                    for name, kind in columns
                }
            )
            warehouse.write("typed.rows", arrow)
            log.replace(table, "SELECT * FROM typed.rows")


def values(warehouse: DuckDBWarehouse) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Values by key, exactly."""
    rows = computed(warehouse, METRICS).to_pylist()
    keys = ("metric", "grain", "period_start", "segment_dimension", "segment_value")
    found = {tuple(row[k] for k in keys): tuple(v for k, v in row.items() if k not in keys) for row in rows}
    assert len(found) == len(rows), "a key occurs twice"
    return found


@contextmanager
def world(tables: Tables, through: date, metrics: Sequence[str] = METRICS) -> Iterator[DuckDBWarehouse]:
    """A warehouse in which the metrics are computed."""
    with DuckDBWarehouse(":memory:", threads=1) as warehouse:
        stage(warehouse, tables)
        recompute(warehouse, COMPILER, metrics, through=through)
        yield warehouse


@st.composite
def changed(draw: st.DrawFn) -> tuple[Tables, Tables]:
    """A world, and the world a day or more later: rows came, went and changed, in facts and in dimensions."""
    before = draw(worlds(9))
    after: Tables = {name: [dict(row) for row in rows] for name, rows in before.items()}
    other = draw(worlds(4))
    for name in draw(st.lists(st.sampled_from(sorted(after)), min_size=1, max_size=2, unique=True)):
        rows, new = after[name], other[name]
        action = draw(st.sampled_from(["came", "went", "changed"]))
        if action == "went" and rows:
            rows.pop(draw(st.integers(0, len(rows) - 1)))
        elif action == "changed" and rows and new:
            index = draw(st.integers(0, len(rows) - 1))
            key = KEYS.get(name)
            rows[index] = {**new[0], **({key: rows[index][key]} if key else {})}
        elif new and name not in ("accounts", "owners", "plans"):
            rows.append(new[0] | ({KEYS[name]: _fresh(name)} if name in KEYS else {}))
    return before, after


def _fresh(name: str) -> Any:
    return 1000 if name == "events" else "late"


@given(
    worlds_=changed(),
    first=st.dates(FIRST + timedelta(days=10), LAST + timedelta(days=15)),
    later=st.integers(0, 12),
)
@settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
def test_what_changed_is_enough(worlds_: tuple[Tables, Tables], first: date, later: int) -> None:
    before, after = worlds_
    second = first + timedelta(days=later)
    with world(before, first) as warehouse:
        stage(warehouse, after)
        recompute(warehouse, COMPILER, METRICS, through=second)
        found = values(warehouse)
    with world(after, second) as whole:
        wanted = values(whole)
    wrong = {key: (found.get(key), wanted.get(key)) for key in found.keys() ^ wanted.keys()}
    wrong |= {
        key: (found[key], wanted[key]) for key in found.keys() & wanted.keys() if found[key] != wanted[key]
    }
    assert not wrong, sorted(wrong.items(), key=str)[:6]


def _event(number: int, day: str) -> Row:
    return {
        "event_id": number, "account_id": "acc1", "user_id": "u1", "team": "a", "amount": None, "score": None,
        "ok": True, "is_test": False, "happened_at": datetime.fromisoformat(f"{day}T12:00"),
        "done_at": None, "on_day": None,
    }  # fmt: skip


TABLES: Tables = {
    "events": [_event(n, f"2024-03-{n:02d}") for n in range(1, 29)],
    "accounts": [{"account_id": "acc1", "tier": "pro", "region": None, "owner_id": None}],
}
THROUGH = date(2024, 4, 10)
FEW = ("cash", "events_count", "open_amount", "users")


def test_nothing_changed_is_nothing_to_do() -> None:
    with world(TABLES, THROUGH, FEW) as warehouse:
        stage(warehouse, TABLES)
        assert set(recompute(warehouse, COMPILER, FEW, through=THROUGH).values()) == {NOTHING}


def test_a_late_row_costs_its_periods_and_no_other_source() -> None:
    late = {**TABLES, "events": [*TABLES["events"], _event(99, "2024-03-05")]}
    with world(TABLES, THROUGH, FEW) as warehouse:
        stage(warehouse, late)
        told = recompute(warehouse, COMPILER, ["events_count", "cash"], through=THROUGH)
    assert told == {"events_count": "2024-03-05 to 2024-03-11", "cash": NOTHING}


def test_what_some_metrics_have_not_taken_in_is_kept_for_them() -> None:
    late = {**TABLES, "events": [*TABLES["events"], _event(99, "2024-03-05")]}
    with world(TABLES, THROUGH, FEW) as warehouse:
        stage(warehouse, late)
        assert recompute(warehouse, COMPILER, ["events_count"], through=THROUGH)["events_count"] != NOTHING
        assert recompute(warehouse, COMPILER, ["users"], through=THROUGH)["users"] != NOTHING
        assert warehouse.query(f"SELECT count(*) FROM {images_of('world.events')}").column(0)[0].as_py() == 1
        recompute(warehouse, COMPILER, FEW, through=THROUGH)
        assert warehouse.query(f"SELECT count(*) FROM {images_of('world.events')}").column(0)[0].as_py() == 0
        assert generation(warehouse) == 2


def test_a_metric_that_left_and_returned_is_computed_whole() -> None:
    late = {**TABLES, "events": [*TABLES["events"], _event(99, "2024-03-05")]}
    rest = {name: m for name, m in COMPILER.catalogue.metrics.items() if name in ("cash", "open_amount")}
    smaller = Compiler(replace(COMPILER.catalogue, metrics=rest))
    with world(TABLES, THROUGH, FEW) as warehouse:
        stage(warehouse, late)
        recompute(warehouse, smaller, sorted(rest), through=THROUGH)
        assert warehouse.query(f"SELECT DISTINCT metric FROM {RAW}").num_rows <= len(rest)
        assert recompute(warehouse, COMPILER, ["users"], through=THROUGH) == {"users": "all periods"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "all periods"),
        ({"grains": ("day",)}, "all periods"),
        ({"segments": ()}, "all periods"),
        ({"label": "Another name"}, NOTHING),
    ],
)
def test_another_definition_is_computed_whole(change: Mapping[str, Any], said: str) -> None:
    metrics = COMPILER.catalogue.metrics
    other = Compiler(
        replace(
            COMPILER.catalogue,
            metrics={**metrics, "events_count": replace(metrics["events_count"], **change)},
        )
    )
    with world(TABLES, THROUGH, FEW) as warehouse:
        told = recompute(warehouse, other, ["events_count", "users"], through=THROUGH)
    assert told == {"events_count": said, "users": NOTHING}


def test_a_table_with_other_columns_is_unknown() -> None:
    with world(TABLES, THROUGH, FEW) as warehouse:
        before = generation(warehouse)
        log = ChangeLog(warehouse, COMPILER.catalogue)
        log.replace("world.events", "SELECT *, 1 AS extra FROM world.events")
        log.replace("world.accounts", "SELECT * FROM world.accounts")
        changed_ = since(warehouse, COMPILER, before)
        assert (changed_.unknown, dict(changed_.images)) == (frozenset({"events"}), {})
        told = recompute(warehouse, COMPILER, ["events_count", "cash"], through=THROUGH)
        assert told == {"events_count": "all periods", "cash": NOTHING}


def test_duplicates_count() -> None:
    twice = {**TABLES, "events": [*TABLES["events"], TABLES["events"][4]]}
    with world(TABLES, THROUGH, FEW) as warehouse:
        stage(warehouse, twice)
        told = recompute(warehouse, COMPILER, ["events_count"], through=THROUGH)
        assert told["events_count"].startswith("2024-03-05")


def test_a_clock_that_went_back_computes_whole() -> None:
    with world(TABLES, THROUGH, FEW) as warehouse:
        told = recompute(warehouse, COMPILER, ["events_count"], through=THROUGH - timedelta(days=3))
        assert told == {"events_count": "all periods"}
