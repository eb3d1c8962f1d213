"""The ratio: how much of the target the current value is. Reads no baseline.

Source: scoring rules, "Score of an outcome key result" and its table of cases. KPI attainment is the
same number.
"""

from __future__ import annotations

from decimal import Decimal

from definitions.model import Direction
from pipelines.scoring.arithmetic import ONE, ZERO, Number, exact, quantise
from pipelines.scoring.measure import Measure

ZERO_CURRENT_CAP = Decimal("2.000000")


def ratio(
    direction: Direction,
    current: Number | None,
    target: Number | None,
    zero_current_cap: Decimal = ZERO_CURRENT_CAP,
) -> Measure:
    """current ÷ target where more is better, target ÷ current where less is better.

    The value is None with a reason where a quotient would say nothing (`no_current_value`, `no_target`,
    `negative_operand`, `zero_target`); a zero in a `decrease` has a value and a reason (`zero_over_zero`,
    `zero_target_uninformative`, `zero_current_capped`).

    >>> ratio(Direction.INCREASE, 42, 55)
    Measure(value=Decimal('0.763636'), reason=None)
    """
    now, goal = exact(current), exact(target)
    if now is None:
        return Measure(None, "no_current_value")
    if goal is None:
        return Measure(None, "no_target")
    if direction is Direction.WITHIN:
        return Measure(None, "band_target")
    if now < 0 or goal < 0:
        return Measure(None, "negative_operand")
    if direction is Direction.INCREASE:
        return Measure(None, "zero_target") if goal == 0 else Measure(quantise(now / goal))
    if goal == 0:
        return Measure(ONE, "zero_over_zero") if now == 0 else Measure(ZERO, "zero_target_uninformative")
    if now == 0:
        return Measure(zero_current_cap, "zero_current_capped")
    return Measure(quantise(goal / now))
