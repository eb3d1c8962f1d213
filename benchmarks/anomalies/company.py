"""A third generator, for confirmation alone: the daily figures of small companies, simulated from their causes.

Visitors come by an intensity with growth, a week, a season, pay days, holidays and a sway that hangs together. What a
company counts comes of them: orders, revenue (a sum of heavy-tailed baskets), refunds (few), conversion (few in the
denominator), reply times (a median of few), accounts (a stock), incidents (many zeros), promoters less detractors.
Nothing of the detector was chosen or changed after a look at these series. Labels are those of `generator`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.random import Generator, default_rng

from pipelines.anomalies.series import SeriesBatch

from .generator import Event, Floats, Labelled

COMPANIES, DAYS, START = 12, 730, date(2022, 10, 10)
NONE = np.full(DAYS, np.nan)


@dataclass(frozen=True)
class Company:
    """One company: ``intensity`` is visitors a day by date, ``luck`` a shared sway of days that hangs together."""

    rng: Generator
    intensity: Floats
    luck: Floats


Drawn = tuple[Floats, Floats]
"""Values and samples."""


@dataclass(frozen=True)
class Figure:
    """A figure of a company.

    kind: of its values. draw: its values, given a factor by day on what drives it. spread: standard deviation of one
    day about its course, as a share of it. falls: whether it can fall visibly.
    """

    kind: str
    draw: Callable[[Company, Floats], Drawn]
    spread: Callable[[Company], float]
    falls: bool = True


def _orders(company: Company, factor: Floats) -> Drawn:
    return company.rng.poisson(0.2 * company.intensity * factor).astype(float), NONE


def _revenue(company: Company, factor: Floats) -> Drawn:
    """The sum of the day's baskets, whose sizes are log-normal with a long tail."""
    rng = company.rng
    count = rng.poisson(0.2 * company.intensity * factor)
    scale = float(np.exp(rng.uniform(2, 6)))
    return np.array([round(scale * float(np.exp(rng.normal(0, 0.9, n)).sum()), 2) for n in count]), NONE


def _refunds(company: Company, factor: Floats) -> Drawn:
    count = company.rng.poisson(0.012 * company.intensity * factor)
    return count.astype(float), NONE


def _conversion(company: Company, factor: Floats) -> Drawn:
    """Few visitors see the offer; days on which nobody did have no value."""
    rng = company.rng
    seen = rng.poisson(0.06 * company.intensity).astype(float)
    chance = np.clip(rng.uniform(0.15, 0.5) * factor * np.exp(0.04 * company.luck), 0.001, 0.999)
    hits = rng.binomial(seen.astype(int), chance)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(seen > 0, hits / seen, np.nan), seen


def _reply(company: Company, factor: Floats) -> Drawn:
    """Median of the day's replies."""
    rng = company.rng
    count = np.maximum(rng.poisson(0.05 * company.intensity), 1)
    scale, width = float(np.exp(rng.uniform(6, 10))), rng.uniform(0.5, 0.9)
    middle = [float(np.median(np.exp(rng.normal(0, width, n)))) for n in count]
    return np.round(scale * factor * np.array(middle)), count.astype(float)


def _accounts(company: Company, factor: Floats) -> Drawn:
    """A stock that follows the company's growth and is moved by what comes and goes."""
    rng = company.rng
    smooth = np.convolve(np.pad(company.intensity, (27, 0), mode="edge"), np.ones(28) / 28, mode="valid")
    steps = np.zeros(DAYS)
    for day in range(1, DAYS):
        steps[day] = 0.8 * steps[day - 1] + rng.normal(0, 0.01)
    return np.round(40 * smooth * np.exp(steps) * factor), NONE


def _incidents(company: Company, factor: Floats) -> Drawn:
    """Calm days have none; others have some."""
    rng = company.rng
    busy = rng.random(DAYS) < 0.55
    rate = rng.gamma(2.5, rng.uniform(0.8, 2.0) / 2.5, DAYS)
    return np.where(busy, rng.poisson(rate * factor), rng.poisson(0.35 * (factor - 1).clip(0))).astype(
        float
    ), NONE


def _promoters(company: Company, factor: Floats) -> Drawn:
    """Promoters less detractors, in points; crosses zero."""
    rng = company.rng
    count = np.maximum(rng.poisson(0.04 * company.intensity), 3)
    base = rng.uniform(0.3, 0.5)
    good = np.clip(base + (factor - 1) * 0.5, 0.01, 0.95)
    bad = np.clip(0.75 - base - (factor - 1) * 0.5, 0.01, 0.95)
    total = np.maximum(good + bad, 1.0)
    up = rng.binomial(count, good / total)
    down = rng.binomial(count - up, np.clip(bad / total / (1 - good / total), 0, 1))
    return np.round(100 * (up - down) / count, 1), count.astype(float)


def _sway(company: Company) -> float:
    return float(np.std(np.diff(company.luck)) * 0.06)


def _rate(company: Company, share: float, per: float = 1.0) -> float:
    return float(np.hypot(per / np.sqrt(share * np.median(company.intensity)), 0.06))


FIGURES = {
    "orders": Figure("count", _orders, lambda c: _rate(c, 0.2)),
    "revenue": Figure("money", _revenue, lambda c: _rate(c, 0.2, 1.5)),
    "refunds": Figure("count", _refunds, lambda c: _rate(c, 0.012), falls=False),
    "conversion": Figure("ratio", _conversion, lambda c: _rate(c, 0.06, 1.4)),
    "reply time": Figure("duration", _reply, lambda c: _rate(c, 0.05, 0.9)),
    "accounts": Figure("level", _accounts, lambda _: 0.015),
    "incidents": Figure("count", _incidents, lambda _: 1.3, falls=False),
    "promoters": Figure("score", _promoters, lambda c: _rate(c, 0.04, 1.7)),
}


def companies(seed: int, figure: str) -> Labelled:
    """One figure of a dozen companies, labelled."""
    values, samples = np.empty((COMPANIES, DAYS)), np.empty((COMPANIES, DAYS))
    quiet = np.ones((COMPANIES, DAYS), dtype=bool)
    holidays, events = _holidays(), list[Event]()
    marked = {(day - START).days for day, _ in holidays}
    one = FIGURES[figure]
    for row in range(COMPANIES):
        rng = default_rng([seed, sorted(FIGURES).index(figure), row, 4242])
        company = _company(rng, holidays)
        planted, factor = _events(rng, one, one.spread(company), marked)
        values[row], samples[row] = one.draw(company, factor)
        for event in planted:
            quiet[row, event.start : event.end + 1] = False
            events.append(replace(event, row=row))
    batch = SeriesBatch.of(values, one.kind, start=START, samples=samples, holidays=holidays)
    return Labelled(figure, batch, tuple(events), quiet, (figure,) * COMPANIES)


def _company(rng: Generator, holidays: list[tuple[date, str]]) -> Company:
    day = np.arange(DAYS)
    dates = np.datetime64(START) + day
    capacity = rng.uniform(1.0, 4.0)
    growth = 1 + (capacity - 1) / (1 + np.exp(-(day - rng.uniform(150, 600)) / rng.uniform(60, 200)))
    week = np.exp(rng.normal(0, 0.12, 7))
    week[5:] *= rng.uniform(0.25, 1.1)
    season = np.exp(rng.uniform(0, 0.12) * np.sin(2 * np.pi * (day / 365.25 + rng.random())))
    month = (dates - dates.astype("datetime64[M]").astype("datetime64[D]")).astype(int)
    pay = np.where(month <= 1, rng.uniform(1.0, 1.12), 1.0)
    luck, shocks = np.zeros(DAYS), rng.standard_t(6, DAYS) * np.sqrt(4 / 6)
    rho = rng.uniform(0.0, 0.5)
    for place in range(DAYS):
        luck[place] = rho * luck[place - 1] * (place > 0) + np.sqrt(1 - rho**2) * shocks[place]
    intensity = np.exp(rng.uniform(5, 8.5)) * growth * week[day % 7] * season * pay * np.exp(0.06 * luck)
    names = {name: rng.uniform(0.15, 0.9) for name in sorted({name for _, name in holidays})}
    for when, name in holidays:
        place = (when - START).days
        intensity[place] *= names[name] * np.exp(rng.normal(0, 0.08))
        if rng.random() < 0.3 and place > 0:
            intensity[place - 1] *= 0.9  # people leave early
    return Company(rng, intensity, luck)


def _holidays() -> list[tuple[date, str]]:
    """Fixed feasts, and two that move: four days around a spring date, and a day late in November."""
    last = START + timedelta(days=DAYS - 1)
    found = []
    for year in range(START.year, last.year + 1):
        found += [(date(year, 1, 1), "New Year"), (date(year, 5, 1), "May"), (date(year, 7, 14), "Summer")]
        found += [(date(year, 12, 24 + n), f"Christmas {n}") for n in range(3)]
        spring = date(year, 4, 1) + timedelta(days=(year * 11) % 20)
        friday = spring - timedelta(days=(spring.weekday() - 4) % 7)
        found += [(friday, "Good Friday"), (friday + timedelta(days=3), "Easter Monday")]
        late = date(year, 11, 28)
        found.append((late - timedelta(days=(late.weekday() - 3) % 7), "Thanks"))
    return sorted((day, name) for day, name in found if START <= day <= last)


def _events(rng: Generator, figure: Figure, spread: float, marked: set[int]) -> tuple[list[Event], Floats]:
    """Three events a series on average, three months apart; (events, factor by day)."""
    day, factor = np.arange(DAYS), np.ones(DAYS)
    planted: list[Event] = []
    place = int(rng.integers(100, 190))
    while place < DAYS - 45:
        while place in marked:
            place += 1
        kinds = (
            ("spike", "dip", "level_shift", "drift", "outage")
            if figure.falls
            else ("spike", "level_shift", "drift")
        )
        kind = str(rng.choice(kinds))
        up = not figure.falls or rng.random() < 0.5
        end, size = place, 0.0
        if kind in ("spike", "dip"):
            size = rng.uniform(4.5, 11) * spread
            factor[place] *= 1 + size if kind == "spike" else max(1 - size, 0.0)
        elif kind in ("level_shift", "drift"):
            size = rng.uniform(2.5, 6) * spread
            length = 1 if kind == "level_shift" else int(rng.integers(21, 61))
            step = np.log1p(size) * (1 if up else -1)
            factor *= np.exp(step * np.clip((day - place + 1) / length, 0, 1))
            end = place + max(length, 14) - 1
        else:
            end = place + int(rng.integers(0, 3))
            factor[place : end + 1] *= rng.uniform(0.0, 0.2)
        planted.append(Event(0, place, end, kind, float(size)))
        place += int(rng.integers(90, 260))
    return planted, factor
