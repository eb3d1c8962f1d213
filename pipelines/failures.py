"""What a failed step ran into, in the words of what raised it: without the wrapping of the orchestrator."""

from __future__ import annotations

from dagster import DagsterEvent


def failure_message(event: DagsterEvent) -> str:
    """The message of a failed step, for a person who has to act on it."""
    failure = event.step_failure_data
    said = failure.user_failure_data.description if failure.user_failure_data else None
    return said or (_deepest(failure.error) if failure.error else "") or "failed"


def _deepest(error: object) -> str:
    """The message of the innermost cause: what a person can act on, without Dagster's wrapping."""
    while getattr(error, "cause", None) is not None:
        error = error.cause  # type: ignore[attr-defined]
    return str(getattr(error, "message", error)).strip()
