"""`vitals interchange`: the dictionary to and from dbt's semantic layer and Apache Ossie."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli.output import Exit, console, errors, show
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from definitions.interchange import Lost

commands = typer.Typer(
    name="interchange",
    help="Exchange definitions with dbt's semantic layer and Apache Ossie.",
    no_args_is_help=True,
)


class FormatName(StrEnum):
    """The exchange formats."""

    DBT = "dbt"
    OSSIE = "ossie"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(commands)


@commands.command("export")
def export(
    form: Annotated[FormatName, typer.Argument(metavar="FORMAT", help="dbt or ossie.")],
    folder: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written and lost as JSON.")] = False,
) -> None:
    """Write the dictionary in another format, and list what a foreign reader of it will not see."""
    from definitions import load_catalogue
    from definitions.interchange import FORMATS
    from definitions.writing import to_yaml

    exported = FORMATS[form].export(load_catalogue(Workspace.from_environment().catalogue))
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in exported.documents.items():
        (folder / name).write_text(to_yaml(document), encoding="utf-8")
    _tell([str(folder / name) for name in exported.documents], exported.lost, "not seen by others", as_json)


@commands.command("import")
def import_(
    form: Annotated[FormatName, typer.Argument(metavar="FORMAT", help="dbt or ossie.")],
    paths: Annotated[list[Path], typer.Argument(help="Files or folders of the other format.")],
    folder: Annotated[Path, typer.Option("--output", "-o", help="Folder of a dictionary to write to.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written and lost as JSON.")] = False,
) -> None:
    """Read another format into definition files (sources/imported.yml, metrics/imported.yml), as drafts to complete."""
    import yaml

    from definitions.interchange import FORMATS

    documents: dict[str, Any] = {}
    for path in paths:
        files = sorted(path.rglob("*.y*ml")) if path.is_dir() else [path]
        for file in files:
            try:
                found = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
            except (OSError, yaml.YAMLError) as error:
                errors.print(f"[bold red]✗[/bold red] {file} cannot be read: {error}")
                raise typer.Exit(Exit.CONFIGURATION) from error
            named = (
                {str(file): found[0]}
                if len(found) == 1
                else {f"{file}#{n}": one for n, one in enumerate(found)}
            )
            documents |= {name: one for name, one in named.items() if isinstance(one, dict)}
    imported = FORMATS[form].read(documents)
    written = []
    for name, text in imported.texts.items():
        target = folder / name
        if target.exists():
            errors.print(f"[bold red]✗[/bold red] {target} exists: move it away, nothing was written over it")
            raise typer.Exit(Exit.CONFIGURATION)
        written.append((target, text))
    for target, text in written:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    _tell([str(target) for target, _ in written], imported.lost, "not taken over", as_json)
    if not as_json:
        console.print(f"Next: `vitals check {folder}` says what the drafts still need.")


def _tell(files: list[str], lost: Iterable[Lost], what: str, as_json: bool) -> None:
    rows = [{"subject": item.subject, "what": item.what, "why": item.why} for item in lost]
    if as_json:
        show([{"files": files, "lost": rows}], as_json=True)
        return
    for file in files:
        console.print(f"[green]✓[/green] {file}")
    show(rows, title=what, empty="nothing was lost")
