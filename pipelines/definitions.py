"""The Dagster code location: nothing but assembly.

`defs` is what `dagster dev` and the daemon load; tests and the command line call `build_definitions` with an
installation of their own.
"""

from __future__ import annotations

import dagster as dg

from pipelines.assets.backtest import backtest_asset
from pipelines.assets.kpis import kpi_assets
from pipelines.assets.outcomes import outcome_assets
from pipelines.assets.raw import raw_assets
from pipelines.assets.staging import staging_asset
from pipelines.installation import Installation
from pipelines.jobs import build_jobs
from pipelines.schedules import build_schedules
from pipelines.sensors import build_sensors
from pipelines.workspace import Workspace


def build_definitions(
    installation: Installation, executor: dg.ExecutorDefinition | None = None
) -> dg.Definitions:
    """Everything Dagster knows of one installation."""
    jobs = {job.name: job for job in build_jobs(executor)}
    return dg.Definitions(
        assets=[
            *raw_assets(installation.sources),
            staging_asset(installation),
            *kpi_assets(installation),
            *outcome_assets(),
            backtest_asset(),
        ],
        jobs=list(jobs.values()),
        schedules=build_schedules(installation.catalogue, jobs),
        sensors=build_sensors(),
        resources={
            "installation": dg.ResourceDefinition.hardcoded_resource(installation),
            "workspace": dg.ResourceDefinition.hardcoded_resource(installation.workspace),
        },
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The installation that the environment describes."""
    return build_definitions(Installation.load(Workspace.from_environment()))
