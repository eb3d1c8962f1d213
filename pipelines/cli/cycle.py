"""`vitals cycle …`: how a cycle stands, opening it, closing it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.markup import escape

from pipelines.cli import completion
from pipelines.cli.okrs import BOTH_NUMBERS, narrow, standing_row, standings_of
from pipelines.cli.output import Exit, console, errors, show

if TYPE_CHECKING:
    from definitions.model import Catalogue, Cycle
    from pipelines.installation import Installation
    from pipelines.okr.closing import ClosePlan
    from pipelines.publishing.check_ins import DatabaseCheckIns
    from pipelines.scoring.cycle import Answer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Key = Annotated[
    str,
    typer.Argument(
        help="The cycle, such as 2026-Q2.", metavar="CYCLE", autocompletion=completion.key_results
    ),
]
DAY = ["%Y-%m-%d"]

app = typer.Typer(
    help="Cycles of objectives: how they stand, opening one, closing one.", no_args_is_help=True
)


def register(parent: typer.Typer) -> None:
    """Add the commands to the application."""
    parent.add_typer(app, name="cycle")


@app.command("status")
def status(
    cycle: Annotated[
        str | None,
        typer.Argument(help="One cycle, with its key results and what was edited in it.", metavar="[CYCLE]"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Every cycle with its days, check-ins and edits; or one, with how each key result stands."""
    with _store() as (installation, store):
        catalogue = installation.catalogue
        standings, dues = standings_of(installation, store), store.dues()
        if cycle is not None:
            chosen = _cycle(catalogue, cycle)
            rows = [
                standing_row(kr, standings.get(kr.key)) for aim in chosen.objectives for kr in aim.key_results
            ]
            edits = [_told(row) for row in store.edits() if row["key_result"] in _keys(chosen)]
            edits += _told_revisions(chosen)
            if as_json:
                show([{"key_results": rows, "edits": edits}], as_json=True)
                return
            show(narrow(rows), title=f"{chosen.name} ({chosen.state}): {BOTH_NUMBERS}")
            show(
                edits, title="\nChanged inside the cycle", empty="no target or baseline was changed inside it"
            )
            return
        frozen, today = store.frozen_cycles(), _today(installation)
        rows = []
        for item in catalogue.cycles:
            keys = _keys(item)
            open_dues = [due for due in dues if due.key_result in keys and due.is_open and due.due <= today]
            rows.append(
                {
                    "cycle": item.key,
                    "name": item.name,
                    "state": item.state,
                    "start": item.start,
                    "end": item.end,
                    "day": min((today - item.start).days + 1, (item.end - item.start).days + 1)
                    if today >= item.start
                    else None,
                    "of": (item.end - item.start).days + 1,
                    "objectives": len(item.objectives),
                    "key_results": len(keys),
                    "check_ins_due": len({due.key_result for due in open_dues}),
                    "stale": sum(row.is_stale for key, row in standings.items() if key in keys),
                    "edited": sum("retro_edit" in row.flags for key, row in standings.items() if key in keys),
                    "frozen": item.key in frozen,
                }
            )
    show(rows, title="Cycles", as_json=as_json, empty="there are no cycles: add a file to objectives/")


@app.command("open")
def open_(cycle: Key, as_json: Json = False) -> None:
    """Open a draft: from its first day on it is scored, and people are asked to check in. Safe to repeat."""
    from pipelines.okr.closing import CloseError, open_files

    with _store() as (installation, _):
        _cycle(installation.catalogue, cycle)
        try:
            changed = open_files(installation.catalogue, cycle)
        except CloseError as error:
            _refuse(str(error))
    if as_json:
        show([{"cycle": cycle, "files": [str(path) for path in changed]}], as_json=True)
        return
    for path in changed:
        console.print(f"[green]✓[/green] {escape(str(path))}: state is open")
    if not changed:
        console.print(f"cycle {cycle} is open already")


@app.command("close")
def close(
    cycle: Key,
    answer: Annotated[
        list[str] | None,
        typer.Option(help="KEY_RESULT=keep, modify or abandon; may be repeated. Asked where not given."),
    ] = None,
    keep_the_rest: Annotated[
        bool,
        typer.Option("--keep-the-rest", help="Keep every key result that has no answer, without asking."),
    ] = False,
    next_key: Annotated[
        str | None, typer.Option(help="Draft the next cycle's file under this key, from what is kept.")
    ] = None,
    next_name: Annotated[str | None, typer.Option(help="Its name (default: its key).")] = None,
    next_start: Annotated[
        datetime | None,
        typer.Option(formats=DAY, help="Its first day (default: the day after this one ends)."),
    ] = None,
    next_end: Annotated[
        datetime | None, typer.Option(formats=DAY, help="Its last day (default: as long as this one).")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what closing would do.")] = False,
    as_json: Json = False,
) -> None:
    """Close a cycle that is over: scores become final with the next run, the next cycle gets its baselines.

    Baselines come from the last complete final period of the last good run; one that a person set stays. Closing
    again changes nothing.
    """
    from pipelines.okr.closing import CloseError, close_files

    with _store() as (installation, store):
        catalogue = installation.catalogue
        _cycle(catalogue, cycle)
        try:
            plan = _plan(installation, store, cycle)
        except CloseError as error:
            _refuse(str(error))
        answers = {} if dry_run else _answers(plan, answer or [], keep_the_rest or as_json)
        if not as_json:
            _tell_plan(catalogue, plan)
        written: tuple[Path, ...] = ()
        if not dry_run:
            drafted = None
            if next_key is not None:
                days = (_day(next_start), _day(next_end))
                drafted = _draft(catalogue, plan, answers, next_key, next_name or next_key, days)
            try:
                written = close_files(catalogue.root, plan, answers, drafted)
            except CloseError as error:
                _refuse(str(error))
    if as_json:
        show([_plan_row(plan, answers, written)], as_json=True)
        return
    for path in written:
        console.print(f"[green]✓[/green] {escape(str(path))}")
    if dry_run:
        console.print("nothing was written")
    elif written:
        console.print("  the next run freezes the scores: vitals run --job recompute")
    else:
        console.print(f"cycle {cycle} was closed already; nothing changed")


# ── closing ─────────────────────────────────────────────────────────────────────────────────────────────────


def _plan(installation: Installation, store: DatabaseCheckIns, key: str) -> ClosePlan:
    """What closing does, over the values of the last good run: what was held back is not in them."""
    from pipelines.okr.closing import CloseError, plan_close
    from pipelines.steps.assess import last_good_values
    from pipelines.warehouse import open_warehouse

    with open_warehouse(installation.workspace.warehouse_url) as warehouse:
        values = last_good_values(warehouse)
    if values is None:
        raise CloseError("nothing was published yet; run once, then close: vitals run")
    return plan_close(
        installation.catalogue,
        key,
        values,
        _today(installation),
        check_ins=store.check_ins(),
        agreed=store.agreed(),
    )


def _answers(plan: ClosePlan, given: list[str], keep_the_rest: bool) -> dict[str, Answer]:
    from pipelines.scoring.cycle import Answer

    words = [str(word) for word in Answer]
    asked = {question.key_result: question for question in plan.questions}
    answers: dict[str, Answer] = {}
    for pair in given:
        key, _, word = pair.partition("=")
        if key not in asked or word not in words:
            _refuse(f"{pair!r}: write KEY_RESULT={'|'.join(words)}, with one of: {', '.join(asked)}")
        answers[key] = Answer(word)
    for key, question in asked.items():
        if key in answers:
            continue
        if keep_the_rest:
            answers[key] = Answer.KEEP
            continue
        score = question.result.score
        ended = "unknown" if score is None else f"{score:.2f}"
        console.print(
            f"[bold]{escape(question.statement)}[/bold] ended at {ended}, {question.result.published_status}"
        )
        word = ""
        while word not in words:
            word = typer.prompt("keep, modify or abandon?").strip()
        answers[key] = Answer(word)
    return answers


def _draft(
    catalogue: Catalogue,
    plan: ClosePlan,
    answers: dict[str, Answer],
    key: str,
    name: str,
    days: tuple[date | None, date | None],
) -> tuple[str, str]:
    from datetime import timedelta

    from pipelines.okr.next_cycle import draft_next_cycle

    if any(item.key == key for item in catalogue.cycles):
        _refuse(f"there is a cycle {key} already; it gets its baselines without a draft")
    if not key or any(sign in key for sign in "/\\\0") or key.startswith("."):
        _refuse(f"{key!r} is no name for a file")
    closing = _cycle(catalogue, plan.cycle)
    start = days[0] or closing.end + timedelta(1)
    end = days[1] or start + (closing.end - closing.start)
    text = draft_next_cycle(catalogue, plan, answers, key=key, name=name, start=start, end=end)
    return f"objectives/{key}.yml", text


def _tell_plan(catalogue: Catalogue, plan: ClosePlan) -> None:
    statements = {kr.key: kr for _, _, kr in catalogue.key_results()}
    show(
        narrow([standing_row(statements[row.key_result_key], row) for row in plan.results]),
        title=f"Final scores of {plan.cycle}: {BOTH_NUMBERS}",
    )
    show(
        _baseline_rows(plan),
        title=f"\nBaselines of {plan.next_cycle or 'the next cycle'}",
        empty="no cycle follows yet, so no baseline is written",
    )


def _baseline_rows(plan: ClosePlan) -> list[dict[str, Any]]:
    return [
        {
            "key_result": item.key_result,
            "metric": item.metric,
            "baseline": item.decision.value,
            "as_of": item.decision.as_of,
            "why": item.decision.reason.replace("_", " "),
        }
        for item in plan.baselines
    ]


def _plan_row(plan: ClosePlan, answers: dict[str, Answer], written: tuple[Path, ...]) -> dict[str, Any]:
    return {
        "cycle": plan.cycle,
        "next_cycle": plan.next_cycle,
        "results": [
            {
                "key_result": row.key_result_key,
                "ratio": row.ratio_raw,
                "progress": row.progress_raw,
                "score": row.score,
                "scored_by": row.score_method,
                "status": row.published_status,
            }
            for row in plan.results
        ],
        "baselines": _baseline_rows(plan),
        "answers": {key: str(word) for key, word in answers.items()},
        "files": [str(path) for path in written],
    }


# ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {"by": None, "why": None, **row}


def _told_revisions(cycle: Cycle) -> list[dict[str, Any]]:
    """Edits that the dictionary itself records."""
    return [
        {
            "by": revision.by,
            "why": revision.why,
            "key_result": kr.key,
            "on": revision.on,
            "field": revision.field,
            "was": revision.was,
            "now": revision.now,
        }
        for aim in cycle.objectives
        for kr in aim.key_results
        for revision in kr.revisions
    ]


def _keys(cycle: Cycle) -> set[str]:
    return {kr.key for aim in cycle.objectives for kr in aim.key_results}


def _cycle(catalogue: Catalogue, key: str) -> Cycle:
    from definitions.errors import nearest

    known = {item.key: item for item in catalogue.cycles}
    if key not in known:
        near = nearest(key, known)
        hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(known) or 'none'}"
        _refuse(f"there is no cycle {key!r}; {hint}")
    return known[key]


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _today(installation: Installation) -> date:
    from pipelines.steps.assess import local_today

    return local_today(installation)


@contextmanager
def _store() -> Iterator[tuple[Installation, DatabaseCheckIns]]:
    from pipelines.installation import Installation
    from pipelines.publishing.check_ins import DatabaseCheckIns
    from pipelines.steps.reporting import reporting
    from pipelines.workspace import Workspace

    installation = Installation.load(Workspace.from_environment())
    with reporting(installation) as engine:
        yield installation, DatabaseCheckIns(engine, installation.workspace.clock)


def _refuse(problem: str) -> NoReturn:
    errors.print(f"[bold red]✗[/bold red] {escape(problem)}", soft_wrap=True)
    raise typer.Exit(Exit.USAGE)
