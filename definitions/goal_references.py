"""What goals and the organisation refer to must be there, and must fit: people, teams, channels, key results, targets.

Source: definition lint, 'Errors'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from definitions.errors import Problem, listing, nearest, unknown
from definitions.model import (
    Catalogue,
    Location,
)

# ── organisation and goals ──────────────────────────────────────────────────────────────────────────────────


def _organisation(catalogue: Catalogue) -> Iterator[Problem]:
    for team in catalogue.teams.values():
        if team.lead not in catalogue.people:
            yield unknown("person", team.lead, catalogue.people, team.location, team.key, "lead")
        if team.parent is not None and team.parent not in catalogue.teams:
            yield unknown("team", team.parent, catalogue.teams, team.location, team.key, "parent")
        for name in team.kpis:
            if name not in catalogue.metrics:
                yield unknown("metric", name, catalogue.metrics, team.location, team.key, "kpis")
        for name in team.channels:
            if name not in catalogue.channels:
                yield unknown("channel", name, catalogue.channels, team.location, team.key, "channels")
    for person in catalogue.people.values():
        if person.team is not None and person.team not in catalogue.teams:
            yield unknown("team", person.team, catalogue.teams, person.location, person.key, "team")
        for name in person.channels:
            if name not in catalogue.channels:
                yield unknown("channel", name, catalogue.channels, person.location, person.key, "channels")


def _goals(catalogue: Catalogue) -> Iterator[Problem]:
    objectives: dict[str, Location] = {}
    keys: dict[str, Location] = {}
    for objective in catalogue.objectives:
        if objective.key in objectives:
            message = f"the objective {objective.key!r} is at {objectives[objective.key]} too"
            yield Problem("DUPLICATE_NAME", message, objective.location, objective.key)
        objectives[objective.key] = objective.location
    for _, objective, key_result in catalogue.key_results():
        if key_result.key in keys:
            message = f"the key result {key_result.key!r} is at {keys[key_result.key]} too"
            yield Problem("DUPLICATE_NAME", message, key_result.location, key_result.key, (objective.key,))
        keys[key_result.key] = key_result.location
    for objective in catalogue.objectives:
        path = (objective.key,)
        if objective.team not in catalogue.teams:
            yield unknown("team", objective.team, catalogue.teams, objective.location, *path, "team")
        if objective.owner not in catalogue.people:
            yield unknown("person", objective.owner, catalogue.people, objective.location, *path, "owner")
        if objective.parent is not None and objective.parent not in objectives:
            yield unknown("objective", objective.parent, objectives, objective.location, *path, "parent")


def _key_results(catalogue: Catalogue) -> Iterator[Problem]:
    for _, objective, kr in catalogue.key_results():
        path = (objective.key, kr.key)

        def problem(
            code: str,
            message: str,
            hint: str = "",
            text: str = kr.key,
            at: Location = kr.location,
            via: tuple[str, ...] = path,
        ) -> Problem:
            return Problem(code, message, at, text, via, hint=hint)

        if kr.owner not in catalogue.people:
            yield unknown("person", kr.owner, catalogue.people, kr.location, *path, "owner")
        metric = catalogue.metrics.get(kr.metric or "")
        if kr.metric is not None and metric is None:
            yield unknown("metric", kr.metric, catalogue.metrics, kr.location, *path, "metric")
        if kr.nature == "effort" and kr.metric is not None:
            yield problem(
                "EFFORT_WITH_METRIC", "an effort key result names no metric", "Make it an outcome.", kr.metric
            )
        if kr.nature == "outcome" and kr.metric is None and kr.kr_type != "baseline":
            yield problem("OUTCOME_WITHOUT_METRIC", "an outcome key result names a metric of the dictionary")
        if metric is not None and not metric.is_actionable:
            message = f"{metric.name!r} is not actionable, so it is no key result"
            yield problem("NOT_ACTIONABLE", message, text=metric.name)
        numeric = kr.kr_type in ("increase", "decrease")
        if numeric and kr.baseline is None:
            yield problem(
                "NO_BASELINE",
                "a numeric key result has a baseline (value and as_of)",
                "Or use type: baseline.",
            )
        if (numeric or kr.kr_type in ("stay_above", "stay_below")) and kr.target is None:
            yield problem("NO_TARGET", "the key result has no target")
        if kr.kr_type == "stay_between" and kr.band is None:
            yield problem("NO_TARGET", "stay_between needs a band (low and high)")
        if kr.band is not None and not kr.band.low < kr.band.high:
            yield problem("WRONG_BAND", "the band's low is not below its high")
        if numeric and kr.baseline is not None and kr.target is not None:
            wrong = (
                kr.target < kr.baseline.value if kr.kr_type == "increase" else kr.target > kr.baseline.value
            )
            if wrong:
                message = f"direction_mismatch: {kr.kr_type} from {kr.baseline.value:g} to {kr.target:g}"
                yield problem("DIRECTION_MISMATCH", message, text=f"{kr.target:g}")
        if kr.kr_type == "milestone" and not kr.milestones:
            yield problem("MISSING_KEY", "a milestone key result lists its milestones", text="milestones")


def _targets(catalogue: Catalogue) -> Iterator[Problem]:
    for target in catalogue.targets:
        metric = catalogue.metrics.get(target.metric)
        if metric is None or not target.segment:
            continue
        names = tuple(name for name, _ in target.segment)
        if names not in {tuple(sorted(segment)) for segment in metric.segments}:
            declared = [" and ".join(segment) for segment in metric.segments]
            message = f"{metric.name!r} is not reported by {' and '.join(names)}"
            yield Problem(
                "UNKNOWN_SEGMENT",
                message,
                target.location,
                ", ".join(names),
                (target.metric, "segment"),
                nearest(names[0], declared),
                f"Declared: {listing(declared)}." if declared else "It declares no segments.",
            )


GOAL_RULES: tuple[Callable[[Catalogue], Iterator[Problem]], ...] = (
    _organisation,
    _goals,
    _key_results,
    _targets,
)
