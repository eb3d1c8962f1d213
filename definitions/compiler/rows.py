"""Rows of a source with their joins: what a scan reads, and the small values that stages are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.layout import (
    Frame,
    Layout,
    Query,
    as_text,
    by_column,
    dim_alias,
    grouped,
)
from definitions.compiler.nodes import Node
from definitions.compiler.resolve import Resolved, Resolver
from definitions.compiler.scopes import MetricNeed, Need
from definitions.errors import CompileError, Problem
from definitions.model import Calendar, ColumnType, Expression, Source

_STEP_COLUMNS = """
day moment role sign read_day own_day origin first_day last_day from_day until_day next_day day_read days_after
days_of_period first_of_period last_of_period rows_held held change event entity happened_at nearness came_back
base_number conversion_number event_number base_value conversion_value known_so_far value sample metric numerator
denominator sample_size is_present
"""
_OWN_COLUMNS = frozenset(_STEP_COLUMNS.split())
"""Columns that steps have beside those of metrics and dimensions: a metric of such a name must not hide one."""


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
        """A name that nothing else in the statement has: neither a step, nor a column that steps are made of."""
        if wanted in _OWN_COLUMNS or wanted in self.layout.keys or wanted.startswith("by_"):
            wanted = f"own_{wanted}"
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
        own = [source.filter] if source.filter is not None else []
        found = [resolver.expression(source, item, want=ColumnType.BOOLEAN, path=("filter",)) for item in own]
        found += [
            resolver.expression(
                source, item, want=ColumnType.BOOLEAN, path=("where",), calendar=self.context.calendar
            )
            for item in self.context.where
        ]
        return found

    def need(self, need: Need) -> Node:
        """A needed column, qualified by the table it comes from."""
        return nodes.column(need.column, join_alias(self.source, need.path))

    def type_of(self, need: Need) -> ColumnType | None:
        """The declared type of a needed column."""
        sources = self.context.resolver.catalogue.sources
        here = self.source
        for name in need.path:
            here = sources[here.joins[name].to]
        column = here.columns.get(need.column)
        return column.type if column is not None else None

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

    def from_clause(
        self, expressions: Iterable[Resolved], *, keep_all: bool = False
    ) -> tuple[Node, list[exp.Join]]:
        """(table, joins) that make ``expressions`` reachable; ``keep_all`` keeps partners that no row has, too."""
        paths: set[tuple[str, ...]] = set()
        metrics: set[MetricNeed] = set()
        for resolved in expressions:
            metrics |= resolved.metrics
            for need in resolved.needs:
                paths.update(need.path[: i + 1] for i in range(len(need.path)))
        joins = [self._join(path, keep_all) for path in sorted(paths, key=lambda path: (len(path), path))]
        joins += [self._metric_join(need) for need in sorted(metrics)]
        table = self.source.table or self.source.name
        return nodes.table(table, self.source.name), joins

    def _join(self, path: tuple[str, ...], keep_all: bool = False) -> exp.Join:
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
        if target.validity is not None:
            conditions.append(valid_at(self._own_time(target, path), target, right))
        side = "FULL" if keep_all and target.validity is None else "LEFT"
        return nodes.join(nodes.table(target.table or target.name, right), nodes.all_of(conditions), side)

    def _own_time(self, target: Source, path: tuple[str, ...]) -> Node:
        """The time of the rows themselves, by which one interval of ``target`` is picked, over however many joins."""
        if self.source.time is None:
            message = (
                f"{target.name!r} has validity ranges and {self.source.name!r} has no time to pick one by"
            )
            hint = f"Give {self.source.name!r} a 'time:', or leave out what is reached over {'.'.join(path)}."
            where = (self.source.name, *path)
            raise CompileError(
                [Problem("JOIN_FANS_OUT", message, self.source.location, path[-1], where, hint=hint)]
            )
        return nodes.column(self.source.time, self.source.name)

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
        if rows.type_of(need) is ColumnType.DOUBLE:
            found.append(nodes.aliased(_finite(column), need.alias))
        else:
            found.append(column if need.alias == need.column else nodes.aliased(column, need.alias))
    return found


def _finite(value: Node) -> Node:
    """A double that is a number; NaN, infinity and what no decimal of nine places can hold are unknown. Engines that
    order NaN put it above all numbers."""
    size = exp.Abs(this=value.copy())
    return nodes.case([(exp.LT(this=size, expression=nodes.number(_LARGEST)), value)])


_LARGEST = 1e29
