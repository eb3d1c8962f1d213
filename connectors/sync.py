"""Load a stream, or all streams of a source: the face of this room.

    source = load_source("sources/jira.yml")
    store = RawStore(home, runtime)
    states = StateStore(home / "state.sqlite")
    result = sync_stream(source, "issues", store, states, clock)
    result.rows, result.watermark_after, result.warnings

A child stream (`changelog`, `conversation_parts`) reads what changed in its parent since it last looked, so the
parent is loaded first; `sync_source` keeps that order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from connectors.config import SourceConfig, config_hash
from connectors.engine import Engine
from connectors.errors import ConnectorError
from connectors.load import run_load
from connectors.load_report import Task
from connectors.rate import RateBudgets
from connectors.raw_store import RawStore, StreamId
from connectors.registry import configured, connect, streams_of, system_of
from connectors.result import LoadResult, ProgressHook
from connectors.runtime import Runtime
from connectors.secret import Secret, resolve
from connectors.settings import LoadSettings
from connectors.state import StateStore
from connectors.stream import Stream, System


@dataclass(frozen=True)
class SourceResult:
    """What became of every stream of a source.

    Attributes:
        loads: the results, in the order of loading.
        failures: the streams that failed, with their errors; a child whose parent failed is not tried.
    """

    loads: tuple[LoadResult, ...]
    failures: tuple[tuple[str, ConnectorError], ...] = ()

    @property
    def ok(self) -> bool:
        """Did every stream load, and every check hold?"""
        return not self.failures and all(load.ok for load in self.loads)


def sync_stream(
    source: SourceConfig,
    stream_name: str,
    raw_store: RawStore,
    state: StateStore,
    clock: Callable[[], datetime],
    progress: ProgressHook | None = None,
    *,
    settings: LoadSettings | None = None,
    runtime: Runtime | None = None,
    budgets: RateBudgets | None = None,
    connection: Any = None,
    engine: Engine | None = None,
) -> LoadResult:
    """Load one stream once, from where the last load ended.

    `runtime` (default: the store's, with `clock`) injects sleep and chance; `budgets` shares the rate of an
    account between threads; `connection` reuses an open client, `engine` one that answers about what has landed.

    Raises:
        ConnectorError: nothing was committed, and the state is as before. A transient error may go away by
            itself; a terminal one says what to change.
    """
    settings = settings or LoadSettings()
    runtime = replace(runtime or raw_store.runtime, clock=clock)
    system = system_of(source)
    stream = configured(source, system.stream(stream_name))
    stream_id = StreamId(source.system, source.account, stream_name)
    with (
        raw_store.lock(stream_id),
        _connection(source, system, runtime, settings, budgets, progress, connection) as open_connection,
    ):
        return run_load(
            Task(
                stream=stream,
                id=stream_id,
                connection=open_connection,
                store=raw_store,
                states=state,
                config_hash=query_hash(source, system, stream),
                api_version=source.api_version or system.api_version,
                runtime=runtime,
                settings=settings,
                hash_key=hash_key(source, stream),
                progress=progress,
                engine=engine or Engine(),
            )
        )


def sync_source(
    source: SourceConfig,
    raw_store: RawStore,
    state: StateStore,
    clock: Callable[[], datetime],
    progress: ProgressHook | None = None,
    *,
    settings: LoadSettings | None = None,
    runtime: Runtime | None = None,
    budgets: RateBudgets | None = None,
) -> SourceResult:
    """Load every stream of a source over one connection, parents before children.

    A stream that fails does not stop the others, except its children.

    Raises:
        ConfigurationError: the source itself is wrong, so that nothing could be tried.
    """
    settings = settings or LoadSettings()
    runtime = replace(runtime or raw_store.runtime, clock=clock)
    system = system_of(source)
    loads: list[LoadResult] = []
    failures: list[tuple[str, ConnectorError]] = []
    failed: set[str] = set()
    streams, engine = streams_of(source), Engine()
    with _connection(source, system, runtime, settings, budgets, progress, None) as connection:
        for stream in streams:
            if stream.parent in failed:
                failed.add(stream.name)
                continue
            try:
                loads.append(
                    sync_stream(
                        source,
                        stream.name,
                        raw_store,
                        state,
                        clock,
                        progress,
                        settings=settings,
                        runtime=runtime,
                        connection=connection,
                        engine=engine,
                    )
                )
            except ConnectorError as error:
                failures.append((stream.name, error))
                failed.add(stream.name)
    return SourceResult(tuple(loads), tuple(failures))


def query_hash(source: SourceConfig, system: System, stream: Stream) -> str:
    """The hash that the state of a stream is keyed by."""
    return config_hash(source, stream, source.api_version or system.api_version)


def hash_key(source: SourceConfig, stream: Stream) -> Secret | None:
    """The key for hashing personal data, where the stream needs one and the source has one."""
    return resolve(source.hash_key) if stream.contract.hashed and source.hash_key else None


@contextmanager
def _connection(
    source: SourceConfig,
    system: System,
    runtime: Runtime,
    settings: LoadSettings,
    budgets: RateBudgets | None,
    progress: ProgressHook | None,
    present: Any,
) -> Iterator[Any]:
    if present is not None:
        yield present
        return
    opened = connect(source, system, runtime, settings, budgets=budgets, progress=progress)
    with opened if hasattr(opened, "__exit__") else nullcontext(opened) as connection:
        yield connection
