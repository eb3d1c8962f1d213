"""Retention metrics: an entity's first day, and whether it came back."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.calendar_sql import add_days, local_day
from definitions.compiler.columns import add_measure
from definitions.compiler.events import DerivedRows, unfiltered
from definitions.compiler.layout import (
    by_column,
)
from definitions.compiler.nodes import Node
from definitions.compiler.resolve import Resolved, ResolvedMeasure
from definitions.compiler.rows import Context, Cte, RowSource, Scan
from definitions.compiler.shifts import Shift, days_after
from definitions.model import Aggregation, ColumnType, Retention


class RetentionStage(DerivedRows):
    """Entities by their first day, and whether they were active on days ``first``..``last`` after it."""

    def __init__(
        self,
        context: Context,
        cohort: tuple[ResolvedMeasure, tuple[Resolved, ...]],
        activity: tuple[ResolvedMeasure, tuple[Resolved, ...]],
        formula: Retention,
        shift: Shift,
        name: str,
        segments: Iterable[tuple[str, ...]],
    ) -> None:
        sources = context.resolver.catalogue.sources
        super().__init__(context, sources[cohort[0].source], name)
        self.target = sources[activity[0].source]
        self.cohort, self.cohort_conditions = cohort
        self.activity, self.activity_conditions = activity
        self.formula = formula
        self.shift = shift
        self.metrics.add(name)
        self.rows.segments.update(segments)
        plain = ResolvedMeasure(self.source.name, Aggregation.COUNT, None, None, "day")
        back = Resolved(nodes.column("came_back"), ColumnType.BOOLEAN, "came_back")
        self.cohort_size = add_measure(self.columns, plain, (), self.role, f"{name}_cohort", self.relation)
        self.retained = add_measure(
            self.columns, plain, (back,), self.role, f"{name}_retained", self.relation
        )

    def scans(self) -> list[Scan]:
        metrics = tuple(sorted(self.metrics))
        return [
            Scan(self.source.name, self.source.table or self.source.name, "cohort", metrics),
            Scan(self.target.name, self.target.table or self.target.name, "activity", metrics),
        ]

    def ctes(self) -> list[Cte]:
        dims = [by_column(name) for name in self.rows.dims()]
        found = [
            Cte(f"{self.base}_cohort", self._cohort(dims)),
            Cte(f"{self.base}_activity", self._activity()),
            Cte(f"{self.base}_rows", self._all(dims), inline=True),
        ]
        return [*found, *self.aggregated()]

    def _filtered(
        self, rows: RowSource, measure: ResolvedMeasure, conditions: tuple[Resolved, ...]
    ) -> tuple[Node, list[exp.Join], Node | None]:
        table, joins = rows.from_clause(rows.expressions(conditions))
        filters = [rows.qualified(item.node.copy(), item.needs) for item in conditions]
        time = nodes.not_null(nodes.column(measure.time, rows.source.name))
        return table, joins, nodes.all_of([rows.condition(), *filters, time])

    def _cohort(self, dims: list[str]) -> exp.Select:
        rows, measure, source = self.rows, self.cohort, self.source
        table, joins, where = self._filtered(rows, measure, self.cohort_conditions)
        kind = source.columns[measure.time].type
        entity = nodes.column(self.formula.entity, source.name)
        order = [
            nodes.column(measure.time, source.name),
            *(nodes.column(key, source.name) for key in source.key),
        ]
        rank = nodes.window(nodes.func("ROW_NUMBER"), [entity], [nodes.ascending(column) for column in order])
        day = local_day(nodes.column(measure.time, source.name), kind, self.context.calendar)
        columns: list[Node] = [
            nodes.aliased(entity.copy(), "entity"),
            nodes.aliased(day, "first_day"),
            *rows.dim_nodes(),
            nodes.aliased(rank, "event_number"),
        ]
        known = nodes.not_null(entity.copy())
        return nodes.select(columns, table, joins=joins, where=nodes.all_of([where, known]))

    def _activity(self) -> exp.Select:
        source = self.target
        rows = RowSource(unfiltered(self.context), source)
        table, joins, where = self._filtered(rows, self.activity, self.activity_conditions)
        kind = source.columns[self.activity.time].type
        day = local_day(nodes.column(self.activity.time, source.name), kind, self.context.calendar)
        entity = nodes.column(self.formula.activity_entity, source.name)
        columns: list[Node] = [nodes.aliased(entity, "entity"), nodes.aliased(day, "day")]
        return nodes.select(columns, table, joins=joins, where=where, distinct=True)

    def _all(self, dims: list[str]) -> exp.Select:
        """One row per entity of the cohort."""
        cohort, activity = f"{self.base}_cohort", f"{self.base}_activity"
        first = nodes.column("first_day", cohort)
        low = add_days(first, self.formula.first_day)
        high = add_days(first.copy(), self.formula.last_day)
        on = nodes.all_of(
            [
                nodes.equals(nodes.column("entity", activity), nodes.column("entity", cohort)),
                exp.Between(this=nodes.column("day", activity), low=low, high=high),
            ]
        )
        day = self.shift.placed(first.copy())
        returned = exp.GT(this=exp.Count(this=nodes.column("day", activity)), expression=nodes.number(0))
        keys = [nodes.column("entity", cohort), nodes.column("first_day", cohort)]
        keys += [nodes.column(dim, cohort) for dim in dims]
        columns: list[Node] = [nodes.aliased(day, "day")]
        columns += [nodes.column(dim, cohort) for dim in dims]
        columns.append(nodes.aliased(returned, "came_back"))
        opening: Node | None = nodes.equals(nodes.column("event_number", cohort), nodes.number(1))
        joins = [nodes.join(nodes.table(activity), on)]
        if self.shift.by_day:
            joins.append(self.shift.join())
            keys.append(days_after())
            opening = nodes.all_of([opening, self.shift.leads_back(day.copy(), first.copy())])
        return nodes.select(columns, nodes.table(cohort), joins=joins, where=opening, group=keys)
