"""A load that kills itself, for test_kill_at_every_step: a module of its own so that its children start fast."""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import connectors.jira
import connectors.salesforce  # noqa: F401  (what is imported here is there when a child is forked)
from connectors.config import source_from
from connectors.raw_store import RawStore
from connectors.runtime import Runtime
from connectors.settings import LoadSettings
from connectors.state import StateStore
from connectors.sync import sync_source

SURVIVED = 0


def load_and_die(
    config: dict[str, Any], environment: dict[str, str], root: str, now: str, die_before: int
) -> None:
    """Runs in a child: load all streams, and die before step `die_before` (0: live)."""
    os.environ.update(environment)
    steps = 0

    def before_io(step: str) -> None:
        nonlocal steps
        steps += 1
        if steps == die_before:
            os.kill(os.getpid(), signal.SIGKILL)

    moment = datetime.fromisoformat(now)
    runtime = Runtime(clock=lambda: moment, sleep=lambda seconds: None, before_io=before_io)
    result = sync_source(
        source_from(config, "test"),
        RawStore(Path(root), runtime),
        StateStore(Path(root) / "state.sqlite", before_io=before_io),
        runtime.clock,
        settings=LoadSettings(checkpoint_seconds=0),
        runtime=runtime,
    )
    for problem in (*result.failures, *(check for load in result.loads for check in load.failed_checks)):
        sys.stderr.write(f"{problem}\n")
    sys.stderr.flush()
    os._exit(SURVIVED if result.ok else 1)
