"""Metrics: what is computed (the formula), and what people agreed about it (everything else)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from .basics import NOWHERE, Expression, Location, Span


class Aggregation(StrEnum):
    """Aggregates of a measure. Source: dictionary rules, 'Metric types'."""

    COUNT = "count"
    COUNT_DISTINCT = "count_distinct"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    MEDIAN = "median"
    PERCENTILE = "percentile"
    SUM_BOOLEAN = "sum_boolean"

    @property
    def is_additive(self) -> bool:
        """Whether Σ of parts is the whole."""
        return self in (Aggregation.COUNT, Aggregation.SUM, Aggregation.SUM_BOOLEAN)


class MetricType(StrEnum):
    """Kinds of formula. Source: dictionary rules, 'Metric types'."""

    SIMPLE = "simple"
    RATIO = "ratio"
    DERIVED = "derived"
    CUMULATIVE = "cumulative"
    BALANCE = "balance"
    CONVERSION = "conversion"
    RETENTION = "retention"
    COMPOSITE = "composite"


class Missing(StrEnum):
    """What a gap on the time spine means: NULL with a reason, zero, or the last known value."""

    EMPTY = "empty"
    ZERO = "zero"
    CARRY_FORWARD = "carry_forward"


class Direction(StrEnum):
    """Which way is better; ``within`` needs a band."""

    INCREASE = "increase"
    DECREASE = "decrease"
    WITHIN = "within"


# ── formulas ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Measure:
    """An aggregate over the rows of one source that pass ``filter``, in the period of ``time``.

    ``expr`` is None for a count of rows. ``percentile`` is a fraction, linear-interpolated.
    """

    source: str
    agg: Aggregation
    expr: Expression | None = None
    filter: Expression | None = None
    time: str | None = None
    percentile: float | None = None
    location: Location = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class MetricInput:
    """Another metric as an input: filtered, shifted by ``offset`` along the time spine, or read at the
    start of the period named by ``offset_to`` (``offset_to: month`` on a daily query reads the first day of
    that month)."""

    metric: str
    alias: str
    filter: Expression | None = None
    offset: Span | None = None
    offset_to: str | None = None
    location: Location = field(default=NOWHERE, compare=False, repr=False)


Operand = Measure | MetricInput


@dataclass(frozen=True, slots=True)
class Simple:
    """One aggregate."""

    measure: Measure


@dataclass(frozen=True, slots=True)
class Ratio:
    """Aggregate first, divide after, in double precision; NULL on a zero denominator."""

    numerator: Operand
    denominator: Operand


@dataclass(frozen=True, slots=True)
class Derived:
    """An expression over metrics. A name in ``expr`` is an input's alias."""

    expr: Expression
    inputs: tuple[MetricInput, ...]


@dataclass(frozen=True, slots=True)
class Cumulative:
    """A running aggregate: over ``(t − window, t]``, since the start of ``grain_to_date``, or over all time.

    Read at a grain coarser than a day, ``period_agg`` picks the first, last or average daily value of the
    period: of its days with rows, and where a gap means zero (``missing: zero``) of all its days, as far as
    they have come. Source: dictionary rules, semantics 8.
    """

    input: Operand
    window: Span | None = None
    grain_to_date: str | None = None
    period_agg: str = "last"


@dataclass(frozen=True, slots=True)
class Balance:
    """A semi-additive state.

    Over a source with ``validity``: the aggregate of the rows valid at each period's end (half-open: what
    happened before the end counts, what happens at the end does not). Otherwise: the rows at the last
    (``choice: last``) or first date within each queried period and each of ``groupings``.
    """

    measure: Measure
    choice: str = "last"
    groupings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversion:
    """Base events that turn into conversion events of the same ``entity``.

    Each conversion is credited to the latest base event in ``(t − window, t]`` (``[t − window, t]`` when
    ``inclusive``) and counts once. ``constant_properties`` pairs columns that must be equal on both events.
    """

    base: Measure
    conversion: Measure
    entity: str
    conversion_entity: str
    window: Span | None = None
    inclusive: bool = False
    calculation: str = "rate"
    constant_properties: tuple[tuple[str, str], ...] = ()
    unconverted: Missing = Missing.ZERO


@dataclass(frozen=True, slots=True)
class Retention:
    """Share of a cohort (entities by their first day) that is active on days ``first_day``..``last_day``
    after it."""

    cohort: Measure
    activity: Measure
    entity: str
    activity_entity: str
    first_day: int
    last_day: int
    calculation: str = "rate"


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a composite: the metric normalised so that ``low`` → 0 and ``high`` → 1 (``low > high``
    inverts)."""

    metric: str
    weight: float
    low: float
    high: float
    location: Location = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Composite:
    """Weighted mean of normalised, clamped metrics times ``scale``. Below ``min_coverage`` (share of the
    weight that has data) it is NULL."""

    components: tuple[Component, ...]
    scale: float = 1.0
    min_coverage: float = 1.0


Formula = Simple | Ratio | Derived | Cumulative | Balance | Conversion | Retention | Composite


# ── agreements ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Owner:
    """Who answers for a definition: a team, and a person (or role) by key."""

    team: str
    accountable: str


@dataclass(frozen=True, slots=True)
class Frequency:
    """How often a metric is calculated and reviewed: hourly, daily, weekly, monthly, quarterly, yearly,
    sprint."""

    calculate: str
    review: str


@dataclass(frozen=True, slots=True)
class Band:
    """An optimum band ``low..high``; outside ``floor..ceiling`` the score is 0."""

    low: float
    high: float
    floor: float | None = None
    ceiling: float | None = None


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A counter-metric that must not worsen while this one improves."""

    metric: str
    rationale: str = ""
    tolerance_pct: float = 5.0


@dataclass(frozen=True, slots=True)
class Drive:
    """A claim of influence on another metric, after a lag."""

    metric: str
    lag: Span | None = None
    expected_sign: int = 1


@dataclass(frozen=True, slots=True)
class Drivers:
    """An arithmetic driver tree node: this metric = operator(inputs), in order."""

    operator: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a definition's change log."""

    version: int
    on: date
    why: str
    proposed_by: str
    approved_by: str
    restate_from: date | None = None
    kind: str = "breaking"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A published comparison value, with what it applies to and where it is from."""

    label: str
    low: float | None
    high: float | None
    applies_to: str
    source: str


@dataclass(frozen=True, slots=True)
class Metric:
    """One entry of the dictionary.

    ``segments`` holds tuples of dimension names: one name for a single segment, two for a declared pair.
    ``grains`` are the grains published. ``aggregation`` says how published values may be rolled up.
    ``undeclared`` names the agreements that were left to their defaults (lint asks for them past draft).
    """

    name: str
    label: str
    definition: str
    type: MetricType
    formula: Formula
    unit: str
    unit_family: str
    direction: Direction
    owner: Owner
    status: str = "draft"
    version: int = 1
    category: str = ""
    currency: str | None = None
    display_format: str = ""
    segments: tuple[tuple[str, ...], ...] = ()
    grains: tuple[str, ...] = ("day", "week", "month", "quarter")
    missing: Missing = Missing.EMPTY
    minimum_sample: int | None = None
    frequency: Frequency = Frequency("daily", "weekly")
    calendar: str = "company"
    band: Band | None = None
    intent: str = "improve"
    guardrails: tuple[Guardrail, ...] = ()
    level: str = "operational"
    perspective: str = "internal_process"
    indicator: str = "lagging"
    is_actionable: bool = True
    is_vanity: bool = False
    visibility: str = "internal"
    restricted_to: tuple[str, ...] = ()
    drives: tuple[Drive, ...] = ()
    drivers: Drivers | None = None
    benchmarks: tuple[Benchmark, ...] = ()
    known_pitfalls: str = ""
    no_value: str = ""
    suggested_actions: tuple[str, ...] = ()
    amber_at: float | None = None
    red_at: float | None = None
    settles_after: Span | None = None
    freshness: Span | None = None
    changes: tuple[Change, ...] = ()
    replaced_by: str | None = None
    deprecated_on: date | None = None
    silences: tuple[tuple[str, str], ...] = ()
    reviewed_on: date | None = None
    reviewed_by: str | None = None
    undeclared: tuple[str, ...] = ()
    meta: Mapping[str, str] = field(default_factory=dict)
    location: Location = field(default=NOWHERE, compare=False, repr=False)

    @property
    def purpose(self) -> str:
        """``maintenance`` or ``improvement``, from the intent. (A guardrail is a relation, not an
        attribute.)"""
        return "maintenance" if self.intent == "maintain" else "improvement"

    @property
    def aggregation(self) -> str:
        """How published values may be rolled up: sum, last, ratio, mean or none. Source: published tables, point 9."""
        formula = self.formula
        if isinstance(formula, Simple):
            return _ROLLUP.get(formula.measure.agg, "none")
        if isinstance(formula, Ratio):
            return "ratio"
        if isinstance(formula, Conversion | Retention):
            return "ratio" if formula.calculation == "rate" else "sum"
        if isinstance(formula, Balance):
            return "last"
        if isinstance(formula, Cumulative):
            return "mean" if formula.period_agg == "average" else "last"
        return "none"


_ROLLUP = {
    Aggregation.COUNT: "sum",
    Aggregation.SUM: "sum",
    Aggregation.SUM_BOOLEAN: "sum",
    Aggregation.AVG: "mean",
}
