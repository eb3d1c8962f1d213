"""The servers that other tests rely on are what they claim to be."""

from __future__ import annotations

from pathlib import Path

import psycopg2  # type: ignore[import-untyped]
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from tests.servers import PostgresServer


def test_each_database_is_empty_and_real(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        version = connection.execute(text("show server_version_num")).scalar_one()
        tables = connection.execute(
            text("select count(*) from pg_tables where schemaname = 'public'")
        ).scalar_one()
    engine.dispose()
    assert int(version) >= 150000
    assert tables == 0


def test_the_server_does_not_run_as_root_and_asks_for_a_password(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    pid = int((postgres_server.data / "postmaster.pid").read_text().splitlines()[0])
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    assert status["Uid"].split()[0] != "0"
    url = make_url(postgres_url)
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(
            host=url.host, port=url.port, user=url.username, password="wrong", dbname=url.database
        )


def test_a_killed_server_comes_back_with_what_was_committed(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("create table kept (id int)"))
        connection.execute(text("insert into kept values (1)"))
    postgres_server.stop("immediate")
    postgres_server.start()
    engine.dispose()
    with engine.connect() as connection:
        assert connection.execute(text("select id from kept")).scalars().all() == [1]
    engine.dispose()
