"""Where a key result will end: value, interval, and the probability of reaching the target.

Two methods, chosen by the backtest in `benchmarks/forecast`:

- `averaged`: a line or a level, where what lies off it may linger from one point to the next, by a persistence from
  none to nearly a random walk. No one of these is picked: each is weighed by how likely it makes the points, so that
  a slope nobody can be sure of is half believed, and wandering widens the interval.
- `trend`: the plain line by least squares, the error of its prediction, the normal law. It speaks where the points
  are few and leave no doubt: the slope is six standard errors, and nothing lingers. Few points underrate their own
  noise, so its interval is widened by the backtest's factor.

Source: scoring rules, "Pace, forecast, confidence". Vector: 33, 34, 36, 36, 38, 40 on days 7..42, end day 91 →
48.9 ± 1.4, P(≥ 50) ≈ 0.22.
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
"""Correlation of what lies off the line from one point to the next."""


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
    recent = _recent(points, settings.forecast_points_max)
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
    ahead = (end - last_day).days / step
    line = fit_line(days, values, ahead)
    chosen = method or _choose(line, len(recent), settings)
    if chosen is ForecastMethod.TREND:
        mean, error = line.mean, line.error
        width = (
            error * float(stdtrit(len(recent) - 2, _tail(settings))) * float(settings.forecast_short_width)
        )
    else:
        mean, error = _average(days, values, ahead, settings)
        width = error * NormalDist().inv_cdf(_tail(settings))
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
        method=chosen,
        points=len(recent),
    )


@dataclass(frozen=True, slots=True)
class LineFit:
    """A line through the points under one persistence.

    Attributes:
        mean, error: the prediction and its standard error.
        log_likelihood: how likely the line makes the points, up to a constant that all fits share.
        slope_errors: the slope in its own standard errors; infinite for points on a line.
        lingering: correlation of what lies off the line from one point to the next.
    """

    mean: float
    error: float
    log_likelihood: float
    slope_errors: float
    lingering: float


def fit_line(
    days: Sequence[float],
    values: Sequence[float],
    ahead: float,
    persistence: float = 0.0,
    has_slope: bool = True,
) -> LineFit:
    """Fit a line (or a level) whose residuals linger, and predict `ahead` of the last point.

    `days` count in steps and end at 0; `values` are scaled to their own range, which sets what counts as a steep
    slope when a line and a level are compared. Generalised least squares by whitening: each row less
    `persistence**gap` of the row before it. The likelihood is the restricted one.
    """
    count, terms = len(days), 2 if has_slope else 1
    rows = [(1.0, days[0], values[0])]
    log_noise = 0.0
    for place in range(1, count):
        carried = persistence ** (days[place] - days[place - 1])
        noise = math.sqrt(1 - carried * carried)
        log_noise += math.log(noise)
        this, before = (1.0, days[place], values[place]), (1.0, days[place - 1], values[place - 1])
        rows.append(tuple((a - carried * b) / noise for a, b in zip(this, before, strict=True)))
    uu, uv, vv, uz, vz = (
        math.fsum(row[i] * row[j] for row in rows) for i, j in ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2))
    )
    determinant = uu * vv - uv * uv if has_slope else uu
    level = (vv * uz - uv * vz) / determinant if has_slope else uz / uu
    slope = (uu * vz - uv * uz) / determinant if has_slope else 0.0
    off = [z - level * u - slope * v for u, v, z in rows]
    squares = math.fsum(item * item for item in off)
    variance = squares / (count - terms)
    carried = persistence**ahead
    share = 1 - carried
    spread = share * share / uu
    if has_slope:
        spread = (share * share * vv - 2 * share * ahead * uv + ahead * ahead * uu) / determinant
    likelihood = -log_noise - 0.5 * math.log(determinant)
    likelihood -= 0.5 * (count - terms) * math.log(max(squares, _NO_NOISE) / (count - terms))
    if has_slope:
        centre = math.fsum(days) / count
        likelihood += 0.5 * math.log(math.fsum((day - centre) ** 2 for day in days) / count)
    slope_error = math.sqrt(variance * uu / determinant) if has_slope else 0.0
    together = math.fsum(a * b for a, b in pairwise(off))
    return LineFit(
        mean=level + slope * ahead + carried * (values[-1] - level),
        error=math.sqrt(variance * (1 - carried * carried + spread)),
        log_likelihood=likelihood,
        slope_errors=abs(slope) / slope_error if slope_error else math.inf,
        lingering=together / squares if squares else 0.0,
    )


_NO_NOISE = 1e-10
"""Sum of squares, in units of the points' range, below which points lie on a line."""


def _recent(points: Sequence[tuple[date, Number]], count: int) -> list[tuple[date, Fraction]]:
    """The last `count` known points, oldest first."""
    found: list[tuple[date, Fraction]] = []
    for day, value in reversed(points):
        known = exact(value)
        if known is not None:
            found.append((day, known))
        if len(found) == count:
            break
    return found[::-1]


def _choose(line: LineFit, points: int, settings: ScoringSettings) -> ForecastMethod:
    """The plain line where few points leave no doubt about it, the average everywhere else."""
    is_clear = line.slope_errors >= float(settings.forecast_clear_slope) and line.lingering <= 0
    is_short = points < settings.forecast_points_enough
    return ForecastMethod.TREND if is_short and is_clear else ForecastMethod.AVERAGED


def _average(
    days: Sequence[float], values: Sequence[float], ahead: float, settings: ScoringSettings
) -> tuple[float, float]:
    """Mean and standard error over lines and levels of every persistence, each by its likelihood."""
    none = float(settings.forecast_no_persistence)
    trials: list[tuple[float, LineFit]] = []
    for persistence in PERSISTENCES:
        prior = none if persistence == 0 else (1 - none) / (len(PERSISTENCES) - 1)
        for has_slope in (True, False):
            fit = fit_line(days, values, ahead, persistence, has_slope)
            trials.append((fit.log_likelihood + math.log(prior), fit))
    best = max(likelihood for likelihood, _ in trials)
    weighed = [(math.exp(likelihood - best), fit) for likelihood, fit in trials]
    total = math.fsum(weight for weight, _ in weighed)
    mean = math.fsum(weight * fit.mean for weight, fit in weighed) / total
    variance = math.fsum(weight * (fit.error**2 + (fit.mean - mean) ** 2) for weight, fit in weighed) / total
    return mean, math.sqrt(variance)


def _tail(settings: ScoringSettings) -> float:
    """The share of outcomes below the upper end of the interval."""
    return 0.5 + float(settings.forecast_interval) / 2
