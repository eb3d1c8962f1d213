"""Vega-Lite templates of the charts, compiled once per shape and size to Vega, ready to be filled with data.

Colours are CSS custom properties of the page the chart stands in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from .model import Unit
from .numbers import is_percent, symbol

INK, SOFT, GRID = "var(--ink)", "var(--soft)", "var(--rule)"
LINE, TARGET, BAND, GOOD, BAD = "var(--line)", "var(--target)", "var(--band)", "var(--good)", "var(--bad)"
SURFACE = "var(--card)"

WIDE, NARROW = (760, 250), (340, 210)


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
def spark_template() -> str:
    """A line of recent values with its last one dotted; data sets: series (i, v, last), goal (t)."""
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


@lru_cache(maxsize=512)
def metric_template(size: tuple[int, int], label: str, dates: str, parts: tuple[str, ...]) -> str:
    """One metric over time; data sets: series (d, v, t, lo, hi, open, alone), events (d, n), flags (d, v, e).

    ``parts`` are the layers beside the line itself that the data needs: band, target, alone, open, events, flags.
    What is not needed is not drawn, which halves the time of a plain chart.
    """
    narrow = size == NARROW
    x = {
        "field": "d",
        "type": "temporal",
        "scale": {"type": "utc"},
        "axis": {"labelExpr": f"utcFormat(datum.value, '{dates}')", "tickCount": 4 if narrow else 8},
    }
    y = {
        "field": "v",
        "type": "quantitative",
        "scale": {"zero": False, "nice": True},
        "axis": {"labelExpr": label},
    }
    layers = {
        "series": {"data": {"name": "series", "values": [_ROW]}, "layer": _series(x, y, parts)},
        "events": _events(x),
        "flags": _flags(x, y),
    }
    return _compiled(
        {
            "width": size[0],
            "height": size[1],
            "autosize": {"type": "fit", "contains": "padding"},
            "config": _config(11 if narrow else 12),
            "layer": [layer for name, layer in layers.items() if name == "series" or name in parts],
        }
    )


def _series(x: Mapping[str, Any], y: Mapping[str, Any], parts: tuple[str, ...]) -> list[dict[str, Any]]:
    """Expected range, target, the values as a line, and hollow points where they may still change."""
    quiet = {key: value for key, value in y.items() if key != "axis"}
    layers: dict[str, dict[str, Any]] = {
        "band": {
            "transform": [{"filter": "isValid(datum.lo) && isValid(datum.hi)"}],
            "mark": {"type": "area", "color": BAND, "opacity": 1},
            "encoding": {"x": x, "y": {**quiet, "field": "lo"}, "y2": {"field": "hi"}},
        },
        "target": {
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
        "line": {"mark": {"type": "line", "color": LINE, "strokeWidth": 2.25}, "encoding": {"x": x, "y": y}},
        "alone": {
            "transform": [{"filter": "datum.alone"}],
            "mark": {"type": "point", "filled": True, "color": LINE, "size": 30, "opacity": 1},
            "encoding": {"x": x, "y": y},
        },
        "open": {
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
    }
    return [layer for name, layer in layers.items() if name == "line" or name in parts]


def _events(x: Mapping[str, Any]) -> dict[str, Any]:
    """Numbered rules; the numbers are explained beneath the chart."""
    return {
        "data": {"name": "events", "values": [{"d": "2026-01-01T00:00:00Z", "n": "1"}]},
        "encoding": {"x": x},
        "layer": [
            {"mark": {"type": "rule", "color": SOFT, "strokeDash": [2, 3]}},
            {
                "mark": {"type": "text", "color": SOFT, "dy": -4, "baseline": "bottom"},
                "encoding": {"text": {"field": "n"}, "y": {"value": 8}},
            },
        ],
    }


def _flags(x: Mapping[str, Any], y: Mapping[str, Any]) -> dict[str, Any]:
    """Flagged periods, by shape and colour of their effect."""
    effect = {"field": "e", "type": "nominal", "legend": None}
    return {
        "data": {"name": "flags", "values": [{"d": "2026-01-01T00:00:00Z", "v": 1, "e": "neutral"}]},
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
                **effect,
                "scale": {"domain": _EFFECTS, "range": ["triangle-up", "triangle-down", "diamond"]},
            },
            "color": {**effect, "scale": {"domain": _EFFECTS, "range": [GOOD, BAD, SOFT]}},
        },
    }


@lru_cache
def progress_template(size: tuple[int, int]) -> str:
    """A key result over its cycle; data sets: actual, now, expected, edge (d, p), cone (d, lo, p, hi)."""
    narrow = size[0] == NARROW[0]
    x = {
        "field": "d",
        "type": "temporal",
        "scale": {"type": "utc"},
        "axis": {"labelExpr": "utcFormat(datum.value, '%-d %b')", "tickCount": 4 if narrow else 8},
    }
    y = {
        "field": "p",
        "type": "quantitative",
        "scale": {"zero": True, "nice": False},
        "axis": {"labelExpr": "format(datum.value, '.0%')", "values": [-1, -0.5, 0, 0.25, 0.5, 0.75, 1]},
    }
    day = {"d": "2026-01-01T00:00:00Z", "p": 0}
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
                {
                    "data": {"name": "now", "values": [day]},
                    "mark": {"type": "point", "filled": True, "color": LINE, "size": 60, "opacity": 1},
                    "encoding": {"x": x, "y": y},
                },
            ],
        }
    )


_EFFECTS = ["favourable", "unfavourable", "neutral"]
_ROW = {"d": "2026-01-01T00:00:00Z", "v": 1, "t": 1, "lo": 0, "hi": 2, "open": True, "alone": True}


def value_label(unit: Unit) -> str:
    """A Vega expression that labels the value axis in the unit."""
    if is_percent(unit):
        return "format(datum.value, '~%')"
    if unit.family == "duration_seconds":
        return (
            "abs(datum.value) >= 172800 ? format(datum.value / 86400, '~r') + ' d' : "
            "abs(datum.value) >= 7200 ? format(datum.value / 3600, '~r') + ' h' : "
            "format(datum.value / 60, '~r') + ' min'"
        )
    prefix = symbol(unit)
    return f"'{prefix}' + replace(format(datum.value, '~s'), 'G', 'B')"


def date_format(grain: str) -> str:
    """How the time axis of a grain is labelled (d3 time format)."""
    return {"month": "%b %Y", "quarter": "%b %Y", "year": "%Y"}.get(grain, "%-d %b")


def _compiled(spec: Mapping[str, Any]) -> str:
    """A Vega-Lite template as Vega, ready to be filled."""
    import vl_convert

    whole = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", **spec}
    return json.dumps(vl_convert.vegalite_to_vega(whole))
