"""Validates what fakes answer and what connectors send against the vendors' machine-readable contracts.

    contracts = Contracts(folder)             # a folder with intercom-2.14.yaml, jira-cloud-v3.yml, …
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml
from graphql import GraphQLEnumType, GraphQLSchema, build_schema, parse, validate

from connectors.sandbox.plumbing import Exchange

Json = dict[str, Any]

FILES: Mapping[str, tuple[str, ...]] = {
    "salesforce": ("salesforce-bulk-2.yml",),
    "jira": ("jira-cloud-v3.yml",),
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


@dataclass(frozen=True)
class Operation:
    """What a contract says about one request: parameter schemas by name, body schema, answer schemas by status."""

    parameters: Mapping[str, Json]
    required: frozenset[str]
    body: Json | None
    answers: Mapping[str, Json]
    loose: bool = False
    """Some of the parameters are described elsewhere, in a file that is not there."""


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
    ),
    "zendesk": ((r"\.json$", ""),),
}
"""How a request's path is written in the vendor's contract."""

ERRORS: Mapping[str, Json] = {
    "jira": {"$ref": "#/components/schemas/ErrorCollection"},
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
        folder: where the contract files lie.

    Attributes:
        checked: how many requests and answers had a contract so far.
    """

    def __init__(self, folder: Path, keep: int = 50) -> None:
        self.folder = folder
        self.checked = 0
        self._keep = keep
        self._seen: deque[tuple[str, Exchange]] = deque()
        self._found: list[str] = []
        self._kinds: set[str] = set()
        self._vendors: dict[str, _Vendor | None] = {}
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
            names = FILES.get(system)
            self._vendors[system] = (
                None if names is None else _Vendor(system, [self.folder / name for name in names])
            )
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

    def _graphql(self, exchange: Exchange) -> list[str]:
        """What the vendor's schema finds wrong with a query; the fake's own schema is compared with it once."""
        from connectors.sandbox.linear_schema import schema

        found: list[str] = []
        if self._linear is None:
            self._linear = build_schema((self.folder / "linear.graphql").read_text(encoding="utf-8"))
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


class _Vendor:
    """One vendor's contract: operations by method and path, schemas as JSON Schema."""

    def __init__(self, system: str, files: list[Path]) -> None:
        from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
        from referencing import Registry
        from referencing.jsonschema import DRAFT202012

        documents = [yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader) for path in files]
        components: Json = {}
        operations: dict[tuple[str, str], Operation] = {}
        for document in documents:
            components |= document.get("components", {}).get("schemas", {})
        loose = NULLS.get(system, ())
        schemas = {
            name: _json_schema(schema, components, name in loose) for name, schema in components.items()
        }
        for document in documents:
            for path, item in document["paths"].items():
                for method in ("get", "post", "put", "patch", "delete"):
                    if method in item:
                        operations[(method.upper(), path)] = _operation(
                            item, item[method], document, components
                        )
        for (owner, method, path), operation in SUPPLEMENTS.items():
            if owner == system:
                operations[(method, path)] = operation
        # Paths with fewer names in them come first, so that a fixed word wins over a name.
        self._operations = sorted(
            ((method, _pattern(path), operation) for (method, path), operation in operations.items()),
            key=lambda entry: entry[1].pattern.count("[^/]+"),
        )
        resource = DRAFT202012.create_resource({"components": {"schemas": schemas}})
        self._registry: Any = Registry().with_resource("contract:", resource)
        self._validator = Draft202012Validator
        self._validators: dict[int, Any] = {}
        self._paths = _PATHS.get(system, ())
        self._extra = PARAMETERS.get(system, ())

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation that a request is for."""
        for pattern, replacement in self._paths:
            path = re.sub(pattern, replacement, path)
        for of, template, operation in self._operations:
            if of == method and template.match(path):
                return operation
        return None

    def problems(self, schema: Json, body: Any) -> list[str]:
        """What does not fit, one line for each."""
        validator = self._validators.get(id(schema))
        if validator is None:
            absolute = _absolute(schema)
            validator = self._validators[id(schema)] = self._validator(absolute, registry=self._registry)
        found = []
        for error in validator.iter_errors(body):
            place = "/".join(str(part) for part in error.absolute_path) or "body"
            found.append(f"{place}: {error.message[:300]}")
        return found

    def request_problems(self, operation: Operation, exchange: Exchange) -> list[str]:
        """What is wrong with a request's parameters and body."""
        found = []
        given = dict(exchange.request.query)
        for name, value in given.items():
            schema = operation.parameters.get(name)
            if schema is None:
                if not operation.loose and name not in self._extra:
                    found.append(f"parameter {name} is not in the contract")
            elif schema.get("type") == "integer" and not re.fullmatch(r"-?\d+", value):
                found.append(f"parameter {name} must be an integer, found {value!r}")
        found += [f"parameter {name} is missing" for name in sorted(operation.required - set(given))]
        if operation.body is not None and exchange.request.body:
            found += self.problems(operation.body, orjson.loads(exchange.request.body))
        return found


def _pattern(path: str) -> re.Pattern[str]:
    """A path template as a regular expression."""
    parts = re.split(r"\{[^}]+\}", path.rstrip("/"))
    return re.compile("^" + "[^/]+".join(re.escape(part) for part in parts) + "/?$")


def _operation(item: Json, operation: Json, document: Json, components: Json) -> Operation:
    parameters: dict[str, Json] = {}
    required: set[str] = set()
    loose = False
    for parameter in [*item.get("parameters", []), *operation.get("parameters", [])]:
        if "$ref" in parameter:
            known = document.get("components", {}).get("parameters", {})
            name = parameter["$ref"].rpartition("/")[2]
            loose = loose or name not in known
            parameter = known.get(name, {})
        if parameter.get("in") == "query":
            parameters[parameter["name"]] = parameter.get("schema", {})
            if parameter.get("required"):
                required.add(parameter["name"])
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    answers = {}
    for status, answer in operation.get("responses", {}).items():
        schema = answer.get("content", {}).get("application/json", {}).get("schema")
        if schema is not None:
            answers[str(status)] = _json_schema(schema, components, False)
    whole = None if body is None else _json_schema(body, components, False)
    return Operation(parameters, frozenset(required), whole, answers, loose)


_KEPT = (
    "type",
    "enum",
    "required",
    "additionalProperties",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "maxLength",
    "uniqueItems",
)


def _json_schema(schema: Any, components: Json, nulls: bool) -> Json:
    """An OpenAPI 3.0 schema as JSON Schema: nullable becomes a type, references that dangle allow everything.

    With `nulls`, properties of plain types may be null.
    """
    if not isinstance(schema, dict):
        return {}
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        known = schema["$ref"].startswith("#/components/schemas/") and name in components
        reference: Json = {"$ref": f"#/components/schemas/{name}"} if known else {}
        return {"anyOf": [reference, {"type": "null"}]} if schema.get("nullable") else reference
    found: Json = {name: schema[name] for name in _KEPT if name in schema}
    if isinstance(found.get("additionalProperties"), dict):
        others = _json_schema(found["additionalProperties"], components, False)
        found["additionalProperties"] = _or_null(others) if nulls else others
    for name in ("allOf", "anyOf", "oneOf"):
        if name in schema:
            # Where two alternatives overlap, OpenAPI files mean "any of".
            found["anyOf" if name == "oneOf" else name] = [
                _json_schema(part, components, False) for part in schema[name]
            ]
    if "properties" in schema:
        found["properties"] = {
            name: _or_null(_json_schema(part, components, nulls))
            if nulls
            else _json_schema(part, components, nulls)
            for name, part in schema["properties"].items()
        }
    if "items" in schema:
        found["items"] = _json_schema(schema["items"], components, False)
    if schema.get("nullable"):
        return _or_null(found)
    return found


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _absolute(schema: Any) -> Any:
    """References that name the contract, so that they resolve from anywhere."""
    if isinstance(schema, dict):
        return {
            name: f"contract:{value}" if name == "$ref" and value.startswith("#") else _absolute(value)
            for name, value in schema.items()
        }
    if isinstance(schema, list):
        return [_absolute(part) for part in schema]
    return schema
