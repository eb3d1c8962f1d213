"""Versions: what a definition computes, as a hash that changes when and only when the meaning does.

The hash is over the normalised plan: parsed expressions without names, places, layout, redundant
parentheses or order of conjunctions, the tables and joins they read, the calendar's arithmetic and the
policy for gaps. Renaming an alias or re-indenting changes nothing. Source: dictionary rules, 'Versions'.

A plan names its inputs by their own hashes, so a metric's own change can be told from one that it inherits
by the hashes that were published, without the definitions of then (`changed_itself`). A hash has 64
hexadecimal digits: two for the scheme, 31 for the plan as other metrics see it, 31 for the plan with what
concerns the metric's own values only (the least sample). Hashes of two schemes cannot be compared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from sqlglot import exp

from definitions.compiler.resolve import Resolved, Resolver
from definitions.model import (
    Balance,
    Catalogue,
    ColumnType,
    Composite,
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

SCHEME = "01"
"""Number of the way plans are normalised and hashed; raised when equal meanings hash otherwise than before."""


def definition_hashes(catalogue: Catalogue) -> Mapping[str, str]:
    """Hash (64 hexadecimal digits) of every metric's normalised plan, by name."""
    resolver = Resolver(catalogue)
    return {name: definition_hash(resolver, name) for name in catalogue.metrics}


def definition_hash(resolver: Resolver, metric: str) -> str:
    """Hash of one metric's normalised plan."""
    return _hash(resolver, metric, lambda name: _core(resolver, name))


def comparable(one: str, other: str) -> bool:
    """Whether two definition hashes are of one scheme."""
    return one[:2] == other[:2]


def changed_itself(resolver: Resolver, metric: str, published: Mapping[str, str]) -> bool:
    """Whether a metric means something else than its published hash says for a reason of its own.

    False where the difference comes from its inputs alone: with those as they were published, the plan hashes to
    what was published.
    """

    def as_published(name: str) -> str:
        then = published.get(name)
        return then[2:33] if then is not None else _core(resolver, name)

    return _hash(resolver, metric, as_published) != published[metric]


def inputs_of(resolver: Resolver, metric: str) -> frozenset[str]:
    """The metrics that a metric's plan names: inputs, and metrics in its filters."""
    named: set[str] = set()

    def noted(name: str) -> str:
        named.add(name)
        return name

    normal_form(resolver, metric, noted)
    return frozenset(named)


def _hash(resolver: Resolver, metric: str, input_as: Callable[[str], str]) -> str:
    core = _core(resolver, metric, input_as)
    least = resolver.catalogue.metrics[metric].minimum_sample
    return SCHEME + core + _digest([core, least])


def _core(resolver: Resolver, metric: str, input_as: Callable[[str], str] | None = None) -> str:
    """31 digits over the plan without its least sample."""
    form = normal_form(resolver, metric, input_as or (lambda name: _core(resolver, name)))
    form.pop("minimum_sample")
    return _digest(form)


def _digest(form: Any) -> str:
    plan = json.dumps(form, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(plan.encode()).hexdigest()[:31]


def normal_form(
    resolver: Resolver, name: str, input_as: Callable[[str], str] | None = None
) -> dict[str, Any]:
    """The normalised plan of a metric: plain data, equal for equal meaning.

    ``input_as`` says by what an input stands in it; by default its own plan does.
    """
    metric = resolver.catalogue.metrics[name]
    calendar = resolver.catalogue.calendars[metric.calendar]
    return {
        "formula": _Normaliser(resolver, input_as).formula(metric),
        "missing": metric.missing,
        "minimum_sample": metric.minimum_sample,
        "calendar": [
            calendar.time_zone,
            calendar.week_start,
            calendar.fiscal_year_start,
            list(calendar.week_pattern),
        ],
    }


class _Normaliser:
    def __init__(self, resolver: Resolver, input_as: Callable[[str], str] | None) -> None:
        self.resolver = resolver
        self.input_as = input_as

    def formula(self, metric: Metric) -> list[Any]:
        match metric.formula:
            case Simple(measure):
                return ["simple", self.measure(measure)]
            case Ratio(numerator, denominator):
                return ["ratio", self.operand(numerator), self.operand(denominator)]
            case Derived():
                node, items = self.resolver.derived(metric)
                inputs = {item.alias: self.operand(item) for item in items}
                return ["derived", tree(node, inputs)]
            case Cumulative(operand, window, grain_to_date, period_agg):
                return ["cumulative", self.operand(operand), str(window), grain_to_date, period_agg]
            case Balance(measure, choice, groupings):
                return ["balance", self.measure(measure), choice, sorted(groupings)]
            case Conversion() as formula:
                return [
                    "conversion",
                    self.measure(formula.base),
                    self.measure(formula.conversion),
                    [formula.entity, formula.conversion_entity, str(formula.window), formula.inclusive],
                    [formula.calculation, sorted(formula.constant_properties), formula.unconverted],
                ]
            case Retention() as formula:
                return [
                    "retention",
                    self.measure(formula.cohort),
                    self.measure(formula.activity),
                    [
                        formula.entity,
                        formula.activity_entity,
                        formula.first_day,
                        formula.last_day,
                        formula.calculation,
                    ],
                ]
            case Composite(components, scale, min_coverage):
                parts = [
                    [self.operand(MetricInput(c.metric, c.metric)), c.weight, c.low, c.high]
                    for c in components
                ]
                return ["composite", sorted(parts, key=json.dumps), scale, min_coverage]

    def operand(self, operand: Operand) -> list[Any]:
        if isinstance(operand, Measure):
            return ["measure", self.measure(operand)]
        filters = None
        if operand.filter is not None:
            filters = [
                self.expression(measure.source, operand.filter)
                for _, measure in self.resolver.measures_of(operand.metric)
            ]
        return ["metric", self.input(operand.metric), filters, str(operand.offset), operand.offset_to]

    def input(self, metric: str) -> Any:
        """Another metric, as this one sees it: its least sample is its own affair."""
        if self.input_as is not None:
            return self.input_as(metric)
        form = normal_form(self.resolver, metric)
        form.pop("minimum_sample")
        return form

    def measure(self, measure: Measure) -> dict[str, Any]:
        resolved = self.resolver.measure(measure)
        source = self.resolver.catalogue.sources[measure.source]
        return {
            "source": self.source(source),
            "agg": resolved.agg,
            "expr": self.resolved(source, resolved.expr),
            "filter": self.resolved(source, resolved.filter),
            "time": resolved.time,
            "percentile": resolved.percentile,
        }

    def expression(self, source: str, expression: Expression) -> Any:
        home = self.resolver.catalogue.sources[source]
        return self.resolved(home, self.resolver.expression(home, expression, want=ColumnType.BOOLEAN))

    def resolved(self, source: Source, resolved: Resolved | None) -> Any:
        if resolved is None:
            return None
        joins = sorted({need.path for need in resolved.needs if need.path})
        metrics = [[need.by, self.input(need.metric)] for need in sorted(resolved.metrics)]
        return [tree(resolved.node, {}), [self.join(source, path) for path in joins], metrics]

    def join(self, source: Source, path: tuple[str, ...]) -> list[Any]:
        steps: list[Any] = []
        here = source
        for name in path:
            join = here.joins[name]
            here = self.resolver.catalogue.sources[join.to]
            steps.append([here.table or here.name, sorted(join.on), _plain(here.validity)])
        return steps

    def source(self, source: Source) -> dict[str, Any]:
        fold = source.derived or source.movements
        found: dict[str, Any] = {"table": source.table, "validity": _plain(source.validity)}
        if source.filter is not None:
            found["filter"] = self.expression(source.name, source.filter)
        if fold is not None:
            parent = self.resolver.catalogue.sources[fold.source]
            found["of"] = self.source(parent)
            if fold.filter is not None:
                found["fold_filter"] = self.expression(parent.name, fold.filter)
        if source.derived is not None:
            parent = self.resolver.catalogue.sources[source.derived.source]
            grouped = frozenset(source.derived.group_by)
            found["group_by"] = sorted(grouped)
            found["columns"] = {
                column.name: tree(
                    self.resolver.expression(parent, column.expr, aggregates=True, grouped=grouped).node, {}
                )
                for column in source.columns.values()
                if column.expr is not None
            }
        if source.movements is not None:
            parent = self.resolver.catalogue.sources[source.movements.source]
            value = self.resolver.expression(parent, source.movements.value, want=ColumnType.DOUBLE)
            found["movements"] = [source.movements.entity, tree(value.node, {}), source.movements.grain]
        return found


def tree(node: exp.Expr, inputs: Mapping[str, Any]) -> Any:
    """A tree as plain data: parentheses dropped, conjunctions and sums flattened and sorted, aliases replaced."""
    if isinstance(node, exp.Paren):
        return tree(node.this, inputs)
    if isinstance(node, exp.Column) and node.name in inputs:
        return ["input", inputs[node.name]]
    if isinstance(node, exp.And | exp.Or | exp.Add | exp.Mul):
        parts = [tree(part, inputs) for part in _flat(node, type(node))]
        return [
            type(node).__name__,
            *sorted(parts, key=lambda part: json.dumps(part, default=str, sort_keys=True)),
        ]
    if isinstance(node, exp.Identifier):
        return node.name
    found: list[Any] = [type(node).__name__]
    for key, value in sorted(node.args.items()):
        if value is None or value is False or value == []:
            continue
        if isinstance(value, list):
            found.append(
                [key, [tree(item, inputs) if isinstance(item, exp.Expr) else str(item) for item in value]]
            )
        else:
            found.append([key, tree(value, inputs) if isinstance(value, exp.Expr) else str(value)])
    return found


def _flat(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    while isinstance(node, exp.Paren):
        node = node.this
    if type(node) is kind:
        return [*_flat(node.this, kind), *_flat(node.expression, kind)]
    return [node]


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else None
