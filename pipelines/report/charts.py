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
from functools import lru_cache
from typing import Any

from .model import Annotation, KeyResult, Point, Unit
from .numbers import show

INK, SOFT, GRID = "var(--ink)", "var(--soft)", "var(--rule)"
LINE, TARGET, BAND, GOOD, BAD = "var(--line)", "var(--target)", "var(--band)", "var(--good)", "var(--bad)"
SURFACE = "var(--card)"

WIDE, NARROW = (760, 250), (340, 210)
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
    drawn = _fill(_spark(), {"series": values, "goal": [] if target is None else [{"t": target}]})
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
    rows = [
        {
            "d": _day(point.start),
            "v": point.value,
            "t": point.target,
            "lo": point.lower,
            "hi": point.upper,
            "open": point.state != "final",
        }
        for point in points
    ]
    data: dict[str, list[dict[str, Any]]] = {
        "series": rows,
        "flags": [{"d": _day(mark.start), "v": mark.value, "e": mark.effect} for mark in marks],
        "events": [{"d": _day(one.start), "n": str(i)} for i, one in enumerate(annotations, start=1)],
    }
    return _both(lambda size: _fill(_metric(size, _label(unit), _date_format(grain)), data))


def progress_chart(kr: KeyResult, start: date, end: date) -> str:
    """A key result over its cycle: expected and actual progress, and the forecast with its interval.

    '' without any day of progress.
    """
    seen = [one for one in kr.history if one.progress is not None]
    if not seen:
        return ""
    last = seen[-1]
    data: dict[str, list[dict[str, Any]]] = {
        "actual": [{"d": _day(one.day), "p": _clamp(one.progress)} for one in seen],
        "expected": [
            {"d": _day(one.day), "p": one.expected} for one in kr.history if one.expected is not None
        ]
        + [{"d": _day(end), "p": 1}],
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
    return _both(lambda size: _fill(_progress((size[0], size[1] - 40)), data))


def _as_progress(value: float | None, kr: KeyResult) -> float | None:
    """The way from baseline to target that a value has made."""
    if value is None or kr.baseline is None or kr.target is None or kr.target == kr.baseline:
        return None
    return (value - kr.baseline) / (kr.target - kr.baseline)


def _clamp(value: float | None) -> float:
    return max(-0.25, min(1.5, value or 0.0))


def _last(points: Sequence[Point]) -> int:
    return max((i for i, point in enumerate(points) if point.value is not None), default=-1)


def _day(of: date) -> str:
    return f"{of.isoformat()}T00:00:00"


# ── templates ───────────────────────────────────────────────────────────────────────────────────────────────


def _config(size: int = 12) -> dict[str, Any]:
    axis = {
        "labelColor": SOFT,
        "titleColor": SOFT,
        "labelFontSize": size,
        "gridColor": GRID,
        "domainColor": GRID,
        "tickColor": GRID,
        "title": None,
        "labelPadding": 6,
    }
    return {
        "background": None,
        "view": {"stroke": None},
        "padding": 4,
        "axis": axis,
        "axisX": {"grid": False, "labelFlush": True, "labelOverlap": True, "tickSize": 4},
        "axisY": {"domain": False, "ticks": False, "tickCount": 4},
        "text": {"fontSize": size},
    }


@lru_cache
def _spark() -> str:
    x = {"field": "i", "type": "quantitative", "axis": None}
    y = {"field": "v", "type": "quantitative", "axis": None, "scale": {"zero": False, "nice": False}}
    return _compiled(
        {
            "width": 108,
            "height": 26,
            "config": {"background": None, "view": {"stroke": None}, "padding": 3},
            "layer": [
                {
                    "data": {"name": "goal", "values": [{"t": 1}]},
                    "mark": {"type": "rule", "color": TARGET, "strokeDash": [3, 3]},
                    "encoding": {"y": {**y, "field": "t"}},
                },
                {
                    "data": {"name": "series", "values": [{"i": 0, "v": 0, "last": True}]},
                    "layer": [
                        {
                            "mark": {"type": "line", "color": LINE, "strokeWidth": 1.75},
                            "encoding": {"x": x, "y": y},
                        },
                        {
                            "transform": [{"filter": "datum.last"}],
                            "mark": {
                                "type": "point",
                                "filled": True,
                                "color": LINE,
                                "size": 34,
                                "opacity": 1,
                            },
                            "encoding": {"x": x, "y": y},
                        },
                    ],
                },
            ],
        }
    )


@lru_cache(maxsize=256)
def _metric(size: tuple[int, int], label: str, dates: str) -> str:
    narrow = size == NARROW
    x = {
        "field": "d",
        "type": "temporal",
        "axis": {"labelExpr": f"timeFormat(datum.value, '{dates}')", "tickCount": 4 if narrow else 8},
    }
    y = {
        "field": "v",
        "type": "quantitative",
        "scale": {"zero": False, "nice": True},
        "axis": {"labelExpr": label},
    }
    quiet = {k: v for k, v in y.items() if k != "axis"}
    return _compiled(
        {
            "width": size[0],
            "height": size[1],
            "autosize": {"type": "fit", "contains": "padding"},
            "config": _config(11 if narrow else 12),
            "layer": [
                {
                    "data": {"name": "series", "values": [_ROW]},
                    "layer": [
                        {
                            "transform": [{"filter": "isValid(datum.lo) && isValid(datum.hi)"}],
                            "mark": {"type": "area", "color": BAND, "opacity": 1},
                            "encoding": {"x": x, "y": {**quiet, "field": "lo"}, "y2": {"field": "hi"}},
                        },
                        {
                            "transform": [{"filter": "isValid(datum.t)"}],
                            "mark": {
                                "type": "line",
                                "color": TARGET,
                                "strokeDash": [5, 4],
                                "strokeWidth": 1.5,
                                "interpolate": "step-after",
                            },
                            "encoding": {"x": x, "y": {**quiet, "field": "t"}},
                        },
                        {
                            "mark": {"type": "line", "color": LINE, "strokeWidth": 2.25},
                            "encoding": {"x": x, "y": y},
                        },
                        {
                            "transform": [{"filter": "datum.open && isValid(datum.v)"}],
                            "mark": {
                                "type": "point",
                                "filled": True,
                                "color": SURFACE,
                                "stroke": LINE,
                                "strokeWidth": 1.75,
                                "size": 42,
                                "opacity": 1,
                            },
                            "encoding": {"x": x, "y": y},
                        },
                    ],
                },
                {
                    "data": {"name": "events", "values": [{"d": "2026-01-01T00:00:00", "n": "1"}]},
                    "encoding": {"x": x},
                    "layer": [
                        {"mark": {"type": "rule", "color": SOFT, "strokeDash": [2, 3]}},
                        {
                            "mark": {"type": "text", "color": SOFT, "dy": -4, "baseline": "bottom"},
                            "encoding": {"text": {"field": "n"}, "y": {"value": 8}},
                        },
                    ],
                },
                {
                    "data": {
                        "name": "flags",
                        "values": [{"d": "2026-01-01T00:00:00", "v": 1, "e": "neutral"}],
                    },
                    "mark": {
                        "type": "point",
                        "filled": True,
                        "size": 130,
                        "opacity": 1,
                        "stroke": SURFACE,
                        "strokeWidth": 1.5,
                    },
                    "encoding": {
                        "x": x,
                        "y": y,
                        "shape": {
                            "field": "e",
                            "type": "nominal",
                            "legend": None,
                            "scale": {
                                "domain": _EFFECTS,
                                "range": ["triangle-up", "triangle-down", "diamond"],
                            },
                        },
                        "color": {
                            "field": "e",
                            "type": "nominal",
                            "legend": None,
                            "scale": {"domain": _EFFECTS, "range": [GOOD, BAD, SOFT]},
                        },
                    },
                },
            ],
        }
    )


@lru_cache
def _progress(size: tuple[int, int]) -> str:
    narrow = size[0] == NARROW[0]
    x = {
        "field": "d",
        "type": "temporal",
        "axis": {"labelExpr": "timeFormat(datum.value, '%-d %b')", "tickCount": 4 if narrow else 8},
    }
    y = {
        "field": "p",
        "type": "quantitative",
        "scale": {"zero": True, "nice": False},
        "axis": {"labelExpr": "format(datum.value, '.0%')", "values": [0, 0.25, 0.5, 0.75, 1]},
    }
    day = {"d": "2026-01-01T00:00:00", "p": 0}
    return _compiled(
        {
            "width": size[0],
            "height": size[1],
            "autosize": {"type": "fit", "contains": "padding"},
            "config": _config(11 if narrow else 12),
            "layer": [
                {
                    "data": {"name": "edge", "values": [day]},
                    "mark": {"type": "point", "opacity": 0},
                    "encoding": {"x": x, "y": y},
                },
                {
                    "data": {"name": "cone", "values": [{**day, "lo": 0, "hi": 1}]},
                    "layer": [
                        {
                            "mark": {"type": "area", "color": BAND, "opacity": 1},
                            "encoding": {"x": x, "y": {**y, "field": "lo"}, "y2": {"field": "hi"}},
                        },
                        {
                            "mark": {"type": "line", "color": LINE, "strokeDash": [2, 4], "strokeWidth": 2},
                            "encoding": {"x": x, "y": y},
                        },
                    ],
                },
                {
                    "data": {"name": "expected", "values": [day]},
                    "mark": {"type": "line", "color": TARGET, "strokeDash": [6, 4], "strokeWidth": 1.5},
                    "encoding": {"x": x, "y": y},
                },
                {
                    "data": {"name": "actual", "values": [day]},
                    "mark": {"type": "line", "color": LINE, "strokeWidth": 2.5},
                    "encoding": {"x": x, "y": y},
                },
            ],
        }
    )


_EFFECTS = ["favourable", "unfavourable", "neutral"]
_ROW = {"d": "2026-01-01T00:00:00", "v": 1, "t": 1, "lo": 0, "hi": 2, "open": True}


def _label(unit: Unit) -> str:
    """A Vega expression that labels the value axis in the unit."""
    if unit.pattern.endswith("%") or (unit.family == "ratio" and unit.pattern == "0,0"):
        return "format(datum.value, '~%')"
    if unit.family == "duration_seconds":
        return (
            "abs(datum.value) >= 172800 ? format(datum.value / 86400, '~r') + ' d' : "
            "abs(datum.value) >= 7200 ? format(datum.value / 3600, '~r') + ' h' : "
            "format(datum.value / 60, '~r') + ' min'"
        )
    prefix = show(0, unit).replace("0", "").strip() if unit.family == "currency" else ""
    prefix = prefix if len(prefix) == 1 else ""
    return f"'{prefix}' + replace(format(datum.value, '~s'), 'G', 'B')"


def _date_format(grain: str) -> str:
    return {"month": "%b %Y", "quarter": "%b %Y", "year": "%Y"}.get(grain, "%-d %b")


# ── rendering ───────────────────────────────────────────────────────────────────────────────────────────────


def _compiled(spec: Mapping[str, Any]) -> str:
    """A Vega-Lite template as Vega, ready to be filled."""
    import vl_convert

    whole = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", **spec}
    return json.dumps(vl_convert.vegalite_to_vega(whole))


def _fill(template: str, data: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Render a template with data in place of its named data sets."""
    import vl_convert

    vega = json.loads(template)
    for source in vega["data"]:
        if source["name"] in data:
            source["values"] = copy.copy(data[source["name"]])
    return str(vl_convert.vega_to_svg(vega))


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
