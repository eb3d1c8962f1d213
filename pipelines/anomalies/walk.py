"""One block of series on its way through time: predict, test, learn, period by period.

A verdict on a period rests on that period and earlier ones only; series never influence one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from scipy.special import ndtri

from definitions.settings import DetectionSettings

from .changes import WINDOWS, Changes, WindowTest
from .families import (
    Family,
    Forms,
    link,
    normal_of_tails,
    surprise,
    tail_log_likelihood,
    tails_of_normal,
)
from .marks import MarkIndex
from .missing import Gaps
from .model import Expectation, Prediction
from .series import Bools, Floats, Ints, Kind, SeriesBatch

RETURN_WITHIN, RETURN_NEAR = 21, 2.5
"""A series that comes back to its former level within so many periods, within so many deviations, is no news."""

STRETCH_START, STRETCH_STEP, STRETCH_RANGE = 0.96, 0.04, (-0.15, 0.5)
"""Factor on the band to begin with (a quiet series needs a little less than the normal), how far one value outside
widens the next bands (logarithm), and the range of that."""

TAIL_PRIOR = (0.0, -1.0, -2.5, -4.0)
"""Log weights of `TAILS` to begin with."""

LONG_RANGE = 3
"""Periods from which a marked range is long: what follows it may be on another level."""

STOCK_CAUTION = 1.15
"""Factor on the alarms of levels (stocks, balances): they move by steps and stay where they are."""

BURST_EACH = 2.2
"""Deviate that each period of a burst must reach."""

STREAK_EACH = 1.0
"""Adverse deviate that each period of a streak must reach."""

DOUBT, DOUBT_MAX = 1.06, 1.5
"""Factor on the alarms of a series per flag that was called false, and its limit."""

LIKE = 1.25
"""A flag of the same kind and side is like one that was called false up to so many times its size."""

LED_INTO = 2.5
"""Joint deviate from which the values before a marked range belong to it."""

DRIFT_TAIL = 10
"""Latest periods of a drift that set the new level."""

SLOTS = {"day": 7, "month": 12, "quarter": 4}


class Verdict(IntEnum):
    """What a period was flagged as, if it was."""

    NONE = 0
    POINT = 1
    LEVEL_SHIFT = 2
    TREND = 3
    STREAK = 4
    MISSING = 5


_TESTS = {
    Verdict.POINT: "burst",
    Verdict.LEVEL_SHIFT: "shift",
    Verdict.TREND: "trend",
    Verdict.STREAK: "streak",
}


@dataclass(frozen=True, slots=True)
class Change:
    """What a window test confirmed: ``start`` is the first period of the change, ``before`` the course expected
    there and at the flagged period without it (link scale), ``size`` the distance from it."""

    row: int
    period: int
    start: int
    verdict: Verdict
    before: float
    size: float


class Walk:
    """One block of series on its way through time."""

    def __init__(
        self,
        batch: SeriesBatch,
        settings: DetectionSettings,
        rows: Ints,
        forms: Forms,
        marks: MarkIndex,
    ) -> None:
        self.settings, self.rows, self.grain = settings, rows, batch.grain
        self.code, self.scale = forms.code[rows], forms.scale[rows]
        self.periods = batch.shape[1]
        self.values = np.ascontiguousarray(batch.values[rows].T)
        nothing = np.full(self.values.shape, np.nan)
        self.samples = nothing if batch.samples is None else np.ascontiguousarray(batch.samples[rows].T)
        incomplete = np.zeros(len(rows)) if batch.incomplete is None else batch.incomplete[rows]
        self.complete = np.arange(self.periods)[:, None] < self.periods - incomplete[None, :]
        calendar = (
            np.zeros(len(rows), dtype=np.int64) if batch.calendar_of is None else batch.calendar_of[rows]
        )
        no = np.zeros(self.values.shape, dtype=bool)
        self.declared = marks.expected[calendar].T
        self.accepted = self.declared | (no if batch.accepted is None else batch.accepted[rows].T)
        self.ignored = self.accepted | (no if batch.ignored is None else batch.ignored[rows].T)
        self.doubted = no if batch.doubted is None else batch.doubted[rows].T
        self.has_words = batch.ignored is not None and bool(self.ignored.any())
        self.has_doubts = bool(self.doubted.any())
        self.observed = link(self.code, self.scale, self.values, self.samples)
        self.observed[~self.complete] = np.nan
        self.marked_for = np.zeros(len(rows), dtype=np.int64)  # periods that a marked range has lasted
        stocks = np.array([batch.kinds[row] is Kind.LEVEL for row in rows])
        self.caution = np.where(stocks, STOCK_CAUTION, 1.0)
        self.doubts = np.ones(len(rows))
        # What was called false, by test and side: distance of one value (link scale), joint deviate of the rest.
        self.tolerated = {
            test: np.zeros((2, len(rows))) for test in ("point", "burst", "streak", "shift", "trend")
        }
        self.slots = season_slots(batch)
        self.alarm, self.burst_alarm, self.shift_alarm, self.trend_alarm = settings.alarms(batch.grain)
        has_month = (
            np.zeros(len(rows), dtype=bool) if batch.month_position is None else batch.month_position[rows]
        )
        kinds = tuple(batch.kinds[row] for row in rows)
        self.sign = np.array(
            [{"increase": 1.0, "decrease": -1.0}.get(batch.better[row], 0.0) for row in rows]
        )
        self.model = Expectation(
            self.code, forms.noise[rows], kinds, self.slots, marks, calendar, has_month, settings.noise_memory
        )
        self.changes = Changes(len(rows), self.periods, WINDOWS.get(batch.grain, WINDOWS["day"]))
        self.gaps = Gaps(len(rows), int(self.slots.max()) + 1 if self.periods else 1, settings, batch.grain)
        self.history = settings.history(batch.grain)
        self.tail_weight = np.repeat(np.array(TAIL_PRIOR)[:, None], len(rows), axis=1)
        self.stretch = np.zeros(len(rows))  # logarithm of the factor on the band
        self.back = np.zeros((3, len(rows)))  # level, slope and origin of the course before the last shift
        self.back_until = np.full(len(rows), -1)
        self.back_hits = np.zeros(len(rows), dtype=np.int64)
        self.last = np.zeros((max(3, settings.streak_length), len(rows)))  # deviates of the latest periods
        self.in_streak = np.zeros(len(rows), dtype=bool)
        self.found: dict[tuple[int, int], Change] = {}
        shape = self.values.shape
        self.out = {
            name: np.zeros(shape) for name in ("score", "deviate", "eta", "sampling", "total", "half_width")
        }
        self.verdict = np.zeros(shape, dtype=np.int8)
        self.ready = np.zeros(shape, dtype=bool)

    def run(self) -> None:
        """Walk; fills ``verdict``, ``ready``, ``out`` (periods first) and ``found``."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for period in range(self.periods):
                self._step(period)

    def _step(self, period: int) -> None:
        model, samples = self.model, self.samples[period]
        observed = self.observed[period]
        present = np.isfinite(observed)
        first = present & (model.age == 0)
        marked = self.ignored[period] | self.doubted[period]
        if self.has_words:
            self._retract(period, self.ignored[period] & (self.marked_for == 0) & ~first)
        out_of_range = present & ~marked & (self.marked_for >= LONG_RANGE)
        if out_of_range.any():
            model.reacquire(out_of_range)
        self.marked_for = np.where(marked, self.marked_for + 1, self.marked_for * ~present)
        known = model.predict(period, samples)
        if first.any():
            model.begin(observed, first)
            known.level = np.where(first, observed, known.level)
            known.eta = np.where(first, observed, known.eta)
        raw = surprise(
            self.code, self.values[period], samples, observed, known.eta, known.sampling, known.total
        )
        deviate = np.where(present & ~first, normal_of_tails(raw, known.freedom, self._tails()), 0.0)
        ready = (model.age >= self.history) & self.complete[period]
        tested = ready & present & ~self.accepted[period]
        self._note(period, known, deviate, ready)

        coming_back = self._returning(period, observed, known, deviate, tested)
        odd = tested & ~coming_back & (np.abs(deviate) > self._alarm())
        away = observed - known.eta
        point = odd & (np.abs(away) > LIKE * self._called_false("point", away))
        burst = self._burst(deviate, tested & ~coming_back, point)
        usable = present & ~self.ignored[period]
        self.changes.observe(period, known, raw, usable)
        heard = usable & ~first & ~self.doubted[period]
        learnable = heard & ~odd
        model.learn(period, known, raw, samples, learnable, heard, present & self.declared[period])
        self._learn_width(raw, deviate, learnable & ready)
        model.age += usable
        self.changes.remember(period, model, max(self.history // 2, 4))
        self._tell(period, known, point, burst, self._streak(tested))
        self._confirm(period, known, tested & ~coming_back)
        self._settle_return(period, coming_back)
        closed = self.complete[period]
        absent = np.isnan(self.values[period]) & (samples != 0)
        missing = self.gaps.test(
            self.slots[period], absent & closed & ~self.ignored[period], ~absent & closed, ready
        )
        self.verdict[period][missing] = Verdict.MISSING
        if self.has_doubts:
            self._learn_doubt(period, away)

    def _tell(self, period: int, known: Prediction, point: Bools, burst: Ints, streak: Bools) -> None:
        """Write down what the tests of single periods and short runs found."""
        together = ~point & (burst > 0)
        streak = streak & ~point & ~together
        self.verdict[period] = np.select(
            [point | together, streak], [Verdict.POINT, Verdict.STREAK], Verdict.NONE
        )
        for row in np.flatnonzero(together | streak).tolist():
            verdict = Verdict(int(self.verdict[period, row]))
            length = int(burst[row]) if verdict is Verdict.POINT else self.settings.streak_length
            recent = self.last[-length:, row]
            self.out["score"][period, row] = abs(float(recent.sum())) / np.sqrt(length)
            before = float(known.eta[row])
            size = float(recent.mean() * np.sqrt(known.total[row]))
            self._found(row, period, period - length + 1, verdict, before, size)

    def _found(self, row: int, period: int, start: int, verdict: Verdict, before: float, size: float) -> None:
        number = int(self.rows[row])
        self.found[number, period] = Change(number, period, start, verdict, before, size)

    def _note(self, period: int, known: Prediction, deviate: Floats, ready: Bools) -> None:
        self.out["deviate"][period] = deviate
        self.out["score"][period] = np.abs(deviate)
        self.out["eta"][period] = known.eta
        self.out["sampling"][period] = known.sampling
        self.out["total"][period] = known.total
        self.out["half_width"][period] = tails_of_normal(self._half_width(), known.freedom, self._tails())
        self.ready[period] = ready

    # ── the point test ──────────────────────────────────────────────────────────────────────────────────────

    def _tails(self) -> Floats:
        """Weights of the tails that the noise of each series may have."""
        weight = np.exp(self.tail_weight - self.tail_weight.max(axis=0))
        return np.asarray(weight / weight.sum(axis=0))

    def _alarm(self) -> Floats:
        """Alarm deviate by series: higher where large deviates have been usual."""
        return np.asarray(self.caution * self.doubts * self.alarm * np.exp(np.maximum(self.stretch, 0.0)))

    def _careful(self, alarm: float, test: str, signed: Floats) -> Floats:
        """An alarm by series: with its caution, and beyond what people called false on this side."""
        return np.maximum(self.caution * self.doubts * alarm, LIKE * self._called_false(test, signed))

    def _called_false(self, test: str, signed: Floats) -> Floats:
        below, above = self.tolerated[test]
        return np.where(signed > 0, above, below)

    def _half_width(self) -> Floats:
        """Half width of the band by series, in normal deviates: what has covered its share of quiet periods."""
        normal = float(ndtri(0.5 + self.settings.band_coverage / 2))
        return np.asarray(STRETCH_START * normal * np.exp(self.stretch))

    def _learn_width(self, raw: Floats, deviate: Floats, learnable: Bools) -> None:
        weight = self.tail_weight + tail_log_likelihood(raw)
        self.tail_weight = np.where(learnable, np.maximum(weight - weight.max(axis=0), -12), self.tail_weight)
        step = STRETCH_STEP * ((np.abs(deviate) > self._half_width()) - (1 - self.settings.band_coverage))
        self.stretch = np.where(learnable, np.clip(self.stretch + step, *STRETCH_RANGE), self.stretch)

    def _burst(self, deviate: Floats, tested: Bools, point: Bools) -> Ints:
        """Length of a run of two or three periods that are odd together, where none is odd enough alone; else 0."""
        calm = self.changes.restless()
        self.last = np.vstack([self.last[1:], np.where(tested & ~point, deviate, 0.0)])
        found = np.zeros(len(deviate), dtype=np.int64)
        for length in (2, 3):
            recent = self.last[-length:]
            side = np.sign(recent[-1])
            each = (recent * side).min(axis=0) >= BURST_EACH
            together = recent.sum(axis=0) / np.sqrt(length) / calm
            alarm = self._careful(self.burst_alarm, "burst", together)
            found[tested & each & (np.abs(together) > alarm)] = length
        return found

    def _streak(self, tested: Bools) -> Bools:
        """Adverse periods in a row, each a little, together too much; told once. Not for days, whose windows do."""
        if self.grain == "day":
            return np.zeros(len(tested), dtype=bool)
        recent = -self.last[-self.settings.streak_length :] * self.sign
        running = tested & (recent.min(axis=0) >= STREAK_EACH)
        together = recent.sum(axis=0) / np.sqrt(len(recent))
        alarm = self._careful(self.settings.streak_alarm, "streak", -self.sign)
        found = running & ~self.in_streak & (together > alarm)
        self.in_streak = running & (self.in_streak | found)
        return np.asarray(found)

    # ── shifts and drifts ───────────────────────────────────────────────────────────────────────────────────

    def _confirm(self, period: int, known: Prediction, tested: Bools) -> None:
        changes = self.changes
        shift = changes.test("shift", period, tested, self.shift_alarm)
        drift = changes.test("drift", period, tested, self.trend_alarm)
        shift_alarm = self._careful(self.shift_alarm, "shift", shift.deviate)
        trend_alarm = self._careful(self.trend_alarm, "trend", drift.deviate)
        shifted = np.abs(shift.deviate) > shift_alarm
        drifted = (np.abs(drift.deviate) > trend_alarm) & ~shifted
        for row in np.flatnonzero(shifted):
            if changes.lasts("shift", int(row), period + 1 - int(shift.length[row]), period):
                self._rebase(period, int(row), shift, Verdict.LEVEL_SHIFT)
        for row in np.flatnonzero(drifted):
            if changes.lasts("drift", int(row), period + 1 - int(drift.length[row]), period):
                self._rebase(period, int(row), drift, Verdict.TREND)

    def _rebase(self, period: int, row: int, test: WindowTest, verdict: Verdict) -> None:
        """Flag a confirmed change and put the series on its new level."""
        changes = self.changes
        start = period + 1 - int(test.length[row])
        slope, slope_var = float(changes.slope[start, row]), float(changes.slope_var[start, row])
        before = float(changes.level[start, row]) + slope * (period - start + 1)
        over = start if verdict is Verdict.LEVEL_SHIFT else max(start, period - DRIFT_TAIL + 1)
        level, variance, centre = changes.mean_since(row, over, period)
        if verdict is Verdict.TREND:
            variance *= 2
        level += slope * (period - centre)
        if (
            self.code[row] in (Family.COUNT, Family.LOG)
            and abs(level - before) < self.settings.smallest_change
        ):
            return
        if verdict is Verdict.LEVEL_SHIFT:
            self.back[:, row] = changes.level[start, row], slope, start - 1
            self.back_until[row] = start + RETURN_WITHIN
        self.back_hits[row] = 0
        self.model.rebase(row, level, variance, slope, slope_var)
        changes.rewrite(row, over, period, level, variance, slope)
        self.verdict[period, row] = verdict
        self.out["score"][period, row] = abs(float(test.deviate[row]))
        self._found(row, period, start, verdict, before, level - before)

    # ── what people said ────────────────────────────────────────────────────────────────────────────────────────

    def _retract(self, period: int, entering: Bools) -> None:
        """Put series that enter a marked range back on the course from before what led into it.

        A range is often marked from the day its flag was raised, some days after the change began.
        """
        if period < 2 or not entering.any():
            return
        changes = self.changes
        test = changes.test("shift", period - 1, entering, self.shift_alarm, learning=False)
        for row in np.flatnonzero(entering & (np.abs(test.deviate) >= LED_INTO)).tolist():
            start = period - int(test.length[row])
            slope, slope_var = float(changes.slope[start, row]), float(changes.slope_var[start, row])
            level = float(changes.level[start, row]) + slope * (period - start)
            variance = float(changes.level_var[start, row]) + float(changes.wander[start, row]) * (
                period - start
            )
            self.model.rebase(row, level, variance, slope, slope_var)
            changes.forget(row, start, period - 1)

    def _learn_doubt(self, period: int, away: Floats) -> None:
        """Tolerate from now on the like of a flag that was called false."""
        flagged = self.doubted[period] & (self.verdict[period] != Verdict.NONE)
        for row in np.flatnonzero(flagged).tolist():
            self.doubts[row] = min(self.doubts[row] * DOUBT, DOUBT_MAX)
            verdict = Verdict(int(self.verdict[period, row]))
            if verdict is Verdict.MISSING:
                continue
            change = self.found.get((int(self.rows[row]), period))
            test = "point" if change is None else _TESTS[verdict]
            size = float(away[row]) if change is None else change.size
            score = abs(size) if change is None else float(self.out["score"][period, row])
            side = self.tolerated[test][int(size > 0)]
            side[row] = max(side[row], score)
        self.gaps.tolerate(flagged & (self.verdict[period] == Verdict.MISSING))

    # ── coming back ─────────────────────────────────────────────────────────────────────────────────────────

    def _returning(
        self, period: int, observed: Floats, known: Prediction, deviate: Floats, tested: Bools
    ) -> Bools:
        """Series that left a short-lived level for the one they had before it."""
        level, slope, origin = self.back
        former = level + slope * (period - origin)
        near = np.abs(observed - known.season - known.mark - former) < RETURN_NEAR * np.sqrt(known.total)
        return np.asarray(tested & (period <= self.back_until) & near & (np.abs(deviate) > 2))

    def _settle_return(self, period: int, coming_back: Bools) -> None:
        self.back_hits = np.where(coming_back, self.back_hits + 1, 0)
        for row in np.flatnonzero(self.back_hits >= 2):
            level, slope, origin = self.back[:, row]
            former = level + slope * (period - origin)
            variance = float(self.changes.level_var[int(origin) + 1, row]) + float(
                self.changes.wander[period, row]
            )
            slope_var = float(self.changes.slope_var[int(origin) + 1, row])
            self.model.rebase(int(row), float(former), variance, float(slope), slope_var)
            self.changes.rewrite(int(row), period - 1, period, float(former), variance, float(slope))
            self.back_until[row] = -1
            self.back_hits[row] = 0


def season_slots(batch: SeriesBatch) -> Ints:
    """Place of each period in its season: weekday, month of the year, quarter of the year."""
    starts = batch.starts
    if batch.slots is not None:
        return batch.slots
    if batch.season_length not in (0, 1, SLOTS.get(batch.grain, 1)):
        return np.arange(len(starts), dtype=np.int64) % batch.season_length
    if batch.season_length == 1:
        return np.zeros(len(starts), dtype=np.int64)
    if batch.grain == "day":
        return np.asarray((starts.astype("datetime64[D]").astype(np.int64) + 3) % 7)
    month = starts.astype("datetime64[M]").astype(np.int64) % 12
    return np.asarray(month if batch.grain == "month" else month // 3)
