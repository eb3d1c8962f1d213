"""Asking from the command line: any metrics together, also without time, also dimensions only, and to a file."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.feather
import pyarrow.parquet
import pytest
from typer.testing import CliRunner, Result

from definitions.compiler import DIALECTS
from pipelines.cli import query as command
from pipelines.cli.app import app
from pipelines.cli.output import Exit
from tests.desk import Desk

pytestmark = pytest.mark.usefixtures("asked")


def vitals(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def rows(*arguments: str) -> list[dict[str, Any]]:
    result = vitals(*arguments, "--json")
    assert result.exit_code == Exit.DONE, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def expected(asked: Desk, **columns: Any) -> list[dict[str, Any]]:
    """Tickets of the exports that have these values."""
    return [row for row in asked.tickets if all(row[name] == value for name, value in columns.items())]


def test_metrics_together_by_a_joined_dimension_and_month(asked: Desk) -> None:
    found = rows("query", "tickets_opened", "resolution_rate", "--by", "region", "--grain", "month")
    march = {row["region"]: row for row in found if row["metric_time"] == "2026-03-01"}
    assert set(march) == {"na", "emea", "(unknown)"}
    for region, account in (("na", "a0"), ("emea", "a1"), ("(unknown)", "a2")):
        tickets = [t for t in expected(asked, account_id=account) if t["opened_at"].startswith("2026-03")]
        solved = [t for t in tickets if t["resolved_at"]]
        assert march[region]["tickets_opened"] == len(tickets)
        assert march[region]["resolution_rate"] == pytest.approx(len(solved) / len(tickets))


def test_without_time(asked: Desk) -> None:
    (row,) = rows("query", "tickets_opened", "total_cost")
    assert row["tickets_opened"] == len(asked.tickets)
    urgent = sum(float(t["cost"]) for t in expected(asked, priority="high"))
    assert row["total_cost"] == pytest.approx(urgent)


def test_dimensions_only() -> None:
    assert rows("query", "--by", "region") == [{"region": "emea"}, {"region": "na"}]
    assert {(row["region"], row["team"]) for row in rows("query", "--by", "region,team")} == {
        (region, team) for region in ("(unknown)", "emea", "na") for team in ("blue", "red")
    }


def test_conditions_bounds_order_and_limit(asked: Desk) -> None:
    found = rows(
        *("query", "tickets_opened", "--grain", "week", "--where", "team = :team", "--param", "team=red"),
        *("--from", "2026-Q2", "--to", "2026-05", "--order", "-metric_time", "--limit", "2"),
    )
    assert [row["metric_time"] for row in found] == ["2026-05-25", "2026-05-18"]
    teams = [t for t in expected(asked, team="red") if "2026-05-18" <= t["opened_at"] < "2026-05-25"]
    assert found[1]["tickets_opened"] == len(teams)


def test_a_parameter_is_a_value_whatever_it_says(asked: Desk) -> None:
    everything = "' or '1' = '1"
    assert rows("query", "tickets_opened", "--where", "team = :t", "--param", f"t={everything}") == [
        {"tickets_opened": 0.0}
    ]


def test_a_table_for_people() -> None:
    result = vitals("query", "tickets_opened", "--by", "team")
    assert result.exit_code == Exit.DONE
    assert result.stdout.split()[:2] == ["team", "tickets_opened"]


def test_csv_on_the_screen() -> None:
    result = vitals("query", "tickets_opened", "--by", "team", "--format", "csv")
    assert [row["team"] for row in csv.DictReader(io.StringIO(result.stdout))] == ["blue", "red"]


@pytest.mark.parametrize("ending", ["csv", "json", "arrow", "parquet", "feather"])
def test_saved_to_a_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"answer.{ending}"
    result = vitals("query", "tickets_opened", "--grain", "quarter", "-o", str(path))
    assert result.exit_code == Exit.DONE, result.output
    wanted = rows("query", "tickets_opened", "--grain", "quarter")
    if ending == "csv":
        assert len(path.read_text().splitlines()) == 1 + len(wanted)
    elif ending == "json":
        assert json.loads(path.read_text()) == wanted
    else:
        read = pyarrow.parquet.read_table if ending == "parquet" else pyarrow.feather.read_table
        assert read(path).column("tickets_opened").to_pylist() == [row["tickets_opened"] for row in wanted]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("query", "tickets_openedd"), "Did you mean 'tickets_opened'?"),
        (("query", "tickets_opened", "--by", "regin"), "Did you mean 'region'?"),
        (("query", "tickets_opened", "--where", "teem = 'a'"), "Did you mean 'team'?"),
        (("query", "tickets_opened", "--where", "team = :t"), "UNKNOWN_PARAMETER"),
        (("query", "tickets_opened", "--grain", "fortnight"), "UNKNOWN_GRAIN"),
        (("query", "tickets_opened", "--from", "soon"), "BAD_MOMENT"),
        (("query", "tickets_opened", "--order", "tickets"), "Did you mean 'tickets_opened'?"),
        (("query", "tickets_opened", "--where", "team = (select 1)"), "where:1"),
        (("query", "tickets_opened", "--format", "parket"), "did you mean 'parquet'?"),
        (("query", "tickets_opened", "--format", "parquet"), "--output"),
        (("query",), "NOTHING_ASKED"),
        (("sql", "tickets_opened", "--dialect", "postgresql"), "did you mean 'postgres'?"),
    ],
)
def test_a_wrong_question_is_answered_with_what_to_write(arguments: tuple[str, ...], said: str) -> None:
    result = vitals(*arguments)
    assert result.exit_code == Exit.USAGE
    assert said in " ".join(result.output.replace("│", " ").split())


def test_help_names_the_compilers_engines() -> None:
    assert command.DIALECTS == DIALECTS


@pytest.mark.parametrize("dialect", DIALECTS)
def test_sql_reads_and_names_its_metric(dialect: str) -> None:
    result = vitals("sql", "resolution_rate", "--by", "region", "--dialect", dialect)
    assert result.exit_code == Exit.DONE, result.output
    first, *lines = result.stdout.splitlines()
    assert first.startswith("-- resolution_rate (version 1): Share of tickets")
    assert lines[0].startswith("WITH ")
    assert max(map(len, lines)) <= 120


def test_sql_is_what_query_runs(asked: Desk) -> None:
    text = vitals("sql", "total_cost", "--grain", "quarter").stdout
    wanted = rows("query", "total_cost", "--grain", "quarter")
    statement = text[text.index("WITH") :].rstrip().rstrip(";")
    assert [row["total_cost"] for row in asked.warehouse(statement)] == [row["total_cost"] for row in wanted]


def test_sql_of_the_run() -> None:
    found = rows("sql", "tickets_opened", "total_cost", "--run")
    assert [row["metrics"] for row in found] == [["tickets_opened", "total_cost"]]
    assert "GROUPING SETS" in found[0]["sql"].upper()


def test_explain_shows_scans_and_their_metrics() -> None:
    found = rows("explain")
    counted = [row for row in found if row["table"] == "support.tickets" and "counts" in row["scanned_for"]]
    assert len(counted) == 1
    assert {"tickets_opened", "resolution_rate", "total_cost"} <= set(counted[0]["metrics"])
    words = vitals("explain", "tickets_opened", "total_cost", "--by", "team").stdout
    assert words.startswith("2 metrics in 1 statement: 1 scan of 1 table")


@pytest.fixture
def writing(asked: Desk) -> Iterator[None]:
    """Another process holds the warehouse, as a run does."""
    path = Path(asked.environment["VITALS_HOME"]) / "warehouse.duckdb"
    code = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.communicate("go\n")


@pytest.mark.usefixtures("writing")
def test_while_a_run_writes_it_is_said_at_once() -> None:
    result = vitals("query", "tickets_opened")
    assert result.exit_code == Exit.CONFIGURATION
    assert "is being written by a run: ask again when the run has ended" in result.output


def test_without_a_warehouse_it_is_said_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VITALS_HOME", str(tmp_path))
    result = vitals("query", "tickets_opened")
    assert result.exit_code == Exit.CONFIGURATION
    assert "vitals run" in result.output
    assert list(tmp_path.iterdir()) == []
