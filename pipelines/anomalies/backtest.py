"""What would these settings have flagged? The same walk through time as every day, over the past.

    replay = backtest(batch, settings, since=date(2025, 1, 1))
    replay.flags, replay.flags_per_year("tickets_opened")

A verdict rests on the past of its own period only, so the replay gives what each day would have given then.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from definitions.settings import DetectionSettings

from .detector import DEFAULTS, Detection, detect
from .flags import Flag, flags_of
from .series import SeriesBatch

PERIODS_PER_YEAR = {"day": 365.25, "week": 52.18, "month": 12.0, "quarter": 4.0}


@dataclass(frozen=True)
class Backtest:
    """The outcome of a replay.

    first: column of the first period that counts. tested: complete, tested periods per series from there on.
    """

    detection: Detection
    flags: tuple[Flag, ...]
    first: int
    tested: tuple[int, ...]

    def flags_per_year(self, key: str) -> float:
        """Flags of one series per year that was tested; 0 where nothing could be tested."""
        row = self.detection.batch.keys.index(key)
        years = self.tested[row] / PERIODS_PER_YEAR[self.detection.batch.grain]
        return sum(flag.row == row for flag in self.flags) / years if years else 0.0

    def kinds(self) -> dict[str, int]:
        """Flags by kind."""
        return dict(sorted(Counter(flag.kind for flag in self.flags).items()))


def backtest(
    batch: SeriesBatch, settings: DetectionSettings = DEFAULTS, since: date | None = None
) -> Backtest:
    """Replay a batch; ``since`` None counts from its beginning.

    The years before ``since`` are walked too: they are the history that the first verdicts rest on.
    """
    detection = detect(batch, settings)
    first = 0 if since is None else int(np.searchsorted(batch.starts, np.datetime64(since)))
    ready = detection.ready[:, first:] & np.isfinite(batch.values[:, first:])
    return Backtest(detection, flags_of(detection, since), first, tuple(ready.sum(axis=1).tolist()))


def compare(
    batch: SeriesBatch, one: DetectionSettings, other: DetectionSettings, since: date | None = None
) -> tuple[tuple[Flag, ...], tuple[Flag, ...]]:
    """(flags that only ``one`` raises, flags that only ``other`` raises)."""
    first, second = backtest(batch, one, since).flags, backtest(batch, other, since).flags
    places = {(flag.row, flag.period_start) for flag in first}
    others = {(flag.row, flag.period_start) for flag in second}
    return (
        tuple(flag for flag in first if (flag.row, flag.period_start) not in others),
        tuple(flag for flag in second if (flag.row, flag.period_start) not in places),
    )


def until(batch: SeriesBatch, last: date) -> SeriesBatch:
    """The batch as it stood after the period that starts on ``last``: later periods cut off."""
    keep = int(np.searchsorted(batch.starts, np.datetime64(last), side="right"))

    return replace(batch.take(np.arange(batch.shape[0]), slice(0, keep)), incomplete=None)
