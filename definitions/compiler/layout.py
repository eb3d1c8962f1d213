"""What a result row is identified by: the KPI frame's four keys, or the columns that a query asked for.

Stages aggregate rows into relations over these keys; both layouts offer the same few operations, so that
a stage says once what it computes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlglot import exp

from definitions.calendars import period_end, period_start
from definitions.compiler import nodes
from definitions.compiler.calendar_sql import (
    Day,
    add_days,
    fiscal_join,
    last_day_of,
    period_start_of,
    uses_pattern,
)
from definitions.compiler.nodes import Node
from definitions.compiler.resolve import UNKNOWN, Resolved
from definitions.model import Calendar, ColumnType, Grain, trailing_days

FRAME_KEYS = ("grain", "period_start", "segment_dimension", "segment_value")
PAIR = "|"
"""Joins the names and the values of a pair of segments."""
BROKEN_BAR = "¦"
"""Stands for `PAIR` inside of a value of a pair, so that ``a|b`` beside ``c`` is not ``a`` beside ``b|c``."""


@dataclass(frozen=True, slots=True)
class Range:
    """Inclusive local days; None is open. ``as_of`` is the last day that states are read at."""

    start: date | None = None
    end: date | None = None
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class TimeKey:
    """A time column of a query: the metric's own time cut to ``grain``, or one ``part`` of it (``dow``)."""

    name: str
    grain: str
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """The KPI frame: every grain and segment at once, keyed by four columns."""

    calendar: Calendar
    grains: tuple[str, ...]
    range: Range

    time_keys = ("grain", "period_start")
    dim_keys = ("segment_dimension", "segment_value")
    keys = FRAME_KEYS

    @property
    def standard(self) -> tuple[str, ...]:
        """Grains that tile the days; trailing ones overlap."""
        return tuple(grain for grain in self.grains if trailing_days(grain) is None)

    @property
    def trailing(self) -> tuple[str, ...]:
        return tuple(grain for grain in self.grains if trailing_days(grain) is not None)


@dataclass(frozen=True, slots=True)
class Query:
    """A query's own columns: some times, some dimensions; either may be none."""

    calendar: Calendar
    times: tuple[TimeKey, ...]
    dims: tuple[str, ...]
    range: Range

    @property
    def time_keys(self) -> tuple[str, ...]:
        return tuple(key.name for key in self.times)

    @property
    def dim_keys(self) -> tuple[str, ...]:
        return tuple(dim_alias(name) for name in self.dims)

    @property
    def keys(self) -> tuple[str, ...]:
        return (*self.time_keys, *self.dim_keys)

    @property
    def clock(self) -> Grain | None:
        """The finest grain shorter than a day that is asked for; then rows are placed by it and not by their day."""
        grains = [Grain(key.grain) for key in self.times if key.grain in set(Grain)]
        return next((grain for grain in sorted(grains, key=lambda grain: grain.rank) if grain.is_clock), None)


Layout = Frame | Query


def dim_alias(name: str) -> str:
    """Output column of a dimension: dots become double underscores (``accounts__region``)."""
    return name.replace(".", "__")


def by_column(name: str) -> str:
    """Column of a dimension inside a stage."""
    return f"by_{name.replace('.', '_')}"


def grouped(resolved: Resolved) -> Node:
    """A dimension as a group key: a missing text is the group ``(unknown)``.

    Source: dictionary rules, semantics 5.
    """
    node = resolved.node.copy()
    if resolved.type is ColumnType.STRING:
        return nodes.coalesce(node, nodes.text(UNKNOWN)) if resolved.nullable else node
    return node


def as_text(resolved: Resolved) -> Node:
    """A dimension as a segment's text."""
    node = resolved.node.copy()
    if resolved.type is not ColumnType.STRING:
        node = nodes.cast(node, ColumnType.STRING)
    return nodes.coalesce(node, nodes.text(UNKNOWN)) if resolved.nullable else node


# ── the frame ───────────────────────────────────────────────────────────────────────────────────────────────


def segment_columns(segments: Sequence[tuple[str, ...]]) -> tuple[Node, Node]:
    """(segment_dimension, segment_value) out of the ``by_…`` columns, which are NULL where not grouped by."""
    ordered = sorted((s for s in segments if s), key=lambda s: (-len(s), s))
    if not ordered:
        return nodes.text(""), nodes.text("")
    pairs: list[tuple[Node, Node]] = []
    values: list[Node] = []
    for segment in ordered:
        present = nodes.all_of(nodes.not_null(nodes.column(by_column(name))) for name in segment)
        assert_present = present if present is not None else exp.true()
        pairs.append((assert_present, nodes.text(PAIR.join(segment))))
        values.append(_joined(segment))
    return nodes.case(pairs, nodes.text("")), nodes.coalesce(*values, nodes.text(""))


def _joined(segment: tuple[str, ...]) -> Node:
    if len(segment) == 1:
        return nodes.column(by_column(segment[0]))
    whole, *others = (
        nodes.func("REPLACE", nodes.column(by_column(name)), nodes.text(PAIR), nodes.text(BROKEN_BAR))
        for name in segment
    )
    joined: Node = whole
    for other in others:
        left = exp.DPipe(this=joined, expression=nodes.text(PAIR), safe=True)
        joined = exp.DPipe(this=left, expression=other, safe=True)
    return joined


def segment_sets(segments: Sequence[tuple[str, ...]]) -> list[list[str]]:
    """Sets of ``by_…`` columns to group by, the total last."""
    ordered = sorted({*segments, ()}, key=lambda s: (-len(s), s))
    return [[by_column(name) for name in segment] for segment in ordered]


def grain_columns(grains: Sequence[str]) -> tuple[Node, Node]:
    """(grain, period_start) out of one column per grain, which are NULL where not grouped by."""
    if len(grains) == 1:
        return nodes.text(grains[0]), nodes.column(period_column(grains[0]))
    pairs = [(nodes.not_null(nodes.column(period_column(g))), nodes.text(g)) for g in grains]
    return nodes.case(pairs), nodes.coalesce(*(nodes.column(period_column(g)) for g in grains))


def period_column(grain: str) -> str:
    """Column of a grain's period start inside a stage."""
    return grain if grain == Grain.DAY else f"{grain}_start"


def period_columns(grains: Sequence[str], day: Day, calendar: Calendar) -> list[Node]:
    """One column per grain other than the day: the start of the day's period."""
    return [
        nodes.aliased(period_start_of(day, grain, calendar), period_column(grain))
        for grain in grains
        if grain != Grain.DAY
    ]


def calendar_joins(grains: Sequence[str], day: Node, calendar: Calendar) -> list[exp.Join]:
    """The join that week patterns need for these grains; none for calendar months."""
    return [fiscal_join(day)] if any(uses_pattern(calendar, grain) for grain in grains) else []


def trailing_offsets(days: int) -> exp.Values:
    """``VALUES (0), …, (days − 1)``: how many days after its own a row still counts in a trailing period."""
    return nodes.values([nodes.number(i) for i in range(days)], "offsets", ["days_after"])


# ── ranges ──────────────────────────────────────────────────────────────────────────────────────────────────


def output_days(layout: Layout) -> tuple[date | None, date | None]:
    """First and last day of the periods asked for: the range, widened to whole periods.

    Source: dictionary rules, semantics 3.
    """
    start, end = layout.range.start, layout.range.end
    grains = (
        layout.grains if isinstance(layout, Frame) else tuple(k.grain for k in layout.times if k.part is None)
    )
    calendar = layout.calendar
    coarse = [grain for grain in grains if grain not in ("second", "minute", "hour")]
    if start is not None:
        start = min([start, *(period_start(calendar, grain, start) for grain in coarse)])
    if end is not None:
        last = [
            period_end(calendar, g, period_start(calendar, g, end)) for g in coarse if not trailing_days(g)
        ]
        end = max([end, *(day - timedelta(days=1) for day in last)])
    return start, end


def known_until(
    layout: Layout, last: date | None, *, whole: Callable[[str], bool] = lambda grain: False
) -> date | None:
    """The last day of the range (``last``) that can be read at: no state is known after ``as_of``. Where every period
    that is asked for reads a ``whole`` earlier one, it is the last day of those that run on ``as_of``."""
    as_of = layout.range.as_of
    if as_of is None:
        return last
    grains = layout.grains if isinstance(layout, Frame) else tuple(key.grain for key in layout.times)
    if grains and all(whole(grain) for grain in grains):
        calendar = layout.calendar
        as_of = max(period_end(calendar, g, period_start(calendar, g, as_of)) for g in grains) - timedelta(
            days=1
        )
    return min(last, as_of) if last is not None else as_of


def in_days(column: Node, first: date | None, last: date | None) -> Node | None:
    """``column`` between two days; None when both are open."""
    low = nodes.date_literal(first) if first else None
    high = nodes.date_literal(last) if last else None
    if low is not None and high is not None:
        return exp.Between(this=column, low=low, high=high)
    if low is not None:
        return exp.GTE(this=column, expression=low)
    return exp.LTE(this=column, expression=high) if high is not None else None


# ── readings: the days at which states are read ─────────────────────────────────────────────────────────────


def day_grains(layout: Frame, days: str, tick: str = "day") -> exp.Query:
    """(tick, grain, period_start): every tick of the spine ``days`` with each period that it is in."""
    calendar = layout.calendar

    def day() -> Node:
        return nodes.column("day", days)

    parts: list[exp.Query] = []
    for grain in layout.standard:
        columns = [
            nodes.aliased(nodes.column(tick, days), tick),
            nodes.aliased(nodes.text(grain), "grain"),
            nodes.aliased(period_start_of(day, grain, calendar), "period_start"),
        ]
        joins = calendar_joins([grain], day(), calendar)
        parts.append(nodes.select(columns, nodes.table(days), joins=joins))
    for grain in layout.trailing:
        length = trailing_days(grain) or 1
        after = nodes.column("days_after", "offsets")
        start = nodes.AddDays(this=add_days(day(), 1 - length), days=after)
        columns = [
            nodes.aliased(nodes.column(tick, days), tick),
            nodes.aliased(nodes.text(grain), "grain"),
            nodes.aliased(start, "period_start"),
        ]
        parts.append(
            nodes.select(
                columns, nodes.table(days), joins=[nodes.join(trailing_offsets(length), None, "CROSS")]
            )
        )
    return nodes.union_all(parts)


def period_readings(
    layout: Frame, days: str, *, whole: Callable[[str], bool] = lambda grain: False
) -> exp.Query:
    """(grain, period_start, last_day): every period that the spine ``days`` touches, read at its last day, or at
    ``as_of`` while it runs; at its last day in any case where the period that is read is over (``whole``)."""
    calendar = layout.calendar
    start = nodes.column("period_start", "periods")

    def start_of() -> Node:
        return nodes.column("period_start", "periods")

    def grain_of() -> Node:
        return nodes.column("grain", "periods")

    def day() -> Node:
        return nodes.column("day", days)

    parts: list[exp.Query] = []
    for grain in layout.grains:
        columns: list[Node] = [nodes.aliased(nodes.text(grain), "grain")]
        length = trailing_days(grain)
        begin = add_days(day(), 1 - length) if length else period_start_of(day, grain, calendar)
        last = last_day_of(start_of, grain_of, (grain,), calendar)
        if not whole(grain):
            last = _capped(last, layout.range.as_of)
        columns.append(nodes.aliased(begin, "period_start"))
        pattern = uses_pattern(calendar, grain)
        if pattern:
            columns.append(nodes.aliased(nodes.column(f"fiscal_{grain}_end"), f"fiscal_{grain}_end"))
        inner = nodes.select(
            columns, nodes.table(days), joins=calendar_joins([grain], day(), calendar), distinct=True
        )
        parts.append(
            nodes.select(
                [grain_of(), start.copy(), nodes.aliased(last, "last_day")],
                nodes.subquery(inner, "periods"),
            )
        )
    return nodes.union_all(parts)


DAYS, FIRST_TICK, LAST_TICK = "days_of_period", "first_of_period", "last_of_period"
"""Columns of `period_ticks`."""


def period_ticks(readings: str, level: str, layout: Layout, tick: str) -> exp.Join:
    """Joins to ``level`` how many ticks of the spine each of its periods has, the first and the last of them: where a
    gap means zero, a mean is over all of them and a period is read at its own first or last one."""
    keys = layout.time_keys
    moment = nodes.column(tick)
    counted = nodes.select(
        [
            *(nodes.column(key) for key in keys),
            nodes.aliased(nodes.count_rows(), DAYS),
            nodes.aliased(exp.Min(this=moment), FIRST_TICK),
            nodes.aliased(exp.Max(this=moment.copy()), LAST_TICK),
        ],
        nodes.table(readings),
        group=[nodes.column(key) for key in keys],
    )
    on = nodes.all_of(nodes.equals(nodes.column(key, "periods"), nodes.column(key, level)) for key in keys)
    return nodes.join(nodes.subquery(counted, "periods"), on, "INNER")


def longest_period(layout: Layout) -> int:
    """Days that no period of the layout's grains exceeds, week patterns with a 53rd week included."""
    grains = layout.grains if isinstance(layout, Frame) else tuple(key.grain for key in layout.times)
    return max((trailing_days(grain) or _LONGEST.get(grain, 1) for grain in grains), default=1)


_LONGEST: dict[str, int] = {Grain.WEEK: 7, Grain.MONTH: 42, Grain.QUARTER: 98, Grain.YEAR: 371}


def _capped(day: Node, as_of: date | None) -> Node:
    return exp.Least(ignore_nulls=True, this=day, expressions=[nodes.date_literal(as_of)]) if as_of else day
