"""Metrics as people write them: ``metrics/*.yml``. One shape per metric type over a common body."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from definitions.model import (
    Aggregation,
    Balance,
    Band,
    Benchmark,
    Change,
    Component,
    Composite,
    Conversion,
    Cumulative,
    Derived,
    Direction,
    Drive,
    Drivers,
    Formula,
    Frequency,
    Guardrail,
    Measure,
    Metric,
    MetricInput,
    MetricType,
    Missing,
    Operand,
    Owner,
    Ratio,
    Retention,
    Simple,
    is_grain,
)
from definitions.schema.fields import (
    Boolean,
    Date,
    Duration,
    Here,
    Identifier,
    Integer,
    Name,
    Names,
    Number,
    Prose,
    Shape,
    SilenceShape,
    Sql,
    Text,
    Texts,
    _integer,
    _list,
    _problem,
    silences_of,
)

Cadence = Literal["hourly", "daily", "weekly", "monthly", "quarterly", "yearly", "sprint"]
Grains = Literal["minute", "hour", "day", "week", "month", "quarter", "year"]


def _grain(value: Any) -> str:
    text = str(value)
    if not is_grain(text):
        raise _problem(
            "wrong_value", f"{text!r} is not a grain; use day, week, month, quarter, year or trailing_<n>d"
        )
    return text


GrainText = Annotated[str, BeforeValidator(_grain)]

# ── measures and inputs ─────────────────────────────────────────────────────────────────────────────────────


class MeasureShape(Shape):
    """An aggregate over one source; ``source`` defaults to the metric's own."""

    source: Identifier | None = None
    agg: Aggregation = Aggregation.COUNT
    expr: Sql | None = None
    filter: Sql | None = None
    time: Identifier | None = Field(None, description="the time column; default: the source's")
    percentile: Number | None = Field(None, gt=0, lt=1)

    def build(self, here: Here, source: str | None) -> Measure:
        return Measure(
            source=self.source or source or "",
            agg=self.agg,
            expr=here.expression("expr", self.expr),
            filter=here.expression("filter", self.filter),
            time=self.time,
            percentile=self.percentile,
            location=here.location,
        )


class InputShape(Shape):
    """Another metric as input, filtered or shifted in time."""

    metric: Name
    alias: Identifier | None = None
    filter: Sql | None = None
    offset: Duration | None = Field(None, description="value of that long ago")
    offset_to: Grains | None = Field(None, description="value at the start of this period")

    def build(self, here: Here) -> MetricInput:
        return MetricInput(
            metric=self.metric,
            alias=self.alias or self.metric,
            filter=here.expression("filter", self.filter),
            offset=self.offset,
            offset_to=self.offset_to,
            location=here.location,
        )


def _input(value: Any) -> Any:
    return {"metric": value} if isinstance(value, str) else value


def _operand_kind(value: Any) -> str:
    if isinstance(value, str):
        return "input"
    if isinstance(value, dict):
        return "input" if "metric" in value else "measure"
    return "input" if isinstance(value, InputShape) else "measure"


MetricRef = Annotated[InputShape, BeforeValidator(_input)]
OperandShape = Annotated[
    Annotated[MetricRef, Tag("input")] | Annotated[MeasureShape, Tag("measure")], Discriminator(_operand_kind)
]


def build_operand(shape: InputShape | MeasureShape, here: Here, source: str | None) -> Operand:
    return shape.build(here) if isinstance(shape, InputShape) else shape.build(here, source)


# ── agreements ──────────────────────────────────────────────────────────────────────────────────────────────


class OwnerShape(Shape):
    """Who answers: a team, and a person or role."""

    team: Text
    accountable: Text


class FrequencyShape(Shape):
    """How often the metric is calculated and reviewed."""

    calculate: Cadence
    review: Cadence


class BandShape(Shape):
    """An optimum band."""

    low: Number
    high: Number
    floor: Number | None = None
    ceiling: Number | None = None

    def build(self) -> Band:
        return Band(self.low, self.high, self.floor, self.ceiling)


class GuardrailShape(Shape):
    """A counter-metric; a bare name is enough."""

    metric: Name
    rationale: Prose = ""
    tolerance_pct: Number = 5.0


class DriveShape(Shape):
    """A metric that this one influences."""

    metric: Name
    lag: Duration | None = None
    expected_sign: Annotated[Literal[1, -1], BeforeValidator(_integer)] = 1


class DriversShape(Shape):
    """A driver tree node."""

    operator: Literal["sum", "difference", "product", "ratio"]
    inputs: Annotated[tuple[Name, ...], Field(min_length=2)]


class ChangeShape(Shape):
    """An entry of the change log."""

    version: Integer
    on: Date
    why: Prose
    proposed_by: Text
    approved_by: Text
    restate_from: Date | None = None
    kind: Literal["new", "clarify", "breaking", "retire"] = "breaking"

    def build(self) -> Change:
        return Change(
            self.version, self.on, self.why, self.proposed_by, self.approved_by, self.restate_from, self.kind
        )


class BenchmarkShape(Shape):
    """A published comparison value."""

    label: Prose
    low: Number | None = None
    high: Number | None = None
    applies_to: Prose
    source: Prose


class RestrictedShape(Shape):
    """Roles that may read the metric."""

    restricted: Texts


AGREEMENTS = ("frequency", "level", "perspective", "indicator", "calendar", "missing")
"""What people must have agreed on before a metric leaves draft. Source: definition lint, 'Errors'."""


def _metric_name(value: Any) -> Any:
    return {"metric": value} if isinstance(value, str) else value


SegmentShape = Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=2), BeforeValidator(_list)]


class MetricShape(Shape):
    """What every metric has, whatever its type."""

    name: Name
    label: Prose
    definition: Prose = ""
    status: Literal["draft", "review", "certified", "deprecated"] = "draft"
    version: Annotated[Integer, Field(ge=1)] = 1
    category: Text = "general"
    owner: OwnerShape
    unit: Text
    unit_family: Literal["currency", "ratio", "count", "duration_seconds", "score"] | None = None
    currency: Annotated[str, BeforeValidator(str), Field(pattern="^[A-Z]{3}$")] | None = None
    display_format: Text | None = None
    segments: tuple[SegmentShape, ...] = ()
    grains: tuple[GrainText, ...] | None = None
    missing: Missing = Missing.EMPTY
    minimum_sample: Annotated[Integer, Field(ge=1)] | None = None
    frequency: FrequencyShape | None = None
    calendar: Text = "company"
    direction: Direction
    band: BandShape | None = None
    amber_at: Number | None = None
    red_at: Number | None = None
    intent: Literal["improve", "maintain"] = "improve"
    guardrails: tuple[Annotated[GuardrailShape, BeforeValidator(_metric_name)], ...] = ()
    level: Literal["north_star", "supporting", "operational"] | None = None
    perspective: Literal["financial", "customer", "internal_process", "learning_growth"] | None = None
    indicator: Literal["leading", "lagging"] | None = None
    actionable: Boolean = True
    vanity: Boolean = False
    visibility: Literal["internal"] | RestrictedShape = "internal"
    drives: tuple[Annotated[DriveShape, BeforeValidator(_metric_name)], ...] = ()
    drivers: DriversShape | None = None
    benchmarks: tuple[BenchmarkShape, ...] = ()
    known_pitfalls: Prose = ""
    no_value: Prose = Field("", description="what it means that nothing is missing and yet there is no value")
    suggested_actions: Texts = ()
    settles_after: Duration | None = None
    freshness: Duration | None = None
    changes: tuple[ChangeShape, ...] = ()
    replaced_by: Name | None = None
    deprecated_on: Date | None = None
    reviewed_on: Date | None = Field(None, description="day of the last review by its owner")
    reviewed_by: Text | None = Field(None, description="who reviewed it: not who proposed the version")
    silence: tuple[SilenceShape, ...] = ()
    meta: dict[str, Text] = Field(default_factory=dict)

    def formula(self, here: Here) -> Formula:
        """The typed formula; each metric type has its own."""
        raise NotImplementedError

    def build(self, here: Here) -> Metric:
        """The frozen metric, with defaults that follow from unit and cadence filled in."""
        frequency = Frequency(self.frequency.calculate, self.frequency.review) if self.frequency else None
        family, currency = unit_family(self.unit, self.unit_family, self.currency)
        restricted = self.visibility if isinstance(self.visibility, RestrictedShape) else None
        return Metric(
            name=self.name,
            label=self.label,
            definition=self.definition,
            type=MetricType(getattr(self, "type")),  # noqa: B009  (each subclass declares its literal)
            formula=self.formula(here),
            unit=self.unit,
            unit_family=family,
            direction=self.direction,
            owner=Owner(self.owner.team, self.owner.accountable),
            status=self.status,
            version=self.version,
            category=self.category,
            currency=currency,
            display_format=self.display_format or default_format(family),
            segments=self.segments,
            grains=self.grains or default_grains(frequency),
            missing=self.missing,
            minimum_sample=self.minimum_sample,
            frequency=frequency or Frequency("daily", "weekly"),
            calendar=self.calendar,
            band=self.band.build() if self.band else None,
            intent=self.intent,
            guardrails=tuple(Guardrail(g.metric, g.rationale, g.tolerance_pct) for g in self.guardrails),
            level=self.level or "operational",
            perspective=self.perspective or "internal_process",
            indicator=self.indicator or "lagging",
            is_actionable=self.actionable,
            is_vanity=self.vanity,
            visibility="restricted" if restricted else "internal",
            restricted_to=restricted.restricted if restricted else (),
            drives=tuple(Drive(d.metric, d.lag, d.expected_sign) for d in self.drives),
            drivers=Drivers(self.drivers.operator, self.drivers.inputs) if self.drivers else None,
            benchmarks=tuple(
                Benchmark(b.label, b.low, b.high, b.applies_to, b.source) for b in self.benchmarks
            ),
            known_pitfalls=self.known_pitfalls,
            no_value=self.no_value,
            suggested_actions=self.suggested_actions,
            amber_at=self.amber_at,
            red_at=self.red_at,
            settles_after=self.settles_after,
            freshness=self.freshness,
            changes=tuple(
                Change(c.version, c.on, c.why, c.proposed_by, c.approved_by, c.restate_from, c.kind)
                for c in self.changes
            ),
            replaced_by=self.replaced_by,
            deprecated_on=self.deprecated_on,
            silences=silences_of(self.silence),
            reviewed_on=self.reviewed_on,
            reviewed_by=self.reviewed_by,
            undeclared=tuple(key for key in AGREEMENTS if key not in self.model_fields_set),
            meta=dict(sorted(self.meta.items())),
            location=here.location,
        )


_CURRENCY = re.compile(r"^[A-Z]{3}$")
_FAMILIES = {"ratio": "ratio", "percent": "ratio", "seconds": "duration_seconds", "score": "score"}
_FORMATS = {
    "currency": "0,0",
    "ratio": "0.0%",
    "count": "0,0",
    "duration_seconds": "duration",
    "score": "0.0",
}
_GRAINS = {
    "monthly": ("month", "quarter"),
    "quarterly": ("quarter",),
    "yearly": ("year",),
    "weekly": ("week", "month", "quarter"),
}


def unit_family(unit: str, family: str | None, currency: str | None) -> tuple[str, str | None]:
    """(unit family, currency code): a unit of three capitals is a currency, unknown units are counted things."""
    if currency or _CURRENCY.match(unit):
        return family or "currency", currency or unit
    return family or _FAMILIES.get(unit, "count"), None


def default_format(family: str) -> str:
    """How people read values of a unit family (numeral patterns; ``duration`` picks the largest fitting unit)."""
    return _FORMATS[family]


def default_grains(frequency: Frequency | None) -> tuple[str, ...]:
    """Grains that a calculation cadence publishes."""
    return _GRAINS.get(frequency.calculate if frequency else "daily", ("day", "week", "month", "quarter"))


# ── types ───────────────────────────────────────────────────────────────────────────────────────────────────


class SimpleShape(MetricShape):
    """One aggregate over one source."""

    type: Literal["simple"]
    source: Identifier
    agg: Aggregation
    expr: Sql | None = None
    filter: Sql | None = None
    time: Identifier | None = None
    percentile: Number | None = Field(None, gt=0, lt=1)

    def formula(self, here: Here) -> Formula:
        return Simple(top_level_measure(self, here))


class RatioShape(MetricShape):
    """Numerator over denominator; ``source`` and ``time`` are defaults for both."""

    type: Literal["ratio"]
    source: Identifier | None = None
    numerator: OperandShape
    denominator: OperandShape

    def formula(self, here: Here) -> Formula:
        return Ratio(
            build_operand(self.numerator, here.at("numerator"), self.source),
            build_operand(self.denominator, here.at("denominator"), self.source),
        )


class DerivedShape(MetricShape):
    """An expression over metrics; a name in ``expr`` that is not listed in ``inputs`` is a metric's own name."""

    type: Literal["derived"]
    expr: Sql
    inputs: tuple[MetricRef, ...] = ()

    def formula(self, here: Here) -> Formula:
        return Derived(
            here.required("expr", self.expr),
            tuple(shape.build(here.at("inputs", i)) for i, shape in enumerate(self.inputs)),
        )


class CumulativeShape(MetricShape):
    """A running aggregate of a measure or of a simple metric."""

    type: Literal["cumulative"]
    metric: MetricRef | None = None
    source: Identifier | None = None
    agg: Aggregation = Aggregation.COUNT
    expr: Sql | None = None
    filter: Sql | None = None
    time: Identifier | None = None
    percentile: Number | None = Field(None, gt=0, lt=1)
    window: Duration | None = None
    grain_to_date: Grains | None = None
    period_agg: Literal["first", "last", "average"] | None = None

    def formula(self, here: Here) -> Formula:
        operand: Operand
        operand = self.metric.build(here.at("metric")) if self.metric else top_level_measure(self, here)
        return Cumulative(operand, self.window, self.grain_to_date, self.period_agg or "last")


class BalanceShape(MetricShape):
    """A state as of each period's end, or the last (first) snapshot within it."""

    type: Literal["balance"]
    source: Identifier
    agg: Aggregation
    expr: Sql | None = None
    filter: Sql | None = None
    time: Identifier | None = None
    percentile: Number | None = Field(None, gt=0, lt=1)
    choice: Literal["last", "first"] = "last"
    groupings: Names = ()

    def formula(self, here: Here) -> Formula:
        return Balance(top_level_measure(self, here), self.choice, self.groupings)


class PropertyShape(Shape):
    """A pair of columns that must be equal on both events."""

    base: Identifier
    conversion: Identifier


def _property(value: Any) -> Any:
    return {"base": value, "conversion": value} if isinstance(value, str) else value


class ConversionShape(MetricShape):
    """Base events that become conversion events of the same entity."""

    type: Literal["conversion"]
    source: Identifier | None = None
    base: MeasureShape
    conversion: MeasureShape
    entity: Identifier
    conversion_entity: Identifier | None = None
    window: Duration | None = None
    inclusive: Boolean = False
    calculation: Literal["rate", "conversion_rate", "count", "conversions"] = "rate"
    constant_properties: tuple[Annotated[PropertyShape, BeforeValidator(_property)], ...] = ()
    unconverted: Literal["zero", "empty"] = "zero"

    def formula(self, here: Here) -> Formula:
        return Conversion(
            base=self.base.build(here.at("base"), self.source),
            conversion=self.conversion.build(here.at("conversion"), self.source),
            entity=self.entity,
            conversion_entity=self.conversion_entity or self.entity,
            window=self.window,
            inclusive=self.inclusive,
            calculation="rate" if self.calculation in ("rate", "conversion_rate") else "count",
            constant_properties=tuple((p.base, p.conversion) for p in self.constant_properties),
            unconverted=Missing(self.unconverted),
        )


class RetentionShape(MetricShape):
    """Entities of a cohort that are active again on days ``days[0]``..``days[1]`` after their first day."""

    type: Literal["retention"]
    source: Identifier | None = None
    cohort: MeasureShape
    activity: MeasureShape
    entity: Identifier
    activity_entity: Identifier | None = None
    days: Annotated[tuple[Integer, Integer], Field()]
    calculation: Literal["rate", "count"] = "rate"

    def formula(self, here: Here) -> Formula:
        return Retention(
            cohort=self.cohort.build(here.at("cohort"), self.source),
            activity=self.activity.build(here.at("activity"), self.source),
            entity=self.entity,
            activity_entity=self.activity_entity or self.entity,
            first_day=self.days[0],
            last_day=self.days[1],
            calculation=self.calculation,
        )


class ComponentShape(Shape):
    """One part of a composite."""

    metric: Name
    weight: Annotated[Number, Field(gt=0)] = 1.0
    low: Number
    high: Number


class CompositeShape(MetricShape):
    """A weighted mean of normalised metrics."""

    type: Literal["composite"]
    components: Annotated[tuple[ComponentShape, ...], Field(min_length=2)]
    scale: Annotated[Number, Field(gt=0)] = 1.0
    min_coverage: Annotated[Number, Field(ge=0, le=1)] = 1.0

    def formula(self, here: Here) -> Formula:
        return Composite(
            tuple(
                Component(c.metric, c.weight, c.low, c.high, here.at("components", i).location)
                for i, c in enumerate(self.components)
            ),
            self.scale,
            self.min_coverage,
        )


def top_level_measure(shape: SimpleShape | CumulativeShape | BalanceShape, here: Here) -> Measure:
    """The measure written in the metric's own keys."""
    return Measure(
        source=shape.source or "",
        agg=shape.agg,
        expr=here.expression("expr", shape.expr),
        filter=here.expression("filter", shape.filter),
        time=shape.time,
        percentile=shape.percentile,
        location=here.location,
    )


METRIC_SHAPES: dict[str, type[MetricShape]] = {
    "simple": SimpleShape,
    "ratio": RatioShape,
    "derived": DerivedShape,
    "cumulative": CumulativeShape,
    "balance": BalanceShape,
    "conversion": ConversionShape,
    "retention": RetentionShape,
    "composite": CompositeShape,
}
