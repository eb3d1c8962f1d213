"""Computing metrics: what changed is recomputed, gaps and states are added, one frame in the warehouse."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from definitions.calendars import local_day
from definitions.compiler import Compiler
from definitions.compiler.states import FRAME, apply_states
from pipelines.installation import Installation
from pipelines.steps.changed_definitions import former_values, weigh_definitions, with_former
from pipelines.steps.lifecycle import last_periods
from pipelines.steps.recompute import computed, recompute
from pipelines.steps.sourceless import NO_SOURCE, begun, no_source_rows, sourceless
from pipelines.warehouse import Warehouse

VALUES = "vitals.kpi_values"
HELD_BACK = "held back: its definition is not approved"


@dataclass(frozen=True)
class Computed:
    """What became of one metric.

    Attributes:
        metric: its name.
        rows: values over all grains and segments.
        latest: its last final total, in words.
        fingerprint: changes when any value, or its meaning, does.
        recomputed: which periods were computed again, in words.
    """

    metric: str
    rows: int
    latest: str
    fingerprint: str
    recomputed: str


def compute(
    installation: Installation,
    warehouse: Warehouse,
    metrics: Sequence[str] | None = None,
    *,
    window: tuple[date, date] | None = None,
    full: bool = False,
    log: Callable[[str], None] = lambda text: None,
) -> Iterator[Computed]:
    """Compute metrics (default: all) at all their grains and segments, and put them in place of what was there.

    Only periods that changed rows touch are computed again, unless `full` says all; the values are the same.
    Values of other metrics stay. Deterministic in the neutral tables, the dictionary and the clock. With a ``window``
    (first and last business day) only periods that it touches are put in place, and the others stay as they are: what
    is inside is what a full computation has there. A metric whose changed definition nobody approved keeps its values.
    """
    catalogue, now = installation.catalogue, installation.workspace.now()
    names = sorted(catalogue.metrics if metrics is None else metrics)
    if not names:
        return
    last_day = max(local_day(calendar, now) for calendar in catalogue.calendars.values())
    compiler = Compiler(catalogue)
    held = weigh_definitions(installation, warehouse, compiler)
    fed = begun(installation.models, warehouse)
    absent = {name: tables for name, tables in sourceless(catalogue, fed).items() if name in names}
    held = {name: why for name, why in held.items() if name not in absent}
    chosen = [name for name in names if name not in held and name not in absent]
    told = recompute(warehouse, compiler, chosen, through=last_day, full=full, log=log)
    values = _without_nothing(computed(warehouse, chosen))
    frame = apply_states(values, catalogue, as_of=now, end=last_day, metrics=chosen).cast(FRAME)
    frame = with_former(frame, former_values(warehouse, compiler, chosen, now))
    frame = last_periods(frame, catalogue, last_day)
    if window is not None:
        frame = frame.filter(
            pc.and_(
                pc.less_equal(frame["period_start"], pa.scalar(window[1], pa.date32())),
                pc.greater_equal(frame["period_end"], pa.scalar(window[0], pa.date32())),
            )
        )
    frame = pa.concat_tables([frame, no_source_rows(catalogue, absent, last_day, installation.hashes)])
    _replace(warehouse, frame, [*chosen, *absent], window or (date.min, date.max))
    for name in names:
        rows = frame.filter(pc.equal(frame["metric"], name))
        if name in held:
            log(f"{name} is held back: {held[name]}")
            rows = warehouse.query(f"SELECT * FROM {VALUES} WHERE metric = ? ORDER BY ALL", [name])
        else_told = f"{NO_SOURCE}: {', '.join(absent[name])}" if name in absent else HELD_BACK
        yield _told(name, rows, installation.hashes[name], told.get(name, else_told))


def _without_nothing(values: pa.Table) -> pa.Table:
    """Rows that rest on something: one without a value, parts or a single row behind it is a gap like any other.

    Whether a statement yields such rows depends on what else it computes, and the published values must not.
    """
    parts = [pc.is_valid(values[name]) for name in ("value", "numerator", "denominator")]
    rests = pc.greater(pc.fill_null(values["sample_size"], 0), 0)
    for part in parts:
        rests = pc.or_(rests, part)
    return values.filter(rests)


def _replace(warehouse: Warehouse, frame: pa.Table, names: Sequence[str], window: tuple[date, date]) -> None:
    """Take the metrics' old values that a window touches out and put the new ones in, at once."""
    with warehouse.transaction():
        if not warehouse.exists(VALUES):
            warehouse.write(VALUES, FRAME.empty_table())
        marks = ", ".join("?" for _ in names)
        warehouse.execute(
            f"DELETE FROM {VALUES} WHERE metric IN ({marks}) AND period_start <= ? AND period_end >= ?",
            [*names, window[1], window[0]],
        )
        warehouse.append(VALUES, frame)


def _told(name: str, rows: pa.Table, definition_hash: str, recomputed: str) -> Computed:
    totals = rows.filter(
        pc.and_(pc.equal(rows["segment_dimension"], ""), pc.equal(rows["value_state"], "final"))
    ).sort_by([("period_end", "descending"), ("grain", "ascending")])
    latest = "no final value yet"
    if totals.num_rows:
        row = totals.slice(0, 1).to_pylist()[0]
        latest = f"{row['value']:,.6g} ({row['grain']} of {row['period_start']})"
    return Computed(name, rows.num_rows, latest, _fingerprint(rows, definition_hash), recomputed)


def _fingerprint(rows: pa.Table, definition_hash: str) -> str:
    """A hash over the definition and the values in order, over plain columns so that it is the same everywhere."""
    digest = hashlib.sha256(definition_hash.encode())
    for name in ("grain", "period_start", "segment_value", "value", "value_state"):
        column = rows.column(name).combine_chunks()
        if pa.types.is_string(column.type):
            coded = column.dictionary_encode()
            digest.update("\0".join(coded.dictionary.to_pylist()).encode())
            column = coded.indices
        digest.update(pc.is_null(column).cast(pa.uint8()).to_numpy(zero_copy_only=False).tobytes())
        digest.update(pc.fill_null(column.cast(_PLAIN.get(column.type, column.type)), 0).to_numpy().tobytes())
    return digest.hexdigest()[:16]


_PLAIN = {pa.date32(): pa.int32()}
