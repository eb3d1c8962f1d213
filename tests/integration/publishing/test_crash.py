"""Killed at every step: a reader sees the publication before or the one after, and the next run ends right.

Killed before every statement, and cut off: `python -m pytest --tier crash` with this file, a minute and a half.
Source: fault rules, invariant P, faults 1 to 3.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError

from pipelines.publishing import BlockedMetric, Coverage, Publication, open_reporting, publish
from pipelines.publishing.engine import reading
from pipelines.publishing.errors import DatabaseUnavailable
from pipelines.publishing.history import withdraw
from tests.integration.publishing.kit import (
    Clock,
    assert_whole,
    dictionary,
    publication,
    put,
    rows,
    torn,
    value,
    version,
)
from tests.integration.publishing.test_publish import alert, flag, result
from tests.processes import DONE, Killer, in_child, watching

JANUARY, FEBRUARY, MARCH = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)
STATE = (
    "SELECT metric_id, period_start, segment_key, value, value_state FROM kpi_value "
    "WHERE is_current ORDER BY 1, 2, 3"
)


def before() -> Publication:
    """What is published before the crash."""
    emea = {"segment_dimension": "region", "segment_value": "emea"}
    return publication(
        "before",
        value("csat", JANUARY, 0.8),
        value("csat", FEBRUARY, 0.85),
        value("csat", FEBRUARY, 0.8, **emea),
        value("revenue", FEBRUARY, 10, value_state="provisional"),
        dictionary=dictionary(dates=()),
    )


def after() -> Publication:
    """A publication with every kind of change: restated, settled, gone, new, blocked, flags, checks, alerts."""
    closed = version("csat", is_current=False, valid_to=date(2026, 1, 1))
    changed = dictionary(
        dates=(), versions=(closed, version("csat", 2), *dictionary().versions[1:]), benchmarks=()
    )
    whole = (Coverage("csat", "month", JANUARY, MARCH), Coverage("ticket_volume", "month", JANUARY, MARCH))
    return publication(
        "after",
        value("csat", JANUARY, 0.7),
        value("csat", FEBRUARY, 0.85, previous_value=0.7),
        value("csat", MARCH, 0.9, version=2),
        value("ticket_volume", FEBRUARY, 40),
        dictionary=changed,
        coverage=whole,
        blocked=(BlockedMetric("revenue", "no invoices arrived"),),
        anomalies=(flag(FEBRUARY),),
        quality_results=(result(True, "csat"),),
        alerts=(alert(),),
    )


@contextmanager
def hooked(engine: Engine, step: Callable[..., None]) -> Iterator[None]:
    """Call `step` before every SQL statement and every commit of this engine's connections."""
    if engine.dialect.name == "sqlite":

        def trace(connection: sqlite3.Connection, _record: object) -> None:
            connection.set_trace_callback(step)

        hooks: list[tuple[str, Any]] = [("connect", trace)]
    else:
        hooks = [("before_cursor_execute", step), ("commit", step)]
    engine.dispose()
    for name, listener in hooks:
        event.listen(engine, name, listener)
    try:
        yield
    finally:
        for name, listener in hooks:
            event.remove(engine, name, listener)
        engine.dispose()


def looked_at(engine: Engine, *allowed: list[Any]) -> Callable[[], str | None]:
    """A look that is content while invariant P holds and what it sees is one of the allowed states."""

    def look() -> str | None:
        with reading(engine) as connection:
            broken = torn(connection)
            state = [tuple(row) for row in connection.execute(text(STATE))]
        if broken:
            return f"manifest and rows differ in {broken}"
        return None if state in allowed else f"neither before nor after: {state}"

    return look


def states(engine: Engine) -> list[Any]:
    """The values as readers see them, in the database's own types."""
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(text(STATE))]


def prepared(engine: Engine) -> tuple[list[Any], list[Any]]:
    """Leave the database in the state before; returns it and the state after, as a run without any fault makes it."""
    publish(engine, before(), clock=Clock(), run_id="r0")
    old = states(engine)
    batch = publish(
        engine, replace(after(), publication_id="oracle"), clock=Clock(), run_id="oracle"
    ).batch_id
    expected = states(engine)
    assert expected != old
    withdraw(engine, batch, reason="only to know", clock=Clock(), run_id="oracle", code_version="test")
    assert states(engine) == old
    engine.dispose()
    return old, expected


def assert_ended_right(engine: Engine, expected: list[Any]) -> None:
    """The state of a run that never failed: one batch, one alert to send, nothing left over."""
    assert states(engine) == expected
    assert_whole(engine)
    assert rows(engine, "SELECT count(*) FROM alert_log WHERE delivery_state = 'queued'") == [(1,)]
    assert rows(engine, "SELECT count(*) FROM publish_batch WHERE publication_id = 'after'") == [(1,)]
    assert _leftovers(engine) == []


def steps_of(engine: Engine, work: Callable[[], object]) -> int:
    """How many steps a piece of work has."""
    steps = count()

    def tally(*_: object) -> None:
        next(steps)

    with hooked(engine, tally):
        work()
    return next(steps)


def test_killed_for_real_while_a_reader_watches(engine: Engine) -> None:
    """kill -9 at steps spread over the whole publication, and at each of the last ones, around COMMIT."""
    _kill_at(engine, lambda steps: [*range(1, steps, 41), *range(steps - 3, steps + 1)])


@pytest.mark.tier("crash")
def test_killed_for_real_before_every_statement(engine: Engine) -> None:
    _kill_at(engine, lambda steps: list(range(1, steps + 1)))


def _kill_at(engine: Engine, chosen: Callable[[int], list[int]]) -> None:
    old, expected = prepared(engine)

    def work(at: int) -> int:
        with hooked(engine, Killer(at)):
            publish(engine, after(), clock=Clock(), run_id="r1")
        return DONE

    with watching(looked_at(engine, old, expected)) as looks:
        published = False
        for at in chosen(_steps_without_publishing(engine)):
            code = in_child(lambda at=at: work(at))  # type: ignore[misc]
            assert code in (-signal.SIGKILL, DONE), f"killed at {at}: exit code {code}"
            published = published or states(engine) == expected
            engine.dispose()
        assert looks() > 20
    publish(engine, after(), clock=Clock(), run_id="r2")
    assert_ended_right(engine, expected)


def _steps_without_publishing(engine: Engine) -> int:
    """Steps of the whole publication: counted in a child that is killed at the last but the commit."""
    found, tell = os.pipe()

    def work() -> int:
        steps = count(1)

        def tally(*told: object) -> None:
            number = next(steps)
            os.write(tell, f"{number}\n".encode())
            if told and isinstance(told[0], str) and told[0] == "COMMIT" and number > 100:
                os.kill(os.getpid(), signal.SIGKILL)
            if not isinstance(told[0], str) and len(told) == 1 and number > 60:
                os.kill(os.getpid(), signal.SIGKILL)

        with hooked(engine, tally):
            publish(engine, after(), clock=Clock(), run_id="r1")
        return DONE

    assert in_child(work) == -signal.SIGKILL
    os.close(tell)
    with os.fdopen(found) as file:
        return int(file.read().split()[-1])


def test_the_files_at_every_step_hold_one_whole_publication(sqlite_engine: Engine, tmp_path: Path) -> None:
    """What kill -9 leaves of SQLite is its files as they are: they are copied before every statement."""
    old, expected = prepared(sqlite_engine)
    source = Path(str(sqlite_engine.url.database))
    found: dict[bytes, Path] = {}
    steps = count()

    def keep(*_: object) -> None:
        number = next(steps)
        content = [(end, Path(f"{source}{end}")) for end in ("", "-wal")]
        key = hashlib.sha256(b"|".join(f.read_bytes() for _, f in content if f.exists())).digest()
        if key not in found:
            found[key] = tmp_path / f"step_{number}.db"
            for end, file in content:
                if file.exists():
                    shutil.copy(file, f"{found[key]}{end}")

    with hooked(sqlite_engine, keep):
        publish(sqlite_engine, after(), clock=Clock(), run_id="r1")
    assert next(steps) > 100, "the hook does not see the statements"
    assert len(found) >= 3
    for copy in found.values():
        survivor = open_reporting(f"sqlite:///{copy}")
        assert states(survivor) in (old, expected), copy.name
        assert_whole(survivor)
        publish(survivor, after(), clock=Clock(), run_id="r2")
        assert_ended_right(survivor, expected)
        survivor.dispose()


def test_the_connection_is_cut_in_the_middle(postgres_engine: Engine) -> None:
    """What kill -9 of the publisher is to PostgreSQL is a connection that ends: it is cut here and there."""
    _cut_at_every(postgres_engine, 6)


@pytest.mark.tier("crash")
def test_the_connection_is_cut_before_every_statement(postgres_engine: Engine) -> None:
    _cut_at_every(postgres_engine, 1)


def _cut_at_every(engine: Engine, stride: int) -> None:
    old, expected = prepared(engine)
    cuts = 0
    for at in count(1, stride):
        try:
            with hooked(engine, _cutter(at)):
                publish(engine, after(), clock=Clock(), run_id="r1")
        except (DatabaseUnavailable, DBAPIError):
            engine.dispose()
            assert states(engine) in (old, expected), f"cut at {at}"
            assert_whole(engine)
            cuts += 1
            continue
        break
    assert cuts > 60 / stride
    assert_ended_right(engine, expected)


def _cutter(at: int) -> Callable[..., None]:
    left = count(at, -1)

    def cut(*told: Any) -> None:
        if next(left) == 1:
            connection = told[0].connection.dbapi_connection
            # The descriptor stays the driver's to close; only what it leads to changes.
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, connection.fileno())
            os.close(nowhere)

    return cut


def _leftovers(engine: Engine) -> list[Any]:
    """Staging tables that outlived their publisher."""
    if engine.dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE name LIKE 'stage%' OR name LIKE 'verdict%'"
    else:
        query = "SELECT relname FROM pg_class WHERE relname LIKE 'stage%' OR relname LIKE 'verdict%'"
    return rows(engine, query)


@pytest.mark.parametrize("lost", [1, 100, 4096, 4120, 30_000, 10_000_000])
def test_a_torn_write_ahead_log_shows_the_old_publication_or_the_new_one(
    sqlite_engine: Engine, tmp_path: Path, lost: int
) -> None:
    """Power fails: the end of the newest file never reached the disk."""
    put(sqlite_engine, "p1", value(number=0.1))
    old = states(sqlite_engine)
    with reading(
        sqlite_engine
    ) as holds_the_log:  # a reader keeps the log from being folded into the database
        holds_the_log.execute(text(STATE)).all()
        put(sqlite_engine, "p2", value(number=0.2))
        new = states(sqlite_engine)
        source = Path(str(sqlite_engine.url.database))
        copy = tmp_path / "after_the_power_cut.db"
        shutil.copy(source, copy)
        log = source.with_name(source.name + "-wal").read_bytes()
        assert len(log) > 30_000
        copy.with_name(copy.name + "-wal").write_bytes(log[: max(0, len(log) - lost)])
    found = open_reporting(f"sqlite:///{copy}")
    assert states(found) in (old, new)
    assert_whole(found)
    put(found, "p3", value(number=0.3))
    assert rows(found, "SELECT value FROM kpi_value WHERE is_current") == [(0.3,)]
    found.dispose()
