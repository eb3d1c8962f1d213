"""What Jira Cloud and Data Center have in common: the records, JQL over them, errors, changes by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from connectors.sandbox import jql
from connectors.sandbox.clock import Clock
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.timeline import Bools, Ints, moment
from connectors.sandbox.jira_issues import JiraRecords, key_index
from connectors.sandbox.jira_words import POINTS_FIELD, SPRINT_FIELD, TEAM_FIELD
from connectors.sandbox.messages import BadRequest, Reply
from connectors.sandbox.plumbing import Fake
from connectors.sandbox.shelf import Hits, Record, View
from connectors.sandbox.traps import Edit

API_ZONE = "America/New_York"
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


class JiraSite(Fake):
    """A site: its issues and worklogs, and what JQL finds among them."""

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
                    without_instant(entry)
                    for entry in self.records.changelog.histories(self.shelves["issue"], number, self.now())
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


def without_instant(entry: Record) -> Record:
    """A changelog entry as the vendor sends it, without our own instant."""
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
