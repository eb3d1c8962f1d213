"""Semantic models and metrics of the dbt semantic layer as definition files of ours.

What an export of ours put under ``config.meta.vitals`` comes back as it was; a foreign project becomes drafts, with
owner ``unknown`` to be filled in. `Imported.lost` lists what could not be taken over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from definitions.interchange.dbt import AGGREGATES
from definitions.interchange.exchange import Document, Imported, Lost, from_standard, unguarded
from definitions.writing import to_yaml

_AGGREGATIONS = {told: str(ours) for ours, told in AGGREGATES.items()} | {"avg": "avg"}
_REFERENCE = re.compile(r"""ref\(\s*['"]([^'"]+)['"]\s*\)""")
_JINJA = re.compile(
    r"""\{\{\s*(?:Time)?Dimension\(\s*['"](?:(?P<path>\w+)__)?(?P<name>\w+?)['"]\s*(?:,\s*['"]\w+['"])?\s*\)\s*\}\}"""
)
_ENTITY = re.compile(r"""\{\{\s*Entity\(\s*['"](?P<name>\w+)['"]\s*\)\s*\}\}""")


def from_dbt(documents: Mapping[str, Document]) -> Imported:
    """Definition files for semantic models and metrics, whatever files they were in."""
    reader = _Import()
    for name in sorted(documents):
        document = documents[name]
        for model in document.get("semantic_models") or []:
            reader.model(model)
        reader.told_sources += document.get("sources") or []
        told = document.get("metrics") or []
        reader.told_metrics += [metric for metric in told if "type_params" not in metric]
        reader.foreign += [metric for metric in told if "type_params" in metric]
    for metric in reader.foreign:
        reader.metric(metric)
    texts = {
        "sources/imported.yml": to_yaml({"sources": [*reader.sources, *reader.told_sources]}),
        "metrics/imported.yml": to_yaml({"metrics": [*reader.metrics, *reader.told_metrics]}),
    }
    return Imported(texts, tuple(reader.lost))


class _Import:
    def __init__(self) -> None:
        self.sources: list[Document] = []
        self.metrics: list[Document] = []
        self.told_sources: list[Document] = []
        self.told_metrics: list[Document] = []
        self.foreign: list[Document] = []
        self.lost: list[Lost] = []
        self.measures: dict[str, tuple[Document, Document]] = {}

    # ── semantic models ─────────────────────────────────────────────────────────────────────────────────────

    def model(self, model: Document) -> None:
        """One semantic model: a source, and the measures that metrics refer to."""
        told = (model.get("config") or {}).get("meta", {}).get("vitals")
        source = (
            {"name": model["name"], "description": model.get("description", ""), **told}
            if told
            else self._foreign_source(model)
        )
        self.sources.append(source)
        for measure in model.get("measures") or []:
            self.measures[measure["name"]] = (measure, source)

    def _foreign_source(self, model: Document) -> Document:
        columns: dict[str, Document] = {}
        key: list[str] = []
        joins: list[Document] = []
        for entity in model.get("entities") or []:
            column = str(entity.get("expr") or entity["name"])
            if not column.isidentifier():
                self.lost.append(Lost(model["name"], f"entity {entity['name']}", "its key is an expression"))
                continue
            columns.setdefault(column, {"name": column, "type": "string?"})
            if entity["type"] in ("primary", "unique", "natural"):
                key = key or [column]
            else:
                joins.append({"to": entity["name"], "on": [column]})
        dimensions: list[Document] = []
        for dimension in model.get("dimensions") or []:
            name, expr = dimension["name"], str(dimension.get("expr") or dimension["name"])
            kind = "timestamp?" if dimension["type"] == "time" else "string?"
            if expr.isidentifier():
                columns.setdefault(expr, {"name": expr, "type": kind})
            if dimension["type"] != "time":
                dimensions.append({"name": name, **({"expr": from_standard(expr)} if expr != name else {})})
            elif expr != name:
                self.lost.append(
                    Lost(model["name"], f"time dimension {name}", f"it is {expr}; use the column")
                )
        for measure in model.get("measures") or []:
            expr = str(measure.get("expr", measure["name"]))
            if expr.isidentifier():
                columns.setdefault(expr, {"name": expr, "type": "double?"})
        reference = _REFERENCE.search(str(model.get("model", "")))
        relation = model.get("node_relation") or {}
        table = reference[1] if reference else str(relation.get("alias", model["name"]))
        schema = relation.get("schema_name")
        return {
            "name": model["name"],
            "system": "dbt",
            "table": f"{schema}.{table}" if schema else table,
            "description": model.get("description", ""),
            "owner": "unknown",
            "key": key or [next(iter(columns), "id")],
            "time": (model.get("defaults") or {}).get("agg_time_dimension"),
            "dimensions": dimensions,
            "joins": joins,
            "columns": list(columns.values()),
        }

    # ── metrics ─────────────────────────────────────────────────────────────────────────────────────────────

    def metric(self, metric: Document) -> None:
        """One metric; parts of a metric of ours are read with the metric they belong to."""
        told = dict((metric.get("config") or {}).get("meta", {}).get("vitals") or {})
        if "part_of" in told:
            return
        kind = told.pop("type", None) or metric["type"]
        try:
            formula = self._formula(str(kind), metric)
        except (KeyError, ValueError) as error:
            self.lost.append(Lost(metric["name"], "metric", f"its formula cannot be read: {error}"))
            return
        made = {
            "name": metric["name"],
            "label": metric.get("label") or metric["name"],
            "definition": metric.get("description", ""),
            "type": formula.pop("type", kind),
            **formula,
            **(told or _draft(metric)),
        }
        self.metrics.append({key: value for key, value in made.items() if value not in (None, [], "")})

    def _formula(self, kind: str, metric: Document) -> Document:
        params = metric["type_params"]
        condition = self._filter(metric.get("filter"))
        match kind:
            case "simple" | "balance":
                measure, additive = self._measure(params["measure"], condition)
                if additive:
                    return {"type": "balance", **measure, **additive}
                return measure
            case "ratio":
                return {
                    "numerator": self._part(params["numerator"], condition),
                    "denominator": self._part(params["denominator"], condition),
                }
            case "derived":
                inputs = [self._input(item) for item in params.get("metrics") or []]
                if condition:
                    inputs = [{**item, "filter": _both(item.get("filter"), condition)} for item in inputs]
                plain = [item for item in inputs if set(item) > {"metric"}]
                return {"expr": from_standard(params["expr"]), "inputs": plain}
            case "cumulative":
                told = params.get("cumulative_type_params") or {}
                base: Document
                if "metric" in told:
                    base = {"metric": self._input(told["metric"])}
                else:
                    base, _ = self._measure(params["measure"], condition)
                window = told.get("window") or params.get("window")
                return {
                    **base,
                    "window": window,
                    "grain_to_date": told.get("grain_to_date") or params.get("grain_to_date"),
                    "period_agg": told.get("period_agg"),
                }
            case "conversion":
                told = params["conversion_type_params"]
                base, _ = self._measure(told["base_measure"], condition)
                conversion, _ = self._measure(told["conversion_measure"], None)
                rate = told.get("calculation", "conversion_rate") == "conversion_rate"
                return {
                    "base": base,
                    "conversion": conversion,
                    "entity": self._entity(told["entity"], told["base_measure"]),
                    "window": told.get("window"),
                    "calculation": None if rate else "count",
                    "constant_properties": [
                        {"base": pair["base_property"], "conversion": pair["conversion_property"]}
                        for pair in told.get("constant_properties") or []
                    ],
                }
        raise ValueError(f"the type {kind} is not known")

    def _measure(self, reference: Any, condition: str | None) -> tuple[Document, Document]:
        """(measure, semi-additive part) of a reference to a measure."""
        name = reference["name"] if isinstance(reference, Mapping) else reference
        measure, source = self.measures[name]
        value, filtered = unguarded(str(measure.get("expr", name)), source.get("filter"))
        if isinstance(reference, Mapping):
            filtered = _both(filtered, self._filter(reference.get("filter")))
        agg = _AGGREGATIONS[str(measure["agg"]).lower()]
        made: Document = {
            "source": source["name"],
            "agg": agg,
            "expr": value if agg != "count" or value is not None else None,
            "filter": _both(filtered, condition),
            "time": measure.get("agg_time_dimension"),
            "percentile": (measure.get("agg_params") or {}).get("percentile")
            if agg == "percentile"
            else None,
        }
        if made["time"] == source.get("time"):
            made["time"] = None
        additive = measure.get("non_additive_dimension")
        semi: Document = {}
        if additive:
            semi = {
                "choice": None if additive.get("window_choice", "min") == "max" else "first",
                "groupings": additive.get("window_groupings") or None,
                "time": None if additive["name"] == source.get("time") else additive["name"],
            }
        return {key: item for key, item in made.items() if item is not None}, semi

    def _part(self, reference: Any, condition: str | None) -> Document:
        """A numerator or denominator: a measure of its own where an export made a part of it, else a metric."""
        name = reference["name"] if isinstance(reference, Mapping) else reference
        part = next((item for item in self.foreign if item["name"] == name), None)
        if part is not None and "part_of" in ((part.get("config") or {}).get("meta", {}).get("vitals") or {}):
            measure, _ = self._measure(part["type_params"]["measure"], condition)
            return measure
        told = self._input(reference)
        if condition:
            told["filter"] = _both(told.get("filter"), condition)
        return told

    def _input(self, reference: Any) -> Document:
        if not isinstance(reference, Mapping):
            return {"metric": reference}
        told = {
            "metric": reference["name"],
            "alias": reference.get("alias"),
            "filter": self._filter(reference.get("filter")),
            "offset": reference.get("offset_window"),
            "offset_to": reference.get("offset_to_grain"),
        }
        return {key: value for key, value in told.items() if value is not None}

    def _entity(self, name: str, reference: Any) -> str:
        """The column of an entity in the model of a measure; a column of ours keeps its name."""
        measure = reference["name"] if isinstance(reference, Mapping) else reference
        source = self.measures[measure][1]
        if any(column["name"] == name for column in source.get("columns", [])):
            return name
        for join in source.get("joins", []):
            if join["to"] == name:
                on = join["on"]
                return str(next(iter(on)))
        return str(source["key"][0])

    def _filter(self, told: Any) -> str | None:
        """A filter without its templates; several are joined by AND."""
        if told is None:
            return None
        if isinstance(told, Sequence) and not isinstance(told, str):
            return _both(*(self._filter(item) for item in told))
        text = _JINJA.sub(lambda m: self._column(m["path"], m["name"]), str(told))
        text = _ENTITY.sub(lambda m: m["name"], text)
        if "{{" in text:
            raise ValueError(f"the filter {told!r} holds a template that is not known")
        return from_standard(text)

    def _column(self, path: str | None, name: str) -> str:
        """``entity__dimension``: plain where the entity is a source's own, dotted where a join leads to it."""
        if path is None or any(
            source["name"] == path and not _joined(self.sources, path) for source in self.sources
        ):
            return name
        return f"{path}.{name}" if _joined(self.sources, path) else name


def _joined(sources: Sequence[Document], name: str) -> bool:
    return any(join["to"] == name for source in sources for join in source.get("joins") or [])


def _both(*conditions: str | None) -> str | None:
    kept = [condition for condition in conditions if condition]
    if len(kept) < 2:
        return kept[0] if kept else None
    return " AND ".join(f"({condition})" for condition in kept)


def _draft(metric: Document) -> Document:
    """What a foreign metric does not say, as a draft that loads and that lint asks to be completed."""
    ratio = metric["type"] in ("ratio", "conversion")
    return {
        "status": "draft",
        "owner": {"team": "unknown", "accountable": "unknown"},
        "unit": "ratio" if ratio else "count",
        "direction": "increase",
        "missing": "zero" if _zero(metric) else None,
    }


def _zero(metric: Document) -> bool:
    measure = metric["type_params"].get("measure")
    return isinstance(measure, Mapping) and measure.get("fill_nulls_with") == 0
