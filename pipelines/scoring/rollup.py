"""Roll-up: key results into an objective, objectives into their parents.

Source: scoring rules, "Roll-up".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from definitions.settings import ScoringSettings
from pipelines.scoring.arithmetic import ONE, ZERO, Number, clamp, exact, quantise
from pipelines.scoring.bands import DEFAULTS, band_of
from pipelines.scoring.errors import TreeError
from pipelines.scoring.kinds import Band, Commitment, KeyResultStatus

SANDBAGGED = "sandbagged"
LOW_COVERAGE = "low_coverage"

_WORST_FIRST = (
    KeyResultStatus.MISSED,
    KeyResultStatus.OFF_TRACK,
    KeyResultStatus.AT_RISK,
    KeyResultStatus.STALE,
    KeyResultStatus.NO_DATA,
    KeyResultStatus.NOT_STARTED,
    KeyResultStatus.ON_TRACK,
    KeyResultStatus.ACHIEVED,
)
"""Silence is never green: stale and unknown are weaker than anything on track."""


class Rollup(StrEnum):
    """How the key results of one objective make its score; the weighted average is the rule."""

    WEIGHTED_AVERAGE = "weighted_average"
    AVERAGE = "average"
    WEAKEST = "weakest"


@dataclass(frozen=True, slots=True)
class Part:
    """One key result as its objective sees it; a cancelled one is no part."""

    key: str
    score: Decimal | None
    status: KeyResultStatus
    weight: Number = 1
    expected: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One objective with its own key results and its child objectives.

    Attributes:
        contributes: whether it counts in its parent; a supporting child does not.
    """

    key: str
    parts: tuple[Part, ...]
    commitment: Commitment = Commitment.ASPIRATIONAL
    parent: str | None = None
    contributes: bool = True
    rollup: Rollup = Rollup.WEIGHTED_AVERAGE


@dataclass(frozen=True, slots=True)
class ObjectiveScore:
    """What an objective comes to.

    Attributes:
        score: weighted mean of clamped scores; None where nothing weighs or coverage is too low.
        coverage: share of the weight that has data, 0..1.
        expected: weighted mean of expected progress over the key results that have one.
        status: its weakest key result, or the words for its score.
        succeeded: at close, whether the score reached what its commitment asks; None before.
        flags: `sandbagged`, `low_coverage`.
    """

    score: Decimal | None
    coverage: Decimal
    expected: Decimal | None
    status: KeyResultStatus
    succeeded: bool | None
    total: int
    on_track: int
    at_risk: int
    off_track: int
    no_data: int
    flags: tuple[str, ...] = ()


def weighted_score(
    parts: Iterable[Part],
    rollup: Rollup = Rollup.WEIGHTED_AVERAGE,
    settings: ScoringSettings = DEFAULTS,
) -> tuple[Decimal | None, Decimal]:
    """Return (Σ w·clamp(score, 0, 1) ÷ Σ w over parts with data, coverage).

    An `average` gives every part the same weight; `weakest` takes the lowest clamped score. The score is None where
    no weight has data or where coverage is below the minimum.
    """
    everything = covered = reached = Fraction(0)
    lowest = ONE
    for part in parts:
        weight = Fraction(1) if rollup is Rollup.AVERAGE else _weight(part)
        everything += weight
        if part.score is not None and weight:
            covered += weight
            reached += weight * Fraction(clamp(part.score))
            lowest = min(lowest, clamp(part.score))
    if covered == 0:
        return None, ZERO
    coverage = quantise(covered / everything)
    if coverage < settings.coverage_min:
        return None, coverage
    return (lowest if rollup is Rollup.WEAKEST else quantise(reached / covered)), coverage


def score_objective(
    parts: Sequence[Part],
    commitment: Commitment = Commitment.ASPIRATIONAL,
    *,
    rollup: Rollup = Rollup.WEIGHTED_AVERAGE,
    is_closing: bool = False,
    settings: ScoringSettings = DEFAULTS,
) -> ObjectiveScore:
    """Roll key results up; each counts once, however often it is listed.

    >>> met, half = (Part(k, Decimal(s), KeyResultStatus.ON_TRACK) for k, s in (("a", "1.2"), ("b", "0.5")))
    >>> score_objective([met, half]).score
    Decimal('0.750000')
    """
    counted = [part for part in _once(parts) if part.status is not KeyResultStatus.CANCELLED]
    score, coverage = weighted_score(counted, rollup, settings)
    flags = []
    if score is None and coverage > ZERO:
        flags.append(LOW_COVERAGE)
    if is_closing and commitment is Commitment.ASPIRATIONAL and _all_reached(counted):
        flags.append(SANDBAGGED)
    succeeded = None
    if is_closing and score is not None:
        succeeded = score >= success_at(commitment, settings)
    return ObjectiveScore(
        score=score,
        coverage=coverage,
        expected=_mean_expected(counted),
        status=_status(counted, score, succeeded, settings),
        succeeded=succeeded,
        total=len(counted),
        on_track=_count(counted, KeyResultStatus.ON_TRACK, KeyResultStatus.ACHIEVED),
        at_risk=_count(counted, KeyResultStatus.AT_RISK),
        off_track=_count(counted, KeyResultStatus.OFF_TRACK, KeyResultStatus.MISSED),
        no_data=_count(counted, KeyResultStatus.NO_DATA, KeyResultStatus.NOT_STARTED, KeyResultStatus.STALE),
        flags=tuple(flags),
    )


def success_at(commitment: Commitment, settings: ScoringSettings = DEFAULTS) -> Decimal:
    """The score at which an objective of this commitment succeeds."""
    if commitment is Commitment.COMMITTED:
        return settings.success_committed
    return settings.success_aspirational


def weakest(statuses: Iterable[KeyResultStatus]) -> KeyResultStatus:
    """The worst status of several; `no_data` of none."""
    shown = [status for status in statuses if status is not KeyResultStatus.CANCELLED]
    return min(shown, key=_WORST_FIRST.index, default=KeyResultStatus.NO_DATA)


def roll_up(
    nodes: Mapping[str, Node], *, is_closing: bool = False, settings: ScoringSettings = DEFAULTS
) -> dict[str, ObjectiveScore]:
    """Score every objective over its own key results and those of the children that contribute, at any depth.

    Raises:
        TreeError: `unknown_parent` or `cycle`.
    """
    children: dict[str, list[Node]] = {key: [] for key in nodes}
    for node in nodes.values():
        if node.parent is None:
            continue
        if node.parent not in nodes:
            raise TreeError(
                "unknown_parent", f"objective {node.key} names parent {node.parent}, which is absent"
            )
        children[node.parent].append(node)
    return {
        key: score_objective(
            _gather(node, children, ()),
            node.commitment,
            rollup=node.rollup,
            is_closing=is_closing,
            settings=settings,
        )
        for key, node in sorted(nodes.items())
    }


def status_of_band(band: Band) -> KeyResultStatus:
    """The published word for a band while the cycle runs."""
    return {
        Band.OVERPERFORMING: KeyResultStatus.ON_TRACK,
        Band.ON_TRACK: KeyResultStatus.ON_TRACK,
        Band.AT_RISK: KeyResultStatus.AT_RISK,
        Band.SIGNIFICANT_ISSUES: KeyResultStatus.OFF_TRACK,
        Band.NO_DATA: KeyResultStatus.NO_DATA,
        Band.NOT_STARTED: KeyResultStatus.NOT_STARTED,
    }[band]


def _gather(node: Node, children: Mapping[str, list[Node]], path: tuple[str, ...]) -> list[Part]:
    if node.key in path:
        raise TreeError("cycle", " → ".join((*path[path.index(node.key) :], node.key)))
    parts = list(node.parts)
    for child in children[node.key]:
        below = _gather(child, children, (*path, node.key))
        if child.contributes:
            parts += below
    return parts


def _once(parts: Iterable[Part]) -> list[Part]:
    first: dict[str, Part] = {}
    for part in parts:
        first.setdefault(part.key, part)
    return list(first.values())


def _weight(part: Part) -> Fraction:
    return max(exact(part.weight) or Fraction(0), Fraction(0))


def _mean_expected(parts: Iterable[Part]) -> Decimal | None:
    known = [(_weight(part), Fraction(part.expected)) for part in parts if part.expected is not None]
    total = sum((weight for weight, _ in known), Fraction(0))
    return quantise(sum((w * e for w, e in known), Fraction(0)) / total) if total else None


def _status(
    parts: Sequence[Part], score: Decimal | None, succeeded: bool | None, settings: ScoringSettings
) -> KeyResultStatus:
    if succeeded is not None:
        return KeyResultStatus.ACHIEVED if succeeded else KeyResultStatus.MISSED
    if settings.objective_status == "average":
        return status_of_band(band_of(score, settings))
    return weakest(part.status for part in parts)


def _all_reached(parts: Sequence[Part]) -> bool:
    return bool(parts) and all(part.score is not None and part.score >= ONE for part in parts)


def _count(parts: Iterable[Part], *statuses: KeyResultStatus) -> int:
    return sum(part.status in statuses for part in parts)
