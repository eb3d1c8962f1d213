"""Generated dictionaries and value frames of any size, the same for the same arguments."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from pipelines.publishing.records import DictionaryRows, MetricRow, MetricVersionRow, PersonRow, TeamRow

HASH = "ab" * 32


def dictionary(metrics: int) -> DictionaryRows:
    """A dictionary of `metrics` daily counts owned by one team."""
    names = [f"metric_{number:04d}" for number in range(metrics)]
    return DictionaryRows(
        teams=(TeamRow("company", "Company", None, "company"),),
        people=(PersonRow("ana", "Ana", "ana@example.com", "company"),),
        metrics=tuple(_metric(name) for name in names),
        versions=tuple(_version(name) for name in names),
    )


def _metric(name: str) -> MetricRow:
    return MetricRow(
        metric_id=name, metric_name=name, short_description="tickets opened", category="support",
        team_key="company", owner_key="ana", hierarchy_level="supporting", bsc_perspective="customer",
        indicator_type="leading", purpose="improvement", direction="increase", unit="tickets", unit_family="count",
        currency_code=None, display_format="0,0", aggregation="sum", calculation_cadence="daily",
        review_cadence="weekly", headline_grain="day", is_actionable=True, is_vanity=False, lifecycle="certified",
        sensitivity="internal", current_version=1,
    )  # fmt: skip


def _version(name: str) -> MetricVersionRow:
    return MetricVersionRow(
        metric_id=name, version=1, definition="tickets opened", formula_text="count(tickets)",
        numerator_sql="count(tickets)", denominator_sql=None, filters="", time_attribution="tickets.created_at",
        time_zone="UTC", missing_policy="zero", source_systems=("zendesk",), source_tables=("support.tickets",),
        segments=("region",), minimum_sample=None, restatement_days=3, freshness_sla_seconds=86_400,
        known_pitfalls=None, related_leading=(), related_lagging=(), definition_hash=HASH, change_type="new",
        change_reason="first definition", proposed_by=None, approved_by=None, valid_from=date(2020, 1, 1),
    )  # fmt: skip


def frame(metrics: int, days: int, segments: int, seed: int = 0) -> pa.Table:
    """`metrics` x `days` x `segments` daily values, all columns filled, numbers with six places."""
    rows = metrics * days * segments
    random = np.random.default_rng(seed)
    values = np.round(random.lognormal(5, 1, rows), 6)
    metric = np.repeat(np.arange(metrics), days * segments)
    segment = np.tile(np.repeat(np.arange(segments), days), metrics)
    first = np.datetime64("2012-01-01", "D").astype(int)
    day = pa.array((np.tile(np.arange(days), metrics * segments) + first).astype(np.int32)).cast(pa.date32())

    def text(codes: np.ndarray, words: list[str]) -> pa.Array:
        codes32 = pa.array(codes.astype(np.int32))
        return pa.DictionaryArray.from_arrays(codes32, pa.array(words)).cast(pa.string())

    def number(factor: float) -> pa.Array:
        return pa.array(np.round(values * factor, 6))

    same = np.zeros(rows, np.int32)
    return pa.table(
        {
            "metric": text(metric, [f"metric_{n:04d}" for n in range(metrics)]),
            "version": pa.array(np.ones(rows, np.int32)),
            "definition_hash": text(same, [HASH]),
            "grain": text(same, ["day"]),
            "period_start": day,
            "period_end": day,
            "segment_dimension": text(segment > 0, ["", "region"]),
            "segment_value": text(segment, ["", *(f"region_{n}" for n in range(1, segments))]),
            "value": number(1.0),
            "numerator": number(1.0),
            "denominator": number(2.0),
            "sample_size": pa.array(values.astype(np.int64)),
            "value_state": text(same, ["final"]),
            "state_reason": pa.nulls(rows, pa.string()),
            "target_value": number(1.1),
            "attainment": number(0.9),
            "status": text(values > 100, ["red", "green"]),
            "trend": text(same, ["flat"]),
            "previous_value": number(0.9),
            "change_abs": number(0.1),
            "change_pct": number(0.01),
            "same_period_last_year": number(0.8),
        }
    )
