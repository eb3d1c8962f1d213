"""Targets in force: those of the dictionary, and over them what stewards entered in the database.

They are read once, when the values are assessed, and left for the steps that follow: a target entered while
a run goes on counts from the next run, and no run uses two.
"""

from __future__ import annotations

from definitions.model import Catalogue, Target
from pipelines import handover
from pipelines.installation import Installation
from pipelines.publishing.entered_targets import EnteredTargets, entered_targets, overlaid
from pipelines.steps.reporting import reporting
from pipelines.warehouse import Warehouse
from quality import CheckResult, Dimension, Severity

ENTERED = "entered_targets"


def read_entered(installation: Installation) -> EnteredTargets:
    """What people have entered by now.

    Raises:
        DatabaseUnavailable: the reporting database cannot be read.
    """
    with reporting(installation) as engine:
        return entered_targets(installation.catalogue, engine)


def leave_entered(warehouse: Warehouse, entered: EnteredTargets) -> None:
    """Leave the usable entries for the steps that follow."""
    handover.leave(warehouse, ENTERED, Target, entered.targets)


def with_targets_in_force(installation: Installation, warehouse: Warehouse) -> Catalogue:
    """The dictionary with the entered targets that this run uses."""
    return overlaid(installation.catalogue, handover.take(warehouse, ENTERED, Target))


def entries_check(installation: Installation, entered: EnteredTargets) -> CheckResult:
    """Entries that fit nothing, as one check that warns: the dictionary's targets stay in force for them."""
    refused = entered.refused
    metrics = {entry.metric for entry in refused} & set(installation.catalogue.metrics)
    told = "; ".join(
        f"entry {entry.target_entry_id} of {entry.metric}: {entry.problem}" for entry in refused[:3]
    )
    return CheckResult(
        check_id="target_entry.usable",
        asset="target_entry",
        source_system="people",
        metric_ids=tuple(sorted(metrics)),
        dimension=Dimension.VALIDITY,
        severity=Severity.WARN,
        passed=not refused,
        rows_checked=entered.read,
        rows_failed=len(refused),
        observed=float(len(refused)),
        threshold=0.0,
        message=told or f"all {entered.read} entered targets fit the dictionary",
        blocks_publish=False,
        checked_at=installation.workspace.now(),
        sample=tuple({"target_entry_id": entry.target_entry_id} for entry in refused[:5]),
    )
