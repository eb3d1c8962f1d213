"""Pages that look at everything from one side: tree, scorecard, indicators, flags, dictionary, data health."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

from pipelines import report_links as links
from pipelines.report.branches import branches, branching, on_pages
from pipelines.report.model import Anomaly, Health, Influence, TreeRow
from pipelines.report.numbers import change, spoken_dates
from pipelines.report.site import Site, SourceLine, health_parts, kpi_parts
from pipelines.report.words import PERSPECTIVE, PERSPECTIVE_QUESTION, spoken

from .metric import caption, chart_of, flag_chart, value_table
from .page import FLAG_CHARTS, LISTED, TABLE_ROWS, Page, chunks, split

ENTRY_ROWS, FLAG_VALUES, TREE_LINES = 150, 12, 75


def tree_pages(site: Site) -> Iterator[Page]:
    """The driver trees that unfold, the largest first."""
    roots = branches(site.snapshot.tree, {kpi.metric_id: kpi.unit for kpi in site.kpis})
    influences = site.snapshot.influences

    def told(row: TreeRow) -> str:
        return correlation_words(influences.get((row.metric_id, row.parent_id or "")))

    pages = on_pages(roots, TREE_LINES)
    places = {
        metric: links.numbered("tree.html", number)
        for number, part in enumerate(pages, start=1)
        for root in part
        for metric in branching(root)
    }

    def above(metric_id: str) -> str:
        """Where the drivers of a metric are drawn: on a page of the tree, or on its own where the tree is cut."""
        if metric_id in places:
            return f"{places[metric_id]}#t-{links.slug(metric_id)}"
        return f"{links.metric_page(metric_id)}#place"

    for number, part in enumerate(pages, start=1):
        context = {
            "roots": part,
            "correlation_words": told,
            "above": above,
            "number": number,
            "count": len(pages),
        }
        name = links.numbered("tree.html", number)
        yield Page(name, "tree.html", "What drives what", "tree.html", context)


def correlation_words(influence: Influence | None) -> str:
    """A correlation in words, with how much it rests on; nothing where there is no number.

    >>> correlation_words(Influence("month", 1, -0.44, 21, True))
    'correlation −0.44 over 21 months'
    """
    if influence is None or influence.correlation is None:
        return ""
    sign = "−" if influence.correlation < 0 else "+"
    against = "" if influence.is_as_expected is not False else ", against what is claimed"
    return f"correlation {sign}{abs(influence.correlation):.2f} over {influence.pairs} {influence.grain}s{against}"


def scorecard(site: Site) -> Page:
    """The balanced scorecard."""
    views = []
    for key, name in PERSPECTIVE.items():
        kpis = [kpi for kpi in site.kpis if kpi.perspective == key]
        views.append(
            {
                "key": key,
                "name": name,
                "question": PERSPECTIVE_QUESTION[key],
                "parts": kpi_parts(kpis),
                "kpis": kpis[:LISTED],
                "more": max(0, len(kpis) - LISTED),
            }
        )
    return Page("scorecard.html", "scorecard.html", "Balanced scorecard", "scorecard.html", {"views": views})


def indicators(site: Site) -> Page:
    """Leading beside lagging indicators."""
    moves: dict[str, dict[str, str]] = defaultdict(dict)
    moved_by: dict[str, dict[str, str]] = defaultdict(dict)
    for row in site.snapshot.tree:
        if row.parent_id is not None and row.operator == "influences":
            moves[row.metric_id][row.parent_id] = site.name_of(row.parent_id)
            moved_by[row.parent_id][row.metric_id] = row.name
    told = {
        "leading": ("Leading", "Review weekly: these move first.", "moves", moves),
        "lagging": ("Lagging", "Review monthly: these are the outcome.", "moved by", moved_by),
    }
    sides = []
    for key, (name, words, verb, others) in told.items():
        kpis = [kpi for kpi in site.kpis if kpi.indicator == key]
        rows = [{"kpi": kpi, "moves": list(others[kpi.metric_id].items())[:4]} for kpi in kpis[:LISTED]]
        more = max(0, len(kpis) - LISTED)
        sides.append({"key": key, "name": name, "told": words, "verb": verb, "rows": rows, "more": more})
    return Page(
        "indicators.html", "indicators.html", "Leading and lagging", "indicators.html", {"sides": sides}
    )


def anomaly_pages(site: Site) -> Iterator[Page]:
    """Open flags, each with its chart."""
    flags = []
    for number, one in enumerate(site.anomalies, start=1):
        kpi = site.kpi(one.metric_id)
        headline = kpi is not None and one.series == (kpi.metric_id, kpi.grain, "", "")
        chart = chart_of(site, kpi) if kpi and headline else flag_chart(site, one)
        points = site.points(one.metric_id) if headline else site.snapshot.flag_points.get(one.series, ())
        flags.append(
            {
                "anomaly": one,
                "anchor": f"flag-{number}",
                "chart": chart,
                "caption": caption(replace(kpi, name=_series_name(one), grain=one.grain), points)
                if kpi
                else "",
                "table": kpi
                and value_table(replace(kpi, grain=one.grain), points, FLAG_VALUES, f"flag {number}"),
                "causes": [_cause(site, cause, one) for cause in one.root_cause[:6]],
            }
        )
    yield from split(
        flags, FLAG_CHARTS, "anomalies.html", "Worth a look", "anomalies.html", "anomalies.html", "flags"
    )


def _series_name(anomaly: Anomaly) -> str:
    """The flagged series in words: the metric, and the segment where it is one."""
    if not anomaly.segment_dimension:
        return anomaly.metric_name
    return f"{anomaly.metric_name}, {spoken(anomaly.segment_dimension)} {anomaly.segment_value}"


def _cause(site: Site, cause: Mapping[str, object], anomaly: Anomaly) -> dict[str, str]:
    """One carrier of a change (a segment, a driver) or a known event, with its part and the finding in words."""
    name = str(cause.get("label") or cause.get("name") or cause.get("segment") or "(unnamed)")
    if name == cause.get("metric"):
        name = site.name_of(name)
    dimension = str(cause.get("dimension") or "")
    if dimension and not name.startswith(f"{dimension}:"):
        name = f"{spoken(dimension)}: {name}"
    part = cause.get("contribution")
    return {
        "name": name,
        "told": change(float(part), anomaly.unit) if isinstance(part, int | float) else "",
        "text": spoken_dates(str(cause.get("text") or "")),
    }


def dictionary_pages(site: Site) -> Iterator[Page]:
    """Every definition by category, with what changed and what the linter says."""
    entries: list[dict[str, Any]] = []
    for kpi in sorted(site.kpis, key=lambda k: (k.category, k.name)):
        definitions = site.snapshot.definitions.get(kpi.metric_id, ())
        current = next((one for one in definitions if one.is_current), None)
        told = current.definition if current else ""
        systems = ", ".join(current.source_systems) if current else ""
        entries.append({"kpi": kpi, "definition": told, "systems": systems})
    parts = chunks(entries, ENTRY_ROWS)
    findings = site.snapshot.findings
    for number, part in enumerate(parts, start=1):
        groups = [
            {"name": category, "entries": list(found)}
            for category, found in groupby(part, key=lambda entry: entry["kpi"].category or "other")
        ]
        context = {
            "groups": groups,
            "number": number,
            "count": len(parts),
            "changes": site.snapshot.changes[:LISTED],
            "findings": findings[:LISTED],
            "more_findings": max(0, len(findings) - LISTED),
        }
        name = links.numbered("dictionary.html", number)
        yield Page(name, "dictionary.html", "Dictionary", "dictionary.html", context)


def search_index(site: Site) -> list[list[str]]:
    """What the search looks in: page, name, and everything one might remember a metric by."""
    rows = []
    for kpi in sorted(site.kpis, key=lambda k: k.name):
        definitions = site.snapshot.definitions.get(kpi.metric_id, ())
        current = next((one for one in definitions if one.is_current), None)
        remembered = [
            kpi.metric_id,
            kpi.category,
            kpi.owner,
            kpi.team_name,
            *(current.source_systems if current else ()),
        ]
        told = current.definition if current else ""
        rows.append([links.metric_page(kpi.metric_id), kpi.name, told, " ".join(remembered)])
    return rows


def health(site: Site) -> Page:
    """Sources, checks, what is held back and what was restated."""
    snapshot = site.snapshot
    failed = [check for check in snapshot.checks if not check.passed]
    failed.sort(key=lambda c: (c.severity != "error", c.asset, c.check_id))
    dimensions: dict[str, list[bool]] = defaultdict(list)
    for check in snapshot.checks:
        dimensions[check.dimension].append(check.passed)
    context = {
        "blocked": snapshot.blocked,
        "ill": _worst_first(one for one in snapshot.health if one.health != "green")[:LISTED],
        "systems": [_system(site, line) for line in site.systems()],
        "failed": failed[:LISTED],
        "more_failed": max(0, len(failed) - LISTED),
        "total": len(snapshot.checks),
        "dimensions": [
            {"name": name, "passed": sum(found), "total": len(found)}
            for name, found in sorted(dimensions.items())
        ],
        "restatements": snapshot.restatements[:LISTED],
    }
    return Page("health.html", "health.html", "Data health", "health.html", context)


def _system(site: Site, line: SourceLine) -> dict[str, Any]:
    """One source system with its tables, those that need a look first."""
    tables = _worst_first(one for one in site.snapshot.health if one.system == line.system)
    return {
        "line": line,
        "name": line.system or "everything",
        "parts": health_parts(tables),
        "tables": tables[:TABLE_ROWS],
        "more": max(0, len(tables) - TABLE_ROWS),
    }


def _worst_first(tables: Iterable[Health]) -> list[Health]:
    rank = {"red": 0, "amber": 1}
    return sorted(tables, key=lambda one: (rank.get(one.health, 2), one.asset))
