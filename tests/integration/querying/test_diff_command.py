"""A changed dictionary before it is merged: meaning, approval, effect on the history."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipelines.cli.app import app
from pipelines.cli.output import Exit
from tests.desk import METRICS, TEXTS, Desk

APPROVED = """filter: priority = 'low'
    version: 2
    changes:
      - {version: 2, on: 2026-06-16, why: Low too, proposed_by: ana, approved_by: bob, restate_from: 2026-05-01}
"""


@pytest.fixture
def changed(asked: Desk, tmp_path: Path) -> Path:
    """A copy of the dictionary to change."""
    folder = tmp_path / "catalogue"
    for name, text in TEXTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def edit(folder: Path, old: str, new: str) -> None:
    assert old in METRICS
    (folder / "metrics" / "support.yml").write_text(METRICS.replace(old, new, 1))


def vitals(asked: Desk, folder: Path, *arguments: str) -> Result:
    base = str(asked.home / "catalogue")
    return CliRunner().invoke(app, ["diff", base, "--catalogue", str(folder), *arguments])


def test_words_change_no_meaning(asked: Desk, changed: Path) -> None:
    edit(changed, "label: Total cost", "label: What it cost")
    result = vitals(asked, changed)
    assert result.exit_code == Exit.DONE
    assert result.stdout.startswith("No metric changes its meaning")


def test_what_is_missing_is_told_and_ends_in_one(asked: Desk, changed: Path) -> None:
    edit(changed, "priority = 'high'", "priority = 'low'")
    for arguments in ((), ("--check",), ("--markdown",), ("--json",)):
        result = vitals(asked, changed, *arguments)
        assert result.exit_code == Exit.FOUND
        assert "NO_NEW_VERSION" in result.output
        assert ("Effect on the history" in result.output) == (arguments == ())


def test_an_approved_change_shows_its_effect(asked: Desk, changed: Path) -> None:
    edit(changed, "filter: priority = 'high'\n", APPROVED)
    result = vitals(asked, changed, "--json", "--periods", "3")
    assert result.exit_code == Exit.DONE, result.output
    document = json.loads(result.stdout)
    changes = {change["metric"]: change for change in document["changes"]}
    assert set(changes) == {"total_cost", "cost_each", "cost_to_date"}
    own, heir = changes["total_cost"], changes["cost_each"]
    assert (own["kind"], own["parts"], own["approvers"], own["approved_by"]) == (
        "changed",
        ["filter"],
        ["ana"],
        "bob",
    )
    assert (heir["kind"], heir["through"], heir["takes_effect"]) == (
        "inherited",
        ["total_cost"],
        "2026-05-01",
    )
    effects = [e for e in document["effects"] if e["metric"] == "total_cost"]
    assert [e["period_start"] for e in effects] == ["2026-04-01", "2026-05-01", "2026-06-01"]
    assert [e["is_restated"] for e in effects] == [False, True, True]
    for effect in effects:
        month = effect["period_start"][:7]
        for side, priority in (("before", "high"), ("after", "low")):
            rows = [
                t for t in asked.tickets if t["priority"] == priority and t["opened_at"].startswith(month)
            ]
            assert effect[side] == pytest.approx(sum(float(t["cost"]) for t in rows))


def test_markdown_for_a_pull_request(asked: Desk, changed: Path) -> None:
    edit(changed, "filter: priority = 'high'\n", APPROVED)
    lines = vitals(asked, changed, "--markdown").stdout.splitlines()
    assert lines[0] == "| metric | change | version | what | in force | approval |"
    assert "| total_cost | changed | 1 → 2 | filter | restated from 2026-05-01 | bob approved |" in lines
    assert any(line.startswith("| total_cost | month of 2026-05-01 | ") for line in lines)
    widths = {line.count("|") for line in lines if line.startswith("|")}
    assert widths == {7, 8}


def test_without_a_warehouse_the_rest_is_told(
    asked: Desk, changed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VITALS_HOME", str(tmp_path / "nowhere"))
    edit(changed, "filter: priority = 'high'\n", APPROVED)
    result = vitals(asked, changed)
    assert result.exit_code == Exit.DONE
    assert "The effect on the history is not told: there is no warehouse" in result.stdout


def test_a_git_reference(asked: Desk, changed: Path) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(changed.parent), *command], check=True)
    edit(changed, "priority = 'high'", "priority = 'low'")
    result = CliRunner().invoke(app, ["diff", "--catalogue", str(changed), "--check"])
    assert result.exit_code == Exit.FOUND
    shutil.rmtree(changed.parent / ".git")
