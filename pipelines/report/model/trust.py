"""What is odd, what was checked, what is held back, who was told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from .values import SeriesKey, Unit


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
