"""Offsets: how far back a value is read, and where rows are placed so that it reads them.

A period that is a whole number of the offset's months moves as a whole: a month ago, by the month, is last month,
whatever their lengths. In any other period (a month back by the day, the week or thirty days) every day reads the day
that far back: a month's end is read by several days, or by none. Source: dictionary rules, semantics 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.calendar_sql import add_span
from definitions.compiler.nodes import Node
from definitions.compiler.ticks import add_to_moment
from definitions.model import Grain, Span

_MONTHS: dict[str, int] = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.YEAR: 12}
_CLAMPED, _AFTER = "clamped", "days_after"

Add = Callable[[Node, Span, int], Node]
"""Moves a day (or a finer tick) by a span, times 1 or −1."""


def months_of(offsets: Sequence[Span]) -> int:
    """Whole months that the offsets lead back; other spans count nothing."""
    return sum(span.count * _MONTHS.get(span.unit, 0) for span in offsets)


def moves_whole(offsets: Sequence[Span], grain: str) -> bool:
    """Whether the offsets are a whole number of periods of ``grain``, so that these are moved as they are."""
    if all(span.unit in _MONTHS for span in offsets):
        return grain in _MONTHS and months_of(offsets) % _MONTHS[grain] == 0
    if all(span.unit in (Grain.DAY, Grain.WEEK) for span in offsets):
        days = sum(round(span.days) for span in offsets)
        return grain == Grain.DAY or (grain == Grain.WEEK and days % 7 == 0)
    return False


def reads_by_day(offsets: Sequence[Span], grain: str) -> bool:
    """Whether days of a period of ``grain`` are read one by one. Offsets without months lead from day to day, one to
    one, so that it makes no difference to them."""
    return months_of(offsets) > 0 and not moves_whole(offsets, grain)


@dataclass(frozen=True, slots=True)
class Shift:
    """How values are read from earlier: ``offsets``, the innermost first. ``by_day``: every day reads the day that far
    back; else whole periods are moved, and month ends are clamped into theirs."""

    offsets: tuple[Span, ...] = ()
    by_day: bool = False

    @property
    def label(self) -> str:
        """The shift in words: `` + 1 month``, `` + 1 month day by day``."""
        moved = "".join(f" + {span}" for span in self.offsets)
        return f"{moved} day by day" if self.by_day else moved

    @property
    def has_clock(self) -> bool:
        """Whether it is by less than days, so that a row's day alone does not say where it goes."""
        return any(span.unit.is_clock for span in self.offsets)

    @property
    def slack(self) -> int:
        """Days that a day may lie behind what its own moved day says: month ends are up to three days apart."""
        return 3 * sum(span.unit in _MONTHS for span in self.offsets)

    def later(self, day: Node, add: Add = add_span) -> Node:
        """A day moved by the offsets."""
        for span in self.offsets:
            day = add(day, span, 1)
        return day

    def earlier(self, day: Node, add: Add = add_span) -> Node:
        """The day that a day reads."""
        for span in reversed(self.offsets):
            day = add(day, span, -1)
        return day

    # ── rows: one place, or each of the days that lead back ─────────────────────────────────────────────────

    def join(self) -> exp.Join:
        """The days after its moved one on which a row may be placed as well."""
        after = [nodes.number(days) for days in range(self.slack + 1)]
        return nodes.join(nodes.values(after, _CLAMPED, [_AFTER]), None, "CROSS")

    def placed(self, day: Node) -> Node:
        """The day that a row is placed on, beside `join` where rows are placed day by day."""
        moved = self.later(day)
        return nodes.AddDays(this=moved, days=days_after()) if self.by_day else moved

    def placed_moment(self, moment: Node) -> Node:
        """`placed` for a TIMESTAMP."""
        moved = self.later(moment, add_to_moment)
        if not self.by_day:
            return moved
        seconds = exp.Mul(this=days_after(), expression=nodes.number(86_400))
        return nodes.AddSeconds(this=moved, seconds=seconds)

    def leads_back(self, placed: Node, own: Node, add: Add = add_span) -> Node:
        """Whether the day that a row is placed on reads the row's own; rows that move as a whole are placed once."""
        if not self.by_day:
            return nodes.equals(days_after(), nodes.number(0))
        return nodes.equals(self.earlier(placed, add), own)


UNMOVED = Shift()


def days_after() -> Node:
    """The column of `Shift.join`."""
    return nodes.column(_AFTER, _CLAMPED)
