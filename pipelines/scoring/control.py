"""Key results that hold a limit: stay above, stay below, stay between.

A ratio misleads here ("keep below 5, now 7" would be 0.714), so the score is the share of periods that held.
Source: scoring rules, "Other kinds", stay_above / stay_below / stay_between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from definitions.settings import ScoringSettings
from pipelines.scoring.arithmetic import Number, exact, quantise
from pipelines.scoring.bands import DEFAULTS, at_least_at_risk, band_of
from pipelines.scoring.kinds import Band, Comparison
from pipelines.scoring.targets import is_met

VIOLATED_NOW = "violated_now"


class PeriodState(StrEnum):
    """Whether a period's value may be judged."""

    FINAL = "final"
    PROVISIONAL = "provisional"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Period:
    """One elapsed period of the metric, in time order."""

    value: Number | None
    state: PeriodState = PeriodState.FINAL


@dataclass(frozen=True, slots=True)
class ControlScore:
    """How well a limit was held.

    Attributes:
        score: periods met ÷ periods elapsed, None before the first.
        reason: `no_periods` where there is no score.
        band: the words for the score, no better than `at_risk` while the limit is violated.
        target_met: whether the latest judged period held.
        met, elapsed: the two counts.
    """

    score: Decimal | None
    reason: str | None
    band: Band
    target_met: bool | None
    met: int
    elapsed: int
    flags: tuple[str, ...] = ()


def score_control(
    comparison: Comparison,
    limit: Number,
    periods: Sequence[Period],
    *,
    high: Number | None = None,
    is_closing: bool = False,
    settings: ScoringSettings = DEFAULTS,
) -> ControlScore:
    """Score a control key result over its elapsed periods.

    `limit` is the limit, or the lower end for `between` (then `high` is the upper end). Provisional periods
    are left out. A missing period is left out while the cycle runs and counts as not met at close.

    >>> periods = [Period(4), Period(7), Period(3), Period(6)]
    >>> score_control(Comparison.LTE, 5, periods).score
    Decimal('0.500000')
    """
    verdicts: list[bool] = []
    flags: tuple[str, ...] = ()
    for period in periods:
        if period.state is PeriodState.PROVISIONAL:
            continue
        known = period.state is PeriodState.FINAL and exact(period.value) is not None
        if known:
            verdicts.append(is_met(period.value, comparison, limit, high) is True)
        elif is_closing:
            verdicts.append(False)
    if not verdicts:
        has_gap = any(period.state is PeriodState.MISSING for period in periods)
        band = Band.NO_DATA if has_gap else Band.NOT_STARTED
        return ControlScore(None, "no_periods", band, None, 0, 0)
    score = quantise(Fraction(sum(verdicts), len(verdicts)))
    band = band_of(score, settings)
    if not verdicts[-1]:
        band, flags = at_least_at_risk(band), (VIOLATED_NOW,)
    return ControlScore(score, None, band, verdicts[-1], sum(verdicts), len(verdicts), flags)
