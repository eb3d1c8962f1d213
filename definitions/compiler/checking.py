"""Everything in a catalogue resolved once, so that what cannot be said is told when definitions are loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from definitions.compiler.resolve import Resolver
from definitions.errors import CompileError, Problem
from definitions.model import (
    Balance,
    Catalogue,
    Column,
    ColumnType,
    Conversion,
    Derived,
    Expression,
    Location,
    Measure,
    Metric,
    MetricInput,
    Retention,
    Source,
)
from definitions.references import operands


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
