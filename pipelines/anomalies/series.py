"""What the detector reads: many series of one grain as arrays, with what is known about their calendar.

A batch holds everything a verdict may depend on. Rows are series, columns are periods; NaN is missing.

    batch = SeriesBatch.of(values, kind="count", start=date(2025, 1, 1), grain="day", holidays=holidays)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Dates = NDArray[np.datetime64]

SEASON_LENGTH = {"day": 7, "week": 1, "month": 1, "quarter": 1, "year": 1}
"""Periods in one turn of the season that is learned, by grain. Weekday for days; a year of weeks or months
turns too seldom to learn from two years."""


class Kind(StrEnum):
    """What a series measures; it chooses the variance model. Source: detection rules, 'variance model'."""

    COUNT = "count"
    RATIO = "ratio"
    MONEY = "money"
    DURATION = "duration"
    SCORE = "score"
    LEVEL = "level"


class Better(StrEnum):
    """Which way is better; ``within`` knows no better side."""

    INCREASE = "increase"
    DECREASE = "decrease"
    WITHIN = "within"


@dataclass(frozen=True, slots=True)
class CalendarMark:
    """A period on which something known happens: ``key`` names it (it comes back under the same name),
    ``pool`` the family it borrows from until it has been seen (holiday, campaign, outage).

    ``expected``: the value is accepted whatever it is, and leaves the history.
    """

    start: date
    key: str
    pool: str = "holiday"
    expected: bool = False


@dataclass(frozen=True)
class SeriesBatch:
    """Series of one grain over the same periods.

    values: (series, periods), NaN = missing.
    samples: (series, periods) or None; the denominator of a ratio, or the number of events behind an
        averaged value (median duration, mean score); NaN = unknown.
    incomplete: number of trailing periods, per series, that are still running or settling: never tested,
        never learned from.
    ignored: (series, periods); True leaves the value out of the history the model learns from.
    accepted: (series, periods); True also raises no flag.
    doubted: (series, periods); True where flags were called false: the value is not learned from, and a flag there
        makes the series tolerate its like from then on.
    marks: calendar marks shared by all series of a calendar; ``calendar_of`` says which calendar a series
        follows.
    month_position: series whose first and last days of the month are learned as a season of their own.
    season_length: periods in a season, where it is not the grain's own (0 = the grain's).
    slots: (periods,); place of each period in its season, where that is not counted from the season's length.
    formats, units, labels: how numbers are written, what they count, what people call the series.
    """

    keys: tuple[str, ...]
    grain: str
    starts: Dates
    values: Floats
    kinds: tuple[Kind, ...]
    better: tuple[Better, ...]
    samples: Floats | None = None
    incomplete: Ints | None = None
    ignored: Bools | None = None
    accepted: Bools | None = None
    doubted: Bools | None = None
    marks: tuple[tuple[CalendarMark, ...], ...] = ((),)
    calendar_of: Ints | None = None
    month_position: Bools | None = None
    season_length: int = 0
    slots: Ints | None = None
    formats: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    meta: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        series, periods = self.values.shape
        problems = [
            f"{name} has shape {np.shape(value)}, expected {shape}"
            for name, value, shape in (
                ("keys", np.empty(len(self.keys)), (series,)),
                ("kinds", np.empty(len(self.kinds)), (series,)),
                ("better", np.empty(len(self.better)), (series,)),
                ("starts", self.starts, (periods,)),
                ("samples", self.samples, (series, periods)),
                ("slots", self.slots, (periods,)),
                ("incomplete", self.incomplete, (series,)),
                ("ignored", self.ignored, (series, periods)),
                ("accepted", self.accepted, (series, periods)),
                ("doubted", self.doubted, (series, periods)),
                ("calendar_of", self.calendar_of, (series,)),
                ("month_position", self.month_position, (series,)),
            )
            if value is not None and np.shape(value) != shape
        ]
        if problems:
            raise ValueError("series batch does not fit together: " + "; ".join(problems))
        if self.season_length == 0:
            object.__setattr__(self, "season_length", SEASON_LENGTH.get(self.grain, 1))

    @property
    def shape(self) -> tuple[int, int]:
        """(series, periods)."""
        return self.values.shape[0], self.values.shape[1]

    def take(self, rows: Ints, columns: slice = slice(None)) -> SeriesBatch:
        """The batch with these rows (a row may come more than once) and columns."""

        def both(array: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if array is None else array[rows][:, columns]

        def one(array: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if array is None else array[rows]

        values = both(self.values)
        return replace(
            self,
            keys=tuple(self.keys[row] for row in rows),
            kinds=tuple(self.kinds[row] for row in rows),
            better=tuple(self.better[row] for row in rows),
            units=tuple(self.units[row] for row in rows) if self.units else (),
            formats=tuple(self.formats[row] for row in rows) if self.formats else (),
            labels=tuple(self.labels[row] for row in rows) if self.labels else (),
            starts=self.starts[columns],
            slots=None if self.slots is None else self.slots[columns],
            values=self.values if values is None else values,
            samples=both(self.samples),
            ignored=both(self.ignored),
            accepted=both(self.accepted),
            doubted=both(self.doubted),
            incomplete=one(self.incomplete),
            calendar_of=one(self.calendar_of),
            month_position=one(self.month_position),
        )

    def name(self, row: int) -> str:
        """What people call the series."""
        return self.labels[row] if self.labels else self.keys[row]

    def format(self, row: int) -> str:
        """How numbers of the series are written (see `wording.say`); its kind, unless declared."""
        return self.formats[row] if self.formats else str(self.kinds[row])

    def unit(self, row: int) -> str:
        """The unit people read, '' when none is declared."""
        return self.units[row] if self.units else ""

    @classmethod
    def of(
        cls,
        values: Floats | Sequence[Sequence[float]],
        kind: str | Sequence[str] = "level",
        *,
        start: date,
        grain: str = "day",
        better: str | Sequence[str] = "within",
        samples: Floats | None = None,
        holidays: Iterable[tuple[date, str]] = (),
        marks: Iterable[CalendarMark] = (),
        keys: Sequence[str] = (),
        incomplete: int = 0,
        season_length: int = 0,
    ) -> SeriesBatch:
        """A batch from plain arrays: one start, one calendar, one or one-per-series kind.

        ``holidays`` are (day, name) pairs; a name that comes back next year is the same holiday.
        """
        array = np.atleast_2d(np.asarray(values, dtype=np.float64))
        series, periods = array.shape
        kinds = (kind,) * series if isinstance(kind, str) else tuple(kind)
        ways = (better,) * series if isinstance(better, str) else tuple(better)
        known = [*(CalendarMark(day, name) for day, name in holidays), *marks]
        return cls(
            keys=tuple(keys) or tuple(f"series_{row}" for row in range(series)),
            grain=grain,
            starts=period_starts(start, grain, periods),
            values=array,
            kinds=tuple(Kind(name) for name in kinds),
            better=tuple(Better(name) for name in ways),
            samples=None if samples is None else np.atleast_2d(np.asarray(samples, dtype=np.float64)),
            incomplete=np.full(series, incomplete, dtype=np.int64),
            marks=(tuple(known),),
            season_length=season_length,
        )


def period_starts(start: date, grain: str, count: int) -> Dates:
    """First days of ``count`` consecutive periods from ``start`` on."""
    first = np.datetime64(start, "D")
    if grain == "month":
        return np.asarray(first.astype("datetime64[M]") + np.arange(count)).astype("datetime64[D]")
    if grain == "quarter":
        return np.asarray(first.astype("datetime64[M]") + 3 * np.arange(count)).astype("datetime64[D]")
    step = {"day": 1, "week": 7}.get(grain)
    if step is None:
        raise ValueError(f"grain {grain!r} is not tested for anomalies: use day, week, month or quarter")
    return np.asarray(first + step * np.arange(count))
