"""The report in a real browser: phone, desk and wall; with and without scripts; nothing fetched, nothing broken."""

from __future__ import annotations

from collections.abc import Iterator
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
    write_site(company(), folder, NOW)
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_accessibility_checker_finds_nothing(browser: Any, site: Path, scheme: str) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    found = []
    for size in ("phone", "desk"):
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, bypass_csp=True
        )
        page = context.new_page()
        for name in PAGES:
            page.goto((site / name).as_uri())
            found += [(name, size, one["id"]) for one in axe.Axe().run(page).response["violations"]]
        context.close()
    assert found == []
