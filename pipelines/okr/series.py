"""One metric's values as a list of observations: what key results, trees and suggestions read."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from definitions.model import Segment
from pipelines.okr.frame import only, segment_of

FINAL = "final"
PROVISIONAL = "provisional"
UNKNOWN_SEGMENT = "(unknown)"


@dataclass(frozen=True, slots=True)
class Observation:
    """One row of the KPI value frame; `end` is the inclusive last day. The last three are known after
    `apply_status`."""

    start: date
    end: date
    value: float | None
    state: str
    numerator: float | None = None
    denominator: float | None = None
    status: str | None = None
    attainment: float | None = None
    target: float | None = None

    @property
    def is_final(self) -> bool:
        """Whether the value is known and will not change on its own."""
        return self.state == FINAL and self.value is not None


SeriesKey = tuple[str, str, Segment]


class SeriesBook:
    """Series of the metrics that are asked for, by (metric, grain, segment).

    >>> book = SeriesBook(frame, {"nps"})  # doctest: +SKIP
    >>> book.of("nps", "week")[-1].value  # doctest: +SKIP
    42.0
    """

    def __init__(self, values: pa.Table, metrics: Collection[str], *, unknown: bool = False) -> None:
        """Read the series of `metrics`; `unknown` lists segments of unmatched keys among the others."""
        self._series: Mapping[SeriesKey, tuple[Observation, ...]] = _read(values, metrics)
        self._with_unknown = unknown

    def of(self, metric: str, grain: str, segment: Segment = ()) -> tuple[Observation, ...]:
        """Observations in order of time; none where nothing was computed."""
        return self._series.get((metric, grain, segment), ())

    def has(self, metric: str, grain: str, segment: Segment = ()) -> bool:
        """Whether anything was computed at this grain."""
        return (metric, grain, segment) in self._series

    def grains(self, metric: str) -> tuple[str, ...]:
        """Grains at which the metric has a total, sorted."""
        return tuple(
            sorted({grain for name, grain, segment in self._series if name == metric and not segment})
        )

    def segments(self, metric: str, grain: str, dimensions: tuple[str, ...]) -> tuple[Segment, ...]:
        """Segments of the metric over just these dimensions (sorted), unmatched keys only where asked for."""
        return tuple(
            sorted(
                segment
                for name, at, segment in self._series
                if name == metric
                and at == grain
                and tuple(dimension for dimension, _ in segment) == dimensions
                and (self._with_unknown or all(value != UNKNOWN_SEGMENT for _, value in segment))
            )
        )


_NEEDED = (
    "metric",
    "grain",
    "period_start",
    "period_end",
    "segment_dimension",
    "segment_value",
    "value",
    "value_state",
)
_WELCOME = ("numerator", "denominator", "status", "attainment", "target_value")


def _read(values: pa.Table, metrics: Collection[str]) -> dict[SeriesKey, tuple[Observation, ...]]:
    names = [*_NEEDED, *(name for name in _WELCOME if name in values.column_names)]
    table = only(values.select(names), metrics)
    columns = {name: table.column(name).to_pylist() for name in names}
    absent: list[None] = [None] * table.num_rows
    found: dict[SeriesKey, list[Observation]] = {}
    for metric, grain, start, end, dimension, segment, value, state, *added in zip(
        *(columns[name] for name in _NEEDED), *(columns.get(name, absent) for name in _WELCOME), strict=True
    ):
        known = float(value) if value is not None and math.isfinite(value) else None
        row = Observation(start, end, known, state, *added)
        found.setdefault((metric, grain, segment_of(dimension, segment)), []).append(row)
    return {key: tuple(sorted(rows, key=lambda row: row.start)) for key, rows in found.items()}
