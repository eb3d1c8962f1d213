"""What a chart shows: the rows it is drawn from and what its axes say, as data that the renderer is given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pipelines.report.model import Annotation, KeyResult, Point, Unit
from pipelines.report.numbers import is_percent, symbol

_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86_400_000
_LONG = 180
_SECONDS = ((172_800, 86_400, " d"), (7_200, 3_600, " h"), (120, 60, " min"), (0, 1, " s"))
_SHORT = ((1e10, 1e9, "B"), (1e7, 1e6, "M"), (1e4, 1e3, "k"))
"""From this value on an axis counts in this many, with this word."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart to be drawn. ``kind``: spark, metric or progress; ``data``: its JSON object, as `specs` tells it."""

    kind: str
    data: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A flagged period on a chart; ``effect`` decides the shape: a triangle up or down, or a diamond."""

    start: date
    value: float
    effect: str


@dataclass(frozen=True, slots=True)
class _Scale:
    """How values stand on the axis: divided by ``size``, in a d3 format, between two words."""

    size: float = 1
    before: str = ""
    form: str = ",~r"
    after: str = ""

    def of(self, value: float | None) -> float | None:
        return None if value is None else value / self.size


def sparkline(points: Sequence[Point]) -> Chart | None:
    """A small line of recent values, its last one dotted, with the target as a dashed rule; None without values."""
    known = [(i, point) for i, point in enumerate(points) if point.value is not None]
    if len(known) < 2:
        return None
    target = known[-1][1].target
    rows = [{"i": i, "v": point.value} for i, point in known]
    rows[-1] |= {"last": True, **({} if target is None else {"t": target})}
    return _chart("spark", rows)


def metric_chart(
    points: Sequence[Point],
    unit: Unit,
    grain: str,
    marks: Sequence[Mark] = (),
    annotations: Sequence[Annotation] = (),
    optimum: tuple[float, float] | None = None,
) -> Chart | None:
    """One metric over time: expected range, target or optimum, values (hollow while provisional), flags and events.

    None with fewer than two values.
    """
    known = [point.value for point in points if point.value is not None]
    if len(known) < 2:
        return None
    scale = _scale(unit, max(abs(value) for value in known))
    first, last = points[0].start, points[-1].start
    rows: list[dict[str, Any]] = []
    for point, alone in zip(points, _lonely(points), strict=True):
        row = {
            "kind": "v",
            "d": _day(point.start),
            "v": scale.of(point.value),
            "t": scale.of(point.target),
            "lo": scale.of(point.lower),
            "hi": scale.of(point.upper),
            "open": point.state != "final",
            "alone": alone,
        }
        rows.append({name: value for name, value in row.items() if value not in (None, False)})
    for i, one in enumerate(annotations, start=1):
        begin, end = min(max(one.start, first), last), min(max(one.end, first), last)
        rows.append({"kind": "e", "d": _day(begin), "to": _day(end), "n": str(i)})
    rows += [
        {"kind": "f", "d": _day(mark.start), "v": scale.of(mark.value), "e": mark.effect} for mark in marks
    ]
    rows += [{"kind": "o", "d": _day(last), "t": scale.of(edge)} for edge in optimum or ()]
    dates = "%Y" if grain == "year" else "%b %Y" if (last - first).days > _LONG else "%-d %b"
    return _chart("metric", rows, scale, dates)


def progress_chart(kr: KeyResult, start: date, end: date) -> Chart | None:
    """A key result over its cycle: expected and actual progress, and the forecast with its interval.

    None without any day of progress.
    """
    seen = [one for one in kr.history if one.progress is not None]
    if not seen:
        return None
    last = seen[-1]
    now = _clamp(last.progress)
    rows: list[dict[str, Any]] = [{"kind": "b", "d": _day(day), "p": p} for day, p in ((start, 0), (end, 1))]
    rows += [{"kind": "a", "d": _day(one.day), "p": _clamp(one.progress)} for one in seen]
    planned = [
        {"kind": "x", "d": _day(one.day), "p": one.expected} for one in kr.history if one.expected is not None
    ]
    if planned and kr.history[0].day > start:
        planned.insert(0, {"kind": "x", "d": _day(start), "p": 0})
    rows += [*planned, {"kind": "x", "d": _day(end), "p": 1}, {"kind": "n", "d": _day(last.day), "p": now}]
    ends = [_as_progress(value, kr) for value in (kr.forecast_low, kr.forecast, kr.forecast_high)]
    if last.day < end and all(one is not None for one in ends):
        low, middle, high = (_clamp(one) for one in ends)
        rows += [
            {"kind": "c", "d": _day(last.day), "lo": now, "p": now, "hi": now},
            {"kind": "c", "d": _day(end), "lo": min(low, high), "p": middle, "hi": max(low, high)},
        ]
    return _chart("progress", rows, _Scale(form=".0%"), "%-d %b")


def _chart(
    kind: str, rows: Sequence[Mapping[str, Any]], scale: _Scale | None = None, dates: str = ""
) -> Chart:
    told: dict[str, Any] = {"rows": rows}
    if scale is not None:
        told |= {"before": scale.before, "form": scale.form, "after": scale.after, "dates": dates}
    return Chart(kind, json.dumps(told, separators=(",", ":"), allow_nan=False))


def _scale(unit: Unit, largest: float) -> _Scale:
    """The axis of a unit: per cent, days or hours or minutes, money with its sign, plain or shortened numbers."""
    if is_percent(unit):
        return _Scale(form="~%")
    if unit.family == "duration_seconds":
        size, after = next((size, after) for least, size, after in _SECONDS if largest >= least)
        return _Scale(size=size, after=after)
    for least, many, after in _SHORT:
        if largest >= least:
            return _Scale(many, symbol(unit), after=after)
    return _Scale(before=symbol(unit))


def _as_progress(value: float | None, kr: KeyResult) -> float | None:
    """The way from baseline to target that a value has made."""
    if value is None or kr.baseline is None or kr.target is None or kr.target == kr.baseline:
        return None
    return (value - kr.baseline) / (kr.target - kr.baseline)


def _clamp(value: float | None) -> float:
    return max(-1.0, min(1.5, value or 0.0))


def _lonely(points: Sequence[Point]) -> list[bool]:
    """Values between two gaps: no line touches them, so they need a dot."""
    known = [False, *(point.value is not None for point in points), False]
    return [
        here and not before and not after
        for before, here, after in zip(known, known[1:], known[2:], strict=False)
    ]


def _day(of: date) -> int:
    """Midnight UTC as milliseconds."""
    return (of.toordinal() - _EPOCH) * _DAY
