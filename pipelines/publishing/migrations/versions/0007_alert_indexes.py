"""What the alert log is asked every half minute, by index: open episodes, and what was decided lately."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_alert_log_notice", "alert_log", ["notice", "episode"], unique=False, schema="kpi_core"
    )
    op.create_index("ix_alert_log_created_at", "alert_log", ["created_at"], unique=False, schema="kpi_core")


def downgrade() -> None:
    op.drop_index("ix_alert_log_created_at", table_name="alert_log", schema="kpi_core")
    op.drop_index("ix_alert_log_notice", table_name="alert_log", schema="kpi_core")
