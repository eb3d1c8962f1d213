"""Snapshot balances: the rows of the last (or first) day of each period."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.calendar_sql import local_day
from definitions.compiler.columns import Columns, Leaf, Role, add_measure, aggregate
from definitions.compiler.layout import (
    Frame,
    Query,
    by_column,
    calendar_joins,
    day_grains,
    dim_alias,
    in_days,
    output_days,
    segment_columns,
    segment_sets,
)
from definitions.compiler.nodes import Node
from definitions.compiler.resolve import Resolved, ResolvedMeasure
from definitions.compiler.rows import Context, Cte, RowSource, Scan, needed_columns
from definitions.compiler.shifts import Shift
from definitions.compiler.times import query_times
from definitions.model import Source


class SnapshotStage:
    """Semi-additive snapshots: the rows of the last (or first) day within each period and grouping.

    Source: dictionary rules, semantics 6.
    """

    def __init__(
        self,
        context: Context,
        source: Source,
        time: str,
        choice: str,
        groupings: tuple[str, ...],
        shift: Shift,
    ) -> None:
        self.context = context
        self.source = source
        self.time = time
        self.choice = choice
        self.groupings = groupings
        self.shift = shift
        self.rows = RowSource(context, source)
        self.base = context.unique(f"{source.name}_snapshots")
        self.columns = Columns(context.unique)
        self.conditions: tuple[Resolved, ...] | None = None
        self.metrics: set[str] = set()
        self.role = Role(time)

    @property
    def relation(self) -> str:
        return f"{self.base}_values"

    def add(
        self,
        measure: ResolvedMeasure,
        conditions: tuple[Resolved, ...],
        name: str,
        segments: Iterable[tuple[str, ...]],
    ) -> Leaf:
        """Register a measure. Rows are filtered before the last day is looked for, so a stage has one filter."""
        self.conditions = conditions
        self.rows.segments.update(segments)
        self.metrics.add(name)
        return add_measure(self.columns, measure, (), self.role, name, self.relation)

    def scans(self) -> list[Scan]:
        table = self.source.table or self.source.name
        return [
            Scan(
                self.source.name, table, f"{self.choice} snapshot of each period", tuple(sorted(self.metrics))
            )
        ]

    def ctes(self) -> list[Cte]:
        found = [Cte(f"{self.base}_rows", self._rows())]
        layout = self.context.layout
        if isinstance(layout, Frame):
            distinct = nodes.select([nodes.column("day")], nodes.table(f"{self.base}_rows"), distinct=True)
            found.append(Cte(f"{self.base}_days", distinct))
            found.append(Cte(f"{self.base}_readings", day_grains(layout, f"{self.base}_days")))
        found.append(Cte(f"{self.base}_dated", self._dated()))
        found.append(Cte(self.relation, self._values()))
        return found

    @property
    def _taken(self) -> str:
        """The column that tells snapshots of a period apart: where whole periods are moved, the day that one was taken,
        as several may be moved to one month's end."""
        return "own_day" if self.shift.slack and not self.shift.by_day else "day"

    def _group_columns(self) -> list[tuple[str, Resolved]]:
        return [
            (f"per_{name.replace('.', '_')}", self.context.resolver.dimension(self.source, name))
            for name in self.groupings
        ]

    def _rows(self) -> exp.Select:
        rows = self.rows
        conditions = self.conditions or ()
        used = [*self.columns.needs(), *conditions, *(resolved for _, resolved in self._group_columns())]
        table, joins = rows.from_clause(rows.expressions(used))
        kind = self.source.columns[self.time].type
        day = local_day(nodes.column(self.time, self.source.name), kind, self.context.calendar)
        moved = self.shift.placed(day)
        columns: list[Node] = [nodes.aliased(moved, "day")]
        if self._taken != "day":
            columns.append(nodes.aliased(day, self._taken))
        columns += rows.dim_nodes()
        columns += needed_columns(rows, self.columns.needs())
        for name, resolved in self._group_columns():
            columns.append(nodes.aliased(rows.qualified(resolved.node.copy(), resolved.needs), name))
        first, last = output_days(self.context.layout)
        filters: list[Node | None] = [rows.qualified(item.node.copy(), item.needs) for item in conditions]
        filters.append(in_days(moved.copy(), first, last) or nodes.not_null(moved.copy()))
        if self.shift.by_day:
            joins.append(self.shift.join())
            filters.append(self.shift.leads_back(moved.copy(), day.copy()))
        return nodes.select(columns, table, joins=joins, where=nodes.all_of([rows.condition(), *filters]))

    def _dated(self) -> exp.Select:
        """Rows with the periods they fall in, and the day that each period reads."""
        layout, rows = self.context.layout, f"{self.base}_rows"
        star = exp.Column(this=exp.Star(), table=nodes.identifier(rows))
        joins: list[exp.Join] = []
        columns: list[Node] = [star]
        where = None
        if isinstance(layout, Frame):
            readings = f"{self.base}_readings"
            times = [nodes.column(key, readings) for key in layout.time_keys]
            on = nodes.equals(nodes.column("day", readings), nodes.column("day", rows))
            joins.append(nodes.join(nodes.table(readings), on, "INNER"))
            columns += [time.copy() for time in times]
        else:
            named = query_times(layout, self.context.calendar)
            times = [node for _, node in named]
            columns += [nodes.aliased(node.copy(), name) for name, node in named]
            grains = [key.grain for key in layout.times]
            joins += calendar_joins(grains, nodes.column("day", rows), self.context.calendar)
            where = self.context.when() if self.context.when else None
        partition = [
            *(time.copy() for time in times),
            *(nodes.column(name, rows) for name, _ in self._group_columns()),
        ]
        extreme = (exp.Max if self.choice == "last" else exp.Min)(this=nodes.column(self._taken, rows))
        columns.append(nodes.aliased(nodes.window(extreme, partition), "read_day"))
        return nodes.select(columns, nodes.table(rows), joins=joins, where=where)

    def _values(self) -> exp.Query:
        layout = self.context.layout
        sums = [nodes.aliased(aggregate(spec, None), name) for spec, name in self.columns.specs.items()]
        times = [nodes.column(key) for key in layout.time_keys]
        if isinstance(layout, Query):
            named = [nodes.aliased(nodes.column(by_column(n)), dim_alias(n)) for n in layout.dims]
            sets = [[nodes.column(by_column(n)) for n in layout.dims]]
        else:
            segments = sorted(self.rows.segments)
            dimension, value = segment_columns(segments)
            named = [nodes.aliased(dimension, "segment_dimension"), nodes.aliased(value, "segment_value")]
            sets = [[nodes.column(n) for n in names] for names in segment_sets(segments)]
        groups = [[*(t.copy() for t in times), *columns] for columns in sets]
        read = nodes.equals(nodes.column(self._taken), nodes.column("read_day"))
        return nodes.select(
            [*times, *named, *sums],
            nodes.table(f"{self.base}_dated"),
            where=read,
            group=nodes.grouping_sets(groups) if any(groups) else None,
        )
