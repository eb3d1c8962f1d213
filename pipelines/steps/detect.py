"""Looking for anomalies in the coloured values; leaves rows for the publication."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pipelines import handover
from pipelines.anomalies.assemble import detect_anomalies
from pipelines.installation import Installation
from pipelines.publishing import Coverage
from pipelines.publishing.records import AnomalyRow
from pipelines.steps.assess import coloured_values, last_complete_day
from pipelines.steps.feedback import words
from pipelines.steps.lifecycle import retired
from pipelines.steps.targets import with_targets_in_force
from pipelines.warehouse import Warehouse

ANOMALIES, COVERAGE = "anomalies", "anomaly_coverage"


@dataclass(frozen=True)
class Detected:
    """How many flags were found in the latest periods, over how many tested series, of which kinds.

    Attributes:
        open: flags that nobody has spoken of yet.
        words: what people said of flags, that the detector learned from.
    """

    open: int
    series: int
    kinds: dict[str, int]
    words: int


def detect(installation: Installation, warehouse: Warehouse) -> Detected:
    """Test every series up to the last complete day, knowing what people said of earlier flags."""
    catalogue, said = with_targets_in_force(installation, warehouse), words(installation)
    found = detect_anomalies(
        catalogue,
        coloured_values(warehouse),
        last_complete_day(installation),
        said.feedback,
        events=said.events,
    )
    over = retired(installation)  # where no period begins, none is missing
    rows = tuple(row for row in found.rows if row.period_start <= over.get(row.metric_id, row.period_start))
    with warehouse.transaction():
        handover.leave(warehouse, ANOMALIES, AnomalyRow, rows)
        handover.leave(warehouse, COVERAGE, Coverage, found.coverage)
    kinds = Counter(row.kind for row in rows)
    return Detected(
        open=sum(row.state == "open" for row in rows),
        series=found.series,
        kinds=dict(sorted(kinds.items())),
        words=len(said.feedback),
    )


def coverage(warehouse: Warehouse) -> tuple[Coverage, ...]:
    """Which series the last detection tested."""
    return handover.take(warehouse, COVERAGE, Coverage)
