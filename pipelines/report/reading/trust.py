"""What is odd, what was checked, what is held back, who was told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from pipelines.report.model import Alert, Anomaly, Blocked, Check, Health, Restatement, Unit

from .rows import Row, fetch, number, unit

_ALERT_DAYS = 14


def read_anomalies(connection: Connection, units: Mapping[str, Unit]) -> tuple[Anomaly, ...]:
    """Open flags, most severe and latest first."""
    columns = """metric_id, metric_name, team_key, team_name, owner_name, period_grain, period_start,
        segment_dimension, segment_value, kind, severity, effect, observed, expected, lower_bound, upper_bound, score,
        unit, display_format, explanation, suggested_action, root_cause, state, flagged_at, severity_rank"""
    order = "severity_rank, -period_start, metric_id, segment_dimension, segment_value, kind"
    return tuple(
        Anomaly(
            metric_id=row["metric_id"],
            metric_name=row["metric_name"],
            team_key=row["team_key"],
            team_name=row["team_name"],
            owner=row["owner_name"],
            grain=row["period_grain"],
            period_start=row["period_start"],
            segment_dimension=row["segment_dimension"],
            segment_value=row["segment_value"],
            kind=row["kind"],
            severity=row["severity"],
            effect=row["effect"],
            observed=number(row["observed"]),
            expected=number(row["expected"]),
            lower=number(row["lower_bound"]),
            upper=number(row["upper_bound"]),
            score=float(row["score"]),
            unit=units.get(row["metric_id"]) or unit(row),
            explanation=row["explanation"],
            action=row["suggested_action"],
            root_cause=tuple(row["root_cause"] or ()),
            state=row["state"],
            flagged_at=row["flagged_at"],
        )
        for row in fetch(connection, "open_anomalies", columns, order)
    )


_HEALTH = """source_system, asset, health, last_success_at, last_attempt_at, data_through_at, sla_seconds, is_late,
    rows_last_run, rows_quarantined, drift, error, checks_total, errors_failed, warnings_failed"""


_CHECK = """check_id, asset, source_system, dimension, severity, passed, rows_checked, rows_failed, message, metric_ids,
    checked_at"""


def read_health(connection: Connection) -> tuple[Health, ...]:
    """How current each asset is, by system and asset."""
    return tuple(_health(row) for row in fetch(connection, "data_health", _HEALTH, "source_system, asset"))


def _health(row: Row) -> Health:
    return Health(
        system=row["source_system"],
        asset=row["asset"],
        health=row["health"],
        last_success_at=row["last_success_at"],
        last_attempt_at=row["last_attempt_at"],
        data_through_at=row["data_through_at"],
        sla_seconds=row["sla_seconds"],
        is_late=bool(row["is_late"]),
        rows_last_run=row["rows_last_run"],
        rows_quarantined=row["rows_quarantined"],
        drift=row["drift"],
        error=row["error"],
        checks_total=int(row["checks_total"] or 0),
        errors_failed=int(row["errors_failed"] or 0),
        warnings_failed=int(row["warnings_failed"] or 0),
    )


def read_checks(connection: Connection) -> tuple[Check, ...]:
    """The latest result of every check, by asset."""
    return tuple(_check(row) for row in fetch(connection, "check_results", _CHECK, "asset, check_id"))


def _check(row: Row) -> Check:
    return Check(
        check_id=row["check_id"],
        asset=row["asset"],
        system=row["source_system"],
        dimension=row["dimension"],
        severity=row["severity"],
        passed=bool(row["passed"]),
        rows_checked=row["rows_checked"],
        rows_failed=row["rows_failed"],
        message=row["message"],
        metric_ids=row["metric_ids"] or (),
        checked_at=row["checked_at"],
    )


def read_blocked(connection: Connection) -> tuple[Blocked, ...]:
    """Metrics that are held back."""
    rows = fetch(
        connection, "blocked_metrics", "metric_id, metric_name, owner_name, reason, blocked_at", "metric_id"
    )
    return tuple(Blocked(*row.values()) for row in rows)


def read_restatements(connection: Connection) -> tuple[Restatement, ...]:
    """Totals that were changed after they were published, latest first."""
    columns = """metric_id, metric_name, period_grain, period_start, segment_key, revision_reason, value_before,
        value_after, published_at"""
    order = "-published_at, metric_id, period_grain, -period_start"
    where = "segment_key = 'total'"
    rows = fetch(connection, "restatements", columns, order, where, latest="published_at, 200")
    return tuple(
        Restatement(
            metric_id=row["metric_id"],
            metric_name=row["metric_name"],
            grain=row["period_grain"],
            period_start=row["period_start"],
            segment_key=row["segment_key"],
            reason=row["revision_reason"],
            before=number(row["value_before"]),
            after=number(row["value_after"]),
            published_at=row["published_at"],
        )
        for row in rows
    )


def read_alerts(connection: Connection, published_at: datetime) -> tuple[Alert, ...]:
    """Alerts of the last two weeks, latest first."""
    columns = "alert_type, subject_kind, subject_id, severity, recipient, channel, delivery_state, message, created_at"
    rows = fetch(
        connection,
        "alert_history",
        columns,
        "-created_at, alert_type, subject_id, recipient, channel",
        latest="created_at, 200",
    )
    since = published_at - timedelta(days=_ALERT_DAYS)
    return tuple(Alert(*row.values()) for row in rows if row["created_at"] >= since)
