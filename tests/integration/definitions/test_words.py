"""Words of definitions that engines disagree about mean one thing, on DuckDB and PostgreSQL (docs/dialects.md)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.expressions import translate
from definitions.compiler.render import render
from definitions.compiler.typed import Typed
from definitions.model import ColumnType

VALUES: dict[str, tuple[ColumnType, Any]] = {
    "half": (ColumnType.DECIMAL, "2.5"),
    "minus_half": (ColumnType.DECIMAL, "-2.5"),
    "tenth": (ColumnType.DOUBLE, "0.125"),
    "seven": (ColumnType.INTEGER, "7"),
    "minus_seven": (ColumnType.INTEGER, "-7"),
    "zero": (ColumnType.INTEGER, "0"),
    "nothing": (ColumnType.INTEGER, None),
    "word": (ColumnType.STRING, "'Straße 7%'"),
    "before_midnight": (ColumnType.TIMESTAMP, "'2024-02-28 23:59:59.5'"),
    "after_midnight": (ColumnType.TIMESTAMP, "'2024-02-29 00:00:00'"),
    "leap_day": (ColumnType.DATE, "'2024-02-29'"),
    "sunday": (ColumnType.DATE, "'2024-03-03'"),
    "new_year": (ColumnType.DATE, "'2027-01-01'"),
}
CASES: list[tuple[str, Any]] = [
    ("seconds_between(before_midnight, after_midnight)", 0.5),
    ("seconds_between(after_midnight, before_midnight)", -0.5),
    ("days_between(before_midnight, after_midnight)", 0.5 / 86400),
    ("days_between(leap_day, sunday)", 3),
    ("days_between(sunday, leap_day)", -3),
    ("days_between(before_midnight, sunday)", 4),
    ("seven / 2", 3.5),
    ("minus_seven / 2", -3.5),
    ("seven / zero", None),
    ("seven % zero", None),
    ("minus_seven % 2", -1),
    ("round(half)", 3),
    ("round(minus_half)", -3),
    ("round(tenth, 2)", 0.13),
    ("floor(minus_half)", -3),
    ("ceil(minus_half)", -2),
    ("greatest(seven, nothing, zero)", 7),
    ("least(nothing, seven)", 7),
    ("coalesce(nothing, 3) + 1", 4),
    ("nothing + 1", None),
    ("case when nothing > 1 then 1 else 2 end", 2),
    ("seven is distinct from nothing", True),
    ("nothing in (1, 2)", None),
    ("not (nothing = 1)", None),
    ("extract(isodow from sunday)", 7),
    ("extract(week from new_year)", 53),
    ("extract(year from new_year)", 2027),
    ("extract(doy from leap_day)", 60),
    ("extract(quarter from sunday)", 1),
    ("word like 'Stra%'", True),
    ("word like '%\u00df%'", True),
    ("word ilike 'STRA%'", True),
    ("word like 'stra%'", False),
    ("length(word)", 9),
    ("upper('a' || 'b') = 'AB'", True),
    ("nullif(seven, 7)", None),
    ("cast(before_midnight as date) = '2024-02-28'", True),
    ("leap_day >= after_midnight", True),
    ("abs(minus_half) = half", True),
    ("1e3 = 1000", True),
    ("seven between 1 and 7", True),
]


@dataclass(frozen=True)
class Scope:
    """The names above."""

    aggregates: bool = False

    def column(self, parts: tuple[str, ...]) -> Typed | None:
        found = VALUES.get(parts[0])
        return Typed(nodes.column(parts[0]), found[0]) if found else None

    def names(self) -> Iterable[str]:
        return VALUES

    def metric(self, name: str, by: tuple[str, ...]) -> Typed | None:
        return None


@pytest.fixture(scope="module")
def engines(postgres_server: Any) -> Iterator[dict[str, Any]]:
    server = psycopg2.connect(
        postgres_server.create_database("words").replace("postgresql+psycopg2://", "postgresql://")
    )
    embedded = duckdb.connect()
    embedded.execute("SET TimeZone = 'America/New_York'")  # naive instants do not care

    def ask(sql: str) -> Any:
        with server.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0]

    yield {"duckdb": lambda sql: embedded.execute(sql).fetchone()[0], "postgres": ask}
    server.close()
    embedded.close()
    postgres_server.drop_database("words")


def sql_of(text: str, dialect: str, values: dict[str, tuple[ColumnType, Any]]) -> str:
    columns = [
        nodes.aliased(nodes.cast(exp.Literal.string(str(v).strip("'")) if v else nodes.null(), kind), name)
        for name, (kind, v) in values.items()
    ]
    row = nodes.subquery(exp.Select(expressions=columns), "one_row")
    return render([], nodes.select([translate(text, Scope()).node], row), dialect)


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_one_meaning(text: str, expected: Any, dialect: str, engines: dict[str, Any]) -> None:
    found = engines[dialect](sql_of(text, dialect, VALUES))
    if isinstance(expected, bool) or expected is None:
        assert found is expected
    else:
        assert math.isclose(float(found), expected, rel_tol=1e-12)


instants = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_elapsed_time_is_elapsed_time(dialect: str, engines: dict[str, Any]) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(instants, instants)
    def check(early: datetime, late: datetime) -> None:
        values = {
            "before_midnight": (ColumnType.TIMESTAMP, early.isoformat(sep=" ")),
            "after_midnight": (ColumnType.TIMESTAMP, late.isoformat(sep=" ")),
        }
        seconds = engines[dialect](
            sql_of("seconds_between(before_midnight, after_midnight)", dialect, values)
        )
        assert seconds == (late - early) / timedelta(seconds=1)
        days = "days_between(cast(before_midnight as date), cast(after_midnight as date))"
        assert engines[dialect](sql_of(days, dialect, values)) == (late.date() - early.date()).days

    check()


def test_every_value_is_typed() -> None:
    assert date.fromisoformat(VALUES["leap_day"][1].strip("'")).day == 29
    assert {kind for kind, _ in VALUES.values()} == set(ColumnType) - {ColumnType.BOOLEAN}
