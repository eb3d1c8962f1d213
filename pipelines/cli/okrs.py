"""`vitals okrs …`: objectives and key results as they stand, and to and from a spreadsheet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.markup import escape

from pipelines.cli.output import Exit, console, errors, show

if TYPE_CHECKING:
    from definitions.model import KeyResult
    from pipelines.installation import Installation
    from pipelines.publishing.check_ins import DatabaseCheckIns
    from pipelines.publishing.records import KeyResultScoreRow

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

app = typer.Typer(
    help="Objectives and key results: as they stand, and as one CSV row each.", no_args_is_help=True
)


def register(parent: typer.Typer) -> None:
    """Add the commands to the application."""
    parent.add_typer(app, name="okrs")


@app.command("list")
def list_(
    cycle: Annotated[str | None, typer.Option(help="Only this cycle (default: the open ones).")] = None,
    as_json: Json = False,
) -> None:
    """Every key result with both numbers: ratio is current of target, progress the way from baseline to target."""
    installation = _installation()
    known = {item.key for item in installation.catalogue.cycles}
    if cycle is not None and cycle not in known:
        _refuse(f"there is no cycle {cycle!r}; there are: {', '.join(sorted(known)) or 'none'}")
    standings = _standings(installation)
    rows = [
        standing_row(kr, standings.get(kr.key))
        for of, _, kr in installation.catalogue.key_results()
        if of.key == cycle or (cycle is None and of.state == "open")
    ]
    show(
        rows if as_json else narrow(rows),
        title=f"Key results: {BOTH_NUMBERS}",
        as_json=as_json,
        empty="there are no key results",
    )


@app.command("export")
def export(
    path: Annotated[Path, typer.Argument(help="CSV file to write.", metavar="FILE")],
    as_json: Json = False,
) -> None:
    """Write one CSV row per key result, with how each stands; `vitals okrs import` reads it back."""
    from pipelines.okr.export_csv import export_okrs

    installation = _installation()
    standings = _standings(installation)
    path.write_text(export_okrs(installation.catalogue, standings), encoding="utf-8")
    count = sum(1 for _ in installation.catalogue.key_results())
    if as_json:
        show([{"file": str(path), "key_results": count}], as_json=True)
        return
    console.print(f"[green]✓[/green] {count} key results written to {escape(str(path))}")


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="CSV file with one row per key result.", metavar="FILE")],
    replace: Annotated[bool, typer.Option(help="Write over the files of cycles that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Write the cycles of a CSV file into the dictionary's folder, one YAML file each; or nothing where it is wrong."""
    from pipelines.okr.import_csv import ExchangeError, import_okrs
    from pipelines.workspace import Workspace

    folder = Workspace.from_environment().catalogue
    try:
        written = import_okrs(path, folder, replace=replace)
    except ExchangeError as error:
        _refuse(f"{path}: {error}".replace("say replace", "say --replace"))
    if as_json:
        show([{"file": str(file)} for file in written], as_json=True)
        return
    for file in written:
        console.print(f"[green]✓[/green] {escape(str(file))}")


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────

BOTH_NUMBERS = "ratio = current of target, progress = way from baseline to target"


def standing_row(kr: KeyResult, row: KeyResultScoreRow | None) -> dict[str, Any]:
    """One key result as tables show it: both numbers, each under its own name, and which of them is the score."""
    return {
        "key_result": kr.key,
        "statement": kr.statement,
        "as_of": row and row.as_of_date,
        "now": row and row.current_value,
        "target": kr.target,
        "unit": kr.unit,
        "ratio": row and row.ratio_raw,
        "progress": row and row.progress_raw,
        "score": row and row.score,
        "scored_by": row and row.score_method,
        "band": row and row.score_band,
        "pace": row and row.pace_status,
        "chance": row and row.hit_probability,
        "confidence": row and row.owner_confidence,
        "status": row and row.published_status,
        "flags": ", ".join(row.flags) if row else None,
    }


_SHOWN = ("key_result", "now", "target", "ratio", "progress", "score", "scored_by", "pace", "status")


def narrow(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The columns that fit a terminal; --json has them all."""
    return [{name: row[name] for name in _SHOWN} for row in rows]


def standings_of(installation: Installation, store: DatabaseCheckIns) -> dict[str, KeyResultScoreRow]:
    """How key results stand; of one on a restricted metric the scores, not the values."""
    from dataclasses import replace

    hidden = {
        kr.key
        for _, _, kr in installation.catalogue.key_results()
        if kr.metric and installation.catalogue.metrics[kr.metric].visibility == "restricted"
    }
    return {
        key: replace(row, current_value=None, forecast_value=None, forecast_low=None, forecast_high=None)
        if key in hidden
        else row
        for key, row in store.standings().items()
    }


def _standings(installation: Installation) -> dict[str, KeyResultScoreRow]:
    from pipelines.publishing.check_ins import DatabaseCheckIns
    from pipelines.steps.reporting import reporting

    with reporting(installation) as engine:
        return standings_of(installation, DatabaseCheckIns(engine, installation.workspace.clock))


def _installation() -> Installation:
    from pipelines.installation import Installation
    from pipelines.workspace import Workspace

    return Installation.load(Workspace.from_environment())


def _refuse(problem: str) -> NoReturn:
    errors.print(f"[bold red]✗[/bold red] {escape(problem)}", soft_wrap=True)
    raise typer.Exit(Exit.USAGE)
