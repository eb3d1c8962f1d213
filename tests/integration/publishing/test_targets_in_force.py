"""A target that a steward enters in the database counts: in colours, in the target table, in what is published."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from pipelines.installation import Installation
from pipelines.publishing import open_reporting, writing
from pipelines.publishing.errors import LeaseLost
from pipelines.steps.assess import assess_values, keep_as_good
from pipelines.steps.compute import VALUES
from pipelines.steps.publication import publish_run
from pipelines.warehouse import open_warehouse
from tests.integration.publishing.installed import APRIL, computed, installed, run
from tests.integration.publishing.kit import rows


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """The shipped dictionary on a clock in May 2026, without sources."""
    return installed(tmp_path)


def enter(installation: Installation, **changes: object) -> None:
    entry = {
        "metric": "csat", "grain": "month", "first": "2026-04-01", "last": "2026-04-30", "dimension": "",
        "value": "", "target": 0.97,
    }  # fmt: skip
    statement = text(
        "INSERT INTO target_entry (metric_id, period_grain, period_start, period_end, segment_dimension, "
        "segment_value, comparison, target_value, reason, entered_by) VALUES (:metric, :grain, :first, :last, "
        ":dimension, :value, 'gte', :target, 'braver', 'ana')"
    )
    engine = open_reporting(installation.workspace.reporting_url)
    with writing(engine) as connection:
        connection.execute(statement, entry | changes)
    engine.dispose()


def test_an_entered_target_colours_the_value_and_is_published(installation: Installation) -> None:
    url = installation.workspace.reporting_url
    with open_warehouse(installation.workspace.warehouse_url) as warehouse:
        run(installation, warehouse, "before", computed(installation))
        enter(installation, target=0.97)
        enter(installation, first="2026-04-02")  # no month begins on the second
        enter(installation, dimension="moon", value="full")
        run(installation, warehouse, "after")
    engine = open_reporting(url)
    shown = rows(
        engine, "SELECT value, target_value, status, revision FROM kpi_monthly WHERE metric_id = 'csat'"
    )
    assert shown == [(0.9, 0.97, "red", 2)] or shown == [(0.9, 0.97, "amber", 2)]
    history = (
        "SELECT target_value, set_by, reason, is_current FROM target_history WHERE metric_id = 'csat' "
        "AND period_grain = 'month' AND period_start = :april AND segment_key = 'total' ORDER BY revision"
    )
    assert rows(engine, history, april=APRIL.isoformat())[-1] == (0.97, "ana", "braver", True)
    check = (
        "SELECT passed, rows_failed, severity, message FROM data_quality_result "
        "WHERE is_current AND check_id = 'target_entry.usable'"
    )
    [(passed, failed, severity, message)] = rows(engine, check)
    assert (passed, failed, severity) == (False, 2, "warn")
    assert "write 2026-04-01 to 2026-04-30" in message
    assert "not reported by moon" in message
    engine.dispose()


def test_what_was_held_back_is_no_measure_for_the_next_run(installation: Installation) -> None:
    with open_warehouse(installation.workspace.warehouse_url) as warehouse:
        warehouse.write(VALUES, computed(installation, 0.9))
        assess_values(installation, warehouse)
        keep_as_good(warehouse)
        warehouse.write(VALUES, computed(installation, 0.1))
        assess_values(installation, warehouse)
        keep_as_good(warehouse, {"csat"})
        kept = warehouse.query("SELECT metric, value FROM vitals.kpi_last_good").to_pylist()
        assert kept == [{"metric": "csat", "value": 0.9}]
        keep_as_good(warehouse)
        assert warehouse.query("SELECT value FROM vitals.kpi_last_good").to_pylist() == [{"value": 0.1}]


def test_a_run_that_another_overtook_publishes_nothing(installation: Installation) -> None:
    """It slept between reading and publishing; what it read is older than what the other published meanwhile."""

    def overtaken(_: object) -> None:
        if not overtakers:
            overtakers.append(run(installation, warehouse, "later", computed(installation, 0.7)))

    overtakers: list[object] = []
    with open_warehouse(installation.workspace.warehouse_url) as warehouse:
        run(installation, warehouse, "first", computed(installation, 0.9))
        warehouse.write(VALUES, computed(installation, 0.8))
        assess_values(installation, warehouse)
        with pytest.raises(LeaseLost, match=r"lost the right to publish to run later"):
            publish_run(installation, warehouse, run_id="sleeper", on_audit=overtaken)
    engine = open_reporting(installation.workspace.reporting_url)
    assert rows(engine, "SELECT value FROM kpi_monthly WHERE metric_id = 'csat'") == [(0.7,)]
    assert rows(engine, "SELECT orchestrator_run_id FROM publish_batch ORDER BY batch_id") == [
        ("first",),
        ("later",),
    ]
    engine.dispose()
