"""The statements of key results, read: verb, metric, from, to, by when.

    <verb> <metric> from <n><unit> to <n><unit> [by <date|quarter>]
    <verb> <metric> by <n>% [by <date|quarter>]
    achieve|reach|win <n><unit> <metric>          (and: <metric> reaches|hits <n><unit>)
    zero <event> [condition]
    keep|hold <metric> below|above|between <n><unit> [and <n><unit>]

Source: definition lint, 'Statement grammar to parse'.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from definitions.calendars import parse_period
from definitions.lint.numbers import AMOUNT, Amount, amount_of
from definitions.model import Calendar


class Form(StrEnum):
    """Which sentence a statement is."""

    FROM_TO = "from_to"
    BY = "by"
    REACH = "reach"
    ZERO = "zero"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a statement says. ``start`` and ``end`` are the from and the to; of ``keep``, the bounds.

    ``change`` is the amount of a relative statement ("by 20%"); ``due`` the last day of the "by when".
    """

    form: Form
    verb: str
    metric: str
    start: Amount | None = None
    end: Amount | None = None
    change: Amount | None = None
    due: date | None = None


_REACHING = ("achieve", "reach", "win", "hit", "attain")
_KEEPING = ("keep", "hold", "stay", "maintain")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"),
            ("february", "feb"),
            ("march", "mar"),
            ("april", "apr"),
            ("may",),
            ("june", "jun"),
            ("july", "jul"),
            ("august", "aug"),
            ("september", "sept", "sep"),
            ("october", "oct"),
            ("november", "nov"),
            ("december", "dec"),
        ),
        start=1,
    )
    for name in names
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_WHEN = re.compile(
    r"\s*,?\s*\b(?:by|until|before)\s+(?:the\s+)?(?:end\s+of\s+)?(?P<when>"
    r"\d{4}-\d{2}-\d{2}|\d{4}-Q[1-4]|\d{4}-\d{2}|(?:FY\s?)?Q[1-4]\s+(?:FY\s?)?\d{4}|(?:FY\s?)?\d{4}"
    rf"|\d{{1,2}}\s+(?:{_MONTH})\.?,?\s+\d{{4}}|(?:{_MONTH})\.?\s+\d{{1,2}},?\s+\d{{4}}|(?:{_MONTH})\.?\s+\d{{4}}"
    r")\s*\.?\s*$",
    re.IGNORECASE,
)


def parse_statement(text: str, calendar: Calendar) -> Statement | None:
    """What the statement says, or None where it is none of the known sentences.

    ``calendar`` turns a quarter into its last day: "by Q4 2026" is the last day of that fiscal quarter.
    """
    said = " ".join(text.split()).rstrip(".")
    due = None
    when = _WHEN.search(said)
    if when is not None:
        due = parse_due(when["when"], calendar)
        if due is not None:
            said = said[: when.start()].rstrip(" ,")
    verb, _, rest = said.partition(" ")
    if not rest:
        return None
    if verb.lower() == "zero":
        return Statement(Form.ZERO, "zero", rest, end=Amount(_zero(), text="zero"), due=due)
    if verb.lower() in _KEEPING:
        return _keep(verb, rest, due)
    return _from_to(verb, rest, due) or _by(verb, rest, due) or _reach(said, due)


def parse_due(text: str, calendar: Calendar) -> date | None:
    """The last day of "by when": a date, a month, a fiscal quarter or a fiscal year."""
    said = " ".join(text.replace(",", " ").replace(".", " ").split()).lower()
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", said):
            return date.fromisoformat(said)
        if match := re.fullmatch(r"(\d{4})-q([1-4])", said):
            return parse_period(calendar, f"{match[1]}-Q{match[2]}").last_day
        if match := re.fullmatch(r"(?:fy ?)?q([1-4]) (?:fy ?)?(\d{4})", said):
            return parse_period(calendar, f"{match[2]}-Q{match[1]}").last_day
        if match := re.fullmatch(r"(?:fy ?)?(\d{4})", said):
            return parse_period(calendar, match[1]).last_day
        if match := re.fullmatch(r"(\d{4})-(\d{2})", said):
            return _month_end(int(match[1]), int(match[2]))
        if match := re.fullmatch(r"(\d{1,2}) ([a-z]+) (\d{4})", said):
            return date(int(match[3]), _MONTHS[match[2]], int(match[1]))
        if match := re.fullmatch(r"([a-z]+) (\d{1,2}) (\d{4})", said):
            return date(int(match[3]), _MONTHS[match[1]], int(match[2]))
        if match := re.fullmatch(r"([a-z]+) (\d{4})", said):
            return _month_end(int(match[2]), _MONTHS[match[1]])
    except (ValueError, KeyError):
        return None
    return None


def _month_end(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def _from_to(verb: str, rest: str, due: date | None) -> Statement | None:
    for split in re.finditer(r"\bfrom\s+", rest, re.IGNORECASE):
        first = AMOUNT.match(rest, split.end())
        if first is None:
            continue
        to = re.compile(r"\s+(?:up\s+|down\s+)?to\s+", re.IGNORECASE).match(rest, first.end())
        second = AMOUNT.match(rest, to.end()) if to else None
        if second is None:
            continue
        start, end = amount_of(first), amount_of(second)
        if start.unit is None and end.unit is not None and start.out_of is None:
            # "from 14 to 3 days": the unit is said once, and holds for both.
            start = Amount(start.value, end.unit, None, start.comparison, start.step, start.text)
        return Statement(Form.FROM_TO, verb.lower(), rest[: split.start()].strip(), start, end, due=due)
    return None


def _by(verb: str, rest: str, due: date | None) -> Statement | None:
    match = re.search(r"\s+by\s+", rest, re.IGNORECASE)
    amount = AMOUNT.match(rest, match.end()) if match else None
    if match is None or amount is None:
        return None
    return Statement(Form.BY, verb.lower(), rest[: match.start()].strip(), change=amount_of(amount), due=due)


def _reach(said: str, due: date | None) -> Statement | None:
    verb, _, rest = said.partition(" ")
    if verb.lower() in _REACHING:
        amount = AMOUNT.match(rest)
        if amount is not None and rest[amount.end() :].strip():
            return Statement(
                Form.REACH, verb.lower(), rest[amount.end() :].strip(), end=amount_of(amount), due=due
            )
        trailing = re.search(r"\s+(?:of|at)\s+", rest)
        amount = AMOUNT.fullmatch(rest, trailing.end()) if trailing else None
        if trailing is not None and amount is not None:
            metric = rest[: trailing.start()].strip()
            return Statement(Form.REACH, verb.lower(), metric, end=amount_of(amount), due=due)
        return None
    match = re.search(r"^(?P<metric>.+?)\s+(?P<verb>reach(?:es)?|hits?|exceeds?|grows? to)\s+", said)
    amount = AMOUNT.match(said, match.end()) if match else None
    if match is None or amount is None:
        return None
    return Statement(Form.REACH, match["verb"], match["metric"], end=amount_of(amount), due=due)


def _keep(verb: str, rest: str, due: date | None) -> Statement | None:
    match = re.search(
        r"\s+(?P<how>below|under|above|over|at or below|at or above|at most|at least|between|within|at)\s+",
        rest,
        re.IGNORECASE,
    )
    first = AMOUNT.match(rest, match.end()) if match else None
    if match is None or first is None:
        return None
    metric, bound = rest[: match.start()].strip(), amount_of(first)
    if match["how"].lower() in ("between", "within"):
        between = re.compile(r"\s+(?:and|to|–|-)\s+").match(rest, first.end())
        second = AMOUNT.match(rest, between.end()) if between else None
        return (
            Statement(Form.KEEP, verb.lower(), metric, bound, amount_of(second), due=due) if second else None
        )
    return Statement(Form.KEEP, verb.lower(), metric, end=bound, due=due)


def _zero() -> Decimal:
    return Decimal(0)
