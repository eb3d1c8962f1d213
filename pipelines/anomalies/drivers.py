"""What the children of a metric's driver tree did to it, against the comparable period before.

A day is compared with the same weekday of the week before, anything longer with the period before. The split itself is
the scoring rules' (`pipelines.scoring.contributions`); the parts add up to the change exactly, with what the children
do not explain as a part of its own.
"""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from definitions.calendars import period_start
from definitions.model import Catalogue
from pipelines.scoring.contributions import decompose
from pipelines.scoring.kinds import Operator
from pipelines.scoring.tree import DriverNode

from .rootcause import DriverCause


def driver_causes(
    catalogue: Catalogue, values: pa.Table, metric: str, grain: str, start: date
) -> tuple[DriverCause, ...]:
    """Contributions to the change of one period; empty where the metric has no arithmetic tree or no values."""
    drivers = catalogue.metrics[metric].drivers
    if drivers is None or Operator(drivers.operator) is Operator.INFLUENCES:
        return ()
    calendar = catalogue.calendars[catalogue.metrics[metric].calendar]
    before = (
        start - timedelta(days=7)
        if grain == "day"
        else period_start(calendar, grain, start - timedelta(days=1))
    )
    names = (metric, *drivers.inputs)
    known = _totals(values, names, grain, (before, start))
    pairs = [(known.get((name, before)), known.get((name, start))) for name in names]
    split = decompose(DriverNode(metric, Operator(drivers.operator), drivers.inputs), pairs[0], pairs[1:])
    return tuple(
        DriverCause(
            part.child, float(part.amount), None if part.share is None else round(float(part.share), 6)
        )
        for part in split.parts
        if part.amount is not None
    )


def _totals(
    values: pa.Table, metrics: tuple[str, ...], grain: str, days: tuple[date, date]
) -> dict[tuple[str, date], float]:
    chosen = values.filter(
        pc.and_(
            pc.and_(pc.equal(values["grain"], grain), pc.equal(values["segment_dimension"], "")),
            pc.and_(
                pc.is_in(values["metric"], value_set=pa.array(metrics, pa.string())),
                pc.is_in(values["period_start"], value_set=pa.array(days, pa.date32())),
            ),
        )
    ).select(["metric", "period_start", "value"])
    return {
        (row["metric"], row["period_start"]): row["value"]
        for row in chosen.to_pylist()
        if row["value"] is not None
    }
