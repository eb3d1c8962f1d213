"""KPI status, attainment and changes for many rows at once: equal to the scalar rules to the last digit.

Doubles are fast and nearly always right; where rounding or a comparison could turn on a double's noise, the row is
computed again by the scalar rule. A property test holds the two together. Unknown is NaN in the arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from definitions.model import Direction
from definitions.settings import ScoringSettings
from pipelines.scoring.arithmetic import difference, relative_change
from pipelines.scoring.bands import DEFAULTS
from pipelines.scoring.change import trend
from pipelines.scoring.kinds import Comparison, KpiStatus, Trend
from pipelines.scoring.optimum import OptimumBand
from pipelines.scoring.status import Limits, kpi_status

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int8]

STATUSES = tuple(KpiStatus)
TRENDS = tuple(Trend)
MAX_ATTAINMENT = 999_999.999999
"""What the published column holds; a ratio beyond it says no more than this."""

_INCREASE, _DECREASE = 1, -1
_DIGITS = 1.1e-14
"""Two doubles nearer than this share of the larger may be equal at 15 significant digits."""


@dataclass(frozen=True, slots=True)
class LimitArrays:
    """What each value is held against: columns of `Limits`, one entry per row, NaN for none.

    Attributes:
        direction: 1 increase, −1 decrease, 0 within.
        is_strict: whether the comparison is gt or lt.
        low, high, floor, ceiling: the optimum band, where the target is one.
    """

    direction: Codes
    target: Floats
    is_strict: Flags
    low: Floats
    high: Floats
    floor: Floats
    ceiling: Floats
    amber_at: Floats
    red_at: Floats

    def row(self, place: int) -> Limits:
        """The limits of one row, for the scalar rule."""
        direction = {_INCREASE: Direction.INCREASE, _DECREASE: Direction.DECREASE}.get(
            int(self.direction[place]), Direction.WITHIN
        )
        low, high = _known(self.low[place]), _known(self.high[place])
        band = None
        if low is not None and high is not None:
            band = OptimumBand(low, high, _known(self.floor[place]), _known(self.ceiling[place]))
        comparison = None
        if self.is_strict[place] and direction is not Direction.WITHIN:
            comparison = Comparison.GT if direction is Direction.INCREASE else Comparison.LT
        return Limits(
            direction,
            _known(self.target[place]),
            comparison,
            band,
            _known(self.amber_at[place]),
            _known(self.red_at[place]),
        )


@dataclass(frozen=True, slots=True)
class StatusArrays:
    """`status` indexes `STATUSES`; `attainment` is NaN where unknown; `is_critical` says `red_at` was crossed."""

    status: Codes
    attainment: Floats
    is_critical: Flags


def status_arrays(
    value: Floats, limits: LimitArrays, is_stale: Flags, settings: ScoringSettings = DEFAULTS
) -> StatusArrays:
    """`kpi_status` for every row. Source: scoring rules, "KPI status"."""
    with np.errstate(all="ignore"):
        value = np.where(np.isfinite(value), value, np.nan)
        rows = _Rows(value, limits, settings)
        millionths = rows.attainment_millionths()
        crossed = rows.at_or_beyond(limits.red_at)
        holds = rows.holds()
        amber_edge = rows.edge_speaks(limits.amber_at)
        floor = np.select(
            [rows.has_band, limits.direction == _DECREASE],
            [float(settings.amber_floor_within), float(settings.amber_floor_decrease)],
            float(settings.amber_floor_increase),
        )
        by_floor = millionths >= np.rint(floor * 1e6)
        by_edge = ~rows.at_or_beyond(limits.amber_at) | (value == limits.amber_at)
        is_amber = np.where(amber_edge, by_edge, by_floor)
    code = {status: np.int8(place) for place, status in enumerate(STATUSES)}
    status = np.select(
        [np.isnan(value), is_stale, crossed, ~rows.has_target, holds, is_amber],
        [code[s] for s in _PRECEDENCE],
        code[KpiStatus.RED],
    ).astype(np.int8)
    attainment = np.where(np.isnan(millionths), np.nan, millionths / 1e6)
    critical = crossed & ~np.isnan(value) & ~is_stale
    result = StatusArrays(status, np.minimum(attainment, MAX_ATTAINMENT), critical)
    for place in np.flatnonzero(rows.is_unsure):
        one = kpi_status(
            _known(value[place]), limits.row(int(place)), is_stale=bool(is_stale[place]), settings=settings
        )
        reached = one.attainment.value
        result.status[place] = code[one.status]
        result.attainment[place] = np.nan if reached is None else min(float(reached), MAX_ATTAINMENT)
        result.is_critical[place] = one.is_critical
    return result


_PRECEDENCE = (
    KpiStatus.NO_DATA,
    KpiStatus.STALE,
    KpiStatus.RED,
    KpiStatus.NO_TARGET,
    KpiStatus.GREEN,
    KpiStatus.AMBER,
)


def difference_arrays(now: Floats, before: Floats) -> Floats:
    """now − before at six places."""

    def scalar(place: int) -> float | None:
        found = difference(_known(now[place]), _known(before[place]))
        return None if found is None else float(found)

    with np.errstate(all="ignore"):
        return _rounded(now - before, _DIGITS * (np.abs(now) + np.abs(before)), scalar)


def change_arrays(now: Floats, before: Floats) -> Floats:
    """`relative_change` for every row: (now − before) ÷ |before| at six places, NaN at a zero base."""

    def scalar(place: int) -> float | None:
        found = relative_change(_known(now[place]), _known(before[place]))
        return None if found is None else float(found)

    with np.errstate(all="ignore"):
        base = np.abs(np.where(before == 0, np.nan, before))
        noise = _DIGITS * (np.abs(now) + base) / base + _DIGITS * np.abs((now - before) / base)
        return _rounded((now - before) / base, noise, scalar)


def trend_arrays(
    now: Floats, before: Floats, limits: LimitArrays, settings: ScoringSettings = DEFAULTS
) -> Codes:
    """`trend` for every row from the first and last of its periods; indexes `TRENDS`, −1 where unknown."""
    with np.errstate(all="ignore"):
        has_band = ~np.isnan(limits.low) & ~np.isnan(limits.high)
        gain = np.where(
            has_band,
            _distance(before, limits) - _distance(now, limits),
            np.where(limits.direction == 0, np.nan, (now - before) * limits.direction),
        )
        base = np.where(before == 0, 1.0, np.abs(before))
        flat = np.where(before == 0, 0.0, float(settings.trend_flat))
        size = gain / base
        known = np.isfinite(size)
        edges = np.where(has_band, np.abs(limits.low) + np.abs(limits.high), 0.0)
        slack = 1e-6 + 1e-13 * (np.abs(now) + np.abs(before) + edges) / base
        unsure = known & (np.abs(np.abs(size) - flat) <= slack) & (now != before)
        unsure |= ~known & np.isfinite(now) & np.isfinite(before)
    code = {item: np.int8(place) for place, item in enumerate(TRENDS)}
    result = np.select(
        [~known, np.abs(size) <= flat, size > 0],
        [np.int8(-1), code[Trend.FLAT], code[Trend.IMPROVING]],
        code[Trend.WORSENING],
    ).astype(np.int8)
    two = settings.model_copy(update={"trend_periods": 2})
    for place in np.flatnonzero(unsure):
        row = limits.row(int(place))
        one = trend(row.direction, [_known(before[place]), _known(now[place])], row.band, two)
        result[place] = -1 if one is None else code[one]
    return result


class _Rows:
    """The working columns of one call; remembers which rows a double cannot be trusted with."""

    def __init__(self, value: Floats, limits: LimitArrays, settings: ScoringSettings) -> None:
        self.value = value
        self.limits = limits
        self.settings = settings
        self.has_band: Flags = ~np.isnan(limits.low) & ~np.isnan(limits.high)
        self.has_target: Flags = self.has_band | ~np.isnan(limits.target)
        self.is_unsure: Flags = np.zeros(len(value), dtype=np.bool_)

    def attainment_millionths(self) -> Floats:
        """Attainment in millionths, whole numbers; NaN where there is none."""
        value, target = self.value, self.limits.target
        increase = self.limits.direction == _INCREASE
        quotient = np.where(increase, value / target, target / value)
        ratio = np.select(
            [
                np.isnan(value)
                | np.isnan(target)
                | (self.limits.direction == 0)
                | (value < 0)
                | (target < 0),
                increase & (target == 0),
                (target == 0) & (value == 0),
                target == 0,
                ~increase & (value == 0),
            ],
            [np.nan, np.nan, 1.0, 0.0, float(self.settings.zero_current_cap)],
            quotient,
        )
        noise = 2 * _DIGITS * np.abs(ratio)
        if self.has_band.any():
            score, score_noise = self._band_score()
            ratio = np.where(self.has_band, score, ratio)
            noise = np.where(self.has_band, score_noise, noise)
        scaled = ratio * 1e6
        rounded = np.rint(scaled)
        off_tie = np.abs(np.abs(scaled - np.trunc(scaled)) - 0.5)
        self.is_unsure |= ~np.isnan(ratio) & ~(off_tie > noise * 1e6 + 1e-9)
        return rounded

    def _band_score(self) -> tuple[Floats, Floats]:
        value, limits = self.value, self.limits
        width = limits.high - limits.low
        floor = np.where(np.isnan(limits.floor), limits.low - width, limits.floor)
        ceiling = np.where(np.isnan(limits.ceiling), limits.high + width, limits.ceiling)
        below = np.where(limits.low == floor, 0.0, (value - floor) / (limits.low - floor))
        above = np.where(ceiling == limits.high, 0.0, (ceiling - value) / (ceiling - limits.high))
        score = np.select([value < limits.low, value > limits.high], [below, above], 1.0)
        outside = (value < limits.low) | (value > limits.high)
        edges = np.abs(floor) + np.abs(limits.low) + np.abs(limits.high) + np.abs(ceiling) + np.abs(value)
        span = np.where(value < limits.low, limits.low - floor, ceiling - limits.high)
        noise = np.where(
            outside, 8 * _DIGITS * edges / np.where(span == 0, np.inf, span) * (1 + np.abs(score)), 0
        )
        self.is_unsure |= self.has_band & (self._is_near(limits.low) | self._is_near(limits.high))
        broken = self.has_band & ~(
            (floor <= limits.low) & (limits.low <= limits.high) & (limits.high <= ceiling)
        )
        self.is_unsure |= broken & np.isfinite(value)
        return np.where(np.isnan(value), np.nan, np.clip(score, 0.0, 1.0)), noise

    def holds(self) -> Flags:
        """Whether the comparison or the band holds."""
        value, limits = self.value, self.limits
        self.is_unsure |= self._is_near(limits.target) & ~self.has_band
        better = np.where(limits.direction == _INCREASE, value > limits.target, value < limits.target)
        met = (better | (~limits.is_strict & (value == limits.target))) & (limits.direction != 0)
        inside = (limits.low <= value) & (value <= limits.high)
        return np.where(self.has_band, inside, met)

    def edge_speaks(self, edge: Floats) -> Flags:
        """Whether `amber_at` or `red_at` says something about the side the value is on."""
        value, limits = self.value, self.limits
        above = (edge > limits.high) & (value > limits.high)
        below = (edge < limits.low) & (value < limits.low)
        return ~np.isnan(edge) & np.where(self.has_band, above | below, limits.direction != 0)

    def at_or_beyond(self, edge: Floats) -> Flags:
        """Whether the value is as bad as `edge` or worse."""
        speaks = self.edge_speaks(edge)
        self.is_unsure |= speaks & self._is_near(edge)
        bad_is_up = np.where(self.has_band, edge > self.limits.high, self.limits.direction == _DECREASE)
        return speaks & np.where(bad_is_up, self.value >= edge, self.value <= edge)

    def _is_near(self, edge: Floats) -> Flags:
        """Whether value and edge differ by so little that 15 digits may make them equal."""
        gap = np.abs(self.value - edge)
        return (gap > 0) & (gap <= _DIGITS * np.maximum(np.abs(self.value), np.abs(edge)))


def _rounded(raw: Floats, noise: Floats, scalar: Callable[[int], float | None]) -> Floats:
    """Round half-even to six places; a row near a tie, or too large for a double's digits, goes to `scalar`."""
    with np.errstate(all="ignore"):
        scaled = raw * 1e6
        result = np.rint(scaled) / 1e6 + 0.0
        off_tie = np.abs(np.abs(scaled - np.trunc(scaled)) - 0.5)
        unsure = ~np.isnan(raw) & ~(off_tie > noise * 1e6 + 1e-9)
    for place in np.flatnonzero(unsure):
        one = scalar(int(place))
        result[place] = np.nan if one is None else one
    return result


def _distance(value: Floats, limits: LimitArrays) -> Floats:
    return np.maximum(np.maximum(limits.low - value, value - limits.high), 0.0)


def _known(value: np.float64) -> float | None:
    return float(value) if np.isfinite(value) else None
