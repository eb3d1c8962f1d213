"""The values of one batch: what is not published as it is staged, held-back metrics without their value, and the
comparison with what is published.

    values = ValueStage(connection, prepare(publication), "source data changed")
    values.stage(version_keys)          # before the transaction
    values.hold_back(blocked)
    written = values.write(batch_id)    # inside it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    FromClause,
    Index,
    MetaData,
    ScalarSelect,
    Table,
    Text,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    null,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from pipelines.publishing import revisions, schema, staging
from pipelines.publishing.arrow import fetch
from pipelines.publishing.blocks import Block, block_first, uncovered
from pipelines.publishing.contracts import KPI_VALUE
from pipelines.publishing.publication import BlockedMetric, Coverage
from pipelines.publishing.revisions import Scope, Wording, Written
from pipelines.publishing.values import Prepared

VALUES = KPI_VALUE.stage()
COVERAGE = Table(
    "stage_coverage",
    MetaData(),
    Column("metric_id", Text()),
    Column("period_grain", Text()),
    Column("first_block", Date()),
    Column("first_day", Date()),
    Column("last_day", Date()),
    # Whether a published row is covered is asked of each of them: without an index SQLite looks through all stretches.
    Index("ix_stage_coverage", "metric_id", "period_grain"),
    prefixes=["TEMPORARY"],
)

_VALUE_KIND = """CASE
  WHEN stage_kpi_value.value_state = 'blocked' THEN 'blocked'
  WHEN published.value_state = 'blocked' THEN 'unblocked'
  WHEN published.metric_version_key <> stage_kpi_value.metric_version_key THEN 'redefined'
  WHEN published.value {same} stage_kpi_value.value AND published.numerator {same} stage_kpi_value.numerator
   AND published.denominator {same} stage_kpi_value.denominator
   AND published.value_state = stage_kpi_value.value_state THEN 'retargeted'
  WHEN published.value_state <> 'provisional' THEN 'restated'
  WHEN stage_kpi_value.value_state <> 'provisional' THEN 'settled'
  ELSE 'provisional_update' END"""
_RESTATED = """published.value_state <> 'provisional' AND NOT (published.value {same} stage_kpi_value.value
    AND published.numerator {same} stage_kpi_value.numerator
    AND published.denominator {same} stage_kpi_value.denominator)"""
AUDITED = (*KPI_VALUE.natural_key, "value", "numerator", "denominator", "value_state")
"""What an audit reads back to compare it with what was computed."""

REDEFINED = "computed by another definition"
_FIRST_KIND = "CASE stage_kpi_value.value_state WHEN 'blocked' THEN 'blocked' ELSE 'first' END"
_FIRST_REASON = "CASE stage_kpi_value.value_state WHEN 'blocked' THEN stage_kpi_value.state_reason END"


def _reason(restated: str, restatement_reason: str) -> ColumnElement[Any]:
    """Why a value follows another one; a new definition says which version it is, and why it was changed."""
    staged: ColumnElement[Any] = literal_column("stage_kpi_value.metric_version_key")
    published: ColumnElement[Any] = literal_column("published.metric_version_key")
    version = cast(_of_version("version", staged), Text())
    own = literal(f"{REDEFINED}: version ").concat(version).concat(", ")
    redefined = case(
        (
            _of_version("version", staged) != _of_version("version", published),
            own.concat(_of_version("change_reason", staged)),
        ),
        else_=f"{REDEFINED} of what it is computed from",
    )
    return case(
        (text("stage_kpi_value.value_state = 'blocked'"), literal_column("stage_kpi_value.state_reason")),
        (text("published.value_state = 'blocked'"), "its checks pass again"),
        (published != staged, redefined),
        (text(restated), restatement_reason),
    )


def _of_version(column: str, key: ColumnElement[Any]) -> ScalarSelect[Any]:
    """An attribute of the definition with this key."""
    version = schema.metric_version
    return select(version.c[column]).where(version.c.metric_version_key == key).scalar_subquery()


class ValueStage:
    """The values of one batch on one connection. `blocked` are the metrics that are held back."""

    def __init__(self, connection: Connection, prepared: Prepared, restatement_reason: str) -> None:
        self._connection = connection
        self._prepared = prepared
        self._restatement_reason = restatement_reason
        self._keys: list[int] = []
        self._unchanged: list[Block] = []
        self._staged: list[Block] = []
        self.blocked: Mapping[str, BlockedMetric] = {}

    def stage(self, version_keys: Mapping[tuple[str, int, str], int]) -> None:
        """Leave out what is published as it is, and stage the rest."""
        self._keys = [version_keys[version] for version in self._prepared.versions]
        for stage in (VALUES, COVERAGE):
            staging.create(self._connection, stage)
        fill_coverage(self._connection, self._prepared.coverage)
        published = self._published_digests()
        same = [b for b in self._prepared.blocks if published.get((b.metric, b.grain, b.first)) == b.digest]
        self._unchanged = same
        skipped = set(same)
        self._load([block for block in self._prepared.blocks if block not in skipped])

    def hold_back(self, blocked: Mapping[str, BlockedMetric]) -> None:
        """Stage the values of these metrics too, changed or not: they will lose what was computed."""
        self.blocked = blocked
        held = [block for block in self._unchanged if block.metric in blocked]
        self._unchanged = [block for block in self._unchanged if block.metric not in blocked]
        self._load(held)

    def staged(self) -> pa.Table:
        """Keys, numbers and states of the staged rows, read back from the database."""
        return fetch(self._connection, select(*(VALUES.c[name] for name in AUDITED)))

    def published(self) -> pa.Table:
        """Keys, numbers and states that are current within the coverage of this publication."""
        published = schema.kpi_value.alias("published")
        within = exists().where(_in_coverage(COVERAGE, published)).correlate(published)
        columns = (published.c[name] for name in AUDITED)
        return fetch(self._connection, select(*columns).where(revisions.is_current("published"), within))

    def write(self, batch_id: int) -> Written:
        """Bring kpi_value to what is staged, inside the transaction."""
        free = [entry for entry in self._prepared.coverage if entry.metric not in self.blocked]
        rest = uncovered(free, self._unchanged)
        if not (rest or self._staged or self.blocked):
            return Written()  # every block is published as it is
        fill_coverage(self._connection, rest)
        if self.blocked:
            self._stage_blocked()
        same = "IS NOT DISTINCT FROM" if self._connection.dialect.name == "postgresql" else "IS"
        wording = Wording(
            kind=text(_VALUE_KIND.format(same=same)),
            reason=_reason(_RESTATED.format(same=same), self._restatement_reason),
            first_kind=text(_FIRST_KIND),
            first_reason=text(_FIRST_REASON),
        )
        written = revisions.write(
            self._connection, KPI_VALUE, VALUES, batch_id, scope=COVERED, wording=wording
        )
        self._write_digests()
        return written

    def _load(self, blocks: Sequence[Block]) -> None:
        if blocks:
            frame = self._prepared.rows(_runs(blocks), self._keys)
            present = [name for name in KPI_VALUE.columns if name in frame.column_names]
            first_row = sum(block.stop - block.start for block in self._staged)
            staging.load_arrow(self._connection, VALUES, frame.select(present), first_row)
        self._staged += blocks

    def _published_digests(self) -> dict[tuple[str, str, date], str]:
        table = schema.value_digest
        rows = self._connection.execute(select(table))
        return {(row.metric_id, row.period_grain, row.block_start): row.digest for row in rows}

    def _stage_blocked(self) -> None:
        """Rows of held-back metrics: final ones stay as published; open ones lose their value and keep the
        last."""
        published = schema.kpi_value.alias("published")
        same_key = and_(revisions.matches(KPI_VALUE, VALUES, published), revisions.is_current("published"))
        is_open = published.c.value_state.in_(("provisional", "blocked"))
        metrics = sorted(self.blocked)
        staged = sum(block.stop - block.start for block in self._staged)
        row_number = func.row_number().over(order_by=published.c.kpi_value_key) + staged
        missing = (
            select(row_number, *(published.c[name] for name in KPI_VALUE.columns))
            .where(published.c.metric_id.in_(metrics), revisions.is_current("published"), is_open)
            .where(~exists().where(revisions.matches(KPI_VALUE, VALUES, published)).correlate(published))
        )
        execute = self._connection.execute
        execute(insert(VALUES).from_select([staging.STAGE_ROW, *KPI_VALUE.columns], missing))
        settled = exists().where(same_key, ~is_open).correlate(VALUES)
        execute(delete(VALUES).where(VALUES.c.metric_id.in_(metrics), settled))
        last_good = (
            select(func.coalesce(published.c.value, published.c.last_good_value))
            .where(same_key)
            .correlate(VALUES)
            .scalar_subquery()
        )
        empty = {
            name: null()
            for name in (
                "value",
                "numerator",
                "denominator",
                "sample_size",
                "attainment",
                "change_abs",
                "change_pct",
            )
        }
        for metric in metrics:
            held = update(VALUES).where(VALUES.c.metric_id == metric)
            reason = self.blocked[metric].reason
            execute(
                held.values(empty | {"value_state": "blocked", "state_reason": reason, "status": "no_data"})
            )
            execute(held.values(last_good_value=last_good))
            execute(held.where(VALUES.c.last_good_value.is_not(None)).values(status="stale"))

    def _write_digests(self) -> None:
        """Fingerprints of what is published now; where something may have gone without one, none."""
        table = schema.value_digest
        touched = and_(
            COVERAGE.c.metric_id == table.c.metric_id,
            COVERAGE.c.period_grain == table.c.period_grain,
            table.c.block_start.between(COVERAGE.c.first_block, COVERAGE.c.last_day),
        )
        execute = self._connection.execute
        execute(delete(table).where(exists().where(touched).correlate(table)))
        if self.blocked:
            execute(delete(table).where(table.c.metric_id.in_(sorted(self.blocked))))
        rows = [
            {"metric_id": b.metric, "period_grain": b.grain, "block_start": b.first, "digest": b.digest}
            for b in self._staged
            if b.metric not in self.blocked
        ]
        if rows:
            new = (
                postgresql.insert(table)
                if self._connection.dialect.name == "postgresql"
                else sqlite.insert(table)
            )
            key = [column.name for column in table.primary_key.columns]
            execute(new.on_conflict_do_update(index_elements=key, set_={"digest": new.excluded.digest}), rows)


def fill_coverage(connection: Connection, coverage: Sequence[Coverage]) -> None:
    """Say which stretches of which series the next stage is complete for."""
    connection.execute(delete(COVERAGE))
    names = ("metric_id", "period_grain", "first_block", "first_day", "last_day")
    rows = ((c.metric, c.grain, block_first(c.grain, c.first), c.first, c.last) for c in coverage)
    staging.load_rows(connection, COVERAGE, (dict(zip(names, row, strict=True)) for row in rows))
    staging.analyse(connection, COVERAGE)


def _in_coverage(extent: FromClause, now: FromClause) -> ColumnElement[bool]:
    return and_(
        extent.c.metric_id == now.c.metric_id,
        extent.c.period_grain == now.c.period_grain,
        now.c.period_start.between(extent.c.first_day, extent.c.last_day),
    )


COVERED = Scope(COVERAGE, _in_coverage)
"""Published rows within the coverage."""


def _runs(blocks: Sequence[Block]) -> list[tuple[int, int]]:
    """Row ranges of blocks, neighbours joined."""
    runs: list[tuple[int, int]] = []
    for block in sorted(blocks, key=lambda b: b.start):
        if runs and runs[-1][1] == block.start:
            runs[-1] = (runs[-1][0], block.stop)
        else:
            runs.append((block.start, block.stop))
    return runs
