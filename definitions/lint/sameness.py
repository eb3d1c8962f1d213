"""When two normalised plans say the same thing in other words: what a reader would call one metric.

The definition hash tells apart what is written differently, so that a change is never missed; this looks through what
makes no difference to any value: sides of a comparison, doubled or always true conditions, a count of a key. The result
is only ever compared, never run. Source: definition lint, 'Warnings' (DUPLICATE: two names, one normalised plan).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from definitions.compiler.resolve import Resolver
from definitions.model import Catalogue, Metric
from definitions.versions import normal_form

_WORD = re.compile(r"[a-z0-9]+")
_LOOSE = ("missing", "minimum_sample", "calendar")

TRUE: list[Any] = ["Boolean", ["this", "True"]]
_FALSE: list[Any] = ["Boolean"]
_SWAPPED = {"GT": "LT", "GTE": "LTE"}
_OPPOSITE = {
    "LT": "GTE",
    "LTE": "GT",
    "GT": "LTE",
    "GTE": "LT",
    "EQ": "NEQ",
    "NEQ": "EQ",
    "And": "Or",
    "Or": "And",
}
_MANY = ("And", "Or", "Add", "Mul")


@dataclass(frozen=True, slots=True)
class Rows:
    """What is known of the rows of tables: columns that are never NULL, and the one that is their key."""

    never_null: Mapping[str, frozenset[str]]
    key: Mapping[str, str]

    @classmethod
    def of(cls, catalogue: Catalogue) -> Rows:
        """What the sources of a catalogue declare."""
        tables = [source for source in catalogue.sources.values() if source.table]
        return cls(
            {
                source.table: frozenset(c.name for c in source.columns.values() if not c.nullable)
                for source in tables
            },
            {source.table: source.key[0] for source in tables if len(source.key) == 1},
        )


@dataclass(frozen=True)
class Plan:
    """What a metric computes, in its plainest words, and its name: what two metrics are compared by."""

    metric: Metric
    form: Any

    @cached_property
    def exact(self) -> str:
        """Equal for metrics of one meaning."""
        return _key(self.form)

    @cached_property
    def loose(self) -> str:
        """Equal also where two people chose gaps, least sample, calendar or spelling differently."""
        return _key(_loosened(self.form))

    @cached_property
    def leaves(self) -> Counter[str]:
        """Its parts, each with the way there."""
        return Counter(_leaves(self.form))

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of name and label."""
        return frozenset(_WORD.findall(f"{self.metric.name} {self.metric.label}".lower().replace("_", " ")))


def plans_of(catalogue: Catalogue, resolver: Resolver) -> tuple[Plan, ...]:
    """Plans of the metrics that are not deprecated, in order of name."""
    rows = Rows.of(catalogue)
    return tuple(
        Plan(metric, simplified(normal_form(resolver, metric.name), rows))
        for metric in catalogue.metrics.values()
        if metric.status != "deprecated"
    )


def _loosened(plan: Any) -> Any:
    """A plan without what two people may have chosen differently for the same thing."""
    if isinstance(plan, dict):
        return {key: _loosened(value) for key, value in plan.items() if key not in _LOOSE}
    if isinstance(plan, list | tuple):
        return [_loosened(value) for value in plan]
    return plan.strip().casefold() if isinstance(plan, str) else plan


def _leaves(plan: Any, path: str = "") -> Iterator[str]:
    if isinstance(plan, dict):
        for key, value in plan.items():
            yield from _leaves(value, f"{path}.{key}")
    elif isinstance(plan, list | tuple):
        for value in plan:
            yield from _leaves(value, path)
    else:
        yield f"{path}={plan}"


def simplified(plan: Any, rows: Rows) -> Any:
    """A normalised plan (of a metric, or any part of it) with measures in their plainest words."""
    if isinstance(plan, dict):
        if "agg" in plan:
            return _measure(plan, rows)
        return {key: simplified(value, rows) for key, value in plan.items()}
    if isinstance(plan, list | tuple):
        parts = [simplified(value, rows) for value in plan]
        return _inlined(parts)
    return plan


def _inlined(parts: list[Any]) -> list[Any]:
    """An input that is one measure, as that measure: what it is called makes no difference."""
    if len(parts) == 5 and parts[0] == "metric" and isinstance(parts[1], dict):
        _, form, filters, offset, offset_to = parts
        formula = form.get("formula")
        plain = filters is None and offset == "None" and offset_to is None and form.get("missing") == "empty"
        if plain and isinstance(formula, list) and formula[0] == "simple":
            return ["measure", formula[1]]
    return parts


def _measure(plan: Mapping[str, Any], rows: Rows) -> dict[str, Any]:
    source = dict(plan["source"])
    table = str(source.get("table") or "")
    # What a source leaves out of a table, a measure over the whole table can leave out itself.
    conditions = [plan["filter"]]
    if "of" not in source:
        conditions.append(source.pop("filter", None))
    agg, value = plan["agg"], plan["expr"]
    if agg == "sum_boolean" and value is not None:
        conditions.append(value)
        agg, value = "count", None
    if value is not None:
        value = [_said(value[0], rows, table), *value[1:]]
        agg, value = _counted(agg, value, rows, table)
    return {
        **plan,
        "source": simplified(source, rows),
        "agg": agg,
        "expr": value,
        "filter": _all_of([item for item in conditions if item is not None], rows, table),
    }


def _counted(agg: str, value: list[Any], rows: Rows, table: str) -> tuple[str, list[Any] | None]:
    """A count of something that every row has is a count of rows; so are a sum of ones and a count of distinct keys."""
    node = value[0]
    column = node[1][1] if node[0] == "Column" and len(node) == 2 else None
    one = node == ["Literal", ["this", "1"]]
    every_row = column in rows.never_null.get(table, ()) or (node[0] == "Literal" and len(node) == 2)
    if agg == "count" and every_row:
        return "count", None
    if agg == "sum" and one:
        return "count", None
    if agg == "count_distinct" and column is not None and column == rows.key.get(table) and every_row:
        return "count", None
    return agg, value


def _all_of(filters: list[list[Any]], rows: Rows, table: str) -> list[Any] | None:
    """Several filters (tree, joins, metrics) as one; None where every row passes."""
    tree = _joined("And", [_said(item[0], rows, table) for item in filters])
    if tree == TRUE:
        return None
    joins = _unique([join for item in filters for join in item[1]])
    return [tree, joins, [simplified(metric, rows) for item in filters for metric in item[2]]]


# ── conditions ──────────────────────────────────────────────────────────────────────────────────────────────


def _said(node: Any, rows: Rows, table: str) -> Any:
    """One expression in its plainest words."""
    if not isinstance(node, list) or not node:
        return node
    kind = node[0]
    if kind == "input":
        return node
    if kind in _MANY:
        parts = [_said(part, rows, table) for part in node[1:]]
        return _joined(kind, parts) if kind in ("And", "Or") else [kind, *_sorted(parts)]
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in node[1:]):
        return [kind, *(_said(part, rows, table) for part in node[1:])]
    if kind == "Not":
        return _negated(dict(node[1:])["this"], rows, table)
    held = {key: _values(value, rows, table) for key, value in node[1:]}
    match kind:
        case "Literal":
            return _number(held)
        case "GT" | "GTE":
            return _made(_SWAPPED[kind], this=held["expression"], expression=held["this"])
        case "EQ" | "NEQ":
            sides = _sorted([held["this"], held["expression"]])
            if sides[0] == sides[1] and sides[0][0] == "Literal":
                return TRUE if kind == "EQ" else _FALSE
            return _made(kind, this=sides[0], expression=sides[1])
        case "Between":
            low = _made("LTE", this=held["low"], expression=held["this"])
            return _joined("And", [low, _made("LTE", this=held["this"], expression=held["high"])])
        case "In" if "expressions" in held:
            options = _unique(_sorted(held["expressions"]))
            if len(options) == 1:
                sides = _sorted([held["this"], options[0]])
                return _made("EQ", this=sides[0], expression=sides[1])
            return _made("In", this=held["this"], expressions=options)
        case "Is":
            wants = held["expression"]
            known = held["this"][0] == "Column" and held["this"][1][1] in rows.never_null.get(table, ())
            if known and wants == ["Not", ["this", ["Null"]]]:
                return TRUE
    return _made(kind, **held)


def _values(value: Any, rows: Rows, table: str) -> Any:
    """An argument: an expression, a list of them, or a word."""
    if isinstance(value, list) and value and isinstance(value[0], list):
        return [_said(item, rows, table) for item in value]
    return _said(value, rows, table)


def _negated(inner: Any, rows: Rows, table: str) -> Any:
    """The opposite of a condition; NULL stays NULL, so no value changes."""
    if inner == ["Null"]:
        return ["Not", ["this", inner]]
    kind = inner[0]
    if kind == "Not":
        return _said(dict(inner[1:])["this"], rows, table)
    if kind in ("And", "Or"):
        return _joined(_OPPOSITE[kind], [_negated(part, rows, table) for part in inner[1:]])
    if kind in _OPPOSITE:
        return _said([_OPPOSITE[kind], *inner[1:]], rows, table)
    if kind == "Is":
        held = dict(inner[1:])
        if held["expression"] == ["Null"]:
            return _said(
                [kind, ["expression", ["Not", ["this", ["Null"]]]], ["this", held["this"]]], rows, table
            )
        if held["expression"] == ["Not", ["this", ["Null"]]]:
            return _said([kind, ["expression", ["Null"]], ["this", held["this"]]], rows, table)
    said = _said(inner, rows, table)
    if said == TRUE:
        return _FALSE
    if said == _FALSE:
        return TRUE
    if said[0] in _OPPOSITE and said[0] != kind:  # a list of one, a range
        return _negated(said, rows, table)
    return ["Not", ["this", said]]


def _joined(kind: str, parts: list[Any]) -> Any:
    """Conditions joined by AND or OR: flat, each once, without those that decide nothing."""
    nothing, all_ = (TRUE, _FALSE) if kind == "And" else (_FALSE, TRUE)
    flat: list[Any] = []
    for part in parts:
        flat += part[1:] if isinstance(part, list) and part and part[0] == kind else [part]
    if all_ in flat:
        return all_
    kept = _unique(_sorted([part for part in flat if part != nothing]))
    return nothing if not kept else kept[0] if len(kept) == 1 else [kind, *kept]


def _number(held: Mapping[str, Any]) -> list[Any]:
    if "is_string" in held:
        return _made("Literal", **held)
    try:
        return _made("Literal", this=f"{Decimal(held['this']).normalize():f}")
    except ArithmeticError:
        return _made("Literal", **held)


def _made(kind: str, **held: Any) -> list[Any]:
    return [kind, *([key, value] for key, value in sorted(held.items()))]


def _sorted(parts: list[Any]) -> list[Any]:
    return sorted(parts, key=_key)


def _unique(parts: list[Any]) -> list[Any]:
    return list({_key(part): part for part in parts}.values())


def _key(part: Any) -> str:
    return json.dumps(part, default=str, sort_keys=True)
