"""What people said, what the detector makes of it, and what other settings would have flagged."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from definitions.settings import DetectionSettings
from pipelines.anomalies.backtest import backtest, compare, until
from pipelines.anomalies.detector import detect
from pipelines.anomalies.feedback import Feedback, FeedbackVerdict, learned, state_of
from pipelines.anomalies.flags import flags_of
from pipelines.anomalies.series import SeriesBatch

START, DAYS = date(2025, 1, 1), 300
TOTAL = ("", "")


def noisy(seed: int = 1, series: int = 1) -> SeriesBatch:
    values = np.random.default_rng(seed).poisson(200, (series, DAYS)).astype(float)
    return SeriesBatch.of(values, "count", start=START)


def word(first: int, last: int, verdict: FeedbackVerdict, metric: str = "tickets") -> Feedback:
    days = START + timedelta(days=first), START + timedelta(days=last)
    return Feedback(metric, *days, verdict, "campaign", "ada")


def test_expected_and_false_ranges_leave_the_history_and_acknowledged_does_not() -> None:
    batch = noisy()
    said = [
        word(10, 12, FeedbackVerdict.EXPECTED),
        word(20, 20, FeedbackVerdict.FALSE),
        word(30, 40, FeedbackVerdict.ACKNOWLEDGED),
        word(50, 60, FeedbackVerdict.EXPECTED, "other"),
    ]
    found = learned(said, [("tickets", TOTAL)], batch.starts, batch.starts)
    assert np.flatnonzero(found.ignored[0]).tolist() == [10, 11, 12]
    assert np.flatnonzero(found.doubted[0]).tolist() == [20]


def test_a_range_in_the_middle_of_a_week_marks_the_week() -> None:
    starts = np.array(["2025-01-06", "2025-01-13", "2025-01-20"], dtype="datetime64[D]")
    said = [Feedback("tickets", date(2025, 1, 15), date(2025, 1, 15), FeedbackVerdict.EXPECTED, "release")]
    found = learned(said, [("tickets", TOTAL)], starts, starts + 6)
    assert found.ignored.tolist() == [[False, True, False]]


def test_a_segment_hears_what_was_said_of_it_or_of_all() -> None:
    emea = Feedback("tickets", START, START, FeedbackVerdict.FALSE, segment=("region", "emea"))
    assert emea.covers("tickets", ("region", "emea"))
    assert not emea.covers("tickets", TOTAL)
    assert replace(emea, segment=None).covers("tickets", ("region", "na"))


def test_the_last_word_decides_the_state() -> None:
    said = [word(5, 9, FeedbackVerdict.ACKNOWLEDGED), word(5, 5, FeedbackVerdict.EXPECTED)]
    day = START + timedelta(days=5)
    assert state_of(said, "tickets", TOTAL, day, day) == ("expected", "campaign")
    assert (
        state_of(said, "tickets", TOTAL, day + timedelta(days=3), day + timedelta(days=3))[0]
        == "acknowledged"
    )
    assert state_of(said, "other", TOTAL, day, day)[0] == "open"


def test_expected_needs_a_reason_and_a_range_in_order() -> None:
    with pytest.raises(ValueError, match="say why it was expected"):
        Feedback("tickets", START, START, FeedbackVerdict.EXPECTED)
    with pytest.raises(ValueError, match="before 2025-01-01"):
        Feedback("tickets", START, START - timedelta(days=1), FeedbackVerdict.FALSE)


def test_a_marked_range_does_not_teach_the_model() -> None:
    batch = noisy(2)
    values = batch.values.copy()
    values[0, 200:230] *= 1.6
    marked = learned(
        [word(200, 229, FeedbackVerdict.EXPECTED)], [("tickets", TOTAL)], batch.starts, batch.starts
    )
    plain = detect(replace(batch, values=values))
    taught = detect(replace(batch, values=values, ignored=marked.ignored))
    assert plain.expected()[0, 229] > 280
    assert taught.expected()[0, 229] == pytest.approx(200, rel=0.1)
    assert not (taught.verdict[0, 231:] > 0).any()


def doubting(batch: SeriesBatch, first: int, last: int) -> SeriesBatch:
    said = [word(first, last, FeedbackVerdict.FALSE)]
    return replace(batch, doubted=learned(said, [("tickets", TOTAL)], batch.starts, batch.starts).doubted)


def flagged(batch: SeriesBatch, settings: DetectionSettings | None = None) -> list[int]:
    found = detect(batch, settings or DetectionSettings())
    return np.flatnonzero(found.verdict[0]).tolist()


@pytest.mark.parametrize("size", [1.4, 0.6])
def test_the_like_of_a_flag_called_false_is_not_raised_again(size: float) -> None:
    batch = noisy(7)
    values = batch.values.copy()
    values[0, [150, 180, 210, 240]] = 200 * size
    batch = replace(batch, values=values)
    assert flagged(batch) == [150, 180, 210, 240]
    assert flagged(doubting(batch, 150, 152)) == [150]


def test_what_is_worse_or_on_the_other_side_is_still_raised_after_a_false_flag() -> None:
    batch = noisy(7)
    values = batch.values.copy()
    values[0, 150], values[0, 180], values[0, 210] = 280, 120, 400
    assert flagged(doubting(replace(batch, values=values), 150, 152)) == [150, 180, 210]


@pytest.mark.parametrize("shift", [1.15, 0.87])
def test_a_level_shift_called_false_is_told_once_and_taken_as_the_new_level(shift: float) -> None:
    batch = noisy(9)
    values = batch.values.copy()
    values[0, 150:] = np.round(values[0, 150:] * shift)
    batch = replace(batch, values=values)
    first = flagged(batch)[0]
    assert 150 <= first < 160
    doubted = detect(doubting(batch, first, first + 1))
    assert np.flatnonzero(doubted.verdict[0]).tolist() == [first]
    assert doubted.expected()[0, -1] == pytest.approx(200 * shift, rel=0.04)


def test_a_gap_called_false_is_tolerated_when_it_comes_back() -> None:
    batch = noisy(10)
    values = batch.values.copy()
    for first in (150, 200, 250):
        values[0, first : first + 2] = np.nan
    batch = replace(batch, values=values)
    gaps = flagged(batch)
    assert len(gaps) >= 2
    assert flagged(doubting(batch, gaps[0], gaps[0])) == gaps[:1]


def test_flags_called_false_make_the_series_a_little_more_careful() -> None:
    values = np.tile(noisy(3).values, (60, 1))
    values[:, 150] = 300
    values[:, 250] = 170 - np.arange(60)  # each series dips a little deeper than the one before
    batch = SeriesBatch.of(values, "count", start=START)
    shallowest = int(np.flatnonzero(detect(batch).verdict[:, 250])[0])
    batch = batch.take(np.array([shallowest]))
    assert flagged(batch) == [150, 250]
    assert flagged(doubting(batch, 150, 152)) == [150]


def test_a_range_marked_late_takes_what_led_into_it_with_it() -> None:
    """A campaign from day 200 on is marked expected from the day its flag was raised."""
    batch = noisy(12)
    values = batch.values.copy()
    values[0, 200:230] = np.round(values[0, 200:230] * 1.25)
    batch = replace(batch, values=values)
    raised = next(day for day in flagged(batch) if day >= 200)
    said = [word(raised, 229, FeedbackVerdict.EXPECTED)]
    marked = learned(said, [("tickets", TOTAL)], batch.starts, batch.starts)
    found = detect(replace(batch, ignored=marked.ignored))
    assert found.expected()[0, raised + 1 : 230] == pytest.approx(200, rel=0.05)
    assert found.expected()[0, 230:] == pytest.approx(200, rel=0.1)
    assert not found.verdict[0, 230:].any()


def test_a_replay_gives_what_the_day_itself_gave() -> None:
    batch = noisy(4, 5)
    values = batch.values.copy()
    values[2, 250] = 20
    batch = replace(batch, values=values)
    replay = backtest(batch, since=START + timedelta(days=200))
    day = START + timedelta(days=250)
    then = [flag for flag in flags_of(detect(until(batch, day))) if flag.period_start == day]
    assert [flag for flag in replay.flags if flag.period_start == day] == then != []
    assert all(flag.period_start >= START + timedelta(days=200) for flag in replay.flags)
    assert replay.kinds()["point"] >= 1
    assert replay.flags_per_year("series_2") == pytest.approx(3.65, rel=0.3)


def test_two_settings_are_compared_by_what_only_one_of_them_flags() -> None:
    batch = noisy(5, 30)
    loose, strict = DetectionSettings(point_alarm=2.6), DetectionSettings(point_alarm=4.5)
    only_loose, only_strict = compare(batch, loose, strict)
    assert only_loose
    assert not [flag for flag in only_strict if flag.kind == "point"]
