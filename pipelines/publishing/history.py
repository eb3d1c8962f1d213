"""Reading the past, and taking a batch back.

    as_of(engine, datetime(2026, 3, 1, tzinfo=UTC), metrics=["csat"], grain="month")   # what was published
    then withdraw(engine, batch_id=17, reason="wrong exchange rate", clock=clock, run_id="run-18")

Nothing published is ever overwritten: every row knows the batch that wrote it and the batch that retired
it, so any past moment can be read back. A withdrawal is a batch of its own that puts the predecessors back
as new revisions; what readers saw between the two stays readable. Source: publication rules, decisions 2, 3
and 13.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Subquery,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    true,
    update,
)

from pipelines.publishing import lease as leases
from pipelines.publishing.arrow import fetch
from pipelines.publishing.contracts import COUNTED, KPI_VALUE, REVISIONED, current_rows
from pipelines.publishing.engine import clear_errors, place_of, reading, writing
from pipelines.publishing.errors import NothingToWithdraw
from pipelines.publishing.lease import Lease
from pipelines.publishing.migrations import require_head
from pipelines.publishing.publication import Outcome, PublishResult
from pipelines.publishing.publish import open_batch, write_manifest
from pipelines.publishing.records import TOTAL
from pipelines.publishing.revisions import Revisioned, Written, is_current, matches
from pipelines.publishing.schema import (
    alert_log,
    data_quality_result,
    kpi_value,
    kpi_value_refresh,
    metric_version,
    publish_batch,
    publish_manifest,
    value_digest,
)

AS_OF_COLUMNS = (
    *KPI_VALUE.natural_key,
    *(name for name in KPI_VALUE.compared if name != "metric_version_key"),
    *KPI_VALUE.refreshed,
    "revision",
    "revision_kind",
    "revision_reason",
    "batch_id",
)


def as_of(
    engine: Engine,
    moment: datetime,
    *,
    metrics: Sequence[str] | None = None,
    grain: str | None = None,
    segments: bool = True,
) -> pa.Table:
    """The values a reader saw at `moment` (aware), as Arrow, sorted; empty before the first publication.

    Columns are those of `kpi_value`, with `version`: the version of the definition. `metrics` None reads all,
    `grain` None every grain; `segments` False leaves only the totals.
    """
    with reading(engine) as connection:
        require_head(connection)
        batch = batch_at(connection, moment) or 0
        value = kpi_value.alias("published")
        later = _first_refresh_after(batch)
        columns: list[ColumnElement[Any]] = [
            case((later.c.batch_id.is_(None), value.c[name]), else_=later.c[name]).label(name)
            if name in KPI_VALUE.refreshed
            else value.c[name]
            for name in AS_OF_COLUMNS
        ]
        query = (
            select(*columns, metric_version.c.version)
            .select_from(
                value.join(
                    metric_version, metric_version.c.metric_version_key == value.c.metric_version_key
                ).outerjoin(later, later.c.kpi_value_key == value.c.kpi_value_key)
            )
            .where(value.c.batch_id <= batch)
            .where(or_(value.c.retired_batch_id.is_(None), value.c.retired_batch_id > batch))
            .order_by(*(value.c[name] for name in KPI_VALUE.natural_key))
        )
        if metrics is not None:
            query = query.where(value.c.metric_id.in_(sorted(metrics)))
        if grain is not None:
            query = query.where(value.c.period_grain == grain)
        if not segments:
            query = query.where(value.c.segment_key == TOTAL)
        return fetch(connection, query)


def batch_at(connection: Connection, moment: datetime) -> int | None:
    """The batch that was the current publication at `moment`; None before the first."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; give an aware instant")
    query = select(func.max(publish_batch.c.batch_id)).where(publish_batch.c.published_at <= moment)
    found = connection.execute(query).scalar_one()
    return None if found is None else int(found)


def list_publications(engine: Engine, limit: int = 20) -> list[dict[str, Any]]:
    """The last batches, the newest first: what each changed among the values, and what became of it."""
    batch, manifest = publish_batch.c, publish_manifest.c
    query = (
        select(
            batch.batch_id,
            batch.batch_kind.label("kind"),
            batch.state,
            batch.published_at,
            batch.data_through,
            manifest.inserted_count.label("values_written"),
            manifest.retired_count.label("values_retired"),
            batch.withdraws_batch_id.label("withdraws"),
            batch.reason,
            batch.orchestrator_run_id.label("run"),
        )
        .join(publish_manifest, manifest.batch_id == batch.batch_id)
        .where(manifest.table_name == kpi_value.name)
        .order_by(batch.batch_id.desc())
        .limit(limit)
    )
    with reading(engine) as connection:
        require_head(connection)
        return [dict(row) for row in connection.execute(query).mappings()]


def _first_refresh_after(batch: int) -> Subquery:
    """What derived columns were before the first batch after `batch` that brought them up to date."""
    first = (
        select(kpi_value_refresh.c.kpi_value_key, func.min(kpi_value_refresh.c.batch_id).label("batch_id"))
        .where(kpi_value_refresh.c.batch_id > batch)
        .group_by(kpi_value_refresh.c.kpi_value_key)
        .subquery("first_refresh")
    )
    same = and_(
        kpi_value_refresh.c.kpi_value_key == first.c.kpi_value_key,
        kpi_value_refresh.c.batch_id == first.c.batch_id,
    )
    return select(kpi_value_refresh).join(first, same).subquery("later")


def withdraw(
    engine: Engine,
    batch_id: int,
    *,
    reason: str,
    clock: Callable[[], datetime],
    run_id: str,
    code_version: str,
    lease: Lease | None = None,
) -> PublishResult:
    """Take a published batch back: what it replaced or retired is current again, what it added is gone.

    Rows that a later batch has replaced since stay as that batch left them. Its queued alerts are not sent.
    Names and other current attributes of the dictionary are not part of a batch and stay.

    Raises:
        NothingToWithdraw: there is no such batch, or it is a withdrawal, or withdrawn already.
        LeaseHeld, LeaseLost, SchemaMismatch, DatabaseUnavailable: as `publish`.
    """
    started = clock()
    with clear_errors(place_of(engine.url)):
        held = lease or leases.acquire(engine, holder=run_id, clock=clock, term=timedelta(0))
        with writing(engine) as connection:
            leases.fence(connection, held)
            require_head(connection)
            through = _withdrawable(connection, batch_id)
            now = clock()
            name = f"withdrawal-of-{batch_id}"
            own = open_batch(
                connection,
                publication_id=name,
                batch_kind="withdrawal",
                orchestrator_run_id=run_id,
                code_version=code_version,
                data_through=through,
                started_at=started,
                published_at=now,
                fencing_token=held.token,
                withdraws_batch_id=batch_id,
                reason=reason,
            )
            marked = update(publish_batch).where(publish_batch.c.batch_id == batch_id)
            connection.execute(marked.values(state="withdrawn"))
            written = {
                spec.table.name: _put_back(connection, spec, batch_id, own, reason) for spec in REVISIONED
            }
            _undo_refreshes(connection, batch_id, own)
            _put_back_quality(connection, batch_id)
            _hold_alerts(connection, batch_id)
            connection.execute(delete(value_digest))
            tables = {
                t.name: written.get(t.name, Written()).counts(current_rows(connection, t)) for t in COUNTED
            }
            write_manifest(connection, own, tables)
    return PublishResult(Outcome.PUBLISHED, own, name, now, tables)


def _withdrawable(connection: Connection, batch_id: int) -> date:
    """Check that a batch can be withdrawn; returns the day through which data is complete without it."""
    rows = connection.execute(
        select(publish_batch.c.batch_id, publish_batch.c.state, publish_batch.c.data_through)
        .where(publish_batch.c.batch_kind == "publication")
        .order_by(publish_batch.c.batch_id)
    ).all()
    found = next((row for row in rows if row.batch_id == batch_id), None)
    if found is None or found.state != "published":
        raise NothingToWithdraw(batch_id, None if found is None else found.state)
    left = [row.data_through for row in rows if row.state == "published" and row.batch_id != batch_id]
    through: date = left[-1] if left else found.data_through
    return through


def _put_back(connection: Connection, spec: Revisioned, batch_id: int, own: int, reason: str) -> Written:
    """Retire what the batch wrote and is still current; insert again what it had retired and nobody
    replaced."""
    table = spec.table
    gone = update(table).where(table.c.batch_id == batch_id, text("is_current"))
    retired = connection.execute(gone.values(is_current=False, retired_batch_id=own)).rowcount
    former, standing, other = table.alias("former"), table.alias("standing"), table.alias("other")
    highest = select(func.max(other.c.revision)).where(matches(spec, other, former)).correlate(former)
    rows = (
        select(
            *(former.c[name] for name in spec.columns),
            highest.scalar_subquery() + 1,
            literal("withdrawal"),
            literal(reason),
            true(),
            literal(own),
        )
        .where(former.c.retired_batch_id == batch_id, text("NOT former.is_current"))
        .where(
            ~exists().where(and_(matches(spec, standing, former), is_current("standing"))).correlate(former)
        )
        .order_by(former.c[spec.surrogate])
    )
    names = [*spec.columns, "revision", "revision_kind", "revision_reason", "is_current", "batch_id"]
    inserted = connection.execute(insert(table).from_select(names, rows)).rowcount
    return Written(inserted, inserted, retired, 0)


def _undo_refreshes(connection: Connection, batch_id: int, own: int) -> None:
    """Derived columns that the batch brought up to date in place are what they were before."""
    log = kpi_value_refresh
    value, later = kpi_value.alias("published"), log.alias("later")
    columns = KPI_VALUE.refreshed
    undone = (
        select(log.c.kpi_value_key, *(log.c[name] for name in columns))
        .join(value, value.c.kpi_value_key == log.c.kpi_value_key)
        .where(log.c.batch_id == batch_id, is_current("published"))
        .where(~exists().where(later.c.kpi_value_key == log.c.kpi_value_key, later.c.batch_id > batch_id))
        .subquery("undone")
    )
    now = select(value.c.kpi_value_key, literal(own), *(value.c[name] for name in columns)).join(
        undone, undone.c.kpi_value_key == value.c.kpi_value_key
    )
    # What stands now is noted first, with the withdrawal as the batch that changes it.
    connection.execute(insert(log).from_select(["kpi_value_key", "batch_id", *columns], now))
    before = select(log).where(log.c.batch_id == batch_id).subquery("before")
    own_notes = select(log.c.kpi_value_key).where(log.c.batch_id == own)
    connection.execute(
        update(kpi_value)
        .where(kpi_value.c.kpi_value_key == before.c.kpi_value_key, kpi_value.c.kpi_value_key.in_(own_notes))
        .values({name: before.c[name] for name in columns})
    )


def _put_back_quality(connection: Connection, batch_id: int) -> None:
    """The results of the batch before are the current ones again."""
    table = data_quality_result
    earlier = table.alias("earlier")
    taken = (
        select(table.c.check_id, table.c.asset)
        .where(table.c.batch_id == batch_id, text("is_current"))
        .subquery()
    )
    latest = (
        select(func.max(earlier.c.dq_result_key))
        .join(taken, and_(taken.c.check_id == earlier.c.check_id, taken.c.asset == earlier.c.asset))
        .where(earlier.c.batch_id < batch_id)
        .group_by(earlier.c.check_id, earlier.c.asset)
    )
    keys = connection.execute(latest).scalars().all()
    connection.execute(update(table).where(table.c.batch_id == batch_id).values(is_current=False))
    if keys:
        connection.execute(update(table).where(table.c.dq_result_key.in_(keys)).values(is_current=True))


def _hold_alerts(connection: Connection, batch_id: int) -> None:
    """What the batch queued and nobody has sent yet is not sent."""
    queued = update(alert_log).where(alert_log.c.batch_id == batch_id, alert_log.c.delivery_state == "queued")
    connection.execute(
        queued.values(delivery_state="suppressed", suppressed_by=f"withdrawal of batch {batch_id}")
    )
