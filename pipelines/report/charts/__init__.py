"""Charts as inline SVG, drawn by Vega.

    drawings = draw([metric_chart(points, unit, "week"), sparkline(points)])

What a chart shows is decided in `requests`, how it looks in `specs`; `renderer` draws many at once, `drawings`
puts them into the pages of a build.
"""

from .drawings import Drawings, kept_drawings, load_drawings
from .renderer import draw
from .requests import Chart, Mark, metric_chart, progress_chart, sparkline

__all__ = [
    "Chart",
    "Drawings",
    "Mark",
    "draw",
    "kept_drawings",
    "load_drawings",
    "metric_chart",
    "progress_chart",
    "sparkline",
]
