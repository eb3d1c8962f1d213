"""Dimensions without metrics: which values they have together, and which source to read them from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from definitions.compiler import nodes
from definitions.compiler.layout import Query, dim_alias, grouped
from definitions.compiler.plan import Planner
from definitions.compiler.resolve import Resolver
from definitions.compiler.rows import Cte, RowSource, Scan
from definitions.errors import CompileError, Problem, QueryError, listing, nearest
from definitions.model import Calendar, ColumnType, Expression, Location, Source

VALUES = "dimension_values"
"""The step that holds the values."""


def dimension_values(planner: Planner, layout: Query, where: Sequence[Expression]) -> tuple[list[Cte], Scan]:
    """Steps that end in `VALUES`: one row per combination of the layout's dimensions, and the read they cost.

    Where no time is asked for, partners that no row has are kept: the values are those of all the tables.
    """
    resolver, calendar = planner.resolver, layout.calendar
    home = planner.source(home_of(resolver, calendar, layout.dims, where).name)
    rows = RowSource(planner.context, home)
    table, joins = rows.from_clause(rows.expressions(), keep_all=not layout.times)
    columns: list[nodes.Node] = []
    for name in layout.dims:
        resolved = replace(resolver.dimension(home, name, calendar=calendar), nullable=True)
        columns.append(nodes.aliased(rows.qualified(grouped(resolved), resolved.needs), dim_alias(name)))
    query = nodes.select(columns, table, joins=joins, where=rows.condition(), distinct=True)
    scan = Scan(home.name, home.table or home.name, "distinct values", ())
    return [*planner.ctes(), Cte(VALUES, query)], scan


def home_of(
    resolver: Resolver, calendar: Calendar, dims: Sequence[str], where: Sequence[Expression]
) -> Source:
    """The source that dimensions are read from when no metric says it: the one that has most of them as its own.

    Raises QueryError where no source has them all.
    """
    sources = resolver.catalogue.sources.values()
    fit = [
        source
        for source in sources
        if all(resolver.has_dimension(source, name, calendar) for name in dims)
        and _fits(resolver, source, where, calendar)
    ]
    if not fit:
        raise QueryError([_nowhere(resolver, calendar, dims)])

    def distance(source: Source) -> tuple[int, str]:
        found = (resolver.dimension(source, name, calendar=calendar) for name in dims)
        return sum(len(need.path) for resolved in found for need in resolved.needs), source.name

    return min(fit, key=distance)


def _fits(resolver: Resolver, source: Source, where: Sequence[Expression], calendar: Calendar) -> bool:
    """Whether the conditions can be said over this source."""
    try:
        for item in where:
            resolver.expression(source, item, want=ColumnType.BOOLEAN, calendar=calendar)
    except CompileError:
        return False
    return True


def _nowhere(resolver: Resolver, calendar: Calendar, dims: Sequence[str]) -> Problem:
    sources = resolver.catalogue.sources.values()
    known = sorted({name for source in sources for name in source.dimensions})
    unknown = [
        name for name in dims if not any(resolver.has_dimension(source, name, calendar) for source in sources)
    ]
    name = unknown[0] if unknown else ", ".join(dims)
    message = f"no source has the dimension {name!r}" if unknown else f"no source has all of: {name}"
    place = Location("by", list(dims).index(unknown[0]) + 1 if unknown else 1, 1)
    hint = f"Dimensions: {listing(known)}."
    return Problem("UNKNOWN_DIMENSION", message, place, name, ("by", name), nearest(name, known), hint)
