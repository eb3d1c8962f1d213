"""Rows → periods × segments: merged step by step where aggregates can be merged, straight from rows where not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.calendar_sql import add_days
from definitions.compiler.columns import Columns, merge
from definitions.compiler.layout import (
    Frame,
    by_column,
    calendar_joins,
    grain_columns,
    output_days,
    period_column,
    period_columns,
    segment_columns,
    segment_sets,
    trailing_offsets,
)
from definitions.compiler.nodes import Node
from definitions.compiler.rows import Cte
from definitions.model import trailing_days


def cube_ctes(
    *,
    layout: Frame,
    base: str,
    rows: str,
    relation: str,
    segments: Sequence[tuple[str, ...]],
    dims: Sequence[str],
    columns: Columns,
    aggregates: Sequence[Node],
    where: Node | None,
) -> list[Cte]:
    """Rows → day × dimensions → day × segment → period × segment, each step merged from the one before."""
    keys = [nodes.column("day"), *(nodes.column(by_column(name)) for name in dims)]
    day_keys = [nodes.column("day"), nodes.column("segment_dimension"), nodes.column("segment_value")]
    merged = [nodes.aliased(merge(spec, name), name) for spec, name in columns.specs.items()]
    dimension, value = segment_columns(segments)
    segment = [nodes.aliased(dimension, "segment_dimension"), nodes.aliased(value, "segment_value")]
    found: list[Cte] = []
    daily = f"{base}_daily"
    if dims:
        cube = nodes.select(
            [*keys, *aggregates], nodes.table(rows), where=where, group=[k.copy() for k in keys]
        )
        sets = [[nodes.column("day"), *map(nodes.column, names)] for names in segment_sets(segments)]
        found.append(Cte(f"{base}_cube", cube))
        found.append(
            Cte(
                daily,
                nodes.select(
                    [nodes.column("day"), *segment, *merged],
                    nodes.table(f"{base}_cube"),
                    group=nodes.grouping_sets(sets),
                ),
            )
        )
    else:
        query = nodes.select(
            [nodes.column("day"), *segment, *aggregates],
            nodes.table(rows),
            where=where,
            group=[nodes.column("day")],
        )
        found.append(Cte(daily, query))
    found.append(Cte(relation, _periods(layout, daily, columns, day_keys[1:])))
    return found


def _periods(layout: Frame, daily: str, columns: Columns, dims: Sequence[Node]) -> exp.Query:
    """Days merged into every grain: grouping sets for those that tile, a join of offsets for trailing ones."""
    calendar = layout.calendar

    def merged() -> list[Node]:
        return [nodes.aliased(merge(spec, name), name) for spec, name in columns.specs.items()]

    def day() -> Node:
        return nodes.column("day", daily)

    parts: list[exp.Query] = []
    standard = layout.standard
    if standard:
        columns_of = period_columns(standard, day, calendar)
        source: Node = nodes.table(daily)
        if columns_of:
            joins = calendar_joins(standard, day(), calendar)
            star = exp.Column(this=exp.Star(), table=nodes.identifier(daily)) if joins else exp.Star()
            source = nodes.subquery(
                nodes.select([star, *columns_of], nodes.table(daily), joins=joins), "dated"
            )
        grain, start = grain_columns(standard)
        keys = [nodes.aliased(grain, "grain"), nodes.aliased(start, "period_start")]
        sets = [[nodes.column(period_column(g)), *(d.copy() for d in dims)] for g in standard]
        parts.append(
            nodes.select(
                [*keys, *(d.copy() for d in dims), *merged()], source, group=nodes.grouping_sets(sets)
            )
        )
    for name in layout.trailing:
        length = trailing_days(name) or 1
        start = nodes.AddDays(this=add_days(day(), 1 - length), days=nodes.column("days_after", "offsets"))
        _, last = output_days(layout)
        upto = nodes.AddDays(this=day(), days=nodes.column("days_after", "offsets"))
        limit = _until(upto, last, daily)
        parts.append(
            nodes.select(
                [
                    nodes.aliased(nodes.text(name), "grain"),
                    nodes.aliased(start, "period_start"),
                    *(d.copy() for d in dims),
                    *merged(),
                ],
                nodes.table(daily),
                joins=[nodes.join(trailing_offsets(length), None, "CROSS")],
                where=limit,
                group=[start.copy(), *(d.copy() for d in dims)],
            )
        )
    return nodes.union_all(parts)


def _until(day: Node, last: date | None, relation: str) -> Node:
    """A trailing period ends no later than the range, or than the data."""
    if last is not None:
        return exp.LTE(this=day, expression=nodes.date_literal(last))
    latest = nodes.select([exp.Max(this=nodes.column("day"))], nodes.table(relation))
    return exp.LTE(this=day, expression=exp.Subquery(this=latest))


def exact_query(
    *,
    layout: Frame,
    rows: str,
    segments: Sequence[tuple[str, ...]],
    aggregates: Callable[[], list[Node]],
    where: Callable[[], Node | None],
) -> exp.Query:
    """Aggregates that cannot be merged: every grain and segment from rows, in one pass over them."""
    calendar = layout.calendar

    def day() -> Node:
        return nodes.column("day", rows)

    parts: list[exp.Query] = []
    standard = layout.standard
    sets = segment_sets(segments)
    if standard:
        columns_of = period_columns(standard, day, calendar)
        joins = calendar_joins(standard, day(), calendar)
        star = exp.Column(this=exp.Star(), table=nodes.identifier(rows)) if joins else exp.Star()
        source: Node = nodes.table(rows)
        if columns_of:
            source = nodes.subquery(
                nodes.select([star, *columns_of], nodes.table(rows), joins=joins), "dated"
            )
        grain, start = grain_columns(standard)
        dimension, value = segment_columns(segments)
        groups = [
            [nodes.column(period_column(g)), *map(nodes.column, names)] for g in standard for names in sets
        ]
        keys = [
            nodes.aliased(grain, "grain"),
            nodes.aliased(start, "period_start"),
            nodes.aliased(dimension, "segment_dimension"),
            nodes.aliased(value, "segment_value"),
        ]
        parts.append(
            nodes.select([*keys, *aggregates()], source, where=where(), group=nodes.grouping_sets(groups))
        )
    for name in layout.trailing:
        length = trailing_days(name) or 1
        start = nodes.AddDays(this=add_days(day(), 1 - length), days=nodes.column("days_after", "offsets"))
        upto = nodes.AddDays(this=day(), days=nodes.column("days_after", "offsets"))
        _, last = output_days(layout)
        dimension, value = segment_columns(segments)
        groups = [[start.copy(), *map(nodes.column, names)] for names in sets]
        parts.append(
            nodes.select(
                [
                    nodes.aliased(nodes.text(name), "grain"),
                    nodes.aliased(start, "period_start"),
                    nodes.aliased(dimension, "segment_dimension"),
                    nodes.aliased(value, "segment_value"),
                    *aggregates(),
                ],
                nodes.table(rows),
                joins=[nodes.join(trailing_offsets(length), None, "CROSS")],
                where=nodes.all_of([where(), _until(upto, last, rows)]),
                group=nodes.grouping_sets(groups),
            )
        )
    return nodes.union_all(parts)
