"""A small SOQL: SELECT fields FROM object [WHERE …] [ORDER BY …] [LIMIT n], as a syntax tree.

WHERE knows AND, OR, NOT, parentheses, = != <> < <= > >= LIKE, IN and NOT IN; literals are texts, numbers, booleans,
null, dates
and datetimes. Whatever else SOQL can do is refused as malformed, as an organisation without that feature would.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

Literal = str | float | bool | None


@dataclass(frozen=True)
class Instant:
    """A datetime literal, in milliseconds since 1970."""

    at: int


@dataclass(frozen=True)
class Comparison:
    """field operator value; for IN and NOT IN the value is a tuple."""

    field: str
    operator: str
    value: Literal | Instant | tuple[Literal | Instant, ...]


@dataclass(frozen=True)
class Combination:
    """AND, OR of several conditions, or NOT of one."""

    operator: str
    parts: tuple[Condition, ...]


Condition = Comparison | Combination


@dataclass(frozen=True)
class Order:
    """One ORDER BY field."""

    field: str
    descending: bool


@dataclass(frozen=True)
class Query:
    """A parsed query; `count` stands for SELECT COUNT()."""

    fields: tuple[str, ...]
    object: str
    where: Condition | None
    order: tuple[Order, ...]
    limit: int | None
    count: bool


class Malformed(Exception):
    """The query does not parse."""


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^'\\]|\\.)*')
      | (?P<instant>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
      | (?P<date>\d{4}-\d\d-\d\d)
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,)
      | (?P<word>[A-Za-z_][\w.]*)
    )""",
    re.VERBOSE,
)


def parse(text: str) -> Query:
    """Parse a query.

    Raises:
        Malformed: it is not in the subset; the message shows where.
    """
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        place = 0
        stripped = text.strip()
        while place < len(stripped):
            match = _TOKEN.match(stripped, place)
            if match is None:
                raise Malformed(f"unexpected token: '{stripped[place : place + 20]}'")
            kind = str(match.lastgroup)
            self._tokens.append((kind, match.group(kind)))
            place = match.end()
        self._place = 0

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._place] if self._place < len(self._tokens) else ("end", "<EOF>")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._place += 1
        return token

    def _is(self, word: str) -> bool:
        kind, text = self._peek()
        return kind in ("word", "sign") and text.upper() == word

    def _accept(self, *words: str) -> bool:
        for offset, word in enumerate(words):
            at = self._place + offset
            if at >= len(self._tokens) or self._tokens[at][1].upper() != word:
                return False
        self._place += len(words)
        return True

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise Malformed(f"unexpected token: '{self._peek()[1]}', expected {word}")

    def _word(self) -> str:
        kind, text = self._next()
        if kind != "word":
            raise Malformed(f"unexpected token: '{text}'")
        return text

    def query(self) -> Query:
        self._expect("SELECT")
        count = False
        fields: list[str] = []
        if self._accept("COUNT", "(", ")"):
            count = True
        else:
            fields.append(self._word())
            while self._accept(","):
                fields.append(self._word())
        self._expect("FROM")
        name = self._word()
        where = self._or() if self._accept("WHERE") else None
        order: list[Order] = []
        if self._accept("ORDER", "BY"):
            order.append(self._order())
            while self._accept(","):
                order.append(self._order())
        limit: int | None = None
        if self._accept("LIMIT"):
            kind, text = self._next()
            if kind != "number" or not text.isdigit():
                raise Malformed(f"LIMIT needs a number, found '{text}'")
            limit = int(text)
        if self._peek()[0] != "end":
            raise Malformed(f"unexpected token: '{self._peek()[1]}'")
        return Query(tuple(fields), name, where, tuple(order), limit, count)

    def _order(self) -> Order:
        field = self._word()
        descending = self._accept("DESC")
        if not descending:
            self._accept("ASC")
        if self._accept("NULLS"):
            self._word()
        return Order(field, descending)

    def _or(self) -> Condition:
        parts = [self._and()]
        while self._accept("OR"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else Combination("OR", tuple(parts))

    def _and(self) -> Condition:
        parts = [self._not()]
        while self._accept("AND"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else Combination("AND", tuple(parts))

    def _not(self) -> Condition:
        if self._accept("NOT"):
            return Combination("NOT", (self._not(),))
        if self._accept("("):
            inner = self._or()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Comparison:
        field = self._word()
        if self._accept("IN"):
            return Comparison(field, "IN", self._list())
        if self._accept("NOT", "IN"):
            return Comparison(field, "NOT IN", self._list())
        if self._accept("LIKE"):
            return Comparison(field, "LIKE", self._literal())
        kind, operator = self._next()
        if kind != "sign" or operator in "(),":
            raise Malformed(f"unexpected token: '{operator}'")
        return Comparison(field, "!=" if operator == "<>" else operator, self._literal())

    def _list(self) -> tuple[Literal | Instant, ...]:
        self._expect("(")
        values = [self._literal()]
        while self._accept(","):
            values.append(self._literal())
        self._expect(")")
        return tuple(values)

    def _literal(self) -> Literal | Instant:
        kind, text = self._next()
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind == "instant":
            return Instant(milliseconds(text))
        if kind == "date":
            return text
        if kind == "number":
            return float(text)
        if kind == "word" and text.upper() in ("TRUE", "FALSE"):
            return text.upper() == "TRUE"
        if kind == "word" and text.upper() == "NULL":
            return None
        raise Malformed(f"unexpected token: '{text}'")


def milliseconds(text: str) -> int:
    """Milliseconds since 1970 of an ISO datetime with an offset, written `Z`, `+00:00` or `+0000`."""
    normal = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text.replace("Z", "+00:00"))
    moment = datetime.fromisoformat(normal).astimezone(UTC)
    whole = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return whole * 1000 + moment.microsecond // 1000
