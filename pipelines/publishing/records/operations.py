"""Whether the data can be trusted, and who is told: check results, freshness, alerts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipelines.publishing.records.base import Number


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
    """How current one asset of one source is, and what its last load looked like.

    How old the data is shows in `data_through_at`, against `sla_seconds`; `lateness_seconds` is how long after their
    change rows of the last load became visible at the vendor, at most.
    """

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
