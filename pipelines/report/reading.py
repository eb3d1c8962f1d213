"""From the reporting database's views to a `Snapshot`: one transaction, so that everything belongs to one
publication. Only views (and the tables people write) are read; where a view is missing the error says which.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Boolean, Connection, Date, Engine, text
from sqlalchemy.types import TypeEngine

from pipelines.publishing.engine import reading
from pipelines.publishing.types import JsonText, TextList, UtcTimestamp

from .model import (
    Alert,
    Annotation,
    Anomaly,
    Blocked,
    Change,
    Check,
    CheckIn,
    CheckInDue,
    Contribution,
    Definition,
    Finding,
    Focus,
    Health,
    KeyResult,
    Kpi,
    Objective,
    Point,
    Progress,
    Publication,
    Restatement,
    Segment,
    Snapshot,
    Team,
    TreeRow,
    Unit,
)

Row = Mapping[str, Any]
T = TypeVar("T")

GRAIN_VIEWS = {
    "day": "kpi_daily",
    "week": "kpi_weekly",
    "month": "kpi_monthly",
    "quarter": "kpi_quarterly",
    "year": "kpi_yearly",
}
KEPT = {"day": 500, "week": 160, "month": 60, "quarter": 24, "year": 12, "trailing": 90}
"""Periods of each grain that are read: what a chart shows, and what went before it."""

_DAYS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366, "trailing": 1}
_SEGMENT_PERIODS = 13
_ALERT_DAYS = 14

_LISTS = {
    "flags",
    "source_systems",
    "source_tables",
    "segments",
    "related_leading",
    "related_lagging",
    "metric_ids",
}
_DAYS_NAMED = {
    "data_through",
    "valid_from",
    "valid_to",
    "period_start",
    "period_end",
    "contribution_period_start",
}
_FLAGS = {"passed", "contributes", "reconciles", "target_met"}


def read_snapshot(engine: Engine) -> Snapshot:
    """Everything the report shows. An empty database gives an empty snapshot without a publication."""
    with reading(engine) as connection:
        published = _rows(
            connection,
            "current_publication",
            "batch_id, publication_id, data_through, published_at, code_version",
        )
        if not published:
            return Snapshot(None)
        publication = Publication(**published[0])
        kpis = _kpis(connection)
        units = {kpi.metric_id: kpi.unit for kpi in kpis}
        return Snapshot(
            publication=publication,
            teams=_teams(connection),
            kpis=kpis,
            points=_points(connection, kpis, publication.data_through),
            segments=_segments(connection, kpis, publication.data_through),
            definitions=_grouped(
                connection, "metric_dictionary", _DEFINITION, "metric_id, version DESC", _definition
            ),
            tree=_tree(connection, units),
            contributions=_contributions(connection),
            annotations=_annotations(connection),
            holidays=_holidays(connection),
            anomalies=_anomalies(connection, units),
            objectives=_objectives(connection, units),
            check_ins=_check_ins(connection),
            check_ins_due=_check_ins_due(connection),
            health=tuple(
                _health(row) for row in _rows(connection, "data_health", _HEALTH, "source_system, asset")
            ),
            checks=tuple(
                _check(row) for row in _rows(connection, "check_results", _CHECK, "asset, check_id")
            ),
            blocked=_blocked(connection),
            changes=_changes(connection),
            restatements=_restatements(connection),
            findings=_findings(connection),
            alerts=_alerts(connection, publication.published_at),
            focus=_focus(connection),
        )


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────


def _rows(
    connection: Connection,
    view: str,
    columns: str,
    order: str = "",
    where: str = "",
    parameters: Mapping[str, object] | None = None,
) -> list[dict[str, Any]]:
    """Rows of a view as plain Python values: numbers as float, days as date, instants as aware UTC."""
    names = [name.strip().rpartition(" ")[2] for name in columns.split(",")]
    sql = f"SELECT {columns} FROM {view}"
    sql += f" WHERE {where}" if where else ""
    sql += f" ORDER BY {order}" if order else ""
    kinds = {name: kind for name in names if (kind := _kind(name)) is not None}
    found = connection.execute(text(sql).columns(**kinds), dict(parameters or {}))
    return [dict(zip(names, row, strict=True)) for row in found]


def _kind(name: str) -> TypeEngine[Any] | None:
    if name.endswith("_at"):
        return UtcTimestamp()
    if name in _DAYS_NAMED or name.endswith("_date"):
        return Date()
    if name.startswith("is_") or name in _FLAGS:
        return Boolean()
    if name in _LISTS:
        return TextList()
    return JsonText() if name == "root_cause" else None


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _grouped(
    connection: Connection,
    view: str,
    columns: str,
    order: str,
    make: Callable[[Row], T],
    key: str = "metric_id",
) -> dict[str, tuple[T, ...]]:
    found: dict[str, list[T]] = defaultdict(list)
    for row in _rows(connection, view, columns, order):
        found[row[key]].append(make(row))
    return {name: tuple(made) for name, made in found.items()}


def _unit(row: Row) -> Unit:
    return Unit(
        row.get("unit_family") or "",
        row.get("unit") or "",
        row.get("currency_code"),
        row.get("display_format") or "0,0",
    )


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────────────────

_KPI = """metric_id, metric_name, category, team_key, team_name, owner_name, hierarchy_level, bsc_perspective,
    indicator_type, direction, unit, unit_family, currency_code, display_format, aggregation, period_grain,
    period_start, period_end, value, numerator, denominator, sample_size, target_value, attainment, status, trend,
    previous_value, change_abs, change_pct, same_period_last_year, value_state, state_reason, is_blocked,
    blocked_reason, last_good_value, lifecycle, review_cadence, computed_at"""


def _kpis(connection: Connection) -> tuple[Kpi, ...]:
    purposes = {
        row["metric_id"]: row["purpose"]
        for row in _rows(connection, "metric_dictionary", "metric_id, purpose", "metric_id", "is_current")
    }
    rows = _rows(connection, "kpi_latest", _KPI, "metric_id")
    return tuple(_kpi(row, purposes.get(row["metric_id"], "improvement")) for row in rows)


def _kpi(row: Row, purpose: str) -> Kpi:
    return Kpi(
        metric_id=row["metric_id"],
        name=row["metric_name"],
        category=row["category"],
        team_key=row["team_key"],
        team_name=row["team_name"],
        owner=row["owner_name"],
        level=row["hierarchy_level"],
        perspective=row["bsc_perspective"],
        indicator=row["indicator_type"],
        purpose=purpose,
        direction=row["direction"],
        unit=_unit(row),
        grain=row["period_grain"],
        period_start=row["period_start"],
        period_end=row["period_end"],
        value=_number(row["value"]),
        target=_number(row["target_value"]),
        attainment=_number(row["attainment"]),
        status=row["status"],
        trend=row["trend"],
        previous=_number(row["previous_value"]),
        change_abs=_number(row["change_abs"]),
        change_pct=_number(row["change_pct"]),
        last_year=_number(row["same_period_last_year"]),
        state=row["value_state"],
        reason=row["state_reason"],
        sample_size=row["sample_size"],
        numerator=_number(row["numerator"]),
        denominator=_number(row["denominator"]),
        is_blocked=bool(row["is_blocked"]),
        blocked_reason=row["blocked_reason"],
        last_good=_number(row["last_good_value"]),
        lifecycle=row["lifecycle"],
        review_cadence=row["review_cadence"],
        aggregation=row["aggregation"],
        computed_at=row["computed_at"],
    )


def _points(connection: Connection, kpis: Sequence[Kpi], through: date) -> dict[str, tuple[Point, ...]]:
    """The last periods of each metric in its headline grain."""
    found: dict[str, list[Point]] = defaultdict(list)
    grain_of = {kpi.metric_id: kpi.grain for kpi in kpis}
    columns = "metric_id, period_start, period_end, value, target_value, status, value_state, denominator, sample_size"
    for grain in sorted(set(grain_of.values())):
        family, view, where = _view_of(grain)
        since = through - timedelta(days=KEPT[family] * _DAYS[family])
        condition = f"period_start >= :since{where}"
        parameters = {"since": since, **({"grain": grain} if where else {})}
        for row in _rows(connection, view, columns, "metric_id, period_start", condition, parameters):
            if grain_of.get(row["metric_id"]) == grain:
                found[row["metric_id"]].append(_point(row))
    return {metric: tuple(points[-KEPT[_family(grain_of[metric])] :]) for metric, points in found.items()}


def _family(grain: str) -> str:
    return "trailing" if grain.startswith("trailing_") else grain


def _view_of(grain: str, suffix: str = "") -> tuple[str, str, str]:
    """(family of the grain, its view, a condition that picks the grain in it)."""
    family = _family(grain)
    if family == "trailing":
        return family, f"kpi_trailing{suffix}", " AND period_grain = :grain"
    return family, f"{GRAIN_VIEWS[grain]}{suffix}", ""


def _point(row: Row) -> Point:
    return Point(
        start=row["period_start"],
        end=row["period_end"],
        value=_number(row["value"]),
        target=_number(row["target_value"]),
        status=row["status"],
        state=row["value_state"],
        sample=_number(
            row.get("denominator") if row.get("denominator") is not None else row.get("sample_size")
        ),
    )


def _segments(connection: Connection, kpis: Sequence[Kpi], through: date) -> dict[str, tuple[Segment, ...]]:
    """Each metric's segments in the period its total is shown for, largest sample first."""
    found: dict[str, list[Segment]] = defaultdict(list)
    shown = {kpi.metric_id: kpi for kpi in kpis}
    columns = """metric_id, segment_dimension, segment_value, period_start, period_end, value, target_value, status,
        value_state, state_reason, previous_value, change_pct, sample_size"""
    for grain in sorted({kpi.grain for kpi in kpis}):
        family, view, where = _view_of(grain, "_by_segment")
        since = through - timedelta(days=(_SEGMENT_PERIODS + 1) * _DAYS[family])
        parameters = {"since": since, **({"grain": grain} if where else {})}
        order = "metric_id, segment_dimension, segment_value, period_start"
        series: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
        for row in _rows(connection, view, columns, order, f"period_start >= :since{where}", parameters):
            kpi = shown.get(row["metric_id"])
            if kpi and kpi.grain == grain and kpi.period_start and row["period_start"] <= kpi.period_start:
                series[row["metric_id"], row["segment_dimension"], row["segment_value"]].append(row)
        for (metric, _, _), rows in series.items():
            if rows[-1]["period_start"] == shown[metric].period_start:
                found[metric].append(_segment(rows))
    return {metric: tuple(sorted(made, key=_by_size)) for metric, made in found.items()}


def _segment(rows: Sequence[Row]) -> Segment:
    last = rows[-1]
    return Segment(
        dimension=last["segment_dimension"],
        value_name=last["segment_value"],
        value=_number(last["value"]),
        previous=_number(last["previous_value"]),
        change_pct=_number(last["change_pct"]),
        sample_size=last["sample_size"],
        target=_number(last["target_value"]),
        status=last["status"],
        state=last["value_state"],
        reason=last["state_reason"],
        points=tuple(_point(row) for row in rows[-_SEGMENT_PERIODS:]),
    )


def _by_size(segment: Segment) -> tuple[str, int, str]:
    return segment.dimension, -(segment.sample_size or 0), segment.value_name


_DEFINITION = """metric_id, version, definition, formula_text, numerator_sql, denominator_sql, filters,
    time_attribution, time_zone, missing_policy, source_systems, source_tables, segments, minimum_sample,
    freshness_sla_seconds, known_pitfalls, related_leading, related_lagging, calculation_cadence, replaced_by,
    change_type, change_reason, approved_by, valid_from, valid_to, is_current, definition_file, definition_line"""


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
        minimum_sample=_number(row["minimum_sample"]),
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


def _tree(connection: Connection, units: Mapping[str, Unit]) -> tuple[TreeRow, ...]:
    rows = _rows(connection, "metric_tree", _TREE, "root_metric_id, sort_path")
    return tuple(_tree_row(row, units.get(row["metric_id"]) or _unit(row)) for row in rows)


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
        value=_number(row["value"]),
        target=_number(row["target_value"]),
        status=row["status"],
        trend=row["trend"],
        unit=unit,
        contribution=_number(row["contribution"]),
        contribution_share=_number(row["contribution_share"]),
        contribution_start=row["contribution_period_start"],
        reconciles=row["reconciles"],
    )


def _contributions(connection: Connection) -> dict[str, tuple[Contribution, ...]]:
    """By parent: what moved it against the period before, in its most telling grain's latest period."""
    columns = """parent_metric_id, child_metric_id, child_metric_name, period_grain, period_start, child_value,
        child_compare_value, contribution, contribution_share, method, reconciles"""
    where = "compare_to = 'previous_period' AND segment_key = 'total'"
    order = "parent_metric_id, period_start DESC, period_grain, child_metric_id"
    preferred = {"month": 0, "week": 1, "quarter": 2}
    by_parent: dict[str, list[Row]] = defaultdict(list)
    for row in _rows(connection, "metric_contributions", columns, order, where):
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
                value=_number(row["child_value"]),
                before=_number(row["child_compare_value"]),
                contribution=_number(row["contribution"]),
                share=_number(row["contribution_share"]),
                method=row["method"],
                reconciles=bool(row["reconciles"]),
            )
            for row in rows
            if row["period_grain"] == grain and row["period_start"] == latest
        )
    return found


def _annotations(connection: Connection) -> tuple[Annotation, ...]:
    rows = _rows(
        connection, "annotation", "metric_id, start_date, end_date, title, note", "start_date, annotation_id"
    )
    return tuple(
        Annotation(row["metric_id"], row["start_date"], row["end_date"], row["title"], row["note"])
        for row in rows
    )


def _holidays(connection: Connection) -> tuple[tuple[date, str], ...]:
    columns = "date_key AS holiday_date, holiday_name"
    rows = _rows(connection, "dim_date", columns, "date_key", "is_holiday")
    return tuple((row["holiday_date"], row["holiday_name"] or "holiday") for row in rows)


def _anomalies(connection: Connection, units: Mapping[str, Unit]) -> tuple[Anomaly, ...]:
    columns = """metric_id, metric_name, team_key, team_name, owner_name, period_grain, period_start,
        segment_dimension, segment_value, kind, severity, effect, observed, expected, lower_bound, upper_bound, score,
        unit, display_format, explanation, suggested_action, root_cause, state, flagged_at"""
    order = "severity_rank, period_start DESC, metric_id, segment_key, kind"
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
            observed=_number(row["observed"]),
            expected=_number(row["expected"]),
            lower=_number(row["lower_bound"]),
            upper=_number(row["upper_bound"]),
            score=float(row["score"]),
            unit=units.get(row["metric_id"]) or _unit(row),
            explanation=row["explanation"],
            action=row["suggested_action"],
            root_cause=tuple(row["root_cause"] or ()),
            state=row["state"],
            flagged_at=row["flagged_at"],
        )
        for row in _rows(connection, "open_anomalies", columns, order)
    )


# ── goals ───────────────────────────────────────────────────────────────────────────────────────────────────

_KEY_RESULT = """key_result_key, objective_key, key_result, owner_name, kr_type, nature, is_leading, metric_id, unit,
    baseline_value, current_value, target_value, stretch_value, weight, due_date, as_of_date, score, score_method,
    score_band, ratio, ratio_reason, progress, progress_reason, expected_progress, pace_status, pace_gap,
    forecast_value, forecast_low, forecast_high, hit_probability, owner_confidence, published_status, status_source,
    override_reason, is_stale, days_since_check_in, flags, terms_revision"""

_OBJECTIVE = """objective_key, objective, rationale, team_key, team_name, owner_name, parent_objective_key, contributes,
    commitment, cycle_key, cycle_name, cycle_state, cycle_start_date, cycle_end_date, lifecycle, as_of_date, score,
    coverage, expected_progress, published_status, flags, closing_note"""


def _objectives(connection: Connection, units: Mapping[str, Unit]) -> tuple[Objective, ...]:
    history = _grouped(
        connection,
        "okr_progress_daily",
        "key_result_key, as_of_date, progress, expected_progress, current_value, score",
        "key_result_key, as_of_date",
        _progress,
        key="key_result_key",
    )
    by_objective: dict[str, list[KeyResult]] = defaultdict(list)
    for row in _rows(connection, "okr_progress", _KEY_RESULT, "objective_key, key_result_key"):
        key_result = _key_result(row, units, history.get(row["key_result_key"], ()))
        by_objective[row["objective_key"]].append(key_result)
    order = "cycle_start_date DESC, team_name, objective_key"
    return tuple(
        Objective(
            key=row["objective_key"],
            title=row["objective"],
            rationale=row["rationale"],
            team_key=row["team_key"],
            team_name=row["team_name"],
            owner=row["owner_name"],
            parent_key=row["parent_objective_key"],
            contributes=bool(row["contributes"]),
            commitment=row["commitment"],
            cycle_key=row["cycle_key"],
            cycle_name=row["cycle_name"],
            cycle_state=row["cycle_state"],
            cycle_start=row["cycle_start_date"],
            cycle_end=row["cycle_end_date"],
            lifecycle=row["lifecycle"],
            as_of=row["as_of_date"],
            score=_number(row["score"]),
            coverage=_number(row["coverage"]),
            expected_progress=_number(row["expected_progress"]),
            status=row["published_status"],
            flags=row["flags"] or (),
            closing_note=row["closing_note"],
            key_results=tuple(by_objective.get(row["objective_key"], ())),
        )
        for row in _rows(connection, "objectives", _OBJECTIVE, order)
    )


def _progress(row: Row) -> Progress:
    return Progress(
        day=row["as_of_date"],
        progress=_number(row["progress"]),
        expected=_number(row["expected_progress"]),
        value=_number(row["current_value"]),
        score=_number(row["score"]),
    )


def _key_result(row: Row, units: Mapping[str, Unit], history: tuple[Progress, ...]) -> KeyResult:
    unit = units.get(row["metric_id"]) or Unit("count", row["unit"] or "", None, "0,0.[00]")
    return KeyResult(
        key=row["key_result_key"],
        objective_key=row["objective_key"],
        statement=row["key_result"],
        owner=row["owner_name"],
        kr_type=row["kr_type"],
        nature=row["nature"],
        is_leading=bool(row["is_leading"]),
        metric_id=row["metric_id"],
        unit=unit,
        baseline=_number(row["baseline_value"]),
        current=_number(row["current_value"]),
        target=_number(row["target_value"]),
        stretch=_number(row["stretch_value"]),
        weight=float(row["weight"] if row["weight"] is not None else 1),
        due=row["due_date"],
        as_of=row["as_of_date"],
        score=_number(row["score"]),
        score_method=row["score_method"],
        band=row["score_band"],
        ratio=_number(row["ratio"]),
        ratio_reason=row["ratio_reason"],
        progress=_number(row["progress"]),
        progress_reason=row["progress_reason"],
        expected_progress=_number(row["expected_progress"]),
        pace=row["pace_status"],
        pace_gap=_number(row["pace_gap"]),
        forecast=_number(row["forecast_value"]),
        forecast_low=_number(row["forecast_low"]),
        forecast_high=_number(row["forecast_high"]),
        hit_probability=_number(row["hit_probability"]),
        confidence=_number(row["owner_confidence"]),
        status=row["published_status"],
        status_source=row["status_source"],
        override_reason=row["override_reason"],
        is_stale=bool(row["is_stale"]),
        days_since_check_in=row["days_since_check_in"],
        flags=row["flags"] or (),
        terms_revision=row["terms_revision"] or 1,
        history=history,
    )


def _check_ins(connection: Connection) -> dict[str, tuple[CheckIn, ...]]:
    columns = """key_result_key, check_in_date, author_email, progress_note, how_it_happened, confidence, blockers,
        do_differently, is_superseded"""
    return _grouped(
        connection,
        "check_ins",
        columns,
        "key_result_key, check_in_date DESC, check_in_id DESC",
        lambda row: CheckIn(
            key_result_key=row["key_result_key"],
            day=row["check_in_date"],
            author=row["author_email"],
            progress_note=row["progress_note"],
            how=row["how_it_happened"],
            confidence=float(row["confidence"]),
            blockers=row["blockers"],
            differently=row["do_differently"],
            is_superseded=bool(row["is_superseded"]),
        ),
        key="key_result_key",
    )


def _check_ins_due(connection: Connection) -> tuple[CheckInDue, ...]:
    columns = "key_result_key, key_result, team_name, owner_name, due_date, state"
    rows = _rows(
        connection, "check_ins_due", columns, "due_date, key_result_key", "state IN ('due', 'overdue')"
    )
    return tuple(CheckInDue(*row.values()) for row in rows)


# ── trust ───────────────────────────────────────────────────────────────────────────────────────────────────

_HEALTH = """source_system, asset, health, last_success_at, last_attempt_at, data_through_at, sla_seconds, is_late,
    rows_last_run, rows_quarantined, drift, error, checks_total, errors_failed, warnings_failed"""
_CHECK = """check_id, asset, source_system, dimension, severity, passed, rows_checked, rows_failed, message, metric_ids,
    checked_at"""


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


def _blocked(connection: Connection) -> tuple[Blocked, ...]:
    rows = _rows(
        connection, "blocked_metrics", "metric_id, metric_name, owner_name, reason, blocked_at", "metric_id"
    )
    return tuple(Blocked(*row.values()) for row in rows)


def _changes(connection: Connection) -> tuple[Change, ...]:
    columns = (
        "metric_id, metric_name, version, change_type, change_date, change_reason, proposed_by, approved_by"
    )
    rows = _rows(connection, "metric_changes", columns, "change_date DESC, metric_id, version DESC")
    return tuple(Change(*row.values()) for row in rows)


def _restatements(connection: Connection) -> tuple[Restatement, ...]:
    columns = """metric_id, metric_name, period_grain, period_start, segment_key, revision_reason, value_before,
        value_after, published_at"""
    order = "published_at DESC, metric_id, period_grain, period_start DESC LIMIT 200"
    rows = _rows(connection, "restatements", columns, order, "segment_key = 'total'")
    return tuple(
        Restatement(
            metric_id=row["metric_id"],
            metric_name=row["metric_name"],
            grain=row["period_grain"],
            period_start=row["period_start"],
            segment_key=row["segment_key"],
            reason=row["revision_reason"],
            before=_number(row["value_before"]),
            after=_number(row["value_after"]),
            published_at=row["published_at"],
        )
        for row in rows
    )


def _findings(connection: Connection) -> tuple[Finding, ...]:
    columns = "rule_id, severity, subject_kind, subject_id, message, advice"
    order = "CASE severity WHEN 'error' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END, subject_kind, subject_id, rule_id"
    rows = _rows(connection, "definition_findings", columns, order, "NOT is_silenced")
    return tuple(Finding(*row.values()) for row in rows)


def _alerts(connection: Connection, published_at: datetime) -> tuple[Alert, ...]:
    columns = "alert_type, subject_kind, subject_id, severity, recipient, channel, delivery_state, message, created_at"
    rows = _rows(connection, "alert_history", columns, "created_at DESC, alert_key DESC LIMIT 200")
    since = published_at - timedelta(days=_ALERT_DAYS)
    return tuple(Alert(*row.values()) for row in rows if row["created_at"] >= since)


def _focus(connection: Connection) -> tuple[Focus, ...]:
    rows = _rows(
        connection,
        "focus_candidates",
        "metric_id, focus_score, suggested_actions",
        "focus_rank",
        "focus_rank <= 12",
    )
    return tuple(
        Focus(row["metric_id"], float(row["focus_score"]), _lines(row["suggested_actions"])) for row in rows
    )


def _lines(written: str | None) -> tuple[str, ...]:
    return tuple(line.strip() for line in (written or "").splitlines() if line.strip())


def _teams(connection: Connection) -> tuple[Team, ...]:
    rows = _rows(
        connection, "dim_team", "team_key, team_name, parent_team_key, level", "team_key", "is_listed"
    )
    return tuple(Team(*row.values()) for row in rows)
