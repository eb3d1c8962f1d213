"""Stages of states: balances as of a day, and cumulative metrics, from rows that hold over a span of days.

A row counts from the day it begins until the day it ends: a subscription by its dates, an issue's state
by its interval, an event in a window of 28 days for 28 days. So one scan yields changes (+ on entering,
− on leaving), their running sum is the level after each change, and a level is read at each day asked
for. Nothing is joined row by row with days, except for aggregates that cannot be summed (percentiles,
extremes).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.calendar_sql import (
    fiscal_join,
    uses_pattern,
)
from definitions.compiler.columns import Columns, Leaf, Role, Spec, add_measure, aggregate, exact_number
from definitions.compiler.layout import (
    DAYS,
    FIRST_TICK,
    LAST_TICK,
    Frame,
    Query,
    by_column,
    calendar_joins,
    day_grains,
    dim_alias,
    known_until,
    longest_period,
    output_days,
    period_readings,
    period_ticks,
    segment_columns,
    segment_sets,
)
from definitions.compiler.nodes import Node
from definitions.compiler.resolve import Resolved, ResolvedMeasure
from definitions.compiler.rows import Context, Cte, RowSource, Scan, needed_columns
from definitions.compiler.shifts import UNMOVED, Shift, moves_whole
from definitions.compiler.ticks import Ticks
from definitions.compiler.times import query_times
from definitions.model import ColumnType, Grain, Source, Span


@dataclass(frozen=True, slots=True)
class Holding:
    """How long a row counts: its own interval (``window`` and ``to_date`` unset), a window after its
    day, until the
    end of a calendar period, or for ever. ``shift`` says that it is read later."""

    kind: str
    time: str
    window: Span | None = None
    to_date: str | None = None
    shift: Shift = UNMOVED


def _when_known(leaf: Leaf) -> Node:
    """A running sum, NULL where no row in the window has a value."""
    known = exp.GT(this=leaf.sample(), expression=nodes.number(0))
    return nodes.when(known, leaf.natural())


class SpanStage:
    """Levels of one source's rows that hold over spans of days, read at period ends or day by day."""

    def __init__(
        self,
        context: Context,
        source: Source,
        holding: Holding,
        period_agg: str | None,
        name: str,
        *,
        gaps_are_zero: bool = False,
    ) -> None:
        self.context = context
        self.source = source
        self.holding = holding
        self.period_agg = period_agg
        self.gaps_are_zero = gaps_are_zero
        self.rows = RowSource(context, source)
        self.base = context.unique(f"{source.name}_{'states' if period_agg is None else name}")
        self.additive = Columns(context.unique)
        self.exact = Columns(context.unique)
        self.distinct: dict[tuple[Resolved, tuple[Resolved, ...]], str] = {}
        self.metrics: set[str] = set()
        self.role = Role(holding.time)
        clock = context.layout.clock if isinstance(context.layout, Query) else None
        self.ticks = Ticks.finest(
            context.calendar,
            clock,
            holding.window.unit if holding.window else None,
            holding.to_date,
            *(span.unit for span in holding.shift.offsets),
        )
        self.tick = self.ticks.column
        self.values: dict[str, tuple[Leaf, str]] = {}

    @property
    def is_balance(self) -> bool:
        return self.period_agg is None

    @property
    def relation(self) -> str:
        return f"{self.base}_{'levels' if self.is_balance else 'running'}"

    def add(
        self,
        measure: ResolvedMeasure,
        conditions: tuple[Resolved, ...],
        name: str,
        segments: Iterable[tuple[str, ...]],
    ) -> Leaf:
        """Register one measure; the leaf that reads it."""
        self.rows.segments.update(segments)
        self.metrics.add(name)
        if measure.agg == "count_distinct" and measure.expr is not None:
            leaf = self._add_distinct(measure.expr, conditions, name)
        elif measure.agg in ("median", "percentile", "min", "max"):
            leaf = add_measure(self.exact, measure, conditions, self.role, name, self.relation)
        else:
            leaf = add_measure(self.additive, measure, conditions, self.role, name, self.relation)
            if measure.agg == "sum" and not self.is_balance:
                leaf = replace(leaf, natural=partial(_when_known, leaf))
        return self._level(leaf, measure, name) if self.is_balance else self._running(leaf, name)

    def _add_distinct(self, expr: Resolved, conditions: tuple[Resolved, ...], name: str) -> Leaf:
        key = (expr, conditions)
        column = self.distinct.get(key) or self.context.unique(name)
        self.distinct[key] = column
        rows = self.additive.add(Spec("count", None, conditions, self.role), f"{name}_rows")
        return Leaf(
            self.relation, rows, lambda: nodes.column(column), lambda: nodes.column(rows), (rows, column)
        )

    def _level(self, leaf: Leaf, measure: ResolvedMeasure, name: str) -> Leaf:
        """A state of nothing is zero where it is a count or a sum, and unknown otherwise."""
        counts = measure.agg in ("count", "count_distinct", "sum", "sum_boolean")
        column = leaf.columns[-1]

        def known() -> Node:
            there = nodes.not_null(
                nodes.column(leaf.rows)
            )  # beside another metric, a group may have no state at all
            return nodes.when(there, nodes.coalesce(nodes.column(column), nodes.number(0)))

        return Leaf(leaf.relation, leaf.rows, known if counts else leaf.natural, leaf.sample, leaf.columns)

    def _running(self, leaf: Leaf, name: str) -> Leaf:
        """A running metric's daily value is settled before a period picks or averages it."""
        column = next((c for c, (known, _) in self.values.items() if known == leaf), None)
        if column is None:
            column = self.context.unique(f"{name}_value")
            rows = self.context.unique(f"{name}_days_rows")
            self.values[column] = (leaf, rows)
        rows = self.values[column][1]
        return Leaf(
            self.relation, rows, lambda: nodes.column(column), lambda: nodes.column(rows), (rows, column)
        )

    # ── SQL ─────────────────────────────────────────────────────────────────────────────────────────────────

    def scans(self) -> list[Scan]:
        table = self.source.table or self.source.name
        purpose = "states as of period ends" if self.is_balance else "running windows"
        reads = [Scan(self.source.name, table, purpose, tuple(sorted(self.metrics)))]
        reads += [
            Scan(self.source.name, table, f"distinct {name}", (name,))
            for name in sorted(self.distinct.values())
        ]
        if self.exact.specs:
            reads.append(Scan(self.source.name, table, "rows held at each day", tuple(sorted(self.metrics))))
        return reads

    def ctes(self) -> list[Cte]:
        dims = self._dims()
        found = [Cte(f"{self.base}_rows", self._rows(), inline=True)]
        found.append(Cte(f"{self.base}_changes", self._changes()))
        parts = [f"{self.base}_changes"]
        for (expr, conditions), column in self.distinct.items():
            name = f"{self.base}_{column}"
            found += self._distinct_ctes(name, column, expr, conditions, dims)
            parts.append(name)
        found.append(Cte(f"{self.base}_steps", self._steps(parts, dims)))
        found.append(Cte(f"{self.base}_days", self._spine()))
        found.append(Cte(f"{self.base}_readings", self._readings()))
        level = f"{self.base}_read" if self.exact.specs or not self.is_balance else self.relation
        found.append(Cte(level, self._read(dims)))
        if self.exact.specs:
            found.append(Cte(f"{self.base}_held", self._held(dims)))
            both = f"{self.base}_all"
            found.append(Cte(self.relation if self.is_balance else both, self._both(level, dims)))
            level = both
        if not self.is_balance:
            found.append(Cte(self.relation, self._picked(level, dims)))
        return found

    def _dims(self) -> tuple[str, ...]:
        """Output columns that tell groups apart."""
        return self.context.layout.dim_keys

    def _rows(self) -> exp.Select:
        """Rows with the day they begin to count and the day they stop; a null end counts for ever."""
        rows = self.rows
        used = [*self.additive.needs(), *self.exact.needs()]
        for expr, conditions in self.distinct:
            used += [expr, *conditions]
        table, joins = rows.from_clause(rows.expressions(used))
        begin, end, sane = self._interval()
        if self.holding.to_date is not None and uses_pattern(self.context.calendar, self.holding.to_date):
            joins.append(fiscal_join(self.ticks.day(begin.copy())))
        columns = [nodes.aliased(begin, "from_day"), nodes.aliased(end, "until_day")]
        columns += rows.dim_nodes() + needed_columns(rows, used) + rows.metric_columns(used)
        _, last = output_days(self.context.layout)
        limit = (
            exp.LTE(this=self.ticks.day(begin.copy()), expression=nodes.date_literal(last))
            if last
            else nodes.not_null(begin.copy())
        )
        where = nodes.all_of([rows.condition(), limit, sane])
        return nodes.select(columns, table, joins=joins, where=where)

    def _interval(self) -> tuple[Node, Node, Node | None]:
        """(first tick, first tick after, condition that the interval is one)."""
        holding, source, ticks = self.holding, self.source, self.ticks
        if holding.kind == "validity" and source.validity is not None:
            start, end = source.validity.start, source.validity.end
            begin = ticks.of(nodes.column(start, source.name), source.columns[start].type)
            until = ticks.of(nodes.column(end, source.name), source.columns[end].type)
            later = exp.GT(this=nodes.column(end, source.name), expression=nodes.column(start, source.name))
            sane = exp.Paren(
                this=exp.Or(this=nodes.is_null(nodes.column(end, source.name)), expression=later)
            )
            if not holding.shift.by_day:
                begin, until = (holding.shift.later(tick, ticks.add) for tick in (begin, until))
            return begin, until, sane

        def tick() -> Node:
            return ticks.of(nodes.column(holding.time, source.name), source.columns[holding.time].type)

        if holding.window is not None:
            until = ticks.window_expiry(tick, holding.window)
        elif holding.to_date is not None:
            until = ticks.to_date_expiry(tick, holding.to_date)
        else:
            until = nodes.cast(nodes.null(), ticks.type)
        return tick(), until, None

    def _edges(self) -> tuple[Node, list[exp.Join]]:
        """Each row twice: where it enters (sign 1) and where it leaves (sign −1)."""
        signs = nodes.values([nodes.number(1), nodes.number(-1)], "edge", ["sign"])
        day = nodes.case(
            [(nodes.equals(nodes.column("sign", "edge"), nodes.number(1)), nodes.column("from_day"))],
            nodes.column("until_day"),
        )
        return day, [nodes.join(signs, None, "CROSS")]

    def _grouping(self) -> tuple[list[Node], list[list[Node]]]:
        """(columns that name the group, sets to group by) beside the day."""
        layout = self.context.layout
        if isinstance(layout, Query):
            named = [nodes.aliased(nodes.column(by_column(name)), dim_alias(name)) for name in layout.dims]
            return named, [[nodes.column(by_column(name)) for name in layout.dims]]
        segments = sorted(self.rows.segments)
        dimension, value = segment_columns(segments)
        named = [nodes.aliased(dimension, "segment_dimension"), nodes.aliased(value, "segment_value")]
        return named, [[nodes.column(name) for name in names] for names in segment_sets(segments)]

    def _changes(self) -> exp.Select:
        day, joins = self._edges()
        named, sets = self._grouping()
        specs = self.additive.specs or {Spec("count", None, (), self.role): "rows_held"}
        sums = [
            nodes.aliased(aggregate(spec, None, lambda: nodes.column("sign", "edge")), name)
            for spec, name in specs.items()
        ]
        groups = [[day.copy(), *columns] for columns in sets]
        return nodes.select(
            [nodes.aliased(day, self.tick), *named, *sums],
            nodes.table(f"{self.base}_rows"),
            joins=joins,
            where=nodes.not_null(day.copy()),
            group=nodes.grouping_sets(groups),
        )

    def _distinct_ctes(
        self, name: str, column: str, expr: Resolved, conditions: tuple[Resolved, ...], dims: tuple[str, ...]
    ) -> list[Cte]:
        """Changes of the number of distinct entities: an entity enters with its first row held and
        leaves with its
        last."""
        day, joins = self._edges()
        named, sets = self._grouping()
        entity = expr.node.copy()
        where = nodes.all_of(
            [
                nodes.not_null(day.copy()),
                nodes.not_null(entity.copy()),
                *(item.node.copy() for item in conditions),
            ]
        )
        groups = [[day.copy(), entity.copy(), *columns] for columns in sets]
        moves = nodes.select(
            [
                nodes.aliased(day, self.tick),
                nodes.aliased(entity, "entity"),
                *named,
                nodes.aliased(exp.Sum(this=nodes.column("sign", "edge")), "change"),
            ],
            nodes.table(f"{self.base}_rows"),
            joins=joins,
            where=where,
            group=nodes.grouping_sets(groups),
        )
        partition = [*(nodes.column(key) for key in dims), nodes.column("entity")]
        held = nodes.window(
            exp.Sum(this=nodes.column("change")),
            partition,
            [nodes.ascending(nodes.column(self.tick))],
            "running",
        )
        running = nodes.select(
            [
                nodes.column(self.tick),
                *(nodes.column(key) for key in dims),
                nodes.column("change"),
                nodes.aliased(held, "held"),
            ],
            nodes.table(f"{name}_moves"),
        )
        zero = nodes.number(0)
        before = exp.Sub(this=nodes.column("held"), expression=nodes.column("change"))
        enters = exp.And(
            this=exp.GT(this=nodes.column("held"), expression=zero),
            expression=exp.LTE(this=before, expression=zero.copy()),
        )
        leaves = exp.And(
            this=exp.LTE(this=nodes.column("held"), expression=zero.copy()),
            expression=exp.GT(this=before.copy(), expression=zero.copy()),
        )
        change = nodes.case([(enters, nodes.number(1)), (leaves, nodes.number(-1))], nodes.number(0))
        keys = [nodes.column(self.tick), *(nodes.column(key) for key in dims)]
        changes = nodes.select(
            [*keys, nodes.aliased(exp.Sum(this=change), column)],
            nodes.subquery(running, "held_entities"),
            group=[key.copy() for key in keys],
        )
        return [Cte(f"{name}_moves", moves), Cte(name, changes)]

    def _step_columns(self) -> list[str]:
        names = list(self.additive.specs.values()) or ["rows_held"]
        return [*names, *self.distinct.values()]

    def _steps(self, parts: list[str], dims: tuple[str, ...]) -> exp.Query:
        """The level after each day with a change, and the next such day."""
        keys = [self.tick, *dims]
        sources: list[exp.Query] = []
        names = self._step_columns()
        for index, part in enumerate(parts):
            own = (
                names[: len(names) - len(self.distinct)]
                if index == 0
                else [list(self.distinct.values())[index - 1]]
            )
            values = [
                nodes.aliased(nodes.column(name) if name in own else nodes.number(0), name) for name in names
            ]
            sources.append(nodes.select([*(nodes.column(key) for key in keys), *values], nodes.table(part)))
        daily = nodes.select(
            [
                *(nodes.column(key) for key in keys),
                *(nodes.aliased(exp.Sum(this=nodes.column(n)), n) for n in names),
            ],
            nodes.subquery(nodes.union_all(sources), "changes"),
            group=[nodes.column(key) for key in keys],
        )
        source: Node = nodes.table(parts[0]) if len(parts) == 1 else nodes.subquery(daily, "daily")
        partition = [nodes.column(key) for key in dims]

        def order() -> list[Node]:
            return [nodes.ascending(nodes.column(self.tick))]

        levels = [
            nodes.aliased(
                nodes.window(
                    exp.Sum(this=nodes.column(name)), [p.copy() for p in partition], order(), "running"
                ),
                name,
            )
            for name in names
        ]
        following = nodes.window(
            nodes.func("LEAD", nodes.column(self.tick)), [p.copy() for p in partition], order()
        )
        return nodes.select(
            [*(nodes.column(key) for key in keys), nodes.aliased(following, "next_day"), *levels], source
        )

    def _spine(self) -> exp.Query:
        """Every day in range: as asked for, or as long as the data goes."""
        layout = self.context.layout
        first, last = output_days(layout)
        if isinstance(layout, Query) or not self.is_balance:
            last = known_until(layout, last, whole=self._moves_whole)
        begin: Node = self.ticks.begin(first) if first else self._extreme(exp.Min)
        end: Node = self.ticks.end(last) if last else self._extreme(exp.Max)
        if last is None and self.holding.shift.by_day:
            end = self.ticks.add(
                self.holding.shift.later(end, self.ticks.add), Span(self.holding.shift.slack, Grain.DAY)
            )
        if self.gaps_are_zero:
            if first is None:  # so that the first period with rows has all its days
                begin = self.ticks.add(begin, Span(longest_period(layout), Grain.DAY), -1)
            if last is None and (self.holding.window or self.holding.to_date):
                end = self.ticks.add(
                    end, Span(1, self.ticks.clock or Grain.DAY), -1
                )  # there the last row is out
        return self.ticks.spine(begin, end)

    def _moves_whole(self, grain: str) -> bool:
        """Whether a period reads a whole earlier one, which is over while it runs."""
        shift = self.holding.shift
        return bool(shift.offsets) and not shift.by_day and moves_whole(shift.offsets, grain)

    def _extreme(self, kind: type[exp.Min] | type[exp.Max]) -> Node:
        changes = nodes.select([kind(this=nodes.column(self.tick))], nodes.table(f"{self.base}_changes"))
        return exp.Subquery(this=changes)

    def _readings(self) -> exp.Query:
        """Days to read at, with the time keys that each reading is for."""
        layout = self.context.layout
        days = f"{self.base}_days"
        if isinstance(layout, Frame):
            if not self.is_balance:
                return day_grains(layout, days, self.tick)
            return period_readings(layout, days, whole=self._moves_whole)
        calendar = self.context.calendar
        times = [nodes.aliased(node, name) for name, node in query_times(layout, calendar)]
        joins = calendar_joins([key.grain for key in layout.times], nodes.column("day"), calendar)
        if not self.is_balance:
            return nodes.select(
                [nodes.column(self.tick), *times], nodes.table(days), joins=joins, where=self._when()
            )
        latest = exp.Max(this=nodes.column(self.tick))
        group = [node.copy() for _, node in query_times(layout, calendar)]
        columns = [*times, nodes.aliased(latest, "last_day")]
        return nodes.select(columns, nodes.table(days), joins=joins, where=self._when(), group=group)

    def _when(self) -> Node | None:
        return self.context.when() if self.context.when else None

    def _read(self, dims: tuple[str, ...]) -> exp.Query:
        """The level at each reading: of the step that the day falls on."""
        steps, readings = f"{self.base}_steps", f"{self.base}_readings"
        at = self._at()
        time_keys = self.context.layout.time_keys
        columns: list[Node] = [nodes.column(key, readings) for key in time_keys]
        if not self.is_balance:
            columns.insert(0, nodes.column(self.tick, readings))
        columns += [nodes.column(key, steps) for key in dims]
        columns += [nodes.column(name, steps) for name in self._step_columns()]
        begun = exp.GTE(this=at, expression=nodes.column(self.tick, steps))
        still = exp.Or(
            this=nodes.is_null(nodes.column("next_day", steps)),
            expression=exp.LT(this=at.copy(), expression=nodes.column("next_day", steps)),
        )
        on = exp.And(this=begun, expression=exp.Paren(this=still))
        return nodes.select(
            columns, nodes.table(readings), joins=[nodes.join(nodes.table(steps), on, "INNER")]
        )

    def _at(self) -> Node:
        """The tick that a reading reads: its own, or the one that far back."""
        at = nodes.column("last_day" if self.is_balance else self.tick, f"{self.base}_readings")
        return self.holding.shift.earlier(at, self.ticks.add) if self.holding.shift.by_day else at

    def _held(self, dims: tuple[str, ...]) -> exp.Query:
        """Aggregates that cannot be summed: rows joined with every reading they are held at."""
        rows, readings = f"{self.base}_rows", f"{self.base}_readings"
        at = self._at()
        named, sets = self._grouping()
        times = [nodes.column(key, readings) for key in self.context.layout.time_keys]
        if not self.is_balance:
            times.insert(0, nodes.column(self.tick, readings))
        begun = exp.LTE(this=nodes.column("from_day", rows), expression=at)
        still = exp.Or(
            this=nodes.is_null(nodes.column("until_day", rows)),
            expression=exp.GT(this=nodes.column("until_day", rows), expression=at.copy()),
        )
        on = exp.And(this=begun, expression=exp.Paren(this=still))
        sums = [nodes.aliased(aggregate(spec, None), name) for spec, name in self.exact.specs.items()]
        groups = [[*(t.copy() for t in times), *columns] for columns in sets]
        return nodes.select(
            [*times, *named, *sums],
            nodes.table(readings),
            joins=[nodes.join(nodes.table(rows), on, "INNER")],
            group=nodes.grouping_sets(groups) if any(groups) else None,
        )

    def _both(self, level: str, dims: tuple[str, ...]) -> exp.Query:
        """Levels and held aggregates side by side; a level without held rows keeps its zero."""
        held = f"{self.base}_held"
        keys = [*self.context.layout.time_keys, *dims]
        if not self.is_balance:
            keys.insert(0, self.tick)
        on = nodes.all_of(
            exp.NullSafeEQ(this=nodes.column(key, held), expression=nodes.column(key, level)) for key in keys
        )
        columns: list[Node] = [nodes.column(key, level) for key in keys]
        columns += [nodes.column(name, level) for name in self._step_columns()]
        for spec, name in self.exact.specs.items():
            column: Node = nodes.column(name, held)
            if spec.kind == "count":
                column = nodes.coalesce(column, nodes.number(0))
            columns.append(nodes.aliased(column, name))
        join = nodes.join(nodes.table(held), on if on is not None else exp.true())
        return nodes.select(columns, nodes.table(level), joins=[join])

    def _picked(self, level: str, dims: tuple[str, ...]) -> exp.Query:
        """Daily values → periods: the first or last day with rows, or the mean of the days with rows; of all the
        period's days where a gap means zero."""
        keys = [*self.context.layout.time_keys, *dims]
        parts: list[Node] = []
        for column, (leaf, rows) in self.values.items():
            has_rows = exp.GT(this=nodes.column(leaf.rows), expression=nodes.number(0))
            value = nodes.double(leaf.natural())
            if self.period_agg == "average":
                exact = nodes.when(has_rows, exact_number(value, ColumnType.DOUBLE))
                days: Node = exp.Count(this=exact.copy())
                if self.gaps_are_zero:
                    unknown = exp.Sub(
                        this=exp.Count(this=nodes.when(has_rows.copy(), nodes.number(1))), expression=days
                    )
                    days = exp.Sub(this=exp.Max(this=nodes.column(DAYS)), expression=nodes.paren(unknown))
                mean = nodes.divide(exp.Sum(this=exact), nodes.paren(days))
                parts.append(nodes.aliased(mean, column))
            else:
                parts.append(nodes.aliased(self._pick(has_rows, value), column))
            held = nodes.when(has_rows.copy(), nodes.column(leaf.rows))
            total = (
                exp.Sum(this=held)
                if self.period_agg == "average"
                else self._pick(has_rows.copy(), nodes.column(leaf.rows))
            )
            parts.append(nodes.aliased(nodes.coalesce(total, nodes.number(0)), rows))
        group = [nodes.column(key, level) for key in keys]
        joins = []
        if self.gaps_are_zero:
            joins = [period_ticks(f"{self.base}_readings", level, self.context.layout, self.tick)]
        return nodes.select(
            [*group, *parts], nodes.table(level), joins=joins, group=[g.copy() for g in group]
        )

    def _pick(self, has_rows: Node, value: Node) -> Node:
        """The value on the first or last day that has rows; where a gap means zero, on the period's own."""
        if self.gaps_are_zero:
            own = nodes.column(LAST_TICK if self.period_agg == "last" else FIRST_TICK)
            at = exp.And(this=has_rows, expression=nodes.equals(nodes.column(self.tick), own))
            return exp.Max(this=nodes.when(at, value))
        kind = exp.ArgMax if self.period_agg == "last" else exp.ArgMin
        return kind(
            this=nodes.when(has_rows, value), expression=nodes.when(has_rows.copy(), nodes.column(self.tick))
        )
