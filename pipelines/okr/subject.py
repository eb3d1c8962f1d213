"""What one key result's rule reads, and what it says: shared by the rules of every kind."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from definitions.model import Catalogue, KeyResult, Metric, Segment
from definitions.settings import ScoringSettings
from pipelines.okr.readings import Reading, Window, current_value, grain_of, spans_cycle, value_so_far
from pipelines.okr.series import SeriesBook
from pipelines.scoring.arithmetic import Number
from pipelines.scoring.checkin import CheckIn
from pipelines.scoring.cycle import GoalNumbers
from pipelines.scoring.kinds import Band, Comparison, Method
from pipelines.scoring.measure import Measure

VALUE_BY_HAND = "value_by_hand"


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a key result's own rule says.

    Attributes:
        reading: the current value and the day it is of.
        pace_progress: the progress that pace is measured on; None where pace makes no sense.
        comparison, low, high: what the value must satisfy, for the forecast; None where there is nothing to hold.
        is_done: an effort that is all done.
        grain: the period that counts as one value; None without a metric.
    """

    reading: Reading
    ratio: Measure
    progress: Measure
    score: Decimal | None
    method: Method
    band: Band
    target_met: bool | None
    flags: tuple[str, ...] = ()
    pace_progress: Decimal | None = None
    comparison: Comparison | None = None
    low: Number | None = None
    high: Number | None = None
    is_done: bool = False
    grain: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A key result with everything its rule reads.

    Attributes:
        check_ins: those that stand, up to the day of the snapshot, in order of day.
        agreed: the numbers it began the cycle with, as published; None where nothing was published yet.
    """

    key_result: KeyResult
    metric: Metric | None
    window: Window
    book: SeriesBook
    catalogue: Catalogue
    check_ins: tuple[CheckIn, ...]
    is_closing: bool
    agreed: GoalNumbers | None = None

    @property
    def settings(self) -> ScoringSettings:
        """The thresholds in force."""
        return self.catalogue.settings.scoring


def read_value(subject: Subject, segment: Segment) -> tuple[Reading, str | None, bool]:
    """The current value: the metric's, unless a person gave a later one by hand."""
    reading, grain = Reading(None, None), None
    if subject.metric is not None:
        grain = grain_of(subject.key_result, subject.metric, subject.book)
        if subject.window.is_past and spans_cycle(grain, subject.window):
            reading = value_so_far(subject.book, subject.metric, segment, subject.window)
        else:
            series = subject.book.of(subject.metric.name, grain, segment)
            reading = current_value(series, subject.metric, grain, subject.window)
    by_hand = [item for item in subject.check_ins if item.value_override is not None]
    if by_hand and (reading.as_of is None or by_hand[-1].on > reading.as_of):
        last = by_hand[-1]
        return Reading(float(last.value_override or 0), last.on), grain, subject.metric is not None
    return reading, grain, False
