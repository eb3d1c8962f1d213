"""The reading contract: every view of schema kpi, with comments, on SQLite and PostgreSQL alike.

Views are code: a schema upgrade drops and makes them anew. Columns are only ever added. The wide
scorecards, one per team, follow from the dictionary's contents and are made by `scorecards`.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import Dialect

from pipelines.publishing.schema.base import CORE, INPUT, KPI, RESTRICTED, metadata
from pipelines.publishing.views import dictionary, goals, insights, kpis, operations
from pipelines.publishing.views.model import Placed, View, place

VIEWS: tuple[View, ...] = (*kpis.VIEWS, *goals.VIEWS, *insights.VIEWS, *dictionary.VIEWS, *operations.VIEWS)
"""All views, each after those it reads from."""


def placed_views(*, has_schemas: bool) -> Iterator[Placed]:
    """Every view as it stands on an engine, restricted twins included."""
    for view in VIEWS:
        if has_schemas or not view.only_with_schemas:
            yield place(view, has_schemas=has_schemas)
        if view.is_restrictable:
            yield place(view, has_schemas=has_schemas, restricted=True)


def create_views(connection: Connection) -> None:
    """Make all views."""
    has_schemas = _has_schemas(connection.dialect)
    if has_schemas:
        for schema in (KPI, RESTRICTED):
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
    for placed in placed_views(has_schemas=has_schemas):
        # Definer's rights (readers need nothing on kpi_core); a barrier so that no reader's function sees
        # more.
        barrier = " WITH (security_barrier = true)" if has_schemas and placed.is_restricted else ""
        name = f"{placed.schema}.{placed.name}" if has_schemas else placed.name
        connection.exec_driver_sql(f"CREATE VIEW {name}{barrier} AS\n{placed.select}")


def drop_views(connection: Connection) -> None:
    """Take away every view, scorecards included."""
    found = inspect(connection)
    if _has_schemas(connection.dialect):
        for schema in (RESTRICTED, KPI):
            connection.execute(text(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
        return
    for name in found.get_view_names():
        connection.exec_driver_sql(f'DROP VIEW "{name}"')


def write_comments(connection: Connection) -> None:
    """Write the comment of every table, view and column: as COMMENT where the engine has it, and as rows."""
    has_schemas = _has_schemas(connection.dialect)
    objects = [
        ("table", table.schema or "", table.name, table.comment or "",
            [(column.name, column.comment or "") for column in table.columns])
        for table in metadata.sorted_tables
    ] + [
        ("view", placed.schema, placed.name, placed.view.comment,
            [(column.name, column.comment) for column in placed.view.columns])
        for placed in placed_views(has_schemas=has_schemas)
    ]  # fmt: skip
    rows = []
    for kind, schema, name, comment, columns in objects:
        entries = [("", comment), *columns]
        for position, (column, description) in enumerate(entries):
            rows.append(
                {
                    "object_kind": kind,
                    "schema_name": schema,
                    "object_name": name,
                    "column_name": column,
                    "position": position,
                    "description": description,
                }
            )
            if has_schemas:
                what = f"COLUMN {schema}.{name}.{column}" if column else f"{kind.upper()} {schema}.{name}"
                connection.exec_driver_sql(f"COMMENT ON {what} IS %s", (description,))
    table = metadata.tables[f"{CORE}.object_comment"]
    connection.execute(table.delete())
    connection.execute(table.insert(), rows)


def _has_schemas(dialect: Dialect) -> bool:
    return dialect.name == "postgresql"


__all__ = ["INPUT", "VIEWS", "create_views", "drop_views", "placed_views", "write_comments"]
