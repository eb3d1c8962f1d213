"""What is due becomes messages: pure rules over the rows that wait.

    settle(queued, …)      what need not be sent any more, and what must wait for another row
    batches(due, …)        which rows travel in one message

A storm of sixty alerts to one person over one channel is one message. Rows that a drain has tried stay together
under their message key, so that every try is the same message to the receiver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from .decision import Reason
from .incidents import Silence
from .model import AlertType, Notice, wire_key
from .outbox import Queued


@dataclass(frozen=True, slots=True)
class Dropped:
    """A waiting row that is not sent, with the reason and what caused it."""

    row: Queued
    reason: Reason
    by: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What is left to send, and what is not."""

    rows: tuple[Queued, ...]
    dropped: tuple[Dropped, ...]


def settle(
    waiting: Iterable[Queued],
    now: datetime,
    sent: frozenset[tuple[str, str, str]],
    silences: Sequence[Silence],
    checked_in: Mapping[str, datetime],
) -> Settled:
    """Look at waiting rows once more before they go out; hours may have passed since they were decided.

    - An opening that nobody has tried, of an episode that has ended: neither is told (unless something of the
      episode was told on that way before; then the end is).
    - An end waits until the opening that is being tried is through, so that a page is never opened after it was
      closed.
    - Untried rows that a person silenced or acknowledged since, and nudges of key results checked in since.

    Args:
        sent: (episode, recipient, channel) of what was sent.
        checked_in: when each key result was last checked in.
    """
    rows = list(waiting)
    ended = {_way(row) for row in rows if row.log.notice is Notice.RESOLVED}
    in_flight = {_way(row) for row in rows if row.log.notice is not Notice.RESOLVED and not row.is_untried}
    kept: list[Queued] = []
    dropped: list[Dropped] = []
    for row in rows:
        verdict = _verdict(row, now, ended, in_flight, sent, silences, checked_in)
        if verdict is None:
            kept.append(row)
        elif verdict is not _WAIT:
            dropped.append(Dropped(row, *verdict))
    return Settled(tuple(kept), tuple(dropped))


_WAIT = (Reason.UNCHANGED, "")
_Way = tuple[str, str, str]


def _verdict(
    row: Queued,
    now: datetime,
    ended: set[_Way],
    in_flight: set[_Way],
    sent: frozenset[_Way],
    silences: Sequence[Silence],
    checked_in: Mapping[str, datetime],
) -> tuple[Reason, str] | None:
    log, way = row.log, _way(row)
    if not row.is_untried:
        return None
    if log.notice is Notice.RESOLVED:
        if way in in_flight:
            return _WAIT
        return None if way in sent else (Reason.NEVER_TOLD, "ended before it was sent")
    if way in ended:
        return (Reason.ENDED, "ended before it was sent")
    for silence in silences:
        if silence.covers(log.alert, now):
            return (Reason.SILENCED, f"silence {silence.id}: {silence.reason}")
    if log.acknowledged_by and log.notice in (Notice.REMINDER, Notice.ESCALATION):
        return (Reason.ACKNOWLEDGED, log.acknowledged_by)
    if log.alert.type is AlertType.CHECK_IN_DUE:
        at = checked_in.get(log.alert.subject.id)
        if at is not None and at >= row.created_at:
            return (Reason.ACKNOWLEDGED, f"checked in at {at:%Y-%m-%d %H:%M} UTC")
    return None


def _way(row: Queued) -> _Way:
    return (row.log.episode, row.log.recipient, row.log.channel)


def batches(
    rows: Iterable[Queued], now: datetime, travels_alone: Callable[[Queued], bool]
) -> list[list[Queued]]:
    """Due rows as messages: by recipient, channel and kind; worst and never tried first.

    Args:
        travels_alone: true where the receiver keeps each episode open by itself (PagerDuty, Opsgenie).
    """
    found: dict[tuple[str, ...], list[Queued]] = {}
    for row in rows:
        if row.next_try_at > now:
            continue
        together: tuple[str, ...]
        if row.message_key is not None:
            together = ("tried", row.message_key)
        elif travels_alone(row):
            together = ("alone", str(row.alert_key))
        else:
            together = ("joined", *row.way, _kind(row.log.alert.type))
        found.setdefault(together, []).append(row)
    return sorted(found.values(), key=_urgency)


def message_key(batch: Sequence[Queued]) -> str:
    """The key a message travels under: that of its first try, else made of the rows it tells."""
    if batch[0].message_key is not None:
        return batch[0].message_key
    return wire_key("\n".join([*batch[0].way, *sorted(row.entry.key for row in batch)]))


def _kind(alert_type: AlertType) -> str:
    if alert_type in (AlertType.CHECK_IN_DUE, AlertType.DIGEST):
        return alert_type.value
    return "news" if alert_type.is_broadcast else "alerts"


def _urgency(batch: list[Queued]) -> tuple[bool, int, int]:
    worst = max(row.log.severity.rank for row in batch)
    return (batch[0].attempts > 0, -worst, batch[0].alert_key)
