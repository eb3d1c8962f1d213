"""KPI values, contributions, anomaly flags."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipelines.publishing import types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kpi_value",
        sa.Column("kpi_value_key", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("metric_id", sa.Text(), nullable=False),
        sa.Column("metric_version_key", sa.BigInteger(), nullable=False),
        sa.Column("period_grain", sa.Text(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("segment_key", sa.Text(), nullable=False),
        sa.Column("value", types.Quantity(), nullable=True),
        sa.Column("numerator", types.Quantity(), nullable=True),
        sa.Column("denominator", types.Quantity(), nullable=True),
        sa.Column("sample_size", sa.BigInteger(), nullable=True),
        sa.Column("value_state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("last_good_value", types.Quantity(), nullable=True),
        sa.Column("target_value", types.Quantity(), nullable=True),
        sa.Column("attainment", types.Quantity(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("trend", sa.Text(), nullable=True),
        sa.Column("previous_value", types.Quantity(), nullable=True),
        sa.Column("change_abs", types.Quantity(), nullable=True),
        sa.Column("change_pct", types.Quantity(), nullable=True),
        sa.Column("same_period_last_year", types.Quantity(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_kind", sa.Text(), nullable=False),
        sa.Column("revision_reason", sa.Text(), nullable=True),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.Column("retired_batch_id", types.SurrogateKey, nullable=True),
        sa.CheckConstraint(
            "(value IS NULL) = (value_state IN ('no_data', 'insufficient_sample', 'blocked'))",
            name=op.f("ck_kpi_value_null_says_why"),
        ),
        sa.CheckConstraint(
            "period_grain IN ('day', 'week', 'month', 'quarter', 'year') OR substr(period_grain, 1, 9) = "
            "'trailing_'",
            name=op.f("ck_kpi_value_period_grain"),
        ),
        sa.CheckConstraint(
            "revision_kind IN ('first', 'returned', 'provisional_update', 'settled', 'restated', "
            "'redefined', 'retargeted', 'blocked', 'unblocked', 'changed', 'withdrawal')",
            name=op.f("ck_kpi_value_revision_kind"),
        ),
        sa.CheckConstraint(
            "status IN ('green', 'amber', 'red', 'no_target', 'no_data', 'stale')",
            name=op.f("ck_kpi_value_status"),
        ),
        sa.CheckConstraint("trend IN ('improving', 'worsening', 'flat')", name=op.f("ck_kpi_value_trend")),
        sa.CheckConstraint(
            "value IS NOT NULL OR status IN ('no_data', 'stale')",
            name=op.f("ck_kpi_value_no_colour_without_value"),
        ),
        sa.CheckConstraint(
            "value_state = 'blocked' OR last_good_value IS NULL",
            name=op.f("ck_kpi_value_last_good_only_if_blocked"),
        ),
        sa.CheckConstraint(
            "value_state IN ('final', 'provisional', 'no_data', 'insufficient_sample', 'blocked')",
            name=op.f("ck_kpi_value_value_state"),
        ),
        sa.CheckConstraint("abs(value) <= 1.7976931348623157e308", name=op.f("ck_kpi_value_value_is_finite")),
        sa.CheckConstraint(
            "is_current = (retired_batch_id IS NULL)", name=op.f("ck_kpi_value_current_until_retired")
        ),
        sa.CheckConstraint("period_start <= period_end", name=op.f("ck_kpi_value_period_in_order")),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_kpi_value_revision_counts")),
        sa.CheckConstraint(
            "value IS NOT NULL OR state_reason IS NOT NULL", name=op.f("ck_kpi_value_null_has_reason")
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_kpi_value_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["metric_id", "metric_version_key"],
            ["kpi_core.metric_version.metric_id", "kpi_core.metric_version.metric_version_key"],
            name=op.f("fk_kpi_value_metric_id_metric_version_key"),
        ),
        sa.ForeignKeyConstraint(
            ["retired_batch_id"],
            ["kpi_core.publish_batch.batch_id"],
            name=op.f("fk_kpi_value_retired_batch_id"),
        ),
        sa.ForeignKeyConstraint(
            ["segment_key"], ["kpi_core.segment.segment_key"], name=op.f("fk_kpi_value_segment_key")
        ),
        sa.PrimaryKeyConstraint("kpi_value_key", name=op.f("pk_kpi_value")),
        schema="kpi_core",
    )
    op.create_index(
        "ix_kpi_value_retired",
        "kpi_value",
        ["metric_id", "period_grain", "segment_key", "period_start"],
        unique=False,
        schema="kpi_core",
        postgresql_where=sa.text("NOT is_current"),
        sqlite_where=sa.text("NOT is_current"),
    )
    op.create_index(
        "one_current_kpi_value",
        "kpi_value",
        ["metric_id", "period_grain", "segment_key", "period_start"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("is_current"),
        sqlite_where=sa.text("is_current"),
    )
    op.create_table(
        "kpi_value_refresh",
        sa.Column("kpi_value_key", types.SurrogateKey, nullable=False),
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.Column("period_end", sa.Date(), nullable=True),
        sa.Column("sample_size", sa.BigInteger(), nullable=True),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("last_good_value", types.Quantity(), nullable=True),
        sa.Column("attainment", types.Quantity(), nullable=True),
        sa.Column("trend", sa.Text(), nullable=True),
        sa.Column("previous_value", types.Quantity(), nullable=True),
        sa.Column("change_abs", types.Quantity(), nullable=True),
        sa.Column("change_pct", types.Quantity(), nullable=True),
        sa.Column("same_period_last_year", types.Quantity(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_kpi_value_refresh_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["kpi_value_key"],
            ["kpi_core.kpi_value.kpi_value_key"],
            name=op.f("fk_kpi_value_refresh_kpi_value_key"),
        ),
        sa.PrimaryKeyConstraint("kpi_value_key", "batch_id", name=op.f("pk_kpi_value_refresh")),
        schema="kpi_core",
    )
    op.create_table(
        "value_digest",
        sa.Column("metric_id", sa.Text(), nullable=False),
        sa.Column("period_grain", sa.Text(), nullable=False),
        sa.Column("block_start", sa.Date(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_value_digest_metric_id")
        ),
        sa.PrimaryKeyConstraint("metric_id", "period_grain", "block_start", name=op.f("pk_value_digest")),
        schema="kpi_core",
    )
    op.create_table(
        "blocked_metric",
        sa.Column("blocked_metric_key", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("metric_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("check_id", sa.Text(), nullable=True),
        sa.Column("blocked_at", types.UtcTimestamp(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_kind", sa.Text(), nullable=False),
        sa.Column("revision_reason", sa.Text(), nullable=True),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.Column("retired_batch_id", types.SurrogateKey, nullable=True),
        sa.CheckConstraint(
            "revision_kind IN ('first', 'returned', 'provisional_update', 'settled', 'restated', "
            "'redefined', 'retargeted', 'blocked', 'unblocked', 'changed', 'withdrawal')",
            name=op.f("ck_blocked_metric_revision_kind"),
        ),
        sa.CheckConstraint(
            "is_current = (retired_batch_id IS NULL)", name=op.f("ck_blocked_metric_current_until_retired")
        ),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_blocked_metric_revision_counts")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_blocked_metric_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_blocked_metric_metric_id")
        ),
        sa.ForeignKeyConstraint(
            ["retired_batch_id"],
            ["kpi_core.publish_batch.batch_id"],
            name=op.f("fk_blocked_metric_retired_batch_id"),
        ),
        sa.PrimaryKeyConstraint("blocked_metric_key", name=op.f("pk_blocked_metric")),
        schema="kpi_core",
    )
    op.create_index(
        "ix_blocked_metric_retired",
        "blocked_metric",
        ["metric_id"],
        unique=False,
        schema="kpi_core",
        postgresql_where=sa.text("NOT is_current"),
        sqlite_where=sa.text("NOT is_current"),
    )
    op.create_index(
        "one_current_blocked_metric",
        "blocked_metric",
        ["metric_id"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("is_current"),
        sqlite_where=sa.text("is_current"),
    )
    op.create_table(
        "metric_contribution",
        sa.Column("metric_contribution_key", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("parent_metric_id", sa.Text(), nullable=False),
        sa.Column("child_metric_id", sa.Text(), nullable=False),
        sa.Column("period_grain", sa.Text(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("compare_to", sa.Text(), nullable=False),
        sa.Column("segment_key", sa.Text(), nullable=False),
        sa.Column("child_value", types.Quantity(), nullable=True),
        sa.Column("child_compare_value", types.Quantity(), nullable=True),
        sa.Column("contribution", types.Quantity(), nullable=True),
        sa.Column("contribution_share", types.Quantity(), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("reconciles", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_kind", sa.Text(), nullable=False),
        sa.Column("revision_reason", sa.Text(), nullable=True),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.Column("retired_batch_id", types.SurrogateKey, nullable=True),
        sa.CheckConstraint(
            "compare_to IN ('previous_period', 'target', 'last_year', 'baseline')",
            name=op.f("ck_metric_contribution_compare_to"),
        ),
        sa.CheckConstraint(
            "method IN ('additive', 'lmdi', 'shapley', 'unexplained')",
            name=op.f("ck_metric_contribution_method"),
        ),
        sa.CheckConstraint(
            "period_grain IN ('day', 'week', 'month', 'quarter', 'year') OR substr(period_grain, 1, 9) = "
            "'trailing_'",
            name=op.f("ck_kpi_value_period_grain"),
        ),
        sa.CheckConstraint(
            "revision_kind IN ('first', 'returned', 'provisional_update', 'settled', 'restated', "
            "'redefined', 'retargeted', 'blocked', 'unblocked', 'changed', 'withdrawal')",
            name=op.f("ck_metric_contribution_revision_kind"),
        ),
        sa.CheckConstraint(
            "is_current = (retired_batch_id IS NULL)",
            name=op.f("ck_metric_contribution_current_until_retired"),
        ),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_metric_contribution_revision_counts")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_metric_contribution_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["child_metric_id"],
            ["kpi_core.metric.metric_id"],
            name=op.f("fk_metric_contribution_child_metric_id"),
        ),
        sa.ForeignKeyConstraint(
            ["parent_metric_id"],
            ["kpi_core.metric.metric_id"],
            name=op.f("fk_metric_contribution_parent_metric_id"),
        ),
        sa.ForeignKeyConstraint(
            ["retired_batch_id"],
            ["kpi_core.publish_batch.batch_id"],
            name=op.f("fk_metric_contribution_retired_batch_id"),
        ),
        sa.ForeignKeyConstraint(
            ["segment_key"], ["kpi_core.segment.segment_key"], name=op.f("fk_metric_contribution_segment_key")
        ),
        sa.PrimaryKeyConstraint("metric_contribution_key", name=op.f("pk_metric_contribution")),
        schema="kpi_core",
    )
    op.create_index(
        "ix_metric_contribution_retired",
        "metric_contribution",
        ["parent_metric_id", "period_grain", "period_start", "compare_to", "segment_key", "child_metric_id"],
        unique=False,
        schema="kpi_core",
        postgresql_where=sa.text("NOT is_current"),
        sqlite_where=sa.text("NOT is_current"),
    )
    op.create_index(
        "one_current_metric_contribution",
        "metric_contribution",
        ["parent_metric_id", "period_grain", "period_start", "compare_to", "segment_key", "child_metric_id"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("is_current"),
        sqlite_where=sa.text("is_current"),
    )
    op.create_table(
        "anomaly",
        sa.Column("anomaly_key", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("metric_id", sa.Text(), nullable=False),
        sa.Column("period_grain", sa.Text(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("segment_key", sa.Text(), nullable=False),
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("detector_version", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("observed", types.Quantity(), nullable=True),
        sa.Column("expected", types.Quantity(), nullable=True),
        sa.Column("lower_bound", types.Quantity(), nullable=True),
        sa.Column("upper_bound", types.Quantity(), nullable=True),
        sa.Column("score", types.Quantity(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=True),
        sa.Column("suggested_action", sa.Text(), nullable=True),
        sa.Column("root_cause", types.JsonText(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_kind", sa.Text(), nullable=False),
        sa.Column("revision_reason", sa.Text(), nullable=True),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.Column("retired_batch_id", types.SurrogateKey, nullable=True),
        sa.CheckConstraint(
            "effect IN ('favourable', 'unfavourable', 'neutral')", name=op.f("ck_anomaly_effect")
        ),
        sa.CheckConstraint(
            "kind IN ('point', 'level_shift', 'trend', 'streak', 'missing', 'below_baseline')",
            name=op.f("ck_anomaly_kind"),
        ),
        sa.CheckConstraint(
            "period_grain IN ('day', 'week', 'month', 'quarter', 'year') OR substr(period_grain, 1, 9) = "
            "'trailing_'",
            name=op.f("ck_kpi_value_period_grain"),
        ),
        sa.CheckConstraint(
            "revision_kind IN ('first', 'returned', 'provisional_update', 'settled', 'restated', "
            "'redefined', 'retargeted', 'blocked', 'unblocked', 'changed', 'withdrawal')",
            name=op.f("ck_anomaly_revision_kind"),
        ),
        sa.CheckConstraint("severity IN ('info', 'warning', 'critical')", name=op.f("ck_anomaly_severity")),
        sa.CheckConstraint(
            "state IN ('open', 'acknowledged', 'expected', 'resolved')", name=op.f("ck_anomaly_state")
        ),
        sa.CheckConstraint(
            "is_current = (retired_batch_id IS NULL)", name=op.f("ck_anomaly_current_until_retired")
        ),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_anomaly_revision_counts")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_anomaly_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_anomaly_metric_id")
        ),
        sa.ForeignKeyConstraint(
            ["retired_batch_id"],
            ["kpi_core.publish_batch.batch_id"],
            name=op.f("fk_anomaly_retired_batch_id"),
        ),
        sa.ForeignKeyConstraint(
            ["segment_key"], ["kpi_core.segment.segment_key"], name=op.f("fk_anomaly_segment_key")
        ),
        sa.PrimaryKeyConstraint("anomaly_key", name=op.f("pk_anomaly")),
        schema="kpi_core",
    )
    op.create_index(
        "ix_anomaly_retired",
        "anomaly",
        ["metric_id", "period_grain", "period_start", "segment_key", "detector", "kind"],
        unique=False,
        schema="kpi_core",
        postgresql_where=sa.text("NOT is_current"),
        sqlite_where=sa.text("NOT is_current"),
    )
    op.create_index(
        "one_current_anomaly",
        "anomaly",
        ["metric_id", "period_grain", "period_start", "segment_key", "detector", "kind"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("is_current"),
        sqlite_where=sa.text("is_current"),
    )
    op.create_table(
        "suggestion",
        sa.Column("suggestion_key", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("metric_id", sa.Text(), nullable=False),
        sa.Column("raised_date", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("draft", types.JsonText(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_kind", sa.Text(), nullable=False),
        sa.Column("revision_reason", sa.Text(), nullable=True),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.Column("retired_batch_id", types.SurrogateKey, nullable=True),
        sa.CheckConstraint(
            "revision_kind IN ('first', 'returned', 'provisional_update', 'settled', 'restated', "
            "'redefined', 'retargeted', 'blocked', 'unblocked', 'changed', 'withdrawal')",
            name=op.f("ck_suggestion_revision_kind"),
        ),
        sa.CheckConstraint("state IN ('open', 'taken', 'dismissed')", name=op.f("ck_suggestion_state")),
        sa.CheckConstraint(
            "is_current = (retired_batch_id IS NULL)", name=op.f("ck_suggestion_current_until_retired")
        ),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_suggestion_revision_counts")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_suggestion_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_suggestion_metric_id")
        ),
        sa.ForeignKeyConstraint(
            ["retired_batch_id"],
            ["kpi_core.publish_batch.batch_id"],
            name=op.f("fk_suggestion_retired_batch_id"),
        ),
        sa.PrimaryKeyConstraint("suggestion_key", name=op.f("pk_suggestion")),
        schema="kpi_core",
    )
    op.create_index(
        "ix_suggestion_retired",
        "suggestion",
        ["metric_id", "raised_date"],
        unique=False,
        schema="kpi_core",
        postgresql_where=sa.text("NOT is_current"),
        sqlite_where=sa.text("NOT is_current"),
    )
    op.create_index(
        "one_current_suggestion",
        "suggestion",
        ["metric_id", "raised_date"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("is_current"),
        sqlite_where=sa.text("is_current"),
    )


def downgrade() -> None:
    op.drop_table("suggestion", schema="kpi_core")
    op.drop_table("anomaly", schema="kpi_core")
    op.drop_table("metric_contribution", schema="kpi_core")
    op.drop_table("blocked_metric", schema="kpi_core")
    op.drop_table("value_digest", schema="kpi_core")
    op.drop_table("kpi_value_refresh", schema="kpi_core")
    op.drop_table("kpi_value", schema="kpi_core")
