"""Publication: what the runs found becomes what people read, all at once or not at all.

    engine = open_reporting("sqlite:///vitals/reporting.db")
    migrations.upgrade(engine)
    result = publish(engine, publication, clock=clock, run_id="run-17")
    with reading(engine) as connection:
        connection.execute(text("SELECT metric_name, value, status FROM kpi_latest"))

`publication` and `records` say what a run hands over, `schema` and `views` what people read, `publish` how
the one becomes the other, `history` how to read the past and take a batch back, `access` and `export` who
may read what.
"""

from pipelines.publishing.engine import open_reporting, reading, writing
from pipelines.publishing.publication import (
    Audit,
    BlockedMetric,
    Coverage,
    Outcome,
    Publication,
    PublishResult,
    Staged,
    TableCounts,
)
from pipelines.publishing.publish import publish

__all__ = [
    "Audit",
    "BlockedMetric",
    "Coverage",
    "Outcome",
    "Publication",
    "PublishResult",
    "Staged",
    "TableCounts",
    "open_reporting",
    "publish",
    "reading",
    "writing",
]
