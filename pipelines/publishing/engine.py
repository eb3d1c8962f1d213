"""Opening the reporting database: SQLite in WAL mode by default, PostgreSQL in production.

    engine = open_reporting("sqlite:///vitals/reporting.db")
    with reading(engine) as connection:      # one snapshot for everything read inside
        ...
    with writing(engine) as connection:      # one transaction, all or nothing
        ...

On both engines a table or view is reached by its bare name: PostgreSQL looks through kpi, kpi_core,
kpi_input and kpi_restricted in this order, SQLite has one name space.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, RootTransaction, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from pipelines.publishing.errors import DatabaseUnavailable
from pipelines.publishing.schema.base import CORE, INPUT, KPI, RESTRICTED

BUSY_TIMEOUT_SECONDS = 30
CONNECT_TIMEOUT_SECONDS = 10
_BEGIN = "vitals_begin"
_SEARCH_PATH = f"{KPI},{CORE},{INPUT},{RESTRICTED},public"
_FLAT: dict[str | None, str | None] = {CORE: None, KPI: None, INPUT: None, RESTRICTED: None}


def open_reporting(url: str | URL) -> Engine:
    """Open the reporting database and try it once.

    A SQLite file (and its folder) is created when absent. WAL lets readers keep the old version while a
    publisher writes; `synchronous = FULL` makes a published batch survive a power cut.

    Raises:
        DatabaseUnavailable: the URL is unusable, or the database cannot be opened; names path or host.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseUnavailable("(unreadable URL)", "is no database URL", _URL_HINT) from error
    place = place_of(parsed)
    try:
        engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed)
        with clear_errors(place), engine.connect():
            return engine
    except NoSuchModuleError as error:
        raise DatabaseUnavailable(place, f"has an unknown driver ({error})", _URL_HINT) from error


_URL_HINT = "write sqlite:///path/to/reporting.db or postgresql+psycopg2://user@host/database"


def _sqlite(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        folder = Path(url.database).absolute().parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            problem = f"its folder {folder} cannot be created ({error.strerror})"
            raise DatabaseUnavailable(place_of(url), problem, "choose a folder you may write to") from error
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not guessed by the driver
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA cache_size = -65536")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        mode = connection.get_execution_options().get(_BEGIN, "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {mode}")

    return engine.execution_options(schema_translate_map=_FLAT)


def _postgresql(url: URL) -> Engine:
    if url.get_backend_name() != "postgresql":
        raise DatabaseUnavailable(
            place_of(url), f"is on {url.get_backend_name()}, which cannot publish atomically here", _URL_HINT
        )
    return create_engine(
        url,
        pool_pre_ping=True,
        connect_args={
            "options": f"-c search_path={_SEARCH_PATH} -c timezone=UTC",
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "application_name": "vitals",
        },
    )


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that is going to write: committed at the end, rolled back on an exception.

    On SQLite it takes the write lock at once and waits for it (a transaction that only turns to writing
    half-way can be refused without waiting).

    Raises:
        DatabaseUnavailable: the database cannot be written; names path or host.
    """
    with (
        clear_errors(place_of(engine.url)),
        engine.execution_options(**{_BEGIN: "IMMEDIATE"}).begin() as connection,
    ):
        yield connection


@contextmanager
def own_connection(engine: Engine) -> Iterator[Connection]:
    """A connection that is really closed at the end: temporary tables on it go with it."""
    connection = engine.connect()
    connection.detach()
    try:
        yield connection
    finally:
        with suppress(DBAPIError):
            connection.close()


def begin_writing(connection: Connection) -> RootTransaction:
    """Begin a transaction that is going to write, on a connection of one's own."""
    connection.execution_options(**{_BEGIN: "IMMEDIATE"})
    try:
        return connection.begin()
    finally:
        connection.execution_options(**{_BEGIN: "DEFERRED"})


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One snapshot: everything read inside belongs to the same publication.

    Raises:
        DatabaseUnavailable: the database cannot be read; names path or host.
    """
    with clear_errors(place_of(engine.url)), engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


def place_of(url: URL) -> str:
    """Where a database is, for people: the path of a file, or host and database; never a password.

    >>> place_of(make_url("postgresql+psycopg2://writer:secret@db.example.com:5433/kpis"))
    'db.example.com:5433/kpis'
    """
    if url.get_backend_name() == "sqlite":
        return (
            str(Path(url.database).absolute()) if url.database and url.database != ":memory:" else ":memory:"
        )
    port = f":{url.port}" if url.port else ""
    return f"{url.host or 'local socket'}{port}/{url.database or ''}"


@contextmanager
def clear_errors(place: str) -> Iterator[None]:
    """Turn a driver's error into one that names the place and the remedy. Others pass unchanged."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        driver_error = error.orig if isinstance(error, DBAPIError) else error
        explained = explain(driver_error, place)
        if explained is None:
            raise
        raise explained from error


def explain(error: BaseException | None, place: str) -> DatabaseUnavailable | None:
    """What a driver's error means for whoever runs this; None where it is no matter of the place."""
    message = str(error)
    for sign, problem, remedy in _SIGNS:
        if sign in message:
            return DatabaseUnavailable(place, problem, remedy)
    return None


_SIGNS = (
    ("unable to open database file", "cannot be opened", "check that the path exists and may be written"),
    ("attempt to write a readonly database", "cannot be written", "give this user write permission on the file "
        "and on its folder (WAL needs both)"),
    ("database or disk is full", "the disk is full", "make room there; the last publication is untouched"),
    ("disk I/O error", "the disk failed to read or write", "check disk and file; the last publication is kept"),
    ("file is not a database", "is not a SQLite database", "choose another path, or move the file away"),
    ("database disk image is malformed", "is damaged", "restore it from a backup, or delete it and publish again"),
    ("database is locked", f"another process has been writing for over {BUSY_TIMEOUT_SECONDS} s",
        "let it finish, then run again"),
    ("No space left on device", "the disk of the server is full", "make room there; the last publication is "
        "untouched"),
    ("could not extend file", "the disk of the server is full", "make room there; the last publication is "
        "untouched"),
    ("Connection refused", "nobody answers", "start the server, or mend host and port"),
    ("could not translate host name", "the host is unknown", "mend the host in the URL"),
    ("timeout expired", f"no answer within {CONNECT_TIMEOUT_SECONDS} s", "check host, port and firewall"),
    ("password authentication failed", "user or password is wrong", "mend the secret that the URL refers to"),
    ("no password supplied", "a password is needed", "give one through the secret that the URL refers to"),
    ("FATAL:  database", "there is no such database", "create it, or mend its name in the URL"),
    ("FATAL:  role", "there is no such user", "create it, or mend its name in the URL"),
    ("permission denied", "this user may not do that", "grant the role kpi_writer to it"),
    ("server closed the connection", "the connection was lost", "run again once the server is back; nothing "
        "was published unless it is listed in kpi.publications"),
    ("terminating connection", "the server ended the connection", "run again; nothing was published unless it "
        "is listed in kpi.publications"),
    ("connection already closed", "the connection was lost", "run again once the server is back"),
    ("read-only transaction", "is read-only", "connect to the primary server"),
)  # fmt: skip
