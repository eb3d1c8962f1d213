"""Views of the dictionary: definitions and how they changed, the driver tree, targets, dimensions,
findings."""

from __future__ import annotations

from sqlalchemy import Table

from pipelines.publishing.schema import dim_date, dim_person, dim_team, metric, segment
from pipelines.publishing.views.model import View, ViewColumn, columns

METRIC_DICTIONARY = View(
    "metric_dictionary",
    "What every metric means: each definition that is or was in force. is_current marks the one in force.",
    columns(
        ("metric_version_key", "d.metric_version_key", "definition that values refer to"),
        ("metric_id", "d.metric_id", "the metric"),
        ("metric_name", "m.metric_name", "name for people"),
        ("version", "d.version", "version its people gave it"),
        ("definition", "d.definition", "what it means, in words"),
        ("formula_text", "d.formula_text", "formula, in words and names"),
        ("numerator_sql", "d.numerator_sql", "what is counted or summed"),
        ("denominator_sql", "d.denominator_sql", "what it is divided by"),
        ("filters", "d.filters", "which rows count"),
        ("time_attribution", "d.time_attribution", "the time that puts a row into a period"),
        ("time_zone", "d.time_zone", "zone in which periods begin and end"),
        ("missing_policy", "d.missing_policy", "what a gap means: empty (no data), zero or carry_forward"),
        ("source_systems", "d.source_systems", "systems it is computed from"),
        ("source_tables", "d.source_tables", "tables it is computed from"),
        ("segments", "d.segments", "dimensions it is segmented by"),
        ("minimum_sample", "d.minimum_sample", "rows below which no value is published"),
        ("restatement_days", "d.restatement_days", "days during which a period may still change"),
        ("freshness_sla_seconds", "d.freshness_sla_seconds", "how old its data may be"),
        ("known_pitfalls", "d.known_pitfalls", "how it misleads"),
        ("related_leading", "d.related_leading", "metrics that move before it"),
        ("related_lagging", "d.related_lagging", "metrics that move after it"),
        ("category", "m.category", "subject"),
        ("team_name", "t.team_name", "team that owns it"),
        ("owner_name", "p.display_name", "person accountable for it"),
        ("hierarchy_level", "m.hierarchy_level", "north_star, supporting or operational"),
        ("bsc_perspective", "m.bsc_perspective", "balanced scorecard perspective"),
        ("indicator_type", "m.indicator_type", "leading or lagging"),
        ("purpose", "m.purpose", "maintenance, improvement or guardrail"),
        ("direction", "m.direction", "which way is better"),
        ("unit", "m.unit", "unit of value"),
        ("display_format", "m.display_format", "how to show the value"),
        ("aggregation", "m.aggregation", "how values may be rolled up over periods"),
        ("calculation_cadence", "m.calculation_cadence", "how often it is calculated"),
        ("review_cadence", "m.review_cadence", "how often it is reviewed"),
        ("lifecycle", "m.lifecycle", "draft, review, certified, deprecated or retired"),
        ("sensitivity", "m.sensitivity", "internal or restricted"),
        ("replaced_by", "m.replaced_by", "successor of a deprecated metric"),
        ("deprecated_date", "m.deprecated_date", "last day on which a deprecated metric answers"),
        ("reviewed_date", "m.reviewed_date", "day of the last review of the definition"),
        ("reviewed_by", "m.reviewed_by", "who reviewed it"),
        ("review_due_date", "m.review_due_date", "day by which it is to be reviewed again"),
        ("definition_hash", "d.definition_hash", "hash over the normalised computation"),
        ("change_type", "d.change_type", "new, clarify, breaking or retire"),
        ("change_reason", "d.change_reason", "why it was changed"),
        ("approved_by", "d.approved_by", "who approved it"),
        ("valid_from", "d.valid_from", "first day in force"),
        ("valid_to", "d.valid_to", "first day no longer in force; 9999-12-31 while it is"),
        ("is_current", "d.is_current", "the definition in force"),
        ("definition_file", "d.definition_file", "file of the definition"),
        ("definition_line", "d.definition_line", "line in that file"),
    ),
    """FROM {core}metric_version AS d
JOIN {core}metric AS m ON m.metric_id = d.metric_id
JOIN {core}dim_team AS t ON t.team_key = m.team_key
JOIN {core}dim_person AS p ON p.person_key = m.owner_key""",
)

METRIC_CHANGES = View(
    "metric_changes",
    "The change log of the dictionary: what was changed, why, who proposed and who approved it.",
    columns(
        ("metric_id", "x.metric_id", "the metric"),
        ("metric_name", "m.metric_name", "name for people"),
        ("version", "x.version", "version after the change"),
        ("change_type", "x.change_type", "new, clarify, breaking or retire"),
        ("change_date", "x.change_date", "day it came into force"),
        ("change_reason", "x.change_reason", "why it was changed"),
        ("proposed_by", "x.proposed_by", "who proposed it"),
        ("approved_by", "x.approved_by", "who approved it"),
        ("restate_from", "x.restate_from", "periods were recomputed from here"),
        ("definition_before", "earlier.definition", "what it meant before, where that was published"),
        ("definition_after", "later.definition", "what it means since, where that was published"),
        ("formula_before", "earlier.formula_text", "formula before"),
        ("formula_after", "later.formula_text", "formula since"),
        ("definition_hash", "later.definition_hash", "hash over the normalised computation since"),
    ),
    """FROM {core}metric_change AS x
JOIN {core}metric AS m ON m.metric_id = x.metric_id
LEFT JOIN {core}metric_version AS later ON later.metric_version_key =
      (SELECT max(y.metric_version_key) FROM {core}metric_version AS y
       WHERE y.metric_id = x.metric_id AND y.version = x.version)
LEFT JOIN {core}metric_version AS earlier ON earlier.metric_version_key =
      (SELECT y.metric_version_key FROM {core}metric_version AS y
       WHERE y.metric_id = x.metric_id AND y.version < x.version
       ORDER BY y.version DESC, y.metric_version_key DESC LIMIT 1)""",
)

METRIC_TREE = View(
    "metric_tree",
    "The driver tree, one row per way from a root to a metric: indent by depth, sort by sort_path.",
    columns(
        ("root_metric_id", "w.root_metric_id", "metric at the top"),
        ("metric_id", "w.metric_id", "the metric"),
        ("metric_name", "m.metric_name", "name for people"),
        ("parent_metric_id", "w.parent_metric_id", "metric it drives; NULL at the top"),
        (
            "operator",
            "w.operator",
            "add, subtract, multiply, divide (arithmetic) or influences (correlation)",
        ),
        ("child_order", "w.child_order", "order among its siblings"),
        ("expected_sign", "w.expected_sign", "1 if both move together, -1 if against each other"),
        ("lag_periods", "w.lag_periods", "periods until an influence shows"),
        ("lag_grain", "w.lag_grain", "length of these periods"),
        ("depth", "w.depth", "0 at the top"),
        ("path", "w.path", "the way from the top, as in mrr > new_mrr"),
        ("sort_path", "w.sort_path", "sorts the tree as it is drawn"),
        ("value", "l.value", "current value; NULL for a restricted metric"),
        ("target_value", "l.target_value", "target"),
        (
            "status",
            "l.status",
            "green, amber, red, no_target, no_data or stale; NULL for a restricted metric",
        ),
        ("status_rank", "l.status_rank", "to sort by: red 1, amber 2, green 3"),
        ("trend", "l.trend", "improving, worsening or flat"),
        ("unit", "m.unit", "unit of value"),
        ("display_format", "m.display_format", "how to show the value"),
        ("contribution", "c.contribution", "its part of the parent's latest change, in the parent's unit"),
        ("contribution_share", "c.contribution_share", "the same as a fraction of the change"),
        ("contribution_period_start", "c.period_start", "period of that change"),
        ("contribution_method", "c.method", "additive, lmdi or shapley"),
        ("reconciles", "c.reconciles", "whether the parent equals its children within tolerance"),
    ),
    """FROM walk AS w
JOIN {core}metric AS m ON m.metric_id = w.metric_id
LEFT JOIN {kpi}kpi_latest AS l ON l.metric_id = w.metric_id
LEFT JOIN {core}metric AS parent ON parent.metric_id = w.parent_metric_id
LEFT JOIN {core}metric_contribution AS c ON c.metric_contribution_key =
      (SELECT x.metric_contribution_key FROM {core}metric_contribution AS x
       WHERE x.is_current AND x.parent_metric_id = w.parent_metric_id AND x.child_metric_id = w.metric_id
         AND x.segment_key = 'total' AND x.compare_to = 'previous_period'
         AND m.sensitivity = 'internal' AND parent.sensitivity = 'internal'
       ORDER BY CASE x.period_grain WHEN 'month' THEN 1 WHEN 'week' THEN 2 WHEN 'quarter' THEN 3 ELSE 4 END,
                x.period_start DESC LIMIT 1)""",
    prelude="""WITH RECURSIVE walk (root_metric_id, metric_id, parent_metric_id, operator, child_order, expected_sign,
                     lag_periods, lag_grain, depth, path, sort_path) AS (
  SELECT m.metric_id, m.metric_id, CAST(NULL AS text), CAST(NULL AS text), 0, 1, 0, CAST(NULL AS text), 0,
         m.metric_id, m.metric_id
  FROM {core}metric AS m
  WHERE m.is_listed AND NOT EXISTS (SELECT 1 FROM {core}metric_edge AS e WHERE e.child_metric_id = m.metric_id)
  UNION ALL
  SELECT w.root_metric_id, e.child_metric_id, e.parent_metric_id, e.operator, e.child_order, e.expected_sign,
         e.lag_periods, e.lag_grain, w.depth + 1, w.path || ' > ' || e.child_metric_id,
         w.sort_path || '/' || substr(CAST(1000 + e.child_order AS text), 2) || e.child_metric_id
  FROM walk AS w
  JOIN {core}metric_edge AS e ON e.parent_metric_id = w.metric_id
  WHERE w.depth < 12
    AND replace(' > ' || w.path || ' > ', ' > ' || e.child_metric_id || ' > ', '') = ' > ' || w.path || ' > '
)""",
)

TARGET_HISTORY = View(
    "target_history",
    "Targets by revision: what was agreed when, by whom and why.",
    columns(
        ("metric_id", "x.metric_id", "the metric"),
        ("metric_name", "m.metric_name", "name for people"),
        ("period_grain", "x.period_grain", "length of the period"),
        ("period_start", "x.period_start", "first day of the period"),
        ("period_end", "x.period_end", "last day of the period, inclusive"),
        ("segment_key", "x.segment_key", "segment, or total"),
        ("comparison", "x.comparison", "gte, gt, lte, lt or between"),
        ("target_value", "x.target_value", "value to reach"),
        ("stretch_value", "x.stretch_value", "value beyond the target"),
        ("band_low", "x.band_low", "lower end of the optimum"),
        ("band_high", "x.band_high", "upper end of the optimum"),
        ("amber_at", "x.amber_at", "worst value that is still amber"),
        ("red_at", "x.red_at", "critical from here, whatever the target"),
        ("baseline_value", "x.baseline_value", "value the target starts from"),
        ("set_by", "x.set_by", "who set it"),
        ("set_date", "x.set_date", "day it was set"),
        ("reason", "x.reason", "why it was set or changed"),
        ("revision", "x.revision", "1 for the first, one more for each change"),
        ("is_current", "x.is_current", "the target in force"),
        ("published_at", "b.published_at", "when it was published (UTC)"),
    ),
    """FROM {core}target AS x
JOIN {core}metric AS m ON m.metric_id = x.metric_id
JOIN {core}publish_batch AS b ON b.batch_id = x.batch_id
WHERE {visible}""",
    is_restrictable=True,
)

DEFINITION_FINDINGS = View(
    "definition_findings",
    "What the linter says about the dictionary now: what was found, where, and what to do.",
    columns(
        ("rule_id", "f.rule_id", "rule that was broken"),
        ("severity", "f.severity", "error, warning or note"),
        ("subject_kind", "f.subject_kind", "metric, objective, key_result, team, ..."),
        ("subject_id", "f.subject_id", "which one"),
        ("message", "f.message", "what was found"),
        ("advice", "f.advice", "what to do"),
        ("definition_file", "f.definition_file", "file"),
        ("definition_line", "f.definition_line", "line"),
        ("is_silenced", "f.is_silenced", "silenced in place"),
        ("silence_reason", "f.silence_reason", "the reason given"),
        ("found_at", "b.published_at", "when it was first found as it is (UTC)"),
    ),
    """FROM {core}definition_finding AS f
JOIN {core}publish_batch AS b ON b.batch_id = f.batch_id
WHERE f.is_current""",
)


def _passed_through(table: Table) -> View:
    through = tuple(ViewColumn(c.name, f"x.{c.name}", c.comment or "") for c in table.columns)
    return View(
        table.name, table.comment or "", through, f"FROM {{core}}{table.name} AS x", only_with_schemas=True
    )


DIMENSIONS = tuple(_passed_through(table) for table in (dim_date, dim_team, dim_person, metric, segment))

VIEWS = (METRIC_DICTIONARY, METRIC_CHANGES, METRIC_TREE, TARGET_HISTORY, DEFINITION_FINDINGS, *DIMENSIONS)
