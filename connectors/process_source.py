"""Any Singer tap or Airbyte source as a source: a child process in an environment of its own.

    system: exchange_rates
    account: internal
    settings:
      kind: process
      protocol: singer
      command: [/opt/taps/exchange/bin/tap-exchange]
      config: {base: USD, token: env:EXCHANGE_TOKEN}
      streams:
        - name: rates
          key: [currency, date]
          columns:
            - {name: currency, type: string}
            - {name: date, type: date}
            - {name: rate, type: double}

The child sees its own configuration (in a file that only this user may read, and only while it runs), a bare
environment and nothing else. Each stream is a run of its own: discover, select that stream, give it the state of
its last run, read. Its log goes to the log `connectors.process`, without secrets. It is stopped by SIGTERM, then
SIGKILL, with everything that it started.

Source: connector rules, 'Shape', process-source connector.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Literal

import orjson
from pydantic import Field

from connectors.child import Child, ChildLimits
from connectors.config import SourceConfig
from connectors.declared import Declared, StreamDeclared, settings_of
from connectors.errors import ConnectorError, GarbledAnswer, NotFound
from connectors.runtime import Runtime
from connectors.secret import Secret, is_reference, redact, resolve
from connectors.stream import Checkpoint, Page, Reading, Record, Stream, System
from connectors.tap_protocol import AIRBYTE, SINGER, Message, Protocol

PAGE_ROWS = 1_000


class ProcessStream(StreamDeclared):
    """One stream of the child."""

    stream: str = Field("", description="the child's name of it, where it differs")


class ProcessSettings(Declared):
    """The `settings:` of a process source."""

    kind: Literal["process"] = Field(
        "process", description="what reads it, where the system has another name"
    )
    protocol: Literal["singer", "airbyte"] = Field(description="what the child speaks")
    command: tuple[str, ...] = Field(min_length=1, description="the program and its arguments")
    config: dict[str, Any] = Field(default_factory=dict, description="secrets in it by reference")
    environment: dict[str, str] = Field(
        default_factory=dict, description="variables of the child; secrets by reference"
    )
    idle_seconds: float = Field(600.0, gt=0, description="a child that says nothing for so long is stopped")
    total_seconds: float = Field(14_400.0, gt=0, description="a child that runs longer is stopped")
    streams: tuple[ProcessStream, ...] = Field(
        min_length=1, description="what is read of what the child says"
    )


def system(source: SourceConfig) -> System:
    """The system that a process source declares.

    Raises:
        ConfigurationError: its settings are wrong.
    """
    settings = settings_of(source, ProcessSettings)
    return System(
        name=source.system,
        streams=tuple(_stream(declared) for declared in settings.streams),
        auth=("none",),
        connect=lambda runtime: Tap(settings, runtime),
        check=lambda tap: tap.describe(),
    )


def _stream(declared: ProcessStream) -> Stream:
    def read(tap: Tap, reading: Reading) -> Iterator[Page]:
        yield from tap.pages(declared.stream or declared.name, reading)

    return Stream(
        name=declared.name,
        contract=declared.contract(),
        reader=read,
        cursor=declared.cursor.cursor() if declared.cursor else None,
        overlap=timedelta(seconds=declared.overlap_seconds),
        deletes=declared.delete_rule(),
        resumable=False,
        description=declared.description or f"stream {declared.stream or declared.name} of the child",
    )


class Tap:
    """A child program that speaks one of the two protocols."""

    def __init__(self, settings: ProcessSettings, runtime: Runtime) -> None:
        self._settings = settings
        self._runtime = runtime
        self._protocol: Protocol = SINGER if settings.protocol == "singer" else AIRBYTE
        self._secrets: list[Secret] = []
        self._config = orjson.dumps(self._revealed(settings.config))
        self._environment = {name: self._revealed(value) for name, value in settings.environment.items()}
        self._catalog: Any = None

    def _revealed(self, value: Any) -> Any:
        """References in the configuration replaced by what they refer to."""
        if isinstance(value, str) and is_reference(value):
            secret = resolve(value)
            self._secrets.append(secret)
            return secret.reveal()
        if isinstance(value, dict):
            return {name: self._revealed(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._revealed(item) for item in value]
        return value

    def describe(self) -> str:
        """Prove the configuration: what the child says of it, where it can be asked, and what it discovers.

        Raises:
            CredentialsRefused: the child says that its configuration does not open the system.
        """
        arguments = self._protocol.check_arguments()
        if arguments:
            with self._redacted(), self._child(arguments, {"config": self._config}) as child:
                self._protocol.read_check(child.lines())
        names = sorted(self._protocol.stream_names(self.catalog()))
        return f"{len(names)} streams: {', '.join(names[:20])}"

    def catalog(self) -> Any:
        """What the child can read; asked for once.

        Raises:
            GarbledAnswer: it says nothing that can be read.
        """
        if self._catalog is None:
            discover = self._protocol.discover_arguments()
            with self._redacted(), self._child(discover, {"config": self._config}) as child:
                self._catalog = self._protocol.read_catalog(child.lines())
        return self._catalog

    def pages(self, name: str, reading: Reading) -> Iterator[Page]:
        """The records of one stream, from where its last run ended.

        Raises:
            NotFound: the child has no such stream; says which it has.
            GarbledAnswer: it says something that is no message.
        """
        catalog = self.catalog()
        known = self._protocol.stream_names(catalog)
        if name not in known:
            raise NotFound(
                f"the child has no stream {name!r}", hint=f"it has {', '.join(sorted(known)) or 'none'}"
            )
        state = reading.carry
        files = {"config": self._config, "catalog": orjson.dumps(self._protocol.select(catalog, name))}
        if state is not None:
            files["state"] = orjson.dumps(self._protocol.state_file(state))
        records: list[Record] = []
        held: Checkpoint | None = state
        read = self._protocol.read_arguments(with_state=state is not None)
        with self._redacted(), self._child(read, files) as child:
            for message in self._messages(child, name):
                if message.record is not None:
                    records.append(message.record)
                if message.state is not None:
                    held = self._protocol.merged_state(held, message.state)
                if len(records) >= PAGE_ROWS:
                    yield _page(records, {"rows": len(records)}, None)
                    records = []
        yield _page(records, None, held)

    def _messages(self, child: Child, name: str) -> Iterator[Message]:
        for line in child.lines():
            message = self._protocol.message(line)
            if message is None:
                said = redact(line.decode("utf-8", "replace"), self._secrets)
                raise GarbledAnswer(
                    f"a line is no message: {said[:80]!r}",
                    place=self._settings.command[0],
                    hint="check its version",
                )
            if message.log:
                child.note(message.log)
            if message.stream in ("", name):
                yield message

    @contextmanager
    def _redacted(self) -> Iterator[None]:
        """What the child says of itself may hold what it was told."""
        try:
            yield
        except ConnectorError as error:
            error.problem = redact(error.problem, self._secrets)
            error.args = (error.problem,)
            raise

    def _child(self, arguments: tuple[str, ...], files: dict[str, bytes]) -> Child:
        return Child(
            (*self._settings.command, *arguments),
            files,
            environment=self._environment,
            secrets=self._secrets,
            runtime=self._runtime,
            limits=ChildLimits(self._settings.idle_seconds, self._settings.total_seconds),
        )


def _page(records: list[Record], checkpoint: Checkpoint | None, carry: Checkpoint | None) -> Page:
    return Page(orjson.dumps(records), records, checkpoint, carry=carry)
