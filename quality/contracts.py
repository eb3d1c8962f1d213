"""Tables as the dictionary's sources declare them: several sources over one table make one contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from definitions.model import Catalogue, Column, ColumnType


@dataclass(frozen=True, slots=True)
class Reference:
    """Columns that point at another table's key."""

    columns: tuple[str, ...]
    to: str
    to_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Intervals:
    """Columns that hold validity ``[start, end)`` of an entity's states."""

    entity: tuple[str, ...]
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class TableContract:
    """What a staging table promises. ``time_columns`` say when a row happened."""

    table: str
    system: str
    columns: Mapping[str, Column]
    keys: tuple[tuple[str, ...], ...]
    time_columns: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    intervals: tuple[Intervals, ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that name a row to a person."""
        return self.keys[0] if self.keys else ()


def contracts(catalogue: Catalogue) -> dict[str, TableContract]:
    """Contract of every table that a source declares, by table; folded sources have no table of their own."""
    found: dict[str, TableContract] = {}
    for source in catalogue.sources.values():
        if source.derived or source.movements:
            continue
        references = []
        for join in source.joins.values():
            target = catalogue.sources.get(join.to)
            if target and not (target.derived or target.movements or target.validity):
                here, there = tuple(a for a, _ in join.on), tuple(b for _, b in join.on)
                references.append(Reference(here, target.table, there))
        intervals = []
        if source.validity:
            entity = tuple(c for c in source.key if c != source.validity.start)
            intervals.append(Intervals(entity, source.validity.start, source.validity.end))
        declared = TableContract(
            table=source.table,
            system=source.system,
            columns=source.columns,
            keys=(source.key,) if source.key else (),
            time_columns=(source.time,) if source.time and source.time in source.columns else (),
            references=tuple(references),
            intervals=tuple(intervals),
        )
        found[source.table] = _merged(found.get(source.table), declared)
    return dict(sorted(found.items()))


def _merged(first: TableContract | None, second: TableContract) -> TableContract:
    if first is None:
        return second
    return TableContract(
        table=first.table,
        system=first.system,
        columns={**second.columns, **first.columns},
        keys=tuple(dict.fromkeys(first.keys + second.keys)),
        time_columns=tuple(dict.fromkeys(first.time_columns + second.time_columns)),
        references=tuple(dict.fromkeys(first.references + second.references)),
        intervals=tuple(dict.fromkeys(first.intervals + second.intervals)),
    )


def fits(declared: ColumnType, found: pa.DataType) -> bool | None:
    """Whether a column's type is what was declared: True, False, or None for "a number of another kind".

    A column of type null holds nothing and fits everything; an integer fits every declared number.
    """
    types = pa.types
    if types.is_null(found):
        return True
    if types.is_dictionary(found):
        found = found.value_type
    if declared is ColumnType.STRING:
        return bool(types.is_string(found) or types.is_large_string(found) or types.is_string_view(found))
    if declared is ColumnType.BOOLEAN:
        return bool(types.is_boolean(found))
    if declared is ColumnType.DATE:
        return bool(types.is_date(found))
    if declared is ColumnType.TIMESTAMP:
        return bool(types.is_timestamp(found))
    whole = types.is_integer(found) or (types.is_decimal(found) and found.scale <= 0)
    if whole or (declared is ColumnType.DECIMAL and types.is_decimal(found)):
        return True
    if declared is ColumnType.DOUBLE and types.is_floating(found):
        return True
    return None if types.is_floating(found) or types.is_decimal(found) else False
