"""Objectives, key results and what people said about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from .values import Unit


@dataclass(frozen=True, slots=True)
class Progress:
    """One day of a key result."""

    day: date
    progress: float | None
    expected: float | None
    value: float | None
    score: float | None


@dataclass(frozen=True, slots=True)
class KeyResult:
    """Where one key result stands. Ratio and progress are two things and always both there."""

    key: str
    objective_key: str
    statement: str
    owner: str
    kr_type: str
    nature: str
    is_leading: bool
    metric_id: str | None
    unit: Unit
    baseline: float | None
    current: float | None
    target: float | None
    stretch: float | None
    weight: float
    due: date | None
    as_of: date | None
    score: float | None
    score_method: str
    band: str
    ratio: float | None
    ratio_reason: str | None
    progress: float | None
    progress_reason: str | None
    expected_progress: float | None
    pace: str | None
    pace_gap: float | None
    forecast: float | None
    forecast_low: float | None
    forecast_high: float | None
    hit_probability: float | None
    confidence: float | None
    status: str
    status_source: str
    override_reason: str | None
    is_stale: bool
    days_since_check_in: int | None
    flags: tuple[str, ...]
    terms_revision: int
    history: tuple[Progress, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckIn:
    """One weekly check-in as a person wrote it."""

    key_result_key: str
    day: date
    author: str
    progress_note: str | None
    how: str
    confidence: float
    blockers: str | None
    differently: str | None
    is_superseded: bool


@dataclass(frozen=True, slots=True)
class CheckInDue:
    """A check-in that is due or overdue."""

    key_result_key: str
    statement: str
    team_name: str
    owner: str
    due: date
    state: str


@dataclass(frozen=True, slots=True)
class Objective:
    """An aim with where it stands."""

    key: str
    title: str
    rationale: str | None
    team_key: str
    team_name: str
    owner: str
    parent_key: str | None
    contributes: bool
    commitment: str
    cycle_key: str
    cycle_name: str
    cycle_state: str
    cycle_start: date
    cycle_end: date
    lifecycle: str
    as_of: date | None
    score: float | None
    coverage: float | None
    expected_progress: float | None
    status: str
    flags: tuple[str, ...]
    closing_note: str | None
    key_results: tuple[KeyResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Signal:
    """What a good number may hide: ``gaming_risk`` or ``local_optimum``."""

    kind: str
    metric_id: str
    name: str
    other_id: str
    explanation: str


@dataclass(frozen=True, slots=True)
class SuggestedGoal:
    """A drafted objective for a metric in decline; ``key_results`` are (metric, statement)."""

    metric_id: str
    title: str
    team_name: str
    owner: str
    reason: str
    key_results: tuple[tuple[str, str], ...]
