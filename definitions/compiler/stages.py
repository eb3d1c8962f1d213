"""Metrics that aggregate the rows of one source by their own time.

A stage gathers the measures that can share its scan first, and says its SQL afterwards. In the frame
layout the scan aggregates once to day × dimensions (the cube); everything coarser is merged from there,
so that the table is read once whatever the number of metrics, grains and segments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta

from sqlglot import exp

from definitions.calendars import utc_start
from definitions.compiler import nodes
from definitions.compiler.calendar_sql import local_day, local_time
from definitions.compiler.columns import Columns, Leaf, Role, Spec, add_measure, aggregate
from definitions.compiler.cube import cube_ctes, exact_query
from definitions.compiler.layout import (
    Frame,
    Query,
    by_column,
    calendar_joins,
    dim_alias,
    in_days,
    output_days,
)
from definitions.compiler.nodes import Node
from definitions.compiler.resolve import Resolved, ResolvedMeasure
from definitions.compiler.rows import Context, Cte, RowSource, Scan, needed_columns
from definitions.compiler.shifts import Shift
from definitions.compiler.ticks import add_to_moment
from definitions.compiler.times import query_times
from definitions.model import ColumnType, Grain, Source


class RowStage:
    """Metrics that count, sum or rank the rows of one source by the day of a time column of their own."""

    def __init__(self, context: Context, source: Source) -> None:
        self.context = context
        self.source = source
        self.rows = RowSource(context, source)
        self.base = context.unique(source.name)
        self.roles: dict[Role, str] = {}
        self.additive = Columns(context.unique)
        self.exact = Columns(context.unique)
        self.metrics: set[str] = set()
        self.from_the_start = False

    @property
    def relation(self) -> str:
        suffix = "values" if isinstance(self.context.layout, Query) else "periods"
        return f"{self.base}_{suffix}"

    @property
    def exact_relation(self) -> str:
        return self.relation if isinstance(self.context.layout, Query) else f"{self.base}_exact"

    def add(
        self,
        measure: ResolvedMeasure,
        conditions: tuple[Resolved, ...],
        shift: Shift,
        name: str,
        segments: Iterable[tuple[str, ...]],
    ) -> Leaf:
        """Register one measure; the leaf that reads it from this stage's relations."""
        role = Role(measure.time, shift)
        self.roles.setdefault(role, role.label)
        self.rows.segments.update(segments)
        self.metrics.add(name)
        mergeable = measure.agg not in ("count_distinct", "median", "percentile")
        if mergeable or isinstance(self.context.layout, Query):
            return add_measure(self.additive, measure, conditions, role, name, self.relation)
        return add_measure(self.exact, measure, conditions, role, name, self.exact_relation)

    # ── SQL ─────────────────────────────────────────────────────────────────────────────────────────────────

    def scans(self) -> list[Scan]:
        table = self.source.table or self.source.name
        found = []
        if self.additive.specs:
            found.append(Scan(self.source.name, table, "counts and sums", tuple(sorted(self.metrics))))
        if self.exact.specs:
            found.append(
                Scan(self.source.name, table, "distinct counts and percentiles", tuple(sorted(self.metrics)))
            )
        return found

    def ctes(self) -> list[Cte]:
        found = [Cte(f"{self.base}_rows", self._rows(), inline=True)]
        if isinstance(self.context.layout, Query):
            return [*found, Cte(self.relation, self._query(self.context.layout))]
        if self.additive.specs:
            found += self._cube(self.context.layout)
        if self.exact.specs:
            found.append(Cte(self.exact_relation, self._exact(self.context.layout)))
        return found

    def _rows(self) -> exp.Select:
        """The rows of the source with their day, dimensions and needed columns; nothing is aggregated yet."""
        rows = self.rows
        used = [*self.additive.needs(), *self.exact.needs()]
        expressions = rows.expressions(used)
        columns: list[Node] = []
        role_column = nodes.column("role", "dated")
        if len(self.roles) > 1:
            columns.append(nodes.aliased(role_column, "role"))
        columns.append(nodes.aliased(self._placed(self._day), "day"))
        if self._clock is not None:
            columns.append(nodes.aliased(self._placed(self._moment), "moment"))
        columns += rows.dim_nodes()
        columns += needed_columns(rows, used)
        columns += rows.metric_columns(used)
        table, joins = rows.from_clause(expressions)
        if len(self.roles) > 1:
            labels = nodes.values([nodes.text(label) for label in self.roles.values()], "dated", ["role"])
            joins.append(nodes.join(labels, None, "CROSS"))
        conditions = [rows.condition(), self._bounds()]
        spread = [role.shift for role in self.roles if role.shift.by_day]
        if spread:
            joins.append(max(spread, key=lambda shift: shift.slack).join())
            conditions.append(self._placed(self._leads_back))
        where = nodes.all_of(conditions)
        return nodes.select(columns, table, joins=joins, where=where)

    @property
    def _clock(self) -> Grain | None:
        return self.context.layout.clock if isinstance(self.context.layout, Query) else None

    def _placed(self, place: Callable[[Role], Node]) -> Node:
        roles = list(self.roles.items())
        if len(roles) == 1:
            return place(roles[0][0])
        pairs = [
            (nodes.equals(nodes.column("role", "dated"), nodes.text(label)), place(role))
            for role, label in roles
        ]
        return nodes.case(pairs)

    def _day(self, role: Role) -> Node:
        if role.shift.has_clock:
            return nodes.cast(self._moment(role), ColumnType.DATE)
        column = self.source.columns[role.time]
        node = local_day(nodes.column(role.time, self.source.name), column.type, self.context.calendar)
        return role.shift.placed(node)

    def _leads_back(self, role: Role) -> Node:
        own = Role(role.time)
        if role.shift.has_clock:
            return role.shift.leads_back(self._moment(role), self._moment(own), add_to_moment)
        return role.shift.leads_back(self._day(role), self._day(own))

    def _moment(self, role: Role) -> Node:
        column = self.source.columns[role.time]
        node = local_time(nodes.column(role.time, self.source.name), column.type, self.context.calendar)
        node = nodes.cast(node, ColumnType.TIMESTAMP) if column.type is ColumnType.DATE else node
        return role.shift.placed_moment(node)

    def _bounds(self) -> Node | None:
        """Bounds on the raw time column, wherever one is enough to say them: they let the engine skip data."""
        first, last = self._days()
        if len(self.roles) != 1 or (first is None and last is None):
            return None
        role = next(iter(self.roles))
        if role.shift.offsets:
            return None
        kind = self.source.columns[role.time].type
        column = nodes.column(role.time, self.source.name)
        if kind is ColumnType.DATE:
            return in_days(column, first, last)
        calendar = self.context.calendar
        found: list[Node | None] = []
        if first is not None:
            begin = _naive(utc_start(calendar, first))
            found.append(exp.GTE(this=column, expression=nodes.timestamp_literal(begin)))
        if last is not None:
            end = _naive(utc_start(calendar, last + timedelta(days=1), latest=True))
            found.append(exp.LT(this=column.copy(), expression=nodes.timestamp_literal(end)))
        return nodes.all_of(found)

    def _days(self) -> tuple[date | None, date | None]:
        first, last = output_days(self.context.layout)
        return None if self.from_the_start else first, last

    def _in_range(self) -> Node | None:
        first, last = self._days()
        bounds = in_days(nodes.column("day"), first, last) or nodes.not_null(nodes.column("day"))
        return nodes.all_of([bounds, self.context.when() if self.context.when else None])

    def _aggregates(self, columns: Columns) -> list[Node]:
        return [
            nodes.aliased(aggregate(spec, self._role(spec)), name) for spec, name in columns.specs.items()
        ]

    def _role(self, spec: Spec) -> Node | None:
        if len(self.roles) == 1:
            return None
        return nodes.equals(nodes.column("role"), nodes.text(self.roles[spec.role]))

    def _query(self, layout: Query) -> exp.Select:
        times = query_times(layout, self.context.calendar)
        dims = [(by_column(name), dim_alias(name)) for name in layout.dims]
        columns = [nodes.aliased(node, name) for name, node in times]
        columns += [nodes.aliased(nodes.column(inner), outer) for inner, outer in dims]
        columns += self._aggregates(self.additive)
        group = [node.copy() for _, node in times] + [nodes.column(inner) for inner, _ in dims]
        grains = [key.grain for key in layout.times]
        joins = calendar_joins(grains, nodes.column("day"), self.context.calendar)
        return nodes.select(
            columns, nodes.table(f"{self.base}_rows"), joins=joins, where=self._in_range(), group=group
        )

    def _cube(self, layout: Frame) -> list[Cte]:
        return cube_ctes(
            layout=layout,
            base=self.base,
            rows=f"{self.base}_rows",
            relation=self.relation,
            segments=sorted(self.rows.segments),
            dims=self.rows.dims(),
            columns=self.additive,
            aggregates=self._aggregates(self.additive),
            where=self._in_range(),
        )

    def _exact(self, layout: Frame) -> exp.Query:
        return exact_query(
            layout=layout,
            rows=f"{self.base}_rows",
            segments=sorted(self.rows.segments),
            aggregates=lambda: self._aggregates(self.exact),
            where=self._in_range,
        )


def _naive(instant: datetime) -> str:
    return instant.replace(tzinfo=None).isoformat(sep=" ")
