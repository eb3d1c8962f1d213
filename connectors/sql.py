"""Any database that SQLAlchemy reaches as a source: tables or queries, by a cursor column, streamed.

    system: warehouse_copy
    account: finance
    settings:
      kind: sql
      url: env:FINANCE_DATABASE_URL
      streams:
        - name: invoices
          table: billing.invoices
          key: [invoice_id]
          cursor: {field: updated_at}
          overlap_seconds: 600
          deletes: {kind: reconcile}
          columns:
            - {name: invoice_id, type: string}
            - {name: amount, type: decimal}
            - {name: updated_at, type: timestamp, zone: UTC}

Only the declared columns are selected. Values never meet SQL texts: the window is a bound parameter, names are
quoted by the dialect. A query is the administrator's own text from the source's YAML, and is wrapped as a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

import orjson
import sqlalchemy as sa
from pydantic import Field, model_validator

from connectors.config import SourceConfig
from connectors.declared import Declared, StreamDeclared, settings_of
from connectors.errors import ConfigurationError, ConnectionFailed, RequestRefused
from connectors.runtime import Runtime
from connectors.secret import Secret, redact, resolve
from connectors.stream import CursorKind, Page, Reading, Record, Stream, System

PAGE_ROWS = 5_000
SEPARATORS = re.compile("[@:/?#]")


class SqlStream(StreamDeclared):
    """One table or query."""

    table: str = Field("", description="name, or schema.name")
    query: str = Field("", description="a SELECT, instead of a table")
    overlap_rows: int = Field(
        0, ge=0, description="of an integer cursor: how far behind the last one to read"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> SqlStream:
        if bool(self.table) == bool(self.query):
            raise ValueError("give either table or query")
        return self


class SqlSettings(Declared):
    """The `settings:` of a SQL source."""

    kind: Literal["sql"] = Field("sql", description="what reads it, where the system has another name")
    url: str = Field(description="reference to the database's URL, which holds the password")
    page_rows: int = Field(PAGE_ROWS, gt=0, description="rows that are fetched at once")
    streams: tuple[SqlStream, ...] = Field(min_length=1, description="what is read: tables and queries")


def system(source: SourceConfig) -> System:
    """The system that a SQL source declares.

    Raises:
        ConfigurationError: its settings are wrong.
    """
    settings = settings_of(source, SqlSettings)
    return System(
        name=source.system,
        streams=tuple(_stream(declared, settings.page_rows) for declared in settings.streams),
        auth=("none",),
        connect=lambda runtime: Database(resolve(settings.url), runtime),
        check=lambda database: database.describe(),
    )


def _stream(declared: SqlStream, page_rows: int) -> Stream:
    def read(database: Database, reading: Reading) -> Iterator[Page]:
        yield from database.pages(declared, reading, page_rows)

    def read_keys(database: Database, reading: Reading) -> Iterator[Page]:
        yield from database.key_pages(declared, reading, page_rows)

    return Stream(
        name=declared.name,
        contract=declared.contract(),
        reader=read,
        cursor=declared.cursor.cursor() if declared.cursor else None,
        overlap=timedelta(seconds=declared.overlap_seconds),
        deletes=declared.delete_rule(read_keys),
        resumable=False,
        description=declared.description or f"rows of {declared.table or 'a query'}",
    )


@dataclass(frozen=True)
class Selection:
    """What is selected: the relation, its columns by path, the order."""

    relation: sa.FromClause
    columns: Sequence[sa.ColumnClause[Any]]


class Database:
    """An open database."""

    def __init__(self, url: Secret, runtime: Runtime) -> None:
        self._secret = url
        self._runtime = runtime
        try:
            self._engine = sa.create_engine(url.reveal(), pool_pre_ping=True)
        except (sa.exc.ArgumentError, ImportError) as error:
            raise ConfigurationError(
                f"the database URL cannot be used ({type(error).__name__})",
                hint="write dialect+driver://user:password@host/name, and install its driver",
            ) from None

    def describe(self) -> str:
        """Prove the credentials."""
        with self._connected() as connection:
            connection.execute(sa.text("SELECT 1"))
        return f"{self._engine.dialect.name} answers"

    def pages(self, declared: SqlStream, reading: Reading, size: int) -> Iterator[Page]:
        """The rows from the window's start on, in the order of the cursor."""
        selection = _selection(declared, reading, [c.path for c in reading.stream.contract.typed_columns])
        statement = sa.select(*selection.columns).select_from(selection.relation)
        if declared.cursor is not None:
            cursor: sa.ColumnClause[Any] = sa.column(declared.cursor.field)
            since = _since(declared, reading, self._engine.dialect.name)
            if since is not None:
                stamp: sa.ColumnElement[Any] = cursor
                if declared.cursor.fallback:
                    stamp = sa.func.coalesce(cursor, sa.column(declared.cursor.fallback))
                # Nobody knows when a row without a stamp changed.
                statement = statement.where(sa.or_(stamp >= since, stamp.is_(None)))
            statement = statement.order_by(cursor)
        yield from self._stream(statement, size, declared.cursor.zone if declared.cursor else "")

    def key_pages(self, declared: SqlStream, reading: Reading, size: int) -> Iterator[Page]:
        """The keys of all rows."""
        contract = reading.stream.contract
        selection = _selection(declared, reading, [contract[name].path for name in contract.key])
        yield from self._stream(sa.select(*selection.columns).select_from(selection.relation), size)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _stream(self, statement: sa.Select[Any], size: int, zone: str = "") -> Iterator[Page]:
        self._runtime.before_io("query")
        with self._connected() as connection:
            if zone and self._engine.dialect.name == "postgresql":
                # A column with a zone is compared with the window's start as the session reads it.
                connection.execute(sa.select(sa.func.set_config("TimeZone", zone, sa.true())))
            result = connection.execution_options(stream_results=True, yield_per=size).execute(statement)
            names = list(result.keys())
            position = 0
            for rows in result.partitions(size):
                records: list[Record] = [
                    {name: _plain(value) for name, value in zip(names, row, strict=True)} for row in rows
                ]
                position += len(records)
                yield Page(orjson.dumps(records), records, {"row": position})
        yield Page(b"", (), None)

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except (ValueError, OverflowError) as error:
            raise RequestRefused(
                f"a value cannot be read by the driver ({str(error)[:120]})",
                place="database",
                hint="leave its column out, or convert it in a query",
            ) from None
        except sa.exc.OperationalError as error:
            raise ConnectionFailed(self._said(error), place="database", hint="try again later") from None
        except sa.exc.SQLAlchemyError as error:
            raise RequestRefused(
                self._said(error), place="database", hint="check the table, the columns and the user's rights"
            ) from None

    def _said(self, error: sa.exc.SQLAlchemyError) -> str:
        original = getattr(error, "orig", None) or error
        text = " ".join(str(original).split())
        password = self._engine.url.password
        known = [self._secret, *([Secret(str(password))] if password else [])]
        # A password whose special characters are not escaped ends up in the host's name.
        user_info = self._secret.reveal().partition("://")[2].rpartition("@")[0].partition(":")[2]
        known += [Secret(piece) for piece in SEPARATORS.split(user_info)]
        return redact(text, known)[:200]


def _selection(declared: SqlStream, reading: Reading, paths: Sequence[str]) -> Selection:
    names = dict.fromkeys(paths)
    if declared.cursor is not None:
        names[declared.cursor.field] = None
        if declared.cursor.fallback:
            names[declared.cursor.fallback] = None
    if declared.deletes.flag:
        names[declared.deletes.flag] = None
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in names]
    if declared.query:
        # Nothing in the administrator's text is a parameter.
        query = declared.query.strip().rstrip(";").replace(":", "\\:")
        text = sa.text(query).columns(*columns)
        return Selection(text.subquery("rows_of_query"), columns)
    schema, _, table = declared.table.rpartition(".")
    return Selection(sa.table(table, *columns, schema=schema or None), columns)


def _since(declared: SqlStream, reading: Reading, dialect: str) -> Any:
    """The window's start as the cursor column holds it."""
    cursor = declared.cursor
    if cursor is None:
        return None
    if cursor.kind is CursorKind.INTEGER:
        return int(reading.window.after) - declared.overlap_rows if reading.window.after else None
    start = reading.window.start
    if start is None:
        return None
    if cursor.kind is CursorKind.DATE:
        return start.astimezone(ZoneInfo(cursor.zone)).date()
    if cursor.kind in (CursorKind.EPOCH_SECONDS, CursorKind.EPOCH_MILLIS):
        return cursor.cursor().render(start)
    # As a clock in the column's zone shows it; while it shows an hour twice, the earlier of both.
    shown = replace(cursor.cursor(), written="%Y-%m-%dT%H:%M:%S.%f", written_zone=cursor.zone).render(start)
    local = datetime.fromisoformat(str(shown))
    # SQLite keeps instants as texts; a text compares with a text.
    return local.isoformat(sep=" ") if dialect == "sqlite" else local


def _plain(value: Any) -> Any:
    """A database value as JSON can hold it, exactly."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value)
