"""`vitals doctor` on installations with one thing wrong each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.cli.output import Exit

runner = CliRunner()
SOURCE = """
system: files
account: exports
settings:
  folder: {folder}
  streams:
    - name: support_nps_responses
      path: nps.csv
      key: [response_id]
      columns:
        - {{name: response_id, type: string, nullable: false}}
"""


def steps(
    home: Path, monkeypatch: pytest.MonkeyPatch, *options: str, **environment: str
) -> dict[str, dict[str, str]]:
    for name in ("VITALS_CATALOGUE", "VITALS_SOURCES", "VITALS_MAIL_URL", "VITALS_ON_CALL_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VITALS_HOME", str(home))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = runner.invoke(app, ["doctor", "--json", *options])
    rows = {row["step"]: row for row in json.loads(done.stdout)}
    failed = any(row["state"] == "failed" for row in rows.values())
    assert done.exit_code == (Exit.FOUND if failed else Exit.DONE)
    assert all(row["mend"] for row in rows.values() if row["state"] in ("warning", "failed"))
    return rows


def test_a_fresh_machine_is_told_what_comes_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = steps(tmp_path / "home", monkeypatch)
    assert rows["dictionary"]["state"] == "ok"
    assert rows["rules"]["state"] == "ok"
    assert rows["sources"]["state"] == "failed"
    assert "examples/" in rows["sources"]["mend"]
    assert rows["warehouse"]["state"] == "warning"
    assert rows["alerts"]["state"] == "warning"
    assert "VITALS_ON_CALL_URL" in rows["alerts"]["found"]


def test_a_described_source_and_the_metrics_that_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "files.yml").write_text(SOURCE.format(folder=tmp_path))
    rows = steps(tmp_path, monkeypatch, VITALS_MAIL_URL="json://a", VITALS_ON_CALL_URL="json://b")
    assert rows["sources"]["state"] == "warning"
    assert "metrics have no source" in rows["sources"]["found"]
    assert "support.nps_responses" not in rows["sources"]["mend"]
    assert rows["alerts"]["state"] == "ok"


def test_a_broken_dictionary_is_named_and_the_rest_is_still_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "catalogue" / "metrics").mkdir(parents=True)
    (tmp_path / "catalogue" / "metrics" / "a.yml").write_text("metrics:\n  - {name: nps, type: rate}\n")
    rows = steps(tmp_path, monkeypatch, VITALS_CATALOGUE=str(tmp_path / "catalogue"))
    assert rows["dictionary"]["state"] == "failed"
    assert "metrics/a.yml" in rows["dictionary"]["found"]
    assert rows["rules"]["state"] == "skipped"
    assert rows["Python"]["state"] == "ok"


def test_a_reporting_database_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql+psycopg2://nobody:secret-word@127.0.0.1:1/none"
    rows = steps(tmp_path, monkeypatch, VITALS_REPORTING_URL=url)
    assert rows["reporting database"]["state"] == "failed"
    assert "secret-word" not in json.dumps(rows)


def test_what_is_missing_is_named_and_a_sandbox_that_stands_still_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "files.yml").write_text(SOURCE.format(folder="env:NOWHERE_TO_BE_FOUND"))
    secrets = steps(tmp_path, monkeypatch)["secrets"]
    assert (secrets["state"], "env:NOWHERE_TO_BE_FOUND" in secrets["found"]) == ("failed", True)
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "now").touch()
    secrets = steps(tmp_path, monkeypatch)["secrets"]
    assert (secrets["state"], "`vitals dev`" in secrets["mend"]) == ("warning", True)
