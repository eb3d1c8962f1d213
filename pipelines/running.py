"""Running a job in this process, on the installation's own Dagster instance, so that the run shows in the UI."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterEvent

from connectors.collector import without_what_stays
from definitions.errors import listing, nearest
from pipelines.definitions import build_definitions
from pipelines.failures import failure_message
from pipelines.installation import Installation
from pipelines.jobs import DAILY
from quality.runner import preload

EVENT_BATCH, EVENTS_AT_ONCE = "DAGSTER_EVENT_BATCH_SIZE", "1000"
"""Dagster's variable for how many events it hands over together: the plan of a run is an event for each asset."""

INSTANCE_SETTINGS = """\
# One instance for the command line and the UI. What it costs and why: docs/decisions/orchestration.md
telemetry:
  enabled: false
nux:
  # No invitation over the first page that anybody opens.
  enabled: false
concurrency:
  pools:
    # One reader per account, one writer of the warehouse, one publisher, whatever runs.
    default_limit: 1
    granularity: op
  runs:
    # Whole runs queue up: two at once would only wait for each other's pools.
    tag_concurrency_limits:
      - key: vitals/job
        limit: 1
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  # A worker that dies (killed, out of memory, machine gone) is noticed, and its run retried.
  poll_interval_seconds: 60
run_retries:
  enabled: true
  max_retries: 2
  retry_on_asset_or_op_failure: false
event_log_storage:
  module: pipelines.event_log
  class: PooledSqliteEventLogStorage
  config:
    base_dir: {history}
"""


class UnknownChoice(ValueError):
    """There is no such job, or no such asset in it; the message names the nearest one."""

    def __init__(self, what: str, name: str, valid: Iterable[str]) -> None:
        known = sorted(valid)
        near = nearest(name, known)
        meant = f"did you mean {near}?" if near else f"there are {listing(known)}"
        super().__init__(f"there is no {what} {name!r}; {meant}")


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        run_id: as the UI shows it.
        succeeded: everything ran and nothing was held back as a whole.
        seconds: wall time.
        failures: step and message of what failed.
    """

    run_id: str
    succeeded: bool
    seconds: float
    failures: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class StepNews:
    """Something a person watching a run wants to know: a step began, ended, failed, or left an asset."""

    kind: str
    step: str
    message: str = ""
    asset: str = ""


@contextmanager
def dagster_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of an installation, in `<home>/dagster`; made on first use."""
    folder = home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "dagster.yaml"
    if not settings.exists():
        history = json.dumps(str(folder / "history" / "runs"))
        settings.write_text(INSTANCE_SETTINGS.format(history=history), encoding="utf-8")
    # Dagster finds its instance by this variable, also in the processes it starts.
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ.setdefault(EVENT_BATCH, EVENTS_AT_ONCE)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


def run_job(
    installation: Installation,
    instance: dg.DagsterInstance,
    *,
    job: str = DAILY,
    assets: list[str] | None = None,
    config: Mapping[str, Any] | None = None,
    watch: Callable[[StepNews], None] | None = None,
) -> RunOutcome:
    """Run `job` (or only the named assets of it) in this process.

    Args:
        installation: what to run.
        instance: where the run is recorded.
        job: name of the job.
        assets: asset keys such as `kpi/win_rate`; None runs all.
        config: run configuration, such as `jobs.restatement(...)`.
        watch: told of each step as it begins and ends.

    Raises:
        UnknownChoice: there is no such job, or no such asset in it.
    """
    definitions = build_definitions(installation)
    jobs = {one.name for one in definitions.jobs or ()}
    if job not in jobs:
        raise UnknownChoice("job", job, jobs)
    chosen = definitions.resolve_job_def(job)
    keys = {key.to_user_string() for key in chosen.asset_layer.executable_asset_keys}
    for name in assets or ():
        if name not in keys:
            raise UnknownChoice(f"asset in {job}", name, keys)
    started = time.monotonic()
    run_id = dg_run_id()
    failures: list[tuple[str, str]] = []

    def listen(entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None:
            return
        news = _news(event)
        if news and news.kind == "failed":
            failures.append((news.step, news.message))
        if news and watch:
            watch(news)

    instance.add_event_listener(run_id, listen)
    with without_what_stays() as set_aside:

        def prepare() -> None:
            preload()
            set_aside()

        # While the first steps wait for vendors, the slowest import of the later ones is made.
        threading.Thread(target=prepare, name="preload", daemon=True).start()
        result = chosen.execute_in_process(
            instance=instance,
            run_id=run_id,
            raise_on_error=False,
            asset_selection=[dg.AssetKey(name.split("/")) for name in assets] if assets else None,
            run_config={**(config or {}), "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    return RunOutcome(
        run_id=run_id,
        succeeded=result.success,
        seconds=time.monotonic() - started,
        failures=tuple(failures),
    )


def dg_run_id() -> str:
    """A new run id in Dagster's own form."""
    from dagster._core.utils import make_new_run_id

    return make_new_run_id()


def _news(event: DagsterEvent) -> StepNews | None:
    step = event.step_key or ""
    if event.is_step_start:
        return StepNews("started", step)
    if event.is_step_success:
        return StepNews("ended", step)
    if event.is_step_failure:
        return StepNews("failed", step, failure_message(event))
    if event.is_step_materialization and event.asset_key:
        return StepNews("made", step, asset=event.asset_key.to_user_string())
    return None
