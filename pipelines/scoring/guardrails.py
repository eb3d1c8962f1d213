"""What a good number may hide: a metric that improves at its counter-metric's cost, a child that shines under a
failing parent.

Source: scoring rules, "Driver trees and contributions" (guardrail pairs, local optimum).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from definitions.settings import ScoringSettings
from pipelines.scoring.arithmetic import Number, exact
from pipelines.scoring.bands import DEFAULTS
from pipelines.scoring.kinds import KpiStatus

GAMING_RISK = "gaming_risk"
LOCAL_OPTIMUM = "local_optimum"


def is_gaming_risk(
    improvement: Decimal | None,
    counter_improvement: Decimal | None,
    tolerance_pct: Number = 5,
    settings: ScoringSettings = DEFAULTS,
) -> bool:
    """Whether a metric improves by 5 % or more while its counter-metric worsens by more than its tolerance.

    Both are `relative_gain` over the same period: positive is better, whatever the metric's direction.

    >>> is_gaming_risk(Decimal("0.08"), Decimal("-0.06"))
    True
    """
    if improvement is None or counter_improvement is None:
        return False
    allowed = (exact(tolerance_pct) or Fraction(0)) / 100
    return improvement >= settings.gaming_improvement and -Fraction(counter_improvement) > allowed


def is_local_optimum(
    child: Sequence[KpiStatus], parent: Sequence[KpiStatus], settings: ScoringSettings = DEFAULTS
) -> bool:
    """Whether a child was green for the last two periods while its parent is red.

    Both are the statuses of complete periods, oldest first, ending in the same period.

    >>> is_local_optimum([KpiStatus.GREEN, KpiStatus.GREEN], [KpiStatus.AMBER, KpiStatus.RED])
    True
    """
    recent = child[-settings.local_optimum_periods :]
    long_enough = len(recent) == settings.local_optimum_periods
    is_green = long_enough and all(status is KpiStatus.GREEN for status in recent)
    return is_green and bool(parent) and parent[-1] is KpiStatus.RED
