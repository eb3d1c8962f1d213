"""A second generator, built on other mechanics than the first: one difficulty a set, so that a weakness has a name.

The first generator multiplies log-normal factors; here noise is additive or binomial, the season a pair of waves, the
level a sum of line and wave. No setting of the detector was chosen on these sets. Labels are those of `generator`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
from numpy.random import Generator, default_rng

from pipelines.anomalies.series import SeriesBatch

from .generator import HOLIDAYS, Bools, Event, Floats, Labelled

SERIES, DAYS = 40, 730
KINDS = ("spike", "dip", "level_shift", "drift", "outage")


@dataclass
class Plan:
    """One series in the making.

    mean: expected value by day, of a count or an amount. noise: standard deviation about it. lost: days without a
    value. effect: planted change, in noise deviations of the day. outage: factor on the value. quiet: nothing planted.
    """

    rng: Generator
    day: Floats
    weekday: Floats
    month_day: Floats
    mean: Floats
    noise: Floats
    lost: Bools
    effect: Floats
    outage: Floats
    quiet: Bools
    events: list[Event] = field(default_factory=list)


Difficulty = Callable[[Plan], None]


def _plain(plan: Plan) -> None:
    """A level, a mild line, two weekly waves, additive normal noise."""


def _month_end(plan: Plan) -> None:
    last = plan.month_day < 0
    plan.mean[last] *= plan.rng.uniform(1.3, 2.0)


def _pattern_change(plan: Plan) -> None:
    """In the second year the week looks different: the team works other days."""
    turn = int(plan.rng.integers(300, 450))
    shape = np.exp(plan.rng.normal(0, 0.2, 7))
    after = plan.day >= turn
    plan.mean[after] *= shape[plan.weekday.astype(int)][after] / shape.mean()


def _louder(plan: Plan) -> None:
    """The noise doubles or halves at some day; the level stays."""
    turn = int(plan.rng.integers(250, 500))
    plan.noise[turn:] *= 2.0 if plan.rng.random() < 0.5 else 0.5


def _gaps(plan: Plan) -> None:
    """Single days are missing at random, and every third series has no weekends."""
    plan.lost |= plan.rng.random(len(plan.day)) < 0.03
    if plan.rng.random() < 1 / 3:
        plan.lost |= plan.weekday >= 5


def _yearly(plan: Plan) -> None:
    wave = np.sin(2 * np.pi * (plan.day / 365.25 + plan.rng.random()))
    plan.mean *= 1 + plan.rng.uniform(0.15, 0.4) * wave


def _autocorrelated(plan: Plan) -> None:
    rho, shocks = plan.rng.uniform(0.3, 0.7), plan.rng.normal(0, 1, len(plan.day))
    for day in range(1, len(shocks)):
        shocks[day] = rho * shocks[day - 1] + np.sqrt(1 - rho**2) * shocks[day]
    plan.mean = np.maximum(plan.mean + plan.noise * shocks, 0.1 * plan.mean)
    plan.noise = plan.noise * 0.5


def _wandering(plan: Plan) -> None:
    steps = np.cumsum(plan.rng.normal(0, 0.05, len(plan.day)))
    plan.mean = np.maximum(plan.mean + steps * plan.noise, 0.2 * plan.mean)


def _growing(plan: Plan) -> None:
    plan.mean *= np.exp(np.log(plan.rng.uniform(2, 6)) * plan.day / 730)
    plan.noise *= np.exp(np.log(3) * plan.day / 730)


def _heavy(plan: Plan) -> None:
    shocks = plan.noise * plan.rng.standard_t(4, len(plan.day)) / np.sqrt(2) * 0.8
    plan.mean = np.maximum(plan.mean + shocks, 0.1 * plan.mean)
    plan.noise = plan.noise * 0.6


DIFFICULTIES: dict[str, Difficulty] = {
    "plain": _plain,
    "month end": _month_end,
    "new weekly pattern": _pattern_change,
    "noise changes": _louder,
    "missing days": _gaps,
    "yearly wave": _yearly,
    "autocorrelated": _autocorrelated,
    "wandering level": _wandering,
    "growth": _growing,
    "heavy tails": _heavy,
}
KINDS_OF_VALUES = (
    "amount",
    "count",
    "rare count",
    "overdispersed",
    "share",
    "tiny share",
    "duration",
    "net change",
)


def stressed(seed: int, difficulty: str) -> Labelled:
    """The labelled set of one difficulty."""
    start = date(2023, 7, 3)
    holidays = _holidays(start)
    marked = {(day - start).days for day, _ in holidays}
    values, samples = np.empty((SERIES, DAYS)), np.full((SERIES, DAYS), np.nan)
    quiet = np.ones((SERIES, DAYS), dtype=bool)
    events: list[Event] = []
    kinds, families = [], []
    for row in range(SERIES):
        rng = default_rng([seed, sorted(DIFFICULTIES).index(difficulty), row, 77])
        family = KINDS_OF_VALUES[row % len(KINDS_OF_VALUES)]
        plan = _plan(rng, start, family, marked)
        DIFFICULTIES[difficulty](plan)
        _plant(plan, marked)
        kind, values[row], samples[row] = _values(plan, family, marked)
        quiet[row] = plan.quiet
        kinds.append(kind)
        families.append(family)
        events.extend(replace(event, row=row) for event in plan.events)
    batch = SeriesBatch.of(values, kinds, start=start, samples=samples, holidays=holidays)
    if difficulty == "month end":
        batch = replace(batch, month_position=np.ones(SERIES, dtype=bool))
    return Labelled(difficulty, batch, tuple(events), quiet, tuple(families))


def _holidays(start: date) -> list[tuple[date, str]]:
    last = start + timedelta(days=DAYS - 1)
    every = [
        (date(year, month, day), name)
        for year in range(start.year, last.year + 1)
        for name, month, day in HOLIDAYS
    ]
    return [(day, name) for day, name in every if start <= day <= last]


def _plan(rng: Generator, start: date, family: str, marked: set[int]) -> Plan:
    day = np.arange(DAYS, dtype=float)
    dates = np.datetime64(start) + np.arange(DAYS)
    month = dates.astype("datetime64[M]")
    to_end = ((month + 1).astype("datetime64[D]") - dates).astype(int)
    month_day = np.where(to_end <= 2, -to_end, (dates - month.astype("datetime64[D]")).astype(int))
    level = {
        "amount": rng.uniform(2e3, 5e5),
        "count": rng.uniform(80, 2000),
        "rare count": rng.uniform(0.4, 6),
        "overdispersed": rng.uniform(20, 400),
        "share": rng.uniform(100, 3000),
        "tiny share": rng.uniform(5, 40),
        "duration": rng.uniform(600, 90_000),
        "net change": rng.uniform(50, 500),
    }[family]
    strength = rng.uniform(0.0, 0.35)
    weekday = (dates.astype("datetime64[D]").astype(int) + 3) % 7
    wave = np.sin(2 * np.pi * (weekday / 7 + rng.random())) + 0.5 * np.sin(
        4 * np.pi * (weekday / 7 + rng.random())
    )
    mean = level * (1 + strength * wave) * (1 + rng.uniform(-0.2, 0.4) * day / 730)
    factor = rng.uniform(0.2, 0.8)
    for place in sorted(marked):
        mean[place] *= factor * np.exp(rng.normal(0, 0.05))
    noise = np.full(DAYS, level * rng.uniform(0.04, 0.12))
    return Plan(
        rng, day, weekday.astype(float), month_day.astype(float), mean, noise, np.zeros(DAYS, dtype=bool),
        np.zeros(DAYS), np.ones(DAYS), np.ones(DAYS, dtype=bool),
    )  # fmt: skip


def _plant(plan: Plan, marked: set[int]) -> None:
    """Two to four events at least 80 days apart, none in the first 100 days nor on a holiday."""
    rng, starts = plan.rng, list[int]()
    wanted = int(rng.integers(2, 5))
    for _ in range(300):
        day = int(rng.integers(100, DAYS - 30))
        if len(starts) < wanted and all(abs(day - other) >= 80 for other in starts) and day not in marked:
            starts.append(day)
    for start in sorted(starts):
        kind = KINDS[int(rng.choice(5, p=[0.22, 0.22, 0.22, 0.2, 0.14]))]
        sign = float(rng.choice([-1.0, 1.0]))
        end, size = start, 0.0
        if kind in ("spike", "dip"):
            end = start + int(rng.choice([0, 0, 1]))
            size = rng.uniform(4.5, 10) * (1 if kind == "spike" else -1)
            plan.effect[start : end + 1] += size
        elif kind == "level_shift":
            end, size = min(start + 13, DAYS - 1), sign * rng.uniform(2.5, 6)
            plan.effect[start:] += size
        elif kind == "drift":
            length, size = int(rng.integers(25, 60)), sign * rng.uniform(2.5, 6)
            end = min(start + length - 1, DAYS - 1)
            plan.effect += size * np.clip((plan.day - start + 1) / length, 0, 1)
        else:
            end = start + int(rng.integers(0, 3))
            plan.outage[start : end + 1] = rng.uniform(0.0, 0.25)
        plan.quiet[start : end + 1] = False
        plan.events.append(Event(0, start, end, kind, float(size)))


def _values(plan: Plan, family: str, marked: set[int]) -> tuple[str, Floats, Floats]:
    """(kind, values, samples): the plan with the noise of its family; effects are in that family's own deviations."""
    rng, nothing = plan.rng, np.full(DAYS, np.nan)
    samples = nothing
    if family == "amount":
        kind = "money"
        values = plan.mean + (plan.effect + rng.normal(0, 1, DAYS)) * plan.noise
        values = np.round(np.maximum(values, 0.05 * plan.mean) * plan.outage, 2)
    elif family in ("count", "rare count", "overdispersed"):
        kind = "count"
        spread = np.sqrt(plan.mean + (plan.noise * (3 if family == "overdispersed" else 0.7)) ** 2)
        mean = np.maximum(plan.mean + plan.effect * spread, 0.02 * plan.mean) * plan.outage
        if family == "overdispersed":
            size = np.maximum(plan.mean**2 / (3 * plan.noise) ** 2, 0.5)
            mean = rng.gamma(size, mean / size)
        elif family == "count":
            mean = mean * np.exp(rng.normal(0, 0.7 * plan.noise / plan.mean))
        values = rng.poisson(np.maximum(mean, 0)).astype(float)
    elif family in ("share", "tiny share"):
        kind = "ratio"
        samples = rng.poisson(np.maximum(plan.mean, 0.3)).astype(float)
        centre = rng.uniform(0.03, 0.97)
        sway = 0.02 * rng.normal(0, 1, DAYS)
        spread = np.sqrt(
            centre * (1 - centre) / np.maximum(plan.mean, 1) + (0.02 * centre * (1 - centre)) ** 2
        )
        chance = np.clip(
            (centre + plan.effect * spread) * plan.outage + sway * centre * (1 - centre), 0.001, 0.999
        )
        hits = rng.binomial(samples.astype(int), chance)
        with np.errstate(invalid="ignore", divide="ignore"):
            values = np.where(samples > 0, hits / samples, np.nan)
    elif family == "duration":
        kind = "duration"
        samples = np.maximum(rng.poisson(rng.uniform(10, 200), DAYS), 1).astype(float)
        spread = np.hypot(plan.noise / plan.mean, 0.8 / np.sqrt(samples))
        values = np.round(plan.mean * np.exp((plan.effect + rng.normal(0, 1, DAYS)) * spread) * plan.outage)
    else:
        kind = "level"
        middle = plan.mean - plan.mean.mean() * 0.9
        values = middle + (plan.effect + rng.normal(0, 1, DAYS)) * plan.noise * 2
        values = np.round(values - (1 - plan.outage) * 15 * plan.noise, 1)
    values[plan.lost] = np.nan
    return kind, values, samples
