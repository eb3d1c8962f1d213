"""`vitals asof`: what readers saw at a past moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from pipelines.cli import completion
from pipelines.cli.output import Exit, console, errors, show
from pipelines.workspace import Workspace

SHOWN = 200
COLUMNS = {
    "metric_id": "metric",
    "period_grain": "grain",
    "period_start": "period",
    "segment_key": "segment",
    "value": "value",
    "value_state": "state",
    "target_value": "target",
    "status": "status",
    "version": "version",
    "revision": "revision",
    "revision_kind": "why",
    "revision_reason": "reason",
}


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("asof")(asof)


def asof(
    moment: Annotated[
        str,
        typer.Argument(
            help="now, an instant (2026-07-14T08:30, in the company's zone unless it says another), or a day,"
            " which means its end."
        ),
    ],
    metrics: Annotated[
        list[str] | None,
        typer.Argument(metavar="[METRIC]...", help="Default: all.", autocompletion=completion.metrics),
    ] = None,
    grain: Annotated[
        str | None, typer.Option(help="day, week, month, quarter, year or trailing_<n>d.")
    ] = None,
    segments: Annotated[bool, typer.Option(help="Segments too, not only totals.")] = False,
    last: Annotated[int, typer.Option(min=0, help="The last periods of each series; 0 for all.")] = 6,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Read the published values as they stood at a past moment, with the definition and revision of each.

    [dim]vitals asof 2026-06-30 win_rate --grain month[/dim]
    """
    from definitions import load_catalogue
    from definitions.errors import nearest
    from pipelines.publishing import open_reporting
    from pipelines.publishing.history import as_of

    workspace = Workspace.from_environment()
    catalogue = load_catalogue(workspace.catalogue, check=False)
    calendar = catalogue.calendars["company"]
    when = instant(moment, calendar.time_zone, workspace.now())
    engine = open_reporting(workspace.reporting_url)
    try:
        table = as_of(engine, when, metrics=metrics or None, grain=grain, segments=segments)
        for name in metrics or ():
            if name not in catalogue.metrics and name not in set(table.column("metric_id").to_pylist()):
                near = nearest(name, catalogue.metrics)
                meant = f"; did you mean {near!r}?" if near else ""
                errors.print(f"✗ no metric {name!r} was published{meant}", style="red", markup=False)
                raise typer.Exit(Exit.USAGE)
    finally:
        engine.dispose()
    rows = table.select([*COLUMNS]).rename_columns([*COLUMNS.values()]).to_pylist()
    rows = _last(rows, last)
    if as_json:
        show([row | {"as_of": when} for row in rows], as_json=True)
        return
    show(
        [_told(row, grain=grain is not None, segments=segments) for row in rows[:SHOWN]],
        title=f"As published at {when.astimezone(ZoneInfo(calendar.time_zone)):%Y-%m-%d %H:%M %Z}",
        empty=f"nothing was published by {when:%Y-%m-%d %H:%M} UTC" if not metrics else "no such values then",
    )
    if len(rows) > SHOWN:
        console.print(f"[dim]… and {len(rows) - SHOWN:,} more: name a metric, or --grain, or --json[/dim]")


def instant(text: str, zone: str, now: datetime) -> datetime:
    """A moment as people write it: `now`, a day (its end), an instant with or without a zone.

    >>> instant("2026-03-29", "Europe/Berlin", datetime(2026, 6, 1, tzinfo=UTC)).isoformat()
    '2026-03-29T21:59:59.999999+00:00'
    """
    if text == "now":
        return now
    try:
        if len(text) == len("2026-01-01"):
            following = date.fromisoformat(text) + timedelta(days=1)
            end = datetime.combine(following, time(), ZoneInfo(zone)).astimezone(UTC)
            return end - timedelta(microseconds=1)
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no moment: write now, 2026-07-14 or 2026-07-14T08:30", param_hint="MOMENT"
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def _told(row: Mapping[str, object], *, grain: bool, segments: bool) -> dict[str, object]:
    """A row for people: what is the same in all of them is left out, and a first revision needs no word."""
    told = {name: row[name] for name in ("metric", "grain", "period", "segment", "value", "state", "status")}
    if grain:
        del told["grain"]
    if not segments:
        del told["segment"]
    reason = f": {row['reason']}" if row["reason"] else ""
    return told | {"v": row["version"], "revision": f"{row['revision']}{reason}"}


def _last(rows: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """The last rows of each series; rows come in order of period within a series."""
    if not count:
        return rows
    series: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        series.setdefault((row["metric"], row["grain"], row["segment"]), []).append(row)
    return [row for key in sorted(series, key=str) for row in sorted(series[key], key=_period)[-count:]]


def _period(row: dict[str, Any]) -> str:
    return str(row["period"])
