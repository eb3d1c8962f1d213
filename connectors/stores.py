"""Where loads and what streams remember are kept: a folder, or an object storage for more than one machine."""

from __future__ import annotations

from pathlib import Path

from connectors.object_store import ObjectRawStore, ObjectStateStore
from connectors.objects import Objects, is_object_url
from connectors.raw_store import RawStore
from connectors.runtime import Runtime
from connectors.state import StateStore


def open_raw_store(place: str, spool: Path, runtime: Runtime) -> RawStore:
    """The raw store at `place`: an URL such as `s3://bucket/prefix`, or empty for the folder `spool` itself.

    Raises:
        ConfigurationError: the URL cannot be understood.
    """
    return (
        ObjectRawStore(Objects(place), spool, runtime) if is_object_url(place) else RawStore(spool, runtime)
    )


def open_states(place: str, file: Path, runtime: Runtime) -> StateStore:
    """What streams remember: beside the loads in an object storage, else in the SQLite file `file`.

    Raises:
        ConfigurationError: the URL cannot be understood.
    """
    return ObjectStateStore(Objects(place), runtime) if is_object_url(place) else StateStore(file)
