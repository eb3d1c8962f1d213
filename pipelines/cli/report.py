"""`vitals report`: the report pages from what is published, into a folder, now."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pipelines.cli.output import Exit, console, errors, show
from pipelines.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("report")(report)


def report(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of the pages; default: the installation's (VITALS_REPORT).")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the first page in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was built as JSON.")] = False,
) -> None:
    """Build the report from the current publication: static pages that need no server and no network.

    Each publication builds it as well; this is for another folder, or after an upgrade. Only pages whose content
    changed are written. Exit code 1: nothing is published yet.
    """
    from pipelines.publishing import open_reporting, reading
    from pipelines.publishing.migrations import revision
    from pipelines.report.build import build_report

    workspace = Workspace.from_environment()
    target = folder or workspace.report
    engine = open_reporting(workspace.reporting_url)
    try:
        with reading(engine) as connection:
            is_empty = revision(connection) is None
        if is_empty:
            errors.print("[bold red]✗[/bold red] nothing is published yet: `vitals run` publishes")
            raise typer.Exit(Exit.FOUND)
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            disable=as_json,
        ) as progress:
            task = progress.add_task("  reading the publication, drawing its charts, writing pages", total=1)
            built = build_report(engine, target, workspace.now())
            told = f"[green]✓[/green] {len(built.pages)} pages, {built.written} of {target} written anew"
            progress.update(task, completed=1, description=told)
    finally:
        engine.dispose()
    if as_json:
        show(
            [
                {
                    "index": str(built.index),
                    "pages": len(built.pages),
                    "written": built.written,
                    "removed": built.removed,
                    "largest_page_bytes": built.largest_page_bytes,
                    "total_bytes": built.total_bytes,
                }
            ],
            as_json=True,
        )
    else:
        console.print(str(built.index), soft_wrap=True)
    if open_ and not webbrowser.open(built.index.absolute().as_uri()):
        errors.print(f"[yellow]![/yellow] no browser opens here: {built.index}", soft_wrap=True)
