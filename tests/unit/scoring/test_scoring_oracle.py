"""The rule book read a second time: a plain oracle per rule, and the code held against it on generated cases.

The oracle is written from the rules alone, case by case in the order of their table, over `decimal` at 60 digits; it
shares no line with the code. A difference is a wrong reading on one of the two sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from definitions.model import Direction
from pipelines.scoring.control import Period, PeriodState, score_control
from pipelines.scoring.errors import TargetError
from pipelines.scoring.kinds import Commitment, Comparison, KeyResultStatus, KpiStatus, Method
from pipelines.scoring.optimum import OptimumBand, score_optimum
from pipelines.scoring.pace import Expectation, pace
from pipelines.scoring.rollup import Part, score_objective
from pipelines.scoring.score import score_outcome
from pipelines.scoring.scorecard import scorecard_points
from pipelines.scoring.status import Limits, kpi_status

WIDE = Context(prec=60)
SIX = Decimal("0.000001")
EXAMPLES = settings(max_examples=200, deadline=None)


def six(number: Decimal) -> Decimal:
    """Quantised to six places, half-even, without a negative zero."""
    with localcontext(WIDE):
        found = number.quantize(SIX, ROUND_HALF_EVEN)
    return abs(found) if found == 0 else found


def over(top: Decimal, bottom: Decimal) -> Decimal:
    with localcontext(WIDE):
        return six(top / bottom)


@dataclass
class Read:
    """What the table of cases says of one key result."""

    ratio: Decimal | None
    ratio_reason: str
    progress: Decimal | None
    progress_reason: str
    score: Decimal | None
    band: str
    met: bool | None
    flags: set[str]


def read_rules(kind: str, current: Any, target: Decimal, baseline: Any, strict: bool, named: str) -> Read:
    if current is None:
        ratio, why = None, "no_current_value"
    elif current < 0 or target < 0:
        ratio, why = None, "negative_operand"
    elif target == 0 and kind == "increase":
        ratio, why = None, "zero_target"
    elif target == 0:
        ratio, why = (
            (Decimal(1), "zero_over_zero") if current == 0 else (Decimal(0), "zero_target_uninformative")
        )
    elif current == 0:
        ratio, why = (Decimal(0), "") if kind == "increase" else (Decimal(2), "zero_current_capped")
    else:
        ratio, why = (over(current, target) if kind == "increase" else over(target, current)), ""

    if current is None:
        way, way_why = None, "no_current_value"
    elif baseline is None:
        way, way_why = None, "no_baseline"
    elif baseline == target:
        way, way_why = None, "zero_span"
    else:
        way, way_why = over(current - baseline, target - baseline), ""

    met = None
    if current is not None:
        met = {
            ("increase", False): current >= target,
            ("increase", True): current > target,
            ("decrease", False): current <= target,
            ("decrease", True): current < target,
        }[kind, strict]

    if named == "linear" or why == "negative_operand":
        score = way
    elif why in ("zero_target", "zero_target_uninformative"):
        score = way if way is not None else Decimal(int(bool(met)))
    else:
        score = ratio

    if score is None:
        band = "no_data"
    elif score < Decimal("0.3"):
        band = "significant_issues"
    elif score < Decimal("0.7"):
        band = "at_risk"
    else:
        band = "on_track" if score <= 1 else "overperforming"
    flags = set()
    if way is not None and way < 0:
        flags.add("regressed")
    if ratio is not None and ratio >= Decimal("0.7") and way is not None and way < Decimal("0.3"):
        flags.add("ratio_masks_no_progress")
    return Read(ratio, why, way, way_why, score, band, met, flags)


EDGES = (
    -100,
    -20,
    "-10.5",
    -1,
    "-0.1",
    0,
    "0.3",
    "0.696",
    "0.7",
    1,
    "2.999999",
    3,
    4,
    5,
    "7.5",
    8,
    10,
    12,
    42,
    55,
)
SMALL = st.sampled_from([Decimal(edge) for edge in (*EDGES, "54.9", 60, 100, 1_000_000)])
NUMBERS = SMALL | st.decimals(min_value=-(10**9), max_value=10**9, places=4)
UNKNOWN = st.none()


@EXAMPLES
@given(
    kind=st.sampled_from(["increase", "decrease"]),
    current=NUMBERS | UNKNOWN,
    target=NUMBERS,
    baseline=NUMBERS | UNKNOWN,
    strict=st.booleans(),
    named=st.sampled_from(["ratio", "linear"]),
)
def test_outcomes_equal_the_table_of_cases(
    kind: str, current: Decimal | None, target: Decimal, baseline: Decimal | None, strict: bool, named: str
) -> None:
    up = kind == "increase"
    comparison = {(True, False): "gte", (True, True): "gt", (False, False): "lte", (False, True): "lt"}[
        up, strict
    ]
    arguments = (Direction(kind), current, target, baseline, Comparison(comparison), Method(named))
    if baseline is not None and (target < baseline if up else target > baseline):
        with pytest.raises(TargetError, match="direction_mismatch"):
            score_outcome(*arguments)
        return

    found = score_outcome(*arguments)
    said = read_rules(kind, current, target, baseline, strict, named)

    assert (found.ratio.value, found.ratio.reason or "") == (said.ratio, said.ratio_reason)
    assert (found.progress.value, found.progress.reason or "") == (said.progress, said.progress_reason)
    assert (found.score, found.band, found.target_met) == (said.score, said.band, said.met)
    assert set(found.flags) == said.flags
    for number in (found.ratio.value, found.progress.value, found.score):
        assert number is None or (number.as_tuple().exponent == -6 and str(number) != "-0.000000")


@EXAMPLES
@given(
    comparison=st.sampled_from(["gte", "gt", "lte", "lt", "between"]),
    values=st.lists(st.sampled_from([3, 4, 5, 6, 7, None, "running"]), max_size=14),
    closing=st.booleans(),
)
def test_limits_equal_periods_met_over_periods_elapsed(
    comparison: str, values: list[int | str | None], closing: bool
) -> None:
    holds = {
        "gte": lambda v: v >= 5,
        "gt": lambda v: v > 5,
        "lte": lambda v: v <= 5,
        "lt": lambda v: v < 5,
        "between": lambda v: 4 <= v <= 6,
    }[comparison]
    judged = [v for v in values if v != "running" and (v is not None or closing)]
    verdicts = [v is not None and bool(holds(v)) for v in judged]
    periods = [
        Period(9 if v == "running" else v, PeriodState.PROVISIONAL)  # type: ignore[arg-type]
        if v == "running"
        else Period(None, PeriodState.MISSING)
        if v is None
        else Period(v)  # type: ignore[arg-type]
        for v in values
    ]
    limit, high = (4, 6) if comparison == "between" else (5, None)

    found = score_control(Comparison(comparison), limit, periods, high=high, is_closing=closing)

    if not verdicts:
        assert (found.score, found.target_met) == (None, None)
        return
    assert found.score == over(Decimal(sum(verdicts)), Decimal(len(verdicts)))
    assert found.target_met is verdicts[-1]
    if not verdicts[-1]:
        assert found.band in {"at_risk", "significant_issues"}, "violated now is never better than at risk"


@EXAMPLES
@given(value=SMALL, low=st.integers(-20, 20), width=st.integers(1, 20), floor=st.none() | st.integers(1, 9))
def test_a_band_falls_in_a_straight_line_to_its_floor_and_its_ceiling(
    value: Decimal, low: int, width: int, floor: int | None
) -> None:
    lo, hi = Decimal(low), Decimal(low + width)
    bottom = lo - width if floor is None else lo - floor
    ceiling = hi + width
    if value < lo:
        expected, side = max(Decimal(0), over(value - bottom, lo - bottom)), "below"
    elif value > hi:
        expected, side = max(Decimal(0), over(ceiling - value, ceiling - hi)), "above"
    else:
        expected, side = Decimal(1), "inside"

    found = score_optimum(value, OptimumBand(lo, hi, None if floor is None else bottom))

    assert (found.score, str(found.side)) == (expected, side)


@EXAMPLES
@given(progress=SMALL | UNKNOWN, day=st.integers(-5, 100), length=st.integers(1, 92))
def test_pace_is_progress_over_the_share_of_time(progress: Decimal | None, day: int, length: int) -> None:
    start = date(2026, 1, 1)
    share = over(Decimal(max(0, min(length, day))), Decimal(length))

    expected = Expectation(start, start + timedelta(length)).at(start + timedelta(day))
    found = pace(progress, expected)

    assert expected == share
    if progress is None:
        assert found.status == "not_applicable"
    elif share < Decimal("0.10"):
        assert (found.ratio, found.status) == (None, "too_early")
    else:
        ratio = over(progress, share)
        names = (("ahead", "1.1"), ("on_pace", "0.9"), ("behind", "0.7"))
        word = next((name for name, edge in names if ratio >= Decimal(edge)), "off_pace")
        assert (found.ratio, found.status) == (ratio, word)


@EXAMPLES
@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from([None, *(Decimal(x) for x in ("-0.2", "0", "0.3", "0.69", "1", "1.5"))]),
            st.sampled_from([0, 1, 2, 3, Decimal("0.5")]),
        ),
        max_size=6,
    ),
    committed=st.booleans(),
)
def test_an_objective_is_the_weighted_mean_of_what_has_data(
    parts: Sequence[tuple[Decimal | None, Any]], committed: bool
) -> None:
    whole = sum((Decimal(w) for _, w in parts), Decimal(0))
    known = [(min(Decimal(1), max(Decimal(0), s)), Decimal(w)) for s, w in parts if s is not None]
    weight = sum((w for _, w in known), Decimal(0))
    coverage = over(weight, whole) if whole else Decimal(0)
    score = None
    if weight > 0 and coverage >= Decimal("0.5"):
        score = over(sum((s * w for s, w in known), Decimal(0)), weight)
    needed = Decimal(1) if committed else Decimal("0.7")

    found = score_objective(
        [Part(f"k{n}", s, KeyResultStatus.ON_TRACK, w) for n, (s, w) in enumerate(parts)],
        Commitment.COMMITTED if committed else Commitment.ASPIRATIONAL,
        is_closing=True,
    )

    assert (found.score, found.coverage) == (score, coverage)
    assert found.succeeded is (None if score is None else score >= needed)
    all_reached = bool(parts) and all(s is not None and s >= 1 for s, _ in parts)
    assert ("sandbagged" in found.flags) is (all_reached and not committed)


@EXAMPLES
@given(
    kind=st.sampled_from(["increase", "decrease"]),
    value=SMALL | UNKNOWN,
    target=SMALL | UNKNOWN,
    amber=SMALL | UNKNOWN,
    red=SMALL | UNKNOWN,
    stale=st.booleans(),
)
def test_the_colour_of_a_kpi(
    kind: str,
    value: Decimal | None,
    target: Decimal | None,
    amber: Decimal | None,
    red: Decimal | None,
    stale: bool,
) -> None:
    up = kind == "increase"

    def as_bad(edge: Decimal) -> bool:
        assert value is not None
        return value <= edge if up else value >= edge

    if value is None:
        expected = "no_data"
    elif stale:
        expected = "stale"
    elif red is not None and as_bad(red):
        expected = "red"
    elif target is None:
        expected = "no_target"
    elif value >= target if up else value <= target:
        expected = "green"
    elif amber is not None:
        expected = "amber" if value == amber or not as_bad(amber) else "red"
    else:
        attained = read_rules(kind, value, target, None, False, "ratio").ratio
        floor = Decimal("0.80") if up else Decimal("0.90")
        expected = "amber" if attained is not None and attained >= floor else "red"

    found = kpi_status(value, Limits(Direction(kind), target, amber_at=amber, red_at=red), is_stale=stale)

    assert found.status == KpiStatus(expected)
    assert found.is_critical == (expected == "red" and red is not None and value is not None and as_bad(red))


@EXAMPLES
@given(value=SMALL, red_flag=SMALL, goal=SMALL)
def test_a_scorecard_puts_the_red_flag_at_a_third_and_the_goal_at_two_thirds(
    value: Decimal, red_flag: Decimal, goal: Decimal
) -> None:
    assume(red_flag != goal)
    with localcontext(WIDE):
        third = Decimal(10) / 3
        points = third + (value - red_flag) / (goal - red_flag) * third
    expected = six(max(Decimal(0), min(Decimal(10), points)))

    found = scorecard_points(value, red_flag, goal).value

    assert found is not None
    assert abs(found - expected) <= SIX, "the oracle itself rounds a third at 60 digits"
