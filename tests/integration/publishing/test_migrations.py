"""The schema moves forward and back with data in place, and versions that do not fit refuse each other.

Source: fault rules, fault 31.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, select, text

from pipelines.publishing import migrations, open_reporting, publish
from pipelines.publishing.engine import reading, writing
from pipelines.publishing.errors import SchemaMismatch
from pipelines.publishing.records import KeyResultScoreRow
from pipelines.publishing.schema import CORE, INPUT, metadata
from tests.integration.publishing.kit import Clock, assert_whole, publication, put, rows, value
from tests.integration.publishing.test_publish import alert, flag, result

REVISIONS = ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009"]


def fill(engine: Engine) -> None:
    """A row of most kinds."""
    score = KeyResultScoreRow("csat-up", date(2026, 2, 28), 59, "ratio", "on_track", "on_track", score=0.94)
    flags, checks = (flag(date(2026, 1, 1)),), (result(True, "csat"),)
    put(engine, "p1", value("csat", number=0.8), value("revenue", number=12345.678901), alerts=(alert(),),
        anomalies=flags, quality_results=checks, key_result_scores=(score,))  # fmt: skip
    with writing(engine) as connection:
        connection.execute(text(
            "INSERT INTO check_in (key_result_key, check_in_date, author_email, how_it_happened, confidence) "
            "VALUES ('csat-up', '2026-02-20', 'ana@example.com', 'we answer on Sundays', 0.7)"))  # fmt: skip


def contents(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Every row of every base table that is there, with the columns that are."""
    found = {}
    with reading(engine) as connection:
        has_schemas = engine.dialect.name == "postgresql"
        there = {
            name
            for schema in ((CORE, INPUT) if has_schemas else (None,))
            for name in inspect(connection).get_table_names(schema=schema)
        }
        for table in metadata.sorted_tables:
            if table.name in there and table.name != "object_comment":
                key = list(table.primary_key.columns)
                there_too = inspect(connection).get_columns(
                    table.name, schema=table.schema if has_schemas else None
                )
                columns = [table.c[column["name"]] for column in there_too]
                found[table.name] = [
                    row._asdict() for row in connection.execute(select(*columns).order_by(*key))
                ]
    return found


def test_the_steps_make_exactly_the_schema_that_the_code_declares(engine: Engine) -> None:
    with engine.connect() as connection:
        has_schemas = engine.dialect.name == "postgresql"
        options: dict[str, Any] = {"include_schemas": has_schemas, "compare_type": has_schemas}
        if has_schemas:
            connection.execute(text("SET search_path = public"))  # else names come back without their schema
        if not has_schemas:
            assert set(inspect(connection).get_table_names()) - {"alembic_version"} == {
                t.name for t in metadata.tables.values()
            }
            return
        options["version_table_schema"] = CORE
        context = MigrationContext.configure(connection, opts=options)
        differences = [entry for entry in compare_metadata(context, metadata) if entry[0] != "remove_table"]
    assert differences == []


def test_columns_of_sqlite_are_those_of_the_code(sqlite_engine: Engine) -> None:
    with sqlite_engine.connect() as connection:
        for table in metadata.tables.values():
            found = inspect(connection).get_columns(table.name)
            assert [(c["name"], c["nullable"]) for c in found] == [
                (c.name, c.nullable) for c in table.columns
            ]
            keys = {tuple(k["constrained_columns"]) for k in inspect(connection).get_foreign_keys(table.name)}
            assert keys == {tuple(c.name for c in key.columns) for key in table.foreign_key_constraints}


def test_down_and_up_again_keeps_what_the_older_schema_knows(engine: Engine) -> None:
    fill(engine)
    whole = contents(engine)
    for revision in reversed(REVISIONS[:-1]):
        migrations.downgrade(engine, revision)
        left = contents(engine)
        for name, found in left.items():
            assert found == [
                {key: row[key] for key in mine} for row, mine in zip(whole[name], found, strict=True)
            ]
    for revision in REVISIONS[1:]:
        assert migrations.upgrade(engine, revision) == revision
    back = contents(engine)
    for name in ("kpi_value", "check_in", "alert_log"):
        assert name in back
    assert back["metric"] == whole["metric"]
    assert rows(engine, "SELECT metric_id FROM metric_dictionary ORDER BY 1") != []


def test_an_upgrade_is_safe_to_repeat_and_keeps_everything(engine: Engine) -> None:
    fill(engine)
    before = contents(engine)
    scorecard = rows(engine, "SELECT month_start, revenue FROM scorecard_finance_monthly")
    assert migrations.upgrade(engine) == migrations.head()
    assert contents(engine) == before
    assert rows(engine, "SELECT month_start, revenue FROM scorecard_finance_monthly") == scorecard
    assert_whole(engine)


def test_a_view_that_gained_columns_has_them_after_an_upgrade(engine: Engine) -> None:
    fill(engine)
    migrations.downgrade(engine, "0008")
    migrations.upgrade(engine)
    assert rows(engine, "SELECT band_low, band_high FROM kpi_latest WHERE metric_id = 'csat'") == [
        (None, None)
    ]


def test_an_old_publisher_refuses_a_newer_schema_and_leaves_it_alone(engine: Engine) -> None:
    put(engine, "p1", value())
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for attempt in (lambda: put(engine, "p2", value(number=0.1)), lambda: migrations.upgrade(engine)):
        with pytest.raises(
            SchemaMismatch, match="is at schema revision 9999, this code writes revision 0009"
        ):
            attempt()
    assert rows(engine, "SELECT value FROM kpi_value") == [(0.85,)]


def test_a_new_publisher_refuses_an_older_schema_until_it_is_upgraded(engine: Engine) -> None:
    migrations.downgrade(engine, "0005")
    with pytest.raises(SchemaMismatch, match="upgrade it"):
        put(engine, "p1", value())
    migrations.upgrade(engine)
    put(engine, "p1", value())
    assert_whole(engine)


def test_a_schema_that_changes_while_a_batch_is_staged_stops_it(engine: Engine) -> None:
    put(engine, "p1", value())

    def meddle(_: object) -> list[Any]:
        with writing(engine) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        return []

    with pytest.raises(SchemaMismatch):
        publish(engine, publication("p2", value(number=0.1)), clock=Clock(), run_id="r", audits=(meddle,))
    assert rows(engine, "SELECT value FROM kpi_value") == [(0.85,)]


def test_a_failed_upgrade_leaves_the_database_as_it_was(engine: Engine) -> None:
    migrations.downgrade(engine, "0003")
    with writing(engine) as connection:
        core = f"{CORE}." if engine.dialect.name == "postgresql" else ""
        connection.exec_driver_sql(f"CREATE TABLE {core}freshness (in_the_way INTEGER)")
    with pytest.raises(Exception, match="already exists"):
        migrations.upgrade(engine)
    with engine.connect() as connection:
        assert migrations.revision(connection) == "0003"


def test_the_default_of_a_time_is_read_back_as_utc(engine: Engine) -> None:
    fill(engine)
    with reading(engine) as connection:
        created = connection.execute(metadata.tables[f"{INPUT}.check_in"].select()).one().created_at
    assert abs((created - datetime.now(UTC)).total_seconds()) < 60


def test_no_migration_is_needed_twice(tmp_path: Path) -> None:
    engine = open_reporting(f"sqlite:///{tmp_path / 'fresh' / 'folder' / 'reporting.db'}")
    assert migrations.upgrade(engine) == migrations.head() == REVISIONS[-1]
    engine.dispose()
