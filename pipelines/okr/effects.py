"""What each segment did to its metric's change: inner and mix effect of a ratio, the change of a sum.

For the last complete periods of a metric's headline grain and each of its single dimensions. The rows of one
metric, period and dimension add up to the change of the total exactly; what the segments leave (an unmatched key
that is not published, a total that was restated) is a row `(unexplained)`. A metric that does not roll up over
segments (a median, a distinct count) has no such rows. Source: scoring rules, "Driver trees and contributions".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pyarrow as pa
import pyarrow.compute as pc

from definitions.model import Catalogue, Metric
from pipelines.okr.series import Observation, SeriesBook
from pipelines.publishing.dictionary import headline_grain
from pipelines.publishing.records import SegmentEffectRow
from pipelines.scoring.arithmetic import ZERO, difference, exact, quantise
from pipelines.scoring.segments import Portion, SegmentEffect, ratio_effects, sum_changes

PERIODS_SHOWN = 4

Slice = Mapping[str, Observation]
"""The segments of one dimension in one period, by value."""


def segment_effects(
    catalogue: Catalogue, values: pa.Table, as_of: date, *, periods: int = PERIODS_SHOWN
) -> tuple[SegmentEffectRow, ...]:
    """Effects of every metric that is rolled up by `sum`, `last` or `ratio`, in order of name."""
    metrics = {
        name: headline_grain(metric.frequency, metric.grains)
        for name, metric in sorted(catalogue.metrics.items())
        if metric.aggregation in {"sum", "last", "ratio"} and _dimensions(metric)
    }
    book = SeriesBook(_recent(values, set(metrics.values())), set(metrics), unknown=True)
    rows: list[SegmentEffectRow] = []
    for name, grain in metrics.items():
        metric = catalogue.metrics[name]
        totals = [row for row in book.of(name, grain) if row.end <= as_of and row.is_final]
        by_end = {row.end: row for row in totals}
        for dimension in _dimensions(metric):
            slices = _slices(book, name, grain, dimension)
            for total in totals[-periods:]:
                before = by_end.get(total.start - timedelta(1))
                if before is not None:
                    rows += _of_change(
                        metric,
                        grain,
                        dimension,
                        total,
                        before,
                        slices.get(total.end, {}),
                        slices.get(before.end, {}),
                    )
    return tuple(rows)


def _of_change(
    metric: Metric,
    grain: str,
    dimension: str,
    total: Observation,
    before: Observation,
    now: Slice,
    then: Slice,
) -> list[SegmentEffectRow]:
    change = difference(total.value, before.value)
    if change is None or not (now or then):
        return []
    found: tuple[SegmentEffect, ...] | None
    if metric.aggregation == "ratio":
        found = ratio_effects(_portions(then), _portions(now), change)
    else:
        moved = sum_changes(_known(then), _known(now), change)
        found = tuple(SegmentEffect(item.segment, item.amount, ZERO) for item in moved)
    return [
        SegmentEffectRow(
            metric_id=metric.name,
            period_grain=grain,
            period_start=total.start,
            segment_dimension=dimension,
            segment_value=effect.segment,
            inner_effect=effect.inner,
            mix_effect=effect.mix,
            contribution=effect.total,
            contribution_share=_share(effect.total, change),
        )
        for effect in found or ()
    ]


def _dimensions(metric: Metric) -> tuple[str, ...]:
    """Dimensions the metric is published by, one at a time."""
    return tuple(dimensions[0] for dimensions in metric.segments if len(dimensions) == 1)


def _recent(values: pa.Table, grains: set[str]) -> pa.Table:
    return values.filter(pc.is_in(values["grain"], value_set=pa.array(sorted(grains), pa.string())))


def _slices(book: SeriesBook, metric: str, grain: str, dimension: str) -> dict[date, dict[str, Observation]]:
    found: dict[date, dict[str, Observation]] = {}
    for segment in book.segments(metric, grain, (dimension,)):
        for row in book.of(metric, grain, segment):
            found.setdefault(row.end, {})[segment[0][1]] = row
    return found


def _portions(rows: Slice) -> dict[str, Portion]:
    return {
        name: Portion(row.numerator or 0, row.denominator)
        for name, row in rows.items()
        if row.denominator is not None
    }


def _known(rows: Slice) -> dict[str, float]:
    return {name: row.value for name, row in rows.items() if row.value is not None}


def _share(amount: Decimal, change: Decimal) -> Decimal | None:
    whole = exact(change)
    return quantise(Fraction(amount) / whole) if whole else None
