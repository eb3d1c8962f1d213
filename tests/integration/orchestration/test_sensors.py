"""Sensors on a real instance and a real reporting database: what they tell, to whom, and that they tell it once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterEvent, DagsterEventType

from pipelines import sensors
from pipelines.assets.checks import check_result
from pipelines.installation import Installation
from pipelines.jobs import JOB_TAG
from pipelines.workspace import Workspace
from quality import CheckResult, Dimension, Severity

TICKETS = dg.AssetKey(["support", "tickets"])
CONTRACT = dg.AssetCheckKey(TICKETS, "contract")
NOW = datetime(2026, 6, 15, 10, tzinfo=UTC)


@dataclass
class Operation:
    """An installation with its Dagster instance and its alert log."""

    installation: Installation
    instance: dg.DagsterInstance

    def alerts(self) -> list[dict[str, Any]]:
        path = self.installation.workspace.home / "reporting.db"
        if not path.exists():
            return []
        with sqlite3.connect(path) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute("SELECT * FROM alert_log ORDER BY alert_key")]


@pytest.fixture
def operation(tmp_path: Path) -> Iterator[Operation]:
    workspace = Workspace.from_environment({"VITALS_HOME": str(tmp_path), "VITALS_NOW": NOW.isoformat()})
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        yield Operation(Installation.load(workspace), instance)


def of_run(operation: Operation, **tags: str) -> dg.RunStatusSensorContext:
    run = dg.DagsterRun(job_name="daily", run_id="0" * 8, tags={JOB_TAG: "daily", **tags})
    event = DagsterEvent(
        event_type_value=DagsterEventType.RUN_FAILURE.value, job_name="daily", message="the machine is gone"
    )
    return dg.build_run_status_sensor_context(
        sensor_name="run_failed",
        dagster_instance=operation.instance,
        dagster_run=run,
        dagster_event=event,
        resources={"installation": operation.installation},
    )


def test_a_failed_run_goes_to_the_team_that_runs_the_pipelines(operation: Operation) -> None:
    sensors.run_failed(of_run(operation, **{sensors.WILL_RETRY: "true"}).for_run_failure())
    assert operation.alerts() == []  # its retry is not over yet
    for _ in range(2):  # a sensor that lost its cursor
        sensors.run_failed(of_run(operation).for_run_failure())
    rows = operation.alerts()
    assert [row["recipient"] for row in rows] == ["person:head_of_engineering", "team:engineering"]
    assert {row["severity"] for row in rows} == {"critical"}
    assert "the machine is gone" in rows[0]["payload"]


def test_the_next_success_ends_it(operation: Operation) -> None:
    sensors.run_failed(of_run(operation).for_run_failure())
    sensors.run_recovered(of_run(operation))
    assert [row["notice"] for row in operation.alerts()] == ["firing", "firing", "resolved", "resolved"]


def broken(check_id: str, *, blocks: bool) -> CheckResult:
    return CheckResult(
        check_id=check_id, asset="support.tickets", source_system="intercom", metric_ids=("csat",),
        dimension=Dimension.UNIQUENESS, severity=Severity.ERROR, passed=False, rows_checked=9, rows_failed=3,
        observed=3.0, threshold=0.0, message=f"{check_id}: 3 of 9 rows", blocks_publish=blocks, checked_at=NOW,
    )  # fmt: skip


def test_a_check_that_stops_a_run_is_told_once(operation: Operation) -> None:
    (sensor,) = [one for one in sensors.build_sensors([CONTRACT]) if one.name == "check_failed"]

    def tick(cursor: str | None) -> tuple[str, str]:
        context = dg.build_sensor_context(
            instance=operation.instance, cursor=cursor, resources={"installation": operation.installation}
        )
        said = sensor(context)
        assert isinstance(said, dg.SkipReason)
        return said.skip_message or "", context.cursor or ""

    assert tick(None)[0] == "0 checks stopped a run, 0 notices are new"
    told = check_result(
        [broken("keys", blocks=True), broken("other", blocks=False)], asset=TICKETS, name="contract"
    )
    assert told.severity is dg.AssetCheckSeverity.ERROR
    operation.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=TICKETS,
            check_name="contract",
            passed=False,
            severity=told.severity,
            metadata=told.metadata,
        )
    )
    said, cursor = tick(None)
    assert said == "1 checks stopped a run, 2 notices are new"
    rows = operation.alerts()
    assert {row["subject_id"] for row in rows} == {"support.tickets/keys"}
    assert {row["severity"] for row in rows} == {"critical"}
    assert {row["message"] for row in rows} == {"support.tickets: keys: 3 of 9 rows"}
    assert list(json.loads(cursor)) == [CONTRACT.to_user_string()]
    assert tick(cursor) == ("0 checks stopped a run, 0 notices are new", cursor)
    assert tick(None)[0] == "1 checks stopped a run, 0 notices are new"  # the outbox knows


def test_no_publication_waits_for_a_channel() -> None:
    """Publishing does not even know the libraries that deliver."""
    import subprocess
    import sys

    code = "import sys, pipelines.steps.publication; print('apprise' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
