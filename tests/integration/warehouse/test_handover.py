"""Rows left for a later step come back equal, types and all."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from pipelines import handover
from pipelines.publishing.records import AnomalyRow, KeyResultScoreRow, QualityResultRow
from pipelines.warehouse import DuckDBWarehouse, WarehouseError

SCORE = KeyResultScoreRow(
    key_result_key="csat",
    as_of_date=date(2026, 6, 15),
    cycle_day=76,
    score_method="ratio",
    score_band="at_risk",
    published_status="at_risk",
    ratio_raw=Decimal("0.666667"),
    current_value=3,
    forecast_value=0.1,
    flags=("regressed", "ratio_masks_no_progress"),
)
ANOMALY = AnomalyRow(
    "csat", "day", date(2026, 5, 12), "", "", "d", "1", 0.5, 0.8, 0.7, 0.9, -6.5, "critical", "unfavourable",
    "point", root_cause=({"segment": "region=emea", "share": 0.8},),
)  # fmt: skip
CHECK = QualityResultRow(
    "c", "crm.leads", "salesforce", "validity", "warn", True, "ok", False, datetime(2026, 6, 15, tzinfo=UTC),
    sample_keys=("é\n'\"",),
)  # fmt: skip


@pytest.mark.parametrize("row", [SCORE, ANOMALY, CHECK])
def test_rows_come_back_as_they_were_left(row: object) -> None:
    with DuckDBWarehouse(":memory:") as warehouse:
        assert handover.leave(warehouse, "rows", type(row), [row, row]) == 2
        assert handover.take(warehouse, "rows", type(row)) == (row, row)


def test_nothing_left_is_nothing_taken() -> None:
    with DuckDBWarehouse(":memory:") as warehouse:
        assert handover.take(warehouse, "rows", AnomalyRow) == ()


def test_rows_of_another_version_are_refused() -> None:
    with DuckDBWarehouse(":memory:") as warehouse:
        handover.leave(warehouse, "rows", QualityResultRow, [CHECK])
        with pytest.raises(WarehouseError, match="run the whole job once"):
            handover.take(warehouse, "rows", AnomalyRow)
