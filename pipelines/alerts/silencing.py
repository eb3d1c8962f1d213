"""Silences: a person's word that some alerts are not wanted for a while. Every silence has a reason and an end.

Source: alert rules, 'silence with reason and end'.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine, insert

from pipelines.publishing.engine import writing
from pipelines.publishing.schema import alert_silence

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
