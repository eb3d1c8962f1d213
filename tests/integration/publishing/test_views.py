"""The reading contract: every view is there, says what each column means, and shows what it promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, text

from pipelines.publishing import BlockedMetric
from pipelines.publishing.access import create_roles
from pipelines.publishing.engine import reading, writing
from pipelines.publishing.records import (
    ContributionRow,
    EdgeRow,
    FreshnessRow,
    KeyResultScoreRow,
    ObjectiveScoreRow,
)
from pipelines.publishing.schema import metadata
from pipelines.publishing.views import VIEWS
from tests.integration.publishing.kit import dictionary, metric, put, rows, value, version
from tests.integration.publishing.test_publish import alert, flag, result

JANUARY, FEBRUARY, MARCH = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)

NAMED_IN_THE_RULES = (
    *(f"kpi_{grain}{end}" for grain in ("daily", "weekly", "monthly", "quarterly") for end in ("", "_by_segment")),
    "kpi_latest", "leading_weekly", "lagging_monthly", "objectives", "okr_progress", "check_ins",
    "balanced_scorecard", "metric_tree", "metric_dictionary", "metric_changes", "data_health", "open_anomalies",
    "alert_history", "focus_candidates", "definition_findings",
)  # fmt: skip
RESERVED = {
    "user",
    "order",
    "group",
    "table",
    "column",
    "end",
    "case",
    "when",
    "limit",
    "offset",
    "primary",
    "all",
}


def test_every_view_of_the_rules_is_there_and_can_be_read(engine: Engine) -> None:
    put(engine, "p1", value())
    with reading(engine) as connection:
        schema = "kpi" if engine.dialect.name == "postgresql" else None
        there = set(inspect(connection).get_view_names(schema=schema))
        assert there >= set(NAMED_IN_THE_RULES)
        assert {"scorecard_support_monthly", "scorecard_finance_monthly"} <= there
        for name in sorted(there):
            connection.execute(text(f"SELECT * FROM {name}")).all()


def test_columns_stand_in_the_views_as_declared(engine: Engine) -> None:
    with reading(engine) as connection:
        has_schemas = engine.dialect.name == "postgresql"
        for view in VIEWS:
            if view.only_with_schemas and not has_schemas:
                continue
            found = inspect(connection).get_columns(view.name, schema="kpi" if has_schemas else None)
            assert [c["name"] for c in found] == [c.name for c in view.columns], view.name


def test_everything_has_a_comment_and_a_plain_name() -> None:
    for table in metadata.tables.values():
        assert table.comment, table.name
        for column in table.columns:
            assert column.comment, f"{table.name}.{column.name}"
            _plain(column.name)
    for view in VIEWS:
        assert view.comment, view.name
        for entry in view.columns:
            assert entry.comment, f"{view.name}.{entry.name}"
            _plain(entry.name)


def _plain(name: str) -> None:
    assert name == name.lower()
    assert name.replace("_", "").isalnum()
    assert name not in RESERVED


def test_comments_are_rows_that_can_be_read_and_on_postgresql_comments(engine: Engine) -> None:
    put(engine, "p1")
    found = dict(rows(engine, "SELECT column_name, description FROM published_columns "
                              "WHERE object_name = 'kpi_monthly' AND schema_name = 'kpi'"))  # fmt: skip
    assert found["value"].startswith("value in the metric's unit")
    assert found[""].startswith("One row per metric and month")
    scorecard = rows(engine, "SELECT description FROM published_columns WHERE column_name = 'csat_status'")
    assert scorecard == [("status of csat",)]
    if engine.dialect.name == "postgresql":
        missing = rows(
            engine,
            """
            SELECT n.nspname, c.relname, a.attname FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE n.nspname LIKE 'kpi%' AND c.relkind IN ('r', 'v') AND c.relname <> 'alembic_version'
              AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)""",
        )
        assert missing == []


def test_totals_and_segments_are_never_in_one_view(engine: Engine) -> None:
    emea = {"segment_dimension": "region", "segment_value": "emea"}
    put(engine, "p1", *(value("csat", FEBRUARY, 0.8, grain=g) for g in ("day", "week", "month", "quarter", "year")),
        *(value("csat", FEBRUARY, 0.7, grain=g, **emea) for g in ("day", "week", "month", "quarter", "year")),
        value("csat", FEBRUARY, 0.6, grain="trailing_30d"))  # fmt: skip
    for grain in ("daily", "weekly", "monthly", "quarterly", "yearly"):
        assert rows(engine, f"SELECT value FROM kpi_{grain}") == [(0.8,)]
        segments = rows(engine, f"SELECT value, segment_dimension, segment_value FROM kpi_{grain}_by_segment")
        assert segments == [(0.7, "region", "emea")]
    assert rows(engine, "SELECT value, period_grain FROM kpi_trailing") == [(0.6, "trailing_30d")]


def test_the_latest_value_is_the_last_complete_period_of_the_headline_grain(engine: Engine) -> None:
    put(
        engine,
        "p1",
        value("csat", JANUARY, 0.7),
        value("csat", FEBRUARY, 0.8, previous_value=0.7, change_abs=0.1),
        value("csat", MARCH, 0.1, value_state="provisional"),
        value("csat", date(2026, 2, 27), 0.9, grain="day"),
        value("ticket_volume", MARCH, 12, grain="month", value_state="provisional"),
    )
    latest = rows(
        engine,
        "SELECT metric_id, value, period_grain, status, owner_name, last_good_value, value_state "
        "FROM kpi_latest ORDER BY metric_id",
    )
    assert latest == [
        ("csat", 0.8, "month", "amber", "Ana", 0.8, "final"),
        ("revenue", None, "month", "no_data", "Ben", None, "no_data"),
        ("ticket_volume", 12.0, "month", "amber", "Ana", 12.0, "provisional"),
    ]
    assert (
        str(rows(engine, "SELECT as_of_date FROM kpi_latest WHERE metric_id = 'csat'")[0][0]) == "2026-02-28"
    )


def test_the_latest_value_of_a_metric_with_an_optimum_brings_both_its_ends(engine: Engine) -> None:
    plain = dictionary()
    banded = replace(plain.metrics[0], direction="band", band_low=0.75, band_high=0.85)
    put(
        engine,
        "p1",
        value("csat", FEBRUARY, 0.8),
        dictionary=replace(plain, metrics=(banded, *plain.metrics[1:])),
    )
    latest = rows(engine, "SELECT metric_id, value, band_low, band_high FROM kpi_latest ORDER BY metric_id")
    assert latest[0] == ("csat", 0.8, 0.75, 0.85)
    assert {row[2:] for row in latest[1:]} == {(None, None)}


def test_a_metric_without_data_shows_its_last_good_value(engine: Engine) -> None:
    put(engine, "p1", value("csat", JANUARY, 0.7), value("csat", FEBRUARY, None, state_reason="no ratings"))
    latest = rows(
        engine,
        "SELECT value, value_state, state_reason, last_good_value FROM kpi_latest WHERE metric_id = 'csat'",
    )
    assert latest == [(None, "no_data", "no ratings", 0.7)]


def test_status_sorts_from_red_to_what_has_no_colour(engine: Engine) -> None:
    put(
        engine,
        "p1",
        value("csat", status="green"),
        value("revenue", status="red"),
        value("ticket_volume", number=None),
    )
    assert rows(engine, "SELECT status, status_rank FROM kpi_monthly ORDER BY status_rank") == [
        ("red", 1),
        ("green", 3),
        ("no_data", 6),
    ]


def test_leading_and_lagging(engine: Engine) -> None:
    put(
        engine,
        "p1",
        value("ticket_volume", MARCH, 5, grain="week"),
        value("csat", MARCH, 0.5, grain="week"),
        value("csat"),
    )
    assert rows(engine, "SELECT metric_id FROM leading_weekly") == [("ticket_volume",)]
    assert rows(engine, "SELECT metric_id, value FROM lagging_monthly") == [("csat", 0.85)]


def test_scorecards_follow_the_dictionary(engine: Engine) -> None:
    put(
        engine, "p1", value("csat", JANUARY, 0.7), value("csat", FEBRUARY, 0.8), value("revenue", FEBRUARY, 5)
    )
    assert rows(
        engine, "SELECT csat, csat_status, ticket_volume FROM scorecard_support_monthly ORDER BY month_start"
    ) == [
        (0.7, "amber", None),
        (0.8, "amber", None),
    ]
    assert rows(engine, "SELECT revenue FROM scorecard_finance_monthly") == [(5.0,)]
    moved = (
        *dictionary().metrics[:1],
        metric("ticket_volume", team_key="finance"),
        *dictionary().metrics[2:],
    )
    put(engine, "p2", dictionary=dictionary(metrics=moved))
    assert rows(engine, "SELECT ticket_volume FROM scorecard_finance_monthly") == [(None,)]
    with reading(engine) as connection:
        schema = "kpi" if engine.dialect.name == "postgresql" else None
        names = {
            c["name"] for c in inspect(connection).get_columns("scorecard_support_monthly", schema=schema)
        }
    assert names == {"month_start", "csat", "csat_status"}


def test_the_balanced_scorecard_counts_by_perspective(engine: Engine) -> None:
    put(engine, "p1", value("csat", status="green"), value("revenue", status="red"))
    found = rows(engine, "SELECT bsc_perspective, metric_id, perspective_metrics, perspective_green, perspective_red "
                         "FROM balanced_scorecard ORDER BY perspective_rank")  # fmt: skip
    assert found == [
        ("financial", "revenue", 1, 0, 1),
        ("customer", "csat", 1, 1, 0),
        ("internal_process", "ticket_volume", 1, 0, 0),
    ]


def test_focus_is_weight_times_the_squared_gap(engine: Engine) -> None:
    metrics = (replace(dictionary().metrics[0], focus_weight=3), *dictionary().metrics[1:])
    put(engine, "p1", value("csat", attainment=0.5), value("revenue", attainment=0.4),
        value("ticket_volume", attainment=1.2),
        dictionary=dictionary(metrics=metrics))  # fmt: skip
    found = rows(
        engine, "SELECT focus_rank, metric_id, focus_score FROM focus_candidates ORDER BY focus_rank"
    )
    assert [(rank, name, round(score, 6)) for rank, name, score in found] == [
        (1, "csat", 0.75),
        (2, "revenue", 0.36),
    ]
    put(engine, "p2", blocked=(BlockedMetric("csat", "x"),))
    assert rows(engine, "SELECT metric_id FROM focus_candidates") == [("revenue",)]


def test_the_tree_shows_depth_path_and_contribution(engine: Engine) -> None:
    share = ContributionRow(
        "csat", "ticket_volume", "month", FEBRUARY, "previous_period", "", "", 10, 12, -0.02, 1, "lmdi", True
    )
    put(engine, "p1", value("csat", FEBRUARY, 0.8), contributions=(share,))
    found = rows(
        engine, "SELECT depth, path, operator, contribution, value FROM metric_tree ORDER BY sort_path"
    )
    assert found == [
        (0, "revenue", None, None, None),
        (1, "revenue > csat", "influences", None, 0.8),
        (2, "revenue > csat > ticket_volume", "influences", -0.02, None),
        (0, "salaries", None, None, None),
    ]


def test_a_circle_of_influences_ends(engine: Engine) -> None:
    edges = (EdgeRow("revenue", "csat", "influences", 0), EdgeRow("csat", "ticket_volume", "influences", 0),
             EdgeRow("ticket_volume", "csat", "influences", 0))  # fmt: skip
    put(engine, "p1", dictionary=dictionary(edges=edges))
    paths = {path for (path,) in rows(engine, "SELECT path FROM metric_tree")}
    assert paths == {"revenue", "revenue > csat", "revenue > csat > ticket_volume", "salaries"}


def score(key: str, day: date, **changes: Any) -> KeyResultScoreRow:
    """A snapshot of a key result."""
    plain = KeyResultScoreRow(key, day, 59, "ratio", "on_track", "on_track", current_value=0.85, ratio_raw=0.944444,
                              progress_raw=0.875, score=0.944444, forecast_value=0.9, hit_probability=0.6,
                              flags=("retro_edit", "regressed"))  # fmt: skip
    return replace(plain, **changes)


def test_key_results_show_ratio_and_progress_and_hide_restricted_values(engine: Engine) -> None:
    put(
        engine,
        "p1",
        key_result_scores=(
            score("csat-up", date(2026, 1, 31), score=0.5),
            score("csat-up", date(2026, 2, 28)),
            score("pay-down", date(2026, 2, 28), current_value=75_000, forecast_value=70_000),
        ),
        objective_scores=(
            ObjectiveScoreRow("love", date(2026, 2, 28), 0.9, "at_risk", 3, 1, 1, 0, 1, score=0.8),
        ),
    )
    found = rows(engine, "SELECT key_result_key, ratio, progress, score, current_value, target_value, "
                         "forecast_value, flags FROM okr_progress ORDER BY key_result_key")  # fmt: skip
    assert found == [
        ("csat-up", 0.944444, 0.875, 0.944444, 0.85, 0.9, 0.9, "retro_edit, regressed"),
        ("pay-down", 0.944444, 0.875, 0.944444, None, None, None, "retro_edit, regressed"),
    ]
    daily = rows(engine, "SELECT count(*) FROM okr_progress_daily WHERE key_result_key = 'csat-up'")
    monthly = rows(
        engine, "SELECT score FROM okr_progress_monthly WHERE key_result_key = 'csat-up' ORDER BY month_start"
    )
    assert (daily, monthly) == ([(2,)], [(0.5,), (0.944444,)])
    assert rows(engine, "SELECT score FROM okr_progress_quarterly WHERE key_result_key = 'csat-up'") == [
        (0.944444,)
    ]
    assert rows(engine, "SELECT objective, score, coverage, published_status, kr_total FROM objectives") == [
        ("Customers love our help", 0.8, 0.9, "at_risk", 3)
    ]


def test_a_moved_target_of_a_key_result_is_shown(engine: Engine) -> None:
    put(engine, "p1")
    moved = replace(
        dictionary().key_results[0], target_value=0.8, revised_reason="too hard", revised_by="ana"
    )
    put(engine, "p2", dictionary=dictionary(key_results=(moved, *dictionary().key_results[1:])))
    assert rows(engine, "SELECT key_result_key, target_before, target_after, revised_by, revised_reason "
                        "FROM key_result_changes") == [("csat-up", 0.9, 0.8, "ana", "too hard")]  # fmt: skip


def test_a_corrected_check_in_is_kept_and_marked(engine: Engine) -> None:
    put(engine, "p1")
    with writing(engine) as connection:
        insert = text("INSERT INTO check_in (key_result_key, check_in_date, author_email, how_it_happened, confidence, "
                      "value_override, supersedes) "
                      "VALUES (:kr, '2026-02-20', 'a@b', 'so', 0.5, 9, :earlier)")  # fmt: skip
        connection.execute(insert, {"kr": "csat-up", "earlier": None})
        [first] = connection.execute(text("SELECT check_in_id FROM check_in")).scalars()
        connection.execute(insert, {"kr": "csat-up", "earlier": first})
        connection.execute(insert, {"kr": "pay-down", "earlier": None})
    found = rows(
        engine, "SELECT key_result_key, is_superseded, value_override FROM check_ins ORDER BY check_in_id"
    )
    assert [(key, bool(old), number) for key, old, number in found] == [
        ("csat-up", True, 9.0),
        ("csat-up", False, 9.0),
        ("pay-down", False, None),
    ]


def test_data_health_is_red_amber_or_green(engine: Engine) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    put(engine, "p1", freshness=(
        FreshnessRow("jira", "issues", 3600, False, now, now, now, 10),
        FreshnessRow("zendesk", "tickets", 3600, True, now),
        FreshnessRow("crm", "deals", 3600, False, error="401 from the vendor"),
    ), quality_results=(result(False, severity="warn"),))  # fmt: skip
    assert rows(engine, "SELECT source_system, health FROM data_health ORDER BY 1") == [
        ("crm", "red"),
        ("jira", "green"),
        ("vitals", "amber"),
        ("zendesk", "amber"),
    ]


@pytest.mark.parametrize(
    ("verdict", "shown"), [("expected", []), ("false", []), ("acknowledged", [("acknowledged",)])]
)
def test_what_people_said_about_a_flag_counts(engine: Engine, verdict: str, shown: list[Any]) -> None:
    put(engine, "p1", anomalies=(flag(FEBRUARY),))
    assert rows(engine, "SELECT state FROM open_anomalies") == [("open",)]
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO anomaly_feedback "
                                "(metric_id, start_date, end_date, verdict, reason, given_by) "
                                "VALUES ('csat', '2026-02-01', '2026-02-02', :verdict, 'campaign', 'ana')"),
                           {"verdict": verdict})  # fmt: skip
    assert rows(engine, "SELECT state FROM open_anomalies") == shown


def test_restricted_metrics_are_only_in_the_restricted_views(engine: Engine) -> None:
    create_roles(engine, ["board"])
    put(engine, "p1", value("salaries", number=80_000), value("csat"),
        anomalies=(flag(FEBRUARY, metric_id="salaries"),),
        alerts=(alert(is_restricted=True, message="salaries rose"),))  # fmt: skip
    names = [view.name for view in VIEWS if not view.only_with_schemas]
    for name in [*names, "scorecard_support_monthly"]:
        if name in ("metric_dictionary", "metric_changes", "metric_tree", "published_columns"):
            continue
        assert "salaries" not in str(rows(engine, f"SELECT * FROM {name}")), name
    where = "kpi_restricted." if engine.dialect.name == "postgresql" else "restricted_"
    assert rows(engine, f"SELECT metric_id, value FROM {where}kpi_monthly") == [("salaries", 80_000.0)]
    assert rows(engine, f"SELECT metric_id FROM {where}kpi_latest") == [("salaries",)]
    assert rows(engine, "SELECT status FROM metric_tree WHERE metric_id = 'salaries'") == [(None,)]


def test_a_change_of_definition_is_in_the_change_log(engine: Engine) -> None:
    put(engine, "p1")
    rows_now = dictionary()
    newer = replace(rows_now.changes[0], version=2, change_type="breaking", change_reason="spam is left out")
    put(engine, "p2", dictionary=dictionary(
        versions=(version("csat", 2, definition="Without spam."), *rows_now.versions[1:]),
        changes=(*rows_now.changes, newer),
    ))  # fmt: skip
    found = rows(engine, "SELECT version, change_type, definition_before, definition_after FROM metric_changes "
                         "WHERE metric_id = 'csat' ORDER BY version")  # fmt: skip
    assert found == [
        (1, "new", None, "What csat means."),
        (2, "breaking", "What csat means.", "Without spam."),
    ]
