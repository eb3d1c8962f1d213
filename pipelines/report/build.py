"""Building the site: read one publication, draw its charts, write its pages.

Files are written only where their bytes changed, each by rename, the overview last; pages of an earlier build that
are no longer part of the site are taken away, and charts that show the same are not drawn again. The same database
and the same ``now`` give the same bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from sqlalchemy import Engine

from pipelines.report_links import numbered, slug

from . import numbers, words
from .bands import with_expected_ranges
from .charts import Drawings, kept_drawings, load_drawings
from .model import Kpi, Snapshot
from .pages import Page, all_pages, search_index
from .reading import read_snapshot
from .site import Site, kpi_word, urgency_rank

ASSETS = ("style.css", "search.js", "tables.js")
_MANIFEST, _DRAWINGS = ".pages.json", ".drawings.json"
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class ReportResult:
    """What was built: the overview's path, the pages of the site, how many files changed, and bytes in all."""

    index: Path
    pages: tuple[str, ...]
    written: int
    removed: int
    largest_page_bytes: int
    total_bytes: int


def build_report(engine: Engine, folder: Path, now: datetime) -> ReportResult:
    """Build the site of the current publication into ``folder`` (made when absent).

    ``now`` (aware) is shown as the time of building and tells how old things are. Raises `DatabaseUnavailable`
    when the database cannot be read, OSError naming the path when the folder cannot be written.
    """
    return write_site(read_snapshot(engine), folder, now)


def write_site(snapshot: Snapshot, folder: Path, now: datetime) -> ReportResult:
    """Write the site of a snapshot. See `build_report`."""
    drawings = Drawings(load_drawings(folder / _DRAWINGS))
    files = render_site(snapshot, now, drawings)
    folder.mkdir(parents=True, exist_ok=True)
    before = _written_before(folder)
    changed = [name for name, content in files.items() if _differs(folder / name, content)]
    for name in sorted(changed, key=lambda name: (name == "index.html", name)):
        _write(folder / name, files[name])
    gone = sorted(before - set(files))
    for name in gone:
        (folder / name).unlink(missing_ok=True)
    _write(folder / _MANIFEST, json.dumps(sorted(files)).encode())
    _write(folder / _DRAWINGS, kept_drawings(drawings))
    pages = tuple(sorted(name for name in files if name.endswith(".html")))
    return ReportResult(
        index=folder / "index.html",
        pages=pages,
        written=len(changed),
        removed=len(gone),
        largest_page_bytes=max(len(files[name]) for name in pages),
        total_bytes=sum(len(content) for content in files.values()),
    )


def render_site(snapshot: Snapshot, now: datetime, drawings: Drawings | None = None) -> dict[str, bytes]:
    """Every file of the site, by name. Nothing is read but templates, nothing written.

    ``drawings`` may hold those of an earlier build; they are used where they show the same, and give the same bytes.
    """
    drawings = drawings or Drawings()
    site = Site(with_expected_ranges(snapshot), now, drawings)
    templates = _environment()
    pages = {page.name: _render(templates, site, page) for page in all_pages(site)}
    drawings.draw()
    files = {name: _encoded(drawings.put_into(html)) for name, html in pages.items()}
    files["search-index.js"] = _search_script(search_index(site))
    for name in ASSETS:
        files[name] = (_HERE / "assets" / name).read_bytes()
    return files


def _render(templates: Environment, site: Site, page: Page) -> str:
    shared = {"site": site, "title": page.title, "section": page.section}
    context = {name: _inner(templates, shared, value) for name, value in page.context.items()}
    if "values" in context:
        context["values_table"] = context["values"]
    return _tidy(templates.get_template(page.template).render(**shared, **context))


def _encoded(html: str) -> bytes:
    return (html + "\n").encode("utf-8", "replace")


def _inner(templates: Environment, shared: Mapping[str, Any], value: Any) -> Any:
    """A part of a page that has a template of its own, rendered; everything else as it is."""
    if isinstance(value, Mapping) and "template" in value:
        inner = templates.get_template(str(value["template"])).render(**shared, **value)
        return Markup(inner)  # noqa: S704 - rendered by an escaping template
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [{name: _inner(templates, shared, one) for name, one in row.items()} for row in value]
    return value


def _tidy(html: str) -> str:
    return "\n".join(line for line in (line.strip() for line in html.splitlines()) if line)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pipelines.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(_vocabulary())
    return environment


def _vocabulary() -> dict[str, Callable[..., Any] | Mapping[str, Any]]:
    return {
        "show": numbers.show,
        "target": numbers.target,
        "has_target": _has_target,
        "change": numbers.change,
        "percent": numbers.percent,
        "signed_percent": numbers.signed_percent,
        "score": numbers.score,
        "plain": numbers.plain,
        "period": numbers.period,
        "day": numbers.day,
        "instant": numbers.instant,
        "ago": numbers.ago,
        "percent_unit": numbers.is_percent,
        "bar_width": _bar_width,
        "numbered": numbered,
        "slug": slug,
        "spoken": words.spoken,
        "kpi_word": kpi_word,
        "urgency_rank": urgency_rank,
        "status_word": words.status_word,
        "goal_word": words.goal_word,
        "flag_words": words.flag_words,
        "trends": words.TREND,
        "effects": words.EFFECT,
        "severities": words.SEVERITY,
        "healths": words.HEALTH,
        "kinds": words.ANOMALY_KIND,
        "paces": words.PACE,
        "states": words.STATE,
        "grains": words.GRAIN,
        "levels": words.LEVEL,
        "perspectives": words.PERSPECTIVE,
        "directions": words.DIRECTION,
        "operators": words.OPERATOR,
        "methods": words.METHOD,
        "missing": words.MISSING,
        "aggregations": words.AGGREGATION,
    }


def _has_target(kpi: Kpi) -> bool:
    return kpi.target is not None or kpi.optimum is not None


def _bar_width(fraction: float) -> float:
    """A fraction as units of a bar 200 wide."""
    return round(max(0.0, min(1.0, fraction)) * 200, 1)


def _search_script(rows: list[list[str]]) -> bytes:
    """The search index as a script, so that search works from a file too; nothing in it can end the script."""
    text = json.dumps(rows, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return f"window.vitalsIndex={text};\n".encode()


def _differs(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() != content
    except FileNotFoundError:
        return True


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def _written_before(folder: Path) -> set[str]:
    try:
        return {str(name) for name in json.loads((folder / _MANIFEST).read_bytes()) if "/" not in str(name)}
    except (FileNotFoundError, ValueError):
        return set()
