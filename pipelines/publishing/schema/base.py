"""The metadata all tables hang on, the names of the schemas, and the few columns that many tables share.

PostgreSQL has four schemas; SQLite has none and carries the same names flat (`flat_map`). Every table and
column has a comment: it is the documentation that BI tools show.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Text,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import SchemaItem
from sqlalchemy.sql.compiler import DDLCompiler
from sqlalchemy.types import TypeEngine

from pipelines.publishing.types import SurrogateKey

CORE = "kpi_core"
"""Base tables, written by the pipeline only."""
KPI = "kpi"
"""Views: the contract that business users and BI tools read."""
INPUT = "kpi_input"
"""The only place where people write."""
RESTRICTED = "kpi_restricted"
"""Views over restricted metrics, for the roles they name."""

SCHEMAS = (CORE, KPI, INPUT, RESTRICTED)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


@compiles(ForeignKeyConstraint, "sqlite")
def _across_schemas(constraint: ForeignKeyConstraint, compiler: DDLCompiler, **_: Any) -> str:
    """SQLAlchemy leaves out foreign keys between schemas on SQLite; here both ends are flat in one file."""
    return DDLCompiler.visit_foreign_key_constraint(compiler, constraint)


def col(
    name: str,
    kind: TypeEngine[Any] | type[TypeEngine[Any]],
    *items: SchemaItem,
    comment: str,
    null: bool = False,
    **options: Any,
) -> Column[Any]:
    """A column: NOT NULL unless said otherwise, and never without a comment."""
    return Column(name, kind, *items, nullable=null, comment=comment, **options)


def key(name: str, comment: str) -> Column[Any]:
    """A surrogate primary key that the database counts up."""
    return Column(name, SurrogateKey, primary_key=True, autoincrement=True, comment=comment)


def flag(name: str, comment: str, *, null: bool = False, **options: Any) -> Column[Any]:
    """A boolean; on SQLite a CHECK holds it to 0 and 1."""
    kind = Boolean(create_constraint=True, name=name)
    return Column(name, kind, nullable=null, comment=comment, **options)


def one_of(column: str, values: Iterable[str], name: str | None = None) -> CheckConstraint:
    """A closed vocabulary."""
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=name or column)


def references(table: str, column: str | None = None, schema: str = CORE) -> ForeignKey:
    """A foreign key to `schema.table.column` (by default the column named like the referring one)."""
    return ForeignKey(f"{schema}.{table}.{column or table + '_key'}")


REVISION_KINDS = (
    "first",
    "returned",
    "provisional_update",
    "settled",
    "restated",
    "redefined",
    "retargeted",
    "blocked",
    "unblocked",
    "changed",
    "withdrawal",
)
"""Why a row was written: the first of its key, back after it had gone, a running period moved on, a period became
final, a final value changed, the definition changed, only target or status changed, held back, released, any other
change, or a withdrawn batch's predecessor put back."""


def revision_columns() -> list[Column[Any]]:
    """Columns of a table kept by revision: a row is never overwritten, its successor retires it."""
    return [
        col("revision", Integer(), comment="1 for the first row of its key, one more for each successor"),
        col("revision_kind", Text(), comment="why this row was written; see the list in the schema docs"),
        col("revision_reason", Text(), null=True, comment="the reason in words, where there is one"),
        flag("is_current", "true for the row that is published now; at most one per natural key"),
        col("batch_id", SurrogateKey, references("publish_batch", "batch_id"),
            comment="batch that published this row"),
        col("retired_batch_id", SurrogateKey, references("publish_batch", "batch_id"), null=True,
            comment="batch that retired this row; NULL while it is current"),
    ]  # fmt: skip


def revision_rules(table: str, *natural_key: str) -> list[SchemaItem]:
    """Constraints of a table kept by revision: one current row per natural key, retired exactly when not."""
    current, retired = text("is_current"), text("NOT is_current")
    return [
        CheckConstraint("is_current = (retired_batch_id IS NULL)", name="current_until_retired"),
        CheckConstraint("revision >= 1", name="revision_counts"),
        one_of("revision_kind", REVISION_KINDS),
        Index(
            f"one_current_{table}",
            *natural_key,
            unique=True,
            postgresql_where=current,
            sqlite_where=current,
        ),
        Index(f"ix_{table}_retired", *natural_key, postgresql_where=retired, sqlite_where=retired),
    ]
