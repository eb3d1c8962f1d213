"""The whole command line: its page, --json on everything, completion, wrong names, the report command."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import output
from pipelines.cli.app import app, main
from pipelines.cli.contracts import shipped_page
from pipelines.cli.output import Exit
from pipelines.cli.reference import WITHOUT_JSON, commands, page

ROOT = Path(__file__).parents[3]
runner = CliRunner()
COMMANDS = commands(app)


# ── documentation ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_of_commands_is_current() -> None:
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert written == page(app), "python -m pipelines.cli.reference > docs/commands.md"


def test_the_page_of_contracts_is_current() -> None:
    written = (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
    assert written == shipped_page(), "vitals contracts --page docs/contracts.md"


def test_every_exit_code_has_a_meaning_on_the_page() -> None:
    text = page(app)
    assert all(f"| {code.value} | {code.meaning} |" in text for code in Exit)


@pytest.mark.parametrize("command", COMMANDS, ids=[command.name for command in COMMANDS])
def test_a_command_has_a_help_text_json_and_says_what_each_option_is(command: object) -> None:
    assert isinstance(command, type(COMMANDS[0]))
    assert len(command.help) > 20
    assert command.has_json or WITHOUT_JSON.get(command.name), "add --json, or a reason to WITHOUT_JSON"
    lacking = [p.name for p in command.parser.params if not p.help and not getattr(p, "hidden", False)]
    assert lacking == []


def test_no_exception_is_listed_for_a_command_that_has_json_or_is_gone() -> None:
    without = {command.name for command in COMMANDS if not command.has_json}
    assert without == set(WITHOUT_JSON)


# ── wrong names ─────────────────────────────────────────────────────────────────────────────────────────────

WRONG = (
    ("quer", "query"),
    ("query mrrr --grain month", "mrr"),
    ("query mrr --by teir", "tier"),
    ("query mrr --grain mnth", "month"),
    ("query mrr --format cvs", "csv"),
    ("sql mrr --dialect snowflak", "snowflake"),
    ("explain win_rat", "win_rate"),
    ("contracts billing.subscription", "billing.subscriptions"),
    ("check --explain NO_TARGT", "NO_TARGET"),
    ("schema --kind metric", "metrics"),
    ("alerts route-test csta", "csat"),
    ("alerts list --severity critcal", "critical"),
    ("alerts list --team suport", "support"),
    ("sources preview sandbx issues", "jira"),
    ("interchange export dbtt -o x", "dbt"),
    ("cycle status 2026-Q9", "2026-Q2"),
    ("run --job dayly", "daily"),
    ("run --asset kpi/win_rat", "kpi/win_rate"),
    ("backtest csta", "csat"),
)


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped dictionary, with one source and nothing published."""
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "jira.yml").write_text((ROOT / "examples" / "jira" / "jira.yml").read_text())
    for name, value in {
        "VITALS_HOME": str(tmp_path),
        "VITALS_SOURCES": str(sources),
        "VITALS_CATALOGUE": str(ROOT / "definitions" / "catalogue"),
        "VITALS_NOW": "2026-06-15T06:00:00Z",
        "COLUMNS": "300",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_HOME", "")  # put back as it was, whatever a run makes of it


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize(("words", "expected"), WRONG, ids=[words for words, _ in WRONG])
def test_a_wrong_name_is_answered_with_the_nearest(
    words: str, expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["vitals", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    assert ended.value.code in (Exit.USAGE, Exit.CONFIGURATION)
    assert expected in told.err + told.out


# ── completion ──────────────────────────────────────────────────────────────────────────────────────────────


def completed(words: str, shell: str = "bash", **variables: str) -> list[str]:
    """What a shell would be offered after these words (the last one begun, or empty)."""
    parts = ["vitals", *words.split(" ")]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("VITALS_")},
        "VITALS_CATALOGUE": str(ROOT / "definitions" / "catalogue"),
        "VITALS_SOURCES": str(ROOT / "examples" / "sandbox" / "sources"),
        "_VITALS_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": " ".join(parts),
        "COMP_CWORD": str(len(parts) - 1),
        "_TYPER_COMPLETE_ARGS": " ".join(parts),
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        **variables,
    }
    code = "import sys; sys.argv[0] = 'vitals'; from pipelines.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done.stdout.split("\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("que", "query"),
        ("query net_rev", "net_revenue_retention"),
        ("query mrr --by ti", "tier"),
        ("sources preview sales", "salesforce"),
        ("sources preview jira spr", "sprints"),
        ("sources preview files billing_sub", "billing_subscriptions"),
        ("contracts marketing.w", "marketing.web_daily"),
        ("check --explain NO_T", "NO_TARGET"),
        ("alerts list --team sup", "support"),
        ("run --asset kpi/csa", "kpi/csat"),
        ("init --model mark", "marketplace"),
        ("cycle status 2026", ""),
    ],
)
def test_names_complete(words: str, expected: str) -> None:
    assert expected in completed(words)


def test_zsh_and_fish_complete_with_what_a_name_means() -> None:
    assert "net_revenue_retention" in "".join(completed("query net_rev", "zsh"))
    assert any("Net revenue retention" in line for line in completed("query net_rev", "fish"))


def test_completion_says_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    assert [line for line in completed("query m", VITALS_CATALOGUE=str(tmp_path)) if line] == []


def test_completing_imports_no_database_and_no_compiler() -> None:
    code = (
        "import sys; from pipelines.cli import completion, app;"
        " assert completion.metrics('win'), 'nothing found';"
        " heavy = {'duckdb', 'sqlglot', 'sqlalchemy', 'pyarrow', 'dagster', 'pydantic', 'pandas'};"
        " print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_shown(shell: str) -> None:
    code = (
        "import sys; sys.argv = ['vitals', '--show-completion'];"
        " from typer import completion; import typer._completion_shared as shared;"
        f" completion._get_shell_name = lambda: {shell!r};"
        " from pipelines.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "_VITALS_COMPLETE" in done.stdout, done.stderr


# ── contracts, report ───────────────────────────────────────────────────────────────────────────────────────


def test_a_contract_is_a_header_a_row_that_fits_and_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITALS_CATALOGUE", str(ROOT / "definitions" / "catalogue"))
    rows = json.loads(runner.invoke(app, ["contracts", "--json"]).stdout)
    by_table = {row["table"]: row for row in rows}
    assert {"billing.subscriptions", "finance.ledger", "people.surveys", "tracker.deployments"} <= set(
        by_table
    )
    ledger = by_table["finance.ledger"]
    assert "cogs" in next(c["values"] for c in ledger["columns"] if c["name"] == "category")
    header = runner.invoke(app, ["contracts", "finance.ledger", "--csv"]).stdout.strip()
    assert header == "month,category,amount"
    assert len(ledger["example"].split(",")) == 3
    shown = runner.invoke(app, ["contracts", "finance.ledger"]).stdout
    assert re.search(r"name: finance_ledger\s+path: finance/ledger.csv", shown)


def test_report_says_that_nothing_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITALS_HOME", str(tmp_path))
    done = runner.invoke(app, ["report", "--json"])
    assert done.exit_code == Exit.FOUND
    assert "vitals run" in done.output


def test_where_nobody_looks_a_row_keeps_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table in a file or a pipe is for grep and cut; a terminal has its own width."""
    monkeypatch.delenv("COLUMNS", raising=False)
    row = {f"column {number}": "a word " * 4 for number in range(8)}
    piped = io.StringIO()
    monkeypatch.setattr(output, "console", type(output.console)(file=piped))
    output.show([row])
    assert len(piped.getvalue().splitlines()) == 2
    assert type(output.console)(file=io.StringIO(), force_terminal=True).width < output.WIDE
    monkeypatch.setenv("COLUMNS", "90")
    assert type(output.console)(file=io.StringIO()).width == 90
