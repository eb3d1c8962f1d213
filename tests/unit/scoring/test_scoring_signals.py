"""Gaming risk, local optimum, focus, and drafts after three adverse weeks."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.model import Direction
from pipelines.scoring.focus import Candidate, focus_value, rank_focus
from pipelines.scoring.guardrails import is_gaming_risk, is_local_optimum
from pipelines.scoring.kinds import KpiStatus
from pipelines.scoring.suggestions import MetricFacts, adverse_weeks, suggest

UP, DOWN = Direction.INCREASE, Direction.DECREASE
GREEN, AMBER, RED = KpiStatus.GREEN, KpiStatus.AMBER, KpiStatus.RED


@pytest.mark.parametrize(
    ("better", "counter", "risk"),
    [
        ("0.05", "-0.050001", True),
        ("0.05", "-0.05", False),
        ("0.049999", "-0.2", False),
        ("0.3", "0.1", False),
        (None, "-0.2", False),
        ("0.3", None, False),
    ],
)
def test_gaming_risk_is_five_percent_better_at_more_than_five_percent_cost(
    better: str | None, counter: str | None, risk: bool
) -> None:
    assert is_gaming_risk(better and D(better), counter and D(counter)) is risk  # type: ignore[arg-type]


def test_a_pair_may_have_its_own_tolerance() -> None:
    assert is_gaming_risk(D("0.1"), D("-0.03"), tolerance_pct=2)
    assert not is_gaming_risk(D("0.1"), D("-0.08"), tolerance_pct=10)


@pytest.mark.parametrize(
    ("child", "parent", "found"),
    [
        ([GREEN, GREEN], [RED, RED], True),
        ([AMBER, GREEN, GREEN], [GREEN, RED], True),
        ([AMBER, GREEN], [RED, RED], False),
        ([GREEN], [RED], False),
        ([GREEN, GREEN], [AMBER], False),
        ([GREEN, GREEN], [], False),
    ],
)
def test_a_child_green_for_two_periods_under_a_red_parent_is_a_local_optimum(
    child: list[KpiStatus], parent: list[KpiStatus], found: bool
) -> None:
    assert is_local_optimum(child, parent) is found


# ── focus ───────────────────────────────────────────────────────────────────────────────────────────────────


def candidate(
    name: str, attained: str | None, weight: int = 1, actionable: bool = True, ok: bool = True
) -> Candidate:
    return Candidate(name, weight, None if attained is None else D(attained), actionable, ok)


def test_focus_is_on_what_is_broken_can_be_acted_on_and_is_known() -> None:
    found = rank_focus(
        [
            candidate("nearly", "0.9"),
            candidate("broken", "0.4"),
            candidate("heavy", "0.6", weight=3),
            candidate("beyond", "1.4"),
            candidate("weather", "0.1", actionable=False),
            candidate("unknown", None),
            candidate("doubtful", "0.1", ok=False),
        ]
    )

    assert [(item.candidate.metric, item.value, item.rank) for item in found] == [
        ("heavy", D("0.48"), 1),
        ("broken", D("0.36"), 2),
        ("nearly", D("0.01"), 3),
    ]


@given(st.decimals(-2, 3, places=6), st.decimals(-2, 3, places=6))
def test_the_further_from_the_target_the_higher_the_focus(one: D, other: D) -> None:
    near, far = sorted((one, other), reverse=True)

    assert focus_value(candidate("near", str(near))) <= focus_value(candidate("far", str(far)))


# ── suggestions ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("direction", "weeks", "run"),
    [
        (DOWN, [5, 6, 7, 8], 3),
        (DOWN, [9, 6, 7, 8], 2),
        (UP, [5, 6, 7, 8], 0),
        (UP, [9, 8, 7, 7], 0),
        (UP, [9, None, 7, 6], 1),
        (UP, [4], 0),
        (UP, [], 0),
    ],
)
def test_adverse_weeks_in_a_row(direction: Direction, weeks: list[int | None], run: int) -> None:
    assert adverse_weeks(direction, weeks) == run


def facts(
    name: str, direction: Direction, *weeks: int, actionable: bool = True, target: int | None = None
) -> MetricFacts:
    return MetricFacts(name, name.replace("_", " "), direction, weeks, "owner@x", "team", target, actionable)


def test_three_adverse_weeks_draft_an_objective_from_the_neighbours() -> None:
    forest = {"open_bugs": ("new_bugs", "reopened", "weather")}
    metrics = [
        facts("open_bugs", DOWN, 10, 12, 15, 19, target=8),
        facts("new_bugs", DOWN, 3, 4, 5, 6),
        facts("reopened", DOWN, 2, 2, 2, 1),
        facts("weather", DOWN, 1, 2, 3, 4, actionable=False),
    ]

    (draft, second) = suggest({metric.name: metric for metric in metrics[:3]}, forest)

    assert draft.metric == "new_bugs"
    assert second.metric == "open_bugs"
    assert second.reason == "open bugs got worse 3 weeks in a row, from 10 to 19."
    assert [item.statement for item in second.key_results] == [
        "Reduce open bugs from 19 to 8",
        "Reduce new bugs from 6 to 3",
    ], "reopened is at its best already"
    with_weather = suggest({metric.name: metric for metric in metrics}, forest)
    assert all(item.metric != "weather" for draft in with_weather for item in draft.key_results)


def test_two_adverse_weeks_are_no_reason() -> None:
    assert suggest({"a": facts("a", UP, 9, 8, 7)}, {}) == ()
