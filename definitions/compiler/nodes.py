"""SQL nodes of our own: the few operations that engines spell differently, and short builders for the rest.

The trees are neutral; `render` knows how each engine spells these nodes. All day arithmetic is over DATE
values, and timestamps are naive UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlglot import exp

from definitions.model import ColumnType

Node = exp.Expr


class LocalTime(exp.Expression, exp.Func):
    """A naive UTC timestamp as wall-clock time of a zone: ``LocalTime(this=ts, zone='Europe/Berlin')``."""

    arg_types = {"this": True, "zone": True}  # noqa: RUF012


class UtcTime(exp.Expression, exp.Func):
    """Wall-clock time of a zone as a naive UTC timestamp, the way back from `LocalTime`."""

    arg_types = {"this": True, "zone": True}  # noqa: RUF012


class TruncDay(exp.Expression, exp.Func):
    """The first day of the ISO week, calendar month, quarter or year of a day, as a DATE."""

    arg_types = {"this": True, "unit": True}  # noqa: RUF012


class TruncTime(exp.Expression, exp.Func):
    """A timestamp cut down to the second, minute or hour."""

    arg_types = {"this": True, "unit": True}  # noqa: RUF012


class AddDays(exp.Expression, exp.Func):
    """A DATE plus a number of days (an expression or a literal)."""

    arg_types = {"this": True, "days": True}  # noqa: RUF012


class AddMonths(exp.Expression, exp.Func):
    """A DATE (or an ``instant``) plus a number of months; month ends are clamped."""

    arg_types = {"this": True, "months": True, "instant": False}  # noqa: RUF012


class AddSeconds(exp.Expression, exp.Func):
    """A timestamp plus a number of seconds."""

    arg_types = {"this": True, "seconds": True}  # noqa: RUF012


class DaysBetween(exp.Expression, exp.Func):
    """Whole days from one DATE to a later one."""

    arg_types = {"this": True, "expression": True}  # noqa: RUF012


class SecondsBetween(exp.Expression, exp.Func):
    """Seconds (with fraction, double) from one timestamp to a later one."""

    arg_types = {"this": True, "expression": True}  # noqa: RUF012


class DatePart(exp.Expression, exp.Func):
    """A part of a date or timestamp as an integer: year, quarter, month, week, day, isodow, doy, hour, minute."""

    arg_types = {"this": True, "unit": True}  # noqa: RUF012


class Percentile(exp.Expression, exp.AggFunc):
    """The linear-interpolated percentile of a double."""

    arg_types = {"this": True, "fraction": True}  # noqa: RUF012


class Stacked(exp.Expression, exp.Func):
    """A FROM item that turns each row of a relation into several: the columns ``keys`` stay, and a row ``v`` of
    ``names`` is added for each of ``rows``. The columns are then called ``v.<name>``."""

    arg_types = {"this": True, "keys": True, "names": True, "rows": True}  # noqa: RUF012


class DaySeries(exp.Expression, exp.Func):
    """A FROM item of one column ``day`` with every date of an inclusive range."""

    arg_types = {"start": True, "end": True, "alias": True}  # noqa: RUF012


class TickSeries(exp.Expression, exp.Func):
    """A FROM item of one column ``moment`` with every second, minute or hour of an inclusive range."""

    arg_types = {"start": True, "end": True, "unit": True, "alias": True}  # noqa: RUF012


SQL_TYPES: dict[ColumnType, str] = {
    ColumnType.STRING: "VARCHAR",
    ColumnType.INTEGER: "BIGINT",
    ColumnType.DECIMAL: "DECIMAL(38, 9)",
    ColumnType.DOUBLE: "DOUBLE",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.DATE: "DATE",
    ColumnType.TIMESTAMP: "TIMESTAMP",
}

# Words that some engine reserves: a column of such a name is quoted, all others are left bare to read well.
_RESERVED_WORDS = """
all and any array as asc at authorization between both by case cast check collate column constraint count
create cross cube current current_date current_time current_timestamp current_user date default delete
desc describe distinct drop else end escape except exists extract false fetch filter first following for
foreign from full function grant group grouping having if in inner insert integer intersect interval into
is isnull join key last lateral leading left like limit localtime localtimestamp month natural new no not
notnull null nulls of off offset old on only or order outer over overlaps partition period pivot placing
position preceding primary qualify range recursive references returning revoke right role roles rollup
row rows sample schema select session_user set show similar some start symmetric system table tablesample time
timestamp to top trailing trigger true type unbounded union unique unnest unpivot update user using value
values variadic view when where window with within year zone day week quarter hour minute second name sum
min max avg percentile
"""
_RESERVED = frozenset(_RESERVED_WORDS.split())


def identifier(name: str) -> exp.Identifier:
    """A name, quoted only where some engine would misread it."""
    return exp.Identifier(this=name, quoted=name in _RESERVED or not name.isidentifier())


def column(name: str, table: str | None = None) -> Node:
    return exp.Column(this=identifier(name), table=identifier(table) if table else None)


def aliased(node: Node, name: str) -> Node:
    return exp.Alias(this=node, alias=identifier(name))


def table(name: str, alias: str | None = None) -> exp.Table:
    """A (possibly schema-qualified) table name, as the source declares it."""
    parts = name.split(".")
    built = exp.Table(
        this=identifier(parts[-1]),
        db=identifier(parts[-2]) if len(parts) > 1 else None,
        catalog=identifier(parts[-3]) if len(parts) > 2 else None,
    )
    if alias is not None:
        built.set("alias", exp.TableAlias(this=identifier(alias)))
    return built


def number(value: float) -> Node:
    """A numeric literal; negative ones in parentheses of their own."""
    text = str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
    if text.startswith("-"):
        return exp.Neg(this=exp.Literal(this=text[1:], is_string=False))
    return exp.Literal(this=text, is_string=False)


def text(value: str) -> exp.Literal:
    return exp.Literal(this=value, is_string=True)


def null() -> exp.Null:
    return exp.Null()


def date_literal(day: object) -> exp.Cast:
    return exp.Cast(this=text(str(day)), to=exp.DataType(this=exp.DataType.Type.DATE))


def timestamp_literal(instant: str) -> exp.Cast:
    return exp.Cast(this=text(instant), to=exp.DataType(this=exp.DataType.Type.TIMESTAMP))


_BUILT_TYPES = {name: exp.DataType.build(name) for name in {*SQL_TYPES.values(), "DECIMAL(38, 0)", "HUGEINT"}}


def cast(node: Node, to: ColumnType | str) -> exp.Cast:
    name = SQL_TYPES[to] if isinstance(to, ColumnType) else to
    built = _BUILT_TYPES.get(name) or exp.DataType.build(name)
    return exp.Cast(this=node, to=built.copy())


def double(node: Node) -> Node:
    return cast(node, ColumnType.DOUBLE)


_LOOSE = (exp.Connector, exp.Binary, exp.Not, exp.Neg, exp.Between, exp.In, exp.Is)


def paren(node: Node) -> Node:
    """The node, in parentheses where it would bind looser than what is around it."""
    return exp.Paren(this=node) if isinstance(node, _LOOSE) else node


def all_of(conditions: Iterable[Node | None]) -> Node | None:
    """The conjunction of the conditions that are there; None when there is none."""
    found = [condition for condition in conditions if condition is not None]
    if not found:
        return None
    whole = found[0] if len(found) == 1 else _loose(found[0])
    for condition in found[1:]:
        whole = exp.And(this=whole, expression=_loose(condition))
    return whole


def _loose(node: Node) -> Node:
    return exp.Paren(this=node) if isinstance(node, exp.Or) else node


def equals(left: Node, right: Node) -> exp.EQ:
    return exp.EQ(this=left, expression=right)


def is_null(node: Node) -> exp.Is:
    return exp.Is(this=node, expression=null())


def not_null(node: Node) -> exp.Is:
    return exp.Is(this=node, expression=exp.Not(this=null()))


def case(pairs: Sequence[tuple[Node, Node]], default: Node | None = None) -> exp.Case:
    return exp.Case(ifs=[exp.If(this=condition, true=value) for condition, value in pairs], default=default)


def when(condition: Node | None, value: Node) -> Node:
    """``CASE WHEN condition THEN value END``, or the bare value when there is no condition."""
    return value if condition is None else case([(condition, value)])


def func(name: str, *args: Node) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(args))


def coalesce(*args: Node) -> Node:
    return exp.Coalesce(this=args[0], expressions=list(args[1:]))


def nullif(node: Node, other: Node) -> exp.Nullif:
    return exp.Nullif(this=node, expression=other)


def divide(numerator: Node, denominator: Node) -> Node:
    """Double division; NULL on a zero denominator. Source: dictionary rules, semantics 2."""
    return exp.Div(
        this=double(numerator), expression=nullif(double(denominator), number(0)), typed=True, safe=False
    )


def count_rows(condition: Node | None = None) -> Node:
    if condition is None:
        return exp.Count(this=exp.Star())
    return exp.Count(this=when(condition, number(1)))


def window(
    node: Node, partition: Sequence[Node], order: Sequence[Node] = (), frame: str | None = None
) -> exp.Window:
    """``node OVER (PARTITION BY … ORDER BY … ROWS …)``; ``frame`` is ``running`` or None."""
    built = exp.Window(this=node, partition_by=list(partition), over="OVER")
    if order:
        built.set("order", exp.Order(expressions=list(order)))
    if frame == "running":
        built.set(
            "spec",
            exp.WindowSpec(
                kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW", end_side=None
            ),
        )
    return built


def descending(node: Node) -> exp.Ordered:
    return exp.Ordered(this=node, desc=True, nulls_first=False)


def ascending(node: Node) -> exp.Ordered:
    return exp.Ordered(this=node, desc=False, nulls_first=False)


def select(
    columns: Sequence[Node],
    source: Node,
    *,
    joins: Sequence[exp.Join] = (),
    where: Node | None = None,
    group: Node | Sequence[Node] | None = None,
    order: Sequence[Node] = (),
    limit: int | None = None,
    distinct: bool = False,
) -> exp.Select:
    """A SELECT, built directly: nothing is parsed and nothing copied."""
    built = exp.Select(expressions=list(columns), from_=exp.From(this=source))
    if distinct:
        built.set("distinct", exp.Distinct())
    if joins:
        built.set("joins", list(joins))
    if where is not None:
        built.set("where", exp.Where(this=where))
    if isinstance(group, exp.Group):
        built.set("group", group)
    elif group:
        built.set("group", exp.Group(expressions=list(group)))
    if order:
        built.set("order", exp.Order(expressions=list(order)))
    if limit is not None:
        built.set("limit", exp.Limit(expression=number(limit)))
    return built


def join(target: Node, on: Node | None, kind: str = "LEFT") -> exp.Join:
    """A join; ``kind`` is LEFT, FULL, INNER or CROSS."""
    if kind == "CROSS":
        return exp.Join(this=target, kind="CROSS")
    if kind == "INNER":
        return exp.Join(this=target, on=on)
    return exp.Join(this=target, side=kind, on=on)


def union_all(parts: Sequence[exp.Query]) -> exp.Query:
    """UNION ALL of the parts, as a balanced tree so that hundreds of parts do not nest hundreds deep."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return exp.Union(this=union_all(parts[:half]), expression=union_all(parts[half:]), distinct=False)


def values(rows: Sequence[Node], alias: str, names: Sequence[str]) -> exp.Values:
    """A list of rows as a FROM item with named columns."""
    tuples = [row if isinstance(row, exp.Tuple) else exp.Tuple(expressions=[row]) for row in rows]
    named = exp.TableAlias(this=identifier(alias), columns=[identifier(name) for name in names])
    return exp.Values(expressions=tuples, alias=named)


def subquery(query: exp.Query, alias: str) -> exp.Subquery:
    return exp.Subquery(this=query, alias=exp.TableAlias(this=identifier(alias)))


def grouping_sets(sets: Sequence[Sequence[Node]]) -> exp.Group:
    """GROUP BY over several sets of columns in one pass; plain columns where there is one set."""
    if len(sets) == 1:
        return exp.Group(expressions=list(sets[0]))
    tuples = [exp.Tuple(expressions=list(columns)) for columns in sets]
    return exp.Group(expressions=[exp.GroupingSets(expressions=tuples)])
