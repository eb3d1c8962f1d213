"""The whole dictionary as rows, and what the linter says about it."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.publishing.records.goals import (
    CycleRow,
    KeyResultRow,
    ObjectiveRow,
)
from pipelines.publishing.records.metrics import (
    BenchmarkRow,
    EdgeRow,
    GuardrailRow,
    MetricAudienceRow,
    MetricChangeRow,
    MetricRow,
    MetricVersionRow,
    TargetRow,
)
from pipelines.publishing.records.organisation import (
    DateRow,
    PersonRoleRow,
    PersonRow,
    TeamRow,
)


@dataclass(frozen=True, slots=True)
class DictionaryRows:
    """The whole dictionary as rows. What is absent here and not referred to by history is taken out."""

    dates: tuple[DateRow, ...] = ()
    teams: tuple[TeamRow, ...] = ()
    people: tuple[PersonRow, ...] = ()
    metrics: tuple[MetricRow, ...] = ()
    versions: tuple[MetricVersionRow, ...] = ()
    changes: tuple[MetricChangeRow, ...] = ()
    audiences: tuple[MetricAudienceRow, ...] = ()
    roles: tuple[PersonRoleRow, ...] = ()
    edges: tuple[EdgeRow, ...] = ()
    guardrails: tuple[GuardrailRow, ...] = ()
    benchmarks: tuple[BenchmarkRow, ...] = ()
    targets: tuple[TargetRow, ...] = ()
    cycles: tuple[CycleRow, ...] = ()
    objectives: tuple[ObjectiveRow, ...] = ()
    key_results: tuple[KeyResultRow, ...] = ()


@dataclass(frozen=True, slots=True)
class FindingRow:
    """What the linter says about the dictionary. `severity`: error, warning, note. Source: lint rules."""

    rule_id: str
    severity: str
    subject_kind: str
    subject_id: str
    message: str
    advice: str
    definition_file: str | None = None
    definition_line: int | None = None
    is_silenced: bool = False
    silence_reason: str | None = None
