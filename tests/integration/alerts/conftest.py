"""A reporting database with the published schema, on both engines; the alert tables are empty at each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete

from pipelines.publishing.engine import open_reporting, writing
from pipelines.publishing.migrations import upgrade
from pipelines.publishing.schema import (
    alert_acknowledgement,
    alert_log,
    alert_silence,
    anomaly_feedback,
    check_in,
)
from tests.servers import PostgresServer
from tests.unit.alerts.company import MONDAY


def cleared(engine: Engine) -> Engine:
    """The same database with empty alert tables."""
    with writing(engine) as connection:
        for table in (alert_log, alert_silence, alert_acknowledgement, anomaly_feedback, check_in):
            connection.execute(delete(table))
    return engine


@pytest.fixture(scope="package")
def sqlite_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_reporting(f"sqlite:///{tmp_path_factory.mktemp('reporting') / 'reporting.db'}")
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="package")
def postgres_database(postgres_server: PostgresServer) -> Iterator[Engine]:
    name = f"alerts_{uuid.uuid4().hex[:12]}"
    engine = open_reporting(postgres_server.create_database(name))
    upgrade(engine)
    yield engine
    engine.dispose()
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """An empty alert log on each engine."""
    name = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    return cleared(request.getfixturevalue(name))


@pytest.fixture
def sqlite(sqlite_database: Engine) -> Engine:
    """An empty alert log on SQLite, where the engine makes no difference."""
    return cleared(sqlite_database)


class FakeClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime = MONDAY) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **parts: float) -> datetime:
        """Move on and say the time."""
        self.now += timedelta(**parts)
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    """Monday, ten in the morning, UTC."""
    return FakeClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for files of one test."""
    return tmp_path
