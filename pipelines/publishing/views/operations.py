"""Views of trust: what was published, whether sources and checks are well, what is odd, who was told."""

from __future__ import annotations

from pipelines.publishing.views.model import View, columns

_BATCH = columns(
    ("batch_id", "b.batch_id", "counts up in the order of publication"),
    ("publication_id", "b.publication_id", "the publisher's own id"),
    ("batch_kind", "b.batch_kind", "publication, or withdrawal of an earlier batch"),
    ("state", "b.state", "published, or withdrawn by a later batch"),
    ("orchestrator_run_id", "b.orchestrator_run_id", "orchestrator's run that published"),
    ("code_version", "b.code_version", "version of the code"),
    ("data_through", "b.data_through", "last day whose data is complete in this batch"),
    ("started_at", "b.started_at", "when the publisher began (UTC)"),
    ("published_at", "b.published_at", "when readers began to see it (UTC)"),
    ("withdraws_batch_id", "b.withdraws_batch_id", "for a withdrawal: the batch it withdraws"),
    ("reason", "b.reason", "for a withdrawal: why"),
)

PUBLICATIONS = View(
    "publications", "Every publication and withdrawal, in order.", _BATCH, "FROM {core}publish_batch AS b"
)

CURRENT_PUBLICATION = View(
    "current_publication",
    "The publication that all views show: one row, none before the first.",
    _BATCH,
    "FROM {core}publish_batch AS b\nWHERE b.batch_id = (SELECT max(batch_id) FROM {core}publish_batch)",
)

PUBLICATION_MANIFEST = View(
    "publication_manifest",
    "Rows the current publication holds by base table: count them and compare.",
    columns(
        ("batch_id", "x.batch_id", "the current publication"),
        ("table_name", "x.table_name", "base table"),
        ("row_count", "x.row_count", "current rows in it"),
        ("inserted_count", "x.inserted_count", "rows the publication inserted"),
        ("revised_count", "x.revised_count", "of these, rows that replace an earlier one"),
        ("retired_count", "x.retired_count", "rows it retired"),
        ("refreshed_count", "x.refreshed_count", "rows whose derived columns it brought up to date"),
    ),
    "FROM {core}publish_manifest AS x\nWHERE x.batch_id = (SELECT max(batch_id) FROM {core}publish_batch)",
)

DATA_HEALTH = View(
    "data_health",
    "One row per source and asset: how current it is, how its last load went, how its checks did.",
    columns(
        ("source_system", "a.source_system", "system"),
        ("asset", "a.asset", "stream or table"),
        ("health", "CASE WHEN f.error IS NOT NULL OR q.errors_failed > 0 THEN 'red' "
            "WHEN f.is_late OR q.warnings_failed > 0 OR f.rows_quarantined > 0 THEN 'amber' ELSE 'green' END",
            "red: an error; amber: late, a warning, or rows put aside; green otherwise"),
        ("last_success_at", "f.last_success_at", "last load that succeeded (UTC)"),
        ("last_attempt_at", "f.last_attempt_at", "last load that was tried (UTC)"),
        ("data_through_at", "f.data_through_at", "instant up to which it is complete (UTC)"),
        ("sla_seconds", "f.sla_seconds", "how old it may be"),
        ("is_late", "f.is_late", "older than it may be"),
        ("rows_last_run", "f.rows_last_run", "rows the last load brought"),
        ("rows_quarantined", "f.rows_quarantined", "rows that broke the contract and were put aside"),
        ("lateness_seconds", "f.lateness_seconds", "how late rows arrived at most"),
        ("quota_used", "f.quota_used", "share of the vendor's quota used, 0 to 1"),
        ("drift", "f.drift", "fields that appeared, vanished or changed type"),
        ("error", "f.error", "what went wrong last"),
        ("checks_total", "COALESCE(q.checks_total, 0)", "checks on it"),
        ("checks_failed", "COALESCE(q.errors_failed + q.warnings_failed, 0)", "of these failed"),
        ("errors_failed", "COALESCE(q.errors_failed, 0)", "of these errors: metrics are held back"),
        ("warnings_failed", "COALESCE(q.warnings_failed, 0)", "of these warnings: published with a flag"),
        ("last_checked_at", "q.last_checked_at", "when it was last checked (UTC)"),
    ),
    """FROM (SELECT source_system, asset FROM {core}freshness WHERE is_current
      UNION SELECT source_system, asset FROM {core}data_quality_result WHERE is_current) AS a
LEFT JOIN {core}freshness AS f
  ON f.is_current AND f.source_system = a.source_system AND f.asset = a.asset
LEFT JOIN (SELECT source_system, asset, count(*) AS checks_total, max(checked_at) AS last_checked_at,
                  sum(CASE WHEN NOT passed AND severity = 'error' THEN 1 ELSE 0 END) AS errors_failed,
                  sum(CASE WHEN NOT passed AND severity = 'warn' THEN 1 ELSE 0 END) AS warnings_failed
           FROM {core}data_quality_result WHERE is_current GROUP BY source_system, asset) AS q
  ON q.source_system = a.source_system AND q.asset = a.asset""",
)  # fmt: skip

CHECK_RESULTS = View(
    "check_results",
    "The latest result of every check.",
    columns(
        ("check_id", "q.check_id", "the check"),
        ("asset", "q.asset", "table or frame it looked at"),
        ("source_system", "q.source_system", "system the asset is from"),
        ("dimension", "q.dimension", "freshness, completeness, uniqueness, validity, consistency, reconciliation, "
            "volume or schema"),
        ("severity", "q.severity", "warn (published with a flag) or error (held back)"),
        ("passed", "q.passed", "whether it passed"),
        ("rows_checked", "q.rows_checked", "rows it looked at"),
        ("rows_failed", "q.rows_failed", "rows that broke it"),
        ("observed", "q.observed", "number it saw"),
        ("threshold", "q.threshold", "number it was held against"),
        ("message", "q.message", "the result in words"),
        ("blocks_publish", "q.blocks_publish", "a failed error holds everything, not only its metrics"),
        ("metric_ids", "q.metric_ids", "metrics that rest on it"),
        ("checked_at", "q.checked_at", "when it ran (UTC)"),
        ("batch_id", "q.batch_id", "batch it belongs to"),
    ),
    "FROM {core}data_quality_result AS q\nWHERE q.is_current",
)  # fmt: skip

BLOCKED_METRICS = View(
    "blocked_metrics",
    "Metrics held back now: a check failed, and their last good values stay published.",
    columns(
        ("metric_id", "x.metric_id", "the metric"),
        ("metric_name", "m.metric_name", "name for people"),
        ("owner_name", "p.display_name", "person accountable for it"),
        ("reason", "x.reason", "which check failed, and how"),
        ("check_id", "x.check_id", "the check"),
        ("blocked_at", "x.blocked_at", "when it was first held back (UTC)"),
    ),
    """FROM {core}blocked_metric AS x
JOIN {core}metric AS m ON m.metric_id = x.metric_id
JOIN {core}dim_person AS p ON p.person_key = m.owner_key
WHERE x.is_current""",
)

_FEEDBACK = """(SELECT g.verdict FROM {input}anomaly_feedback AS g
         WHERE g.metric_id = a.metric_id AND (g.segment_key IS NULL OR g.segment_key = a.segment_key)
           AND a.period_start BETWEEN g.start_date AND g.end_date
         ORDER BY g.anomaly_feedback_id DESC LIMIT 1)"""

OPEN_ANOMALIES = View(
    "open_anomalies",
    "Flags that nobody has explained yet; what people marked as expected or false is left out.",
    columns(
        ("anomaly_key", "a.anomaly_key", "the flag"),
        ("metric_id", "a.metric_id", "the metric"),
        ("metric_name", "m.metric_name", "name for people"),
        ("team_key", "m.team_key", "team that owns it"),
        ("team_name", "t.team_name", "name of that team"),
        ("owner_name", "p.display_name", "person accountable for it"),
        ("period_grain", "a.period_grain", "grain"),
        ("period_start", "a.period_start", "period that is flagged"),
        ("segment_key", "a.segment_key", "segment, or total"),
        ("segment_dimension", "s.segment_dimension", "dimension; empty for the total"),
        ("segment_value", "s.segment_value", "value; empty for the total"),
        ("kind", "a.kind", "point, level_shift, trend, streak, missing or below_baseline"),
        ("severity", "a.severity", "info, warning or critical"),
        ("severity_rank", "CASE a.severity WHEN 'critical' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END",
            "to sort by: critical 1, warning 2, info 3"),
        ("effect", "a.effect", "favourable, unfavourable or neutral"),
        ("observed", "a.observed", "value seen; NULL where it is missing"),
        ("expected", "a.expected", "value expected"),
        ("lower_bound", "a.lower_bound", "lower end of the expected range"),
        ("upper_bound", "a.upper_bound", "upper end of the expected range"),
        ("score", "a.score", "how far outside, in robust standard deviations"),
        ("unit", "m.unit", "unit of these values"),
        ("display_format", "m.display_format", "how to show them"),
        ("explanation", "a.explanation", "the same in words"),
        ("suggested_action", "a.suggested_action", "what to do first"),
        ("root_cause", "a.root_cause", "segments and drivers that carry the change, as JSON"),
        ("state", "COALESCE(" + _FEEDBACK + ", a.state)", "open or acknowledged"),
        ("detector", "a.detector", "detector that flagged it"),
        ("detector_version", "a.detector_version", "its version"),
        ("flagged_at", "b.published_at", "when it was published (UTC)"),
    ),
    f"""FROM {{core}}anomaly AS a
JOIN {{core}}metric AS m ON m.metric_id = a.metric_id
JOIN {{core}}dim_team AS t ON t.team_key = m.team_key
JOIN {{core}}dim_person AS p ON p.person_key = m.owner_key
JOIN {{core}}segment AS s ON s.segment_key = a.segment_key
JOIN {{core}}publish_batch AS b ON b.batch_id = a.batch_id
WHERE a.is_current AND a.state IN ('open', 'acknowledged')
  AND COALESCE({_FEEDBACK}, a.state) IN ('open', 'acknowledged') AND {{visible}}""",
    is_restrictable=True,
)  # fmt: skip

ALERT_HISTORY = View(
    "alert_history",
    "Every alert by recipient and channel: what, to whom, when, and why not where it was not sent.",
    columns(
        ("alert_key", "x.alert_key", "in order of decision"),
        ("alert_type", "x.alert_type", "anomaly, check_failed, late, red_line, key_result, ..."),
        ("notice", "x.notice", "firing, worsened, reminder, escalation, resolved or event"),
        ("subject_kind", "x.subject_kind", "metric, key_result, source, check, job, batch or team"),
        ("subject_id", "x.subject_id", "which one"),
        ("severity", "x.severity", "info, warning or critical"),
        ("recipient", "x.recipient", "whom it is for"),
        ("channel", "x.channel", "over which channel"),
        ("delivery_state", "x.delivery_state", "queued, sent, failed (given up) or suppressed"),
        ("reason", "x.reason", "why it was queued or suppressed"),
        ("suppressed_by", "x.suppressed_by", "silence, inhibiting alert or message it was joined to"),
        ("message", "CASE WHEN x.is_restricted THEN 'restricted' ELSE x.message END", "one line for people"),
        ("created_at", "x.created_at", "when it was decided (UTC)"),
        ("sent_at", "x.sent_at", "when it was delivered (UTC)"),
        ("attempts", "x.attempts", "deliveries begun"),
        ("next_try_at", "x.next_try_at", "when it is tried next (UTC)"),
        ("last_error", "x.last_error", "why the last try failed"),
        ("acknowledged_at", "x.acknowledged_at", "when somebody took it on (UTC)"),
        ("acknowledged_by", "x.acknowledged_by", "who"),
        ("episode", "x.episode", "what it is about, and which time round"),
        ("batch_id", "x.batch_id", "publication that raised it"),
    ),
    "FROM {core}alert_log AS x",
)

PUBLISHED_COLUMNS = View(
    "published_columns",
    "What every published table, view and column means.",
    columns(
        ("object_name", "x.object_name", "table or view"),
        ("object_kind", "x.object_kind", "table or view"),
        ("schema_name", "x.schema_name", "schema on PostgreSQL"),
        ("column_name", "x.column_name", "column; empty for the object itself"),
        ("position", "x.position", "position of the column; 0 for the object itself"),
        ("description", "x.description", "what it means"),
    ),
    "FROM {core}object_comment AS x",
)

VIEWS = (
    PUBLICATIONS,
    CURRENT_PUBLICATION,
    PUBLICATION_MANIFEST,
    DATA_HEALTH,
    CHECK_RESULTS,
    BLOCKED_METRICS,
    OPEN_ANOMALIES,
    ALERT_HISTORY,
    PUBLISHED_COLUMNS,
)
