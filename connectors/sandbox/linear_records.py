"""The sandbox company's issues as Linear writes them: workflow states per team, cycles, labels for types,
histories, archiving.

A finished issue that nobody touched for 180 days is archived by itself; a deleted one stays in the trash for 30
days, archived.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.log import Change, Log
from connectors.sandbox.company.timeline import DAY, NEVER, NONE, START, Ints
from connectors.sandbox.shelf import Record

ARCHIVED_AFTER = 180 * DAY
STATE_TYPES = ("unstarted", "started", "started", "completed", "canceled")
PRIORITY_LABELS = ("No priority", "Urgent", "High", "Medium", "Low")
PEOPLE = 5 * 7


def iso(at: int) -> str:
    """An instant as Linear writes it."""
    return f"{np.datetime64(at, 'ms')}Z"


def iso_or_none(at: int) -> str | None:
    """The same, null where missing."""
    return None if at == NONE or at >= NEVER else iso(at)


def priority(code: int) -> int:
    """Linear's number of a priority: 0 none, 1 urgent … 4 low."""
    return 0 if code == NONE else code % 4 + 1


BORN = iso(START - 300 * DAY)


class LinearRecords:
    """Builds records from the issues' log and its archiving."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.log = self._log()
        self.team = cache(self._team)
        self.state = cache(self._state)
        self.user = cache(self._user)
        self.cycle = cache(self._cycle)
        self.by_hand: dict[str, list[tuple[int, Record]]] = {}

    def _log(self) -> Log:
        source = self.company.issues.log
        rows = np.flatnonzero(~source.gone)
        changes = [Change(source.record[rows], source.at[rows], {"version": rows})]
        done = np.isin(source.state["status"], (words.DONE, words.WONT_DO)) & ~source.gone
        archived = np.flatnonzero(done & (source.until > source.at + ARCHIVED_AFTER))
        at = source.at[archived] + ARCHIVED_AFTER
        changes.append(Change(source.record[archived], at, {"archived": at}))
        later = np.flatnonzero(~source.gone)
        changes.append(
            Change(
                source.record[later],
                source.at[later],
                {"archived": np.full(later.size, NONE, dtype=np.int64)},
            )
        )
        deleted = np.full(source.size, NEVER, dtype=np.int64)
        dead = np.flatnonzero(source.gone)
        deleted[source.record[dead]] = source.at[dead]
        return Log.build(
            created=self.company.issues.created,
            initial={"version": source.first[:-1], "archived": np.full(source.size, NONE, dtype=np.int64)},
            changes=changes,
            deleted=deleted,
        )

    def _team(self, code: int) -> Record:
        name = words.TEAMS[code]
        stamps = {"createdAt": BORN, "updatedAt": BORN, "archivedAt": None}
        return {
            "id": identity.uuid("linear team", code),
            "key": words.TEAM_KEYS[code],
            "name": name,
            "timezone": "UTC",
            **stamps,
        }

    def _state(self, team: int, code: int) -> Record:
        return {
            "id": identity.uuid("linear state", team, code),
            "name": words.STATUSES[code],
            "type": STATE_TYPES[code],
            "color": "#e2e2e2",
            "position": float(code),
            "team": self.team(team),
            "createdAt": BORN,
            "updatedAt": BORN,
            "archivedAt": None,
        }

    def _user(self, number: int) -> Record:
        return {
            "id": identity.uuid("linear user", number),
            "name": identity.person_name(number),
            "displayName": f"dev{number}",
            "email": f"dev{number}@sandbox.example",
            "active": True,
            "timezone": "Europe/Berlin",
            "createdAt": BORN,
            "updatedAt": BORN,
            "archivedAt": None,
        }

    def _cycle(self, number: int) -> Record:
        data = self.company.sprints
        start, end = int(data.start[number]), int(data.end[number])
        return {
            "id": identity.uuid("linear cycle", number),
            "number": float(int(data.number[number]) + 1),
            "name": None,
            "startsAt": iso(start),
            "endsAt": iso(end),
            "completedAt": None,
            "team": self.team(int(data.team[number])),
            "createdAt": iso(start - 28 * DAY),
            "updatedAt": iso(start - 28 * DAY),
            "archivedAt": None,
        }

    def label(self, name: str) -> Record:
        """A label."""
        stamps = {"createdAt": BORN, "updatedAt": BORN, "archivedAt": None}
        return {"id": identity.uuid("linear label", name), "name": name, "color": "#bec2c8", **stamps}

    def issue_id(self, number: int) -> str:
        """An issue's UUID; its number is hidden in it, so that it can be found again."""
        text = identity.digest("linear issue", number)
        return f"{number:08x}-{text[:4]}-4{text[4:7]}-a{text[7:10]}-{text[10:22]}"

    def draw(self, versions: Ints, updated: Ints) -> list[Record]:
        """Issues at versions of the log."""
        data, log, source = self.company.issues, self.log, self.company.issues.log
        found = []
        for version, at in zip(versions.tolist(), updated.tolist(), strict=True):
            number, inner = int(log.record[version]), int(log.state["version"][version])
            team, status = int(data.team[number]), int(source.state["status"][inner])
            assignee, sprint = int(source.state["assignee"][inner]), int(source.state["sprint"][inner])
            points, code = int(source.state["points"][inner]), int(source.state["priority"][inner])
            resolved, gone = int(source.state["resolution"][inner]), bool(log.gone[version])
            archived = int(log.state["archived"][version])
            label = words.ISSUE_TYPES[int(data.kind[number])].title()
            key = identity.issue_key(team, int(data.number[number]))
            found.append(
                {
                    "id": self.issue_id(number),
                    "identifier": key,
                    "number": float(int(data.number[number])),
                    "title": f"{label} {key}",
                    "url": f"https://linear.example/sandbox/issue/{key}",
                    "priority": float(priority(code)),
                    "priorityLabel": PRIORITY_LABELS[priority(code)],
                    "estimate": None if points == NONE else points / 2,
                    "createdAt": iso(int(data.created[number])),
                    "updatedAt": iso(at),
                    "archivedAt": iso(int(log.at[version])) if gone else iso_or_none(archived),
                    "autoArchivedAt": None if gone else iso_or_none(archived),
                    "trashed": True if gone else None,
                    "startedAt": self._started(number, inner),
                    "completedAt": iso_or_none(resolved) if status == words.DONE else None,
                    "canceledAt": iso_or_none(resolved) if status == words.WONT_DO else None,
                    "state": self.state(team, status),
                    "team": self.team(team),
                    "assignee": None if assignee == NONE else self.user(assignee),
                    "creator": self.user(int(data.reporter[number])),
                    "cycle": None if sprint == NONE else self.cycle(sprint),
                    "labelIds": [self.label(label)["id"]],
                    "labelNames": [label],
                }
            )
        return found

    def _started(self, number: int, version: int) -> str | None:
        source = self.company.issues.log
        low = int(source.first[number])
        hits = np.flatnonzero(
            np.isin(source.state["status"][low : version + 1], (words.IN_PROGRESS, words.IN_REVIEW))
        )
        return iso(int(source.at[low + int(hits[0])])) if hits.size else None

    def histories(self, issue_id: str, number: int, now: int) -> list[Record]:
        """All changes of an issue by `now`, newest first."""
        found = []
        source = self.company.issues.log
        if number < source.size:
            for version in range(int(source.first[number]) + 1, int(source.first[number + 1])):
                if int(source.at[version]) > now or bool(source.gone[version]):
                    break
                entry = self._history(number, version)
                if entry is not None:
                    found.append(entry)
        found += [entry for at, entry in self.by_hand.get(issue_id, []) if at <= now]
        return found[::-1]

    def _history(self, number: int, version: int) -> Record | None:
        source, team = self.company.issues.log, int(self.company.issues.team[number])
        changes: Record = {}
        pairs = {name: (int(c[version - 1]), int(c[version])) for name, c in source.state.items()}
        old, new = pairs["status"]
        if old != new:
            changes |= {"fromState": self.state(team, old), "toState": self.state(team, new)}
        old, new = pairs["assignee"]
        if old != new:
            changes |= {"fromAssignee": self.user(old) if old != NONE else None}
            changes |= {"toAssignee": self.user(new) if new != NONE else None}
        old, new = pairs["sprint"]
        if old != new:
            changes |= {
                "fromCycle": self.cycle(old) if old != NONE else None,
                "toCycle": self.cycle(new) if new != NONE else None,
            }
        old, new = pairs["priority"]
        if priority(old) != priority(new):
            changes |= {"fromPriority": float(priority(old)), "toPriority": float(priority(new))}
        old, new = pairs["points"]
        if old != new:
            changes |= {
                "fromEstimate": None if old == NONE else old / 2,
                "toEstimate": None if new == NONE else new / 2,
            }
        if not changes:
            return None
        actor = self.user(max(pairs["assignee"][1], 0))
        return self.entry(
            identity.uuid("linear history", number, version), int(source.at[version]), actor, changes
        )

    @staticmethod
    def entry(identifier: str, at: int, actor: Record, changes: Record) -> Record:
        """A history entry with all its fields."""
        stamps = {"createdAt": iso(at), "updatedAt": iso(at), "archivedAt": None}
        whole: Record = {
            "id": identifier,
            "actor": actor,
            "actorId": actor["id"],
            "archived": None,
            "trashed": None,
            **stamps,
        }
        for name in ("State", "Assignee", "Cycle"):
            for side in ("from", "to"):
                value = changes.get(f"{side}{name}")
                whole |= {f"{side}{name}": value, f"{side}{name}Id": None if value is None else value["id"]}
        for name in ("fromPriority", "toPriority", "fromEstimate", "toEstimate"):
            whole[name] = changes.get(name)
        return whole
