"""Answering an alert: I take it on, it was expected, it is false. By command, by signed link, or by an INSERT.

An answer is a row of `kpi_input.alert_acknowledgement`; the next drain carries it into the alert log. An answer to
an alert about a metric is also feedback on its flags: expected ranges leave the history the detector learns from.

Source: alert rules, 'Feedback'.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Connection, Engine, insert, select

from pipelines.publishing.engine import writing
from pipelines.publishing.schema import alert_acknowledgement, alert_log, anomaly_feedback

from .model import AlertType, identity_of, since_of


class Verdict(StrEnum):
    """What a person may say."""

    ACKNOWLEDGED = "acknowledged"
    EXPECTED = "expected"
    FALSE = "false"


class CannotAcknowledge(ValueError):
    """An answer that cannot be taken; the message says what to write instead."""


def acknowledge(
    engine: Engine,
    episode: str,
    by: str,
    now: datetime,
    *,
    verdict: Verdict = Verdict.ACKNOWLEDGED,
    reason: str = "",
    expected_from: date | None = None,
    expected_to: date | None = None,
) -> str:
    """Record an answer and return the alert's one-line message.

    Args:
        episode: as it stands in the alert and in `alert_history`.
        by: who answers: a person's key or e-mail.
        reason: the known cause; required for ``expected``.
        expected_from, expected_to: inclusive days the cause covers; default: from the alert's start to today.

    Raises:
        CannotAcknowledge: no such alert, nobody named, a reason is missing, or the days are out of order.
    """
    if not by.strip():
        raise CannotAcknowledge("who answers? give a person's key or e-mail")
    if verdict is Verdict.EXPECTED and not reason.strip():
        raise CannotAcknowledge("an expected alert needs its reason: campaign, outage, migration, …")
    with writing(engine) as connection:
        message = connection.execute(
            select(alert_log.c.message)
            .where(alert_log.c.episode == episode)
            .order_by(alert_log.c.alert_key.desc())
            .limit(1)
        ).scalar()
        if message is None:
            raise CannotAcknowledge(f"there is no alert {episode!r}; episodes stand in alert_history")
        start = expected_from or since_of(episode).date()
        end = expected_to or max(start, now.date())
        if end < start:
            raise CannotAcknowledge(f"the range ends on {end}, before it starts on {start}")
        is_ranged = verdict is Verdict.EXPECTED
        connection.execute(
            insert(alert_acknowledgement).values(
                episode=episode,
                verdict=verdict.value,
                reason=reason.strip() or None,
                given_by=by.strip(),
                expected_from=start if is_ranged else None,
                expected_to=end if is_ranged else None,
                created_at=now,
            )
        )
        _feed_back(connection, episode, verdict, reason.strip(), by.strip(), start, end, now)
    return str(message)


def _feed_back(
    connection: Connection,
    episode: str,
    verdict: Verdict,
    reason: str,
    by: str,
    start: date,
    end: date,
    now: datetime,
) -> None:
    kind, subject_kind, subject = identity_of(episode).split(":", 2)
    if subject_kind != "metric" or kind not in (AlertType.ANOMALY, AlertType.BELOW_BASELINE):
        return
    metric, _, segment = subject.split("/", 2)
    connection.execute(
        insert(anomaly_feedback).values(
            metric_id=metric,
            segment_key=segment,
            start_date=start,
            end_date=end,
            verdict=verdict.value,
            reason=reason or verdict.value,
            given_by=by,
            created_at=now,
        )
    )
