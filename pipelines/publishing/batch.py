"""One batch on one connection: staged before the transaction, written inside it.

    batch = Batch(connection, publication, prepare(publication))
    batch.stage()                       # temporary tables, nothing published
    batch.block(blocked)                # what the checks hold back
    tables = batch.write(batch_id, now) # inside the publishing transaction

The number of statements depends on the number of tables, not of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import pyarrow as pa
from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    Table,
    Text,
    and_,
    func,
    insert,
    literal,
    select,
    update,
)

from pipelines.publishing import revisions, schema, staging
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
from pipelines.publishing.dimensions import Row, write_dictionary
from pipelines.publishing.errors import InvalidPublication
from pipelines.publishing.facts import anomaly_coverage, rows_by_table, segments_of
from pipelines.publishing.operations import write_alerts, write_quality
from pipelines.publishing.publication import BlockedMetric, Publication, TableCounts
from pipelines.publishing.records import TOTAL, QualityResultRow
from pipelines.publishing.references import check_references
from pipelines.publishing.revisions import EVERYTHING, Revisioned, Scope, Written
from pipelines.publishing.value_stage import COVERED, ValueStage, fill_coverage
from pipelines.publishing.values import Prepared

CONCERNED = Table("stage_concerned", MetaData(), Column("metric_id", Text()), prefixes=["TEMPORARY"])


class Batch:
    """What one publication stages and writes. Lives as long as its connection."""

    def __init__(self, connection: Connection, publication: Publication, prepared: Prepared) -> None:
        self._connection = connection
        self._publication = publication
        self._prepared = prepared
        self._values = ValueStage(connection, prepared, publication.restatement_reason)
        self._blocked: dict[str, BlockedMetric] = {}
        self._version_keys: dict[tuple[str, int, str], int] = {}

    # ── before the transaction ──────────────────────────────────────────────────────────────────────────────

    def stage(self) -> None:
        """Resolve definitions, leave out what is published as it is, and stage the rest.

        Raises:
            InvalidPublication: a value names a definition that neither the publication nor the database
            knows.
        """
        check_references(self._connection, self._publication)
        self._version_keys = self._resolve_versions()
        staging.create(self._connection, CONCERNED)
        self._values.stage(self._version_keys)

    def block(self, blocked: Iterable[BlockedMetric]) -> None:
        """Hold metrics back: their values are staged without a value, whatever was computed."""
        self._blocked = {entry.metric: entry for entry in blocked}
        self._values.hold_back(self._blocked)

    def staged_values(self) -> pa.Table:
        """The staged rows, read back from the database."""
        return self._values.staged()

    def published_values(self) -> pa.Table:
        """Current values within the coverage of this publication."""
        return self._values.published()

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

    # ── inside the transaction ──────────────────────────────────────────────────────────────────────────────

    def write(
        self, batch_id: int, now: datetime, quality_results: Sequence[QualityResultRow]
    ) -> dict[str, TableCounts]:
        """Bring every table to the state of this publication; returns what the manifest says of each."""
        publication, blocked = self._publication, self._blocked
        self._write_segments()
        if publication.dictionary is not None:
            write_dictionary(self._connection, publication.dictionary, self._version_keys)
        written: dict[str, Written] = {KPI_VALUE.table.name: self._values.write(batch_id)}
        written[BLOCKED_METRIC.table.name] = self._write_blocked(batch_id, now)
        for spec, rows in rows_by_table(publication, blocked):
            written[spec.table.name] = self._write_rows(spec, rows, batch_id)
        results = write_quality(self._connection, batch_id, quality_results)
        written[schema.data_quality_result.name] = Written(results, 0, results, 0)
        write_alerts(self._connection, batch_id, publication.alerts)
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
            fill_coverage(self._connection, anomaly_coverage(publication, self._blocked))
            return COVERED
        return None


_CHANGE_KEY = ("parent_metric_id", "period_grain", "period_start", "compare_to", "segment_key")
_EFFECT_KEY = ("metric_id", "period_grain", "period_start", "segment_dimension")
_CHANGES = Scope(CONTRIBUTION.table, lambda _extent, _now: literal(False))
"""Stands for: complete for each change that has a row, because the rows of one change add up."""


def _same_change(stage: Table, key: tuple[str, ...]) -> Scope:
    groups = select(*(stage.c[name] for name in key)).distinct().subquery("scope")
    return Scope(groups, lambda s, now: and_(*(s.c[name] == now.c[name] for name in key)))


_CONCERNED = Scope(CONCERNED, lambda extent, now: extent.c.metric_id == now.c.metric_id)
