"""The dictionary as semantic models and metrics of the dbt semantic layer.

What the format has a place for is said in its own words: measures, entities, dimensions, metric types, offsets,
windows. What it has none for (owner, agreements, column types) is kept under ``config.meta.vitals``, where it harms
nobody, and comes back on import; `Exported.lost` lists what a foreign reader does not see.
Source: dbt semantic layer, semantic models and metrics.
"""

from __future__ import annotations

from collections.abc import Iterator

from definitions.interchange.exchange import Document, Exported, Lost, guarded
from definitions.model import (
    Aggregation,
    Balance,
    Catalogue,
    Conversion,
    Cumulative,
    Derived,
    Measure,
    Metric,
    MetricInput,
    Missing,
    Operand,
    Ratio,
    Simple,
    Source,
)
from definitions.writing import metric_data, source_data

MODELS, METRICS, REST = "semantic_models.yml", "metrics.yml", "vitals_only.yml"
"""File names of an export. The last one holds, in our own words, what the format has no metric type for."""

AGGREGATES = {
    Aggregation.COUNT: "count",
    Aggregation.COUNT_DISTINCT: "count_distinct",
    Aggregation.SUM: "sum",
    Aggregation.AVG: "average",
    Aggregation.MIN: "min",
    Aggregation.MAX: "max",
    Aggregation.MEDIAN: "median",
    Aggregation.PERCENTILE: "percentile",
    Aggregation.SUM_BOOLEAN: "sum_boolean",
}
PART = "__"
"""Between a metric's name and the part of it that became a metric of its own."""


def to_dbt(catalogue: Catalogue) -> Exported:
    """The catalogue's sources and metrics as documents of a dbt project.

    Retention and composite metrics, balances over validity ranges and everything that rests on a folded source have
    no counterpart; they are written to ``vitals_only.yml`` and listed.
    """
    export = _Export(catalogue)
    return Exported(export.documents(), tuple(export.lost))


class _Export:
    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.lost: list[Lost] = []
        self.measures: dict[str, list[Document]] = {}
        self.metrics: list[Document] = []

    def documents(self) -> dict[str, Document]:
        rest = [metric for metric in self.catalogue.metrics.values() if not self._carries(metric)]
        names = {metric.name for metric in rest}
        for metric in self.catalogue.metrics.values():
            if metric.name not in names:
                self.metrics += self._metric(metric)
        tables = [source for source in self.catalogue.sources.values() if source.table]
        folded = [source for source in self.catalogue.sources.values() if not source.table]
        for source in folded:
            self.lost.append(
                Lost(source.name, "source", "it is folded from another one; make a dbt model of it")
            )
        made = {
            MODELS: {"semantic_models": [self._model(source) for source in tables]},
            METRICS: {"metrics": self.metrics},
        }
        if rest or folded:
            made[REST] = {
                "sources": [source_data(source) for source in folded],
                "metrics": [metric_data(metric) for metric in rest],
            }
        return made

    # ── what can be carried ─────────────────────────────────────────────────────────────────────────────────

    def _carries(self, metric: Metric, seen: frozenset[str] = frozenset()) -> bool:
        why = self._obstacle(metric, seen)
        if why and not seen:
            self.lost.append(Lost(metric.name, "metric", why))
        return why is None

    def _obstacle(self, metric: Metric, seen: frozenset[str]) -> str | None:
        formula = metric.formula
        if not isinstance(formula, Simple | Ratio | Derived | Cumulative | Balance | Conversion):
            return f"there is no metric type for {metric.type}"
        for operand in _operands(metric):
            if isinstance(operand, MetricInput):
                inner = self.catalogue.metrics[operand.metric]
                if inner.name not in seen and self._obstacle(inner, seen | {metric.name}):
                    return f"its input {inner.name} cannot be carried"
                continue
            source = self.catalogue.sources[operand.source]
            if not source.table:
                return f"its source {source.name} is folded from another one"
            if isinstance(formula, Balance) and source.validity is not None:
                return "a state rebuilt from validity ranges has no counterpart"
            texts = [e.text for e in (operand.expr, operand.filter) if e is not None]
            if any("." in text or "metric(" in text for text in texts):
                return "an expression over joined columns or metrics has no counterpart in a measure"
        if isinstance(formula, Derived):
            for item in self._inputs(metric, ()):
                known = self.catalogue.metrics.get(item.metric)
                if (
                    known is not None
                    and known.name not in seen
                    and self._obstacle(known, seen | {metric.name})
                ):
                    return f"its input {known.name} cannot be carried"
        return None

    # ── semantic models ─────────────────────────────────────────────────────────────────────────────────────

    def _model(self, source: Source) -> Document:
        told = source_data(source)
        for key in ("name", "description"):
            told.pop(key, None)
        model: Document = {
            "name": source.name,
            "description": source.description,
            "model": f"ref('{source.table.replace('.', '_')}')",
            "defaults": {"agg_time_dimension": source.time} if source.time else None,
            "entities": list(_entities(source)),
            "dimensions": list(self._dimensions(source)),
            "measures": self.measures.get(source.name, []),
            "config": {"meta": {"vitals": told}},
        }
        return {key: value for key, value in model.items() if value not in (None, [], "")}

    def _dimensions(self, source: Source) -> Iterator[Document]:
        for column in source.columns.values():
            if column.type.is_time:
                grain = "day" if column.type == "date" else "second"
                params: Document = {"time_granularity": grain}
                if source.validity is not None and column.name in (
                    source.validity.start,
                    source.validity.end,
                ):
                    side = "is_start" if column.name == source.validity.start else "is_end"
                    params["validity_params"] = {side: True}
                yield {"name": column.name, "type": "time", "type_params": params}
        for dimension in source.dimensions.values():
            if dimension.via is None and dimension.name not in source.key:
                yield {"name": dimension.name, "type": "categorical", "expr": dimension.expr.text}

    # ── metrics ─────────────────────────────────────────────────────────────────────────────────────────────

    def _metric(self, metric: Metric) -> Iterator[Document]:
        formula = metric.formula
        extra: list[Document] = []
        match formula:
            case Simple(measure):
                kind, params = "simple", {"measure": self._measure(metric, metric.name, measure)}
            case Balance(measure, choice, groupings):
                name = self._measure(metric, metric.name, measure)
                source = self.catalogue.sources[measure.source]
                self.measures[source.name][-1]["non_additive_dimension"] = {
                    "name": measure.time or source.time,
                    "window_choice": "max" if choice == "last" else "min",
                    **({"window_groupings": list(groupings)} if groupings else {}),
                }
                kind, params = "simple", {"measure": name}
            case Ratio(numerator, denominator):
                parts = {}
                for part, operand in (("numerator", numerator), ("denominator", denominator)):
                    parts[part], made = self._as_metric(metric, part, operand)
                    extra += made
                kind, params = "ratio", parts
            case Derived(expr, inputs):
                kind = "derived"
                params = {
                    "expr": expr.text,
                    "metrics": [_input(item) for item in self._inputs(metric, inputs)],
                }
            case Cumulative(operand, window, grain_to_date, period_agg):
                kind = "cumulative"
                told = {"window": str(window) if window else None, "grain_to_date": grain_to_date}
                if period_agg != "last":
                    told["period_agg"] = period_agg
                if isinstance(operand, Measure):
                    params = {"measure": self._measure(metric, metric.name, operand)}
                else:
                    params = {}
                    told["metric"] = _input(operand)  # type: ignore[assignment]
                params["cumulative_type_params"] = {k: v for k, v in told.items() if v}
            case Conversion():
                kind, params = "conversion", {"conversion_type_params": self._conversion(metric, formula)}
            case _:
                return
        data = metric_data(metric)
        for key in ("name", "label", "definition", "type", *_FORMULA_KEYS):
            data.pop(key, None)
        if not metric.definition:
            data["definition"] = ""  # the description shows the label then, and must not come back as one
        yield {
            "name": metric.name,
            "label": metric.label,
            "description": metric.definition or metric.label,
            "type": kind,
            "type_params": params,
            "config": {"meta": {"vitals": {**data, "type": str(metric.type)}}},
        }
        yield from extra

    def _inputs(self, metric: Metric, inputs: tuple[MetricInput, ...]) -> list[MetricInput]:
        from definitions.compiler.parsing import free_names

        formula = metric.formula
        if not isinstance(formula, Derived):
            return list(inputs)
        known = {item.alias for item in inputs}
        bare = [name for name in free_names(formula.expr) if name not in known]
        return [*inputs, *(MetricInput(name, name) for name in dict.fromkeys(bare))]

    def _as_metric(self, metric: Metric, part: str, operand: Operand) -> tuple[object, list[Document]]:
        """An operand as a metric to name: dbt's ratios are made of metrics."""
        if isinstance(operand, MetricInput):
            return _input(operand), []
        name = f"{metric.name}{PART}{part}"
        measure = self._measure(metric, name, operand)
        return name, [
            {
                "name": name,
                "label": f"{metric.label}: {part}",
                "description": f"The {part} of {metric.name}.",
                "type": "simple",
                "type_params": {"measure": measure},
                "config": {"meta": {"vitals": {"part_of": metric.name}}},
            }
        ]

    def _measure(self, metric: Metric, name: str, measure: Measure) -> object:
        source = self.catalogue.sources[measure.source]
        made: Document = {
            "name": f"{name}{PART}measure",
            "agg": AGGREGATES[measure.agg],
            "expr": guarded(measure, source.filter.text if source.filter else None),
        }
        if measure.time and measure.time != source.time:
            made["agg_time_dimension"] = measure.time
        if measure.percentile is not None:
            made["agg_params"] = {"percentile": measure.percentile, "use_discrete_percentile": False}
        self.measures.setdefault(source.name, []).append(made)
        if metric.missing is Missing.ZERO and PART not in name:
            return {"name": made["name"], "join_to_timespine": True, "fill_nulls_with": 0}
        return made["name"]

    def _conversion(self, metric: Metric, formula: Conversion) -> Document:
        told: Document = {
            "base_measure": self._measure(metric, f"{metric.name}{PART}base", formula.base),
            "conversion_measure": self._measure(metric, f"{metric.name}{PART}conversion", formula.conversion),
            "entity": formula.entity,
            "calculation": "conversion_rate" if formula.calculation == "rate" else "conversions",
        }
        if formula.window is not None:
            told["window"] = str(formula.window)
        if formula.constant_properties:
            told["constant_properties"] = [
                {"base_property": base, "conversion_property": conversion}
                for base, conversion in formula.constant_properties
            ]
        if formula.conversion_entity != formula.entity or formula.inclusive:
            self.lost.append(
                Lost(metric.name, "conversion", "another entity, or a window closed at both ends")
            )
        return told


_FORMULA_KEYS = ("source", "agg", "expr", "filter", "time", "percentile", "numerator", "denominator", "inputs",
                 "metric", "window", "grain_to_date", "period_agg", "choice", "groupings", "base", "conversion",
                 "entity", "calculation", "constant_properties")  # fmt: skip


def _operands(metric: Metric) -> Iterator[Operand]:
    from definitions.references import operands

    for _, operand in operands(metric):
        yield operand


def _entities(source: Source) -> Iterator[Document]:
    expr = source.key[0] if len(source.key) == 1 else " || '|' || ".join(source.key)
    yield {"name": source.name, "type": "primary", "expr": expr}
    for join in source.joins.values():
        columns = [left for left, _ in join.on]
        expr = columns[0] if len(columns) == 1 else " || '|' || ".join(columns)
        yield {"name": join.to, "type": "foreign", "expr": expr}


def _input(item: MetricInput) -> object:
    told: Document = {"name": item.metric}
    if item.alias != item.metric:
        told["alias"] = item.alias
    if item.filter is not None:
        told["filter"] = item.filter.text
    if item.offset is not None:
        told["offset_window"] = str(item.offset)
    if item.offset_to is not None:
        told["offset_to_grain"] = item.offset_to
    return told if len(told) > 1 else item.metric
