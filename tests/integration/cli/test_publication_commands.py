"""Commands about what is published: list, withdraw, accept, export, roles, schema, data docs, Superset bundle."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from pipelines.cli.app import app
from pipelines.cli.output import Exit
from pipelines.publishing import open_reporting, reading
from pipelines.warehouse import open_warehouse
from tests.integration.publishing.installed import computed, environment, installed, run

runner = CliRunner()


@dataclass(frozen=True)
class Home:
    """A published installation, and the command line on it."""

    folder: Path
    changes: dict[str, str]

    def ask(self, *arguments: object) -> Result:
        words = [str(argument) for argument in arguments]
        return runner.invoke(app, words, env=environment(self.folder, **self.changes))

    def json(self, *arguments: object) -> Any:
        answer = self.ask(*arguments, "--json")
        assert answer.exit_code == Exit.DONE, answer.output
        return json.loads(answer.stdout)

    def value(self) -> float | None:
        """CSAT of April, as readers see it."""
        engine = open_reporting(f"sqlite:///{self.folder / 'reporting.db'}")
        with reading(engine) as connection:
            found = connection.execute(
                text("SELECT value FROM kpi_monthly WHERE metric_id = 'csat'")
            ).scalar()
        engine.dispose()
        return found


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs: CSAT of April is 0.9, then 0.8."""
    home = tmp_path_factory.mktemp("home")
    installation = installed(home)
    with open_warehouse(installation.workspace.warehouse_url) as warehouse:
        run(installation, warehouse, "first", computed(installation, 0.9))
        run(installation, warehouse, "second", computed(installation, 0.8))
    return home


@pytest.fixture
def home(published: Path, tmp_path: Path) -> Home:
    """A copy of it that a test may change."""
    for name in ("reporting.db", "warehouse.duckdb"):
        (tmp_path / name).write_bytes((published / name).read_bytes())
    return Home(tmp_path, {})


def test_publications_are_listed_the_newest_first(home: Home) -> None:
    found = home.json("publications")
    assert [(row["batch_id"], row["kind"], row["state"], row["run"]) for row in found] == [
        (2, "publication", "published", "second"),
        (1, "publication", "published", "first"),
    ]
    assert [row["values_written"] for row in found] == [1, 1]
    assert "second" in home.ask("publications").output


def test_a_batch_is_withdrawn_with_its_reason(home: Home) -> None:
    assert home.value() == pytest.approx(0.8)
    [told] = home.json("withdraw", 2, "--reason", "wrong exchange rate")
    assert told == {"batch_id": 3, "withdraws": 2, "values_put_back": 1, "values_retired": 1}
    assert home.value() == pytest.approx(0.9)
    newest, withdrawn, _ = home.json("publications")
    assert (newest["kind"], newest["withdraws"], newest["reason"]) == ("withdrawal", 2, "wrong exchange rate")
    assert withdrawn["state"] == "withdrawn"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("withdraw", 99, "--reason", "x"), "batch 99 does not exist"),
        (("withdraw", 2, "--reason", " "), "--reason is empty"),
        (("accept", "csatt", "--reason", "x"), "did you mean csat?"),
        (("accept", "crm.leads", "--reason", "x"), "neither a KPI nor a staging table that was built"),
        (("export", "csv", "kpi_latst", "out.csv"), "did you mean kpi_latest?"),
        (("export", "sqlite", "out.db", "--role", "bord"), "there is no restricted role 'bord'"),
        (("migrate", "--to", "0099"), "there is no revision '0099'"),
        (("roles", "--apply"), "SQLite has no users"),
        (("superset-bundle", "b.zip", "--database-url", "oracle://u@h/d"), "oracle is no URL"),
    ],
)
def test_a_wrong_call_says_what_to_write(home: Home, arguments: tuple[object, ...], told: str) -> None:
    answer = home.ask(*arguments)
    assert answer.exit_code == Exit.USAGE, answer.output
    assert told in " ".join(answer.stderr.split())


def test_what_was_found_is_accepted_as_the_new_normal(home: Home) -> None:
    [accepted] = home.json("accept", "csat", "--reason", "the survey was changed")
    assert accepted == {"name": "csat", "rows_before": 1, "rows_now": 1}
    with open_warehouse(f"duckdb:///{home.folder / 'warehouse.duckdb'}") as warehouse:
        [note] = warehouse.query("SELECT name, reason FROM vitals.accepted").to_pylist()
    assert note == {"name": "csat", "reason": "the survey was changed"}


def test_an_audience_gets_a_file_of_its_own(home: Home, tmp_path: Path) -> None:
    [told] = home.json("export", "sqlite", tmp_path / "everybody.db")
    assert told["bytes"] > 0
    with sqlite3.connect(tmp_path / "everybody.db") as connection:
        assert connection.execute("SELECT value FROM kpi_monthly WHERE metric_id = 'csat'").fetchall() == [
            (0.8,)
        ]


def test_a_view_is_written_as_csv(home: Home, tmp_path: Path) -> None:
    [told] = home.json("export", "csv", "kpi_latest", tmp_path / "latest.csv")
    with (tmp_path / "latest.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == told["rows"]
    assert next(row for row in found if row["metric_id"] == "csat")["value"] == "0.8"


def test_roles_are_printed_as_sql_that_can_be_run(home: Home) -> None:
    printed = home.ask("roles").stdout
    assert printed.count("CREATE ROLE kpi_") >= 4
    assert all(line.endswith(";") for line in printed.splitlines())


def test_roles_are_made_and_granted_on_postgresql(published: Path, postgres_url: str) -> None:
    server = Home(published, {"VITALS_REPORTING_URL": postgres_url})
    for _ in range(2):  # safe to repeat
        [told] = server.json("roles", "--apply")
        assert told["applied"] > 10
    engine = open_reporting(postgres_url)
    with reading(engine) as connection:
        granted = connection.execute(
            text("SELECT has_table_privilege('kpi_bi_reader', 'kpi.kpi_latest', 'SELECT'), "
                 "has_table_privilege('kpi_bi_reader', 'kpi_core.kpi_value', 'SELECT'), "
                 "has_table_privilege('kpi_contributor', 'kpi_input.check_in', 'INSERT'), "
                 "has_table_privilege('kpi_steward', 'kpi_input.target_entry', 'INSERT'), "
                 "has_table_privilege('kpi_contributor', 'kpi_input.target_entry', 'INSERT')")
        ).one()  # fmt: skip
    engine.dispose()
    assert tuple(granted) == (True, False, True, True, False)


def test_the_schema_moves_back_and_forward_with_its_data(home: Home) -> None:
    newest = home.json("migrate", "--dry-run")[0]["newest"]
    assert home.json("migrate", "--to", "0005") == [{"before": newest, "now": "0005", "newest": newest}]
    assert home.json("migrate") == [{"before": "0005", "now": newest, "newest": newest}]
    assert home.value() == pytest.approx(0.8)


def test_data_docs_tell_the_checks_of_the_last_run(home: Home) -> None:
    [told] = home.json("data-docs")
    page = Path(told["page"])
    assert page == home.folder / "data_docs" / "index.html"
    assert told["checks"] > 20
    assert "kpi_value" in page.read_text(encoding="utf-8")


def test_data_docs_before_any_run(tmp_path: Path) -> None:
    answer = Home(tmp_path, {}).ask("data-docs")
    assert answer.exit_code == Exit.USAGE
    assert "no check was carried out yet" in answer.stderr


def test_the_superset_bundle_is_written_without_the_password(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "dashboards.zip"
    url = "postgresql+psycopg2://bi:hush@db.example.com/kpis"
    [told] = home.json("superset-bundle", path, "--database-url", url)
    assert told["dashboards"] == 4
    with zipfile.ZipFile(path) as bundle:
        everything = b"".join(bundle.read(name) for name in bundle.namelist())
    assert not re.search(rb"\bhush\b", everything)
