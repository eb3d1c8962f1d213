"""Where everything of one installation lives, read once from the environment and handed to every step.

| variable | meaning | default |
|---|---|---|
| VITALS_HOME | folder of raw store, state, warehouse, report | `.vitals` |
| VITALS_CATALOGUE | folder of the metric dictionary | the shipped catalogue |
| VITALS_SOURCES | folder with one YAML per source instance | `$VITALS_HOME/sources` |
| VITALS_STAGING | further folders of staging models, before or in place of the shipped ones | – |
| VITALS_RAW_STORE | object storage of the raw store and the streams' state, `s3://bucket/prefix` | a folder in home |
| VITALS_WAREHOUSE_URL | warehouse | `duckdb:///$VITALS_HOME/warehouse.duckdb` |
| VITALS_REPORTING_URL | reporting database, any SQLAlchemy URL | `sqlite:///$VITALS_HOME/reporting.db` |
| VITALS_REPORT | folder of the report pages | `$VITALS_HOME/report` |
| VITALS_NOW | the instant to take as now (ISO 8601 with zone, or `file:PATH` holding one) | the real clock |

A folder made by `vitals init` holds a `vitals.toml` that names its folders (`catalogue`, `sources`, `staging`, `home`,
`report`, relative to it). In that folder, or below it, they are the defaults; a variable of the environment wins.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

Clock = Callable[[], datetime]
PROJECT = Path(__file__).parents[1]
"""Where the rooms are; by path, because importing them for it takes seconds."""
_SHIPPED = PROJECT / "pipelines" / "examples"
EXAMPLES = _SHIPPED if _SHIPPED.is_dir() else PROJECT / "examples"
"""Source instances of every system, the sandbox's, and the installation over real exports: inside of `pipelines` where
the product is installed, beside it in a checkout."""
MARKER = "vitals.toml"
"""What says that a folder is an installation."""
_FOLDERS = {
    "home": "VITALS_HOME",
    "catalogue": "VITALS_CATALOGUE",
    "sources": "VITALS_SOURCES",
    "staging": "VITALS_STAGING",
    "report": "VITALS_REPORT",
}


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
    raw_url: str = ""

    @property
    def raw_store(self) -> Path:
        """Folder of the append-only raw store; beside an object storage it is the spool and the cache of it."""
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

        A given ``environment`` is all there is; else the process's, over what `vitals.toml` says.

        Raises:
            WorkspaceError: VITALS_NOW is no instant, or vitals.toml is wrong.
        """
        env = {**_marked(Path.cwd()), **_set(os.environ)} if environment is None else environment
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
            raw_url=env.get("VITALS_RAW_STORE") or "",
        )


def _set(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that say something: an empty one is as good as none."""
    return {name: value for name, value in environment.items() if value}


def marker_above(folder: Path) -> Path | None:
    """The `vitals.toml` of the installation that a folder is in."""
    found = (parent / MARKER for parent in (folder, *folder.parents))
    return next((path for path in found if path.is_file()), None)


def _marked(folder: Path) -> dict[str, str]:
    """The folders that the nearest `vitals.toml` names, as the variables that would say the same."""
    path = marker_above(folder)
    if path is None:
        return {}
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WorkspaceError(f"{path}: {error}") from error
    unknown = sorted(said.keys() - _FOLDERS.keys())
    if unknown or not all(isinstance(value, str) for value in said.values()):
        raise WorkspaceError(
            f"{path} may name the folders {', '.join(_FOLDERS)}, each as a text; found "
            + (f"{unknown[0]!r}" if unknown else "something else")
        )
    return {_FOLDERS[name]: str(path.parent / value) for name, value in said.items()}


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
