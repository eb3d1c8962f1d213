"""Systems → raw records: declared streams, read whole and once, kept as they came, typed on purpose.

::

    from connectors.config import load_source
    from connectors.raw_store import RawStore
    from connectors.state import StateStore
    from connectors.sync import sync_source

    source = load_source("sources/jira.yml")
    result = sync_source(source, RawStore(home, runtime), StateStore(home / "state.sqlite"), clock)

Knows HTTP and files; knows no metric and no Dagster.
"""

from __future__ import annotations

__version__ = "0.1.0"
