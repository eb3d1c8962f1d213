"""Names, literals and operators of the allow-list: how each is translated, and what type it has.

Functions, and the list itself, are in `expressions`.
"""

from __future__ import annotations

import re
from datetime import date, datetime

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.nodes import Node
from definitions.compiler.parsing import RefusedError, name_parts
from definitions.compiler.typed import Scope, T, Typed, common_type, is_number, kind_of, type_name, wider
from definitions.model import Column, ColumnType


class Operators:
    """The part of the translator that reads operators; ``of`` translates any node."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.in_aggregate = False

    def of(self, node: Node) -> Typed:
        """One node and everything below it; RefusedError where something is not allowed."""
        raise NotImplementedError

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
