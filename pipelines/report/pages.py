"""The pages: which there are, which template each is made by, and what it shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from markupsafe import Markup

from . import links
from .charts import Mark, metric_chart, progress_chart, sparkline
from .model import Annotation, Anomaly, Kpi, Objective, Point, Segment, TreeRow
from .numbers import change, day, percent, period, show
from .site import (
    Branch,
    Part,
    Site,
    branches,
    goal_parts,
    health_parts,
    kpi_parts,
    severity_parts,
    urgency,
)
from .words import OPERATOR, PERSPECTIVE, PERSPECTIVE_QUESTION, Word, spoken, status_word

T = TypeVar("T")

HOME_KPIS, HOME_GOALS, HOME_FLAGS = 16, 4, 4
TABLE_ROWS, ENTRY_ROWS, FLAG_ROWS, GOAL_CARDS = 50, 150, 8, 24
LISTED, SEGMENT_ROWS, SEGMENT_ROWS_IN_ALL, VALUE_ROWS = 40, 12, 24, 40


@dataclass(frozen=True, slots=True)
class Page:
    """One file of the site: its name, its template and what the template is given."""

    name: str
    template: str
    title: str
    section: str
    context: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure at a glance."""

    name: str
    href: str
    parts: Sequence[Part]


def all_pages(site: Site) -> Iterator[Page]:
    """Every page, in a fixed order."""
    yield _home(site)
    if site.publication is None:
        return
    yield from _split(site.kpis, TABLE_ROWS, "kpis.html", "All KPIs", "kpis.html", "kpis.html", "kpis")
    for team in site.snapshot.teams:
        yield from _team(site, team.key)
    yield from _goals(site)
    for objective in site.snapshot.objectives:
        yield _objective(site, objective)
    yield Page("tree.html", "tree.html", "What drives what", "tree.html", {"roots": _roots(site)})
    yield _scorecard(site)
    yield _indicators(site)
    yield from _anomalies(site)
    yield from _dictionary(site)
    yield _health(site)
    yield _on_call(site)
    for kpi in sorted(site.kpis, key=lambda k: k.metric_id):
        yield _metric(site, kpi)


def chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Items in parts of at most ``size``; one empty part where there are none."""
    return [items[i : i + size] for i in range(0, len(items), size)] or [items]


def _split(
    items: Sequence[T],
    size: int,
    name: str,
    title: str,
    section: str,
    template: str,
    as_name: str,
    **more: Any,
) -> Iterator[Page]:
    """A list over as many pages as it needs."""
    parts = chunks(items, size)
    for number, part in enumerate(parts, start=1):
        context = {**more, as_name: part, "number": number, "count": len(parts), "page": name}
        yield Page(links.numbered(name, number), template, title, section, context)


# ── overview ────────────────────────────────────────────────────────────────────────────────────────────────


def _home(site: Site) -> Page:
    north = next((kpi for kpi in site.kpis if kpi.level == "north_star"), None)
    open_goals = [one for one in site.goals if one.cycle_state == "open"] or list(site.goals)
    shown = [kpi for kpi in site.kpis if kpi is not north and kpi.lifecycle != "deprecated"]
    focus = [
        {"kpi": kpi, "actions": one.suggested_actions}
        for one in site.snapshot.focus
        if (kpi := site.kpi(one.metric_id)) is not None
    ]
    context = {
        "north": north,
        "hero_chart": Markup(_plain_chart(site, north)) if north else Markup(""),  # noqa: S704
        "tiles": _tiles(site),
        "kpis": _headline(shown),
        "objectives": open_goals[:HOME_GOALS],
        "cycle": open_goals[0].cycle_name if open_goals else "",
        "anomalies": site.anomalies[:HOME_FLAGS],
        "focus": focus[:5],
        "sources": site.systems(),
        "teams": _team_lines(site),
    }
    return Page("index.html", "home.html", "Overview", "index.html", context)


def _headline(kpis: Sequence[Kpi]) -> list[Kpi]:
    """The KPIs of the overview: supporting ones before operational ones, urgent ones first in each."""
    rank = {"north_star": 0, "supporting": 1}
    chosen = sorted(kpis, key=lambda kpi: (rank.get(kpi.level, 2), urgency(kpi)))[:HOME_KPIS]
    return sorted(chosen, key=urgency)


def _tiles(site: Site) -> list[Tile]:
    results = [
        kr for objective in site.goals for kr in objective.key_results if objective.cycle_state == "open"
    ]
    return [
        Tile("KPIs", "kpis.html", kpi_parts(site.kpis)),
        Tile("Key results", "goals.html", goal_parts(results)),
        Tile("Open flags", "anomalies.html", severity_parts(site.anomalies)),
        Tile("Sources", "health.html", health_parts(site.snapshot.health)),
    ]


def _team_lines(site: Site) -> list[dict[str, Any]]:
    by_team: dict[str, list[Kpi]] = defaultdict(list)
    for kpi in site.kpis:
        by_team[kpi.team_key].append(kpi)
    return [
        {"key": team.key, "name": team.name, "parts": kpi_parts(by_team.get(team.key, ()))}
        for team in sorted(site.snapshot.teams, key=lambda t: (t.level != "company", t.name))
    ]


def _team(site: Site, key: str) -> Iterator[Page]:
    team = site.team(key)
    if team is None:
        return
    kpis = [kpi for kpi in site.kpis if kpi.team_key == key]
    children = [one for one in site.snapshot.teams if one.parent_key == key]
    yield from _split(
        kpis,
        TABLE_ROWS,
        links.team_page(key),
        team.name,
        "",
        "team.html",
        "kpis",
        team=team,
        parent=site.team(team.parent_key),
        counts=kpi_parts(kpis),
        objectives=[one for one in site.goals if one.team_key == key][:GOAL_CARDS],
        anomalies=[one for one in site.anomalies if one.team_key == key][:FLAG_ROWS],
        due=[one for one in site.snapshot.check_ins_due if one.team_name == team.name][:LISTED],
        children=sorted(children, key=lambda one: one.name),
    )


def _on_call(site: Site) -> Page:
    adverse = [one for one in site.anomalies if one.effect == "unfavourable" and one.state == "open"]
    ill = [one for one in site.snapshot.health if one.health != "green"]
    off = [kpi for kpi in site.kpis if status_word(kpi.status, kpi.is_blocked).tone == "bad"]
    context = {
        "tiles": _tiles(site),
        "anomalies": adverse[:LISTED],
        "blocked": site.snapshot.blocked[:LISTED],
        "sources": [
            site.source_line(one) for one in sorted(ill, key=lambda o: (o.health != "red", o.asset))[:LISTED]
        ],
        "alerts": site.snapshot.alerts[:LISTED],
        "kpis": off[:TABLE_ROWS],
    }
    return Page("on-call.html", "on-call.html", "On call", "on-call.html", context)


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────────────────


def chart_of(site: Site, kpi: Kpi) -> str:
    """The chart of one metric, with its flags and events."""
    points = site.points(kpi.metric_id)
    values = {point.start: point.value for point in points}
    marks = [
        Mark(one.period_start, value, one.effect)
        for one in _flags_of(site, kpi)
        if not one.segment_dimension
        and one.grain == kpi.grain
        and (value := values.get(one.period_start, one.observed)) is not None
    ]
    return metric_chart(points, kpi.unit, kpi.grain, marks, _events_of(site, kpi))


def _plain_chart(site: Site, kpi: Kpi) -> str:
    return metric_chart(site.points(kpi.metric_id), kpi.unit, kpi.grain)


def _flags_of(site: Site, kpi: Kpi) -> list[Anomaly]:
    return [one for one in site.anomalies if one.metric_id == kpi.metric_id]


def _events_of(site: Site, kpi: Kpi) -> list[Annotation]:
    points = site.points(kpi.metric_id)
    if not points:
        return []
    first, last = points[0].start, points[-1].end
    shown = [
        one
        for one in site.snapshot.annotations
        if one.metric_id in (None, kpi.metric_id) and one.start <= last and one.end >= first
    ]
    return sorted(shown, key=lambda one: (one.start, one.end, one.title))


def _metric(site: Site, kpi: Kpi) -> Page:
    snapshot, metric_id = site.snapshot, kpi.metric_id
    definitions = snapshot.definitions.get(metric_id, ())
    points = site.points(metric_id)
    checks = site.checks_of(metric_id)
    parents, children = _relations(site, metric_id)
    has_band = any(point.lower is not None and point.upper is not None for point in points)
    context = {
        "kpi": kpi,
        "definition": next((one for one in definitions if one.is_current), None),
        "definitions": definitions,
        "caption": _caption(kpi, points),
        "has_open": any(point.state != "final" and point.value is not None for point in points),
        "has_target": any(point.target is not None for point in points),
        "has_band": has_band,
        "values": {
            "template": "values.html",
            "kpi": kpi,
            "has_band": has_band,
            "points": points[::-1][:VALUE_ROWS],
        },
        "flags": _flags_of(site, kpi)[:FLAG_ROWS],
        "annotations": _events_of(site, kpi),
        "segments": _segment_groups(snapshot.segments.get(metric_id, ())),
        "parents": parents,
        "children": children,
        "contributions": snapshot.contributions.get(metric_id, ()),
        "goals": [kr for o in site.goals for kr in o.key_results if kr.metric_id == metric_id],
        "trust": site.trust(kpi),
        "sources": [site.source_line(one) for one in site.sources_of(metric_id)],
        "checks": checks[:LISTED],
        "failed": sum(not check.passed for check in checks),
        "restatements": [one for one in snapshot.restatements if one.metric_id == metric_id][:LISTED],
    }
    return Page(links.metric_page(metric_id), "metric.html", kpi.name, "", context)


def _caption(kpi: Kpi, points: Sequence[Point]) -> str:
    """What the chart says, for those who do not see it."""
    known = [point for point in points if point.value is not None]
    if len(known) < 2:
        return ""
    first, last = known[0], known[-1]
    low, high = min(known, key=lambda p: p.value or 0), max(known, key=lambda p: p.value or 0)
    told = (
        f"{kpi.name} by {kpi.grain.replace('_', ' ')}: {show(first.value, kpi.unit)} in "
        f"{period(first.start, kpi.grain, first.end)}, {show(last.value, kpi.unit)} in "
        f"{period(last.start, kpi.grain, last.end)}; lowest {show(low.value, kpi.unit)} "
        f"({period(low.start, kpi.grain, low.end)}), highest {show(high.value, kpi.unit)} "
        f"({period(high.start, kpi.grain, high.end)})."
    )
    return told + (f" Target {show(last.target, kpi.unit)}." if last.target is not None else "")


def _segment_groups(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    """Segments by dimension: the largest of each, fewer of each the more dimensions there are."""
    by_dimension = [(name, list(found)) for name, found in groupby(segments, key=lambda one: one.dimension)]
    most = max(3, min(SEGMENT_ROWS, SEGMENT_ROWS_IN_ALL // max(1, len(by_dimension))))
    groups = []
    for dimension, rows in by_dimension[: SEGMENT_ROWS_IN_ALL // 3]:
        shown = [{"segment": one, "spark": Markup(sparkline(one.points))} for one in rows[:most]]  # noqa: S704
        name = dimension.replace("|", " and ")
        groups.append({"dimension": name, "rows": shown, "more": max(0, len(rows) - most)})
    return groups


def _relations(site: Site, metric_id: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """(metrics it drives, metrics that drive it), each once, with how."""
    parents: dict[str, str] = {}
    children: dict[str, str] = {}
    for row in site.snapshot.tree:
        if row.parent_id is None:
            continue
        if row.metric_id == metric_id:
            parents.setdefault(row.parent_id, _how(row))
        if row.parent_id == metric_id:
            children.setdefault(row.metric_id, _how(row))
    return (
        [{"id": one, "name": site.name_of(one), "how": how} for one, how in parents.items()],
        [{"id": one, "name": site.name_of(one), "how": how} for one, how in children.items()],
    )


def _how(row: TreeRow) -> str:
    if row.operator == "influences":
        told = "influences it" + (", the other way round" if row.expected_sign < 0 else "")
        return told + (f", after {row.lag_periods} {row.lag_grain or 'periods'}" if row.lag_periods else "")
    return f"{OPERATOR.get(row.operator or '', row.operator or '')} in its formula"


# ── goals ───────────────────────────────────────────────────────────────────────────────────────────────────


def _goals(site: Site) -> Iterator[Page]:
    ordered = sorted(
        site.goals, key=lambda one: (one.cycle_state != "open", -one.cycle_start.toordinal(), one.cycle_key)
    )
    parts = chunks(ordered, GOAL_CARDS)
    today = site.publication.data_through if site.publication else None
    for number, part in enumerate(parts, start=1):
        groups = []
        for _, found in groupby(part, key=lambda one: one.cycle_key):
            objectives = list(found)
            first = objectives[0]
            span = (first.cycle_end - first.cycle_start).days + 1
            gone = (today - first.cycle_start).days + 1 if today else 0
            groups.append(
                {
                    "name": first.cycle_name,
                    "start": first.cycle_start,
                    "end": first.cycle_end,
                    "state": first.cycle_state,
                    "elapsed": max(0.0, min(1.0, gone / span)) if first.cycle_state == "open" else None,
                    "objectives": objectives,
                }
            )
        context = {"groups": groups, "number": number, "count": len(parts)}
        yield Page(
            links.numbered("goals.html", number), "goals.html", "Training goals", "goals.html", context
        )


def _objective(site: Site, objective: Objective) -> Page:
    results = []
    for kr in objective.key_results:
        chart = Markup(progress_chart(kr, objective.cycle_start, objective.cycle_end))  # noqa: S704
        told = (
            f"Progress {percent(kr.progress)}, expected {percent(kr.expected_progress)} on {day(kr.as_of)}"
            + (
                f"; forecast {show(kr.forecast, kr.unit)} by {day(objective.cycle_end)}."
                if kr.forecast is not None
                else "."
            )
        )
        results.append(
            {
                "kr": kr,
                "anchor": f"kr-{links.slug(kr.key)}",
                "chart": chart,
                "caption": told,
                "table": {"template": "progress.html", "kr": kr, "days": kr.history[::-1][:LISTED]},
                "check_ins": site.snapshot.check_ins.get(kr.key, ())[:13],
            }
        )
    context = {
        "objective": objective,
        "parent": site.objective(objective.parent_key),
        "results": results,
        "supporting": [one for one in site.goals if one.parent_key == objective.key],
    }
    return Page(links.objective_page(objective.key), "objective.html", objective.title, "goals.html", context)


# ── views ───────────────────────────────────────────────────────────────────────────────────────────────────


def _roots(site: Site) -> tuple[Branch, ...]:
    return branches(site.snapshot.tree, {kpi.metric_id: kpi.unit for kpi in site.kpis})


def _scorecard(site: Site) -> Page:
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


def _indicators(site: Site) -> Page:
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


def _anomalies(site: Site) -> Iterator[Page]:
    flags = []
    for one in site.anomalies:
        kpi = site.kpi(one.metric_id)
        total = kpi is not None and kpi.grain == one.grain and not one.segment_dimension
        flags.append(
            {
                "anomaly": one,
                "chart": site.chart(one.metric_id) if total else Markup(""),
                "causes": [_cause(cause, one) for cause in one.root_cause[:6]],
            }
        )
    yield from _split(
        flags, FLAG_ROWS, "anomalies.html", "Worth a look", "anomalies.html", "anomalies.html", "flags"
    )


def _cause(cause: Mapping[str, object], anomaly: Anomaly) -> dict[str, str]:
    """One carrier of a change, whatever names its finder gave: a segment or a driver, and its part."""
    names = ("name", "label", "segment_value", "segment", "value_name", "metric", "driver", "child")
    name = next((str(cause[key]) for key in names if cause.get(key) not in (None, "")), "(unnamed)")
    dimension = cause.get("dimension") or cause.get("segment_dimension")
    told = cause.get("contribution", cause.get("delta", cause.get("share")))
    number = float(told) if isinstance(told, int | float) else None
    return {
        "name": f"{spoken(str(dimension))}: {name}" if dimension else name,
        "told": change(number, anomaly.unit),
    }


def _dictionary(site: Site) -> Iterator[Page]:
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


def _health(site: Site) -> Page:
    snapshot = site.snapshot
    failed = [check for check in snapshot.checks if not check.passed]
    failed.sort(key=lambda c: (c.severity != "error", c.asset, c.check_id))
    dimensions: dict[str, list[bool]] = defaultdict(list)
    for check in snapshot.checks:
        dimensions[check.dimension].append(check.passed)
    rank = {"red": 0, "amber": 1}
    context = {
        "blocked": snapshot.blocked,
        "health": sorted(snapshot.health, key=lambda o: (rank.get(o.health, 2), o.system, o.asset))[:200],
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


__all__ = ["Page", "Word", "all_pages", "chart_of", "chunks", "search_index"]
