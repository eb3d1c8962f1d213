"""Changelogs of issues: what changed between two versions, as Jira writes it, and what changes by hand add to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.log import Log
from connectors.sandbox.company.timeline import NONE
from connectors.sandbox.company.words import STATUSES
from connectors.sandbox.jira_words import (
    POINTS_FIELD,
    PRIORITY_BASE,
    PRIORITY_NAMES,
    RESOLUTIONS,
    SPRINT_FIELD,
    STATUS_BASE,
    stamp,
)
from connectors.sandbox.shelf import Record, Shelf

if TYPE_CHECKING:
    from connectors.sandbox.jira_issues import JiraRecords


class Changelog:
    """The changelogs of all issues of a site."""

    def __init__(self, records: JiraRecords) -> None:
        self._records = records
        self._by_hand: dict[str, list[Record]] = {}

    def histories(self, shelf: Shelf, number: int, now: int) -> list[Record]:
        """All changes of an issue by `now`, oldest first."""
        found: list[Record] = []
        log = self._records.company.issues.log
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
        return found + [entry for entry in self._by_hand.get(shelf.id_of(number), []) if entry["at"] <= now]

    def _history(self, number: int, author: int, at: int, items: list[Record]) -> Record:
        if not self._records.cloud:
            items = [{name: value for name, value in item.items() if name != "fieldId"} for item in items]
        return {
            "id": str(number),
            "author": self._records.person(max(author, 0)),
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
                (None, None) if code == NONE else (self._records.person_id(code), identity.person_name(code))
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
                else (str(identity.SPRINT_BASE + code), self._records.sprint_field(code, 0)["name"])
                for code in (old, new)
            ]
            return _change("Sprint", SPRINT_FIELD, "custom", *names)
        if name == "points":
            values = [(None, None if code == NONE else f"{code / 2:g}") for code in (old, new)]
            return _change("Story Points", POINTS_FIELD, "custom", *values)
        return _change(
            "labels", "labels", "jira", *[(None, f"batch-{code}" if code else "") for code in (old, new)]
        )

    def write(self, before: Record | None, after: Record, at: int) -> None:
        """What Jira writes by itself when an issue is changed by hand."""
        if before is None:
            return
        items = []
        for field in ("status", "priority", "assignee", "resolution"):
            old, new = before["fields"].get(field), after["fields"].get(field)
            key = (
                "accountId"
                if field == "assignee" and self._records.cloud
                else "key"
                if field == "assignee"
                else "id"
            )
            title = "displayName" if field == "assignee" else "name"
            if (old or {}).get(title) != (new or {}).get(title):
                pair = [
                    (None, None) if value is None else (value.get(key), value.get(title))
                    for value in (old, new)
                ]
                items.append(_change(field, field, "jira", *pair))
        if items:
            entries = self._by_hand.setdefault(after["id"], [])
            count = sum(len(known) for known in self._by_hand.values())
            entries.append(
                self._history(
                    identity.CHANGE_BASE + self._records.company.issues.log.at.size + count, 0, at, items
                )
            )


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
