"""`vitals alerts …`: what is wrong now, who heard of it and why, and who would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import alert_answers, alert_delivery, completion
from pipelines.cli import alert_desk as desk
from pipelines.cli.alert_desk import Alert, Json, Team
from pipelines.cli.output import Exit, console, show

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pipelines.alerts.incidents import Incident
    from pipelines.installation import Installation

app = typer.Typer(
    help="What is wrong now, who heard of it and why; answer, silence, deliver.", no_args_is_help=True
)


def register(parent: typer.Typer) -> None:
    """Add the commands to the application."""
    alert_answers.register(app)
    alert_delivery.register(app)
    parent.add_typer(app, name="alerts")


@app.command("list")
def list_alerts(
    history: Annotated[
        bool, typer.Option("--history", help="Every notice of the log instead: sent, waiting, or held back.")
    ] = False,
    days: Annotated[int, typer.Option(min=1, help="How far back the history goes.")] = 7,
    state: Annotated[
        str | None, typer.Option(help="Of the history only: queued, sent, failed or suppressed.")
    ] = None,
    team: Team = None,
    severity: Annotated[
        str, typer.Option(help="Only alerts at least this bad: info, warning, critical.")
    ] = "info",
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 100,
    as_json: Json = False,
) -> None:
    """What is open now: the worst first, with who was told and who took it on."""
    with desk.database() as (installation, engine):
        if history:
            rows = _history(
                engine, installation.workspace.now() - timedelta(days=days), state, team, severity, limit
            )
            show(rows, title=f"Notices of the last {days} days", as_json=as_json, empty="nothing was decided")
            return
        rows = _open(installation, engine, team, severity)[:limit]
    told = rows if as_json else [_for_people(row, [row["episode"] for row in rows]) for row in rows]
    show(told, title="Open alerts", as_json=as_json, empty="nothing is open")


def _open(
    installation: Installation, engine: Engine, team: str | None, severity: str
) -> list[dict[str, Any]]:
    from pipelines.alerts.history import open_incidents

    desk.known(team, installation.catalogue.teams, "team")
    least = desk.rank_of(severity)
    return [
        {
            "severity": str(incident.severity),
            "title": incident.alert.title,
            "since": incident.since,
            "team": incident.alert.team,
            "told": _ways(incident),
            "acknowledged_by": incident.acknowledged_by,
            "episode": incident.episode,
        }
        for incident in open_incidents(engine, installation.workspace.now())
        if incident.severity.rank >= least and (team is None or incident.alert.team == team)
    ]


def _for_people(row: Mapping[str, Any], episodes: Sequence[str]) -> dict[str, Any]:
    """The same in the width of a terminal: days, people by name, and as much of the episode as an answer needs."""
    told = (way.split(":", 1)[-1].replace(" over ", " by ") for way in row["told"].split(", "))
    known = row["episode"].partition("@")[0]
    short = known.split(":")[-1]
    return {
        "severity": row["severity"],
        "title": row["title"],
        "since": f"{row['since']:%Y-%m-%d}",
        "told": ", ".join(told),
        "taken on by": row["acknowledged_by"],
        "alert": short if sum(short in episode for episode in episodes) == 1 else known,
    }


def _ways(incident: Incident) -> str:
    return ", ".join(f"{recipient} over {channel}" for recipient, channel in incident.recipients) or "nobody"


def _history(
    engine: Engine, since: datetime, state: str | None, team: str | None, severity: str, limit: int
) -> list[dict[str, Any]]:
    from pipelines.alerts.history import recent_rows
    from pipelines.alerts.model import Severity
    from pipelines.alerts.outbox import log_row

    if state is not None:
        desk.known(state, ("queued", "sent", "failed", "suppressed"), "state")
    least = desk.rank_of(severity)
    found = []
    for row in recent_rows(engine, since, state=state, limit=limit if team is None else 10 * limit):
        log = log_row(row)
        if Severity(row["severity"]).rank < least or (
            team is not None and (log is None or log.alert.team != team)
        ):
            continue
        found.append(
            {
                "at": row["created_at"],
                "state": row["delivery_state"],
                "notice": row["notice"],
                "severity": row["severity"],
                "message": row["message"],
                "recipient": row["recipient"],
                "channel": row["channel"],
                "reason": row["reason"],
                "by": row["suppressed_by"],
                "error": row["last_error"],
                "episode": row["episode"],
            }
        )
    return found[:limit]


@app.command("show")
def show_alert(alert: Alert, as_json: Json = False) -> None:
    """Everything about one alert: what it says, what it rests on, whom it was told to, who answered."""
    from pipelines.alerts.history import life_of

    with desk.database() as (installation, engine), desk.telling():
        life = life_of(engine, alert)
    about = life.alert
    catalogue = installation.catalogue
    owner, team = catalogue.people.get(about.owner or ""), catalogue.teams.get(about.team or "")
    answered = life.incident.acknowledged_by if life.incident else None
    document = {
        "episode": life.episode,
        "type": str(about.type),
        "state": life.state,
        "severity": str(about.severity),
        "title": about.title,
        "detail": about.detail,
        "since": about.since,
        "facts": {fact.label: fact.text for fact in about.facts},
        "contributors": {each.label: each.text for each in about.contributors},
        "action": about.action,
        "owner": owner.name if owner else about.owner,
        "team": team.name if team else about.team,
        "acknowledged_by": answered,
        "rests_on": list(about.rests_on),
        "breaks": list(about.breaks),
        "links": {link.label: link.url for link in about.links},
        "batch_id": about.batch_id,
        "run_id": about.run_id,
        "notices": [
            {
                "at": row.at,
                "notice": row.notice,
                "recipient": row.recipient,
                "channel": row.channel,
                "state": row.state,
                "reason": row.reason,
                "by": row.by,
                "sent_at": row.sent_at,
                "attempts": row.attempts,
                "error": row.error,
                "acknowledged_by": row.acknowledged_by,
            }
            for row in life.rows
        ],
    }
    if as_json:
        show([document], as_json=True)
        return
    console.print(f"[bold]{desk.plain_text(about.title)}[/bold]", soft_wrap=True)
    if about.detail:
        console.print(desk.plain_text(about.detail), soft_wrap=True)
    lines = [("State", f"{life.state}, {about.severity}, since {about.since:%Y-%m-%d %H:%M} UTC")]
    lines += [(fact.label, fact.text) for fact in about.facts]
    lines += [(f"Contributor {n}", f"{c.label}: {c.text}") for n, c in enumerate(about.contributors, 1)]
    lines += [("Suggested action", about.action), ("Owner", str(document["owner"] or "nobody"))]
    lines += [("Team", str(document["team"] or "none")), ("Taken on by", answered or "nobody")]
    lines += [(link.label, link.url) for link in about.links] + [("Episode", life.episode)]
    for label, text in lines:
        if text:
            console.print(f"  [dim]{desk.plain_text(label)}[/dim]  {desk.plain_text(text)}", soft_wrap=True)
    notices: list[dict[str, Any]] = document["notices"]  # type: ignore[assignment]
    keep = ("at", "notice", "recipient", "channel", "state", "reason", "sent_at")
    show([{name: row[name] for name in keep} for row in notices], title="\nWhat was told")


@app.command("explain")
def explain_alert(alert: Alert, as_json: Json = False) -> None:
    """Why each notice of an alert was sent, waits or was held back, and what comes next."""
    from pipelines.alerts.history import explain, life_of

    with desk.database() as (installation, engine), desk.telling():
        life = life_of(engine, alert)
    now = installation.workspace.now()
    lines = list(explain(life, installation.catalogue.settings.alerts, now))
    if as_json:
        show([{"episode": life.episode, "state": life.state, "lines": lines}], as_json=True)
        return
    console.print(f"[bold]{desk.plain_text(life.alert.title)}[/bold] ({life.state})", soft_wrap=True)
    for line in lines:
        console.print(f"  {desk.plain_text(line)}", soft_wrap=True)


@app.command("route-test")
def route_test(
    metric: Annotated[str, typer.Argument(help="Name of a metric.", autocompletion=completion.metrics)],
    severity: Annotated[str, typer.Option(help="info, warning or critical.")] = "warning",
    at: Annotated[str, typer.Option(help="When: an instant such as 2026-06-15T22:00:00Z; default now.")] = "",
    as_json: Json = False,
) -> None:
    """Who would hear of an alert about a metric, over which channel, when, and why. Sends nothing."""
    from pipelines.alerts import route_test as routing
    from pipelines.alerts.model import Severity
    from pipelines.alerts.silencing import silences

    desk.rank_of(severity)
    with desk.database() as (installation, engine), desk.telling():
        now = desk.instant(at) if at else installation.workspace.now()
        quiet = tuple(silence for silence, _ in silences(engine, now))
        test = routing.route_test(installation.catalogue, metric, Severity(severity), now, quiet)
    if as_json:
        rows = [
            {
                "recipient": decision.recipient,
                "channel": decision.channel,
                "at": decision.at,
                "is_sent": decision.is_sent,
                "reason": str(decision.reason),
                "by": decision.by,
                "why": decision.why,
            }
            for decision in test.decisions
        ]
        rows += [
            {
                "recipient": route.recipient,
                "channel": route.channel,
                "at": when,
                "is_sent": True,
                "reason": "escalated",
                "by": "",
                "why": route.why,
            }
            for when, route in test.escalations
        ]
        show(rows, as_json=True)
    else:
        console.print(f"A {severity} about [bold]{metric}[/bold] at {now:%a %Y-%m-%d %H:%M} UTC:")
        for line in routing.explain(test):
            console.print(f"  {desk.plain_text(line)}", soft_wrap=True)
    if not any(decision.is_sent for decision in test.decisions):
        raise typer.Exit(Exit.FOUND)
