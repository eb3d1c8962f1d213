"""Accepting a change that the checks hold back: what the last run found becomes the measure of the next one.

A cleaned-up table or a dimension that was given up looks like lost data, and is held back run after run until a
person says that it is right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from definitions.errors import listing, nearest
from pipelines.installation import Installation
from pipelines.steps.assess import COLOURED, LAST_GOOD, keep_as_good
from pipelines.steps.stage import ROW_COUNTS
from pipelines.warehouse import Warehouse

ACCEPTED = "vitals.accepted"


class NothingToAccept(ValueError):
    """A name that is neither a KPI nor a staging table, or that nothing was computed of."""


@dataclass(frozen=True)
class Accepted:
    """A KPI or table, with the rows of its last good run (None: none yet) and those that are its measure now."""

    name: str
    before: int | None
    now: int


def accept_as_good(
    installation: Installation, warehouse: Warehouse, names: Iterable[str], reason: str
) -> tuple[Accepted, ...]:
    """Take what the last run found of these KPIs and tables for good; who looks later finds the reason.

    Raises:
        NothingToAccept: a name is unknown or has nothing to accept; nothing was changed.
    """
    metrics, tables = _sorted_out(installation, warehouse, names)
    with warehouse.transaction():
        accepted = [*_accept_values(warehouse, metrics), *_accept_volumes(warehouse, tables)]
        note = {
            "name": [one.name for one in accepted],
            "rows": [one.now for one in accepted],
            "reason": [reason] * len(accepted),
            "accepted_at": [installation.workspace.now().isoformat()] * len(accepted),
        }
        warehouse.append(ACCEPTED, pa.table(note))
    return tuple(accepted)


def _sorted_out(
    installation: Installation, warehouse: Warehouse, names: Iterable[str]
) -> tuple[list[str], list[str]]:
    known_tables = {source.table for source in installation.catalogue.sources.values()}
    metrics, tables = [], []
    for name in sorted(set(names)):
        if name in installation.catalogue.metrics:
            metrics.append(name)
        elif name in known_tables and warehouse.exists(name):
            tables.append(name)
        else:
            valid = {*installation.catalogue.metrics, *known_tables}
            near = nearest(name, valid)
            hint = f"did you mean {near}?" if near else f"known are {listing(valid)}"
            raise NothingToAccept(f"{name!r} is neither a KPI nor a staging table that was built; {hint}")
    if metrics and not (warehouse.exists(COLOURED) and warehouse.exists(LAST_GOOD)):
        raise NothingToAccept(
            f"{metrics[0]!r} was never published, so nothing is held against it: vitals run"
        )
    return metrics, tables


def _accept_values(warehouse: Warehouse, metrics: list[str]) -> list[Accepted]:
    if not metrics:
        return []
    before, now = _values(warehouse, LAST_GOOD), _values(warehouse, COLOURED)
    keep_as_good(warehouse, (before.keys() | now.keys()) - set(metrics))
    return [Accepted(name, before.get(name), now.get(name, 0)) for name in metrics]


def _values(warehouse: Warehouse, table: str) -> dict[str, int]:
    rows = warehouse.query(f"SELECT metric, count(*) AS n FROM {table} GROUP BY metric").to_pylist()
    return {row["metric"]: row["n"] for row in rows}


def _accept_volumes(warehouse: Warehouse, tables: list[str]) -> list[Accepted]:
    if not tables:
        return []
    noted: dict[str, int] = {}
    if warehouse.exists(ROW_COUNTS):
        rows = warehouse.query(f"SELECT name, rows FROM {ROW_COUNTS}").to_pylist()
        noted = {row["name"]: row["rows"] for row in rows}
    before = dict(noted)
    for table in tables:
        noted[table] = warehouse.query(f"SELECT count(*) AS n FROM {table}").column("n")[0].as_py()
    names = sorted(noted)
    counts = pa.array([noted[name] for name in names], pa.int64())
    warehouse.write(ROW_COUNTS, pa.table({"name": pa.array(names, pa.string()), "rows": counts}))
    return [Accepted(table, before.get(table), noted[table]) for table in tables]
