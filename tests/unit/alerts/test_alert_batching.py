"""What waits becomes messages: joined per recipient and channel, and looked at once more before it goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from pipelines.alerts.batching import batches, message_key, settle
from pipelines.alerts.decision import Reason
from pipelines.alerts.incidents import Silence
from pipelines.alerts.model import Alert, AlertType, Notice, Severity
from pipelines.alerts.outbox import Queued
from tests.unit.alerts.company import MONDAY, alert, told

HOUR = timedelta(hours=1)


def row(
    number: int,
    about: Alert | None = None,
    notice: Notice = Notice.FIRING,
    *,
    attempts: int = 0,
    at: datetime = MONDAY,
    key: str | None = None,
    **log: object,
) -> Queued:
    about = about or alert(subject=f"kpi_{number}/day/total")
    return Queued(number, told(about, MONDAY, notice, state="queued", **log), attempts, MONDAY, at, key)  # type: ignore[arg-type]


def together(*rows: Queued) -> bool:
    return False


def test_a_storm_for_one_person_is_one_message() -> None:
    storm = [row(n) for n in range(60)]
    (message,) = batches(storm, MONDAY, together)
    assert len(message) == 60


def test_recipients_channels_and_kinds_do_not_mix() -> None:
    rows = [
        row(1),
        row(2, recipient="person:ben"),
        row(3, channel="pager"),
        row(4, alert(AlertType.CHECK_IN_DUE, "kr1", Severity.INFO), Notice.EVENT),
        row(5, alert(AlertType.CHECK_IN, "9", Severity.INFO), Notice.EVENT),
        row(6, alert(AlertType.PUBLISHED, "b", Severity.INFO), Notice.EVENT),
        row(7, alert(AlertType.DIGEST, "support", Severity.INFO), Notice.EVENT),
    ]
    groups = sorted([each.alert_key for each in message] for message in batches(rows, MONDAY, together))
    assert groups == [[1], [2], [3], [4], [5, 6], [7]]


def test_a_receiver_of_incidents_gets_each_episode_alone() -> None:
    rows = [row(1, channel="pager"), row(2, channel="pager"), row(3)]
    found = batches(rows, MONDAY, lambda each: each.log.channel == "pager")
    assert sorted(len(message) for message in found) == [1, 1, 1]


def test_what_is_not_due_waits() -> None:
    assert batches([row(1, at=MONDAY + HOUR)], MONDAY, together) == []


def test_a_message_that_was_tried_stays_what_it_was() -> None:
    tried = [row(1, attempts=1, key="abc"), row(2, attempts=1, key="abc")]
    found = batches([*tried, row(3)], MONDAY, together)
    assert [[each.alert_key for each in message] for message in found] == [[3], [1, 2]]
    assert message_key(found[1]) == "abc"
    assert message_key(found[0]) == message_key([row(3)])
    assert message_key(found[0]) != message_key([row(3), row(4)])


def test_the_worst_goes_first() -> None:
    rows = [row(1), row(2, alert(severity=Severity.CRITICAL), recipient="person:ben")]
    assert [message[0].alert_key for message in batches(rows, MONDAY, together)] == [2, 1]


def settled(rows: list[Queued], **world: object) -> tuple[list[int], list[tuple[int, Reason]]]:
    facts: dict[str, object] = {"sent": frozenset(), "silences": (), "checked_in": {}, **world}
    found = settle(rows, MONDAY, **facts)  # type: ignore[arg-type]
    return [each.alert_key for each in found.rows], [
        (each.row.alert_key, each.reason) for each in found.dropped
    ]


def test_what_ended_before_it_was_sent_is_told_neither_way() -> None:
    about = alert()
    rows = [row(1, about), row(2, about, Notice.RESOLVED)]
    assert settled(rows) == ([], [(1, Reason.ENDED), (2, Reason.NEVER_TOLD)])


def test_the_end_of_what_was_told_is_sent_without_the_reminder_before_it() -> None:
    about = alert()
    rows = [row(1, about, Notice.REMINDER, step=1), row(2, about, Notice.RESOLVED)]
    sent = frozenset({(about.episode, "person:ana", "mail")})
    assert settled(rows, sent=sent) == ([2], [(1, Reason.ENDED)])


def test_an_end_waits_for_the_start_that_is_on_its_way() -> None:
    about = alert()
    rows = [row(1, about, attempts=1, key="k"), row(2, about, Notice.RESOLVED)]
    assert settled(rows) == ([1], [])


def test_a_silence_that_came_later_holds_what_nobody_began_to_send() -> None:
    silence = Silence(3, MONDAY - HOUR, MONDAY + HOUR, "drill")
    rows = [row(1), row(2, attempts=1, key="k")]
    assert settled(rows, silences=(silence,)) == ([2], [(1, Reason.SILENCED)])


def test_an_acknowledgement_that_came_later_drops_reminders_and_escalations() -> None:
    about = alert(severity=Severity.CRITICAL)
    rows = [row(1, about, Notice.ESCALATION, step=1), row(2, about, Notice.WORSENED, step=2)]
    rows = [replace(each, log=replace(each.log, acknowledged_by="ana")) for each in rows]
    assert settled(rows) == ([2], [(1, Reason.ACKNOWLEDGED)])


def test_a_nudge_is_dropped_once_the_key_result_is_checked_in() -> None:
    nudge = row(1, alert(AlertType.CHECK_IN_DUE, "kr1", Severity.INFO), Notice.EVENT)
    assert settled([nudge], checked_in={"kr1": MONDAY}) == ([], [(1, Reason.ACKNOWLEDGED)])
    assert settled([nudge], checked_in={"kr1": MONDAY - HOUR}) == ([1], [])
