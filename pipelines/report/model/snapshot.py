"""One publication, whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from .goals import CheckIn, CheckInDue, Objective, Signal, SuggestedGoal
from .meaning import Change, Contribution, Definition, Finding, Focus, Influence, TreeRow
from .trust import Alert, Anomaly, Blocked, Check, Health, Restatement
from .values import Annotation, Kpi, Point, Segment, SeriesKey


@dataclass(frozen=True, slots=True)
class Publication:
    """The publication that everything here belongs to."""

    batch_id: int
    publication_id: str
    data_through: date
    published_at: datetime
    code_version: str


@dataclass(frozen=True, slots=True)
class Team:
    """A team of the organisation."""

    key: str
    name: str
    parent_key: str | None
    level: str


@dataclass(frozen=True)
class Snapshot:
    """One publication, whole. Mappings are by metric or key result; ``flag_points`` are the series of flags that
    are not the headline series of their metric."""

    publication: Publication | None
    teams: tuple[Team, ...] = ()
    kpis: tuple[Kpi, ...] = ()
    points: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)
    segments: Mapping[str, tuple[Segment, ...]] = field(default_factory=dict)
    definitions: Mapping[str, tuple[Definition, ...]] = field(default_factory=dict)
    tree: tuple[TreeRow, ...] = ()
    contributions: Mapping[str, tuple[Contribution, ...]] = field(default_factory=dict)
    annotations: tuple[Annotation, ...] = ()
    holidays: tuple[tuple[date, str], ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    flag_points: Mapping[SeriesKey, tuple[Point, ...]] = field(default_factory=dict)
    objectives: tuple[Objective, ...] = ()
    check_ins: Mapping[str, tuple[CheckIn, ...]] = field(default_factory=dict)
    check_ins_due: tuple[CheckInDue, ...] = ()
    health: tuple[Health, ...] = ()
    checks: tuple[Check, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    changes: tuple[Change, ...] = ()
    restatements: tuple[Restatement, ...] = ()
    findings: tuple[Finding, ...] = ()
    alerts: tuple[Alert, ...] = ()
    focus: tuple[Focus, ...] = ()
    influences: Mapping[tuple[str, str], Influence] = field(default_factory=dict)
    signals: tuple[Signal, ...] = ()
    suggestions: tuple[SuggestedGoal, ...] = ()
