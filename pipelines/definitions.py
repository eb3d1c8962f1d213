"""The Dagster code location: nothing but assembly.

`defs` is what `dagster dev` and the daemon load; tests and the command line call `build_definitions` with an
installation of their own. A broken file takes nothing away but itself: see `last_good`.
"""

from __future__ import annotations

import logging

import dagster as dg

from pipelines.assets.backtest import BACKTEST, backtest_asset
from pipelines.assets.cadence import company_calendar
from pipelines.assets.dictionary import dictionary_asset
from pipelines.assets.kpis import kpi_assets
from pipelines.assets.outcomes import outcome_assets
from pipelines.assets.raw import raw_assets
from pipelines.assets.staging import staging_asset
from pipelines.executors import executor_from
from pipelines.installation import Installation
from pipelines.jobs import build_jobs
from pipelines.last_good import load_tolerantly
from pipelines.schedules import build_schedules
from pipelines.sensors import build_sensors
from pipelines.workspace import Workspace


def build_definitions(
    installation: Installation, executor: dg.ExecutorDefinition | None = None
) -> dg.Definitions:
    """Everything Dagster knows of one installation."""
    calendar = company_calendar(installation.catalogue)
    jobs = {job.name: job for job in build_jobs(calendar, installation.workspace.now(), executor)}
    assets = [
        *raw_assets(installation.sources, calendar),
        dictionary_asset(installation),
        staging_asset(installation),
        *kpi_assets(installation),
        *outcome_assets(installation.catalogue),
        backtest_asset(),
    ]
    checks = [key for asset in assets for key in asset.check_keys]
    return dg.Definitions(
        assets=assets,
        jobs=list(jobs.values()),
        schedules=build_schedules(
            installation.catalogue, jobs, (key for asset in assets for key in asset.keys if key != BACKTEST)
        ),
        sensors=build_sensors(checks),
        resources={
            "installation": dg.ResourceDefinition.hardcoded_resource(installation),
            "workspace": dg.ResourceDefinition.hardcoded_resource(installation.workspace),
        },
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The installation that the environment describes, as far as it can be loaded."""
    installation = load_tolerantly(Workspace.from_environment())
    for broken in installation.broken:
        for problem in broken.problems:
            logging.getLogger("vitals").error("%s", problem)
    return build_definitions(installation, executor_from())
