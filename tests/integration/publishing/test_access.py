"""Each role does what it may, and is refused what it must not: by logging in and trying.

Source: publication rules, decision 12.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError

from pipelines.publishing import Outcome, migrations, open_reporting
from pipelines.publishing.access import create_roles, restricted_role
from pipelines.publishing.errors import DatabaseUnavailable
from tests.integration.publishing.kit import dictionary, metric, put, value, version

Login = Callable[..., Engine]

CHECK_IN = (
    "INSERT INTO kpi_input.check_in (key_result_key, check_in_date, author_email, how_it_happened, confidence) "
    "VALUES ('csat-up', '2026-02-20', 'ana@example.com', 'we answer on Sundays', 0.7)"
)
TARGET = (
    "INSERT INTO kpi_input.target_entry (metric_id, period_grain, period_start, period_end, comparison, target_value, "
    "reason, entered_by) VALUES ('csat', 'month', '2026-03-01', '2026-03-31', 'gte', 0.95, 'braver', 'ana')"
)


@pytest.fixture
def login(postgres_engine: Engine) -> Iterator[Login]:
    """Make a person with some roles and log in as that person."""
    create_roles(postgres_engine, ["board"])
    put(postgres_engine, "p1", value("csat"), value("salaries", number=80_000))
    people: list[tuple[str, Engine]] = []

    def log_in(*roles: str) -> Engine:
        name, password = f"person_{secrets.token_hex(4)}", secrets.token_hex(8)
        with postgres_engine.begin() as connection:
            connection.execute(text(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'"))
            for role in roles:
                connection.execute(text(f"GRANT {role} TO {name}"))
        person = create_engine(make_url(str(postgres_engine.url)).set(username=name, password=password))
        people.append((name, person))
        return person

    yield log_in
    with postgres_engine.begin() as connection:
        for name, person in people:
            person.dispose()
            connection.execute(text(f"REASSIGN OWNED BY {name} TO postgres"))
            connection.execute(text(f"DROP OWNED BY {name}"))
            connection.execute(text(f"DROP ROLE {name}"))


def ask(person: Engine, query: str) -> list[Any]:
    """Run a query as this person."""
    with person.begin() as connection:
        result = connection.execute(text(query))
        return [tuple(row) for row in result] if result.returns_rows else []


def refused(person: Engine, query: str) -> None:
    """This person must not run this."""
    with pytest.raises(ProgrammingError, match="permission denied"):
        ask(person, query)


def test_a_reader_reads_the_views_and_nothing_else(login: Login) -> None:
    reader = login("kpi_bi_reader")
    assert ask(reader, "SELECT metric_id FROM kpi.kpi_monthly") == [("csat",)]
    assert ask(reader, "SELECT csat FROM kpi.scorecard_support_monthly") != []
    assert (
        ask(reader, "SELECT count(*) FROM kpi.published_columns WHERE object_name = 'kpi_latest'")[0][0] > 30
    )
    views = ask(reader, "SELECT table_name, column_name, data_type FROM information_schema.columns "
                        "WHERE table_schema = 'kpi' AND table_name = 'kpi_monthly'")  # fmt: skip
    assert ("kpi_monthly", "value", "numeric") in views
    assert ("kpi_monthly", "month_start", "date") in views
    for query in (
        "SELECT * FROM kpi_core.kpi_value",
        "SELECT * FROM kpi_input.check_in",
        "SELECT * FROM kpi_restricted.kpi_monthly",
        CHECK_IN,
        TARGET,
        "UPDATE kpi_core.kpi_value SET value = 1",
        "DELETE FROM kpi_core.kpi_value",
        "INSERT INTO kpi_core.publisher_lease VALUES ('publisher', 99, 'me', now(), now())",
    ):
        refused(reader, query)


def test_every_view_can_be_read_by_a_reader(login: Login) -> None:
    reader = login("kpi_bi_reader")
    views = ask(reader, "SELECT table_name FROM information_schema.views WHERE table_schema = 'kpi'")
    assert len(views) > 40
    for (view,) in views:
        ask(reader, f"SELECT * FROM kpi.{view}")


def test_a_contributor_writes_check_ins_and_changes_none(login: Login) -> None:
    contributor = login("kpi_contributor")
    ask(contributor, CHECK_IN)
    assert ask(contributor, "SELECT how_it_happened FROM kpi.check_ins") == [("we answer on Sundays",)]
    ask(contributor, "INSERT INTO kpi_input.anomaly_feedback "
                     "(metric_id, start_date, end_date, verdict, reason, given_by) "
                     "VALUES ('csat', '2026-02-01', '2026-02-02', 'expected', 'campaign', 'ana')")  # fmt: skip
    for query in (
        TARGET,
        "UPDATE kpi_input.check_in SET confidence = 1",
        "DELETE FROM kpi_input.check_in",
        "SELECT * FROM kpi_core.key_result",
        "SELECT * FROM kpi_restricted.kpi_latest",
    ):
        refused(contributor, query)


def test_a_steward_sets_targets_and_publishes_nothing(login: Login) -> None:
    steward = login("kpi_steward")
    ask(steward, TARGET)
    ask(steward, CHECK_IN)
    assert len(ask(steward, "SELECT * FROM kpi_input.target_entry")) == 1
    for query in (
        "UPDATE kpi_core.target SET target_value = 0",
        "INSERT INTO kpi_core.benchmark VALUES ('csat', 'x', 1, 2, NULL, 'x')",
        "DELETE FROM kpi_input.target_entry",
        "SELECT * FROM kpi_restricted.kpi_latest",
    ):
        refused(steward, query)


def test_the_board_sees_its_restricted_metrics_and_others_do_not(
    postgres_engine: Engine, login: Login
) -> None:
    create_roles(postgres_engine, ["works_council"])
    board = login("kpi_bi_reader", restricted_role("board"))
    assert ask(board, "SELECT metric_id, value FROM kpi_restricted.kpi_monthly") == [("salaries", 80_000)]
    assert ask(board, "SELECT metric_id FROM kpi.kpi_monthly") == [("csat",)]
    council = login("kpi_bi_reader", restricted_role("works_council"))
    assert ask(council, "SELECT metric_id, value FROM kpi_restricted.kpi_monthly") == []
    refused(board, "SELECT * FROM kpi_core.kpi_value")


def test_a_writer_publishes_without_owning_the_schema(login: Login) -> None:
    person = login("kpi_writer")
    writer = open_reporting(person.url)
    assert put(writer, "p2", value("csat", number=0.5)).outcome is Outcome.PUBLISHED
    metrics = (*dictionary().metrics, metric("backlog"))
    larger = dictionary(metrics=metrics, versions=(*dictionary().versions, version("backlog")))
    result = put(writer, "p3", value("backlog", number=3), dictionary=larger)
    assert result.outcome is Outcome.PUBLISHED
    assert result.deferred == () or "scorecards" in result.deferred[0]
    with pytest.raises(DatabaseUnavailable, match="this user may not do that"):
        migrations.downgrade(writer, "0004")
    writer.dispose()


def test_readers_keep_their_rights_through_an_upgrade(postgres_engine: Engine, login: Login) -> None:
    reader, board = login("kpi_bi_reader"), login("kpi_bi_reader", restricted_role("board"))
    migrations.downgrade(postgres_engine, "0004")
    migrations.upgrade(postgres_engine)
    assert ask(reader, "SELECT metric_id FROM kpi.kpi_monthly") == [("csat",)]
    assert ask(reader, "SELECT csat FROM kpi.scorecard_support_monthly") != []
    assert ask(board, "SELECT metric_id FROM kpi_restricted.kpi_monthly") == [("salaries",)]


def test_an_audience_that_cannot_be_a_role_is_refused(postgres_engine: Engine) -> None:
    with pytest.raises(ValueError, match="cannot be a database role"):
        create_roles(postgres_engine, ['board"; DROP SCHEMA kpi_core CASCADE; --'])


def test_a_leaky_function_sees_no_restricted_row(postgres_engine: Engine, login: Login) -> None:
    """A reader's own cheap function in WHERE runs after the view's condition, not before it."""
    create_roles(postgres_engine, ["works_council"])
    council = login("kpi_bi_reader", restricted_role("works_council"))
    with council.begin() as connection:
        connection.execute(text("CREATE FUNCTION pg_temp.leak(name text) RETURNS boolean LANGUAGE plpgsql "
                                "COST 0.0000001 "
                                "AS $$ BEGIN RAISE EXCEPTION 'leaked %', name; END $$"))  # fmt: skip
        found = connection.execute(
            text("SELECT * FROM kpi_restricted.kpi_monthly WHERE pg_temp.leak(metric_id)")
        )
        assert found.all() == []
