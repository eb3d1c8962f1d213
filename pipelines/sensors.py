"""What reacts by itself: the outbox of alerts is drained, and a run that fails becomes an alert."""

import os

import dagster as dg

from pipelines.failures import failure_message
from pipelines.installation import Installation
from pipelines.jobs import DAILY, RECOMPUTE

DRAIN_SECONDS = 20.0


def build_sensors() -> list[dg.SensorDefinition]:
    """The sensors; all run by default, and neither needs a run of its own."""
    return [deliver_alerts, run_failed]


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
    if run.job_name not in (DAILY, RECOMPUTE):
        return
    failures = context.get_step_failure_events()
    messages = [failure_message(event) for event in failures]
    pulls = {f"pull_{source.name}": source.system for source in installation.sources}
    systems = tuple(sorted({pulls[event.step_key] for event in failures if event.step_key in pulls}))
    message = messages[0] if messages else context.failure_event.message or "the run failed"
    raise_run_failed(installation, run.job_name, run.run_id, message, systems)
