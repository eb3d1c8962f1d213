"""What a shape refuses, told as a problem: the place in the file, what was found, the nearest valid name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from definitions.errors import Problem, listing, nearest
from definitions.schema.fields import Shape
from definitions.settings import Settings
from definitions.yaml_reading import Document
from definitions.yaml_reading import Path as YamlPath


def unknown_key(
    key: str, valid: Iterable[str], document: Document, at: YamlPath, path: tuple[str | int, ...]
) -> Problem:
    """A key that means nothing where it stands."""
    return Problem(
        "UNKNOWN_KEY",
        f"the key {key!r} is not known here",
        document.locate_key(at),
        key,
        tuple(str(part) for part in path if isinstance(part, str)),
        nearest(key, valid),
        f"Valid keys: {listing(valid, 40)}.",
    )


def problem_of(
    item: Any, value: Any, document: Document, base: YamlPath, name: str, context: dict[int, type[Shape]]
) -> Problem:
    """One pydantic error as a problem: the tags of unions are dropped from its path, the place is looked up."""
    here: Any = value
    real: YamlPath = ()
    for part in item["loc"]:
        if (isinstance(here, dict) and part in here) or (
            isinstance(here, list) and isinstance(part, int) and part < len(here)
        ):
            here = here[part]
            real = (*real, part)
    path = (name, *(str(part) for part in real if isinstance(part, str)))
    match item["type"]:
        case "extra_forbidden":
            parent: Any = value
            for part in real[:-1]:
                parent = parent[part]
            shape = context.get(id(parent), Shape)
            valid = [field.alias or key for key, field in shape.model_fields.items()]
            return unknown_key(str(real[-1]), valid, document, (*base, *real), path[:-1])
        case "missing":
            key = str(item["loc"][-1])
            return Problem(
                "MISSING_KEY",
                f"the key {key!r} is missing",
                document.locate((*base, *real)),
                key,
                path,
                hint="Add it." if key != "source" else "Name the source that the measure is over.",
            )
        case "literal_error" | "enum":
            expected = str(item.get("ctx", {}).get("expected", ""))
            options = [option.strip(" '") for option in expected.replace(" or ", ", ").split(",")]
            return Problem(
                "WRONG_VALUE",
                f"{str(here)!r} is not one of {expected}",
                document.locate((*base, *real)),
                str(here),
                path,
                nearest(str(here), options),
            )
        case "string_pattern_mismatch":
            pattern = item.get("ctx", {}).get("pattern", "")
            message = f"{str(here)!r} is not a valid name (it must match {pattern})"
            return Problem("WRONG_NAME", message, document.locate((*base, *real)), str(here), path)
    text = str(here)[:60] if isinstance(here, str) and here else str(real[-1]) if real else name
    message = _MESSAGES.get(item["type"], "{msg}").format(msg=item["msg"], **item.get("ctx", {}))
    return Problem("WRONG_VALUE", message, document.locate((*base, *real)), text, path)


_MESSAGES = {
    "too_short": "at least {min_length} is needed, not {actual_length}",
    "too_long": "at most {max_length} are possible, not {actual_length}",
    "string_too_short": "the text is empty",
    "string_too_long": "the text is longer than {max_length:,} characters",
}
"""Pydantic's own words, said plainly."""


def section_keys(path: tuple[Any, ...]) -> list[str]:
    """The keys that a section of the settings knows."""
    model: Any = Settings
    for part in path:
        field = model.model_fields.get(str(part))
        if field is None or not hasattr(field.annotation, "model_fields"):
            return []
        model = field.annotation
    return list(model.model_fields)
