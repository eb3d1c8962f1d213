"""Text → parsed tree, or a refusal: characters, comments and sizes that are not allowed never reach the translator."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from definitions.compiler.nodes import Node
from definitions.errors import Problem, nearest
from definitions.model import Expression

MAX_NODES = 2_000


class RefusedError(Exception):
    """An expression that is not allowed, with the offset of the offending part."""

    def __init__(
        self,
        code: str,
        message: str,
        node: Node | int = 0,
        *,
        valid: Iterable[str] = (),
        text: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.offset = node if isinstance(node, int) else offset_of(node)
        self.text = text
        self.suggestion = nearest(text, valid) if text else None
        self.hint = hint

    def problem(self, expression: Expression, path: tuple[str, ...]) -> Problem:
        """The refusal as a problem at its place in the file."""
        return Problem(
            self.code,
            self.message,
            expression.locate(self.offset),
            self.text or expression.text,
            path,
            self.suggestion,
            self.hint,
        )


@lru_cache(maxsize=20_000)
def _parsed(text: str) -> Node:
    _check_characters(text)
    try:
        tokens = sqlglot.tokenize(text, read="duckdb")
        if any(token.comments for token in tokens):
            raise RefusedError(
                "COMMENT", "comments are not allowed in an expression", hint="Use a YAML comment (#)."
            )
        tree = sqlglot.parse_one(text, into=exp.Condition, read="duckdb")
    except SqlglotError as error:
        raise RefusedError(
            "BAD_SQL", f"not a single SQL expression: {_first_line(error)}", _error_offset(error)
        ) from error
    except RecursionError as error:
        raise RefusedError("TOO_DEEP", "the expression is nested too deeply") from error
    if sum(1 for _ in tree.walk()) > MAX_NODES:
        raise RefusedError("TOO_LONG", f"the expression has more than {MAX_NODES:,} parts")
    return tree


def parse(text: str) -> Node:
    """The parsed tree of a text (shared: not to be changed)."""
    return _parsed(text)


def free_names(expression: Expression) -> tuple[str, ...]:
    """Names that an expression mentions, in order; empty where it cannot be parsed."""
    try:
        tree = parse(expression.text)
    except RefusedError:
        return ()
    return tuple(
        dict.fromkeys(identifier_of(node.this) for node in tree.find_all(exp.Column) if not node.table)
    )


def offset_of(node: Node) -> int:
    """Offset of a node's first character that the parser knows of."""
    starts = [part.meta["start"] for part in node.walk() if "start" in part.meta]
    return min(starts, default=0)


def _check_characters(text: str) -> None:
    if len(text) > 10_000:
        raise RefusedError("TOO_LONG", "the expression is longer than 10,000 characters")
    inside: str | None = None
    for offset, character in enumerate(text):
        if inside is None and character in "'\"":
            inside = character
        elif character == inside:
            inside = None
        if unicodedata.category(character) in ("Cc", "Cf", "Co", "Cn", "Cs") and character not in "\n\t\r":
            raise RefusedError(
                "BAD_CHARACTER",
                f"the invisible character U+{ord(character):04X} is not allowed",
                offset,
                text=f"U+{ord(character):04X}",
            )
        if character == "\\":
            raise RefusedError("BAD_CHARACTER", "backslashes are not allowed", offset, text="\\")
        if inside != "'" and not character.isascii():
            message = f"the character {character!r} (U+{ord(character):04X}) is allowed in text literals only"
            raise RefusedError("BAD_CHARACTER", message, offset, text=character)


def _first_line(error: SqlglotError) -> str:
    line = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()[0]
    return re.sub(r" into <class .*$", "", line)


def _error_offset(error: SqlglotError) -> int:
    details = getattr(error, "errors", None) or [{}]
    column = details[0].get("col") if isinstance(details[0], dict) else None
    return max(int(column) - 1, 0) if column else 0


def name_parts(node: Node) -> tuple[str, ...]:
    """The parts of a dotted name, however many; RefusedError where one of them is no name."""
    if isinstance(node, exp.Dot) and isinstance(node.this, exp.Dot | exp.Column):
        parts = [node.expression]
        head = name_parts(node.this)
    elif isinstance(node, exp.Column):
        parts, head = list(node.parts), ()
    else:
        raise RefusedError("NOT_ALLOWED", "only names can be dotted", node)
    if not all(isinstance(part, exp.Identifier) for part in parts):
        raise RefusedError("NOT_ALLOWED", "only names can be dotted", node)
    return (*head, *(identifier_of(part) for part in parts))


def identifier_of(node: Node) -> str:
    """An identifier as names are compared: lower case unless it is quoted."""
    name = str(node.this)
    return name if node.args.get("quoted") else name.lower()


def names_in(text: str) -> Iterator[str]:
    """Column names mentioned in a text that parses, dotted where qualified."""
    for node in parse(text).find_all(exp.Column):
        yield ".".join(identifier_of(part) for part in node.parts)
