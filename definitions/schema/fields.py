"""Fields of YAML definitions: how a scalar's text becomes a name, number, date or span, and how shapes
are built.

A `Shape` is one YAML map as people write it; ``build(here)`` turns it into the frozen model. `Here`
knows the place of every value, so that expressions and objects carry it on.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from definitions.model import Expression, Location, Span
from definitions.yaml_reading import Document, Path, Plain

_INTEGER = re.compile(r"^[-+]?\d{1,18}$")
_NUMBER = re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")


def _problem(kind: str, message: str) -> PydanticCustomError:
    return PydanticCustomError(kind, message.replace("{", "{{").replace("}", "}}"))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else repr(str(value))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _problem("wrong_type", f"text is expected, not {_shown(value)}")
    return str(value)


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, Plain) or not _INTEGER.match(value):
        quoted = " (without quotes)" if isinstance(value, str) and _INTEGER.match(value) else ""
        raise _problem("wrong_type", f"a whole number is expected{quoted}, not {_shown(value)}")
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, Plain) or not _NUMBER.match(value):
        quoted = " (without quotes)" if isinstance(value, str) and _NUMBER.match(value) else ""
        raise _problem("wrong_type", f"a number is expected{quoted}, not {_shown(value)}")
    number = float(value)
    if math.isinf(number):
        raise _problem("wrong_type", f"{value} is too large")
    return number


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, Plain) or value.lower() not in ("true", "false"):
        raise _problem("wrong_type", f"true or false is expected, not {_shown(value)}")
    return value.lower() == "true"


def _date(value: Any) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value)) if isinstance(value, str) else _fail()
    except ValueError as error:
        raise _problem("wrong_type", f"a date such as 2026-07-01 is expected, not {_shown(value)}") from error


def _fail() -> date:
    raise ValueError


def _span(value: Any) -> Span:
    if isinstance(value, Span):
        return value
    try:
        return Span.parse(_text(value))
    except ValueError as error:
        raise _problem("wrong_type", str(error)) from error


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _patterned(pattern: str) -> WithJsonSchema:
    """The pattern, told to editors too: a validator before it hides it from the schema."""
    return WithJsonSchema({"type": "string", "pattern": pattern})


Text = Annotated[str, BeforeValidator(_text), Field(min_length=1)]
Prose = Annotated[str, BeforeValidator(lambda value: " ".join(_text(value).split()))]
Name = Annotated[
    str,
    BeforeValidator(_text),
    Field(pattern=r"^[a-z][a-z0-9_]{2,62}$"),
    _patterned(r"^[a-z][a-z0-9_]{2,62}$"),
]
Identifier = Annotated[
    str,
    BeforeValidator(_text),
    Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$"),
    _patterned(r"^[a-z_][a-z0-9_]{0,62}$"),
]
Key = Annotated[
    str,
    BeforeValidator(_text),
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"),
    _patterned(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"),
]
Sql = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=10_000)]
Integer = Annotated[int, BeforeValidator(_integer)]
Number = Annotated[float, BeforeValidator(_number)]
Boolean = Annotated[bool, BeforeValidator(_boolean)]
Date = Annotated[date, BeforeValidator(_date)]
Duration = Annotated[
    Span,
    BeforeValidator(_span),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d+ (second|minute|hour|day|week|month|quarter|year)s?$"}
    ),
]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_list)]
Names = Annotated[tuple[Identifier, ...], BeforeValidator(_list)]


class Shape(BaseModel):
    """One YAML map. An unknown key is an error; the class that was tried is noted for the message."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _note_shape(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(info.context, dict) and isinstance(value, dict):
            info.context[id(value)] = cls
        return value

    @classmethod
    def read(cls, value: Any, context: dict[int, type[Shape]]) -> Self:
        """Validate one map; raises pydantic.ValidationError."""
        return cls.model_validate(value, context=context)


@dataclass(frozen=True, slots=True)
class Here:
    """A place in a document: gives locations to what is built from it."""

    document: Document
    path: Path

    def at(self, *parts: str | int) -> Here:
        return Here(self.document, (*self.path, *parts))

    @property
    def location(self) -> Location:
        return self.document.locate(self.path)

    def expression(self, part: str, text: str | None) -> Expression | None:
        """The expression at ``part`` of this map, with its place; None stays None."""
        return None if text is None else self.required(part, text)

    def required(self, part: str, text: str) -> Expression:
        path = (*self.path, part)
        return Expression(text, self.document.locate(path), self.document.anchors.get(path, ()))


class SilenceShape(Shape):
    """A lint rule that does not apply here, with the reason."""

    rule: Text
    why: Prose


def silences_of(shapes: tuple[SilenceShape, ...]) -> tuple[tuple[str, str], ...]:
    """(rule, reason) pairs, as the frozen model holds them."""
    return tuple((shape.rule, shape.why) for shape in shapes)
