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
from pipelines.steps.targets import with_targets_in_force
from pipelines.warehouse import Warehouse

ANOMALIES, COVERAGE = "anomalies", "anomaly_coverage"


@dataclass(frozen=True)
class Detected:
    """How many flags are open, over how many tested series, of which kinds."""

    open: int
    series: int
    kinds: dict[str, int]


def detect(installation: Installation, warehouse: Warehouse) -> Detected:
    """Test every series up to the last complete day."""
    values = coloured_values(warehouse)
    catalogue = with_targets_in_force(installation, warehouse)
    found = detect_anomalies(catalogue, values, last_complete_day(installation))
    with warehouse.transaction():
        handover.leave(warehouse, ANOMALIES, AnomalyRow, found.rows)
        handover.leave(warehouse, COVERAGE, Coverage, found.coverage)
    kinds = Counter(row.kind for row in found.rows)
    return Detected(len(found.rows), found.series, dict(sorted(kinds.items())))


def coverage(warehouse: Warehouse) -> tuple[Coverage, ...]:
    """Which series the last detection tested."""
    return handover.take(warehouse, COVERAGE, Coverage)
