"""The configured source instances: which streams they have, and which typed tables those become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from connectors.config import SourceConfig
from connectors.config import load_sources as load_configurations
from connectors.raw_store import StreamId
from connectors.registry import streams_of
from connectors.settings import LoadSettings
from connectors.stream import Stream
from connectors.traffic import HttpLimits
from definitions.settings import ConnectorSettings
from pipelines.workspace import Workspace


@dataclass(frozen=True)
class SourceInstance:
    """One account of one system, with the streams that it loads, parents before children."""

    config: SourceConfig
    streams: tuple[Stream, ...]
    settings: LoadSettings = field(default_factory=LoadSettings)

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

    def asset(self, stream: str) -> str:
        """How health and checks call a stream of this account: `salesforce.opportunities`."""
        return f"{self.name}.{stream}"

    def with_settings(self, settings: ConnectorSettings) -> SourceInstance:
        """The same source under the installation's settings."""
        return replace(self, settings=load_settings(settings))

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


def load_settings(settings: ConnectorSettings) -> LoadSettings:
    """The registry's values as the connectors take them: a setting and its field have one name."""
    given = settings.model_dump()
    http = {one.name: given[one.name] for one in fields(HttpLimits) if one.name in given}
    own = {one.name: given[one.name] for one in fields(LoadSettings) if one.name in given}
    return LoadSettings(**own, http=HttpLimits(**http, body_bytes=settings.body_mebibytes << 20))
