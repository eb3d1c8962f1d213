"""Bringing the dictionary's tables to what a publication says, row by row where something changed.

Dimensions hold current attributes and are changed in place; what has left the dictionary stays, no longer
listed. Definitions are closed and followed by their successor. Targets and the terms of key results are
kept by revision (`pipelines.publishing.revisions`). All inside the publishing transaction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from graphlib import TopologicalSorter
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, TypeDecorator, bindparam, delete, insert, select, update

from pipelines.publishing import schema
from pipelines.publishing.records import DictionaryRows, MetricVersionRow, segment_key
from pipelines.publishing.value_columns import REPLACEMENT

Row = dict[str, Any]
VersionKeys = Mapping[tuple[str, int, str], int]
"""(metric, version, definition hash) → metric_version_key."""

_Row = TypeVar("_Row")


def as_row(record: Any) -> Row:
    """A record's fields by name: text without U+0000, and what is no finite number as None, inside JSON too."""
    return {field.name: _clean(getattr(record, field.name)) for field in fields(record)}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", REPLACEMENT)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if isinstance(value, Mapping):
        return {_clean(key): _clean(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_clean(entry) for entry in value)
    return value


def write_dictionary(connection: Connection, dictionary: DictionaryRows, version_keys: VersionKeys) -> None:
    """Bring organisation, metrics, tree, definitions and goals up to date.

    `version_keys` maps (metric, version, definition hash) to the key it has or will have.
    """
    metrics = [as_row(row) | {"is_listed": True} for row in dictionary.metrics]
    objectives = [
        as_row(row) | {"is_listed": True}
        for row in _parents_first(dictionary.objectives, "objective_key", "parent_objective_key")
    ]
    key_results = [_key_result(as_row(row)) for row in dictionary.key_results]
    synchronise(connection, schema.dim_date, map(as_row, dictionary.dates), absent="keep")
    synchronise(
        connection,
        schema.dim_team,
        [
            as_row(t) | {"is_listed": True}
            for t in _parents_first(dictionary.teams, "team_key", "parent_team_key")
        ],
        absent="unlist",
    )
    synchronise(
        connection, schema.dim_person, map(as_row, dictionary.people), absent="unlist", listed="is_active"
    )
    # The one north star: whoever is no longer it steps down before the next one steps up.
    metrics.sort(key=lambda row: (row["hierarchy_level"] == "north_star", row["metric_id"]))
    synchronise(connection, schema.metric, metrics, absent="unlist")
    write_versions(connection, dictionary.versions, version_keys)
    synchronise(connection, schema.person_role, map(as_row, dictionary.roles), absent="delete")
    synchronise(connection, schema.metric_change, map(as_row, dictionary.changes), absent="delete")
    synchronise(connection, schema.metric_audience, map(as_row, dictionary.audiences), absent="delete")
    synchronise(connection, schema.metric_edge, map(as_row, dictionary.edges), absent="delete")
    synchronise(connection, schema.guardrail_pair, map(as_row, dictionary.guardrails), absent="delete")
    synchronise(connection, schema.benchmark, map(as_row, dictionary.benchmarks), absent="delete")
    synchronise(
        connection,
        schema.okr_cycle,
        [as_row(r) | {"is_listed": True} for r in dictionary.cycles],
        absent="unlist",
    )
    synchronise(connection, schema.objective, objectives, absent="unlist")
    synchronise(connection, schema.key_result, key_results, absent="unlist")


def synchronise(
    connection: Connection,
    table: Table,
    wanted: Iterable[Row],
    *,
    absent: str,
    listed: str = "is_listed",
) -> int:
    """Make a small table hold exactly `wanted`; returns how many rows had to change.

    `absent` says what happens to rows that are not wanted: `keep`, `delete`, or `unlist` (their flag `listed`
    becomes false).
    """
    columns = [column.name for column in table.columns]
    key = [column.name for column in table.primary_key.columns]
    wanted_rows = {tuple(row[name] for name in key): _through_types(connection, table, row) for row in wanted}
    found = {tuple(getattr(r, name) for name in key): r._asdict() for r in connection.execute(select(table))}
    where = [table.c[name] == bindparam(f"key_{name}") for name in key]

    def keyed(rows: Iterable[Row]) -> list[Row]:
        return [row | {f"key_{name}": row[name] for name in key} for row in rows]

    gone = [row for identity, row in found.items() if identity not in wanted_rows]
    changes = 0
    if gone and absent == "delete":
        connection.execute(delete(table).where(*where), [{f"key_{n}": row[n] for n in key} for row in gone])
        changes += len(gone)
    if absent == "unlist":
        unlisted = [row for row in gone if row[listed]]
        if unlisted:
            statement = update(table).where(*where).values({listed: False})
            connection.execute(statement, [{f"key_{n}": row[n] for n in key} for row in unlisted])
            changes += len(unlisted)
    changed = [row for identity, row in wanted_rows.items() if identity in found and row != found[identity]]
    if changed:
        settable: dict[str, Any] = {name: bindparam(name) for name in columns if name not in key}
        connection.execute(update(table).where(*where).values(settable), keyed(changed))
    new = [row for identity, row in wanted_rows.items() if identity not in found]
    if new:
        connection.execute(insert(table), new)
    return changes + len(changed) + len(new)


def write_versions(
    connection: Connection, versions: Sequence[MetricVersionRow], version_keys: VersionKeys
) -> None:
    """Definitions: the one in force, and those before it, each closed when its successor came."""
    table = schema.metric_version
    found = {row.metric_version_key: row._asdict() for row in connection.execute(select(table))}
    wanted: dict[int, Row] = {}
    for version in versions:
        row = _through_types(
            connection, table, as_row(version) | {"metric_version_key": _key(version, version_keys)}
        )
        wanted[row["metric_version_key"]] = row
    starts = {row["metric_id"]: row["valid_from"] for row in wanted.values() if row["is_current"]}
    closing = []
    for key, row in found.items():
        if row["is_current"] and key not in wanted and row["metric_id"] in starts:
            closing.append({"key_": key, "to_": max(starts[row["metric_id"]], row["valid_from"])})
        elif row["is_current"] and key in wanted and not wanted[key]["is_current"]:
            closing.append({"key_": key, "to_": wanted[key]["valid_to"]})
    if closing:
        statement = (
            update(table)
            .where(table.c.metric_version_key == bindparam("key_"))
            .values(is_current=False, valid_to=bindparam("to_"))
        )
        connection.execute(statement, closing)
    changed = [row for key, row in sorted(wanted.items()) if key in found and row != found[key]]
    if changed:
        settable: dict[str, Any] = {
            c.name: bindparam(c.name) for c in table.columns if c.name != "metric_version_key"
        }
        where = table.c.metric_version_key == bindparam("key_")
        connection.execute(
            update(table).where(where).values(settable),
            [row | {"key_": row["metric_version_key"]} for row in changed],
        )
    new = [row for key, row in sorted(wanted.items()) if key not in found]
    if new:
        connection.execute(insert(table), new)


def _key(version: MetricVersionRow, version_keys: VersionKeys) -> int:
    return version_keys[version.metric_id, version.version, version.definition_hash]


def _key_result(row: Row) -> Row:
    dimension, value = row.pop("segment_dimension"), row.pop("segment_value")
    row["segment_key"] = segment_key(dimension, value) if row["metric_id"] is not None else None
    columns = {column.name for column in schema.key_result.columns}
    return {name: entry for name, entry in (row | {"is_listed": True}).items() if name in columns}


def _through_types(connection: Connection, table: Table, row: Row) -> Row:
    """A row as it will be read back (numbers quantised, lists as tuples), so that it can be compared."""
    dialect = connection.dialect
    result = {}
    for column in table.columns:
        value, kind = row[column.name], column.type
        if value is not None and isinstance(kind, TypeDecorator):
            value = kind.process_result_value(kind.process_bind_param(value, dialect), dialect)
        result[column.name] = value
    return result


def _parents_first(rows: Sequence[_Row], key: str, parent: str) -> list[_Row]:
    """Rows in an order in which every parent that is among them stands before its children."""
    by_key = {getattr(row, key): row for row in rows}
    above = {name: {getattr(row, parent)} & by_key.keys() - {name} for name, row in by_key.items()}
    return [by_key[name] for name in TopologicalSorter(above).static_order()]
