"""Semantic models and metrics of the dbt semantic layer as definition files of ours.

What an export of ours put under ``config.meta.vitals`` comes back as it was; a foreign project becomes drafts, with
owner ``unknown`` to be filled in. `Imported.lost` lists what could not be taken over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from definitions.interchange.dbt import AGGREGATES, PART
from definitions.interchange.exchange import Document, Imported, Lost, from_standard, unguarded
from definitions.interchange.inference import TEXT, TIME, Columns, learn, loadable
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
    models = [item for name in sorted(documents) for item in _listed(documents[name], "semantic_model")]
    for model in models:
        reader.entities(model)
    for model in models:
        reader.model(model)
    for name in sorted(documents):
        # A dbt project lists the tables of its warehouse under `sources` too; those have tables of their own.
        reader.told_sources += [item for item in documents[name].get("sources") or [] if "system" in item]
        told = _listed(documents[name], "metric")
        reader.told_metrics += [metric for metric in told if "type_params" not in metric]
        reader.foreign += [metric for metric in told if "type_params" in metric]
    for metric in reader.foreign:
        reader.metric(metric)
    sources, metrics = [*reader.sources, *reader.told_sources], [*reader.metrics, *reader.told_metrics]
    if any("vitals" not in (model.get("config") or {}).get("meta", {}) for model in models):
        sources, metrics = loadable(sources, metrics, reader.lost)
    texts = {
        "sources/imported.yml": to_yaml({"sources": sources}),
        "metrics/imported.yml": to_yaml({"metrics": metrics}),
    }
    return Imported(texts, tuple(reader.lost))


def _listed(document: Document, kind: str) -> list[Document]:
    """Entries of a kind: a list in a dbt project, one a document in MetricFlow's own files."""
    one = document.get(kind)
    return [*(document.get(f"{kind}s") or []), *([one] if isinstance(one, dict) else [])]


class _Import:
    def __init__(self) -> None:
        self.sources: list[Document] = []
        self.metrics: list[Document] = []
        self.told_sources: list[Document] = []
        self.told_metrics: list[Document] = []
        self.foreign: list[Document] = []
        self.lost: list[Lost] = []
        self.measures: dict[str, tuple[Document, Document]] = {}
        self.primary: dict[str, tuple[str, str]] = {}
        self.times: dict[str, dict[str, str]] = {}

    # ── semantic models ─────────────────────────────────────────────────────────────────────────────────────

    def entities(self, model: Document) -> None:
        """Where each entity is at home, and by which column: what a join leads to."""
        for entity in model.get("entities") or []:
            column = str(entity.get("expr") or entity["name"])
            if entity["type"] in ("primary", "unique") and column.isidentifier():
                known = self.primary.get(entity["name"])
                if known is None or entity["type"] == "primary":
                    self.primary[entity["name"]] = (model["name"], column)

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
        columns = Columns()
        key: list[str] = []
        joins: list[Document] = []
        for entity in model.get("entities") or []:
            column = str(entity.get("expr") or entity["name"])
            if not column.isidentifier():
                self.lost.append(Lost(model["name"], f"entity {entity['name']}", "its key is an expression"))
                continue
            columns.say(column, TEXT)
            if entity["type"] in ("primary", "unique", "natural"):
                key = key or [column]
            elif entity["name"] in self.primary:
                home, its_key = self.primary[entity["name"]]
                named = {} if home == entity["name"] else {"name": entity["name"]}
                joins.append({"to": home, **named, "on": {column: its_key}})
            else:
                why = "no semantic model has it as its primary entity"
                self.lost.append(Lost(model["name"], f"entity {entity['name']}", why))
        dimensions = self._dimensions(model, columns)
        for measure in model.get("measures") or []:
            columns.used(str(measure.get("expr", measure["name"])), str(measure.get("agg", "")).lower())
        reference = _REFERENCE.search(str(model.get("model", "")))
        relation = model.get("node_relation") or {}
        table = reference[1] if reference else str(relation.get("alias", model["name"]))
        schema = relation.get("schema_name")
        time = (model.get("defaults") or {}).get("agg_time_dimension")
        return {
            "name": model["name"],
            "system": "dbt",
            "table": f"{schema}.{table}" if schema else table,
            "description": model.get("description") or "",
            "owner": "unknown",
            "key": key or [next(iter(columns.types), "id")],
            "time": self.times[model["name"]].get(time or "", time),
            "dimensions": dimensions,
            "joins": joins,
            "columns": columns.documents(),
        }

    def _dimensions(self, model: Document, columns: Columns) -> list[Document]:
        """Dimensions of a model; its times are columns, under a name of their own where they are cut or cast."""
        times = self.times.setdefault(model["name"], {})
        found: list[Document] = []
        for dimension in model.get("dimensions") or []:
            name, expr = dimension["name"], str(dimension.get("expr") or dimension["name"])
            if dimension["type"] == "time":
                column = expr if expr.isidentifier() else _only_column(expr)
                if column is None:
                    self.lost.append(Lost(model["name"], f"time dimension {name}", f"it is {expr}"))
                    continue
                columns.say(column, TIME)
                times[name] = column
                continue
            if expr.isidentifier():
                columns.say(expr, TEXT)
            else:
                columns.used(expr)
            try:
                found.append({"name": name, **({"expr": from_standard(expr)} if expr != name else {})})
            except ValueError as error:
                self.lost.append(Lost(model["name"], f"dimension {name}", str(error)))
        return found

    # ── metrics ─────────────────────────────────────────────────────────────────────────────────────────────

    def metric(self, metric: Document) -> None:
        """One metric; parts of a metric of ours are read with the metric they belong to."""
        told = dict((metric.get("config") or {}).get("meta", {}).get("vitals") or {})
        if "part_of" in told:
            return
        kind = told.pop("type", None) or str(metric["type"]).lower()
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
        params = self._with_measure(metric)
        condition = self._filter(metric.get("filter"), self._home(params))
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

    def _with_measure(self, metric: Document) -> Document:
        """The parameters of a metric; one that says by itself what it aggregates gets a measure for it."""
        params: Document = metric["type_params"]
        told = params.get("metric_aggregation_params")
        if not told or params.get("measure"):
            return params
        name = f"{metric['name']}{PART}measure"
        source = next(item for item in self.sources if item["name"] == told["semantic_model"])
        measure = {**told, "name": name, "expr": params.get("expr") or told.get("expr") or metric["name"]}
        self.measures[name] = (measure, source)
        learn(source, str(measure["expr"]), str(measure["agg"]).lower())
        nulls = {
            key: params[key]
            for key in ("fill_nulls_with", "join_to_timespine")
            if params.get(key) is not None
        }
        return {**params, "measure": {"name": name, **nulls}}

    def _home(self, params: Document) -> Document | None:
        """The source of a metric's own measure, if it has one."""
        reference = params.get("measure") or (params.get("cumulative_type_params") or {}).get("measure")
        name = reference["name"] if isinstance(reference, Mapping) else reference
        return self.measures[name][1] if name in self.measures else None

    def _measure(self, reference: Any, condition: str | None) -> tuple[Document, Document]:
        """(measure, semi-additive part) of a reference to a measure."""
        name = reference["name"] if isinstance(reference, Mapping) else reference
        measure, source = self.measures[name]
        value, filtered = unguarded(str(measure.get("expr", name)), source.get("filter"))
        if isinstance(reference, Mapping):
            filtered = _both(filtered, self._filter(reference.get("filter"), source))
        agg = _AGGREGATIONS[str(measure["agg"]).lower()]
        if source.get("owner") == "unknown":
            for text in (filtered, condition):
                learn(source, text, "sum_boolean")
        if agg == "sum" and value is None:  # a sum of ones
            agg = "count"
        times = self.times.get(source["name"], {})
        made: Document = {
            "source": source["name"],
            "agg": agg,
            "expr": value if agg != "count" or value is not None else None,
            "filter": _both(filtered, condition),
            "time": times.get(measure.get("agg_time_dimension") or "", measure.get("agg_time_dimension")),
            "percentile": (measure.get("agg_params") or {}).get("percentile")
            if agg == "percentile"
            else None,
        }
        if made["time"] == source.get("time"):
            made["time"] = None
        additive = measure.get("non_additive_dimension")
        semi: Document = {}
        if additive:
            at = times.get(additive["name"], additive["name"])
            semi = {
                "choice": None if additive.get("window_choice", "min") == "max" else "first",
                "groupings": [self._key_of(each, source) for each in additive.get("window_groupings") or []]
                or None,
                "time": None if at == source.get("time") else at,
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
        join = _join(source, name)
        return str(next(iter(join["on"])) if join is not None else source["key"][0])

    def _filter(self, told: Any, source: Document | None = None) -> str | None:
        """A filter without its templates; several are joined by AND. ``source`` is what its names are read from."""
        if told is None:
            return None
        if isinstance(told, Mapping):  # MetricFlow's own files: where_filters, each with a template
            told = [item.get("where_sql_template") for item in told.get("where_filters") or []]
        if isinstance(told, Sequence) and not isinstance(told, str):
            return _both(*(self._filter(item, source) for item in told))
        text = _JINJA.sub(lambda m: self._column(m["path"], m["name"], source), str(told))
        text = _ENTITY.sub(lambda m: self._key_of(m["name"], source), text)
        if "{{" in text or "{%" in text:
            raise ValueError(f"the filter {told!r} holds a template that is not known")
        return from_standard(text)

    def _column(self, path: str | None, name: str, source: Document | None) -> str:
        """``entity__dimension``: plain where the entity is the source's own, dotted where a join leads to it."""
        steps = path.split("__") if path else []
        home = source
        dotted: list[str] = []
        for step in steps:
            join = _join(home, step)
            if join is None:
                if home is None and _joined(self.sources, step):
                    dotted.append(step)
                continue
            dotted.append(step)
            home = next((item for item in self.sources if item["name"] == join["to"]), None)
        if home is not None:
            name = self.times.get(home["name"], {}).get(name, name)
        return ".".join([*dotted, name])

    def _key_of(self, entity: str, source: Document | None) -> str:
        """The column of an entity in a source."""
        join = _join(source, entity)
        if join is not None:
            return str(next(iter(join["on"])))
        return self.primary[entity][1] if entity in self.primary else entity


def _join(source: Document | None, name: str) -> Document | None:
    joins: list[Document] = (source or {}).get("joins") or []
    return next((join for join in joins if join.get("name", join["to"]) == name), None)


def _joined(sources: Sequence[Document], name: str) -> bool:
    return any(_join(source, name) for source in sources)


def _only_column(expression: str) -> str | None:
    """The one column that a time is cut or cast from: of `cast(ordered_at as date)` it is `ordered_at`."""
    try:
        tree = sqlglot.parse_one(expression, read="snowflake")
    except SqlglotError:
        return None
    names = {column.name for column in tree.find_all(exp.Column)}
    plain = not list(tree.find_all(exp.Case, exp.Anonymous, exp.Binary))
    return names.pop() if len(names) == 1 and plain else None


def _both(*conditions: str | None) -> str | None:
    kept = [condition for condition in conditions if condition]
    if len(kept) < 2:
        return kept[0] if kept else None
    return " AND ".join(f"({condition})" for condition in kept)


def _draft(metric: Document) -> Document:
    """What a foreign metric does not say, as a draft that loads and that lint asks to be completed."""
    ratio = str(metric["type"]).lower() in ("ratio", "conversion")
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
