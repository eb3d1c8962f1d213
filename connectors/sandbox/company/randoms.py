"""Seeded random streams and the shapes that everything in the company follows: season, growth, arrivals.

Each subject draws from a stream of its own, named by words, so that adding one subject never moves another.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from connectors.sandbox.company import stories
from connectors.sandbox.company.timeline import (
    DAY,
    DAYS,
    HOUR,
    NOW_DAY,
    SECOND,
    START_DAY,
    Bools,
    Floats,
    Ints,
    day_number,
    weekday,
)

Rng = np.random.Generator


def stream(seed: int, *names: str) -> Rng:
    """The random stream of a subject: same seed and names, same numbers."""
    key = zlib.crc32("/".join(names).encode())
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, key])))


def season(subject: str) -> Floats:
    """Weekday and holiday factor of a subject for every day of the time axis (1 = an average day)."""
    factors = np.asarray(stories.WEEKDAY[subject], dtype=np.float64)[weekday(DAYS)]
    rest = {day_number(holiday.day) for holiday in stories.holidays()}
    is_holiday = np.isin(DAYS, np.fromiter(rest, dtype=np.int64, count=len(rest)))
    return np.where(is_holiday, factors * stories.HOLIDAY[subject], factors)


def growth(per_year: float, at_now: float) -> Floats:
    """A daily level that grows by `per_year` and is `at_now` on the default now's day."""
    return np.asarray(at_now * per_year ** ((DAYS - NOW_DAY) / 365.25), dtype=np.float64)


def between(first: int, last: int) -> Bools:
    """Which days of the axis lie in [first, last) day numbers."""
    return np.asarray((first <= DAYS) & (last > DAYS), dtype=np.bool_)


def arrivals(
    rng: Rng, per_day: Floats, *, noon: float = 14.0, spread: float = 3.5, unit: int = SECOND
) -> Ints:
    """Sorted instants of events that come at `per_day` (one expected number for each day of the axis), most around
    `noon` UTC.
    """
    counts = rng.poisson(per_day)
    days = np.repeat(DAYS, counts)
    hours = np.clip(rng.normal(noon, spread, days.size), 0.02, 23.97)
    at: Ints = np.sort(days * DAY + (hours * HOUR).astype(np.int64) // unit * unit)
    return at


def pick(rng: Rng, size: int, shares: Sequence[float]) -> Ints:
    """Codes 0… drawn with the given shares (they need not add up to one)."""
    edges = np.cumsum(np.asarray(shares, dtype=np.float64))
    codes: Ints = np.searchsorted(edges / edges[-1], rng.random(size), side="right").astype(np.int64)
    return codes


def chance(rng: Rng, probability: float | Floats, size: int) -> Bools:
    """Which of `size` events happen."""
    return np.asarray(rng.random(size) < probability, dtype=np.bool_)


def delay(rng: Rng, median_days: float | Floats, sigma: float, size: int) -> Ints:
    """Log-normal waiting times in milliseconds, whole seconds, at least one minute."""
    days = np.asarray(median_days) * np.exp(rng.normal(0.0, sigma, size))
    waits: Ints = np.maximum((days * DAY).astype(np.int64) // SECOND * SECOND, 60 * SECOND)
    return waits


def axis_index(days: Ints) -> Ints:
    """Position of day numbers on the time axis, held inside it."""
    return np.clip(days - START_DAY, 0, DAYS.size - 1)
