"""The query face: any metrics together, by any dimensions they share, as one statement.

    statement = query(catalogue, ["win_rate", "bookings"], by=["region"], grain="month", start=date(2026, 1, 1))
    table = statement.arrow(warehouse.query)

Also without time, and dimensions only. Source: dictionary rules, 'What the numbers must mean'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.batch import Compiler
from definitions.compiler.calendar_sql import FISCAL_MONTHS, fiscal_months
from definitions.compiler.dimension_values import VALUES, dimension_values
from definitions.compiler.expressions import translate
from definitions.compiler.layout import Query, Range, TimeKey, calendar_joins, dim_alias, output_days
from definitions.compiler.nodes import Node
from definitions.compiler.parsing import RefusedError, name_parts, offset_of, parse
from definitions.compiler.plan import Planner
from definitions.compiler.render import render
from definitions.compiler.rows import Cte, Scan
from definitions.compiler.scopes import PARTS, part_of
from definitions.compiler.ticks import Ticks
from definitions.compiler.time_conditions import (
    METRIC_TIME,
    TimeScope,
    clock_bounds,
    conjuncts,
    day_of,
    own_times,
)
from definitions.compiler.times import query_times
from definitions.compiler.values import Asked, Value, full_join
from definitions.errors import CompileError, Problem, QueryError, listing, nearest
from definitions.model import Calendar, Catalogue, ColumnType, Expression, Grain, Location, Missing

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


_CLOCK = ("hour", "minute")


@dataclass(frozen=True)
class Statement:
    """A compiled query. ``columns`` are its output: time keys, dimensions, then metrics, as asked for."""

    metrics: tuple[str, ...]
    columns: tuple[str, ...]
    scans: tuple[Scan, ...]
    ctes: tuple[Cte, ...] = field(repr=False)
    final: exp.Query = field(repr=False)

    def sql(self, dialect: str = "duckdb", *, pretty: bool = True) -> str:
        """The statement for an engine: duckdb, postgres, spark, snowflake, bigquery or trino."""
        return render(self.ctes, self.final, dialect, pretty=pretty)

    def arrow(self, run: Callable[[str], pa.Table], dialect: str = "duckdb") -> pa.Table:
        """The result as an Arrow table; ``run`` executes SQL (a warehouse's ``query``)."""
        return run(self.sql(dialect))

    def pandas(self, run: Callable[[str], pa.Table], dialect: str = "duckdb") -> pd.DataFrame:
        """The result as a pandas frame, days as dates; ``run`` as for `arrow`."""
        frame: pd.DataFrame = self.arrow(run, dialect).to_pandas()
        return frame


def query(
    catalogue: Catalogue | Compiler,
    metrics: Sequence[str] = (),
    *,
    by: Sequence[str] = (),
    grain: str | None = None,
    where: str | Sequence[str] | None = None,
    start: date | datetime | None = None,
    end: date | datetime | None = None,
    as_of: date | None = None,
    order: Sequence[str] = (),
    limit: int | None = None,
) -> Statement:
    """Compile a query.

    ``by``: dimension names (dotted over joins), a time dimension with a grain (``created_at.month``), or
    ``metric_time``
    with a grain or a part (``metric_time.week``, ``metric_time.dow``). ``grain``: short for
    ``metric_time.<grain>``.
    ``where``: conditions over dimensions and ``metric_time``; ``metric(name, column) > 3`` compares with
    a metric per
    entity. ``start``/``end``: inclusive, widened to whole grains. ``as_of``: the last day that states and running
    totals are read at, and gaps filled on; without an ``end``, periods that begin later are left out. ``order``:
    column names, ``-name`` for descending.
    Raises QueryError that names what is wrong and the nearest valid name.
    """
    compiler = catalogue if isinstance(catalogue, Compiler) else Compiler(catalogue)
    try:
        return _Question(compiler, metrics, by, grain, where, (start, end), as_of).statement(order, limit)
    except QueryError:
        raise
    except CompileError as error:
        raise QueryError(error.problems) from error


def _nothing_asked() -> Problem:
    return Problem(
        "NOTHING_ASKED", "neither metrics nor dimensions", Location("query", 1, 1), "nothing", ("metrics",)
    )


class _Question:
    """One query on its way to a statement."""

    def __init__(
        self,
        compiler: Compiler,
        metrics: Sequence[str],
        by: Sequence[str],
        grain: str | None,
        where: str | Sequence[str] | None,
        bounds: tuple[date | datetime | None, date | datetime | None],
        as_of: date | None,
    ) -> None:
        self.compiler = compiler
        self.catalogue = compiler.catalogue
        self.metrics = tuple(dict.fromkeys(metrics))
        self._check_metrics()
        self.calendar = self._calendar()
        self.own_times = own_times(compiler.resolver, self.metrics)
        keys = [*([f"{METRIC_TIME}.{grain}"] if grain else []), *(self._spelled(item) for item in by)]
        self.times, self.dims = self._split(keys)
        self.where, self.whens = self._conditions(where)
        self.bounds, self.as_of = bounds, as_of

    # ── what is asked ───────────────────────────────────────────────────────────────────────────────────────

    def _check_metrics(self) -> None:
        known = self.catalogue.metrics
        problems = [
            Problem(
                "UNKNOWN_METRIC",
                f"there is no metric {name!r}",
                Location("metrics", number, 1),
                name,
                ("metrics", name),
                nearest(name, known),
                f"Metrics: {listing(known)}.",
            )
            for number, name in enumerate(self.metrics, 1)
            if name not in known
        ]
        if problems:
            raise QueryError(problems)

    def _calendar(self) -> Calendar:
        names = {self.catalogue.metrics[name].calendar for name in self.metrics}
        if len(names) > 1:
            message = f"the metrics are in different calendars: {', '.join(sorted(names))}"
            text = ", ".join(self.metrics)
            raise QueryError(
                [Problem("MIXED_CALENDARS", message, Location("metrics", 1, 1), text, ("metrics",))]
            )
        return self.catalogue.calendars[names.pop() if names else "company"]

    def _spelled(self, name: str) -> str:
        """A dimension's name with dots over joins; ``a__b`` is ``a.b`` unless something is called just that."""
        known = any(
            name in source.dimensions or name in source.columns for source in self.catalogue.sources.values()
        )
        return name if known else name.replace("__", ".")

    def _split(self, keys: Iterable[str]) -> tuple[tuple[TimeKey, ...], tuple[str, ...]]:
        """(times, dimensions). The metrics' own time column is their time, whatever it is called."""
        times: list[tuple[str, str, str | None]] = []
        dims: list[str] = []
        for key in dict.fromkeys(keys):
            head, _, rest = key.partition(".")
            if head == METRIC_TIME:
                times.append((METRIC_TIME, *self._grain(rest)))
            elif head in self.own_times and (not rest or rest in set(Grain) or part_of(rest)):
                times.append((dim_alias(key), *self._grain(rest)))
            else:
                dims.append(key)
        times = list(dict.fromkeys(times))
        plain = sum(name == METRIC_TIME for name, _, _ in times) == 1
        named = []
        for name, grain, part in times:
            if name == METRIC_TIME and (part is not None or not plain):
                name = f"{METRIC_TIME}__{f'extract_{part}' if part else grain}"
            named.append(TimeKey(name, grain, part))
        return tuple(named), tuple(dims)

    def _grain(self, name: str) -> tuple[str, str | None]:
        """(grain, part) that a time is asked for by."""
        name = name.replace("extract.", "extract_") or str(Grain.DAY)
        part = part_of(name)
        if part is not None:
            return str(Grain(part) if part in _CLOCK else Grain.DAY), part
        if name in set(Grain):
            return name, None
        valid = [*map(str, Grain), *PARTS]
        message = f"{name!r} is no grain of {METRIC_TIME}"
        place, path = Location("by", 1, 1), ("by", METRIC_TIME)
        hint = f"Grains: {', '.join(Grain)}; parts: extract_<part>, dow, doy."
        raise QueryError([Problem("UNKNOWN_GRAIN", message, place, name, path, nearest(name, valid), hint)])

    def _conditions(
        self, where: str | Sequence[str] | None
    ) -> tuple[tuple[Expression, ...], tuple[str, ...]]:
        """(conditions on dimensions, conditions on the metric's own time)."""
        texts = [where] if isinstance(where, str) else list(where or ())
        on_dims: list[Expression] = []
        on_time: list[str] = []
        for text in texts:
            try:
                parts = list(conjuncts(parse(text)))
            except RefusedError as refused:
                raise QueryError(
                    [refused.problem(Expression(text, Location("where", 1, 1)), ("where",))]
                ) from refused
            for part in parts:
                columns = [name_parts(column) for column in part.find_all(exp.Column)]
                names = {parts[0] for parts in columns}
                timed = any(name == METRIC_TIME or name.startswith(f"{METRIC_TIME}__") for name in names)
                timed = timed or bool(columns and all(self._is_own_day(parts) for parts in columns))
                own = part.sql(dialect="duckdb")
                place = Location("where", 1, 1 + offset_of(part))
                if not timed:
                    on_dims.append(Expression(own, place))
                elif len(names) == 1:
                    on_time.append(own)
                else:
                    message = f"the condition {own!r} mixes {METRIC_TIME} with dimensions"
                    raise QueryError([Problem("MIXED_CONDITION", message, place, own, ("where",))])
        return tuple(on_dims), tuple(on_time)

    def _is_own_day(self, parts: tuple[str, ...]) -> bool:
        """Whether a name is that of the metrics' own time, by the day or coarser."""
        if len(parts) == 1 and "__" in parts[0]:
            parts = tuple(parts[0].split("__"))
        kind = self.own_times.get(parts[0])
        if len(parts) == 1:
            return kind is ColumnType.DATE
        return (
            kind is not None and len(parts) == 2 and parts[1] in set(Grain) and not Grain(parts[1]).is_clock
        )

    # ── the statement ───────────────────────────────────────────────────────────────────────────────────────

    def statement(self, order: Sequence[str], limit: int | None) -> Statement:
        layout = Query(self.calendar, self.times, self.dims, self._range())
        self._check_names(layout)
        if not self.metrics:
            return self._values_only(layout, order, limit)
        planner = Planner.over(self.compiler.resolver, layout, self.where, self._when(layout))
        self._check_dims(planner)
        values = {name: self._value(planner, name) for name in self.metrics}
        columns = tuple(dict.fromkeys(column for value in values.values() for column in value.columns))
        relations = dict.fromkeys(relation for relation, _ in columns)
        if len(relations) == 1:
            relation = next(iter(relations))
        else:
            relation = planner.context.unique("all_metrics")
            planner.combined.append(Cte(relation, full_join(layout.keys, columns)))
        keys: list[Node] = [nodes.column(key) for key in layout.keys]
        numbers = [nodes.aliased(self._number(name, values[name]), name) for name in self.metrics]
        present: Node | None = None
        if layout.keys:
            for value in values.values():
                condition = value.present()
                present = condition if present is None else exp.Or(this=present, expression=condition)
        names = (*layout.keys, *self.metrics)
        before = self._not_before(layout) if planner.reads_from_the_start else None
        where = nodes.all_of([present, before, self._not_after(layout)])
        final = nodes.select([*keys, *numbers], nodes.table(relation), where=where)
        final = self._ordered(final, names, order or layout.keys, limit)
        return Statement(
            self.metrics, names, tuple(planner.scans()), self._with_fiscal(planner.ctes(), final), final
        )

    def _check_names(self, layout: Query) -> None:
        """A metric that is called as one of the keys could not be told from it."""
        problems = [
            Problem(
                "DUPLICATE_NAME",
                f"the metric {name!r} and what it is grouped by would be one column",
                Location("metrics", self.metrics.index(name) + 1, 1),
                name,
                ("metrics", name),
                hint="Rename the metric, or ask for it without that column.",
            )
            for name in self.metrics
            if name in layout.keys
        ]
        if problems:
            raise QueryError(problems)

    def _not_before(self, layout: Query) -> Node | None:
        """Rows from before the range are read for what is carried into it; they are not shown."""
        first, _ = output_days(layout)
        found: Node | None = None
        for key in self.times if first is not None else ():
            if key.part is None:
                later = exp.GTE(this=nodes.column(key.name), expression=nodes.date_literal(first))
                found = later if found is None else exp.Or(this=found, expression=later)
        return found

    def _not_after(self, layout: Query) -> Node | None:
        """Where no end is asked for, periods are those that have begun."""
        if self.as_of is None or layout.range.end is not None:
            return None
        last = nodes.date_literal(self.as_of)
        return nodes.all_of(
            exp.LTE(this=nodes.cast(nodes.column(key.name), ColumnType.DATE), expression=last.copy())
            for key in layout.times
            if key.part is None
        )

    def _value(self, planner: Planner, name: str) -> Value:
        metric = self.catalogue.metrics[name]
        value = planner.metric(name, Asked())
        if metric.missing is Missing.EMPTY or not any(key.part is None for key in self.times):
            return value
        return planner.filled(name, value, metric.missing)

    def _number(self, name: str, value: Value) -> Node:
        number = value.value()
        if self.catalogue.metrics[name].missing is Missing.ZERO:
            return nodes.coalesce(number, nodes.number(0))
        return number if isinstance(number, exp.Cast | exp.Div) else nodes.double(number)

    def _range(self) -> Range:
        start, end = self.bounds
        return Range(day_of(start), day_of(end), self.as_of)

    def _when(self, layout: Query) -> Callable[[], Node] | None:
        """Conditions on the metric's own time, over a stage's ``day`` (``moment`` below the day)."""
        clock = layout.clock
        scope = TimeScope(self.calendar, clock is not None, frozenset(self.own_times))
        try:
            templates = [translate(text, scope, want=ColumnType.BOOLEAN).node for text in self.whens]
        except RefusedError as refused:
            place = Expression(self.whens[0], Location("where", 1, 1))
            raise QueryError([refused.problem(place, ("where", METRIC_TIME))]) from refused
        if clock is not None:
            templates += clock_bounds(clock, *self.bounds)
        if not templates:
            return None

        def build() -> Node:
            found = nodes.all_of(template.copy() for template in templates)
            return found if found is not None else exp.true()

        return build

    def _check_dims(self, planner: Planner) -> None:
        """Every dimension must be reachable from every source that a metric's base comes from."""
        problems: list[Problem] = []
        resolver = planner.resolver
        for metric in self.metrics:
            for trail, measure in resolver.measures_of(metric):
                if trail[-1] in ("conversion", "activity"):
                    continue
                source = self.catalogue.sources[measure.source]
                for name in self.dims:
                    if not resolver.has_dimension(source, name, self.calendar):
                        valid = [*source.dimensions, *source.columns]
                        problems.append(
                            Problem(
                                "UNKNOWN_DIMENSION",
                                f"{metric!r} cannot be grouped by {name!r}: {source.name!r} has no such dimension",
                                Location("by", self.dims.index(name) + 1, 1),
                                name,
                                path=trail,
                                suggestion=nearest(name, valid),
                                hint=f"Dimensions of {source.name}: {listing(source.dimensions or source.columns)}.",
                            )
                        )
        if problems:
            raise QueryError(problems)

    def _ordered(
        self, final: exp.Select, names: Sequence[str], order: Sequence[str], limit: int | None
    ) -> exp.Select:
        items: list[Node] = []
        for number, item in enumerate(order, 1):
            descending = item.startswith("-")
            name = item.removeprefix("-").replace(".", "__")
            if name not in names:
                problem = Problem(
                    "UNKNOWN_COLUMN",
                    f"cannot order by {name!r}: it is not in the result",
                    Location("order", number, 1),
                    name,
                    ("order", name),
                    suggestion=nearest(name, names),
                    hint=f"Columns: {listing(names)}.",
                )
                raise QueryError([problem])
            items.append((nodes.descending if descending else nodes.ascending)(nodes.column(name)))
        if items:
            final.set("order", exp.Order(expressions=items))
        if limit is not None:
            if limit < 0:
                place = Location("limit", 1, 1)
                raise QueryError(
                    [Problem("BAD_LIMIT", f"a limit of {limit} rows", place, str(limit), ("limit",))]
                )
            final.set("limit", exp.Limit(expression=nodes.number(limit)))
        return final

    def _with_fiscal(self, ctes: list[Cte], final: exp.Query) -> tuple[Cte, ...]:
        queries = [*(cte.query for cte in ctes), final]
        used = any(table.name == FISCAL_MONTHS for query in queries for table in query.find_all(exp.Table))
        if used:
            return (Cte(FISCAL_MONTHS, fiscal_months(self.calendar)), *ctes)
        return tuple(ctes)

    # ── dimensions only ─────────────────────────────────────────────────────────────────────────────────────

    def _values_only(self, layout: Query, order: Sequence[str], limit: int | None) -> Statement:
        """Distinct values of dimensions, and of the calendar."""
        if not layout.keys:
            raise QueryError([_nothing_asked()])
        planner = Planner.over(self.compiler.resolver, layout, self.where)
        ctes: list[Cte] = []
        scans: tuple[Scan, ...] = ()
        columns: list[Node] = []
        tables: list[Node] = []
        joins: list[exp.Join] = []
        if self.times:
            ctes.append(Cte("calendar_days", self._days(layout)))
            columns += [nodes.aliased(node, name) for name, node in query_times(layout, self.calendar)]
            tables.append(nodes.table("calendar_days"))
            joins += calendar_joins([key.grain for key in self.times], nodes.column("day"), self.calendar)
        if self.dims:
            steps, scan = dimension_values(planner, layout, self.where)
            ctes, scans = [*ctes, *steps], (scan,)
            columns += [nodes.column(dim_alias(name), VALUES) for name in self.dims]
            tables.append(nodes.table(VALUES))
        if len(tables) > 1:
            joins.append(nodes.join(tables[1], None, "CROSS"))
        when = self._when(layout)
        where = when() if when is not None else None
        final = nodes.select(columns, tables[0], joins=joins, where=where, distinct=True)
        final = self._ordered(final, layout.keys, order or layout.keys, limit)
        return Statement((), layout.keys, scans, self._with_fiscal(ctes, final), final)

    def _days(self, layout: Query) -> exp.Query:
        first, last = output_days(layout)
        if first is None or last is None:
            message = f"{METRIC_TIME} alone has no end"
            raise QueryError(
                [Problem("NEEDS_RANGE", message, Location("by", 1, 1), METRIC_TIME, ("by", METRIC_TIME))]
            )
        ticks = Ticks(self.calendar, layout.clock)
        return ticks.spine(ticks.begin(first), ticks.end(last))
