"""Where a key result will end: value, interval, and the probability of reaching the target.

Two methods, chosen by the backtest in `benchmarks/forecast`:

- `trend`: a straight line by least squares, the error of its prediction, the normal law. It needs no more than four
  points. Few points know little about their own noise, so its interval is widened by the backtest's factor.
- `persistent_trend`: the same line where what lies off the line lingers, by a persistence from none (that is `trend`)
  to nearly a random walk. No one persistence is picked: each is weighed by how likely it makes the points. It wins
  from eight points on, where its plain interval holds its promise.

Source: scoring rules, "Pace, forecast, confidence". Vector (trend): 33, 34, 36, 36, 38, 40 on days 7..42, end day 91
→ 48.9 ± 1.4, P(≥ 50) ≈ 0.22.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from statistics import NormalDist, median

from scipy.special import stdtrit

from definitions.settings import ScoringSettings
from pipelines.scoring.arithmetic import Number, exact, quantise
from pipelines.scoring.bands import DEFAULTS
from pipelines.scoring.kinds import Comparison, ForecastMethod
from pipelines.scoring.targets import is_met

PERSISTENCES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.96)
"""Correlation of what lies off the line from one point to the next; every one counts the same beforehand."""

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Forecast:
    """The value at the end date.

    Attributes:
        value: the expected value.
        standard_error: one standard error of the prediction.
        low, high: the interval that holds `coverage` of outcomes.
        points: how many final points were used.
    """

    value: Decimal
    standard_error: Decimal
    low: Decimal
    high: Decimal
    coverage: Decimal
    method: ForecastMethod
    points: int

    def hit_probability(
        self, comparison: Comparison, target: Number | None, high: Number | None = None
    ) -> Decimal | None:
        """Probability that the value will satisfy the comparison, 5 places; None without a target."""
        low_end, high_end = exact(target), exact(high)
        if low_end is None or (comparison is Comparison.BETWEEN and high_end is None):
            return None
        if self.standard_error == 0:
            return quantise(1 if is_met(self.value, comparison, target, high) else 0, places=5)
        law = NormalDist(float(self.value), float(self.standard_error))
        below = law.cdf(float(low_end))
        match comparison:
            case Comparison.GTE | Comparison.GT:
                chance = 1 - below
            case Comparison.LTE | Comparison.LT:
                chance = below
            case Comparison.BETWEEN:
                chance = law.cdf(float(high_end or 0)) - below
        return quantise(min(1.0, max(0.0, chance)), places=5)


def forecast(
    points: Sequence[tuple[date, Number]],
    end: date,
    settings: ScoringSettings = DEFAULTS,
    *,
    lowest: Number | None = None,
    highest: Number | None = None,
    method: ForecastMethod | None = None,
) -> Forecast | None:
    """Forecast a metric from its final points (day, value), oldest first.

    None with fewer than four known points, with two on one day, or when the last is not before `end`.
    `lowest` and `highest` are values the metric cannot pass (a count is never negative). `method` overrides the
    choice.
    """
    recent = [(day, value) for day, value in ((day, exact(v)) for day, v in points) if value is not None]
    recent = recent[-settings.forecast_points_max :]
    if len(recent) < settings.forecast_points_min or recent[-1][0] >= end:
        return None
    gaps = [(after - before).days for (before, _), (after, _) in pairwise(recent)]
    if min(gaps) <= 0:
        return None
    last_day, last = recent[-1]
    scale = max(abs(value - last) for _, value in recent) or Fraction(1)
    step = median(gaps)
    days = [(day - last_day).days / step for day, _ in recent]
    values = [float((value - last) / scale) for _, value in recent]
    if method is None:
        enough = len(recent) >= settings.forecast_points_persistent
        method = ForecastMethod.PERSISTENT_TREND if enough else ForecastMethod.TREND
    ahead = (end - last_day).days / step
    mean, error = _average([fit_line(days, values, ahead, rho) for rho in _persistences(method)])
    width = error * _quantile(method, len(recent), settings)
    low_edge, high_edge = exact(lowest), exact(highest)

    def in_unit(offset: float) -> Decimal:
        value = last + Fraction(offset) * scale
        value = value if low_edge is None else max(value, low_edge)
        return quantise(value if high_edge is None else min(value, high_edge))

    return Forecast(
        value=in_unit(mean),
        standard_error=quantise(Fraction(error) * scale),
        low=in_unit(mean - width),
        high=in_unit(mean + width),
        coverage=settings.forecast_interval,
        method=method,
        points=len(recent),
    )


@dataclass(frozen=True, slots=True)
class LineFit:
    """A prediction under one persistence and how likely it makes the points (log, up to a constant)."""

    mean: float
    error: float
    log_likelihood: float


def fit_line(days: Sequence[float], values: Sequence[float], ahead: float, persistence: float) -> LineFit:
    """Fit a line whose residuals are autocorrelated and predict `ahead` of the last point.

    `days` count in steps and end at 0. Generalised least squares by whitening: each row less `persistence**gap` of
    the row before it. The likelihood is the restricted one, so that lines of different persistence compare.
    """
    count = len(days)
    rows = [(1.0, days[0], values[0])]
    log_determinant = 0.0
    for place in range(1, count):
        carried = persistence ** (days[place] - days[place - 1])
        noise = math.sqrt(1 - carried * carried)
        log_determinant += 2 * math.log(noise)
        rows.append(
            (
                (1 - carried) / noise,
                (days[place] - carried * days[place - 1]) / noise,
                (values[place] - carried * values[place - 1]) / noise,
            )
        )
    uu, uv, vv, uz, vz = (
        math.fsum(row[i] * row[j] for row in rows) for i, j in ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2))
    )
    determinant = uu * vv - uv * uv
    level = (vv * uz - uv * vz) / determinant
    slope = (uu * vz - uv * uz) / determinant
    squares = math.fsum((z - level * u - slope * v) ** 2 for u, v, z in rows)
    variance = squares / (count - 2)
    carried = persistence**ahead
    mean = level + slope * ahead + carried * (values[-1] - level)
    a, b = 1 - carried, ahead
    spread = (a * a * vv - 2 * a * b * uv + b * b * uu) / determinant
    error = math.sqrt(variance * (1 - carried * carried + spread))
    likelihood = -0.5 * (log_determinant + math.log(determinant))
    if squares > 0:
        likelihood -= 0.5 * (count - 2) * math.log(squares)
    return LineFit(mean, error, likelihood)


def _persistences(method: ForecastMethod) -> tuple[float, ...]:
    return (0.0,) if method is ForecastMethod.TREND else PERSISTENCES


def _average(trials: Sequence[LineFit]) -> tuple[float, float]:
    """Mean and standard error over the persistences, each by its likelihood; points on a line need only one."""
    if any(trial.error == 0 for trial in trials):
        return trials[0].mean, 0.0
    best = max(trial.log_likelihood for trial in trials)
    weights = [math.exp(trial.log_likelihood - best) for trial in trials]
    total = math.fsum(weights)
    mean = math.fsum(w * trial.mean for w, trial in zip(weights, trials, strict=True)) / total
    variance = math.fsum(
        w * (trial.error**2 + (trial.mean - mean) ** 2) for w, trial in zip(weights, trials, strict=True)
    )
    return mean, math.sqrt(variance / total)


def _quantile(method: ForecastMethod, points: int, settings: ScoringSettings) -> float:
    """Standard errors on either side of the value that the interval spans."""
    tail = 0.5 + float(settings.forecast_interval) / 2
    if method is ForecastMethod.PERSISTENT_TREND:
        return _NORMAL.inv_cdf(tail)
    return float(stdtrit(points - 2, tail)) * float(settings.forecast_short_width)
