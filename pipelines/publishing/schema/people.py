"""What people write: check-ins, targets, silences, acknowledgements, feedback on flags, annotations.

The only tables outside the pipeline's hands. Nothing here is overwritten: a correction is a new row.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Date, Index, Table, Text, text

from pipelines.publishing.schema.base import INPUT, col, flag, key, metadata, one_of, references
from pipelines.publishing.schema.goals import KR_STATUSES
from pipelines.publishing.types import Quantity, SurrogateKey, UtcTimestamp

NOW = text("CURRENT_TIMESTAMP")

check_in = Table(
    "check_in",
    metadata,
    key("check_in_id", "counts up"),
    col("key_result_key", Text(), references("key_result", "key_result_key"), comment="the key result"),
    col("check_in_date", Date(), comment="day it is about"),
    col("author_email", Text(), comment="who wrote it"),
    col("value_override", Quantity(), null=True, comment="value by hand, where no metric gives it"),
    col("progress_note", Text(), null=True, comment="what progress was made"),
    col("how_it_happened", Text(), comment="how it came about"),
    col("confidence", Quantity(), comment="confidence of reaching the target, 0 to 1"),
    col("blockers", Text(), null=True, comment="what is in the way"),
    col("do_differently", Text(), null=True, comment="what will be done differently"),
    col("status_override", Text(), null=True, comment="status the author wants shown instead"),
    col("created_at", UtcTimestamp(), server_default=NOW, comment="when it was written (UTC)"),
    col("supersedes", SurrogateKey, references("check_in", "check_in_id", INPUT), null=True,
        comment="earlier check-in that this one corrects"),
    one_of("status_override", KR_STATUSES),
    CheckConstraint("confidence >= 0 AND confidence <= 1", name="confidence_is_a_fraction"),
    schema=INPUT,
    comment="Check-ins; a correction supersedes an earlier row and never overwrites it.",
)  # fmt: skip
Index("ix_check_in_key_result_key", check_in.c.key_result_key, check_in.c.check_in_date)

target_entry = Table(
    "target_entry",
    metadata,
    key("target_entry_id", "counts up"),
    col("metric_id", Text(), references("metric", "metric_id"), comment="the metric"),
    col("period_grain", Text(), comment="week, month, quarter or year"),
    col("period_start", Date(), comment="first day"),
    col("period_end", Date(), comment="last day, inclusive"),
    col("segment_dimension", Text(), server_default="", comment="dimension; empty for the total"),
    col("segment_value", Text(), server_default="", comment="value; empty for the total"),
    col("comparison", Text(), comment="gte, gt, lte or lt"),
    col("target_value", Quantity(), comment="value to reach"),
    col("stretch_value", Quantity(), null=True, comment="value beyond the target"),
    col("reason", Text(), comment="why it is set"),
    col("entered_by", Text(), comment="who set it"),
    col("created_at", UtcTimestamp(), server_default=NOW, comment="when it was written (UTC)"),
    one_of("comparison", ("gte", "gt", "lte", "lt")),
    CheckConstraint("period_start <= period_end", name="period_in_order"),
    schema=INPUT,
    comment="Targets set by stewards; the latest of a metric, period and segment wins over the dictionary's.",
)

alert_silence = Table(
    "alert_silence",
    metadata,
    key("silence_id", "counts up"),
    col("alert_type", Text(), null=True, comment="type to silence, * matches any text; NULL is all"),
    col("subject_id", Text(), null=True, comment="subject to silence, * matches any text; NULL is all"),
    col("team", Text(), null=True, comment="team to silence, * matches any text; NULL is all"),
    col("starts_at", UtcTimestamp(), comment="from when (UTC)"),
    col("ends_at", UtcTimestamp(), comment="until when (UTC); every silence ends"),
    col("reason", Text(), comment="why"),
    col("created_by", Text(), comment="who"),
    col("created_at", UtcTimestamp(), server_default=NOW, comment="when it was written (UTC)"),
    CheckConstraint("starts_at < ends_at", name="times_in_order"),
    schema=INPUT,
    comment="Silences: alerts that match are kept, and not sent.",
)

alert_acknowledgement = Table(
    "alert_acknowledgement",
    metadata,
    key("acknowledgement_id", "counts up"),
    col("episode", Text(), comment="episode of the alert"),
    col(
        "verdict", Text(), comment="acknowledged (I take it on), expected (known cause) or false (no anomaly)"
    ),
    col("reason", Text(), null=True, comment="known cause, in words"),
    col("given_by", Text(), comment="who"),
    col("expected_from", Date(), null=True, comment="first day of the known cause"),
    col("expected_to", Date(), null=True, comment="last day of the known cause, inclusive"),
    col("created_at", UtcTimestamp(), server_default=NOW, comment="when it was written (UTC)"),
    one_of("verdict", ("acknowledged", "expected", "false")),
    CheckConstraint("verdict <> 'expected' OR reason IS NOT NULL", name="expected_has_reason"),
    schema=INPUT,
    comment="What people say about an alert.",
)

anomaly_feedback = Table(
    "anomaly_feedback",
    metadata,
    key("anomaly_feedback_id", "counts up"),
    col("metric_id", Text(), references("metric", "metric_id"), comment="the metric"),
    col("segment_key", Text(), null=True, comment="segment; NULL is all"),
    col("start_date", Date(), comment="first day it is about"),
    col("end_date", Date(), comment="last day, inclusive"),
    col("verdict", Text(), comment="acknowledged, expected (leaves the history) or false (no anomaly)"),
    col("reason", Text(), comment="campaign, outage, migration, ..."),
    col("given_by", Text(), comment="who"),
    col("created_at", UtcTimestamp(), server_default=NOW, comment="when it was written (UTC)"),
    one_of("verdict", ("acknowledged", "expected", "false")),
    CheckConstraint("start_date <= end_date", name="days_in_order"),
    schema=INPUT,
    comment="What people say about flagged points; expected ranges leave the history the detector learns from.",
)

annotation = Table(
    "annotation",
    metadata,
    key("annotation_id", "counts up"),
    col("metric_id", Text(), references("metric", "metric_id"), null=True, comment="metric; NULL is all"),
    col("start_date", Date(), comment="first day"),
    col("end_date", Date(), comment="last day, inclusive"),
    col("title", Text(), comment="what happened, in a few words"),
    col("note", Text(), null=True, comment="more about it"),
    flag("is_expected", "the range leaves the history the detector learns from"),
    col("author_email", Text(), comment="who wrote it"),
    col("created_at", UtcTimestamp(), server_default=NOW, comment="when it was written (UTC)"),
    CheckConstraint("start_date <= end_date", name="days_in_order"),
    schema=INPUT,
    comment="Events to show on charts.",
)
