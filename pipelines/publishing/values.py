"""Turning a value frame into rows fit to publish: checked, quantised, sorted, fingerprinted.

    prepared = prepare(publication)
    prepared.blocks             # metric, grain and stretch of periods, with the fingerprint of its rows
    prepared.rows([(0, 100)])   # columns of kpi_value, block by block

Nothing here touches a database; the same rows give the same result in whatever order they come. Rows are only
made of what has to be staged: of an unchanged frame none are. Source: publication rules, decisions 3 to 5; fault
rules 23, 24 and 32.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.publishing.blocks import (
    Block,
    block_first,
    block_last,
    block_numbers,
    whole_coverage,
)
from pipelines.publishing.coded import Coded, Codes, distinct
from pipelines.publishing.errors import InvalidPublication
from pipelines.publishing.publication import Coverage, Publication
from pipelines.publishing.records import segment_key
from pipelines.publishing.value_columns import (
    NO_SAMPLE,
    NUMBERS,
    Columns,
    check_columns,
    in_threads,
    read_columns,
    settle,
    to_day,
)

_CHUNK = 30_000
_LARGEST_KEY = 2**63
_PRINTED_TEXT = ("definition_hash", "segment_key", "value_state", "state_reason", "status", "trend")


@dataclass(frozen=True)
class Prepared:
    """A frame ready to stage, in blocks. `segments` are (key, dimension, value); `versions` are (metric,
    version, definition hash)."""

    blocks: tuple[Block, ...]
    segments: tuple[tuple[str, str, str], ...]
    versions: tuple[tuple[str, int, str], ...]
    coverage: tuple[Coverage, ...]
    columns: Columns
    version_of_row: Codes
    order: Codes | None

    @property
    def frame(self) -> pa.Table:
        """All rows."""
        return self.rows([(0, len(self.columns))])

    def rows(self, runs: Sequence[tuple[int, int]], version_keys: Sequence[int] | None = None) -> pa.Table:
        """Runs of rows, each from a start to a stop, as columns of kpi_value; with the key of each row's version
        where keys are given, one for each of `versions`."""
        columns, chosen = self.columns, _chosen_runs(self.order, runs)
        numbers = {name: columns.numbers[name][chosen] for name in NUMBERS}
        arrow = {name: pa.array(v, pa.float64(), mask=np.isnan(v)) for name, v in numbers.items()}
        sample = columns.sample_size[chosen]

        def text(name: str) -> pa.DictionaryArray:
            return columns.text[name].taken(chosen).arrow()

        def days(numbered: Codes) -> pa.Array:
            return pa.array(numbered[chosen].astype(np.int32), pa.int32()).cast(pa.date32())

        table = {
            "metric_id": text("metric"),
            "period_grain": text("grain"),
            "period_start": days(columns.period_start),
            "period_end": days(columns.period_end),
            "segment_key": text("segment_key"),
            "value": arrow["value"],
            "numerator": arrow["numerator"],
            "denominator": arrow["denominator"],
            "sample_size": pa.array(sample, pa.int64(), mask=sample == NO_SAMPLE),
            "value_state": text("value_state"),
            "state_reason": text("state_reason"),
            "target_value": arrow["target_value"],
            "attainment": arrow["attainment"],
            "status": text("status"),
            "trend": text("trend"),
            "previous_value": arrow["previous_value"],
            "change_abs": arrow["change_abs"],
            "change_pct": arrow["change_pct"],
            "same_period_last_year": arrow["same_period_last_year"],
        }
        if version_keys is not None:
            keys = np.array(version_keys, np.int64)
            table["metric_version_key"] = pa.array(keys[self.version_of_row[chosen]])
        return pa.table(table)


def prepare(publication: Publication) -> Prepared:
    """Check, normalise, sort and fingerprint a publication's values.

    Raises:
        InvalidPublication: columns are missing, a vocabulary is broken, or a key occurs twice. All problems
        at once; nothing was written.
    """
    problems: list[str] = []
    columns = read_columns(publication.values, problems)
    if columns is not None:
        check_columns(columns, problems)
    if columns is None or problems:
        raise InvalidPublication(publication.publication_id, problems)
    settle(columns)
    for name in ("metric", "grain"):
        columns.text[name] = columns.text[name].sorted()
    segments = _name_segments(columns)
    blocks = block_numbers(columns)
    order = _order(columns, blocks, problems)
    if problems:
        raise InvalidPublication(publication.publication_id, problems)
    coverage = whole_coverage(columns) if publication.coverage is None else publication.coverage
    starts = _block_starts(columns, blocks, order)
    versions, version_of_row = _versions(columns)
    return Prepared(
        _fingerprint(columns, order, starts, coverage),
        segments,
        versions,
        coverage,
        columns,
        version_of_row,
        order,
    )


def _chosen(order: Codes | None, start: int, stop: int) -> Codes | slice:
    return slice(start, stop) if order is None else order[start:stop]


def _chosen_runs(order: Codes | None, runs: Sequence[tuple[int, int]]) -> Codes | slice:
    if len(runs) == 1:
        return _chosen(order, *runs[0])
    places = np.concatenate([np.arange(start, stop) for start, stop in runs])
    return places if order is None else order[places]


def _name_segments(columns: Columns) -> tuple[tuple[str, str, str], ...]:
    """Add the segment key of each row, made once per distinct pair of dimension and value; returns the pairs."""
    dimension, value = columns.text["segment_dimension"], columns.text["segment_value"]
    width = len(value.values) + 1
    pairs, position = distinct(dimension.codes * width + value.codes, len(dimension.values) * width)
    named = [(dimension.values[pair // width], value.values[pair % width]) for pair in pairs]
    keys = Coded(position, tuple(segment_key(d, v) for d, v in named)).mapped(str)
    columns.text["segment_key"] = keys.sorted()
    return tuple(sorted((segment_key(d, v), d, v) for d, v in named))


def _order(columns: Columns, blocks: Codes, problems: list[str]) -> Codes | None:
    """Rows by metric, grain, block, segment and period; None where they stand in that order already."""
    parts = [
        columns.text["metric"].codes,
        columns.text["grain"].codes,
        blocks,
        columns.text["segment_key"].codes,
        columns.period_start,
    ]
    key = _one_key(parts)
    if key is None:
        key = _ranks(parts)
    if bool((key[1:] > key[:-1]).all()):
        return None
    order = np.argsort(key, kind="stable")
    key = key[order]
    twice = np.flatnonzero(key[1:] == key[:-1]) + 1
    if len(twice):
        examples = ", ".join(_name(columns, int(order[row])) for row in twice[:3])
        problems.append(f"{len(twice)} keys occur twice, such as {examples}")
    return order.astype(np.int64)


def _one_key(parts: Sequence[Codes]) -> Codes | None:
    """One number per row that sorts as the parts do; None where it would not fit."""
    if not len(parts[0]):
        return parts[0]
    lows = [int(part.min()) for part in parts]
    widths = [int(part.max()) - low + 1 for part, low in zip(parts, lows, strict=True)]
    largest = 1
    for width in widths:
        largest *= width
    if largest >= _LARGEST_KEY:
        return None
    key = np.zeros(len(parts[0]), np.int64)
    for part, low, width in zip(parts, lows, widths, strict=True):
        key *= width
        key += part
        key -= low
    return key


def _ranks(parts: Sequence[Codes]) -> Codes:
    """The same by sorting: slower, and never too large."""
    order = np.lexsort(tuple(reversed(parts)))
    differs = np.zeros(len(order), bool)
    for part in parts:
        ordered = part[order]
        differs[1:] |= ordered[1:] != ordered[:-1]
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.cumsum(differs)
    return ranks


def _block_starts(columns: Columns, blocks: Codes, order: Codes | None) -> Codes:
    """Where blocks start in the sorted rows, with the end appended."""
    rows = len(columns)
    if not rows:
        return np.zeros(1, np.int64)
    changed = np.zeros(rows - 1, bool)
    for part in (columns.text["metric"].codes, columns.text["grain"].codes, blocks):
        ordered = part if order is None else part[order]
        changed |= ordered[1:] != ordered[:-1]
    return np.concatenate(([0], np.flatnonzero(changed) + 1, [rows])).astype(np.int64)


def _name(columns: Columns, row: int) -> str:
    metric, grain, segment = (
        columns.text[name].values[columns.text[name].codes[row]]
        for name in ("metric", "grain", "segment_key")
    )
    return f"{metric} {grain} {to_day(int(columns.period_start[row]))} {segment}"


def _versions(columns: Columns) -> tuple[tuple[tuple[str, int, str], ...], Codes]:
    """Definitions that rows were computed by, and each row's position among them."""
    rows, metric, digest = len(columns), columns.text["metric"], columns.text["definition_hash"].sorted()
    if not rows:
        return (), np.empty(0, np.int64)
    low = int(columns.version.min())
    width, hashes = int(columns.version.max()) - low + 1, len(digest.values)
    key = (metric.codes * width + (columns.version - low)) * hashes + digest.codes
    # Rows of one metric stand together, so that there are few runs to tell apart.
    runs = np.concatenate(([0], np.flatnonzero(key[1:] != key[:-1]) + 1))
    found, position = np.unique(key[runs], return_inverse=True)
    named = (
        (metric.values[one // hashes // width], int(one // hashes % width) + low, digest.values[one % hashes])
        for one in found.tolist()
    )
    return tuple(named), np.repeat(position.reshape(-1), np.diff(np.append(runs, rows))).astype(np.int64)


def _fingerprint(
    columns: Columns, order: Codes | None, starts: Codes, coverage: Sequence[Coverage]
) -> tuple[Block, ...]:
    """SHA-256 over each block's rows and over the part of the coverage that lies in it."""
    covered: dict[tuple[str, str], list[Coverage]] = {}
    for entry in coverage:
        covered.setdefault((entry.metric, entry.grain), []).append(entry)
    metric, grain = columns.text["metric"], columns.text["grain"]
    prints = [(columns.text[name].fingerprints(), columns.text[name].codes) for name in _PRINTED_TEXT]
    plain = [columns.version, columns.period_start, columns.period_end, columns.sample_size]
    plain += [columns.numbers[name].view(np.int64) for name in NUMBERS]

    def of_chunk(edges: Codes) -> list[Block]:
        begin, end = int(edges[0]), int(edges[-1])
        chosen = _chosen(order, begin, end)
        matrix = np.empty((end - begin, len(prints) + len(plain)), np.int64)
        for place, (lookup, codes) in enumerate(prints):
            matrix[:, place] = lookup[codes[chosen]]
        for place, numbers in enumerate(plain, start=len(prints)):
            matrix[:, place] = numbers[chosen]
        blocks = []
        for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            row = start if order is None else int(order[start])
            name, length = metric.values[metric.codes[row]], grain.values[grain.codes[row]]
            begins = block_first(length, to_day(int(columns.period_start[row])))
            ends = block_last(length, begins)
            digest = hashlib.sha256(matrix[start - begin : stop - begin].data)
            for entry in covered.get((name, length), []):
                if entry.first <= ends and entry.last >= begins:
                    digest.update(f"{max(entry.first, begins)}..{min(entry.last, ends)};".encode())
            blocks.append(Block(name, length, begins, ends, start, stop, digest.hexdigest()))
        return blocks

    return tuple(block for blocks in in_threads(of_chunk, _chunks(starts)) for block in blocks)


def _chunks(starts: Codes) -> list[Codes]:
    """Edges of whole blocks, cut where about `_CHUNK` rows have come together."""
    pieces, first = [], 0
    while first < len(starts) - 1:
        last = int(np.searchsorted(starts, starts[first] + _CHUNK, side="right")) - 1
        last = max(last, first + 1)
        pieces.append(starts[first : last + 1])
        first = last
    return pieces
