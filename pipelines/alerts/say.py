"""Numbers and periods as people read them in an alert.

>>> say(0.712, "ratio"), say(1234567.0, "currency", "EUR"), say(5400.0, "duration_seconds")
('71.2 %', '1,234,567 EUR', '1 h 30 min')
"""

from __future__ import annotations

import math
from datetime import date

from definitions.model import Metric

UNKNOWN = "unknown"
_SECONDS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def say_metric(value: float | None, metric: Metric) -> str:
    """A metric's value in its unit."""
    return say(value, metric.unit_family, metric.currency or metric.unit)


def say(value: float | None, family: str, unit: str = "") -> str:
    """A value in its family's shape: ratios in per cent, durations in their two largest units, money with its
    currency, everything else with its unit where that says something."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if family == "ratio":
        return f"{_number(value * 100, 1)} %"
    if family == "duration_seconds":
        return _duration(value)
    if family == "currency":
        return f"{_number(value, 0 if abs(value) >= 1000 else 2)} {unit}".strip()
    return _number(value, 2)


def say_range(lower: float | None, upper: float | None, metric: Metric) -> str:
    """An expected range: ``84 %–91 %``; one-sided where one end is unknown."""
    if lower is None and upper is None:
        return UNKNOWN
    if lower is None:
        return f"up to {say_metric(upper, metric)}"
    if upper is None:
        return f"from {say_metric(lower, metric)}"
    return f"{say_metric(lower, metric)}–{say_metric(upper, metric)}"


def say_period(start: date, grain: str) -> str:
    """A period by its first day.

    >>> say_period(date(2026, 11, 3), "day"), say_period(date(2026, 11, 1), "month")
    ('Tue 3 Nov 2026', 'November 2026')
    """
    match grain:
        case "day":
            return f"{start:%a} {start.day} {start:%b %Y}"
        case "week":
            return f"week of {start.day} {start:%b %Y}"
        case "month":
            return f"{start:%B %Y}"
        case "quarter":
            return f"Q{(start.month + 2) // 3} {start.year}"
        case "year":
            return str(start.year)
    return f"{start.day} {start:%b %Y}"


def _number(value: float, places: int) -> str:
    text = f"{value:,.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _duration(seconds: float) -> str:
    rest, parts = round(abs(seconds)), []
    for name, size in _SECONDS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {name}")
    return ("-" if seconds < 0 else "") + (" ".join(parts[:2]) or "0 s")
