"""Stages over values that are already there: shifted along the time spine, read at a period's start,
gaps filled.

Source: dictionary rules, semantics 4 and 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlglot import exp

from definitions.calendars import add_span
from definitions.compiler import nodes
from definitions.compiler.calendar_sql import add_days
from definitions.compiler.columns import Build, exact_number
from definitions.compiler.layout import (
    DAYS,
    FIRST_TICK,
    LAST_TICK,
    Frame,
    Layout,
    Query,
    Range,
    calendar_joins,
    day_grains,
    in_days,
    longest_period,
    output_days,
    period_readings,
    period_ticks,
)
from definitions.compiler.nodes import Node
from definitions.compiler.rows import Context, Cte, Scan
from definitions.compiler.shifts import Shift
from definitions.compiler.ticks import Ticks
from definitions.compiler.times import query_times
from definitions.model import ColumnType, Grain, Missing, Span

DAY_READ = "day_read"
"""Time column of a daily relation in the query layout."""
ORIGIN = "origin"
"""Column of a spine whose days are moved: the day that is read."""


@dataclass(frozen=True, slots=True)
class DailyRelation:
    """A metric by tick (day, or finer) and group: columns of the layout's keys, ``value`` and ``sample``."""

    name: str
    layout: Layout
    steps: list[Cte]
    reads: list[Scan]

    @property
    def day(self) -> str:
        return "period_start" if isinstance(self.layout, Frame) else DAY_READ


@dataclass(frozen=True, slots=True)
class Reading:
    """Columns of a stage that holds one value."""

    relation: str
    value: str
    sample: str

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        return ((self.relation, self.value), (self.relation, self.sample))


class ValueStage:
    """Common part of stages that hold one value per key."""

    def __init__(self, context: Context, name: str, suffix: str, ticks: Ticks) -> None:
        self.context = context
        self.ticks = ticks
        self.base = context.unique(f"{name}_{suffix}")
        self.reading = Reading(
            self.base, context.unique(f"{self.base}_value"), context.unique(f"{self.base}_sample")
        )

    def spine(self, first: Node, last: Node, *, known: date | None = None) -> Cte:
        """Every tick of the range asked for, up to the last ``known`` day; where it is open, from ``first`` to
        ``last``."""
        begin, end = output_days(self.context.layout)
        end = min(end, known) if end and known else end
        first = self.ticks.begin(begin) if begin else first
        return Cte(f"{self.base}_days", self.ticks.spine(first, self.ticks.end(end) if end else last))

    def readings(self, tick: str) -> exp.Query:
        """(tick, time keys) for every tick of the spine, by its day."""
        layout, days = self.context.layout, f"{self.base}_days"
        if isinstance(layout, Frame):
            return day_grains(layout, days, tick)
        times = [nodes.aliased(node, name) for name, node in query_times(layout, self.context.calendar)]
        joins = calendar_joins(
            [key.grain for key in layout.times], nodes.column("day", days), self.context.calendar
        )
        where = self.context.when() if self.context.when else None
        return nodes.select([nodes.column(tick, days), *times], nodes.table(days), joins=joins, where=where)


def extreme(kind: type[exp.Min] | type[exp.Max], column: str, relation: str) -> Node:
    """The first or last value of a relation's column, as a scalar subquery."""
    return exp.Subquery(this=nodes.select([kind(this=nodes.column(column))], nodes.table(relation)))


class DayShiftStage(ValueStage):
    """Daily values, each period reading days as far back as the offsets lead, or all days of the whole earlier period;
    the period picks or averages."""

    def __init__(
        self,
        context: Context,
        name: str,
        daily: DailyRelation,
        ticks: Ticks,
        shift: Shift,
        period_agg: str,
        *,
        gaps_are_zero: bool = False,
    ) -> None:
        super().__init__(context, name, "shifted", ticks)
        self.daily = daily
        self.shift = shift
        self.moves_days = shift.slack > 0 and not shift.by_day
        self.period_agg = period_agg
        self.gaps_are_zero = gaps_are_zero

    def scans(self) -> list[Scan]:
        return self.daily.reads

    def ctes(self) -> list[Cte]:
        daily, layout = self.daily, self.context.layout
        readings = f"{self.base}_readings"
        first, last = extreme(exp.Min, daily.day, daily.name), extreme(exp.Max, daily.day, daily.name)
        tick = ORIGIN if self.moves_days else self.ticks.column
        order = nodes.column(tick, readings)
        back = order.copy() if self.moves_days else self.shift.earlier(order.copy(), self.ticks.add)
        on = nodes.equals(nodes.column(daily.day, daily.name), back)
        times = [nodes.column(key, readings) for key in layout.time_keys]
        dims = [nodes.column(key, daily.name) for key in layout.dim_keys]
        value = nodes.column("value", daily.name)
        sample = nodes.column("sample", daily.name)
        if self.period_agg == "average":
            exact = exact_number(value, ColumnType.DOUBLE)
            days: Node = exp.Count(this=exact.copy())
            if self.gaps_are_zero:
                days = exp.Max(this=nodes.column(DAYS))
            read: Node = nodes.divide(exp.Sum(this=exact), days)
            counted: Node = exp.Sum(this=sample)
        elif self.gaps_are_zero:
            at = nodes.equals(order, nodes.column(LAST_TICK if self.period_agg == "last" else FIRST_TICK))
            read = exp.Max(this=nodes.when(at, value))
            counted = exp.Max(this=nodes.when(at.copy(), sample))
        else:
            kind = exp.ArgMax if self.period_agg == "last" else exp.ArgMin
            read = kind(this=value, expression=order)
            counted = kind(this=sample, expression=order.copy())
        joins = [nodes.join(nodes.table(daily.name), on, "INNER")]
        if self.gaps_are_zero:
            joins.append(period_ticks(readings, readings, layout, tick))
            first = self.ticks.add(first, Span(longest_period(layout), Grain.DAY), -1)
        query = nodes.select(
            [
                *times,
                *dims,
                nodes.aliased(read, self.reading.value),
                nodes.aliased(counted, self.reading.sample),
            ],
            nodes.table(readings),
            joins=joins,
            group=[*(t.copy() for t in times), *(d.copy() for d in dims)],
        )
        spine = self._moved_days(first, last) if self.moves_days else self._days(first, last)
        return [*daily.steps, spine, Cte(readings, self.readings(tick)), Cte(self.base, query)]

    def _days(self, first: Node, last: Node) -> Cte:
        """The days that read, each the one that far back."""
        first, last = (self.shift.later(tick, self.ticks.add) for tick in (first, last))
        if self.shift.slack:  # later days may lead back to a clamped month end
            last = self.ticks.add(last, Span(self.shift.slack, Grain.DAY))
        # A day that is to come is no gap.
        known = self.context.layout.range.as_of if self.gaps_are_zero else None
        for span in self.shift.offsets:
            known = add_span(known, span) if known else None
        return self.spine(first, last, known=known)

    def _moved_days(self, first: Node, last: Node) -> Cte:
        """The days that are read (``origin``), each with the day of its period's later one that it is moved to."""
        begin, end = output_days(self.context.layout)
        if begin is not None:
            first = self.shift.earlier(nodes.date_literal(begin))
        if end is not None:
            last = add_days(self.shift.earlier(nodes.date_literal(end)), self.shift.slack)
        days = nodes.subquery(self.ticks.spine(first, last), "origins")
        moved = self.shift.later(nodes.column("day", "origins"))
        columns = [nodes.aliased(nodes.column("day", "origins"), ORIGIN), nodes.aliased(moved, "day")]
        known = self.context.layout.range.as_of
        until = in_days(nodes.column("day", "origins"), None, known) if known else None
        where = nodes.all_of([in_days(moved.copy(), begin, end), until])
        return Cte(f"{self.base}_days", nodes.select(columns, days, where=where))


class StartStage(ValueStage):
    """The daily value on the first day of the ``grain`` in which each period begins."""

    def __init__(self, context: Context, name: str, daily: DailyRelation, ticks: Ticks, grain: str) -> None:
        super().__init__(context, name, f"at_start_of_{grain}", ticks)
        self.daily = daily
        self.grain = grain

    def scans(self) -> list[Scan]:
        return self.daily.reads

    def ctes(self) -> list[Cte]:
        daily, layout, calendar = self.daily, self.context.layout, self.context.calendar
        readings = f"{self.base}_readings"
        first, last = extreme(exp.Min, daily.day, daily.name), extreme(exp.Max, daily.day, daily.name)
        grains = layout.standard if isinstance(layout, Frame) else tuple(k.grain for k in layout.times)
        starts = [self.ticks.start_of(first.copy, g) for g in grains if not calendar.week_pattern]
        if starts:
            first = exp.Least(ignore_nulls=True, this=first, expressions=starts)
        last = self.ticks.add(last, Span(1, Grain(self.grain)))
        times = [nodes.column(key, readings) for key in layout.time_keys]
        dims = [nodes.column(key, daily.name) for key in layout.dim_keys]
        begin = self.ticks.start_of(lambda: nodes.column("first_day", readings), self.grain)
        on = nodes.equals(nodes.column(daily.day, daily.name), begin)
        query = nodes.select(
            [
                *times,
                *dims,
                nodes.aliased(nodes.column("value", daily.name), self.reading.value),
                nodes.aliased(nodes.column("sample", daily.name), self.reading.sample),
            ],
            nodes.table(readings),
            joins=[nodes.join(nodes.table(daily.name), on, "INNER")],
        )
        return [
            *daily.steps,
            self.spine(first, last),
            Cte(readings, self._first_days()),
            Cte(self.base, query),
        ]

    def _first_days(self) -> exp.Query:
        """The first day of every period."""
        layout = self.context.layout
        if isinstance(layout, Frame):
            inner = period_readings(layout, f"{self.base}_days")
            columns = [
                *map(nodes.column, layout.time_keys),
                nodes.aliased(nodes.column("period_start"), "first_day"),
            ]
            return nodes.select(columns, nodes.subquery(inner, "periods"))
        times = [nodes.column(key) for key in layout.time_keys]
        first = nodes.aliased(exp.Min(this=nodes.column(self.ticks.column)), "first_day")
        return nodes.select(
            [*times, first],
            nodes.subquery(self.readings(self.ticks.column), "days"),
            group=[time.copy() for time in times],
        )


class CarryStage(ValueStage):
    """A value on every period of the spine: gaps are zero, or the last known value."""

    def __init__(
        self,
        context: Context,
        name: str,
        relation: str,
        value: Build,
        present: Build,
        sample: Build,
        policy: str,
    ) -> None:
        clock = context.layout.clock if isinstance(context.layout, Query) else None
        super().__init__(context, name, "filled", Ticks(context.calendar, clock))
        self.relation = relation
        self.inner_value, self.present, self.sample = value, present, sample
        self.policy = policy

    def scans(self) -> list[Scan]:
        return []

    def ctes(self) -> list[Cte]:
        layout = self.context.layout
        known, periods, groups, grid = (
            f"{self.base}_{part}" for part in ("known", "periods", "groups", "grid")
        )
        keys = list(layout.keys)
        columns = [
            *(nodes.column(key) for key in keys),
            nodes.aliased(self.inner_value(), "value"),
            nodes.aliased(
                nodes.cast(nodes.coalesce(self.sample(), nodes.number(0)), ColumnType.INTEGER), "sample"
            ),
        ]
        found = [Cte(known, nodes.select(columns, nodes.table(self.relation), where=self.present()))]
        time = "period_start" if isinstance(layout, Frame) else self._finest(layout)
        begin, end = output_days(layout)
        first: Node = nodes.cast(extreme(exp.Min, time, known), self.ticks.type)
        if begin is not None and self.policy != Missing.CARRY_FORWARD:
            first = self.ticks.begin(begin)
        last = self._last(end, nodes.cast(extreme(exp.Max, time, known), self.ticks.type))
        found.append(Cte(f"{self.base}_days", self.ticks.spine(first, last)))
        found.append(Cte(periods, self._periods()))
        if layout.dim_keys:
            dims = [nodes.column(key) for key in layout.dim_keys]
            found.append(Cte(groups, nodes.select(dims, nodes.table(known), distinct=True)))
        found.append(Cte(grid, self._grid(known, periods, groups)))
        found.append(Cte(self.base, self._filled(grid)))
        return found

    def _last(self, end: date | None, latest: Node) -> Node:
        """The last tick to fill: the range's ``end``, else that of today. A period to come is no gap, unless one
        after it has a value (``latest``)."""
        as_of = self.context.layout.range.as_of
        if as_of is None or (end is not None and end <= as_of):
            return self.ticks.end(end) if end is not None else latest
        today = self.ticks.end(as_of)
        if end is None:
            return today
        reached = exp.Greatest(ignore_nulls=True, this=today, expressions=[latest])
        return exp.Least(ignore_nulls=True, this=self.ticks.end(end), expressions=[reached])

    def _finest(self, layout: Query) -> str:
        """The time key that says most exactly where the known values begin and end."""
        keys = [key for key in layout.times if key.part is None]
        return min(keys, key=lambda key: Grain(key.grain).rank).name

    def _periods(self) -> exp.Query:
        """Every period once, with its first day to order by."""
        layout = self.context.layout
        times = [nodes.column(key) for key in layout.time_keys]
        first = nodes.aliased(exp.Min(this=nodes.column(self.ticks.column)), "first_day")
        if isinstance(layout, Frame):
            inner = period_readings(layout, f"{self.base}_days")
            first = nodes.aliased(exp.Min(this=nodes.column("period_start")), "first_day")
            return nodes.select(
                [*times, first], nodes.subquery(inner, "spine"), group=[t.copy() for t in times]
            )
        return nodes.select(
            [*times, first],
            nodes.subquery(self.readings(self.ticks.column), "spine"),
            group=[t.copy() for t in times],
        )

    def _grid(self, known: str, periods: str, groups: str) -> exp.Query:
        layout = self.context.layout
        columns: list[Node] = [nodes.column(key, periods) for key in layout.time_keys]
        columns += [nodes.column(key, groups) for key in layout.dim_keys]
        columns += [
            nodes.column("first_day", periods),
            nodes.column("value", known),
            nodes.column("sample", known),
        ]
        conditions: list[Node | None] = [
            nodes.equals(nodes.column(key, known), nodes.column(key, periods)) for key in layout.time_keys
        ]
        for key in layout.dim_keys:
            here, there = nodes.column(key, known), nodes.column(key, groups)
            conditions.append(
                nodes.equals(here, there)
                if isinstance(layout, Frame)
                else exp.NullSafeEQ(this=here, expression=there)
            )
        joins = [nodes.join(nodes.table(groups), None, "CROSS")] if layout.dim_keys else []
        joins.append(nodes.join(nodes.table(known), nodes.all_of(conditions)))
        return nodes.select(columns, nodes.table(periods), joins=joins)

    def _filled(self, grid: str) -> exp.Query:
        layout = self.context.layout
        keys = [nodes.column(key) for key in layout.keys]
        sample = nodes.aliased(nodes.coalesce(nodes.column("sample"), nodes.number(0)), self.reading.sample)
        if self.policy == "zero":
            value = nodes.coalesce(nodes.column("value"), nodes.number(0))
            return nodes.select([*keys, nodes.aliased(value, self.reading.value), sample], nodes.table(grid))
        if self.policy == "empty":
            value = nodes.column("value")
            return nodes.select([*keys, nodes.aliased(value, self.reading.value), sample], nodes.table(grid))

        def partition() -> list[Node]:
            grain = [nodes.column("grain")] if isinstance(layout, Frame) else []
            return [*grain, *(nodes.column(key) for key in layout.dim_keys)]

        order = nodes.ascending(nodes.column("first_day"))
        step = nodes.window(exp.Count(this=nodes.column("value")), partition(), [order], "running")
        inner = nodes.select([exp.Star(), nodes.aliased(step, "known_so_far")], nodes.table(grid))
        carried = nodes.window(
            exp.Max(this=nodes.column("value")), [*partition(), nodes.column("known_so_far")]
        )
        return nodes.select(
            [*keys, nodes.aliased(carried, self.reading.value), sample], nodes.subquery(inner, "steps")
        )


def reaching_back(range_: Range) -> Range:
    """The range with an open start: earlier days are read, not shown."""
    return Range(None, range_.end, range_.as_of)
