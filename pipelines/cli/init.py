"""`vitals init`: a company's own dictionary in a folder, by a short interview or by flags."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.markup import escape

from pipelines.cli import completion
from pipelines.cli.output import Exit, console, errors, show

if TYPE_CHECKING:
    from pipelines.new_company import Founded, Setup

_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_KEY = re.compile(r"^[a-z][a-z0-9_]*$")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
Answer = TypeVar("Answer")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("init")(init)


def init(
    folder: Annotated[Path, typer.Argument(help="Folder to make; default: this one.")] = Path("."),
    model: Annotated[
        str | None,
        typer.Option(
            help="b2b-sales-led, product-led, marketplace, media, e-commerce or services.",
            autocompletion=completion.models,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Short name of the company; default: the folder's.")
    ] = None,
    systems: Annotated[
        str | None,
        typer.Option(
            help="With commas: salesforce, hubspot, jira, jira_dc, github, linear, intercom, zendesk; or none."
        ),
    ] = None,
    files: Annotated[
        str | None,
        typer.Option(
            help="Tables that files feed, of those that no system does: all, none, schemas or tables with commas."
        ),
    ] = None,
    team: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:LEAD]", help="A team and who leads it, repeated; default: those of the model."
        ),
    ] = None,
    currency: Annotated[str | None, typer.Option(help="Three letters, such as EUR.")] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA name, such as Europe/Berlin.")] = None,
    fiscal_year_start: Annotated[
        str | None, typer.Option(help="Month in which the fiscal year begins: 1 to 12, or its name.")
    ] = None,
    week_start: Annotated[str, typer.Option(help="First day of the week: monday, or sunday.")] = "monday",
    email_domain: Annotated[str, typer.Option(help="Domain of the leads' addresses.")] = "example.com",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take defaults.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write over files that differ; never over data.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Make a company's own dictionary: metrics of its business model, teams, targets, systems, templates.

    In a terminal it asks for what no flag says. Nothing is written over without asking: what differs is told. Exit
    code 0: all is there; 1: files differ and nothing was written; 2: an answer makes no sense.

    [dim]vitals init acme --model marketplace --systems jira,zendesk --team support:head_of_support --currency EUR[/dim]
    """
    from pipelines.new_company import Setup, company_files
    from pipelines.workspace import clock_from

    asks = not (yes or as_json) and _can_ask()
    given = _Given(model, systems, files, tuple(team or ()), currency, timezone, fiscal_year_start)
    answers = _interview(given) if asks else _by_flags(given)
    setup = Setup(
        name=_checked_name(name if name is not None else _slug(folder)),
        week_start=_numbered("weekday", _DAYS)(week_start),
        email_domain=email_domain,
        **answers,
    )
    today: date = clock_from(os.environ.get("VITALS_NOW"))().date()
    founded = company_files(setup, today)
    differing = _differing(folder, founded.files)
    if differing and not force:
        _tell_differences(folder, differing, as_json)
        if not (asks and typer.confirm("Write over them?", default=False)):
            raise typer.Exit(Exit.FOUND)
    written = _write(folder, founded)
    _tell(folder, setup, founded, written, as_json)
    if not as_json and not written:
        console.print("[dim]everything was there already[/dim]")


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Given:
    """What flags said; None where they did not."""

    model: str | None
    systems: str | None
    files: str | None
    teams: tuple[str, ...]
    currency: str | None
    timezone: str | None
    fiscal_year_start: str | None


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _by_flags(given: _Given) -> dict[str, Any]:
    """The answers that flags give, with defaults for the others."""
    from definitions.packs import MODELS

    if given.model is None:
        raise typer.BadParameter(f"say which business: one of {', '.join(MODELS)}", param_hint="--model")
    model = _model(given.model)
    systems = _systems(given.systems or "none")
    return {
        "model": model,
        "systems": systems,
        "files": _tables(model, systems)(given.files or "all"),
        "teams": tuple(_team(text) for text in given.teams),
        "currency": _currency(given.currency or "USD"),
        "time_zone": _zone(given.timezone or "UTC"),
        "fiscal_year_start": _numbered("month", _MONTHS)(given.fiscal_year_start or "1"),
    }


def _interview(given: _Given) -> dict[str, Any]:
    """The answers, asked for where no flag gives them."""
    from definitions.packs import MODELS, load_pack
    from pipelines.new_company import CONNECTED, tables_without_system

    console.print("[bold]What does the company do?[/bold]")
    for one in MODELS if given.model is None else ():
        console.print(f"  [cyan]{one}[/cyan]  {load_pack(one).about}", soft_wrap=True)
    model = _asked("Business model", given.model, MODELS[0], _model)
    pack = load_pack(model)
    console.print(f"  its north star: [bold]{pack.north_star}[/bold]; {len(pack.company)} company KPIs")
    if given.systems is None:
        console.print(
            f"[bold]Which systems does it use?[/bold] {', '.join(CONNECTED)}; or none", soft_wrap=True
        )
    systems = _asked("Systems, with commas", given.systems, "none", _systems)
    rest = tables_without_system(model, systems)
    if given.files is None and rest:
        console.print("[bold]No system feeds these tables.[/bold] Which of them will come as files?")
        console.print(f"  {', '.join(rest)}", soft_wrap=True)
    files = _asked("all, none, or names with commas", given.files, "all", _tables(model, systems))
    currency = _asked("Currency", given.currency, "USD", _currency)
    zone = _asked("Time zone", given.timezone, "UTC", _zone)
    month = _asked(
        "The fiscal year begins in", given.fiscal_year_start, "january", _numbered("month", _MONTHS)
    )
    teams = tuple(_team(text) for text in given.teams)
    if not teams:
        console.print(f"[bold]Teams[/bold]: {', '.join(one.name for one in pack.teams)}")
        teams = _asked("NAME:LEAD with commas; empty keeps them", None, "", _team_list)
    return {
        "model": model,
        "systems": systems,
        "files": files,
        "teams": teams,
        "currency": currency,
        "time_zone": zone,
        "fiscal_year_start": month,
    }


def _asked(question: str, given: str | None, default: str, read: Callable[[str], Answer]) -> Answer:
    """The answer of a flag, else of the person, asked again until it makes sense."""
    if given is not None:
        return read(given)
    while True:
        text: str = typer.prompt(question, default=default, show_default=bool(default))
        try:
            return read(text)
        except typer.BadParameter as error:
            errors.print(f"  [red]{escape(str(error))}[/red]", soft_wrap=True)


def _model(text: str) -> str:
    from definitions.packs import MODELS

    return _one_of("business model", text.strip(), MODELS)


def _systems(text: str) -> tuple[str, ...]:
    from pipelines.new_company import CONNECTED

    names = _names(text)
    return () if names == ["none"] else tuple(dict.fromkeys(_one_of("system", n, CONNECTED) for n in names))


def _tables(model: str, systems: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """Reads tables, or schemas of tables, of those that no system feeds."""

    def read(text: str) -> tuple[str, ...]:
        from pipelines.new_company import tables_without_system

        rest = tables_without_system(model, systems)
        names = _names(text)
        if names in (["all"], ["none"], []):
            return rest if names == ["all"] else ()
        schemas = {table.partition(".")[0] for table in rest}
        for one in names:
            if one not in schemas:
                _one_of("table that no system feeds", one, (*rest, *sorted(schemas)))
        return tuple(table for table in rest if table in names or table.partition(".")[0] in names)

    return read


def _team(text: str) -> tuple[str, str]:
    name, colon, lead = (part.strip() for part in text.partition(":"))
    lead = lead if colon else f"head_of_{name}"
    if not _KEY.match(name) or not _KEY.match(lead):
        raise typer.BadParameter(
            f"{text!r} is no NAME:LEAD: use small letters, digits and underscores, such as"
            " support:head_of_support",
            param_hint="--team",
        )
    return name, lead


def _team_list(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(_team(one) for one in _names(text))


def _currency(text: str) -> str:
    code = text.strip().upper()
    if not re.fullmatch("[A-Z]{3}", code):
        raise typer.BadParameter(
            f"{text!r} is no currency: three letters, such as EUR", param_hint="--currency"
        )
    return code


def _zone(text: str) -> str:
    from zoneinfo import ZoneInfo, available_timezones

    from definitions.errors import nearest

    try:
        ZoneInfo(text.strip())
    except (KeyError, ValueError, OSError):
        near = nearest(text, available_timezones())
        meant = f"; did you mean {near}?" if near else ", such as Europe/Berlin"
        raise typer.BadParameter(f"{text!r} is no IANA time zone{meant}", param_hint="--timezone") from None
    return text.strip()


def _numbered(what: str, names: Sequence[str]) -> Callable[[str], int]:
    """Reads a month or a weekday, by number or name."""

    def read(text: str) -> int:
        given = text.strip().lower()
        if given.isdigit() and 1 <= int(given) <= len(names):
            return int(given)
        return names.index(_one_of(what, given, names)) + 1

    return read


def _one_of(what: str, text: str, valid: Sequence[str]) -> str:
    from definitions.errors import nearest

    if text not in valid:
        near = nearest(text, valid)
        meant = f"; did you mean {near}?" if near else f": write one of {', '.join(valid)}"
        raise typer.BadParameter(f"there is no {what} {text!r}{meant}")
    return text


def _names(text: str) -> list[str]:
    return [name.strip().lower() for name in text.split(",") if name.strip()]


def _slug(folder: Path) -> str:
    """The folder's name as an account's: letters, digits, dot, dash, underscore."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip("-._") or "company"


def _checked_name(name: str) -> str:
    if not _NAME.match(name):
        raise typer.BadParameter(
            f"{name!r} is no short name: letters, digits, dot, dash, underscore", param_hint="--name"
        )
    return name


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────


def _differing(folder: Path, files: Mapping[str, str]) -> list[str]:
    return [name for name, text in files.items() if _is_other(folder / name, text)]


def _is_other(path: Path, text: str) -> bool:
    """Whether something else than this text is there."""
    if path.is_dir():
        raise typer.BadParameter(f"{path} is a folder and should be a file")
    return path.is_file() and path.read_bytes() != text.encode()


def _tell_differences(folder: Path, differing: Sequence[str], as_json: bool) -> None:
    if as_json:
        show([{"folder": str(folder), "differs": list(differing), "written": []}], as_json=True)
        return
    errors.print(f"[yellow]![/yellow] {len(differing)} files in {folder} differ from what would be written:")
    for name in differing:
        errors.print(f"    {escape(name)}", soft_wrap=True)
    errors.print("Nothing is written over without --force; data never is.", soft_wrap=True)


def _write(folder: Path, founded: Founded) -> list[str]:
    """Write what is not there or differs; returns the paths written. Data is left as it is."""
    written = []
    for name, text in founded.files.items():
        path = folder / name
        if not path.is_file() or _is_other(path, text):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            written.append(name)
    for name, text in founded.templates.items():
        path = folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            written.append(name)
    return written


def _tell(folder: Path, setup: Setup, founded: Founded, written: Sequence[str], as_json: bool) -> None:
    catalogue = founded.catalogue
    steps = _next_steps(folder, founded)
    if as_json:
        show(
            [
                {
                    "folder": str(folder),
                    "model": setup.model,
                    "metrics": len(catalogue.metrics),
                    "sources": len(catalogue.sources),
                    "systems": list(setup.systems),
                    "files": list(founded.tables),
                    "no_source": list(founded.unfed),
                    "written": list(written),
                    "next": steps,
                }
            ],
            as_json=True,
        )
        return
    console.print(
        f"[green]✓[/green] {len(catalogue.metrics)} metrics over {len(catalogue.sources)} sources in {folder}"
        f" ({len(written)} files written)",
        soft_wrap=True,
    )
    if founded.unfed:
        console.print(f"  nothing feeds {', '.join(founded.unfed)}: shown as `no source`", soft_wrap=True)
    console.print("Next:")
    for step in steps:
        console.print(f"  {escape(step)}", soft_wrap=True)


def _next_steps(folder: Path, founded: Founded) -> list[str]:
    steps = [] if folder.resolve() == Path.cwd() else [f"cd {folder}"]
    if founded.variables:
        steps.append("cp credentials.env.example credentials.env, fill it in, and: source credentials.env")
    if founded.tables:
        steps.append("put exports into data/, in place of the templates")
    return [*steps, "vitals doctor", "vitals run"]
