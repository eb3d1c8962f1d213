"""What metrics mean and how they hang together: definitions, tree, contributions, changes, organisation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date

from sqlalchemy import Connection

from pipelines.report.model import (
    Annotation,
    Change,
    Contribution,
    Definition,
    Finding,
    Focus,
    Team,
    TreeRow,
    Unit,
)

from .rows import Row, fetch, grouped, number, unit

_DEFINITION = """metric_id, version, definition, formula_text, numerator_sql, denominator_sql, filters,
    time_attribution, time_zone, missing_policy, source_systems, source_tables, segments, minimum_sample,
    freshness_sla_seconds, known_pitfalls, related_leading, related_lagging, calculation_cadence, replaced_by,
    change_type, change_reason, approved_by, valid_from, valid_to, is_current, definition_file, definition_line"""


def read_definitions(connection: Connection) -> dict[str, tuple[Definition, ...]]:
    """Every definition that is or was in force, by metric, latest first."""
    return grouped(connection, "metric_dictionary", _DEFINITION, "metric_id, -version", _definition)


def _definition(row: Row) -> Definition:
    return Definition(
        version=row["version"],
        definition=row["definition"],
        formula=row["formula_text"],
        numerator_sql=row["numerator_sql"],
        denominator_sql=row["denominator_sql"],
        filters=row["filters"],
        time_attribution=row["time_attribution"],
        time_zone=row["time_zone"],
        missing=row["missing_policy"],
        source_systems=row["source_systems"] or (),
        source_tables=row["source_tables"] or (),
        segments=row["segments"] or (),
        minimum_sample=number(row["minimum_sample"]),
        freshness_seconds=row["freshness_sla_seconds"],
        pitfalls=row["known_pitfalls"],
        related_leading=row["related_leading"] or (),
        related_lagging=row["related_lagging"] or (),
        calculation_cadence=row["calculation_cadence"],
        replaced_by=row["replaced_by"],
        change_type=row["change_type"],
        change_reason=row["change_reason"],
        approved_by=row["approved_by"],
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        is_current=bool(row["is_current"]),
        file=row["definition_file"],
        line=row["definition_line"],
    )


_TREE = """root_metric_id, metric_id, metric_name, parent_metric_id, operator, expected_sign, lag_periods, lag_grain,
    depth, sort_path, value, target_value, status, trend, unit, display_format, contribution, contribution_share,
    contribution_period_start, reconciles"""


def read_tree(connection: Connection, units: Mapping[str, Unit]) -> tuple[TreeRow, ...]:
    """The driver tree as it is drawn."""
    rows = fetch(connection, "metric_tree", _TREE, "root_metric_id, sort_path")
    return tuple(_tree_row(row, units.get(row["metric_id"]) or unit(row)) for row in rows)


def _tree_row(row: Row, unit: Unit) -> TreeRow:
    return TreeRow(
        root_id=row["root_metric_id"],
        metric_id=row["metric_id"],
        name=row["metric_name"],
        parent_id=row["parent_metric_id"],
        operator=row["operator"],
        expected_sign=row["expected_sign"],
        lag_periods=row["lag_periods"],
        lag_grain=row["lag_grain"],
        depth=row["depth"],
        sort_path=row["sort_path"],
        value=number(row["value"]),
        target=number(row["target_value"]),
        status=row["status"],
        trend=row["trend"],
        unit=unit,
        contribution=number(row["contribution"]),
        contribution_share=number(row["contribution_share"]),
        contribution_start=row["contribution_period_start"],
        reconciles=row["reconciles"],
    )


def read_contributions(connection: Connection) -> dict[str, tuple[Contribution, ...]]:
    """By parent: what moved it against the period before, in its most telling grain's latest period."""
    columns = """parent_metric_id, child_metric_id, child_metric_name, period_grain, period_start, child_value,
        child_compare_value, contribution, contribution_share, method, reconciles"""
    where = "compare_to = 'previous_period' AND segment_key = 'total'"
    order = "parent_metric_id, -period_start, period_grain, child_metric_id"
    preferred = {"month": 0, "week": 1, "quarter": 2}
    by_parent: dict[str, list[Row]] = defaultdict(list)
    for row in fetch(connection, "metric_contributions", columns, order, where):
        by_parent[row["parent_metric_id"]].append(row)
    found = {}
    for parent, rows in by_parent.items():
        grain = min({row["period_grain"] for row in rows}, key=lambda g: (preferred.get(g, 9), g))
        latest = max(row["period_start"] for row in rows if row["period_grain"] == grain)
        found[parent] = tuple(
            Contribution(
                child_id=row["child_metric_id"],
                child_name=row["child_metric_name"],
                grain=grain,
                period_start=latest,
                value=number(row["child_value"]),
                before=number(row["child_compare_value"]),
                contribution=number(row["contribution"]),
                share=number(row["contribution_share"]),
                method=row["method"],
                reconciles=bool(row["reconciles"]),
            )
            for row in rows
            if row["period_grain"] == grain and row["period_start"] == latest
        )
    return found


def read_changes(connection: Connection) -> tuple[Change, ...]:
    """The dictionary's change log, latest first."""
    columns = (
        "metric_id, metric_name, version, change_type, change_date, change_reason, proposed_by, approved_by"
    )
    rows = fetch(connection, "metric_changes", columns, "-change_date, metric_id, -version")
    return tuple(Change(*row.values()) for row in rows)


def read_findings(connection: Connection) -> tuple[Finding, ...]:
    """What the linter says and nobody silenced, worst first."""
    columns = "rule_id, severity, subject_kind, subject_id, message, advice"
    order = "subject_kind, subject_id, rule_id, message"
    rows = fetch(connection, "definition_findings", columns, order, "NOT is_silenced")
    rank = {"error": 0, "warning": 1}
    return tuple(Finding(*row.values()) for row in sorted(rows, key=lambda row: rank.get(row["severity"], 2)))


def read_focus(connection: Connection) -> tuple[Focus, ...]:
    """The metrics with the most to gain, first first."""
    rows = fetch(
        connection,
        "focus_candidates",
        "metric_id, focus_score, suggested_actions, focus_rank",
        "focus_rank",
        "focus_rank <= 12",
    )
    return tuple(
        Focus(row["metric_id"], round(float(row["focus_score"]), 6), _lines(row["suggested_actions"]))
        for row in rows
    )


def _lines(written: str | None) -> tuple[str, ...]:
    return tuple(line.strip() for line in (written or "").splitlines() if line.strip())


def read_teams(connection: Connection) -> tuple[Team, ...]:
    """Teams of the organisation."""
    rows = fetch(
        connection, "dim_team", "team_key, team_name, parent_team_key, level", "team_key", "is_listed"
    )
    return tuple(Team(*row.values()) for row in rows)


def read_annotations(connection: Connection) -> tuple[Annotation, ...]:
    """Events that people want to see on charts."""
    rows = fetch(
        connection, "annotation", "metric_id, start_date, end_date, title, note", "start_date, title"
    )
    return tuple(
        Annotation(row["metric_id"], row["start_date"], row["end_date"], row["title"], row["note"])
        for row in rows
    )


def read_holidays(connection: Connection) -> tuple[tuple[date, str], ...]:
    """Days that are no business days, with their names."""
    columns = "date_key AS holiday_date, holiday_name"
    rows = fetch(connection, "dim_date", columns, "holiday_date", "is_holiday")
    return tuple((row["holiday_date"], row["holiday_name"] or "holiday") for row in rows)
