"""`vitals governance …`: where definitions stand, which are due for review, who owns their files, and the steps from
draft to deprecated, written into the YAML."""

from __future__ import annotations

import getpass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import completion
from pipelines.cli.output import Exit, console, errors, show
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from definitions.governance.editing import Edit
    from definitions.model import Catalogue, Metric

app = typer.Typer(
    help="Definitions from draft to deprecated: who approves them, and what is due.", no_args_is_help=True
)
HOSTS = ("github", "gitlab")
"""Code hosts as `definitions.governance.Host` knows them; named here so that help loads no dictionary."""
PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
"""Where code hosts look for the file."""

Folder = Annotated[
    Path | None, typer.Option("--catalogue", help="Folder of the dictionary; default: VITALS_CATALOGUE.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Name = Annotated[
    str,
    typer.Argument(metavar="METRIC", help="Name in the dictionary.", autocompletion=completion.metrics),
]
By = Annotated[
    str, typer.Option("--by", help="Who approves: the accountable person, a lead above, or a steward.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the file as it would be, and write nothing.")]


def register(parent: typer.Typer) -> None:
    """Add the commands to the application."""
    parent.add_typer(app, name="governance")


@app.command("status")
def status(
    metric: Annotated[str | None, typer.Argument(help="Only this metric, with all there is to say.")] = None,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Where definitions stand: status, version, owner, last review; of one metric also who approves and who uses it.

    [dim]vitals governance status win_rate[/dim]
    """
    from definitions.governance import review_of

    catalogue, now = _catalogue(folder)
    if metric is not None:
        _one(catalogue, _metric(catalogue, metric), now, as_json=as_json)
        return
    rows = []
    for item in catalogue.metrics.values():
        review = review_of(catalogue, item)
        rows.append(
            {
                "metric": item.name,
                "status": _status_in_force(catalogue, item, now),
                "version": item.version,
                "owner": f"{item.owner.accountable} ({item.owner.team})",
                "reviewed": item.reviewed_on,
                "due": review.due if item.status in ("review", "certified") else None,
                "successor": item.replaced_by,
            }
        )
    show(rows, as_json=as_json, empty="the dictionary has no metrics")


@app.command("due")
def due(
    within: Annotated[int, typer.Option(min=0, help="Also what is due in that many days.")] = 30,
    check: Annotated[
        bool, typer.Option("--check", help="End with code 1 where a review is overdue, for a schedule.")
    ] = False,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Definitions that are due for review, most urgent first: the last review (or the approval of the version) and
    what the settings give the metric's level."""
    from definitions.governance import reviews

    catalogue, now = _catalogue(folder)
    rows: list[dict[str, Any]] = []
    for review in reviews(catalogue):
        left = review.days_left(_today(catalogue, review.metric, now))
        if left is not None and left > within:
            continue
        rows.append(
            {
                "metric": review.metric.name,
                "level": review.metric.level,
                "last": review.last,
                "by": "review" if review.was_reviewed else "approval" if review.last else "nobody",
                "due": review.due,
                "days_left": left,
                "ask": review.metric.owner.accountable,
            }
        )
    show(rows, as_json=as_json, empty=f"no definition is due for review within {within} days")
    if check and any(row["days_left"] is None or row["days_left"] < 0 for row in rows):
        raise typer.Exit(Exit.FOUND)


@app.command("codeowners")
def codeowners_(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file; default: the repository's, else .github/CODEOWNERS."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; end with code 1 where the file is not up to date.")
    ] = False,
    host: Annotated[str, typer.Option(help=f"Code host: {' or '.join(HOSTS)}.")] = HOSTS[0],
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Write who must approve a change of which file, from the owners in the dictionary, into CODEOWNERS.

    Teams and people are known to the host by their `handle` in teams.yml, people else by their e-mail address. Only
    the block between the marks is written; lines of your own stay. A host knows files, not metrics: keep a file of
    metrics to one team.
    """
    from definitions.governance import Host, codeowners, in_file

    if host not in HOSTS:
        raise typer.BadParameter(f"{host!r} is not one of {', '.join(HOSTS)}", param_hint="--host")
    catalogue, _ = _catalogue(folder)
    top = _repository(catalogue.root)
    prefix = catalogue.root.resolve().relative_to(top).as_posix()
    file = output or next((top / place for place in PLACES if (top / place).is_file()), top / PLACES[0])
    existing = file.read_text(encoding="utf-8") if file.is_file() else ""
    wanted = in_file(existing, codeowners(catalogue, prefix=prefix, host=Host(host)))
    is_current = wanted == existing
    if not check and not is_current:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(wanted, encoding="utf-8")
    if as_json:
        show(
            [{"file": str(file), "was_current": is_current, "written": not check and not is_current}],
            as_json=True,
        )
    elif is_current:
        console.print(f"[green]✓[/green] {file} is up to date")
    elif check:
        errors.print(
            f"[bold red]✗[/bold red] {file} is not what the owners say: run `vitals governance codeowners`"
        )
    else:
        console.print(f"[green]✓[/green] {file}")
    if check and not is_current:
        raise typer.Exit(Exit.FOUND)


@app.command("submit")
def submit(metric: Name, dry_run: DryRun = False, folder: Folder = None, as_json: Json = False) -> None:
    """Draft to review: every agreement is there, and the owner is asked to look at it."""
    from definitions.governance import editing

    catalogue, _ = _catalogue(folder)
    _write(editing.submit(catalogue.root, metric), dry_run=dry_run, as_json=as_json)


@app.command("certify")
def certify(
    metric: Name,
    by: By,
    on: Annotated[str | None, typer.Option(help="Day of the review; default: today.")] = None,
    dry_run: DryRun = False,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Review to certified, or the review of a certified metric anew: sets status, reviewed_on and reviewed_by.

    Refused for somebody who does not answer for the metric, and for who proposed the version.

    [dim]vitals governance certify win_rate --by head_of_sales[/dim]
    """
    from definitions.governance import editing

    catalogue, now = _catalogue(folder)
    day = _day(on, "--on") if on else _today(catalogue, _metric(catalogue, metric), now)
    _write(editing.certify(catalogue.root, metric, by=by, on=day), dry_run=dry_run, as_json=as_json)


@app.command("deprecate")
def deprecate(
    metric: Name,
    until: Annotated[str, typer.Option(help="Last day on which it answers: 2026-12-31.")],
    successor: Annotated[str, typer.Option(help="Metric to use instead.")],
    by: By,
    proposed_by: Annotated[
        str | None, typer.Option("--proposed-by", help="Who asks for it; default: you.")
    ] = None,
    why: Annotated[str | None, typer.Option(help="Reason for the change log.")] = None,
    dry_run: DryRun = False,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Review or certified to deprecated: it answers until its day, and points to its successor.

    Sets status, replaced_by and deprecated_on, adds a version of kind `retire` to the change log, and lists what
    still rests on the metric.

    [dim]vitals governance deprecate win_rate --until 2026-12-31 --successor win_rate_value --by head_of_sales[/dim]
    """
    from definitions.governance import editing

    catalogue, now = _catalogue(folder)
    edit = editing.deprecate(
        catalogue.root,
        metric,
        until=_day(until, "--until"),
        successor=successor,
        by=by,
        proposed_by=proposed_by or getpass.getuser(),
        why=why or f"Replaced by {successor}.",
        on=_today(catalogue, _metric(catalogue, metric), now),
    )
    _write(edit, dry_run=dry_run, as_json=as_json)
    users = _uses(catalogue, metric)
    if users and not as_json:
        show(users, title="\nStill to be moved to its successor")


# ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────


def _catalogue(folder: Path | None) -> tuple[Catalogue, datetime]:
    from definitions import load_catalogue

    workspace = Workspace.from_environment()
    return load_catalogue(folder or workspace.catalogue), workspace.now()


def _metric(catalogue: Catalogue, name: str) -> Metric:
    from definitions.errors import nearest

    if name not in catalogue.metrics:
        near = nearest(name, catalogue.metrics)
        raise typer.BadParameter(
            f"there is no metric {name!r}{f'; did you mean {near!r}?' if near else ''}", param_hint="METRIC"
        )
    return catalogue.metrics[name]


def _today(catalogue: Catalogue, metric: Metric, now: datetime) -> date:
    from definitions.calendars import local_day

    return local_day(catalogue.calendars[metric.calendar], now)


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day such as 2026-12-31", param_hint=option) from error


def _status_in_force(catalogue: Catalogue, metric: Metric, now: datetime) -> str:
    from definitions.governance import certificate_is_older, status_in_force

    fallen = {metric.name} if certificate_is_older(metric) else ()
    return status_in_force(metric, _today(catalogue, metric, now), fallen)


def _uses(catalogue: Catalogue, name: str) -> list[dict[str, Any]]:
    from definitions.governance import uses_of

    return [
        {"what": use.kind, "name": use.name, "how": use.how, "where": str(use.location)}
        for use in uses_of(catalogue, name)
    ]


def _one(catalogue: Catalogue, metric: Metric, now: datetime, *, as_json: bool) -> None:
    from definitions.governance import STEPS, approvers_of, notice_of, review_of

    review = review_of(catalogue, metric)
    steps = [step for (was, _), step in STEPS.items() if was == metric.status]
    facts: dict[str, Any] = {
        "metric": metric.name,
        "status": _status_in_force(catalogue, metric, now),
        "version": metric.version,
        "owner": f"{metric.owner.accountable} ({metric.owner.team})",
        "approvers": list(approvers_of(catalogue, metric)),
        "reviewed_on": metric.reviewed_on,
        "reviewed_by": metric.reviewed_by,
        "review_due": review.due if metric.status in ("review", "certified") else None,
        "notice": notice_of(catalogue, metric, _today(catalogue, metric, now)),
        "next": [{"to": step.now, "by_approver": step.by_approver, "needs": step.needs} for step in steps],
        "changes": [
            {
                "version": change.version,
                "on": change.on,
                "kind": change.kind,
                "why": change.why,
                "proposed_by": change.proposed_by,
                "approved_by": change.approved_by,
            }
            for change in metric.changes
        ],
        "uses": _uses(catalogue, metric.name),
    }
    if as_json:
        show([facts], as_json=True)
        return
    told = ("status", "version", "owner", "reviewed_on", "reviewed_by", "review_due", "notice")
    plain = {name.replace("_", " "): facts[name] for name in told if facts[name] is not None}
    plain["approvers"] = ", ".join(facts["approvers"])
    show([{"": name, metric.name: value} for name, value in plain.items()])
    show(
        [
            {
                "next": step["to"],
                "who": plain["approvers"] if step["by_approver"] else "anybody",
                "needs": step["needs"],
            }
            for step in facts["next"]
        ],
        title="\nSteps from here",
    )
    if facts["changes"]:
        show(facts["changes"], title="\nChange log")
    show(facts["uses"], title="\nUsed by", empty="\nnothing in the dictionary rests on it")


def _write(edit: Edit, *, dry_run: bool, as_json: bool) -> None:
    if not dry_run:
        edit.write()
    if as_json:
        metric = edit.metric
        show(
            [
                {
                    "metric": metric.name,
                    "status": metric.status,
                    "version": metric.version,
                    "file": str(edit.path),
                    "written": not dry_run,
                }
            ],
            as_json=True,
        )
    elif dry_run:
        print(edit.text, end="")
    else:
        console.print(
            f"[green]✓[/green] {edit.metric.name} is {edit.metric.status} ({edit.path})", markup=True
        )


def _repository(folder: Path) -> Path:
    """The top of the repository that a folder is in; the folder itself where it is in none."""
    here = folder.resolve()
    return next((place for place in (here, *here.parents) if (place / ".git").exists()), here)
