"""Checks, freshness, lint findings, alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipelines.publishing import types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "data_quality_result",
        sa.Column("dq_result_key", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("check_id", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("source_system", sa.Text(), nullable=False),
        sa.Column("metric_ids", types.TextList(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("rows_checked", sa.BigInteger(), nullable=True),
        sa.Column("rows_failed", sa.BigInteger(), nullable=True),
        sa.Column("observed", types.Quantity(), nullable=True),
        sa.Column("threshold", types.Quantity(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("blocks_publish", sa.Boolean(), nullable=False),
        sa.Column("sample_keys", types.JsonText(), nullable=False),
        sa.Column("checked_at", types.UtcTimestamp(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.CheckConstraint(
            "dimension IN ('freshness', 'completeness', 'uniqueness', 'validity', 'consistency', "
            "'reconciliation', 'volume', 'schema')",
            name=op.f("ck_data_quality_result_dimension"),
        ),
        sa.CheckConstraint("severity IN ('warn', 'error')", name=op.f("ck_data_quality_result_severity")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_data_quality_result_batch_id")
        ),
        sa.PrimaryKeyConstraint("dq_result_key", name=op.f("pk_data_quality_result")),
        sa.UniqueConstraint(
            "batch_id", "check_id", "asset", name=op.f("uq_data_quality_result_batch_id_check_id_asset")
        ),
        schema="kpi_core",
    )
    op.create_index(
        "one_current_data_quality_result",
        "data_quality_result",
        ["check_id", "asset"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("is_current"),
        sqlite_where=sa.text("is_current"),
    )
    op.create_table(
        "data_quality_metric",
        sa.Column("dq_result_key", types.SurrogateKey, nullable=False),
        sa.Column("metric_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dq_result_key"],
            ["kpi_core.data_quality_result.dq_result_key"],
            name=op.f("fk_data_quality_metric_dq_result_key"),
        ),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_data_quality_metric_metric_id")
        ),
        sa.PrimaryKeyConstraint("dq_result_key", "metric_id", name=op.f("pk_data_quality_metric")),
        schema="kpi_core",
    )
    op.create_table(
        "freshness",
        sa.Column("freshness_key", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("source_system", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("last_success_at", types.UtcTimestamp(), nullable=True),
        sa.Column("last_attempt_at", types.UtcTimestamp(), nullable=True),
        sa.Column("data_through_at", types.UtcTimestamp(), nullable=True),
        sa.Column("sla_seconds", sa.BigInteger(), nullable=False),
        sa.Column("is_late", sa.Boolean(), nullable=False),
        sa.Column("rows_last_run", sa.BigInteger(), nullable=True),
        sa.Column("rows_quarantined", sa.BigInteger(), nullable=True),
        sa.Column("lateness_seconds", sa.BigInteger(), nullable=True),
        sa.Column("quota_used", types.Quantity(), nullable=True),
        sa.Column("drift", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_kind", sa.Text(), nullable=False),
        sa.Column("revision_reason", sa.Text(), nullable=True),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.Column("retired_batch_id", types.SurrogateKey, nullable=True),
        sa.CheckConstraint(
            "revision_kind IN ('first', 'returned', 'provisional_update', 'settled', 'restated', "
            "'redefined', 'retargeted', 'blocked', 'unblocked', 'changed', 'withdrawal')",
            name=op.f("ck_freshness_revision_kind"),
        ),
        sa.CheckConstraint(
            "is_current = (retired_batch_id IS NULL)", name=op.f("ck_freshness_current_until_retired")
        ),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_freshness_revision_counts")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_freshness_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["retired_batch_id"],
            ["kpi_core.publish_batch.batch_id"],
            name=op.f("fk_freshness_retired_batch_id"),
        ),
        sa.PrimaryKeyConstraint("freshness_key", name=op.f("pk_freshness")),
        schema="kpi_core",
    )
    op.create_index(
        "ix_freshness_retired",
        "freshness",
        ["source_system", "asset"],
        unique=False,
        schema="kpi_core",
        postgresql_where=sa.text("NOT is_current"),
        sqlite_where=sa.text("NOT is_current"),
    )
    op.create_index(
        "one_current_freshness",
        "freshness",
        ["source_system", "asset"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("is_current"),
        sqlite_where=sa.text("is_current"),
    )
    op.create_table(
        "definition_finding",
        sa.Column("definition_finding_key", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("finding_number", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("advice", sa.Text(), nullable=False),
        sa.Column("definition_file", sa.Text(), nullable=True),
        sa.Column("definition_line", sa.Integer(), nullable=True),
        sa.Column("is_silenced", sa.Boolean(), nullable=False),
        sa.Column("silence_reason", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_kind", sa.Text(), nullable=False),
        sa.Column("revision_reason", sa.Text(), nullable=True),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.Column("retired_batch_id", types.SurrogateKey, nullable=True),
        sa.CheckConstraint(
            "revision_kind IN ('first', 'returned', 'provisional_update', 'settled', 'restated', "
            "'redefined', 'retargeted', 'blocked', 'unblocked', 'changed', 'withdrawal')",
            name=op.f("ck_definition_finding_revision_kind"),
        ),
        sa.CheckConstraint(
            "severity IN ('error', 'warning', 'note')", name=op.f("ck_definition_finding_severity")
        ),
        sa.CheckConstraint(
            "NOT is_silenced OR silence_reason IS NOT NULL",
            name=op.f("ck_definition_finding_silence_has_reason"),
        ),
        sa.CheckConstraint(
            "is_current = (retired_batch_id IS NULL)",
            name=op.f("ck_definition_finding_current_until_retired"),
        ),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_definition_finding_revision_counts")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_definition_finding_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["retired_batch_id"],
            ["kpi_core.publish_batch.batch_id"],
            name=op.f("fk_definition_finding_retired_batch_id"),
        ),
        sa.PrimaryKeyConstraint("definition_finding_key", name=op.f("pk_definition_finding")),
        schema="kpi_core",
    )
    op.create_index(
        "ix_definition_finding_retired",
        "definition_finding",
        ["rule_id", "subject_kind", "subject_id", "finding_number"],
        unique=False,
        schema="kpi_core",
        postgresql_where=sa.text("NOT is_current"),
        sqlite_where=sa.text("NOT is_current"),
    )
    op.create_index(
        "one_current_definition_finding",
        "definition_finding",
        ["rule_id", "subject_kind", "subject_id", "finding_number"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("is_current"),
        sqlite_where=sa.text("is_current"),
    )
    op.create_table(
        "alert_log",
        sa.Column("alert_key", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("dedup_key", sa.Text(), nullable=False),
        sa.Column("episode", sa.Text(), nullable=False),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("alert_type", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("delivery_state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("suppressed_by", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("is_restricted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", types.UtcTimestamp(), nullable=False),
        sa.Column("next_try_at", types.UtcTimestamp(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("message_key", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("sent_at", types.UtcTimestamp(), nullable=True),
        sa.Column("acknowledged_at", types.UtcTimestamp(), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("batch_id", types.SurrogateKey, nullable=True),
        sa.CheckConstraint(
            "delivery_state <> 'sent' OR sent_at IS NOT NULL", name=op.f("ck_alert_log_sent_has_time")
        ),
        sa.CheckConstraint(
            "delivery_state IN ('queued', 'sent', 'failed', 'suppressed')",
            name=op.f("ck_alert_log_delivery_state"),
        ),
        sa.CheckConstraint("severity IN ('info', 'warning', 'critical')", name=op.f("ck_alert_log_severity")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_alert_log_batch_id")
        ),
        sa.PrimaryKeyConstraint("alert_key", name=op.f("pk_alert_log")),
        schema="kpi_core",
    )
    op.create_index(
        "alert_once",
        "alert_log",
        ["dedup_key", "recipient", "channel"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("delivery_state IN ('queued', 'sent')"),
        sqlite_where=sa.text("delivery_state IN ('queued', 'sent')"),
    )
    op.create_index(
        "alert_queue",
        "alert_log",
        ["next_try_at"],
        unique=False,
        schema="kpi_core",
        postgresql_where=sa.text("delivery_state = 'queued'"),
        sqlite_where=sa.text("delivery_state = 'queued'"),
    )
    op.create_index("ix_alert_log_episode", "alert_log", ["episode"], unique=False, schema="kpi_core")


def downgrade() -> None:
    op.drop_table("alert_log", schema="kpi_core")
    op.drop_table("definition_finding", schema="kpi_core")
    op.drop_table("freshness", schema="kpi_core")
    op.drop_table("data_quality_metric", schema="kpi_core")
    op.drop_table("data_quality_result", schema="kpi_core")
