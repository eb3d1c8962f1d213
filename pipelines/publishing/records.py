"""Rows that a publication is made of: frozen dataclasses with natural keys, named like the published columns.

Producers (dictionary, scoring, detection, quality, alerts) fill these; the publisher turns natural keys
into the database's keys, quantises numbers to six places and writes. A number may be a `Decimal`, a float
or an int; NaN and infinity are never published (they become NULL). Instants are timezone-aware UTC. Day
ranges are inclusive.

Source: publication rules ('Decisions', base tables), scoring rules, detection and alert rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Number = Decimal | float | int

FOREVER = date(9999, 12, 31)
"""`valid_to` of what is in force without an end."""

TOTAL = "total"
"""Segment key of the company total; any other segment is `dimension=value`."""


def segment_key(dimension: str, value: str) -> str:
    """The single-column key of a segment.

    >>> segment_key("", ""), segment_key("region", "emea"), segment_key("region|tier", "emea|pro")
    ('total', 'region=emea', 'region|tier=emea|pro')
    """
    return f"{dimension}={value}" if dimension else TOTAL


# ── the dictionary ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A team of the organisation. `level`: company, department, team, individual."""

    team_key: str
    team_name: str
    parent_team_key: str | None
    level: str
    lead_key: str | None = None
    business_function: str | None = None
    kpi_limit: int = 7


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person, or a role that one person fills."""

    person_key: str
    display_name: str
    email: str
    team_key: str | None
    is_active: bool = True


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
class PersonRoleRow:
    """A role that a person has; with `MetricAudienceRow` it says who may see which restricted metric."""

    person_key: str
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
class DateRow:
    """One day with the labels that reports group by; fiscal labels follow the company calendar."""

    date_key: date
    week_start: date
    month_start: date
    quarter_start: date
    year_start: date
    iso_week: str
    month_label: str
    quarter_label: str
    fiscal_month_start: date
    fiscal_month_label: str
    fiscal_quarter_start: date
    fiscal_quarter_label: str
    fiscal_year_start: date
    fiscal_year: int
    day_of_week: int
    is_business_day: bool
    is_holiday: bool
    holiday_name: str | None = None


@dataclass(frozen=True, slots=True)
class DictionaryRows:
    """The whole dictionary as rows. What is absent here and not referred to by history is taken out."""

    dates: tuple[DateRow, ...] = ()
    teams: tuple[TeamRow, ...] = ()
    people: tuple[PersonRow, ...] = ()
    metrics: tuple[MetricRow, ...] = ()
    versions: tuple[MetricVersionRow, ...] = ()
    changes: tuple[MetricChangeRow, ...] = ()
    audiences: tuple[MetricAudienceRow, ...] = ()
    roles: tuple[PersonRoleRow, ...] = ()
    edges: tuple[EdgeRow, ...] = ()
    guardrails: tuple[GuardrailRow, ...] = ()
    benchmarks: tuple[BenchmarkRow, ...] = ()
    targets: tuple[TargetRow, ...] = ()
    cycles: tuple[CycleRow, ...] = ()
    objectives: tuple[ObjectiveRow, ...] = ()
    key_results: tuple[KeyResultRow, ...] = ()


# ── what a run finds ────────────────────────────────────────────────────────────────────────────────────────


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
class ContributionRow:
    """What one child contributes to the change of its parent. The rows of one parent, period, comparison and
    segment add up to the parent's change exactly; a residual is a row of its own (`unexplained`, child =
    parent)."""

    parent_metric_id: str
    child_metric_id: str
    period_grain: str
    period_start: date
    compare_to: str
    segment_dimension: str
    segment_value: str
    child_value: Number | None
    child_compare_value: Number | None
    contribution: Number | None
    contribution_share: Number | None
    method: str
    reconciles: bool


@dataclass(frozen=True, slots=True)
class AnomalyRow:
    """One flagged point. Source: detection rules."""

    metric_id: str
    period_grain: str
    period_start: date
    segment_dimension: str
    segment_value: str
    detector: str
    detector_version: str
    observed: Number | None
    expected: Number | None
    lower_bound: Number | None
    upper_bound: Number | None
    score: Number
    severity: str
    effect: str
    kind: str
    explanation: str | None = None
    suggested_action: str | None = None
    root_cause: tuple[Mapping[str, Any], ...] = ()
    state: str = "open"


@dataclass(frozen=True, slots=True)
class QualityResultRow:
    """One check's result. An error-level failure with `blocks_publish` holds back the metrics it names;
    without metrics it holds back the whole publication."""

    check_id: str
    asset: str
    source_system: str
    dimension: str
    severity: str
    passed: bool
    message: str
    blocks_publish: bool
    checked_at: datetime
    metric_ids: tuple[str, ...] = ()
    rows_checked: int | None = None
    rows_failed: int | None = None
    observed: Number | None = None
    threshold: Number | None = None
    sample_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FreshnessRow:
    """How current one asset of one source is, and what its last load looked like."""

    source_system: str
    asset: str
    sla_seconds: int
    is_late: bool
    last_success_at: datetime | None = None
    last_attempt_at: datetime | None = None
    data_through_at: datetime | None = None
    rows_last_run: int | None = None
    rows_quarantined: int | None = None
    lateness_seconds: int | None = None
    quota_used: Number | None = None
    drift: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class FindingRow:
    """What the linter says about the dictionary. `severity`: error, warning, note. Source: lint rules."""

    rule_id: str
    severity: str
    subject_kind: str
    subject_id: str
    message: str
    advice: str
    definition_file: str | None = None
    definition_line: int | None = None
    is_silenced: bool = False
    silence_reason: str | None = None


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


@dataclass(frozen=True, slots=True)
class InfluenceRow:
    """The lagged correlation found for an influence that the dictionary claims. Never read as a cause."""

    driver_metric_id: str
    driven_metric_id: str
    period_grain: str
    lag_periods: int
    expected_sign: int
    pairs: int
    correlation: Number | None = None
    correlation_of_levels: Number | None = None
    reason: str | None = None
    is_sign_as_expected: bool | None = None
    through_date: date | None = None


@dataclass(frozen=True, slots=True)
class SegmentEffectRow:
    """What one segment did to its metric's change from the period before: inner and mix add up to the
    contribution, the contributions of one dimension to the change, exactly."""

    metric_id: str
    period_grain: str
    period_start: date
    segment_dimension: str
    segment_value: str
    inner_effect: Number
    mix_effect: Number
    contribution: Number
    contribution_share: Number | None = None


@dataclass(frozen=True, slots=True)
class SignalRow:
    """What a good number may hide. `signal_kind`: gaming_risk (other: the counter-metric) or local_optimum
    (other: the metric it drives)."""

    signal_kind: str
    metric_id: str
    other_metric_id: str
    period_grain: str
    period_start: date
    explanation: str


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One message to one recipient over one channel, committed with the batch that raised it.

    `dedup_key`, `recipient` and `channel` together are sent once: a row with the same three is dropped while
    the first is queued or sent. `payload` is JSON text: everything a channel needs to render the alert.
    `is_restricted` keeps the message out of the views that everybody reads. Source: alert rules, 'Outbox'.
    """

    dedup_key: str
    episode: str
    notice: str
    alert_type: str
    subject_kind: str
    subject_id: str
    severity: str
    recipient: str
    channel: str
    delivery_state: str
    reason: str
    message: str
    payload: str
    created_at: datetime
    next_try_at: datetime | None = None
    suppressed_by: str | None = None
    is_restricted: bool = False
