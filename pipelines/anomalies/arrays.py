"""Any regular series of values in, flags out: for whoever has arrays and no dictionary.

    found = flag_values([12, 14, 11, ...], kind="count", start=date(2025, 1, 1))
    found.flags, found.kinds, found.expected, found.lower, found.upper

One series or many of the same length, of any regular grain: days, weeks, months, quarters, or steps of any length
(``timedelta(hours=1)``, ``timedelta(minutes=5)``), whose season is then the day. A verdict on a value rests on that
value and on earlier ones only, so the whole history can be handed over at once. Same arrays, same flags.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from definitions.settings import DetectionSettings

from .detector import DEFAULTS, Detection, Verdict, detect
from .series import Bools, CalendarMark, Dates, Floats, Ints, Kind, SeriesBatch, period_starts

GRAINS = ("day", "week", "month", "quarter")
DAY = timedelta(days=1)

SEASONS_BEFORE, MOST_BEFORE = 3, 400
"""Seasons of a finer grain that must be seen before it is tested, and most steps that this may take."""

FINE_CAUTION = 1.6
"""Factor on the alarms of shifts and drifts at finer steps, whose values hang together far more than those of days."""

MERGED = 3
"""Flags so many days, weeks or months apart at most are one alert."""

APART = timedelta(hours=12)
"""Flags at finer steps that are nearer than this are one alert."""

FINEST_SEASON = 96
"""Most places in a season that are told apart: a day of five-minute steps has a place for each quarter of an hour."""


@dataclass(frozen=True)
class Flagged:
    """What was found; every array has the shape of the values handed over.

    flags: whether a value is flagged. onsets: the first flag of each alert; what follows it closely belongs to it.
    kinds: point, level_shift, trend, streak, missing, or '' for none. score: how far outside, in normal standard
    deviations. expected, lower, upper: in units; NaN where nothing was known yet. tested: whether a value was tested
    at all (False for the first ones, and for what is incomplete).
    """

    flags: Bools
    onsets: Bools
    kinds: NDArray[np.str_]
    score: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    tested: Bools
    detection: Detection

    @property
    def version(self) -> str:
        """Version of the detector."""
        return self.detection.version


def flag_values(
    values: ArrayLike,
    kind: str | Sequence[str] = "auto",
    *,
    start: date | datetime = date(2024, 1, 1),
    grain: str | timedelta = "day",
    season: int | None = None,
    samples: ArrayLike | None = None,
    holidays: Iterable[date | tuple[date, str]] = (),
    marks: Iterable[CalendarMark] = (),
    better: str | Sequence[str] = "within",
    incomplete: int = 0,
    settings: DetectionSettings = DEFAULTS,
) -> Flagged:
    """Flag what is odd in one series (a list) or in many (rows); NaN or None is a missing value.

    Args:
        values: (periods,) or (series, periods), oldest first, at even steps.
        kind: count, ratio, money, duration, score or level; one for all or one per series. ``auto`` looks at the values
            before the first test; finer steps than days are then taken as they are (score).
        start: first day, or first instant, of the first value.
        grain: day, week, month, quarter, or the length of a step.
        season: steps in one turn of the season; None is the week for days, the year for months and quarters, the day
            for finer steps; 1 is no season.
        samples: denominators of ratios, events behind averages.
        holidays: days, or (day, name); what they do to a series is learned. A holiday that has no name is known by its
            day of the year. For days only.
        marks: further things that are known beforehand, as in `SeriesBatch`. For days and longer.
        better: increase, decrease or within.
        incomplete: trailing values that are still running: neither tested nor learned from.
        settings: thresholds.

    Raises:
        ValueError: arrays that do not fit together, an unknown kind, grain or direction, or a step that is no length.
    """
    array = np.asarray(values, dtype=np.float64)
    table = np.atleast_2d(array)
    if table.ndim != 2:
        raise ValueError(f"values have {array.ndim} dimensions: hand over one series, or rows of series")
    series, periods = table.shape
    finer = isinstance(grain, timedelta) and grain != DAY
    starts = _starts(start, grain, periods)
    slots = _slots(starts, season) if finer else None
    history = settings.history(_name(grain))
    if finer:
        turn = season or max(int(DAY / grain), 1) if isinstance(grain, timedelta) else 1
        history = min(max(history, SEASONS_BEFORE * turn), MOST_BEFORE)
        settings = settings.model_copy(
            update={
                "history_day": history,
                "shift_alarm": settings.shift_alarm * FINE_CAUTION,
                "trend_alarm": settings.trend_alarm * FINE_CAUTION,
            }
        )
    kinds = _kinds(kind, table, history, samples is not None, finer)
    known = [*_holidays(holidays), *marks]
    if finer and known:
        raise ValueError("holidays and marks are of days: for finer steps, take out their values instead")
    batch = SeriesBatch(
        keys=tuple(f"series_{row}" for row in range(series)),
        grain=_name(grain),
        starts=starts,
        values=table,
        kinds=kinds,
        better=SeriesBatch.of(table[:, :0], "level", start=date(2024, 1, 1), better=better).better,
        samples=None if samples is None else np.atleast_2d(np.asarray(samples, dtype=np.float64)),
        incomplete=np.full(series, incomplete, dtype=np.int64),
        marks=(tuple(known),),
        season_length=season or 0,
        slots=slots,
    )
    detection = detect(batch, settings)
    lower, upper = detection.band()
    names = np.array(["", *(verdict.name.lower() for verdict in list(Verdict)[1:])])
    shape = array.shape

    def shaped(out: NDArray[Any]) -> NDArray[Any]:
        return out.reshape(shape)

    apart = max(int(APART / grain), 1) if finer and isinstance(grain, timedelta) else MERGED
    return Flagged(
        flags=shaped(detection.verdict != Verdict.NONE),
        onsets=shaped(_onsets(detection.verdict != Verdict.NONE, apart)),
        kinds=shaped(names[detection.verdict]),
        score=shaped(detection.score),
        expected=shaped(detection.expected()),
        lower=shaped(lower),
        upper=shaped(upper),
        tested=shaped(detection.ready & np.isfinite(table)),
        detection=detection,
    )


def _name(grain: str | timedelta) -> str:
    name = "day" if isinstance(grain, timedelta) else grain
    if name not in GRAINS:
        raise ValueError(f"grain {grain!r} is unknown: day, week, month, quarter, or a timedelta")
    return name


def _starts(start: date | datetime, grain: str | timedelta, periods: int) -> Dates:
    if isinstance(grain, timedelta) and grain != DAY:
        if grain <= timedelta(0) or grain > DAY:
            raise ValueError(f"a step of {grain} is no length below a day: name a grain for longer ones")
        naive = start.replace(tzinfo=None) if isinstance(start, datetime) else start
        first, step = np.datetime64(naive, "s"), np.timedelta64(int(grain.total_seconds()), "s")
        return np.asarray(first + step * np.arange(periods))
    return period_starts(start.date() if isinstance(start, datetime) else start, _name(grain), periods)


def _slots(starts: Dates, season: int | None) -> Ints:
    """Place of each step in its season: the time of day, on working days and on rest days; or as told."""
    if season is not None:
        return np.arange(len(starts), dtype=np.int64) % season
    seconds = starts.astype("datetime64[s]").astype(np.int64)
    step = int(seconds[1] - seconds[0]) if len(starts) > 1 else 3600
    width = max(step, 86_400 // FINEST_SEASON)
    places = -(-86_400 // width)
    is_rest = (seconds // 86_400 + 3) % 7 >= 5
    return np.asarray(seconds % 86_400 // width + places * is_rest)


def _kinds(
    kind: str | Sequence[str], table: Floats, history: int, has_samples: bool, finer: bool
) -> tuple[Kind, ...]:
    names = (kind,) * len(table) if isinstance(kind, str) else tuple(kind)
    return tuple(
        (Kind.SCORE if finer else guess_kind(row, history, has_samples)) if name == "auto" else Kind(name)
        for name, row in zip(names, table, strict=True)
    )


def guess_kind(values: Floats, history: int, has_samples: bool = False) -> Kind:
    """What a series seems to measure, from its first ``history`` known values alone."""
    known = values[np.isfinite(values)][:history]
    if has_samples and bool(((known >= 0) & (known <= 1)).all()):
        return Kind.RATIO
    if len(known) and bool(((known >= 0) & (known == np.round(known))).all()):
        return Kind.COUNT
    return Kind.LEVEL


def _onsets(flags: Bools, apart: int) -> Bools:
    """Flags that no other flag precedes by ``apart`` steps or less."""
    steps = np.arange(flags.shape[1])
    last = np.maximum.accumulate(np.where(flags, steps, -apart - 1), axis=1)
    before = np.concatenate([np.full((len(flags), 1), -apart - 1), last[:, :-1]], axis=1)
    return np.asarray(flags & (steps - before > apart))


def _holidays(holidays: Iterable[date | tuple[date, str]]) -> list[CalendarMark]:
    return [
        CalendarMark(day, f"{day:%m-%d}") if isinstance(day, date) else CalendarMark(*day) for day in holidays
    ]
