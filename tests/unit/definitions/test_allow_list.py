"""Expressions in definitions can say nothing but what the allow-list holds."""

from __future__ import annotations

import json

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from definitions import CatalogueError, QueryError, load_texts
from definitions.compiler.expressions import translate
from definitions.compiler.parsing import RefusedError
from definitions.compiler.query import query
from definitions.compiler.render import render
from definitions.compiler.resolve import Resolver
from definitions.compiler.scopes import SourceScope
from definitions.model import ColumnType
from tests.unit.definitions.hostile import DIALECT_FUNCTIONS, HOSTILE, STATEMENTS
from tests.unit.definitions.small import changed, small

CATALOGUE = small()


def scope() -> SourceScope:
    return SourceScope(Resolver(CATALOGUE), CATALOGUE.sources["tickets"])


@pytest.mark.parametrize(
    "text",
    [
        "resolved_at is not null and not (priority = 'high' or team in ('a', 'b'))",
        "cost between 1 and 2.5 or hours > 1e3",
        "coalesce(cost, 0) * 2 > abs(-1) % 3",
        "case when cost > 0 then 'x' else upper(team) end = 'X'",
        "seconds_between(opened_at, resolved_at) / 60 < 15",
        "days_between(opened_at, due_on) <= 3",
        "opened_at >= '2026-01-01' and extract(isodow from opened_at) < 6",
        "accounts.region = 'emea' or region is distinct from 'na'",
        "team like 'a%' and team not ilike '%b'",
        "cast(due_on as timestamp) < opened_at",
        "round(hours, 2) = greatest(hours, 1, 2)",
        "metric(tickets_opened, account_id) > 2",
    ],
)
def test_what_is_useful_is_allowed(text: str) -> None:
    assert translate(text, scope(), want=ColumnType.BOOLEAN).type is ColumnType.BOOLEAN


@pytest.mark.parametrize("text", HOSTILE)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        translate(text, scope(), want=ColumnType.BOOLEAN)


WRAPPED = [
    "{0}", "({0})", "cost > 1; {0}", "cost > 1;{0};", "{0}; cost > 1", "cost > ({0})", "cost in ({0})", "exists ({0})",
    "cost = any ({0})", "cost = all (({0}))", "case when ({0}) is null then true end", "coalesce(({0}), 1) > 1",
    "cost > 1 union {0}", "cost > 1 union all {0}", "cost > 1 -- \n; {0}", "cost > 1 /* */ ; {0}", "cost > array({0})",
]  # fmt: skip


@pytest.mark.parametrize("wrapper", WRAPPED)
def test_no_statement_can_be_said(wrapper: str) -> None:
    for statement in STATEMENTS:
        assert_refused(wrapper.format(statement))


@pytest.mark.parametrize(
    "call", ["{0}()", "{0}('x')", "{0}(team)", "{0}(cost, 1)", "pg_catalog.{0}(team)", '"{0}"(team)', "{0}"]
)
def test_no_function_of_an_engine_can_be_called(call: str) -> None:
    for name in DIALECT_FUNCTIONS:
        for text in (
            f"{call.format(name)} is null",
            f"cost > coalesce({call.format(name)}, 1)",
            call.format(name.upper()),
        ):
            assert_refused(text)


def assert_refused(text: str) -> None:
    """Refused wherever it stands: as a value, as a condition, in a fold's aggregate and in a query."""
    for aggregates in (False, True):
        with pytest.raises(RefusedError):
            translate(text, SourceScope(Resolver(CATALOGUE), CATALOGUE.sources["tickets"], aggregates))
    with pytest.raises(QueryError):
        query(CATALOGUE, ["tickets_opened"], where=text)
    with pytest.raises(QueryError):
        query(CATALOGUE, ["tickets_opened"], by=["team"], order=[text])
    with pytest.raises(QueryError):
        query(CATALOGUE, ["tickets_opened"], by=[text])


@pytest.mark.parametrize("text", [*HOSTILE, *(f"{name}(team) = 'x'" for name in DIALECT_FUNCTIONS[:8])])
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("metrics/support.yml", "filter: priority = 'high'", "filter: {0}"),
        (
            "metrics/support.yml",
            "numerator: {{agg: count, filter: resolved_at is not null}}",
            "numerator: {{agg: count, filter: {0}}}",
        ),
        ("metrics/support.yml", "expr: cost / tickets_opened", "expr: {0}"),
        ("sources/support.yml", "settles_after: 3 days", "filter: {0}"),
        ("sources/support.yml", "dimensions: [team,", "dimensions: [{{name: odd, expr: {0}}},"),
    ],
    ids=["filter", "input", "expr", "source", "dimension"],
)
def test_nothing_hostile_loads(text: str, file: str, old: str, new: str) -> None:
    """What cannot be said stops the dictionary, with a place in the file."""
    plain = old.replace("{{", "{").replace("}}", "}")
    if new.endswith("expr: {0}") or "odd" in new:
        text = f"case when {text} then 1 else 0 end" if text not in ("", "   ", "cost") else "getenv('x')"
    with pytest.raises(CatalogueError) as refused:
        load_texts(changed(file, plain, new.format(json.dumps(text))))
    assert any(problem.location.file == file and problem.location.line for problem in refused.value.problems)


LOOKALIKES = {
    "a": "\u0430\u0251\uff41",
    "e": "\u0435\uff45",
    "c": "\u0441\uff43",
    "t": "\uff54\u0442",
    "o": "\u043e\u03bf\uff4f",
    "(": "\uff08",
    ")": "\uff09",
    "'": "\u2019\uff07\u02bc",
    "=": "\uff1d\ua78a",
    "-": "\u2010\u2212\uff0d",
    " ": "\u00a0\u2003\u3000\u200b",
    ".": "\u2024\uff0e",
}


@settings(max_examples=150, deadline=None)
@given(
    text=st.sampled_from(
        ["team = 'a'", "cost > (1 - 2)", "accounts.region = 'emea'", "coalesce(cost, 0) = 1"]
    ),
    data=st.data(),
)
def test_no_look_alike_passes_for_a_letter_or_a_sign(text: str, data: st.DataObject) -> None:
    inside = [False] * len(text)
    for index, character in enumerate(text):
        inside[index] = text[:index].count("'") % 2 == 1 and character != "'"
    places = [i for i, c in enumerate(text) if c in LOOKALIKES and not inside[i]]
    place = data.draw(st.sampled_from(places))
    other = data.draw(st.sampled_from(LOOKALIKES[text[place]]))
    with pytest.raises(RefusedError):
        translate(text[:place] + other + text[place + 1 :], scope())


_PIECES = r"""
team cost hours opened_at ( ) , . ; ' " -- /* */ = <> < > + - * / % || and or not is null in like case when then end
select from where union drop table read_csv pg_sleep now over partition by cast as :: $1 ? [ ] { } 'x' 1 2.5 coalesce
abs round sum count extract year accounts region \ é
"""
_WORDS = st.sampled_from([*_PIECES.split(), "\x00", "\u200b"])


@settings(max_examples=300, deadline=None)
@given(st.lists(_WORDS, min_size=1, max_size=12).map(" ".join))
def test_whatever_passes_reads_only_declared_columns(text: str) -> None:
    here = scope()
    try:
        typed = translate(text, here)
    except RefusedError:
        return
    rendered = render([], exp.Select(expressions=[typed.node]), "duckdb")
    (statement,) = sqlglot.parse(rendered, read="duckdb")
    assert isinstance(statement, exp.Select)
    assert not list(statement.find_all(exp.Table, exp.Subquery, exp.Window, exp.Command))
    declared = set(CATALOGUE.sources["tickets"].columns) | {"accounts_region", "accounts_account_id"}
    assert {column.name for column in statement.find_all(exp.Column)} <= declared
