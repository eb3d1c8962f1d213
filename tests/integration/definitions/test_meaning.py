"""The compiler's numbers equal a second, independent computation, on DuckDB and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from definitions.compiler import Batch, compile_catalogue
from definitions.model import Catalogue
from tests.integration.definitions.reference import EXPECTED, Values, World
from tests.integration.definitions.worlds import (
    CALENDARS,
    FIRST,
    LAST,
    Postgres,
    Row,
    Run,
    Tables,
    catalogue,
    duckdb_engine,
    worlds,
)

GRAINS = ("day", "week", "month", "quarter", "year")
START, END = date(2024, 2, 25), date(2024, 4, 15)
MODERATE = settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
"""Without shrinking: an example takes a second, and the message names the metric and key that differ."""


@lru_cache
def compiled(calendar: str) -> tuple[Catalogue, tuple[Batch, ...]]:
    loaded = catalogue(calendar)
    return loaded, tuple(compile_catalogue(loaded, grains=GRAINS, start=START, end=END))


@lru_cache
def statement(batch: Batch, dialect: str) -> str:
    return batch.sql(dialect)


def computed(batches: tuple[Batch, ...], run: Run, dialect: str) -> dict[str, Values]:
    """Values by metric and key; rows without a value are left out, but must not repeat."""
    found: dict[str, Values] = {name: {} for name in EXPECTED}
    seen: set[tuple[object, ...]] = set()
    for batch in batches:
        for row in run(statement(batch, dialect)):
            key = (row["grain"], row["period_start"], row["segment_dimension"], row["segment_value"])
            assert (row["metric"], *key) not in seen, "a key twice"
            seen.add((row["metric"], *key))
            if row["value"] is not None:
                found[row["metric"]][key] = row["value"]
    return found


def compare(found: dict[str, Values], tables: Tables, loaded: Catalogue) -> None:
    world = World(tables, loaded.calendars["company"], GRAINS, START, END)
    for name, compute in EXPECTED.items():
        expected = compute(world)
        assert found[name].keys() == expected.keys(), (
            f"{name}: only computed {sorted(found[name].keys() - expected.keys())[:5]}, "
            f"only expected {sorted(expected.keys() - found[name].keys())[:5]}"
        )
        for key, value in expected.items():
            assert found[name][key] == pytest.approx(value, rel=1e-12, abs=1e-9), f"{name} {key}"


@pytest.mark.parametrize("calendar", sorted(CALENDARS))
@MODERATE
@given(tables=worlds())
def test_duckdb_equals_the_reference(calendar: str, tables: Tables) -> None:
    loaded, batches = compiled(calendar)
    run = duckdb_engine(loaded, tables)
    compare(computed(batches, run, "duckdb"), tables, loaded)


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Postgres]:
    database = Postgres(postgres_url, catalogue("utc"))
    yield database
    database.close()


@pytest.mark.parametrize("calendar", ["new_york", "retail"])
def test_postgres_equals_duckdb(calendar: str, postgres: Postgres) -> None:
    loaded, batches = compiled(calendar)

    @settings(MODERATE, max_examples=4)
    @given(tables=worlds())
    def check(tables: Tables) -> None:
        embedded = duckdb_engine(loaded, tables)
        server = postgres.fill(tables)
        for batch in batches:
            there = {_key(row): _numbers(row) for row in server(statement(batch, "postgres"))}
            here = {_key(row): _numbers(row) for row in embedded(statement(batch, "duckdb"))}
            assert there == here

    check()


def _key(row: Row) -> tuple[object, ...]:
    return tuple(
        row[name]
        for name in ("metric", "grain", "period_start", "period_end", "segment_dimension", "segment_value")
    )


def _numbers(row: Row) -> tuple[object, ...]:
    return tuple(row[name] for name in ("value", "numerator", "denominator", "sample_size"))


@MODERATE
@given(tables=worlds(), calendar=st.sampled_from(sorted(CALENDARS)))
def test_buckets_add_up_to_the_total_in_any_zone(tables: Tables, calendar: str) -> None:
    loaded = catalogue(calendar)
    run = duckdb_engine(loaded, tables)
    (batch,) = compile_catalogue(loaded, metrics=["events_count", "total"], grains=GRAINS)
    rows = run(batch.sql("duckdb"))
    events = [event for event in tables["events"] if not event["is_test"]]
    for grain in GRAINS:
        for dimension in ("", "team", "tier", "team|tier"):
            part = [r for r in rows if r["grain"] == grain and r["segment_dimension"] == dimension]
            counted = sum(r["value"] for r in part if r["metric"] == "events_count")
            assert counted == len(events)
    assert FIRST < LAST


@MODERATE
@given(tables=worlds())
def test_threads_do_not_change_a_bit(tables: Tables) -> None:
    loaded, batches = compiled("berlin")
    one, four = duckdb_engine(loaded, tables, threads=1), duckdb_engine(loaded, tables, threads=4)
    for batch in batches:
        first, second = (
            {_key(row): _numbers(row) for row in run(statement(batch, "duckdb"))} for run in (one, four)
        )
        assert first == second
