"""When a definition was reviewed, by whom, and when it is due again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

COLUMNS = (("reviewed_date", sa.Date()), ("reviewed_by", sa.Text()), ("review_due_date", sa.Date()))


def upgrade() -> None:
    for name, kind in COLUMNS:
        op.add_column("metric", sa.Column(name, kind, nullable=True), schema=_schema())


def downgrade() -> None:
    for name, _ in reversed(COLUMNS):
        op.drop_column("metric", name, schema=_schema())


def _schema() -> str | None:
    """Only statements over tables are translated to a database without schemas; a change of a column is not."""
    return "kpi_core" if op.get_context().dialect.name == "postgresql" else None
