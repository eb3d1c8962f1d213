"""Targets that stewards entered in the database, laid over those of the dictionary.

    entered = entered_targets(catalogue, engine)             # once per run
    catalogue = overlaid(catalogue, entered.targets)         # before scoring and before dictionary_rows

The latest entry of a metric, grain, period and segment wins over the dictionary's target of the same. People
write entries by hand, so each is held against the dictionary first: one that fits nothing is named with the
reason and leaves the rest alone. Source: publication rules, decisions 1 and 12.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine, Row, select

from definitions.calendars import period_label, period_of
from definitions.model import Catalogue, Segment, Target, is_grain
from pipelines.publishing.engine import reading
from pipelines.publishing.schema import target_entry


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """An entry that fits nothing in the dictionary: its number, the metric it names, and why."""

    target_entry_id: int
    metric: str
    problem: str


@dataclass(frozen=True, slots=True)
class EnteredTargets:
    """What people entered: the latest usable entry of each metric, grain, period and segment, and what is not
    usable. `read` counts all entries."""

    targets: tuple[Target, ...] = ()
    refused: tuple[RefusedEntry, ...] = ()
    read: int = 0


def entered_targets(catalogue: Catalogue, engine: Engine) -> EnteredTargets:
    """Read all entries and hold each against the dictionary.

    Raises:
        DatabaseUnavailable: the reporting database cannot be read.
    """
    with reading(engine) as connection:
        entries = connection.execute(select(target_entry).order_by(target_entry.c.target_entry_id)).all()
    targets: dict[_Identity, Target] = {}
    refused = []
    for entry in entries:
        problem = _problem(catalogue, entry)
        if problem is not None:
            refused.append(RefusedEntry(entry.target_entry_id, entry.metric_id, problem))
            continue
        target = _target(catalogue, entry)
        targets[_identity(target)] = target
    return EnteredTargets(tuple(targets[key] for key in sorted(targets)), tuple(refused), len(entries))


def overlaid(catalogue: Catalogue, entered: Iterable[Target]) -> Catalogue:
    """The catalogue with entered targets in place of its own; limits that only the dictionary knows stay."""
    targets = {_identity(target): target for target in catalogue.targets}
    for target in entered:
        former = targets.get(_identity(target))
        if former is not None:
            target = replace(target, amber_at=former.amber_at, red_at=former.red_at, baseline=former.baseline)
        targets[_identity(target)] = target
    return replace(catalogue, targets=tuple(targets[key] for key in sorted(targets)))


def with_entered_targets(catalogue: Catalogue, engine: Engine) -> Catalogue:
    """The catalogue with the targets that people entered; entries that fit nothing are left out.

    Raises:
        DatabaseUnavailable: the reporting database cannot be read.
    """
    return overlaid(catalogue, entered_targets(catalogue, engine).targets)


_Identity = tuple[str, str, str, Segment]


def _identity(target: Target) -> _Identity:
    return target.metric, target.grain, target.period_start.isoformat(), target.segment


def _problem(catalogue: Catalogue, entry: Row[Any]) -> str | None:
    """Why an entry cannot be used; None where it can."""
    metric = catalogue.metrics.get(entry.metric_id)
    if metric is None:
        return "the metric is not in the dictionary"
    if not is_grain(entry.period_grain):
        return f"{entry.period_grain!r} is no grain; write week, month, quarter or year"
    period = period_of(catalogue.calendar_of(metric.name), entry.period_grain, entry.period_start)
    if (period.start, period.last_day) != (entry.period_start, entry.period_end):
        return (
            f"{entry.period_start} to {entry.period_end} is no {entry.period_grain} of its calendar; "
            f"write {period.start} to {period.last_day}"
        )
    dimensions, values = entry.segment_dimension.split("|"), entry.segment_value.split("|")
    if len(dimensions) != len(values):
        return f"{entry.segment_dimension!r} and {entry.segment_value!r} do not have as many parts"
    declared = {tuple(sorted(segment)) for segment in metric.segments}
    if entry.segment_dimension and tuple(sorted(dimensions)) not in declared:
        return f"the metric is not reported by {' and '.join(dimensions)}"
    if not entry.segment_dimension and entry.segment_value:
        return f"{entry.segment_value!r} is a value without a dimension"
    return None


def _target(catalogue: Catalogue, entry: Row[Any]) -> Target:
    calendar = catalogue.calendar_of(entry.metric_id)
    return Target(
        metric=entry.metric_id,
        segment=_segment(entry.segment_dimension, entry.segment_value),
        grain=entry.period_grain,
        period=period_label(calendar, entry.period_grain, entry.period_start),
        period_start=entry.period_start,
        period_end=entry.period_end,
        comparison=entry.comparison,
        target=float(entry.target_value),
        stretch=None if entry.stretch_value is None else float(entry.stretch_value),
        spec_value=float(entry.target_value),
        set_by=entry.entered_by,
        set_on=entry.created_at.date(),
        reason=entry.reason,
    )


def _segment(dimension: str, value: str) -> Segment:
    if not dimension:
        return ()
    return tuple(sorted(zip(dimension.split("|"), value.split("|"), strict=True)))
