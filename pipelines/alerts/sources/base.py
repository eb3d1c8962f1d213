"""What all sources share: the shape of a finding, what a metric rests on, and the links into the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

from definitions.model import Catalogue
from definitions.settings import AlertSettings
from pipelines.alerts.decision import Covered
from pipelines.alerts.model import Alert, Link
from quality.lineage import lineage


@dataclass(frozen=True)
class Found:
    """What a source found, and what it looked at (see `decision.Covered`)."""

    alerts: tuple[Alert, ...] = ()
    covered: Covered = field(default_factory=Covered)

    def __add__(self, other: Found) -> Found:
        return Found(self.alerts + other.alerts, self.covered | other.covered)


@dataclass(frozen=True)
class Places:
    """What each metric rests on, in the words of ``Alert.rests_on``; and where things are shown."""

    rests_on: Mapping[str, tuple[str, ...]]
    tables: Mapping[str, str]
    report_base: str | None = None

    def links(self, page: str) -> tuple[Link, ...]:
        """A link to a page of the report; () where no address is set."""
        return (Link("Report", f"{self.report_base.rstrip('/')}/{page}"),) if self.report_base else ()


def places(catalogue: Catalogue) -> Places:
    """Trace every metric to its tables and systems once, for all sources."""
    tables = {source.table: source.system for source in catalogue.sources.values()}
    trace = lineage(catalogue)
    rests_on: dict[str, set[str]] = {name: {f"metric:{name}"} for name in catalogue.metrics}
    for table in trace.by_table:
        for metric in trace.metrics_of(table):
            rests_on[metric] |= {f"table:{table}", f"source:{tables[table]}"}
    settings: AlertSettings = catalogue.settings.alerts
    return Places(
        {name: tuple(sorted(things)) for name, things in sorted(rests_on.items())},
        tables,
        settings.report_base,
    )


def midnight(day: date) -> datetime:
    """A calendar day as the instant that stands for it in keys: midnight UTC."""
    return datetime.combine(day, time(0, 0), UTC)
