"""Vega specifications of the charts, each for many charts at once.

A specification draws one faceted group per chart from the data set ``charts``: objects with ``rows`` and with what
the axes say (``before``, ``form``, ``after`` around and of a value, ``dates`` of a day). Starting the renderer costs
more than drawing, so hundreds of charts share a call.

Colours are CSS custom properties of the page. Axis labels get their size from the style sheet: text without a size
is not measured by the renderer, which took longer than everything else; so ticks are few enough never to collide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

SOFT, GRID = "var(--soft)", "var(--rule)"
LINE, TARGET, BAND, GOOD, BAD = "var(--line)", "var(--target)", "var(--band)", "var(--good)", "var(--bad)"
SURFACE = "var(--card)"


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a chart is drawn: the whole picture, and the plot in it by its margins."""

    name: str
    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    ticks: int
    """At most about this many labels on the time axis."""

    @property
    def plot(self) -> tuple[int, int]:
        """Width and height of the plot."""
        return self.width - self.left - self.right, self.height - self.top - self.bottom


SPARK = Frame("spark", 114, 32, 4, 5, 4, 4, 0)
WIDE = Frame("chart wide", 768, 258, 58, 18, 16, 26, 8)
NARROW = Frame("chart narrow", 348, 218, 50, 16, 16, 26, 3)
WIDE_PROGRESS = Frame("chart wide", 768, 218, 58, 18, 10, 26, 8)
NARROW_PROGRESS = Frame("chart narrow", 348, 178, 50, 16, 10, 26, 3)


def spark_spec(frame: Frame) -> dict[str, Any]:
    """A line of recent values with its last one dotted and the target as a dashed rule; rows: i, v, t, last."""
    width, _ = frame.plot
    end = _filtered("end", "datum.last")
    at = {"x": {"scale": "x", "field": "i"}, "y": {"scale": "y", "field": "v"}}
    goal = _mark(
        "rule",
        "goal",
        stroke=TARGET,
        strokeDash=[3, 3],
        x=0,
        x2=width,
        y={"scale": "y", "field": "t"},
    )
    return _faceted(
        frame,
        data=[end, _filtered("goal", "isValid(datum.t)", "end")],
        scales=[
            {"name": "x", "type": "linear", "range": "width", "zero": False, "domain": _domain("i")},
            {"name": "y", "type": "linear", "range": "height", "zero": False, "domain": _domain("v", "t")},
        ],
        marks=[
            goal,
            _mark("line", "rows", stroke=LINE, strokeWidth=1.75, **at),
            _mark("symbol", "end", fill=LINE, size=34, **at),
        ],
    )


def metric_spec(frame: Frame) -> dict[str, Any]:
    """One metric over time.

    Rows are of a kind: ``v`` a period (d, v, t, lo, hi, open, alone), ``e`` an event (d, to, n), ``f`` a flag
    (d, v, e: its effect), ``o`` an edge of the optimum (t).
    """
    x, y = {"scale": "x", "field": "d"}, {"scale": "y", "field": "v"}
    width, height = frame.plot
    flagged = {
        "shape": _by_effect("triangle-up", "triangle-down", "diamond"),
        "fill": _by_effect(GOOD, BAD, SOFT),
    }
    return _faceted(
        frame,
        data=[
            _filtered("series", "datum.kind == 'v'"),
            _filtered("band", "isValid(datum.lo) && isValid(datum.hi)", "series"),
            _filtered("goal", "isValid(datum.t)", "series"),
            _filtered("optimum", "datum.kind == 'o'"),
            _filtered("alone", "datum.alone", "series"),
            _filtered("open", "datum.open && isValid(datum.v)", "series"),
            _filtered("events", "datum.kind == 'e'"),
            _filtered("spans", "datum.to > datum.d", "events"),
            _filtered("flags", "datum.kind == 'f'"),
        ],
        scales=[
            {"name": "x", "type": "utc", "range": "width", "domain": _domain("d")},
            {
                "name": "y",
                "type": "linear",
                "range": "height",
                "zero": False,
                "nice": 4,
                "domain": _domain("v", "t", "lo", "hi"),
            },
        ],
        axes=_axes(frame),
        marks=[
            _mark(
                "area",
                "band",
                fill=BAND,
                x=x,
                y={"scale": "y", "field": "lo"},
                y2={"scale": "y", "field": "hi"},
            ),
            _mark(
                "rect",
                "spans",
                fill=SOFT,
                fillOpacity=0.12,
                x=x,
                x2={"scale": "x", "field": "to"},
                y=0,
                y2=height,
            ),
            _mark("rule", "events", stroke=SOFT, strokeDash=[2, 3], x=x, y=0, y2=height),
            _mark("text", "events", fill=SOFT, fontSize=0, align="center", x=x, y=-4, text={"field": "n"}),
            _mark(
                "line",
                "goal",
                stroke=TARGET,
                strokeDash=[5, 4],
                strokeWidth=1.5,
                interpolate="step-after",
                x=x,
                y={"scale": "y", "field": "t"},
            ),
            _mark(
                "rule",
                "optimum",
                stroke=TARGET,
                strokeDash=[5, 4],
                strokeWidth=1.5,
                x=0,
                x2=width,
                y={"scale": "y", "field": "t"},
            ),
            _mark(
                "line",
                "series",
                stroke=LINE,
                strokeWidth=2.25,
                strokeJoin="round",
                defined={"signal": "isValid(datum.v)"},
                x=x,
                y=y,
            ),
            _mark("symbol", "alone", fill=LINE, size=30, x=x, y=y),
            _mark("symbol", "open", fill=SURFACE, stroke=LINE, strokeWidth=1.75, size=42, x=x, y=y),
            _mark("symbol", "flags", flagged, size=130, stroke=SURFACE, strokeWidth=1.5, x=x, y=y),
        ],
    )


def progress_spec(frame: Frame) -> dict[str, Any]:
    """A key result over its cycle.

    Rows are of a kind: ``a`` actual, ``x`` expected, ``n`` the last day (d, p each), ``c`` the forecast
    (d, lo, p, hi), ``b`` begin and end of the cycle.
    """
    x, y = {"scale": "x", "field": "d"}, {"scale": "y", "field": "p"}
    return _faceted(
        frame,
        data=[
            _filtered(name, f"datum.kind == '{kind}'")
            for name, kind in (("actual", "a"), ("expected", "x"), ("now", "n"), ("cone", "c"))
        ],
        scales=[
            {"name": "x", "type": "utc", "range": "width", "domain": _domain("d")},
            {
                "name": "y",
                "type": "linear",
                "range": "height",
                "zero": True,
                "domain": _domain("p", "lo", "hi"),
            },
        ],
        axes=_axes(frame, [-1, -0.5, 0, 0.25, 0.5, 0.75, 1, 1.5]),
        marks=[
            _mark(
                "area",
                "cone",
                fill=BAND,
                x=x,
                y={"scale": "y", "field": "lo"},
                y2={"scale": "y", "field": "hi"},
            ),
            _mark("line", "cone", stroke=LINE, strokeDash=[2, 4], strokeWidth=2, x=x, y=y),
            _mark("line", "expected", stroke=TARGET, strokeDash=[6, 4], strokeWidth=1.5, x=x, y=y),
            _mark("line", "actual", stroke=LINE, strokeWidth=2.5, strokeJoin="round", x=x, y=y),
            _mark("symbol", "now", fill=LINE, size=60, x=x, y=y),
        ],
    )


# ── parts of a specification ────────────────────────────────────────────────────────────────────────────────


def _faceted(frame: Frame, **inner: Any) -> dict[str, Any]:
    """Charts one over the other, each a group of its own; `renderer` takes them apart again."""
    width, height = frame.plot
    place = {"x": frame.left, "y": frame.top, "width": width, "height": height}
    return {
        "$schema": "https://vega.github.io/schema/vega/v6.json",
        "autosize": "none",
        "padding": 0,
        "width": frame.width,
        "height": frame.height,
        "data": [{"name": "charts", "values": []}],
        "marks": [
            {
                "type": "group",
                "from": {"facet": {"name": "rows", "data": "charts", "field": "rows"}},
                "encode": {"update": {name: {"value": value} for name, value in place.items()}},
                "signals": [{"name": "width", "value": width}, {"name": "height", "value": height}],
                **inner,
            }
        ],
    }


def _filtered(name: str, wanted: str, source: str = "rows") -> dict[str, Any]:
    return {"name": name, "source": source, "transform": [{"type": "filter", "expr": wanted}]}


def _domain(*fields: str) -> dict[str, Any]:
    return {"fields": [{"data": "rows", "field": name} for name in fields]}


def _mark(
    kind: str, source: str, rules: Mapping[str, Any] = MappingProxyType({}), **encoding: Any
) -> dict[str, Any]:
    """A mark of a data set; what is no reference is a plain value, and ``rules`` are lists of tests."""
    made = {
        name: value if isinstance(value, dict) or name in rules else {"value": value}
        for name, value in {**encoding, **rules}.items()
    }
    return {"type": kind, "from": {"data": source}, "aria": False, "encode": {"update": made}}


def _by_effect(good: str, bad: str, neutral: str) -> list[dict[str, str]]:
    return [
        {"test": "datum.e == 'favourable'", "value": good},
        {"test": "datum.e == 'unfavourable'", "value": bad},
        {"value": neutral},
    ]


def _axes(frame: Frame, values: list[float] | None = None) -> list[dict[str, Any]]:
    """Values at the left with lines across, time below. ``parent`` is the chart."""
    shared = {
        "labelFontSize": 0,
        "labelColor": SOFT,
        "labelOverlap": False,
        "labelFlush": False,
        "aria": False,
    }
    return [
        {
            **shared,
            "scale": "y",
            "orient": "left",
            "grid": True,
            "gridColor": GRID,
            "domain": False,
            "ticks": False,
            "labelPadding": 8,
            **({"values": values} if values else {"tickCount": 4}),
            "encode": _label(
                "parent.before + format(datum.value, parent.form) + (datum.value ? parent.after : '')", dy=4
            ),
        },
        {
            **shared,
            "scale": "x",
            "orient": "bottom",
            "domainColor": GRID,
            "tickColor": GRID,
            "tickSize": 4,
            "labelPadding": 4,
            "tickCount": frame.ticks,
            "encode": _label("utcFormat(datum.value, parent.dates)", dy=10),
        },
    ]


def _label(text: str, dy: int) -> dict[str, Any]:
    return {"labels": {"update": {"text": {"signal": text}, "dy": {"value": dy}}}}
