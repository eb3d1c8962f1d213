"""What is expected of each series next: level with several memories, weekday effects, holidays, noise.

A robust state-space filter, vectorised over the series of a block. The level is carried by several filters at once,
from one that never forgets to one that follows every step; each series weighs them by how well they predicted it.
What is learned from one value is winsorised, so that an outlier moves nothing far. Every quantity lives on the link
scale of `families`. Source: detection rules, "weekday medians, robust level with several memories, winsorised
history".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .families import (
    NOISE_FLOOR,
    PRIOR_LEVEL,
    PRIOR_SEASON,
    PRIOR_SLOPE,
    Family,
    sampling_variance,
)
from .marks import MarkedRows, MarkEffects, MarkIndex
from .series import Bools, Floats, Ints, Kind

LEVEL_CHANGE = (0.0, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)
"""Variance by which the level may move per period, as a share of the noise: one filter each."""

SLOPE_CHANGE = 1e-8
"""The same for the slope."""

SEASON_CHANGE = 4e-4
"""The same for an effect of a weekday, per occurrence."""

FILTER_MEMORY = 0.99
"""How fast old predictions lose weight in choosing between the filters (per period)."""

WINSOR, WINSOR_YOUNG, YOUNG = 2.6, 6.0, 21
"""Deviate that one value may move the model by, and the looser one for a series with few values."""

NOISE_CLIP, NOISE_CLIPPED = 2.5, 0.9776
"""Deviate at which values are clipped to learn the noise, and the variance of a normal clipped there."""

PRIOR_VALUES = 6.0
"""Values that the prior noise counts for."""

REACQUIRE = 0.25
"""Share of the prior level variance that comes back after a long marked range."""

MIXES = np.repeat([0.0, 0.5, 1.0], 3)[:, None]
"""Shares of the noise of an averaged value that shrink with its number of events; series choose."""

POWERS = np.tile([0.0, 0.5, 1.0], 3)[:, None]
"""How the noise of a weekday or a holiday goes with its effect: in proportion to it (0: noise that multiplies), with
its root (½), or not at all (1: noise that adds). Series choose, together with `MIXES`. Source: variance as a power of
the mean, Carroll and Ruppert 1988."""

POWER_RANGE, POWER_PRIOR = 3.0, -1.0
"""Effect (logarithm) up to which `POWERS` is followed, and the log weight that noise which adds has to begin with."""

MIX_MEMORY, MIX_FLOOR = 0.995, -12.0
"""How fast old values lose weight in choosing between these (per period), and the least log weight of one."""

STRAYED, STRAYED_GAIN = 2.2, 0.5
"""Deviate that a place in the season must reach twice running, on one side, to be learned anew, and the share of the
distance that it is then moved by at least."""


@dataclass
class Prediction:
    """One period's prediction for all series of a block (link scale).

    eta: expected. sampling: variance by number of events alone. noises, spread: per filter, the variance of a value
    about its level, and about the prediction. own: the mixture's variance about the level. total: and about the
    prediction. freedom: values behind the noise estimate.
    """

    eta: Floats
    level: Floats
    season: Floats
    mark: Floats
    sampling: Floats
    noises: Floats
    spread: Floats
    own: Floats
    total: Floats
    freedom: Floats
    marked: MarkedRows | None


class Expectation:
    """The state of the model for one block of series; `predict`, then `learn`, period by period."""

    def __init__(
        self,
        code: Ints,
        noise: Floats,
        kinds: tuple[Kind, ...],
        slots: Ints,
        marks: MarkIndex,
        calendar: Ints,
        has_month: Bools,
        noise_memory: float,
    ) -> None:
        series, filters = len(code), len(LEVEL_CHANGE)
        self.code, self.slots, self.noise_memory = code, slots, noise_memory
        self.discrete = code <= Family.SHARE
        self.averaged = np.array([kind in (Kind.DURATION, Kind.SCORE) for kind in kinds])
        season_length = int(slots.max()) + 1 if len(slots) else 1
        self.age = np.zeros(series, dtype=np.int64)
        self.change = np.array(LEVEL_CHANGE)[:, None]
        self.level = np.zeros((filters, series))
        self.slope = np.zeros((filters, series))
        self.level_var = np.tile(PRIOR_LEVEL[code], (filters, 1))
        self.slope_var = np.tile(PRIOR_SLOPE[code], (filters, 1))
        self.cross_var = np.zeros((filters, series))
        self.log_weight = np.zeros((filters, series))
        self.season = np.zeros((season_length, series))
        self.season_var = np.tile(PRIOR_SEASON[code] if season_length > 1 else 0.0 * code, (season_length, 1))
        self.strayed = np.zeros((season_length, series))
        self.effects = MarkEffects(marks, code, calendar, has_month)
        self.extra = np.tile(noise, (filters, 1))
        self.extra_info = PRIOR_VALUES / (self.extra + np.where(self.discrete, 0.02, 0.0)) ** 2
        self.powered = (code == Family.COUNT) | (code == Family.LOG)
        self.mix_weight = POWER_PRIOR * POWERS * self.powered
        self.typical_noise = self.extra.copy()
        self.typical_size = np.full(series, np.nan)
        self.rows = np.arange(series)

    # ── predict ─────────────────────────────────────────────────────────────────────────────────────────────

    def predict(self, period: int, samples: Floats) -> Prediction:
        """What is expected of this period, before its value is looked at (only its number of events is)."""
        self.level = self.level + self.slope
        self.level_var = (
            self.level_var + 2 * self.cross_var + self.slope_var + self.change * self.typical_noise
        )
        self.cross_var = self.cross_var + self.slope_var
        self.slope_var = self.slope_var + SLOPE_CHANGE * self.typical_noise
        slot = self.slots[period]
        weight = self.weights()
        level = (weight * self.level).sum(axis=0)
        season, season_var = self.season[slot], self.season_var[slot]
        marked = self.effects.at(period)
        nothing = np.zeros(len(self.code))
        mark, mark_var = marked.spread_over(len(self.code)) if marked else (nothing, nothing)
        eta = level + season + mark
        sampling = sampling_variance(self.code, eta, samples)
        self._weigh_noise(season + mark, samples)
        noises = np.maximum(sampling + self.extra * self._factor, 0.2 * sampling + 1e-12)
        around = season_var + mark_var
        spread = self.level_var + noises + around
        total = (weight * (spread + (self.level - level) ** 2)).sum(axis=0)
        total = np.maximum(total, NOISE_FLOOR[self.code])
        if marked is not None:
            total[marked.rows] *= marked.widen
        own = (weight * noises).sum(axis=0) + around
        freedom = np.clip((weight * self.extra_info).sum(axis=0) * total**2, PRIOR_VALUES, self.noise_memory)
        return Prediction(
            eta,
            level,
            season,
            mark,
            sampling,
            noises,
            spread,
            np.maximum(own, NOISE_FLOOR[self.code] + 1e-12),
            total,
            freedom,
            marked,
        )

    def weights(self) -> Floats:
        """Weight of each filter, by series; they add up to 1."""
        weight = np.exp(self.log_weight - self.log_weight.max(axis=0))
        return np.asarray(weight / weight.sum(axis=0))

    def _weigh_noise(self, effect: Floats, samples: Floats) -> None:
        """Factor on the extra noise of this period by its season and marks, and by its number of events."""
        known = self.averaged & np.isfinite(self.typical_size) & (samples > 0)
        relative = np.where(known, self.typical_size / np.where(known, samples, 1.0), 1.0)
        above = np.where(self.powered, np.clip(effect, -POWER_RANGE, POWER_RANGE), 0.0)
        self._factors = (1 - MIXES + MIXES * relative) * np.exp(-2 * POWERS * above)
        weight = np.exp(self.mix_weight - self.mix_weight.max(axis=0))
        self._factor = (weight * self._factors).sum(axis=0) / weight.sum(axis=0)

    # ── learn ───────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, observed: Floats, first: Bools) -> None:
        """Start the level of series at their first value."""
        self.level[:, first] = observed[first]
        self.level_var[:, first] = PRIOR_LEVEL[self.code[first]]
        self.cross_var[:, first] = 0.0
        self.slope[:, first] = 0.0

    def reacquire(self, rows: Bools) -> None:
        """Let the next value of these series say where their level is: they come out of a long marked range."""
        self.level_var[:, rows] += REACQUIRE * PRIOR_LEVEL[self.code[rows]]

    def learn(
        self,
        period: int,
        prediction: Prediction,
        deviate: Floats,
        samples: Floats,
        learnable: Bools,
        heard: Bools,
        mark_only: Bools,
    ) -> None:
        """Take in what one period taught.

        Args:
            deviate: the value's surprise.
            learnable: rows whose value may be learned from.
            heard: these, and rows whose value is odd: that teaches what a mark does, and a place in the season once it
                comes again.
            mark_only: rows whose value teaches only what its mark does (a declared event that leaves the history).
        """
        known = prediction
        clip = np.where(self.age < YOUNG, WINSOR_YOUNG, WINSOR)
        error = np.clip(deviate, -clip, clip) * np.sqrt(known.total)
        off = known.level + error - self.level
        self._learn_level(known, off, learnable)
        unmarked = np.ones(len(learnable), dtype=bool)
        if known.marked is not None:
            known.marked.learn(error, deviate, known.total, heard | mark_only, mark_only)
            unmarked[known.marked.rows] = False
        self._learn_season(period, known, error, learnable, heard & unmarked)
        self._learn_noise(known, off, learnable & unmarked)
        self._learn_mix(known, deviate, learnable)
        gain = np.maximum(1 / np.minimum(np.maximum(self.age, 8), self.noise_memory), 1 / 60)
        step = np.minimum(known.noises, 2 * self.typical_noise) - self.typical_noise
        self.typical_noise = np.where(learnable, self.typical_noise + gain * step, self.typical_noise)
        sized = learnable & self.averaged & (samples > 0)
        if sized.any():
            inverse = 1 / np.where(sized, samples, 1.0)
            before = np.where(np.isfinite(self.typical_size), 1 / self.typical_size, inverse)
            self.typical_size = np.where(sized, 1 / (before + 0.03 * (inverse - before)), self.typical_size)

    def _learn_level(self, known: Prediction, off: Floats, learnable: Bools) -> None:
        spread = known.spread
        surprise = np.log(spread) + 6 * np.log1p(off**2 / spread / 5)
        weight = FILTER_MEMORY * self.log_weight - 0.5 * surprise
        weight = np.maximum(weight - weight.max(axis=0), -12)
        self.log_weight = np.where(learnable, weight, self.log_weight)
        gain, slope_gain = self.level_var / spread, self.cross_var / spread
        self.level = np.where(learnable, self.level + gain * off, self.level)
        self.slope = np.where(learnable, self.slope + slope_gain * off, self.slope)
        self.slope_var = np.where(learnable, self.slope_var - slope_gain * self.cross_var, self.slope_var)
        self.cross_var = np.where(learnable, self.cross_var * (1 - gain), self.cross_var)
        self.level_var = np.where(learnable, self.level_var * (1 - gain), self.level_var)

    def _learn_season(
        self, period: int, known: Prediction, error: Floats, learnable: Bools, heard: Bools
    ) -> None:
        """Move the place's effect; one that strays twice running, on one side, is learned anew."""
        if len(self.season) == 1:
            return
        slot = self.slots[period]
        deviate, before = error / np.sqrt(known.total), self.strayed[slot]
        if period and self.slots[period - 1] == slot:  # the same visit of a place, not the next
            heard = np.zeros(len(heard), dtype=bool)
        again = heard & (np.minimum(np.abs(deviate), np.abs(before)) > STRAYED) & (deviate * before > 0)
        self.strayed[slot] = np.where(heard, deviate, before)
        learnable = learnable | again
        variance = self.season_var[slot]
        variance = np.where(again, np.maximum(variance, STRAYED_GAIN * known.total), variance)
        gain = variance / known.total
        self.season[slot] = np.where(learnable, known.season + gain * error, known.season)
        typical = (self.weights() * self.typical_noise).sum(axis=0)
        moved = variance * (1 - gain) + SEASON_CHANGE * typical
        self.season_var[slot] = np.where(learnable, moved, variance)
        centre = self.season.mean(axis=0)
        self.season -= centre
        self.level += centre

    def _learn_noise(self, known: Prediction, off: Floats, learnable: Bools) -> None:
        """Recursive maximum likelihood of the extra variance of each filter.

        A value counts by how much it tells about the extra variance; what is clipped off is made up for.
        """
        keep, spread = 1 - 1 / self.noise_memory, known.spread
        excess = np.minimum(off**2 / spread, NOISE_CLIP**2) / NOISE_CLIPPED - 1
        info = (self._factor / spread) ** 2
        self.extra_info = np.where(learnable, self.extra_info * keep + info, self.extra_info)
        extra = self.extra + info / self.extra_info * spread / self._factor * excess
        lowest = np.where(self.discrete, -0.5 * known.sampling, 0.0) + 1e-10
        self.extra = np.maximum(np.where(learnable, extra, self.extra), lowest)

    def _learn_mix(self, known: Prediction, deviate: Floats, learnable: Bools) -> None:
        """How well each way of the noise has told the size of this value's surprise."""
        chosen = np.flatnonzero(learnable & (self.averaged | self.powered))
        total, factor = known.total[chosen], self._factor[chosen]
        noise = np.minimum((self.weights()[:, chosen] * self.extra[:, chosen]).sum(axis=0) * factor, total)
        spread = np.maximum(total + noise * (self._factors[:, chosen] / factor - 1), 0.05 * total)
        squared = np.minimum(deviate[chosen] ** 2 * total / spread, 9.0)
        weight = MIX_MEMORY * self.mix_weight[:, chosen] - 0.5 * (np.log(spread) + 6 * np.log1p(squared / 5))
        self.mix_weight[:, chosen] = np.maximum(weight - weight.max(axis=0), MIX_FLOOR)

    # ── change ──────────────────────────────────────────────────────────────────────────────────────────────

    def rebase(self, row: int, level: float, level_var: float, slope: float, slope_var: float) -> None:
        """Put one series on a new level, after a confirmed shift.

        No memory is trusted more than another until it has predicted better again: the series is careful for
        a while.
        """
        self.level[:, row] = level
        self.level_var[:, row] = level_var
        self.slope[:, row] = slope
        self.slope_var[:, row] = slope_var
        self.cross_var[:, row] = 0.0
        self.log_weight[:, row] = 0.0
        self.strayed[:, row] = 0.0
