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
from datetime import date, datetime

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.nodes import Node
from definitions.compiler.parsing import RefusedError, identifier_of, name_parts, parse
from definitions.compiler.typed import Scope, T, Typed, common_type, is_number, kind_of, type_name, wider
from definitions.model import Column, ColumnType

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


class _Translator:
    """One method per allowed kind of node. Arguments that a method does not know are refused."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.in_aggregate = False

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

    # ── names and literals ──────────────────────────────────────────────────────────────────────────────────

    def _column(self, node: Node) -> Typed:
        parts = name_parts(node)
        if self.scope.aggregates and not self.in_aggregate and not self._is_grouped(parts):
            raise RefusedError(
                "NOT_AGGREGATED", f"{'.'.join(parts)} stands outside of an aggregate", node, text=parts[-1]
            )
        found = self.scope.column(parts)
        if found is None:
            name = ".".join(parts)
            raise RefusedError(
                "UNKNOWN_COLUMN",
                f"there is no column {name!r} here",
                node,
                text=name,
                valid=self.scope.names(),
                hint="Only declared columns and dimensions can be used.",
            )
        return found

    def _is_grouped(self, parts: tuple[str, ...]) -> bool:
        grouped: frozenset[str] = getattr(self.scope, "grouped", frozenset())
        return parts[-1] in grouped

    def _literal(self, node: Node) -> Typed:
        value = str(node.this)
        if node.args.get("is_string"):
            if "\x00" in value:
                raise RefusedError("BAD_CHARACTER", "a text literal holds a null character", node)
            return Typed(nodes.text(value), T.STRING)
        if re.fullmatch(r"\d{1,18}", value):
            return Typed(exp.Literal(this=str(int(value)), is_string=False), T.INTEGER)
        if re.fullmatch(r"\d{0,18}\.\d{0,18}", value) and value != ".":
            return Typed(exp.Literal(this=value, is_string=False), T.DECIMAL)
        if re.fullmatch(r"(\d{1,18}\.?\d{0,18}|\.\d{1,18})[eE][-+]?\d{1,3}", value):
            return Typed(nodes.double(exp.Literal(this=value, is_string=False)), T.DOUBLE)
        raise RefusedError("BAD_LITERAL", f"the number {value} cannot be used", node, text=value)

    def _boolean(self, node: Node) -> Typed:
        return Typed(exp.Boolean(this=bool(node.this)), T.BOOLEAN)

    def _null(self, node: Node) -> Typed:
        return Typed(nodes.null(), None)

    def _paren(self, node: Node) -> Typed:
        inner = self.of(node.this)
        return Typed(exp.Paren(this=inner.node), inner.type, inner.column)

    # ── logic and comparison ────────────────────────────────────────────────────────────────────────────────

    def _condition(self, node: Node) -> Node:
        typed = self.of(node)
        if typed.type not in (T.BOOLEAN, None):
            raise RefusedError(
                "WRONG_TYPE", f"a condition is expected, not a value of type {type_name(typed.type)}", node
            )
        return typed.node

    def _connector(self, node: Node) -> Typed:
        built = type(node)(this=self._condition(node.this), expression=self._condition(node.expression))
        return Typed(built, T.BOOLEAN)

    def _not(self, node: Node) -> Typed:
        inner = self._condition(node.this)
        if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
            return Typed(nodes.not_null(inner.this), T.BOOLEAN)
        return Typed(exp.Not(this=nodes.paren(inner)), T.BOOLEAN)

    def _is(self, node: Node) -> Typed:
        right = node.expression
        if not isinstance(right, exp.Null | exp.Boolean):
            raise RefusedError("NOT_ALLOWED", "IS is allowed with null, true and false only", node)
        built = exp.Is(this=self.of(node.this).node, expression=self.of(right).node)
        return Typed(built, T.BOOLEAN)

    def _compare(self, node: Node) -> Typed:
        left, right = self._alike(node, [self.of(node.this), self.of(node.expression)])
        return Typed(type(node)(this=left.node, expression=right.node), T.BOOLEAN)

    def _in(self, node: Node) -> Typed:
        if not node.expressions:
            raise RefusedError("NOT_ALLOWED", "IN needs a list of values in parentheses", node)
        items = self._alike(node, [self.of(node.this), *(self.of(item) for item in node.expressions)])
        return Typed(exp.In(this=items[0].node, expressions=[item.node for item in items[1:]]), T.BOOLEAN)

    def _between(self, node: Node) -> Typed:
        value, low, high = self._alike(
            node, [self.of(node.this), self.of(node.args["low"]), self.of(node.args["high"])]
        )
        return Typed(exp.Between(this=value.node, low=low.node, high=high.node), T.BOOLEAN)

    def _like(self, node: Node) -> Typed:
        left, right = self.of(node.this), self.of(node.expression)
        if (
            left.type is not T.STRING
            or not isinstance(node.expression, exp.Literal)
            or right.type is not T.STRING
        ):
            raise RefusedError("WRONG_TYPE", "LIKE compares text with a text literal", node)
        matched: Node = exp.Like(this=left.node, expression=right.node)
        if isinstance(node, exp.ILike):
            lowered = nodes.text(str(node.expression.this).lower())
            matched = exp.Like(this=exp.Lower(this=left.node), expression=lowered)
        return Typed(exp.Not(this=exp.Paren(this=matched)) if node.args.get("negate") else matched, T.BOOLEAN)

    def _alike(self, node: Node, items: list[Typed]) -> list[Typed]:
        """Values that are compared must be of one kind; text literals beside times and declared values are checked."""
        known = [item for item in items if item.type is not None]
        times = [item for item in known if item.type in (T.DATE, T.TIMESTAMP)]
        if times:
            items = [self._time_literal(node, item, times[0]) for item in items]
            known = [item for item in items if item.type is not None]
        kinds = {kind_of(item.type) for item in known}
        if len(kinds) > 1:
            told = " with ".join(dict.fromkeys(type_name(item.type) for item in known))
            raise RefusedError("WRONG_TYPE", f"cannot compare {told}", node)
        declared = next(
            (item.column for item in known if item.column is not None and item.column.values), None
        )
        if declared is not None:
            for item in known:
                if isinstance(item.node, exp.Literal) and item.node.args.get("is_string"):
                    self._declared_value(node, str(item.node.this), declared)
        return items

    def _declared_value(self, node: Node, value: str, column: Column) -> None:
        if value not in column.values:
            raise RefusedError(
                "UNKNOWN_VALUE",
                f"{column.name} is never {value!r}",
                node,
                text=value,
                valid=column.values,
                hint=f"Declared values: {', '.join(column.values)}.",
            )

    def _time_literal(self, node: Node, item: Typed, other: Typed) -> Typed:
        if not (isinstance(item.node, exp.Literal) and item.type is T.STRING):
            return item
        return self._instant(node, str(item.node.this), T.TIMESTAMP if other.type is T.TIMESTAMP else T.DATE)

    def _instant(self, node: Node, value: str, kind: ColumnType) -> Typed:
        try:
            if kind is T.DATE:
                return Typed(nodes.date_literal(date.fromisoformat(value)), T.DATE)
            instant = datetime.fromisoformat(value)
        except ValueError as error:
            raise RefusedError(
                "BAD_LITERAL",
                f"{value!r} is no {kind}",
                node,
                text=value,
                hint="Write 2026-07-01 or 2026-07-01 09:00:00.",
            ) from error
        if instant.tzinfo is not None:
            raise RefusedError(
                "BAD_LITERAL", f"{value!r} has a zone; instants are written in UTC", node, text=value
            )
        return Typed(nodes.timestamp_literal(instant.isoformat(sep=" ")), T.TIMESTAMP)

    # ── arithmetic ──────────────────────────────────────────────────────────────────────────────────────────

    def _number(self, node: Node) -> Typed:
        typed = self.of(node)
        if not is_number(typed.type):
            raise RefusedError(
                "WRONG_TYPE", f"a number is expected, not a value of type {type_name(typed.type)}", node
            )
        return typed

    def _arithmetic(self, node: Node) -> Typed:
        left, right = self._number(node.this), self._number(node.expression)
        return Typed(type(node)(this=left.node, expression=right.node), wider(left.type, right.type))

    def _modulo(self, node: Node) -> Typed:
        left, right = self._number(node.this), self._number(node.expression)
        if {left.type, right.type} != {T.INTEGER}:
            raise RefusedError("WRONG_TYPE", "% is for whole numbers", node)
        return Typed(exp.Mod(this=left.node, expression=nodes.nullif(right.node, nodes.number(0))), T.INTEGER)

    def _divide(self, node: Node) -> Typed:
        return Typed(nodes.divide(self._number(node.this).node, self._number(node.expression).node), T.DOUBLE)

    def _negate(self, node: Node) -> Typed:
        inner = self._number(node.this)
        return Typed(exp.Neg(this=nodes.paren(inner.node)), inner.type)

    def _absolute(self, node: Node) -> Typed:
        inner = self._number(node.this)
        return Typed(exp.Abs(this=inner.node), inner.type)

    def _round(self, node: Node) -> Typed:
        inner = self._number(node.this)
        places = node.args.get("decimals")
        exact = inner.node if inner.type is T.INTEGER else nodes.cast(inner.node, T.DECIMAL)
        digits = None
        if places is not None:
            if not isinstance(places, exp.Literal) or not re.fullmatch(r"\d", str(places.this)):
                raise RefusedError("BAD_LITERAL", "round takes a literal number of places, 0 to 9", node)
            digits = nodes.number(int(places.this))
        return Typed(exp.Round(this=exact, decimals=digits), T.DECIMAL)

    def _floor(self, node: Node) -> Typed:
        inner = self._number(node.this)
        return Typed(type(node)(this=inner.node), inner.type)

    def _extreme(self, node: Node) -> Typed:
        items = self._alike(node, [self.of(item) for item in (node.this, *node.expressions)])
        rest = [item.node for item in items[1:]]
        built = type(node)(this=items[0].node, expressions=rest, ignore_nulls=True)
        return Typed(built, common_type(items))

    # ── choice ──────────────────────────────────────────────────────────────────────────────────────────────

    def _case(self, node: Node) -> Typed:
        if node.this is not None:
            raise RefusedError("NOT_ALLOWED", "write CASE WHEN condition THEN …", node)
        branches = [(self._condition(item.this), self.of(item.args["true"])) for item in node.args["ifs"]]
        default = self.of(node.args["default"]) if node.args.get("default") is not None else None
        values = self._alike(node, [value for _, value in branches] + ([default] if default else []))
        pairs = [(condition, value.node) for (condition, _), value in zip(branches, values, strict=False)]
        return Typed(nodes.case(pairs, values[-1].node if default else None), common_type(values))

    def _coalesce(self, node: Node) -> Typed:
        items = self._alike(node, [self.of(item) for item in (node.this, *node.expressions)])
        return Typed(nodes.coalesce(*(item.node for item in items)), common_type(items))

    def _nullif(self, node: Node) -> Typed:
        left, right = self._alike(node, [self.of(node.this), self.of(node.expression)])
        return Typed(nodes.nullif(left.node, right.node), left.type)

    def _cast(self, node: Node) -> Typed:
        target = node.args["to"]
        kind = _CASTS.get(target.this) if isinstance(target, exp.DataType) else None
        if kind is None:
            raise RefusedError(
                "NOT_ALLOWED",
                f"cannot cast to {target.sql('duckdb')}",
                node,
                hint=f"Types: {', '.join(sorted({str(value) for value in _CASTS.values()}))}.",
            )
        inner = self.of(node.this)
        if isinstance(inner.node, exp.Literal) and inner.type is T.STRING and kind.is_time:
            return self._instant(node, str(inner.node.this), kind)
        allowed = {
            T.DOUBLE: (T.INTEGER, T.DECIMAL, T.DOUBLE, None),
            T.DECIMAL: (T.INTEGER, T.DECIMAL, T.DOUBLE, None),
            T.INTEGER: (T.INTEGER, T.BOOLEAN, None),
            T.STRING: (T.STRING, T.INTEGER, T.BOOLEAN, T.DATE, None),
            T.DATE: (T.DATE, T.TIMESTAMP, None),
            T.TIMESTAMP: (T.DATE, T.TIMESTAMP, None),
            T.BOOLEAN: (T.BOOLEAN, None),
        }[kind]
        if inner.type not in allowed:
            raise RefusedError("WRONG_TYPE", f"cannot cast {type_name(inner.type)} to {kind}", node)
        return Typed(nodes.cast(inner.node, kind), kind)

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
        days = [item.node if item.type is T.DATE else nodes.cast(item.node, T.DATE) for item in (early, late)]
        return Typed(nodes.DaysBetween(this=days[0], expression=days[1]), T.INTEGER)

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


_CASTS: dict[object, ColumnType] = {
    exp.DataType.Type.DOUBLE: T.DOUBLE,
    exp.DataType.Type.FLOAT: T.DOUBLE,
    exp.DataType.Type.DECIMAL: T.DECIMAL,
    exp.DataType.Type.INT: T.INTEGER,
    exp.DataType.Type.BIGINT: T.INTEGER,
    exp.DataType.Type.VARCHAR: T.STRING,
    exp.DataType.Type.TEXT: T.STRING,
    exp.DataType.Type.DATE: T.DATE,
    exp.DataType.Type.TIMESTAMP: T.TIMESTAMP,
    exp.DataType.Type.TIMESTAMPNTZ: T.TIMESTAMP,
    exp.DataType.Type.BOOLEAN: T.BOOLEAN,
}


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
