"""Whether the numbers can be trusted, and who was told: checks, freshness, lint findings, alerts."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, Table, Text, UniqueConstraint, false, text

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
from pipelines.publishing.types import JsonText, Quantity, SurrogateKey, TextList, UtcTimestamp

DIMENSIONS = (
    "freshness",
    "completeness",
    "uniqueness",
    "validity",
    "consistency",
    "reconciliation",
    "volume",
    "schema",
)
ALERT_SEVERITIES = ("info", "warning", "critical")
DELIVERY_STATES = ("queued", "sent", "failed", "suppressed")

data_quality_result = Table(
    "data_quality_result",
    metadata,
    key("dq_result_key", "key of one result"),
    col("check_id", Text(), comment="the check"),
    col("asset", Text(), comment="table or frame it looked at"),
    col("source_system", Text(), comment="system the asset is from"),
    col("metric_ids", TextList(), comment="metrics that rest on it"),
    col("dimension", Text(), comment="freshness, completeness, uniqueness, validity, consistency, "
        "reconciliation, volume or schema"),
    col("severity", Text(), comment="warn (published with a flag) or error (held back)"),
    flag("passed", "whether it passed"),
    col("rows_checked", BigInteger(), null=True, comment="rows it looked at"),
    col("rows_failed", BigInteger(), null=True, comment="rows that broke it"),
    col("observed", Quantity(), null=True, comment="number it saw"),
    col("threshold", Quantity(), null=True, comment="number it was held against"),
    col("message", Text(), comment="the result in words"),
    flag("blocks_publish", "a failed error holds everything, not only its metrics"),
    col("sample_keys", JsonText(), comment="some keys of the rows that broke it, as JSON"),
    col("checked_at", UtcTimestamp(), comment="when it ran (UTC)"),
    flag("is_current", "the latest result of this check on this asset"),
    col("batch_id", SurrogateKey, references("publish_batch", "batch_id"), comment="batch it belongs to"),
    UniqueConstraint("batch_id", "check_id", "asset"),
    one_of("dimension", DIMENSIONS),
    one_of("severity", ("warn", "error")),
    schema=CORE,
    comment="Every result of every check, by batch.",
)  # fmt: skip
Index(
    "one_current_data_quality_result",
    data_quality_result.c.check_id,
    data_quality_result.c.asset,
    unique=True,
    postgresql_where=text("is_current"),
    sqlite_where=text("is_current"),
)

data_quality_metric = Table(
    "data_quality_metric",
    metadata,
    col("dq_result_key", SurrogateKey, references("data_quality_result", "dq_result_key"), primary_key=True,
        comment="the result"),
    col("metric_id", Text(), references("metric", "metric_id"), primary_key=True,
        comment="metric that rests on what was checked"),
    schema=CORE,
    comment="Which metrics rest on which check: the join for BI tools.",
)  # fmt: skip

freshness = Table(
    "freshness",
    metadata,
    key("freshness_key", "key of one revision"),
    col("source_system", Text(), comment="system"),
    col("asset", Text(), comment="stream or table"),
    col("last_success_at", UtcTimestamp(), null=True, comment="last load that succeeded (UTC)"),
    col("last_attempt_at", UtcTimestamp(), null=True, comment="last load that was tried (UTC)"),
    col("data_through_at", UtcTimestamp(), null=True, comment="instant up to which it is complete (UTC)"),
    col("sla_seconds", BigInteger(), comment="how old it may be"),
    flag("is_late", "older than it may be"),
    col("rows_last_run", BigInteger(), null=True, comment="rows the last load brought"),
    col(
        "rows_quarantined", BigInteger(), null=True, comment="rows that broke the contract and were put aside"
    ),
    col("lateness_seconds", BigInteger(), null=True, comment="how late rows arrived at most"),
    col("quota_used", Quantity(), null=True, comment="share of the vendor's quota used, 0 to 1"),
    col("drift", Text(), null=True, comment="fields that appeared, vanished or changed type"),
    col("error", Text(), null=True, comment="what went wrong last"),
    *revision_columns(),
    *revision_rules("freshness", "source_system", "asset"),
    schema=CORE,
    comment="How current each source is, by revision.",
)

definition_finding = Table(
    "definition_finding",
    metadata,
    key("definition_finding_key", "key of one revision"),
    col("rule_id", Text(), comment="rule that was broken"),
    col("severity", Text(), comment="error, warning or note"),
    col("subject_kind", Text(), comment="metric, objective, key_result, team, ..."),
    col("subject_id", Text(), comment="which one"),
    col("finding_number", Integer(), comment="counts several findings of one rule on one subject"),
    col("message", Text(), comment="what was found"),
    col("advice", Text(), comment="what to do"),
    col("definition_file", Text(), null=True, comment="file"),
    col("definition_line", Integer(), null=True, comment="line"),
    flag("is_silenced", "silenced in place"),
    col("silence_reason", Text(), null=True, comment="the reason given"),
    *revision_columns(),
    one_of("severity", ("error", "warning", "note")),
    CheckConstraint("NOT is_silenced OR silence_reason IS NOT NULL", name="silence_has_reason"),
    *revision_rules("definition_finding", "rule_id", "subject_kind", "subject_id", "finding_number"),
    schema=CORE,
    comment="What the linter says about the dictionary.",
)

alert_log = Table(
    "alert_log",
    metadata,
    key("alert_key", "in order of insertion"),
    col("dedup_key", Text(), comment="<episode>#<notice>: sent once per recipient and channel"),
    col("episode", Text(), comment="<type>:<subject kind>:<subject id>@<since>: what, and which time round"),
    col("notice", Text(), comment="firing, worsened, reminder, escalation, resolved or event"),
    col("alert_type", Text(), comment="anomaly, check_failed, late, red_line, key_result, ..."),
    col("subject_kind", Text(), comment="metric, key_result, source, check, job, batch or team"),
    col("subject_id", Text(), comment="which one"),
    col("severity", Text(), comment="info, warning or critical"),
    col("recipient", Text(), comment="person:<key> or team:<key>; empty where nobody was reached"),
    col("channel", Text(), comment="channel by its name; empty where none was reached"),
    col("delivery_state", Text(), comment="queued, sent, failed (given up) or suppressed"),
    col("reason", Text(), comment="why it was queued or suppressed"),
    col("suppressed_by", Text(), null=True, comment="silence, inhibiting alert or message it was joined to"),
    col("message", Text(), comment="one line for people"),
    col("payload", Text(), comment="everything a channel needs to show the alert, as JSON"),
    flag("is_restricted", "about a restricted metric: kept out of the views everybody reads",
         server_default=false()),
    col("created_at", UtcTimestamp(), comment="when it was decided (UTC)"),
    col("next_try_at", UtcTimestamp(), null=True, comment="not before; while being sent: end of the sender's "
        "claim (UTC)"),
    col("attempts", Integer(), server_default=text("0"), comment="deliveries begun"),
    col("message_key", Text(), null=True, comment="message it travels in: the receiver's idempotency key"),
    col("last_error", Text(), null=True, comment="of the last failed try, without secrets"),
    col("sent_at", UtcTimestamp(), null=True, comment="when it was delivered (UTC)"),
    col("acknowledged_at", UtcTimestamp(), null=True, comment="when somebody took it on (UTC)"),
    col("acknowledged_by", Text(), null=True, comment="who"),
    col("batch_id", SurrogateKey, references("publish_batch", "batch_id"), null=True,
        comment="publication that raised it"),
    one_of("severity", ALERT_SEVERITIES),
    one_of("delivery_state", DELIVERY_STATES),
    CheckConstraint("delivery_state <> 'sent' OR sent_at IS NOT NULL", name="sent_has_time"),
    schema=CORE,
    comment="Alerts by recipient and channel: outbox and history in one.",
)  # fmt: skip
Index(
    "alert_once",
    alert_log.c.dedup_key,
    alert_log.c.recipient,
    alert_log.c.channel,
    unique=True,
    postgresql_where=text("delivery_state IN ('queued', 'sent')"),
    sqlite_where=text("delivery_state IN ('queued', 'sent')"),
)
Index(
    "alert_queue",
    alert_log.c.next_try_at,
    postgresql_where=text("delivery_state = 'queued'"),
    sqlite_where=text("delivery_state = 'queued'"),
)
Index("ix_alert_log_episode", alert_log.c.episode)
Index("ix_alert_log_notice", alert_log.c.notice, alert_log.c.episode)
Index("ix_alert_log_created_at", alert_log.c.created_at)
