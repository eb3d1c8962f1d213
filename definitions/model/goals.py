"""Goals: targets of metrics, and objectives with key results by cycle. Nothing here changes what a metric
computes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from .basics import NOWHERE, Location
from .metrics import Band

Segment = tuple[tuple[str, str], ...]
"""(dimension, value) pairs; the empty tuple is the total."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A starting value and the day it is as of; ``set_by`` is a person's key or ``system``."""

    value: float
    as_of: date
    set_by: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The target of one metric, segment and period.

    ``spec`` says how ``spec_value`` becomes ``target``: ``absolute`` (as is), ``relative_pct`` (a fraction
    of the baseline: 0.15 is +15 %), ``delta_points`` (added to the baseline). ``comparison``: gte, gt, lte,
    lt, between.
    """

    metric: str
    segment: Segment
    grain: str
    period: str
    period_start: date
    period_end: date
    comparison: str
    target: float | None
    stretch: float | None = None
    band: Band | None = None
    amber_at: float | None = None
    red_at: float | None = None
    baseline: Baseline | None = None
    spec: str = "absolute"
    spec_value: float | None = None
    set_by: str = ""
    set_on: date | None = None
    reason: str | None = None
    location: Location = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Milestone:
    """A step of an effort-based key result; done when ``done_on`` is set."""

    name: str
    weight: float = 1.0
    due: date | None = None
    done_on: date | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """Expected progress over a cycle: ``linear``, ``step``, ``phased`` (points: day → expected fraction) or
    ``late``."""

    kind: str = "linear"
    points: tuple[tuple[date, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Revision:
    """A change of target or baseline inside a cycle, kept and shown."""

    on: date
    by: str
    field: str
    was: float | None
    now: float | None
    why: str


@dataclass(frozen=True, slots=True)
class KeyResult:
    """How one will know that the objective is reached.

    ``kr_type``: increase, decrease, stay_above, stay_below, stay_between, milestone, binary, baseline.
    ``nature``: outcome (names a metric) or effort (names none).
    ``target`` is absolute, with relative ones resolved; ``spec``/``spec_value`` keep what was written.
    ``grain`` is the period of the metric that counts as one value.
    """

    key: str
    statement: str
    owner: str
    kr_type: str
    nature: str
    metric: str | None = None
    segment: Segment = ()
    segment_mode: str = "total"
    grain: str | None = None
    baseline: Baseline | None = None
    target: float | None = None
    spec: str = "absolute"
    spec_value: float | None = None
    stretch: float | None = None
    commit: float | None = None
    comparison: str | None = None
    band: Band | None = None
    score_method: str = "ratio"
    unit: str | None = None
    weight: float = 1.0
    due: date | None = None
    curve: Curve = Curve()
    milestones: tuple[Milestone, ...] = ()
    done_on: date | None = None
    confidence: float | None = None
    is_leading: bool = False
    status: str = "active"
    revisions: tuple[Revision, ...] = ()
    silences: tuple[tuple[str, str], ...] = ()
    location: Location = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Objective:
    """A qualitative aim of one team for one cycle, with its key results."""

    key: str
    title: str
    team: str
    owner: str
    cycle: str
    key_results: tuple[KeyResult, ...]
    why: str = ""
    parent: str | None = None
    contributes: bool = True
    commitment: str = "aspirational"
    rollup: str = "weighted_average"
    lifecycle: str = "active"
    perspective: str | None = None
    closing_note: str | None = None
    silences: tuple[tuple[str, str], ...] = ()
    location: Location = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Cycle:
    """A period of objectives; ``start`` and ``end`` are inclusive days. ``state``: draft, open, closed."""

    key: str
    name: str
    start: date
    end: date
    state: str
    objectives: tuple[Objective, ...]
    check_in: str = "weekly"
    silences: tuple[tuple[str, str], ...] = ()
    location: Location = field(default=NOWHERE, compare=False, repr=False)
