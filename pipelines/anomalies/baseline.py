"""Metrics that have fallen far behind a declared baseline: a state, told on the latest final period.

The baseline is the target's where one is set for the period, else that of an open key result on the metric. The rule
itself is the scoring rules' (`pipelines.scoring.below_baseline`). Source: scoring rules, "KPI status".
"""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from definitions.model import Baseline, Catalogue, Metric
from definitions.settings import ScoringSettings
from pipelines.scoring.below_baseline import far_below_baseline
from pipelines.scoring.optimum import OptimumBand

from .detector import DETECTOR_VERSION
from .flags import Effect, Flag, Severity
from .frame import format_of, unit_words
from .wording import say, say_period, say_share

DETECTOR = "baseline"


def below_baseline_flags(catalogue: Catalogue, values: pa.Table, as_of: date) -> tuple[tuple[Flag, str], ...]:
    """(flag, metric) for each metric whose latest final value is far behind its baseline."""
    baselines = _baselines(catalogue, as_of)
    if not baselines:
        return ()
    names = pa.array(sorted({metric for metric, _ in baselines}), pa.string())
    finals = values.filter(
        pc.and_(
            pc.and_(pc.equal(values["segment_dimension"], ""), pc.equal(values["value_state"], "final")),
            pc.and_(pc.is_in(values["metric"], value_set=names), pc.less_equal(values["period_end"], as_of)),
        )
    )
    series: dict[tuple[str, str], list[tuple[date, float]]] = {}
    for row in finals.select(["metric", "grain", "period_start", "value"]).to_pylist():
        if row["value"] is not None:
            series.setdefault((row["metric"], row["grain"]), []).append((row["period_start"], row["value"]))
    found = []
    for (name, grain), baseline in sorted(baselines.items()):
        known = sorted(series.get((name, grain), []))
        if known:
            flag = _flag(catalogue.metrics[name], grain, baseline, known, catalogue.settings.scoring)
            if flag is not None:
                found.append((flag, name))
    return tuple(found)


def _baselines(catalogue: Catalogue, as_of: date) -> dict[tuple[str, str], Baseline]:
    """(metric, grain) → baseline in force; a target's goes before a key result's."""
    found: dict[tuple[str, str], Baseline] = {}
    for cycle, _, key_result in catalogue.key_results():
        is_open = cycle.start <= as_of <= cycle.end and cycle.state != "closed"
        if (
            is_open
            and key_result.metric
            and key_result.baseline
            and key_result.grain
            and not key_result.segment
        ):
            found.setdefault((key_result.metric, key_result.grain), key_result.baseline)
    for target in catalogue.targets:
        if target.baseline and not target.segment and target.period_start <= as_of <= target.period_end:
            found[target.metric, target.grain] = target.baseline
    return {key: value for key, value in found.items() if key[0] in catalogue.metrics}


def _flag(
    metric: Metric, grain: str, baseline: Baseline, known: list[tuple[date, float]], settings: ScoringSettings
) -> Flag | None:
    start, value = known[-1]
    band = (
        OptimumBand(metric.band.low, metric.band.high, metric.band.floor, metric.band.ceiling)
        if metric.band
        else None
    )
    history = [past for _, past in known[:-1]]
    far = far_below_baseline(metric.direction, value, baseline.value, history, band, settings)
    if far is None:
        return None
    kind, unit = format_of(metric), unit_words(metric)
    away = "" if far.deviation is None else f", {say_share(float(far.deviation))} on the wrong side of it"
    text = (
        f"{say(value, kind, unit)} in {say_period(start, grain, year=False)}; the baseline is "
        f"{say(baseline.value, kind, unit)} ({say_period(baseline.as_of, 'day')}){away}"
    )
    return Flag(
        row=-1,
        key=f"{metric.name}/{grain}",
        grain=grain,
        period_start=start,
        since=start,
        observed=value,
        expected=float(baseline.value),
        lower=None,
        upper=None,
        score=round(float(far.sigmas), 4) if far.sigmas is not None else 0.0,
        kind="below_baseline",
        severity=Severity(far.severity),
        effect=Effect.UNFAVOURABLE,
        explanation=text,
        detector=DETECTOR,
        detector_version=DETECTOR_VERSION,
    )
