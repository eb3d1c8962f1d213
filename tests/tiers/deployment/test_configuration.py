"""Instance, launcher and executors of the profiles, held against Dagster's own schemas; the manifests, built."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.tiers.deployment.company import DEPLOY
from tests.tiers.environments import environment_of

pytestmark = [pytest.mark.tier("deployment"), pytest.mark.timeout(900)]

VALIDATE = """
import json, sys
import yaml
from dagster._config import process_config
from dagster._core.instance.config import dagster_instance_config
from pipelines.executors import executor_from

profile = sys.argv[1]
settings, _ = dagster_instance_config(f"deploy/{profile}")
executor = executor_from()
found = executor.apply_config_mapping({"config": {}})
problems = [] if found.success else [error.message for error in found.errors]
if launcher := settings.get("run_launcher"):
    module = __import__(launcher["module"])
    schema = getattr(module, launcher["class"]).config_type()
    checked = process_config(schema, launcher["config"])
    problems += [] if checked.success else [error.message for error in checked.errors]
worker = None
if profile == "celery":
    from dagster_celery.cli import get_validated_config
    worker = get_validated_config("deploy/celery/worker.yaml")["broker"]
config = found.value if found.success else None
print(json.dumps({"worker": worker, "executor": executor.name, "problems": problems, "config": config}))
"""


@pytest.mark.parametrize(
    ("profile", "executor"), [("celery", "celery"), ("kubernetes", "k8s")], ids=["celery", "kubernetes"]
)
def test_configuration_is_what_dagster_takes(profile: str, executor: str) -> None:
    packages = next(
        environment_of(DEPLOY / profile / "requirements.txt").parent.glob("lib/python*/site-packages")
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(packages)]),
        "VITALS_EXECUTOR": profile,
        "VITALS_EXECUTOR_CONFIG": str(DEPLOY / profile / "executor.yaml"),
        "VITALS_DAGSTER_URL": "postgresql://dagster@localhost/dagster",
        "VITALS_IMAGE": "vitals:1",
        "VITALS_NAMESPACE": "vitals",
        "DAGSTER_CELERY_BROKER_URL": "redis://localhost/0",
        "DAGSTER_CELERY_BACKEND_URL": "redis://localhost/1",
    }
    done = subprocess.run(
        [sys.executable, "-c", VALIDATE, profile],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["problems"] == []
    assert found["executor"] == executor
    if profile == "celery":
        assert found["config"]["config"]["broker"] == found["worker"] == "redis://localhost/0"


def test_the_manifests_are_built() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl")
    done = subprocess.run(
        [kubectl, "kustomize", str(DEPLOY / "kubernetes")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    made = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(done.stdout)}
    assert {name for kind, name in made if kind == "Deployment"} == {
        "vitals-code", "vitals-daemon", "vitals-site", "vitals-webserver"
    }  # fmt: skip
    assert "K8sRunLauncher" in made["ConfigMap", "vitals-instance"]["data"]["dagster.yaml"]
    assert all(
        one["metadata"].get("namespace") == "vitals" for (kind, _), one in made.items() if kind != "Namespace"
    )
