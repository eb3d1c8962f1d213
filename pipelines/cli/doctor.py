"""`vitals doctor`: is everything set up? Step by step, and how to mend what is not."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipelines.cli.output import Exit, console, show
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from definitions.model import Catalogue

State = Literal["ok", "warning", "failed", "skipped"]
_MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "failed": "[bold red]✗[/]", "skipped": "[dim]–[/]"}
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
    if any(finding.state == "failed" for finding in findings):
        raise typer.Exit(Exit.FOUND)


def examine(workspace: Workspace, *, online: bool = False) -> Iterator[Finding]:
    """The steps in order; each is looked at even where one before it failed."""
    setup = _Setup(workspace)
    for step, look in (
        ("Python", _python),
        ("home", _home),
        ("dictionary", _dictionary),
        ("rules", _rules),
        ("sources", _sources),
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
        return Finding("home", "warning", f"{home} is not there yet", "The first run makes it.")
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
            "Copy one from examples/ into it and fill it in; or set VITALS_SOURCES.",
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
