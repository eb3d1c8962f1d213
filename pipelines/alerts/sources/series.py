"""Charts from the value frame: what a series did lately, with the bands of its flags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.alerts.model import Point
from pipelines.publishing.records import AnomalyRow, segment_key

Series = Callable[[str, str, str], tuple[Point, ...]]
"""(metric, grain, segment key) → points of its chart, oldest first."""


def series_of(values: pa.Table, flags: Iterable[AnomalyRow], periods: int = 90) -> Series:
    """Charts over the latest periods of a value frame; open flags carry their band."""
    flagged = {
        (
            flag.metric_id,
            flag.period_grain,
            segment_key(flag.segment_dimension, flag.segment_value),
            flag.period_start,
        ): flag
        for flag in flags
        if flag.state == "open"
    }

    def points(metric: str, grain: str, key: str) -> tuple[Point, ...]:
        chosen = values.filter(
            pc.and_(pc.equal(values["metric"], metric), pc.equal(values["grain"], grain))
        ).sort_by("period_start")
        rows = [
            row
            for row in chosen.select(
                ["period_start", "segment_dimension", "segment_value", "value"]
            ).to_pylist()
            if segment_key(row["segment_dimension"], row["segment_value"]) == key
        ]
        return tuple(
            _point(row, flagged.get((metric, grain, key, row["period_start"]))) for row in rows[-periods:]
        )

    return points


def _point(row: Mapping[str, Any], flag: AnomalyRow | None) -> Point:
    if flag is None:
        return Point(row["period_start"], row["value"])
    return Point(
        row["period_start"],
        row["value"],
        _number(flag.expected),
        _number(flag.lower_bound),
        _number(flag.upper_bound),
        is_flagged=True,
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
