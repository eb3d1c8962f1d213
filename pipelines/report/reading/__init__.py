"""From the reporting database's views to a `Snapshot`: one transaction, so that everything belongs to one
publication. Only views (and the tables people write) are read; where a view is missing the error says which.
"""

from __future__ import annotations

from sqlalchemy import Engine

from pipelines.publishing.engine import reading
from pipelines.report.model import Publication, Snapshot

from .dictionary import (
    read_annotations,
    read_changes,
    read_contributions,
    read_definitions,
    read_findings,
    read_focus,
    read_holidays,
    read_teams,
    read_tree,
)
from .goals import read_check_ins, read_check_ins_due, read_objectives
from .insights import read_influences, read_signals, read_suggestions
from .metrics import read_flag_points, read_kpis, read_points, read_segments
from .rows import fetch
from .trust import read_alerts, read_anomalies, read_blocked, read_checks, read_health, read_restatements


def read_snapshot(engine: Engine) -> Snapshot:
    """Everything the report shows. An empty database gives an empty snapshot without a publication."""
    with reading(engine) as connection:
        published = fetch(
            connection,
            "current_publication",
            "batch_id, publication_id, data_through, published_at, code_version",
        )
        if not published:
            return Snapshot(None)
        publication = Publication(**published[0])
        kpis = read_kpis(connection)
        units = {kpi.metric_id: kpi.unit for kpi in kpis}
        anomalies = read_anomalies(connection, units)
        return Snapshot(
            publication=publication,
            teams=read_teams(connection),
            kpis=kpis,
            points=read_points(connection, kpis, publication.data_through),
            segments=read_segments(connection, kpis, publication.data_through),
            definitions=read_definitions(connection),
            tree=read_tree(connection, units),
            contributions=read_contributions(connection),
            annotations=read_annotations(connection),
            holidays=read_holidays(connection),
            anomalies=anomalies,
            flag_points=read_flag_points(connection, anomalies, kpis, publication.data_through),
            objectives=read_objectives(connection, units),
            check_ins=read_check_ins(connection),
            check_ins_due=read_check_ins_due(connection),
            health=read_health(connection),
            checks=read_checks(connection),
            blocked=read_blocked(connection),
            changes=read_changes(connection),
            restatements=read_restatements(connection),
            findings=read_findings(connection),
            alerts=read_alerts(connection, publication.published_at),
            focus=read_focus(connection),
            influences=read_influences(connection),
            signals=read_signals(connection),
            suggestions=read_suggestions(connection),
        )
