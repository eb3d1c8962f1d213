"""The page of one metric, and its chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from markupsafe import Markup

from pipelines import report_links as links
from pipelines.report.charts import Mark, metric_chart, sparkline
from pipelines.report.model import Annotation, Anomaly, Kpi, Point, Segment, TreeRow
from pipelines.report.numbers import period, show, target
from pipelines.report.site import Site
from pipelines.report.words import OPERATOR

from .page import FLAG_ROWS, LISTED, Page

SEGMENT_ROWS, SEGMENT_ROWS_IN_ALL, VALUE_ROWS = 12, 24, 40


def chart_of(site: Site, kpi: Kpi) -> Markup:
    """The chart of one metric, with its flags and events."""
    points = site.points(kpi.metric_id)
    values = {point.start: point.value for point in points}
    marks = [
        Mark(one.period_start, value, one.effect)
        for one in _flags_of(site, kpi)
        if not one.segment_dimension
        and one.grain == kpi.grain
        and (value := values.get(one.period_start, one.observed)) is not None
    ]
    return site.drawings.place(
        metric_chart(points, kpi.unit, kpi.grain, marks, _events_of(site, kpi), kpi.optimum)
    )


def flag_chart(site: Site, anomaly: Anomaly) -> Markup:
    """The chart of the series that is flagged, with every flag on it."""
    kpi = site.kpi(anomaly.metric_id)
    points = site.snapshot.flag_points.get(anomaly.series, ())
    if kpi is None or not points:
        return Markup("")
    values = {point.start: point.value for point in points}
    marks = [
        Mark(one.period_start, value, one.effect)
        for one in site.anomalies
        if one.series == anomaly.series and (value := values.get(one.period_start, one.observed)) is not None
    ]
    return site.drawings.place(metric_chart(points, kpi.unit, anomaly.grain, marks))


def _flags_of(site: Site, kpi: Kpi) -> list[Anomaly]:
    return [one for one in site.anomalies if one.metric_id == kpi.metric_id]


def _events_of(site: Site, kpi: Kpi) -> list[Annotation]:
    points = site.points(kpi.metric_id)
    if not points:
        return []
    first, last = points[0].start, points[-1].end
    shown = [
        one
        for one in site.snapshot.annotations
        if one.metric_id in (None, kpi.metric_id) and one.start <= last and one.end >= first
    ]
    return sorted(shown, key=lambda one: (one.start, one.end, one.title))


def metric_page_of(site: Site, kpi: Kpi) -> Page:
    """Everything about one metric."""
    snapshot, metric_id = site.snapshot, kpi.metric_id
    definitions = snapshot.definitions.get(metric_id, ())
    points = site.points(metric_id)
    checks = site.checks_of(metric_id)
    parents, children = _relations(site, metric_id)
    context = {
        "kpi": kpi,
        "chart": chart_of(site, kpi),
        "definition": next((one for one in definitions if one.is_current), None),
        "definitions": definitions,
        "caption": caption(kpi, points),
        "has_open": any(point.state != "final" and point.value is not None for point in points),
        "has_target": kpi.optimum is not None or any(point.target is not None for point in points),
        "has_band": _has_band(points),
        "values": value_table(kpi, points, VALUE_ROWS),
        "flags": _flags_of(site, kpi)[:FLAG_ROWS],
        "annotations": _events_of(site, kpi),
        "segments": _segment_groups(site, snapshot.segments.get(metric_id, ())),
        "parents": parents,
        "children": children,
        "contributions": snapshot.contributions.get(metric_id, ()),
        "goals": [kr for o in site.goals for kr in o.key_results if kr.metric_id == metric_id],
        "trust": site.trust(kpi),
        "sources": [site.source_line(one) for one in site.sources_of(metric_id)],
        "checks": checks[:LISTED],
        "failed": sum(not check.passed for check in checks),
        "restatements": [one for one in snapshot.restatements if one.metric_id == metric_id][:LISTED],
    }
    return Page(links.metric_page(metric_id), "metric.html", kpi.name, "", context)


def value_table(kpi: Kpi, points: Sequence[Point], rows: int, where: str = "") -> dict[str, Any]:
    """The numbers of a chart as a table, latest first; ``where`` tells tables of one metric on a page apart."""
    return {
        "template": "values.html",
        "kpi": kpi,
        "named": f"Values of {kpi.name}" + (f", {where}" if where else ""),
        "has_band": _has_band(points),
        "points": points[::-1][:rows],
    }


def _has_band(points: Sequence[Point]) -> bool:
    return any(point.lower is not None and point.upper is not None for point in points)


def caption(kpi: Kpi, points: Sequence[Point]) -> str:
    """What the chart says, for those who do not see it."""
    known = [point for point in points if point.value is not None]
    if len(known) < 2:
        return ""
    first, last = known[0], known[-1]
    low, high = min(known, key=lambda p: p.value or 0), max(known, key=lambda p: p.value or 0)
    told = (
        f"{kpi.name} by {kpi.grain.replace('_', ' ')}: {show(first.value, kpi.unit)} in "
        f"{period(first.start, kpi.grain, first.end)}, {show(last.value, kpi.unit)} in "
        f"{period(last.start, kpi.grain, last.end)}; lowest {show(low.value, kpi.unit)} "
        f"({period(low.start, kpi.grain, low.end)}), highest {show(high.value, kpi.unit)} "
        f"({period(high.start, kpi.grain, high.end)})."
    )
    goal = last.target if last.target is not None else kpi.optimum
    return told + (f" Target {target(replace(kpi, target=last.target))}." if goal is not None else "")


def _segment_groups(site: Site, segments: Sequence[Segment]) -> list[dict[str, Any]]:
    """Segments by dimension: the largest of each, fewer of each the more dimensions there are."""
    by_dimension = [(name, list(found)) for name, found in groupby(segments, key=lambda one: one.dimension)]
    most = max(3, min(SEGMENT_ROWS, SEGMENT_ROWS_IN_ALL // max(1, len(by_dimension))))
    groups = []
    for dimension, rows in by_dimension[: SEGMENT_ROWS_IN_ALL // 3]:
        shown = [{"segment": one, "spark": site.drawings.place(sparkline(one.points))} for one in rows[:most]]
        name = dimension.replace("|", " and ")
        groups.append({"dimension": name, "rows": shown, "more": max(0, len(rows) - most)})
    return groups


def _relations(site: Site, metric_id: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """(metrics it drives, metrics that drive it), each once, with how."""
    parents: dict[str, str] = {}
    children: dict[str, str] = {}
    for row in site.snapshot.tree:
        if row.parent_id is None:
            continue
        if row.metric_id == metric_id:
            parents.setdefault(row.parent_id, _how(row))
        if row.parent_id == metric_id:
            children.setdefault(row.metric_id, _how(row))
    return (
        [{"id": one, "name": site.name_of(one), "how": how} for one, how in parents.items()],
        [{"id": one, "name": site.name_of(one), "how": how} for one, how in children.items()],
    )


def _how(row: TreeRow) -> str:
    if row.operator == "influences":
        told = "influences it" + (", the other way round" if row.expected_sign < 0 else "")
        return told + (f", after {row.lag_periods} {row.lag_grain or 'periods'}" if row.lag_periods else "")
    return f"{OPERATOR.get(row.operator or '', row.operator or '')} in its formula"
