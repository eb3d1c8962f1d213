"""Contributions: how much of a parent's change each child carried. They add up to it exactly.

Additive nodes give the signed change; products of positive factors the log-mean (LMDI); a zero or a change of sign
the Shapley value. What the children do not explain is a row of its own. Source: scoring rules, "Driver trees and
contributions". Vector: 1000×200 → 1100×190 gives +19,487.8 and −10,487.8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import combinations
from math import factorial

from definitions.settings import ScoringSettings
from pipelines.scoring.arithmetic import Number, exact, quantise, quantise_or_none
from pipelines.scoring.bands import DEFAULTS
from pipelines.scoring.tree import DriverNode, combine, reconcile

UNEXPLAINED = "(unexplained)"

_LOGARITHMS = Context(prec=60)


class ContributionMethod(StrEnum):
    """How a contribution was computed."""

    ADDITIVE = "additive"
    LMDI = "lmdi"
    SHAPLEY = "shapley"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Contribution:
    """One child's part of its parent's change.

    Attributes:
        child: the child's name, or `(unexplained)`.
        now, before: the child's values.
        amount: in the parent's unit; None where it cannot be said.
        share: amount ÷ the parent's change; None where that is zero.
    """

    child: str
    now: Decimal | None
    before: Decimal | None
    amount: Decimal | None
    share: Decimal | None
    method: ContributionMethod


@dataclass(frozen=True, slots=True)
class Decomposition:
    """A parent's change and the parts that add up to it.

    Attributes:
        change: Δparent; None where a value of the parent is unknown.
        parts: one per child in order, then the unexplained rest where there is one.
        reconciles: whether the parent equals f(children) now; False where a child is unknown.
    """

    change: Decimal | None
    parts: tuple[Contribution, ...]
    reconciles: bool


def decompose(
    node: DriverNode,
    parent: tuple[Number | None, Number | None],
    children: Sequence[tuple[Number | None, Number | None]],
    settings: ScoringSettings = DEFAULTS,
) -> Decomposition:
    """Split Δparent over the children of `node`; every pair is (before, now).

    >>> from pipelines.scoring.kinds import Operator
    >>> node = DriverNode("revenue", Operator.PRODUCT, ("customers", "arpc"))
    >>> found = decompose(node, (200_000, 209_000), [(1000, 1100), (200, 190)])
    >>> [round(part.amount, 1) for part in found.parts]
    [Decimal('19487.8'), Decimal('-10487.8')]
    """
    before, now = exact(parent[0]), exact(parent[1])
    change = None if before is None or now is None else quantise(now - before)
    pairs = [(exact(old), exact(new)) for old, new in children]
    method, amounts = _amounts(node, pairs)
    if change is None:
        amounts = [None] * len(pairs)
    parts = [
        Contribution(
            name, quantise_or_none(new), quantise_or_none(old), amount, _share(amount, change), method
        )
        for name, (old, new), amount in zip(node.children, pairs, amounts, strict=True)
    ]
    if change is not None:
        explained = sum((amount for amount in amounts if amount is not None), Decimal(0))
        rest = quantise(Fraction(change) - Fraction(explained))
        if rest:
            parts.append(
                Contribution(
                    UNEXPLAINED, None, None, rest, _share(rest, change), ContributionMethod.UNEXPLAINED
                )
            )
    held = reconcile(node, now, [new for _, new in pairs], settings)
    return Decomposition(change, tuple(parts), held.reconciles is True)


def settle(amounts: Sequence[Fraction], total: Decimal) -> list[Decimal]:
    """Round amounts to six places so that they add up to `total`.

    What rounding leaves (a few millionths) goes to the largest amount, where it is smallest in proportion.
    """
    rounded = [quantise(amount) for amount in amounts]
    if not rounded:
        return []
    rest = Fraction(total) - sum(map(Fraction, rounded), Fraction(0))
    largest = max(range(len(rounded)), key=lambda place: (abs(rounded[place]), -place))
    rounded[largest] = quantise(Fraction(rounded[largest]) + rest)
    return rounded


_Pair = tuple[Fraction | None, Fraction | None]
_Known = list[tuple[Fraction, Fraction]]


def _amounts(node: DriverNode, pairs: Sequence[_Pair]) -> tuple[ContributionMethod, list[Decimal | None]]:
    """Choose the method and return the amounts, which add up to the rounded Δf of the known children."""
    known: _Known = [(old, new) for old, new in pairs if old is not None and new is not None]
    if node.is_additive:
        return ContributionMethod.ADDITIVE, _additive(node.signs, pairs)
    nothing: list[Decimal | None] = [None] * len(pairs)
    all_positive = all(old > 0 and new > 0 for old, new in known)
    method = ContributionMethod.LMDI if all_positive else ContributionMethod.SHAPLEY
    if len(known) < len(pairs):
        return method, nothing
    start = combine(False, node.signs, [old for old, _ in known])
    end = combine(False, node.signs, [new for _, new in known])
    if start is None or end is None:
        return method, nothing
    raw = _log_mean(node.signs, known, start, end) if all_positive else _shapley(node.signs, known)
    return method, nothing if raw is None else list(settle(raw, quantise(end - start)))


def _additive(signs: Sequence[int], pairs: Sequence[_Pair]) -> list[Decimal | None]:
    raw = [
        None if old is None or new is None else sign * (new - old)
        for sign, (old, new) in zip(signs, pairs, strict=True)
    ]
    known = [amount for amount in raw if amount is not None]
    settled = iter(settle(known, quantise(sum(known, Fraction(0)))))
    return [None if amount is None else next(settled) for amount in raw]


def _log_mean(signs: Sequence[int], pairs: _Known, start: Fraction, end: Fraction) -> list[Fraction]:
    """ΔV_i = L(V1, V0) · ln(x_i1 / x_i0), with L(a, b) = (a − b) / (ln a − ln b)."""
    logs = [sign * (_ln(new) - _ln(old)) for sign, (old, new) in zip(signs, pairs, strict=True)]
    mean = end if end == start else (end - start) / (_ln(end) - _ln(start))
    return [mean * log for log in logs]


def _shapley(signs: Sequence[int], pairs: _Known) -> list[Fraction] | None:
    """Each child's mean step over all orders in which the children can move; None where one divides by zero."""
    count = len(pairs)
    worth: dict[frozenset[int], Fraction] = {}
    for size in range(count + 1):
        for moved in combinations(range(count), size):
            made = combine(False, signs, [pair[place in moved] for place, pair in enumerate(pairs)])
            if made is None:
                return None
            worth[frozenset(moved)] = made
    weights = [Fraction(factorial(k) * factorial(count - k - 1), factorial(count)) for k in range(count)]
    return [
        sum(
            (
                weights[len(others)] * (worth[others | {child}] - value)
                for others, value in worth.items()
                if child not in others
            ),
            Fraction(0),
        )
        for child in range(count)
    ]


def _ln(value: Fraction) -> Fraction:
    """Natural logarithm at 60 digits: the same on every platform, unlike the C library's."""
    quotient = _LOGARITHMS.divide(Decimal(value.numerator), Decimal(value.denominator))
    return Fraction(_LOGARITHMS.ln(quotient))


def _share(amount: Decimal | None, change: Decimal | None) -> Decimal | None:
    return quantise(Fraction(amount) / Fraction(change)) if amount is not None and change else None
