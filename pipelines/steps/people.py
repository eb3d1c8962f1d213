"""What people said and still have to say: check-ins, due days, and the ladder of reminders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from definitions.model import Catalogue
from pipelines.installation import Installation
from pipelines.publishing import reading
from pipelines.publishing.check_ins import DatabaseCheckIns
from pipelines.publishing.records import CheckInDueRow
from pipelines.publishing.schema import publish_batch
from pipelines.scoring.cadence import (
    Audience,
    Due,
    DueState,
    Message,
    decide_nudges,
    due_dates,
    told_on,
    update_dues,
)
from pipelines.scoring.checkin import CheckIn, current
from pipelines.scoring.cycle import GoalNumbers
from pipelines.steps.assess import last_complete_day, local_today
from pipelines.steps.reporting import reporting


@dataclass(frozen=True)
class Voices:
    """What is recorded in the reporting database.

    Attributes:
        check_ins: everything that was ever said, corrections included.
        dues: check-ins that are or were due, with the reminders sent.
        frozen: cycles whose final scores are published.
        snapshots: days of each cycle that have snapshots.
        agreed: the numbers that key results began their cycle with.
    """

    check_ins: tuple[CheckIn, ...]
    dues: tuple[Due, ...]
    frozen: frozenset[str]
    snapshots: Mapping[str, frozenset[date]]
    agreed: Mapping[str, GoalNumbers]


def said(installation: Installation) -> Voices:
    """Read what people said.

    Before anything was ever published nobody could check in, so due days that have passed by then are waived:
    a company that begins in the middle of a quarter is not greeted with a pile of reminders.
    """
    with reporting(installation) as engine:
        store = DatabaseCheckIns(engine, installation.workspace.clock)
        with reading(engine) as connection:
            batches = connection.execute(select(func.count()).select_from(publish_batch)).scalar_one()
        dues = store.dues() if batches else _waived(installation)
        return Voices(
            check_ins=store.check_ins(),
            dues=dues,
            frozen=store.frozen_cycles(),
            snapshots=store.snapshot_days(),
            agreed=store.agreed(),
        )


def _waived(installation: Installation) -> tuple[Due, ...]:
    catalogue, today = installation.catalogue, last_complete_day(installation)
    settings = catalogue.settings.scoring
    return tuple(
        Due(key_result.key, day, DueState.WAIVED)
        for cycle, _, key_result in catalogue.key_results()
        if cycle.state == "open"
        for day in due_dates(cycle.start, cycle.end, cycle.check_in, settings)
        if day <= today
    )


def nudges(
    installation: Installation, dues: Iterable[CheckInDueRow], check_ins: Iterable[CheckIn] | None = None
) -> tuple[tuple[Message, ...], tuple[CheckInDueRow, ...]]:
    """Today's reminders, and the due rows with the rungs they climbed.

    Values are as of yesterday, but people are asked today: on the due day itself, and not about what they have said
    this morning (`check_ins`; read here where they are not handed in). Who had a message today waits until tomorrow.
    """
    catalogue, now, today = installation.catalogue, installation.workspace.now(), local_today(installation)
    days: dict[str, list[date]] = {}
    for item in current(said(installation).check_ins if check_ins is None else check_ins):
        days.setdefault(item.key_result, []).append(item.on)
    rows = update_dues(
        [
            Due(row.key_result_key, row.due_date, DueState(row.state), row.nudges_sent, row.last_nudge_at)
            for row in dues
        ],
        days,
        today,
    )
    audiences = _audiences(catalogue)
    calendar = catalogue.calendars.get("company")
    zone = ZoneInfo(calendar.time_zone if calendar else "UTC")
    told = told_on(rows, audiences, today, zone)
    messages, climbed = decide_nudges(
        rows, audiences, now, today, told_today=told, settings=catalogue.settings.scoring
    )
    return messages, tuple(
        CheckInDueRow(due.key_result, due.due, str(due.state), due.nudges_sent, due.last_nudge_at)
        for due in climbed
    )


def _audiences(catalogue: Catalogue) -> dict[str, Audience]:
    """Who hears of each key result: its owner, the lead of the objective's team, the objective's owner."""
    return {
        key_result.key: Audience(
            owner=catalogue.people[key_result.owner].email,
            lead=catalogue.people[catalogue.teams[objective.team].lead].email,
            sponsor=catalogue.people[objective.owner].email,
        )
        for cycle, objective, key_result in catalogue.key_results()
        if cycle.state == "open"
    }
