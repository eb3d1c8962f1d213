"""Silences: a person's word that some alerts are not wanted for a while. Every silence has a reason and an end.

Source: alert rules, 'silence with reason and end'.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine, insert, select, update

from pipelines.publishing.engine import reading, writing
from pipelines.publishing.schema import alert_silence

from .incidents import Silence
from .model import AlertType

LONGEST = timedelta(days=90)


class CannotSilence(ValueError):
    """A silence that is refused; the message says what to write instead."""


def silence(
    engine: Engine,
    by: str,
    reason: str,
    starts_at: datetime,
    ends_at: datetime,
    *,
    alert_type: str | None = None,
    subject: str | None = None,
    team: str | None = None,
) -> int:
    """Record a silence and return its number.

    Args:
        by: who asks for it: a person's key or e-mail.
        alert_type, subject, team: what it is about; ``*`` matches any text (``csat/*``), None everything. A
            metric's subject is ``metric/grain/segment``.

    Raises:
        CannotSilence: nobody or no reason is named, it ends before it starts or lasts over 90 days, it would
            silence everything, or its type is unknown.
    """
    if not by.strip() or not reason.strip():
        raise CannotSilence("a silence says who asks for it and why: campaign, outage, migration, …")
    if ends_at <= starts_at:
        raise CannotSilence(f"it ends at {ends_at}, which is not after its start at {starts_at}")
    if ends_at - starts_at > LONGEST:
        raise CannotSilence(f"it lasts over {LONGEST.days} days; change the definition or its owner instead")
    if alert_type is None and subject is None and team is None:
        raise CannotSilence("it would silence everything; name a type, a subject or a team")
    if alert_type is not None and "*" not in alert_type and alert_type not in set(AlertType):
        raise CannotSilence(f"there is no alert type {alert_type!r}; write one of {', '.join(AlertType)}")
    with writing(engine) as connection:
        number = connection.execute(
            insert(alert_silence)
            .values(
                alert_type=alert_type,
                subject_id=subject,
                team=team,
                starts_at=starts_at,
                ends_at=ends_at,
                reason=reason.strip(),
                created_by=by.strip(),
                created_at=starts_at,
            )
            .returning(alert_silence.c.silence_id)
        ).scalar_one()
    return int(number)


def silences(engine: Engine, now: datetime) -> tuple[tuple[Silence, str], ...]:
    """Silences that have not ended yet, those to come included, each with who asked for it; soonest first."""
    table = alert_silence
    with reading(engine) as connection:
        found = connection.execute(
            select(table).where(table.c.ends_at > now).order_by(table.c.starts_at, table.c.silence_id)
        ).mappings()
        return tuple(
            (
                Silence(
                    id=row["silence_id"],
                    starts_at=row["starts_at"],
                    ends_at=row["ends_at"],
                    reason=row["reason"],
                    alert_type=row["alert_type"],
                    subject_id=row["subject_id"],
                    team=row["team"],
                ),
                row["created_by"],
            )
            for row in found
        )


def end_silence(engine: Engine, number: int, now: datetime) -> datetime:
    """Let a silence end now (one that has not begun: at its start); returns its new end.

    Raises:
        CannotSilence: there is no such silence, or it has ended already.
    """
    table = alert_silence
    with writing(engine) as connection:
        row = connection.execute(
            select(table.c.starts_at, table.c.ends_at).where(table.c.silence_id == number)
        ).one_or_none()
        if row is None:
            raise CannotSilence(f"there is no silence {number}; see them with: vitals alerts silence --list")
        if row.ends_at <= now:
            raise CannotSilence(f"silence {number} ended at {row.ends_at:%Y-%m-%d %H:%M} UTC already")
        # A silence lasts at least a moment: the table keeps starts before ends.
        end: datetime = max(now, row.starts_at + timedelta(seconds=1))
        connection.execute(update(table).where(table.c.silence_id == number).values(ends_at=end))
    return end
