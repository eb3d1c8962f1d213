"""Targets that stewards entered in the database, laid over those of the dictionary.

    catalogue = with_entered_targets(catalogue, engine)      # before scoring and before dictionary_rows

The latest entry of a metric, grain, period and segment wins over the dictionary's target of the same. Source:
publication rules, decisions 1 and 12.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Engine, select

from definitions.calendars import period_label
from definitions.model import Catalogue, Segment, Target
from pipelines.publishing.engine import reading
from pipelines.publishing.schema import target_entry


def with_entered_targets(catalogue: Catalogue, engine: Engine) -> Catalogue:
    """The catalogue with the targets that people entered; entries of unknown metrics are left out.

    Raises:
        DatabaseUnavailable: the reporting database cannot be read.
    """
    targets = {_identity(target): target for target in catalogue.targets}
    with reading(engine) as connection:
        entries = connection.execute(select(target_entry).order_by(target_entry.c.target_entry_id)).all()
    for entry in entries:
        if entry.metric_id not in catalogue.metrics:
            continue
        entered = Target(
            metric=entry.metric_id,
            segment=_segment(entry.segment_dimension, entry.segment_value),
            grain=entry.period_grain,
            period=period_label(
                catalogue.calendar_of(entry.metric_id), entry.period_grain, entry.period_start
            ),
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
        # Limits that only the dictionary knows stay in force.
        former = targets.get(_identity(entered))
        if former is not None:
            entered = replace(
                entered, amber_at=former.amber_at, red_at=former.red_at, baseline=former.baseline
            )
        targets[_identity(entered)] = entered
    return replace(catalogue, targets=tuple(targets[key] for key in sorted(targets)))


def _identity(target: Target) -> tuple[str, str, str, Segment]:
    return target.metric, target.grain, target.period_start.isoformat(), target.segment


def _segment(dimension: str, value: str) -> Segment:
    if not dimension:
        return ()
    return tuple(zip(dimension.split("|"), value.split("|"), strict=True))
