"""The dictionary as rows: complete, in order, and readable by people."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

import definitions
from definitions import load_catalogue
from definitions.calendars import period_start
from definitions.model import Calendar, Catalogue, Frequency, Grain, Holiday
from pipelines.publishing.calendar_rows import dates
from pipelines.publishing.dictionary import dictionary_rows, headline_grain
from pipelines.publishing.records import DictionaryRows

FIRST, LAST = date(2025, 1, 1), date(2026, 12, 31)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The shipped catalogue."""
    return load_catalogue(Path(definitions.__file__).parent / "catalogue")


@pytest.fixture(scope="module")
def rows(catalogue: Catalogue) -> DictionaryRows:
    """Its rows."""
    return dictionary_rows(catalogue, dict.fromkeys(catalogue.metrics, "a" * 64), first=FIRST, last=LAST)


def test_nothing_of_the_catalogue_is_left_out(catalogue: Catalogue, rows: DictionaryRows) -> None:
    assert [row.metric_id for row in rows.metrics] == sorted(catalogue.metrics)
    assert [row.metric_id for row in rows.versions] == sorted(catalogue.metrics)
    assert {row.team_key for row in rows.teams} == set(catalogue.teams)
    assert {row.person_key for row in rows.people} == set(catalogue.people)
    assert len(rows.targets) == len(catalogue.targets)
    assert [row.objective_key for row in rows.objectives] == [o.key for o in catalogue.objectives]
    assert [row.key_result_key for row in rows.key_results] == [
        kr.key for _, _, kr in catalogue.key_results()
    ]
    assert len(rows.changes) == sum(len(m.changes) for m in catalogue.metrics.values())


def test_every_metric_says_what_it_counts_and_where_from(rows: DictionaryRows) -> None:
    for row in rows.versions:
        assert row.formula_text.strip(), row.metric_id
        assert row.source_tables, row.metric_id
        assert row.source_systems, row.metric_id
        assert row.time_attribution, row.metric_id
        assert row.freshness_sla_seconds > 0
        assert row.definition_file
        assert row.definition_line


def test_a_formula_reads_like_the_definition(rows: DictionaryRows) -> None:
    words = {row.metric_id: row for row in rows.versions}
    assert words["csat"].formula_text == (
        "count(satisfaction_ratings) where score = 'good'"
        " / count(satisfaction_ratings) where score in ('good', 'bad')"
    )
    assert words["csat"].denominator_sql == "count(satisfaction_ratings) where score in ('good', 'bad')"
    assert words["arpc"].source_tables == ("billing.invoice_lines", "billing.paying_accounts")
    assert words["churned_mrr"].source_tables == ("billing.subscriptions",)


def test_the_tree_joins_arithmetic_and_influence_once(rows: DictionaryRows) -> None:
    edges = [(row.parent_metric_id, row.child_metric_id, row.operator) for row in rows.edges]
    assert len(set(edges)) == len(edges)
    assert ("revenue", "customers", "multiply") in edges
    arithmetic = {(parent, child) for parent, child, operator in edges if operator != "influences"}
    assert not arithmetic & {(parent, child) for parent, child, operator in edges if operator == "influences"}


def test_the_same_catalogue_gives_the_same_rows(catalogue: Catalogue, rows: DictionaryRows) -> None:
    again = load_catalogue(catalogue.root)
    assert dictionary_rows(again, dict.fromkeys(again.metrics, "a" * 64), first=FIRST, last=LAST) == rows


@pytest.mark.parametrize(
    ("review", "grains", "expected"),
    [
        ("weekly", ("day", "week", "month"), "week"),
        ("daily", ("day", "week"), "day"),
        ("monthly", ("trailing_30d",), "trailing_30d"),
        ("weekly", ("quarter", "year"), "quarter"),
        ("sprint", ("week",), "week"),
    ],
)
def test_the_headline_grain_is_that_of_the_review(
    review: str, grains: tuple[str, ...], expected: str
) -> None:
    assert headline_grain(Frequency("daily", review), grains) == expected


@pytest.mark.parametrize(
    "calendar",
    [
        Calendar("plain"),
        Calendar("july", fiscal_year_start=7, week_start=7),
        Calendar("retail", fiscal_year_start=2, week_pattern=(4, 4, 5)),
    ],
    ids=lambda calendar: str(calendar.name),
)
def test_days_tile_into_fiscal_periods(calendar: Calendar) -> None:
    found = list(dates(calendar, date(2019, 12, 1), date(2027, 3, 31)))
    assert [row.date_key for row in found] == [
        date(2019, 12, 1) + timedelta(days=n) for n in range(len(found))
    ]
    for row in found:
        day = row.date_key
        assert row.week_start <= day < row.week_start + timedelta(days=7)
        assert row.fiscal_month_start == period_start(calendar, Grain.MONTH, day) <= day
        assert row.fiscal_year_start <= row.fiscal_quarter_start <= row.fiscal_month_start
    labels = [(row.fiscal_quarter_start, row.fiscal_quarter_label) for row in found]
    starts = dict(labels)
    assert len(starts) == len(set(labels)), "a fiscal quarter has two labels"
    assert len(set(starts.values())) == len(starts), "two fiscal quarters share a label"


def test_labels_around_a_new_year_and_a_long_iso_year() -> None:
    found = {
        row.date_key: row
        for row in dates(Calendar("july", fiscal_year_start=7), date(2020, 12, 31), date(2021, 7, 1))
    }
    assert found[date(2020, 12, 31)].iso_week == "2020-W53"
    assert found[date(2021, 1, 3)].iso_week == "2020-W53"
    assert found[date(2021, 1, 1)].quarter_label == "2021-Q1"
    assert found[date(2021, 1, 1)].fiscal_quarter_label == "FY2021-Q3"
    assert found[date(2021, 6, 30)].fiscal_year == 2021
    assert found[date(2021, 7, 1)].fiscal_quarter_label == "FY2022-Q1"


def test_holidays_and_weekends_are_no_business_days() -> None:
    calendar = Calendar("company", holidays=(Holiday(date(2026, 5, 1), "Labour Day"),))
    found = {row.date_key: row for row in dates(calendar, date(2026, 4, 30), date(2026, 5, 4))}
    assert [row.is_business_day for row in found.values()] == [True, False, False, False, True]
    assert (found[date(2026, 5, 1)].is_holiday, found[date(2026, 5, 1)].holiday_name) == (True, "Labour Day")
