"""The pages: which there are, which template each is made by, and what it shows."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.report.site import Site

from .goals import goal_pages, objective_page
from .metric import metric_page_of
from .overview import home, on_call, team_pages
from .page import TABLE_ROWS, Page, split
from .views import anomaly_pages, dictionary_pages, health, indicators, scorecard, search_index, tree_pages

__all__ = ["Page", "all_pages", "search_index"]


def all_pages(site: Site) -> Iterator[Page]:
    """Every page, in a fixed order."""
    yield home(site)
    if site.publication is None:
        return
    yield from split(site.kpis, TABLE_ROWS, "kpis.html", "All KPIs", "kpis.html", "kpis.html", "kpis")
    for team in site.snapshot.teams:
        yield from team_pages(site, team.key)
    yield from goal_pages(site)
    for objective in site.snapshot.objectives:
        yield objective_page(site, objective)
    yield from tree_pages(site)
    yield scorecard(site)
    yield indicators(site)
    yield from anomaly_pages(site)
    yield from dictionary_pages(site)
    yield health(site)
    yield on_call(site)
    for kpi in sorted(site.kpis, key=lambda k: k.metric_id):
        yield metric_page_of(site, kpi)
