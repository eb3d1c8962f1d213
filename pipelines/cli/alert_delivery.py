"""`vitals alerts drain, digest`: sending what waits, and what the weekly digest would say."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pipelines.cli import alert_desk as desk
from pipelines.cli import completion
from pipelines.cli.alert_desk import Json
from pipelines.cli.output import Exit, console, errors, show


def register(app: typer.Typer) -> None:
    """Add the commands to `vitals alerts`."""
    app.command("drain")(drain_outbox)
    app.command("digest")(weekly_digest)


def drain_outbox(
    budget: Annotated[float, typer.Option(min=1, help="Seconds it may take.")] = 60.0,
    as_json: Json = False,
) -> None:
    """Send what waits in the outbox, once, here and now; the same as Dagster's sensor does every half minute."""
    from pipelines.steps.alerts import deliver

    installation = desk.installation_of_environment()
    report = deliver(installation, os.environ, budget)
    facts = {
        "sent": report.sent,
        "alerts": report.alerts,
        "retried": report.retried,
        "failed": report.failed,
        "escalated": report.escalated,
        "dropped": report.dropped,
        "left": report.left,
        "seconds": round(report.seconds, 3),
        "errors": dict(report.errors),
    }
    if as_json:
        show([facts], as_json=True)
    else:
        console.print(
            f"{report.sent} messages sent with {report.alerts} alerts; {report.retried} to be tried again, "
            f"{report.failed} given up, {report.left} left for the next time"
        )
        for channel, error in sorted(report.errors.items()):
            errors.print(f"[bold red]✗ {channel}[/bold red]: {desk.plain_text(error)}", soft_wrap=True)
    if report.errors:
        raise typer.Exit(Exit.FOUND)


def weekly_digest(
    team: Annotated[
        str | None,
        typer.Argument(help="Key of a team; all teams by default.", autocompletion=completion.teams),
    ] = None,
    as_json: Json = False,
) -> None:
    """What the weekly digest of a team would say if it went out now, the weightiest first. Sends nothing."""
    from pipelines.alerts.digest import preview

    with desk.database() as (installation, engine):
        desk.known(team, installation.catalogue.teams, "team")
        found = preview(engine, installation.catalogue, installation.workspace.now()).alerts
    chosen = [each for each in found if team is None or each.team == team]
    if as_json:
        show(
            [
                {
                    "team": each.team,
                    "title": each.title,
                    "entries": [{"subject": fact.label, "text": fact.text} for fact in each.facts],
                }
                for each in chosen
            ],
            as_json=True,
        )
        return
    if not chosen:
        console.print("[dim]nothing changed this week, so no digest goes out[/dim]")
    for each in chosen:
        rows = [{"subject": fact.label, "what changed": fact.text} for fact in each.facts]
        label = installation.catalogue.teams[each.team or ""].name
        show(rows, title=f"\n{label} — {each.title}")
