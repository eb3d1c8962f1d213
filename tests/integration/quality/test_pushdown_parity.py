"""A pushed-down check counts the same rows as Great Expectations does in pandas, on every engine."""

from __future__ import annotations

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quality import Dimension, Judge, Severity
from quality.checks import Check
from quality.pushdown import most_failing, probe, sample, scan

CHECKS = {
    "expect_column_values_to_not_be_null": {"column": "a"},
    "expect_column_values_to_be_null": {"column": "a"},
    "expect_column_values_to_be_in_set": {"column": "a", "value_set": [0, 1]},
    "expect_column_values_to_not_be_in_set": {"column": "a", "value_set": [0, 1]},
    "expect_column_values_to_be_between": {
        "column": "a",
        "min_value": -1,
        "max_value": 1,
        "strict_max": True,
    },
    "expect_column_values_to_be_unique": {"column": "a"},
    "expect_column_values_to_match_regex": {"column": "t", "regex": "^x+$"},
    "expect_column_values_to_not_match_regex": {"column": "t", "regex": "^x+$"},
    "expect_column_value_lengths_to_be_between": {"column": "t", "min_value": 1, "max_value": 2},
    "expect_column_pair_values_a_to_be_greater_than_b": {
        "column_A": "a",
        "column_B": "b",
        "or_equal": True,
        "ignore_row_if": "either_value_is_missing",
    },
    "expect_column_pair_values_to_be_equal": {
        "column_A": "a",
        "column_B": "b",
        "ignore_row_if": "either_value_is_missing",
    },
    "expect_compound_columns_to_be_unique": {
        "column_list": ["a", "b"],
        "ignore_row_if": "any_value_is_missing",
    },
}
AGGREGATES = {
    "expect_column_max_to_be_between": {"column": "a", "max_value": 1},
    "expect_column_min_to_be_between": {"column": "a", "min_value": 0},
    "expect_column_mean_to_be_between": {"column": "a", "max_value": 0.5},
    "expect_column_sum_to_be_between": {"column": "a", "max_value": 1},
    "expect_column_unique_value_count_to_be_between": {"column": "a", "max_value": 2},
    "expect_column_proportion_of_non_null_values_to_be_between": {"column": "a", "min_value": 0.5},
    "expect_table_row_count_to_be_between": {"min_value": 4},
}

small = st.none() | st.integers(-3, 3)
text = st.none() | st.sampled_from(["", "x", "xx", "xxx", "y"])
rows = st.lists(st.tuples(small, small, text), min_size=1, max_size=8)


def check(expect: str, kwargs: dict[str, object]) -> Check:
    return Check(expect, "facts", "test", expect, Dimension.VALIDITY, Severity.ERROR, expect, kwargs)


def measured(values: list[tuple], checks: list[Check]) -> dict[str, float | None]:
    db = duckdb.connect()
    db.execute("CREATE TABLE facts (k INTEGER, a INTEGER, b INTEGER, t VARCHAR)")
    db.executemany("INSERT INTO facts VALUES (?, ?, ?, ?)", [(i, *row) for i, row in enumerate(values)])
    found = db.execute(scan("facts", [probe(one) for one in checks], "duckdb")).fetchone()
    assert found is not None
    assert found[0] == len(values)
    return dict(zip((one.check_id for one in checks), found[1:], strict=True))


def frame(values: list[tuple]) -> pd.DataFrame:
    made = pd.DataFrame(values, columns=["a", "b", "t"])
    return made.astype({"a": "Float64", "b": "Float64"}).astype(
        {"a": "float64", "b": "float64", "t": "object"}
    )


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=rows)
def test_rows_that_fail_are_the_same(judge: Judge, values: list[tuple]) -> None:
    checks = [check(expect, kwargs) for expect, kwargs in CHECKS.items()]
    pushed = measured(values, checks)
    for one in checks:
        said = judge.frame(one, frame(values), [])
        assert not said.raised
        assert pushed[one.check_id] == (said.rows_failed or 0), one.check_id


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=rows, mostly=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
def test_mostly_passes_the_same_tables(judge: Judge, values: list[tuple], mostly: float) -> None:
    names = ("not_be_null", "be_in_set", "be_unique", "match_regex")
    chosen = {f"expect_column_values_to_{name}": CHECKS[f"expect_column_values_to_{name}"] for name in names}
    checks = [check(expect, {**kwargs, "mostly": mostly}) for expect, kwargs in chosen.items()]
    probes = [probe(one) for one in checks]
    db = duckdb.connect()
    db.execute("CREATE TABLE facts (k INTEGER, a INTEGER, b INTEGER, t VARCHAR)")
    db.executemany("INSERT INTO facts VALUES (?, ?, ?, ?)", [(i, *row) for i, row in enumerate(values)])
    row = db.sql(scan("facts", probes, "duckdb")).to_arrow_table().to_pylist()[0]
    for i, one in enumerate(checks):
        said = judge.frame(one, frame(values), [])
        assert not said.raised
        assert (row[f"c{i}"] <= most_failing(row[f"e{i}"], mostly)) is said.passed, (one.check_id, row)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=rows.filter(lambda rows: any(row[0] is not None for row in rows)))
def test_aggregates_are_the_same(judge: Judge, values: list[tuple]) -> None:
    checks = [check(expect, kwargs) for expect, kwargs in AGGREGATES.items()]
    pushed = measured(values, checks)
    for one in checks:
        said = judge.frame(one, frame(values), [])
        assert not said.raised
        assert pushed[one.check_id] == pytest.approx(said.observed), one.check_id


def test_postgresql_counts_the_same_rows(postgres_url: str) -> None:
    values = [(0, 1, "x"), (0, 1, "y"), (None, 2, None), (3, 3, ""), (-3, None, "xxx"), (1, 0, "xx")]
    checks = [check(expect, kwargs) for expect, kwargs in {**CHECKS, **AGGREGATES}.items()]
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE facts (k INTEGER, a INTEGER, b INTEGER, t VARCHAR)"))
        for i, (a, b, t) in enumerate(values):
            connection.execute(
                sa.text("INSERT INTO facts VALUES (:k, :a, :b, :t)"), {"k": i, "a": a, "b": b, "t": t}
            )
        found = connection.execute(sa.text(scan("facts", [probe(one) for one in checks], "postgres"))).one()
        keys = connection.execute(sa.text(sample(checks[0], probe(checks[0]), ["k"], 5, "postgres"))).all()
    engine.dispose()
    expected = measured(values, checks)
    assert {one.check_id: float(number) for one, number in zip(checks, found[1:], strict=True)} == {
        name: pytest.approx(float(number)) for name, number in expected.items() if number is not None
    }
    assert keys == [(2,)]


def test_names_are_quoted_on_every_engine() -> None:
    hostile = check("expect_column_values_to_not_be_null", {"column": 'a" IS NULL; DROP TABLE x; --'})
    for dialect in ("duckdb", "postgres", "spark", "snowflake"):
        statement = scan("facts", [probe(hostile)], dialect)
        quoted = 'a"" IS NULL' if dialect != "spark" else '`a" IS NULL; DROP TABLE x; --`'
        assert quoted in statement


def test_a_query_in_a_value_set_stays_a_value() -> None:
    hostile = check(
        "expect_column_values_to_be_in_set", {"column": "t", "value_set": ["'); DROP TABLE facts; --"]}
    )
    assert measured([(1, 1, "x")], [hostile]) == {hostile.check_id: 1}


def test_dates_are_compared_as_dates() -> None:
    dated = check("expect_column_values_to_be_between", {"column": "d", "min_value": "2026-01-31"})
    table = pa.table({"d": pa.array(["2026-01-30", "2026-02-01", None])}).to_pandas()
    db = duckdb.connect()
    db.register("texts", table)
    db.execute("CREATE TABLE facts AS SELECT d::DATE AS d FROM texts")
    assert db.execute(scan("facts", [probe(dated)], "duckdb")).fetchone() == (3, 1)
