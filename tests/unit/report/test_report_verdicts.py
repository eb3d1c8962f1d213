"""What a page concludes: no alarm before a period ends, both ends of an optimum, how fresh and how checked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from pipelines.report.branches import branches, on_pages
from pipelines.report.build import render_site
from pipelines.report.model import Kpi, Snapshot, TreeRow, Unit
from pipelines.report.numbers import period, spoken_dates, target
from pipelines.report.site import Site, kpi_parts, kpi_word
from pipelines.report.words import status_word
from tests.unit.report.company_report import NOW, company
from tests.unit.report.html_reading import ReadPage


def kpi_of(metric_id: str, **more: object) -> Kpi:
    found = next(one for one in company().kpis if one.metric_id == metric_id)
    return replace(found, **more)  # type: ignore[arg-type]


def with_kpi(changed: Kpi) -> Snapshot:
    made = company()
    return replace(
        made, kpis=tuple(changed if one.metric_id == changed.metric_id else one for one in made.kpis)
    )


# ── a period that is still open ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ["red", "amber", "green"])
def test_a_provisional_value_is_no_verdict(status: str) -> None:
    final, open_ = status_word(status), status_word(status, state="provisional")
    assert open_.tone == "open"
    assert open_.text.startswith("So far ")
    assert open_.icon != final.icon


def test_a_provisional_red_wakes_nobody() -> None:
    red = kpi_of("csat", status="red", state="provisional")
    told = render_site(with_kpi(red), NOW)["on-call.html"].decode()
    off = ReadPage(told).all("table")
    assert "Customer satisfaction" not in " ".join(table.text for table in off)
    assert kpi_word(replace(red, is_blocked=True)).text == "Held back"


def test_open_periods_are_counted_apart() -> None:
    parts = kpi_parts([kpi_of("csat", status="red"), kpi_of("mrr", status="red", state="provisional")])
    assert [(one.word.text, one.count) for one in parts] == [("Off target", 1), ("Not final yet", 1)]


def test_what_needs_somebody_comes_first() -> None:
    order = [
        kpi_of("nps", status="red"),
        kpi_of("nps", status="amber"),
        kpi_of("nps", status="red", state="provisional"),
        kpi_of("nps", status="green"),
        kpi_of("nps", status="no_target"),
    ]
    named = [replace(one, metric_id=f"m{i}", name=f"{9 - i}") for i, one in enumerate(order)]
    site = Site(replace(company(), kpis=tuple(reversed(named))), NOW)
    assert [one.metric_id for one in site.kpis] == ["m0", "m1", "m2", "m3", "m4"]


# ── targets, periods, days ──────────────────────────────────────────────────────────────────────────────────


def test_a_band_is_told_by_both_ends_and_drawn() -> None:
    banded = kpi_of("ltv_cac", target=None, optimum=(3.0, 5.0))
    assert target(banded) == "3.0 to 5.0"
    assert target(replace(banded, optimum=None)) == "–"
    made = with_kpi(banded)
    points = tuple(replace(point, target=None) for point in made.points["ltv_cac"])
    files = render_site(replace(made, points={**made.points, "ltv_cac": points}), NOW)
    page = files["metric-ltv_cac.html"].decode()
    assert "Target 3.0 to 5.0" in " ".join(ReadPage(page).all("main")[0].text.split())
    wide = page.split('class="chart wide"')[1].split("</svg>")[0]
    assert wide.count('stroke="var(--target)"') == 2


def test_a_near_week_needs_no_year() -> None:
    assert period(date(2026, 11, 2), "week", near=True) == "week of 2 Nov"
    assert period(date(2026, 10, 1), "month", near=True) == "Oct 2026"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("2026-04-03 to 2026-04-03", "3 Apr 2026"),
        ("2026-04-03 to 2026-04-06", "3 Apr 2026 to 6 Apr 2026"),
        ("2026-13-40 is no day", "2026-13-40 is no day"),
        ("since 2026-05-11", "since 11 May 2026"),
    ],
)
def test_days_are_told_in_words(written: str, told: str) -> None:
    assert spoken_dates(written) == told


def test_freshness_and_quality_are_two_things() -> None:
    site = Site(company(), NOW)
    response = next(one for one in site.kpis if one.metric_id == "first_response_time")
    assert site.freshness(response).word.text == "Fresh"
    assert site.quality(response).word.text == "Held back"
    churned = next(one for one in site.kpis if one.metric_id == "csat")
    assert site.quality(churned).told == "1 of 1 failed"


# ── the tree ────────────────────────────────────────────────────────────────────────────────────────────────


def row(root: str, metric: str, parent: str | None, path: str) -> TreeRow:
    unit = Unit()
    return TreeRow(
        root, metric, metric.upper(), parent, parent and "add", 1, 0, None, path.count("/"), path,
        1.0, None, None, None, unit, None, None, None, None,
    )  # fmt: skip


def test_what_drives_a_metric_is_drawn_once() -> None:
    rows = [
        row("a", "a", None, "a"),
        row("a", "x", "a", "a/x"),
        row("a", "y", "x", "a/x/y"),
        row("b", "b", None, "b"),
        row("b", "x", "b", "b/x"),
        row("b", "y", "x", "b/x/y"),
    ]
    first, second = branches(rows, {})
    assert [one.row.metric_id for one in first.children[0].children] == ["y"]
    assert second.children[0].is_repeated
    assert second.children[0].children == ()


def test_a_tree_that_is_too_large_is_cut_where_it_is_deep() -> None:
    rows = [row("a", "a", None, "a")]
    rows += [row("a", f"m{i}", "a", f"a/m{i}") for i in range(5)]
    rows += [row("a", f"n{i}{j}", f"m{i}", f"a/m{i}/n{i}{j}") for i in range(5) for j in range(5)]
    (page,) = on_pages(branches(rows, {}), lines=10)
    assert len(page[0].children) == 5
    assert all(one.is_cut and not one.children for one in page[0].children)
    whole = on_pages(branches(rows, {}), lines=31)
    assert not whole[0][0].children[0].is_cut


def test_trees_that_do_not_fit_go_to_the_next_page() -> None:
    rows = [
        one
        for name in "abc"
        for one in (row(name, name, None, name), row(name, f"{name}1", name, f"{name}/1"))
    ]
    assert [len(page) for page in on_pages(branches(rows, {}), lines=4)] == [2, 1]
    assert on_pages((), lines=4) == [[]]
