"""Where metrics stand: the latest values, their history in the headline grain, their segments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import Connection

from pipelines.report.model import Anomaly, Kpi, Point, Segment, SeriesKey

from .rows import Row, fetch, number, unit

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


_KPI = """metric_id, metric_name, category, team_key, team_name, owner_name, hierarchy_level, bsc_perspective,
    indicator_type, direction, unit, unit_family, currency_code, display_format, aggregation, period_grain,
    period_start, period_end, value, numerator, denominator, sample_size, target_value, attainment, status, trend,
    previous_value, change_abs, change_pct, same_period_last_year, value_state, state_reason, is_blocked,
    blocked_reason, last_good_value, lifecycle, review_cadence, computed_at, band_low, band_high"""


def read_kpis(connection: Connection) -> tuple[Kpi, ...]:
    """Where every metric stands, by id."""
    purposes = {
        row["metric_id"]: row["purpose"]
        for row in fetch(connection, "metric_dictionary", "metric_id, purpose", "metric_id", "is_current")
    }
    rows = fetch(connection, "kpi_latest", _KPI, "metric_id")
    return tuple(_kpi(row, purposes.get(row["metric_id"], "improvement")) for row in rows)


def _kpi(row: Row, purpose: str) -> Kpi:
    low, high = number(row["band_low"]), number(row["band_high"])
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
        unit=unit(row),
        grain=row["period_grain"],
        period_start=row["period_start"],
        period_end=row["period_end"],
        value=number(row["value"]),
        target=number(row["target_value"]),
        attainment=number(row["attainment"]),
        status=row["status"],
        trend=row["trend"],
        previous=number(row["previous_value"]),
        change_abs=number(row["change_abs"]),
        change_pct=number(row["change_pct"]),
        last_year=number(row["same_period_last_year"]),
        state=row["value_state"],
        reason=row["state_reason"],
        sample_size=row["sample_size"],
        numerator=number(row["numerator"]),
        denominator=number(row["denominator"]),
        is_blocked=bool(row["is_blocked"]),
        blocked_reason=row["blocked_reason"],
        last_good=number(row["last_good_value"]),
        lifecycle=row["lifecycle"],
        review_cadence=row["review_cadence"],
        aggregation=row["aggregation"],
        computed_at=row["computed_at"],
        optimum=(low, high) if low is not None and high is not None and row["target_value"] is None else None,
    )


_POINT = (
    "metric_id, period_start, period_end, value, target_value, status, value_state, denominator, sample_size"
)


def read_points(connection: Connection, kpis: Sequence[Kpi], through: date) -> dict[str, tuple[Point, ...]]:
    """The last periods of each metric in its headline grain."""
    found: dict[str, list[Point]] = defaultdict(list)
    grain_of = {kpi.metric_id: kpi.grain for kpi in kpis}
    for grain in sorted(set(grain_of.values())):
        family, view, where = _view_of(grain)
        since = through - timedelta(days=KEPT[family] * _DAYS[family])
        condition = f"period_start >= :since{where}"
        parameters = {"since": since, **({"grain": grain} if where else {})}
        for row in fetch(connection, view, _POINT, "metric_id, period_start", condition, parameters):
            if grain_of.get(row["metric_id"]) == grain:
                found[row["metric_id"]].append(_point(row))
    return {metric: tuple(points[-KEPT[_family(grain_of[metric])] :]) for metric, points in found.items()}


def read_flag_points(
    connection: Connection, anomalies: Sequence[Anomaly], kpis: Sequence[Kpi], through: date
) -> dict[SeriesKey, tuple[Point, ...]]:
    """History of the flagged series that are not the headline series of their metric."""
    headline = {(kpi.metric_id, kpi.grain, "", "") for kpi in kpis}
    wanted = {one.series for one in anomalies} - headline
    found: dict[SeriesKey, list[Point]] = defaultdict(list)
    for grain, segmented in sorted({(key[1], bool(key[2])) for key in wanted}):
        family, view, where = _view_of(grain, "_by_segment" if segmented else "")
        names = sorted({key[0] for key in wanted if key[1] == grain and bool(key[2]) is segmented})
        named = {f"metric_{i}": name for i, name in enumerate(names)}
        condition = (
            f"period_start >= :since{where} AND metric_id IN ({', '.join(f':{name}' for name in named)})"
        )
        since = through - timedelta(days=KEPT[family] * _DAYS[family])
        parameters = {"since": since, **named, **({"grain": grain} if where else {})}
        columns = _POINT + (", segment_dimension, segment_value" if segmented else "")
        for row in fetch(connection, view, columns, "metric_id, period_start", condition, parameters):
            key = (row["metric_id"], grain, row.get("segment_dimension", ""), row.get("segment_value", ""))
            if key in wanted:
                found[key].append(_point(row))
    return {key: tuple(points) for key, points in sorted(found.items())}


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
        value=number(row["value"]),
        target=number(row["target_value"]),
        status=row["status"],
        state=row["value_state"],
        sample=number(
            row.get("denominator") if row.get("denominator") is not None else row.get("sample_size")
        ),
    )


def read_segments(
    connection: Connection, kpis: Sequence[Kpi], through: date
) -> dict[str, tuple[Segment, ...]]:
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
        for row in fetch(connection, view, columns, order, f"period_start >= :since{where}", parameters):
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
        value=number(last["value"]),
        previous=number(last["previous_value"]),
        change_pct=number(last["change_pct"]),
        sample_size=last["sample_size"],
        target=number(last["target_value"]),
        status=last["status"],
        state=last["value_state"],
        reason=last["state_reason"],
        points=tuple(_point(row) for row in rows[-_SEGMENT_PERIODS:]),
    )


def _by_size(segment: Segment) -> tuple[str, int, str]:
    return segment.dimension, -(segment.sample_size or 0), segment.value_name
