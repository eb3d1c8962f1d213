"""The configured source instances: which streams they have, and which typed tables those become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.config import SourceConfig
from connectors.config import load_sources as load_configurations
from connectors.raw_store import StreamId
from connectors.registry import streams_of
from connectors.stream import Stream
from pipelines.workspace import Workspace


@dataclass(frozen=True)
class SourceInstance:
    """One account of one system, with the streams that it loads, parents before children."""

    config: SourceConfig
    streams: tuple[Stream, ...]

    @property
    def name(self) -> str:
        """How people, and asset keys, call it."""
        return self.config.label

    @property
    def system(self) -> str:
        """The vendor, and the schema of its typed tables."""
        return self.config.system

    def typed_table(self, stream: str) -> str:
        """Table of a stream's typed rows: `salesforce.opportunities`."""
        return f"{self.system}.{stream}"

    def stream_id(self, stream: str) -> StreamId:
        """Where a stream's loads are in the raw store."""
        return StreamId(self.system, self.config.account, stream)


def load_sources(
    workspace: Workspace, environment: Mapping[str, str] | None = None
) -> tuple[SourceInstance, ...]:
    """The instances that the workspace's folder of sources describes; none where there is no such folder.

    Raises:
        ConfigurationError: a file is wrong; names the file and the field.
    """
    if not workspace.sources.is_dir():
        return ()
    return tuple(
        SourceInstance(config, streams_of(config)) for config in load_configurations(workspace.sources)
    )
