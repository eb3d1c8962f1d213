"""Choosing: which metrics and sources a company of a pack has, who owns them, and how they are linked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from definitions.compiler.resolve import Resolver
from definitions.model import Catalogue, Drivers, Guardrail, Measure, Metric, Owner, Source
from definitions.packs.pack import Pack, library
from definitions.references import operands
from definitions.schema.packs import PackChange
from definitions.versions import inputs_of

COMPANY = "company"
CHIEF = "chief_executive"
UNIT_SHIPPED = "USD"
"""The currency that shipped definitions are written in."""


@dataclass(frozen=True, slots=True)
class ChosenTeam:
    """A team of the company. ``kpis`` empty: it steers by what it owns."""

    name: str
    label: str
    lead: str
    email: str
    function: str | None = None
    kpis: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """What a company begins with: its metrics, the sources below them, its teams (the company first)."""

    metrics: Mapping[str, Metric]
    sources: Mapping[str, Source]
    teams: tuple[ChosenTeam, ...]

    @property
    def tables(self) -> tuple[str, ...]:
        """The neutral tables that are read, sorted."""
        return tuple(sorted({source.table for source in self.sources.values() if source.table}))


def choose(
    pack: Pack,
    teams: Sequence[ChosenTeam],
    *,
    currency: str = UNIT_SHIPPED,
    needs: Mapping[str, Sequence[str]] | None = None,
) -> Choice:
    """The pack's metrics with everything they are computed from, owned by these teams.

    ``needs`` names the tables that staging folds a table from. A metric of a team that the company does not have is
    owned by the team that the pack names for it, else by the company.
    """
    books = library(pack.model)
    wanted = [*pack.company, *pack.also, *(name for team in teams for name in team.kpis)]
    wanted += [result.metric for result in pack.objective.key_results]
    changes = {change.metric: change for change in pack.change}
    names = _with_inputs(books, changes, wanted)
    keys = {team.name for team in teams}
    leads = {team.name: team.lead for team in teams}
    metrics = {}
    for name in sorted(names):
        metric = _changed(books.metrics[name], changes.get(name))
        team = _owner(pack, metric.owner.team, keys)
        metrics[name] = replace(
            metric,
            level="north_star" if name == pack.north_star else _below_the_star(metric.level),
            owner=Owner(team, leads[team]),
            status="review",
            version=1,
            changes=(),
            reviewed_on=None,
            unit=currency if metric.unit == UNIT_SHIPPED else metric.unit,
            currency=currency if metric.currency == UNIT_SHIPPED else metric.currency,
            drives=tuple(drive for drive in metric.drives if drive.metric in names),
            guardrails=tuple(guard for guard in metric.guardrails if guard.metric in names),
        )
    sources = {}
    for name in sorted(_sources_below(books, metrics.values(), needs or {})):
        source = books.sources[name]
        columns = {
            column.name: replace(column, unit=currency) if column.unit == UNIT_SHIPPED else column
            for column in source.columns.values()
        }
        sources[name] = replace(source, columns=columns, owner=_owner(pack, source.owner, keys))
    return Choice(metrics, sources, tuple(teams))


def _owner(pack: Pack, team: str, teams: Iterable[str]) -> str:
    for name in (team, pack.owners.get(team, "")):
        if name in teams:
            return name
    return COMPANY


def _below_the_star(level: str) -> str:
    return "supporting" if level == "north_star" else level


def _changed(metric: Metric, change: PackChange | None) -> Metric:
    """The shipped definition as this business model reads it."""
    if change is None:
        return metric
    drivers = None if "drivers" in change.drop else metric.drivers
    if change.drivers is not None:
        drivers = Drivers(change.drivers.operator, change.drivers.inputs)
    guards = tuple(Guardrail(guard.metric, guard.rationale) for guard in change.guardrails)
    return replace(
        metric,
        label=change.label or metric.label,
        definition=change.definition or metric.definition,
        owner=replace(metric.owner, team=change.owner or metric.owner.team),
        level=change.level or metric.level,
        drivers=drivers,
        guardrails=guards or metric.guardrails,
    )


def _with_inputs(books: Catalogue, changes: Mapping[str, PackChange], wanted: Iterable[str]) -> set[str]:
    """These metrics, what they are computed from, the trees below them, and what guards them."""
    resolver = Resolver(books)
    found: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        metric = _changed(books.metrics[name], changes.get(name))
        waiting += inputs_of(resolver, name)
        waiting += metric.drivers.inputs if metric.drivers else ()
        waiting += [guard.metric for guard in metric.guardrails]
    return found


def _sources_below(
    books: Catalogue, metrics: Iterable[Metric], needs: Mapping[str, Sequence[str]]
) -> set[str]:
    """The sources that metrics read, join and are folded from."""
    by_table = {source.table: source.name for source in books.sources.values() if source.table}
    found: set[str] = set()
    waiting = [part.source for metric in metrics for _, part in operands(metric) if isinstance(part, Measure)]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting += _beside(books.sources[name], by_table, needs)
    return found


def _beside(source: Source, by_table: Mapping[str, str], needs: Mapping[str, Sequence[str]]) -> Iterator[str]:
    yield from (join.to for join in source.joins.values())
    fold = source.derived or source.movements
    if fold is not None:
        yield fold.source
    if source.history is not None:
        yield source.history
    yield from (by_table[table] for table in needs.get(source.table, ()) if table in by_table)
