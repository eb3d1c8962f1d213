"""Issues, changelogs, worklogs and sprints of the sandbox company as Jira writes them; Cloud and Data Center share
it.

People are `{accountId: …}` in Cloud and `{name: …, key: …}` in Data Center; a few fields are the Cloud's alone.
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
from connectors.sandbox.jira_changelog import Changelog
from connectors.sandbox.jira_words import (
    CATEGORIES,
    CATEGORY_OF,
    POINTS_FIELD,
    PRIORITY_BASE,
    PRIORITY_NAMES,
    PROJECT_BASE,
    RESOLUTIONS,
    SPRINT_FIELD,
    STATUS_BASE,
    SUMMARIES,
    TEAM_FIELD,
    TYPE_BASE,
    TYPE_NAMES,
    stamp,
)
from connectors.sandbox.shelf import Record, Shelf


class JiraRecords:
    """Builds records; `cloud` decides how people look, `api` is the API's path for links."""

    def __init__(self, company: Company, *, cloud: bool) -> None:
        self.company = company
        self.cloud = cloud
        self.base_url = ""
        self.api = "/rest/api/3" if cloud else "/rest/api/2"
        self.person = cache(self._person)
        self.sprint_field = cache(self._sprint)
        self.changelog = Changelog(self)

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
        found: Record = {
            "self": f"{self.base_url}{self.api}/issuetype/{number}",
            "id": str(number),
            "name": TYPE_NAMES[code],
            "subtask": False,
        }
        return {**found, "hierarchyLevel": 0} if self.cloud else found

    def project(self, team: int) -> Record:
        """A team's project."""
        number = PROJECT_BASE + team
        found: Record = {
            "self": f"{self.base_url}{self.api}/project/{number}",
            "id": str(number),
            "key": TEAM_KEYS[team],
            "name": f"{TEAMS[team]} engineering",
            "projectTypeKey": "software",
        }
        return {**found, "simplified": False} if self.cloud else found

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
            changed=self.changelog.write,
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


def key_index(company: Company) -> dict[str, int]:
    """Issue numbers by key."""
    data = company.issues
    pairs = zip(data.team.tolist(), data.number.tolist(), strict=True)
    return {identity.issue_key(team, number): index for index, (team, number) in enumerate(pairs)}
