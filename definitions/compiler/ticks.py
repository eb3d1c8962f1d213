"""The steps of a time spine: days, or the hours, minutes and seconds of local time where a query goes below the day.

Stages that read values along a spine (states, running windows, shifts, fills) do all their arithmetic here, so
that they say the same for every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.calendar_sql import (
    Day,
    add_days,
    add_span,
    local_day,
    local_time,
    period_start_of,
    to_date_expiry,
    window_expiry,
)
from definitions.compiler.nodes import Node
from definitions.model import Calendar, ColumnType, Grain, Span

_MONTHS = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.YEAR: 12}
_SECONDS = {Grain.HOUR: 3600, Grain.MINUTE: 60, Grain.SECOND: 1}
_LAST = {Grain.HOUR: "23:00:00", Grain.MINUTE: "23:59:00", Grain.SECOND: "23:59:59"}


@dataclass(frozen=True, slots=True)
class Ticks:
    """What a spine steps by: days where ``clock`` is None. A tick is a DATE, or a TIMESTAMP of local time."""

    calendar: Calendar
    clock: Grain | None = None

    @classmethod
    def finest(cls, calendar: Calendar, *grains: str | None) -> Ticks:
        """Steps fine enough for all of these grains."""
        clocks = [Grain(g) for g in grains if g is not None and g in set(Grain) and Grain(g).is_clock]
        return cls(calendar, min(clocks, key=lambda grain: grain.rank, default=None))

    @property
    def column(self) -> str:
        """Name of a stage's column of ticks."""
        return "day" if self.clock is None else "moment"

    @property
    def type(self) -> ColumnType:
        return ColumnType.DATE if self.clock is None else ColumnType.TIMESTAMP

    # ── ticks of values ─────────────────────────────────────────────────────────────────────────────────────

    def of(self, node: Node, kind: ColumnType) -> Node:
        """The tick that a time (UTC, or a date) falls in."""
        if self.clock is None:
            return local_day(node, kind, self.calendar)
        moment = nodes.cast(local_time(node, kind, self.calendar), ColumnType.TIMESTAMP)
        return nodes.TruncTime(this=moment, unit=nodes.text(self.clock))

    def day(self, tick: Node) -> Node:
        """The day of a tick."""
        return tick if self.clock is None else nodes.cast(tick, ColumnType.DATE)

    def start_of(self, tick: Day, grain: str) -> Node:
        """The first tick of the period that a tick is in."""
        if self.clock is None:
            return period_start_of(tick, grain, self.calendar)
        if Grain(grain).is_clock:
            return nodes.TruncTime(this=tick(), unit=nodes.text(grain))
        start = period_start_of(lambda: self.day(tick()), grain, self.calendar)
        return nodes.cast(start, ColumnType.TIMESTAMP)

    def begin(self, day: date) -> Node:
        """The first tick of a day."""
        return nodes.date_literal(day) if self.clock is None else nodes.timestamp_literal(f"{day} 00:00:00")

    def end(self, day: date) -> Node:
        """The last tick of a day."""
        if self.clock is None:
            return nodes.date_literal(day)
        return nodes.timestamp_literal(f"{day} {_LAST[self.clock]}")

    # ── arithmetic ──────────────────────────────────────────────────────────────────────────────────────────

    def add(self, tick: Node, span: Span, sign: int = 1) -> Node:
        """A tick moved by a span; month ends are clamped."""
        return add_span(tick, span, sign) if self.clock is None else add_to_moment(tick, span, sign)

    def window_expiry(self, tick: Day, window: Span) -> Node:
        """First tick ``t`` at which a row of ``tick`` is out of ``(t − window, t]``."""
        if self.clock is None:
            return window_expiry(tick, window)
        moved = self.add(tick(), window)
        if window.unit not in _MONTHS:
            return moved

        def day_of_month(node: Node) -> Node:
            return nodes.DatePart(this=self.day(node), unit=nodes.text("day"))

        clamped = exp.GT(this=day_of_month(tick()), expression=day_of_month(moved.copy()))
        after = nodes.cast(add_days(self.day(moved.copy()), 1), ColumnType.TIMESTAMP)
        return nodes.case([(clamped, after)], moved)

    def to_date_expiry(self, tick: Day, grain: str) -> Node:
        """First tick of the next period of ``grain``."""
        if self.clock is None:
            return to_date_expiry(tick, grain, self.calendar)
        if Grain(grain).is_clock:
            return self.add(self.start_of(tick, grain), Span(1, Grain(grain)))
        expiry = to_date_expiry(lambda: self.day(tick()), grain, self.calendar)
        return nodes.cast(expiry, ColumnType.TIMESTAMP)

    # ── the spine ───────────────────────────────────────────────────────────────────────────────────────────

    def spine(self, first: Node, last: Node) -> exp.Select:
        """Every tick of an inclusive range: column ``day``, and ``moment`` where steps are finer."""
        if self.clock is None:
            series: Node = nodes.DaySeries(start=first, end=last, alias=nodes.text("days"))
            return nodes.select([nodes.aliased(nodes.column("day", "days"), "day")], series)
        series = nodes.TickSeries(
            start=first, end=last, unit=nodes.text(self.clock), alias=nodes.text("ticks")
        )
        moment = nodes.column("moment", "ticks")
        day = nodes.cast(moment.copy(), ColumnType.DATE)
        columns = [nodes.aliased(moment, "moment"), nodes.aliased(day, "day")]
        return nodes.select(columns, series, where=self._exists(moment))

    def _exists(self, moment: Node) -> Node | None:
        """Whether clocks show any of a tick: hours that are skipped when they go forward are no periods."""
        zone = self.calendar.time_zone
        if zone == "UTC" or self.clock is None:
            return None

        def shown(instant: Node) -> Node:
            utc = nodes.UtcTime(this=instant.copy(), zone=nodes.text(zone))
            return nodes.equals(nodes.LocalTime(this=utc, zone=nodes.text(zone)), instant)

        last = nodes.AddSeconds(this=moment.copy(), seconds=nodes.number(_SECONDS[self.clock] - 1))
        return exp.Or(this=shown(moment.copy()), expression=shown(last))


def add_to_moment(moment: Node, span: Span, sign: int = 1) -> Node:
    """A TIMESTAMP moved by a span."""
    if span.unit in _MONTHS:
        months = nodes.number(sign * span.count * _MONTHS[span.unit])
        return nodes.AddMonths(this=moment, months=months, instant=exp.true())
    return nodes.AddSeconds(this=moment, seconds=nodes.number(sign * round(span.days * 86_400)))
