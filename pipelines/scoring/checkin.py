"""Check-ins: five fields, prefilled where arithmetic can, superseded and never overwritten.

The five are progress, how it happened, confidence, blockers, and what to do differently. Source: scoring rules,
"Cycle".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from pipelines.scoring.arithmetic import Number, difference, exact, quantise_or_none
from pipelines.scoring.errors import CheckInError
from pipelines.scoring.kinds import KeyResultStatus
from pipelines.scoring.standing import OVERRIDES, Override

MAX_TEXT = 4000


@dataclass(frozen=True, slots=True)
class CheckIn:
    """What a person said about a key result on a day.

    Attributes:
        value_override: a value that stands in for the metric's own, for what no system knows.
        confidence: that the goal will be reached, 0..1 in steps of 0.1; a person's, never computed.
        status_override: one of `standing.OVERRIDES`, with `blockers` or `progress_note` as its reason.
        supersedes: the check-in that this one corrects.
        check_in_id: None until it is recorded.
    """

    key_result: str
    on: date
    author: str
    how_it_happened: str
    confidence: Decimal
    progress_note: str = ""
    blockers: str = ""
    do_differently: str = ""
    value_override: Decimal | None = None
    status_override: KeyResultStatus | None = None
    created_at: datetime | None = None
    supersedes: int | None = None
    check_in_id: int | None = None

    @property
    def override(self) -> Override | None:
        """The status this check-in puts in place of the computed one; a word that is not a person's to give is none."""
        if self.status_override not in OVERRIDES:
            return None
        return Override(self.status_override, self.blockers or self.progress_note or self.how_it_happened)


def make_check_in(
    *,
    key_result: str,
    on: date,
    author: str,
    how_it_happened: str,
    confidence: Number | str | None,
    today: date,
    cycle: tuple[date, date],
    progress_note: str = "",
    blockers: str = "",
    do_differently: str = "",
    value_override: Number | str | None = None,
    status_override: str | None = None,
) -> CheckIn:
    """Check what a person entered and return it clean.

    Raises:
        CheckInError: names the field: a day outside the cycle or after today, no words on how it happened, a
            confidence that is missing or no step of 0.1, a value that is no number, an override without a reason.
    """
    start, end = cycle
    if on > today:
        raise CheckInError("check_in_date", f"{on} is after today ({today})")
    if not start <= on <= end:
        raise CheckInError("check_in_date", f"{on} is outside the cycle {start} to {end}")
    texts = {
        "how_it_happened": how_it_happened,
        "progress_note": progress_note,
        "blockers": blockers,
        "do_differently": do_differently,
    }
    clean = {name: _text(name, text) for name, text in texts.items()}
    if not clean["how_it_happened"]:
        raise CheckInError("how_it_happened", "say in a sentence how the progress came about")
    if not author.strip():
        raise CheckInError("author_email", "is empty")
    status = _status(status_override)
    if status is not None and not (clean["blockers"] or clean["progress_note"]):
        raise CheckInError("status_override", "needs a reason in blockers or in the progress note")
    return CheckIn(
        key_result=key_result,
        on=on,
        author=author.strip(),
        confidence=_confidence(confidence),
        value_override=_value(value_override),
        status_override=status,
        how_it_happened=clean["how_it_happened"],
        progress_note=clean["progress_note"],
        blockers=clean["blockers"],
        do_differently=clean["do_differently"],
    )


def current(check_ins: Iterable[CheckIn]) -> tuple[CheckIn, ...]:
    """Check-ins that stand: none that another one corrects, and one per key result and day, the latest.

    Ordered by key result and day.
    """
    recorded = list(check_ins)
    corrected = {item.supersedes for item in recorded if item.supersedes is not None}
    standing: dict[tuple[str, date], CheckIn] = {}
    for item in sorted(recorded, key=_recorded):
        if item.check_in_id is None or item.check_in_id not in corrected:
            standing[item.key_result, item.on] = item
    return tuple(standing[key] for key in sorted(standing))


def corrected_by(check_in: CheckIn, recorded: Iterable[CheckIn]) -> int | None:
    """The recorded check-in that `check_in` would supersede: the one that stands for its key result and day."""
    for item in current(recorded):
        if item.key_result == check_in.key_result and item.on == check_in.on:
            return item.check_in_id
    return None


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver's part of the change, for the prefilled sentence."""

    label: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Prefill:
    """What the form knows before a person writes: all but confidence, which is always asked."""

    progress: str
    how: str


def prefill(
    *,
    label: str,
    unit: str,
    value: Number | None,
    previous: Number | None,
    target: Number | None,
    score: Decimal | None,
    progress: Decimal | None,
    pace: str | None,
    drivers: Sequence[Driver] = (),
) -> Prefill:
    """Write the arithmetic half of a check-in: value, change, score, pace, top three drivers."""
    if exact(value) is None:
        return Prefill(f"No value of {label} yet.", "")
    change = difference(value, previous)
    parts = [f"{label} is {_number(value)} {unit}".rstrip()]
    if change is not None:
        parts.append(f"{_signed(change)} since the last check-in")
    if exact(target) is not None:
        parts.append(f"target {_number(target)}")
    if score is not None:
        parts.append(f"score {score:.2f}")
    if progress is not None:
        parts.append(f"progress {progress:.0%}")
    if pace is not None and pace != "not_applicable":
        parts.append(f"pace {pace.replace('_', ' ')}")
    top = sorted(drivers, key=lambda driver: (-abs(driver.amount), driver.label))[:3]
    how = "; ".join(f"{driver.label} {_signed(driver.amount)}" for driver in top if driver.amount)
    return Prefill(", ".join(parts) + ".", f"Drivers: {how}." if how else "")


def _recorded(item: CheckIn) -> tuple[bool, int, str]:
    """Order of recording; what is not yet recorded comes last."""
    return (item.check_in_id is None, item.check_in_id or 0, item.key_result)


def _text(name: str, text: str) -> str:
    clean = text.replace("\x00", "").strip()
    if len(clean) > MAX_TEXT:
        raise CheckInError(name, f"has {len(clean)} characters; keep it under {MAX_TEXT}")
    return clean


def _confidence(given: Number | str | None) -> Decimal:
    value = _value(given, "confidence")
    if value is None:
        raise CheckInError("confidence", "is asked of a person every time; give 0 to 1 in steps of 0.1")
    if not 0 <= value <= 1 or value * 10 != int(value * 10):
        raise CheckInError("confidence", f"is {value.normalize():f}; give 0 to 1 in steps of 0.1")
    return value.quantize(Decimal("0.1"))


def _value(given: Number | str | None, field: str = "value_override") -> Decimal | None:
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    try:
        value = quantise_or_none(Decimal(given.strip()) if isinstance(given, str) else given)
    except ArithmeticError:
        value = None
    if value is None:
        raise CheckInError(field, f"{given!r} is no number; write it like 12.5")
    return value


def _status(given: str | None) -> KeyResultStatus | None:
    if not given:
        return None
    allowed = {str(status): status for status in OVERRIDES}
    if given not in allowed:
        raise CheckInError("status_override", f"{given!r} is not one of {', '.join(allowed)}")
    return allowed[given]


def _number(value: Number | None) -> str:
    rounded = quantise_or_none(value)
    return "unknown" if rounded is None else f"{rounded:,f}".rstrip("0").rstrip(".")


def _signed(value: Decimal) -> str:
    return ("+" if value > 0 else "−" if value < 0 else "±") + _number(abs(value))
