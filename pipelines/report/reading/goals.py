"""Objectives, key results with their history, and check-ins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import Connection

from pipelines.report.model import CheckIn, CheckInDue, KeyResult, Objective, Progress, Unit

from .rows import Row, fetch, grouped, number

_KEY_RESULT = """key_result_key, objective_key, key_result, owner_name, kr_type, nature, is_leading, metric_id, unit,
    baseline_value, current_value, target_value, stretch_value, weight, due_date, as_of_date, score, score_method,
    score_band, ratio, ratio_reason, progress, progress_reason, expected_progress, pace_status, pace_gap,
    forecast_value, forecast_low, forecast_high, hit_probability, owner_confidence, published_status, status_source,
    override_reason, is_stale, days_since_check_in, flags, terms_revision"""


_OBJECTIVE = """objective_key, objective, rationale, team_key, team_name, owner_name, parent_objective_key, contributes,
    commitment, cycle_key, cycle_name, cycle_state, cycle_start_date, cycle_end_date, lifecycle, as_of_date, score,
    coverage, expected_progress, published_status, flags, closing_note"""


def read_objectives(connection: Connection, units: Mapping[str, Unit]) -> tuple[Objective, ...]:
    """Objectives with their key results, latest cycle first."""
    history = grouped(
        connection,
        "okr_progress_daily",
        "key_result_key, as_of_date, progress, expected_progress, current_value, score",
        "key_result_key, as_of_date",
        _progress,
        key="key_result_key",
    )
    by_objective: dict[str, list[KeyResult]] = defaultdict(list)
    for row in fetch(connection, "okr_progress", _KEY_RESULT, "objective_key, key_result_key"):
        key_result = _key_result(row, units, history.get(row["key_result_key"], ()))
        by_objective[row["objective_key"]].append(key_result)
    order = "-cycle_start_date, team_name, objective_key"
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
            score=number(row["score"]),
            coverage=number(row["coverage"]),
            expected_progress=number(row["expected_progress"]),
            status=row["published_status"],
            flags=row["flags"] or (),
            closing_note=row["closing_note"],
            key_results=tuple(by_objective.get(row["objective_key"], ())),
        )
        for row in fetch(connection, "objectives", _OBJECTIVE, order)
    )


def _progress(row: Row) -> Progress:
    return Progress(
        day=row["as_of_date"],
        progress=number(row["progress"]),
        expected=number(row["expected_progress"]),
        value=number(row["current_value"]),
        score=number(row["score"]),
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
        baseline=number(row["baseline_value"]),
        current=number(row["current_value"]),
        target=number(row["target_value"]),
        stretch=number(row["stretch_value"]),
        weight=float(row["weight"] if row["weight"] is not None else 1),
        due=row["due_date"],
        as_of=row["as_of_date"],
        score=number(row["score"]),
        score_method=row["score_method"],
        band=row["score_band"],
        ratio=number(row["ratio"]),
        ratio_reason=row["ratio_reason"],
        progress=number(row["progress"]),
        progress_reason=row["progress_reason"],
        expected_progress=number(row["expected_progress"]),
        pace=row["pace_status"],
        pace_gap=number(row["pace_gap"]),
        forecast=number(row["forecast_value"]),
        forecast_low=number(row["forecast_low"]),
        forecast_high=number(row["forecast_high"]),
        hit_probability=number(row["hit_probability"]),
        confidence=number(row["owner_confidence"]),
        status=row["published_status"],
        status_source=row["status_source"],
        override_reason=row["override_reason"],
        is_stale=bool(row["is_stale"]),
        days_since_check_in=row["days_since_check_in"],
        flags=row["flags"] or (),
        terms_revision=row["terms_revision"] or 1,
        history=history,
    )


def read_check_ins(connection: Connection) -> dict[str, tuple[CheckIn, ...]]:
    """Check-ins by key result, latest first."""
    columns = """key_result_key, check_in_date, author_email, progress_note, how_it_happened, confidence, blockers,
        do_differently, is_superseded, check_in_id"""
    return grouped(
        connection,
        "check_ins",
        columns,
        "key_result_key, -check_in_date, -check_in_id",
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


def read_check_ins_due(connection: Connection) -> tuple[CheckInDue, ...]:
    """Check-ins that are due or overdue."""
    columns = "key_result_key, key_result, team_name, owner_name, due_date, state"
    rows = fetch(
        connection, "check_ins_due", columns, "due_date, key_result_key", "state IN ('due', 'overdue')"
    )
    return tuple(CheckInDue(*row.values()) for row in rows)
