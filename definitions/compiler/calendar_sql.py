"""Calendar arithmetic as SQL: the day of a row, the period of a day, the day a window expires.

The same meanings as `definitions.calendars`, over columns instead of values. Under a week pattern
(4-4-5) the months are listed in a CTE (`FISCAL_MONTHS`) that stages join by day, because no engine can
compute them shortly.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import pairwise

from sqlglot import exp

from definitions.calendars import period_start
from definitions.compiler import nodes
from definitions.compiler.nodes import Node
from definitions.model import Calendar, ColumnType, Grain, Span, trailing_days

FISCAL_MONTHS = "fiscal_months"
_PATTERN_YEARS = (1990, 2060)
Day = Callable[[], Node]
"""Builds a fresh reference to a day, so that a tree never shares nodes."""


def local_time(node: Node, kind: ColumnType, calendar: Calendar) -> Node:
    """Wall-clock time in the calendar's zone; dates are local already."""
    if kind is ColumnType.DATE or calendar.time_zone == "UTC":
        return node
    return nodes.LocalTime(this=node, zone=nodes.text(calendar.time_zone))


def local_day(node: Node, kind: ColumnType, calendar: Calendar) -> Node:
    """The day of a row in the calendar's zone."""
    if kind is ColumnType.DATE:
        return node
    return nodes.cast(local_time(node, kind, calendar), ColumnType.DATE)


def add_days(node: Node, days: int) -> Node:
    return node if days == 0 else nodes.AddDays(this=node, days=nodes.number(days))


def add_months(node: Node, months: int) -> Node:
    return node if months == 0 else nodes.AddMonths(this=node, months=nodes.number(months))


def trunc(node: Node, unit: str) -> Node:
    return nodes.TruncDay(this=node, unit=nodes.text(unit))


def add_span(node: Node, span: Span, sign: int = 1) -> Node:
    """A day moved by a span of whole days, weeks, months, quarters or years."""
    count = sign * span.count
    match span.unit:
        case Grain.DAY:
            return add_days(node, count)
        case Grain.WEEK:
            return add_days(node, 7 * count)
        case Grain.MONTH:
            return add_months(node, count)
        case Grain.QUARTER:
            return add_months(node, 3 * count)
        case Grain.YEAR:
            return add_months(node, 12 * count)
    raise ValueError(f"{span} is not a number of whole days")


def period_start_of(day: Day, grain: str, calendar: Calendar) -> Node:
    """First day of the period of ``grain`` that a day is in. Under a week pattern, months and longer
    come from the
    joined `FISCAL_MONTHS` (columns ``fiscal_month``, ``fiscal_quarter``, ``fiscal_year``)."""
    if grain == Grain.WEEK:
        back = (calendar.week_start - 1 + 3) % 7 - 3
        return add_days(trunc(add_days(day(), -back), "week"), back)
    if uses_pattern(calendar, grain):
        return nodes.column(f"fiscal_{grain}")
    if grain == Grain.MONTH:
        return trunc(day(), "month")
    if grain in (Grain.QUARTER, Grain.YEAR):
        back = (calendar.fiscal_year_start - 1) % (3 if grain == Grain.QUARTER else 12)
        if back == 0:
            return trunc(day(), grain)
        return add_months(trunc(add_months(trunc(day(), "month"), -back), grain), back)
    return day()


def last_day_of(start: Day, grain: Day, grains: tuple[str, ...], calendar: Calendar) -> Node:
    """The inclusive last day of a period, by its grain and first day."""
    pairs: list[tuple[Node, Node]] = []
    for name in grains:
        days = trailing_days(name)
        if days is not None:
            last: Node = add_days(start(), days - 1)
        elif uses_pattern(calendar, name):
            last = nodes.column(f"fiscal_{name}_end")
        else:
            last = _last_day(start, name)
        pairs.append((nodes.equals(grain(), nodes.text(name)), last))
    return pairs[0][1] if len(pairs) == 1 else nodes.case(pairs)


def _last_day(start: Day, grain: str) -> Node:
    match grain:
        case Grain.WEEK:
            return add_days(start(), 6)
        case Grain.MONTH:
            return add_days(add_months(start(), 1), -1)
        case Grain.QUARTER:
            return add_days(add_months(start(), 3), -1)
        case Grain.YEAR:
            return add_days(add_months(start(), 12), -1)
    return start()


def uses_pattern(calendar: Calendar, grain: str) -> bool:
    """Whether periods of this grain follow a week pattern."""
    return bool(calendar.week_pattern) and grain in (Grain.MONTH, Grain.QUARTER, Grain.YEAR)


def window_expiry(day: Day, window: Span) -> Node:
    """First day ``t`` on which a row of ``day`` is out of the window ``(t − window, t]``.

    Where adding months clamps a month's end, the row stays one day longer: it is out only when ``t −
    window`` has
    reached its day.
    """
    if window.unit in (Grain.DAY, Grain.WEEK):
        return add_span(day(), window)
    moved = add_span(day(), window)
    clamped = exp.GT(this=_day_of_month(day()), expression=_day_of_month(moved.copy()))
    return nodes.case([(clamped, add_days(moved.copy(), 1))], moved)


def _day_of_month(node: Node) -> Node:
    return nodes.DatePart(this=node, unit=nodes.text("day"))


def to_date_expiry(day: Day, grain: str, calendar: Calendar) -> Node:
    """First day of the next period of ``grain``: when a row leaves a grain-to-date total."""
    if uses_pattern(calendar, grain):
        return add_days(nodes.column(f"fiscal_{grain}_end"), 1)
    months = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.YEAR: 12}
    start = period_start_of(day, grain, calendar)
    if grain in months:
        return add_months(start, months[Grain(grain)])
    return add_days(start, 7 if grain == Grain.WEEK else 1)


def fiscal_months(calendar: Calendar) -> exp.Select:
    """The months of a week-pattern calendar with their quarter and year, first and last days: the years are listed,
    the pattern says the rest."""
    first, last = _PATTERN_YEARS
    middle = (calendar.fiscal_year_start + 5) % 12 + 1  # far from where years begin, so that each is met once
    starts = [period_start(calendar, Grain.YEAR, date(year, middle, 1)) for year in range(first, last + 2)]
    years = nodes.values(
        [
            exp.Tuple(expressions=[nodes.date_literal(here), nodes.date_literal(following)])
            for here, following in pairwise(starts)
        ],
        "years",
        ["year_start", "next_year"],
    )
    quarter = sum(calendar.week_pattern)
    rows: list[exp.Tuple] = []
    for month in range(12):
        begin = month // 3 * quarter + sum(calendar.week_pattern[: month % 3])
        end = begin + calendar.week_pattern[month % 3]
        weeks = [begin, end, month // 3 * quarter, (month // 3 + 1) * quarter]
        rows.append(exp.Tuple(expressions=[nodes.number(7 * week) for week in weeks]))
    months = nodes.values(rows, "months", ["month_from", "month_until", "quarter_from", "quarter_until"])
    year_end = add_days(nodes.column("next_year", "years"), -1)

    def at(offset: str) -> Node:
        return nodes.AddDays(this=nodes.column("year_start", "years"), days=nodes.column(offset, "months"))

    def until(offset: str) -> Node:
        """The day before an offset; the last month and quarter take the 53rd week."""
        is_last = nodes.equals(nodes.column(offset, "months"), nodes.number(7 * 4 * quarter))
        return nodes.case([(is_last, year_end.copy())], add_days(at(offset), -1))

    columns = [
        nodes.aliased(at("month_from"), "fiscal_month"),
        nodes.aliased(until("month_until"), "fiscal_month_end"),
        nodes.aliased(at("quarter_from"), "fiscal_quarter"),
        nodes.aliased(until("quarter_until"), "fiscal_quarter_end"),
        nodes.aliased(nodes.column("year_start", "years"), "fiscal_year"),
        nodes.aliased(year_end, "fiscal_year_end"),
    ]
    return nodes.select(columns, years, joins=[nodes.join(months, None, "CROSS")])


def fiscal_join(day: Node) -> exp.Join:
    """Joins the fiscal month that a day is in."""
    within = exp.Between(
        this=day,
        low=nodes.column("fiscal_month", FISCAL_MONTHS),
        high=nodes.column("fiscal_month_end", FISCAL_MONTHS),
    )
    return nodes.join(nodes.table(FISCAL_MONTHS), within)
