"""A made-up company's publication as a snapshot: everything the report can show, without a database."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from pipelines.report.model import (
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

THROUGH = date(2026, 11, 20)
NOW = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)
EUR = Unit("currency", "EUR", "EUR", "0,0")
PERCENT = Unit("ratio", "ratio", None, "0.0%")
COUNT = Unit("count", "tickets", None, "0,0")
SECONDS = Unit("duration_seconds", "seconds", None, "duration")
SCORE = Unit("score", "score", None, "0.0")
DAYS = Unit("count", "days", None, "0.0")
MONTHS = Unit("count", "months", None, "0.0")
TIMES = Unit("ratio", "ratio", None, "0.0")

TEAMS = (
    Team("company", "Northwind", None, "company"),
    Team("sales", "Sales", "company", "department"),
    Team("support", "Support", "company", "department"),
    Team("engineering", "Engineering", "company", "department"),
    Team("product", "Product", "company", "department"),
    Team("finance", "Finance", "company", "department"),
)
OWNERS = {
    "company": "Ada Okafor",
    "sales": "Jonas Lind",
    "support": "Mei Tanaka",
    "engineering": "Priya Raman",
    "product": "Luis Ortega",
    "finance": "Hanna Weiss",
}

# id, name, team, unit, level, perspective, indicator, purpose, direction, grain, start, growth, noise, target
_METRICS = (
    (
        "mrr",
        "Monthly recurring revenue",
        "company",
        EUR,
        "north_star",
        "financial",
        "lagging",
        "improvement",
        "increase",
        "month",
        610_000,
        0.018,
        0.008,
        1_150_000,
    ),
    (
        "new_mrr",
        "New MRR",
        "sales",
        EUR,
        "supporting",
        "financial",
        "lagging",
        "improvement",
        "increase",
        "month",
        31_000,
        0.012,
        0.09,
        44_000,
    ),
    (
        "churned_mrr",
        "Churned MRR",
        "support",
        EUR,
        "supporting",
        "financial",
        "lagging",
        "maintenance",
        "decrease",
        "month",
        9_500,
        0.01,
        0.15,
        12_000,
    ),
    (
        "net_revenue_retention",
        "Net revenue retention",
        "company",
        PERCENT,
        "supporting",
        "financial",
        "lagging",
        "improvement",
        "increase",
        "month",
        1.02,
        0.0015,
        0.006,
        1.08,
    ),
    (
        "gross_margin",
        "Gross margin",
        "finance",
        PERCENT,
        "supporting",
        "financial",
        "lagging",
        "maintenance",
        "increase",
        "month",
        0.74,
        0.0005,
        0.006,
        0.75,
    ),
    (
        "runway_months",
        "Runway",
        "finance",
        MONTHS,
        "supporting",
        "financial",
        "lagging",
        "maintenance",
        "increase",
        "month",
        26,
        -0.012,
        0.02,
        18,
    ),
    (
        "ltv_cac",
        "LTV to CAC",
        "finance",
        TIMES,
        "supporting",
        "financial",
        "lagging",
        "maintenance",
        "band",
        "month",
        3.6,
        0.002,
        0.03,
        3.0,
    ),
    (
        "win_rate",
        "Win rate",
        "sales",
        PERCENT,
        "operational",
        "internal_process",
        "lagging",
        "improvement",
        "increase",
        "month",
        0.24,
        0.004,
        0.05,
        0.30,
    ),
    (
        "pipeline_value",
        "Pipeline value",
        "sales",
        EUR,
        "operational",
        "financial",
        "leading",
        "maintenance",
        "increase",
        "week",
        2_400_000,
        0.004,
        0.03,
        3_000_000,
    ),
    (
        "leads_created",
        "Leads created",
        "sales",
        COUNT,
        "operational",
        "customer",
        "leading",
        "improvement",
        "increase",
        "week",
        140,
        0.006,
        0.08,
        210,
    ),
    (
        "sales_cycle_days",
        "Sales cycle",
        "sales",
        DAYS,
        "operational",
        "internal_process",
        "lagging",
        "maintenance",
        "decrease",
        "month",
        58,
        -0.002,
        0.04,
        55,
    ),
    (
        "csat",
        "Customer satisfaction",
        "support",
        PERCENT,
        "supporting",
        "customer",
        "lagging",
        "improvement",
        "increase",
        "week",
        0.91,
        -0.0006,
        0.012,
        0.92,
    ),
    (
        "first_response_time",
        "First response time",
        "support",
        SECONDS,
        "operational",
        "internal_process",
        "leading",
        "maintenance",
        "decrease",
        "week",
        5_400,
        0.003,
        0.08,
        7_200,
    ),
    (
        "ticket_volume",
        "Ticket volume",
        "support",
        COUNT,
        "operational",
        "customer",
        "leading",
        "maintenance",
        "decrease",
        "week",
        410,
        0.004,
        0.07,
        520,
    ),
    (
        "nps",
        "Net promoter score",
        "company",
        SCORE,
        "supporting",
        "customer",
        "lagging",
        "improvement",
        "increase",
        "month",
        34,
        0.006,
        0.05,
        45,
    ),
    (
        "open_critical_bugs",
        "Open critical bugs",
        "engineering",
        COUNT,
        "operational",
        "internal_process",
        "leading",
        "maintenance",
        "decrease",
        "week",
        5,
        0.01,
        0.18,
        6,
    ),
    (
        "cycle_time",
        "Cycle time",
        "engineering",
        SECONDS,
        "operational",
        "internal_process",
        "leading",
        "improvement",
        "decrease",
        "week",
        340_000,
        -0.004,
        0.09,
        260_000,
    ),
    (
        "deployment_frequency",
        "Deployments a week",
        "engineering",
        COUNT,
        "operational",
        "internal_process",
        "leading",
        "maintenance",
        "increase",
        "week",
        14,
        0.008,
        0.1,
        18,
    ),
    (
        "weekly_active_teams",
        "Weekly active teams",
        "product",
        COUNT,
        "supporting",
        "customer",
        "leading",
        "improvement",
        "increase",
        "week",
        820,
        0.006,
        0.02,
        1_150,
    ),
    (
        "activation_rate",
        "Activation rate",
        "product",
        PERCENT,
        "operational",
        "customer",
        "leading",
        "improvement",
        "increase",
        "week",
        0.41,
        0.003,
        0.04,
        0.50,
    ),
    (
        "employee_engagement",
        "Employee engagement",
        "company",
        SCORE,
        "supporting",
        "learning_growth",
        "lagging",
        "maintenance",
        "increase",
        "quarter",
        7.6,
        0.004,
        0.01,
        7.5,
    ),
    (
        "training_hours",
        "Training hours per person",
        "company",
        Unit("count", "hours", None, "0.0"),
        "operational",
        "learning_growth",
        "leading",
        "maintenance",
        "increase",
        "month",
        3.1,
        0.004,
        0.08,
        4.0,
    ),
)


def company(extra_metrics: int = 0, seed: int = 7) -> Snapshot:
    """The publication; ``extra_metrics`` adds plain ones, to make the site large."""
    chance = random.Random(seed)
    rows = list(_METRICS)
    for i in range(extra_metrics):
        base = _METRICS[1 + i % (len(_METRICS) - 1)]
        team = TEAMS[1 + i % 5].key
        rows.append((f"{base[0]}_{i}", f"{base[1]} {i}", team, *base[3:]))
    points = {row[0]: _points(row, chance) for row in rows}
    kpis = tuple(_kpi(row, points[row[0]]) for row in rows)
    by_id = {kpi.metric_id: kpi for kpi in kpis}
    return Snapshot(
        publication=Publication(
            218, "01JD3X9M2B7Q", THROUGH, datetime(2026, 11, 21, 6, 12, tzinfo=UTC), "0.1.0"
        ),
        teams=TEAMS,
        kpis=tuple(sorted(kpis, key=lambda kpi: kpi.metric_id)),
        points=points,
        segments={name: _segments(by_id[name], points[name], chance) for name in ("mrr", "csat", "win_rate")},
        definitions={kpi.metric_id: _definitions(kpi) for kpi in kpis},
        tree=_tree(by_id),
        contributions={"mrr": _contributions()},
        annotations=(
            Annotation("csat", date(2026, 9, 7), date(2026, 9, 13), "Release 4.2", "rolled back on 12 Sep"),
            Annotation(None, date(2026, 8, 3), date(2026, 8, 16), "Summer shutdown", None),
        ),
        anomalies=_anomalies(by_id, points),
        objectives=_objectives(by_id),
        check_ins={"csat_up": _check_ins(), "win_rate_up": _check_ins()[:1]},
        check_ins_due=(
            CheckInDue(
                "activation_up",
                "Raise activation from 41% to 50%",
                "Product",
                "Luis Ortega",
                date(2026, 11, 16),
                "overdue",
            ),
            CheckInDue(
                "win_rate_up",
                "Raise the win rate from 24% to 30%",
                "Sales",
                "Jonas Lind",
                date(2026, 11, 23),
                "due",
            ),
        ),
        health=_health(),
        checks=_checks(),
        blocked=(
            Blocked(
                "first_response_time", "First response time", "Mei Tanaka", _BLOCKED, NOW - timedelta(hours=7)
            ),
        ),
        changes=(
            Change(
                "csat",
                "Customer satisfaction",
                2,
                "breaking",
                date(2026, 7, 1),
                "Spam tickets no longer count.",
                "mei",
                "ada",
            ),
        ),
        restatements=(
            Restatement(
                "pipeline_value",
                "Pipeline value",
                "week",
                date(2026, 10, 5),
                "total",
                "source data changed",
                2_911_000.0,
                2_954_500.0,
                NOW - timedelta(days=9),
            ),
        ),
        findings=(
            Finding(
                "guardrail_missing",
                "warning",
                "metric",
                "ticket_volume",
                "A target without a counter-metric.",
                "Pair it with csat.",
            ),
        ),
        alerts=(
            Alert(
                "anomaly",
                "metric",
                "csat",
                "critical",
                "person:mei",
                "slack",
                "sent",
                "Customer satisfaction is far below its range",
                NOW - timedelta(hours=1),
            ),
        ),
        focus=(
            Focus(
                "activation_rate",
                0.12,
                ("Cut the second onboarding step", "Call the ten accounts that stalled"),
            ),
            Focus("win_rate", 0.08, ("Review lost deals with a competitor set",)),
            Focus("cycle_time", 0.05, ()),
        ),
    )


_BLOCKED = "support.tickets: 31 of 48,210 rows: first_reply_at is before created_at"


def _periods(grain: str) -> list[tuple[date, date]]:
    if grain == "week":
        last = date(2026, 11, 16)
        return [
            (last - timedelta(weeks=i), last - timedelta(weeks=i) + timedelta(days=6))
            for i in range(64, -1, -1)
        ]
    step, count = (3, 14) if grain == "quarter" else (1, 30)
    month = 2026 * 12 + (9 if grain == "quarter" else 10)
    starts = [month - step * i for i in range(count, -1, -1)]

    def first(of: int) -> date:
        return date(of // 12, of % 12 + 1, 1)

    return [(first(of), first(of + step) - timedelta(days=1)) for of in starts]


def _points(row: tuple, chance: random.Random) -> tuple[Point, ...]:
    name, unit, grain, start, growth, noise, target = (
        row[0],
        row[3],
        row[9],
        row[10],
        row[11],
        row[12],
        row[13],
    )
    periods = _periods(grain)
    made = []
    for i, (first, last) in enumerate(periods):
        expected = start * (1 + growth) ** i * (1 + 0.02 * math.sin(i / 3))
        value = expected * (1 + chance.gauss(0, noise))
        if name == "csat" and i >= len(periods) - 4:
            value -= 0.055
        if name == "open_critical_bugs" and i >= len(periods) - 5:
            value += 6
        if unit is PERCENT and name != "net_revenue_retention":
            value = min(value, 0.99)
        width = max(noise * 2.8, 0.02) * expected
        value = round(value) if unit is COUNT else value
        goal = target if i > len(periods) - 14 else target * 0.95
        state = "provisional" if last > THROUGH else "final"
        made.append(Point(first, last, value, goal, "green", state, expected - width, expected + width))
    return tuple(made)


def _kpi(row: tuple, points: tuple[Point, ...]) -> Kpi:
    name, label, team, unit, level, perspective, indicator, purpose, direction, grain = row[:10]
    final = [point for point in points if point.state == "final"]
    last, before = final[-1], final[-2]
    assert last.value is not None
    assert before.value is not None
    target = row[13]
    attainment = last.value / target if direction != "decrease" else target / last.value
    status = "green" if attainment >= 1 else "amber" if attainment >= 0.9 else "red"
    better = (last.value - final[-4].value) * (-1 if direction == "decrease" else 1)
    trend = "flat" if abs(better) < 0.01 * abs(last.value) else "improving" if better > 0 else "worsening"
    blocked = name == "first_response_time"
    return Kpi(
        metric_id=name,
        name=label,
        category={
            "sales": "sales",
            "support": "support",
            "engineering": "engineering",
            "product": "product",
        }.get(team, "company"),
        team_key=team,
        team_name=next(one.name for one in TEAMS if one.key == team),
        owner=OWNERS[team],
        level=level,
        perspective=perspective,
        indicator=indicator,
        purpose=purpose,
        direction=direction,
        unit=unit,
        grain=grain,
        period_start=last.start,
        period_end=last.end,
        value=None if blocked else last.value,
        target=target,
        attainment=None if blocked else round(attainment, 6),
        status="no_data" if blocked else status,
        trend=None if blocked else trend,
        previous=before.value,
        change_abs=last.value - before.value,
        change_pct=(last.value - before.value) / abs(before.value),
        last_year=final[-13].value if grain == "month" else None,
        state="blocked" if blocked else "final",
        reason=_BLOCKED if blocked else None,
        sample_size=1240,
        numerator=None if unit is not PERCENT else 912.0,
        denominator=None if unit is not PERCENT else 1002.0,
        is_blocked=blocked,
        blocked_reason=_BLOCKED if blocked else None,
        last_good=before.value if blocked else last.value,
        lifecycle="certified",
        review_cadence="weekly" if indicator == "leading" else "monthly",
        aggregation="ratio" if unit is PERCENT else "last",
        computed_at=NOW,
    )


def _segments(kpi: Kpi, points: tuple[Point, ...], chance: random.Random) -> tuple[Segment, ...]:
    made = []
    for dimension, names in (
        ("region", ("emea", "na", "apac", "latam", "(unknown)")),
        ("tier", ("enterprise", "pro", "free")),
    ):
        for rank, name in enumerate(names):
            share = 1.0 if kpi.unit is PERCENT else 0.5 / (rank + 1)
            recent = tuple(
                replace(
                    p,
                    value=None if p.value is None else p.value * share * (1 + chance.gauss(0, 0.03)),
                    lower=None,
                    upper=None,
                )
                for p in points[-14:-1]
            )
            last, before = recent[-1].value, recent[-2].value
            change = None if not before or last is None else (last - before) / before
            made.append(
                Segment(
                    dimension,
                    name,
                    last,
                    before,
                    change,
                    620 // (rank + 1),
                    None,
                    "no_target",
                    "final",
                    None,
                    recent,
                )
            )
    return tuple(made)


def _definitions(kpi: Kpi) -> tuple[Definition, ...]:
    current = Definition(
        version=2 if kpi.metric_id == "csat" else 1,
        definition={
            "mrr": "What all active subscriptions are worth in a month, at the end of the period.",
            "csat": "Share of ratings that are good, of all ratings given in the period.",
        }.get(kpi.metric_id, f"{kpi.name}, as agreed with {kpi.team_name}."),
        formula={"csat": "good ÷ (good + bad)", "mrr": "Σ amount ÷ interval_months"}.get(
            kpi.metric_id, "count of rows"
        ),
        numerator_sql="count(*) filter (where score = 'good')",
        denominator_sql="count(*)" if kpi.unit is PERCENT else None,
        filters="not is_spam and not is_deleted",
        time_attribution="rated_at",
        time_zone="Europe/Berlin",
        missing="empty",
        source_systems=("zendesk",) if kpi.team_key == "support" else ("salesforce", "billing"),
        source_tables=("support.tickets",)
        if kpi.team_key == "support"
        else ("crm.opportunities", "billing.subscriptions"),
        segments=("region", "tier"),
        minimum_sample=20 if kpi.unit is PERCENT else None,
        freshness_seconds=86_400,
        pitfalls="Few ratings after a release: read it with the number of ratings."
        if kpi.metric_id == "csat"
        else None,
        related_leading=("first_response_time",),
        related_lagging=("nps",),
        calculation_cadence="daily",
        replaced_by=None,
        change_type="breaking",
        change_reason="Spam tickets no longer count." if kpi.metric_id == "csat" else "First definition.",
        approved_by="ada",
        valid_from=date(2026, 7, 1),
        valid_to=date(9999, 12, 31),
        is_current=True,
        file=f"metrics/{kpi.category}.yml",
        line=12,
    )
    if kpi.metric_id != "csat":
        return (current,)
    earlier = replace(
        current,
        version=1,
        change_reason="First definition.",
        valid_from=date(2025, 1, 1),
        valid_to=date(2026, 7, 1),
        is_current=False,
    )
    return current, earlier


def _tree(kpis: dict[str, Kpi]) -> tuple[TreeRow, ...]:
    edges = (
        ("mrr", None, None, 0, None),
        ("new_mrr", "mrr", "add", 0, 37_900.0),
        ("leads_created", "new_mrr", "influences", 0, None),
        ("activation_rate", "leads_created", "influences", 0, None),
        ("win_rate", "new_mrr", "influences", 1, None),
        ("pipeline_value", "new_mrr", "influences", 2, None),
        ("churned_mrr", "mrr", "subtract", 1, -12_700.0),
        ("csat", "churned_mrr", "influences", 0, None),
        ("first_response_time", "csat", "influences", 0, None),
        ("open_critical_bugs", "csat", "influences", 1, None),
        ("net_revenue_retention", "mrr", "influences", 2, None),
    )
    sort: dict[str, str] = {}
    depth: dict[str, int] = {}
    made = []
    for name, parent, operator, order, contribution in edges:
        depth[name] = 0 if parent is None else depth[parent] + 1
        sort[name] = name if parent is None else f"{sort[parent]}/{order:03}{name}"
        kpi = kpis[name]
        made.append(
            TreeRow(
                "mrr",
                name,
                kpi.name,
                parent,
                operator,
                -1 if name in ("csat", "first_response_time") else 1,
                1 if operator == "influences" else 0,
                "month" if operator == "influences" else None,
                depth[name],
                sort[name],
                kpi.value,
                kpi.target,
                kpi.status,
                kpi.trend,
                kpi.unit,
                contribution,
                None if contribution is None else contribution / 25_200,
                date(2026, 10, 1),
                True,
            )
        )
    return tuple(sorted(made, key=lambda row: row.sort_path))


def _contributions() -> tuple[Contribution, ...]:
    start = date(2026, 10, 1)
    return (
        Contribution(
            "new_mrr", "New MRR", "month", start, 41_200.0, 39_800.0, 37_900.0, 1.504, "additive", True
        ),
        Contribution(
            "churned_mrr",
            "Churned MRR",
            "month",
            start,
            12_700.0,
            11_300.0,
            -12_700.0,
            -0.504,
            "additive",
            True,
        ),
    )


def _anomalies(kpis: dict[str, Kpi], points: dict[str, tuple[Point, ...]]) -> tuple[Anomaly, ...]:
    made = []
    for name, severity, kind, effect, action in (
        (
            "csat",
            "critical",
            "level_shift",
            "unfavourable",
            "Look at tickets tagged release-4.2 first: emea carries 71% of the drop. Ask Priya Raman.",
        ),
        (
            "open_critical_bugs",
            "warning",
            "point",
            "unfavourable",
            "Six of eleven were opened by one service; Priya Raman owns it.",
        ),
        ("weekly_active_teams", "info", "trend", "favourable", None),
    ):
        kpi = kpis[name]
        point = [one for one in points[name] if one.state == "final"][-2]
        words = {
            "csat": "Customer satisfaction fell to 83.1% and stays there; 88.6% to 92.4% was expected.",
            "open_critical_bugs": "11 critical bugs are open; 3 to 8 were expected.",
        }.get(name, "Slow rise over nine weeks, more than chance would give.")
        made.append(
            Anomaly(
                name,
                kpi.name,
                kpi.team_key,
                kpi.team_name,
                kpi.owner,
                kpi.grain,
                point.start,
                "",
                "",
                kind,
                severity,
                effect,
                point.value,
                None if point.lower is None or point.upper is None else (point.lower + point.upper) / 2,
                point.lower,
                point.upper,
                5.3,
                kpi.unit,
                words,
                action,
                (
                    {"dimension": "region", "name": "emea", "contribution": -0.031},
                    {"dimension": "tier", "name": "pro", "contribution": -0.012},
                ),
                "open",
                NOW - timedelta(hours=5),
            )
        )
    return tuple(made)


def _objectives(kpis: dict[str, Kpi]) -> tuple[Objective, ...]:
    start, end = date(2026, 10, 1), date(2026, 12, 31)

    def result(
        key: str,
        objective: str,
        statement: str,
        metric: str | None,
        base: float | None,
        now: float | None,
        to: float | None,
        status: str,
        **more: object,
    ) -> KeyResult:
        progress = None if None in (base, now, to) or base == to else (now - base) / (to - base)  # type: ignore[operator]
        days = (THROUGH - start).days
        history = tuple(
            Progress(
                start + timedelta(days=i),
                None if progress is None else progress * (i / days) ** 1.3 + 0.03 * math.sin(i / 4),
                i / 91,
                None if base is None or now is None else base + (now - base) * (i / days),
                None if now is None or to is None else now / to,
            )
            for i in range(days + 1)
        )
        kpi = kpis.get(metric or "")
        given: dict[str, object] = {
            "key": key,
            "objective_key": objective,
            "statement": statement,
            "owner": kpi.owner if kpi else "Ada Okafor",
            "kr_type": "increase",
            "nature": "outcome" if metric else "effort",
            "is_leading": True,
            "metric_id": metric,
            "unit": kpi.unit if kpi else Unit(),
            "baseline": base,
            "current": now,
            "target": to,
            "stretch": None,
            "weight": 1.0,
            "due": end,
            "as_of": THROUGH,
            "score": None if now is None or not to else now / to,
            "score_method": "ratio",
            "band": "at_risk",
            "ratio": None if now is None or not to else now / to,
            "ratio_reason": None,
            "progress": progress,
            "progress_reason": None,
            "expected_progress": days / 91,
            "pace": "behind",
            "pace_gap": None,
            "forecast": None if now is None or to is None or base is None else now + (now - base) * 0.6,
            "forecast_low": None if now is None or to is None or base is None else now + (now - base) * 0.2,
            "forecast_high": None if now is None or to is None or base is None else now + (now - base) * 1.1,
            "hit_probability": 0.31,
            "confidence": 0.6,
            "status": status,
            "status_source": "computed",
            "override_reason": None,
            "is_stale": False,
            "days_since_check_in": 4,
            "flags": (),
            "terms_revision": 1,
            "history": history,
        }
        return KeyResult(**{**given, **more})  # type: ignore[arg-type]

    def objective(
        key: str,
        title: str,
        team: str,
        status: str,
        score: float | None,
        results: tuple[KeyResult, ...],
        **more: object,
    ) -> Objective:
        given: dict[str, object] = {
            "key": key,
            "title": title,
            "rationale": None,
            "team_key": team,
            "owner": OWNERS[team],
            "team_name": next(one.name for one in TEAMS if one.key == team),
            "parent_key": None,
            "contributes": True,
            "commitment": "aspirational",
            "cycle_key": "2026-Q4",
            "cycle_name": "Q4 2026",
            "cycle_state": "open",
            "cycle_start": start,
            "cycle_end": end,
            "lifecycle": "active",
            "as_of": THROUGH,
            "score": score,
            "coverage": 1.0,
            "expected_progress": 0.55,
            "status": status,
            "flags": (),
            "closing_note": None,
            "key_results": results,
        }
        return Objective(**{**given, **more})  # type: ignore[arg-type]

    return (
        objective(
            "love",
            "Turn customers into fans",
            "support",
            "at_risk",
            0.71,
            (
                result(
                    "csat_up",
                    "love",
                    "Raise CSAT from 88% to 92%",
                    "csat",
                    0.88,
                    0.874,
                    0.92,
                    "off_track",
                    pace="off_pace",
                    flags=("regressed", "ratio_masks_no_progress"),
                    confidence=0.7,
                    hit_probability=0.08,
                ),
                result(
                    "nps_up",
                    "love",
                    "Raise NPS from 34 to 45",
                    "nps",
                    34.0,
                    41.2,
                    45.0,
                    "on_track",
                    pace="ahead",
                    is_leading=False,
                    hit_probability=0.72,
                ),
                result(
                    "playbook",
                    "love",
                    "Publish the support playbook",
                    None,
                    None,
                    None,
                    None,
                    "on_track",
                    score=0.6,
                    score_method="milestone",
                    progress=0.6,
                    ratio_reason="no_metric",
                ),
            ),
            rationale="Satisfaction fell after release 4.2; fans renew, and they tell others.",
        ),
        objective(
            "machine",
            "Build a sales machine that does not depend on heroes",
            "sales",
            "on_track",
            0.83,
            (
                result(
                    "win_rate_up",
                    "machine",
                    "Raise the win rate from 24% to 30%",
                    "win_rate",
                    0.24,
                    0.277,
                    0.30,
                    "on_track",
                    pace="on_pace",
                    hit_probability=0.58,
                ),
                result(
                    "leads_up",
                    "machine",
                    "Raise leads from 140 to 210 a week",
                    "leads_created",
                    140.0,
                    191.0,
                    210.0,
                    "on_track",
                    pace="ahead",
                    hit_probability=0.81,
                ),
            ),
        ),
        objective(
            "first-day",
            "A first day that makes teams stay",
            "product",
            "stale",
            0.54,
            (
                result(
                    "activation_up",
                    "first-day",
                    "Raise activation from 41% to 50%",
                    "activation_rate",
                    0.41,
                    0.443,
                    0.50,
                    "stale",
                    is_stale=True,
                    days_since_check_in=12,
                ),
                result(
                    "wat_up",
                    "first-day",
                    "Grow weekly active teams from 980 to 1,150",
                    "weekly_active_teams",
                    980.0,
                    1065.0,
                    1150.0,
                    "at_risk",
                ),
            ),
        ),
    )


def _check_ins() -> tuple[CheckIn, ...]:
    return (
        CheckIn(
            "csat_up",
            date(2026, 11, 16),
            "mei@northwind.example",
            "Down to 87.4%.",
            "Release 4.2 broke exports for emea accounts; 71% of bad ratings name it.",
            0.7,
            "The fix waits for the data migration.",
            "Support joins the release review from now on.",
            False,
        ),
        CheckIn(
            "csat_up",
            date(2026, 11, 9),
            "mei@northwind.example",
            "Holding at 89%.",
            "Faster first answers on pro accounts.",
            0.8,
            None,
            None,
            False,
        ),
        CheckIn(
            "csat_up",
            date(2026, 11, 9),
            "mei@northwind.example",
            "Holding at 98%.",
            "Typo, see the correction.",
            0.8,
            None,
            None,
            True,
        ),
    )


def _health() -> tuple[Health, ...]:
    fresh = NOW - timedelta(hours=3)
    return (
        Health(
            "salesforce",
            "crm.opportunities",
            "green",
            fresh,
            fresh,
            fresh,
            86_400,
            False,
            412,
            0,
            None,
            None,
            14,
            0,
            0,
        ),
        Health(
            "salesforce",
            "crm.accounts",
            "green",
            fresh,
            fresh,
            fresh,
            86_400,
            False,
            18,
            0,
            None,
            None,
            9,
            0,
            0,
        ),
        Health(
            "zendesk",
            "support.tickets",
            "red",
            fresh,
            fresh,
            fresh,
            86_400,
            False,
            1204,
            3,
            None,
            None,
            17,
            1,
            1,
        ),
        Health(
            "jira", "tracker.issues", "green", fresh, fresh, fresh, 86_400, False, 96, 0, None, None, 12, 0, 0
        ),
        Health(
            "billing",
            "billing.subscriptions",
            "amber",
            NOW - timedelta(days=3),
            fresh,
            NOW - timedelta(days=3),
            86_400,
            True,
            0,
            0,
            None,
            "no file for 2026-11-19",
            8,
            0,
            0,
        ),
    )


def _checks() -> tuple[Check, ...]:
    return (
        Check(
            "support.tickets.replied_after_creation",
            "support.tickets",
            "zendesk",
            "consistency",
            "error",
            False,
            48_210,
            31,
            _BLOCKED,
            ("first_response_time",),
            NOW,
        ),
        Check(
            "support.tickets.volume",
            "support.tickets",
            "zendesk",
            "volume",
            "warn",
            False,
            48_210,
            None,
            "support.tickets has 48,210 rows, 53,100 in the last good run",
            ("csat", "ticket_volume"),
            NOW,
        ),
        Check(
            "crm.opportunities.opportunity_id.unique",
            "crm.opportunities",
            "salesforce",
            "uniqueness",
            "error",
            True,
            9_120,
            0,
            "crm.opportunities: no row of 9,120: opportunity_id is there more than once",
            ("win_rate", "pipeline_value"),
            NOW,
        ),
        Check(
            "kpi_value.finite",
            "kpi_value",
            "kpi",
            "validity",
            "error",
            True,
            210_000,
            0,
            "no value: a number is NaN or infinite",
            (),
            NOW,
        ),
    )
