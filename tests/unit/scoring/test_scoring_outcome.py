"""Ratio, progress and score of an outcome key result: every case of the rule's table, and what must always hold."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from definitions.model import Direction
from pipelines.scoring.arithmetic import quantise
from pipelines.scoring.bands import band_of, risk_factor
from pipelines.scoring.errors import TargetError
from pipelines.scoring.kinds import Band, Comparison, Method
from pipelines.scoring.progress import progress
from pipelines.scoring.ratio import ratio
from pipelines.scoring.score import Score, score_outcome
from pipelines.scoring.targets import TargetSpec, bare_percentage_spec, check_target, is_met, resolve_target

UP, DOWN = Direction.INCREASE, Direction.DECREASE

numbers = st.decimals(-(10**6), 10**6, places=3)
positive = st.decimals(D("0.001"), 10**6, places=3)


# ── the table of cases ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("direction", "current", "target", "value", "reason"),
    [
        (UP, 42, 55, "0.763636", None),
        (DOWN, 6, 4, "0.666667", None),
        (UP, None, 5, None, "no_current_value"),
        (DOWN, None, 5, None, "no_current_value"),
        (UP, 5, None, None, "no_target"),
        (UP, -1, 5, None, "negative_operand"),
        (UP, 1, -5, None, "negative_operand"),
        (DOWN, -1, 5, None, "negative_operand"),
        (DOWN, 1, -5, None, "negative_operand"),
        (UP, -10, 0, None, "negative_operand"),
        (UP, 3, 0, None, "zero_target"),
        (UP, 0, 0, None, "zero_target"),
        (DOWN, 0, 0, "1", "zero_over_zero"),
        (DOWN, 3, 0, "0", "zero_target_uninformative"),
        (UP, 0, 5, "0", None),
        (DOWN, 0, 5, "2", "zero_current_capped"),
    ],
)
def test_ratio_and_its_edge_cases(
    direction: Direction, current: int | None, target: int | None, value: str | None, reason: str | None
) -> None:
    found = ratio(direction, current, target)

    assert found.value == (None if value is None else D(value))
    assert found.reason == reason


@pytest.mark.parametrize(
    ("current", "target", "baseline", "value", "reason"),
    [
        (6, 4, 8, "0.5", None),
        (40, 55, 42, "-0.153846", None),
        (60, 55, 42, "1.384615", None),
        (-60, -20, -100, "0.5", None),
        (None, 55, 42, None, "no_current_value"),
        (50, None, 42, None, "no_target"),
        (50, 55, None, None, "no_baseline"),
        (50, 42, 42, None, "zero_span"),
    ],
)
def test_progress_is_right_for_both_directions_and_negative_values(
    current: int | None, target: int | None, baseline: int | None, value: str | None, reason: str | None
) -> None:
    found = progress(current, target, baseline)

    assert found.value == (None if value is None else D(value))
    assert found.reason == reason


@pytest.mark.parametrize(
    ("direction", "current", "target", "baseline", "score", "method"),
    [
        pytest.param(UP, 3, 0, -5, "1.6", Method.LINEAR, id="zero target scores by progress"),
        pytest.param(UP, 3, 0, None, "1", Method.MET_OR_NOT, id="zero target without baseline: met"),
        pytest.param(DOWN, 3, 0, None, "0", Method.MET_OR_NOT, id="zero target without baseline: not met"),
        pytest.param(DOWN, 3, 0, 10, "0.7", Method.LINEAR, id="decrease to zero scores by progress"),
        pytest.param(DOWN, 0, 0, 10, "1", Method.RATIO, id="zero over zero is a ratio"),
        pytest.param(UP, -5, 10, -20, "0.5", Method.LINEAR, id="negative current scores by progress"),
        pytest.param(
            UP, -5, 10, None, None, Method.LINEAR, id="negative current without baseline is unknown"
        ),
        pytest.param(UP, None, 10, 0, None, Method.RATIO, id="missing current is unknown"),
        pytest.param(DOWN, 0, 1, 4, "2", Method.RATIO, id="zero current is capped"),
    ],
)
def test_score_uses_the_ratio_unless_it_would_say_nothing(
    direction: Direction,
    current: int | None,
    target: int,
    baseline: int | None,
    score: str | None,
    method: Method,
) -> None:
    found = score_outcome(direction, current, target, baseline)

    assert found.score == (None if score is None else D(score))
    assert found.method is method


def test_a_key_result_may_name_progress_as_its_score() -> None:
    found = score_outcome(UP, 48, 55, 42, method=Method.LINEAR)

    assert found.score == found.progress.value == D("0.461538")
    assert found.ratio.value == D("0.872727"), "both numbers are always there"
    assert found.method is Method.LINEAR


def test_progress_named_without_a_baseline_stays_unknown_and_says_why() -> None:
    found = score_outcome(UP, 48, 55, method=Method.LINEAR)

    assert (found.score, found.band, found.progress.reason) == (None, Band.NO_DATA, "no_baseline")


@pytest.mark.parametrize(
    ("score", "band"),
    [
        ("-0.2", Band.SIGNIFICANT_ISSUES),
        ("0", Band.SIGNIFICANT_ISSUES),
        ("0.299999", Band.SIGNIFICANT_ISSUES),
        ("0.3", Band.AT_RISK),
        ("0.696", Band.AT_RISK),
        ("0.699999", Band.AT_RISK),
        ("0.7", Band.ON_TRACK),
        ("1", Band.ON_TRACK),
        ("1.000001", Band.OVERPERFORMING),
        (None, Band.NO_DATA),
    ],
)
def test_bands_are_tested_on_the_six_place_number(score: str | None, band: Band) -> None:
    assert band_of(None if score is None else D(score)) is band


def test_a_quotient_is_rounded_half_even_before_its_band_is_named() -> None:
    assert score_outcome(UP, D("0.6999995"), 1).band is Band.ON_TRACK, "…995 rounds to the even …000"
    assert score_outcome(UP, D("0.6999985"), 1).score == D("0.699998")


@pytest.mark.parametrize(("score", "risk"), [("0.25", "0.75"), ("1.4", "0"), ("-0.5", "1"), (None, None)])
def test_risk_factor_is_what_is_missing_of_the_clamped_score(score: str | None, risk: str | None) -> None:
    assert risk_factor(None if score is None else D(score)) == (None if risk is None else D(risk))


@pytest.mark.parametrize(
    ("comparison", "value", "met"),
    [
        (Comparison.LT, 8, False),
        (Comparison.LTE, 8, True),
        (Comparison.LT, D("7.999"), True),
        (Comparison.GT, 8, False),
        (Comparison.GTE, 8, True),
        (Comparison.GTE, None, None),
    ],
)
def test_a_strict_comparison_is_strict(
    comparison: Comparison, value: D | int | None, met: bool | None
) -> None:
    assert is_met(value, comparison, 8) is met


def test_strictness_changes_target_met_and_leaves_the_ratio() -> None:
    loose = score_outcome(DOWN, 8, 8, 12)
    strict = score_outcome(DOWN, 8, 8, 12, Comparison.LT)

    assert (loose.target_met, strict.target_met) == (True, False)
    assert loose.ratio == strict.ratio


def test_a_strict_comparison_does_not_turn_on_the_noise_of_a_double() -> None:
    assert is_met(0.1 + 0.2, Comparison.GT, 0.3) is False


def test_no_movement_behind_a_good_ratio_is_flagged() -> None:
    assert score_outcome(UP, 42, 55, 42).flags == ("ratio_masks_no_progress",)
    assert score_outcome(UP, 46, 55, 42).flags == (), "progress is 0.307692"
    assert score_outcome(UP, 40, 55, 42).flags == ("ratio_masks_no_progress", "regressed")
    assert score_outcome(DOWN, 5, 1, 4).flags == ("regressed",)


@pytest.mark.parametrize(("direction", "target", "baseline"), [(UP, 30, 42), (DOWN, 50, 42)])
def test_a_target_on_the_wrong_side_of_the_baseline_is_a_definition_error(
    direction: Direction, target: int, baseline: int
) -> None:
    with pytest.raises(TargetError, match="direction_mismatch") as refused:
        score_outcome(direction, 45, target, baseline)
    assert refused.value.code == "direction_mismatch"


def test_a_comparison_that_looks_the_other_way_is_a_definition_error() -> None:
    with pytest.raises(TargetError, match="comparison_mismatch"):
        check_target(UP, 10, 5, Comparison.LTE)


# ── relative targets ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("spec", "amount", "baseline", "direction", "target"),
    [
        (TargetSpec.ABSOLUTE, 55, None, UP, "55"),
        (TargetSpec.RELATIVE_PCT, D("0.15"), 40, UP, "46"),
        (TargetSpec.RELATIVE_PCT, D("0.25"), 8, DOWN, "6"),
        (TargetSpec.DELTA_POINTS, 5, 40, UP, "45"),
        (TargetSpec.DELTA_POINTS, -5, 40, DOWN, "35"),
    ],
)
def test_relative_targets_become_values(
    spec: TargetSpec, amount: D | int, baseline: int | None, direction: Direction, target: str
) -> None:
    assert resolve_target(spec, amount, baseline, direction) == D(target)


@pytest.mark.parametrize(
    ("spec", "amount", "baseline", "code"),
    [
        (TargetSpec.RELATIVE_PCT, D("0.15"), 0, "relative_to_zero_baseline"),
        (TargetSpec.RELATIVE_PCT, D("0.15"), None, "no_baseline"),
        (TargetSpec.DELTA_POINTS, 5, None, "no_baseline"),
        (TargetSpec.RELATIVE_PCT, 0, 40, "relative_not_positive"),
        (TargetSpec.ABSOLUTE, float("nan"), None, "target_not_finite"),
    ],
)
def test_relative_targets_that_say_nothing_are_refused(
    spec: TargetSpec, amount: D | int | float, baseline: int | None, code: str
) -> None:
    with pytest.raises(TargetError) as refused:
        resolve_target(spec, amount, baseline, UP)
    assert refused.value.code == code


@pytest.mark.parametrize("family", ["ratio", "score"])
def test_a_bare_percentage_of_a_ratio_must_say_points_or_percent(family: str) -> None:
    with pytest.raises(TargetError, match="ambiguous_relative_target"):
        bare_percentage_spec(family)
    assert bare_percentage_spec("currency") is TargetSpec.RELATIVE_PCT


# ── what always holds ───────────────────────────────────────────────────────────────────────────────────────


@given(
    direction=st.sampled_from([UP, DOWN]),
    current=st.none() | numbers,
    target=numbers,
    baseline=st.none() | numbers,
)
def test_a_score_is_a_finite_number_of_six_places_or_none_with_a_reason(
    direction: Direction, current: D | None, target: D, baseline: D | None
) -> None:
    try:
        found = score_outcome(direction, current, target, baseline)
    except TargetError:
        return
    for measure in (found.ratio, found.progress):
        assert (measure.value is None) <= (measure.reason is not None)
        _well_formed(measure.value)
    _well_formed(found.score)
    assert (found.score is None) == (found.band is Band.NO_DATA)


@given(direction=st.sampled_from([UP, DOWN]), target=positive, low=positive, high=positive)
def test_a_better_value_never_has_a_lower_ratio(direction: Direction, target: D, low: D, high: D) -> None:
    low, high = sorted((low, high))
    worse, better = (low, high) if direction is UP else (high, low)

    assert _value(ratio(direction, worse, target).value) <= _value(ratio(direction, better, target).value)


@given(baseline=numbers, target=numbers, first=numbers, second=numbers)
def test_progress_is_monotone_towards_the_target(baseline: D, target: D, first: D, second: D) -> None:
    assume(baseline != target)
    towards = 1 if target > baseline else -1
    first, second = sorted((first, second), key=lambda value: value * towards)

    assert _value(progress(first, target, baseline).value) <= _value(progress(second, target, baseline).value)


@given(baseline=numbers, target=numbers)
def test_progress_is_zero_at_the_baseline_and_one_at_the_target(baseline: D, target: D) -> None:
    assume(baseline != target)
    at_start = progress(baseline, target, baseline).value

    assert at_start == 0
    assert str(at_start) == "0.000000", "zero has no sign"
    assert progress(target, target, baseline).value == 1


@given(direction=st.sampled_from([UP, DOWN]), target=positive)
def test_the_ratio_is_one_exactly_at_the_target(direction: Direction, target: D) -> None:
    assert ratio(direction, target, target).value == 1


@given(st.fractions(min_value=-(10**6), max_value=10**6))
def test_quantising_is_half_even_and_stable(value: object) -> None:
    once = quantise(value)  # type: ignore[arg-type]

    assert quantise(once) == once
    assert abs(once - D(str(float(value)))) < D("0.000002")  # type: ignore[arg-type]


def _well_formed(value: D | None) -> None:
    if value is not None:
        assert value.is_finite()
        assert value.as_tuple().exponent == -6
        assert not (value == 0 and value.is_signed())


def _value(value: D | None) -> D:
    assert value is not None
    return value


def test_a_score_shows_both_numbers() -> None:
    found: Score = score_outcome(UP, 42, 55, 42)

    assert (found.ratio.value, found.progress.value) == (D("0.763636"), D("0"))
