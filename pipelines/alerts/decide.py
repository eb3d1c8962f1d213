"""The life of an alert as a pure function: what fires now, what the log remembers, and the clock → decisions.

    decide(alerts, covered, world)    at a publication, or when a run fails
    escalate(world)                   as time passes

Every candidate (a notice of an alert) goes through the same small stages, in order; the first stage that gives a
verdict ends it, and a candidate that no stage holds back is sent. A verdict carries a typed `Reason`, so the log
can say of every alert why it was sent, waits, or was dropped.

Source: alert rules, 'Alerting: the life of an alert'. Discipline: Prometheus Alertmanager (stages with one
signature, a decision with a reason, an injected clock).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

from .decision import Candidate, Covered, Decision, Reason, Verdict, World
from .model import Alert, Notice, Severity
from .routing import Route, escalation_route, routes
from .stages import ROUTE_STAGES, STAGES, cause_of, rank

_REASON_OF = {
    Notice.FIRING: Reason.STARTED,
    Notice.WORSENED: Reason.WORSENED,
    Notice.REMINDER: Reason.REMINDED,
    Notice.ESCALATION: Reason.ESCALATED,
    Notice.RESOLVED: Reason.ENDED,
    Notice.EVENT: Reason.HAPPENED,
}


def decide(alerts: Iterable[Alert], covered: Covered, world: World) -> tuple[Decision, ...]:
    """What is told, to whom, when and why; what is not, and why not.

    Args:
        alerts: everything that fires or happened, as the sources found it.
        covered: what the sources looked at; only there can an open incident have ended.
        world: the log's memory, silences, routing and the clock.

    Returns:
        One decision per notice and way (one without a way where the notice is dropped before routing), in a fixed
        order: states by identity, then endings, then events.
    """
    found = sorted(alerts, key=lambda alert: (alert.identity, -alert.severity.rank, alert.since, alert.title))
    firing: dict[str, Alert] = {}
    happened: dict[str, Alert] = {}
    for alert in found:
        if alert.type.is_state:
            firing.setdefault(alert.identity, _same_episode(alert, world))
        else:
            happened.setdefault(alert.episode, alert)
    world = replace(world, causes=_causes(firing, covered, world))
    candidates = [
        *(_opening(alert, world) for alert in firing.values()),
        *_endings(firing, covered, world),
        *(Candidate(alert, Notice.EVENT) for alert in happened.values()),
    ]
    return tuple(decision for candidate in candidates for decision in _judge(candidate, world))


def escalate(world: World) -> tuple[Decision, ...]:
    """Notices that become due by the passing of time alone: escalations of what nobody acknowledged.

    Source: alert rules, 'escalation when not acknowledged'. Each step of ``escalate_after_minutes`` counts from
    when the alert was last told to begin or to get worse, whether or not its channel worked: an owner who cannot
    be reached is one more reason to tell the next.
    """
    world = replace(world, causes=_causes({}, Covered(), world))
    threshold = Severity(world.settings.escalate_from)
    decisions: list[Decision] = []
    for _, incident in sorted(world.memory.incidents.items()):
        began = incident.told_from(threshold)
        if not incident.is_open or began is None:
            continue
        due = sum(
            world.now >= began + timedelta(minutes=each) for each in world.settings.escalate_after_minutes
        )
        done = {row.step for row in incident.told if row.notice is Notice.ESCALATION and row.at >= began}
        if due > len(done):
            step = incident.steps.get(Notice.ESCALATION, 0) + 1
            decisions += _judge(Candidate(incident.alert, Notice.ESCALATION, step, incident), world)
    return tuple(decisions)


# ── candidates ──────────────────────────────────────────────────────────────────────────────────────────────


def _same_episode(alert: Alert, world: World) -> Alert:
    """The alert within its open episode, so that a key never changes while the state lasts.

    What fires again after its end is a new episode, even when its source dates it back: a used key would never
    be told.
    """
    incident = world.memory.incidents.get(alert.identity)
    if incident is None:
        return alert
    if incident.is_open:
        return replace(alert, since=incident.since)
    # Keys count whole seconds.
    if alert.since.replace(microsecond=0) > incident.since:
        return alert
    return replace(alert, since=max(world.now.replace(microsecond=0), incident.since + timedelta(seconds=1)))


def _causes(firing: Mapping[str, Alert], covered: Covered, world: World) -> dict[str, Alert]:
    """For everything broken, the alert that explains most: firing now, or open and not looked at again."""
    unseen = (
        incident.alert
        for identity, incident in world.memory.incidents.items()
        if incident.is_open and identity not in firing and incident.alert not in covered
    )
    causes: dict[str, Alert] = {}
    for alert in sorted([*firing.values(), *unseen], key=lambda alert: alert.identity):
        for thing in alert.breaks:
            if thing not in causes or rank(alert) > rank(causes[thing]):
                causes[thing] = alert
    return causes


def _opening(alert: Alert, world: World) -> Candidate:
    incident = world.memory.incidents.get(alert.identity)
    if incident is None or not incident.is_open or not incident.told:
        return Candidate(alert, Notice.FIRING, 0, incident)
    if alert.severity.rank > incident.severity.rank:
        return Candidate(alert, Notice.WORSENED, alert.severity.rank, incident)
    return Candidate(alert, Notice.REMINDER, incident.steps.get(Notice.REMINDER, 0) + 1, incident)


def _endings(firing: Mapping[str, Alert], covered: Covered, world: World) -> Iterator[Candidate]:
    for identity, incident in sorted(world.memory.incidents.items()):
        if not incident.is_open or identity in firing or incident.alert not in covered:
            continue
        # Numbers on a broken source prove nothing: the incident stays open until the source is back.
        if cause_of(incident.alert, world) is None:
            yield Candidate(incident.alert, Notice.RESOLVED, 0, incident)


def _judge(candidate: Candidate, world: World) -> list[Decision]:
    for stage in STAGES:
        if (verdict := stage(candidate, world)) is not None:
            return [_decision(candidate, verdict, world)]
    ways = _ways(candidate, world)
    if not ways:
        return [_decision(candidate, Verdict(Reason.UNROUTED), world)]
    return [_on(candidate, route, world) for route in ways]


def _ways(candidate: Candidate, world: World) -> tuple[Route, ...]:
    incident = candidate.incident
    if candidate.notice is Notice.RESOLVED and incident is not None:
        return tuple(Route(*way, why="was told when it started") for way in incident.recipients)
    if candidate.notice is Notice.ESCALATION and incident is not None:
        told = frozenset(recipient for recipient, _ in incident.recipients)
        return escalation_route(candidate.alert, candidate.step, told, world.organisation)
    return routes(candidate.alert, world.organisation, world.settings)


def _on(candidate: Candidate, route: Route, world: World) -> Decision:
    for stage in ROUTE_STAGES:
        if (verdict := stage(candidate, route, world)) is not None:
            return _decision(candidate, verdict, world, route)
    return _decision(candidate, Verdict(_REASON_OF[candidate.notice]), world, route)


def _decision(candidate: Candidate, verdict: Verdict, world: World, route: Route | None = None) -> Decision:
    return Decision(
        alert=candidate.alert,
        notice=candidate.notice,
        step=candidate.step,
        reason=verdict.reason,
        at=verdict.not_before or world.now,
        recipient=route.recipient if route else "",
        channel=route.channel if route else "",
        by=verdict.by,
        why=route.why if route else "",
    )
