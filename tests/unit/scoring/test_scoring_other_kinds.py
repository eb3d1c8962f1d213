"""Limits, optimum bands, milestones, baselines, segments: the other kinds of key result."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scoring.control import Period, PeriodState, score_control
from pipelines.scoring.effort import Step, score_baseline_search, score_binary, score_milestones
from pipelines.scoring.errors import TargetError
from pipelines.scoring.kinds import Band, Comparison, Side
from pipelines.scoring.optimum import OptimumBand, score_optimum
from pipelines.scoring.segment_results import SegmentMode, combine_met, combine_segments

PROVISIONAL = PeriodState.PROVISIONAL
MISSING = PeriodState.MISSING


def periods(*values: int | None) -> list[Period]:
    return [Period(value) if value is not None else Period(None, MISSING) for value in values]


# ── stay above, stay below, stay between ────────────────────────────────────────────────────────────────────


def test_a_limit_scores_the_share_of_periods_that_held() -> None:
    found = score_control(Comparison.LTE, 5, periods(4, 7, 3, 5))

    assert (found.score, found.met, found.elapsed) == (D("0.75"), 3, 4)
    assert found.target_met is True
    assert found.band is Band.ON_TRACK


def test_a_limit_violated_now_is_at_least_at_risk() -> None:
    found = score_control(Comparison.LTE, 5, periods(4, 3, 3, 2, 1, 2, 3, 4, 5, 7))

    assert found.score == D("0.9")
    assert (found.band, found.target_met, found.flags) == (Band.AT_RISK, False, ("violated_now",))


def test_a_limit_violated_now_and_mostly_before_keeps_its_worse_band() -> None:
    assert score_control(Comparison.LTE, 5, periods(4, 9, 9, 9, 9)).band is Band.SIGNIFICANT_ISSUES


def test_zero_incidents_counts_a_strict_limit() -> None:
    assert score_control(Comparison.LT, 1, periods(0, 0, 1)).score == D("0.666667")


def test_stay_between_counts_both_ends_as_inside() -> None:
    assert score_control(Comparison.BETWEEN, 75, periods(75, 85, 90), high=85).score == D("0.666667")


def test_provisional_periods_are_left_out() -> None:
    found = score_control(Comparison.LTE, 5, [Period(4), Period(99, PROVISIONAL)])

    assert (found.score, found.target_met, found.elapsed) == (1, True, 1)


def test_a_missing_period_waits_while_the_cycle_runs_and_counts_as_not_met_at_close() -> None:
    running = score_control(Comparison.LTE, 5, periods(4, None))
    closed = score_control(Comparison.LTE, 5, periods(4, None), is_closing=True)

    assert (running.score, running.target_met) == (1, True)
    assert (closed.score, closed.target_met) == (D("0.5"), False)


def test_before_the_first_period_there_is_no_score() -> None:
    assert score_control(Comparison.LTE, 5, []).band is Band.NOT_STARTED
    assert score_control(Comparison.LTE, 5, periods(None)).band is Band.NO_DATA


@given(st.lists(st.sampled_from([*periods(3, 9, None), Period(1, PROVISIONAL)]), max_size=30), st.booleans())
def test_a_limit_score_is_a_share(given_periods: list[Period], closing: bool) -> None:
    found = score_control(Comparison.LTE, 5, given_periods, is_closing=closing)

    assert found.score is None or 0 <= found.score <= 1
    assert found.target_met is not False or found.band not in {Band.ON_TRACK, Band.OVERPERFORMING}


# ── optimum band ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "score", "side"),
    [
        (0, "0", Side.BELOW),
        (1, "0", Side.BELOW),
        (2, "0.5", Side.BELOW),
        (3, "1", Side.INSIDE),
        (4, "1", Side.INSIDE),
        (5, "1", Side.INSIDE),
        (6, "0.5", Side.ABOVE),
        (7, "0", Side.ABOVE),
        (9, "0", Side.ABOVE),
    ],
)
def test_ltv_to_cac_is_best_between_three_and_five(value: int, score: str, side: Side) -> None:
    found = score_optimum(value, OptimumBand(3, 5, floor=1, ceiling=7))

    assert (found.score, found.side) == (D(score), side)
    assert found == score_optimum(value, OptimumBand(3, 5)), "floor and ceiling lie one width outside"


def test_the_side_is_published_with_its_meaning() -> None:
    band = OptimumBand(3, 5, meaning_above="could grow faster, too cautious")

    assert score_optimum(6, band).meaning == "could grow faster, too cautious"


def test_an_unknown_value_has_no_side() -> None:
    found = score_optimum(None, OptimumBand(3, 5))

    assert (found.score, found.side, found.reason) == (None, None, "no_current_value")


def test_a_band_without_slope_falls_straight_to_zero() -> None:
    assert score_optimum(2, OptimumBand(3, 5, floor=3)).score == 0


def test_a_band_out_of_order_is_refused() -> None:
    with pytest.raises(TargetError, match="band_order"):
        score_optimum(4, OptimumBand(5, 3))


@given(st.floats(-100, 100), st.floats(-50, 50), st.floats(0, 50))
def test_a_band_score_is_a_share_and_one_inside(value: float, low: float, width: float) -> None:
    found = score_optimum(value, OptimumBand(low, low + width))

    assert found.score is not None
    assert 0 <= found.score <= 1
    assert (found.side is Side.INSIDE) <= (found.score == 1)


# ── effort ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_milestones_count_by_weight() -> None:
    assert score_milestones([Step(2, True), Step(1, True), Step(1, False)]).value == D("0.75")


@pytest.mark.parametrize("steps", [[], [Step(0, True)]])
def test_milestones_without_weight_have_no_score(steps: list[Step]) -> None:
    found = score_milestones(steps)

    assert (found.value, found.reason) == (None, "no_milestones")


def test_binary_is_done_or_not() -> None:
    assert (score_binary(True), score_binary(False)) == (1, 0)


def test_a_baseline_search_has_no_score_until_a_baseline_is_recorded() -> None:
    assert score_baseline_search(None).reason == "no_baseline"
    assert score_baseline_search(0).value == 1


# ── per segment ─────────────────────────────────────────────────────────────────────────────────────────────


def test_all_segments_are_as_good_as_the_worst_one() -> None:
    scores = [D("0.9"), D("0.4"), D("1.2")]

    assert combine_segments(SegmentMode.ALL, scores) == D("0.4")
    assert combine_segments(SegmentMode.MEAN, scores) == D("0.833333")


def test_a_segment_without_a_score_leaves_all_unknown_and_is_left_out_of_the_mean() -> None:
    scores = [D("0.9"), None]

    assert combine_segments(SegmentMode.ALL, scores) is None
    assert combine_segments(SegmentMode.MEAN, scores) == D("0.9")
    assert combine_segments(SegmentMode.MEAN, []) is None


@pytest.mark.parametrize(
    ("met", "result"),
    [([True, True], True), ([True, False], False), ([None, False], False), ([True, None], None), ([], None)],
)
def test_all_segments_are_met_when_every_one_is(met: list[bool | None], result: bool | None) -> None:
    assert combine_met(SegmentMode.ALL, met, combined=True) is result
    assert combine_met(SegmentMode.MEAN, met, combined=True) is True
