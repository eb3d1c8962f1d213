"""The sandbox company's issues and code reviews as one GitHub repository: issues, pull requests among them, events,
milestones.

Numbers are given in the order of creation over issues and pull requests together. What GitHub has no field for is a
label:
`type: bug`, `priority: critical`, `team: core`, `status: in progress`, `points: 3`; a milestone is a sprint.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.log import Change, Log
from connectors.sandbox.company.timeline import DAY, HOUR, NEVER, NONE, SECOND, Ints, zulu, zulu_or_none
from connectors.sandbox.shelf import Record

ISSUE_ID_BASE, EVENT_ID_BASE, USER_ID_BASE, LABEL_ID_BASE, MILESTONE_ID_BASE = (
    2_000_000_000,
    12_000_000_000,
    9_000_000,
    5_000_000,
    3_000_000,
)
REVIEW_ID_BASE = 1_500_000_000
OPEN, MERGED, CLOSED = range(3)
USER_LISTS = ("followers", "organizations", "received_events", "repos", "subscriptions")


class Repository:
    """All records of the repository `owner/name`; record numbers start at 0, GitHub's numbers at 1."""

    def __init__(self, company: Company, name: str) -> None:
        self.company = company
        self.name = name
        self.base_url = ""
        issues, reviews = company.issues, company.reviews
        created = np.concatenate([issues.created, reviews.opened]) // SECOND * SECOND
        self.order = np.argsort(created, kind="stable").astype(np.int64)
        self.created = created[self.order]
        self.place = np.empty(created.size, dtype=np.int64)
        self.place[self.order] = np.arange(created.size)
        self.log = self._log()

    def _log(self) -> Log:
        """Issues' versions and pull requests' states in one log; instants are whole seconds.

        Columns: state (OPEN, MERGED, CLOSED) of pull requests, version of the issues' own log (NONE for pull
        requests).
        """
        issues, reviews = self.company.issues, self.company.reviews
        source = issues.log
        count = issues.size
        rows = np.flatnonzero(~source.gone)
        changes = [
            Change(self.place[source.record[rows]], source.at[rows] // SECOND * SECOND, {"version": rows})
        ]
        pulls = self.place[count + np.arange(reviews.size)]
        first = np.where(reviews.first < NEVER, reviews.first, reviews.opened + 3 * DAY)
        closed = first // SECOND * SECOND + 5 * HOUR
        merged = np.where(np.arange(reviews.size) % 12 == 0, CLOSED, MERGED).astype(np.int64)
        changes.append(Change(pulls, np.where(reviews.first < NEVER, first, NEVER), {}))
        changes.append(Change(pulls, closed, {"state": merged}))
        deleted = np.full(self.created.size, NEVER, dtype=np.int64)
        dead = np.flatnonzero(source.gone)
        deleted[self.place[source.record[dead]]] = source.at[dead] // SECOND * SECOND + SECOND
        version = np.full(self.created.size, NONE, dtype=np.int64)
        version[self.place[:count]] = source.first[:-1]
        state = np.full(self.created.size, OPEN, dtype=np.int64)
        return Log.build(
            created=self.created,
            initial={"version": version, "state": state},
            changes=changes,
            deleted=deleted,
        )

    @property
    def url(self) -> str:
        """The repository's API address."""
        return f"{self.base_url}/repos/{self.name}"

    def user(self, number: int) -> Record:
        """A person."""
        login = f"dev{number}"
        link, page = f"{self.base_url}/users/{login}", f"https://github.example/{login}"
        return {
            "login": login,
            "id": USER_ID_BASE + number,
            "node_id": f"U_{number}",
            "avatar_url": f"{page}.png",
            "gravatar_id": "",
            "url": link,
            "html_url": page,
            **{f"{name}_url": f"{link}/{name}" for name in USER_LISTS},
            "following_url": f"{link}/following{{/other_user}}",
            "gists_url": f"{link}/gists{{/gist_id}}",
            "starred_url": f"{link}/starred{{/owner}}{{/repo}}",
            "events_url": f"{link}/events{{/privacy}}",
            "type": "User",
            "site_admin": False,
        }

    def label(self, name: str) -> Record:
        """A label."""
        number = sum(name.encode()) * 31 + len(name)
        return {
            "id": LABEL_ID_BASE + number,
            "node_id": f"LA_{number}",
            "url": f"{self.url}/labels/{name.replace(' ', '%20')}",
            "name": name,
            "color": "ededed",
            "default": name == "type: bug",
            "description": None,
        }

    def labels_at(self, version: int) -> list[str]:
        """The labels that stand for the state of an issue at a version of the issues' log."""
        data, log = self.company.issues, self.company.issues.log
        number = int(log.record[version])
        found = [f"type: {words.ISSUE_TYPES[int(data.kind[number])]}"]
        if not int(data.hidden_team[number]):
            found.append(f"team: {words.TEAMS[int(data.team[number])].lower()}")
        priority, points = int(log.state["priority"][version]), int(log.state["points"][version])
        status = int(log.state["status"][version])
        if priority != NONE:
            found.append(f"priority: {words.PRIORITIES[priority]}")
        if status in (words.IN_PROGRESS, words.IN_REVIEW):
            found.append(f"status: {words.STATUSES[status].lower()}")
        if points != NONE:
            found.append(f"points: {points / 2:g}")
        return found

    def milestone(self, sprint: int) -> Record:
        """A sprint as a milestone."""
        data = self.company.sprints
        title = f"{words.TEAMS[int(data.team[sprint])]} Sprint {int(data.number[sprint]) + 1}"
        link = f"{self.url}/milestones/{sprint + 1}"
        return {
            "url": link,
            "html_url": f"https://github.example/{self.name}/milestone/{sprint + 1}",
            "labels_url": f"{link}/labels",
            "id": MILESTONE_ID_BASE + sprint,
            "node_id": f"MI_{sprint + 1}",
            "number": sprint + 1,
            "title": title,
            "description": None,
            "creator": self.user(0),
            "open_issues": 0,
            "closed_issues": 0,
            "state": "open",
            "created_at": zulu(int(data.start[sprint]) - 14 * DAY),
            "updated_at": zulu(int(data.start[sprint]) - 14 * DAY),
            "due_on": zulu(int(data.end[sprint])),
            "closed_at": None,
        }

    def draw(self, versions: Ints, updated: Ints) -> list[Record]:
        """Issues and pull requests at versions of the log, as the issue list shows them."""
        found = []
        count = self.company.issues.size
        for version, at in zip(versions.tolist(), updated.tolist(), strict=True):
            number = int(self.log.record[version])
            origin = int(self.order[number])
            shown = number + 1
            common: Record = {
                "url": f"{self.url}/issues/{shown}",
                "repository_url": self.url,
                "html_url": f"https://github.example/{self.name}/issues/{shown}",
                "events_url": f"{self.url}/issues/{shown}/events",
                "comments_url": f"{self.url}/issues/{shown}/comments",
                "labels_url": f"{self.url}/issues/{shown}/labels{{/name}}",
                "id": ISSUE_ID_BASE + number,
                "node_id": f"I_{number}",
                "number": shown,
                "locked": False,
                "comments": 0,
                "author_association": "MEMBER",
                "created_at": zulu(int(self.created[number])),
                "updated_at": zulu(at),
                "body": None,
            }
            if origin < count:
                found.append({**common, **self._issue(origin, int(self.log.state["version"][version]))})
            else:
                found.append(
                    {**common, **self._pull(origin - count, shown, int(self.log.state["state"][version]))}
                )
        return found

    def _issue(self, number: int, version: int) -> Record:
        data, log = self.company.issues, self.company.issues.log
        assignee, sprint = int(log.state["assignee"][version]), int(log.state["sprint"][version])
        status, resolved = int(log.state["status"][version]), int(log.state["resolution"][version])
        person = None if assignee == NONE else self.user(assignee)
        done = status in (words.DONE, words.WONT_DO)
        return {
            "title": f"Issue {identity.issue_key(int(data.team[number]), int(data.number[number]))}",
            "user": self.user(int(data.reporter[number])),
            "labels": [self.label(name) for name in self.labels_at(version)],
            "state": "closed" if done else "open",
            "state_reason": {words.DONE: "completed", words.WONT_DO: "not_planned"}.get(status),
            "assignee": person,
            "assignees": [] if person is None else [person],
            "milestone": None if sprint == NONE else self.milestone(sprint),
            "closed_at": zulu_or_none(resolved) if done else None,
        }

    def _closed(self, review: int) -> int:
        """When a pull request was merged or closed."""
        data = self.company.reviews
        first, opened = int(data.first[review]), int(data.opened[review])
        return (first if first < NEVER else opened + 3 * DAY) // SECOND * SECOND + 5 * HOUR

    def _pull(self, review: int, number: int, state: int) -> Record:
        author = review * 7 % 35
        closed = zulu(self._closed(review)) if state != OPEN else None
        link = f"{self.url}/pulls/{number}"
        return {
            "title": f"Change {review + 1}",
            "user": self.user(author),
            "labels": [],
            "state": "open" if state == OPEN else "closed",
            "state_reason": None,
            "assignee": None,
            "assignees": [],
            "milestone": None,
            "closed_at": closed,
            "draft": False,
            "pull_request": {
                "url": link,
                "html_url": f"https://github.example/{self.name}/pull/{number}",
                "diff_url": f"https://github.example/{self.name}/pull/{number}.diff",
                "patch_url": f"https://github.example/{self.name}/pull/{number}.patch",
                "merged_at": closed if state == MERGED else None,
            },
        }

    def reviews_of(self, number: int, now: int) -> list[Record] | None:
        """The reviews of a pull request by `now`; None when the number is not one's."""
        origin = int(self.order[number]) - self.company.issues.size
        if origin < 0:
            return None
        first = int(self.company.reviews.first[origin])
        if first > now:
            return []
        identifier, link = REVIEW_ID_BASE + origin, f"{self.url}/pulls/{number + 1}"
        page = f"https://github.example/{self.name}/pull/{number + 1}#pullrequestreview-{identifier}"
        return [
            {
                "id": identifier,
                "node_id": f"PRR_{origin}",
                "user": self.user((origin * 7 + 3) % 35),
                "body": "",
                "state": "APPROVED",
                "html_url": page,
                "pull_request_url": link,
                "_links": {"html": {"href": page}, "pull_request": {"href": link}},
                "submitted_at": zulu(first),
                "commit_id": identity.digest("commit", origin),
                "author_association": "MEMBER",
            }
        ]

    @cached_property
    def events(self) -> tuple[Ints, list[tuple[int, int, str, str]]]:
        """All issue events by time: their instants, and (record number, actor, event, subject).

        The subject is a label's name, a person's number or a state reason.
        """
        log = self.company.issues.log
        rows: list[tuple[int, int, int, str, str]] = []
        for number in range(self.company.issues.size):
            place = int(self.place[number])
            low, high = int(log.first[number]), int(log.first[number + 1])
            for version in range(low, high):
                if bool(log.gone[version]):
                    break
                at = int(log.at[version]) // SECOND * SECOND
                actor = max(int(log.state["assignee"][version]), 0)
                before = set(self.labels_at(version - 1)) if version > low else set()
                after = set(self.labels_at(version))
                rows += [(at, place, actor, "unlabeled", name) for name in sorted(before - after)]
                rows += [(at, place, actor, "labeled", name) for name in sorted(after - before)]
                rows += self._moves(log, version, low, at, place, actor)
        rows.sort(key=lambda row: (row[0], row[1]))
        return np.asarray([row[0] for row in rows], dtype=np.int64), [row[1:] for row in rows]

    @staticmethod
    def _moves(
        log: Log, version: int, low: int, at: int, place: int, actor: int
    ) -> list[tuple[int, int, int, str, str]]:
        found: list[tuple[int, int, int, str, str]] = []
        status, assignee = int(log.state["status"][version]), int(log.state["assignee"][version])
        was = int(log.state["status"][version - 1]) if version > low else words.TO_DO
        had = int(log.state["assignee"][version - 1]) if version > low else NONE
        done, was_done = status in (words.DONE, words.WONT_DO), was in (words.DONE, words.WONT_DO)
        if had != assignee and had != NONE:
            found.append((at, place, actor, "unassigned", str(had)))
        if had != assignee and assignee != NONE:
            found.append((at, place, actor, "assigned", str(assignee)))
        if done and not was_done:
            found.append((at, place, actor, "closed", "completed" if status == words.DONE else "not_planned"))
        elif was_done and not done:
            found.append((at, place, actor, "reopened", ""))
        return found

    def event(self, position: int, row: tuple[int, int, str, str], at: int) -> Record:
        """One event without its issue."""
        _, actor, name, subject = row
        identifier = EVENT_ID_BASE + position
        found: Record = {
            "id": identifier,
            "node_id": f"EV_{identifier}",
            "url": f"{self.url}/issues/events/{identifier}",
            "actor": self.user(actor),
            "event": name,
            "commit_id": None,
            "commit_url": None,
            "created_at": zulu(at),
        }
        if name in ("labeled", "unlabeled"):
            found["label"] = {"name": subject, "color": "ededed"}
        elif name in ("assigned", "unassigned"):
            found |= {"assignee": self.user(int(subject)), "assigner": self.user(actor)}
        elif name == "closed":
            found["state_reason"] = subject
        return found
