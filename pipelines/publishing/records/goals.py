"""Objectives and key results as rows: what was agreed, and how it stands each day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pipelines.publishing.records.base import Number


@dataclass(frozen=True, slots=True)
class CycleRow:
    """A cycle of objectives; both days inclusive. `state`: draft, open, closed."""

    cycle_key: str
    cycle_name: str
    start_date: date
    end_date: date
    state: str
    check_in_cadence: str = "weekly"


@dataclass(frozen=True, slots=True)
class ObjectiveRow:
    """A qualitative aim of one team for one cycle."""

    objective_key: str
    cycle_key: str
    title: str
    team_key: str
    owner_key: str
    parent_objective_key: str | None
    contributes: bool
    commitment: str
    rollup: str
    lifecycle: str
    bsc_perspective: str | None = None
    rationale: str | None = None
    closing_note: str | None = None


@dataclass(frozen=True, slots=True)
class KeyResultRow:
    """How one will know that an objective is reached. A changed target or baseline is a revision."""

    key_result_key: str
    objective_key: str
    statement: str
    owner_key: str
    kr_type: str
    nature: str
    metric_id: str | None
    segment_dimension: str
    segment_value: str
    period_grain: str | None
    score_method: str
    baseline_value: Number | None
    baseline_as_of: date | None
    target_value: Number | None
    stretch_value: Number | None
    commit_value: Number | None
    band_low: Number | None
    band_high: Number | None
    comparison: str | None
    unit: str | None
    weight: Number
    due_date: date | None
    expected_curve: str
    is_leading: bool
    segment_mode: str = "total"
    lifecycle: str = "active"
    revised_reason: str | None = None
    revised_by: str | None = None


@dataclass(frozen=True, slots=True)
class KeyResultScoreRow:
    """One day's snapshot of one key result. Ratio and progress are always both there. Source: scoring
    rules."""

    key_result_key: str
    as_of_date: date
    cycle_day: int
    score_method: str
    score_band: str
    published_status: str
    current_value: Number | None = None
    value_as_of_date: date | None = None
    ratio_raw: Number | None = None
    ratio_reason: str | None = None
    progress_raw: Number | None = None
    progress_reason: str | None = None
    score: Number | None = None
    target_met: bool | None = None
    expected_progress: Number | None = None
    pace_ratio: Number | None = None
    pace_gap: Number | None = None
    pace_status: str | None = None
    forecast_value: Number | None = None
    forecast_low: Number | None = None
    forecast_high: Number | None = None
    forecast_score: Number | None = None
    hit_probability: Number | None = None
    owner_confidence: Number | None = None
    confidence_gap: Number | None = None
    status_source: str = "computed"
    override_reason: str | None = None
    is_stale: bool = False
    days_since_check_in: int | None = None
    flags: tuple[str, ...] = ()
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class ObjectiveScoreRow:
    """One day's snapshot of one objective's roll-up. Source: scoring rules, 'Roll-up'."""

    objective_key: str
    as_of_date: date
    coverage: Number
    published_status: str
    kr_total: int
    kr_on_track: int
    kr_at_risk: int
    kr_off_track: int
    kr_no_data: int
    score: Number | None = None
    expected_progress: Number | None = None
    flags: tuple[str, ...] = ()
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class CheckInDueRow:
    """A check-in that is or was due. `state`: due, done, overdue, waived."""

    key_result_key: str
    due_date: date
    state: str
    nudges_sent: int = 0
    last_nudge_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SuggestionRow:
    """A drafted objective after three adverse weeks in a row; `draft` holds title and key results."""

    metric_id: str
    raised_date: date
    reason: str
    draft: Mapping[str, Any]
    state: str = "open"
