"""The picture of a series: what was observed, what was expected, what was flagged, what was known.

One Vega-Lite specification, as plain data; `vl_convert` draws it without network. Observed is a solid line, expected a
dashed one in its band, a flag a shape of its own (▲ high, ▼ low, ◆ other): readable without colour, in print, and by
a screen reader through the title and description. Same points, same bytes.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from .wording import say_period

BLUE, ORANGE, GREY, INK = "#0072B2", "#D55E00", "#BFC7D1", "#24292F"
"""Okabe and Ito's blue and vermilion, told apart by every kind of colour blindness, and neutral tones."""

_FORMATS = {
    "ratio": ".1%",
    "count": ",.0f",
    "money": ",.4~s",
    "score": ".3~g",
    "level": ",.4~s",
    "duration": ",.4~s",
}
_DURATIONS = ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes"))


@dataclass(frozen=True, slots=True)
class BandPoint:
    """One period of a chart; None is unknown and leaves a gap. ``flag`` is the kind of its flag, '' for none."""

    start: date
    value: float | None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    flag: str = ""


@dataclass(frozen=True, slots=True)
class Annotation:
    """Something known over inclusive days, shaded and named."""

    start: date
    end: date
    text: str


def band_chart_spec(
    points: Sequence[BandPoint],
    *,
    title: str,
    subtitle: str = "",
    kind: str = "level",
    unit: str = "",
    grain: str = "day",
    annotations: Sequence[Annotation] = (),
    width: int = 640,
    height: int = 220,
) -> dict[str, Any]:
    """The chart of a series, as a Vega-Lite v5 specification.

    Args:
        points: oldest first.
        title: what the series is; the flag's explanation makes a good subtitle.
        kind: count, ratio, money, duration, score or level; chooses the numbers' format.
    """
    scale, axis_unit = _scale(points, kind, unit)
    values = [_datum(point, scale) for point in points]
    flagged = [point for point in points if point.flag]
    described = f"{title}. {len(points)} {grain}s, {len(flagged)} flagged"
    if flagged:
        described += ", the last on " + say_period(flagged[-1].start, grain)
    number = _FORMATS.get(kind, ",.4~s")
    y = {
        "type": "quantitative",
        "title": axis_unit or None,
        "scale": {"zero": False, "nice": True},
        "axis": {"format": number},
    }
    x = {
        "field": "day",
        "type": "temporal",
        "title": None,
        "scale": {"type": "utc"},
        "axis": {"labelAngle": 0},
    }
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "description": described,
        "width": width,
        "height": height,
        "background": "white",
        "padding": 8,
        "title": {
            "text": title,
            "subtitle": textwrap.wrap(subtitle, max(int(width / 6.6), 20)),
            "anchor": "start",
            "fontSize": 14,
            "subtitleFontSize": 12,
            "subtitleColor": INK,
            "color": INK,
            "limit": width,
        },
        "data": {"values": values},
        "layer": [
            *_annotations(annotations),
            *_band(x, y),
            *_observed(x, y, number),
            *_flags(x, y),
        ],
        "config": {
            "font": "DejaVu Sans, Liberation Sans, Arial, sans-serif",
            "view": {"stroke": None},
            "axis": {
                "gridColor": "#ECEFF3",
                "labelColor": INK,
                "titleColor": INK,
                "domain": False,
                "ticks": False,
            },
        },
    }


def render_svg(spec: dict[str, Any]) -> str:
    """The chart as SVG text."""
    import vl_convert  # a renderer of 60 MB: only who draws pays for it

    svg: str = vl_convert.vegalite_to_svg(spec)
    return svg


def render_png(spec: dict[str, Any], scale: float = 2.0) -> bytes:
    """The chart as a PNG; ``scale`` 2 is sharp on a phone."""
    import vl_convert

    png: bytes = vl_convert.vegalite_to_png(spec, scale=scale)
    return png


def _band(x: dict[str, Any], y: dict[str, Any]) -> list[dict[str, Any]]:
    known = [{"filter": "isValid(datum.lower) && isValid(datum.upper)"}]
    return [
        {
            "transform": known,
            "mark": {"type": "area", "color": GREY, "opacity": 0.45, "aria": False},
            "encoding": {"x": x, "y": {"field": "lower", **y}, "y2": {"field": "upper"}},
        },
        {
            "transform": [{"filter": "isValid(datum.expected)"}],
            "mark": {"type": "line", "color": INK, "strokeDash": [5, 4], "strokeWidth": 1, "opacity": 0.7},
            "encoding": {"x": x, "y": {"field": "expected", **y}},
        },
    ]


def _observed(x: dict[str, Any], y: dict[str, Any], number: str) -> list[dict[str, Any]]:
    tip = [
        {"field": "day", "type": "temporal", "title": "Period", "format": "%Y-%m-%d"},
        {"field": "value", "type": "quantitative", "title": "Value", "format": number},
        {"field": "expected", "type": "quantitative", "title": "Expected", "format": number},
    ]
    return [
        {
            "mark": {
                "type": "line",
                "color": BLUE,
                "strokeWidth": 1.8,
                "invalid": "break-paths-show-path-domains",
            },
            "encoding": {"x": x, "y": {"field": "value", **y}, "tooltip": tip},
        }
    ]


def _flags(x: dict[str, Any], y: dict[str, Any]) -> list[dict[str, Any]]:
    shape = {
        "field": "side",
        "type": "nominal",
        "scale": {
            "domain": ["high", "low", "other"],
            "range": ["triangle-up", "triangle-down", "diamond"],
        },
        "legend": None,
    }
    return [
        {
            "transform": [{"filter": "datum.flag != '' && isValid(datum.at)"}],
            "mark": {
                "type": "point",
                "filled": True,
                "size": 90,
                "color": ORANGE,
                "opacity": 1,
                "stroke": "white",
                "strokeWidth": 0.6,
            },
            "encoding": {"x": x, "y": {"field": "at", **y}, "shape": shape},
        }
    ]


def _annotations(annotations: Sequence[Annotation]) -> list[dict[str, Any]]:
    if not annotations:
        return []
    values = [
        {"from": _instant(one.start), "to": f"{one.end.isoformat()}T23:59:59Z", "text": one.text}
        for one in sorted(annotations, key=lambda one: (one.start, one.end, one.text))
    ]
    at = {"field": "from", "type": "temporal", "scale": {"type": "utc"}}
    return [
        {
            "data": {"values": values},
            "mark": {"type": "rect", "color": BLUE, "opacity": 0.1},
            "encoding": {"x": at, "x2": {"field": "to"}},
        },
        {
            "data": {"values": values},
            "mark": {
                "type": "text",
                "align": "left",
                "baseline": "top",
                "dx": 2,
                "fontSize": 10,
                "color": INK,
            },
            "encoding": {"x": at, "y": {"value": 2}, "text": {"field": "text"}},
        },
    ]


def _datum(point: BandPoint, scale: float) -> dict[str, Any]:
    value, expected = _scaled(point.value, scale), _scaled(point.expected, scale)
    side = "other"
    if point.flag == "point" and value is not None and expected is not None:
        side = "high" if value > expected else "low"
    return {
        "day": _instant(point.start),
        "value": value,
        "expected": expected,
        "lower": _scaled(point.lower, scale),
        "upper": _scaled(point.upper, scale),
        "flag": point.flag,
        "side": side,
        "at": expected if value is None else value,
    }


def _scale(points: Sequence[BandPoint], kind: str, unit: str) -> tuple[float, str]:
    """(what values are divided by, the axis' title): seconds are shown as minutes, hours or days."""
    if kind == "ratio":
        return 1.0, ""
    if kind != "duration" or unit not in ("", "seconds", "s"):
        return 1.0, unit
    sizes = sorted(abs(point.value) for point in points if point.value is not None)
    typical = sizes[len(sizes) // 2] if sizes else 0.0
    return next(((size, name) for size, name in _DURATIONS if typical >= 2 * size), (1.0, "seconds"))


def _scaled(value: float | None, scale: float) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value / scale:.9g}")


def _instant(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
