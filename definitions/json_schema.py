"""JSON Schema of every kind of definition file, from the shapes that read them: completion and checks in an editor.

    from definitions.json_schema import schemas
    schemas()["metrics"]            # the schema of metrics/*.yml

An editor's check is looser than loading: it knows no other file; units, names and SQL are checked by `vitals check`.
Source: dictionary rules, 'Files'.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from definitions.schema.goals import CycleShape, ObjectiveShape, TargetShape
from definitions.schema.meanings import meaning
from definitions.schema.metrics import METRIC_SHAPES
from definitions.schema.organisation import CalendarShape, ChannelShape, PersonShape, TeamShape
from definitions.schema.packs import PackFile
from definitions.schema.sources import SourceShape
from definitions.settings import Settings

FILES: Mapping[str, str] = {
    "sources": "sources/*.yml",
    "metrics": "metrics/*.yml",
    "targets": "targets/*.yml",
    "objectives": "objectives/*.yml",
    "calendars": "calendars.yml",
    "teams": "teams.yml",
    "settings": "settings.yml",
}
"""Kinds of definition files and where they are in a catalogue."""
PACK = "pack.yml"
"""The file of a business model, beside a catalogue."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TEXT: JsonSchemaValue = {"type": "string"}
_NUMBER: JsonSchemaValue = {"type": "number"}
_SHORT_FORMS: Mapping[str, tuple[JsonSchemaValue, ...]] = {
    # What people may write in place of the full form, by the function that widens it.
    "_list": (_TEXT,),
    "_dimension": (_TEXT,),
    "_comparison": ({"enum": ["<", "<=", ">", ">="]},),
    "_input": (_TEXT,),
    "_metric_name": (_TEXT,),
    "_curve": (_TEXT,),
    "_amount": (_NUMBER,),
    "_period_target": (_NUMBER,),
    "number": (_TEXT,),
}


class _Schema(GenerateJsonSchema):
    """Adds the short forms that a validator widens before the shape sees them."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        inner = super().function_before_schema(schema)
        name = getattr(schema["function"]["function"], "__name__", "")
        short = _SHORT_FORMS.get(name)
        return {"anyOf": [*short, inner]} if short else inner


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema (draft 2020-12) of every kind of file, by kind."""
    made: dict[str, dict[str, Any]] = {
        "sources": _file({"sources": _many(SourceShape)}),
        "metrics": _file({"metrics": _metrics()}),
        "targets": _file({"targets": _many(TargetShape)}),
        "objectives": _file({"cycle": _one(CycleShape), "objectives": _many(ObjectiveShape)}, ("cycle",)),
        "calendars": _file({"calendars": _many(CalendarShape)}),
        "teams": _file(
            {"teams": _many(TeamShape), "people": _many(PersonShape), "channels": _many(ChannelShape)}
        ),
        "settings": _one(Settings),
    }
    return {kind: _finished(kind, schema) for kind, schema in made.items()}


def pack_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a business model's `pack.yml`."""
    return _finished("pack", _one(PackFile))


def _one(shape: type[Any]) -> dict[str, Any]:
    return TypeAdapter(shape).json_schema(schema_generator=_Schema, mode="validation")


def _many(shape: type[Any]) -> dict[str, Any]:
    return _lifted({"type": "array"}, "items", _one(shape))


def _metrics() -> dict[str, Any]:
    """A metric is held to the shape of its type, so that an error names the keys of that type only."""
    kinds = list(METRIC_SHAPES)
    found: dict[str, Any] = {}
    rules: list[dict[str, Any]] = []
    for kind, shape in METRIC_SHAPES.items():
        schema = _one(shape)
        found.update(schema.pop("$defs", {}))
        found[shape.__name__] = schema
        rules.append(
            {
                "if": {"properties": {"type": {"const": kind}}, "required": ["type"]},
                "then": {"$ref": f"#/$defs/{shape.__name__}"},
            }
        )
    item = {"type": "object", "required": ["type"], "properties": {"type": {"enum": kinds}}, "allOf": rules}
    return {"type": "array", "items": item, "$defs": found}


def _file(parts: Mapping[str, dict[str, Any]], required: tuple[str, ...] = ()) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": {}}
    found: dict[str, Any] = {}
    for key, part in parts.items():
        found.update(part.pop("$defs", {}))
        schema["properties"][key] = part
    if required:
        schema["required"] = list(required)
    return {**schema, "$defs": found}


def _lifted(outer: dict[str, Any], key: str, inner: dict[str, Any]) -> dict[str, Any]:
    found = inner.pop("$defs", {})
    return {**outer, key: inner, "$defs": found}


def _finished(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    """With its dialect and title; entries in a fixed order, so that the same shapes make the same bytes."""
    schema = _in_its_words(schema)
    found = schema.pop("$defs", {})
    head: dict[str, Any] = {"$schema": DIALECT, "title": f"Vitals {kind}"}
    if found:
        schema["$defs"] = dict(sorted(found.items()))
    schema.setdefault("title", "file")
    _describe(schema)
    return {**head, **schema, "title": head["title"]}


def _describe(node: Any) -> None:
    """Say what each key of each shape means, where the field itself does not."""
    if isinstance(node, list):
        for part in node:
            _describe(part)
    if not isinstance(node, dict):
        return
    shape = str(node.get("title", ""))
    if isinstance(node.get("properties"), dict):
        is_metric = any(kind.__name__ == shape for kind in METRIC_SHAPES.values())
        for key, field in node["properties"].items():
            said = meaning(shape, key, is_metric=is_metric)
            if said and isinstance(field, dict):
                field.setdefault("description", said)
    for part in node.values():
        _describe(part)


_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_LENGTHS = {
    "array": {"min_length": "minItems", "max_length": "maxItems"},
    "string": {"min_length": "minLength", "max_length": "maxLength"},
}


def _in_its_words(node: Any) -> Any:
    """Limits that stand behind a validator come out under pydantic's names, which no editor knows."""
    if isinstance(node, list):
        return [_in_its_words(item) for item in node]
    if not isinstance(node, dict):
        return node
    kind = node.get("type")
    names: Mapping[str, str] = _LIMITS if kind in ("integer", "number") else _LENGTHS.get(str(kind), {})
    return {names.get(key, key): _in_its_words(value) for key, value in node.items()}
