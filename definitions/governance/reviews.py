"""When each definition is due to be looked at again: the last review and what the settings give its level."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from definitions.calendars import add_span
from definitions.model import Catalogue, Grain, Metric, Span


@dataclass(frozen=True, slots=True)
class Review:
    """The review of one metric. ``last`` is the last one, or else the day its version was approved.

    ``was_reviewed``: somebody reviewed it since; ``due`` None: nothing is known to count from.
    """

    metric: Metric
    last: date | None
    was_reviewed: bool
    due: date | None

    def days_left(self, today: date) -> int | None:
        """Days until it is due, negative when it is overdue."""
        return None if self.due is None else (self.due - today).days


def review_of(catalogue: Catalogue, metric: Metric) -> Review:
    """When a metric was last reviewed and is due again: quarters by its level."""
    entry = max(metric.changes, key=lambda change: (change.version, change.on), default=None)
    approved = entry.on if entry is not None else None
    last = metric.reviewed_on or approved
    quarters = catalogue.settings.governance.review_quarters(metric.level)
    due = add_span(last, Span(quarters, Grain.QUARTER)) if last is not None else None
    return Review(metric, last, metric.reviewed_on is not None, due)


def reviews(catalogue: Catalogue) -> tuple[Review, ...]:
    """Reviews of the metrics in use, most urgent first; those that nobody ever looked at come before all."""
    found = [
        review_of(catalogue, metric)
        for metric in catalogue.metrics.values()
        if metric.status in ("review", "certified")
    ]
    return tuple(sorted(found, key=lambda review: (review.due or date.min, review.metric.name)))
