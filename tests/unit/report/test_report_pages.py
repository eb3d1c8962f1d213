"""The site of a made-up company: complete, linked, accessible, small, and the same bytes every time."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipelines.report.build import render_site, write_site
from pipelines.report.model import Snapshot
from tests.unit.report.company_report import NOW, company
from tests.unit.report.html_reading import ReadPage

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return render_site(company(), NOW)


@pytest.fixture(scope="module")
def pages(files: dict[str, bytes]) -> dict[str, ReadPage]:
    return {name: ReadPage(content.decode()) for name, content in files.items() if name.endswith(".html")}


def text_of(files: dict[str, bytes], name: str) -> str:
    page = ReadPage(files[name].decode())
    return " ".join(next(one for one in page.elements if one.tag == "body").text.split())


# ── complete ────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_metric_team_and_objective_has_its_page(files: dict[str, bytes]) -> None:
    made = company()
    expected = {f"metric-{kpi.metric_id}.html" for kpi in made.kpis}
    expected |= {f"team-{team.key}.html" for team in made.teams}
    expected |= {f"objective-{one.key}.html" for one in made.objectives}
    expected |= {"index.html", "kpis.html", "goals.html", "tree.html", "scorecard.html", "indicators.html"}
    expected |= {"anomalies.html", "dictionary.html", "health.html", "on-call.html"}
    assert {name for name in files if name.endswith(".html")} == expected


def test_the_overview_tells_the_state_of_the_company(files: dict[str, bytes]) -> None:
    told = text_of(files, "index.html")
    for words in (
        "North star Monthly recurring revenue €1.03M",
        "Vital signs KPIs: is everything in range?",
        "Training goals Objectives and key results",
        "Turn customers into fans",
        "Customer satisfaction fell to 83.1% and stays there",
        "Held back",
        "Data through 20 Nov 2026",
    ):
        assert words in told, words


def test_maintenance_and_improvement_are_apart(pages: dict[str, ReadPage]) -> None:
    sections = [
        one for one in pages["index.html"].all("section") if "half" in one.attributes.get("class", "")
    ]
    maintain, improve = sections
    assert "Vital signs" in maintain.text
    assert "Raise CSAT" not in maintain.text
    assert "Training goals" in improve.text
    assert "Gross margin" not in improve.text


def test_a_metric_page_answers_what_one_asks(files: dict[str, bytes]) -> None:
    told = text_of(files, "metric-csat.html")
    for words in (
        "Share of ratings that are good, of all ratings given in the period.",
        "Target 92.0%",
        "Ask Mei Tanaka",
        "By region",
        "It drives Churned MRR influences it",
        "It is driven by First response time",
        "Goals that move it Raise CSAT from 88% to 92%",
        "good ÷ (good + bad)",
        "Europe/Berlin",
        "zendesk support.tickets Customer satisfaction",
        "Spam tickets no longer count.",
        "support.tickets has 48,210 rows, 53,100 in the last good run",
        "Release 4.2",
        "metrics/support.yml:12",
    ):
        assert words in told, words


def test_contributions_stand_on_the_parents_page(files: dict[str, bytes]) -> None:
    told = text_of(files, "metric-mrr.html")
    assert "What moved it Oct 2026, against the month before" in told
    assert "New MRR +€37.9k 150%" in told


def test_a_held_back_metric_shows_its_last_good_value_and_why(files: dict[str, bytes]) -> None:
    told = text_of(files, "metric-first_response_time.html")
    assert "New values are held back: support.tickets: 31 of 48,210 rows" in told
    assert "1 h 52 min Held back" in told


def test_ratio_and_progress_are_told_apart(files: dict[str, bytes]) -> None:
    told = text_of(files, "objective-love.html")
    assert "Ratio value ÷ target 0.95" in told
    assert "Progress way from the baseline −15%" in told
    assert "The ratio looks fine, but hardly any way has been made from the baseline." in told
    assert "Chance to hit 8% computed" in told
    assert "Confidence 70% said by the owner" in told


def test_check_ins_tell_their_five_fields_and_corrections(files: dict[str, bytes]) -> None:
    told = text_of(files, "objective-love.html")
    for words in (
        "Down to 87.4%.",
        "How it happened",
        "In the way The fix waits",
        "confidence 70%",
        "corrected later",
    ):
        assert words in told, words


def test_the_tree_unfolds(pages: dict[str, ReadPage]) -> None:
    details = pages["tree.html"].all("details")
    assert len(details) == 5
    assert "open" in details[0].attributes
    assert "Monthly recurring revenue" in pages["tree.html"].all("main")[0].text


def test_the_scorecard_has_four_views_and_names_blind_spots() -> None:
    made = company()
    narrowed = replace(made, kpis=tuple(kpi for kpi in made.kpis if kpi.perspective != "learning_growth"))
    told = text_of(render_site(narrowed, NOW), "scorecard.html")
    for words in ("Financial", "Customer", "Internal process", "Learning and growth", "a blind spot"):
        assert words in told


def test_leading_indicators_name_what_they_move(files: dict[str, bytes]) -> None:
    told = text_of(files, "indicators.html")
    assert "First response time moves Customer satisfaction" in told
    assert "Churned MRR moved by Customer satisfaction" in told


def test_who_is_on_call_sees_what_is_wrong(files: dict[str, bytes]) -> None:
    told = text_of(files, "on-call.html")
    assert "Customer satisfaction" in told
    assert "billing.subscriptions data through 18 Nov 2026" in told
    assert "Weekly active teams" not in told.split("Off target")[0]  # favourable flags wake nobody


def test_an_empty_database_says_so() -> None:
    files = render_site(Snapshot(None), NOW)
    assert [name for name in files if name.endswith(".html")] == ["index.html"]
    assert "Nothing published yet" in text_of(files, "index.html")


def test_a_company_without_goals_tree_or_flags_is_no_error() -> None:
    bare = replace(
        company(),
        objectives=(),
        tree=(),
        anomalies=(),
        contributions={},
        health=(),
        checks=(),
        focus=(),
        points={},
    )
    files = render_site(bare, NOW)
    assert "Nothing unusual is open." in text_of(files, "index.html")
    assert "Too few values for a chart yet." in text_of(files, "metric-mrr.html")
    assert "No objectives yet." in text_of(files, "goals.html")


# ── sound and accessible ────────────────────────────────────────────────────────────────────────────────────


def test_pages_are_well_formed(pages: dict[str, ReadPage]) -> None:
    assert {name: page.problems for name, page in pages.items() if page.problems} == {}


def test_ids_are_unique(pages: dict[str, ReadPage]) -> None:
    for name, page in pages.items():
        ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
        assert len(ids) == len(set(ids)), name


def test_every_link_leads_somewhere(files: dict[str, bytes], pages: dict[str, ReadPage]) -> None:
    for name, page in pages.items():
        for link in page.all("a", "link", "use"):
            target, _, anchor = link.attributes["href"].partition("#")
            if target.startswith("data:"):
                continue
            assert (target or name) in files, (name, link.attributes)
            if anchor:
                assert anchor in pages[target or name].ids, (name, link.attributes)


def test_nothing_is_fetched_from_elsewhere(files: dict[str, bytes]) -> None:
    for name, content in files.items():
        found = re.findall(rb"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", content)
        assert [one for one in found if one != b"http://www.w3.org"] == [], name
        assert b"@import" not in content


def test_pages_carry_no_inline_script_or_style(pages: dict[str, ReadPage]) -> None:
    for name, page in pages.items():
        for one in page.elements:
            assert not [attribute for attribute in one.attributes if attribute.startswith("on")], (
                name,
                one.tag,
            )
            assert "style" not in one.attributes, (name, one.tag)
            assert one.tag != "style"
            assert one.tag != "script" or (one.attributes.get("src") and not one.text.strip())


def test_each_page_has_one_heading_one_and_skips_no_level(pages: dict[str, ReadPage]) -> None:
    for name, page in pages.items():
        levels = [int(one.tag[1]) for one in page.all("h1", "h2", "h3", "h4")]
        assert levels.count(1) == 1, name
        assert levels[0] == 1, name
        for before, after in pairwise(levels):
            assert after <= before + 1, (name, levels)


def test_landmarks_title_and_language_are_there(pages: dict[str, ReadPage]) -> None:
    for name, page in pages.items():
        assert page.all("html")[0].attributes["lang"] == "en"
        assert page.all("title")[0].text.endswith("· Vitals")
        for landmark in ("header", "main", "footer"):
            assert page.all(landmark), (name, landmark)
        assert len(page.all("main")) == 1
        assert all("aria-label" in nav.attributes for nav in page.all("nav"))
        assert page.all("a")[0].attributes["href"] == "#main"


def test_tables_have_a_caption_and_scoped_headings(pages: dict[str, ReadPage]) -> None:
    for name, page in pages.items():
        tables, captions = page.all("table"), page.all("caption")
        assert len(tables) == len(captions), name
        assert all(one.text.strip() for one in captions), name
        assert all(one.attributes.get("scope") in ("col", "row") for one in page.all("th")), name


def test_drawings_are_told_or_hidden(pages: dict[str, ReadPage]) -> None:
    for name, page in pages.items():
        for one in page.all("svg"):
            if one.attributes.get("role") == "img":
                assert one.attributes["aria-label"].strip(), name
            else:
                assert one.attributes.get("aria-hidden") == "true", (name, one.attributes)
        for one in page.all("figure"):
            assert "lowest" in one.text or "Progress" in one.text, name


def test_a_chart_has_its_numbers_in_a_table(pages: dict[str, ReadPage]) -> None:
    for name, page in pages.items():
        for figure in page.all("figure"):
            assert "The numbers as a table" in figure.text, name


def test_every_status_has_a_word_and_a_shape(files: dict[str, bytes]) -> None:
    for name, content in files.items():
        if name.endswith(".html"):
            for pill in re.findall(r'<span class="pill[^"]*">(.*?)</span></span>', content.decode()):
                assert '<use href="#i-' in pill, (name, pill)
                assert re.search(r'<span class="word">[^<]+$', pill), (name, pill)


def test_shapes_of_tones_differ() -> None:
    from pipelines.report.words import GOAL_STATUS, KPI_STATUS, SEVERITY

    for words in (KPI_STATUS, GOAL_STATUS, SEVERITY):
        shapes: dict[str, set[str]] = {}
        for word in words.values():
            shapes.setdefault(word.icon, set()).add(word.tone)
        assert {icon: tones for icon, tones in shapes.items() if len(tones) > 1 and icon != "clock"} == {}


# ── contrast ────────────────────────────────────────────────────────────────────────────────────────────────


def tokens() -> dict[str, dict[str, str]]:
    css = (REPOSITORY / "pipelines/report/assets/style.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", css, flags=re.DOTALL)
    light = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[0]))
    dark = {**light, **dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[1]))}
    return {"light": light, "dark": dark}


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground", "least"),
    [
        ("ink", "ground", 7.0),
        ("ink", "card", 7.0),
        ("soft", "ground", 4.5),
        ("soft", "card", 4.5),
        ("soft", "none-ground", 4.5),
        ("link", "ground", 4.5),
        ("link", "card", 4.5),
        ("good", "good-ground", 4.5),
        ("near", "near-ground", 4.5),
        ("bad", "bad-ground", 4.5),
        ("none", "none-ground", 4.5),
        ("good", "card", 4.5),
        ("near", "card", 4.5),
        ("bad", "card", 4.5),
        ("maintain", "maintain-ground", 4.5),
        ("line", "card", 3.0),
        ("target", "card", 3.0),
        ("improve", "card", 3.0),
        ("on", "good", 4.5),
        ("on", "bad", 4.5),
        ("on", "near", 4.5),
    ],
)
def test_contrast(scheme: str, ink: str, ground: str, least: float) -> None:
    colours = tokens()[scheme]
    assert contrast(colours[ink], colours[ground]) >= least


# ── small, safe, the same every time ────────────────────────────────────────────────────────────────────────


def test_pages_stay_under_100_kb_with_many_metrics() -> None:
    files = render_site(company(extra_metrics=40), NOW)
    large = {
        name: len(content)
        for name, content in files.items()
        if name.endswith(".html") and len(content) > 100_000
    }
    assert large == {}
    assert "kpis-2.html" in files


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> =cmd|' /C calc'!A0 {{7*7}} \u202etxt.exe\u0000 %s"


def hostile(value: Any, name: str = "") -> Any:
    """The same thing with hostile text wherever people write text; keys and vocabularies stay."""
    kept = {
        "grain", "status", "trend", "state", "level", "perspective", "indicator", "purpose", "direction", "lifecycle",
        "severity", "effect", "kind", "pace", "operator", "method", "health", "dimension", "nature", "band", "family",
        "pattern", "currency", "cycle_state", "score_method", "lag_grain",
    }  # fmt: skip
    if is_dataclass(value) and not isinstance(value, type):
        changed = {one.name: hostile(getattr(value, one.name), one.name) for one in fields(value)}
        return replace(value, **changed)
    if isinstance(value, tuple):
        return tuple(hostile(one, name) for one in value)
    if isinstance(value, dict):
        return {
            (hostile(key, "id") if isinstance(key, str) else key): hostile(one, name)
            for key, one in value.items()
        }
    if isinstance(value, str) and name not in kept:
        return value + HOSTILE
    return value


def test_hostile_text_stays_text(files: dict[str, bytes]) -> None:
    made = hostile(company())
    attacked = render_site(made, NOW)
    for name, content in attacked.items():
        text = content.decode()
        if not name.endswith(".html"):
            if name == "search-index.js":
                assert "<" not in text
            continue
        page = ReadPage(text)
        assert page.problems == [], name
        scripts = {script.attributes["src"] for script in page.all("script")}
        assert scripts <= {"search-index.js", "search.js", "tables.js"}, name
        assert not page.all("img", "iframe", "object", "form"), name
        assert not [a for one in page.elements for a in one.attributes if a.startswith("on")], name
        assert "49" not in page.all("title")[0].text or "{{7*7}}" in page.all("title")[0].text
    told = ReadPage(attacked["index.html"].decode()).all("h1")[0].text
    assert told == f"Monthly recurring revenue{HOSTILE}".replace("\x00", "\ufffd") or HOSTILE[:20] in told


def a_few_charts() -> Snapshot:
    made = company()
    return replace(made, points={name: made.points[name] for name in ("csat", "mrr", "nps")}, segments={})


def digest(files: dict[str, bytes]) -> str:
    return hashlib.sha256(
        b"".join(name.encode() + content for name, content in sorted(files.items()))
    ).hexdigest()


def test_two_builds_are_the_same_bytes_in_any_environment() -> None:
    program = (
        "from pipelines.report.build import render_site\n"
        "from tests.unit.report.test_report_pages import NOW, a_few_charts, digest\n"
        "print(digest(render_site(a_few_charts(), NOW)))\n"
    )
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "12345",
        "TZ": "America/New_York",
        "LC_ALL": "C",
        "PYTHONPATH": str(REPOSITORY),
    }
    told = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == digest(render_site(a_few_charts(), NOW))


def test_an_unchanged_site_is_not_written_again(tmp_path: Path) -> None:
    made = replace(company(), points={}, segments={})
    first = write_site(made, tmp_path, NOW)
    assert first.written == len([one for one in tmp_path.iterdir() if one.suffix != ".json"])
    again = write_site(made, tmp_path, NOW)
    assert (again.written, again.removed) == (0, 0)
    later = write_site(made, tmp_path, datetime(2026, 11, 22, tzinfo=UTC))
    assert later.written == len(first.pages)


def test_pages_that_left_are_taken_away_and_strangers_stay(tmp_path: Path) -> None:
    made = replace(company(), points={}, segments={})
    (tmp_path / "mine.html").write_text("mine")
    write_site(made, tmp_path, NOW)
    fewer = replace(made, kpis=tuple(kpi for kpi in made.kpis if kpi.metric_id != "csat"))
    result = write_site(fewer, tmp_path, NOW)
    assert result.removed == 1
    assert not (tmp_path / "metric-csat.html").exists()
    assert (tmp_path / "mine.html").read_text() == "mine"
