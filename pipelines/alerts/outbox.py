"""The outbox: decisions in and out of the alert log, which is queue, history and memory in one.

An alert is a row, committed with the batch that raised it (`rows`, carried by the `Publication`) or on its own
(`record`). A drain claims rows by raising ``attempts``, which only one drain can do, sends, and marks them; a
drain that dies in between leaves a lease that runs out, and the next one sends the same message under the same
key. So a message arrives at least once, and at most once where the receiver knows the key.

Source: alert rules, 'Outbox'; faults, 29.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, RowMapping, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from pipelines.publishing.records import AlertRow
from pipelines.publishing.schema import alert_acknowledgement, alert_log, alert_silence, check_in

from .decision import Decision
from .incidents import LogRow, Memory, Silence, remember
from .model import Alert, AlertType, Notice, Severity
from .payload import Entry, title

MEMORY_DAYS = 35
"""How far back events and ended episodes are remembered; open episodes are, however old."""

_ALERT: TypeAdapter[Alert] = TypeAdapter(Alert)


# ── in ──────────────────────────────────────────────────────────────────────────────────────────────────────


def rows(decisions: Iterable[Decision], memory: Memory, now: datetime) -> tuple[AlertRow, ...]:
    """Decisions as rows of the log, without those that say what the log says already."""
    return tuple(_row(decision, now) for decision in decisions if decision.is_news(memory))


def record(connection: Connection, found: Sequence[AlertRow]) -> int:
    """Write rows outside a publication; those already queued or sent are left out. Returns how many were new."""
    new = 0
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    for row in found:
        new += connection.execute(insert(alert_log).values(**asdict(row)).on_conflict_do_nothing()).rowcount
    return new


def _row(decision: Decision, now: datetime) -> AlertRow:
    alert = decision.alert
    return AlertRow(
        dedup_key=decision.key[0],
        episode=alert.episode,
        notice=decision.notice.value,
        alert_type=alert.type.value,
        subject_kind=alert.subject.kind,
        subject_id=alert.subject.id,
        severity=alert.severity.value,
        recipient=decision.recipient,
        channel=decision.channel,
        delivery_state="queued" if decision.is_sent else "suppressed",
        reason=decision.reason.value,
        message=title(Entry(alert, decision.notice, decision.step)),
        payload=_ALERT.dump_json(alert, exclude_defaults=True).decode(),
        created_at=now,
        next_try_at=decision.at if decision.is_sent else None,
        suppressed_by=(decision.by or None) if not decision.is_sent else None,
        is_restricted=alert.is_restricted,
    )


# ── memory ──────────────────────────────────────────────────────────────────────────────────────────────────


def recall(connection: Connection, now: datetime, days: int = MEMORY_DAYS) -> Memory:
    """What the log remembers: every open episode, and with ``days`` everything decided since."""
    log = alert_log
    began = select(log.c.episode).where(log.c.notice == Notice.FIRING.value)
    ended = select(log.c.episode).where(log.c.notice == Notice.RESOLVED.value)
    wanted: ColumnElement[bool] = log.c.episode.in_(began.except_(ended))
    if days:
        wanted = or_(wanted, log.c.created_at >= now - timedelta(days=days))
    found = connection.execute(select(log).where(wanted).order_by(log.c.alert_key)).mappings()
    return remember(row for each in found if (row := log_row(each)) is not None)


def silences(connection: Connection, now: datetime) -> tuple[Silence, ...]:
    """Silences in force at an instant, oldest first."""
    table = alert_silence
    found = connection.execute(
        select(table).where(table.c.starts_at <= now, table.c.ends_at > now).order_by(table.c.silence_id)
    ).mappings()
    return tuple(
        Silence(
            id=row["silence_id"],
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            reason=row["reason"],
            alert_type=row["alert_type"],
            subject_id=row["subject_id"],
            team=row["team"],
        )
        for row in found
    )


def take_over_acknowledgements(connection: Connection) -> int:
    """Carry what people wrote into the log. Returns rows changed.

    An answer counts for what its author could have seen: rows decided before it. What gets worse afterwards asks
    again.
    """
    given = alert_acknowledgement
    answers = (given.c.episode == alert_log.c.episode) & (given.c.created_at >= alert_log.c.created_at)
    first = select(given.c.given_by).where(answers).order_by(given.c.acknowledgement_id).limit(1)
    changed = connection.execute(
        update(alert_log)
        .where(
            alert_log.c.episode.in_(select(given.c.episode)),  # few; the index on episode finds their rows
            alert_log.c.acknowledged_at.is_(None),
            exists().where(answers),
        )
        .values(
            acknowledged_by=first.scalar_subquery(),
            acknowledged_at=select(func.min(given.c.created_at)).where(answers).scalar_subquery(),
        )
    )
    return changed.rowcount


def log_row(row: RowMapping) -> LogRow | None:
    """A row as decisions read it; None for one that this version cannot read (written by a later one)."""
    try:
        notice, step = _notice(row["dedup_key"])
        alert = replace(_ALERT.validate_json(row["payload"]), batch_id=row["batch_id"])
    except (ValueError, IndexError):
        return None
    return LogRow(
        episode=row["episode"],
        notice=notice,
        step=step,
        severity=Severity(row["severity"]),
        recipient=row["recipient"],
        channel=row["channel"],
        state=row["delivery_state"],
        reason=row["reason"],
        at=_due(row, notice),
        alert=alert,
        suppressed_by=row["suppressed_by"],
        acknowledged_by=row["acknowledged_by"],
    )


def _due(row: RowMapping, notice: Notice) -> datetime:
    """When a row was (or will be) told; for an end, when it was noticed."""
    created: datetime = row["created_at"]
    if notice is Notice.RESOLVED:
        return created
    untried = row["next_try_at"] if row["attempts"] == 0 else None
    due: datetime = row["sent_at"] or untried or created
    return due


def _notice(dedup_key: str) -> tuple[Notice, int]:
    name, _, step = dedup_key.rsplit("#", 1)[1].partition("-")
    return Notice(name), int(step or 0)


# ── out ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Queued:
    """A row that waits to be sent. ``message_key`` is set once a drain has tried it, and never changes."""

    alert_key: int
    log: LogRow
    attempts: int
    created_at: datetime
    next_try_at: datetime
    message_key: str | None

    @property
    def is_untried(self) -> bool:
        """Whether no drain has begun to send it."""
        return self.attempts == 0

    @property
    def way(self) -> tuple[str, str]:
        """Recipient and channel."""
        return (self.log.recipient, self.log.channel)

    @property
    def entry(self) -> Entry:
        """The row as a message tells it."""
        return Entry(self.log.alert, self.log.notice, self.log.step)


def queued(connection: Connection) -> list[Queued]:
    """Everything that waits, in order of insertion."""
    found = connection.execute(
        select(alert_log).where(alert_log.c.delivery_state == "queued").order_by(alert_log.c.alert_key)
    ).mappings()
    return [
        Queued(
            alert_key=row["alert_key"],
            log=log,
            attempts=row["attempts"],
            created_at=row["created_at"],
            next_try_at=row["next_try_at"] or row["created_at"],
            message_key=row["message_key"],
        )
        for row in found
        if (log := log_row(row)) is not None
    ]


def sent_ways(connection: Connection, episodes: Iterable[str]) -> frozenset[tuple[str, str, str]]:
    """(episode, recipient, channel) of everything of these episodes that was sent."""
    table = alert_log
    found: set[tuple[str, str, str]] = set()
    for episode in sorted(set(episodes)):
        found.update(
            (episode, recipient, channel)
            for recipient, channel in connection.execute(
                select(table.c.recipient, table.c.channel).where(
                    table.c.episode == episode,
                    table.c.delivery_state == "sent",
                    table.c.notice != Notice.RESOLVED.value,
                )
            )
        )
    return frozenset(found)


def nudged_on(connection: Connection, since: datetime) -> frozenset[str]:
    """Recipients who were sent a nudge since an instant."""
    table = alert_log
    found = connection.execute(
        select(table.c.recipient).where(
            table.c.alert_type == AlertType.CHECK_IN_DUE.value,
            table.c.delivery_state == "sent",
            table.c.sent_at >= since,
        )
    )
    return frozenset(found.scalars())


def checked_in(connection: Connection) -> dict[str, datetime]:
    """When each key result was last checked in."""
    table = check_in
    found = connection.execute(
        select(table.c.key_result_key, func.max(table.c.created_at)).group_by(table.c.key_result_key)
    )
    return {key_result: at for key_result, at in found if at is not None}


def claim(connection: Connection, batch: Sequence[Queued], message_key: str, until: datetime) -> bool:
    """Take rows for one message until the lease ends; False when another drain was faster.

    The caller rolls back on False: a message is claimed whole or not at all.
    """
    for row in batch:
        taken = connection.execute(
            update(alert_log)
            .where(
                alert_log.c.alert_key == row.alert_key,
                alert_log.c.delivery_state == "queued",
                alert_log.c.attempts == row.attempts,
            )
            .values(attempts=row.attempts + 1, next_try_at=until, message_key=message_key)
        )
        if taken.rowcount != 1:
            return False
    return True


def mark_sent(connection: Connection, batch: Sequence[Queued], now: datetime) -> None:
    """The receiver took it. Rows that another drain has claimed since are left to that drain."""
    _close(connection, batch, delivery_state="sent", sent_at=now, next_try_at=None, last_error=None)


def mark_failed(connection: Connection, batch: Sequence[Queued], error: str) -> None:
    """Given up."""
    _close(connection, batch, delivery_state="failed", next_try_at=None, last_error=error)


def mark_retry(connection: Connection, batch: Sequence[Queued], error: str, at: datetime) -> None:
    """To be tried again, not before ``at``."""
    _close(connection, batch, next_try_at=at, last_error=error)


def _close(connection: Connection, batch: Sequence[Queued], **values: object) -> None:
    for row in batch:
        connection.execute(
            update(alert_log)
            .where(
                alert_log.c.alert_key == row.alert_key,
                alert_log.c.delivery_state == "queued",
                alert_log.c.attempts == row.attempts + 1,
            )
            .values(**values)
        )


def drop(connection: Connection, row: Queued, reason: str, by: str) -> None:
    """Suppress a row that nobody has begun to send; without effect once somebody has."""
    connection.execute(
        update(alert_log)
        .where(
            alert_log.c.alert_key == row.alert_key,
            alert_log.c.delivery_state == "queued",
            alert_log.c.attempts == 0,
        )
        .values(delivery_state="suppressed", reason=reason, suppressed_by=by, next_try_at=None)
    )


def hold(connection: Connection, until: datetime, *, channel: str = "", keys: Iterable[int] = ()) -> None:
    """Leave untried rows alone until an instant: all of a channel, or those of some keys."""
    chosen = alert_log.c.alert_key.in_(list(keys)) if not channel else alert_log.c.channel == literal(channel)
    connection.execute(
        update(alert_log)
        .where(
            chosen,
            alert_log.c.delivery_state == "queued",
            alert_log.c.attempts == 0,
            alert_log.c.next_try_at < until,
        )
        .values(next_try_at=until)
    )
