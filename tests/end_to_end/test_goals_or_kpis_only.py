"""The main job with one half of the dictionary: objectives without metrics, metrics without objectives."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.installation import Installation
from pipelines.running import RunOutcome, dagster_instance, run_job
from pipelines.workspace import Workspace
from tests.integration.okr import goals_only
from tests.unit.okr.okr_files import FILES


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What runs leave in the environment is taken away again."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def run(variables: dict[str, str]) -> RunOutcome:
    workspace = Workspace.from_environment(variables)
    with dagster_instance(workspace.home) as instance:
        return run_job(Installation.load(workspace), instance)


def rows(home: Path, sql: str) -> list[dict[str, Any]]:
    with sqlite3.connect(f"file:{home / 'reporting.db'}?mode=ro", uri=True) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql)]


def test_objectives_alone_run_and_values_come_by_check_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = goals_only.write(tmp_path)
    first = run(variables)
    assert first.failures == ()
    assert {row["score_band"] for row in rows(tmp_path, "SELECT score_band FROM okr_progress")} == {
        "no_data",
        "significant_issues",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    words = ["checkin", "partners", "--by", "ada", "--value", "10", "--how", "Fairs", "--confidence", "0.7"]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert json.loads(done.stdout)[0]["value"] == 10

    second = run(goals_only.environment(tmp_path, "2026-11-14T09:00:00Z"))

    assert second.failures == ()
    (row,) = rows(tmp_path, "SELECT * FROM okr_progress WHERE key_result_key = 'partners'")
    assert (row["current_value"], row["ratio"], row["progress"]) == (10, 0.833333, 0.75)
    assert (row["score"], row["score_method"], row["published_status"]) == (0.833333, "ratio", "on_track")
    assert row["owner_confidence"] == 0.7
    told = rows(tmp_path, "SELECT message FROM alert_history WHERE alert_type = 'check_in'")
    assert len({entry["message"] for entry in told}) == 1, "told once"
    assert (tmp_path / "report" / "goals.html").exists()
    days = rows(tmp_path, "SELECT count(*) AS n FROM okr_progress_daily WHERE key_result_key = 'partners'")
    assert days[0]["n"] == 44, "every day of the cycle has a snapshot"


SOURCE = """
system: files
account: exports
settings:
  folder: env:EXPORTS
  streams:
    - name: support_nps_responses
      path: nps.csv
      key: [response_id]
      columns:
        - {name: response_id, type: string, nullable: false}
        - {name: region, type: string}
        - {name: score, type: integer, nullable: false}
        - {name: responded_at, type: timestamp, nullable: false}
"""


def test_kpis_alone_run_and_are_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, home = tmp_path / "catalogue", tmp_path / "home"
    for name, text in FILES.items():
        if not name.startswith("objectives/"):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    (home / "sources").mkdir(parents=True)
    (home / "sources" / "files.yml").write_text(SOURCE, encoding="utf-8")
    exports = tmp_path / "exports"
    exports.mkdir()
    lines = [f"r{n},emea,{5 + n % 5},2026-10-{1 + n % 28:02d}T10:00:00Z" for n in range(56)]
    (exports / "nps.csv").write_text("response_id,region,score,responded_at\n" + "\n".join(lines) + "\n")
    monkeypatch.setenv("EXPORTS", str(exports))

    outcome = run(
        {
            "VITALS_HOME": str(home),
            "VITALS_CATALOGUE": str(folder),
            "VITALS_NOW": "2026-11-13T09:00:00Z",
            "EXPORTS": str(exports),
        }
    )

    assert outcome.failures == ()
    (row,) = rows(home, "SELECT value, status FROM kpi_monthly WHERE month_start = '2026-10-01'")
    assert row["value"] == pytest.approx(sum(5 + n % 5 for n in range(56)) / 56)
    assert rows(home, "SELECT * FROM objectives") == rows(home, "SELECT * FROM okr_progress") == []
    assert (home / "report" / "index.html").exists()
