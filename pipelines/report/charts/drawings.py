"""The drawings of a build: collected while pages are made, drawn all at once, then put in their places.

    drawings = Drawings(earlier)
    html = f"<figure>{drawings.place(chart)}</figure>"
    drawings.draw()
    html = drawings.put_into(html)

A drawing is known by what it shows, so what an earlier build drew is not drawn again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

from markupsafe import Markup

from .renderer import draw
from .requests import Chart

_HERE = Path(__file__).parent
_PLACE = re.compile(r"<!--drawing (\d+)-->")
"""Where a drawing goes. People's text is escaped, so none of it looks like this."""


class Drawings:
    """Charts of one build by number; ``earlier`` are drawings of another one, by key."""

    def __init__(self, earlier: Mapping[str, str] = MappingProxyType({})) -> None:
        self._earlier = earlier
        self._numbers: dict[Chart, int] = {}
        self._charts: list[Chart] = []
        self._drawn: list[str] = []

    def place(self, chart: Chart | None) -> Markup:
        """What stands for a chart until it is drawn; nothing for no chart."""
        if chart is None:
            return Markup("")
        number = self._numbers.setdefault(chart, len(self._charts))
        if number == len(self._charts):
            self._charts.append(chart)
        return Markup("<!--drawing {}-->").format(number)

    def draw(self) -> None:
        """Draw what has been placed since and is not known from earlier."""
        waiting = self._charts[len(self._drawn) :]
        known = [self._earlier.get(_key(chart)) for chart in waiting]
        fresh = iter(draw([chart for chart, svg in zip(waiting, known, strict=True) if svg is None]))
        self._drawn += [next(fresh) if svg is None else svg for svg in known]

    def put_into(self, html: str) -> str:
        """The page with its drawings."""
        return _PLACE.sub(lambda found: self._drawn[int(found[1])], html)

    def by_key(self) -> dict[str, str]:
        """Every drawing of this build, for the next one."""
        return dict(sorted((_key(chart), svg) for chart, svg in zip(self._charts, self._drawn, strict=True)))


def _key(chart: Chart) -> str:
    return hashlib.sha256(f"{chart.kind} {chart.data}".encode()).hexdigest()


def load_drawings(path: Path) -> dict[str, str]:
    """The drawings an earlier build kept; none where there is none, or where drawings look different by now."""
    try:
        kept = json.loads(path.read_bytes())
        return dict(kept["drawings"]) if kept["style"] == _style() else {}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


def kept_drawings(drawings: Drawings) -> bytes:
    """The drawings of a build as `load_drawings` reads them."""
    return json.dumps({"style": _style(), "drawings": drawings.by_key()}, separators=(",", ":")).encode()


def _style() -> str:
    """What drawings look like: the renderer's version, and how it is asked."""
    digest = hashlib.sha256(version("vl-convert-python").encode())
    for name in ("specs.py", "renderer.py"):
        digest.update((_HERE / name).read_bytes())
    return digest.hexdigest()
