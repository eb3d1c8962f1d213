"""When the jobs run by themselves: plain cron in the company's time zone (cheap, and readable in the UI).

Cadence comes from the dictionary: a run leaves out metrics that are not due that day (`assets.cadence.is_due`), unless
their definition is new or changed since they were last computed. Where a metric is computed every hour there is an
hourly schedule as well.
"""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from definitions.model import Catalogue
from pipelines.assets.cadence import MORNING, company_calendar, cron, hourly_metrics, not_due
from pipelines.assets.specs import metric_key
from pipelines.installation import Installation
from pipelines.jobs import DAILY


def build_schedules(
    catalogue: Catalogue, jobs: dict[str, UnresolvedAssetJobDefinition], keys: Iterable[dg.AssetKey]
) -> list[dg.ScheduleDefinition]:
    """Daily at six for the owners' morning; weekly on the first day of the company's week, before the reviews; hourly
    where the dictionary asks for it. `keys` are all assets."""
    company = company_calendar(catalogue)
    everything = frozenset(keys)
    weekday = company.week_start % 7
    schedules = [
        _due(
            "daily_morning",
            jobs[DAILY],
            cron("daily", company),
            company.time_zone,
            everything,
            "Pull, compute what is due, publish every morning.",
        ),
        dg.ScheduleDefinition(
            name="weekly_review",
            job=jobs[DAILY],
            cron_schedule=f"30 {MORNING - 1} * * {weekday}",
            execution_timezone=company.time_zone,
            tags={"vitals/occasion": "weekly_review"},
            description="The run before the weekly review, with every metric, digests and check-ins due.",
        ),
    ]
    if hourly := hourly_metrics(catalogue):
        metrics = {metric_key(name) for name in catalogue.metrics}
        chosen = everything - metrics | {metric_key(name) for name in hourly}
        schedules.append(
            dg.ScheduleDefinition(
                name="hourly",
                job=jobs[DAILY],
                cron_schedule="0 * * * *",
                execution_timezone=company.time_zone,
                description=f"Pull, compute the {len(hourly)} metrics that are due every hour, publish.",
                execution_fn=lambda context: dg.RunRequest(asset_selection=sorted(chosen)),
            )
        )
    return schedules


def _due(
    name: str,
    job: UnresolvedAssetJobDefinition,
    cron_schedule: str,
    zone: str,
    keys: frozenset[dg.AssetKey],
    description: str,
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name, job=job, cron_schedule=cron_schedule, execution_timezone=zone, description=description
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.RunRequest:
        left_out = _left_out(context, installation)
        if not left_out:
            return dg.RunRequest()
        context.log.info(f"{len(left_out)} metrics are not due today")
        return dg.RunRequest(asset_selection=sorted(keys - left_out))

    return schedule


def _left_out(context: dg.ScheduleEvaluationContext, installation: Installation) -> frozenset[dg.AssetKey]:
    """Metrics that are not due, and have been computed by the definition that is in force."""
    zone = ZoneInfo(company_calendar(installation.catalogue).time_zone)
    day = context.scheduled_execution_time.astimezone(zone).date()
    names = not_due(installation.catalogue, day)
    records = context.instance.get_asset_records([metric_key(name) for name in names])
    computed = dict(_computed_by(record.asset_entry.last_materialization) for record in records)
    return frozenset(metric_key(name) for name in names if computed.get(name) == installation.hashes[name])


def _computed_by(last: dg.EventLogEntry | None) -> tuple[str, object]:
    """A metric, and the hash of the definition it was last computed by."""
    made = last.asset_materialization if last is not None else None
    if made is None or "definition_hash" not in made.metadata:
        return "", None
    return made.asset_key.path[-1], made.metadata["definition_hash"].value
