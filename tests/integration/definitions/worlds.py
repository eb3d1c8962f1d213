"""Small worlds to compute metrics in: a catalogue with every metric type, generated tables, engines to load them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import psycopg2
import psycopg2.extras
from hypothesis import strategies as st

from definitions import load_texts
from definitions.model import Catalogue, ColumnType

Row = dict[str, Any]
Tables = dict[str, list[Row]]

SOURCES = """
sources:
  - name: accounts
    system: crm
    table: world.accounts
    owner: sales
    key: account_id
    dimensions: [tier, region]
    columns:
      - {name: account_id, type: string}
      - {name: tier, type: string?}
      - {name: region, type: string?}
      - {name: owner_id, type: string?}
    joins:
      - {to: owners, on: {owner_id: person_id}, name: owner}
  - name: owners
    system: crm
    table: world.owners
    owner: sales
    key: person_id
    dimensions: [office]
    columns:
      - {name: person_id, type: string}
      - {name: office, type: string?}
  - name: plans
    system: crm
    table: world.plans
    owner: sales
    key: [account_id, valid_from]
    validity: {from: valid_from, to: valid_to}
    columns:
      - {name: account_id, type: string}
      - {name: plan, type: string?}
      - {name: valid_from, type: timestamp}
      - {name: valid_to, type: timestamp?}
  - name: events
    system: product
    table: world.events
    owner: sales
    key: event_id
    time: happened_at
    settles_after: 2 days
    filter: not is_test
    dimensions:
      - team
      - {name: tier, via: accounts}
      - {name: office, via: accounts.owner}
      - {name: plan, via: plans}
    joins:
      - {to: accounts, on: account_id}
      - {to: plans, on: account_id}
    columns:
      - {name: event_id, type: integer}
      - {name: account_id, type: string?}
      - {name: user_id, type: string?}
      - {name: team, type: string?}
      - {name: amount, type: decimal?}
      - {name: score, type: double?}
      - {name: ok, type: boolean}
      - {name: is_test, type: boolean}
      - {name: happened_at, type: timestamp}
      - {name: done_at, type: timestamp?}
      - {name: on_day, type: date?}
  - name: states
    system: product
    table: world.states
    owner: sales
    key: [thing_id, valid_from]
    time: valid_from
    validity: {from: valid_from, to: valid_to}
    dimensions: [team, {name: tier, via: accounts}]
    joins:
      - {to: accounts, on: account_id}
    columns:
      - {name: thing_id, type: string}
      - {name: account_id, type: string?}
      - {name: team, type: string?}
      - {name: amount, type: decimal?}
      - {name: is_open, type: boolean}
      - {name: valid_from, type: timestamp}
      - {name: valid_to, type: timestamp?}
  - name: snapshots
    system: finance
    table: world.snapshots
    owner: sales
    key: [taken_on, holder]
    time: taken_on
    dimensions: [kind]
    columns:
      - {name: taken_on, type: date}
      - {name: holder, type: string}
      - {name: kind, type: string?}
      - {name: balance, type: decimal?}
  - name: first_events
    system: product
    owner: sales
    key: user_id
    time: first_on
    derived:
      source: events
      group_by: user_id
      filter: user_id is not null
    columns:
      - {name: user_id, type: string}
      - {name: first_on, type: timestamp, expr: min(happened_at)}
      - {name: best, type: decimal, expr: max(case when ok then amount end), nullable: true}
  - name: movements
    system: product
    owner: sales
    key: [account_id, period_start]
    time: period_start
    movements:
      source: states
      entity: account_id
      value: amount
      filter: amount > 0
    columns:
      - {name: account_id, type: string}
      - {name: period_start, type: date}
      - {name: opening, type: double}
      - {name: closing, type: double}
      - {name: paid_before, type: boolean}
"""

_COMMON = "unit: count, direction: increase, owner: {team: sales, accountable: ana}"
_SEGMENTED = "segments: [team, tier, [team, tier]]"


def _metric(name: str, text: str, segments: bool = True) -> str:
    extra = f", {_SEGMENTED}" if segments else ""
    return f"  - {{name: {name}, label: {name}, {text}, {_COMMON}{extra}}}\n"


METRICS = "metrics:\n" + "".join(
    [
        _metric("events_count", "type: simple, source: events, agg: count"),
        _metric("ok_count", "type: simple, source: events, agg: count, filter: ok"),
        _metric("scored_count", "type: simple, source: events, agg: count, expr: score, filter: ok"),
        _metric("users", "type: simple, source: events, agg: count_distinct, expr: user_id"),
        _metric("ok_users", "type: simple, source: events, agg: count_distinct, expr: user_id, filter: ok"),
        _metric("total", "type: simple, source: events, agg: sum, expr: amount"),
        _metric("score_sum", "type: simple, source: events, agg: sum, expr: score"),
        _metric("mean_amount", "type: simple, source: events, agg: avg, expr: amount, filter: amount > 0"),
        _metric("lowest", "type: simple, source: events, agg: min, expr: amount"),
        _metric("highest", "type: simple, source: events, agg: max, expr: score"),
        _metric("middle", "type: simple, source: events, agg: median, expr: amount"),
        _metric("high_end", "type: simple, source: events, agg: percentile, percentile: 0.9, expr: score"),
        _metric("oks", "type: simple, source: events, agg: sum_boolean, expr: ok"),
        _metric("done_count", "type: simple, source: events, agg: count, time: done_at"),
        _metric("by_date", "type: simple, source: events, agg: count, time: on_day"),
        _metric(
            "pro_total", "type: simple, source: events, agg: sum, expr: amount, filter: accounts.tier = 'pro'"
        ),
        _metric(
            "held_seconds",
            "type: simple, source: events, agg: avg, expr: 'seconds_between(happened_at, done_at)'",
        ),
        _metric("plan_count", "type: simple, source: events, agg: count, segments: [plan, office]", False),
        _metric(
            "ok_share",
            "type: ratio, source: events, numerator: {agg: count, filter: ok}, denominator: {agg: count}",
        ),
        _metric("worth", "type: ratio, numerator: total, denominator: ok_count"),
        _metric(
            "done_per_new",
            "type: ratio, source: events, numerator: {agg: count, time: done_at}, denominator: {agg: count}",
        ),
        _metric(
            "growth",
            "type: derived, expr: events_count - before, "
            "inputs: [{metric: events_count, offset: 1 week, alias: before}]",
        ),
        _metric(
            "yearly",
            "type: derived, expr: before, inputs: [{metric: total, offset: 3 months, alias: before}]",
        ),
        _metric("net", "type: derived, expr: 'total / nullif(events_count, 0) + ok_share * 2'"),
        _metric(
            "zero_filled", "type: derived, expr: calm + events_count, inputs: [{metric: quiet, alias: calm}]"
        ),
        _metric("quiet", "type: simple, source: events, agg: count, filter: amount > 900, missing: zero"),
        _metric(
            "last_ok",
            "type: simple, source: events, agg: sum, expr: amount, filter: ok, missing: carry_forward",
        ),
        _metric(
            "carried",
            "type: derived, expr: last_ok + 0 * events_count, inputs: [last_ok, events_count]",
            False,
        ),
        _metric("running", "type: cumulative, source: events, agg: sum, expr: amount"),
        _metric(
            "last_week", "type: cumulative, source: events, agg: count, window: 7 days, period_agg: last"
        ),
        _metric(
            "two_months",
            "type: cumulative, source: events, agg: sum, expr: amount, window: 2 months, period_agg: first",
        ),
        _metric(
            "to_date",
            "type: cumulative, source: events, agg: sum, expr: amount, grain_to_date: month, period_agg: average",
        ),
        _metric(
            "active",
            "type: cumulative, source: events, agg: count_distinct, expr: user_id, window: 3 days, period_agg: average",
        ),
        _metric(
            "daily_active",
            "type: cumulative, source: events, agg: count_distinct, expr: user_id, window: 1 day,"
            " period_agg: average, missing: zero",
        ),
        _metric(
            "active_before",
            "type: derived, expr: before, inputs: [{metric: daily_active, alias: before, offset: 7 days}]",
        ),
        _metric(
            "three_days_before",
            "type: derived, expr: before, inputs: [{metric: last_three_days, alias: before, offset: 7 days}]",
        ),
        _metric(
            "last_three_days", "type: cumulative, source: events, agg: count, window: 3 days, missing: zero"
        ),
        _metric("peak", "type: cumulative, source: events, agg: max, expr: amount, window: 5 days"),
        _metric("open_things", "type: balance, source: states, agg: count, filter: is_open"),
        _metric("open_amount", "type: balance, source: states, agg: sum, expr: amount, filter: is_open"),
        _metric(
            "open_accounts",
            "type: balance, source: states, agg: count_distinct, expr: account_id, filter: is_open",
        ),
        _metric("open_median", "type: balance, source: states, agg: median, expr: amount"),
        _metric("cash", "type: balance, source: snapshots, agg: sum, expr: balance, segments: [kind]", False),
        _metric(
            "cash_start",
            "type: balance, source: snapshots, agg: sum, expr: balance, choice: first, segments: [kind]",
            False,
        ),
        _metric(
            "cash_each",
            "type: balance, source: snapshots, agg: sum, expr: balance, groupings: [holder], segments: [kind]",
            False,
        ),
        _metric(
            "converted",
            "type: conversion, base: {source: events, filter: not ok}, conversion: {source: events, filter: ok}, "
            "entity: user_id, window: 5 days",
        ),
        _metric(
            "converted_ever",
            "type: conversion, base: {source: events, filter: not ok}, conversion: {source: events, filter: ok}, "
            "entity: user_id, constant_properties: [team], calculation: count",
        ),
        _metric(
            "converted_users",
            "type: conversion, base: {source: events, filter: not ok}, "
            "conversion: {source: events, agg: count_distinct, expr: user_id, filter: ok}, entity: user_id, "
            "window: 5 days, inclusive: true",
        ),
        _metric(
            "returning",
            "type: retention, cohort: {source: events}, activity: {source: events, filter: ok}, entity: user_id, "
            "days: [3, 10]",
        ),
        _metric(
            "health",
            "type: composite, scale: 10, min_coverage: 0.5, components: "
            "[{metric: ok_share, weight: 2, low: 0, high: 1}, {metric: events_count, weight: 1, low: 5, high: 1}]",
        ),
        _metric("first_timers", "type: simple, source: first_events, agg: count", False),
        _metric("first_best", "type: simple, source: first_events, agg: sum, expr: best", False),
        _metric(
            "won_new",
            "type: simple, source: movements, agg: sum, expr: closing, filter: opening = 0 and not paid_before",
            False,
        ),
        _metric(
            "lost", "type: simple, source: movements, agg: sum, expr: opening, filter: closing = 0", False
        ),
        _metric("held_back", "type: simple, source: movements, agg: sum, expr: closing - opening", False),
        _metric(
            "busy_count",
            "type: simple, source: events, agg: count, filter: 'metric(events_count, user_id) > 2'",
        ),
    ]
)
TEAMS = """
teams: [{name: sales, label: Sales, lead: ana}]
people: [{name: ana, label: Ana, email: ana@example.com}]
"""

CALENDARS = {
    "utc": "{name: company}",
    "berlin": "{name: company, time_zone: Europe/Berlin}",
    "new_york": "{name: company, time_zone: America/New_York, week_start: sunday, fiscal_year_start: february}",
    "kolkata": "{name: company, time_zone: Asia/Kolkata, week_start: saturday, fiscal_year_start: april}",
    "lord_howe": "{name: company, time_zone: Australia/Lord_Howe, fiscal_year_start: july}",
    "retail": "{name: company, time_zone: America/Chicago, week_start: sunday, fiscal_year_start: february, "
    "week_pattern: 4-4-5}",
}


def catalogue(
    calendar: str, grains: Sequence[str] = ("day", "week", "month", "quarter", "year")
) -> Catalogue:
    """The world's catalogue in one of `CALENDARS`."""
    texts = {
        "sources/world.yml": SOURCES,
        "metrics/world.yml": METRICS,
        "teams.yml": TEAMS,
        "calendars.yml": f"calendars:\n  - {CALENDARS[calendar]}\n",
    }
    return load_texts(texts)


# ── generated tables ────────────────────────────────────────────────────────────────────────────────────────

FIRST, LAST = date(2024, 2, 20), date(2024, 4, 20)
"""Over a leap day, both hemispheres' clock changes and a quarter's end."""

_texts = st.sampled_from([None, "a", "b", "c"])
_accounts = st.sampled_from([None, "acc1", "acc2", "acc3", "gone"])
_users = st.sampled_from([None, "u1", "u2", "u3"])
_amounts = st.one_of(st.none(), st.integers(-500, 1000).map(lambda cents: Decimal(cents) / Decimal(4)))
_scores = st.one_of(st.none(), st.integers(-80, 80).map(lambda n: n / 8))


@st.composite
def _instants(draw: st.DrawFn) -> datetime:
    day = draw(st.integers(0, (LAST - FIRST).days))
    minute = draw(st.sampled_from([0, 1, 59, 60, 90, 119, 120, 121, 180, 300, 720, 1410, 1439]))
    second = draw(st.sampled_from([0, 0, 1, 30]))
    return datetime.combine(FIRST, datetime.min.time()) + timedelta(days=day, minutes=minute, seconds=second)


@st.composite
def _intervals(draw: st.DrawFn) -> tuple[datetime, datetime | None]:
    begin = draw(_instants())
    length = draw(st.one_of(st.none(), st.sampled_from([0, 60, 3600, 86400, 3 * 86400, 20 * 86400])))
    return begin, None if length is None else begin + timedelta(seconds=length)


@st.composite
def worlds(draw: st.DrawFn, size: int = 14) -> Tables:
    """Tables with nulls, ties, duplicates, empty groups and unmatched keys."""
    events = []
    for number in range(draw(st.integers(0, size))):
        happened = draw(_instants())
        events.append(
            {
                "event_id": number,
                "account_id": draw(_accounts),
                "user_id": draw(_users),
                "team": draw(_texts),
                "amount": draw(_amounts),
                "score": draw(_scores),
                "ok": draw(st.booleans()),
                "is_test": draw(st.integers(0, 9)) == 0,
                "happened_at": happened,
                "done_at": draw(st.one_of(st.none(), _instants())),
                "on_day": draw(st.one_of(st.none(), _instants().map(lambda i: i.date()))),
            }
        )
    states = []
    for number in range(draw(st.integers(0, size))):
        begin, end = draw(_intervals())
        states.append(
            {
                "thing_id": f"t{number}",
                "account_id": draw(_accounts),
                "team": draw(_texts),
                "amount": draw(_amounts),
                "is_open": draw(st.booleans()),
                "valid_from": begin,
                "valid_to": end,
            }
        )
    holders = draw(st.lists(st.sampled_from(["h1", "h2", "h3"]), unique=True))
    snapshots = [
        {"taken_on": day, "holder": holder, "kind": draw(_texts), "balance": draw(_amounts)}
        for holder in holders
        for day in draw(st.lists(_instants().map(lambda i: i.date()), max_size=6, unique=True))
    ]
    plans = []
    for account in ("acc1", "acc2"):
        edges = sorted(set(draw(st.lists(_instants(), max_size=3))))
        for index, edge in enumerate(edges):
            end = edges[index + 1] if index + 1 < len(edges) else None
            plans.append({"account_id": account, "plan": draw(_texts), "valid_from": edge, "valid_to": end})
    return {
        "accounts": [
            {
                "account_id": f"acc{n}",
                "tier": draw(st.sampled_from([None, "pro", "free"])),
                "region": None,
                "owner_id": draw(st.sampled_from([None, "p1", "nobody"])),
            }
            for n in (1, 2, 3)
        ],
        "owners": [{"person_id": "p1", "office": draw(_texts)}],
        "plans": plans,
        "events": events,
        "states": states,
        "snapshots": snapshots,
    }


# ── engines ─────────────────────────────────────────────────────────────────────────────────────────────────

_DUCKDB = {
    ColumnType.STRING: "VARCHAR",
    ColumnType.INTEGER: "BIGINT",
    ColumnType.DECIMAL: "DECIMAL(18, 4)",
    ColumnType.DOUBLE: "DOUBLE",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.DATE: "DATE",
    ColumnType.TIMESTAMP: "TIMESTAMP",
}
_POSTGRES = {**_DUCKDB, ColumnType.DOUBLE: "DOUBLE PRECISION"}

Run = Callable[[str], list[Row]]


def columns_of(catalogue: Catalogue) -> Mapping[str, list[tuple[str, ColumnType]]]:
    """(name, type) of the columns of every real table."""
    return {
        source.table: [(column.name, column.type) for column in source.columns.values()]
        for source in catalogue.sources.values()
        if source.table
    }


def duckdb_engine(catalogue: Catalogue, tables: Tables, threads: int = 1) -> Run:
    """An in-memory DuckDB holding the tables."""
    connection = duckdb.connect(config={"threads": threads})
    connection.execute("SET TimeZone = 'UTC'")
    for table, columns in columns_of(catalogue).items():
        schema, name = table.split(".")
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        declared = ", ".join(f'"{column}" {_DUCKDB[kind]}' for column, kind in columns)
        connection.execute(f"CREATE TABLE {table} ({declared})")
        rows = tables.get(name, [])
        if rows:
            marks = ", ".join("?" for _ in columns)
            connection.executemany(
                f"INSERT INTO {table} VALUES ({marks})",
                [[row[column] for column, _ in columns] for row in rows],
            )

    def run(sql: str) -> list[Row]:
        found = connection.execute(sql)
        names = [item[0] for item in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    return run


class Postgres:
    """A PostgreSQL database whose tables are refilled for each world."""

    def __init__(self, url: str, catalogue: Catalogue) -> None:
        self.connection = psycopg2.connect(url.replace("postgresql+psycopg2://", "postgresql://"))
        self.connection.autocommit = True
        self.columns = columns_of(catalogue)
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SET jit = off"
            )  # compiling wide statements to machine code costs a hundred times their run
            cursor.execute("CREATE SCHEMA world")
            for table, columns in self.columns.items():
                declared = ", ".join(f'"{column}" {_POSTGRES[kind]}' for column, kind in columns)
                cursor.execute(f"CREATE TABLE {table} ({declared})")

    def fill(self, tables: Tables) -> Run:
        with self.connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(self.columns)}")
            for table, columns in self.columns.items():
                rows = tables.get(table.split(".")[1], [])
                if rows:
                    values = [tuple(row[column] for column, _ in columns) for row in rows]
                    psycopg2.extras.execute_values(cursor, f"INSERT INTO {table} VALUES %s", values)
        return self.run

    def run(self, sql: str) -> list[Row]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            names = [item[0] for item in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def close(self) -> None:
        self.connection.close()
