"""From the dictionary and the KPI value frame to published flags, with their root cause and what to do first.

    found = detect_anomalies(catalogue, values, as_of=date(2026, 11, 20), feedback=words)
    found.rows[0].explanation, found.coverage

Flags on the latest periods are published as open (settings: 35 days, 8 weeks, 3 months); older ones are what
`backtest` shows. Source: detection rules, "Detecting" and "Root cause".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from definitions.model import Catalogue, Measure, Metric
from definitions.settings import DetectionSettings
from pipelines.publishing.publication import Coverage
from pipelines.publishing.records import AnomalyRow

from .baseline import below_baseline_flags
from .detector import Detection, detect
from .drivers import driver_causes
from .feedback import Feedback, state_of
from .flags import Flag, end_of, flags_of
from .frame import TOTAL, Segment, Watched, batches, format_of, unit_words, watch
from .rootcause import (
    DriverCause,
    RelatedEvent,
    SegmentCause,
    Situation,
    as_rows,
    foresee,
    related_events,
    segment_causes,
    suggested_action,
)


@dataclass(frozen=True)
class Findings:
    """The outcome of a run.

    rows: flags to publish. coverage: the periods of each metric and grain that the rows are complete for.
    series: how many series were tested. detections: what was expected of every period, for charts and replays.
    """

    rows: tuple[AnomalyRow, ...]
    coverage: tuple[Coverage, ...]
    series: int
    detections: tuple[tuple[Watched, Detection], ...]


@dataclass(frozen=True)
class _Found:
    """A flag with the series it is of and the flags before it."""

    flag: Flag
    metric: str
    segment: Segment
    watched: Watched | None
    earlier: tuple[Flag, ...]


def detect_anomalies(
    catalogue: Catalogue,
    values: pa.Table,
    as_of: date,
    feedback: Sequence[Feedback] = (),
    settings: DetectionSettings | None = None,
    *,
    drivers: Mapping[tuple[str, str, date], Sequence[DriverCause]] | None = None,
    events: Iterable[RelatedEvent] = (),
) -> Findings:
    """Test the totals of all metrics and explain what is odd in the latest periods.

    Args:
        values: the KPI value frame.
        as_of: the last complete day.
        feedback: what people said about earlier flags, oldest first.
        settings: thresholds; None takes the catalogue's.
        drivers: (metric, grain, period start) → contributions of the driver tree; None computes them against
            the period one season before.
        events: releases, incidents and the like, besides the calendar's own.
    """
    settings = settings or catalogue.settings.detection
    watched = batches(catalogue, values, as_of, feedback, settings)
    detections = tuple((one, detect(one.batch, settings)) for one in watched)
    found = [flag for one, detection in detections for flag in _latest(one, detection, settings)]
    found = _without_echoes(found)
    causes = _segment_causes(catalogue, values, as_of, feedback, settings, found)
    known_events = (*_calendar_events(catalogue), *events)
    rows = []
    for place, one in enumerate(found):
        parts = (drivers or {}).get((one.metric, one.flag.grain, one.flag.period_start))
        if parts is None:
            parts = driver_causes(catalogue, values, one.metric, one.flag.grain, one.flag.period_start)
        rows.append(
            _row(catalogue, one, causes.get(place, ()), tuple(parts), known_events, feedback, settings)
        )
    for flag, metric in below_baseline_flags(catalogue, values, as_of):
        below = _Found(flag, metric, TOTAL, None, ())
        rows.append(_row(catalogue, below, (), (), known_events, feedback, settings))
    rows.sort(key=lambda row: (row.metric_id, row.period_grain, row.period_start, row.detector, row.kind))
    return Findings(
        rows=tuple(rows),
        coverage=_coverage(values, watched, as_of),
        series=sum(one.batch.shape[0] for one in watched),
        detections=detections,
    )


def _latest(one: Watched, detection: Detection, settings: DetectionSettings) -> list[_Found]:
    """Flags on the latest complete periods of each series."""
    batch = one.batch
    incomplete = np.zeros(batch.shape[0], dtype=np.int64) if batch.incomplete is None else batch.incomplete
    by_row: dict[int, list[Flag]] = defaultdict(list)
    for flag in flags_of(detection):
        by_row[flag.row].append(flag)
    found = []
    for row, flags in sorted(by_row.items()):
        first = batch.shape[1] - int(incomplete[row]) - settings.open_periods(batch.grain)
        since = batch.starts[max(first, 0)]
        metric, segment = one.series[row]
        for place, flag in enumerate(flags):
            if np.datetime64(flag.period_start) >= since:
                found.append(_Found(flag, metric, segment, one, tuple(flags[:place])))
    return found


def _without_echoes(found: Sequence[_Found]) -> list[_Found]:
    """Without coarser flags that only repeat a finer one of the same metric and direction."""
    finer: dict[tuple[str, str], list[date]] = defaultdict(list)
    for one in found:
        finer[one.metric, one.flag.grain].append(one.flag.period_start)
    kept = []
    for one in found:
        grain, start = one.flag.grain, one.flag.period_start
        end = end_of(start, grain)
        below = [other for other in ("day", "week", "month") if _is_finer(other, grain)]
        days = [day for other in below for day in finer.get((one.metric, other), ())]
        if one.flag.kind != "point" or not any(start <= day <= end for day in days):
            kept.append(one)
    return kept


def _is_finer(one: str, other: str) -> bool:
    order = ("day", "week", "month", "quarter")
    return order.index(one) < order.index(other)


# ── root cause ──────────────────────────────────────────────────────────────────────────────────────────────────


def _segment_causes(
    catalogue: Catalogue,
    values: pa.Table,
    as_of: date,
    feedback: Sequence[Feedback],
    settings: DetectionSettings,
    found: Sequence[_Found],
) -> dict[int, tuple[SegmentCause, ...]]:
    """Leading segments by place in ``found``. All segments of all flags of a grain are predicted in one walk."""
    causes: dict[int, tuple[SegmentCause, ...]] = {}
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, one in enumerate(found):
        metric = catalogue.metrics[one.metric]
        if metric.segments and one.flag.kind != "missing" and settings.causes:
            groups[one.flag.grain, metric.calendar].append(place)
    for (grain, calendar), places in sorted(groups.items()):
        metrics = sorted({found[place].metric for place in places})
        chosen = values.filter(
            pc.and_(
                pc.equal(values["grain"], grain),
                pc.and_(
                    pc.is_in(values["metric"], value_set=pa.array(metrics, pa.string())),
                    pc.not_equal(values["segment_dimension"], ""),
                ),
            )
        )
        wanted = _segments_in(chosen)
        if not wanted:
            continue
        watched = watch(
            catalogue, chosen, grain, catalogue.calendars[calendar], wanted, as_of, feedback, settings
        )
        if watched is None:
            continue
        causes.update(_predicted(watched, found, places, settings))
    return causes


def _segments_in(chosen: pa.Table) -> list[tuple[str, Segment]]:
    keys = chosen.group_by(["metric", "segment_dimension", "segment_value"]).aggregate([])
    return sorted(
        (row["metric"], (row["segment_dimension"], row["segment_value"])) for row in keys.to_pylist()
    )


def _predicted(
    watched: Watched, found: Sequence[_Found], places: Sequence[int], settings: DetectionSettings
) -> dict[int, tuple[SegmentCause, ...]]:
    """Leading segments of each flag; a segment comes once per flag, each with its own window kept out."""
    starts = watched.batch.starts
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, (metric, _) in enumerate(watched.series):
        rows_of[metric].append(row)
    rows: list[int] = []
    spans: list[tuple[int, int, int, int, int]] = []  # place, first row, rows, first column, last column
    for place in places:
        flag, mine = found[place].flag, rows_of[found[place].metric]
        first = int(np.searchsorted(starts, np.datetime64(flag.since)))
        last = int(np.searchsorted(starts, np.datetime64(flag.period_start)))
        if mine and last < len(starts):
            spans.append((place, len(rows), len(mine), first, last))
            rows.extend(mine)
    if not spans:
        return {}
    cut = max(min(first for *_, first, _ in spans) - HISTORY, 0)
    windows = np.array(
        [(first - cut, last - cut) for _, _, count, first, last in spans for _ in range(count)]
    )
    batch = watched.batch.take(np.array(rows), slice(cut, None))
    foresight = foresee(batch, windows[:, 0], windows[:, 1], settings)
    return {
        place: segment_causes(
            foresight,
            {begin + step: watched.series[rows[begin + step]][1] for step in range(count)},
            first - cut,
            last - cut,
            settings.causes,
        )
        for place, begin, count, first, last in spans
    }


HISTORY = 200
"""Periods before a flag that its segments are predicted from."""


def _calendar_events(catalogue: Catalogue) -> tuple[RelatedEvent, ...]:
    """Holidays and declared events of all calendars."""
    found = {
        RelatedEvent(event.name, event.kind, event.start, event.end, tuple(event.metrics))
        for calendar in catalogue.calendars.values()
        for event in calendar.events
    }
    found |= {
        RelatedEvent(holiday.name, "holiday", holiday.date, holiday.date)
        for calendar in catalogue.calendars.values()
        for holiday in calendar.holidays
    }
    return tuple(sorted(found, key=lambda event: (event.start, event.end, event.kind, event.name)))


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _row(
    catalogue: Catalogue,
    one: _Found,
    segments: Sequence[SegmentCause],
    drivers: Sequence[DriverCause],
    events: Sequence[RelatedEvent],
    feedback: Sequence[Feedback],
    settings: DetectionSettings,
) -> AnomalyRow:
    flag, metric = one.flag, catalogue.metrics[one.metric]
    end = end_of(flag.period_start, flag.grain)
    near = related_events(
        [event for event in events if not event.metrics or one.metric in event.metrics],
        flag.since,
        end,
        settings.events_before,
    )
    state, _ = state_of(feedback, one.metric, one.segment, flag.period_start, end, flag.since)
    case = Situation(
        flag=flag,
        metric=one.metric,
        owners=_owners(catalogue, (one.metric, *(driver.metric for driver in drivers))),
        sources=_systems(catalogue, metric),
        segments=segments,
        drivers=drivers,
        events=near,
        advice=metric.suggested_actions,
        before=_before(one, feedback),
    )
    return AnomalyRow(
        metric_id=one.metric,
        period_grain=flag.grain,
        period_start=flag.period_start,
        segment_dimension=one.segment[0],
        segment_value=one.segment[1],
        detector=flag.detector,
        detector_version=flag.detector_version,
        observed=flag.observed,
        expected=flag.expected,
        lower_bound=flag.lower,
        upper_bound=flag.upper,
        score=flag.score,
        severity=str(flag.severity),
        effect=str(flag.effect),
        kind=flag.kind,
        explanation=flag.explanation,
        suggested_action=suggested_action(case),
        root_cause=as_rows(format_of(metric), unit_words(metric), segments, drivers, near),
        state=state,
    )


def _owners(catalogue: Catalogue, metrics: Iterable[str]) -> dict[str, str]:
    """Who answers for each metric, by name."""
    found = {}
    for name in metrics:
        if name in catalogue.metrics:
            key = catalogue.metrics[name].owner.accountable
            person = catalogue.people.get(key)
            found[name] = person.name if person else key
    return found


def _systems(catalogue: Catalogue, metric: Metric) -> tuple[str, ...]:
    """Systems behind the metric, where its formula names its source."""
    formula = metric.formula
    operands = [getattr(formula, name, None) for name in ("measure", "numerator", "denominator", "input")]
    names = {operand.source for operand in operands if isinstance(operand, Measure)}
    return tuple(sorted({catalogue.sources[name].system for name in names if name in catalogue.sources}))


def _before(one: _Found, feedback: Sequence[Feedback]) -> tuple[date, str] | None:
    """The last flag of the series with the same news, and what was said of it."""
    flag = one.flag
    like = [
        earlier
        for earlier in one.earlier
        if earlier.kind == flag.kind
        and earlier.effect == flag.effect
        and flag.since - earlier.period_start > timedelta(days=7)
    ]
    if not like:
        return None
    when = like[-1].period_start
    said = state_of(feedback, one.metric, one.segment, when, end_of(when, flag.grain))[1]
    return when, said


def _coverage(values: pa.Table, watched: Iterable[Watched], as_of: date) -> tuple[Coverage, ...]:
    """Every flag of the metrics in the frame is in this run's rows: what is published and absent is retired.

    A tested series is covered up to its last complete period; other grains, where only a baseline is looked at, up
    to their last period that is over.
    """
    over = values.filter(
        pc.and_(pc.equal(values["segment_dimension"], ""), pc.less_equal(values["period_end"], as_of))
    )
    spans = over.group_by(["metric", "grain"]).aggregate([("period_start", "min"), ("period_start", "max")])
    found = {
        (row["metric"], row["grain"]): (row["period_start_min"], row["period_start_max"])
        for row in spans.to_pylist()
    }
    for one in watched:
        batch = one.batch
        incomplete = (
            np.zeros(batch.shape[0], dtype=np.int64) if batch.incomplete is None else batch.incomplete
        )
        for (metric, _), running in zip(one.series, incomplete.tolist(), strict=True):
            complete = len(batch.starts) - running
            if complete > 0:
                found[metric, one.grain] = batch.starts[0].item(), batch.starts[complete - 1].item()
    return tuple(Coverage(metric, grain, *span) for (metric, grain), span in sorted(found.items()))
