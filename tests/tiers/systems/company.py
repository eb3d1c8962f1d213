"""An installation over one example source and its staging models, by a clock that the test turns."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.operations import check_source
from connectors.runtime import Runtime
from pipelines.installation import Installation
from pipelines.steps.extract import Pulled, extract
from pipelines.steps.stage import QUARANTINE, land, stage
from pipelines.warehouse import open_warehouse
from pipelines.workspace import Workspace

EXAMPLES = Path(__file__).parents[3] / "examples"


class Company:
    """Pulls one system as the daily job does; `ahead` is how far its clock runs before the system's."""

    def __init__(self, home: Path, source: Path, staging: Path) -> None:
        (home / "sources").mkdir(parents=True)
        shutil.copyfile(source, home / "sources" / source.name)
        environment = {"VITALS_HOME": str(home), "VITALS_STAGING": str(staging)}
        self.ahead = timedelta(0)
        self.workspace = Workspace.from_environment(environment).at(lambda: datetime.now(UTC) + self.ahead)
        self.installation = Installation.load(self.workspace)

    def check(self) -> Any:
        (source,) = self.installation.sources
        return check_source(source.config, Runtime(clock=self.workspace.clock))

    def pull(self, *, days: float = 0) -> dict[str, Pulled]:
        """Let days pass, pull, land, stage; returns what each stream brought."""
        self.ahead += timedelta(days=days)
        (source,) = self.installation.sources
        pulled = {found.stream: found for found in extract(self.workspace, source)}
        with open_warehouse(self.workspace.warehouse_url) as warehouse:
            list(land(self.installation, warehouse))
            stage(self.installation, warehouse)
            assert not warehouse.exists(QUARANTINE)
        return pulled

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with open_warehouse(self.workspace.warehouse_url) as warehouse:
            found: list[dict[str, Any]] = warehouse.query(sql).to_pylist()
        return found
