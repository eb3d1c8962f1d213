"""KPIs that have fallen far behind their baseline, as flags beside those of the detector.

A metric's baseline is the one written with its target; without one, the median of its last final periods. The last
final period of the metric's headline grain is held against it. Source: scoring rules, "KPI status" (far behind
baseline).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from statistics import median

import pyarrow as pa

from definitions.model import Catalogue, Direction, Metric
from definitions.settings import ScoringSettings
from pipelines.okr.limits import band_of
from pipelines.okr.series import Observation, SeriesBook
from pipelines.publishing.dictionary import headline_grain
from pipelines.publishing.records import AnomalyRow
from pipelines.scoring.arithmetic import Number, exact, quantise
from pipelines.scoring.below_baseline import FarBelow, far_below_baseline

DETECTOR = "baseline"
DETECTOR_VERSION = "1"
KIND = "below_baseline"


def below_baseline_rows(catalogue: Catalogue, values: pa.Table, as_of: date) -> tuple[AnomalyRow, ...]:
    """Flags of metrics that are far behind their baseline in their last final period, in order of name."""
    book = SeriesBook(values, set(catalogue.metrics))
    settings = catalogue.settings.scoring
    rows = []
    for name, metric in sorted(catalogue.metrics.items()):
        if metric.status == "deprecated":
            continue
        grain = headline_grain(metric.frequency, metric.grains)
        final = [row for row in book.of(name, grain) if row.end <= as_of and row.is_final]
        if not final:
            continue
        last, history = final[-1], [row.value for row in final[:-1]]
        baseline = _baseline(catalogue, metric, last, history, settings)
        band = band_of(metric)
        found = far_below_baseline(metric.direction, last.value, baseline, history, band, settings)
        if found is not None and baseline is not None:
            rows.append(_row(metric, grain, last, baseline, found, settings))
    return tuple(rows)


def _baseline(
    catalogue: Catalogue,
    metric: Metric,
    last: Observation,
    history: Sequence[Number | None],
    settings: ScoringSettings,
) -> Number | None:
    """The baseline of the target in force, else the median of the last final periods where there are enough."""
    stated = [
        target.baseline.value
        for target in catalogue.targets_of(metric.name)
        if target.baseline is not None and target.period_start <= last.end <= target.period_end
    ]
    if stated:
        return stated[-1]
    known = [value for value in map(exact, history[-settings.below_baseline_history :]) if value is not None]
    return median(known) if len(known) >= settings.below_baseline_history_min else None


def _row(
    metric: Metric,
    grain: str,
    last: Observation,
    baseline: Number,
    found: FarBelow,
    settings: ScoringSettings,
) -> AnomalyRow:
    start = exact(baseline) or Fraction(0)
    far = Fraction(settings.below_baseline_share) * abs(start)
    share = "far" if found.deviation is None else f"{found.deviation:.0%}"
    against = f"{share} behind its baseline of {_text(start)}"
    noise = "" if found.sigmas is None else f", {found.sigmas:.1f} times its usual spread"
    return AnomalyRow(
        metric_id=metric.name,
        period_grain=grain,
        period_start=last.start,
        segment_dimension="",
        segment_value="",
        detector=DETECTOR,
        detector_version=DETECTOR_VERSION,
        observed=last.value,
        expected=quantise(start),
        lower_bound=quantise(start) if metric.direction is Direction.DECREASE else quantise(start - far),
        upper_bound=quantise(start) if metric.direction is Direction.INCREASE else quantise(start + far),
        score=found.sigmas if found.sigmas is not None else found.deviation or 0,
        severity=found.severity,
        effect="unfavourable",
        kind=KIND,
        explanation=f"{metric.label} is {_text(exact(last.value))}, {against}{noise}",
        suggested_action=metric.suggested_actions[0] if metric.suggested_actions else None,
    )


def _text(value: Fraction | None) -> str:
    return "unknown" if value is None else f"{float(value):,.6g}"
