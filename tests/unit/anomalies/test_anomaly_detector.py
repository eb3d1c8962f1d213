"""The detector: what is flagged, what is left alone, and that a verdict never rests on what came later."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from definitions.settings import DetectionSettings
from pipelines.anomalies.detector import detect
from pipelines.anomalies.flags import Effect, Severity, flags_of
from pipelines.anomalies.series import CalendarMark, Kind, SeriesBatch, period_starts
from pipelines.anomalies.walk import Verdict

START = date(2024, 1, 1)
DAYS = 365
WEEK = np.array([1.0, 1.02, 1.0, 0.98, 0.95, 0.55, 0.5])


def tickets(seed: int = 1, series: int = 1, days: int = DAYS, volume: float = 120.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.poisson(volume * WEEK[np.arange(days) % 7], (series, days)).astype(float)


def verdicts(batch: SeriesBatch, row: int = 0) -> dict[int, Verdict]:
    found = detect(batch).verdict[row]
    return {int(day): Verdict(int(found[day])) for day in np.flatnonzero(found)}


def test_a_dip_is_flagged_on_its_day_and_the_next_day_is_not() -> None:
    values = tickets()
    values[0, 302] = 42
    assert verdicts(SeriesBatch.of(values, "count", start=START)) == {302: Verdict.POINT}


def test_the_flag_says_it_in_plain_words() -> None:
    values = tickets()
    values[0, 302] = 42
    batch = replace(SeriesBatch.of(values, "count", start=START, better="decrease"), units=("tickets",))
    (flag,) = flags_of(detect(batch))
    assert flag.period_start == START + timedelta(days=302)
    assert flag.explanation.startswith("42 tickets on Tue 29 Oct, expected ")
    assert flag.explanation.endswith("; lowest Tuesday in 43 weeks")
    assert (flag.effect, flag.severity) == (Effect.FAVOURABLE, Severity.INFO)
    assert flag.lower is not None
    assert flag.observed == 42 < flag.lower


def test_weekends_of_a_weekday_series_are_no_dips() -> None:
    assert not verdicts(SeriesBatch.of(tickets(3, volume=400), "count", start=START))


def test_a_level_shift_is_confirmed_once_and_then_is_the_new_normal() -> None:
    values = tickets(5)
    values[0, 200:] = np.random.default_rng(9).poisson(160 * WEEK[np.arange(200, DAYS) % 7])
    found = verdicts(SeriesBatch.of(values, "count", start=START))
    assert Verdict.LEVEL_SHIFT in found.values()
    assert min(found) >= 200
    assert max(found) <= 212


def test_a_slow_drift_is_found_as_a_trend() -> None:
    rng = np.random.default_rng(3)
    course = 1000 * np.exp(np.clip((np.arange(DAYS) - 220) / 60, 0, 1) * np.log(1.3))
    values = (course * np.exp(rng.normal(0, 0.07, DAYS)))[None, :]
    found = verdicts(SeriesBatch.of(values, "money", start=START))
    assert set(found.values()) & {Verdict.TREND, Verdict.LEVEL_SHIFT}
    assert 225 <= min(found) <= 280


def test_steady_growth_is_no_anomaly() -> None:
    rng = np.random.default_rng(4)
    values = (1000 * np.exp(np.arange(DAYS) * 0.004 + rng.normal(0, 0.06, DAYS)))[None, :]
    assert not verdicts(SeriesBatch.of(values, "money", start=START))


def test_an_outage_is_no_new_level_and_its_end_is_no_news() -> None:
    values = tickets(6)
    values[0, 250:253] = 2
    found = verdicts(SeriesBatch.of(values, "count", start=START))
    assert {250, 251, 252} <= set(found)
    assert Verdict.LEVEL_SHIFT not in found.values()
    assert max(found) == 252


def test_running_periods_are_never_tested() -> None:
    values = tickets(7)
    values[0, -2:] = 3
    whole = SeriesBatch.of(values, "count", start=START)
    assert DAYS - 2 in verdicts(whole)
    running = SeriesBatch.of(values, "count", start=START, incomplete=2)
    assert not verdicts(running)
    assert np.isnan(detect(running).expected()[0, -2:]).all()


def test_the_same_jump_is_noise_for_a_tiny_denominator_and_news_for_a_large_one() -> None:
    rng = np.random.default_rng(8)
    samples = np.vstack([np.full(DAYS, 4.0), np.full(DAYS, 900.0)])
    values = rng.binomial(samples.astype(int), 0.8) / samples
    values[:, 300] = 0.5
    batch = SeriesBatch.of(values, "ratio", start=START, samples=samples)
    found = detect(batch).verdict[:, 300]
    assert found.tolist() == [Verdict.NONE, Verdict.POINT]


def test_one_day_with_a_tiny_denominator_is_left_alone() -> None:
    rng = np.random.default_rng(11)
    samples = np.full((1, DAYS), 500.0)
    samples[0, 300] = 2
    values = rng.binomial(samples.astype(int), 0.8) / samples
    values[0, 300] = 0.0
    assert 300 not in verdicts(SeriesBatch.of(values, "ratio", start=START, samples=samples))


def test_low_counts_widen_the_band_by_themselves() -> None:
    values = np.random.default_rng(2).poisson(1.5, (20, DAYS)).astype(float)
    detection = detect(SeriesBatch.of(values, "count", start=START))
    lower, upper = detection.band()
    assert np.nanmax(lower) < 1
    assert 4 < np.nanmedian(upper) < 8
    assert (detection.verdict > 0).sum() <= 3


HOLIDAYS = [
    (date(year, month, day), name)
    for year in (2023, 2024)
    for month, day, name in (
        (1, 1, "New Year"),
        (3, 21, "Spring"),
        (5, 1, "May Day"),
        (8, 15, "Summer"),
        (10, 3, "Unity"),
        (12, 25, "Christmas"),
    )
]


def test_holidays_are_learned_not_muted() -> None:
    start, days = date(2023, 1, 1), 730
    values = tickets(12, days=days)
    columns = {(day - start).days: name for day, name in HOLIDAYS}
    for column in columns:
        values[0, column] = round(values[0, column] * 0.4)
    known = SeriesBatch.of(values, "count", start=start, holidays=HOLIDAYS)
    unknown = SeriesBatch.of(values, "count", start=start)
    assert not set(verdicts(known)) & set(columns)
    assert set(verdicts(unknown)) & set(columns)
    detection = detect(known)
    christmas = (date(2024, 12, 25) - start).days
    usual = float(np.mean([detection.expected()[0, christmas - week] for week in (7, 14)]))
    assert detection.expected()[0, christmas] < 0.65 * usual
    busy = values.copy()
    busy[0, christmas] = 400
    assert christmas in verdicts(SeriesBatch.of(busy, "count", start=start, holidays=HOLIDAYS))


def test_a_holiday_teaches_even_where_it_was_odd() -> None:
    """The desk used to be staffed on the feast of May; since the second year hardly anybody has been there."""
    start, days = date(2021, 1, 1), 4 * 365 + 1
    calendar = [
        (date(year, month, 10), f"Feast {month}") for year in range(2021, 2025) for month in range(1, 13, 2)
    ]
    mays = [(day - start).days for day, name in calendar if name == "Feast 5"]
    values = tickets(12, days=days)
    for place in mays[1:]:
        values[0, place] = 20
    found = detect(SeriesBatch.of(values, "count", start=start, holidays=calendar))
    verdict = found.verdict[0, mays]
    assert verdict[1] == Verdict.POINT
    assert (verdict[2:] == Verdict.NONE).all()
    assert found.expected()[0, mays[3]] < 60


def test_holidays_that_stray_from_year_to_year_get_a_wider_band() -> None:
    start, days = date(2021, 1, 1), 4 * 365
    rng = np.random.default_rng(21)
    calendar = [
        (date(year, month, 10), f"Feast {month}") for year in range(2021, 2025) for month in range(1, 13)
    ]
    places = [(day - start).days for day, _ in calendar]
    values = 1000 * np.exp(rng.normal(0, 0.03, (10, days)))
    values[:, places] *= rng.uniform(0.35, 0.95, (10, len(places)))
    found = detect(SeriesBatch.of(values, "money", start=start, holidays=calendar))
    late = [place for place in places if place > 2 * 365]
    assert (found.verdict[:, late] != Verdict.NONE).mean() < 0.01
    lower, upper = found.band()
    plain = [place for place in range(2 * 365, days) if place not in places]
    assert np.median(upper[:, plain] / lower[:, plain]) < 1.25


def test_a_new_weekly_pattern_is_learned_within_a_month() -> None:
    values = tickets(15, days=500)
    fresh = np.random.default_rng(16).poisson(120 * WEEK[(np.arange(200) + 3) % 7])
    values[0, 300:] = fresh
    found = verdicts(SeriesBatch.of(values, "count", start=START))
    assert min(found) >= 300
    assert max(found) < 300 + 31


@pytest.mark.parametrize("adds", [True, False])
def test_a_quiet_weekday_gets_the_band_of_its_own_noise(adds: bool) -> None:
    """Noise that adds is a larger share of a quiet Sunday; noise that multiplies is the same share of every day."""
    rng = np.random.default_rng(22)
    course = 1000 * WEEK[np.arange(600) % 7]
    shocks = rng.normal(0, 1, (40, 600))
    values = course + 60 * shocks if adds else course * np.exp(0.07 * shocks)
    found = detect(SeriesBatch.of(values, "money", start=START))
    lower, upper = found.band()
    for weekday in range(7):
        at = np.arange(600 - 7 * 50 + weekday, 600, 7)
        inside = (values[:, at] >= lower[:, at]) & (values[:, at] <= upper[:, at])
        assert 0.975 <= inside.mean() <= 0.9985


def test_an_expected_event_raises_no_flag_and_leaves_the_history() -> None:
    values = tickets(13)
    values[0, 200:210] *= 3
    campaign = [
        CalendarMark(START + timedelta(days=day), "Campaign", "campaign", True) for day in range(200, 210)
    ]
    assert verdicts(SeriesBatch.of(values, "count", start=START))
    assert not verdicts(SeriesBatch.of(values, "count", start=START, marks=campaign))


def test_month_ends_are_learned_where_declared() -> None:
    rng = np.random.default_rng(14)
    starts = period_starts(START, "day", 730)
    first = (starts == starts.astype("datetime64[M]").astype("datetime64[D]")).astype(float)
    values = (500 * (1 + 2 * first) * np.exp(rng.normal(0, 0.05, 730)))[None, :]
    plain = SeriesBatch.of(values, "money", start=START)
    declared = replace(plain, month_position=np.array([True]))
    late = [int(day) for day in np.flatnonzero(first) if day > 365]
    assert set(verdicts(plain)) & set(late)
    assert not set(verdicts(declared)) & set(late)


def test_a_gap_is_its_own_kind_once_and_only_where_values_were_reliable() -> None:
    rng = np.random.default_rng(15)
    values = np.exp(rng.normal(3, 0.1, (3, DAYS)))
    values[0, 300:306] = np.nan
    values[1, np.arange(DAYS) % 7 >= 5] = np.nan
    values[2, rng.random(DAYS) < 0.3] = np.nan
    found = detect(SeriesBatch.of(values, "level", start=START)).verdict
    missing = [(int(row), int(day)) for row, day in zip(*np.nonzero(found == Verdict.MISSING), strict=True)]
    assert missing == [(0, 301)]


def test_a_ratio_with_nothing_to_divide_by_is_no_gap() -> None:
    samples = np.full((1, DAYS), 50.0)
    samples[0, 300:310] = 0
    values = np.where(samples > 0, 0.5, np.nan)
    found = detect(SeriesBatch.of(values, "ratio", start=START, samples=samples)).verdict
    assert not found.any()


@pytest.mark.parametrize("grain", ["week", "month"])
def test_three_adverse_periods_in_a_row_are_a_streak(grain: str) -> None:
    length = {"week": 104, "month": 48}[grain]
    rng = np.random.default_rng(16)
    values = (1000 * np.exp(rng.normal(0, 0.05, length)))[None, :]
    values[0, 90 if grain == "week" else 40 :][:3] = 1000 * np.exp(-2.3 * 0.05)
    kinds = set(
        verdicts(SeriesBatch.of(values, "money", start=START, grain=grain, better="increase")).values()
    )
    good = set(
        verdicts(SeriesBatch.of(values, "money", start=START, grain=grain, better="decrease")).values()
    )
    assert Verdict.STREAK in kinds
    assert Verdict.STREAK not in good


def test_short_series_stay_quiet() -> None:
    rng = np.random.default_rng(17)
    months = np.exp(rng.normal(5, 0.2, (60, 24)))
    weeks = np.exp(rng.normal(5, 0.2, (60, 104)))
    assert (detect(SeriesBatch.of(months, "money", start=START, grain="month")).verdict > 0).sum() <= 3
    assert (detect(SeriesBatch.of(weeks, "money", start=START, grain="week")).verdict > 0).sum() <= 8


@pytest.mark.parametrize(
    ("kind", "draw"),
    [
        (Kind.COUNT, lambda rng, shape: rng.poisson(40, shape).astype(float)),
        (Kind.MONEY, lambda rng, shape: np.exp(rng.normal(7, 0.1, shape))),
        (Kind.DURATION, lambda rng, shape: np.exp(rng.normal(8, 0.3, shape))),
        (Kind.SCORE, lambda rng, shape: rng.normal(30, 8, shape)),
        (Kind.LEVEL, lambda rng, shape: rng.normal(0, 100, shape)),
    ],
)
def test_the_band_covers_what_it_says_on_quiet_days(kind: Kind, draw: object) -> None:
    values = draw(np.random.default_rng(18), (60, 400))  # type: ignore[operator]
    detection = detect(SeriesBatch.of(values, str(kind), start=START))
    lower, upper = detection.band()
    tested = np.isfinite(lower)
    covered = ((values >= lower) & (values <= upper))[tested].mean()
    assert 0.985 <= covered <= 0.996
    assert (detection.verdict > 0).sum() / (60 * 400 / 365) < 0.25


@settings(max_examples=5)
@given(st.integers(0, 10_000), st.integers(120, 200))
def test_a_verdict_rests_on_the_past_alone(seed: int, cut: int) -> None:
    values = tickets(seed, series=3, days=220)
    values[0, 150] = 0
    values[1, 200:] *= 1.5
    whole = detect(SeriesBatch.of(values, "count", start=START, holidays=HOLIDAYS))
    past = detect(SeriesBatch.of(values[:, :cut], "count", start=START, holidays=HOLIDAYS))
    assert np.array_equal(whole.verdict[:, :cut], past.verdict)
    assert np.array_equal(whole.deviate[:, :cut], past.deviate)


def test_series_do_not_influence_one_another() -> None:
    values = tickets(21, series=4)
    values[2, 200:] *= 2
    together = detect(SeriesBatch.of(values, "count", start=START))
    for row in range(4):
        alone = detect(SeriesBatch.of(values[row : row + 1], "count", start=START))
        assert np.array_equal(alone.verdict[0], together.verdict[row])
        np.testing.assert_allclose(alone.deviate[0], together.deviate[row], rtol=1e-9, atol=1e-12)


def test_the_same_input_gives_the_same_flags() -> None:
    values = tickets(22, series=6)
    values[:, 250] *= 3
    batch = SeriesBatch.of(values, "count", start=START)
    assert flags_of(detect(batch)) == flags_of(detect(batch))


def test_stricter_alarms_flag_less() -> None:
    values = tickets(23, series=30)
    loose = detect(SeriesBatch.of(values, "count", start=START), DetectionSettings(point_alarm=2.5))
    strict = detect(SeriesBatch.of(values, "count", start=START), DetectionSettings(point_alarm=4.5))
    assert (strict.verdict > 0).sum() < (loose.verdict > 0).sum()


def test_a_batch_whose_arrays_do_not_fit_says_which() -> None:
    with pytest.raises(ValueError, match=r"samples has shape \(1, 3\), expected \(1, 4\)"):
        SeriesBatch.of([[1.0, 2.0, 3.0, 4.0]], "count", start=START, samples=np.ones((1, 3)))


def test_nothing_in_nothing_out() -> None:
    empty = SeriesBatch.of(np.full((2, 60), np.nan), "count", start=START)
    assert flags_of(detect(empty)) == ()
