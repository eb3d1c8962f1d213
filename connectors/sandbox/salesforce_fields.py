"""What a Salesforce object is in the fake: its fields, and how a version of a record fills them.

Columns are computed for many versions at once and only when asked for. Values are canonical: texts, numbers, booleans,
instants as milliseconds; `Field.kind` says how REST and Bulk CSV write them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from connectors.sandbox.company import identity
from connectors.sandbox.company.log import Log
from connectors.sandbox.company.timeline import NEVER, NONE, Ints

Column = Callable[[Ints, Ints], Sequence[Any]]
"""Values for versions of a log, given the cursor values (ms) to show for them."""


@dataclass(frozen=True)
class Field:
    """A field of an object. kind: text, reference, instant, date, money, number, boolean or integer."""

    kind: str
    column: Column


@dataclass(frozen=True)
class Object:
    """An object: id prefix, log of versions, creation instants by record number, fields in order."""

    name: str
    prefix: str
    log: Log
    created: Ints
    fields: Mapping[str, Field]


def picked(codes: Ints, labels: Sequence[str]) -> list[Any]:
    """The labels of codes; None for a code of -1."""
    vocabulary = np.asarray([*labels, None], dtype=np.object_)
    return list(vocabulary[codes])


def or_none(values: Ints) -> list[int | None]:
    """Instants, None for those that never come."""
    return [None if value == NONE or value >= NEVER else value for value in values.tolist()]


def money(cents: Ints) -> list[float | None]:
    """Cents as an amount."""
    return [None if value == NONE else value / 100 for value in cents.tolist()]


def days_shown(days: Ints) -> list[str]:
    """Day numbers as dates."""
    return list(np.datetime_as_string(days.astype("datetime64[D]")).tolist()) if days.size else []


def made(
    name: str,
    prefix: str,
    log: Log,
    created: Ints,
    fields: Mapping[str, Field],
    *,
    stamp: str = "SystemModstamp",
    is_flagged: bool = True,
) -> Object:
    """An object with the fields that all have: Id first, then its own, then stamps and (mostly) the deletion mark."""
    record = log.record
    everywhere: dict[str, Field] = {
        "Id": Field(
            "reference", lambda versions, _: identity.salesforce_ids(prefix, record[versions]).tolist()
        ),
        **fields,
        "CreatedDate": Field("instant", lambda versions, _: created[record[versions]].tolist()),
    }
    if stamp == "SystemModstamp":
        everywhere["SystemModstamp"] = Field("instant", lambda _, updated: updated.tolist())
        everywhere["LastModifiedDate"] = Field("instant", lambda _, updated: updated.tolist())
    if is_flagged:
        everywhere["IsDeleted"] = Field("boolean", lambda versions, _: log.gone[versions].tolist())
    return Object(name, prefix, log, created, everywhere)


def owner(log: Log) -> Field:
    """The sales person of a log with owners."""
    return Field(
        "reference", lambda v, _: identity.salesforce_ids(identity.USER, log.state["owner"][v]).tolist()
    )
