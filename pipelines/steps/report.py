"""Building the pages people read, from the published views."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.installation import Installation
from pipelines.report.build import build_report
from pipelines.steps.reporting import reporting


@dataclass(frozen=True)
class Built:
    """How many pages, and where to begin."""

    pages: int
    home: Path


def report(installation: Installation) -> Built:
    """Build the report into the installation's folder."""
    with reporting(installation) as engine:
        result = build_report(engine, installation.workspace.report, installation.workspace.now())
    return Built(len(result.pages), installation.workspace.report / "index.html")
