"""Numbers of the scoring rules: exact inside, six places half-even outside, no negative zero, no NaN.

Formulas work on `Fraction`, so that there is exactly one rounding, at the end, and so that neither the
thread's decimal context nor the size of an operand can change a digit.
"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

Number: TypeAlias = Decimal | Fraction | int | float
"""What the rules accept. A float is read at 15 significant digits: what a double holds for certain."""

PLACES = 6
_SCALE = 10**PLACES

ZERO = Decimal("0.000000")
ONE = Decimal("1.000000")


def exact(value: Number | None) -> Fraction | None:
    """Return `value` as an exact rational, or `None` where it is unknown or not a finite number.

    `0.1 + 0.2` is read as 0.3: a double computed by an engine carries noise after its 15th digit, and a
    strict
    comparison must not turn on noise.
    """
    if value is None:
        return None
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        is_whole = value.is_integer() and abs(value) < 1e15
        return Fraction(int(value)) if is_whole else Fraction(Decimal(format(value, ".15g")))
    if isinstance(value, Decimal) and not value.is_finite():
        return None
    return Fraction(value)


def quantise(value: Number, places: int = PLACES) -> Decimal:
    """Round half-even to `places` decimals. Zero has no sign.

    >>> quantise(Fraction(-1, 10**9))
    Decimal('0.000000')
    """
    known = exact(value)
    if known is None:
        raise ValueError(f"{value!r} is no finite number; an unknown value is None")
    return Decimal(f"{round(known * 10**places)}E-{places}")


def quantise_or_none(value: Number | None) -> Decimal | None:
    """`quantise`, where unknown stays unknown."""
    known = exact(value)
    return None if known is None else quantise(known)


def clamp(value: Decimal, low: Decimal = ZERO, high: Decimal = ONE) -> Decimal:
    """`value` held inside `low`..`high`."""
    return max(low, min(high, value))


def difference(now: Number | None, before: Number | None) -> Decimal | None:
    """now − before, or `None` where either is unknown."""
    after, base = exact(now), exact(before)
    return None if after is None or base is None else quantise(after - base)


def relative_change(now: Number | None, before: Number | None) -> Decimal | None:
    """(now − before) ÷ |before|, or `None` where either is unknown or `before` is zero."""
    after, base = exact(now), exact(before)
    if after is None or base is None or base == 0:
        return None
    return quantise((after - base) / abs(base))
