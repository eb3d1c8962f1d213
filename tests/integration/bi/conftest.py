"""The engines of the publishing tests, for what BI tools do with them."""

from tests.integration.publishing.conftest import (
    engine,
    postgres_engine,
    postgres_template,
    sqlite_engine,
    sqlite_template,
)

__all__ = ["engine", "postgres_engine", "postgres_template", "sqlite_engine", "sqlite_template"]
