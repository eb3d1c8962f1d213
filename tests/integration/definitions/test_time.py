"""Time in SQL is time in Python: days, periods of every grain and calendar, and sums that lose nothing in any zone."""

from __future__ import annotations

import zoneinfo
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from definitions.calendars import local_day, period_end, period_start
from definitions.compiler import Compiler, nodes
from definitions.compiler.calendar_sql import (
    FISCAL_MONTHS,
    fiscal_months,
    last_day_of,
    period_start_of,
)
from definitions.compiler.calendar_sql import (
    local_day as sql_local_day,
)
from definitions.compiler.layout import calendar_joins
from definitions.compiler.query import query
from definitions.compiler.render import render
from definitions.compiler.rows import Cte
from definitions.model import Calendar, ColumnType
from tests.integration.definitions.shop import TABLES, shop
from tests.integration.definitions.worlds import Postgres, Run, duckdb_engine

GRAINS = ("day", "week", "month", "quarter", "year", "trailing_7d", "trailing_28d")
MODERATE = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
CHANGES = [
    datetime(2024, 3, 31, 1, tzinfo=UTC),  # clocks go forward in Europe
    datetime(2024, 10, 27, 1, tzinfo=UTC),  # and back
    datetime(2024, 11, 3, 6, tzinfo=UTC),  # back in New York
    datetime(2024, 4, 6, 15, tzinfo=UTC),  # half an hour on Lord Howe
    datetime(2024, 2, 29, 12, tzinfo=UTC),
    datetime(2020, 12, 28, 0, tzinfo=UTC),  # week 53
    datetime(2015, 12, 31, 23, 59, 59, tzinfo=UTC),
]
instants = st.one_of(
    st.builds(
        lambda change, seconds: change + timedelta(seconds=seconds),
        st.sampled_from(CHANGES),
        st.integers(-90_000, 90_000),
    ),
    st.datetimes(datetime(2014, 1, 1), datetime(2025, 12, 31)).map(  # noqa: DTZ001
        lambda naive: naive.replace(microsecond=0, tzinfo=UTC)
    ),
)
ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia",
    "Pacific/Kiritimati", "America/St_Johns", "Africa/Casablanca", "Asia/Tehran", "America/Sao_Paulo",
]  # fmt: skip
calendars = st.builds(
    Calendar,
    name=st.just("company"),
    time_zone=st.sampled_from(ZONES),
    week_start=st.integers(1, 7),
    fiscal_year_start=st.integers(1, 12),
    week_pattern=st.sampled_from([(), (4, 4, 5), (4, 5, 4), (5, 4, 4)]),
)


@pytest.fixture(scope="module")
def duckdb_run() -> Run:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return lambda sql: connection.sql(sql).to_arrow_table().to_pylist()


@pytest.fixture(scope="module")
def postgres(postgres_server: Any) -> Iterator[Postgres]:
    database = Postgres(postgres_server.create_database("time"), shop())
    yield database
    database.close()
    postgres_server.drop_database("time")


def periods_in_sql(calendar: Calendar, moments: list[datetime], dialect: str) -> str:
    """The local day of instants with the first and last day of each of its periods."""
    rows = [nodes.timestamp_literal(m.replace(tzinfo=None).isoformat(sep=" ")) for m in moments]
    day = nodes.aliased(
        sql_local_day(nodes.column("moment", "moments"), ColumnType.TIMESTAMP, calendar), "day"
    )
    days = nodes.select([day], nodes.values(rows, "moments", ["moment"]))
    columns: list[nodes.Node] = [nodes.column("day", "days")]
    standard = [grain for grain in GRAINS if not grain.startswith("trailing")]
    for grain in standard:

        def start(grain: str = grain) -> nodes.Node:
            return period_start_of(lambda: nodes.column("day", "days"), grain, calendar)

        columns.append(nodes.aliased(start(), f"{grain}_starts"))
        last = last_day_of(start, lambda: nodes.text("one"), (grain,), calendar)
        columns.append(nodes.aliased(last, f"{grain}_ends"))
    joins = calendar_joins(standard, nodes.column("day", "days"), calendar)
    ctes = [Cte("days", days)]
    if joins:
        ctes.insert(0, Cte(FISCAL_MONTHS, fiscal_months(calendar)))
    return render(ctes, nodes.select(columns, nodes.table("days"), joins=joins), dialect)


def periods_in_python(calendar: Calendar, moments: list[datetime]) -> list[tuple[date, ...]]:
    found = []
    for moment in moments:
        day = local_day(calendar, moment)
        row = [day]
        for grain in GRAINS[:5]:
            start = period_start(calendar, grain, day)
            row += [start, period_end(calendar, grain, start) - timedelta(days=1)]
        found.append(tuple(row))
    return sorted(found)


@MODERATE
@given(calendar=calendars, moments=st.lists(instants, min_size=1, max_size=12))
def test_duckdb_dates_rows_as_python_does(
    calendar: Calendar, moments: list[datetime], duckdb_run: Run
) -> None:
    rows = duckdb_run(periods_in_sql(calendar, moments, "duckdb"))
    assert sorted(tuple(row.values()) for row in rows) == periods_in_python(calendar, moments)


@MODERATE
@given(calendar=calendars, moments=st.lists(instants, min_size=1, max_size=12))
def test_postgres_dates_rows_as_python_does(
    calendar: Calendar, moments: list[datetime], postgres: Postgres
) -> None:
    rows = postgres.run(periods_in_sql(calendar, moments, "postgres"))
    assert sorted(tuple(row.values()) for row in rows) == periods_in_python(calendar, moments)


def known_zones(run: Run) -> list[str]:
    """Zones that Python and the engine both know by name."""
    engine = {row["name"] for row in run("SELECT name FROM pg_timezone_names()")}
    return sorted(engine & zoneinfo.available_timezones())


def test_buckets_add_up_to_the_total_in_any_zone(duckdb_run: Run) -> None:
    zones = known_zones(duckdb_run)
    assert len(zones) > 300

    @settings(MODERATE, max_examples=20)
    @given(
        zone=st.sampled_from(zones),
        grain=st.sampled_from(["second", "minute", "hour", "day", "week", "month", "quarter", "year"]),
        moments=st.lists(instants, min_size=1, max_size=20),
    )
    def check(zone: str, grain: str, moments: list[datetime]) -> None:
        compiler = Compiler(shop(f"{{name: company, time_zone: {zone}, week_start: sunday}}"))
        tables = {**TABLES, "pings": _pings(moments)}
        run = duckdb_engine(compiler.catalogue, tables)
        buckets = run(query(compiler, ["pings"], by=["host"], grain=grain).sql())
        totals = run(query(compiler, ["pings"], by=["host"]).sql())
        summed: Counter[str] = Counter()
        for row in buckets:
            summed[row["host"]] += row["pings"]
        assert summed == {row["host"]: row["pings"] for row in totals}
        assert len({(row["metric_time"], row["host"]) for row in buckets}) == len(buckets)

    check()


def _pings(moments: list[datetime]) -> list[dict[str, Any]]:
    return [
        {"ping_id": number, "host": "ab"[number % 2], "happened_at": moment.replace(tzinfo=None)}
        for number, moment in enumerate(moments)
    ]


@MODERATE
@given(
    calendar=st.sampled_from(["Europe/Berlin", "Pacific/Apia", "America/New_York"]),
    days=st.integers(1, 40),
    moments=st.lists(instants, min_size=1, max_size=12),
)
def test_trailing_days_are_the_days_that_trail(calendar: str, days: int, moments: list[datetime]) -> None:
    compiler = Compiler(shop(f"{{name: company, time_zone: {calendar}}}"))
    zone = compiler.catalogue.calendars["company"]
    local = [local_day(zone, moment) for moment in moments]
    last = max(local)
    (batch,) = compiler.batches(
        ["pings"], grains=[f"trailing_{days}d"], start=last - timedelta(days=60), end=last
    )
    run = duckdb_engine(compiler.catalogue, {**TABLES, "pings": _pings(moments)})
    for row in run(batch.sql()):
        assert row["period_end"] - row["period_start"] == timedelta(days=days - 1)
        assert row["value"] == sum(row["period_start"] <= day <= row["period_end"] for day in local)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2024, 3, 31), 23),  # 02:00 is skipped
        ("Europe/Berlin", date(2024, 10, 27), 24),  # 02:00 comes twice, and is one period
        ("Australia/Lord_Howe", date(2024, 10, 6), 24),  # of 02:00 the second half is there
        ("UTC", date(2024, 3, 31), 24),
    ],
)
@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_a_day_has_the_hours_that_clocks_show(
    zone: str, day: date, hours: int, dialect: str, postgres: Postgres
) -> None:
    compiler = Compiler(shop(f"{{name: company, time_zone: {zone}}}"))
    moments = [datetime(2024, 3, 31, 1, 30, tzinfo=UTC), datetime(2024, 10, 27, 1, 30, tzinfo=UTC)]
    tables = {**TABLES, "pings": _pings(moments)}
    run = duckdb_engine(compiler.catalogue, tables) if dialect == "duckdb" else postgres.fill(tables)
    rows = run(query(compiler, ["pings_or_zero"], grain="hour", start=day, end=day).sql(dialect))
    assert len(rows) == len({row["metric_time"] for row in rows}) == hours
    assert sum(row["pings_or_zero"] for row in rows) == (0 if zone.startswith("Australia") else 1)
