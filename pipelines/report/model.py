"""What the report shows, read once from the reporting database: frozen values without behaviour beyond naming."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

SeriesKey = tuple[str, str, str, str]
"""(metric, grain, segment dimension, segment value); the last two are empty for the total."""


@dataclass(frozen=True, slots=True)
class Point:
    """One period of one series. ``lower``..``upper`` is the expected range where it is known; ``sample`` the
    denominator of a ratio, or the rows behind the value."""

    start: date
    end: date
    value: float | None
    target: float | None = None
    status: str = "no_data"
    state: str = "final"
    lower: float | None = None
    upper: float | None = None
    sample: float | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """How a value is shown: its family, its unit or currency, and a numeral pattern."""

    family: str = "count"
    name: str = ""
    currency: str | None = None
    pattern: str = "0,0"


@dataclass(frozen=True, slots=True)
class Kpi:
    """Where one metric stands. ``purpose``: maintenance (a vital sign) or improvement (a goal works on it)."""

    metric_id: str
    name: str
    category: str
    team_key: str
    team_name: str
    owner: str
    level: str
    perspective: str
    indicator: str
    purpose: str
    direction: str
    unit: Unit
    grain: str
    period_start: date | None
    period_end: date | None
    value: float | None
    target: float | None
    attainment: float | None
    status: str
    trend: str | None
    previous: float | None
    change_abs: float | None
    change_pct: float | None
    last_year: float | None
    state: str
    reason: str | None
    sample_size: int | None
    numerator: float | None
    denominator: float | None
    is_blocked: bool
    blocked_reason: str | None
    last_good: float | None
    lifecycle: str
    review_cadence: str
    aggregation: str
    computed_at: datetime | None

    @property
    def shown(self) -> float | None:
        """The value to show: the last good one while new values are held back."""
        return self.last_good if self.is_blocked and self.value is None else self.value


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of one metric in the latest period, with its recent values."""

    dimension: str
    value_name: str
    value: float | None
    previous: float | None
    change_pct: float | None
    sample_size: int | None
    target: float | None
    status: str
    state: str
    reason: str | None
    points: tuple[Point, ...] = ()


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
class Influence:
    """The lagged correlation found for an influence that the dictionary claims; ``correlation`` None is unknown."""

    grain: str
    lag: int
    correlation: float | None
    pairs: int
    is_as_expected: bool | None


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
class Annotation:
    """An event that people want to see on charts; ``metric_id`` None means all."""

    metric_id: str | None
    start: date
    end: date
    title: str
    note: str | None


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One open flag."""

    metric_id: str
    metric_name: str
    team_key: str
    team_name: str
    owner: str
    grain: str
    period_start: date
    segment_dimension: str
    segment_value: str
    kind: str
    severity: str
    effect: str
    observed: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    score: float
    unit: Unit
    explanation: str | None
    action: str | None
    root_cause: tuple[Mapping[str, object], ...]
    state: str
    flagged_at: datetime | None

    @property
    def series(self) -> SeriesKey:
        """The series that is flagged."""
        return self.metric_id, self.grain, self.segment_dimension, self.segment_value


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
class Health:
    """How current one asset is, and how its checks did."""

    system: str
    asset: str
    health: str
    last_success_at: datetime | None
    last_attempt_at: datetime | None
    data_through_at: datetime | None
    sla_seconds: int | None
    is_late: bool
    rows_last_run: int | None
    rows_quarantined: int | None
    drift: str | None
    error: str | None
    checks_total: int
    errors_failed: int
    warnings_failed: int


@dataclass(frozen=True, slots=True)
class Check:
    """The latest result of one check."""

    check_id: str
    asset: str
    system: str
    dimension: str
    severity: str
    passed: bool
    rows_checked: int | None
    rows_failed: int | None
    message: str
    metric_ids: tuple[str, ...]
    checked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Blocked:
    """A metric that is held back."""

    metric_id: str
    metric_name: str
    owner: str
    reason: str
    blocked_at: datetime | None


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
class Restatement:
    """A published value that was changed afterwards."""

    metric_id: str
    metric_name: str
    grain: str
    period_start: date
    segment_key: str
    reason: str | None
    before: float | None
    after: float | None
    published_at: datetime | None


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
class Alert:
    """One alert of the last days."""

    alert_type: str
    subject_kind: str
    subject_id: str
    severity: str
    recipient: str
    channel: str
    state: str
    message: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Focus:
    """A metric worth working on next."""

    metric_id: str
    score: float
    suggested_actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Publication:
    """The publication that everything here belongs to."""

    batch_id: int
    publication_id: str
    data_through: date
    published_at: datetime
    code_version: str


@dataclass(frozen=True, slots=True)
class Team:
    """A team of the organisation."""

    key: str
    name: str
    parent_key: str | None
    level: str


@dataclass(frozen=True)
class Snapshot:
    """One publication, whole. Mappings are by metric or key result; ``flag_points`` are the series of flags that
    are not the headline series of their metric."""

    publication: Publication | None
    teams: tuple[Team, ...] = ()
    kpis: tuple[Kpi, ...] = ()
    points: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)
    segments: Mapping[str, tuple[Segment, ...]] = field(default_factory=dict)
    definitions: Mapping[str, tuple[Definition, ...]] = field(default_factory=dict)
    tree: tuple[TreeRow, ...] = ()
    contributions: Mapping[str, tuple[Contribution, ...]] = field(default_factory=dict)
    annotations: tuple[Annotation, ...] = ()
    holidays: tuple[tuple[date, str], ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    flag_points: Mapping[SeriesKey, tuple[Point, ...]] = field(default_factory=dict)
    objectives: tuple[Objective, ...] = ()
    check_ins: Mapping[str, tuple[CheckIn, ...]] = field(default_factory=dict)
    check_ins_due: tuple[CheckInDue, ...] = ()
    health: tuple[Health, ...] = ()
    checks: tuple[Check, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    changes: tuple[Change, ...] = ()
    restatements: tuple[Restatement, ...] = ()
    findings: tuple[Finding, ...] = ()
    alerts: tuple[Alert, ...] = ()
    focus: tuple[Focus, ...] = ()
    influences: Mapping[tuple[str, str], Influence] = field(default_factory=dict)
    signals: tuple[Signal, ...] = ()
    suggestions: tuple[SuggestedGoal, ...] = ()
