"""A value that is not there: surprising only where values have come reliably. Its own rule, not a dip.

The chance of a gap is learned per place in the season (a series without weekends is never late on Sunday). A gap is
flagged once, when it has become unlikely. A ratio that has nothing to divide by is no gap. Source: detection rules, "a
missing value is a freshness matter with its own rule".
"""

from __future__ import annotations

import numpy as np

from definitions.settings import DetectionSettings

from .series import Bools

PRIOR_MISSES, SHARED = 0.5, 4.0
"""Misses a series is granted before it starts, and periods the rate of all places counts for at each place."""


class Gaps:
    """How often each series has no value, by place in the season, and the gap it is in."""

    def __init__(self, series: int, slots: int, settings: DetectionSettings, grain: str) -> None:
        self.missed = np.zeros((slots, series))
        self.seen = np.zeros((slots, series))
        self.length = np.zeros(series, dtype=np.int64)
        self.chance = np.ones(series)
        self.flagged = np.zeros(series, dtype=bool)
        self.alarm = settings.missing_alarm
        self.shortest = np.full(series, 2 if grain == "day" else 1, dtype=np.int64)

    def test(self, slot: int, absent: Bools, present: Bools, ready: Bools) -> Bools:
        """Series whose gap becomes a flag in this period."""
        overall = (self.missed.sum(axis=0) + PRIOR_MISSES) / (self.seen.sum(axis=0) + 1)
        rate = (self.missed[slot] + SHARED * overall) / (self.seen[slot] + SHARED)
        self.length = np.where(absent, self.length + 1, 0)
        self.chance = np.where(absent, self.chance * rate, 1.0)
        self.flagged &= absent
        late = absent & ready & ~self.flagged & (self.chance < self.alarm) & (self.length >= self.shortest)
        self.flagged |= late
        self.missed[slot] += absent
        self.seen[slot] += absent | present
        return np.asarray(late)

    def tolerate(self, rows: Bools) -> None:
        """Grant these series gaps as long as the one they are in: somebody called its flag false."""
        self.shortest = np.where(rows, np.maximum(self.shortest, self.length + 1), self.shortest)
