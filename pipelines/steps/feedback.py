"""What people said about flags, as the detector learns from it.

Two places hold it: feedback on flags (answers to alerts by command, by signed link or by an INSERT become feedback),
and annotations. Source: detection rules, "Feedback".
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from definitions.model import Catalogue
from pipelines.alerts.acknowledge import carry_feedback
from pipelines.anomalies.feedback import Feedback, FeedbackVerdict
from pipelines.anomalies.rootcause import RelatedEvent
from pipelines.installation import Installation
from pipelines.publishing import reading, writing
from pipelines.publishing.records import TOTAL
from pipelines.publishing.schema import annotation, anomaly_feedback
from pipelines.steps.reporting import reporting


@dataclass(frozen=True)
class Words:
    """What people said: feedback, oldest first, and events to show beside flags."""

    feedback: tuple[Feedback, ...]
    events: tuple[RelatedEvent, ...]


def words(installation: Installation) -> Words:
    """Read what was said of the metrics that are in the dictionary.

    Answers that were inserted by hand and that no drain has seen yet are taken in first.
    """
    with reporting(installation) as engine:
        with writing(engine) as connection:
            carry_feedback(connection, installation.workspace.now())
        with reading(engine) as connection:
            return Words(
                feedback=_feedback(connection, installation.catalogue),
                events=_events(connection, installation.catalogue),
            )


def _feedback(connection: Connection, catalogue: Catalogue) -> tuple[Feedback, ...]:
    on_flags = [
        (
            row.created_at,
            Feedback(
                metric=row.metric_id,
                start=row.start_date,
                end=row.end_date,
                verdict=FeedbackVerdict(row.verdict),
                reason=row.reason.strip() or row.verdict,
                given_by=row.given_by,
                segment=segment_of(row.segment_key),
            ),
        )
        for row in connection.execute(
            select(anomaly_feedback).order_by(anomaly_feedback.c.anomaly_feedback_id)
        )
    ]
    noted = [
        (
            row.created_at,
            Feedback(
                metric=metric,
                start=row.start_date,
                end=row.end_date,
                verdict=FeedbackVerdict.EXPECTED,
                reason=row.title,
                given_by=row.author_email,
            ),
        )
        for row in connection.execute(
            select(annotation).where(annotation.c.is_expected).order_by(annotation.c.annotation_id)
        )
        for metric in ([row.metric_id] if row.metric_id else sorted(catalogue.metrics))
    ]
    said = sorted((*on_flags, *noted), key=lambda one: one[0])  # stable: of one instant, in order of writing
    return tuple(word for _, word in said if word.metric in catalogue.metrics)


def segment_of(key: str | None) -> tuple[str, str] | None:
    """(dimension, value) of a segment key; None, which means every segment, for the total.

    >>> segment_of("region=emea"), segment_of("total"), segment_of(None)
    (('region', 'emea'), None, None)
    """
    if key is None or key == TOTAL:
        return None
    dimension, _, value = key.partition("=")
    return dimension, value


def _events(connection: Connection, catalogue: Catalogue) -> tuple[RelatedEvent, ...]:
    """Annotations, as something that happened."""
    found = {
        RelatedEvent(
            row.title, "annotation", row.start_date, row.end_date, (row.metric_id,) if row.metric_id else ()
        )
        for row in connection.execute(select(annotation))
        if row.metric_id is None or row.metric_id in catalogue.metrics
    }
    return tuple(sorted(found, key=lambda event: (event.start, event.end, event.name, event.metrics)))
