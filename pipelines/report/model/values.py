"""Metrics and their values: where each stands, its history, its segments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

SeriesKey = tuple[str, str, str, str]
"""(metric, grain, segment dimension, segment value); the last two are empty for the total."""


@dataclass(frozen=True, slots=True)
class Unit:
    """How a value is shown: its family, its unit or currency, and a numeral pattern."""

    family: str = "count"
    name: str = ""
    currency: str | None = None
    pattern: str = "0,0"


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
class Kpi:
    """Where one metric stands. ``purpose``: maintenance (a vital sign) or improvement (a goal works on it);
    ``optimum`` are the ends of the band to be inside of, where there is one."""

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
    optimum: tuple[float, float] | None = None

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
class Annotation:
    """An event that people want to see on charts; ``metric_id`` None means all."""

    metric_id: str | None
    start: date
    end: date
    title: str
    note: str | None
