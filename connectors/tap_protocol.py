"""The two protocols of programs that read: Singer taps and Airbyte sources.

Both print one JSON message a line. What differs is how they are asked, what a catalogue looks like, and how they
say from where to go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from typing import Protocol as TypingProtocol

import orjson

from connectors.errors import CredentialsRefused, GarbledAnswer, VendorUnavailable
from connectors.stream import Checkpoint, Record


@dataclass(frozen=True)
class Message:
    """What one line says.

    Attributes:
        stream: the stream that it is about, or empty.
        record: a record.
        state: from where to go on, once everything before it is kept.
        log: what it has to say for the log.
    """

    stream: str = ""
    record: Record | None = None
    state: Mapping[str, Any] | None = None
    log: str = ""


class Protocol(TypingProtocol):
    """How to talk to a child."""

    def check_arguments(self) -> tuple[str, ...]:
        """Arguments that make it try its credentials; none where the protocol has no such thing."""

    def read_check(self, lines: Iterable[bytes]) -> None:
        """What it said of its credentials.

        Raises:
            CredentialsRefused: the configuration does not open the system.
        """

    def discover_arguments(self) -> tuple[str, ...]:
        """Arguments that make it print its catalogue; `{config}` stands for a file."""

    def read_arguments(self, *, with_state: bool) -> tuple[str, ...]:
        """Arguments that make it read; `{config}`, `{catalog}` and `{state}` stand for files."""

    def read_catalog(self, lines: Iterable[bytes]) -> Any:
        """The catalogue that it printed."""

    def stream_names(self, catalog: Any) -> set[str]:
        """The streams in a catalogue."""

    def select(self, catalog: Any, name: str) -> Any:
        """The catalogue with only that stream to be read."""

    def message(self, line: bytes) -> Message | None:
        """What a line says; None: it is no message."""

    def state_file(self, state: Checkpoint) -> Any:
        """The state as the child wants to be given it."""

    def merged_state(self, held: Checkpoint | None, state: Mapping[str, Any]) -> Checkpoint:
        """The state after another message."""


def _parsed(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


class Singer:
    """https://hub.meltano.com/singer/spec"""

    def check_arguments(self) -> tuple[str, ...]:
        return ()

    def read_check(self, lines: Iterable[bytes]) -> None:
        """A tap has no check of its own: discovering and a first page are the check."""

    def discover_arguments(self) -> tuple[str, ...]:
        return ("--config", "{config}", "--discover")

    def read_arguments(self, *, with_state: bool) -> tuple[str, ...]:
        arguments = ("--config", "{config}", "--catalog", "{catalog}")
        return (*arguments, "--state", "{state}") if with_state else arguments

    def read_catalog(self, lines: Iterable[bytes]) -> Any:
        catalog = _parsed(b"\n".join(lines))
        if not isinstance(catalog, dict) or not isinstance(catalog.get("streams"), list):
            raise GarbledAnswer("the tap printed no catalogue", hint="run it by hand with --discover")
        return catalog

    def stream_names(self, catalog: Any) -> set[str]:
        return {str(stream.get("stream") or stream.get("tap_stream_id")) for stream in catalog["streams"]}

    def select(self, catalog: Any, name: str) -> Any:
        return {**catalog, "streams": [self._selected(stream, name) for stream in catalog["streams"]]}

    def _selected(self, stream: Mapping[str, Any], name: str) -> Any:
        wanted = (stream.get("stream") or stream.get("tap_stream_id")) == name
        metadata = [dict(entry) for entry in stream.get("metadata") or ()]
        root = next((entry for entry in metadata if not entry.get("breadcrumb")), None)
        if root is None:
            root = {"breadcrumb": []}
            metadata.append(root)
        root["metadata"] = {**(root.get("metadata") or {}), "selected": wanted}
        for entry in metadata:
            if wanted and entry.get("breadcrumb"):
                inclusion = (entry.get("metadata") or {}).get("inclusion")
                if inclusion != "unsupported":
                    entry["metadata"] = {**(entry.get("metadata") or {}), "selected": True}
        schema = {**(stream.get("schema") or {}), "selected": wanted}
        return {**stream, "schema": schema, "metadata": metadata, "selected": wanted}

    def message(self, line: bytes) -> Message | None:
        content = _parsed(line)
        if not isinstance(content, dict):
            return None
        match content.get("type"):
            case "RECORD" if isinstance(content.get("record"), dict):
                return Message(str(content.get("stream", "")), record=content["record"])
            case "STATE":
                return Message(state=content.get("value") or {})
            case "SCHEMA" | "ACTIVATE_VERSION" | "BATCH":
                if content["type"] == "BATCH":
                    raise GarbledAnswer(
                        "the tap writes batch files", hint="switch batches off in its configuration"
                    )
                return Message(str(content.get("stream", "")))
        return None

    def state_file(self, state: Checkpoint) -> Any:
        return state

    def merged_state(self, held: Checkpoint | None, state: Mapping[str, Any]) -> Checkpoint:
        return state


class Airbyte:
    """https://docs.airbyte.com/understanding-airbyte/airbyte-protocol"""

    def check_arguments(self) -> tuple[str, ...]:
        return ("check", "--config", "{config}")

    def read_check(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            content = _parsed(line)
            _raise_traced(content)
            if not isinstance(content, dict) or content.get("type") != "CONNECTION_STATUS":
                continue
            status = content.get("connectionStatus") or {}
            if status.get("status") == "FAILED":
                said = str(status.get("message") or "no reason was given")[:200]
                raise CredentialsRefused(f"the source says: {said}", hint="check its configuration")

    def discover_arguments(self) -> tuple[str, ...]:
        return ("discover", "--config", "{config}")

    def read_arguments(self, *, with_state: bool) -> tuple[str, ...]:
        arguments = ("read", "--config", "{config}", "--catalog", "{catalog}")
        return (*arguments, "--state", "{state}") if with_state else arguments

    def read_catalog(self, lines: Iterable[bytes]) -> Any:
        for line in lines:
            content = _parsed(line)
            if isinstance(content, dict) and content.get("type") == "CATALOG":
                return content["catalog"]
            _raise_traced(content)
        raise GarbledAnswer("the source printed no catalogue", hint="run it by hand with discover")

    def stream_names(self, catalog: Any) -> set[str]:
        return {str(stream["name"]) for stream in catalog["streams"]}

    def select(self, catalog: Any, name: str) -> Any:
        chosen = next(stream for stream in catalog["streams"] if stream["name"] == name)
        modes = chosen.get("supported_sync_modes") or ["full_refresh"]
        mode = "incremental" if "incremental" in modes else "full_refresh"
        configured: dict[str, Any] = {"stream": chosen, "sync_mode": mode, "destination_sync_mode": "append"}
        if mode == "incremental" and chosen.get("default_cursor_field"):
            configured["cursor_field"] = chosen["default_cursor_field"]
        if chosen.get("source_defined_primary_key"):
            configured["primary_key"] = chosen["source_defined_primary_key"]
        return {"streams": [configured]}

    def message(self, line: bytes) -> Message | None:
        content = _parsed(line)
        if not isinstance(content, dict):
            return None
        _raise_traced(content)
        match content.get("type"):
            case "RECORD":
                record = content["record"]
                return Message(str(record["stream"]), record=record["data"])
            case "STATE":
                return Message(state=content["state"])
            case "LOG":
                log = content.get("log") or {}
                return Message(log=f"{log.get('level', 'INFO')} {log.get('message', '')}")
            case "TRACE" | "SPEC" | "CONNECTION_STATUS" | "CATALOG" | "CONTROL":
                return Message()
        return None

    def state_file(self, state: Checkpoint) -> Any:
        return list(state["messages"].values())

    def merged_state(self, held: Checkpoint | None, state: Mapping[str, Any]) -> Checkpoint:
        """States are per stream: the newest of each is kept."""
        messages = dict(held["messages"]) if held else {}
        descriptor = (state.get("stream") or {}).get("stream_descriptor") or {}
        messages[str(descriptor.get("name") or state.get("type") or "legacy")] = dict(state)
        return {"messages": messages}


def _raise_traced(content: Any) -> None:
    """An error that the source reports about itself."""
    if not isinstance(content, dict) or content.get("type") != "TRACE":
        return
    trace = content.get("trace") or {}
    if trace.get("type") == "ERROR":
        said = str((trace.get("error") or {}).get("message") or "an error")[:200]
        raise VendorUnavailable(f"the source says: {said}", hint="see the log connectors.process")


SINGER = Singer()
AIRBYTE = Airbyte()
