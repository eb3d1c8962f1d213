"""`vitals alerts ack, expected, false, silence`: answering an alert, and holding alerts back for a while."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import alert_desk as desk
from pipelines.cli.alert_desk import Alert, Json, Team
from pipelines.cli.output import console, show

if TYPE_CHECKING:
    from pipelines.alerts.acknowledge import Verdict

By = Annotated[
    str,
    typer.Option(
        envvar="VITALS_USER",
        help="Who answers: a person's key or e-mail, as in teams.yml.",
        show_default=False,
    ),
]
Reason = Annotated[str, typer.Option(help="Why: campaign, outage, migration, …", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands to `vitals alerts`."""
    app.command("ack")(acknowledge_alert)
    app.command("expected")(expected_alert)
    app.command("false")(false_alert)
    app.command("silence")(silence_alerts)


def acknowledge_alert(
    alert: Alert,
    by: By,
    reason: Annotated[str, typer.Option(help="A word about it.")] = "",
    as_json: Json = False,
) -> None:
    """Take an alert on: no reminder and no escalation any more; worse news and its end still come."""
    from pipelines.alerts.acknowledge import Verdict

    _answer(alert, by, Verdict.ACKNOWLEDGED, reason, None, None, as_json)


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

    _answer(alert, by, Verdict.EXPECTED, reason, desk.day(start), desk.day(end), as_json)


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

    with desk.database() as (installation, engine), desk.telling():
        person = desk.person(by, installation.catalogue)
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
    console.print(f"[green]✓[/green] {desk.plain_text(message)}", soft_wrap=True)
    console.print(f"  recorded as {verdict} by {person}; in force from the next delivery on")


def silence_alerts(
    by: Annotated[str, typer.Option(envvar="VITALS_USER", help="Who asks: a person's key or e-mail.")] = "",
    reason: Annotated[str, typer.Option(help="Why: campaign, outage, migration, …")] = "",
    subject: Annotated[
        str | None, typer.Option(help="What, with * for any text: csat/*, salesforce, daily.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--type", help="Type of alert: anomaly, late, check_failed, …")
    ] = None,
    team: Team = None,
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

    with desk.database() as (installation, engine), desk.telling():
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
        desk.known(team, installation.catalogue.teams, "team")
        begins = desk.instant(start) if start else now
        ends = begins + desk.duration(lasting)
        number = silencing.silence(
            engine,
            desk.person(by, installation.catalogue) if by else "",
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
