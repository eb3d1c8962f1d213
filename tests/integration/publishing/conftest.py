"""Engines for the tests of publication: a fresh database with the whole schema, on SQLite and on PostgreSQL.

The schema is made once per session and copied, which takes milliseconds.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipelines.publishing import migrations, open_reporting
from tests.servers import PostgresServer


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at the newest schema, without a write-ahead log beside it."""
    path = tmp_path_factory.mktemp("template") / "reporting.db"
    engine = open_reporting(f"sqlite:///{path}")
    migrations.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> Iterator[str]:
    """Name of a PostgreSQL database at the newest schema."""
    name = f"template_{uuid.uuid4().hex[:16]}"
    engine = open_reporting(postgres_server.create_database(name))
    migrations.upgrade(engine)
    engine.dispose()
    yield name
    postgres_server.drop_database(name)


@pytest.fixture
def sqlite_engine(sqlite_template: Path, tmp_path: Path) -> Iterator[Engine]:
    """SQLite in a file, at the newest schema."""
    path = tmp_path / "reporting.db"
    shutil.copy(sqlite_template, path)
    engine = open_reporting(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_engine(postgres_server: PostgresServer, postgres_template: str) -> Iterator[Engine]:
    """PostgreSQL, at the newest schema."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    engine = open_reporting(postgres_server.create_database(name, postgres_template))
    yield engine
    engine.dispose()
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """The same test on both engines."""
    name = "sqlite_engine" if request.param == "sqlite" else "postgres_engine"
    found = request.getfixturevalue(name)
    assert isinstance(found, Engine)
    return found
