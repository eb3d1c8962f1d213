"""Batches, the dictionary and its dimensions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipelines.publishing import types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "publish_batch",
        sa.Column("batch_id", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("publication_id", sa.Text(), nullable=False),
        sa.Column("batch_kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("orchestrator_run_id", sa.Text(), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("data_through", sa.Date(), nullable=False),
        sa.Column("started_at", types.UtcTimestamp(), nullable=False),
        sa.Column("published_at", types.UtcTimestamp(), nullable=False),
        sa.Column("fencing_token", sa.BigInteger(), nullable=False),
        sa.Column("withdraws_batch_id", types.SurrogateKey, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(batch_kind = 'withdrawal') = (withdraws_batch_id IS NOT NULL)",
            name=op.f("ck_publish_batch_withdraws_one"),
        ),
        sa.CheckConstraint(
            "batch_kind IN ('publication', 'withdrawal')", name=op.f("ck_publish_batch_batch_kind")
        ),
        sa.CheckConstraint("state IN ('published', 'withdrawn')", name=op.f("ck_publish_batch_state")),
        sa.ForeignKeyConstraint(
            ["withdraws_batch_id"],
            ["kpi_core.publish_batch.batch_id"],
            name=op.f("fk_publish_batch_withdraws_batch_id"),
        ),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_publish_batch")),
        sa.UniqueConstraint("publication_id", name=op.f("uq_publish_batch_publication_id")),
        schema="kpi_core",
    )
    op.create_table(
        "publish_manifest",
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("inserted_count", sa.BigInteger(), nullable=False),
        sa.Column("revised_count", sa.BigInteger(), nullable=False),
        sa.Column("retired_count", sa.BigInteger(), nullable=False),
        sa.Column("refreshed_count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_publish_manifest_batch_id")
        ),
        sa.PrimaryKeyConstraint("batch_id", "table_name", name=op.f("pk_publish_manifest")),
        schema="kpi_core",
    )
    op.create_table(
        "publisher_lease",
        sa.Column("lease_name", sa.Text(), nullable=False),
        sa.Column("fencing_token", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("acquired_at", types.UtcTimestamp(), nullable=False),
        sa.Column("expires_at", types.UtcTimestamp(), nullable=False),
        sa.PrimaryKeyConstraint("lease_name", name=op.f("pk_publisher_lease")),
        schema="kpi_core",
    )
    op.create_table(
        "object_comment",
        sa.Column("schema_name", sa.Text(), nullable=False),
        sa.Column("object_name", sa.Text(), nullable=False),
        sa.Column("column_name", sa.Text(), nullable=False),
        sa.Column("object_kind", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.CheckConstraint("object_kind IN ('table', 'view')", name=op.f("ck_object_comment_object_kind")),
        sa.PrimaryKeyConstraint("schema_name", "object_name", "column_name", name=op.f("pk_object_comment")),
        schema="kpi_core",
    )
    op.create_table(
        "dim_date",
        sa.Column("date_key", sa.Date(), nullable=False),
        sa.Column("week_start", sa.Date(), nullable=False),
        sa.Column("month_start", sa.Date(), nullable=False),
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("year_start", sa.Date(), nullable=False),
        sa.Column("iso_week", sa.Text(), nullable=False),
        sa.Column("month_label", sa.Text(), nullable=False),
        sa.Column("quarter_label", sa.Text(), nullable=False),
        sa.Column("fiscal_month_start", sa.Date(), nullable=False),
        sa.Column("fiscal_month_label", sa.Text(), nullable=False),
        sa.Column("fiscal_quarter_start", sa.Date(), nullable=False),
        sa.Column("fiscal_quarter_label", sa.Text(), nullable=False),
        sa.Column("fiscal_year_start", sa.Date(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("day_of_week", sa.SmallInteger(), nullable=False),
        sa.Column("is_business_day", sa.Boolean(), nullable=False),
        sa.Column("is_holiday", sa.Boolean(), nullable=False),
        sa.Column("holiday_name", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("date_key", name=op.f("pk_dim_date")),
        schema="kpi_core",
    )
    op.create_table(
        "dim_team",
        sa.Column("team_key", sa.Text(), nullable=False),
        sa.Column("team_name", sa.Text(), nullable=False),
        sa.Column("parent_team_key", sa.Text(), nullable=True),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("lead_key", sa.Text(), nullable=True),
        sa.Column("business_function", sa.Text(), nullable=True),
        sa.Column("kpi_limit", sa.SmallInteger(), nullable=False),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "level IN ('company', 'department', 'team', 'individual')", name=op.f("ck_dim_team_level")
        ),
        sa.ForeignKeyConstraint(
            ["parent_team_key"], ["kpi_core.dim_team.team_key"], name=op.f("fk_dim_team_parent_team_key")
        ),
        sa.PrimaryKeyConstraint("team_key", name=op.f("pk_dim_team")),
        schema="kpi_core",
    )
    op.create_table(
        "dim_person",
        sa.Column("person_key", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("team_key", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["team_key"], ["kpi_core.dim_team.team_key"], name=op.f("fk_dim_person_team_key")
        ),
        sa.PrimaryKeyConstraint("person_key", name=op.f("pk_dim_person")),
        schema="kpi_core",
    )
    op.create_table(
        "person_role",
        sa.Column("person_key", sa.Text(), nullable=False),
        sa.Column("role_name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_key"], ["kpi_core.dim_person.person_key"], name=op.f("fk_person_role_person_key")
        ),
        sa.PrimaryKeyConstraint("person_key", "role_name", name=op.f("pk_person_role")),
        schema="kpi_core",
    )
    op.create_table(
        "metric",
        sa.Column("metric_id", sa.Text(), nullable=False),
        sa.Column("metric_name", sa.Text(), nullable=False),
        sa.Column("short_description", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("team_key", sa.Text(), nullable=False),
        sa.Column("owner_key", sa.Text(), nullable=False),
        sa.Column("hierarchy_level", sa.Text(), nullable=False),
        sa.Column("bsc_perspective", sa.Text(), nullable=False),
        sa.Column("indicator_type", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("unit_family", sa.Text(), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=True),
        sa.Column("display_format", sa.Text(), nullable=False),
        sa.Column("aggregation", sa.Text(), nullable=False),
        sa.Column("calculation_cadence", sa.Text(), nullable=False),
        sa.Column("review_cadence", sa.Text(), nullable=False),
        sa.Column("headline_grain", sa.Text(), nullable=False),
        sa.Column("is_actionable", sa.Boolean(), nullable=False),
        sa.Column("is_vanity", sa.Boolean(), nullable=False),
        sa.Column("lifecycle", sa.Text(), nullable=False),
        sa.Column("sensitivity", sa.Text(), nullable=False),
        sa.Column("current_version", sa.Integer(), nullable=False),
        sa.Column("focus_weight", types.Quantity(), nullable=False),
        sa.Column("band_low", types.Quantity(), nullable=True),
        sa.Column("band_high", types.Quantity(), nullable=True),
        sa.Column("suggested_actions", sa.Text(), nullable=True),
        sa.Column("replaced_by", sa.Text(), nullable=True),
        sa.Column("deprecated_date", sa.Date(), nullable=True),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "aggregation IN ('sum', 'last', 'ratio', 'mean', 'median', 'none')",
            name=op.f("ck_metric_aggregation"),
        ),
        sa.CheckConstraint(
            "bsc_perspective IN ('financial', 'customer', 'internal_process', 'learning_growth')",
            name=op.f("ck_metric_bsc_perspective"),
        ),
        sa.CheckConstraint("direction IN ('increase', 'decrease', 'band')", name=op.f("ck_metric_direction")),
        sa.CheckConstraint(
            "hierarchy_level IN ('north_star', 'supporting', 'operational')",
            name=op.f("ck_metric_hierarchy_level"),
        ),
        sa.CheckConstraint("indicator_type IN ('leading', 'lagging')", name=op.f("ck_metric_indicator_type")),
        sa.CheckConstraint(
            "lifecycle IN ('draft', 'review', 'certified', 'deprecated', 'retired')",
            name=op.f("ck_metric_lifecycle"),
        ),
        sa.CheckConstraint(
            "purpose IN ('maintenance', 'improvement', 'guardrail')", name=op.f("ck_metric_purpose")
        ),
        sa.CheckConstraint("sensitivity IN ('internal', 'restricted')", name=op.f("ck_metric_sensitivity")),
        sa.CheckConstraint(
            "unit_family <> 'currency' OR currency_code IS NOT NULL",
            name=op.f("ck_metric_money_has_currency"),
        ),
        sa.CheckConstraint(
            "unit_family IN ('currency', 'ratio', 'count', 'duration_seconds', 'score')",
            name=op.f("ck_metric_unit_family"),
        ),
        sa.CheckConstraint(
            "(band_low IS NULL) = (band_high IS NULL) AND band_low <= band_high OR band_low IS NULL",
            name=op.f("ck_metric_band_in_order"),
        ),
        sa.ForeignKeyConstraint(
            ["owner_key"], ["kpi_core.dim_person.person_key"], name=op.f("fk_metric_owner_key")
        ),
        sa.ForeignKeyConstraint(
            ["team_key"], ["kpi_core.dim_team.team_key"], name=op.f("fk_metric_team_key")
        ),
        sa.PrimaryKeyConstraint("metric_id", name=op.f("pk_metric")),
        schema="kpi_core",
    )
    op.create_index(
        "one_north_star",
        "metric",
        ["hierarchy_level"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("hierarchy_level = 'north_star' AND is_listed AND lifecycle <> 'retired'"),
        sqlite_where=sa.text("hierarchy_level = 'north_star' AND is_listed AND lifecycle <> 'retired'"),
    )
    op.create_table(
        "metric_audience",
        sa.Column("metric_id", sa.Text(), nullable=False),
        sa.Column("role_name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_metric_audience_metric_id")
        ),
        sa.PrimaryKeyConstraint("metric_id", "role_name", name=op.f("pk_metric_audience")),
        schema="kpi_core",
    )
    op.create_table(
        "metric_version",
        sa.Column("metric_version_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("metric_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("formula_text", sa.Text(), nullable=False),
        sa.Column("numerator_sql", sa.Text(), nullable=False),
        sa.Column("denominator_sql", sa.Text(), nullable=True),
        sa.Column("filters", sa.Text(), nullable=False),
        sa.Column("time_attribution", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("missing_policy", sa.Text(), nullable=False),
        sa.Column("source_systems", types.TextList(), nullable=False),
        sa.Column("source_tables", types.TextList(), nullable=False),
        sa.Column("segments", types.TextList(), nullable=False),
        sa.Column("minimum_sample", types.Quantity(), nullable=True),
        sa.Column("restatement_days", sa.Integer(), nullable=False),
        sa.Column("freshness_sla_seconds", sa.Integer(), nullable=False),
        sa.Column("known_pitfalls", sa.Text(), nullable=True),
        sa.Column("related_leading", types.TextList(), nullable=False),
        sa.Column("related_lagging", types.TextList(), nullable=False),
        sa.Column("definition_hash", sa.Text(), nullable=False),
        sa.Column("change_type", sa.Text(), nullable=False),
        sa.Column("change_reason", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("restate_from", sa.Date(), nullable=True),
        sa.Column("definition_file", sa.Text(), nullable=True),
        sa.Column("definition_line", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "change_type IN ('new', 'clarify', 'breaking', 'retire')",
            name=op.f("ck_metric_version_change_type"),
        ),
        sa.CheckConstraint(
            "missing_policy IN ('empty', 'zero', 'carry_forward')",
            name=op.f("ck_metric_version_missing_policy"),
        ),
        sa.CheckConstraint(
            "approved_by <> proposed_by", name=op.f("ck_metric_version_approver_is_not_proposer")
        ),
        sa.CheckConstraint("length(definition_hash) = 64", name=op.f("ck_metric_version_hash_is_sha256")),
        sa.CheckConstraint("valid_from <= valid_to", name=op.f("ck_metric_version_valid_in_order")),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_metric_version_metric_id")
        ),
        sa.PrimaryKeyConstraint("metric_version_key", name=op.f("pk_metric_version")),
        sa.UniqueConstraint(
            "metric_id", "metric_version_key", name=op.f("uq_metric_version_metric_id_metric_version_key")
        ),
        sa.UniqueConstraint(
            "metric_id",
            "version",
            "definition_hash",
            name=op.f("uq_metric_version_metric_id_version_definition_hash"),
        ),
        schema="kpi_core",
    )
    op.create_index(
        "one_current_metric_version",
        "metric_version",
        ["metric_id"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("is_current"),
        sqlite_where=sa.text("is_current"),
    )
    op.create_table(
        "metric_change",
        sa.Column("metric_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("change_type", sa.Text(), nullable=False),
        sa.Column("change_date", sa.Date(), nullable=False),
        sa.Column("change_reason", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("restate_from", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "change_type IN ('new', 'clarify', 'breaking', 'retire')",
            name=op.f("ck_metric_change_change_type"),
        ),
        sa.CheckConstraint(
            "approved_by <> proposed_by", name=op.f("ck_metric_change_approver_is_not_proposer")
        ),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_metric_change_metric_id")
        ),
        sa.PrimaryKeyConstraint("metric_id", "version", name=op.f("pk_metric_change")),
        schema="kpi_core",
    )
    op.create_table(
        "segment",
        sa.Column("segment_key", sa.Text(), nullable=False),
        sa.Column("segment_dimension", sa.Text(), nullable=False),
        sa.Column("segment_value", sa.Text(), nullable=False),
        sa.Column("is_total", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "is_total = (segment_dimension = '')", name=op.f("ck_segment_total_has_no_dimension")
        ),
        sa.PrimaryKeyConstraint("segment_key", name=op.f("pk_segment")),
        sa.UniqueConstraint(
            "segment_dimension", "segment_value", name=op.f("uq_segment_segment_dimension_segment_value")
        ),
        schema="kpi_core",
    )
    op.create_table(
        "metric_edge",
        sa.Column("parent_metric_id", sa.Text(), nullable=False),
        sa.Column("child_metric_id", sa.Text(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("child_order", sa.SmallInteger(), nullable=False),
        sa.Column("expected_sign", sa.SmallInteger(), nullable=False),
        sa.Column("lag_periods", sa.SmallInteger(), nullable=False),
        sa.Column("lag_grain", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "operator IN ('add', 'subtract', 'multiply', 'divide', 'influences')",
            name=op.f("ck_metric_edge_operator"),
        ),
        sa.CheckConstraint("expected_sign IN (-1, 1)", name=op.f("ck_metric_edge_sign")),
        sa.CheckConstraint("parent_metric_id <> child_metric_id", name=op.f("ck_metric_edge_no_loop")),
        sa.ForeignKeyConstraint(
            ["child_metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_metric_edge_child_metric_id")
        ),
        sa.ForeignKeyConstraint(
            ["parent_metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_metric_edge_parent_metric_id")
        ),
        sa.PrimaryKeyConstraint(
            "parent_metric_id", "child_metric_id", "operator", name=op.f("pk_metric_edge")
        ),
        schema="kpi_core",
    )
    op.create_table(
        "guardrail_pair",
        sa.Column("metric_id", sa.Text(), nullable=False),
        sa.Column("counter_metric_id", sa.Text(), nullable=False),
        sa.Column("rationale", sa.Text(), nullable=False),
        sa.Column("tolerance_pct", types.Quantity(), nullable=False),
        sa.ForeignKeyConstraint(
            ["counter_metric_id"],
            ["kpi_core.metric.metric_id"],
            name=op.f("fk_guardrail_pair_counter_metric_id"),
        ),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_guardrail_pair_metric_id")
        ),
        sa.PrimaryKeyConstraint("metric_id", "counter_metric_id", name=op.f("pk_guardrail_pair")),
        schema="kpi_core",
    )
    op.create_table(
        "benchmark",
        sa.Column("metric_id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("low", types.Quantity(), nullable=True),
        sa.Column("high", types.Quantity(), nullable=True),
        sa.Column("applies_to", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_benchmark_metric_id")
        ),
        sa.PrimaryKeyConstraint("metric_id", "label", name=op.f("pk_benchmark")),
        schema="kpi_core",
    )
    op.create_table(
        "target",
        sa.Column("target_key", types.SurrogateKey, autoincrement=True, nullable=False),
        sa.Column("metric_id", sa.Text(), nullable=False),
        sa.Column("period_grain", sa.Text(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("segment_key", sa.Text(), nullable=False),
        sa.Column("comparison", sa.Text(), nullable=False),
        sa.Column("target_value", types.Quantity(), nullable=True),
        sa.Column("stretch_value", types.Quantity(), nullable=True),
        sa.Column("band_low", types.Quantity(), nullable=True),
        sa.Column("band_high", types.Quantity(), nullable=True),
        sa.Column("floor_value", types.Quantity(), nullable=True),
        sa.Column("ceiling_value", types.Quantity(), nullable=True),
        sa.Column("amber_at", types.Quantity(), nullable=True),
        sa.Column("red_at", types.Quantity(), nullable=True),
        sa.Column("baseline_value", types.Quantity(), nullable=True),
        sa.Column("baseline_as_of", sa.Date(), nullable=True),
        sa.Column("target_spec", sa.Text(), nullable=False),
        sa.Column("spec_value", types.Quantity(), nullable=True),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_date", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_kind", sa.Text(), nullable=False),
        sa.Column("revision_reason", sa.Text(), nullable=True),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("batch_id", types.SurrogateKey, nullable=False),
        sa.Column("retired_batch_id", types.SurrogateKey, nullable=True),
        sa.CheckConstraint(
            "comparison <> 'between' OR (band_low IS NOT NULL AND band_high IS NOT NULL)",
            name=op.f("ck_target_between_has_band"),
        ),
        sa.CheckConstraint(
            "comparison = 'between' OR target_value IS NOT NULL", name=op.f("ck_target_has_target")
        ),
        sa.CheckConstraint(
            "comparison IN ('gte', 'gt', 'lte', 'lt', 'between')", name=op.f("ck_target_comparison")
        ),
        sa.CheckConstraint(
            "revision_kind IN ('first', 'returned', 'provisional_update', 'settled', 'restated', "
            "'redefined', 'retargeted', 'blocked', 'unblocked', 'changed', 'withdrawal')",
            name=op.f("ck_target_revision_kind"),
        ),
        sa.CheckConstraint(
            "target_spec IN ('absolute', 'relative_pct', 'delta_points')", name=op.f("ck_target_target_spec")
        ),
        sa.CheckConstraint(
            "band_low IS NULL OR band_high IS NULL OR band_low <= band_high",
            name=op.f("ck_target_band_in_order"),
        ),
        sa.CheckConstraint(
            "is_current = (retired_batch_id IS NULL)", name=op.f("ck_target_current_until_retired")
        ),
        sa.CheckConstraint("period_start <= period_end", name=op.f("ck_target_period_in_order")),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_target_revision_counts")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_target_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["kpi_core.metric.metric_id"], name=op.f("fk_target_metric_id")
        ),
        sa.ForeignKeyConstraint(
            ["retired_batch_id"], ["kpi_core.publish_batch.batch_id"], name=op.f("fk_target_retired_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["segment_key"], ["kpi_core.segment.segment_key"], name=op.f("fk_target_segment_key")
        ),
        sa.PrimaryKeyConstraint("target_key", name=op.f("pk_target")),
        schema="kpi_core",
    )
    op.create_index(
        "ix_target_retired",
        "target",
        ["metric_id", "period_grain", "period_start", "segment_key"],
        unique=False,
        schema="kpi_core",
        postgresql_where=sa.text("NOT is_current"),
        sqlite_where=sa.text("NOT is_current"),
    )
    op.create_index(
        "one_current_target",
        "target",
        ["metric_id", "period_grain", "period_start", "segment_key"],
        unique=True,
        schema="kpi_core",
        postgresql_where=sa.text("is_current"),
        sqlite_where=sa.text("is_current"),
    )


def downgrade() -> None:
    op.drop_table("target", schema="kpi_core")
    op.drop_table("benchmark", schema="kpi_core")
    op.drop_table("guardrail_pair", schema="kpi_core")
    op.drop_table("metric_edge", schema="kpi_core")
    op.drop_table("segment", schema="kpi_core")
    op.drop_table("metric_change", schema="kpi_core")
    op.drop_table("metric_version", schema="kpi_core")
    op.drop_table("metric_audience", schema="kpi_core")
    op.drop_table("metric", schema="kpi_core")
    op.drop_table("person_role", schema="kpi_core")
    op.drop_table("dim_person", schema="kpi_core")
    op.drop_table("dim_team", schema="kpi_core")
    op.drop_table("dim_date", schema="kpi_core")
    op.drop_table("object_comment", schema="kpi_core")
    op.drop_table("publisher_lease", schema="kpi_core")
    op.drop_table("publish_manifest", schema="kpi_core")
    op.drop_table("publish_batch", schema="kpi_core")
