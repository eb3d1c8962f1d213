"""Roll-up of key results, and scorecards."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.settings import ScoringSettings
from pipelines.scoring.errors import TreeError
from pipelines.scoring.kinds import Commitment, KeyResultStatus, KpiStatus
from pipelines.scoring.rollup import Node, Part, Rollup, roll_up, score_objective, weakest
from pipelines.scoring.scorecard import PERSPECTIVES, ScorecardLine, balanced_scorecard, scorecard_points

ON_TRACK, AT_RISK, OFF_TRACK = KeyResultStatus.ON_TRACK, KeyResultStatus.AT_RISK, KeyResultStatus.OFF_TRACK


def part(key: str, score: str | None, weight: float = 1, status: KeyResultStatus = ON_TRACK) -> Part:
    return Part(key, None if score is None else D(score), status, weight)


def test_an_objective_is_the_weighted_mean_of_clamped_scores() -> None:
    found = score_objective([part("a", "1.8"), part("b", "-0.4"), part("c", "0.5", 2)])

    assert (found.score, found.coverage) == (D("0.5"), 1)


def test_key_results_without_data_are_left_out_and_coverage_says_so() -> None:
    found = score_objective([part("a", "0.8"), part("b", None)])

    assert (found.score, found.coverage) == (D("0.8"), D("0.5"))


def test_with_less_than_half_covered_there_is_no_score() -> None:
    found = score_objective([part("a", "0.8"), part("b", None, 1.01)])

    assert (found.score, found.coverage, found.flags) == (None, D("0.497512"), ("low_coverage",))


@pytest.mark.parametrize("parts", [[], [part("a", None)], [part("a", "0.5", 0)]])
def test_nothing_that_weighs_is_null_and_not_a_number(parts: list[Part]) -> None:
    found = score_objective(parts)

    assert (found.score, found.coverage) == (None, 0)


def test_an_objective_shows_its_weakest_key_result() -> None:
    parts = [part("a", "1"), part("b", "0.5", status=AT_RISK), part("c", "0.9")]

    assert score_objective(parts).status is AT_RISK
    average = ScoringSettings(objective_status="average")
    assert score_objective(parts, settings=average).status is ON_TRACK


def test_silence_is_weaker_than_anything_on_track() -> None:
    assert weakest([ON_TRACK, KeyResultStatus.STALE]) is KeyResultStatus.STALE
    assert weakest([ON_TRACK, KeyResultStatus.NO_DATA]) is KeyResultStatus.NO_DATA
    assert weakest([AT_RISK, KeyResultStatus.STALE]) is AT_RISK
    assert weakest([]) is KeyResultStatus.NO_DATA


def test_a_cancelled_key_result_is_no_part() -> None:
    found = score_objective([part("a", "0.8"), part("b", "0", status=KeyResultStatus.CANCELLED)])

    assert (found.score, found.total, found.status) == (D("0.8"), 1, ON_TRACK)


def test_an_objective_may_take_its_average_or_its_weakest_score() -> None:
    parts = [part("a", "0.9", 3), part("b", "0.3", 1)]

    assert score_objective(parts).score == D("0.75")
    assert score_objective(parts, rollup=Rollup.AVERAGE).score == D("0.6")
    assert score_objective(parts, rollup=Rollup.WEAKEST).score == D("0.3")


def test_counts_of_key_results_by_what_they_show() -> None:
    statuses = [
        ON_TRACK,
        KeyResultStatus.ACHIEVED,
        AT_RISK,
        OFF_TRACK,
        KeyResultStatus.MISSED,
        KeyResultStatus.STALE,
    ]
    found = score_objective([part(str(n), "0.5", status=status) for n, status in enumerate(statuses)])

    assert (found.total, found.on_track, found.at_risk, found.off_track, found.no_data) == (6, 2, 1, 2, 1)


@pytest.mark.parametrize(
    ("commitment", "score", "succeeded"),
    [
        (Commitment.COMMITTED, "0.99", False),
        (Commitment.COMMITTED, "1", True),
        (Commitment.ASPIRATIONAL, "0.7", True),
        (Commitment.ASPIRATIONAL, "0.699999", False),
    ],
)
def test_committed_objectives_succeed_at_one_and_aspirational_ones_at_seventy_percent(
    commitment: Commitment, score: str, succeeded: bool
) -> None:
    closed = score_objective([part("a", score)], commitment, is_closing=True)

    assert closed.succeeded is succeeded
    assert closed.status is (KeyResultStatus.ACHIEVED if succeeded else KeyResultStatus.MISSED)
    assert score_objective([part("a", score)], commitment).succeeded is None, "only at close"


def test_reaching_everything_of_an_aspirational_objective_is_sandbagging() -> None:
    parts = [part("a", "1"), part("b", "1.3")]

    assert score_objective(parts, Commitment.ASPIRATIONAL, is_closing=True).flags == ("sandbagged",)
    assert score_objective(parts, Commitment.COMMITTED, is_closing=True).flags == ()
    assert score_objective(parts, Commitment.ASPIRATIONAL).flags == (), "only at close"
    missed_one = [*parts, part("c", "0.99")]
    assert score_objective(missed_one, Commitment.ASPIRATIONAL, is_closing=True).flags == ()


def test_children_that_contribute_count_and_those_that_support_do_not() -> None:
    nodes = {
        "company": Node("company", (part("a", "0.5"),)),
        "sales": Node("sales", (part("b", "1"), part("c", "1")), parent="company"),
        "people": Node("people", (part("d", "0"),), parent="company", contributes=False),
    }

    scores = roll_up(nodes)

    assert scores["company"].score == D("0.833333")
    assert scores["people"].score == 0


def test_a_key_result_that_is_reached_twice_counts_once() -> None:
    shared = part("shared", "1")
    nodes = {
        "company": Node("company", (shared, part("a", "0"))),
        "sales": Node("sales", (shared,), parent="company"),
    }

    assert roll_up(nodes)["company"].score == D("0.5")


def test_contributions_reach_through_every_level() -> None:
    nodes = {
        "top": Node("top", ()),
        "middle": Node("middle", (), parent="top"),
        "leaf": Node("leaf", (part("a", "0.4"),), parent="middle"),
    }

    assert roll_up(nodes)["top"].score == D("0.4")


def test_objectives_in_a_circle_are_refused() -> None:
    nodes = {"a": Node("a", (), parent="b"), "b": Node("b", (), parent="a")}

    with pytest.raises(TreeError, match="a → b → a"):
        roll_up(nodes)


def test_an_unknown_parent_is_refused() -> None:
    with pytest.raises(TreeError, match="unknown_parent"):
        roll_up({"a": Node("a", (), parent="nobody")})


scores = st.none() | st.decimals(-3, 3, places=6)


@given(st.lists(st.tuples(scores, st.integers(0, 5)), max_size=10))
def test_a_rolled_up_score_lies_between_its_parts(pairs: list[tuple[D | None, int]]) -> None:
    parts = [Part(str(n), score, ON_TRACK, weight) for n, (score, weight) in enumerate(pairs)]
    found = score_objective(parts)

    assert 0 <= found.coverage <= 1
    if found.score is not None:
        known = [min(max(score, D(0)), D(1)) for score, weight in pairs if score is not None and weight]
        assert min(known) <= found.score <= max(known)


# ── scorecards ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "red_flag", "goal", "points"),
    [
        (500, 500, 700, "3.33"),
        (700, 500, 700, "6.67"),
        (900, 500, 700, "10.00"),
        (2000, 500, 700, "10.00"),
        (0, 500, 700, "0.00"),
        (8, 8, 4, "3.33"),
        (4, 8, 4, "6.67"),
        (2, 8, 4, "8.33"),
    ],
)
def test_scorecard_points_for_both_directions(value: int, red_flag: int, goal: int, points: str) -> None:
    found = scorecard_points(value, red_flag, goal).value

    assert found is not None
    assert round(found, 2) == D(points)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [((None, 5, 7), "no_current_value"), ((6, None, 7), "no_target"), ((6, 7, 7), "zero_span")],
)
def test_scorecard_points_that_cannot_be_said(arguments: tuple[int | None, ...], reason: str) -> None:
    found = scorecard_points(*arguments)

    assert (found.value, found.reason) == (None, reason)


def test_a_balanced_scorecard_has_all_four_perspectives() -> None:
    lines = [
        ScorecardLine("nps", "customer", KpiStatus.GREEN, D(1), D("8")),
        ScorecardLine("csat", "customer", KpiStatus.RED, D("0.5"), D("2"), weight=2),
        ScorecardLine("churn", "customer", KpiStatus.NO_DATA, None),
    ]

    card = balanced_scorecard(lines)

    assert tuple(item.perspective for item in card) == PERSPECTIVES
    customer = card[1]
    assert (customer.points, customer.coverage) == (D("4"), D("0.75"))
    assert (customer.green, customer.amber, customer.red, customer.unknown) == (1, 0, 1, 1)
    assert card[0].points is None
