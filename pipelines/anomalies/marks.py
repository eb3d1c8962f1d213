"""Holidays, declared events and month ends: what they do to each series is learned, not muted.

A mark's effect is a number on the link scale. Until a series has seen a holiday, it borrows from the holidays it has
seen, with a spread that widens the band; when the same name comes back it knows. Holidays on a rest day are learned
apart from those on a working day. What a holiday did is learned even where it was odd, and a series whose holidays
stray gets a wider band on them. Source: detection rules, "holidays and declared events are in the model".
"""

from __future__ import annotations

import numpy as np

from .families import PRIOR_MARK
from .series import Bools, Dates, Floats, Ints, SeriesBatch

MONTH_POSITIONS = 3
"""First and last days of the month that are learned apart, where a series asks for it."""

BETWEEN_OCCURRENCES = 0.03
"""Share of the prior variance that an effect may have changed by until it comes back (a holiday, in a year)."""

POOL_WEIGHT = 0.5
"""Occurrences that the prior spread of a pool counts for."""

WIDTH_WEIGHT, WIDTH_CLIP = 3.0, 3.5
"""How far a series strays on its marked periods is learned: how many of them the prior (as predicted) counts for, and
the deviate at which one is clipped."""


class MarkIndex:
    """Which mark each calendar has in each period, as columns of a table of effects.

    ``column[calendar, period]`` is −1 where there is none. ``pool[column]`` is the family it borrows from.
    """

    def __init__(self, batch: SeriesBatch) -> None:
        rest = _rest_days(batch.starts) if batch.grain == "day" else np.zeros(len(batch.starts), dtype=bool)
        place = {start: column for column, start in enumerate(batch.starts.tolist())}
        names: dict[tuple[str, str], int] = {}
        pools: dict[str, int] = {}
        pool_of: list[int] = []
        self.column = np.full((len(batch.marks), len(batch.starts)), -1, dtype=np.int64)
        self.expected = np.zeros(self.column.shape, dtype=bool)
        for calendar, marks in enumerate(batch.marks):
            by_period: dict[int, list[tuple[str, str]]] = {}
            for mark in sorted(marks, key=lambda m: (m.start, m.pool, m.key)):
                period = place.get(mark.start)
                if period is not None:
                    by_period.setdefault(period, []).append((mark.pool, mark.key))
                    self.expected[calendar, period] |= mark.expected
            for period, found in sorted(by_period.items()):
                suffix = " (rest day)" if rest[period] else ""
                pool = found[0][0] + suffix
                key = (pool, " + ".join(sorted({name for _, name in found})))
                if key not in names:
                    names[key] = len(names)
                    pool_of.append(pools.setdefault(pool, len(pools)))
                self.column[calendar, period] = names[key]
        self.pool = np.array(pool_of, dtype=np.int64)
        self.count = len(names)
        self.pools = len(pools)
        self.month_column = _month_positions(batch)
        if (self.month_column >= 0).any():
            self.month_column = np.where(self.month_column >= 0, self.month_column + self.count, -1)
            self.pool = np.append(self.pool, self.pools + np.arange(2 * MONTH_POSITIONS, dtype=np.int64))
            self.pools += 2 * MONTH_POSITIONS
            self.count += 2 * MONTH_POSITIONS


class MarkEffects:
    """Learned effects of the marks on each series of a block."""

    def __init__(self, index: MarkIndex, code: Ints, calendar: Ints, has_month: Bools) -> None:
        series, columns, pools = len(code), max(index.count, 1), max(index.pools, 1)
        self.index, self.calendar, self.has_month = index, calendar, has_month
        self.prior = PRIOR_MARK[code]
        self.mean = np.zeros((series, columns))
        self.variance = np.zeros((series, columns))
        self.seen = np.zeros((series, columns), dtype=bool)
        self.last = np.full((index.column.shape[0], columns), -10, dtype=np.int64)
        self.pool_count = np.zeros((series, pools))
        self.pool_mean = np.zeros((series, pools))
        self.pool_spread = np.zeros((series, pools))
        self.width_sum = np.full(series, WIDTH_WEIGHT)
        self.width_count = np.full(series, WIDTH_WEIGHT)

    def at(self, period: int) -> MarkedRows | None:
        """The rows that have a mark in this period, with its predicted effect; None when no row has."""
        column = self.index.column[self.calendar, period]
        month = self.index.month_column[period]
        if month >= 0:
            column = np.where((column < 0) & self.has_month, month, column)
        rows = np.flatnonzero(column >= 0)
        if not len(rows):
            return None
        return MarkedRows(self, period, rows, column[rows])


class MarkedRows:
    """The effect of one period's marks: predicted, and to be learned from."""

    def __init__(self, effects: MarkEffects, period: int, rows: Ints, column: Ints) -> None:
        self.effects, self.rows, self.column = effects, rows, column
        self.pool = effects.index.pool[column]
        prior = effects.prior[rows]
        count = effects.pool_count[rows, self.pool]
        weight = count + POOL_WEIGHT
        guess = effects.pool_mean[rows, self.pool] * count / weight
        spread = (prior * POOL_WEIGHT + effects.pool_spread[rows, self.pool]) / weight
        where = (effects.calendar[rows], column)
        came_back = effects.last[where] < period - 1
        changed = np.where(came_back, BETWEEN_OCCURRENCES * prior, 0.0)
        self.fresh = ~effects.seen[rows, column]
        self.mean = np.where(self.fresh, guess, effects.mean[rows, column])
        self.variance = np.where(self.fresh, spread, effects.variance[rows, column] + changed)
        effects.last[where] = period
        # Factor on the variance of a prediction: how far marked periods of the series have strayed from theirs.
        self.widen = np.maximum(effects.width_sum[rows] / effects.width_count[rows], 1.0)

    def spread_over(self, series: int) -> tuple[Floats, Floats]:
        """(effect, variance) for all rows of the block, zero where there is no mark."""
        mean, variance = np.zeros(series), np.zeros(series)
        mean[self.rows] = self.mean
        variance[self.rows] = self.variance
        return mean, variance

    def learn(self, error: Floats, deviate: Floats, total: Floats, learnable: Bools, told: Bools) -> None:
        """Take each marked row's share of its prediction error (link scale) into its effect.

        The deviate of what was not told beforehand (``told``: expected whatever it is) goes into the width of all marks
        of its series. What was odd leaves the effect as open as before it was ever seen.
        """
        known = learnable[self.rows]
        strayed = np.minimum(np.abs(deviate[self.rows]), WIDTH_CLIP) ** 2 * self.widen
        counted = known & ~told[self.rows]
        self.effects.width_sum[self.rows] += np.where(counted, strayed, 0.0)
        self.effects.width_count[self.rows] += counted
        rows, column, pool = self.rows[known], self.column[known], self.pool[known]
        if not len(rows):
            return
        effects = self.effects
        gain = self.variance[known] / total[rows]
        mean = self.mean[known] + gain * error[rows]
        effects.mean[rows, column] = mean
        left = self.variance[known] * (1 - gain)
        odd = np.abs(deviate[rows]) > WIDTH_CLIP
        effects.variance[rows, column] = np.where(odd, np.maximum(left, effects.prior[rows]), left)
        effects.seen[rows, column] = True
        fresh = self.fresh[known]
        rows, pool, mean = rows[fresh], pool[fresh], mean[fresh]
        away = mean - effects.pool_mean[rows, pool]
        effects.pool_count[rows, pool] += 1
        effects.pool_mean[rows, pool] += away / effects.pool_count[rows, pool]
        effects.pool_spread[rows, pool] += away * (mean - effects.pool_mean[rows, pool])


def _rest_days(starts: Dates) -> Bools:
    return np.asarray((starts.astype("datetime64[D]").astype(np.int64) + 3) % 7 >= 5)


def _month_positions(batch: SeriesBatch) -> Ints:
    """0.. for the first days of the month, then the last ones; −1 elsewhere, and where no series asks for it."""
    place = np.full(len(batch.starts), -1, dtype=np.int64)
    if batch.grain != "day" or batch.month_position is None or not batch.month_position.any():
        return place
    month = batch.starts.astype("datetime64[M]")
    first = (batch.starts - month.astype("datetime64[D]")).astype(np.int64)
    last = ((month + 1).astype("datetime64[D]") - batch.starts).astype(np.int64) - 1
    place = np.where(first < MONTH_POSITIONS, first, place)
    return np.where(last < MONTH_POSITIONS, MONTH_POSITIONS + last, place)
