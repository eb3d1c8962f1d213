"""What a plan is put together from, whatever the metrics: stages, values by tick, shifts and fills, joined relations.

`plan` adds what each metric type means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

from definitions.compiler import nodes
from definitions.compiler.conversions import ConversionStage
from definitions.compiler.fills import (
    DAY_READ,
    CarryStage,
    DailyRelation,
    DayShiftStage,
    StartStage,
    reaching_back,
)
from definitions.compiler.folds import fold_ctes
from definitions.compiler.layout import Frame, Layout, Query, Range, TimeKey
from definitions.compiler.nodes import Node
from definitions.compiler.resolve import Resolver
from definitions.compiler.retention import RetentionStage
from definitions.compiler.rows import Context, Cte, Scan
from definitions.compiler.scopes import MetricNeed
from definitions.compiler.shifts import Shift, reads_by_day
from definitions.compiler.snapshots import SnapshotStage
from definitions.compiler.spans import SpanStage
from definitions.compiler.stages import RowStage
from definitions.compiler.ticks import Ticks
from definitions.compiler.values import (
    Asked,
    Value,
    _short,
    full_join,
    in_order,
    value_of,
)
from definitions.errors import CompileError, Problem
from definitions.model import (
    ColumnType,
    Cumulative,
    Expression,
    Grain,
    Metric,
    Missing,
    Source,
)

Stage = (
    RowStage
    | SpanStage
    | ConversionStage
    | RetentionStage
    | SnapshotStage
    | CarryStage
    | DayShiftStage
    | StartStage
)


@dataclass(slots=True)
class Assembly:
    """Stages of one layout. They accumulate as values are asked for; `ctes` says them all."""

    context: Context
    stages: dict[object, Stage] = field(default_factory=dict)
    values: dict[object, Value] = field(default_factory=dict)
    folded: dict[str, tuple[list[Cte], list[Scan]]] = field(default_factory=dict)
    entities: list[Cte] = field(default_factory=list)
    combined: list[Cte] = field(default_factory=list)

    @classmethod
    def over(
        cls,
        resolver: Resolver,
        layout: Layout,
        where: tuple[Expression, ...] = (),
        when: Callable[[], Node] | None = None,
    ) -> Self:
        """A planner for one layout, with a query's conditions."""
        planner = cls(Context(resolver, layout.calendar, layout, where, when))
        planner.context.per_entity = planner._per_entity
        return planner

    @property
    def resolver(self) -> Resolver:
        return self.context.resolver

    def metric(self, name: str, asked: Asked) -> Value:
        """The value of one metric."""
        raise NotImplementedError

    def source(self, name: str) -> Source:
        """A source, with the CTEs that fold it when it is derived."""
        source = self.resolver.catalogue.sources[name]
        if (source.derived or source.movements) and name not in self.folded:
            self.context.taken.add(name)
            self.folded[name] = fold_ctes(self.context, source)
        return source

    # ── shifts and fills ────────────────────────────────────────────────────────────────────────────────────

    def grains_of(self, asked: Asked) -> tuple[str, ...]:
        """The grains that a value is wanted for; a part of time (the weekday) is one of days."""
        layout = self.context.layout
        if isinstance(layout, Frame):
            return asked.grains if asked.grains is not None else layout.grains
        return tuple(Grain.DAY if key.part is not None else key.grain for key in layout.times)

    def shift_of(self, asked: Asked) -> Shift:
        """How rows are shifted: whole periods, or day by day as soon as one of the periods asked for is read so. A
        frame is asked for its grains apart (`Planner.metric`)."""
        by_day = any(reads_by_day(asked.offsets, grain) for grain in self.grains_of(asked))
        return Shift(asked.offsets, by_day)

    def day_shifted(self, metric: Metric, asked: Asked) -> Value:
        """Values by day, each read at the day that the offsets lead back to."""
        key = ("shift", metric.name, asked.key)
        stage = self.stages.get(key)
        if not isinstance(stage, DayShiftStage):
            ticks = self._ticks(metric, *(span.unit for span in asked.offsets))
            inner = self._by_tick(metric, replace(asked, offsets=(), grains=None), ticks)
            zero = metric.missing is Missing.ZERO
            stage = DayShiftStage(
                self.context,
                metric.name,
                inner,
                ticks,
                self.shift_of(asked),
                _period_agg(metric),
                gaps_are_zero=zero,
            )
            self.stages[key] = stage
        return value_of(stage.reading)

    def started(self, metric: Metric, grain: str, asked: Asked) -> Value:
        """The daily value at the start of the ``grain`` that each period begins in."""
        if not self.context.layout.time_keys:
            message = f"{metric.name!r} at the start of the {grain} needs a time to group by"
            raise CompileError(
                [Problem("NEEDS_TIME", message, metric.location, grain, (metric.name, "offset_to"))]
            )
        key = ("start", metric.name, grain, asked.key)
        stage = self.stages.get(key)
        if not isinstance(stage, StartStage):
            ticks = self._ticks(metric, grain)
            inner = self._by_tick(metric, replace(asked, grains=None), ticks)
            stage = StartStage(self.context, metric.name, inner, ticks, grain)
            self.stages[key] = stage
        return value_of(stage.reading)

    def _ticks(self, metric: Metric, *grains: str) -> Ticks:
        """Steps fine enough for what is asked and for these grains; the KPI frame goes down to the day."""
        layout = self.context.layout
        ticks = Ticks.finest(layout.calendar, layout.clock if isinstance(layout, Query) else None, *grains)
        if isinstance(layout, Frame) and ticks.clock is not None:
            message = f"{metric.name!r} is shifted by the {ticks.clock} and cannot be published by the day"
            raise CompileError([Problem("TOO_FINE", message, metric.location, ticks.clock, (metric.name,))])
        return ticks

    def _by_tick(self, metric: Metric, asked: Asked, ticks: Ticks) -> DailyRelation:
        """The metric by day (or finer) and group, as a relation of its own: planned over a daily layout."""
        layout = self.context.layout
        daily: Layout
        if isinstance(layout, Frame):
            daily = Frame(layout.calendar, (Grain.DAY,), reaching_back(layout.range))
        else:
            times = (TimeKey(DAY_READ, ticks.clock or Grain.DAY),)
            daily = Query(layout.calendar, times, layout.dims, reaching_back(layout.range))
        planner = self.over(self.resolver, daily, self.context.where)
        planner.context.taken = self.context.taken
        planner.folded = self.folded
        value = planner.metric(metric.name, asked)
        name = self.context.unique(f"{metric.name}_by_day")
        relation = planner.joined(value)
        keys = [nodes.column(key) for key in daily.keys]
        columns = [
            *keys,
            nodes.aliased(value.value(), "value"),
            nodes.aliased(
                nodes.cast(nodes.coalesce(value.sample(), nodes.number(0)), ColumnType.INTEGER), "sample"
            ),
        ]
        query = nodes.select(columns, nodes.table(relation), where=value.present())
        steps = [*planner.ctes(own_folds=False), Cte(name, query)]
        return DailyRelation(name, daily, steps, planner.scans())

    def has_periods(self) -> bool:
        """Whether values are grouped by periods of time, and not only by parts of it or not at all."""
        layout = self.context.layout
        return isinstance(layout, Frame) or any(key.part is None for key in layout.times)

    def filled(self, name: str, inner: Value, policy: str) -> Value:
        """The value on every period of the spine; gaps are filled by ``policy`` (zero, carry_forward, empty)."""
        if policy == Missing.CARRY_FORWARD:
            self._read_from_the_start(inner)
        key = ("fill", name, policy, inner.columns)
        stage = self.stages.get(key)
        if not isinstance(stage, CarryStage):
            relation = self.joined(inner)
            stage = CarryStage(self.context, name, relation, inner.value, inner.present, inner.sample, policy)
            self.stages[key] = stage
        return value_of(stage.reading)

    def _read_from_the_start(self, value: Value) -> None:
        """What is carried into the range may be older than it."""
        for stage in self.stages.values():
            if isinstance(stage, RowStage) and {stage.relation, stage.exact_relation} & set(value.relations):
                stage.from_the_start = True

    @property
    def reads_from_the_start(self) -> bool:
        """Whether a stage reads rows from before the range."""
        return any(isinstance(stage, RowStage) and stage.from_the_start for stage in self.stages.values())

    def _per_entity(self, need: MetricNeed, source: Source) -> str:
        """A relation that holds a metric per entity over all time, for use in filters."""
        if need.alias not in {cte.name for cte in self.entities}:
            layout = Query(self.context.calendar, (), need.by, Range())
            planner = self.over(self.resolver, layout)
            planner.context.taken = self.context.taken
            planner.folded = self.folded
            value = planner.metric(need.metric, Asked())
            relation = planner.joined(value)
            keys = [nodes.column(key) for key in layout.keys]
            query = nodes.select(
                [*keys, nodes.aliased(value.value(), need.alias)],
                nodes.table(relation),
                where=value.present(),
            )
            self.entities += [*planner.ctes(own_folds=False), Cte(need.alias, query)]
        return need.alias

    # ── relations ───────────────────────────────────────────────────────────────────────────────────────────

    def joined(self, value: Value) -> str:
        """The relation that holds all columns of a value: its own, or a full outer join of several on
        the keys, where
        NULL keys merge. Source: dictionary rules, semantics 1."""
        relations = value.relations
        if len(relations) == 1:
            return relations[0]
        name = self.context.unique("_and_".join(_short(relation) for relation in relations[:2]))
        self.combined.append(Cte(name, full_join(self.context.layout.keys, value.columns)))
        return name

    def ctes(self, *, own_folds: bool = True) -> list[Cte]:
        """Every step, in an order in which each reads only earlier ones."""
        staged = [cte for stage in self.stages.values() for cte in stage.ctes()]
        folds = [cte for made, _ in self.folded.values() for cte in made] if own_folds else []
        return in_order([*folds, *self.entities, *staged, *self.combined])

    def scans(self) -> list[Scan]:
        """Every read of a source."""
        reads = [scan for stage in self.stages.values() for scan in stage.scans()]
        return reads + [scan for _, made in self.folded.values() for scan in made]


def _period_agg(metric: Metric) -> str:
    return metric.formula.period_agg if isinstance(metric.formula, Cumulative) else "last"
