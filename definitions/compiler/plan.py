"""Second pass, plan: metrics → values over stages.

Every metric becomes a `Value`: how its number, numerator, denominator and sample are read from the
columns of one or more relations, and when a row exists. Asking for a value registers its measures with
the stages that will scan for them, so that all metrics of a statement share scans.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.assembly import Assembly
from definitions.compiler.columns import Leaf, merged_conditions
from definitions.compiler.conversions import ConversionStage
from definitions.compiler.layout import Frame, Query
from definitions.compiler.nodes import Node
from definitions.compiler.resolve import Resolved, ResolvedMeasure
from definitions.compiler.retention import RetentionStage
from definitions.compiler.shifts import reads_by_day
from definitions.compiler.snapshots import SnapshotStage
from definitions.compiler.spans import Holding, SpanStage
from definitions.compiler.stages import RowStage
from definitions.compiler.values import (
    Asked,
    Value,
    added,
    any_of,
    by_grain,
    least,
    merged_columns,
)
from definitions.errors import CompileError, Problem
from definitions.model import (
    Balance,
    ColumnType,
    Composite,
    Conversion,
    Cumulative,
    Derived,
    Measure,
    Metric,
    MetricInput,
    Missing,
    Operand,
    Ratio,
    Retention,
    Simple,
)


@dataclass(slots=True)
class Planner(Assembly):
    """Plans metrics over one layout."""

    # ── metrics ─────────────────────────────────────────────────────────────────────────────────────────────

    def metric(self, name: str, asked: Asked) -> Value:
        """The value of one metric."""
        key = (name, asked.key)
        metric = self.resolver.catalogue.metrics[name]
        found = self.values.get((key, asked.segments))
        if found is None:
            found = self._value(metric, asked)
            self.values[(key, asked.segments)] = found
        return found

    def _value(self, metric: Metric, asked: Asked) -> Value:
        daily = tuple(grain for grain in self.grains_of(asked) if reads_by_day(asked.offsets, grain))
        if daily and isinstance(self.context.layout, Frame):
            whole = tuple(grain for grain in self.grains_of(asked) if grain not in daily)
            if whole:
                moved = self.metric(metric.name, replace(asked, grains=whole))
                return by_grain(moved, self.metric(metric.name, replace(asked, grains=daily)), whole)
        match metric.formula:
            case Simple(measure):
                return self._of_leaf(self._measure(measure, asked, metric.name, (metric.name,)))
            case Ratio(numerator, denominator):
                return self._ratio(metric, numerator, denominator, asked)
            case Derived():
                return self._derived(metric, asked)
            case Cumulative():
                return self._cumulative(metric, metric.formula, asked)
            case Balance():
                return self._of_state(self._balance(metric, metric.formula, asked))
            case Conversion():
                return self._conversion(metric, metric.formula, asked)
            case Retention():
                self._only_by_days(metric, asked)
                return self._retention(metric, metric.formula, asked)
            case Composite():
                return self._composite(metric, metric.formula, asked)

    def _only_by_days(self, metric: Metric, asked: Asked) -> None:
        """Some formulas are about days, and mean nothing below."""
        layout = self.context.layout
        clocks = [span.unit for span in asked.offsets if span.unit.is_clock]
        if isinstance(layout, Query) and layout.clock is not None:
            clocks.append(layout.clock)
        if clocks:
            message = f"{metric.name!r} is counted by days and cannot be read by the {clocks[0]}"
            raise CompileError([Problem("TOO_FINE", message, metric.location, clocks[0], (metric.name,))])

    def _of_leaf(self, leaf: Leaf) -> Value:
        return Value(
            value=lambda: nodes.double(leaf.natural()),
            present=lambda: exp.GT(this=nodes.column(leaf.rows), expression=nodes.number(0)),
            sample=leaf.sample,
            columns=tuple((leaf.relation, column) for column in dict.fromkeys(leaf.columns)),
        )

    def _of_state(self, leaf: Leaf) -> Value:
        """A state exists from its first change on, even when it is zero; so does the row."""
        value = self._of_leaf(leaf)
        return replace(value, present=lambda: nodes.not_null(nodes.column(leaf.rows)))

    # ── measures ────────────────────────────────────────────────────────────────────────────────────────────

    def _measure(self, measure: Measure, asked: Asked, name: str, path: tuple[str, ...]) -> Leaf:
        """A measure over the rows of its source, by its own time."""
        resolved, conditions = self._resolve(measure, asked, path)
        source = self.source(measure.source)
        stage = self.stages.get(("rows", source.name))
        if not isinstance(stage, RowStage):
            stage = RowStage(self.context, source)
            self.stages[("rows", source.name)] = stage
        return stage.add(resolved, conditions, self.shift_of(asked), name, asked.segments)

    def _resolve(
        self, measure: Measure, asked: Asked, path: tuple[str, ...]
    ) -> tuple[ResolvedMeasure, tuple[Resolved, ...]]:
        resolved = self.resolver.measure(measure, path)
        source = self.resolver.catalogue.sources[measure.source]
        extra = [
            self.resolver.expression(source, item, want=ColumnType.BOOLEAN, path=(*path, "filter"))
            for item in asked.filters
        ]
        return resolved, merged_conditions([resolved.filter], extra)

    def _operand(self, operand: Operand, asked: Asked, name: str, path: tuple[str, ...]) -> Value:
        """A measure, or another metric as an input."""
        if isinstance(operand, Measure):
            return self._of_leaf(self._measure(operand, asked, name, path))
        return self.input(operand, asked)

    def input(self, item: MetricInput, asked: Asked) -> Value:
        """A metric as an input: filtered, shifted, its gaps filled by its own policy.

        Source: dictionary rules, semantics 4 and 8.
        """
        filters = (*asked.filters, item.filter) if item.filter is not None else asked.filters
        metric = self.resolver.catalogue.metrics[item.metric]
        if item.offset_to is not None:
            inner = self.started(metric, item.offset_to, replace(asked, filters=filters))
        else:
            offsets = (item.offset, *asked.offsets) if item.offset is not None else asked.offsets
            inner = self.metric(item.metric, replace(asked, filters=filters, offsets=offsets))
        if metric.missing is Missing.ZERO:
            return replace(inner, value=lambda: nodes.coalesce(inner.value(), nodes.number(0)))
        if metric.missing is Missing.CARRY_FORWARD and self.has_periods():
            return self.filled(item.metric, inner, "carry_forward")
        return inner

    # ── types ───────────────────────────────────────────────────────────────────────────────────────────────

    def _ratio(self, metric: Metric, numerator: Operand, denominator: Operand, asked: Asked) -> Value:
        """Aggregate first, divide after. Where the denominator has rows, a count or sum of no rows is zero."""
        top = self._operand(numerator, asked, f"{metric.name}_numerator", (metric.name, "numerator"))
        bottom = self._operand(denominator, asked, f"{metric.name}_denominator", (metric.name, "denominator"))
        above = top.value
        if isinstance(numerator, Measure) and _sums(numerator):

            def above() -> Node:
                return nodes.case([(top.present(), top.value()), (bottom.present(), nodes.number(0))])

        return Value(
            value=lambda: exp.Div(
                this=above(), expression=nodes.nullif(bottom.value(), nodes.number(0)), typed=True, safe=False
            ),
            present=lambda: any_of(top.present(), bottom.present()),
            sample=lambda: nodes.coalesce(bottom.sample(), nodes.number(0)),
            numerator=above,
            denominator=bottom.value,
            columns=merged_columns(top, bottom),
        )

    def _derived(self, metric: Metric, asked: Asked) -> Value:
        template, items = self.resolver.derived(metric)
        inputs = {item.alias: self.input(item, asked) for item in items}

        def build() -> Node:
            tree = template.copy()
            if isinstance(tree, exp.Column):
                return inputs[tree.name].value()
            for column in list(tree.find_all(exp.Column)):
                column.replace(nodes.paren(inputs[column.name].value()))
            return tree

        parts = list(inputs.values())
        return Value(
            value=lambda: nodes.double(build()),
            present=lambda: any_of(*(part.present() for part in parts)),
            sample=lambda: least([part.sample() for part in parts]),
            columns=merged_columns(*parts),
        )

    def _cumulative(self, metric: Metric, formula: Cumulative, asked: Asked) -> Value:
        measure, asked = self._only_measure(formula.input, asked, (metric.name, "input"))
        layout = self.context.layout
        if isinstance(layout, Query) and not layout.times:
            return self._of_leaf(self._measure(measure, asked, metric.name, (metric.name, "input")))
        if asked.offsets:
            return self.day_shifted(metric, asked)
        resolved, conditions = self._resolve(measure, asked, (metric.name, "input"))
        source = self.source(measure.source)
        kind = "window" if formula.window else "to_date" if formula.grain_to_date else "ever"
        holding = Holding(kind, resolved.time, formula.window, formula.grain_to_date)
        zero = metric.missing is Missing.ZERO
        key = ("running", source.name, holding, formula.period_agg, zero)
        stage = self.stages.get(key)
        if not isinstance(stage, SpanStage):
            stage = SpanStage(
                self.context, source, holding, formula.period_agg, metric.name, gaps_are_zero=zero
            )
            self.stages[key] = stage
        return self._of_leaf(stage.add(resolved, conditions, metric.name, asked.segments))

    def _only_measure(self, operand: Operand, asked: Asked, path: tuple[str, ...]) -> tuple[Measure, Asked]:
        """The measure that a cumulative metric runs over: its own, or that of a simple metric."""
        if isinstance(operand, Measure):
            return operand, asked
        inner = self.resolver.catalogue.metrics[operand.metric]
        if not isinstance(inner.formula, Simple) or operand.offset or operand.offset_to:
            message = f"a cumulative metric runs over a simple metric, and {inner.name!r} is {inner.type}"
            raise CompileError([Problem("WRONG_INPUT", message, operand.location, inner.name, path)])
        filters = (*asked.filters, operand.filter) if operand.filter is not None else asked.filters
        return inner.formula.measure, replace(asked, filters=filters)

    def _balance(self, metric: Metric, formula: Balance, asked: Asked) -> Leaf:
        resolved, conditions = self._resolve(formula.measure, asked, (metric.name, "measure"))
        source = self.source(formula.measure.source)
        key: object
        if source.validity is not None and not formula.groupings and formula.measure.time is None:
            holding = Holding("validity", source.validity.start, shift=self.shift_of(asked))
            key = ("states", source.name, holding)
            spans = self.stages.get(key)
            if not isinstance(spans, SpanStage):
                spans = SpanStage(self.context, source, holding, None, metric.name)
                self.stages[key] = spans
            return spans.add(resolved, conditions, metric.name, asked.segments)
        self._only_by_days(metric, asked)
        shift = self.shift_of(asked)
        filters = tuple(item.sql for item in conditions)
        key = (
            "snapshots",
            source.name,
            resolved.time,
            formula.choice,
            formula.groupings,
            filters,
            shift,
        )
        stage = self.stages.get(key)
        if not isinstance(stage, SnapshotStage):
            stage = SnapshotStage(
                self.context, source, resolved.time, formula.choice, formula.groupings, shift
            )
            self.stages[key] = stage
        return stage.add(resolved, conditions, metric.name, asked.segments)

    def _conversion(self, metric: Metric, formula: Conversion, asked: Asked) -> Value:
        base = self._resolve(formula.base, asked, (metric.name, "base"))
        conversion = self._resolve(formula.conversion, Asked(), (metric.name, "conversion"))
        self.source(formula.base.source)
        self.source(formula.conversion.source)
        shift = self.shift_of(asked)
        key = ("conversion", metric.name, asked.key[0], shift)
        stage = self.stages.get(key)
        if not isinstance(stage, ConversionStage):
            stage = ConversionStage(
                self.context, base, conversion, formula, shift, metric.name, asked.segments
            )
            self.stages[key] = stage
        stage.rows.segments.update(asked.segments)
        return self._share(stage.converted, stage.opportunities, formula.calculation, formula.unconverted)

    def _retention(self, metric: Metric, formula: Retention, asked: Asked) -> Value:
        cohort = self._resolve(formula.cohort, asked, (metric.name, "cohort"))
        activity = self._resolve(formula.activity, Asked(), (metric.name, "activity"))
        self.source(formula.cohort.source)
        self.source(formula.activity.source)
        shift = self.shift_of(asked)
        key = ("retention", metric.name, asked.key[0], shift)
        stage = self.stages.get(key)
        if not isinstance(stage, RetentionStage):
            stage = RetentionStage(
                self.context, cohort, activity, formula, shift, metric.name, asked.segments
            )
            self.stages[key] = stage
        stage.rows.segments.update(asked.segments)
        return self._share(stage.retained, stage.cohort_size, formula.calculation, Missing.ZERO)

    def _share(self, part: Leaf, whole: Leaf, calculation: str, none: Missing) -> Value:
        """Part over whole, or the count of the part; none of a whole that is there is zero unless said otherwise."""
        top, bottom = self._of_leaf(part), self._of_leaf(whole)

        def above() -> Node:
            if none is Missing.EMPTY:
                return top.value()
            return nodes.case([(bottom.present(), nodes.coalesce(top.value(), nodes.number(0)))], top.value())

        def rate() -> Node:
            below = nodes.nullif(bottom.value(), nodes.number(0))
            return exp.Div(this=above(), expression=below, typed=True, safe=False)

        return Value(
            value=rate if calculation == "rate" else above,
            present=lambda: any_of(top.present(), bottom.present()),
            sample=bottom.sample,
            numerator=above if calculation == "rate" else None,
            denominator=bottom.value if calculation == "rate" else None,
            columns=merged_columns(top, bottom),
        )

    def _composite(self, metric: Metric, formula: Composite, asked: Asked) -> Value:
        """Weighted mean of the components that have data, where enough of the weight has."""
        parts = [
            (c, self.input(MetricInput(c.metric, c.metric, location=c.location), asked))
            for c in formula.components
        ]
        total = sum(component.weight for component in formula.components)

        def weight(component: object, value: Value, weighted: float) -> Node:
            return nodes.case([(nodes.not_null(value.value()), nodes.number(weighted))], nodes.number(0))

        def build() -> Node:
            weights = [weight(c, v, c.weight) for c, v in parts]
            scored: list[Node] = []
            for component, value in parts:
                span = component.high - component.low
                moved = exp.Sub(this=nodes.paren(value.value()), expression=nodes.number(component.low))
                share = exp.Div(
                    this=exp.Paren(this=moved), expression=nodes.number(span), typed=True, safe=False
                )
                clamped = exp.Least(
                    this=exp.Greatest(
                        ignore_nulls=True, this=share, expressions=[nodes.double(nodes.number(0))]
                    ),
                    expressions=[nodes.double(nodes.number(1))],
                )
                points = exp.Mul(this=nodes.number(component.weight), expression=clamped)
                scored.append(nodes.case([(nodes.not_null(value.value()), points)], nodes.number(0)))
            known = added(weights)
            enough = exp.GTE(
                this=nodes.double(exp.Paren(this=known)),
                expression=nodes.number(formula.min_coverage * total - 1e-9),
            )
            mean = nodes.divide(added(scored), known.copy())
            return nodes.when(enough, exp.Mul(this=mean, expression=nodes.number(formula.scale)))

        values = [value for _, value in parts]
        return Value(
            value=lambda: nodes.double(build()),
            present=lambda: any_of(*(value.present() for value in values)),
            sample=lambda: least([value.sample() for value in values]),
            columns=merged_columns(*values),
        )


def _sums(measure: Measure) -> bool:
    """Whether nothing of the measure is zero rather than unknown."""
    return measure.agg in ("count", "count_distinct", "sum", "sum_boolean")
