"""Pages per audience: the company's overview, a team's home, the one on call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from pipelines import report_links as links
from pipelines.report.charts import metric_chart
from pipelines.report.model import Kpi
from pipelines.report.site import Site, goal_parts, health_parts, kpi_parts, kpi_word, severity_parts, urgency

from .page import FLAG_ROWS, GOAL_CARDS, LISTED, TABLE_ROWS, Page, Tile, split

HOME_KPIS, HOME_GOALS, HOME_FLAGS, ALERT_ROWS = 16, 4, 4, 15


def home(site: Site) -> Page:
    """The company's overview."""
    north = next((kpi for kpi in site.kpis if kpi.level == "north_star"), None)
    open_goals = [one for one in site.goals if one.cycle_state == "open"] or list(site.goals)
    shown = [kpi for kpi in site.kpis if kpi is not north and kpi.lifecycle not in ("deprecated", "retired")]
    focus = [
        {"kpi": kpi, "actions": one.suggested_actions}
        for one in site.snapshot.focus
        if (kpi := site.kpi(one.metric_id)) is not None
    ]
    context = {
        "north": north,
        "hero_chart": _plain_chart(site, north) if north else Markup(""),
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


def team_pages(site: Site, key: str) -> Iterator[Page]:
    """A team's home, on as many pages as its KPIs need."""
    team = site.team(key)
    if team is None:
        return
    kpis = [kpi for kpi in site.kpis if kpi.team_key == key]
    children = [one for one in site.snapshot.teams if one.parent_key == key]
    yield from split(
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


def on_call(site: Site) -> Page:
    """What needs somebody now."""
    adverse = [one for one in site.anomalies if one.effect == "unfavourable" and one.state == "open"]
    ill = [one for one in site.snapshot.health if one.health != "green"]
    off = [kpi for kpi in site.kpis if kpi_word(kpi).tone == "bad"]
    urgent = [one for one in site.snapshot.alerts if one.severity in ("critical", "warning")]
    context = {
        "tiles": _tiles(site),
        "anomalies": adverse[:LISTED],
        "blocked": site.snapshot.blocked[:LISTED],
        "sources": [
            site.source_line(one) for one in sorted(ill, key=lambda o: (o.health != "red", o.asset))[:LISTED]
        ],
        "alerts": urgent[:ALERT_ROWS],
        "more_alerts": max(0, len(urgent) - ALERT_ROWS),
        "notices": len(site.snapshot.alerts) - len(urgent),
        "kpis": off[:TABLE_ROWS],
    }
    return Page("on-call.html", "on-call.html", "On call", "on-call.html", context)


def _plain_chart(site: Site, kpi: Kpi) -> Markup:
    return site.drawings.place(metric_chart(site.points(kpi.metric_id), kpi.unit, kpi.grain))
