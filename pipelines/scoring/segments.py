"""Segments: how much of a change came from each, and for a ratio whether it moved inside or in the mix.

inner = share·(ratio − ratio₀), mix = (share − share₀)·(ratio₀ − global ratio₀); over all segments the two add up to
the change of the whole exactly. Source: scoring rules, "Driver trees and contributions".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from pipelines.scoring.arithmetic import Number, exact, quantise
from pipelines.scoring.contributions import UNEXPLAINED, settle


@dataclass(frozen=True, slots=True)
class Portion:
    """A segment's numerator and denominator in one period; an absent segment is (0, 0)."""

    numerator: Number
    denominator: Number


@dataclass(frozen=True, slots=True)
class SegmentEffect:
    """What one segment did to a ratio. `inner` is its own movement, `mix` the movement of its weight."""

    segment: str
    inner: Decimal
    mix: Decimal

    @property
    def total(self) -> Decimal:
        """Inner and mix together."""
        return quantise(Fraction(self.inner) + Fraction(self.mix))


@dataclass(frozen=True, slots=True)
class SegmentChange:
    """What one segment did to a sum."""

    segment: str
    amount: Decimal


def ratio_effects(
    before: Mapping[str, Portion], now: Mapping[str, Portion], change: Number | None = None
) -> tuple[SegmentEffect, ...] | None:
    """Split the change of Σ numerator ÷ Σ denominator over segments, in order of name.

    A new segment had the global ratio as its ratio₀, so it has no mix effect; one that vanished has no inner
    effect. `change` is the published change of the total: what the segments do not explain of it is a row
    `(unexplained)`. None where a denominator sums to zero or a share would be negative.

    >>> before = {"emea": Portion(50, 100), "na": Portion(90, 100)}
    >>> now = {"emea": Portion(50, 100), "na": Portion(270, 300)}
    >>> [(e.segment, e.inner, e.mix) for e in ratio_effects(before, now)]
    [('emea', Decimal('0.000000'), Decimal('0.050000')), ('na', Decimal('0.000000'), Decimal('0.050000'))]
    """
    names = sorted(set(before) | set(now))
    old = {name: _portion(before.get(name)) for name in names}
    new = {name: _portion(now.get(name)) for name in names}
    if any(bottom < 0 for _, bottom in (*old.values(), *new.values())):
        return None
    old_bottom = sum((bottom for _, bottom in old.values()), Fraction(0))
    new_bottom = sum((bottom for _, bottom in new.values()), Fraction(0))
    if old_bottom == 0 or new_bottom == 0:
        return None
    overall = sum((top for top, _ in old.values()), Fraction(0)) / old_bottom
    effects: list[Fraction] = []
    for name in names:
        (top, bottom), (top0, bottom0) = new[name], old[name]
        weight, weight0 = bottom / new_bottom, bottom0 / old_bottom
        ratio0 = top0 / bottom0 if bottom0 else overall
        effects.append(top / new_bottom - weight * ratio0)  # inner; a zero weight may still hold a numerator
        effects.append((weight - weight0) * (ratio0 - overall))
        if not bottom0 and top0:  # a numerator without a denominator counted in the overall ratio before
            effects[-1] -= top0 / old_bottom
    made = sum((top for top, _ in new.values()), Fraction(0)) / new_bottom - overall
    settled = settle(effects, quantise(made))
    rows = [
        SegmentEffect(name, settled[2 * place], settled[2 * place + 1]) for place, name in enumerate(names)
    ]
    published = exact(change)
    rest = (
        Decimal(0)
        if published is None
        else quantise(Fraction(quantise(published)) - Fraction(quantise(made)))
    )
    if rest:
        rows.append(SegmentEffect(UNEXPLAINED, rest, quantise(0)))
    return tuple(rows)


def sum_changes(
    before: Mapping[str, Number], now: Mapping[str, Number], change: Number | None = None
) -> tuple[SegmentChange, ...]:
    """Split the change of a sum over segments, in order of name; an absent segment is zero.

    `change` is the published change of the total; what the segments do not explain is a row `(unexplained)`.
    """
    names = sorted(set(before) | set(now))
    moved = [
        (exact(now.get(name)) or Fraction(0)) - (exact(before.get(name)) or Fraction(0)) for name in names
    ]
    made = quantise(sum(moved, Fraction(0)))
    rows = [SegmentChange(name, amount) for name, amount in zip(names, settle(moved, made), strict=True)]
    published = exact(change)
    rest = Decimal(0) if published is None else quantise(Fraction(quantise(published)) - Fraction(made))
    if rest:
        rows.append(SegmentChange(UNEXPLAINED, rest))
    return tuple(rows)


def _portion(portion: Portion | None) -> tuple[Fraction, Fraction]:
    if portion is None:
        return Fraction(0), Fraction(0)
    return exact(portion.numerator) or Fraction(0), exact(portion.denominator) or Fraction(0)
