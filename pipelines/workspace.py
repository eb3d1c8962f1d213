"""Where everything of one installation lives, read once from the environment and handed to every step.

| variable | meaning | default |
|---|---|---|
| VITALS_HOME | folder of raw store, state, warehouse, report | `.vitals` |
| VITALS_CATALOGUE | folder of the metric dictionary | the shipped catalogue |
| VITALS_SOURCES | folder with one YAML per source instance | `$VITALS_HOME/sources` |
| VITALS_STAGING | further folders of staging models, before or in place of the shipped ones | – |
| VITALS_WAREHOUSE_URL | warehouse | `duckdb:///$VITALS_HOME/warehouse.duckdb` |
| VITALS_REPORTING_URL | reporting database, any SQLAlchemy URL | `sqlite:///$VITALS_HOME/reporting.db` |
| VITALS_REPORT | folder of the report pages | `$VITALS_HOME/report` |
| VITALS_NOW | the instant to take as now (ISO 8601 with zone, or `file:PATH` holding one) | the real clock |
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

Clock = Callable[[], datetime]
PROJECT = Path(__file__).parents[1]
"""Where the rooms are; by path, because importing them for it takes seconds."""


class WorkspaceError(ValueError):
    """A setting of the installation is unusable; the message names the variable and what to write."""


@dataclass(frozen=True)
class Workspace:
    """One installation: its folders, its databases, its clock."""

    home: Path
    catalogue: Path
    sources: Path
    staging: tuple[Path, ...]
    warehouse_url: str
    reporting_url: str = field(repr=False)
    report: Path
    clock: Clock

    @property
    def raw_store(self) -> Path:
        """Folder of the append-only raw store."""
        return self.home / "raw"

    @property
    def state(self) -> Path:
        """File of the connectors' incremental state."""
        return self.home / "state.db"

    def now(self) -> datetime:
        """The injected clock's instant, timezone-aware UTC."""
        return self.clock()

    def at(self, clock: Clock) -> Workspace:
        """The same installation with another clock."""
        return replace(self, clock=clock)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Workspace:
        """Read the variables of the table above.

        Raises:
            WorkspaceError: VITALS_NOW is no instant.
        """
        env = os.environ if environment is None else environment
        home = Path(env.get("VITALS_HOME") or ".vitals").absolute()
        return cls(
            home=home,
            catalogue=Path(env.get("VITALS_CATALOGUE") or PROJECT / "definitions" / "catalogue"),
            sources=Path(env.get("VITALS_SOURCES") or home / "sources"),
            staging=(
                PROJECT / "pipelines" / "staging" / "models",
                *(Path(folder) for folder in env.get("VITALS_STAGING", "").split(os.pathsep) if folder),
            ),
            warehouse_url=env.get("VITALS_WAREHOUSE_URL") or f"duckdb:///{home / 'warehouse.duckdb'}",
            reporting_url=env.get("VITALS_REPORTING_URL") or f"sqlite:///{home / 'reporting.db'}",
            report=Path(env.get("VITALS_REPORT") or home / "report"),
            clock=clock_from(env.get("VITALS_NOW")),
        )


def clock_from(text: str | None) -> Clock:
    """A clock from VITALS_NOW: the real one if empty, a fixed instant, or one kept in a file.

    Raises:
        WorkspaceError: the text is neither.
    """
    if not text:
        return _real_clock
    if text.startswith("file:"):
        path = Path(text.removeprefix("file:"))
        return lambda: _instant(path.read_text(encoding="utf-8").strip(), f"{path} (named by VITALS_NOW)")
    fixed = _instant(text, "VITALS_NOW")
    return lambda: fixed


def _real_clock() -> datetime:
    return datetime.now(UTC)


def _instant(text: str, where: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise WorkspaceError(
            f"{where} is {text!r}: write an instant such as 2026-06-15T06:00:00Z, or leave it empty"
        ) from error
    if instant.tzinfo is None:
        raise WorkspaceError(f"{where} is {text!r}, which has no zone: add Z for UTC")
    return instant.astimezone(UTC)
