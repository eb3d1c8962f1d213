"""Expected ranges on charts: what the detector expected of each period, from the values that are published.

The detector walks over the history of every metric in its headline grain; the charts keep the last periods of it.
Where a flag is published, its own range is shown, so that chart and words agree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from pipelines.anomalies.detector import detect
from pipelines.anomalies.series import Better, CalendarMark, Kind, SeriesBatch

from .model import Kpi, Point, Snapshot

CHARTED = {"day": 90, "week": 65, "month": 36, "quarter": 16, "year": 10}
"""Periods on a chart, by grain."""

_FEWEST = 8


def with_expected_ranges(snapshot: Snapshot) -> Snapshot:
    """The snapshot with a range at each point that has one, and each series as long as its chart."""
    points = dict(snapshot.points)
    for kpis in _spines(snapshot).values():
        for metric, ranged in _detected(snapshot, kpis).items():
            points[metric] = ranged
    grains = {kpi.metric_id: kpi.grain for kpi in snapshot.kpis}
    flagged = {
        (one.metric_id, one.period_start): (one.lower, one.upper)
        for one in snapshot.anomalies
        if not one.segment_dimension and one.grain == grains.get(one.metric_id) and one.lower is not None
    }
    shown = {
        metric: tuple(
            _told(metric, point, flagged) for point in series[-CHARTED.get(grains.get(metric, ""), 90) :]
        )
        for metric, series in points.items()
    }
    return replace(snapshot, points=shown)


def _told(
    metric: str, point: Point, flagged: Mapping[tuple[str, date], tuple[float | None, float | None]]
) -> Point:
    lower, upper = flagged.get((metric, point.start), (point.lower, point.upper))
    return replace(point, lower=lower, upper=upper)


def _spines(snapshot: Snapshot) -> dict[tuple[str, int], list[Kpi]]:
    """Metrics that share a spine of periods, so that they can be walked over together."""
    by_grain: dict[str, list[Kpi]] = defaultdict(list)
    for kpi in snapshot.kpis:
        series = snapshot.points.get(kpi.metric_id, ())
        if kpi.grain in CHARTED and sum(point.value is not None for point in series) >= _FEWEST:
            by_grain[kpi.grain].append(kpi)
    found: dict[tuple[str, int], list[Kpi]] = {}
    for grain, kpis in sorted(by_grain.items()):
        left = sorted(kpis, key=lambda kpi: (-len(snapshot.points[kpi.metric_id]), kpi.metric_id))
        while left:
            spine = {point.start for point in snapshot.points[left[0].metric_id]}
            last = max(spine)
            here = [
                kpi
                for kpi in left
                if snapshot.points[kpi.metric_id][-1].start == last
                and all(point.start in spine for point in snapshot.points[kpi.metric_id])
            ]
            found[grain, len(found)] = here
            taken = {kpi.metric_id for kpi in here}
            left = [kpi for kpi in left if kpi.metric_id not in taken]
    return found


def _detected(snapshot: Snapshot, kpis: Sequence[Kpi]) -> dict[str, tuple[Point, ...]]:
    starts = [point.start for point in snapshot.points[kpis[0].metric_id]]
    column = {start: i for i, start in enumerate(starts)}
    values = np.full((len(kpis), len(starts)), np.nan)
    samples = np.full_like(values, np.nan)
    incomplete = np.zeros(len(kpis), dtype=np.int64)
    for row, kpi in enumerate(kpis):
        series = snapshot.points[kpi.metric_id]
        for point in series:
            if point.value is not None:
                values[row, column[point.start]] = point.value
            if point.sample is not None:
                samples[row, column[point.start]] = point.sample
        while incomplete[row] < len(series) and series[-1 - incomplete[row]].state != "final":
            incomplete[row] += 1
    first, last = starts[0], starts[-1]
    marks = tuple(CalendarMark(day, name) for day, name in snapshot.holidays if first <= day <= last)
    batch = SeriesBatch(
        keys=tuple(kpi.metric_id for kpi in kpis),
        grain=kpis[0].grain,
        starts=np.array(starts, dtype="datetime64[D]"),
        values=values,
        kinds=tuple(_kind(kpi, snapshot.points[kpi.metric_id]) for kpi in kpis),
        better=(Better.WITHIN,) * len(kpis),
        samples=samples,
        incomplete=incomplete,
        marks=(marks if kpis[0].grain == "day" else (),),
    )
    lower, upper = detect(batch).band()
    return {
        kpi.metric_id: tuple(
            replace(point, lower=_known(lower[row, i]), upper=_known(upper[row, i]))
            for point in snapshot.points[kpi.metric_id]
            for i in (column[point.start],)
        )
        for row, kpi in enumerate(kpis)
    }


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _kind(kpi: Kpi, points: Sequence[Point]) -> Kind:
    """The variance model of a metric, from what is published of it."""
    known = [point.value for point in points if point.value is not None]
    match kpi.unit.family:
        case "ratio":
            share = all(0 <= value <= 1 for value in known) and any(point.sample for point in points)
            return Kind.RATIO if share and kpi.aggregation == "ratio" else Kind.LEVEL
        case "currency":
            return Kind.MONEY if min(known, default=0) > 0 else Kind.LEVEL
        case "duration_seconds":
            return Kind.DURATION
        case "score":
            return Kind.SCORE
    whole = all(value >= 0 and value == int(value) for value in known)
    return Kind.COUNT if whole and kpi.aggregation == "sum" else Kind.LEVEL
