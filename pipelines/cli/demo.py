"""`vitals demo`, `vitals dev`, `vitals real`: the whole chain on a company of its own, or on real exports."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli.output import Exit, console, errors, show
from pipelines.workspace import EXAMPLES, PROJECT

REAL_NOW = "2018-01-02T06:00:00Z"
"""The real exports end in 2017; taken as of then, no period is open and nothing is stale."""


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("demo")(demo)
    app.command("dev")(dev)
    app.command("real")(real)


def demo(
    home: Annotated[Path, typer.Option(envvar="VITALS_HOME", help="Folder of everything.")] = Path(".vitals"),
    scale: Annotated[float, typer.Option(help="Size of the company; 1 is about 100,000 records.")] = 1.0,
    fresh: Annotated[bool, typer.Option(help="Begin with an empty home.")] = True,
    next_day: Annotated[bool, typer.Option(help="Let a day pass and run again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was measured as JSON.")] = False,
) -> None:
    """Run the main job on the embedded sandbox company: sources on loopback, published tables, report, alerts."""
    import shutil

    from pipelines.cli.run import watched
    from pipelines.running import dagster_instance
    from pipelines.sandboxed import sandbox_installation
    from pipelines.steps.alerts import deliver

    console.quiet = as_json
    home = home.absolute()
    if fresh and (home / "sandbox").exists():
        for name in ("raw", "loads", "report", "sandbox", "sources", "dagster"):
            shutil.rmtree(home / name, ignore_errors=True)
        for path in home.glob("*.db*"):
            path.unlink()
        (home / "warehouse.duckdb").unlink(missing_ok=True)
    measured: dict[str, Any] = {}
    began = time.monotonic()
    console.print(
        "[bold]▸ Starting the sandbox company[/bold]: Salesforce, Jira and Intercom on loopback, file exports"
    )
    with ExitStack() as stack:
        running = stack.enter_context(sandbox_installation(home, scale=scale))
        console.print(f"  its clock says {running.sandbox.clock():%A, %d %B %Y}; its home is {home}")
        instance = stack.enter_context(dagster_instance(home))
        console.print(
            "[bold]▸ The main job[/bold]: pull, load, check, compute, score, detect, publish, report"
        )
        outcome = watched(running.load(), instance, quiet=as_json)
        measured["first_run_seconds"] = round(outcome.seconds, 1)
        if not outcome.succeeded:
            raise typer.Exit(Exit.RUN_FAILED)
        # Quiet hours end at seven: what is not critical waits for the owners' morning.
        running.sandbox.advance(hours=3)
        console.print(
            f"[bold]▸ Alerts[/bold] at {running.sandbox.clock():%H:%M}, after the quiet hours: the outbox is drained"
            " to a webhook and a mail sink on loopback"
        )
        report = deliver(running.load(), os.environ, 30.0)
        told = (len(running.webhook.kept), len(running.mail.kept))
        if next_day:
            running.sandbox.advance(hours=21)
            console.print(
                f"[bold]▸ A day passes[/bold]: {running.sandbox.clock():%A, %d %B %Y}; only what changed is read"
            )
            second = watched(running.load(), instance, quiet=as_json)
            measured["second_run_seconds"] = round(second.seconds, 1)
            if not second.succeeded:
                raise typer.Exit(Exit.RUN_FAILED)
            deliver(running.load(), os.environ, 30.0)
        clock = _keep_clock(running, home)
        measured["seconds"] = round(time.monotonic() - began, 1)
        measured["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        if as_json:
            show([measured], as_json=True)
            return
        _tell(running, told, report.sent, next_day)
    console.print(
        f"\nDone in {measured['seconds']} s (first run {measured['first_run_seconds']} s"
        + (f", second {measured['second_run_seconds']} s" if next_day else "")
        + f"), peak {measured['peak_mib']} MiB."
    )
    console.print(f"  report      {home / 'report' / 'index.html'}", soft_wrap=True)
    console.print(f"  tables      sqlite3 {home / 'reporting.db'} 'SELECT * FROM kpi_latest'", soft_wrap=True)
    is_checkout = (PROJECT / "Makefile").is_file()
    console.print(f"  Dagster     {'make' if is_checkout else 'vitals'} dev")
    if not next_day:
        console.print(f"  a day later {'make next-day' if is_checkout else 'vitals demo --next-day'}")
    asked = [f"export VITALS_HOME={home} VITALS_NOW=file:{clock}"]
    asked += ["vitals query csat --by tier --grain month --from 2026-01"]
    for number, line in enumerate(["source .venv/bin/activate", *asked] if is_checkout else asked):
        console.print(f"  {'' if number else 'ask':<11} {line}", soft_wrap=True)


def _keep_clock(running: Any, home: Path) -> Path:
    """The file with the sandbox's time, for commands that go on where it stopped."""
    clock = home / "sandbox" / "now"
    clock.write_text(running.sandbox.clock().isoformat(), encoding="utf-8")
    return clock


def _tell(running: Any, told: tuple[int, int], sent: int, next_day: bool) -> None:
    """What was published, as the readers see it, and what the alerts' receivers got."""
    from sqlalchemy import text

    from pipelines.publishing import open_reporting, reading

    engine = open_reporting(running.workspace.reporting_url)
    with reading(engine) as connection:

        def rows(sql: str) -> list[dict[str, Any]]:
            return [dict(row) for row in connection.execute(text(sql)).mappings()]

        show(rows(LATEST), title="\nKPIs (kpi_latest): maintenance, how healthy we are")
        show(rows(PROGRESS), title="\nKey results (okr_progress): improvement, what we change this quarter")
        show(rows(FLAGS), title="\nOpen anomalies (open_anomalies), the latest first")
    engine.dispose()
    webhook, mail = running.webhook.kept, running.mail.kept
    keys = [arrival.key for arrival in (*webhook, *mail)]
    again = "" if not next_day else f"; a day later {len(webhook) - told[0] + len(mail) - told[1]} more"
    console.print(
        f"\nAlerts: {sent} messages on the first day ({told[0]} to the on-call webhook, {told[1]} mails){again};"
        f" {len(keys) - len(set(keys))} arrived twice."
    )


LATEST = (
    "SELECT metric_name AS metric, value, target_value AS target, status, trend, owner_name AS owner, period_start"
    " FROM kpi_latest ORDER BY status_rank IS NULL, status_rank, metric_name LIMIT 40"
)
PROGRESS = (
    "SELECT key_result, current_value AS now, target_value AS target, ratio, progress, score_band AS band,"
    " pace_status AS pace, hit_probability AS chance FROM okr_progress"
)
FLAGS = (
    "SELECT period_start, metric_name AS metric, segment_value AS segment, severity, explanation"
    " FROM open_anomalies ORDER BY period_start DESC, metric_name LIMIT 12"
)


def dev(
    home: Annotated[Path, typer.Option(envvar="VITALS_HOME", help="Folder of everything.")] = Path(".vitals"),
    port: Annotated[int, typer.Option(help="Port of the UI on loopback.")] = 3000,
) -> None:
    """Open Dagster's UI on the demo's instance, with the sandbox's source systems running beside it."""
    from pipelines.running import dagster_instance
    from pipelines.sandboxed import sandbox_installation

    home = home.absolute()
    with sandbox_installation(home) as running, dagster_instance(home):
        clock = _keep_clock(running, home)
        console.print(f"Dagster on http://127.0.0.1:{port} (stop with Ctrl-C)")
        done = subprocess.run(
            [
                sys.executable,
                "-W",
                "ignore:Function `dev_command` is superseded",  # by a command of another package
                "-m",
                "dagster",
                "dev",
                "-m",
                "pipelines.definitions",
                "-h",
                "127.0.0.1",
                "-p",
                str(port),
            ],
            env={**os.environ, "VITALS_NOW": f"file:{clock}"},
            check=False,
        )
    raise typer.Exit(done.returncode)


def real(
    data: Annotated[Path, typer.Option(help="Folder with the exports: issues/, support/, crm/.")] = Path(
        "../shared/realdata"
    ),
    home: Annotated[Path, typer.Option(help="Folder of everything.")] = Path(".vitals-real"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the latest values as JSON.")] = False,
) -> None:
    """Run the same chain over real exports through the files connector and a small catalogue of its own."""
    from sqlalchemy import text

    from pipelines.cli.run import watched
    from pipelines.installation import Installation
    from pipelines.publishing import open_reporting, reading
    from pipelines.running import dagster_instance
    from pipelines.workspace import Workspace

    if not data.is_dir():
        errors.print(f"[bold red]✗[/bold red] there is no folder {data}: name one, make real DATA=FOLDER")
        raise typer.Exit(Exit.USAGE)
    os.environ["VITALS_REAL_DATA"] = str(data.absolute())
    workspace = Workspace.from_environment(real_environment(home))
    with dagster_instance(workspace.home) as instance:
        outcome = watched(Installation.load(workspace), instance, quiet=as_json)
    if not outcome.succeeded:
        raise typer.Exit(Exit.RUN_FAILED)
    engine = open_reporting(workspace.reporting_url)
    with reading(engine) as connection:
        rows = [dict(row) for row in connection.execute(text(LATEST)).mappings()]
    engine.dispose()
    show(rows, title="\nKPIs of the real exports, latest complete period", as_json=as_json)
    if not as_json:
        console.print(f"  report      {workspace.report / 'index.html'}")


def real_environment(home: Path) -> dict[str, str]:
    """The environment of the installation over real exports."""
    example = EXAMPLES / "real"
    return {
        "VITALS_HOME": str(home.absolute()),
        "VITALS_SOURCES": str(example / "sources"),
        "VITALS_STAGING": str(example / "staging"),
        "VITALS_CATALOGUE": str(example / "catalogue"),
        "VITALS_NOW": REAL_NOW,
    }
