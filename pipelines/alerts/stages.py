"""The stages a notice goes through: small functions of one signature; the first verdict counts.

`STAGES` judge a notice before it has a way to anybody, `ROUTE_STAGES` each way it was given.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from .decision import Candidate, Reason, Verdict, World
from .hours import local_day, nudge_time, quiet_until
from .model import Alert, AlertType, Notice, Severity, stamp
from .routing import Route

Stage = Callable[[Candidate, World], Verdict | None]
RouteStage = Callable[[Candidate, Route, World], Verdict | None]

_CAUSE_RANK = {AlertType.RUN_FAILED: 3, AlertType.LATE: 2, AlertType.CHECK_FAILED: 1}
"""Which alert explains which: a failed run explains late data, late data explains a failed check, and each
explains what the numbers built on it do."""


def rank(alert: Alert) -> int:
    """How far an alert explains others; 0 for one that explains none."""
    return _CAUSE_RANK.get(alert.type, 0)


def cause_of(alert: Alert, world: World) -> Alert | None:
    """The firing alert that explains this one best; None where it stands for itself."""
    causes = [
        cause
        for thing in alert.rests_on
        if (cause := world.causes.get(thing)) is not None
        and cause.identity != alert.identity
        and _explains(cause, alert, thing)
    ]
    return max(causes, key=lambda cause: (rank(cause), cause.identity), default=None)


def _explains(cause: Alert, alert: Alert, thing: str) -> bool:
    """A cause explains what is built on it; the total of a series explains its segments, unless they are worse."""
    if thing.startswith("series:"):
        return cause.severity.rank >= alert.severity.rank
    return rank(cause) > rank(alert)


def never_told(candidate: Candidate, world: World) -> Verdict | None:
    """Nobody hears of the end of what nobody heard of."""
    if candidate.notice is Notice.RESOLVED and not (candidate.incident and candidate.incident.told):
        return Verdict(Reason.NEVER_TOLD)
    return None


def inhibited(candidate: Candidate, world: World) -> Verdict | None:
    """A failed source silences what is built on it: one alert, not forty."""
    if candidate.notice is Notice.RESOLVED:
        return None
    cause = cause_of(candidate.alert, world)
    return Verdict(Reason.INHIBITED, cause.identity) if cause is not None else None


def silenced(candidate: Candidate, world: World) -> Verdict | None:
    """A person asked for silence. The end of what was told before is still told: a page must be closed."""
    if candidate.notice is Notice.RESOLVED:
        return None
    for silence in world.silences:
        if silence.covers(candidate.alert, world.now):
            return Verdict(Reason.SILENCED, f"silence {silence.id}: {silence.reason}")
    return None


def acknowledged(candidate: Candidate, world: World) -> Verdict | None:
    """Someone took it on: no reminder and no escalation; worse news and the end still come."""
    if candidate.notice not in (Notice.REMINDER, Notice.ESCALATION) or candidate.incident is None:
        return None
    by = candidate.incident.acknowledged_by
    return Verdict(Reason.ACKNOWLEDGED, by) if by else None


def unchanged(candidate: Candidate, world: World) -> Verdict | None:
    """Told before and no worse: silent until a reminder is due. Infos are told once."""
    if candidate.notice is not Notice.REMINDER or candidate.incident is None:
        return None
    last, settings = candidate.incident.last_told, world.settings
    hours = {
        Severity.CRITICAL: settings.remind_critical_hours,
        Severity.WARNING: settings.remind_warning_hours,
    }.get(candidate.alert.severity)
    if last is None or hours is None or world.now < last + timedelta(hours=hours):
        return Verdict(Reason.UNCHANGED)
    return None


def cooling_down(candidate: Candidate, world: World) -> Verdict | None:
    """What ended a moment ago does not start aloud again, unless it is worse than it was."""
    incident = candidate.incident
    if candidate.notice is not Notice.FIRING or incident is None or incident.cooling is None:
        return None
    ended, severity = incident.cooling
    if candidate.alert.severity.rank > severity.rank:
        return None
    until = ended + timedelta(minutes=world.settings.cool_down_minutes)
    return Verdict(Reason.COOLING_DOWN, f"ended {stamp(ended)}") if world.now < until else None


STAGES: tuple[Stage, ...] = (never_told, inhibited, silenced, acknowledged, unchanged, cooling_down)


def duplicate(candidate: Candidate, route: Route, world: World) -> Verdict | None:
    """This very notice is queued or was sent on this way."""
    key = (candidate.alert.key(candidate.notice, candidate.step), route.recipient, route.channel)
    return Verdict(Reason.DUPLICATE) if key in world.memory.keys else None


def nudge_hour(candidate: Candidate, route: Route, world: World) -> Verdict | None:
    """The day's nudges go out together at their hour. Source: scoring rules, 'Nudges … batched'."""
    if candidate.alert.type is not AlertType.CHECK_IN_DUE:
        return None
    now, severity, settings = world.now, candidate.alert.severity, world.settings
    at = nudge_time(now, severity, settings)
    if local_day(at, settings) > local_day(now, settings) and quiet_until(now, severity, settings) is None:
        at = now  # today's hour has passed: the first nudge of the day goes out at once
    return Verdict(Reason.NUDGE_HOUR, not_before=at) if at > now else None


def quiet_hours(candidate: Candidate, route: Route, world: World) -> Verdict | None:
    """What can wait for the morning waits."""
    until = quiet_until(world.now, candidate.alert.severity, world.settings)
    return Verdict(Reason.QUIET_HOURS, not_before=until) if until is not None else None


ROUTE_STAGES: tuple[RouteStage, ...] = (duplicate, nudge_hour, quiet_hours)
