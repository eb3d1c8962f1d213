"""Key results without a metric of their own: milestones, done or not done, the search for a baseline."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from pipelines.okr.outcome import assessment_of, score_reading
from pipelines.okr.readings import Reading
from pipelines.okr.subject import Assessment, Subject, read_value
from pipelines.scoring.arithmetic import Number
from pipelines.scoring.bands import band_of
from pipelines.scoring.effort import Step, score_baseline_search, score_binary, score_milestones
from pipelines.scoring.kinds import Band, Method
from pipelines.scoring.measure import Measure


def assess_effort(subject: Subject) -> Assessment:
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
        band=band_of(score, subject.settings),
        target_met=None if score is None else score >= 1,
        pace_progress=score if method is Method.MILESTONE else None,
        is_done=score is not None and score >= 1,
    )


def assess_baseline(subject: Subject) -> Assessment:
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
        reading, grain, _ = read_value(replace(subject, key_result=kind, check_ins=()), key_result.segment)
        goes_on = replace(subject, key_result=kind)
        return assessment_of(
            goes_on, reading, score_reading(goes_on, reading, recorded, key_result.target), grain, False
        )
    is_found = found.value is not None
    return Assessment(
        reading=Reading(None if recorded is None else float(recorded), day),
        ratio=found,
        progress=found,
        score=found.value,
        method=Method.BINARY,
        band=band_of(found.value, subject.settings) if is_found else Band.NOT_STARTED,
        target_met=is_found,
        is_done=is_found,
    )


def _last_by_hand(subject: Subject) -> tuple[Decimal | None, date | None]:
    given = [item for item in subject.check_ins if item.value_override is not None]
    return (given[-1].value_override, given[-1].on) if given else (None, None)


def _is_done(done_on: date | None, as_of: date) -> bool:
    return done_on is not None and done_on <= as_of
