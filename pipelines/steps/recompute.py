"""Computing only what changed: the periods that changed rows touch, of the metrics that rest on them.

The computed values of all metrics are kept in the warehouse as the compiler returns them, before states and
gaps. What is noted with them says when they hold still: the definition and the code they were computed by, the
generation of the neutral tables, the day up to which. A run then recomputes

- everything of a metric whose definition, version, sources or compiler changed, or of which a table is `unknown`;
- of the others the periods that changed rows touch, and those that have begun or run on since.

The result equals a full recomputation, bit for bit. Source: dictionary rules, 'Incremental'.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa

import definitions.compiler
from definitions.compiler import COLUMNS, Batch, Compiler
from definitions.compiler.incremental import OPEN_END, OPEN_START, Days, touched
from definitions.compiler.states import FRAME
from definitions.model import Metric, trailing_days
from pipelines.steps import changes
from pipelines.warehouse import Warehouse

RAW, NOTES = "vitals.kpi_computed", "vitals.kpi_computed_from"
MOST_STRETCHES, NEAR = 2, timedelta(days=31)
"""Stretches of days that one set of metrics is recomputed in: each costs a statement, so near ones are joined."""
RAW_SCHEMA = pa.schema([FRAME.field(name) for name in COLUMNS])
_NOTES_SCHEMA = pa.schema(
    [("metric", pa.string()), ("made_by", pa.string()), ("generation", pa.int64()), ("through", pa.date32())]
)
EVERYTHING, NOTHING = "all periods", "nothing"


@dataclass(frozen=True, slots=True)
class Note:
    """What a metric's computed values rest on."""

    made_by: str
    generation: int
    through: date


@dataclass(frozen=True, slots=True)
class Step:
    """One statement to run, and the days it is for; None is all."""

    batch: Batch
    days: Days | None


def recompute(
    warehouse: Warehouse,
    compiler: Compiler,
    metrics: Sequence[str],
    *,
    through: date,
    full: bool = False,
    log: Callable[[str], None] = lambda text: None,
) -> dict[str, str]:
    """Bring the computed values of `metrics` up to the neutral tables as they are, up to the day `through`.

    Returns what was recomputed of each metric, in words.
    """
    if not metrics:
        return {}
    generation = changes.generation(warehouse)
    known = {} if full else _notes(warehouse)
    made_by = {name: _made_by(compiler, name) for name in metrics}
    days = _stale(warehouse, compiler, made_by, known, through)
    told = dict.fromkeys(metrics, NOTHING)
    with warehouse.transaction():
        if not warehouse.exists(RAW):
            warehouse.write(RAW, RAW_SCHEMA.empty_table())
        for step in _steps(compiler, days, through):
            rows = warehouse.query(step.batch.sql(warehouse.dialect)).cast(RAW_SCHEMA)
            _put(warehouse, step, rows)
            what = EVERYTHING if step.days is None else f"{step.days.first} to {step.days.last}"
            for name in step.batch.metrics:
                told[name] = what if told[name] == NOTHING else f"{told[name]}, {what}"
            log(
                f"{step.batch.name}: {len(step.batch.metrics)} metrics in {len(step.batch.scans)} scans,"
                f" {what}, {rows.num_rows} values"
            )
        _note(warehouse, {name: Note(made_by[name], generation, through) for name in metrics})
        _forget(warehouse, compiler)
    return told


def computed(warehouse: Warehouse, metrics: Sequence[str]) -> pa.Table:
    """The computed values of `metrics`, in no order."""
    if not metrics:
        return RAW_SCHEMA.empty_table()
    marks = ", ".join("?" for _ in metrics)
    columns = ", ".join(COLUMNS)
    return warehouse.query(f"SELECT {columns} FROM {RAW} WHERE metric IN ({marks})", list(metrics))


# ── what is stale ───────────────────────────────────────────────────────────────────────────────────────────


def _stale(
    warehouse: Warehouse,
    compiler: Compiler,
    made_by: Mapping[str, str],
    known: Mapping[str, Note],
    through: date,
) -> dict[str, list[Days] | None]:
    """Days to recompute, by metric; None is all of them."""
    found: dict[str, list[Days] | None] = {}
    by_note: dict[tuple[int, date], list[str]] = {}
    for name, maker in made_by.items():
        note = known.get(name)
        if note is None or note.made_by != maker or note.through > through or not note.generation:
            found[name] = None
        else:
            by_note.setdefault((note.generation, note.through), []).append(name)
    for (generation, last), names in sorted(by_note.items()):
        changed = changes.since(warehouse, compiler, generation)
        lost = [name for name in names if changed.unknown & _reads(compiler, name)]
        found |= dict.fromkeys(lost)
        rest = [name for name in names if name not in found]

        def run(sql: str) -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = warehouse.query(sql).to_pylist()
            return rows

        stale = touched(compiler, rest, changed.images, run, warehouse.dialect) if changed.images else {}
        for name in rest:
            days = list(stale.get(name, ()))
            if last < through:
                days.append(Days(last, OPEN_END))
            if any(item.first == OPEN_START for item in days):
                found[name] = None
            elif days:
                longest = max(
                    (trailing_days(g) or 1 for g in compiler.catalogue.metrics[name].grains), default=1
                )
                found[name] = [_widened(item, longest, through) for item in days]
    return found


def _widened(days: Days, trailing: int, through: date) -> Days:
    """With the days whose trailing windows reach back to them, and no open end."""
    if days.last >= through - timedelta(days=trailing):
        return Days(min(days.first, through), through)
    return Days(days.first, days.last + timedelta(days=trailing - 1))


def _reads(compiler: Compiler, metric: str) -> set[str]:
    """Every source that a metric can depend on: those of its measures, what they are folded from and joined to."""
    catalogue = compiler.catalogue
    waiting = list(compiler.resolver.sources_of(metric))
    for _, measure in compiler.resolver.measures_of(metric):
        resolved = compiler.resolver.measure(measure)
        for part in (resolved.expr, resolved.filter):
            for need in part.metrics if part is not None else ():
                waiting += _reads(compiler, need.metric)
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            source = catalogue.sources[name]
            fold = source.derived or source.movements
            waiting += [join.to for join in source.joins.values()] + ([fold.source] if fold else [])
    return found


# ── what is run ─────────────────────────────────────────────────────────────────────────────────────────────


def _steps(compiler: Compiler, days: Mapping[str, list[Days] | None], through: date) -> Iterator[Step]:
    """The statements: what is to be computed whole, then the stretches of days, by sources that are shared."""
    whole = sorted(name for name, stretches in days.items() if stretches is None)
    if whole:
        yield from (Step(batch, None) for batch in compiler.batches(whole, end=through))
    partly = {name: stretches for name, stretches in days.items() if stretches is not None}
    if not partly:
        return
    for batch in compiler.batches(sorted(partly), end=through):
        for stretch in _joined(item for name in batch.metrics for item in partly[name]):
            touching = [name for name in batch.metrics if any(_overlap(d, stretch) for d in partly[name])]
            for part in compiler.batches(touching, start=stretch.first, end=stretch.last, as_of=through):
                yield Step(part, stretch)


def _joined(stretches: Iterable[Days]) -> list[Days]:
    """Stretches that overlap or are near joined, and the nearest ones until there are few."""
    found: list[Days] = []
    for days in sorted(stretches):
        if found and days.first - found[-1].last <= NEAR:
            found[-1] = replace(found[-1], last=max(found[-1].last, days.last))
        else:
            found.append(days)
    while len(found) > MOST_STRETCHES:
        gaps = [(later.first - earlier.last, i) for i, (earlier, later) in enumerate(pairwise(found))]
        _, nearest = min(gaps)
        found[nearest : nearest + 2] = [Days(found[nearest].first, found[nearest + 1].last)]
    return found


def _overlap(one: Days, other: Days) -> bool:
    return one.first <= other.last and other.first <= one.last


def _put(warehouse: Warehouse, step: Step, rows: pa.Table) -> None:
    """Take the periods out that the statement is for, and put its rows in."""
    marks = ", ".join("?" for _ in step.batch.metrics)
    if step.days is None:
        warehouse.execute(f"DELETE FROM {RAW} WHERE metric IN ({marks})", step.batch.metrics)
    else:
        warehouse.execute(
            f"DELETE FROM {RAW} WHERE metric IN ({marks}) AND period_end >= ? AND period_start <= ?",
            (*step.batch.metrics, step.days.first, step.days.last),
        )
    if rows.num_rows:
        warehouse.append(RAW, rows)


# ── what is noted ───────────────────────────────────────────────────────────────────────────────────────────


def _made_by(compiler: Compiler, name: str) -> str:
    """A hash over everything but the rows that a metric's computed values depend on."""
    metric, catalogue = compiler.catalogue.metrics[name], compiler.catalogue
    sources = [repr(catalogue.sources[source]) for source in sorted(_reads(compiler, name))]
    calendar = catalogue.calendars[metric.calendar]
    parts = [compiler.hash_of(name), _shape(metric), repr(calendar), *sources, _compiler_code()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _shape(metric: Metric) -> str:
    return repr((metric.version, metric.grains, metric.segments))


@cache
def _compiler_code() -> str:
    """A hash over the compiler's own code: another compiler may compute otherwise."""
    folder = Path(definitions.compiler.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _notes(warehouse: Warehouse) -> dict[str, Note]:
    if not warehouse.exists(NOTES):
        return {}
    rows = warehouse.query(f"SELECT metric, made_by, generation, through FROM {NOTES}").to_pylist()
    return {row["metric"]: Note(row["made_by"], row["generation"], row["through"]) for row in rows}


def _note(warehouse: Warehouse, notes: Mapping[str, Note]) -> None:
    rows = pa.table(
        {
            "metric": list(notes),
            "made_by": [note.made_by for note in notes.values()],
            "generation": [note.generation for note in notes.values()],
            "through": [note.through for note in notes.values()],
        },
        schema=_NOTES_SCHEMA,
    )
    if not warehouse.exists(NOTES):
        warehouse.write(NOTES, _NOTES_SCHEMA.empty_table())
    marks = ", ".join("?" for _ in notes)
    warehouse.execute(f"DELETE FROM {NOTES} WHERE metric IN ({marks})", list(notes))
    warehouse.append(NOTES, rows)


def _forget(warehouse: Warehouse, compiler: Compiler) -> None:
    """Drop what left the dictionary (should it return, it is computed whole), and changes that all have taken in."""
    for name in sorted(_notes(warehouse).keys() - compiler.catalogue.metrics.keys()):
        for table in (NOTES, RAW):
            warehouse.execute(f"DELETE FROM {table} WHERE metric = ?", (name,))
    changes.forget(warehouse, min(note.generation for note in _notes(warehouse).values()))
