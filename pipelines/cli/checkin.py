"""`vitals checkin …`: say how a key result goes, for oneself or from a file; who is asked what; a person's link."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.markup import escape
from typer.core import TyperGroup

from pipelines.cli import completion
from pipelines.cli.output import Exit, console, errors, show

if TYPE_CHECKING:
    from pipelines.installation import Installation
    from pipelines.okr.checkins import Asked, CheckInDesk
    from pipelines.scoring.checkin import CheckIn

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
By = Annotated[
    str | None,
    typer.Option(
        envvar="VITALS_USER",
        help="Who says it: a person's key or e-mail, as in teams.yml.",
        show_default=False,
    ),
]
ADD = "add"


class CheckInCommands(TyperGroup):
    """`vitals checkin`, `vitals checkin KEY_RESULT` and `vitals checkin --how …` are all `vitals checkin add …`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command's name in front where none is given."""
        if not args or (args[0] not in self.commands and args[0] not in {"--help", "-h"}):
            args = [ADD, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=CheckInCommands,
    help="Say how a key result goes: [bold]vitals checkin[/bold] asks, [bold]vitals checkin KEY --how … "
    "--confidence 0.7[/bold] does not.",
)


def register(parent: typer.Typer) -> None:
    """Add the commands to the application."""
    parent.add_typer(app, name="checkin")


@app.command(ADD)
def add(
    key_result: Annotated[
        str | None,
        typer.Argument(
            help="The key result (default: choose from what is asked of you).",
            metavar="[KEY_RESULT]",
            autocompletion=completion.key_results,
        ),
    ] = None,
    by: By = None,
    progress: Annotated[
        str | None, typer.Option(help="How much progress was made (default: value, change, score and pace).")
    ] = None,
    how: Annotated[str | None, typer.Option(help="How it happened.")] = None,
    confidence: Annotated[
        str | None,
        typer.Option(help="How sure you are to reach it: 0 to 1 in steps of 0.1; never filled in."),
    ] = None,
    blockers: Annotated[str | None, typer.Option(help="What is in the way.")] = None,
    differently: Annotated[str | None, typer.Option(help="What to do differently.")] = None,
    value: Annotated[
        str | None,
        typer.Option(help="The value by hand, in the key result's unit, where no system knows it."),
    ] = None,
    status: Annotated[
        str | None, typer.Option(help="Status shown instead of the computed one; needs blockers or progress.")
    ] = None,
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day it is about (default: today).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check in. What you do not give is asked, with what can be computed filled in; a correction supersedes.

    With --json nothing is asked: --how and --confidence are needed then.
    """
    with _desk() as (installation, desk):
        author = _person(installation, by)
        chosen = key_result or _choose(desk, author, as_json)
        statement = _statement(installation, chosen)
        known = desk.prefilled(chosen)
        said: dict[str, str | None] = {
            "progress_note": progress,
            "how_it_happened": how,
            "confidence": confidence,
            "blockers": blockers,
            "do_differently": differently,
            "value_override": value,
            "status_override": status,
        }
        if not as_json and (how is None or confidence is None):
            console.print(f"[bold]{escape(statement)}[/bold]")
            console.print(
                f"[dim]{escape(known.progress)}{' ' + escape(known.how) if known.how else ''}[/dim]"
            )
            said |= _ask(said, known.progress, known.how)
        if said["progress_note"] is None and status is None:  # arithmetic is no reason for another status
            said["progress_note"] = known.progress
        email = installation.catalogue.people[author].email
        recorded = desk.take(email, chosen, said, None if on is None else on.date())
    if as_json:
        show([_row(recorded)], as_json=True)
        return
    again = f", in place of number {recorded.supersedes}" if recorded.supersedes else ""
    console.print(
        f"[green]✓[/green] check-in number {recorded.check_in_id} of {recorded.on}{again}: recorded"
    )
    console.print("  the next run shows it and tells the team once: vitals run --job recompute")


@app.command("list")
def list_(
    by: By = None,
    everybody: Annotated[bool, typer.Option("--all", help="What is asked of everybody.")] = False,
    as_json: Json = False,
) -> None:
    """Which key results are asked about, of whom, and since when; what is late first."""
    with _desk() as (installation, desk):
        people = sorted(installation.catalogue.people) if everybody else [_person(installation, by)]
        asked = {item.key_result.key: item for person in people for item in desk.asked_of(person)}
    rows = [_asked_row(item) for item in sorted(asked.values(), key=_due_first)]
    show(rows, title="Check-ins", as_json=as_json, empty="nothing is asked at the moment")


@app.command("history")
def history(
    key_result: Annotated[
        str,
        typer.Argument(help="The key result.", metavar="KEY_RESULT", autocompletion=completion.key_results),
    ],
    as_json: Json = False,
) -> None:
    """Everything that was ever said about a key result; what was corrected is kept and marked."""
    from pipelines.scoring.checkin import current

    with _desk() as (installation, desk):
        _statement(installation, key_result)
        recorded = [item for item in desk.recorded() if item.key_result == key_result]
    standing = {item.check_in_id for item in current(recorded)}
    rows = [{**_row(item), "stands": item.check_in_id in standing} for item in recorded]
    show(rows, title=key_result, as_json=as_json, empty="nobody has checked in yet")


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="CSV, or YAML with a list check_ins.", metavar="FILE")],
    as_json: Json = False,
) -> None:
    """Take check-ins from a CSV or YAML file: all rows, or none where one cannot be taken. Safe to repeat."""
    from pipelines.okr.check_in_files import CheckInFileError, import_check_ins

    with _desk() as (_, desk):
        try:
            taken = import_check_ins(path, desk)
        except CheckInFileError as error:
            _refuse(str(error))
    if as_json:
        show(
            [{"recorded": len(taken.recorded), "unchanged": taken.unchanged, "file": str(path)}], as_json=True
        )
        return
    console.print(
        f"[green]✓[/green] {len(taken.recorded)} check-ins recorded, {taken.unchanged} were there already"
    )


@app.command("link")
def link(
    person: Annotated[
        str, typer.Argument(help="A person's key or e-mail, as in teams.yml.", metavar="PERSON")
    ],
    base: Annotated[
        str | None,
        typer.Option(help="Address the form is served under (default: alerts.link_base, else loopback)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """The link with which a person checks in at `vitals serve`, without a login. Who has it, can speak for them."""
    from pipelines.installation import Installation
    from pipelines.serving import DEFAULT_PORT, check_in_tokens
    from pipelines.workspace import Workspace

    installation = Installation.load(Workspace.from_environment())
    key = _person(installation, person)
    tokens = check_in_tokens(installation, os.environ)
    where = base or installation.catalogue.settings.alerts.link_base or f"http://127.0.0.1:{DEFAULT_PORT}"
    address = tokens.link(where, key, installation.workspace.now())
    if as_json:
        show([{"person": key, "link": address, "valid_days": tokens.days}], as_json=True)
        return
    print(address)
    errors.print(f"[dim]valid for {tokens.days} days; send it to {key} alone[/dim]")


# ── asking ──────────────────────────────────────────────────────────────────────────────────────────────────


def _choose(desk: CheckInDesk, person: str, as_json: bool) -> str:
    asked = desk.asked_of(person)
    if not asked:
        _refuse(f"nothing is asked of {person} at the moment; name a key result")
    if as_json:
        _refuse("name a key result: " + ", ".join(item.key_result.key for item in asked))
    rows = [{"": number, **_asked_row(item)} for number, item in enumerate(asked, start=1)]
    show(rows, title="What is asked of you")
    number: int = typer.prompt("Which one", type=int, default=1)
    if not 1 <= number <= len(asked):
        _refuse(f"{number} is not in the list")
    return asked[number - 1].key_result.key


def _ask(said: dict[str, str | None], progress: str, how: str) -> dict[str, str | None]:
    questions = (
        ("progress_note", "How much progress have we made?", progress),
        ("how_it_happened", "How did it happen?", how),
        ("confidence", "How confident are you, 0 to 1 in steps of 0.1?", None),
        ("blockers", "Any blockers?", ""),
        ("do_differently", "Should we do things differently?", ""),
    )
    return {
        name: typer.prompt(
            question, default=default or ("" if default is not None else None), show_default=bool(default)
        )
        for name, question, default in questions
        if said[name] is None
    }


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────


def _asked_row(item: Asked) -> dict[str, Any]:
    return {
        "key_result": item.key_result.key,
        "statement": item.key_result.statement,
        "owner": item.key_result.owner,
        "due": item.due.due if item.due else None,
        "state": "stale" if item.is_stale else str(item.due.state) if item.due else "done",
        "last": item.last.on if item.last else None,
        "confidence": item.last.confidence if item.last else None,
    }


def _due_first(item: Asked) -> tuple[date, str]:
    return (item.due.due if item.due else date.max, item.key_result.key)


def _row(item: CheckIn) -> dict[str, Any]:
    return {
        "number": item.check_in_id,
        "key_result": item.key_result,
        "on": item.on,
        "author": item.author,
        "progress": item.progress_note,
        "how": item.how_it_happened,
        "confidence": item.confidence,
        "blockers": item.blockers,
        "differently": item.do_differently,
        "value": item.value_override,
        "status": None if item.status_override is None else str(item.status_override),
        "supersedes": item.supersedes,
    }


# ── where ───────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _desk() -> Iterator[tuple[Installation, CheckInDesk]]:
    """The desk of this installation today; a refusal of what was said becomes a message."""
    from pipelines.installation import Installation
    from pipelines.okr.checkins import CheckInDesk
    from pipelines.publishing.check_ins import DatabaseCheckIns
    from pipelines.scoring.errors import CheckInError
    from pipelines.steps.assess import local_today
    from pipelines.steps.reporting import reporting
    from pipelines.workspace import Workspace

    installation = Installation.load(Workspace.from_environment())
    with reporting(installation) as engine:
        store = DatabaseCheckIns(engine, installation.workspace.clock)
        try:
            yield installation, CheckInDesk(installation.catalogue, store, local_today(installation))
        except CheckInError as error:
            _refuse(str(error))


def _person(installation: Installation, name: str | None) -> str:
    """The key of a person given by key or e-mail."""
    from definitions.errors import nearest

    people = installation.catalogue.people
    if name is None:
        _refuse("say who you are: --by KEY, or export VITALS_USER=KEY")
    by_email = {person.email.casefold(): key for key, person in people.items()}
    key = name if name in people else by_email.get(name.casefold())
    if key is None:
        near = nearest(name, [*people, *by_email])
        _refuse(f"nobody in teams.yml is called {name!r}" + (f"; did you mean {near!r}?" if near else ""))
    return key


def _statement(installation: Installation, key: str) -> str:
    from definitions.errors import nearest

    known = {kr.key: kr.statement for _, _, kr in installation.catalogue.key_results()}
    if key not in known:
        near = nearest(key, known)
        _refuse(f"there is no key result {key!r}" + (f"; did you mean {near!r}?" if near else ""))
    return known[key]


def _refuse(problem: str) -> NoReturn:
    errors.print(f"[bold red]✗[/bold red] {escape(problem)}", soft_wrap=True)
    raise typer.Exit(Exit.USAGE)
