"""Who hears of an alert, over which channel, and why: from the catalogue's teams, people and channels.

An alert goes to the accountable person, and from ``team_told_from`` on to the team's channels as well. A channel
takes the severities it names (none named: all). Where that reaches nobody, the next wider circle is asked: the
team, its parents, then the fallback team; a broken address book never swallows an alert without a word.

Source: alert rules, 'Route by the metric's owner and severity; channels per person, team or severity'.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from definitions.model import Organisation, Person, Team
from definitions.settings import AlertSettings

from .model import Alert, AlertType, Severity

EVERYONE = "everyone"


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """One way to one recipient: ``person:ana`` or ``team:support``, over a channel of the catalogue."""

    recipient: str
    channel: str
    why: str


def routes(alert: Alert, organisation: Organisation, settings: AlertSettings) -> tuple[Route, ...]:
    """All ways an alert is told, at most one per channel and recipient; empty when nobody can be reached."""
    if alert.audience:
        found = _once(
            route for name in alert.audience for route in _audience(name, alert.severity, organisation)
        )
    else:
        found = _once(_owner_and_team(alert, organisation, settings))
    if alert.type is AlertType.CHECK_IN_DUE:
        found = _first_channel(found)
    return found or _once(_wider(alert, organisation, settings))


def escalation_route(
    alert: Alert, step: int, told: frozenset[str], organisation: Organisation
) -> tuple[Route, ...]:
    """Where the ``step``-th escalation (from 1) goes: up the line of leads, past whoever was told before.

    ``told`` holds recipients already reached. When the line ends, its last lead is told again.
    """
    line: list[Person] = []
    for team in _line(alert.team, organisation):
        lead = organisation.people.get(team.lead)
        if lead is not None and lead.active and lead.key != alert.owner and lead not in line:
            line.append(lead)
    fresh = [lead for lead in line if f"person:{lead.key}" not in told]
    for lead in [*fresh, *reversed(line)]:
        why = f"escalation {step}: nobody acknowledged; {lead.name} leads the line above"
        if found := _once(_person(lead, Severity.CRITICAL, why, organisation)):
            return found
    return ()


def _owner_and_team(alert: Alert, organisation: Organisation, settings: AlertSettings) -> Iterator[Route]:
    team = organisation.teams.get(alert.team or "")
    owner = organisation.people.get(alert.owner or "")
    if owner is not None and owner.active:
        yield from _person(owner, alert.severity, f"{owner.name} answers for it", organisation)
    elif team is not None and (lead := organisation.people.get(team.lead)) is not None and lead.active:
        why = f"{lead.name} leads {team.name}, and no active owner is named"
        yield from _person(lead, alert.severity, why, organisation)
    if team is not None and alert.severity.rank >= Severity(settings.team_told_from).rank:
        yield from _team(team, alert.severity, f"{team.name} hears of {alert.severity}s", organisation)


def _wider(alert: Alert, organisation: Organisation, settings: AlertSettings) -> Iterator[Route]:
    """The next wider circle that a severity reaches: team, parents, fallback; the first that answers."""
    circles = [*_line(alert.team, organisation)]
    circles += _fallbacks(organisation, settings)
    for team in circles:
        why = f"nobody nearer takes {alert.severity}s; {team.name} is the next wider circle"
        found = list(_team(team, alert.severity, why, organisation))
        lead = organisation.people.get(team.lead)
        if not found and lead is not None and lead.active:
            found = list(_person(lead, alert.severity, why, organisation))
        if found:
            yield from found
            return


def fallback_routes(
    severity: Severity, organisation: Organisation, settings: AlertSettings
) -> tuple[Route, ...]:
    """Where an alert goes that could not be delivered anywhere else."""
    for team in _fallbacks(organisation, settings):
        if found := _once(_team(team, severity, "could not be delivered elsewhere", organisation)):
            return found
    return ()


def _fallbacks(organisation: Organisation, settings: AlertSettings) -> list[Team]:
    named = organisation.teams.get(settings.fallback_team or "")
    company = [team for team in organisation.teams.values() if team.level == "company"]
    return company if named is None else [named, *company]


def _audience(name: str, severity: Severity, organisation: Organisation) -> Iterator[Route]:
    kind, _, key = name.partition(":")
    if kind == "person" and (person := organisation.people.get(key)) is not None and person.active:
        yield from _person(person, severity, f"{person.name} is addressed", organisation)
    elif kind == "team" and (team := organisation.teams.get(key)) is not None:
        yield from _team(team, severity, f"{team.name} is addressed", organisation)
    elif name == EVERYONE:
        for team in organisation.teams.values():
            if team.level == "company":
                yield from _team(team, severity, f"{team.name} hears of what concerns everyone", organisation)


def _person(person: Person, severity: Severity, why: str, organisation: Organisation) -> Iterator[Route]:
    for channel in _open(person.channels, severity, organisation):
        yield Route(f"person:{person.key}", channel, why)


def _team(team: Team, severity: Severity, why: str, organisation: Organisation) -> Iterator[Route]:
    for channel in _open(team.channels, severity, organisation):
        yield Route(f"team:{team.key}", channel, why)


def _open(channels: tuple[str, ...], severity: Severity, organisation: Organisation) -> Iterator[str]:
    for name in channels:
        channel = organisation.channels.get(name)
        if channel is not None and (not channel.severities or severity.value in channel.severities):
            yield name


def _line(team: str | None, organisation: Organisation) -> Iterator[Team]:
    """A team and its parents, upwards; a loop in the catalogue ends it."""
    seen: set[str] = set()
    while team is not None and team in organisation.teams and team not in seen:
        seen.add(team)
        yield organisation.teams[team]
        team = organisation.teams[team].parent


def _first_channel(found: tuple[Route, ...]) -> tuple[Route, ...]:
    """One message per person a day is one channel. Source: scoring rules, 'Nudges'."""
    first: dict[str, Route] = {}
    for route in found:
        first.setdefault(route.recipient, route)
    return tuple(first.values())


def _once(found: Iterable[Route]) -> tuple[Route, ...]:
    """Each (recipient, channel) once; a team is not told over a channel that already tells a person of it."""
    kept: dict[tuple[str, str], Route] = {}
    personal: set[str] = set()
    for route in found:
        is_person = route.recipient.startswith("person:")
        if not is_person and route.channel in personal:
            continue
        if is_person:
            personal.add(route.channel)
        kept.setdefault((route.recipient, route.channel), route)
    return tuple(kept.values())
