"""`vitals alerts …`: what is wrong now, who heard of it and why, who would; and answering, silencing, delivering."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from pipelines.cli.output import Exit, console, errors, show

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from definitions.model import Catalogue
    from pipelines.alerts.acknowledge import Verdict
    from pipelines.alerts.incidents import Incident
    from pipelines.installation import Installation

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Alert = Annotated[
    str,
    typer.Argument(
        help="The alert: its episode, or any part that only one alert contains, such as csat/day/total."
    ),
]
By = Annotated[
    str,
    typer.Option(
        envvar="VITALS_USER",
        help="Who answers: a person's key or e-mail, as in teams.yml.",
        show_default=False,
    ),
]
Reason = Annotated[str, typer.Option(help="Why: campaign, outage, migration, …", show_default=False)]
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

app = typer.Typer(
    help="What is wrong now, who heard of it and why; answer, silence, deliver.", no_args_is_help=True
)


def register(parent: typer.Typer) -> None:
    """Add the commands to the application."""
    parent.add_typer(app, name="alerts")


# ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────


@app.command("list")
def list_alerts(
    history: Annotated[
        bool, typer.Option("--history", help="Every notice of the log instead: sent, waiting, or held back.")
    ] = False,
    days: Annotated[int, typer.Option(min=1, help="How far back the history goes.")] = 7,
    state: Annotated[
        str | None, typer.Option(help="Of the history only: queued, sent, failed or suppressed.")
    ] = None,
    team: Annotated[str | None, typer.Option(help="Only alerts of this team.")] = None,
    severity: Annotated[
        str, typer.Option(help="Only alerts at least this bad: info, warning, critical.")
    ] = "info",
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 100,
    as_json: Json = False,
) -> None:
    """What is open now: the worst first, with who was told and who took it on."""
    with _database() as (installation, engine):
        if history:
            rows = _history(
                engine, installation.workspace.now() - timedelta(days=days), state, team, severity, limit
            )
            show(rows, title=f"Notices of the last {days} days", as_json=as_json, empty="nothing was decided")
            return
        rows = _open(installation, engine, team, severity)[:limit]
    show(rows, title="Open alerts", as_json=as_json, empty="nothing is open")


def _open(
    installation: Installation, engine: Engine, team: str | None, severity: str
) -> list[dict[str, Any]]:
    from pipelines.alerts.history import open_incidents

    _known(team, installation.catalogue.teams, "team")
    least = _severity(severity)
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


def _ways(incident: Incident) -> str:
    return ", ".join(f"{recipient} over {channel}" for recipient, channel in incident.recipients) or "nobody"


def _history(
    engine: Engine, since: datetime, state: str | None, team: str | None, severity: str, limit: int
) -> list[dict[str, Any]]:
    from pipelines.alerts.history import recent_rows
    from pipelines.alerts.model import Severity
    from pipelines.alerts.outbox import log_row

    if state is not None:
        _known(state, ("queued", "sent", "failed", "suppressed"), "state")
    least = _severity(severity)
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

    with _database() as (installation, engine), _telling():
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
    console.print(f"[bold]{_plain(about.title)}[/bold]", soft_wrap=True)
    if about.detail:
        console.print(_plain(about.detail), soft_wrap=True)
    lines = [("State", f"{life.state}, {about.severity}, since {about.since:%Y-%m-%d %H:%M} UTC")]
    lines += [(fact.label, fact.text) for fact in about.facts]
    lines += [(f"Contributor {n}", f"{c.label}: {c.text}") for n, c in enumerate(about.contributors, 1)]
    lines += [("Suggested action", about.action), ("Owner", str(document["owner"] or "nobody"))]
    lines += [("Team", str(document["team"] or "none")), ("Taken on by", answered or "nobody")]
    lines += [(link.label, link.url) for link in about.links] + [("Episode", life.episode)]
    for label, text in lines:
        if text:
            console.print(f"  [dim]{_plain(label)}[/dim]  {_plain(text)}", soft_wrap=True)
    notices: list[dict[str, Any]] = document["notices"]  # type: ignore[assignment]
    keep = ("at", "notice", "recipient", "channel", "state", "reason", "sent_at")
    show([{name: row[name] for name in keep} for row in notices], title="\nWhat was told")


@app.command("explain")
def explain_alert(alert: Alert, as_json: Json = False) -> None:
    """Why each notice of an alert was sent, waits or was held back, and what comes next."""
    from pipelines.alerts.history import explain, life_of

    with _database() as (installation, engine), _telling():
        life = life_of(engine, alert)
    now = installation.workspace.now()
    lines = list(explain(life, installation.catalogue.settings.alerts, now))
    if as_json:
        show([{"episode": life.episode, "state": life.state, "lines": lines}], as_json=True)
        return
    console.print(f"[bold]{_plain(life.alert.title)}[/bold] ({life.state})", soft_wrap=True)
    for line in lines:
        console.print(f"  {_plain(line)}", soft_wrap=True)


@app.command("route-test")
def route_test(
    metric: Annotated[str, typer.Argument(help="Name of a metric.")],
    severity: Annotated[str, typer.Option(help="info, warning or critical.")] = "warning",
    at: Annotated[str, typer.Option(help="When: an instant such as 2026-06-15T22:00:00Z; default now.")] = "",
    as_json: Json = False,
) -> None:
    """Who would hear of an alert about a metric, over which channel, when, and why. Sends nothing."""
    from pipelines.alerts import route_test as routing
    from pipelines.alerts.model import Severity
    from pipelines.alerts.silencing import silences

    _severity(severity)
    with _database() as (installation, engine), _telling():
        now = _instant(at) if at else installation.workspace.now()
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
            console.print(f"  {_plain(line)}", soft_wrap=True)
    if not any(decision.is_sent for decision in test.decisions):
        raise typer.Exit(Exit.FOUND)


# ── answering ───────────────────────────────────────────────────────────────────────────────────────────────


@app.command("ack")
def acknowledge_alert(
    alert: Alert,
    by: By,
    reason: Annotated[str, typer.Option(help="A word about it.")] = "",
    as_json: Json = False,
) -> None:
    """Take an alert on: no reminder and no escalation any more; worse news and its end still come."""
    from pipelines.alerts.acknowledge import Verdict

    _answer(alert, by, Verdict.ACKNOWLEDGED, reason, None, None, as_json)


@app.command("expected")
def expected_alert(
    alert: Alert,
    by: By,
    reason: Reason,
    start: Annotated[
        str, typer.Option("--from", help="First day of the cause; default: the alert's start.")
    ] = "",
    end: Annotated[str, typer.Option("--to", help="Last day of the cause, inclusive; default: today.")] = "",
    as_json: Json = False,
) -> None:
    """It has a known cause: the days it covers leave the history that the detector learns from."""
    from pipelines.alerts.acknowledge import Verdict

    _answer(alert, by, Verdict.EXPECTED, reason, _day(start), _day(end), as_json)


@app.command("false")
def false_alert(
    alert: Alert,
    by: By,
    reason: Annotated[str, typer.Option(help="A word about it.")] = "",
    as_json: Json = False,
) -> None:
    """It is no anomaly: the detector learns from that as well."""
    from pipelines.alerts.acknowledge import Verdict

    _answer(alert, by, Verdict.FALSE, reason, None, None, as_json)


def _answer(
    alert: str,
    by: str,
    verdict: Verdict,
    reason: str,
    start: date | None,
    end: date | None,
    as_json: bool,
) -> None:
    from pipelines.alerts.acknowledge import acknowledge
    from pipelines.alerts.history import life_of

    with _database() as (installation, engine), _telling():
        person = _person(by, installation.catalogue)
        life = life_of(engine, alert)
        now = installation.workspace.now()
        message = acknowledge(
            engine,
            life.episode,
            person,
            now,
            verdict=verdict,
            reason=reason,
            expected_from=start,
            expected_to=end,
        )
    if as_json:
        show([{"episode": life.episode, "verdict": str(verdict), "by": person, "at": now}], as_json=True)
        return
    console.print(f"[green]✓[/green] {_plain(message)}", soft_wrap=True)
    console.print(f"  recorded as {verdict} by {person}; in force from the next delivery on")


@app.command("silence")
def silence_alerts(
    by: Annotated[str, typer.Option(envvar="VITALS_USER", help="Who asks: a person's key or e-mail.")] = "",
    reason: Annotated[str, typer.Option(help="Why: campaign, outage, migration, …")] = "",
    subject: Annotated[
        str | None, typer.Option(help="What, with * for any text: csat/*, salesforce, daily.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--type", help="Type of alert: anomaly, late, check_failed, …")
    ] = None,
    team: Annotated[str | None, typer.Option(help="Only alerts of this team.")] = None,
    lasting: Annotated[
        str, typer.Option("--for", help="How long: 90m, 4h, 2d, 1w (at most 90 days).")
    ] = "4h",
    start: Annotated[
        str, typer.Option("--from", help="When it begins: an instant with its zone; default now.")
    ] = "",
    end: Annotated[
        int | None, typer.Option("--end", help="Let the silence with this number end now.")
    ] = None,
    listing: Annotated[
        bool, typer.Option("--list", help="Show the silences in force and those to come.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Hold matching alerts back for a while, with a reason and an end. Alerts are kept in the log, not sent."""
    from pipelines.alerts import silencing

    with _database() as (installation, engine), _telling():
        now = installation.workspace.now()
        if listing:
            found = [
                {
                    "number": each.id,
                    "type": each.alert_type,
                    "subject": each.subject_id,
                    "team": each.team,
                    "from": each.starts_at,
                    "to": each.ends_at,
                    "reason": each.reason,
                    "by": who,
                }
                for each, who in silencing.silences(engine, now)
            ]
            show(found, title="Silences", as_json=as_json, empty="no silence is in force")
            return
        if end is not None:
            ended = silencing.end_silence(engine, end, now)
            show([{"number": end, "to": ended}], title="This silence ends", as_json=as_json)
            return
        _known(team, installation.catalogue.teams, "team")
        begins = _instant(start) if start else now
        ends = begins + _duration(lasting)
        number = silencing.silence(
            engine,
            _person(by, installation.catalogue) if by else "",
            reason,
            begins,
            ends,
            alert_type=kind,
            subject=subject,
            team=team,
        )
    if as_json:
        show([{"number": number, "from": begins, "to": ends}], as_json=True)
        return
    console.print(f"[green]✓[/green] silence {number}, until {ends:%a %Y-%m-%d %H:%M} UTC")
    console.print(f"  end it sooner with: vitals alerts silence --end {number}")


# ── delivering ──────────────────────────────────────────────────────────────────────────────────────────────


@app.command("drain")
def drain_outbox(
    budget: Annotated[float, typer.Option(min=1, help="Seconds it may take.")] = 60.0,
    as_json: Json = False,
) -> None:
    """Send what waits in the outbox, once, here and now; the same as Dagster's sensor does every half minute."""
    from pipelines.steps.alerts import deliver

    installation = _installation()
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
            errors.print(f"[bold red]✗ {channel}[/bold red]: {_plain(error)}", soft_wrap=True)
    if report.errors:
        raise typer.Exit(Exit.FOUND)


@app.command("digest")
def weekly_digest(
    team: Annotated[str | None, typer.Argument(help="Key of a team; all teams by default.")] = None,
    as_json: Json = False,
) -> None:
    """What the weekly digest of a team would say if it went out now, the weightiest first. Sends nothing."""
    from pipelines.alerts.digest import preview

    with _database() as (installation, engine):
        _known(team, installation.catalogue.teams, "team")
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


# ── shared ──────────────────────────────────────────────────────────────────────────────────────────────────


def _installation() -> Installation:
    from pipelines.installation import Installation
    from pipelines.workspace import Workspace

    return Installation.load(Workspace.from_environment())


@contextmanager
def _database() -> Iterator[tuple[Installation, Engine]]:
    from pipelines.steps.reporting import reporting

    installation = _installation()
    with reporting(installation) as engine:
        yield installation, engine


@contextmanager
def _telling() -> Iterator[None]:
    """Refusals of the alert room as messages for the person who called."""
    from pipelines.alerts.acknowledge import CannotAcknowledge
    from pipelines.alerts.history import UnknownAlert
    from pipelines.alerts.route_test import UnknownMetric
    from pipelines.alerts.silencing import CannotSilence

    try:
        yield
    except (CannotAcknowledge, CannotSilence, UnknownAlert, UnknownMetric) as error:
        _refuse(str(error))


def _refuse(problem: str) -> NoReturn:
    errors.print(f"[bold red]✗[/bold red] {_plain(problem)}", soft_wrap=True)
    raise typer.Exit(Exit.USAGE)


def _known(name: str | None, valid: Any, what: str) -> None:
    from definitions.errors import nearest

    if name is not None and name not in valid:
        near = nearest(name, valid)
        _refuse(
            f"there is no {what} {name!r}; "
            + (f"did you mean {near}?" if near else f"write one of {', '.join(sorted(valid))}")
        )


def _person(text: str, catalogue: Catalogue) -> str:
    """A person's key, from the key or the e-mail."""
    by_mail = {person.email: key for key, person in catalogue.people.items()}
    if text in by_mail:
        return by_mail[text]
    _known(text, {*catalogue.people, *by_mail}, "person")
    return text


def _severity(text: str) -> int:
    from pipelines.alerts.model import Severity

    _known(text, [each.value for each in Severity], "severity")
    return Severity(text).rank


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        _refuse(f"{text!r} is no instant: write one such as 2026-06-15T22:00:00Z")
    if found.tzinfo is None:
        _refuse(f"{text!r} has no zone: add Z for UTC, or an offset such as +02:00")
    return found.astimezone(UTC)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        _refuse(f"{text!r} is no day: write one such as 2026-06-15")


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,4})\s*([mhdw])", text.strip().lower())
    if not found:
        _refuse(f"{text!r} is no duration: write 90m, 4h, 2d or 1w")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def _plain(text: str) -> str:
    """Text from data, which must not be read as markup."""
    from rich.markup import escape

    return escape(text)
