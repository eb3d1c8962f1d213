"""A metric's formula in words and names, as the published dictionary shows it to people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from definitions.model import (
    Aggregation,
    Balance,
    Catalogue,
    Composite,
    Conversion,
    Cumulative,
    Derived,
    Measure,
    Metric,
    MetricInput,
    Operand,
    Ratio,
    Retention,
    Simple,
)


@dataclass(frozen=True, slots=True)
class Words:
    """What the dictionary says about a computation: formula, its two halves, which rows count, and by which
    time."""

    formula: str
    numerator: str
    denominator: str | None
    filters: str
    time: str


def describe(catalogue: Catalogue, metric: Metric) -> Words:
    """The metric's formula in words."""
    formula = metric.formula
    measures = list(_measures(metric))
    filters = _filters(catalogue, measures)
    time = ", ".join(dict.fromkeys(_time(catalogue, measure) for measure in measures)) or "of its inputs"
    match formula:
        case Simple(measure):
            return Words(_measure(measure), _measure(measure), None, filters, time)
        case Ratio(numerator, denominator):
            top, bottom = _operand(numerator), _operand(denominator)
            return Words(f"{top} / {bottom}", top, bottom, filters, time)
        case Derived(expr, inputs):
            return Words(expr.text, _inputs(inputs) or expr.text, None, filters, time)
        case Cumulative(operand, window, grain_to_date, _):
            span = f"over the last {window}" if window else f"since the start of the {grain_to_date}"
            text = f"{_operand(operand)} {span if window or grain_to_date else 'over all time'}"
            return Words(text, _operand(operand), None, filters, time)
        case Balance(measure, choice, _):
            text = f"{_measure(measure)} as of the {'end' if choice == 'last' else 'start'} of the period"
            return Words(text, _measure(measure), None, filters, time)
        case Conversion(base, conversion, entity, _, window, _, calculation, _):
            top, bottom = _measure(conversion), _measure(base)
            within = f" within {window}" if window else ""
            text = f"{top}{within} after {bottom}, by {entity}"
            return Words(
                text, top, bottom if calculation == "rate" else None, filters, _time(catalogue, base)
            )
        case Retention(cohort, activity, entity, _, first_day, last_day, calculation):
            text = (
                f"{entity} of {_measure(cohort)} with {_measure(activity)} on days {first_day} to {last_day}"
            )
            size = _measure(cohort) if calculation == "rate" else None
            return Words(text, _measure(activity), size, filters, _time(catalogue, cohort))
        case Composite(components, scale, _):
            parts = " + ".join(f"{c.weight:g} x {c.metric} ({c.low:g}..{c.high:g})" for c in components)
            return Words(f"{scale:g} x weighted mean of {parts}", parts, None, filters, time)


def sources_of(catalogue: Catalogue, metric: Metric) -> tuple[str, ...]:
    """Names of all tables' sources a metric is computed from, through the metrics and sources it is derived
    from."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [metric]
    while waiting:
        here = waiting.pop()
        if here.name in seen:
            continue
        seen.add(here.name)
        found.update(_root(catalogue, measure.source) for measure in _measures(here))
        waiting += [catalogue.metrics[name] for name in _metrics(here) if name in catalogue.metrics]
    return tuple(sorted(found & set(catalogue.sources)))


def _root(catalogue: Catalogue, name: str) -> str:
    """The source of a table that a derived source goes back to."""
    source = catalogue.sources.get(name)
    while source is not None and (origin := source.derived or source.movements) is not None:
        name, source = origin.source, catalogue.sources.get(origin.source)
    return name


def _filters(catalogue: Catalogue, measures: list[Measure]) -> str:
    """Rows kept out for every metric of the sources, and the filter of a metric that has only one."""
    roots = dict.fromkeys(name for m in measures for name in (m.source, _root(catalogue, m.source)))
    general = [
        source.filter.text for name in roots if (source := catalogue.sources.get(name)) and source.filter
    ]
    own = [m.filter.text for m in measures if m.filter is not None] if len(measures) == 1 else []
    return " and ".join(dict.fromkeys([*general, *own]))


_NAME = re.compile(r"[A-Za-z_]\w*")


def _operands(metric: Metric) -> Iterator[Operand]:
    match metric.formula:
        case Simple(measure) | Balance(measure, _, _):
            yield measure
        case Ratio(numerator, denominator):
            yield from (numerator, denominator)
        case Derived(_, inputs):
            yield from inputs
        case Cumulative(operand, _, _, _):
            yield operand
        case Conversion(base, conversion, _, _, _, _, _, _):
            yield from (base, conversion)
        case Retention(cohort, activity, _, _, _, _, _):
            yield from (cohort, activity)


def _measures(metric: Metric) -> Iterator[Measure]:
    return (operand for operand in _operands(metric) if isinstance(operand, Measure))


def _metrics(metric: Metric) -> Iterator[str]:
    if isinstance(metric.formula, Derived):
        yield from _NAME.findall(
            metric.formula.expr.text
        )  # a metric may stand in the expression by its own name
    if isinstance(metric.formula, Composite):
        yield from (component.metric for component in metric.formula.components)
    yield from (operand.metric for operand in _operands(metric) if isinstance(operand, MetricInput))


def _measure(measure: Measure) -> str:
    what = measure.expr.text if measure.expr is not None else measure.source
    name = measure.agg.value
    if measure.agg is Aggregation.PERCENTILE and measure.percentile is not None:
        name = f"percentile {100 * measure.percentile:g}"
    text = f"{name}({what})"
    return f"{text} where {measure.filter.text}" if measure.filter is not None else text


def _operand(operand: Operand) -> str:
    return _measure(operand) if isinstance(operand, Measure) else _input(operand)


def _input(given: MetricInput) -> str:
    text = given.metric
    if given.filter is not None:
        text += f" where {given.filter.text}"
    if given.offset is not None:
        text += f" {given.offset} before"
    if given.offset_to is not None:
        text += f" at the start of the {given.offset_to}"
    return text


def _inputs(inputs: tuple[MetricInput, ...]) -> str:
    return ", ".join(
        f"{given.alias} = {_input(given)}" if given.alias != _input(given) else given.alias
        for given in inputs
    )


def _time(catalogue: Catalogue, measure: Measure) -> str:
    source = catalogue.sources.get(measure.source)
    column = measure.time or (source.time if source is not None else None)
    return f"{measure.source}.{column}" if column else measure.source
