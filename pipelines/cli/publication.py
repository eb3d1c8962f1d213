"""Commands about what is published: list and withdraw batches, hand out files, roles, checks as pages, schema.

The reporting database is the one the environment names (`VITALS_REPORTING_URL`); nothing here computes.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.markup import escape

from pipelines.cli import completion
from pipelines.cli.output import Exit, console, errors, show

if TYPE_CHECKING:
    from pipelines.installation import Installation

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Roles = Annotated[
    list[str] | None,
    typer.Option(
        "--role", help="A role of the dictionary whose restricted metrics go along; may be repeated."
    ),
]

export = typer.Typer(help="Hand out what is published, as a file.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("publications")(publications)
    app.command("withdraw")(withdraw)
    app.command("accept")(accept)
    app.command("roles")(roles)
    app.command("migrate")(migrate)
    app.command("data-docs")(data_docs)
    app.command("superset-bundle")(superset_bundle)
    app.add_typer(export, name="export")


def publications(
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 20,
    as_json: Json = False,
) -> None:
    """List the published batches, the newest first: what each changed, and what became of it."""
    from pipelines.publishing.history import list_publications
    from pipelines.steps.reporting import reporting

    with reporting(_installation()) as engine:
        rows = list_publications(engine, limit)
    show(rows, title="Publications", as_json=as_json, empty="nothing was published yet: vitals run")


def withdraw(
    batch: Annotated[int, typer.Argument(help="Number of the batch, as `vitals publications` shows it.")],
    reason: Annotated[
        str, typer.Option(help="Why: it is published with the withdrawal.", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Take a published batch back: readers see what stood before it, and what it said stays on record."""
    from ulid import ULID

    from pipelines.publishing.errors import NothingToWithdraw
    from pipelines.publishing.history import withdraw as take_back
    from pipelines.steps.reporting import reporting

    if not reason.strip():
        _refuse("--reason is empty: say why, it is published with the withdrawal")
    installation = _installation()
    with reporting(installation) as engine:
        try:
            result = take_back(
                engine,
                batch,
                reason=reason.strip(),
                clock=installation.workspace.clock,
                run_id=f"command-{ULID()}",
                code_version=importlib.metadata.version("vitals"),
            )
        except NothingToWithdraw as error:
            _refuse(str(error))
    put_back, retired = result.tables["kpi_value"].inserted, result.tables["kpi_value"].retired
    if as_json:
        told = {"batch_id": result.batch_id, "withdraws": batch, "values_put_back": put_back,
                "values_retired": retired}  # fmt: skip
        show([told], as_json=True)
        return
    console.print(
        f"Batch {batch} is withdrawn by batch {result.batch_id}: {put_back} values put back, {retired} retired."
    )
    console.print("The next run publishes what it computes then: mend the cause first.", style="dim")


def accept(
    names: Annotated[
        list[str],
        typer.Argument(
            help="KPIs or staging tables, such as csat or crm.leads.",
            autocompletion=completion.metrics_and_tables,
        ),
    ],
    reason: Annotated[str, typer.Option(help="Why the change is right.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Accept what the last run found as the new normal: volume, drift and vanished values are held against it.

    For a change that is right (a cleaned-up table, a dimension that was given up) and that the checks hold back.
    """
    from pipelines.steps.acceptance import NothingToAccept, accept_as_good
    from pipelines.warehouse import open_warehouse

    installation = _installation()
    if not reason.strip():
        _refuse("--reason is empty: say why the change is right")
    with open_warehouse(installation.workspace.warehouse_url) as warehouse:
        try:
            accepted = accept_as_good(installation, warehouse, names, reason.strip())
        except NothingToAccept as error:
            _refuse(str(error))
    rows = [{"name": one.name, "rows_before": one.before, "rows_now": one.now} for one in accepted]
    show(rows, title="Accepted as the new normal; it counts from the next run", as_json=as_json)


def roles(
    apply: Annotated[bool, typer.Option("--apply", help="Create them in the reporting database.")] = False,
    as_json: Json = False,
) -> None:
    """Print the SQL of PostgreSQL's roles and grants, or apply it: reader, contributor, steward, writer, and one
    role for each restricted audience of the dictionary."""
    from pipelines.publishing.access import create_roles, role_statements
    from pipelines.steps.reporting import reporting

    installation = _installation()
    metrics = installation.catalogue.metrics.values()
    audiences = sorted({role for metric in metrics for role in metric.restricted_to})
    try:
        statements = role_statements(audiences)
    except ValueError as error:
        _refuse(str(error))
    if not apply:
        if as_json:
            show([{"statement": statement} for statement in statements], as_json=True)
        else:
            print("\n".join(f"{statement};" for statement in statements))
        return
    if installation.workspace.reporting_url.startswith("sqlite"):
        _refuse(
            "SQLite has no users: give each audience a file of its own, vitals export sqlite PATH --role NAME"
        )
    with reporting(installation) as engine:
        create_roles(engine, audiences)
    if as_json:
        show([{"applied": len(statements)}], as_json=True)
        return
    console.print(f"{len(statements)} statements applied. Give people a role: GRANT kpi_bi_reader TO ana;")


def migrate(
    to: Annotated[
        str, typer.Option(help="Revision to move to; head is the newest, base takes all away.")
    ] = "head",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say where the database is.")] = False,
    as_json: Json = False,
) -> None:
    """Move the reporting database to another revision of the published schema, its data in place.

    Runs upgrade it by themselves; this is for doing it at an hour of your choice, and for going back.
    """
    from pipelines.publishing import open_reporting, reading
    from pipelines.publishing.migrations import head, move, revision, revisions

    known = revisions()
    if to not in {*known, "head", "base"}:
        _unknown("revision", to, {*known, "head", "base"})
    engine = open_reporting(_installation().workspace.reporting_url)
    with reading(engine) as connection:
        before = revision(connection)
    after = before if dry_run else move(engine, to)
    engine.dispose()
    told = {"before": before or "no schema", "now": after or "no schema", "newest": head()}
    show([told], title="Published schema", as_json=as_json)


def data_docs(
    folder: Annotated[
        Path | None, typer.Option(help="Where to write; default: data_docs in the home folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Build Great Expectations' Data Docs of the last run's checks, published or refused."""
    from pipelines.steps.assess import value_checks
    from pipelines.steps.stage import staging_checks
    from pipelines.warehouse import open_warehouse
    from quality import build_data_docs

    installation = _installation()
    with open_warehouse(installation.workspace.warehouse_url) as warehouse:
        results = (*staging_checks(warehouse), *value_checks(warehouse))
    if not results:
        _refuse("no check was carried out yet: vitals run")
    target = folder or installation.workspace.home / "data_docs"
    page = build_data_docs(installation.catalogue, results, target, now=installation.workspace.now())
    failed = sum(not result.passed for result in results)
    if as_json:
        show([{"page": str(page), "checks": len(results), "failed": failed}], as_json=True)
        return
    console.print(f"{len(results)} checks, {failed} failed: {page}")


def superset_bundle(
    path: Annotated[Path, typer.Argument(help="Zip file to write.")] = Path("vitals-superset.zip"),
    database_url: Annotated[
        str | None,
        typer.Option(
            help="URL under which Superset reaches the reporting database; default: ours, less secrets."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the Superset dashboards over the published views as a bundle that Superset imports."""
    from pipelines.bi import BundleError, write_bundle

    url = database_url or _installation().workspace.reporting_url
    try:
        bundle = write_bundle(path, url)
    except BundleError as error:
        _refuse(str(error))
    if as_json:
        told = {"path": str(path), "dashboards": bundle.dashboards, "charts": bundle.charts,
                "datasets": bundle.datasets}  # fmt: skip
        show([told], as_json=True)
        return
    console.print(
        f"{path}: {bundle.dashboards} dashboards, {bundle.charts} charts over {bundle.datasets} views."
    )
    console.print(
        "In Superset: Dashboards, Import, choose the file, type the password of the database.", style="dim"
    )


@export.command("sqlite")
def export_to_sqlite(
    path: Annotated[Path, typer.Argument(help="SQLite file to write; an older one is replaced.")],
    role: Roles = None,
    as_json: Json = False,
) -> None:
    """Write the current publication into a SQLite file of its own, as an audience may see it."""
    from pipelines.publishing.export import export_sqlite
    from pipelines.steps.reporting import reporting

    installation = _installation()
    catalogue = installation.catalogue
    known = {name for metric in catalogue.metrics.values() for name in metric.restricted_to}
    for name in role or ():
        if name not in known:
            _unknown("restricted role", name, known)
    with reporting(installation) as engine:
        written = export_sqlite(engine, path, roles=role or ())
    size = written.stat().st_size
    if as_json:
        show([{"path": str(written), "bytes": size, "roles": role or []}], as_json=True)
        return
    seen = f"with the restricted metrics of {', '.join(role)}" if role else "without restricted metrics"
    console.print(f"{written}: {size / 1e6:.1f} MB, {seen}.")


@export.command("csv")
def export_to_csv(
    view: Annotated[str, typer.Argument(help="A view of schema kpi, such as kpi_latest.")],
    path: Annotated[Path, typer.Argument(help="CSV file to write.")],
    as_json: Json = False,
) -> None:
    """Write one view as CSV that a spreadsheet opens safely: no cell can run as a formula."""
    from pipelines.publishing.errors import UnknownView
    from pipelines.publishing.export import export_csv
    from pipelines.steps.reporting import reporting

    with reporting(_installation()) as engine:
        try:
            count = export_csv(engine, view, path)
        except UnknownView as error:
            _unknown("view", view, error.known)
    if as_json:
        show([{"path": str(path), "rows": count}], as_json=True)
        return
    console.print(f"{path}: {count} rows of {view}.")


def _installation() -> Installation:
    from pipelines.installation import Installation
    from pipelines.workspace import Workspace

    return Installation.load(Workspace.from_environment())


def _unknown(what: str, name: str, valid: Iterable[str]) -> NoReturn:
    from definitions.errors import listing, nearest

    near = nearest(name, valid)
    _refuse(
        f"there is no {what} {name!r}; "
        + (f"did you mean {near}?" if near else f"write one of {listing(valid)}")
    )


def _refuse(message: str) -> NoReturn:
    errors.print(f"[bold red]✗[/bold red] {escape(message)}", soft_wrap=True)
    raise typer.Exit(Exit.USAGE)
