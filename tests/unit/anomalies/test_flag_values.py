"""Arrays in, flags out: any regular series, without a dictionary."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from pipelines.anomalies import DETECTOR_VERSION, detect, flag_values
from pipelines.anomalies.arrays import guess_kind
from pipelines.anomalies.series import Kind, SeriesBatch

START = date(2025, 1, 6)
HOUR = timedelta(hours=1)
MONDAY = datetime(2025, 1, 6, tzinfo=UTC)


def daily(seed: int = 1, days: int = 300) -> np.ndarray:
    return np.random.default_rng(seed).poisson(100, days).astype(float)


def hourly(days: int = 28, seed: int = 2) -> np.ndarray:
    rng, hours = np.random.default_rng(seed), np.arange(24 * days)
    quiet_weekend = np.where((hours // 24) % 7 >= 5, 0.5, 1.0)
    return np.asarray(50 + quiet_weekend * 20 * np.sin(2 * np.pi * hours / 24) + rng.normal(0, 1, len(hours)))


def test_a_list_of_values_is_enough() -> None:
    values = daily()
    values[200] = 300
    found = flag_values(values.tolist())
    assert np.flatnonzero(found.flags).tolist() == [200]
    assert found.kinds[200] == "point"
    assert found.lower[200] < found.expected[200] < found.upper[200] < 300
    assert found.flags.shape == found.score.shape == (300,)
    assert found.version == DETECTOR_VERSION


def test_it_is_the_detector_that_runs_every_day() -> None:
    values = np.stack([daily(seed) for seed in range(3)])
    values[1, 250:] *= 1.5
    mine = flag_values(values, "count", start=START)
    batch = SeriesBatch.of(values, "count", start=START)
    assert (mine.flags == (detect(batch).verdict != 0)).all()
    assert (mine.kinds[1] == "level_shift").any()


def test_the_first_values_are_learned_from_and_not_tested() -> None:
    found = flag_values(daily())
    assert not found.tested[:42].any()
    assert found.tested[42:].all()
    assert np.isnan(found.expected[:42]).all()


def test_a_holiday_without_a_name_is_known_by_its_day_when_it_comes_back() -> None:
    days = 800
    values = daily(3, days)
    holidays = [date(year, 5, 1) for year in (2025, 2026)]
    for day in holidays:
        values[(day - START).days] = 20
    assert flag_values(values, start=START).flags.any()
    told = flag_values(values, "count", start=START, holidays=holidays)
    assert not told.flags[[(day - START).days for day in holidays]].any()
    assert told.expected[(holidays[1] - START).days] < 60


def test_hours_have_the_day_as_their_season_and_know_weekends() -> None:
    values = hourly()
    values[24 * 24 + 9] += 15
    found = flag_values(values, start=MONDAY, grain=HOUR)
    assert np.flatnonzero(found.flags).tolist() == [24 * 24 + 9]
    assert np.nanmedian(np.abs(found.expected - values)[24 * 20 :]) < 2


def test_five_minutes_share_a_quarter_of_an_hour_and_one_alert_has_one_onset() -> None:
    steps = np.arange(288 * 14)
    values = 50 + 10 * np.sin(2 * np.pi * steps / 288) + np.random.default_rng(4).normal(0, 1, len(steps))
    values[3000:3006] += 25
    found = flag_values(values, start=MONDAY, grain=timedelta(minutes=5))
    assert found.flags[3000:3006].all()
    onsets = np.flatnonzero(found.onsets).tolist()
    assert [place for place in onsets if 2990 < place < 3100] == [3000]
    assert len(onsets) <= 3  # of 4,032 steps


def test_an_onset_is_the_first_flag_of_each_alert() -> None:
    values = daily(5)
    values[[200, 202, 240]] = 300
    found = flag_values(values)
    assert np.flatnonzero(found.flags).tolist() == [200, 202, 240]
    assert np.flatnonzero(found.onsets).tolist() == [200, 240]


def test_a_replay_of_a_shorter_past_gives_the_same_flags() -> None:
    values = hourly()
    values[500:510] += 12
    whole = flag_values(values, start=START, grain=HOUR)
    part = flag_values(values[:505], start=START, grain=HOUR)
    assert (whole.flags[:505] == part.flags).all()
    assert np.array_equal(whole.expected[:505], part.expected, equal_nan=True)


def test_running_values_are_not_tested() -> None:
    values = daily()
    values[-1] = 0
    assert flag_values(values).flags[-1]
    assert not flag_values(values, incomplete=1).flags[-1]


def test_the_kind_is_guessed_from_the_first_values_alone() -> None:
    counts = np.array([3.0, np.nan, 5.0, 0.5])
    assert guess_kind(counts, 2) is Kind.COUNT
    assert guess_kind(counts, 3) is Kind.LEVEL
    assert guess_kind(np.array([0.2, 0.9]), 10, has_samples=True) is Kind.RATIO


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"grain": "fortnight"}, "day, week, month, quarter"),
        ({"grain": timedelta(days=2)}, "name a grain"),
        ({"kind": "colour"}, "colour"),
        ({"grain": HOUR, "holidays": [START]}, "take out their values"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(arguments: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        flag_values(daily(), **arguments)  # type: ignore[arg-type]
