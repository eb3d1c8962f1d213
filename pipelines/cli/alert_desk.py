"""What the commands about alerts share: the database, names of people and teams, instants, how a refusal is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from pipelines.cli import completion
from pipelines.cli.output import Exit, errors

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from definitions.model import Catalogue
    from pipelines.installation import Installation

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Alert = Annotated[
    str,
    typer.Argument(
        help="The alert: its episode, or any part that only one alert contains, such as csat/day/total."
    ),
]
Team = Annotated[str | None, typer.Option(help="Only alerts of this team.", autocompletion=completion.teams)]
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def installation_of_environment() -> Installation:
    from pipelines.installation import Installation
    from pipelines.workspace import Workspace

    return Installation.load(Workspace.from_environment())


@contextmanager
def database() -> Iterator[tuple[Installation, Engine]]:
    from pipelines.steps.reporting import reporting

    installation = installation_of_environment()
    with reporting(installation) as engine:
        yield installation, engine


@contextmanager
def telling() -> Iterator[None]:
    """Refusals of the alert room as messages for the person who called."""
    from pipelines.alerts.acknowledge import CannotAcknowledge
    from pipelines.alerts.history import UnknownAlert
    from pipelines.alerts.route_test import UnknownMetric
    from pipelines.alerts.silencing import CannotSilence

    try:
        yield
    except (CannotAcknowledge, CannotSilence, UnknownAlert, UnknownMetric) as error:
        refuse(str(error))


def refuse(problem: str) -> NoReturn:
    errors.print(f"[bold red]✗[/bold red] {plain_text(problem)}", soft_wrap=True)
    raise typer.Exit(Exit.USAGE)


def known(name: str | None, valid: Any, what: str) -> None:
    from definitions.errors import nearest

    if name is not None and name not in valid:
        near = nearest(name, valid)
        refuse(
            f"there is no {what} {name!r}; "
            + (f"did you mean {near}?" if near else f"write one of {', '.join(sorted(valid))}")
        )


def person(text: str, catalogue: Catalogue) -> str:
    """A person's key, from the key or the e-mail."""
    by_mail = {person.email: key for key, person in catalogue.people.items()}
    if text in by_mail:
        return by_mail[text]
    known(text, {*catalogue.people, *by_mail}, "person")
    return text


def rank_of(text: str) -> int:
    from pipelines.alerts.model import Severity

    known(text, [each.value for each in Severity], "severity")
    return Severity(text).rank


def instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        refuse(f"{text!r} is no instant: write one such as 2026-06-15T22:00:00Z")
    if found.tzinfo is None:
        refuse(f"{text!r} has no zone: add Z for UTC, or an offset such as +02:00")
    return found.astimezone(UTC)


def day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        refuse(f"{text!r} is no day: write one such as 2026-06-15")


def duration(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,4})\s*([mhdw])", text.strip().lower())
    if not found:
        refuse(f"{text!r} is no duration: write 90m, 4h, 2d or 1w")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def plain_text(text: str) -> str:
    """Text from data, which must not be read as markup."""
    from rich.markup import escape

    return escape(text)
