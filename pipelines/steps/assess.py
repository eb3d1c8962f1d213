"""Colouring and checking the values: target, status and trend for every row, then the checks of the quality room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from definitions.compiler.states import FRAME
from pipelines import handover
from pipelines.installation import Installation
from pipelines.okr.status import apply_status
from pipelines.publishing.entered_targets import overlaid
from pipelines.steps import targets
from pipelines.steps.changed_definitions import definition_checks
from pipelines.steps.compute import VALUES
from pipelines.steps.freshness import data_through
from pipelines.warehouse import Warehouse
from quality import CheckResult, run_value_checks

COLOURED = "vitals.kpi_coloured"
LAST_GOOD = "vitals.kpi_last_good"
VALUE_CHECKS = "value_checks"


@dataclass(frozen=True)
class Assessed:
    """The checked frame: how many rows, in which states, with which results."""

    rows: int
    states: dict[str, int]
    checks: tuple[CheckResult, ...]


def assess_values(installation: Installation, warehouse: Warehouse) -> Assessed:
    """Add status to the computed values, check them, and leave both for the steps that follow."""
    entered, as_of = targets.read_entered(installation), last_complete_day(installation)
    catalogue = overlaid(installation.catalogue, entered.targets)
    values = computed_values(installation, warehouse)
    coloured = apply_status(catalogue, values, as_of, data_through=data_through(installation, as_of))
    previous = last_good_values(warehouse)
    checks = [
        *run_value_checks(catalogue, coloured, previous=previous, now=installation.workspace.now()),
        targets.entries_check(installation, entered),
        *definition_checks(warehouse),
    ]
    with warehouse.transaction():
        warehouse.write(COLOURED, coloured)
        targets.leave_entered(warehouse, entered)
        handover.leave(warehouse, VALUE_CHECKS, CheckResult, checks)
    states = Counter(values.column("value_state").to_pylist())
    return Assessed(coloured.num_rows, dict(sorted(states.items())), tuple(checks))


def last_complete_day(installation: Installation) -> date:
    """Yesterday in the company's zone: the last day that is over."""
    return local_today(installation) - timedelta(days=1)


def local_today(installation: Installation) -> date:
    """Today in the company's zone."""
    calendar = installation.catalogue.calendars.get("company")
    zone = ZoneInfo(calendar.time_zone if calendar else "UTC")
    return installation.workspace.now().astimezone(zone).date()


def computed_values(installation: Installation, warehouse: Warehouse) -> pa.Table:
    """The values of every metric that is still in the dictionary, in a fixed order."""
    if not warehouse.exists(VALUES):  # a dictionary of objectives alone computes none
        return FRAME.empty_table()
    values = warehouse.query(
        f"SELECT * FROM {VALUES} ORDER BY metric, grain, segment_dimension, segment_value, period_start"
    )
    known = pa.array(sorted(installation.catalogue.metrics), pa.string())
    return values.filter(pc.is_in(values.column("metric"), value_set=known))


def coloured_values(warehouse: Warehouse) -> pa.Table:
    """The frame that `assess_values` left."""
    return warehouse.query(
        f"SELECT * FROM {COLOURED} ORDER BY metric, grain, segment_dimension, segment_value, period_start"
    )


def value_checks(warehouse: Warehouse) -> tuple[CheckResult, ...]:
    """The results that `assess_values` left."""
    return handover.take(warehouse, VALUE_CHECKS, CheckResult)


def keep_as_good(warehouse: Warehouse, held_back: Collection[str] = ()) -> None:
    """Remember the frame as the one of the last good run, for volume and drift.

    What was held back is not good: of these metrics the rows of their own last good run stay, so that a check
    that failed today is held against the same tomorrow.
    """
    if not held_back or not warehouse.exists(LAST_GOOD):
        warehouse.replace(LAST_GOOD, f"SELECT * FROM {COLOURED}")
        return
    coloured, former = coloured_values(warehouse), warehouse.query(f"SELECT * FROM {LAST_GOOD}")
    held = pa.array(sorted(held_back), pa.string())
    good = coloured.filter(pc.invert(pc.is_in(coloured.column("metric"), value_set=held)))
    stays = former.filter(pc.is_in(former.column("metric"), value_set=held))
    warehouse.write(LAST_GOOD, pa.concat_tables([good, stays], promote_options="permissive"))


def last_good_values(warehouse: Warehouse) -> pa.Table | None:
    """The frame of the last good run, without what was held back from it; None before the first."""
    return warehouse.query(f"SELECT * FROM {LAST_GOOD}") if warehouse.exists(LAST_GOOD) else None
