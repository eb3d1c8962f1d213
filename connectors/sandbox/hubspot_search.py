"""HubSpot's searches: filters on properties, and the one sort that is allowed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from connectors.sandbox.company.timeline import Bools, Ints
from connectors.sandbox.hubspot_objects import Kind
from connectors.sandbox.messages import BadRequest
from connectors.sandbox.shelf import Hits, Record
from connectors.sandbox.soql import milliseconds

Render = Callable[[Hits], list[Record]]
"""Draws objects, after the schema changes that are switched on."""

OPERATORS = (
    "EQ",
    "NEQ",
    "LT",
    "LTE",
    "GT",
    "GTE",
    "BETWEEN",
    "IN",
    "NOT_IN",
    "HAS_PROPERTY",
    "NOT_HAS_PROPERTY",
    "CONTAINS_TOKEN",
    "NOT_CONTAINS_TOKEN",
)


def group_matches(kind: Kind, hits: Hits, filters: Sequence[Record], render: Render) -> Bools:
    """Which objects fulfil all filters of a group."""
    mask = np.ones(hits.size, dtype=np.bool_)
    for part in filters:
        operator, name = str(part.get("operator")), str(part.get("propertyName"))
        if operator not in OPERATORS:
            raise BadRequest(f"operator {operator} is not valid")
        instants = _instants(kind, hits, name)
        if instants is not None:
            mask &= _compared(instants, operator, part)
            continue
        if name == "hs_object_id":
            mask &= _compared(hits.number + kind.base, operator, part)
            continue
        if name not in kind.properties:
            raise BadRequest(f'Property "{name}" does not exist')
        values = [record["properties"].get(name) for record in render(hits)]
        mask &= np.fromiter(
            (_holds(value, operator, part) for value in values), dtype=np.bool_, count=hits.size
        )
    return mask


def _instants(kind: Kind, hits: Hits, name: str) -> Ints | None:
    if name == kind.cursor:
        return hits.updated
    return hits.created if name == "createdate" else None


def in_order(kind: Kind, hits: Hits, sorts: Sequence[Any], render: Render) -> Hits:
    """Objects in the asked order; by creation where none is asked for."""
    if len(sorts) > 1:
        raise BadRequest("only one sort is allowed")
    if not sorts:
        return hits.sort(hits.created, hits.number)
    name, descending = str(sorts[0].get("propertyName")), sorts[0].get("direction") == "DESCENDING"
    keys = _instants(kind, hits, name)
    if keys is None and name != "hs_object_id":
        values = [record["properties"].get(name) or "" for record in render(hits)]
        ranks = {value: rank for rank, value in enumerate(sorted(set(values)))}
        keys = np.asarray([ranks[value] for value in values], dtype=np.int64)
    keys = hits.number if keys is None else keys
    return hits.sort(-keys if descending else keys, hits.number)


def _number(text: Any) -> int:
    """A filter value for an instant or an id: milliseconds, digits, or an ISO text."""
    value = str(text)
    if value.lstrip("-").isdigit():
        return int(value)
    try:
        return milliseconds(value)
    except ValueError:
        raise BadRequest(f"the filter value {value!r} is not valid") from None


def _compared(values: Ints, operator: str, part: Record) -> Bools:
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return np.full(values.size, operator == "HAS_PROPERTY", dtype=np.bool_)
    if operator in ("IN", "NOT_IN"):
        inside = np.isin(
            values, np.asarray([_number(value) for value in part.get("values") or []], dtype=np.int64)
        )
        return inside if operator == "IN" else ~inside
    wanted = _number(part.get("value"))
    if operator == "BETWEEN":
        return np.asarray((values >= wanted) & (values <= _number(part.get("highValue"))), dtype=np.bool_)
    compare = {
        "EQ": np.equal,
        "NEQ": np.not_equal,
        "LT": np.less,
        "LTE": np.less_equal,
        "GT": np.greater,
        "GTE": np.greater_equal,
    }
    if operator not in compare:
        raise BadRequest(f"operator {operator} does not work with this property")
    return np.asarray(compare[operator](values, wanted), dtype=np.bool_)


def _holds(value: str | None, operator: str, part: Record) -> bool:
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return (value is not None) == (operator == "HAS_PROPERTY")
    if operator in ("IN", "NOT_IN"):
        inside = value in [str(item) for item in part.get("values") or []]
        return inside == (operator == "IN")
    wanted = str(part.get("value"))
    if operator in ("EQ", "NEQ"):
        return (value == wanted) == (operator == "EQ")
    if value is None:
        return False
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        return (wanted.strip("*").lower() in value.lower()) == (operator == "CONTAINS_TOKEN")
    left, right, high = (_comparable(text) for text in (value, wanted, part.get("highValue") or wanted))
    if operator == "BETWEEN":
        return right <= left <= high
    return {"LT": left < right, "LTE": left <= right, "GT": left > right, "GTE": left >= right}[operator]


def _comparable(text: Any) -> tuple[float, str]:
    """Numbers compare as numbers, all else as text after them."""
    try:
        return float(text), ""
    except (TypeError, ValueError):
        return float("inf"), str(text)
