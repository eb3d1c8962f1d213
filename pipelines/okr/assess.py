"""One key result on one day: its kind's rule, applied to its metric's values and to what people said.

Every kind ends in an `Assessment`; pace, forecast and status come after, the same for all. Source: scoring rules.
"""

from __future__ import annotations

from dataclasses import replace

from definitions.model import KeyResult
from pipelines.okr.control import assess_limit, assess_zones
from pipelines.okr.effort import assess_baseline, assess_effort
from pipelines.okr.outcome import assess_outcome, assess_segments, is_per_segment
from pipelines.okr.subject import Assessment, Subject
from pipelines.scoring.cycle import RETRO_EDIT, GoalNumbers, is_inside, retro_edits


def assess(subject: Subject) -> Assessment:
    """Apply the rule of the key result's kind."""
    key_result = subject.key_result
    match key_result.kr_type:
        case "milestone" | "binary":
            found = assess_effort(subject)
        case "baseline":
            found = assess_baseline(subject)
        case "stay_above" | "stay_below" | "stay_between":
            found = assess_zones(subject) if key_result.score_method == "zones" else assess_limit(subject)
        case _:
            found = assess_segments(subject) if is_per_segment(key_result) else assess_outcome(subject)
    flags = {*found.flags, RETRO_EDIT} if _is_edited(subject) else set(found.flags)
    return replace(found, flags=tuple(sorted(flags)))


def _is_edited(subject: Subject) -> bool:
    """Whether a number was changed inside the cycle: as a revision says, or against what was published at its start.

    Source: scoring rules, "Cycle" (targets or baselines changed inside a cycle are kept, logged and shown).
    """
    key_result, window = subject.key_result, subject.window
    is_told = any(
        is_inside(revision.on, window.start, window.end) and revision.on <= window.as_of
        for revision in key_result.revisions
    )
    return is_told or (
        subject.agreed is not None and bool(retro_edits(subject.agreed, numbers_of(key_result)))
    )


def numbers_of(key_result: KeyResult) -> GoalNumbers:
    """The numbers of a key result that may not change unseen."""
    band, baseline = key_result.band, key_result.baseline
    return GoalNumbers(
        target=key_result.target,
        baseline=None if baseline is None else baseline.value,
        stretch=key_result.stretch,
        band_low=None if band is None else band.low,
        band_high=None if band is None else band.high,
    )
