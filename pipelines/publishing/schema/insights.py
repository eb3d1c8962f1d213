"""What the driver trees and the guardrails say about metrics: influences, segment effects, signals."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Date, Integer, SmallInteger, Table, Text

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
from pipelines.publishing.schema.facts import known_grain
from pipelines.publishing.types import Quantity

SIGNALS = ("gaming_risk", "local_optimum")

metric_influence = Table(
    "metric_influence",
    metadata,
    key("metric_influence_key", "key of one revision"),
    col("driver_metric_id", Text(), references("metric", "metric_id"), comment="metric that is said to influence"),
    col("driven_metric_id", Text(), references("metric", "metric_id"), comment="metric that is said to follow"),
    col("period_grain", Text(), comment="grain the two series were compared at"),
    col("lag_periods", SmallInteger(), comment="periods of that grain by which the driver goes ahead"),
    col("expected_sign", SmallInteger(), comment="1 if both should move together, -1 if against each other"),
    col("correlation", Quantity(), null=True, comment="Pearson's r of the changes from period to period; never a "
        "proof of cause"),
    col("correlation_of_levels", Quantity(), null=True, comment="Pearson's r of the values; shared trends raise it"),
    col("pairs", Integer(), comment="pairs of periods behind it"),
    col("reason", Text(), null=True, comment="why there is no number: too_few_periods or constant"),
    flag("is_sign_as_expected", "whether the correlation has the sign the dictionary claims", null=True),
    col("through_date", Date(), null=True, comment="last day of the last period compared"),
    *revision_columns(),
    known_grain(),
    CheckConstraint("expected_sign = 1 OR expected_sign = -1", name="sign_is_one"),
    CheckConstraint("correlation IS NULL OR (correlation >= -1 AND correlation <= 1)", name="r_is_bounded"),
    CheckConstraint("correlation_of_levels IS NOT NULL OR reason IS NOT NULL", name="no_number_says_why"),
    *revision_rules("metric_influence", "driver_metric_id", "driven_metric_id"),
    schema=CORE,
    comment="Influences that the dictionary claims, with the lagged correlation found. Correlation, not cause.",
)  # fmt: skip

segment_effect = Table(
    "segment_effect",
    metadata,
    key("segment_effect_key", "key of one revision"),
    col("metric_id", Text(), references("metric", "metric_id"), comment="metric that changed"),
    col("period_grain", Text(), comment="grain"),
    col("period_start", Date(), comment="period of the change, against the one before"),
    col("segment_dimension", Text(), comment="dimension whose segments share the change"),
    col("segment_value", Text(), comment="the segment; (unexplained) for what the segments leave"),
    col("inner_effect", Quantity(), comment="what the segment's own movement did to the total"),
    col("mix_effect", Quantity(), comment="what its changed weight did; 0 for a sum"),
    col("contribution", Quantity(), comment="both together, in the metric's unit"),
    col("contribution_share", Quantity(), null=True, comment="the same as a fraction of the change"),
    *revision_columns(),
    known_grain(),
    *revision_rules("segment_effect", "metric_id", "period_grain", "period_start", "segment_dimension",
                    "segment_value"),
    schema=CORE,
    comment="What each segment did to its metric's change; the rows of one change add up exactly.",
)  # fmt: skip

metric_signal = Table(
    "metric_signal",
    metadata,
    key("metric_signal_key", "key of one revision"),
    col("signal_kind", Text(), comment="gaming_risk or local_optimum"),
    col("metric_id", Text(), references("metric", "metric_id"), comment="metric that looks good"),
    col("other_metric_id", Text(), references("metric", "metric_id"), comment="its counter-metric, or the metric it "
        "drives, which does not"),
    col("period_grain", Text(), comment="grain"),
    col("period_start", Date(), comment="period it was seen in"),
    col("explanation", Text(), comment="the same in words"),
    *revision_columns(),
    known_grain(),
    one_of("signal_kind", SIGNALS),
    *revision_rules("metric_signal", "signal_kind", "metric_id", "other_metric_id"),
    schema=CORE,
    comment="What good numbers may hide: a metric that improves at its counter-metric's cost, a local optimum.",
)  # fmt: skip
