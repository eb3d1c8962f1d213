"""Incremental computing: which days a changed row can change, and statements for just those.

`touched` is conservative and exact about effects: a day that it leaves out cannot have changed.
Everything that is not bounded (states, totals since ever, what is carried forward) reaches to the end.
Source: dictionary rules, 'Incremental'.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlglot import exp

from definitions.calendars import add_span, local_day, period_end, period_start
from definitions.compiler import nodes
from definitions.compiler.batch import Batch, Compiler
from definitions.compiler.calendar_sql import local_day as day_node
from definitions.compiler.layout import Query, Range
from definitions.compiler.render import render
from definitions.compiler.rows import Context, RowSource, join_alias
from definitions.model import (
    Balance,
    Calendar,
    Composite,
    Conversion,
    Cumulative,
    Derived,
    Grain,
    Measure,
    Metric,
    MetricInput,
    Missing,
    Operand,
    Ratio,
    Retention,
    Simple,
    Source,
    Span,
    trailing_days,
)

Row = Mapping[str, Any]
Images = Mapping[str, Sequence[Row]]
"""By source: the changed rows as they were and as they are (both images of an update, one of an insert or delete)."""
Run = Callable[[str], Iterable[Row]]

OPEN_START, OPEN_END = date.min, date.max
_CLAMP = timedelta(days=3)  # month ends that are clamped move a day by at most this


@dataclass(frozen=True, slots=True, order=True)
class Days:
    """Inclusive days; `OPEN_START` and `OPEN_END` are open."""

    first: date
    last: date


ALWAYS = Days(OPEN_START, OPEN_END)


def touched(
    compiler: Compiler,
    metrics: Iterable[str],
    images: Images,
    run: Run | None = None,
    dialect: str = "duckdb",
) -> dict[str, list[Days]]:
    """Days on which each metric may have changed; metrics that cannot have changed are left out.

    ``run`` looks up which rows use a changed row of a joined source (without it all their days count as
    changed); it must
    see the tables as they are now, and images of rows that left are in ``images`` themselves.
    """
    changes = _Changes(compiler, images, run, dialect)
    found = {name: _merged(changes.of_metric(compiler.catalogue.metrics[name])) for name in metrics}
    return {name: days for name, days in found.items() if days}


@dataclass(frozen=True)
class Recompute:
    """One statement and the days it is for. Before its rows are put in, rows of its metrics whose period
    overlaps
    ``first``..``last`` are taken out."""

    batch: Batch
    first: date
    last: date


def compile_incremental(
    compiler: Compiler,
    changed: Mapping[str, Sequence[Days]],
    *,
    start: date,
    end: date,
    as_of: date | None = None,
    grains: Sequence[str] | None = None,
) -> list[Recompute]:
    """Statements for the touched periods of each metric, inside ``start``..``end`` (as of the full computation)."""
    by_range: dict[tuple[date, date], list[str]] = {}
    for name, ranges in changed.items():
        metric = compiler.catalogue.metrics[name]
        for days in _whole_periods(metric, compiler, ranges, grains or metric.grains, start, end):
            by_range.setdefault((days.first, days.last), []).append(name)
    return [
        Recompute(batch, first, last)
        for (first, last), names in sorted(by_range.items())
        for batch in compiler.batches(names, grains=grains, start=first, end=last, as_of=as_of or end)
    ]


def _whole_periods(
    metric: Metric, compiler: Compiler, ranges: Sequence[Days], grains: Sequence[str], start: date, end: date
) -> list[Days]:
    """Touched days widened to whole periods of every grain, so that ranges of one metric do not share a period."""
    calendar = compiler.catalogue.calendars[metric.calendar]
    longest = max((trailing_days(grain) or 1 for grain in grains), default=1)
    found: list[Days] = []
    coarse = [grain for grain in grains if trailing_days(grain) is None]

    def begin(day: date) -> date:
        return min([day, *(period_start(calendar, grain, day) for grain in coarse)])

    def finish(day: date) -> date:
        ends = [period_end(calendar, grain, period_start(calendar, grain, day)) for grain in coarse]
        return max([day, *(following - timedelta(days=1) for following in ends)])

    for days in ranges:  # a row outside of the range may lie in a period that the range only touches
        if days.last < begin(start) or days.first > finish(end):
            continue
        first = begin(max(days.first, begin(start)))
        last = min(days.last, finish(end))
        last = finish(last + timedelta(days=longest - 1))
        found.append(Days(max(first, start), min(last, end)))
    return _merged(found)


class _Changes:
    """Walks metrics down to their measures, and effects back up."""

    def __init__(self, compiler: Compiler, images: Images, run: Run | None, dialect: str) -> None:
        self.compiler = compiler
        self.catalogue = compiler.catalogue
        self.resolver = compiler.resolver
        self.images = images
        self.run = run
        self.dialect = dialect

    def of_metric(self, metric: Metric) -> list[Days]:
        calendar = self.catalogue.calendars[metric.calendar]
        formula = metric.formula
        match formula:
            case Simple(measure):
                return self._measure(metric, measure, calendar)
            case Ratio(numerator, denominator):
                return [
                    *self._operand(metric, numerator, calendar),
                    *self._operand(metric, denominator, calendar),
                ]
            case Derived():
                inputs = self.resolver.derived(metric)[1]
                return [days for item in inputs for days in self._input(metric, item, calendar)]
            case Composite(components):
                names = [component.metric for component in components]
                return [d for name in names for d in self.of_metric(self.catalogue.metrics[name])]
            case Cumulative():
                return [
                    self._running(days, formula, calendar)
                    for days in self._operand(metric, formula.input, calendar)
                ]
            case Balance(measure):
                source = self.catalogue.sources[measure.source]
                days = self._measure(metric, measure, calendar)
                if source.validity is None or formula.groupings or measure.time is not None:
                    return days
                return [Days(item.first, OPEN_END) for item in days]
            case Conversion():
                base = self._measure(metric, formula.base, calendar)
                conversion = self._measure(metric, formula.conversion, calendar)
                return [self._back(days, formula.window) for days in (*base, *conversion)]
            case Retention():
                cohort = [Days(d.first, OPEN_END) for d in self._measure(metric, formula.cohort, calendar)]
                activity = self._measure(metric, formula.activity, calendar)
                return [*cohort, *(_moved(d, -formula.last_day, -formula.first_day) for d in activity)]

    def _operand(self, metric: Metric, operand: Operand, calendar: Calendar) -> list[Days]:
        if isinstance(operand, Measure):
            return self._measure(metric, operand, calendar)
        return self._input(metric, operand, calendar)

    def _input(self, metric: Metric, item: MetricInput, calendar: Calendar) -> list[Days]:
        inner = self.catalogue.metrics[item.metric]
        days = self.of_metric(inner)
        if item.filter is not None and self._joined_changed(item):
            days = [ALWAYS]
        if item.offset is not None:
            days = [_later(d, item.offset) for d in days]
        if item.offset_to is not None:
            days = [Days(d.first, _end_of(d.last, item.offset_to, calendar)) for d in days]
        if inner.missing is Missing.CARRY_FORWARD and days:
            days = [ALWAYS]  # its spine begins with the first known value, and that may be another now
        return days

    def _joined_changed(self, item: MetricInput) -> bool:
        """Whether a filter on an input reads a source that changed, other than the measure's own."""
        return any(
            join.to in self.images
            for _, measure in self.resolver.measures_of(item.metric)
            for join in self.catalogue.sources[measure.source].joins.values()
        )

    def _running(self, days: Days, formula: Cumulative, calendar: Calendar) -> Days:
        if formula.window is not None:
            return Days(days.first, _later(days, formula.window).last)
        if formula.grain_to_date is not None:
            return Days(days.first, _end_of(days.last, formula.grain_to_date, calendar))
        return Days(days.first, OPEN_END)

    def _back(self, days: Days, window: Span | None) -> Days:
        """Base events that a change at ``days`` can take a conversion from, or give one to."""
        if window is None or days.first == OPEN_START:
            return Days(OPEN_START, days.last)
        return _moved(days, -int(-(-window.days // 1)) - 1, 0)

    def _measure(self, metric: Metric, measure: Measure, calendar: Calendar) -> list[Days]:
        source = self.catalogue.sources[measure.source]
        fold = source.derived or source.movements
        if fold is not None:
            parent = self.catalogue.sources[fold.source]
            if parent.name not in self.images and not any(j.to in self.images for j in parent.joins.values()):
                found: list[Days] = []
            elif source.movements is not None and parent.validity is not None and parent.name in self.images:
                firsts = [
                    self._day(parent, parent.validity.start, row, calendar)
                    for row in self.images[parent.name]
                ]
                found = [Days(day.replace(day=1), OPEN_END) for day in firsts if day is not None]
            else:
                found = [ALWAYS]
        else:
            time = measure.time or source.time or ""
            if isinstance(metric.formula, Balance) and source.validity is not None and measure.time is None:
                time = source.validity.start
            found = [
                Days(day, day)
                for row in self.images.get(source.name, ())
                if (day := self._day(source, time, row, calendar)) is not None
            ]
        return [*found, *self._through_joins(source, measure, calendar)]

    def _through_joins(self, source: Source, measure: Measure, calendar: Calendar) -> Iterator[Days]:
        """Days of rows that reach a changed row over a join; all of them for joins of joins and metrics in filters."""
        resolved = self.resolver.measure(measure)
        if any(item is not None and item.metrics for item in (resolved.expr, resolved.filter)):
            yield ALWAYS
            return
        reachable = self._reachable(source)
        for path, target in reachable:
            rows = self.images.get(target.name)
            if not rows:
                continue
            if len(path) > 1 or self.run is None or source.derived or source.movements:
                yield ALWAYS
                return
            yield from self._days_using(source, path[0], rows, measure, calendar)

    def _reachable(self, source: Source, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Source]]:
        found: list[tuple[tuple[str, ...], Source]] = []
        if len(path) > 5:
            return found
        for join in source.joins.values():
            target = self.catalogue.sources[join.to]
            found.append(((*path, join.name), target))
            found += self._reachable(target, (*path, join.name))
        return found

    def _days_using(
        self, source: Source, join_name: str, rows: Sequence[Row], measure: Measure, calendar: Calendar
    ) -> Iterator[Days]:
        """Days of the source's rows whose join key is that of a changed row."""
        if self.run is None:
            return
        join = source.joins[join_name]
        (left, right), *_ = join.on
        time = measure.time or source.time or ""
        if source.validity is not None and measure.time is None:
            time = source.validity.start
        context = Context(self.resolver, calendar, Query(calendar, (), (), Range()))
        table, _ = RowSource(context, source).from_clause([])
        alias = join_alias(source, ())
        keys = sorted({str(row[right]) for row in rows if row[right] is not None})
        if not keys:
            return
        day = day_node(nodes.column(time, alias), source.columns[time].type, calendar)
        among = exp.In(
            this=nodes.cast(nodes.column(left, alias), "VARCHAR"),
            expressions=[nodes.text(key) for key in keys],
        )
        query = nodes.select([nodes.aliased(day, "day")], table, where=among, distinct=True)
        for row in self.run(render([], query, self.dialect)):
            if row["day"] is not None:
                yield Days(row["day"], row["day"])

    def _day(self, source: Source, column: str, row: Row, calendar: Calendar) -> date | None:
        value = row[column]
        if value is None:
            return None
        if isinstance(value, datetime):
            aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
            return local_day(calendar, aware)
        if not isinstance(value, date):
            raise TypeError(f"{source.name}.{column} holds {type(value).__name__}, not a time")
        return value


def _later(days: Days, span: Span) -> Days:
    if span.unit.is_clock:  # a span below the day reaches into the next day at most, per day of its length
        span = Span(math.ceil(span.days), Grain.DAY)
    first = days.first if days.first == OPEN_START else add_span(days.first, span) - _CLAMP
    last = days.last if days.last == OPEN_END else add_span(days.last, span) + _CLAMP
    return Days(first, last)


def _moved(days: Days, first: int, last: int) -> Days:
    low = days.first if days.first == OPEN_START else days.first + timedelta(days=first)
    high = days.last if days.last == OPEN_END else days.last + timedelta(days=last)
    return Days(low, high)


def _end_of(day: date, grain: str, calendar: Calendar) -> date:
    if day == OPEN_END or Grain(grain).is_clock:
        return day
    return period_end(calendar, grain, period_start(calendar, Grain(grain), day)) - timedelta(days=1)


def _merged(ranges: Iterable[Days]) -> list[Days]:
    """Ranges without overlap, in order; neighbours become one."""
    found: list[Days] = []
    for days in sorted(ranges):
        last = found[-1] if found else None
        if last is not None and (last.last == OPEN_END or days.first <= last.last + timedelta(days=1)):
            found[-1] = Days(last.first, max(last.last, days.last))
        else:
            found.append(days)
    return found
