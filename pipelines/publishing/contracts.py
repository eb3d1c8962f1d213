"""Which tables are kept by revision, what identifies their rows, and which differences make a new revision.

The value table follows the rule to the letter: no new revision where value, numerator, denominator, target,
status and definition are unchanged (and the state they are in). Columns that follow from other periods
(previous value, change, trend) and words about the same fact are brought up to date in place. Source:
publication rules, decision 3.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, func, select

from pipelines.publishing import schema
from pipelines.publishing.revisions import Revisioned, current_count

_BOOKKEEPING = frozenset(
    {"revision", "revision_kind", "revision_reason", "is_current", "batch_id", "retired_batch_id"}
)

KPI_VALUE = Revisioned(
    schema.kpi_value,
    natural_key=("metric_id", "period_grain", "segment_key", "period_start"),
    compared=(
        "metric_version_key",
        "value",
        "numerator",
        "denominator",
        "target_value",
        "status",
        "value_state",
    ),
    refreshed=(
        "period_end",
        "sample_size",
        "state_reason",
        "last_good_value",
        "attainment",
        "trend",
        "previous_value",
        "change_abs",
        "change_pct",
        "same_period_last_year",
    ),
    refresh_log=schema.kpi_value_refresh,
)


def _all_compared(table: Table, *natural_key: str, carried: tuple[str, ...] = ()) -> Revisioned:
    aside = {*natural_key, *carried, *_BOOKKEEPING, *(c.name for c in table.primary_key.columns)}
    compared = tuple(column.name for column in table.columns if column.name not in aside)
    return Revisioned(table, natural_key, compared, carried=carried)


TARGET = _all_compared(schema.target, "metric_id", "period_grain", "period_start", "segment_key")
KEY_RESULT_TERMS = _all_compared(
    schema.key_result_terms, "key_result_key", carried=("revised_reason", "revised_by")
)
KEY_RESULT_SCORE = _all_compared(schema.key_result_score, "key_result_key", "as_of_date")
OBJECTIVE_SCORE = _all_compared(schema.objective_score, "objective_key", "as_of_date")
CHECK_IN_DUE = _all_compared(schema.check_in_due, "key_result_key", "due_date")
CONTRIBUTION = _all_compared(
    schema.metric_contribution,
    "parent_metric_id",
    "period_grain",
    "period_start",
    "compare_to",
    "segment_key",
    "child_metric_id",
)
ANOMALY = _all_compared(
    schema.anomaly, "metric_id", "period_grain", "period_start", "segment_key", "detector", "kind"
)
SUGGESTION = _all_compared(schema.suggestion, "metric_id", "raised_date")
INFLUENCE = _all_compared(schema.metric_influence, "driver_metric_id", "driven_metric_id")
SEGMENT_EFFECT = _all_compared(
    schema.segment_effect,
    "metric_id",
    "period_grain",
    "period_start",
    "segment_dimension",
    "segment_value",
)
SIGNAL = _all_compared(schema.metric_signal, "signal_kind", "metric_id", "other_metric_id")
FRESHNESS = _all_compared(schema.freshness, "source_system", "asset")
FINDING = _all_compared(
    schema.definition_finding,
    "rule_id",
    "subject_kind",
    "subject_id",
    "finding_number",
)
BLOCKED_METRIC = _all_compared(schema.blocked_metric, "metric_id", carried=("blocked_at",))

REVISIONED = (
    TARGET,
    KPI_VALUE,
    BLOCKED_METRIC,
    CONTRIBUTION,
    ANOMALY,
    SUGGESTION,
    INFLUENCE,
    SEGMENT_EFFECT,
    SIGNAL,
    KEY_RESULT_TERMS,
    KEY_RESULT_SCORE,
    OBJECTIVE_SCORE,
    CHECK_IN_DUE,
    FRESHNESS,
    FINDING,
)
"""All of them, in the order in which they are written."""

COUNTED = (
    *(spec.table for spec in REVISIONED),
    schema.data_quality_result,
    schema.metric,
    schema.metric_version,
    schema.segment,
    schema.objective,
    schema.key_result,
    schema.dim_team,
    schema.dim_person,
)
"""Tables whose rows the manifest counts: current ones where they are kept by revision, else all."""


def current_rows(connection: Connection, table: Table) -> int:
    """Rows of a counted table that are published now."""
    if "is_current" in table.c and table is not schema.metric_version:
        return current_count(connection, table)
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())
