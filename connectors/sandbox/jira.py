"""A fake Jira Cloud: search/jql with tokens, changelogs in three ways, worklogs, boards and sprints.

What it keeps of the vendor's habits: no total and no startAt in the search; only ids come unless fields are asked
for;
unbounded queries are refused; date literals are read in the API user's time zone; a changelog in a search is cut to
the
newest entries; bulk changelogs give milliseconds; worklogs of the last minute are held back; the old search is gone
(410).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from connectors.sandbox import jql
from connectors.sandbox.clock import Clock
from connectors.sandbox.company import identity
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.timeline import DAY, MINUTE, Bools, Ints, moment
from connectors.sandbox.company.words import STATUSES, TEAM_KEYS, TEAMS
from connectors.sandbox.jira_issues import (
    POINTS_FIELD,
    PRIORITY_NAMES,
    SPRINT_FIELD,
    TEAM_FIELD,
    TYPE_NAMES,
    JiraRecords,
    key_index,
)
from connectors.sandbox.plumbing import BadRequest, Fake, Reply, Request, Rule, basic, seal, unseal
from connectors.sandbox.shelf import Hits, Record, View, window
from connectors.sandbox.traps import Edit

API_ZONE = "America/New_York"
SEARCH_PAGE, SEARCH_MOST, SEARCH_MOST_IDS = 50, 100, 5_000
CHANGELOG_IN_SEARCH = 40
WORKLOG_PAGE = 1_000
DATE_FIELDS = {"updated": "updated", "updateddate": "updated", "created": "created", "createddate": "created"}
ID_FIELDS = ("id", "key", "issue", "issuekey")
SYSTEM_FIELDS: Mapping[str, str] = {
    "summary": "Summary",
    "issuetype": "Issue Type",
    "project": "Project",
    "status": "Status",
    "priority": "Priority",
    "created": "Created",
    "updated": "Updated",
    "resolutiondate": "Resolved",
    "resolution": "Resolution",
    "assignee": "Assignee",
    "reporter": "Reporter",
    "labels": "Labels",
}
CUSTOM_FIELDS: Mapping[str, str] = {TEAM_FIELD: "Team", POINTS_FIELD: "Story Points", SPRINT_FIELD: "Sprint"}


class JiraSearch(Fake):
    """What Jira Cloud and Data Center have in common: the records and the evaluation of JQL over them."""

    def __init__(self, company: Company, clock: Clock, *, secret: str, cloud: bool) -> None:
        super().__init__(company, clock, secret=secret)
        self.records = JiraRecords(company, cloud=cloud)
        self.shelves["issue"] = self.records.issue_shelf(self.now)
        self.shelves["worklog"] = self.records.worklog_shelf()
        self._keys = key_index(company)
        self._put_keys: dict[str, str] = {}
        self.zone = ZoneInfo(API_ZONE)

    @property
    def base_url(self) -> str:
        """Where the fake answers; records link to it."""
        return self._base_url

    @base_url.setter
    def base_url(self, url: str) -> None:
        self._base_url = url
        if hasattr(self, "records"):
            self.records.base_url = url
            self.records.person.cache_clear()

    def fields_of(self, shelf: str, record: Record) -> Record:
        """An issue's fields lie one level down."""
        fields: Record = record["fields"] if shelf == "issue" else record
        return fields

    def problem(self, status: int, message: str, where: str = "") -> Reply:
        """Jira answers with lists of messages."""
        text = "Client must be authenticated to access this resource." if status == 401 else message
        return Reply(
            status, {"errorMessages": [] if where else [text], "errors": {where: text} if where else {}}
        )

    def throttled(self, headers: Mapping[str, str], wait: float) -> Reply:
        """429 with the reason for it."""
        body = {"errorMessages": ["Rate limit exceeded"], "errors": {}}
        return Reply(429, body, {"RateLimit-Reason": "jira-burst-based", **headers})

    def reset_headers(self, wait: float) -> dict[str, str]:
        """The reset is an ISO instant."""
        reset = moment(self.now()) + timedelta(seconds=wait)
        return {
            "X-RateLimit-Limit": "100",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": f"{reset:%Y-%m-%dT%H:%MZ}",
        }

    def put(self, name: str, record: Mapping[str, Any], *, updated: int | None = None) -> str:
        """As in `Fake.put`; an issue's status, priority and type may be given by name, a new one gets defaults and
        a key.
        """
        with self._lock:
            if name != "issue":
                return super().put(name, record, updated=updated)
            shelf = self.shelves["issue"]
            identifier = str(record.get("id", ""))
            known = shelf.find(identifier, View(self.now())) if identifier else None
            before = shelf.render(known)[0] if known is not None and not bool(known.gone[0]) else None
            whole = self.records.completed(record, before, self.now())
            if before is None and "key" not in whole:
                whole["key"] = f"{whole['fields']['project']['key']}-{90_001 + len(self._put_keys)}"
            identifier = super().put(name, whole, updated=updated)
            if "key" in whole:
                self._put_keys[whole["key"]] = identifier
            return identifier

    def issue_number(self, text: str) -> int | None:
        """The record number of an issue id or key."""
        if text.isdigit():
            return self.shelves["issue"].number_of(text)
        if text in self._put_keys:
            return self.shelves["issue"].number_of(self._put_keys[text])
        return self._keys.get(text.upper())

    def found(self, text: str, *, extra: Sequence[int] = ()) -> tuple[jql.Search, Hits]:
        """The issues that a JQL query finds, in its order; `extra` issue ids are looked up past the index."""
        try:
            search = jql.parse(text)
            hits = self.hits("issue")
            if extra:
                fresh = self.hits("issue", searched=False)
                known = [number for text in extra if (number := self.issue_number(str(text))) is not None]
                numbers = np.asarray(known, dtype=np.int64)
                fresh = fresh.take(np.isin(fresh.number, numbers))
                hits = hits.take(~np.isin(hits.number, numbers))
                hits = _joined(hits, fresh)
            if search.where is not None:
                hits = hits.take(self._matches(hits, search.where))
            return search, self._ordered(hits, search)
        except jql.Malformed as error:
            raise BadRequest(str(error)) from None

    def _matches(self, hits: Hits, part: jql.Part) -> Bools:
        if isinstance(part, jql.Junction):
            masks = [self._matches(hits, inner) for inner in part.parts]
            if part.operator == "NOT":
                return ~masks[0]
            together = np.logical_and.reduce if part.operator == "AND" else np.logical_or.reduce
            return np.asarray(together(masks), dtype=np.bool_)
        if part.field in DATE_FIELDS and part.values:
            instants = hits.updated if DATE_FIELDS[part.field] == "updated" else hits.created
            return _compared(
                instants, part, [jql.date_value(v, part.field, self.zone, self.now()) for v in part.values]
            )
        if part.field in ID_FIELDS and part.values:
            numbers = [-1 if (known := self.issue_number(value)) is None else known for value in part.values]
            if part.operator in ("=", "in") and any(number < 0 for number in numbers):
                raise BadRequest(
                    f"Issue does not exist or you do not have permission to see it: {part.values[0]}"
                )
            return _compared(hits.number, part, numbers)
        values = [self._field_values(record, part.field) for record in self.render("issue", hits)]
        wanted = {value.lower() for value in part.values}
        empty = np.fromiter((not value for value in values), dtype=np.bool_, count=hits.size)
        if part.operator in ("is", "is not"):
            return empty if part.operator == "is" else ~empty
        found = np.fromiter((bool(value & wanted) for value in values), dtype=np.bool_, count=hits.size)
        if part.operator in ("=", "in"):
            return found
        if part.operator in ("!=", "not in"):
            return ~found & ~empty
        raise jql.Malformed(f"The operator '{part.operator}' is not supported by the '{part.field}' field.")

    @staticmethod
    def _field_values(record: Record, field: str) -> set[str]:
        fields = record["fields"]
        name = {
            "type": "issuetype",
            "resolved": "resolutiondate",
            "team[team]": TEAM_FIELD,
            "sprint": SPRINT_FIELD,
        }.get(field, field)
        if field == "statuscategory":
            return {fields["status"]["statusCategory"]["name"].lower()}
        if name not in fields:
            raise jql.Malformed(f"Field '{field}' does not exist or you do not have permission to view it.")
        value = fields[name]
        values = value if isinstance(value, list) else [] if value is None else [value]
        texts: set[str] = set()
        for item in values:
            parts = (
                (item.get("name"), item.get("key"), item.get("id"), item.get("accountId"))
                if isinstance(item, dict)
                else (item,)
            )
            texts |= {str(part).lower() for part in parts if part is not None}
        return texts

    @staticmethod
    def _ordered(hits: Hits, search: jql.Search) -> Hits:
        keys: list[Ints] = []
        for field, descending in search.order:
            if field in DATE_FIELDS:
                values = hits.updated if DATE_FIELDS[field] == "updated" else hits.created
            elif field in ID_FIELDS:
                values = hits.number
            else:
                raise jql.Malformed(f"Not able to sort using field '{field}'.")
            keys.append(-values if descending else values)
        return hits.sort(*keys, hits.number) if keys else hits.sort(-hits.number)

    def drawn(self, hits: Hits, fields: Sequence[str], expand: str, *, newest: int | None) -> list[Record]:
        """Issues with the asked fields and, where expanded, the changelog (only the `newest` entries of it, newest
        first).
        """
        known = {**dict.fromkeys(SYSTEM_FIELDS), **dict.fromkeys(CUSTOM_FIELDS)}
        edited = {
            edit.value if edit.edit is Edit.RENAMED else edit.name
            for edit in self.traps.schema
            if edit.object == "issue"
        }
        everything = any(name in ("*all", "*navigable") for name in fields)
        left_out = {name[1:] for name in fields if name.startswith("-")}
        wanted = {name for name in (*known, *edited) if everything or name in fields} - left_out
        issues = self.render("issue", hits)
        for number, issue in zip(hits.number.tolist(), issues, strict=True):
            issue["fields"] = {name: value for name, value in issue["fields"].items() if name in wanted}
            if not wanted:
                del issue["fields"]
            if "changelog" in expand:
                entries = [
                    _without_at(entry)
                    for entry in self.records.histories(self.shelves["issue"], number, self.now())
                ][::-1]
                cut = entries if newest is None else entries[:newest]
                size = len(entries) if newest is None else newest
                issue["changelog"] = {
                    "startAt": 0,
                    "maxResults": size,
                    "total": len(entries),
                    "histories": cut,
                }
        return issues


class JiraCloud(JiraSearch):
    """The fake site; see FIELDS.md for its fields."""

    system = "jira"

    def __init__(self, company: Company, clock: Clock, *, secret: str) -> None:
        super().__init__(company, clock, secret=secret, cloud=True)

    @property
    def email(self) -> str:
        """The API user."""
        return "vitals@sandbox.example"

    @property
    def api_token(self) -> str:
        """The API user's token."""
        return f"{self.secret}-jira-token"

    def environment(self, url: str) -> dict[str, str]:
        """URL, user and token."""
        return {"JIRA_URL": url, "JIRA_EMAIL": self.email, "JIRA_API_TOKEN": self.api_token}

    def allows(self, request: Request) -> bool:
        """Basic authentication with e-mail and token."""
        return request.headers.get("authorization") == basic(self.email, self.api_token)

    def rules(self) -> Sequence[Rule]:
        """The routes."""
        api, agile = "/rest/api/3", "/rest/agile/1.0"
        return (
            Rule("GET", f"{api}/search/jql", self._search),
            Rule("POST", f"{api}/search/jql", self._search),
            Rule("POST", f"{api}/search/approximate-count", self._count),
            Rule("GET", f"{api}/search", self._gone),
            Rule("POST", f"{api}/search", self._gone),
            Rule("POST", f"{api}/changelog/bulkfetch", self._bulk_changelog),
            Rule("GET", f"{api}/issue/{{issue}}", self._issue),
            Rule("GET", f"{api}/issue/{{issue}}/changelog", self._changelog),
            Rule("GET", f"{api}/worklog/updated", self._worklogs_updated),
            Rule("GET", f"{api}/worklog/deleted", self._worklogs_deleted),
            Rule("POST", f"{api}/worklog/list", self._worklog_list),
            Rule("GET", f"{api}/myself", self._myself),
            Rule("GET", f"{api}/mypermissions", self._permissions),
            Rule("GET", f"{api}/field", self._fields),
            Rule("GET", f"{api}/status", self._statuses),
            Rule("GET", f"{api}/priority", self._priorities),
            Rule("GET", f"{api}/issuetype", self._issue_types),
            Rule("GET", f"{api}/project/search", self._projects),
            Rule("GET", f"{api}/serverInfo", self._server_info, open=True),
            Rule("GET", f"{agile}/board", self._boards),
            Rule("GET", f"{agile}/board/{{board}}/sprint", self._sprints),
        )

    # Search.

    def _search(self, request: Request) -> Reply:
        asked = request.json() if request.method == "POST" else _from_query(request)
        text = str(asked.get("jql") or "")
        extra = [int(number) for number in asked.get("reconcileIssues") or []]
        if len(extra) > 50:
            raise BadRequest("reconcileIssues takes at most 50 ids")
        search, hits = self.found(text, extra=extra)
        if search.where is None:
            raise BadRequest(
                "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
            )
        fields = [str(name) for name in asked.get("fields") or ["id"]]
        expand = str(asked.get("expand") or "")
        only_ids = set(fields) <= {"id", "key"} and not expand
        size = self.page_size(
            int(asked.get("maxResults") or SEARCH_PAGE),
            SEARCH_PAGE,
            SEARCH_MOST_IDS if only_ids else SEARCH_MOST,
        )
        page, token = self._page(hits, search, text, asked.get("nextPageToken"), size)
        newest = CHANGELOG_IN_SEARCH if self.traps.parts_cap is None else self.traps.parts_cap
        body: Record = {"issues": self.drawn(page, fields, expand, newest=newest), "isLast": token is None}
        if token is not None:
            body["nextPageToken"] = token
        self.served("issue")
        return Reply(200, body)

    def _page(
        self, hits: Hits, search: jql.Search, text: str, token: Any, size: int
    ) -> tuple[Hits, str | None]:
        """A page and the token of the next one. A token names the last record; with `offset_tokens` it is a
        position.
        """
        query = identity.digest(text)[:8]
        start, pages = 0, 0
        if token:
            of, pages, place = unseal(str(token), 3)
            lifetime = self.traps.page_token_lifetime
            if of != query or (lifetime is not None and pages > lifetime):
                raise BadRequest("The provided nextPageToken is invalid or expired.", status=400)
            if isinstance(place, int):
                start = place
            else:
                keys = _sort_keys(hits, search)
                start = int(np.searchsorted(keys, _sort_key(*place), side="right")) if keys.size else 0
        page = hits.take(slice(start, start + size))
        more = start + size < hits.size
        if not more and not self.traps.endless_token:
            return page, None
        if self.traps.repeat_token and token:
            return page, str(token)
        if self.traps.offset_tokens or page.size == 0:
            return page, seal(query, pages + 1, start + page.size)
        last = page.take(slice(page.size - 1, page.size))
        return page, seal(query, pages + 1, _sort_pair(last, search))

    def _count(self, request: Request) -> Reply:
        search, hits = self.found(str(request.json().get("jql") or ""))
        if search.where is None:
            raise BadRequest(
                "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
            )
        return Reply(200, {"count": hits.size})

    def _gone(self, request: Request) -> Reply:
        text = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API."
        return Reply(410, {"errorMessages": [text], "errors": {}})

    # Issues and changelogs.

    def _one(self, issue: str) -> Hits:
        number = self.issue_number(issue)
        hits = self.hits("issue", searched=False)
        hits = hits.take(hits.number == (-1 if number is None else number))
        if hits.size == 0:
            raise BadRequest("Issue does not exist or you do not have permission to see it.", status=404)
        return hits

    def _issue(self, request: Request, issue: str) -> Reply:
        hits = self._one(issue)
        fields = [name for name in request.param("fields", "*all").split(",") if name]
        return Reply(200, self.drawn(hits, fields, request.param("expand"), newest=100)[0])

    def _changelog(self, request: Request, issue: str) -> Reply:
        number = int(self._one(issue).number[0])
        entries = [
            _without_at(entry) for entry in self.records.histories(self.shelves["issue"], number, self.now())
        ]
        start, size = (
            request.number("startAt", 0),
            self.page_size(request.number("maxResults", 100), 100, 100),
        )
        values = entries[start : start + size]
        link = f"{self.base_url}/rest/api/3/issue/{issue}/changelog?maxResults={size}&startAt="
        body: Record = {
            "self": f"{link}{start}",
            "maxResults": size,
            "startAt": start,
            "total": len(entries),
            "isLast": start + size >= len(entries),
            "values": values,
        }
        if not body["isLast"]:
            body["nextPage"] = f"{link}{start + size}"
        return Reply(200, body)

    def _bulk_changelog(self, request: Request) -> Reply:
        asked = request.json()
        wanted = [str(text) for text in asked.get("issueIdsOrKeys") or []]
        field_ids = set(asked.get("fieldIds") or [])
        if not 1 <= len(wanted) <= 1_000:
            raise BadRequest("issueIdsOrKeys must hold between 1 and 1000 issues")
        if len(field_ids) > 10:
            raise BadRequest("fieldIds must hold at most 10 fields")
        numbers = sorted({number for text in wanted if (number := self.issue_number(text)) is not None})
        alive = set(self.hits("issue", searched=False).number.tolist())
        entries: list[tuple[int, Record]] = []
        for number in numbers:
            for entry in (
                self.records.histories(self.shelves["issue"], number, self.now()) if number in alive else ()
            ):
                items = [item for item in entry["items"] if not field_ids or item["fieldId"] in field_ids]
                if items:
                    entries.append((number, {**_without_at(entry), "created": entry["at"], "items": items}))
        start = unseal(str(asked["nextPageToken"]), 1)[0] if asked.get("nextPageToken") else 0
        size = self.page_size(int(asked.get("maxResults") or 1_000), 1_000, 10_000)
        grouped: dict[int, list[Record]] = {}
        for number, entry in entries[start : start + size]:
            grouped.setdefault(number, []).append(entry)
        logs = [
            {"issueId": self.shelves["issue"].id_of(number), "changeHistories": found}
            for number, found in grouped.items()
        ]
        body: Record = {"issueChangeLogs": logs}
        if start + size < len(entries):
            body["nextPageToken"] = seal(start + size)
        return Reply(200, body)

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
        values = [
            {"worklogId": int(identifier), "updatedTime": at, "properties": []}
            for identifier, at in zip(self.shelves["worklog"].ids(page), page.updated.tolist(), strict=True)
        ]
        link = f"{self.base_url}/rest/api/3/worklog/{name}?since="
        end = int(page.updated[-1]) if page.size else until
        body: Record = {
            "values": values,
            "since": since,
            "until": end,
            "self": f"{link}{since}",
            "lastPage": last,
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
        account = identity.jira_person(9_999)
        body = {
            "self": f"{self.base_url}/rest/api/3/user?accountId={account}",
            "accountId": account,
            "accountType": "atlassian",
            "emailAddress": self.email,
            "displayName": "Vitals reader",
            "active": True,
            "timeZone": API_ZONE,
            "locale": "en_US",
        }
        return Reply(200, body)

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

    def _projects(self, request: Request) -> Reply:
        start, size = request.number("startAt", 0), self.page_size(request.number("maxResults", 50), 50, 50)
        values = [self.records.project(code) for code in range(len(TEAM_KEYS))]
        page = values[start : start + size]
        body = {
            "self": f"{self.base_url}/rest/api/3/project/search?startAt={start}&maxResults={size}",
            "maxResults": size,
            "startAt": start,
            "total": len(values),
            "isLast": start + size >= len(values),
            "values": page,
        }
        return Reply(200, body)

    def _server_info(self, request: Request) -> Reply:
        time = f"{datetime.fromtimestamp(self.now() / 1000, UTC):%Y-%m-%dT%H:%M:%S.000+0000}"
        body = {
            "baseUrl": self.base_url,
            "version": "1001.0.0-SNAPSHOT",
            "deploymentType": "Cloud",
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
                "location": {
                    "projectId": 10_000 + code,
                    "projectKey": TEAM_KEYS[code],
                    "displayName": f"{name} engineering",
                },
                "isPrivate": False,
            }
            for code, name in enumerate(TEAMS)
        ]
        roadmap = {"id": len(TEAMS) + 1, "name": "Roadmap", "type": "kanban", "isPrivate": False}
        boards.append({**roadmap, "self": f"{self.base_url}/rest/agile/1.0/board/{len(TEAMS) + 1}"})
        sort = request.param("type")
        boards = [board for board in boards if not sort or board["type"] in sort.split(",")]
        return Reply(200, self._slice(request, boards))

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


def _from_query(request: Request) -> Record:
    """A search in query parameters, in the shape of a body."""
    found: Record = {
        name: request.param(name) for name in ("jql", "expand", "nextPageToken") if request.param(name)
    }
    names = [name for key, value in request.query if key == "fields" for name in value.split(",") if name]
    if names:
        found["fields"] = names
    found["maxResults"] = request.number("maxResults", SEARCH_PAGE)
    extra = [
        value for key, text in request.query if key == "reconcileIssues" for value in text.split(",") if value
    ]
    if extra:
        found["reconcileIssues"] = extra
    return found


def _without_at(entry: Record) -> Record:
    return {name: value for name, value in entry.items() if name != "at"}


def _joined(first: Hits, second: Hits) -> Hits:
    columns = (
        np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("number", "updated", "created", "gone", "handle")
    )
    return Hits(*columns)


def _compared(values: Ints, clause: jql.Clause, wanted: Sequence[int]) -> Bools:
    operator, first = clause.operator, wanted[0]
    if operator in ("in", "="):
        return np.isin(values, np.asarray(wanted, dtype=np.int64))
    if operator in ("not in", "!="):
        return ~np.isin(values, np.asarray(wanted, dtype=np.int64))
    compare = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}.get(operator)
    if compare is None:
        raise jql.Malformed(f"The operator '{operator}' is not supported by the '{clause.field}' field.")
    return np.asarray(compare(values, first), dtype=np.bool_)


def _sort_pair(last: Hits, search: jql.Search) -> list[int]:
    """What a page token remembers of a page's last record: its first sort value and its number."""
    field, descending = search.order[0] if search.order else ("id", True)
    values = (
        last.number
        if field in ID_FIELDS
        else last.updated
        if DATE_FIELDS[field] == "updated"
        else last.created
    )
    value = int(values[0])
    return [-value if descending else value, int(last.number[0]) if search.order else -int(last.number[0])]


def _sort_keys(hits: Hits, search: jql.Search) -> np.ndarray[Any, np.dtype[np.void]]:
    field, descending = search.order[0] if search.order else ("id", True)
    values = (
        hits.number
        if field in ID_FIELDS
        else hits.updated
        if DATE_FIELDS[field] == "updated"
        else hits.created
    )
    keys = np.empty(hits.size, dtype=[("value", np.int64), ("number", np.int64)])
    keys["value"] = -values if descending else values
    keys["number"] = hits.number if search.order else -hits.number
    return keys


def _sort_key(value: int, number: int) -> np.ndarray[Any, np.dtype[np.void]]:
    return np.asarray((value, number), dtype=[("value", np.int64), ("number", np.int64)])
