"""The made-up company of the report's tests, published into a real reporting database by the publisher itself."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import Engine

from pipelines.publishing import BlockedMetric, Publication, PublishResult, publish
from pipelines.publishing import schema as tables
from pipelines.publishing.migrations import upgrade
from pipelines.publishing.records import (
    AlertRow,
    AnomalyRow,
    CheckInDueRow,
    ContributionRow,
    CycleRow,
    DateRow,
    DictionaryRows,
    EdgeRow,
    FindingRow,
    FreshnessRow,
    KeyResultRow,
    KeyResultScoreRow,
    MetricChangeRow,
    MetricRow,
    MetricVersionRow,
    ObjectiveRow,
    ObjectiveScoreRow,
    PersonRow,
    QualityResultRow,
    TeamRow,
)
from pipelines.report.model import Definition, KeyResult, Kpi, Objective, Snapshot
from tests.unit.report.company_report import NOW, OWNERS, THROUGH, company

PERSON = {name: key for key, name in OWNERS.items()}
HOLIDAYS = {date(2026, 10, 3): "German Unity Day", date(2026, 12, 25): "Christmas Day"}


def published_company(engine: Engine, snapshot: Snapshot | None = None) -> PublishResult:
    """Bring the schema up to date and publish the company into it, check-ins and events included."""
    upgrade(engine)
    made = snapshot or company()
    result = publish(
        engine, publication_of(made), clock=lambda: NOW - timedelta(minutes=18), run_id="run-218"
    )
    _write_people(engine, made)
    return result


def publication_of(made: Snapshot, publication_id: str = "01JD3X9M2B7Q") -> Publication:
    """The snapshot as what a run would hand over."""
    return Publication(
        publication_id=publication_id,
        code_version="0.1.0",
        data_through=THROUGH,
        dictionary=_dictionary(made),
        values=_values(made),
        blocked=tuple(BlockedMetric(one.metric_id, one.reason) for one in made.blocked),
        key_result_scores=tuple(row for o in made.objectives for kr in o.key_results for row in _scores(kr)),
        objective_scores=tuple(_objective_score(one) for one in made.objectives),
        contributions=tuple(
            ContributionRow(
                parent,
                one.child_id,
                one.grain,
                one.period_start,
                "previous_period",
                "",
                "",
                one.value,
                one.before,
                one.contribution,
                one.share,
                one.method,
                one.reconciles,
            )
            for parent, found in made.contributions.items()
            for one in found
        ),
        anomalies=tuple(
            AnomalyRow(
                one.metric_id,
                one.grain,
                one.period_start,
                one.segment_dimension,
                one.segment_value,
                "robust_seasonal",
                "1",
                one.observed,
                one.expected,
                one.lower,
                one.upper,
                one.score,
                one.severity,
                one.effect,
                one.kind,
                one.explanation,
                one.action,
                one.root_cause,
            )
            for one in made.anomalies
        ),
        quality_results=tuple(
            QualityResultRow(
                one.check_id,
                one.asset,
                one.system,
                one.dimension,
                one.severity,
                one.passed,
                one.message,
                False,
                NOW,
                one.metric_ids,
                one.rows_checked,
                one.rows_failed,
            )
            for one in made.checks
        ),
        freshness=tuple(
            FreshnessRow(
                one.system,
                one.asset,
                one.sla_seconds or 86_400,
                one.is_late,
                one.last_success_at,
                one.last_attempt_at,
                one.data_through_at,
                one.rows_last_run,
                one.rows_quarantined,
                None,
                None,
                one.drift,
                one.error,
            )
            for one in made.health
        ),
        findings=tuple(
            FindingRow(one.rule_id, one.severity, one.subject_kind, one.subject_id, one.message, one.advice)
            for one in made.findings
        ),
        check_ins_due=tuple(
            CheckInDueRow(one.key_result_key, one.due, one.state) for one in made.check_ins_due
        ),
        alerts=tuple(
            AlertRow(
                f"alert-{i}",
                f"alert-{i}",
                "firing",
                one.alert_type,
                one.subject_kind,
                one.subject_id,
                one.severity,
                one.recipient,
                one.channel,
                "queued",
                "routed",
                one.message,
                "{}",
                one.created_at,
                one.created_at,
            )
            for i, one in enumerate(made.alerts)
        ),
    )


def _dictionary(made: Snapshot) -> DictionaryRows:
    return DictionaryRows(
        teams=tuple(TeamRow(one.key, one.name, one.parent_key, one.level) for one in made.teams),
        people=tuple(PersonRow(key, name, f"{key}@northwind.example", key) for key, name in OWNERS.items()),
        metrics=tuple(_metric(one, made.definitions.get(one.metric_id, ())) for one in made.kpis),
        versions=tuple(_version(name, one) for name, found in made.definitions.items() for one in found),
        changes=tuple(
            MetricChangeRow(
                one.metric_id,
                one.version,
                one.change_type,
                one.day,
                one.reason,
                one.proposed_by,
                one.approved_by,
            )
            for one in made.changes
        ),
        edges=tuple(
            EdgeRow(
                row.parent_id,
                row.metric_id,
                row.operator or "influences",
                int(row.sort_path.rpartition("/")[2][:3]),
                row.expected_sign,
                row.lag_periods,
                row.lag_grain,
            )
            for row in made.tree
            if row.parent_id is not None
        ),
        dates=tuple(_date(date(2026, 9, 1) + timedelta(days=i)) for i in range(150)),
        cycles=tuple(
            CycleRow(key, name, first, last, state)
            for key, name, first, last, state in sorted(
                {
                    (o.cycle_key, o.cycle_name, o.cycle_start, o.cycle_end, o.cycle_state)
                    for o in made.objectives
                }
            )
        ),
        objectives=tuple(_objective(one) for one in made.objectives),
        key_results=tuple(_key_result(kr) for one in made.objectives for kr in one.key_results),
    )


def _metric(kpi: Kpi, definitions: tuple[Definition, ...]) -> MetricRow:
    return MetricRow(
        metric_id=kpi.metric_id,
        metric_name=kpi.name,
        short_description=definitions[0].definition if definitions else kpi.name,
        category=kpi.category,
        team_key=kpi.team_key,
        owner_key=PERSON[kpi.owner],
        hierarchy_level=kpi.level,
        bsc_perspective=kpi.perspective,
        indicator_type=kpi.indicator,
        purpose=kpi.purpose,
        direction=kpi.direction,
        unit=kpi.unit.name,
        unit_family=kpi.unit.family,
        currency_code=kpi.unit.currency,
        display_format=kpi.unit.pattern,
        aggregation=kpi.aggregation,
        calculation_cadence="daily",
        review_cadence=kpi.review_cadence,
        headline_grain=kpi.grain,
        is_actionable=True,
        is_vanity=False,
        lifecycle=kpi.lifecycle,
        sensitivity="internal",
        current_version=max((one.version for one in definitions), default=1),
        band_low=3 if kpi.direction == "band" else None,
        band_high=5 if kpi.direction == "band" else None,
        suggested_actions="Cut the second onboarding step" if kpi.metric_id == "activation_rate" else None,
    )


def digest_of(metric: str, version: int) -> str:
    return hashlib.sha256(f"{metric} {version}".encode()).hexdigest()


def _version(metric: str, one: Definition) -> MetricVersionRow:
    return MetricVersionRow(
        metric_id=metric,
        version=one.version,
        definition=one.definition,
        formula_text=one.formula,
        numerator_sql=one.numerator_sql,
        denominator_sql=one.denominator_sql,
        filters=one.filters,
        time_attribution=one.time_attribution,
        time_zone=one.time_zone,
        missing_policy=one.missing,
        source_systems=one.source_systems,
        source_tables=one.source_tables,
        segments=one.segments,
        minimum_sample=one.minimum_sample,
        restatement_days=3,
        freshness_sla_seconds=one.freshness_seconds or 86_400,
        known_pitfalls=one.pitfalls,
        related_leading=one.related_leading,
        related_lagging=one.related_lagging,
        definition_hash=digest_of(metric, one.version),
        change_type=one.change_type,
        change_reason=one.change_reason,
        proposed_by="mei",
        approved_by=one.approved_by,
        valid_from=one.valid_from,
        valid_to=one.valid_to,
        is_current=one.is_current,
        definition_file=one.file,
        definition_line=one.line,
    )


def _values(made: Snapshot) -> pa.Table:
    rows = []
    for kpi in made.kpis:
        version = max((one.version for one in made.definitions[kpi.metric_id]), default=1)
        shared = {
            "metric": kpi.metric_id,
            "version": version,
            "definition_hash": digest_of(kpi.metric_id, version),
            "grain": kpi.grain,
        }
        before: float | None = None
        for point in made.points[kpi.metric_id]:
            rows.append(
                shared
                | {
                    "period_start": point.start,
                    "period_end": point.end,
                    "segment_dimension": "",
                    "segment_value": "",
                    "value": point.value,
                    "sample_size": kpi.sample_size,
                    "value_state": point.state,
                    "state_reason": "the period is not over" if point.state == "provisional" else None,
                    "target_value": point.target,
                    "attainment": kpi.attainment,
                    "status": "red" if kpi.is_blocked else kpi.status,
                    "trend": kpi.trend,
                    "previous_value": before,
                    "change_abs": None if before is None or point.value is None else point.value - before,
                    "change_pct": None
                    if not before or point.value is None
                    else (point.value - before) / abs(before),
                }
            )
            before = point.value
        for segment in made.segments.get(kpi.metric_id, ()):
            for point in segment.points:
                rows.append(
                    shared
                    | {
                        "period_start": point.start,
                        "period_end": point.end,
                        "segment_dimension": segment.dimension,
                        "segment_value": segment.value_name,
                        "value": point.value,
                        "sample_size": segment.sample_size,
                        "value_state": "final",
                        "status": "no_target",
                    }
                )
    kinds = {
        "version": pa.int32(),
        "period_start": pa.date32(),
        "period_end": pa.date32(),
        "sample_size": pa.int64(),
        **dict.fromkeys(
            (
                "value",
                "target_value",
                "attainment",
                "previous_value",
                "change_abs",
                "change_pct",
                "numerator",
                "denominator",
            ),
            pa.float64(),
        ),
    }
    names = sorted({name for row in rows for name in row} | {"numerator", "denominator", "state_reason"})
    return pa.Table.from_pylist(
        rows, schema=pa.schema([(name, kinds.get(name, pa.string())) for name in names])
    )


def _date(day: date) -> DateRow:
    month, week = day.replace(day=1), day - timedelta(days=day.weekday())
    quarter = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    year, label = date(day.year, 1, 1), f"{day.year}-Q{(day.month + 2) // 3}"
    iso = day.isocalendar()
    return DateRow(
        day,
        week,
        month,
        quarter,
        year,
        f"{iso.year}-W{iso.week:02}",
        f"{day:%Y-%m}",
        label,
        month,
        f"FY{day:%Y-M%m}",
        quarter,
        f"FY{label}",
        year,
        day.year,
        iso.weekday,
        iso.weekday < 6 and day not in HOLIDAYS,
        day in HOLIDAYS,
        HOLIDAYS.get(day),
    )


def _objective(one: Objective) -> ObjectiveRow:
    return ObjectiveRow(
        one.key,
        one.cycle_key,
        one.title,
        one.team_key,
        PERSON[one.owner],
        one.parent_key,
        one.contributes,
        one.commitment,
        "weighted_average",
        one.lifecycle,
        rationale=one.rationale,
        closing_note=one.closing_note,
    )


def _objective_score(one: Objective) -> ObjectiveScoreRow:
    return ObjectiveScoreRow(
        one.key,
        THROUGH,
        one.coverage or 0,
        one.status,
        len(one.key_results),
        1,
        1,
        0,
        0,
        one.score,
        one.expected_progress,
        one.flags,
    )


def _key_result(kr: KeyResult) -> KeyResultRow:
    return KeyResultRow(
        kr.key,
        kr.objective_key,
        kr.statement,
        PERSON[kr.owner],
        kr.kr_type if kr.metric_id else "milestone",
        kr.nature,
        kr.metric_id,
        "",
        "",
        "week" if kr.metric_id else None,
        kr.score_method,
        kr.baseline,
        None,
        kr.target,
        kr.stretch,
        None,
        None,
        None,
        None,
        kr.unit.name or None,
        kr.weight,
        kr.due,
        "linear",
        kr.is_leading,
    )


def _scores(kr: KeyResult) -> list[KeyResultScoreRow]:
    rows = [
        KeyResultScoreRow(
            kr.key,
            one.day,
            i,
            kr.score_method,
            kr.band,
            kr.status,
            current_value=one.value,
            progress_raw=one.progress,
            expected_progress=one.expected,
            score=one.score,
        )
        for i, one in enumerate(kr.history[:-1], start=1)
    ]
    return [
        *rows,
        KeyResultScoreRow(
            kr.key,
            THROUGH,
            len(rows) + 1,
            kr.score_method,
            kr.band,
            kr.status,
            kr.current,
            THROUGH,
            kr.ratio,
            kr.ratio_reason,
            kr.progress,
            kr.progress_reason,
            kr.score,
            None,
            kr.expected_progress,
            None,
            kr.pace_gap,
            kr.pace,
            kr.forecast,
            kr.forecast_low,
            kr.forecast_high,
            None,
            kr.hit_probability,
            kr.confidence,
            None,
            kr.status_source,
            kr.override_reason,
            kr.is_stale,
            kr.days_since_check_in,
            kr.flags,
        ),
    ]


def _write_people(engine: Engine, made: Snapshot) -> None:
    """What people write themselves: check-ins, and events on charts."""
    with engine.begin() as connection:
        for found in made.check_ins.values():
            corrected: int | None = None
            for one in reversed(found):
                row = {
                    "key_result_key": one.key_result_key,
                    "check_in_date": one.day,
                    "author_email": one.author,
                    "progress_note": one.progress_note,
                    "how_it_happened": one.how,
                    "confidence": one.confidence,
                    "blockers": one.blockers,
                    "do_differently": one.differently,
                    "created_at": NOW,
                    "supersedes": corrected,
                }
                written = connection.execute(sa.insert(tables.check_in).values(row))
                corrected = written.inserted_primary_key[0] if one.is_superseded else None
        for event in made.annotations:
            connection.execute(
                sa.insert(tables.annotation).values(
                    metric_id=event.metric_id,
                    start_date=event.start,
                    end_date=event.end,
                    title=event.title,
                    note=event.note,
                    is_expected=False,
                    author_email="mei@northwind.example",
                    created_at=NOW,
                )
            )
