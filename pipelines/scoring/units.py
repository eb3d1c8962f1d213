"""Unit algebra of driver trees: count × currency/count = currency.

A unit is a product of base units with whole powers: `currency`, `count`, `currency/count`, `count*hours`,
`1/week`. `ratio`, `percent` and `1` have no unit. Source: scoring rules, "Driver trees and contributions".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.scoring.errors import TreeError

_PURE = frozenset({"1", "ratio", "percent", "fraction", "%"})
_BASE = re.compile(r"^[^\W\d]\w*$|^[%€$£¥]$")


@dataclass(frozen=True, slots=True)
class Unit:
    """Base units and their powers; equality is equality of the algebra.

    >>> Unit.parse("count") * Unit.parse("currency/count") == Unit.parse("currency")
    True
    """

    powers: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Unit:
        """Read a unit as people write it.

        Raises:
            TreeError: `unit_syntax`.
        """
        top, *bottoms = (part.strip() for part in re.sub(r"\s+per\s+", "/", f" {text.strip()} ").split("/"))
        powers: Counter[str] = Counter()
        powers.update(_factors(top, text))
        for bottom in bottoms:
            powers.subtract(_factors(bottom, text))
        return cls(_known(powers))

    def __mul__(self, other: Unit) -> Unit:
        powers = Counter(self.powers)
        powers.update(other.powers)
        return Unit(_known(powers))

    def __truediv__(self, other: Unit) -> Unit:
        powers = Counter(self.powers)
        powers.subtract(other.powers)
        return Unit(_known(powers))

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.powers.items())))

    def __str__(self) -> str:
        def side(sign: int) -> str:
            names = [(base, abs(power)) for base, power in sorted(self.powers.items()) if power * sign > 0]
            return "*".join(base if power == 1 else f"{base}^{power}" for base, power in names)

        top, bottom = side(1), side(-1)
        return f"{top or '1'}/{bottom}" if bottom else top or "ratio"


def _factors(part: str, text: str) -> Counter[str]:
    powers: Counter[str] = Counter()
    for factor in (piece.strip() for piece in re.split(r"[*×·]", part)):
        name, _, power = factor.partition("^")
        if name in _PURE or (not name and len(part) == 0 and text.strip().startswith("per ")):
            continue
        if not _BASE.match(name) or (power and not power.isdigit()):
            raise TreeError(
                "unit_syntax", f"{text!r} is no unit; write such as currency, count, currency/count"
            )
        powers[name] += int(power) if power else 1
    return powers


def _known(powers: Counter[str]) -> dict[str, int]:
    return {base: power for base, power in sorted(powers.items()) if power}
