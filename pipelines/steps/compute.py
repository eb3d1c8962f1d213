"""Computing metrics: compiled batches over the neutral tables, states added, one frame in the warehouse."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from definitions.calendars import local_day
from definitions.compiler import compile_catalogue
from definitions.compiler.states import FRAME, apply_states
from pipelines.installation import Installation
from pipelines.warehouse import Warehouse

VALUES = "vitals.kpi_values"


@dataclass(frozen=True)
class Computed:
    """What became of one metric.

    Attributes:
        metric: its name.
        rows: values over all grains and segments.
        latest: its last final total, in words.
        fingerprint: changes when any value, or its meaning, does.
    """

    metric: str
    rows: int
    latest: str
    fingerprint: str


def compute(
    installation: Installation,
    warehouse: Warehouse,
    metrics: Sequence[str] | None = None,
    *,
    log: Callable[[str], None] = lambda text: None,
) -> Iterator[Computed]:
    """Compute metrics (default: all) at all their grains and segments, and put them in place of what was there.

    Values of other metrics stay. Deterministic in the neutral tables, the dictionary and the clock.
    """
    catalogue, now = installation.catalogue, installation.workspace.now()
    names = sorted(catalogue.metrics if metrics is None else metrics)
    if not names:
        return
    last_day = max(local_day(calendar, now) for calendar in catalogue.calendars.values())
    frames = []
    for batch in compile_catalogue(catalogue, metrics=names, end=last_day):
        values = warehouse.query(batch.sql(warehouse.dialect))
        frames.append(apply_states(values, catalogue, as_of=now, end=last_day, metrics=batch.metrics))
        log(
            f"{batch.name}: {len(batch.metrics)} metrics in {len(batch.scans)} scans, {values.num_rows} values"
        )
    frame = pa.concat_tables(frames).cast(FRAME)
    _replace(warehouse, frame, names)
    for name in names:
        yield _told(name, frame.filter(pc.equal(frame["metric"], name)), installation.hashes[name])


def _replace(warehouse: Warehouse, frame: pa.Table, names: Sequence[str]) -> None:
    """Take the metrics' old values out and put the new ones in, at once."""
    with warehouse.transaction():
        if not warehouse.exists(VALUES):
            warehouse.write(VALUES, FRAME.empty_table())
        marks = ", ".join("?" for _ in names)
        warehouse.execute(f"DELETE FROM {VALUES} WHERE metric IN ({marks})", names)
        warehouse.append(VALUES, frame)


def _told(name: str, rows: pa.Table, definition_hash: str) -> Computed:
    digest = hashlib.sha256(definition_hash.encode())
    for column in rows.select(["grain", "period_start", "segment_value", "value", "value_state"]).columns:
        for chunk in column.to_pylist():
            digest.update(repr(chunk).encode())
    totals = rows.filter(
        pc.and_(pc.equal(rows["segment_dimension"], ""), pc.equal(rows["value_state"], "final"))
    ).sort_by([("period_end", "descending"), ("grain", "ascending")])
    latest = "no final value yet"
    if totals.num_rows:
        row = totals.slice(0, 1).to_pylist()[0]
        latest = f"{row['value']:,.6g} ({row['grain']} of {row['period_start']})"
    return Computed(name, rows.num_rows, latest, digest.hexdigest()[:16])
