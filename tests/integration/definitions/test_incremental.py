"""Recomputing only what changed rows touch gives what a full recomputation gives."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from definitions.compiler import Compiler
from definitions.compiler.incremental import compile_incremental, touched
from definitions.settings import CompilerSettings
from tests.integration.definitions.worlds import Postgres, Row, Run, Tables, catalogue, duckdb_engine, worlds

START, END = date(2024, 2, 25), date(2024, 4, 15)
GRAINS = ("day", "month")
METRICS = (
    "events_count",
    "users",
    "pro_total",
    "done_per_new",
    "growth",
    "last_week",
    "to_date",
    "running",
    "daily_active",
    "open_amount",
    "cash",
    "converted",
    "returning",
    "carried",
    "won_new",
    "plan_count",
)
Key = tuple[Any, ...]
Numbers = tuple[Any, ...]


@lru_cache
def compiler(calendar: str) -> Compiler:
    return Compiler(catalogue(calendar))


@lru_cache
def statements(calendar: str, dialect: str) -> list[str]:
    batches = compiler(calendar).batches(METRICS, grains=GRAINS, start=START, end=END)
    return [batch.sql(dialect) for batch in batches]


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(tables=worlds())
def test_a_split_batch_gives_the_same_bytes(tables: Tables) -> None:
    """However little one statement may compute, every value is the same, and each metric is computed once."""
    whole = compiler("berlin")
    few = CompilerSettings(statement_series=7)
    small = Compiler(
        replace(whole.catalogue, settings=whole.catalogue.settings.model_copy(update={"compiler": few}))
    )
    parts = small.batches(METRICS, grains=GRAINS, start=START, end=END)
    assert sorted(name for part in parts for name in part.metrics) == sorted(METRICS)
    assert len({part.name for part in parts}) == len(parts) > 3
    assert all(
        len(part.metrics) == 1
        or sum(1 + len(small.catalogue.metrics[name].segments) for name in part.metrics) <= 7
        for part in parts
    )
    run = duckdb_engine(whole.catalogue, tables)
    together = {_row(row) for sql in statements("berlin", "duckdb") for row in run(sql)}
    assert {_row(row) for part in parts for row in run(part.sql("duckdb"))} == together


def _row(row: Row) -> tuple[Any, ...]:
    """A row to the last bit; one that rests on nothing is as good as none (`pipelines.steps.compute`)."""
    rests = row["sample_size"] or any(row[name] is not None for name in ("value", "numerator", "denominator"))
    return tuple(v.hex() if isinstance(v, float) else v for v in row.values()) if rests else ()


class Recomputation(RuleBasedStateMachine):
    """Rows come late, change and go, dimensions and calendars change; the kept values always equal those of a
    full computation."""

    dialect = "duckdb"

    def engine(self) -> Run:
        """An engine that holds the tables as they are now."""
        return duckdb_engine(compiler("berlin").catalogue, self.tables)

    @initialize(tables=worlds(10))
    def begin(self, tables: Tables) -> None:
        self.tables = tables
        self.calendar = "berlin"
        self.values = self.full()

    def full(self) -> dict[Key, Numbers]:
        run = self.engine()
        found = statements(self.calendar, self.dialect)
        return {_key(row): _numbers(row) for statement in found for row in run(statement)}

    def recompute(self, source: str, images: list[Row]) -> None:
        run, here = self.engine(), compiler(self.calendar)
        changed = touched(here, METRICS, {source: images}, run, self.dialect)
        for part in compile_incremental(here, changed, start=START, end=END, grains=GRAINS):
            gone = [
                key
                for key in self.values
                if key[0] in part.batch.metrics and key[3] >= part.first and key[2] <= part.last
            ]
            for key in gone:
                del self.values[key]
            self.values |= {_key(row): _numbers(row) for row in run(part.batch.sql(self.dialect))}

    @rule(table=st.sampled_from(["events", "states", "snapshots"]), data=st.data())
    def a_row_leaves(self, table: str, data: st.DataObject) -> None:
        if self.tables[table]:
            row = self.tables[table].pop(data.draw(st.integers(0, len(self.tables[table]) - 1)))
            self.recompute(table, [row])

    @rule(table=st.sampled_from(["events", "states", "snapshots"]), other=worlds(3), data=st.data())
    def a_row_arrives_late(self, table: str, other: Tables, data: st.DataObject) -> None:
        if other[table]:
            row = dict(other[table][0])
            key = {"events": "event_id", "states": "thing_id", "snapshots": "holder"}[table]
            row[key] = (
                1000 + len(self.tables[table]) if table == "events" else f"late{len(self.tables[table])}"
            )
            self.tables[table].append(row)
            self.recompute(table, [row])

    @rule(table=st.sampled_from(["events", "states"]), other=worlds(3), data=st.data())
    def a_row_changes(self, table: str, other: Tables, data: st.DataObject) -> None:
        if self.tables[table] and other[table]:
            index = data.draw(st.integers(0, len(self.tables[table]) - 1))
            was = self.tables[table][index]
            key = "event_id" if table == "events" else "thing_id"
            now = {**other[table][0], key: was[key]}
            self.tables[table][index] = now
            self.recompute(table, [was, now])

    @rule(number=st.integers(0, 2), tier=st.sampled_from([None, "pro", "free"]))
    def a_dimension_changes(self, number: int, tier: str | None) -> None:
        was = self.tables["accounts"][number]
        now = {**was, "tier": tier}
        self.tables["accounts"][number] = now
        self.recompute("accounts", [was, now])

    @rule(other=worlds(3))
    def an_interval_of_a_dimension_ends(self, other: Tables) -> None:
        """A plan that was open ends when another begins."""
        open_plans = [row for row in self.tables["plans"] if row["valid_to"] is None]
        if open_plans and other["events"]:
            was = open_plans[0]
            at = other["events"][0]["happened_at"]
            if at > was["valid_from"]:
                ended = {**was, "valid_to": at}
                begun = {**was, "valid_from": at, "plan": "b"}
                self.tables["plans"][self.tables["plans"].index(was)] = ended
                self.tables["plans"].append(begun)
                self.recompute("plans", [was, ended, begun])

    @rule(calendar=st.sampled_from(["berlin", "new_york"]))
    def the_calendar_changes(self, calendar: str) -> None:
        """A changed calendar changes the hash of every definition in it, and what is hashed anew is computed anew."""
        was, now = compiler(self.calendar), compiler(calendar)
        changed = [name for name in METRICS if was.hash_of(name) != now.hash_of(name)]
        assert changed == (list(METRICS) if calendar != self.calendar else [])
        self.calendar = calendar
        if changed:
            self.values = self.full()

    @invariant()
    def nothing_is_stale(self) -> None:
        if hasattr(self, "values"):
            full = self.full()
            stale = {k: (self.values.get(k), full.get(k)) for k in self.values.keys() ^ full.keys()}
            stale |= {k: (v, full[k]) for k, v in self.values.items() if k in full and full[k] != v}
            assert not stale, sorted(stale.items(), key=str)[:5]


def _key(row: Row) -> Key:
    names = ("metric", "grain", "period_start", "period_end", "segment_dimension", "segment_value")
    return tuple(row[name] for name in names)


def _numbers(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("value", "numerator", "denominator", "sample_size"))


MODERATE = settings(
    max_examples=4,
    stateful_step_count=5,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
TestRecomputation = Recomputation.TestCase
TestRecomputation.settings = MODERATE


def test_on_postgres(postgres_url: str) -> None:
    database = Postgres(postgres_url, catalogue("berlin"))

    class OnPostgres(Recomputation):
        dialect = "postgres"

        def engine(self) -> Run:
            return database.fill(self.tables)

    run_state_machine_as_test(OnPostgres, settings=MODERATE)
    database.close()


def test_a_late_row_touches_only_its_periods() -> None:
    row = {
        "event_id": 1, "account_id": None, "user_id": "u1", "team": "a", "amount": None, "score": None, "ok": True,
        "is_test": False, "happened_at": date(2024, 3, 3), "done_at": None, "on_day": None,
    }  # fmt: skip
    changed = touched(compiler("berlin"), ["events_count", "last_week", "cash"], {"events": [row]})
    assert set(changed) == {"events_count", "last_week"}
    (part,) = compile_incremental(
        compiler("berlin"), {"events_count": changed["events_count"]}, start=START, end=END, grains=["day"]
    )
    assert (part.first, part.last) == (date(2024, 3, 3), date(2024, 3, 3))
