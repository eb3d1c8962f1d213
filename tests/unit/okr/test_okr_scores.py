"""Key results and objectives of a cycle on one day, from values and check-ins."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pyarrow as pa
import pytest

from definitions.model import (
    Aggregation,
    Band,
    Baseline,
    Cumulative,
    Curve,
    Guardrail,
    KeyResult,
    Measure,
    Metric,
    Milestone,
    Revision,
)
from pipelines.okr.assemble import ScoredCycle, score_cycle, score_cycles, score_history
from pipelines.publishing.records import KeyResultScoreRow
from pipelines.scoring.cadence import Due, DueState
from pipelines.scoring.checkin import CheckIn
from pipelines.scoring.kinds import KeyResultStatus
from tests.unit.okr.okr_world import Q4, catalogue, cycle, frame, key_result, metric, objective, series

MID = date(2026, 11, 15)
FRESH = datetime(2026, 11, 15, tzinfo=UTC)


def said(key: str, on: date = date(2026, 11, 13), **more: Any) -> CheckIn:
    fields: dict[str, Any] = {"author": "ada@example.org", "how_it_happened": "work", "confidence": D("0.6")}
    return CheckIn(**{"key_result": key, "on": on, **fields, **more})


def scored(
    kr: KeyResult,
    values: pa.Table | None = None,
    *metrics: Metric,
    as_of: date = MID,
    check_ins: list[CheckIn] | None = None,
    **of_cycle: Any,
) -> ScoredCycle:
    goals = cycle(objective("o1", kr), **of_cycle)
    voices = [said(kr.key)] if check_ins is None else check_ins
    return score_cycle(
        catalogue(metrics, goals), goals, frame() if values is None else values, as_of, check_ins=voices
    )


def row(*arguments: Any, **more: Any) -> KeyResultScoreRow:
    return scored(*arguments, **more).key_results[0]


NPS = metric("nps")
NPS_WEEKS = series("nps", "week", date(2026, 11, 9), 41, 42, 43, 43, 45, 46, 46, 48, 49, 50, 50, 51)
KR = key_result("kr1", metric="nps", target=55)


# ── an outcome, all columns ─────────────────────────────────────────────────────────────────────────────────


def test_every_column_of_a_score() -> None:
    found = row(KR, frame(NPS_WEEKS), NPS)

    assert (found.as_of_date, found.cycle_day) == (MID, 46)
    assert (found.current_value, found.value_as_of_date) == (51, date(2026, 11, 15))
    assert (found.ratio_raw, found.progress_raw, found.score) == (D("0.927273"), D("0.692308"), D("0.927273"))
    assert (found.score_method, found.score_band, found.target_met) == ("ratio", "on_track", False)
    assert found.expected_progress == D("0.494505")
    assert (found.pace_ratio, found.pace_gap) == (D("1.400002"), D("0.197803"))
    assert found.pace_status == "ahead"
    assert found.forecast_value is not None
    assert found.forecast_low is not None
    assert found.forecast_high is not None
    assert 55 < found.forecast_low < found.forecast_value < found.forecast_high < 62
    assert found.forecast_score == pytest.approx(found.forecast_value / 55, abs=D("0.000001"))  # type: ignore[operator]
    assert found.hit_probability is not None
    assert found.owner_confidence == D("0.6")
    assert found.confidence_gap == D("0.6") - found.hit_probability  # type: ignore[operator]
    assert (found.published_status, found.status_source) == ("on_track", "computed")
    assert (found.is_stale, found.days_since_check_in, found.is_final) == (False, 2, False)
    assert found.flags == ()


def test_a_running_week_is_not_read() -> None:
    found = row(KR, frame(NPS_WEEKS), NPS, as_of=date(2026, 11, 14))

    assert (found.current_value, found.value_as_of_date) == (50, date(2026, 11, 8))


def test_a_state_is_current_whenever_it_was_taken() -> None:
    bugs = metric("bugs", "last", "decrease")
    values = frame(series("bugs", "week", date(2026, 11, 9), 12, 9))

    found = row(
        key_result("kr1", "decrease", metric="bugs", target=5), values, bugs, as_of=date(2026, 11, 11)
    )

    assert (found.current_value, found.value_as_of_date) == (9, date(2026, 11, 11))


def test_a_period_that_may_still_change_counts_only_where_nothing_is_final() -> None:
    weeks = series("nps", "week", date(2026, 11, 9), 48, 50, 3, 1, provisional=2)

    found = row(KR, frame(weeks), NPS)
    assert (found.current_value, found.value_as_of_date) == (50, date(2026, 11, 1))
    only = series("nps", "week", date(2026, 11, 9), 48, provisional=1)
    assert row(KR, frame(only), NPS).current_value == 48


def test_one_week_without_a_sample_does_not_blank_a_goal() -> None:
    values = frame(series("nps", "week", date(2026, 11, 9), 48, 50, None))
    found = row(KR, values, NPS)

    assert (found.current_value, found.value_as_of_date) == (50, date(2026, 11, 8))


def test_a_long_silence_of_the_data_does() -> None:
    values = frame(series("nps", "week", date(2026, 11, 9), 48, 50, None, None, None))
    found = row(KR, values, NPS)

    assert (found.current_value, found.ratio_reason, found.score) == (None, "no_current_value", None)
    assert (found.score_band, found.published_status) == ("no_data", "no_data")


def test_a_goal_for_the_quarter_is_read_to_date() -> None:
    wins = metric("wins", "sum")
    values = frame(
        series("wins", "quarter", MID, 9, 3, provisional=1),
        series("wins", "week", date(2026, 11, 9), 1, 0, 1, 0, 1, 0),
    )
    goal = key_result(
        "kr1", metric="wins", target=5, grain="quarter", baseline=Baseline(0, date(2026, 9, 30))
    )
    found = scored(goal, values, wins)

    assert (found.key_results[0].current_value, found.key_results[0].value_as_of_date) == (3, MID)
    assert [(point.day.day, point.value) for point in found.charts[0].actual] == [
        (11, 1),
        (18, 1),
        (25, 2),
        (1, 2),
        (8, 3),
        (15, 3),
    ]


def test_a_ratio_to_date_is_added_up_before_it_is_divided() -> None:
    rate = metric("rate", "ratio")
    values = frame(
        series("rate", "quarter", MID, 0.5, provisional=1),
        series("rate", "week", date(2026, 10, 19), 0.5, 1.0, bottoms=[100, 300]),
    )
    goal = key_result(
        "kr1", metric="rate", target=0.9, grain="quarter", baseline=Baseline(0.4, date(2026, 9, 30))
    )

    assert [point.value for point in scored(goal, values, rate).charts[0].actual][-1] == 0.875


def test_a_running_total_that_starts_anew_is_read_from_the_start_of_the_cycle() -> None:
    total = Cumulative(Measure("s", Aggregation.SUM), grain_to_date="quarter")
    bookings = replace(metric("bookings", "last"), formula=total)
    before, after = date(2026, 9, 30), date(2026, 10, 31)
    values = frame(
        series("bookings", "day", before, *range(1000, 1092)),
        series("bookings", "day", after, *range(10, 320, 10)),
    )
    goal = key_result("kr1", metric="bookings", target=900, grain="day", baseline=Baseline(0, before))
    found = scored(goal, values, bookings, as_of=after)

    assert found.key_results[0].current_value == 310
    assert [point.value for point in found.charts[0].actual] == [30, 100, 170, 240, 310]
    assert found.key_results[0].forecast_value == 920
    last_quarter = frame(series("bookings", "day", before, 1091))
    assert row(goal, last_quarter, bookings, as_of=date(2026, 10, 1)).current_value is None


def test_a_key_result_may_be_about_one_segment() -> None:
    values = frame(NPS_WEEKS, series("nps", "week", date(2026, 11, 9), 47, segment=("region", "emea")))

    assert row(replace(KR, segment=(("region", "emea"),)), values, NPS).current_value == 47


def test_a_due_day_before_the_end_of_the_cycle_is_when_it_is_expected() -> None:
    found = row(replace(KR, due=date(2026, 11, 15)), frame(NPS_WEEKS), NPS)

    assert (found.expected_progress, found.forecast_value) == (1, None)


def test_a_target_changed_inside_the_cycle_is_shown_from_that_day_on() -> None:
    edited = replace(KR, revisions=(Revision(date(2026, 11, 2), "bob", "target", 60, 55, "too far"),))

    assert row(edited, frame(NPS_WEEKS), NPS).flags == ("retro_edit",)
    assert row(edited, frame(NPS_WEEKS), NPS, as_of=date(2026, 11, 1)).flags == ()
    on_first_day = replace(KR, revisions=(Revision(Q4[0], "bob", "target", 60, 55, "planning"),))
    assert row(on_first_day, frame(NPS_WEEKS), NPS).flags == ()


def test_a_baseline_on_the_wrong_side_is_flagged_and_the_ratio_stays() -> None:
    found = row(replace(KR, baseline=Baseline(60, date(2026, 9, 30))), frame(NPS_WEEKS), NPS)

    assert (found.score, found.progress_raw, found.progress_reason) == (
        D("0.927273"),
        None,
        "direction_mismatch",
    )
    assert (found.flags, found.pace_status) == (("direction_mismatch",), "not_applicable")


def test_the_chart_has_an_expected_line_and_the_actual_points() -> None:
    chart = scored(KR, frame(NPS_WEEKS), NPS).charts[0]

    assert (chart.expected[0].day, chart.expected[0].value) == (Q4[0], 42)
    assert (chart.expected[-1].day, chart.expected[-1].value) == (Q4[1], 55)
    assert len(chart.expected) == 14
    assert [point.value for point in chart.actual][-3:] == [50, 50, 51]
    assert chart.forecast is not None


# ── what people said ────────────────────────────────────────────────────────────────────────────────────────


def test_a_value_by_hand_counts_until_a_newer_one_is_computed() -> None:
    earlier = said("kr1", date(2026, 11, 14), value_override=D(53))
    later = said("kr1", date(2026, 11, 16), value_override=D(54))

    assert row(KR, frame(NPS_WEEKS), NPS, check_ins=[earlier]).current_value == 51
    by_hand = row(KR, frame(NPS_WEEKS), NPS, as_of=date(2026, 11, 17), check_ins=[earlier, later])
    assert (by_hand.current_value, by_hand.value_as_of_date, by_hand.flags) == (
        54,
        date(2026, 11, 16),
        ("value_by_hand",),
    )


def test_a_key_result_without_a_metric_lives_on_check_ins() -> None:
    coverage = key_result("kr1", nature="effort", target=90)
    voices = [
        said("kr1", date(2026, 10, 2) + timedelta(7 * week), value_override=D(50 + week)) for week in range(5)
    ]

    found = row(coverage, as_of=date(2026, 10, 31), check_ins=voices)

    assert (found.current_value, found.progress_raw, found.flags) == (54, D("0.25"), ())
    assert found.forecast_value == D("62.857143"), "one more each week"


def test_what_is_said_later_is_not_seen_on_an_earlier_day() -> None:
    voices = [said("kr1", date(2026, 10, 9)), said("kr1", date(2026, 11, 20), confidence=D("0.1"))]

    assert row(KR, frame(NPS_WEEKS), NPS, check_ins=voices).owner_confidence == D("0.6")


def test_confidence_starts_with_the_definition_and_is_a_persons() -> None:
    found = row(replace(KR, confidence=0.5), frame(NPS_WEEKS), NPS, check_ins=[])

    assert found.owner_confidence == D("0.5")
    assert row(KR, frame(NPS_WEEKS), NPS, check_ins=[]).owner_confidence is None


def test_silence_becomes_stale_after_three_days() -> None:
    silent = row(KR, frame(NPS_WEEKS), NPS, as_of=date(2026, 10, 5), check_ins=[])
    just_due = row(KR, frame(NPS_WEEKS), NPS, as_of=date(2026, 10, 4), check_ins=[])

    assert (silent.is_stale, silent.published_status) == (True, "stale")
    assert (just_due.is_stale, just_due.published_status) == (False, "on_track")
    assert silent.days_since_check_in is None


def test_a_persons_word_is_shown_with_its_reason() -> None:
    word = said("kr1", status_override=KeyResultStatus.AT_RISK, blockers="supplier")
    found = row(KR, frame(NPS_WEEKS), NPS, check_ins=[word])

    assert (found.published_status, found.status_source, found.override_reason) == (
        "at_risk",
        "override",
        "supplier",
    )
    assert found.score_band == "on_track", "the computed word stays readable"


def test_due_check_ins_keep_the_nudges_they_had() -> None:
    goals = cycle(objective("o1", KR))
    earlier = Due("kr1", date(2026, 11, 13), nudges_sent=1, last_nudge_at=FRESH)

    found = score_cycle(catalogue([NPS], goals), goals, frame(NPS_WEEKS), MID, dues=[earlier])

    assert [(due.due_date.day, due.state, due.nudges_sent) for due in found.check_ins_due[-3:]] == [
        (6, "overdue", 0),
        (13, "overdue", 1),
        (20, "due", 0),
    ]


def test_a_cancelled_key_result_is_neither_asked_about_nor_counted() -> None:
    cancelled = replace(KR, status="cancelled")
    goals = cycle(objective("o1", cancelled, replace(KR, key="kr2")))

    found = score_cycle(catalogue([NPS], goals), goals, frame(NPS_WEEKS), MID, check_ins=[said("kr2")])

    assert [one.published_status for one in found.key_results] == ["cancelled", "on_track"]
    assert {due.key_result_key for due in found.check_ins_due} == {"kr2"}
    assert found.objectives[0].kr_total == 1


def test_what_is_open_when_a_key_result_is_cancelled_or_a_cycle_closed_is_waived() -> None:
    asked = Due("kr1", date(2026, 10, 9), nudges_sent=2)
    cancelled = cycle(objective("o1", replace(KR, status="cancelled")))
    closed = cycle(objective("o1", KR), state="closed")

    for goals in (cancelled, closed):
        found = score_cycle(catalogue([NPS], goals), goals, frame(NPS_WEEKS), MID, dues=[asked])
        states = {due.due_date: (due.state, due.nudges_sent) for due in found.check_ins_due}
        assert states[asked.due] == ("waived", 2)
        assert {state for state, _ in states.values()} == {"waived"}


# ── other kinds ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_limit_counts_the_weeks_of_the_cycle_that_held() -> None:
    p0 = metric("p0", "sum", "decrease")
    weeks = series("p0", "week", date(2026, 11, 9), 9, 0, 0, 2, 0, 0, 0)
    found = row(key_result("kr1", "stay_below", metric="p0", target=0, grain="week"), frame(weeks), p0)

    assert (found.score_method, found.score) == ("periods_met", D("0.833333"))
    assert (found.current_value, found.target_met, found.pace_status) == (0, True, "not_applicable")
    assert found.ratio_raw == 1, "the ratio stands beside it"
    assert (found.progress_raw, found.progress_reason) == (None, "holds_a_limit")


def test_a_limit_violated_now_is_at_risk() -> None:
    p0 = metric("p0", "sum", "decrease")
    weeks = series("p0", "week", date(2026, 11, 9), 0, 0, 0, 0, 0, 1)
    found = row(key_result("kr1", "stay_below", metric="p0", target=0, grain="week"), frame(weeks), p0)

    assert (found.published_status, found.flags) == ("at_risk", ("violated_now",))


def test_an_absent_week_is_missing_and_counts_at_close() -> None:
    p0 = metric("p0", "sum", "decrease")
    weeks = series("p0", "week", date(2026, 11, 9), 0, 0)
    goal = key_result("kr1", "stay_below", metric="p0", target=0, grain="week")

    assert row(goal, frame(weeks), p0).score == 1
    closed = row(goal, frame(weeks), p0, state="closed")
    assert (closed.score, closed.target_met, closed.published_status) == (D("0.166667"), False, "missed")


def test_an_optimum_band_publishes_its_side() -> None:
    ltv = metric("ltv", direction="within", band=Band(3, 5))
    goal = key_result("kr1", "stay_between", metric="ltv", score_method="zones", grain="month")
    found = row(goal, frame(series("ltv", "month", date(2026, 10, 1), 6)), ltv)

    assert (found.score, found.score_method, found.target_met) == (D("0.5"), "zones", False)
    assert found.flags == ("above_band",)
    assert (found.score_band, found.published_status) == ("at_risk", "at_risk")
    inside = row(goal, frame(series("ltv", "month", date(2026, 10, 1), 4)), ltv)
    assert (inside.score, inside.flags, inside.target_met) == (1, ("inside_band",), True)


def test_milestones_are_done_on_their_day() -> None:
    steps = (
        Milestone("a", 2, due=date(2026, 10, 31), done_on=date(2026, 10, 20)),
        Milestone("b", 1, due=date(2026, 11, 30), done_on=date(2026, 11, 20)),
        Milestone("c", 1, due=date(2026, 12, 31)),
    )
    goal = key_result("kr1", "milestone", milestones=steps, curve=Curve("phased"))

    assert row(goal, as_of=date(2026, 10, 10)).score == 0
    found = row(goal)
    assert (found.score, found.ratio_raw, found.progress_raw, found.score_method) == (
        D("0.5"),
        D("0.5"),
        D("0.5"),
        "milestone",
    )
    assert found.expected_progress == D("0.625"), "half of the way from the first due day to the second"
    assert found.pace_status == "behind"


def test_done_or_not_done() -> None:
    goal = key_result("kr1", "binary", done_on=date(2026, 11, 2))

    assert row(goal, as_of=date(2026, 11, 1)).score == 0
    done = row(goal)
    assert (done.score, done.published_status, done.target_met) == (1, "achieved", True)


def test_a_baseline_search_starts_without_a_score() -> None:
    goal = key_result("kr1", "baseline")
    waiting = row(goal)
    found = row(goal, check_ins=[said("kr1", value_override=D("38"))])

    assert (waiting.score, waiting.score_band, waiting.published_status) == (
        None,
        "not_started",
        "not_started",
    )
    assert (found.score, found.current_value, found.published_status) == (1, 38, "achieved")


def test_a_found_baseline_with_a_target_goes_on_as_an_outcome() -> None:
    goal = key_result("kr1", "baseline", metric="nps", target=55)
    found = row(goal, frame(NPS_WEEKS), NPS, check_ins=[said("kr1", value_override=D("45"))])

    assert (found.current_value, found.progress_raw, found.score_method) == (51, D("0.6"), "ratio")


def test_a_key_result_per_segment_takes_all_or_the_mean() -> None:
    retention = metric("retention", segments=(("tier",),))
    september = date(2026, 9, 1)
    values = frame(
        *(
            series("retention", "month", date(2026, 10, 1), was, now, segment=("tier", tier))
            for tier, was, now in (("free", 40.0, 46.0), ("pro", 80.0, 80.0), ("(unknown)", 1.0, 9.0))
        )
    )
    goal = key_result(
        "kr1",
        metric="retention",
        grain="month",
        segment=(("tier", "*"),),
        segment_mode="all",
        spec="relative_pct",
        spec_value=15,
        baseline=Baseline(60, september.replace(day=30)),
        target=69,
    )

    every = row(goal, values, retention)
    mean = row(replace(goal, segment_mode="mean"), values, retention)

    assert (every.score, every.progress_raw, every.target_met) == (D("0.869565"), 0, False)
    assert (mean.score, mean.progress_raw) == (D("0.934782"), D("0.5"))
    assert every.current_value == 63


# ── objectives and cycles ───────────────────────────────────────────────────────────────────────────────────


def test_objectives_roll_up_with_their_weakest_key_result() -> None:
    late = replace(KR, key="kr2", target=200, weight=3)
    goals = cycle(objective("o1", KR, late))
    found = score_cycle(
        catalogue([NPS], goals), goals, frame(NPS_WEEKS), MID, check_ins=[said("kr1"), said("kr2")]
    ).objectives[0]

    assert found.score == D("0.423068")
    assert (found.published_status, found.kr_total, found.kr_on_track, found.kr_off_track) == (
        "off_track",
        2,
        1,
        1,
    )
    assert (found.coverage, found.expected_progress) == (1, D("0.494505"))


def test_a_closed_cycle_is_scored_on_its_last_day_for_good() -> None:
    goals = cycle(objective("o1", replace(KR, target=50)), state="closed")
    values = frame(series("nps", "week", date(2026, 12, 21), 49, 51))
    found = score_cycle(catalogue([NPS], goals), goals, values, date(2027, 2, 1))

    assert (found.as_of, found.is_final) == (Q4[1], True)
    result = found.key_results[0]
    assert (result.published_status, result.is_final, result.forecast_value) == ("achieved", True, None)
    assert (found.objectives[0].published_status, found.objectives[0].flags) == ("achieved", ("sandbagged",))


def test_only_cycles_that_have_begun_and_are_not_frozen_are_scored() -> None:
    open_one = cycle(objective("o1", KR))
    draft = cycle(objective("o2", replace(KR, key="kr2")), key="draft", state="draft")
    future = cycle(
        objective("o3", replace(KR, key="kr3")), key="2027-Q1", start=date(2027, 1, 1), end=date(2027, 3, 31)
    )
    frozen = cycle(objective("o4", replace(KR, key="kr4")), key="2026-Q3", state="closed")
    everything = catalogue([NPS], open_one, draft, future, frozen)

    found = score_cycles(everything, frame(NPS_WEEKS), MID, frozen=["2026-Q3"])

    assert [one.cycle for one in found] == ["2026-Q4"]


def test_a_key_result_that_moves_at_its_guardrails_cost_says_so() -> None:
    guarded = replace(NPS, guardrails=(Guardrail("complaints"),))
    complaints = metric("complaints", direction="decrease")
    values = frame(
        series("nps", "week", date(2026, 11, 9), 48, 51),
        series("complaints", "week", date(2026, 11, 9), 10, 12),
    )
    goals = cycle(objective("o1", KR))

    (found,) = score_cycles(catalogue([guarded, complaints], goals), values, MID, check_ins=[said("kr1")])

    assert found.key_results[0].flags == ("gaming_risk",)


def test_it_runs_with_kpis_only_and_with_objectives_only() -> None:
    assert score_cycles(catalogue([NPS]), frame(NPS_WEEKS), MID) == ()
    only_goals = scored(KR, None, NPS)
    assert only_goals.key_results[0].score_band == "no_data"


WEEKS = [Q4[0] + timedelta(7 * week) for week in range(7)]


def test_a_cycle_that_began_unseen_has_a_past_afterwards() -> None:
    goals = cycle(objective("o1", KR))
    known = catalogue([NPS], goals)
    past = score_history(known, goals, frame(NPS_WEEKS), WEEKS, check_ins=[said("kr1")])

    assert [one.as_of for one in past] == WEEKS
    then = score_cycle(known, goals, frame(NPS_WEEKS), date(2026, 11, 12), check_ins=[said("kr1")])
    assert past[-1].objectives == then.objectives
    assert past[-1].key_results == tuple(
        replace(row, flags=(*row.flags, "backfilled")) for row in then.key_results
    )
    assert [one.key_results[0].current_value for one in past[-3:]] == [49, 50, 50]


def test_a_past_day_knows_nothing_of_what_came_later() -> None:
    """A state, and a total of the quarter to date, as they were on the day: not as their periods ended."""
    bugs, wins = metric("bugs", "last", "decrease"), metric("wins", "sum")
    values = frame(
        series("bugs", "week", date(2026, 10, 12), 9, 4),
        series("wins", "quarter", Q4[0], 40),
        series("wins", "day", date(2026, 10, 31), *[1] * 31),
    )
    goals = cycle(
        objective(
            "o1",
            key_result("kr_bugs", "decrease", metric="bugs", grain="week", target=2, baseline=None),
            key_result("kr_wins", metric="wins", grain="quarter", target=60, baseline=None),
        )
    )
    (past,) = score_history(catalogue([bugs, wins], goals), goals, values, [date(2026, 10, 14)])

    assert [(row.current_value, row.value_as_of_date) for row in past.key_results] == [
        (9, date(2026, 10, 11)),
        (14, date(2026, 10, 14)),
    ]


def test_what_was_waived_stays_waived_in_the_past_and_what_was_done_later_is_not_yet_done() -> None:
    goals, first = cycle(objective("o1", KR)), date(2026, 10, 2)
    known, day = catalogue([NPS], goals), date(2026, 10, 8)

    def stale(state: DueState) -> bool:
        dues = [Due("kr1", first, state)]
        return score_history(known, goals, frame(NPS_WEEKS), [day], dues=dues)[0].key_results[0].is_stale

    assert not stale(DueState.WAIVED)
    assert stale(DueState.DONE)


def test_the_same_input_gives_the_same_rows() -> None:
    values = frame(NPS_WEEKS)
    shuffled = values.take(list(range(values.num_rows))[::-1])

    assert scored(KR, values, NPS) == scored(KR, shuffled, NPS)
