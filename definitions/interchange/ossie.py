"""The dictionary as a semantic model of Apache Ossie (Open Semantic Interchange), and back.

A metric there is one aggregate expression over datasets, so simple metrics, ratios and sums of them are said in its own
words. What has no single expression (running, semi-additive, conversion, retention, composite metrics, offsets) and
every agreement travel in ``custom_extensions`` of the vendor VITALS; `Exported.lost` lists what a foreign reader does
not see. Source: Apache Ossie core specification 0.2.0.dev0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from definitions.interchange.exchange import (
    Document,
    Exported,
    Imported,
    Lost,
    from_standard,
    guarded,
    to_standard,
    unguarded,
)
from definitions.interchange.inference import TEXT, TIME, Columns, learn, loadable
from definitions.model import (
    Aggregation,
    Catalogue,
    ColumnType,
    Derived,
    Measure,
    Metric,
    MetricInput,
    Operand,
    Ratio,
    Simple,
    Source,
)
from definitions.writing import metric_data, source_data, to_yaml

VERSION = "0.2.0.dev0"
VENDOR = "VITALS"
FILE = "semantic_model.yml"

_TYPES = {
    ColumnType.STRING: "String",
    ColumnType.INTEGER: "Integer",
    ColumnType.DECIMAL: "Decimal",
    ColumnType.DOUBLE: "Float",
    ColumnType.BOOLEAN: "Boolean",
    ColumnType.DATE: "Date",
    ColumnType.TIMESTAMP: "DateTime",
}
_BACK = {told: ours for ours, told in _TYPES.items()} | {
    "DateTimeTz": ColumnType.TIMESTAMP,
    "Time": ColumnType.STRING,
    "Opaque": ColumnType.STRING,
}
_AGGREGATES: Mapping[type[exp.Expr], str] = {
    exp.Sum: "sum",
    exp.Count: "count",
    exp.Avg: "avg",
    exp.Min: "min",
    exp.Max: "max",
    exp.Median: "median",
}


# ── out ─────────────────────────────────────────────────────────────────────────────────────────────────────


def to_ossie(catalogue: Catalogue, *, name: str = "company") -> Exported:
    """The catalogue as one semantic model; metrics without a single expression travel in the model's extension."""
    lost: list[Lost] = []
    metrics: list[Document] = []
    hidden: list[Document] = []
    for metric in catalogue.metrics.values():
        try:
            expression = _expression(catalogue, metric)
        except _NotOneExpression as obstacle:
            lost.append(Lost(metric.name, "metric", str(obstacle)))
            hidden.append(metric_data(metric))
            continue
        metrics.append(
            {
                "name": metric.name,
                "description": metric.definition or metric.label,
                "expression": _ansi(expression),
                "custom_extensions": _extension(metric_data(metric)),
            }
        )
    tables = [source for source in catalogue.sources.values() if source.table]
    folded = [source for source in catalogue.sources.values() if not source.table]
    lost += [Lost(source.name, "source", "it is folded from another one") for source in folded]
    model: Document = {
        "name": name,
        "datasets": [_dataset(source) for source in tables],
        "relationships": [item for source in tables for item in _relationships(source)],
        "metrics": metrics,
        "custom_extensions": _extension(
            {"sources": [source_data(source) for source in folded], "metrics": hidden}
        ),
    }
    return Exported({FILE: {"version": VERSION, "semantic_model": [model]}}, tuple(lost))


class _NotOneExpression(Exception):
    """A metric that no single aggregate expression says."""


def _expression(catalogue: Catalogue, metric: Metric, depth: int = 0) -> str:
    formula = metric.formula
    match formula:
        case Simple(measure):
            return _aggregate(catalogue, measure)
        case Ratio(numerator, denominator):
            above, below = (_operand(catalogue, item, depth) for item in (numerator, denominator))
            return f"CAST({above} AS DOUBLE PRECISION) / NULLIF({below}, 0)"
        case Derived(expr, inputs):
            named: dict[str, MetricInput] = {item.alias: item for item in inputs}
            tree = sqlglot.parse_one(to_standard(expr.text), read="snowflake")

            def told(node: exp.Expr) -> exp.Expr:
                if not isinstance(node, exp.Column):
                    return node
                item = named.get(node.name) or MetricInput(node.name, node.name)
                inner = _operand(catalogue, item, depth)
                return exp.Paren(this=sqlglot.parse_one(inner, read="snowflake"))

            return tree.transform(told).sql("snowflake")
    raise _NotOneExpression(f"a {metric.type} metric has no single expression")


def _operand(catalogue: Catalogue, operand: Operand, depth: int) -> str:
    if isinstance(operand, Measure):
        return _aggregate(catalogue, operand)
    if operand.offset is not None or operand.offset_to is not None:
        raise _NotOneExpression(f"{operand.metric} is shifted in time")
    if operand.filter is not None:
        raise _NotOneExpression(f"{operand.metric} is filtered where it is used")
    if depth > 8:
        raise _NotOneExpression("it is nested too deeply")
    return _expression(catalogue, catalogue.metrics[operand.metric], depth + 1)


def _aggregate(catalogue: Catalogue, measure: Measure) -> str:
    source = catalogue.sources[measure.source]
    if not source.table:
        raise _NotOneExpression(f"its source {source.name} is folded from another one")
    if any("." in e.text or "metric(" in e.text for e in (measure.expr, measure.filter) if e is not None):
        raise _NotOneExpression("it reads joined columns or metrics")
    inside = sqlglot.parse_one(
        guarded(measure, source.filter.text if source.filter else None), read="snowflake"
    )
    for column in inside.find_all(exp.Column):
        column.set("table", exp.to_identifier(source.name))
    value = inside.sql("snowflake")
    match measure.agg:
        case Aggregation.COUNT:
            return f"COUNT({value})"
        case Aggregation.COUNT_DISTINCT:
            return f"COUNT(DISTINCT {value})"
        case Aggregation.SUM_BOOLEAN:
            return f"SUM(CASE WHEN {value} THEN 1 ELSE 0 END)"
        case Aggregation.PERCENTILE:
            return f"PERCENTILE_CONT({measure.percentile}) WITHIN GROUP (ORDER BY {value})"
    return f"{measure.agg.upper()}({value})"


def _dataset(source: Source) -> Document:
    fields = [
        {
            "name": column.name,
            "expression": _ansi(column.name),
            "datatype": _TYPES[column.type],
            **({"dimension": {"is_time": True}} if column.type.is_time else {}),
            **({"description": column.description} if column.description else {}),
        }
        for column in source.columns.values()
    ]
    fields += [
        {"name": dimension.name, "expression": _ansi(to_standard(dimension.expr.text)), "dimension": {}}
        for dimension in source.dimensions.values()
        if dimension.via is None and dimension.name not in source.columns
    ]
    made: Document = {
        "name": source.name,
        "source": source.table,
        "primary_key": list(source.key),
        "description": source.description,
        "fields": fields,
        "custom_extensions": _extension(source_data(source)),
    }
    return {key: value for key, value in made.items() if value != ""}


def _relationships(source: Source) -> Iterator[Document]:
    for join in source.joins.values():
        yield {
            "name": f"{source.name}_{join.name}",
            "from": source.name,
            "to": join.to,
            "from_columns": [left for left, _ in join.on],
            "to_columns": [right for _, right in join.on],
        }


def _ansi(expression: str) -> Document:
    return {"dialects": [{"dialect": "ANSI_SQL", "expression": expression}]}


def _extension(data: Document) -> list[Document]:
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, default=str)
    return [{"vendor_name": VENDOR, "data": text}]


# ── in ──────────────────────────────────────────────────────────────────────────────────────────────────────


def from_ossie(documents: Mapping[str, Document]) -> Imported:
    """Definition files for semantic models; what VITALS wrote comes back as it was, the rest becomes drafts."""
    lost: list[Lost] = []
    sources: list[Document] = []
    metrics: list[Document] = []
    is_foreign = False
    for name in sorted(documents):
        for model in documents[name].get("semantic_model") or []:
            datasets = _Datasets(model)
            for dataset in model.get("datasets") or []:
                source = _told(dataset)
                is_foreign |= source is None
                sources.append(source if source is not None else datasets.source(dataset, lost))
            for metric in model.get("metrics") or []:
                told = _told(metric)
                if told is not None:
                    metrics.append(told)
                    continue
                is_foreign = True
                try:
                    metrics.append(_foreign_metric(metric, datasets))
                except ValueError as obstacle:
                    lost.append(Lost(metric["name"], "metric", str(obstacle)))
            rest = _told(model) or {}
            sources += rest.get("sources", [])
            metrics += rest.get("metrics", [])
    if is_foreign:
        sources, metrics = loadable(sources, metrics, lost)
    texts = {
        "sources/imported.yml": to_yaml({"sources": sources}),
        "metrics/imported.yml": to_yaml({"metrics": metrics}),
    }
    return Imported(texts, tuple(lost))


def _told(item: Document) -> Document | None:
    for extension in item.get("custom_extensions") or []:
        if extension["vendor_name"] == VENDOR:
            found: Document = json.loads(extension["data"])
            return found
    return None


class _Datasets:
    """The datasets of a foreign model: which fields each has, and what is used as a column without being one."""

    def __init__(self, model: Document) -> None:
        self.fields: dict[str, set[str]] = {}
        self.sources: dict[str, Document] = {}
        self.joins: dict[str, list[Document]] = {}
        self.keys: dict[str, list[str]] = {}
        self.referred: dict[str, list[str]] = {}
        for dataset in model.get("datasets") or []:
            fields = dataset.get("fields") or []
            self.fields[dataset["name"]] = {field["name"] for field in fields} | {
                _of(field["expression"]) for field in fields
            }
        for item in model.get("relationships") or []:
            on = dict(zip(item["from_columns"], item["to_columns"], strict=True))
            named = (
                {}
                if not any(j["to"] == item["to"] for j in self.joins.get(item["from"], []))
                else {"name": item["name"]}
            )
            self.joins.setdefault(item["from"], []).append({"to": item["to"], **named, "on": on})
            self.keys.setdefault(item["from"], []).extend(item["from_columns"])
            self.keys.setdefault(item["to"], []).extend(item["to_columns"])
            self.referred.setdefault(item["to"], list(item["to_columns"]))

    def of(self, names: set[str]) -> str:
        """The one dataset that has all these fields; of no fields the only one there is."""
        fitting = [name for name, fields in self.fields.items() if names <= fields]
        if len(fitting) != 1:
            which = f"{', '.join(sorted(fitting))} have" if fitting else "no one dataset has"
            raise ValueError(f"{which} {', '.join(sorted(names)) or 'rows'}; name the dataset")
        return fitting[0]

    def source(self, dataset: Document, lost: list[Lost]) -> Document:
        """A dataset as a source of ours. The first field that is a time places its rows in time."""
        columns = Columns()
        dimensions: list[Document] = []
        times: list[str] = []
        for key in [*(dataset.get("primary_key") or []), *self.keys.get(dataset["name"], [])]:
            columns.say(key, TEXT)
        for field in dataset.get("fields") or []:
            expression = _of(field["expression"])
            told = field.get("dimension")
            kind = _BACK.get(field.get("datatype", ""))
            is_time = kind.is_time if kind is not None else bool((told or {}).get("is_time"))
            if expression.isidentifier():
                columns.types[expression] = (
                    TIME if is_time and kind is None else f"{kind or ColumnType.STRING}?"
                )
                if is_time:
                    times.append(expression)
            else:
                columns.used(expression)
            if told is not None and not is_time:
                made = {"name": field["name"]}
                if expression != field["name"]:
                    made["expr"] = from_standard(expression)
                dimensions.append(made)
        if not times:
            lost.append(Lost(dataset["name"], "time", "no field is a date or a time; give the source one"))
        made = {
            "name": dataset["name"],
            "system": "ossie",
            "table": dataset["source"],
            "description": dataset.get("description") or "",
            "owner": "unknown",
            "key": dataset.get("primary_key")
            or self.referred.get(dataset["name"])
            or [next(iter(columns.types), "id")],
            "time": times[0] if times else None,
            "dimensions": dimensions,
            "joins": self.joins.get(dataset["name"], []),
            "columns": columns.documents() or [{"name": "id", "type": TEXT}],
        }
        self.sources[dataset["name"]] = made
        return {key: value for key, value in made.items() if value not in (None, "", [])}


def _foreign_metric(metric: Document, datasets: _Datasets) -> Document:
    text = _of(metric["expression"])
    try:
        tree = sqlglot.parse_one(text, read="snowflake")
    except SqlglotError as error:
        raise ValueError(f"{text!r} is no expression") from error
    if isinstance(tree, exp.Div):
        formula: Document = {
            "type": "ratio",
            "numerator": _foreign_measure(tree.this, datasets),
            "denominator": _foreign_measure(tree.expression, datasets),
        }
    else:
        formula = {"type": "simple", **_foreign_measure(tree, datasets)}
    return {
        "name": metric["name"],
        "label": metric["name"].replace("_", " ").capitalize(),
        "definition": metric.get("description", ""),
        "owner": {"team": "unknown", "accountable": "unknown"},
        **formula,
        "unit": "ratio" if formula["type"] == "ratio" else "count",
        "direction": "increase",
    }


def _foreign_measure(node: exp.Expr, datasets: _Datasets) -> Document:
    while isinstance(node, exp.Paren | exp.Cast | exp.Nullif):
        node = node.this
    kind = next((name for kind, name in _AGGREGATES.items() if type(node) is kind), None)
    if kind is None:
        raise ValueError(f"{node.sql()} is no aggregate that a measure can say")
    inside = node.this
    if isinstance(inside, exp.Distinct):
        kind, inside = "count_distinct", inside.expressions[0]
    names = {column.table for column in node.find_all(exp.Column)} - {""}
    if len(names) > 1:
        raise ValueError(f"{node.sql()} is over several datasets")
    home = names.pop() if names else datasets.of({column.name for column in node.find_all(exp.Column)})
    for column in node.find_all(exp.Column):
        column.set("table", None)
    source = datasets.sources.get(home)
    if source is not None and isinstance(inside, exp.Expr):
        learn(source, inside.sql("snowflake"), kind)
    value, condition = (
        (None, None) if isinstance(inside, exp.Star) else unguarded(inside.sql("snowflake"), None)
    )
    if kind == "sum" and value is None:  # a sum of ones
        kind = "count"
    made = {"source": home, "agg": kind, "expr": value, "filter": condition}
    return {key: item for key, item in made.items() if item is not None}


def _of(expression: Document) -> str:
    """The expression in the dialect that is closest to ours."""
    told: dict[str, Any] = {item["dialect"]: item["expression"] for item in expression["dialects"]}
    return str(told.get("ANSI_SQL") or next(iter(told.values())))
