"""Progress: how far the current value has come from the baseline to the target.

Right for both directions and for negative values. The raw value is kept: below 0 is a step back, above 1
is beyond the target. Source: scoring rules, "Score of an outcome key result".
"""

from __future__ import annotations

from pipelines.scoring.arithmetic import Number, exact, quantise
from pipelines.scoring.measure import Measure


def progress(current: Number | None, target: Number | None, baseline: Number | None) -> Measure:
    """(current − baseline) ÷ (target − baseline), or None with a reason.

    Reasons: `no_current_value`, `no_target`, `no_baseline`, `zero_span` (baseline equals target).

    >>> progress(6, target=4, baseline=8)
    Measure(value=Decimal('0.500000'), reason=None)
    """
    now, goal, start = exact(current), exact(target), exact(baseline)
    if now is None:
        return Measure(None, "no_current_value")
    if goal is None:
        return Measure(None, "no_target")
    if start is None:
        return Measure(None, "no_baseline")
    if goal == start:
        return Measure(None, "zero_span")
    return Measure(quantise((now - start) / (goal - start)))
