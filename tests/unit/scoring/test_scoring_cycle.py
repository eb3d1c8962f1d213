"""The life of a cycle: check-ins, the ladder of nudges, what is shown, the close."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.settings import ScoringSettings
from pipelines.scoring.cadence import (
    Audience,
    Due,
    DueState,
    Message,
    Rung,
    decide_nudges,
    due_dates,
    is_stale,
    told_on,
    update_dues,
)
from pipelines.scoring.checkin import CheckIn, Driver, corrected_by, current, make_check_in, prefill
from pipelines.scoring.cycle import (
    GoalNumbers,
    MeasuredPeriod,
    RecordedBaseline,
    is_inside,
    next_baseline,
    retro_edits,
)
from pipelines.scoring.errors import CheckInError
from pipelines.scoring.kinds import Band, KeyResultStatus
from pipelines.scoring.standing import Override, standing

CYCLE = (date(2026, 10, 1), date(2026, 12, 31))
FRIDAY = date(2026, 10, 9)
NOON = datetime(2026, 10, 9, 12, tzinfo=UTC)


def draft(**changes: object) -> CheckIn:
    fields: dict[str, object] = {
        "key_result": "kr1",
        "on": FRIDAY,
        "author": "ada@example.org",
        "how_it_happened": "Two hires started.",
        "confidence": "0.7",
        "today": FRIDAY,
        "cycle": CYCLE,
    }
    return make_check_in(**{**fields, **changes})  # type: ignore[arg-type]


# ── check-ins ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_check_in_holds_the_five_fields() -> None:
    found = draft(
        progress_note=" up ", blockers="budget", do_differently="ask earlier", value_override="12.5"
    )

    assert found.progress_note == "up"
    assert (found.confidence, found.value_override) == (D("0.7"), D("12.5"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"confidence": None}, "confidence"),
        ({"confidence": "0.75"}, "confidence"),
        ({"confidence": "1.1"}, "confidence"),
        ({"confidence": "sure"}, "confidence"),
        ({"how_it_happened": "  "}, "how_it_happened"),
        ({"how_it_happened": "x" * 5000}, "how_it_happened"),
        ({"on": FRIDAY + timedelta(1)}, "check_in_date"),
        ({"on": date(2026, 9, 30)}, "check_in_date"),
        ({"author": ""}, "author_email"),
        ({"value_override": "many"}, "value_override"),
        ({"value_override": "NaN"}, "value_override"),
        ({"status_override": "achieved"}, "status_override"),
        ({"status_override": "on_track"}, "status_override"),
    ],
)
def test_a_check_in_that_cannot_be_taken_names_its_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(CheckInError) as refused:
        draft(**changes)
    assert refused.value.field == field


def test_an_override_needs_a_reason() -> None:
    found = draft(status_override="at_risk", blockers="supplier is late")

    assert found.override == Override(KeyResultStatus.AT_RISK, "supplier is late")


def test_a_correction_supersedes_and_nothing_is_overwritten() -> None:
    first = replace(draft(), check_in_id=1)
    correction = replace(draft(confidence="0.4"), check_in_id=2, supersedes=1)
    other = replace(draft(key_result="kr2"), check_in_id=3)

    assert current([other, correction, first]) == (correction, other)
    assert corrected_by(draft(confidence="0.2"), [first, correction, other]) == 2
    assert corrected_by(draft(on=date(2026, 10, 2)), [first]) is None


def test_a_correction_of_a_correction_leaves_the_last_one() -> None:
    chain = [replace(draft(), check_in_id=n, supersedes=n - 1 or None) for n in (1, 2, 3)]

    assert [item.check_in_id for item in current(chain)] == [3]


def test_the_arithmetic_half_is_prefilled_and_confidence_never_is() -> None:
    found = prefill(
        label="NPS",
        unit="points",
        value=46,
        previous=44,
        target=55,
        score=D("0.836364"),
        progress=D("0.307692"),
        pace="behind",
        drivers=[
            Driver("Detractors", D("-3")),
            Driver("Promoters", D("5")),
            Driver("Noise", D("0")),
            Driver("X", D(1)),
        ],
    )

    assert found.progress == (
        "NPS is 46 points, +2 since the last check-in, target 55, score 0.84, progress 31%, pace behind."
    )
    assert found.how == "Drivers: Promoters +5; Detractors −3; X +1."
    assert not hasattr(found, "confidence")


def test_an_unknown_value_is_said_to_be_unknown() -> None:
    found = prefill(
        label="NPS", unit="", value=None, previous=4, target=5, score=None, progress=None, pace=None
    )

    assert found.progress == "No value of NPS yet."


# ── cadence ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_check_ins_are_due_every_friday_of_the_cycle() -> None:
    days = due_dates(*CYCLE)

    assert (days[0], days[-1], len(days)) == (date(2026, 10, 2), date(2026, 12, 25), 13)
    assert {day.isoweekday() for day in days} == {5}


def test_other_cadences() -> None:
    assert due_dates(*CYCLE, "biweekly")[:2] == (date(2026, 10, 9), date(2026, 10, 23))
    assert due_dates(*CYCLE, "monthly") == (date(2026, 10, 30), date(2026, 11, 27), date(2026, 12, 25))
    assert len(due_dates(date(2026, 10, 5), date(2026, 10, 18), "daily")) == 10
    with pytest.raises(ValueError, match="fortnightly"):
        due_dates(*CYCLE, "fortnightly")


def rows(*days: date) -> list[Due]:
    return [Due("kr1", day) for day in days]


WEEKS = (date(2026, 10, 2), date(2026, 10, 9), date(2026, 10, 16))


@pytest.mark.parametrize(
    ("checked_in", "as_of", "states"),
    [
        ([], WEEKS[1], "overdue due due"),
        ([WEEKS[0]], WEEKS[1], "done due due"),
        ([date(2026, 10, 5)], WEEKS[1], "done due due"),
        ([date(2026, 10, 2), date(2026, 10, 7)], WEEKS[1], "done done due"),
        ([date(2026, 10, 12)], date(2026, 10, 12), "done done due"),
        ([date(2026, 10, 12)], date(2026, 10, 11), "overdue overdue due"),
    ],
)
def test_a_check_in_settles_what_is_open_and_else_the_next_one(
    checked_in: list[date], as_of: date, states: str
) -> None:
    found = update_dues(rows(*WEEKS), {"kr1": checked_in}, as_of)

    assert " ".join(due.state for due in found) == states


def test_a_waived_check_in_stays_waived() -> None:
    waived = Due("kr1", WEEKS[0], DueState.WAIVED)

    assert update_dues([waived], {}, WEEKS[2]) == (waived,)
    assert not is_stale([waived], WEEKS[2])


def test_three_days_of_silence_are_stale() -> None:
    open_one = rows(FRIDAY)

    assert not is_stale(open_one, FRIDAY + timedelta(2))
    assert is_stale(open_one, FRIDAY + timedelta(3))
    assert not is_stale(
        update_dues(open_one, {"kr1": [FRIDAY]}, FRIDAY + timedelta(9)), FRIDAY + timedelta(9)
    )


AUDIENCE = {
    "kr1": Audience("owner@x", "lead@x", "sponsor@x"),
    "kr2": Audience("owner@x", "lead@x", "sponsor@x"),
}


def walk(days: int, dues: tuple[Due, ...]) -> list[tuple[int, str, str]]:
    told = []
    for day in range(days):
        now = NOON + timedelta(day)
        messages, dues = decide_nudges(dues, AUDIENCE, now, now.date())
        told += [(day, message.recipient, nudge.rung) for message in messages for nudge in message.nudges]
    return told


def test_the_ladder_day_by_day() -> None:
    assert walk(30, (Due("kr1", FRIDAY),)) == [
        (0, "owner@x", Rung.DUE),
        (1, "owner@x", Rung.REMINDER),
        (7, "lead@x", Rung.LEAD),
        (14, "sponsor@x", Rung.SPONSOR),
    ]


def test_nothing_is_told_before_the_due_day_or_after_it_is_done() -> None:
    assert walk(3, (Due("kr1", FRIDAY + timedelta(5)),)) == []
    assert walk(30, (Due("kr1", FRIDAY, DueState.DONE), Due("kr1", FRIDAY, DueState.WAIVED))) == []


def test_a_run_that_was_missed_tells_only_the_highest_rung() -> None:
    messages, dues = decide_nudges([Due("kr1", FRIDAY)], AUDIENCE, NOON, FRIDAY + timedelta(8))

    assert [(message.recipient, message.nudges[0].rung) for message in messages] == [("lead@x", Rung.LEAD)]
    assert (dues[0].nudges_sent, dues[0].last_nudge_at) == (3, NOON)
    assert decide_nudges(dues, AUDIENCE, NOON, FRIDAY + timedelta(8))[0] == ()


def test_one_message_per_person_a_day_batches_everything() -> None:
    messages, _ = decide_nudges([Due("kr1", FRIDAY), Due("kr2", FRIDAY)], AUDIENCE, NOON, FRIDAY)

    assert [type(message) for message in messages] == [Message]
    assert [nudge.key_result for nudge in messages[0].nudges] == ["kr1", "kr2"]


def test_who_was_told_today_is_told_the_rest_tomorrow() -> None:
    dues = (Due("kr1", FRIDAY),)

    waiting = decide_nudges(dues, AUDIENCE, NOON, FRIDAY, told_today=frozenset({"owner@x"}))

    assert waiting == ((), dues)


def test_who_was_told_is_remembered_by_the_due_rows() -> None:
    """Local days: an evening in New York is the next day in UTC."""
    late = datetime(2026, 10, 10, 2, tzinfo=UTC)
    dues = [
        Due("kr1", FRIDAY, DueState.OVERDUE, 3, late),
        Due("kr2", FRIDAY, DueState.DUE, 0, None),
        Due("kr3", FRIDAY, DueState.OVERDUE, 1, late - timedelta(1)),
    ]

    new_york = ZoneInfo("America/New_York")
    assert told_on(dues, AUDIENCE, date(2026, 10, 9), new_york) == {"lead@x"}
    assert told_on(dues, AUDIENCE, date(2026, 10, 10), new_york) == frozenset()


@given(
    st.lists(st.integers(0, 60), max_size=12),
    st.lists(st.sampled_from(list(DueState)), max_size=12),
    st.integers(0, 80),
)
def test_nobody_gets_two_messages_a_day_and_a_second_run_says_nothing(
    offsets: list[int], states: list[DueState], today: int
) -> None:
    dues = [
        Due(f"kr{n % 2 + 1}", FRIDAY + timedelta(day), state)
        for n, (day, state) in enumerate(zip(offsets, states, strict=False))
    ]
    day = FRIDAY + timedelta(today)

    messages, after = decide_nudges(dues, AUDIENCE, NOON, day)

    assert len({message.recipient for message in messages}) == len(messages)
    assert decide_nudges(after, AUDIENCE, NOON, day) == ((), after)


# ── what is shown ───────────────────────────────────────────────────────────────────────────────────────────


def test_silence_is_never_green() -> None:
    assert standing(Band.ON_TRACK, True, is_stale=True).status is KeyResultStatus.STALE
    override = Override(KeyResultStatus.ON_TRACK, "trust me")
    assert standing(Band.AT_RISK, False, is_stale=True, override=override).status is KeyResultStatus.STALE


def test_a_persons_word_stands_while_it_is_fresh_and_says_why() -> None:
    override = Override(KeyResultStatus.OFF_TRACK, "supplier is bankrupt")
    found = standing(Band.ON_TRACK, False, override=override)

    assert (found.status, found.source, found.reason) == (
        KeyResultStatus.OFF_TRACK,
        "override",
        "supplier is bankrupt",
    )


@pytest.mark.parametrize(
    ("met", "status"),
    [(True, KeyResultStatus.ACHIEVED), (False, KeyResultStatus.MISSED), (None, KeyResultStatus.NO_DATA)],
)
def test_a_closed_key_result_was_reached_or_missed(met: bool | None, status: KeyResultStatus) -> None:
    override = Override(KeyResultStatus.ON_TRACK, "nearly")

    assert standing(Band.ON_TRACK, met, is_final=True, override=override).status is status


def test_a_cancelled_key_result_stays_cancelled() -> None:
    override = Override(KeyResultStatus.CANCELLED, "no longer wanted")

    assert standing(Band.ON_TRACK, True, is_final=True, override=override).status is KeyResultStatus.CANCELLED


# ── close ───────────────────────────────────────────────────────────────────────────────────────────────────

SEPTEMBER = [
    MeasuredPeriod(date(2026, 7, 31), 30, True),
    MeasuredPeriod(date(2026, 8, 31), 36, True),
    MeasuredPeriod(date(2026, 9, 30), 42, True),
    MeasuredPeriod(date(2026, 10, 31), 99, True),
]
END = date(2026, 9, 30)


def test_the_next_baseline_is_the_last_complete_final_period() -> None:
    found = next_baseline(SEPTEMBER, END, None)

    assert (found.value, found.as_of, found.reason) == (42, END, "written")


def test_it_may_be_the_mean_of_three() -> None:
    found = next_baseline(SEPTEMBER, END, None, ScoringSettings(next_baseline="mean_of_3"))

    assert (found.value, found.as_of) == (36, END)


def test_periods_that_failed_their_checks_or_are_not_final_are_never_taken() -> None:
    doubtful = [*SEPTEMBER[:2], replace(SEPTEMBER[2], checks_passed=False)]
    provisional = [*SEPTEMBER[:2], replace(SEPTEMBER[2], is_final=False)]
    unknown = [*SEPTEMBER[:2], replace(SEPTEMBER[2], value=None)]

    for periods in (doubtful, provisional, unknown):
        assert next_baseline(periods, END, None).value == 36
    assert next_baseline(doubtful[2:], END, None).reason == "no_final_period"


def test_a_persons_baseline_is_never_written_over() -> None:
    found = next_baseline(SEPTEMBER, END, RecordedBaseline(10, END, "ada"))

    assert (found.is_written, found.reason) == (False, "set_by_person")


def test_closing_again_changes_nothing() -> None:
    first = next_baseline(SEPTEMBER, END, None)
    assert first.value is not None
    assert first.as_of is not None
    restated = [replace(period, value=77) for period in SEPTEMBER]

    again = next_baseline(restated, END, RecordedBaseline(first.value, first.as_of, "system"))

    assert (again.is_written, again.reason) == (False, "already_written")


def test_an_older_baseline_of_the_system_gives_way() -> None:
    assert next_baseline(SEPTEMBER, END, RecordedBaseline(5, date(2026, 6, 30), "system")).value == 42


def test_changed_targets_and_baselines_are_edits_and_a_found_baseline_is_none() -> None:
    before, after = GoalNumbers(target=55, baseline=None), GoalNumbers(target=50, baseline=42, stretch=60)

    assert [(edit.field, edit.was, edit.now) for edit in retro_edits(before, after)] == [
        ("target", 55, 50),
        ("stretch", None, 60),
    ]
    assert retro_edits(after, after) == ()


def test_an_edit_on_the_first_day_is_not_inside_the_cycle() -> None:
    assert not is_inside(CYCLE[0], *CYCLE)
    assert is_inside(CYCLE[0] + timedelta(1), *CYCLE)
    assert is_inside(CYCLE[1], *CYCLE)
