"""Who would get it, and why: the answer of `vitals alerts route-test`.

for line in explain(route_test(catalogue, "csat", Severity.WARNING, now)):
    print(line)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from definitions.model import Catalogue

from .decide import decide
from .decision import Covered, Decision, World
from .incidents import Silence
from .model import Alert, AlertType, Severity, Subject
from .routing import Route, escalation_route


class UnknownMetric(LookupError):
    """A name that the catalogue does not have; the message offers near ones."""

    def __init__(self, name: str, known: list[str]) -> None:
        from difflib import get_close_matches

        near = get_close_matches(name, known, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "see the names under metrics/"
        super().__init__(f"there is no metric {name!r} in the catalogue; {hint}")


@dataclass(frozen=True)
class RouteTest:
    """What would happen to one alert at one time.

    Attributes:
        decisions: each way it would go, or why it would not.
        escalations: (when, way) of each step while nobody acknowledges.
    """

    alert: Alert
    at: datetime
    decisions: tuple[Decision, ...]
    escalations: tuple[tuple[datetime, Route], ...]
    time_zone: str


def route_test(
    catalogue: Catalogue,
    metric: str,
    severity: Severity,
    at: datetime,
    silences: tuple[Silence, ...] = (),
) -> RouteTest:
    """Send an imaginary anomaly of a metric through the same decision as a real one, with an empty memory.

    Raises:
        UnknownMetric: no such metric.
    """
    known = catalogue.metrics.get(metric)
    if known is None:
        raise UnknownMetric(metric, sorted(catalogue.metrics))
    settings = catalogue.settings.alerts
    alert = Alert(
        type=AlertType.ANOMALY,
        subject=Subject("metric", f"{metric}/day/total", known.label),
        severity=severity,
        since=at,
        title=f"{known.label}: a route test",
        team=known.owner.team,
        owner=known.owner.accountable,
    )
    world = World(at, settings, catalogue.organisation, silences=silences)
    decisions = decide([alert], Covered(), world)
    steps: list[tuple[datetime, Route]] = []
    told = frozenset(decision.recipient for decision in decisions if decision.is_sent)
    if told and severity.rank >= Severity(settings.escalate_from).rank:
        for number, minutes in enumerate(settings.escalate_after_minutes, 1):
            for route in escalation_route(alert, number, told, catalogue.organisation):
                steps.append((at + timedelta(minutes=minutes), route))
                told |= {route.recipient}
    return RouteTest(alert, at, decisions, tuple(steps), settings.time_zone)


def explain(test: RouteTest) -> Iterator[str]:
    """The answer in lines for people."""
    zone = ZoneInfo(test.time_zone)
    for decision in test.decisions:
        if not decision.is_sent:
            yield f"not sent: {decision.reason.value}{f' ({decision.by})' if decision.by else ''}"
            continue
        when = "now" if decision.at <= test.at else f"at {decision.at.astimezone(zone):%a %Y-%m-%d %H:%M %Z}"
        late = "" if decision.at <= test.at else f" [{decision.reason.value}]"
        yield f"{decision.recipient} over {decision.channel}, {when}{late}: {decision.why}"
    for at, route in test.escalations:
        yield f"{route.recipient} over {route.channel}, {at.astimezone(zone):%a %Y-%m-%d %H:%M %Z}: {route.why}"
