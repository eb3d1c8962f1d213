"""Intercom's search queries: filters, groups of filters, and what they find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from connectors.sandbox.company.timeline import DAY, SECOND, Bools, Ints
from connectors.sandbox.messages import BadRequest
from connectors.sandbox.plumbing import Fake
from connectors.sandbox.shelf import Hits, Record

OPERATORS = ("=", "!=", "IN", "NIN", "<", "<=", ">", ">=", "~", "!~", "^", "$")


def matches(fake: Fake, shelf: str, hits: Hits, query: Record, depth: int = 1) -> Bools:
    """Which records fulfil a query: one filter, or groups of them nested once.

    Raises:
        BadRequest: the query is one that the vendor refuses.
    """
    operator, value = query.get("operator"), query.get("value")
    if "field" not in query:
        if operator not in ("AND", "OR") or not isinstance(value, list):
            raise BadRequest("a filter needs field, operator and value", "parameter_invalid")
        if depth > 2:
            raise BadRequest("at most 2 nested filters are allowed", "parameter_invalid")
        if len(value) > 15:
            raise BadRequest("at most 15 filters in a group are allowed", "parameter_invalid")
        masks = [matches(fake, shelf, hits, part, depth + 1) for part in value]
        together = np.logical_and.reduce if operator == "AND" else np.logical_or.reduce
        return np.asarray(together(masks), dtype=np.bool_)
    if operator not in OPERATORS:
        raise BadRequest(f"operator {operator!r} is not valid", "parameter_invalid")
    field = str(query["field"])
    if field in ("created_at", "updated_at"):
        values = (hits.created if field == "created_at" else hits.updated) // SECOND
        return _instants_match(shelf, values, str(operator), value)
    if field == "id":
        texts: Sequence[Any] = fake.shelves[shelf].ids(hits)
    else:
        texts = [_at_path(record, field) for record in fake.render(shelf, hits)]
    return np.fromiter(
        (_holds(text, str(operator), value) for text in texts), dtype=np.bool_, count=hits.size
    )


def _instants_match(shelf: str, values: Ints, operator: str, value: Any) -> Bools:
    if operator in ("IN", "NIN") and isinstance(value, list):
        found = np.isin(values, np.asarray([int(v) for v in value], dtype=np.int64))
        return found if operator == "IN" else ~found
    try:
        wanted = int(value)
    except (TypeError, ValueError):
        raise BadRequest("dates must be unix timestamps in seconds", "parameter_invalid") from None
    if shelf == "contact":
        # Contacts are filtered by whole days: `>` means later than that day began, `<` earlier than its end.
        day = DAY // SECOND
        values, wanted = values // day, wanted // day
        operator = {">": ">=", "<": "<="}.get(operator, operator)
    compare = {
        "=": np.equal,
        "!=": np.not_equal,
        "<": np.less,
        "<=": np.less_equal,
        ">": np.greater,
        ">=": np.greater_equal,
    }.get(operator)
    if compare is None:
        raise BadRequest(f"operator {operator!r} does not work with dates", "parameter_invalid")
    return np.asarray(compare(values, wanted), dtype=np.bool_)


def _at_path(record: Record, path: str) -> Any:
    if path == "rating":
        path = "conversation_rating.rating"
    value: Any = record
    for name in path.removeprefix("conversation.").split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _holds(value: Any, operator: str, wanted: Any) -> bool:
    if operator in ("IN", "NIN"):
        inside = str(value) in {str(item) for item in wanted}
        return inside if operator == "IN" else not inside
    if wanted is None or value is None:
        equal = value is None and wanted is None
        return equal if operator == "=" else not equal if operator == "!=" else False
    if operator in ("=", "!="):
        equal = str(value).lower() == str(wanted).lower()
        return equal if operator == "=" else not equal
    if operator in ("~", "!~"):
        inside = str(wanted).lower() in str(value).lower()
        return inside if operator == "~" else not inside
    if operator == "^":
        return str(value).startswith(str(wanted))
    if operator == "$":
        return str(value).endswith(str(wanted))
    left, right = float(value), float(wanted)
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]
