"""The thresholds of a load. `definitions.settings.ConnectorSettings` documents the same fields for people."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.traffic import HttpLimits


@dataclass(frozen=True)
class LoadSettings:
    """How careful a load is.

    Attributes:
        safety_seconds: the watermark stays that far behind the begin of the reading.
        future_seconds: a stamp that far ahead of the vendor's clock is wrong, and is clamped.
        checkpoint_seconds: a long load makes its progress last that often.
        resume_hours: an unfinished load that is older is begun again.
        full_read_days: a stream is read whole that often, so that silent edits are found. 0: never.
        vanished_share, vanished_rows: more deletions found at once than both are a failed check, no deletion.
        lateness_share: a row that comes later than this share of the overlap is a warning.
        recent_rows: remember at most that many rows of the overlap, to measure lateness.
        quota_share: stop when the account has used more of the vendor's quota.
        parallel_requests: so many requests are under way at once where a vendor has to be asked for each parent.
        http: patience and caps of the client.
    """

    safety_seconds: float = 60.0
    future_seconds: float = 300.0
    checkpoint_seconds: float = 5.0
    resume_hours: float = 24.0
    full_read_days: float = 30.0
    vanished_share: float = 0.2
    vanished_rows: int = 20
    lateness_share: float = 0.5
    recent_rows: int = 100_000
    quota_share: float = 0.8
    parallel_requests: int = 4
    http: HttpLimits = field(default_factory=HttpLimits)
