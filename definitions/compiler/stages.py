"""Stages: CTEs that turn a source's rows into relations over the layout's keys.

A stage gathers the measures that can share its scan first, and says its SQL afterwards. In the frame
layout the scan aggregates once to day × dimensions (the cube); everything coarser is merged from there,
so that the table is read once whatever the number of metrics, grains and segments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlglot import exp

from definitions.calendars import utc_start
from definitions.compiler import nodes
from definitions.compiler.calendar_sql import add_days, add_span, local_day, local_time
from definitions.compiler.columns import Columns, Leaf, Role, Spec, add_measure, aggregate, merge
from definitions.compiler.layout import (
    Frame,
    Layout,
    Query,
    as_text,
    by_column,
    calendar_joins,
    dim_alias,
    grain_columns,
    grouped,
    in_days,
    output_days,
    period_column,
    period_columns,
    segment_columns,
    segment_sets,
    trailing_offsets,
)
from definitions.compiler.nodes import Node
from definitions.compiler.resolve import MetricNeed, Need, Resolved, ResolvedMeasure, Resolver
from definitions.model import Calendar, ColumnType, Expression, Grain, Source, Span, trailing_days


@dataclass(frozen=True, slots=True)
class Cte:
    """One named step of a statement. ``inline`` steps are not worth keeping: the engine reads through them."""

    name: str
    query: exp.Query
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Scan:
    """One read of a source: what for, and for which metrics."""

    source: str
    table: str
    purpose: str
    metrics: tuple[str, ...]


@dataclass(slots=True)
class Context:
    """What every stage needs to know.

    ``where`` are a query's conditions on dimensions, ``when`` its condition on the metric's own time
    (over ``day``).
    """

    resolver: Resolver
    calendar: Calendar
    layout: Layout
    where: tuple[Expression, ...] = ()
    when: Callable[[], Node] | None = None
    taken: set[str] = field(default_factory=set)
    per_entity: Callable[[MetricNeed, Source], str] | None = None

    def unique(self, wanted: str) -> str:
        """A name that nothing else in the statement has."""
        name, number = wanted, 2
        while name in self.taken:
            name, number = f"{wanted}_{number}", number + 1
        self.taken.add(name)
        return name


@dataclass(slots=True)
class RowSource:
    """Rows of one source with their joins: the FROM clause of a scan, and the columns it offers.

    ``metric_relations`` maps metrics used in filters to the relations that hold them per entity.
    """

    context: Context
    source: Source
    segments: set[tuple[str, ...]] = field(default_factory=set)

    def dims(self) -> list[str]:
        """Names of all dimensions that are grouped by, in order."""
        layout = self.context.layout
        if isinstance(layout, Query):
            return list(layout.dims)
        return sorted({name for segment in self.segments for name in segment})

    def dim_nodes(self) -> list[Node]:
        """The dimensions as columns ``by_…``."""
        found: list[Node] = []
        for name in self.dims():
            resolved = self._dimension(name)
            value = as_text(resolved) if isinstance(self.context.layout, Frame) else grouped(resolved)
            found.append(nodes.aliased(self.qualified(value, resolved.needs), by_column(name)))
        return found

    def expressions(self, extra: Iterable[Resolved] = ()) -> list[Resolved]:
        """Everything that the FROM clause has to make reachable."""
        found = [self._dimension(name) for name in self.dims()]
        return [*found, *extra, *self.conditions()]

    def _dimension(self, name: str) -> Resolved:
        context = self.context
        calendar = context.calendar if isinstance(context.layout, Query) else None
        return context.resolver.dimension(self.source, name, calendar=calendar)

    def conditions(self) -> list[Resolved]:
        """The source's own filter, and the query's."""
        resolver, source = self.context.resolver, self.source
        filters = [source.filter] if source.filter is not None else []
        return [
            resolver.expression(source, condition, want=ColumnType.BOOLEAN, path=("where",))
            for condition in (*filters, *self.context.where)
        ]

    def need(self, need: Need) -> Node:
        """A needed column, qualified by the table it comes from."""
        return nodes.column(need.column, join_alias(self.source, need.path))

    def qualified(self, node: Node, needs: Iterable[Need]) -> Node:
        """A resolved node, whose columns are aliases, with real tables instead; for use inside the scan."""
        by_alias = {need.alias: need for need in needs}
        for column in list(node.find_all(exp.Column)):
            need = by_alias.get(column.name)
            if need is not None:
                column.set("this", nodes.identifier(need.column))
                column.set("table", nodes.identifier(join_alias(self.source, need.path)))
        return node

    def condition(self) -> Node | None:
        """The conditions on rows, with real tables."""
        return nodes.all_of(self.qualified(item.node.copy(), item.needs) for item in self.conditions())

    def from_clause(self, expressions: Iterable[Resolved]) -> tuple[Node, list[exp.Join]]:
        """(table, joins) that make ``expressions`` reachable."""
        paths: set[tuple[str, ...]] = set()
        metrics: set[MetricNeed] = set()
        for resolved in expressions:
            metrics |= resolved.metrics
            for need in resolved.needs:
                paths.update(need.path[: i + 1] for i in range(len(need.path)))
        joins = [self._join(path) for path in sorted(paths, key=lambda path: (len(path), path))]
        joins += [self._metric_join(need) for need in sorted(metrics)]
        table = self.source.table or self.source.name
        return nodes.table(table, self.source.name), joins

    def _join(self, path: tuple[str, ...]) -> exp.Join:
        sources = self.context.resolver.catalogue.sources
        here = self.source
        for name in path[:-1]:
            here = sources[here.joins[name].to]
        join = here.joins[path[-1]]
        target = sources[join.to]
        left, right = join_alias(self.source, path[:-1]), join_alias(self.source, path)
        conditions: list[Node | None] = [
            nodes.equals(nodes.column(there, right), nodes.column(column, left)) for column, there in join.on
        ]
        if target.validity is not None and here.time is not None:
            conditions.append(valid_at(nodes.column(here.time, left), target, right))
        return nodes.join(nodes.table(target.table or target.name, right), nodes.all_of(conditions))

    def _metric_join(self, need: MetricNeed) -> exp.Join:
        if self.context.per_entity is None:
            raise ValueError("a metric in a filter cannot be used here")
        relation = self.context.per_entity(need, self.source)
        conditions: list[Node | None] = []
        for name in need.by:
            resolved = self.context.resolver.dimension(self.source, name)
            here = self.qualified(resolved.node.copy(), resolved.needs)
            conditions.append(nodes.equals(nodes.column(dim_alias(name), relation), here))
        return nodes.join(nodes.table(relation), nodes.all_of(conditions))

    def metric_columns(self, expressions: Iterable[Resolved]) -> list[Node]:
        """The values of metrics used in filters, as columns of the scan."""
        needs = sorted({need for resolved in expressions for need in resolved.metrics})
        return [nodes.aliased(nodes.column(need.alias, need.alias), need.alias) for need in needs]


def valid_at(instant: Node, target: Source, alias: str) -> Node:
    """The target's row is valid at an instant: ``[start, end)``, a null end is open."""
    validity = target.validity
    if validity is None:
        raise TypeError(f"{target.name} has no validity")
    end = nodes.column(validity.end, alias)
    open_end = exp.Or(
        this=exp.LT(this=instant.copy(), expression=end),
        expression=nodes.is_null(nodes.column(validity.end, alias)),
    )
    begun = exp.GTE(this=instant, expression=nodes.column(validity.start, alias))
    return exp.And(this=begun, expression=exp.Paren(this=open_end))


def join_alias(source: Source, path: Sequence[str]) -> str:
    """Alias of a joined table: the path of joins; of the source itself: its name."""
    return "_".join(path) if path else source.name


def needed_columns(rows: RowSource, expressions: Iterable[Resolved]) -> list[Node]:
    """The columns that ``expressions`` read, under the aliases that they read them by."""
    needs = sorted({need for resolved in expressions for need in resolved.needs})
    found: list[Node] = []
    for need in needs:
        column = rows.need(need)
        found.append(column if need.alias == need.column else nodes.aliased(column, need.alias))
    return found


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
        offsets: tuple[Span, ...],
        name: str,
        segments: Iterable[tuple[str, ...]],
    ) -> Leaf:
        """Register one measure; the leaf that reads it from this stage's relations."""
        role = Role(measure.time, offsets)
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
        where = nodes.all_of([rows.condition(), self._bounds()])
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
        column = self.source.columns[role.time]
        node = local_day(nodes.column(role.time, self.source.name), column.type, self.context.calendar)
        for span in role.offsets:
            node = add_span(node, span)
        return node

    def _moment(self, role: Role) -> Node:
        column = self.source.columns[role.time]
        node = local_time(nodes.column(role.time, self.source.name), column.type, self.context.calendar)
        return nodes.cast(node, ColumnType.TIMESTAMP) if column.type is ColumnType.DATE else node

    def _bounds(self) -> Node | None:
        """Bounds on the raw time column, wherever one is enough to say them: they let the engine skip data."""
        first, last = self._days()
        if len(self.roles) != 1 or (first is None and last is None):
            return None
        role = next(iter(self.roles))
        if role.offsets:
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


def query_times(layout: Query, calendar: Calendar) -> list[tuple[str, Node]]:
    """(name, value) of a query's time columns, over a stage's ``day`` (and ``moment``)."""
    from definitions.compiler.calendar_sql import period_start_of

    found: list[tuple[str, Node]] = []
    for key in layout.times:
        node: Node
        if key.part is not None:
            node = nodes.DatePart(this=nodes.column("day"), unit=nodes.text(key.part))
        elif key.grain in (Grain.SECOND, Grain.MINUTE, Grain.HOUR):
            node = nodes.TruncTime(this=nodes.column("moment"), unit=nodes.text(key.grain))
        else:
            node = period_start_of(lambda: nodes.column("day"), key.grain, calendar)
        found.append((key.name, node))
    return found


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


def _naive(instant: datetime) -> str:
    return instant.replace(tzinfo=None).isoformat(sep=" ")
