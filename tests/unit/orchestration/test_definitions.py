"""What Dagster shows of an installation: assets with everything people look for, pools, jobs, schedules, automation."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.assets.specs import metric_key
from pipelines.definitions import build_definitions
from pipelines.installation import Installation
from pipelines.jobs import DAILY, RECOMPUTE, RESTATE, restatement
from pipelines.sandboxed import SOURCES
from pipelines.workspace import Workspace

NOW = datetime(2026, 6, 15, 6, tzinfo=UTC)
VENDOR_URLS = dict.fromkeys(("SALESFORCE_URL", "JIRA_URL", "INTERCOM_URL"), "http://127.0.0.1:1")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(SOURCES, home / "sources")
    workspace = Workspace.from_environment({"VITALS_HOME": str(home)})
    with pytest.MonkeyPatch.context() as patch:
        for name, url in {**VENDOR_URLS, "FILES_FOLDER": str(home)}.items():
            patch.setenv(name, url)
        return Installation.load(replace(workspace, clock=lambda: NOW))


@pytest.fixture(scope="module")
def definitions(installation: Installation) -> dg.Definitions:
    return build_definitions(installation)


@pytest.fixture(scope="module")
def graph(definitions: dg.Definitions) -> Any:
    return definitions.resolve_asset_graph()


def test_every_metric_has_owner_tags_kinds_formula_lineage_and_line(
    installation: Installation, graph: Any
) -> None:
    for name, metric in installation.catalogue.metrics.items():
        node = graph.get(metric_key(name))
        assert f"team:{metric.owner.team}" in node.owners
        assert {"sql", "yaml"} <= node.kinds
        tags = {
            "vitals/team": metric.owner.team,
            "vitals/level": metric.level,
            "vitals/perspective": metric.perspective,
            "vitals/cadence": metric.frequency.calculate,
            "vitals/tier": metric.status,
        }
        assert tags.items() <= node.tags.items()
        assert metric.definition in node.description
        assert "Formula: `" in node.description
        assert node.metadata["dagster/column_lineage"].deps_by_column["value"], name
        (reference,) = node.metadata["dagster/code_references"].code_references
        line = Path(reference.file_path).read_text().splitlines()[reference.line_number - 1]
        assert f"name: {name}" in line
        assert node.freshness_policy is not None
        assert node.code_version == installation.hashes[name][:16]


def test_lineage_reaches_the_vendors_field(graph: Any) -> None:
    """kpi/csat · value ← support/satisfaction_ratings · score ← raw/intercom/conversations · rating ← the field."""
    (value,) = graph.get(metric_key("csat")).metadata["dagster/column_lineage"].deps_by_column.values()
    assert dg.TableColumnDep(dg.AssetKey(["support", "satisfaction_ratings"]), "score") in value
    raw = graph.get(dg.AssetKey(["raw", "intercom", "conversations"]))
    columns = {column.name: column for column in raw.metadata["dagster/column_schema"].columns}
    assert columns["rating"].tags["vitals/field"] == "conversation_rating.rating"
    assert "conversation_rating.rating" in columns["rating"].description


def test_an_account_the_warehouse_and_the_publisher_have_pools(graph: Any) -> None:
    pools = {tuple(node.key.path[:2]): set(node.pools) for node in graph.asset_nodes}
    assert pools["raw", "jira"] == {"account_jira_sandbox"}
    assert pools["kpi", "csat"] == {"warehouse"}
    assert pools["support", "tickets"] == {"warehouse"}
    assert pools["published", "kpi_values"] == {"publisher"}


def test_checks_that_hold_a_publication_block(graph: Any) -> None:
    blocking = {key.to_user_string() for key in graph.asset_check_keys if graph.get(key).blocking}
    assert {"kpi_values:computed", "support/tickets:contract"} <= blocking
    assert "dictionary:loads" not in blocking


def test_jobs_that_call_no_vendor_have_no_raw_asset(definitions: dg.Definitions) -> None:
    for name in (RECOMPUTE, RESTATE):
        job = definitions.resolve_job_def(name)
        assert not [key for key in job.asset_layer.executable_asset_keys if key.path[0] == "raw"]
    assert any(
        key.path[0] == "raw" for key in definitions.resolve_job_def(DAILY).asset_layer.executable_asset_keys
    )


def test_restate_is_backfilled_by_months_of_business_time(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def(RESTATE)
    assert job.partitions_def is not None
    months = job.partitions_def.get_partition_keys(current_time=NOW)
    assert (months[0], months[-1]) == ("2016-01-01", "2026-06-01")
    config = job.partitioned_config.get_run_config_for_partition_key("2026-02-01")
    assert config["ops"]["compute_kpis"]["config"] == {"first": "2026-02-01", "last": "2026-02-28"}
    assert config["ops"]["stage"]["config"] == {"replay": True}
    assert config["ops"]["publish"]["config"]["reason"] == "restated February 2026"
    assert dg.validate_run_config(job, config)
    assert dg.validate_run_config(job, restatement(None, None))


def test_cadence_drives_automation(definitions: dg.Definitions, installation: Installation) -> None:
    """At six everything that is due is asked for; slower metrics on the first day of their periods."""
    sensor = dg.AutomationConditionSensorDefinition("all", target=dg.AssetSelection.all())
    instance = dg.DagsterInstance.ephemeral()

    def requested(cursor: Any, at: datetime) -> tuple[set[str], Any]:
        result = dg.evaluate_automation_conditions(
            defs=definitions,
            instance=instance,
            asset_selection=sensor.asset_selection,
            evaluation_time=at,
            cursor=cursor,
        )
        keys = {one.key for one in result.results if result.get_num_requested(one.key)}
        return {key.to_user_string() for key in keys if isinstance(key, dg.AssetKey)}, result.cursor

    cadences = {
        metric_key(name).to_user_string(): one.frequency.calculate
        for name, one in installation.catalogue.metrics.items()
    }
    before, cursor = requested(None, datetime(2026, 6, 30, 5, 59, tzinfo=UTC))
    assert before == set()
    tuesday, cursor = requested(cursor, datetime(2026, 6, 30, 6, 1, tzinfo=UTC))
    assert {"kpi_values", "report", "published/kpi_values", "raw/jira/issues", "support/tickets"} <= tuesday
    assert {cadences[key] for key in tuesday & cadences.keys()} == {"daily"}
    _, cursor = requested(cursor, datetime(2026, 6, 30, 6, 2, tzinfo=UTC))
    july, _ = requested(cursor, datetime(2026, 7, 1, 6, 1, tzinfo=UTC))
    assert {cadences[key] for key in july & cadences.keys()} == {"daily", "monthly", "quarterly"}


def test_freshness_follows_the_frequency(graph: Any, installation: Installation) -> None:
    windows = {
        metric.frequency.calculate: graph.get(metric_key(name)).freshness_policy.fail_window.to_timedelta()
        for name, metric in installation.catalogue.metrics.items()
    }
    assert windows["daily"] == timedelta(days=2)
    assert windows["weekly"] == timedelta(days=14)
    assert windows["monthly"] == timedelta(days=62)


def test_sensors_run_without_being_turned_on(definitions: dg.Definitions) -> None:
    sensors = {sensor.name: sensor for sensor in definitions.sensors or []}
    assert set(sensors) == {"deliver_alerts", "run_failed", "run_recovered", "check_failed", "data_late"}
    assert {sensor.default_status for sensor in sensors.values()} == {dg.DefaultSensorStatus.RUNNING}
