"""An installation with objectives and no metric: what a company begins with before any system is connected."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from pipelines.installation import Installation
from pipelines.steps.assess import assess_values
from pipelines.steps.detect import detect
from pipelines.steps.publication import publish_run
from pipelines.steps.report import report
from pipelines.steps.score import score
from pipelines.warehouse import open_warehouse
from pipelines.workspace import Workspace

TEAMS = """
teams: [{name: company, label: Company, lead: bob}]
people:
  - {name: ada, label: Ada, email: ada@example.org, team: company}
  - {name: bob, label: Bob, email: bob@example.org, team: company}
"""
GOALS = """# What we change this autumn.
cycle: {key: 2026-Q4, name: Fourth quarter 2026, start: 2026-10-01, end: 2026-12-31}
objectives:
  - key: shop
    title: Customers can buy without talking to us
    team: company
    owner: bob
    key_results:
      - key: partners
        statement: Increase partners from 4 to 12 by 2026-12-31
        owner: ada
        type: increase
        nature: effort
        baseline: {value: 4, as_of: 2026-09-30}
        target: 12
        unit: partners
      - key: open-shop
        statement: Open the shop
        owner: bob
        type: binary
"""
NOVEMBER = "2026-11-13T09:00:00Z"


def write(home: Path) -> dict[str, str]:
    """The files of the installation; returns its environment."""
    folder = home / "catalogue"
    (folder / "objectives").mkdir(parents=True)
    (home / "sources").mkdir()
    (folder / "teams.yml").write_text(TEAMS, encoding="utf-8")
    (folder / "objectives" / "2026-Q4.yml").write_text(GOALS, encoding="utf-8")
    return environment(home)


def environment(home: Path, now: str = NOVEMBER) -> dict[str, str]:
    """What points the command line to it."""
    return {"VITALS_HOME": str(home), "VITALS_CATALOGUE": str(home / "catalogue"), "VITALS_NOW": now}


def run(variables: Mapping[str, str], run_id: str) -> None:
    """What the daily job does after pulling and computing, which have nothing to do here."""
    installation = Installation.load(Workspace.from_environment(variables))
    with open_warehouse(installation.workspace.warehouse_url) as warehouse:
        assess_values(installation, warehouse)
        detect(installation, warehouse)
        score(installation, warehouse)
        publish_run(installation, warehouse, run_id=run_id, job="daily")
    report(installation)


def copy_of(home: Path, to: Path) -> dict[str, str]:
    """A copy of an installation that a test may change."""
    shutil.copytree(home, to, dirs_exist_ok=True)
    return environment(to)
