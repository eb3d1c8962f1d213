"""When check-ins are due, and who hears of it when they do not come.

Due day → owner; +1 day → owner; +3 → the key result shows `stale`; +7 → team lead; +14 → objective sponsor. One
message per person a day, batched; it stops when checked in, waived or closed. Source: scoring rules, "Cycle".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

from definitions.settings import ScoringSettings
from pipelines.scoring.bands import DEFAULTS


class DueState(StrEnum):
    """Where one due check-in stands."""

    DUE = "due"
    DONE = "done"
    OVERDUE = "overdue"
    WAIVED = "waived"


class Rung(StrEnum):
    """The steps of the ladder, in order; each is climbed once per due check-in."""

    DUE = "due"
    REMINDER = "reminder"
    LEAD = "lead"
    SPONSOR = "sponsor"


@dataclass(frozen=True, slots=True)
class Due:
    """One check-in that is asked for: a row of `check_in_due`.

    Attributes:
        nudges_sent: how many rungs have been climbed.
    """

    key_result: str
    due: date
    state: DueState = DueState.DUE
    nudges_sent: int = 0
    last_nudge_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to check in."""
        return self.state in {DueState.DUE, DueState.OVERDUE}


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is asked about one key result, by e-mail."""

    owner: str
    lead: str
    sponsor: str


@dataclass(frozen=True, slots=True)
class Nudge:
    """One line of a message: which check-in, how late, and why this person hears of it."""

    key_result: str
    due: date
    days_late: int
    rung: Rung


@dataclass(frozen=True, slots=True)
class Message:
    """Everything one person is told today."""

    recipient: str
    nudges: tuple[Nudge, ...]


def due_dates(
    start: date, end: date, cadence: str = "weekly", settings: ScoringSettings = DEFAULTS
) -> tuple[date, ...]:
    """Days on which check-ins are due in a cycle: business days, each week, every second week, or each month's last
    such weekday.

    Raises:
        ValueError: an unknown cadence.

    >>> due_dates(date(2026, 10, 1), date(2026, 10, 20))
    (datetime.date(2026, 10, 2), datetime.date(2026, 10, 9), datetime.date(2026, 10, 16))
    """
    first = start + timedelta((settings.check_in_weekday - start.isoweekday()) % 7)
    weekly = [
        first + timedelta(7 * week) for week in range(((end - first).days // 7) + 1 if first <= end else 0)
    ]
    match cadence:
        case "daily":
            days = (start + timedelta(day) for day in range((end - start).days + 1))
            return tuple(day for day in days if day.isoweekday() <= 5)
        case "weekly":
            return tuple(weekly)
        case "biweekly":
            return tuple(weekly[1::2])
        case "monthly":
            return tuple(day for day in weekly if (day + timedelta(7)).month != day.month)
    raise ValueError(f"cadence {cadence!r} is not daily, weekly, biweekly or monthly")


def update_dues(
    dues: Iterable[Due], checked_in: Mapping[str, Sequence[date]], as_of: date
) -> tuple[Due, ...]:
    """Set the state of every due check-in from the days on which people checked in.

    A check-in settles every open due day up to its own day; where there is none it settles the next one, early. It
    counts once. Rows are ordered by key result and day.
    """
    by_key: dict[str, list[Due]] = {}
    for due in sorted(dues, key=lambda item: (item.key_result, item.due)):
        by_key.setdefault(due.key_result, []).append(due)
    return tuple(
        due
        for key, rows in sorted(by_key.items())
        for due in _update_one(rows, sorted(set(checked_in.get(key, ()))), as_of)
    )


def is_stale(dues: Iterable[Due], as_of: date, settings: ScoringSettings = DEFAULTS) -> bool:
    """Whether a key result's oldest open check-in is three days late: silence is never green."""
    return any(due.is_open and (as_of - due.due).days >= settings.stale_after_days for due in dues)


def decide_nudges(
    dues: Iterable[Due],
    audiences: Mapping[str, Audience],
    now: datetime,
    today: date,
    told_today: frozenset[str] = frozenset(),
    settings: ScoringSettings = DEFAULTS,
) -> tuple[tuple[Message, ...], tuple[Due, ...]]:
    """Return today's messages, and the due rows with the rungs they climbed.

    A run that was missed catches up: only the highest rung reached is told. A person in `told_today` has had a
    message already; what concerns them waits for tomorrow.
    """
    messages: dict[str, list[Nudge]] = {}
    rows = []
    for due in sorted(dues, key=lambda item: (item.key_result, item.due)):
        reached = _rungs_reached((today - due.due).days, settings) if due.is_open else 0
        if reached <= due.nudges_sent or due.key_result not in audiences:
            rows.append(due)
            continue
        rung = tuple(Rung)[reached - 1]
        recipient = _recipient(audiences[due.key_result], rung)
        if recipient in told_today:
            rows.append(due)
            continue
        nudge = Nudge(due.key_result, due.due, (today - due.due).days, rung)
        messages.setdefault(recipient, []).append(nudge)
        rows.append(replace(due, nudges_sent=reached, last_nudge_at=now))
    return tuple(Message(person, tuple(items)) for person, items in sorted(messages.items())), tuple(rows)


def told_on(
    dues: Iterable[Due], audiences: Mapping[str, Audience], day: date, zone: tzinfo
) -> frozenset[str]:
    """People who had a message on a day, as the due rows remember it."""
    return frozenset(
        _recipient(audiences[due.key_result], tuple(Rung)[due.nudges_sent - 1])
        for due in dues
        if due.key_result in audiences
        and due.nudges_sent
        and due.last_nudge_at is not None
        and due.last_nudge_at.astimezone(zone).date() == day
    )


def _update_one(rows: Sequence[Due], days: Sequence[date], as_of: date) -> list[Due]:
    result = list(rows)
    for day in days:
        if day > as_of:
            break
        waiting = [place for place, due in enumerate(result) if due.is_open]
        late = [place for place in waiting if result[place].due <= day]
        for place in late or waiting[:1]:
            result[place] = replace(result[place], state=DueState.DONE)
    return [
        replace(due, state=DueState.OVERDUE if due.due < as_of else DueState.DUE) if due.is_open else due
        for due in result
    ]


def _rungs_reached(days_late: int, settings: ScoringSettings) -> int:
    steps = (0, 1, settings.escalate_lead_after_days, settings.escalate_sponsor_after_days)
    return sum(days_late >= step for step in steps)


def _recipient(audience: Audience, rung: Rung) -> str:
    return {Rung.LEAD: audience.lead, Rung.SPONSOR: audience.sponsor}.get(rung, audience.owner)
