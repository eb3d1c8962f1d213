"""`vitals serve` as a process of its own: report, check-in form, answers to alerts, and what it keeps out."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pipelines.alerts.drain import Channels
from pipelines.installation import Installation
from pipelines.serving import check_in_tokens, is_loopback
from pipelines.workspace import Workspace
from tests.integration.okr import goals_only
from tests.servers import free_port

KEY = "k" * 40


@dataclass
class Served:
    """The running command, and the installation behind it."""

    port: int
    home: Path
    environment: dict[str, str]
    log: Path

    @property
    def installation(self) -> Installation:
        return Installation.load(Workspace.from_environment(self.environment))

    def get(self, path: str, host: str | None = None) -> tuple[HTTPResponse, str]:
        """GET a path; the answer and its text."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers={"Host": host or f"127.0.0.1:{self.port}"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer, text

    def link(self, person: str) -> str:
        """The check-in link of a person."""
        installation = self.installation
        tokens = check_in_tokens(installation, self.environment)
        return tokens.link(f"http://127.0.0.1:{self.port}", person, installation.workspace.now())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home, port = tmp_path_factory.mktemp("served"), free_port()
    variables = goals_only.write(home) | {"VITALS_LINK_KEY": KEY}
    (home / "catalogue" / "settings.yml").write_text(
        f"alerts: {{link_base: 'http://127.0.0.1:{port}', link_key: 'env:VITALS_LINK_KEY'}}\n"
    )
    goals_only.run(variables, "first")
    log = home / "serve.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", "from pipelines.cli import main; main()", "serve", "--port", str(port)],
            env={**os.environ, **variables},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    assert process.poll() is None, log.read_text()
    yield Served(port, home, variables, log)
    process.terminate()
    process.wait(20)


def test_the_report_is_served_as_it_is_built(served: Served) -> None:
    answer, text = served.get("/")
    assert answer.status == 200
    assert "Vitals" in text
    page = served.home / "report" / "hello.html"
    page.write_text("<!doctype html><title>new</title>")
    assert served.get("/hello.html")[1] == page.read_text()
    assert served.get("/nowhere.html")[0].status == 404
    assert served.get("/../link.key")[0].status == 404


def test_every_answer_tells_the_browser_to_be_careful(served: Served) -> None:
    for path in ("/", "/nowhere.html", urlsplit(served.link("ada")).path, "/acknowledge?token=x"):
        headers = served.get(path)[0].headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "no-referrer", path
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
        assert headers.get("Server") is None, path


def test_another_name_for_this_machine_is_not_let_in(served: Served) -> None:
    assert served.get("/", host="evil.example.org")[0].status == 400
    assert served.get("/", host=f"localhost:{served.port}")[0].status == 200


def test_a_link_opens_the_form_of_its_person_alone(served: Served) -> None:
    mine = urlsplit(served.link("ada")).path

    answer, text = served.get(mine)
    assert (answer.status, "Increase partners from 4 to 12" in text) == (200, True)
    assert served.get(mine[:-4] + "AAAA")[0].status == 403
    assert served.get("/check-in/")[0].status == 404


def test_an_alerts_link_shows_the_answer_page(served: Served) -> None:
    signer = Channels.of(served.installation.catalogue, served.environment).signer()
    assert signer is not None
    link = signer.link("no:such@alert", "person:ada", served.installation.workspace.now())

    answer, text = served.get(link.removeprefix(f"http://127.0.0.1:{served.port}"))

    assert answer.status == 400
    assert "no longer in the log" in text
    assert served.get("/acknowledge?token=nonsense")[0].status == 403


def test_a_goal_that_is_added_is_asked_about_without_a_restart(served: Served) -> None:
    path = served.home / "catalogue" / "objectives" / "2026-Q4.yml"
    before = path.read_text()
    mine = urlsplit(served.link("ada")).path
    try:
        path.write_text(
            before.replace("owner: bob\n        type: binary", "owner: ada\n        type: binary")
        )
        assert "Open the shop" in served.get(mine)[1]
        path.write_text("cycle: [")
        assert "Open the shop" in served.get(mine)[1], "while it is broken, as it was before"
    finally:
        path.write_text(before)
    assert "Open the shop" not in served.get(mine)[1]


def test_nothing_that_opens_a_form_is_written_down(served: Served) -> None:
    link = served.link("ada")
    served.get(urlsplit(link).path)

    assert urlsplit(link).path.split("/")[-1] not in served.log.read_text()
    assert KEY not in served.log.read_text()


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("example.org", False)],
)
def test_which_addresses_only_this_machine_reaches(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone


def test_a_person_checks_in_and_reads_both_numbers_in_a_browser(served: Served) -> None:
    """From the link to the published page, in headless Chromium, without JavaScript."""
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(java_script_enabled=False).new_page()
        page.goto(served.link("ada"))
        page.get_by_role("link", name="Increase partners from 4 to 12 by 2026-12-31").click()
        page.get_by_label("How did it happen?").fill("Two fairs")
        page.get_by_role("radio", name="0.8").check()
        page.get_by_text("Value or status by hand").click()
        page.get_by_label("Value by hand").fill("9")
        page.get_by_role("button", name="Check in").click()
        assert page.get_by_role("status").inner_text().startswith("Thank you")
        goals_only.run(served.environment | {"VITALS_NOW": "2026-11-14T09:00:00Z"}, "second")
        page.goto(f"http://127.0.0.1:{served.port}/goals.html")
        page.get_by_role("link", name="Customers can buy without talking to us").first.click()
        told = " ".join(page.locator("main").inner_text().split())
        browser.close()

    assert "Ratio value ÷ target 0.75" in told
    assert "Progress way from the baseline 62" in told


def test_the_link_of_the_command_is_the_same(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from pipelines.cli.app import app

    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, ["checkin", "link", "ada", "--json"])

    (found,) = json.loads(done.stdout)
    assert found["link"] == served.link("ada")
