"""Weekly series for the backtest: ten generated kinds, and weekly counts from real exports where they are there.

Each generated series has a history of a year and a quarter of 13 weeks after it; a forecast is made some weeks into
the quarter for its last week.
"""

from __future__ import annotations

import csv
import gzip
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HISTORY = 52
QUARTER = 13


@dataclass(frozen=True)
class Series:
    """One weekly series; `first` is where it may be read from (a total to date begins with the quarter)."""

    kind: str
    values: NDArray[np.float64]
    quarter: int
    first: int = 0


def generated(seed: int, each: int) -> Iterator[Series]:
    """`each` series of every kind."""
    rng = np.random.default_rng(seed)
    length = HISTORY + QUARTER
    weeks = np.arange(length, dtype=float)
    for _ in range(each):
        base = rng.uniform(20, 200)
        noise = base * rng.uniform(0.01, 0.08)
        slope = base * rng.normal(0, 0.01)
        yield _series("line and noise", base + slope * weeks + rng.normal(0, noise, length))
        yield _series(
            "random walk", base + np.cumsum(rng.normal(base * rng.normal(0, 0.003), noise / 2, length))
        )
        yield _series(
            "line and memory", base + slope * weeks + _memory(rng, rng.uniform(0.4, 0.85), noise, length)
        )
        yield _series("level and memory", base + _memory(rng, rng.uniform(0, 0.5), noise, length))
        middle, steep = rng.uniform(HISTORY - 16, HISTORY + 9), rng.uniform(2, 5)
        curve = 1 + rng.uniform(0.2, 0.8) / (1 + np.exp(-(weeks - middle) / steep))
        yield _series("s-curve", base * curve + rng.normal(0, noise / 2, length))
        start = HISTORY + rng.integers(-2, 6)
        ramp = base * rng.normal(0, 0.02) * np.maximum(0, weeks - start)
        yield _series("effort begins", base + ramp + rng.normal(0, noise, length))
        rate = np.exp(np.log(rng.uniform(3, 60)) + np.cumsum(rng.normal(0, 0.04, length)))
        yield _series("count", rng.poisson(rate).astype(float))
        share = 1 / (1 + np.exp(-(rng.normal(0, 1.2) + np.cumsum(rng.normal(0, 0.05, length)))))
        rows = int(rng.integers(40, 500))
        yield _series("ratio", rng.binomial(rows, share) / rows)
        total = np.cumsum(rng.poisson(rng.uniform(0.5, 20), QUARTER)).astype(float)
        yield Series("total to date", np.concatenate([np.zeros(HISTORY), total]), HISTORY, HISTORY)
        level = np.log(base * 1000) + rng.normal(0, 0.003) * weeks + np.cumsum(rng.normal(0, 0.02, length))
        yield _series("money", np.exp(level + rng.normal(0, rng.uniform(0.03, 0.25), length)))


def real(folder: Path | None = None) -> Iterator[Series]:
    """Every quarter of weekly counts in the real exports; nothing where they are absent."""
    root = (
        folder
        or Path(os.environ.get("VITALS_SHARED", Path(__file__).parents[2].parent / "shared")) / "realdata"
    )
    if not root.is_dir():
        return
    issues = root / "issues" / "issue.csv.gz"
    by_project: dict[str, list[date]] = {}
    with gzip.open(issues, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_project.setdefault(f"{row['project']} created", []).append(
                date.fromisoformat(row["created"][:10])
            )
            if row["resolutiondate"]:
                day = date.fromisoformat(row["resolutiondate"][:10])
                by_project.setdefault(f"{row['project']} resolved", []).append(day)
    for _, days in sorted(by_project.items()):
        if len(days) > 300:
            yield from _quarters("real issues", _weekly(days))
    with gzip.open(root / "support" / "helpdesk.csv.gz", "rt", encoding="utf-8", newline="") as file:
        tickets = {}
        for row in csv.DictReader(file):
            tickets.setdefault(row["case:concept:name"], date.fromisoformat(row["time:timestamp"][:10]))
    yield from _quarters("real tickets", _weekly(tickets.values()))
    with (root / "crm" / "sales_pipeline.csv").open(encoding="utf-8", newline="") as file:
        closed: dict[str, list[date]] = {}
        for row in csv.DictReader(file):
            if row["close_date"]:
                closed.setdefault(row["deal_stage"], []).append(date.fromisoformat(row["close_date"]))
                closed.setdefault(row["product"], []).append(date.fromisoformat(row["close_date"]))
    for _, days in sorted(closed.items()):
        yield from _quarters("real deals", _weekly(days))


def _series(kind: str, values: NDArray[np.float64]) -> Series:
    return Series(kind, values, HISTORY)


def _memory(rng: np.random.Generator, keeps: float, size: float, length: int) -> NDArray[np.float64]:
    shocks = rng.normal(0, size * np.sqrt(1 - keeps**2), length)
    found = np.zeros(length)
    found[0] = rng.normal(0, size)
    for week in range(1, length):
        found[week] = keeps * found[week - 1] + shocks[week]
    return found


def _weekly(days: Iterable[date]) -> NDArray[np.float64]:
    counted = Counter(day - timedelta(day.weekday()) for day in days)
    first, last = min(counted), max(counted)
    weeks = (last - first).days // 7 + 1
    return np.array([counted[first + timedelta(7 * week)] for week in range(weeks)][1:-1], float)


def _quarters(kind: str, values: NDArray[np.float64]) -> Iterator[Series]:
    """A series per quarter, each with what came before it; long stretches of nothing are no KPI and left out."""
    for start in range(QUARTER, len(values) - QUARTER, QUARTER):
        begin = max(0, start - HISTORY)
        window = values[begin : start + QUARTER]
        if np.count_nonzero(window[-2 * QUARTER :]) >= QUARTER:
            yield Series(kind, window, start - begin)
