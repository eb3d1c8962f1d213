"""Stages that first make rows of their own, and then aggregate them like any others.

Conversion: each conversion is credited to the latest base event in its window. Retention: an entity's
first day, and whether it came back. Snapshots: the rows of the last (or first) day of each period.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.calendar_sql import add_days, add_span, local_day
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
from definitions.compiler.stages import (
    Context,
    Cte,
    RowSource,
    Scan,
    cube_ctes,
    exact_query,
    needed_columns,
    query_times,
)
from definitions.model import Aggregation, ColumnType, Conversion, Retention, Source, Span


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


class ConversionStage(DerivedRows):
    """Base events and the conversions credited to them. Source: dictionary rules, semantics 7."""

    def __init__(
        self,
        context: Context,
        base: tuple[ResolvedMeasure, tuple[Resolved, ...]],
        conversion: tuple[ResolvedMeasure, tuple[Resolved, ...]],
        formula: Conversion,
        offsets: tuple[Span, ...],
        name: str,
        segments: Iterable[tuple[str, ...]],
    ) -> None:
        sources = context.resolver.catalogue.sources
        super().__init__(context, sources[base[0].source], name)
        self.target = sources[conversion[0].source]
        self.base_measure, self.base_conditions = base
        self.conversion_measure, self.conversion_conditions = conversion
        self.formula = formula
        self.offsets = offsets
        self.metrics.add(name)
        self.rows.segments.update(segments)
        self.name = name
        self.converted = self._leaf(self.conversion_measure, "conversion", f"{name}_converted")
        self.opportunities = self._leaf(self.base_measure, "base", f"{name}_base")

    def _leaf(self, measure: ResolvedMeasure, event: str, name: str) -> Leaf:
        """The measure over rows of one kind, whose value stands ready in a column of its own."""
        value = None
        if measure.expr is not None:
            value = Resolved(nodes.column(f"{event}_value"), measure.expr.type, f"{event}_value")
        is_event = nodes.equals(nodes.column("event"), nodes.text(event))
        condition = Resolved(is_event, ColumnType.BOOLEAN, f"event = '{event}'")
        plain = ResolvedMeasure(measure.source, measure.agg, value, None, "day", measure.percentile)
        return add_measure(self.columns, plain, (condition,), self.role, name, self.relation)

    def scans(self) -> list[Scan]:
        metrics = tuple(sorted(self.metrics))
        return [
            Scan(self.source.name, self.source.table or self.source.name, "base events", metrics),
            Scan(self.target.name, self.target.table or self.target.name, "conversion events", metrics),
        ]

    def ctes(self) -> list[Cte]:
        dims = [by_column(name) for name in self.rows.dims()]
        found = [
            Cte(f"{self.base}_base", self._base(dims)),
            Cte(f"{self.base}_conversions", self._conversions()),
            Cte(f"{self.base}_credited", self._credited(dims)),
            Cte(f"{self.base}_rows", self._all(dims), inline=True),
        ]
        return [*found, *self.aggregated()]

    @property
    def _as_day(self) -> bool:
        """Times are compared as days when one side knows no more."""
        kinds = {
            self.source.columns[self.base_measure.time].type,
            self.target.columns[self.conversion_measure.time].type,
        }
        return ColumnType.DATE in kinds

    def _side(
        self, rows: RowSource, measure: ResolvedMeasure, conditions: tuple[Resolved, ...]
    ) -> tuple[Node, list[exp.Join], Node | None]:
        used = [*conditions, *([measure.expr] if measure.expr is not None else [])]
        table, joins = rows.from_clause(rows.expressions(used))
        filters = [rows.qualified(item.node.copy(), item.needs) for item in conditions]
        time = nodes.not_null(nodes.column(measure.time, rows.source.name))
        return table, joins, nodes.all_of([rows.condition(), *filters, time])

    def _value(self, rows: RowSource, measure: ResolvedMeasure, event: str) -> list[Node]:
        if measure.expr is None:
            return []
        return [nodes.aliased(rows.qualified(measure.expr.node.copy(), measure.expr.needs), f"{event}_value")]

    def _constants(self, source: Source, side: int) -> list[Node]:
        return [
            nodes.aliased(nodes.column(pair[side], source.name), f"constant_{number}")
            for number, pair in enumerate(self.formula.constant_properties, 1)
        ]

    def _base(self, dims: list[str]) -> exp.Select:
        rows, measure = self.rows, self.base_measure
        table, joins, where = self._side(rows, measure, self.base_conditions)
        kind = self.source.columns[measure.time].type
        day = local_day(nodes.column(measure.time, self.source.name), kind, self.context.calendar)
        for span in self.offsets:
            day = add_span(day, span)
        order = [nodes.column(column, self.source.name) for column in self.source.key]
        number = nodes.window(nodes.func("ROW_NUMBER"), [], [nodes.ascending(column) for column in order])
        columns: list[Node] = [
            nodes.aliased(number, "base_number"),
            nodes.aliased(day, "day"),
            nodes.aliased(event_time(self.source, measure.time, self.context, self._as_day), "happened_at"),
            nodes.aliased(nodes.column(self.formula.entity, self.source.name), "entity"),
            *self._constants(self.source, 0),
            *rows.dim_nodes(),
            *self._value(rows, measure, "base"),
        ]
        return nodes.select(columns, table, joins=joins, where=where)

    def _conversions(self) -> exp.Select:
        rows = RowSource(_unfiltered(self.context), self.target)
        measure = self.conversion_measure
        table, joins, where = self._side(rows, measure, self.conversion_conditions)
        entity = nodes.column(self.formula.conversion_entity, self.target.name)
        order = [nodes.column(column, self.target.name) for column in self.target.key]
        number = nodes.window(nodes.func("ROW_NUMBER"), [], [nodes.ascending(column) for column in order])
        columns: list[Node] = [
            nodes.aliased(number, "conversion_number"),
            nodes.aliased(event_time(self.target, measure.time, self.context, self._as_day), "happened_at"),
            nodes.aliased(entity, "entity"),
            *self._constants(self.target, 1),
            *self._value(rows, measure, "conversion"),
        ]
        return nodes.select(columns, table, joins=joins, where=where)

    def _credited(self, dims: list[str]) -> exp.Select:
        """Each conversion with its latest base event in the window; ties go to the later key."""
        base, conversions = f"{self.base}_base", f"{self.base}_conversions"
        b, c = "base", "conversion"
        on: list[Node | None] = [
            nodes.equals(nodes.column("entity", b), nodes.column("entity", c)),
            exp.LTE(this=nodes.column("happened_at", b), expression=nodes.column("happened_at", c)),
        ]
        if self.formula.window is not None:
            earliest = self._window_start(nodes.column("happened_at", c), self.formula.window)
            compare = exp.GTE if self.formula.inclusive else exp.GT
            on.append(compare(this=nodes.column("happened_at", b), expression=earliest))
        for number in range(1, len(self.formula.constant_properties) + 1):
            name = f"constant_{number}"
            on.append(nodes.equals(nodes.column(name, b), nodes.column(name, c)))
        order = [
            nodes.descending(nodes.column("happened_at", b)),
            nodes.descending(nodes.column("base_number", b)),
        ]
        rank = nodes.window(nodes.func("ROW_NUMBER"), [nodes.column("conversion_number", c)], order)
        values = ["conversion_value"] if self.conversion_measure.expr is not None else []
        columns: list[Node] = [
            nodes.column("day", b),
            *(nodes.column(dim, b) for dim in dims),
            *(nodes.column(value, c) for value in values),
            nodes.aliased(rank, "nearness"),
        ]
        join = nodes.join(nodes.table(conversions, c), nodes.all_of(on), "INNER")
        return nodes.select(columns, nodes.table(base, b), joins=[join])

    def _window_start(self, instant: Node, window: Span) -> Node:
        if self._as_day:
            return add_span(instant, window, -1)
        if window.unit in ("month", "quarter", "year"):
            return nodes.AddMonths(this=instant, months=nodes.number(-_months(window)), instant=exp.true())
        return nodes.AddSeconds(this=instant, seconds=nodes.number(-round(window.days * 86400)))

    def _all(self, dims: list[str]) -> exp.Query:
        """Base events and credited conversions, one under the other."""

        def row(event: str, relation: str, where: Node | None) -> exp.Select:
            columns: list[Node] = [nodes.aliased(nodes.text(event), "event"), nodes.column("day")]
            columns += [nodes.column(dim) for dim in dims]
            for name, measure in (("base", self.base_measure), ("conversion", self.conversion_measure)):
                if measure.expr is None:
                    continue
                value: Node = nodes.column(f"{name}_value")
                if name != event:
                    kind = measure.expr.type or ColumnType.DOUBLE
                    value = nodes.cast(nodes.null(), kind)
                columns.append(nodes.aliased(value, f"{name}_value"))
            return nodes.select(columns, nodes.table(relation), where=where)

        nearest = nodes.equals(nodes.column("nearness"), nodes.number(1))
        return nodes.union_all(
            [row("base", f"{self.base}_base", None), row("conversion", f"{self.base}_credited", nearest)]
        )


def _months(span: Span) -> int:
    return span.count * {"month": 1, "quarter": 3, "year": 12}[span.unit]


def _unfiltered(context: Context) -> Context:
    """The context without the query's own conditions and groups: they are about the base side."""
    return Context(
        context.resolver,
        context.calendar,
        Query(context.calendar, (), (), context.layout.range),
        taken=context.taken,
        per_entity=context.per_entity,
    )


class RetentionStage(DerivedRows):
    """Entities by their first day, and whether they were active on days ``first``..``last`` after it."""

    def __init__(
        self,
        context: Context,
        cohort: tuple[ResolvedMeasure, tuple[Resolved, ...]],
        activity: tuple[ResolvedMeasure, tuple[Resolved, ...]],
        formula: Retention,
        offsets: tuple[Span, ...],
        name: str,
        segments: Iterable[tuple[str, ...]],
    ) -> None:
        sources = context.resolver.catalogue.sources
        super().__init__(context, sources[cohort[0].source], name)
        self.target = sources[activity[0].source]
        self.cohort, self.cohort_conditions = cohort
        self.activity, self.activity_conditions = activity
        self.formula = formula
        self.offsets = offsets
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
        rows = RowSource(_unfiltered(self.context), source)
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
        day: Node = first.copy()
        for span in self.offsets:
            day = add_span(day, span)
        returned = exp.GT(this=exp.Count(this=nodes.column("day", activity)), expression=nodes.number(0))
        keys = [nodes.column("entity", cohort), nodes.column("first_day", cohort)]
        keys += [nodes.column(dim, cohort) for dim in dims]
        columns: list[Node] = [nodes.aliased(day, "day")]
        columns += [nodes.column(dim, cohort) for dim in dims]
        columns.append(nodes.aliased(returned, "came_back"))
        opening = nodes.equals(nodes.column("event_number", cohort), nodes.number(1))
        join = nodes.join(nodes.table(activity), on)
        return nodes.select(columns, nodes.table(cohort), joins=[join], where=opening, group=keys)


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
        offsets: tuple[Span, ...],
    ) -> None:
        self.context = context
        self.source = source
        self.time = time
        self.choice = choice
        self.groupings = groupings
        self.offsets = offsets
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
        for span in self.offsets:
            day = add_span(day, span)
        columns: list[Node] = [nodes.aliased(day, "day"), *rows.dim_nodes()]
        columns += needed_columns(rows, self.columns.needs())
        for name, resolved in self._group_columns():
            columns.append(nodes.aliased(rows.qualified(resolved.node.copy(), resolved.needs), name))
        first, last = output_days(self.context.layout)
        filters = [rows.qualified(item.node.copy(), item.needs) for item in conditions]
        bounds = in_days(day.copy(), first, last) or nodes.not_null(day.copy())
        return nodes.select(
            columns, table, joins=joins, where=nodes.all_of([rows.condition(), *filters, bounds])
        )

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
            where = self.context.when() if self.context.when else None
        partition = [
            *(time.copy() for time in times),
            *(nodes.column(name, rows) for name, _ in self._group_columns()),
        ]
        extreme = (exp.Max if self.choice == "last" else exp.Min)(this=nodes.column("day", rows))
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
        read = nodes.equals(nodes.column("day"), nodes.column("read_day"))
        return nodes.select(
            [*times, *named, *sums],
            nodes.table(f"{self.base}_dated"),
            where=read,
            group=nodes.grouping_sets(groups) if any(groups) else None,
        )
