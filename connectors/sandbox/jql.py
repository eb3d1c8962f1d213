"""A small JQL: comparisons joined by AND and OR, parentheses, ORDER BY. Dates as the API user means them.

Literals for date fields: milliseconds since 1970, "yyyy-MM-dd", "yyyy-MM-dd HH:mm" (or with slashes) in the user's
time zone,
and steps back from now such as -2w, -1d, -3h, -30m.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from connectors.sandbox.company.timeline import DAY, HOUR, MINUTE, instant


@dataclass(frozen=True)
class Clause:
    """field operator values; `is` and `is not` compare with EMPTY, so their values are empty."""

    field: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Junction:
    """AND, OR of several parts, or NOT of one."""

    operator: str
    parts: tuple[Part, ...]


Part = Clause | Junction


@dataclass(frozen=True)
class Search:
    """A parsed query: condition (None: unbounded) and order as (field, descending)."""

    where: Part | None
    order: tuple[tuple[str, bool], ...]


class Malformed(Exception):
    """The query does not parse."""


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<sign><=|>=|!=|!~|=|<|>|~|\(|\)|,)
      | (?P<word>[^\s"'<>=!~(),]+)
    )""",
    re.VERBOSE,
)
_STEP = re.compile(r"^([+-]?\d+)([wdhm])$")
_UNITS = {"w": 7 * DAY, "d": DAY, "h": HOUR, "m": MINUTE}


def parse(text: str) -> Search:
    """Parse a query.

    Raises:
        Malformed: it is not in the subset.
    """
    return _Parser(text).search()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        place = 0
        text = text.strip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise Malformed(
                    f"Error in the JQL Query: the character '{text[place]}' is a reserved JQL character"
                )
            kind = str(match.lastgroup)
            self._tokens.append((kind, match.group(kind)))
            place = match.end()
        self._place = 0

    def _accept(self, *words: str) -> bool:
        for offset, word in enumerate(words):
            at = self._place + offset
            if (
                at >= len(self._tokens)
                or self._tokens[at][1].upper() != word
                or self._tokens[at][0] == "text"
            ):
                return False
        self._place += len(words)
        return True

    def _next(self) -> tuple[str, str]:
        if self._place >= len(self._tokens):
            raise Malformed("Error in the JQL Query: unexpected end of the query")
        self._place += 1
        return self._tokens[self._place - 1]

    def search(self) -> Search:
        where: Part | None = None
        if self._tokens and self._tokens[0][1].upper() != "ORDER":
            where = self._or()
        order: list[tuple[str, bool]] = []
        if self._accept("ORDER", "BY"):
            while True:
                field = self._next()[1]
                descending = self._accept("DESC")
                if not descending:
                    self._accept("ASC")
                order.append((field.lower().strip('"'), descending))
                if not self._accept(","):
                    break
        if self._place < len(self._tokens):
            raise Malformed(
                f"Error in the JQL Query: expecting either 'OR' or 'AND' but got '{self._tokens[self._place][1]}'"
            )
        return Search(where, tuple(order))

    def _or(self) -> Part:
        parts = [self._and()]
        while self._accept("OR"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else Junction("OR", tuple(parts))

    def _and(self) -> Part:
        parts = [self._not()]
        while self._accept("AND"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else Junction("AND", tuple(parts))

    def _not(self) -> Part:
        if self._accept("NOT"):
            return Junction("NOT", (self._not(),))
        if self._accept("("):
            inner = self._or()
            if not self._accept(")"):
                raise Malformed("Error in the JQL Query: expecting ')'")
            return inner
        return self._clause()

    def _clause(self) -> Clause:
        field = _plain(self._next()[1]).lower()
        if self._accept("IS", "NOT"):
            self._next()
            return Clause(field, "is not", ())
        if self._accept("IS"):
            self._next()
            return Clause(field, "is", ())
        if self._accept("NOT", "IN"):
            return Clause(field, "not in", self._list())
        if self._accept("IN"):
            return Clause(field, "in", self._list())
        kind, operator = self._next()
        if kind != "sign" or operator in "(),":
            raise Malformed(f"Error in the JQL Query: expecting an operator but got '{operator}'")
        return Clause(field, operator, (_plain(self._next()[1]),))

    def _list(self) -> tuple[str, ...]:
        if not self._accept("("):
            raise Malformed("Error in the JQL Query: expecting '('")
        values = [_plain(self._next()[1])]
        while self._accept(","):
            values.append(_plain(self._next()[1]))
        if not self._accept(")"):
            raise Malformed("Error in the JQL Query: expecting ')'")
        return tuple(values)


def _plain(token: str) -> str:
    quoted = len(token) > 1 and token[0] in "\"'" and token[-1] == token[0]
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if quoted else token


def date_value(text: str, field: str, zone: ZoneInfo, now: int) -> int:
    """The instant (ms) that a date literal means.

    Raises:
        Malformed: it is not a date.
    """
    if text.isdigit():
        return int(text)
    step = _STEP.match(text)
    if step:
        return now + int(step.group(1)) * _UNITS[step.group(2)]
    for pattern in ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d"):
        try:
            return instant(datetime.strptime(text, pattern).replace(tzinfo=zone))
        except ValueError:
            continue
    raise Malformed(
        f"Date value '{text}' for field '{field}' is invalid. Valid formats include: "
        "'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', "
        "'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
    )


def clauses(part: Part | None) -> list[Clause]:
    """All clauses of a condition."""
    if part is None:
        return []
    if isinstance(part, Clause):
        return [part]
    return [clause for inner in part.parts for clause in clauses(inner)]
