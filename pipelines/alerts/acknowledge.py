"""Answering an alert: I take it on, it was expected, it is false. By command, by signed link, or by an INSERT.

An answer is a row of `kpi_input.alert_acknowledgement`; the next drain carries it into the alert log. An answer to
an alert about a metric is also feedback on its flags: expected ranges leave the history the detector learns from. A
row that somebody inserted by hand is carried over by the drain as well, so that every way of answering teaches.

Source: alert rules, 'Feedback'.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, Engine, insert, select

from pipelines.publishing.engine import writing
from pipelines.publishing.schema import alert_acknowledgement, alert_log, anomaly_feedback, metric

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
    series = _flagged_series(episode)
    if series is None:
        return
    connection.execute(
        insert(anomaly_feedback).values(
            metric_id=series[0],
            segment_key=series[1],
            start_date=start,
            end_date=end,
            verdict=verdict.value,
            reason=reason or verdict.value,
            given_by=by,
            created_at=now,
        )
    )


def _flagged_series(episode: str) -> tuple[str, str] | None:
    """(metric, segment key) of an alert about a flag; None for any other alert, or a text that is no episode."""
    parts = identity_of(episode).split(":", 2)
    if (
        len(parts) < 3
        or parts[1] != "metric"
        or parts[0] not in (AlertType.ANOMALY, AlertType.BELOW_BASELINE)
    ):
        return None
    subject = parts[2].split("/", 2)
    return (subject[0], subject[2]) if len(subject) == 3 else None


CARRIED_DAYS = 35
"""How long after it was written an answer by hand is still looked at."""


def carry_feedback(connection: Connection, now: datetime) -> int:
    """Turn answers that people inserted by hand into feedback for the detector; returns how many were new.

    What an INSERT leaves open is filled in as the command does: the range from the alert's start to the answer. A
    row that names no alert about a known metric teaches nothing, and stops nothing.
    """
    answer, known = alert_acknowledgement, anomaly_feedback
    since = now - timedelta(days=CARRIED_DAYS)
    written = connection.execute(select(answer).where(answer.c.created_at >= since)).mappings().all()
    if not written:
        return 0
    taught = {
        (row.metric_id, row.segment_key, row.verdict, row.given_by, row.created_at)
        for row in connection.execute(select(known).where(known.c.created_at >= since))
    }
    metrics = set(connection.execute(select(metric.c.metric_id)).scalars())
    carried = 0
    for row in written:
        series = _flagged_series(row["episode"])
        if series is None or series[0] not in metrics:
            continue
        verdict = Verdict(row["verdict"])
        if (*series, verdict.value, row["given_by"], row["created_at"]) in taught:
            continue
        try:
            start = row["expected_from"] or since_of(row["episode"]).date()
        except (ValueError, IndexError):
            continue
        end = max(start, row["expected_to"] or row["created_at"].date())
        _feed_back(
            connection,
            row["episode"],
            verdict,
            row["reason"] or "",
            row["given_by"],
            start,
            end,
            row["created_at"],
        )
        carried += 1
    return carried
