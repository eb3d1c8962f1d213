"""From the KPI value frame to batches of series, one per grain and calendar.

Only final values are tested and learned from; what is provisional, still running or held back is left out. A metric is
watched at the grain it is calculated by and, where that is coarser, at the grain it is reviewed by. Source: detection
rules, "Input", and dictionary rules, semantics 10.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from definitions.calendars import period_start
from definitions.model import (
    Aggregation,
    Calendar,
    Catalogue,
    Conversion,
    Cumulative,
    Metric,
    Ratio,
    Retention,
    Simple,
)
from definitions.settings import DetectionSettings

from .feedback import Feedback, learned
from .series import Better, Bools, CalendarMark, Dates, Floats, Ints, Kind, SeriesBatch

Segment = tuple[str, str]
TOTAL: Segment = ("", "")
GRAINS = ("day", "week", "month", "quarter")
_GRAIN_OF = {
    "hourly": "day",
    "daily": "day",
    "weekly": "week",
    "sprint": "week",
    "monthly": "month",
    "quarterly": "quarter",
    "yearly": "quarter",
}
_COUNTS = (Aggregation.COUNT, Aggregation.COUNT_DISTINCT, Aggregation.SUM_BOOLEAN)


@dataclass(frozen=True)
class Watched:
    """A batch with what its rows and columns are.

    series: (metric, segment) by row. ends: inclusive last day by column.
    """

    batch: SeriesBatch
    series: tuple[tuple[str, Segment], ...]
    ends: Dates

    @property
    def grain(self) -> str:
        """Grain of the batch."""
        return self.batch.grain


def watched_grains(metric: Metric) -> tuple[str, ...]:
    """The grains a metric is tested at, finest first."""
    calculated = _GRAIN_OF.get(metric.frequency.calculate, "day")
    reviewed = _GRAIN_OF.get(metric.frequency.review, "week")
    chosen = {calculated, max(calculated, reviewed, key=GRAINS.index)} & set(metric.grains)
    if isinstance(metric.formula, Cumulative) and metric.formula.grain_to_date is not None:
        # A month to date climbs every month; only at its own grain is it a series.
        chosen &= {metric.formula.grain_to_date}
    return tuple(grain for grain in GRAINS if grain in chosen)


def batches(
    catalogue: Catalogue,
    values: pa.Table,
    as_of: date,
    feedback: Sequence[Feedback] = (),
    settings: DetectionSettings | None = None,
) -> tuple[Watched, ...]:
    """The totals of every metric, by grain and calendar."""
    settings = settings or catalogue.settings.detection
    totals = values.filter(pc.equal(values["segment_dimension"], ""))
    found = []
    for grain in GRAINS:
        for name, calendar in sorted(catalogue.calendars.items()):
            metrics = [
                metric.name
                for metric in sorted(catalogue.metrics.values(), key=lambda metric: metric.name)
                if metric.calendar == name and grain in watched_grains(metric)
            ]
            wanted = [(metric, TOTAL) for metric in metrics]
            watched = watch(catalogue, totals, grain, calendar, wanted, as_of, feedback, settings)
            if watched is not None:
                found.append(watched)
    return tuple(found)


def watch(
    catalogue: Catalogue,
    values: pa.Table,
    grain: str,
    calendar: Calendar,
    wanted: Sequence[tuple[str, Segment]],
    as_of: date,
    feedback: Sequence[Feedback],
    settings: DetectionSettings,
) -> Watched | None:
    """The wanted series of one grain and calendar; None where the frame has none of them."""
    place = {key: row for row, key in enumerate(wanted)}
    names = pa.array(sorted({metric for metric, _ in wanted}), pa.string())
    chosen = values.filter(
        pc.and_(
            pc.equal(values["grain"], grain),
            pc.and_(
                pc.is_in(values["metric"], value_set=names), pc.less_equal(values["period_start"], as_of)
            ),
        )
    )
    if not chosen.num_rows:
        return None
    starts = np.unique(chosen["period_start"].to_numpy().astype("datetime64[D]"))
    columns = _Columns(chosen, place, starts)
    if not columns.rows.size:
        return None
    present = np.unique(columns.rows)
    grid = columns.grid((len(wanted), len(starts)))
    series = tuple(wanted[row] for row in present.tolist())
    ends = _ends(chosen, starts)
    metrics = [catalogue.metrics[metric] for metric, _ in series]
    words = learned(feedback, series, starts, ends)
    running = int((ends > np.datetime64(as_of)).sum())
    kinds = [
        kind_of(metric, grid.values[row], grid.numerators[row], grid.denominators[row])
        for metric, row in zip(metrics, present.tolist(), strict=True)
    ]
    samples = np.stack(
        [
            _samples(kind, grid, row, metric)
            for kind, metric, row in zip(kinds, metrics, present.tolist(), strict=True)
        ]
    )
    marks, calendar_of = _marks(calendar, metrics, grain, starts, ends, settings)
    batch = SeriesBatch(
        keys=tuple("/".join((metric, grain, *segment)) for metric, segment in series),
        grain=grain,
        starts=starts,
        values=_begun(np.where(grid.final[present], grid.values[present], np.nan)),
        kinds=tuple(kinds),
        better=tuple(Better(str(metric.direction)) for metric in metrics),
        samples=np.where(grid.held[present], 0.0, samples),
        incomplete=np.maximum(running, _provisional(grid, present)),
        ignored=words.ignored,
        doubted=words.doubted,
        marks=marks,
        calendar_of=calendar_of,
        month_position=np.array([metric.meta.get("season") == "month_end" for metric in metrics]),
        formats=tuple(format_of(metric) for metric in metrics),
        units=tuple(unit_words(metric) for metric in metrics),
        labels=tuple(metric.label for metric in metrics),
    )
    return Watched(batch, series, ends)


def _begun(values: Floats) -> Floats:
    """Without the zeros before a series' first activity: what has not begun cannot rise."""
    active = np.isfinite(values) & (values != 0)
    return np.where(np.maximum.accumulate(active, axis=1), values, np.nan)


def kind_of(metric: Metric, values: Floats, numerators: Floats, denominators: Floats) -> Kind:
    """The variance model of a metric, from its formula and unit (and, for a ratio, whether it counts)."""
    formula = metric.formula
    if isinstance(formula, Simple) and formula.measure.agg in _COUNTS:
        return Kind.COUNT
    if _sums_counts(metric, values):
        return Kind.COUNT
    if isinstance(formula, Conversion | Retention) and formula.calculation != "rate":
        return Kind.COUNT
    counted = isinstance(formula, Ratio | Conversion | Retention) and _counts(numerators, denominators)
    if counted and metric.unit_family == "ratio":
        return Kind.RATIO
    if metric.unit_family == "currency":
        return Kind.MONEY if isinstance(formula, Simple) and formula.measure.agg.is_additive else Kind.LEVEL
    if metric.unit_family == "duration_seconds":
        return Kind.DURATION
    return Kind.SCORE if metric.unit_family == "score" else Kind.LEVEL


def _sums_counts(metric: Metric, values: Floats) -> bool:
    """Whether the metric adds up counts that were made elsewhere."""
    formula, known = metric.formula, values[np.isfinite(values)]
    adds = isinstance(formula, Simple) and formula.measure.agg is Aggregation.SUM
    return adds and metric.unit_family == "count" and bool(np.all((known >= 0) & (known == np.round(known))))


def _counts(numerators: Floats, denominators: Floats) -> bool:
    """Whether numerators count a part of what the denominators count."""
    known = np.isfinite(numerators) & np.isfinite(denominators)
    top, bottom = numerators[known], denominators[known]
    whole = np.all(top == np.round(top)) and np.all(bottom == np.round(bottom))
    return bool(known.any() and whole and np.all(top >= 0) and np.all(top <= bottom))


@dataclass(frozen=True)
class _Grid:
    values: Floats
    numerators: Floats
    denominators: Floats
    sizes: Floats
    final: Bools
    provisional: Bools
    held: Bools


class _Columns:
    """The frame's columns as arrays, with the row and column each value belongs to."""

    def __init__(self, chosen: pa.Table, place: Mapping[tuple[str, Segment], int], starts: Dates) -> None:
        metric = chosen["metric"].to_pylist()
        dimension, value = chosen["segment_dimension"].to_pylist(), chosen["segment_value"].to_pylist()
        row = np.array(
            [place.get((m, (d, v)), -1) for m, d, v in zip(metric, dimension, value, strict=True)],
            dtype=np.int64,
        )
        keep = row >= 0
        days = chosen["period_start"].to_numpy().astype("datetime64[D]")
        self.chosen, self.keep = chosen, keep
        self.rows = row[keep]
        self.columns = np.searchsorted(starts, days[keep])

    def grid(self, shape: tuple[int, int]) -> _Grid:
        """Spread over (series, periods)."""
        state = np.array(self.chosen["value_state"].to_pylist(), dtype=object)[self.keep]

        def numbers(name: str) -> Floats:
            out = np.full(shape, np.nan)
            column = pc.cast(self.chosen[name], pa.float64())
            out[self.rows, self.columns] = column.to_numpy(zero_copy_only=False)[self.keep]
            return out

        def flags(*states: str) -> Bools:
            out = np.zeros(shape, dtype=bool)
            out[self.rows, self.columns] = np.isin(state, states)
            return out

        return _Grid(
            values=numbers("value"),
            numerators=numbers("numerator"),
            denominators=numbers("denominator"),
            sizes=numbers("sample_size"),
            final=flags("final"),
            provisional=flags("provisional"),
            held=flags("insufficient_sample", "blocked", "provisional"),
        )


def _samples(kind: Kind, grid: _Grid, row: int, metric: Metric) -> Floats:
    """Denominator of a ratio, events behind an average; NaN where a value is no average."""
    if kind is Kind.RATIO:
        return np.asarray(np.where(grid.sizes[row] == 0, 0.0, grid.denominators[row]))
    averaged = kind in (Kind.DURATION, Kind.SCORE) or (
        kind is Kind.LEVEL and isinstance(metric.formula, Ratio | Conversion | Retention)
    )
    return np.asarray(grid.sizes[row] if averaged else np.full(grid.sizes.shape[1], np.nan))


def _ends(chosen: pa.Table, starts: Dates) -> Dates:
    ends = np.empty(len(starts), dtype="datetime64[D]")
    days = chosen["period_start"].to_numpy().astype("datetime64[D]")
    ends[np.searchsorted(starts, days)] = chosen["period_end"].to_numpy().astype("datetime64[D]")
    return ends


def _provisional(grid: _Grid, present: Ints) -> Ints:
    """Trailing periods that the frame itself calls provisional."""
    open_ends = grid.provisional[present]
    running = np.cumprod(open_ends[:, ::-1], axis=1)
    return np.asarray(running.sum(axis=1), dtype=np.int64)


def _marks(
    calendar: Calendar,
    metrics: Sequence[Metric],
    grain: str,
    starts: Dates,
    ends: Dates,
    settings: DetectionSettings,
) -> tuple[tuple[tuple[CalendarMark, ...], ...], Ints]:
    """Marks of each distinct set of declared events, and which set a series follows."""
    sets: dict[tuple[int, ...], int] = {}
    calendar_of = np.zeros(len(metrics), dtype=np.int64)
    for row, metric in enumerate(metrics):
        mine = tuple(
            place
            for place, event in enumerate(calendar.events)
            if not event.metrics or metric.name in event.metrics
        )
        calendar_of[row] = sets.setdefault(mine, len(sets))
    holidays = _holiday_marks(calendar, grain, settings)
    made = []
    for mine in sets:
        marks = list(holidays)
        for place in mine:
            event = calendar.events[place]
            touched = _touched(starts, ends, event.start, event.end, grain)
            marks.extend(CalendarMark(day, event.name, event.kind, event.expected) for day in touched)
        made.append(tuple(marks))
    return tuple(made), calendar_of


def _holiday_marks(calendar: Calendar, grain: str, settings: DetectionSettings) -> list[CalendarMark]:
    """Days: each holiday and the days around it. Weeks: those that lose a working day. Coarser: none."""
    if grain == "day":
        marks = [CalendarMark(holiday.date, holiday.name) for holiday in calendar.holidays]
        taken = {mark.start for mark in marks}
        for holiday in calendar.holidays:
            for offset in settings.holiday_window:
                day = holiday.date + timedelta(days=offset)
                if day not in taken:
                    taken.add(day)
                    marks.append(CalendarMark(day, f"{holiday.name} {offset:+d}", "around holiday"))
        return marks
    if grain != "week":
        return []
    return [
        CalendarMark(period_start(calendar, "week", holiday.date), holiday.name, "holiday week")
        for holiday in calendar.holidays
        if holiday.date.isoweekday() not in calendar.weekend
    ]


def _touched(starts: Dates, ends: Dates, first: date, last: date, grain: str) -> list[date]:
    """Periods that an event covers: any of a day, a quarter of anything longer."""
    low = np.maximum(starts, np.datetime64(first))
    high = np.minimum(ends, np.datetime64(last))
    days = (high - low).astype(np.int64) + 1
    length = (ends - starts).astype(np.int64) + 1
    enough = days >= (1 if grain == "day" else np.maximum(length / 4, 1))
    return list(starts[enough].tolist())


def format_of(metric: Metric) -> str:
    """How a metric's numbers are written (see `wording.say`)."""
    formats = {"ratio": "ratio", "duration_seconds": "duration", "count": "count", "currency": "money"}
    return formats.get(metric.unit_family, "level")


def unit_words(metric: Metric) -> str:
    """The unit people read beside a number."""
    if metric.unit_family == "currency":
        return metric.currency or metric.unit
    return "" if metric.unit in ("ratio", "score", "count", "seconds") else metric.unit
