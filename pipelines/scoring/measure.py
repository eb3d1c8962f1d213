"""A number or the reason why there is none: what ratio, progress and attainment return."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured number.

    Attributes:
        value: the number at six places, or None where it is unknown.
        reason: why the value is unknown, or which edge case made it; None for the plain case.
    """

    value: Decimal | None
    reason: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether there is a number."""
        return self.value is not None
