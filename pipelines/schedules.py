"""When the jobs run by themselves: plain cron in the company's time zone (cheap, and readable in the UI)."""

from __future__ import annotations

import dagster as dg

from definitions.model import Catalogue
from pipelines.jobs import DAILY


def build_schedules(
    catalogue: Catalogue, jobs: dict[str, dg.UnresolvedAssetJobDefinition]
) -> list[dg.ScheduleDefinition]:
    """Daily at six for the owners' morning; weekly on the first day of the company's week, before the reviews."""
    company = catalogue.calendars.get("company") or next(iter(catalogue.calendars.values()), None)
    zone = company.time_zone if company else "UTC"
    weekday = (company.week_start if company else 1) % 7
    return [
        dg.ScheduleDefinition(
            name="daily_morning",
            job=jobs[DAILY],
            cron_schedule="0 6 * * *",
            execution_timezone=zone,
            description="Pull, compute and publish every morning.",
        ),
        dg.ScheduleDefinition(
            name="weekly_review",
            job=jobs[DAILY],
            cron_schedule=f"30 5 * * {weekday}",
            execution_timezone=zone,
            tags={"vitals/occasion": "weekly_review"},
            description="The run before the weekly review, with digests and check-ins due.",
        ),
    ]
