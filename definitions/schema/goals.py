"""Targets, cycles, objectives and key results as people write them: ``targets/*.yml``, ``objectives/*.yml``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from definitions.model import Baseline, Curve, Cycle, KeyResult, Milestone, Objective, Revision, Segment
from definitions.schema.fields import (
    Boolean,
    Date,
    Here,
    Key,
    Name,
    Number,
    Prose,
    Shape,
    SilenceShape,
    Text,
    _problem,
    silences_of,
)
from definitions.schema.metrics import BandShape, GrainText

Comparison = Literal["gte", "gt", "lte", "lt", "between"]
_SYMBOLS = {">=": "gte", ">": "gt", "<=": "lte", "<": "lt"}


class BaselineShape(Shape):
    """A starting value and the day it is as of."""

    value: Number
    as_of: Date
    set_by: Text | None = None

    def build(self) -> Baseline:
        return Baseline(self.value, self.as_of, self.set_by)


class AmountShape(Shape):
    """A target: absolute, or relative to the baseline in percent (15 is 15 %) or in points."""

    absolute: Number | None = None
    relative_pct: Number | None = None
    delta_points: Number | None = None

    def spec(self) -> tuple[str, float]:
        """(kind, number as written)."""
        given = {name: value for name, value in self.model_dump().items() if value is not None}
        if len(given) != 1:
            raise _problem("wrong_value", "give exactly one of absolute, relative_pct, delta_points")
        return next(iter(given.items()))


def _amount(value: Any) -> Any:
    return {"absolute": value} if value is not None and not isinstance(value, dict) else value


Amount = Annotated[AmountShape, BeforeValidator(_amount)]


def _comparison(value: Any) -> str:
    return _SYMBOLS.get(str(value), str(value))


ComparisonText = Annotated[Comparison, BeforeValidator(_comparison)]


class PeriodTargetShape(Shape):
    """The target of one period; a bare number is enough."""

    target: Amount | None = None
    stretch: Number | None = None
    band: BandShape | None = None
    baseline: BaselineShape | None = None
    reason: Prose | None = None


def _period_target(value: Any) -> Any:
    return value if isinstance(value, dict) else {"target": value}


class TargetShape(Shape):
    """Targets of one metric (and segment), by period."""

    metric: Name
    set_by: Text | None = None
    set_on: Date | None = None
    reason: Prose | None = None
    segment: dict[str, Text] = Field(default_factory=dict)
    comparison: ComparisonText | None = None
    amber_at: Number | None = None
    red_at: Number | None = None
    periods: dict[str, Annotated[PeriodTargetShape, BeforeValidator(_period_target)]]


class MilestoneShape(Shape):
    """A step of an effort-based key result."""

    name: Prose
    weight: Annotated[Number, Field(ge=0)] = 1.0
    due: Date | None = None
    done_on: Date | None = None


class CurveShape(Shape):
    """Expected progress; ``phased`` needs points (day: fraction)."""

    kind: Literal["linear", "step", "phased", "late"] = "linear"
    points: dict[str, Number] = Field(default_factory=dict)

    def build(self) -> Curve:
        from datetime import date

        try:
            points = tuple(sorted((date.fromisoformat(day), value) for day, value in self.points.items()))
        except ValueError as error:
            raise _problem(
                "wrong_value", f"points are given by day, such as 2026-05-01: 0.5 ({error})"
            ) from error
        return Curve(self.kind, points)


def _curve(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


class RevisionShape(Shape):
    """A change of target or baseline inside the cycle."""

    on: Date
    by: Text
    field: Text
    was: Number | None = None
    now: Number | None = None
    why: Prose


class KeyResultShape(Shape):
    """How one will know that the objective is reached."""

    key: Key
    statement: Prose
    owner: Key
    type: Literal[
        "increase", "decrease", "stay_above", "stay_below", "stay_between", "milestone", "binary", "baseline"
    ]
    nature: Literal["outcome", "effort"] | None = None
    metric: Name | None = None
    segment: dict[str, Text] = Field(default_factory=dict)
    segment_mode: Literal["total", "all", "mean"] = "total"
    grain: GrainText | None = None
    baseline: BaselineShape | None = None
    target: Amount | None = None
    stretch: Number | None = None
    commit: Number | None = None
    comparison: ComparisonText | None = None
    band: BandShape | None = None
    score_method: Literal["ratio", "linear", "zones", "periods_met", "milestone", "binary"] | None = None
    unit: Text | None = None
    weight: Annotated[Number, Field(ge=0)] = 1.0
    due: Date | None = None
    curve: Annotated[CurveShape, BeforeValidator(_curve)] = CurveShape()
    milestones: tuple[MilestoneShape, ...] = ()
    done_on: Date | None = None
    confidence: Annotated[Number, Field(ge=0, le=1)] | None = None
    leading: Boolean = False
    status: Literal["active", "cancelled"] = "active"
    revisions: tuple[RevisionShape, ...] = ()
    silence: tuple[SilenceShape, ...] = ()

    def build(self, here: Here) -> KeyResult:
        baseline = self.baseline.build() if self.baseline else None
        kind, number = self.target.spec() if self.target else ("absolute", None)
        return KeyResult(
            key=self.key,
            statement=self.statement,
            owner=self.owner,
            kr_type=self.type,
            nature=self.nature or ("effort" if self.type in ("milestone", "binary") else "outcome"),
            metric=self.metric,
            segment=segment_of(self.segment),
            segment_mode=self.segment_mode,
            grain=self.grain,
            baseline=baseline,
            target=resolve_target(kind, number, baseline, decreasing=self.type == "decrease"),
            spec=kind,
            spec_value=number,
            stretch=self.stretch,
            commit=self.commit,
            comparison=self.comparison or _COMPARISONS.get(self.type),
            band=self.band.build() if self.band else None,
            score_method=self.score_method or _METHODS.get(self.type, "ratio"),
            unit=self.unit,
            weight=self.weight,
            due=self.due,
            curve=self.curve.build(),
            milestones=tuple(Milestone(m.name, m.weight, m.due, m.done_on) for m in self.milestones),
            done_on=self.done_on,
            confidence=self.confidence,
            is_leading=self.leading,
            status=self.status,
            revisions=tuple(Revision(r.on, r.by, r.field, r.was, r.now, r.why) for r in self.revisions),
            silences=silences_of(self.silence),
            location=here.location,
        )


_COMPARISONS = {
    "increase": "gte",
    "decrease": "lte",
    "stay_above": "gte",
    "stay_below": "lte",
    "stay_between": "between",
}
_METHODS = {
    "stay_above": "periods_met",
    "stay_below": "periods_met",
    "stay_between": "periods_met",
    "milestone": "milestone",
    "binary": "binary",
}


class ObjectiveShape(Shape):
    """A qualitative aim of a team, with its key results."""

    key: Key
    title: Prose
    why: Prose = ""
    team: Key
    owner: Key
    parent: Key | None = None
    contributes: Boolean = True
    commitment: Literal["committed", "aspirational"] = "aspirational"
    rollup: Literal["weighted_average", "weakest", "average"] = "weighted_average"
    lifecycle: Literal["draft", "active", "closed", "cancelled"] = "active"
    perspective: Literal["financial", "customer", "internal_process", "learning_growth"] | None = None
    closing_note: Prose | None = None
    silence: tuple[SilenceShape, ...] = ()
    key_results: Annotated[tuple[KeyResultShape, ...], Field(min_length=1)]

    def build(self, here: Here, cycle: str) -> Objective:
        return Objective(
            key=self.key,
            title=self.title,
            team=self.team,
            owner=self.owner,
            cycle=cycle,
            key_results=tuple(kr.build(here.at("key_results", i)) for i, kr in enumerate(self.key_results)),
            why=self.why,
            parent=self.parent,
            contributes=self.contributes,
            commitment=self.commitment,
            rollup=self.rollup,
            lifecycle=self.lifecycle,
            perspective=self.perspective,
            closing_note=self.closing_note,
            silences=silences_of(self.silence),
            location=here.location,
        )


class CycleShape(Shape):
    """A period of objectives; both days are inclusive."""

    key: Key
    name: Prose
    start: Date
    end: Date
    state: Literal["draft", "open", "closed"] = "open"
    check_in: Literal["daily", "weekly", "monthly"] = "weekly"
    silence: tuple[SilenceShape, ...] = ()

    def build(self, here: Here, objectives: tuple[Objective, ...]) -> Cycle:
        if self.start >= self.end:
            raise ValueError("the cycle ends before it begins")
        return Cycle(
            key=self.key,
            name=self.name,
            start=self.start,
            end=self.end,
            state=self.state,
            objectives=objectives,
            check_in=self.check_in,
            silences=silences_of(self.silence),
            location=here.location,
        )


def segment_of(pairs: dict[str, Text]) -> Segment:
    """Pairs in the order of their names."""
    return tuple(sorted((str(name), str(value)) for name, value in pairs.items()))


def resolve_target(
    kind: str, number: float | None, baseline: Baseline | None, *, decreasing: bool
) -> float | None:
    """The absolute target of a spec. Source: scoring rules, 'Relative targets'.

    Raises ValueError where it cannot be resolved.
    """
    if number is None or kind == "absolute":
        return number
    if baseline is None:
        raise ValueError(f"a {kind} target needs a baseline (value and as_of)")
    if kind == "delta_points":
        return baseline.value + number
    if baseline.value == 0:
        raise ValueError("a relative_pct target of a zero baseline says nothing; give an absolute target")
    sign = -1 if decreasing else 1
    return round(baseline.value * (1 + sign * number / 100), 12)
