"""One key result on one day: its kind's rule, applied to its metric's values and to what people said.

Every kind ends in an `Assessment`; pace, forecast and status come after, the same for all. Source: scoring rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from definitions.model import Catalogue, Direction, KeyResult, Metric, Segment
from definitions.settings import ScoringSettings
from pipelines.okr.limits import band_of
from pipelines.okr.readings import Reading, Window, current_value, grain_of, judged_periods, value_on
from pipelines.okr.series import SeriesBook
from pipelines.scoring.arithmetic import Number, quantise
from pipelines.scoring.bands import at_least_at_risk
from pipelines.scoring.bands import band_of as words_for
from pipelines.scoring.checkin import CheckIn
from pipelines.scoring.control import VIOLATED_NOW, score_control
from pipelines.scoring.cycle import RETRO_EDIT, is_inside
from pipelines.scoring.effort import Step, score_baseline_search, score_binary, score_milestones
from pipelines.scoring.errors import TargetError
from pipelines.scoring.kinds import Band, Comparison, Method
from pipelines.scoring.measure import Measure
from pipelines.scoring.optimum import OptimumBand, score_optimum
from pipelines.scoring.progress import progress
from pipelines.scoring.ratio import ratio
from pipelines.scoring.score import Score, score_outcome
from pipelines.scoring.segment_results import SegmentMode, combine_met, combine_segments
from pipelines.scoring.targets import TargetSpec, resolve_target

VALUE_BY_HAND = "value_by_hand"
EVERY = "*"


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
    """

    key_result: KeyResult
    metric: Metric | None
    window: Window
    book: SeriesBook
    catalogue: Catalogue
    check_ins: tuple[CheckIn, ...]
    is_closing: bool

    @property
    def settings(self) -> ScoringSettings:
        """The thresholds in force."""
        return self.catalogue.settings.scoring


def assess(subject: Subject) -> Assessment:
    """Apply the rule of the key result's kind."""
    key_result = subject.key_result
    match key_result.kr_type:
        case "milestone" | "binary":
            found = _effort(subject)
        case "baseline":
            found = _baseline(subject)
        case "stay_above" | "stay_below" | "stay_between":
            found = _zones(subject) if key_result.score_method == "zones" else _control(subject)
        case _:
            found = _segments(subject) if _is_per_segment(key_result) else _outcome(subject)
    flags = set(found.flags)
    if any(
        is_inside(revision.on, subject.window.start, subject.window.end)
        and revision.on <= subject.window.as_of
        for revision in key_result.revisions
    ):
        flags.add(RETRO_EDIT)
    return replace(found, flags=tuple(sorted(flags)))


# ── outcome ─────────────────────────────────────────────────────────────────────────────────────────────────


def _outcome(subject: Subject) -> Assessment:
    reading, grain, by_hand = _read(subject, subject.key_result.segment)
    baseline = subject.key_result.baseline
    found = _score(subject, reading, None if baseline is None else baseline.value, subject.key_result.target)
    return _assessment(subject, reading, found, grain, by_hand)


def _score(subject: Subject, reading: Reading, baseline: Number | None, target: Number | None) -> Score:
    """Score by the rule; a baseline on the wrong side of the target is left out and flagged."""
    key_result = subject.key_result
    direction = Direction.DECREASE if key_result.kr_type == "decrease" else Direction.INCREASE
    comparison = Comparison(key_result.comparison) if key_result.comparison else None
    method = Method.LINEAR if key_result.score_method == "linear" else Method.RATIO
    settings = subject.settings
    try:
        return score_outcome(direction, reading.value, target, baseline, comparison, method, settings)
    except TargetError as error:
        fits = comparison if error.code != "comparison_mismatch" else None
        found = score_outcome(direction, reading.value, target, None, fits, method, settings)
        way = found.progress if found.progress.is_known else Measure(None, error.code)
        return replace(found, progress=way, flags=tuple(sorted({*found.flags, error.code})))


def _assessment(
    subject: Subject, reading: Reading, found: Score, grain: str | None, by_hand: bool
) -> Assessment:
    key_result = subject.key_result
    default = Comparison.LTE if key_result.kr_type == "decrease" else Comparison.GTE
    return Assessment(
        reading=reading,
        ratio=found.ratio,
        progress=found.progress,
        score=found.score,
        method=found.method,
        band=found.band,
        target_met=found.target_met,
        flags=(*found.flags, VALUE_BY_HAND) if by_hand else found.flags,
        pace_progress=found.progress.value,
        comparison=Comparison(key_result.comparison) if key_result.comparison else default,
        low=key_result.target,
        grain=grain,
    )


def _read(subject: Subject, segment: Segment) -> tuple[Reading, str | None, bool]:
    """The current value: the metric's, unless a person gave a later one by hand."""
    reading, grain = Reading(None, None), None
    if subject.metric is not None:
        grain = grain_of(subject.key_result, subject.metric, subject.book)
        series = subject.book.of(subject.metric.name, grain, segment)
        reading = current_value(series, subject.metric, grain, subject.window)
    by_hand = [item for item in subject.check_ins if item.value_override is not None]
    if by_hand and (reading.as_of is None or by_hand[-1].on > reading.as_of):
        last = by_hand[-1]
        return Reading(float(last.value_override or 0), last.on), grain, subject.metric is not None
    return reading, grain, False


# ── per segment ─────────────────────────────────────────────────────────────────────────────────────────────


def _is_per_segment(key_result: KeyResult) -> bool:
    return key_result.segment_mode != SegmentMode.TOTAL and any(
        value == EVERY for _, value in key_result.segment
    )


def _segments(subject: Subject) -> Assessment:
    """Score each segment against its own baseline and target, then take all or the mean."""
    key_result, metric = subject.key_result, subject.metric
    if metric is None:
        return _outcome(subject)
    mode = SegmentMode(key_result.segment_mode)
    grain = grain_of(key_result, metric, subject.book)
    dimensions = tuple(sorted(dimension for dimension, _ in key_result.segment))
    fixed = {dimension: value for dimension, value in key_result.segment if value != EVERY}
    segments = [
        segment
        for segment in subject.book.segments(metric.name, grain, dimensions)
        if all(dict(segment)[dimension] == value for dimension, value in fixed.items())
    ]
    readings: list[Reading] = []
    scores: list[Score] = []
    for segment in segments:
        reading, _, _ = _read(replace(subject, check_ins=()), segment)
        baseline, target = _own_terms(subject, metric, segment, grain)
        readings.append(reading)
        scores.append(_score(subject, reading, baseline, target))
    known = [Decimal(str(reading.value)) for reading in readings if reading.value is not None]
    ratio_of_all = _combined(mode, [found.ratio for found in scores])
    way = _combined(mode, [found.progress for found in scores])
    score = combine_segments(mode, [found.score for found in scores])
    met = combine_met(mode, [found.target_met for found in scores], None if score is None else score >= 1)
    last = max((reading.as_of for reading in readings if reading.as_of is not None), default=None)
    mean = float(quantise(sum(known, Decimal(0)) / len(known))) if known else None
    return Assessment(
        reading=Reading(mean, last),
        ratio=ratio_of_all,
        progress=way,
        score=score,
        method=scores[0].method if scores else Method.RATIO,
        band=words_for(score, subject.settings),
        target_met=met,
        flags=tuple(sorted({flag for found in scores for flag in found.flags})),
        pace_progress=way.value,
        grain=grain,
    )


def _own_terms(
    subject: Subject, metric: Metric, segment: Segment, grain: str
) -> tuple[Number | None, Number | None]:
    """A segment's own baseline, and its target: a relative one is taken from that baseline."""
    key_result = subject.key_result
    stated = key_result.baseline
    day = stated.as_of if stated is not None else subject.window.start
    own: Number | None = value_on(subject.book.of(metric.name, grain, segment), day)
    if own is None and stated is not None:
        own = stated.value
    if key_result.spec == TargetSpec.ABSOLUTE or key_result.spec_value is None:
        return own, key_result.target
    direction = Direction.DECREASE if key_result.kr_type == "decrease" else Direction.INCREASE
    is_share = key_result.spec == TargetSpec.RELATIVE_PCT
    amount = Decimal(str(key_result.spec_value)) / (100 if is_share else 1)
    try:
        return own, resolve_target(TargetSpec(key_result.spec), amount, own, direction)
    except TargetError:
        return own, None


def _combined(mode: SegmentMode, measures: Sequence[Measure]) -> Measure:
    value = combine_segments(mode, [measure.value for measure in measures])
    if value is not None:
        return Measure(value)
    reasons = sorted({measure.reason for measure in measures if measure.reason and measure.value is None})
    return Measure(None, reasons[0] if reasons else "no_segments")


# ── limits ──────────────────────────────────────────────────────────────────────────────────────────────────


def _control(subject: Subject) -> Assessment:
    """A limit to hold: the share of periods that held it; ratio and progress stand beside it."""
    key_result, metric = subject.key_result, subject.metric
    reading, grain, by_hand = _read(subject, key_result.segment)
    comparison, low, high = _limit(subject)
    share, way = _beside(subject, reading)
    if low is None:
        return Assessment(reading, share, way, None, Method.PERIODS_MET, Band.NO_DATA, None, ("no_target",))
    periods = (
        judged_periods(
            subject.book.of(metric.name, grain, key_result.segment),
            subject.catalogue.calendars[metric.calendar],
            grain,
            subject.window,
        )
        if metric is not None and grain is not None
        else ()
    )
    found = score_control(
        comparison, low, periods, high=high, is_closing=subject.is_closing, settings=subject.settings
    )
    return Assessment(
        reading=reading,
        ratio=share,
        progress=way,
        score=found.score,
        method=Method.PERIODS_MET,
        band=found.band,
        target_met=found.target_met,
        flags=(*found.flags, VALUE_BY_HAND) if by_hand else found.flags,
        comparison=comparison,
        low=low,
        high=high,
        grain=grain,
    )


def _zones(subject: Subject) -> Assessment:
    """An optimum band: how far inside or outside of it the value is."""
    key_result = subject.key_result
    reading, grain, by_hand = _read(subject, key_result.segment)
    share, way = _beside(subject, reading)
    band = _optimum(subject)
    if band is None:
        return Assessment(reading, share, way, None, Method.ZONES, Band.NO_DATA, None, ("no_target",))
    found = score_optimum(reading.value, band)
    words = words_for(found.score, subject.settings)
    is_inside_band = None if found.side is None else found.score == 1 and found.side == "inside"
    flags = [f"{found.side}_band"] if found.side is not None else []
    if is_inside_band is False:
        words = at_least_at_risk(words)
        flags.append(VIOLATED_NOW)
    return Assessment(
        reading=reading,
        ratio=share,
        progress=way,
        score=found.score,
        method=Method.ZONES,
        band=words,
        target_met=is_inside_band,
        flags=(*flags, VALUE_BY_HAND) if by_hand else tuple(flags),
        comparison=Comparison.BETWEEN,
        low=band.low,
        high=band.high,
        grain=grain,
    )


def _limit(subject: Subject) -> tuple[Comparison, Number | None, Number | None]:
    key_result = subject.key_result
    if key_result.kr_type == "stay_between":
        band = _optimum(subject)
        return (Comparison.BETWEEN, None, None) if band is None else (Comparison.BETWEEN, band.low, band.high)
    strict = key_result.comparison in {"gt", "lt"}
    if key_result.kr_type == "stay_below":
        return (Comparison.LT if strict else Comparison.LTE), key_result.target, None
    return (Comparison.GT if strict else Comparison.GTE), key_result.target, None


def _optimum(subject: Subject) -> OptimumBand | None:
    own = subject.key_result.band
    if own is not None:
        return OptimumBand(own.low, own.high, own.floor, own.ceiling)
    return None if subject.metric is None else band_of(subject.metric)


def _beside(subject: Subject, reading: Reading) -> tuple[Measure, Measure]:
    """Ratio and progress of a limit: published, and never its score."""
    key_result = subject.key_result
    direction = {"stay_above": Direction.INCREASE, "stay_below": Direction.DECREASE}.get(
        key_result.kr_type, Direction.WITHIN
    )
    baseline = None if key_result.baseline is None else key_result.baseline.value
    if direction is Direction.WITHIN:
        return ratio(direction, reading.value, 0), Measure(None, "band_target")
    return (
        ratio(direction, reading.value, key_result.target, subject.settings.zero_current_cap),
        progress(reading.value, key_result.target, baseline),
    )


# ── effort ──────────────────────────────────────────────────────────────────────────────────────────────────


def _effort(subject: Subject) -> Assessment:
    """Milestones or done / not done. A check-in's value counts as the share that is done."""
    key_result, as_of = subject.key_result, subject.window.as_of
    if key_result.kr_type == "binary":
        by_hand, last = _last_by_hand(subject)
        is_done = _is_done(key_result.done_on, as_of) or (by_hand is not None and by_hand >= 1)
        share, method = Measure(score_binary(is_done)), Method.BINARY
        day = key_result.done_on if _is_done(key_result.done_on, as_of) else last
    else:
        steps = [Step(step.weight, _is_done(step.done_on, as_of)) for step in key_result.milestones]
        share, method = score_milestones(steps), Method.MILESTONE
        done = [step.done_on for step in key_result.milestones if step.done_on and step.done_on <= as_of]
        day = max(done, default=None)
    score = share.value
    return Assessment(
        reading=Reading(None if score is None else float(score), day),
        ratio=share,
        progress=share,
        score=score,
        method=method,
        band=words_for(score, subject.settings),
        target_met=None if score is None else score >= 1,
        pace_progress=score if method is Method.MILESTONE else None,
        is_done=score is not None and score >= 1,
    )


def _baseline(subject: Subject) -> Assessment:
    """The search for a starting value; with a target too, the key result goes on as an outcome once it is found."""
    key_result = subject.key_result
    by_hand, day = _last_by_hand(subject)
    recorded: Number | None = by_hand
    if key_result.baseline is not None:
        recorded, day = key_result.baseline.value, key_result.baseline.as_of
    found = score_baseline_search(recorded)
    if recorded is not None and key_result.target is not None and subject.metric is not None:
        falls = Decimal(str(key_result.target)) < Decimal(str(recorded))
        kind = replace(key_result, kr_type="decrease" if falls else "increase", comparison=None)
        reading, grain, _ = _read(replace(subject, key_result=kind, check_ins=()), key_result.segment)
        goes_on = replace(subject, key_result=kind)
        return _assessment(
            goes_on, reading, _score(goes_on, reading, recorded, key_result.target), grain, False
        )
    is_found = found.value is not None
    return Assessment(
        reading=Reading(None if recorded is None else float(recorded), day),
        ratio=found,
        progress=found,
        score=found.value,
        method=Method.BINARY,
        band=words_for(found.value, subject.settings) if is_found else Band.NOT_STARTED,
        target_met=is_found,
        is_done=is_found,
    )


def _last_by_hand(subject: Subject) -> tuple[Decimal | None, date | None]:
    given = [item for item in subject.check_ins if item.value_override is not None]
    return (given[-1].value_override, given[-1].on) if given else (None, None)


def _is_done(done_on: date | None, as_of: date) -> bool:
    return done_on is not None and done_on <= as_of
