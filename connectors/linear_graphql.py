"""Reading Linear: queries of known complexity, connections page by page, errors by their codes.

Source: connector rules, 'Linear'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from connectors.answer import Answer
from connectors.contract import value_at
from connectors.errors import (
    CheckpointExpired,
    ConnectorError,
    CredentialsRefused,
    GarbledAnswer,
    PermissionMissing,
    ProtocolError,
    RateLimited,
    RequestRefused,
    VendorUnavailable,
)
from connectors.http import HttpClient
from connectors.listing import records_in
from connectors.paging import LoopGuard
from connectors.stream import EPOCH, Checkpoint, Page, Reading, Record

ISSUES_PER_PAGE = 100
IDS_PER_PAGE = 250
LISTED_PER_PAGE = 100
HISTORY_ISSUES = 20
HISTORY_PER_ISSUE = 50
LABELS = 20

ISSUES = f"""query($first: Int!, $after: String, $since: DateTimeOrDuration!) {{
  issues(first: $first, after: $after, includeArchived: true, orderBy: updatedAt,
         filter: {{updatedAt: {{gte: $since}}}}) {{
    nodes {{
      id identifier priority priorityLabel estimate createdAt updatedAt startedAt completedAt canceledAt archivedAt
      trashed state {{ name type }} team {{ id name }} assignee {{ id }} cycle {{ id }}
      labels(first: {LABELS}) {{ nodes {{ name }} }}
    }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}"""
ISSUE_IDS = """query($first: Int!, $after: String) {
  issues(first: $first, after: $after, includeArchived: true, orderBy: createdAt) {
    nodes { id trashed } pageInfo { hasNextPage endCursor }
  }
}"""
ENTRY = """id createdAt fromState { name type } toState { name type } fromPriority toPriority fromEstimate toEstimate
  fromAssigneeId toAssigneeId fromCycleId toCycleId"""
HISTORIES = f"""query($first: Int!, $ids: [ID!]) {{
  issues(first: $first, includeArchived: true, filter: {{id: {{in: $ids}}}}) {{
    nodes {{
      id history(first: {HISTORY_PER_ISSUE}) {{ nodes {{ {ENTRY} }} pageInfo {{ hasNextPage endCursor }} }}
    }}
  }}
}}"""
HISTORY = f"""query($id: String!, $after: String) {{
  issue(id: $id) {{
    history(first: {HISTORY_PER_ISSUE}, after: $after) {{
      nodes {{ {ENTRY} }} pageInfo {{ hasNextPage endCursor }}
    }}
  }}
}}"""
TEAMS = "id key name timezone"
STATES = "id name type team { id }"
CYCLES = "id number startsAt endsAt completedAt team { id name }"


def read_issues(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """Issues that changed since the window's start, newest change first: an edit while reading comes to the front,
    where the next window begins.
    """
    cursor = reading.stream.cursor
    assert cursor is not None  # noqa: S101  (declared)
    variables = {"since": cursor.render(reading.window.start or EPOCH), "first": ISSUES_PER_PAGE}
    for page in _connection(client, ISSUES, variables, "issues", reading.resume):
        records = [
            {**issue, "labelNames": [label["name"] for label in issue["labels"]["nodes"]]}
            for issue in page.records
        ]
        yield Page(page.body, records, page.checkpoint)


def list_issue_ids(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The ids of all issues that are not in the trash."""
    for page in _connection(client, ISSUE_IDS, {"first": IDS_PER_PAGE}, "issues", None):
        yield Page(page.body, [issue for issue in page.records if not issue.get("trashed")], page.checkpoint)


def read_history(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The whole history of each changed issue, twenty issues at a time."""
    parents = reading.parents
    begin = int(reading.resume["issue"]) if reading.resume else 0
    for at in range(begin, len(parents), HISTORY_ISSUES):
        chunk = list(parents[at : at + HISTORY_ISSUES])
        answer, data = ask(client, HISTORIES, {"first": len(chunk), "ids": chunk})
        records: list[Record] = []
        found = []
        for issue in data["issues"]["nodes"]:
            found.append(issue["id"])
            records += _entries(client, issue["id"], issue["history"])
        reached = at + len(chunk)
        yield Page(
            answer.body,
            records,
            {"issue": reached} if reached < len(parents) else None,
            children=dict.fromkeys(found),
        )


def _entries(client: HttpClient, issue: str, history: Mapping[str, Any]) -> list[Record]:
    entries = list(history["nodes"])
    guard = LoopGuard(f"history of issue {issue}")
    while history["pageInfo"]["hasNextPage"]:
        after = history["pageInfo"]["endCursor"]
        answer, data = ask(client, HISTORY, {"id": issue, "after": after})
        history = data["issue"]["history"]
        guard.check(answer.body, len(history["nodes"]), {"token": after})
        entries += history["nodes"]
    return [{**entry, "issueId": issue} for entry in entries]


def read_teams(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """All teams."""
    yield from _listed(client, "teams", TEAMS, reading)


def read_states(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """All workflow states of all teams."""
    yield from _listed(client, "workflowStates", STATES, reading)


def read_cycles(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """All cycles of all teams."""
    yield from _listed(client, "cycles", CYCLES, reading)


def _listed(client: HttpClient, name: str, fields: str, reading: Reading) -> Iterator[Page]:
    query = f"""query($first: Int!, $after: String) {{
      {name}(first: $first, after: $after) {{ nodes {{ {fields} }} pageInfo {{ hasNextPage endCursor }} }}
    }}"""
    yield from _connection(client, query, {"first": LISTED_PER_PAGE}, name, reading.resume)


def _connection(
    client: HttpClient, query: str, variables: Mapping[str, Any], name: str, resume: Checkpoint | None
) -> Iterator[Page]:
    guard = LoopGuard(f"query {name}")
    after = resume["after"] if resume else None
    while True:
        try:
            answer, data = ask(client, query, {**variables, "after": after})
        except RequestRefused as error:
            if resume is not None and after == resume["after"]:
                raise CheckpointExpired(
                    error.problem, place=error.place, request_id=error.request_id
                ) from None
            raise
        nodes, info = records_in(data, f"{name}.nodes", answer), value_at(data, (name, "pageInfo"))
        if not isinstance(info, dict):
            raise GarbledAnswer(
                f"no pageInfo of {name} in the answer", place=answer.place, request_id=answer.request_id
            )
        after = info.get("endCursor") if info.get("hasNextPage") else None
        if info.get("hasNextPage") and not after:
            raise ProtocolError("the page says that more follow, and holds no cursor", place=answer.place)
        checkpoint = {"after": after} if after else None
        guard.check(answer.body, len(nodes), checkpoint)
        yield Page(answer.body, nodes, checkpoint)
        if checkpoint is None:
            return


def ask(client: HttpClient, query: str, variables: Mapping[str, Any]) -> tuple[Answer, dict[str, Any]]:
    """Send one query; errors in the answer have been raised by the client.

    Raises:
        GarbledAnswer: the answer holds no data.
    """
    answer = client.post("", {"query": query, "variables": dict(variables)})
    data = value_at(answer.json(), ("data",))
    if not isinstance(data, dict):
        raise GarbledAnswer("the answer holds no data", place=answer.place, request_id=answer.request_id)
    return answer, data


def refuse(answer: Answer) -> ConnectorError | None:
    """What the errors in a GraphQL answer stand for, whatever its status says."""
    # They may come after a long part of the data.
    if b'"errors"' not in answer.body or answer.status >= 500:
        return None
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, list) or not errors:
        return None
    return _error(answer, errors)


def _error(answer: Answer, errors: Sequence[Any]) -> ConnectorError:
    first = errors[0] if isinstance(errors[0], dict) else {}
    code = str(value_at(first, ("extensions", "code")) or "").upper()
    said = f"{code or 'an error'}: {str(first.get('message', ''))[:200]}"
    where = {"place": answer.place, "request_id": answer.request_id}
    if code == "RATELIMITED":
        return RateLimited(said, hint="wait, or lower the source's rate", **where)
    if code == "AUTHENTICATION_ERROR" or answer.status == 401:
        return CredentialsRefused(said, hint="check the API key that the source refers to", **where)
    if code == "FORBIDDEN" or answer.status == 403:
        return PermissionMissing(said, hint="give the key the right to read this", **where)
    if code in ("INTERNAL_SERVER_ERROR", "INTERNAL_ERROR") or (not code and answer.status < 300):
        return VendorUnavailable(said, hint="try again later", **where)
    return RequestRefused(said, hint="the vendor may have changed its schema", **where)


def check_access(client: HttpClient) -> str:
    """Prove the credentials: whose workspace they open."""
    _, data = ask(client, "{ organization { name urlKey } }", {})
    return f"workspace {value_at(data, ('organization', 'name'))}"
