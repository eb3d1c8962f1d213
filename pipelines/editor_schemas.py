"""JSON Schema of every YAML file that people write, whichever room reads it: definitions, source instances, packs.

    schemas()["systems"]      # of systems/*.yml: which account of which system is read

`vitals schema` and `vitals init` write them beside a dictionary; files of this project refer to those in
`docs/reference/schemas` in their first line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from connectors.json_schema import source_schema
from definitions import json_schema
from definitions.loading import SYSTEMS

FILES: Mapping[str, str] = {**json_schema.FILES, "systems": f"{SYSTEMS}/*.yml", "pack": json_schema.PACK}
"""Kinds of files, and where they are."""
FOLDER = ".schemas"
"""Where an installation keeps them."""
_FIRST_LINE = re.compile(r"\A# yaml-language-server: \$schema=.*\n")


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema (draft 2020-12) of every kind of file, by kind."""
    return {**json_schema.schemas(), "systems": source_schema(), "pack": json_schema.pack_schema()}


def written(schema: Mapping[str, Any]) -> str:
    """A schema as a file's text."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def referring(text: str, schema: str | None) -> str:
    """A YAML file's text with a first line that refers to this schema (or with none), in place of the line it has."""
    line = f"# yaml-language-server: $schema={schema}\n" if schema else ""
    return line + _FIRST_LINE.sub("", text)
