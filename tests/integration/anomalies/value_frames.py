"""Value frames for the tests of detection: ticket volume of the shipped dictionary, by day and channel."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from definitions.compiler.states import FRAME

FIRST, AS_OF = date(2025, 1, 1), date(2026, 3, 31)
DAYS = (AS_OF - FIRST).days + 1
WEEK = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.4, 0.4])
CHANNELS = {"email": 0.5, "chat": 0.3, "phone": 0.2}
SPIKE = DAYS - 8  # a Tuesday
SPIKE_DAY = FIRST + timedelta(days=SPIKE)


def rows(
    metric: str,
    values: np.ndarray,
    grain: str = "day",
    segment: tuple[str, str] = ("", ""),
    states: Mapping[int, str] | None = None,
) -> list[dict[str, object]]:
    """Rows of one series; NaN has no data."""
    made = []
    for place, value in enumerate(values):
        start, end = period(place, grain)
        known = bool(np.isfinite(value))
        made.append(
            {
                "metric": metric,
                "version": 1,
                "definition_hash": "x",
                "grain": grain,
                "period_start": start,
                "period_end": end,
                "segment_dimension": segment[0],
                "segment_value": segment[1],
                "value": float(value) if known else None,
                "numerator": None,
                "denominator": None,
                "sample_size": int(value) if known else None,
                "value_state": (states or {}).get(place, "final" if known else "no_data"),
                "state_reason": None if known else "no rows",
            }
        )
    return made


def period(place: int, grain: str) -> tuple[date, date]:
    """(first, last day) of the period at ``place``."""
    if grain == "month":
        month = np.datetime64("2020-01") + place
        first, after = month.astype("datetime64[D]"), (month + 1).astype("datetime64[D]")
        return first.item(), (after - 1).item()
    length = {"day": 1, "week": 7}[grain]
    start = (FIRST if grain == "day" else date(2024, 12, 30)) + timedelta(days=place * length)
    return start, start + timedelta(days=length - 1)


def tickets(
    spikes: Mapping[int, float] | None = None, seed: int = 1, days: int = DAYS
) -> dict[str, np.ndarray]:
    """Tickets by channel; spikes (day → tickets more) are in chat alone."""
    rng = np.random.default_rng(seed)
    parts = {
        name: rng.poisson(100 * share * WEEK[np.arange(days) % 7]).astype(float)
        for name, share in CHANNELS.items()
    }
    for day, size in (spikes or {}).items():
        parts["chat"][day] += size
    return parts


def frame(parts: Mapping[str, np.ndarray], states: Mapping[int, str] | None = None) -> pa.Table:
    """The value frame of the total and of each channel."""
    made = rows("ticket_volume", sum(parts.values()), states=states)  # type: ignore[arg-type]
    for name, values in parts.items():
        made += rows("ticket_volume", values, segment=("channel", name), states=states)
    return pa.Table.from_pylist(made, schema=FRAME)
