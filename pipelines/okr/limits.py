"""Which target, band and limits hold for each row of the KPI value frame.

A target of the row's own grain and period comes first. For a metric that is no sum, a target of a longer period holds
for the shorter ones that end in it: a quarter's resolution rate is asked of each of its weeks, a quarter's revenue is
not. A target of the total says nothing about segments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from definitions.model import Catalogue, Direction, Grain, Metric, Target
from pipelines.okr.frame import FrameIndex, Group, to_day
from pipelines.scoring.optimum import OptimumBand
from pipelines.scoring.status_arrays import Floats, LimitArrays

_DIRECTIONS = {Direction.INCREASE: 1, Direction.DECREASE: -1, Direction.WITHIN: 0}


@dataclass(frozen=True, slots=True)
class RowLimits:
    """The limits of every row, and the target as it is published (NaN for none, and for a band)."""

    limits: LimitArrays
    target_value: Floats


def row_limits(catalogue: Catalogue, index: FrameIndex) -> RowLimits:
    """Find the limits of every row of an indexed frame; a metric the dictionary does not know has none."""
    size = index.size

    def empty() -> Floats:
        return np.full(size, np.nan)

    limits = LimitArrays(
        direction=np.zeros(size, np.int8),
        target=empty(),
        is_strict=np.zeros(size, np.bool_),
        low=empty(),
        high=empty(),
        floor=empty(),
        ceiling=empty(),
        amber_at=empty(),
        red_at=empty(),
    )
    by_metric: dict[str, list[Target]] = {}
    for target in catalogue.targets:
        by_metric.setdefault(target.metric, []).append(target)
    for group in index.groups:
        metric = catalogue.metrics.get(group.metric)
        if metric is not None:
            _fill(limits, index, group, metric, by_metric.get(group.metric, ()))
    return RowLimits(limits, limits.target)


def band_of(metric: Metric) -> OptimumBand | None:
    """The optimum band of a metric as the scoring rules take it."""
    band = metric.band
    return None if band is None else OptimumBand(band.low, band.high, band.floor, band.ceiling)


def units_apart(metric: Metric, grain: str, target: Target) -> bool:
    """Whether a target of another grain would be compared with a value it does not measure: a sum over less time."""
    return target.grain != grain and metric.aggregation == "sum"


def _fill(
    limits: LimitArrays, index: FrameIndex, group: Group, metric: Metric, targets: Sequence[Target]
) -> None:
    rows = group.rows
    limits.direction[rows] = _DIRECTIONS[metric.direction]
    _set(limits.amber_at, rows, metric.amber_at)
    _set(limits.red_at, rows, metric.red_at)
    if metric.direction is Direction.WITHIN and metric.band is not None:
        _set_band(limits, rows, metric)
    for target in sorted(_applicable(targets, group, metric), key=_coarse_first):
        held = rows[_held_by(target, index, group)]
        if not len(held):
            continue
        limits.is_strict[held] = target.comparison in {"gt", "lt"}
        _set(limits.amber_at, held, target.amber_at)
        _set(limits.red_at, held, target.red_at)
        if target.comparison == "between":
            _set_band(limits, held, target if target.band is not None else metric)
        else:
            limits.target[held] = np.nan if target.target is None else target.target
            for column in (limits.low, limits.high, limits.floor, limits.ceiling):
                column[held] = np.nan


def _applicable(targets: Sequence[Target], group: Group, metric: Metric) -> list[Target]:
    return [
        target
        for target in targets
        if target.segment == group.segment and not units_apart(metric, group.grain, target)
    ]


def _held_by(target: Target, index: FrameIndex, group: Group) -> np.ndarray:
    """Which rows of the group the target is for: its own period, or shorter ones that end in it."""
    if target.grain == group.grain:
        return np.flatnonzero(index.start[group.rows] == to_day(target.period_start))
    if _length(target.grain) < _length(group.grain):
        return np.empty(0, np.int64)
    ends = index.end[group.rows]
    return np.flatnonzero((ends >= to_day(target.period_start)) & (ends <= to_day(target.period_end)))


def _coarse_first(target: Target) -> tuple[float, int]:
    """Finer targets come later and win."""
    return (-_length(target.grain), to_day(target.period_start))


def _length(grain: str) -> float:
    """Days of a grain, for ordering; a trailing grain has its own number of days."""
    if grain.startswith("trailing_"):
        return float(grain.removeprefix("trailing_").removesuffix("d"))
    return _DAYS[grain]


_DAYS: Mapping[str, float] = {
    Grain.SECOND: 1 / 86400,
    Grain.MINUTE: 1 / 1440,
    Grain.HOUR: 1 / 24,
    Grain.DAY: 1,
    Grain.WEEK: 7,
    Grain.MONTH: 30,
    Grain.QUARTER: 91,
    Grain.YEAR: 365,
}


def _set(column: Floats, rows: np.ndarray, value: float | None) -> None:
    if value is not None:
        column[rows] = value


def _set_band(limits: LimitArrays, rows: np.ndarray, holder: Metric | Target) -> None:
    band = holder.band
    if band is None:
        return
    for column, value in (
        (limits.low, band.low),
        (limits.high, band.high),
        (limits.floor, band.floor),
        (limits.ceiling, band.ceiling),
    ):
        column[rows] = np.nan if value is None else value
    limits.target[rows] = np.nan
