"""`vitals backtest`: what a setting would have flagged in the past, per metric, with a picture."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import completion
from pipelines.cli.output import Exit, console, errors, show

if TYPE_CHECKING:
    from pipelines.anomalies.replay import Replayed
    from pipelines.steps.backtest import Trial

SHOWN = 40
"""Flags that are listed; all of them are in the JSON."""

DAY = ["%Y-%m-%d"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("backtest")(backtest)


def backtest(
    metrics: Annotated[
        list[str] | None,
        typer.Argument(metavar="[METRIC]...", help="Default: all.", autocompletion=completion.metrics),
    ] = None,
    grain: Annotated[str | None, typer.Option(help="Only this grain: day, week, month or quarter.")] = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=DAY, help="First day; default: a year before the last."),
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=DAY, help="Last day; default: the last complete day.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Try a setting, such as detection.point_alarm=4; may be repeated. Compares with the settings as"
            " they are.",
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against", metavar="NAME=VALUE", help="Compare --set with this instead; may be repeated."
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            help="Draw: into a file (.png or .svg) where one series is replayed, else a folder with one per series."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """What would have been flagged in the last year? With --set: what would another setting change?

    Replays the detection day by day over the values as they are now; nothing is published, no one is alerted.

    [dim]vitals backtest ticket_volume --set detection.point_alarm=4 --picture tickets.png[/dim]
    """
    from pipelines.anomalies.replay import flag_rows, summary
    from pipelines.installation import Installation
    from pipelines.steps.backtest import BacktestError
    from pipelines.steps.backtest import backtest as run
    from pipelines.warehouse import open_warehouse
    from pipelines.workspace import Workspace

    installation = Installation.load(Workspace.from_environment())
    try:
        with open_warehouse(installation.workspace.warehouse_url) as warehouse:
            trial = run(
                installation,
                warehouse,
                metrics=metrics or (),
                grain=grain,
                first=first.date() if first else None,
                last=last.date() if last else None,
                changes=changes or (),
                against=against or (),
            )
        drawn = draw(trial, picture, changes or ()) if picture else []
    except BacktestError as error:
        errors.print(f"✗ {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(Exit.USAGE) from None
    rows, flags = summary(trial.tried), flag_rows(trial.tried)
    if trial.now:
        before = {(one.metric, one.grain): len(one.flags) for one in trial.now}
        rows = [row | {"flags_now": before.get((row["metric"], row["grain"]), 0)} for row in rows]
    if as_json:
        document = {
            "from": trial.first,
            "to": trial.last,
            "series": rows,
            "flags": flags,
            "differences": trial.only_one,
            "pictures": [str(path) for path in drawn],
        }
        show([document], as_json=True)
        return
    tried = " with " + ", ".join(changes) if changes else ""
    show(rows, title=f"Replayed {trial.first} to {trial.last}{tried}", empty="there is nothing to replay")
    listed = trial.only_one if trial.now else flags
    title = "Flags that only one of the two settings raises" if trial.now else "Flags, the latest first"
    columns = ("raised_by", "period", "metric", "grain", "kind", "severity", "explanation")
    show(
        [{name: row[name] for name in columns if name in row} for row in listed[:SHOWN]],
        title=f"\n{title}",
        empty="both settings raise the same flags" if trial.now else "nothing would have been flagged",
    )
    if len(listed) > SHOWN:
        console.print(f"[dim]… and {len(listed) - SHOWN:,} more: name a metric, or --json[/dim]")
    for path in drawn:
        console.print(f"drawn: {path}", markup=False, soft_wrap=True)


def draw(trial: Trial, target: Path, changes: list[str] | tuple[str, ...]) -> list[Path]:
    """Draw each replayed series; returns what was written.

    Raises:
        BacktestError: several series and a single file, or a file of another kind.
    """
    from pipelines.anomalies.charts import render_png, render_svg
    from pipelines.steps.backtest import BacktestError

    note = f"with {', '.join(changes)}" if changes else ""

    def write(one: Replayed, path: Path) -> Path:
        spec = one.picture(note)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png":
            path.write_bytes(render_png(spec))
        else:
            path.write_text(render_svg(spec), encoding="utf-8")
        return path

    if target.suffix:
        if target.suffix not in (".png", ".svg"):
            raise BacktestError(f"{target.name}: pictures are .png or .svg, or name a folder")
        if len(trial.tried) != 1:
            several = ", ".join(f"{one.metric} by {one.grain}" for one in trial.tried[:3])
            raise BacktestError(
                f"{target.name} is one file, and {len(trial.tried)} series were replayed ({several}, …):"
                " name a folder, or one metric and its --grain"
            )
        return [write(trial.tried[0], target)]
    return [write(one, target / f"{one.metric}_{one.grain}.svg") for one in trial.tried]
