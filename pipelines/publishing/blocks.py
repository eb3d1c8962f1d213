"""Blocks of periods, and coverage: the stretches of a series that are compared, skipped and retired as one.

A block is a month of days and trailing windows, a year of weeks, or all periods of a longer grain. A block whose
fingerprint is published is not even staged. Source: publication rules, decision 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from pipelines.publishing.coded import Codes, distinct
from pipelines.publishing.publication import Coverage
from pipelines.publishing.records import FOREVER
from pipelines.publishing.value_columns import EPOCH, Columns, to_day

FIRST_DAY = date(1, 1, 1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Block:
    """A metric's periods of one grain that begin in `[first, last]`: rows `start` to `stop` of the frame."""

    metric: str
    grain: str
    first: date
    last: date
    start: int
    stop: int
    digest: str


def block_first(grain: str, day: date) -> date:
    """First day of the block that a period of `grain` starting on `day` lies in."""
    if grain == "day" or grain.startswith("trailing_"):
        return day.replace(day=1)
    return day.replace(month=1, day=1) if grain == "week" else FIRST_DAY


def block_last(grain: str, first: date) -> date:
    """Last day of the block of `grain` that begins on `first`."""
    if grain == "day" or grain.startswith("trailing_"):
        after = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
        return after - _DAY
    return first.replace(month=12, day=31) if grain == "week" else FOREVER


def block_numbers(columns: Columns) -> Codes:
    """A number for each row that grows with its block and is the same within it, for rows of one grain.

    Looked up by day: a frame has far fewer days than rows.
    """
    starts = columns.period_start
    if not len(starts):
        return starts
    first = int(starts.min())
    days = np.arange(first, int(starts.max()) + 1).astype("datetime64[D]")
    by_kind = np.stack(
        [
            np.zeros(len(days), np.int64),
            days.astype("datetime64[M]").astype(np.int64) + EPOCH,
            days.astype("datetime64[Y]").astype(np.int64) + EPOCH,
        ]
    )
    kinds = np.array([_kind(grain) for grain in columns.text["grain"].values] + [0], np.int64)
    flat = by_kind.reshape(-1)
    return np.asarray(flat[kinds[columns.text["grain"].codes] * len(days) + (starts - first)], np.int64)


def _kind(grain: str) -> int:
    if grain == "day" or grain.startswith("trailing_"):
        return 1
    return 2 if grain == "week" else 0


def whole_coverage(columns: Columns) -> tuple[Coverage, ...]:
    """From the first to the last period of every metric and grain in the frame."""
    metric, grain = columns.text["metric"], columns.text["grain"]
    width = len(grain.values) + 1
    pairs, position = distinct(metric.codes * width + grain.codes, len(metric.values) * width)
    low = np.full(len(pairs), np.iinfo(np.int64).max)
    high = np.full(len(pairs), np.iinfo(np.int64).min)
    np.minimum.at(low, position, columns.period_start)
    np.maximum.at(high, position, columns.period_start)
    return tuple(
        Coverage(
            metric.values[pair // width], grain.values[pair % width], to_day(int(first)), to_day(int(last))
        )
        for pair, first, last in zip(pairs, low, high, strict=True)
    )


def uncovered(coverage: Sequence[Coverage], unchanged: Sequence[Block]) -> tuple[Coverage, ...]:
    """The coverage without the stretches of unchanged blocks: where published rows may have to go."""
    skipped: dict[tuple[str, str], list[Block]] = {}
    for block in unchanged:
        skipped.setdefault((block.metric, block.grain), []).append(block)
    rest: list[Coverage] = []
    for entry in coverage:
        first = entry.first
        for block in sorted(skipped.get((entry.metric, entry.grain), []), key=lambda b: b.first):
            if block.last < first or block.first > entry.last:
                continue
            if block.first > first:
                rest.append(Coverage(entry.metric, entry.grain, first, block.first - _DAY))
            if block.last >= entry.last:
                first = FOREVER
                break
            first = block.last + _DAY
        if first <= entry.last and first != FOREVER:
            rest.append(Coverage(entry.metric, entry.grain, first, entry.last))
    return tuple(rest)
