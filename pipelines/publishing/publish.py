"""Write, audit, publish: one batch, one transaction, or nothing at all.

    result = publish(engine, publication, clock=clock, run_id="run-17", audits=(reconciles,))

1. **Write.** Values are checked, quantised, sorted and staged in temporary tables of one connection; blocks
of
   periods whose fingerprint is the published one are left out.
2. **Audit.** Callables look at what is staged. A failed error blocks its metrics, or refuses the publication.
3. **Publish.** One transaction locks the lease, checks the fencing token, the schema's revision and the
   publication's id, brings every table to its new state by statements over sets, writes the manifest,
   commits.

A reader sees the publication before or the one after. A crash anywhere leaves the one before. When the
answer to COMMIT is lost, the batch is looked for by its id. Source: publication rules, decisions 2 and 3;
fault rules 1, 2, 19 and 20.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, RootTransaction, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from pipelines.publishing import lease as leases
from pipelines.publishing.batch import Batch
from pipelines.publishing.engine import (
    begin_writing,
    clear_errors,
    own_connection,
    place_of,
    reading,
    writing,
)
from pipelines.publishing.errors import (
    CommitUnknown,
    DatabaseUnavailable,
    InvalidPublication,
    PublicationRefused,
)
from pipelines.publishing.lease import Lease
from pipelines.publishing.migrations import require_head
from pipelines.publishing.publication import (
    Audit,
    BlockedMetric,
    Outcome,
    Publication,
    PublishResult,
    Staged,
    TableCounts,
)
from pipelines.publishing.records import QualityResultRow
from pipelines.publishing.schema import publish_batch, publish_manifest
from pipelines.publishing.scorecards import refresh_scorecards
from pipelines.publishing.values import prepare

Clock = Callable[[], datetime]

RECONNECT_SECONDS = 20.0
"""How long to look for a batch whose commit was not answered."""


def publish(
    engine: Engine,
    publication: Publication,
    *,
    clock: Clock,
    run_id: str,
    lease: Lease | None = None,
    audits: Sequence[Audit] = (),
) -> PublishResult:
    """Publish a batch, or leave everything as it is.

    Publishing the same `publication_id` again changes nothing. Without a `lease` the right to publish is
    taken for this one publication: a publisher that starts later wins, the earlier one is fenced.

    Raises:
        InvalidPublication: rows break the contract.
        PublicationRefused: an audit failed without naming metrics to block, or raised.
        LeaseHeld, LeaseLost: another run holds the right to publish, or took it over meanwhile.
        SchemaMismatch: the database is at another schema revision.
        CommitUnknown: the answer to COMMIT was lost and the database is out of reach; publish the same again.
        DatabaseUnavailable: it cannot be reached or written.
    """
    place = place_of(engine.url)
    started = clock()
    prepared = prepare(publication)
    with clear_errors(place):
        earlier = find_publication(engine, publication.publication_id)
        if earlier is not None:
            return earlier
        held = lease or leases.acquire(engine, holder=run_id, clock=clock, term=timedelta(0))
        with own_connection(engine) as connection:
            _tune(connection)
            batch = Batch(connection, publication, prepared)
            try:
                with connection.begin():
                    require_head(connection)
                    batch.stage()
                results = [*publication.quality_results, *_audit(connection, batch, publication, audits)]
                blocked = _blocked(publication, results)
                with connection.begin():
                    batch.block(blocked)
            except IntegrityError as error:
                raise _invalid(publication, error) from error
            transaction = begin_writing(connection)
            try:
                result = _write(connection, batch, publication, held, run_id, started, clock, results)
            except IntegrityError as error:
                _roll_back(transaction)
                raise _invalid(publication, error) from error
            except BaseException:
                _roll_back(transaction)
                raise
            if result.outcome is Outcome.ALREADY_PUBLISHED:
                _roll_back(transaction)
                return result
            found = _commit(transaction, engine, publication.publication_id, place)
    deferred = refresh_scorecards(engine) if publication.dictionary is not None else ()
    return PublishResult(
        result.outcome,
        result.batch_id,
        result.publication_id,
        result.published_at,
        result.tables,
        blocked=tuple(blocked),
        recovered=found,
        deferred=tuple(deferred),
    )


def find_publication(engine: Engine, publication_id: str) -> PublishResult | None:
    """The publication of this id, if it was published."""
    with reading(engine) as connection:
        require_head(connection)
        return _found(connection, publication_id)


def _found(connection: Connection, publication_id: str) -> PublishResult | None:
    row = connection.execute(
        select(publish_batch).where(publish_batch.c.publication_id == publication_id)
    ).one_or_none()
    if row is None:
        return None
    manifest = connection.execute(select(publish_manifest).where(publish_manifest.c.batch_id == row.batch_id))
    tables = {
        m.table_name: TableCounts(
            m.inserted_count, m.revised_count, m.retired_count, m.refreshed_count, m.row_count
        )
        for m in manifest
    }
    return PublishResult(Outcome.ALREADY_PUBLISHED, row.batch_id, publication_id, row.published_at, tables)


def _tune(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        with connection.begin():
            for setting in ("temp_buffers = '64MB'", "work_mem = '128MB'", "lock_timeout = '60s'"):
                connection.execute(text(f"SET {setting}"))


def _audit(
    connection: Connection, batch: Batch, publication: Publication, audits: Iterable[Audit]
) -> list[QualityResultRow]:
    """Run the audits on what is staged; one that raises refuses the publication (it fails closed)."""
    results: list[QualityResultRow] = []
    staged = Staged(publication, batch.staged_values, batch.published_values)
    for audit in audits:
        name = getattr(audit, "__name__", type(audit).__name__)
        try:
            with connection.begin():
                results += audit(staged)
        except DBAPIError:
            raise
        except Exception as error:
            detail = f"the check itself failed with {type(error).__name__}: {error}"
            raise PublicationRefused(publication.publication_id, [name], detail) from error
    return results


def _blocked(publication: Publication, results: Iterable[QualityResultRow]) -> list[BlockedMetric]:
    """What is held back: the metrics the publication names, and those that failed errors rest on."""
    blocked = {entry.metric: entry for entry in publication.blocked}
    fatal = []
    for result in results:
        if result.passed or result.severity != "error" or not result.blocks_publish:
            continue
        if not result.metric_ids:
            fatal.append(result)
        for metric in result.metric_ids:
            blocked.setdefault(metric, BlockedMetric(metric, result.message, result.check_id))
    if fatal:
        names = [result.check_id for result in fatal]
        raise PublicationRefused(publication.publication_id, names, "; ".join(r.message for r in fatal))
    return [blocked[metric] for metric in sorted(blocked)]


def _write(
    connection: Connection,
    batch: Batch,
    publication: Publication,
    lease: Lease,
    run_id: str,
    started: datetime,
    clock: Clock,
    results: Sequence[QualityResultRow],
) -> PublishResult:
    """Everything inside the publishing transaction, up to its commit."""
    leases.fence(connection, lease)
    require_head(connection)
    earlier = _found(connection, publication.publication_id)
    if earlier is not None:
        return earlier
    now = clock()
    batch_id = open_batch(
        connection,
        publication_id=publication.publication_id,
        batch_kind="publication",
        orchestrator_run_id=run_id,
        code_version=publication.code_version,
        data_through=publication.data_through,
        started_at=started,
        published_at=now,
        fencing_token=lease.token,
    )
    tables = batch.write(batch_id, now, results)
    write_manifest(connection, batch_id, tables)
    return PublishResult(Outcome.PUBLISHED, batch_id, publication.publication_id, now, tables)


def open_batch(connection: Connection, **columns: Any) -> int:
    """Insert the batch's row, inside the publishing transaction; returns its id."""
    statement = insert(publish_batch).values(state="published", **columns).returning(publish_batch.c.batch_id)
    return int(connection.execute(statement).scalar_one())


def write_manifest(connection: Connection, batch_id: int, tables: dict[str, TableCounts]) -> None:
    """Say how many rows each table holds now, and what the batch did to it."""
    rows = [
        {
            "batch_id": batch_id,
            "table_name": name,
            "row_count": counts.current,
            "inserted_count": counts.inserted,
            "revised_count": counts.revised,
            "retired_count": counts.retired,
            "refreshed_count": counts.refreshed,
        }
        for name, counts in sorted(tables.items())
    ]
    connection.execute(insert(publish_manifest), rows)


def _invalid(publication: Publication, error: IntegrityError) -> InvalidPublication:
    said = str(error.orig).strip().splitlines()
    return InvalidPublication(publication.publication_id, [" ".join(said[:2])])


def _roll_back(transaction: RootTransaction) -> None:
    with suppress(DBAPIError):
        transaction.rollback()


def _commit(transaction: RootTransaction, engine: Engine, publication_id: str, place: str) -> bool:
    """Commit; returns True when the answer was lost and the batch was found published."""
    try:
        transaction.commit()
    except DBAPIError as error:
        _roll_back(transaction)
        if not _was_committed(engine, publication_id, place):
            raise
        del error
        return True
    return False


def _was_committed(engine: Engine, publication_id: str, place: str) -> bool:
    """Ask, until the database answers or patience ends."""
    engine.dispose()
    patience = time.monotonic() + RECONNECT_SECONDS
    pause = 0.05
    while True:
        try:
            with writing(engine) as connection:
                leases.wait_for_publisher(connection)  # a commit may still be on its way through the server
                return _found(connection, publication_id) is not None
        except (DatabaseUnavailable, DBAPIError) as error:
            if time.monotonic() > patience:
                raise CommitUnknown(publication_id, place) from error
        time.sleep(pause)
        pause = min(2 * pause, 1.0)
