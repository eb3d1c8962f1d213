"""The database dies, hangs up or loses its answer while a batch is published.

Source: fault rules, faults 2, 4, 19, 28.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2  # type: ignore[import-untyped]
import pytest
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import DBAPIError

from pipelines.publishing import Outcome, migrations, open_reporting, publish
from pipelines.publishing.engine import explain
from pipelines.publishing.errors import CommitUnknown, DatabaseUnavailable, SchemaMismatch
from tests.integration.publishing.kit import Clock, assert_whole, publication, put, rows, value
from tests.integration.publishing.test_crash import after, assert_ended_right, hooked, prepared, states
from tests.processes import in_child
from tests.proxies import CuttingProxy
from tests.servers import PostgresServer

GONE = (DatabaseUnavailable, DBAPIError)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("at", [3, 30, 60, 90])
def test_the_server_dies_while_publishing(
    postgres_server: PostgresServer, postgres_engine: Engine, at: int
) -> None:
    old, expected = prepared(postgres_engine)
    left = count(at, -1)

    def stop(*_: object) -> None:
        if next(left) == 1:
            postgres_server.stop("immediate")

    try:
        with pytest.raises(GONE), hooked(postgres_engine, stop):
            publish(postgres_engine, after(), clock=Clock(), run_id="r1")
    finally:
        postgres_server.start()
    assert states(postgres_engine) in (old, expected)
    assert_whole(postgres_engine)
    publish(postgres_engine, after(), clock=Clock(), run_id="r2")
    assert_ended_right(postgres_engine, expected)


def test_the_server_ends_our_connection_before_the_commit(postgres_engine: Engine) -> None:
    old, expected = prepared(postgres_engine)

    def terminate(*told: Any) -> None:
        if len(told) == 1:  # the commit event; statements come with their text
            pid = told[0].connection.dbapi_connection.get_backend_pid()
            if _in_publishing_transaction(postgres_engine, pid):
                _terminate(postgres_engine, pid)

    with pytest.raises(GONE), hooked(postgres_engine, terminate):
        publish(postgres_engine, after(), clock=Clock(), run_id="r1")
    assert states(postgres_engine) == old
    publish(postgres_engine, after(), clock=Clock(), run_id="r2")
    assert_ended_right(postgres_engine, expected)


def test_the_answer_to_commit_is_lost_and_the_batch_is_found(
    postgres_server: PostgresServer, postgres_engine: Engine
) -> None:
    _, expected = prepared(postgres_engine)
    with _behind_proxy(postgres_server, postgres_engine, after_commit=True) as (proxy, engine):
        result = publish(engine, after(), clock=Clock(), run_id="r1")
    assert proxy.cuts == 1
    assert (result.outcome, result.recovered) == (Outcome.PUBLISHED, True)
    again = publish(postgres_engine, after(), clock=Clock(), run_id="r2")
    assert again.outcome is Outcome.ALREADY_PUBLISHED
    assert_ended_right(postgres_engine, expected)


def test_the_commit_itself_is_lost_and_nothing_is_published(
    postgres_server: PostgresServer, postgres_engine: Engine
) -> None:
    old, expected = prepared(postgres_engine)
    with _behind_proxy(postgres_server, postgres_engine, after_commit=False) as (proxy, engine):
        with pytest.raises(GONE):
            publish(engine, after(), clock=Clock(), run_id="r1")
        assert proxy.cuts == 1
        assert states(postgres_engine) == old
        publish(engine, after(), clock=Clock(), run_id="r2")
    assert_ended_right(postgres_engine, expected)


@pytest.mark.usefixtures("impatient")
def test_an_unknown_commit_is_said_when_the_server_stays_away(
    postgres_server: PostgresServer, postgres_engine: Engine
) -> None:
    _, expected = prepared(postgres_engine)
    with (
        _behind_proxy(postgres_server, postgres_engine, after_commit=True, then_gone=True) as (_, engine),
        pytest.raises(CommitUnknown, match="publish the same publication again"),
    ):
        publish(engine, after(), clock=Clock(), run_id="r1")
    again = publish(postgres_engine, after(), clock=Clock(), run_id="r2")
    assert again.outcome is Outcome.ALREADY_PUBLISHED
    assert_ended_right(postgres_engine, expected)


@contextmanager
def _behind_proxy(
    server: PostgresServer, engine: Engine, *, after_commit: bool, then_gone: bool = False
) -> Iterator[tuple[CuttingProxy, Engine]]:
    """An engine whose publishing transaction loses its COMMIT, or the answer to it."""
    # The manifest is the publishing transaction's last statement: the COMMIT that follows it is the one.
    proxy = CuttingProxy(
        server.port,
        b"COMMIT",
        armed_by=b"publish_manifest (batch_id",
        after=after_commit,
        then_gone=then_gone,
    )
    through = open_reporting(make_url(server.url(str(engine.url.database))).set(port=proxy.port))
    try:
        yield proxy, through
    finally:
        through.dispose()
        proxy.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for a lost commit for half a second only."""
    monkeypatch.setattr(sys.modules[publish.__module__], "RECONNECT_SECONDS", 0.5)


def _admin(engine: Engine) -> Any:
    connection = psycopg2.connect(
        host=engine.url.host,
        port=engine.url.port,
        user=engine.url.username,
        password=engine.url.password,
        dbname="postgres",
    )
    connection.autocommit = True
    return connection


def _in_publishing_transaction(engine: Engine, pid: int) -> bool:
    with _admin(engine).cursor() as cursor:
        cursor.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", (pid,))
        return "publish_manifest" in cursor.fetchone()[0]


def _terminate(engine: Engine, pid: int) -> None:
    with _admin(engine).cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


# ── places that cannot be written ───────────────────────────────────────────────────────────────────────────


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1:1/kpis: nobody answers"):
        open_reporting("postgresql+psycopg2://writer:hunter2@127.0.0.1:1/kpis")


def test_a_wrong_password_is_said_and_not_shown(postgres_url: str) -> None:
    url = make_url(postgres_url).set(password="hunter2")
    with pytest.raises(DatabaseUnavailable, match="user or password is wrong") as refusal:
        open_reporting(url)
    assert "hunter2" not in str(refusal.value)


def test_an_unusable_url_is_said_and_not_shown() -> None:
    with pytest.raises(DatabaseUnavailable, match="is no database URL") as refusal:
        open_reporting("hunter2@nowhere")
    assert "hunter2" not in str(refusal.value)


def test_other_databases_are_refused() -> None:
    with pytest.raises(DatabaseUnavailable, match="write sqlite"):
        open_reporting("mysql+pymysql://a:b@localhost/x")


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100)
    with pytest.raises(DatabaseUnavailable, match="is not a SQLite database"):
        open_reporting(f"sqlite:///{path}")
    assert path.read_text().startswith("not a database")


def test_an_unwritable_database_is_named_and_keeps_its_publication(sqlite_engine: Engine) -> None:
    put(sqlite_engine, "p1", value())
    path = Path(str(sqlite_engine.url.database))
    sqlite_engine.dispose()
    reached = path.parent
    while reached != reached.parent:  # the test's folders are private to us: let anybody pass through them
        reached.chmod(reached.stat().st_mode | 0o011)
        reached = reached.parent
        if reached == Path(tempfile.gettempdir()):
            break
    path.chmod(0o444)
    path.parent.chmod(0o555)

    def attempt() -> int:
        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        try:
            engine = open_reporting(f"sqlite:///{path}")
            put(engine, "p2", value(number=0.1))
        except DatabaseUnavailable as error:
            return 0 if str(path) in str(error) else 2
        return 3

    try:
        assert in_child(attempt) == 0
    finally:
        path.parent.chmod(0o755)
        path.chmod(0o644)
    assert rows(sqlite_engine, "SELECT value FROM kpi_value") == [(0.85,)]


@contextmanager
def _small_disk(megabytes: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            pytest.skip("a small disk needs root and tmpfs")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_named_and_publishing_goes_on_when_there_is_room() -> None:
    with _small_disk(4) as folder:
        engine = open_reporting(f"sqlite:///{folder / 'reporting.db'}")
        migrations.upgrade(engine)
        put(engine, "p1", value(number=0.5))
        ballast = folder / "ballast"
        room = os.statvfs(folder)
        ballast.write_bytes(b"\0" * (room.f_bavail * room.f_bsize - 8192))
        with pytest.raises(DatabaseUnavailable, match="the disk is full") as refusal:
            put(engine, "p2", *(value("csat", number=n, grain="month", start=_month(n)) for n in range(200)))
        assert str(folder) in str(refusal.value)
        assert rows(engine, "SELECT value FROM kpi_value WHERE is_current") == [(0.5,)]
        assert_whole(engine)
        ballast.unlink()
        put(engine, "p3", value(number=0.6))
        assert rows(engine, "SELECT value FROM kpi_value WHERE is_current") == [(0.6,)]
        engine.dispose()


def _month(number: int) -> date:
    return date(2000 + number // 12, number % 12 + 1, 1)


def test_a_full_disk_of_the_server_is_said_in_words() -> None:
    found = explain(
        Exception('could not extend file "base/1/2": No space left on device'), "db.example.com/kpis"
    )
    assert found is not None
    assert "the disk of the server is full" in str(found)


def test_publishing_needs_the_schema(tmp_path: Path) -> None:
    engine = open_reporting(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(SchemaMismatch, match="has no published schema yet"):
        publish(engine, publication("p1", value()), clock=Clock(), run_id="r")
