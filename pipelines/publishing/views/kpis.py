"""Views of KPI values: one per grain, with and without segments, the latest values, and what derives from
them.

Totals and segments are never in one view; a ratio has its numerator and denominator on every row. Source:
publication rules, decisions 5 to 9.
"""

from __future__ import annotations

from pipelines.publishing.views.model import View, columns

METRIC = columns(
    ("metric_id", "m.metric_id", "name in the dictionary: the key of relationships"),
    ("metric_name", "m.metric_name", "name for people"),
    ("category", "m.category", "subject, such as sales or support"),
    ("team_key", "m.team_key", "team that owns the metric; joins dim_team"),
    ("team_name", "t.team_name", "name of that team"),
    ("owner_name", "p.display_name", "person accountable for the metric"),
    ("hierarchy_level", "m.hierarchy_level", "north_star, supporting or operational"),
    ("bsc_perspective", "m.bsc_perspective", "balanced scorecard perspective"),
    ("indicator_type", "m.indicator_type", "leading (moves first) or lagging (the outcome)"),
    ("direction", "m.direction", "which way is better: increase, decrease, or inside a band"),
    ("unit", "m.unit", "unit of value, as people say it"),
    ("unit_family", "m.unit_family", "currency, ratio (a fraction), count, duration_seconds or score"),
    ("currency_code", "m.currency_code", "ISO 4217 code of money"),
    ("display_format", "m.display_format", "how to show the value, such as 0.0%"),
    ("aggregation", "m.aggregation", "how values may be rolled up over periods: sum, last, ratio (add numerators and "
        "denominators, then divide), mean, median or none"),
)  # fmt: skip

STATUS_RANK = (
    "CASE {status} WHEN 'red' THEN 1 WHEN 'amber' THEN 2 WHEN 'green' THEN 3 WHEN 'no_target' THEN 4 "
    "WHEN 'stale' THEN 5 ELSE 6 END"
)


def status_rank(status: str) -> str:
    """SQL for the sort order of a status: red 1, amber 2, green 3, no_target 4, stale 5, no_data 6."""
    return STATUS_RANK.format(status=status)


VALUE = columns(
    (
        "value",
        "v.value",
        "value in the metric's unit; NULL when value_state says there is none; NULL is not zero",
    ),
    ("numerator", "v.numerator", "numerator of a ratio"),
    ("denominator", "v.denominator", "denominator of a ratio"),
    ("sample_size", "v.sample_size", "rows behind the value"),
    ("target_value", "v.target_value", "target in force for the period"),
    ("attainment", "v.attainment", "value against target, 1 = reached, by the metric's direction"),
    ("status", "v.status", "green, amber, red, no_target, no_data or stale"),
    (
        "status_rank",
        status_rank("v.status"),
        "to sort by: red 1, amber 2, green 3, no_target 4, stale 5, no_data 6",
    ),
    ("trend", "v.trend", "improving, worsening or flat over the last complete periods"),
    ("previous_value", "v.previous_value", "value of the period before"),
    ("change_abs", "v.change_abs", "value minus previous_value"),
    ("change_pct", "v.change_pct", "change_abs over |previous_value|, as a fraction"),
    ("same_period_last_year", "v.same_period_last_year", "value of the same period a year before"),
    (
        "value_state",
        "v.value_state",
        "final, provisional (still changing), no_data, insufficient_sample or blocked",
    ),
    ("state_reason", "v.state_reason", "why there is no value, or why it may still change"),
    (
        "last_good_value",
        "v.last_good_value",
        "for a blocked row: the value published before the check failed",
    ),
    ("revision", "v.revision", "1 for the first publication of this period, one more for each change"),
    ("computed_at", "b.published_at", "when this revision was published (UTC)"),
    ("metric_version_key", "v.metric_version_key", "definition it was computed by; joins metric_dictionary"),
)
SEGMENT = columns(
    ("segment_key", "v.segment_key", "dimension=value; joins segment"),
    ("segment_dimension", "s.segment_dimension", "dimension; declared pairs are joined with |"),
    ("segment_value", "s.segment_value", "value; (unknown) for rows without a match"),
)
PERIOD_END = columns(
    ("period_start", "v.period_start", "first day of the period"),
    ("period_end", "v.period_end", "last day of the period, inclusive"),
)

_JOINS = """\
FROM {{core}}kpi_value AS v
JOIN {{core}}metric AS m ON m.metric_id = v.metric_id
JOIN {{core}}dim_team AS t ON t.team_key = m.team_key
JOIN {{core}}dim_person AS p ON p.person_key = m.owner_key
JOIN {{core}}publish_batch AS b ON b.batch_id = v.batch_id
{segment_join}WHERE v.is_current AND {grain} AND v.segment_key {segment_test} 'total' AND {{visible}}"""


def _by_grain(name: str, grain: str, noun: str, start: str) -> tuple[View, View]:
    key = columns((start, "v.period_start", f"first day of the {noun}"))
    if grain == "trailing":
        key = columns(("period_grain", "v.period_grain", "length of the window: trailing_<n>d"))
        condition = "substr(v.period_grain, 1, 9) = 'trailing_'"
    else:
        condition = f"v.period_grain = '{grain}'"
    warning = "Never add value up over periods unless aggregation = 'sum'."
    total = View(
        name,
        f"One row per metric and {noun}, company total only. {warning}",
        METRIC + key + PERIOD_END + VALUE,
        _JOINS.format(grain=condition, segment_join="", segment_test="="),
        is_restrictable=True,
    )
    segmented = View(
        f"{name}_by_segment",
        f"One row per metric, {noun} and segment, without the total. Segments of different dimensions overlap: "
        f"never add them up. {warning}",
        METRIC + SEGMENT + key + PERIOD_END + VALUE,
        _JOINS.format(
            grain=condition,
            segment_join="JOIN {core}segment AS s ON s.segment_key = v.segment_key\n",
            segment_test="<>",
        ),
        is_restrictable=True,
    )
    return total, segmented


BY_GRAIN = (
    *_by_grain("kpi_daily", "day", "day", "day_start"),
    *_by_grain("kpi_weekly", "week", "week", "week_start"),
    *_by_grain("kpi_monthly", "month", "month", "month_start"),
    *_by_grain("kpi_quarterly", "quarter", "quarter", "quarter_start"),
    *_by_grain("kpi_yearly", "year", "year", "year_start"),
    *_by_grain("kpi_trailing", "trailing", "trailing window", "period_start"),
)

_ONE_VALUE = """(SELECT x.kpi_value_key FROM {{core}}kpi_value AS x
         WHERE x.is_current AND x.metric_id = m.metric_id AND x.segment_key = 'total'{condition}
         ORDER BY {order}x.period_start DESC LIMIT 1)"""
_ANY_GRAIN = (
    "CASE x.period_grain WHEN 'month' THEN 1 WHEN 'week' THEN 2 WHEN 'quarter' THEN 3 WHEN 'day' THEN 4 "
    "WHEN 'year' THEN 5 ELSE 0 END, "
)
_COMPLETE = " AND x.period_end <= now_published.data_through"
_HEADLINE = " AND x.period_grain = m.headline_grain"

KPI_LATEST = View(
    "kpi_latest",
    "One row per metric: where it stands. The last complete period of its headline grain (the running one where "
    "there is no complete one yet). Metrics without any value are listed with value_state no_data.",
    METRIC
    + columns(
        ("period_grain", "COALESCE(v.period_grain, m.headline_grain)", "grain of the period shown"),
        ("period_start", "v.period_start", "first day of the period shown"),
        ("period_end", "v.period_end", "last day of the period shown, inclusive"),
        ("as_of_date", "v.period_end", "day the value is as of"),
        ("value", "v.value", "current value; NULL when value_state says there is none; NULL is not zero"),
        ("numerator", "v.numerator", "numerator of a ratio"),
        ("denominator", "v.denominator", "denominator of a ratio"),
        ("sample_size", "v.sample_size", "rows behind the value"),
        ("target_value", "v.target_value", "target in force for the period"),
        ("attainment", "v.attainment", "value against target, 1 = reached, by the metric's direction"),
        ("status", "COALESCE(v.status, 'no_data')", "green, amber, red, no_target, no_data or stale"),
        ("status_rank", status_rank("COALESCE(v.status, 'no_data')"),
            "to sort by: red 1, amber 2, green 3, no_target 4, stale 5, no_data 6"),
        ("trend", "v.trend", "improving, worsening or flat over the last complete periods"),
        ("previous_value", "v.previous_value", "value of the period before"),
        ("change_abs", "v.change_abs", "value minus previous_value"),
        ("change_pct", "v.change_pct", "change_abs over |previous_value|, as a fraction"),
        ("same_period_last_year", "v.same_period_last_year", "value of the same period a year before"),
        ("value_state", "COALESCE(v.value_state, 'no_data')",
            "final, provisional (still changing), no_data, insufficient_sample or blocked"),
        ("state_reason", "CASE WHEN v.kpi_value_key IS NULL THEN COALESCE(blocked.reason, 'nothing published yet') "
            "ELSE v.state_reason END",
            "why there is no value, or why it may still change"),
        ("is_blocked", "CASE WHEN blocked.metric_id IS NULL THEN FALSE ELSE TRUE END",
            "a check failed: new values are held back and the last good ones stay"),
        ("blocked_reason", "blocked.reason", "which check failed, and how"),
        ("last_good_value", """COALESCE(v.value, v.last_good_value,
         (SELECT x.value FROM {core}kpi_value AS x
          WHERE x.is_current AND x.metric_id = v.metric_id AND x.period_grain = v.period_grain
            AND x.segment_key = 'total' AND x.value IS NOT NULL AND x.period_start < v.period_start
          ORDER BY x.period_start DESC LIMIT 1))""",
            "newest value that passed its checks: value itself unless there is none"),
        ("lifecycle", "m.lifecycle", "draft, review, certified, deprecated or retired"),
        ("is_actionable", "m.is_actionable", "somebody can act on it"),
        ("review_cadence", "m.review_cadence", "how often the metric is reviewed"),
        ("computed_at", "b.published_at", "when this value was published (UTC)"),
        ("metric_version_key", "v.metric_version_key", "definition it was computed by; joins metric_dictionary"),
        ("band_low", "m.band_low", "lower end of the optimum, of a metric whose direction is inside of a band"),
        ("band_high", "m.band_high", "upper end of the optimum, of a metric whose direction is inside of a band"),
    ),
    f"""FROM {{core}}metric AS m
JOIN {{core}}dim_team AS t ON t.team_key = m.team_key
JOIN {{core}}dim_person AS p ON p.person_key = m.owner_key
JOIN {{core}}publish_batch AS now_published
  ON now_published.batch_id = (SELECT max(batch_id) FROM {{core}}publish_batch)
LEFT JOIN {{core}}kpi_value AS v ON v.kpi_value_key = COALESCE(
        {_ONE_VALUE.format(condition=_HEADLINE + _COMPLETE, order="").format(core="{core}")},
        {_ONE_VALUE.format(condition=_HEADLINE, order="").format(core="{core}")},
        {_ONE_VALUE.format(condition=_COMPLETE, order=_ANY_GRAIN).format(core="{core}")},
        {_ONE_VALUE.format(condition="", order=_ANY_GRAIN).format(core="{core}")})
LEFT JOIN {{core}}publish_batch AS b ON b.batch_id = v.batch_id
LEFT JOIN {{core}}blocked_metric AS blocked ON blocked.metric_id = m.metric_id AND blocked.is_current
WHERE m.is_listed AND {{visible}}""",
    is_restrictable=True,
)  # fmt: skip


def _filtered(name: str, comment: str, source: str, condition: str) -> View:
    parent = next(view for view in BY_GRAIN if view.name == source)
    through = tuple((column.name, f"x.{column.name}", column.comment) for column in parent.columns)
    return View(name, comment, columns(*through), f"FROM {{kpi}}{source} AS x\nWHERE {condition}")


LEADING_WEEKLY = _filtered(
    "leading_weekly",
    "Leading indicators by week: what moves first, for the weekly review.",
    "kpi_weekly",
    "x.indicator_type = 'leading'",
)
LAGGING_MONTHLY = _filtered(
    "lagging_monthly",
    "Lagging indicators by month: the outcomes, for the monthly review.",
    "kpi_monthly",
    "x.indicator_type = 'lagging'",
)

BALANCED_SCORECARD = View(
    "balanced_scorecard",
    "The balanced scorecard: metrics by perspective with where they stand, and how each perspective does as a whole.",
    columns(
        ("bsc_perspective", "x.bsc_perspective", "financial, customer, internal_process or learning_growth"),
        ("perspective_rank", "CASE x.bsc_perspective WHEN 'financial' THEN 1 WHEN 'customer' THEN 2 "
            "WHEN 'internal_process' THEN 3 ELSE 4 END", "order of the perspectives"),
        ("metric_id", "x.metric_id", "the metric"),
        ("metric_name", "x.metric_name", "name for people"),
        ("team_name", "x.team_name", "team that owns it"),
        ("owner_name", "x.owner_name", "person accountable for it"),
        ("hierarchy_level", "x.hierarchy_level", "north_star, supporting or operational"),
        ("indicator_type", "x.indicator_type", "leading or lagging"),
        ("unit", "x.unit", "unit of value"),
        ("display_format", "x.display_format", "how to show the value"),
        ("value", "x.value", "current value; NULL is unknown"),
        ("target_value", "x.target_value", "target"),
        ("attainment", "x.attainment", "value against target, 1 = reached"),
        ("status", "x.status", "green, amber, red, no_target, no_data or stale"),
        ("status_rank", "x.status_rank", "to sort by: red 1, amber 2, green 3"),
        ("trend", "x.trend", "improving, worsening or flat"),
        ("as_of_date", "x.as_of_date", "day the value is as of"),
        ("perspective_metrics", "count(*) OVER (PARTITION BY x.bsc_perspective)", "metrics in the perspective"),
        ("perspective_green", "sum(CASE x.status WHEN 'green' THEN 1 ELSE 0 END) "
            "OVER (PARTITION BY x.bsc_perspective)", "of these green"),
        ("perspective_amber", "sum(CASE x.status WHEN 'amber' THEN 1 ELSE 0 END) "
            "OVER (PARTITION BY x.bsc_perspective)", "of these amber"),
        ("perspective_red", "sum(CASE x.status WHEN 'red' THEN 1 ELSE 0 END) "
            "OVER (PARTITION BY x.bsc_perspective)", "of these red"),
    ),
    "FROM {kpi}kpi_latest AS x\nWHERE x.lifecycle <> 'retired'",
)  # fmt: skip

_CLAMPED = "CASE WHEN x.attainment < 0 THEN 0 WHEN x.attainment > 1 THEN 1 ELSE x.attainment END"
_GAP = f"(1 - ({_CLAMPED}))"

FOCUS_CANDIDATES = View(
    "focus_candidates",
    "Metrics worth working on next: weight x (1 - attainment)^2 over those somebody can act on and whose data is "
    "good. The higher focus_score, the more there is to gain.",
    columns(
        ("focus_rank", "row_number() OVER (ORDER BY w.focus_weight * x.gap * x.gap DESC, x.metric_id)", "1 is first"),
        ("focus_score", "w.focus_weight * x.gap * x.gap", "weight x (1 - attainment)^2"),
        ("metric_id", "x.metric_id", "the metric"),
        ("metric_name", "x.metric_name", "name for people"),
        ("team_key", "x.team_key", "team that owns it"),
        ("team_name", "x.team_name", "name of that team"),
        ("owner_name", "x.owner_name", "person accountable for it"),
        ("focus_weight", "w.focus_weight", "weight of the metric"),
        ("attainment", "x.attainment", "value against target, 1 = reached"),
        ("value", "x.value", "current value"),
        ("target_value", "x.target_value", "target"),
        ("unit", "x.unit", "unit of value"),
        ("display_format", "x.display_format", "how to show the value"),
        ("status", "x.status", "amber or red, mostly"),
        ("status_rank", "x.status_rank", "to sort by: red 1, amber 2, green 3"),
        ("trend", "x.trend", "improving, worsening or flat"),
        ("as_of_date", "x.as_of_date", "day the value is as of"),
        ("suggested_actions", "w.suggested_actions", "what to try first, one per line"),
    ),
    f"""FROM (SELECT x.*, {_GAP} AS gap FROM {{kpi}}kpi_latest AS x
      WHERE x.attainment IS NOT NULL AND x.is_actionable AND NOT x.is_blocked AND x.value IS NOT NULL
        AND x.status IN ('red', 'amber', 'green') AND x.lifecycle <> 'retired') AS x
JOIN {{core}}metric AS w ON w.metric_id = x.metric_id
WHERE x.gap > 0""",
)  # fmt: skip

RESTATEMENTS = View(
    "restatements",
    "Published values that were changed afterwards, with both numbers and the reason.",
    columns(
        ("metric_id", "m.metric_id", "the metric"),
        ("metric_name", "m.metric_name", "name for people"),
        ("period_grain", "v.period_grain", "grain"),
        ("period_start", "v.period_start", "first day of the period"),
        ("period_end", "v.period_end", "last day of the period, inclusive"),
        ("segment_key", "v.segment_key", "segment, or total"),
        ("revision", "v.revision", "number of the later revision"),
        ("revision_kind", "v.revision_kind", "restated (new data), redefined (new definition) or withdrawal"),
        ("revision_reason", "v.revision_reason", "why it was changed"),
        ("value_before", "earlier.value", "value published before"),
        ("value_after", "v.value", "value published then"),
        ("published_at", "b.published_at", "when it was changed (UTC)"),
        ("batch_id", "v.batch_id", "batch that changed it"),
    ),
    """FROM {core}kpi_value AS v
JOIN {core}kpi_value AS earlier
  ON earlier.metric_id = v.metric_id AND earlier.period_grain = v.period_grain
 AND earlier.segment_key = v.segment_key AND earlier.period_start = v.period_start
 AND earlier.retired_batch_id = v.batch_id AND NOT earlier.is_current
JOIN {core}metric AS m ON m.metric_id = v.metric_id
JOIN {core}publish_batch AS b ON b.batch_id = v.batch_id
WHERE v.revision > 1 AND v.revision_kind IN ('restated', 'redefined', 'withdrawal') AND {visible}""",
    is_restrictable=True,
)

METRIC_CONTRIBUTIONS = View(
    "metric_contributions",
    "What each child of the driver tree contributes to its parent's change. The rows of one change add up exactly.",
    columns(
        ("parent_metric_id", "c.parent_metric_id", "metric that changed"),
        ("parent_metric_name", "m.metric_name", "its name"),
        (
            "child_metric_id",
            "c.child_metric_id",
            "metric that contributes; the parent itself for the unexplained rest",
        ),
        ("child_metric_name", "child.metric_name", "its name"),
        ("period_grain", "c.period_grain", "grain"),
        ("period_start", "c.period_start", "period of the change"),
        ("compare_to", "c.compare_to", "previous_period, target, last_year or baseline"),
        ("segment_key", "c.segment_key", "segment, or total"),
        ("child_value", "c.child_value", "the child's value"),
        ("child_compare_value", "c.child_compare_value", "the child's value in the comparison"),
        ("contribution", "c.contribution", "its part of the parent's change, in the parent's unit"),
        ("contribution_share", "c.contribution_share", "the same as a fraction of the change"),
        ("method", "c.method", "additive, lmdi, shapley or unexplained"),
        ("reconciles", "c.reconciles", "whether the parent equals its children within tolerance"),
    ),
    """FROM {core}metric_contribution AS c
JOIN {core}metric AS m ON m.metric_id = c.parent_metric_id
JOIN {core}metric AS child ON child.metric_id = c.child_metric_id
WHERE c.is_current AND m.sensitivity = 'internal' AND child.sensitivity = 'internal'""",
)

VIEWS = (
    *BY_GRAIN,
    KPI_LATEST,
    LEADING_WEEKLY,
    LAGGING_MONTHLY,
    BALANCED_SCORECARD,
    FOCUS_CANDIDATES,
    RESTATEMENTS,
    METRIC_CONTRIBUTIONS,
)
