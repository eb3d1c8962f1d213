"""What both Jiras list beside the search: single issues, worklogs, boards and sprints, fields, statuses, the user."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

import numpy as np

from connectors.sandbox.company.timeline import DAY, MINUTE
from connectors.sandbox.company.words import STATUSES, TEAM_KEYS, TEAMS
from connectors.sandbox.jira_site import API_ZONE, CUSTOM_FIELDS, SYSTEM_FIELDS, JiraSite
from connectors.sandbox.jira_words import PRIORITY_NAMES, TYPE_NAMES
from connectors.sandbox.messages import BadRequest, Reply, Request, Rule
from connectors.sandbox.shelf import Hits, Record, window

WORKLOG_PAGE = 1_000


class JiraLists(JiraSite):
    """The lists; `api` is the path under which they are served."""

    api: ClassVar[str]
    deployment: ClassVar[str]
    version: ClassVar[str]

    @property
    def email(self) -> str:
        """The API user."""
        return "vitals@sandbox.example"

    def list_rules(self) -> Sequence[Rule]:
        """The routes of the lists."""
        api, agile = self.api, "/rest/agile/1.0"
        return (
            Rule("GET", f"{api}/issue/{{issue}}", self._issue),
            Rule("GET", f"{api}/worklog/updated", self._worklogs_updated),
            Rule("GET", f"{api}/worklog/deleted", self._worklogs_deleted),
            Rule("POST", f"{api}/worklog/list", self._worklog_list),
            Rule("GET", f"{api}/myself", self._myself),
            Rule("GET", f"{api}/mypermissions", self._permissions),
            Rule("GET", f"{api}/field", self._fields),
            Rule("GET", f"{api}/status", self._statuses),
            Rule("GET", f"{api}/priority", self._priorities),
            Rule("GET", f"{api}/issuetype", self._issue_types),
            Rule("GET", f"{api}/project", self._all_projects),
            Rule("GET", f"{api}/serverInfo", self._server_info, open=True),
            Rule("GET", f"{agile}/board", self._boards),
            Rule("GET", f"{agile}/board/{{board}}/sprint", self._sprints),
        )

    # Issues.

    def one(self, issue: str) -> Hits:
        number = self.issue_number(issue)
        hits = self.hits("issue", searched=False)
        hits = hits.take(hits.number == (-1 if number is None else number))
        if hits.size == 0:
            raise BadRequest("Issue does not exist or you do not have permission to see it.", status=404)
        return hits

    def _issue(self, request: Request, issue: str) -> Reply:
        hits = self.one(issue)
        fields = [name for name in request.param("fields", "*all").split(",") if name]
        return Reply(200, self.drawn(hits, fields, request.param("expand"), newest=100)[0])

    # Worklogs.

    def _worklogs_updated(self, request: Request) -> Reply:
        return self._changed_worklogs(request, "updated", gone=False)

    def _worklogs_deleted(self, request: Request) -> Reply:
        return self._changed_worklogs(request, "deleted", gone=True)

    def _changed_worklogs(self, request: Request, name: str, *, gone: bool) -> Reply:
        since, until = request.number("since", 0), self.now() - MINUTE
        hits = self.shelves["worklog"].hits(self.view())
        hits = window(hits.take(hits.gone == gone), since, until)
        page = hits.take(slice(0, self.page_size(WORKLOG_PAGE, WORKLOG_PAGE, WORKLOG_PAGE)))
        if 0 < page.size < hits.size:
            # A page never ends between worklogs of one millisecond: the next one starts after it.
            page = window(hits, since, int(page.updated[-1]))
        last = page.size == hits.size
        extra: Record = {"properties": []} if self.records.cloud else {}
        values = [
            {"worklogId": int(identifier), "updatedTime": at, **extra}
            for identifier, at in zip(self.shelves["worklog"].ids(page), page.updated.tolist(), strict=True)
        ]
        link = f"{self.base_url}{self.api}/worklog/{name}?since="
        end = int(page.updated[-1]) if page.size else until
        body: Record = {
            "values": values,
            "since": since,
            "until": end,
            "self": f"{link}{since}",
            "lastPage" if self.records.cloud else "isLastPage": last,
        }
        if not last:
            body["nextPage"] = f"{link}{end + 1}"
        self.served("worklog")
        return Reply(200, body)

    def _worklog_list(self, request: Request) -> Reply:
        ids = request.json().get("ids") or []
        if len(ids) > 1_000:
            raise BadRequest("at most 1000 worklogs can be asked for at once")
        shelf = self.shelves["worklog"]
        numbers = [number for identifier in ids if (number := shelf.number_of(str(identifier))) is not None]
        hits = self.hits("worklog", searched=False)
        return Reply(
            200, self.render("worklog", hits.take(np.isin(hits.number, np.asarray(numbers, dtype=np.int64))))
        )

    # The rest.

    def _myself(self, request: Request) -> Reply:
        person = {name: value for name, value in self.records.person(9_999).items() if name != "self"}
        known = "accountId" if "accountId" in person else "key"
        link = f"{self.base_url}{self.api}/user?{known}={person[known]}"
        about = {
            "emailAddress": self.email,
            "displayName": "Vitals reader",
            "timeZone": API_ZONE,
            "locale": "en_US",
        }
        return Reply(200, {"self": link, **person, **about})

    def _permissions(self, request: Request) -> Reply:
        found = {}
        for name in request.param("permissions", "BROWSE_PROJECTS").split(","):
            found[name] = {
                "id": "10",
                "key": name,
                "name": name.replace("_", " ").title(),
                "type": "PROJECT",
                "description": "",
                "havePermission": "issue" not in self.traps.forbidden,
            }
        return Reply(200, {"permissions": found})

    def _fields(self, request: Request) -> Reply:
        found: list[Record] = []
        for name, title in SYSTEM_FIELDS.items():
            sort = {
                "created": "datetime",
                "updated": "datetime",
                "resolutiondate": "datetime",
                "summary": "string",
            }.get(name, name)
            found.append(
                {
                    "id": name,
                    "key": name,
                    "name": title,
                    "custom": False,
                    "orderable": True,
                    "navigable": True,
                    "searchable": True,
                    "clauseNames": [name],
                    "schema": {"type": sort, "system": name},
                }
            )
        for name, title in CUSTOM_FIELDS.items():
            number = int(name.rpartition("_")[2])
            found.append(
                {
                    "id": name,
                    "key": name,
                    "name": title,
                    "custom": True,
                    "orderable": True,
                    "navigable": True,
                    "searchable": True,
                    "clauseNames": [f"cf[{number}]", title],
                    "schema": {
                        "type": {"Sprint": "array", "Story Points": "number"}.get(title, "team"),
                        "custom": f"com.example:{title.replace(' ', '-').lower()}",
                        "customId": number,
                    },
                }
            )
        return Reply(200, found)

    def _statuses(self, request: Request) -> Reply:
        return Reply(200, [self.records.status(code) for code in range(len(STATUSES))])

    def _priorities(self, request: Request) -> Reply:
        return Reply(200, [self.records.priority(code) for code in range(len(PRIORITY_NAMES))])

    def _issue_types(self, request: Request) -> Reply:
        return Reply(200, [self.records.issue_type(code) for code in range(len(TYPE_NAMES))])

    def _all_projects(self, request: Request) -> Reply:
        return Reply(200, [self.records.project(code) for code in range(len(TEAM_KEYS))])

    def _server_info(self, request: Request) -> Reply:
        time = f"{datetime.fromtimestamp(self.now() / 1000, UTC):%Y-%m-%dT%H:%M:%S.000+0000}"
        body = {
            "baseUrl": self.base_url,
            "version": self.version,
            "deploymentType": self.deployment,
            "serverTime": time,
        }
        return Reply(200, body)

    def _boards(self, request: Request) -> Reply:
        boards: list[Record] = [
            {
                "id": code + 1,
                "self": f"{self.base_url}/rest/agile/1.0/board/{code + 1}",
                "name": name,
                "type": "scrum",
                **self._board_of(code, name),
            }
            for code, name in enumerate(TEAMS)
        ]
        roadmap = {"id": len(TEAMS) + 1, "name": "Roadmap", "type": "kanban"}
        shown = {"isPrivate": False} if self.records.cloud else {}
        link = f"{self.base_url}/rest/agile/1.0/board/{len(TEAMS) + 1}"
        boards.append({**roadmap, **shown, "self": link})
        sort = request.param("type")
        boards = [board for board in boards if not sort or board["type"] in sort.split(",")]
        return Reply(200, self._slice(request, boards))

    def _board_of(self, code: int, name: str) -> Record:
        """What only the Cloud says of a board."""
        if not self.records.cloud:
            return {}
        location = {
            "projectId": 10_000 + code,
            "projectKey": TEAM_KEYS[code],
            "displayName": f"{name} engineering",
        }
        return {"location": location, "isPrivate": False}

    def _sprints(self, request: Request, board: str) -> Reply:
        number = int(board) if board.isdigit() else 0
        if number == len(TEAMS) + 1:
            raise BadRequest("The board does not support sprints")
        if not 1 <= number <= len(TEAMS):
            raise BadRequest("Board does not exist or you do not have permission to view it.", status=404)
        data = self.company.sprints
        shown = np.flatnonzero((data.team == number - 1) & (data.start <= self.now() + 28 * DAY))
        states = request.param("state")
        values = []
        for index in shown.tolist():
            sprint = dict(self.records.sprint_field(index, self.now()))
            sprint.pop("boardId")
            link = f"{self.base_url}/rest/agile/1.0/sprint/{sprint['id']}"
            if not states or sprint["state"] in states.split(","):
                values.append({**sprint, "self": link, "originBoardId": number})
        return Reply(200, self._slice(request, values))

    def _slice(self, request: Request, values: list[Record]) -> Record:
        start, size = request.number("startAt", 0), self.page_size(request.number("maxResults", 50), 50, 50)
        page = values[start : start + size]
        return {
            "maxResults": size,
            "startAt": start,
            "total": len(values),
            "isLast": start + size >= len(values),
            "values": page,
        }
