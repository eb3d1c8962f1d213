"""`vitals diff`: what a change to the dictionary means, who must approve it, and what it does to the history."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli.output import Exit, console, errors, plain, show
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from definitions.diff import Effect, MetricChange
    from definitions.model import Catalogue


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("diff")(diff)


def diff(
    base: Annotated[
        str, typer.Argument(help="What to compare with: a git branch, tag or commit, or a folder.")
    ] = "HEAD",
    catalogue: Annotated[
        Path | None, typer.Option(help="Folder of the dictionary; default: VITALS_CATALOGUE.")
    ] = None,
    periods: Annotated[int, typer.Option(min=1, help="Periods of history to show, the latest.")] = 6,
    check: Annotated[
        bool,
        typer.Option("--check", help="Only what is missing, for a hook or a build: no history is computed."),
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown for a pull request.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print changes, effects and problems as JSON.")
    ] = False,
) -> None:
    """Compare the dictionary with an earlier state of it: changes in meaning, approvals, effect on the history.

    A metric whose meaning changed needs a new version, a reason, and an approver who is not the proposer; a
    certified one drops to review. A status goes draft, review, certified, deprecated. What is missing is listed, and
    the exit code is 1. Renaming, re-indenting and words change no meaning. The effect is computed from the warehouse,
    where there is one.

    [dim]vitals diff main --markdown[/dim]
    """
    from definitions import load_catalogue
    from definitions.diff import as_markdown, catalogue_at, compare, problems_of

    workspace = Workspace.from_environment()
    folder = catalogue or workspace.catalogue
    before, after = catalogue_at(base, folder), load_catalogue(folder)
    changes = compare(before, after)
    shown, why_not = (
        ([], "") if check or not changes else _effects(workspace, changes, before, after, periods)
    )
    problems = problems_of(changes)
    if as_json:
        print(_json(changes, shown, problems, why_not))
    elif markdown:
        print(as_markdown(changes, shown), end="")
    else:
        _tell(base, changes, shown, problems, why_not, check=check)
    if problems:
        raise typer.Exit(Exit.FOUND)


def _effects(
    workspace: Workspace, changes: Sequence[MetricChange], before: Catalogue, after: Catalogue, periods: int
) -> tuple[list[Effect], str]:
    """The effects; or none, and why they cannot be told."""
    import duckdb

    from definitions.calendars import local_day
    from definitions.diff import effects
    from pipelines.querying import reading_warehouse
    from pipelines.warehouse import WarehouseError

    missed: list[str] = []
    end = max(local_day(calendar, workspace.now()) for calendar in after.calendars.values())

    def run_on(query: Callable[[str], Any]) -> Callable[[str], Iterable[Mapping[str, Any]]]:
        def run(sql: str) -> Iterable[Mapping[str, Any]]:
            try:
                rows: list[Mapping[str, Any]] = query(sql).to_pylist()
            except duckdb.Error as error:  # a table or column that this warehouse does not have (yet)
                missed.append(str(error).splitlines()[0])
                return []
            return rows

        return run

    try:
        with reading_warehouse(workspace) as warehouse:
            found = effects(changes, before, after, run_on(warehouse.query), periods=periods, end=end)
    except WarehouseError as error:
        return [], str(error)
    return found, "; ".join(dict.fromkeys(missed))


def _tell(
    base: str,
    changes: Sequence[MetricChange],
    shown: Sequence[Effect],
    problems: Sequence[object],
    why_not: str,
    *,
    check: bool,
) -> None:
    from definitions.diff import rows_of, rows_of_effects

    if not changes:
        console.print(f"No metric changes its meaning or its status since {base}.", markup=False)
        return
    if not check:
        show(rows_of(changes), title=f"Changes in meaning and status since {base}")
        if shown:
            show(rows_of_effects(shown), title="\nEffect on the history")
        if why_not:
            console.print(f"\nThe effect on the history is not told: {why_not}", markup=False, soft_wrap=True)
    elif not problems:
        console.print(f"{len(changes)} changes since {base}: nothing is missing.", markup=False)
    if problems:
        errors.print("\nTo do before this can be accepted:", style="bold")
        for problem in problems:
            errors.print(f"✗ {problem}", style="red", markup=False, soft_wrap=True)


def _json(
    changes: Sequence[MetricChange], shown: Sequence[Effect], problems: Sequence[Any], why_not: str
) -> str:
    document = {
        "changes": [
            {name: value for name, value in asdict(change).items() if name != "problems"}
            for change in changes
        ],
        "effects": [asdict(effect) | {"difference": effect.difference} for effect in shown],
        "effects_missing": why_not or None,
        "problems": [
            {
                "code": problem.code,
                "metric": problem.path[0] if problem.path else None,
                "message": problem.message,
                "file": problem.location.file,
                "line": problem.location.line,
                "column": problem.location.column,
                "hint": problem.hint,
            }
            for problem in problems
        ],
    }
    return json.dumps(document, default=plain, ensure_ascii=False, indent=2)
