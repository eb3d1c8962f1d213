"""Values, changes, periods and instants as people read them.

>>> show(0.7123, Unit("ratio", pattern="0.0%")), show(1234567.0, Unit("currency", currency="EUR"))
('71.2%', '€1,234,567')
"""

from __future__ import annotations

import math
import re
import sys
from datetime import date, datetime

from .model import Kpi, Unit

NOTHING = "–"
MINUS = "−"
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹"}
_SECONDS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_SPOKEN_UNITS = frozenset(
    {"days", "months", "weeks", "years", "hours", "minutes", "points", "per week", "per month"}
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PATTERN = re.compile(
    r"^(?P<whole>0(?P<group>,0)?)(?:\.(?P<optional>\[)?(?P<places>0+)\]?)?(?P<short> ?a)?(?P<percent> ?%)?$"
)
_ISO_DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_SAME_DAYS = re.compile(r"\b(\d{4}-\d{2}-\d{2}) to \1\b")
_SHORT = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def show(value: float | None, unit: Unit, *, compact: bool = False) -> str:
    """A value in its unit. ``compact`` shortens large numbers (1.2M); NULL is a dash, never a zero."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if unit.pattern == "duration" or unit.family == "duration_seconds":
        return duration(value)
    text = _numeral(abs(value), unit, compact)
    sign = MINUS if value < 0 and any(c in "123456789" for c in text) else ""
    if unit.family == "currency":
        code = unit.currency or unit.name
        symbol = _SYMBOLS.get(code)
        return f"{sign}{symbol}{text}" if symbol else f"{sign}{text} {code}".strip()
    return f"{sign}{text}{_suffix(unit)}"


def target(kpi: Kpi, *, compact: bool = False) -> str:
    """What a metric is to reach: its target, or both ends of its optimum."""
    if kpi.target is None and kpi.optimum is not None:
        low, high = (show(one, kpi.unit, compact=compact) for one in kpi.optimum)
        return f"{low} to {high}"
    return show(kpi.target, kpi.unit, compact=compact)


def change(value: float | None, unit: Unit) -> str:
    """A difference with its sign; of ratios in percentage points."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if is_percent(unit):
        return f"{_sign(value)}{_plain(abs(value) * 100, 1)} pp"
    return _sign(value) + show(abs(value), unit, compact=True)


def percent(value: float | None, places: int = 0) -> str:
    """A fraction in per cent."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{MINUS if round(value * 100, places) < 0 else ''}{_plain(abs(value) * 100, places)}%"


def signed_percent(value: float | None) -> str:
    """A relative change in per cent, with its sign."""
    if value is None or not math.isfinite(value):
        return NOTHING
    places = 0 if abs(value) >= 0.1 else 1
    return f"{_sign(round(value * 100, places))}{_plain(abs(value) * 100, places)}%"


def score(value: float | None) -> str:
    """A score with two places; bands are tested on six, so 0.696 shows as 0.70 and is at risk."""
    return NOTHING if value is None else f"{MINUS if value < 0 else ''}{abs(value):.2f}"


def plain(value: float | None) -> str:
    """A bare number."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = _plain(abs(value), 0 if value == int(value) else 2)
    return f"{MINUS}{text}" if value < 0 else text


def duration(seconds: float) -> str:
    """A duration in its two largest units: ``1 h 30 min``."""
    rest, parts = round(abs(seconds)), []
    for name, size in _SECONDS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {name}")
    return (MINUS if seconds < 0 else "") + (" ".join(parts[:2]) or "0 s")


def period(start: date | None, grain: str, end: date | None = None, *, near: bool = False) -> str:
    """A period by its first day: ``Oct 2026``, ``Q3 2026``, ``week of 3 Nov 2026``; without the year of days
    where it is ``near``.
    """
    if start is None:
        return NOTHING
    if grain.startswith("trailing_"):
        return f"{grain.removeprefix('trailing_').removesuffix('d')} days to {day(end or start)}"
    if grain == "week":
        return f"week of {start.day} {_MONTHS[start.month - 1]}" if near else f"week of {day(start)}"
    if grain in ("month", "quarter") and start.day != 1:  # a 4-4-5 calendar
        return f"{day(start)} to {day(end)}"
    if grain == "month":
        return f"{_MONTHS[start.month - 1]} {start.year}"
    if grain == "quarter":
        return f"Q{(start.month + 2) // 3} {start.year}"
    return str(start.year) if grain == "year" else day(start)


def day(of: date | None) -> str:
    """``3 Nov 2026``."""
    return NOTHING if of is None else f"{of.day} {_MONTHS[of.month - 1]} {of.year}"


def spoken_dates(text: str) -> str:
    """A text with its ISO days as people read them: ``2026-04-03 to 2026-04-03`` → ``3 Apr 2026``."""
    text = _SAME_DAYS.sub(r"\1", text)
    return _ISO_DAY.sub(lambda found: _spoken_day(found[0]), text)


def _spoken_day(written: str) -> str:
    try:
        return day(date.fromisoformat(written))
    except ValueError:
        return written


def instant(at: datetime | None) -> str:
    """``3 Nov 2026, 06:00 UTC``."""
    return NOTHING if at is None else f"{day(at.date())}, {at:%H:%M} UTC"


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit."""
    if at is None:
        return "never"
    seconds = (now - at).total_seconds()
    if seconds < 60:
        return "just now"
    name, size = next((n, s) for n, s in _SECONDS if seconds >= s)
    words = {"d": "day", "h": "hour", "min": "minute", "s": "second"}
    count = int(seconds // size)
    return f"{count} {words[name]}{'' if count == 1 else 's'} ago"


def _sign(value: float) -> str:
    return "±" if value == 0 else "+" if value > 0 else MINUS


def _numeral(value: float, unit: Unit, compact: bool) -> str:
    match = _PATTERN.match(unit.pattern)
    if match is None:
        return _plain(value, 2)
    if is_percent(unit):
        return _plain(value * 100, len(match["places"] or "")) + "%"
    if match["short"] or (compact and value >= 10_000):
        return _short(value)
    places = len(match["places"] or "")
    text = _plain(value, places)
    if not match["group"]:
        text = text.replace(",", "")
    if places and match["optional"]:
        text = text.rstrip("0").rstrip(".")
    if not places and 0 < value < 10 and value != int(value):
        text = _plain(value, 1)
    return text


def _short(value: float) -> str:
    for size, name in _SHORT:
        if value >= size:
            scaled = value / size
            return _plain(scaled, 0 if scaled >= 100 else 1 if scaled >= 10 else 2) + name
    return _plain(value, 1)


def _plain(value: float, places: int) -> str:
    """Grouped digits; beyond a quadrillion nobody counts digits any more."""
    if value >= 1e15:
        return f"{min(value, sys.float_info.max):.3g}"
    return f"{value:,.{places}f}"


def symbol(unit: Unit) -> str:
    """The sign of a currency that has a common one, else nothing."""
    return _SYMBOLS.get(unit.currency or unit.name, "") if unit.family == "currency" else ""


def is_percent(unit: Unit) -> bool:
    """Whether values are shown in per cent."""
    return unit.pattern.endswith("%") or (unit.family == "ratio" and unit.pattern == "0,0")


def _suffix(unit: Unit) -> str:
    """Units that a number is not understood without; a count of tickets says so by its name."""
    return f" {unit.name}" if unit.family == "count" and unit.name in _SPOKEN_UNITS else ""
