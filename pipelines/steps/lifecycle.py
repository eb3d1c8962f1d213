"""What a definition's status does to a run: the last periods of a deprecated metric, drafts that stay in the house, the
status that readers see.

Source: definition lint, 'Errors'; publication rules, decision 1 (what was published stays).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from definitions.calendars import local_day
from definitions.governance import is_retired, review_of, status_in_force
from definitions.model import Catalogue, Metric
from pipelines.installation import Installation
from pipelines.publishing.records import DictionaryRows, MetricRow


def last_periods(frame: pa.Table, catalogue: Catalogue, today: date) -> pa.Table:
    """A value frame without what begins after the last day of a deprecated metric.

    Periods that began by that day are computed to their end and settle like any other, so that nothing published is
    left provisional for ever; no new one is begun. ``today``: the newest day in the frame.
    """
    for metric in catalogue.metrics.values():
        if is_retired(metric, today):
            trails = pc.starts_with(frame["grain"], "trailing_")
            begun = pc.if_else(trails, frame["period_end"], frame["period_start"])
            later = pc.greater(begun, pa.scalar(metric.deprecated_on, pa.date32()))
            frame = frame.filter(pc.invert(pc.and_(pc.equal(frame["metric"], metric.name), later)))
    return frame


def retired(installation: Installation) -> Mapping[str, date]:
    """The deprecated metrics whose last day is over, with that day."""
    catalogue, now = installation.catalogue, installation.workspace.now()
    return {
        metric.name: metric.deprecated_on
        for metric in catalogue.metrics.values()
        if metric.deprecated_on is not None
        and is_retired(metric, local_day(catalogue.calendars[metric.calendar], now))
    }


def living(installation: Installation, values: pa.Table) -> pa.Table:
    """The values of metrics that still begin periods: nobody is asked to act on the others."""
    return _without(values, retired(installation))


def readable(installation: Installation, values: pa.Table) -> pa.Table:
    """The values that readers get: all of them, or those past draft where the settings say so."""
    catalogue = installation.catalogue
    if catalogue.settings.governance.publish_drafts:
        return values
    drafts = [metric.name for metric in catalogue.metrics.values() if metric.status == "draft"]
    return _without(values, drafts)


def _without(values: pa.Table, names: Iterable[str]) -> pa.Table:
    return values.filter(
        pc.invert(pc.is_in(values["metric"], value_set=pa.array(sorted(names), pa.string())))
    )


def with_status(
    installation: Installation, dictionary: DictionaryRows, dropped: Collection[str]
) -> DictionaryRows:
    """The dictionary with the status and the review of each metric as they are today.

    ``dropped`` are the certified metrics whose certificate fell.
    """
    catalogue, now = installation.catalogue, installation.workspace.now()

    def row_of(row: MetricRow, metric: Metric) -> MetricRow:
        today = local_day(catalogue.calendars[metric.calendar], now)
        return replace(
            row,
            lifecycle=status_in_force(metric, today, dropped),
            reviewed_date=metric.reviewed_on,
            reviewed_by=metric.reviewed_by,
            review_due_date=review_of(catalogue, metric).due
            if metric.status in ("review", "certified")
            else None,
        )

    rows = tuple(row_of(row, catalogue.metrics[row.metric_id]) for row in dictionary.metrics)
    return replace(dictionary, metrics=rows)
