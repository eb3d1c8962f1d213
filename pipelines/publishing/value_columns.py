"""A value frame as columns: read, checked against the vocabularies, numbers settled so that no gap is unexplained.

Texts are codes into their distinct values, numbers arrays of doubles with NaN for unknown, days counted from
1970. Columns are independent of each other here, so they are worked on by a few threads. Source: publication
rules, decisions 4 and 5; fault rules 23 and 24.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from definitions.model import Grain, is_grain
from pipelines.publishing.coded import Coded, Codes
from pipelines.publishing.numbers import quantised_array
from pipelines.publishing.publication import TRENDS, VALUE_SCHEMA, VALUE_STATES, VALUE_STATUSES

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

NOT_A_NUMBER = "the computed value is no finite number"
NO_VALUE = "no value was computed"
SMALL_SAMPLE = "the sample is below its minimum"
REPLACEMENT = "\ufffd"
"""Stands for U+0000, which PostgreSQL cannot store in text."""

NUMBERS = (
    "value",
    "numerator",
    "denominator",
    "target_value",
    "attainment",
    "previous_value",
    "change_abs",
    "change_pct",
    "same_period_last_year",
)
NUMBERS_OF_THE_VALUE = ("value", "attainment", "change_abs", "change_pct")
"""Unknown when the value is."""
NO_SAMPLE = np.iinfo(np.int64).min
"""Stands for an unknown sample size."""
EPOCH = date(1970, 1, 1).toordinal()
THREADS = 2
_ALWAYS_TEXT = (
    "metric",
    "definition_hash",
    "grain",
    "segment_dimension",
    "segment_value",
    "value_state",
    "state_reason",
)
_ADDED_TEXT = ("status", "trend")

_Made = TypeVar("_Made")
_Given = TypeVar("_Given")


@dataclass
class Columns:
    """The frame while it is worked on. `period_start` and `period_end` count days from 1970."""

    text: dict[str, Coded]
    numbers: dict[str, Floats]
    version: Codes
    period_start: Codes
    period_end: Codes
    sample_size: Codes

    def __len__(self) -> int:
        return len(self.version)


def read_columns(table: pa.Table, problems: list[str]) -> Columns | None:
    """Read a frame; what is missing, or NULL where it must not be, is added to `problems`."""
    missing = [name for name in VALUE_SCHEMA.names if name not in table.column_names]
    if missing:
        problems.append(f"the value frame lacks {', '.join(missing)}; it has {', '.join(table.column_names)}")
        return None
    for field in VALUE_SCHEMA:
        if not field.nullable and table.column(field.name).null_count:
            problems.append(f"column {field.name} of the value frame holds NULL")
    sample = table.column("sample_size").cast(pa.int64()).fill_null(NO_SAMPLE)
    return Columns(
        by_column(lambda name: _text(table, name), (*_ALWAYS_TEXT, *_ADDED_TEXT)),
        by_column(lambda name: _floats(table, name), NUMBERS),
        _integers(table.column("version").cast(pa.int64()).fill_null(0)),
        _integers(table.column("period_start").cast(pa.date32()).cast(pa.int32()).fill_null(0)),
        _integers(table.column("period_end").cast(pa.date32()).cast(pa.int32()).fill_null(0)),
        _integers(sample),
    )


def check_columns(columns: Columns, problems: list[str]) -> None:
    """Hold vocabularies, grains, periods and segments against the rules."""
    vocabularies = {
        "value_state": tuple(state for state in VALUE_STATES if state != "blocked"),
        "status": VALUE_STATUSES,
        "trend": TRENDS,
    }
    for name, allowed in vocabularies.items():
        column = columns.text[name]
        unknown = sorted(set(column.used()) - set(allowed))
        if unknown:
            problems.append(
                f"{name} holds {', '.join(map(repr, unknown[:5]))}; allowed are {', '.join(allowed)}"
            )
    clock = {grain.value for grain in Grain if grain.is_clock}
    unknown = sorted(v for v in columns.text["grain"].used() if not is_grain(v) or v in clock)
    if unknown:
        problems.append(
            f"grain holds {', '.join(map(repr, unknown[:5]))}; allowed are day to year and trailing_<n>d"
        )
    backwards = columns.period_end < columns.period_start
    if backwards.any():
        problems.append(f"{int(backwards.sum())} rows end before they start")
    loose = columns.text["segment_dimension"].is_one_of([""]) & ~columns.text["segment_value"].is_one_of([""])
    if loose.any():
        problems.append(f"{int(loose.sum())} rows have a segment value without a dimension")


def settle(columns: Columns) -> None:
    """Make numbers, states and reasons agree: no NaN, no value without a state that allows it, no gap
    unexplained."""
    text, numbers = columns.text, columns.numbers
    infinite = np.isinf(numbers["value"])
    numbers.update(by_column(lambda name: quantised_array(numbers[name]), NUMBERS))
    too_small = text["value_state"].is_one_of(["no_data", "insufficient_sample"])
    numbers["value"][too_small] = np.nan
    missing: Mask = np.isnan(numbers["value"])
    claimed = missing & text["value_state"].is_one_of(["final", "provisional"])
    text["value_state"] = text["value_state"].with_rows(claimed, "no_data")
    text["state_reason"] = text["state_reason"].with_rows(infinite, NOT_A_NUMBER)
    unexplained = missing & text["state_reason"].is_null
    small = unexplained & text["value_state"].is_one_of(["insufficient_sample"])
    text["state_reason"] = (
        text["state_reason"].with_rows(small, SMALL_SAMPLE).with_rows(unexplained & ~small, NO_VALUE)
    )
    colourless = missing & ~text["status"].is_one_of(["no_data", "stale"])
    text["status"] = text["status"].with_rows(colourless, "no_data")
    text["status"] = text["status"].with_rows(text["status"].is_null, "no_target")
    for name in NUMBERS_OF_THE_VALUE:
        numbers[name][missing] = np.nan


def by_column(make: Callable[[str], _Made], names: Iterable[str]) -> dict[str, _Made]:
    """Something made of each column, in the order of the names."""
    listed = tuple(names)
    return dict(zip(listed, in_threads(make, listed), strict=True))


def in_threads(work: Callable[[_Given], _Made], items: Iterable[_Given]) -> list[_Made]:
    """Results in order of the items. NumPy, Arrow and hashing let go of the interpreter while they work."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, items))


def to_day(number: int) -> date:
    """A count of days from 1970 as the day it is."""
    return date.fromordinal(EPOCH + number)


def _text(table: pa.Table, name: str) -> Coded:
    if name in _ADDED_TEXT and name not in table.column_names:
        return Coded.constant(None, table.num_rows)
    return Coded.of(table.column(name)).mapped(lambda text: text.replace("\0", REPLACEMENT))


def _floats(table: pa.Table, name: str) -> Floats:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    return np.array(table.column(name).cast(pa.float64()).to_numpy(), np.float64)


def _integers(column: pa.ChunkedArray) -> Codes:
    return np.array(column.to_numpy(), np.int64)
