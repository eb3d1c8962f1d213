"""What a run finds about metrics: contributions, influences, effects of segments, signals, flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pipelines.publishing.records.base import Number


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
