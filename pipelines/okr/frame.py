"""The KPI value frame as arrays: which rows make one series, and where a row's neighbours in time are.

All without a loop over rows: 300,000 of them are indexed in a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from definitions.model import Grain, Segment

Days = NDArray[np.int64]
Places = NDArray[np.int64]

NOWHERE = -1
_EPOCH = date(1970, 1, 1)
_DAY_RANGE = 1 << 22
_YEAR_TOLERANCE: Mapping[str, int] = {Grain.WEEK: 3, Grain.MONTH: 10, Grain.QUARTER: 20, Grain.YEAR: 30}


def to_day(day: date) -> int:
    """Days since 1970, as Arrow counts them."""
    return (day - _EPOCH).days


def from_day(day: int) -> date:
    """The inverse of `to_day`."""
    return _EPOCH + timedelta(days=int(day))


def segment_of(dimension: str, value: str) -> Segment:
    """The frame's two columns as the dictionary's pairs; the total is empty.

    >>> segment_of("tier|region", "pro|emea")
    (('region', 'emea'), ('tier', 'pro'))
    """
    if not dimension:
        return ()
    dimensions = dimension.split("|")
    values = value.split("|") if len(dimensions) > 1 else [value]
    if len(values) != len(dimensions):
        return ((dimension, value),)
    return tuple(sorted(zip(dimensions, values, strict=True)))


@dataclass(frozen=True, slots=True)
class Group:
    """One series: a metric at a grain in a segment. `rows` are places in the frame, in order of time."""

    metric: str
    grain: str
    segment_dimension: str
    segment_value: str
    rows: Places

    @property
    def segment(self) -> Segment:
        """The segment as the dictionary writes it."""
        return segment_of(self.segment_dimension, self.segment_value)


class FrameIndex:
    """An index over one KPI value frame.

    Attributes:
        start, end: first and inclusive last day of each row's period.
    """

    def __init__(self, values: pa.Table) -> None:
        self.size = values.num_rows
        self._names: dict[str, list[str]] = {}
        codes = [self._encode(values, name) for name in _KEYS]
        self.start: Days = _days(values, "period_start")
        self.end: Days = _days(values, "period_end")
        combined = np.zeros(self.size, np.int64)
        for name, column in zip(_KEYS, codes, strict=True):
            combined = combined * max(len(self._names[name]), 1) + column
        _, first, self.group_of = np.unique(combined, return_index=True, return_inverse=True)
        order = np.lexsort((self.start, self.group_of))
        edges = np.searchsorted(self.group_of[order], np.arange(len(first) + 1))
        names = [
            [self._names[name][code] for code in column[first]]
            for name, column in zip(_KEYS, codes, strict=True)
        ]
        self.groups = tuple(
            Group(metric, grain, dimension, segment, order[edges[number] : edges[number + 1]])
            for number, (metric, grain, dimension, segment) in enumerate(zip(*names, strict=True))
        )

    @cached_property
    def previous(self) -> Places:
        """The row whose period ends the day before each row's period starts, or `NOWHERE`."""
        return self._find(self._by_end, self.group_of, self.start - 1)

    @cached_property
    def year_ago(self) -> Places:
        """The row of the same period a year earlier, or `NOWHERE`.

        Weeks go back 52 weeks, days to the same date, longer periods to the one that starts nearest to a year
        before: a 4-4-5 year starts on another date every year.
        """
        found = np.full(self.size, NOWHERE, np.int64)
        for group in self.groups:
            starts = self.start[group.rows]
            wanted = starts - 364 if group.grain == Grain.WEEK else _a_year_before(starts)
            tolerance = _YEAR_TOLERANCE.get(group.grain, 0)
            place = np.searchsorted(starts, wanted)
            left = np.clip(place - 1, 0, len(starts) - 1)
            right = np.clip(place, 0, len(starts) - 1)
            nearest = np.where(np.abs(starts[left] - wanted) < np.abs(starts[right] - wanted), left, right)
            fits = np.abs(starts[nearest] - wanted) <= tolerance
            found[group.rows] = np.where(fits, group.rows[nearest], NOWHERE)
        return found

    @cached_property
    def _by_end(self) -> tuple[Places, Places]:
        key = self.group_of * _DAY_RANGE + self.end
        order = np.argsort(key, kind="stable")
        return key[order], order

    def _find(self, index: tuple[Places, Places], group: Places, day: Days) -> Places:
        keys, order = index
        if not self.size:
            return np.empty(0, np.int64)
        wanted = group * _DAY_RANGE + day
        place = np.minimum(np.searchsorted(keys, wanted), self.size - 1)
        return np.where(keys[place] == wanted, order[place], NOWHERE)

    def _encode(self, values: pa.Table, name: str) -> Places:
        column = values.column(name).cast(pa.string())
        encoded = pc.dictionary_encode(column).combine_chunks()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.chunk(0)
        self._names[name] = [str(item) for item in encoded.dictionary.to_pylist()]
        codes: Places = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        return codes


_KEYS = ("metric", "grain", "segment_dimension", "segment_value")


def floats(values: pa.Table, name: str) -> NDArray[np.float64]:
    """A numeric column as doubles, NaN for null and for what is no finite number."""
    column = values.column(name).cast(pa.float64(), safe=False).to_numpy()
    result = np.array(column, np.float64)
    result[~np.isfinite(result)] = np.nan
    return result


def take(column: NDArray[np.float64], places: Places) -> NDArray[np.float64]:
    """`column` at `places`, NaN at `NOWHERE`."""
    if not len(column):
        return np.full(len(places), np.nan)
    return np.where(places == NOWHERE, np.nan, column[places])


def only(values: pa.Table, metrics: Iterable[str]) -> pa.Table:
    """The rows of the named metrics."""
    wanted = pa.array(sorted(set(metrics)), pa.string())
    return values.filter(pc.is_in(values.column("metric").cast(pa.string()), value_set=wanted))


def _days(values: pa.Table, name: str) -> Days:
    column = values.column(name).cast(pa.date32()).cast(pa.int32())
    days: Days = column.to_numpy().astype(np.int64)
    return days


def _a_year_before(days: Days) -> Days:
    """The same date a year earlier; 29 February goes to the 28th."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    day = (dates - months.astype("datetime64[D]")).astype(np.int64)
    earlier = months - 12
    length = ((earlier + 1).astype("datetime64[D]") - earlier.astype("datetime64[D]")).astype(np.int64)
    before: Days = (earlier.astype("datetime64[D]").astype(np.int64)) + np.minimum(day, length - 1)
    return before
