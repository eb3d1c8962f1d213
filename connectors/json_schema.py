"""JSON Schema of a source's YAML, from the models that read it and from what the vendors declare.

    source_schema()["properties"]["streams"]

An editor completes streams, options and ways to log in of the vendor that `system:` names, and the `settings:` of a
source that declares its streams itself. It marks a credential that is written out. What it does not know is left to
`vitals sources check`: which streams an account may read, and whether a reference leads anywhere.
"""

from __future__ import annotations

import importlib
from typing import Any

from pydantic import BaseModel

from connectors.config import SourceConfig
from connectors.files import FileSettings
from connectors.http_source import HttpSettings
from connectors.module_source import ModuleSettings
from connectors.process_source import ProcessSettings
from connectors.registry import VENDORS, systems
from connectors.sql import SqlSettings
from connectors.stream import System

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SETTINGS: dict[str, type[BaseModel]] = {
    "files": FileSettings,
    "http": HttpSettings,
    "module": ModuleSettings,
    "process": ProcessSettings,
    "sql": SqlSettings,
}
"""What is below `settings:` of each kind of source that declares its streams itself."""


def source_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a source's YAML."""
    schema = SourceConfig.model_json_schema()
    shapes: dict[str, Any] = schema.pop("$defs")
    rules = []
    for vendor in VENDORS:
        system: System = importlib.import_module(f"connectors.{vendor}").SYSTEM
        rules.append({"if": _is_of(vendor), "then": {"properties": _vendor(system)}})
    for kind, model in SETTINGS.items():
        settings = model.model_json_schema(ref_template="#/$defs/{model}")
        shapes |= settings.pop("$defs", {})
        shapes[model.__name__] = settings
        then = {"required": ["settings"], "properties": {"settings": {"$ref": f"#/$defs/{model.__name__}"}}}
        rules.append({"if": _is_of(kind), "then": then})
    schema["allOf"] = [_known(), *rules]
    head = {"$schema": DIALECT, "title": "Vitals systems"}
    return {**head, **schema, "title": head["title"], "$defs": dict(sorted(shapes.items()))}


def _is_of(kind: str) -> dict[str, Any]:
    """Whether a source is of a kind: by `settings.kind`, which comes first, or by its system."""
    return {
        "anyOf": [_says_kind({"const": kind}), {"allOf": [_system({"const": kind}), {"not": _says_kind({})}]}]
    }


def _known() -> dict[str, Any]:
    """A system has a name that is known, or says of which kind it is."""
    names = {"enum": list(systems())}
    return {"anyOf": [_system(names), _says_kind(names)]}


def _system(value: dict[str, Any]) -> dict[str, Any]:
    return {"required": ["system"], "properties": {"system": value}}


def _says_kind(value: dict[str, Any]) -> dict[str, Any]:
    settings = {"required": ["kind"], "properties": {"kind": value}}
    return {"required": ["settings"], "properties": {"settings": settings}}


def _vendor(system: System) -> dict[str, Any]:
    """What a vendor takes: its streams, their options, its ways to log in."""
    names = {"enum": [stream.name for stream in system.streams]}
    options = sorted({name for stream in system.streams for name in stream.options})
    named = {"type": "object", "required": ["name"], "properties": {"name": names}}
    return {
        "auth": {"properties": {"kind": {"enum": list(system.auth)}}},
        "streams": {"items": {"anyOf": [names, named]}},
        "options": {"properties": {name: {} for name in options}},
    }
