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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

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

_PATHS: Mapping[str, Callable[[str], str]] = {
    "salesforce": lambda path: re.sub(r"^/services/data/\{\w+\}/jobs", "", path),
    "hubspot": lambda path: re.sub(
        r"^/crm/objects/\{\w+\}/\{objectType\}", "/crm/v3/objects/{objectType}", path
    ),
}
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
        violations: what was found so far, one line for each kind, at most `keep` of them.
        checked: how many requests and answers had a contract.
    """

    def __init__(self, folder: Path, keep: int = 50) -> None:
        self.folder = folder
        self.violations: list[str] = []
        self.checked = 0
        self._keep = keep
        self._kinds: set[str] = set()
        self._vendors: dict[str, _Vendor | None] = {}

    def observe(self, system: str, exchange: Exchange) -> None:
        """Check one exchange and keep what is wrong with it; to be given to `Sandbox.observe`."""
        for text in self.check(system, exchange):
            kind = re.sub(r"\d+", "#", text)
            if kind not in self._kinds and len(self.violations) < self._keep:
                self._kinds.add(kind)
                self.violations.append(text)

    def check(self, system: str, exchange: Exchange) -> list[str]:
        """What is wrong with an exchange; an answer that a fault spoiled is not looked at."""
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
        operation = vendor.operation(request.method, exchange.operation)
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


class _Vendor:
    """One vendor's contract: operations by method and path, schemas as JSON Schema."""

    def __init__(self, system: str, files: list[Path]) -> None:
        from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
        from referencing import Registry
        from referencing.jsonschema import DRAFT202012

        documents = [yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader) for path in files]
        components: Json = {}
        self._operations: dict[tuple[str, str], Operation] = {}
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
                        key = (method.upper(), _bare(path))
                        self._operations[key] = _operation(item, item[method], document, components)
        for (owner, method, path), operation in SUPPLEMENTS.items():
            if owner == system:
                self._operations[(method, _bare(path))] = operation
        resource = DRAFT202012.create_resource({"components": {"schemas": schemas}})
        self._registry: Any = Registry().with_resource("contract:", resource)
        self._validator = Draft202012Validator
        self._validators: dict[int, Any] = {}
        self._path: Callable[[str], str] = _PATHS.get(system, str)

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation of a route of the fake."""
        return self._operations.get((method, _bare(self._path(path))))

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
                found.append(f"parameter {name} is not in the contract")
            elif schema.get("type") == "integer" and not re.fullmatch(r"-?\d+", value):
                found.append(f"parameter {name} must be an integer, found {value!r}")
        found += [f"parameter {name} is missing" for name in sorted(operation.required - set(given))]
        if operation.body is not None and exchange.request.body:
            found += self.problems(operation.body, orjson.loads(exchange.request.body))
        return found


def _bare(path: str) -> str:
    """A path with nameless parameters, so that names may differ."""
    return re.sub(r"\{[^}]+\}", "{}", path).rstrip("/")


def _operation(item: Json, operation: Json, document: Json, components: Json) -> Operation:
    parameters: dict[str, Json] = {}
    required: set[str] = set()
    for parameter in [*item.get("parameters", []), *operation.get("parameters", [])]:
        if "$ref" in parameter:
            parameter = (
                document.get("components", {})
                .get("parameters", {})
                .get(parameter["$ref"].rpartition("/")[2], {})
            )
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
    return Operation(parameters, frozenset(required), whole, answers)


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
        found["additionalProperties"] = _json_schema(found["additionalProperties"], components, False)
    for name in ("allOf", "anyOf", "oneOf"):
        if name in schema:
            # Where two alternatives overlap, OpenAPI files mean "any of".
            found["anyOf" if name == "oneOf" else name] = [
                _json_schema(part, components, False) for part in schema[name]
            ]
    if "properties" in schema:
        found["properties"] = {
            name: _or_null(_json_schema(part, components, False))
            if nulls
            else _json_schema(part, components, False)
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
