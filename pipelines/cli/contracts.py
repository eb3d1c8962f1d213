"""`vitals contracts`: what a file or a query must hold to feed a neutral table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import completion
from pipelines.cli.output import Exit, console, errors, show
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from pipelines.contracts import Contract


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("contracts")(contracts)


def contracts(
    tables: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TABLE]...",
            help="Tables, such as billing.subscriptions.",
            autocompletion=completion.tables,
        ),
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Write the page of all shipped contracts to this file instead.")
    ] = None,
    csv: Annotated[
        bool, typer.Option("--csv", help="Print the header of a CSV file, for one table.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the contracts as JSON.")] = False,
) -> None:
    """List the tables that files or queries may feed; with names, their columns, an example and the stream.

    [dim]vitals contracts billing.subscriptions --csv > data/billing/subscriptions.csv[/dim]
    """
    if page is not None:
        page.write_text(shipped_page(), encoding="utf-8", newline="\n")
        if as_json:
            show([{"page": str(page)}], as_json=True)
        else:
            console.print(f"[green]✓[/green] {page}")
        return
    from definitions import load_catalogue
    from pipelines import contracts as made

    known = made.contracts(load_catalogue(Workspace.from_environment().catalogue))
    chosen = [_known(name, known) for name in tables or known]
    if csv:
        if len(chosen) != 1:
            raise typer.BadParameter("--csv prints one table's header: name the table", param_hint="TABLE")
        print(chosen[0].header)
    elif as_json:
        show([_as_row(contract) for contract in chosen], as_json=True)
    elif tables:
        for contract in chosen:
            _tell(contract)
    else:
        show(
            [
                {
                    "table": one.table,
                    "columns": len(one.source.columns),
                    "metrics": len(one.metrics),
                    "a row is": one.source.description,
                }
                for one in chosen
            ]
        )


def shipped_page() -> str:
    """The page of the contracts of the shipped catalogue and of all packs."""
    from definitions import load_catalogue
    from definitions.packs import MODELS, library, load_pack
    from definitions.packs.pack import SHIPPED
    from pipelines.contracts import contracts as made
    from pipelines.contracts import page

    shipped = made(load_catalogue(SHIPPED))
    groups: dict[str, dict[str, Contract]] = {}
    for schema, title in _TITLES.items():
        groups[title] = {name: one for name, one in shipped.items() if name.startswith(f"{schema}.")}
    for model in MODELS:
        more = {name: one for name, one in made(library(model)).items() if name not in shipped}
        if more:
            groups[f"{load_pack(model).label}: what the pack adds"] = more
    return page(groups)


_TITLES = {
    "billing": "Billing",
    "finance": "Finance",
    "marketing": "Marketing",
    "product": "Product use",
    "people": "People",
    "support": "Support",
    "crm": "Sales",
    "tracker": "Engineering",
}


def _known(name: str, known: dict[str, Contract]) -> Contract:
    from definitions.errors import nearest

    if name not in known:
        near = nearest(name, known)
        meant = f"did you mean {near}?" if near else "`vitals contracts` lists them"
        errors.print(f"[bold red]✗[/bold red] there is no table {name!r}; {meant}", soft_wrap=True)
        raise typer.Exit(Exit.USAGE)
    return known[name]


def _as_row(contract: Contract) -> dict[str, object]:
    source = contract.source
    return {
        "table": contract.table,
        "description": source.description,
        "key": list(source.key),
        "columns": [
            {
                "name": column.name,
                "type": str(column.type),
                "nullable": column.nullable,
                "unit": column.unit,
                "values": list(column.values or contract.words.get(column.name, ())),
                "description": column.description,
            }
            for column in source.columns.values()
        ],
        "metrics": list(contract.metrics),
        "example": contract.example,
        "stream": contract.stream(contract.path),
        "select": contract.select,
    }


def _tell(contract: Contract) -> None:
    from definitions.writing import to_yaml

    source = contract.source
    console.print(f"[bold]{contract.table}[/bold]  {source.description}", soft_wrap=True)
    show(
        [
            {
                "column": column.name,
                "type": f"{column.type}{'?' if column.nullable else ''}",
                "key": "key" if column.name in source.key else "",
                "unit": column.unit or "",
                "values": ", ".join(column.values or contract.words.get(column.name, ())),
                "what": column.description,
            }
            for column in source.columns.values()
        ]
    )
    console.print("\n[bold]CSV[/bold]")
    print(f"{contract.header}\n{contract.example}")
    console.print("\n[bold]Stream of a files source[/bold] (of a SQL source: query: in place of path:)")
    print(to_yaml({"streams": [contract.stream(contract.path)]}, compact=True))
