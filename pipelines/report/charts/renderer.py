"""From charts to inline SVG: one call of the renderer for many charts, taken apart and slimmed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from .requests import Chart
from .specs import (
    NARROW,
    NARROW_PROGRESS,
    SPARK,
    WIDE,
    WIDE_PROGRESS,
    Frame,
    metric_spec,
    progress_spec,
    spark_spec,
)

TOGETHER = 200
"""Charts in one call: enough that starting it costs nothing, few enough to stay small in memory."""

_DRAWN: dict[str, tuple[Callable[[Frame], dict[str, Any]], tuple[Frame, ...]]] = {
    "spark": (spark_spec, (SPARK,)),
    "metric": (metric_spec, (WIDE, NARROW)),
    "progress": (progress_spec, (WIDE_PROGRESS, NARROW_PROGRESS)),
}
"""How each kind is drawn, and in which sizes: what is large, for a phone and for anything wider."""


def draw(charts: Sequence[Chart]) -> list[str]:
    """The charts as SVG, in their order; in two sizes one after the other where a kind has two."""
    drawn = [""] * len(charts)
    for kind, (spec, frames) in _DRAWN.items():
        places = [i for i, chart in enumerate(charts) if chart.kind == kind]
        for start in range(0, len(places), TOGETHER):
            part = places[start : start + TOGETHER]
            for frame in frames:
                shell = _shell(spec, frame)
                for i, svg in zip(part, _drawn([charts[i] for i in part], shell, frame), strict=True):
                    drawn[i] += svg
    return drawn


@lru_cache
def _shell(spec: Callable[[Frame], dict[str, Any]], frame: Frame) -> tuple[str, str]:
    """A specification before and after its charts."""
    before, _, after = json.dumps(spec(frame)).partition('"values": []')
    return f'{before}"values": [', f"]{after}"


def _drawn(charts: Sequence[Chart], shell: tuple[str, str], frame: Frame) -> list[str]:
    import vl_convert

    before, after = shell
    whole = str(vl_convert.vega_to_svg(before + ",".join(chart.data for chart in charts) + after))
    width, height = frame.plot
    begin = (
        f'<g transform="translate({frame.left},{frame.top})">'
        f'<path class="background" aria-hidden="true" d="M0,0h{width}v{height}h-{width}Z"/>'
    )
    parts = whole.split(begin)[1:]
    if len(parts) != len(charts):
        raise RuntimeError(
            f"{len(charts)} charts were asked for and {len(parts)} drawn: the renderer changed"
        )
    return [_slim(part[: part.index(_END)], frame) for part in parts]


_END = '<path class="foreground" aria-hidden="true" d="" display="none"/></g>'
_NUMBER = re.compile(r"-?\d+\.\d+")
_NEEDLESS = (
    re.compile(r' (?:aria-[a-z]+|role|pointer-events|class|font-family|font-size)="[^"]*"'),
    re.compile(r' (?:stroke-width="1"|opacity="1"|[xy]2="0")'),
    re.compile(r'<path(?: d="[^"]*")?(?: display="none")?/>'),
    re.compile(r'<text [^>]*opacity="0"[^>]*>[^<]*</text>'),
    re.compile(r"<g></g>"),
    re.compile(r"<g></g>"),
    re.compile(r"<g></g>"),
)
"""Roles (the figure around a drawing has its own), sizes that the style sheet gives, defaults, marks without paint."""


def _slim(inner: str, frame: Frame) -> str:
    """A drawing without what inline SVG does not need, coordinates to a tenth of a pixel."""
    inner = _NUMBER.sub(_tenth, inner)
    for needless in _NEEDLESS:
        inner = needless.sub("", inner)
    return (
        f'<svg class="{frame.name}" aria-hidden="true" viewBox="0 0 {frame.width} {frame.height}" fill="none">'
        f'<g transform="translate({frame.left},{frame.top})">{inner}</g></svg>'
    )


def _tenth(found: re.Match[str]) -> str:
    text = f"{float(found[0]):.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
