"""What names mean where an expression stands: columns and dimensions of a source, over its joins, inputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from definitions.compiler import nodes
from definitions.compiler.calendar_sql import local_day, local_time, period_start_of, uses_pattern
from definitions.compiler.expressions import translate
from definitions.compiler.typed import Typed
from definitions.model import (
    Calendar,
    ColumnType,
    Grain,
    Source,
)

if TYPE_CHECKING:
    from definitions.compiler.resolve import Resolver

_STAGE_WORDS = """
came_back day days_after event from_day grain moment period_start read_day role segment_dimension segment_value
until_day
"""
_STAGE_COLUMNS = frozenset(_STAGE_WORDS.split())
"""Columns that stages make themselves: a source's column of such a name is called ``<name>_column`` inside a scan."""


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """A column that a scan has to read: of the source itself (``path`` empty) or over joins."""

    path: tuple[str, ...]
    column: str

    @property
    def alias(self) -> str:
        """Name of the column inside a scan: ``accounts_tier`` for ``accounts.tier``."""
        name = "_".join((*self.path, self.column))
        return f"{name}_column" if name in _STAGE_COLUMNS else name


@dataclass(frozen=True, slots=True, order=True)
class MetricNeed:
    """A metric per entity that a filter compares with; ``alias`` is the column that holds it."""

    metric: str
    by: tuple[str, ...]

    @property
    def alias(self) -> str:
        return f"{self.metric}_by_{'_'.join(self.by)}"


@dataclass(slots=True)
class SourceScope:
    """Names that an expression over one source may use: its columns and dimensions, and those over its joins.

    With ``calendar`` times can be cut in it; ``local`` is the one whose days count where days meet instants.
    """

    resolver: Resolver
    source: Source
    aggregates: bool = False
    grouped: frozenset[str] = frozenset()
    calendar: Calendar | None = None
    local: Calendar | None = None
    needs: set[Need] = field(default_factory=set)
    metrics: set[MetricNeed] = field(default_factory=set)

    def column(self, parts: tuple[str, ...]) -> Typed | None:
        found = self._find(self.source, parts, ())
        if found is None and len(parts) == 1 and "__" in parts[0]:
            parts = tuple(parts[0].split("__"))
            found = self._find(self.source, parts, ())
        if found is None and self.calendar is not None and len(parts) > 1:
            whole = self._find(self.source, parts[:-1], ())
            if whole is not None and whole.type is not None and whole.type.is_time:
                return cut(whole, parts[-1], self.calendar)
        return found

    def _find(self, source: Source, parts: tuple[str, ...], path: tuple[str, ...]) -> Typed | None:
        name = parts[0]
        if len(parts) > 1:
            join = source.joins.get(name)
            if join is None:
                return self._find(source, parts[1:], path) if name == source.name and not path else None
            return self._find(self.resolver.catalogue.sources[join.to], parts[1:], (*path, name))
        dimension = source.dimensions.get(name)
        if dimension is not None and dimension.via is not None:
            return self._find(source, (*dimension.via.split("."), *dimension.expr.text.split(".")), path)
        if dimension is not None and dimension.expr.text != name:
            inner = _Prefixed(self, source, path)
            typed = translate(dimension.expr.text, inner)
            return Typed(nodes.paren(typed.node), typed.type)
        column = source.columns.get(name)
        if column is None:
            return None
        need = Need(path, name)
        self.needs.add(need)
        return Typed(nodes.column(need.alias), column.type, column)

    def names(self) -> Iterable[str]:
        yield from self.source.columns
        yield from self.source.dimensions
        for join in self.source.joins.values():
            target = self.resolver.catalogue.sources.get(join.to)
            if target is not None:
                yield from (f"{join.name}.{name}" for name in (*target.columns, *target.dimensions))

    def metric(self, name: str, by: tuple[str, ...]) -> Typed | None:
        metric = self.resolver.catalogue.metrics.get(name)
        if metric is None or not by or self.aggregates:
            return None
        for column in by:
            if self.column((column,)) is None:
                return None
        need = MetricNeed(name, by)
        self.metrics.add(need)
        return Typed(nodes.column(need.alias), ColumnType.DOUBLE)


@dataclass(slots=True)
class _Prefixed:
    """The scope of a dimension's own expression, seen from a source that reaches it over joins."""

    outer: SourceScope
    source: Source
    path: tuple[str, ...]
    aggregates: bool = False

    @property
    def local(self) -> Calendar | None:
        return self.outer.local

    def column(self, parts: tuple[str, ...]) -> Typed | None:
        return self.outer._find(self.source, parts, self.path)

    def names(self) -> Iterable[str]:
        return self.source.columns

    def metric(self, name: str, by: tuple[str, ...]) -> Typed | None:
        return None


@dataclass(frozen=True, slots=True)
class InputScope:
    """Names that a derived metric's expression may use: the aliases of its inputs."""

    aliases: frozenset[str]
    valid: tuple[str, ...]
    aggregates: bool = False

    def column(self, parts: tuple[str, ...]) -> Typed | None:
        if len(parts) != 1 or parts[0] not in self.aliases:
            return None
        return Typed(nodes.column(parts[0]), ColumnType.DOUBLE)

    def names(self) -> Iterable[str]:
        return self.valid

    def metric(self, name: str, by: tuple[str, ...]) -> Typed | None:
        return None


PARTS = ("year", "quarter", "month", "week", "day", "dow", "doy", "hour", "minute")
"""Parts of a time that can be asked for (``extract_month``; ``dow`` and ``doy`` also by themselves)."""


def part_of(name: str) -> str | None:
    """The part that a name asks for; None where it asks for none, or for a grain (``month``)."""
    bare = name.removeprefix("extract_")
    if bare in PARTS and (bare != name or bare not in set(Grain)):
        return bare
    return None


def cut(whole: Typed, to: str, calendar: Calendar) -> Typed | None:
    """A time cut to the start of its period (its second, minute or hour) in a calendar, or one part of it.

    None where ``to`` is neither a grain nor a part, or is one of weeks that only a table of fiscal months knows.
    """
    kind = whole.type or ColumnType.DATE
    part = part_of(to)
    if part in ("hour", "minute") or (part is None and to in set(Grain) and Grain(to).is_clock):
        moment = nodes.cast(local_time(whole.node.copy(), kind, calendar), ColumnType.TIMESTAMP)
        if part is not None:
            return Typed(nodes.DatePart(this=moment, unit=nodes.text(part)), ColumnType.INTEGER)
        return Typed(nodes.TruncTime(this=moment, unit=nodes.text(to)), ColumnType.TIMESTAMP)
    if part is not None:
        day = local_day(whole.node.copy(), kind, calendar)
        return Typed(nodes.DatePart(this=day, unit=nodes.text(part)), ColumnType.INTEGER)
    if to not in set(Grain) or uses_pattern(calendar, to):
        return None
    start = period_start_of(lambda: local_day(whole.node.copy(), kind, calendar), to, calendar)
    return Typed(start, ColumnType.DATE)
