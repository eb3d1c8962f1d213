"""Two publishers at once, a publisher that slept too long, and readers that do not let go.

Source: fault rules, faults 20 and 21.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from pipelines.publishing import Outcome, Publication, publish
from pipelines.publishing.engine import reading, writing
from pipelines.publishing.errors import LeaseHeld, LeaseLost
from pipelines.publishing.lease import Lease, acquire, release
from tests.integration.publishing.kit import (
    START,
    Clock,
    assert_whole,
    dictionary,
    publication,
    put,
    rows,
    value,
)
from tests.integration.publishing.test_crash import hooked, looked_at, states
from tests.processes import DONE, Killer, in_child, start_child, wait_for, wait_until_stopped, watching

FENCED = 7


def attempt(engine: Engine, wanted: Publication, run_id: str, lease: Lease | None = None) -> int:
    """Publish in a child process; the exit code says whether it was fenced."""
    try:
        publish(engine, wanted, clock=Clock(), run_id=run_id, lease=lease)
    except (LeaseLost, LeaseHeld):
        return FENCED
    return DONE


def of(name: str, number: float) -> Publication:
    """A publication whose every value is `number`."""
    values = [value(m, number=number) for m in ("csat", "revenue", "ticket_volume")]
    return publication(name, *values, dictionary=dictionary(dates=()))


def test_two_publishers_at_once_do_not_interleave(engine: Engine) -> None:
    publish(engine, of("old", 0.1), clock=Clock(), run_id="r0")
    old = states(engine)
    engine.dispose()
    allowed = [old] + [[(*row[:3], type(row[3])(str(n)), row[4]) for row in old] for n in (0.2, 0.3)]
    with watching(looked_at(engine, *allowed)):
        children = [start_child(lambda n=n: attempt(engine, of(f"p{n}", n), f"r{n}")) for n in (0.2, 0.3)]  # type: ignore[misc]
        codes = [wait_for(pid) for pid in children]
    assert DONE in codes
    assert set(codes) <= {DONE, FENCED}
    assert len({row[3] for row in states(engine)}) == 1, "values of two publications side by side"
    assert_whole(engine)


def test_the_same_publication_by_two_processes_is_published_once(engine: Engine) -> None:
    engine.dispose()
    children = [start_child(lambda n=n: attempt(engine, of("same", 0.5), f"r{n}")) for n in (1, 2)]  # type: ignore[misc]
    assert DONE in [wait_for(pid) for pid in children]
    assert rows(engine, "SELECT count(*) FROM publish_batch") == [(1,)]
    assert_whole(engine)


@pytest.mark.parametrize("at", [5, 40, 70])
def test_a_publisher_that_slept_past_its_lease_is_fenced(engine: Engine, at: int) -> None:
    """SIGSTOP in the middle, another run publishes, SIGCONT: the sleeper's work is void."""
    lease = acquire(engine, holder="sleeper", clock=Clock(), term=timedelta(minutes=1))
    engine.dispose()

    def sleepy() -> int:
        with hooked(engine, Killer(at, signal.SIGSTOP)):
            return attempt(engine, of("sleeper", 0.1), "sleeper", lease)

    pid = start_child(sleepy)
    wait_until_stopped(pid)
    in_its_transaction = _is_writing(engine)
    if in_its_transaction:  # it stopped holding the lock: nobody can overtake it, it goes on and is first
        os.kill(pid, signal.SIGCONT)
        assert wait_for(pid) == DONE
        put(engine, "later", value(number=0.9), clock=Clock(START + timedelta(hours=1)))
    else:
        put(engine, "overtakes", value(number=0.9), clock=Clock(START + timedelta(hours=1)))
        os.kill(pid, signal.SIGCONT)
        assert wait_for(pid) == FENCED
        assert rows(engine, "SELECT count(*) FROM publish_batch") == [(1,)]
    assert rows(engine, "SELECT value FROM kpi_value WHERE is_current AND metric_id = 'csat'") == [(0.9,)]
    assert_whole(engine)


def _is_writing(engine: Engine) -> bool:
    """Whether somebody holds the publisher's lock right now."""

    def probe() -> int:
        if engine.dialect.name == "sqlite":
            connection = sqlite3.connect(str(engine.url.database), timeout=0.2, isolation_level=None)
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return FENCED
            return DONE
        with engine.connect() as connection_:
            free = text("SELECT count(*) FROM (SELECT 1 FROM publisher_lease FOR UPDATE SKIP LOCKED) AS free")
            held = text("SELECT count(*) FROM publisher_lease")
            return (
                DONE if connection_.execute(free).scalar() == connection_.execute(held).scalar() else FENCED
            )

    return in_child(probe) == FENCED


def test_a_lease_keeps_others_out_until_it_ends(engine: Engine) -> None:
    now = [START]

    def clock():  # type: ignore[no-untyped-def]
        return now[0]

    lease = acquire(engine, holder="nightly", clock=clock, term=timedelta(minutes=10))
    with pytest.raises(LeaseHeld, match="nightly"):
        acquire(engine, holder="manual", clock=clock)
    with pytest.raises(LeaseHeld):
        publish(engine, of("manual", 0.2), clock=clock, run_id="manual")
    assert (
        publish(engine, of("nightly", 0.1), clock=clock, run_id="nightly", lease=lease).outcome
        is Outcome.PUBLISHED
    )
    renewed = acquire(engine, holder="nightly", clock=clock)
    assert renewed.token > lease.token
    with pytest.raises(LeaseLost):
        publish(engine, of("late", 0.3), clock=clock, run_id="nightly", lease=lease)
    now[0] += timedelta(hours=1)
    taken = acquire(engine, holder="manual", clock=clock)
    with pytest.raises(LeaseLost, match="start a new run"):
        publish(engine, of("zombie", 0.4), clock=clock, run_id="nightly", lease=renewed)
    release(engine, renewed, clock=clock)  # a lease that was lost cannot be given away
    with pytest.raises(LeaseHeld):
        acquire(engine, holder="third", clock=clock)
    release(engine, taken, clock=clock)
    assert acquire(engine, holder="third", clock=clock).token == taken.token + 1
    assert rows(engine, "SELECT publication_id FROM publish_batch") == [("nightly",)]


def test_a_lease_can_be_taken_over_from_a_dead_run(engine: Engine) -> None:
    dead = acquire(engine, holder="dead", clock=Clock(), term=timedelta(days=1))
    alive = acquire(engine, holder="alive", clock=Clock(), take_over=True)
    assert alive.token == dead.token + 1


def test_a_long_reader_neither_stops_a_publisher_nor_sees_its_work(engine: Engine) -> None:
    put(engine, "p1", value(number=0.1))
    with reading(engine) as long:
        before = long.execute(text("SELECT value FROM kpi_monthly")).all()
        scorecard = long.execute(text("SELECT csat FROM scorecard_support_monthly")).all()
        started = time.monotonic()
        result = put(engine, "p2", value(number=0.2))
        assert time.monotonic() - started < 30
        assert result.outcome is Outcome.PUBLISHED
        assert long.execute(text("SELECT value FROM kpi_monthly")).all() == before
        assert long.execute(text("SELECT csat FROM scorecard_support_monthly")).all() == scorecard
    assert rows(engine, "SELECT value FROM kpi_monthly") == [(0.2,)]


def test_a_reader_on_a_scorecard_delays_its_new_shape_and_not_the_publication(
    postgres_engine: Engine,
) -> None:
    put(postgres_engine, "p1", value(number=0.1))
    metrics = tuple(m for m in dictionary().metrics if m.metric_id != "ticket_volume")
    smaller = dictionary(
        metrics=metrics, guardrails=(), edges=(), dates=(), versions=dictionary().versions[:1]
    )
    with reading(postgres_engine) as long:
        long.execute(text("SELECT csat FROM scorecard_support_monthly")).all()
        result = put(postgres_engine, "p2", value(number=0.2), dictionary=smaller)
        assert result.outcome is Outcome.PUBLISHED
        assert result.deferred
    assert not put(postgres_engine, "p3", value(number=0.2), dictionary=smaller).deferred
    columns = (
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'scorecard_support_monthly'"
    )
    assert ("ticket_volume",) not in rows(postgres_engine, columns)


def test_people_write_while_a_batch_is_being_staged(sqlite_engine: Engine) -> None:
    """Staging does not take SQLite's write lock: a check-in does not wait for it."""
    put(sqlite_engine, "p1", value())
    waited: list[float] = []

    def check_in() -> None:
        started = time.monotonic()
        with writing(sqlite_engine) as connection:
            connection.execute(text("INSERT INTO annotation (start_date, end_date, title, is_expected, author_email) "
                                    "VALUES ('2026-01-01', '2026-01-02', 'x', 0, 'a@b')"))  # fmt: skip
        waited.append(time.monotonic() - started)

    def audit(_: object) -> list[object]:
        thread = threading.Thread(target=check_in)
        thread.start()
        thread.join(10)
        return []

    publish(sqlite_engine, publication("p2", value(number=0.3)), clock=Clock(), run_id="r", audits=(audit,))  # type: ignore[arg-type]
    assert waited
    assert waited[0] < 5
