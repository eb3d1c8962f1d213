"""The main job in every deployment that runs here publishes the same tables, byte for byte, as in one process.

    python -m pytest --tier deployment tests/tiers/deployment

PostgreSQL, Redis and an object-storage server are real programs on loopback; see README.md beside this file.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from connectors.sandbox.serve import Sandbox
from pipelines.sandboxed import SOURCES
from tests.conftest import REPOSITORY
from tests.programs import serving, started
from tests.servers import PostgresServer, free_port
from tests.tiers.deployment.company import DEPLOY, Deployment, differences
from tests.tiers.environments import environment_of

pytestmark = [pytest.mark.tier("deployment"), pytest.mark.timeout(1800)]
SCALE = 0.05


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped dictionary as it is now: an edit while the tests run is no difference between deployments."""
    folder = tmp_path_factory.mktemp("dictionary") / "catalogue"
    shutil.copytree(REPOSITORY / "definitions" / "catalogue", folder)
    return folder


@contextmanager
def a_company(folder: Path, catalogue: Path) -> Iterator[dict[str, str]]:
    """The variables by which any process finds the company's systems, at an instant that stands still.

    Each deployment has a company of its own from one seed: systems count the calls made to them, and say so.
    """
    (folder / "sources").mkdir(parents=True)
    for path in SOURCES.glob("*.yml"):
        shutil.copyfile(path, folder / "sources" / path.name)
    with Sandbox(seed=7, scale=SCALE, folder=folder / "exports") as sandbox:
        yield {
            **sandbox.environment(),
            "VITALS_CATALOGUE": str(catalogue),
            "VITALS_SOURCES": str(folder / "sources"),
            "VITALS_NOW": sandbox.clock().isoformat(),
            "VITALS_ON_CALL_URL": "json://127.0.0.1:9",
            "VITALS_MAIL_URL": "json://127.0.0.1:9",
        }


@pytest.fixture
def company(tmp_path: Path, catalogue: Path) -> Iterator[dict[str, str]]:
    with a_company(tmp_path / "company", catalogue) as found:
        yield found


@pytest.fixture(scope="module")
def one_process(
    postgres_server: PostgresServer, catalogue: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What is published by one process on one machine, with Dagster's instance in PostgreSQL."""
    folder = tmp_path_factory.mktemp("one")
    with a_company(folder / "company", catalogue) as company:
        deployment = Deployment.of("one", folder / "home", postgres_server, company)
        print(f"one process: {deployment.run():.0f} s")
    published = deployment.published()
    assert published["kpi_value"].count("\n") > 1000
    return published


def test_steps_in_processes_of_their_own(
    company: dict[str, str], postgres_server: PostgresServer, one_process: dict[str, str], tmp_path: Path
) -> None:
    deployment = Deployment.of(
        "many",
        tmp_path / "home",
        postgres_server,
        company,
        VITALS_EXECUTOR="multiprocess",
        VITALS_EXECUTOR_CONFIG=str(DEPLOY / "multiprocess" / "executor.yaml"),
    )
    print(f"multiprocess: {deployment.run():.0f} s")
    assert len(deployment.processes()) > 8
    assert differences(deployment.published(), one_process) == {}


def test_celery_workers_that_share_nothing_but_object_storage(
    company: dict[str, str],
    postgres_server: PostgresServer,
    one_process: dict[str, str],
    object_storage: dict[str, str],
    tmp_path: Path,
) -> None:
    """Two workers with homes of their own, as two machines have: what a step leaves reaches the next one through the
    bucket and the databases alone. Then a run that replays the raw store on a machine that has nothing of it."""
    redis = shutil.which("redis-server")
    if redis is None:
        pytest.skip("no redis-server (apt-get install redis-server)")
    celery = environment_of(DEPLOY / "celery" / "requirements.txt")
    packages = next(celery.parent.glob("lib/python*/site-packages"))
    port = free_port()
    deployment = Deployment.of(
        "celery",
        tmp_path / "home",
        postgres_server,
        company,
        profile="celery",
        VITALS_EXECUTOR="celery",
        VITALS_EXECUTOR_CONFIG=str(DEPLOY / "celery" / "executor.yaml"),
        DAGSTER_CELERY_BROKER_URL=f"redis://127.0.0.1:{port}/0",
        DAGSTER_CELERY_BACKEND_URL=f"redis://127.0.0.1:{port}/1",
        PYTHONPATH=os.pathsep.join([str(REPOSITORY), str(packages)]),
        **object_storage,
    )
    with ExitStack() as running:
        (tmp_path / "redis").mkdir()
        running.enter_context(
            serving(
                [redis, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
                tmp_path / "redis",
                port,
            )
        )
        deployment.prepare()
        for name in ("a", "b"):
            running.enter_context(_worker(deployment, tmp_path / name, name))
        print(f"celery over object storage: {deployment.run():.0f} s")
    assert len(deployment.processes()) > 1
    assert differences(deployment.published(), one_process) == {}
    homes = [tmp_path / name for name in ("a", "b")]
    assert all(
        not (home / "warehouse.duckdb").exists() and not (home / "state.db").exists() for home in homes
    )
    _replayed_elsewhere(deployment, tmp_path / "elsewhere")


def _worker(deployment: Deployment, home: Path, name: str) -> AbstractContextManager[object]:
    """A Celery worker with a home and a folder for temporary files that no other has."""
    (home / "tmp").mkdir(parents=True)
    shutil.copytree(deployment.home / "dagster", home / "dagster")
    # `dagster-celery` starts `celery` by name; here its package lies beside the installation and not in it.
    (home / "bin").mkdir()
    program = home / "bin" / "celery"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m celery "$@"\n')
    program.chmod(0o755)
    environment = {
        **deployment.environment,
        "VITALS_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "PATH": os.pathsep.join([str(home / "bin"), deployment.environment["PATH"]]),
        "TMPDIR": str(home / "tmp"),
    }
    command = [
        sys.executable, "-m", "dagster_celery.cli", "worker", "start", "-A", "dagster_celery.app", "-n", name,
        "-y", str(DEPLOY / "celery" / "worker.yaml"),
    ]  # fmt: skip
    return started(command, home, home / "worker.log", environment)


def _replayed_elsewhere(deployment: Deployment, home: Path) -> None:
    """Everything computed again, on a machine with empty folders, from the bucket; the vendors are gone."""
    (home / "tmp").mkdir(parents=True)
    shutil.copytree(deployment.home / "dagster", home / "dagster")
    before = deployment.published()["kpi_value"]
    again = Deployment(
        "again",
        home,
        deployment.server,
        {
            **{name: value for name, value in deployment.environment.items() if name != "VITALS_EXECUTOR"},
            **dict.fromkeys(("SALESFORCE_URL", "JIRA_URL", "INTERCOM_URL"), "http://127.0.0.1:9"),
            "VITALS_EXECUTOR_CONFIG": "",
            "VITALS_HOME": str(home),
            "DAGSTER_HOME": str(home / "dagster"),
            "TMPDIR": str(home / "tmp"),
        },
    )
    print(f"computed again elsewhere: {again.run('recompute'):.0f} s")
    assert again.published()["kpi_value"] == before
