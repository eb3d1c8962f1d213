"""Who may read and write what, on PostgreSQL: four roles, and one for each restricted audience.

| role | may |
|---|---|
| kpi_bi_reader | read the views of schema kpi |
| kpi_contributor | the same; write check-ins, acknowledgements, feedback and annotations |
| kpi_steward | the same; write targets and silences, read what people wrote |
| kpi_writer | publish: everything in kpi_core, reads kpi_input, makes scorecards |
| kpi_restricted_<role> | read the restricted metrics of that role of the dictionary, in schema kpi_restricted |

Views run with their owner's rights, so nobody but the pipeline needs anything on kpi_core. All are group
roles without login: grant them to people (`GRANT kpi_bi_reader TO ana`). On SQLite, which has no users, an
audience gets a file of its own (`pipelines.publishing.export`). Source: publication rules, decision 12.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlalchemy import Connection, Engine, text

from pipelines.publishing.engine import writing
from pipelines.publishing.schema import (
    CORE,
    INPUT,
    KPI,
    RESTRICTED,
    alert_acknowledgement,
    alert_silence,
    annotation,
    anomaly_feedback,
    check_in,
    target_entry,
)
from pipelines.publishing.views.model import ROLE_PREFIX

READER = "kpi_bi_reader"
CONTRIBUTOR = "kpi_contributor"
STEWARD = "kpi_steward"
WRITER = "kpi_writer"
ROLES = (READER, CONTRIBUTOR, STEWARD, WRITER)

CONTRIBUTED = (check_in, alert_acknowledgement, anomaly_feedback, annotation)
"""What contributors write."""
STEWARDED = (target_entry, alert_silence)
"""What stewards write besides."""

_ROLE_NAME = re.compile(r"^[a-z][a-z0-9_]{0,46}$")


def create_roles(engine: Engine, audiences: Iterable[str] = ()) -> None:
    """Create the roles that are missing (PostgreSQL only) and grant what each may do; safe to repeat.

    `audiences` are the roles that metrics of the dictionary are restricted to. The user needs CREATEROLE.

    Raises:
        ValueError: an audience's name cannot be a role.
        DatabaseUnavailable: this user may not create roles.
    """
    if engine.dialect.name != "postgresql":
        return
    with writing(engine) as connection:
        for statement in role_statements(audiences):
            connection.exec_driver_sql(statement)


def role_statements(audiences: Iterable[str] = ()) -> tuple[str, ...]:
    """The SQL that makes the roles and grants their rights, in order; each statement is safe to repeat.

    Raises:
        ValueError: an audience's name cannot be a role.
    """
    restricted = [restricted_role(audience) for audience in sorted(set(audiences))]
    made = (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') "
        f"THEN CREATE ROLE {name} NOLOGIN; END IF; END $$"
        for name in (*ROLES, *restricted)
    )
    nested = (f"GRANT {READER} TO {CONTRIBUTOR}", f"GRANT {CONTRIBUTOR} TO {STEWARD}")
    granted = (statement for statements in _grants().values() for statement in statements)
    read = (statement for name in restricted for statement in _restricted_grants(name))
    return (*made, *nested, *granted, *read)


def restricted_role(audience: str) -> str:
    """The database role of a restricted audience.

    >>> restricted_role("board")
    'kpi_restricted_board'
    """
    if not _ROLE_NAME.match(audience):
        raise ValueError(
            f"role {audience!r} cannot be a database role; use lower-case letters, digits and underscores, "
            "begin with a letter, 47 characters at most"
        )
    return ROLE_PREFIX + audience


def grant_access(connection: Connection) -> None:
    """Grant each role that exists what it may do, inside a transaction; does nothing on SQLite.

    Runs at the end of every schema upgrade, which makes the views anew.
    """
    if connection.dialect.name != "postgresql":
        return
    known = _existing_roles(connection)
    for name, statements in _grants().items():
        if name in known:
            for statement in statements:
                connection.exec_driver_sql(statement)
    for name in sorted(role for role in known if role.startswith(ROLE_PREFIX)):
        for statement in _restricted_grants(name):
            connection.exec_driver_sql(statement)


def hand_over(connection: Connection, view: str) -> None:
    """Give a view made while publishing to whoever publishes next, and let readers read it."""
    if connection.dialect.name != "postgresql":
        return
    known = _existing_roles(connection)
    if READER in known:
        connection.exec_driver_sql(f"GRANT SELECT ON {view} TO {READER}")
    # Roles belong to the whole server: that there is a writer does not say that it may write this database.
    may_own = text(
        "SELECT pg_has_role(current_user, :writer, 'MEMBER') "
        "AND has_table_privilege(:writer, 'kpi_core.kpi_value', 'INSERT')"
    )
    if WRITER in known and connection.execute(may_own, {"writer": WRITER}).scalar_one():
        connection.exec_driver_sql(f"ALTER VIEW {view} OWNER TO {WRITER}")


def _existing_roles(connection: Connection) -> set[str]:
    return set(connection.execute(text("SELECT rolname FROM pg_roles")).scalars())


def _restricted_grants(role: str) -> tuple[str, ...]:
    return (
        f"GRANT USAGE ON SCHEMA {RESTRICTED} TO {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {RESTRICTED} TO {role}",
    )


def _grants() -> dict[str, list[str]]:
    contributed = ", ".join(f"{INPUT}.{table.name}" for table in CONTRIBUTED)
    stewarded = ", ".join(f"{INPUT}.{table.name}" for table in STEWARDED)
    return {
        READER: [
            f"GRANT USAGE ON SCHEMA {KPI} TO {READER}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {KPI} TO {READER}",
        ],
        CONTRIBUTOR: [
            f"GRANT USAGE ON SCHEMA {INPUT} TO {CONTRIBUTOR}",
            f"GRANT INSERT ON {contributed} TO {CONTRIBUTOR}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {INPUT} TO {CONTRIBUTOR}",
        ],
        STEWARD: [
            f"GRANT INSERT ON {stewarded} TO {STEWARD}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {INPUT} TO {STEWARD}",
        ],
        WRITER: [
            f"GRANT USAGE ON SCHEMA {CORE}, {KPI}, {INPUT}, {RESTRICTED} TO {WRITER}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {CORE} TO {WRITER}",
            f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {INPUT} TO {WRITER}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {CORE}, {INPUT} TO {WRITER}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {KPI} TO {WRITER}",
            f"GRANT CREATE ON SCHEMA {KPI} TO {WRITER}",
        ],
    }
