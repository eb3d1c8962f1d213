"""The organisation: calendars, teams, people and the channels that reach them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from .basics import NOWHERE, Location


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day that is no business day."""

    date: date
    name: str


@dataclass(frozen=True, slots=True)
class DeclaredEvent:
    """A known event over inclusive days (campaign, outage, migration) that explains a change in metrics.

    ``metrics`` empty means all. ``expected``: the range leaves the history the detector learns from.
    """

    name: str
    start: date
    end: date
    kind: str = "event"
    metrics: tuple[str, ...] = ()
    expected: bool = True


@dataclass(frozen=True, slots=True)
class Calendar:
    """How days become weeks, months, quarters and years for the metrics that name it.

    ``week_start`` is an ISO weekday (1 = Monday). ``fiscal_year_start`` is a month (1 to 12); a fiscal year
    is named by the calendar year it ends in. ``week_pattern`` is () for calendar months, or the weeks per
    month of each quarter (``(4, 4, 5)``); then the year starts on the ``week_start`` day nearest to the
    first of ``fiscal_year_start``, and the 53rd week of a long year joins the last month.
    """

    name: str
    time_zone: str = "UTC"
    week_start: int = 1
    fiscal_year_start: int = 1
    week_pattern: tuple[int, ...] = ()
    weekend: tuple[int, ...] = (6, 7)
    holidays: tuple[Holiday, ...] = ()
    events: tuple[DeclaredEvent, ...] = ()
    location: Location = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages go. ``url`` is a reference (``env:NAME`` or ``file:PATH``) to an Apprise URL, or a
    plain one that holds no secret; ``severities`` empty means all."""

    name: str
    url: str = field(repr=False)
    severities: tuple[str, ...] = ()
    location: Location = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """A person (or a role that one person fills), by key. ``handle`` is who they are on the code host (``@ana``)."""

    key: str
    name: str
    email: str
    team: str | None = None
    active: bool = True
    channels: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    handle: str | None = None
    location: Location = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Team:
    """A team. ``level``: company, department, team, individual. ``function`` is the business function it
    covers. ``kpis`` are the metrics it steers by; empty means all that it owns. ``handle`` is its name on the code
    host (``@acme/support``)."""

    key: str
    name: str
    lead: str
    parent: str | None = None
    level: str = "team"
    function: str | None = None
    kpi_limit: int = 7
    channels: tuple[str, ...] = ()
    kpis: tuple[str, ...] = ()
    silences: tuple[tuple[str, str], ...] = ()
    handle: str | None = None
    location: Location = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Organisation:
    """Teams, people and channels by key."""

    teams: Mapping[str, Team]
    people: Mapping[str, Person]
    channels: Mapping[str, Channel]
