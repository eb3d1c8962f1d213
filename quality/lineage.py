"""Which KPIs rest on which table and column, so that a failed check holds back those and no others.

A metric rests on a column when its formula, its filters, its time column, one of its dimensions or a join on
the way mentions it; derived metrics rest on everything their inputs rest on. A name that cannot be resolved
counts as the whole table: when in doubt, more is held back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from definitions.model import (
    Balance,
    Catalogue,
    Conversion,
    Cumulative,
    Derived,
    Expression,
    Measure,
    Metric,
    MetricInput,
    Operand,
    Ratio,
    Retention,
    Simple,
    Source,
)

WHOLE_TABLE = "*"
"""Stands for every column of a table."""

Use = tuple[str, str]
"""(table, column)."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """``lineage.metrics_of("crm.opportunities", ["amount"])`` → the KPIs to hold back, sorted."""

    by_table: Mapping[str, frozenset[str]]
    by_column: Mapping[Use, frozenset[str]]

    def metrics_of(self, table: str, columns: Iterable[str] | None = None) -> tuple[str, ...]:
        """Metrics that rest on ``table``; with ``columns``, those that rest on at least one of them."""
        if columns is None:
            return tuple(sorted(self.by_table.get(table, frozenset())))
        found = set(self.by_column.get((table, WHOLE_TABLE), frozenset()))
        for column in columns:
            found |= self.by_column.get((table, column), frozenset())
        return tuple(sorted(found))


def lineage(catalogue: Catalogue) -> Lineage:
    """Trace every metric of the catalogue to the tables and columns it rests on."""
    trace = _Trace(catalogue)
    by_table: dict[str, set[str]] = {}
    by_column: dict[Use, set[str]] = {}
    for name in catalogue.metrics:
        for table, column in trace.uses(name):
            by_table.setdefault(table, set()).add(name)
            by_column.setdefault((table, column), set()).add(name)
    return Lineage(
        {table: frozenset(names) for table, names in sorted(by_table.items())},
        {use: frozenset(names) for use, names in sorted(by_column.items())},
    )


@dataclass
class _Trace:
    """One walk over a catalogue; remembers what each metric rests on."""

    catalogue: Catalogue
    known: dict[str, frozenset[Use]] = field(default_factory=dict)

    def uses(self, name: str, on_the_way: tuple[str, ...] = ()) -> frozenset[Use]:
        if name in self.known:
            return self.known[name]
        metric = self.catalogue.metrics.get(name)
        if metric is None or name in on_the_way:  # loading refuses both; never loop here
            return frozenset()
        found: set[Use] = set()
        for operand in _operands(metric):
            if isinstance(operand, Measure):
                found |= self._measure(operand, metric)
            else:
                found |= self.uses(operand.metric, (*on_the_way, name))
                for home in self._homes(operand.metric):
                    found |= self._text(operand.filter, home, on_the_way=(*on_the_way, name))
        found |= self._entities(metric)
        self.known[name] = frozenset(found)
        return self.known[name]

    def _measure(self, measure: Measure, metric: Metric) -> set[Use]:
        source = self.catalogue.sources.get(measure.source)
        if source is None:
            return set()
        found = self._source(source)
        for text in (measure.expr, measure.filter):
            found |= self._text(text, source)
        time = measure.time or source.time
        if time is not None:
            found |= self._name(time, source)
        for names in metric.segments:
            for dimension in names:
                found |= self._name(dimension, source)
        return found

    def _source(self, source: Source) -> set[Use]:
        """What every metric over a source rests on: its key, its filter, its validity, its parent."""
        found: set[Use] = set()
        parent = source.derived.source if source.derived else source.movements and source.movements.source
        if parent and parent in self.catalogue.sources:
            return {(self.catalogue.sources[parent].table, WHOLE_TABLE)}
        found |= {(source.table, column) for column in source.key}
        if source.validity:
            found |= {(source.table, source.validity.start), (source.table, source.validity.end)}
        return found | self._text(source.filter, source)

    def _text(self, text: Expression | None, source: Source, on_the_way: tuple[str, ...] = ()) -> set[Use]:
        found: set[Use] = set()
        for name in _names(text.text) if text else ():
            if (
                name in self.catalogue.metrics
                and name not in source.columns
                and name not in source.dimensions
            ):
                found |= self.uses(name, on_the_way)
            else:
                found |= self._name(name, source)
        return found

    def _name(self, name: str, source: Source, depth: int = 0) -> set[Use]:
        if source.derived or source.movements:
            return self._source(source)
        if "." in name:
            via, _, rest = name.partition(".")
            return self._joined(via, rest, source, depth)
        dimension = source.dimensions.get(name)
        if dimension is not None:
            if dimension.via is not None:
                return self._joined(dimension.via, dimension.expr.text, source, depth)
            if dimension.expr.text != name:
                return self._text(dimension.expr, source)
        if name in source.columns:
            return {(source.table, name)}
        return {(source.table, WHOLE_TABLE)}

    def _joined(self, via: str, rest: str, source: Source, depth: int) -> set[Use]:
        first, _, beyond = via.partition(".")
        join = source.joins.get(first)
        target = self.catalogue.sources.get(join.to) if join else None
        if join is None or target is None or depth > 8:
            return {(source.table, WHOLE_TABLE)}
        found = {(source.table, here) for here, _ in join.on} | self._source(target)
        if beyond:
            return found | self._joined(beyond, rest, target, depth + 1)
        for name in _names(rest):
            found |= self._name(name, target, depth + 1)
        return found

    def _entities(self, metric: Metric) -> set[Use]:
        """Entity columns that pair two event streams (conversion, retention)."""
        formula = metric.formula
        if isinstance(formula, Conversion):
            sides = ((formula.base, formula.entity), (formula.conversion, formula.conversion_entity))
        elif isinstance(formula, Retention):
            sides = ((formula.cohort, formula.entity), (formula.activity, formula.activity_entity))
        else:
            return set()
        found: set[Use] = set()
        for measure, entity in sides:
            source = self.catalogue.sources.get(measure.source)
            if source is not None:
                found |= self._text(Expression(entity), source)
        return found

    def _homes(self, metric: str, depth: int = 0) -> list[Source]:
        """Sources in which a filter on an input metric is to be read."""
        definition = self.catalogue.metrics.get(metric)
        if definition is None or depth > 16:
            return []
        homes: list[Source] = []
        for operand in _operands(definition):
            if isinstance(operand, MetricInput):
                homes += self._homes(operand.metric, depth + 1)
            elif operand.source in self.catalogue.sources:
                homes.append(self.catalogue.sources[operand.source])
        return homes


def _operands(metric: Metric) -> tuple[Operand, ...]:
    formula = metric.formula
    if isinstance(formula, Simple | Balance):
        return (formula.measure,)
    if isinstance(formula, Ratio):
        return (formula.numerator, formula.denominator)
    if isinstance(formula, Derived):
        # An input that is not declared is the metric of that name: `revenue / customers`.
        declared = {given.alias for given in formula.inputs}
        named = sorted(set(_names(formula.expr.text)) - declared)
        return (*formula.inputs, *(MetricInput(name, name) for name in named))
    if isinstance(formula, Cumulative):
        return (formula.input,)
    if isinstance(formula, Conversion):
        return (formula.base, formula.conversion)
    if isinstance(formula, Retention):
        return (formula.cohort, formula.activity)
    return tuple(MetricInput(part.metric, part.metric) for part in formula.components)


@lru_cache(maxsize=4096)
def _names(text: str) -> tuple[str, ...]:
    """Column names (``a`` or ``join.a``) in an expression; a text that cannot be read is one unknown name."""
    try:
        tree = sqlglot.parse_one(text, read="duckdb")
    except SqlglotError:
        return (text,)
    parts = {".".join(part.name for part in column.parts) for column in tree.find_all(exp.Column)}
    return tuple(sorted(parts))


def dependents(catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """For each metric, the metrics computed from it, directly or through others, sorted."""
    direct: dict[str, set[str]] = {}
    for name, metric in catalogue.metrics.items():
        for operand in _operands(metric):
            if isinstance(operand, MetricInput):
                direct.setdefault(operand.metric, set()).add(name)
    found: dict[str, tuple[str, ...]] = {}
    for name in direct:
        seen: set[str] = set()
        ahead = list(direct[name])
        while ahead:
            one = ahead.pop()
            if one not in seen:
                seen.add(one)
                ahead += direct.get(one, ())
        found[name] = tuple(sorted(seen - {name}))
    return found
