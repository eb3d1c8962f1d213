"""Deprecated metrics: they keep answering until their date, and point to their successor.

Through `deprecated_on` a metric is computed, published and asked as before, with a notice; from the day after it
begins no new period, and a question about it is answered with the name of its successor. Source: definition lint,
'Errors' (metrics are never deleted).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from definitions.calendars import local_day
from definitions.compiler.resolve import Resolver
from definitions.errors import Problem, QueryError
from definitions.model import Catalogue, Location, Metric
from definitions.versions import inputs_of


@dataclass(frozen=True, slots=True)
class Use:
    """Where a metric is used: by what kind of thing, which one, and for what."""

    kind: str
    name: str
    how: str
    location: Location


def is_retired(metric: Metric, today: date) -> bool:
    """Whether a metric's last day is over. A day of its own calendar."""
    return metric.status == "deprecated" and metric.deprecated_on is not None and today > metric.deprecated_on


def successor_of(catalogue: Catalogue, metric: Metric, today: date) -> str | None:
    """The metric to use instead: of a row of successors the first that still answers."""
    seen = {metric.name}
    name = metric.replaced_by
    while name is not None and name not in seen:
        seen.add(name)
        following = catalogue.metrics.get(name)
        if following is None or not is_retired(following, today):
            return name
        name = following.replaced_by
    return metric.replaced_by


def notice_of(catalogue: Catalogue, metric: Metric, today: date) -> str | None:
    """What a reader of a deprecated metric has to know, in a sentence; None of any other."""
    if metric.status != "deprecated":
        return None
    instead = successor_of(catalogue, metric, today)
    use = f"use {instead} instead" if instead else "it has no successor"
    if metric.deprecated_on is None:
        return f"{metric.name} is deprecated: {use}"
    if is_retired(metric, today):
        return f"{metric.name} answered until {metric.deprecated_on}: {use}"
    return f"{metric.name} is deprecated and answers until {metric.deprecated_on}: {use}"


def refuse_retired(catalogue: Catalogue, names: Iterable[str], now: datetime) -> tuple[str, ...]:
    """Notices about the deprecated ones among the metrics asked for.

    Raises:
        QueryError: one of them has had its last day; names its successor.
    """
    problems, notices = [], []
    for place, name in enumerate(names, start=1):
        metric = catalogue.metrics.get(name)
        if metric is None or metric.status != "deprecated":
            continue
        today = local_day(catalogue.calendars[metric.calendar], now)
        notice = notice_of(catalogue, metric, today) or ""
        if is_retired(metric, today):
            instead = successor_of(catalogue, metric, today)
            where = Location("query", place, 1)
            problems.append(Problem("METRIC_RETIRED", notice, where, name, ("metrics", name), instead))
        else:
            notices.append(notice)
    if problems:
        raise QueryError(problems)
    return tuple(notices)


def uses_of(catalogue: Catalogue, name: str) -> tuple[Use, ...]:
    """Everything in the dictionary that names a metric: metrics computed from it, guardrails, trees, targets, goals,
    teams. What reads the published tables is not known here."""
    found: list[Use] = []
    resolver = Resolver(catalogue)
    for metric in catalogue.metrics.values():
        ways = []
        if name in inputs_of(resolver, metric.name):
            ways.append("is computed from it")
        if metric.drivers is not None and name in metric.drivers.inputs:
            ways.append("is explained by it")
        if any(guard.metric == name for guard in metric.guardrails):
            ways.append("is guarded by it")
        if any(drive.metric == name for drive in metric.drives):
            ways.append("drives it")
        if metric.replaced_by == name:
            ways.append("was replaced by it")
        found += [Use("metric", metric.name, how, metric.location) for how in ways]
    found += [
        Use("target", target.period, "is its target", target.location)
        for target in catalogue.targets
        if target.metric == name
    ]
    found += [
        Use("key_result", key_result.key, "is measured by it", key_result.location)
        for _, _, key_result in catalogue.key_results()
        if key_result.metric == name
    ]
    found += [
        Use("team", team.key, "steers by it", team.location)
        for team in catalogue.teams.values()
        if name in team.kpis
    ]
    return tuple(found)
