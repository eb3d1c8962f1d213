"""Expected ranges on charts: what the detector expected of each period, from the values that are published.

The detector walks over the history of every metric in its headline grain; the charts keep the last periods of it.
Where a flag is published, its own range is shown, so that chart and words agree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from pipelines.anomalies.detector import detect
from pipelines.anomalies.series import Better, CalendarMark, Kind, SeriesBatch

from .model import Kpi, Point, SeriesKey, Snapshot

CHARTED = {"day": 90, "week": 65, "month": 36, "quarter": 16, "year": 10}
"""Periods on a chart, by grain."""

_FEWEST = 8


@dataclass(frozen=True, slots=True)
class _Series:
    """One series to be walked over."""

    key: SeriesKey
    kpi: Kpi
    points: tuple[Point, ...]

    @property
    def grain(self) -> str:
        return self.key[1]


def with_expected_ranges(snapshot: Snapshot) -> Snapshot:
    """The snapshot with a range at each point that has one, and each series as long as its chart."""
    known = {kpi.metric_id: kpi for kpi in snapshot.kpis}
    headline = {
        (metric, known[metric].grain, "", ""): points
        for metric, points in snapshot.points.items()
        if metric in known
    }
    every = [
        _Series(key, known[key[0]], points)
        for key, points in sorted({**snapshot.flag_points, **headline}.items())
        if key[0] in known
    ]
    ranged = {one.key: one.points for one in every}
    for spine in _spines(every):
        ranged |= _detected(snapshot, spine)
    flagged = {
        (one.series, one.period_start): (one.lower, one.upper)
        for one in snapshot.anomalies
        if one.lower is not None
    }
    charted = {
        key: tuple(_told(key, point, flagged) for point in points[-CHARTED.get(key[1], 90) :])
        for key, points in ranged.items()
    }
    return replace(
        snapshot,
        points={key[0]: points for key, points in charted.items() if key in headline},
        flag_points={key: points for key, points in charted.items() if key not in headline},
    )


def _told(
    key: SeriesKey,
    point: Point,
    flagged: Mapping[tuple[SeriesKey, date], tuple[float | None, float | None]],
) -> Point:
    lower, upper = flagged.get((key, point.start), (point.lower, point.upper))
    return replace(point, lower=lower, upper=upper)


def _spines(every: Sequence[_Series]) -> list[list[_Series]]:
    """Series that share a spine of periods, so that they can be walked over together."""
    by_grain: dict[str, list[_Series]] = defaultdict(list)
    for one in every:
        if one.grain in CHARTED and sum(point.value is not None for point in one.points) >= _FEWEST:
            by_grain[one.grain].append(one)
    found: list[list[_Series]] = []
    for _, left in sorted(by_grain.items()):
        left.sort(key=lambda one: (-len(one.points), one.key))
        while left:
            spine = {point.start for point in left[0].points}
            last = max(spine)
            together = [
                one
                for one in left
                if one.points[-1].start == last and all(point.start in spine for point in one.points)
            ]
            found.append(together)
            taken = {one.key for one in together}
            left = [one for one in left if one.key not in taken]
    return found


def _detected(snapshot: Snapshot, together: Sequence[_Series]) -> dict[SeriesKey, tuple[Point, ...]]:
    starts = [point.start for point in together[0].points]
    column = {start: i for i, start in enumerate(starts)}
    values = np.full((len(together), len(starts)), np.nan)
    samples = np.full_like(values, np.nan)
    incomplete = np.zeros(len(together), dtype=np.int64)
    for row, one in enumerate(together):
        for point in one.points:
            if point.value is not None:
                values[row, column[point.start]] = point.value
            if point.sample is not None:
                samples[row, column[point.start]] = point.sample
        while incomplete[row] < len(one.points) and one.points[-1 - incomplete[row]].state != "final":
            incomplete[row] += 1
    grain, first, last = together[0].grain, starts[0], starts[-1]
    marks = tuple(CalendarMark(day, name) for day, name in snapshot.holidays if first <= day <= last)
    batch = SeriesBatch(
        keys=tuple("|".join(one.key) for one in together),
        grain=grain,
        starts=np.array(starts, dtype="datetime64[D]"),
        values=values,
        kinds=tuple(_kind(one.kpi, one.points) for one in together),
        better=(Better.WITHIN,) * len(together),
        samples=samples,
        incomplete=incomplete,
        marks=(marks if grain == "day" else (),),
    )
    lower, upper = detect(batch).band()
    return {
        one.key: tuple(
            replace(point, lower=_known(lower[row, i]), upper=_known(upper[row, i]))
            for point in one.points
            for i in (column[point.start],)
        )
        for row, one in enumerate(together)
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
