"""What people write."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipelines.publishing import types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE SCHEMA kpi_input")
    op.create_table(
        "check_in",
        sa.Column("check_in_id", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("key_result_key", sa.Text(), nullable=False),
        sa.Column("check_in_date", sa.Date(), nullable=False),
        sa.Column("author_email", sa.Text(), nullable=False),
        sa.Column("value_override", types.Quantity(), nullable=True),
        sa.Column("progress_note", sa.Text(), nullable=True),
        sa.Column("how_it_happened", sa.Text(), nullable=False),
        sa.Column("confidence", types.Quantity(), nullable=False),
        sa.Column("blockers", sa.Text(), nullable=True),
        sa.Column("do_differently", sa.Text(), nullable=True),
        sa.Column("status_override", sa.Text(), nullable=True),
        sa.Column(
            "created_at", types.UtcTimestamp(), server_default=sa.text("CURRENT_TIMESTAMP"), nullable=False
        ),
        sa.Column("supersedes", types.SurrogateKey, nullable=True),
        sa.CheckConstraint(
            "status_override IN ('on_track', 'at_risk', 'off_track', 'achieved', 'missed', 'stale', "
            "'no_data', 'not_started', 'cancelled')",
            name=op.f("ck_check_in_status_override"),
        ),
        sa.CheckConstraint(
            "confidence >= 0 AND confidence <= 1", name=op.f("ck_check_in_confidence_is_a_fraction")
        ),
        sa.ForeignKeyConstraint(
            ["key_result_key"],
            ["kpi_core.key_result.key_result_key"],
            name=op.f("fk_check_in_key_result_key"),
        ),
        sa.ForeignKeyConstraint(
            ["supersedes"], ["kpi_input.check_in.check_in_id"], name=op.f("fk_check_in_supersedes")
        ),
        sa.PrimaryKeyConstraint("check_in_id", name=op.f("pk_check_in")),
        schema="kpi_input",
    )
    op.create_index(
        "ix_check_in_key_result_key",
        "check_in",
        ["key_result_key", "check_in_date"],
        unique=False,
        schema="kpi_input",
    )
    op.create_table(
        "target_entry",
        sa.Column("target_entry_id", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("metric_id", sa.Text(), nullable=False),
        sa.Column("period_grain", sa.Text(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("segment_dimension", sa.Text(), server_default="", nullable=False),
        sa.Column("segment_value", sa.Text(), server_default="", nullable=False),
        sa.Column("comparison", sa.Text(), nullable=False),
        sa.Column("target_value", types.Quantity(), nullable=False),
        sa.Column("stretch_value", types.Quantity(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("entered_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at", types.UtcTimestamp(), server_default=sa.text("CURRENT_TIMESTAMP"), nullable=False
        ),
        sa.CheckConstraint(
            "comparison IN ('gte', 'gt', 'lte', 'lt')", name=op.f("ck_target_entry_comparison")
        ),
        sa.CheckConstraint("period_start <= period_end", name=op.f("ck_target_entry_period_in_order")),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_target_entry_metric_id")
        ),
        sa.PrimaryKeyConstraint("target_entry_id", name=op.f("pk_target_entry")),
        schema="kpi_input",
    )
    op.create_table(
        "alert_silence",
        sa.Column("silence_id", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("alert_type", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.Text(), nullable=True),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("starts_at", types.UtcTimestamp(), nullable=False),
        sa.Column("ends_at", types.UtcTimestamp(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at", types.UtcTimestamp(), server_default=sa.text("CURRENT_TIMESTAMP"), nullable=False
        ),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_alert_silence_times_in_order")),
        sa.PrimaryKeyConstraint("silence_id", name=op.f("pk_alert_silence")),
        schema="kpi_input",
    )
    op.create_table(
        "alert_acknowledgement",
        sa.Column("acknowledgement_id", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("episode", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("expected_from", sa.Date(), nullable=True),
        sa.Column("expected_to", sa.Date(), nullable=True),
        sa.Column(
            "created_at", types.UtcTimestamp(), server_default=sa.text("CURRENT_TIMESTAMP"), nullable=False
        ),
        sa.CheckConstraint(
            "verdict <> 'expected' OR reason IS NOT NULL",
            name=op.f("ck_alert_acknowledgement_expected_has_reason"),
        ),
        sa.CheckConstraint(
            "verdict IN ('acknowledged', 'expected', 'false')", name=op.f("ck_alert_acknowledgement_verdict")
        ),
        sa.PrimaryKeyConstraint("acknowledgement_id", name=op.f("pk_alert_acknowledgement")),
        schema="kpi_input",
    )
    op.create_table(
        "anomaly_feedback",
        sa.Column("anomaly_feedback_id", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("metric_id", sa.Text(), nullable=False),
        sa.Column("segment_key", sa.Text(), nullable=True),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at", types.UtcTimestamp(), server_default=sa.text("CURRENT_TIMESTAMP"), nullable=False
        ),
        sa.CheckConstraint(
            "verdict IN ('acknowledged', 'expected', 'false')", name=op.f("ck_anomaly_feedback_verdict")
        ),
        sa.CheckConstraint("start_date <= end_date", name=op.f("ck_anomaly_feedback_days_in_order")),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_anomaly_feedback_metric_id")
        ),
        sa.PrimaryKeyConstraint("anomaly_feedback_id", name=op.f("pk_anomaly_feedback")),
        schema="kpi_input",
    )
    op.create_table(
        "annotation",
        sa.Column("annotation_id", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("metric_id", sa.Text(), nullable=True),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("is_expected", sa.Boolean(), nullable=False),
        sa.Column("author_email", sa.Text(), nullable=False),
        sa.Column(
            "created_at", types.UtcTimestamp(), server_default=sa.text("CURRENT_TIMESTAMP"), nullable=False
        ),
        sa.CheckConstraint("start_date <= end_date", name=op.f("ck_annotation_days_in_order")),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_annotation_metric_id")
        ),
        sa.PrimaryKeyConstraint("annotation_id", name=op.f("pk_annotation")),
        schema="kpi_input",
    )


def downgrade() -> None:
    op.drop_table("annotation", schema="kpi_input")
    op.drop_table("anomaly_feedback", schema="kpi_input")
    op.drop_table("alert_acknowledgement", schema="kpi_input")
    op.drop_table("alert_silence", schema="kpi_input")
    op.drop_table("target_entry", schema="kpi_input")
    op.drop_table("check_in", schema="kpi_input")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP SCHEMA kpi_input")
