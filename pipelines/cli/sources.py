"""`vitals sources …`: which systems are read, whether they can be, what they give; pull, forget, read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from pipelines.cli import completion
from pipelines.cli.output import Exit, cell, console, errors, show
from pipelines.workspace import EXAMPLES

if TYPE_CHECKING:
    from connectors.config import SourceConfig
    from connectors.errors import ConnectorError
    from connectors.operations import Preview, SourceCheck
    from connectors.sync import SourceResult
    from pipelines.workspace import Workspace

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Name = Annotated[
    str,
    typer.Argument(
        help="The source, as `vitals sources list` calls it.",
        metavar="NAME",
        autocompletion=completion.sources,
    ),
]
Names = Annotated[
    str | None,
    typer.Argument(
        help="Only this source (default: all of them).", metavar="[NAME]", autocompletion=completion.sources
    ),
]
Streams = Annotated[
    list[str] | None,
    typer.Argument(
        help="Only these streams (default: all of them).",
        metavar="[STREAM]...",
        autocompletion=completion.streams,
    ),
]

app = typer.Typer(
    help="Which systems are read and how far; test, look at, pull, forget and read them again.",
    no_args_is_help=True,
)


def register(parent: typer.Typer) -> None:
    """Add the commands to the application."""
    parent.add_typer(app, name="sources")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Every stream of every source: what a row is, how far it was read, what is in the raw store. Asks nobody."""
    from connectors.operations import list_sources

    with _refusals():
        workspace, sources = _sources()
        lines = list_sources(sources, _store(workspace), _states(workspace))
    if as_json:
        show([vars(line) for line in lines], as_json=True)
        return
    show(
        [
            {
                "stream": f"{line.source}/{line.stream}",
                "rows": line.rows,
                "loads": line.loads,
                "last read": f"{line.last_read_at:%Y-%m-%d %H:%M}" if line.last_read_at else "never",
                "a row is": line.description,
            }
            for line in lines
        ],
        empty=_nowhere(workspace),
    )


@app.command("check")
def check(name: Names = None, as_json: Json = False) -> None:
    """Test the credentials of a source, and the right to read each of its streams: one page of each, nothing is kept.

    Exits with 4 when something cannot be read.
    """
    from connectors.operations import check_source

    with _refusals():
        workspace, sources = _sources()
        chosen = sources if name is None else [_one(sources, name)]
        reports = []
        for source in chosen:
            with console.status(f"asking {source.label} …") if not as_json else _silence():
                report = check_source(source, _runtime(workspace))
            reports.append(report)
            if not as_json:
                _tell_check(report)
    if as_json:
        show(
            [
                {
                    "source": report.source,
                    "ok": report.ok,
                    "said": report.said,
                    "streams": [vars(line) for line in report.streams],
                }
                for report in reports
            ],
            as_json=True,
        )
    elif not reports:
        console.print(f"[dim]{_nowhere(workspace)}[/dim]")
    if not all(report.ok for report in reports):
        raise typer.Exit(Exit.SOURCE)


@app.command("preview")
def preview(
    name: Name,
    stream: Annotated[
        str, typer.Argument(help="The stream.", metavar="STREAM", autocompletion=completion.streams)
    ],
    rows: Annotated[int, typer.Option(min=1, max=100, help="How many rows.")] = 5,
    as_json: Json = False,
) -> None:
    """The first rows of a stream, typed as they would land; nothing is kept. Shown a column a line."""
    from connectors.operations import preview_stream

    with _refusals():
        workspace, sources = _sources()
        source = _one(sources, name)
        _known_streams(source, [stream])
        found = preview_stream(source, stream, _runtime(workspace), rows=rows)
    if as_json:
        show([dict(row) for row in found.rows], as_json=True)
    else:
        show(_turned(found), title=f"{source.label}/{stream}", empty="can be read, and is empty")
    _tell_drift(found)


@app.command("sync")
def sync(
    name: Names = None,
    stream: Streams = None,
    workers: Annotated[int, typer.Option(min=1, max=32, help="Accounts that are read at the same time.")] = 4,
    as_json: Json = False,
) -> None:
    """Pull what is new into the raw store, with a line for each stream: rows, rate, waits.

    The next run builds on it. Exits with 4 when a stream cannot be read, with 1 when a check on what was read fails.
    """
    from connectors.operations import sync_sources
    from pipelines.cli.sync_bars import SyncBars, outcome

    with _refusals():
        workspace, sources = _sources()
        chosen = sources if name is None else [_one(sources, name)]
        for source in chosen:
            _known_streams(source, stream or ())
        ended: list[tuple[SourceConfig, SourceResult | ConnectorError]] = []
        with SyncBars(errors, quiet=as_json) as bars:

            def end(source: SourceConfig, result: SourceResult | ConnectorError) -> None:
                bars.ended(source, result)
                _note(workspace, source, result)
                ended.append((source, result))

            sync_sources(
                chosen,
                _store(workspace),
                _states(workspace),
                workspace.clock,
                streams=stream or (),
                workers=workers,
                progress=bars.moved,
                ended=end,
                settings=_settings(workspace),
            )
    ended.sort(key=lambda pair: chosen.index(pair[0]))
    found = [row for source, result in ended for row in outcome(source, result)]
    if as_json:
        show(found, as_json=True)
    else:
        _tell_sync(found, _nowhere(workspace))
    states = {str(row["state"]) for row in found}
    if "failed" in states:
        raise typer.Exit(Exit.SOURCE)
    if "check failed" in states:
        raise typer.Exit(Exit.FOUND)


@app.command("reset")
def reset(
    name: Name,
    stream: Streams = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Forget how far streams were read: their next load reads everything again. What landed stays."""
    from connectors.operations import reset_stream
    from connectors.registry import streams_of

    with _refusals():
        workspace, sources = _sources()
        source = _one(sources, name)
        _known_streams(source, stream or ())
        names = list(stream or [known.name for known in streams_of(source)])
        what = f"{source.label}: {', '.join(names)}"
        if not yes and not typer.confirm(
            f"Forget how far {what} was read? The next load reads everything again.", err=True
        ):
            errors.print("Nothing was reset.")
            raise typer.Exit(Exit.FOUND)
        store, states = _store(workspace), _states(workspace)
        done = {each: reset_stream(source, each, store, states) for each in names}
    if as_json:
        show(
            [{"source": source.label, "stream": each, "forgotten": count} for each, count in done.items()],
            as_json=True,
        )
        return
    console.print(f"Forgotten: {what}. Pull it again with [bold]vitals sources sync {name}[/bold].")


@app.command("replay")
def replay(name: Name, stream: Streams = None, as_json: Json = False) -> None:
    """Make the typed tables of streams again from the raw store; no vendor is asked.

    Every stored part is compared with its hash first. `vitals run --job recompute` then rebuilds what rests on them.
    """
    from pipelines.installation import Installation
    from pipelines.steps.replay import replay as read_again
    from pipelines.warehouse import open_warehouse

    with _refusals():
        workspace, sources = _sources()
        source = _one(sources, name)
        _known_streams(source, stream or ())
        installation = Installation.load(workspace)
        instance = next(known for known in installation.sources if known.config == source)
        names = tuple(stream or [known.name for known in instance.streams])
        with open_warehouse(workspace.warehouse_url) as warehouse:
            landed = list(read_again(installation, warehouse, instance, names))
    show(
        [
            {
                "table": line.table,
                "loads": line.loads,
                "lines": line.rows,
                "rows": line.written,
                "quarantined": line.quarantined,
            }
            for line in landed
        ],
        as_json=as_json,
    )
    if not as_json:
        console.print("[dim]Rebuild what rests on them with[/dim] vitals run --job recompute")


# ── what the commands share ─────────────────────────────────────────────────────────────────────────────────


def _sources() -> tuple[Workspace, list[SourceConfig]]:
    from connectors.config import load_sources
    from pipelines.workspace import Workspace

    workspace = Workspace.from_environment()
    return workspace, load_sources(workspace.sources) if workspace.sources.is_dir() else []


def _nowhere(workspace: Workspace) -> str:
    return f"no source is described in {workspace.sources}: copy one from {EXAMPLES}/ and fill it in"


def _one(sources: Sequence[SourceConfig], name: str) -> SourceConfig:
    """The source of that name, or of that `system/account`."""
    valid = [source.label for source in sources]
    found = [source for source in sources if name in (source.label, f"{source.system}/{source.account}")]
    if found:
        return found[0]
    if several := [source.label for source in sources if source.system == name]:
        _refuse(f"{name} has several accounts: write {' or '.join(several)}")
    if not sources:
        _refuse(
            f"no source is described: copy one from {EXAMPLES}/ into the folder of sources (VITALS_SOURCES)"
        )
    _unknown("source", name, valid)


def _known_streams(source: SourceConfig, streams: Iterable[str]) -> None:
    from connectors.registry import system_of

    valid = [stream.name for stream in system_of(source).streams]
    for stream in streams:
        if stream not in valid:
            _unknown(f"stream of {source.label}", stream, valid)


def _unknown(what: str, name: str, valid: Sequence[str]) -> NoReturn:
    from definitions.errors import listing, nearest

    near = nearest(name, valid)
    _refuse(
        f"there is no {what} called {name!r}; "
        + (f"did you mean {near}?" if near else f"there is {listing(valid)}")
    )


def _refuse(message: str) -> NoReturn:
    errors.print(f"[bold red]✗[/bold red] {message}", soft_wrap=True)
    raise typer.Exit(Exit.USAGE)


@contextmanager
def _refusals() -> Iterator[None]:
    """A source that is described wrongly exits with 3, one that cannot be read with 4; both in a sentence."""
    from connectors.errors import ConfigurationError, ConnectorError, ContractError

    try:
        yield
    except ConnectorError as error:
        errors.print("✗", style="bold red", end=" ")
        errors.print(str(error), markup=False, soft_wrap=True)
        wrong = isinstance(error, ConfigurationError | ContractError)
        raise typer.Exit(Exit.CONFIGURATION if wrong else Exit.SOURCE) from None


@contextmanager
def _silence() -> Iterator[None]:
    yield


def _runtime(workspace: Workspace) -> Any:
    from connectors.runtime import Runtime

    return Runtime(clock=workspace.clock)


def _settings(workspace: Workspace) -> Any:
    """The thresholds of the catalogue; the defaults, and a word about it, where the catalogue does not load."""
    from connectors.settings import LoadSettings
    from definitions import load_catalogue
    from definitions.errors import CatalogueError
    from pipelines.steps.sources import load_settings

    try:
        return load_settings(load_catalogue(workspace.catalogue).settings.connectors)
    except CatalogueError:
        errors.print("[yellow]the catalogue does not load: thresholds are the defaults[/yellow]")
        return LoadSettings()


def _store(workspace: Workspace) -> Any:
    from pipelines.steps.stores import raw_store

    return raw_store(workspace, _runtime(workspace))


def _states(workspace: Workspace) -> Any:
    from pipelines.steps.stores import states

    return states(workspace, _runtime(workspace))


def _note(workspace: Workspace, source: SourceConfig, result: SourceResult | ConnectorError) -> None:
    """What became of each stream, for freshness and the report, as a run leaves it."""
    from connectors.errors import ConnectorError
    from pipelines.steps.load_log import note_failure, note_success

    if isinstance(result, ConnectorError):
        return
    label, system = source.label, source.system
    for load in result.loads:
        note_success(workspace, label, system, load.stream, load.started_at, load.metadata())
    for stream, error in result.failures:
        note_failure(workspace, label, system, stream, workspace.now(), str(error))


# ── telling ─────────────────────────────────────────────────────────────────────────────────────────────────


def _mark(ok: bool) -> str:
    return "[green]✓[/green]" if ok else "[red]✗[/red]"


def _tell_check(report: SourceCheck) -> None:
    from rich.markup import escape

    console.print(f"{_mark(report.ok)} [bold]{report.source}[/bold]: {escape(report.said)}", soft_wrap=True)
    for line in report.streams:
        console.print(f"  {_mark(line.ok)} {line.stream}: {escape(line.said)}", soft_wrap=True)


def _turned(found: Preview) -> list[dict[str, Any]]:
    """Columns as lines, since a stream has more columns than a screen."""
    names = list(found.rows[0]) if found.rows else []
    return [
        {"column": name, **{str(number): cell(row[name]) for number, row in enumerate(found.rows, start=1)}}
        for name in names
    ]


def _tell_drift(found: Preview) -> None:
    for reason in found.refused:
        errors.print(f"would be quarantined: {reason}", markup=False, soft_wrap=True)
    if found.drift.unknown:
        errors.print(f"not in the contract: {', '.join(found.drift.unknown)}", markup=False, soft_wrap=True)
    if found.drift.missing:
        errors.print(f"missing: {', '.join(found.drift.missing)}", markup=False, soft_wrap=True)


def _tell_sync(found: Sequence[dict[str, Any]], empty: str) -> None:
    show(
        [
            {
                "stream": "/".join(part for part in (row["source"], row["stream"]) if part),
                "state": row["state"],
                "mode": row.get("mode"),
                "rows": row["rows"],
                "deleted": row.get("deleted"),
                "quarantined": row.get("quarantined"),
                "waited s": row.get("waited_seconds"),
            }
            for row in found
        ],
        empty=empty,
    )
    for row in found:
        if row["said"]:
            style = "red" if row["state"] != "ok" else "yellow"
            place = "/".join(part for part in (row["source"], row["stream"]) if part)
            errors.print(f"{place}: {row['said']}", style=style, markup=False, soft_wrap=True)
