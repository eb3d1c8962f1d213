"""The catalogue: everything a folder of definitions says, checked and cross-referenced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from definitions.settings import Settings

from .goals import Cycle, KeyResult, Objective, Segment, Target
from .metrics import Metric
from .organisation import Calendar, Channel, Organisation, Person, Team
from .sources import Source


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One state of the dictionary. All mappings are by name and in sorted order.

    ``catalogue.metrics["csat"]``, ``catalogue.targets_of("csat")``, ``catalogue.key_results()``.
    """

    root: Path
    sources: Mapping[str, Source]
    metrics: Mapping[str, Metric]
    calendars: Mapping[str, Calendar]
    organisation: Organisation
    targets: tuple[Target, ...] = ()
    cycles: tuple[Cycle, ...] = ()
    settings: Settings = field(default_factory=Settings)

    @property
    def teams(self) -> Mapping[str, Team]:
        return self.organisation.teams

    @property
    def people(self) -> Mapping[str, Person]:
        return self.organisation.people

    @property
    def channels(self) -> Mapping[str, Channel]:
        return self.organisation.channels

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """Objectives of all cycles, in order of cycle and file."""
        return tuple(objective for cycle in self.cycles for objective in cycle.objectives)

    def key_results(self) -> tuple[tuple[Cycle, Objective, KeyResult], ...]:
        """Every key result with the objective and cycle it belongs to."""
        return tuple(
            (cycle, objective, key_result)
            for cycle in self.cycles
            for objective in cycle.objectives
            for key_result in objective.key_results
        )

    def targets_of(self, metric: str, segment: Segment = ()) -> tuple[Target, ...]:
        """Targets of one metric and segment, by period."""
        return tuple(t for t in self.targets if t.metric == metric and t.segment == segment)

    def calendar_of(self, metric: str) -> Calendar:
        """The calendar a metric is reported in."""
        return self.calendars[self.metrics[metric].calendar]

    def accountable_for(self, metric: str) -> Person:
        """The person who answers for a metric."""
        return self.people[self.metrics[metric].owner.accountable]
