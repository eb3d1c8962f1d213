"""An installation without sources: the shipped dictionary, and values put where the compiler leaves them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa

from definitions.compiler.states import FRAME
from pipelines.installation import Installation
from pipelines.steps.assess import assess_values
from pipelines.steps.compute import VALUES
from pipelines.steps.publication import Published, publish_run
from pipelines.warehouse import Warehouse
from pipelines.workspace import Workspace

APRIL = date(2026, 4, 1)


def environment(home: Path, **changes: str) -> dict[str, str]:
    """The variables of the installation, on a clock in May 2026."""
    return {"VITALS_HOME": str(home), "VITALS_NOW": "2026-05-20T06:00:00Z", **changes}


def installed(home: Path, **changes: str) -> Installation:
    """The installation itself."""
    return Installation.load(Workspace.from_environment(environment(home, **changes)))


def computed(installation: Installation, value: float = 0.9, metric: str = "csat") -> pa.Table:
    """One value of April, as the compiler leaves it."""
    row = {
        "metric": metric, "version": installation.catalogue.metrics[metric].version,
        "definition_hash": installation.hashes[metric], "grain": "month", "period_start": APRIL,
        "period_end": date(2026, 4, 30), "segment_dimension": "", "segment_value": "", "value": value,
        "numerator": value * 1000, "denominator": 1000.0, "sample_size": 1000, "value_state": "final",
        "state_reason": None,
    }  # fmt: skip
    return pa.Table.from_pylist([row], schema=FRAME)


def run(
    installation: Installation, warehouse: Warehouse, run_id: str, values: pa.Table | None = None
) -> Published:
    """Assess and publish, as the job does after computing."""
    if values is not None:
        warehouse.write(VALUES, values)
    assess_values(installation, warehouse)
    return publish_run(installation, warehouse, run_id=run_id)
