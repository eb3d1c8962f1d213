"""The optimum band: metrics that can be too low and too high, such as LTV:CAC.

LTV:CAC 3..5 with floor 1 and ceiling 7: 1→0, 2→0.5, 4→1, 6→0.5. Source: scoring rules, "Other kinds".
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from pipelines.scoring.arithmetic import ONE, Number, exact, quantise
from pipelines.scoring.errors import TargetError
from pipelines.scoring.kinds import Side


@dataclass(frozen=True, slots=True)
class OptimumBand:
    """A band `low`..`high`; at `floor` and `ceiling` and beyond the score is 0.

    Attributes:
        meaning_below, meaning_above: what the side says to a reader ("growing too cautiously").
    """

    low: Number
    high: Number
    floor: Number | None = None
    ceiling: Number | None = None
    meaning_below: str = "below the optimum band"
    meaning_above: str = "above the optimum band"
    meaning_inside: str = "inside the optimum band"

    def edges(self) -> tuple[Fraction, Fraction, Fraction, Fraction]:
        """Return floor, low, high, ceiling; an absent floor or ceiling lies one width of the band outside.

        Raises:
            TargetError: `band_order` unless floor ≤ low ≤ high ≤ ceiling and all are finite.
        """
        low, high = exact(self.low), exact(self.high)
        if low is None or high is None:
            raise TargetError("band_order", f"the band {self.low}..{self.high} has an end that is no number")
        width = high - low
        floor, ceiling = exact(self.floor), exact(self.ceiling)
        floor = low - width if floor is None else floor
        ceiling = high + width if ceiling is None else ceiling
        if not floor <= low <= high <= ceiling:
            raise TargetError(
                "band_order",
                f"needs floor ≤ low ≤ high ≤ ceiling, found {float(floor)}, {self.low}, {self.high}, "
                f"{float(ceiling)}",
            )
        return floor, low, high, ceiling

    def meaning(self, side: Side) -> str:
        """What `side` says to a reader."""
        return {
            Side.BELOW: self.meaning_below,
            Side.INSIDE: self.meaning_inside,
            Side.ABOVE: self.meaning_above,
        }[side]


@dataclass(frozen=True, slots=True)
class BandScore:
    """Where a value lies against its optimum band; all None where the value is unknown."""

    score: Decimal | None
    side: Side | None
    meaning: str | None
    reason: str | None = None


def score_optimum(value: Number | None, band: OptimumBand) -> BandScore:
    """1 inside the band, falling linearly to 0 at the floor and at the ceiling.

    >>> score_optimum(2, OptimumBand(3, 5)).score
    Decimal('0.500000')
    """
    floor, low, high, ceiling = band.edges()
    now = exact(value)
    if now is None:
        return BandScore(None, None, None, "no_current_value")
    if now < low:
        side, score = Side.BELOW, _share(now - floor, low - floor)
    elif now > high:
        side, score = Side.ABOVE, _share(ceiling - now, ceiling - high)
    else:
        side, score = Side.INSIDE, ONE
    return BandScore(score, side, band.meaning(side))


def _share(part: Fraction, whole: Fraction) -> Decimal:
    return quantise(Fraction(0) if whole == 0 else max(Fraction(0), min(Fraction(1), part / whole)))
