"""The published schema: one contract for SQLite and PostgreSQL, as SQLAlchemy metadata.

    kpi_core    base tables, written by the pipeline only        batches, dictionary, facts, goals, insights,
                operations
    kpi_input   what people write                                people
    kpi         the views (`pipelines.publishing.views`)
    kpi_restricted   views over restricted metrics

On SQLite, which has no schemas, the same names are flat. Source: publication rules.
"""

from .base import CORE, INPUT, KPI, RESTRICTED, REVISION_KINDS, SCHEMAS, metadata
from .batches import object_comment, publish_batch, publish_manifest, publisher_lease
from .dictionary import (
    benchmark,
    dim_date,
    dim_person,
    dim_team,
    guardrail_pair,
    metric,
    metric_audience,
    metric_change,
    metric_edge,
    metric_version,
    person_role,
    segment,
    target,
)
from .facts import (
    anomaly,
    blocked_metric,
    kpi_value,
    kpi_value_refresh,
    metric_contribution,
    suggestion,
    value_digest,
)
from .goals import (
    check_in_due,
    key_result,
    key_result_score,
    key_result_terms,
    objective,
    objective_score,
    okr_cycle,
)
from .insights import metric_influence, metric_signal, segment_effect
from .operations import (
    alert_log,
    data_quality_metric,
    data_quality_result,
    definition_finding,
    freshness,
)
from .people import (
    alert_acknowledgement,
    alert_silence,
    annotation,
    anomaly_feedback,
    check_in,
    target_entry,
)

__all__ = [
    "CORE",
    "INPUT",
    "KPI",
    "RESTRICTED",
    "REVISION_KINDS",
    "SCHEMAS",
    "alert_acknowledgement",
    "alert_log",
    "alert_silence",
    "annotation",
    "anomaly",
    "anomaly_feedback",
    "benchmark",
    "blocked_metric",
    "check_in",
    "check_in_due",
    "data_quality_metric",
    "data_quality_result",
    "definition_finding",
    "dim_date",
    "dim_person",
    "dim_team",
    "freshness",
    "guardrail_pair",
    "key_result",
    "key_result_score",
    "key_result_terms",
    "kpi_value",
    "kpi_value_refresh",
    "metadata",
    "metric",
    "metric_audience",
    "metric_change",
    "metric_contribution",
    "metric_edge",
    "metric_influence",
    "metric_signal",
    "metric_version",
    "object_comment",
    "objective",
    "objective_score",
    "okr_cycle",
    "person_role",
    "publish_batch",
    "publish_manifest",
    "publisher_lease",
    "segment",
    "segment_effect",
    "suggestion",
    "target",
    "target_entry",
    "value_digest",
]
