"""Issues, changelogs, worklogs and sprints of the sandbox company as Jira writes them; Cloud and Data Center share
it.

People are `{accountId: …}` in Cloud and `{name: …, key: …}` in Data Center; everything else is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.log import Change, Log
from connectors.sandbox.company.timeline import HOUR, NONE, SECOND, Ints
from connectors.sandbox.company.words import STATUSES, TEAM_KEYS, TEAMS
from connectors.sandbox.shelf import Record, Shelf

TEAM_FIELD, POINTS_FIELD, SPRINT_FIELD = "customfield_10001", "customfield_10016", "customfield_10020"
STATUS_BASE, PRIORITY_BASE, TYPE_BASE, PROJECT_BASE = 10_000, 1, 10_100, 10_000
CATEGORIES = (
    {"id": 2, "key": "new", "colorName": "blue-gray", "name": "To Do"},
    {"id": 4, "key": "indeterminate", "colorName": "yellow", "name": "In Progress"},
    {"id": 3, "key": "done", "colorName": "green", "name": "Done"},
)
CATEGORY_OF = (0, 1, 1, 2, 2)
PRIORITY_NAMES = tuple(name.capitalize() for name in words.PRIORITIES)
TYPE_NAMES = tuple(name.capitalize() for name in words.ISSUE_TYPES)
RESOLUTIONS = ({"id": "10000", "name": "Done"}, {"id": "10001", "name": "Won't Do"})
SUMMARIES = (
    "Export fails for large workspaces",
    "Add filter by owner",
    "Chart labels overlap on small screens",
    "Speed up the weekly roll-up",
    "Document the new permissions",
    "Retry failed webhooks",
    "Migrate settings to the new store",
    "Wrong time zone in reports",
)


def stamp(at: int) -> str:
    """An instant as Jira writes it."""
    moment = datetime.fromtimestamp(at // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}+0000"


class JiraRecords:
    """Builds records; `cloud` decides how people look, `api` is the API's path for links."""

    def __init__(self, company: Company, *, cloud: bool) -> None:
        self.company = company
        self.cloud = cloud
        self.base_url = ""
        self.api = "/rest/api/3" if cloud else "/rest/api/2"
        self.person = cache(self._person)
        self.sprint_field = cache(self._sprint)
        self.by_hand: dict[str, list[Record]] = {}

    # Small records.

    def _person(self, number: int) -> Record:
        name = identity.person_name(number)
        common: Record = {
            "emailAddress": f"dev{number}@sandbox.example",
            "displayName": name,
            "active": True,
            "timeZone": "Europe/Berlin",
        }
        if self.cloud:
            account = identity.jira_person(number)
            link = f"{self.base_url}{self.api}/user?accountId={account}"
            return {"self": link, "accountId": account, "accountType": "atlassian", **common}
        login = f"dev{number}"
        return {
            "self": f"{self.base_url}{self.api}/user?username={login}",
            "name": login,
            "key": f"JIRAUSER{10_100 + number}",
            **common,
        }

    def person_id(self, number: int) -> str:
        """What a changelog stores for a person."""
        return identity.jira_person(number) if self.cloud else f"JIRAUSER{10_100 + number}"

    def status(self, code: int) -> Record:
        """A workflow status."""
        number = STATUS_BASE + code
        return {
            "self": f"{self.base_url}{self.api}/status/{number}",
            "description": "",
            "iconUrl": f"{self.base_url}/images/icons/statuses/generic.png",
            "name": STATUSES[code],
            "id": str(number),
            "statusCategory": {
                "self": f"{self.base_url}{self.api}/statuscategory/{CATEGORIES[CATEGORY_OF[code]]['id']}",
                **CATEGORIES[CATEGORY_OF[code]],
            },
        }

    def priority(self, code: int) -> Record:
        """A priority."""
        number = PRIORITY_BASE + code
        return {
            "self": f"{self.base_url}{self.api}/priority/{number}",
            "name": PRIORITY_NAMES[code],
            "id": str(number),
        }

    def issue_type(self, code: int) -> Record:
        """An issue type."""
        number = TYPE_BASE + code
        return {
            "self": f"{self.base_url}{self.api}/issuetype/{number}",
            "id": str(number),
            "name": TYPE_NAMES[code],
            "subtask": False,
            "hierarchyLevel": 0,
        }

    def project(self, team: int) -> Record:
        """A team's project."""
        number = PROJECT_BASE + team
        return {
            "self": f"{self.base_url}{self.api}/project/{number}",
            "id": str(number),
            "key": TEAM_KEYS[team],
            "name": f"{TEAMS[team]} engineering",
            "projectTypeKey": "software",
            "simplified": False,
        }

    def _sprint(self, number: int, now: int) -> Record:
        data = self.company.sprints
        team, start, end = int(data.team[number]), int(data.start[number]), int(data.end[number])
        state = "future" if now < start else "active" if now < end else "closed"
        found: Record = {
            "id": identity.SPRINT_BASE + number,
            "name": f"{TEAMS[team]} Sprint {int(data.number[number]) + 1}",
            "state": state,
            "boardId": team + 1,
            "goal": "",
            "startDate": _instant_z(start),
            "endDate": _instant_z(end),
        }
        if state == "closed":
            found["completeDate"] = _instant_z(end + 600 * SECOND)
        return found

    # Issues.

    def issue_shelf(self, now_of: Any) -> Shelf:
        """The issues; `now_of` gives the present instant (a sprint's state depends on it)."""
        data = self.company.issues

        def draw(versions: Ints, updated: Ints) -> list[Record]:
            return self._issues(versions, updated, now_of())

        def set_updated(record: Record, at: int) -> None:
            record["fields"]["updated"] = stamp(at)

        return Shelf(
            "issue",
            log=data.log,
            created=data.created,
            ids=lambda numbers: [str(identity.ISSUE_BASE + int(n)) for n in numbers],
            number=lambda text: int(text) - identity.ISSUE_BASE if text.isdigit() else None,
            draw=draw,
            stamp=set_updated,
            changed=self._write_history,
        )

    def _issues(self, versions: Ints, updated: Ints, now: int) -> list[Record]:
        data, log = self.company.issues, self.company.issues.log
        record = log.record[versions]
        state = {name: column[versions].tolist() for name, column in log.state.items()}
        statuses = [self.status(code) for code in range(len(STATUSES))]
        priorities: list[Record | None] = [
            *(self.priority(code) for code in range(len(PRIORITY_NAMES))),
            None,
        ]
        types = [self.issue_type(code) for code in range(len(TYPE_NAMES))]
        projects = [self.project(code) for code in range(len(TEAMS))]
        teams: list[Record | None] = [
            {"id": identity.uuid("team", name), "name": name, "isShared": True} for name in TEAMS
        ]
        numbers, team = record.tolist(), data.team[record].tolist()
        kinds, created, place = (
            data.kind[record].tolist(),
            data.created[record].tolist(),
            data.number[record].tolist(),
        )
        hidden, reporters = data.hidden_team[record].tolist(), data.reporter[record].tolist()
        found = []
        for i, number in enumerate(numbers):
            status, resolved = state["status"][i], state["resolution"][i]
            assignee, points, label = state["assignee"][i], state["points"][i], state["label"][i]
            fields: Record = {
                "summary": SUMMARIES[number % len(SUMMARIES)],
                "issuetype": types[kinds[i]],
                "project": projects[team[i]],
                "status": statuses[status],
                "priority": priorities[state["priority"][i]],
                "created": stamp(created[i]),
                "updated": stamp(int(updated[i])),
                "resolutiondate": None if resolved == NONE else stamp(resolved),
                "resolution": None if resolved == NONE else RESOLUTIONS[1 if status == words.WONT_DO else 0],
                "assignee": None if assignee == NONE else self.person(assignee),
                "reporter": self.person(reporters[i]),
                "labels": [f"batch-{label}"] if label else [],
                TEAM_FIELD: None if hidden[i] else teams[team[i]],
                POINTS_FIELD: None if points == NONE else points / 2,
                SPRINT_FIELD: self._sprints_until(int(versions[i]), now),
            }
            issue_id = str(identity.ISSUE_BASE + number)
            found.append(
                {
                    "expand": "operations,versionedRepresentations,editmeta,changelog,renderedFields",
                    "id": issue_id,
                    "self": f"{self.base_url}{self.api}/issue/{issue_id}",
                    "key": identity.issue_key(team[i], place[i]),
                    "fields": fields,
                }
            )
        return found

    def _sprints_until(self, version: int, now: int) -> list[Record] | None:
        """The sprints that an issue has been in up to a version, oldest first."""
        log = self.company.issues.log
        column = log.state["sprint"][int(log.first[log.record[version]]) : version + 1]
        numbers = list(dict.fromkeys(column[column != NONE].tolist()))
        return [self.sprint_field(number, now // HOUR * HOUR) for number in numbers] or None

    # Changelogs.

    def histories(self, shelf: Shelf, number: int, now: int) -> list[Record]:
        """All changes of an issue by `now`, oldest first."""
        found: list[Record] = []
        log = self.company.issues.log
        if number < log.size:
            for version in range(int(log.first[number]) + 1, int(log.first[number + 1])):
                at = int(log.at[version])
                if at > now or bool(log.gone[version]):
                    break
                items = self._items(log, version)
                if items:
                    author = int(log.state["assignee"][version])
                    found.append(
                        self._history(identity.CHANGE_BASE + int(log.rank[version]), author, at, items)
                    )
        return found + [entry for entry in self.by_hand.get(shelf.id_of(number), []) if entry["at"] <= now]

    def _history(self, number: int, author: int, at: int, items: list[Record]) -> Record:
        return {
            "id": str(number),
            "author": self.person(max(author, 0)),
            "created": stamp(at),
            "items": items,
            "at": at,
        }

    def _items(self, log: Log, version: int) -> list[Record]:
        items = []
        for name, column in log.state.items():
            old, new = int(column[version - 1]), int(column[version])
            if old != new:
                item = self._item(name, old, new, log, version)
                if item is not None:
                    items.append(item)
        return items

    def _item(self, name: str, old: int, new: int, log: Log, version: int) -> Record | None:
        if name == "status":
            pair = [(str(STATUS_BASE + code), STATUSES[code]) for code in (old, new)]
            return _change("status", "status", "jira", *pair)
        if name == "priority":
            pair_or_none = [
                (None, None) if code == NONE else (str(PRIORITY_BASE + code), PRIORITY_NAMES[code])
                for code in (old, new)
            ]
            return _change("priority", "priority", "jira", *pair_or_none)
        if name == "assignee":
            people = [
                (None, None) if code == NONE else (self.person_id(code), identity.person_name(code))
                for code in (old, new)
            ]
            return _change("assignee", "assignee", "jira", *people)
        if name == "resolution":
            if (old == NONE) == (new == NONE):
                return None
            shown = []
            for at, place in ((old, version - 1), (new, version)):
                wont = int(log.state["status"][place]) == words.WONT_DO
                entry = RESOLUTIONS[1 if wont else 0]
                shown.append((None, None) if at == NONE else (entry["id"], entry["name"]))
            return _change("resolution", "resolution", "jira", *shown)
        if name == "sprint":
            names = [
                ("", None)
                if code == NONE
                else (str(identity.SPRINT_BASE + code), self.sprint_field(code, 0)["name"])
                for code in (old, new)
            ]
            return _change("Sprint", SPRINT_FIELD, "custom", *names)
        if name == "points":
            values = [(None, None if code == NONE else f"{code / 2:g}") for code in (old, new)]
            return _change("Story Points", POINTS_FIELD, "custom", *values)
        return _change(
            "labels", "labels", "jira", *[(None, f"batch-{code}" if code else "") for code in (old, new)]
        )

    def _write_history(self, before: Record | None, after: Record, at: int) -> None:
        """What Jira writes by itself when an issue is changed by hand."""
        if before is None:
            return
        items = []
        for field in ("status", "priority", "assignee", "resolution"):
            old, new = before["fields"].get(field), after["fields"].get(field)
            key = (
                "accountId" if field == "assignee" and self.cloud else "key" if field == "assignee" else "id"
            )
            title = "displayName" if field == "assignee" else "name"
            if (old or {}).get(title) != (new or {}).get(title):
                pair = [
                    (None, None) if value is None else (value.get(key), value.get(title))
                    for value in (old, new)
                ]
                items.append(_change(field, field, "jira", *pair))
        if items:
            entries = self.by_hand.setdefault(after["id"], [])
            count = sum(len(known) for known in self.by_hand.values())
            entries.append(
                self._history(identity.CHANGE_BASE + self.company.issues.log.at.size + count, 0, at, items)
            )

    def completed(self, record: Mapping[str, Any], before: Record | None, now: int) -> Record:
        """A record put by hand with what Jira fills in: whole statuses and priorities by name, resolution,
        defaults.
        """
        fields: Record = dict(record.get("fields", {}))
        if before is None:
            blank: Record = {
                "summary": "Put by hand",
                "issuetype": self.issue_type(words.TASK),
                "project": self.project(0),
                "status": self.status(words.TO_DO),
                "priority": self.priority(words.MEDIUM),
                "created": stamp(now),
                "updated": stamp(now),
                "resolutiondate": None,
                "resolution": None,
                "assignee": None,
                "reporter": self.person(0),
                "labels": [],
                TEAM_FIELD: None,
                POINTS_FIELD: None,
                SPRINT_FIELD: None,
            }
            fields = {**blank, **fields}
        for name, labels, build in (
            ("status", STATUSES, self.status),
            ("priority", PRIORITY_NAMES, self.priority),
            ("issuetype", TYPE_NAMES, self.issue_type),
        ):
            value = fields.get(name)
            if isinstance(value, Mapping) and value.get("name") in labels:
                fields[name] = build(labels.index(str(value["name"])))
        status = fields.get("status")
        if isinstance(status, Mapping) and "resolutiondate" not in record.get("fields", {}):
            done = status["statusCategory"]["key"] == "done"
            was_done = before is not None and before["fields"]["status"]["statusCategory"]["key"] == "done"
            if done and not was_done:
                fields["resolutiondate"] = stamp(now)
                fields["resolution"] = RESOLUTIONS[1 if status["name"] == "Won't Do" else 0]
            elif not done and was_done:
                fields |= {"resolutiondate": None, "resolution": None}
        return {**record, "fields": fields}

    # Worklogs.

    def worklog_shelf(self) -> Shelf:
        """The worklogs; a correction and a deletion are versions."""
        data = self.company.worklogs
        rows = np.arange(data.size, dtype=np.int64)
        log = Log.build(
            created=data.created,
            initial={"seconds": data.seconds},
            changes=[Change(rows, data.edited_at, {"seconds": data.edited_seconds})],
            deleted=data.deleted,
        )

        def draw(versions: Ints, updated: Ints) -> list[Record]:
            found = []
            for version, at in zip(versions.tolist(), updated.tolist(), strict=True):
                number = int(log.record[version])
                seconds = int(log.state["seconds"][version])
                issue, identifier = (
                    identity.ISSUE_BASE + int(data.issue[number]),
                    identity.WORKLOG_BASE + number,
                )
                author = self.person(int(data.author[number]))
                hours, minutes = seconds // 3600, seconds % 3600 // 60
                found.append(
                    {
                        "self": f"{self.base_url}{self.api}/issue/{issue}/worklog/{identifier}",
                        "author": author,
                        "updateAuthor": author,
                        "created": stamp(int(data.created[number])),
                        "updated": stamp(at),
                        "started": stamp(int(data.started[number])),
                        "timeSpent": " ".join(
                            p for p in (f"{hours}h" if hours else "", f"{minutes}m" if minutes else "") if p
                        ),
                        "timeSpentSeconds": seconds,
                        "id": str(identifier),
                        "issueId": str(issue),
                    }
                )
            return found

        def set_updated(record: Record, at: int) -> None:
            record["updated"] = stamp(at)

        return Shelf(
            "worklog",
            log=log,
            created=data.created,
            ids=lambda numbers: [str(identity.WORKLOG_BASE + int(n)) for n in numbers],
            number=lambda text: int(text) - identity.WORKLOG_BASE if text.isdigit() else None,
            draw=draw,
            stamp=set_updated,
        )


def _instant_z(at: int) -> str:
    return f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"


def _change(
    field: str,
    field_id: str,
    sort: str,
    old: tuple[str | None, str | None],
    new: tuple[str | None, str | None],
) -> Record:
    return {
        "field": field,
        "fieldtype": sort,
        "fieldId": field_id,
        "from": old[0],
        "fromString": old[1],
        "to": new[0],
        "toString": new[1],
    }


def key_index(company: Company) -> dict[str, int]:
    """Issue numbers by key."""
    data = company.issues
    pairs = zip(data.team.tolist(), data.number.tolist(), strict=True)
    return {identity.issue_key(team, number): index for index, (team, number) in enumerate(pairs)}
