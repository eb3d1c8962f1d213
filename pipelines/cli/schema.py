"""`vitals schema`: JSON Schema of every file that people write, for completion and checks in an editor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.output import console, show
from pipelines.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("schema")(schema)


def schema(
    folder: Annotated[
        Path | None,
        typer.Option(help="Write the schemas here; default: .schemas in the dictionary's folder."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(help="Print one kind instead: metrics, sources, targets, objectives, systems, ..."),
    ] = None,
    vscode: Annotated[
        bool, typer.Option("--vscode", help="Also print the yaml.schemas setting for the editor.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write the JSON Schema of each kind of file; an editor then completes and checks them.

    Definitions, source instances (systems) and business models (pack).
    """
    from definitions.errors import nearest
    from pipelines.editor_schemas import FILES, FOLDER, schemas, written

    made = schemas()
    if kind is not None:
        if kind not in made:
            close = nearest(kind, made)
            meant = f"; did you mean {close}?" if close else f"; there are {', '.join(made)}"
            raise typer.BadParameter(f"there is no kind {kind!r}{meant}", param_hint="--kind")
        print(written(made[kind]), end="")
        return
    target = folder or Workspace.from_environment().catalogue / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        (target / f"{name}.json").write_text(written(content), encoding="utf-8")
    if as_json:
        show([{"kind": name, "file": str(target / f"{name}.json")} for name in made], as_json=True)
    elif vscode:
        settings = {(target / f"{name}.json").as_posix(): f"**/{pattern}" for name, pattern in FILES.items()}
        print(json.dumps({"yaml.schemas": settings}, indent=2))
    else:
        console.print(
            f"[green]✓[/green] {len(made)} schemas in {target}; --vscode prints the editor's setting"
        )
