"""Pulling what is new in one source instance into the raw store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.engine import Engine
from connectors.errors import ConnectorError
from connectors.registry import connect, system_of
from connectors.result import LoadResult
from connectors.runtime import Runtime
from connectors.sync import sync_stream
from pipelines.steps.load_log import note_failure, note_success
from pipelines.steps.sources import SourceInstance
from pipelines.steps.stores import raw_store, states
from pipelines.workspace import Workspace


@dataclass(frozen=True)
class Pulled:
    """What one stream's load brought.

    Attributes:
        stream: its name.
        rows: lines that landed.
        facts: everything else that people want to see of it, as flat values.
    """

    stream: str
    rows: int
    facts: dict[str, Any] = field(default_factory=dict)


def extract(
    workspace: Workspace,
    source: SourceInstance,
    streams: Sequence[str] | None = None,
    *,
    log: Callable[[str], None] = lambda text: None,
) -> Iterator[Pulled]:
    """Load the streams of one source, parents before children; yields each as it ends.

    A stream that fails does not stop its siblings: what they bring is safe in the raw store. Its children are
    not tried.

    Raises:
        ConnectorError: after all were tried, the first failure, with the names of the others.
    """
    wanted = {stream.name for stream in source.streams} if streams is None else set(streams)
    runtime = Runtime(clock=workspace.clock)
    store, state = raw_store(workspace, runtime), states(workspace, runtime)
    failures: list[tuple[str, ConnectorError]] = []
    failed: set[str] = set()
    connection: Any = None
    engine = Engine()
    try:
        for stream in source.streams:
            if stream.name not in wanted:
                continue
            if stream.parent in failed:
                failed.add(stream.name)
                continue
            began = workspace.now()
            try:
                connection = connection or connect(
                    source.config, system_of(source.config), runtime, source.settings
                )
                result = sync_stream(
                    source.config,
                    stream.name,
                    store,
                    state,
                    workspace.clock,
                    settings=source.settings,
                    runtime=runtime,
                    connection=connection,
                    engine=engine,
                )
            except ConnectorError as error:
                note_failure(workspace, source.name, source.system, stream.name, began, str(error))
                failures.append((stream.name, error))
                failed.add(stream.name)
                continue
            note_success(workspace, source.name, source.system, stream.name, began, result.metadata())
            log(_told(source.name, result))
            yield Pulled(stream.name, result.rows, _facts(result))
    finally:
        if hasattr(connection, "close"):
            connection.close()
    if failures:
        _raise(source.name, failures)


def _raise(source: str, failures: Sequence[tuple[str, ConnectorError]]) -> None:
    (_, first), *others = failures
    if others:
        names = ", ".join(name for name, _ in others)
        first.problem += f" (as did {names})" if len(others) == 1 else f" (as well as {names})"
    raise first


def _told(source: str, result: LoadResult) -> str:
    notes = "; ".join((*result.warnings, *result.failed_checks))
    return (
        f"{source}/{result.stream}: {result.rows} rows in {result.pages} pages{'; ' + notes if notes else ''}"
    )


def _facts(result: LoadResult) -> dict[str, Any]:
    facts = {name: value for name, value in result.metadata().items() if name != "rows"}
    return {
        name: ", ".join(map(str, value)) if isinstance(value, list) else value
        for name, value in facts.items()
    }
