"""The decision as a specification: one test per reason, and what must never happen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.alerts.decide import decide, escalate
from pipelines.alerts.decision import Covered, Decision, Reason, scope
from pipelines.alerts.incidents import Silence
from pipelines.alerts.model import Alert, AlertType, Notice, Severity
from tests.unit.alerts.company import MONDAY, SETTINGS, alert, told, world

HOUR = timedelta(hours=1)
NIGHT = datetime(2026, 3, 3, 23, 0, tzinfo=UTC)


def looked_at(*alerts: Alert) -> Covered:
    return Covered(frozenset((each.type, scope(each)) for each in alerts))


def ways(decisions: tuple[Decision, ...]) -> list[tuple[str, str, str]]:
    return [(d.reason.value, d.recipient, d.channel) for d in decisions]


# ── sent ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_warning_goes_to_the_owner_and_to_the_team() -> None:
    decisions = decide([alert()], Covered(), world())
    assert ways(decisions) == [("started", "person:ana", "mail"), ("started", "team:support", "chat-support")]
    assert all(decision.at == MONDAY for decision in decisions)


def test_an_info_goes_to_the_owner_alone() -> None:
    assert ways(decide([alert(severity=Severity.INFO)], Covered(), world())) == [
        ("started", "person:ana", "mail")
    ]


def test_a_critical_alert_also_goes_to_the_channel_that_takes_only_critical_ones() -> None:
    found = ways(decide([alert(severity=Severity.CRITICAL)], Covered(), world()))
    assert ("started", "team:support", "pager") in found


def test_what_gets_worse_is_told_again_under_a_key_of_its_own() -> None:
    before = alert(severity=Severity.WARNING)
    now = alert(severity=Severity.CRITICAL, since=MONDAY + HOUR)
    decisions = decide([now], Covered(), world(told(before, MONDAY), now=MONDAY + HOUR))
    assert {decision.reason for decision in decisions} == {Reason.WORSENED}
    assert {decision.key[0] for decision in decisions} == {f"{before.episode}#worsened-2"}


def test_an_open_critical_alert_is_told_again_after_a_day() -> None:
    open_alert = alert(severity=Severity.CRITICAL)
    row = told(open_alert, MONDAY)
    early = decide([open_alert], Covered(), world(row, now=MONDAY + 23 * HOUR))
    late = decide([open_alert], Covered(), world(row, now=MONDAY + 24 * HOUR))
    assert {decision.reason for decision in early} == {Reason.UNCHANGED}
    assert {(decision.reason, decision.step) for decision in late} == {(Reason.REMINDED, 1)}


def test_infos_are_told_once() -> None:
    open_alert = alert(severity=Severity.INFO)
    decisions = decide([open_alert], Covered(), world(told(open_alert, MONDAY), now=MONDAY + 1000 * HOUR))
    assert [decision.reason for decision in decisions] == [Reason.UNCHANGED]


def test_the_end_is_told_to_whoever_was_told_of_the_start_and_to_nobody_else() -> None:
    was = alert()
    rows = [told(was, MONDAY), told(was, MONDAY, recipient="person:sam", notice=Notice.ESCALATION, step=1)]
    decisions = decide([], looked_at(was), world(*rows, now=MONDAY + HOUR))
    assert ways(decisions) == [("ended", "person:ana", "mail"), ("ended", "person:sam", "mail")]
    assert {decision.key[0] for decision in decisions} == {f"{was.episode}#resolved"}


def test_an_event_is_told_once() -> None:
    event = alert(AlertType.CHECK_IN, "17", audience=("team:support",))
    first = decide([event], Covered(), world())
    assert ways(first) == [("happened", "team:support", "chat-support")]
    row = told(event, MONDAY, Notice.EVENT, recipient="team:support", channel="chat-support")
    assert [d.reason for d in decide([event], Covered(), world(row, now=MONDAY + HOUR))] == [Reason.DUPLICATE]


# ── waits ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_at_night_a_warning_waits_for_the_morning_and_a_critical_alert_does_not() -> None:
    quiet = decide([alert()], Covered(), world(now=NIGHT))
    assert {(d.reason, d.at) for d in quiet} == {(Reason.QUIET_HOURS, datetime(2026, 3, 4, 7, tzinfo=UTC))}
    assert all(d.is_sent for d in quiet)
    loud = decide([alert(severity=Severity.CRITICAL)], Covered(), world(now=NIGHT))
    assert {d.at for d in loud} == {NIGHT}


def test_on_the_weekend_a_warning_waits_for_monday() -> None:
    saturday = datetime(2026, 3, 7, 12, tzinfo=UTC)
    decisions = decide([alert()], Covered(), world(now=saturday))
    assert {d.at for d in decisions} == {datetime(2026, 3, 9, 7, tzinfo=UTC)}


def test_nudges_wait_for_their_hour_and_go_to_the_person_over_one_channel() -> None:
    nudge = alert(AlertType.CHECK_IN_DUE, "kr1", Severity.INFO, audience=("person:ana",))
    early = MONDAY.replace(hour=7, minute=30)
    (decision,) = decide([nudge], Covered(), world(now=early))
    assert (decision.reason, decision.at) == (Reason.NUDGE_HOUR, MONDAY.replace(hour=9))
    (decision,) = decide([nudge], Covered(), world(now=MONDAY))
    assert (decision.reason, decision.at) == (Reason.HAPPENED, MONDAY)


# ── not sent ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_failed_source_silences_the_metrics_built_on_it() -> None:
    source = alert(AlertType.LATE, "intercom", breaks=("source:intercom",))
    kpis = [alert(subject=f"kpi_{n}/day/total", rests_on=("source:intercom",)) for n in range(60)]
    elsewhere = alert(subject="mrr/day/total", rests_on=("source:billing",))
    decisions = decide([*kpis, source, elsewhere], Covered(), world())
    inhibited = [d for d in decisions if d.reason is Reason.INHIBITED]
    assert len(inhibited) == 60
    assert {d.by for d in inhibited} == {source.identity}
    assert {d.alert.subject.id for d in decisions if d.is_sent} == {"intercom", "mrr/day/total"}


def test_the_cause_that_explains_most_is_told_and_the_causes_it_explains_are_not() -> None:
    run = alert(AlertType.RUN_FAILED, "daily", Severity.CRITICAL, breaks=("source:intercom",))
    late = alert(AlertType.LATE, "intercom", breaks=("source:intercom",), rests_on=("source:intercom",))
    check = alert(
        AlertType.CHECK_FAILED,
        "support.tickets/volume",
        breaks=("metric:csat",),
        rests_on=("source:intercom",),
    )
    kpi = alert(rests_on=("metric:csat", "source:intercom"))
    decisions = decide([kpi, check, late, run], Covered(), world())
    assert {d.alert.type for d in decisions if d.is_sent} == {AlertType.RUN_FAILED}
    assert {d.by for d in decisions if not d.is_sent} == {run.identity}


def test_an_open_cause_that_was_not_looked_at_again_still_inhibits() -> None:
    source = alert(AlertType.LATE, "intercom", breaks=("source:intercom",))
    kpi = alert(rests_on=("source:intercom",))
    rows = [told(source, MONDAY - HOUR)]
    assert [d.reason for d in decide([kpi], looked_at(kpi), world(*rows))] == [Reason.INHIBITED]
    # Looked at and fine: it ends, and what rests on it is told.
    after = decide([kpi], looked_at(kpi, source), world(*rows))
    assert {d.reason for d in after} == {Reason.STARTED, Reason.ENDED}


def test_a_metric_does_not_end_while_its_source_is_broken() -> None:
    kpi = alert(rests_on=("source:intercom",))
    source = alert(AlertType.LATE, "intercom", breaks=("source:intercom",))
    decisions = decide([source], looked_at(kpi, source), world(told(kpi, MONDAY - HOUR)))
    assert Reason.ENDED not in {d.reason for d in decisions}


def test_a_silence_has_a_reason_and_an_end() -> None:
    silence = Silence(7, MONDAY - HOUR, MONDAY + HOUR, "migration", subject_id="csat/*")
    (decision,) = decide([alert()], Covered(), world(silences=(silence,)))
    assert (decision.reason, decision.by) == (Reason.SILENCED, "silence 7: migration")
    assert all(d.is_sent for d in decide([alert()], Covered(), world(silences=(silence,), now=MONDAY + HOUR)))
    other = alert(subject="nps/day/total")
    assert all(d.is_sent for d in decide([other], Covered(), world(silences=(silence,))))


def test_a_silence_does_not_keep_a_page_open() -> None:
    was = alert()
    silence = Silence(7, MONDAY, MONDAY + 9 * HOUR, "migration")
    decisions = decide([], looked_at(was), world(told(was, MONDAY), now=MONDAY + HOUR, silences=(silence,)))
    assert [d.reason for d in decisions] == [Reason.ENDED]


def test_what_someone_took_on_is_not_repeated_but_its_worsening_and_its_end_are_told() -> None:
    was = alert(severity=Severity.WARNING)
    row = told(was, MONDAY, acknowledged_by="ana")
    later = MONDAY + 200 * HOUR
    assert [d.reason for d in decide([was], Covered(), world(row, now=later))] == [Reason.ACKNOWLEDGED]
    worse = decide([replace(was, severity=Severity.CRITICAL)], Covered(), world(row, now=later))
    assert {d.reason for d in worse} == {Reason.WORSENED}
    assert {d.reason for d in decide([], looked_at(was), world(row, now=later))} == {Reason.ENDED}


def test_what_ended_a_moment_ago_cools_down_until_it_is_over() -> None:
    first = alert()
    again = alert(since=MONDAY + 2 * HOUR)
    rows = [told(first, MONDAY), told(first, MONDAY + HOUR, Notice.RESOLVED)]
    (decision,) = decide([again], Covered(), world(*rows, now=MONDAY + 2 * HOUR))
    assert decision.reason is Reason.COOLING_DOWN
    # The suppressed row of the new episode is in the log now; it must not end the cool-down early.
    muted = told(
        again, MONDAY + 2 * HOUR, recipient="", channel="", state="suppressed", reason="cooling_down"
    )
    (decision,) = decide([again], Covered(), world(*rows, muted, now=MONDAY + 3 * HOUR))
    assert decision.reason is Reason.COOLING_DOWN
    after = decide([again], Covered(), world(*rows, muted, now=MONDAY + 6 * HOUR))
    assert {d.reason for d in after} == {Reason.STARTED}


def test_what_comes_back_worse_does_not_cool_down() -> None:
    rows = [told(alert(), MONDAY), told(alert(), MONDAY + HOUR, Notice.RESOLVED)]
    worse = alert(severity=Severity.CRITICAL, since=MONDAY + 2 * HOUR)
    assert all(d.is_sent for d in decide([worse], Covered(), world(*rows, now=MONDAY + 2 * HOUR)))


def test_what_fires_again_under_its_old_date_is_a_new_episode() -> None:
    was = alert()
    rows = [told(was, MONDAY), told(was, MONDAY + HOUR, Notice.RESOLVED)]
    decisions = decide([was], Covered(), world(*rows, now=MONDAY + 48 * HOUR))
    assert {d.reason for d in decisions} == {Reason.STARTED}
    assert {d.alert.episode for d in decisions} != {was.episode}


def test_even_within_one_second_a_new_episode_has_a_new_key() -> None:
    was = alert()
    rows = [told(was, MONDAY), told(was, MONDAY, Notice.RESOLVED)]
    again = replace(was, since=MONDAY + timedelta(milliseconds=300), severity=Severity.CRITICAL)
    decisions = decide([again], Covered(), world(*rows, now=MONDAY + timedelta(milliseconds=400)))
    assert {d.alert.episode for d in decisions} == {"anomaly:metric:csat/day/total@2026-03-02T10:00:01Z"}


def test_nobody_hears_of_the_end_of_what_nobody_heard_of() -> None:
    was = alert()
    row = told(was, MONDAY, recipient="", channel="", state="suppressed", reason="silenced")
    (decision,) = decide([], looked_at(was), world(row, now=MONDAY + HOUR))
    assert (decision.reason, decision.is_sent) == (Reason.NEVER_TOLD, False)


def test_an_alert_nobody_can_get_is_said_to_be_unrouted() -> None:
    lost = alert(owner="nobody", team="nowhere")
    empty = replace(world(), organisation=type(world().organisation)({}, {}, {}))
    (decision,) = decide([lost], Covered(), empty)
    assert (decision.reason, decision.recipient) == (Reason.UNROUTED, "")


def test_a_suppression_is_news_once() -> None:
    silence = Silence(7, MONDAY - HOUR, MONDAY + HOUR, "migration")
    (decision,) = decide([alert()], Covered(), world(silences=(silence,)))
    assert decision.is_news(world().memory)
    row = told(
        alert(),
        MONDAY,
        recipient="",
        channel="",
        state="suppressed",
        reason="silenced",
        by="silence 7: migration",
    )
    assert not decision.is_news(world(row).memory)


def test_what_was_never_looked_at_does_not_end() -> None:
    assert decide([], Covered(), world(told(alert(), MONDAY), now=MONDAY + HOUR)) == ()


# ── escalation ──────────────────────────────────────────────────────────────────────────────────────────────


def critical() -> Alert:
    return alert(severity=Severity.CRITICAL)


@pytest.mark.parametrize(("minutes", "expected"), [(59, []), (60, ["person:sam"]), (300, ["person:sam"])])
def test_what_nobody_acknowledges_goes_to_the_lead_after_an_hour(minutes: int, expected: list[str]) -> None:
    decisions = escalate(world(told(critical(), MONDAY), now=MONDAY + timedelta(minutes=minutes)))
    assert [d.recipient for d in decisions] == expected
    assert {d.reason for d in decisions} <= {Reason.ESCALATED}


def test_the_second_step_goes_past_the_lead() -> None:
    first = told(critical(), MONDAY)
    lead = told(critical(), MONDAY + HOUR, Notice.ESCALATION, step=1, recipient="person:sam")
    assert escalate(world(first, lead, now=MONDAY + 3 * HOUR)) == ()
    (second,) = escalate(world(first, lead, now=MONDAY + 4 * HOUR))
    assert (second.recipient, second.step) == ("person:cleo", 2)


def test_no_escalation_when_acknowledged_resolved_or_only_a_warning() -> None:
    later = MONDAY + 9 * HOUR
    taken = escalate(world(told(critical(), MONDAY, acknowledged_by="ana"), now=later))
    assert {d.reason for d in taken} == {Reason.ACKNOWLEDGED}
    ended = told(critical(), MONDAY + HOUR, Notice.RESOLVED)
    assert escalate(world(told(critical(), MONDAY), ended, now=later)) == ()
    assert escalate(world(told(alert(), MONDAY), now=later)) == ()


def test_the_clock_of_escalation_starts_when_it_became_critical() -> None:
    was, is_now = alert(), critical()
    worse = told(is_now, MONDAY + 50 * HOUR, Notice.WORSENED, step=2)
    rows = [told(was, MONDAY, acknowledged_by="ana"), worse]
    assert escalate(world(*rows, now=MONDAY + 50 * HOUR + timedelta(minutes=59))) == ()
    (step,) = escalate(world(*rows, now=MONDAY + 51 * HOUR))
    assert (step.recipient, step.reason) == ("person:sam", Reason.ESCALATED)


def test_decisions_do_not_depend_on_the_order_of_what_was_found() -> None:
    found = [alert(subject=f"kpi_{n}/day/total") for n in range(9)]
    assert decide(found, Covered(), world()) == decide(found[::-1], Covered(), world())


def test_no_quiet_hours_where_start_and_end_are_equal() -> None:
    around = SETTINGS.model_copy(update={"quiet_until": SETTINGS.quiet_from, "quiet_weekdays": ()})
    assert {d.at for d in decide([alert()], Covered(), world(now=NIGHT, settings=around))} == {NIGHT}
