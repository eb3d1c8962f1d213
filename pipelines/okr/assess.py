"""One key result on one day: its kind's rule, applied to its metric's values and to what people said.

Every kind ends in an `Assessment`; pace, forecast and status come after, the same for all. Source: scoring rules.
"""

from __future__ import annotations

from dataclasses import replace

from pipelines.okr.control import assess_limit, assess_zones
from pipelines.okr.effort import assess_baseline, assess_effort
from pipelines.okr.outcome import assess_outcome, assess_segments, is_per_segment
from pipelines.okr.subject import Assessment, Subject
from pipelines.scoring.cycle import RETRO_EDIT, is_inside


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
    flags = set(found.flags)
    if any(
        is_inside(revision.on, subject.window.start, subject.window.end)
        and revision.on <= subject.window.as_of
        for revision in key_result.revisions
    ):
        flags.add(RETRO_EDIT)
    return replace(found, flags=tuple(sorted(flags)))
