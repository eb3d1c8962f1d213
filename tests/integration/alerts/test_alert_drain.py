"""The outbox on real databases, drained into receivers that take, refuse, limit, hang and come back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select

from definitions.settings import AlertSettings
from pipelines.alerts import outbox
from pipelines.alerts.decide import decide
from pipelines.alerts.decision import Covered, World, scope
from pipelines.alerts.deliver import Address, Outcome
from pipelines.alerts.drain import Channels, DrainReport, drain
from pipelines.alerts.model import Alert, AlertType, Severity
from pipelines.alerts.payload import Message
from pipelines.publishing.engine import reading, writing
from pipelines.publishing.schema import alert_log, alert_silence
from tests.integration.alerts.conftest import FakeClock
from tests.integration.alerts.receivers import Mailbox, Receiver, http_receiver, mailbox
from tests.unit.alerts.company import MONDAY, SETTINGS, alert, organisation

HASTY = SETTINGS.model_copy(update={"send_seconds": 2.0})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as running:
        yield running


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as running:
        yield running


@pytest.fixture
def channels(receiver: Receiver, box: Mailbox) -> Channels:
    return channels_to(receiver, box)


def channels_to(
    receiver: Receiver, box: Mailbox, settings: AlertSettings = SETTINGS, **more: str
) -> Channels:
    web = f"json://127.0.0.1:{receiver.port}"
    urls = {
        "MAIL_URL": f"mailto://127.0.0.1:{box.port}?from=vitals@example.com&mode=insecure",
        "CHAT_SUPPORT_URL": f"{web}/chat-support",
        "CHAT_DATA_URL": f"{web}/chat-data",
        "PAGER_URL": f"{web}/pager",
        "NEWS_URL": f"{web}/news",
    }
    return Channels(organisation(), settings, {**urls, **more})


def raise_alerts(
    engine: Engine, *alerts: Alert, now: datetime = MONDAY, looked_at: tuple[Alert, ...] = ()
) -> int:
    """What a publication does: decide on the log and commit the rows."""
    covered = Covered(frozenset((each.type, scope(each)) for each in (*alerts, *looked_at)))
    with writing(engine) as connection:
        memory = outbox.recall(connection, now)
        world = World(now, SETTINGS, organisation(), memory, outbox.silences(connection, now))
        return outbox.record(connection, outbox.rows(decide(alerts, covered, world), memory, now))


def log(engine: Engine) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        return [
            dict(row)
            for row in connection.execute(select(alert_log).order_by(alert_log.c.alert_key)).mappings()
        ]


def states(engine: Engine) -> list[tuple[str, str, str, str]]:
    return [(row["notice"], row["channel"], row["delivery_state"], row["reason"]) for row in log(engine)]


def told(report: DrainReport) -> tuple[int, int, int, int]:
    return (report.sent, report.retried, report.failed, report.left)


# ── the way of an alert ─────────────────────────────────────────────────────────────────────────────────────


def test_an_alert_reaches_owner_and_team_once(
    engine: Engine, channels: Channels, receiver: Receiver, box: Mailbox, clock: FakeClock
) -> None:
    assert raise_alerts(engine, alert()) == 2
    assert told(drain(engine, channels, clock)) == (2, 0, 0, 0)
    assert [arrival.path for arrival in receiver.arrivals] == ["/chat-support"]
    assert [recipients for recipients, _ in box.messages] == [["ana@example.com"]]
    # The next batches find the same state: nothing new is written, nothing is sent.
    for _ in range(3):
        assert raise_alerts(engine, alert(), now=clock.forward(hours=1)) == 0
        assert told(drain(engine, channels, clock)) == (0, 0, 0, 0)
    assert [row["delivery_state"] for row in log(engine)] == ["sent", "sent"]
    assert all(row["sent_at"] is not None and row["last_error"] is None for row in log(engine))


def test_the_end_is_told_to_the_same_two(
    engine: Engine, channels: Channels, receiver: Receiver, box: Mailbox, clock: FakeClock
) -> None:
    raise_alerts(engine, alert())
    drain(engine, channels, clock)
    raise_alerts(engine, looked_at=(alert(),), now=clock.forward(hours=2))
    assert drain(engine, channels, clock).sent == 2
    assert [arrival.body["status"] for arrival in receiver.arrivals] == ["firing", "resolved"]
    assert [letter["Subject"] for _, letter in box.messages][1].startswith("Resolved: ")
    start, end = (arrival.body["alerts"][0]["incident"] for arrival in receiver.arrivals)
    assert start == end


def test_a_storm_is_one_message_and_its_cause(
    engine: Engine, channels: Channels, receiver: Receiver, box: Mailbox, clock: FakeClock
) -> None:
    source = alert(AlertType.LATE, "intercom", breaks=("source:intercom",), team="data", owner=None)
    kpis = [alert(subject=f"kpi_{n}/day/total", rests_on=("source:intercom",)) for n in range(60)]
    raise_alerts(engine, source, *kpis)
    report = drain(engine, channels, clock)
    assert (report.sent, report.alerts) == (2, 2)
    assert [arrival.path for arrival in receiver.arrivals] == ["/chat-data"]
    assert [recipients for recipients, _ in box.messages] == [["dora@example.com"]]
    inhibited = [row for row in log(engine) if row["reason"] == "inhibited"]
    assert len(inhibited) == 60
    assert {row["suppressed_by"] for row in inhibited} == {source.identity}


def test_sixty_alerts_for_one_person_are_one_letter(
    engine: Engine, channels: Channels, receiver: Receiver, box: Mailbox, clock: FakeClock
) -> None:
    raise_alerts(engine, *(alert(subject=f"kpi_{n}/day/total") for n in range(60)))
    report = drain(engine, channels, clock)
    assert (report.sent, report.alerts) == (2, 120)
    assert len(receiver.arrivals[0].body["alerts"]) == 60
    assert len(box.messages) == 1


def test_what_comes_at_night_waits_and_what_ended_by_morning_is_not_told(
    engine: Engine, channels: Channels, receiver: Receiver, box: Mailbox, clock: FakeClock
) -> None:
    clock.now = datetime(2026, 3, 3, 22, tzinfo=MONDAY.tzinfo)
    stays, passes = alert(), alert(subject="nps/day/total")
    raise_alerts(engine, stays, passes, now=clock.now)
    assert drain(engine, channels, clock).sent == 0
    raise_alerts(engine, stays, looked_at=(passes,), now=clock.forward(hours=5))
    assert drain(engine, channels, clock).sent == 0
    clock.now = datetime(2026, 3, 4, 7, tzinfo=MONDAY.tzinfo)
    assert drain(engine, channels, clock).sent == 2
    assert [len(arrival.body["alerts"]) for arrival in receiver.arrivals] == [1]
    assert {row["reason"] for row in log(engine) if row["subject_id"] == "nps/day/total"} == {
        "ended",
        "never_told",
    }


def test_nobody_answering_goes_up_the_line_until_someone_does(
    engine: Engine, channels: Channels, box: Mailbox, clock: FakeClock
) -> None:
    raise_alerts(engine, alert(severity=Severity.CRITICAL))
    drain(engine, channels, clock)
    clock.forward(minutes=61)
    assert drain(engine, channels, clock).escalated == 1
    assert [recipients for recipients, _ in box.messages] == [["ana@example.com"], ["sam@example.com"]]
    assert box.messages[1][1]["Subject"].startswith("Not acknowledged: ")
    assert drain(engine, channels, clock).escalated == 0


def test_a_silence_written_while_an_alert_waits_is_heard(
    engine: Engine, channels: Channels, receiver: Receiver, clock: FakeClock
) -> None:
    raise_alerts(engine, alert())
    with writing(engine) as connection:
        connection.execute(
            insert(alert_silence).values(
                subject_id="csat/*", starts_at=MONDAY, ends_at=MONDAY + timedelta(hours=2), reason="drill",
                created_by="ana", created_at=MONDAY,
            )
        )  # fmt: skip
    assert told(drain(engine, channels, clock)) == (0, 0, 0, 0)
    assert {row["reason"] for row in log(engine)} == {"silenced"}
    # When the silence is over and the state still lasts, it is told.
    raise_alerts(engine, alert(), now=clock.forward(hours=2))
    assert drain(engine, channels, clock).sent == 2


# ── channels that fail ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", [500, 401, "hang"])
def test_a_channel_that_fails_is_tried_again_and_holds_up_no_other(
    engine: Engine, channels: Channels, receiver: Receiver, box: Mailbox, clock: FakeClock, mode: str | int
) -> None:
    receiver.mode = mode
    raise_alerts(engine, alert())
    report = drain(engine, replace(channels, settings=HASTY) if mode == "hang" else channels, clock)
    assert told(report) == (1, 1, 0, 0)
    assert set(report.errors) == {"chat-support"}
    assert len(box.messages) == 1
    (row,) = (row for row in log(engine) if row["channel"] == "chat-support")
    assert (row["delivery_state"], row["attempts"]) == ("queued", 1)
    assert row["last_error"]
    assert row["next_try_at"] >= clock.now + timedelta(seconds=SETTINGS.retry_seconds)
    receiver.mode = "ok"
    assert drain(engine, channels, clock).sent == 0  # not before its time
    clock.forward(minutes=2)
    assert drain(engine, channels, clock).sent == 1
    assert len(receiver.accepted) == len(receiver.arrivals) == 1


def test_back_off_doubles_up_to_an_hour(
    sqlite: Engine, channels: Channels, receiver: Receiver, clock: FakeClock
) -> None:
    receiver.mode = 500
    raise_alerts(sqlite, alert(audience=("team:support",)))
    waits = []
    for _ in range(10):
        assert drain(sqlite, channels, clock).retried == 1
        (row,) = log(sqlite)
        waits.append((row["next_try_at"] - clock.now).total_seconds())
        clock.now = row["next_try_at"]
    assert [round(wait / waits[0]) for wait in waits[:7]] == [1, 2, 4, 8, 16, 32, 64]
    assert waits[-1] == waits[-2] <= 3600 * 1.1


def test_a_receiver_that_says_when_is_left_alone_until_then(
    engine: Engine, channels: Channels, receiver: Receiver, clock: FakeClock
) -> None:
    receiver.mode, receiver.headers = 429, {"Retry-After": "1800"}
    raise_alerts(engine, alert(audience=("team:support",)))
    raise_alerts(engine, alert(AlertType.CHECK_IN, "9", audience=("team:support",)))
    assert drain(engine, channels, clock).retried == 1
    assert receiver.tries == 1
    receiver.mode = "ok"
    clock.forward(seconds=1799)
    assert drain(engine, channels, clock).sent == 0
    assert receiver.tries == 1
    clock.forward(seconds=400)
    assert drain(engine, channels, clock).sent == 2


def test_one_that_hangs_costs_one_time_out_and_not_sixty(
    sqlite: Engine, receiver: Receiver, box: Mailbox, clock: FakeClock
) -> None:
    receiver.mode = "hang"
    hasty = SETTINGS.model_copy(update={"send_seconds": 0.3})
    for n in range(20):  # events of different kinds and recipients do not join into one message
        raise_alerts(
            sqlite, alert(AlertType.CHECK_IN_DUE, f"kr{n}", Severity.INFO, audience=("team:support",))
        )
        raise_alerts(sqlite, alert(AlertType.CHECK_IN, f"{n}", Severity.INFO, audience=("team:support",)))
    drain(sqlite, channels_to(receiver, box, hasty), clock)
    assert receiver.tries == 1


def test_the_budget_ends_a_drain(sqlite: Engine, channels: Channels, clock: FakeClock) -> None:
    for name in ("ana", "ben", "sam", "dora", "cleo"):
        raise_alerts(sqlite, alert(subject=f"{name}/day/total", audience=(f"person:{name}",)))

    def slow(message: Message, address: Address, settings: AlertSettings, now: datetime) -> Outcome:
        clock.forward(seconds=8)
        return Outcome()

    slowly = replace(channels, send=slow)
    first = drain(sqlite, slowly, clock, budget_seconds=20)
    assert told(first) == (3, 0, 0, 2)
    assert first.seconds == 24
    assert told(drain(sqlite, slowly, clock, budget_seconds=20)) == (2, 0, 0, 0)


def test_what_cannot_be_delivered_for_three_days_goes_to_the_fallback(
    engine: Engine, receiver: Receiver, box: Mailbox, clock: FakeClock
) -> None:
    settings = SETTINGS.model_copy(update={"fallback_team": "data"})
    channels = channels_to(receiver, box, settings)
    receiver.mode = 500
    raise_alerts(engine, alert(audience=("team:support",)))
    drain(engine, channels, clock)
    clock.forward(hours=73)
    report = drain(engine, channels, clock)
    assert report.failed == 1
    receiver.mode = "ok"
    assert drain(engine, channels, clock).sent == 1
    assert [arrival.path for arrival in receiver.arrivals] == ["/chat-data"]
    assert [(row["channel"], row["delivery_state"], row["reason"]) for row in log(engine)] == [
        ("chat-support", "failed", "started"),
        ("chat-data", "sent", "undeliverable"),
    ]


def test_a_message_that_is_refused_for_good_is_given_up_at_once(
    sqlite: Engine, channels: Channels, receiver: Receiver, clock: FakeClock
) -> None:
    receiver.mode = 400
    raise_alerts(sqlite, alert(audience=("team:support",)))
    assert told(drain(sqlite, channels, clock)) == (0, 0, 1, 0)
    assert ("firing", "chat-support", "failed", "started") in states(sqlite)


@pytest.mark.parametrize("value", ["", "nonsense"])
def test_a_channel_without_a_usable_url_is_an_error_that_names_it(
    sqlite: Engine, receiver: Receiver, box: Mailbox, clock: FakeClock, value: str
) -> None:
    raise_alerts(sqlite, alert(audience=("team:support",)))
    report = drain(sqlite, channels_to(receiver, box, CHAT_SUPPORT_URL=value), clock)
    assert told(report) == (0, 1, 0, 0)
    assert set(report.errors) == {"chat-support"}


def test_a_link_key_that_cannot_be_used_costs_the_links_and_not_the_alerts(
    sqlite: Engine, receiver: Receiver, box: Mailbox, clock: FakeClock
) -> None:
    settings = SETTINGS.model_copy(
        update={"link_base": "https://vitals.example.com", "link_key": "env:LINK_KEY"}
    )
    raise_alerts(sqlite, alert(audience=("team:support",)))
    report = drain(sqlite, channels_to(receiver, box, settings, LINK_KEY="short"), clock)
    assert report.sent == 1
    assert "fewer than 16 bytes" in report.errors["acknowledge links"]
    assert receiver.arrivals[0].body["alerts"][0]["acknowledge"].startswith("vitals alerts ack ")


def test_a_row_that_cannot_be_read_holds_up_no_other(
    sqlite: Engine, channels: Channels, receiver: Receiver, clock: FakeClock
) -> None:
    raise_alerts(sqlite, alert(audience=("team:support",)))
    with writing(sqlite) as connection:
        row = connection.execute(select(alert_log)).mappings().one()
        foreign = {**row, "alert_key": None, "dedup_key": "x", "payload": '{"type": "from the future"}'}
        connection.execute(insert(alert_log).values(**{k: v for k, v in foreign.items() if k != "alert_key"}))
    assert drain(sqlite, channels, clock).sent == 1


# ── two drains, and a drain that dies ───────────────────────────────────────────────────────────────────────


def test_two_drains_at_once_send_each_message_once(
    engine: Engine, channels: Channels, receiver: Receiver, box: Mailbox, clock: FakeClock
) -> None:
    for name in ("ana", "ben", "sam", "dora", "cleo"):
        raise_alerts(engine, alert(subject=f"{name}/day/total", audience=(f"person:{name}",)))
    raise_alerts(engine, alert(audience=("team:support", "team:data")))
    gate = threading.Barrier(3)

    def work() -> None:
        gate.wait()
        drain(engine, channels, clock)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(box.messages) == 5
    assert sorted(arrival.path for arrival in receiver.arrivals) == ["/chat-data", "/chat-support"]
    assert {row["delivery_state"] for row in log(engine)} == {"sent"}


def test_a_drain_that_dies_between_send_and_mark_leaves_a_lease(
    engine: Engine, channels: Channels, receiver: Receiver, clock: FakeClock
) -> None:
    raise_alerts(engine, alert(audience=("team:support",)))

    class Died(Exception):
        pass

    def send_and_die(message: Message, address: Address, settings: AlertSettings, now: datetime) -> Outcome:
        assert channels.send(message, address, settings, now).is_delivered
        raise Died

    with pytest.raises(Died):
        drain(engine, replace(channels, send=send_and_die), clock)
    assert len(receiver.arrivals) == 1
    # While the lease lasts, nobody touches it; afterwards it is sent again under the same key.
    assert drain(engine, channels, clock).sent == 0
    clock.forward(seconds=SETTINGS.lease_seconds + 1)
    assert drain(engine, channels, clock).sent == 1
    assert len(receiver.arrivals) == 2
    assert len(receiver.accepted) == 1
    assert [row["delivery_state"] for row in log(engine)] == ["sent"]


def test_a_zombie_that_wakes_up_marks_nothing_that_is_no_longer_its_own(
    engine: Engine, channels: Channels, receiver: Receiver, clock: FakeClock
) -> None:
    raise_alerts(engine, alert(audience=("team:support",)))

    def stall(message: Message, address: Address, settings: AlertSettings, now: datetime) -> Outcome:
        clock.forward(seconds=SETTINGS.lease_seconds + 1)
        assert drain(engine, channels, clock).sent == 1
        return Outcome("the zombie saw an error", retry=True)

    drain(engine, replace(channels, send=stall), clock)
    assert [(row["delivery_state"], row["last_error"]) for row in log(engine)] == [("sent", None)]


def test_an_end_is_not_sent_before_the_start_that_is_still_being_tried(
    engine: Engine, channels: Channels, receiver: Receiver, clock: FakeClock
) -> None:
    about = alert(audience=("team:support",))
    receiver.mode = 500
    raise_alerts(engine, about)
    drain(engine, channels, clock)
    raise_alerts(engine, looked_at=(about,), now=clock.forward(seconds=1))
    receiver.mode = "ok"
    assert drain(engine, channels, clock).sent == 0
    clock.forward(minutes=2)
    assert drain(engine, channels, clock).sent == 1
    assert drain(engine, channels, clock).sent == 1
    assert [arrival.body["status"] for arrival in receiver.arrivals] == ["firing", "resolved"]


def test_one_nudge_a_day_and_the_rest_tomorrow(
    engine: Engine, channels: Channels, box: Mailbox, clock: FakeClock
) -> None:
    def nudge(name: str) -> Alert:
        return alert(AlertType.CHECK_IN_DUE, name, Severity.INFO, since=clock.now, audience=("person:ana",))

    raise_alerts(engine, nudge("kr1"), nudge("kr2"))
    assert drain(engine, channels, clock).alerts == 2
    raise_alerts(engine, nudge("kr3"), now=clock.forward(hours=2))
    assert drain(engine, channels, clock).sent == 0
    clock.now = MONDAY.replace(day=3, hour=9)
    assert drain(engine, channels, clock).sent == 1
    assert [letter["Subject"] for _, letter in box.messages] == ["2 check-ins are due", "kr3 is unusual"]
