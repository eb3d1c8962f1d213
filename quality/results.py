"""What a check found, and how fresh an asset is: the facts that the gate, the published tables and people read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

Key = Mapping[str, object]
"""Key columns of one offending row, such as ``{"opportunity_id": "006…"}``."""


class Dimension(StrEnum):
    """What a check is about. Source: published schema, data_quality_result.dimension."""

    FRESHNESS = "freshness"
    COMPLETENESS = "completeness"
    UNIQUENESS = "uniqueness"
    VALIDITY = "validity"
    CONSISTENCY = "consistency"
    RECONCILIATION = "reconciliation"
    VOLUME = "volume"
    SCHEMA = "schema"


class Severity(StrEnum):
    """How much a failure matters: ``warn`` publishes with a flag, ``error`` holds the KPIs concerned back."""

    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of one check on one asset. Source: published schema, data_quality_result.

    ``asset`` is a staging table (``crm.opportunities``) or ``kpi_value``. ``metric_ids`` are the KPIs that
    rest on what was checked, sorted. ``observed`` is the number judged and ``threshold`` the limit it was held
    against. ``blocks_publish`` means: a failure holds the whole publication, not only ``metric_ids``.
    ``raised`` marks a check that could not be carried out; it counts as failed. ``sample`` holds the keys of a
    few offending rows. ``details`` say, by KPI, what is wrong where the message speaks of several.

    Check and asset together are the result's name: the same in every run, whether it passes or fails.
    """

    check_id: str
    asset: str
    source_system: str
    metric_ids: tuple[str, ...]
    dimension: Dimension
    severity: Severity
    passed: bool
    rows_checked: int | None
    rows_failed: int | None
    observed: float | None
    threshold: float | None
    message: str
    blocks_publish: bool
    checked_at: datetime
    sample: tuple[Key, ...] = ()
    raised: bool = False
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_error(self) -> bool:
        """Failed with severity error: it holds something back."""
        return not self.passed and self.severity is Severity.ERROR

    @property
    def is_warning(self) -> bool:
        """Failed with severity warn: it publishes with a flag."""
        return not self.passed and self.severity is Severity.WARN


@dataclass(frozen=True, slots=True)
class FreshnessResult:
    """How far the data of one asset reaches, against what was promised. Source: published schema, freshness.

    ``sla`` is the longest time that may pass between the end of the data (``data_through``; where unknown, the
    last success) and now.
    """

    source_system: str
    asset: str
    last_success_at: datetime | None
    last_attempt_at: datetime | None
    data_through: datetime | None
    sla: timedelta
    is_late: bool
    rows_last_run: int | None = None
    error: str | None = None
