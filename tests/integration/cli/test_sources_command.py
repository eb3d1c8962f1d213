"""`vitals sources`: list, check, preview, sync, reset and replay against the sandbox's systems over HTTP."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner, Result

from connectors.config import SourceConfig, source_from
from connectors.result import Progress
from connectors.sandbox.company.generate import Company, generate
from connectors.sandbox.serve import Sandbox
from connectors.sandbox.traps import Fault, Kind, Traps
from connectors.sync import SourceResult
from pipelines.cli.app import app
from pipelines.cli.output import Exit
from pipelines.cli.sync_bars import SyncBars
from pipelines.steps.load_log import read_log
from pipelines.warehouse import open_warehouse
from pipelines.workspace import Workspace

EXAMPLES = Path(__file__).parents[3] / "examples"
runner = CliRunner()


class Shop:
    """An installation over some of the sandbox's systems, and the command line on it."""

    def __init__(self, sandbox: Sandbox, home: Path) -> None:
        self.sandbox = sandbox
        self.home = home
        self.now = home / "now"
        (home / "sources").mkdir(parents=True)
        self.tick()

    def tick(self, hours: float = 0) -> None:
        if hours:
            self.sandbox.advance(hours=hours)
        self.now.write_text(self.sandbox.clock().isoformat())

    def describe(self, system: str, **changes: Any) -> None:
        config = yaml.safe_load((EXAMPLES / system / f"{system}.yml").read_text(encoding="utf-8"))
        config |= {"rate": {"requests": 100_000, "seconds": 1}, **changes}
        name = changes.get("account", system)
        (self.home / "sources" / f"{name}.yml").write_text(yaml.safe_dump(config))

    def __call__(self, *arguments: str, code: int = Exit.DONE, answer: str | None = None) -> Result:
        done = runner.invoke(app, ["sources", *arguments], input=answer)
        assert done.exit_code == code, (done.output, done.stderr, done.exception)
        assert self.sandbox.secret not in done.output + done.stderr
        return done

    def rows(self, *arguments: str, code: int = Exit.DONE) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self(*arguments, "--json", code=code).stdout)
        return found


@pytest.fixture(scope="module")
def company() -> Company:
    return generate(seed=3, scale=0.05)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, company: Company) -> Iterator[Shop]:
    with Sandbox(company=company, systems=("jira", "zendesk")) as sandbox:
        shop = Shop(sandbox, tmp_path / "home")
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("VITALS_HOME", str(shop.home))
        monkeypatch.setenv("VITALS_NOW", f"file:{shop.now}")
        for name in ("VITALS_SOURCES", "VITALS_CATALOGUE", "VITALS_STAGING", "VITALS_WAREHOUSE_URL"):
            monkeypatch.delenv(name, raising=False)
        shop.describe("jira")
        shop.describe("zendesk")
        yield shop


def test_list_shows_every_stream_before_and_after_a_load(shop: Shop) -> None:
    before = shop.rows("list")
    assert {(line["source"], line["stream"]) for line in before} >= {
        ("jira", "issues"),
        ("zendesk", "tickets"),
    }
    assert {line["last_read_at"] for line in before} == {None}
    pulled = {
        (row["source"], row["stream"]): row["rows"] for row in shop.rows("sync", "jira", "issues", "statuses")
    }
    assert set(pulled) == {("jira", "issues"), ("jira", "statuses")}
    after = {(line["source"], line["stream"]): line for line in shop.rows("list")}
    assert after["jira", "issues"]["rows"] == pulled["jira", "issues"] > 50
    assert after["jira", "issues"]["last_read_at"]
    assert after["zendesk", "tickets"]["last_read_at"] is None
    told = shop("list").stdout
    assert "never" in told
    assert "an issue" in told


def test_check_tests_credentials_and_every_stream(shop: Shop) -> None:
    told = shop("check").stdout
    assert "✓ jira: " in told
    for stream in ("issues", "changelog", "worklogs", "tickets", "satisfaction_ratings"):
        assert f"✓ {stream}: can be read" in told
    assert not (shop.home / "raw").exists()  # nothing is kept


def test_check_names_what_the_credentials_may_not_read(shop: Shop) -> None:
    shop.sandbox.jira.traps = Traps(faults=(Fault(Kind.FORBIDDEN, times=None, path="changelog"),))
    told = shop("check", "jira", code=Exit.SOURCE).stdout
    assert "✗ changelog: " in told
    assert "403" in told
    assert "✓ issues: can be read" in told
    (report,) = shop.rows("check", "jira", code=Exit.SOURCE)
    assert [line["stream"] for line in report["streams"] if not line["ok"]] == ["changelog"]


def test_check_of_refused_credentials(shop: Shop) -> None:
    shop.sandbox.zendesk.traps = Traps(faults=(Fault(Kind.UNAUTHORIZED, times=None),))
    done = shop("check", "zendesk", code=Exit.SOURCE)
    assert "401" in done.stdout
    assert "✓" not in done.stdout


def test_a_credential_that_is_not_there_is_named_by_its_reference(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JIRA_API_TOKEN")
    assert "JIRA_API_TOKEN is not set" in shop("check", "jira", code=Exit.SOURCE).stdout
    assert "JIRA_API_TOKEN is not set" in shop("preview", "jira", "issues", code=Exit.CONFIGURATION).stderr


def test_a_credential_that_is_written_out_is_refused_and_not_repeated(shop: Shop) -> None:
    token = shop.sandbox.jira.api_token
    auth = {"kind": "basic", "user": "env:JIRA_EMAIL", "password": token}
    shop.describe("jira", auth=auth)
    done = shop("list", code=Exit.CONFIGURATION)
    assert "written out" in done.stderr
    assert token not in done.output + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "jra"), "did you mean jira?"),
        (("check", "salesforce"), "there is jira, zendesk"),
        (("preview", "jira", "isues"), "did you mean issues?"),
        (("sync", "zendesk", "ticket"), "did you mean tickets?"),
        (("reset", "jira", "change_log"), "did you mean changelog?"),
        (("replay", "zendesk", "satisfaction_rating"), "did you mean satisfaction_ratings?"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest_one(
    shop: Shop, arguments: tuple[str, ...], said: str
) -> None:
    assert said in shop(*arguments, code=Exit.USAGE).stderr


def test_a_system_with_two_accounts_asks_which_one(shop: Shop) -> None:
    shop.describe("jira", account="second")
    assert "jira_acme or jira_second" in shop("check", "jira", code=Exit.USAGE).stderr
    assert shop.rows("sync", "jira/second", "statuses")[0]["account"] == "second"
    assert shop.rows("sync", "jira_second", "statuses")[0]["source"] == "jira_second"


def test_without_sources_the_commands_say_where_they_belong(shop: Shop) -> None:
    for path in (shop.home / "sources").iterdir():
        path.unlink()
    for command in ("list", "check", "sync"):
        assert f"copy one from {EXAMPLES}/" in shop(command).stdout.replace("\n", "")
    said = shop("preview", "jira", "issues", code=Exit.USAGE).stderr.replace("\n", "")
    assert f"copy one from {EXAMPLES}/" in said


def test_preview_shows_typed_rows_and_keeps_nothing(shop: Shop) -> None:
    rows = shop.rows("preview", "jira", "issues", "--rows", "3")
    assert len(rows) == 3
    assert {"issue_id", "status", "updated_at"} <= set(rows[0])
    told = shop("preview", "zendesk", "tickets").stdout
    assert "ticket_id" in told
    assert "created_at" in told
    assert len(shop.rows("preview", "jira", "changelog")) == 5  # of the first parents
    assert not (shop.home / "raw").exists()


def test_sync_pulls_what_is_new_and_notes_it(shop: Shop) -> None:
    first = {(row["source"], row["stream"]): row for row in shop.rows("sync")}
    assert {row["state"] for row in first.values()} == {"ok"}
    assert first["jira", "issues"]["mode"] == "full"
    shop.tick(hours=30)
    done = shop("sync")
    assert "incremental" in done.stdout
    second = {(row["source"], row["stream"]): row for row in shop.rows("sync")}
    assert second["jira", "issues"]["rows"] < first["jira", "issues"]["rows"] / 4
    log = read_log(Workspace.from_environment(), "jira", "issues")
    assert log is not None
    assert log.last_success_at is not None
    assert not log.error


def test_a_stream_that_fails_is_told_and_the_others_are_pulled(shop: Shop) -> None:
    shop.sandbox.jira.traps = Traps(faults=(Fault(Kind.FORBIDDEN, times=None, path="/board"),))
    done = shop("sync", "jira", code=Exit.SOURCE)
    assert "jira/sprints: " in done.stderr
    assert "403" in done.stderr
    states = {line["stream"]: line["loads"] for line in shop.rows("list") if line["source"] == "jira"}
    assert states["issues"] == 1
    assert states["sprints"] == 0
    log = read_log(Workspace.from_environment(), "jira", "sprints")
    assert log is not None
    assert "403" in log.error


def test_reset_asks_first_and_lets_the_next_load_begin_anew(shop: Shop) -> None:
    def mode() -> Any:
        shop.tick(hours=2)
        return shop.rows("sync", "jira", "issues")[0]["mode"]

    assert [mode(), mode()] == ["full", "incremental"]
    told = shop("reset", "jira", "issues", answer="n\n", code=Exit.FOUND)
    assert "Nothing was reset" in told.stderr
    assert mode() == "incremental"
    shop("reset", "jira", "issues", answer="y\n")
    assert [mode(), mode()] == ["full", "incremental"]
    (done,) = shop.rows("reset", "jira", "issues", "--yes")
    assert done["stream"] == "issues"
    assert done["forgotten"] >= 1
    assert mode() == "full"


def test_replay_makes_the_typed_tables_again_without_the_vendor(shop: Shop) -> None:
    shop("sync", "jira")
    shop("replay", "jira")
    content = "SELECT * FROM jira.issues ORDER BY ALL"
    url = f"duckdb:///{shop.home / 'warehouse.duckdb'}"
    with open_warehouse(url) as warehouse:
        before = warehouse.query(content).to_pylist()
        warehouse.execute("UPDATE jira.issues SET status = 'somebody was here'")
        warehouse.execute(
            "INSERT INTO jira.issues BY NAME SELECT * REPLACE ('other' AS _account) FROM jira.issues LIMIT 3"
        )
    asked = shop.sandbox.jira.requests
    (line,) = shop.rows("replay", "jira", "issues")
    assert (line["table"], line["rows"]) == ("jira.issues", len(before))
    assert shop.sandbox.jira.requests == asked
    with open_warehouse(url) as warehouse:
        after = warehouse.query(content).to_pylist()
        notes = warehouse.query("SELECT count(*) FROM vitals.loads WHERE stream = 'issues'").column(0)
    assert [row for row in after if row["_account"] == "acme"] == before
    assert len(after) == len(before) + 3  # another account's rows are not ours to forget
    assert notes[0].as_py() == 1


def test_a_stored_part_that_was_changed_stops_the_replay_and_leaves_the_table(shop: Shop) -> None:
    shop("sync", "jira", "issues")
    shop("replay", "jira", "issues")
    part = next((shop.home / "raw").rglob("part-*"))
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    done = shop("replay", "jira", "issues", code=Exit.SOURCE)
    assert "is not what its manifest says" in done.stderr
    with open_warehouse(f"duckdb:///{shop.home / 'warehouse.duckdb'}") as warehouse:
        assert warehouse.query("SELECT count(*) FROM jira.issues").column(0)[0].as_py() > 50


def test_the_bars_show_rows_and_waits_of_several_sources() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=140, color_system=None)

    def source(account: str) -> SourceConfig:
        return source_from({"system": "jira", "account": account, "name": account}, "test")

    north, south = source("north"), source("south")
    with SyncBars(console) as bars:
        bars.moved(north, Progress("issues", 100, 1, total=1_000))
        bars.moved(south, Progress("issues", 7, 1))
        bars.moved(north, Progress("north", 0, 0, waiting_seconds=12.0, reason="429"))
        bars.moved(north, Progress("issues", 1_000, 2, total=1_000))
        bars.moved(north, Progress("changelog", 5, 1))
        bars.ended(north, SourceResult(()))
        bars.ended(south, SourceResult(()))
    shown = screen.getvalue()
    for text in (
        "north/issues",
        "1,000 rows",
        "south/issues",
        "7 rows",
        "north/changelog",
        "waited 12 s: 429",
    ):
        assert text in shown
