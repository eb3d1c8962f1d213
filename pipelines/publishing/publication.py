"""What one publication carries, and what comes back: the interface between the runs and the publisher.

A `Publication` is complete in itself: it names its rows by natural keys, so it can be built without a
database.

    publication = Publication(
        publication_id=str(ULID()),
        code_version="1.4.0",
        data_through=date(2026, 10, 31),
        dictionary=dictionary_rows(catalogue, ...),
        values=frame,
        coverage=(Coverage("csat", "week", date(2024, 1, 1), date(2026, 11, 2)),),
    )
    result = publish(engine, publication, clock=clock, run_id="run-17")
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

import pyarrow as pa

from pipelines.publishing.records import (
    AlertRow,
    AnomalyRow,
    CheckInDueRow,
    ContributionRow,
    DictionaryRows,
    FindingRow,
    FreshnessRow,
    InfluenceRow,
    KeyResultScoreRow,
    ObjectiveScoreRow,
    QualityResultRow,
    SegmentEffectRow,
    SignalRow,
    SuggestionRow,
)

VALUE_STATES = ("final", "provisional", "no_data", "insufficient_sample", "blocked")
VALUE_STATUSES = ("green", "amber", "red", "no_target", "no_data", "stale")
TRENDS = ("improving", "worsening", "flat")

VALUE_SCHEMA = pa.schema(
    [
        pa.field("metric", pa.string(), nullable=False),
        pa.field("version", pa.int32(), nullable=False),
        pa.field("definition_hash", pa.string(), nullable=False),
        pa.field("grain", pa.string(), nullable=False),
        pa.field("period_start", pa.date32(), nullable=False),
        pa.field("period_end", pa.date32(), nullable=False),
        pa.field("segment_dimension", pa.string(), nullable=False),
        pa.field("segment_value", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("numerator", pa.float64()),
        pa.field("denominator", pa.float64()),
        pa.field("sample_size", pa.int64()),
        pa.field("value_state", pa.string(), nullable=False),
        pa.field("state_reason", pa.string()),
    ]
)
"""Columns a value frame must have (the KPI value frame; further columns such as `definition_hash` are
ignored). Numbers may also come as decimals."""

STATUS_SCHEMA = pa.schema(
    [
        pa.field("target_value", pa.float64()),
        pa.field("attainment", pa.float64()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("trend", pa.string()),
        pa.field("previous_value", pa.float64()),
        pa.field("change_abs", pa.float64()),
        pa.field("change_pct", pa.float64()),
        pa.field("same_period_last_year", pa.float64()),
    ]
)
"""Columns that scoring adds; each may be missing. `status` is then `no_target` (or `no_data` without a
value), `trend` `unknown`, and the rest NULL."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a frame is complete for: every period of `grain` that starts in `[first, last]` (inclusive).

    A value that is published for a covered period and absent from the frame is taken out of the current
    publication (its segment or its rows are gone); outside the coverage, nothing is touched.
    """

    metric: str
    grain: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class BlockedMetric:
    """A metric that is held back: its final values stay as last published, open periods become `blocked`."""

    metric: str
    reason: str
    check_id: str | None = None


@dataclass(frozen=True)
class Publication:
    """Everything one run publishes.

    `publication_id` is the idempotency key: publishing the same id twice changes nothing. `coverage` None
    means each metric and grain from the first to the last `period_start` in the frame. `dictionary` None
    leaves the dictionary as published. `findings`, `suggestions`, `influences` and `signals` are complete:
    what is absent is retired, an empty tuple clears them, None leaves them.
    `anomaly_coverage` says which series were tested: flags published for them and absent here are retired.
    `restatement_reason` is written to each changed value that was final before.
    """

    publication_id: str
    code_version: str
    data_through: date
    dictionary: DictionaryRows | None = None
    values: pa.Table = field(default_factory=VALUE_SCHEMA.empty_table)
    coverage: tuple[Coverage, ...] | None = None
    blocked: tuple[BlockedMetric, ...] = ()
    key_result_scores: tuple[KeyResultScoreRow, ...] = ()
    objective_scores: tuple[ObjectiveScoreRow, ...] = ()
    contributions: tuple[ContributionRow, ...] = ()
    anomalies: tuple[AnomalyRow, ...] = ()
    anomaly_coverage: tuple[Coverage, ...] = ()
    quality_results: tuple[QualityResultRow, ...] = ()
    freshness: tuple[FreshnessRow, ...] = ()
    findings: tuple[FindingRow, ...] | None = None
    check_ins_due: tuple[CheckInDueRow, ...] = ()
    suggestions: tuple[SuggestionRow, ...] | None = None
    influences: tuple[InfluenceRow, ...] | None = None
    segment_effects: tuple[SegmentEffectRow, ...] = ()
    signals: tuple[SignalRow, ...] | None = None
    alerts: tuple[AlertRow, ...] = ()
    restatement_reason: str = "source data changed"


@dataclass(frozen=True, slots=True)
class Staged:
    """What an audit sees: the normalised value frame as it stands in staging, and the publication it is from.

    `staged_values()` reads keys, numbers and states of the staging table back from the database;
    `published_values()` those that are now current in the frame's coverage.
    """

    publication: Publication
    staged_values: Callable[[], pa.Table]
    published_values: Callable[[], pa.Table]


Audit = Callable[[Staged], Iterable[QualityResultRow]]
"""A check on what is staged. Its results are published with the batch; a failed error with `blocks_publish`
blocks its metrics, or refuses the publication when it names none; an exception refuses the publication."""


class Outcome(StrEnum):
    """How a publication ended."""

    PUBLISHED = "published"
    ALREADY_PUBLISHED = "already_published"


@dataclass(frozen=True, slots=True)
class TableCounts:
    """Rows of one published table: inserted, of which revisions of earlier rows, retired, refreshed in place,
    and the current rows after the batch (the manifest's number)."""

    inserted: int
    revised: int
    retired: int
    refreshed: int
    current: int


@dataclass(frozen=True, slots=True)
class PublishResult:
    """`batch_id` identifies the batch; `recovered` says that the commit's answer was lost and the batch was
    found published when looked for. `deferred` names what could not be refreshed now and will be next time
    (wide scorecards while a reader holds them)."""

    outcome: Outcome
    batch_id: int
    publication_id: str
    published_at: datetime
    tables: dict[str, TableCounts]
    blocked: tuple[BlockedMetric, ...] = ()
    recovered: bool = False
    deferred: tuple[str, ...] = ()
