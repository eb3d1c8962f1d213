"""`vitals init`: a company's own dictionary starts clean for every business model, and is never written over."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from definitions import load_catalogue
from definitions.lint import lint
from definitions.packs import MODELS, load_pack
from pipelines.cli.app import app
from pipelines.cli.output import Exit
from pipelines.steps.sources import load_sources
from pipelines.workspace import Workspace

runner = CliRunner()
NOW = "2026-11-22T08:00:00Z"
TODAY = date(2026, 11, 22)
CASES = (
    *((model, "none", "all") for model in MODELS),
    *((model, "salesforce,jira,intercom", "none") for model in MODELS),
    ("b2b-sales-led", "hubspot,github,zendesk", "all"),
    ("marketplace", "jira_dc,linear", "billing"),
    ("services", "none", "none"),
)
"""Business model, systems, and what of the rest comes as files."""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("VITALS_HOME", "VITALS_CATALOGUE", "VITALS_SOURCES", "VITALS_STAGING", "VITALS_REPORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VITALS_NOW", NOW)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(*options: str, code: int = Exit.DONE) -> dict[str, Any]:
    done = runner.invoke(app, ["init", *options, "--json"])
    assert done.exit_code == code, done.output
    return dict(json.loads(done.stdout)[0])


@pytest.mark.parametrize(("model", "systems", "files"), CASES)
def test_it_starts_clean_whatever_a_company_uses(here: Path, model: str, systems: str, files: str) -> None:
    told = made("acme", "--model", model, "--systems", systems, "--files", files, "--currency", "EUR")
    catalogue = load_catalogue(here / "acme")
    found = [finding for finding in lint(catalogue, today=TODAY) if finding.silenced is None]
    assert [str(finding) for finding in found] == []
    pack = load_pack(model)
    (star,) = [metric.name for metric in catalogue.metrics.values() if metric.level == "north_star"]
    assert star == pack.north_star
    assert catalogue.teams["company"].kpis == pack.company
    assert told["metrics"] == len(catalogue.metrics)
    assert (told["no_source"] == []) == (files == "all")
    assert {metric.currency for metric in catalogue.metrics.values()} <= {"EUR", None}
    sources = load_sources(Workspace.from_environment({"VITALS_SOURCES": str(here / "acme" / "systems")}))
    assert {source.system for source in sources} - {"files"} == set(systems.split(",")) - {"none"}


def test_the_command_line_finds_nothing_in_it_and_says_what_is_next(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made("acme", "--model", "media", "--systems", "zendesk", "--timezone", "Europe/Berlin")
    check = runner.invoke(app, ["check", "acme", "--fail-on", "note", "--json"])
    assert (check.exit_code, json.loads(check.stdout)) == (0, [])
    monkeypatch.chdir(here / "acme" / "metrics")
    doctor = runner.invoke(app, ["doctor"])
    assert "env:ZENDESK_API_TOKEN" in doctor.output
    assert "Next, secrets: Set the variables" in doctor.output
    steps = json.loads(runner.invoke(app, ["doctor", "--json"]).stdout)
    states = {step["step"]: step["state"] for step in steps}
    assert (states["dictionary"], states["rules"], states["sources"]) == ("ok", "ok", "ok")


def test_answers_shape_calendar_teams_owners_and_systems(here: Path) -> None:
    made(
        "acme", "--model", "e-commerce", "--systems", "hubspot,jira_dc,jira", "--files", "billing,finance.ledger",
        "--team", "support:head_of_help", "--team", "company:ceo", "--currency", "chf",
        "--timezone", "Europe/Zurich", "--fiscal-year-start", "July", "--week-start", "sunday",
        "--email-domain", "acme.example",
    )  # fmt: skip
    catalogue = load_catalogue(here / "acme")
    calendar = catalogue.calendars["company"]
    assert (calendar.time_zone, calendar.fiscal_year_start, calendar.week_start) == ("Europe/Zurich", 7, 7)
    assert set(catalogue.teams) == {"company", "support"}
    assert catalogue.metrics["csat"].owner.accountable == "head_of_help"
    assert catalogue.metrics["order_sales"].owner.team == "company", "its team is not there"
    assert catalogue.people["ceo"].email == "ceo@acme.example"
    assert catalogue.sources["accounts"].system == "hubspot"
    assert catalogue.sources["issues"].system == "jira_dc", "of several, the one named first"
    assert catalogue.cycles[0].key == "2027-Q2", "the fiscal year that begins in July"
    streams = yaml.safe_load((here / "acme" / "systems" / "files.yml").read_text())["settings"]["streams"]
    names = {stream["name"] for stream in streams}
    assert {"billing_invoice_lines", "finance_ledger"} <= names
    assert all(name.startswith("billing_") or name == "finance_ledger" for name in names)
    assert (here / "acme" / "data" / "finance" / "ledger.csv").read_text() == "month,category,amount\n"


def test_targets_are_of_what_needs_no_size_and_the_rest_says_why_it_has_none(here: Path) -> None:
    made("acme", "--model", "marketplace")
    catalogue = load_catalogue(here / "acme")
    targeted = {target.metric for target in catalogue.targets}
    assert {"fill_rate", "dispute_rate", "csat"} <= targeted
    assert "gmv" not in targeted
    silent = {finding.subject for finding in lint(catalogue, today=TODAY) if finding.code == "NO_TARGET"}
    assert {"gmv", "active_buyers"} <= silent
    (cycle,) = catalogue.cycles
    assert (cycle.state, cycle.objectives[0].lifecycle) == ("draft", "draft")


def test_definitions_are_the_shipped_ones(here: Path) -> None:
    """A pack chooses and links; what a shipped metric computes stays what it is."""
    from definitions.versions import definition_hashes

    made("acme", "--model", "b2b-sales-led")
    shipped = definition_hashes(load_catalogue(Workspace.from_environment({}).catalogue))
    own = definition_hashes(load_catalogue(here / "acme"))
    same = [name for name in own if shipped.get(name) == own[name]]
    assert len(same) == len(own)


# ── what is there already ───────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_written_over_without_being_asked_for(here: Path) -> None:
    made("acme", "--model", "services")
    teams, data = here / "acme" / "teams.yml", here / "acme" / "data" / "people" / "surveys.csv"
    mine = teams.read_text() + "# ours\n"
    teams.write_text(mine)
    data.write_text("our,data\n")
    told = made("acme", "--model", "services", code=Exit.FOUND)
    assert (told["differs"], told["written"]) == (["teams.yml"], [])
    assert teams.read_text() == mine
    for_people = runner.invoke(app, ["init", "acme", "--model", "services"])
    assert for_people.exit_code == Exit.FOUND
    assert "teams.yml" in for_people.output
    assert "--force" in for_people.output
    forced = made("acme", "--model", "services", "--force")
    assert forced["written"] == ["teams.yml"]
    assert data.read_text() == "our,data\n", "data is never written over"


def test_a_second_time_nothing_is_left_to_write(here: Path) -> None:
    first = made("acme", "--model", "product-led", "--systems", "github")
    before = {path: path.read_bytes() for path in (here / "acme").rglob("*") if path.is_file()}
    assert {str(path.relative_to(here / "acme")) for path in before} == set(first["written"])
    assert made("acme", "--model", "product-led", "--systems", "github")["written"] == []
    assert {path: path.read_bytes() for path in before} == before


# ── files for editors, git, CI ──────────────────────────────────────────────────────────────────────────────


def test_editors_hooks_and_templates_fit_what_was_written(here: Path) -> None:
    made("acme", "--model", "marketplace", "--systems", "salesforce")
    root = here / "acme"
    bound = json.loads((root / ".vscode" / "settings.json").read_text())["yaml.schemas"]
    for schema, pattern in bound.items():
        for path in root.glob(str(pattern).lstrip("/")):
            first = path.read_text().splitlines()[0]
            said = re.fullmatch(r"# yaml-language-server: \$schema=(.*)", first)
            assert said
            assert (path.parent / said[1]).resolve() == (root / schema).resolve()
            text = re.sub(r"\bon: ", '"on": ', path.read_text())  # which YAML 1.1 takes for true
            content = json.loads(json.dumps(yaml.safe_load(text), default=str))
            validator = jsonschema.Draft202012Validator(json.loads((root / schema).read_text()))
            assert [error.message for error in validator.iter_errors(content)] == []
    assert (
        "vitals check"
        in yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"][0]["entry"]
    )
    steps = yaml.safe_load((root / ".github/workflows/vitals.yml").read_text())["jobs"]["check"]["steps"]
    assert any("vitals check . --format sarif" in step.get("run", "") for step in steps)
    ignored = (root / ".gitignore").read_text().splitlines()
    assert {".vitals/", "data/", "credentials.env"} <= set(ignored)
    streams = yaml.safe_load((root / "systems" / "files.yml").read_text())["settings"]["streams"]
    for stream in streams:
        header = (root / "data" / stream["path"]).read_text()
        assert header == ",".join(column["name"] for column in stream["columns"]) + "\n"
    named = set(re.findall(r"env:(\w+)", (root / "systems" / "salesforce.yml").read_text()))
    assert named == set(re.findall(r"export (\w+)=", (root / "credentials.env.example").read_text()))


# ── asking ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--model", "marketplaces"], "did you mean marketplace?"),
        (["--model", "media", "--systems", "salesfroce"], "did you mean salesforce?"),
        (["--model", "media", "--files", "finance.leger"], "did you mean finance.ledger?"),
        (["--model", "media", "--timezone", "Europe/Berln"], "did you mean Europe/Berlin?"),
        (["--model", "media", "--currency", "euro"], "three letters"),
        (["--model", "media", "--fiscal-year-start", "aprl"], "did you mean april?"),
        (["--model", "media", "--team", "Support Team"], "support:head_of_support"),
        ([], "say which business"),
    ],
)
def test_a_wrong_answer_is_told_with_the_nearest_right_one(
    options: list[str], expected: str, here: Path
) -> None:
    done = runner.invoke(app, ["init", "acme", *options], env={"COLUMNS": "300"})
    assert done.exit_code == Exit.USAGE
    assert expected in re.sub(r"[│\s]+", " ", done.output)
    assert not (here / "acme").exists()


def test_in_a_terminal_it_asks_until_an_answer_makes_sense(here: Path) -> None:
    answers = ["shop", "e-commerce", "jira", "none", "EUR", "Europe/Berlin", "4", "support:ann,company:bob"]
    controller, terminal = pty.openpty()
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", "init", "acme"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "TERM": "dumb"}
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    os.write(controller, "".join(f"{answer}\n" for answer in answers).encode())
    shown = b""
    while True:
        try:
            piece = os.read(controller, 65536)
        except OSError:  # the other side is closed: the command has ended
            break
        if not piece:
            break
        shown += piece
    os.close(controller)
    assert process.wait(60) == 0, shown.decode()
    assert "there is no business model 'shop'" in shown.decode()
    catalogue = load_catalogue(here / "acme")
    assert catalogue.teams["support"].lead == "ann"
    assert catalogue.calendars["company"].fiscal_year_start == 4
    assert not (here / "acme" / "data").exists()
