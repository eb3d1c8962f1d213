"""OpenAPI files as validators: which operation a request is for, what is wrong with its parameters, body and answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from connectors.sandbox.messages import Exchange

Json = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """What a contract says about one request: parameter schemas by name, body schema, answer schemas by status."""

    parameters: Mapping[str, Json]
    required: frozenset[str]
    body: Json | None
    answers: Mapping[str, Json]
    loose: bool = False
    """Some of the parameters are described elsewhere, in a file that is not there."""


class Document:
    """One vendor's contract: operations by method and path, schemas as JSON Schema.

    Args:
        files: the OpenAPI files that make it up.
        nulls: schemas whose plain-typed properties may be null.
        paths: (pattern, replacement) pairs that turn a request's path into the contract's.
        extra: query parameters that the files leave out.
        supplements: operations that the files do not have, by method and path.
    """

    def __init__(
        self,
        files: Sequence[Path],
        *,
        nulls: Sequence[str] = (),
        paths: Sequence[tuple[str, str]] = (),
        extra: Sequence[str] = (),
        supplements: Mapping[tuple[str, str], Operation] | None = None,
    ) -> None:
        from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
        from referencing import Registry
        from referencing.jsonschema import DRAFT202012

        documents = [yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader) for path in files]
        components: Json = {}
        operations: dict[tuple[str, str], Operation] = {}
        for document in documents:
            components |= document.get("components", {}).get("schemas", {})
        schemas = {
            name: _json_schema(schema, components, name in nulls) for name, schema in components.items()
        }
        for document in documents:
            for path, item in document["paths"].items():
                for method in ("get", "post", "put", "patch", "delete"):
                    if method in item:
                        operations[(method.upper(), path)] = _operation(
                            item, item[method], document, components
                        )
        operations |= supplements or {}
        # Paths with fewer names in them come first, so that a fixed word wins over a name.
        self._operations = sorted(
            ((method, _pattern(path), operation) for (method, path), operation in operations.items()),
            key=lambda entry: entry[1].pattern.count("[^/]+"),
        )
        resource = DRAFT202012.create_resource({"components": {"schemas": schemas}})
        self._registry: Any = Registry().with_resource("contract:", resource)
        self._validator = Draft202012Validator
        self._validators: dict[int, Any] = {}
        self._paths = tuple(paths)
        self._extra = tuple(extra)

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
            elif "enum" in schema and value not in schema["enum"]:
                found.append(f"parameter {name} must be one of {schema['enum']}, found {value!r}")
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
