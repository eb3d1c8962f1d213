"""First pass, resolve: every name in a definition → a declared column, with the joins that lead to it.

A `Resolver` belongs to one catalogue and remembers what it resolved. Errors carry the path by which they
were reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from sqlglot import exp

from definitions.compiler.calendar_sql import local_day
from definitions.compiler.expressions import translate
from definitions.compiler.nodes import Node
from definitions.compiler.parsing import RefusedError
from definitions.compiler.scopes import InputScope, MetricNeed, Need, SourceScope
from definitions.errors import CompileError
from definitions.model import (
    Aggregation,
    Calendar,
    Catalogue,
    ColumnType,
    Derived,
    Expression,
    Grain,
    Location,
    Measure,
    Metric,
    MetricInput,
    Source,
)
from definitions.references import operands

UNKNOWN = "(unknown)"
"""The group of rows whose dimension has no value. Source: dictionary rules, semantics 5."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A typed expression over the columns of a scan. Two of equal ``sql`` mean the same."""

    node: Node = field(compare=False, hash=False, repr=False)
    type: ColumnType | None
    sql: str
    needs: frozenset[Need] = frozenset()
    metrics: frozenset[MetricNeed] = frozenset()
    nullable: bool = True


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
        self._resolved: dict[tuple[str, str, ColumnType | None, bool, str, str], Resolved] = {}
        self._measures: dict[int, tuple[Measure, ResolvedMeasure]] = {}
        self._derived: dict[str, tuple[Node, tuple[MetricInput, ...]]] = {}
        self._homes: dict[int, str] = {}

    def expression(
        self,
        source: Source,
        expression: Expression,
        *,
        want: ColumnType | None = None,
        path: tuple[str, ...] = (),
        aggregates: bool = False,
        grouped: frozenset[str] = frozenset(),
        calendar: Calendar | None = None,
        local: Calendar | None = None,
    ) -> Resolved:
        """One expression over one source's rows (over groups of them when ``aggregates``). With a calendar, times
        can be cut in it (``created_at.month``); instants that meet days are days of ``local`` (default: of UTC)."""
        zones = (calendar.name if calendar else "", local.name if local else "")
        key = (source.name, expression.text, want, aggregates, *zones)
        found = self._resolved.get(key)
        if found is None:
            scope = SourceScope(self, source, aggregates, grouped, calendar, local)
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
                or typed.type is ColumnType.DOUBLE  # which may be no number
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

        With a calendar, a time can be cut to a grain (``created_at.month``) or asked for a part
        (``created_at.dow``), and an instant is cut to its day.
        """
        at = location or source.location
        found = self.expression(source, Expression(name, at), path=(*path, name), calendar=calendar)
        if calendar is not None and found.type is ColumnType.TIMESTAMP and not _is_cut(name):
            day = local_day(found.node.copy(), found.type, calendar)
            return replace(
                found, node=day, type=ColumnType.DATE, sql=f"{found.sql} by day of {calendar.name}"
            )
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
                source,
                measure.filter,
                want=ColumnType.BOOLEAN,
                path=(*path, "filter"),
                local=self._home(measure),
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
        return self.expression(
            source, measure.expr, want=want, path=(*path, "expr"), local=self._home(measure)
        )

    def _home(self, measure: Measure) -> Calendar | None:
        """The calendar of the metric that a measure belongs to."""
        if not self._homes:
            metrics = self.catalogue.metrics.values()
            self._homes = {
                id(operand): metric.calendar for metric in metrics for _, operand in operands(metric)
            }
        return self.catalogue.calendars.get(self._homes.get(id(measure), ""))

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


def _is_cut(name: str) -> bool:
    """Whether a dotted name ends in a grain of the clock, so that its value stays an instant."""
    return name.rpartition(".")[2] in set(Grain)
