"""Metrics as rows: what each is now, every definition that was in force, its tree, limits and targets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pipelines.publishing.records.base import FOREVER, Number


@dataclass(frozen=True, slots=True)
class MetricRow:
    """Current attributes of one metric: everything a business reader filters and groups by."""

    metric_id: str
    metric_name: str
    short_description: str
    category: str
    team_key: str
    owner_key: str
    hierarchy_level: str
    bsc_perspective: str
    indicator_type: str
    purpose: str
    direction: str
    unit: str
    unit_family: str
    currency_code: str | None
    display_format: str
    aggregation: str
    calculation_cadence: str
    review_cadence: str
    headline_grain: str
    is_actionable: bool
    is_vanity: bool
    lifecycle: str
    sensitivity: str
    current_version: int
    focus_weight: Number = 1
    band_low: Number | None = None
    band_high: Number | None = None
    suggested_actions: str | None = None
    replaced_by: str | None = None
    deprecated_date: date | None = None
    reviewed_date: date | None = None
    reviewed_by: str | None = None
    review_due_date: date | None = None


@dataclass(frozen=True, slots=True)
class MetricVersionRow:
    """One definition that is or was in force (slowly changing, kind 2)."""

    metric_id: str
    version: int
    definition: str
    formula_text: str
    numerator_sql: str
    denominator_sql: str | None
    filters: str
    time_attribution: str
    time_zone: str
    missing_policy: str
    source_systems: tuple[str, ...]
    source_tables: tuple[str, ...]
    segments: tuple[str, ...]
    minimum_sample: Number | None
    restatement_days: int
    freshness_sla_seconds: int
    known_pitfalls: str | None
    related_leading: tuple[str, ...]
    related_lagging: tuple[str, ...]
    definition_hash: str
    change_type: str
    change_reason: str
    proposed_by: str | None
    approved_by: str | None
    valid_from: date
    valid_to: date = FOREVER
    is_current: bool = True
    restate_from: date | None = None
    definition_file: str | None = None
    definition_line: int | None = None


@dataclass(frozen=True, slots=True)
class MetricChangeRow:
    """One entry of the change log that people keep with a definition."""

    metric_id: str
    version: int
    change_type: str
    change_date: date
    change_reason: str
    proposed_by: str
    approved_by: str
    restate_from: date | None = None


@dataclass(frozen=True, slots=True)
class MetricAudienceRow:
    """A role that may see a restricted metric's values."""

    metric_id: str
    role_name: str


@dataclass(frozen=True, slots=True)
class EdgeRow:
    """An edge of the driver tree. `operator`: add, subtract, multiply, divide, influences."""

    parent_metric_id: str
    child_metric_id: str
    operator: str
    child_order: int
    expected_sign: int = 1
    lag_periods: int = 0
    lag_grain: str | None = None


@dataclass(frozen=True, slots=True)
class GuardrailRow:
    """A metric and the counter-metric that must not worsen while it improves."""

    metric_id: str
    counter_metric_id: str
    rationale: str
    tolerance_pct: Number = 5


@dataclass(frozen=True, slots=True)
class BenchmarkRow:
    """A published comparison value with what it applies to and where it is from."""

    metric_id: str
    label: str
    low: Number | None
    high: Number | None
    applies_to: str | None
    source: str


@dataclass(frozen=True, slots=True)
class TargetRow:
    """The target of one metric, segment and period. A change is a revision; the old one stays readable."""

    metric_id: str
    period_grain: str
    period_start: date
    period_end: date
    segment_dimension: str
    segment_value: str
    comparison: str
    target_value: Number | None
    stretch_value: Number | None = None
    band_low: Number | None = None
    band_high: Number | None = None
    floor_value: Number | None = None
    ceiling_value: Number | None = None
    amber_at: Number | None = None
    red_at: Number | None = None
    baseline_value: Number | None = None
    baseline_as_of: date | None = None
    target_spec: str = "absolute"
    spec_value: Number | None = None
    set_by: str = ""
    set_date: date | None = None
    reason: str | None = None
