"""What people do with sources: list, check, preview, sync, reset, replay. Plain functions; the CLI only prints.

for line in list_sources(sources, store, states): ...
report = check_source(source, runtime)
preview = preview_stream(source, "issues", runtime, rows=10)
results = sync_sources(sources, store, states, clock, streams=["issues"], workers=4)
reset_stream(source, "issues", store, states)
replayed = replay(source, "issues", store, after_load_id="")
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import orjson

from connectors.config import SourceConfig
from connectors.errors import ConnectorError, StoreError
from connectors.landing import Landing
from connectors.paging import read_listing
from connectors.rate import RateBudgets
from connectors.raw_store import RESTORE, RawStore, StreamId
from connectors.reading import known_shape, pages_of
from connectors.registry import configured, connect, streams_of, system_of
from connectors.result import Drift, Progress
from connectors.runtime import Runtime
from connectors.settings import LoadSettings
from connectors.state import StateStore, StreamState
from connectors.stream import Page, Reading, Stream, System, Window
from connectors.sync import SourceResult, hash_key, query_hash, sync_source
from connectors.typed import TypedBatch, read_loads, read_row

WORKERS = 4

SourceProgress: TypeAlias = Callable[[SourceConfig, Progress], None]
"""Is told how far which source is, from the thread that loads it."""

SourceEnd: TypeAlias = Callable[[SourceConfig, "SourceResult | ConnectorError"], None]
"""Is told what became of a source, from the thread that loaded it."""


@dataclass(frozen=True)
class StreamLine:
    """One line of `vitals sources list`.

    Attributes:
        source, system, account, stream: what it is.
        description: what a row is.
        watermark: how far it was read, or empty.
        last_read_at: when it was last asked for; None: never.
        loads, rows: what is in the raw store.
    """

    source: str
    system: str
    account: str
    stream: str
    description: str
    watermark: str
    last_read_at: datetime | None
    loads: int
    rows: int


@dataclass(frozen=True)
class StreamCheck:
    """Whether one stream can be read: the reason where it cannot."""

    stream: str
    ok: bool
    said: str


@dataclass(frozen=True)
class SourceCheck:
    """Whether a source can be read.

    Attributes:
        source: its label.
        ok: credentials and the right to read every stream.
        said: what the vendor said about the credentials, or the reason why it does not take them.
        streams: one check each; empty where the credentials are refused.
    """

    source: str
    ok: bool
    said: str
    streams: tuple[StreamCheck, ...] = ()


@dataclass(frozen=True)
class Preview:
    """The first rows of a stream as they would land and be typed; nothing is written.

    Attributes:
        rows: typed values by column.
        refused: reasons of the rows that break the contract.
        drift: how the records differ from the contract.
    """

    rows: tuple[Mapping[str, Any], ...]
    refused: tuple[str, ...] = ()
    drift: Drift = field(default_factory=Drift)


def list_sources(sources: Sequence[SourceConfig], store: RawStore, states: StateStore) -> list[StreamLine]:
    """Every stream of every source, and how far it is.

    Raises:
        ConnectorError: a source names a stream that its system does not have.
    """
    lines = []
    for source in sources:
        system = system_of(source)
        for stream in streams_of(source):
            stream_id = StreamId(source.system, source.account, stream.name)
            state = states.get(stream_id, query_hash(source, system, stream)) or StreamState()
            manifests = store.manifests(stream_id)
            lines.append(
                StreamLine(
                    source=source.label,
                    system=source.system,
                    account=source.account,
                    stream=stream.name,
                    description=stream.description,
                    watermark=state.watermark,
                    last_read_at=state.read_until,
                    loads=len(manifests),
                    rows=sum(manifest.rows for manifest in manifests),
                )
            )
    return lines


def check_source(source: SourceConfig, runtime: Runtime, settings: LoadSettings | None = None) -> SourceCheck:
    """Test the credentials of a source, and the right to read each of its streams (one page of each; of a child
    stream the children of one parent).

    Never raises for what the vendor says: the report says it.
    """
    settings = settings or LoadSettings()
    try:
        system = system_of(source)
        with _connected(source, system, runtime, settings) as connection:
            with known_shape():
                said = system.check(connection) if system.check else "no check is declared"
            reader = _FirstPages(source, system, connection, runtime, settings)
            checks = tuple(_check_stream(reader, stream) for stream in streams_of(source))
    except ConnectorError as error:
        return SourceCheck(source.label, ok=False, said=str(error))
    return SourceCheck(source.label, ok=all(check.ok for check in checks), said=said, streams=checks)


def _check_stream(reader: _FirstPages, stream: Stream) -> StreamCheck:
    try:
        preview = reader.preview(stream, rows=1)
    except ConnectorError as error:
        return StreamCheck(stream.name, ok=False, said=str(error))
    if preview.drift.missing:
        return StreamCheck(
            stream.name, ok=False, said=f"fields are missing: {', '.join(preview.drift.missing)}"
        )
    if stream.parent and not preview.rows:
        return StreamCheck(stream.name, ok=True, said=f"nothing under the first of {stream.parent}")
    return StreamCheck(
        stream.name, ok=True, said="can be read" if preview.rows else "can be read, and is empty"
    )


def preview_stream(
    source: SourceConfig,
    stream_name: str,
    runtime: Runtime,
    *,
    rows: int = 10,
    settings: LoadSettings | None = None,
) -> Preview:
    """The first rows of a stream, typed. A child stream is shown for the first parents.

    Raises:
        ConnectorError: it cannot be read.
    """
    settings = settings or LoadSettings()
    system = system_of(source)
    stream = configured(source, system.stream(stream_name))
    with _connected(source, system, runtime, settings) as connection:
        return _FirstPages(source, system, connection, runtime, settings).preview(stream, rows=rows)


class _FirstPages:
    """Reads the first page of streams, and of a child stream what is under the first parents."""

    def __init__(
        self, source: SourceConfig, system: System, connection: Any, runtime: Runtime, settings: LoadSettings
    ) -> None:
        self._source = source
        self._system = system
        self._connection = connection
        self._runtime = runtime
        self._settings = settings
        self._read: dict[str, Page] = {}

    def preview(self, stream: Stream, *, rows: int) -> Preview:
        """The first rows, typed.

        Raises:
            ConnectorError: the stream, or its parent, cannot be read.
        """
        landing = self._landing(stream)
        columns = stream.contract.typed_columns
        shown: list[Mapping[str, Any]] = []
        refused: list[str] = []
        for line in landing.lines(self._page(stream, rows), 0, self._runtime.clock()):
            values, problems = read_row(columns, orjson.loads(line))
            if problems:
                refused.append("; ".join(f"{name} {reason}".strip() for name, reason in problems))
            elif len(shown) < rows:
                shown.append(dict(zip((column.name for column in columns), values, strict=True)))
        drift = Drift(tuple(sorted(landing.seen.unknown)), landing.missing)
        return Preview(tuple(shown), tuple(refused[:rows]), drift)

    def _page(self, stream: Stream, parents: int) -> Page:
        if not stream.parent:
            return self._first(stream, ())
        parent = configured(self._source, self._system.stream(stream.parent))
        keys = self._landing(parent).keys(self._first(parent, ()))
        return self._first(stream, tuple(sorted(keys)[:parents])) if keys else Page(b"", ())

    def _first(self, stream: Stream, parents: tuple[str, ...]) -> Page:
        """The first page with records in it; an empty page where there are none. Of a stream with children it is
        read once.
        """
        if stream.name in self._read:
            return self._read[stream.name]
        now = self._runtime.clock()
        reading = Reading(stream, Window(None, now), stream.options, parents=parents, now=now)
        with closing(pages_of(stream.reader or read_listing, self._connection, reading)) as pages:
            found = next((page for page in pages if page.records), Page(b"", ()))
        self._read[stream.name] = found
        return found

    def _landing(self, stream: Stream) -> Landing:
        key = hash_key(self._source, stream)
        return Landing(stream, future_seconds=self._settings.future_seconds, hash_key=key)


def sync_sources(
    sources: Sequence[SourceConfig],
    store: RawStore,
    states: StateStore,
    clock: Callable[[], datetime],
    *,
    streams: Collection[str] = (),
    workers: int = WORKERS,
    progress: SourceProgress | None = None,
    ended: SourceEnd | None = None,
    settings: LoadSettings | None = None,
) -> dict[str, SourceResult | ConnectorError]:
    """Load several sources, accounts side by side, the streams of one account one after the other.

    Sources that share an account share its rate budget. `streams` narrows every source to these streams (none: all
    that it is configured with). Returns what became of each, by label and account.
    """
    runtime = store.runtime
    budgets = RateBudgets(monotonic=runtime.monotonic, sleep=runtime.sleep)

    def run(source: SourceConfig) -> SourceResult | ConnectorError:
        def told(news: Progress) -> None:
            if progress is not None:
                progress(source, news)

        result: SourceResult | ConnectorError
        try:
            result = sync_source(
                narrowed(source, streams), store, states, clock, told, settings=settings, budgets=budgets
            )
        except ConnectorError as error:
            result = error
        if ended is not None:
            ended(source, result)
        return result

    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        results = list(pool.map(run, sources))
    names = [f"{source.label}/{source.account}" for source in sources]
    return dict(zip(names, results, strict=True))


def narrowed(source: SourceConfig, streams: Collection[str]) -> SourceConfig:
    """The source with only these streams, each as it is configured; what is read of each does not change."""
    if not streams:
        return source
    return source.model_copy(update={"streams": tuple(source.stream(name) for name in sorted(streams))})


def reset_stream(source: SourceConfig, stream_name: str, store: RawStore, states: StateStore) -> int:
    """Forget how far a stream was read: its next load begins anew. What landed stays.

    Returns how many configurations were forgotten.

    Raises:
        ConnectorError: there is no such stream, or another process is loading it.
    """
    system_of(source).stream(stream_name)
    stream_id = StreamId(source.system, source.account, stream_name)
    with store.lock(stream_id):
        store.sweep(stream_id)
        return states.reset(stream_id, store.last_load_id(stream_id))


def replay(
    source: SourceConfig, stream_name: str, store: RawStore, after_load_id: str = ""
) -> Iterator[TypedBatch]:
    """The typed rows of everything that landed after a load, from the raw store alone; the parts are checked
    against their hashes first.

    Raises:
        StoreError: a part is not what its manifest says.
    """
    verify(source, stream_name, store, after_load_id)
    yield from read_loads(store, source, stream_name, after_load_id)


def verify(source: SourceConfig, stream_name: str, store: RawStore, after_load_id: str = "") -> int:
    """Compare every part with the hash in its manifest; returns how many there are.

    Raises:
        StoreError: one differs; names it.
    """
    parts = 0
    for manifest in store.manifests(
        StreamId(source.system, source.account, stream_name), after=after_load_id
    ):
        for part in manifest.parts:
            with part.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != part.sha256:
                raise StoreError(f"part {part.path} is not what its manifest says", hint=RESTORE)
            parts += 1
    return parts


@contextmanager
def _connected(
    source: SourceConfig, system: System, runtime: Runtime, settings: LoadSettings
) -> Iterator[Any]:
    connection = connect(source, system, runtime, settings)
    try:
        yield connection
    finally:
        if hasattr(connection, "close"):
            connection.close()
