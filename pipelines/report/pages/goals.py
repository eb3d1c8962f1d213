"""Pages of objectives and key results."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from pipelines import report_links as links
from pipelines.report.charts import progress_chart
from pipelines.report.model import Objective
from pipelines.report.numbers import day, percent, show
from pipelines.report.site import Site

from .page import GOAL_CARDS, LISTED, Page, chunks


def goal_pages(site: Site) -> Iterator[Page]:
    """All objectives by cycle, the open one first."""
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
        context = {
            "groups": groups,
            "number": number,
            "count": len(parts),
            "suggestions": site.snapshot.suggestions if number == 1 else (),
            "signals": site.snapshot.signals if number == 1 else (),
        }
        yield Page(
            links.numbered("goals.html", number), "goals.html", "Training goals", "goals.html", context
        )


def objective_page(site: Site, objective: Objective) -> Page:
    """One objective with its key results."""
    results = []
    for kr in objective.key_results:
        chart = site.drawings.place(progress_chart(kr, objective.cycle_start, objective.cycle_end))
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
