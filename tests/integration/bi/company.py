"""A small company to publish: two metrics by month and segment, goals with scores, a flag, a failed check."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Engine

from pipelines.publishing.records import FreshnessRow, KeyResultScoreRow, ObjectiveScoreRow
from tests.integration.publishing.kit import START, put, value
from tests.integration.publishing.test_publish import alert, flag, result

JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)


def publish_company(engine: Engine) -> None:
    """Publish one batch with something in most views."""
    put(
        engine,
        "company",
        value("csat", JANUARY, 0.8),
        value("csat", FEBRUARY, 0.85),
        *(
            value("csat", FEBRUARY, number, segment_dimension="region", segment_value=region)
            for region, number in (("emea", 0.9), ("na", 0.8))
        ),
        value("ticket_volume", FEBRUARY, None, state_reason="nothing was sent"),
        value("ticket_volume", date(2026, 2, 2), 40, grain="week", attainment=0.8),
        value("revenue", FEBRUARY, 12_345.678901, attainment=0.7, status="red"),
        value("salaries", FEBRUARY, 80_000),
        key_result_scores=(
            KeyResultScoreRow("csat-up", date(2026, 2, 28), 59, "ratio", "on_track", "on_track", current_value=0.85,
                              ratio_raw=0.944444, progress_raw=0.875, score=0.944444),
        ),
        objective_scores=(
            ObjectiveScoreRow("love", date(2026, 2, 28), 1, "on_track", 3, 1, 0, 0, 2, score=0.94),
        ),
        anomalies=(flag(FEBRUARY),),
        quality_results=(result(False, "csat", severity="warn"),),
        freshness=(FreshnessRow("zendesk", "support.tickets", 86_400, False, START, START, START, 120),),
        alerts=(alert(),),
    )  # fmt: skip
