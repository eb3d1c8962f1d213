"""Cycles: what closing one decides, and what changing a goal inside one leaves behind.

Source: scoring rules, "Cycle".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from definitions.settings import ScoringSettings
from pipelines.scoring.arithmetic import Number, exact, quantise
from pipelines.scoring.bands import DEFAULTS

RETRO_EDIT = "retro_edit"
SYSTEM = "system"


class Answer(StrEnum):
    """What is asked about every key result at close."""

    KEEP = "keep"
    MODIFY = "modify"
    ABANDON = "abandon"


@dataclass(frozen=True, slots=True)
class MeasuredPeriod:
    """One period of a key result's metric, as the close sees it; `end` is its last day."""

    end: date
    value: Number | None
    is_final: bool
    checks_passed: bool = True


@dataclass(frozen=True, slots=True)
class RecordedBaseline:
    """A baseline that is there already, and who set it: a person's key, or `system`."""

    value: Number
    as_of: date
    set_by: str


@dataclass(frozen=True, slots=True)
class BaselineDecision:
    """What closing does about one baseline of the next cycle.

    Attributes:
        value, as_of: what to write; None where nothing is written.
        reason: `written`, `set_by_person`, `already_written` or `no_final_period`.
    """

    value: Decimal | None
    as_of: date | None
    reason: str

    @property
    def is_written(self) -> bool:
        """Whether there is something to write."""
        return self.value is not None


def next_baseline(
    periods: Sequence[MeasuredPeriod],
    cycle_end: date,
    existing: RecordedBaseline | None,
    settings: ScoringSettings = DEFAULTS,
) -> BaselineDecision:
    """Decide the baseline that a closing cycle hands to the next one.

    It is the value of the last complete final period (or the mean of the last three), of those whose checks passed.
    A person's baseline is never written over; the system's own is when it is of an earlier period, so that closing
    again changes nothing.

    >>> next_baseline([MeasuredPeriod(date(2026, 9, 30), 40, True)], date(2026, 9, 30), None).value
    Decimal('40.000000')
    """
    if existing is not None and existing.set_by != SYSTEM:
        return BaselineDecision(None, None, "set_by_person")
    usable = sorted(
        (period.end, value)
        for period in periods
        if period.is_final and period.checks_passed and period.end <= cycle_end
        for value in [exact(period.value)]
        if value is not None
    )
    if not usable:
        return BaselineDecision(None, None, "no_final_period")
    if existing is not None and existing.as_of >= usable[-1][0]:
        return BaselineDecision(None, None, "already_written")
    chosen = usable[-3:] if settings.next_baseline == "mean_of_3" else usable[-1:]
    mean = sum((value for _, value in chosen), Fraction(0)) / len(chosen)
    return BaselineDecision(quantise(mean), usable[-1][0], "written")


@dataclass(frozen=True, slots=True)
class GoalNumbers:
    """The numbers of a key result that may not change unseen inside a cycle."""

    target: Number | None = None
    baseline: Number | None = None
    stretch: Number | None = None
    band_low: Number | None = None
    band_high: Number | None = None


@dataclass(frozen=True, slots=True)
class RetroEdit:
    """One number that changed inside its cycle."""

    field: str
    was: Decimal | None
    now: Decimal | None


def retro_edits(before: GoalNumbers, after: GoalNumbers) -> tuple[RetroEdit, ...]:
    """What changed between two states of a key result, at six places; a baseline found for the first time is no
    edit."""
    edits = []
    for name in ("target", "baseline", "stretch", "band_low", "band_high"):
        was, now = (
            None if value is None else exact(quantise(value))
            for value in (exact(getattr(before, name)), exact(getattr(after, name)))
        )
        is_first = name == "baseline" and was is None
        if was != now and not is_first:
            edits.append(
                RetroEdit(
                    name, None if was is None else quantise(was), None if now is None else quantise(now)
                )
            )
    return tuple(edits)


def is_inside(day: date, start: date, end: date) -> bool:
    """Whether an edit on `day` is an edit inside the cycle: after its first day, up to its last."""
    return start < day <= end
