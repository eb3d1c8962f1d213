"""A file per audience holds what that audience may see, and nothing else anywhere in it."""

from __future__ import annotations

import csv
import sqlite3
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipelines.publishing import migrations, open_reporting
from pipelines.publishing.errors import DatabaseUnavailable, UnknownView
from pipelines.publishing.export import export_csv, export_sqlite
from tests.integration.publishing.kit import assert_whole, put, rows, value
from tests.integration.publishing.test_publish import alert, flag
from tests.integration.publishing.test_views import score

FEBRUARY = date(2026, 2, 1)


def fill(engine: Engine) -> None:
    """Values that nobody would mistake for others: 76543.21 is what a salary is."""
    put(engine, "p1", value("csat", number=0.1))
    put(
        engine,
        "p2",
        value("csat", number=0.85),
        value("salaries", number=76543.21),
        anomalies=(flag(FEBRUARY, metric_id="salaries", observed=76543.21),),
        key_result_scores=(
            score("pay-down", FEBRUARY, current_value=76543.21, forecast_value=76543.21, score=0.8),
        ),
        alerts=(alert(is_restricted=True, message="salaries at 76543.21", payload='{"value": 76543.21}'),),
    )


def test_an_export_has_the_same_views_with_the_current_publication(engine: Engine, tmp_path: Path) -> None:
    fill(engine)
    path = export_sqlite(engine, tmp_path / "everybody.db")
    copy = open_reporting(f"sqlite:///{path}")
    for query in (
        "SELECT metric_id, value, status, revision FROM kpi_monthly",
        "SELECT metric_id, value, last_good_value FROM kpi_latest ORDER BY 1",
        "SELECT key_result_key, score, current_value FROM okr_progress",
        "SELECT metric_id, definition FROM metric_dictionary ORDER BY 1",
        "SELECT csat FROM scorecard_support_monthly",
        "SELECT publication_id FROM current_publication",
    ):
        assert rows(copy, query) == rows(engine, query), query
    assert rows(copy, "SELECT count(*) FROM kpi_value") == [(1,)]
    copy.dispose()


def test_what_an_audience_may_not_see_is_nowhere_in_the_file(engine: Engine, tmp_path: Path) -> None:
    fill(engine)
    for_all = export_sqlite(engine, tmp_path / "everybody.db")
    assert b"76543" not in for_all.read_bytes()
    with sqlite3.connect(for_all) as connection:
        text = "\n".join(connection.iterdump())
    assert "76543" not in text
    for_board = open_reporting(f"sqlite:///{export_sqlite(engine, tmp_path / 'board.db', roles={'board'})}")
    assert rows(for_board, "SELECT metric_id, value FROM restricted_kpi_monthly") == [("salaries", 76543.21)]
    assert rows(for_board, "SELECT metric_id FROM kpi_monthly") == [("csat",)]
    for_board.dispose()


def test_an_export_is_one_file_and_replaces_an_older_one(engine: Engine, tmp_path: Path) -> None:
    fill(engine)
    path = tmp_path / "everybody.db"
    path.write_text("an older export")
    export_sqlite(engine, path)
    assert sorted(p.name for p in tmp_path.iterdir() if "everybody" in p.name) == ["everybody.db"]
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_an_export_to_nowhere_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    fill(engine)
    (tmp_path / "in_the_way").write_text("")
    with pytest.raises(DatabaseUnavailable, match="in_the_way"):
        export_sqlite(engine, tmp_path / "in_the_way" / "everybody.db")
    assert_whole(engine)


def test_a_spreadsheet_runs_nothing(engine: Engine, tmp_path: Path) -> None:
    evil = '=HYPERLINK("http://evil.example","x")'
    total = value("csat", number=-0.5)
    put(engine, "p1", total, value("csat", number=0.5, segment_dimension="region", segment_value=evil))
    path = tmp_path / "segments.csv"
    assert export_csv(engine, "kpi_monthly_by_segment", path) == 1
    with path.open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert row["segment_value"] == "'" + evil
    assert float(row["value"]) == 0.5
    assert export_csv(engine, "kpi_monthly", path) == 1
    assert "-0.5" in path.read_text()
    with pytest.raises(UnknownView, match="no view"):
        export_csv(engine, "kpi_value; DROP TABLE kpi_value", path)


def test_an_exported_file_can_be_upgraded_like_any_other(engine: Engine, tmp_path: Path) -> None:
    fill(engine)
    copy = open_reporting(f"sqlite:///{export_sqlite(engine, tmp_path / 'x.db')}")
    migrations.upgrade(copy)
    copy.dispose()
