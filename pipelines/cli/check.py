"""`vitals check`: is the dictionary right, and is it good? For people, pull requests and pre-commit."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import completion
from pipelines.cli.output import Exit, console, errors, show
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from datetime import date

    from definitions.lint import Finding

_STYLES = {"error": "bold red", "warning": "yellow", "note": "blue"}


class Format(StrEnum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


class FailOn(StrEnum):
    """The least severity that makes the command fail."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"
    NEVER = "never"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("check")(check)


def check(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of the dictionary; default: the installation's.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="text, json or sarif.")] = Format.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of the screen.")] = None,
    fail_on: Annotated[
        FailOn, typer.Option(help="Exit with code 1 from this severity on; errors always count.")
    ] = FailOn.ERROR,
    since: Annotated[
        str | None,
        typer.Option(
            help="Also hold what changed since a git branch, tag, commit or a folder: versions, approvals, statuses."
        ),
    ] = None,
    silenced: Annotated[
        bool, typer.Option("--silenced", help="Show what was silenced in place as well.")
    ] = False,
    explain: Annotated[
        str | None,
        typer.Option(
            help="Explain a rule, with a failing and a passing example.", autocompletion=completion.rules
        ),
    ] = None,
    rules: Annotated[bool, typer.Option("--rules", help="List all rules.")] = False,
) -> None:
    """Load the dictionary and hold it to the rules: errors, warnings and notes with file and line.

    Exit code 0: nothing at or above --fail-on; 1: something; 3: the folder cannot be read at all.
    """
    form = Format.JSON if as_json else form
    if rules:
        _list_rules(as_json=form is Format.JSON)
        return
    if explain is not None:
        _explain(explain)
        return
    workspace = Workspace.from_environment()
    root = folder or workspace.catalogue
    if not root.is_dir():
        errors.print(f"[bold red]✗[/bold red] {root} is no folder: give the folder of the dictionary")
        raise typer.Exit(Exit.CONFIGURATION)
    findings = findings_of(root, workspace.now().date(), since=since)
    _write(_rendered(findings, form, root, silenced=silenced), output)
    if form is Format.TEXT and output is None:
        _summary(findings)
    if any(_counts(finding, fail_on) for finding in findings):
        raise typer.Exit(Exit.FOUND)


def findings_of(root: Path, today: date, *, since: str | None = None) -> tuple[Finding, ...]:
    """Everything wrong with a folder of definitions: what keeps it from loading, else what the rules find.

    With ``since`` also what a changed meaning or status lacks against that state of the folder (`vitals diff`).
    Raises CatalogueError where there is no such state.
    """
    from definitions import CatalogueError, load_catalogue
    from definitions.diff import catalogue_at, compare, problems_of
    from definitions.lint import finding_of, lint

    try:
        catalogue = load_catalogue(root)
    except CatalogueError as error:
        return tuple(finding_of(problem) for problem in error.problems)
    found = lint(catalogue, today=today)
    if since is not None:
        changes = compare(catalogue_at(since, root), catalogue)
        found += tuple(finding_of(problem) for problem in problems_of(changes))
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: finding.sort_key))


def _counts(finding: Finding, fail_on: FailOn) -> bool:
    ranks = [FailOn.NOTE, FailOn.WARNING, FailOn.ERROR]
    least = FailOn.ERROR if fail_on is FailOn.NEVER else fail_on
    if finding.silenced or (fail_on is FailOn.NEVER):
        return False
    return ranks.index(FailOn(finding.severity)) >= ranks.index(least)


def _rendered(findings: Sequence[Finding], form: Format, root: Path, *, silenced: bool) -> str:
    from definitions.lint import RULES
    from definitions.lint.formats import as_rows, as_sarif

    if form is Format.SARIF:
        return as_sarif(findings, RULES.values(), root=_relative(root), version=_version())
    shown = [finding for finding in findings if silenced or not finding.silenced]
    if form is Format.JSON:
        import json

        return json.dumps(as_rows(shown), ensure_ascii=False, indent=2) + "\n"
    return "".join(f"{root.as_posix()}/{finding}\n" for finding in shown)


def _relative(root: Path) -> str:
    """The folder as a code host knows it: relative to the working directory, if it is inside."""
    path = root.resolve()
    here = Path.cwd().resolve()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.as_posix()


def _version() -> str:
    from importlib.metadata import version

    return version("vitals")


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8")


def _summary(findings: Sequence[Finding]) -> None:
    open_ = [finding for finding in findings if not finding.silenced]
    if not open_:
        console.print("[green]✓[/green] the dictionary is clean")
        return
    counts = {name: sum(finding.severity == name for finding in open_) for name in _STYLES}
    told = ", ".join(
        f"[{_STYLES[name]}]{count} {name}{'' if count == 1 else 's'}[/]"
        for name, count in counts.items()
        if count
    )
    console.print(f"{told}; `vitals check --explain CODE` says why and shows what passes")


def _list_rules(*, as_json: bool) -> None:
    from definitions.lint import RULES

    rows = [
        {"rule": rule.code, "severity": str(rule.severity), "asks for": rule.title} for rule in RULES.values()
    ]
    show(sorted(rows, key=lambda row: row["rule"]), as_json=as_json)


def _explain(code: str) -> None:
    from rich.markdown import Markdown

    from definitions.errors import nearest
    from definitions.lint import RULES
    from definitions.lint.pages import page

    rule = RULES.get(code.upper())
    if rule is None:
        close = nearest(code.upper(), RULES)
        meant = f"; did you mean {close}?" if close else "; `vitals check --rules` lists them"
        errors.print(f"[bold red]✗[/bold red] there is no rule {code!r}{meant}", markup=True)
        raise typer.Exit(Exit.USAGE)
    console.print(Markdown(page(rule)))
