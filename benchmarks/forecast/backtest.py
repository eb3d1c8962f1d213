"""Backtest of forecasts for the end of a quarter: calibration and sharpness of each candidate.

    python -m benchmarks.forecast.backtest --each 100 --write

For every series a forecast is made from the 4 to 13 last weeks, 4 to 9 weeks into the quarter, for its last week.
Held against what came: the share of outcomes inside the 80 % interval (goal: 75 to 85 % over all kinds), and the
continuous ranked probability score in units of the series' own weekly step (lower is better: near and sure of it).
Both are means over the kinds, each kind counting the same. `chosen` is the product's own `forecast`: `averaged`, but
the plain `trend` where few points leave no doubt.

Candidates from statsforecast take part where that library is installed; the product does not need it. They are
automatic choices for long seasonal series, and few weekly values are not what they are made for.
Seeds 1 and 2 chose the method and its settings; the tables are from another seed, and from real exports.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import NormalDist

import numpy as np

from benchmarks.forecast.series import QUARTER, Series, generated, real
from pipelines.scoring.forecast import forecast
from pipelines.scoring.kinds import ForecastMethod

LAW = NormalDist()
Q80 = LAW.inv_cdf(0.9)
MONDAY = date(2026, 1, 5)
RESULTS = Path(__file__).parent / "RESULTS.md"


@dataclass(frozen=True)
class Prediction:
    """A value, its standard error, and the 80 % interval."""

    value: float
    error: float
    low: float
    high: float


Candidate = Callable[[Sequence[float], int], Prediction | None]


def _normal(value: float, error: float) -> Prediction:
    return Prediction(value, error, value - Q80 * error, value + Q80 * error)


def naive(values: Sequence[float], ahead: int) -> Prediction:
    """The last value stays; error as of a random walk."""
    steps = np.diff(values)
    return _normal(values[-1], float(np.sqrt(np.mean(steps**2) * ahead)))


def drift(values: Sequence[float], ahead: int) -> Prediction:
    """The last value and the mean step; error as of a random walk with drift."""
    steps, count = np.diff(values), len(values) - 1
    spread = np.sum((steps - steps.mean()) ** 2) / max(count - 1, 1)
    return _normal(
        values[-1] + float(steps.mean()) * ahead, float(np.sqrt(spread * ahead * (1 + ahead / count)))
    )


def half_trend(values: Sequence[float], ahead: int) -> Prediction:
    """Exponential smoothing with half the slope of the line (the theta method's idea)."""
    x = np.arange(len(values))
    slope = float(np.polyfit(x, values, 1)[0])
    best: tuple[float, float, float] | None = None
    for weight in (0.1, 0.3, 0.5, 0.7, 0.9):
        level, errors = values[0], []
        for value in values[1:]:
            errors.append(value - level)
            level += weight * (value - level)
        score = float(np.mean(np.square(errors)))
        if best is None or score < best[0]:
            best = (score, weight, level)
    assert best is not None
    score, weight, level = best
    return _normal(level + slope / 2 * ahead, math.sqrt(score * (1 + weight**2 * (ahead - 1))))


def ours(method: ForecastMethod | None) -> Candidate:
    """The product's own forecast."""

    def predict(values: Sequence[float], ahead: int) -> Prediction | None:
        points = [(MONDAY + timedelta(7 * week), float(value)) for week, value in enumerate(values)]
        found = forecast(points, points[-1][0] + timedelta(7 * ahead), method=method)
        if found is None:
            return None
        return Prediction(
            float(found.value), float(found.standard_error), float(found.low), float(found.high)
        )

    return predict


def libraries() -> dict[str, Candidate]:
    """Automatic models of statsforecast, where it is installed."""
    try:
        from statsforecast import models
    except ImportError:
        return {}

    def wrap(make: Callable[[], object]) -> Candidate:
        def predict(values: Sequence[float], ahead: int) -> Prediction | None:
            try:
                found = make().forecast(y=np.asarray(values, float), h=ahead, level=[80])  # type: ignore[attr-defined]
                value, low, high = (float(found[name][-1]) for name in ("mean", "lo-80", "hi-80"))
            except Exception:
                return None
            if not all(map(math.isfinite, (value, low, high))):
                return None
            return Prediction(value, max((high - low) / 2 / Q80, 0.0), low, high)

        return predict

    return {
        "AutoETS": wrap(models.AutoETS),
        "AutoTheta": wrap(models.AutoTheta),
        "AutoARIMA": wrap(models.AutoARIMA),
        "RandomWalkWithDrift": wrap(models.RandomWalkWithDrift),
    }


def candidates() -> dict[str, Candidate]:
    """Everything that takes part, ours first."""
    return {
        "chosen": ours(None),
        "trend": ours(ForecastMethod.TREND),
        "averaged": ours(ForecastMethod.AVERAGED),
        "naive": naive,
        "drift": drift,
        "half_trend": half_trend,
        **libraries(),
    }


@dataclass
class Tally:
    """What one candidate did on one kind of series."""

    covered: int = 0
    total: int = 0
    score: float = 0.0
    missing: int = 0


def crps(prediction: Prediction, outcome: float) -> float:
    """Continuous ranked probability score of a normal law; the distance for a certain one."""
    if prediction.error <= 0:
        return abs(outcome - prediction.value)
    z = (outcome - prediction.value) / prediction.error
    return prediction.error * (z * (2 * LAW.cdf(z) - 1) + 2 * LAW.pdf(z) - 1 / math.sqrt(math.pi))


def run(
    series: Sequence[Series], weeks: int, taking_part: dict[str, Candidate], seed: int
) -> dict[str, dict[str, Tally]]:
    """Forecast every series once from its last `weeks` weeks."""
    rng = np.random.default_rng(seed)
    tallies: dict[str, dict[str, Tally]] = {name: {} for name in taking_part}
    for one in series:
        into = int(rng.integers(4, 10))
        now = one.quarter + into
        values = one.values[max(one.first, now - weeks) : now].tolist()
        outcome, ahead = float(one.values[one.quarter + QUARTER - 1]), QUARTER - into
        step = float(np.mean(np.abs(np.diff(values)))) or 1.0
        for name, candidate in taking_part.items():
            tally = tallies[name].setdefault(one.kind, Tally())
            prediction = candidate(values, ahead)
            if prediction is None:
                tally.missing += 1
                continue
            tally.total += 1
            tally.covered += prediction.low - 1e-9 <= outcome <= prediction.high + 1e-9
            tally.score += min(crps(prediction, outcome) / step, 50.0)
    return tallies


def table(title: str, tallies: dict[str, dict[str, Tally]]) -> str:
    """Coverage and score per candidate: the mean over kinds, then each kind's coverage."""
    kinds = sorted({kind for found in tallies.values() for kind in found})
    lines = [
        f"### {title}",
        "",
        f"| candidate | 80 % interval holds | CRPS | {' | '.join(kinds)} |",
        f"|---|---|---|{'---|' * len(kinds)}",
    ]
    for name, found in tallies.items():
        known = [found[kind] for kind in kinds if found[kind].total]
        if not known:
            continue
        coverage = np.mean([tally.covered / tally.total for tally in known])
        score = np.mean([tally.score / tally.total for tally in known])
        each = " | ".join(
            f"{found[kind].covered / found[kind].total:.0%}" if found[kind].total else "–" for kind in kinds
        )
        lines.append(f"| {name} | {coverage:.1%} | {score:.3f} | {each} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Run the backtest and print it; `--write` keeps it beside this file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--each", type=int, default=100, help="generated series of every kind")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    arguments = parser.parse_args()
    started = time.process_time()
    taking_part = candidates()
    made, exported = list(generated(arguments.seed, arguments.each)), list(real())
    parts = [f"# Forecast backtest\n\n{(__doc__ or '').strip()}\n"]
    for weeks in (13, 8, 6, 4):
        title = f"{len(made)} generated series and {len(exported)} real quarters, last {weeks} weeks"
        parts.append(table(title, run([*made, *exported], weeks, taking_part, arguments.seed)))
    if not exported:
        parts.append("Real exports were not there.\n")
    parts.append(f"CPU time: {time.process_time() - started:.0f} s.\n")
    text = "\n".join(parts)
    print(text)
    if arguments.write:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
