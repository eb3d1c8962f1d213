"""Event-wise judgement of flags: how many planted events were found, at what price in false alerts.

Flags of one series at most `MERGE` days apart are one alert. An alert that touches an event's window, widened
by one day before and `TOLERANCE` days after, has found it; an alert that touches none is false.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .generator import Labelled

MERGE = 3
TOLERANCE = 3
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass
class Verdict:
    """Counts over one or more labelled sets."""

    found: int = 0
    missed: int = 0
    false: int = 0
    series_years: float = 0.0
    found_by_kind: Counter[str] = field(default_factory=Counter)
    planted_by_kind: Counter[str] = field(default_factory=Counter)
    false_by_family: Counter[str] = field(default_factory=Counter)
    covered: int = 0
    quiet: int = 0
    covered_by_family: Counter[str] = field(default_factory=Counter)
    quiet_by_family: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, other: Verdict) -> Verdict:
        for name, value in vars(other).items():
            mine = getattr(self, name)
            setattr(self, name, mine + value)
        return self

    @property
    def precision(self) -> float:
        return self.found / max(self.found + self.false, 1)

    @property
    def recall(self) -> float:
        return self.found / max(self.found + self.missed, 1)

    @property
    def f1(self) -> float:
        return 2 * self.found / max(2 * self.found + self.false + self.missed, 1)

    @property
    def false_per_year(self) -> float:
        return self.false / max(self.series_years, 1e-9)

    @property
    def coverage(self) -> float:
        return self.covered / max(self.quiet, 1)

    def recall_of(self, kind: str) -> float:
        return self.found_by_kind[kind] / max(self.planted_by_kind[kind], 1)


def judge(data: Labelled, flags: Bools) -> Verdict:
    """Match the alerts of one set with its events."""
    verdict = Verdict(series_years=flags.size / 365)
    by_row: dict[int, list[tuple[int, int]]] = {}
    for row in range(flags.shape[0]):
        by_row[row] = alerts_of(np.flatnonzero(flags[row]))
    hit: set[tuple[int, int]] = set()
    for event in data.events:
        verdict.planted_by_kind[event.kind] += 1
        low, high = event.start - 1, event.end + TOLERANCE
        touching = [n for n, (first, last) in enumerate(by_row[event.row]) if first <= high and last >= low]
        hit.update((event.row, n) for n in touching)
        if touching:
            verdict.found += 1
            verdict.found_by_kind[event.kind] += 1
        else:
            verdict.missed += 1
    for row, alerts in by_row.items():
        lost = sum((row, n) not in hit for n in range(len(alerts)))
        verdict.false += lost
        verdict.false_by_family[data.families[row]] += lost
    return verdict


def alerts_of(days: NDArray[np.int64]) -> list[tuple[int, int]]:
    """(first, last) of each run of flagged days with gaps of at most `MERGE`."""
    if not len(days):
        return []
    breaks = np.flatnonzero(np.diff(days) > MERGE)
    firsts = np.concatenate([days[:1], days[breaks + 1]])
    lasts = np.concatenate([days[breaks], days[-1:]])
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


def judge_band(data: Labelled, lower: Floats, upper: Floats, verdict: Verdict) -> None:
    """Add how many quiet, tested points the band covers."""
    values = data.batch.values
    tested = data.quiet & np.isfinite(values) & np.isfinite(lower) & np.isfinite(upper)
    inside = tested & (values >= lower) & (values <= upper)
    verdict.quiet += int(tested.sum())
    verdict.covered += int(inside.sum())
    for family in sorted(set(data.families)):
        rows = np.array([name == family for name in data.families])
        verdict.quiet_by_family[family] += int(tested[rows].sum())
        verdict.covered_by_family[family] += int(inside[rows].sum())
