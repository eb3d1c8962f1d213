"""Types of expressions: what a translated node is, and what two of them are together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from definitions.compiler.nodes import Node
from definitions.model import Column, ColumnType

T = ColumnType


@dataclass(frozen=True, slots=True)
class Typed:
    """A translated node and its type; None is the type of a bare NULL."""

    node: Node
    type: ColumnType | None
    column: Column | None = None


class Scope(Protocol):
    """What names mean where an expression stands."""

    def column(self, parts: tuple[str, ...]) -> Typed | None:
        """The column (or dimension) of this name, None when there is none."""

    def names(self) -> Iterable[str]:
        """Valid names, for suggestions."""

    def metric(self, name: str, by: tuple[str, ...]) -> Typed | None:
        """A metric's value per entity, for filters; None where it cannot be used."""

    @property
    def aggregates(self) -> bool:
        """Whether aggregates may be used."""


def type_name(kind: ColumnType | None) -> str:
    """A type as messages name it."""
    return str(kind) if kind else "null"


def is_number(kind: ColumnType | None) -> bool:
    """Whether a value can be calculated with; NULL can."""
    return kind is None or kind.is_number


def kind_of(kind: ColumnType | None) -> str:
    """What can be compared with each other: numbers, times, and each other type with itself."""
    if kind is None:
        return "null"
    return "number" if kind.is_number else "time" if kind.is_time else str(kind)


def wider(left: ColumnType | None, right: ColumnType | None) -> ColumnType:
    """The type of a calculation with two numbers."""
    kinds = {left, right}
    if T.DOUBLE in kinds or kinds == {None}:
        return T.DOUBLE
    return T.DECIMAL if T.DECIMAL in kinds else T.INTEGER


def common_type(items: list[Typed]) -> ColumnType | None:
    """The type of a choice between values; None where all are NULL."""
    known = [item.type for item in items if item.type is not None]
    if not known:
        return None
    if all(kind.is_number for kind in known):
        result = known[0]
        for kind in known[1:]:
            result = wider(result, kind)
        return result
    return T.TIMESTAMP if T.TIMESTAMP in known else known[0]
