"""What a lint rule is, and what it says: a code, a place, what was found, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from definitions.model import NOWHERE, Catalogue, Cycle, KeyResult, Location, Metric, Objective, Team
from definitions.settings import LintSettings

if TYPE_CHECKING:
    from definitions.compiler.resolve import Resolver
    from definitions.lint.sameness import Plan
    from definitions.lint.statements import Statement


class Severity(StrEnum):
    """How much a finding matters: an error stops the build, the others are published and shown."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule found.

    ``subject_kind`` is metric, objective, key_result, team, target or cycle; ``advice`` is what to do next;
    ``silenced`` is the reason given where somebody silenced the rule in place.
    """

    code: str
    severity: Severity
    subject_kind: str
    subject: str
    message: str
    advice: str
    location: Location = NOWHERE
    silenced: str | None = None

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location.file else ""
        told = f" (silenced: {self.silenced})" if self.silenced else ""
        return f"{where}{self.severity} {self.code}: {self.message}. {self.advice}{told}"

    @property
    def sort_key(self) -> tuple[str, int, int, str, str, str]:
        return (
            self.location.file,
            self.location.line,
            self.location.column,
            self.code,
            self.subject,
            self.message,
        )


@dataclass(frozen=True, slots=True)
class TreeGap:
    """A driver tree node whose inputs left part of its change in a period unexplained (in the metric's unit)."""

    metric: str
    period: str
    unexplained: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What only a running installation knows. ``readers`` None means that nobody counts them.

    ``reviewed_on``: last review of a metric, where one is recorded outside of its definition.
    ``gaps``: driver trees that did not reconcile. ``dropped``: certified metrics whose meaning is another one than
    was certified.
    """

    reviewed_on: Mapping[str, date] = field(default_factory=dict)
    readers: Mapping[str, int] | None = None
    gaps: tuple[TreeGap, ...] = ()
    dropped: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Subject:
    """What every rule looks at: one state of the dictionary on one day, and what was observed of it."""

    catalogue: Catalogue
    today: date
    facts: Facts

    @property
    def settings(self) -> LintSettings:
        return self.catalogue.settings.lint

    @cached_property
    def active(self) -> tuple[Metric, ...]:
        """Metrics in use: past draft and not deprecated."""
        return tuple(m for m in self.catalogue.metrics.values() if m.status in ("review", "certified"))

    @cached_property
    def company(self) -> Team | None:
        """The team that stands for the whole company: the one of that level, else the only one above all others."""
        teams = self.catalogue.teams.values()
        named = next((team for team in teams if team.level == "company"), None)
        above = [team for team in teams if team.parent is None]
        return named or (above[0] if len(above) == 1 and len(self.catalogue.teams) > 1 else None)

    @cached_property
    def kpis(self) -> Mapping[str, tuple[Metric, ...]]:
        """KPIs of each team: those it lists, else the metrics it owns; of the company, else all above operational."""
        return {key: tuple(self._kpis(team)) for key, team in self.catalogue.teams.items()}

    def _kpis(self, team: Team) -> Iterator[Metric]:
        if team.kpis:
            yield from (self.catalogue.metrics[k] for k in team.kpis if k in self.catalogue.metrics)
        elif team is self.company:
            yield from (metric for metric in self.active if metric.level != "operational")
        else:
            yield from (metric for metric in self.active if metric.owner.team == team.key)

    @cached_property
    def chosen(self) -> Mapping[str, Metric]:
        """KPIs by choice: those that teams list and the north star; where no team lists any, all above operational."""
        listed = {name for team in self.catalogue.teams.values() for name in team.kpis}
        levels = ("north_star",) if listed else ("north_star", "supporting")
        return {m.name: m for m in self.active if m.level in levels or m.name in listed}

    @cached_property
    def key_results(self) -> tuple[tuple[Cycle, Objective, KeyResult], ...]:
        """Key results still worked on: of open cycles and active objectives, not cancelled."""
        return tuple(
            (cycle, objective, key_result)
            for cycle, objective, key_result in self.catalogue.key_results()
            if cycle.state != "closed"
            and objective.lifecycle in ("draft", "active")
            and key_result.status == "active"
        )

    @cached_property
    def objectives(self) -> tuple[tuple[Cycle, Objective], ...]:
        """Objectives still worked on, with their cycle."""
        return tuple(
            (cycle, objective)
            for cycle in self.catalogue.cycles
            if cycle.state != "closed"
            for objective in cycle.objectives
            if objective.lifecycle in ("draft", "active")
        )

    @cached_property
    def statements(self) -> Mapping[str, Statement | None]:
        """What each key result's statement says, by the key result's key."""
        from definitions.lint.statements import parse_statement

        calendar = self.catalogue.calendars["company"]
        return {
            key_result.key: parse_statement(key_result.statement, calendar)
            for _, _, key_result in self.key_results
        }

    @cached_property
    def resolver(self) -> Resolver:
        """Names and types of the dictionary's expressions, resolved once for all rules."""
        from definitions.compiler.resolve import Resolver

        return Resolver(self.catalogue)

    @cached_property
    def plans(self) -> tuple[Plan, ...]:
        """What each metric that is not deprecated computes."""
        from definitions.lint.sameness import plans_of

        return plans_of(self.catalogue, self.resolver)


Found = Iterator[tuple["About", str] | tuple["About", str, Severity]]
"""What a rule yields: what it is about, what was found, and the severity where it is not the rule's own."""


@dataclass(frozen=True, slots=True)
class About:
    """What a finding is about: its kind, its name, its place, and the silences written there."""

    kind: str
    name: str
    location: Location
    silences: tuple[tuple[str, str], ...] = ()


def about(item: Metric | Objective | KeyResult | Team | Cycle) -> About:
    """The subject of a finding, from the thing itself."""
    match item:
        case Metric():
            return About("metric", item.name, item.location, item.silences)
        case Objective():
            return About("objective", item.key, item.location, item.silences)
        case KeyResult():
            return About("key_result", item.key, item.location, item.silences)
        case Team():
            return About("team", item.key, item.location, item.silences)
        case Cycle():
            return About("cycle", item.key, item.location, item.silences)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it is called, why it exists, what to do, and the function that looks.

    ``check`` yields what a finding is about and what was found. ``settings`` names the thresholds it reads.
    Source of the rules: definition lint.
    """

    code: str
    severity: Severity
    title: str
    why: str
    advice: str
    check: Callable[[Subject], Found]
    settings: tuple[str, ...] = ()
