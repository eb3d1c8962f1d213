"""Every metric that is shipped, and every one of the test worlds, is said in all six engines' SQL and reads back."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from definitions import load_catalogue
from definitions.compiler import DIALECTS, Compiler
from definitions.compiler.query import query
from definitions.model import Catalogue
from tests.integration.definitions.shop import shop
from tests.integration.definitions.worlds import catalogue as world

SHIPPED = Path(__file__).parents[3] / "definitions" / "catalogue"
OUR_OWN = {
    "local_time", "utc_time", "trunc_day", "trunc_time", "add_days", "add_seconds", "days_between", "seconds_between",
    "date_part_of", "day_series", "tick_series", "stacked",
}  # fmt: skip
"""Names that sqlglot would print for a neutral node that an engine has no spelling for."""


@lru_cache
def dictionary(name: str) -> Catalogue:
    if name == "shipped":
        return load_catalogue(SHIPPED)
    return shop() if name == "shop" else world(name)


def reads_back(sql: str, dialect: str) -> exp.Expr:
    """The one statement that the text holds in the engine's own grammar."""
    (tree,) = sqlglot.parse(sql, read=dialect)
    assert isinstance(tree, exp.Query)
    assert not list(tree.find_all(exp.Command))
    return tree


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ["shipped", "retail", "shop"])
def test_every_metric_is_said_in_every_engine(name: str, dialect: str) -> None:
    catalogue = dictionary(name)
    grains = None if name == "shipped" else ["week", "month", "trailing_3d"]
    batches = Compiler(catalogue).batches(grains=grains, start=date(2024, 1, 1), end=date(2024, 3, 31))
    assert {metric for batch in batches for metric in batch.metrics} == set(catalogue.metrics)
    for batch in batches:
        sql = batch.sql(dialect, pretty=False)
        reads_back(sql, dialect)
        assert not [word for word in OUR_OWN if f"{word}(" in sql.lower()], batch.name


@pytest.mark.parametrize("dialect", DIALECTS)
def test_queries_by_the_clock_are_said_in_every_engine(dialect: str) -> None:
    compiler = Compiler(shop("{name: company, time_zone: Europe/Berlin}"))
    metrics = [name for name in compiler.catalogue.metrics if name.startswith("pings")]
    statement = query(
        compiler, metrics, grain="hour", start=datetime.fromisoformat("2024-03-30"), end=date(2024, 3, 31)
    )
    reads_back(statement.sql(dialect), dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_query_of_everything_is_said_in_every_engine(dialect: str) -> None:
    compiler = Compiler(world("retail"))
    statement = query(compiler, list(compiler.catalogue.metrics), grain="month")
    sql = statement.sql(dialect, pretty=False)
    reads_back(sql, dialect)
    assert statement.sql(dialect, pretty=False) == sql, "printing changes the tree"


def test_an_engine_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match="no such engine: 'oracle'"):
        query(Compiler(shop()), ["orders"]).sql("oracle")
