"""What both exchange formats share: documents by file name, and the list of what a format cannot carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from definitions.model import Measure

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that the other side does not see. ``subject`` is a metric or source, ``what`` the part of it."""

    subject: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Exported:
    """Documents of the other format by file name, and what is missing in them for a foreign reader."""

    documents: Mapping[str, Document]
    lost: tuple[Lost, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """Definition files (YAML text by relative path), and what could not be taken over."""

    texts: Mapping[str, str]
    lost: tuple[Lost, ...]


def to_standard(text: str) -> str:
    """An expression of ours for other engines: our two functions over time become DATEDIFF."""
    tree = sqlglot.parse_one(text, read="duckdb")

    def translated(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Anonymous) and node.name.lower() in ("seconds_between", "days_between"):
            unit = "SECOND" if node.name.lower() == "seconds_between" else "DAY"
            first, last = node.expressions
            return exp.DateDiff(this=last, expression=first, unit=exp.var(unit))
        return node

    return tree.transform(translated).sql("snowflake")


def from_standard(text: str) -> str:
    """An expression of another dictionary for ours; raises ValueError where it does not parse."""
    try:
        tree = sqlglot.parse_one(text, read="snowflake")
    except SqlglotError as error:
        raise ValueError(f"{text!r} is no expression") from error

    def translated(node: exp.Expr) -> exp.Expr:
        unit = str(node.args.get("unit") or "").upper() if isinstance(node, exp.DateDiff) else ""
        if isinstance(node, exp.DateDiff) and unit in ("SECOND", "DAY"):
            name = "seconds_between" if unit == "SECOND" else "days_between"
            return exp.Anonymous(this=name, expressions=[node.expression.copy(), node.this.copy()])
        return node

    return tree.transform(translated).sql("duckdb")


def guarded(measure: Measure, source_filter: str | None) -> str:
    """What a measure aggregates as one expression: the value where all filters hold, else nothing."""
    value = to_standard(measure.expr.text) if measure.expr is not None else "1"
    conditions = [
        to_standard(text) for text in (source_filter, measure.filter.text if measure.filter else None) if text
    ]
    if not conditions:
        # A choice of one case without a filter is a value; in parentheses it is not taken for a guard.
        return f"({value})" if isinstance(sqlglot.parse_one(value, read="snowflake"), exp.Case) else value
    joined = " AND ".join(f"({condition})" for condition in conditions)
    return f"CASE WHEN {joined} THEN {value} END"


def unguarded(text: str, source_filter: str | None) -> tuple[str | None, str | None]:
    """(value, filter) of a guarded expression, without the source's own filter; value None counts rows."""
    try:
        tree = sqlglot.parse_one(text, read="snowflake")
    except SqlglotError as error:
        raise ValueError(f"{text!r} is no expression") from error
    condition: str | None = None
    if (
        isinstance(tree, exp.Case)
        and tree.this is None
        and len(tree.args["ifs"]) == 1
        and not tree.args.get("default")
    ):
        branch = tree.args["ifs"][0]
        own = _normal(to_standard(source_filter)) if source_filter else None
        parts = [part for part in _conjuncts(branch.this) if part.sql("snowflake") != own]
        condition = " AND ".join(from_standard(part.sql("snowflake")) for part in parts) or None
        tree = branch.args["true"]
    value = tree.sql("snowflake")
    return (None if value == "1" else from_standard(value)), condition


def _conjuncts(node: exp.Expr) -> list[exp.Expr]:
    """The conditions that `guarded` joined: each stands in parentheses of its own."""
    if isinstance(node, exp.And):
        return [*_conjuncts(node.this), *_conjuncts(node.expression)]
    return [node.this if isinstance(node, exp.Paren) else node]


def _normal(text: str) -> str:
    return sqlglot.parse_one(text, read="snowflake").sql("snowflake")
