"""One batch on one connection: staged before the transaction, written inside it.

    batch = Batch(connection, publication, prepare(publication))
    batch.stage()                       # temporary tables, nothing published
    batch.block(blocked)                # what the checks hold back
    tables = batch.write(batch_id, now) # inside the publishing transaction

The number of statements depends on the number of tables, not of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

import pyarrow as pa
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    FromClause,
    MetaData,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from pipelines.publishing import revisions, schema, staging
from pipelines.publishing.arrow import fetch
from pipelines.publishing.contracts import (
    ANOMALY,
    BLOCKED_METRIC,
    CONTRIBUTION,
    COUNTED,
    FINDING,
    INFLUENCE,
    KEY_RESULT_TERMS,
    KPI_VALUE,
    SEGMENT_EFFECT,
    SIGNAL,
    SUGGESTION,
    TARGET,
    current_rows,
)
from pipelines.publishing.dimensions import Row, as_row, write_dictionary
from pipelines.publishing.errors import InvalidPublication
from pipelines.publishing.facts import anomaly_coverage, rows_by_table, segments_of
from pipelines.publishing.publication import BlockedMetric, Coverage, Publication, TableCounts
from pipelines.publishing.records import TOTAL, QualityResultRow
from pipelines.publishing.references import check_references
from pipelines.publishing.revisions import EVERYTHING, Revisioned, Scope, Wording, Written
from pipelines.publishing.values import Block, Prepared, block_first, uncovered

VALUES = KPI_VALUE.stage()
COVERAGE = Table(
    "stage_coverage",
    MetaData(),
    Column("metric_id", Text()),
    Column("period_grain", Text()),
    Column("first_block", Date()),
    Column("first_day", Date()),
    Column("last_day", Date()),
    prefixes=["TEMPORARY"],
)
CONCERNED = Table("stage_concerned", MetaData(), Column("metric_id", Text()), prefixes=["TEMPORARY"])

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
_VALUE_REASON = """CASE
  WHEN stage_kpi_value.value_state = 'blocked' THEN stage_kpi_value.state_reason
  WHEN published.value_state = 'blocked' THEN 'its checks pass again'
  WHEN published.metric_version_key <> stage_kpi_value.metric_version_key THEN 'computed by another definition'
  WHEN published.value_state <> 'provisional' AND NOT (published.value {same} stage_kpi_value.value
    AND published.numerator {same} stage_kpi_value.numerator
    AND published.denominator {same} stage_kpi_value.denominator) THEN :restatement_reason
  END"""
_FIRST_KIND = "CASE stage_kpi_value.value_state WHEN 'blocked' THEN 'blocked' ELSE 'first' END"
_FIRST_REASON = "CASE stage_kpi_value.value_state WHEN 'blocked' THEN stage_kpi_value.state_reason END"


class Batch:
    """What one publication stages and writes. Lives as long as its connection."""

    def __init__(self, connection: Connection, publication: Publication, prepared: Prepared) -> None:
        self._connection = connection
        self._publication = publication
        self._prepared = prepared
        self._blocked: dict[str, BlockedMetric] = {}
        self._version_keys: dict[tuple[str, int, str], int] = {}
        self._unchanged: list[Block] = []
        self._staged: list[Block] = []
        self._frame = pa.table({})

    # ── before the transaction ──────────────────────────────────────────────────────────────────────────────

    def stage(self) -> None:
        """Resolve definitions, leave out what is published as it is, and stage the rest.

        Raises:
            InvalidPublication: a value names a definition that neither the publication nor the database
            knows.
        """
        check_references(self._connection, self._publication)
        self._version_keys = self._resolve_versions()
        keys = pa.array([self._version_keys[version] for version in self._prepared.versions], pa.int64())
        column = pa.DictionaryArray.from_arrays(pa.array(self._prepared.version_of_row, pa.int64()), keys)
        self._frame = self._prepared.frame.append_column("metric_version_key", column.dictionary_decode())
        for stage in (VALUES, COVERAGE, CONCERNED):
            staging.create(self._connection, stage)
        self._fill_coverage(self._prepared.coverage)
        published = self._published_digests()
        same = [b for b in self._prepared.blocks if published.get((b.metric, b.grain, b.first)) == b.digest]
        self._unchanged = same
        skipped = set(same)
        self._load([block for block in self._prepared.blocks if block not in skipped])

    def block(self, blocked: Iterable[BlockedMetric]) -> None:
        """Hold metrics back: their values are staged without a value, whatever was computed."""
        self._blocked = {entry.metric: entry for entry in blocked}
        held = [block for block in self._unchanged if block.metric in self._blocked]
        self._unchanged = [block for block in self._unchanged if block.metric not in self._blocked]
        self._load(held)

    def staged_values(self) -> pa.Table:
        """The staged rows, read back from the database."""
        return fetch(self._connection, select(*(VALUES.c[name] for name in KPI_VALUE.columns)))

    def published_values(self) -> pa.Table:
        """Current values within the coverage of this publication."""
        published = schema.kpi_value.alias("published")
        within = exists().where(_in_coverage(COVERAGE, published)).correlate(published)
        columns = (published.c[name] for name in KPI_VALUE.columns)
        return fetch(self._connection, select(*columns).where(revisions.is_current("published"), within))

    def _load(self, blocks: Sequence[Block]) -> None:
        pieces = [self._frame.slice(start, stop - start) for start, stop in _runs(blocks)]
        if pieces:
            present = [name for name in KPI_VALUE.columns if name in self._frame.column_names]
            first_row = sum(block.stop - block.start for block in self._staged)
            staging.load_arrow(self._connection, VALUES, pa.concat_tables(pieces).select(present), first_row)
        self._staged += blocks

    def _resolve_versions(self) -> dict[tuple[str, int, str], int]:
        table = schema.metric_version
        rows = self._connection.execute(
            select(table.c.metric_id, table.c.version, table.c.definition_hash, table.c.metric_version_key)
        )
        known = {(row.metric_id, row.version, row.definition_hash): row.metric_version_key for row in rows}
        offered = self._publication.dictionary.versions if self._publication.dictionary else ()
        new = sorted({(v.metric_id, v.version, v.definition_hash) for v in offered} - known.keys())
        first = max(known.values(), default=0) + 1
        known |= {version: first + number for number, version in enumerate(new)}
        unknown = [version for version in self._prepared.versions if version not in known]
        if unknown:
            named = [f"{metric} version {number} ({digest[:12]})" for metric, number, digest in unknown]
            problem = f"values of definitions that nobody published: {', '.join(named[:5])}; publish the dictionary too"
            raise InvalidPublication(self._publication.publication_id, [problem])
        return known

    def _published_digests(self) -> dict[tuple[str, str, date], str]:
        table = schema.value_digest
        rows = self._connection.execute(select(table))
        return {(row.metric_id, row.period_grain, row.block_start): row.digest for row in rows}

    # ── inside the transaction ──────────────────────────────────────────────────────────────────────────────

    def write(
        self, batch_id: int, now: datetime, quality_results: Sequence[QualityResultRow]
    ) -> dict[str, TableCounts]:
        """Bring every table to the state of this publication; returns what the manifest says of each."""
        publication, blocked = self._publication, self._blocked
        self._write_segments()
        if publication.dictionary is not None:
            write_dictionary(self._connection, publication.dictionary, self._version_keys)
        written: dict[str, Written] = {KPI_VALUE.table.name: self._write_values(batch_id)}
        written[BLOCKED_METRIC.table.name] = self._write_blocked(batch_id, now)
        for spec, rows in rows_by_table(publication, blocked):
            written[spec.table.name] = self._write_rows(spec, rows, batch_id)
        results = self._write_quality(batch_id, quality_results)
        written[schema.data_quality_result.name] = Written(results, 0, results, 0)
        self._write_alerts(batch_id)
        return {
            table.name: written.get(table.name, Written()).counts(self._current(table, written))
            for table in COUNTED
        }

    def _current(self, table: Table, written: Mapping[str, Written]) -> int:
        """Current rows now: small tables are counted, of the large one the changes are added up."""
        if table is not KPI_VALUE.table:
            return current_rows(self._connection, table)
        change = written[table.name]
        return revisions.published_before(self._connection, table).current + change.inserted - change.retired

    def _write_segments(self) -> None:
        wanted = {*self._prepared.segments, *segments_of(self._publication), (TOTAL, "", "")}
        known = set(self._connection.execute(select(schema.segment.c.segment_key)).scalars())
        new = sorted(entry for entry in wanted if entry[0] not in known)
        if new:
            names = ("segment_key", "segment_dimension", "segment_value")
            rows = [dict(zip(names, entry, strict=True)) | {"is_total": entry[0] == TOTAL} for entry in new]
            self._connection.execute(insert(schema.segment), rows)

    def _write_values(self, batch_id: int) -> Written:
        free = [entry for entry in self._prepared.coverage if entry.metric not in self._blocked]
        rest = uncovered(free, self._unchanged)
        if not (rest or self._staged or self._blocked):
            return Written()  # every block is published as it is
        self._fill_coverage(rest)
        if self._blocked:
            self._stage_blocked()
        same = "IS NOT DISTINCT FROM" if self._connection.dialect.name == "postgresql" else "IS"
        reason = text(_VALUE_REASON.format(same=same))
        wording = Wording(
            kind=text(_VALUE_KIND.format(same=same)),
            reason=reason.bindparams(restatement_reason=self._publication.restatement_reason),
            first_kind=text(_FIRST_KIND),
            first_reason=text(_FIRST_REASON),
        )
        written = revisions.write(
            self._connection, KPI_VALUE, VALUES, batch_id, scope=_COVERED, wording=wording
        )
        self._write_digests()
        return written

    def _fill_coverage(self, coverage: Sequence[Coverage]) -> None:
        self._connection.execute(delete(COVERAGE))
        names = ("metric_id", "period_grain", "first_block", "first_day", "last_day")
        rows = ((c.metric, c.grain, block_first(c.grain, c.first), c.first, c.last) for c in coverage)
        staging.load_rows(self._connection, COVERAGE, (dict(zip(names, row, strict=True)) for row in rows))
        staging.analyse(self._connection, COVERAGE)

    def _stage_blocked(self) -> None:
        """Rows of held-back metrics: final ones stay as published; open ones lose their value and keep the
        last."""
        published = schema.kpi_value.alias("published")
        same_key = and_(revisions.matches(KPI_VALUE, VALUES, published), revisions.is_current("published"))
        is_open = published.c.value_state.in_(("provisional", "blocked"))
        metrics = sorted(self._blocked)
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
            reason = self._blocked[metric].reason
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
        if self._blocked:
            execute(delete(table).where(table.c.metric_id.in_(sorted(self._blocked))))
        rows = [
            {"metric_id": b.metric, "period_grain": b.grain, "block_start": b.first, "digest": b.digest}
            for b in self._staged
            if b.metric not in self._blocked
        ]
        if rows:
            new = (
                postgresql.insert(table)
                if self._connection.dialect.name == "postgresql"
                else sqlite.insert(table)
            )
            key = [column.name for column in table.primary_key.columns]
            execute(new.on_conflict_do_update(index_elements=key, set_={"digest": new.excluded.digest}), rows)

    def _write_blocked(self, batch_id: int, now: datetime) -> Written:
        stage, published = BLOCKED_METRIC.stage(), BLOCKED_METRIC.table.alias("published")
        concerned = {entry.metric for entry in self._prepared.coverage} | {
            v[0] for v in self._prepared.versions
        }
        staging.load_rows(self._connection, CONCERNED, [{"metric_id": m} for m in sorted(concerned)])
        staging.create(self._connection, stage)
        rows = [
            {"metric_id": b.metric, "reason": b.reason, "check_id": b.check_id, "blocked_at": now}
            for _, b in sorted(self._blocked.items())
        ]
        staging.load_rows(self._connection, stage, rows)
        since = select(published.c.blocked_at).where(
            published.c.metric_id == stage.c.metric_id, revisions.is_current("published")
        )
        known = since.correlate(stage).scalar_subquery()
        self._connection.execute(update(stage).values(blocked_at=func.coalesce(known, stage.c.blocked_at)))
        return revisions.write(self._connection, BLOCKED_METRIC, stage, batch_id, scope=_CONCERNED)

    def _write_rows(self, spec: Revisioned, rows: Sequence[Row], batch_id: int) -> Written:
        scope = self._scope(spec)
        if not rows and scope is None:
            return Written()
        stage = spec.stage()
        staging.create(self._connection, stage)
        names = spec.columns
        staging.load_rows(self._connection, stage, ({name: row[name] for name in names} for row in rows))
        if scope is _CHANGES:
            scope = _same_change(stage, _CHANGE_KEY if spec is CONTRIBUTION else _EFFECT_KEY)
        return revisions.write(self._connection, spec, stage, batch_id, scope=scope)

    def _scope(self, spec: Revisioned) -> Scope | None:
        publication = self._publication
        if spec in (TARGET, KEY_RESULT_TERMS):
            return EVERYTHING if publication.dictionary is not None else None
        whole = {
            FINDING.table.name: publication.findings,
            SUGGESTION.table.name: publication.suggestions,
            INFLUENCE.table.name: publication.influences,
            SIGNAL.table.name: publication.signals,
        }
        if spec.table.name in whole:
            return EVERYTHING if whole[spec.table.name] is not None else None
        if spec is CONTRIBUTION:
            return _CHANGES if publication.contributions else None
        if spec is SEGMENT_EFFECT:
            return _CHANGES if publication.segment_effects else None
        if spec is ANOMALY and publication.anomaly_coverage:
            self._fill_coverage(anomaly_coverage(publication, self._blocked))
            return _COVERED
        return None

    def _write_quality(self, batch_id: int, results: Sequence[QualityResultRow]) -> int:
        """Every result of this batch becomes the current one of its check and asset."""
        if not results:
            return 0
        table = schema.data_quality_result
        execute = self._connection.execute
        former = update(table).where(
            table.c.check_id == bindparam("check"), table.c.asset == bindparam("of_asset"), text("is_current")
        )
        execute(
            former.values(is_current=False), [{"check": r.check_id, "of_asset": r.asset} for r in results]
        )
        rows = [as_row(result) | {"is_current": True, "batch_id": batch_id} for result in results]
        execute(insert(table), [row | {"sample_keys": list(row["sample_keys"])} for row in rows])
        keys = {
            (row.check_id, row.asset): row.dq_result_key
            for row in execute(
                select(table.c.check_id, table.c.asset, table.c.dq_result_key).where(
                    table.c.batch_id == batch_id
                )
            )
        }
        known = set(execute(select(schema.metric.c.metric_id)).scalars())
        links = [
            {"dq_result_key": keys[result.check_id, result.asset], "metric_id": metric}
            for result in results
            for metric in sorted(set(result.metric_ids) & known)
        ]
        if links:
            execute(insert(schema.data_quality_metric), links)
        return len(results)

    def _write_alerts(self, batch_id: int) -> None:
        """Queue the alerts; one that is queued, sent or suppressed alike already is dropped."""
        rows = [as_row(alert) for alert in self._publication.alerts]
        if not rows:
            return
        log = schema.alert_log
        names = tuple(rows[0])
        stage = staging.stage_like(log, names)
        staging.create(self._connection, stage)
        staging.load_rows(self._connection, stage, rows)
        standing = log.alias("standing")
        same = and_(*(standing.c[n] == stage.c[n] for n in ("dedup_key", "recipient", "channel")))
        told = or_(
            standing.c.delivery_state.in_(("queued", "sent")),
            standing.c.delivery_state == stage.c.delivery_state,
        )
        fresh = (
            select(*(stage.c[name] for name in names), literal(batch_id))
            .where(~exists().where(and_(same, told)).correlate(stage))
            .order_by(stage.c.dedup_key, stage.c.recipient, stage.c.channel)
        )
        self._connection.execute(insert(log).from_select([*names, "batch_id"], fresh))


_CHANGE_KEY = ("parent_metric_id", "period_grain", "period_start", "compare_to", "segment_key")
_EFFECT_KEY = ("metric_id", "period_grain", "period_start", "segment_dimension")
_CHANGES = Scope(CONTRIBUTION.table, lambda _extent, _now: literal(False))
"""Stands for: complete for each change that has a row, because the rows of one change add up."""


def _same_change(stage: Table, key: tuple[str, ...]) -> Scope:
    groups = select(*(stage.c[name] for name in key)).distinct().subquery("scope")
    return Scope(groups, lambda s, now: and_(*(s.c[name] == now.c[name] for name in key)))


def _in_coverage(extent: FromClause, now: FromClause) -> ColumnElement[bool]:
    return and_(
        extent.c.metric_id == now.c.metric_id,
        extent.c.period_grain == now.c.period_grain,
        now.c.period_start.between(extent.c.first_day, extent.c.last_day),
    )


_COVERED = Scope(COVERAGE, _in_coverage)
_CONCERNED = Scope(CONCERNED, lambda extent, now: extent.c.metric_id == now.c.metric_id)


def _runs(blocks: Sequence[Block]) -> list[tuple[int, int]]:
    """Row ranges of blocks, neighbours joined."""
    runs: list[tuple[int, int]] = []
    for block in sorted(blocks, key=lambda b: b.start):
        if runs and runs[-1][1] == block.start:
            runs[-1] = (runs[-1][0], block.stop)
        else:
            runs.append((block.start, block.stop))
    return runs
