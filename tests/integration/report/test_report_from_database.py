"""The report of a really published company, from SQLite and from PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipelines import report_links as links
from pipelines.publishing import open_reporting, publish
from pipelines.publishing.errors import DatabaseUnavailable
from pipelines.publishing.migrations import upgrade
from pipelines.report import build_report
from pipelines.report.reading import read_snapshot
from tests.integration.report.published_company import publication_of, published_company
from tests.unit.report.company_report import NOW, company


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_reporting(f"sqlite:///{tmp_path_factory.mktemp('reporting') / 'reporting.db'}")
    published_company(engine)
    yield engine
    engine.dispose()


def test_what_was_published_is_read_back(sqlite: Engine) -> None:
    made, read = company(), read_snapshot(sqlite)
    assert read.publication is not None
    assert read.publication.data_through == made.publication.data_through
    assert {kpi.metric_id for kpi in read.kpis} == {kpi.metric_id for kpi in made.kpis}
    for expected in made.kpis:
        found = next(kpi for kpi in read.kpis if kpi.metric_id == expected.metric_id)
        for name in (
            "name",
            "team_name",
            "owner",
            "level",
            "purpose",
            "unit",
            "grain",
            "period_start",
            "period_end",
        ):
            assert getattr(found, name) == getattr(expected, name), (expected.metric_id, name)
        if not expected.is_blocked:
            assert found.value == pytest.approx(expected.value, abs=1e-6)
            assert found.status == expected.status
    assert len(read.points["csat"]) == len(made.points["csat"])
    assert [one.statement for o in read.objectives for one in o.key_results] != []
    assert {one.key for one in read.objectives} == {one.key for one in made.objectives}
    assert read.check_ins["csat_up"][0].blockers == "The fix waits for the data migration."
    assert [one.is_superseded for one in read.check_ins["csat_up"]].count(True) == 1
    assert [
        row.metric_id for row in sorted(read.tree, key=lambda r: r.sort_path) if row.root_id == "mrr"
    ] == [row.metric_id for row in made.tree]
    assert {one.child_id: one.contribution for one in read.contributions["mrr"]} == {
        "new_mrr": 37_900.0,
        "churned_mrr": -12_700.0,
    }
    assert read.anomalies[0].severity == "critical"
    assert read.anomalies[0].root_cause[0]["name"] == "emea"
    assert {one.asset: one.health for one in read.health}["support.tickets"] == "red"
    assert [one.metric_id for one in read.blocked] == ["first_response_time"]
    assert read.holidays == ((date(2026, 10, 3), "German Unity Day"), (date(2026, 12, 25), "Christmas Day"))


def test_a_kpi_that_is_held_back_is_read_so(sqlite: Engine) -> None:
    blocked = next(kpi for kpi in read_snapshot(sqlite).kpis if kpi.metric_id == "first_response_time")
    assert blocked.is_blocked
    assert blocked.blocked_reason is not None
    assert "first_reply_at" in blocked.blocked_reason


def test_postgresql_gives_the_same_snapshot(sqlite: Engine, postgres_url: str) -> None:
    engine = open_reporting(postgres_url)
    published_company(engine)
    one, other = read_snapshot(sqlite), read_snapshot(engine)
    engine.dispose()
    for name in (
        "kpis",
        "points",
        "segments",
        "definitions",
        "contributions",
        "anomalies",
        "objectives",
        "check_ins",
    ):
        assert getattr(one, name) == getattr(other, name), name
    for name in (
        "teams",
        "health",
        "checks",
        "blocked",
        "changes",
        "findings",
        "alerts",
        "focus",
        "annotations",
    ):
        assert getattr(one, name) == getattr(other, name), name
    assert sorted(one.tree, key=lambda r: (r.root_id, r.sort_path)) == sorted(
        other.tree, key=lambda r: (r.root_id, r.sort_path)
    )


def test_the_site_is_built_and_built_again(sqlite: Engine, tmp_path: Path) -> None:
    first = build_report(sqlite, tmp_path, NOW)
    assert first.index.is_file()
    assert first.largest_page_bytes < 100_000
    assert "metric-csat.html" in first.pages
    page = (tmp_path / "metric-weekly_active_teams.html").read_text()
    assert "expected range" in page
    assert "var(--band)" in page
    assert build_report(sqlite, tmp_path, NOW).written == 0


def test_what_alerts_link_to_is_a_page(sqlite: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    build_report(sqlite, folder, NOW)
    pages = {path.name for path in folder.glob("*.html")}
    assert {links.HOME, links.GOALS, links.HEALTH} <= pages
    assert {links.metric_page(kpi.metric_id) for kpi in company().kpis} <= pages


def test_a_migrated_database_without_a_publication_says_so(tmp_path: Path) -> None:
    engine = open_reporting(f"sqlite:///{tmp_path / 'empty.db'}")
    upgrade(engine)
    result = build_report(engine, tmp_path / "site", NOW)
    engine.dispose()
    assert result.pages == ("index.html",)
    assert "Nothing published yet" in result.index.read_text()


def test_the_next_publication_replaces_the_last(tmp_path: Path) -> None:
    engine = open_reporting(f"sqlite:///{tmp_path / 'reporting.db'}")
    made = company()
    published_company(engine, made)
    fewer = replace(made, anomalies=(), blocked=())
    coverage = publication_of(made)
    publish(
        engine,
        replace(publication_of(fewer, "02"), anomaly_coverage=_tested(coverage)),
        clock=lambda: NOW,
        run_id="run-219",
    )
    read = read_snapshot(engine)
    engine.dispose()
    assert read.publication is not None
    assert read.publication.batch_id == 2
    assert read.anomalies == ()
    assert read.blocked == ()


def _tested(publication):
    from pipelines.publishing import Coverage

    return tuple(
        Coverage(one.metric_id, one.period_grain, one.period_start, one.period_start)
        for one in publication.anomalies
    )


def test_a_database_out_of_reach_is_named(tmp_path: Path) -> None:
    engine = open_reporting(f"sqlite:///{tmp_path / 'reporting.db'}")
    with pytest.raises(Exception, match="current_publication"):
        build_report(engine, tmp_path / "site", NOW)  # never migrated
    engine.dispose()
    assert not (tmp_path / "site").exists()
    (tmp_path / "broken.db").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(DatabaseUnavailable, match=r"broken\.db"):
        open_reporting(f"sqlite:///{tmp_path / 'broken.db'}")
