"""The picture in an alert: observed values, the expected band, and the flagged periods, as a PNG.

Same points, same bytes: nothing in the picture depends on the clock, the zone or the fonts installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .model import Point

WIDTH, HEIGHT, SCALE = 560, 200, 2.0
INK, BAND, FLAG = "#1f3a5f", "#c9d7e8", "#c0392b"
POINTS_MAX = 90


def png(points: Sequence[Point], title: str = "") -> bytes | None:
    """A band chart of the latest 90 points; None when no point has a value.

    ``title`` is the subject's name. Unknown values leave a gap, never a zero.
    """
    shown = points[-POINTS_MAX:]
    if not any(point.value is not None for point in shown):
        return None
    import vl_convert  # a renderer of 60 MB: only a process that delivers pays for it

    image: bytes = vl_convert.vegalite_to_png(specification(shown, title), scale=SCALE)
    return image


def specification(points: Sequence[Point], title: str = "") -> dict[str, Any]:
    """The chart as Vega-Lite."""
    day = {
        "field": "day",
        "type": "temporal",
        "title": None,
        "scale": {"type": "utc"},
        "axis": {"format": "%-d %b", "labelAngle": 0},
    }

    def over(field: str, mark: dict[str, Any], **encoding: Any) -> dict[str, Any]:
        y = {"field": field, "type": "quantitative", "title": None, "scale": {"zero": False}}
        keep = f"isValid(datum.{field})"
        return {"transform": [{"filter": keep}], "mark": mark, "encoding": {"x": day, "y": y, **encoding}}

    values = [
        {
            "day": f"{point.day.isoformat()}T00:00:00Z",
            "value": point.value,
            "expected": point.expected,
            "lower": point.lower,
            "upper": point.upper,
            "flag": point.is_flagged,
        }
        for point in points
    ]
    line = over("value", {"type": "line", "color": INK, "strokeWidth": 1.8})
    line["transform"] = []  # a line is broken where a value is unknown
    line["mark"]["invalid"] = "break-paths-show-domains"
    flags = over("value", {"type": "point", "color": FLAG, "filled": True, "size": 70, "opacity": 1})
    flags["transform"].append({"filter": "datum.flag"})
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": {"text": title, "anchor": "start", "fontSize": 13, "color": INK} if title else None,
        "width": WIDTH,
        "height": HEIGHT,
        "background": "white",
        "data": {"values": values},
        "layer": [
            over("lower", {"type": "area", "color": BAND, "opacity": 0.8}, y2={"field": "upper"}),
            over("expected", {"type": "line", "color": INK, "strokeDash": [4, 3], "strokeWidth": 1}),
            line,
            flags,
        ],
        "config": {
            "font": "DejaVu Sans, Liberation Sans, sans-serif",
            "view": {"stroke": None},
            "axis": {"gridColor": "#eceff3", "labelColor": "#556", "domain": False, "ticks": False},
        },
    }
