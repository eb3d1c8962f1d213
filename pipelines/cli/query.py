"""`vitals query`, `vitals sql`, `vitals explain`: asking the dictionary, and seeing how it answers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.padding import Padding

from pipelines.cli import completion
from pipelines.cli.output import Exit, console, errors, show
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.querying import Question

FORMATS = ("table", "csv", "json", "arrow", "parquet")
DIALECTS = ("duckdb", "postgres", "spark", "snowflake", "bigquery", "trino")
"""Engines as `definitions.compiler` knows them; named here so that help does not load it (a test compares)."""
SHOWN = 200
"""Rows that a table for people shows."""

Metrics = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[METRIC]...", help="Names in the dictionary, any number.", autocompletion=completion.metrics
    ),
]
By = Annotated[
    list[str] | None,
    typer.Option(
        help="Dimensions, repeated or with commas: region, accounts.tier, created_at.month, metric_time.dow.",
        autocompletion=completion.dimensions,
    ),
]
Grain = Annotated[
    str | None,
    typer.Option(
        help="One row per second, minute, hour, day, week, month, quarter or year. Without: all time."
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(help="Condition over dimensions and metric_time, repeated for AND; ':name' is a parameter."),
]
Param = Annotated[
    list[str] | None, typer.Option(metavar="NAME=VALUE", help="Value of a parameter in --where, as text.")
]
From = Annotated[
    str | None,
    typer.Option("--from", help="First day, inclusive: 2026-07-14, 2026-W27, 2026-07, 2026-Q3, 2026."),
]
To = Annotated[
    str | None, typer.Option("--to", help="Last day, inclusive; of a period's label its last day.")
]
Order = Annotated[
    list[str] | None, typer.Option(help="Columns of the result to sort by, '-name' for descending.")
]
Limit = Annotated[int | None, typer.Option(help="The most rows.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("query")(query)
    app.command("sql")(sql)
    app.command("explain")(explain)


def query(
    metrics: Metrics = None,
    by: By = None,
    grain: Grain = None,
    where: Where = None,
    param: Param = None,
    start: From = None,
    end: To = None,
    order: Order = None,
    limit: Limit = None,
    form: Annotated[
        str | None, typer.Option("--format", help="table, csv, json; with --output also arrow and parquet.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; its ending says the format.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask for any metrics together, by any dimensions they share, computed from the warehouse as it is now.

    Without --grain over all time; without a metric the values of the dimensions. Nothing is written; when a run
    holds the warehouse, that is said at once.

    [dim]vitals query bookings win_rate --by region --grain month --from 2026-Q1 --order -bookings[/dim]
    """
    from pipelines import querying

    form = _form(form, output, as_json)
    with _questions():
        table = querying.query(
            Workspace.from_environment(),
            metrics or (),
            **_question(by, grain, where, param, start, end, order, limit),
        )
    for notice in querying.notices_of(table):
        errors.print(f"! {notice}", style="yellow", markup=False, soft_wrap=True)
    if output is not None:
        querying.save(table, output, form)
        console.print(f"{table.num_rows:,} rows in {output} ({form})")
    elif form == "csv":
        print(_csv(table), end="")
    elif form == "json":
        print(querying.as_json(table), end="")
    else:
        _show(table)


def sql(
    metrics: Metrics = None,
    by: By = None,
    grain: Annotated[
        str | None,
        typer.Option(help="Second to year, or all for no time. Default: month, or the metrics' finest."),
    ] = None,
    where: Where = None,
    param: Param = None,
    start: From = None,
    end: To = None,
    order: Order = None,
    limit: Limit = None,
    dialect: Annotated[str, typer.Option(help=f"Engine: {', '.join(DIALECTS)}.")] = "duckdb",
    run: Annotated[
        bool,
        typer.Option(
            "--run", help="The statements of the daily run instead: all grains and segments at once."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the SQL that computes metrics, to read or to run on another engine.

    [dim]vitals sql win_rate --by region --dialect snowflake[/dim]
    """
    from definitions.compiler import Compiler
    from definitions.governance.retirement import refuse_retired
    from pipelines import querying

    if dialect not in DIALECTS:
        raise _wrong("--dialect", dialect, DIALECTS)
    workspace = Workspace.from_environment()
    with _questions():
        catalogue = querying.catalogue_of(workspace)
        if run:
            batches = Compiler(catalogue).batches(metrics or None)
            statements = [(batch.metrics, batch.sql(dialect)) for batch in batches]
        else:
            when = None if grain == "all" or not (metrics or grain) else grain or "month"
            statement = querying.compiled(
                catalogue,
                metrics or (),
                now=workspace.now(),
                **_question(by, when, where, param, start, end, order, limit),
            )
            statements = [(statement.metrics, statement.sql(dialect))]
        notices = refuse_retired(catalogue, () if run else metrics or (), workspace.now())
    for notice in notices:
        errors.print(f"! {notice}", style="yellow", markup=False, soft_wrap=True)
    if as_json:
        show(
            [{"metrics": list(names), "dialect": dialect, "sql": text} for names, text in statements],
            as_json=True,
        )
        return
    for names, text in statements:
        for name in names:
            metric = catalogue.metrics[name]
            print(
                f"-- {name} (version {metric.version}): {' '.join(metric.definition.split()) or metric.label}"
            )
        print(f"{text};\n")


def explain(
    metrics: Metrics = None,
    by: By = None,
    grain: Grain = None,
    where: Where = None,
    as_json: AsJson = False,
) -> None:
    """Show how metrics are computed: statements, the tables each one scans, and the metrics per scan.

    Without options it is the plan of the daily run (all metrics, or those named, at all their grains and
    segments); with --by, --grain or --where that of the query.

    [dim]vitals explain bookings win_rate[/dim]
    """
    from definitions.compiler import Compiler
    from definitions.compiler.explain import ScanLine
    from definitions.compiler.explain import explain as plan_of
    from pipelines import querying

    with _questions():
        catalogue = querying.catalogue_of(Workspace.from_environment())
        if by or grain or where:
            statement = querying.compiled(catalogue, metrics or (), **_question(by, grain, where))
            computed = {"query": statement.metrics}
            lines = [ScanLine("query", s.source, s.table, s.purpose, s.metrics) for s in statement.scans]
        else:
            batches = Compiler(catalogue).batches(metrics or None)
            computed = {batch.name: batch.metrics for batch in batches}
            lines = plan_of(batches)
    rows = [
        {
            "statement": line.batch,
            "source": line.source,
            "table": line.table,
            "scanned_for": line.purpose,
            "metrics": _metrics_of(line.metrics, catalogue.metrics),
        }
        for line in lines
    ]
    if as_json:
        show(rows, as_json=True)
    else:
        _plan(computed, rows)


def _metrics_of(parts: Sequence[str], known: Collection[str]) -> list[str]:
    """Metrics by the names of their parts: `win_rate_numerator` and `win_rate_denominator` are `win_rate`."""
    names = (
        part if part in known else part.removesuffix("_numerator").removesuffix("_denominator")
        for part in parts
    )
    return sorted(set(names))


def _plan(computed: Mapping[str, Sequence[str]], rows: Sequence[Mapping[str, Any]]) -> None:
    """The plan as an indented list: a statement, the scans in it, the metrics of each scan."""
    tables = {row["table"] for row in rows}
    count = sum(len(names) for names in computed.values())
    console.print(
        f"[bold]{_many(count, 'metric')} in {_many(len(computed), 'statement')}:"
        f" {_many(len(rows), 'scan')} of {_many(len(tables), 'table')}[/bold]"
    )
    for statement, names in computed.items():
        scans = [row for row in rows if row["statement"] == statement]
        console.print(
            f"\n{statement}: {_many(len(names), 'metric')} in {_many(len(scans), 'scan')}", style="bold"
        )
        for row in scans:
            console.print(f"  [cyan]{row['table']}[/cyan]  {row['scanned_for']}")
            console.print(
                Padding(", ".join(row["metrics"]) or "for all that follow", (0, 0, 0, 4), expand=False),
                style="dim",
            )


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


@contextmanager
def _questions() -> Iterator[None]:
    """A question that cannot be answered is the asker's to change: its message, and the exit code of wrong usage."""
    from definitions.errors import CompileError, QueryError
    from pipelines.warehouse import WarehouseError

    try:
        yield
    except (QueryError, CompileError) as error:
        for problem in error.problems:
            errors.print(f"✗ {problem}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(Exit.USAGE) from error
    except WarehouseError as error:
        errors.print(f"✗ {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(Exit.CONFIGURATION) from error


def _question(
    by: Sequence[str] | None,
    grain: str | None,
    where: Sequence[str] | None,
    param: Sequence[str] | None = None,
    start: str | None = None,
    end: str | None = None,
    order: Sequence[str] | None = None,
    limit: int | None = None,
) -> Question:
    """What the options ask for: lists may have commas, parameters are NAME=VALUE."""
    return {
        "by": _names(by),
        "grain": grain,
        "where": where or (),
        "parameters": _parameters(param),
        "start": start,
        "end": end,
        "order": _names(order),
        "limit": limit,
    }


def _names(items: Sequence[str] | None) -> list[str]:
    """`["a,b", "c"]` → `["a", "b", "c"]`."""
    return [name.strip() for item in items or () for name in item.split(",") if name.strip()]


def _parameters(items: Sequence[str] | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items or ():
        name, separator, value = item.partition("=")
        if not separator or not name:
            raise typer.BadParameter(f"{item!r} is no NAME=VALUE", param_hint="--param")
        found[name] = value
    return found


def _form(form: str | None, output: Path | None, as_json: bool) -> str:
    """The format asked for: by name, by --json, or by the file's ending."""
    if form is None:
        ending = output.suffix.removeprefix(".").lower() if output is not None else ""
        form = "json" if as_json else {"feather": "arrow"}.get(ending, ending or "table")
    if form not in FORMATS:
        raise _wrong("--format", form, FORMATS)
    if form in ("arrow", "parquet") and output is None:
        raise typer.BadParameter(
            f"{form} is not for the screen: add --output FILE.{form}", param_hint="--format"
        )
    if form == "table" and output is not None:
        raise typer.BadParameter("a file is csv, json, arrow or parquet", param_hint="--format")
    return form


def _wrong(option: str, text: str, valid: Sequence[str]) -> typer.BadParameter:
    from definitions.errors import nearest

    near = nearest(text, valid)
    meant = f"; did you mean {near!r}?" if near else ""
    return typer.BadParameter(f"{text!r} is none of {', '.join(valid)}{meant}", param_hint=option)


def _csv(table: pa.Table) -> str:
    import pyarrow as pa
    import pyarrow.csv

    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(table, sink)
    return str(sink.getvalue().to_pybytes().decode())


def _show(table: pa.Table) -> None:
    rows = table.slice(0, SHOWN).to_pylist()
    show(rows, empty="no rows")
    if table.num_rows > SHOWN:
        console.print(f"[dim]… and {table.num_rows - SHOWN:,} more rows: --limit, or --output FILE.csv[/dim]")
