"""Cycles, objectives and key results of the dictionary as rows."""

from __future__ import annotations

from definitions.model import Cycle, KeyResult, Objective, Segment
from pipelines.publishing.records import CycleRow, KeyResultRow, ObjectiveRow


def segment_names(segment: Segment) -> tuple[str, str]:
    """(dimension, value) of a segment, pairs joined with `|`; two empty texts for the total.

    >>> segment_names((("region", "emea"), ("tier", "pro")))
    ('region|tier', 'emea|pro')
    """
    return "|".join(dimension for dimension, _ in segment), "|".join(value for _, value in segment)


def cycle_row(cycle: Cycle) -> CycleRow:
    """A cycle as it is published."""
    return CycleRow(cycle.key, cycle.name, cycle.start, cycle.end, cycle.state, cycle.check_in)


def objective_row(objective: Objective) -> ObjectiveRow:
    """An objective as it is published."""
    return ObjectiveRow(
        objective_key=objective.key,
        cycle_key=objective.cycle,
        title=objective.title,
        team_key=objective.team,
        owner_key=objective.owner,
        parent_objective_key=objective.parent,
        contributes=objective.contributes,
        commitment=objective.commitment,
        rollup=objective.rollup,
        lifecycle=objective.lifecycle,
        bsc_perspective=objective.perspective,
        rationale=objective.why or None,
        closing_note=objective.closing_note,
    )


def key_result_row(objective: Objective, kr: KeyResult) -> KeyResultRow:
    """A key result as it is published, with the reason of its latest revision."""
    dimension, value = segment_names(kr.segment)
    band, baseline = kr.band, kr.baseline
    latest = max(kr.revisions, key=lambda revision: revision.on, default=None)
    return KeyResultRow(
        key_result_key=kr.key,
        objective_key=objective.key,
        statement=kr.statement,
        owner_key=kr.owner,
        kr_type=kr.kr_type,
        nature=kr.nature,
        metric_id=kr.metric,
        segment_dimension=dimension,
        segment_value=value,
        period_grain=kr.grain,
        score_method=kr.score_method,
        baseline_value=baseline.value if baseline else None,
        baseline_as_of=baseline.as_of if baseline else None,
        target_value=kr.target,
        stretch_value=kr.stretch,
        commit_value=kr.commit,
        band_low=band.low if band else None,
        band_high=band.high if band else None,
        comparison=kr.comparison,
        unit=kr.unit,
        weight=kr.weight,
        due_date=kr.due,
        expected_curve=kr.curve.kind,
        is_leading=kr.is_leading,
        segment_mode=kr.segment_mode,
        lifecycle=kr.status,
        revised_reason=latest.why if latest else None,
        revised_by=latest.by if latest else None,
    )
