"""Suggestions: three adverse weeks in a row become a draft objective with key results from the tree's neighbours.

A draft is for a person to take or to leave; nothing here changes the dictionary. Source: scoring rules,
"Driver trees and contributions", and detection rules (suggestion record).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from definitions.model import Direction
from definitions.settings import ScoringSettings
from pipelines.scoring.arithmetic import Number, exact, quantise, quantise_or_none
from pipelines.scoring.bands import DEFAULTS
from pipelines.scoring.change import gain
from pipelines.scoring.optimum import OptimumBand


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """What a draft needs to know about one metric."""

    name: str
    label: str
    direction: Direction
    weeks: tuple[Number | None, ...]
    owner: str
    team: str
    target: Number | None = None
    is_actionable: bool = True
    is_leading: bool = False
    band: OptimumBand | None = None


@dataclass(frozen=True, slots=True)
class DraftKeyResult:
    """A key result to think about: from where it stands back to where it was, or on to its target."""

    metric: str
    statement: str
    owner: str
    baseline: Decimal
    target: Decimal
    is_leading: bool


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A draft objective and why it was drafted.

    Attributes:
        since: how many adverse weeks in a row (3 for three).
    """

    metric: str
    title: str
    reason: str
    owner: str
    team: str
    key_results: tuple[DraftKeyResult, ...]
    since: int


def adverse_weeks(
    direction: Direction, weeks: Sequence[Number | None], band: OptimumBand | None = None
) -> int:
    """How many weeks in a row, up to the last, were each worse than the week before.

    >>> adverse_weeks(Direction.DECREASE, [5, 4, 6, 7, 9])
    3
    """
    count = 0
    for before, now in reversed(list(pairwise(weeks))):
        better = gain(direction, now, before, band)
        if better is None or better >= 0:
            break
        count += 1
    return count


def suggest(
    facts: Mapping[str, MetricFacts],
    children: Mapping[str, Sequence[str]],
    settings: ScoringSettings = DEFAULTS,
) -> tuple[Suggestion, ...]:
    """Draft an objective for every metric with three adverse weeks in a row, in order of name.

    `children` are the edges of the driver tree, by parent.

    The key results are the metric itself and its neighbours in the tree that can be acted on: its drivers first,
    then its siblings; at most five, those that are falling before those that are not.
    """
    drafts = []
    for name, metric in sorted(facts.items()):
        run = adverse_weeks(metric.direction, metric.weeks, metric.band)
        if run < settings.adverse_weeks:
            continue
        neighbours = [facts[other] for other in _neighbours(name, children) if other in facts]
        actionable = [other for other in neighbours if other.is_actionable]
        actionable.sort(key=lambda other: -adverse_weeks(other.direction, other.weeks, other.band))
        chosen = ([metric] if metric.is_actionable else []) + actionable
        key_results = [draft for draft in (_draft(one) for one in chosen) if draft is not None][:5]
        drafts.append(
            Suggestion(
                metric=name,
                title=f"Turn {metric.label} around",
                reason=f"{metric.label} got worse {run} weeks in a row, from {_text(metric.weeks[-run - 1])} "
                f"to {_text(metric.weeks[-1])}.",
                owner=metric.owner,
                team=metric.team,
                key_results=tuple(key_results),
                since=run,
            )
        )
    return tuple(drafts)


def _neighbours(metric: str, children: Mapping[str, Sequence[str]]) -> Iterable[str]:
    """Children, then siblings, each once and in the order of the tree."""
    seen = dict.fromkeys(children.get(metric, ()))
    for parent in sorted(parent for parent, below in children.items() if metric in below):
        seen.update(dict.fromkeys(children[parent]))
    seen.pop(metric, None)
    return tuple(seen)


def _draft(metric: MetricFacts) -> DraftKeyResult | None:
    """From the last known value to the target; without one, or beyond it, back to the best of the last quarter."""
    known = [value for value in map(exact, metric.weeks) if value is not None]
    if not known or metric.direction is Direction.WITHIN:
        return None
    now, goal = known[-1], exact(metric.target)
    best = max(known[-13:]) if metric.direction is Direction.INCREASE else min(known[-13:])
    if goal is None or not _is_better(metric.direction, goal, now):
        goal = best
    if not _is_better(metric.direction, goal, now):
        return None
    verb = "Increase" if metric.direction is Direction.INCREASE else "Reduce"
    statement = f"{verb} {metric.label} from {_text(now)} to {_text(goal)}"
    return DraftKeyResult(
        metric.name, statement, metric.owner, quantise(now), quantise(goal), metric.is_leading
    )


def _is_better(direction: Direction, goal: Fraction, now: Fraction) -> bool:
    return goal > now if direction is Direction.INCREASE else goal < now


def _text(value: Number | None) -> str:
    """A number as people write it: no trailing zeros."""
    rounded = quantise_or_none(value)
    return "unknown" if rounded is None else f"{rounded.normalize():,f}"
