"""What holds for every history: random alerts, silences and acknowledgements over random hours."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.alerts.decide import decide, escalate
from pipelines.alerts.decision import Covered, Decision, World, scope
from pipelines.alerts.incidents import LogRow, Silence, remember
from pipelines.alerts.model import Alert, AlertType, Notice, Severity
from pipelines.alerts.routing import routes
from tests.unit.alerts.company import MONDAY, SETTINGS, alert, organisation

SUBJECTS = ("csat/day/total", "nps/day/total", "mrr/day/total")
SOURCE = alert(AlertType.LATE, "intercom", Severity.WARNING, breaks=("source:intercom",))
UNIVERSE = (SOURCE, *(alert(subject=subject, rests_on=("source:intercom",)) for subject in SUBJECTS))

firing = st.lists(
    st.tuples(st.sampled_from(range(len(UNIVERSE))), st.sampled_from(list(Severity))),
    max_size=4,
    unique_by=lambda pair: pair[0],
)
hours = st.integers(min_value=0, max_value=30)
steps = st.lists(
    st.tuples(hours, firing, st.booleans(), st.sampled_from([None, 0, 1, 2, 3])), min_size=1, max_size=10
)


class Log:
    """The alert log in memory: every decision that is news becomes a row, sent at its time."""

    def __init__(self) -> None:
        self.rows: list[LogRow] = []

    def take(self, decisions: tuple[Decision, ...], world: World) -> list[Decision]:
        kept = [decision for decision in decisions if decision.is_news(world.memory)]
        for decision in kept:
            self.rows.append(
                LogRow(
                    decision.alert.episode,
                    decision.notice,
                    decision.step,
                    decision.alert.severity,
                    decision.recipient,
                    decision.channel,
                    "sent" if decision.is_sent else "suppressed",
                    decision.reason.value,
                    decision.at if decision.is_sent else world.now,
                    decision.alert,
                    None if decision.is_sent else decision.by,
                )
            )
        return kept

    def acknowledge(self, identity: str) -> None:
        self.rows = [
            replace(row, acknowledged_by="ana") if row.alert.identity == identity else row
            for row in self.rows
        ]


def play(
    history: list[tuple[int, list[tuple[int, Severity]], bool, int | None]],
) -> tuple[Log, list[tuple[World, tuple[Alert, ...], tuple[Decision, ...]]]]:
    log, seen, now = Log(), [], MONDAY
    covered = Covered(frozenset((each.type, scope(each)) for each in UNIVERSE))
    for wait, found, is_silenced, acknowledged in history:
        now += timedelta(hours=wait)
        silences = (Silence(1, now, now + timedelta(hours=1), "drill"),) if is_silenced else ()
        alerts = tuple(replace(UNIVERSE[n], severity=severity, since=now) for n, severity in found)
        world = World(now, SETTINGS, organisation(), remember(log.rows), silences)
        decisions = decide(alerts, covered, world)
        log.take(decisions, world)
        seen.append((world, alerts, decisions))
        if acknowledged is not None:
            log.acknowledge(UNIVERSE[acknowledged].identity)
        later = World(now, SETTINGS, organisation(), remember(log.rows), silences)
        log.take(escalate(later), later)
    return log, seen


@settings(max_examples=50, deadline=None)
@given(steps)
def test_every_alert_ends_in_one_decision_or_in_one_per_way(
    history: list[tuple[int, list[tuple[int, Severity]], bool, int | None]],
) -> None:
    _, seen = play(history)
    for world, alerts, decisions in seen:
        assert len({(d.key, d.notice) for d in decisions}) == len(decisions)
        for each in alerts:
            mine = [
                d for d in decisions if d.alert.identity == each.identity and d.notice is not Notice.RESOLVED
            ]
            ways = {(d.recipient, d.channel) for d in mine}
            assert len({d.notice for d in mine}) == 1
            assert ways in (
                {("", "")},
                {(r.recipient, r.channel) for r in routes(each, world.organisation, SETTINGS)},
            )
            assert len(mine) == len(ways)


@settings(max_examples=50, deadline=None)
@given(steps)
def test_nothing_is_told_twice_and_nothing_after_the_end(
    history: list[tuple[int, list[tuple[int, Severity]], bool, int | None]],
) -> None:
    log, _ = play(history)
    sent = [row for row in log.rows if row.state == "sent"]
    assert max(Counter(row.key for row in sent).values(), default=1) == 1
    ended: set[str] = set()
    for row in log.rows:
        if row.notice is Notice.RESOLVED:
            ended.add(row.episode)
        else:
            assert row.episode not in ended, row


@settings(max_examples=50, deadline=None)
@given(steps)
def test_ends_go_to_exactly_those_who_were_told(
    history: list[tuple[int, list[tuple[int, Severity]], bool, int | None]],
) -> None:
    log, _ = play(history)
    for episode in {row.episode for row in log.rows if row.notice is Notice.RESOLVED and row.state == "sent"}:
        rows = [row for row in log.rows if row.episode == episode and row.state == "sent"]
        told = {(row.recipient, row.channel) for row in rows if row.notice is not Notice.RESOLVED}
        assert told == {(row.recipient, row.channel) for row in rows if row.notice is Notice.RESOLVED}


@settings(max_examples=30, deadline=None)
@given(steps, st.sampled_from(range(len(UNIVERSE))))
def test_whatever_came_before_an_alert_that_stays_is_told(
    history: list[tuple[int, list[tuple[int, Severity]], bool, int | None]], which: int
) -> None:
    # A day alone, loud and unsilenced, after any history: longer than any cool-down.
    quiet: list[tuple[int, list[tuple[int, Severity]], bool, int | None]] = [
        (wait, [(which, Severity.CRITICAL)], False, None) for wait in (1, 12, 12)
    ]
    _, seen = play(history + quiet)
    identity = UNIVERSE[which].identity
    incident = seen[-1][0].memory.incidents[identity]
    assert incident.is_open
    assert any(row.state == "sent" and row.severity is Severity.CRITICAL for row in incident.told)


def test_the_log_of_the_properties_is_a_log() -> None:
    """The model in this file keeps what the real one keeps: one firing, one end."""
    start: datetime = MONDAY
    log, _ = play([(0, [(1, Severity.WARNING)], False, None), (1, [], False, None)])
    assert [(row.notice, row.recipient) for row in log.rows] == [
        (Notice.FIRING, "person:ana"),
        (Notice.FIRING, "team:support"),
        (Notice.RESOLVED, "person:ana"),
        (Notice.RESOLVED, "team:support"),
    ]
    assert log.rows[0].at == start
