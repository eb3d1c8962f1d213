"""A small dictionary and frames for tests of publication: few metrics, every kind of row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, text

from pipelines.publishing import Publication, PublishResult, publish
from pipelines.publishing.contracts import COUNTED, current_rows
from pipelines.publishing.engine import reading
from pipelines.publishing.publication import STATUS_SCHEMA, VALUE_SCHEMA
from pipelines.publishing.records import (
    BenchmarkRow,
    CycleRow,
    DateRow,
    DictionaryRows,
    EdgeRow,
    GuardrailRow,
    KeyResultRow,
    MetricAudienceRow,
    MetricChangeRow,
    MetricRow,
    MetricVersionRow,
    ObjectiveRow,
    PersonRoleRow,
    PersonRow,
    TargetRow,
    TeamRow,
)

START = datetime(2026, 3, 1, 6, tzinfo=UTC)
THROUGH = date(2026, 2, 28)


class Clock:
    """A clock that moves on by a minute whenever it is read."""

    def __init__(self, start: datetime = START) -> None:
        self._instants = (start + timedelta(minutes=n) for n in count())

    def __call__(self) -> datetime:
        return next(self._instants)


def digest(metric: str, version: int = 1) -> str:
    """A definition hash for tests: 64 hexadecimal digits that depend on metric and version."""
    return f"{metric}-{version}".encode().hex().ljust(64, "0")[:64]


def metric(name: str, **changes: Any) -> MetricRow:
    """A certified metric of the support team."""
    plain = MetricRow(
        metric_id=name,
        metric_name=name.replace("_", " ").capitalize(),
        short_description=f"What {name} means.",
        category="support",
        team_key="support",
        owner_key="ana",
        hierarchy_level="supporting",
        bsc_perspective="customer",
        indicator_type="lagging",
        purpose="improvement",
        direction="increase",
        unit="ratio",
        unit_family="ratio",
        currency_code=None,
        display_format="0.0%",
        aggregation="ratio",
        calculation_cadence="daily",
        review_cadence="monthly",
        headline_grain="month",
        is_actionable=True,
        is_vanity=False,
        lifecycle="certified",
        sensitivity="internal",
        current_version=1,
    )
    return replace(plain, **changes)


def version(name: str, number: int = 1, **changes: Any) -> MetricVersionRow:
    """A definition in force."""
    plain = MetricVersionRow(
        metric_id=name,
        version=number,
        definition=f"What {name} means.",
        formula_text="good / all",
        numerator_sql="count(ratings) where score = 'good'",
        denominator_sql="count(ratings)",
        filters="",
        time_attribution="ratings.rated_at",
        time_zone="UTC",
        missing_policy="empty",
        source_systems=("zendesk",),
        source_tables=("support.satisfaction_ratings",),
        segments=("region",),
        minimum_sample=20,
        restatement_days=3,
        freshness_sla_seconds=129_600,
        known_pitfalls=None,
        related_leading=(),
        related_lagging=(),
        definition_hash=digest(name, number),
        change_type="new" if number == 1 else "breaking",
        change_reason="first definition" if number == 1 else "spam is left out",
        proposed_by="ben",
        approved_by="ana",
        valid_from=date(2025, 1, 1) if number == 1 else date(2026, 1, 1),
    )
    return replace(plain, **changes)


def dictionary(**changes: Any) -> DictionaryRows:
    """Two teams, three people, four metrics (one restricted), a tree, targets, one cycle."""
    names = ("csat", "ticket_volume", "revenue", "salaries")
    metrics = (
        metric("csat", hierarchy_level="north_star"),
        metric("ticket_volume", direction="decrease", unit="tickets", unit_family="count", aggregation="sum",
               indicator_type="leading", headline_grain="week", bsc_perspective="internal_process"),
        metric("revenue", team_key="finance", owner_key="ben", unit="USD", unit_family="currency",
               currency_code="USD", aggregation="sum", bsc_perspective="financial"),
        metric("salaries", team_key="finance", owner_key="ben", unit="USD", unit_family="currency",
               currency_code="USD", aggregation="sum", sensitivity="restricted", bsc_perspective="learning_growth"),
    )  # fmt: skip
    plain = DictionaryRows(
        dates=tuple(_days(date(2025, 12, 1), date(2026, 4, 30))),
        teams=(
            TeamRow("support", "Support", "company", "department", "ana"),
            TeamRow("company", "Company", None, "company", "cleo"),
            TeamRow("finance", "Finance", "company", "department", "ben"),
        ),
        people=(
            PersonRow("ana", "Ana", "ana@example.com", "support"),
            PersonRow("ben", "Ben", "ben@example.com", "finance"),
            PersonRow("cleo", "Cleo", "cleo@example.com", None),
        ),
        metrics=metrics,
        versions=tuple(version(name) for name in names),
        changes=tuple(
            MetricChangeRow(name, 1, "new", date(2025, 1, 1), "first definition", "ben", "ana") for name in names
        ),
        audiences=(MetricAudienceRow("salaries", "board"),),
        roles=(PersonRoleRow("cleo", "board"),),
        edges=(
            EdgeRow("revenue", "csat", "influences", 0, 1, 1, "month"),
            EdgeRow("csat", "ticket_volume", "influences", 0, -1),
        ),
        guardrails=(GuardrailRow("ticket_volume", "csat", "fewer tickets must not mean worse help"),),
        benchmarks=(BenchmarkRow("csat", "good support", 0.8, 0.9, "B2B software", "common practice"),),
        targets=(
            TargetRow("csat", "month", date(2026, 2, 1), date(2026, 2, 28), "", "", "gte", 0.9, set_by="ana"),
            TargetRow("salaries", "month", date(2026, 2, 1), date(2026, 2, 28), "", "", "lte", 90_000, set_by="ben"),
        ),
        cycles=(CycleRow("2026-Q1", "First quarter 2026", date(2026, 1, 1), date(2026, 3, 31), "open"),),
        objectives=(
            ObjectiveRow("love", "2026-Q1", "Customers love our help", "support", "ana", None, True, "committed",
                         "weighted_average", "active"),
        ),
        key_results=(
            key_result("csat-up", "csat", 0.9),
            key_result("pay-down", "salaries", 80_000),
            replace(key_result("playbook", None, None), kr_type="binary", nature="effort", score_method="binary"),
        ),
    )  # fmt: skip
    return replace(plain, **changes)


def key_result(key: str, of_metric: str | None, target: float | None) -> KeyResultRow:
    """A key result of the one objective."""
    return KeyResultRow(
        key_result_key=key,
        objective_key="love",
        statement=f"Move {of_metric} to {target}",
        owner_key="ana",
        kr_type="increase",
        nature="outcome",
        metric_id=of_metric,
        segment_dimension="",
        segment_value="",
        period_grain="month",
        score_method="ratio",
        baseline_value=0.5,
        baseline_as_of=date(2025, 12, 31),
        target_value=target,
        stretch_value=None,
        commit_value=None,
        band_low=None,
        band_high=None,
        comparison="gte",
        unit="ratio",
        weight=1,
        due_date=None,
        expected_curve="linear",
        is_leading=False,
    )


def _days(first: date, last: date) -> Iterable[DateRow]:
    day = first
    while day <= last:
        month = day.replace(day=1)
        quarter = day.replace(month=3 * ((day.month - 1) // 3) + 1, day=1)
        monday = day - timedelta(days=day.weekday())
        year = day.replace(month=1, day=1)
        yield DateRow(
            day, monday, month, quarter, year, f"{day:%G-W%V}", f"{day:%Y-%m}", "Q", month, "M", quarter, "Q",
            year, day.year, day.isoweekday(), day.isoweekday() < 6, False,
        )  # fmt: skip
        day += timedelta(days=1)


_SCHEMA = pa.schema([*VALUE_SCHEMA, *STATUS_SCHEMA])


def value(
    name: str = "csat", start: date = date(2026, 2, 1), number: float | None = 0.85, **changes: Any
) -> dict[str, Any]:
    """One row of a value frame: by default the total of a month, final and green."""
    grain = changes.get("grain", "month")
    end = (
        (start.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        if grain == "month"
        else start
    )
    row = {
        "metric": name,
        "version": 1,
        "definition_hash": digest(name, changes.get("version", 1)),
        "grain": grain,
        "period_start": start,
        "period_end": end,
        "segment_dimension": "",
        "segment_value": "",
        "value": number,
        "numerator": None,
        "denominator": None,
        "sample_size": 100,
        "value_state": "final" if number is not None else "no_data",
        "state_reason": None,
        "target_value": 0.9,
        "attainment": None,
        "status": "amber" if number is not None else "no_data",
        "trend": "flat",
        "previous_value": None,
        "change_abs": None,
        "change_pct": None,
        "same_period_last_year": None,
    }
    return row | changes


def frame(*rows: Mapping[str, Any]) -> pa.Table:
    """Rows as a value frame."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=_SCHEMA)


def publication(name: str, *rows: Mapping[str, Any], **changes: Any) -> Publication:
    """A publication of some values with the whole dictionary."""
    plain = Publication(
        publication_id=name,
        code_version="test",
        data_through=THROUGH,
        dictionary=dictionary(),
        values=frame(*rows),
    )
    return replace(plain, **changes)


def put(
    engine: Engine, name: str, *rows: Mapping[str, Any], clock: Clock | None = None, **changes: Any
) -> PublishResult:
    """Publish some values."""
    return publish(engine, publication(name, *rows, **changes), clock=clock or Clock(), run_id=f"run-{name}")


def rows(engine: Engine, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Rows of a query in one snapshot; numbers as floats so that both engines compare alike."""
    with reading(engine) as connection:
        return [
            tuple(float(cell) if type(cell).__name__ == "Decimal" else cell for cell in row)
            for row in connection.execute(text(query), parameters)
        ]


def torn(connection: Connection) -> list[str]:
    """What breaks invariant P in this snapshot: tables whose current rows are not those of the manifest."""
    batch = connection.execute(text("SELECT max(batch_id) FROM publish_batch")).scalar_one()
    if batch is None:
        return [t.name for t in COUNTED if current_rows(connection, t)]
    manifest = dict(
        connection.execute(
            text("SELECT table_name, row_count FROM publish_manifest WHERE batch_id = :batch"),
            {"batch": batch},
        ).all()
    )
    if set(manifest) != {table.name for table in COUNTED}:
        return ["publish_manifest"]
    return [table.name for table in COUNTED if current_rows(connection, table) != manifest[table.name]]


def assert_whole(engine: Engine) -> None:
    """Invariant P holds now."""
    with reading(engine) as connection:
        assert torn(connection) == []
