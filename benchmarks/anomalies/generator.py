"""Daily KPI series with labelled events, drawn from wide distributions so that no detector can learn them.

Four families (count, ratio, money, duration), a weekly season of any strength, growth or decline, sometimes a
yearly wave, noise that is sometimes autocorrelated or heavy-tailed, holidays that move a series without being
anomalies, days with a tiny denominator that mean nothing, and gaps. Events: spike, dip, level shift, drift,
outage. Every draw comes from one seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from pipelines.anomalies.series import SeriesBatch

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FAMILIES = ("count", "ratio", "money", "duration")
KINDS = ("spike", "dip", "level_shift", "drift", "outage")
HOLIDAYS = (
    ("New Year", 1, 1),
    ("Spring Day", 3, 21),
    ("May Day", 5, 1),
    ("Founders Day", 6, 12),
    ("Summer Day", 8, 15),
    ("Harvest Day", 9, 26),
    ("Unity Day", 10, 3),
    ("Thanks Day", 11, 26),
    ("Christmas Eve", 12, 24),
    ("Christmas Day", 12, 25),
    ("Boxing Day", 12, 26),
)


@dataclass(frozen=True)
class World:
    """Ranges the series of one set are drawn from. Sizes are multiples of the day's own noise."""

    name: str = "broad"
    series: int = 150
    days: int = 730
    season: tuple[float, float] = (0.0, 0.7)
    noise: tuple[float, float] = (0.02, 0.12)
    growth: tuple[float, float] = (-0.25, 0.6)
    yearly_share: float = 0.2
    autocorrelated_share: float = 0.25
    heavy_share: float = 0.15
    wander_share: float = 0.15
    small_share: float = 0.2
    events: tuple[int, int] = (2, 5)
    point_size: tuple[float, float] = (4.0, 12.0)
    shift_size: tuple[float, float] = (2.0, 7.0)
    drift_size: tuple[float, float] = (2.5, 7.0)
    holiday_effect: tuple[float, float] = (0.3, 0.9)
    gap_rate: float = 0.001
    start: date = date(2024, 1, 1)


WORLDS = (
    World(),
    World(name="strong season", season=(0.4, 0.85), noise=(0.03, 0.08)),
    World(name="noisy", noise=(0.1, 0.25), heavy_share=0.3, autocorrelated_share=0.5),
    World(name="growing", growth=(0.5, 2.0), noise=(0.03, 0.1)),
    World(name="small numbers", small_share=0.8),
    World(name="gentle events", point_size=(3.5, 7.0), shift_size=(1.5, 4.0), drift_size=(2.0, 4.0)),
    World(name="yearly wave", yearly_share=0.9, wander_share=0.4),
    World(name="flat and clean", season=(0.0, 0.3), growth=(-0.05, 0.1), yearly_share=0, heavy_share=0,
          autocorrelated_share=0, wander_share=0, small_share=0),
)  # fmt: skip


@dataclass(frozen=True)
class Event:
    """One planted event; a detector has found it when it raises a flag in ``start``..``end`` (columns,
    inclusive, before tolerance)."""

    row: int
    start: int
    end: int
    kind: str
    size: float


@dataclass(frozen=True)
class Labelled:
    """A batch with its truth. ``quiet`` marks the points on which nothing was planted."""

    world: str
    batch: SeriesBatch
    events: tuple[Event, ...]
    quiet: Bools
    families: tuple[str, ...]


def labelled(seed: int, world: World | None = None) -> Labelled:
    """The labelled set of one seed."""
    world = world or World()
    rng = default_rng([seed, 20_260_101])
    holidays = _holidays(world)
    calendar = {(day - world.start).days: name for day, name in holidays}
    values = np.empty((world.series, world.days))
    samples = np.full((world.series, world.days), np.nan)
    quiet = np.ones((world.series, world.days), dtype=bool)
    events: list[Event] = []
    families: list[str] = []
    for row in range(world.series):
        family = FAMILIES[row % len(FAMILIES)]
        families.append(family)
        values[row], samples[row], planted, disturbed = _series(rng, world, family, calendar)
        quiet[row] = ~disturbed
        events.extend(replace(event, row=row) for event in planted)
    batch = SeriesBatch.of(
        values, families, start=world.start, samples=samples, holidays=holidays,
        better=["increase" if f in ("count", "money") else "decrease" for f in families],
    )  # fmt: skip
    return Labelled(world.name, batch, tuple(events), quiet, tuple(families))


def _holidays(world: World) -> list[tuple[date, str]]:
    last = world.start + timedelta(days=world.days - 1)
    days = [
        (date(year, month, day), name)
        for year in range(world.start.year, last.year + 1)
        for name, month, day in HOLIDAYS
    ]
    return [(day, name) for day, name in days if world.start <= day <= last]


def _series(
    rng: Generator, world: World, family: str, calendar: dict[int, str]
) -> tuple[Floats, Floats, list[Event], Bools]:
    days = np.arange(world.days)
    small = rng.random() < world.small_share
    noise = float(np.exp(rng.uniform(*np.log(world.noise))))
    shape = _season(rng, world, family)
    log_season = np.log(shape[days % 7])
    trend = np.log1p(rng.uniform(*world.growth)) * days / 365
    if family == "ratio":
        trend = trend * 0.4
    yearly = np.zeros(world.days)
    if rng.random() < world.yearly_share:
        yearly = rng.uniform(0.03, 0.15) * np.sin(2 * np.pi * (days / 365.25 + rng.random()))
    wander = np.zeros(world.days)
    if rng.random() < world.wander_share:
        wander = np.cumsum(rng.normal(0, noise * rng.uniform(0.02, 0.12), world.days))
    volume = _volume(rng, family, small)
    exposure = volume * shape[days % 7] * np.exp(0.5 * trend) * np.exp(rng.normal(0, 0.08, world.days))
    sampling = _sampling_noise(family, volume, rng)
    total = float(np.hypot(noise, sampling))
    shocks = _shocks(rng, world, noise)
    holiday, moved = _holiday_effects(rng, world, family, calendar)
    planted, effect, disturbed = _events(rng, world, family, total, calendar)
    location = trend + yearly + wander + shocks + holiday + effect
    value, sample = _observe(rng, family, volume, exposure, location, log_season, moved, small)
    value[rng.random(world.days) < world.gap_rate] = np.nan
    return value, sample, planted, disturbed


def _season(rng: Generator, world: World, family: str) -> Floats:
    """Weekday factors: a weekend drop, or any shape, weaker for ratios and durations."""
    strength = rng.uniform(*world.season)
    if family in ("ratio", "duration"):
        strength *= 0.4
    if rng.random() < 0.6:
        shape = np.array([1.0, 1.02, 1.0, 0.98, 0.95, 1 - strength, 1 - strength * rng.uniform(0.8, 1.1)])
        shape = shape * np.exp(rng.normal(0, 0.03, 7))
    else:
        shape = np.exp(rng.normal(0, strength / 2, 7))
    shape = np.maximum(shape, 0.05)
    return np.asarray(shape / shape.mean())


def _volume(rng: Generator, family: str, small: bool) -> float:
    if family == "count":
        low, high = (2, 25) if small else (30, 5000)
    elif family == "ratio":
        low, high = (4, 40) if small else (80, 5000)
    else:
        low, high = (3, 25) if small else (40, 2000)
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _sampling_noise(family: str, volume: float, rng: Generator) -> float:
    """Noise that comes with the number of events alone, on the scale the events are planted on."""
    return {"count": 1.0, "ratio": 2.2, "money": 1.2, "duration": 0.9}[family] / float(np.sqrt(volume))


def _shocks(rng: Generator, world: World, noise: float) -> Floats:
    if rng.random() < world.heavy_share:
        raw = rng.standard_t(5, world.days) / np.sqrt(5 / 3)
    else:
        raw = rng.normal(0, 1, world.days)
    if rng.random() < world.autocorrelated_share:
        rho = rng.uniform(0.15, 0.5)
        for day in range(1, world.days):
            raw[day] = rho * raw[day - 1] + np.sqrt(1 - rho**2) * raw[day]
    return np.asarray(raw * noise)


def _holiday_effects(
    rng: Generator, world: World, family: str, calendar: dict[int, str]
) -> tuple[Floats, Floats]:
    """(effect on the value, effect on the volume), both as logs, by day."""
    base = rng.uniform(*world.holiday_effect)
    by_name = {
        name: float(np.clip(base + rng.normal(0, 0.08), 0.05, 1.1)) for name in sorted(set(calendar.values()))
    }
    value = np.zeros(world.days)
    volume = np.zeros(world.days)
    touches = family in ("count", "money") or rng.random() < 0.3
    for day, name in sorted(calendar.items()):
        factor = np.log(by_name[name]) + rng.normal(0, 0.05)
        volume[day] = factor
        if touches:
            value[day] = factor if family in ("count", "money") else 0.4 * factor
    return value, volume


def _events(
    rng: Generator, world: World, family: str, noise: float, calendar: dict[int, str]
) -> tuple[list[Event], Floats, Bools]:
    """Events at least 50 days apart, none in the first 90 days; (events, log effect, disturbed days)."""
    effect = np.zeros(world.days)
    disturbed = np.zeros(world.days, dtype=bool)
    planted: list[Event] = []
    wanted = int(rng.integers(world.events[0], world.events[1] + 1))
    starts: list[int] = []
    for _ in range(200):
        day = int(rng.integers(90, world.days - 20))
        if len(starts) < wanted and all(abs(day - other) >= 80 for other in starts) and day not in calendar:
            starts.append(day)
    for start in sorted(starts):
        kind = KINDS[int(rng.choice(len(KINDS), p=[0.22, 0.22, 0.22, 0.2, 0.14]))]
        sign = 1.0 if rng.random() < 0.5 else -1.0
        if kind in ("spike", "dip"):
            length = int(rng.choice([1, 1, 1, 2, 3]))
            size = rng.uniform(*world.point_size) * (1 if kind == "spike" else -1)
            end = start + length - 1
            effect[start : end + 1] += size * noise
        elif kind == "level_shift":
            size = sign * rng.uniform(*world.shift_size)
            stays = int(rng.choice([40, 60, 10_000], p=[0.15, 0.15, 0.7]))
            end = min(start + 13, world.days - 1)
            stop = min(start + stays, world.days)
            effect[start:stop] += size * noise
            if stop < world.days:
                planted.append(Event(0, stop, min(stop + 13, world.days - 1), kind, -size))
                disturbed[stop : stop + 14] = True
        elif kind == "drift":
            size = sign * rng.uniform(*world.drift_size)
            length = int(rng.integers(21, 61))
            end = min(start + length - 1, world.days - 1)
            ramp = np.clip((np.arange(world.days) - start + 1) / length, 0, 1)
            effect += size * noise * ramp
        else:
            size = -float(rng.uniform(1.0, 4.0))
            length = int(rng.integers(1, 4))
            end = start + length - 1
            effect[start : end + 1] += size
        disturbed[start : end + 1] = True
        planted.append(Event(0, start, end, kind, float(size)))
    return sorted(planted, key=lambda event: event.start), effect, disturbed


def _observe(
    rng: Generator,
    family: str,
    volume: float,
    exposure: Floats,
    location: Floats,
    log_season: Floats,
    moved: Floats,
    small: bool,
) -> tuple[Floats, Floats]:
    """(value, sample) of a family around ``location`` (log scale; logit for ratios)."""
    if family == "count":
        counts = rng.poisson(volume * np.exp(location + log_season)).astype(np.float64)
        return counts, np.full(counts.shape, np.nan)
    if family == "ratio":
        sample = rng.poisson(np.maximum(exposure * np.exp(moved), 0.2)).astype(np.float64)
        tiny = rng.random(sample.shape) < 0.01
        sample[tiny] = rng.integers(1, 6, int(tiny.sum()))
        centre = rng.uniform(-3.0, 2.5)
        chance = 1 / (1 + np.exp(-(centre + location + log_season * 0.5)))
        hits = rng.binomial(sample.astype(np.int64), chance)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(sample > 0, hits / sample, np.nan), sample
    if family == "money":
        scale = float(np.exp(rng.uniform(2, 7)))
        spread = rng.uniform(0.3, 0.8) / np.sqrt(volume)
        amount = np.exp(location + log_season + rng.normal(0, spread, location.shape))
        return np.round(scale * volume * amount, 2), np.full(location.shape, np.nan)
    sample = np.maximum(rng.poisson(exposure * np.exp(moved)), 1).astype(np.float64)
    spread = rng.uniform(0.5, 1.0) / np.sqrt(sample)
    scale = float(np.exp(rng.uniform(6, 11)))
    typical = np.exp(location + log_season + rng.normal(0, 1, location.shape) * spread)
    return np.round(scale * typical), sample
