"""SQL that people write in definitions, held to an allow-list.

A text is parsed by sqlglot and then *translated*: every node of the parsed tree must be one of the few
kinds below, and a new tree of our own is built from it with a type for every part. Whatever is not
listed cannot be said: no statement, no subquery, no table, no undeclared column, no file, network or
system function, no comment. Source: dictionary rules, 'The compiler'; definition lint, 'Errors'.

Meanings that engines do not share are fixed here: ``/`` is double division and NULL on zero, ``round``
is half away from zero, instants are compared as naive UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.calendar_sql import local_day
from definitions.compiler.nodes import Node
from definitions.compiler.operators import Operators
from definitions.compiler.parsing import RefusedError, identifier_of, parse
from definitions.compiler.typed import Scope, T, Typed, is_number, type_name
from definitions.model import Calendar, ColumnType

_FUNCTIONS = (
    "abs",
    "ceil",
    "coalesce",
    "days_between",
    "extract",
    "floor",
    "greatest",
    "least",
    "length",
    "lower",
    "metric",
    "nullif",
    "round",
    "seconds_between",
    "trim",
    "upper",
)
_AGGREGATES = ("avg", "bool_and", "bool_or", "count", "max", "min", "sum")
_PARTS = ("year", "quarter", "month", "week", "day", "isodow", "doy", "hour", "minute")


def translate(text: str, scope: Scope, *, want: ColumnType | None = None) -> Typed:
    """Parse and translate one expression; RefusedError where it is not allowed, or not of the type wanted."""
    typed = _Translator(scope).of(parse(text))
    if want is T.BOOLEAN and typed.type is not T.BOOLEAN:
        raise RefusedError(
            "WRONG_TYPE", f"a condition is expected, not a value of type {type_name(typed.type)}", 0
        )
    if want is T.DOUBLE and not is_number(typed.type):
        raise RefusedError(
            "WRONG_TYPE", f"a number is expected, not a value of type {type_name(typed.type)}", 0
        )
    return typed


class _Translator(Operators):
    """One method per allowed kind of node. Arguments that a method does not know are refused."""

    def of(self, node: Node) -> Typed:
        rule = _RULES.get(type(node))
        if rule is None:
            raise self.refused(node)
        known, method = rule
        extra = [name for name, value in node.args.items() if value and name not in known]
        if extra:
            raise RefusedError("NOT_ALLOWED", f"{_spell(node)} with {', '.join(extra)} is not allowed", node)
        return method(self, node)

    def refused(self, node: Node) -> RefusedError:
        spelled = _spell(node)
        valid = (*_FUNCTIONS, *(_AGGREGATES if self.scope.aggregates else ()))
        if (
            isinstance(node, exp.Func | exp.Anonymous | exp.Query | exp.Subquery)
            or node.find(exp.Query) is not None
        ):
            if isinstance(node, exp.AggFunc) and not self.scope.aggregates:
                return RefusedError(
                    "NOT_ALLOWED",
                    f"the aggregate {spelled} is not allowed here",
                    node,
                    text=spelled,
                    hint="Say the aggregate with 'agg:' and the value with 'expr:'.",
                )
            if isinstance(node, exp.Query | exp.Subquery):
                return RefusedError(
                    "NOT_ALLOWED",
                    "a subquery is not allowed",
                    node,
                    hint="Declare a join or a derived source.",
                )
            hint = f"Allowed: {', '.join(valid)}."
            if spelled in (
                "now",
                "current_date",
                "current_timestamp",
                "currentdate",
                "currenttimestamp",
                "today",
            ):
                hint = "A definition has no clock: periods come from the calendar."
            if spelled in ("date_diff", "datediff", "datediff", "age"):
                hint = "Use seconds_between(a, b) or days_between(a, b): engines disagree about others."
            return RefusedError(
                "UNKNOWN_FUNCTION",
                f"the function {spelled!r} is not allowed",
                node,
                text=spelled,
                valid=valid,
                hint=hint,
            )
        return RefusedError("NOT_ALLOWED", f"{spelled} is not allowed in an expression", node, text=spelled)

    # ── text ────────────────────────────────────────────────────────────────────────────────────────────────

    def _text_function(self, node: Node) -> Typed:
        inner = self.of(node.this)
        if inner.type not in (T.STRING, None):
            raise RefusedError("WRONG_TYPE", f"{_spell(node)} is for text, not {type_name(inner.type)}", node)
        return Typed(type(node)(this=inner.node), T.INTEGER if isinstance(node, exp.Length) else T.STRING)

    def _concatenate(self, node: Node) -> Typed:
        left, right = self.of(node.this), self.of(node.expression)
        if {left.type, right.type} - {T.STRING, None}:
            raise RefusedError("WRONG_TYPE", "|| joins text with text", node)
        return Typed(exp.DPipe(this=left.node, expression=right.node, safe=True), T.STRING)

    # ── time ────────────────────────────────────────────────────────────────────────────────────────────────

    def _extract(self, node: Node) -> Typed:
        unit = str(node.this.this).lower()
        if unit not in _PARTS:
            raise RefusedError(
                "NOT_ALLOWED",
                f"cannot extract {unit!r}",
                node,
                text=unit,
                valid=_PARTS,
                hint=f"Parts: {', '.join(_PARTS)}.",
            )
        inner = self.of(node.expression)
        if inner.type not in (T.DATE, T.TIMESTAMP):
            raise RefusedError(
                "WRONG_TYPE", f"extract is for dates and timestamps, not {type_name(inner.type)}", node
            )
        if inner.type is T.DATE and unit in ("hour", "minute"):
            raise RefusedError("WRONG_TYPE", f"a date has no {unit}", node)
        return Typed(nodes.DatePart(this=inner.node, unit=nodes.text(unit)), T.INTEGER)

    def _named_function(self, node: Node) -> Typed:
        name = str(node.this).lower()
        match name:
            case "seconds_between" | "days_between":
                return self._between_times(node, name)
            case "metric":
                return self._metric(node)
        raise self.refused(node)

    def _between_times(self, node: Node, name: str) -> Typed:
        if len(node.expressions) != 2:
            raise RefusedError("WRONG_ARGUMENTS", f"{name} takes two times", node)
        early, late = (self.of(item) for item in node.expressions)
        kinds = {early.type, late.type}
        if not kinds <= {T.DATE, T.TIMESTAMP}:
            raise RefusedError("WRONG_TYPE", f"{name} is for dates and timestamps", node)
        if name == "seconds_between":
            if kinds != {T.TIMESTAMP}:
                raise RefusedError(
                    "WRONG_TYPE",
                    "seconds_between needs two timestamps",
                    node,
                    hint="Use days_between for dates.",
                )
            return Typed(nodes.SecondsBetween(this=early.node, expression=late.node), T.DOUBLE)
        if kinds == {T.TIMESTAMP}:
            seconds = nodes.SecondsBetween(this=early.node, expression=late.node)
            return Typed(nodes.divide(seconds, nodes.number(86400)), T.DOUBLE)
        days = [self._day(item) for item in (early, late)]
        return Typed(nodes.DaysBetween(this=days[0], expression=days[1]), T.INTEGER)

    def _day(self, item: Typed) -> Node:
        """A date, or the day of an instant where the metric lives: the other side is a day of that place."""
        if item.type is T.DATE:
            return item.node
        calendar: Calendar | None = getattr(self.scope, "local", None)
        return local_day(item.node, T.TIMESTAMP, calendar) if calendar else nodes.cast(item.node, T.DATE)

    def _metric(self, node: Node) -> Typed:
        if not node.expressions or not all(isinstance(item, exp.Column) for item in node.expressions):
            raise RefusedError(
                "WRONG_ARGUMENTS", "metric takes a metric's name and the columns to group it by", node
            )
        name, *by = (identifier_of(item.this) for item in node.expressions)
        found = self.scope.metric(name, tuple(by))
        if found is None:
            raise RefusedError("NOT_ALLOWED", f"the metric {name!r} cannot be used here", node, text=name)
        return found

    # ── aggregates ──────────────────────────────────────────────────────────────────────────────────────────

    def _aggregate(self, node: Node) -> Typed:
        if not self.scope.aggregates or self.in_aggregate:
            raise self.refused(node)
        if isinstance(node, exp.Count) and isinstance(node.this, exp.Star):
            return Typed(nodes.count_rows(), T.INTEGER)
        self.in_aggregate = True
        try:
            if isinstance(node, exp.Count) and isinstance(node.this, exp.Distinct):
                if len(node.this.expressions) != 1:
                    raise RefusedError("WRONG_ARGUMENTS", "count(distinct …) takes one value", node)
                inner = self.of(node.this.expressions[0])
                return Typed(exp.Count(this=exp.Distinct(expressions=[inner.node])), T.INTEGER)
            inner = self.of(node.this)
        finally:
            self.in_aggregate = False
        if isinstance(node, exp.Count):
            return Typed(exp.Count(this=inner.node), T.INTEGER)
        if isinstance(node, exp.LogicalAnd | exp.LogicalOr):
            if inner.type not in (T.BOOLEAN, None):
                raise RefusedError("WRONG_TYPE", f"{_spell(node)} is for conditions", node)
            return Typed(type(node)(this=inner.node), T.BOOLEAN)
        if isinstance(node, exp.Min | exp.Max):
            return Typed(type(node)(this=inner.node), inner.type)
        if not is_number(inner.type):
            raise RefusedError(
                "WRONG_TYPE", f"{_spell(node)} is for numbers, not {type_name(inner.type)}", node
            )
        exact = nodes.cast(inner.node, T.DECIMAL) if inner.type is T.DOUBLE else inner.node
        if isinstance(node, exp.Avg):
            again = exact.copy()
            return Typed(nodes.divide(exp.Sum(this=exact), exp.Count(this=again)), T.DOUBLE)
        return Typed(exp.Sum(this=exact), T.DOUBLE if inner.type is T.DOUBLE else inner.type)


def _spell(node: Node) -> str:
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower()
    if isinstance(node, exp.Func):
        return node.sql_name().lower()
    return re.sub(r"(?<!^)(?=[A-Z])", " ", type(node).__name__).lower()


_Rule = tuple[frozenset[str], Callable[[_Translator, Node], Typed]]


def _allow(*names: str, by: Callable[[_Translator, Node], Typed]) -> _Rule:
    return frozenset(names), by


_BINARY = ("this", "expression")
_RULES: dict[type[Node], _Rule] = {
    exp.Column: _allow("this", "table", "db", "catalog", by=_Translator._column),
    exp.Dot: _allow(*_BINARY, by=_Translator._column),
    exp.Literal: _allow("this", "is_string", by=_Translator._literal),
    exp.Boolean: _allow("this", by=_Translator._boolean),
    exp.Null: _allow(by=_Translator._null),
    exp.Paren: _allow("this", by=_Translator._paren),
    exp.And: _allow(*_BINARY, by=_Translator._connector),
    exp.Or: _allow(*_BINARY, by=_Translator._connector),
    exp.Not: _allow("this", by=_Translator._not),
    exp.Is: _allow(*_BINARY, by=_Translator._is),
    exp.EQ: _allow(*_BINARY, by=_Translator._compare),
    exp.NEQ: _allow(*_BINARY, by=_Translator._compare),
    exp.LT: _allow(*_BINARY, by=_Translator._compare),
    exp.LTE: _allow(*_BINARY, by=_Translator._compare),
    exp.GT: _allow(*_BINARY, by=_Translator._compare),
    exp.GTE: _allow(*_BINARY, by=_Translator._compare),
    exp.NullSafeEQ: _allow(*_BINARY, by=_Translator._compare),
    exp.NullSafeNEQ: _allow(*_BINARY, by=_Translator._compare),
    exp.In: _allow("this", "expressions", by=_Translator._in),
    exp.Between: _allow("this", "low", "high", by=_Translator._between),
    exp.Like: _allow("this", "expression", "negate", by=_Translator._like),
    exp.ILike: _allow("this", "expression", "negate", by=_Translator._like),
    exp.Add: _allow(*_BINARY, by=_Translator._arithmetic),
    exp.Sub: _allow(*_BINARY, by=_Translator._arithmetic),
    exp.Mul: _allow(*_BINARY, by=_Translator._arithmetic),
    exp.Div: _allow(*_BINARY, "typed", "safe", by=_Translator._divide),
    exp.Mod: _allow(*_BINARY, by=_Translator._modulo),
    exp.Neg: _allow("this", by=_Translator._negate),
    exp.Abs: _allow("this", by=_Translator._absolute),
    exp.Round: _allow("this", "decimals", by=_Translator._round),
    exp.Floor: _allow("this", by=_Translator._floor),
    exp.Ceil: _allow("this", by=_Translator._floor),
    exp.Greatest: _allow("this", "expressions", "ignore_nulls", by=_Translator._extreme),
    exp.Least: _allow("this", "expressions", "ignore_nulls", by=_Translator._extreme),
    exp.Case: _allow("this", "ifs", "default", by=_Translator._case),
    exp.Coalesce: _allow("this", "expressions", by=_Translator._coalesce),
    exp.Nullif: _allow(*_BINARY, by=_Translator._nullif),
    exp.Cast: _allow("this", "to", by=_Translator._cast),
    exp.Lower: _allow("this", by=_Translator._text_function),
    exp.Upper: _allow("this", by=_Translator._text_function),
    exp.Trim: _allow("this", by=_Translator._text_function),
    exp.Length: _allow("this", by=_Translator._text_function),
    exp.DPipe: _allow(*_BINARY, "safe", by=_Translator._concatenate),
    exp.Extract: _allow(*_BINARY, by=_Translator._extract),
    exp.Anonymous: _allow("this", "expressions", by=_Translator._named_function),
    exp.Count: _allow("this", "big_int", by=_Translator._aggregate),
    exp.Sum: _allow("this", by=_Translator._aggregate),
    exp.Avg: _allow("this", by=_Translator._aggregate),
    exp.Min: _allow("this", by=_Translator._aggregate),
    exp.Max: _allow("this", by=_Translator._aggregate),
    exp.LogicalAnd: _allow("this", by=_Translator._aggregate),
    exp.LogicalOr: _allow("this", by=_Translator._aggregate),
}
