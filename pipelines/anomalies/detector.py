"""The detector: walks through time once, for all series together, and says of each period what was expected.

A verdict on a period rests on that period and on earlier ones only, so a replay of last year gives what each day
would have given. Series never influence one another. Same input, same flags. Source: detection rules, "Detecting".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from definitions.settings import DetectionSettings

from .families import bounds, choose, unlink
from .marks import MarkIndex
from .series import Bools, Floats, Ints, SeriesBatch
from .walk import Change, Verdict, Walk

__all__ = ["DETECTOR", "DETECTOR_VERSION", "Change", "Detection", "Verdict", "detect"]

DETECTOR = "course"
DETECTOR_VERSION = "course-1.2.0"
"""Bumped whenever the same values could give other flags."""

DEFAULTS = DetectionSettings()
BLOCK = 1024
"""Series walked together: enough to vectorise, few enough to stay in the processor's cache."""


@dataclass(frozen=True)
class Detection:
    """The outcome for a batch; arrays are (series, periods).

    verdict: a `Verdict` per period. score: deviate behind the verdict, or of the period alone where none.
    deviate: of the period alone, signed. ready: periods that were tested at all. half_width: of the band,
    in standard deviations.
    """

    batch: SeriesBatch
    settings: DetectionSettings
    verdict: NDArray[np.int8]
    score: Floats
    deviate: Floats
    ready: Bools
    eta: Floats
    sampling: Floats
    total: Floats
    half_width: Floats
    code: Ints
    scale: Floats
    changes: tuple[Change, ...]
    version: str = DETECTOR_VERSION

    def expected(self) -> Floats:
        """Expected value of every period, in units; NaN where nothing was known yet."""
        known = unlink(self.code[:, None], self.scale[:, None], self.eta)
        return np.where(self.ready, known, np.nan)

    def band(self, rows: Ints | None = None, columns: Ints | None = None) -> tuple[Floats, Floats]:
        """(lower, upper) in units, for the given points or for all; NaN where nothing was known yet."""
        if rows is None or columns is None:
            everything = np.indices(self.eta.shape)
            lower, upper = self.band(everything[0].ravel(), everything[1].ravel())
            return lower.reshape(self.eta.shape), upper.reshape(self.eta.shape)
        at = (rows, columns)
        samples = np.full(len(rows), np.nan) if self.batch.samples is None else self.batch.samples[at]
        lower, upper = bounds(
            self.code[rows],
            self.scale[rows],
            samples,
            self.eta[at],
            self.sampling[at],
            self.total[at],
            self.half_width[at],
        )
        known = self.ready[at]
        return np.where(known, lower, np.nan), np.where(known, upper, np.nan)


def detect(batch: SeriesBatch, settings: DetectionSettings = DEFAULTS) -> Detection:
    """Test every complete period of every series.

    Args:
        batch: series of one grain.
        settings: thresholds.
    """
    forms = choose(batch, settings.history(batch.grain))
    marks = MarkIndex(batch)
    series = batch.shape[0]
    walks = [
        Walk(batch, settings, np.arange(first, min(first + BLOCK, series)), forms, marks)
        for first in range(0, max(series, 1), BLOCK)
    ]
    for walk in walks:
        walk.run()
    changes = [change for walk in walks for change in walk.found.values()]

    def joined(name: str) -> Floats:
        return np.concatenate([walk.out[name].T for walk in walks])

    return Detection(
        batch=batch,
        settings=settings,
        verdict=np.concatenate([walk.verdict.T for walk in walks]),
        ready=np.concatenate([walk.ready.T for walk in walks]),
        score=joined("score"),
        deviate=joined("deviate"),
        eta=joined("eta"),
        sampling=joined("sampling"),
        total=joined("total"),
        half_width=joined("half_width"),
        code=forms.code,
        scale=forms.scale,
        changes=tuple(sorted(changes, key=lambda change: (change.row, change.period, change.verdict))),
    )
