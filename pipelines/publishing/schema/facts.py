"""What the runs find about metrics: values, held-back metrics, contributions, anomaly flags, suggestions."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Table,
    Text,
)

from pipelines.publishing.publication import TRENDS, VALUE_STATES, VALUE_STATUSES
from pipelines.publishing.schema.base import (
    CORE,
    col,
    flag,
    key,
    metadata,
    one_of,
    references,
    revision_columns,
    revision_rules,
)
from pipelines.publishing.types import JsonText, Quantity, SurrogateKey, UtcTimestamp


def known_grain() -> CheckConstraint:
    """The grains that can be published."""
    grains = "period_grain IN ('day', 'week', 'month', 'quarter', 'year')"
    return CheckConstraint(f"{grains} OR substr(period_grain, 1, 9) = 'trailing_'", name="period_grain")


kpi_value = Table(
    "kpi_value",
    metadata,
    key("kpi_value_key", "key of one revision of one value"),
    col("metric_id", Text(), comment="the metric"),
    col("metric_version_key", BigInteger(), comment="definition it was computed by"),
    col("period_grain", Text(), comment="day, week, month, quarter, year or trailing_<n>d"),
    col("period_start", Date(), comment="first day, in the metric's calendar"),
    col("period_end", Date(), comment="last day, inclusive"),
    col("segment_key", Text(), references("segment", "segment_key"), comment="segment, or total"),
    col("value", Quantity(), null=True, comment="value in the metric's unit; NULL is unknown, never zero"),
    col("numerator", Quantity(), null=True, comment="numerator of a ratio"),
    col("denominator", Quantity(), null=True, comment="denominator of a ratio"),
    col("sample_size", BigInteger(), null=True, comment="rows behind the value"),
    col("value_state", Text(), comment="final, provisional (still changing), no_data, insufficient_sample or "
        "blocked (a check failed)"),
    col("state_reason", Text(), null=True, comment="why there is no value, or why it is provisional"),
    col("last_good_value", Quantity(), null=True, comment="for a blocked row: the value published before"),
    col("target_value", Quantity(), null=True, comment="target in force for the period"),
    col("attainment", Quantity(), null=True, comment="value against target, 1 = reached, by the metric's "
        "direction"),
    col("status", Text(), comment="green, amber, red, no_target, no_data or stale"),
    col("trend", Text(), null=True, comment="improving, worsening or flat over the last complete periods"),
    col("previous_value", Quantity(), null=True, comment="value of the period before"),
    col("change_abs", Quantity(), null=True, comment="value minus previous_value"),
    col("change_pct", Quantity(), null=True, comment="change_abs over |previous_value|, as a fraction"),
    col("same_period_last_year", Quantity(), null=True, comment="value of the same period a year before"),
    *revision_columns(),
    ForeignKeyConstraint(
        ["metric_id", "metric_version_key"],
        [f"{CORE}.metric_version.metric_id", f"{CORE}.metric_version.metric_version_key"],
    ),
    known_grain(),
    one_of("value_state", VALUE_STATES),
    one_of("status", VALUE_STATUSES),
    one_of("trend", TRENDS),
    CheckConstraint("period_start <= period_end", name="period_in_order"),
    CheckConstraint("(value IS NULL) = (value_state IN ('no_data', 'insufficient_sample', 'blocked'))",
                    name="null_says_why"),
    CheckConstraint("abs(value) <= 1.7976931348623157e308", name="value_is_finite"),
    CheckConstraint("value IS NOT NULL OR state_reason IS NOT NULL", name="null_has_reason"),
    CheckConstraint("value_state = 'blocked' OR last_good_value IS NULL", name="last_good_only_if_blocked"),
    CheckConstraint("value IS NOT NULL OR status IN ('no_data', 'stale')", name="no_colour_without_value"),
    *revision_rules("kpi_value", "metric_id", "period_grain", "segment_key", "period_start"),
    schema=CORE,
    comment="One row per metric, period, segment and revision. Read it through the views of schema kpi.",
)  # fmt: skip

kpi_value_refresh = Table(
    "kpi_value_refresh",
    metadata,
    col("kpi_value_key", SurrogateKey, references("kpi_value", "kpi_value_key"), primary_key=True,
        comment="value whose derived columns were brought up to date in place"),
    col("batch_id", SurrogateKey, references("publish_batch", "batch_id"), primary_key=True,
        comment="batch that did it"),
    *(
        Column(name, kpi_value.c[name].type, nullable=True, comment=f"{name} before")
        for name in (
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
        )
    ),
    schema=CORE,
    comment="What columns that follow from other periods were before a batch brought them up to date.",
)  # fmt: skip

value_digest = Table(
    "value_digest",
    metadata,
    col("metric_id", Text(), references("metric", "metric_id"), primary_key=True, comment="the metric"),
    col("period_grain", Text(), primary_key=True, comment="grain"),
    col("block_start", Date(), primary_key=True, comment="first day of the block of periods"),
    col("digest", Text(), comment="hash over the block's published rows, in order"),
    schema=CORE,
    comment="Fingerprints of what is published, by block of periods: an unchanged block is not even staged.",
)

blocked_metric = Table(
    "blocked_metric",
    metadata,
    key("blocked_metric_key", "key of one state"),
    col("metric_id", Text(), references("metric", "metric_id"), comment="metric that is held back"),
    col("reason", Text(), comment="which check failed, and how"),
    col("check_id", Text(), null=True, comment="the check"),
    col("blocked_at", UtcTimestamp(), comment="when it was first held back (UTC)"),
    *revision_columns(),
    *revision_rules("blocked_metric", "metric_id"),
    schema=CORE,
    comment="Metrics held back by a failed check; their last good values stay published.",
)

metric_contribution = Table(
    "metric_contribution",
    metadata,
    key("metric_contribution_key", "key of one revision"),
    col("parent_metric_id", Text(), references("metric", "metric_id"), comment="metric that changed"),
    col("child_metric_id", Text(), references("metric", "metric_id"), comment="metric that contributes to the "
        "change; the parent itself for what stays unexplained"),
    col("period_grain", Text(), comment="grain"),
    col("period_start", Date(), comment="period of the change"),
    col("compare_to", Text(), comment="previous_period, target, last_year or baseline"),
    col("segment_key", Text(), references("segment", "segment_key"), comment="segment, or total"),
    col("child_value", Quantity(), null=True, comment="the child's value"),
    col("child_compare_value", Quantity(), null=True, comment="the child's value in the comparison"),
    col("contribution", Quantity(), null=True, comment="its part of the parent's change, in the parent's unit"),
    col("contribution_share", Quantity(), null=True, comment="the same as a fraction of the change"),
    col("method", Text(), comment="additive, lmdi, shapley or unexplained"),
    flag("reconciles", "whether the parent equals its children within tolerance"),
    *revision_columns(),
    known_grain(),
    one_of("compare_to", ("previous_period", "target", "last_year", "baseline")),
    one_of("method", ("additive", "lmdi", "shapley", "unexplained")),
    *revision_rules("metric_contribution", "parent_metric_id", "period_grain", "period_start", "compare_to",
                    "segment_key", "child_metric_id"),
    schema=CORE,
    comment="What each child contributes to its parent's change; the rows of one change add up exactly.",
)  # fmt: skip

anomaly = Table(
    "anomaly",
    metadata,
    key("anomaly_key", "key of one revision of one flag"),
    col("metric_id", Text(), references("metric", "metric_id"), comment="the metric"),
    col("period_grain", Text(), comment="grain"),
    col("period_start", Date(), comment="period that is flagged"),
    col("segment_key", Text(), references("segment", "segment_key"), comment="segment, or total"),
    col("detector", Text(), comment="detector that flagged it"),
    col("detector_version", Text(), comment="its version"),
    col("kind", Text(), comment="point, level_shift, trend, streak, missing or below_baseline"),
    col("observed", Quantity(), null=True, comment="value seen; NULL where it is missing"),
    col("expected", Quantity(), null=True, comment="value expected"),
    col("lower_bound", Quantity(), null=True, comment="lower end of the expected range"),
    col("upper_bound", Quantity(), null=True, comment="upper end of the expected range"),
    col("score", Quantity(), comment="how far outside, in robust standard deviations"),
    col("severity", Text(), comment="info, warning or critical"),
    col("effect", Text(), comment="favourable, unfavourable or neutral, by the metric's direction"),
    col("explanation", Text(), null=True, comment="the same in words"),
    col("suggested_action", Text(), null=True, comment="what to do first"),
    col("root_cause", JsonText(), comment="segments and drivers that carry the change, as JSON"),
    col("state", Text(), comment="open, acknowledged, expected or resolved"),
    *revision_columns(),
    known_grain(),
    one_of("kind", ("point", "level_shift", "trend", "streak", "missing", "below_baseline")),
    one_of("severity", ("info", "warning", "critical")),
    one_of("effect", ("favourable", "unfavourable", "neutral")),
    one_of("state", ("open", "acknowledged", "expected", "resolved")),
    *revision_rules(
        "anomaly", "metric_id", "period_grain", "period_start", "segment_key", "detector", "kind"
    ),
    schema=CORE,
    comment="Flagged points, by revision.",
)

suggestion = Table(
    "suggestion",
    metadata,
    key("suggestion_key", "key of one revision"),
    col("metric_id", Text(), references("metric", "metric_id"), comment="metric that went wrong"),
    col("raised_date", Date(), comment="day it was raised"),
    col("reason", Text(), comment="what was seen"),
    col("draft", JsonText(), comment="drafted objective and key results, as JSON"),
    col("state", Text(), comment="open, taken or dismissed"),
    *revision_columns(),
    one_of("state", ("open", "taken", "dismissed")),
    *revision_rules("suggestion", "metric_id", "raised_date"),
    schema=CORE,
    comment="Objectives drafted for metrics that went wrong three weeks in a row.",
)
