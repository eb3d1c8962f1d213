"""Definitions back to what people write: plain data under the keys of the YAML files, defaults left out.

    load_texts({"metrics/m.yml": to_yaml({"metrics": [metric_data(m) for m in catalogue.metrics.values()]}), ...})

Reading what was written gives an equal catalogue. Used by interchange and by `vitals init`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date
from typing import Any

import yaml

from definitions.model import (
    Balance,
    Column,
    Composite,
    Conversion,
    Cumulative,
    Derived,
    Dimension,
    Expression,
    Formula,
    Join,
    Measure,
    Metric,
    Missing,
    Operand,
    Ratio,
    Retention,
    Simple,
    Source,
    Span,
)
from definitions.schema.metrics import default_format, default_grains, unit_family

Data = dict[str, Any]


def to_yaml(data: Mapping[str, Any], *, compact: bool = False) -> str:
    """Plain data as YAML in the order given; every text that is no plain word is quoted.

    ``compact``: as people write it, what holds nothing but words on one line: ``owner: {team: support, …}``.
    """
    text: str = yaml.dump(
        _plain(data),
        Dumper=_CompactDumper if compact else _Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=110,
        default_flow_style=None if compact else False,
    )
    return text


class _Dumper(yaml.SafeDumper):
    """Never anchors and aliases: our own reader refuses what could grow out of proportion."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _CompactDumper(_Dumper):
    """Lists stand below their key, indented; `on` is a word, as in the rest of a dictionary."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


_CompactDumper.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not (first in "oO" and tag.endswith(":bool"))]
    for first, resolvers in yaml.SafeDumper.yaml_implicit_resolvers.items()
    if first is not None
}


def metric_data(metric: Metric) -> Data:
    """One metric as an entry of ``metrics:``."""
    return _kept(
        {
            "name": metric.name,
            "label": metric.label,
            "definition": metric.definition,
            "status": metric.status if metric.status != "draft" else None,
            "version": metric.version if metric.version != 1 else None,
            "category": metric.category if metric.category != "general" else None,
            "owner": {"team": metric.owner.team, "accountable": metric.owner.accountable},
            "type": str(metric.type),
            **formula_data(metric.formula),
            **agreement_data(metric),
        }
    )


def formula_data(formula: Formula) -> Data:
    """What is computed: the keys that differ by type of metric."""
    match formula:
        case Simple(measure):
            return _top(measure)
        case Ratio(numerator, denominator):
            return {"numerator": operand_data(numerator), "denominator": operand_data(denominator)}
        case Derived(expr, inputs):
            return {"expr": expr.text, "inputs": [operand_data(item) for item in inputs]}
        case Cumulative(operand, window, grain_to_date, period_agg):
            base = _top(operand) if isinstance(operand, Measure) else {"metric": operand_data(operand)}
            return {
                **base,
                "window": _span(window),
                "grain_to_date": grain_to_date,
                "period_agg": period_agg if period_agg != "last" else None,
            }
        case Balance(measure, choice, groupings):
            return {**_top(measure), "choice": choice if choice != "last" else None, "groupings": groupings}
        case Conversion():
            return {
                "base": operand_data(formula.base),
                "conversion": operand_data(formula.conversion),
                "entity": formula.entity,
                "conversion_entity": _unless(formula.conversion_entity, formula.entity),
                "window": _span(formula.window),
                "inclusive": formula.inclusive or None,
                "calculation": _unless(formula.calculation, "rate"),
                "constant_properties": [
                    {"base": base, "conversion": conversion}
                    for base, conversion in formula.constant_properties
                ],
                "unconverted": "empty" if formula.unconverted is Missing.EMPTY else None,
            }
        case Retention():
            return {
                "cohort": operand_data(formula.cohort),
                "activity": operand_data(formula.activity),
                "entity": formula.entity,
                "activity_entity": _unless(formula.activity_entity, formula.entity),
                "days": [formula.first_day, formula.last_day],
                "calculation": _unless(formula.calculation, "rate"),
            }
        case Composite(components, scale, min_coverage):
            return {
                "components": [
                    {"metric": c.metric, "weight": c.weight, "low": c.low, "high": c.high} for c in components
                ],
                "scale": _unless(scale, 1.0),
                "min_coverage": _unless(min_coverage, 1.0),
            }


def agreement_data(metric: Metric) -> Data:
    """What people agreed about a metric: everything but what it computes, its name and its owner."""
    said = set(metric.undeclared)
    band = metric.band
    family, currency = unit_family(metric.unit, None, None)
    return {
        "segments": [segment[0] if len(segment) == 1 else list(segment) for segment in metric.segments],
        "grains": _unless(
            list(metric.grains), list(default_grains(None if "frequency" in said else metric.frequency))
        ),
        "unit": metric.unit,
        "unit_family": _unless(metric.unit_family, family),
        "currency": _unless(metric.currency, currency),
        "display_format": _unless(metric.display_format, default_format(metric.unit_family)),
        "missing": None if "missing" in said else str(metric.missing),
        "minimum_sample": metric.minimum_sample,
        "frequency": None
        if "frequency" in said
        else {"calculate": metric.frequency.calculate, "review": metric.frequency.review},
        "calendar": None if "calendar" in said else metric.calendar,
        "direction": str(metric.direction),
        "band": {f.name: getattr(band, f.name) for f in fields(band)} if band is not None else None,
        "amber_at": metric.amber_at,
        "red_at": metric.red_at,
        "intent": _unless(metric.intent, "improve"),
        "guardrails": [
            {
                "metric": g.metric,
                "rationale": g.rationale or None,
                "tolerance_pct": _unless(g.tolerance_pct, 5.0),
            }
            for g in metric.guardrails
        ],
        "level": None if "level" in said else metric.level,
        "perspective": None if "perspective" in said else metric.perspective,
        "indicator": None if "indicator" in said else metric.indicator,
        "actionable": None if metric.is_actionable else False,
        "vanity": metric.is_vanity or None,
        "visibility": {"restricted": list(metric.restricted_to)}
        if metric.visibility == "restricted"
        else None,
        "drives": [
            {"metric": d.metric, "lag": _span(d.lag), "expected_sign": _unless(d.expected_sign, 1)}
            for d in metric.drives
        ],
        "drivers": {"operator": metric.drivers.operator, "inputs": list(metric.drivers.inputs)}
        if metric.drivers
        else None,
        "benchmarks": [{f.name: getattr(b, f.name) for f in fields(b)} for b in metric.benchmarks],
        "known_pitfalls": metric.known_pitfalls,
        "no_value": metric.no_value,
        "suggested_actions": list(metric.suggested_actions),
        "settles_after": _span(metric.settles_after),
        "freshness": _span(metric.freshness),
        "changes": [{f.name: getattr(c, f.name) for f in fields(c)} for c in metric.changes],
        "replaced_by": metric.replaced_by,
        "deprecated_on": metric.deprecated_on,
        "reviewed_on": metric.reviewed_on,
        "reviewed_by": metric.reviewed_by,
        "silence": [{"rule": rule, "why": why} for rule, why in metric.silences],
        "meta": dict(metric.meta),
    }


def operand_data(operand: Operand) -> Data:
    """A measure, or another metric as an input."""
    if isinstance(operand, Measure):
        return _kept({"source": operand.source, **_top(operand)})
    return _kept(
        {
            "metric": operand.metric,
            "alias": _unless(operand.alias, operand.metric),
            "filter": _text(operand.filter),
            "offset": _span(operand.offset),
            "offset_to": operand.offset_to,
        }
    )


def source_data(source: Source) -> Data:
    """One source as an entry of ``sources:``."""
    folded: Data = {"table": source.table}
    if source.derived is not None:
        fold = source.derived
        inside = {"source": fold.source, "group_by": list(fold.group_by), "filter": _text(fold.filter)}
        folded = {"derived": _kept(inside)}
    if source.movements is not None:
        moved = source.movements
        folded = {
            "movements": _kept(
                {
                    "source": moved.source,
                    "entity": moved.entity,
                    "value": moved.value.text,
                    "grain": moved.grain,
                    "filter": _text(moved.filter),
                }
            )
        }
    return _kept(
        {
            "name": source.name,
            "system": source.system,
            **folded,
            "description": source.description,
            "owner": source.owner,
            "key": source.key[0] if len(source.key) == 1 else list(source.key),
            "time": source.time,
            "settles_after": _span(source.settles_after),
            "filter": _text(source.filter),
            "validity": {"from": source.validity.start, "to": source.validity.end}
            if source.validity
            else None,
            "history": source.history,
            "dimensions": [_bare(_dimension(dimension), "name") for dimension in source.dimensions.values()],
            "joins": [_join(join) for join in source.joins.values()],
            "columns": [_column(column) for column in source.columns.values()],
        }
    )


def _dimension(dimension: Dimension) -> Data:
    return _kept(
        {
            "name": dimension.name,
            "expr": _unless(dimension.expr.text, dimension.name),
            "via": dimension.via,
            "label": dimension.label,
        }
    )


def _bare(data: Data, key: str) -> Any:
    """A name alone where nothing else is said."""
    return data[key] if list(data) == [key] else data


def _join(join: Join) -> Data:
    same = [left for left, right in join.on if left == right]
    pairs = dict(join.on) if len(same) < len(join.on) else same[0] if len(same) == 1 else same
    return _kept(
        {
            "to": join.to,
            "on": pairs,
            "name": _unless(join.name, join.to),
            "relationship": _unless(join.relationship, "many_to_one"),
        }
    )


def _column(column: Column) -> Data:
    return _kept(
        {
            "name": column.name,
            "type": f"{column.type}{'?' if column.nullable else ''}",
            "unit": column.unit,
            "values": list(column.values),
            "description": column.description,
            "expr": _text(column.expr),
        }
    )


def _top(measure: Measure) -> Data:
    return {
        "source": measure.source,
        "agg": str(measure.agg),
        "expr": _text(measure.expr),
        "filter": _text(measure.filter),
        "time": measure.time,
        "percentile": measure.percentile,
    }


def _kept(data: Data) -> Data:
    """Without what says nothing."""
    return {key: value for key, value in data.items() if value not in (None, "", [], {}, ())}


def _text(expression: Expression | None) -> str | None:
    return None if expression is None else expression.text


def _span(span: Span | None) -> str | None:
    return None if span is None else str(span)


def _unless(value: Any, default: Any) -> Any:
    return None if value == default else value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 10**15 else value
    if isinstance(value, date | bool | int):
        return value
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return str(value)
