"""Conversion metrics: each conversion is credited to the latest base event in its window."""

from __future__ import annotations

import math
from collections.abc import Iterable

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.calendar_sql import add_days, add_span, local_day, local_time
from definitions.compiler.columns import Leaf, add_measure
from definitions.compiler.events import DerivedRows, event_time, unfiltered
from definitions.compiler.layout import (
    Query,
    by_column,
)
from definitions.compiler.nodes import Node
from definitions.compiler.resolve import Resolved, ResolvedMeasure
from definitions.compiler.rows import Context, Cte, RowSource, Scan
from definitions.compiler.shifts import Shift
from definitions.compiler.ticks import add_to_moment
from definitions.model import ColumnType, Conversion, Source, Span


class ConversionStage(DerivedRows):
    """Base events and the conversions credited to them. Source: dictionary rules, semantics 7."""

    def __init__(
        self,
        context: Context,
        base: tuple[ResolvedMeasure, tuple[Resolved, ...]],
        conversion: tuple[ResolvedMeasure, tuple[Resolved, ...]],
        formula: Conversion,
        shift: Shift,
        name: str,
        segments: Iterable[tuple[str, ...]],
    ) -> None:
        sources = context.resolver.catalogue.sources
        super().__init__(context, sources[base[0].source], name)
        self.target = sources[conversion[0].source]
        self.base_measure, self.base_conditions = base
        self.conversion_measure, self.conversion_conditions = conversion
        self.formula = formula
        self.shift = shift
        self.metrics.add(name)
        self.rows.segments.update(segments)
        self.name = name
        self.converted = self._leaf(self.conversion_measure, "conversion", f"{name}_converted")
        self.opportunities = self._leaf(self.base_measure, "base", f"{name}_base")

    def _leaf(self, measure: ResolvedMeasure, event: str, name: str) -> Leaf:
        """The measure over rows of one kind, whose value stands ready in a column of its own."""
        value = None
        if measure.expr is not None:
            value = Resolved(nodes.column(f"{event}_value"), measure.expr.type, f"{event}_value")
        is_event = nodes.equals(nodes.column("event"), nodes.text(event))
        condition = Resolved(is_event, ColumnType.BOOLEAN, f"event = '{event}'")
        plain = ResolvedMeasure(measure.source, measure.agg, value, None, "day", measure.percentile)
        return add_measure(self.columns, plain, (condition,), self.role, name, self.relation)

    def scans(self) -> list[Scan]:
        metrics = tuple(sorted(self.metrics))
        return [
            Scan(self.source.name, self.source.table or self.source.name, "base events", metrics),
            Scan(self.target.name, self.target.table or self.target.name, "conversion events", metrics),
        ]

    def ctes(self) -> list[Cte]:
        dims = [by_column(name) for name in self.rows.dims()]
        found = [
            Cte(f"{self.base}_base", self._base(dims)),
            Cte(f"{self.base}_conversions", self._conversions()),
            Cte(f"{self.base}_credited", self._credited(dims)),
            Cte(f"{self.base}_rows", self._all(dims), inline=True),
        ]
        return [*found, *self.aggregated()]

    @property
    def _as_day(self) -> bool:
        """Times are compared as days when one side knows no more."""
        kinds = {
            self.source.columns[self.base_measure.time].type,
            self.target.columns[self.conversion_measure.time].type,
        }
        return ColumnType.DATE in kinds

    def _side(
        self, rows: RowSource, measure: ResolvedMeasure, conditions: tuple[Resolved, ...]
    ) -> tuple[Node, list[exp.Join], Node | None]:
        used = [*conditions, *([measure.expr] if measure.expr is not None else [])]
        table, joins = rows.from_clause(rows.expressions(used))
        filters = [rows.qualified(item.node.copy(), item.needs) for item in conditions]
        time = nodes.not_null(nodes.column(measure.time, rows.source.name))
        return table, joins, nodes.all_of([rows.condition(), *filters, time])

    def _value(self, rows: RowSource, measure: ResolvedMeasure, event: str) -> list[Node]:
        if measure.expr is None:
            return []
        return [nodes.aliased(rows.qualified(measure.expr.node.copy(), measure.expr.needs), f"{event}_value")]

    def _constants(self, source: Source, side: int) -> list[Node]:
        return [
            nodes.aliased(nodes.column(pair[side], source.name), f"constant_{number}")
            for number, pair in enumerate(self.formula.constant_properties, 1)
        ]

    def _base(self, dims: list[str]) -> exp.Select:
        rows, measure = self.rows, self.base_measure
        table, joins, where = self._side(rows, measure, self.base_conditions)
        kind = self.source.columns[measure.time].type
        day = local_day(nodes.column(measure.time, self.source.name), kind, self.context.calendar)
        order = [nodes.column(column, self.source.name) for column in self.source.key]
        number = nodes.window(nodes.func("ROW_NUMBER"), [], [nodes.ascending(column) for column in order])
        columns: list[Node] = [
            nodes.aliased(number, "base_number"),
            nodes.aliased(day, "day"),
            *self._moments(measure.time, kind),
            nodes.aliased(event_time(self.source, measure.time, self.context, self._as_day), "happened_at"),
            nodes.aliased(nodes.column(self.formula.entity, self.source.name), "entity"),
            *self._constants(self.source, 0),
            *rows.dim_nodes(),
            *self._value(rows, measure, "base"),
        ]
        return nodes.select(columns, table, joins=joins, where=where)

    def _moments(self, time: str, kind: ColumnType) -> list[Node]:
        """The local time of base events, where a query or an offset goes below the day."""
        if not self._by_moment:
            return []
        moment = local_time(nodes.column(time, self.source.name), kind, self.context.calendar)
        return [nodes.aliased(nodes.cast(moment, ColumnType.TIMESTAMP), "moment")]

    @property
    def _by_moment(self) -> bool:
        layout = self.context.layout
        return self.shift.has_clock or (isinstance(layout, Query) and layout.clock is not None)

    @property
    def _placed(self) -> list[str]:
        """Columns that say when the base event was."""
        return ["day", "moment"] if self._by_moment else ["day"]

    def _conversions(self) -> exp.Select:
        rows = RowSource(unfiltered(self.context), self.target)
        measure = self.conversion_measure
        table, joins, where = self._side(rows, measure, self.conversion_conditions)
        entity = nodes.column(self.formula.conversion_entity, self.target.name)
        order = [nodes.column(column, self.target.name) for column in self.target.key]
        number = nodes.window(nodes.func("ROW_NUMBER"), [], [nodes.ascending(column) for column in order])
        columns: list[Node] = [
            nodes.aliased(number, "conversion_number"),
            nodes.aliased(event_time(self.target, measure.time, self.context, self._as_day), "happened_at"),
            nodes.aliased(entity, "entity"),
            *self._constants(self.target, 1),
            *self._value(rows, measure, "conversion"),
        ]
        return nodes.select(columns, table, joins=joins, where=where)

    def _credited(self, dims: list[str]) -> exp.Select:
        """Each conversion with its latest base event in the window; of several at once, the one with the least key."""
        base, conversions = f"{self.base}_base", f"{self.base}_conversions"
        b, c = "base", "conversion"
        on: list[Node | None] = [
            nodes.equals(nodes.column("entity", b), nodes.column("entity", c)),
            exp.LTE(this=nodes.column("happened_at", b), expression=nodes.column("happened_at", c)),
        ]
        if self.formula.window is not None:
            earliest = self._window_start(nodes.column("happened_at", c), self.formula.window)
            compare = exp.GTE if self.formula.inclusive else exp.GT
            on.append(compare(this=nodes.column("happened_at", b), expression=earliest))
        for number in range(1, len(self.formula.constant_properties) + 1):
            name = f"constant_{number}"
            on.append(nodes.equals(nodes.column(name, b), nodes.column(name, c)))
        order = [
            nodes.descending(nodes.column("happened_at", b)),
            nodes.ascending(nodes.column("base_number", b)),
        ]
        rank = nodes.window(nodes.func("ROW_NUMBER"), [nodes.column("conversion_number", c)], order)
        values = ["conversion_value"] if self.conversion_measure.expr is not None else []
        columns: list[Node] = [
            *(nodes.column(name, b) for name in (*self._placed, *dims)),
            *(nodes.column(value, c) for value in values),
            nodes.aliased(rank, "nearness"),
        ]
        join = nodes.join(nodes.table(conversions, c), nodes.all_of(on), "INNER")
        return nodes.select(columns, nodes.table(base, b), joins=[join])

    def _window_start(self, instant: Node, window: Span) -> Node:
        if self._as_day and window.unit.is_clock:
            return add_days(instant, -math.ceil(window.days))
        if self._as_day:
            return add_span(instant, window, -1)
        if window.unit in ("month", "quarter", "year"):
            return nodes.AddMonths(this=instant, months=nodes.number(-_months(window)), instant=exp.true())
        return nodes.AddSeconds(this=instant, seconds=nodes.number(-round(window.days * 86400)))

    def _all(self, dims: list[str]) -> exp.Query:
        """Base events and credited conversions, one under the other, placed where their offset is read."""
        joins = [self.shift.join()] if self.shift.by_day else []
        placed, back = self._shifted()

        def row(event: str, relation: str, where: Node | None) -> exp.Select:
            columns: list[Node] = [nodes.aliased(nodes.text(event), "event")]
            columns += [nodes.aliased(node.copy(), name) for name, node in placed]
            columns += [nodes.column(name) for name in dims]
            for name, measure in (("base", self.base_measure), ("conversion", self.conversion_measure)):
                if measure.expr is None:
                    continue
                value: Node = nodes.column(f"{name}_value")
                if name != event:
                    kind = measure.expr.type or ColumnType.DOUBLE
                    value = nodes.cast(nodes.null(), kind)
                columns.append(nodes.aliased(value, f"{name}_value"))
            only = nodes.all_of([where, back.copy() if back is not None else None])
            return nodes.select(columns, nodes.table(relation), joins=[j.copy() for j in joins], where=only)

        nearest = nodes.equals(nodes.column("nearness"), nodes.number(1))
        return nodes.union_all(
            [row("base", f"{self.base}_base", None), row("conversion", f"{self.base}_credited", nearest)]
        )

    def _shifted(self) -> tuple[list[tuple[str, Node]], Node | None]:
        """(`_placed` as moved by the offset, condition that what is placed day by day leads back)."""
        if not self._by_moment:
            day = self.shift.placed(nodes.column("day"))
            back = self.shift.leads_back(day.copy(), nodes.column("day"))
            return [("day", day)], back if self.shift.by_day else None
        moment = self.shift.placed_moment(nodes.column("moment"))
        back = self.shift.leads_back(moment.copy(), nodes.column("moment"), add_to_moment)
        placed = [("day", nodes.cast(moment.copy(), ColumnType.DATE)), ("moment", moment)]
        return placed, back if self.shift.by_day else None


def _months(span: Span) -> int:
    return span.count * {"month": 1, "quarter": 3, "year": 12}[span.unit]
