"""Alembic's entry: runs the steps on the connection that `pipelines.publishing.migrations` hands over."""

from __future__ import annotations

from alembic import context

from pipelines.publishing.schema import CORE, metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table_schema=CORE if connection.dialect.name == "postgresql" else None,
    transactional_ddl=True,
)
context.run_migrations()
