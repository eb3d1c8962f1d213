"""The closed vocabularies of the scoring rules. Every member is the text that is published.

`Direction` (increase, decrease, within) belongs to the dictionary: `definitions.model.Direction`.
"""

from __future__ import annotations

from enum import StrEnum


class Comparison(StrEnum):
    """How a value is held against its target. `gt` and `lt` are strict ("under 8 hours")."""

    GTE = "gte"
    GT = "gt"
    LTE = "lte"
    LT = "lt"
    BETWEEN = "between"


class Method(StrEnum):
    """How a score was reached. `met_or_not` is the last resort of a zero target."""

    RATIO = "ratio"
    LINEAR = "linear"
    MET_OR_NOT = "met_or_not"
    ZONES = "zones"
    PERIODS_MET = "periods_met"
    MILESTONE = "milestone"
    BINARY = "binary"


class Band(StrEnum):
    """The words for a score."""

    OVERPERFORMING = "overperforming"
    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    SIGNIFICANT_ISSUES = "significant_issues"
    NO_DATA = "no_data"
    NOT_STARTED = "not_started"


class KeyResultStatus(StrEnum):
    """What is shown for a key result or an objective, after staleness, overrides and close."""

    ACHIEVED = "achieved"
    ON_TRACK = "on_track"
    NOT_STARTED = "not_started"
    NO_DATA = "no_data"
    STALE = "stale"
    AT_RISK = "at_risk"
    OFF_TRACK = "off_track"
    MISSED = "missed"
    CANCELLED = "cancelled"


class PaceStatus(StrEnum):
    """The words for a pace ratio."""

    AHEAD = "ahead"
    ON_PACE = "on_pace"
    BEHIND = "behind"
    OFF_PACE = "off_pace"
    TOO_EARLY = "too_early"
    NOT_APPLICABLE = "not_applicable"


class Curve(StrEnum):
    """The shape in which progress is expected to come."""

    LINEAR = "linear"
    STEP = "step"
    PHASED = "phased"
    LATE = "late"


class ForecastMethod(StrEnum):
    """How a forecast was made; see `forecast`."""

    TREND = "trend"
    AVERAGED = "averaged"


class KpiStatus(StrEnum):
    """The colour of a KPI. The last three are states of their own and never green."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    NO_TARGET = "no_target"
    NO_DATA = "no_data"
    STALE = "stale"


class Trend(StrEnum):
    """The sign of a direction-adjusted change."""

    IMPROVING = "improving"
    WORSENING = "worsening"
    FLAT = "flat"


class Side(StrEnum):
    """Where a value lies against an optimum band."""

    BELOW = "below"
    INSIDE = "inside"
    ABOVE = "above"


class Commitment(StrEnum):
    """What an objective promises: committed ones succeed at 1.0, aspirational ones at 0.7."""

    COMMITTED = "committed"
    ASPIRATIONAL = "aspirational"


class Operator(StrEnum):
    """How the children of a driver tree make their parent. `influences` is correlation, not arithmetic."""

    SUM = "sum"
    DIFFERENCE = "difference"
    PRODUCT = "product"
    RATIO = "ratio"
    INFLUENCES = "influences"
