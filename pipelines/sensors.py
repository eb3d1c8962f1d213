"""What reacts by itself. Every sensor keeps a cursor, none needs a run, and none is waited for by a publication.

| sensor | looks at | cursor |
|---|---|---|
| deliver_alerts | the outbox: sends what is due, within a time budget | when it last ran |
| run_failed | failed runs that will not be tried again | Dagster's own, by event |
| run_recovered | runs that succeeded after one that failed | Dagster's own, by event |
| check_failed | checks that stopped a run before it could publish | the last evaluation told, by check |
| data_late | how current the sources are, also when no run starts | what was late the last time |
"""

import json
import os

import dagster as dg
from dagster import AssetCheckKey, DagsterEventType

from pipelines.assets.checks import failed_checks_of
from pipelines.failures import failure_message
from pipelines.installation import Installation
from pipelines.jobs import JOB_TAG

DRAIN_SECONDS = 20.0
WILL_RETRY = "dagster/will_retry"
EVALUATED = DagsterEventType.ASSET_CHECK_EVALUATION


def build_sensors(checks: list[AssetCheckKey]) -> list[dg.SensorDefinition]:
    """All sensors; they run by default. `checks` are those whose failure stops a run."""
    return [deliver_alerts, run_failed, run_recovered, _check_failed(checks), data_late]


@dg.sensor(
    name="deliver_alerts",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sends what waits in the outbox, within a time budget; a channel that is down is tried again later.",
)
def deliver_alerts(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SkipReason:
    from pipelines.steps.alerts import deliver

    report = deliver(installation, os.environ, DRAIN_SECONDS)
    for channel, error in report.errors.items():
        context.log.warning(f"channel {channel}: {error}")
    # The cursor only tells people how far it is: what was sent is known to the outbox, which commits it first.
    context.update_cursor(installation.workspace.now().isoformat())
    return dg.SkipReason(f"sent {report.sent}, to be tried again {report.retried}, left {report.left}")


@dg.run_failure_sensor(
    name="run_failed",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Puts a failed run into the outbox; the outbox, not this sensor, makes sure that it is told once.",
)
def run_failed(context: dg.RunFailureSensorContext, installation: dg.ResourceParam[Installation]) -> None:
    from pipelines.steps.alerts import raise_run_failed

    run = context.dagster_run
    # A run that Dagster tries again is not over: its retry succeeds, or fails for good.
    if JOB_TAG not in run.tags or run.tags.get(WILL_RETRY) == "true":
        return
    failures = context.get_step_failure_events()
    messages = [failure_message(event) for event in failures]
    pulls = {f"pull_{source.name}": source.system for source in installation.sources}
    systems = tuple(sorted({pulls[event.step_key] for event in failures if event.step_key in pulls}))
    message = messages[0] if messages else context.failure_event.message or "the run failed"
    raise_run_failed(installation, run.job_name, run.run_id, message, systems)


@dg.run_status_sensor(
    name="run_recovered",
    run_status=dg.DagsterRunStatus.SUCCESS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends the incident of failed runs when a later run of their job succeeds.",
)
def run_recovered(context: dg.RunStatusSensorContext, installation: dg.ResourceParam[Installation]) -> None:
    from pipelines.steps.alerts import raise_run_succeeded

    if JOB_TAG in context.dagster_run.tags:
        raise_run_succeeded(installation, context.dagster_run.job_name)


def _check_failed(checks: list[AssetCheckKey]) -> dg.SensorDefinition:
    @dg.sensor(
        name="check_failed",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Puts checks that stopped a run into the outbox: such a run never came to publish its alerts.",
    )
    def check_failed(
        context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.SkipReason:
        from pipelines.steps.alerts import raise_checks_failed

        seen: dict[str, int] = json.loads(context.cursor or "{}")
        latest = context.instance.event_log_storage.get_latest_asset_check_execution_by_key(checks)
        found = []
        for key, record in sorted(latest.items(), key=lambda pair: pair[0].to_user_string()):
            event = record.event.dagster_event if record.event else None
            name = key.to_user_string()
            if event is None or event.event_type != EVALUATED or seen.get(name) == record.id:
                continue
            seen[name] = record.id
            evaluation = event.asset_check_evaluation_data
            if not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR:
                found += failed_checks_of(evaluation)
        told = raise_checks_failed(installation, found) if found else 0
        context.update_cursor(json.dumps(seen, sort_keys=True))
        return dg.SkipReason(f"{len(found)} checks stopped a run, {told} notices are new")

    return check_failed


@dg.sensor(
    name="data_late",
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Judges how current the sources are, whether or not a run starts, and tells what changed.",
)
def data_late(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SkipReason:
    from pipelines.steps.alerts import raise_late

    state, told = raise_late(installation, json.loads(context.cursor or "[]"))
    context.update_cursor(json.dumps(state))
    return dg.SkipReason(f"late: {', '.join(state) or 'nothing'}; {told} notices are new")
