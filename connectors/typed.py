"""From the raw store to typed rows: what a contract says a line is, or why it is none.

    for batch in read_loads(store, source, stream, after_load_id=last):
        warehouse.merge("jira.issues", batch.table, MERGE_KEYS, NEWEST_BY)
        warehouse.append("quarantine", batch.quarantine)

Every load is a deterministic function of its manifest. A batch holds the contract's columns and

| column | type | meaning |
|---|---|---|
| _account | string | the account, since several may share a table |
| _key | string | the row's key; `_account` and `_key` are unique after the upsert |
| _parent | string, null | in a child stream, the parent's key |
| _cursor | string | sortable; the greatest (`_cursor`, `_load_id`, `_sequence`) of a key wins |
| _sequence | int64 | position within the load |
| _deleted | bool | the row is gone; its other columns are the last known ones |
| _fetched_at | timestamp | when the vendor said so |
| _load_id | string | the load |
| _extra | string, null | undeclared fields as JSON by their paths |
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import zstandard

from connectors.config import SourceConfig
from connectors.contract import Column, ColumnType, Contract, parse_path, value_at
from connectors.engine import Engine
from connectors.errors import StoreError
from connectors.raw_store import RESTORE, Manifest, RawStore, StreamId
from connectors.registry import configured, system_of
from connectors.stream import Stream
from connectors.typed_sql import fast_sql
from connectors.values import Refused, typed_value

MERGE_KEYS = ("_account", "_key")
"""Names of the columns that identify a row of a typed table."""

NEWEST_BY = ("_cursor", "_load_id", "_sequence")
"""Names of the columns whose greatest values tell the newest version of a row."""

BATCH_ROWS = 50_000
GROUP_LOADS = 200
GROUP_ROWS = 200_000

ARROW_TYPES = {
    ColumnType.STRING: pa.string(),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.DOUBLE: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.DATE: pa.date32(),
    ColumnType.TIMESTAMP: pa.timestamp("us"),
    ColumnType.JSON: pa.string(),
}
LINE_SCHEMA = pa.schema(
    [
        ("_account", pa.string()),
        ("_key", pa.string()),
        ("_parent", pa.string()),
        ("_cursor", pa.string()),
        ("_sequence", pa.int64()),
        ("_deleted", pa.bool_()),
        ("_fetched_at", pa.timestamp("us")),
        ("_load_id", pa.string()),
        ("_extra", pa.string()),
    ]
)
QUARANTINE_SCHEMA = pa.schema(
    [
        ("system", pa.string()),
        ("account", pa.string()),
        ("stream", pa.string()),
        ("load_id", pa.string()),
        ("sequence", pa.int64()),
        ("key", pa.string()),
        ("column", pa.string()),
        ("reason", pa.string()),
    ]
)


@dataclass(frozen=True)
class TypedBatch:
    """A piece of one load, or of several small ones.

    Attributes:
        load_id: the load; of several, the newest.
        table: typed rows.
        quarantine: rows that break the contract, each with the column and the reason.
        last: with this batch, everything up to `load_id` has been given.
    """

    load_id: str
    table: pa.Table
    quarantine: pa.Table
    last: bool


def read_loads(
    raw_store: RawStore,
    source: SourceConfig,
    stream: str | Stream,
    after_load_id: str = "",
    engine: Engine | None = None,
) -> Iterator[TypedBatch]:
    """The loads of a stream after `after_load_id` (empty: all), in the order they were made; `engine` reads them, or
    one of its own.

    Raises:
        StoreError: a load is not what its manifest says; nothing of it counts.
    """
    declared = configured(source, system_of(source).stream(stream)) if isinstance(stream, str) else stream
    stream_id = StreamId(source.system, source.account, declared.name)
    manifests = raw_store.manifests(stream_id, after=after_load_id)
    if not manifests:
        return
    with (engine or Engine()).session() as connection:
        for group in _groups(manifests):
            yield from _read_group(connection, group, declared.contract)


def _groups(manifests: Sequence[Manifest]) -> Iterator[list[Manifest]]:
    """Small loads together, so that a replay of years of polls is not one query for each."""
    group: list[Manifest] = []
    rows = 0
    for manifest in manifests:
        if group and (
            len(group) >= GROUP_LOADS
            or rows + manifest.rows > GROUP_ROWS
            or manifest.unknown != group[0].unknown
        ):
            yield group
            group, rows = [], 0
        group.append(manifest)
        rows += manifest.rows
    if group:
        yield group


def typed_schema(contract: Contract) -> pa.Schema:
    """The columns of a stream's typed table, in order."""
    fields = [pa.field(column.name, arrow_type(column)) for column in contract.typed_columns]
    return pa.schema([*fields, *LINE_SCHEMA])


def empty_table(contract: Contract) -> pa.Table:
    """The typed table of a stream of which nothing has landed yet."""
    return _no_rows(typed_schema(contract))


def _no_rows(schema: pa.Schema) -> pa.Table:
    """A table without rows; `schema.empty_table()` imports pandas for it, a second and 60 MiB."""
    return pa.Table.from_batches([], schema=schema)


def arrow_type(column: Column) -> pa.DataType:
    """The Arrow type of a column."""
    if column.type is ColumnType.DECIMAL:
        return pa.decimal128(column.precision, column.scale)
    return ARROW_TYPES[column.type]


def _read_group(
    connection: duckdb.DuckDBPyConnection, group: Sequence[Manifest], contract: Contract
) -> Iterator[TypedBatch]:
    """The batches of some loads; the last one is known as such only once the rows are counted."""
    load_id = group[-1].load_id
    held: tuple[pa.Table, pa.Table] | None = None
    rows = 0
    for table, quarantine in _pieces(connection, group, contract):
        rows += table.num_rows + quarantine.num_rows
        if held is not None:
            yield TypedBatch(load_id, *held, last=False)
        held = table, quarantine
    promised = sum(manifest.rows for manifest in group)
    if rows != promised:
        raise StoreError(
            f"loads {group[0].path.parent} to {load_id} hold {rows} rows, their manifests say {promised}",
            hint=RESTORE,
        )
    yield TypedBatch(load_id, *(held or (empty_table(contract), _no_rows(QUARANTINE_SCHEMA))), last=True)


def _pieces(
    connection: duckdb.DuckDBPyConnection, group: Sequence[Manifest], contract: Contract
) -> Iterator[tuple[pa.Table, pa.Table]]:
    parts = [(manifest, part) for manifest in group for part in manifest.parts]
    files = [str(part.path) for _, part in parts]
    account, schema = group[0].id.account, typed_schema(contract)
    sql = fast_sql(contract, files, group[0].unknown, account) if files else None
    done = 0
    doubtful: dict[str, set[int]] = {}
    if sql is not None:
        try:
            reader: pa.RecordBatchReader = connection.sql(sql).to_arrow_reader(BATCH_ROWS)
            for batch in reader:
                done += batch.num_rows
                *columns, ok = batch.columns
                rows = pa.Table.from_arrays(columns, names=schema.names)
                if ok.true_count < len(ok):
                    unsure = rows.filter(pc.invert(ok)).select(["_load_id", "_sequence"]).to_pylist()
                    for row in unsure:
                        doubtful.setdefault(row["_load_id"], set()).add(row["_sequence"])
                    rows = rows.filter(ok)
                yield rows.cast(schema), _no_rows(QUARANTINE_SCHEMA)
        except (duckdb.InvalidInputException, OSError):
            # An object where a value belongs, or the reverse: the rest is read value by value. After the first batch
            # Arrow's reader says so, and in its own words; what cannot be read at all, the rest will say again.
            pass
    for manifest, part in parts:
        unsure_here = doubtful.get(manifest.load_id, set())
        if unsure_here or done < part.rows:
            yield from _slow_pieces(part.path, manifest, contract, unsure_here, done)
        done = max(0, done - part.rows)


# Slow: value by value, with reasons -----------------------------------------------------------------------


def _slow_pieces(
    path: Path, manifest: Manifest, contract: Contract, doubtful: set[int], done: int
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """The lines that the engine was not sure of, and those that it did not come to."""
    batch: list[dict[str, Any]] = []
    for number, line in enumerate(_lines(path)):
        if number < done and line["sequence"] not in doubtful:
            continue
        batch.append(line)
        if len(batch) == BATCH_ROWS:
            yield _typed(batch, manifest, contract)
            batch = []
    if batch:
        yield _typed(batch, manifest, contract)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            for line in io.BufferedReader(stream, 1 << 20):
                yield orjson.loads(line)
    except (OSError, zstandard.ZstdError, orjson.JSONDecodeError) as error:
        raise StoreError(f"part {path} cannot be read ({error})", hint=RESTORE) from None


def _typed(
    lines: Sequence[dict[str, Any]], manifest: Manifest, contract: Contract
) -> tuple[pa.Table, pa.Table]:
    columns = contract.typed_columns
    unknown = [path for path in manifest.unknown if path not in {column.path for column in columns}]
    values: list[list[Any]] = [[] for _ in columns]
    own: dict[str, list[Any]] = {name: [] for name in LINE_SCHEMA.names}
    refused: dict[str, list[Any]] = {name: [] for name in QUARANTINE_SCHEMA.names}
    for line in lines:
        row, problems = read_row(columns, line)
        if problems:
            _refuse(refused, manifest, line, problems)
            continue
        for kept, value in zip(values, row, strict=True):
            kept.append(value)
        extra = _extra(line["data"], unknown)
        stamp = datetime.fromisoformat(line["fetched_at"]).replace(tzinfo=None)
        for name, value in (
            ("_account", manifest.id.account),
            ("_key", line["key"]),
            ("_parent", line.get("parent")),
            ("_cursor", line["cursor"]),
            ("_sequence", line["sequence"]),
            ("_deleted", line["deleted"]),
            ("_fetched_at", stamp),
            ("_load_id", manifest.load_id),
            ("_extra", orjson.dumps(extra).decode() if extra else None),
        ):
            own[name].append(value)
    schema = typed_schema(contract)
    arrays = [pa.array(kept, arrow_type(column)) for kept, column in zip(values, columns, strict=True)]
    arrays += [pa.array(own[name], LINE_SCHEMA.field(name).type) for name in LINE_SCHEMA.names]
    return pa.table(arrays, schema=schema), pa.table(refused, schema=QUARANTINE_SCHEMA)


def read_row(columns: Sequence[Column], line: dict[str, Any]) -> tuple[list[Any], list[tuple[str, str]]]:
    """The typed values of a line, or the columns that refuse it with their reasons.

    A deleted row is not refused: what cannot be read of it is null, or it would stay alive in the warehouse.
    """
    row: list[Any] = []
    problems: list[tuple[str, str]] = []
    if line.get("refused"):
        return row, [("", line["refused"])]
    for column in columns:
        try:
            row.append(typed_value(column, line["data"]))
        except Refused as error:
            if line["deleted"]:
                row.append(None)
            else:
                problems.append((column.name, str(error)))
    return row, problems


def _refuse(
    refused: dict[str, list[Any]], manifest: Manifest, line: dict[str, Any], problems: list[tuple[str, str]]
) -> None:
    for name, value in (
        ("system", manifest.id.system),
        ("account", manifest.id.account),
        ("stream", manifest.id.stream),
        ("load_id", manifest.load_id),
        ("sequence", line["sequence"]),
        ("key", line["key"]),
        ("column", problems[0][0]),
        ("reason", "; ".join(f"{column} {reason}".strip() for column, reason in problems)),
    ):
        refused[name].append(value)


def _extra(data: Any, unknown: Sequence[str]) -> dict[str, Any]:
    found = {path: value_at(data, parse_path(path)) for path in unknown}
    return {path: value for path, value in found.items() if value is not None}
