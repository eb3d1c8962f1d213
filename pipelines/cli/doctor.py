"""`vitals doctor`: is everything set up? Step by step, and how to mend what is not."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipelines.cli.output import Exit, console, show
from pipelines.workspace import EXAMPLES, Workspace

if TYPE_CHECKING:
    from definitions.model import Catalogue

State = Literal["ok", "warning", "failed", "skipped"]
_MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "failed": "[bold red]✗[/]", "skipped": "[dim]–[/]"}
_REFERENCE = re.compile(r"\b(?:env:[A-Za-z_][A-Za-z0-9_]*|file:[^\s,}\"']+)")
_SPACE_MIN = 1 << 30
"""Free bytes below which a run may fail half-way; the raw store only grows."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One step: its state, what was found, and what to do about it."""

    step: str
    state: State
    found: str
    mend: str = ""


@dataclass
class _Setup:
    """What the steps look at; the dictionary is read once for all of them."""

    workspace: Workspace

    @cached_property
    def catalogue(self) -> Catalogue:
        from definitions import load_catalogue

        return load_catalogue(self.workspace.catalogue)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("doctor")(doctor)


def doctor(
    online: Annotated[
        bool, typer.Option("--online", help="Also ask each source system whether its credentials work.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the steps as JSON.")] = False,
) -> None:
    """Verify the set-up step by step, and say how to mend what is wrong. Changes nothing.

    Exit code 0: nothing failed; 1: something did.
    """
    workspace = Workspace.from_environment()
    findings = []
    for finding in examine(workspace, online=online):
        findings.append(finding)
        if not as_json:
            console.print(f"{_MARKS[finding.state]} [bold]{finding.step}[/]: {finding.found}", soft_wrap=True)
            if finding.mend:
                console.print(f"    → {finding.mend}", soft_wrap=True)
    if as_json:
        show([asdict(finding) for finding in findings], as_json=True)
    else:
        _next(findings)
    if any(finding.state == "failed" for finding in findings):
        raise typer.Exit(Exit.FOUND)


def _next(findings: Sequence[Finding]) -> None:
    """What to do first: what failed, else what is missing."""
    order = {"failed": 0, "warning": 1}
    open_ = [finding for finding in findings if finding.state in order and finding.mend]
    if open_:
        first = min(open_, key=lambda finding: order[finding.state])
        console.print(f"[bold]Next[/bold], {first.step}: {first.mend}", soft_wrap=True)
    else:
        console.print("[green]✓[/green] everything is set up", soft_wrap=True)


def examine(workspace: Workspace, *, online: bool = False) -> Iterator[Finding]:
    """The steps in order; each is looked at even where one before it failed."""
    setup = _Setup(workspace)
    for step, look in (
        ("Python", _python),
        ("home", _home),
        ("dictionary", _dictionary),
        ("rules", _rules),
        ("sources", _sources),
        ("secrets", _secrets),
        ("files", _files),
        ("credentials", _credentials if online else _credentials_skipped),
        ("warehouse", _warehouse),
        ("reporting database", _reporting),
        ("report", _report),
        ("alerts", _alerts),
    ):
        yield _guarded(step, look, setup)


def _guarded(step: str, look: Callable[[_Setup], Finding], setup: _Setup) -> Finding:
    try:
        return look(setup)
    except Exception as error:  # a doctor that dies of what it should find helps nobody
        return Finding(step, "failed", _first_line(error), "Mend what the message names, then ask again.")


def _python(setup: _Setup) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] != (3, 11):
        return Finding(
            "Python", "failed", version, "Vitals runs on Python 3.11: make setup PYTHON=python3.11"
        )
    return Finding("Python", "ok", version)


def _home(setup: _Setup) -> Finding:
    home = setup.workspace.home
    if not home.exists():
        return Finding("home", "ok", f"{home} is not there yet; the first run makes it")
    free = shutil.disk_usage(home).free
    if free < _SPACE_MIN:
        return Finding(
            "home", "failed", f"{home} has {free >> 20} MiB left", "Free some space or move VITALS_HOME."
        )
    return Finding("home", "ok", f"{home}, {free >> 30} GiB free")


def _dictionary(setup: _Setup) -> Finding:
    from definitions import CatalogueError

    try:
        catalogue = setup.catalogue
    except CatalogueError as error:
        told = f"{len(error.problems)} problems, the first: {error.problems[0]}"
        return Finding(
            "dictionary", "failed", told, f"`vitals check {setup.workspace.catalogue}` lists them all."
        )
    return Finding(
        "dictionary",
        "ok",
        f"{len(catalogue.metrics)} metrics over {len(catalogue.sources)} sources in {setup.workspace.catalogue}",
    )


def _rules(setup: _Setup) -> Finding:
    from definitions import CatalogueError
    from definitions.lint import lint

    try:
        found = lint(setup.catalogue, today=setup.workspace.now().date())
    except CatalogueError:
        return Finding("rules", "skipped", "the dictionary does not load")
    open_ = [finding for finding in found if not finding.silenced]
    if not open_:
        return Finding("rules", "ok", "the dictionary is clean")
    failed = any(finding.severity == "error" for finding in open_)
    state: State = "failed" if failed else "warning"
    return Finding(
        "rules", state, f"{len(open_)} findings", f"`vitals check {setup.workspace.catalogue}` lists them."
    )


def _sources(setup: _Setup) -> Finding:
    from pipelines.installation import Installation
    from pipelines.steps.sourceless import sourceless
    from pipelines.steps.sources import load_sources

    if not setup.workspace.sources.is_dir() or not any(setup.workspace.sources.glob("*.y*ml")):
        return Finding(
            "sources",
            "failed",
            f"no source is described in {setup.workspace.sources}",
            f"`vitals init` writes them for the systems you name; or copy one from {EXAMPLES}/ and fill it in.",
        )
    installation = Installation.of(setup.workspace, setup.catalogue, load_sources(setup.workspace))
    names = ", ".join(source.name for source in installation.sources)
    absent = sourceless(installation.catalogue, installation.models)
    if absent:
        tables = sorted({table for missing in absent.values() for table in missing})
        return Finding(
            "sources",
            "warning",
            f"{names}; {len(absent)} metrics have no source",
            f"Nothing feeds {', '.join(tables)}: connect a system, or leave the metrics as they are.",
        )
    return Finding("sources", "ok", names)


def _secrets(setup: _Setup) -> Finding:
    """Whether what the sources' files refer to is there; nothing is shown of it."""
    from connectors.errors import ConfigurationError
    from connectors.secret import resolve

    unset = []
    for path in sorted(setup.workspace.sources.glob("*.y*ml")):
        for reference in _REFERENCE.findall(path.read_text(encoding="utf-8")):
            try:
                resolve(reference)
            except ConfigurationError:
                unset.append(reference)
    if unset and (setup.workspace.home / "sandbox" / "now").exists():
        return Finding(
            "secrets",
            "warning",
            "the sources are those of the sandbox company, which is not running",
            "`vitals demo` and `vitals dev` run it; a set-up of your own has another VITALS_HOME.",
        )
    if unset:
        names = ", ".join(dict.fromkeys(unset))
        return Finding(
            "secrets",
            "failed",
            f"nothing is behind {names}",
            "Set the variables (env:NAME) or write the files (file:PATH) before a run.",
        )
    return Finding("secrets", "ok", "everything that sources refer to is there")


def _files(setup: _Setup) -> Finding:
    """Which files of folders on this machine are not there, or hold a header only."""
    from connectors.files import FileSettings
    from pipelines.steps.sources import load_sources

    empty, absent, found = [], [], 0
    for source in load_sources(setup.workspace):
        if source.config.settings.get("kind", source.system) != "files":
            continue
        settings = FileSettings.model_validate(source.config.settings)
        folder = Path(settings.folder)
        if ":" in settings.folder:  # a reference or a URL; the run says what is wrong with it
            continue
        for stream in settings.streams:
            paths = [path for path in folder.glob(stream.path) if path.is_file()]
            found += bool(paths)
            if not paths:
                absent.append(stream.path)
            elif all(path.suffix == ".csv" and _is_header_only(path) for path in paths):
                empty.append(stream.path)
    if absent:
        return Finding(
            "files",
            "failed",
            f"not there: {', '.join(absent)}",
            "Put them there, or take their streams out of the source's file. `vitals contracts` says what they hold.",
        )
    if empty:
        return Finding(
            "files",
            "warning",
            f"a header only: {', '.join(empty)}",
            "Put the exports in their place; until then, what rests on them is `no source`.",
        )
    return Finding("files", "ok", f"{found} exports are there" if found else "none is expected here")


def _is_header_only(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as lines:
        return sum(1 for _, line in zip(range(2), lines, strict=False) if line.strip()) < 2


def _credentials_skipped(setup: _Setup) -> Finding:
    return Finding("credentials", "skipped", "not asked", "`vitals doctor --online` asks each system.")


def _credentials(setup: _Setup) -> Finding:
    from connectors.operations import check_source
    from connectors.runtime import Runtime
    from pipelines.steps.sources import load_sources

    reports = [
        check_source(source.config, Runtime(clock=setup.workspace.clock))
        for source in load_sources(setup.workspace)
    ]
    bad = [report for report in reports if not report.ok]
    if bad:
        told = "; ".join(f"{report.source}: {report.said}" for report in bad)
        return Finding("credentials", "failed", told, "`vitals sources check` says which streams, and why.")
    return Finding("credentials", "ok", f"{len(reports)} systems can be read")


def _warehouse(setup: _Setup) -> Finding:
    from pipelines.warehouse import open_warehouse

    url = setup.workspace.warehouse_url
    if url.startswith("duckdb:///") and not (setup.workspace.home / "warehouse.duckdb").exists():
        return Finding("warehouse", "warning", "nothing is loaded yet", "`vitals run` loads it.")
    with open_warehouse(url, read_only=True) as warehouse:
        computed = warehouse.exists("vitals.kpi_values")
    if not computed:
        return Finding("warehouse", "warning", "no metric is computed yet", "`vitals run` computes them.")
    return Finding("warehouse", "ok", "it can be read, and holds computed values")


def _reporting(setup: _Setup) -> Finding:
    from pipelines.publishing import open_reporting, reading
    from pipelines.publishing.engine import place_of
    from pipelines.publishing.migrations import head, revision

    engine = open_reporting(setup.workspace.reporting_url)
    try:
        with reading(engine) as connection:
            found = revision(connection)
    finally:
        engine.dispose()
    place = place_of(engine.url)
    if found is None:
        return Finding(
            "reporting database", "warning", f"{place} is empty", "The first run makes its schema."
        )
    if found != head():
        return Finding(
            "reporting database",
            "warning",
            f"{place} is at schema {found}, this version writes {head()}",
            "`vitals migrate` upgrades it; the next run does so too.",
        )
    return Finding("reporting database", "ok", f"{place} is at schema {found}")


def _report(setup: _Setup) -> Finding:
    index = setup.workspace.report / "index.html"
    if not index.is_file():
        return Finding(
            "report", "warning", f"there is no {index}", "The next run builds it; `vitals serve` shows it."
        )
    return Finding("report", "ok", str(index))


def _alerts(setup: _Setup) -> Finding:
    from connectors.errors import ConfigurationError
    from connectors.secret import is_reference, resolve

    unset = []
    for channel in setup.catalogue.channels.values():
        if not is_reference(channel.url):
            continue
        try:
            resolve(channel.url)
        except ConfigurationError:
            unset.append(f"{channel.name} ({channel.url})")
    if unset:
        return Finding(
            "alerts",
            "warning",
            f"no address for {', '.join(unset)}",
            "Set the variable or the file; see docs/alerts.md.",
        )
    return Finding(
        "alerts", "ok", "every channel has an address; `vitals alerts route-test` says who is told"
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]
