"""The `vitals` command: assembly of its subcommands, and the one place where errors become exit codes."""

from __future__ import annotations

import sys

import typer
from rich.markup import escape

from pipelines.cli import (
    alerts,
    asof,
    backtest,
    check,
    checkin,
    contracts,
    cycle,
    demo,
    diff,
    doctor,
    governance,
    init,
    interchange,
    okrs,
    publication,
    query,
    report,
    run,
    schema,
    serve,
    sources,
)
from pipelines.cli.output import Exit, errors

app = typer.Typer(
    name="vitals",
    help="A fitness tracker for an organisation: governed KPIs and OKRs, published every day.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
init.register(app)
run.register(app)
sources.register(app)
check.register(app)
schema.register(app)
contracts.register(app)
interchange.register(app)
demo.register(app)
doctor.register(app)
publication.register(app)
alerts.register(app)
backtest.register(app)
query.register(app)
diff.register(app)
governance.register(app)
asof.register(app)
okrs.register(app)
checkin.register(app)
cycle.register(app)
report.register(app)
serve.register(app)


def main() -> None:
    """Run the command line; expected failures end in a message and an exit code, never in a trace."""
    try:
        app()
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        errors.print(f"[bold red]✗[/bold red] {escape(str(error))}", markup=True, soft_wrap=True)
        sys.exit(code)


def _exit_code(error: Exception) -> Exit | None:
    """The code of an expected failure. Its classes are imported only now: help must not wait for databases."""
    from connectors.errors import ConnectorError
    from definitions.errors import DefinitionsError
    from pipelines.publishing.errors import PublishingError
    from pipelines.staging import StagingError
    from pipelines.warehouse import WarehouseError
    from pipelines.workspace import WorkspaceError

    if isinstance(error, ConnectorError):
        return Exit.SOURCE
    configuration = (DefinitionsError, StagingError, WorkspaceError, WarehouseError, PublishingError)
    return Exit.CONFIGURATION if isinstance(error, configuration) else None
