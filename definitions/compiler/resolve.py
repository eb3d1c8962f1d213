"""First pass, resolve: every name in a definition → a declared column, with the joins that lead to it.

A `Resolver` belongs to one catalogue and remembers what it resolved. Errors carry the path by which they
were reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.expressions import RefusedError, Typed, translate
from definitions.compiler.nodes import Node
from definitions.errors import CompileError, Problem
from definitions.model import (
    Aggregation,
    Balance,
    Calendar,
    Catalogue,
    Column,
    ColumnType,
    Conversion,
    Derived,
    Expression,
    Grain,
    Location,
    Measure,
    Metric,
    MetricInput,
    Retention,
    Source,
)
from definitions.references import operands

UNKNOWN = "(unknown)"
"""The group of rows whose dimension has no value. Source: dictionary rules, semantics 5."""


_STAGE_WORDS = """
came_back day days_after event from_day grain moment period_start read_day role segment_dimension segment_value
until_day
"""
_STAGE_COLUMNS = frozenset(_STAGE_WORDS.split())
"""Columns that stages make themselves: a source's column of such a name is called ``<name>_column`` inside a scan."""


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """A column that a scan has to read: of the source itself (``path`` empty) or over joins."""

    path: tuple[str, ...]
    column: str

    @property
    def alias(self) -> str:
        """Name of the column inside a scan: ``accounts_tier`` for ``accounts.tier``."""
        name = "_".join((*self.path, self.column))
        return f"{name}_column" if name in _STAGE_COLUMNS else name


@dataclass(frozen=True, slots=True, order=True)
class MetricNeed:
    """A metric per entity that a filter compares with; ``alias`` is the column that holds it."""

    metric: str
    by: tuple[str, ...]

    @property
    def alias(self) -> str:
        return f"{self.metric}_by_{'_'.join(self.by)}"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A typed expression over the columns of a scan. Two of equal ``sql`` mean the same."""

    node: Node = field(compare=False, hash=False, repr=False)
    type: ColumnType | None
    sql: str
    needs: frozenset[Need] = frozenset()
    metrics: frozenset[MetricNeed] = frozenset()
    nullable: bool = True


@dataclass(slots=True)
class SourceScope:
    """Names that an expression over one source may use: its columns and dimensions, and those over its joins."""

    resolver: Resolver
    source: Source
    aggregates: bool = False
    grouped: frozenset[str] = frozenset()
    needs: set[Need] = field(default_factory=set)
    metrics: set[MetricNeed] = field(default_factory=set)

    def column(self, parts: tuple[str, ...]) -> Typed | None:
        return self._find(self.source, parts, ())

    def _find(self, source: Source, parts: tuple[str, ...], path: tuple[str, ...]) -> Typed | None:
        name = parts[0]
        if len(parts) > 1:
            join = source.joins.get(name)
            if join is None:
                return self._find(source, parts[1:], path) if name == source.name and not path else None
            return self._find(self.resolver.catalogue.sources[join.to], parts[1:], (*path, name))
        dimension = source.dimensions.get(name)
        if dimension is not None and dimension.via is not None:
            return self._find(source, (*dimension.via.split("."), *dimension.expr.text.split(".")), path)
        if dimension is not None and dimension.expr.text != name:
            inner = _Prefixed(self, source, path)
            typed = translate(dimension.expr.text, inner)
            return Typed(nodes.paren(typed.node), typed.type)
        column = source.columns.get(name)
        if column is None:
            return None
        need = Need(path, name)
        self.needs.add(need)
        return Typed(nodes.column(need.alias), column.type, column)

    def names(self) -> Iterable[str]:
        yield from self.source.columns
        yield from self.source.dimensions
        for join in self.source.joins.values():
            target = self.resolver.catalogue.sources.get(join.to)
            if target is not None:
                yield from (f"{join.name}.{name}" for name in (*target.columns, *target.dimensions))

    def metric(self, name: str, by: tuple[str, ...]) -> Typed | None:
        metric = self.resolver.catalogue.metrics.get(name)
        if metric is None or not by or self.aggregates:
            return None
        for column in by:
            if self.column((column,)) is None:
                return None
        need = MetricNeed(name, by)
        self.metrics.add(need)
        return Typed(nodes.column(need.alias), ColumnType.DOUBLE)


@dataclass(slots=True)
class _Prefixed:
    """The scope of a dimension's own expression, seen from a source that reaches it over joins."""

    outer: SourceScope
    source: Source
    path: tuple[str, ...]
    aggregates: bool = False

    def column(self, parts: tuple[str, ...]) -> Typed | None:
        return self.outer._find(self.source, parts, self.path)

    def names(self) -> Iterable[str]:
        return self.source.columns

    def metric(self, name: str, by: tuple[str, ...]) -> Typed | None:
        return None


@dataclass(frozen=True, slots=True)
class InputScope:
    """Names that a derived metric's expression may use: the aliases of its inputs."""

    aliases: frozenset[str]
    valid: tuple[str, ...]
    aggregates: bool = False

    def column(self, parts: tuple[str, ...]) -> Typed | None:
        if len(parts) != 1 or parts[0] not in self.aliases:
            return None
        return Typed(nodes.column(parts[0]), ColumnType.DOUBLE)

    def names(self) -> Iterable[str]:
        return self.valid

    def metric(self, name: str, by: tuple[str, ...]) -> Typed | None:
        return None


@dataclass(frozen=True, slots=True)
class ResolvedMeasure:
    """A measure with its expressions resolved. ``time`` is the column of its own time."""

    source: str
    agg: Aggregation
    expr: Resolved | None
    filter: Resolved | None
    time: str
    percentile: float | None = None


class Resolver:
    """Resolves expressions of one catalogue, once each. Raises CompileError with the place and path of a refusal."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._resolved: dict[tuple[str, str, ColumnType | None, bool], Resolved] = {}
        self._measures: dict[int, tuple[Measure, ResolvedMeasure]] = {}
        self._derived: dict[str, tuple[Node, tuple[MetricInput, ...]]] = {}

    def expression(
        self,
        source: Source,
        expression: Expression,
        *,
        want: ColumnType | None = None,
        path: tuple[str, ...] = (),
        aggregates: bool = False,
        grouped: frozenset[str] = frozenset(),
    ) -> Resolved:
        """One expression over one source's rows (over groups of them when ``aggregates``)."""
        key = (source.name, expression.text, want, aggregates)
        found = self._resolved.get(key)
        if found is None:
            scope = SourceScope(self, source, aggregates, grouped)
            try:
                typed = translate(expression.text, scope, want=want)
            except RefusedError as refused:
                raise CompileError([refused.problem(expression, path)]) from refused
            found = Resolved(
                node=typed.node,
                type=typed.type,
                sql=typed.node.sql(dialect="duckdb"),
                needs=frozenset(scope.needs),
                metrics=frozenset(scope.metrics),
                nullable=typed.column is None
                or typed.column.nullable
                or len(scope.needs) != 1
                or bool(next(iter(scope.needs)).path),
            )
            self._resolved[key] = found
        return found

    def dimension(
        self,
        source: Source,
        name: str,
        path: tuple[str, ...] = (),
        location: Location | None = None,
        *,
        calendar: Calendar | None = None,
    ) -> Resolved:
        """A dimension (or column) of a source by name; dotted names lead over joins.

        With a calendar, a time can be cut to a grain (``created_at.month``), and an instant is cut to
        its day.
        """
        head, _, last = name.rpartition(".")
        if calendar is not None and head and last in set(Grain):
            whole = self.expression(source, Expression(head, location or source.location), path=(*path, head))
            if whole.type is not None and whole.type.is_time:
                return cut(whole, Grain(last), calendar)
        found = self.expression(source, Expression(name, location or source.location), path=(*path, name))
        if calendar is not None and found.type is ColumnType.TIMESTAMP:
            return cut(found, Grain.DAY, calendar)
        return found

    def has_dimension(self, source: Source, name: str, calendar: Calendar | None = None) -> bool:
        """Whether ``name`` can be resolved over this source."""
        try:
            self.dimension(source, name, calendar=calendar)
        except CompileError:
            return False
        return True

    def measure(self, measure: Measure, path: tuple[str, ...] = ()) -> ResolvedMeasure:
        """A measure with its value and filter resolved and its types checked."""
        cached = self._measures.get(id(measure))
        if cached is not None:
            return cached[1]
        source = self.catalogue.sources[measure.source]
        expr = self._value(source, measure, path)
        condition = None
        if measure.filter is not None:
            condition = self.expression(
                source, measure.filter, want=ColumnType.BOOLEAN, path=(*path, "filter")
            )
        resolved = ResolvedMeasure(
            source.name, measure.agg, expr, condition, measure.time or source.time or "", measure.percentile
        )
        self._measures[id(measure)] = (measure, resolved)
        return resolved

    def _value(self, source: Source, measure: Measure, path: tuple[str, ...]) -> Resolved | None:
        if measure.expr is None:
            return None
        want = None
        if measure.agg is Aggregation.SUM_BOOLEAN:
            want = ColumnType.BOOLEAN
        elif measure.agg not in (Aggregation.COUNT, Aggregation.COUNT_DISTINCT):
            want = ColumnType.DOUBLE
        return self.expression(source, measure.expr, want=want, path=(*path, "expr"))

    def derived(self, metric: Metric) -> tuple[Node, tuple[MetricInput, ...]]:
        """A derived metric's expression over its inputs' aliases, and the inputs it uses, in order of alias."""
        found = self._derived.get(metric.name)
        if found is None:
            found = self._derive(metric)
            self._derived[metric.name] = found
        return found

    def _derive(self, metric: Metric) -> tuple[Node, tuple[MetricInput, ...]]:
        formula = metric.formula
        if not isinstance(formula, Derived):
            raise TypeError(f"{metric.name} is not derived")
        listed = {item.alias: item for item in formula.inputs}
        aliases = frozenset(listed) | frozenset(self.catalogue.metrics) - {metric.name}
        scope = InputScope(aliases, tuple(sorted((*listed, *self.catalogue.metrics))))
        try:
            typed = translate(formula.expr.text, scope, want=ColumnType.DOUBLE)
        except RefusedError as refused:
            raise CompileError([refused.problem(formula.expr, (metric.name, "expr"))]) from refused
        used = {node.name for node in typed.node.find_all(exp.Column)}
        used |= {item.alias for item in formula.inputs}
        inputs = tuple(
            listed.get(alias) or MetricInput(alias, alias, location=formula.expr.location)
            for alias in sorted(used)
        )
        return typed.node, inputs

    def sources_of(self, metric: str) -> frozenset[str]:
        """Every source that a metric reads, directly or through its inputs."""
        return frozenset(measure.source for _, measure in self.measures_of(metric))

    def measures_of(
        self, metric: str, path: tuple[str, ...] = ()
    ) -> Iterator[tuple[tuple[str, ...], Measure]]:
        """(path, measure) for every measure that a metric comes down to."""
        here = self.catalogue.metrics[metric]
        formula = here.formula
        items: Iterable[tuple[str, Measure | MetricInput]] = operands(here)
        if isinstance(formula, Derived):
            items = ((item.alias, item) for item in self.derived(here)[1])
        for part, operand in items:
            trail = (*path, metric, part)
            if isinstance(operand, MetricInput):
                yield from self.measures_of(operand.metric, trail)
            else:
                yield trail, operand


def cut(resolved: Resolved, grain: Grain, calendar: Calendar) -> Resolved:
    """A time cut to the start of its period (its second, minute or hour) in a calendar."""
    from definitions.compiler.calendar_sql import local_day, local_time, period_start_of

    kind = resolved.type or ColumnType.DATE
    if grain.is_clock:
        moment = nodes.cast(local_time(resolved.node.copy(), kind, calendar), ColumnType.TIMESTAMP)
        node: Node = nodes.TruncTime(this=moment, unit=nodes.text(grain))
        type_ = ColumnType.TIMESTAMP
    else:
        node = period_start_of(lambda: local_day(resolved.node.copy(), kind, calendar), grain, calendar)
        type_ = ColumnType.DATE
    sql = f"{resolved.sql} by {grain} of {calendar.name}"
    return replace(resolved, node=node, type=type_, sql=sql)


def check_expressions(catalogue: Catalogue, known: set[Location]) -> list[Problem]:
    """Resolve everything in the catalogue; problems found. Places in ``known`` have been told already."""
    resolver = Resolver(catalogue)
    problems: list[Problem] = []
    checks: list[Callable[[], object]] = []
    for source in catalogue.sources.values():
        checks += _source_checks(resolver, source)
    checks += [partial(_check_metric, resolver, metric) for metric in catalogue.metrics.values()]
    for check in checks:
        try:
            check()
        except CompileError as error:
            problems.extend(error.problems)
        except (KeyError, RecursionError):
            continue  # a name that is not there, or a cycle: told by the reference rules
    return [problem for problem in problems if problem.location not in known]


def _source_checks(resolver: Resolver, source: Source) -> Iterator[Callable[[], object]]:
    def condition(of: Source, expression: Expression, *part: str) -> Callable[[], object]:
        path = (source.name, *part)
        return partial(resolver.expression, of, expression, want=ColumnType.BOOLEAN, path=path)

    if source.filter is not None:
        yield condition(source, source.filter, "filter")
    for dimension in source.dimensions.values():
        path = (source.name, "dimensions")
        yield partial(resolver.dimension, source, dimension.name, path, dimension.location)
    derived, movements = source.derived, source.movements
    fold = derived or movements
    parent = resolver.catalogue.sources.get(fold.source) if fold is not None else None
    if parent is None:
        return
    if derived is not None:
        if derived.filter is not None:
            yield condition(parent, derived.filter, "derived", "filter")
        grouped = frozenset(derived.group_by)
        for column in source.columns.values():
            yield partial(_check_folded, resolver, parent, source, column, grouped)
    if movements is not None:
        value = partial(resolver.expression, parent, movements.value, want=ColumnType.DOUBLE)
        yield partial(value, path=(source.name, "movements", "value"))
        if movements.filter is not None:
            yield condition(parent, movements.filter, "movements", "filter")


def _check_folded(
    resolver: Resolver, parent: Source, source: Source, column: Column, grouped: frozenset[str]
) -> None:
    expression = column.expr
    if expression is None:
        return
    path = (source.name, "columns", column.name)
    resolved = resolver.expression(parent, expression, path=path, aggregates=True, grouped=grouped)
    number = resolved.type is not None and resolved.type.is_number
    if resolved.type not in (column.type, None) and not (number and column.type.is_number):
        message = f"the column is declared as {column.type}, its expr is of type {resolved.type}"
        raise CompileError([Problem("WRONG_TYPE", message, expression.location, expression.text, path)])


def _check_metric(resolver: Resolver, metric: Metric) -> None:
    problems: list[Problem] = []
    items: Iterable[tuple[str, Measure | MetricInput]] = operands(metric)
    if isinstance(metric.formula, Derived):
        items = [(item.alias, item) for item in resolver.derived(metric)[1]]
    for part, operand in items:
        try:
            if isinstance(operand, Measure):
                resolver.measure(operand, (metric.name, part))
                _check_entities(resolver, metric, part, operand)
            elif operand.filter is not None:
                for trail, measure in resolver.measures_of(operand.metric, (metric.name, part, "filter")):
                    source = resolver.catalogue.sources[measure.source]
                    resolver.expression(source, operand.filter, want=ColumnType.BOOLEAN, path=trail)
        except CompileError as error:
            problems.extend(error.problems)
    problems.extend(_check_segments(resolver, metric))
    if problems:
        raise CompileError(problems)


def _check_entities(resolver: Resolver, metric: Metric, part: str, measure: Measure) -> None:
    """Entities, groupings and constant properties are columns of the measure's source."""
    formula = metric.formula
    names: tuple[str, ...] = ()
    if isinstance(formula, Conversion):
        base = part == "base"
        entity = formula.entity if base else formula.conversion_entity
        names = (entity, *(pair[0 if base else 1] for pair in formula.constant_properties))
    elif isinstance(formula, Retention):
        names = (formula.entity if part == "cohort" else formula.activity_entity,)
    elif isinstance(formula, Balance):
        names = formula.groupings
    for name in names:
        resolver.dimension(
            resolver.catalogue.sources[measure.source], name, (metric.name, part), metric.location
        )


def _check_segments(resolver: Resolver, metric: Metric) -> Iterator[Problem]:
    """Every segment of a metric can be reached from each source that its value needs it of."""
    for segment in metric.segments:
        for name in segment:
            for trail, measure in resolver.measures_of(metric.name):
                if trail[-1] in ("conversion", "activity"):
                    continue
                source = resolver.catalogue.sources[measure.source]
                try:
                    resolver.dimension(source, name, (*trail, "segments"), metric.location)
                except CompileError as error:
                    message = f"{source.name!r} has no dimension {name!r}"
                    yield from (replace(p, code="UNKNOWN_SEGMENT", message=message) for p in error.problems)
