"""The check-in form over real HTTP, and in a real browser without JavaScript."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal as D
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlencode

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from pipelines.okr.tokens import CheckInTokens
from pipelines.okr.web import check_in_app
from tests.integration.okr.okr_company import NOW, TODAY, Published
from tests.servers import free_port

TOKENS = CheckInTokens((b"a key of at least sixteen bytes",))
SAID = {"how_it_happened": "Onboarding mails", "confidence": "0.7"}


@dataclass
class Site:
    """The form served on loopback, and the house behind it."""

    port: int
    house: Published

    def get(self, path: str) -> tuple[HTTPResponse, str]:
        """GET a path; the answer and its text."""
        return self._ask("GET", path, None, {})

    def post(self, path: str, form: dict[str, str], **headers: str) -> tuple[HTTPResponse, str]:
        """POST a form."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask(
            "POST", path, urlencode(form), kind | {k.replace("_", "-"): v for k, v in headers.items()}
        )

    def _ask(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> tuple[HTTPResponse, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer, text


@pytest.fixture
def site(small_house: Published) -> Iterator[Site]:
    """The form as it is served in production, beside nothing else and once mounted under a prefix."""
    app = check_in_app(lambda: small_house.catalogue, small_house.store, TOKENS, lambda: NOW, lambda: TODAY)
    both = Starlette(routes=[Mount("/inside", app), Mount("/", app)])
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(both, host="127.0.0.1", port=port, log_level="error", access_log=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.02)
    yield Site(port, small_house)
    server.should_exit = True
    thread.join(20)


def form_token(person: str = "ada", key: str = "kr_nps") -> str:
    return TOKENS.for_form(person, key, NOW)


ADA = TOKENS.for_person("ada", NOW)


def test_the_overview_lists_what_is_asked(site: Site) -> None:
    answer, text = site.get(f"/check-in/{ADA}")

    assert answer.status == 200
    assert "Increase NPS from 42 to 55" in text
    assert "Due since 2026-10-02, shown as stale" in text
    assert "kr_launch" not in text, "that one is Bob's"


def test_pages_keep_the_link_to_themselves(site: Site) -> None:
    for path in (f"/check-in/{ADA}", f"/check-in/{ADA}/kr_nps", "/check-in/nonsense"):
        headers = site.get(path)[0].headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "script-src" not in headers["Content-Security-Policy"]


def test_the_form_is_prefilled_but_for_confidence(site: Site) -> None:
    _, text = site.get(f"/check-in/{ADA}/kr_nps")

    assert text.count("Nps is 48 points, target 55") == 1
    assert "Drivers: Promoters +3" in text
    assert " checked" not in text


def test_a_posted_check_in_is_recorded_and_leads_back(site: Site) -> None:
    answer, _ = site.post(f"/check-in/{ADA}/kr_nps", {**SAID, "blockers": "a\r\nb", "form": form_token()})

    assert (answer.status, answer.headers["Location"]) == (303, f"../{ADA}?taken=kr_nps")
    (found,) = site.house.store.check_ins()
    assert (found.confidence, found.author, found.blockers) == (D("0.7"), "ada@example.org", "a\nb")
    assert "Thank you" in site.get(f"/check-in/{ADA}?taken=kr_nps")[1]


def test_a_second_visit_the_same_day_shows_what_was_said_and_corrects_it(site: Site) -> None:
    path = f"/check-in/{ADA}/kr_nps"
    site.post(path, {**SAID, "form": form_token()})
    _, text = site.get(path)
    assert "Onboarding mails" in text
    assert 'value="0.7" required checked' in text

    site.post(path, {**SAID, "confidence": "0.3", "form": form_token()})

    first, second = site.house.store.check_ins()
    assert second.supersedes == first.check_in_id


def test_what_cannot_be_taken_comes_back_with_the_words_kept(site: Site) -> None:
    said = {"how_it_happened": "<script>alert(1)</script>", "confidence": "0.75", "form": form_token()}
    answer, text = site.post(f"/check-in/{ADA}/kr_nps", said)

    assert answer.status == 422
    assert "confidence: is 0.75; give 0 to 1 in steps of 0.1" in text
    assert 'aria-invalid="true"' in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script" not in text
    assert site.house.store.check_ins() == ()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"form": ""}, 403),
        ({"form": form_token("bob")}, 403),
        ({"form": form_token("ada", "kr_manual")}, 403),
        ({"form": ADA}, 403),
        ({"how_it_happened": "x" * 70_000}, 413),
    ],
)
def test_a_forged_or_oversized_form_is_refused(site: Site, change: dict[str, str], status: int) -> None:
    answer, _ = site.post(f"/check-in/{ADA}/kr_nps", {**SAID, "form": form_token(), **change})

    assert answer.status == status
    assert site.house.store.check_ins() == ()


@pytest.mark.parametrize(
    ("origin", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 303)]
)
def test_a_form_sent_from_another_site_is_refused(site: Site, origin: str, status: int) -> None:
    answer, _ = site.post(f"/check-in/{ADA}/kr_nps", {**SAID, "form": form_token()}, Sec_Fetch_Site=origin)

    assert answer.status == status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/check-in/nonsense", 403),
        (f"/check-in/{CheckInTokens((b'some other key of bytes',)).for_person('ada', NOW)}", 403),
        (f"/check-in/{TOKENS.for_person('nobody', NOW)}", 403),
        (f"/check-in/{ADA}/kr_launch", 404),
        (f"/check-in/{ADA}/kr_old", 404),
        (f"/check-in/{ADA}/kr_nope", 404),
    ],
)
def test_what_a_link_does_not_open(site: Site, path: str, status: int) -> None:
    answer, text = site.get(path)

    assert answer.status == status
    assert "Traceback" not in text


def test_it_works_under_a_prefix(site: Site) -> None:
    answer, _ = site.post(f"/inside/check-in/{ADA}/kr_nps", {**SAID, "form": form_token()})

    assert (answer.status, answer.headers["Location"]) == (303, f"../{ADA}?taken=kr_nps")


@pytest.mark.parametrize("javascript", [False, True], ids=["without JavaScript", "with JavaScript"])
def test_a_person_checks_in_with_a_browser(site: Site, javascript: bool) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(
            java_script_enabled=javascript, viewport={"width": 390, "height": 844}
        ).new_page()
        page.goto(f"http://127.0.0.1:{site.port}/check-in/{ADA}")
        page.get_by_role("link", name="Increase NPS from 42 to 55").click()
        page.get_by_label("How did it happen?").fill("Ten calls a day")
        page.get_by_label("Any blockers?").fill("Legal")
        page.get_by_role("radio", name="0.8").check()
        wide = (
            page.locator("body").evaluate("body => body.scrollWidth > window.innerWidth")
            if javascript
            else False
        )
        page.get_by_role("button", name="Check in").click()
        thanks = page.get_by_role("status").inner_text()
        browser.close()

    assert thanks.startswith("Thank you")
    assert not wide, "fits a phone without scrolling sideways"
    (found,) = site.house.store.check_ins()
    assert (found.how_it_happened, found.blockers, found.confidence) == ("Ten calls a day", "Legal", D("0.8"))
    assert found.progress_note.startswith("Nps is 48 points")
