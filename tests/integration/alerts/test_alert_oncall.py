"""Two weeks on call with a fake clock: every alert that should arrive arrives, once, at the right person.

A publication and a drain every hour, real outbox, real receivers. The expected deliveries are written
out by hand; anything missing, late, doubled or sent to somebody else fails the test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, insert, select

from definitions.settings import AlertSettings
from pipelines.alerts.acknowledge import acknowledge
from pipelines.alerts.decision import Covered, scope
from pipelines.alerts.deliver import Address, Outcome
from pipelines.alerts.digest import digests
from pipelines.alerts.drain import drain
from pipelines.alerts.model import Alert, AlertType, Severity, stamp
from pipelines.alerts.payload import Message
from pipelines.alerts.raising import raise_now
from pipelines.alerts.sources import Found, anomalies, late, places
from pipelines.publishing.engine import reading, writing
from pipelines.publishing.publication import Coverage
from pipelines.publishing.records import AnomalyRow, FreshnessRow
from pipelines.publishing.schema import alert_log, alert_silence
from tests.integration.alerts.conftest import FakeClock
from tests.integration.alerts.receivers import Mailbox, Receiver, http_receiver, mailbox
from tests.integration.alerts.test_alert_drain import channels_to
from tests.unit.alerts.company import alert, catalogue, metric

START = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)  # a Monday
END = datetime(2026, 3, 16, 0, 0, tzinfo=UTC)
CATALOGUE = catalogue()


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as running:
        yield running


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as running:
        yield running


class Company:
    """What is wrong at the moment, and what happened since the last publication."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.firing: dict[str, Alert] = {}
        self.known: dict[str, Alert] = {}
        self.events: list[Alert] = []

    def starts(self, *alerts: Alert) -> Callable[[datetime], None]:
        def happen(now: datetime) -> None:
            for each in alerts:
                dated = replace(each, since=now)
                self.firing[each.identity] = self.known[each.identity] = dated

        return happen

    def ends(self, *alerts: Alert) -> Callable[[datetime], None]:
        return lambda now: [self.firing.pop(each.identity) for each in alerts] and None

    def tells(self, *alerts: Alert) -> Callable[[datetime], None]:
        return lambda now: self.events.extend(replace(each, since=now) for each in alerts)

    def answers(self, about: Alert, by: str) -> Callable[[datetime], None]:
        def happen(now: datetime) -> None:
            acknowledge(self.engine, self.known[about.identity].episode, by, now)

        return happen

    def silences(self, subject: str, hours: float) -> Callable[[datetime], None]:
        def happen(now: datetime) -> None:
            with writing(self.engine) as connection:
                connection.execute(
                    insert(alert_silence).values(
                        subject_id=subject, starts_at=now, ends_at=now + timedelta(hours=hours), reason="migration",
                        created_by="ana", created_at=now,
                    )
                )  # fmt: skip

        return happen

    def publish(self, now: datetime) -> None:
        covered = Covered(frozenset((each.type, scope(each)) for each in self.known.values()))
        found = Found((*self.firing.values(), *self.events), covered) + digests(self.engine, CATALOGUE, now)
        raise_now(self.engine, found, CATALOGUE, now)
        self.events.clear()


def test_two_weeks_on_call(sqlite: Engine, receiver: Receiver, box: Mailbox) -> None:
    company = Company(sqlite)
    clock = FakeClock(START)
    arrived: list[tuple[datetime, str, str, str]] = []
    channels = channels_to(receiver, box, CATALOGUE.settings.alerts)

    def send(message: Message, address: Address, settings: AlertSettings, now: datetime) -> Outcome:
        outcome = channels.send(message, address, settings, now)
        if outcome.is_delivered:
            statuses = "+".join(sorted({entry.notice.value for entry in message.entries}))
            arrived.append((now, message.recipient, statuses, subjects(message)))
        return outcome

    def subjects(message: Message) -> str:
        names = [entry.alert.subject.id.split("/")[0] for entry in message.entries]
        return ", ".join(sorted(names)) if len(names) < 4 else f"{len(names)} alerts"

    csat = alert(subject="csat/day/total")
    nps = alert(AlertType.RED_LINE, "nps/month/total", Severity.CRITICAL)
    mrr = alert(subject="mrr/day/total", team="data", owner="dora")
    leads = alert(subject="leads/week/total", severity=Severity.INFO, owner="ben")
    calls = alert(subject="calls/day/total")
    source = alert(AlertType.LATE, "intercom", team="data", owner=None, breaks=("source:intercom",))
    storm = [alert(subject=f"kpi{n}/day/total", rests_on=("source:intercom",)) for n in range(60)]
    check_in = alert(AlertType.CHECK_IN, "17", Severity.INFO, audience=("team:support",))
    changed = alert(
        AlertType.DEFINITION_CHANGED, "csat/v2", Severity.INFO, audience=("person:ana", "team:support")
    )
    batch = alert(AlertType.PUBLISHED, "batch", Severity.INFO, audience=("everyone",))
    due = [alert(AlertType.CHECK_IN_DUE, f"kr{n}", Severity.INFO, audience=("person:ana",)) for n in (1, 2)]
    third = alert(AlertType.CHECK_IN_DUE, "kr3", Severity.INFO, audience=("person:ana",))

    run = alert(AlertType.RUN_FAILED, "daily", Severity.CRITICAL, team="data", owner=None)
    check = alert(AlertType.CHECK_FAILED, "support.tickets/keys", team="data", owner=None)
    baseline = alert(AlertType.BELOW_BASELINE, "nps/week/total")
    goal = alert(AlertType.KEY_RESULT, "kr9", Severity.INFO, owner="ben")
    pace = alert(AlertType.PACE, "kr8", Severity.INFO, owner="ben")

    def down(now: datetime) -> None:
        receiver.mode = 500

    def up(now: datetime) -> None:
        receiver.mode = "ok"

    script: list[tuple[datetime, Callable[[datetime], None]]] = [
        (at(2, 6), company.starts(csat)),  # before seven: waits
        (at(2, 11), company.ends(csat)),
        (at(2, 12), company.tells(check_in, changed)),
        (at(3, 10), company.starts(leads)),  # an info, for its owner alone
        (at(3, 11), company.starts(goal)),  # a key result at risk: its owner's business
        (at(3, 13), company.starts(run)),
        (at(3, 14), company.ends(run)),  # the next run succeeds before anybody is woken up
        (at(3, 15), company.starts(check)),
        (at(3, 16), company.ends(check)),
        (at(4, 2), company.starts(source, *storm)),  # a source goes down at night
        (at(4, 9), company.ends(source, *storm)),
        (at(5, 11), company.starts(replace(goal, severity=Severity.WARNING))),  # now it is off track
        (at(5, 22), company.starts(nps)),  # critical at night, and nobody answers
        (at(6, 8), company.answers(nps, "ana")),
        (at(6, 9), company.tells(*due)),  # two check-ins are due on Friday
        (at(6, 14), company.tells(third)),  # found later: she was nudged today
        (at(7, 12), company.starts(calls)),  # a warning on Saturday
        (at(9, 15), company.ends(nps)),
        (at(10, 10), company.starts(csat)),  # flapping
        (at(10, 11), company.ends(csat)),
        (at(10, 12), company.starts(csat)),
        (at(11, 9), company.silences("mrr/*", 3)),
        (at(11, 10), company.starts(mrr)),
        (at(11, 13), company.starts(baseline)),
        (at(11, 14), company.starts(pace)),
        (at(11, 15), company.ends(goal)),
        (at(12, 9), down),
        (at(12, 10), company.ends(calls)),
        (at(12, 13), up),
        (at(13, 3), company.starts(replace(csat, subject=replace(csat.subject, id="visits/day/total")))),
        (at(13, 5), company.ends(replace(csat, subject=replace(csat.subject, id="visits/day/total")))),
        *((at(day, 8), company.tells(batch)) for day in range(2, 14)),
    ]
    todo = sorted(script, key=lambda entry: entry[0])
    while clock.now < END:
        while todo and todo[0][0] <= clock.now:
            todo.pop(0)[1](clock.now)
        company.publish(clock.now)
        drain(sqlite, replace(channels, send=send), clock)
        clock.forward(hours=1)

    expected = [
        (at(2, 7), "person:ana", "firing", "csat"),
        (at(2, 7), "team:support", "firing", "csat"),
        *((at(day, 8), "team:company", "event", "batch") for day in range(2, 7)),
        (at(2, 8), "team:support", "event", "support"),  # the digest: one alert since this morning
        (at(2, 11), "person:ana", "resolved", "csat"),
        (at(2, 11), "team:support", "resolved", "csat"),
        (at(2, 12), "person:ana", "event", "csat"),
        (at(2, 12), "team:support", "event", "17"),
        (at(2, 12), "team:support", "event", "csat"),
        (at(3, 10), "person:ben", "firing", "leads"),
        (at(3, 11), "person:ben", "firing", "kr9"),
        (at(3, 13), "person:dora", "firing", "daily"),
        (at(3, 13), "team:data", "firing", "daily"),
        (at(3, 14), "person:dora", "resolved", "daily"),
        (at(3, 14), "team:data", "resolved", "daily"),
        (at(3, 15), "person:dora", "firing", "support.tickets"),
        (at(3, 15), "team:data", "firing", "support.tickets"),
        (at(3, 16), "person:dora", "resolved", "support.tickets"),
        (at(3, 16), "team:data", "resolved", "support.tickets"),
        (at(4, 7), "person:dora", "firing", "intercom"),
        (at(4, 7), "team:data", "firing", "intercom"),
        (at(4, 9), "person:dora", "resolved", "intercom"),
        (at(4, 9), "team:data", "resolved", "intercom"),
        (at(5, 11), "person:ben", "worsened", "kr9"),
        (at(5, 11), "team:support", "worsened", "kr9"),
        (at(5, 22), "person:ana", "firing", "nps"),
        (at(5, 22), "team:support", "firing", "nps"),
        (at(5, 22), "team:support", "firing", "nps"),
        (at(5, 23), "person:sam", "escalation", "nps"),
        (at(6, 2), "person:cleo", "escalation", "nps"),
        (at(6, 9), "person:ana", "event", "kr1, kr2"),
        (at(9, 7), "person:ana", "firing", "calls"),
        (at(9, 7), "team:support", "firing", "calls"),
        (at(9, 9), "person:ana", "event", "kr3"),
        (at(9, 7), "team:company", "event", "batch, batch"),  # Saturday's and Sunday's
        *((at(day, 8), "team:company", "event", "batch") for day in range(9, 14)),
        (at(9, 8), "team:support", "event", "support"),  # the digest
        (at(9, 8), "team:data", "event", "data"),
        (at(9, 15), "person:ana", "resolved", "nps"),
        (at(9, 15), "team:support", "resolved", "nps"),
        (at(9, 15), "team:support", "resolved", "nps"),
        (at(9, 15), "person:sam", "resolved", "nps"),
        (at(9, 15), "person:cleo", "resolved", "nps"),
        (at(10, 10), "person:ana", "firing", "csat"),
        (at(10, 10), "team:support", "firing", "csat"),
        (at(10, 11), "person:ana", "resolved", "csat"),
        (at(10, 11), "team:support", "resolved", "csat"),
        (at(10, 15), "person:ana", "firing", "csat"),  # cool-down is over, and it is still there
        (at(10, 15), "team:support", "firing", "csat"),
        (at(11, 12), "person:dora", "firing", "mrr"),  # the silence is over
        (at(11, 12), "team:data", "firing", "mrr"),
        (at(11, 13), "person:ana", "firing", "nps"),  # the weekly value, far below its baseline
        (at(11, 13), "team:support", "firing", "nps"),
        (at(11, 14), "person:ben", "firing", "kr8"),
        (at(11, 15), "person:ben", "resolved", "kr9"),
        (at(11, 15), "team:support", "resolved", "kr9"),
        (at(12, 10), "person:ana", "resolved", "calls"),
    ]
    late = [
        entry
        for entry in arrived
        if entry[3] == "calls" and entry[1] == "team:support" and entry[2] == "resolved"
    ]
    assert [at(12, 13) <= entry[0] <= at(12, 15) for entry in late] == [True], (
        "the channel came back at 13:00"
    )
    found = Counter(entry for entry in arrived if entry not in late)
    assert (found - Counter(expected), Counter(expected) - found) == (Counter(), Counter())
    everything_is_accounted_for(sqlite, storm)


def test_a_source_that_is_down_with_sixty_kpis_is_one_message(
    sqlite: Engine, receiver: Receiver, box: Mailbox
) -> None:
    """The same storm from the real sources of alerts: a catalogue of sixty KPIs over one system, all of them off."""
    metrics = [metric(f"kpi_{n:02}") for n in range(60)]
    company = catalogue(*metrics)
    where = places(company)
    now = at(3, 10)
    fresh = FreshnessRow(
        source_system="intercom", asset="support.tickets", sla_seconds=86_400, is_late=True,
        last_success_at=at(1, 12), last_attempt_at=at(3, 9), data_through_at=at(1, 12), rows_last_run=0,
        rows_quarantined=0, lateness_seconds=14_400, error="tickets: HTTP 503",
    )  # fmt: skip
    flags = [
        AnomalyRow(
            metric_id=each.name, period_grain="day", period_start=at(2, 0).date(), kind="point", severity="critical",
            effect="unfavourable", observed=Decimal("0.1"), expected=Decimal("0.9"), lower_bound=Decimal("0.8"),
            upper_bound=Decimal(1), score=Decimal(9), state="open", explanation="far off",
            detector_version="1", detector="robust", segment_dimension="", segment_value="",
        )
        for each in metrics
    ]  # fmt: skip
    tested = [Coverage(each.name, "day", at(2, 0).date(), at(2, 0).date()) for each in metrics]
    found = late([fresh], company, where, now) + anomalies(flags, tested, company, where)
    assert len(found.alerts) == 61
    raise_now(sqlite, found, company, now)
    report = drain(sqlite, channels_to(receiver, box, company.settings.alerts), FakeClock(now))
    assert (report.sent, report.alerts) == (2, 2)  # the same alert to the owner and to the team's channel
    ((recipients, letter),) = box.messages
    assert recipients == ["dora@example.com"]
    assert letter["Subject"] == "intercom: data is late (1 of 1 assets)"
    assert [arrival.path for arrival in receiver.arrivals] == ["/chat-data"]
    with reading(sqlite) as connection:
        reasons = Counter(connection.execute(select(alert_log.c.reason)).scalars())
    assert reasons == {"started": 2, "inhibited": 60}


def everything_is_accounted_for(engine: Engine, storm: list[Alert]) -> None:
    """Every alert stands in the log with its end: sent, or suppressed for a reason."""
    with reading(engine) as connection:
        rows = connection.execute(select(alert_log).order_by(alert_log.c.alert_key)).mappings().all()
    assert {row["delivery_state"] for row in rows} == {"sent", "suppressed"}
    reasons = {row["subject_id"]: row["reason"] for row in rows if row["notice"] == "firing"}
    assert {reasons[each.subject.id] for each in storm} == {"inhibited"}
    assert reasons["visits/day/total"] == "ended"
    keys = [
        (row["dedup_key"], row["recipient"], row["channel"])
        for row in rows
        if row["delivery_state"] == "sent"
    ]
    assert len(keys) == len(set(keys))
    assert all(stamp(row["created_at"]) for row in rows)
