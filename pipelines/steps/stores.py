"""The raw store and the streams' state of an installation, wherever they are."""

from __future__ import annotations

from connectors.raw_store import RawStore
from connectors.runtime import Runtime
from connectors.state import StateStore
from connectors.stores import open_raw_store, open_states
from pipelines.workspace import Workspace


def raw_store(workspace: Workspace, runtime: Runtime | None = None) -> RawStore:
    """All loads.

    Raises:
        ConfigurationError: VITALS_RAW_STORE cannot be understood.
    """
    return open_raw_store(workspace.raw_url, workspace.raw_store, runtime or Runtime(clock=workspace.clock))


def states(workspace: Workspace, runtime: Runtime | None = None) -> StateStore:
    """What streams remember between loads.

    Raises:
        ConfigurationError: VITALS_RAW_STORE cannot be understood.
    """
    return open_states(workspace.raw_url, workspace.state, runtime or Runtime(clock=workspace.clock))
