"""Where the steps of a run are carried out, chosen by the installation and not by the code.

| VITALS_EXECUTOR | steps run | package |
|---|---|---|
| `in_process` (default) | one after the other in the process of the run | – |
| `multiprocess` | each in a process of its own, on the machine of the run | – |
| `celery` | on Celery workers, over Redis or RabbitMQ | dagster-celery |
| `kubernetes` | each in a Kubernetes job of its own | dagster-k8s |
| `package.module:name` | as that executor definition says | its own |

VITALS_EXECUTOR_CONFIG names a YAML file with the executor's configuration; `deploy/` has one for each.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from pipelines.workspace import WorkspaceError

EXECUTOR, CONFIG = "VITALS_EXECUTOR", "VITALS_EXECUTOR_CONFIG"
IN_PROCESS = "in_process"
KNOWN: Mapping[str, str] = {
    IN_PROCESS: "dagster:in_process_executor",
    "multiprocess": "dagster:multiprocess_executor",
    "celery": "dagster_celery:celery_executor",
    "kubernetes": "dagster_k8s:k8s_job_executor",
}
INSTALLED_BY: Mapping[str, str] = {
    "dagster_celery": "deploy/celery/requirements.txt",
    "dagster_k8s": "deploy/kubernetes/requirements.txt",
}


def executor_from(environment: Mapping[str, str] | None = None) -> dg.ExecutorDefinition:
    """The executor that the environment names, with its configuration.

    Raises:
        WorkspaceError: it is unknown or not installed, or its file cannot be read; says what to write.
    """
    env = os.environ if environment is None else environment
    name = env.get(EXECUTOR) or IN_PROCESS
    executor = _found(name)
    path = env.get(CONFIG)
    return executor.configured(_settings(Path(path)), name=executor.name) if path else executor


def _found(name: str) -> dg.ExecutorDefinition:
    place = KNOWN.get(name, name)
    module, separator, attribute = place.partition(":")
    if not separator:
        raise WorkspaceError(f"{EXECUTOR} is {name!r}: write {', '.join(KNOWN)}, or package.module:name")
    try:
        executor = getattr(importlib.import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        how = f"pip install -r {INSTALLED_BY[module]}" if module in INSTALLED_BY else "install its package"
        raise WorkspaceError(f"{EXECUTOR} is {name!r}, and {error.name} is not installed: {how}") from error
    if not isinstance(executor, dg.ExecutorDefinition):
        raise WorkspaceError(f"{EXECUTOR} is {name!r}: {place} is no Dagster executor definition")
    return executor


def _settings(path: Path) -> dict[str, Any]:
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise WorkspaceError(f"{path} (named by {CONFIG}) cannot be read: {error}") from error
    if not isinstance(settings, dict):
        raise WorkspaceError(f"{path} (named by {CONFIG}) is no mapping: write the executor's configuration")
    return settings
