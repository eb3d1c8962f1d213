"""Charts as inline SVG: Vega-Lite templates, compiled once per shape and filled with each series.

Colours are CSS custom properties, so that one chart serves light, dark and print. Every chart is drawn twice where
it is large: for a phone and for anything wider; the style sheet shows the one that fits.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from .chart_templates import (
    NARROW,
    WIDE,
    date_format,
    metric_template,
    progress_template,
    spark_template,
    value_label,
)
from .model import Annotation, KeyResult, Point, Unit

_NUMBER = re.compile(r"-?\d+\.\d{2,}")


@dataclass(frozen=True, slots=True)
class Mark:
    """A flagged period on a chart; ``effect`` decides the shape: a triangle up or down, or a diamond."""

    start: date
    value: float
    effect: str


def sparkline(points: Sequence[Point]) -> str:
    """A small line of recent values, its last one dotted, with the target as a dashed rule; '' without values."""
    values = [
        {"i": i, "v": point.value, "last": i == _last(points)}
        for i, point in enumerate(points)
        if point.value is not None
    ]
    if len(values) < 2:
        return ""
    target = points[_last(points)].target
    drawn = _fill(spark_template(), {"series": values, "goal": [] if target is None else [{"t": target}]})
    return _slim(drawn, "spark")


def metric_chart(
    points: Sequence[Point],
    unit: Unit,
    grain: str,
    marks: Sequence[Mark] = (),
    annotations: Sequence[Annotation] = (),
) -> str:
    """One metric over time: expected range, target, values (hollow while provisional), flags and events.

    '' with fewer than two values.
    """
    if sum(point.value is not None for point in points) < 2:
        return ""
    lonely = _lonely(points)
    rows = [
        {
            "d": _day(point.start),
            "v": point.value,
            "t": point.target,
            "lo": point.lower,
            "hi": point.upper,
            "open": point.state != "final",
            "alone": alone,
        }
        for point, alone in zip(points, lonely, strict=True)
    ]
    data: dict[str, list[dict[str, Any]]] = {
        "series": rows,
        "flags": [{"d": _day(mark.start), "v": mark.value, "e": mark.effect} for mark in marks],
        "events": [{"d": _day(one.start), "n": str(i)} for i, one in enumerate(annotations, start=1)],
    }
    wanted = {
        "band": any(point.lower is not None and point.upper is not None for point in points),
        "target": any(point.target is not None for point in points),
        "open": any(point.state != "final" and point.value is not None for point in points),
        "alone": any(lonely),
        "events": bool(annotations),
        "flags": bool(marks),
    }
    parts = tuple(name for name, needed in wanted.items() if needed)
    label, dates = value_label(unit), date_format(grain)
    return _both(lambda size: _fill(metric_template(size, label, dates, parts), data))


def progress_chart(kr: KeyResult, start: date, end: date) -> str:
    """A key result over its cycle: expected and actual progress, and the forecast with its interval.

    '' without any day of progress.
    """
    seen = [one for one in kr.history if one.progress is not None]
    if not seen:
        return ""
    last = seen[-1]
    planned = [{"d": _day(one.day), "p": one.expected} for one in kr.history if one.expected is not None]
    if planned and kr.history[0].day > start:
        planned.insert(0, {"d": _day(start), "p": 0})
    data: dict[str, list[dict[str, Any]]] = {
        "actual": [{"d": _day(one.day), "p": _clamp(one.progress)} for one in seen],
        "expected": [*planned, {"d": _day(end), "p": 1}],
        "now": [{"d": _day(last.day), "p": _clamp(last.progress)}],
        "cone": [],
        "edge": [{"d": _day(start), "p": 0}, {"d": _day(end), "p": 1}],
    }
    ends = [_as_progress(value, kr) for value in (kr.forecast_low, kr.forecast, kr.forecast_high)]
    if last.day < end and all(one is not None for one in ends):
        low, middle, high = (_clamp(one) for one in ends)
        now = _clamp(last.progress)
        data["cone"] = [
            {"d": _day(last.day), "lo": now, "p": now, "hi": now},
            {"d": _day(end), "lo": min(low, high), "p": middle, "hi": max(low, high)},
        ]
    return _both(lambda size: _fill(progress_template((size[0], size[1] - 40)), data))


def _as_progress(value: float | None, kr: KeyResult) -> float | None:
    """The way from baseline to target that a value has made."""
    if value is None or kr.baseline is None or kr.target is None or kr.target == kr.baseline:
        return None
    return (value - kr.baseline) / (kr.target - kr.baseline)


def _clamp(value: float | None) -> float:
    return max(-1.0, min(1.5, value or 0.0))


def _lonely(points: Sequence[Point]) -> list[bool]:
    """Values between two gaps: no line touches them, so they need a dot."""
    known = [False, *(point.value is not None for point in points), False]
    return [
        here and not before and not after
        for before, here, after in zip(known, known[1:], known[2:], strict=False)
    ]


def _last(points: Sequence[Point]) -> int:
    return max((i for i, point in enumerate(points) if point.value is not None), default=-1)


def _day(of: date) -> str:
    return f"{of.isoformat()}T00:00:00Z"


# ── rendering ───────────────────────────────────────────────────────────────────────────────────────────────


def _fill(template: str, data: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Render a template with data in place of its named data sets."""
    import vl_convert

    vega = json.loads(template)
    for source in vega["data"]:
        if source["name"] in data:
            source["values"] = copy.copy(data[source["name"]])
    return str(vl_convert.vega_to_svg(json.dumps(vega)))


def _both(draw: Any) -> str:
    return _slim(draw(WIDE), "chart wide") + _slim(draw(NARROW), "chart narrow")


def _slim(svg: str, kind: str) -> str:
    """The drawing without what inline SVG does not need, coordinates to a tenth of a pixel."""
    svg = _NUMBER.sub(lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), svg)
    for needless in _NEEDLESS:
        svg = needless.sub("", svg)
    return svg.replace("<svg", f'<svg class="{kind}" aria-hidden="true"', 1)


_NEEDLESS = (
    re.compile(r' (?:xmlns(?::xlink)?|version|aria-[a-z]+|role|pointer-events|class|font-family)="[^"]*"'),
    re.compile(r' (?:stroke-width="1"|opacity="1")'),
    re.compile(r'(?<=<svg) width="[\d.]+" height="[\d.]+"'),
    re.compile(r'<path d="[^"]*"(?: display="none")?/>'),
    re.compile(r'<text [^>]*opacity="0"[^>]*>[^<]*</text>'),
    re.compile(r"<g></g>"),
    re.compile(r"<g></g>"),
)
"""Name spaces and roles (the figure around it has its own), defaults, and marks without paint."""
