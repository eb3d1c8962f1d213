"""`vitals check` on folders: exit codes, formats, explanations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import definitions
from pipelines.cli.app import app
from pipelines.cli.output import Exit

CATALOGUE = Path(definitions.__file__).parent / "catalogue"
runner = CliRunner()

BROKEN = """
metrics:
  - name: win_rate
    label: Win rate
    owner: {team: sales, accountable: head_of_sales}
    type: ratio
    source: opportunitys
    numerator: {agg: count}
    denominator: {agg: count}
    unit: ratio
    direction: increase
"""
SOURCE = """
sources:
  - name: opportunities
    system: crm
    table: crm.opportunities
    owner: sales
    key: opportunity_id
    time: closed_on
    columns:
      - {name: opportunity_id, type: string}
      - {name: closed_on, type: date}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "sources").mkdir()
    (tmp_path / "metrics" / "sales.yml").write_text(BROKEN)
    (tmp_path / "sources" / "crm.yml").write_text(SOURCE)
    return tmp_path


def test_a_broken_definition_is_told_with_place_and_nearest_name(folder: Path) -> None:
    done = runner.invoke(app, ["check", str(folder)])
    assert done.exit_code == Exit.FOUND
    assert "metrics/sales.yml:" in done.stdout
    assert "UNKNOWN_SOURCE" in done.stdout
    assert "opportunities" in done.stdout


def test_json_and_sarif_are_written_to_files(folder: Path, tmp_path: Path) -> None:
    for form in ("json", "sarif"):
        target = tmp_path / "out" / f"findings.{form}"
        done = runner.invoke(app, ["check", str(folder), "--format", form, "--output", str(target)])
        assert done.exit_code == Exit.FOUND
        assert "UNKNOWN_SOURCE" in json.dumps(json.loads(target.read_text()))


def test_warnings_fail_only_when_asked(folder: Path) -> None:
    (folder / "metrics" / "sales.yml").write_text(BROKEN.replace("opportunitys", "opportunities"))
    (folder / "teams.yml").write_text(
        "teams:\n  - {name: sales, label: Sales, lead: head_of_sales, level: company}\n"
        "people:\n  - {name: head_of_sales, label: Sam, email: sam@example.com}\n"
    )
    quiet = runner.invoke(app, ["check", str(folder)])
    assert quiet.exit_code == Exit.DONE, quiet.stdout
    assert "warning" in quiet.stdout
    strict = runner.invoke(app, ["check", str(folder), "--fail-on", "warning"])
    assert strict.exit_code == Exit.FOUND


def test_no_folder(tmp_path: Path) -> None:
    assert runner.invoke(app, ["check", str(tmp_path / "nowhere")]).exit_code == Exit.CONFIGURATION


def test_a_rule_explains_itself_and_a_slip_is_met_with_the_nearest_name() -> None:
    done = runner.invoke(app, ["check", "--explain", "no_target"])
    assert done.exit_code == Exit.DONE
    assert "Without a target there is no status" in done.stdout
    wrong = runner.invoke(app, ["check", "--explain", "NO_TARGETT"])
    assert wrong.exit_code == Exit.USAGE


def test_all_rules_are_listed_as_json() -> None:
    done = runner.invoke(app, ["check", "--rules", "--json"])
    assert {"NO_TARGET", "DUPLICATE", "KR_FROM_TO"} <= {row["rule"] for row in json.loads(done.stdout)}


def test_schemas_are_written_for_the_editor(tmp_path: Path) -> None:
    done = runner.invoke(app, ["schema", "--folder", str(tmp_path), "--vscode"])
    assert done.exit_code == Exit.DONE, done.stdout
    patterns = json.loads(done.stdout)["yaml.schemas"]
    assert len(patterns) == len(list(tmp_path.glob("*.json"))) == 9
    assert runner.invoke(app, ["schema", "--kind", "metric"]).exit_code == Exit.USAGE
    printed = runner.invoke(app, ["schema", "--kind", "metrics"])
    assert json.loads(printed.stdout)["title"] == "Vitals metrics"
    written = {name for name in patterns if (tmp_path / Path(name).name).is_file()}
    assert written == set(patterns)
    assert {"**/systems/*.yml", "**/pack.yml"} <= set(patterns.values())
