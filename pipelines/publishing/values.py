"""Turning a value frame into rows fit to publish: checked, quantised, sorted, fingerprinted.

    prepared = prepare(publication)
    prepared.frame            # columns of kpi_value, block by block
    prepared.blocks           # metric, grain and stretch of periods, with the fingerprint of its rows

Nothing here touches a database; the same rows give the same result in whatever order they come. Source:
publication rules, decisions 3 to 5; fault rules 23 and 24.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from definitions.model import Grain, is_grain
from pipelines.publishing.coded import Coded, Codes
from pipelines.publishing.errors import InvalidPublication
from pipelines.publishing.numbers import quantised_array
from pipelines.publishing.publication import (
    TRENDS,
    VALUE_SCHEMA,
    VALUE_STATES,
    VALUE_STATUSES,
    Coverage,
    Publication,
)
from pipelines.publishing.records import FOREVER, segment_key

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

FIRST_DAY = date(1, 1, 1)
_NO_SAMPLE = np.iinfo(np.int64).min


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


@dataclass(frozen=True)
class Prepared:
    """A frame ready to stage, in blocks. `segments` are (key, dimension, value); `versions` are (metric,
    version, definition hash), and `version_of_row` is each row's position among them."""

    frame: pa.Table
    blocks: tuple[Block, ...]
    segments: tuple[tuple[str, str, str], ...]
    versions: tuple[tuple[str, int, str], ...]
    version_of_row: Codes
    coverage: tuple[Coverage, ...]


@dataclass
class _Columns:
    """The frame while it is worked on."""

    text: dict[str, Coded]
    numbers: dict[str, Floats]
    version: Codes
    period_start: Codes
    period_end: Codes
    sample_size: Codes


def prepare(publication: Publication) -> Prepared:
    """Check, normalise, sort and fingerprint a publication's values.

    Raises:
        InvalidPublication: columns are missing, a vocabulary is broken, or a key occurs twice. All problems
        at
            once; nothing was written.
    """
    problems: list[str] = []
    columns = _read(publication.values, problems)
    if columns is not None:
        _check(columns, problems)
    if columns is None or problems:
        raise InvalidPublication(publication.publication_id, problems)
    _settle(columns)
    first, last = _stretches(columns)
    starts = _sort(columns, first, last, problems)
    if problems:
        raise InvalidPublication(publication.publication_id, problems)
    coverage = _whole(columns) if publication.coverage is None else publication.coverage
    blocks = _fingerprint(columns, first, last, starts, coverage)
    return Prepared(_frame(columns), blocks, _segments(columns), *_versions(columns), coverage)


def _read(table: pa.Table, problems: list[str]) -> _Columns | None:
    missing = [name for name in VALUE_SCHEMA.names if name not in table.column_names]
    if missing:
        problems.append(f"the value frame lacks {', '.join(missing)}; it has {', '.join(table.column_names)}")
        return None
    rows = table.num_rows
    for field in VALUE_SCHEMA:
        if not field.nullable and table.column(field.name).null_count:
            problems.append(f"column {field.name} of the value frame holds NULL")
    names = (
        "metric",
        "definition_hash",
        "grain",
        "segment_dimension",
        "segment_value",
        "value_state",
        "state_reason",
    )
    text = {name: _clean(Coded.of(table.column(name))) for name in names}
    for name in ("status", "trend"):
        present = name in table.column_names
        text[name] = _clean(Coded.of(table.column(name))) if present else Coded.constant(None, rows)
    numbers: dict[str, Floats] = {}
    for name in NUMBERS:
        present = name in table.column_names
        numbers[name] = _floats(table.column(name)) if present else np.full(rows, np.nan)
    sample = table.column("sample_size").cast(pa.int64()).fill_null(_NO_SAMPLE)
    return _Columns(
        text,
        numbers,
        _integers(table.column("version").cast(pa.int64()).fill_null(0)),
        _integers(table.column("period_start").cast(pa.date32()).cast(pa.int32()).fill_null(0)),
        _integers(table.column("period_end").cast(pa.date32()).cast(pa.int32()).fill_null(0)),
        _integers(sample),
    )


def _clean(column: Coded) -> Coded:
    return column.mapped(lambda text: text.replace("\0", REPLACEMENT))


def _floats(column: pa.ChunkedArray) -> Floats:
    values = column.cast(pa.float64()).to_numpy()
    return np.array(values, np.float64)


def _integers(column: pa.ChunkedArray) -> Codes:
    return np.array(column.to_numpy(), np.int64)


def _check(columns: _Columns, problems: list[str]) -> None:
    vocabularies = {
        "value_state": tuple(state for state in VALUE_STATES if state != "blocked"),
        "status": VALUE_STATUSES,
        "trend": TRENDS,
    }
    for name, allowed in vocabularies.items():
        column = columns.text[name]
        unknown = sorted({v for v in column.values if v not in allowed} & _used(column))
        if unknown:
            problems.append(
                f"{name} holds {', '.join(map(repr, unknown[:5]))}; allowed are {', '.join(allowed)}"
            )
    grains = columns.text["grain"]
    clock = {grain.value for grain in Grain if grain.is_clock}
    unknown = sorted({v for v in grains.values if not is_grain(v) or v in clock} & _used(grains))
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


def _used(column: Coded) -> set[str]:
    return {column.values[code] for code in np.unique(column.codes) if code >= 0}


def _settle(columns: _Columns) -> None:
    """Make numbers, states and reasons agree: no NaN, no value without a state that allows it, no gap
    unexplained."""
    text, numbers = columns.text, columns.numbers
    infinite = np.isinf(numbers["value"])
    for name in NUMBERS:
        numbers[name] = quantised_array(numbers[name])
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


def _stretches(columns: _Columns) -> tuple[Codes, Codes]:
    """First and last day of each row's block: months for days and trailing windows, years for weeks, else
    all."""
    days = columns.period_start.astype("datetime64[D]")
    grain = columns.text["grain"]
    by_month = np.array([v == "day" or v.startswith("trailing_") for v in grain.values] + [False])[
        grain.codes
    ]
    by_year = grain.is_one_of(["week"])
    first = np.full(len(days), (FIRST_DAY - date(1970, 1, 1)).days, np.int64)
    last = np.full(len(days), (FOREVER - date(1970, 1, 1)).days, np.int64)
    for mask, unit in ((by_month, "M"), (by_year, "Y")):
        period = days[mask].astype(f"datetime64[{unit}]")
        first[mask] = period.astype("datetime64[D]").astype(np.int64)
        last[mask] = (period + 1).astype("datetime64[D]").astype(np.int64) - 1
    return first, last


def _sort(columns: _Columns, first: Codes, last: Codes, problems: list[str]) -> Codes:
    """Sort by metric, grain, block, segment and period; returns where blocks start, with the end appended."""
    for name in ("metric", "grain"):
        columns.text[name] = columns.text[name].sorted()
    columns.text["segment_key"] = _keys(columns).sorted()
    parts = [
        columns.text["metric"].codes,
        columns.text["grain"].codes,
        first,
        columns.text["segment_key"].codes,
        columns.period_start,
    ]
    changed = _changes(parts)
    if not _is_sorted(parts, changed):
        order = np.lexsort(tuple(reversed(parts)))
        for name, column in columns.text.items():
            columns.text[name] = column.taken(order)
        for name, values in columns.numbers.items():
            columns.numbers[name] = values[order]
        for name in ("version", "period_start", "period_end", "sample_size"):
            setattr(columns, name, getattr(columns, name)[order])
        parts = [part[order] for part in parts]
        first[:], last[:] = parts[2], last[order]
        changed = _changes(parts)
    twice = np.flatnonzero(~np.logical_or.reduce(changed)) if len(first) > 1 else np.empty(0, np.int64)
    if len(twice):
        examples = ", ".join(_name(columns, int(row)) for row in twice[:3])
        problems.append(f"{len(twice)} keys occur twice, such as {examples}")
    block_starts = (
        np.flatnonzero(changed[0] | changed[1] | changed[2]) + 1 if len(first) else np.empty(0, np.int64)
    )
    return (
        np.concatenate(([0], block_starts, [len(first)])).astype(np.int64)
        if len(first)
        else np.zeros(1, np.int64)
    )


def _changes(parts: Sequence[Codes]) -> list[Mask]:
    return [part[1:] != part[:-1] for part in parts]


def _is_sorted(parts: Sequence[Codes], changed: Sequence[Mask]) -> bool:
    undecided = np.ones(max(len(parts[0]) - 1, 0), bool)
    for part, differs in zip(parts, changed, strict=True):
        if bool((undecided & (part[1:] < part[:-1])).any()):
            return False
        undecided = undecided & ~differs
    return True


def _name(columns: _Columns, row: int) -> str:
    text = {
        name: column.values[column.codes[row]]
        for name, column in columns.text.items()
        if column.codes[row] >= 0
    }
    day = date.fromordinal(date(1970, 1, 1).toordinal() + int(columns.period_start[row]))
    return f"{text['metric']} {text['grain']} {day} {text['segment_key']}"


def _keys(columns: _Columns) -> Coded:
    """The segment key of each row, made once per distinct pair of dimension and value."""
    dimension, value = columns.text["segment_dimension"], columns.text["segment_value"]
    width = len(value.values) + 1
    pairs, codes = _distinct(dimension.codes * width + value.codes, len(dimension.values) * width)
    keys = tuple(segment_key(dimension.values[pair // width], value.values[pair % width]) for pair in pairs)
    return Coded(codes, keys).mapped(str)


def _segments(columns: _Columns) -> tuple[tuple[str, str, str], ...]:
    dimension, value = columns.text["segment_dimension"], columns.text["segment_value"]
    width = len(value.values) + 1
    pairs, _ = _distinct(dimension.codes * width + value.codes, len(dimension.values) * width)
    named = ((dimension.values[pair // width], value.values[pair % width]) for pair in pairs)
    return tuple(sorted((segment_key(d, v), d, v) for d, v in named))


def _distinct(codes: Codes, size: int) -> tuple[Codes, Codes]:
    """Distinct codes below `size` in order, and each row's position among them."""
    if size > _COUNTABLE:
        distinct, inverse = np.unique(codes, return_inverse=True)
        return distinct, inverse.astype(np.int64)
    present = np.bincount(codes, minlength=1) > 0
    return np.flatnonzero(present).astype(np.int64), (np.cumsum(present) - 1)[codes]


_COUNTABLE = 5_000_000


def _versions(columns: _Columns) -> tuple[tuple[tuple[str, int, str], ...], Codes]:
    metric, digest = columns.text["metric"], columns.text["definition_hash"]
    triples = np.stack([metric.codes, columns.version, digest.codes])
    rows = triples.shape[1]
    if rows == 0:
        return (), np.empty(0, np.int64)
    run_starts = np.concatenate(([0], np.flatnonzero((triples[:, 1:] != triples[:, :-1]).any(axis=0)) + 1))
    distinct, run_codes = np.unique(triples[:, run_starts], axis=1, return_inverse=True)
    version_of_row = np.repeat(run_codes.reshape(-1), np.diff(np.append(run_starts, rows)))
    named = ((metric.values[m], int(version), digest.values[h]) for m, version, h in distinct.T)
    return tuple(named), version_of_row.astype(np.int64)


def _whole(columns: _Columns) -> tuple[Coverage, ...]:
    """From the first to the last period of every metric and grain in the frame."""
    metric, grain = columns.text["metric"], columns.text["grain"]
    width = len(grain.values) + 1
    pairs, inverse = _distinct(metric.codes * width + grain.codes, len(metric.values) * width)
    low = np.full(len(pairs), np.iinfo(np.int64).max)
    high = np.full(len(pairs), np.iinfo(np.int64).min)
    np.minimum.at(low, inverse, columns.period_start)
    np.maximum.at(high, inverse, columns.period_start)
    return tuple(
        Coverage(metric.values[pair // width], grain.values[pair % width], _day(first), _day(last))
        for pair, first, last in zip(pairs, low, high, strict=True)
    )


def _day(number: int) -> date:
    return date.fromordinal(date(1970, 1, 1).toordinal() + int(number))


_CHUNK = 200_000


def _fingerprint(
    columns: _Columns, first: Codes, last: Codes, starts: Codes, coverage: Sequence[Coverage]
) -> tuple[Block, ...]:
    """SHA-256 over each block's rows and over the part of the coverage that lies in it."""
    covered: dict[tuple[str, str], list[Coverage]] = {}
    for entry in coverage:
        covered.setdefault((entry.metric, entry.grain), []).append(entry)
    metric, grain = columns.text["metric"], columns.text["grain"]
    text = ("definition_hash", "segment_key", "value_state", "state_reason", "status", "trend")
    prints = [columns.text[name].fingerprints() for name in text]
    whole = [*prints, columns.version, columns.period_start, columns.period_end, columns.sample_size]
    whole += [columns.numbers[name].view(np.int64) for name in NUMBERS]
    blocks: list[Block] = []
    matrix, offset = np.empty((0, 0), np.int64), 0
    for start, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        if stop > offset + len(matrix):
            offset, end = start, min(max(stop, start + _CHUNK), len(first))
            matrix = np.stack([part[offset:end] for part in whole], axis=1)
        name, length = metric.values[metric.codes[start]], grain.values[grain.codes[start]]
        begins, ends = _day(first[start]), _day(last[start])
        digest = hashlib.sha256(matrix[start - offset : stop - offset].data)
        for entry in covered.get((name, length), []):
            if entry.first <= ends and entry.last >= begins:
                digest.update(f"{max(entry.first, begins)}..{min(entry.last, ends)};".encode())
        blocks.append(Block(name, length, begins, ends, start, stop, digest.hexdigest()))
    return tuple(blocks)


def _frame(columns: _Columns) -> pa.Table:
    numbers = {
        name: pa.array(values, pa.float64(), mask=np.isnan(values))
        for name, values in columns.numbers.items()
    }
    sample = pa.array(columns.sample_size, pa.int64(), mask=columns.sample_size == _NO_SAMPLE)
    return pa.table(
        {
            "metric_id": columns.text["metric"].arrow(),
            "period_grain": columns.text["grain"].arrow(),
            "period_start": pa.array(columns.period_start.astype(np.int32), pa.int32()).cast(pa.date32()),
            "period_end": pa.array(columns.period_end.astype(np.int32), pa.int32()).cast(pa.date32()),
            "segment_key": columns.text["segment_key"].arrow(),
            "value": numbers["value"],
            "numerator": numbers["numerator"],
            "denominator": numbers["denominator"],
            "sample_size": sample,
            "value_state": columns.text["value_state"].arrow(),
            "state_reason": columns.text["state_reason"].arrow(),
            "target_value": numbers["target_value"],
            "attainment": numbers["attainment"],
            "status": columns.text["status"].arrow(),
            "trend": columns.text["trend"].arrow(),
            "previous_value": numbers["previous_value"],
            "change_abs": numbers["change_abs"],
            "change_pct": numbers["change_pct"],
            "same_period_last_year": numbers["same_period_last_year"],
        }
    )


def block_first(grain: str, day: date) -> date:
    """First day of the block that a period of `grain` starting on `day` lies in."""
    if grain == "day" or grain.startswith("trailing_"):
        return day.replace(day=1)
    return day.replace(month=1, day=1) if grain == "week" else FIRST_DAY


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
                rest.append(Coverage(entry.metric, entry.grain, first, _before(block.first)))
            if block.last >= entry.last:
                first = FOREVER
                break
            first = _after(block.last)
        if first <= entry.last and first != FOREVER:
            rest.append(Coverage(entry.metric, entry.grain, first, entry.last))
    return tuple(rest)


def _before(day: date) -> date:
    return date.fromordinal(day.toordinal() - 1)


def _after(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)
