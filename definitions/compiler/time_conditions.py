"""Conditions and bounds on a metric's own time: `metric_time` in a query's WHERE."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.calendar_sql import period_start_of
from definitions.compiler.nodes import Node
from definitions.compiler.typed import Typed
from definitions.model import Calendar, ColumnType, Grain

if TYPE_CHECKING:
    from definitions.compiler.resolve import Resolver


METRIC_TIME = "metric_time"
_CLOCK = (Grain.SECOND, Grain.MINUTE, Grain.HOUR)
_STEPS = {
    Grain.SECOND: timedelta(seconds=1),
    Grain.MINUTE: timedelta(minutes=1),
    Grain.HOUR: timedelta(hours=1),
}


@dataclass(frozen=True, slots=True)
class TimeScope:
    """Names that a condition on the metric's own time may use: ``metric_time`` and its grains."""

    calendar: Calendar
    by_clock: bool
    own: frozenset[str] = frozenset()
    aggregates: bool = False

    def column(self, parts: tuple[str, ...]) -> Typed | None:
        if len(parts) == 1:
            parts = tuple(parts[0].split("__"))
        if (parts[0] != METRIC_TIME and parts[0] not in self.own) or len(parts) > 2:
            return None
        if len(parts) == 1 or parts[1] == Grain.DAY:
            if self.by_clock and len(parts) == 1:
                return Typed(nodes.column("moment"), ColumnType.TIMESTAMP)
            return Typed(nodes.column("day"), ColumnType.DATE)
        if parts[1] in _CLOCK and self.by_clock:
            node = nodes.TruncTime(this=nodes.column("moment"), unit=nodes.text(parts[1]))
            return Typed(node, ColumnType.TIMESTAMP)
        if parts[1] in set(Grain) and not self.calendar.week_pattern:
            return Typed(
                period_start_of(lambda: nodes.column("day"), parts[1], self.calendar), ColumnType.DATE
            )
        return None

    def names(self) -> Iterable[str]:
        return [METRIC_TIME, *(f"{METRIC_TIME}.{grain}" for grain in Grain)]

    def metric(self, name: str, by: tuple[str, ...]) -> Typed | None:
        return None


def own_times(resolver: Resolver, metrics: Sequence[str]) -> dict[str, ColumnType]:
    """Names of columns (and of dimensions that are just them) that are the own time of every measure of the metrics:
    to group by one is to group by the metrics' time."""
    found: dict[str, ColumnType] | None = None
    for metric in metrics:
        for trail, measure in resolver.measures_of(metric):
            if trail[-1] in ("conversion", "activity"):
                continue
            source = resolver.catalogue.sources[measure.source]
            column = measure.time or source.time
            if column is None or column not in source.columns:
                return {}
            names = {d.name for d in source.dimensions.values() if d.via is None and d.expr.text == column}
            kinds = dict.fromkeys(sorted({*names, column}), source.columns[column].type)
            found = kinds if found is None else {n: k for n, k in found.items() if kinds.get(n) is k}
    return found or {}


def conjuncts(node: exp.Expr) -> Iterable[exp.Expr]:
    """The conditions that AND joins, from left to right."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.And):
        yield from conjuncts(node.this)
        yield from conjuncts(node.expression)
    else:
        yield node


def day_of(value: date | datetime | None) -> date | None:
    """The day of a bound; None is open."""
    return value.date() if isinstance(value, datetime) else value


def clock_bounds(clock: Grain, start: date | datetime | None, end: date | datetime | None) -> list[Node]:
    """Bounds below the day, widened to whole grains: ``[start, end + 1 grain)``."""
    found: list[Node] = []
    moment = nodes.column("moment")
    if isinstance(start, datetime):
        low = _floor(start, clock)
        found.append(exp.GTE(this=moment, expression=nodes.timestamp_literal(low.isoformat(sep=" "))))
    if isinstance(end, datetime):
        high = _floor(end, clock) + _STEPS[clock]
        found.append(exp.LT(this=moment.copy(), expression=nodes.timestamp_literal(high.isoformat(sep=" "))))
    return found


def _floor(instant: datetime, clock: Grain) -> datetime:
    instant = instant.replace(microsecond=0, tzinfo=None)
    if clock in (Grain.MINUTE, Grain.HOUR):
        instant = instant.replace(second=0)
    return instant.replace(minute=0) if clock is Grain.HOUR else instant
