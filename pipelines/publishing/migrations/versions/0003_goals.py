"""Objectives and key results."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipelines.publishing import types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "okr_cycle",
        sa.Column("cycle_key", sa.Text(), nullable=False),
        sa.Column("cycle_name", sa.Text(), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("check_in_cadence", sa.Text(), nullable=False),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.CheckConstraint("state IN ('draft', 'open', 'closed')", name=op.f("ck_okr_cycle_state")),
        sa.CheckConstraint("start_date <= end_date", name=op.f("ck_okr_cycle_days_in_order")),
        sa.PrimaryKeyConstraint("cycle_key", name=op.f("pk_okr_cycle")),
        schema="kpi_core",
    )
    op.create_table(
        "objective",
        sa.Column("objective_key", sa.Text(), nullable=False),
        sa.Column("cycle_key", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("team_key", sa.Text(), nullable=False),
        sa.Column("owner_key", sa.Text(), nullable=False),
        sa.Column("parent_objective_key", sa.Text(), nullable=True),
        sa.Column("contributes", sa.Boolean(), nullable=False),
        sa.Column("commitment", sa.Text(), nullable=False),
        sa.Column("rollup", sa.Text(), nullable=False),
        sa.Column("lifecycle", sa.Text(), nullable=False),
        sa.Column("bsc_perspective", sa.Text(), nullable=True),
        sa.Column("rationale", sa.Text(), nullable=True),
        sa.Column("closing_note", sa.Text(), nullable=True),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "commitment IN ('committed', 'aspirational')", name=op.f("ck_objective_commitment")
        ),
        sa.CheckConstraint(
            "lifecycle IN ('draft', 'active', 'closed', 'cancelled')", name=op.f("ck_objective_lifecycle")
        ),
        sa.ForeignKeyConstraint(
            ["cycle_key"], ["kpi_core.okr_cycle.cycle_key"], name=op.f("fk_objective_cycle_key")
        ),
        sa.ForeignKeyConstraint(
            ["owner_key"], ["kpi_core.dim_person.person_key"], name=op.f("fk_objective_owner_key")
        ),
        sa.ForeignKeyConstraint(
            ["parent_objective_key"],
            ["kpi_core.objective.objective_key"],
            name=op.f("fk_objective_parent_objective_key"),
        ),
        sa.ForeignKeyConstraint(
            ["team_key"], ["kpi_core.dim_team.team_key"], name=op.f("fk_objective_team_key")
        ),
        sa.PrimaryKeyConstraint("objective_key", name=op.f("pk_objective")),
        schema="kpi_core",
    )
    op.create_table(
        "key_result",
        sa.Column("key_result_key", sa.Text(), nullable=False),
        sa.Column("objective_key", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("owner_key", sa.Text(), nullable=False),
        sa.Column("kr_type", sa.Text(), nullable=False),
        sa.Column("nature", sa.Text(), nullable=False),
        sa.Column("metric_id", sa.Text(), nullable=True),
        sa.Column("segment_key", sa.Text(), nullable=True),
        sa.Column("segment_mode", sa.Text(), nullable=False),
        sa.Column("period_grain", sa.Text(), nullable=True),
        sa.Column("score_method", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("is_leading", sa.Boolean(), nullable=False),
        sa.Column("lifecycle", sa.Text(), nullable=False),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "kr_type IN ('increase', 'decrease', 'stay_above', 'stay_below', 'stay_between', "
            "'milestone', 'binary', 'baseline')",
            name=op.f("ck_key_result_kr_type"),
        ),
        sa.CheckConstraint(
            "lifecycle IN ('draft', 'active', 'closed', 'cancelled')", name=op.f("ck_key_result_lifecycle")
        ),
        sa.CheckConstraint(
            "nature = 'effort' OR metric_id IS NOT NULL OR kr_type = 'baseline'",
            name=op.f("ck_key_result_outcome_has_metric"),
        ),
        sa.CheckConstraint("nature IN ('outcome', 'effort')", name=op.f("ck_key_result_nature")),
        sa.CheckConstraint(
            "score_method IN ('ratio', 'linear', 'met_or_not', 'zones', 'periods_met', 'milestone', "
            "'binary')",
            name=op.f("ck_key_result_score_method"),
        ),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_key_result_metric_id")
        ),
        sa.ForeignKeyConstraint(
            ["objective_key"], ["kpi_core.objective.objective_key"], name=op.f("fk_key_result_objective_key")
        ),
        sa.ForeignKeyConstraint(
            ["owner_key"], ["kpi_core.dim_person.person_key"], name=op.f("fk_key_result_owner_key")
        ),
        sa.ForeignKeyConstraint(
            ["segment_key"], ["kpi_core.segment.segment_key"], name=op.f("fk_key_result_segment_key")
        ),
        sa.PrimaryKeyConstraint("key_result_key", name=op.f("pk_key_result")),
        schema="kpi_core",
    )
    op.create_table(
        "key_result_terms",
        sa.Column("key_result_terms_key", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("key_result_key", sa.Text(), nullable=False),
        sa.Column("baseline_value", types.Quantity(), nullable=True),
        sa.Column("baseline_as_of", sa.Date(), nullable=True),
        sa.Column("target_value", types.Quantity(), nullable=True),
        sa.Column("stretch_value", types.Quantity(), nullable=True),
        sa.Column("commit_value", types.Quantity(), nullable=True),
        sa.Column("band_low", types.Quantity(), nullable=True),
        sa.Column("band_high", types.Quantity(), nullable=True),
        sa.Column("comparison", sa.Text(), nullable=True),
        sa.Column("weight", types.Quantity(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("expected_curve", sa.Text(), nullable=False),
        sa.Column("revised_reason", sa.Text(), nullable=True),
        sa.Column("revised_by", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_kind", sa.Text(), nullable=False),
        sa.Column("revision_reason", sa.Text(), nullable=True),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.Column("retired_batch_id", types.SurrogateKey, nullable=True),
        sa.CheckConstraint(
            "comparison IN ('gte', 'gt', 'lte', 'lt', 'between')", name=op.f("ck_key_result_terms_comparison")
        ),
        sa.CheckConstraint(
            "expected_curve IN ('linear', 'step', 'phased', 'late')",
            name=op.f("ck_key_result_terms_expected_curve"),
        ),
        sa.CheckConstraint(
            "revision_kind IN ('first', 'returned', 'provisional_update', 'settled', 'restated', "
            "'redefined', 'retargeted', 'blocked', 'unblocked', 'changed', 'withdrawal')",
            name=op.f("ck_key_result_terms_revision_kind"),
        ),
        sa.CheckConstraint(
            "band_low IS NULL OR band_high IS NULL OR band_low <= band_high",
            name=op.f("ck_key_result_terms_band_in_order"),
        ),
        sa.CheckConstraint(
            "is_current = (retired_batch_id IS NULL)", name=op.f("ck_key_result_terms_current_until_retired")
        ),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_key_result_terms_revision_counts")),
        sa.CheckConstraint("weight >= 0", name=op.f("ck_key_result_terms_weight_counts")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_key_result_terms_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["key_result_key"],
            ["kpi_core.key_result.key_result_key"],
            name=op.f("fk_key_result_terms_key_result_key"),
        ),
        sa.ForeignKeyConstraint(
            ["retired_batch_id"],
            ["kpi_core.publish_batch.batch_id"],
            name=op.f("fk_key_result_terms_retired_batch_id"),
        ),
        sa.PrimaryKeyConstraint("key_result_terms_key", name=op.f("pk_key_result_terms")),
        schema="kpi_core",
    )
    op.create_index(
        "ix_key_result_terms_retired",
        "key_result_terms",
        ["key_result_key"],
        unique=False,
        schema="kpi_core",
        postgresql_where=sa.text("NOT is_current"),
        sqlite_where=sa.text("NOT is_current"),
    )
    op.create_index(
        "one_current_key_result_terms",
        "key_result_terms",
        ["key_result_key"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("is_current"),
        sqlite_where=sa.text("is_current"),
    )
    op.create_table(
        "key_result_score",
        sa.Column("key_result_score_key", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("key_result_key", sa.Text(), nullable=False),
        sa.Column("as_of_date", sa.Date(), nullable=False),
        sa.Column("cycle_day", sa.Integer(), nullable=False),
        sa.Column("current_value", types.Quantity(), nullable=True),
        sa.Column("value_as_of_date", sa.Date(), nullable=True),
        sa.Column("ratio_raw", types.Quantity(), nullable=True),
        sa.Column("ratio_reason", sa.Text(), nullable=True),
        sa.Column("progress_raw", types.Quantity(), nullable=True),
        sa.Column("progress_reason", sa.Text(), nullable=True),
        sa.Column("score", types.Quantity(), nullable=True),
        sa.Column("score_method", sa.Text(), nullable=False),
        sa.Column("score_band", sa.Text(), nullable=False),
        sa.Column("target_met", sa.Boolean(), nullable=True),
        sa.Column("expected_progress", types.Quantity(), nullable=True),
        sa.Column("pace_ratio", types.Quantity(), nullable=True),
        sa.Column("pace_gap", types.Quantity(), nullable=True),
        sa.Column("pace_status", sa.Text(), nullable=True),
        sa.Column("forecast_value", types.Quantity(), nullable=True),
        sa.Column("forecast_low", types.Quantity(), nullable=True),
        sa.Column("forecast_high", types.Quantity(), nullable=True),
        sa.Column("forecast_score", types.Quantity(), nullable=True),
        sa.Column("hit_probability", types.Quantity(), nullable=True),
        sa.Column("owner_confidence", types.Quantity(), nullable=True),
        sa.Column("confidence_gap", types.Quantity(), nullable=True),
        sa.Column("published_status", sa.Text(), nullable=False),
        sa.Column("status_source", sa.Text(), nullable=False),
        sa.Column("override_reason", sa.Text(), nullable=True),
        sa.Column("is_stale", sa.Boolean(), nullable=False),
        sa.Column("days_since_check_in", sa.Integer(), nullable=True),
        sa.Column("flags", types.TextList(), nullable=False),
        sa.Column("is_final", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_kind", sa.Text(), nullable=False),
        sa.Column("revision_reason", sa.Text(), nullable=True),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.Column("retired_batch_id", types.SurrogateKey, nullable=True),
        sa.CheckConstraint(
            "pace_status IN ('ahead', 'on_pace', 'behind', 'off_pace', 'too_early', 'not_applicable')",
            name=op.f("ck_key_result_score_pace_status"),
        ),
        sa.CheckConstraint(
            "published_status IN ('on_track', 'at_risk', 'off_track', 'achieved', 'missed', 'stale', "
            "'no_data', 'not_started', 'cancelled')",
            name=op.f("ck_key_result_score_published_status"),
        ),
        sa.CheckConstraint(
            "revision_kind IN ('first', 'returned', 'provisional_update', 'settled', 'restated', "
            "'redefined', 'retargeted', 'blocked', 'unblocked', 'changed', 'withdrawal')",
            name=op.f("ck_key_result_score_revision_kind"),
        ),
        sa.CheckConstraint(
            "score_band IN ('overperforming', 'on_track', 'at_risk', 'significant_issues', 'no_data', "
            "'not_started')",
            name=op.f("ck_key_result_score_score_band"),
        ),
        sa.CheckConstraint(
            "score_method IN ('ratio', 'linear', 'met_or_not', 'zones', 'periods_met', 'milestone', "
            "'binary')",
            name=op.f("ck_key_result_score_score_method"),
        ),
        sa.CheckConstraint(
            "status_source = 'computed' OR override_reason IS NOT NULL",
            name=op.f("ck_key_result_score_override_has_reason"),
        ),
        sa.CheckConstraint(
            "status_source IN ('computed', 'override')", name=op.f("ck_key_result_score_status_source")
        ),
        sa.CheckConstraint(
            "hit_probability IS NULL OR (hit_probability >= 0 AND hit_probability <= 1)",
            name=op.f("ck_key_result_score_probability_is_a_fraction"),
        ),
        sa.CheckConstraint(
            "is_current = (retired_batch_id IS NULL)", name=op.f("ck_key_result_score_current_until_retired")
        ),
        sa.CheckConstraint(
            "owner_confidence IS NULL OR (owner_confidence >= 0 AND owner_confidence <= 1)",
            name=op.f("ck_key_result_score_confidence_is_a_fraction"),
        ),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_key_result_score_revision_counts")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_key_result_score_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["key_result_key"],
            ["kpi_core.key_result.key_result_key"],
            name=op.f("fk_key_result_score_key_result_key"),
        ),
        sa.ForeignKeyConstraint(
            ["retired_batch_id"],
            ["kpi_core.publish_batch.batch_id"],
            name=op.f("fk_key_result_score_retired_batch_id"),
        ),
        sa.PrimaryKeyConstraint("key_result_score_key", name=op.f("pk_key_result_score")),
        schema="kpi_core",
    )
    op.create_index(
        "ix_key_result_score_retired",
        "key_result_score",
        ["key_result_key", "as_of_date"],
        unique=False,
        schema="kpi_core",
        postgresql_where=sa.text("NOT is_current"),
        sqlite_where=sa.text("NOT is_current"),
    )
    op.create_index(
        "one_current_key_result_score",
        "key_result_score",
        ["key_result_key", "as_of_date"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("is_current"),
        sqlite_where=sa.text("is_current"),
    )
    op.create_table(
        "objective_score",
        sa.Column("objective_score_key", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("objective_key", sa.Text(), nullable=False),
        sa.Column("as_of_date", sa.Date(), nullable=False),
        sa.Column("score", types.Quantity(), nullable=True),
        sa.Column("coverage", types.Quantity(), nullable=False),
        sa.Column("expected_progress", types.Quantity(), nullable=True),
        sa.Column("published_status", sa.Text(), nullable=False),
        sa.Column("kr_total", sa.Integer(), nullable=False),
        sa.Column("kr_on_track", sa.Integer(), nullable=False),
        sa.Column("kr_at_risk", sa.Integer(), nullable=False),
        sa.Column("kr_off_track", sa.Integer(), nullable=False),
        sa.Column("kr_no_data", sa.Integer(), nullable=False),
        sa.Column("flags", types.TextList(), nullable=False),
        sa.Column("is_final", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_kind", sa.Text(), nullable=False),
        sa.Column("revision_reason", sa.Text(), nullable=True),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.Column("retired_batch_id", types.SurrogateKey, nullable=True),
        sa.CheckConstraint(
            "published_status IN ('on_track', 'at_risk', 'off_track', 'achieved', 'missed', 'stale', "
            "'no_data', 'not_started', 'cancelled')",
            name=op.f("ck_objective_score_published_status"),
        ),
        sa.CheckConstraint(
            "revision_kind IN ('first', 'returned', 'provisional_update', 'settled', 'restated', "
            "'redefined', 'retargeted', 'blocked', 'unblocked', 'changed', 'withdrawal')",
            name=op.f("ck_objective_score_revision_kind"),
        ),
        sa.CheckConstraint(
            "coverage >= 0 AND coverage <= 1", name=op.f("ck_objective_score_coverage_is_a_fraction")
        ),
        sa.CheckConstraint(
            "is_current = (retired_batch_id IS NULL)", name=op.f("ck_objective_score_current_until_retired")
        ),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_objective_score_revision_counts")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_objective_score_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["objective_key"],
            ["kpi_core.objective.objective_key"],
            name=op.f("fk_objective_score_objective_key"),
        ),
        sa.ForeignKeyConstraint(
            ["retired_batch_id"],
            ["kpi_core.publish_batch.batch_id"],
            name=op.f("fk_objective_score_retired_batch_id"),
        ),
        sa.PrimaryKeyConstraint("objective_score_key", name=op.f("pk_objective_score")),
        schema="kpi_core",
    )
    op.create_index(
        "ix_objective_score_retired",
        "objective_score",
        ["objective_key", "as_of_date"],
        unique=False,
        schema="kpi_core",
        postgresql_where=sa.text("NOT is_current"),
        sqlite_where=sa.text("NOT is_current"),
    )
    op.create_index(
        "one_current_objective_score",
        "objective_score",
        ["objective_key", "as_of_date"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("is_current"),
        sqlite_where=sa.text("is_current"),
    )
    op.create_table(
        "check_in_due",
        sa.Column("check_in_due_key", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("key_result_key", sa.Text(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("nudges_sent", sa.Integer(), nullable=False),
        sa.Column("last_nudge_at", types.UtcTimestamp(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_kind", sa.Text(), nullable=False),
        sa.Column("revision_reason", sa.Text(), nullable=True),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.Column("retired_batch_id", types.SurrogateKey, nullable=True),
        sa.CheckConstraint(
            "revision_kind IN ('first', 'returned', 'provisional_update', 'settled', 'restated', "
            "'redefined', 'retargeted', 'blocked', 'unblocked', 'changed', 'withdrawal')",
            name=op.f("ck_check_in_due_revision_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('due', 'done', 'overdue', 'waived')", name=op.f("ck_check_in_due_state")
        ),
        sa.CheckConstraint(
            "is_current = (retired_batch_id IS NULL)", name=op.f("ck_check_in_due_current_until_retired")
        ),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_check_in_due_revision_counts")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_check_in_due_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["key_result_key"],
            ["kpi_core.key_result.key_result_key"],
            name=op.f("fk_check_in_due_key_result_key"),
        ),
        sa.ForeignKeyConstraint(
            ["retired_batch_id"],
            ["kpi_core.publish_batch.batch_id"],
            name=op.f("fk_check_in_due_retired_batch_id"),
        ),
        sa.PrimaryKeyConstraint("check_in_due_key", name=op.f("pk_check_in_due")),
        schema="kpi_core",
    )
    op.create_index(
        "ix_check_in_due_retired",
        "check_in_due",
        ["key_result_key", "due_date"],
        unique=False,
        schema="kpi_core",
        postgresql_where=sa.text("NOT is_current"),
        sqlite_where=sa.text("NOT is_current"),
    )
    op.create_index(
        "one_current_check_in_due",
        "check_in_due",
        ["key_result_key", "due_date"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("is_current"),
        sqlite_where=sa.text("is_current"),
    )


def downgrade() -> None:
    op.drop_table("check_in_due", schema="kpi_core")
    op.drop_table("objective_score", schema="kpi_core")
    op.drop_table("key_result_score", schema="kpi_core")
    op.drop_table("key_result_terms", schema="kpi_core")
    op.drop_table("key_result", schema="kpi_core")
    op.drop_table("objective", schema="kpi_core")
    op.drop_table("okr_cycle", schema="kpi_core")
