"""Numbers and periods in words, the same in every locale.

>>> say(0.712, "ratio"), say(1234567, "money", "EUR"), say(5400, "duration"), say(42, "count", "tickets")
('71.2 %', '1,234,567 EUR', '1 h 30 min', '42 tickets')
>>> say_period(date(2026, 11, 3), "day"), say_range(0.84, 0.91, "ratio")
('Tue 3 Nov 2026', '84 %–91 %')
"""

from __future__ import annotations

import math
from datetime import date

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_SECONDS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def say(value: float, kind: str, unit: str = "") -> str:
    """A value with its unit: ratios in per cent, durations in their two largest units, the rest as a number."""
    if not math.isfinite(value):
        return "unknown"
    if kind == "ratio":
        return f"{_number(value * 100, 3)} %"
    if kind == "duration" and unit in ("", "seconds", "s"):
        return _duration(value)
    if kind == "level" and unit and value < 10:
        return f"{_number(value, 2)} {unit}"
    shown = f"{round(value):,}" if kind == "count" else _number(value, 4)
    return f"{shown} {unit}".strip()


def say_range(lower: float, upper: float, kind: str, unit: str = "") -> str:
    """An expected range; a count's ends are the outermost whole numbers inside it."""
    if kind == "count":
        low, high = math.ceil(lower - 1e-9), math.floor(upper + 1e-9)
        if low > high:  # no whole number inside: the two around it
            low, high = high, low
        return f"{max(low, 0):,}–{max(high, 0):,}"
    if kind in ("ratio", "duration"):
        return f"{say(lower, kind, unit)}–{say(upper, kind, unit)}"
    return f"{_number(lower, 4)}–{_number(upper, 4)}"


def say_part(part: float, kind: str, unit: str = "") -> str:
    """A part of a change, with its sign; of a ratio in percentage points.

    >>> say_part(-1234567.891, "money", "EUR"), say_part(0.0312, "ratio")
    ('-1,234,567.89 EUR', '+3.12 points')
    """
    sign = "-" if part < 0 else "+"
    if kind == "ratio":
        return f"{sign}{_number(abs(part) * 100, 3)} points"
    if kind == "money":
        return f"{sign}{abs(part):,.2f} {unit}".strip()
    return f"{sign}{say(abs(part), 'level' if kind == 'count' else kind, unit)}"


def say_period(start: date, grain: str, *, year: bool = True) -> str:
    """A period by its first day; ``year`` False leaves the year out of a day or a week that is near.

    >>> say_period(date(2026, 11, 3), "day", year=False), say_period(date(2026, 11, 2), "week", year=False)
    ('Tue 3 Nov', 'the week of 2 Nov')
    """
    month = MONTHS[start.month - 1]
    day = f"{start.day} {month[:3]}" + (f" {start.year}" if year else "")
    if grain == "day":
        return f"{WEEKDAYS[start.weekday()][:3]} {day}"
    if grain == "week":
        return f"the week of {day}"
    if grain == "month":
        return f"{month} {start.year}"
    if grain.startswith("trailing_"):
        return f"the {grain.removeprefix('trailing_').removesuffix('d')} days from {day}"
    if grain == "year":
        return str(start.year)
    return f"Q{(start.month + 2) // 3} {start.year}"


def say_slot(start: date, grain: str) -> str:
    """What a period is compared with: its weekday, or its grain."""
    return WEEKDAYS[start.weekday()] if grain == "day" else grain


def say_share(share: float) -> str:
    """A part of a whole in whole per cent.

    >>> say_share(0.714), say_share(-0.05)
    ('71 %', '-5 %')
    """
    return f"{round(share * 100)} %"


def say_change(ratio: float) -> str:
    """A relative change: ``24 % higher``, ``1.9 times as high``.

    >>> say_change(0.24), say_change(-0.4), say_change(1.5)
    ('24 % higher', '40 % lower', '2.5 times as high')
    """
    if ratio >= 1:
        return f"{_number(1 + ratio, 2)} times as high"
    return f"{_number(abs(ratio) * 100, 2)} % {'higher' if ratio >= 0 else 'lower'}"


def _number(value: float, digits: int) -> str:
    """At most so many significant digits, thousands grouped, no trailing zeros."""
    if value == 0:
        return "0"
    places = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:,.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _duration(seconds: float) -> str:
    rest = round(abs(seconds))
    parts: list[str] = []
    for name, size in _SECONDS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {name}" if count else "")
    shown = " ".join(part for part in parts[:2] if part) or "0 s"
    return f"-{shown}" if seconds < 0 else shown
