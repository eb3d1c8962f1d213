"""A BI tool that logs in as a reader finds every view, every column with its type, and every comment.

Source: publication rules, decisions 10 and 12.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from pipelines.publishing.access import create_roles
from pipelines.publishing.views import VIEWS
from tests.integration.bi.company import publish_company

TYPES = {"numeric", "bigint", "integer", "smallint", "text", "boolean", "date", "timestamp with time zone"}


@pytest.fixture
def reader(postgres_engine: Engine) -> Iterator[Engine]:
    """A person who may read, logged in."""
    create_roles(postgres_engine)
    publish_company(postgres_engine)
    name, password = f"bi_{secrets.token_hex(4)}", secrets.token_hex(8)
    with postgres_engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {name} LOGIN PASSWORD '{password}' IN ROLE kpi_bi_reader"))
    person = create_engine(make_url(str(postgres_engine.url)).set(username=name, password=password))
    yield person
    person.dispose()
    with postgres_engine.begin() as connection:
        connection.execute(text(f"DROP ROLE {name}"))


def test_every_view_is_listed_and_can_be_read(reader: Engine) -> None:
    with reader.connect() as connection:
        views = set(
            connection.execute(
                text("SELECT table_name FROM information_schema.views WHERE table_schema = 'kpi'")
            ).scalars()
        )
        assert views >= {view.name for view in VIEWS}
        assert "scorecard_support_monthly" in views
        for view in sorted(views):
            connection.execute(text(f"SELECT * FROM kpi.{view} LIMIT 1")).all()
        schemas = set(
            connection.execute(
                text(
                    "SELECT DISTINCT table_schema FROM information_schema.tables WHERE table_schema LIKE 'kpi%'"
                )
            ).scalars()
        )
        assert schemas == {"kpi"}, "a reader is shown what it cannot read"


def test_every_column_has_a_type_that_bi_tools_know_and_a_comment(reader: Engine) -> None:
    query = text("""
        SELECT c.table_name, c.column_name, c.data_type,
               col_description(format('kpi.%I', c.table_name)::regclass, c.ordinal_position)
        FROM information_schema.columns AS c WHERE c.table_schema = 'kpi'""")
    with reader.connect() as connection:
        columns = connection.execute(query).all()
        comments = dict(
            connection.execute(
                text(
                    "SELECT c.relname, obj_description(c.oid, 'pg_class') FROM pg_class AS c "
                    "JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'kpi'"
                )
            )
            .tuples()
            .all()
        )
    assert {(c.table_name, c.column_name, c.data_type) for c in columns if c.data_type not in TYPES} == set()
    assert [(c.table_name, c.column_name) for c in columns if not c.col_description] == []
    assert {name for name, comment in comments.items() if not comment} == set()
    told = {(view.name, column.name): column.comment for view in VIEWS for column in view.columns}
    found = {(c.table_name, c.column_name): c.col_description for c in columns}
    assert {place: found[place] for place in told} == told
