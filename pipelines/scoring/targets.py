"""Targets: what a definition's target means in the metric's unit, whether it makes sense, whether it is met.

Source: scoring rules, "Score of an outcome key result" (direction_mismatch, strict comparison) and
"Other kinds" (relative targets).
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from definitions.model import Direction
from pipelines.scoring.arithmetic import Number, exact, quantise
from pipelines.scoring.errors import TargetError
from pipelines.scoring.kinds import Comparison


class TargetSpec(StrEnum):
    """How a target is written: as a value, as a share of the baseline, or as points added to it."""

    ABSOLUTE = "absolute"
    RELATIVE_PCT = "relative_pct"
    DELTA_POINTS = "delta_points"


def resolve_target(
    spec: TargetSpec, amount: Number, baseline: Number | None, direction: Direction
) -> Decimal:
    """Return the target in the metric's unit.

    `amount` is the value itself (absolute), a positive fraction (relative_pct: 0.15 is 15 %, taken up for
    `increase` and down for `decrease`), or signed points (delta_points).

    >>> resolve_target(TargetSpec.RELATIVE_PCT, Decimal("0.25"), 8, Direction.DECREASE)
    Decimal('6.000000')

    Raises:
        TargetError: `no_baseline`, `relative_to_zero_baseline`, `relative_not_positive`, `target_not_finite`,
            `relative_to_band`.
    """
    given = exact(amount)
    if given is None:
        raise TargetError("target_not_finite", f"target {amount!r} is no finite number")
    if spec is TargetSpec.ABSOLUTE:
        return quantise(given)
    start = exact(baseline)
    if start is None:
        raise TargetError(
            "no_baseline", f"a {spec} target needs a baseline; record one or give an absolute target"
        )
    if spec is TargetSpec.DELTA_POINTS:
        return quantise(start + given)
    if direction is Direction.WITHIN:
        raise TargetError(
            "relative_to_band", "a band has no single target to move by a percentage; give lo and hi"
        )
    if start == 0:
        raise TargetError(
            "relative_to_zero_baseline",
            "a percentage of a zero baseline is zero; give an absolute target or points",
        )
    if given <= 0:
        raise TargetError(
            "relative_not_positive",
            f"relative_pct is {amount}; give how far to move (0.15 for 15 %)",
        )
    return quantise(start * (1 + given if direction is Direction.INCREASE else 1 - given))


def bare_percentage_spec(unit_family: str) -> TargetSpec:
    """Return what a bare "by 15 %" means for a metric of this unit family.

    On a ratio or a score "by 15 %" may mean 15 points or 15 percent of the baseline, so it is refused.

    Raises:
        TargetError: `ambiguous_relative_target`.
    """
    if unit_family in {"ratio", "score"}:
        raise TargetError(
            "ambiguous_relative_target",
            f'"by n %" on a {unit_family} metric may be points or percent: say delta_points or relative_pct',
        )
    return TargetSpec.RELATIVE_PCT


def default_comparison(direction: Direction) -> Comparison:
    """The comparison of a target that names none: at least, at most, or inside the band."""
    return {
        Direction.INCREASE: Comparison.GTE,
        Direction.DECREASE: Comparison.LTE,
        Direction.WITHIN: Comparison.BETWEEN,
    }[direction]


def check_target(
    direction: Direction,
    target: Number | None,
    baseline: Number | None = None,
    comparison: Comparison | None = None,
) -> None:
    """Refuse a target on the wrong side of its baseline, or a comparison that looks the other way.

    Raises:
        TargetError: `direction_mismatch` or `comparison_mismatch`.
    """
    if comparison is not None and _direction_of(comparison) is not direction:
        raise TargetError(
            "comparison_mismatch", f"comparison {comparison} does not fit direction {direction}"
        )
    goal, start = exact(target), exact(baseline)
    if goal is None or start is None:
        return
    wrong = (direction is Direction.INCREASE and goal < start) or (
        direction is Direction.DECREASE and goal > start
    )
    if wrong:
        raise TargetError(
            "direction_mismatch",
            f"should {direction}, but target {target} lies on the other side of baseline {baseline}",
        )


def is_met(
    value: Number | None, comparison: Comparison, target: Number | None, high: Number | None = None
) -> bool | None:
    """Whether `value` satisfies the comparison; None where the value or the target is unknown.

    For `between`, `target` is the lower and `high` the upper end; both belong to the band.
    """
    now, goal, top = exact(value), exact(target), exact(high)
    if now is None or goal is None:
        return None
    match comparison:
        case Comparison.GTE:
            return now >= goal
        case Comparison.GT:
            return now > goal
        case Comparison.LTE:
            return now <= goal
        case Comparison.LT:
            return now < goal
        case Comparison.BETWEEN:
            return None if top is None else goal <= now <= top


def _direction_of(comparison: Comparison) -> Direction:
    return {
        Comparison.GTE: Direction.INCREASE,
        Comparison.GT: Direction.INCREASE,
        Comparison.LTE: Direction.DECREASE,
        Comparison.LT: Direction.DECREASE,
        Comparison.BETWEEN: Direction.WITHIN,
    }[comparison]
