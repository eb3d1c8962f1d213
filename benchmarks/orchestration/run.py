"""What Dagster costs: time to load the definitions, and the part of a daily run that is not our own work.

    python -m benchmarks.orchestration.run --metrics 100                 # the real work of a daily run beside it
    python -m benchmarks.orchestration.run --metrics 1000 --hollow       # nothing but orchestration

Loading is a fresh process, as Dagster's workers do it. Within a run our steps are timed where Dagster calls them
(nested calls count once); everything else between the start of the run and its end is orchestration. The events of the
run are counted, so that a cost per event is known.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.orchestration.scaled import scaled_catalogue

LOAD = """
import json, sys, time
began = time.process_time()
import dagster as dg
imported = time.process_time()
from pipelines.definitions import defs
room = time.process_time()
made = defs() if callable(defs) else defs
repository = made.get_repository_def()
repository.load_all_definitions()
ended = time.process_time()
print(json.dumps({"dagster": imported - began, "imports": room - imported, "definitions": ended - room}))
"""
WORK = {
    "pipelines.steps.extract": ("extract",),
    "pipelines.steps.stage": ("land", "stage", "check_staging"),
    "pipelines.steps.compute": ("compute",),
    "pipelines.steps.assess": ("assess_values",),
    "pipelines.steps.score": ("score",),
    "pipelines.steps.detect": ("detect",),
    "pipelines.steps.publication": ("publish_run",),
    "pipelines.steps.report": ("report",),
}


class Stopwatch:
    """Seconds spent in our own steps."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed; a generator is timed while it works, not while its caller does."""

        def call(*arguments: Any, **keywords: Any) -> Any:
            began = time.perf_counter()
            result = function(*arguments, **keywords)
            self.seconds[name] += time.perf_counter() - began
            return self._pulled(name, result) if hasattr(result, "__next__") else result

        return call

    def _pulled(self, name: str, result: Iterator[Any]) -> Iterator[Any]:
        while True:
            began = time.perf_counter()
            try:
                item = next(result)
            except StopIteration:
                return
            finally:
                self.seconds[name] += time.perf_counter() - began
            yield item


@contextlib.contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Our steps as the assets call them, timed."""
    import importlib

    watch, before = Stopwatch(), []
    for module_name, names in WORK.items():
        module = importlib.import_module(module_name)
        for name in names:
            function = getattr(module, name)
            before.append((module, name, function))
            setattr(module, name, watch.timed(name, function))
    try:
        yield watch
    finally:
        for module, name, function in before:
            setattr(module, name, function)


def measure(metrics: int, scale: float, repeats: int, profile: str | None) -> dict[str, Any]:
    """Load and run an installation with so many metrics, on the sandbox company."""
    from pipelines.running import dagster_instance, run_job
    from pipelines.sandboxed import sandbox_installation

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        total = scaled_catalogue(home / "catalogue", metrics)
        environment = {"VITALS_CATALOGUE": str(home / "catalogue"), "DAGSTER_HOME": ""}
        with sandbox_installation(home, scale=scale, environment=environment) as running:
            loads = [loading() for _ in range(max(repeats, 1))]
            with dagster_instance(home) as instance:
                first = run_job(running.load(), instance)  # it fills the store; the daily one is the next
                assert first.succeeded, first.failures
                found = []
                for _ in range(max(repeats, 1)):
                    running.sandbox.advance(hours=24)
                    installation = running.load()
                    with stopwatch() as watch, profiled(profile):
                        outcome = run_job(installation, instance)
                    assert outcome.succeeded, outcome.failures
                    work = sum(watch.seconds.values())
                    events = len(instance.all_logs(outcome.run_id))
                    found.append((outcome.seconds, work, events, dict(watch.seconds)))
    best = min(found, key=lambda one: one[0] - one[1])
    wall, work, events, steps = best
    load = min(loads, key=lambda one: sum(one.values()))
    return {
        "metrics": total,
        "load_cpu_seconds": {name: round(seconds, 2) for name, seconds in load.items()},
        "run_seconds": round(wall, 2),
        "work_seconds": round(work, 2),
        "orchestration_seconds": round(wall - work, 2),
        "orchestration_share": round((wall - work) / wall, 3),
        "events": events,
        "milliseconds_per_event": round(1000 * (wall - work) / events, 2),
        "steps": {name: round(seconds, 2) for name, seconds in steps.items()},
    }


class Nothing:
    """What a step returns that did nothing: every number is 0, every collection empty."""

    def __getattr__(self, name: str) -> Any:
        return {"states": {}, "kinds": {}, "bands": {}, "checks": (), "home": Path()}.get(name, 0)

    def facts_of(self, name: str) -> dict[str, Any]:
        """Of a published table."""
        return {}


@contextlib.contextmanager
def hollow(installation: Any) -> Iterator[None]:
    """Our steps as the assets call them, without their work: what is left of a run is Dagster's."""
    import importlib

    from pipelines.staging import StagedTable
    from pipelines.staging.build import neutral_tables
    from pipelines.steps.compute import Computed
    from pipelines.steps.extract import Pulled

    def extract(workspace: Any, source: Any, streams: list[str], log: Any) -> Iterator[Any]:
        return (Pulled(stream, 0) for stream in streams)

    def compute(installation: Any, warehouse: Any, metrics: list[str], **keywords: Any) -> Iterator[Any]:
        return (Computed(name, 0, "no final value yet", "0" * 16, "nothing") for name in metrics)

    order = {model.table: position for position, model in enumerate(installation.models)}
    tables = [
        StagedTable(table, 0, (), ())  # inputs before what is folded from them
        for table in sorted(
            neutral_tables(installation.catalogue), key=lambda name: (order.get(name, -1), name)
        )
    ]
    instead: dict[str, Callable[..., Any]] = {"extract": extract, "compute": compute}
    instead |= {"land": lambda *_: (), "stage": lambda *_: tables, "check_staging": lambda *_: []}
    before = []
    for module_name, names in WORK.items():
        module = importlib.import_module(module_name)
        for name in names:
            before.append((module, name, getattr(module, name)))
            setattr(module, name, instead.get(name, lambda *_, **__: Nothing()))
    try:
        yield
    finally:
        for module, name, function in before:
            setattr(module, name, function)


def measure_hollow(metrics: int, repeats: int, profile: str | None) -> dict[str, Any]:
    """Load and run an installation with so many metrics, without any work."""
    from pipelines.installation import Installation
    from pipelines.running import dagster_instance, run_job
    from pipelines.sandboxed import SOURCES
    from pipelines.workspace import Workspace

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        total = scaled_catalogue(home / "catalogue", metrics)
        shutil.copytree(SOURCES, home / "sources")
        nowhere = dict.fromkeys(("SALESFORCE_URL", "JIRA_URL", "INTERCOM_URL"), "http://127.0.0.1:9")
        os.environ.update(nowhere, FILES_FOLDER=str(home), VITALS_HOME=str(home), DAGSTER_HOME="")
        os.environ["VITALS_CATALOGUE"] = str(home / "catalogue")
        loads = [loading() for _ in range(max(repeats, 1))]
        found = []
        installation = Installation.load(Workspace.from_environment())
        with dagster_instance(home) as instance, hollow(installation):
            for _ in range(max(repeats, 1) + 1):  # the first one makes the database
                with profiled(profile):
                    outcome = run_job(installation, instance)
                assert outcome.succeeded, outcome.failures
                found.append((outcome.seconds, len(instance.all_logs(outcome.run_id))))
    seconds, events = min(found[1:])
    load = min(loads, key=lambda one: sum(one.values()))
    return {
        "metrics": total,
        "load_cpu_seconds": {name: round(part, 2) for name, part in load.items()},
        "orchestration_seconds": round(seconds, 2),
        "events": events,
        "milliseconds_per_event": round(1000 * seconds / events, 2),
    }


def loading() -> dict[str, float]:
    """CPU seconds that a fresh process needs until it has all definitions; what else runs matters little."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD], capture_output=True, text=True, check=True, env=os.environ
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


@contextlib.contextmanager
def profiled(path: str | None) -> Iterator[None]:
    if path is None:
        yield
        return
    import cProfile

    profiler = cProfile.Profile()
    profiler.enable()
    try:
        yield
    finally:
        profiler.disable()
        profiler.dump_stats(path)


def main() -> None:
    """Measure and print JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metrics", type=int, action="append")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--hollow", action="store_true", help="without the work of our steps")
    parser.add_argument("--profile", help="write a profile of the last run to this file")
    options = parser.parse_args()
    for metrics in options.metrics or [100, 1000]:
        found = (
            measure_hollow(metrics, options.repeats, options.profile)
            if options.hollow
            else measure(metrics, options.scale, options.repeats, options.profile)
        )
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
