"""The tracker's neutral tables straight from the company. Deleted issues and worklogs are not here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.columns import booleans, coded, dates, doubles, instants, texts
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.log import Log
from connectors.sandbox.company.timeline import DAY, NONE, Ints
from connectors.sandbox.company.words import TEAMS


def _ids(base: int, numbers: Ints) -> pa.Array:
    return texts(np.char.mod("%d", numbers + base))


def _issues(company: Company, now: int) -> pa.Table:
    data, log = company.issues, company.issues.log
    version = log.current(now)
    record = log.record[version]
    status, points, sprint = (log.state[name][version] for name in ("status", "points", "sprint"))
    assignee = log.state["assignee"][version]
    return pa.table(
        {
            "issue_id": _ids(identity.ISSUE_BASE, record),
            "key": texts(
                [
                    identity.issue_key(int(t), int(n))
                    for t, n in zip(data.team[record], data.number[record], strict=True)
                ]
            ),
            "team": coded(np.where(data.hidden_team[record] == 1, NONE, data.team[record]), TEAMS),
            "type": coded(data.kind[record], words.ISSUE_TYPES),
            "priority": coded(log.state["priority"][version], words.PRIORITIES),
            "status": coded(status, words.STATUSES),
            "status_category": coded(status, words.STATUS_CATEGORY),
            "created_at": instants(data.created[record]),
            "resolved_at": instants(log.state["resolution"][version]),
            "updated_at": instants(log.at[version]),
            "story_points": doubles(points / 2, points == NONE),
            "sprint_id": texts(
                [None if s == NONE else str(s + identity.SPRINT_BASE) for s in sprint.tolist()]
            ),
            "assignee_id": texts([None if a == NONE else identity.jira_person(a) for a in assignee.tolist()]),
            "is_deleted": booleans(np.zeros(record.size, dtype=np.bool_)),
        }
    )


def change_texts(company: Company, field: str) -> Callable[[Ints], list[str | None]]:
    """Neutral texts of a state column's values: labels for codes, names for sprints, ids for people."""
    if field == "priority":
        return lambda codes: [None if c == NONE else words.PRIORITIES[c] for c in codes.tolist()]
    if field == "status":
        return lambda codes: [words.STATUSES[c] for c in codes.tolist()]
    if field == "assignee":
        return lambda codes: [None if c == NONE else identity.jira_person(c) for c in codes.tolist()]
    if field == "sprint":
        team, number = company.sprints.team, company.sprints.number
        return lambda codes: [
            None if c == NONE else f"{TEAMS[team[c]]} Sprint {number[c] + 1}" for c in codes.tolist()
        ]
    if field == "points":
        return lambda codes: [None if c == NONE else f"{c / 2:g}" for c in codes.tolist()]
    return lambda codes: [f"batch-{c}" if c > 0 else None for c in codes.tolist()]


CHANGE_FIELDS: Mapping[str, str] = {
    "status": "status",
    "resolution": "resolution",
    "priority": "priority",
    "assignee": "assignee",
    "sprint": "Sprint",
    "points": "Story Points",
    "label": "labels",
}
"""State columns of an issue and their names in the changelog."""


def resolution_texts(versions: Ints, log: Log) -> list[str | None]:
    """The resolution's name at versions: that of the status, None where unresolved."""
    open_ = log.state["resolution"][versions] == NONE
    wont = log.state["status"][versions] == words.WONT_DO
    return [
        None if o else "Won't Do" if w else "Done" for o, w in zip(open_.tolist(), wont.tolist(), strict=True)
    ]


def _issue_changelog(company: Company, now: int) -> pa.Table:
    log = company.issues.log
    alive = np.zeros(log.size, dtype=np.bool_)
    alive[log.record[log.current(now)]] = True
    step = log.steps(now)
    step = step[alive[log.record[step]]]
    parts: list[pa.Table] = []
    for column, name in CHANGE_FIELDS.items():
        values = log.state[column]
        if column == "resolution":
            was, is_ = values[step - 1] == NONE, values[step] == NONE
            moved = step[was != is_]
            old, new = resolution_texts(moved - 1, log), resolution_texts(moved, log)
        else:
            moved = step[values[step] != values[step - 1]]
            shown = change_texts(company, column)
            old, new = shown(values[moved - 1]), shown(values[moved])
        parts.append(
            pa.table(
                {
                    "issue_id": _ids(identity.ISSUE_BASE, log.record[moved]),
                    "change_id": _ids(identity.CHANGE_BASE, log.rank[moved]),
                    "field": texts([name.lower()] * moved.size),
                    "changed_at": instants(log.at[moved]),
                    "old": texts(old),
                    "new": texts(new),
                }
            )
        )
    return pa.concat_tables(parts).sort_by(
        [("changed_at", "ascending"), ("change_id", "ascending"), ("field", "ascending")]
    )


def _issue_states(company: Company, now: int) -> pa.Table:
    data, log = company.issues, company.issues.log
    category = np.asarray([0, 1, 1, 2, 2])[log.state["status"]]
    begins, until = log.intervals(now, [category, log.state["priority"]])
    record = log.record[begins]
    return pa.table(
        {
            "issue_id": _ids(identity.ISSUE_BASE, record),
            "team": coded(np.where(data.hidden_team[record] == 1, NONE, data.team[record]), TEAMS),
            "type": coded(data.kind[record], words.ISSUE_TYPES),
            "valid_from": instants(log.at[begins]),
            "valid_to": instants(until),
            "status_category": coded(log.state["status"][begins], words.STATUS_CATEGORY),
            "priority": coded(log.state["priority"][begins], words.PRIORITIES),
        }
    )


def sprint_rows(company: Company, now: int) -> Ints:
    """Sprints that a board shows: up to two ahead of the running one."""
    return np.flatnonzero(company.sprints.start <= now + 28 * DAY).astype(np.int64)


def _sprints(company: Company, now: int) -> pa.Table:
    data, rows = company.sprints, sprint_rows(company, now)
    return pa.table(
        {
            "sprint_id": _ids(identity.SPRINT_BASE, rows),
            "team": coded(data.team[rows], TEAMS),
            "start_at": instants(data.start[rows]),
            "end_at": instants(data.end[rows]),
        }
    )


def _worklogs(company: Company, now: int) -> pa.Table:
    data = company.worklogs
    rows = np.flatnonzero((data.created <= now) & (data.deleted > now))
    seconds = np.where(data.edited_at[rows] <= now, data.edited_seconds[rows], data.seconds[rows])
    return pa.table(
        {
            "worklog_id": _ids(identity.WORKLOG_BASE, rows),
            "issue_id": _ids(identity.ISSUE_BASE, data.issue[rows]),
            "hours": doubles(seconds / 3600),
            "logged_on": dates(data.started[rows] // DAY),
        }
    )


TABLES: Mapping[str, Callable[[Company, int], pa.Table]] = {
    "tracker.issues": _issues,
    "tracker.issue_changelog": _issue_changelog,
    "tracker.issue_states": _issue_states,
    "tracker.sprints": _sprints,
    "tracker.worklogs": _worklogs,
}
"""The tables of this module, by name."""
