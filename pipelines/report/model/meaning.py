"""What metrics mean and how they hang together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from .values import Unit


@dataclass(frozen=True, slots=True)
class Definition:
    """One definition that is or was in force."""

    version: int
    definition: str
    formula: str
    numerator_sql: str
    denominator_sql: str | None
    filters: str
    time_attribution: str
    time_zone: str
    missing: str
    source_systems: tuple[str, ...]
    source_tables: tuple[str, ...]
    segments: tuple[str, ...]
    minimum_sample: float | None
    freshness_seconds: int | None
    pitfalls: str | None
    related_leading: tuple[str, ...]
    related_lagging: tuple[str, ...]
    calculation_cadence: str
    replaced_by: str | None
    change_type: str
    change_reason: str
    approved_by: str | None
    valid_from: date
    valid_to: date
    is_current: bool
    file: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the dictionary's change log."""

    metric_id: str
    metric_name: str
    version: int
    change_type: str
    day: date
    reason: str
    proposed_by: str
    approved_by: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What the linter says about the dictionary."""

    rule_id: str
    severity: str
    subject_kind: str
    subject_id: str
    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class TreeRow:
    """One place of a metric in the driver tree."""

    root_id: str
    metric_id: str
    name: str
    parent_id: str | None
    operator: str | None
    expected_sign: int
    lag_periods: int
    lag_grain: str | None
    depth: int
    sort_path: str
    value: float | None
    target: float | None
    status: str | None
    trend: str | None
    unit: Unit
    contribution: float | None
    contribution_share: float | None
    contribution_start: date | None
    reconciles: bool | None


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one child contributes to the latest change of its parent."""

    child_id: str
    child_name: str
    grain: str
    period_start: date
    value: float | None
    before: float | None
    contribution: float | None
    share: float | None
    method: str
    reconciles: bool


@dataclass(frozen=True, slots=True)
class Influence:
    """The lagged correlation found for an influence that the dictionary claims; ``correlation`` None is unknown."""

    grain: str
    lag: int
    correlation: float | None
    pairs: int
    is_as_expected: bool | None


@dataclass(frozen=True, slots=True)
class Focus:
    """A metric worth working on next."""

    metric_id: str
    score: float
    suggested_actions: tuple[str, ...]
