"""`vitals governance` on real folders: listing, steps written into the YAML, CODEOWNERS that is checked."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import definitions
from pipelines.cli.app import app
from pipelines.cli.governance import HOSTS
from pipelines.cli.output import Exit

SHIPPED = Path(definitions.__file__).parent / "catalogue"


@pytest.fixture
def dictionary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped dictionary, in a repository of its own."""
    folder = tmp_path / "company" / "catalogue"
    shutil.copytree(SHIPPED, folder)
    subprocess.run(["git", "init", "-q", str(tmp_path / "company")], check=True)
    monkeypatch.setenv("VITALS_CATALOGUE", str(folder))
    monkeypatch.setenv("VITALS_NOW", "2026-07-14T08:00:00+00:00")
    return folder


def vitals(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["governance", *arguments])


def rows(*arguments: str) -> list[dict[str, Any]]:
    result = vitals(*arguments, "--json")
    assert result.exit_code in (Exit.DONE, Exit.FOUND), result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_a_definition_goes_from_certified_to_deprecated(dictionary: Path) -> None:
    (before,) = rows("status", "win_rate")
    assert (before["status"], before["version"]) == ("certified", 1)
    assert "head_of_sales" in before["approvers"]
    assert vitals("certify", "win_rate", "--by", "head_of_sales").exit_code == Exit.DONE
    (reviewed,) = rows("status", "win_rate")
    assert (reviewed["reviewed_on"], reviewed["reviewed_by"]) == ("2026-07-14", "head_of_sales")

    ending = ("deprecate", "win_rate", "--until", "2026-12-31", "--successor", "bookings")
    text = (dictionary / "metrics" / "sales.yml").read_text("utf-8")
    dry = vitals(*ending, "--by", "head_of_sales", "--dry-run")
    assert "deprecated_on: 2026-12-31" in dry.stdout
    assert (dictionary / "metrics" / "sales.yml").read_text("utf-8") == text
    done = vitals(*ending, "--by", "head_of_sales", "--proposed-by", "data_team")
    assert done.exit_code == Exit.DONE, done.output
    assert "win-rate-up" in done.stdout  # the key result that still rests on it
    (after,) = rows("status", "win_rate")
    assert (after["status"], after["version"]) == ("deprecated", 2)
    assert after["notice"] == "win_rate is deprecated and answers until 2026-12-31: use bookings instead"
    assert [change["kind"] for change in after["changes"]] == ["new", "retire"]
    compared = CliRunner().invoke(app, ["diff", str(SHIPPED), "--check"])
    assert compared.exit_code == Exit.DONE, compared.output


def test_who_has_no_say_is_refused_and_nothing_is_written(dictionary: Path) -> None:
    text = (dictionary / "metrics" / "sales.yml").read_text("utf-8")
    refused = vitals("certify", "win_rate", "--by", "head_of_support")
    assert refused.exit_code != Exit.DONE
    assert "NOT_AN_APPROVER" in str(refused.exception)
    assert "head_of_sales" in str(refused.exception)
    assert vitals("status", "win_rat").exit_code == Exit.USAGE
    assert "'win_rate'?" in vitals("status", "win_rat").output
    assert (dictionary / "metrics" / "sales.yml").read_text("utf-8") == text


def test_what_is_due_is_listed_most_urgent_first(dictionary: Path) -> None:
    found = rows("due", "--within", "0")
    assert found
    assert [row["due"] for row in found] == sorted(row["due"] for row in found)
    assert all(row["days_left"] <= 0 for row in found)
    assert found[0]["level"] == "north_star"
    assert vitals("due", "--check").exit_code == Exit.FOUND
    assert len(rows("due", "--within", "400")) > len(found)


@pytest.mark.parametrize("host", HOSTS)
def test_code_owners_are_written_once_and_checked(dictionary: Path, host: str) -> None:
    assert vitals("codeowners", "--check", "--host", host).exit_code == Exit.FOUND
    assert vitals("codeowners", "--host", host).exit_code == Exit.DONE
    file = dictionary.parent / ".github" / "CODEOWNERS"
    text = file.read_text("utf-8")
    assert "/catalogue/metrics/sales.yml " in text
    assert vitals("codeowners", "--check", "--host", host).exit_code == Exit.DONE
    for change in dictionary.glob("teams.yml"):
        change.write_text(
            change.read_text("utf-8").replace("name: sales\n", "name: sales\n    handle: '@acme/sales'\n", 1)
        )
    (told,) = rows("codeowners", "--check", "--host", host)
    assert told["was_current"] is False
    assert file.read_text("utf-8") == text
