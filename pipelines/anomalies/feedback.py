"""What people said about flags, and what the detector makes of it.

``acknowledged`` changes who looks, not what is expected. ``expected`` (a campaign, an outage) and ``false``
(no anomaly) take their range out of the history the model learns from; after a ``false`` the series tolerates flags
like that one, and its other alarms become a little more careful. Source: detection rules, "Feedback".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np

from .series import Bools, Dates


class FeedbackVerdict(StrEnum):
    """What a person said."""

    ACKNOWLEDGED = "acknowledged"
    EXPECTED = "expected"
    FALSE = "false"


@dataclass(frozen=True, slots=True)
class Feedback:
    """A person's word on a metric over inclusive days.

    segment: (dimension, value); None means the total and every segment.
    """

    metric: str
    start: date
    end: date
    verdict: FeedbackVerdict
    reason: str = ""
    given_by: str = ""
    segment: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"feedback on {self.metric}: the range ends on {self.end}, before {self.start}")
        if self.verdict is FeedbackVerdict.EXPECTED and not self.reason:
            raise ValueError(f"feedback on {self.metric}: say why it was expected (campaign, outage, ...)")

    def covers(self, metric: str, segment: tuple[str, str]) -> bool:
        """Whether it speaks of this series."""
        return self.metric == metric and self.segment in (None, segment)


@dataclass(frozen=True)
class Learned:
    """What feedback means for a batch: arrays as in `SeriesBatch`."""

    ignored: Bools
    doubted: Bools


def learned(
    feedback: Sequence[Feedback], series: Sequence[tuple[str, tuple[str, str]]], starts: Dates, ends: Dates
) -> Learned:
    """Periods that leave the history because they were expected, and those whose flags were called false.

    Args:
        series: (metric, segment) by row; ("", "") is the total.
        starts, ends: first and inclusive last day by period.
    """
    ignored = np.zeros((len(series), len(starts)), dtype=bool)
    doubted = np.zeros(ignored.shape, dtype=bool)
    by_metric: dict[str, list[Feedback]] = {}
    for word in feedback:
        if word.verdict is not FeedbackVerdict.ACKNOWLEDGED:
            by_metric.setdefault(word.metric, []).append(word)
    for row, (metric, segment) in enumerate(series):
        for word in by_metric.get(metric, ()):
            if not word.covers(metric, segment):
                continue
            chosen = doubted if word.verdict is FeedbackVerdict.FALSE else ignored
            chosen[row] |= (starts <= np.datetime64(word.end)) & (ends >= np.datetime64(word.start))
    return Learned(ignored, doubted)


def state_of(
    feedback: Iterable[Feedback],
    metric: str,
    segment: tuple[str, str],
    start: date,
    end: date,
    since: date | None = None,
) -> tuple[str, str]:
    """(state, reason) of a flag on the period ``start``..``end``: the last word on it wins; ``open`` where nobody
    spoke. What was expected covers a flag from where its change began (``since``)."""
    state, reason = "open", ""
    for word in feedback:
        first = since or start if word.verdict is FeedbackVerdict.EXPECTED else start
        if word.covers(metric, segment) and word.start <= end and word.end >= first:
            state = {"acknowledged": "acknowledged", "expected": "expected", "false": "resolved"}[
                word.verdict
            ]
            reason = word.reason
    return state, reason
