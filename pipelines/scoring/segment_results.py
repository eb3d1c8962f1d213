"""A key result held per segment: "+15 % retention in each segment".

`all` is as good as its worst segment and met when every one is; `mean` averages the scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from pipelines.scoring.arithmetic import quantise


class SegmentMode(StrEnum):
    """How the segments of one key result become one score."""

    TOTAL = "total"
    ALL = "all"
    MEAN = "mean"


def combine_segments(mode: SegmentMode, scores: Sequence[Decimal | None]) -> Decimal | None:
    """Return the one score of several segments.

    In `all` a segment without a score leaves the whole unknown: nobody can say that all of them got there. In
    `mean` it is left out.
    """
    known = [score for score in scores if score is not None]
    if not known or (mode is SegmentMode.ALL and len(known) < len(scores)):
        return None
    if mode is SegmentMode.ALL:
        return min(known)
    return quantise(sum(map(Fraction, known), Fraction(0)) / len(known))


def combine_met(mode: SegmentMode, met: Sequence[bool | None], combined: bool | None) -> bool | None:
    """Whether the key result is met: every segment in `all`, the combined value otherwise."""
    if mode is not SegmentMode.ALL:
        return combined
    if any(verdict is False for verdict in met):
        return False
    return True if met and all(met) else None
