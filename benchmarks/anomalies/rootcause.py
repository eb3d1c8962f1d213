"""Is a planted cause among the three segments that are named? 1,000 seeds of 50 segments, all in one walk.

    python -m benchmarks.anomalies.rootcause [--seeds 1000]

Each seed: a total of 50 segments of very different size that share a week and sway together; in one of them, any one,
something breaks on the last day (or over the last five), as strongly as it takes to move the total by three to eight
of its own deviations. Goal: the segment is among the first three in at least 95 % of seeds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import date

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from pipelines.anomalies.rootcause import foresee, segment_causes
from pipelines.anomalies.series import SeriesBatch

Floats = NDArray[np.float64]
WEEK = np.array([1.0, 1.02, 1.0, 0.97, 0.95, 0.5, 0.4])
DAYS, SEGMENTS = 120, 50
Planted = tuple[Floats, Floats | None, int]


def counts(rng: Generator, length: int) -> Planted:
    """Tickets by region: Poisson, swaying together by 4 %."""
    rates = _rates(rng, 2500)
    total = rates[:, -1].sum()
    change = rng.uniform(3, 8) * np.hypot(np.sqrt(total), 0.04 * total) * rng.choice([-1.0, 1.0])
    cause = _cause(rng, rates, change)
    rates[cause, -length:] = np.maximum(rates[cause, -length:] + change, 0)
    return rng.poisson(rates).astype(float), None, cause


def amounts(rng: Generator, length: int) -> Planted:
    """Revenue by account: log-normal, each with a noise of its own."""
    rates = _rates(rng, 90_000)
    noise = rng.uniform(0.05, 0.2, (SEGMENTS, 1))
    deviation = float(np.sqrt(((rates[:, -1:] * noise) ** 2).sum() + (0.04 * rates[:, -1].sum()) ** 2))
    change = rng.uniform(3, 8) * deviation * rng.choice([-1.0, 1.0])
    cause = _cause(rng, rates, change)
    rates[cause, -length:] = np.maximum(rates[cause, -length:] + change, 1)
    return np.round(rates * np.exp(rng.normal(0, noise, rates.shape)), 2), None, cause


def shares(rng: Generator, length: int) -> Planted:
    """Satisfaction by team: shares of very different volumes."""
    samples = rng.poisson(_rates(rng, 5000) + 1).astype(float)
    chance = np.clip(rng.normal(0.8, 0.05, (SEGMENTS, 1)) + rng.normal(0, 0.01, DAYS), 0.05, 0.97)
    total = samples[:, -1].sum()
    change = rng.uniform(3, 8) * float(np.hypot(np.sqrt(0.16 / total), 0.01)) * total  # answers that turn
    enough = np.flatnonzero(samples[:, -length:].min(axis=1) * 0.7 > change)
    cause = int(rng.choice(enough)) if len(enough) else int(samples[:, -1].argmax())
    chance[cause, -length:] = np.maximum(chance[cause, -length:] - change / samples[cause, -length:], 0.02)
    hits = rng.binomial(samples.astype(int), chance)
    with np.errstate(invalid="ignore"):
        return np.where(samples > 0, hits / samples, np.nan), samples, cause


def _rates(rng: Generator, total: float) -> Floats:
    weights = rng.dirichlet(np.full(SEGMENTS, rng.uniform(0.5, 4)))
    together = np.exp(rng.normal(0, 0.04, DAYS))
    return np.asarray(total * weights[:, None] * WEEK[np.arange(DAYS) % 7] * together)


def _cause(rng: Generator, rates: Floats, change: float) -> int:
    """Any segment; a fall needs one that is large enough to fall so far."""
    possible = np.arange(SEGMENTS) if change > 0 else np.flatnonzero(rates[:, -1] > -change)
    return int(rng.choice(possible)) if len(possible) else int(rates[:, -1].argmax())


WORLDS: dict[str, tuple[str, Callable[[Generator, int], Planted]]] = {
    "counts": ("count", counts),
    "amounts": ("money", amounts),
    "shares": ("ratio", shares),
}


def named(world: str, seeds: int, length: int, first: int = 0) -> tuple[float, float]:
    """(share of seeds whose cause is among the first three, share where it comes first)."""
    kind, make = WORLDS[world]
    made = [make(default_rng([first + seed, length, 50]), length) for seed in range(seeds)]
    values = np.vstack([one[0] for one in made])
    samples = None if made[0][1] is None else np.vstack([one[1] for one in made if one[1] is not None])
    batch = SeriesBatch.of(values, kind, start=date(2025, 1, 6), samples=samples)
    begin, end = DAYS - length, DAYS - 1
    foresight = foresee(batch, np.full(len(values), begin), np.full(len(values), end))
    among = leading = 0
    for seed, (_, _, cause) in enumerate(made):
        segments = {seed * SEGMENTS + place: ("region", str(place)) for place in range(SEGMENTS)}
        top = [one.segment for one in segment_causes(foresight, segments, begin, end)]
        among += str(cause) in top
        leading += top[:1] == [str(cause)]
    return among / seeds, leading / seeds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=1000)
    options = parser.parse_args()
    print("| values | days | among the first three | first | CPU s |")
    print("|---|---|---|---|---|")
    for world in WORLDS:
        for length in (1, 5):
            began = time.process_time()
            among, leading = named(world, options.seeds, length)
            seconds = time.process_time() - began
            print(f"| {world} | {length} | {among:.1%} | {leading:.1%} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
