"""From the raw store to the neutral tables: typed rows by upsert, then one rebuild, then the checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import pyarrow as pa

from connectors.engine import Engine
from connectors.raw_store import RawStore
from connectors.stream import Stream
from connectors.typed import MERGE_KEYS, NEWEST_BY, TypedBatch, empty_table, read_loads
from pipelines import handover
from pipelines.installation import Installation
from pipelines.publishing.records import FreshnessRow
from pipelines.staging import StagedTable, build_staging
from pipelines.steps.changes import ChangeLog
from pipelines.steps.freshness import freshness
from pipelines.steps.sources import SourceInstance
from pipelines.steps.stores import raw_store
from pipelines.warehouse import Warehouse
from quality import CheckResult, run_staging_checks

LOADS = "vitals.loads"
QUARANTINE = "vitals.quarantine"
ROW_COUNTS = "vitals.row_counts"
STAGING_CHECKS = "staging_checks"
FRESHNESS = "freshness"
STREAMS = "stream_health"


@dataclass(frozen=True)
class Landed:
    """What became of the new loads of one stream.

    Attributes:
        table: the typed table.
        loads: how many loads were read.
        rows: lines offered to the upsert.
        written: rows that are new or newer than what the table had.
        quarantined: lines that broke the contract; they are kept with their reasons.
    """

    table: str
    loads: int
    rows: int
    written: int
    quarantined: int

    @property
    def summary(self) -> str:
        """One line for the log."""
        broken = f", {self.quarantined} quarantined" if self.quarantined else ""
        return (
            f"{self.table}: {self.written} of {self.rows} rows new or changed in {self.loads} loads{broken}"
        )


def land(installation: Installation, warehouse: Warehouse) -> Iterator[Landed]:
    """Read every load that the warehouse has not seen into the typed tables.

    Each load is one transaction together with the note that it was read: a process that dies in between reads it
    again, and the upsert makes nothing of it double.
    """
    store, engine = raw_store(installation.workspace), Engine()
    _prepare(warehouse)
    for source in installation.sources:
        for stream in source.streams:
            yield _land(warehouse, store, engine, source, stream)


def _land(
    warehouse: Warehouse, store: RawStore, engine: Engine, source: SourceInstance, stream: Stream
) -> Landed:
    table = source.typed_table(stream.name)
    place = (source.system, source.config.account, stream.name)
    if not warehouse.exists(table):
        warehouse.write(table, empty_table(stream.contract))
    loads = rows = written = quarantined = 0
    batches = read_loads(store, source.config, stream, _last_load(warehouse, place), engine)
    for load_id, pieces in groupby(batches, key=lambda batch: batch.load_id):
        refused: list[pa.Table] = []
        with warehouse.transaction():
            tables = _well_read(pieces, refused)
            result = warehouse.merge_all(table, tables, MERGE_KEYS, NEWEST_BY)
            rows += result.offered
            written += result.written
            for broken in refused:
                warehouse.append(QUARANTINE, broken)
                quarantined += broken.num_rows
            _note(warehouse, place, load_id)
        loads += 1
    return Landed(table, loads, rows, written, quarantined)


def _well_read(pieces: Iterable[TypedBatch], refused: list[pa.Table]) -> Iterator[pa.Table]:
    """The typed rows of each piece; what it puts aside is collected beside."""
    for piece in pieces:
        if piece.quarantine.num_rows:
            refused.append(piece.quarantine)
        yield piece.table


def _prepare(warehouse: Warehouse) -> None:
    if not warehouse.exists(LOADS):
        names = ("system", "account", "stream", "load_id")
        warehouse.write(LOADS, pa.table({name: pa.array([], pa.string()) for name in names}))


def _last_load(warehouse: Warehouse, place: tuple[str, str, str]) -> str:
    found = warehouse.query(
        f"SELECT max(load_id) AS load_id FROM {LOADS} WHERE system = ? AND account = ? AND stream = ?", place
    )
    return found.column("load_id")[0].as_py() or ""


def _note(warehouse: Warehouse, place: tuple[str, str, str], load_id: str) -> None:
    warehouse.execute(f"INSERT INTO {LOADS} VALUES (?, ?, ?, ?)", (*place, load_id))


def stage(installation: Installation, warehouse: Warehouse) -> list[StagedTable]:
    """Rebuild the neutral tables from the typed ones, and note which rows that changed."""
    with warehouse.transaction():
        log = ChangeLog(warehouse, installation.catalogue)
        return build_staging(warehouse, installation.catalogue, installation.models, replace=log.replace)


def check_staging(installation: Installation, warehouse: Warehouse) -> list[CheckResult]:
    """Check the neutral tables that have a source, and how their loads went; leaves results for the publication.

    The row counts of a run without a blocking failure are the measure of the next run's volume.
    """
    now = installation.workspace.now()
    known = freshness(installation, put_aside(installation, warehouse))
    fed = {state.asset for state in known.states}
    results = run_staging_checks(
        installation.catalogue,
        warehouse.query,
        row_counts=_row_counts(warehouse),
        now=now,
        dialect=warehouse.dialect,
        tables=fed,
    )
    results = [*results, *known.checks]
    if not any(result.is_error for result in results):
        _note_row_counts(warehouse, sorted(fed))
    handover.leave(warehouse, STAGING_CHECKS, CheckResult, results)
    handover.leave(warehouse, FRESHNESS, FreshnessRow, known.rows)
    handover.leave(warehouse, STREAMS, FreshnessRow, known.streams)
    return results


def put_aside(installation: Installation, warehouse: Warehouse) -> dict[str, int]:
    """How many rows of each stream are in quarantine and were not read well since, by its asset.

    A record without a key cannot be recognised when it comes again: it counts until the next load.
    """
    if not warehouse.exists(QUARANTINE):
        return {}
    found: dict[str, int] = {}
    for source in installation.sources:
        for stream in source.streams:
            table = source.typed_table(stream.name)
            place = (source.system, source.config.account, stream.name)
            if not warehouse.exists(table):
                continue
            rows = warehouse.query(
                f"SELECT count(DISTINCT q.key) AS named, sum(CASE WHEN q.key IS NULL AND q.load_id = ? THEN 1 ELSE 0"
                f" END) AS nameless FROM {QUARANTINE} AS q WHERE q.system = ? AND q.account = ? AND q.stream = ?"
                f" AND NOT EXISTS (SELECT 1 FROM {table} AS t WHERE t._account = q.account AND t._key = q.key"
                " AND (t._load_id > q.load_id OR (t._load_id = q.load_id AND t._sequence > q.sequence)))",
                (_last_load(warehouse, place), *place),
            ).to_pylist()[0]
            found[source.asset(stream.name)] = int(rows["named"] or 0) + int(rows["nameless"] or 0)
    return found


def staging_checks(warehouse: Warehouse) -> tuple[CheckResult, ...]:
    """The results that `check_staging` left."""
    return handover.take(warehouse, STAGING_CHECKS, CheckResult)


def _row_counts(warehouse: Warehouse) -> dict[str, int] | None:
    if not warehouse.exists(ROW_COUNTS):
        return None
    rows = warehouse.query(f"SELECT name, rows FROM {ROW_COUNTS}").to_pylist()
    return {row["name"]: row["rows"] for row in rows}


def _note_row_counts(warehouse: Warehouse, tables: list[str]) -> None:
    counts = [
        warehouse.query(f"SELECT count(*) AS n FROM {table}").column("n")[0].as_py() for table in tables
    ]
    warehouse.write(
        ROW_COUNTS, pa.table({"name": pa.array(tables, pa.string()), "rows": pa.array(counts, pa.int64())})
    )
