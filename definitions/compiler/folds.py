"""Sources that are folded from others: grouped rows, and opening and closing balances per entity and period.

They become CTEs of the source's own name, so that every stage reads them like a table.
"""

from __future__ import annotations

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.calendar_sql import local_day, period_start_of
from definitions.compiler.columns import exact_number
from definitions.compiler.layout import Query, calendar_joins
from definitions.compiler.nodes import Node
from definitions.compiler.resolve import Resolved
from definitions.compiler.rows import Context, Cte, RowSource, Scan
from definitions.model import ColumnType, Source


def fold_ctes(context: Context, source: Source) -> tuple[list[Cte], list[Scan]]:
    """The CTEs that make a derived source, and the scan they cost; nothing for a plain table."""
    if source.derived is not None:
        return _grouped(context, source)
    if source.movements is not None:
        return _movements(context, source)
    return [], []


def _parent(context: Context, name: str) -> RowSource:
    plain = Context(
        context.resolver,
        context.calendar,
        Query(context.calendar, (), (), context.layout.range),
        taken=context.taken,
    )
    return RowSource(plain, context.resolver.catalogue.sources[name])


def _grouped(context: Context, source: Source) -> tuple[list[Cte], list[Scan]]:
    """One row per group of the parent's rows."""
    fold = source.derived
    if fold is None:
        return [], []
    resolver = context.resolver
    rows = _parent(context, fold.source)
    parent = rows.source
    grouped = frozenset(fold.group_by)
    made: list[tuple[str, ColumnType, Resolved]] = []
    for column in source.columns.values():
        if column.expr is not None:
            made.append(
                (
                    column.name,
                    column.type,
                    resolver.expression(parent, column.expr, aggregates=True, grouped=grouped),
                )
            )
    condition = None
    used = [resolved for _, _, resolved in made]
    if fold.filter is not None:
        condition = resolver.expression(parent, fold.filter, want=ColumnType.BOOLEAN)
        used.append(condition)
    table, joins = rows.from_clause(rows.expressions(used))
    keys = [nodes.column(name, parent.name) for name in fold.group_by]
    columns: list[Node] = [key.copy() for key in keys]
    for name, kind, resolved in made:
        value = rows.qualified(resolved.node.copy(), resolved.needs)
        columns.append(nodes.aliased(nodes.cast(value, kind), name))
    where = nodes.all_of(
        [rows.condition(), rows.qualified(condition.node.copy(), condition.needs) if condition else None]
    )
    query = nodes.select(columns, table, joins=joins, where=where, group=keys)
    return [Cte(source.name, query)], [Scan(parent.name, parent.table, f"folded to {source.name}", ())]


def _movements(context: Context, source: Source) -> tuple[list[Cte], list[Scan]]:
    """Balance at the start and end of every period for every entity, from its first row on.

    Source: KPI catalogue, 'MRR movements are month-net per account; a quarter is the sum of months'.
    """
    fold = source.movements
    if fold is None:
        return [], []
    resolver, calendar = context.resolver, context.calendar
    rows = _parent(context, fold.source)
    parent = rows.source
    validity = parent.validity
    if validity is None:
        return [], []
    value = resolver.expression(parent, fold.value, want=ColumnType.DOUBLE)
    used = [value]
    condition = None
    if fold.filter is not None:
        condition = resolver.expression(parent, fold.filter, want=ColumnType.BOOLEAN)
        used.append(condition)
    table, joins = rows.from_clause(rows.expressions(used))
    begin, end = (nodes.column(name, parent.name) for name in (validity.start, validity.end))
    kind, until = (parent.columns[name].type for name in (validity.start, validity.end))
    if kind is not until:
        begin, end = local_day(begin, kind, calendar), local_day(end, until, calendar)
        kind = ColumnType.DATE
    later = exp.GT(
        this=nodes.column(validity.end, parent.name), expression=nodes.column(validity.start, parent.name)
    )
    sane = exp.Paren(
        this=exp.Or(this=nodes.is_null(nodes.column(validity.end, parent.name)), expression=later)
    )
    kept = rows.qualified(condition.node.copy(), condition.needs) if condition else None
    entity = nodes.column(fold.entity, parent.name)
    exact = exact_number(rows.qualified(value.node.copy(), value.needs), value.type)
    base = nodes.select(
        [
            nodes.aliased(entity, "entity"),
            nodes.aliased(begin, "begins_at"),
            nodes.aliased(end, "ends_at"),
            nodes.aliased(exact, "value"),
        ],
        table,
        joins=joins,
        where=nodes.all_of([rows.condition(), kept, sane, nodes.not_null(entity.copy())]),
    )
    name = source.name
    changes = _changes(name, fold.grain, context, kind)
    steps = _steps(name)
    spine = _spine(name, fold.grain, context)
    held = _held(name, fold.entity)
    ctes = [
        Cte(f"{name}_rows", base),
        Cte(f"{name}_turns", _turns(name)),
        Cte(f"{name}_first_paid", _first_paid(name, context, kind)),
        Cte(f"{name}_changes", changes),
        Cte(f"{name}_steps", steps),
        Cte(f"{name}_periods", spine),
        Cte(name, held),
    ]
    return ctes, [Scan(parent.name, parent.table, f"balances of {name}", ())]


def _turns(name: str) -> exp.Select:
    """Change of each entity's balance wherever it has one: a row enters where it begins and leaves where it ends."""
    begins = nodes.equals(nodes.column("sign", "edge"), nodes.number(1))
    turn = nodes.case([(begins, nodes.column("begins_at"))], nodes.column("ends_at"))
    signs = nodes.values([nodes.number(1), nodes.number(-1)], "edge", ["sign"])
    weighed = exp.Mul(this=nodes.column("sign", "edge"), expression=nodes.column("value"))
    return nodes.select(
        [
            nodes.column("entity"),
            nodes.aliased(turn, "turned_at"),
            nodes.aliased(exp.Sum(this=weighed), "change"),
        ],
        nodes.table(f"{name}_rows"),
        joins=[nodes.join(signs, None, "CROSS")],
        where=nodes.not_null(turn.copy()),
        group=[nodes.column("entity"), turn.copy()],
    )


def _first_paid(name: str, context: Context, kind: ColumnType) -> exp.Select:
    """The first day on which the balance of each entity was above zero; a credit may outweigh what a row says."""
    order = nodes.ascending(nodes.column("turned_at"))
    running = nodes.window(exp.Sum(this=nodes.column("change")), [nodes.column("entity")], [order], "running")
    levels = nodes.select(
        [nodes.column("entity"), nodes.column("turned_at"), nodes.aliased(running, "level")],
        nodes.table(f"{name}_turns"),
    )
    paid = exp.GT(this=nodes.column("level"), expression=nodes.number(0))
    first = exp.Min(this=nodes.when(paid, nodes.column("turned_at")))
    return nodes.select(
        [nodes.column("entity"), nodes.aliased(local_day(first, kind, context.calendar), "first_paid_day")],
        nodes.subquery(levels, "levels"),
        group=[nodes.column("entity")],
    )


def _changes(name: str, grain: str, context: Context, kind: ColumnType) -> exp.Select:
    """Change of each entity's balance in each period that has one.

    The running period is read as of the last day asked for, as balances are: what is due to end later has not
    ended yet.
    """

    def day() -> Node:
        return local_day(nodes.column("turned_at"), kind, context.calendar)

    start = period_start_of(day, grain, context.calendar)
    return nodes.select(
        [
            nodes.column("entity"),
            nodes.aliased(start, "period_start"),
            nodes.aliased(exp.Sum(this=nodes.column("change")), "change"),
        ],
        nodes.table(f"{name}_turns"),
        joins=calendar_joins([grain], day(), context.calendar),
        where=_has_come(day(), context),
        group=[nodes.column("entity"), start.copy()],
    )


def _has_come(day: Node, context: Context) -> Node | None:
    """Whether a day is not after the last one that states are read at; None where there is no such day."""
    last = context.layout.range.as_of
    return exp.LTE(this=day, expression=nodes.date_literal(last)) if last is not None else None


def _steps(name: str) -> exp.Select:
    """Each entity's balance after each change, until the next."""
    partition = [nodes.column("entity")]
    order = nodes.ascending(nodes.column("period_start"))
    closing = nodes.window(exp.Sum(this=nodes.column("change")), partition, [order], "running")
    following = nodes.window(
        nodes.func("LEAD", nodes.column("period_start")), [nodes.column("entity")], [order.copy()]
    )
    return nodes.select(
        [
            nodes.column("entity"),
            nodes.column("period_start"),
            nodes.column("change"),
            nodes.aliased(closing, "closing"),
            nodes.aliased(following, "next_start"),
        ],
        nodes.table(f"{name}_changes"),
    )


def _spine(name: str, grain: str, context: Context) -> exp.Select:
    """Starts of all periods from the first change to the last day asked for (or the last change)."""
    first = exp.Subquery(
        this=nodes.select([exp.Min(this=nodes.column("period_start"))], nodes.table(f"{name}_changes"))
    )
    last: Node = exp.Subquery(
        this=nodes.select([exp.Max(this=nodes.column("period_start"))], nodes.table(f"{name}_changes"))
    )
    if context.layout.range.end is not None:
        last = nodes.date_literal(context.layout.range.end)
    series = nodes.DaySeries(start=first, end=last, alias=nodes.text("days"))
    start = period_start_of(lambda: nodes.column("day", "days"), grain, context.calendar)
    joins = calendar_joins([grain], nodes.column("day", "days"), context.calendar)
    return nodes.select([nodes.aliased(start, "period_start")], series, joins=joins, distinct=True)


def _held(name: str, entity: str) -> exp.Select:
    """One row per entity and period with its opening and closing balance, where either is not zero."""
    steps, periods, paid = f"{name}_steps", f"{name}_periods", f"{name}_first_paid"
    same = nodes.equals(nodes.column("entity", paid), nodes.column("entity", steps))
    own = nodes.equals(nodes.column("period_start", periods), nodes.column("period_start", steps))
    opening = exp.Sub(
        this=nodes.column("closing", steps),
        expression=nodes.case([(own, nodes.column("change", steps))], nodes.number(0)),
    )
    on = exp.And(
        this=exp.GTE(
            this=nodes.column("period_start", periods), expression=nodes.column("period_start", steps)
        ),
        expression=exp.Paren(
            this=exp.Or(
                this=nodes.is_null(nodes.column("next_start", steps)),
                expression=exp.LT(
                    this=nodes.column("period_start", periods), expression=nodes.column("next_start", steps)
                ),
            )
        ),
    )
    held = nodes.select(
        [
            nodes.column("entity", steps),
            nodes.column("period_start", periods),
            nodes.aliased(opening, "opening"),
            nodes.column("closing", steps),
            nodes.column("first_paid_day", paid),
        ],
        nodes.table(steps),
        joins=[nodes.join(nodes.table(periods), on, "INNER"), nodes.join(nodes.table(paid), same, "INNER")],
    )
    before = nodes.coalesce(
        exp.LT(this=nodes.column("first_paid_day"), expression=nodes.column("period_start")), exp.false()
    )

    def moved(balance: str) -> Node:
        return exp.NEQ(this=nodes.column(balance), expression=nodes.number(0))

    return nodes.select(
        [
            nodes.aliased(nodes.column("entity"), entity),
            nodes.column("period_start"),
            nodes.aliased(nodes.double(nodes.column("opening")), "opening"),
            nodes.aliased(nodes.double(nodes.column("closing")), "closing"),
            nodes.aliased(before, "paid_before"),
        ],
        nodes.subquery(held, "held"),
        where=exp.Or(this=moved("opening"), expression=moved("closing")),
    )
