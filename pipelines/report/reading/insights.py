"""What the driver trees and the guardrails say: influences with their correlation, signals, suggested goals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from pipelines.report.model import Influence, Signal, SuggestedGoal

from .rows import fetch, number


def read_influences(connection: Connection) -> dict[tuple[str, str], Influence]:
    """By driver and driven metric."""
    columns = "driver_metric_id, driven_metric_id, period_grain, lag_periods, correlation, pairs, is_sign_as_expected"
    rows = fetch(connection, "metric_influences", columns, "driver_metric_id, driven_metric_id")
    return {
        (row["driver_metric_id"], row["driven_metric_id"]): Influence(
            grain=row["period_grain"],
            lag=row["lag_periods"],
            correlation=number(row["correlation"]),
            pairs=row["pairs"],
            is_as_expected=None if row["is_sign_as_expected"] is None else bool(row["is_sign_as_expected"]),
        )
        for row in rows
    }


def read_signals(connection: Connection) -> tuple[Signal, ...]:
    """What good numbers may hide, by kind and metric."""
    columns = "signal_kind, metric_id, metric_name, other_metric_id, explanation"
    rows = fetch(connection, "metric_signals", columns, "signal_kind, metric_id, other_metric_id")
    return tuple(Signal(*row.values()) for row in rows)


def read_suggestions(connection: Connection) -> tuple[SuggestedGoal, ...]:
    """Drafted objectives nobody decided about yet, the latest first."""
    columns = "metric_id, metric_name, team_name, owner_name, raised_date, reason, draft, state"
    rows = fetch(connection, "suggestions", columns, "-raised_date, metric_id", "state = 'open'")
    return tuple(
        SuggestedGoal(
            metric_id=row["metric_id"],
            title=str(row["draft"].get("title", row["metric_name"])),
            team_name=row["team_name"],
            owner=row["owner_name"],
            reason=row["reason"],
            key_results=_statements(row["draft"]),
        )
        for row in rows
    )


def _statements(draft: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """(metric, statement) of each drafted key result."""
    return tuple((str(item["metric"]), str(item["statement"])) for item in draft.get("key_results", ()))
