"""What `vitals init` makes runs on the sandbox company: one pack through the main job, the others to their values.

python -m pytest --tier packs tests/tiers/packs: about a minute, with nothing but this checkout.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from definitions.packs import MODELS
from pipelines.cli.app import app
from pipelines.installation import Installation
from pipelines.running import dagster_instance, run_job
from pipelines.sandboxed import sandbox_installation
from pipelines.steps.compute import VALUES, compute
from pipelines.steps.sourceless import sourceless
from pipelines.steps.stage import stage
from pipelines.warehouse import open_warehouse
from pipelines.workspace import Workspace

pytestmark = [pytest.mark.tier("packs"), pytest.mark.timeout(600)]
SYSTEMS = "salesforce,jira,intercom"
THROUGH = "product-led"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The workspace of a product-led company after a run of the main job on the sandbox's systems."""
    before = dict(os.environ)
    home = tmp_path_factory.mktemp("home")
    catalogues = home / "catalogues"
    with sandbox_installation(home, scale=0.05) as running, dagster_instance(home) as instance:
        os.environ["VITALS_NOW"] = running.workspace.now().isoformat()
        for model in MODELS:
            words = ["init", str(catalogues / model), "--model", model, "--systems", SYSTEMS, "--yes"]
            assert CliRunner().invoke(app, words).exit_code == 0
        workspace = replace(running.workspace, catalogue=catalogues / THROUGH)
        outcome = run_job(Installation.load(workspace), instance)
        assert outcome.failures == ()
        assert outcome.succeeded
        yield workspace
    os.environ.clear()
    os.environ.update(before)


def test_the_main_job_publishes_a_pack_s_catalogue(ran: Workspace) -> None:
    with sqlite3.connect(f"file:{ran.home / 'reporting.db'}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT metric_id, value, value_state, target_value FROM kpi_latest"
        ).fetchall()
    found = {name: (value, state, target) for name, value, state, target in rows}
    assert set(found) == set(Installation.load(ran).catalogue.metrics)
    value, state, _ = found["weekly_active_teams"]
    assert value > 0
    assert state in ("final", "provisional")
    assert found["csat"][2] == 0.85, "a first target"
    assert (ran.report / "index.html").is_file()


@pytest.mark.parametrize("model", [model for model in MODELS if model != THROUGH])
def test_the_others_compute_over_the_same_systems(ran: Workspace, model: str, tmp_path: Path) -> None:
    workspace = replace(ran, catalogue=ran.catalogue.parent / model)
    installation = Installation.load(workspace)
    absent = sourceless(installation.catalogue, installation.models)
    with open_warehouse(workspace.warehouse_url) as warehouse:
        stage(installation, warehouse)
        told = {item.metric: item for item in compute(installation, warehouse)}
        valued = warehouse.query(
            f"SELECT DISTINCT metric FROM {VALUES} WHERE value IS NOT NULL AND segment_dimension = ''"
        ).to_pylist()
    assert set(told) == set(installation.catalogue.metrics)
    named = {row["metric"] for row in valued}
    assert not named & absent.keys(), "what has no source has no value"
    assert len(named) >= 0.8 * (len(told) - len(absent))
