"""`vitals run`: one run of a job, here and now, with its progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from pipelines.cli import completion
from pipelines.cli.output import Exit, console, errors, show
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    import dagster as dg

    from pipelines.installation import Installation
    from pipelines.running import RunOutcome, StepNews

DAILY = "daily"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("run")(run)


def run(
    job: Annotated[str, typer.Option(help="Job to run: daily, or recompute (calls no vendor).")] = DAILY,
    asset: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this asset, such as kpi/win_rate; may be repeated.", autocompletion=completion.assets
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Pull, compute, check and publish once; the run shows in Dagster's UI as well."""
    from pipelines.installation import Installation
    from pipelines.running import UnknownChoice, dagster_instance

    installation = Installation.load(Workspace.from_environment())
    with dagster_instance(installation.workspace.home) as instance:
        try:
            outcome = watched(installation, instance, job=job, assets=asset, quiet=as_json)
        except UnknownChoice as error:
            errors.print(f"✗ {error}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(Exit.USAGE) from error
    if as_json:
        show(
            [{"run_id": outcome.run_id, "succeeded": outcome.succeeded, "seconds": outcome.seconds}],
            as_json=True,
        )
    if not outcome.succeeded:
        raise typer.Exit(Exit.RUN_FAILED)


def watched(
    installation: Installation,
    instance: dg.DagsterInstance,
    *,
    job: str = DAILY,
    assets: list[str] | None = None,
    quiet: bool = False,
) -> RunOutcome:
    """Run a job and show each step as it goes; says what failed and that nothing was published."""
    from pipelines.running import run_job

    made: dict[str, int] = {}
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        disable=quiet,
    ) as progress:
        running: dict[str, TaskID] = {}

        def watch(news: StepNews) -> None:
            if news.kind == "started":
                running[news.step] = progress.add_task(f"  {news.step}", total=1)
            elif news.kind == "made":
                made[news.step] = made.get(news.step, 0) + 1
                progress.update(running[news.step], description=f"  {news.step}: {made[news.step]} assets")
            elif news.step in running:
                mark = "[green]✓[/green]" if news.kind == "ended" else "[red]✗[/red]"
                count = f": {made[news.step]} assets" if news.step in made else ""
                progress.update(running[news.step], completed=1, description=f"{mark} {news.step}{count}")

        outcome = run_job(installation, instance, job=job, assets=assets, watch=watch)
    for step, message in outcome.failures:
        errors.print(f"[bold red]✗ {step}[/bold red]: {message}", soft_wrap=True)
    if not outcome.succeeded:
        errors.print("Nothing was published by this run; readers keep the last publication.")
    return outcome
