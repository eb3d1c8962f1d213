"""The report in a real browser: phone, desk and wall; with and without scripts; nothing fetched, nothing broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.report.build import write_site
from tests.unit.report.company_report import NOW, company

CHROMIUM = Path("/usr/bin/chromium")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}")

PAGES = (
    "index.html",
    "kpis.html",
    "goals.html",
    "objective-love.html",
    "metric-csat.html",
    "metric-first_response_time.html",
    "tree.html",
    "scorecard.html",
    "indicators.html",
    "anomalies.html",
    "dictionary.html",
    "health.html",
    "on-call.html",
    "team-support.html",
)
SIZES = {"phone": (390, 844), "desk": (1440, 900), "wall": (1920, 1080)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    made = company()
    again = replace(
        made.anomalies[0], kind="point", severity="warning"
    )  # two flags on one period of one metric
    held = tuple(replace(k, state="provisional") if k.metric_id == "win_rate" else k for k in made.kpis)
    write_site(replace(made, anomalies=(*made.anomalies, again), kpis=held), folder, NOW)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        arguments = [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
        ]
        launched = started.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        yield launched
        launched.close()


@pytest.mark.parametrize("size", SIZES)
def test_pages_are_whole_at_every_size(browser: Any, site: Path, size: str) -> None:
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))
    page.on("request", lambda request: asked.append(request.url))
    for name in PAGES:
        page.goto((site / name).as_uri())
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert beyond <= 0, f"{name} is {beyond} px wider than a {size}"
        assert page.evaluate("getComputedStyle(document.querySelector('main')).display") == "grid", (
            "no style sheet"
        )
    context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_a_phone_shows_the_narrow_chart_and_a_desk_the_wide_one(browser: Any, site: Path) -> None:
    for size, shown, hidden in (("phone", "narrow", "wide"), ("desk", "wide", "narrow")):
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height})
        page = context.new_page()
        page.goto((site / "metric-csat.html").as_uri())
        assert page.locator(f".chart.{shown}").first.is_visible()
        assert not page.locator(f".chart.{hidden}").first.is_visible()
        context.close()


def test_the_wall_shows_north_star_and_kpis_without_scrolling(browser: Any, site: Path) -> None:
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    rows = page.locator(".kpis tbody tr")
    seen = [rows.nth(i).bounding_box() for i in range(rows.count())]
    assert sum(box is not None and box["y"] + box["height"] <= 1080 for box in seen) >= 5
    context.close()


def test_search_finds_and_the_list_comes_back(browser: Any, site: Path) -> None:
    page = browser.new_page()
    page.goto((site / "dictionary.html").as_uri())
    page.keyboard.press("Control+k")
    page.keyboard.type("zendesk satis")
    assert page.locator("#found").inner_text() == "1 metric"
    assert page.locator("#results a").all_inner_texts() == ["Customer satisfaction"]
    assert not page.locator("#entries").is_visible()
    page.locator("#results a").click()
    assert page.locator("h1").inner_text() == "Customer satisfaction"
    page.go_back()
    page.fill("#search", "")
    assert page.locator("#entries").is_visible()
    page.fill("#search", "<img src=x onerror=alert(1)>")
    assert page.locator("#found").inner_text() == "0 metrics"
    page.close()


def test_everything_is_there_without_scripts(browser: Any, site: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "dictionary.html").as_uri())
    assert not page.locator("#search").is_visible()
    assert page.locator("#entries a", has_text="Customer satisfaction").is_visible()
    page.goto((site / "tree.html").as_uri())
    closed = page.locator("details:not([open]) > summary").first
    closed.click()
    assert page.locator("main a", has_text="Activation rate").is_visible()
    context.close()


def test_dark_follows_the_system(browser: Any, site: Path) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)
        page = context.new_page()
        page.goto((site / "index.html").as_uri())
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        context.close()
    assert len(grounds) == 2


def test_print_has_no_navigation(browser: Any, site: Path) -> None:
    page = browser.new_page()
    page.emulate_media(media="print")
    page.goto((site / "metric-csat.html").as_uri())
    assert not page.locator(".top nav").is_visible()
    assert page.locator(".chart.wide").first.is_visible()
    page.close()


def test_keyboard_reaches_the_content_first(browser: Any, site: Path) -> None:
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    page.close()


def test_a_table_is_sorted_by_its_headings(browser: Any, site: Path) -> None:
    page = browser.new_page()
    page.goto((site / "kpis.html").as_uri())
    names = page.locator(".kpis tbody th a")
    before = names.all_inner_texts()
    page.locator("thead button", has_text="Metric").focus()
    page.keyboard.press("Enter")
    assert page.locator("thead th[aria-sort]").get_attribute("aria-sort") == "ascending"
    ascending = names.all_inner_texts()
    assert ascending == sorted(before, key=str.lower)
    page.keyboard.press("Enter")
    assert names.all_inner_texts() == ascending[::-1]
    page.close()


def test_the_tree_unfolds_by_keyboard_and_focus_is_seen(browser: Any, site: Path) -> None:
    page = browser.new_page()
    page.goto((site / "tree.html").as_uri())
    page.keyboard.press("Tab")  # the keyboard is in use: focus is shown
    summary = page.locator("details:not([open]) > summary").first
    summary.focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open")
    page.close()


def test_without_motion_nothing_moves(browser: Any, site: Path) -> None:
    for wish, moves in (("reduce", False), ("no-preference", True)):
        context = browser.new_context(reduced_motion=wish)
        page = context.new_page()
        page.goto((site / "index.html").as_uri())
        lasts = page.evaluate("getComputedStyle(document.querySelector('.tile')).transitionDuration")
        assert any(float(one.strip().rstrip("s")) > 0 for one in lasts.split(",")) is moves
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_accessibility_checker_finds_nothing(browser: Any, site: Path, scheme: str) -> None:
    """Every kind of page, everything unfolded, by the rules of WCAG 2.2 AA and the checker's own advice."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = []
    size = "phone" if scheme == "light" else "wall"
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    for name in PAGES:
        page.goto((site / name).as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        checked = axe.Axe().run(page, options={"runOnly": {"type": "tag", "values": rules}})
        found += [(name, one["id"], one["nodes"][0]["html"][:120]) for one in checked.response["violations"]]
    context.close()
    assert found == []
