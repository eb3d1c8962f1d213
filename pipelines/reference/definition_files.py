"""The reference of the definition files: every key of every kind of file, from the shapes that read them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from definitions.json_schema import FILES, schemas
from definitions.schema.metrics import METRIC_SHAPES
from pipelines.reference.markdown import sentence, table

Node = Mapping[str, Any]

HEAD = """# Definition files

The dictionary is a folder of YAML. `vitals schema` writes JSON Schemas of all kinds of file, so that an editor
completes keys and shows these meanings; `vitals check` tells a mistake with file, line and what to do. An unknown key
is an error. **Bold** keys are required. This page is written from the code.

Short forms: a list of one may be written without brackets; `numerator: tickets_solved` is
`numerator: {metric: tickets_solved}`; a bare dimension, guardrail or target is its name or number.
"""
WORDS = {
    "^[a-z][a-z0-9_]{2,62}$": "name",
    "^[a-z_][a-z0-9_]{0,62}$": "identifier",
    "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$": "key",
    "^[A-Z]{3}$": "currency code",
    r"^[^@\s]+@[^@\s]+$": "mail address",
    r"^\d+ (second|minute|hour|day|week|month|quarter|year)s?$": "duration, such as `3 days`",
}
PLAIN = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "",
    "object": "map",
}


def definition_files_page() -> str:
    """A section for each kind of file; in it a table for each shape."""
    parts = [HEAD]
    for kind, path in FILES.items():
        schema = _with_choices(schemas()[kind])
        parts.append(f"## {path}\n")
        if kind == "settings":
            parts.append("Every threshold; see [settings](settings.md).\n")
            continue
        parts.extend(_metrics(schema) if kind == "metrics" else _file(schema))
    return "\n".join(parts)


def _with_choices(schema: Node) -> Node:
    """The schema with each reference to a list of choices replaced by the choices."""
    choices = {f"#/$defs/{name}": node for name, node in schema.get("$defs", {}).items() if "enum" in node}

    def replaced(node: Any) -> Any:
        if isinstance(node, list):
            return [replaced(part) for part in node]
        if not isinstance(node, dict):
            return node
        chosen = choices.get(str(node.get("$ref")))
        if chosen:
            return {**{key: part for key, part in node.items() if key != "$ref"}, "enum": chosen["enum"]}
        return {key: replaced(part) for key, part in node.items()}

    return {**replaced(dict(schema))}


def _file(schema: Node) -> Iterator[str]:
    shapes = {name: node for name, node in schema.get("$defs", {}).items() if "properties" in node}
    for key, field in schema["properties"].items():
        inner = field.get("items", field)
        yield f"### `{key}:`\n\n{sentence(str(inner.get('description', '')))}\n"
        yield _keys(inner)
    for name, node in shapes.items():
        yield from _shape(name, node)


def _metrics(schema: Node) -> Iterator[str]:
    """What all types share is told once; then what each type adds."""
    shapes = dict(schema["$defs"])
    types = {kind: shapes.pop(shape.__name__) for kind, shape in METRIC_SHAPES.items()}
    shared = set.intersection(*(set(node["properties"]) for node in types.values())) - {"type"}
    first = next(iter(types.values()))
    yield "### Every metric\n"
    yield _keys(first, only=shared)
    for kind, node in types.items():
        yield f"### `type: {kind}`\n\n{sentence(str(node.get('description', '')))}\n"
        yield _keys(node, only=set(node["properties"]) - shared - {"type"})
    for name, node in shapes.items():
        if "properties" in node:
            yield from _shape(name, node)


def _shape(name: str, node: Node) -> Iterator[str]:
    yield f"### {_words(name)}\n\n{sentence(str(node.get('description', '')))}\n"
    yield _keys(node)


def _keys(node: Node, *, only: set[str] | None = None) -> str:
    required = set(node.get("required", ()))
    rows = []
    for key, field in node["properties"].items():
        if only is None or key in only:
            shown = f"**`{key}`**" if key in required else f"`{key}`"
            rows.append((shown, _type(field), _default(field), sentence(str(field.get("description", "")))))
    return table(("key", "value", "default", "meaning"), rows)


def _type(field: Node) -> str:
    """What may be written, in words."""
    if "$ref" in field:
        name = str(field["$ref"]).rpartition("/")[2]
        words = _words(name)
        return f"[{words}](#{words.replace(' ', '-')})"
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field or "oneOf" in field:
        ways = dict.fromkeys(_type(way) for way in field.get("anyOf", field.get("oneOf")))
        return " or ".join(way for way in ways if way)
    if field.get("type") == "array":
        inner = field.get("items") or next(iter(field.get("prefixItems", ())), {"type": "string"})
        return f"list of {_type(inner)}"
    if field.get("type") == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"map to {_type(field['additionalProperties'])}"
    if field.get("format") == "date":
        return "date"
    return WORDS.get(str(field.get("pattern")), PLAIN.get(str(field.get("type")), "text"))


def _default(field: Node) -> str:
    value = field.get("default")
    if value is None or value in ([], {}, "") or isinstance(value, dict):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _words(name: str) -> str:
    """`KeyResultShape` → key result."""
    return " ".join(re.findall("[A-Z][a-z]*", name.removesuffix("Shape"))).lower()
