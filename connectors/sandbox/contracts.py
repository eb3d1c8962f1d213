"""Validates what fakes answer and what connectors send against the vendors' machine-readable contracts.

    contracts = Contracts(folder, …)          # folders with intercom-2.14.yaml, github.json, …
    sandbox.observe(contracts.observe)
    …
    assert contracts.violations == []

The contract files are not part of the product: tests point to them. Where a vendor's file is older than an
endpoint, or its
schema narrower than what the vendor really sends, the difference is written down here, in `SUPPLEMENTS` and
`NULLS`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from graphql import GraphQLEnumType, GraphQLSchema, build_schema, parse, validate

from connectors.sandbox.messages import Exchange
from connectors.sandbox.openapi import Document, Json, Operation

FILES: Mapping[str, tuple[str, ...]] = {
    "salesforce": ("salesforce-bulk-2.yml",),
    "jira": ("jira-cloud-v3.yml",),
    "jira_dc": ("jira-data-center.yml",),
    "github": ("github.json",),
    "intercom": ("intercom-2.14.yaml",),
    "hubspot": ("hubspot-crm-search.yml", "hubspot-crm-deals.yml"),
    "zendesk": (
        "zendesk-incremental.yml",
        "zendesk-satisfaction-ratings.yml",
        "zendesk-ticket-metrics.yml",
        "zendesk-tickets.yml",
    ),
}

NULLS: Mapping[str, tuple[str, ...]] = {
    "jira": ("ChangeDetails",),
    "intercom": ("conversation_statistics", "contact_location", "ticket"),
    "hubspot": ("CRMObject", "Deal"),
}
"""Schemas whose plain-typed properties are null in real answers (the vendors' own examples show it)."""

_TEXTS = {"type": "array", "items": {"type": "string"}}
_ISSUE_PAGE = {
    "type": "object",
    "required": ["issues"],
    "additionalProperties": False,
    "properties": {
        "issues": {"type": "array", "items": {"$ref": "#/components/schemas/IssueBean"}},
        "isLast": {"type": "boolean"},
        "nextPageToken": {"type": "string"},
        "names": {"type": "object"},
        "schema": {"type": "object"},
    },
}
_ISSUE_SEARCH = {
    "type": "object",
    "required": ["jql"],
    "additionalProperties": False,
    "properties": {
        "jql": {"type": "string"},
        "expand": {"type": "string"},
        "fields": _TEXTS,
        "fieldsByKeys": {"type": "boolean"},
        "failFast": {"type": "boolean"},
        "maxResults": {"type": "integer", "minimum": 1, "maximum": 5000},
        "nextPageToken": {"type": "string"},
        "properties": _TEXTS,
        "reconcileIssues": {"type": "array", "items": {"type": "integer"}, "maxItems": 50},
    },
}
_BULK_CHANGES = {
    "type": "object",
    "required": ["issueIdsOrKeys"],
    "additionalProperties": False,
    "properties": {
        "issueIdsOrKeys": {**_TEXTS, "minItems": 1, "maxItems": 1000},
        "fieldIds": {**_TEXTS, "maxItems": 10},
        "maxResults": {"type": "integer", "minimum": 1, "maximum": 10000},
        "nextPageToken": {"type": "string"},
    },
}
_BULK_CHANGES_PAGE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "nextPageToken": {"type": "string"},
        "issueChangeLogs": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["issueId", "changeHistories"],
                "properties": {
                    "issueId": {"type": "string"},
                    "changeHistories": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["id", "created", "items"],
                            "properties": {
                                "id": {"type": "string"},
                                "author": {"$ref": "#/components/schemas/UserDetails"},
                                # Documented as text, sent as milliseconds.
                                "created": {"type": "integer"},
                                "items": {
                                    "type": "array",
                                    "items": {"$ref": "#/components/schemas/ChangeDetails"},
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}
_COUNT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["count"],
    "properties": {"count": {"type": "integer"}},
}


def _search_parameters() -> Mapping[str, Json]:
    texts = (
        "jql",
        "expand",
        "fields",
        "fieldsByKeys",
        "nextPageToken",
        "properties",
        "reconcileIssues",
        "failFast",
    )
    return {"maxResults": {"type": "integer"}, **{name: {"type": "string"} for name in texts}}


SUPPLEMENTS: Mapping[tuple[str, str, str], Operation] = {
    ("jira", "GET", "/rest/api/3/search/jql"): Operation(
        _search_parameters(), frozenset({"jql"}), None, {"200": _ISSUE_PAGE}
    ),
    ("jira", "POST", "/rest/api/3/search/jql"): Operation(
        {}, frozenset(), _ISSUE_SEARCH, {"200": _ISSUE_PAGE}
    ),
    ("jira", "POST", "/rest/api/3/search/approximate-count"): Operation(
        {},
        frozenset(),
        {
            "type": "object",
            "required": ["jql"],
            "additionalProperties": False,
            "properties": {"jql": {"type": "string"}},
        },
        {"200": _COUNT},
    ),
    ("jira", "POST", "/rest/api/3/changelog/bulkfetch"): Operation(
        {}, frozenset(), _BULK_CHANGES, {"200": _BULK_CHANGES_PAGE}
    ),
}
"""Endpoints that are younger than the vendor's file, restated from the vendor's documentation."""

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "hubspot": ("associations", "propertiesWithHistory", "properties", "archived"),
    "zendesk": (
        "include",
        "page",
        "per_page",
        "page[size]",
        "page[after]",
        "start_time",
        "end_time",
        "score",
    ),
}
"""Query parameters that the vendors document and the contract files leave out."""

_PATHS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "salesforce": ((r"^/services/data/v[\d.]+/jobs", ""),),
    "hubspot": (
        (r"^/crm/objects/[^/]+", "/crm/v3/objects"),
        (r"/objects/0-1(?=/|$)", "/objects/contacts"),
        (r"/objects/0-2(?=/|$)", "/objects/companies"),
        (r"/objects/0-3(?=/|$)", "/objects/deals"),
        # The file describes deals; lists and batches of tickets have the same shape.
        (r"/objects/0-5(?=/batch|$)", "/objects/deals"),
        (r"/objects/0-5(?=/|$)", "/objects/tickets"),
    ),
    "zendesk": ((r"\.json$", ""),),
}
"""How a request's path is written in the vendor's contract."""

ERRORS: Mapping[str, Json] = {
    "jira": {"$ref": "#/components/schemas/ErrorCollection"},
    "jira_dc": {"$ref": "#/components/schemas/ErrorCollection"},
    "github": {"$ref": "#/components/schemas/basic-error"},
    "salesforce": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Error"}},
    "intercom": {"$ref": "#/components/schemas/error"},
    "hubspot": {"$ref": "#/components/schemas/Error"},
}
"""What a vendor's errors look like whatever the status (Salesforce sends a list where the restated contract has an
object).
"""


class Contracts:
    """The contracts of all vendors, loaded when first needed.

    Args:
        folders: where the contract files lie; the first folder that has a file counts.
        keep: how many kinds of violations are remembered at most.

    Attributes:
        checked: how many requests and answers had a contract so far.
    """

    def __init__(self, *folders: Path, keep: int = 50) -> None:
        self.folders = folders
        self.checked = 0
        self._keep = keep
        self._seen: deque[tuple[str, Exchange]] = deque()
        self._found: list[str] = []
        self._kinds: set[str] = set()
        self._vendors: dict[str, Document | None] = {}
        self._linear: GraphQLSchema | None = None

    def observe(self, system: str, exchange: Exchange) -> None:
        """Remember one exchange, to be given to `Sandbox.observe`; it is checked when `violations` is asked for."""
        self._seen.append((system, exchange))

    @property
    def violations(self) -> list[str]:
        """What was found in the exchanges observed so far: one line for each kind, at most `keep` of them."""
        while self._seen:
            for text in self.check(*self._seen.popleft()):
                kind = re.sub(r"\d+", "#", text)
                if kind not in self._kinds and len(self._found) < self._keep:
                    self._kinds.add(kind)
                    self._found.append(text)
        return self._found

    def forget(self) -> None:
        """Start anew, with the contracts still loaded."""
        self._seen.clear()
        self._found.clear()
        self._kinds.clear()
        self.checked = 0

    def check(self, system: str, exchange: Exchange) -> list[str]:
        """What is wrong with an exchange; an answer that a fault spoiled is not looked at."""
        if system == "linear":
            return self._graphql(exchange)
        if system not in self._vendors:
            self._vendors[system] = self._document(system)
        vendor = self._vendors[system]
        if vendor is None or not exchange.operation:
            return []
        request, reply = exchange.request, exchange.reply
        where = f"{system} {request.method} {request.path}"
        operation = vendor.operation(request.method, request.path)
        found: list[str] = []
        if operation is not None and reply.status < 400:
            self.checked += 1
            found += [f"{where}: request {text}" for text in vendor.request_problems(operation, exchange)]
        if exchange.fault is None and reply.media.startswith("application/json"):
            schema = None if operation is None else operation.answers.get(str(reply.status))
            if reply.status >= 400 and reply.status != 429 and "oauth2" not in request.path:
                schema = ERRORS.get(system, schema)
            if schema is not None:
                self.checked += 1
                body = orjson.loads(reply.content() or b"null")
                found += [f"{where}: answer {reply.status} {text}" for text in vendor.problems(schema, body)]
        return found

    def _document(self, system: str) -> Document | None:
        names = FILES.get(system)
        if names is None:
            return None
        supplements = {
            (m, path): operation for (of, m, path), operation in SUPPLEMENTS.items() if of == system
        }
        return Document(
            [self._file(name) for name in names],
            nulls=NULLS.get(system, ()),
            paths=_PATHS.get(system, ()),
            extra=PARAMETERS.get(system, ()),
            supplements=supplements,
        )

    def _file(self, name: str) -> Path:
        places = [folder / name for folder in self.folders]
        return next((place for place in places if place.exists()), places[0])

    def _graphql(self, exchange: Exchange) -> list[str]:
        """What the vendor's schema finds wrong with a query; the fake's own schema is compared with it once."""
        from connectors.sandbox.linear_schema import schema

        found: list[str] = []
        if self._linear is None:
            self._linear = build_schema(self._file("linear.graphql").read_text(encoding="utf-8"))
            found += [f"linear schema: {text}" for text in _differences(schema(), self._linear)]
        if exchange.fault is None and exchange.reply.status == 200:
            self.checked += 1
            document = parse(str(orjson.loads(exchange.request.body)["query"]))
            found += [f"linear query: {problem.message}" for problem in validate(self._linear, document)]
        return found


def _differences(ours: GraphQLSchema, theirs: GraphQLSchema) -> list[str]:
    """Types, fields, arguments and values of our schema that the vendor's does not have, or has differently."""
    found = []
    for name, kind in ours.type_map.items():
        if name.startswith("__"):
            continue
        other = theirs.type_map.get(name)
        if other is None:
            found.append(f"type {name} is not in the contract")
            continue
        if isinstance(kind, GraphQLEnumType) and isinstance(other, GraphQLEnumType):
            found += [
                f"{name}.{value} is not in the contract" for value in kind.values if value not in other.values
            ]
        for field, own in getattr(kind, "fields", {}).items():
            fields: Any = getattr(other, "fields", {})
            if field not in fields:
                found.append(f"{name}.{field} is not in the contract")
                continue
            if str(own.type) != str(fields[field].type):
                found.append(f"{name}.{field} is {fields[field].type} in the contract, {own.type} here")
            for argument, given in getattr(own, "args", {}).items():
                wanted = fields[field].args.get(argument)
                if wanted is None or str(wanted.type) != str(given.type):
                    found.append(f"{name}.{field}({argument}) differs from the contract")
    return found
