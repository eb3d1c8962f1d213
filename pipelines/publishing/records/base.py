"""What all rows share: kinds of numbers, the end of time, the key of a segment."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

Number = Decimal | float | int

FOREVER = date(9999, 12, 31)
"""`valid_to` of what is in force without an end."""

TOTAL = "total"
"""Segment key of the company total; any other segment is `dimension=value`."""


def segment_key(dimension: str, value: str) -> str:
    """The single-column key of a segment.

    >>> segment_key("", ""), segment_key("region", "emea"), segment_key("region|tier", "emea|pro")
    ('total', 'region=emea', 'region|tier=emea|pro')
    """
    return f"{dimension}={value}" if dimension else TOTAL
