"""Third pass, batch: metrics that share sources share a statement.

A batch's statement returns the KPI value frame (docs/architecture.md) without states: one row per
metric, grain, period and segment that has rows. `definitions.compiler.states` adds the time spine, the
`missing` policy and the states.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

from sqlglot import exp

import definitions.versions as versions
from definitions.compiler import nodes
from definitions.compiler.calendar_sql import FISCAL_MONTHS, fiscal_months, last_day_of, uses_pattern
from definitions.compiler.columns import Build
from definitions.compiler.layout import FRAME_KEYS, PAIR, Frame, Range, calendar_joins
from definitions.compiler.nodes import Node
from definitions.compiler.plan import Planner
from definitions.compiler.render import STACKING, render
from definitions.compiler.resolve import Resolver
from definitions.compiler.rows import Cte, Scan
from definitions.compiler.values import Asked, Value
from definitions.errors import CompileError, Problem, listing, nearest
from definitions.model import Calendar, Catalogue, ColumnType, Grain, Location, Metric, is_grain

COLUMNS = (
    "metric",
    "version",
    "definition_hash",
    "grain",
    "period_start",
    "period_end",
    "segment_dimension",
    "segment_value",
    "value",
    "numerator",
    "denominator",
    "sample_size",
)
"""Columns of a batch's result, in order: string, int32, string, string, date, date, string, string,
double, double, double, int64."""


@dataclass(frozen=True)
class Batch:
    """Metrics that are computed by one statement.

    ``sources`` and ``tables`` are what it reads, ``scans`` how often and what for. ``sql("duckdb")`` is the statement.
    """

    metrics: tuple[str, ...]
    sources: tuple[str, ...]
    tables: tuple[str, ...]
    scans: tuple[Scan, ...]
    calendar: Calendar
    grains: tuple[str, ...]
    range: Range
    ctes: tuple[Cte, ...] = field(repr=False)
    rows: tuple[FrameRow, ...] = field(repr=False)
    final: exp.Query = field(repr=False)
    part: str = ""
    """Which of the statements over the same sources it is, where there are several: ``2 of 3``."""

    @property
    def source(self) -> str:
        """The source that most metrics read; `sources` has all."""
        return self.sources[0]

    @property
    def name(self) -> str:
        """A readable name: the sources, and which part of them."""
        sources = "+".join(self.sources)
        return f"{sources} ({self.part})" if self.part else sources

    def sql(self, dialect: str = "duckdb", *, pretty: bool = True) -> str:
        """The statement for an engine: duckdb, postgres, spark, snowflake, bigquery or trino."""
        values = Cte("kpi_values", frame_values(self.rows, stacks=dialect in STACKING))
        return render((*self.ctes, values), self.final, dialect, pretty=pretty)


@dataclass(frozen=True, slots=True)
class FrameRow:
    """How one metric's rows are read from a relation: numbers, and the condition that a row is there."""

    metric: str
    relation: str
    value: Build
    numerator: Build
    denominator: Build
    sample_size: Build
    present: Build

    def cells(self) -> list[Node]:
        """Values of the columns `_CELLS`."""
        return [
            nodes.text(self.metric),
            self.value(),
            self.numerator(),
            self.denominator(),
            self.sample_size(),
        ]


_CELLS = ("metric", "value", "numerator", "denominator", "sample_size")


def frame_values(rows: Sequence[FrameRow], *, stacks: bool) -> exp.Query:
    """One row per metric and key. Where the engine can, all metrics of a relation are stacked in one read of it: the
    time that engines take to plan hundreds of UNION ALL parts grows with the square of their number."""
    by_relation: dict[str, list[FrameRow]] = {}
    for row in rows:
        by_relation.setdefault(row.relation, []).append(row)
    parts: list[exp.Query] = []
    for relation, group in by_relation.items():
        if stacks and len(group) > 2:
            parts.append(_stacked(relation, group))
        else:
            parts += [_plain(relation, row) for row in group]
    return nodes.union_all(parts)


def _plain(relation: str, row: FrameRow) -> exp.Query:
    metric, *numbers = (nodes.aliased(cell, name) for cell, name in zip(row.cells(), _CELLS, strict=True))
    keys = [nodes.column(key) for key in FRAME_KEYS]
    return nodes.select([metric, *keys, *numbers], nodes.table(relation), where=row.present())


def _stacked(relation: str, group: Sequence[FrameRow]) -> exp.Query:
    rows = [exp.Tuple(expressions=[*row.cells(), row.present()]) for row in group]
    stacked = nodes.Stacked(
        this=nodes.table(relation),
        keys=[nodes.column(key) for key in FRAME_KEYS],
        names=[nodes.identifier(name) for name in (*_CELLS, "is_present")],
        rows=rows,
    )
    metric, *numbers = (nodes.column(name, "v") for name in _CELLS)
    keys = [nodes.column(key) for key in FRAME_KEYS]
    return nodes.select([metric, *keys, *numbers], stacked, where=nodes.column("is_present", "v"))


class Compiler:
    """Compiles one catalogue; remembers what it resolved, so that later statements are quick."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.resolver = Resolver(catalogue)

    @cached_property
    def hashes(self) -> dict[str, str]:
        """Definition hashes by metric, as far as asked for."""
        return {}

    def hash_of(self, metric: str) -> str:
        if metric not in self.hashes:
            self.hashes[metric] = versions.definition_hash(self.resolver, metric)
        return self.hashes[metric]

    def batches(
        self,
        metrics: Iterable[str] | None = None,
        *,
        grains: Sequence[str] | None = None,
        segments: bool = True,
        start: date | None = None,
        end: date | None = None,
        as_of: date | None = None,
    ) -> list[Batch]:
        """See `compile_catalogue`."""
        chosen = self._chosen(metrics)
        for grain in grains or ():
            if not is_grain(grain) or grain in (Grain.SECOND, Grain.MINUTE, Grain.HOUR):
                raise CompileError(
                    [
                        Problem(
                            "UNKNOWN_GRAIN",
                            f"{grain!r} is not a grain of the KPI frame",
                            Location("grains", list(grains or ()).index(grain) + 1, 1),
                            grain,
                            ("grains", grain),
                            nearest(grain, [item for item in Grain if not item.is_clock]),
                        )
                    ]
                )
        range_ = Range(start, end, as_of if as_of is not None else end)
        own = tuple(grains) if grains is not None else None
        found: list[Batch] = []
        for group in self._groups(chosen):
            parts = self._parts(group, segments)
            for number, metrics_of_part in enumerate(parts, 1):
                batch = self._batch(metrics_of_part, own, segments, range_)
                found.append(replace(batch, part=f"{number} of {len(parts)}") if len(parts) > 1 else batch)
        return found

    def _parts(self, metrics: Sequence[Metric], segments: bool) -> list[list[Metric]]:
        """Metrics of a group in as many statements as they need: what an engine holds at once grows with metrics times
        segments. Metrics that read the same sources stay together as far as they can."""
        most = self.catalogue.settings.compiler.statement_series
        series = {metric.name: 1 + (len(metric.segments) if segments else 0) for metric in metrics}
        if sum(series.values()) <= most:
            return [list(metrics)]
        parts: list[list[Metric]] = []
        room = 0
        for metric in sorted(metrics, key=lambda metric: sorted(self.resolver.sources_of(metric.name))):
            if series[metric.name] > room:
                parts.append([])
                room = most
            parts[-1].append(metric)
            room -= series[metric.name]
        return parts

    def _chosen(self, metrics: Iterable[str] | None) -> list[Metric]:
        known = self.catalogue.metrics
        if metrics is None:
            return list(known.values())
        names = dict.fromkeys(metrics)
        missing = [
            Problem(
                "UNKNOWN_METRIC",
                f"there is no metric {name!r}",
                Location("metrics", number, 1),
                name,
                ("metrics", name),
                nearest(name, known),
                f"Metrics: {listing(known)}.",
            )
            for number, name in enumerate(names, 1)
            if name not in known
        ]
        if missing:
            raise CompileError(missing)
        return [known[name] for name in sorted(names)]

    def _groups(self, metrics: Sequence[Metric]) -> list[list[Metric]]:
        """Metrics that share a source (or the source of a fold) and a calendar, together."""
        parent: dict[str, str] = {}

        def root(name: str) -> str:
            while parent.setdefault(name, name) != name:
                parent[name] = parent[parent[name]]
                name = parent[name]
            return name

        reads = {metric.name: sorted(self._reads(metric)) for metric in metrics}
        for sources in reads.values():
            for source in sources[1:]:
                parent[root(source)] = root(sources[0])
        groups: dict[tuple[str, str], list[Metric]] = {}
        for metric in metrics:
            groups.setdefault((root(reads[metric.name][0]), metric.calendar), []).append(metric)
        return list(groups.values())

    def _reads(self, metric: Metric) -> set[str]:
        found = set(self.resolver.sources_of(metric.name))
        for name in list(found):
            source = self.catalogue.sources[name]
            fold = source.derived or source.movements
            if fold is not None:
                found.add(fold.source)
        self._check_calendars(metric)
        return found

    def _check_calendars(self, metric: Metric) -> None:
        """A metric over others is computed in one calendar."""
        for trail, _ in self.resolver.measures_of(metric.name):
            for name in trail:
                other = self.catalogue.metrics.get(name)
                if other is not None and other.calendar != metric.calendar:
                    message = (
                        f"{metric.name!r} is in calendar {metric.calendar!r}, {name!r} in {other.calendar!r}"
                    )
                    raise CompileError([Problem("MIXED_CALENDARS", message, metric.location, name, trail)])

    def _batch(
        self, metrics: list[Metric], grains: tuple[str, ...] | None, segments: bool, range_: Range
    ) -> Batch:
        calendar = self.catalogue.calendars[metrics[0].calendar]
        wanted = {metric.name: _ordered_grains(grains or metric.grains) for metric in metrics}
        frame = Frame(calendar, _ordered_grains(grain for own in wanted.values() for grain in own), range_)
        planner = Planner.over(self.resolver, frame)
        values = {
            metric.name: planner.metric(
                metric.name,
                Asked(
                    segments=frozenset(metric.segments) if segments else frozenset(),
                    grains=wanted[metric.name],
                ),
            )
            for metric in metrics
        }
        parts = [
            self._row(metric, values[metric.name], planner, wanted[metric.name], frame, segments)
            for metric in metrics
        ]
        ctes = planner.ctes()
        if any(uses_pattern(calendar, grain) for grain in frame.grains) or _mentions(ctes, FISCAL_MONTHS):
            ctes.insert(0, Cte(FISCAL_MONTHS, fiscal_months(calendar)))
        scans = tuple(planner.scans())
        sources = tuple(dict.fromkeys(scan.source for scan in scans))
        return Batch(
            metrics=tuple(metric.name for metric in metrics),
            sources=sources,
            tables=tuple(dict.fromkeys(self._tables(scans))),
            scans=scans,
            calendar=calendar,
            grains=frame.grains,
            range=range_,
            ctes=tuple(ctes),
            rows=tuple(parts),
            final=self._final(metrics, frame),
        )

    def _tables(self, scans: Iterable[Scan]) -> Iterable[str]:
        for scan in scans:
            source = self.catalogue.sources[scan.source]
            if source.table:
                yield source.table
            for join in source.joins.values():
                target = self.catalogue.sources[join.to]
                if target.table:
                    yield target.table

    def _row(
        self,
        metric: Metric,
        value: Value,
        planner: Planner,
        grains: tuple[str, ...],
        frame: Frame,
        segments: bool,
    ) -> FrameRow:
        """How one metric is read in the frame."""
        conditions: list[Node | None] = []
        if set(grains) != set(frame.grains):
            conditions.append(_one_of("grain", grains))
        own = [PAIR.join(segment) for segment in metric.segments] if segments else []
        conditions.append(_one_of("segment_dimension", ["", *sorted(own)]))
        narrowed = nodes.all_of(conditions)

        def present() -> Node:
            found = nodes.all_of([value.present(), narrowed.copy() if narrowed is not None else None])
            return found if found is not None else exp.true()

        return FrameRow(
            metric=metric.name,
            relation=planner.joined(value),
            value=lambda: _number(value.value()),
            numerator=lambda: _number(value.numerator() if value.numerator else None),
            denominator=lambda: _number(value.denominator() if value.denominator else None),
            sample_size=lambda: nodes.cast(
                nodes.coalesce(value.sample(), nodes.number(0)), ColumnType.INTEGER
            ),
            present=present,
        )

    def _final(self, metrics: Sequence[Metric], frame: Frame) -> exp.Select:
        """The frame, with version and hash, inside the range; in no order."""
        stamps = [
            exp.Tuple(
                expressions=[nodes.text(m.name), nodes.number(m.version), nodes.text(self.hash_of(m.name))]
            )
            for m in metrics
        ]
        stamped = nodes.values(stamps, "definitions", ["metric", "version", "definition_hash"])

        def column(name: str) -> Node:
            return nodes.column(name, "kpi_values")

        def end() -> Node:
            return last_day_of(
                lambda: column("period_start"), lambda: column("grain"), frame.grains, frame.calendar
            )

        columns: list[Node] = [
            column("metric"),
            nodes.aliased(nodes.cast(nodes.column("version", "definitions"), "INT"), "version"),
            nodes.column("definition_hash", "definitions"),
            column("grain"),
            column("period_start"),
            nodes.aliased(end(), "period_end"),
            *(column(name) for name in COLUMNS[6:]),
        ]
        joins = [
            nodes.join(
                stamped, nodes.equals(nodes.column("metric", "definitions"), column("metric")), "INNER"
            )
        ]
        pattern = [grain for grain in frame.grains if uses_pattern(frame.calendar, grain)]
        joins += calendar_joins(pattern, column("period_start"), frame.calendar)
        conditions: list[Node | None] = []
        if frame.range.start is not None:
            conditions.append(exp.GTE(this=end(), expression=nodes.date_literal(frame.range.start)))
        if frame.range.end is not None:
            conditions.append(
                exp.LTE(this=column("period_start"), expression=nodes.date_literal(frame.range.end))
            )
        where = nodes.all_of(conditions)
        return nodes.select(columns, nodes.table("kpi_values"), joins=joins, where=where)


def compile_catalogue(
    catalogue: Catalogue,
    *,
    metrics: Iterable[str] | None = None,
    grains: Sequence[str] | None = None,
    segments: bool = True,
    start: date | None = None,
    end: date | None = None,
    as_of: date | None = None,
) -> list[Batch]:
    """Statements that compute metrics: as few as share sources, each reading a source as seldom as possible.

    ``metrics``: names; all by default. ``grains``: overrides each metric's own (day, week, month,
    quarter, year,
    trailing_<n>d). ``segments=False``: totals only. ``start``/``end``: inclusive local days, widened to
    whole periods.
    ``as_of``: the last day that states and running totals are read at; ``end`` by default.
    Raises CompileError with the place of each problem.
    """
    return Compiler(catalogue).batches(
        metrics, grains=grains, segments=segments, start=start, end=end, as_of=as_of
    )


def batches_by_metric(batches: Iterable[Batch]) -> Mapping[str, Batch]:
    """The batch that computes each metric."""
    return {metric: batch for batch in batches for metric in batch.metrics}


def _ordered_grains(grains: Iterable[str]) -> tuple[str, ...]:
    standard = [str(grain) for grain in Grain]

    def rank(grain: str) -> tuple[int, int]:
        return (standard.index(grain), 0) if grain in standard else (len(standard), int(grain[9:-1]))

    return tuple(sorted({str(grain) for grain in grains}, key=rank))


def _one_of(name: str, values: Sequence[str]) -> Node:
    if len(values) == 1:
        return nodes.equals(nodes.column(name), nodes.text(values[0]))
    return exp.In(this=nodes.column(name), expressions=[nodes.text(value) for value in values])


def _number(node: Node | None) -> Node:
    """A number as a double; None is NULL."""
    if node is None:
        return nodes.cast(nodes.null(), ColumnType.DOUBLE)
    is_double = isinstance(node, exp.Div) or (isinstance(node, exp.Cast) and node.to.is_type("double"))
    return node if is_double else nodes.double(node)


def _mentions(ctes: Iterable[Cte], name: str) -> bool:
    return any(table.name == name for cte in ctes for table in cte.query.find_all(exp.Table))
