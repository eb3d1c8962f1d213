"""The time columns of a query, over the day (or the moment) of a stage."""

from __future__ import annotations

from definitions.compiler import nodes
from definitions.compiler.calendar_sql import period_start_of
from definitions.compiler.layout import Query
from definitions.compiler.nodes import Node
from definitions.model import Calendar, Grain


def query_times(layout: Query, calendar: Calendar) -> list[tuple[str, Node]]:
    """(name, value) of a query's time columns, over a stage's ``day`` (and ``moment``)."""
    found: list[tuple[str, Node]] = []
    for key in layout.times:
        node: Node
        if key.part is not None:
            by_clock = Grain(key.grain).is_clock
            node = nodes.DatePart(
                this=nodes.column("moment" if by_clock else "day"), unit=nodes.text(key.part)
            )
        elif key.grain in (Grain.SECOND, Grain.MINUTE, Grain.HOUR):
            node = nodes.TruncTime(this=nodes.column("moment"), unit=nodes.text(key.grain))
        else:
            node = period_start_of(lambda: nodes.column("day"), key.grain, calendar)
        found.append((key.name, node))
    return found
