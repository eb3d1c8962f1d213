"""How numbers, periods and instants are told."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.report import numbers
from pipelines.report.model import Unit
from pipelines.report.numbers import NOTHING
from pipelines.report_links import metric_page, numbered, slug

EUR = Unit("currency", "EUR", "EUR", "0,0")
PERCENT = Unit("ratio", "ratio", None, "0.0%")
TIMES = Unit("ratio", "ratio", None, "0.00")
COUNT = Unit("count", "tickets", None, "0,0")
DAYS = Unit("count", "days", None, "0.0")
SECONDS = Unit("duration_seconds", "seconds", None, "duration")
SCORE = Unit("score", "score", None, "0.0")


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (1_234_567.4, EUR, "€1,234,567"),
        (-1_234.0, EUR, "−€1,234"),
        (0.0, EUR, "€0"),
        (-0.2, EUR, "−€0.2"),
        (12.5, Unit("currency", "CHF", "CHF", "0,0.00"), "12.50 CHF"),
        (0.7123, PERCENT, "71.2%"),
        (-0.031, PERCENT, "−3.1%"),
        (0.5, Unit("ratio", "ratio", None, "0,0"), "50%"),
        (3.456, TIMES, "3.46"),
        (57.0, COUNT, "57"),
        (12_345.0, COUNT, "12,345"),
        (9.46, COUNT, "9.5"),
        (52.13, DAYS, "52.1 days"),
        (5_400.0, SECONDS, "1 h 30 min"),
        (59.6, SECONDS, "1 min"),
        (-5_400.0, SECONDS, "−1 h 30 min"),
        (41.84, SCORE, "41.8"),
        (2.5, Unit("count", "", None, "0.[00]"), "2.5"),
        (2.0, Unit("count", "", None, "0.[00]"), "2"),
        (1_500.0, Unit("count", "", None, "0a"), "1.50k"),
        (1.25, Unit("count", "", None, "something else"), "1.25"),
        (None, EUR, NOTHING),
        (math.nan, EUR, NOTHING),
        (math.inf, COUNT, NOTHING),
    ],
)
def test_values(value: float | None, unit: Unit, told: str) -> None:
    assert numbers.show(value, unit) == told


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (1_028_179.0, EUR, "€1.03M"),
        (46_012.0, EUR, "€46.0k"),
        (461_200.0, EUR, "€461k"),
        (9_999.0, EUR, "€9,999"),
        (3.2e9, COUNT, "3.20B"),
        (0.825, PERCENT, "82.5%"),
    ],
)
def test_compact_values(value: float, unit: Unit, told: str) -> None:
    assert numbers.show(value, unit, compact=True) == told


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (0.012, PERCENT, "+1.2 pp"),
        (-0.0314, PERCENT, "−3.1 pp"),
        (0.0, PERCENT, "±0.0 pp"),
        (0.2, TIMES, "+0.20"),
        (-12_700.0, EUR, "−€12.7k"),
        (None, EUR, NOTHING),
    ],
)
def test_changes(value: float | None, unit: Unit, told: str) -> None:
    assert numbers.change(value, unit) == told


@pytest.mark.parametrize(
    ("value", "told"), [(0.696, "0.70"), (-0.15, "−0.15"), (1.234567, "1.23"), (None, NOTHING)]
)
def test_scores_show_two_places(value: float | None, told: str) -> None:
    assert numbers.score(value) == told


@pytest.mark.parametrize(
    ("start", "grain", "told"),
    [
        (date(2026, 10, 1), "month", "Oct 2026"),
        (date(2026, 9, 27), "month", "27 Sep 2026 to 31 Oct 2026"),
        (date(2026, 10, 1), "quarter", "Q4 2026"),
        (date(2026, 11, 2), "week", "week of 2 Nov 2026"),
        (date(2026, 11, 2), "day", "2 Nov 2026"),
        (date(2026, 1, 1), "year", "2026"),
        (date(2026, 10, 2), "trailing_30d", "30 days to 31 Oct 2026"),
        (None, "month", NOTHING),
    ],
)
def test_periods(start: date | None, grain: str, told: str) -> None:
    assert numbers.period(start, grain, date(2026, 10, 31)) == told


def test_how_long_ago() -> None:
    now = datetime(2026, 11, 21, 6, tzinfo=UTC)
    assert numbers.ago(None, now) == "never"
    assert numbers.ago(now, now) == "just now"
    assert numbers.ago(now - timedelta(minutes=1), now) == "1 minute ago"
    assert numbers.ago(now - timedelta(hours=25), now) == "1 day ago"
    assert numbers.ago(now - timedelta(days=3), now) == "3 days ago"


units = st.sampled_from([EUR, PERCENT, TIMES, COUNT, DAYS, SECONDS, SCORE])


@given(st.floats(allow_nan=True, allow_infinity=True), units, st.booleans())
def test_any_number_is_told_without_noise(value: float, unit: Unit, compact: bool) -> None:
    told = numbers.show(value, unit, compact=compact)
    assert told
    assert "nan" not in told.lower()
    assert "inf" not in told.lower()
    assert "-" not in told  # a minus sign, never a hyphen
    assert told != f"{numbers.MINUS}0"


@given(st.floats(-1e12, 1e12), units)
def test_signs_are_kept(value: float, unit: Unit) -> None:
    assert numbers.show(value, unit).startswith(numbers.MINUS) <= (value < 0)


def test_plain_keys_name_their_own_page() -> None:
    assert metric_page("net_revenue_retention") == "metric-net_revenue_retention.html"
    assert [numbered("kpis.html", n) for n in (1, 2)] == ["kpis.html", "kpis-2.html"]


@given(st.text(max_size=200))
def test_any_key_is_a_safe_file_name(key: str) -> None:
    name = slug(key)
    assert 0 < len(name) <= 80
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.text(max_size=30), st.text(max_size=30))
def test_different_keys_have_different_pages(one: str, other: str) -> None:
    assert (slug(one) == slug(other)) == (one == other)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_changes_and_shares_of_any_number_are_told_without_noise(value: float) -> None:
    for told in (
        numbers.percent(value),
        numbers.signed_percent(value),
        numbers.change(value, PERCENT),
        numbers.change(value, EUR),
        numbers.plain(value),
    ):
        assert "nan" not in told.lower()
        assert "inf" not in told.lower()
