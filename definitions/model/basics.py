"""Small values that every part of the dictionary is made of: places in files, spans of time, grains,
expressions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a YAML file; line and column count from 1. Two equal things at different places are
    equal."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


NOWHERE = Location()


class Grain(StrEnum):
    """A standard period length, finest first."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"

    @property
    def rank(self) -> int:
        """Position from fine (0 = second) to coarse (7 = year)."""
        return list(Grain).index(self)

    @property
    def is_clock(self) -> bool:
        """True for the grains shorter than a day, which follow the clock and not the calendar."""
        return self in (Grain.SECOND, Grain.MINUTE, Grain.HOUR)


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time as people write it: ``3 days``, ``2 weeks``, ``1 quarter``."""

    count: int
    unit: Grain

    @classmethod
    def parse(cls, text: str) -> Span:
        """``Span.parse("3 days")``; raises ValueError that says what is expected."""
        match = _SPAN.match(text)
        if match is None:
            raise ValueError(f"{text!r} is not a span of time; write a number and a unit, such as '3 days'")
        return cls(int(match.group(1)), Grain(match.group(2)))

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"

    @property
    def days(self) -> float:
        """Length in days; months, quarters and years count at their longest (31, 92, 366)."""
        return self.count * _DAYS[self.unit]


_SPAN = re.compile(r"^\s*(\d{1,5})\s*(second|minute|hour|day|week|month|quarter|year)s?\s*$")
_DAYS: dict[Grain, float] = {
    Grain.SECOND: 1 / 86400,
    Grain.MINUTE: 1 / 1440,
    Grain.HOUR: 1 / 24,
    Grain.DAY: 1,
    Grain.WEEK: 7,
    Grain.MONTH: 31,
    Grain.QUARTER: 92,
    Grain.YEAR: 366,
}
_TRAILING = re.compile(r"^trailing_([1-9]\d{0,3})d$")


def trailing_days(grain: str) -> int | None:
    """Number of days of a trailing grain (``trailing_28d`` → 28), None for a standard grain."""
    match = _TRAILING.match(grain)
    return int(match.group(1)) if match else None


def is_grain(name: str) -> bool:
    """Whether ``name`` is a grain: one of `Grain`, or ``trailing_<n>d``."""
    return name in set(Grain) or trailing_days(name) is not None


@dataclass(frozen=True, slots=True)
class Expression:
    """SQL text that a person wrote in a definition, with the place of its first character.

    ``anchors`` holds (offset, line, column) of each line of a text that spans lines.
    """

    text: str
    location: Location = field(default=NOWHERE, compare=False, repr=False)
    anchors: tuple[tuple[int, int, int], ...] = field(default=(), compare=False, repr=False)

    def __str__(self) -> str:
        return self.text

    def locate(self, offset: int) -> Location:
        """The place in the file of the character at ``offset`` of the text."""
        before = [anchor for anchor in self.anchors if anchor[0] <= offset]
        if before:
            start, line, column = before[-1]
            return Location(self.location.file, line, column + offset - start)
        return Location(self.location.file, self.location.line, self.location.column + offset)
