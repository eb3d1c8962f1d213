"""The profiles of `deploy/`: an instance on a real PostgreSQL, executors chosen by the environment, files that fit.

What needs workers or another package is in the tier `deployment`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster_postgres.event_log import PostgresEventLogStorage

from pipelines.executors import executor_from
from pipelines.installation import Installation
from pipelines.running import dagster_instance, run_job
from pipelines.workspace import Workspace, WorkspaceError

DEPLOY = Path(__file__).parents[3] / "deploy"


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def test_the_instance_in_postgresql_records_a_run(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dagster").mkdir()
    shutil.copyfile(DEPLOY / "postgres" / "dagster.yaml", tmp_path / "dagster" / "dagster.yaml")
    monkeypatch.setenv("VITALS_DAGSTER_URL", postgres_url.replace("+psycopg2", ""))
    monkeypatch.setenv("DAGSTER_HOME", "")
    workspace = Workspace.from_environment(
        {"VITALS_HOME": str(tmp_path), "VITALS_NOW": "2026-06-15T06:00:00Z"}
    )
    with dagster_instance(tmp_path) as instance:
        assert isinstance(instance.event_log_storage, PostgresEventLogStorage)
        outcome = run_job(Installation.load(workspace), instance, assets=["dictionary"])
        assert outcome.succeeded, outcome.failures
        assert instance.get_latest_materialization_event(dg.AssetKey("dictionary"))
        _is_guarded(instance)
    assert not (tmp_path / "dagster" / "history").exists()


def test_the_default_instance_limits_retries_and_monitors_its_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")
    with dagster_instance(tmp_path) as instance:
        _is_guarded(instance)


def _is_guarded(instance: dg.DagsterInstance) -> None:
    assert instance.run_monitoring_enabled
    assert instance.run_retries_enabled
    assert instance.run_retries_max_retries == 2
    concurrency = instance.get_concurrency_config()
    assert concurrency.pool_config.default_pool_limit == 1
    queue = concurrency.run_queue_config
    assert queue is not None
    assert {"key": "vitals/job", "limit": 1} in queue.tag_concurrency_limits
    assert not instance.nux_enabled


@pytest.mark.parametrize("profile", ["postgres", "celery", "kubernetes"])
def test_every_instance_keeps_the_limits_retries_and_monitoring_of_the_default(profile: str) -> None:
    from pipelines.running import INSTANCE_SETTINGS

    own, default = read(f"{profile}/dagster.yaml"), yaml.safe_load(INSTANCE_SETTINGS.format(history="x"))
    for section in ("concurrency", "run_monitoring", "run_retries", "telemetry", "nux"):
        assert own[section] == default[section]


def test_steps_run_where_the_environment_says() -> None:
    assert executor_from({}).name == "in_process"
    many = executor_from(
        {
            "VITALS_EXECUTOR": "multiprocess",
            "VITALS_EXECUTOR_CONFIG": str(DEPLOY / "multiprocess/executor.yaml"),
        }
    )
    assert many.name == "multiprocess"
    own = executor_from({"VITALS_EXECUTOR": "dagster:multi_or_in_process_executor"})
    assert own.name == "multi_or_in_process_executor"


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"VITALS_EXECUTOR": "cellery"}, "in_process, multiprocess, celery, kubernetes"),
        ({"VITALS_EXECUTOR": "no_such_package:executor"}, "not installed"),
        ({"VITALS_EXECUTOR": "dagster:job"}, "no Dagster executor"),
        ({"VITALS_EXECUTOR_CONFIG": "/nowhere.yaml"}, "/nowhere.yaml"),
    ],
)
def test_an_executor_that_cannot_be_used_is_told_with_what_to_write(
    environment: dict[str, str], told: str
) -> None:
    with pytest.raises(WorkspaceError, match=told):
        executor_from(environment)


def test_what_the_cluster_s_instance_names_is_made_by_the_manifests() -> None:
    launcher = read("kubernetes/dagster.yaml")["run_launcher"]["config"]
    kustomization = read("kubernetes/kustomization.yaml")
    maps = {one["name"] for one in kustomization["configMapGenerator"]}
    assert {launcher["instance_config_map"], *launcher["env_config_maps"]} <= maps
    assert {one["configMap"]["name"] for one in launcher["volumes"]} <= maps
    documents = [
        document
        for name in kustomization["resources"]
        for document in yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text(encoding="utf-8"))
    ]
    services = {one["metadata"]["name"] for one in documents if one["kind"] == "Service"}
    (location,) = read("kubernetes/workspace.yaml")["load_from"]
    assert location["grpc_server"]["host"] in services
    accounts = {one["metadata"]["name"] for one in documents if one["kind"] == "ServiceAccount"}
    for one in documents:
        if one["kind"] != "Deployment":
            continue
        pod = one["spec"]["template"]["spec"]
        assert pod["serviceAccountName"] in accounts
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            assert {
                entry["configMapRef"]["name"] for entry in container["envFrom"] if "configMapRef" in entry
            } <= maps
    variables = dict(
        line.split("=", 1) for line in (DEPLOY / "kubernetes" / "vitals.env").read_text().splitlines() if line
    )
    assert variables["VITALS_EXECUTOR"] == "kubernetes"


def test_compose_starts_services_that_wait_for_each_other_and_mount_files_that_exist() -> None:
    compose = read("compose/compose.yaml")
    celery = read("celery/compose.yaml")["services"]
    names = set(compose["services"]) | set(celery)
    for services in (compose["services"], celery):
        for service in services.values():
            assert set(service.get("depends_on", ())) <= names
            for volume in service.get("volumes", ()):
                source = volume.split(":")[0]
                assert source in compose["volumes"] or (DEPLOY / "compose" / source).exists(), source
    (location,) = read("compose/workspace.yaml")["load_from"]
    assert location["grpc_server"]["host"] in names


def test_units_start_programs_that_the_lock_installs() -> None:
    for path in sorted((DEPLOY / "postgres" / "systemd").glob("*.service")):
        (line,) = [line for line in path.read_text().splitlines() if line.startswith("ExecStart=")]
        program = Path(line.split("=", 1)[1].split()[0]).name
        assert shutil.which(program, path=str(Path(sys.executable).parent)), path.name
