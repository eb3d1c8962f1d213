"""The variance model of each kind of series: link scale, sampling noise, exact tails, and bands in units.

Counts follow a Poisson with extra noise (negative binomial), shares a binomial with extra noise, money and durations
a log scale; what can be negative or zero falls back to asinh, scores are linear. Level, season and holidays add up on
the link scale. Source: detection rules, "the variance model follows the metric".

All functions work element by element on arrays that broadcast; ``code`` holds a `Family` per element.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from scipy.special import betainc, gammaln, ndtr, ndtri

from .series import Floats, Ints, Kind, SeriesBatch


class Family(IntEnum):
    """How a series is modelled."""

    COUNT = 0
    SHARE = 1
    LOG = 2
    LINEAR = 3
    ASINH = 4


# Prior variances on the link scale by family: noise, weekday effect, level, slope per period, effect of a mark.
PRIOR_NOISE = np.array([0.1**2, 0.05**2, 0.1**2, 1.0, 0.3**2])
PRIOR_SEASON = np.array([0.15, 0.03, 0.15, 9.0, 0.15])
PRIOR_LEVEL = np.array([0.3, 0.06, 0.3, 10.0, 1.0])
PRIOR_SLOPE = np.array([1e-5, 3e-6, 1e-5, 4e-4, 1e-5])
PRIOR_MARK = np.array([0.36, 0.09, 0.36, 25.0, 0.36])
NOISE_FLOOR = np.array([0.0, 0.0, 0.005**2, 0.01**2, 0.005**2])
"""Noise that is always granted: half a percent, so that a constant series may move a little."""

TAILS = np.array([200.0, 10.0, 5.0, 3.0])[:, None]
TAIL_SCALES = np.array([0.9958, 0.9162, 0.8350, 0.7324])[:, None]
"""Degrees of freedom of the noise that a series may choose from, and the scale at which each has the same variance as
the normal when clipped at 2.5."""

SIGNED_SHARE = 0.1
"""Share of negative values from which a series counts as one that crosses zero."""

EXACT_BELOW = 60.0
"""Expected count below which the exact tail is used; above it the variance-stabilising transform is as good."""

STEPS = 7
"""Steps towards the end of a band; the deviate is nearly linear in the place, so few are enough."""

_TINY = 1e-300
_ALMOST = 1e-6


@dataclass(frozen=True)
class Forms:
    """Family, scale and first guess of the noise variance (link scale) of each series."""

    code: Ints
    scale: Floats
    noise: Floats


def choose(batch: SeriesBatch, history: int) -> Forms:
    """The form of each series, from its kind and its first ``history`` values: later values change nothing."""
    series = batch.shape[0]
    forms = Forms(np.empty(series, dtype=np.int64), np.ones(series), np.empty(series))
    lag = batch.season_length if batch.grain == "day" else 1
    for row, kind in enumerate(batch.kinds):
        at = np.flatnonzero(np.isfinite(batch.values[row]))[:history]
        known = batch.values[row, at]
        code = _family(kind, known)
        forms.code[row] = code
        if code == Family.ASINH:
            sizes = np.abs(known[known != 0])
            forms.scale[row] = np.median(sizes) if len(sizes) else 1.0
        elif code == Family.LINEAR:
            steps = np.abs(np.diff(known))
            typical = float(np.median(steps)) if len(steps) else 0.0
            size = float(np.median(np.abs(known))) if len(known) else 0.0
            forms.scale[row] = max(typical, 0.005 * size, 1e-9)
        samples = np.full(len(at), np.nan) if batch.samples is None else batch.samples[row, at]
        codes, scales = np.full(len(at), code), np.full(len(at), forms.scale[row])
        forms.noise[row] = _first_noise(codes, link(codes, scales, known, samples), samples, code, lag)
    return forms


def _first_noise(codes: Ints, observed: Floats, samples: Floats, code: Family, lag: int) -> float:
    """Robust variance of what changes from one season to the next, less what the number of events explains."""
    prior = float(PRIOR_NOISE[code])
    seen = np.isfinite(observed)
    observed, samples = observed[seen], samples[seen]
    if len(observed) < lag + 8:
        return prior
    steps = observed[lag:] - observed[:-lag]
    spread = (1.4826 * float(np.median(np.abs(steps - np.median(steps))))) ** 2 / 2
    sampling = sampling_variance(codes[seen], np.full(len(observed), np.median(observed)), samples)
    explained = float(np.median(sampling))
    return float(np.clip(spread - explained, 0.02 * prior, 400 * prior))


def _family(kind: Kind, known: Floats) -> Family:
    if kind is Kind.COUNT:
        return Family.COUNT if bool((known >= 0).all()) else Family.ASINH
    if kind is Kind.SCORE or (known < 0).sum() > SIGNED_SHARE * len(known):
        return Family.LINEAR
    if kind is Kind.RATIO and bool(((known >= 0) & (known <= 1)).all()):
        return Family.SHARE
    return Family.LOG if len(known) and bool((known > 0).all()) else Family.ASINH


def link(code: Ints, scale: Floats, values: Floats, samples: Floats) -> Floats:
    """Observed values on the link scale; NaN stays NaN."""
    with np.errstate(all="ignore"):
        known = np.where(np.isfinite(samples) & (samples > 0), samples, 1e6)
        share = 2 * np.arcsin(np.sqrt(np.clip((values * known + 0.375) / (known + 0.75), 0, 1)))
        return np.asarray(
            np.select(
                [code == Family.COUNT, code == Family.SHARE, code == Family.LOG, code == Family.LINEAR],
                [
                    np.log(np.maximum(values, 0) + 0.375),
                    np.where(samples == 0, np.nan, share),
                    np.log(np.maximum(values, _TINY)),
                    values / scale,
                ],
                np.arcsinh(values / scale),
            )
        )


def unlink(code: Ints, scale: Floats, eta: Floats) -> Floats:
    """Link scale back to units."""
    with np.errstate(over="ignore"):
        return np.asarray(
            np.select(
                [code <= Family.COUNT, code == Family.SHARE, code == Family.LOG, code == Family.LINEAR],
                [np.exp(eta), _share(eta), np.exp(eta), eta * scale],
                np.sinh(np.clip(eta, -600, 600)) * scale,
            )
        )


def sampling_variance(code: Ints, eta: Floats, samples: Floats) -> Floats:
    """Variance on the link scale that comes with the number of events alone; 0 where it is not known."""
    with np.errstate(over="ignore", divide="ignore"):
        count = 1 / np.maximum(np.exp(np.minimum(eta, 60)), 1e-3)
        share = 1 / np.maximum(np.where(np.isfinite(samples), samples, np.inf), 1e-3)
    return np.where(code == Family.COUNT, count, np.where(code == Family.SHARE, share, 0.0))


def surprise(
    code: Ints,
    values: Floats,
    samples: Floats,
    observed: Floats,
    eta: Floats,
    sampling: Floats,
    total: Floats,
) -> Floats:
    """How unlikely each value is under its prediction, as a signed normal deviate (mid-p for discrete values).

    observed, eta: link scale; sampling, total: variances there. Extra variance (total − sampling) makes a
    count negative binomial and a share quasi-binomial; less than sampling variance stretches the deviate.
    """
    z = np.where(np.isfinite(observed), (observed - eta) / np.sqrt(total), 0.0)
    extra = np.maximum(total - sampling, 1e-7)
    stretch = np.sqrt(total / np.maximum(sampling + extra, 1e-12))
    chosen = np.flatnonzero((code == Family.COUNT) & np.isfinite(observed))
    if len(chosen):
        z[chosen] = _count(values[chosen], np.exp(eta[chosen]), extra[chosen]) / stretch[chosen]
    chosen = np.flatnonzero((code == Family.SHARE) & np.isfinite(observed) & (sampling > 0))
    if len(chosen):
        size = 1 / (1 / samples[chosen] + extra[chosen])
        z[chosen] = _binomial(values[chosen] * size, size, _share(eta[chosen])) / stretch[chosen]
    return np.asarray(np.clip(z, -40, 40))


def bounds(
    code: Ints,
    scale: Floats,
    samples: Floats,
    eta: Floats,
    sampling: Floats,
    total: Floats,
    deviate: Floats,
) -> tuple[Floats, Floats]:
    """(lower, upper) in units: the values whose `surprise` is −deviate and +deviate. One-dimensional arrays."""
    width = deviate * np.sqrt(total)
    ends = []
    for sign in (-1.0, 1.0):
        end = unlink(code, scale, eta + sign * width)
        chosen = np.flatnonzero(code == Family.COUNT)
        if len(chosen):
            end[chosen] = _count_end(eta[chosen], sampling[chosen], total[chosen], sign * deviate[chosen])
        chosen = np.flatnonzero((code == Family.SHARE) & (sampling > 0))
        if len(chosen):
            end[chosen] = _share_end(
                samples[chosen], eta[chosen], sampling[chosen], total[chosen], sign * deviate[chosen]
            )
        ends.append(end)
    return ends[0], ends[1]


def normal_of_t(t: Floats, freedom: Floats) -> Floats:
    """The normal deviate as unlikely as Student's ``t`` (Wallace's approximation, within 1 % above 3 degrees)."""
    shrink = (8 * freedom + 1) / (8 * freedom + 3)
    return np.asarray(np.sign(t) * shrink * np.sqrt(freedom * np.log1p(t**2 / freedom)))


def normal_of_tails(t: Floats, freedom: Floats, weight: Floats) -> Floats:
    """The normal deviate as unlikely as ``t`` when the noise has the tails of `TAILS`, in shares of ``weight``."""
    joint = 1 / (1 / TAILS + 1 / freedom)
    sizes = normal_of_t(np.abs(t) / TAIL_SCALES, joint)
    chance = (weight * ndtr(-sizes)).sum(axis=0)
    return np.asarray(-np.sign(t) * ndtri(np.maximum(chance, _TINY)))


def tail_log_likelihood(t: Floats) -> Floats:
    """Log density of ``t`` under each of `TAILS`, up to a constant."""
    scaled = t / TAIL_SCALES
    constant = gammaln((TAILS + 1) / 2) - gammaln(TAILS / 2) - 0.5 * np.log(TAILS) - np.log(TAIL_SCALES)
    return np.asarray(constant - (TAILS + 1) / 2 * np.log1p(scaled**2 / TAILS))


def tails_of_normal(z: Floats, freedom: Floats, weight: Floats) -> Floats:
    """The ``t`` whose `normal_of_tails` is about ``z`` (> 0): the weighted mean over the tails."""
    joint = 1 / (1 / TAILS + 1 / freedom)
    return np.asarray((weight * TAIL_SCALES * t_of_normal(z, joint)).sum(axis=0))


def t_of_normal(z: Floats, freedom: Floats) -> Floats:
    """Inverse of `normal_of_t`."""
    shrink = (8 * freedom + 1) / (8 * freedom + 3)
    return np.asarray(np.sign(z) * np.sqrt(freedom * np.expm1(np.minimum((z / shrink) ** 2 / freedom, 50))))


def _share(eta: Floats) -> Floats:
    return np.asarray(np.clip(np.sin(np.clip(eta, 0, np.pi) / 2) ** 2, _ALMOST, 1 - _ALMOST))


def _deviate(below: Floats, above: Floats) -> Floats:
    """Normal deviate of a point with these probabilities on either side, precise in both tails."""
    left, right = ndtri(np.maximum(below, _TINY)), -ndtri(np.maximum(above, _TINY))
    return np.asarray(np.where(below < 0.5, left, right))


def _count(values: Floats, mean: Floats, extra: Floats) -> Floats:
    """Negative binomial with variance mean + extra · mean²; Poisson as extra → 0."""
    root = np.sqrt(extra)
    values = np.maximum(values, 0)
    z = np.asarray(2 / root * (np.arcsinh(root * np.sqrt(values + 0.375)) - np.arcsinh(root * np.sqrt(mean))))
    small = np.flatnonzero(mean < EXACT_BELOW)
    if len(small):
        size, at = 1 / extra[small], values[small] + 0.5
        chance = size / (size + mean[small])
        z[small] = _deviate(betainc(size, at, chance), betainc(at, size, 1 - chance))
    return z


def _binomial(hits: Floats, size: Floats, chance: Floats) -> Floats:
    return _deviate(
        betainc(size - hits + 0.5, hits + 0.5, 1 - chance), betainc(hits + 0.5, size - hits + 0.5, chance)
    )


def _count_end(eta: Floats, sampling: Floats, total: Floats, target: Floats) -> Floats:
    extra = np.maximum(total - sampling, 1e-7)
    stretch = np.sqrt(total / np.maximum(sampling + extra, 1e-12))
    root, mean = np.sqrt(extra), np.exp(eta)
    at = 2 / root * np.arcsinh(root * np.sqrt(mean)) + target * stretch

    def units(place: Floats) -> Floats:
        return np.asarray(np.maximum((np.sinh(np.clip(place * root / 2, 0, 300)) / root) ** 2 - 0.375, 0.0))

    wanted = target * stretch

    def missing(place: Floats) -> Floats:
        return np.asarray(wanted - _count(units(place), mean, extra))

    return units(_steps_to_zero(missing, at, np.ones(len(at)), np.inf))


def _steps_to_zero(missing: Callable[[Floats], Floats], at: Floats, step: Floats, most: float) -> Floats:
    """The places in 0..``most`` where ``missing`` is zero: secant steps that begin at ``step`` per unit missing."""
    short = missing(at)
    for _ in range(STEPS):
        after = np.clip(at + step * short, 0.0, most)
        left = missing(after)
        gained = short - left
        slope = np.where(np.abs(gained) > 1e-9, (after - at) / np.where(gained == 0, 1.0, gained), step)
        step = np.clip(slope, step / 2, 2 * step)
        at, short = after, left
    return at


def _share_end(samples: Floats, eta: Floats, sampling: Floats, total: Floats, target: Floats) -> Floats:
    extra = np.maximum(total - sampling, 1e-7)
    stretch = np.sqrt(total / np.maximum(sampling + extra, 1e-12))
    size = 1 / (1 / np.maximum(samples, 1e-3) + extra)
    chance, step = _share(eta), np.sqrt(total)

    def missing(place: Floats) -> Floats:
        return np.asarray(target - _binomial(np.sin(place / 2) ** 2 * size, size, chance) / stretch)

    at = _steps_to_zero(missing, np.clip(eta + target * step, 0, np.pi), step, np.pi)
    return np.asarray(np.sin(at / 2) ** 2)
