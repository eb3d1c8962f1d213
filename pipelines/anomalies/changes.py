"""Level shifts and slow drifts: windows of recent periods against the course expected before the window began.

A window of the last k periods is compared with the level and slope that were known at its start, so nothing is tested
against itself. Equal weights find a shift, rising weights a drift. Each series' own restlessness (how far such windows
stray when nothing happens) scales the result. Source: detection rules, "re-baseline after a confirmed level shift; a
slow-drift test beside the point test".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .model import Expectation, Prediction
from .series import Bools, Floats, Ints

WINSOR = 3.5
"""Deviate at which one value enters a window: a single outlier makes no shift."""

CALM_MEMORY, CALM_PRIOR, CALM_CLIP = 300.0, 60.0, 9.0
"""Periods over which restlessness is learned, the periods its prior (none) counts for, and its clip (squared)."""

OUTLIERS, REST = 3, {"shift": 2.0, "drift": 3.0}
"""Most extreme values that a level shift must do without, and the deviate that the rest must reach."""

WANDER_SHARE = 0.6
"""Share of a restless level's random walk over a window that its weighted mean may have strayed by (0.53 in theory)."""

SETTLED = 5
"""Periods that must lie between a re-baseline and the start of a window."""

NEVER = 2**40
"""Start of a series whose level is not known yet."""


@dataclass(frozen=True)
class Windows:
    """Window lengths, in periods, for one grain."""

    shift: tuple[int, ...]
    drift: tuple[int, ...]
    shift_calm: int
    drift_calm: int

    @property
    def longest(self) -> int:
        """Longest window."""
        return max(*self.shift, *self.drift)


WINDOWS = {
    "day": Windows((4, 5, 7, 10, 14), (14, 21, 28, 35, 45, 60), 7, 28),
    "week": Windows((3, 4, 6, 8), (6, 8, 10, 13, 17, 26), 4, 10),
    "month": Windows((3, 4, 6), (6, 9, 12), 3, 6),
    "quarter": Windows((3, 4), (4, 6), 3, 4),
}


@dataclass
class WindowTest:
    """The strongest window of one period: its deviate and its length, by series (0 where none could be tested)."""

    deviate: Floats
    length: Ints


class Changes:
    """Recent periods of one block of series, as running sums, and the course that was known after each."""

    def __init__(self, series: int, periods: int, windows: Windows) -> None:
        self.windows, self.series = windows, series
        shape = (periods + 1, series)
        self.weight, self.weight_y = np.zeros(shape), np.zeros(shape)
        self.weight_t, self.weight_ty, self.weight_tt = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.level, self.slope, self.wander = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.level_var, self.slope_var = np.full(shape, 1e3), np.full(shape, 1e3)
        self.own = np.zeros((periods, series)), np.zeros((periods, series))
        self.since = np.full(series, NEVER, dtype=np.int64)
        self.calm = {"shift": np.full((2, series), CALM_PRIOR), "drift": np.full((2, series), CALM_PRIOR)}

    def observe(self, period: int, known: Prediction, deviate: Floats, usable: Bools) -> None:
        """Add one period: its value without season and marks, winsorised."""
        clipped = np.clip(deviate, -WINSOR, WINSOR) * np.sqrt(known.total)
        y = np.where(usable, known.level + clipped, 0.0)
        weight = np.where(usable, 1 / known.own, 0.0)
        self.own[0][period], self.own[1][period] = y, weight
        for sums, term in (
            (self.weight, weight),
            (self.weight_y, weight * y),
            (self.weight_t, weight * period),
            (self.weight_ty, weight * period * y),
            (self.weight_tt, weight * period * period),
        ):
            sums[period + 1] = sums[period] + term

    def remember(self, period: int, model: Expectation, known_from: int) -> None:
        """Note the course known after this period; with ``known_from`` values a series has one."""
        self.since = np.where((self.since == NEVER) & (model.age >= known_from), period, self.since)
        weight = model.weights()
        level = (weight * model.level).sum(axis=0)
        self.level[period + 1] = level
        self.slope[period + 1] = (weight * model.slope).sum(axis=0)
        self.level_var[period + 1] = (weight * (model.level_var + (model.level - level) ** 2)).sum(axis=0)
        self.slope_var[period + 1] = (weight * model.slope_var).sum(axis=0)
        self.wander[period + 1] = (weight * model.change * model.typical_noise).sum(axis=0)

    def test(
        self, what: str, period: int, ready: Bools, alarm: float, *, learning: bool = True
    ) -> WindowTest:
        """The strongest window of kind ``what`` (shift or drift) that ends in this period.

        ``learning`` False leaves what is known of the series' restlessness as it is.
        """
        lengths = self.windows.shift if what == "shift" else self.windows.drift
        typical = self.windows.shift_calm if what == "shift" else self.windows.drift_calm
        calm = self.calm[what]
        best = WindowTest(np.zeros(self.series), np.zeros(self.series, dtype=np.int64))
        for length in lengths:
            start = period + 1 - length
            if start < 1:
                continue
            tested = ready & (self.since <= start - SETTLED)
            raw = np.where(tested, self._deviate(what, start, period), 0.0)
            if length == typical and learning:
                quiet = tested & (np.abs(raw) < alarm)
                keep = 1 - 1 / CALM_MEMORY
                calm[0] = np.where(quiet, calm[0] * keep + np.minimum(raw**2, CALM_CLIP), calm[0])
                calm[1] = np.where(quiet, calm[1] * keep + 1, calm[1])
            deviate = raw / np.sqrt(np.maximum(calm[0] / calm[1], 1.0))
            stronger = np.abs(deviate) > np.abs(best.deviate)
            best.deviate = np.where(stronger, deviate, best.deviate)
            best.length = np.where(stronger, length, best.length)
        return best

    def restless(self) -> Floats:
        """How far windows stray when nothing happens, as a factor of at least 1."""
        calm = self.calm["shift"]
        return np.asarray(np.sqrt(np.maximum(calm[0] / calm[1], 1.0)))

    def _deviate(self, what: str, start: int, period: int) -> Floats:
        """Weighted sum of the window's distances from the course known at its start, in standard deviations."""
        length, origin, end = period + 1 - start, start - 1, period + 1
        w = self.weight[end] - self.weight[start]
        wt = self.weight_t[end] - self.weight_t[start] - origin * w
        wy = self.weight_y[end] - self.weight_y[start]
        level, slope = self.level[start], self.slope[start]
        level_var = self.level_var[start] + WANDER_SHARE * self.wander[start] * length
        if what == "shift":
            away = wy - level * w - slope * wt
            variance = w + w**2 * level_var + wt**2 * self.slope_var[start]
        else:
            t_sum = self.weight_t[end] - self.weight_t[start]
            wtt = self.weight_tt[end] - self.weight_tt[start] - 2 * origin * t_sum + origin * origin * w
            wty = self.weight_ty[end] - self.weight_ty[start] - origin * wy
            away = wty - level * wt - slope * wtt
            variance = wtt + wt**2 * level_var + wtt**2 * self.slope_var[start]
        return np.asarray(away / np.sqrt(np.maximum(variance, 1e-12)))

    def lasts(self, what: str, row: int, start: int, period: int) -> bool:
        """Whether the window still stands without its `OUTLIERS` most extreme values: an outage is no level."""
        y, weight = self.own[0][start : period + 1, row], self.own[1][start : period + 1, row]
        steps = np.arange(1, period - start + 2)
        away = (y - self.level[start, row] - self.slope[start, row] * steps) * np.sqrt(weight)
        rise = np.ones(len(steps)) if what == "shift" else steps / len(steps)
        side = np.sign((away * rise).sum())
        rest = np.argsort(away * side, kind="stable")[:-OUTLIERS]
        rest = rest[weight[rest] > 0]
        if not len(rest):
            return False
        return bool(side * (away * rise)[rest].sum() / np.sqrt((rise[rest] ** 2).sum()) >= REST[what])

    def forget(self, row: int, start: int, period: int) -> None:
        """Take the values of one series in ``start``..``period`` out of all windows."""
        for sums in (self.weight, self.weight_y, self.weight_t, self.weight_ty, self.weight_tt):
            sums[start + 1 : period + 2, row] = sums[start, row]
        self.own[1][start : period + 1, row] = 0.0

    def mean_since(self, row: int, start: int, period: int) -> tuple[float, float, float]:
        """(level, its variance, centre of time) of one series over ``start``..``period``."""
        weight = float(self.weight[period + 1, row] - self.weight[start, row])
        if weight <= 0:
            return float(self.level[period + 1, row]), 1e3, float(period)
        level = float(self.weight_y[period + 1, row] - self.weight_y[start, row]) / weight
        centre = float(self.weight_t[period + 1, row] - self.weight_t[start, row]) / weight
        return level, 1 / weight, centre

    def rewrite(self, row: int, start: int, period: int, level: float, variance: float, slope: float) -> None:
        """Put the remembered course of one series on a new line from ``start`` on; ``level`` is at ``period``."""
        steps = np.arange(start, period + 1) - period
        at = slice(start + 1, period + 2)
        self.level[at, row] = level + slope * steps
        self.level_var[at, row] = variance
        self.slope[at, row] = slope
        self.since[row] = period
