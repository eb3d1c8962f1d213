"""Alerts about metrics: open anomaly flags, values far below their baseline, and `red_at` crossed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from definitions.model import Catalogue, Metric, Target
from definitions.settings import AlertSettings
from pipelines import report_links as links
from pipelines.alerts.decision import Covered
from pipelines.alerts.model import Alert, AlertType, Contributor, Fact, Link, Severity, Subject
from pipelines.alerts.say import say_metric, say_range
from pipelines.anomalies.wording import say_period
from pipelines.publishing.dictionary import headline_grain
from pipelines.publishing.publication import Coverage
from pipelines.publishing.records import TOTAL, AnomalyRow, segment_key
from pipelines.scoring.arithmetic import Number
from pipelines.scoring.optimum import OptimumBand
from pipelines.scoring.status import Limits, kpi_status

from .base import Found, Places, midnight
from .series import Series

_DAYS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
_WEIGHTS = {"north_star": 4.0, "supporting": 2.0, "operational": 1.0}


def anomalies(
    flags: Iterable[AnomalyRow],
    coverage: Iterable[Coverage],
    catalogue: Catalogue,
    where: Places,
    series: Series | None = None,
) -> Found:
    """Open flags on the latest tested periods, one alert per series.

    A flag on an older period is history: the first run over two years of data wakes nobody. The state ends when the
    latest ``recent_periods`` tested periods carry no open flag; a flag that a person marked expected or false is
    not open. Flags of kind ``below_baseline`` are alerts of their own type.
    """
    settings = catalogue.settings.alerts
    tested = {(cover.metric, cover.grain): cover.last for cover in coverage}
    by_series: dict[tuple[AlertType, str, str, str], list[AnomalyRow]] = defaultdict(list)
    for flag in flags:
        if flag.metric_id in catalogue.metrics and _is_recent(flag, tested, settings):
            kind = AlertType.BELOW_BASELINE if flag.kind == "below_baseline" else AlertType.ANOMALY
            key = segment_key(flag.segment_dimension, flag.segment_value)
            by_series[kind, flag.metric_id, flag.period_grain, key].append(flag)
    alerts = tuple(
        _anomaly(kind, sorted(found, key=lambda flag: flag.period_start), catalogue, where, series)
        for (kind, *_), found in sorted(by_series.items())
    )
    scopes = {
        (kind, f"{metric}/{grain}")
        for metric, grain in tested
        for kind in (AlertType.ANOMALY, AlertType.BELOW_BASELINE)
    }
    return Found(alerts, Covered(frozenset(scopes)))


def _is_recent(flag: AnomalyRow, tested: Mapping[tuple[str, str], date], settings: AlertSettings) -> bool:
    last = tested.get((flag.metric_id, flag.period_grain))
    if last is None or flag.state != "open":
        return False
    days = _DAYS.get(flag.period_grain, 1)
    return (last - flag.period_start).days < settings.recent_periods * days


def _anomaly(
    kind: AlertType,
    flags: list[AnomalyRow],
    catalogue: Catalogue,
    where: Places,
    series: Series | None,
) -> Alert:
    first, last = flags[0], flags[-1]
    metric = catalogue.metrics[last.metric_id]
    key = segment_key(last.segment_dimension, last.segment_value)
    name = _series_name(metric, last.segment_value)
    period = say_period(last.period_start, last.period_grain)
    observed = say_metric(_float(last.observed), metric)
    expected = say_range(_float(last.lower_bound), _float(last.upper_bound), metric)
    words = "far below its baseline" if kind is AlertType.BELOW_BASELINE else f"expected {expected}"
    shown = {
        "title": f"{name}: {observed} ({period}), {words}",
        "detail": last.explanation or "",
        "facts": (
            Fact("Value", observed, _float(last.observed)),
            Fact("Expected", expected, _float(last.expected)),
            Fact("Period", period),
            Fact("Kind", f"{last.kind.replace('_', ' ')}, {last.effect}"),
        ),
        "contributors": _contributors(last.root_cause),
        "chart": series(last.metric_id, last.period_grain, key) if series else (),
    }
    return _metric_alert(
        kind,
        metric,
        Subject("metric", f"{metric.name}/{last.period_grain}/{key}", name),
        _severity(last),
        first.period_start,
        where,
        shown,
        hidden=f"{name}: an unusual value ({period})",
        action=last.suggested_action or "",
    )


def _severity(flag: AnomalyRow) -> Severity:
    """As flagged; a favourable surprise is news, not a problem."""
    severity = Severity(flag.severity)
    return Severity.INFO if flag.effect == "favourable" else severity


def red_lines(values: pa.Table, catalogue: Catalogue, where: Places, series: Series | None = None) -> Found:
    """Latest final values at or beyond `red_at`: critical whatever the target. Source: scoring rules, 'KPI status'.

    Looked at are the total of each metric with a `red_at`, at its headline grain, and every series whose
    target has one, in the target's own period.

    Args:
        values: the KPI value frame (or any table with its columns).
    """
    scopes: set[tuple[AlertType, str]] = set()
    alerts: list[Alert] = []
    latest = _latest_final(values, {metric for metric, _, _ in _lines(catalogue)})
    for (metric_name, grain, key), (limits, target) in sorted(_lines(catalogue).items()):
        row = latest.get((metric_name, grain, key))
        if row is None:
            continue
        if target is not None and not target.period_start <= row["period_start"] <= target.period_end:
            continue
        scopes.add((AlertType.RED_LINE, f"{metric_name}/{grain}"))
        if kpi_status(row["value"], limits).is_critical:
            alerts.append(_red_line(catalogue.metrics[metric_name], limits, row, key, where, series))
    return Found(tuple(alerts), Covered(frozenset(scopes)))


_Line = tuple[str, str, str]


def _lines(catalogue: Catalogue) -> dict[_Line, tuple[Limits, Target | None]]:
    """Every series with a red line, by (metric, grain, segment key); a target's line wins over the metric's."""
    lines: dict[_Line, tuple[Limits, Target | None]] = {}
    for metric in catalogue.metrics.values():
        if metric.red_at is not None:
            lines[metric.name, headline_grain(metric.frequency, metric.grains), "total"] = (
                _limits(metric, metric.red_at),
                None,
            )
    for target in sorted(catalogue.targets, key=lambda target: target.period_start):
        if target.red_at is None or target.metric not in catalogue.metrics:
            continue
        key = segment_key(
            "|".join(name for name, _ in target.segment), "|".join(value for _, value in target.segment)
        )
        metric = catalogue.metrics[target.metric]
        lines[metric.name, target.grain, key] = (_limits(metric, target.red_at), target)
    return lines


def _limits(metric: Metric, red_at: float) -> Limits:
    band = metric.band
    optimum = OptimumBand(band.low, band.high, band.floor, band.ceiling) if band else None
    return Limits(metric.direction, band=optimum, red_at=red_at)


def _latest_final(values: pa.Table, metrics: set[str]) -> dict[_Line, dict[str, Any]]:
    wanted = pc.and_(
        pc.equal(values["value_state"], "final"),
        pc.is_in(values["metric"], pa.array(sorted(metrics), pa.string())),
    )
    columns = ["metric", "grain", "period_start", "segment_dimension", "segment_value", "value"]
    rows = values.filter(wanted).select(columns).sort_by("period_start").to_pylist()
    return {
        (row["metric"], row["grain"], segment_key(row["segment_dimension"], row["segment_value"])): row
        for row in rows
    }


def _red_line(
    metric: Metric, limits: Limits, row: Mapping[str, Any], key: str, where: Places, series: Series | None
) -> Alert:
    name = _series_name(metric, row["segment_value"])
    period = say_period(row["period_start"], row["grain"])
    line, value = say_metric(_float(limits.red_at), metric), say_metric(row["value"], metric)
    shown = {
        "title": f"{name}: {value} ({period}), beyond the red line at {line}",
        "facts": (
            Fact("Value", value, row["value"]),
            Fact("Red line", line, _float(limits.red_at)),
            Fact("Period", period),
        ),
        "chart": series(metric.name, row["grain"], key) if series else (),
    }
    return _metric_alert(
        AlertType.RED_LINE,
        metric,
        Subject("metric", f"{metric.name}/{row['grain']}/{key}", name),
        Severity.CRITICAL,
        row["period_start"],
        where,
        shown,
        hidden=f"{name}: beyond its red line ({period})",
        action="; ".join(metric.suggested_actions),
    )


def _metric_alert(
    kind: AlertType,
    metric: Metric,
    subject: Subject,
    severity: Severity,
    since: date,
    where: Places,
    shown: Mapping[str, Any],
    *,
    hidden: str,
    action: str,
) -> Alert:
    """An alert about a metric; where the metric is restricted, what it ``shown`` stays out of it."""
    is_restricted = metric.visibility == "restricted"
    # One bad day of the total is not also a bad day of each of its forty segments.
    _, grain, segment = subject.id.split("/", 2)
    whole, is_total = f"series:{kind}/{metric.name}/{grain}", segment == TOTAL
    return Alert(
        type=kind,
        subject=subject,
        severity=severity,
        since=midnight(since),
        team=metric.owner.team,
        owner=metric.owner.accountable,
        action=action,
        rests_on=(
            *where.rests_on.get(metric.name, (f"metric:{metric.name}",)),
            *(() if is_total else (whole,)),
        ),
        breaks=(whole,) if is_total else (),
        links=where.links(links.metric_page(metric.name)) + _runbook(metric),
        weight=_WEIGHTS.get(metric.level, 1.0),
        is_restricted=is_restricted,
        **({"title": hidden} if is_restricted else shown),
    )


def _runbook(metric: Metric) -> tuple[Link, ...]:
    url = metric.meta.get("runbook")
    return (Link("Runbook", url),) if url else ()


def _series_name(metric: Metric, segment_value: str) -> str:
    return f"{metric.label} ({segment_value.replace('|', ', ')})" if segment_value else metric.label


def _contributors(causes: Iterable[Mapping[str, Any]]) -> tuple[Contributor, ...]:
    """The top three of a flag's root cause, in the words it came with."""
    found: list[Contributor] = []
    for cause in causes:
        label = str(cause.get("label") or cause.get("segment") or cause.get("metric") or "")
        text = str(cause.get("text") or cause.get("explanation") or cause.get("contribution") or "")
        if label:
            found.append(Contributor(label, text))
    return tuple(found[:3])


def _float(value: Number | None) -> float | None:
    return None if value is None else float(value)
