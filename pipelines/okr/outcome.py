"""Key results that move a metric from a baseline to a target, as a whole or in each segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from definitions.model import Direction, KeyResult, Metric, Segment
from pipelines.okr.readings import Reading, grain_of, value_on
from pipelines.okr.subject import VALUE_BY_HAND, Assessment, Subject, read_value
from pipelines.scoring.arithmetic import Number, quantise
from pipelines.scoring.bands import band_of
from pipelines.scoring.errors import TargetError
from pipelines.scoring.kinds import Comparison, Method
from pipelines.scoring.measure import Measure
from pipelines.scoring.score import Score, score_outcome
from pipelines.scoring.segment_results import SegmentMode, combine_met, combine_segments
from pipelines.scoring.targets import TargetSpec, resolve_target

EVERY = "*"


def assess_outcome(subject: Subject) -> Assessment:
    """Score the metric's current value, or a later one that a person gave by hand."""
    reading, grain, by_hand = read_value(subject, subject.key_result.segment)
    baseline = subject.key_result.baseline
    found = score_reading(
        subject, reading, None if baseline is None else baseline.value, subject.key_result.target
    )
    return assessment_of(subject, reading, found, grain, by_hand)


def score_reading(
    subject: Subject, reading: Reading, baseline: Number | None, target: Number | None
) -> Score:
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


def assessment_of(
    subject: Subject, reading: Reading, found: Score, grain: str | None, by_hand: bool
) -> Assessment:
    """A score with what pace and forecast need to know."""
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


def is_per_segment(key_result: KeyResult) -> bool:
    """Whether the key result is held for every value of a dimension (`segment: {tier: "*"}`)."""
    return key_result.segment_mode != SegmentMode.TOTAL and any(
        value == EVERY for _, value in key_result.segment
    )


def assess_segments(subject: Subject) -> Assessment:
    """Score each segment against its own baseline and target, then take all or the mean."""
    key_result, metric = subject.key_result, subject.metric
    if metric is None:
        return assess_outcome(subject)
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
        reading, _, _ = read_value(replace(subject, check_ins=()), segment)
        baseline, target = _own_terms(subject, metric, segment, grain)
        readings.append(reading)
        scores.append(score_reading(subject, reading, baseline, target))
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
        band=band_of(score, subject.settings),
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
