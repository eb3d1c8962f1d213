"""Stages that first make rows of their own (events with what became of them), and then aggregate them."""

from __future__ import annotations

from definitions.compiler import nodes
from definitions.compiler.calendar_sql import local_day
from definitions.compiler.columns import Columns, Role, aggregate
from definitions.compiler.cube import cube_ctes, exact_query
from definitions.compiler.layout import (
    Query,
    by_column,
    calendar_joins,
    dim_alias,
    in_days,
    output_days,
)
from definitions.compiler.nodes import Node
from definitions.compiler.rows import Context, Cte, RowSource
from definitions.compiler.times import query_times
from definitions.model import Source


class DerivedRows:
    """Common part: a CTE of made rows (``<base>_rows`` with ``day`` and ``by_…``), aggregated over the layout."""

    def __init__(self, context: Context, source: Source, base: str) -> None:
        self.context = context
        self.source = source
        self.rows = RowSource(context, source)
        self.base = context.unique(base)
        self.columns = Columns(context.unique)
        self.metrics: set[str] = set()
        self.role = Role("day")

    @property
    def relation(self) -> str:
        return f"{self.base}_values"

    def bounds(self) -> Node | None:
        first, last = output_days(self.context.layout)
        found = in_days(nodes.column("day"), first, last) or nodes.not_null(nodes.column("day"))
        return nodes.all_of([found, self.context.when() if self.context.when else None])

    def aggregated(self) -> list[Cte]:
        layout = self.context.layout
        rows = f"{self.base}_rows"

        def sums() -> list[Node]:
            return [nodes.aliased(aggregate(spec, None), name) for spec, name in self.columns.specs.items()]

        if isinstance(layout, Query):
            times = query_times(layout, self.context.calendar)
            columns = [nodes.aliased(node, name) for name, node in times]
            columns += [nodes.aliased(nodes.column(by_column(n)), dim_alias(n)) for n in layout.dims]
            group = [node.copy() for _, node in times] + [nodes.column(by_column(n)) for n in layout.dims]
            grains = [key.grain for key in layout.times]
            joins = calendar_joins(grains, nodes.column("day"), self.context.calendar)
            query = nodes.select(
                [*columns, *sums()], nodes.table(rows), joins=joins, where=self.bounds(), group=group
            )
            return [Cte(self.relation, query)]
        segments = sorted(self.rows.segments)
        if all(spec.merges for spec in self.columns.specs):
            return cube_ctes(
                layout=layout,
                base=self.base,
                rows=rows,
                relation=self.relation,
                segments=segments,
                dims=self.rows.dims(),
                columns=self.columns,
                aggregates=sums(),
                where=self.bounds(),
            )
        exact = exact_query(layout=layout, rows=rows, segments=segments, aggregates=sums, where=self.bounds)
        return [Cte(self.relation, exact)]


def event_time(source: Source, column: str, context: Context, as_day: bool) -> Node:
    """An event's time: the instant, or its local day where the other side knows only days."""
    kind = source.columns[column].type
    node = nodes.column(column, source.name)
    return local_day(node, kind, context.calendar) if as_day else node


def unfiltered(context: Context) -> Context:
    """The context without the query's own conditions and groups: they are about the base side."""
    return Context(
        context.resolver,
        context.calendar,
        Query(context.calendar, (), (), context.layout.range),
        taken=context.taken,
        per_entity=context.per_entity,
    )
