"""What the driver trees and the guardrails say about metrics."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipelines.publishing import types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "metric_influence",
        sa.Column("metric_influence_key", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("driver_metric_id", sa.Text(), nullable=False),
        sa.Column("driven_metric_id", sa.Text(), nullable=False),
        sa.Column("period_grain", sa.Text(), nullable=False),
        sa.Column("lag_periods", sa.SmallInteger(), nullable=False),
        sa.Column("expected_sign", sa.SmallInteger(), nullable=False),
        sa.Column("correlation", types.Quantity(), nullable=True),
        sa.Column("correlation_of_levels", types.Quantity(), nullable=True),
        sa.Column("pairs", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("is_sign_as_expected", sa.Boolean(), nullable=True),
        sa.Column("through_date", sa.Date(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_kind", sa.Text(), nullable=False),
        sa.Column("revision_reason", sa.Text(), nullable=True),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.Column("retired_batch_id", types.SurrogateKey, nullable=True),
        sa.CheckConstraint(
            "period_grain IN ('day', 'week', 'month', 'quarter', 'year') OR substr(period_grain, 1, 9) = 'trailing_'",
            name=op.f("ck_metric_influence_period_grain"),
        ),
        sa.CheckConstraint(
            "revision_kind IN ('first', 'returned', 'provisional_update', 'settled', 'restated', "
            "'redefined', 'retargeted', 'blocked', 'unblocked', 'changed', 'withdrawal')",
            name=op.f("ck_metric_influence_revision_kind"),
        ),
        sa.CheckConstraint(
            "correlation IS NULL OR (correlation >= -1 AND correlation <= 1)",
            name=op.f("ck_metric_influence_r_is_bounded"),
        ),
        sa.CheckConstraint(
            "correlation_of_levels IS NOT NULL OR reason IS NOT NULL",
            name=op.f("ck_metric_influence_no_number_says_why"),
        ),
        sa.CheckConstraint(
            "expected_sign = 1 OR expected_sign = -1", name=op.f("ck_metric_influence_sign_is_one")
        ),
        sa.CheckConstraint(
            "is_current = (retired_batch_id IS NULL)", name=op.f("ck_metric_influence_current_until_retired")
        ),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_metric_influence_revision_counts")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_metric_influence_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["driven_metric_id"],
            ["kpi_core.metric.metric_id"],
            name=op.f("fk_metric_influence_driven_metric_id"),
        ),
        sa.ForeignKeyConstraint(
            ["driver_metric_id"],
            ["kpi_core.metric.metric_id"],
            name=op.f("fk_metric_influence_driver_metric_id"),
        ),
        sa.ForeignKeyConstraint(
            ["retired_batch_id"],
            ["kpi_core.publish_batch.batch_id"],
            name=op.f("fk_metric_influence_retired_batch_id"),
        ),
        sa.PrimaryKeyConstraint("metric_influence_key", name=op.f("pk_metric_influence")),
        schema="kpi_core",
    )
    op.create_index(
        "ix_metric_influence_retired",
        "metric_influence",
        ["driver_metric_id", "driven_metric_id"],
        unique=False,
        schema="kpi_core",
        postgresql_where=sa.text("NOT is_current"),
        sqlite_where=sa.text("NOT is_current"),
    )
    op.create_index(
        "one_current_metric_influence",
        "metric_influence",
        ["driver_metric_id", "driven_metric_id"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("is_current"),
        sqlite_where=sa.text("is_current"),
    )
    op.create_table(
        "metric_signal",
        sa.Column("metric_signal_key", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("signal_kind", sa.Text(), nullable=False),
        sa.Column("metric_id", sa.Text(), nullable=False),
        sa.Column("other_metric_id", sa.Text(), nullable=False),
        sa.Column("period_grain", sa.Text(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_kind", sa.Text(), nullable=False),
        sa.Column("revision_reason", sa.Text(), nullable=True),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.Column("retired_batch_id", types.SurrogateKey, nullable=True),
        sa.CheckConstraint(
            "period_grain IN ('day', 'week', 'month', 'quarter', 'year') OR substr(period_grain, 1, 9) = 'trailing_'",
            name=op.f("ck_metric_signal_period_grain"),
        ),
        sa.CheckConstraint(
            "revision_kind IN ('first', 'returned', 'provisional_update', 'settled', 'restated', "
            "'redefined', 'retargeted', 'blocked', 'unblocked', 'changed', 'withdrawal')",
            name=op.f("ck_metric_signal_revision_kind"),
        ),
        sa.CheckConstraint(
            "signal_kind IN ('gaming_risk', 'local_optimum')", name=op.f("ck_metric_signal_signal_kind")
        ),
        sa.CheckConstraint(
            "is_current = (retired_batch_id IS NULL)", name=op.f("ck_metric_signal_current_until_retired")
        ),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_metric_signal_revision_counts")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_metric_signal_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_metric_signal_metric_id")
        ),
        sa.ForeignKeyConstraint(
            ["other_metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_metric_signal_other_metric_id")
        ),
        sa.ForeignKeyConstraint(
            ["retired_batch_id"],
            ["kpi_core.publish_batch.batch_id"],
            name=op.f("fk_metric_signal_retired_batch_id"),
        ),
        sa.PrimaryKeyConstraint("metric_signal_key", name=op.f("pk_metric_signal")),
        schema="kpi_core",
    )
    op.create_index(
        "ix_metric_signal_retired",
        "metric_signal",
        ["signal_kind", "metric_id", "other_metric_id"],
        unique=False,
        schema="kpi_core",
        postgresql_where=sa.text("NOT is_current"),
        sqlite_where=sa.text("NOT is_current"),
    )
    op.create_index(
        "one_current_metric_signal",
        "metric_signal",
        ["signal_kind", "metric_id", "other_metric_id"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("is_current"),
        sqlite_where=sa.text("is_current"),
    )
    op.create_table(
        "segment_effect",
        sa.Column("segment_effect_key", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("metric_id", sa.Text(), nullable=False),
        sa.Column("period_grain", sa.Text(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("segment_dimension", sa.Text(), nullable=False),
        sa.Column("segment_value", sa.Text(), nullable=False),
        sa.Column("inner_effect", types.Quantity(), nullable=False),
        sa.Column("mix_effect", types.Quantity(), nullable=False),
        sa.Column("contribution", types.Quantity(), nullable=False),
        sa.Column("contribution_share", types.Quantity(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_kind", sa.Text(), nullable=False),
        sa.Column("revision_reason", sa.Text(), nullable=True),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.Column("retired_batch_id", types.SurrogateKey, nullable=True),
        sa.CheckConstraint(
            "period_grain IN ('day', 'week', 'month', 'quarter', 'year') OR substr(period_grain, 1, 9) = 'trailing_'",
            name=op.f("ck_segment_effect_period_grain"),
        ),
        sa.CheckConstraint(
            "revision_kind IN ('first', 'returned', 'provisional_update', 'settled', 'restated', "
            "'redefined', 'retargeted', 'blocked', 'unblocked', 'changed', 'withdrawal')",
            name=op.f("ck_segment_effect_revision_kind"),
        ),
        sa.CheckConstraint(
            "is_current = (retired_batch_id IS NULL)", name=op.f("ck_segment_effect_current_until_retired")
        ),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_segment_effect_revision_counts")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_segment_effect_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_segment_effect_metric_id")
        ),
        sa.ForeignKeyConstraint(
            ["retired_batch_id"],
            ["kpi_core.publish_batch.batch_id"],
            name=op.f("fk_segment_effect_retired_batch_id"),
        ),
        sa.PrimaryKeyConstraint("segment_effect_key", name=op.f("pk_segment_effect")),
        schema="kpi_core",
    )
    op.create_index(
        "ix_segment_effect_retired",
        "segment_effect",
        ["metric_id", "period_grain", "period_start", "segment_dimension", "segment_value"],
        unique=False,
        schema="kpi_core",
        postgresql_where=sa.text("NOT is_current"),
        sqlite_where=sa.text("NOT is_current"),
    )
    op.create_index(
        "one_current_segment_effect",
        "segment_effect",
        ["metric_id", "period_grain", "period_start", "segment_dimension", "segment_value"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("is_current"),
        sqlite_where=sa.text("is_current"),
    )


def downgrade() -> None:
    op.drop_table("segment_effect", schema="kpi_core")
    op.drop_table("metric_signal", schema="kpi_core")
    op.drop_table("metric_influence", schema="kpi_core")
