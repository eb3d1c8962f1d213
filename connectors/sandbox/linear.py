"""A fake Linear: one GraphQL endpoint over issues with histories, teams, workflow states, cycles and users.

What it keeps of the vendor's habits: 50 records a connection unless asked otherwise; queries above 10,000 points
are refused;
archived issues are hidden by default; a rate limit is an HTTP 400 with RATELIMITED; errors may come with status
200.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from graphql import ExecutionResult, GraphQLError, execute_sync, parse, validate

from connectors.sandbox.clock import Clock
from connectors.sandbox.company import identity, words
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.timeline import DAY, HOUR, Bools
from connectors.sandbox.linear_records import BORN, PEOPLE, PRIORITY_LABELS, LinearRecords, iso
from connectors.sandbox.linear_schema import DEFAULT_FIRST, complexity, schema
from connectors.sandbox.messages import BadRequest, Reply, Request, Rule, seal, unseal
from connectors.sandbox.plumbing import Fake
from connectors.sandbox.shelf import Hits, Record, Shelf, View
from connectors.sandbox.soql import milliseconds

MOST_COMPLEX, PAGE_MOST = 10_000, 250
TRASH_DAYS = 30
REQUESTS_AN_HOUR, POINTS_AN_HOUR = 2_500, 3_000_000


class Linear(Fake):
    """The fake workspace; its shelf is called issue."""

    system = "linear"

    def __init__(self, company: Company, clock: Clock, *, secret: str) -> None:
        super().__init__(company, clock, secret=secret)
        self.records = LinearRecords(company)
        self.schema = schema()
        self._spent = 0.0
        self._last_cost = 0.0

        def number(text: str) -> int | None:
            try:
                found = int(text[:8], 16)
            except ValueError:
                return None
            return found if self.records.issue_id(found) == text else None

        def stamp(record: Record, at: int) -> None:
            record["updatedAt"] = iso(at)

        self.shelves["issue"] = Shelf(
            "issue",
            log=self.records.log,
            created=company.issues.created,
            ids=lambda numbers: [self.records.issue_id(int(n)) for n in numbers],
            number=number,
            draw=self.records.draw,
            stamp=stamp,
            changed=self._write_history,
        )

    @property
    def api_key(self) -> str:
        """The personal API key."""
        return f"lin_api_{self.secret}"

    def environment(self, url: str) -> dict[str, str]:
        """Endpoint and key."""
        return {"LINEAR_URL": f"{url}/graphql", "LINEAR_API_KEY": self.api_key}

    def allows(self, request: Request) -> bool:
        """The key itself, or as a bearer token."""
        return request.headers.get("authorization", "").removeprefix("Bearer ") == self.api_key

    def rules(self) -> Sequence[Rule]:
        """The only route."""
        return (Rule("POST", "/graphql", self._graphql),)

    # By hand.

    def put(self, name: str, record: Mapping[str, Any], *, updated: int | None = None) -> str:
        """As in `Fake.put`; a state may be given by name, a new issue gets defaults."""
        with self._lock:
            shelf = self.shelves[name]
            identifier = str(record.get("id") or "")
            known = shelf.find(identifier, View(self.now())) if identifier else None
            if known is None:
                blank = self.records.draw(
                    self.records.log.first[:1], np.asarray([self.now()], dtype=np.int64)
                )[0]
                fresh = {
                    "createdAt": iso(self.now()),
                    "state": self.records.state(0, words.TO_DO),
                    "assignee": None,
                }
                fresh |= {
                    "archivedAt": None,
                    "completedAt": None,
                    "canceledAt": None,
                    "startedAt": None,
                    "trashed": None,
                }
                keep = {field: value for field, value in blank.items() if field != "id"}
                record = {**keep, **fresh, "autoArchivedAt": None, **record}
            state = record.get("state")
            if isinstance(state, Mapping) and state.get("name") in words.STATUSES and "type" not in state:
                record = {**record, "state": self.records.state(0, words.STATUSES.index(str(state["name"])))}
            if isinstance(record.get("priority"), int | float):
                record = {**record, "priorityLabel": PRIORITY_LABELS[int(record["priority"])]}
            return super().put(name, record, updated=updated)

    def _write_history(self, before: Record | None, after: Record, at: int) -> None:
        if before is None:
            return
        changes: Record = {}
        for field, name in (("state", "State"), ("assignee", "Assignee"), ("cycle", "Cycle")):
            if (before.get(field) or {}).get("id") != (after.get(field) or {}).get("id"):
                changes |= {f"from{name}": before.get(field), f"to{name}": after.get(field)}
        for field, name in (("priority", "Priority"), ("estimate", "Estimate")):
            if before.get(field) != after.get(field):
                changes |= {f"from{name}": before.get(field), f"to{name}": after.get(field)}
        if "toState" in changes:
            done, dropped = (changes["toState"]["type"] == sort for sort in ("completed", "canceled"))
            after |= {"completedAt": iso(at) if done else None, "canceledAt": iso(at) if dropped else None}
        if changes:
            entries = self.records.by_hand.setdefault(after["id"], [])
            name = identity.uuid("linear by hand", after["id"], len(entries))
            entries.append((at, self.records.entry(name, at, self.records.user(0), changes)))

    # Shapes.

    def problem(self, status: int, message: str, where: str = "") -> Reply:
        """Linear answers with GraphQL errors that carry a code."""
        code = where or {401: "AUTHENTICATION_ERROR", 403: "FORBIDDEN", 400: "INPUT_ERROR"}.get(
            status, "INTERNAL_SERVER_ERROR"
        )
        extensions = {
            "type": code.lower().replace("_", " "),
            "code": code,
            "statusCode": status,
            "userError": status < 500,
        }
        return Reply(status, {"errors": [{"message": message, "extensions": extensions}]})

    def throttled(self, headers: Mapping[str, str], wait: float) -> Reply:
        """A rate limit is an HTTP 400."""
        extensions = {"type": "ratelimited", "code": "RATELIMITED", "statusCode": 429, "userError": True}
        text = "Rate limit exceeded. Only 2500 requests are allowed per 1 hour."
        return Reply(400, {"errors": [{"message": text, "extensions": extensions}]}, headers)

    def reset_headers(self, wait: float) -> dict[str, str]:
        """The reset is an instant in milliseconds."""
        return {
            "X-RateLimit-Requests-Remaining": "0",
            "X-RateLimit-Requests-Reset": str(int(self.now() + wait * 1000)),
        }

    def standing_headers(self) -> dict[str, str]:
        """Both leaky buckets and what the last query cost."""
        reset = str((self.now() // HOUR + 1) * HOUR)
        return {
            "X-Complexity": f"{self._last_cost:g}",
            "X-RateLimit-Requests-Limit": str(REQUESTS_AN_HOUR),
            "X-RateLimit-Requests-Remaining": str(max(0, REQUESTS_AN_HOUR - self.requests)),
            "X-RateLimit-Requests-Reset": reset,
            "X-RateLimit-Complexity-Limit": str(POINTS_AN_HOUR),
            "X-RateLimit-Complexity-Remaining": f"{max(0.0, POINTS_AN_HOUR - self._spent):g}",
            "X-RateLimit-Complexity-Reset": reset,
        }

    # GraphQL.

    def _graphql(self, request: Request) -> Reply:
        asked = request.json()
        variables = asked.get("variables") or {}
        try:
            document = parse(str(asked.get("query") or ""))
        except GraphQLError as error:
            return self.problem(400, error.message, "GRAPHQL_PARSE_FAILED")
        problems = validate(self.schema, document)
        if problems:
            return self.problem(400, problems[0].message, "GRAPHQL_VALIDATION_FAILED")
        cost = complexity(self.schema, document, variables)
        self._last_cost = cost
        if cost > MOST_COMPLEX:
            return self.problem(
                400, f"Query too complex: complexity {cost:.0f} > {MOST_COMPLEX}", "INPUT_ERROR"
            )
        self._spent += cost
        result = execute_sync(
            self.schema,
            document,
            self._root(),
            variable_values=variables,
            operation_name=asked.get("operationName"),
        )
        return self._result(result)

    def _result(self, result: ExecutionResult) -> Reply:
        body: Record = {"data": result.data}
        if not result.errors:
            return Reply(200, body)
        refused = result.errors[0].original_error
        if isinstance(refused, BadRequest):
            return self.problem(refused.status, refused.message, refused.where)
        raise result.errors[0]

    def error_at_200(self) -> Reply:
        """A failed query may come with status 200 and no data."""
        extensions = {"type": "internal error", "code": "INTERNAL_SERVER_ERROR", "userError": False}
        return Reply(
            200, {"data": None, "errors": [{"message": "Internal server error", "extensions": extensions}]}
        )

    def _root(self) -> Record:
        teams = [self.records.team(code) for code in range(len(words.TEAMS))]
        states = [
            self.records.state(team, code)
            for team in range(len(words.TEAMS))
            for code in range(len(words.STATUSES))
        ]
        known = np.flatnonzero(self.company.sprints.start <= self.now() + 28 * DAY).tolist()
        stamps = {"createdAt": BORN, "updatedAt": BORN}
        return {
            "issues": self._issues,
            "issue": self._issue,
            "teams": _listed(teams),
            "workflowStates": _listed(states),
            "cycles": _listed([self.records.cycle(number) for number in known]),
            "users": _listed([self.records.user(number) for number in range(PEOPLE)]),
            "viewer": self.records.user(9_999),
            "organization": {"id": identity.uuid("linear"), "name": "Sandbox", "urlKey": "sandbox", **stamps},
        }

    def _visible(self, archived: bool) -> Hits:
        hits = self.hits("issue", gone=True)
        if archived:
            return hits.take(~hits.gone | (hits.updated > self.now() - TRASH_DAYS * DAY))
        hits = hits.take(~hits.gone)
        shut = [record["archivedAt"] is not None for record in self.render("issue", hits)]
        return hits.take(~np.asarray(shut, dtype=np.bool_))

    def _issues(self, info: Any, **given: Any) -> Record:
        if "issue" in self.traps.forbidden:
            raise BadRequest("You don't have access to issues", "FORBIDDEN", 403)
        hits = self._visible(bool(given.get("includeArchived")))
        if given.get("filter"):
            hits = hits.take(self._matches(hits, given["filter"]))
        keys = hits.updated if given.get("orderBy") == "updatedAt" else hits.created
        # Newest first, whichever the order.
        order = np.lexsort((-hits.number, -keys))
        hits, keys = hits.take(order), keys[order]
        size = self.page_size(int(given.get("first") or DEFAULT_FIRST), DEFAULT_FIRST, PAGE_MOST)
        start = 0
        if given.get("after"):
            key, place = unseal(str(given["after"]), 2)
            if self.traps.offset_tokens:
                start = int(place)
            else:
                past = (keys < key) | ((keys == key) & (hits.number < place))
                start = int(np.argmax(past)) if past.any() else hits.size
        page = hits.take(slice(start, start + size))
        records = [self._whole(number, record) for number, record in self._drawn(page)]
        more = start + size < hits.size or self.traps.endless_token
        ends = [
            seal(0, start + i + 1)
            if self.traps.offset_tokens
            else seal(int(keys[start + i]), int(page.number[i]))
            for i in range(page.size)
        ]
        if self.traps.repeat_token and given.get("after"):
            ends = [str(given["after"])] * page.size
        self.served("issue")
        return _connection(records, ends, more=more, before=start > 0, fallback=given.get("after"))

    def render(self, shelf: str, hits: Hits) -> list[Record]:
        """An issue that was deleted by hand is in the trash, as those of the company's log are."""
        records = super().render(shelf, hits)
        for record, gone, at in zip(records, hits.gone.tolist(), hits.updated.tolist(), strict=True):
            if gone and not record.get("trashed"):
                record |= {"trashed": True, "archivedAt": iso(at)}
        return records

    def _drawn(self, hits: Hits) -> list[tuple[int, Record]]:
        return list(zip(hits.number.tolist(), self.render("issue", hits), strict=True))

    def _whole(self, number: int, record: Record) -> Record:
        """An issue with its connections."""

        def history(info: Any, **given: Any) -> Record:
            entries = self.records.histories(record["id"], number, self.now())
            whole = [{**entry, "issue": self._whole(number, record)} for entry in entries]
            return _listed(whole)(info, **given)

        labels = [self.records.label(name) for name in record.get("labelNames", [])]
        return {**record, "history": history, "labels": _listed(labels)}

    def _issue(self, info: Any, id: str) -> Record:
        number = self.shelves["issue"].number_of(id)
        hits = self._visible(archived=True)
        hits = hits.take(hits.number == (-1 if number is None else number))
        if hits.size == 0:
            raise BadRequest("Entity not found: Issue", "INPUT_ERROR", 400)
        return self._whole(*self._drawn(hits)[0])

    def _matches(self, hits: Hits, given: Mapping[str, Any]) -> Bools:
        mask = np.ones(hits.size, dtype=np.bool_)
        for name, wanted in given.items():
            if name in ("and", "or"):
                masks = [self._matches(hits, part) for part in wanted]
                together = np.logical_and.reduce if name == "and" else np.logical_or.reduce
                mask &= np.asarray(together(masks), dtype=np.bool_) if masks else True
            elif name in ("updatedAt", "createdAt"):
                values = hits.updated if name == "updatedAt" else hits.created
                for operator, text in wanted.items():
                    mask &= np.asarray(_COMPARE[operator](values, _instant(text)), dtype=np.bool_)
            elif name == "id":
                texts = self.shelves["issue"].ids(hits)
                mask &= np.fromiter((_holds(text, wanted) for text in texts), dtype=np.bool_, count=hits.size)
            else:
                records = self.render("issue", hits)
                for field, comparator in wanted.items():
                    texts = [record["team"][field] for record in records]
                    mask &= np.fromiter(
                        (_holds(text, comparator) for text in texts), dtype=np.bool_, count=hits.size
                    )
        return mask


_COMPARE: Mapping[str, Callable[[Any, int], Any]] = {
    "eq": np.equal,
    "gt": np.greater,
    "gte": np.greater_equal,
    "lt": np.less,
    "lte": np.less_equal,
}


def _instant(text: Any) -> int:
    try:
        return milliseconds(str(text))
    except ValueError:
        raise BadRequest(f"{text!r} is not a valid date", "INPUT_ERROR") from None


def _holds(text: str, wanted: Mapping[str, Any]) -> bool:
    checks: Mapping[str, Callable[[Any], bool]] = {
        "eq": lambda value: text == value,
        "neq": lambda value: text != value,
        "in": lambda value: text in value,
        "nin": lambda value: text not in value,
    }
    return all(checks[operator](value) for operator, value in wanted.items())


def _listed(records: Sequence[Record]) -> Callable[..., Record]:
    """A resolver for a connection over a whole list; its cursors are positions."""

    def resolve(info: Any, **given: Any) -> Record:
        start = int(unseal(str(given["after"]), 1)[0]) if given.get("after") else 0
        size = min(int(given.get("first") or DEFAULT_FIRST), PAGE_MOST)
        page = list(records[start : start + size])
        ends = [seal(start + i + 1) for i in range(len(page))]
        return _connection(
            page, ends, more=start + size < len(records), before=start > 0, fallback=given.get("after")
        )

    return resolve


def _connection(
    nodes: list[Record], cursors: list[str], *, more: bool, before: bool, fallback: Any
) -> Record:
    info = {
        "hasNextPage": more,
        "hasPreviousPage": before,
        "startCursor": cursors[0] if cursors else None,
        "endCursor": cursors[-1] if cursors else fallback,
    }
    edges = [{"cursor": cursor, "node": node} for cursor, node in zip(cursors, nodes, strict=True)]
    return {"nodes": nodes, "edges": edges, "pageInfo": info}
