"""A metric's numbers as people read them in an alert: the words of the detector, so that title and explanation agree.

>>> say(0.712, "ratio"), say(1234567, "currency", "EUR"), say(5400, "duration_seconds"), say(None, "count")
('71.2 %', '1,234,567 EUR', '1 h 30 min', 'unknown')
"""

from __future__ import annotations

from definitions.model import Metric
from pipelines.anomalies import wording

UNKNOWN = "unknown"
_KINDS = {"duration_seconds": "duration"}


def say_metric(value: float | None, metric: Metric) -> str:
    """A metric's value in its unit."""
    return say(value, metric.unit_family, _unit(metric))


def say(value: float | None, family: str, unit: str = "") -> str:
    """A value in the shape of its unit family."""
    return UNKNOWN if value is None else wording.say(value, _KINDS.get(family, family), _shown(family, unit))


def say_range(lower: float | None, upper: float | None, metric: Metric) -> str:
    """An expected range; one-sided where one end is unknown."""
    family, unit = metric.unit_family, _unit(metric)
    if lower is not None and upper is not None:
        return wording.say_range(lower, upper, _KINDS.get(family, family), _shown(family, unit))
    if lower is None and upper is None:
        return UNKNOWN
    return f"up to {say_metric(upper, metric)}" if lower is None else f"from {say_metric(lower, metric)}"


def _unit(metric: Metric) -> str:
    return metric.currency or metric.unit


def _shown(family: str, unit: str) -> str:
    """Ratios and durations say their unit by themselves."""
    return "" if family in ("ratio", "duration_seconds") else unit
