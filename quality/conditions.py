"""Conditions that people write in suites: plain SQL over the table's own columns, parsed, never pasted.

Allowed are comparisons, arithmetic, CASE and a closed list of scalar functions. Everything else is refused:
other tables, files, the network, the clock, chance, aggregates.
"""

from __future__ import annotations

from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

_FUNCTIONS = (
    exp.Abs,
    exp.And,
    exp.Case,
    exp.Cast,
    exp.Ceil,
    exp.Coalesce,
    exp.DateDiff,
    exp.DateTrunc,
    exp.Extract,
    exp.Floor,
    exp.Greatest,
    exp.If,
    exp.Least,
    exp.Length,
    exp.Lower,
    exp.Nullif,
    exp.Or,
    exp.RegexpLike,
    exp.Round,
    exp.StartsWith,
    exp.Substring,
    exp.TimestampTrunc,
    exp.Trim,
    exp.TryCast,
    exp.Upper,
)
_REFUSED = (exp.Query, exp.Command, exp.DDL, exp.DML, exp.Window, exp.Parameter, exp.Placeholder, exp.Star)


@lru_cache(maxsize=1024)
def parse_condition(text: str) -> exp.Expr:
    """The condition as a tree. Raises ValueError naming what is not allowed."""
    try:
        trees = sqlglot.parse(text, read="duckdb")
    except SqlglotError as problem:
        raise ValueError(f"cannot read condition {text!r}: {str(problem).splitlines()[0]}") from problem
    tree = trees[0] if len(trees) == 1 else None
    if tree is None or not isinstance(tree, exp.Condition | exp.Paren):
        raise ValueError(f"{text!r} is not one condition; write a comparison of columns")
    for node in tree.walk():
        if isinstance(node, _REFUSED) or (isinstance(node, exp.Func) and not isinstance(node, _FUNCTIONS)):
            raise ValueError(f"{text!r} holds {node.sql(dialect='duckdb')!r}, which a condition may not")
        if isinstance(node, exp.Column) and (node.table or not isinstance(node.this, exp.Identifier)):
            raise ValueError(f"{text!r} names {node.sql(dialect='duckdb')!r}; write a column of the table")
    if tree.find(exp.Column) is None:
        raise ValueError(f"{text!r} names no column; write a condition on the table's columns")
    return tree


def columns_of(condition: exp.Expr) -> tuple[str, ...]:
    """Names of the columns a condition reads, sorted."""
    return tuple(sorted({column.name for column in condition.find_all(exp.Column)}))
