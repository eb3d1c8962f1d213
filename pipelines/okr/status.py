"""Status of every row of the KPI value frame: target, attainment, colour, trend, changes.

coloured = apply_status(catalogue, values, as_of=date(2026, 10, 31))
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from definitions.model import Catalogue, Metric
from definitions.settings import ScoringSettings
from pipelines.okr.frame import NOWHERE, FrameIndex, floats, take, to_day
from pipelines.okr.limits import row_limits
from pipelines.scoring.status_arrays import (
    STATUSES,
    TRENDS,
    LimitArrays,
    change_arrays,
    difference_arrays,
    status_arrays,
    trend_arrays,
)

ADDED = (
    "target_value",
    "attainment",
    "status",
    "trend",
    "previous_value",
    "change_abs",
    "change_pct",
    "same_period_last_year",
    "is_critical",
)

_ALLOWED_LAG = {
    "hourly": 1,
    "daily": 2,
    "weekly": 9,
    "monthly": 35,
    "quarterly": 100,
    "yearly": 370,
    "sprint": 16,
}
"""Days that data may lag where a metric does not say: its own cadence and a day or two."""


def apply_status(
    catalogue: Catalogue,
    values: pa.Table,
    as_of: date,
    *,
    data_through: Mapping[str, date] | None = None,
) -> pa.Table:
    """Return `values` with the columns of `ADDED`; columns of these names are replaced.

    `as_of` is the last day that is over: a period that ends on it is complete. `data_through` says up to which day a
    metric's sources have delivered; where that is longer ago than the metric's freshness allows, the periods it
    leaves open are `stale`. Unknown is null everywhere; `is_critical` says that `red_at` was crossed.
    Source: scoring rules, "KPI status".
    """
    settings = catalogue.settings.scoring
    kept = values.select([name for name in values.column_names if name not in ADDED])
    index = FrameIndex(kept)
    value = floats(kept, "value")
    found = row_limits(catalogue, index)
    late = _is_stale(catalogue, index, as_of, data_through or {})
    judged = status_arrays(value, found.limits, late, settings)
    previous = take(value, index.previous)
    columns: dict[str, pa.Array] = {
        "target_value": _numbers(found.target_value),
        "attainment": _numbers(judged.attainment),
        "status": _words(judged.status, [str(status) for status in STATUSES]),
        "trend": _words(_trend(index, value, found.limits, as_of, settings), [str(item) for item in TRENDS]),
        "previous_value": _numbers(previous),
        "change_abs": _numbers(difference_arrays(value, previous)),
        "change_pct": _numbers(change_arrays(value, previous)),
        "same_period_last_year": _numbers(take(value, index.year_ago)),
        "is_critical": pa.array(judged.is_critical),
    }
    for name in ADDED:
        kept = kept.append_column(name, columns[name])
    return kept


def allowed_lag(metric: Metric) -> float:
    """Days that a metric's data may lag before its latest periods are stale."""
    if metric.freshness is not None:
        return metric.freshness.days
    return _ALLOWED_LAG.get(metric.frequency.calculate, 2)


def _is_stale(
    catalogue: Catalogue, index: FrameIndex, as_of: date, data_through: Mapping[str, date]
) -> NDArray[np.bool_]:
    stale = np.zeros(index.size, np.bool_)
    today = to_day(as_of)
    for group in index.groups:
        through, metric = data_through.get(group.metric), catalogue.metrics.get(group.metric)
        if through is not None and metric is not None:
            wanted = np.minimum(index.end[group.rows], today)
            stale[group.rows] = wanted - to_day(through) > allowed_lag(metric)
    return stale


def _trend(
    index: FrameIndex,
    value: NDArray[np.float64],
    limits: LimitArrays,
    as_of: date,
    settings: ScoringSettings,
) -> NDArray[np.int8]:
    """The trend up to each row: over its own last periods, or those before it while it is still running."""
    here = np.arange(index.size, dtype=np.int64)
    latest = np.where(index.end <= to_day(as_of), here, index.previous)
    first = latest
    for _ in range(settings.trend_periods - 1):
        first = np.where(first == NOWHERE, NOWHERE, index.previous[first])
    return trend_arrays(take(value, latest), take(value, first), limits, settings)


def _numbers(column: NDArray[np.float64]) -> pa.Array:
    return pa.array(column, pa.float64(), mask=~np.isfinite(column))


def _words(codes: NDArray[np.int8], words: list[str]) -> pa.Array:
    """Codes as text; a negative code is null."""
    indices = pa.array(codes, pa.int8(), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(words)).cast(pa.string())
