"""Published numbers: six places, half-even, no negative zero, never NaN or infinity.

`quantised` does one number, `quantised_array` a whole column with the same result to the last digit. Both
read a double at 15 significant digits, what it holds for certain, as the scoring rules do: noise from the
order of a sum cannot turn a rounding. Source: scoring rules, first paragraph; publication rules, decision
5.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal

import numpy as np
from numpy.typing import NDArray

PLACES = 6
_QUANTUM = Decimal(1).scaleb(-PLACES)
_SCALE = 10.0**PLACES
_CONTEXT = Context(prec=400, rounding=ROUND_HALF_EVEN)
_ZERO = Decimal("0.000000")
_STRETCH = 32_768
_LARGEST_EXPONENT = 308  # beyond it no double can follow


def quantised(value: Decimal | float | int | None) -> Decimal | None:
    """`value` at six places half-even; None where it is unknown or no finite number.

    >>> quantised(0.1 + 0.2), quantised(2.0000005), quantised(-0.0), quantised(float("nan"))
    (Decimal('0.300000'), Decimal('2.000000'), Decimal('0.000000'), None)
    """
    if value is None:
        return None
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        value = Decimal(repr(value) if value.is_integer() else format(value, ".15g"))
    number = value if isinstance(value, Decimal) else Decimal(value)
    if not number.is_finite() or number.adjusted() > _LARGEST_EXPONENT:
        return None
    return number.quantize(_QUANTUM, context=_CONTEXT) or _ZERO


def quantised_array(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`quantised` for a column of doubles: the double nearest to each six-place decimal, NaN where not
    finite.

    Scaling by 10⁶ and rounding is right wherever the error of reading 15 digits (5·10⁻¹⁵ of the number)
    cannot reach a tie; the few that are closer are done one by one in decimal. A stretch at a time, because
    what is in the processor's cache need not be fetched again for each of a dozen steps.
    """
    result = np.empty_like(values)
    for start in range(0, len(values), _STRETCH):
        result[start : start + _STRETCH] = _quantised_stretch(values[start : start + _STRETCH])
    return result


def _quantised_stretch(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = values * _SCALE
        whole = np.rint(scaled)
        result = whole / _SCALE
        to_tie = np.abs(np.abs(scaled - np.floor(scaled)) - 0.5)
        unsure = to_tie <= np.abs(scaled) * 1e-14 + 1e-9
        integral = values == np.rint(values)
    result = np.where(integral, values, result)
    unsure &= ~integral
    unsure &= np.isfinite(values)
    for index in np.flatnonzero(unsure):
        exact = quantised(float(values[index]))
        result[index] = np.nan if exact is None else float(exact)
    result[~np.isfinite(values)] = np.nan
    result += 0.0  # −0.0 + 0.0 is 0.0
    return result
